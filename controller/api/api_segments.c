/* /v1/segments and what is below it.
 *
 * A sweep of one.  And all of them: each with its routers, and how many clients each of these is
 * active for and reaches.
 *
 * Called by api.c for its route.  Looks at every client, some thousand in a
 * turn of the loop; another configuration meanwhile has it begin anew. */
#include <config.h>

#include "controller/api/api_internal.h"

#include <stdlib.h>
#include <string.h>

#define CLIENTS_PER_TURN 2000
#define MAX_WALKS        8

/* Of one router's part in one segment. */
struct part {
    size_t n_active, n_reachable;
};

struct tally {
    struct api *api;
    struct http_conn *conn;
    json_t *config;             /* The one in force; a reference. */
    struct client_key next;     /* Where it goes on. */
    struct part *parts;         /* By segment, CONFIG_MAX_MEMBERS each. */
    size_t (*states)[CLIENT_LOST + 1];  /* By segment. */
};

static void
reset(struct tally *t)
{
    size_t n = engine_n_segments(t->api->en);

    json_decref(t->config);
    t->config = json_incref(engine_config(t->api->en)->json);
    t->next = (struct client_key) { .segment = 0 };
    free(t->parts);
    free(t->states);
    t->parts = fh_xcalloc(n * CONFIG_MAX_MEMBERS + 1, sizeof *t->parts);
    t->states = fh_xcalloc(n + 1, sizeof *t->states);
}

static void
tally_free(struct tally *t)
{
    t->api->n_walks--;
    json_decref(t->config);
    free(t->parts);
    free(t->states);
    free(t);
}

static void
closed(struct http_conn *conn, void *t)
{
    tally_free(t);
}

static void
count(struct tally *t, const struct client *c)
{
    /* Segments are in the order of the configuration's. */
    size_t i = config_find_segment(engine_config(t->api->en),
                                   c->segment->config->name);
    struct part *parts = &t->parts[i * CONFIG_MAX_MEMBERS];

    t->states[i][c->state]++;
    for (size_t j = 0; j < c->n_reaches; j++) {
        parts[j].n_reachable += reach_is_up(&c->reaches[j]);
    }
    if (c->active != ELECT_NONE) {
        parts[c->active].n_active++;
    }
}

/* null if there is none. */
static json_t *
json_sweep(const struct engine *en, const struct segment *segment)
{
    const struct sweep_status *s = engine_sweep_status(en, segment);

    return (s ? json_pack("{s:s, s:I, s:I, s:I}", "state",
                          s->waits ? "waiting" : "running", "addresses",
                          (json_int_t) s->n_addresses, "asked",
                          (json_int_t) s->n_asked, "found",
                          (json_int_t) s->n_found)
            : json_null());
}

static json_t *
json_part(const struct segment *segment, size_t j, const struct part *part)
{
    const struct member *m = &segment->members[j];
    char address[FH_ADDR_STRLEN];

    return json_pack("{s:s, s:s, s:i, s:I, s:I}", "router",
                     m->router->config->name, "address",
                     fh_addr_format(m->config->address, address), "priority",
                     (int) m->config->priority, "clients_active",
                     (json_int_t) part->n_active, "clients_reachable",
                     (json_int_t) part->n_reachable);
}

static json_t *
json_segment(const struct tally *t, size_t i)
{
    const struct segment *segment = engine_segment(t->api->en, i);
    const struct config_segment *config = segment->config;
    json_t *json = json_object();
    json_t *prefixes = json_array(), *vlan = json_array();
    json_t *routers = json_array();
    char text[FH_PREFIX_STRLEN];

    for (size_t j = 0; j < config->n_prefixes; j++) {
        json_array_append_new(prefixes, json_string(
            fh_prefix_format(&config->prefixes[j], text)));
    }
    for (size_t j = 0; j < config->vlan.n; j++) {
        json_array_append_new(vlan, json_integer(config->vlan.vids[j]));
    }
    for (size_t j = 0; j < segment->n_members; j++) {
        json_array_append_new(routers, json_part(
            segment, j, &t->parts[i * CONFIG_MAX_MEMBERS + j]));
    }
    json_object_set_new(json, "name", json_string(config->name));
    json_object_set_new(json, "gateway", json_string(
        fh_addr_format(config->gateway, text)));
    json_object_set_new(json, "prefixes", prefixes);
    json_object_set_new(json, "vlan", vlan);
    for (int s = 0; s <= CLIENT_LOST; s++) {
        char key[32];

        snprintf(key, sizeof key, "clients_%s", client_state_name(s));
        json_object_set_new(json, key, json_integer(t->states[i][s]));
    }
    json_object_set_new(json, "routers", routers);
    json_object_set_new(json, "sweep", json_sweep(t->api->en, segment));
    return json;
}

static void
finish(struct tally *t)
{
    struct http_conn *conn = t->conn;
    json_t *list = json_array();
    json_t *json = json_pack("{s:o}", "segments", list);
    char *text;

    for (size_t i = 0; i < engine_n_segments(t->api->en); i++) {
        json_array_append_new(list, json_segment(t, i));
    }
    text = json_dumps(json, JSON_INDENT(1));
    http_stream_write(conn, text, strlen(text));
    http_stream_write(conn, "\n", 1);
    free(text);
    json_decref(json);
    tally_free(t);
    http_stream_end(conn);
}

static void
writable(struct http_conn *conn, void *t_)
{
    struct tally *t = t_;
    const struct clients *clients = engine_clients(t->api->en);
    const struct client *c;
    size_t i, end;

    if (t->config != engine_config(t->api->en)->json) {
        reset(t);
    }
    i = clients_lower_bound(clients, t->next);
    end = i + CLIENTS_PER_TURN;
    for (; i < end && (c = clients_at(clients, i)) != NULL; i++) {
        count(t, c);
    }
    c = clients_at(clients, i);
    if (c) {
        t->next = c->key;
        http_stream_wake(conn);
    } else {
        finish(t);
    }
}

static const struct http_stream_cbs cbs = { writable, closed };

void
api_get_segments(struct api_call *call)
{
    struct tally *t;

    if (call->api->n_walks >= MAX_WALKS) {
        api_reply_problem(call, 503, "too many such questions at once");
        return;
    }
    t = fh_xcalloc(1, sizeof *t);
    t->api = call->api;
    t->api->n_walks++;
    t->conn = call->request->conn;
    reset(t);
    http_stream_begin(t->conn, "application/json", false, &cbs, t);
}

/* Sweep. */

static bool
is_part(const struct config_segment *config, const struct fh_prefix *prefix)
{
    for (size_t i = 0; i < config->n_prefixes; i++) {
        if (config->prefixes[i].plen <= prefix->plen
            && fh_prefix_contains(&config->prefixes[i], prefix->addr)) {
            return true;
        }
    }
    return false;
}

/* A body {"prefix": "10.0.0.0/24"}, {} or none.  False after an answer. */
static bool
read_part(struct api_call *call, const struct segment *segment,
          struct fh_prefix *prefix, bool *has_prefix)
{
    char *text;

    *has_prefix = false;
    if (!call->request->body_len) {
        return true;
    }
    if (!api_read_body_optional(call, "prefix", &text)) {
        return false;
    }
    *has_prefix = text != NULL;
    if (text && (!fh_prefix_parse(text, prefix)
                 || prefix->addr.ip4 & ~fh_prefix_mask(prefix->plen)
                 || !is_part(segment->config, prefix))) {
        struct config_errors errors = { NULL, 0, 0, 0 };

        config_errors_add(&errors, "/prefix", "must be one of the segment's "
                          "prefixes, or a part of one");
        free(text);
        api_reply_errors(call, &errors);
        return false;
    }
    free(text);
    return true;
}

void
api_post_segment_sweep(struct api_call *call)
{
    struct segment *segment = engine_find_segment(call->en, call->arg);
    struct fh_prefix prefix;
    bool has_prefix;
    char *reason;

    if (!segment) {
        api_reply_problem(call, 404, "there is no segment %s", call->arg);
    } else if (read_part(call, segment, &prefix, &has_prefix)) {
        reason = engine_sweep(call->en, segment, has_prefix ? &prefix : NULL);
        if (reason) {
            api_reply_refusal(call, reason);
        } else {
            api_reply_json(call, 202, json_sweep(call->en, segment));
        }
    }
}
