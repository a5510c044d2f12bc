/* What must survive a restart goes to disk beside the event loop.  See
 * keeper.h.
 *
 * While a change is WRITING the store is the worker's; else it is ours. */
#include <config.h>

#include "controller/daemon/keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <firsthop/buf.h>

#include "controller/base/clock.h"
#include "controller/base/log.h"
#include "controller/store/dbstore.h"
#include "controller/store/store.h"

#define SLOW_MS 2000            /* A write that takes longer is a problem. */

enum keeper_state { KEEPER_IDLE, KEEPER_WRITING, KEEPER_WRITTEN };

struct keeper {
    char *dir;
    struct store *store;        /* NULL: nothing is kept on disk. */
    struct dbstore *shared;     /* Borrowed; NULL: 'store' it is. */
    struct worker *worker;      /* NULL: everything is written at once. */
    struct turns turns;
    enum keeper_state state;
    struct store_change *change;        /* Owned; NULL when KEEPER_IDLE. */
    struct store_change *wanted;        /* By whose turn it is; owned. */
    struct store_change *own[2];        /* The engine's own; wait; owned. */
    int error;                  /* KEEPER_WRITTEN: what it came to. */
    int last_error;             /* Of the last write. */
    int64_t since_ms;           /* KEEPER_WRITING. */
    bool stopping;
    char problem[256];
};

/* Changes. */

static bool
same_client(const struct store_client *a, const struct store_client *b)
{
    return (fh_addr_equal(a->address, b->address)
            && !strcmp(a->segment, b->segment)
            && a->removed == b->removed
            && a->has_mac == b->has_mac
            && (!a->has_mac || fh_mac_equal(a->mac, b->mac))
            && a->own_vlan == b->own_vlan
            && (!a->own_vlan || fh_vlan_equal(&a->vlan, &b->vlan)));
}

static bool
same_change(const struct store_change *a, const struct store_change *b)
{
    if (a->type != b->type || a->n != b->n || a->config != b->config
        || !a->clients != !b->clients) {
        return false;
    }
    for (size_t i = 0; i < a->n; i++) {
        if (a->clients ? !same_client(&a->clients[i], &b->clients[i])
            : strcmp(a->names[i], b->names[i])) {
            return false;
        }
    }
    return true;
}

/* Writing. */

static void pump(struct keeper *);

/* In the worker's thread. */
static void
write_change(void *keeper_)
{
    struct keeper *keeper = keeper_;

    keeper->error = store_apply(keeper->store, keeper->change);
}

static void
note_error(struct keeper *keeper, int error)
{
    if (error == ECANCELED) {
        return;                 /* Another controller leads. */
    }
    if (error && error != keeper->last_error) {
        log_err("%s %s: %s", keeper->shared ? "database" : "state directory",
                keeper->shared ? "of the controllers" : keeper->dir,
                strerror(error));
    }
    keeper->last_error = error;
}

/* What the engine keeps of its own accord: the slot where the newest waits, or
 * NULL for what an operator changes. */
static struct store_change **
own_slot(struct keeper *keeper, enum store_change_type type)
{
    return (type == STORE_SET_HOLDERS ? &keeper->own[0]
            : type == STORE_SET_LEASES ? &keeper->own[1] : NULL);
}

/* Nothing else is written before the one whose turn it is has seen what came
 * of its change: it may read what is kept. */
static void
written(void *keeper_)
{
    struct keeper *keeper = keeper_;

    note_error(keeper, keeper->error);
    keeper->state = KEEPER_WRITTEN;
    if (!own_slot(keeper, keeper->change->type)) {
        turns_resume(&keeper->turns);
    }
    store_change_destroy(keeper->change);
    keeper->change = NULL;
    keeper->state = KEEPER_IDLE;
    pump(keeper);
}

static void
shared_written(void *keeper_, int error)
{
    struct keeper *keeper = keeper_;

    keeper->error = error;
    written(keeper);
}

/* Starts to write 'keeper->change'. */
static void
write_beside(struct keeper *keeper)
{
    if (keeper->shared) {
        int error = dbstore_apply(keeper->shared, keeper->change,
                                  shared_written, keeper);

        if (error != EINPROGRESS) {
            shared_written(keeper, error);
        }
    } else if (worker_run(keeper->worker, write_change, written, keeper)) {
        written(keeper);
    }
}

/* Starts to write what waits: the turn's change first. */
static void
pump(struct keeper *keeper)
{
    struct store_change **next = (keeper->wanted ? &keeper->wanted
                                  : keeper->own[0] ? &keeper->own[0]
                                  : &keeper->own[1]);

    if (keeper->state != KEEPER_IDLE || !*next) {
        return;
    }
    keeper->change = *next;
    *next = NULL;
    keeper->state = KEEPER_WRITING;
    keeper->since_ms = clock_mono_ms();
    write_beside(keeper);
}

/* The same, at once: there is no worker. */
static int
write_now(struct keeper *keeper, const struct store_change *change)
{
    int error = store_apply(keeper->store, change);

    note_error(keeper, error);
    return error;
}

int
keeper_keep(struct keeper *keeper, const struct store_change *change)
{
    if (!keeper->store && !keeper->shared) {
        return 0;
    }
    if (!keeper->worker && !keeper->shared) {
        return write_now(keeper, change);
    }
    if (own_slot(keeper, change->type)) {
        struct store_change **slot = own_slot(keeper, change->type);

        if (!keeper->stopping) {
            store_change_destroy(*slot);
            *slot = store_change_copy(change);
            pump(keeper);
        }
        return 0;
    }
    if (keeper->state == KEEPER_WRITTEN
        && same_change(keeper->change, change)) {
        return keeper->error;
    }
    if (keeper->stopping) {
        return ESHUTDOWN;
    }
    store_change_destroy(keeper->wanted);
    keeper->wanted = store_change_copy(change);
    pump(keeper);
    return EINPROGRESS;
}

const struct store_state *
keeper_kept(const struct keeper *keeper)
{
    bool by_us = keeper->store && (!keeper->shared
                                   || dbstore_is_new(keeper->shared));

    return (by_us ? store_get(keeper->store)
            : keeper->shared ? dbstore_get(keeper->shared) : NULL);
}

struct turns *
keeper_turns(struct keeper *keeper)
{
    return &keeper->turns;
}

const char *
keeper_problem(struct keeper *keeper)
{
    int64_t for_ms = (keeper->state == KEEPER_WRITING
                      ? clock_mono_ms() - keeper->since_ms : 0);
    int read_only = keeper->store ? store_read_only(keeper->store) : 0;

    if (keeper->shared) {
        return dbstore_problem(keeper->shared);
    }
    if (read_only) {
        snprintf(keeper->problem, sizeof keeper->problem,
                 "state directory %.100s: cannot be written: %s; changes are "
                 "refused", keeper->dir, strerror(read_only));
    } else if (for_ms > SLOW_MS) {
        snprintf(keeper->problem, sizeof keeper->problem,
                 "state directory %.100s: has not answered for %lld s; "
                 "changes wait", keeper->dir, (long long) for_ms / 1000);
    } else if (keeper->last_error) {
        snprintf(keeper->problem, sizeof keeper->problem,
                 "state directory %.100s: the last change could not be kept: "
                 "%s", keeper->dir, strerror(keeper->last_error));
    } else {
        return NULL;
    }
    return keeper->problem;
}

void
keeper_share(struct keeper *keeper, struct dbstore *shared)
{
    keeper->shared = shared;
}

void
keeper_hand_over(struct keeper *keeper)
{
    if (keeper->shared && keeper->store) {
        dbstore_import(keeper->shared, store_get(keeper->store));
    }
}

/* Start and end. */

static bool
open_store(struct keeper *keeper, char **errp)
{
    char *message = NULL;
    int error = store_open(keeper->dir, &keeper->store, &message);

    if (error) {
        *errp = fh_xasprintf("state directory %s",
                             message ? message : strerror(error));
    } else if (message) {
        log_err("%s", message);
    }
    free(message);
    return !error;
}

struct keeper *
keeper_create(struct event_base *base, const char *dir, bool beside_loop,
              char **errp)
{
    struct keeper *keeper = fh_xcalloc(1, sizeof *keeper);

    turns_init(&keeper->turns);
    if (!dir) {
        return keeper;
    }
    keeper->dir = fh_xstrdup(dir);
    if (!open_store(keeper, errp)) {
        keeper_destroy(keeper);
        return NULL;
    }
    if (keeper_problem(keeper)) {
        log_err("%s", keeper_problem(keeper));
    }
    keeper->worker = beside_loop ? worker_create(base) : NULL;
    return keeper;
}

void
keeper_stop(struct keeper *keeper, int timeout_ms)
{
    keeper->stopping = true;
    if (!worker_finish(keeper->worker, timeout_ms)) {
        log_err("state directory %s: it does not answer; leaving without "
                "waiting for it", keeper->dir);
    }
    /* Whose turn it is may still wait; it is told, and the next ones are as
     * soon as that has ended. */
    turns_resume(&keeper->turns);
}

void
keeper_destroy(struct keeper *keeper)
{
    if (!keeper) {
        return;
    }
    store_change_destroy(keeper->wanted);
    store_change_destroy(keeper->own[0]);
    store_change_destroy(keeper->own[1]);
    worker_destroy(keeper->worker);
    if (keeper->state == KEEPER_WRITING && !keeper->shared) {
        return;                 /* The worker still has it. */
    }
    store_change_destroy(keeper->change);
    store_close(keeper->store);
    free(keeper->dir);
    free(keeper);
}
