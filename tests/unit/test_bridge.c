/* bridge: one bridge whose flows are kept right. */
#include <config.h>

#include "controller/bridge/bridge.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <firsthop/buf.h>
#include <firsthop/snapshot.h>

#include "controller/base/log.h"
#include "tests/unit/fake_bridge.h"

#define N_MANY 10100            /* More flows than are listed at once. */

/* An owner that wants the flows of 'wanted', one a bit. */
struct fixture {
    struct bridges *bridges;
    struct bridge *bridge;
    struct fh_bridge_counters counters;
    struct ofconn conn, other;
    unsigned int wanted;
    bool keep;                  /* Whatever else it has. */
    size_t n_counted, n_turns;
    char log[256];
};

static void __attribute__((format(printf, 2, 3)))
note(struct fixture *f, const char *format, ...)
{
    size_t len = strlen(f->log);
    va_list args;

    va_start(args, format);
    vsnprintf(f->log + len, sizeof f->log - len, format, args);
    va_end(args);
}

static void
assert_log(struct fixture *f, const char *expected)
{
    assert_string_equal(f->log, expected);
    f->log[0] = '\0';
}

static struct fh_flow
flow(unsigned int number)
{
    struct fh_flow flow;

    memset(&flow, 0, sizeof flow);
    flow.cookie = fh_cookie(FH_KIND_BASE, 0);
    flow.table = 1;
    flow.priority = number;
    return flow;
}

static void
on_up(void *f)
{
    note(f, "up ");
}

static void
on_down(void *f, const char *reason)
{
    note(f, "down ");
}

static void
on_counted(void *f_, const struct fh_flow *flow)
{
    struct fixture *f = f_;

    f->n_counted++;
    if (flow->n_packets > 1) {
        note(f, "%u=%u ", flow->priority, (unsigned int) flow->n_packets);
    }
}

static void
put_flow(const struct fh_flow *flow, void *set)
{
    flow_set_put(set, flow);
}

static struct flow_set *
on_desired(void *f_, const struct flow_set *found, bool first)
{
    struct fixture *f = f_;
    struct flow_set *set = flow_set_create();

    note(f, "%s:%zu ", first ? "first" : "again", flow_set_count(found));
    for (unsigned int i = 0; i < 8; i++) {
        if (f->wanted & 1u << i) {
            struct fh_flow one = flow(i);

            flow_set_put(set, &one);
        }
    }
    if (f->keep) {
        flow_set_for_each(found, put_flow, set);
    }
    return set;
}

static void
on_read(void *f, bool first)
{
    note(f, "read ");
}

static void
on_repaired(void *f, size_t n)
{
    note(f, "repaired:%zu ", n);
}

static bool
on_message(void *f, const struct of_message *msg)
{
    note(f, "%s ", msg->type == OF_PACKET_IN ? "frame" : "message");
    return true;
}

static void
on_confirmed(void *f, uint64_t token, bool ok)
{
    note(f, "%u:%s ", (unsigned int) token, ok ? "ok" : "failed");
}

static const struct bridge_ops ops = {
    .up = on_up, .down = on_down, .counted = on_counted, .desired = on_desired,
    .read = on_read, .repaired = on_repaired, .message = on_message, .confirmed = on_confirmed,
};

static void
begin_turn(void *f_)
{
    struct fixture *f = f_;

    f->n_turns++;
}

static void
end_turn(void *f_)
{
    struct fixture *f = f_;

    if (f->bridge) {
        bridge_commit(f->bridge);
    }
}

static void
create_bridge(struct fixture *f)
{
    struct bridge_options options = {
        .dpid = 0xa, .kind = "router", .name = "A", .reread_ms = 5000,
        .counters = &f->counters,
    };

    f->bridge = bridge_create(f->bridges, &options, &ops, f);
}

static int
setup(void **state)
{
    struct fixture *f = fh_xcalloc(1, sizeof *f);

    log_set_level(LOG_LVL_ERR);
    f->conn.dpid = f->other.dpid = 0xa;
    f->bridges = bridges_create(NULL, NULL, begin_turn, end_turn, f);
    create_bridge(f);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    bridge_destroy(f->bridge);
    bridges_destroy(f->bridges);
    fh_buf_destroy(&f->conn.tx);
    fh_buf_destroy(&f->other.tx);
    free(f);
    return 0;
}

static struct ofxact *
connect_bridge(struct fixture *f, struct ofconn *conn)
{
    fake_identify(conn);
    fake_ready(conn);
    fake_confirm(fake_last_xact);
    end_turn(f);
    fake_confirm_all(fake_last_xact);
    return fake_last_xact;
}

static void
send_frame(struct ofconn *conn)
{
    struct of_message msg = { .type = OF_PACKET_IN };

    fake_message(conn, &msg);
}

static void
commit_one(struct fixture *f, unsigned int number, uint64_t token)
{
    struct fh_flow one = flow(number);

    f->wanted |= 1u << number;
    fh_changes_add(bridge_changes(f->bridge), FH_CHANGE_ADD, &one);
    bridge_await(f->bridge, token);
    bridge_commit(f->bridge);
}

static void
what_is_wrong_is_changed_when_it_comes(void **state)
{
    struct fixture *f = *state;

    f->wanted = 3;
    f->conn.flows[f->conn.n_flows++] = flow(1);
    f->conn.flows[f->conn.n_flows++] = flow(7);
    connect_bridge(f, &f->conn);
    assert_log(f, "up first:2 read ");
    assert_true(f->conn.monitors);
    assert_int_equal(f->conn.n_flows, 2);
    assert_int_equal(f->counters.commits, 1);
}

static void
frames_before_the_first_reading_are_nobodys(void **state)
{
    struct fixture *f = *state;

    fake_identify(&f->conn);
    fake_ready(&f->conn);
    send_frame(&f->conn);
    assert_log(f, "up ");
    fake_confirm(fake_last_xact);
    send_frame(&f->conn);
    assert_log(f, "first:0 read frame ");
}

static void
a_bridge_that_is_read_again_goes_on_serving(void **state)
{
    struct fixture *f = *state;
    struct ofxact *x = connect_bridge(f, &f->conn);

    f->log[0] = '\0';
    bridge_read_again(f->bridge);
    assert_true(x->n == 1 && x->pending[0].is_dump);
    assert_true(bridge_serves(f->bridge));
    send_frame(&f->conn);
    commit_one(f, 2, 7);        /* The reading does not show it. */
    fake_confirm(x);
    assert_log(f, "frame again:0 read ");
    end_turn(f);
    fake_confirm_all(x);
    assert_log(f, "7:ok ");
    assert_int_equal(f->conn.n_flows, 1);
}

static void
a_turn_begins_once_a_wake_up(void **state)
{
    struct fixture *f = *state;

    connect_bridge(f, &f->conn);
    assert_int_equal(f->n_turns, 1);
    fake_idle();
    assert_int_equal(f->n_turns, 1);
    send_frame(&f->conn);
    send_frame(&f->conn);
    fake_port_changed(&f->conn);
    assert_int_equal(f->n_turns, 2);
    fake_idle();
    fake_close(&f->conn);       /* Is a turn of its own. */
    send_frame(&f->conn);
    assert_int_equal(f->n_turns, 3);
}

static void
a_reading_waits_for_what_is_under_way(void **state)
{
    struct fixture *f = *state;
    struct ofxact *x = connect_bridge(f, &f->conn);

    f->log[0] = '\0';
    commit_one(f, 2, 7);
    bridge_read_again(f->bridge);
    bridge_read_again(f->bridge);
    assert_int_equal(x->n, 1);
    fake_confirm(x);
    assert_true(x->n == 1 && x->pending[0].is_dump);
    fake_confirm(x);
    assert_log(f, "7:ok again:1 read ");
    assert_false(bridge_is_busy(f->bridge));
}

static void
a_reading_asked_for_during_another_follows_it(void **state)
{
    struct fixture *f = *state;
    struct ofxact *x = connect_bridge(f, &f->conn);

    f->log[0] = '\0';
    bridge_read_again(f->bridge);
    bridge_read_again(f->bridge);
    assert_int_equal(x->n, 1);
    fake_confirm(x);
    assert_true(x->n == 1 && x->pending[0].is_dump);
    fake_confirm(x);
    assert_int_equal(x->n, 0);
    assert_log(f, "again:0 read again:0 read ");
}

static void
what_is_refused_is_read_again_not_too_soon(void **state)
{
    struct fixture *f = *state;
    struct ofxact *x = connect_bridge(f, &f->conn);

    f->log[0] = '\0';
    commit_one(f, 2, 7);
    fake_end_first(x, EREMOTEIO);
    assert_log(f, "7:failed ");
    assert_int_equal(f->counters.commits_failed, 1);
    bridges_tick(f->bridges, 100000);
    bridges_tick(f->bridges, 104999);
    assert_int_equal(x->n, 0);
    bridges_tick(f->bridges, 105000);
    fake_confirm(x);
    end_turn(f);
    fake_confirm_all(x);
    assert_log(f, "again:0 read ");
    assert_int_equal(f->conn.n_flows, 1);
}

static void
say_changed(struct ofconn *conn)
{
    struct of_message msg = { .type = OF_FLOWS_CHANGED };

    msg.flows_changed.n = 1;
    fake_message(conn, &msg);
}

/* And looked at again, until nothing is found. */
static void
what_others_have_changed_is_put_right(void **state)
{
    struct fixture *f = *state;
    struct ofxact *x;

    f->wanted = 3;
    x = connect_bridge(f, &f->conn);
    f->log[0] = '\0';
    bridges_tick(f->bridges, 100000);
    assert_int_equal(x->n, 0);
    f->conn.n_flows = 0;
    say_changed(&f->conn);
    bridges_tick(f->bridges, 100100);
    fake_confirm(x);
    end_turn(f);
    fake_confirm_all(x);
    assert_log(f, "again:0 repaired:2 read ");
    assert_int_equal(f->conn.n_flows, 2);
    assert_int_equal(f->counters.flows_repaired, 2);
    bridges_tick(f->bridges, 101099);
    assert_int_equal(x->n, 0);
    bridges_tick(f->bridges, 101100);
    fake_confirm_all(x);
    assert_log(f, "again:2 repaired:0 read ");
    bridges_tick(f->bridges, 105000);
    assert_int_equal(x->n, 0);
}

static void
a_bridge_is_looked_at_without_a_reason_now_and_then(void **state)
{
    struct fixture *f = *state;
    struct ofxact *x = connect_bridge(f, &f->conn);

    f->log[0] = '\0';
    bridges_tick(f->bridges, 100000);
    bridges_tick(f->bridges, 109999);
    assert_int_equal(x->n, 0);
    bridges_tick(f->bridges, 110000);
    fake_confirm_all(x);
    assert_log(f, "again:0 repaired:0 read ");
}

/* The first list is for its owner to look at as a whole. */
static void
what_flows_have_counted_is_told_as_it_comes(void **state)
{
    struct fixture *f = *state;
    struct ofxact *x;

    f->wanted = 2;
    f->conn.flows[f->conn.n_flows] = flow(1);
    f->conn.flows[f->conn.n_flows++].n_packets = 5;
    x = connect_bridge(f, &f->conn);
    assert_log(f, "up first:1 read ");
    f->conn.flows[0].n_packets = 7;
    bridge_read_again(f->bridge);
    fake_confirm_all(x);
    assert_log(f, "1=7 again:1 read ");
}

/* A client's flow towards it, as far as counts are concerned. */
static struct fh_flow
client_flow(uint32_t address)
{
    struct fh_flow one = flow(0);

    one.cookie = fh_cookie(FH_KIND_CLIENT, 7);
    one.table = FH_TABLE_CLIENT;
    one.match.fields = FH_F_REG(1);
    one.match.regs[1] = address;
    one.n_packets = 1;
    return one;
}

/* Each is told once in a round of parts, a part a second: those from clients
 * and, half a second later, those to them. */
static void
counts_of_many_flows_are_told_part_by_part(void **state)
{
    struct fixture *f = *state;
    struct ofxact *x;

    /* Four parts: two would have more than 5,000 each. */
    for (uint32_t i = 0; i < N_MANY; i++) {
        f->conn.flows[f->conn.n_flows++] = client_flow(0x0a000000 + i);
    }
    f->keep = true;
    x = connect_bridge(f, &f->conn);
    bridges_tick(f->bridges, 100000);
    for (unsigned int i = 0; i < 8; i++) {
        size_t before = f->n_counted;

        assert_int_equal(x->n, 1);
        fake_confirm_all(x);
        if (x->pending[0].filter.table == FH_TABLE_CLIENT) {
            assert_in_range(f->n_counted - before, N_MANY / 4,
                            N_MANY / 4 + 1);
        } else {
            assert_int_equal(f->n_counted, before);
        }
        bridges_tick(f->bridges, 100499 + 500 * i);
        assert_int_equal(x->n, 0);
        bridges_tick(f->bridges, 100500 + 500 * i);
    }
    assert_int_equal(f->n_counted, N_MANY);
    fake_confirm_all(x);
}

/* Whatever it had when it came. */
static void
one_that_has_been_given_many_flows_is_not_listed_at_once(void **state)
{
    struct fixture *f = *state;
    struct ofxact *x = connect_bridge(f, &f->conn);

    f->keep = true;
    bridges_tick(f->bridges, 100000);
    for (unsigned int i = 0; i < N_MANY; i++) {
        struct fh_flow one = flow(i);

        fh_changes_add(bridge_changes(f->bridge), FH_CHANGE_ADD, &one);
    }
    bridge_commit(f->bridge);
    fake_confirm_all(x);
    bridges_tick(f->bridges, 111000);
    assert_int_equal(x->n, 1);
    assert_true(x->pending[0].filter.reg_mask); /* A part of them. */
}

/* The list does not show what was sent since. */
static void
our_own_changes_meanwhile_are_nobodys(void **state)
{
    struct fixture *f = *state;
    struct ofxact *x = connect_bridge(f, &f->conn);

    f->log[0] = '\0';
    bridges_tick(f->bridges, 100000);
    say_changed(&f->conn);
    bridges_tick(f->bridges, 100100);
    f->wanted = 4;
    commit_one(f, 2, 7);
    fake_confirm_all(x);
    end_turn(f);
    fake_confirm_all(x);
    assert_log(f, "again:0 read 7:ok ");
    assert_int_equal(f->counters.flows_repaired, 0);
    bridges_tick(f->bridges, 100200);
    fake_confirm_all(x);
    assert_log(f, "again:1 repaired:0 read ");
}

static void
what_is_under_way_fails_before_the_going_is_told(void **state)
{
    struct fixture *f = *state;

    connect_bridge(f, &f->conn);
    f->log[0] = '\0';
    commit_one(f, 2, 7);
    bridge_await(f->bridge, 8);
    fake_close(&f->conn);
    assert_log(f, "7:failed 8:failed down ");
    assert_false(bridge_is_there(f->bridge));
    bridge_await(f->bridge, 9);
    bridge_commit(f->bridge);
    assert_log(f, "9:failed ");
}

static void
the_newer_connection_wins(void **state)
{
    struct fixture *f = *state;

    connect_bridge(f, &f->conn);
    connect_bridge(f, &f->other);
    assert_true(f->conn.closed);
    assert_log(f, "up first:0 read down up first:0 read ");
    assert_int_equal(f->counters.dpid_takeovers, 1);
    fake_close(&f->conn);       /* Told late, and of no meaning. */
    assert_log(f, "");
}

static void
a_datapath_id_may_need_a_certificate(void **state)
{
    struct fixture *f = *state;
    struct bridge_options options = {
        .dpid = 0xa, .kind = "router", .name = "A", .common_name = "br-a",
        .counters = &f->counters,
    };

    bridge_set_options(f->bridge, &options);
    fake_identify(&f->conn);            /* Has none. */
    assert_true(f->conn.closed && !f->conn.taken);
    f->other.peer_name = "br-b";
    fake_identify(&f->other);
    assert_true(f->other.closed && !f->other.taken);
    f->other.closed = false;
    f->other.peer_name = "br-a";
    connect_bridge(f, &f->other);
    assert_log(f, "up first:0 read ");
    f->conn.closed = false;             /* Nor does it take the place. */
    fake_identify(&f->conn);
    assert_true(f->conn.closed && bridge_serves(f->bridge));
    assert_int_equal(f->counters.dpid_takeovers, 0);
}

static void
what_is_disowned_is_not_told(void **state)
{
    struct fixture *f = *state;
    struct ofxact *x = connect_bridge(f, &f->conn);

    commit_one(f, 2, 7);
    f->log[0] = '\0';
    bridge_disown(f->bridge);
    fake_confirm(x);
    assert_log(f, "");
    commit_one(f, 3, 8);
    fake_confirm(x);
    assert_log(f, "8:ok ");
}

static void
one_that_confirms_nothing_is_closed(void **state)
{
    struct fixture *f = *state;

    connect_bridge(f, &f->conn);
    commit_one(f, 2, 7);
    bridges_tick(f->bridges, 100000);
    bridges_tick(f->bridges, 110000);
    assert_false(f->conn.closed);
    bridges_tick(f->bridges, 110001);
    assert_true(f->conn.closed);
}

static void
who_refuses_changes_is_a_problem_that_can_be_mended(void **state)
{
    struct fixture *f = *state;
    struct ofxact *x = connect_bridge(f, &f->conn);
    const char *problem;

    assert_null(bridges_problem(f->bridges, 0));
    commit_one(f, 2, 7);
    fake_end_first(x, EREMOTEIO);
    problem = bridges_problem(f->bridges, 0);
    assert_non_null(problem);
    assert_non_null(strstr(problem, "router A"));
    assert_non_null(strstr(problem, "ovs-vsctl set bridge"));
    assert_null(bridges_problem(f->bridges, 1));

    commit_one(f, 3, 8);
    fake_confirm(x);
    assert_null(bridges_problem(f->bridges, 0));
}

/* It has had a master before, or not, and so many flows. */
static void
come_back(struct fixture *f, bool had_master, size_t n_flows)
{
    f->conn.had_master = had_master;
    f->conn.n_flows = n_flows;
    fake_identify(&f->conn);
    fake_ready(&f->conn);
    fake_confirm(fake_last_xact);
    end_turn(f);
    fake_confirm_all(fake_last_xact);
}

static void
assert_fails_open(struct fixture *f, bool expected)
{
    const char *problem = bridges_problem(f->bridges, 0);

    assert_int_equal(problem != NULL, expected);
    if (expected) {
        assert_non_null(strstr(problem, "router A"));
        assert_non_null(strstr(problem, "set-fail-mode BRIDGE secure"));
        assert_null(bridges_problem(f->bridges, 1));
    }
}

static void
one_that_lost_its_flows_and_was_not_restarted_fails_open(void **state)
{
    struct fixture *f = *state;

    f->wanted = 1;
    come_back(f, true, 0);      /* After a start of the daemon. */
    assert_fails_open(f, true);
    fake_close(&f->conn);
    assert_fails_open(f, true);
    come_back(f, true, 1);
    assert_fails_open(f, false);
}

static void
one_that_was_restarted_does_not(void **state)
{
    struct fixture *f = *state;

    f->wanted = 1;
    come_back(f, false, 0);
    assert_fails_open(f, false);
    fake_close(&f->conn);
    come_back(f, false, 0);
    assert_fails_open(f, false);
}

static void
nor_does_one_that_was_away_for_a_moment(void **state)
{
    struct fixture *f = *state;

    f->wanted = 1;
    come_back(f, false, 0);
    bridges_tick(f->bridges, 100000);
    fake_close(&f->conn);
    bridges_tick(f->bridges, 102700);
    come_back(f, true, 0);      /* set-controller, say. */
    assert_fails_open(f, false);
    fake_close(&f->conn);
    bridges_tick(f->bridges, 105500);
    come_back(f, true, 0);
    assert_fails_open(f, true);
}

static void
flows_that_cannot_be_read_end_the_connection(void **state)
{
    struct fixture *f = *state;

    fake_identify(&f->conn);
    fake_ready(&f->conn);
    fake_end_first(fake_last_xact, EREMOTEIO);
    assert_true(f->conn.closed);
    assert_false(bridge_serves(f->bridge));
}

static void
be_told_of_refusal(void *f)
{
    note(f, "refused ");
}

static void
assert_count(const struct fixture *f, size_t n, size_t n_alive, size_t n_obey)
{
    struct bridges_count count = bridges_count(f->bridges, 0, 300);

    assert_int_equal(count.n, n);
    assert_int_equal(count.n_alive, n_alive);
    assert_int_equal(count.n_obey, n_obey);
}

/* Of several controllers. */
static void
who_follows_hears_of_no_bridge_until_it_leads(void **state)
{
    struct fixture *f = *state;

    bridges_set_refused(f->bridges, be_told_of_refusal, f);
    bridges_follow(f->bridges);
    assert_count(f, 1, 0, 0);
    fake_identify(&f->conn);
    assert_true(f->conn.slave);
    assert_count(f, 1, 1, 0);
    f->conn.silence_ms = 300;
    assert_count(f, 1, 0, 0);
    f->conn.silence_ms = 0;
    assert_log(f, "");

    bridges_lead(f->bridges, 77);
    assert_int_equal(fake_generation, 77);
    assert_true(f->conn.taken);
    assert_count(f, 1, 1, 0);
    fake_ready(&f->conn);
    assert_count(f, 1, 1, 1);
    assert_log(f, "up ");

    fake_refused(&f->conn);
    assert_log(f, "refused ");
    bridges_follow(f->bridges);
    assert_log(f, "down ");
    assert_true(f->conn.slave);
    assert_false(f->conn.closed);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_wrong_is_changed_when_it_comes),
        TEST(frames_before_the_first_reading_are_nobodys),
        TEST(a_bridge_that_is_read_again_goes_on_serving),
        TEST(a_turn_begins_once_a_wake_up),
        TEST(a_reading_waits_for_what_is_under_way),
        TEST(a_reading_asked_for_during_another_follows_it),
        TEST(what_is_refused_is_read_again_not_too_soon),
        TEST(what_others_have_changed_is_put_right),
        TEST(a_bridge_is_looked_at_without_a_reason_now_and_then),
        TEST(what_flows_have_counted_is_told_as_it_comes),
        TEST(counts_of_many_flows_are_told_part_by_part),
        TEST(one_that_has_been_given_many_flows_is_not_listed_at_once),
        TEST(our_own_changes_meanwhile_are_nobodys),
        TEST(who_refuses_changes_is_a_problem_that_can_be_mended),
        TEST(one_that_lost_its_flows_and_was_not_restarted_fails_open),
        TEST(one_that_was_restarted_does_not),
        TEST(nor_does_one_that_was_away_for_a_moment),
        TEST(what_is_under_way_fails_before_the_going_is_told),
        TEST(the_newer_connection_wins),
        TEST(a_datapath_id_may_need_a_certificate),
        TEST(what_is_disowned_is_not_told),
        TEST(one_that_confirms_nothing_is_closed),
        TEST(who_follows_hears_of_no_bridge_until_it_leads),
        TEST(flows_that_cannot_be_read_end_the_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
