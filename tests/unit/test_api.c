/* Every route of the control socket, asked over a real Unix socket, held
 * against controller/api/openapi.json. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controller/api/api_internal.h"
#include "tests/unit/fake_engine.h"
#include "tests/unit/http_peer.h"

#define N_EVENTS 1000           /* Kept. */

static const char config_text[] =
    "{\"routers\": {"
    "\"A\": {\"datapath_id\": \"000000000000000a\","
    " \"mac\": \"02:00:00:00:00:0a\", \"access_ports\": [\"a-access\"],"
    " \"uplink\": {\"port\": \"a-uplink\", \"address\": \"192.0.2.2/24\","
    " \"next_hop\": \"192.0.2.1\"}},"
    "\"B\": {\"datapath_id\": \"000000000000000b\","
    " \"mac\": \"02:00:00:00:00:0b\", \"access_ports\": [\"b-access\"],"
    " \"uplink\": {\"port\": \"b-uplink\", \"address\": \"192.0.2.3/24\","
    " \"next_hop\": \"192.0.2.1\"}},"
    "\"C\": {\"datapath_id\": \"000000000000000c\","
    " \"mac\": \"02:00:00:00:00:0c\", \"access_ports\": [\"c-access\"],"
    " \"uplink\": {\"port\": \"c-uplink\", \"address\": \"192.0.2.4/24\","
    " \"next_hop\": \"192.0.2.1\"}}},"
    "\"segments\": {"
    "\"campus\": {\"gateway\": \"10.0.0.1\", \"prefixes\": [\"10.0.0.0/24\"],"
    " \"vlan\": [100], \"routers\": {\"A\": {\"address\": \"10.0.0.2\"}}},"
    "\"metro\": {\"gateway\": \"10.0.0.1\", \"prefixes\": [\"10.0.0.0/24\"],"
    " \"routers\": {\"A\": {\"priority\": 200, \"address\": \"10.0.0.2\"},"
    " \"B\": {\"address\": \"10.0.0.3\"}}}}}";

struct world {
    struct event_base *base;
    struct engine *en;
    struct api *api;
    char *dir, *path;
    struct turns turns;
    int n_changes;              /* That were to be carried out. */
};

/* Three clients: 10.0.0.10 on metro, known in full; 10.0.0.11 on both
 * segments, hardly known. */
static void
add_clients(struct engine *en)
{
    struct client *c = fake_add_client(en, "10.0.0.10", "metro");

    c->mac = (struct eth_addr) { .ea = { 2, 0, 0, 0, 1, 0x0a } };
    c->state = CLIENT_ACTIVE;
    c->active = 0;
    c->since_ms = FAKE_UNIX_MS;
    c->reaches[0] = (struct reach) {
        .state = REACH_SUSPECT, .port = 1, .rtt.srtt_us = 310, .misses = 1,
        .last_reply_ms = FAKE_NOW_MS - 212, .up_since_ms = FAKE_NOW_MS - 9,
    };
    c->reaches[1].state = REACH_DOWN;
    c->reaches[1].index = 1;
    fake_add_client(en, "10.0.0.11", "metro");
    fake_add_client(en, "10.0.0.11", "campus");
}

/* What lies beneath. */

static void
count_call(void *n_calls)
{
    ++*(int *) n_calls;
}

static void
nothing_to_do(void *n_changes)
{
}

static const char *
get_problem(void *aux, size_t i)
{
    return i < 1 ? "a problem" : NULL;
}

static void
get_bgp(void *aux, struct fh_bgp_status *status)
{
    *status = (struct fh_bgp_status) { .up = true, .n_routes = 7 };
}

static size_t
get_n_cores(void *aux)
{
    return 1;
}

static struct fh_core_status
get_core(void *aux, size_t i)
{
    return (struct fh_core_status) { "K", 0xc, true };
}

static size_t
get_core_routes(void *aux)
{
    return 5;
}

static void
get_openflow(void *aux, struct fh_openflow_status *status)
{
    *status = (struct fh_openflow_status) { .messages_in = 7 };
}

static size_t n_versions = 2;

static size_t
get_n_versions(void *aux)
{
    return n_versions;
}

static struct fh_config_version
get_version(void *aux, size_t i)
{
    return (struct fh_config_version) { 7 + i, FAKE_UNIX_MS + i };
}

/* The seventh is none any more that would do. */
static json_t *
load_version(void *aux, uint32_t number)
{
    return (number == 7 ? json_pack("{s:i}", "colour", 1)
            : number == 8 ? json_loads(config_text, 0, NULL) : NULL);
}

static int
set_up(void **state)
{
    struct world *w = fh_xcalloc(1, sizeof *w);
    const struct api_host host = {
        .wake = nothing_to_do, .changed = count_call,
        .problem = get_problem, .n_versions = get_n_versions,
        .version = get_version, .load_version = load_version, .bgp = get_bgp,
        .n_cores = get_n_cores, .core = get_core,
        .core_routes = get_core_routes, .openflow = get_openflow,
        .turns = &w->turns, .aux = &w->n_changes,
    };
    char *error = NULL;

    w->dir = fh_xstrdup("/tmp/firsthop-test-api-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->path = fh_xasprintf("%s/control.sock", w->dir);
    turns_init(&w->turns);
    w->base = event_base_new();
    w->en = fake_create(config_text, N_EVENTS);
    add_clients(w->en);
    fake_set_connected(w->en, "A", true);
    w->api = api_create(w->base, w->en, &host, w->path, &error);
    assert_null(error);
    *state = w;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *w = *state;

    api_destroy(w->api);
    assert_int_not_equal(access(w->path, F_OK), 0);
    fake_destroy(w->en);
    event_base_free(w->base);
    assert_int_equal(rmdir(w->dir), 0);
    free(w->path);
    free(w->dir);
    free(w);
    return 0;
}

/* One request on a connection of its own.  'body' may be NULL.  Returns the
 * whole reply, new. */
static char *
ask_with(struct world *w, const char *method, const char *target,
         const char *fields, const char *body)
{
    struct peer peer;
    char *text = fh_xasprintf("%s %s HTTP/1.1\r\nHost: x\r\n"
                              "Connection: close\r\n%sContent-Length: %zu"
                              "\r\n\r\n%s", method, target, fields,
                              body ? strlen(body) : 0, body ? body : "");
    char *reply;

    peer_open(&peer, w->base, w->path);
    peer_puts(&peer, text);
    reply = peer_reply(&peer);
    peer_close(&peer);
    free(text);
    return reply;
}

/* The same, with the body of the reply as JSON, new; NULL if it has none. */
static json_t *
ask(struct world *w, const char *method, const char *target,
    const char *body, int status)
{
    char *reply = ask_with(w, method, target, "", body);
    json_t *json;

    if (reply_status(reply) != status) {
        print_message("%s %s: %s\n", method, target, reply);
    }
    assert_int_equal(reply_status(reply), status);
    json = json_loads(reply_body(reply), 0, NULL);
    if (status >= 400) {
        assert_non_null(strstr(reply, "application/problem+json"));
        assert_int_equal(json_integer_value(json_object_get(json, "status")),
                         status);
        assert_true(json_is_string(json_object_get(json, "title")));
        assert_true(json_is_string(json_object_get(json, "detail")));
    }
    free(reply);
    return json;
}

static void
ask_only(struct world *w, const char *method, const char *target,
         const char *body, int status)
{
    json_decref(ask(w, method, target, body, status));
}

/* Compares 'json' (taken) with what 'expected' says. */
static void
assert_json(json_t *json, const char *expected)
{
    json_t *want = json_loads(expected, JSON_DECODE_ANY, NULL);

    assert_non_null(want);
    if (!json_equal(json, want)) {
        char *text = json_dumps(json, JSON_INDENT(1) | JSON_ENCODE_ANY);
        print_message("got %s\n", text);
        free(text);
    }
    assert_true(json_equal(json, want));
    json_decref(want);
    json_decref(json);
}

/* Schemas: the part of JSON Schema that openapi.json uses. */

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

#define BULK \
    "{\"address\": \"10.0.0.70\", \"segment\": \"metro\"}\r\n\n" \
    "{\"address\": \"10.0.0.10\", \"segment\": \"metro\"," \
    " \"mac\": \"02:00:00:00:01:0a\"}"
#define CAMPUS \
    "{\"gateway\": \"10.0.0.1\", \"prefixes\": [\"10.0.0.0/24\"]," \
    " \"vlan\": [100], \"routers\": {\"A\": {\"address\":" \
    " \"10.0.0.2\"}}}"
#define NEW_SEGMENT \
    "{\"gateway\": \"10.1.0.1\", \"prefixes\": [\"10.1.0.0/24\"]," \
    " \"vlan\": [101], \"routers\": {\"A\": {\"address\":" \
    " \"10.1.0.2\"}}}"
#define ROUTER(C) \
    "{\"datapath_id\": \"000000000000000" C "\"," \
    " \"mac\": \"02:00:00:00:00:0" C "\", \"access_ports\": [\"acc\"]," \
    " \"uplink\": {\"port\": \"up\", \"address\": \"192.0.2.9/24\"," \
    " \"next_hop\": \"192.0.2.1\"}}"
#define ROUTER_C ROUTER("c")
#define ROUTER_D ROUTER("d")

/* One line for every answer that the document promises. */
static const struct walk {
    const char *method, *path, *target, *body;
    int status;
    const char *refuse;         /* What the controller says first, or NULL. */
    const char *fields;         /* Header fields, or NULL. */
} walks[] = {
    { "GET", "/", "/", NULL, 200, NULL },
    { "GET", "/", "/?x", NULL, 400, NULL },
    { "GET", "/page.css", "/page.css", NULL, 200, NULL },
    { "GET", "/page.css", "/page.css?x", NULL, 400, NULL },
    { "GET", "/page.js", "/page.js", NULL, 200, NULL },
    { "GET", "/page.js", "/page.js?x", NULL, 400, NULL },
    { "GET", "/page.svg", "/page.svg", NULL, 200, NULL },
    { "GET", "/page.svg", "/page.svg?x", NULL, 400, NULL },
    { "GET", "/v1/segments", "/v1/segments", NULL, 200, NULL },
    { "GET", "/v1/segments", "/v1/segments?x", NULL, 400, NULL },
    { "GET", "/v1/status", "/v1/status", NULL, 200, NULL },
    { "GET", "/v1/status", "/v1/status?verbose=1", NULL, 400, NULL },
    { "GET", "/v1/routers", "/v1/routers", NULL, 200, NULL },
    { "GET", "/v1/routers", "/v1/routers?x", NULL, 400, NULL },
    { "GET", "/v1/routers/{name}", "/v1/routers/A", NULL, 200, NULL },
    { "GET", "/v1/routers/{name}", "/v1/routers/B", NULL, 200, NULL },
    { "GET", "/v1/routers/{name}", "/v1/routers/A?x=1", NULL, 400, NULL },
    { "GET", "/v1/routers/{name}", "/v1/routers/Z", NULL, 404, NULL },
    { "GET", "/v1/paths", "/v1/paths", NULL, 200, NULL },
    { "GET", "/v1/paths", "/v1/paths?x", NULL, 400, NULL },
    { "PATCH", "/v1/routers/{name}", "/v1/routers/A",
      "{\"admin\": \"drain\"}", 200, NULL },
    { "PATCH", "/v1/routers/{name}", "/v1/routers/A", "{\"admin\": ", 400,
      NULL },
    { "PATCH", "/v1/routers/{name}", "/v1/routers/Z", "{}", 404, NULL },
    { "PATCH", "/v1/routers/{name}", "/v1/routers/A",
      "{\"admin\": \"drain\"}", 409, "not now" },
    { "PATCH", "/v1/routers/{name}", "/v1/routers/A", "{}", 422, NULL },
    { "PATCH", "/v1/routers/{name}", "/v1/routers/A", "LARGE", 413, NULL },
    { "GET", "/v1/clients", "/v1/clients", NULL, 200, NULL },
    { "GET", "/v1/clients", "/v1/clients?limit=two", NULL, 400, NULL },
    { "GET", "/v1/clients", "/v1/clients?segment=none", NULL, 404, NULL },
    { "GET", "/v1/clients", "/v1/clients?state=happy", NULL, 422, NULL },
    { "POST", "/v1/clients", "/v1/clients", BULK, 200, NULL },
    { "POST", "/v1/clients", "/v1/clients?dry_run=1", BULK, 200, NULL },
    { "POST", "/v1/clients", "/v1/clients", "{\"address\"\n", 400, NULL },
    { "POST", "/v1/clients", "/v1/clients", BULK, 409, "not now" },
    { "POST", "/v1/clients", "/v1/clients", "LONG", 413, NULL },
    { "POST", "/v1/clients", "/v1/clients", "{}", 422, NULL },
    { "GET", "/v1/clients/{address}", "/v1/clients/10.0.0.10", NULL, 200,
      NULL },
    { "GET", "/v1/clients/{address}", "/v1/clients/10.0.0", NULL, 400,
      NULL },
    { "GET", "/v1/clients/{address}", "/v1/clients/10.0.0.99", NULL, 404,
      NULL },
    { "GET", "/v1/clients/{address}", "/v1/clients/10.0.0.11", NULL, 409,
      NULL },
    { "PUT", "/v1/clients/{address}", "/v1/clients/10.0.0.10",
      "{\"segment\": \"metro\"}", 200, NULL },
    { "PUT", "/v1/clients/{address}", "/v1/clients/10.0.0.77",
      "{\"segment\": \"metro\", \"mac\": \"02:00:00:00:01:77\"}", 201,
      NULL },
    { "PUT", "/v1/clients/{address}", "/v1/clients/10.0.0.77", "[", 400,
      NULL },
    { "PUT", "/v1/clients/{address}", "/v1/clients/10.0.0.78",
      "{\"segment\": \"metro\"}", 409, "the table is full" },
    { "PUT", "/v1/clients/{address}", "/v1/clients/10.0.0.77", "LARGE", 413,
      NULL },
    { "PUT", "/v1/clients/{address}", "/v1/clients/10.0.0.77", "{}", 422,
      NULL },
    { "DELETE", "/v1/clients/{address}", "/v1/clients/10.0.0.77", NULL, 409,
      "it is in the configuration" },
    { "DELETE", "/v1/clients/{address}", "/v1/clients/10.0.0.77", NULL, 204,
      NULL },
    { "DELETE", "/v1/clients/{address}", "/v1/clients/10.0.0.77", NULL, 404,
      NULL },
    { "DELETE", "/v1/clients/{address}", "/v1/clients/x", NULL, 400, NULL },
    { "POST", "/v1/clients/{address}/move", "/v1/clients/10.0.0.10/move",
      "{\"router\": \"B\"}", 200, NULL },
    { "POST", "/v1/clients/{address}/move", "/v1/clients/10.0.0.10/move", "",
      400, NULL },
    { "POST", "/v1/clients/{address}/move", "/v1/clients/10.0.0.99/move",
      "{\"router\": \"B\"}", 404, NULL },
    { "POST", "/v1/clients/{address}/move", "/v1/clients/10.0.0.10/move",
      "{\"router\": \"B\"}", 409, "B does not reach it" },
    { "POST", "/v1/clients/{address}/move", "/v1/clients/10.0.0.10/move",
      "{\"router\": \"C\"}", 409, NULL },
    { "POST", "/v1/clients/{address}/move", "/v1/clients/10.0.0.10/move",
      "{\"router\": \"Z\"}", 422, NULL },
    { "POST", "/v1/clients/{address}/move", "/v1/clients/10.0.0.10/move",
      "LARGE", 413, NULL },
    { "GET", "/v1/clients/{address}/explain",
      "/v1/clients/10.0.0.10/explain", NULL, 200, NULL },
    { "GET", "/v1/clients/{address}/explain",
      "/v1/clients/10.0.0.11/explain?segment=campus", NULL, 200, NULL },
    { "GET", "/v1/clients/{address}/explain",
      "/v1/clients/10.0.0.1000/explain", NULL, 400, NULL },
    { "GET", "/v1/clients/{address}/explain",
      "/v1/clients/10.0.0.99/explain", NULL, 404, NULL },
    { "GET", "/v1/clients/{address}/explain",
      "/v1/clients/10.0.0.11/explain", NULL, 409, NULL },
    { "GET", "/v1/clients/{address}/flows", "/v1/clients/10.0.0.10/flows",
      NULL, 200, NULL },
    { "GET", "/v1/clients/{address}/flows", "/v1/clients/10.0/flows", NULL,
      400, NULL },
    { "GET", "/v1/clients/{address}/flows", "/v1/clients/10.0.0.9/flows", NULL,
      404, NULL },
    { "GET", "/v1/clients/{address}/flows", "/v1/clients/10.0.0.11/flows",
      NULL, 409, NULL },
    { "GET", "/v1/clients/{address}/trace",
      "/v1/clients/10.0.0.10/trace?to=192.0.2.1", NULL, 200, NULL },
    { "GET", "/v1/clients/{address}/trace",
      "/v1/clients/10.0.0.10/trace?from=192.0.2.1", NULL, 200, NULL },
    { "GET", "/v1/clients/{address}/trace",
      "/v1/clients/10.0.0.10/trace?to=me", NULL, 400, NULL },
    { "GET", "/v1/clients/{address}/trace",
      "/v1/clients/10.0.0.9/trace?to=192.0.2.1", NULL, 404, NULL },
    { "GET", "/v1/clients/{address}/trace",
      "/v1/clients/10.0.0.11/trace?to=192.0.2.1&segment=metro", NULL, 409,
      NULL },
    { "GET", "/v1/clients/{address}/trace",
      "/v1/clients/10.0.0.10/trace", NULL, 422, NULL },
    { "GET", "/v1/clients/{address}/usage", "/v1/clients/10.0.0.10/usage",
      NULL, 200, NULL },
    { "GET", "/v1/clients/{address}/usage", "/v1/clients/10.0/usage", NULL,
      400, NULL },
    { "GET", "/v1/clients/{address}/usage", "/v1/clients/10.0.0.9/usage", NULL,
      404, NULL },
    { "GET", "/v1/clients/{address}/usage", "/v1/clients/10.0.0.11/usage",
      NULL, 409, NULL },
    { "GET", "/v1/usage", "/v1/usage", NULL, 200, NULL },
    { "GET", "/v1/usage", "/v1/usage?segment=metro&active=A&limit=1", NULL,
      200, NULL },
    { "GET", "/v1/usage", "/v1/usage?state=lost", NULL, 400, NULL },
    { "GET", "/v1/usage", "/v1/usage?segment=none", NULL, 404, NULL },
    { "GET", "/v1/usage", "/v1/usage?limit=0", NULL, 422, NULL },
    { "GET", "/v1/exposure", "/v1/exposure", NULL, 200, NULL },
    { "GET", "/v1/exposure", "/v1/exposure?router=A", NULL, 200, NULL },
    { "GET", "/v1/exposure", "/v1/exposure?limit=x", NULL, 400, NULL },
    { "GET", "/v1/exposure", "/v1/exposure?router=Z", NULL, 404, NULL },
    { "GET", "/v1/exposure", "/v1/exposure?limit=0", NULL, 422, NULL },
    { "GET", "/v1/events", "/v1/events?since=1", NULL, 200, NULL },
    { "GET", "/v1/events", "/v1/events?since=-1", NULL, 400, NULL },
    { "GET", "/v1/events", "/v1/events?limit=0", NULL, 422, NULL },
    { "GET", "/v1/config", "/v1/config", NULL, 200, NULL },
    { "GET", "/v1/config", "/v1/config", NULL, 304, NULL,
      "If-None-Match: *\r\n" },
    { "GET", "/v1/config", "/v1/config?x=1", NULL, 400, NULL },
    { "PUT", "/v1/config", "/v1/config?dry_run=1", config_text, 200, NULL },
    { "PUT", "/v1/config", "/v1/config", config_text, 200, NULL },
    { "PUT", "/v1/config", "/v1/config", "{\"routers\": {,}}", 400, NULL },
    { "PUT", "/v1/config", "/v1/config", config_text, 409, "no" },
    { "PUT", "/v1/config", "/v1/config", config_text, 412, NULL,
      "If-Match: \"x\"\r\n" },
    { "PUT", "/v1/config", "/v1/config", "HUGE", 413, NULL },
    { "PUT", "/v1/config", "/v1/config", "{\"x\": 1}", 422, NULL },
    { "GET", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", NULL, 200, NULL },
    { "GET", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", NULL, 304, NULL, "If-None-Match: *\r\n" },
    { "GET", "/v1/config/segments/{name}",
      "/v1/config/segments/campus?x", NULL, 400, NULL },
    { "GET", "/v1/config/segments/{name}",
      "/v1/config/segments/none", NULL, 404, NULL },
    { "PUT", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", CAMPUS, 200, NULL },
    { "PUT", "/v1/config/segments/{name}",
      "/v1/config/segments/new", NEW_SEGMENT, 201, NULL },
    { "PUT", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", "{", 400, NULL },
    { "PUT", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", CAMPUS, 409, "not now" },
    { "PUT", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", CAMPUS, 412, NULL, "If-None-Match: *\r\n" },
    { "PUT", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", "LARGE", 413, NULL },
    { "PUT", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", "{}", 422, NULL },
    { "PATCH", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", "{}", 200, NULL },
    { "PATCH", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", "", 400, NULL },
    { "PATCH", "/v1/config/segments/{name}",
      "/v1/config/segments/none", "{}", 404, NULL },
    { "PATCH", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", "{}", 409, "not now" },
    { "PATCH", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", "{}", 412, NULL, "If-Match: \"x\"\r\n" },
    { "PATCH", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", "LARGE", 413, NULL },
    { "PATCH", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", "{\"x\": 1}", 422, NULL },
    { "DELETE", "/v1/config/segments/{name}",
      "/v1/config/segments/campus?dry_run=1", NULL, 200, NULL },
    { "DELETE", "/v1/config/segments/{name}",
      "/v1/config/segments/campus?x", NULL, 400, NULL },
    { "DELETE", "/v1/config/segments/{name}",
      "/v1/config/segments/none", NULL, 404, NULL },
    { "DELETE", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", NULL, 409, "not now" },
    { "DELETE", "/v1/config/segments/{name}",
      "/v1/config/segments/campus", NULL, 412, NULL, "If-Match: \"x\"\r\n" },
    { "DELETE", "/v1/config/segments/{name}",
      "/v1/config/segments/campus?dry_run=maybe", NULL, 422, NULL },
    { "GET", "/v1/config/routers/{name}",
      "/v1/config/routers/C", NULL, 200, NULL },
    { "GET", "/v1/config/routers/{name}",
      "/v1/config/routers/C", NULL, 304, NULL, "If-None-Match: *\r\n" },
    { "GET", "/v1/config/routers/{name}",
      "/v1/config/routers/C?x", NULL, 400, NULL },
    { "GET", "/v1/config/routers/{name}",
      "/v1/config/routers/none", NULL, 404, NULL },
    { "PUT", "/v1/config/routers/{name}",
      "/v1/config/routers/C", ROUTER_C, 200, NULL },
    { "PUT", "/v1/config/routers/{name}",
      "/v1/config/routers/D", ROUTER_D, 201, NULL },
    { "PUT", "/v1/config/routers/{name}",
      "/v1/config/routers/C", "{", 400, NULL },
    { "PUT", "/v1/config/routers/{name}",
      "/v1/config/routers/C", ROUTER_C, 409, "not now" },
    { "PUT", "/v1/config/routers/{name}",
      "/v1/config/routers/C", ROUTER_C, 412, NULL, "If-None-Match: *\r\n" },
    { "PUT", "/v1/config/routers/{name}",
      "/v1/config/routers/C", "LARGE", 413, NULL },
    { "PUT", "/v1/config/routers/{name}",
      "/v1/config/routers/C", "{}", 422, NULL },
    { "PATCH", "/v1/config/routers/{name}",
      "/v1/config/routers/C", "{}", 200, NULL },
    { "PATCH", "/v1/config/routers/{name}",
      "/v1/config/routers/C", "", 400, NULL },
    { "PATCH", "/v1/config/routers/{name}",
      "/v1/config/routers/none", "{}", 404, NULL },
    { "PATCH", "/v1/config/routers/{name}",
      "/v1/config/routers/C", "{}", 409, "not now" },
    { "PATCH", "/v1/config/routers/{name}",
      "/v1/config/routers/C", "{}", 412, NULL, "If-Match: \"x\"\r\n" },
    { "PATCH", "/v1/config/routers/{name}",
      "/v1/config/routers/C", "LARGE", 413, NULL },
    { "PATCH", "/v1/config/routers/{name}",
      "/v1/config/routers/C", "{\"x\": 1}", 422, NULL },
    { "DELETE", "/v1/config/routers/{name}",
      "/v1/config/routers/C?dry_run=1", NULL, 200, NULL },
    { "DELETE", "/v1/config/routers/{name}",
      "/v1/config/routers/C?x", NULL, 400, NULL },
    { "DELETE", "/v1/config/routers/{name}",
      "/v1/config/routers/none", NULL, 404, NULL },
    { "DELETE", "/v1/config/routers/{name}",
      "/v1/config/routers/C", NULL, 409, "not now" },
    { "DELETE", "/v1/config/routers/{name}",
      "/v1/config/routers/C", NULL, 412, NULL, "If-Match: \"x\"\r\n" },
    { "DELETE", "/v1/config/routers/{name}",
      "/v1/config/routers/C?dry_run=maybe", NULL, 422, NULL },
    { "GET", "/v1/config/versions", "/v1/config/versions", NULL, 200, NULL },
    { "GET", "/v1/config/versions", "/v1/config/versions?x", NULL, 400,
      NULL },
    { "GET", "/v1/config/versions/{version}", "/v1/config/versions/8", NULL,
      200, NULL },
    { "GET", "/v1/config/versions/{version}", "/v1/config/versions/8", NULL,
      304, NULL, "If-None-Match: *\r\n" },
    { "GET", "/v1/config/versions/{version}", "/v1/config/versions/8?x",
      NULL, 400, NULL },
    { "GET", "/v1/config/versions/{version}", "/v1/config/versions/9", NULL,
      404, NULL },
    { "POST", "/v1/config/rollback",
      "/v1/config/rollback?version=8&dry_run=1", NULL, 200, NULL },
    { "POST", "/v1/config/rollback", "/v1/config/rollback?version=8", NULL,
      200, NULL },
    { "POST", "/v1/config/rollback", "/v1/config/rollback?x", NULL, 400,
      NULL },
    { "POST", "/v1/config/rollback", "/v1/config/rollback?version=08", NULL,
      404, NULL },
    { "POST", "/v1/config/rollback", "/v1/config/rollback", NULL, 409,
      NULL },
    { "POST", "/v1/config/rollback", "/v1/config/rollback?version=8", NULL,
      412, NULL, "If-Match: \"x\"\r\n" },
    { "POST", "/v1/config/rollback", "/v1/config/rollback?dry_run=maybe",
      NULL, 422, NULL },
    { "GET", "/v1/openapi.json", "/v1/openapi.json", NULL, 200, NULL },
    { "GET", "/v1/openapi.json", "/v1/openapi.json?a=b", NULL, 400, NULL },
    { "GET", "/metrics", "/metrics", NULL, 200, NULL },
    { "GET", "/metrics", "/metrics?a=b", NULL, 400, NULL },
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
    struct world *w = *state;
    json_t *doc = load_document(w);

    fake_add_event(w->en, INCIDENT_CLIENT_MOVED);
    fake_add_event(w->en, INCIDENT_CLIENT_MOVED);
    for (size_t i = 0; i < sizeof walks / sizeof *walks; i++) {
        const struct walk *step = &walks[i];
        char *body = walk_body(step->body);

        if (step->refuse) {
            fake_refuse(w->en, step->refuse);
        }
        ask_as_documented(w, doc, step->path, step->method, step->target,
                          step->fields, body, step->status);
        free(body);
    }
    json_decref(doc);
}

/* 503 alone needs more than one request; see the streams below. */
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

static void
other_methods_are_answered_with_405_and_allow(void **state)
{
    static const char *const methods[] = {
        "GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW",
        "get",
    };

    for (const struct api_route *r = api_routes; r->method; r++) {
        for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
            char *target = fh_xasprintf("%.*s%s%s",
                                        (int) strcspn(r->path, "{"), r->path,
                                        strchr(r->path, '{') ? "x" : "",
                                        strchr(r->path, '}')
                                        ? strchr(r->path, '}') + 1 : "");
            char *reply = ask_with(*state, methods[i], target, "", NULL);
            bool known = false;

            for (const struct api_route *o = api_routes; o->method; o++) {
                known = known || (!strcmp(o->path, r->path)
                                  && !strcmp(o->method, methods[i]));
            }
            if (!known) {
                assert_int_equal(reply_status(reply), 405);
                assert_non_null(strstr(strstr(reply, "\r\nAllow: "),
                                       r->method));
            } else {
                assert_int_not_equal(reply_status(reply), 405);
            }
            free(reply);
            free(target);
        }
    }
}

static void
unknown_paths_are_answered_with_404(void **state)
{
    static const char *const paths[] = {
        "/page", "/v1", "/v1/", "/v1/status/", "/v2/status", "/V1/status",
        "/v1/routers/", "/v1/routers/A/ports", "/v1/clients//explain",
        "/v1/clients/10.0.0.10/", "/v1/clients/10.0.0.10/explain/x",
        "/metrics/x", "/v1/openapi", "//v1/status", "/v1/%2e%2e/metrics",
        "/v1/routers/%ff",
    };

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        ask_only(*state, "GET", paths[i], NULL, 404);
    }
}

static void
head_is_get_without_a_body(void **state)
{
    struct world *w = *state;
    static const char *const targets[] = { "/v1/status", "/v1/events" };

    for (size_t i = 0; i < 2; i++) {
        struct peer peer;

        peer_open(&peer, w->base, w->path);
        peer_puts(&peer, "HEAD ");
        peer_puts(&peer, targets[i]);
        peer_puts(&peer, " HTTP/1.1\r\nHost: x\r\nConnection: close"
                  "\r\n\r\n");
        peer_wait_eof(&peer);
        assert_int_equal(reply_status((char *) peer.in.data), 200);
        assert_string_equal(reply_body((char *) peer.in.data), "");
        peer_close(&peer);
    }
}

/* Shapes that the contract pins down. */

static void
client_is_shown_as_the_contract_says(void **state)
{
    assert_json(ask(*state, "GET", "/v1/clients/10.0.0.10", NULL, 200),
        "{\"address\": \"10.0.0.10\", \"segment\": \"metro\","
        " \"origin\": \"learned\", \"mac\": \"02:00:00:00:01:0a\","
        " \"vlan\": [], \"state\": \"active\", \"active\": \"A\","
        " \"since\": \"2026-11-23T04:00:00.123Z\", \"moves\": 0,"
        " \"reach\": {"
        "  \"A\": {\"state\": \"up\", \"port\": \"a-access\","
        "   \"rtt_us\": 310, \"last_reply_ms\": 212, \"misses\": 1},"
        "  \"B\": {\"state\": \"down\", \"port\": null, \"rtt_us\": null,"
        "   \"last_reply_ms\": null, \"misses\": 0}}}");
}

static void
what_is_not_known_of_a_client_is_null(void **state)
{
    assert_json(ask(*state, "GET", "/v1/clients/10.0.0.11?segment=campus",
                    NULL, 200),
        "{\"address\": \"10.0.0.11\", \"segment\": \"campus\","
        " \"origin\": \"learned\", \"mac\": null, \"vlan\": [],"
        " \"state\": \"pending\", \"active\": null, \"since\": null,"
        " \"moves\": 0, \"reach\": {\"A\": {\"state\": \"unknown\","
        " \"port\": null, \"rtt_us\": null, \"last_reply_ms\": null,"
        " \"misses\": 0}}}");
}

static void
ambiguous_address_names_its_segments(void **state)
{
    json_t *problem = ask(*state, "GET", "/v1/clients/10.0.0.11", NULL, 409);

    assert_non_null(strstr(json_string_value(json_object_get(problem,
                                                             "detail")),
                           "name one of campus, metro (?segment=, "
                           "--segment)"));
    assert_json(json_incref(json_object_get(problem, "segments")),
                "[\"campus\", \"metro\"]");
    json_decref(problem);
}

static void
router_is_shown_as_the_contract_says(void **state)
{
    json_t *router = ask(*state, "GET", "/v1/routers/A", NULL, 200);
    json_t *ports = json_object_get(router, "ports");

    assert_int_equal(json_array_size(ports), 2);
    assert_json(json_incref(json_array_get(ports, 0)),
                "{\"name\": \"a-access\", \"role\": \"access\","
                " \"number\": 1, \"up\": true, \"clients_learned\": 0}");
    json_object_del(router, "ports");
    assert_json(router,
        "{\"name\": \"A\", \"datapath_id\": \"000000000000000a\","
        " \"connected\": true, \"ready\": true, \"openflow\": \"1.4\","
        " \"headless\": false,"
        " \"admin\": \"up\", \"uplink\": \"up\", \"clients_active\": 0,"
        " \"clients_reachable\": 0, \"clients_left_behind\": 0,"
        " \"left_behind\": []}");
}

static void
a_writer_has_what_it_changed_carried_out(void **state)
{
    struct world *w = *state;

    json_decref(ask(w, "GET", "/v1/status", NULL, 200));
    assert_int_equal(w->n_changes, 0);
    json_decref(ask(w, "PATCH", "/v1/routers/A", "{\"admin\": \"drain\"}",
                    200));
    assert_int_equal(w->n_changes, 1);
}

static void
draining_router_names_who_stays_behind(void **state)
{
    struct world *w = *state;
    json_t *router = ask(w, "PATCH", "/v1/routers/A",
                         "{\"admin\": \"drain\"}", 200);

    assert_string_equal(fake_last(w->en), "drain A");
    assert_json(json_incref(json_object_get(router, "admin")), "\"drain\"");
    assert_json(json_incref(json_object_get(router, "left_behind")),
                "[{\"address\": \"10.0.0.10\", \"segment\": \"metro\","
                " \"reason\": \"no other router reaches it\"}]");
    json_decref(router);
    ask_only(w, "PATCH", "/v1/routers/A", "{\"admin\": \"up\"}", 200);
    assert_string_equal(fake_last(w->en), "up A");
}

static void
uplink_is_said_to_be_down_and_up(void **state)
{
    struct world *w = *state;
    json_t *router = ask(w, "PATCH", "/v1/routers/A",
                         "{\"uplink\": \"down\"}", 200);

    assert_string_equal(fake_last(w->en), "uplink A down");
    assert_json(json_incref(json_object_get(router, "uplink")), "\"down\"");
    json_decref(router);
    ask_only(w, "PATCH", "/v1/routers/A", "{\"uplink\": \"up\"}", 200);
    assert_string_equal(fake_last(w->en), "uplink A up");
}

static void
status_counts(void **state)
{
    json_t *status = ask(*state, "GET", "/v1/status", NULL, 200);

    assert_json(json_incref(json_object_get(status, "version")),
                "\"" PACKAGE_VERSION "\"");
    assert_json(json_incref(json_object_get(status, "uptime_s")), "5");
    assert_json(json_incref(json_object_get(status, "role")), "\"alone\"");
    assert_json(json_incref(json_object_get(status, "counts")),
                "{\"routers\": 3, \"routers_connected\": 1,"
                " \"segments\": 2, \"clients\": 3, \"clients_pending\": 2,"
                " \"clients_active\": 1, \"clients_lost\": 0,"
                " \"clients_learned\": 3, \"clients_configured\": 0,"
                " \"clients_provisioned\": 0, \"clients_leased\": 0,"
                " \"last_event\": 0}");
    assert_json(json_incref(json_object_get(status, "upstream")),
                "{\"bgp\": null, \"kernel\": null, \"core\": {\"bridges\": [{\"name\": \"K\","
                " \"datapath_id\": \"000000000000000c\","
                " \"connected\": true}], \"routes\": 5}}");
    json_decref(status);
}

static void
explain_shows_the_candidates(void **state)
{
    json_t *explain = ask(*state, "GET", "/v1/clients/10.0.0.10/explain",
                          NULL, 200);
    json_t *list = json_object_get(explain, "candidates");

    assert_json(json_incref(json_object_get(explain, "winner")), "\"A\"");
    assert_json(json_incref(json_object_get(explain, "reason")),
                "\"stays\"");
    assert_int_equal(json_array_size(list), 2);
    assert_json(json_incref(json_object_get(json_array_get(list, 1),
                                            "eligible")), "false");
    json_decref(explain);
}

static void
assert_last_move(void *state, const char *expected)
{
    json_t *explain = ask(state, "GET", "/v1/clients/10.0.0.10/explain", NULL,
                          200);

    assert_json(json_incref(json_object_get(explain, "last_move")), expected);
    json_decref(explain);
}

static void
explain_tells_the_last_move(void **state)
{
    struct world *w = *state;
    struct client *c = clients_at(engine_clients(w->en), 0);
    struct incident e = { .time_ms = FAKE_UNIX_MS, .cause = CAUSE_FIRST };

    assert_last_move(w, "null");
    client_note_move(c, &e);
    assert_last_move(w, "{\"cause\": \"first\", \"from\": null,"
                     " \"time\": \"2026-11-23T04:00:00.123Z\"}");
    e.cause = CAUSE_DRAIN;
    snprintf(e.from, sizeof e.from, "B");
    client_note_move(c, &e);
    assert_last_move(w, "{\"cause\": \"drain\", \"from\": \"B\","
                     " \"time\": \"2026-11-23T04:00:00.123Z\"}");
}

static void
move_tells_whether_there_was_anything_to_do(void **state)
{
    static const char *const bodies[] = { "{\"router\": \"A\"}",
                                          "{\"router\": \"B\"}" };

    for (size_t i = 0; i < 2; i++) {
        json_t *client = ask(*state, "POST", "/v1/clients/10.0.0.10/move",
                             bodies[i], 200);

        assert_json(json_incref(json_object_get(client, "moved")),
                    i ? "true" : "false");
        json_decref(client);
    }
}

/* Paging. */

static void
add_many(struct engine *en, int n)
{
    for (int i = 0; i < n; i++) {
        char address[24];

        snprintf(address, sizeof address, "10.0.0.%d", 20 + i);
        fake_add_client(en, address, "metro");
        fake_add_client(en, address, "campus");
    }
}

/* Reads all pages of 'limit', and checks order and completeness. */
static size_t
read_pages(struct world *w, const char *filter, int limit)
{
    char *after = fh_xstrdup("");
    char *former = fh_xstrdup("");
    size_t n = 0;

    while (after) {
        char *target = fh_xasprintf("/v1/clients?limit=%d%s%s%s", limit,
                                    filter, *after ? "&after=" : "", after);
        json_t *page = ask(w, "GET", target, NULL, 200);
        json_t *next = json_object_get(page, "next");
        json_t *client;
        size_t i;

        json_array_foreach (json_object_get(page, "clients"), i, client) {
            char *key = fh_xasprintf(
                "%s %s",
                json_string_value(json_object_get(client, "address")),
                json_string_value(json_object_get(client, "segment")));

            assert_true(strcmp(key, former) > 0);
            free(former);
            former = key;
            n++;
        }
        assert_true(i <= limit);
        assert_true(i == limit || json_is_null(next));
        free(after);
        after = json_is_null(next) ? NULL : fh_xstrdup(
            json_string_value(next));
        json_decref(page);
        free(target);
    }
    free(former);
    return n;
}

static void
pages_hold_each_client_once(void **state)
{
    struct world *w = *state;

    add_many(w->en, 60);
    for (int limit = 1; limit < 9; limit++) {
        assert_int_equal(read_pages(w, "", limit), 123);
        assert_int_equal(read_pages(w, "&segment=metro", limit), 62);
        assert_int_equal(read_pages(w, "&state=active", limit), 1);
        assert_int_equal(read_pages(w, "&active=A", limit), 1);
        assert_int_equal(read_pages(w, "&active=B", limit), 0);
    }
    assert_int_equal(read_pages(w, "", 1000), 123);
}

static void
page_has_100_by_default_and_1000_at_most(void **state)
{
    struct world *w = *state;
    json_t *page;

    add_many(w->en, 60);
    page = ask(w, "GET", "/v1/clients", NULL, 200);
    assert_int_equal(json_array_size(json_object_get(page, "clients")), 100);
    json_decref(page);
    ask_only(w, "GET", "/v1/clients?limit=1000", NULL, 200);
    ask_only(w, "GET", "/v1/clients?limit=1001", NULL, 422);
    ask_only(w, "GET", "/v1/clients?limit=0", NULL, 422);
    ask_only(w, "GET", "/v1/clients?limit=99999999999999999999", NULL, 400);
}

static void
cursor_need_not_be_a_client(void **state)
{
    json_t *page = ask(*state, "GET", "/v1/clients?after=10.0.0.9", NULL,
                       200);

    assert_int_equal(json_array_size(json_object_get(page, "clients")), 3);
    json_decref(page);
    ask_only(*state, "GET", "/v1/clients?after=nobody", NULL, 400);
    ask_only(*state, "GET", "/v1/clients?after=10.0.0.9x", NULL, 400);
    ask_only(*state, "GET", "/v1/clients?after=10.0.0.9@nowhere", NULL, 404);
}

static bool
has_no_connection(void *api_)
{
    struct api *api = api_;

    return !http_n_connections(api->http);
}

static void
segments_count_their_clients(void **state)
{
    assert_json(ask(*state, "GET", "/v1/segments", NULL, 200),
        "{\"segments\": [{\"name\": \"campus\", \"gateway\": \"10.0.0.1\","
        " \"prefixes\": [\"10.0.0.0/24\"], \"vlan\": [100],"
        " \"clients_pending\": 1, \"clients_active\": 0,"
        " \"clients_lost\": 0, \"routers\": [{\"router\": \"A\","
        " \"address\": \"10.0.0.2\", \"priority\": 100,"
        " \"clients_active\": 0, \"clients_reachable\": 0}]},"
        " {\"name\": \"metro\", \"gateway\": \"10.0.0.1\","
        " \"prefixes\": [\"10.0.0.0/24\"], \"vlan\": [],"
        " \"clients_pending\": 1, \"clients_active\": 1,"
        " \"clients_lost\": 0, \"routers\": [{\"router\": \"A\","
        " \"address\": \"10.0.0.2\", \"priority\": 200,"
        " \"clients_active\": 1, \"clients_reachable\": 1},"
        " {\"router\": \"B\", \"address\": \"10.0.0.3\","
        " \"priority\": 100, \"clients_active\": 0,"
        " \"clients_reachable\": 0}]}]}");
}

static void
page_takes_nothing_from_elsewhere(void **state)
{
    static const char *const files[] = { "/", "/page.css", "/page.js" };

    for (size_t i = 0; i < 3; i++) {
        char *reply = ask_with(*state, "GET", files[i], "", NULL);

        assert_non_null(strstr(reply, "\r\nContent-Security-Policy: "
                               "default-src 'none'; script-src 'self';"));
        assert_non_null(strstr(reply, "X-Content-Type-Options: nosniff"));
        assert_null(strstr(reply_body(reply), "https://"));
        assert_null(strstr(reply_body(reply), "innerHTML"));
        assert_null(strstr(reply_body(reply), " style="));
        free(reply);
    }
}

/* Usage. */

static void
usage_tells_what_was_counted(void **state)
{
    struct world *w = *state;
    struct client *c = clients_at(engine_clients(w->en), 0);

    assert_json(ask(w, "GET", "/v1/usage?limit=1", NULL, 200),
        "{\"clients\": [{\"address\": \"10.0.0.10\","
        " \"segment\": \"metro\", \"active\": \"A\","
        " \"from_client\": {\"packets\": 0, \"bytes\": 0},"
        " \"to_client\": {\"packets\": 0, \"bytes\": 0},"
        " \"read\": null}], \"next\": \"10.0.0.10\"}");
    c->usage = fh_xcalloc(1, sizeof *c->usage);
    usage_read(c->usage, 10, 7, USAGE_FROM_CLIENT,
               (struct usage_count) { 3, 300 });
    usage_read(c->usage, 10, 7, USAGE_TO_CLIENT,
               (struct usage_count) { 4, INT64_MAX });
    c->usage->read_ms = FAKE_UNIX_MS;
    assert_json(ask(w, "GET", "/v1/clients/10.0.0.10/usage", NULL, 200),
        "{\"address\": \"10.0.0.10\","
        " \"segment\": \"metro\", \"active\": \"A\","
        " \"from_client\": {\"packets\": 3, \"bytes\": 300},"
        " \"to_client\": {\"packets\": 4,"
        " \"bytes\": 9223372036854775807},"
        " \"read\": \"2026-11-23T04:00:00.123Z\"}");
}

/* Exposure. */


/* Makes the first 'n' clients active on A, and B reach every other one. */
static void
make_active(struct engine *en, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct client *c = clients_at(engine_clients(en), i);

        c->active = 0;
        c->state = CLIENT_ACTIVE;
        c->reaches[0].state = REACH_UP;
        if (c->n_reaches > 1 && i % 2) {
            c->reaches[1].state = REACH_UP;
        }
    }
}

static void
exposure_tells_who_would_be_cut_off(void **state)
{
    struct world *w = *state;

    fake_set_connected(w->en, "B", true);
    clients_at(engine_clients(w->en), 0)->reaches[1].state = REACH_DOWN;
    make_active(w->en, 3);      /* .10 metro; .11 campus; .11 metro */
    clients_at(engine_clients(w->en), 2)->reaches[1].state = REACH_UP;
    assert_json(ask(w, "GET", "/v1/exposure?router=A", NULL, 200),
        "{\"router\": \"A\", \"clients_active\": 3,"
        " \"clients_cut_off\": 2, \"clients_without_spare\": 1,"
        " \"moves\": [{\"to\": \"B\", \"clients\": 1}],"
        " \"clients\": [{\"address\": \"10.0.0.10\","
        " \"segment\": \"metro\","
        " \"reason\": \"no other router reaches it\"},"
        " {\"address\": \"10.0.0.11\", \"segment\": \"campus\","
        " \"reason\": \"its segment has no other router\"}],"
        " \"next\": null}");
    assert_json(ask(w, "GET", "/v1/exposure?router=B", NULL, 200),
        "{\"router\": \"B\", \"clients_active\": 0,"
        " \"clients_cut_off\": 0, \"clients_without_spare\": 0,"
        " \"moves\": [], \"clients\": [], \"next\": null}");
    assert_json(ask(w, "GET", "/v1/exposure?limit=1", NULL, 200),
        "{\"clients_known\": 3, \"clients_exposed\": 2,"
        " \"clients_unreached\": 0,"
        " \"routers\": [{\"router\": \"A\", \"clients\": 2}],"
        " \"clients\": [{\"address\": \"10.0.0.10\","
        " \"segment\": \"metro\", \"router\": \"A\"}],"
        " \"next\": \"10.0.0.10\"}");
    assert_json(ask(w, "GET", "/v1/exposure?limit=1&after=10.0.0.10", NULL,
                    200),
        "{\"clients_known\": 3, \"clients_exposed\": 2,"
        " \"clients_unreached\": 0,"
        " \"routers\": [{\"router\": \"A\", \"clients\": 2}],"
        " \"clients\": [{\"address\": \"10.0.0.11\","
        " \"segment\": \"campus\", \"router\": \"A\"}],"
        " \"next\": null}");
}

static void
add_crowd(struct engine *en, int n)
{
    for (int i = 0; i < n; i++) {
        char address[24];

        snprintf(address, sizeof address, "10.1.%d.%d", i / 250, i % 250);
        fake_add_client(en, address, "metro");
    }
}

static void
exposure_looks_at_all_clients_a_few_at_a_time(void **state)
{
    static const char question[] = "GET /v1/exposure HTTP/1.1\r\n"
                                   "Host: x\r\n\r\n";
    struct world *w = *state;
    struct peer peer;
    json_t *json;

    fake_set_connected(w->en, "B", true);
    add_crowd(w->en, 9997);
    make_active(w->en, 10000);
    json = ask(w, "GET", "/v1/exposure?router=A&limit=1000", NULL, 200);
    assert_json(json_incref(json_object_get(json, "clients_active")),
                "10000");
    assert_int_equal(json_array_size(json_object_get(json, "clients")),
                     1000);
    json_decref(json);

    /* One that goes away meanwhile is forgotten. */
    peer_open(&peer, w->base, w->path);
    assert_int_equal(send(peer.fd, question, strlen(question), 0),
                     strlen(question));
    for (int i = 0; i < 100000 && !w->api->n_walks; i++) {
        event_base_loop(w->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    }
    assert_int_equal(w->api->n_walks, 1);
    peer_close(&peer);
    run_until(w->base, has_no_connection, w->api);
    assert_int_equal(w->api->n_walks, 0);
}

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
    assert_string_equal(fake_last(w->en), "");
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
    assert_string_equal(fake_last(w->en), "");
    ask_only(w, "PUT", "/v1/config?dry_run=maybe", config_text, 422);
    ask_only(w, "PUT", "/v1/config?dryrun=1", config_text, 400);
    assert_string_equal(fake_last(w->en), "");
    assert_applied(ask(w, "PUT", "/v1/config", config_text, 200), "true");
    assert_string_equal(fake_last(w->en), "apply persist");
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
    assert_string_equal(fake_last(w->en), "");
    ask_if(w, "PUT", target, "If-Match", list, CAMPUS, 200);
    assert_string_equal(fake_last(w->en), "apply persist");
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
    assert_string_equal(fake_last(w->en), "");
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
    assert_string_equal(fake_last(w->en), "apply persist");
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
    assert_string_equal(fake_last(w->en), "");
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

/* Events. */

static void
events_are_shown_as_the_contract_says(void **state)
{
    struct world *w = *state;

    fake_add_event(w->en, INCIDENT_CLIENT_MOVED);
    assert_json(ask(w, "GET", "/v1/events?since=0", NULL, 200),
        "{\"events\": [{\"seq\": 1,"
        " \"time\": \"2026-11-23T04:00:00.123Z\","
        " \"type\": \"client.moved\", \"segment\": \"metro\","
        " \"client\": \"10.0.0.10\", \"from\": \"A\", \"to\": \"B\","
        " \"cause\": \"unreachable\", \"detect_ms\": 312,"
        " \"install_ms\": 2, \"ack_ms\": null}], \"next\": null}");
}

static void
list_of_events_goes_from_since_to_limit(void **state)
{
    struct world *w = *state;
    json_t *json;

    for (int i = 0; i < 700; i++) {
        fake_add_event(w->en, INCIDENT_CLIENT_LOST);
    }
    json = ask(w, "GET", "/v1/events", NULL, 200);
    assert_int_equal(json_array_size(json_object_get(json, "events")), 700);
    assert_true(json_is_null(json_object_get(json, "next")));
    json_decref(json);
    json = ask(w, "GET", "/v1/events?since=100&limit=7", NULL, 200);
    assert_int_equal(json_array_size(json_object_get(json, "events")), 7);
    assert_json(json_incref(json_object_get(json, "next")), "107");
    json_decref(json);
    assert_json(ask(w, "GET", "/v1/events?since=700", NULL, 200),
                "{\"events\": [], \"next\": null}");
}

/* How many of the kept events a query asks for. */
static size_t
count_events(struct world *w, const char *query)
{
    char *target = fh_xasprintf("/v1/events?%s", query);
    json_t *json = ask(w, "GET", target, NULL, 200);
    size_t n = json_array_size(json_object_get(json, "events"));

    json_decref(json);
    free(target);
    return n;
}

static void
events_are_chosen_by_what_is_asked(void **state)
{
    static const struct {
        const char *query;
        size_t n;
    } table[] = {
        { "client=10.0.0.10", 3 }, { "client=10.0.0.9", 0 },
        { "segment=metro", 3 }, { "segment=campus", 0 },
        { "router=A", 3 }, { "router=B", 3 }, { "router=C", 1 },
        { "type=client.moved", 2 }, { "type=client", 3 },
        { "type=router", 1 }, { "type=router.connected", 1 },
        { "cause=unreachable", 3 }, { "cause=drain", 0 },
        { "max_age_s=0", 3 }, { "max_age_s=4", 3 }, { "max_age_s=6", 4 },
        { "type=client&cause=unreachable&router=A&since=1&limit=1", 1 },
    };
    struct incident old = incident_init(INCIDENT_ROUTER_CONNECTED);
    struct world *w = *state;

    old.time_ms = FAKE_UNIX_MS - 5000;
    snprintf(old.to, sizeof old.to, "C");
    journal_add(engine_journal(w->en), &old);
    fake_add_event(w->en, INCIDENT_CLIENT_MOVED);
    fake_add_event(w->en, INCIDENT_CLIENT_MOVED);
    fake_add_event(w->en, INCIDENT_CLIENT_LOST);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (count_events(w, table[i].query) != table[i].n) {
            print_message("%s\n", table[i].query);
        }
        assert_int_equal(count_events(w, table[i].query), table[i].n);
    }
    ask_only(w, "GET", "/v1/events?type=client.mo", NULL, 422);
    ask_only(w, "GET", "/v1/events?type=", NULL, 422);
    ask_only(w, "GET", "/v1/events?cause=whim", NULL, 422);
    ask_only(w, "GET", "/v1/events?cause=", NULL, 422);
    ask_only(w, "GET", "/v1/events?client=me", NULL, 400);
    ask_only(w, "GET", "/v1/events?max_age_s=1h", NULL, 400);
}

static void
open_stream(struct world *w, struct peer *peer, const char *target,
            const char *fields)
{
    char *text = fh_xasprintf("GET %s HTTP/1.1\r\nHost: x\r\n"
                              "Accept: text/event-stream\r\n%s\r\n",
                              target, fields);

    peer_open(peer, w->base, w->path);
    peer_puts(peer, text);
    free(text);
    peer_wait_text(peer, "retry: 1000\n");
    assert_int_equal(reply_status((char *) peer->in.data), 200);
    assert_non_null(strstr((char *) peer->in.data, "text/event-stream"));
}

static bool
has(const struct peer *peer, const char *text)
{
    return strstr((char *) peer->in.data, text) != NULL;
}

static void
stream_holds_what_is_asked_for_only(void **state)
{
    struct world *w = *state;
    struct peer peer;

    open_stream(w, &peer, "/v1/events?type=client.found", "");
    for (int i = 0; i < 3 * N_EVENTS / 4; i++) {
        fake_add_event(w->en, INCIDENT_CLIENT_LOST);
    }
    fake_add_event(w->en, INCIDENT_CLIENT_FOUND);
    peer_wait_text(&peer, "\"client.found\"");
    assert_false(has(&peer, "client.lost"));
    peer_close(&peer);
}

static void
stream_begins_with_the_present(void **state)
{
    struct world *w = *state;
    struct peer peer;

    fake_add_event(w->en, INCIDENT_CLIENT_LOST);
    open_stream(w, &peer, "/v1/events", "");
    fake_add_event(w->en, INCIDENT_CLIENT_FOUND);
    peer_wait_text(&peer, "\"client.found\"");
    assert_true(has(&peer, "\nid: 2\ndata: {\"seq\":2,"));
    assert_false(has(&peer, "id: 1\n"));
    peer_close(&peer);
}

static void
stream_resumes_behind_the_last_event_id(void **state)
{
    struct world *w = *state;
    struct peer peer;

    for (int i = 0; i < 9; i++) {
        fake_add_event(w->en, INCIDENT_CLIENT_LOST);
    }
    open_stream(w, &peer, "/v1/events?since=2", "Last-Event-ID: 6\r\n");
    peer_wait_text(&peer, "\nid: 9\n");
    assert_false(has(&peer, "id: 6\n"));
    assert_true(has(&peer, "id: 7\n"));
    peer_close(&peer);

    open_stream(w, &peer, "/v1/events?since=2", "");
    peer_wait_text(&peer, "\nid: 9\n");
    assert_false(has(&peer, "id: 2\n"));
    assert_true(has(&peer, "id: 3\n"));
    peer_close(&peer);
}

static void
last_event_id_of_a_daemon_before_starts_anew(void **state)
{
    struct world *w = *state;
    struct peer peer;
    char *reply;

    fake_add_event(w->en, INCIDENT_CLIENT_LOST);
    open_stream(w, &peer, "/v1/events", "Last-Event-ID: 4711\r\n");
    peer_wait_text(&peer, "id: 1\n");
    peer_close(&peer);
    reply = ask_with(w, "GET", "/v1/events", "Accept: text/event-stream\r\n"
                     "Last-Event-ID: x\r\n", NULL);
    assert_int_equal(reply_status(reply), 400);
    free(reply);
}

static void
stream_says_what_is_no_longer_kept(void **state)
{
    struct world *w = *state;
    struct peer peer;

    for (int i = 0; i < N_EVENTS + 50; i++) {
        fake_add_event(w->en, INCIDENT_CLIENT_LOST);
    }
    open_stream(w, &peer, "/v1/events?since=3", "");
    peer_wait_text(&peer, ": events 4 to 50 are no longer kept\n");
    peer_wait_text(&peer, "id: 1050\n");
    assert_true(has(&peer, "id: 51\n"));
    peer_close(&peer);
}

static void
slow_reader_is_dropped_and_can_come_back(void **state)
{
    struct world *w = *state;
    struct peer slow, quick;
    unsigned long long last;
    const char *p;
    char *field;

    open_stream(w, &slow, "/v1/events?since=0", "");
    for (int i = 0; i < 20 * N_EVENTS; i++) {   /* 5 MB, and 1,000 kept. */
        fake_add_event(w->en, INCIDENT_CLIENT_LOST);
        if (i % 100 == 0) {
            event_base_loop(w->base, EVLOOP_NONBLOCK);
        }
    }
    run_until(w->base, has_no_connection, w->api);
    peer_wait_eof(&slow);
    assert_false(has(&slow, "id: 20000\n"));
    last = 0;
    for (p = (char *) slow.in.data; (p = strstr(p, "\nid: ")) != NULL; p++) {
        assert_int_equal(strtoull(p + 5, NULL, 10), last + 1);
        last++;
    }
    assert_true(last > 100);
    peer_close(&slow);

    field = fh_xasprintf("Last-Event-ID: %llu\r\n", last - 1);
    open_stream(w, &quick, "/v1/events", field);
    peer_wait_text(&quick, "id: 20000\n");
    peer_close(&quick);
    free(field);
}

static void
streams_are_bounded(void **state)
{
    enum { MAX = 64 };
    struct world *w = *state;
    struct peer peers[MAX];
    char *reply;

    for (int i = 0; i < MAX; i++) {
        open_stream(w, &peers[i], "/v1/events", "");
    }
    reply = ask_with(w, "GET", "/v1/events", "", NULL);
    assert_int_equal(reply_status(reply), 503);
    free(reply);
    ask_only(w, "GET", "/v1/status", NULL, 200);
    for (int i = 0; i < MAX; i++) {
        peer_close(&peers[i]);
    }
    run_until(w->base, has_no_connection, w->api);
    ask_only(w, "GET", "/v1/events", NULL, 200);
}

/* Metrics. */

static void
metrics_have_help_and_type_and_are_unique(void **state)
{
    char *reply = ask_with(*state, "GET", "/metrics", "", NULL);
    char *save = NULL;
    char former[128] = "", name[128];
    const char *const wanted[] = {
        "\nfirsthop_clients{state=\"active\"} 1\n",
        "\nfirsthop_router_connected{router=\"A\"} 1\n",
        "\nfirsthop_router_connected{router=\"B\"} 0\n",
        "\nfirsthop_loop_lag_seconds_bucket{le=\"0.001\"} 0\n",
        "\nfirsthop_loop_lag_seconds_bucket{le=\"+Inf\"} 0\n",
        "\nfirsthop_client_moves_total{cause=\"port_down\"} 0\n",
        "\nfirsthop_openflow_messages_total{direction=\"in\"} 7\n",
        "\nfirsthop_segment_clients{segment=\"metro\"} 2\n",
    };

    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        if (!strstr(reply, wanted[i])) {
            print_message("missing: %s", wanted[i]);
        }
        assert_non_null(strstr(reply, wanted[i]));
    }
    for (char *line = strtok_r((char *) reply_body(reply), "\n", &save);
         line; line = strtok_r(NULL, "\n", &save)) {
        if (sscanf(line, "# HELP %127s", name) == 1) {
            assert_string_not_equal(name, former);
            strcpy(former, name);
            line = strtok_r(NULL, "\n", &save);
            assert_int_equal(sscanf(line, "# TYPE %127s", name), 1);
            assert_string_equal(name, former);
        } else {
            assert_int_equal(strncmp(line, former, strlen(former)), 0);
        }
    }
    free(reply);
}

static void
paths_show_both_sides_of_a_pair(void **state)
{
    json_t *json = ask(*state, "GET", "/v1/paths", NULL, 200);
    json_t *expected = json_loads(
        "{\"paths\": [{\"segment\": \"metro\", \"routers\": [\"A\", \"B\"],"
        " \"access\": {\"state\": \"up\", \"since\": null, \"rtt_us\": 300,"
        " \"clients\": 7}, \"core\": {\"state\": \"lost\", \"since\":"
        " \"2026-11-23T04:00:00.123Z\", \"rtt_us\": null, \"clients\": 7}"
        "}]}", 0, NULL);

    assert_non_null(expected);
    assert_true(json_equal(json, expected));
    json_decref(json);
    json_decref(expected);
}

int
main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(document_and_routes_are_the_same),
        TEST(document_and_routes_take_the_same_parameters),
        TEST(every_documented_answer_is_given_as_documented),
        TEST(every_documented_answer_is_walked),
        TEST(other_methods_are_answered_with_405_and_allow),
        TEST(unknown_paths_are_answered_with_404),
        TEST(head_is_get_without_a_body),
        TEST(client_is_shown_as_the_contract_says),
        TEST(what_is_not_known_of_a_client_is_null),
        TEST(ambiguous_address_names_its_segments),
        TEST(router_is_shown_as_the_contract_says),
        TEST(paths_show_both_sides_of_a_pair),
        TEST(a_writer_has_what_it_changed_carried_out),
        TEST(draining_router_names_who_stays_behind),
        TEST(uplink_is_said_to_be_down_and_up),
        TEST(status_counts),
        TEST(explain_shows_the_candidates),
        TEST(explain_tells_the_last_move),
        TEST(move_tells_whether_there_was_anything_to_do),
        TEST(pages_hold_each_client_once),
        TEST(page_has_100_by_default_and_1000_at_most),
        TEST(cursor_need_not_be_a_client),
        TEST(segments_count_their_clients),
        TEST(page_takes_nothing_from_elsewhere),
        TEST(usage_tells_what_was_counted),
        TEST(exposure_tells_who_would_be_cut_off),
        TEST(exposure_looks_at_all_clients_a_few_at_a_time),
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
        TEST(events_are_shown_as_the_contract_says),
        TEST(list_of_events_goes_from_since_to_limit),
        TEST(events_are_chosen_by_what_is_asked),
        TEST(stream_holds_what_is_asked_for_only),
        TEST(stream_begins_with_the_present),
        TEST(stream_resumes_behind_the_last_event_id),
        TEST(last_event_id_of_a_daemon_before_starts_anew),
        TEST(stream_says_what_is_no_longer_kept),
        TEST(slow_reader_is_dropped_and_can_come_back),
        TEST(streams_are_bounded),
        TEST(metrics_have_help_and_type_and_are_unique),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
