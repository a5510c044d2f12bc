/* decide/guard: how often a forgery is told, and answered. */
#include <config.h>

#include "controller/decide/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void
it_is_told_at_once_and_then_every_ten_seconds(void **state)
{
    struct guard g = { 0 };

    assert_true(guard_tells(&g, 5000));
    assert_false(guard_tells(&g, 5000));
    assert_false(guard_tells(&g, 14999));
    assert_true(guard_tells(&g, 15000));
}

static void
it_is_answered_at_once_and_then_after_a_pause(void **state)
{
    struct guard g = { 0 };

    assert_true(guard_defends(&g, 1, 5000));
    assert_false(g.pending);
    assert_false(guard_defends(&g, 1, 5099));
    assert_true(g.pending);                     /* So that it ends with us. */
    assert_true(guard_tells(&g, 5099));         /* Apart from that. */
    assert_true(guard_defends(&g, 1, 5100));
    assert_false(g.pending);
}

/* Or one forged frame would be as many as there are clients. */
static void
what_takes_many_frames_is_done_seldom(void **state)
{
    struct guard g = { 0 };

    assert_true(guard_defends(&g, 100000, 0));
    assert_false(guard_defends(&g, 100000, 99999));
    assert_true(guard_defends(&g, 0, 100000));
    assert_true(guard_defends(&g, 0, 100100));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_told_at_once_and_then_every_ten_seconds),
        cmocka_unit_test(it_is_answered_at_once_and_then_after_a_pause),
        cmocka_unit_test(what_takes_many_frames_is_done_seldom),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
