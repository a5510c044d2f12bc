/* What a server says of itself and its database: the row of it in the table
 * Database of the database _Server (ovsdb-server(5)).
 *
 * Pure. */
#ifndef OVSDB_SERVER_H
#define OVSDB_SERVER_H 1

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include <firsthop/buf.h>

/* All zero: nothing has been said. */
struct ovsdb_server_state {
    bool present;
    bool connected;             /* Has contact to its cluster. */
    bool leads;                 /* The RAFT leader, or the only server. */
    char cid[37];               /* Of the cluster, "" if there is none; */
    char sid[37];               /* of the server in it, likewise. */
    int64_t index;              /* Of its log; -1 without a cluster. */
    char *schema;               /* As text, or NULL. */
};

void ovsdb_server_uninit(struct ovsdb_server_state *);      /* All zero. */

/* The request for it: monitor_cond's parameters, new. */
json_t *ovsdb_server_request(const char *database);
/* Takes up the answer, or the updates of an "update2".  Returns false if they
 * make no sense. */
bool ovsdb_server_update(struct ovsdb_server_state *, const json_t *updates);

/* Does schema 'found' do where 'wanted' is needed ("1.2.0"; NULL: any)?  The
 * first numbers must be equal, the second of 'found' not less. */
enum ovsdb_fit { OVSDB_FITS, OVSDB_TOO_OLD, OVSDB_TOO_NEW };
enum ovsdb_fit ovsdb_version_fits(const char *found, const char *wanted);

/* What a JSON-RPC error, or that of an operation, says: "error: details".
 * Returns new. */
char *ovsdb_error_text(const json_t *error);

#endif /* controller/ovsdb/ovsdb_server.h */
