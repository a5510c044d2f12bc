/* How log lines look, whatever a peer has put into them. */
#include <config.h>

#include "controller/base/log_format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#define TIME { .tv_sec = 1795651200, .tv_nsec = 7000000 }
#define TIME_TEXT "2026-11-26T00:00:00.007Z"

static const struct log_field moved[] = {
    { "event", "client.moved" }, { "client", "10.0.0.10" },
    { "detail", "a \"b\\c\nd" },
};

static struct log_record
record(const char *message, size_t n_fields)
{
    return (struct log_record) {
        .level = LOG_LVL_WARN, .time = TIME, .message = message,
        .fields = moved, .n_fields = n_fields,
    };
}

static void
assert_bytes(const char *out, size_t len, const char *wanted)
{
    assert_int_equal(len, strlen(wanted));
    assert_memory_equal(out, wanted, len);
}

static void
text_is_for_people(void **state)
{
    struct log_record r = record("a line\nforged \x1b[0m", 3);
    char out[LOG_RECORD_MAX_BYTES];

    assert_bytes(out, log_format_text(&r, out),
                 TIME_TEXT " WARN a line?forged ?[0m\n");
    assert_bytes(out, log_format_priority(&r, out),
                 "<4>a line?forged ?[0m\n");
}

static void
json_is_an_object_a_line_with_all_fields(void **state)
{
    struct log_record r = record("say \"hi\"\\\n", 3);
    char out[LOG_RECORD_MAX_BYTES];
    size_t len = log_format_json(&r, out);
    const char *time, *level, *message, *event, *client, *detail;
    json_t *line;

    assert_ptr_equal(memchr(out, '\n', len), out + len - 1);
    line = json_loadb(out, len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(line);
    assert_int_equal(json_unpack(line, "{s:s, s:s, s:s, s:s, s:s, s:s !}",
                                 "time", &time, "level", &level, "message",
                                 &message, "event", &event, "client", &client,
                                 "detail", &detail), 0);
    assert_string_equal(time, TIME_TEXT);
    assert_string_equal(level, "warn");
    assert_string_equal(message, "say \"hi\"\\?");
    assert_string_equal(event, "client.moved");
    assert_string_equal(client, "10.0.0.10");
    assert_string_equal(detail, "a \"b\\c?d");
    json_decref(line);
}

static void
journal_has_a_field_a_line(void **state)
{
    struct log_record r = record("x\nPRIORITY=0", 3);
    char out[LOG_RECORD_MAX_BYTES];

    assert_bytes(out, log_format_journal(&r, out),
                 "PRIORITY=4\nSYSLOG_IDENTIFIER=firsthopd\n"
                 "FIRSTHOP_EVENT=client.moved\nFIRSTHOP_CLIENT=10.0.0.10\n"
                 "FIRSTHOP_DETAIL=a \"b\\c?d\n"
                 "MESSAGE=x?PRIORITY=0\n");
}

/* Whatever is too long, each kind of line stays one. */
static void
what_is_too_long_is_cut(void **state)
{
    static char quotes[2 * LOG_RECORD_MAX_BYTES];
    char out[LOG_RECORD_MAX_BYTES];
    struct log_record r = record(quotes, 0);

    memset(quotes, '"', sizeof quotes - 1);
    for (size_t n = LOG_RECORD_MAX_BYTES / 2 - 100;
         n < sizeof quotes - 1; n += n < LOG_RECORD_MAX_BYTES ? 1 : 500) {
        size_t len;

        quotes[n] = '\0';
        assert_int_equal(out[log_format_text(&r, out) - 1], '\n');
        assert_int_equal(out[log_format_journal(&r, out) - 1], '\n');
        len = log_format_json(&r, out);
        assert_true(len <= sizeof out);
        assert_int_equal(out[len - 1], '\n');
        if (n < LOG_RECORD_MAX_BYTES) {
            json_t *line = json_loadb(out, len, 0, NULL);

            assert_non_null(line);
            json_decref(line);
        }
        quotes[n] = '"';
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_for_people),
        cmocka_unit_test(json_is_an_object_a_line_with_all_fields),
        cmocka_unit_test(journal_has_a_field_a_line),
        cmocka_unit_test(what_is_too_long_is_cut),
    };

    return cmocka_run_group_tests_name("log_format", tests, NULL, NULL);
}
