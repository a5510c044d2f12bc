/* The rows of a shard, as clients, routers and a configuration, and as the
 * state that is kept.  Private to the store.
 *
 * Owns the copy; written by dbcopy_update() alone. */
#ifndef DBCOPY_H
#define DBCOPY_H 1

#include <uthash.h>

#include "controller/ovsdb/ovsdb.h"
#include "controller/store/dbstore.h"
#include "controller/store/dbrow.h"

/* All bytes count: to be cleared first. */
struct client_key {
    char segment[STORE_NAME_LEN];
    uint8_t origin;
    struct fh_addr address;
};

/* A row of the table Client. */
struct db_client {
    UT_hash_handle hh;          /* By 'key'. */
    struct client_key key;
    char uuid[OVSDB_UUID_STRLEN];
    struct store_client client;
};

struct db_router {
    UT_hash_handle hh;          /* By name. */
    char uuid[OVSDB_UUID_STRLEN];
    struct dbrow_router router;
};

/* All zero but for 'shard' and 'handler' is one that has seen no row. */
struct dbcopy {
    char *shard;                /* Owned. */
    struct dbstore_handler handler;
    void *aux;
    struct db_client *clients;
    struct db_router *routers;
    json_t *config;             /* NULL: none. */
    char config_uuid[OVSDB_UUID_STRLEN];        /* "": there is no row. */
    int64_t config_number;
    unsigned int changed;       /* Parts, since the caller cleared it. */
    unsigned int stale;         /* Parts of 'state' to be made again. */
    struct store_state state;
};

void dbcopy_uninit(struct dbcopy *);

struct client_key dbcopy_key(enum dbrow_origin, const char *segment,
                             struct fh_addr address);
/* Return NULL if there is none. */
struct db_client *dbcopy_client(const struct dbcopy *, enum dbrow_origin,
                                const struct store_client *);
struct db_router *dbcopy_router(const struct dbcopy *, const char *name);
int dbcopy_compare_clients(const void *, const void *);

/* See dbstore_update(), dbstore_get(). */
void dbcopy_update(struct dbcopy *, const char *table, const char *uuid,
                   const json_t *old_row, const json_t *new_row);
const struct store_state *dbcopy_get(struct dbcopy *);

#endif /* controller/store/dbcopy.h */
