/* Does a client still send to the router that it has moved from? */
#ifndef STALE_H
#define STALE_H 1

#include "controller/engine/engine_private.h"

/* Asks the active router whether the client still sends to the MAC of
 * 'c->stale_member'; the others take the question back. */
void stale_ask(struct client *);
void stale_take_back(struct client *, size_t member);
void stale_take_back_active(struct client *);       /* If there is one. */
/* Is that flow, found on the bridge, a question which is still open?  Its
 * timeout takes it away. */
bool stale_is_open(struct engine *, const struct router *,
                   const struct fh_flow *);
/* A flow was removed: was it an answer? */
void stale_flow_removed(struct engine *, struct router *,
                        const struct fh_flow *);

#endif /* controller/engine/stale.h */
