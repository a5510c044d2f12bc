/* Can a bridge read two VLAN tags? */
#ifndef TAGLIMIT_H
#define TAGLIMIT_H 1

#include "controller/engine/engine_private.h"

/* Asks the bridge whether it reads both tags of a frame, if that matters. */
void taglimit_ask(struct router *, int64_t now_ms);
/* Is that flow, found on the bridge, a question which is still open?  Its
 * timeout takes it away. */
bool taglimit_is_open(const struct fh_flow *);
/* A flow was removed: was it an answer? */
void taglimit_flow_removed(struct engine *, struct router *,
                           const struct fh_flow *);

#endif /* controller/engine/taglimit.h */
