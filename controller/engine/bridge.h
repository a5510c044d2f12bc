/* A bridge comes, speaks, and goes. */
#ifndef ENGINE_BRIDGE_H
#define ENGINE_BRIDGE_H 1

#include "controller/engine/engine_private.h"

/* Something of a bridge's happens to the router that it is. */
void bridge_event(struct engine *, struct router *,
                  const struct engine_event *);
/* Waits for the router's bridge, unless it has one. */
void bridge_give(struct engine *, struct router *);
/* The router's configuration is another: its name, its ports. */
void bridge_renew(struct engine *, struct router *);
/* Gives the bridge of 'from' to 'router', and has it read (if it is not set up
 * yet, that happens when it is). */
void bridge_hand_over(struct engine *, struct router *router,
                      struct router *from);
/* Every UPLINK_TICK_MS: do they keep up? */
void bridge_tick(struct engine *, int64_t now_ms);

#endif /* controller/engine/bridge.h */
