/* Shorthand for composing a struct fh_flow, shared by the flow builders. */
#ifndef FLOW_BUILD_H
#define FLOW_BUILD_H 1

#include <assert.h>

#include <firsthop/flow.h>

#include "flows/arp.h"

/* Starts a flow: zeroed but for what is given. */
static inline struct fh_flow
flow_start(enum fh_flow_kind kind, uint32_t decision, enum fh_table table,
           uint16_t priority)
{
    struct fh_flow flow;

    memset(&flow, 0, sizeof flow);
    flow.cookie = fh_cookie(kind, decision);
    flow.table = table;
    flow.priority = priority;
    return flow;
}

static inline void
flow_match_in_port(struct fh_flow *flow, uint32_t port)
{
    flow->match.fields |= FH_F_IN_PORT;
    flow->match.in_port = port;
}

static inline void
flow_match_metadata(struct fh_flow *flow, uint64_t value, uint64_t mask)
{
    flow->match.fields |= FH_F_METADATA;
    flow->match.metadata = value;
    flow->match.metadata_mask = mask;
}

static inline void
flow_match_eth_type(struct fh_flow *flow, uint16_t eth_type)
{
    flow->match.fields |= FH_F_ETH_TYPE;
    flow->match.eth_type = eth_type;
}

static inline void
flow_match_eth_src(struct fh_flow *flow, struct eth_addr mac)
{
    flow->match.fields |= FH_F_ETH_SRC;
    flow->match.eth_src = mac;
}

static inline void
flow_match_eth_dst(struct fh_flow *flow, struct eth_addr mac)
{
    flow->match.fields |= FH_F_ETH_DST;
    flow->match.eth_dst = mac;
}

static inline void
flow_match_vlan(struct fh_flow *flow, uint16_t vid)
{
    flow->match.fields |= FH_F_VLAN;
    flow->match.vlan_vid = vid;
}

static inline void
flow_match_reg(struct fh_flow *flow, int reg, uint32_t value)
{
    flow->match.fields |= FH_F_REG(reg);
    flow->match.regs[reg] = value;
}

static inline void
flow_match_arp_op(struct fh_flow *flow, uint16_t op)
{
    flow_match_eth_type(flow, ETHERTYPE_ARP);
    flow->match.fields |= FH_F_ARP_OP;
    flow->match.arp_op = op;
}

static inline void
flow_match_arp_spa(struct fh_flow *flow, const struct fh_prefix *prefix)
{
    flow->match.fields |= FH_F_ARP_SPA;
    flow->match.arp_spa_mask = fh_prefix_mask(prefix->plen);
    flow->match.arp_spa = prefix->addr.ip4 & flow->match.arp_spa_mask;
}

static inline void
flow_match_arp_tpa(struct fh_flow *flow, const struct fh_prefix *prefix)
{
    flow->match.fields |= FH_F_ARP_TPA;
    flow->match.arp_tpa_mask = fh_prefix_mask(prefix->plen);
    flow->match.arp_tpa = prefix->addr.ip4 & flow->match.arp_tpa_mask;
}

static inline void
flow_match_ip_src(struct fh_flow *flow, const struct fh_prefix *prefix)
{
    flow->match.fields |= FH_F_IP_SRC;
    flow->match.ip_src_mask = fh_prefix_mask(prefix->plen);
    flow->match.ip_src = prefix->addr.ip4 & flow->match.ip_src_mask;
}

static inline void
flow_match_ip_src_host(struct fh_flow *flow, struct fh_addr addr)
{
    struct fh_prefix prefix = { addr, 32 };

    flow_match_ip_src(flow, &prefix);
}

static inline void
flow_match_ip_dst(struct fh_flow *flow, const struct fh_prefix *prefix)
{
    ovs_be32 mask = fh_prefix_mask(prefix->plen);

    flow->match.fields |= FH_F_IP_DST;
    flow->match.ip_dst = prefix->addr.ip4 & mask;
    flow->match.ip_dst_mask = mask;
}

static inline void
flow_match_ip_dst_host(struct fh_flow *flow, struct fh_addr addr)
{
    struct fh_prefix prefix = { addr, 32 };

    flow_match_ip_dst(flow, &prefix);
}

static inline struct fh_action *
flow_action(struct fh_flow *flow, enum fh_action_type type)
{
    struct fh_action *action;

    assert(flow->n_actions < FH_FLOW_MAX_ACTIONS);
    action = &flow->actions[flow->n_actions++];
    action->type = type;
    return action;
}

static inline void
flow_act_output(struct fh_flow *flow, uint32_t port)
{
    flow_action(flow, FH_ACT_OUTPUT)->u.port = port;
}

static inline void
flow_act_controller(struct fh_flow *flow, uint32_t meter)
{
    flow->meter = meter;
    flow_action(flow, FH_ACT_CONTROLLER);
}

static inline void
flow_act_push_vlan(struct fh_flow *flow, uint16_t tpid, uint16_t vid)
{
    flow_action(flow, FH_ACT_PUSH_VLAN)->u.vid = tpid;
    flow_action(flow, FH_ACT_SET_VLAN)->u.vid = vid;
}

/* Pushes a whole stack on an untagged packet, innermost tag first. */
static inline void
flow_act_push_stack(struct fh_flow *flow, const struct fh_vlan *vlan)
{
    uint16_t outer = vlan->tpid ? vlan->tpid
                     : vlan->n > 1 ? ETHERTYPE_8021AD : ETHERTYPE_8021Q;

    if (vlan->n > 1) {
        flow_act_push_vlan(flow, ETHERTYPE_8021Q, vlan->vids[1]);
    }
    if (vlan->n > 0) {
        flow_act_push_vlan(flow, outer, vlan->vids[0]);
    }
}

static inline void
flow_write_metadata(struct fh_flow *flow, uint64_t value,
                    enum fh_table next_table)
{
    flow->metadata = value;
    flow->metadata_mask = UINT64_MAX;
    flow->next_table = next_table;
}

static inline void
flow_act_move(struct fh_flow *flow, unsigned int from, unsigned int to)
{
    struct fh_action *action = flow_action(flow, FH_ACT_MOVE);

    action->u.move.from = from;
    action->u.move.to = to;
}

static inline void
flow_act_set_reg(struct fh_flow *flow, uint32_t reg, uint32_t value)
{
    struct fh_action *action = flow_action(flow, FH_ACT_SET_REG);

    action->u.reg.index = reg;
    action->u.reg.value = value;
}

static inline void
flow_act_resubmit(struct fh_flow *flow, enum fh_table table)
{
    flow_action(flow, FH_ACT_RESUBMIT)->u.number = table;
}

/* A new envelope, under these tags. */
static inline void
flow_act_frame(struct fh_flow *flow, struct eth_addr src, struct eth_addr dst,
               const struct fh_vlan *vlan)
{
    flow_action(flow, FH_ACT_SET_ETH_SRC)->u.mac = src;
    flow_action(flow, FH_ACT_SET_ETH_DST)->u.mac = dst;
    flow_act_push_stack(flow, vlan);
}

/* The end of every route: rewrite as a router does, tag, and leave by
 * 'port', which OUTPUT turns into IN_PORT where it must. */
static inline void
flow_act_forward(struct fh_flow *flow, struct eth_addr src,
                 struct eth_addr dst, const struct fh_vlan *vlan,
                 uint32_t port)
{
    flow_action(flow, FH_ACT_DEC_TTL);
    flow_act_frame(flow, src, dst, vlan);
    flow_write_metadata(flow, port, FH_TABLE_OUTPUT);
}

#endif /* flows/flow_build.h */
