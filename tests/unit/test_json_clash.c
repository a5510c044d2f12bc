/* jansson and libopenvswitch in one program: each calls its own functions.
 *
 * Both define json_object(), json_array(), json_string(), json_integer(),
 * json_real() and json_equal(), unless they were renamed in libopenvswitch
 * (build-aux/build-openvswitch).  Not renamed, the linker takes whichever
 * comes first, here libopenvswitch's, and these tests crash. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>

/* openvswitch/json.h cannot be included beside jansson.h. */
struct json *json_from_string(const char *);
void json_destroy__(struct json *);  /* By the last owner. */
char *json_to_string(const struct json *, int flags);
struct json *json_object_create(void);
void json_object_put(struct json *, const char *name, struct json *value);
struct json *json_integer_create(long long int);
bool ovs_json_equal(const struct json *, const struct json *);

static void
jansson_makes_each_kind_of_value(void **state)
{
    json_t *object = json_object();
    json_t *array = json_array();
    char *text;

    assert_true(json_is_object(object));
    assert_true(json_is_array(array));
    assert_int_equal(json_array_append_new(array, json_string("b")), 0);
    assert_int_equal(json_array_append_new(array, json_integer(3)), 0);
    assert_int_equal(json_array_append_new(array, json_real(0.5)), 0);
    assert_int_equal(json_object_set_new(object, "a", array), 0);
    text = json_dumps(object, JSON_COMPACT);
    assert_string_equal(text, "{\"a\":[\"b\",3,0.5]}");
    free(text);
    json_decref(object);
}

static void
jansson_compares_its_own_values(void **state)
{
    json_t *a = json_pack("{s:[i,s]}", "k", 1, "v");
    json_t *b = json_pack("{s:[i,s]}", "k", 1, "v");
    json_t *c = json_pack("{s:[i,s]}", "k", 2, "v");

    assert_int_equal(json_equal(a, b), 1);
    assert_int_equal(json_equal(a, c), 0);
    json_decref(a);
    json_decref(b);
    json_decref(c);
}

static void
openvswitch_parses_prints_and_compares_its_own(void **state)
{
    struct json *parsed = json_from_string("{\"k\": 1}");
    struct json *made = json_object_create();
    char *text;

    json_object_put(made, "k", json_integer_create(1));
    assert_true(ovs_json_equal(parsed, made));
    text = json_to_string(parsed, 0);
    assert_string_equal(text, "{\"k\":1}");
    free(text);
    json_destroy__(parsed);
    json_destroy__(made);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jansson_makes_each_kind_of_value),
        cmocka_unit_test(jansson_compares_its_own_values),
        cmocka_unit_test(openvswitch_parses_prints_and_compares_its_own),
    };

    return cmocka_run_group_tests_name("json_clash", tests, NULL, NULL);
}
