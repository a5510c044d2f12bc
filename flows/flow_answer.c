/* What a router's bridge answers by itself.  See flow_answer.h. */
#include <config.h>

#include "flows/flow_answer.h"

#include <arpa/inet.h>

#include "flows/flow_build.h"
#include "flows/icmp.h"

/* Priorities of ROUTE.  No IPv4 is meant, so they compete among themselves. */
#define PRIO_NEVER   700
#define PRIO_US      600
#define PRIO_GATEWAY 520
#define PRIO_OTHERS  510        /* Of the same segment. */
#define PRIO_ASKED   500

#define PRIO_ARP     400        /* In CLASSIFY, as the punts. */

#define REPLY_TTL    64

static const uint64_t domain_mask = (FLOW_META_DOMAIN_MASK | FLOW_META_ROUTING
                                     | FLOW_META_FROM_ACCESS);

static struct fh_flow
start(enum fh_table table, uint16_t priority)
{
    return flow_start(FH_KIND_BASE, 0, table, priority);
}

static struct fh_prefix
host(struct fh_addr addr)
{
    return (struct fh_prefix) { addr, 32 };
}

/* AWAKE. */

void
flow_answer_awake(struct fh_flow *flow)
{
    *flow = flow_start(FH_KIND_AWAKE, 0, FH_TABLE_AWAKE, 100);
    flow->hard_timeout_s = FLOW_AWAKE_S;
    flow_act_set_reg(flow, FLOW_REG_AWAKE, FLOW_AWAKE);
}

/* Nobody is there.  A broadcast request goes the way of what is sent to us. */
static void
put_alone(struct flow_set *out, struct eth_addr router_mac)
{
    struct fh_flow flow = start(FH_TABLE_AWAKE, 1);

    flow_act_set_reg(&flow, FLOW_REG_AWAKE, FLOW_ALONE);
    flow_action(&flow, FH_ACT_SET_ETH_DST)->u.mac = router_mac;
    flow_set_put(out, &flow);
}

static void
put_ask_awake(struct flow_set *out, uint32_t port)
{
    struct fh_flow flow = start(FH_TABLE_CLASSIFY, PRIO_ARP);

    flow_match_in_port(&flow, port);
    flow_match_arp_op(&flow, ARP_OP_REQUEST);
    flow_match_reg(&flow, FLOW_REG_AWAKE, 0);
    flow_act_resubmit(&flow, FH_TABLE_AWAKE);
    flow_act_resubmit(&flow, FH_TABLE_CLASSIFY);
    flow_set_put(out, &flow);
}

/* From question to answer. */

static void
swap(struct fh_flow *flow, enum fh_name a, enum fh_name b)
{
    const unsigned int spare = FH_NAME_REG0 + FLOW_REG_AWAKE;

    flow_act_move(flow, b, spare);
    flow_act_move(flow, a, b);
    flow_act_move(flow, spare, a);
}

static void
put_swaps(struct flow_set *out, struct eth_addr router_mac)
{
    struct fh_flow arp = start(FH_TABLE_SWAP, 100);
    struct fh_flow ping = start(FH_TABLE_SWAP, 100);

    flow_match_arp_op(&arp, ARP_OP_REQUEST);
    flow_action(&arp, FH_ACT_SET_ARP_OP)->u.op = ARP_OP_REPLY;
    flow_act_move(&arp, FH_NAME_ARP_SHA, FH_NAME_ARP_THA);
    flow_action(&arp, FH_ACT_SET_ARP_SHA)->u.mac = router_mac;
    swap(&arp, FH_NAME_ARP_SPA, FH_NAME_ARP_TPA);
    flow_set_put(out, &arp);

    flow_match_eth_type(&ping, ETHERTYPE_IPV4);
    ping.match.fields |= FH_F_IP_PROTO | FH_F_ICMP_TYPE;
    ping.match.ip_proto = IPV4_PROTO_ICMP;
    ping.match.icmp_type = ICMP_ECHO_REQUEST;
    swap(&ping, FH_NAME_IP_SRC, FH_NAME_IP_DST);
    flow_action(&ping, FH_ACT_SET_ICMP_TYPE)->u.number = ICMP_ECHO_REPLY;
    flow_action(&ping, FH_ACT_SET_TTL)->u.number = REPLY_TTL;
    flow_set_put(out, &ping);
}

/* To a client: CLIENT knows the rest. */
static void
put_replies(struct flow_set *out)
{
    struct fh_flow arp = start(FH_TABLE_REPLY, 100);
    struct fh_flow ping = start(FH_TABLE_ECHO, 100);

    flow_match_eth_type(&arp, ETHERTYPE_ARP);
    flow_act_move(&arp, FH_NAME_ARP_SPA, FH_NAME_REG0 + FLOW_REG_CLIENT);
    flow_act_resubmit(&arp, FH_TABLE_SWAP);
    flow_act_resubmit(&arp, FH_TABLE_CLIENT);
    flow_set_put(out, &arp);

    flow_match_metadata(&ping, FLOW_META_FROM_ACCESS, FLOW_META_FROM_ACCESS);
    flow_match_eth_type(&ping, ETHERTYPE_IPV4);
    flow_act_move(&ping, FH_NAME_IP_SRC, FH_NAME_REG0 + FLOW_REG_CLIENT);
    flow_act_resubmit(&ping, FH_TABLE_SWAP);
    flow_act_resubmit(&ping, FH_TABLE_CLIENT);
    flow_set_put(out, &ping);
}

/* To whom the core's question came from, by 'asker_mac'. */
static void
act_back(struct fh_flow *flow, enum fh_name asker_mac,
         struct eth_addr router_mac, const struct fh_vlan *vlan)
{
    flow_act_move(flow, asker_mac, FH_NAME_ETH_DST);
    flow_action(flow, FH_ACT_SET_ETH_SRC)->u.mac = router_mac;
    flow_act_resubmit(flow, FH_TABLE_SWAP);
    flow_act_push_stack(flow, vlan);
    flow_act_output(flow, FH_PORT_IN_PORT);
}

/* CORE: what CLIENT has put on for the client comes off again. */
static void
put_strip(struct flow_set *out)
{
    struct fh_flow flow = start(FH_TABLE_CORE, 200);

    flow_match_arp_op(&flow, ARP_OP_REQUEST);
    flow_match_vlan(&flow, FH_VLAN_ANY);
    flow_action(&flow, FH_ACT_POP_VLAN);
    flow_act_resubmit(&flow, FH_TABLE_CORE);
    flow_set_put(out, &flow);
}

static void
put_core_replies(struct flow_set *out, const struct fh_uplink *uplink,
                 struct eth_addr router_mac)
{
    struct fh_flow arp = start(FH_TABLE_CORE, 100);
    struct fh_flow ping = start(FH_TABLE_ECHO, 100);

    flow_match_in_port(&arp, uplink->port);
    flow_match_arp_op(&arp, ARP_OP_REQUEST);
    flow_match_vlan(&arp, FH_VLAN_NONE);
    flow_match_reg(&arp, FLOW_REG_UPLINK, flow_meta_stack(&uplink->vlan));
    act_back(&arp, FH_NAME_ARP_SHA, router_mac, &uplink->vlan);
    flow_set_put(out, &arp);

    flow_match_metadata(&ping, flow_meta_domain(uplink), domain_mask);
    flow_match_eth_type(&ping, ETHERTYPE_IPV4);
    act_back(&ping, FH_NAME_ETH_SRC, router_mac, &uplink->vlan);
    flow_set_put(out, &ping);
}

/* ROUTE: who is answered for what. */

/* Neither what is no host's address, nor an address probe (RFC 5227). */
static void
put_never(struct flow_set *out)
{
    const struct fh_prefix no_hosts[] = {
        { { 0 }, 32 }, { { htonl(0xe0000000u) }, 3 },
    };
    struct fh_flow probe = start(FH_TABLE_ROUTE, PRIO_NEVER);

    for (size_t i = 0; i < sizeof no_hosts / sizeof no_hosts[0]; i++) {
        struct fh_flow flow = start(FH_TABLE_ROUTE, PRIO_NEVER);

        flow_match_eth_type(&flow, ETHERTYPE_ARP);
        flow_match_arp_tpa(&flow, &no_hosts[i]);
        flow_set_put(out, &flow);
    }
    flow_match_eth_type(&probe, ETHERTYPE_ARP);
    flow_match_arp_spa(&probe, &no_hosts[0]);
    flow_set_put(out, &probe);
}

/* What a client of 'sender' asks for in 'target' (NULL: anything). */
static void
put_asked(struct flow_set *out, const struct fh_segment *segment,
          const struct fh_prefix *sender, const struct fh_prefix *target,
          uint16_t priority, enum fh_table next_table)
{
    struct fh_flow flow = start(FH_TABLE_ROUTE, priority);

    flow_match_metadata(&flow, (flow_meta_domain(segment->uplink)
                                | FLOW_META_FROM_ACCESS), domain_mask);
    flow_match_arp_op(&flow, ARP_OP_REQUEST);
    flow_match_arp_spa(&flow, sender);
    if (target) {
        flow_match_arp_tpa(&flow, target);
    }
    flow.next_table = next_table;
    flow_set_put(out, &flow);
}

/* For the gateway and for what is beyond the segment; of the segment itself
 * for all but its own address, or, without 'proxy_all', for nobody. */
static void
put_asked_by_clients(struct flow_set *out, const struct fh_segment *segment)
{
    const struct fh_prefix gateway = host(segment->gateway);

    for (size_t i = 0; i < segment->n_prefixes; i++) {
        const struct fh_prefix *sender = &segment->prefixes[i];

        put_asked(out, segment, sender, &gateway, PRIO_GATEWAY,
                  FH_TABLE_REPLY);
        for (size_t j = 0; j < segment->n_prefixes; j++) {
            if (!segment->proxy_all || i == j) {
                put_asked(out, segment, sender, &segment->prefixes[j],
                          PRIO_OTHERS,
                          segment->proxy_all ? FH_TABLE_DIFFER : 0);
            }
        }
        put_asked(out, segment, sender, NULL, PRIO_ASKED, FH_TABLE_REPLY);
    }
}

static struct fh_flow
start_asked_by_core(const struct fh_uplink *uplink,
                    const struct fh_prefix *target, uint16_t priority)
{
    struct fh_flow flow = start(FH_TABLE_ROUTE, priority);

    flow_match_metadata(&flow, flow_meta_domain(uplink), domain_mask);
    flow_match_arp_op(&flow, ARP_OP_REQUEST);
    flow_match_arp_tpa(&flow, target);
    flow_act_set_reg(&flow, FLOW_REG_UPLINK, flow_meta_stack(&uplink->vlan));
    return flow;
}

static void
put_asked_by_core(struct flow_set *out, const struct fh_segment *segment)
{
    for (size_t i = 0; segment->answers_core && i < segment->n_prefixes;
         i++) {
        struct fh_flow flow = start_asked_by_core(segment->uplink,
                                                  &segment->prefixes[i],
                                                  PRIO_ASKED);

        flow_act_move(&flow, FH_NAME_ARP_TPA,
                      FH_NAME_REG0 + FLOW_REG_CLIENT);
        flow.next_table = FH_TABLE_CLIENT;
        flow_set_put(out, &flow);
    }
}

static void
put_asked_for_us(struct flow_set *out, const struct fh_uplink *uplink)
{
    const struct fh_prefix us = host(uplink->address);
    struct fh_flow flow = start_asked_by_core(uplink, &us, PRIO_US);

    flow.next_table = FH_TABLE_CORE;
    flow_set_put(out, &flow);
}

/* How many bits of two addresses of one prefix may differ, at most. */
static int
count_host_bits(const struct fh_router *router)
{
    int n = 0;

    for (size_t i = 0; i < router->n_segments; i++) {
        const struct fh_segment *segment = &router->segments[i];

        for (size_t j = 0; segment->proxy_all && j < segment->n_prefixes;
             j++) {
            int host_bits = 32 - segment->prefixes[j].plen;

            n = host_bits > n ? host_bits : n;
        }
    }
    return n;
}

/* DIFFER: a table cannot compare two fields, but it can look for the bit in
 * which they are not the same. */
static void
put_differ(struct flow_set *out, int host_bits)
{
    for (int i = 0; i < 2 * host_bits; i++) {
        ovs_be32 bit = htonl(UINT32_C(1) << i / 2);
        struct fh_flow flow = start(FH_TABLE_DIFFER, 100);

        flow_match_eth_type(&flow, ETHERTYPE_ARP);
        flow.match.fields |= FH_F_ARP_SPA | FH_F_ARP_TPA;
        flow.match.arp_spa_mask = flow.match.arp_tpa_mask = bit;
        flow.match.arp_spa = i % 2 ? bit : 0;
        flow.match.arp_tpa = i % 2 ? 0 : bit;
        flow.next_table = FH_TABLE_REPLY;
        flow_set_put(out, &flow);
    }
}

void
flow_answer_build(const struct fh_router *router, struct flow_set *out)
{
    put_alone(out, router->mac);
    put_swaps(out, router->mac);
    put_replies(out);
    put_strip(out);
    put_never(out);
    for (size_t i = 0; i < router->n_access; i++) {
        put_ask_awake(out, router->access[i].port);
    }
    for (size_t i = 0; i < router->n_segments; i++) {
        put_asked_by_clients(out, &router->segments[i]);
        put_asked_by_core(out, &router->segments[i]);
    }
    put_differ(out, count_host_bits(router));
    for (size_t i = 0; i < router->n_uplinks; i++) {
        const struct fh_uplink *uplink = &router->uplinks[i];

        put_ask_awake(out, uplink->port);
        put_asked_for_us(out, uplink);
        put_core_replies(out, uplink, router->mac);
    }
}
