/* Make before break: a router that a reload takes from a segment, or from the
 * configuration, forwards for its clients until others do.
 *
 *   removed_begin()   such a client is elected anew soon; all that the removed
 *                     router holds for it stays meanwhile
 *   removed_end()     it has moved, or nobody can take it
 *
 * When the last client that remained with a removed router has moved, its
 * bridge is read again and holds only what it should: nothing of ours if the
 * configuration does not know it, and then it is left alone (leave.h). */
#ifndef REMOVED_H
#define REMOVED_H 1

#include "controller/engine/engine_private.h"

/* A router that the configuration no longer knows. */
struct departure {
    struct departure *next;
    struct engine *en;
    struct config_router config;        /* Name, datapath id, connect. */
    struct router *router;              /* Owned. */
    bool cleared;                       /* Its flows are to be removed: it is
                                         * read once more, */
    bool clearing;                      /* has been, */
    bool gone;                          /* and they are. */
};

/* 'router' forwards for the client, of whose segment it is no member. */
void removed_begin(struct engine *, struct client *, struct router *router);
/* Does nothing for a client without a removed router. */
void removed_end(struct engine *, struct client *);
/* The connection of a router is gone: whoever it forwarded for is elected
 * anew at once. */
void removed_router_gone(struct engine *, struct router *);
/* Looks for routers that may be cleaned up, once the loop turns. */
void removed_check(struct engine *);
/* Is that bridge still dialled for one of those? */
bool removed_dials(const struct engine *, const char *target);

#endif /* controller/engine/removed.h */
