/* A bridge connects: what it holds against what it should. */
#ifndef ADOPT_H
#define ADOPT_H 1

#include "controller/engine/engine_private.h"

/* A bridge has come, and will be read. */
void adopt_begin(struct engine *, struct router *);
/* It has been read: 'found'.  Returns what it should hold, new. */
struct flow_set *adopt_desired(struct engine *, struct router *,
                               const struct flow_set *found, bool first);
/* And that is on its way: from here on the router can be elected. */
void adopt_done(struct engine *, struct router *);

#endif /* controller/engine/adopt.h */
