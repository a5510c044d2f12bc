/* The rows of a shard.  See dbcopy.h. */
#include <config.h>

#include "controller/store/dbcopy.h"

#include <stdio.h>
#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/base/log.h"
#include "controller/ovsdb/ovsdb_value.h"
#include "controller/store/store.h"

/* Keys. */

struct client_key
dbcopy_key(enum dbrow_origin origin, const char *segment,
           struct fh_addr address)
{
    struct client_key key;

    memset(&key, 0, sizeof key);
    snprintf(key.segment, sizeof key.segment, "%s", segment);
    key.origin = origin;
    key.address = address;
    return key;
}

struct db_client *
dbcopy_client(const struct dbcopy *copy, enum dbrow_origin origin,
              const struct store_client *client)
{
    struct client_key key =
        dbcopy_key(origin, client->segment, client->address);
    struct db_client *found;

    HASH_FIND(hh, copy->clients, &key, sizeof key, found);
    return found;
}

struct db_router *
dbcopy_router(const struct dbcopy *copy, const char *name)
{
    struct db_router *found;

    HASH_FIND_STR(copy->routers, name, found);
    return found;
}

/* Following. */

static void
mark(struct dbcopy *copy, unsigned int part)
{
    copy->changed |= part;
    copy->stale |= part;
}

static unsigned int
part_of(enum dbrow_origin origin)
{
    return (origin == DBROW_PROVISIONED ? DBSTORE_CLIENTS
            : origin == DBROW_LEASED    ? DBSTORE_LEASES
                                        : DBSTORE_LEARNT);
}

static void
tell_learnt(struct dbcopy *copy, enum dbrow_origin origin,
            const struct store_client *old, const struct store_client *now)
{
    if (origin == DBROW_LEARNED && copy->handler.learnt) {
        copy->handler.learnt(copy->aux, old, now);
    }
}

static void
client_gone(struct dbcopy *copy, const char *uuid, const json_t *row,
            const struct store_client *successor)
{
    enum dbrow_origin origin;
    struct store_client client;
    struct db_client *found = (dbrow_client_read(row, &origin, &client)
                                   ? dbcopy_client(copy, origin, &client)
                                   : NULL);

    if (found && !strcmp(found->uuid, uuid)) {
        mark(copy, part_of(origin));
        HASH_DEL(copy->clients, found);
        if (!successor) {
            tell_learnt(copy, origin, &client, NULL);
        }
        free(found);
    }
}

static void
client_came(struct dbcopy *copy, const char *uuid, enum dbrow_origin origin,
            const struct store_client *client, const struct store_client *old)
{
    struct db_client *found = dbcopy_client(copy, origin, client);

    if (!found) {
        found = fh_xcalloc(1, sizeof *found);
        found->key = dbcopy_key(origin, client->segment, client->address);
        HASH_ADD(hh, copy->clients, key, sizeof found->key, found);
    }
    snprintf(found->uuid, sizeof found->uuid, "%s", uuid);
    found->client = *client;
    mark(copy, part_of(origin));
    tell_learnt(copy, origin, old, client);
}

static bool
is_of_shard(const struct dbcopy *copy, const json_t *row)
{
    const char *shard = ovsdb_get_string(row, "shard");

    return shard && !strcmp(shard, copy->shard);
}

/* Is it the client that 'row' was before, in the same role? */
static bool
same_client(const json_t *row, enum dbrow_origin origin,
            const struct store_client *now, struct store_client *old)
{
    enum dbrow_origin old_origin;

    return (row && dbrow_client_read(row, &old_origin, old)
            && old_origin == origin
            && fh_addr_equal(old->address, now->address)
            && !strcmp(old->segment, now->segment));
}

static void
client_update(struct dbcopy *copy, const char *uuid, const json_t *old_row,
              const json_t *new_row)
{
    enum dbrow_origin origin;
    struct store_client now, old;
    bool ok = new_row && dbrow_client_read(new_row, &origin, &now);
    bool same = ok && same_client(old_row, origin, &now, &old);

    if (new_row && !ok) {
        log_warn("database: Client %s: not what a controller writes; left out",
                 uuid);
    }
    if (old_row) {
        client_gone(copy, uuid, old_row, same ? &now : NULL);
    }
    if (ok) {
        client_came(copy, uuid, origin, &now, same ? &old : NULL);
    }
}

static void
router_update(struct dbcopy *copy, const char *uuid, const json_t *old_row,
              const json_t *new_row)
{
    struct dbrow_router router;
    struct db_router *found = (old_row && dbrow_router_read(old_row, &router)
                                   ? dbcopy_router(copy, router.name)
                                   : NULL);

    if (found && !strcmp(found->uuid, uuid)) {
        HASH_DEL(copy->routers, found);
        free(found);
    }
    if (new_row && dbrow_router_read(new_row, &router)
        && !dbcopy_router(copy, router.name)) {
        found = fh_xcalloc(1, sizeof *found);
        snprintf(found->uuid, sizeof found->uuid, "%s", uuid);
        found->router = router;
        HASH_ADD_STR(copy->routers, router.name, found);
    }
    mark(copy, DBSTORE_ROUTERS);
}

static void
config_update(struct dbcopy *copy, const char *uuid, const json_t *new_row)
{
    const char *text = ovsdb_get_string(new_row, "text");

    if (!new_row && strcmp(uuid, copy->config_uuid)) {
        return;                 /* Another one is in its place. */
    }
    json_decref(copy->config);
    copy->config =
        (text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL);
    if (text && !copy->config) {
        log_err("database: the configuration of %s is no JSON", copy->shard);
    }
    snprintf(copy->config_uuid, sizeof copy->config_uuid, "%s",
             new_row ? uuid : "");
    copy->config_number =
        (new_row ? ovsdb_get_integer(new_row, "number", 0) : 0);
    mark(copy, DBSTORE_CONFIG);
}

void
dbcopy_update(struct dbcopy *copy, const char *table, const char *uuid,
              const json_t *old_row, const json_t *new_row)
{
    old_row = old_row && is_of_shard(copy, old_row) ? old_row : NULL;
    new_row = new_row && is_of_shard(copy, new_row) ? new_row : NULL;
    if (!old_row && !new_row) {
        return;
    }
    if (!strcmp(table, "Client")) {
        client_update(copy, uuid, old_row, new_row);
    } else if (!strcmp(table, "Router")) {
        router_update(copy, uuid, old_row, new_row);
    } else if (!strcmp(table, "Config")) {
        config_update(copy, uuid, new_row);
    }
}

/* What is kept, as the others want to see it. */

int
dbcopy_compare_clients(const void *a_, const void *b_)
{
    const struct store_client *a = a_;
    const struct store_client *b = b_;
    int cmp = fh_addr_compare(a->address, b->address);

    return cmp ? cmp : strcmp(a->segment, b->segment);
}

/* All of one origin, sorted.  Returns new; '*n' is set. */
static struct store_client *
list_clients(const struct dbcopy *copy, enum dbrow_origin origin, size_t *n)
{
    struct store_client *list =
        fh_xcalloc(HASH_COUNT(copy->clients) + 1, sizeof *list);

    *n = 0;
    for (struct db_client *c = copy->clients; c; c = c->hh.next) {
        if (c->key.origin == origin) {
            list[(*n)++] = c->client;
        }
    }
    qsort(list, *n, sizeof *list, dbcopy_compare_clients);
    return list;
}

static bool
is_draining(const struct dbrow_router *router)
{
    return router->draining;
}

static bool
has_uplink_down(const struct dbrow_router *router)
{
    return router->uplink_down;
}

static bool
is_holder(const struct dbrow_router *router)
{
    return router->holder;
}

static int
compare_names(const void *a_, const void *b_)
{
    char *const *a = a_;
    char *const *b = b_;

    return strcmp(*a, *b);
}

/* The names of those that 'test' is true of, sorted.  Returns new. */
static char **
list_routers(const struct dbcopy *copy,
             bool (*test)(const struct dbrow_router *), size_t *n)
{
    char **names = fh_xcalloc(HASH_COUNT(copy->routers) + 1, sizeof *names);

    *n = 0;
    for (struct db_router *r = copy->routers; r; r = r->hh.next) {
        if (test(&r->router)) {
            names[(*n)++] = fh_xstrdup(r->router.name);
        }
    }
    qsort(names, *n, sizeof *names, compare_names);
    return names;
}

static void
free_names(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(names[i]);
    }
    free(names);
}

static void
remake_routers(struct dbcopy *copy)
{
    struct store_state *state = &copy->state;

    free_names(state->draining, state->n_draining);
    free_names(state->uplinks_down, state->n_uplinks_down);
    free_names(state->holders, state->n_holders);
    state->draining = list_routers(copy, is_draining, &state->n_draining);
    state->uplinks_down =
        list_routers(copy, has_uplink_down, &state->n_uplinks_down);
    state->holders = list_routers(copy, is_holder, &state->n_holders);
}

const struct store_state *
dbcopy_get(struct dbcopy *copy)
{
    struct store_state *state = &copy->state;

    if (copy->stale & DBSTORE_CLIENTS) {
        free(state->clients);
        state->clients =
            list_clients(copy, DBROW_PROVISIONED, &state->n_clients);
    }
    if (copy->stale & DBSTORE_LEASES) {
        free(state->leases);
        state->leases = list_clients(copy, DBROW_LEASED, &state->n_leases);
    }
    if (copy->stale & DBSTORE_ROUTERS) {
        remake_routers(copy);
    }
    if (copy->stale & DBSTORE_CONFIG) {
        json_decref(state->config);
        state->config = json_incref(copy->config);
    }
    copy->stale = 0;
    return state;
}

/* Life. */

void
dbcopy_uninit(struct dbcopy *copy)
{
    struct db_client *client, *next_client;
    struct db_router *router, *next_router;

    HASH_ITER (hh, copy->clients, client, next_client) {
        HASH_DEL(copy->clients, client);
        free(client);
    }
    HASH_ITER (hh, copy->routers, router, next_router) {
        HASH_DEL(copy->routers, router);
        free(router);
    }
    store_state_uninit(&copy->state);
    json_decref(copy->config);
    free(copy->shard);
}
