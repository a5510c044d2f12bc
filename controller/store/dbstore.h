/* What must survive, in the database that several controllers share: what
 * store.h keeps in files, and the learnt clients besides, of one shard.
 *
 * All controllers follow; the one that leads writes, one transaction for each
 * change, which holds only as long as the shard's row still says that it
 * leads, and since the same epoch: who has been deposed changes nothing,
 * however late its words arrive.
 *
 * Leases and learnt clients are written in pieces of at most
 * DBSTORE_PIECE rows, one each DBSTORE_PIECE_MS: what the bridges know is
 * written as quickly as it can be forgotten again, and no quicker.
 *
 * Knows no clock but the event loop's.  The client of the database is the
 * caller's, who passes on what that tells. */
#ifndef DBSTORE_H
#define DBSTORE_H 1

#include <firsthop/store.h>

struct event_base;
struct ovsdb;
struct dbstore;

#define DBSTORE_PIECE    1000
#define DBSTORE_WHOLE    2000   /* Clients of one change, in one piece. */
#define DBSTORE_PIECE_MS 100
#define DBSTORE_WAIT_MS  5000   /* By default. */

/* What has changed. */
enum {
    DBSTORE_CLIENTS = 1 << 0,
    DBSTORE_LEASES = 1 << 1,
    DBSTORE_ROUTERS = 1 << 2,
    DBSTORE_CONFIG = 1 << 3,
    DBSTORE_LEARNT = 1 << 4,
};

struct dbstore_handler {
    int wait_ms;                /* So long a change waits for a server, 0:
                                 * DBSTORE_WAIT_MS. */
    /* Parts of what is kept are not as they were: by our own hand or by
     * another's.  May be NULL. */
    void (*changed)(void *aux, unsigned int parts);
    /* A learnt client has come ('now' set), changed, or gone ('old' alone);
     * told before 'changed'.  May be NULL. */
    void (*learnt)(void *aux, const struct store_client *old,
                   const struct store_client *now);
};

/* Adds what the dbstore of 'shard' needs to 'monitor' (an object, as of struct
 * ovsdb_options), beside what those of other shards do. */
void dbstore_monitor(json_t *monitor, const char *shard);

struct dbstore *dbstore_create(struct event_base *, struct ovsdb *,
                               const char *shard,
                               const struct dbstore_handler *, void *aux);
/* Changes that are under way are told to nobody.  NULL is fine. */
void dbstore_destroy(struct dbstore *);

/* From the callbacks of the same names of struct ovsdb_handler; tables of
 * others are left alone. */
void dbstore_update(struct dbstore *, const char *table, const char *uuid,
                    const json_t *old_row, const json_t *new_row);
void dbstore_synced(struct dbstore *);

/* We lead since 'epoch' as 'leader' (copied): may write.  NULL: we do not, and
 * what has not been written is forgotten, its callback called with
 * ECANCELED. */
void dbstore_lead(struct dbstore *, int64_t epoch, const char *leader);
bool dbstore_may_write(const struct dbstore *);
/* The operation that must come first in every transaction of a leader: it
 * fails it (OVSDB_UNMET) where the row of 'shard' says anything else.  New. */
json_t *dbstore_guard(const char *shard, int64_t epoch, const char *leader);

/* 'error' is 0 (it is durable, and dbstore_get() has it), or an errno:
 * ECANCELED, we do not lead (any more); ETIMEDOUT, the database does not
 * answer and it may yet be written; EREMOTEIO, it was refused. */
typedef void dbstore_done_cb(void *aux, int error);

/* Makes '*change' (copied), after those that wait.  Returns EINPROGRESS, and
 * 'done' is called later; or 0 if there is nothing to change, or an errno.
 * Leases are taken at once (0) and written soon.
 *
 * More than DBSTORE_WHOLE clients take several transactions, so that no server
 * is busy for so long that the others think it dead: if that ends with an
 * error, some of them have been written. */
int dbstore_apply(struct dbstore *, const struct store_change *change,
                  dbstore_done_cb *done, void *aux);
/* Has the shard no configuration yet, as far as is known? */
bool dbstore_is_new(const struct dbstore *);
/* Writes what a controller had in its state directory, but for the
 * configuration, which is to be put next: as long as there is none, the shard
 * is new.  Returns false, and does nothing, if it is not, or we do not lead. */
bool dbstore_import(struct dbstore *, const struct store_state *);
/* A learnt client has come or is another one (its MAC), or has gone; copied.
 * Written soon; the last word counts. */
void dbstore_learn(struct dbstore *, const struct store_client *);
void dbstore_unlearn(struct dbstore *, const char *segment, struct fh_addr);

/* What is kept.  Valid until the next call of dbstore_synced(). */
const struct store_state *dbstore_get(struct dbstore *);
/* The number of the configuration, which rises with each; 0: none. */
int64_t dbstore_config_number(const struct dbstore *);
void dbstore_each_learnt(const struct dbstore *,
                         void (*cb)(void *aux, const struct store_client *),
                         void *aux);

/* For an operator: why changes cannot be kept, or NULL. */
const char *dbstore_problem(struct dbstore *);
/* Learnt clients and leases that wait to be written. */
size_t dbstore_backlog(const struct dbstore *);

#endif /* controller/store/dbstore.h */
