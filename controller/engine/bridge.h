/* A bridge comes, speaks, and goes. */
#ifndef ENGINE_BRIDGE_H
#define ENGINE_BRIDGE_H 1

#include "controller/engine/engine_private.h"

/* Waits for the router's bridge, unless it has one. */
void bridge_give(struct engine *, struct router *);
/* The router's configuration is another: its name, its ports. */
void bridge_renew(struct router *);
/* Connections that nobody has go to the routers and cores that want them. */
void bridge_offer(struct engine *);
/* Gives the bridge of 'from' to 'router', and reads it (if it is not set up
 * yet, that happens when it is). */
void bridge_hand_over(struct router *router, struct router *from);
/* Closes the connection of a router that has one. */
void bridge_close(struct router *, const char *reason);
/* Every UPLINK_TICK_MS: do they keep up? */
void bridge_tick(struct engine *, int64_t now_ms);

#endif /* controller/engine/bridge.h */
