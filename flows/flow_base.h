/* What every router's bridge holds whoever its clients are: punts, meters,
 * drops, the way to the core.  Pure.
 *
 * CLASSIFY  a beacon of another router -> its answer -> where it came from
 *           the answer to ours -> its meter -> controller
 *           a reply to our MAC -> its meter -> controller
 *           from our own MAC, or ARP of a port -> its meter -> controller
 *           DHCP that a client broadcasts -> its port's meter -> controller
 *           to one of the segment's router MACs, by tags -> SENDER
 *           from the uplink to the router's MAC -> ROUTE
 *           anything else of our ports -> nowhere
 * INNER     the second tag of those that carry two
 * SENDER    IPv4 or ARP from an address of a segment, noted -> SOURCE
 * SOURCE    (flow_client)
 *           IPv4 to the router's MAC from a host that is not known -> its
 *           port's meter -> controller
 * ROUTE     ping to one of our addresses -> ECHO, UDP -> PUNT
 *           DHCP between a client and a server, or a server and us, while the
 *           controller is there -> controller
 *           no host's address, or a neighbour under isolation -> nowhere
 *           at the end of its TTL -> PUNT
 *           to an address of a segment, noted -> CLIENT
 *           from a client to anywhere else -> MTU
 * CLIENT    (flow_client)
 *           from the core to an address of ours that is no client -> PUNT
 *           from a client to a neighbour that is not here -> MTU, and PUNT:
 *           perhaps nobody has that address
 * MTU       longer than the uplink takes -> PUNT
 *           else -> next hop
 * HOP       IPv4: one hop more -> OUTPUT
 * ECHO      while the controller is there -> PUNT
 * OUTPUT    metadata -> port; sent to a client that is lost -> PUNT as well
 * PUNT      by what it is and the port that it came in by, its meter
 *           -> controller
 */
#ifndef FLOW_BASE_H
#define FLOW_BASE_H 1

#include <firsthop/flow.h>
#include <firsthop/snapshot.h>

#include "flows/flow_diff.h"

/* Metadata while the tags are being read (CLASSIFY to SOURCE): the stack.
 *
 *    25 24 23        12 11         0
 *   +-----+------------+------------+
 *   |  n  | inner VID  | outer VID  |
 *   +-----+------------+------------+
 *
 * and while the route is being found (SOURCE to ROUTE): the stack of the
 * uplink, its port, and where the packet came from. */
#define FLOW_META_STACK_MASK  UINT64_C(0x03ffffff)
#define FLOW_META_PORT_SHIFT  32
#define FLOW_META_DOMAIN_MASK (FLOW_META_STACK_MASK | UINT64_C(0xffffff) << 32)
#define FLOW_META_FROM_ACCESS (UINT64_C(1) << 62)
#define FLOW_META_ISOLATED    (UINT64_C(1) << 61)
#define FLOW_META_ROUTING     (UINT64_C(1) << 63)   /* Set from SOURCE on. */
#define FLOW_META_LARGER      (UINT64_C(1) << FH_META_LARGER_BIT)
/* What to do with it in PUNT. */
#define FLOW_META_PUNT(KIND)  ((uint64_t) (KIND) << 56)
#define FLOW_META_PUNT_MASK   FLOW_META_PUNT(3)
/* Likewise: to a neighbour that is not here, and sent to the core already. */
#define FLOW_META_NEIGHBOUR   (UINT64_C(1) << 59)
/* In OUTPUT, beside the port: that of a client which is lost. */
#define FLOW_META_LOST        FLOW_META_PUNT(FLOW_PUNT_ICMP)
/* In HOP, beside the port: that of a client which another router is about to
 * serve.  What still comes for it passes, but nothing is answered any more. */
#define FLOW_META_SILENT      (UINT64_C(1) << 58)

/* Registers: what one table notes for those behind it. */
#define FLOW_REG_SENDER 0       /* Whose SOURCE it has to pass. */
#define FLOW_REG_CLIENT 1       /* Which CLIENT it goes to. */
#define FLOW_REG_UPLINK 2       /* Tags of the uplink it came by, as a stack. */
#define FLOW_REG_AWAKE  3       /* What AWAKE says; SWAP forgets it. */
#define FLOW_ALONE 1            /* Nobody is there: the bridge answers. */
#define FLOW_AWAKE 2            /* The controller is there. */

uint64_t flow_meta_stack(const struct fh_vlan *);
uint64_t flow_meta_domain(const struct fh_uplink *);

/* What a router owes an answer for, a kind a meter. */
enum flow_punt {
    FLOW_PUNT_ICMP = 1,         /* Pings, and hosts unreachable. */
    FLOW_PUNT_EXPIRED,          /* Time exceeded. */
    FLOW_PUNT_TOO_LONG,         /* To be cut, or refused. */
};

/* Meter numbers, by port, so that nobody takes what is another port's.  (Open
 * vSwitch knows those up to 262,144.  Two ports with numbers that far apart
 * share their meters.) */
#define FLOW_METER(PORT, N)       ((PORT) % 26000 * 10 + 16 + (N))
#define FLOW_METER_REQUESTS(PORT) FLOW_METER(PORT, 0)
#define FLOW_METER_REPLIES(PORT)  FLOW_METER(PORT, 1)
#define FLOW_METER_OWN_MAC(PORT)  FLOW_METER(PORT, 2)
#define FLOW_METER_DHCP(PORT)     FLOW_METER(PORT, 3)
#define FLOW_METER_BEACONS(PORT)  FLOW_METER(PORT, 7)
#define FLOW_METER_SENDERS(PORT)  FLOW_METER(PORT, 8)
#define FLOW_METER_NEIGHBOURS(PORT) FLOW_METER(PORT, 9)
#define FLOW_METER_PUNT(PORT, KIND) FLOW_METER(PORT, 3 + (KIND))
/* A port's, and of all ports together no more than this times as many. */
#define FLOW_ICMP_PPS             1000
#define FLOW_EXPIRED_PPS          200
#define FLOW_TOO_LONG_PPS         1000
#define FLOW_PUNT_PORTS           8
#define FLOW_OWN_MAC_PPS          20
#define FLOW_SENDERS_PPS          200   /* IPv4 of hosts that are not known. */
#define FLOW_NEIGHBOURS_PPS       100   /* To neighbours of other routers, which
                                         * most of them are. */
#define FLOW_BEACONS_PPS          2000  /* Answers to a port's beacons. */
#define FLOW_UPLINK_PPS           10000 /* ARP of either kind, from the core;
                                         * DHCP as well. */
/* All punts together, at least: what Open vSwitch hands up on a busy
 * machine.  (It has 40,000 to 110,000 a second in it.) */
#define FLOW_PUNTS_MIN_PPS        50000

/* The length of a frame without tags that carries 'mtu' bytes of IP. */
#define FLOW_FRAME_LEN(MTU) ((MTU) + 14)

/* Puts the base flows of '*router' into 'out', the way to each next hop that
 * is resolved among them. */
void flow_base_build(const struct fh_router *router, struct flow_set *out);

/* Appends the meters of '*router' to 'meters' (room for
 * flow_base_n_meters()) and returns how many. */
size_t flow_base_n_meters(const struct fh_router *);
size_t flow_base_meters(const struct fh_router *, struct fh_meter *meters);

/* The way to the core over one uplink.  Returns false, and leaves '*flow'
 * alone, while the next hop is not resolved. */
bool flow_uplink_build(const struct fh_uplink *, struct eth_addr router_mac,
                       struct fh_flow *flow);
/* The reverse: the next hop's MAC in a flow that the bridge holds, and the
 * outer tag's Ethertype, 0 without tags. */
bool flow_uplink_read(const struct fh_flow *, uint64_t *domain,
                      struct eth_addr *next_hop_mac, uint16_t *tpid);

#define FLOW_MUTE_S 5

/* Drops the ARP requests of 'mac' by that access port whose first tag is
 * 'vid', or FH_VLAN_NONE, for FLOW_MUTE_S; by itself, whatever else the bridge
 * holds. */
void flow_base_build_mute(uint32_t port, struct eth_addr mac, uint16_t vid,
                          struct fh_flow *);

#endif /* flows/flow_base.h */
