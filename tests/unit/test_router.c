/* A router: what is known of it, what its bridge should hold, and what is
 * made of what the bridge tells. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/engine/router_desired.h"
#include "controller/engine/router_send.h"
#include "flows/flow_base.h"

static void
a_stack_of_tags_names_its_segments(void **state)
{
    struct fh_vlan vlans[] = {
        { .n = 1, .vids = { 7 } }, { .n = 2, .vids = { 7, 8 } },
    };
    struct segment a = { .vlans = vlans, .n_vlans = 2 };
    struct segment b = { .vlans = vlans, .n_vlans = 1 };
    struct segment *segments[] = { &a, &b };
    struct router router = { .segments = segments, .n_segments = 2 };
    struct fh_vlan untagged = { .n = 0 }, other = { .n = 1, .vids = { 8 } };
    const struct router_stack *stack;

    router_index_stacks(&router);
    assert_int_equal(router.n_stacks, 3);
    stack = router_find_stack(&router, &vlans[0]);
    assert_non_null(stack);
    assert_int_equal(stack[0].segment, 0);
    assert_int_equal(stack[1].segment, 1);
    assert_int_equal(stack[0].tags, stack[1].tags);
    stack = router_find_stack(&router, &vlans[1]);
    assert_non_null(stack);
    assert_int_equal(stack->segment, 0);
    assert_null(router_find_stack(&router, &untagged));
    assert_null(router_find_stack(&router, &other));
    free(router.stacks);
}

/* A router of two ports and one segment. */
struct one_segment {
    struct config_router router_config;
    struct config_segment segment_config;
    struct segment segment, *segments[1];
    struct router_port ports[2];
    struct router router;
};

static void
one_segment_init(struct one_segment *s)
{
    memset(s, 0, sizeof *s);
    s->router_config.n_access_ports = 2;
    s->segment_config.limits.learned = 65536;
    s->segment_config.limits.learned_per_port = 4096;
    s->segment_config.limits.requests_per_s = 1000;
    s->segment_config.probe.interval_ms = 1000;
    s->segment.config = &s->segment_config;
    s->segments[0] = &s->segment;
    s->ports[0].number = 1;
    s->ports[1].number = 2;
    s->router = (struct router) {
        .config = &s->router_config, .ports = s->ports,
        .segments = s->segments, .n_segments = 1,
    };
}

static void
all_punts_leave_room_for_every_answer_and_request(void **state)
{
    struct one_segment s;

    one_segment_init(&s);
    assert_int_equal(router_punts_pps(&s.router), 2 * (4096 + 1000));
    s.segment_config.probe.interval_ms = 100;
    assert_int_equal(router_punts_pps(&s.router), 2 * (40960 + 1000));
    s.ports[1].number = 0;                  /* The bridge has none such. */
    assert_int_equal(router_punts_pps(&s.router), 40960 + 1000);
}

static void
all_punts_leave_room_for_clients_beyond_the_limits(void **state)
{
    struct one_segment s;

    one_segment_init(&s);
    s.segment.n_clients = 100000;           /* Configured. */
    assert_int_equal(router_punts_pps(&s.router), 100000 + 2 * 5096);
    s.segment.n_learned = 10000;            /* Of them; more than now may. */
    assert_int_equal(router_punts_pps(&s.router), 100000 + 2 * 1000);
    s.segment_config.limits.learned = 5000;
    s.segment.n_clients = s.segment.n_learned = 0;
    assert_int_equal(router_punts_pps(&s.router), 5000 + 2 * 1000);
}

static void
all_punts_have_a_bound(void **state)
{
    struct one_segment s;

    one_segment_init(&s);
    s.segment.n_clients = UINT32_MAX;
    s.segment_config.probe.interval_ms = 10;
    assert_int_equal(router_punts_pps(&s.router), 1000000);
}

static void
meters_are_outgrown_by_clients_beyond_their_headroom(void **state)
{
    struct one_segment s;

    one_segment_init(&s);
    assert_true(router_has_outgrown_meters(&s.router));     /* Never set. */
    s.router.metered_pps = 1000 + 2 * 4096;
    s.segment.n_clients = 4096;
    assert_false(router_has_outgrown_meters(&s.router));
    s.segment.n_clients = 4096 + 1149;      /* A quarter more. */
    assert_false(router_has_outgrown_meters(&s.router));
    s.segment.n_clients++;
    assert_true(router_has_outgrown_meters(&s.router));
}

static void
ports_are_found_by_name(void **state)
{
    struct of_port ports[] = {
        { .number = 7, .up = true, .name = "a-access" },
        { .number = 8, .name = "b-access" },
    };
    char *names[] = { (char *) "b-access", (char *) "a-access" };
    struct one_segment s;

    one_segment_init(&s);
    s.router_config.access_ports = names;
    router_set_ports(&s.router, ports, 2);
    assert_true(s.ports[0].number == 8 && !s.ports[0].up);
    assert_true(s.ports[1].number == 7 && s.ports[1].up);
    router_set_ports(&s.router, ports, 1);
    assert_true(!s.ports[0].number && !s.ports[0].up);
    free(s.router.bridge_ports);
}

/* What meters drop. */

static void
say_drops(struct router *router, uint32_t meter, uint64_t packets,
          int64_t now_us)
{
    struct of_meter_drops drops = { meter, packets };

    router_note_drops(router, &drops, 1, now_us);
}

static void
drops_on_a_port_are_no_evidence_on_another(void **state)
{
    struct one_segment s;

    one_segment_init(&s);
    s.router.box = outbox_create(&s.router);
    say_drops(&s.router, FLOW_METER_REPLIES(2), 10, 1000);
    say_drops(&s.router, FLOW_METER_REPLIES(2), 11, 2000);
    assert_int_equal(router_evidence(&s.router, 1).dropped_us, 0);
    assert_int_equal(router_evidence(&s.router, 2).dropped_us, 2000);
    assert_int_equal(router_evidence(&s.router, 0).dropped_us, 2000);
    say_drops(&s.router, FH_METER_CONTROLLER, 0, 3000);
    say_drops(&s.router, FH_METER_CONTROLLER, 1, 4000);
    assert_int_equal(router_evidence(&s.router, 1).dropped_us, 4000);
    say_drops(&s.router, FLOW_METER_REPLIES(3), 3, 5000);   /* No port's. */
    assert_false(s.ports[0].drops.known);
    outbox_destroy(s.router.box);
}

/* By somebody else; one that he has made is not ours. */
static void
meters_that_are_set_otherwise_are_counted(void **state)
{
    struct fh_meter found[] = { { 19, 10, 10 }, { 20, 30, 20 }, { 99, 1, 1 } };
    struct fh_meter sent[] = { { 19, 10, 10 }, { 20, 20, 20 } };
    struct router router = { .meters = sent, .n_meters = 2 };

    assert_int_equal(router_count_wrong_meters(&router, found, 3), 0);
    router.meters_asked = true;         /* Since they were sent. */
    assert_int_equal(router_count_wrong_meters(&router, found, 3), 1);
    found[1].rate_pps = 20;
    assert_int_equal(router_count_wrong_meters(&router, found, 3), 0);
    found[0].burst = 11;
    assert_int_equal(router_count_wrong_meters(&router, found, 3), 1);
}

/* What a bridge holds is taken off it as it was sent, wherever the client and
 * the uplink have gone to since. */
static void
a_holding_outlives_what_it_was_made_from(void **state)
{
    struct uplink uplink = { .view = { .port = 9 } };
    struct member member = { .uplink = &uplink };
    struct fh_client view, held;
    struct fh_uplink at;
    struct client_key key = { .segment = 1 };
    struct clients *clients = clients_create();
    struct one_segment s;
    struct client *c;

    one_segment_init(&s);
    member.router = &s.router;
    s.segment.members = &member;
    s.segment.n_members = 1;
    c = clients_add(clients, &s.segment, key, 1);
    c->mac = (struct eth_addr) { .ea = { 2, 0, 0, 0, 1, 1 } };
    c->decision = 7;
    c->reaches[0].port = 1;
    assert_true(router_holds_wrong(c, 0));          /* Nothing yet. */
    assert_false(router_held_view(c, 0, &held, &at));
    assert_true(router_client_view(c, 0, &view));
    c->holdings[0] = (struct holding) { 1, 9, 7, c->mac };
    assert_false(router_holds_wrong(c, 0));

    c->mac.ea[5] = 2;
    assert_true(router_holds_wrong(c, 0));
    c->mac.ea[5] = 1;
    c->reaches[0].port = 2;
    assert_true(router_holds_wrong(c, 0));
    c->reaches[0].port = 1;
    uplink.view.port = 10;
    assert_true(router_holds_wrong(c, 0));

    memset(&c->mac, 0, sizeof c->mac);
    c->decision = 8;
    c->reaches[0].port = 2;
    assert_false(router_client_view(c, 0, &view));  /* No MAC. */
    assert_true(router_held_view(c, 0, &held, &at));
    assert_int_equal(held.mac.ea[5], 1);
    assert_int_equal(held.port, 1);
    assert_int_equal(held.uplink->port, 9);
    assert_int_equal(held.decision, 7);
    client_forget_holding(c, 0);
    assert_false(router_held_view(c, 0, &held, &at));
    clients_destroy(clients);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stack_of_tags_names_its_segments),
        cmocka_unit_test(all_punts_leave_room_for_every_answer_and_request),
        cmocka_unit_test(all_punts_leave_room_for_clients_beyond_the_limits),
        cmocka_unit_test(all_punts_have_a_bound),
        cmocka_unit_test(
            meters_are_outgrown_by_clients_beyond_their_headroom),
        cmocka_unit_test(ports_are_found_by_name),
        cmocka_unit_test(drops_on_a_port_are_no_evidence_on_another),
        cmocka_unit_test(meters_that_are_set_otherwise_are_counted),
        cmocka_unit_test(a_holding_outlives_what_it_was_made_from),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
