/* controller/decide/usage: what a client has sent and was sent, from the
 * counts of its flows. */
#include <config.h>

#include "controller/decide/usage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define A 10
#define B 11
#define FROM USAGE_FROM_CLIENT
#define TO   USAGE_TO_CLIENT

static struct usage_count
counts(uint64_t packets)
{
    return (struct usage_count) { packets, packets * 100 };
}

static void
assert_total(const struct usage *u, uint64_t from, uint64_t to)
{
    assert_int_equal(u->total[FROM].packets, from);
    assert_int_equal(u->total[FROM].bytes, from * 100);
    assert_int_equal(u->total[TO].packets, to);
    assert_int_equal(u->total[TO].bytes, to * 100);
}

static void
what_was_counted_before_the_first_reading_counts(void **state)
{
    struct usage u = { 0 };

    assert_int_equal(usage_read(&u, A, 5, FROM, counts(7)).packets, 7);
    assert_total(&u, 7, 0);
}

static void
only_what_is_new_is_added(void **state)
{
    struct usage u = { 0 };

    usage_read(&u, A, 5, FROM, counts(7));
    assert_int_equal(usage_read(&u, A, 5, FROM, counts(9)).bytes, 200);
    assert_int_equal(usage_read(&u, A, 5, FROM, counts(9)).packets, 0);
    usage_read(&u, A, 5, TO, counts(4));
    assert_total(&u, 9, 4);
}

static void
a_flow_that_was_installed_anew_counts_from_zero(void **state)
{
    struct usage u = { 0 };

    usage_read(&u, A, 5, TO, counts(7));
    usage_read(&u, A, 5, TO, counts(3));
    usage_read(&u, A, 5, TO, counts(4));
    assert_total(&u, 0, 11);
}

/* During the move both count; the loser's last word comes with the removal of
 * its flow. */
static void
a_move_keeps_what_was_counted(void **state)
{
    struct usage u = { 0 };

    usage_read(&u, A, 5, FROM, counts(7));
    usage_read(&u, B, 6, FROM, counts(2));
    usage_read(&u, A, 5, FROM, counts(8));
    usage_removed(&u, A, 5, FROM, counts(10));
    usage_read(&u, B, 6, FROM, counts(5));
    assert_total(&u, 15, 0);
}

static void
a_removed_flow_that_comes_back_counts_from_zero(void **state)
{
    struct usage u = { 0 };

    usage_read(&u, A, 5, FROM, counts(7));
    usage_removed(&u, A, 5, FROM, counts(7));
    usage_read(&u, A, 5, FROM, counts(8));
    assert_total(&u, 15, 0);
}

/* The router that was left two moves ago, and connects again: what it said
 * then is not known any more. */
static void
flows_of_forgotten_decisions_are_not_counted_twice(void **state)
{
    struct usage u = { 0 };

    usage_read(&u, A, 5, FROM, counts(7));
    usage_read(&u, B, 6, FROM, counts(1));
    usage_read(&u, A, 7, FROM, counts(1));
    assert_int_equal(usage_read(&u, A, 5, FROM, counts(9)).packets, 0);
    assert_int_equal(usage_removed(&u, A, 5, FROM, counts(9)).packets, 0);
    usage_read(&u, B, 6, FROM, counts(2));
    usage_read(&u, A, 7, FROM, counts(2));
    assert_total(&u, 11, 0);
}

static void
decisions_are_compared_as_serial_numbers(void **state)
{
    struct usage u = { 0 };

    usage_read(&u, A, UINT32_MAX - 1, FROM, counts(1));
    usage_read(&u, B, UINT32_MAX, FROM, counts(1));
    usage_read(&u, A, 0, FROM, counts(1));      /* After UINT32_MAX. */
    assert_int_equal(u.sources[0].decision, 0);
    assert_int_equal(u.sources[1].decision, UINT32_MAX);
    assert_total(&u, 3, 0);
}

static void
an_earlier_decision_that_was_not_known_finds_its_place(void **state)
{
    struct usage u = { 0 };

    usage_read(&u, B, 6, FROM, counts(1));
    usage_read(&u, A, 5, FROM, counts(1));      /* Connects later. */
    usage_read(&u, A, 5, FROM, counts(3));
    assert_int_equal(u.sources[0].dpid, B);
    assert_total(&u, 4, 0);
}

static void
two_bridges_with_one_decision_are_told_apart(void **state)
{
    struct usage u = { 0 };

    usage_read(&u, A, 5, FROM, counts(4));
    usage_read(&u, B, 5, FROM, counts(9));
    usage_read(&u, A, 5, FROM, counts(5));
    assert_total(&u, 14, 0);
}

static void
a_count_that_a_bridge_does_not_have_is_none(void **state)
{
    struct usage u = { 0 };

    usage_read(&u, A, 5, FROM, (struct usage_count) { UINT64_MAX, 3 });
    usage_read(&u, A, 5, FROM, (struct usage_count) { UINT64_MAX, 5 });
    assert_int_equal(u.total[FROM].packets, 0);
    assert_int_equal(u.total[FROM].bytes, 5);
}

static void
a_sum_stays_at_what_json_can_show(void **state)
{
    struct usage u = { 0 };

    usage_read(&u, A, 5, FROM, (struct usage_count) { 1, INT64_MAX });
    usage_read(&u, A, 6, FROM, (struct usage_count) { 1, 1 });
    assert_int_equal(u.total[FROM].packets, 2);
    assert_int_equal(u.total[FROM].bytes, INT64_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_counted_before_the_first_reading_counts),
        cmocka_unit_test(only_what_is_new_is_added),
        cmocka_unit_test(a_flow_that_was_installed_anew_counts_from_zero),
        cmocka_unit_test(a_move_keeps_what_was_counted),
        cmocka_unit_test(a_removed_flow_that_comes_back_counts_from_zero),
        cmocka_unit_test(flows_of_forgotten_decisions_are_not_counted_twice),
        cmocka_unit_test(decisions_are_compared_as_serial_numbers),
        cmocka_unit_test(
            an_earlier_decision_that_was_not_known_finds_its_place),
        cmocka_unit_test(two_bridges_with_one_decision_are_told_apart),
        cmocka_unit_test(a_count_that_a_bridge_does_not_have_is_none),
        cmocka_unit_test(a_sum_stays_at_what_json_can_show),
    };

    return cmocka_run_group_tests_name("usage", tests, NULL, NULL);
}
