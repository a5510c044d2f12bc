/* upstream_core: what core bridges are told, and when the takeover goes on. */
#include <config.h>

#include "controller/upstream/upstream_core.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <arpa/inet.h>

#include <firsthop/buf.h>

#include "controller/base/log.h"
#include "controller/net/router.h"
#include "tests/unit/fake_bridge.h"

#define N_BASE 2    /* Flows of a core without clients. */

/* The fixture: cores K and L, routers A and B. */

struct fixture {
    struct event_base *base;
    struct bridges *bridges;
    struct upstream *u;
    struct upstream_core_bridge cores[2];
    size_t n_cores;
    struct upstream_core_port core_ports[2][2];
    struct config_router router_configs[2];
    uint32_t segment;           /* Its number. */
    struct ofconn k, l;
    char told[128];             /* "10:1:ok " for each, in order. */
    char events[256];
};

static void
on_told(struct fh_addr client, uint32_t segment_id, uint32_t decision,
        bool ok, void *f_)
{
    struct fixture *f = f_;
    size_t len = strlen(f->told);

    assert_int_equal(segment_id, f->segment);
    snprintf(f->told + len, sizeof f->told - len, "%u:%u:%s ",
             ntohl(client.ip4) & 0xff, decision, ok ? "ok" : "failed");
}

static void
on_event(bool up, const char *detail, void *f_)
{
    struct fixture *f = f_;
    size_t len = strlen(f->events);

    snprintf(f->events + len, sizeof f->events - len, "%s%s. ",
             up ? "+" : "-", detail);
}

static void
set_up_config(struct fixture *f)
{
    static const char *const names[2] = { "K", "L" };
    static const char *const ports[2] = { "to-a", "to-b" };

    for (int i = 0; i < 2; i++) {
        struct config_router *router = &f->router_configs[i];

        router->name = (char *) (i ? "B" : "A");
        router->dpid = 0xa + i;
        router->mac = (struct eth_addr) { { { 2, 0, 0, 0, 0, 0xa + i } } };
        f->core_ports[0][i].router = f->core_ports[1][i].router = 0xa + i;
        f->core_ports[0][i].name = f->core_ports[1][i].name = ports[i];
        f->cores[i] = (struct upstream_core_bridge) {
            .name = names[i], .dpid = 0xc0 + i,
            .ports = f->core_ports[i], .n_ports = 2,
        };
    }
    f->n_cores = 1;
    f->segment = 5;
}

static void
set_up_bridge(struct ofconn *c, uint64_t dpid)
{
    c->dpid = dpid;
    c->n_ports = 2;
    c->ports[0] = (struct of_port) { .number = 1, .name = "to-a" };
    c->ports[1] = (struct of_port) { .number = 2, .name = "to-b" };
}

static void
end_turn(void *f_)
{
    struct fixture *f = f_;

    upstream_core_flush(f->u);
}

static int
setup(void **state)
{
    struct fixture *f = fh_xcalloc(1, sizeof *f);
    struct upstream_core_options options = { .told = on_told,
                                             .event = on_event, .aux = f };

    log_set_level(LOG_LVL_ERR);
    set_up_config(f);
    set_up_bridge(&f->k, 0xc0);
    set_up_bridge(&f->l, 0xc1);
    f->base = event_base_new();
    f->bridges = bridges_create(f->base, NULL, NULL, end_turn, f);
    options.base = f->base;
    options.bridges = f->bridges;
    f->u = upstream_core_create(&options);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    f->u->ops->destroy(f->u);
    bridges_destroy(f->bridges);
    event_base_free(f->base);
    fh_buf_destroy(&f->k.tx);
    fh_buf_destroy(&f->l.tx);
    free(f);
    return 0;
}

/* Runs the loop until nothing is left in it but what waits for longer than
 * it takes to settle. */
static void
settle(struct fixture *f)
{
    struct timeval tv = { 0, 20000 };

    event_base_loopexit(f->base, &tv);
    event_base_dispatch(f->base);
}

/* Connects and has its flows read. */
static struct ofxact *
connect_core(struct fixture *f, struct ofconn *c)
{
    struct ofxact *x;

    fake_identify(c);
    assert_true(c->taken);
    fake_ready(c);
    x = fake_last_xact;
    assert_ptr_equal(x->conn, c);
    assert_true(x->n == 1 && x->pending[0].is_dump);
    fake_confirm(x);
    upstream_core_flush(f->u);
    return x;
}

static struct fh_route
route(struct fixture *f, uint32_t host, size_t member, uint32_t decision)
{
    const struct config_router *router = &f->router_configs[member];

    return (struct fh_route) {
        .client = { htonl(0x0a000000 + host) },
        .segment = f->segment, .segment_name = "metro",
        .decision = decision,
        .dpid = router->dpid, .router_mac = router->mac,
    };
}

static bool
announce(struct fixture *f, uint32_t host, size_t member, uint32_t decision,
         enum fh_route_how how)
{
    struct fh_route r = route(f, host, member, decision);
    bool told = f->u->ops->announce(f->u, &r, how);

    upstream_core_flush(f->u);
    return told;
}

static void
withdraw(struct fixture *f, uint32_t host)
{
    struct fh_route r = route(f, host, 0, 0);

    f->u->ops->withdraw(f->u, &r);
    upstream_core_flush(f->u);
}

/* The port that the bridge sends the client's packets to, 0: as a switch. */
static uint32_t
port_of(const struct ofconn *c, uint32_t host)
{
    uint32_t port = 0;

    for (size_t i = 0; i < c->n_flows; i++) {
        const struct fh_flow *flow = &c->flows[i];

        if (flow->match.ip_dst == htonl(0x0a000000 + host)) {
            assert_int_equal(port, 0);
            port = flow->actions[flow->n_actions - 1].u.port;
        }
    }
    return port;
}

static void
a_new_bridge_becomes_a_switch(void **state)
{
    struct fixture *f = *state;
    struct ofxact *x;

    upstream_core_configure(f->u, f->cores, f->n_cores, 0);
    settle(f);
    x = connect_core(f, &f->k);
    fake_confirm_all(x);
    assert_int_equal(f->k.n_flows, N_BASE);
    assert_int_equal(f->k.flows[1].actions[0].u.port, FH_PORT_NORMAL);
    assert_string_equal(f->events, "+core K is there. ");
    assert_true(upstream_core_info(f->u, 0).connected);
}

static void
a_bridge_of_another_datapath_id_is_not_taken(void **state)
{
    struct fixture *f = *state;

    upstream_core_configure(f->u, f->cores, f->n_cores, 0);
    f->l.dpid = 0xdd;
    fake_identify(&f->l);
    assert_false(f->l.taken);
}

static void
the_takeover_goes_on_after_the_barrier(void **state)
{
    struct fixture *f = *state;
    struct ofxact *x;

    upstream_core_configure(f->u, f->cores, f->n_cores, 0);
    x = connect_core(f, &f->k);
    fake_confirm_all(x);
    assert_false(announce(f, 10, 0, 1, UPSTREAM_MOVED));
    assert_string_equal(f->told, "");
    fake_confirm(x);
    assert_string_equal(f->told, "10:1:ok ");
    assert_int_equal(port_of(&f->k, 10), 1);

    assert_false(announce(f, 10, 1, 2, UPSTREAM_MOVED));
    assert_int_equal(x->pending[0].changes.n, 1);
    assert_int_equal(x->pending[0].changes.items[0].op, FH_CHANGE_ADD);
    fake_confirm(x);
    assert_string_equal(f->told, "10:1:ok 10:2:ok ");
    assert_int_equal(port_of(&f->k, 10), 2);
}

static void
many_moves_in_one_turn_are_one_commit(void **state)
{
    struct fixture *f = *state;
    struct ofxact *x;

    upstream_core_configure(f->u, f->cores, f->n_cores, 0);
    x = connect_core(f, &f->k);
    fake_confirm_all(x);
    for (uint32_t host = 10; host < 20; host++) {
        struct fh_route r = route(f, host, 0, 1);

        assert_false(f->u->ops->announce(f->u, &r, UPSTREAM_MOVED));
    }
    upstream_core_flush(f->u);
    assert_int_equal(x->n, 1);
    assert_int_equal(x->pending[0].changes.n, 10);
    fake_confirm(x);
    assert_int_equal(strlen(f->told), 10 * strlen("10:1:ok "));
}

static void
every_core_must_confirm(void **state)
{
    struct fixture *f = *state;
    struct ofxact *k, *l;

    f->n_cores = 2;
    upstream_core_configure(f->u, f->cores, f->n_cores, 0);
    k = connect_core(f, &f->k);
    l = connect_core(f, &f->l);
    fake_confirm_all(k);
    fake_confirm_all(l);
    assert_false(announce(f, 10, 1, 1, UPSTREAM_MOVED));
    fake_confirm_all(l);
    assert_string_equal(f->told, "");
    fake_confirm_all(k);
    assert_string_equal(f->told, "10:1:ok ");
}

static void
without_a_core_there_is_nothing_to_wait_for(void **state)
{
    struct fixture *f = *state;
    struct ofxact *x;

    upstream_core_configure(f->u, f->cores, f->n_cores, 0);
    assert_true(announce(f, 10, 0, 1, UPSTREAM_MOVED));
    x = connect_core(f, &f->k);
    fake_confirm_all(x);
    assert_int_equal(port_of(&f->k, 10), 1);
    assert_string_equal(f->told, "");
}

static void
a_core_that_goes_lets_the_takeover_go_on(void **state)
{
    struct fixture *f = *state;
    struct ofxact *x;

    upstream_core_configure(f->u, f->cores, f->n_cores, 0);
    settle(f);
    x = connect_core(f, &f->k);
    fake_confirm_all(x);
    assert_false(announce(f, 10, 0, 1, UPSTREAM_MOVED));
    fake_confirm_all(x);
    assert_false(announce(f, 10, 1, 2, UPSTREAM_MOVED));
    fake_close(&f->k);
    assert_string_equal(f->told, "10:1:ok 10:2:failed ");
    assert_int_equal(port_of(&f->k, 10), 1);
    assert_string_equal(f->events, "+core K is there. -core K is gone. ");

    /* Its flow is put right when it returns; the base is right. */
    x = connect_core(f, &f->k);
    assert_int_equal(x->pending[0].changes.n, 1);
    fake_confirm_all(x);
    assert_int_equal(port_of(&f->k, 10), 2);
}

/* The same, before what was announced has been sent. */
static void
a_core_that_goes_before_the_flush_does_too(void **state)
{
    struct fixture *f = *state;
    struct fh_route r = route(f, 10, 0, 1);

    upstream_core_configure(f->u, f->cores, f->n_cores, 0);
    fake_confirm_all(connect_core(f, &f->k));
    assert_false(f->u->ops->announce(f->u, &r, UPSTREAM_MOVED));
    fake_close(&f->k);
    assert_string_equal(f->told, "10:1:failed ");
}

static void
what_is_right_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct ofxact *x;

    upstream_core_configure(f->u, f->cores, f->n_cores, 0);
    settle(f);
    x = connect_core(f, &f->k);
    fake_confirm_all(x);
    announce(f, 10, 0, 1, UPSTREAM_MOVED);
    fake_confirm_all(x);
    fake_close(&f->k);
    x = connect_core(f, &f->k);
    assert_int_equal(x->n, 0);
    assert_true(announce(f, 10, 0, 1, UPSTREAM_RESTORED));
    assert_true(announce(f, 10, 0, 1, UPSTREAM_REPEATED));
    assert_int_equal(x->n, 0);
}

/* Another daemon, which knows nothing yet, finds the bridge as it should
 * be. */
static void
after_a_restart_restored_routes_change_nothing(void **state)
{
    struct fixture *f = *state;
    struct upstream_core_options options = { f->base, f->bridges, on_told,
                                             on_event, f };
    struct ofxact *x;

    upstream_core_configure(f->u, f->cores, f->n_cores, 0);
    x = connect_core(f, &f->k);
    fake_confirm_all(x);
    announce(f, 10, 0, 1, UPSTREAM_MOVED);
    announce(f, 11, 1, 2, UPSTREAM_MOVED);
    announce(f, 12, 1, 3, UPSTREAM_MOVED);
    fake_confirm_all(x);
    f->u->ops->destroy(f->u);

    f->u = upstream_core_create(&options);
    upstream_core_configure(f->u, f->cores, f->n_cores, 0);
    x = connect_core(f, &f->k);
    assert_int_equal(x->n, 0);
    assert_true(announce(f, 10, 0, 1, UPSTREAM_RESTORED));
    assert_int_equal(x->n, 0);
    /* One that is not as it was left. */
    assert_false(announce(f, 11, 0, 4, UPSTREAM_RESTORED));
    fake_confirm_all(x);
    assert_int_equal(port_of(&f->k, 11), 1);
    /* One that nobody knows stays until all is settled. */
    assert_int_equal(port_of(&f->k, 12), 2);
    settle(f);
    fake_confirm(x);                 /* It is read again. */
    upstream_core_flush(f->u);
    fake_confirm_all(x);
    assert_int_equal(port_of(&f->k, 12), 0);
    assert_int_equal(port_of(&f->k, 10), 1);
    assert_int_equal(port_of(&f->k, 11), 1);
    assert_int_equal(f->k.n_flows, N_BASE + 2);
}

static void
withdrawn_is_removed(void **state)
{
    struct fixture *f = *state;
    struct ofxact *x;

    upstream_core_configure(f->u, f->cores, f->n_cores, 0);
    x = connect_core(f, &f->k);
    fake_confirm_all(x);
    announce(f, 10, 0, 1, UPSTREAM_MOVED);
    fake_confirm_all(x);
    withdraw(f, 10);
    withdraw(f, 11);
    fake_confirm_all(x);
    assert_int_equal(f->k.n_flows, N_BASE);
    assert_int_equal(upstream_core_routes(f->u), 0);
}

static void
withdrawn_while_it_is_read_is_removed(void **state)
{
    struct fixture *f = *state;
    struct ofxact *x;

    upstream_core_configure(f->u, f->cores, f->n_cores, 60000);
    x = connect_core(f, &f->k);
    fake_confirm_all(x);
    announce(f, 10, 0, 1, UPSTREAM_MOVED);
    announce(f, 11, 0, 1, UPSTREAM_MOVED);
    fake_confirm_all(x);
    fake_close(&f->k);
    fake_identify(&f->k);
    fake_ready(&f->k);
    x = fake_last_xact;
    withdraw(f, 10);
    withdraw(f, 11);
    assert_true(announce(f, 11, 0, 1, UPSTREAM_MOVED));
    fake_confirm(x);
    upstream_core_flush(f->u);
    fake_confirm_all(x);
    assert_int_equal(port_of(&f->k, 10), 0);
    assert_int_equal(port_of(&f->k, 11), 1);
}

static void
a_router_without_a_port_there_is_left_to_the_switch(void **state)
{
    struct fixture *f = *state;
    struct ofxact *x;

    f->cores[0].n_ports = 1;
    upstream_core_configure(f->u, f->cores, f->n_cores, 0);
    x = connect_core(f, &f->k);
    fake_confirm_all(x);
    assert_false(announce(f, 10, 0, 1, UPSTREAM_MOVED));
    fake_confirm_all(x);
    assert_false(announce(f, 10, 1, 2, UPSTREAM_MOVED));
    fake_confirm_all(x);
    assert_int_equal(port_of(&f->k, 10), 0);
    assert_true(announce(f, 10, 1, 3, UPSTREAM_MOVED));
}

static void
a_refusal_lets_the_takeover_go_on_and_is_read_again(void **state)
{
    struct fixture *f = *state;
    struct ofxact *x;

    upstream_core_configure(f->u, f->cores, f->n_cores, 0);
    x = connect_core(f, &f->k);
    fake_confirm_all(x);
    assert_false(announce(f, 10, 0, 1, UPSTREAM_MOVED));
    fake_end_first(x, EREMOTEIO);
    assert_string_equal(f->told, "10:1:failed ");
    bridges_tick(f->bridges, 10000);
    assert_int_equal(x->n, 0);
    bridges_tick(f->bridges, 11000);
    assert_true(x->n == 1 && x->pending[0].is_dump);
    fake_confirm(x);
    upstream_core_flush(f->u);
    fake_confirm_all(x);
    assert_int_equal(port_of(&f->k, 10), 1);
}

static void
a_port_with_another_number_is_followed(void **state)
{
    struct fixture *f = *state;
    struct ofxact *x;

    upstream_core_configure(f->u, f->cores, f->n_cores, 0);
    settle(f);
    x = connect_core(f, &f->k);
    fake_confirm_all(x);
    announce(f, 10, 0, 1, UPSTREAM_MOVED);
    fake_confirm_all(x);
    fake_port_changed(&f->k);
    assert_int_equal(x->n, 0);
    f->k.ports[0].number = 9;
    fake_port_changed(&f->k);
    fake_confirm(x);
    upstream_core_flush(f->u);
    fake_confirm_all(x);
    assert_int_equal(port_of(&f->k, 10), 9);
}

static void
the_newer_of_two_bridges_wins(void **state)
{
    struct fixture *f = *state;

    upstream_core_configure(f->u, f->cores, f->n_cores, 0);
    fake_confirm_all(connect_core(f, &f->k));
    f->l.dpid = f->k.dpid;
    fake_confirm_all(connect_core(f, &f->l));
    assert_true(f->k.closed);
    assert_false(announce(f, 10, 0, 1, UPSTREAM_MOVED));
    fake_close(&f->k);
    assert_string_equal(f->told, "");
    fake_confirm_all(fake_last_xact);
    assert_int_equal(port_of(&f->l, 10), 1);
}

static void
another_configuration_keeps_the_connection(void **state)
{
    struct fixture *f = *state;
    struct ofxact *x;

    upstream_core_configure(f->u, f->cores, f->n_cores, 0);
    settle(f);
    x = connect_core(f, &f->k);
    fake_confirm_all(x);
    announce(f, 10, 0, 1, UPSTREAM_MOVED);
    fake_confirm_all(x);
    upstream_core_configure(f->u, f->cores, f->n_cores, 0);
    assert_int_equal(x->n, 0);

    /* The ports change places. */
    f->core_ports[0][0].name = "to-b";
    f->core_ports[0][1].name = "to-a";
    upstream_core_configure(f->u, f->cores, f->n_cores, 0);
    fake_confirm(x);
    upstream_core_flush(f->u);
    fake_confirm_all(x);
    assert_int_equal(port_of(&f->k, 10), 2);
    assert_string_equal(f->events, "+core K is there. ");
}

static void
a_core_that_left_the_configuration_goes_on_as_a_switch(void **state)
{
    struct fixture *f = *state;
    struct ofxact *x;

    upstream_core_configure(f->u, f->cores, f->n_cores, 0);
    x = connect_core(f, &f->k);
    fake_confirm_all(x);
    announce(f, 10, 0, 1, UPSTREAM_MOVED);
    /* Not confirmed yet: whoever waits must not wait for ever. */
    f->n_cores = 0;
    upstream_core_configure(f->u, f->cores, f->n_cores, 0);
    assert_string_equal(f->told, "10:1:failed ");
    assert_int_equal(upstream_core_count(f->u), 0);
    assert_false(f->k.closed);
    assert_true(announce(f, 10, 1, 2, UPSTREAM_MOVED));
}

static void
the_segments_of_one_name_are_one_over_a_reload(void **state)
{
    struct fixture *f = *state;
    struct ofxact *x;

    upstream_core_configure(f->u, f->cores, f->n_cores, 0);
    x = connect_core(f, &f->k);
    fake_confirm_all(x);
    announce(f, 10, 0, 1, UPSTREAM_MOVED);
    fake_confirm_all(x);
    f->segment = 6;
    assert_true(announce(f, 10, 0, 1, UPSTREAM_RESTORED));
    assert_int_equal(upstream_core_routes(f->u), 1);
    withdraw(f, 10);
    fake_confirm_all(x);
    assert_int_equal(port_of(&f->k, 10), 0);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_bridge_becomes_a_switch),
        TEST(a_bridge_of_another_datapath_id_is_not_taken),
        TEST(the_takeover_goes_on_after_the_barrier),
        TEST(many_moves_in_one_turn_are_one_commit),
        TEST(every_core_must_confirm),
        TEST(without_a_core_there_is_nothing_to_wait_for),
        TEST(a_core_that_goes_lets_the_takeover_go_on),
        TEST(a_core_that_goes_before_the_flush_does_too),
        TEST(what_is_right_is_left_alone),
        TEST(after_a_restart_restored_routes_change_nothing),
        TEST(withdrawn_is_removed),
        TEST(withdrawn_while_it_is_read_is_removed),
        TEST(a_router_without_a_port_there_is_left_to_the_switch),
        TEST(a_refusal_lets_the_takeover_go_on_and_is_read_again),
        TEST(a_port_with_another_number_is_followed),
        TEST(the_newer_of_two_bridges_wins),
        TEST(another_configuration_keeps_the_connection),
        TEST(a_core_that_left_the_configuration_goes_on_as_a_switch),
        TEST(the_segments_of_one_name_are_one_over_a_reload),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
