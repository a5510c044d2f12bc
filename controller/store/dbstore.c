/* What must survive, in the database that several controllers share.  See
 * dbstore.h.
 *
 * The copy of the rows is the truth: a change is what the rows must become,
 * and what is sent is the difference.  So a transaction whose answer was lost,
 * or that a server has tried twice, is simply looked at again.
 *
 *   jobs, one after another:
 *   NONE -> WAITING (no server) -> SENT -> NONE
 *              ^                     |  answer lost, rows not as wanted
 *              +---------------------+
 *   pieces (leases and learnt clients): one is sent at a time, and the next
 *   one not before DBSTORE_PIECE_MS. */
#include <config.h>

#include "controller/store/dbstore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include <event2/event.h>

#include <firsthop/buf.h>

#include "controller/base/log.h"
#include "controller/config/config.h"
#include "controller/ovsdb/ovsdb.h"
#include "controller/store/dbcopy.h"
#include "controller/store/dbwant.h"
#include "controller/store/store.h"

#define MAX_TRIES 5             /* Of one change, that is refused. */

/* What a lease or a learnt client is to become. */
struct pending {
    UT_hash_handle hh;          /* By 'key'; the oldest first. */
    struct client_key key;
    bool gone;
    struct store_client client;
};

/* A change that waits, or is under way. */
struct job {
    TAILQ_ENTRY(job) node;
    struct store_change *change;        /* Owned. */
    dbstore_done_cb *done;
    void *aux;
};

enum job_state { JOB_NONE, JOB_WAITING, JOB_SENT };

struct dbstore {
    struct ovsdb *ovsdb;
    int64_t epoch;              /* Since when we lead. */
    char *leader;               /* We; NULL: we do not lead. */
    struct dbcopy copy;

    TAILQ_HEAD(, job) jobs;     /* One after another. */
    enum job_state job_state;   /* Of the first; JOB_NONE: there is none. */
    unsigned int job_tries;
    uint64_t job_xact;          /* JOB_SENT. */
    struct event *job_timer;

    struct pending *pending;    /* Waits to be written. */
    uint64_t piece_xact;        /* 0: none is under way. */
    size_t piece_n, piece_most; /* Operations of the last, of the next. */
    struct event *piece_timer;
    int last_error;
    char problem[700];
};

static void begin_job(struct dbstore *);
static void pump_job(struct dbstore *);
static void schedule_piece(struct dbstore *);

/* Following. */

void
dbstore_update(struct dbstore *db, const char *table, const char *uuid,
               const json_t *old_row, const json_t *new_row)
{
    dbcopy_update(&db->copy, table, uuid, old_row, new_row);
}

void
dbstore_synced(struct dbstore *db)
{
    unsigned int changed = db->copy.changed;

    db->copy.changed = 0;
    if (changed && db->copy.handler.changed) {
        db->copy.handler.changed(db->copy.aux, changed);
    }
    if (db->job_state == JOB_WAITING) {
        pump_job(db);
    }
    schedule_piece(db);
}

const struct store_state *
dbstore_get(struct dbstore *db)
{
    return dbcopy_get(&db->copy);
}

int64_t
dbstore_config_number(const struct dbstore *db)
{
    return db->copy.config_number;
}

void
dbstore_each_learnt(const struct dbstore *db,
                    void (*cb)(void *aux, const struct store_client *),
                    void *aux)
{
    for (struct db_client *c = db->copy.clients; c; c = c->hh.next) {
        if (c->key.origin == DBROW_LEARNED) {
            cb(aux, &c->client);
        }
    }
}

/* Writing. */

json_t *
dbstore_guard(const char *shard, int64_t epoch, const char *leader)
{
    return json_pack("{sssss[[sss]]s[ss]sss[{sIss}]si}", "op", "wait",
                     "table", "Shard", "where", "name", "==", shard,
                     "columns", "epoch", "leader", "until", "==", "rows",
                     "epoch", (json_int_t) epoch, "leader", leader,
                     "timeout", 0);
}

/* Sends 'operations' (taken) as one transaction, if we still lead. */
static uint64_t
transact(struct dbstore *db, json_t *operations, ovsdb_done_cb *done)
{
    json_array_insert_new(operations, 0, dbstore_guard(
                              db->copy.shard, db->epoch, db->leader));
    return ovsdb_transact(db->ovsdb, operations, done, db);
}

static void
arm(struct event *timer, int ms)
{
    struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

    event_add(timer, &tv);
}

static void
job_destroy(struct dbstore *db, struct job *job)
{
    TAILQ_REMOVE(&db->jobs, job, node);
    store_change_destroy(job->change);
    free(job);
}

/* The first change has come to its end. */
static void
finish_job(struct dbstore *db, int error)
{
    struct job *job = TAILQ_FIRST(&db->jobs);
    dbstore_done_cb *done = job->done;
    void *aux = job->aux;

    event_del(db->job_timer);
    job_destroy(db, job);
    db->job_state = JOB_NONE;
    db->last_error = error == ECANCELED ? 0 : error;
    done(aux, error);
    begin_job(db);
}

static bool
is_in_pieces(const struct store_change *change)
{
    return change->type == STORE_PUT_CLIENTS && change->n > DBSTORE_WHOLE;
}

static void
job_answered(void *db_, enum ovsdb_outcome outcome, const json_t *results,
             const char *why)
{
    struct dbstore *db = db_;

    db->job_state = JOB_WAITING;
    switch (outcome) {
    case OVSDB_UNMET:
        finish_job(db, ECANCELED);
        break;
    case OVSDB_COMMITTED:
        db->job_tries = 0;
        if (is_in_pieces(TAILQ_FIRST(&db->jobs)->change)) {
            arm(db->job_timer, db->copy.handler.wait_ms);
            pump_job(db);
        } else {
            finish_job(db, 0);
        }
        break;
    case OVSDB_REFUSED:
        /* It may have been committed, and tried again. */
        if (++db->job_tries < MAX_TRIES) {
            pump_job(db);
        } else {
            log_err("database: %s", why);
            finish_job(db, EREMOTEIO);
        }
        break;
    case OVSDB_UNKNOWN:
        break;                  /* The next server's rows will tell. */
    }
}

/* Sends what the rows are not yet, if it can be sent. */
static void
pump_job(struct dbstore *db)
{
    json_t *operations;

    if (!ovsdb_is_up(db->ovsdb)) {
        return;
    }
    operations = dbwant_change(&db->copy, TAILQ_FIRST(&db->jobs)->change);
    if (!json_array_size(operations)) {
        json_decref(operations);
        finish_job(db, 0);
        return;
    }
    db->job_xact = transact(db, operations, job_answered);
    if (db->job_xact) {
        db->job_state = JOB_SENT;
    }
}

/* Takes up the first change, if none is under way. */
static void
begin_job(struct dbstore *db)
{
    if (db->job_state == JOB_NONE && !TAILQ_EMPTY(&db->jobs)) {
        db->job_tries = 0;
        db->job_state = JOB_WAITING;
        arm(db->job_timer, db->copy.handler.wait_ms);
        pump_job(db);
    }
}

/* Nobody has answered for too long. */
static void
on_job_timer(evutil_socket_t fd, short what, void *db_)
{
    struct dbstore *db = db_;

    if (db->job_state == JOB_SENT) {
        ovsdb_forget(db->ovsdb, db->job_xact);
    }
    finish_job(db, ETIMEDOUT);
}

/* Leases and learnt clients. */

static struct pending *
find_pending(const struct dbstore *db, enum dbrow_origin origin,
             const struct store_client *client)
{
    struct client_key key = dbcopy_key(origin, client->segment,
                                       client->address);
    struct pending *pending;

    HASH_FIND(hh, db->pending, &key, sizeof key, pending);
    return pending;
}

static void
forget_pending(struct dbstore *db, struct pending *pending)
{
    HASH_DEL(db->pending, pending);
    free(pending);
}

/* Is there something to write, if it is to be like that? */
static bool
is_news(const struct dbstore *db, enum dbrow_origin origin,
        const struct store_client *client, bool gone)
{
    const struct db_client *found = dbcopy_client(&db->copy, origin, client);

    return (find_pending(db, origin, client)
            || (gone ? found != NULL
                : !found || !dbrow_client_equal(&found->client, client)));
}

static void
put_pending(struct dbstore *db, enum dbrow_origin origin,
            const struct store_client *client, bool gone)
{
    struct pending *pending;

    if (!db->leader || !is_news(db, origin, client, gone)) {
        return;
    }
    pending = find_pending(db, origin, client);
    if (!pending) {
        pending = fh_xcalloc(1, sizeof *pending);
        pending->key = dbcopy_key(origin, client->segment, client->address);
        HASH_ADD(hh, db->pending, key, sizeof pending->key, pending);
    }
    pending->gone = gone;
    pending->client = *client;
    schedule_piece(db);
}

void
dbstore_learn(struct dbstore *db, const struct store_client *client)
{
    put_pending(db, DBROW_LEARNED, client, false);
}

void
dbstore_unlearn(struct dbstore *db, const char *segment,
                struct fh_addr address)
{
    struct store_client client = { .address = address };

    snprintf(client.segment, sizeof client.segment, "%s", segment);
    put_pending(db, DBROW_LEARNED, &client, true);
}

static bool
is_among(const struct store_client *client, const struct store_client *list,
         size_t n)
{
    return n && bsearch(client, list, n, sizeof *list, dbcopy_compare_clients);
}

/* From now on these are the leases. */
static void
set_leases(struct dbstore *db, const struct store_client *leases, size_t n)
{
    struct store_client *sorted = fh_xmemdup(leases, n * sizeof *leases);

    qsort(sorted, n, sizeof *sorted, dbcopy_compare_clients);
    for (struct pending *p = db->pending; p; p = p->hh.next) {
        if (p->key.origin == DBROW_LEASED
            && !is_among(&p->client, sorted, n)) {
            p->gone = true;
        }
    }
    for (struct db_client *c = db->copy.clients; c; c = c->hh.next) {
        if (c->key.origin == DBROW_LEASED
            && !is_among(&c->client, sorted, n)) {
            put_pending(db, DBROW_LEASED, &c->client, true);
        }
    }
    for (size_t i = 0; i < n; i++) {
        put_pending(db, DBROW_LEASED, &sorted[i], false);
    }
    free(sorted);
}

/* The oldest that the rows are not yet; forgets those that they are. */
static json_t *
piece_operations(struct dbstore *db)
{
    json_t *operations = json_array();
    struct pending *pending, *next;

    HASH_ITER (hh, db->pending, pending, next) {
        size_t n = json_array_size(operations);

        if (n >= db->piece_most) {
            break;
        }
        if (pending->gone) {
            dbwant_no_client(&db->copy, pending->key.origin, &pending->client,
                           operations);
        } else {
            dbwant_client(&db->copy, pending->key.origin, &pending->client,
                        operations);
        }
        if (json_array_size(operations) == n) {
            forget_pending(db, pending);
        }
    }
    return operations;
}

/* The server refuses one of them, a row written by hand is in its place, say,
 * and so all of them: ever fewer are sent, until it is found. */
static void
piece_refused(struct dbstore *db, const char *why)
{
    static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(10000, 5);
    char address[FH_ADDR_STRLEN];

    if (db->piece_n > 1) {
        db->piece_most = db->piece_n / 2;
    } else if (db->pending) {
        log_err_rl(&rl, "database: client %s is not kept: %s",
                   fh_addr_format(db->pending->client.address, address), why);
        forget_pending(db, db->pending);
    }
}

static void
piece_answered(void *db_, enum ovsdb_outcome outcome, const json_t *results,
               const char *why)
{
    struct dbstore *db = db_;

    db->piece_xact = 0;
    if (outcome == OVSDB_REFUSED) {
        piece_refused(db, why);
    } else if (outcome == OVSDB_COMMITTED) {
        db->piece_most = DBSTORE_PIECE;
    }
    schedule_piece(db);
}

static void
on_piece_timer(evutil_socket_t fd, short what, void *db_)
{
    struct dbstore *db = db_;
    json_t *operations;

    if (!db->leader || db->piece_xact || !ovsdb_is_up(db->ovsdb)) {
        return;                 /* dbstore_synced() takes it up again. */
    }
    operations = piece_operations(db);
    if (!json_array_size(operations)) {
        json_decref(operations);
        return;
    }
    db->piece_n = json_array_size(operations);
    db->piece_xact = transact(db, operations, piece_answered);
    if (!db->piece_xact) {
        schedule_piece(db);
    }
}

/* Something may wait to be written. */
static void
schedule_piece(struct dbstore *db)
{
    if (db->pending && !db->piece_xact
        && !event_pending(db->piece_timer, EV_TIMEOUT, NULL)) {
        arm(db->piece_timer, DBSTORE_PIECE_MS);
    }
}

/* Changes. */

/* Is there room for those that are new? */
static bool
has_room(const struct dbstore *db, const struct store_change *change)
{
    return (change->type != STORE_PUT_CLIENTS
            || HASH_COUNT(db->copy.clients) + change->n <= CONFIG_MAX_CLIENTS);
}

/* Whether the rows are as 'change' wants them. */
static bool
is_so(const struct dbstore *db, const struct store_change *change)
{
    json_t *operations = dbwant_change(&db->copy, change);
    bool so = !json_array_size(operations);

    json_decref(operations);
    return so;
}

int
dbstore_apply(struct dbstore *db, const struct store_change *change,
              dbstore_done_cb *done, void *aux)
{
    struct job *job;

    if (!db->leader) {
        return ECANCELED;
    } else if (change->type == STORE_SET_LEASES) {
        set_leases(db, change->clients, change->n);
        return 0;
    } else if (!has_room(db, change)) {
        return ENOSPC;
    } else if (TAILQ_EMPTY(&db->jobs) && is_so(db, change)) {
        return 0;
    }
    job = fh_xcalloc(1, sizeof *job);
    job->change = store_change_copy(change);
    job->done = done;
    job->aux = aux;
    TAILQ_INSERT_TAIL(&db->jobs, job, node);
    if (TAILQ_FIRST(&db->jobs) == job) {
        begin_job(db);
    }
    return EINPROGRESS;
}

/* What a single controller had. */

static void
imported(void *db_, int error)
{
    if (error) {
        log_err("database: what the state directory has could not be taken "
                "over: %s", strerror(error));
    }
}

static void
import_change(struct dbstore *db, const struct store_change *change)
{
    int error = dbstore_apply(db, change, imported, db);

    if (error != EINPROGRESS) {
        imported(db, error);
    }
}

static void
import_routers(struct dbstore *db, enum store_change_type type,
               char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *name = names[i];

        import_change(db, &(struct store_change) {
            .type = type, .names = &name, .n = 1 });
    }
}

bool
dbstore_is_new(const struct dbstore *db)
{
    return !*db->copy.config_uuid;
}

bool
dbstore_import(struct dbstore *db, const struct store_state *state)
{
    if (!db->leader || !dbstore_is_new(db)) {
        return false;
    }
    import_change(db, &(struct store_change) {
        .type = STORE_PUT_CLIENTS, .clients = state->clients,
        .n = state->n_clients });
    import_routers(db, STORE_DRAIN, state->draining, state->n_draining);
    import_routers(db, STORE_UPLINK_DOWN, state->uplinks_down,
                   state->n_uplinks_down);
    import_change(db, &(struct store_change) {
        .type = STORE_SET_HOLDERS, .n = state->n_holders,
        .names = (const char *const *) state->holders });
    import_change(db, &(struct store_change) {
        .type = STORE_SET_LEASES, .clients = state->leases,
        .n = state->n_leases });
    return true;
}

/* Life. */

/* Those that wait; more may come meanwhile, and are refused. */
static void
give_up_jobs(struct dbstore *db)
{
    struct job *job;

    event_del(db->job_timer);
    db->job_state = JOB_NONE;
    while ((job = TAILQ_FIRST(&db->jobs))) {
        dbstore_done_cb *done = job->done;
        void *aux = job->aux;

        job_destroy(db, job);
        done(aux, ECANCELED);
    }
}

void
dbstore_lead(struct dbstore *db, int64_t epoch, const char *leader)
{
    struct pending *pending, *next;

    free(db->leader);
    db->leader = leader ? fh_xstrdup(leader) : NULL;
    db->epoch = epoch;
    if (leader) {
        return;
    }
    HASH_ITER (hh, db->pending, pending, next) {
        forget_pending(db, pending);
    }
    if (db->job_state == JOB_SENT) {
        ovsdb_forget(db->ovsdb, db->job_xact);
    }
    give_up_jobs(db);
}

bool
dbstore_may_write(const struct dbstore *db)
{
    return db->leader != NULL;
}

/* Takes 'columns'.  Rows of any shard that was named are wanted. */
static void
monitor_table(json_t *monitor, const char *table, const char *shard,
              json_t *columns)
{
    json_t *request = json_array_get(json_object_get(monitor, table), 0);

    if (!request) {
        request = json_pack("{s[]}", "where");
        json_object_set_new(monitor, table, json_pack("[o]", request));
    }
    json_object_set_new(request, "columns", columns);
    json_array_append_new(json_object_get(request, "where"),
                          json_pack("[sss]", "shard", "==", shard));
}

void
dbstore_monitor(json_t *monitor, const char *shard)
{
    monitor_table(monitor, "Config", shard,
                  json_pack("[sss]", "shard", "number", "text"));
    monitor_table(monitor, "Router", shard,
                  json_pack("[sssss]", "shard", "name", "admin", "uplink",
                            "holder"));
    monitor_table(monitor, "Client", shard,
                  json_pack("[ssssssss]", "shard", "segment", "address",
                            "origin", "mac", "vlan", "removed", "expires"));
}

struct dbstore *
dbstore_create(struct event_base *base, struct ovsdb *ovsdb,
               const char *shard, const struct dbstore_handler *handler,
               void *aux)
{
    struct dbstore *db = fh_xcalloc(1, sizeof *db);

    db->ovsdb = ovsdb;
    db->copy.shard = fh_xstrdup(shard);
    db->copy.handler = *handler;
    db->copy.handler.wait_ms = (handler->wait_ms ? handler->wait_ms
                                : DBSTORE_WAIT_MS);
    db->copy.aux = aux;
    db->copy.stale = ~0u;
    db->piece_most = DBSTORE_PIECE;
    TAILQ_INIT(&db->jobs);
    db->job_timer = evtimer_new(base, on_job_timer, db);
    db->piece_timer = evtimer_new(base, on_piece_timer, db);
    return db;
}

void
dbstore_destroy(struct dbstore *db)
{
    struct pending *pending, *next_pending;

    if (!db) {
        return;
    }
    if (db->job_state == JOB_SENT) {
        ovsdb_forget(db->ovsdb, db->job_xact);
    }
    if (db->piece_xact) {
        ovsdb_forget(db->ovsdb, db->piece_xact);
    }
    HASH_ITER (hh, db->pending, pending, next_pending) {
        forget_pending(db, pending);
    }
    while (!TAILQ_EMPTY(&db->jobs)) {
        job_destroy(db, TAILQ_FIRST(&db->jobs));
    }
    dbcopy_uninit(&db->copy);
    event_free(db->job_timer);
    event_free(db->piece_timer);
    free(db->leader);
    free(db);
}

/* For an operator. */

size_t
dbstore_backlog(const struct dbstore *db)
{
    return HASH_COUNT(db->pending);
}

const char *
dbstore_problem(struct dbstore *db)
{
    const char *away = ovsdb_problem(db->ovsdb);

    if (away) {
        snprintf(db->problem, sizeof db->problem,
                 "%.500s; changes are refused, and nobody else can lead",
                 away);
    } else if (db->last_error) {
        snprintf(db->problem, sizeof db->problem,
                 "database: the last change could not be kept: %s",
                 strerror(db->last_error));
    } else {
        return NULL;
    }
    return db->problem;
}
