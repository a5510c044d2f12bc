/* sender: what is sent to a bridge besides its flows. */
#include <config.h>

#include "controller/bridge/sender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <firsthop/buf.h>

#include "controller/base/log.h"
#include "flows/flow_base.h"
#include "tests/unit/fake_bridge.h"

struct fixture {
    struct bridges *bridges;
    struct bridge *bridge;
    struct outbox *box;
    struct sender *sender;
    struct ofconn conn;
    uint64_t failed;            /* The last token that was told so. */
};

static void
on_up(void *owner)
{
}

static void
on_down(void *owner, const char *reason)
{
}

static struct flow_set *
on_desired(void *owner, const struct flow_set *found, bool first)
{
    return flow_set_create();
}

static void
end_turn(void *aux)
{
}

static void
on_confirmed(void *f_, uint64_t token, bool ok)
{
    struct fixture *f = f_;

    f->failed = ok ? f->failed : token;
}

static const struct bridge_ops ops = {
    .up = on_up, .down = on_down, .desired = on_desired,
    .confirmed = on_confirmed,
};

static int
setup(void **state)
{
    struct bridge_options options = { .kind = "router", .name = "A" };
    struct fixture *f = fh_xcalloc(1, sizeof *f);

    log_set_level(LOG_LVL_ERR);
    f->bridges = bridges_create(NULL, NULL, NULL, end_turn, NULL);
    f->bridge = bridge_create(f->bridges, &options, &ops, f);
    f->box = outbox_create(f);
    f->sender = sender_create(f->box, f->bridge);
    fake_identify(&f->conn);
    fake_ready(&f->conn);
    fake_confirm(fake_last_xact);
    fh_buf_clear(&f->conn.tx);      /* What the bridge was asked for itself. */
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    bridge_destroy(f->bridge);
    sender_destroy(f->sender);
    outbox_destroy(f->box);
    bridges_destroy(f->bridges);
    fh_buf_destroy(&f->conn.tx);
    free(f);
    return 0;
}

/* How many messages of 'type' were sent, and forgets them. */
static size_t
sent(struct fixture *f, uint8_t type)
{
    size_t n = 0;

    for (size_t at = 0; at < f->conn.tx.len; ) {
        n += f->conn.tx.data[at + 1] == type;
        at += ofcodec_frame(f->conn.tx.data + at, f->conn.tx.len - at);
    }
    fh_buf_clear(&f->conn.tx);
    return n;
}

#define OFPT_ECHO_REQUEST      2
#define OFPT_MULTIPART_REQUEST 18

static struct of_message
error(uint32_t xid)
{
    return (struct of_message) { .type = OF_ERROR, .xid = xid };
}

static void
probes_need_no_budget_while_no_fence_is_out(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i <= OUTBOX_PROBE_BUDGET; i++) {
        assert_int_equal(outbox_cover_probe(f->box), 1);
    }
    assert_true(outbox_has_probe_budget(f->box));
}

static void
a_bridge_behind_its_fence_gets_no_more_than_the_budget(void **state)
{
    struct fixture *f = *state;
    int64_t took_us;
    uint32_t xid;

    outbox_cover_probe(f->box);
    sender_flush(f->sender);
    xid = f->conn.last_xid;
    assert_int_equal(sent(f, OFPT_ECHO_REQUEST), 1);
    for (int i = 0; i < OUTBOX_PROBE_BUDGET; i++) {
        assert_true(outbox_has_probe_budget(f->box));
        assert_int_equal(outbox_cover_probe(f->box), 2);
    }
    assert_false(outbox_has_probe_budget(f->box));
    sender_flush(f->sender);            /* One fence at a time. */
    assert_int_equal(sent(f, OFPT_ECHO_REQUEST), 0);
    assert_int_equal(f->box->fence.done, 0);
    assert_true(f->box->fence.out && f->box->fence.sent_us > 0);
    assert_true(sender_echo_reply(f->sender, xid, &took_us));
    assert_true(took_us >= 0);
    assert_int_equal(f->box->fence.done, 1);
    assert_int_equal(sent(f, OFPT_ECHO_REQUEST), 1);
    assert_true(outbox_has_probe_budget(f->box));
}

static void
a_look_is_covered_by_the_next_reading(void **state)
{
    struct fixture *f = *state;
    int64_t took_us;
    uint32_t xid;

    assert_int_equal(outbox_read_meter(f->box, 40), 1);
    assert_int_equal(outbox_read_meter(f->box, 41), 1);
    assert_int_equal(outbox_read_meter(f->box, 40), 1);
    sender_flush(f->sender);
    xid = f->conn.last_xid;
    assert_int_equal(sent(f, OFPT_MULTIPART_REQUEST), 3);
    assert_true(sender_is_reading(f->sender, xid));
    assert_int_equal(outbox_read_meter(f->box, 42), 2);
    sender_flush(f->sender);
    assert_int_equal(sent(f, OFPT_MULTIPART_REQUEST), 0);
    assert_false(sender_echo_reply(f->sender, xid, &took_us));
    assert_int_equal(f->box->reading.done, 1);
    assert_int_equal(sent(f, OFPT_MULTIPART_REQUEST), 2);
    assert_false(sender_is_reading(f->sender, xid));
}

static void
a_bridge_that_tells_no_drops_is_not_asked(void **state)
{
    struct fixture *f = *state;
    struct of_message stray = error(12345), msg;

    assert_false(sender_meter_error(f->sender, &stray));
    outbox_read_meter(f->box, 40);
    sender_flush(f->sender);
    msg = error(f->conn.last_xid);
    assert_true(sender_meter_error(f->sender, &msg));
    assert_int_equal(outbox_read_meter(f->box, 40), 0);
    sender_forget(f->sender);           /* Another may. */
    assert_int_equal(f->box->reading.done, 1);
    assert_int_equal(outbox_read_meter(f->box, 40), 2);
}

static void
a_bridge_without_a_meter_of_all_punts_is_as_good(void **state)
{
    struct fh_meter meter = { .id = FH_METER_CONTROLLER };
    struct fixture *f = *state;
    struct of_message msg;

    outbox_put_meters(f->box, &meter, 1);
    sender_flush(f->sender);
    msg = error(f->conn.last_xid);
    assert_true(sender_meter_error(f->sender, &msg));
    assert_true(sender_meter_error(f->sender, &msg));
    fh_buf_clear(&f->conn.tx);
    outbox_read_meter(f->box, 40);
    sender_flush(f->sender);
    assert_int_equal(sent(f, OFPT_MULTIPART_REQUEST), 1);
}

static void
nothing_is_sent_to_a_bridge_that_is_away(void **state)
{
    struct fixture *f = *state;
    uint8_t frame[60] = { 0 };

    fake_close(&f->conn);
    outbox_put_frame(f->box, 1, frame, sizeof frame);
    outbox_cover_probe(f->box);
    outbox_read_punts(f->box);
    outbox_await(f->box, 7);
    sender_flush(f->sender);
    assert_int_equal(f->conn.tx.len, 0);
    assert_int_equal(f->failed, 7);
    assert_true(!f->box->n_orders && !f->box->n_tokens && !f->box->n_arp_messages);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(probes_need_no_budget_while_no_fence_is_out),
        TEST(a_bridge_behind_its_fence_gets_no_more_than_the_budget),
        TEST(a_look_is_covered_by_the_next_reading),
        TEST(a_bridge_that_tells_no_drops_is_not_asked),
        TEST(a_bridge_without_a_meter_of_all_punts_is_as_good),
        TEST(nothing_is_sent_to_a_bridge_that_is_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
