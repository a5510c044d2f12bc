/* The next hops of the routers. */
#ifndef NEXTHOP_H
#define NEXTHOP_H 1

#include "controller/engine/engine_private.h"

/* Does what follows from a verdict of uplink.h about an uplink. */
void nexthop_act(struct engine *, struct router *,
                 struct uplink *, struct uplink_verdict);
/* Every UPLINK_TICK_MS while it is ready. */
void nexthop_tick(struct engine *, struct router *, int64_t now_ms);

#endif /* controller/engine/nexthop.h */
