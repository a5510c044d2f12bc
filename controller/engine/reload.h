/* From one configuration to the next, as a difference.
 *
 * A router is the same if its datapath id and its entry are, a segment if its
 * name, its routers and its entry are (timers, limits and priorities apart,
 * which are just followed).  What is the same is not touched: nothing is sent
 * to a bridge that it does not have.  A segment that is not is built anew, and
 * takes over what is known of its clients; a router that is not takes over
 * its bridge, which is read; one that has left keeps its bridge until its last
 * client has moved (removed.h). */
#ifndef RELOAD_H
#define RELOAD_H 1

#include "controller/engine/engine_private.h"

/* Puts 'config' (taken) in force.  Returns NULL, or what could not be done
 * besides (a listener), new; all else is in force then. */
char *reload(struct engine *, struct config *config);

#endif /* controller/engine/reload.h */
