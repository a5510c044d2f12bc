/* One thing to be done for every client of a router, a slice at a time, so
 * that frames go on being answered while 100,000 clients move. */
#ifndef SWEEP_H
#define SWEEP_H 1

#include "controller/engine/engine_private.h"

typedef void sweep_cb(struct engine *, struct client *, size_t member,
                      uint32_t arg);

/* Calls 'cb' for every client of which 'router' is a member: the first slice
 * from here, the others as the event loop turns.  The same call again while
 * it is under way begins from the start.  'cb' must not add or forget
 * clients. */
void sweep_start(struct engine *, struct router *, sweep_cb *cb,
                 uint32_t arg);
/* Does what is left of all sweeps of 'router', or of all (NULL), now. */
/* Ends all of them where they are. */
void sweep_drop(struct engine *);
void sweep_finish(struct engine *, const struct router *router);

#endif /* controller/engine/sweep.h */
