/* A flow as `ovs-ofctl dump-flows --no-stats` writes it.  Pure. */
#ifndef FLOW_OFCTL_H
#define FLOW_OFCTL_H 1

#include <firsthop/flow.h>

/* "cookie=0xf1a5..., table=2, priority=500,ip,in_port=1 actions=...".  Returns
 * new. */
char *flow_format_ofctl(const struct fh_flow *);

#endif /* flows/flow_ofctl.h */
