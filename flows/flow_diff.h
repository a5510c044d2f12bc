/* Desired flows against installed ones.  Pure. */
#ifndef FLOW_DIFF_H
#define FLOW_DIFF_H 1

#include <firsthop/flow.h>

/* A set of flows, keyed by fh_flow_same_key(). */
struct flow_set;

struct flow_set *flow_set_create(void);
void flow_set_destroy(struct flow_set *);
void flow_set_put(struct flow_set *, const struct fh_flow *);   /* A copy;
                                                  * replaces the same key. */
/* The flow with that key, or NULL.  Valid until the next flow_set_put(). */
const struct fh_flow *flow_set_find(const struct flow_set *,
                                    const struct fh_flow *key);
size_t flow_set_count(const struct flow_set *);
/* Calls 'cb' for each, in the order in which their keys were first put.  'cb'
 * must not change the set. */
void flow_set_for_each(const struct flow_set *,
                       void (*cb)(const struct fh_flow *, void *aux), void *);

/* Appends to 'changes' what turns 'installed' into 'desired': first what is
 * missing or different (add), then what is installed and not desired
 * (delete).  An installed flow of somebody else (no magic cookie) is never
 * deleted.  With equal sets nothing is appended.  Adds are in the order of
 * 'desired', deletes in that of 'installed'. */
void flow_diff(const struct flow_set *desired,
               const struct flow_set *installed, struct fh_changes *changes);

#endif /* flows/flow_diff.h */
