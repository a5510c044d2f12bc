/* /v1/exposure: what would happen if a router died now, and whom only one
 * router reaches.
 *
 * Called by api.c for its route.  Looks at every client, some thousand in a
 * turn of the loop, so that a large network is not held up: the answer is of
 * the moment at which each was looked at.  Another configuration meanwhile
 * has it begin anew. */
#include <config.h>

#include "controller/api/api_internal.h"

#include <stdlib.h>
#include <string.h>

#define CLIENTS_PER_TURN 2000
#define MAX_WALKS        8
#define LIMIT_DEFAULT    100
#define LIMIT_MAX        1000

struct exposure {
    struct api *api;
    struct http_conn *conn;
    json_t *config;             /* The one in force; a reference. */
    char *router;               /* Whose death is supposed, or NULL. */
    struct client_key next;     /* Where it goes on. */
    size_t start;               /* The position from which clients are named,
                                 * and how many. */
    size_t limit;
    size_t n_total;             /* Active on the router, or known at all. */
    size_t n_listed;            /* Cut off, or with one router only. */
    size_t n_spareless;         /* Left with one router, or with none. */
    json_t *counts;             /* {router: clients} */
    json_t *clients;
    json_t *cursor;             /* Of the page after this one, or NULL. */
};

static void
reset(struct exposure *x)
{
    json_decref(x->config);
    x->config = json_incref(engine_config(x->api->en)->json);
    x->next = (struct client_key) { .segment = 0 };
    x->n_total = x->n_listed = x->n_spareless = 0;
    json_decref(x->counts);
    json_decref(x->clients);
    json_decref(x->cursor);
    x->counts = json_object();
    x->clients = json_array();
    x->cursor = NULL;
}

static void
exposure_free(struct exposure *x)
{
    x->api->n_walks--;
    json_decref(x->config);
    json_decref(x->counts);
    json_decref(x->clients);
    json_decref(x->cursor);
    free(x->router);
    free(x);
}

static void
closed(struct http_conn *conn, void *x)
{
    exposure_free(x);
}

static void
count(struct exposure *x, const char *router)
{
    json_t *n = json_object_get(x->counts, router);

    json_object_set_new(x->counts, router,
                        json_integer(json_integer_value(n) + 1));
}

/* How many routers could serve the client; '*one' is one of them. */
static size_t
count_routers(const struct client *c, const struct router *except,
              const struct router **one)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n_reaches; i++) {
        const struct router *router = c->segment->members[i].router;

        if (router != except && router->openflow && router->ready
            && !router->draining && reach_is_up(&c->reaches[i])) {
            *one = router;
            n++;
        }
    }
    return n;
}

/* Names the i-th client, or counts it, if it is not on this page. */
static void
list(struct exposure *x, size_t i, const char *key, const char *value)
{
    const struct clients *clients = engine_clients(x->api->en);
    const struct client *c = clients_at(clients, i);
    json_t *item;

    x->n_listed++;
    if (i < x->start || x->cursor) {
        return;
    }
    if (json_array_size(x->clients) == x->limit) {
        x->cursor = api_cursor_before(clients, i);
        return;
    }
    item = api_json_name(c);
    json_object_set_new(item, key, json_string(value));
    json_array_append_new(x->clients, item);
}

/* If 'router' died: where would its i-th client be? */
static void
suppose(struct exposure *x, size_t i, const struct router *router)
{
    const struct client *c = clients_at(engine_clients(x->api->en), i);
    const struct router *one;
    struct elect_result result;

    if (c->active == ELECT_NONE
        || c->segment->members[c->active].router != router) {
        return;
    }
    x->n_total++;
    result = engine_without(x->api->en, c, c->active);
    if (result.winner == ELECT_NONE || result.winner == c->active) {
        list(x, i, "reason", result.reason == ELECT_LATE
             ? elect_reason_text(ELECT_LATE) : api_why_kept(router, c));
        return;
    }
    count(x, api_member_name(c->segment, result.winner));
    x->n_spareless += count_routers(c, router, &one) == 1;
}

static void
look(struct exposure *x, size_t i)
{
    const struct client *c = clients_at(engine_clients(x->api->en), i);
    const struct router *one = NULL;
    size_t n = count_routers(c, NULL, &one);

    x->n_total++;
    if (n == 1) {
        count(x, one->config->name);
        list(x, i, "router", one->config->name);
    }
    x->n_spareless += !n && c->state != CLIENT_PENDING;
}

static json_t *
json_counts(const struct exposure *x, const char *key)
{
    json_t *array = json_array();
    const char *router;
    json_t *n;

    json_object_foreach (x->counts, router, n) {
        json_array_append_new(array, json_pack("{s:s, s:O}", key, router,
                                               "clients", n));
    }
    return array;
}

static json_t *
json_exposure(const struct exposure *x)
{
    json_t *json = json_object();

    if (x->router) {
        json_object_set_new(json, "router", json_string(x->router));
        json_object_set_new(json, "clients_active", json_integer(x->n_total));
        json_object_set_new(json, "clients_cut_off",
                            json_integer(x->n_listed));
        json_object_set_new(json, "clients_without_spare",
                            json_integer(x->n_spareless));
        json_object_set_new(json, "moves", json_counts(x, "to"));
    } else {
        json_object_set_new(json, "clients_known", json_integer(x->n_total));
        json_object_set_new(json, "clients_exposed",
                            json_integer(x->n_listed));
        json_object_set_new(json, "clients_unreached",
                            json_integer(x->n_spareless));
        json_object_set_new(json, "routers", json_counts(x, "router"));
    }
    json_object_set(json, "clients", x->clients);
    json_object_set_new(json, "next", x->cursor ? json_incref(x->cursor)
                                                : json_null());
    return json;
}

static void
finish(struct exposure *x)
{
    struct http_conn *conn = x->conn;
    json_t *json = json_exposure(x);
    char *text = json_dumps(json, JSON_INDENT(1));

    http_stream_write(conn, text, strlen(text));
    http_stream_write(conn, "\n", 1);
    free(text);
    json_decref(json);
    exposure_free(x);
    http_stream_end(conn);
}

/* Looks at the next clients. */
static void
writable(struct http_conn *conn, void *x_)
{
    struct exposure *x = x_;
    const struct clients *clients = engine_clients(x->api->en);
    const struct router *router = NULL;
    const struct client *c;
    size_t i, end;

    if (x->config != engine_config(x->api->en)->json) {
        reset(x);
    }
    if (x->router) {
        router = engine_find_router(x->api->en, x->router);
    }
    i = clients_lower_bound(clients, x->next);
    end = i + CLIENTS_PER_TURN;
    for (; i < end && i < clients_count(clients); i++) {
        if (x->router) {
            suppose(x, i, router);
        } else {
            look(x, i);
        }
    }
    c = clients_at(clients, i);
    if (c) {
        x->next = c->key;
        http_stream_wake(conn);
    } else {
        finish(x);
    }
}

static const struct http_stream_cbs cbs = { writable, closed };

void
api_get_exposure(struct api_call *call)
{
    const char *router = api_query(call, "router");
    uint64_t limit = LIMIT_DEFAULT;
    struct exposure *x;
    size_t start;

    if (!api_query_number(call, "limit", 1, LIMIT_MAX, &limit)
        || !api_query_cursor(call, &start)) {
        return;
    }
    if (router && !engine_find_router(call->en, router)) {
        api_reply_problem(call, 404, "there is no router %s", router);
        return;
    }
    if (call->api->n_walks >= MAX_WALKS) {
        api_reply_problem(call, 503, "too many such questions at once");
        return;
    }
    x = fh_xcalloc(1, sizeof *x);
    x->api = call->api;
    x->api->n_walks++;
    x->conn = call->request->conn;
    x->router = router ? fh_xstrdup(router) : NULL;
    x->start = start;
    x->limit = limit;
    reset(x);
    http_stream_begin(x->conn, "application/json", false, &cbs, x);
}
