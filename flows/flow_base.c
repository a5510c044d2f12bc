/* What every router's bridge holds.  See flow_base.h. */
#include <config.h>

#include "flows/flow_base.h"

#include <arpa/inet.h>

#include "flows/dhcp.h"
#include "flows/flow_build.h"
#include "flows/icmp.h"

/* Priorities of CLASSIFY. */
/* Above whatever looks at the source: else Open vSwitch keeps a megaflow of its
 * own for each client that answers, thousands to be revalidated whenever a flow
 * changes. */
#define PRIO_REPLY    460
#define PRIO_BEACON   450
#define PRIO_OWN_MAC  440
#define PRIO_MUTE     410
#define PRIO_ARP      400
#define PRIO_DHCP     350
#define PRIO_IP       300
#define PRIO_STRANGER 100   /* In SOURCE. */
#define PRIO_DROP       1   /* Below what others may have, above their 0. */

/* Priorities of ROUTE. */
#define PRIO_PING     900
#define PRIO_RELAY    895
#define PRIO_OUR_UDP  892
#define PRIO_OURS     890
#define PRIO_NO_HOST  850
#define PRIO_ISOLATE  800
#define PRIO_EXPIRED  600
#define PRIO_CLIENT   500
#define PRIO_UNKNOWN  400       /* In CLIENT. */
#define PRIO_UPLINK   100       /* In MTU and CLIENT as well. */

#define PRIO_TOO_LONG 200       /* In MTU. */

static const struct eth_addr eth_broadcast = { .ea = { [0 ... 5] = 0xff } };

uint64_t
flow_meta_stack(const struct fh_vlan *vlan)
{
    uint64_t meta = (uint64_t) vlan->n << 24;

    if (vlan->n > 0) {
        meta |= vlan->vids[0];
    }
    if (vlan->n > 1) {
        meta |= (uint64_t) vlan->vids[1] << 12;
    }
    return meta;
}

uint64_t
flow_meta_domain(const struct fh_uplink *uplink)
{
    return FLOW_META_ROUTING | flow_meta_stack(&uplink->vlan)
           | (uint64_t) uplink->port << FLOW_META_PORT_SHIFT;
}

static struct fh_flow
base_start(enum fh_table table, uint16_t priority)
{
    return flow_start(FH_KIND_BASE, 0, table, priority);
}

static void
put_arp_punts(struct flow_set *out, uint32_t port, struct eth_addr router_mac)
{
    struct fh_flow request = base_start(FH_TABLE_CLASSIFY, PRIO_ARP);
    struct fh_flow reply;

    flow_match_in_port(&request, port);
    flow_match_eth_type(&request, ETHERTYPE_ARP);
    request.match.fields |= FH_F_ARP_OP;
    reply = request;
    reply.priority = PRIO_REPLY;

    request.match.arp_op = ARP_OP_REQUEST;
    flow_match_reg(&request, FLOW_REG_AWAKE, FLOW_AWAKE);
    flow_act_controller(&request, FLOW_METER_REQUESTS(port));
    flow_set_put(out, &request);

    /* Answers to our probes come to our MAC.  What else the port hears must
     * not use up their allowance. */
    flow_match_eth_dst(&reply, router_mac);
    reply.match.arp_op = ARP_OP_REPLY;
    flow_act_controller(&reply, FLOW_METER_REPLIES(port));
    flow_set_put(out, &reply);
}

void
flow_base_build_mute(uint32_t port, struct eth_addr mac, uint16_t vid,
                     struct fh_flow *flow)
{
    *flow = flow_start(FH_KIND_MUTE, 0, FH_TABLE_CLASSIFY, PRIO_MUTE);
    flow->hard_timeout_s = FLOW_MUTE_S;
    flow_match_in_port(flow, port);
    flow_match_eth_src(flow, mac);
    flow_match_vlan(flow, vid);
    flow_match_arp_op(flow, ARP_OP_REQUEST);
}

static void
match_udp(struct fh_flow *flow)
{
    flow_match_eth_type(flow, ETHERTYPE_IPV4);
    flow->match.fields |= FH_F_IP_PROTO;
    flow->match.ip_proto = IPV4_PROTO_UDP;
}

static void
match_udp_dst(struct fh_flow *flow, uint16_t port)
{
    flow->match.fields |= FH_F_UDP_DST;
    flow->match.udp_dst = port;
}

/* What a client that has no address yet, or no server any more, sends to all.
 * Without servers in the configuration it is counted. */
static void
put_dhcp_punt(struct flow_set *out, uint32_t port)
{
    struct fh_flow flow = base_start(FH_TABLE_CLASSIFY, PRIO_DHCP);

    flow_match_in_port(&flow, port);
    flow_match_eth_dst(&flow, eth_broadcast);
    match_udp(&flow);
    match_udp_dst(&flow, DHCP_SERVER_PORT);
    flow_act_controller(&flow, FLOW_METER_DHCP(port));
    flow_set_put(out, &flow);
}

/* From our own MAC, which no switch should bring us: somebody forges it, or
 * there is a loop.  To be told of, so a few will do. */
static void
put_own_mac_punt(struct flow_set *out, uint32_t port,
                 struct eth_addr router_mac)
{
    struct fh_flow flow = base_start(FH_TABLE_CLASSIFY, PRIO_OWN_MAC);

    flow_match_in_port(&flow, port);
    flow_match_eth_src(&flow, router_mac);
    flow_act_controller(&flow, FLOW_METER_OWN_MAC(port));
    flow_set_put(out, &flow);
}

/* A host that has got another MAC, or pretends to, may say so in a reply to
 * everybody. */
static void
put_announcement_punt(struct flow_set *out, uint32_t port)
{
    struct fh_flow flow = base_start(FH_TABLE_CLASSIFY, PRIO_ARP);

    flow_match_in_port(&flow, port);
    flow_match_eth_type(&flow, ETHERTYPE_ARP);
    flow_match_eth_dst(&flow, eth_broadcast);
    flow.match.fields |= FH_F_ARP_OP;
    flow.match.arp_op = ARP_OP_REPLY;
    flow_act_controller(&flow, FLOW_METER_REQUESTS(port));
    flow_set_put(out, &flow);
}

/* Answered here, because the controller may have lost this bridge, and under
 * the tags that it came with.  What it carries as target MAC goes back: a
 * number by which the other router knows the answer to be one. */
static void
put_beacon(struct flow_set *out, struct eth_addr router_mac,
           const struct fh_beacon *beacon)
{
    struct eth_addr ours = fh_mac_of_beacons(router_mac);
    struct eth_addr theirs = fh_mac_of_beacons(beacon->mac);
    struct fh_flow flow = base_start(FH_TABLE_CLASSIFY, PRIO_BEACON);

    flow_match_in_port(&flow, beacon->port);
    flow_match_eth_src(&flow, theirs);
    flow_match_eth_dst(&flow, ours);
    flow_match_vlan(&flow, (beacon->vlan.n ? beacon->vlan.vids[0]
                            : FH_VLAN_NONE));
    flow_match_eth_type(&flow, ETHERTYPE_ARP);
    flow.match.fields |= FH_F_ARP_OP | FH_F_ARP_SPA | FH_F_ARP_TPA;
    flow.match.arp_op = ARP_OP_REQUEST;
    flow.match.arp_spa = beacon->from.ip4;
    flow.match.arp_tpa = beacon->to.ip4;
    flow.match.arp_spa_mask = flow.match.arp_tpa_mask = UINT32_MAX;

    flow_action(&flow, FH_ACT_SET_ETH_SRC)->u.mac = ours;
    flow_action(&flow, FH_ACT_SET_ETH_DST)->u.mac = theirs;
    flow_action(&flow, FH_ACT_SET_ARP_OP)->u.op = ARP_OP_REPLY;
    flow_action(&flow, FH_ACT_SET_ARP_SHA)->u.mac = ours;
    flow_action(&flow, FH_ACT_SET_ARP_SPA)->u.ip4 = beacon->to.ip4;
    flow_action(&flow, FH_ACT_SET_ARP_TPA)->u.ip4 = beacon->from.ip4;
    flow_act_output(&flow, FH_PORT_IN_PORT);
    flow_set_put(out, &flow);
}

/* What answers ours, by that port.  It has a meter of its own: whoever floods
 * that of the clients' replies must not hide that a router is dead. */
static void
put_beacon_punt(struct flow_set *out, struct eth_addr router_mac,
                uint32_t port)
{
    struct fh_flow flow = base_start(FH_TABLE_CLASSIFY, PRIO_BEACON);

    flow_match_in_port(&flow, port);
    flow_match_eth_dst(&flow, fh_mac_of_beacons(router_mac));
    flow_match_eth_type(&flow, ETHERTYPE_ARP);
    flow.match.fields |= FH_F_ARP_OP;
    flow.match.arp_op = ARP_OP_REPLY;
    flow_act_controller(&flow, FLOW_METER_BEACONS(port));
    flow_set_put(out, &flow);
}

static void
put_drop(struct flow_set *out, uint32_t port)
{
    struct fh_flow flow = base_start(FH_TABLE_CLASSIFY, PRIO_DROP);

    flow_match_in_port(&flow, port);
    flow_set_put(out, &flow);
}

/* OUTPUT: metadata 'meta' names the port.  A frame that leaves where it came
 * in needs IN_PORT, or the bridge drops it (OpenFlow 1.3, 5.12). */
static void
put_output(struct flow_set *out, uint32_t port, uint64_t meta,
           enum fh_table next_table)
{
    struct fh_flow other = base_start(FH_TABLE_OUTPUT, 100);
    struct fh_flow same;

    flow_match_metadata(&other, meta, UINT64_MAX);
    other.next_table = next_table;
    same = other;
    same.priority = 200;

    flow_act_output(&other, port);
    flow_set_put(out, &other);

    flow_match_in_port(&same, port);
    flow_act_output(&same, FH_PORT_IN_PORT);
    flow_set_put(out, &same);
}

/* What came in by 'port' and is owed an answer goes to the controller.  By a
 * table of its own: a meter drops the packet with all that would follow, and
 * what is sent to a client that is lost leaves all the same (it may be deaf to
 * our probes alone), but its senders are told. */
static void
put_port_punts(struct flow_set *out, uint32_t port)
{
    for (int kind = FLOW_PUNT_ICMP; kind <= FLOW_PUNT_TOO_LONG; kind++) {
        struct fh_flow flow = base_start(FH_TABLE_PUNT, 100);

        flow_match_in_port(&flow, port);
        flow_match_metadata(&flow, FLOW_META_PUNT(kind), FLOW_META_PUNT_MASK);
        flow_act_controller(&flow, FLOW_METER_PUNT(port, kind));
        flow_set_put(out, &flow);
    }
}

/* The end of 'flow': to PUNT. */
static void
act_punt(struct fh_flow *flow, enum flow_punt kind)
{
    flow->metadata = FLOW_META_PUNT(kind);
    flow->metadata_mask = FLOW_META_PUNT_MASK;
    flow->next_table = FH_TABLE_PUNT;
}

/* One more tag taken off in INNER, 'vid', or none: from the outer tag's
 * metadata to what 'next' wants to know.  Alike for every port, so put it as
 * often as you like. */
static void
put_inner_tag(struct flow_set *out, uint16_t vid, uint64_t outer,
              uint64_t next, enum fh_table next_table)
{
    struct fh_flow flow = base_start(FH_TABLE_INNER, PRIO_IP);

    flow_match_metadata(&flow, outer, UINT64_MAX);
    flow_match_vlan(&flow, vid);
    if (vid != FH_VLAN_NONE) {
        flow_action(&flow, FH_ACT_POP_VLAN);
    }
    flow_write_metadata(&flow, next, next_table);
    flow_set_put(out, &flow);
}

/* The same for what may come behind an outer tag that has been taken off and
 * belongs to 'vlan'.  A priority tag there is none. */
static void
put_inner(struct flow_set *out, const struct fh_vlan *vlan, uint64_t outer,
          uint64_t next, enum fh_table next_table)
{
    if (vlan->n > 1) {
        put_inner_tag(out, vlan->vids[1], outer, next, next_table);
    } else {
        put_inner_tag(out, FH_VLAN_NONE, outer, next, next_table);
        put_inner_tag(out, FH_VLAN_PRIORITY, outer, next, next_table);
    }
}

/* The tag of 'vid' comes off, and the metadata 'outer' remembers it. */
static void
put_outer_tag(struct flow_set *out, uint32_t port, struct eth_addr dst,
              uint16_t vid, uint64_t outer)
{
    struct fh_flow flow = base_start(FH_TABLE_CLASSIFY, PRIO_IP);

    flow_match_in_port(&flow, port);
    flow_match_eth_dst(&flow, dst);
    flow_match_vlan(&flow, vid);
    flow_action(&flow, FH_ACT_POP_VLAN);
    flow_write_metadata(&flow, outer, FH_TABLE_INNER);
    flow_set_put(out, &flow);
}

static uint64_t
meta_outer(uint64_t side, uint16_t vid)
{
    struct fh_vlan outer = { .n = 1, .vids = { vid } };

    return side | flow_meta_stack(&outer);
}

/* A priority tag (IEEE 802.1Q) comes off, and what is behind it is taken as
 * it would be without, up to one tag: a third is beyond what Open vSwitch can
 * read. */
static void
put_priority_entry(struct flow_set *out, uint32_t port, struct eth_addr dst,
                   const struct fh_vlan *vlan, uint64_t side, uint64_t next,
                   enum fh_table next_table)
{
    uint64_t outer = meta_outer(side, FH_VLAN_PRIORITY);

    if (vlan->n < FH_VLAN_MAX_TAGS) {
        put_outer_tag(out, port, dst, FH_VLAN_PRIORITY, outer);
        put_inner_tag(out, vlan->n ? vlan->vids[0] : FH_VLAN_NONE, outer,
                      next, next_table);
    }
}

/* What comes in by 'port' under 'vlan' for 'dst': on to 'next_table'
 * with 'next' in metadata.  'side' tells the ports of one side from those of
 * the other while the tags come off. */
static void
put_entry(struct flow_set *out, uint32_t port, struct eth_addr dst,
          const struct fh_vlan *vlan, uint64_t side, uint64_t next,
          enum fh_table next_table)
{
    put_priority_entry(out, port, dst, vlan, side, next, next_table);
    if (!vlan->n) {
        struct fh_flow flow = base_start(FH_TABLE_CLASSIFY, PRIO_IP);

        flow_match_in_port(&flow, port);
        flow_match_eth_dst(&flow, dst);
        flow_match_vlan(&flow, FH_VLAN_NONE);
        flow_write_metadata(&flow, next, next_table);
        flow_set_put(out, &flow);
    } else {
        uint64_t outer = meta_outer(side, vlan->vids[0]);

        put_outer_tag(out, port, dst, vlan->vids[0], outer);
        put_inner(out, vlan, outer, next, next_table);
    }
}

/* A host that is not known sends something: there it is, perhaps. */
static void
put_sender_punt(struct flow_set *out, uint32_t port,
                struct eth_addr router_mac, const struct fh_vlan *vlan)
{
    struct fh_flow flow = base_start(FH_TABLE_SOURCE, PRIO_STRANGER);

    flow_match_in_port(&flow, port);
    flow_match_metadata(&flow, flow_meta_stack(vlan), UINT64_MAX);
    flow_match_eth_dst(&flow, router_mac);
    flow_match_eth_type(&flow, ETHERTYPE_IPV4);
    flow_act_controller(&flow, FLOW_METER_SENDERS(port));
    flow_set_put(out, &flow);
}

/* To a neighbour that is not here: nobody may have that address, and then its
 * sender is told. */
static void
put_neighbour_punt(struct flow_set *out, uint32_t port)
{
    struct fh_flow flow = base_start(FH_TABLE_PUNT, 100);

    flow_match_in_port(&flow, port);
    flow_match_metadata(&flow, FLOW_META_NEIGHBOUR, FLOW_META_NEIGHBOUR);
    flow_act_controller(&flow, FLOW_METER_NEIGHBOURS(port));
    flow_set_put(out, &flow);
}

static void
put_access_port(struct flow_set *out, const struct fh_router *router,
                const struct fh_port_limits *access)
{
    put_arp_punts(out, access->port, router->mac);
    put_announcement_punt(out, access->port);
    put_own_mac_punt(out, access->port, router->mac);
    put_dhcp_punt(out, access->port);
    put_port_punts(out, access->port);
    put_neighbour_punt(out, access->port);
    put_drop(out, access->port);
    put_output(out, access->port, access->port, 0);
    put_output(out, access->port, FLOW_META_LOST | access->port,
               FH_TABLE_PUNT);

    for (size_t i = 0; i < router->n_segments; i++) {
        const struct fh_segment *segment = &router->segments[i];

        if (segment->learns) {  /* Its own tags are the first. */
            put_sender_punt(out, access->port, router->mac,
                            &segment->vlans[0]);
        }
        for (size_t j = 0; j < segment->n_vlans; j++) {
            const struct fh_vlan *vlan = &segment->vlans[j];
            uint64_t stack = flow_meta_stack(vlan);

            put_entry(out, access->port, router->mac, vlan, 0, stack,
                      FH_TABLE_SENDER);
            /* A client that will not learn the new MAC is served all the
             * same; SOURCE lets pass only whom this router is active for. */
            for (size_t k = 0; k < segment->n_other_macs; k++) {
                put_entry(out, access->port, segment->other_macs[k], vlan, 0,
                          stack, FH_TABLE_SENDER);
            }
        }
    }
}

/* Ping to 'addr' is answered, by whoever is there, and UDP is told that nobody
 * listens; all else for it goes nowhere. */
static void
put_own_address(struct flow_set *out, const struct fh_uplink *uplink,
                struct fh_addr addr)
{
    struct fh_flow ping = base_start(FH_TABLE_ROUTE, PRIO_PING);
    struct fh_flow udp = base_start(FH_TABLE_ROUTE, PRIO_OUR_UDP);
    struct fh_flow rest = base_start(FH_TABLE_ROUTE, PRIO_OURS);
    uint64_t domain = flow_meta_domain(uplink);
    uint64_t mask = FLOW_META_DOMAIN_MASK | FLOW_META_ROUTING;

    flow_match_metadata(&ping, domain, mask);
    flow_match_eth_type(&ping, ETHERTYPE_IPV4);
    flow_match_ip_dst_host(&ping, addr);
    ping.match.fields |= FH_F_IP_PROTO | FH_F_ICMP_TYPE;
    ping.match.ip_proto = 1;
    ping.match.icmp_type = ICMP_ECHO_REQUEST;
    flow_act_resubmit(&ping, FH_TABLE_AWAKE);
    ping.next_table = FH_TABLE_ECHO;
    flow_set_put(out, &ping);

    flow_match_metadata(&udp, domain, mask);
    match_udp(&udp);
    flow_match_ip_dst_host(&udp, addr);
    act_punt(&udp, FLOW_PUNT_ICMP);
    flow_set_put(out, &udp);

    flow_match_metadata(&rest, domain, mask);
    flow_match_eth_type(&rest, ETHERTYPE_IPV4);
    flow_match_ip_dst_host(&rest, addr);
    flow_set_put(out, &rest);
}

/* A ping to ourselves while the controller is there. */
static void
put_echo_punt(struct flow_set *out)
{
    struct fh_flow flow = base_start(FH_TABLE_ECHO, 200);

    flow_match_reg(&flow, FLOW_REG_AWAKE, FLOW_AWAKE);
    act_punt(&flow, FLOW_PUNT_ICMP);
    flow_set_put(out, &flow);
}

/* Nobody's address: to nowhere. */
static void
put_no_host(struct flow_set *out, const struct fh_prefix *prefix,
            uint64_t domain, uint64_t mask, uint16_t priority)
{
    struct fh_flow flow = base_start(FH_TABLE_ROUTE, priority);

    if (mask) {
        flow_match_metadata(&flow, domain, mask);
    }
    flow_match_eth_type(&flow, ETHERTYPE_IPV4);
    flow_match_ip_dst(&flow, prefix);
    flow_set_put(out, &flow);
}

/* What would not leave with a TTL.  Before any flow has decremented it: what
 * dec_ttl itself hands up goes through no meter but that of all punts, and a
 * flood of it would leave nothing of that to the probe replies. */
static void
put_expired(struct flow_set *out, uint64_t meta, uint64_t mask,
            const struct fh_prefix *prefix)
{
    for (uint8_t ttl = 0; ttl < 2; ttl++) {
        struct fh_flow flow = base_start(FH_TABLE_ROUTE, PRIO_EXPIRED);

        flow_match_metadata(&flow, meta, mask);
        flow_match_eth_type(&flow, ETHERTYPE_IPV4);
        if (prefix) {
            flow_match_ip_dst(&flow, prefix);
        }
        flow.match.fields |= FH_F_IP_TTL;
        flow.match.ip_ttl = ttl;
        act_punt(&flow, FLOW_PUNT_EXPIRED);
        flow_set_put(out, &flow);
    }
}

/* What matches 'flow' is punted while the controller is there.  Without it, it
 * goes the way of all packets: who renews a lease keeps the address. */
static void
put_punt_if_awake(struct flow_set *out, const struct fh_flow *flow,
                  uint32_t meter)
{
    struct fh_flow ask = *flow, punt = *flow;

    flow_match_reg(&ask, FLOW_REG_AWAKE, 0);
    flow_act_resubmit(&ask, FH_TABLE_AWAKE);
    flow_act_resubmit(&ask, flow->table);
    flow_set_put(out, &ask);

    flow_match_reg(&punt, FLOW_REG_AWAKE, FLOW_AWAKE);
    flow_act_controller(&punt, meter);
    flow_set_put(out, &punt);
}

/* What a client sends to a server that has given it an address: the controller
 * learns when that is released, and passes it on as it is. */
static void
put_dhcp_to_server(struct flow_set *out, const struct fh_router *router,
                   const struct fh_segment *segment, struct fh_addr server)
{
    for (size_t i = 0; i < router->n_access; i++) {
        uint32_t port = router->access[i].port;
        struct fh_flow flow = base_start(FH_TABLE_ROUTE, PRIO_RELAY);

        flow_match_in_port(&flow, port);
        flow_match_metadata(&flow, flow_meta_domain(segment->uplink)
                                   | FLOW_META_FROM_ACCESS,
                            FLOW_META_DOMAIN_MASK | FLOW_META_ROUTING
                            | FLOW_META_FROM_ACCESS);
        match_udp(&flow);
        flow_match_ip_dst_host(&flow, server);
        match_udp_dst(&flow, DHCP_SERVER_PORT);
        put_punt_if_awake(out, &flow, FLOW_METER_DHCP(port));
    }
}

/* What a server sends to us, who relay for it, or to a client. */
static void
put_dhcp_from_server(struct flow_set *out, const struct fh_segment *segment,
                     struct fh_addr server, const struct fh_prefix *dst,
                     uint16_t udp_dst)
{
    struct fh_flow flow = base_start(FH_TABLE_ROUTE, PRIO_RELAY);

    flow_match_metadata(&flow, flow_meta_domain(segment->uplink),
                        FLOW_META_DOMAIN_MASK | FLOW_META_ROUTING
                        | FLOW_META_FROM_ACCESS);
    match_udp(&flow);
    flow_match_ip_src_host(&flow, server);
    flow_match_ip_dst(&flow, dst);
    match_udp_dst(&flow, udp_dst);
    put_punt_if_awake(out, &flow, FLOW_METER_DHCP(segment->uplink->port));
}

static void
put_dhcp(struct flow_set *out, const struct fh_router *router,
         const struct fh_segment *segment)
{
    const struct fh_prefix us = { segment->uplink->address, 32 };

    for (size_t i = 0; i < segment->n_dhcp_servers; i++) {
        struct fh_addr server = segment->dhcp_servers[i];

        put_dhcp_to_server(out, router, segment, server);
        put_dhcp_from_server(out, segment, server, &us, DHCP_SERVER_PORT);
        for (size_t j = 0; j < segment->n_prefixes; j++) {
            put_dhcp_from_server(out, segment, server, &segment->prefixes[j],
                                 DHCP_CLIENT_PORT);
        }
    }
}

/* SOURCE goes by the sender's address in a register, alike for IPv4 and ARP.
 * Only what is of a segment gets there: each value of a register that is
 * looked at costs the datapath a flow of its own. */
static void
put_sender(struct flow_set *out, const struct fh_prefix *prefix)
{
    struct fh_flow ip = base_start(FH_TABLE_SENDER, PRIO_IP);
    struct fh_flow arp = base_start(FH_TABLE_SENDER, PRIO_IP);

    flow_match_eth_type(&ip, ETHERTYPE_IPV4);
    flow_match_ip_src(&ip, prefix);
    flow_act_move(&ip, FH_NAME_IP_SRC, FH_NAME_REG0 + FLOW_REG_SENDER);
    ip.next_table = FH_TABLE_SOURCE;
    flow_set_put(out, &ip);

    flow_match_arp_op(&arp, ARP_OP_REQUEST);
    flow_match_arp_spa(&arp, prefix);
    flow_act_move(&arp, FH_NAME_ARP_SPA, FH_NAME_REG0 + FLOW_REG_SENDER);
    arp.next_table = FH_TABLE_SOURCE;
    flow_set_put(out, &arp);
}

/* CLIENT, in the same way, by the destination. */
static void
put_destination(struct flow_set *out, const struct fh_prefix *prefix,
                uint64_t domain)
{
    struct fh_flow flow = base_start(FH_TABLE_ROUTE, PRIO_CLIENT);

    flow_match_metadata(&flow, domain,
                        FLOW_META_DOMAIN_MASK | FLOW_META_ROUTING);
    flow_match_eth_type(&flow, ETHERTYPE_IPV4);
    flow_match_ip_dst(&flow, prefix);
    flow_act_move(&flow, FH_NAME_IP_DST, FH_NAME_REG0 + FLOW_REG_CLIENT);
    flow.next_table = FH_TABLE_CLIENT;
    flow_set_put(out, &flow);
}

/* What goes to a client has made one hop more, whatever SILENT says.  An
 * answer has not; and a question of the core's that gets here is for one of
 * our clients. */
static void
put_hops(struct flow_set *out)
{
    struct fh_flow ip = base_start(FH_TABLE_HOP, 100);
    struct fh_flow answer = base_start(FH_TABLE_HOP, 100);
    struct fh_flow question = base_start(FH_TABLE_HOP, 100);
    struct fh_flow silent = base_start(FH_TABLE_HOP, 200);

    flow_match_eth_type(&ip, ETHERTYPE_IPV4);
    flow_action(&ip, FH_ACT_DEC_TTL);
    ip.metadata_mask = FLOW_META_SILENT;
    ip.next_table = FH_TABLE_OUTPUT;
    flow_set_put(out, &ip);

    flow_match_arp_op(&answer, ARP_OP_REPLY);
    answer.next_table = FH_TABLE_OUTPUT;
    flow_set_put(out, &answer);

    flow_match_arp_op(&question, ARP_OP_REQUEST);
    question.next_table = FH_TABLE_CORE;
    flow_set_put(out, &question);

    flow_match_eth_type(&silent, ETHERTYPE_ARP);
    flow_match_metadata(&silent, FLOW_META_SILENT, FLOW_META_SILENT);
    flow_set_put(out, &silent);
}

static void
put_segment(struct flow_set *out, const struct fh_segment *segment)
{
    uint64_t domain = flow_meta_domain(segment->uplink);
    uint64_t domain_mask = FLOW_META_DOMAIN_MASK | FLOW_META_ROUTING;

    put_own_address(out, segment->uplink, segment->gateway);
    put_own_address(out, segment->uplink, segment->local);
    for (size_t i = 0; i < segment->n_prefixes; i++) {
        const struct fh_prefix *prefix = &segment->prefixes[i];

        if (prefix->plen < 31) {
            struct fh_prefix last = *prefix;

            last.addr.ip4 |= ~fh_prefix_mask(prefix->plen);
            last.plen = 32;
            put_no_host(out, &last, domain, domain_mask, PRIO_NO_HOST);
        }
        if (segment->isolate) {
            put_no_host(out, prefix,
                        domain | FLOW_META_FROM_ACCESS | FLOW_META_ISOLATED,
                        domain_mask | FLOW_META_FROM_ACCESS
                        | FLOW_META_ISOLATED, PRIO_ISOLATE);
        }

        put_expired(out, domain, domain_mask | FLOW_META_FROM_ACCESS, prefix);
        put_sender(out, prefix);
        put_destination(out, prefix, domain);
    }
}

/* What goes to the core, if it fits, a neighbour that is not here included.
 * OpenFlow cannot match what a long packet's header says of fragments: the
 * controller looks. */
static void
put_mtu(struct flow_set *out, const struct fh_uplink *uplink)
{
    struct fh_flow check = base_start(FH_TABLE_ROUTE, PRIO_UPLINK);
    struct fh_flow too_long = base_start(FH_TABLE_MTU, PRIO_TOO_LONG);
    uint64_t domain = flow_meta_domain(uplink) | FLOW_META_FROM_ACCESS;
    uint64_t mask = (FLOW_META_DOMAIN_MASK | FLOW_META_ROUTING
                     | FLOW_META_FROM_ACCESS);
    uint32_t len = FLOW_FRAME_LEN(uplink->mtu);

    put_expired(out, domain, mask, NULL);
    flow_match_metadata(&check, domain, mask);
    flow_match_eth_type(&check, ETHERTYPE_IPV4);
    flow_action(&check, FH_ACT_CHECK_LARGER)->u.len
        = len < UINT16_MAX ? len : UINT16_MAX;
    check.next_table = FH_TABLE_MTU;
    flow_set_put(out, &check);

    /* First on, then up: a meter would drop it. */
    check.table = FH_TABLE_CLIENT;
    flow_act_resubmit(&check, FH_TABLE_MTU);
    flow_write_metadata(&check, domain | FLOW_META_NEIGHBOUR, FH_TABLE_PUNT);
    flow_set_put(out, &check);

    flow_match_metadata(&too_long, domain | FLOW_META_LARGER,
                        mask | FLOW_META_LARGER);
    flow_match_eth_type(&too_long, ETHERTYPE_IPV4);
    act_punt(&too_long, FLOW_PUNT_TOO_LONG);
    flow_set_put(out, &too_long);
}

/* The core has sent something for a client that is not here. */
static void
put_unknown(struct flow_set *out, const struct fh_uplink *uplink)
{
    struct fh_flow flow = base_start(FH_TABLE_CLIENT, PRIO_UNKNOWN);

    flow_match_metadata(&flow, flow_meta_domain(uplink),
                        FLOW_META_DOMAIN_MASK | FLOW_META_ROUTING
                        | FLOW_META_FROM_ACCESS);
    flow_match_eth_type(&flow, ETHERTYPE_IPV4);
    act_punt(&flow, FLOW_PUNT_ICMP);
    flow_set_put(out, &flow);
}

static void
put_uplink(struct flow_set *out, const struct fh_router *router,
           const struct fh_uplink *uplink)
{
    struct fh_flow flow;

    put_arp_punts(out, uplink->port, router->mac);
    put_announcement_punt(out, uplink->port);
    put_own_mac_punt(out, uplink->port, router->mac);
    put_port_punts(out, uplink->port);
    put_drop(out, uplink->port);
    put_output(out, uplink->port, uplink->port, 0);
    put_entry(out, uplink->port, router->mac, &uplink->vlan,
              (uint64_t) uplink->port << FLOW_META_PORT_SHIFT,
              flow_meta_domain(uplink), FH_TABLE_ROUTE);
    put_own_address(out, uplink, uplink->address);
    put_mtu(out, uplink);
    put_unknown(out, uplink);
    if (flow_uplink_build(uplink, router->mac, &flow)) {
        flow_set_put(out, &flow);
    }
}

void
flow_base_build(const struct fh_router *router, struct flow_set *out)
{
    struct fh_prefix multicast = { { htonl(0xe0000000u) }, 3 };
    struct fh_prefix this_net = { { 0 }, 8 };
    struct fh_prefix loopback = { { htonl(0x7f000000u) }, 8 };

    put_no_host(out, &multicast, 0, 0, PRIO_NO_HOST);   /* And class E. */
    put_no_host(out, &this_net, 0, 0, PRIO_NO_HOST);
    put_no_host(out, &loopback, 0, 0, PRIO_NO_HOST);
    put_hops(out);
    put_echo_punt(out);
    for (size_t i = 0; i < router->n_access; i++) {
        put_access_port(out, router, &router->access[i]);
    }
    for (size_t i = 0; i < router->n_segments; i++) {
        put_segment(out, &router->segments[i]);
        put_dhcp(out, router, &router->segments[i]);
    }
    for (size_t i = 0; i < router->n_uplinks; i++) {
        put_uplink(out, router, &router->uplinks[i]);
    }
    for (size_t i = 0; i < router->n_beacons; i++) {
        put_beacon(out, router->mac, &router->beacons[i]);
        put_beacon_punt(out, router->mac, router->beacons[i].port);
    }
}

bool
flow_uplink_build(const struct fh_uplink *uplink, struct eth_addr router_mac,
                  struct fh_flow *flow)
{
    if (fh_mac_is_zero(uplink->next_hop_mac)) {
        return false;
    }
    *flow = flow_start(FH_KIND_UPLINK, 0, FH_TABLE_MTU, PRIO_UPLINK);
    flow_match_metadata(flow,
                        flow_meta_domain(uplink) | FLOW_META_FROM_ACCESS,
                        FLOW_META_DOMAIN_MASK | FLOW_META_ROUTING
                        | FLOW_META_FROM_ACCESS);
    flow_match_eth_type(flow, ETHERTYPE_IPV4);
    flow_act_forward(flow, router_mac, uplink->next_hop_mac, &uplink->vlan,
                     uplink->port);
    return true;
}

bool
flow_uplink_read(const struct fh_flow *flow, uint64_t *domain,
                 struct eth_addr *next_hop_mac, uint16_t *tpid)
{
    bool found = false;

    if (!fh_cookie_is_ours(flow->cookie)
        || fh_cookie_kind(flow->cookie) != FH_KIND_UPLINK
        || flow->table != FH_TABLE_MTU
        || flow->n_actions > FH_FLOW_MAX_ACTIONS) {
        return false;
    }
    *tpid = 0;
    *domain = (flow->match.metadata
               & (FLOW_META_DOMAIN_MASK | FLOW_META_ROUTING));
    for (size_t i = 0; i < flow->n_actions; i++) {
        if (flow->actions[i].type == FH_ACT_SET_ETH_DST) {
            *next_hop_mac = flow->actions[i].u.mac;
            found = true;
        } else if (flow->actions[i].type == FH_ACT_PUSH_VLAN) {
            *tpid = flow->actions[i].u.vid;     /* The last is outermost. */
        }
    }
    return found;
}

#define METERS_PER_PORT 8           /* And two more of each access port. */

size_t
flow_base_n_meters(const struct fh_router *router)
{
    return (1 + METERS_PER_PORT * (router->n_access + router->n_uplinks)
            + 2 * router->n_access);
}

/* One of 'n_ports': as if there were FLOW_PUNT_PORTS, once there are more. */
static uint32_t
port_share(uint32_t pps, size_t n_ports)
{
    uint32_t share = (n_ports > FLOW_PUNT_PORTS
                      ? pps * FLOW_PUNT_PORTS / n_ports : pps);

    return share ? share : 1;
}

static size_t
put_port_meters(struct fh_meter *meters, const struct fh_port_limits *limits,
                size_t n_ports)
{
    const uint32_t port = limits->port;
    const struct { uint32_t id, pps; } rows[METERS_PER_PORT] = {
        { FLOW_METER_REQUESTS(port), limits->requests_pps },
        { FLOW_METER_REPLIES(port), limits->replies_pps },
        { FLOW_METER_OWN_MAC(port), FLOW_OWN_MAC_PPS },
        { FLOW_METER_BEACONS(port), FLOW_BEACONS_PPS },
        { FLOW_METER_DHCP(port), limits->dhcp_pps },
        { FLOW_METER_PUNT(port, FLOW_PUNT_ICMP),
          port_share(FLOW_ICMP_PPS, n_ports) },
        { FLOW_METER_PUNT(port, FLOW_PUNT_EXPIRED),
          port_share(FLOW_EXPIRED_PPS, n_ports) },
        { FLOW_METER_PUNT(port, FLOW_PUNT_TOO_LONG),
          port_share(FLOW_TOO_LONG_PPS, n_ports) },
    };

    for (size_t i = 0; i < METERS_PER_PORT; i++) {
        meters[i] = (struct fh_meter) { rows[i].id, rows[i].pps,
                                        rows[i].pps };
    }
    return METERS_PER_PORT;
}

size_t
flow_base_meters(const struct fh_router *router, struct fh_meter *meters)
{
    uint32_t punts_pps = (router->punts_pps > FLOW_PUNTS_MIN_PPS
                          ? router->punts_pps : FLOW_PUNTS_MIN_PPS);
    size_t n_ports = router->n_access + router->n_uplinks;
    size_t n = 0;

    meters[n++] = (struct fh_meter) { FH_METER_CONTROLLER, punts_pps,
                                      punts_pps };
    for (size_t i = 0; i < router->n_access; i++) {
        uint32_t senders_pps = port_share(FLOW_SENDERS_PPS, n_ports);
        uint32_t neighbours_pps = port_share(FLOW_NEIGHBOURS_PPS, n_ports);
        uint32_t port = router->access[i].port;

        n += put_port_meters(&meters[n], &router->access[i], n_ports);
        meters[n++] = (struct fh_meter) { FLOW_METER_SENDERS(port),
                                          senders_pps, senders_pps };
        meters[n++] = (struct fh_meter) { FLOW_METER_NEIGHBOURS(port),
                                          neighbours_pps, neighbours_pps };
    }
    for (size_t i = 0; i < router->n_uplinks; i++) {
        const struct fh_port_limits limits = {
            router->uplinks[i].port, FLOW_UPLINK_PPS, FLOW_UPLINK_PPS,
            FLOW_UPLINK_PPS,
        };
        bool seen = false;

        for (size_t j = 0; j < i; j++) {
            seen = seen || router->uplinks[j].port == limits.port;
        }
        if (!seen) {
            n += put_port_meters(&meters[n], &limits, n_ports);
        }
    }
    return n;
}
