/* Log lines: whoever reads them, or does not, stops nobody.
 *
 * stderr is a pipe of ours while a test runs.  The last test leaves a thread
 * that waits for ever, as the daemon does when it ends. */
#include <config.h>

#include "controller/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <firsthop/buf.h>

static int true_stderr;
static int reader;              /* Of the pipe. */

static int
setup(void **state)
{
    int fds[2];

    true_stderr = dup(STDERR_FILENO);
    if (true_stderr < 0 || pipe(fds)) {
        return -1;
    }
    reader = fds[0];
    dup2(fds[1], STDERR_FILENO);
    close(fds[1]);
    log_start();
    return 0;
}

static int
teardown(void **state)
{
    dup2(true_stderr, STDERR_FILENO);
    close(true_stderr);
    close(reader);
    return 0;
}

/* The text after the prefix of a line; takes one off 'text'. */
static char *
next_line(char **text)
{
    char *line = strsep(text, "\n");
    char *message = strstr(line, "number ");

    assert_non_null(message);
    assert_non_null(*text);     /* It was whole. */
    return message;
}

/* The next 'n' lines.  Returns new. */
static char *
read_lines(size_t n)
{
    struct fh_buf text = { NULL, 0, 0 };

    while (n) {
        char *c = fh_buf_put(&text, 1);

        assert_int_equal(read(reader, c, 1), 1);
        n -= *c == '\n';
    }
    fh_buf_append(&text, "", 1);
    return (char *) text.data;
}

static void
lines_arrive_whole_and_in_order(void **state)
{
    char *text, *rest;

    for (int i = 0; i < 100; i++) {
        log_at(LOG_LVL_INFO, NULL, "number %d", i);
    }
    rest = text = read_lines(100);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(atoi(next_line(&rest) + 7), i);
    }
    free(text);
    log_stop();
}

static void
stop_writes_what_is_left(void **state)
{
    char *text, *rest;

    log_at(LOG_LVL_INFO, NULL, "number 1");
    log_at(LOG_LVL_INFO, NULL, "number 2");
    log_stop();
    rest = text = read_lines(2);
    assert_int_equal(atoi(next_line(&rest) + 7), 1);
    assert_int_equal(atoi(next_line(&rest) + 7), 2);
    free(text);

    /* Without the thread a line goes out at once. */
    log_at(LOG_LVL_INFO, NULL, "number 3");
    text = read_lines(1);
    assert_non_null(strstr(text, "number 3"));
    free(text);
}

/* How many lines 'line' says were lost before it. */
static uint64_t
told_as_lost(const char *line)
{
    const char *note = strstr(line, " lines before it lost");

    while (note && note[-1] != '(') {
        note--;
    }
    return note ? strtoull(note, NULL, 10) : 0;
}

/* Far more than pipe and ring hold: without the thread the first 64 KiB
 * would stop us for ever. */
static void
reader_that_sleeps_stops_nobody(void **state)
{
    const int n_logged = 4000;
    uint64_t n_before = log_n_lost();
    uint64_t n_lost, n_told = 0;
    char *text, *rest;
    int last = -1;

    for (int i = 0; i < n_logged; i++) {
        log_at(LOG_LVL_INFO, NULL, "number %d %0400d", i, 0);
    }
    n_lost = log_n_lost() - n_before;
    assert_true(n_lost > 0 && n_lost < n_logged);

    /* Now it wakes up: what there was room for is there, in order. */
    rest = text = read_lines(n_logged - n_lost);
    for (uint64_t i = 0; i < n_logged - n_lost; i++) {
        char *line = next_line(&rest);

        assert_true(atoi(line + 7) > last);
        last = atoi(line + 7);
        n_told += told_as_lost(line);
    }
    free(text);

    for (int i = 0; i < 2; i++) {       /* Each is told once. */
        log_at(LOG_LVL_INFO, NULL, "number %d", n_logged + i);
        text = read_lines(1);
        n_told += told_as_lost(text);
        assert_int_equal(n_told, n_lost);
        free(text);
    }
    log_stop();
}

/* Whoever shares the descriptor may have made it nonblocking, and wants to
 * find it as it was. */
static void
flags_of_the_descriptor_are_left_alone(void **state)
{
    int flags = fcntl(STDERR_FILENO, F_GETFL);
    char *text, *rest;

    assert_false(flags & O_NONBLOCK);
    log_at(LOG_LVL_INFO, NULL, "number 0");
    assert_int_equal(fcntl(STDERR_FILENO, F_GETFL), flags);

    fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
    for (int i = 1; i < 1200; i++) {
        log_at(LOG_LVL_INFO, NULL, "number %d %0100d", i, 0);
    }
    rest = text = read_lines(1200);
    for (int i = 0; i < 1200; i++) {
        assert_int_equal(atoi(next_line(&rest) + 7), i);
    }
    assert_int_equal(fcntl(STDERR_FILENO, F_GETFL), flags | O_NONBLOCK);
    free(text);
    log_stop();
}

/* Whoever makes us log without end does not fill the disk. */
static void
each_place_has_a_limit(void **state)
{
    char *text;
    int n = 0;

    for (int i = 0; i < 10000; i++) {
        log_warn("number %d", i);
    }
    log_warn("number 1, elsewhere");
    log_stop();
    text = fh_xcalloc(1, 1 << 16);
    assert_true(read(reader, text, (1 << 16) - 1) > 0);
    for (const char *p = text; (p = strchr(p, '\n')); p++) {
        n++;
    }
    assert_true(n > 100 && n < 1000);   /* 101, and ten a second. */
    assert_non_null(strstr(text, "elsewhere"));
    free(text);
}

static void
stop_does_not_wait_for_ever(void **state)
{
    for (int i = 0; i < 1200; i++) {
        log_at(LOG_LVL_INFO, NULL, "number %d %0100d", i, 0);
    }
    log_stop();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_arrive_whole_and_in_order,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(stop_writes_what_is_left, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(reader_that_sleeps_stops_nobody,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(flags_of_the_descriptor_are_left_alone,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(each_place_has_a_limit, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(stop_does_not_wait_for_ever, setup,
                                        teardown),
    };

    unsetenv("JOURNAL_STREAM");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
