/* What a bridge with these flows does with an IPv4 packet, table by table, as
 * `ovs-appctl ofproto/trace` tells it of a bridge.  Pure. */
#ifndef TRACE_H
#define TRACE_H 1

#include <firsthop/flow.h>

#include "flows/flow_diff.h"

/* UDP, short, from a port. */
struct trace_packet {
    uint32_t in_port;
    struct eth_addr eth_src, eth_dst;
    struct fh_vlan vlan;        /* Outermost first. */
    struct fh_addr src, dst;
    uint8_t ttl;
};

/* One table's decision. */
struct trace_step {
    uint8_t table;
    bool matched;               /* Else 'flow' is nothing: it is dropped. */
    struct fh_flow flow;
};

#define TRACE_MAX_STEPS 32
#define TRACE_MAX_PORTS 8

struct trace {
    struct trace_step steps[TRACE_MAX_STEPS];
    size_t n_steps;
    bool punted;                /* To the controller, as well. */
    uint32_t ports[TRACE_MAX_PORTS];    /* Where it leaves. */
    size_t n_ports;
    struct trace_packet left;   /* As it left by the last of them. */
};

/* Fills in '*trace'. */
void trace_run(const struct flow_set *, const struct trace_packet *,
               struct trace *trace);

#endif /* flows/trace.h */
