/* Text that is no configuration: where each mistake of its JSON is reported,
 * and within which bounds. */
#include <config.h>

#include "controller/config/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <firsthop/buf.h>

#include "tests/unit/config_cases.h"

static void
syntax_errors_tell_line_and_column(void **state)
{
    static const char text[] = "{\n  \"routers\": {,}\n}";

    assert_first_error(text, strlen(text), "", "line 2, column");
    assert_first_error("", 0, "", "line 1");
    assert_first_error("{} {}", 5, "", "line 1");
    assert_first_error("{\"a\": \"\xff\"}", 10, "", "line 1");
}

static void
root_must_be_an_object(void **state)
{
    assert_first_error("[]", 2, "", "must be an object");
    assert_first_error("null", 4, "", "must be an object");
    assert_first_error("1", 1, "", "must be an object");
}

static void
text_truncated_anywhere_is_refused(void **state)
{
    char *text = read_source("controller/config/firsthop.example.json");
    size_t len = strrchr(text, '}') - text;

    for (size_t i = 0; i <= len; i++) {
        struct config_errors errors = { NULL, 0, 0, 0 };
        char *part = fh_xmemdup(text, i + 1);   /* So that ASan sees. */
        char *exact = fh_xrealloc(part, i ? i : 1);

        assert_null(config_parse(exact, i, &errors, NULL));
        assert_true(errors.n > 0);
        config_errors_destroy(&errors);
        free(exact);
    }
    free(text);
}

static void
duplicates_are_all_found_by_pointer(void **state)
{
    static const char text[] =
        "{\"openflow\": {\"listen\": [], \"listen\": []},\n"
        " \"routers\": {\"A/~\": {}, \"\\u0041/~\": {}},\n"
        " \"clients\": [{}, {\"mac\": 1, \"x\": {}, \"mac\": 1, \"mac\": 2}]"
        "}";
    struct config_errors errors = { NULL, 0, 0, 0 };
    static const char *const expected[] = {
        "/clients/1/mac", "/clients/1/mac", "/openflow/listen",
        "/routers/A~1~0",
    };
    const char *pointers[16];

    assert_null(config_read_json(text, strlen(text), 16, &errors));
    assert_int_equal(sorted_pointers(&errors, pointers, 16), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(pointers[i], expected[i]);
    }
    config_errors_destroy(&errors);
}

static void
same_key_in_different_objects_is_no_duplicate(void **state)
{
    static const char text[] =
        "{\"a\": {\"a\": {\"a\": [{\"a\": 1}, {\"a\": 1}]}, \"b\": 1},"
        " \"b\": \"\\\"a\\\": 1\", \"\": 1, \" \": [ ] }";
    struct config_errors errors = { NULL, 0, 0, 0 };
    json_t *json = config_read_json(text, strlen(text), 16, &errors);

    assert_non_null(json);
    json_decref(json);
}

/* jansson skips a null byte that follows a number; the second reader took it
 * for part of the number, and ran past the end of the text. */
static void
null_byte_is_refused_where_it_is(void **state)
{
    static const char text[] = "{\"\":9\n,\"l\":1}";
    const size_t len = sizeof text - 1;
    const size_t feed = strchr(text, '\n') - text;

    for (size_t i = 0; i < len; i++) {
        struct config_errors errors = { NULL, 0, 0, 0 };
        char *copy = fh_xmemdup(text, len);
        char expected[64];

        copy[i] = '\0';
        snprintf(expected, sizeof expected, "line %d, column %zu: null byte",
                 i > feed ? 2 : 1, i > feed ? i - feed - 1 : i);
        assert_null(config_read_json(copy, len, 16, &errors));
        assert_int_equal(errors.n, 1);
        assert_string_equal(errors.items[0].pointer, "");
        assert_string_equal(errors.items[0].text, expected);
        config_errors_destroy(&errors);
        free(copy);
    }
}

static void
empty_containers_and_keys_are_read(void **state)
{
    static const char *const texts[] = {
        "{}", "[]", " { } ", "[ ]", "{\"\":{}}", "[{},[]]", "{\"\":9}",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct config_errors errors = { NULL, 0, 0, 0 };
        size_t len = strlen(texts[i]);
        char *exact = fh_xmemdup(texts[i], len);
        json_t *json = config_read_json(exact, len, 16, &errors);

        assert_non_null(json);
        json_decref(json);
        free(exact);
    }
}

static void
duplicates_do_not_hide_other_errors(void **state)
{
    static const char text[] = "{\"clients\": [], \"clients\": 3, \"x\": 1}";
    struct config_errors errors = { NULL, 0, 0, 0 };
    static const char *const expected[MAX_EXPECTED] = {
        "/clients", "/clients", "/x"
    };

    assert_null(config_parse(text, strlen(text), &errors, NULL));
    check_pointers(&errors, expected, "duplicates");
    config_errors_destroy(&errors);
}

static void
depth_is_bounded(void **state)
{
    struct config_errors errors = { NULL, 0, 0, 0 };
    json_t *json = config_read_json("[[{\"a\":[]}]]", 12, 4, &errors);

    assert_non_null(json);
    json_decref(json);
    assert_null(config_read_json("[[{\"a\":[]}]]", 12, 3, &errors));
    assert_string_equal(errors.items[0].pointer, "/0/0/a");
    config_errors_destroy(&errors);
}

static void
thousand_errors_are_kept_and_the_rest_counted(void **state)
{
    struct fh_buf text = { NULL, 0, 0 };
    struct config_errors errors = { NULL, 0, 0, 0 };

    fh_buf_append(&text, "{\"clients\":[0", 13);
    for (size_t i = 0; i < 1000; i++) {
        fh_buf_append(&text, ",0", 2);
    }
    fh_buf_append(&text, "]}", 2);
    assert_null(config_parse((char *) text.data, text.len, &errors, NULL));
    assert_int_equal(errors.n, 1000);
    assert_int_equal(errors.n_dropped, 1);
    config_errors_destroy(&errors);
    fh_buf_destroy(&text);
}

static void
unreadable_file_is_an_error_of_the_whole(void **state)
{
    struct config_errors errors = { NULL, 0, 0, 0 };

    assert_null(config_load_file("/nonexistent/firsthop.json", &errors,
                                 NULL));
    assert_int_equal(errors.n, 1);
    assert_string_equal(errors.items[0].pointer, "");
    assert_non_null(strstr(errors.items[0].text, strerror(ENOENT)));
    config_errors_destroy(&errors);
    assert_null(config_load_file("/", &errors, NULL));
    assert_non_null(strstr(errors.items[0].text, strerror(EISDIR)));
    config_errors_destroy(&errors);
}

static void
file_is_read(void **state)
{
    struct config_errors errors = { NULL, 0, 0, 0 };
    char *path = source_path("controller/config/firsthop.example.json");
    struct config *config = config_load_file(path, &errors, NULL);

    assert_non_null(config);
    assert_int_equal(config_find_router(config, "B"), 1);
    assert_int_equal(config_find_router(config, "C"), SIZE_MAX);
    assert_int_equal(config_find_segment(config, "metro"), 0);
    assert_int_equal(config_find_segment(config, ""), SIZE_MAX);
    config_destroy(config);
    free(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syntax_errors_tell_line_and_column),
        cmocka_unit_test(root_must_be_an_object),
        cmocka_unit_test(text_truncated_anywhere_is_refused),
        cmocka_unit_test(duplicates_are_all_found_by_pointer),
        cmocka_unit_test(same_key_in_different_objects_is_no_duplicate),
        cmocka_unit_test(null_byte_is_refused_where_it_is),
        cmocka_unit_test(empty_containers_and_keys_are_read),
        cmocka_unit_test(duplicates_do_not_hide_other_errors),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(thousand_errors_are_kept_and_the_rest_counted),
        cmocka_unit_test(unreadable_file_is_an_error_of_the_whole),
        cmocka_unit_test(file_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
