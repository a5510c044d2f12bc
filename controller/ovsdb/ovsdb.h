/* An OVSDB client (RFC 7047, and what ovsdb-server(7) adds to it).
 *
 * Owns one connection to one of several servers of a database, and a copy of
 * the rows that it was asked to monitor.  Reconnects, to the next server, for
 * ever.  Knows nothing of what the rows mean.
 *
 *   up -> (update...) -> synced -> (update... -> synced)... -> down -> up ...
 *
 * A server that has no contact to its cluster, whose data are older than what
 * was seen before, or whose schema does not fit, is left for the next one.
 *
 * Everything that a server says is bounded (bytes, depth, rows) and checked;
 * what breaks a bound or makes no sense ends the connection.  Callbacks may
 * transact, but not destroy the client. */
#ifndef OVSDB_H
#define OVSDB_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

struct event_base;
struct tls;
struct ovsdb;

#define OVSDB_MAX_OUTSTANDING 64        /* Transactions without an answer. */
#define OVSDB_UUID_STRLEN 37

/* All borrowed for the call of ovsdb_create(), but 'tls' for as long as the
 * client lives or until ovsdb_set_tls().  Numbers that are 0 have the default
 * that their comment says. */
struct ovsdb_options {
    const char *database;       /* "Firsthop". */
    const char *version;        /* Of the schema, "1.0.0": the same first
                                 * number and at least the second. NULL:
                                 * any. */
    const char *schema_path;    /* For the words that say how to convert. */
    const char *const *servers; /* "tcp:IP:PORT", "ssl:IP:PORT", "unix:PATH";
                                 * the nearest first. */
    size_t n_servers;
    struct tls *tls;            /* NULL: no "ssl:". */
    json_t *monitor;            /* Table -> [{"columns": [...], "where": ...}],
                                 * as of monitor_cond. */
    int probe_ms;               /* Echo request after so much silence, 200. */
    int dead_ms;                /* Left after so much silence, 1000. */
    int retry_min_ms;           /* Between two tries, 20, doubled each time */
    int retry_max_ms;           /* up to 1000. */
    size_t max_message_bytes;   /* 64 MiB. */
    size_t max_rows;            /* 1,000,000. */
};

/* Any may be NULL. */
struct ovsdb_handler {
    /* A server has been found, transactions may be sent.  'leads': it is the
     * RAFT leader, or the only server.  The rows are told next. */
    void (*up)(void *aux, bool leads);
    /* Transactions without an answer have ended as OVSDB_UNKNOWN before. */
    void (*down)(void *aux, const char *why);
    /* The server has become, or ceased to be, the RAFT leader. */
    void (*leads)(void *aux, bool leads);
    /* A monitored row: 'old_row' is NULL if it is new, 'new_row' if it is
     * deleted.  Objects with all monitored columns (RFC 7047, 5.1), borrowed.
     * After a reconnection only what is different from before is told. */
    void (*update)(void *aux, const char *table, const char *uuid,
                   const json_t *old_row, const json_t *new_row);
    /* All that one message said has been told: the rows agree with each
     * other.  Once after each 'up', even if there is nothing new. */
    void (*synced)(void *aux);
};

enum ovsdb_outcome {
    OVSDB_COMMITTED,            /* Durable, in a cluster on a majority. */
    OVSDB_UNMET,                /* A "wait" did not hold: nothing changed, or
                                 * this very transaction had been committed
                                 * before: a server that loses its leader
                                 * tries again. */
    OVSDB_REFUSED,              /* The server says why: nothing changed. */
    OVSDB_UNKNOWN,              /* The connection ended first: committed, or
                                 * not, or it will be yet. */
};

/* 'results' as of RFC 7047, 4.1.3, or NULL; 'why' is NULL if committed.  Both
 * borrowed. */
typedef void ovsdb_done_cb(void *aux, enum ovsdb_outcome,
                           const json_t *results, const char *why);

/* Begins to connect.  Returns new, or NULL and '*errp', new: a target that is
 * none, or "ssl:" without 'tls'. */
struct ovsdb *ovsdb_create(struct event_base *, const struct ovsdb_options *,
                           const struct ovsdb_handler *, void *aux,
                           char **errp);
/* No callback is called.  NULL is fine. */
void ovsdb_destroy(struct ovsdb *);
/* What connections use from now on (borrowed); those that are there stay. */
void ovsdb_set_tls(struct ovsdb *, struct tls *);

/* Sends 'operations' (an array; taken) as one transaction.  Monitored rows
 * that it changes are told before 'done' is called.  Returns its number, or 0
 * and 'done' is not called: not connected, or too many are outstanding. */
uint64_t ovsdb_transact(struct ovsdb *, json_t *operations,
                        ovsdb_done_cb *done, void *aux);
/* 'done' is not called any more; it may be committed all the same. */
void ovsdb_forget(struct ovsdb *, uint64_t transaction);

/* Leaves the server for the next one, without delay. */
void ovsdb_reconnect_elsewhere(struct ovsdb *, const char *why);

/* Asks the server to become the RAFT leader now, and not only when its election
 * timer has run out: for who knows that the leader is dead, and has a
 * transaction that waits.  Nothing happens if it leads already, there is no
 * cluster, it was asked just now, or its peers' port is not 6644. */
void ovsdb_nudge(struct ovsdb *);

/* Leaves the server if it says nothing within 'within_ms' from now: for who has
 * a reason to think that it is dead.  Nothing happens while that is still
 * being found out, or there is no server. */
void ovsdb_probe(struct ovsdb *, int within_ms);

bool ovsdb_is_up(const struct ovsdb *);
bool ovsdb_server_leads(const struct ovsdb *);
/* The server of the connection, or the one that is tried. */
const char *ovsdb_server(const struct ovsdb *);
/* Why there is no connection, for an operator; NULL if there is one.  Valid
 * until the next call. */
const char *ovsdb_problem(struct ovsdb *);

/* The copy: a row, new, or NULL; and all rows of a table. */
json_t *ovsdb_row(const struct ovsdb *, const char *table, const char *uuid);
void ovsdb_each(const struct ovsdb *, const char *table,
                void (*cb)(void *aux, const char *uuid, const json_t *row),
                void *aux);

struct ovsdb_counters {
    uint64_t connects, transactions, committed, unmet, refused, unknown;
    uint64_t updates;           /* Rows. */
    uint64_t rx_bytes, tx_bytes;
};
void ovsdb_get_counters(const struct ovsdb *, struct ovsdb_counters *);

#endif /* controller/ovsdb/ovsdb.h */
