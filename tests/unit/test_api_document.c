/* Every route of the control socket, asked over a real Unix socket, held
 * against controller/api/openapi.json. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/api/api_internal.h"
#include "tests/unit/api_world.h"
#include "tests/unit/api_engine.h"
#include "tests/unit/http_peer.h"

struct checker {
    json_t *doc;
    char problem[256];          /* The first one; "" if there is none. */
};

static bool
is_of_type(json_t *value, const char *type)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: return !strcmp(type, "object");
    case JSON_ARRAY: return !strcmp(type, "array");
    case JSON_STRING: return !strcmp(type, "string");
    case JSON_INTEGER: return !strcmp(type, "integer");
    case JSON_REAL: return !strcmp(type, "number");
    case JSON_TRUE:
    case JSON_FALSE: return !strcmp(type, "boolean");
    case JSON_NULL: return !strcmp(type, "null");
    }
    return false;
}

/* 'type' is a name or an array of them, or NULL. */
static bool
type_is_allowed(json_t *value, json_t *type)
{
    bool allowed = !type || (json_is_string(type)
                             && is_of_type(value, json_string_value(type)));
    json_t *item;
    size_t i;

    json_array_foreach (type, i, item) {
        allowed = allowed || is_of_type(value, json_string_value(item));
    }
    return allowed;
}

static bool
enum_allows(json_t *value, json_t *list)
{
    bool allowed = !list;
    json_t *item;
    size_t i;

    json_array_foreach (list, i, item) {
        allowed = allowed || json_equal(item, value);
    }
    return allowed;
}

static json_t *
resolve(const struct checker *checker, json_t *schema)
{
    static const char prefix[] = "#/components/";
    const char *ref = json_string_value(json_object_get(schema, "$ref"));
    json_t *at = json_object_get(checker->doc, "components");
    char kind[32];

    if (!ref) {
        return schema;
    }
    assert_int_equal(strncmp(ref, prefix, strlen(prefix)), 0);
    ref += strlen(prefix);
    snprintf(kind, sizeof kind, "%.*s", (int) strcspn(ref, "/"), ref);
    at = json_object_get(json_object_get(at, kind), strchr(ref, '/') + 1);
    assert_non_null(at);
    return at;
}

static void check_schema(struct checker *, json_t *schema, json_t *value,
                         const char *where);

static void
check_object(struct checker *checker, json_t *schema, json_t *value,
             const char *where)
{
    json_t *properties = json_object_get(schema, "properties");
    json_t *others = json_object_get(schema, "additionalProperties");
    json_t *item;
    const char *key;
    size_t i;

    json_array_foreach (json_object_get(schema, "required"), i, item) {
        if (!json_object_get(value, json_string_value(item))) {
            snprintf(checker->problem, sizeof checker->problem,
                     "%s: no %s", where, json_string_value(item));
        }
    }
    json_object_foreach (value, key, item) {
        json_t *sub = json_object_get(properties, key);

        if (!sub && json_is_false(others)) {
            snprintf(checker->problem, sizeof checker->problem,
                     "%s: %s is not documented", where, key);
        } else if (sub || others) {
            check_schema(checker, sub ? sub : others, item, key);
        }
    }
}

static void
check_schema(struct checker *checker, json_t *schema, json_t *value,
             const char *where)
{
    json_t *item;
    size_t i;

    schema = resolve(checker, schema);
    if (!type_is_allowed(value, json_object_get(schema, "type"))
        || !enum_allows(value, json_object_get(schema, "enum"))) {
        char *text = json_dumps(value, JSON_ENCODE_ANY);

        snprintf(checker->problem, sizeof checker->problem, "%s: %s", where,
                 text);
        free(text);
    } else if (json_is_object(value)) {
        check_object(checker, schema, value, where);
    }
    json_array_foreach (value, i, item) {
        check_schema(checker, json_object_get(schema, "items"), item, where);
    }
}

static json_t *
operation(json_t *doc, const char *method, const char *path)
{
    char lower[16];
    size_t n = 0;

    for (; method[n]; n++) {
        lower[n] = method[n] | 0x20;
    }
    lower[n] = '\0';
    return json_object_get(json_object_get(json_object_get(doc, "paths"),
                                           path), lower);
}

/* What the document says of an answer. */
static json_t *
documented_answer(json_t *doc, const char *method, const char *path,
                  int status)
{
    char code[8];

    snprintf(code, sizeof code, "%d", status);
    return json_object_get(json_object_get(operation(doc, method, path),
                                           "responses"), code);
}

/* Asks, and holds the answer against the document. */
static void
ask_as_documented(struct world *w, json_t *doc, const char *path,
                  const char *method, const char *target, const char *fields,
                  const char *body, int status)
{
    struct checker checker = { .doc = doc };
    json_t *answer = documented_answer(doc, method, path, status);
    json_t *content = json_object_get(answer, "content");
    char *reply = ask_with(w, method, target, fields ? fields : "", body);
    json_t *json = json_loads(reply_body(reply), 0, NULL);
    bool is_text = false;
    const char *type;
    json_t *media;

    if (reply_status(reply) != status) {
        print_message("%s %s: %s\n", method, target, reply);
    }
    assert_int_equal(reply_status(reply), status);
    if (!answer) {
        print_message("%s %s: %d is not documented\n", method, path, status);
    }
    assert_non_null(answer);
    json_object_foreach (content, type, media) {
        is_text = is_text || strstr(reply, type);
        if (json && strstr(reply, type)) {
            check_schema(&checker, json_object_get(media, "schema"), json,
                         path);
        }
    }
    assert_true(!content || json || is_text);
    if (*checker.problem) {
        print_message("%s %s: %s\n", method, target, checker.problem);
    }
    assert_string_equal(checker.problem, "");
    json_decref(json);
    free(reply);
}

static json_t *
load_document(struct world *w)
{
    json_t *doc = ask(w, "GET", "/v1/openapi.json", NULL, 200);

    assert_string_equal(json_string_value(json_object_get(doc, "openapi")),
                        "3.1.0");
    return doc;
}

static void
document_and_routes_are_the_same(void **state)
{
    json_t *doc = load_document(*state);
    size_t n_routes = 0, n_documented = 0;
    json_t *item, *op;
    const char *path, *method;

    for (const struct api_route *r = api_routes; r->method; r++) {
        n_routes++;
        assert_non_null(operation(doc, r->method, r->path));
    }
    json_object_foreach (json_object_get(doc, "paths"), path, item) {
        json_object_foreach (item, method, op) {
            n_documented += strcmp(method, "parameters") != 0;
        }
    }
    assert_int_equal(n_routes, n_documented);
    json_decref(doc);
}

static void
document_and_routes_take_the_same_parameters(void **state)
{
    struct checker checker = { .doc = load_document(*state) };

    for (const struct api_route *r = api_routes; r->method; r++) {
        json_t *op = operation(checker.doc, r->method, r->path);
        size_t len = 0, i;
        json_t *item;

        json_array_foreach (json_object_get(op, "parameters"), i, item) {
            json_t *parameter = resolve(&checker, item);
            const char *name = json_string_value(json_object_get(parameter,
                                                                 "name"));
            char *word = fh_xasprintf("%s ", name);

            if (!strcmp(json_string_value(json_object_get(parameter, "in")),
                        "query")) {
                assert_non_null(strstr(r->queries, word));
                len += strlen(word);
            }
            free(word);
        }
        assert_int_equal(len, strlen(r->queries));
    }
    json_decref(checker.doc);
}

/* One line for every answer that the document promises. */
static const struct walk {
    const char *method, *path, *target, *body;
    int status;
    bool unkept;                /* Nothing can be kept meanwhile. */
    const char *fields;         /* Header fields, or NULL. */
} walks[] = {
    { "GET", "/", "/", NULL, 200, false },
    { "GET", "/", "/?x", NULL, 400, false },
    { "GET", "/page.css", "/page.css", NULL, 200, false },
    { "GET", "/page.css", "/page.css?x", NULL, 400, false },
    { "GET", "/page.js", "/page.js", NULL, 200, false },
    { "GET", "/page.js", "/page.js?x", NULL, 400, false },
    { "GET", "/page.svg", "/page.svg", NULL, 200, false },
    { "GET", "/page.svg", "/page.svg?x", NULL, 400, false },
    { "GET", "/v1/segments", "/v1/segments", NULL, 200, false },
    { "GET", "/v1/segments", "/v1/segments?x", NULL, 400, false },
    { "POST", "/v1/segments/{name}/sweep", "/v1/segments/metro/sweep", NULL,
      202, false },
    { "POST", "/v1/segments/{name}/sweep", "/v1/segments/metro/sweep",
      "{\"prefix\": ", 400, false },
    { "POST", "/v1/segments/{name}/sweep", "/v1/segments/none/sweep", "{}",
      404, false },
    { "POST", "/v1/segments/{name}/sweep", "/v1/segments/metro/sweep", "{}",
      409, false },
    { "POST", "/v1/segments/{name}/sweep", "/v1/segments/metro/sweep",
      "LARGE", 413, false },
    { "POST", "/v1/segments/{name}/sweep", "/v1/segments/metro/sweep",
      "{\"prefix\": \"10.2.0.0/24\"}", 422, false },
    { "GET", "/v1/status", "/v1/status", NULL, 200, false },
    { "GET", "/v1/status", "/v1/status?verbose=1", NULL, 400, false },
    { "GET", "/v1/routers", "/v1/routers", NULL, 200, false },
    { "GET", "/v1/routers", "/v1/routers?x", NULL, 400, false },
    { "GET", "/v1/routers/{name}", "/v1/routers/A", NULL, 200, false },
    { "GET", "/v1/routers/{name}", "/v1/routers/B", NULL, 200, false },
    { "GET", "/v1/routers/{name}", "/v1/routers/A?x=1", NULL, 400, false },
    { "GET", "/v1/routers/{name}", "/v1/routers/Z", NULL, 404, false },
    { "GET", "/v1/paths", "/v1/paths", NULL, 200, false },
    { "GET", "/v1/paths", "/v1/paths?x", NULL, 400, false },
    { "PATCH", "/v1/routers/{name}", "/v1/routers/A",
      "{\"admin\": \"drain\"}", 200, false },
    { "PATCH", "/v1/routers/{name}", "/v1/routers/A", "{\"admin\": ", 400,
      false },
    { "PATCH", "/v1/routers/{name}", "/v1/routers/Z", "{}", 404, false },
    { "PATCH", "/v1/routers/{name}", "/v1/routers/A",
      "{\"admin\": \"up\"}", 409, true },
    { "PATCH", "/v1/routers/{name}", "/v1/routers/A", "{}", 422, false },
    { "PATCH", "/v1/routers/{name}", "/v1/routers/A", "LARGE", 413, false },
    { "GET", "/v1/clients", "/v1/clients", NULL, 200, false },
    { "GET", "/v1/clients", "/v1/clients?limit=two", NULL, 400, false },
    { "GET", "/v1/clients", "/v1/clients?segment=none", NULL, 404, false },
    { "GET", "/v1/clients", "/v1/clients?state=happy", NULL, 422, false },
    { "POST", "/v1/clients", "/v1/clients", BULK, 200, false },
    { "POST", "/v1/clients", "/v1/clients?dry_run=1", BULK, 200, false },
    { "POST", "/v1/clients", "/v1/clients", "{\"address\"\n", 400, false },
    { "POST", "/v1/clients", "/v1/clients", BULK, 409, true },
    { "POST", "/v1/clients", "/v1/clients", "LONG", 413, false },
    { "POST", "/v1/clients", "/v1/clients", "{}", 422, false },
    { "GET", "/v1/clients/{address}", "/v1/clients/10.0.0.10", NULL, 200,
      false },
    { "GET", "/v1/clients/{address}", "/v1/clients/10.0.0", NULL, 400,
      false },
    { "GET", "/v1/clients/{address}", "/v1/clients/10.0.0.99", NULL, 404,
      false },
    { "GET", "/v1/clients/{address}", "/v1/clients/10.0.0.11", NULL, 409,
      false },
    { "PUT", "/v1/clients/{address}", "/v1/clients/10.0.0.10",
      "{\"segment\": \"metro\"}", 200, false },
    { "PUT", "/v1/clients/{address}", "/v1/clients/10.0.0.77",
      "{\"segment\": \"metro\", \"mac\": \"02:00:00:00:01:77\"}", 201,
      false },
    { "PUT", "/v1/clients/{address}", "/v1/clients/10.0.0.77", "[", 400,
      false },
    { "PUT", "/v1/clients/{address}", "/v1/clients/10.0.0.78",
      "{\"segment\": \"metro\"}", 409, true },
    { "PUT", "/v1/clients/{address}", "/v1/clients/10.0.0.77", "LARGE", 413,
      false },
    { "PUT", "/v1/clients/{address}", "/v1/clients/10.0.0.77", "{}", 422,
      false },
    { "DELETE", "/v1/clients/{address}", "/v1/clients/10.0.0.77", NULL, 409,
      true },
    { "DELETE", "/v1/clients/{address}", "/v1/clients/10.0.0.77", NULL, 204,
      false },
    { "DELETE", "/v1/clients/{address}", "/v1/clients/10.0.0.77", NULL, 404,
      false },
    { "DELETE", "/v1/clients/{address}", "/v1/clients/x", NULL, 400, false },
    { "POST", "/v1/clients/{address}/move", "/v1/clients/10.0.0.10/move",
      "{\"router\": \"A\"}", 200, false },
    { "POST", "/v1/clients/{address}/move", "/v1/clients/10.0.0.10/move", "",
      400, false },
    { "POST", "/v1/clients/{address}/move", "/v1/clients/10.0.0.99/move",
      "{\"router\": \"B\"}", 404, false },
    { "POST", "/v1/clients/{address}/move", "/v1/clients/10.0.0.10/move",
      "{\"router\": \"B\"}", 409, false },
    { "POST", "/v1/clients/{address}/move", "/v1/clients/10.0.0.10/move",
      "{\"router\": \"C\"}", 409, false },
    { "POST", "/v1/clients/{address}/move", "/v1/clients/10.0.0.10/move",
      "{\"router\": \"Z\"}", 422, false },
    { "POST", "/v1/clients/{address}/move", "/v1/clients/10.0.0.10/move",
      "LARGE", 413, false },
    { "GET", "/v1/clients/{address}/explain",
      "/v1/clients/10.0.0.10/explain", NULL, 200, false },
    { "GET", "/v1/clients/{address}/explain",
      "/v1/clients/10.0.0.11/explain?segment=campus", NULL, 200, false },
    { "GET", "/v1/clients/{address}/explain",
      "/v1/clients/10.0.0.1000/explain", NULL, 400, false },
    { "GET", "/v1/clients/{address}/explain",
      "/v1/clients/10.0.0.99/explain", NULL, 404, false },
    { "GET", "/v1/clients/{address}/explain",
      "/v1/clients/10.0.0.11/explain", NULL, 409, false },
    { "GET", "/v1/clients/{address}/flows", "/v1/clients/10.0.0.10/flows",
      NULL, 200, false },
    { "GET", "/v1/clients/{address}/flows", "/v1/clients/10.0/flows", NULL,
      400, false },
    { "GET", "/v1/clients/{address}/flows", "/v1/clients/10.0.0.9/flows", NULL,
      404, false },
    { "GET", "/v1/clients/{address}/flows", "/v1/clients/10.0.0.11/flows",
      NULL, 409, false },
    { "GET", "/v1/clients/{address}/trace",
      "/v1/clients/10.0.0.10/trace?to=192.0.2.1", NULL, 200, false },
    { "GET", "/v1/clients/{address}/trace",
      "/v1/clients/10.0.0.10/trace?from=192.0.2.1", NULL, 200, false },
    { "GET", "/v1/clients/{address}/trace",
      "/v1/clients/10.0.0.10/trace?to=me", NULL, 400, false },
    { "GET", "/v1/clients/{address}/trace",
      "/v1/clients/10.0.0.9/trace?to=192.0.2.1", NULL, 404, false },
    { "GET", "/v1/clients/{address}/trace",
      "/v1/clients/10.0.0.11/trace?to=192.0.2.1&segment=metro", NULL, 409,
      false },
    { "GET", "/v1/clients/{address}/trace",
      "/v1/clients/10.0.0.10/trace", NULL, 422, false },
    { "GET", "/v1/clients/{address}/usage", "/v1/clients/10.0.0.10/usage",
      NULL, 200, false },
    { "GET", "/v1/clients/{address}/usage", "/v1/clients/10.0/usage", NULL,
      400, false },
    { "GET", "/v1/clients/{address}/usage", "/v1/clients/10.0.0.9/usage", NULL,
      404, false },
    { "GET", "/v1/clients/{address}/usage", "/v1/clients/10.0.0.11/usage",
      NULL, 409, false },
    { "GET", "/v1/usage", "/v1/usage", NULL, 200, false },
    { "GET", "/v1/usage", "/v1/usage?segment=metro&active=A&limit=1", NULL,
      200, false },
    { "GET", "/v1/usage", "/v1/usage?state=lost", NULL, 400, false },
    { "GET", "/v1/usage", "/v1/usage?segment=none", NULL, 404, false },
    { "GET", "/v1/usage", "/v1/usage?limit=0", NULL, 422, false },
    { "GET", "/v1/exposure", "/v1/exposure", NULL, 200, false },
    { "GET", "/v1/exposure", "/v1/exposure?router=A", NULL, 200, false },
    { "GET", "/v1/exposure", "/v1/exposure?limit=x", NULL, 400, false },
    { "GET", "/v1/exposure", "/v1/exposure?router=Z", NULL, 404, false },
    { "GET", "/v1/exposure", "/v1/exposure?limit=0", NULL, 422, false },
    { "GET", "/v1/events", "/v1/events?since=1", NULL, 200, false },
    { "GET", "/v1/events", "/v1/events?since=-1", NULL, 400, false },
    { "GET", "/v1/events", "/v1/events?limit=0", NULL, 422, false },
    { "GET", "/v1/config", "/v1/config", NULL, 200, false },
    { "GET", "/v1/config", "/v1/config", NULL, 304, false,
      "If-None-Match: *\r\n" },
    { "GET", "/v1/config", "/v1/config?x=1", NULL, 400, false },
    { "PUT", "/v1/config", "/v1/config?dry_run=1", config_text, 200, false },
    { "PUT", "/v1/config", "/v1/config", config_text, 200, false },
    { "PUT", "/v1/config", "/v1/config", "{\"routers\": {,}}", 400, false },
    { "PUT", "/v1/config", "/v1/config", config_text, 409, true },
    { "PUT", "/v1/config", "/v1/config", config_text, 412, false,
      "If-Match: \"x\"\r\n" },
    { "PUT", "/v1/config", "/v1/config", "HUGE", 413, false },
    { "PUT", "/v1/config", "/v1/config", "{\"x\": 1}", 422, false },
    { "GET", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", NULL, 200, false },
    { "GET", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", NULL, 304, false, "If-None-Match: *\r\n" },
    { "GET", "/v1/config/segments/{name}",
      "/v1/config/segments/campus?x", NULL, 400, false },
    { "GET", "/v1/config/segments/{name}",
      "/v1/config/segments/none", NULL, 404, false },
    { "PUT", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", CAMPUS, 200, false },
    { "PUT", "/v1/config/segments/{name}",
      "/v1/config/segments/new", NEW_SEGMENT, 201, false },
    { "PUT", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", "{", 400, false },
    { "PUT", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", CAMPUS, 409, true },
    { "PUT", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", CAMPUS, 412, false, "If-None-Match: *\r\n" },
    { "PUT", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", "LARGE", 413, false },
    { "PUT", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", "{}", 422, false },
    { "PATCH", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", "{}", 200, false },
    { "PATCH", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", "", 400, false },
    { "PATCH", "/v1/config/segments/{name}",
      "/v1/config/segments/none", "{}", 404, false },
    { "PATCH", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", "{}", 409, true },
    { "PATCH", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", "{}", 412, false, "If-Match: \"x\"\r\n" },
    { "PATCH", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", "LARGE", 413, false },
    { "PATCH", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", "{\"x\": 1}", 422, false },
    { "DELETE", "/v1/config/segments/{name}",
      "/v1/config/segments/campus?dry_run=1", NULL, 200, false },
    { "DELETE", "/v1/config/segments/{name}",
      "/v1/config/segments/campus?x", NULL, 400, false },
    { "DELETE", "/v1/config/segments/{name}",
      "/v1/config/segments/none", NULL, 404, false },
    { "DELETE", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", NULL, 409, true },
    { "DELETE", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", NULL, 412, false, "If-Match: \"x\"\r\n" },
    { "DELETE", "/v1/config/segments/{name}",
      "/v1/config/segments/campus?dry_run=maybe", NULL, 422, false },
    { "GET", "/v1/config/routers/{name}",
      "/v1/config/routers/C", NULL, 200, false },
    { "GET", "/v1/config/routers/{name}",
      "/v1/config/routers/C", NULL, 304, false, "If-None-Match: *\r\n" },
    { "GET", "/v1/config/routers/{name}",
      "/v1/config/routers/C?x", NULL, 400, false },
    { "GET", "/v1/config/routers/{name}",
      "/v1/config/routers/none", NULL, 404, false },
    { "PUT", "/v1/config/routers/{name}",
      "/v1/config/routers/C", ROUTER_C, 200, false },
    { "PUT", "/v1/config/routers/{name}",
      "/v1/config/routers/D", ROUTER_D, 201, false },
    { "PUT", "/v1/config/routers/{name}",
      "/v1/config/routers/C", "{", 400, false },
    { "PUT", "/v1/config/routers/{name}",
      "/v1/config/routers/C", ROUTER_C, 409, true },
    { "PUT", "/v1/config/routers/{name}",
      "/v1/config/routers/C", ROUTER_C, 412, false, "If-None-Match: *\r\n" },
    { "PUT", "/v1/config/routers/{name}",
      "/v1/config/routers/C", "LARGE", 413, false },
    { "PUT", "/v1/config/routers/{name}",
      "/v1/config/routers/C", "{}", 422, false },
    { "PATCH", "/v1/config/routers/{name}",
      "/v1/config/routers/C", "{}", 200, false },
    { "PATCH", "/v1/config/routers/{name}",
      "/v1/config/routers/C", "", 400, false },
    { "PATCH", "/v1/config/routers/{name}",
      "/v1/config/routers/none", "{}", 404, false },
    { "PATCH", "/v1/config/routers/{name}",
      "/v1/config/routers/C", "{}", 409, true },
    { "PATCH", "/v1/config/routers/{name}",
      "/v1/config/routers/C", "{}", 412, false, "If-Match: \"x\"\r\n" },
    { "PATCH", "/v1/config/routers/{name}",
      "/v1/config/routers/C", "LARGE", 413, false },
    { "PATCH", "/v1/config/routers/{name}",
      "/v1/config/routers/C", "{\"x\": 1}", 422, false },
    { "DELETE", "/v1/config/routers/{name}",
      "/v1/config/routers/C?dry_run=1", NULL, 200, false },
    { "DELETE", "/v1/config/routers/{name}",
      "/v1/config/routers/C?x", NULL, 400, false },
    { "DELETE", "/v1/config/routers/{name}",
      "/v1/config/routers/none", NULL, 404, false },
    { "DELETE", "/v1/config/routers/{name}",
      "/v1/config/routers/C", NULL, 409, true },
    { "DELETE", "/v1/config/routers/{name}",
      "/v1/config/routers/C", NULL, 412, false, "If-Match: \"x\"\r\n" },
    { "DELETE", "/v1/config/routers/{name}",
      "/v1/config/routers/C?dry_run=maybe", NULL, 422, false },
    { "GET", "/v1/config/versions", "/v1/config/versions", NULL, 200, false },
    { "GET", "/v1/config/versions", "/v1/config/versions?x", NULL, 400,
      false },
    { "GET", "/v1/config/versions/{version}", "/v1/config/versions/8", NULL,
      200, false },
    { "GET", "/v1/config/versions/{version}", "/v1/config/versions/8", NULL,
      304, false, "If-None-Match: *\r\n" },
    { "GET", "/v1/config/versions/{version}", "/v1/config/versions/8?x",
      NULL, 400, false },
    { "GET", "/v1/config/versions/{version}", "/v1/config/versions/9", NULL,
      404, false },
    { "POST", "/v1/config/rollback",
      "/v1/config/rollback?version=8&dry_run=1", NULL, 200, false },
    { "POST", "/v1/config/rollback", "/v1/config/rollback?version=8", NULL,
      200, false },
    { "POST", "/v1/config/rollback", "/v1/config/rollback?x", NULL, 400,
      false },
    { "POST", "/v1/config/rollback", "/v1/config/rollback?version=08", NULL,
      404, false },
    { "POST", "/v1/config/rollback", "/v1/config/rollback", NULL, 409,
      false },
    { "POST", "/v1/config/rollback", "/v1/config/rollback?version=8", NULL,
      412, false, "If-Match: \"x\"\r\n" },
    { "POST", "/v1/config/rollback", "/v1/config/rollback?dry_run=maybe",
      NULL, 422, false },
    { "GET", "/v1/cluster", "/v1/cluster", NULL, 200, false },
    { "GET", "/v1/cluster", "/v1/cluster?a=b", NULL, 400, false },
    { "GET", "/v1/cluster", "/v1/cluster", NULL, 404, false },
    { "POST", "/v1/cluster/transfer", "/v1/cluster/transfer",
      "{\"name\": \"n2\"}", 202, false },
    { "POST", "/v1/cluster/transfer", "/v1/cluster/transfer", "{", 400,
      false },
    { "POST", "/v1/cluster/transfer", "/v1/cluster/transfer",
      "{\"name\": \"n2\"}", 409, false },
    { "POST", "/v1/cluster/transfer", "/v1/cluster/transfer", "LARGE", 413,
      false },
    { "POST", "/v1/cluster/transfer", "/v1/cluster/transfer",
      "{\"name\": 1}", 422, false },
    { "GET", "/v1/openapi.json", "/v1/openapi.json", NULL, 200, false },
    { "GET", "/v1/openapi.json", "/v1/openapi.json?a=b", NULL, 400, false },
    { "GET", "/metrics", "/metrics", NULL, 200, false },
    { "GET", "/metrics", "/metrics?a=b", NULL, 400, false },
};

/* "LARGE", "LONG" and "HUGE" stand for bodies just beyond the limits. */
static char *
walk_body(const char *body)
{
    size_t len = (!body ? 0 : !strcmp(body, "LARGE") ? (64 << 10) + 1
                  : !strcmp(body, "LONG") ? (4 << 20) + 1
                  : !strcmp(body, "HUGE") ? (16 << 20) + 1 : 0);
    char *large;

    if (!len) {
        return body ? fh_xstrdup(body) : NULL;
    }
    large = fh_xmalloc(len + 1);
    memset(large, ' ', len);
    large[len] = '\0';
    return large;
}

static void
every_documented_answer_is_given_as_documented(void **state)
{
    static const struct fh_cluster_status leads = {
        .name = "n1", .address = "192.0.2.1:6650", .leads = true,
        .leader = "n1", .epoch = 7, .n_peers = 1,
        .peers = { { .name = "", .address = "192.0.2.2:6650",
                     .problem = "has not connected yet" } },
    };
    struct world *w = *state;
    json_t *doc = load_document(w);

    api_engine_add_event(w->engine, INCIDENT_CLIENT_MOVED);
    api_engine_add_event(w->engine, INCIDENT_CLIENT_MOVED);
    for (size_t i = 0; i < sizeof walks / sizeof *walks; i++) {
        const struct walk *step = &walks[i];
        char *body = walk_body(step->body);

        cluster_status_of_world = (!strncmp(step->path, "/v1/cluster", 11)
                                   && step->status < 300 ? &leads : NULL);
        api_engine_fail_to_keep(w->engine, step->unkept ? EIO : 0);
        ask_as_documented(w, doc, step->path, step->method, step->target,
                          step->fields, body, step->status);
        free(body);
    }
    cluster_status_of_world = NULL;
    json_decref(doc);
}

/* 503 alone needs more than one request; see test_api_events.c. */
static void
every_documented_answer_is_walked(void **state)
{
    json_t *doc = load_document(*state);

    for (const struct api_route *r = api_routes; r->method; r++) {
        json_t *answers = json_object_get(operation(doc, r->method, r->path),
                                          "responses");
        const char *code;
        json_t *answer;

        json_object_foreach (answers, code, answer) {
            bool walked = atoi(code) == 503;

            for (size_t i = 0; i < sizeof walks / sizeof *walks; i++) {
                walked = walked || (!strcmp(walks[i].path, r->path)
                                    && !strcmp(walks[i].method, r->method)
                                    && walks[i].status == atoi(code));
            }
            if (!walked) {
                print_message("%s %s: %s\n", r->method, r->path, code);
            }
            assert_true(walked);
        }
    }
    json_decref(doc);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(document_and_routes_are_the_same),
        TEST(document_and_routes_take_the_same_parameters),
        TEST(every_documented_answer_is_given_as_documented),
        TEST(every_documented_answer_is_walked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
