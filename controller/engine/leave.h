/* Make before break: a router that a reload takes from a segment, or from the
 * configuration, forwards for its clients until others do.
 *
 *   leave_begin()   such a client is elected anew soon; all that its former
 *                   router holds stays meanwhile
 *   leave_end()     it has moved, or nobody can take it
 *
 * When the last of a router's former clients has been ended, its bridge is
 * read again and holds only what it should: nothing of ours if the
 * configuration does not know it, and then it is left alone. */
#ifndef LEAVE_H
#define LEAVE_H 1

#include "controller/engine/engine_private.h"

/* 'router' forwards for the client, of whose segment it is no member. */
void leave_begin(struct engine *, struct client *, struct router *router);
/* Does nothing for a client without a former router. */
void leave_end(struct engine *, struct client *);
/* Looks for routers that may be cleaned up, once the loop turns. */
void leave_check(struct engine *);
/* The connection of a router is gone: whoever it forwarded for is elected
 * anew at once. */
void leave_router_gone(struct engine *, struct router *);

/* A router that the configuration no longer knows, from 'config', which is
 * borrowed for the call.  It takes over no connection yet. */
struct router *leave_depart(struct engine *, const struct config_router *);
/* Gives the bridge of 'from' to the one that departs in its place. */
void leave_take_bridge(struct engine *, struct router *from);
/* The one of those with that datapath id, or NULL. */
struct router *leave_find(const struct engine *, uint64_t dpid);
/* Is that bridge still dialled for one of those? */
bool leave_dials(const struct engine *, const char *target);
/* Before clients are taken over from one configuration to the next: nobody
 * has begun to leave yet. */
void leave_recount(struct engine *);
/* Those that the configuration knows again go back to it. */
void leave_return(struct engine *);
/* The daemon ends: frees them all, and leaves their flows alone. */
void leave_destroy(struct engine *);

#endif /* controller/engine/leave.h */
