/* What the core is told of a client, by the driver of its segment. */
#ifndef ROUTE_H
#define ROUTE_H 1

#include <firsthop/route.h>

#include "controller/engine/engine_private.h"

/* Is the core told of this segment's clients at all? */
bool route_is_told(const struct engine *, const struct segment *);
/* Has it told that the client is behind its active router.  Returns false if
 * ENGINE_TOLD will say when that is done. */
bool route_announce(struct engine *, struct client *, enum fh_route_how);
/* Nobody is active for the client any more; does nothing where the core was
 * not told of it. */
void route_withdraw(struct engine *, struct client *);
/* For so long, in ms, the core may go on sending to the previous router. */
uint16_t route_settle_ms(const struct engine *, const struct client *);

#endif /* controller/engine/route.h */
