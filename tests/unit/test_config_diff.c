/* What one configuration has that another has not. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "controller/config/config_diff.h"

static void
check(const char *from_text, const char *to_text, const char *expected)
{
    json_t *from = json_loads(from_text, 0, NULL);
    json_t *to = json_loads(to_text, 0, NULL);
    json_t *want = json_loads(expected, 0, NULL);
    size_t n;
    json_t *got = config_diff(from, to, 100, &n);

    assert_non_null(want);
    if (!json_equal(got, want)) {
        print_message("%s\n", json_dumps(got, 0));
    }
    assert_true(json_equal(got, want));
    assert_int_equal(n, json_array_size(want));
    json_decref(got);
    json_decref(want);
    json_decref(to);
    json_decref(from);
}

static void
values_are_told_apart_by_their_path(void **state)
{
    check("{}", "{}", "[]");
    check("{\"a\": {\"b\": 1, \"c\": [1]}}",
          "{\"a\": {\"b\": 2, \"c\": [1], \"d/e\": null}}",
          "[{\"op\": \"replace\", \"path\": \"/a/b\", \"from\": 1,"
          " \"value\": 2},"
          " {\"op\": \"add\", \"path\": \"/a/d~1e\", \"value\": null}]");
    check("{\"a\": {\"b\": 1}}", "{\"a\": 7}",
          "[{\"op\": \"replace\", \"path\": \"/a\","
          " \"from\": {\"b\": 1}, \"value\": 7}]");
    check("{\"a\": [1, 2]}", "{\"a\": [2, 1]}",
          "[{\"op\": \"replace\", \"path\": \"/a\", \"from\": [1, 2],"
          " \"value\": [2, 1]}]");
    check("{\"a\": 1}", "{}",
          "[{\"op\": \"remove\", \"path\": \"/a\", \"from\": 1}]");
}

#define C(ADDRESS, MORE) \
    "{\"address\": \"" ADDRESS "\", \"segment\": \"m\"" MORE "}"

static void
clients_are_the_same_wherever_they_stand(void **state)
{
    check("{\"clients\": [" C("1", "") ", " C("2", "") ", " C("3", "") "]}",
          "{\"clients\": [" C("3", "") ", " C("4", "") ", "
          C("1", ", \"mac\": \"x\"") "]}",
          "[{\"op\": \"replace\", \"path\": \"/clients/0\", \"from\": "
          C("1", "") ", \"value\": " C("1", ", \"mac\": \"x\"") "},"
          " {\"op\": \"remove\", \"path\": \"/clients/1\", \"from\": "
          C("2", "") "},"
          " {\"op\": \"add\", \"path\": \"/clients/1\", \"value\": "
          C("4", "") "}]");
    check("{}", "{\"clients\": [" C("1", "") "]}",
          "[{\"op\": \"add\", \"path\": \"/clients/0\", \"value\": "
          C("1", "") "}]");
}

static void
no_more_than_asked_for_are_listed(void **state)
{
    json_t *from = json_object();
    json_t *to = json_object();
    json_t *changes;
    char key[16];
    size_t n;

    for (int i = 0; i < 50; i++) {
        snprintf(key, sizeof key, "%d", i);
        json_object_set_new(to, key, json_integer(i));
    }
    changes = config_diff(from, to, 10, &n);
    assert_int_equal(n, 50);
    assert_int_equal(json_array_size(changes), 10);
    json_decref(changes);
    json_decref(to);
    json_decref(from);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_told_apart_by_their_path),
        cmocka_unit_test(clients_are_the_same_wherever_they_stand),
        cmocka_unit_test(no_more_than_asked_for_are_listed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
