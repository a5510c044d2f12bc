/* A core bridge, as flows.  Pure.
 *
 * It is the switch between the routers' uplinks, their next hop and whoever
 * else is there: a learning switch, but for the clients, whose packets go to
 * the active router whatever MAC address their sender still believes in.  All
 * in one table. */
#ifndef FLOW_CORE_H
#define FLOW_CORE_H 1

#include <firsthop/flow.h>

#include "flows/flow_diff.h"

/* A client as a core bridge sees it. */
struct flow_core_client {
    struct fh_addr address;
    struct fh_vlan vlan;        /* Of the uplink. */
    struct eth_addr router_mac;
    uint32_t port;              /* Towards the active router. */
    uint32_t decision;          /* For the cookie. */
};

/* Everything that is not a client's: NORMAL.  A priority tag is none. */
void flow_core_put_base(struct flow_set *out);

/* Returns false, and builds nothing, under two tags: one table sees no
 * further than the outer one. */
bool flow_core_build(const struct flow_core_client *, struct fh_flow *);

#endif /* flows/flow_core.h */
