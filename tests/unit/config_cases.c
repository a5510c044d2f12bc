#include <config.h>

#include "tests/unit/config_cases.h"

#include <stdio.h>
#include <stdlib.h>

#include <firsthop/buf.h>

char *
source_path(const char *name)
{
    const char *top = getenv("top_srcdir");

    return fh_xasprintf("%s/%s", top ? top : ".", name);
}

char *
read_source(const char *name)
{
    char *path = source_path(name);
    FILE *file = fopen(path, "r");
    struct fh_buf text = { NULL, 0, 0 };
    char chunk[4096];
    size_t n;

    if (!file) {
        fail_msg("%s: cannot be opened", path);
    }
    while ((n = fread(chunk, 1, sizeof chunk, file)) > 0) {
        fh_buf_append(&text, chunk, n);
    }
    fclose(file);
    free(path);
    fh_buf_append(&text, "", 1);
    return (char *) text.data;
}

json_t *
load_example(void)
{
    char *text = read_source("controller/config/firsthop.example.json");
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

    assert_non_null(json);
    free(text);
    return json;
}

/* Where the last token of 'pointer' starts; what it is a member of goes into
 * '*parent'. */
static const char *
walk(json_t *json, const char *pointer, json_t **parent)
{
    while (strchr(pointer + 1, '/')) {
        size_t len = strcspn(pointer + 1, "/");
        char *token = fh_xasprintf("%.*s", (int) len, pointer + 1);

        json = (json_is_array(json) ? json_array_get(json, atoi(token))
                : json_object_get(json, token));
        if (!json) {
            fail_msg("the test's pointer leads nowhere: %s", pointer);
        }
        pointer += 1 + len;
        free(token);
    }
    *parent = json;
    return pointer + 1;
}

void
apply_edit(json_t *json, const struct edit *edit)
{
    json_t *parent;
    const char *token = walk(json, edit->pointer, &parent);

    if (!edit->value) {
        assert_int_equal(json_object_del(parent, token), 0);
        return;
    }

    json_error_t error;
    json_t *value = json_loads(edit->value, JSON_DECODE_ANY, &error);
    if (!value) {
        fail_msg("the test's JSON: %s: %s", edit->value, error.text);
    }
    if (!json_is_array(parent)) {
        json_object_set_new(parent, token, value);
    } else if (!strcmp(token, "-")) {
        json_array_append_new(parent, value);
    } else {
        assert_int_equal(json_array_set_new(parent, atoi(token), value), 0);
    }
}

static int
compare_strings(const void *a_, const void *b_)
{
    const char *const *a = a_;
    const char *const *b = b_;

    return strcmp(*a, *b);
}

size_t
sorted_pointers(const struct config_errors *errors, const char **pointers,
                size_t max)
{
    assert_true(errors->n <= max);
    for (size_t i = 0; i < errors->n; i++) {
        pointers[i] = errors->items[i].pointer;
        assert_true(strlen(errors->items[i].text) > 5);
    }
    qsort(pointers, errors->n, sizeof *pointers, compare_strings);
    return errors->n;
}

void
print_errors(const struct config_errors *errors)
{
    for (size_t i = 0; i < errors->n; i++) {
        print_error("  %s: %s\n", errors->items[i].pointer,
                    errors->items[i].text);
    }
}

void
check_pointers(const struct config_errors *errors,
               const char *const expected_[MAX_EXPECTED], const char *what)
{
    const char *expected[MAX_EXPECTED], *actual[64];
    size_t n = 0;

    while (n < MAX_EXPECTED && expected_[n]) {
        expected[n] = expected_[n];
        n++;
    }
    qsort(expected, n, sizeof *expected, compare_strings);

    bool same = errors->n == n && sorted_pointers(errors, actual, 64) == n;
    for (size_t i = 0; same && i < n; i++) {
        same = !strcmp(expected[i], actual[i]);
    }
    if (!same) {
        print_errors(errors);
        fail_msg("%s: not the expected errors", what);
    }
}

void
run_case(const struct test_case *test, bool warnings_expected)
{
    static const char *const none[MAX_EXPECTED] = { NULL };
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct config_errors warnings = { NULL, 0, 0, 0 };
    json_t *json = load_example();
    const char *what = test->edits[0].pointer;

    for (size_t i = 0; i < MAX_EDITS && test->edits[i].pointer; i++) {
        apply_edit(json, &test->edits[i]);
    }

    char *text = json_dumps(json, 0);
    char *name = fh_xasprintf("%s = %s", what, test->edits[0].value);
    struct config *config = config_parse(text, strlen(text), &errors,
                                         &warnings);
    check_pointers(&errors, warnings_expected ? none : test->expected, name);
    assert_int_equal(config != NULL, errors.n == 0);
    if (warnings_expected) {
        check_pointers(&warnings, test->expected, name);
    }

    config_destroy(config);
    config_errors_destroy(&errors);
    config_errors_destroy(&warnings);
    free(name);
    free(text);
    json_decref(json);
}

void
assert_first_error(const char *text, size_t len, const char *pointer,
                   const char *part)
{
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct config *config = config_parse(text, len, &errors, NULL);

    assert_null(config);
    assert_true(errors.n > 0);
    assert_string_equal(errors.items[0].pointer, pointer);
    if (!strstr(errors.items[0].text, part)) {
        fail_msg("\"%s\" does not say \"%s\"", errors.items[0].text, part);
    }
    config_errors_destroy(&errors);
}
