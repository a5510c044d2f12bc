/* lines: what a bridge says becomes an event, what is in its out-box is
 * sent. */
#include <config.h>

#include "controller/daemon/lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <firsthop/buf.h>

#include "controller/base/log.h"
#include "tests/unit/fake_bridge.h"

struct fixture {
    struct bridges *bridges;
    struct lines *lines;
    struct outbox *box;
    struct ofconn conn;
    char log[256];
};

static const char *const names[] = {
    [ENGINE_BRIDGE_UP] = "up", [ENGINE_BRIDGE_DOWN] = "down",
    [ENGINE_BRIDGE_FLOWS] = "flows", [ENGINE_BRIDGE_READ] = "read",
    [ENGINE_BRIDGE_CONFIRMED] = "confirmed", [ENGINE_BRIDGE_PORTS] = "ports",
    [ENGINE_BRIDGE_FRAME] = "frame", [ENGINE_BRIDGE_REMOVED] = "removed",
    [ENGINE_BRIDGE_FENCE] = "fence", [ENGINE_BRIDGE_DROPS] = "drops",
    [ENGINE_BRIDGE_METERS] = "meters",
};

static void
on_event(void *f_, const struct engine_event *event)
{
    struct fixture *f = f_;
    size_t len = strlen(f->log);

    assert_ptr_equal(event->box, f->box);
    snprintf(f->log + len, sizeof f->log - len, "%s%s ", names[event->type],
             event->type == ENGINE_BRIDGE_CONFIRMED
             && !event->u.confirmed.ok ? ":failed" : "");
    if (event->type == ENGINE_BRIDGE_FLOWS) {
        *event->u.flows.desired = flow_set_create();
    }
}

static void
assert_log(struct fixture *f, const char *expected)
{
    assert_string_equal(f->log, expected);
    f->log[0] = '\0';
}

static void
end_turn(void *aux)
{
}

static int
setup(void **state)
{
    struct fixture *f = fh_xcalloc(1, sizeof *f);

    log_set_level(LOG_LVL_ERR);
    f->bridges = bridges_create(NULL, NULL, NULL, end_turn, NULL);
    f->lines = lines_create(f->bridges, on_event, f);
    f->box = outbox_create(f);
    outbox_set_bridge(f->box, 0xa, "A", NULL, 5000);
    lines_open(f->lines, f->box);
    f->conn.dpid = 0xa;
    fake_identify(&f->conn);
    fake_ready(&f->conn);
    fake_confirm(fake_last_xact);
    assert_log(f, "up flows read ");
    fh_buf_clear(&f->conn.tx);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    if (f->box) {
        lines_close(f->lines, f->box);
    }
    lines_destroy(f->lines);
    bridges_destroy(f->bridges);
    fh_buf_destroy(&f->conn.tx);
    free(f);
    return 0;
}

static struct fh_flow
flow(uint16_t priority)
{
    struct fh_flow flow;

    memset(&flow, 0, sizeof flow);
    flow.cookie = fh_cookie(FH_KIND_BASE, 0);
    flow.priority = priority;
    return flow;
}

static void
a_token_is_confirmed_once_the_flows_before_it_are_there(void **state)
{
    struct fixture *f = *state;
    struct fh_flow one = flow(1), two = flow(2);

    fh_changes_add(&f->box->changes, FH_CHANGE_ADD, &one);
    outbox_await(f->box, 7);
    fh_changes_add(&f->box->changes, FH_CHANGE_ADD, &two);
    lines_flush(f->lines);
    assert_log(f, "");
    assert_true(!f->box->changes.n && !f->box->n_tokens);
    fake_confirm_all(fake_last_xact);
    assert_log(f, "confirmed ");
    assert_int_equal(f->conn.n_flows, 2);
}

static void
what_has_not_been_sent_fails_with_the_bridge(void **state)
{
    struct fixture *f = *state;
    struct fh_flow one = flow(1);

    fh_changes_add(&f->box->changes, FH_CHANGE_ADD, &one);
    outbox_await(f->box, 7);
    lines_flush(f->lines);
    outbox_await(f->box, 8);
    outbox_cover(f->box);
    fake_close(&f->conn);
    assert_log(f, "confirmed:failed confirmed:failed down ");
    assert_true(!f->box->n_tokens && !f->box->fence.wanted);
    assert_int_equal(f->conn.n_flows, 0);
}

static void
nobody_is_believed_about_meters_who_was_not_asked(void **state)
{
    struct of_meter_drops drops = { 40, 5 };
    struct fixture *f = *state;
    struct of_message msg = {
        .type = OF_METER_STATS_REPLY, .xid = 12345,
        .meter_stats = { .meters = &drops, .n = 1 },
    };

    outbox_read_meter(f->box, 40);
    lines_flush(f->lines);
    fake_message(&f->conn, &msg);
    assert_log(f, "");
    msg.xid = f->conn.last_xid;
    fake_message(&f->conn, &msg);
    assert_log(f, "drops ");
    msg.type = OF_ECHO_REPLY;           /* The reading is over. */
    fake_message(&f->conn, &msg);
    msg.type = OF_METER_STATS_REPLY;
    fake_message(&f->conn, &msg);
    assert_log(f, "");
}

static void
a_fence_comes_back_once(void **state)
{
    struct fixture *f = *state;
    struct of_message msg = { .type = OF_ECHO_REPLY };

    outbox_cover_probe(f->box);
    lines_flush(f->lines);
    msg.xid = f->conn.last_xid;
    fake_message(&f->conn, &msg);
    fake_message(&f->conn, &msg);
    assert_log(f, "fence ");
}

static void
who_takes_an_outbox_over_is_not_told_of_what_was_awaited(void **state)
{
    struct fixture *f = *state;
    struct fh_flow one = flow(1);
    int heir;

    fh_changes_add(&f->box->changes, FH_CHANGE_ADD, &one);
    outbox_await(f->box, 7);
    f->box->owner = &heir;
    lines_renew(f->box);
    fake_confirm_all(fake_last_xact);
    assert_log(f, "");
    assert_int_equal(f->conn.n_flows, 1);       /* It has been sent. */
    outbox_await(f->box, 8);
    lines_renew(f->box);                        /* Only another name. */
    lines_flush(f->lines);
    fake_confirm_all(fake_last_xact);
    assert_log(f, "confirmed ");
}

static void
a_line_is_found_by_its_bridge(void **state)
{
    struct fixture *f = *state;

    assert_ptr_equal(lines_find(f->lines, 0xa), f->box);
    assert_null(lines_find(f->lines, 0xb));
    lines_close(f->lines, f->box);
    f->box = NULL;
    assert_null(lines_find(f->lines, 0xa));
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_token_is_confirmed_once_the_flows_before_it_are_there),
        TEST(what_has_not_been_sent_fails_with_the_bridge),
        TEST(nobody_is_believed_about_meters_who_was_not_asked),
        TEST(a_fence_comes_back_once),
        TEST(who_takes_an_outbox_over_is_not_told_of_what_was_awaited),
        TEST(a_line_is_found_by_its_bridge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
