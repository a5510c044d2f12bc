/* What a bridge with these flows does with a packet.  See trace.h.
 *
 * The pipeline of OpenFlow (5.1), as far as our flows use it: in each table
 * the matching flow of the highest priority, its actions, its metadata, the
 * next table. */
#include <config.h>

#include "flows/trace.h"

#include <arpa/inet.h>
#include <string.h>

#include "flows/arp.h"

#define UDP 17
#define MAX_TAGS (FH_VLAN_MAX_TAGS + 1)

struct run {
    const struct flow_set *flows;
    struct trace *trace;
    struct trace_packet p;
    uint16_t tags[MAX_TAGS];    /* Outermost first. */
    size_t n_tags;
    uint64_t metadata;
    uint32_t regs[FH_N_REGS];
    unsigned int n_resubmits;
};

/* Matching. */

static bool
vlan_matches(const struct run *r, uint16_t vid)
{
    return (vid == FH_VLAN_NONE ? !r->n_tags
            : vid == FH_VLAN_ANY ? r->n_tags > 0
            : r->n_tags > 0 && r->tags[0] == vid);
}

static bool
l2_matches(const struct run *r, const struct fh_match *m)
{
    const struct trace_packet *p = &r->p;

    for (int i = 0; i < FH_N_REGS; i++) {
        if (m->fields & FH_F_REG(i) && m->regs[i] != r->regs[i]) {
            return false;
        }
    }
    return (!(m->fields & FH_F_IN_PORT) || m->in_port == p->in_port)
           && (!(m->fields & FH_F_METADATA)
               || (r->metadata & m->metadata_mask) == m->metadata)
           && (!(m->fields & FH_F_ETH_SRC)
               || fh_mac_equal(m->eth_src, p->eth_src))
           && (!(m->fields & FH_F_ETH_DST)
               || fh_mac_equal(m->eth_dst, p->eth_dst))
           && (!(m->fields & FH_F_ETH_TYPE)
               || m->eth_type == ETHERTYPE_IPV4)
           && (!(m->fields & FH_F_VLAN) || vlan_matches(r, m->vlan_vid));
}

/* The packet is no ARP and no ICMP, and its ports are nobody's. */
static bool
l3_matches(const struct run *r, const struct fh_match *m)
{
    const unsigned int others = FH_F_ARP_OP | FH_F_ARP_SPA | FH_F_ARP_TPA
                                | FH_F_ICMP_TYPE | FH_F_UDP_SRC
                                | FH_F_UDP_DST;

    return !(m->fields & others)
           && (!(m->fields & FH_F_IP_SRC)
               || (r->p.src.ip4 & m->ip_src_mask) == m->ip_src)
           && (!(m->fields & FH_F_IP_DST)
               || (r->p.dst.ip4 & m->ip_dst_mask) == m->ip_dst)
           && (!(m->fields & FH_F_IP_PROTO) || m->ip_proto == UDP)
           && (!(m->fields & FH_F_IP_TTL) || m->ip_ttl == r->p.ttl);
}

struct search {
    const struct run *run;
    uint8_t table;
    const struct fh_flow *best;
};

static void
consider(const struct fh_flow *flow, void *search_)
{
    struct search *s = search_;

    if (flow->table == s->table
        && (!s->best || flow->priority > s->best->priority)
        && l2_matches(s->run, &flow->match)
        && l3_matches(s->run, &flow->match)) {
        s->best = flow;
    }
}

/* Acting. */

static void
leave(struct run *r, uint32_t port)
{
    struct trace *t = r->trace;

    if (port == FH_PORT_CONTROLLER) {
        t->punted = true;
        return;
    }
    if (t->n_ports == TRACE_MAX_PORTS) {
        return;
    }
    t->ports[t->n_ports++] = port == FH_PORT_IN_PORT ? r->p.in_port : port;
    t->left = r->p;
    t->left.vlan.n = r->n_tags < FH_VLAN_MAX_TAGS ? r->n_tags
                                                  : FH_VLAN_MAX_TAGS;
    memcpy(t->left.vlan.vids, r->tags,
           t->left.vlan.n * sizeof *r->tags);
}

static void
push_tag(struct run *r)
{
    if (r->n_tags < MAX_TAGS) {
        memmove(&r->tags[1], r->tags, r->n_tags++ * sizeof *r->tags);
        r->tags[0] = 0;
    }
}

static void
pop_tag(struct run *r)
{
    if (r->n_tags) {
        memmove(r->tags, &r->tags[1], --r->n_tags * sizeof *r->tags);
    }
}

/* Addresses of IPv4 and registers; a register holds one in host order.  What
 * else is moved belongs to ARP, or turns a question into its answer. */
static bool
read_name(const struct run *r, unsigned int name, uint32_t *value)
{
    switch (name) {
    case FH_NAME_IP_SRC: *value = ntohl(r->p.src.ip4); return true;
    case FH_NAME_IP_DST: *value = ntohl(r->p.dst.ip4); return true;
    default:
        if (name < FH_NAME_REG0 || name >= FH_N_NAMES) {
            return false;
        }
        *value = r->regs[name - FH_NAME_REG0];
        return true;
    }
}

static void
move(struct run *r, unsigned int from, unsigned int to)
{
    uint32_t value;

    if (!read_name(r, from, &value)) {
        return;
    }
    if (to == FH_NAME_IP_SRC) {
        r->p.src.ip4 = htonl(value);
    } else if (to == FH_NAME_IP_DST) {
        r->p.dst.ip4 = htonl(value);
    } else if (to >= FH_NAME_REG0 && to < FH_N_NAMES) {
        r->regs[to - FH_NAME_REG0] = value;
    }
}

static void run_tables(struct run *, uint8_t table);

static void
act(struct run *r, const struct fh_action *a)
{
    switch ((enum fh_action_type) a->type) {
    case FH_ACT_OUTPUT: leave(r, a->u.port); break;
    case FH_ACT_CONTROLLER: leave(r, FH_PORT_CONTROLLER); break;
    case FH_ACT_SET_ETH_SRC: r->p.eth_src = a->u.mac; break;
    case FH_ACT_SET_ETH_DST: r->p.eth_dst = a->u.mac; break;
    case FH_ACT_DEC_TTL: r->p.ttl -= r->p.ttl > 0; break;
    case FH_ACT_SET_TTL: r->p.ttl = a->u.number; break;
    case FH_ACT_PUSH_VLAN: push_tag(r); break;
    case FH_ACT_SET_VLAN:
        if (r->n_tags) {
            r->tags[0] = a->u.vid;
        }
        break;
    case FH_ACT_POP_VLAN: pop_tag(r); break;
    case FH_ACT_CHECK_LARGER:
        r->metadata &= ~(UINT64_C(1) << FH_META_LARGER_BIT);
        break;
    case FH_ACT_SET_REG:
        r->regs[a->u.reg.index % FH_N_REGS] = a->u.reg.value;
        break;
    case FH_ACT_RESUBMIT:
        if (r->n_resubmits++ < TRACE_MAX_STEPS) {
            run_tables(r, a->u.number);
        }
        break;
    case FH_ACT_SET_ARP_OP:             /* Of other packets. */
    case FH_ACT_SET_ARP_SHA:
    case FH_ACT_SET_ARP_THA:
    case FH_ACT_SET_ARP_SPA:
    case FH_ACT_SET_ARP_TPA:
    case FH_ACT_SET_ICMP_TYPE:
        break;
    case FH_ACT_MOVE: move(r, a->u.move.from, a->u.move.to); break;
    }
}

/* From 'table' on, for as long as a flow names the next one, which is always a
 * later one. */
static void
run_tables(struct run *r, uint8_t table)
{
    struct trace *t = r->trace;

    for (bool more = true; more && t->n_steps < TRACE_MAX_STEPS;) {
        struct trace_step *step = &t->steps[t->n_steps++];
        struct search s = { r, table, NULL };

        flow_set_for_each(r->flows, consider, &s);
        *step = (struct trace_step) { .table = table,
                                      .matched = s.best != NULL };
        if (!s.best) {
            return;
        }
        step->flow = *s.best;
        for (size_t i = 0; i < s.best->n_actions
             && i < FH_FLOW_MAX_ACTIONS; i++) {
            act(r, &s.best->actions[i]);
        }
        r->metadata = ((r->metadata & ~s.best->metadata_mask)
                       | (s.best->metadata & s.best->metadata_mask));
        more = s.best->next_table > table;
        table = s.best->next_table;
    }
}

void
trace_run(const struct flow_set *flows, const struct trace_packet *packet,
          struct trace *trace)
{
    struct run r = { .flows = flows, .trace = trace, .p = *packet };

    memset(trace, 0, sizeof *trace);
    r.n_tags = packet->vlan.n < MAX_TAGS ? packet->vlan.n : MAX_TAGS;
    memcpy(r.tags, packet->vlan.vids, packet->vlan.n * sizeof *r.tags);
    run_tables(&r, FH_TABLE_CLASSIFY);
}
