/* controller/decide/drops: what a meter drops, from its counts. */
#include <config.h>

#include "controller/decide/drops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
what_was_dropped_before_the_first_reading_tells_nothing(void **state)
{
    struct drops d = { 0 };

    drops_read(&d, 1000, 5);
    assert_true(d.known);
    assert_int_equal(d.grown_us, 0);
    assert_int_equal(d.total, 0);
}

static void
a_count_that_has_grown_tells_of_drops(void **state)
{
    struct drops d = { 0 };

    drops_read(&d, 1000, 5);
    drops_read(&d, 1001, 6);
    assert_int_equal(d.grown_us, 6);
    assert_int_equal(d.total, 1);
}

static void
a_count_that_stays_tells_of_none(void **state)
{
    struct drops d = { 0 };

    drops_read(&d, 0, 4);
    drops_read(&d, 1000, 5);
    drops_read(&d, 1000, 6);
    assert_int_equal(d.grown_us, 5);
    assert_int_equal(d.total, 1000);
}

static void
a_meter_that_was_set_anew_counts_from_zero(void **state)
{
    struct drops d = { 0 };

    drops_read(&d, 1000, 5);
    drops_read(&d, 0, 6);
    assert_int_equal(d.grown_us, 0);
    drops_read(&d, 3, 7);
    assert_int_equal(d.grown_us, 7);
    drops_read(&d, 2, 8);
    assert_int_equal(d.grown_us, 8);
    assert_int_equal(d.total, 5);
}

static void
what_was_dropped_while_the_bridge_was_away_tells_nothing(void **state)
{
    struct drops d = { 0 };

    drops_read(&d, 1000, 5);
    drops_forget(&d);
    drops_read(&d, 2000, 6);
    assert_int_equal(d.grown_us, 0);
    drops_read(&d, 2001, 7);
    assert_int_equal(d.total, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            what_was_dropped_before_the_first_reading_tells_nothing),
        cmocka_unit_test(a_count_that_has_grown_tells_of_drops),
        cmocka_unit_test(a_count_that_stays_tells_of_none),
        cmocka_unit_test(a_meter_that_was_set_anew_counts_from_zero),
        cmocka_unit_test(
            what_was_dropped_while_the_bridge_was_away_tells_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
