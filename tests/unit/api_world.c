#include <config.h>

#include "tests/unit/api_world.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/api_engine.h"

const char config_text[] =
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
    "\"metro\": {\"gateway\": \"10.0.0.1\","
    " \"prefixes\": [\"10.0.0.0/24\", \"10.1.0.0/18\"],"
    " \"routers\": {\"A\": {\"priority\": 200, \"address\": \"10.0.0.2\"},"
    " \"B\": {\"address\": \"10.0.0.3\"}}}}}";

/* Three clients: 10.0.0.10 on metro, known in full; 10.0.0.11 on both
 * segments, hardly known. */
static void
add_clients(struct api_engine *engine)
{
    struct client *c = api_engine_add(engine, "10.0.0.10", "metro");

    c->mac = (struct eth_addr) { .ea = { 2, 0, 0, 0, 1, 0x0a } };
    c->state = CLIENT_ACTIVE;
    c->active = 0;
    c->since_ms = API_UNIX_MS;
    c->reaches[0] = (struct reach) {
        .state = REACH_SUSPECT, .port = 1, .rtt.srtt_us = 310, .misses = 1,
        .last_reply_ms = API_NOW_MS - 212, .up_since_ms = API_NOW_MS - 9,
    };
    c->reaches[1].state = REACH_DOWN;
    c->reaches[1].index = 1;
    api_engine_add(engine, "10.0.0.11", "metro");
    api_engine_add(engine, "10.0.0.11", "campus");
}

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

size_t n_versions = 2;

static size_t
get_n_versions(void *aux)
{
    return n_versions;
}

static struct fh_config_version
get_version(void *aux, size_t i)
{
    return (struct fh_config_version) { 7 + i, API_UNIX_MS + i };
}

/* The seventh is none any more that would do. */
static json_t *
load_version(void *aux, uint32_t number)
{
    return (number == 7 ? json_pack("{s:i}", "colour", 1)
            : number == 8 ? json_loads(config_text, 0, NULL) : NULL);
}

const struct fh_cluster_status *cluster_status_of_world;

static const struct fh_cluster_status *
get_cluster(void *aux)
{
    return cluster_status_of_world;
}

static const char *
transfer(void *aux, const char *name)
{
    return NULL;
}

int
set_up(void **state)
{
    struct world *w = fh_xcalloc(1, sizeof *w);
    const struct api_host host = {
        .wake = nothing_to_do, .changed = count_call,
        .problem = get_problem, .n_versions = get_n_versions,
        .version = get_version, .load_version = load_version, .bgp = get_bgp,
        .n_cores = get_n_cores, .core = get_core,
        .core_routes = get_core_routes, .openflow = get_openflow,
        .cluster = get_cluster, .transfer = transfer,
        .turns = &w->turns, .aux = &w->n_changes,
    };
    char *error = NULL;

    w->dir = fh_xstrdup("/tmp/firsthop-test-api-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->path = fh_xasprintf("%s/control.sock", w->dir);
    turns_init(&w->turns);
    w->base = event_base_new();
    w->engine = api_engine_create(config_text);
    w->en = api_engine_get(w->engine);
    add_clients(w->engine);
    api_engine_set_connected(w->engine, "A", true);
    w->api = api_create(w->base, w->en, &host, w->path, &error);
    assert_null(error);
    *state = w;
    return 0;
}

int
tear_down(void **state)
{
    struct world *w = *state;

    api_destroy(w->api);
    assert_int_not_equal(access(w->path, F_OK), 0);
    api_engine_destroy(w->engine);
    event_base_free(w->base);
    assert_int_equal(rmdir(w->dir), 0);
    free(w->path);
    free(w->dir);
    free(w);
    return 0;
}

char *
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

json_t *
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

void
ask_only(struct world *w, const char *method, const char *target,
         const char *body, int status)
{
    json_decref(ask(w, method, target, body, status));
}

void
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

bool
has_no_connection(void *api_)
{
    struct api *api = api_;

    return !http_n_connections(api->http);
}
