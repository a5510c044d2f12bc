/* What must be written, so that the rows become what a change wants.  See
 * dbwant.h. */
#include <config.h>

#include "controller/store/dbwant.h"

#include <stdio.h>
#include <stdlib.h>

void
dbwant_client(const struct dbcopy *copy, enum dbrow_origin origin,
              const struct store_client *client, json_t *operations)
{
    const struct db_client *found = dbcopy_client(copy, origin, client);

    if (!found) {
        json_array_append_new(
            operations,
            dbrow_op_insert("Client",
                            dbrow_client_row(copy->shard, origin, client)));
    } else if (!dbrow_client_equal(&found->client, client)) {
        json_array_append_new(
            operations,
            dbrow_op_update("Client", found->uuid,
                            dbrow_client_row(copy->shard, origin, client)));
    }
}

void
dbwant_no_client(const struct dbcopy *copy, enum dbrow_origin origin,
                 const struct store_client *client, json_t *operations)
{
    const struct db_client *found = dbcopy_client(copy, origin, client);

    if (found) {
        json_array_append_new(operations,
                              dbrow_op_delete("Client", found->uuid));
    }
}

static void
want_router(const struct dbcopy *copy, const struct dbrow_router *router,
            json_t *operations)
{
    const struct db_router *found = dbcopy_router(copy, router->name);
    bool plain = dbrow_router_is_plain(router);

    if (found && plain) {
        json_array_append_new(operations,
                              dbrow_op_delete("Router", found->uuid));
    } else if (!found && !plain) {
        json_array_append_new(
            operations,
            dbrow_op_insert("Router", dbrow_router_row(copy->shard, router)));
    } else if (found
               && (found->router.draining != router->draining
                   || found->router.uplink_down != router->uplink_down
                   || found->router.holder != router->holder)) {
        json_array_append_new(
            operations,
            dbrow_op_update("Router", found->uuid,
                            dbrow_router_row(copy->shard, router)));
    }
}

/* The router as it is. */
static struct dbrow_router
router_now(const struct dbcopy *copy, const char *name)
{
    const struct db_router *found = dbcopy_router(copy, name);
    struct dbrow_router router = {.draining = false};

    snprintf(router.name, sizeof router.name, "%s", name);
    return found ? found->router : router;
}

static bool
is_named(const struct store_change *change, const char *name)
{
    for (size_t i = 0; i < change->n; i++) {
        if (!strcmp(change->names[i], name)) {
            return true;
        }
    }
    return false;
}

static void
want_holders(const struct dbcopy *copy, const struct store_change *change,
             json_t *operations)
{
    for (size_t i = 0; i < change->n; i++) {
        struct dbrow_router router = router_now(copy, change->names[i]);

        router.holder = true;
        want_router(copy, &router, operations);
    }
    for (struct db_router *r = copy->routers; r; r = r->hh.next) {
        struct dbrow_router router = r->router;

        if (router.holder && !is_named(change, router.name)) {
            router.holder = false;
            want_router(copy, &router, operations);
        }
    }
}

static void
want_drain_or_uplink(const struct dbcopy *copy,
                     const struct store_change *change, json_t *operations)
{
    struct dbrow_router router = router_now(copy, change->names[0]);

    if (change->type == STORE_DRAIN || change->type == STORE_UNDRAIN) {
        router.draining = change->type == STORE_DRAIN;
    } else {
        router.uplink_down = change->type == STORE_UPLINK_DOWN;
    }
    want_router(copy, &router, operations);
}

static void
want_config(const struct dbcopy *copy, json_t *config, json_t *operations)
{
    char *text;
    json_t *row;

    if (!config) {
        if (*copy->config_uuid) {
            json_array_append_new(
                operations, dbrow_op_delete("Config", copy->config_uuid));
        }
        return;
    }
    if (copy->config && json_equal(copy->config, config)) {
        return;
    }
    text = json_dumps(config, JSON_COMPACT);
    row = json_pack("{sssIss}", "shard", copy->shard, "number",
                    (json_int_t) copy->config_number + 1, "text", text);
    free(text);
    json_array_append_new(
        operations, *copy->config_uuid
                        ? dbrow_op_update("Config", copy->config_uuid, row)
                        : dbrow_op_insert("Config", row));
}

/* Returns new. */
json_t *
dbwant_change(const struct dbcopy *copy, const struct store_change *change)
{
    json_t *operations = json_array();

    switch (change->type) {
    case STORE_PUT_CLIENTS:
        for (size_t i = 0;
             i < change->n && json_array_size(operations) < DBSTORE_WHOLE;
             i++) {
            dbwant_client(copy, DBROW_PROVISIONED, &change->clients[i],
                          operations);
        }
        break;
    case STORE_FORGET_CLIENT:
        dbwant_no_client(copy, DBROW_PROVISIONED, &change->clients[0],
                         operations);
        break;
    case STORE_DRAIN:
    case STORE_UNDRAIN:
    case STORE_UPLINK_DOWN:
    case STORE_UPLINK_UP:
        want_drain_or_uplink(copy, change, operations);
        break;
    case STORE_SET_HOLDERS:
        want_holders(copy, change, operations);
        break;
    case STORE_SET_LEASES:
        break; /* By pieces. */
    case STORE_SET_CONFIG:
        want_config(copy, change->config, operations);
        break;
    }
    return operations;
}
