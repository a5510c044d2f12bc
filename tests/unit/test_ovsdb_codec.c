/* OVSDB's JSON: where a text ends, what a value is, what becomes of rows. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <firsthop/buf.h>

#include "controller/ovsdb/ovsdb_frame.h"
#include "controller/ovsdb/ovsdb_nudge.h"
#include "controller/ovsdb/ovsdb_rows.h"
#include "controller/ovsdb/ovsdb_server.h"
#include "controller/ovsdb/ovsdb_value.h"

#define A "aaaaaaaa-2222-3333-4444-555555555555"
#define B "bbbbbbbb-2222-3333-4444-555555555555"

/* JSON with ' for ", new. */
static json_t *
json_of(const char *text)
{
    char *copy = fh_xstrdup(text);
    json_error_t error;
    json_t *json;

    for (char *p = copy; (p = strchr(p, '\'')); ) {
        *p = '"';
    }
    json = json_loads(copy, JSON_DECODE_ANY, &error);
    if (!json) {
        fail_msg("%s: %s", copy, error.text);
    }
    free(copy);
    return json;
}

/* The same the other way round; takes 'json'. */
static char *
text_of(json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);

    for (char *p = text; p && (p = strchr(p, '"')); ) {
        *p = '\'';
    }
    json_decref(json);
    return text;
}

static void
assert_json(json_t *json, const char *expected)
{
    char *text = json ? text_of(json) : NULL;

    assert_string_equal(text ? text : "(none)", expected);
    free(text);
}

/* Frames. */

static const char three_texts[] =
    "{\"a\":\"}{\\\"\\\\\"} \n{\"b\":[{},[1,{\"c\":\"]\"}]]}{}";

static void
texts_end_where_they_end_however_they_arrive(void **state)
{
    size_t len = sizeof three_texts - 1;

    for (size_t step = 1; step <= len; step++) {
        struct ovsdb_frame frame = { .max_bytes = 100 };
        const char *why;
        size_t n = 0;
        json_t *json;

        for (size_t ofs = 0; ofs < len; ofs += step) {
            ovsdb_frame_put(&frame, three_texts + ofs,
                            len - ofs < step ? len - ofs : step);
            while ((json = ovsdb_frame_take(&frame, &why))) {
                static const char *const expected[] = {
                    "{'a':'}{\\'\\\\'}", "{'b':[{},[1,{'c':']'}]]}", "{}"
                };

                assert_json(json, expected[n++]);
            }
            assert_null(why);
        }
        assert_int_equal(n, 3);
        ovsdb_frame_reset(&frame);
    }
}

/* What is wrong with 'text', at most 40 bytes. */
static const char *
frame_error(const char *text)
{
    struct ovsdb_frame frame = { .max_bytes = 40 };
    const char *why;
    json_t *json;

    ovsdb_frame_put(&frame, text, strlen(text));
    json = ovsdb_frame_take(&frame, &why);
    json_decref(json);
    ovsdb_frame_reset(&frame);
    return json ? "(fine)" : why ? why : "(more)";
}

static void
a_text_that_cannot_end_well_is_refused_at_once(void **state)
{
    char deep[OVSDB_FRAME_MAX_DEPTH * 5 + 10] = "{";
    struct ovsdb_frame frame = { .max_bytes = sizeof deep };
    const char *why;

    assert_string_equal(frame_error(" \n{\"a\":1"), "(more)");
    assert_string_equal(frame_error("[1]"), "a message that is no object");
    assert_string_equal(frame_error("x"), "a message that is no object");
    assert_string_equal(frame_error("{]"), "a message that is no JSON");
    assert_string_equal(frame_error("{\"a\":1,\"a\":2}"),
                        "a message that is no JSON");
    assert_string_equal(frame_error("{a}"), "a message that is no JSON");
    assert_string_equal(frame_error("{\"a\":\"\\u0000\"}"),
                        "a message that is no JSON");
    assert_string_equal(
        frame_error("{\"a\":\"01234567890123456789012345678901\"}"), "(fine)");
    assert_string_equal(
        frame_error("{\"a\":\"0123456789012345678901234567890123456"),
        "a message that is too long");

    for (int i = 0; i < OVSDB_FRAME_MAX_DEPTH; i++) {
        strcat(deep, i ? "[" : "\"a\":[");
    }
    ovsdb_frame_put(&frame, deep, strlen(deep));
    assert_null(ovsdb_frame_take(&frame, &why));
    assert_string_equal(why, "a message that is nested too deeply");
    ovsdb_frame_reset(&frame);
}

/* Values. */

static const char string_type[] = "'string'";
static const char maybe_type[] = "{'key':'string','min':0,'max':1}";
static const char set_type[] = "{'key':'integer','min':0,'max':'unlimited'}";
static const char map_type[] =
    "{'key':'string','value':'integer','min':0,'max':'unlimited'}";
static const char uuids_type[] =
    "{'key':{'type':'uuid','refTable':'T'},'min':0,'max':5}";

static struct ovsdb_type
type_of(const char *text)
{
    json_t *json = json_of(text);
    struct ovsdb_type type;

    assert_true(ovsdb_type_parse(json, &type));
    json_decref(json);
    return type;
}

static void
types_are_what_a_schema_may_say(void **state)
{
    static const char *const bad[] = {
        "'nonsense'", "5", "{}", "{'key':'x'}", "[]", "null",
        "{'key':'string','value':'x'}", "{'key':'string','min':2}",
        "{'key':'string','max':0}", "{'key':'string','max':'many'}",
    };

    assert_true(type_of(string_type).is_scalar);
    assert_true(type_of("{'key':{'type':'real'}}").is_scalar);
    assert_false(type_of(maybe_type).is_scalar);
    assert_true(type_of(maybe_type).replaced);
    assert_false(type_of(set_type).replaced);
    assert_true(type_of(map_type).is_map);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        json_t *json = json_of(bad[i]);
        struct ovsdb_type type;

        if (ovsdb_type_parse(json, &type)) {
            fail_msg("taken: %s", bad[i]);
        }
        json_decref(json);
    }
}

static void
assert_normal(const char *type_text, const char *value, const char *expected)
{
    struct ovsdb_type type = type_of(type_text);
    json_t *json = json_of(value);

    assert_json(ovsdb_value_normal(&type, json), expected);
    json_decref(json);
}

static void
equal_values_have_one_form(void **state)
{
    assert_normal(string_type, "'x'", "'x'");
    assert_normal(maybe_type, "'x'", "['set',['x']]");
    assert_normal(maybe_type, "['set',[]]", "['set',[]]");
    assert_normal(set_type, "['set',[3,-1,2]]", "['set',[-1,2,3]]");
    assert_normal(set_type, "7", "['set',[7]]");
    assert_normal(map_type, "['map',[['b',1],['a',2]]]",
                  "['map',[['a',2],['b',1]]]");
    assert_normal(uuids_type, "['uuid','" A "']",
                  "['set',[['uuid','" A "']]]");
}

static void
what_is_no_value_of_its_type_is_refused(void **state)
{
    static const char *const cases[][2] = {
        { string_type, "5" }, { string_type, "['set',[]]" },
        { string_type, "null" }, { set_type, "'5'" }, { set_type, "1.5" },
        { set_type, "['set',[1,'2']]" }, { set_type, "['set',[1,1]]" },
        { set_type, "['set',5]" }, { set_type, "['map',[]]" },
        { set_type, "['set',[],[]]" }, { map_type, "['set',[]]" },
        { map_type, "['map',[['a']]]" }, { map_type, "['map',[['a','b']]]" },
        { map_type, "['map',[['a',1],['a',2]]]" }, { map_type, "'a'" },
        { uuids_type, "['uuid','x']" }, { uuids_type, "'" A "'" },
        { uuids_type, "['uuid','" A "0']" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_normal(cases[i][0], cases[i][1], "(none)");
    }
}

static void
what_is_not_said_is_as_by_default(void **state)
{
    static const char *const cases[][2] = {
        { string_type, "''" }, { "'integer'", "0" }, { "'real'", "0.0" },
        { "'boolean'", "false" }, { maybe_type, "['set',[]]" },
        { map_type, "['map',[]]" },
        { "'uuid'", "['uuid','00000000-0000-0000-0000-000000000000']" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ovsdb_type type = type_of(cases[i][0]);

        assert_json(ovsdb_value_default(&type), cases[i][1]);
    }
}

static void
assert_change(const char *type_text, const char *old, const char *diff,
              const char *expected)
{
    struct ovsdb_type type = type_of(type_text);
    json_t *old_json = json_of(old);
    json_t *diff_json = json_of(diff);

    assert_json(ovsdb_value_change(&type, old_json, diff_json), expected);
    json_decref(old_json);
    json_decref(diff_json);
}

static void
a_change_is_a_new_value_or_a_difference(void **state)
{
    assert_change(string_type, "'x'", "'y'", "'y'");
    assert_change(maybe_type, "['set',['x']]", "'y'", "['set',['y']]");
    assert_change(maybe_type, "['set',['x']]", "['set',[]]", "['set',[]]");
    assert_change(set_type, "['set',[1,2,5]]", "['set',[9,2,0]]",
                  "['set',[0,1,5,9]]");
    assert_change(set_type, "['set',[]]", "3", "['set',[3]]");
    assert_change(map_type, "['map',[['a',1],['b',2],['c',3]]]",
                  "['map',[['a',1],['b',9],['d',4]]]",
                  "['map',[['b',9],['c',3],['d',4]]]");
    assert_change(map_type, "['map',[]]", "['set',[]]", "(none)");
    assert_change(string_type, "'x'", "5", "(none)");
}

/* Rows. */

struct fixture {
    struct ovsdb_rows *rows;
    char told[1000];
};

static const char schema_text[] =
    "{'tables':{'T':{'columns':{'name':{'type':'string'},"
    "'many':{'type':{'key':'integer','min':0,'max':'unlimited'}}}}}}";

static int
setup(void **state)
{
    struct fixture *f = fh_xcalloc(1, sizeof *f);
    json_t *monitor = json_of("{'T':[{'columns':['name','many']}]}");
    json_t *schema = json_of(schema_text);

    f->rows = ovsdb_rows_create(monitor, 3);
    assert_null(ovsdb_rows_set_schema(f->rows, schema));
    json_decref(monitor);
    json_decref(schema);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    ovsdb_rows_destroy(f->rows);
    free(f);
    return 0;
}

static void
note(void *f_, const char *table, const char *uuid, const json_t *old_row,
     const json_t *new_row)
{
    struct fixture *f = f_;
    char *old = old_row ? text_of(json_incref((json_t *) old_row)) : NULL;
    char *new = new_row ? text_of(json_incref((json_t *) new_row)) : NULL;
    size_t len = strlen(f->told);

    snprintf(f->told + len, sizeof f->told - len, "%s%c: %s -> %s",
             len ? "; " : "", uuid[0], old ? old : "-", new ? new : "-");
    free(old);
    free(new);
}

static const char *
apply(struct fixture *f, const char *updates, bool whole)
{
    json_t *json = json_of(updates);
    const char *why;

    f->told[0] = '\0';
    why = ovsdb_rows_apply(f->rows, json, whole, note, f);
    json_decref(json);
    return why;
}

static void
rows_come_change_and_go(void **state)
{
    struct fixture *f = *state;

    assert_null(apply(f, "{'T':{'" A "':{'initial':{'name':'x'}}}}", true));
    assert_string_equal(f->told, "a: - -> {'name':'x','many':['set',[]]}");
    assert_null(apply(f, "{'T':{'" A "':{'modify':{'many':5}}}}", false));
    assert_string_equal(f->told, "a: {'name':'x','many':['set',[]]} -> "
                        "{'name':'x','many':['set',[5]]}");
    assert_json(ovsdb_rows_get(f->rows, "T", A),
                "{'name':'x','many':['set',[5]]}");
    assert_null(apply(f, "{'T':{'" A "':{'delete':null}}}", false));
    assert_string_equal(f->told, "a: {'name':'x','many':['set',[5]]} -> -");
    assert_int_equal(ovsdb_rows_count(f->rows), 0);
    assert_null(ovsdb_rows_get(f->rows, "T", A));
    assert_null(ovsdb_rows_get(f->rows, "U", A));
    assert_null(ovsdb_rows_get(f->rows, "T", "x"));
}

static void
a_whole_tells_only_what_is_new(void **state)
{
    struct fixture *f = *state;

    apply(f, "{'T':{'" A "':{'initial':{'name':'x','many':['set',[1,2]]}},"
          "'" B "':{'initial':{'name':'y'}}}}", true);
    assert_null(apply(
        f, "{'T':{'" A "':{'initial':{'many':['set',[2,1]],'name':'x'}}}}",
        true));
    assert_string_equal(f->told, "b: {'name':'y','many':['set',[]]} -> -");
    assert_null(apply(f, "{}", true));
    assert_string_equal(f->told, "a: {'name':'x','many':['set',[1,2]]} -> -");
}

static void
no_more_rows_are_taken_than_may_be(void **state)
{
    struct fixture *f = *state;
    char text[300] = "{'T':{";

    for (int i = 0; i < 3; i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "%s'%d" "aaaaaaa-2222-3333-4444-555555555555':{'insert':{}}",
                 i ? "," : "", i);
    }
    strcat(text, "}}");
    assert_null(apply(f, text, false));
    assert_null(apply(f, text, false));
    assert_string_equal(apply(f, "{'T':{'" A "':{'insert':{}}}}", false),
                        "more rows than are taken");
    assert_int_equal(ovsdb_rows_count(f->rows), 3);
}

static void
updates_that_make_no_sense_are_refused(void **state)
{
    static const char *const bad[] = {
        "[]", "{'U':{}}", "{'T':[]}", "{'T':{'x':{'insert':{}}}}",
        "{'T':{'" A "':{}}}", "{'T':{'" A "':{'invent':{}}}}",
        "{'T':{'" A "':{'insert':{},'delete':null}}}",
        "{'T':{'" A "':{'insert':[]}}}",
        "{'T':{'" A "':{'insert':{'name':5}}}}",
        "{'T':{'" A "':{'insert':{'other':5}}}}",
        "{'T':{'" A "':{'modify':{}}}}", "{'T':{'" A "':null}}",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (!apply(f, bad[i], false)) {
            fail_msg("taken: %s", bad[i]);
        }
        assert_string_equal(f->told, "");
    }
    assert_null(apply(f, "{'T':{'" A "':{'delete':null}}}", false));
}

static void
what_is_monitored_must_be_in_the_schema(void **state)
{
    json_t *monitor = json_of("{'T':[{'columns':['name','other']}]}");
    struct ovsdb_rows *rows = ovsdb_rows_create(monitor, 1);
    json_t *schema = json_of(schema_text);
    json_t *wrong = json_of("{'T':{'columns':['name']}}");

    assert_non_null(ovsdb_rows_set_schema(rows, schema));
    assert_null(ovsdb_rows_create(wrong, 1));
    ovsdb_rows_destroy(rows);
    json_decref(monitor);
    json_decref(schema);
    json_decref(wrong);
}

/* Servers. */

static void
a_schema_fits_by_its_first_two_numbers(void **state)
{
    assert_int_equal(ovsdb_version_fits("1.2.0", "1.2.5"), OVSDB_FITS);
    assert_int_equal(ovsdb_version_fits("1.10.0", "1.9.0"), OVSDB_FITS);
    assert_int_equal(ovsdb_version_fits("1.1.9", "1.2.0"), OVSDB_TOO_OLD);
    assert_int_equal(ovsdb_version_fits("0.9.0", "1.2.0"), OVSDB_TOO_OLD);
    assert_int_equal(ovsdb_version_fits("2.0.0", "1.2.0"), OVSDB_TOO_NEW);
    assert_int_equal(ovsdb_version_fits(NULL, "1.2.0"), OVSDB_TOO_OLD);
    assert_int_equal(ovsdb_version_fits("x", "1.2.0"), OVSDB_TOO_OLD);
    assert_int_equal(ovsdb_version_fits("x", NULL), OVSDB_FITS);
}

static void
a_server_is_what_it_said_last(void **state)
{
    struct ovsdb_server_state server = { .present = false };
    json_t *first = json_of(
        "{'Database':{'" A "':{'initial':{'model':'clustered','connected':"
        "true,'leader':true,'schema':'{}','cid':['uuid','" B "'],"
        "'index':7}}}}");
    json_t *second = json_of(
        "{'Database':{'" A "':{'modify':{'leader':false,'index':"
        "['set',[]]}}}}");
    json_t *third = json_of("{'Database':{'" A "':{'delete':null}}}");
    json_t *wrong = json_of("{'Database':{'" A "':{'modify':5}}}");

    assert_true(ovsdb_server_update(&server, first));
    assert_true(server.present && server.connected && server.leads);
    assert_string_equal(server.cid, B);
    assert_string_equal(server.schema, "{}");
    assert_int_equal(server.index, 7);
    assert_true(ovsdb_server_update(&server, second));
    assert_true(server.present && server.connected && !server.leads);
    assert_int_equal(server.index, -1);
    assert_false(ovsdb_server_update(&server, wrong));
    assert_true(ovsdb_server_update(&server, third));
    assert_false(server.present || server.connected || server.schema);
    json_decref(first);
    json_decref(second);
    json_decref(third);
    json_decref(wrong);
    ovsdb_server_uninit(&server);
}

static void
a_server_is_asked_to_lead_where_its_peers_ask_it(void **state)
{
    struct target_addr addr, raft, expected;

    assert_null(target_parse("tcp:192.0.2.1:6641", &addr));
    assert_null(target_parse("tcp:192.0.2.1:6644", &expected));
    assert_true(ovsdb_nudge_addr(&addr, &raft));
    assert_memory_equal(&raft.ss, &expected.ss, expected.len);
    assert_false(raft.tls);
    assert_null(target_parse("ssl:[2001:db8::1]:1", &addr));
    assert_null(target_parse("ssl:[2001:db8::1]:6644", &expected));
    assert_true(ovsdb_nudge_addr(&addr, &raft));
    assert_memory_equal(&raft.ss, &expected.ss, expected.len);
    assert_true(raft.tls);
    assert_null(target_parse("unix:/run/db.sock", &addr));
    assert_false(ovsdb_nudge_addr(&addr, &raft));

    assert_json(ovsdb_nudge_message(A, B, 5),
                "{'id':null,'method':'become_leader','params':[{'cluster':'"
                A "','from':'f1757b00-0000-4000-8000-000000000000','to':'" B
                "','term':5}]}");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_end_where_they_end_however_they_arrive),
        cmocka_unit_test(a_text_that_cannot_end_well_is_refused_at_once),
        cmocka_unit_test(types_are_what_a_schema_may_say),
        cmocka_unit_test(equal_values_have_one_form),
        cmocka_unit_test(what_is_no_value_of_its_type_is_refused),
        cmocka_unit_test(what_is_not_said_is_as_by_default),
        cmocka_unit_test(a_change_is_a_new_value_or_a_difference),
        cmocka_unit_test_setup_teardown(rows_come_change_and_go, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_whole_tells_only_what_is_new, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(no_more_rows_are_taken_than_may_be,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            updates_that_make_no_sense_are_refused, setup, teardown),
        cmocka_unit_test(what_is_monitored_must_be_in_the_schema),
        cmocka_unit_test(a_schema_fits_by_its_first_two_numbers),
        cmocka_unit_test(a_server_is_what_it_said_last),
        cmocka_unit_test(a_server_is_asked_to_lead_where_its_peers_ask_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
