/* flows/flow_diff: sets of flows and their difference. */
#include <config.h>

#include "flows/flow_diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <arpa/inet.h>

/* A client's flow on its active router: IPv4 to 'host' goes out of port 1. */
static struct fh_flow
client_flow(uint32_t host, uint32_t decision)
{
    struct fh_flow flow;

    memset(&flow, 0, sizeof flow);
    flow.cookie = fh_cookie(FH_KIND_CLIENT, decision);
    flow.table = FH_TABLE_ROUTE;
    flow.priority = 100;
    flow.match.fields = FH_F_ETH_TYPE | FH_F_IP_DST;
    flow.match.eth_type = 0x0800;
    flow.match.ip_dst = htonl(host);
    flow.match.ip_dst_mask = htonl(UINT32_MAX);
    flow.n_actions = 1;
    flow.actions[0].type = FH_ACT_OUTPUT;
    flow.actions[0].u.port = 1;
    return flow;
}

struct fixture {
    struct flow_set *desired, *installed;
    struct fh_changes changes;
};

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->desired = flow_set_create();
    f->installed = flow_set_create();
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    flow_set_destroy(f->desired);
    flow_set_destroy(f->installed);
    fh_changes_destroy(&f->changes);
    free(f);
    return 0;
}

static void
put(struct flow_set *set, struct fh_flow flow)
{
    flow_set_put(set, &flow);
}

static void
check_change(const struct fixture *f, size_t i, enum fh_change_op op,
             struct fh_flow flow)
{
    assert_true(i < f->changes.n);
    assert_int_equal(f->changes.items[i].op, op);
    assert_true(fh_flow_same(&f->changes.items[i].flow, &flow));
}

static void
empty_set_holds_nothing(void **state)
{
    struct fixture *f = *state;
    struct fh_flow flow = client_flow(1, 1);

    assert_int_equal(flow_set_count(f->desired), 0);
    assert_null(flow_set_find(f->desired, &flow));
    flow_diff(f->desired, f->installed, &f->changes);
    assert_int_equal(f->changes.n, 0);
    flow_set_destroy(NULL);
}

static void
same_key_is_replaced(void **state)
{
    struct fixture *f = *state;
    struct fh_flow old = client_flow(1, 1), new = client_flow(1, 2);

    new.actions[0].u.port = 7;
    flow_set_put(f->desired, &old);
    flow_set_put(f->desired, &new);
    assert_int_equal(flow_set_count(f->desired), 1);
    assert_true(fh_flow_same(flow_set_find(f->desired, &old), &new));
}

/* Each member of the key by itself makes another flow. */
static void
every_member_of_the_key_counts(void **state)
{
    struct fixture *f = *state;
    struct fh_flow base = client_flow(1, 1), variants[26];
    size_t n = 0;

#define VARIANT(ASSIGNMENT)                     \
    do {                                        \
        variants[n] = base;                     \
        variants[n].ASSIGNMENT;                 \
        n++;                                    \
    } while (0)
    VARIANT(table = FH_TABLE_SOURCE);
    VARIANT(priority = 101);
    VARIANT(match.fields |= FH_F_IN_PORT);
    VARIANT(match.in_port = 3);
    VARIANT(match.metadata = 1);
    VARIANT(match.metadata_mask = 1);
    VARIANT(match.eth_src.ea[5] = 1);
    VARIANT(match.eth_dst.ea[0] = 1);
    VARIANT(match.eth_type = 0x0806);
    VARIANT(match.vlan_vid = 100);
    VARIANT(match.ip_src = 1);
    VARIANT(match.ip_src_mask = 1);
    VARIANT(match.ip_dst = htonl(2));
    VARIANT(match.ip_dst_mask = htonl(0xffffff00));
    VARIANT(match.arp_spa = 1);
    VARIANT(match.arp_spa_mask = 1);
    VARIANT(match.arp_tpa = 1);
    VARIANT(match.arp_tpa_mask = 1);
    VARIANT(match.arp_op = 1);
    VARIANT(match.ip_proto = 1);
    VARIANT(match.icmp_type = 8);
    VARIANT(match.ip_ttl = 1);
    VARIANT(match.udp_src = 67);
    VARIANT(match.udp_dst = 67);
    VARIANT(match.regs[0] = 1);
    VARIANT(match.regs[FH_N_REGS - 1] = 1);
#undef VARIANT

    flow_set_put(f->desired, &base);
    for (size_t i = 0; i < n; i++) {
        assert_null(flow_set_find(f->desired, &variants[i]));
        flow_set_put(f->desired, &variants[i]);
        assert_int_equal(flow_set_count(f->desired), i + 2);
    }
    for (size_t i = 0; i < n; i++) {
        assert_true(fh_flow_same(flow_set_find(f->desired, &variants[i]),
                                 &variants[i]));
    }
}

static void
equal_sets_need_no_change(void **state)
{
    struct fixture *f = *state;

    for (uint32_t i = 0; i < 100; i++) {
        put(f->desired, client_flow(i, 1));
        put(f->installed, client_flow(99 - i, 1));
    }
    flow_diff(f->desired, f->installed, &f->changes);
    assert_int_equal(f->changes.n, 0);
}

static void
adds_come_before_deletes(void **state)
{
    struct fixture *f = *state;

    put(f->installed, client_flow(1, 1));       /* Stale. */
    put(f->installed, client_flow(2, 1));       /* Right. */
    put(f->desired, client_flow(2, 1));
    put(f->desired, client_flow(3, 5));         /* Missing. */
    flow_diff(f->desired, f->installed, &f->changes);
    assert_int_equal(f->changes.n, 2);
    check_change(f, 0, FH_CHANGE_ADD, client_flow(3, 5));
    check_change(f, 1, FH_CHANGE_DELETE, client_flow(1, 1));
}

/* They go by themselves, and come back as soon as they are needed. */
static void
what_is_renewed_or_short_lived_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct fh_flow awake = client_flow(1, 1), mute = client_flow(2, 1);

    awake.cookie = fh_cookie(FH_KIND_AWAKE, 0);
    mute.cookie = fh_cookie(FH_KIND_MUTE, 0);
    put(f->installed, awake);
    put(f->installed, mute);
    flow_diff(f->desired, f->installed, &f->changes);
    assert_int_equal(f->changes.n, 0);
}

static void
different_flow_is_overwritten_and_not_deleted(void **state)
{
    struct fixture *f = *state;
    struct fh_flow other_port = client_flow(1, 1);

    other_port.actions[0].u.port = 2;
    put(f->desired, client_flow(1, 1));
    put(f->desired, client_flow(2, 9));
    put(f->installed, other_port);              /* Other actions. */
    put(f->installed, client_flow(2, 8));       /* Other decision. */
    flow_diff(f->desired, f->installed, &f->changes);
    assert_int_equal(f->changes.n, 2);
    check_change(f, 0, FH_CHANGE_ADD, client_flow(1, 1));
    check_change(f, 1, FH_CHANGE_ADD, client_flow(2, 9));
}

static void
flow_of_somebody_else_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct fh_flow theirs = client_flow(1, 1);
    struct fh_flow almost_ours = client_flow(2, 1);

    theirs.cookie = 0;
    almost_ours.cookie ^= UINT64_C(1) << 48;
    put(f->installed, theirs);
    put(f->installed, almost_ours);
    flow_diff(f->desired, f->installed, &f->changes);
    assert_int_equal(f->changes.n, 0);

    /* Unless it sits where ours must be. */
    put(f->desired, client_flow(1, 1));
    flow_diff(f->desired, f->installed, &f->changes);
    assert_int_equal(f->changes.n, 1);
    check_change(f, 0, FH_CHANGE_ADD, client_flow(1, 1));
}

static void
changes_are_appended_to_those_that_are_there(void **state)
{
    struct fixture *f = *state;
    struct fh_flow before = client_flow(77, 1);

    fh_changes_add(&f->changes, FH_CHANGE_DELETE, &before);
    put(f->desired, client_flow(1, 1));
    flow_diff(f->desired, f->installed, &f->changes);
    assert_int_equal(f->changes.n, 2);
    check_change(f, 0, FH_CHANGE_DELETE, before);
    check_change(f, 1, FH_CHANGE_ADD, client_flow(1, 1));
}

static void
count_flow(const struct fh_flow *flow, void *sum_)
{
    uint64_t *sum = sum_;

    *sum += ntohl(flow->match.ip_dst);
}

static void
for_each_visits_every_flow_once(void **state)
{
    struct fixture *f = *state;
    uint64_t sum = 0;

    for (uint32_t i = 1; i <= 1000; i++) {
        put(f->desired, client_flow(i, 1));
    }
    put(f->desired, client_flow(1000, 2));
    flow_set_for_each(f->desired, count_flow, &sum);
    assert_int_equal(sum, 1000 * 1001 / 2);
}

/* Quadratic behaviour would show as a test that does not end. */
static void
two_hundred_thousand_flows_differ_in_what_differs(void **state)
{
    enum { N = 200000 };
    struct fixture *f = *state;

    for (uint32_t i = 0; i < N; i++) {
        put(f->desired, client_flow(0x0a000000 + i, 1));
        put(f->installed, client_flow(0x0a000000 + N - i, 1));
    }
    assert_int_equal(flow_set_count(f->desired), N);
    flow_diff(f->desired, f->installed, &f->changes);
    assert_int_equal(f->changes.n, 2);
    check_change(f, 0, FH_CHANGE_ADD, client_flow(0x0a000000, 1));
    check_change(f, 1, FH_CHANGE_DELETE, client_flow(0x0a000000 + N, 1));
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(empty_set_holds_nothing),
        TEST(same_key_is_replaced),
        TEST(every_member_of_the_key_counts),
        TEST(equal_sets_need_no_change),
        TEST(adds_come_before_deletes),
        TEST(what_is_renewed_or_short_lived_is_left_alone),
        TEST(different_flow_is_overwritten_and_not_deleted),
        TEST(flow_of_somebody_else_is_left_alone),
        TEST(changes_are_appended_to_those_that_are_there),
        TEST(for_each_visits_every_flow_once),
        TEST(two_hundred_thousand_flows_differ_in_what_differs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
