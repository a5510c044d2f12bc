/* What changes the configuration and the clients over the control socket: all
 * of it or nothing, and every error with its pointer. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "controller/api/api_internal.h"
#include "tests/unit/api_world.h"
#include "tests/unit/api_engine.h"
#include "tests/unit/http_peer.h"

/* Bad bodies change nothing. */

static void
bad_bodies_are_refused_with_pointers(void **state)
{
    static const struct {
        const char *method, *target, *body;
        int status;
        const char *pointer;
    } table[] = {
        { "PATCH", "/v1/routers/A", "", 400, "" },
        { "PATCH", "/v1/routers/A", "nonsense", 400, "" },
        { "PATCH", "/v1/routers/A", "{\"admin\": \"up\"} x", 400, "" },
        { "PATCH", "/v1/routers/A", "\"up\"", 422, "" },
        { "PATCH", "/v1/routers/A", "[]", 422, "" },
        { "PATCH", "/v1/routers/A", "{}", 422, "/admin" },
        { "PATCH", "/v1/routers/A", "{\"admin\": true}", 422, "/admin" },
        { "PATCH", "/v1/routers/A", "{\"admin\": \"off\"}", 422, "/admin" },
        { "PATCH", "/v1/routers/A", "{\"admin\": \"up\", \"mac\": 1}", 422,
          "/mac" },
        { "PATCH", "/v1/routers/A",
          "{\"admin\": \"up\", \"admin\": \"drain\"}", 422, "/admin" },
        { "PATCH", "/v1/routers/A", "{\"uplink\": \"drain\"}", 422,
          "/uplink" },
        { "PATCH", "/v1/routers/A", "{\"uplink\": null}", 422, "/uplink" },
        { "PATCH", "/v1/routers/A",
          "{\"uplink\": \"up\", \"admin\": \"up\"}", 422, "/uplink" },
        { "PATCH", "/v1/routers/A",
          "{\"admin\": [[[[[[[[[[1]]]]]]]]]]}", 422,
          "/admin/0/0/0/0/0/0/0" },
        { "POST", "/v1/clients/10.0.0.10/move", "{\"router\": 1}", 422,
          "/router" },
        { "POST", "/v1/clients/10.0.0.10/move", "{\"router\": \"Z\"}", 422,
          "/router" },
        { "PUT", "/v1/clients/10.0.0.50", "{\"segment\": \"none\"}", 422,
          "/segment" },
        { "PUT", "/v1/clients/10.0.0.50",
          "{\"segment\": \"metro\", \"mac\": \"01:00:00:00:00:00\"}", 422,
          "/mac" },
        { "PUT", "/v1/clients/10.0.0.50",
          "{\"segment\": \"metro\", \"colour\": 1}", 422, "/colour" },
        { "PUT", "/v1/clients/10.0.0.50?segment=campus",
          "{\"segment\": \"metro\"}", 422, "/segment" },
        { "PUT", "/v1/config", "{\"routers\": {}, \"routers\": {}}", 422,
          "/routers" },
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        json_t *problem = ask(w, table[i].method, table[i].target,
                              table[i].body, table[i].status);
        json_t *errors = json_object_get(problem, "errors");
        bool found = false;
        json_t *error;
        size_t j;

        json_array_foreach (errors, j, error) {
            found = found || !strcmp(json_string_value(
                                         json_object_get(error, "pointer")),
                                     table[i].pointer);
        }
        if (!found) {
            char *text = json_dumps(problem, 0);
            print_message("%s: %s\n", table[i].body, text);
            free(text);
        }
        assert_true(found);
        assert_true(json_is_string(json_object_get(problem, "pointer")));
        json_decref(problem);
    }
    assert_int_equal(api_engine_n_kept(w->engine), 0);
}

static void
all_errors_of_a_configuration_are_told(void **state)
{
    json_t *problem = ask(*state, "PUT", "/v1/config",
                          "{\"routers\": 1, \"segments\": 2, \"x\": 3}",
                          422);

    assert_true(json_array_size(json_object_get(problem, "errors")) >= 3);
    json_decref(problem);
}

static void
very_deep_json_is_refused(void **state)
{
    char *deep = fh_xmalloc(60001);

    memset(deep, '[', 60000);
    deep[60000] = '\0';
    ask_only(*state, "PATCH", "/v1/routers/A", deep, 400);
    ask_only(*state, "PUT", "/v1/config", deep, 400);
    free(deep);
}

/* 'result' is taken.  The configuration is good, but for one warning. */
static void
assert_applied(json_t *result, const char *applied)
{
    json_t *warnings = json_object_get(result, "warnings");

    assert_json(json_incref(json_object_get(result, "applied")), applied);
    assert_int_equal(json_array_size(warnings), 1);
    assert_json(json_incref(json_object_get(json_array_get(warnings, 0),
                                            "pointer")),
                "\"/segments/metro/prefixes/0\"");
    json_decref(result);
}

static void
dry_run_changes_nothing(void **state)
{
    struct world *w = *state;

    assert_applied(ask(w, "PUT", "/v1/config?dry_run=1", config_text, 200),
                   "false");
    assert_int_equal(api_engine_n_kept(w->engine), 0);
    ask_only(w, "PUT", "/v1/config?dry_run=maybe", config_text, 422);
    ask_only(w, "PUT", "/v1/config?dryrun=1", config_text, 400);
    assert_int_equal(api_engine_n_kept(w->engine), 0);
    assert_applied(ask(w, "PUT", "/v1/config", config_text, 200), "true");
    assert_int_equal(api_engine_last_kept(w->engine), STORE_SET_CONFIG);
}

static void
configuration_is_given_as_it_was_read(void **state)
{
    assert_json(ask(*state, "GET", "/v1/config", NULL, 200), config_text);
}

/* The entity tag that a reply has, new; "" if it has none. */
static char *
tag_of(const char *reply)
{
    const char *field = strstr(reply, "\r\nETag: ");

    return (field ? fh_xasprintf("%.*s", (int) strcspn(field + 8, "\r"),
                                 field + 8) : fh_xstrdup(""));
}

/* Asks with one header field, and expects a status. */
static void
ask_if(struct world *w, const char *method, const char *target,
       const char *field, const char *tag, const char *body, int status)
{
    char *fields = fh_xasprintf("%s: %s\r\n", field, tag);
    char *reply = ask_with(w, method, target, fields, body);

    if (reply_status(reply) != status) {
        print_message("%s %s %s: %s\n", method, target, fields, reply);
    }
    assert_int_equal(reply_status(reply), status);
    free(reply);
    free(fields);
}

static void
only_what_the_asker_has_seen_is_changed(void **state)
{
    static const char target[] = "/v1/config/segments/campus";
    struct world *w = *state;
    char *reply = ask_with(w, "GET", target, "", NULL);
    char *tag = tag_of(reply);
    char *list = fh_xasprintf("\"x\", %s , W/\"y\"", tag);
    char *weak = fh_xasprintf("W/%s", tag);

    assert_int_equal(strlen(tag), 18);
    ask_if(w, "PUT", target, "If-Match", "\"x\"", CAMPUS, 412);
    ask_if(w, "PUT", target, "If-Match", weak, CAMPUS, 412);
    ask_if(w, "PUT", target, "If-Match", "rubbish", CAMPUS, 400);
    ask_if(w, "PUT", target, "If-Match", "\"open", CAMPUS, 400);
    ask_if(w, "PUT", target, "If-None-Match", weak, CAMPUS, 412);
    ask_if(w, "PUT", target, "If-None-Match", "*", CAMPUS, 412);
    ask_if(w, "PUT", "/v1/config/segments/new", "If-Match", "*", NEW_SEGMENT,
           412);
    assert_int_equal(api_engine_n_kept(w->engine), 0);
    ask_if(w, "PUT", target, "If-Match", list, CAMPUS, 200);
    assert_int_equal(api_engine_last_kept(w->engine), STORE_SET_CONFIG);
    ask_if(w, "PUT", target, "If-Match", "*", CAMPUS, 200);
    ask_if(w, "PUT", target, "If-None-Match", "\"x\"", CAMPUS, 200);
    ask_if(w, "PUT", "/v1/config/segments/new", "If-None-Match", "*",
           NEW_SEGMENT, 201);
    ask_if(w, "GET", target, "If-None-Match", weak, NULL, 304);
    ask_if(w, "GET", target, "If-None-Match", "\"x\"", NULL, 200);
    free(weak);
    free(list);
    free(tag);
    free(reply);
}

static void
answer_to_a_change_has_the_tag_of_what_is_there_now(void **state)
{
    struct world *w = *state;
    char *read = ask_with(w, "GET", "/v1/config/segments/campus", "", NULL);
    char *put = ask_with(w, "PUT", "/v1/config/segments/campus", "", CAMPUS);
    char *other = ask_with(w, "PATCH", "/v1/config/segments/campus", "",
                           "{\"learn\": false}");
    char *dry = ask_with(w, "PUT", "/v1/config/segments/campus?dry_run=1", "",
                         CAMPUS);
    char *tags[] = { tag_of(read), tag_of(put), tag_of(other), tag_of(dry) };

    assert_string_equal(tags[0], tags[1]);
    assert_string_not_equal(tags[0], tags[2]);
    assert_string_equal(tags[3], "");
    for (size_t i = 0; i < 4; i++) {
        free(tags[i]);
    }
    free(read);
    free(put);
    free(other);
    free(dry);
}

static void
part_is_checked_with_the_whole(void **state)
{
    struct world *w = *state;
    json_t *problem = ask(w, "PATCH", "/v1/config/segments/campus",
                          "{\"vlan\": null, \"probe\": {\"retries\": 99}}",
                          422);

    /* Untagged, it is the same as metro. */
    assert_json(json_incref(json_object_get(problem, "pointer")),
                "\"/segments/campus/probe/retries\"");
    assert_true(json_array_size(json_object_get(problem, "errors")) > 1);
    json_decref(problem);
    problem = ask(w, "DELETE", "/v1/config/routers/A", NULL, 409);
    assert_json(json_incref(json_object_get(problem, "pointer")),
                "\"/segments/campus/routers/A\"");
    json_decref(problem);
    problem = ask(w, "PUT", "/v1/config/segments/a%20b", CAMPUS, 422);
    json_decref(problem);
    ask_only(w, "PUT", "/v1/config/segments/%ff", CAMPUS, 422);
    assert_int_equal(api_engine_n_kept(w->engine), 0);
}

static void
what_a_configuration_changes_is_told(void **state)
{
    struct world *w = *state;
    json_t *json = ask(w, "PATCH", "/v1/config/segments/metro?dry_run=1",
                       "{\"age_s\": 7}", 200);

    assert_json(json_incref(json_object_get(json, "n_changes")), "1");
    assert_json(json_incref(json_object_get(json, "changes")),
                "[{\"op\": \"add\", \"path\": \"/segments/metro/age_s\","
                " \"value\": 7}]");
    json_decref(json);
    json = ask(w, "PUT", "/v1/config?dry_run=1", config_text, 200);
    assert_json(json_incref(json_object_get(json, "changes")), "[]");
    json_decref(json);
}

static void
rollback_is_to_the_one_before(void **state)
{
    struct world *w = *state;

    n_versions = 1;
    ask_only(w, "POST", "/v1/config/rollback", NULL, 409);
    n_versions = 3;
    ask_only(w, "POST", "/v1/config/rollback", NULL, 200);
    n_versions = 2;
    assert_int_equal(api_engine_last_kept(w->engine), STORE_SET_CONFIG);
    assert_json(ask(w, "GET", "/v1/config/versions", NULL, 200),
        "{\"versions\": [{\"version\": 8,"
        " \"since\": \"2026-11-23T04:00:00.124Z\", \"in_force\": true},"
        " {\"version\": 7, \"since\": \"2026-11-23T04:00:00.123Z\","
        " \"in_force\": false}]}");
}

/* Many clients in one call. */

static size_t
count_clients(struct world *w)
{
    return clients_count(engine_clients(w->en));
}

static void
many_clients_are_provisioned_at_once(void **state)
{
    struct world *w = *state;

    assert_json(ask(w, "POST", "/v1/clients?dry_run=1", BULK, 200),
                "{\"applied\": false, \"added\": 1, \"changed\": 1}");
    assert_int_equal(count_clients(w), 3);
    assert_json(ask(w, "POST", "/v1/clients", BULK, 200),
                "{\"applied\": true, \"added\": 1, \"changed\": 1}");
    assert_int_equal(count_clients(w), 4);
    assert_json(ask(w, "POST", "/v1/clients", "\n \r\n", 200),
                "{\"applied\": true, \"added\": 0, \"changed\": 0}");
}

static void
one_bad_line_of_many_refuses_them_all(void **state)
{
    static const struct {
        const char *line;
        int status;
        const char *pointer, *detail;
    } table[] = {
        { "{\"address\": 1", 400, "/1", "/1: line 3, column 13" },
        { "{\"address\": \"10.0.0.71\"} x", 400, "/1", "line 3, column" },
        { "[]", 422, "/1", "must be an object" },
        { "7", 422, "/1", "must be an object" },
        { "{\"address\": \"10.0.0.71\"}", 422, "/1/segment", "missing" },
        { "{\"address\": \"10.0.0.71\", \"segment\": \"x\"}", 422,
          "/1/segment", "no segment has this name" },
        { "{\"address\": \"10.0.1.71\", \"segment\": \"metro\"}", 422,
          "/1/address", "in none of the prefixes" },
        { "{\"address\": \"10.0.0.70\", \"segment\": \"metro\"}", 422,
          "/1", "is the client of /0 again" },
        { "{\"address\": \"10.0.0.71\", \"segment\": \"metro\","
          " \"mac\": \"02:00:00:00:00:0a\"}", 422, "/1/mac",
          "the MAC address of router A" },
        { "{\"segment\": \"metro\", \"segment\": \"metro\"}", 400,
          "/1/segment", "duplicate key" },
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *body = fh_xasprintf("{\"address\": \"10.0.0.70\","
                                  " \"segment\": \"metro\"}\n\n%s\n",
                                  table[i].line);
        json_t *problem = ask(w, "POST", "/v1/clients", body,
                              table[i].status);
        const char *detail = json_string_value(json_object_get(problem,
                                                               "detail"));

        if (!strstr(detail, table[i].detail)) {
            print_message("%s: %s\n", table[i].line, detail);
        }
        assert_non_null(strstr(detail, table[i].detail));
        assert_string_equal(json_string_value(json_object_get(problem,
                                                              "pointer")),
                            table[i].pointer);
        json_decref(problem);
        free(body);
    }
    assert_int_equal(count_clients(w), 3);
    assert_int_equal(api_engine_n_kept(w->engine), 0);
}

static void
clients_of_one_call_are_bounded(void **state)
{
    struct world *w = *state;
    struct fh_buf body = { NULL, 0, 0 };

    for (int i = 0; i < 10000; i++) {
        fh_buf_append(&body, "{}\n", 3);
    }
    fh_buf_append(&body, "", 1);
    ask_only(w, "POST", "/v1/clients", (char *) body.data, 422);
    body.len--;
    fh_buf_append(&body, "{}", 3);
    ask_only(w, "POST", "/v1/clients", (char *) body.data, 413);
    fh_buf_destroy(&body);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bad_bodies_are_refused_with_pointers),
        TEST(all_errors_of_a_configuration_are_told),
        TEST(very_deep_json_is_refused),
        TEST(dry_run_changes_nothing),
        TEST(configuration_is_given_as_it_was_read),
        TEST(only_what_the_asker_has_seen_is_changed),
        TEST(answer_to_a_change_has_the_tag_of_what_is_there_now),
        TEST(part_is_checked_with_the_whole),
        TEST(what_a_configuration_changes_is_told),
        TEST(rollback_is_to_the_one_before),
        TEST(many_clients_are_provisioned_at_once),
        TEST(one_bad_line_of_many_refuses_them_all),
        TEST(clients_of_one_call_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
