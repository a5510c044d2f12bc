/* What must survive a restart goes to disk beside the event loop, one change
 * after another.
 *
 * Owns the store, or borrows the one that several controllers share; called by
 * firsthop.c for the engine.  An operator's change is made by turns (turn.h):
 * who has its turn asks the engine for the change, the engine asks to keep it,
 * gets EINPROGRESS and leaves everything as it is; once the change is on disk,
 * or cannot be, the turn is resumed, asks again, and this time the answer is 0
 * or the error.
 *
 *   IDLE --keep--> WRITING --written--> WRITTEN --the turn has resumed--> IDLE
 *
 * What the engine keeps of its own accord (holders, leases) is written between
 * the turns' changes, the newest only. */
#ifndef KEEPER_H
#define KEEPER_H 1

#include <firsthop/store.h>

#include "controller/base/turn.h"
#include "controller/base/worker.h"

struct dbstore;
struct keeper;

/* Opens the state directory 'dir', NULL: nothing is kept.  Without a worker
 * (NULL) every change is written before keeper_keep() returns.  Returns new,
 * or NULL and '*errp', new. */
struct keeper *keeper_create(struct event_base *, const char *dir,
                             bool beside_loop, char **errp);
/* Waits for what is being written, 'timeout_ms' at most, and refuses all
 * further changes: every turn ends. */
void keeper_stop(struct keeper *, int timeout_ms);
void keeper_destroy(struct keeper *);       /* NULL is fine. */

/* From now on what must survive is in the database that several controllers
 * share (borrowed), and the state directory is left as it is; NULL: the other
 * way round.  A change that is under way ends where it began.  The database's
 * must be destroyed, or let go of here, before the keeper is. */
void keeper_share(struct keeper *, struct dbstore *);
/* What the state directory has goes into the shared database, if that is new;
 * until then keeper_kept() is what the state directory has. */
void keeper_hand_over(struct keeper *);

/* NULL if nothing is kept.  Not while something is being written, but for the
 * one whose turn it is. */
const struct store_state *keeper_kept(const struct keeper *);
/* Returns 0, EINPROGRESS, or why it cannot be kept.  '*change' is copied. */
int keeper_keep(struct keeper *, const struct store_change *change);
struct turns *keeper_turns(struct keeper *);
/* What is wrong with the state directory, for /v1/status, or NULL. */
const char *keeper_problem(struct keeper *);

#endif /* controller/daemon/keeper.h */
