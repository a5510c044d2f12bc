/* controller/decide/window: how many probes may be under way, in virtual
 * time. */
#include <config.h>

#include "controller/decide/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void
send_many(struct window *w, int n, int64_t now_ms)
{
    for (int i = 0; i < n; i++) {
        window_sent(w, now_ms);
    }
}

static void
it_is_full_with_so_many_under_way(void **state)
{
    struct window w = { .sent = 0 };

    send_many(&w, WINDOW_MOST - 1, 1000);
    assert_true(window_is_open(&w, 0, 1000));
    window_sent(&w, 1000);
    assert_false(window_is_open(&w, 0, 1000));
    assert_false(window_is_open(&w, 0, 1000 + WINDOW_SILENT_MS - 1));
}

static void
an_answer_tells_of_all_that_were_asked_before(void **state)
{
    struct window w = { .sent = 0 };

    send_many(&w, WINDOW_MOST, 1000);
    send_many(&w, WINDOW_MOST - 1, 1001);
    window_answered(&w, 1000, 1002);    /* The first of its millisecond. */
    assert_false(window_is_open(&w, 0, 1002));
    window_answered(&w, 1001, 1003);    /* The others are passed, or lost. */
    assert_true(window_is_open(&w, 0, 1003));
    window_answered(&w, 1000, 1004);    /* Not back. */
    assert_true(window_is_open(&w, 0, 1004));
}

static void
a_port_that_is_silent_keeps_nobody_waiting(void **state)
{
    struct window w = { .sent = 0 };

    send_many(&w, 3 * WINDOW_MOST, 1000);
    assert_true(window_is_open(&w, 0, 1000 + WINDOW_SILENT_MS));
    assert_int_equal(w.full_ms, 0);
    /* Unless the bridge has not come to what it was asked. */
    assert_false(window_is_open(&w, 1000 * 1000, 1000 + WINDOW_SILENT_MS));
    assert_true(window_is_open(&w, 1005 * 1000, 1000 + WINDOW_SILENT_MS));
}

static void
answers_tell_that_it_is_full(void **state)
{
    struct window w = { .sent = 0 };

    send_many(&w, WINDOW_MOST + 1, 1000);
    window_answered(&w, 1000, 1003);
    assert_int_equal(w.full_ms, 1003);
    send_many(&w, 1, 1004);
    window_answered(&w, 1004, 1005);
    assert_int_equal(w.full_ms, 1003);
}

static void
an_answer_that_is_too_old_tells_nothing(void **state)
{
    struct window w = { .sent = 0 };

    send_many(&w, WINDOW_MOST, 1000);
    window_answered(&w, 1000, 1000 + WINDOW_MEMORY_MS);
    assert_int_equal(w.progress_ms, 1000);
    assert_int_equal(w.passed, 0);
    window_answered(&w, 5000, 1000);    /* Nor one from the future. */
    assert_int_equal(w.passed, 0);
}

static void
numbers_wrap(void **state)
{
    int64_t start_ms = INT64_C(0x1fffffff0);
    struct window w = { .sent = UINT32_MAX - 5, .passed = UINT32_MAX - 5 };

    for (int i = 0; i < 40; i++) {
        send_many(&w, 10, start_ms + i);
        window_answered(&w, (uint32_t) (start_ms + i), start_ms + i);
        assert_true(window_is_open(&w, 0, start_ms + i));
    }
    assert_int_equal(w.sent - w.passed, 9);
}

static void
those_that_wait_try_again_one_after_the_other(void **state)
{
    struct window w = { .sent = 0 };

    for (int i = 0; i < 3 * WINDOW_RETRIES_PER_MS; i++) {
        assert_int_equal(window_retry_ms(&w, 1000),
                         1001 + i / WINDOW_RETRIES_PER_MS);
    }
    assert_int_equal(window_retry_ms(&w, 1002), 1004);
    assert_int_equal(window_retry_ms(&w, 2000), 2001);
}

static void
one_that_is_closed_need_not_be_full(void **state)
{
    struct window w = { .sent = 0 };

    window_close(&w, 2000);
    send_many(&w, WINDOW_MOST - 1, 1000);
    assert_false(window_is_full(&w, 0, 1000));
    window_sent(&w, 1000);
    assert_true(window_is_full(&w, 0, 1000));
    assert_false(window_is_full(&w, 0, 1000 + WINDOW_SILENT_MS));
}

static void
one_that_is_closed_lets_nobody_pass_for_a_while(void **state)
{
    struct window w = { .sent = 0 };

    window_close(&w, 1100);
    window_close(&w, 1050);
    assert_false(window_has_room(&w));
    assert_false(window_is_open(&w, 0, 1099));
    window_sent(&w, 1099);              /* A notice. */
    assert_false(window_is_open(&w, 0, 1099));
    assert_true(window_is_open(&w, 0, 1100));
    window_sent(&w, 1100);
    assert_true(window_has_room(&w));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_full_with_so_many_under_way),
        cmocka_unit_test(an_answer_tells_of_all_that_were_asked_before),
        cmocka_unit_test(a_port_that_is_silent_keeps_nobody_waiting),
        cmocka_unit_test(answers_tell_that_it_is_full),
        cmocka_unit_test(an_answer_that_is_too_old_tells_nothing),
        cmocka_unit_test(numbers_wrap),
        cmocka_unit_test(those_that_wait_try_again_one_after_the_other),
        cmocka_unit_test(one_that_is_closed_need_not_be_full),
        cmocka_unit_test(one_that_is_closed_lets_nobody_pass_for_a_while),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
