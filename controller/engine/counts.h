/* What bridges have counted of clients' packets. */
#ifndef COUNTS_H
#define COUNTS_H 1

#include "controller/engine/engine_private.h"

/* The bridge of 'router' lists a flow of ours, or says that one is gone: what
 * it has counted is added to its client's usage and to the router's. */
void counts_flow(struct engine *, struct router *, const struct fh_flow *);
void counts_flow_removed(struct engine *, struct router *,
                         const struct fh_flow *);

#endif /* controller/engine/counts.h */
