/* Flows as values: lists of changes, comparison, and a form for reading.
 *
 * Pure.  What a flow means is decided by the builders and by ofcodec. */
#include <config.h>

#include <firsthop/flow.h>

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <firsthop/buf.h>

void
fh_changes_add(struct fh_changes *changes, enum fh_change_op op,
               const struct fh_flow *flow)
{
    if (changes->n == changes->cap) {
        changes->cap = changes->cap ? 2 * changes->cap : 16;
        changes->items = fh_xrealloc(changes->items,
                                     changes->cap * sizeof *changes->items);
    }
    changes->items[changes->n++] = (struct fh_change) { op, *flow };
}

void
fh_changes_clear(struct fh_changes *changes)
{
    changes->n = 0;
}

void
fh_changes_destroy(struct fh_changes *changes)
{
    free(changes->items);
    *changes = (struct fh_changes) { 0 };
}

/* Member by member: padding and what the flow's owner left behind in it do
 * not count. */
static bool
match_same(const struct fh_match *a, const struct fh_match *b)
{
    return a->fields == b->fields
           && a->in_port == b->in_port
           && a->metadata == b->metadata
           && a->metadata_mask == b->metadata_mask
           && fh_mac_equal(a->eth_src, b->eth_src)
           && fh_mac_equal(a->eth_dst, b->eth_dst)
           && a->eth_type == b->eth_type
           && a->vlan_vid == b->vlan_vid
           && a->ip_src == b->ip_src
           && a->ip_src_mask == b->ip_src_mask
           && a->ip_dst == b->ip_dst
           && a->ip_dst_mask == b->ip_dst_mask
           && a->arp_spa == b->arp_spa
           && a->arp_spa_mask == b->arp_spa_mask
           && a->arp_tpa == b->arp_tpa
           && a->arp_tpa_mask == b->arp_tpa_mask
           && a->arp_op == b->arp_op
           && a->ip_proto == b->ip_proto
           && a->icmp_type == b->icmp_type
           && a->udp_src == b->udp_src
           && a->udp_dst == b->udp_dst
           && a->ip_ttl == b->ip_ttl
           && !memcmp(a->regs, b->regs, sizeof a->regs);
}

bool
fh_flow_same_key(const struct fh_flow *a, const struct fh_flow *b)
{
    return a->table == b->table
           && a->priority == b->priority
           && match_same(&a->match, &b->match);
}

static bool
action_same(const struct fh_action *a, const struct fh_action *b)
{
    if (a->type != b->type) {
        return false;
    }
    switch ((enum fh_action_type) a->type) {
    case FH_ACT_OUTPUT:
        return a->u.port == b->u.port;
    case FH_ACT_SET_ETH_SRC:
    case FH_ACT_SET_ETH_DST:
    case FH_ACT_SET_ARP_SHA:
    case FH_ACT_SET_ARP_THA:
        return fh_mac_equal(a->u.mac, b->u.mac);
    case FH_ACT_SET_ARP_SPA:
    case FH_ACT_SET_ARP_TPA:
        return a->u.ip4 == b->u.ip4;
    case FH_ACT_SET_ARP_OP:
        return a->u.op == b->u.op;
    case FH_ACT_PUSH_VLAN:
    case FH_ACT_SET_VLAN:
        return a->u.vid == b->u.vid;
    case FH_ACT_CHECK_LARGER:
        return a->u.len == b->u.len;
    case FH_ACT_SET_ICMP_TYPE:
    case FH_ACT_SET_TTL:
    case FH_ACT_RESUBMIT:
        return a->u.number == b->u.number;
    case FH_ACT_SET_REG:
        return (a->u.reg.index == b->u.reg.index
                && a->u.reg.value == b->u.reg.value);
    case FH_ACT_MOVE:
        return (a->u.move.from == b->u.move.from
                && a->u.move.to == b->u.move.to);
    case FH_ACT_CONTROLLER:
    case FH_ACT_DEC_TTL:
    case FH_ACT_POP_VLAN:
        return true;
    }
    return false;
}

static bool
actions_same(const struct fh_flow *a, const struct fh_flow *b)
{
    /* A count beyond the array: a flow that our language cannot express (see
     * ofcodec_decode()).  It equals none. */
    if (a->n_actions != b->n_actions
        || a->n_actions > FH_FLOW_MAX_ACTIONS) {
        return false;
    }
    for (size_t i = 0; i < a->n_actions; i++) {
        if (!action_same(&a->actions[i], &b->actions[i])) {
            return false;
        }
    }
    return true;
}

bool
fh_flow_same(const struct fh_flow *a, const struct fh_flow *b)
{
    return fh_flow_same_key(a, b)
           && a->cookie == b->cookie
           && a->next_table == b->next_table
           && a->hard_timeout_s == b->hard_timeout_s
           && a->send_removed == b->send_removed
           && a->meter == b->meter
           && a->metadata == b->metadata
           && a->metadata_mask == b->metadata_mask
           && actions_same(a, b);
}

/* Appends text, without the terminating null. */
static void __attribute__((format(printf, 2, 3)))
put(struct fh_buf *buf, const char *format, ...)
{
    char text[128];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fh_buf_append(buf, text, (size_t) n < sizeof text ? (size_t) n
                                                      : sizeof text - 1);
}

static void
put_mac(struct fh_buf *buf, const char *name, struct eth_addr mac)
{
    char text[FH_MAC_STRLEN];

    put(buf, "%s%s", name, fh_mac_format(mac, text));
}

/* "name=10.0.0.1", and the mask behind a slash unless it is exact. */
static void
put_ip(struct fh_buf *buf, const char *name, ovs_be32 ip, ovs_be32 mask)
{
    char text[FH_ADDR_STRLEN];

    put(buf, " %s=%s", name, fh_addr_format((struct fh_addr) { ip }, text));
    if (mask != (ovs_be32) UINT32_MAX) {
        put(buf, "/%s", fh_addr_format((struct fh_addr) { mask }, text));
    }
}

static void
put_metadata(struct fh_buf *buf, const char *name, uint64_t value,
             uint64_t mask)
{
    put(buf, "%s0x%" PRIx64, name, value);
    if (mask != UINT64_MAX) {
        put(buf, "/0x%" PRIx64, mask);
    }
}

static void
put_port(struct fh_buf *buf, const char *name, uint32_t port)
{
    switch (port) {
    case FH_PORT_IN_PORT:
        put(buf, "%sin_port", name);
        break;
    case FH_PORT_TABLE:
        put(buf, "%stable", name);
        break;
    case FH_PORT_NORMAL:
        put(buf, "%snormal", name);
        break;
    case FH_PORT_CONTROLLER:
        put(buf, "%scontroller", name);
        break;
    case FH_PORT_NONE:
        put(buf, "%snone", name);
        break;
    default:
        put(buf, "%s%" PRIu32, name, port);
        break;
    }
}

static void
put_match_l2(struct fh_buf *buf, const struct fh_match *match)
{
    if (match->fields & FH_F_IN_PORT) {
        put_port(buf, " in_port=", match->in_port);
    }
    if (match->fields & FH_F_METADATA) {
        put_metadata(buf, " metadata=", match->metadata,
                     match->metadata_mask);
    }
    if (match->fields & FH_F_ETH_SRC) {
        put_mac(buf, " eth_src=", match->eth_src);
    }
    if (match->fields & FH_F_ETH_DST) {
        put_mac(buf, " eth_dst=", match->eth_dst);
    }
    if (match->fields & FH_F_ETH_TYPE) {
        put(buf, " eth_type=0x%04x", match->eth_type);
    }
    if (match->fields & FH_F_VLAN) {
        if (match->vlan_vid == FH_VLAN_NONE) {
            put(buf, " vlan=none");
        } else if (match->vlan_vid == FH_VLAN_ANY) {
            put(buf, " vlan=any");
        } else {
            put(buf, " vlan=%u", match->vlan_vid);
        }
    }
}

static void
put_match_regs(struct fh_buf *buf, const struct fh_match *match)
{
    for (int i = 0; i < FH_N_REGS; i++) {
        if (match->fields & FH_F_REG(i)) {
            put(buf, " reg%d=0x%" PRIx32, i, match->regs[i]);
        }
    }
}

static void
put_match_l3(struct fh_buf *buf, const struct fh_match *match)
{
    if (match->fields & FH_F_IP_SRC) {
        put_ip(buf, "ip_src", match->ip_src, match->ip_src_mask);
    }
    if (match->fields & FH_F_IP_DST) {
        put_ip(buf, "ip_dst", match->ip_dst, match->ip_dst_mask);
    }
    if (match->fields & FH_F_IP_PROTO) {
        put(buf, " ip_proto=%u", match->ip_proto);
    }
    if (match->fields & FH_F_ICMP_TYPE) {
        put(buf, " icmp_type=%u", match->icmp_type);
    }
    if (match->fields & FH_F_IP_TTL) {
        put(buf, " ip_ttl=%u", match->ip_ttl);
    }
    if (match->fields & FH_F_UDP_SRC) {
        put(buf, " udp_src=%u", match->udp_src);
    }
    if (match->fields & FH_F_UDP_DST) {
        put(buf, " udp_dst=%u", match->udp_dst);
    }
    if (match->fields & FH_F_ARP_OP) {
        put(buf, " arp_op=%u", match->arp_op);
    }
    if (match->fields & FH_F_ARP_SPA) {
        put_ip(buf, "arp_spa", match->arp_spa, match->arp_spa_mask);
    }
    if (match->fields & FH_F_ARP_TPA) {
        put_ip(buf, "arp_tpa", match->arp_tpa, match->arp_tpa_mask);
    }
}

static const char *
name_of(unsigned int name)
{
    static const char *const names[FH_N_NAMES] = {
        [FH_NAME_ETH_SRC] = "eth_src", [FH_NAME_ETH_DST] = "eth_dst",
        [FH_NAME_ARP_SHA] = "arp_sha", [FH_NAME_ARP_THA] = "arp_tha",
        [FH_NAME_ARP_SPA] = "arp_spa", [FH_NAME_ARP_TPA] = "arp_tpa",
        [FH_NAME_IP_SRC] = "ip_src", [FH_NAME_IP_DST] = "ip_dst",
        [FH_NAME_REG0] = "reg0", [FH_NAME_REG0 + 1] = "reg1",
        [FH_NAME_REG0 + 2] = "reg2", [FH_NAME_REG0 + 3] = "reg3",
    };

    return name < FH_N_NAMES ? names[name] : "unknown";
}

static void
put_action(struct fh_buf *buf, const struct fh_action *action)
{
    char text[FH_ADDR_STRLEN];

    switch ((enum fh_action_type) action->type) {
    case FH_ACT_OUTPUT:
        put_port(buf, "output:", action->u.port);
        return;
    case FH_ACT_CONTROLLER:
        put(buf, "controller");
        return;
    case FH_ACT_SET_ETH_SRC:
        put_mac(buf, "set_eth_src:", action->u.mac);
        return;
    case FH_ACT_SET_ETH_DST:
        put_mac(buf, "set_eth_dst:", action->u.mac);
        return;
    case FH_ACT_SET_ARP_SPA:
    case FH_ACT_SET_ARP_TPA:
        put(buf, "set_arp_%s:%s",
            action->type == FH_ACT_SET_ARP_SPA ? "spa" : "tpa",
            fh_addr_format((struct fh_addr) { action->u.ip4 }, text));
        return;
    case FH_ACT_SET_ARP_SHA:
        put_mac(buf, "set_arp_sha:", action->u.mac);
        return;
    case FH_ACT_SET_ARP_THA:
        put_mac(buf, "set_arp_tha:", action->u.mac);
        return;
    case FH_ACT_SET_ARP_OP:
        put(buf, "set_arp_op:%" PRIu32, action->u.op);
        return;
    case FH_ACT_DEC_TTL:
        put(buf, "dec_ttl");
        return;
    case FH_ACT_PUSH_VLAN:
        put(buf, "push_vlan:0x%04" PRIx32, action->u.vid);
        return;
    case FH_ACT_SET_VLAN:
        put(buf, "set_vlan:%" PRIu32, action->u.vid);
        return;
    case FH_ACT_POP_VLAN:
        put(buf, "pop_vlan");
        return;
    case FH_ACT_CHECK_LARGER:
        put(buf, "check_larger:%" PRIu32, action->u.len);
        return;
    case FH_ACT_SET_ICMP_TYPE:
        put(buf, "set_icmp_type:%" PRIu32, action->u.number);
        return;
    case FH_ACT_SET_TTL:
        put(buf, "set_ttl:%" PRIu32, action->u.number);
        return;
    case FH_ACT_RESUBMIT:
        put(buf, "resubmit:%" PRIu32, action->u.number);
        return;
    case FH_ACT_SET_REG:
        put(buf, "set_reg%" PRIu32 ":0x%" PRIx32, action->u.reg.index,
            action->u.reg.value);
        return;
    case FH_ACT_MOVE:
        put(buf, "move:%s->%s", name_of(action->u.move.from),
            name_of(action->u.move.to));
        return;
    }
    put(buf, "unknown:%" PRIu32, action->type);
}

/* The instructions in the order in which a bridge carries them out: meter,
 * apply-actions, write-metadata, goto-table. */
static void
put_actions(struct fh_buf *buf, const struct fh_flow *flow)
{
    size_t start;

    put(buf, " actions=");
    start = buf->len;
    if (flow->meter) {
        put(buf, "meter:%" PRIu32 ",", flow->meter);
    }
    if (flow->n_actions > FH_FLOW_MAX_ACTIONS) {
        put(buf, "unknown,");
    } else {
        for (size_t i = 0; i < flow->n_actions; i++) {
            put_action(buf, &flow->actions[i]);
            put(buf, ",");
        }
    }
    if (flow->metadata_mask) {
        put_metadata(buf, "write_metadata:", flow->metadata,
                     flow->metadata_mask);
        put(buf, ",");
    }
    if (flow->next_table) {
        put(buf, "goto:%u,", flow->next_table);
    }
    if (buf->len > start) {
        buf->len--;             /* The last comma. */
    } else {
        put(buf, "drop");
    }
}

char *
fh_flow_format(const struct fh_flow *flow)
{
    struct fh_buf buf = { 0 };

    put(&buf, "table=%u priority=%u", flow->table, flow->priority);
    put(&buf, " cookie=0x%" PRIx64, flow->cookie);
    if (flow->hard_timeout_s) {
        put(&buf, " hard_timeout=%u", flow->hard_timeout_s);
    }
    if (flow->send_removed) {
        put(&buf, " send_removed");
    }
    put_match_l2(&buf, &flow->match);
    put_match_regs(&buf, &flow->match);
    put_match_l3(&buf, &flow->match);
    put_actions(&buf, flow);
    fh_buf_append(&buf, "", 1);
    return (char *) buf.data;
}
