/* Routers that the configuration no longer knows: they keep their bridges
 * until their last client has moved (removed.h), and then nothing of ours
 * stays on those. */
#ifndef LEAVE_H
#define LEAVE_H 1

#include "controller/engine/engine_private.h"

/* Such a router, from 'config', which is borrowed for the call.  It takes over
 * no connection yet. */
struct router *leave_depart(struct engine *, const struct config_router *);
/* Gives the bridge of 'from' to the one that departs in its place. */
void leave_take_bridge(struct engine *, struct router *from);
/* Something of a bridge's happens.  Returns false for a router that is none of
 * those. */
bool leave_event(struct engine *, struct router *,
                 const struct engine_event *);
/* The one of those with that datapath id, or NULL. */
struct router *leave_find(const struct engine *, uint64_t dpid);
/* Those that the configuration knows again go back to it. */
void leave_return(struct engine *);
/* The daemon ends: frees them all, and leaves their flows alone. */
void leave_destroy(struct engine *);

/* Of engine.leave_timer, which removed_check() arms. */
void leave_timer_fired(struct wheel_timer *, int64_t now_ms, void *en);

#endif /* controller/engine/leave.h */
