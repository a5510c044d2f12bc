/* controller/bridge/ofxact: what it sends, and what it makes of the answers.  The
 * bridge is a reader of the send buffer. */
#include <config.h>

#include "controller/bridge/ofxact.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "controller/base/log.h"

/* Header types of 1.4. */
#define TYPE_MULTIPART_REQUEST 18
#define TYPE_BARRIER_REQUEST   20
#define TYPE_BUNDLE_CONTROL    33
#define TYPE_BUNDLE_ADD        34

/* What became of the commits and dumps, in order: "1:0 2:121 ". */
struct outcome {
    char text[256];
    size_t n_flows;
};

struct owner {
    struct outcome *outcome;
    int id;
    struct ofxact *x;           /* If set: start another commit when done. */
};

struct fixture {
    struct fh_buf tx;
    size_t seen;                /* Of 'tx', bytes. */
    uint32_t last_xid;
    struct ofxact *x;
    struct outcome outcome;
};

static uint32_t
next_xid(void *f_)
{
    struct fixture *f = f_;

    return ++f->last_xid;
}

static int
set_up(void **state)
{
    struct fixture *f = fh_xcalloc(1, sizeof *f);

    f->x = ofxact_create(&f->tx, OF_14, next_xid, f);
    log_set_level(LOG_LVL_ERR);
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    ofxact_destroy(f->x);
    fh_buf_destroy(&f->tx);
    free(f);
    return 0;
}

static void
done(int error, void *owner_)
{
    struct owner *owner = owner_;
    size_t len = strlen(owner->outcome->text);

    snprintf(owner->outcome->text + len, sizeof owner->outcome->text - len,
             "%d:%d ", owner->id, error);
    if (owner->x) {
        struct ofxact *x = owner->x;

        owner->x = NULL;
        owner->id += 100;
        ofxact_commit(x, NULL, done, owner);
    }
}

static void
count_flow(const struct fh_flow *flow, void *owner_)
{
    struct owner *owner = owner_;

    owner->outcome->n_flows++;
}

static void
commit(struct fixture *f, size_t n, struct owner *owner, int id)
{
    struct fh_flow flow = { .cookie = FH_COOKIE_OURS, .priority = 1 };
    struct fh_changes changes = { 0 };

    for (size_t i = 0; i < n; i++) {
        flow.priority = (uint16_t) i;
        fh_changes_add(&changes, FH_CHANGE_ADD, &flow);
    }
    *owner = (struct owner) { .outcome = &f->outcome, .id = id };
    ofxact_commit(f->x, &changes, done, owner);
    fh_changes_destroy(&changes);
}

/* The next message that was sent: its type, 0 if there is none. */
static int
next_message(struct fixture *f, uint32_t *xid)
{
    const uint8_t *p = f->tx.data + f->seen;
    int len = ofcodec_frame(p, f->tx.len - f->seen);

    if (len <= 0) {
        return 0;
    }
    f->seen += len;
    *xid = (uint32_t) p[4] << 24 | p[5] << 16 | p[6] << 8 | p[7];
    return p[1];
}

/* Reads one bundle with its barrier.  Returns how many changes it has, and
 * its xid. */
static size_t
next_bundle(struct fixture *f, uint32_t *xidp)
{
    uint32_t xid;
    size_t n = 0;

    assert_int_equal(next_message(f, xidp), TYPE_BUNDLE_CONTROL);
    for (;;) {
        int type = next_message(f, &xid);

        assert_int_equal(xid, *xidp);
        if (type == TYPE_BUNDLE_CONTROL) {
            break;
        }
        assert_int_equal(type, TYPE_BUNDLE_ADD);
        n++;
    }
    assert_int_equal(next_message(f, &xid), TYPE_BARRIER_REQUEST);
    assert_int_equal(xid, *xidp);
    return n;
}

static void
assert_nothing_sent(struct fixture *f)
{
    uint32_t xid;

    assert_int_equal(next_message(f, &xid), 0);
}

static bool
answer_barrier(struct fixture *f, uint32_t xid)
{
    struct of_message msg = { .type = OF_BARRIER_REPLY, .xid = xid };

    return ofxact_receive(f->x, &msg);
}

static bool
answer_commit(struct fixture *f, uint32_t xid)
{
    struct of_message msg = {
        .type = OF_BUNDLE_REPLY, .xid = xid,
        .bundle = { xid, OF_BUNDLE_COMMIT_REPLY },
    };

    return ofxact_receive(f->x, &msg);
}

static void
confirm(struct fixture *f, uint32_t xid)
{
    struct of_message opened = {
        .type = OF_BUNDLE_REPLY, .xid = xid,
        .bundle = { xid, OF_BUNDLE_OPEN_REPLY },
    };

    assert_true(ofxact_receive(f->x, &opened));
    assert_true(answer_commit(f, xid));
    assert_true(answer_barrier(f, xid));
}

static bool
answer_error(struct fixture *f, uint32_t xid)
{
    struct of_message msg = {
        .type = OF_ERROR, .xid = xid,
        .error = { 5, 1, "OFPFMFC_TABLE_FULL" },
    };

    return ofxact_receive(f->x, &msg);
}

static void
a_commit_is_done_when_the_barrier_is_answered(void **state)
{
    struct fixture *f = *state;
    struct owner owner;
    uint32_t xid;

    commit(f, 3, &owner, 1);
    assert_int_equal(next_bundle(f, &xid), 3);
    assert_int_equal(ofxact_in_flight(f->x), 1);
    assert_int_equal(ofxact_waiting(f->x), 0);
    assert_true(answer_commit(f, xid));
    assert_string_equal(f->outcome.text, "");
    assert_true(answer_barrier(f, xid));
    assert_string_equal(f->outcome.text, "1:0 ");
    assert_int_equal(ofxact_in_flight(f->x), 0);
}

static void
an_empty_commit_is_a_barrier(void **state)
{
    struct fixture *f = *state;
    struct owner owner;
    uint32_t xid;

    commit(f, 0, &owner, 1);
    assert_string_equal(f->outcome.text, "");
    assert_int_equal(next_message(f, &xid), TYPE_BARRIER_REQUEST);
    assert_nothing_sent(f);
    assert_true(answer_barrier(f, xid));
    assert_string_equal(f->outcome.text, "1:0 ");
}

static void
a_chunk_is_at_most_a_thousand_changes(void **state)
{
    const struct {
        size_t n_changes, n_bundles, n_last;
    } cases[] = {
        { 1, 1, 1 }, { OFXACT_CHUNK - 1, 1, OFXACT_CHUNK - 1 },
        { OFXACT_CHUNK, 1, OFXACT_CHUNK }, { OFXACT_CHUNK + 1, 2, 1 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture *f = *state;
        struct owner owner;
        uint32_t xids[2];

        commit(f, cases[i].n_changes, &owner, 1);
        for (size_t j = 0; j < cases[i].n_bundles; j++) {
            size_t n = next_bundle(f, &xids[j]);

            assert_int_equal(n, (j + 1 < cases[i].n_bundles
                                 ? OFXACT_CHUNK : cases[i].n_last));
        }
        assert_nothing_sent(f);
        for (size_t j = 0; j < cases[i].n_bundles; j++) {
            confirm(f, xids[j]);
        }
        assert_string_equal(f->outcome.text, "1:0 ");
        f->outcome.text[0] = '\0';
    }
}

static void
at_most_four_bundles_are_under_way(void **state)
{
    struct fixture *f = *state;
    struct owner owner;
    uint32_t xids[6];

    commit(f, 5 * OFXACT_CHUNK + 1, &owner, 1);
    for (size_t i = 0; i < OFXACT_WINDOW; i++) {
        next_bundle(f, &xids[i]);
    }
    assert_nothing_sent(f);
    assert_int_equal(ofxact_in_flight(f->x), OFXACT_WINDOW);
    assert_int_equal(ofxact_waiting(f->x), OFXACT_CHUNK + 1);

    confirm(f, xids[0]);
    assert_int_equal(next_bundle(f, &xids[4]), OFXACT_CHUNK);
    assert_nothing_sent(f);
    confirm(f, xids[1]);
    assert_int_equal(next_bundle(f, &xids[5]), 1);
    for (size_t i = 2; i < 6; i++) {
        assert_string_equal(f->outcome.text, "");
        confirm(f, xids[i]);
    }
    assert_string_equal(f->outcome.text, "1:0 ");
}

static void
commits_take_effect_in_the_order_of_their_start(void **state)
{
    struct fixture *f = *state;
    struct owner owners[6];
    uint32_t xids[6];

    for (int i = 0; i < 6; i++) {
        commit(f, i + 1, &owners[i], i + 1);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(next_bundle(f, &xids[i]), i + 1);
    }
    assert_nothing_sent(f);
    for (size_t i = 0; i < 6; i++) {
        confirm(f, xids[i]);
        if (i + 4 < 6) {
            assert_int_equal(next_bundle(f, &xids[i + 4]), i + 5);
        }
    }
    assert_string_equal(f->outcome.text, "1:0 2:0 3:0 4:0 5:0 6:0 ");
}

static void
a_refused_bundle_fails_its_commit_and_no_other(void **state)
{
    struct fixture *f = *state;
    struct owner owners[3];
    uint32_t xids[3];

    for (int i = 0; i < 3; i++) {
        commit(f, 2, &owners[i], i + 1);
        next_bundle(f, &xids[i]);
    }
    confirm(f, xids[0]);
    assert_true(answer_error(f, xids[1]));
    assert_true(answer_error(f, xids[1]));
    assert_true(answer_commit(f, xids[1]));
    assert_string_equal(f->outcome.text, "1:0 ");
    assert_true(answer_barrier(f, xids[1]));
    confirm(f, xids[2]);
    assert_string_equal(f->outcome.text, "1:0 2:121 3:0 ");
    assert_int_equal(EREMOTEIO, 121);
}

static void
what_follows_a_refused_bundle_of_one_commit_is_not_sent(void **state)
{
    struct fixture *f = *state;
    struct owner owners[2];
    uint32_t xids[4], barrier;

    commit(f, 9 * OFXACT_CHUNK, &owners[0], 1);
    commit(f, 0, &owners[1], 2);
    for (size_t i = 0; i < 4; i++) {
        next_bundle(f, &xids[i]);
    }
    assert_true(answer_error(f, xids[0]));
    assert_int_equal(ofxact_waiting(f->x), 0);
    assert_true(answer_barrier(f, xids[0]));
    assert_int_equal(next_message(f, &barrier), TYPE_BARRIER_REQUEST);
    assert_nothing_sent(f);
    for (size_t i = 1; i < 4; i++) {
        assert_string_equal(f->outcome.text, "");
        confirm(f, xids[i]);
    }
    assert_string_equal(f->outcome.text, "1:121 ");
    assert_true(answer_barrier(f, barrier));
    assert_string_equal(f->outcome.text, "1:121 2:0 ");
}

static void
a_barrier_without_a_commit_reply_is_a_failure(void **state)
{
    struct fixture *f = *state;
    struct owner owner;
    uint32_t xid;

    commit(f, 1, &owner, 1);
    next_bundle(f, &xid);
    assert_true(answer_barrier(f, xid));
    assert_string_equal(f->outcome.text, "1:121 ");
}

static void
done_may_start_another_commit(void **state)
{
    struct fixture *f = *state;
    struct owner owner;
    uint32_t xid;

    commit(f, 0, &owner, 1);
    owner.x = f->x;
    next_message(f, &xid);
    assert_true(answer_barrier(f, xid));
    assert_int_equal(next_message(f, &xid), TYPE_BARRIER_REQUEST);
    assert_string_equal(f->outcome.text, "1:0 ");
    assert_true(answer_barrier(f, xid));
    assert_string_equal(f->outcome.text, "1:0 101:0 ");
}

static void
nobody_need_be_told(void **state)
{
    struct fixture *f = *state;
    uint32_t xid;

    ofxact_commit(f->x, NULL, NULL, NULL);
    next_message(f, &xid);
    assert_true(answer_barrier(f, xid));
}

static void
what_belongs_to_others_is_left_to_them(void **state)
{
    struct fixture *f = *state;
    struct owner owner;
    uint32_t xid;
    struct of_message pin = { .type = OF_PACKET_IN };
    struct of_message stats = { .type = OF_FLOW_STATS_REPLY, .xid = 999 };

    commit(f, 1, &owner, 1);
    next_bundle(f, &xid);
    pin.xid = xid;
    assert_false(ofxact_receive(f->x, &pin));
    assert_false(ofxact_receive(f->x, &stats));
    assert_false(answer_barrier(f, xid + 1));
    assert_false(answer_commit(f, xid + 1));
    assert_false(answer_error(f, xid + 1));
    confirm(f, xid);
    assert_false(answer_barrier(f, xid));
    assert_false(answer_error(f, xid));
    assert_string_equal(f->outcome.text, "1:0 ");
}

static void
the_end_fails_all_in_order(void **state)
{
    struct fixture *f = *state;
    struct owner owners[7];

    for (int i = 0; i < 6; i++) {
        commit(f, i, &owners[i], i + 1);
    }
    owners[6] = (struct owner) { .outcome = &f->outcome, .id = 7 };
    ofxact_dump(f->x, 0, 0, count_flow, done, &owners[6]);
    ofxact_destroy(f->x);
    f->x = NULL;
    assert_string_equal(f->outcome.text,
                        "1:104 2:104 3:104 4:104 5:104 6:104 7:104 ");
    assert_int_equal(ECONNRESET, 104);
}

static void
a_dump_hands_over_every_part(void **state)
{
    struct fixture *f = *state;
    struct owner owner = { .outcome = &f->outcome, .id = 1 };
    struct fh_flow flows[3] = { { .priority = 1 } };
    struct of_message msg = { .type = OF_FLOW_STATS_REPLY };

    ofxact_dump(f->x, 0, 0, count_flow, done, &owner);
    assert_int_equal(next_message(f, &msg.xid), TYPE_MULTIPART_REQUEST);
    msg.flow_stats.flows = flows;
    msg.flow_stats.n = 3;
    msg.flow_stats.more = true;
    assert_true(ofxact_receive(f->x, &msg));
    assert_int_equal(f->outcome.n_flows, 3);
    assert_string_equal(f->outcome.text, "");
    msg.flow_stats.n = 1;
    msg.flow_stats.more = false;
    assert_true(ofxact_receive(f->x, &msg));
    assert_int_equal(f->outcome.n_flows, 4);
    assert_string_equal(f->outcome.text, "1:0 ");
    assert_false(ofxact_receive(f->x, &msg));
}

static void
a_refused_dump_fails(void **state)
{
    struct fixture *f = *state;
    struct owner owner = { .outcome = &f->outcome, .id = 1 };
    uint32_t xid;

    ofxact_dump(f->x, 0, 0, count_flow, done, &owner);
    next_message(f, &xid);
    assert_true(answer_error(f, xid));
    assert_string_equal(f->outcome.text, "1:121 ");
}

static void
a_dump_without_end_is_ended(void **state)
{
    struct fixture *f = *state;
    struct owner owner = { .outcome = &f->outcome, .id = 1 };
    struct of_message msg = { .type = OF_FLOW_STATS_REPLY };
    size_t n_messages = 0;

    ofxact_dump(f->x, 0, 0, count_flow, done, &owner);
    next_message(f, &msg.xid);
    msg.flow_stats.n = 1000;
    msg.flow_stats.flows = fh_xcalloc(1000, sizeof *msg.flow_stats.flows);
    msg.flow_stats.more = true;
    while (ofxact_receive(f->x, &msg)) {
        assert_in_range(++n_messages, 0, 10000);
    }
    assert_string_equal(f->outcome.text, "1:121 ");
    free(msg.flow_stats.flows);
}

/* log.h, as far as it is pure. */
static void
a_rate_limit_passes_its_burst_then_its_rate(void **state)
{
    struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(100, 3);
    uint64_t n_dropped;

    for (int i = 0; i < 3; i++) {
        assert_true(log_rate_limit_pass(&rl, 1000, &n_dropped));
        assert_int_equal(n_dropped, 0);
    }
    assert_false(log_rate_limit_pass(&rl, 1000, &n_dropped));
    assert_false(log_rate_limit_pass(&rl, 1099, &n_dropped));
    assert_true(log_rate_limit_pass(&rl, 1100, &n_dropped));
    assert_int_equal(n_dropped, 2);
    assert_false(log_rate_limit_pass(&rl, 1100, &n_dropped));
    assert_true(log_rate_limit_pass(&rl, 9000, &n_dropped));
    assert_int_equal(n_dropped, 1);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_commit_is_done_when_the_barrier_is_answered),
        TEST(an_empty_commit_is_a_barrier),
        TEST(a_chunk_is_at_most_a_thousand_changes),
        TEST(at_most_four_bundles_are_under_way),
        TEST(commits_take_effect_in_the_order_of_their_start),
        TEST(a_refused_bundle_fails_its_commit_and_no_other),
        TEST(what_follows_a_refused_bundle_of_one_commit_is_not_sent),
        TEST(a_barrier_without_a_commit_reply_is_a_failure),
        TEST(done_may_start_another_commit),
        TEST(nobody_need_be_told),
        TEST(what_belongs_to_others_is_left_to_them),
        TEST(the_end_fails_all_in_order),
        TEST(a_dump_hands_over_every_part),
        TEST(a_refused_dump_fails),
        TEST(a_dump_without_end_is_ended),
        cmocka_unit_test(a_rate_limit_passes_its_burst_then_its_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
