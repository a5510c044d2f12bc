/* /v1/clients and below, /v1/usage.
 *
 * Called by api.c for its routes. */
#include <config.h>

#include "controller/api/api_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     1000

#define BULK_MAX   10000        /* Clients of one call: see api.md. */
#define BULK_DEPTH 3

/* What a list is to hold. */
struct filter {
    const struct segment *segment;      /* NULL: any. */
    const struct router *active;        /* NULL: any. */
    int state;                          /* enum client_state, -1: any. */
};

static bool
filter_matches(const struct filter *f, const struct client *c)
{
    const struct router *active = (c->active == ELECT_NONE ? NULL
                                   : c->segment->members[c->active].router);

    return (!f->segment || f->segment == c->segment)
           && (!f->active || f->active == active)
           && (f->state < 0 || f->state == c->state);
}

static int
parse_state(const char *name)
{
    for (int i = CLIENT_PENDING; i <= CLIENT_LOST; i++) {
        if (!strcmp(name, client_state_name(i))) {
            return i;
        }
    }
    return -1;
}

/* The segment that ?segment= names, or NULL.  False after an answer. */
static bool
query_segment(struct api_call *call, struct segment **segment)
{
    const char *name = api_query(call, "segment");

    *segment = name ? engine_find_segment(call->en, name) : NULL;
    if (name && !*segment) {
        api_reply_problem(call, 404, "there is no segment %s", name);
        return false;
    }
    return true;
}

static bool
read_filter(struct api_call *call, struct filter *f)
{
    const char *active = api_query(call, "active");
    const char *state = api_query(call, "state");
    struct segment *segment;

    if (!query_segment(call, &segment)) {
        return false;
    }
    f->segment = segment;
    f->active = active ? engine_find_router(call->en, active) : NULL;
    f->state = state ? parse_state(state) : -1;
    if (active && !f->active) {
        api_reply_problem(call, 404, "there is no router %s", active);
        return false;
    }
    if (state && f->state < 0) {
        api_reply_problem(call, 422, "state: must be pending, active or "
                          "lost");
        return false;
    }
    return true;
}

/* A page of those that fit, each as 'item' has it. */
static void
list_clients(struct api_call *call,
             json_t *(*item)(const struct engine *, const struct client *))
{
    const struct clients *clients = engine_clients(call->en);
    uint64_t limit = LIMIT_DEFAULT;
    struct filter filter;
    json_t *list, *json;
    json_t *next = NULL;
    size_t i, last = 0;

    if (!read_filter(call, &filter)
        || !api_query_number(call, "limit", 1, LIMIT_MAX, &limit)
        || !api_query_cursor(call, &i)) {
        return;
    }
    list = json_array();
    for (; i < clients_count(clients) && !next; i++) {
        const struct client *c = clients_at(clients, i);

        if (!filter_matches(&filter, c)) {
            continue;
        }
        if (json_array_size(list) == limit) {
            next = api_cursor_before(clients, last + 1);
        } else {
            json_array_append_new(list, item(call->en, c));
            last = i;
        }
    }
    json = json_object();
    json_object_set_new(json, "clients", list);
    json_object_set_new(json, "next", next ? next : json_null());
    api_reply_json(call, 200, json);
}

void
api_get_clients(struct api_call *call)
{
    list_clients(call, api_json_client);
}

void
api_get_usage(struct api_call *call)
{
    list_clients(call, api_json_usage);
}

/* The names of the segments that know an address, from the i-th client on. */
static json_t *
segments_with(const struct clients *clients, size_t i)
{
    const struct client *first = clients_at(clients, i);
    const struct client *c = first;
    json_t *names = json_array();

    for (; c && fh_addr_equal(c->key.address, first->key.address);
         c = clients_at(clients, ++i)) {
        json_array_append_new(names, json_string(c->segment->config->name));
    }
    return names;
}

static void
reply_ambiguous(struct api_call *call, size_t i)
{
    json_t *names = segments_with(engine_clients(call->en), i);
    char *list = fh_xstrdup("");
    size_t index;
    json_t *name;

    json_array_foreach (names, index, name) {
        char *longer = fh_xasprintf("%s%s%s", list, index ? ", " : "",
                                    json_string_value(name));
        free(list);
        list = longer;
    }
    api_reply_problem_with(call, 409, json_pack("{s:o}", "segments", names),
                           "%s is in several segments: name one of %s "
                           "(?segment=, --segment)", call->arg, list);
    free(list);
}

static bool
read_address(struct api_call *call, struct fh_addr *address)
{
    if (!fh_addr_parse(call->arg, address)) {
        api_reply_problem(call, 400, "%s is no IPv4 address", call->arg);
        return false;
    }
    return true;
}

struct client *
api_find_client(struct api_call *call)
{
    const struct clients *clients = engine_clients(call->en);
    struct client_key key = { .segment = 0 };
    struct client *client, *other;
    struct segment *segment;
    size_t i;

    if (!read_address(call, &key.address) || !query_segment(call, &segment)) {
        return NULL;
    }
    if (segment) {
        client = clients_find(clients, key.address, segment->id);
        if (!client) {
            api_reply_problem(call, 404, "there is no client %s in segment "
                              "%s", call->arg, segment->config->name);
        }
        return client;
    }
    i = clients_lower_bound(clients, key);
    client = clients_at(clients, i);
    if (!client || !fh_addr_equal(client->key.address, key.address)) {
        api_reply_problem(call, 404, "there is no client %s", call->arg);
        return NULL;
    }
    other = clients_at(clients, i + 1);
    if (other && fh_addr_equal(other->key.address, key.address)) {
        reply_ambiguous(call, i);
        return NULL;
    }
    return client;
}

void
api_get_client(struct api_call *call)
{
    const struct client *client = api_find_client(call);

    if (client) {
        api_reply_json(call, 200, api_json_client(call->en, client));
    }
}

void
api_get_client_usage(struct api_call *call)
{
    const struct client *client = api_find_client(call);

    if (client) {
        api_reply_json(call, 200, api_json_usage(call->en, client));
    }
}

void
api_get_client_explain(struct api_call *call)
{
    const struct client *client = api_find_client(call);

    if (client) {
        api_reply_json(call, 200, api_json_explain(call->en, client));
    }
}

void
api_delete_client(struct api_call *call)
{
    struct client *client = api_find_client(call);
    char *reason = client ? engine_delete(call->en, client) : NULL;

    if (reason) {
        api_reply_refusal(call, reason);
    } else if (client) {
        http_reply(call->request->conn, 204, NULL, NULL, NULL, 0);
    }
}

/* Reads and checks the entry.  False after an answer. */
static bool
read_entry(struct api_call *call, struct config_client *entry)
{
    const struct config *config = engine_config(call->en);
    struct config_errors errors = { NULL, 0, 0, 0 };
    const char *segment = api_query(call, "segment");
    json_t *json = api_read_body(call);

    if (!json) {
        return false;
    }
    if (config_client_from_json(config, call->arg, json, entry, &errors)
        && segment
        && strcmp(segment, config->segments[entry->segment].name)) {
        config_errors_add(&errors, "/segment", "is another one than "
                          "?segment=");
    }
    json_decref(json);
    if (errors.n) {
        api_reply_errors(call, &errors);
        return false;
    }
    return true;
}

void
api_put_client(struct api_call *call)
{
    const struct clients *clients = engine_clients(call->en);
    const struct segment *segment;
    struct config_client entry;
    struct fh_addr address;
    char *reason;
    bool is_new;

    if (!read_address(call, &address) || !read_entry(call, &entry)) {
        return;
    }
    segment = engine_find_segment(
        call->en, engine_config(call->en)->segments[entry.segment].name);
    is_new = !clients_find(clients, address, segment->id);
    reason = engine_provision(call->en, &entry, 1);
    if (reason) {
        api_reply_refusal(call, reason);
        return;
    }
    api_reply_json(call, is_new ? 201 : 200,
                   api_json_client(call->en,
                                   clients_find(clients, address,
                                                segment->id)));
}

/* Many at once. */

/* What the entries come to: how many are of clients that are not known. */
static size_t
count_new(struct api_call *call, const struct config_client *entries,
          size_t n)
{
    const struct config *config = engine_config(call->en);
    size_t n_new = 0;

    for (size_t i = 0; i < n; i++) {
        const struct segment *segment = engine_find_segment(
            call->en, config->segments[entries[i].segment].name);

        n_new += !clients_find(engine_clients(call->en),
                               entries[i].address, segment->id);
    }
    return n_new;
}

/* Provisions what 'array' holds. */
static void
provision_all(struct api_call *call, json_t *array, bool dry_run)
{
    size_t n = json_array_size(array);
    struct config_client *entries = fh_xcalloc(n + 1, sizeof *entries);
    struct config_errors errors = { NULL, 0, 0, 0 };
    char *reason = NULL;
    size_t n_new;

    if (!config_clients_from_json(engine_config(call->en), array, entries,
                                  &errors)) {
        api_reply_errors_as(call, 422, &errors);
        free(entries);
        return;
    }
    n_new = count_new(call, entries, n);
    if (!dry_run) {
        reason = engine_provision(call->en, entries, n);
    }
    if (reason) {
        api_reply_refusal(call, reason);
    } else {
        api_reply_json(call, 200,
                       json_pack("{s:b, s:I, s:I}", "applied", !dry_run,
                                 "added", (json_int_t) n_new,
                                 "changed", (json_int_t) (n - n_new)));
    }
    free(entries);
}

void
api_post_clients(struct api_call *call)
{
    struct config_errors errors = { NULL, 0, 0, 0 };
    json_t *array;
    bool dry_run;

    if (!api_query_dry_run(call, &dry_run)) {
        return;
    }
    array = config_read_json_lines(call->request->body,
                                   call->request->body_len, BULK_DEPTH,
                                   BULK_MAX, &errors);
    if (!array) {
        api_reply_errors_as(call, strncmp(errors.items[0].text, "line", 4)
                            ? 413 : 400, &errors);
        return;
    }
    provision_all(call, array, dry_run);
    json_decref(array);
}

/* The member of the client's segment that is 'router', ELECT_NONE if none. */
static int
member_of_router(const struct client *client, const struct router *router)
{
    for (size_t i = 0; i < client->segment->n_members; i++) {
        if (client->segment->members[i].router == router) {
            return i;
        }
    }
    return ELECT_NONE;
}

static void
move_to(struct api_call *call, struct client *client, const char *name)
{
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct router *router = engine_find_router(call->en, name);
    bool moved;
    int member;
    char *reason;
    json_t *json;

    if (!router) {
        config_errors_add(&errors, "/router", "there is no such router");
        api_reply_errors(call, &errors);
        return;
    }
    member = member_of_router(client, router);
    moved = client->active != member;
    reason = (member == ELECT_NONE
              ? fh_xasprintf("router %s does not serve segment %s", name,
                             client->segment->config->name)
              : engine_move(call->en, client, member));
    if (reason) {
        api_reply_refusal(call, reason);
    } else {
        json = api_json_client(call->en, client);
        json_object_set_new(json, "moved", json_boolean(moved));
        api_reply_json(call, 200, json);
    }
}

void
api_post_client_move(struct api_call *call)
{
    struct client *client = api_find_client(call);
    char *router = client ? api_read_body_string(call, "router") : NULL;

    if (router) {
        move_to(call, client, router);
        free(router);
    }
}
