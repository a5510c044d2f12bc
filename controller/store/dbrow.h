/* Clients, routers and the configuration as rows of the database of several
 * controllers (controller/ovsdb/firsthop.ovsschema).  Private to the store.
 *
 * Pure. */
#ifndef DBROW_H
#define DBROW_H 1

#include <jansson.h>

#include <firsthop/store.h>

enum dbrow_origin { DBROW_PROVISIONED, DBROW_LEASED, DBROW_LEARNED };

/* Reads a row of the table Client.  Returns false if it is not what this
 * program writes. */
bool dbrow_client_read(const json_t *row, enum dbrow_origin *,
                         struct store_client *);
/* Returns new: all columns. */
json_t *dbrow_client_row(const char *shard, enum dbrow_origin,
                           const struct store_client *);
/* Would they be the same row? */
bool dbrow_client_equal(const struct store_client *,
                          const struct store_client *);

struct dbrow_router {
    char name[STORE_NAME_LEN];
    bool draining, uplink_down, holder;
};
bool dbrow_router_read(const json_t *row, struct dbrow_router *);
json_t *dbrow_router_row(const char *shard, const struct dbrow_router *);
/* Is it as a router of which no row is kept? */
bool dbrow_router_is_plain(const struct dbrow_router *);

/* Operations (RFC 7047, 5.2), new; each takes 'row'. */
json_t *dbrow_op_insert(const char *table, json_t *row);
json_t *dbrow_op_update(const char *table, const char *uuid, json_t *row);
json_t *dbrow_op_delete(const char *table, const char *uuid);

#endif /* controller/store/dbrow.h */
