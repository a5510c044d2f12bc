/* What a router's bridge answers by itself while its controller is silent, for
 * the clients that it serves: ARP, and ping to the router.  Pure.
 *
 * The switch is a flow in AWAKE with a hard timeout, which the controller
 * renews while it is there (flow_answer_awake()).  Every ARP request, every
 * ping to ourselves, and what passes between a client and its DHCP server, asks
 * AWAKE first:
 *
 *   CLASSIFY  request -> AWAKE, CLASSIFY again
 *   AWAKE     the controller's flow: FLOW_AWAKE, and the request is punted
 *             else FLOW_ALONE, and it goes on as if it were for our MAC
 *   SENDER, SOURCE   as IPv4 does: only a client of ours, at its place, passes
 *   ROUTE     from a client, for what it is answered for -> DIFFER, or REPLY
 *             from the core, for our own address -> CORE
 *             from the core, for an address of a segment -> CLIENT
 *   DIFFER    unless it asks for its own address -> REPLY
 *   REPLY     SWAP, then CLIENT, which knows its MAC and tags, port and all
 *   CLIENT, HOP      as IPv4 does: the core's question for a client of ours -> CORE
 *   CORE      the client's tags come off again, SWAP, and back by the uplink
 *   ECHO      ping: SWAP, and back the same ways
 *
 * So a client costs no flow beyond the two that forward for it. */
#ifndef FLOW_ANSWER_H
#define FLOW_ANSWER_H 1

#include "flows/flow_base.h"

/* The controller is taken to be away after this many seconds (and up to one
 * more, by which Open vSwitch may be late) without a renewal. */
#define FLOW_AWAKE_S 3

void flow_answer_build(const struct fh_router *, struct flow_set *out);

/* The flow that says that the controller is there; to be renewed by
 * ofcodec_put_renewal(). */
void flow_answer_awake(struct fh_flow *);

#endif /* flows/flow_answer.h */
