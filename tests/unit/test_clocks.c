/* decide/clocks: the clock of several controllers. */
#include <config.h>

#include "controller/decide/clocks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define YEAR_MS INT64_C(31557600000)

static void
the_farthest_ahead_counts(void **state)
{
    struct clocks clocks = { .heard = false };

    assert_int_equal(clocks_now(&clocks, 5000, 100), 5000);
    assert_true(clocks_hear(&clocks, 5300, 100));
    assert_int_equal(clocks_now(&clocks, 5000, 100), 5300);
    assert_int_equal(clocks_now(&clocks, 5001, 101), 5301);
    assert_false(clocks_hear(&clocks, 5200, 100));
    assert_int_equal(clocks_now(&clocks, 6000, 101), 6000);
    assert_int_equal(clocks_now(&clocks, 4000, 102), 5302);     /* Set back. */
}

/* It was added to the distance before: 1970 to 2026, once more for each
 * restart of such a machine, and its peers believed it. */
static void
a_clock_that_is_set_right_does_not_run_ahead(void **state)
{
    struct clocks clocks = { .heard = false };
    int64_t now_ms = 56 * YEAR_MS;

    assert_true(clocks_hear(&clocks, now_ms, 10));
    assert_int_equal(clocks_now(&clocks, 10, 10), now_ms);
    assert_int_equal(clocks_now(&clocks, now_ms + 90, 100), now_ms + 90);
}

static void
what_is_no_time_is_not_heard(void **state)
{
    struct clocks clocks = { .heard = false };

    assert_false(clocks_hear(&clocks, -1, 10));
    assert_false(clocks_hear(&clocks, INT64_MAX, 10));
    assert_int_equal(clocks_now(&clocks, 7, 10), 7);
    assert_true(clocks_hear(&clocks, CLOCKS_LAST_MS, 10));
    assert_int_equal(clocks_now(&clocks, 7, 10), CLOCKS_LAST_MS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_farthest_ahead_counts),
        cmocka_unit_test(a_clock_that_is_set_right_does_not_run_ahead),
        cmocka_unit_test(what_is_no_time_is_not_heard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
