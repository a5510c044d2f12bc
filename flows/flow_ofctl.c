/* A flow as `ovs-ofctl dump-flows --no-stats` writes it, so that the two can
 * be compared by eye and by diff.  See flow_ofctl.h.
 *
 * The order of fields and the short names are those of Open vSwitch's
 * match_format() and ofpacts_format(). */
#include <config.h>

#include "flows/flow_ofctl.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <firsthop/buf.h>

#include "flows/arp.h"

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

static const char *
port_name(uint32_t port, char text[16])
{
    switch (port) {
    case FH_PORT_IN_PORT: return "IN_PORT";
    case FH_PORT_TABLE: return "TABLE";
    case FH_PORT_NORMAL: return "NORMAL";
    case FH_PORT_CONTROLLER: return "CONTROLLER";
    case FH_PORT_NONE: return "ANY";
    default:
        snprintf(text, 16, "%" PRIu32, port);
        return text;
    }
}

/* ",name=value/mask" of 64 bits. */
static void
put_masked(struct fh_buf *buf, const char *name, uint64_t value,
           uint64_t mask)
{
    put(buf, value ? ",%s=0x%" PRIx64 : ",%s=%" PRIu64, name, value);
    if (mask != UINT64_MAX) {
        put(buf, "/0x%" PRIx64, mask);
    }
}

static void
put_mac(struct fh_buf *buf, const char *format, struct eth_addr mac)
{
    char text[FH_MAC_STRLEN];

    fh_buf_append(buf, format, strlen(format));
    put(buf, "%s", fh_mac_format(mac, text));
}

/* ",name=10.0.0.0/24", or a mask in full where it is no prefix. */
static void
put_ip(struct fh_buf *buf, const char *name, ovs_be32 ip, ovs_be32 mask)
{
    char text[FH_ADDR_STRLEN];
    int plen = 0;

    put(buf, ",%s=%s", name, fh_addr_format((struct fh_addr) { ip }, text));
    while (plen < 32 && fh_prefix_mask(plen) != mask) {
        plen++;
    }
    if (mask == (ovs_be32) UINT32_MAX) {
        return;
    }
    if (fh_prefix_mask(plen) == mask) {
        put(buf, "/%d", plen);
    } else {
        put(buf, "/%s", fh_addr_format((struct fh_addr) { mask }, text));
    }
}

/* "ip", "udp", ...: what the match's protocol is called. */
static void
put_protocol(struct fh_buf *buf, const struct fh_match *m)
{
    if (!(m->fields & FH_F_ETH_TYPE)) {
        return;
    }
    if (m->eth_type == ETHERTYPE_ARP) {
        put(buf, ",arp");
    } else if (m->eth_type != ETHERTYPE_IPV4) {
        put(buf, ",dl_type=0x%04x", m->eth_type);
    } else if (!(m->fields & FH_F_IP_PROTO)) {
        put(buf, ",ip");
    } else {
        put(buf, ",%s", m->ip_proto == 1 ? "icmp" : m->ip_proto == 6 ? "tcp"
            : m->ip_proto == 17 ? "udp" : "ip");
        if (m->ip_proto != 1 && m->ip_proto != 6 && m->ip_proto != 17) {
            put(buf, ",nw_proto=%u", m->ip_proto);
        }
    }
}

static void
put_l2(struct fh_buf *buf, const struct fh_match *m)
{
    char text[16];

    for (int i = 0; i < FH_N_REGS; i++) {
        if (m->fields & FH_F_REG(i)) {
            put(buf, m->regs[i] ? ",reg%d=0x%" PRIx32 : ",reg%d=%" PRIu32, i,
                m->regs[i]);
        }
    }
    if (m->fields & FH_F_METADATA) {
        put_masked(buf, "metadata", m->metadata, m->metadata_mask);
    }
    if (m->fields & FH_F_IN_PORT) {
        put(buf, ",in_port=%s", port_name(m->in_port, text));
    }
    if (m->fields & FH_F_VLAN) {
        if (m->vlan_vid == FH_VLAN_NONE) {
            put(buf, ",vlan_tci=0x0000/0x1fff");
        } else if (m->vlan_vid == FH_VLAN_ANY) {
            put(buf, ",vlan_tci=0x1000/0x1000");
        } else {
            put(buf, ",dl_vlan=%u", m->vlan_vid);
        }
    }
    if (m->fields & FH_F_ETH_SRC) {
        put_mac(buf, ",dl_src=", m->eth_src);
    }
    if (m->fields & FH_F_ETH_DST) {
        put_mac(buf, ",dl_dst=", m->eth_dst);
    }
}

static void
put_l3(struct fh_buf *buf, const struct fh_match *m)
{
    if (m->fields & FH_F_IP_SRC) {
        put_ip(buf, "nw_src", m->ip_src, m->ip_src_mask);
    }
    if (m->fields & FH_F_IP_DST) {
        put_ip(buf, "nw_dst", m->ip_dst, m->ip_dst_mask);
    }
    if (m->fields & FH_F_ARP_SPA) {
        put_ip(buf, "arp_spa", m->arp_spa, m->arp_spa_mask);
    }
    if (m->fields & FH_F_ARP_TPA) {
        put_ip(buf, "arp_tpa", m->arp_tpa, m->arp_tpa_mask);
    }
    if (m->fields & FH_F_ARP_OP) {
        put(buf, ",arp_op=%u", m->arp_op);
    }
    if (m->fields & FH_F_IP_TTL) {
        put(buf, ",nw_ttl=%u", m->ip_ttl);
    }
    if (m->fields & FH_F_UDP_SRC) {
        put(buf, ",tp_src=%u", m->udp_src);
    }
    if (m->fields & FH_F_UDP_DST) {
        put(buf, ",tp_dst=%u", m->udp_dst);
    }
    if (m->fields & FH_F_ICMP_TYPE) {
        put(buf, ",icmp_type=%u", m->icmp_type);
    }
}

static const char *
field_name(unsigned int name)
{
    static const char *const names[FH_N_NAMES] = {
        [FH_NAME_ETH_SRC] = "NXM_OF_ETH_SRC[]",
        [FH_NAME_ETH_DST] = "NXM_OF_ETH_DST[]",
        [FH_NAME_ARP_SHA] = "NXM_NX_ARP_SHA[]",
        [FH_NAME_ARP_THA] = "NXM_NX_ARP_THA[]",
        [FH_NAME_ARP_SPA] = "NXM_OF_ARP_SPA[]",
        [FH_NAME_ARP_TPA] = "NXM_OF_ARP_TPA[]",
        [FH_NAME_IP_SRC] = "NXM_OF_IP_SRC[]",
        [FH_NAME_IP_DST] = "NXM_OF_IP_DST[]",
        [FH_NAME_REG0] = "NXM_NX_REG0[]",
        [FH_NAME_REG0 + 1] = "NXM_NX_REG1[]",
        [FH_NAME_REG0 + 2] = "NXM_NX_REG2[]",
        [FH_NAME_REG0 + 3] = "NXM_NX_REG3[]",
    };

    return name < FH_N_NAMES && names[name] ? names[name] : "?";
}

static void
put_set_ip(struct fh_buf *buf, ovs_be32 ip, const char *field)
{
    char text[FH_ADDR_STRLEN];

    put(buf, "set_field:%s->%s", fh_addr_format((struct fh_addr) { ip }, text),
        field);
}

static void
put_set_mac(struct fh_buf *buf, struct eth_addr mac, const char *field)
{
    put_mac(buf, "set_field:", mac);
    put(buf, "->%s", field);
}

static void
put_action(struct fh_buf *buf, const struct fh_action *a)
{
    char text[16];

    switch ((enum fh_action_type) a->type) {
    case FH_ACT_OUTPUT:
        put(buf, a->u.port < 0xffffff00u ? "output:%s" : "%s",
            port_name(a->u.port, text));
        break;
    case FH_ACT_CONTROLLER: put(buf, "CONTROLLER:65535"); break;
    case FH_ACT_SET_ETH_SRC: put_set_mac(buf, a->u.mac, "eth_src"); break;
    case FH_ACT_SET_ETH_DST: put_set_mac(buf, a->u.mac, "eth_dst"); break;
    case FH_ACT_SET_ARP_SHA: put_set_mac(buf, a->u.mac, "arp_sha"); break;
    case FH_ACT_SET_ARP_THA: put_set_mac(buf, a->u.mac, "arp_tha"); break;
    case FH_ACT_SET_ARP_SPA: put_set_ip(buf, a->u.ip4, "arp_spa"); break;
    case FH_ACT_SET_ARP_TPA: put_set_ip(buf, a->u.ip4, "arp_tpa"); break;
    case FH_ACT_SET_ARP_OP:
        put(buf, "set_field:%" PRIu32 "->arp_op", a->u.op);
        break;
    case FH_ACT_DEC_TTL: put(buf, "dec_ttl"); break;
    case FH_ACT_PUSH_VLAN:
        put(buf, "push_vlan:0x%04" PRIx32, a->u.vid);
        break;
    case FH_ACT_SET_VLAN:
        put(buf, "set_field:%" PRIu32 "->vlan_vid", a->u.vid | 0x1000);
        break;
    case FH_ACT_POP_VLAN: put(buf, "pop_vlan"); break;
    case FH_ACT_CHECK_LARGER:
        put(buf, "check_pkt_larger(%" PRIu32 ")->OXM_OF_METADATA[%d]",
            a->u.len, FH_META_LARGER_BIT);
        break;
    case FH_ACT_SET_ICMP_TYPE:
        put(buf, "set_field:%" PRIu32 "->icmp_type", a->u.number);
        break;
    case FH_ACT_SET_TTL:
        put(buf, "set_field:%" PRIu32 "->nw_ttl", a->u.number);
        break;
    case FH_ACT_SET_REG:
        put(buf, "set_field:0x%" PRIx32 "->reg%d", a->u.reg.value,
            (int) a->u.reg.index);
        break;
    case FH_ACT_MOVE:
        put(buf, "move:%s->%s", field_name(a->u.move.from),
            field_name(a->u.move.to));
        break;
    case FH_ACT_RESUBMIT:
        put(buf, "resubmit(,%" PRIu32 ")", a->u.number);
        break;
    }
}

static void
put_actions(struct fh_buf *buf, const struct fh_flow *flow)
{
    size_t start = buf->len;

    if (flow->meter) {
        put(buf, "meter:%" PRIu32 ",", flow->meter);
    }
    for (size_t i = 0; i < flow->n_actions && i < FH_FLOW_MAX_ACTIONS; i++) {
        put_action(buf, &flow->actions[i]);
        put(buf, ",");
    }
    if (flow->metadata_mask) {
        put(buf, flow->metadata ? "write_metadata:0x%" PRIx64
            : "write_metadata:%" PRIu64, flow->metadata);
        if (flow->metadata_mask != UINT64_MAX) {
            put(buf, "/0x%" PRIx64, flow->metadata_mask);
        }
        put(buf, ",");
    }
    if (flow->next_table) {
        put(buf, "goto_table:%u,", flow->next_table);
    }
    if (buf->len == start) {
        put(buf, "drop,");
    }
    buf->len--;                 /* The last comma. */
}

char *
flow_format_ofctl(const struct fh_flow *flow)
{
    struct fh_buf buf = { NULL, 0, 0 };

    put(&buf, "cookie=0x%" PRIx64 ", ", flow->cookie);
    if (flow->table) {
        put(&buf, "table=%u, ", flow->table);
    }
    if (flow->hard_timeout_s) {
        put(&buf, "hard_timeout=%u, ", flow->hard_timeout_s);
    }
    if (flow->send_removed) {
        put(&buf, "send_flow_rem ");
    }
    put(&buf, "priority=%u", flow->priority);
    put_protocol(&buf, &flow->match);
    put_l2(&buf, &flow->match);
    put_l3(&buf, &flow->match);
    put(&buf, " actions=");
    put_actions(&buf, flow);
    fh_buf_append(&buf, "", 1);
    return (char *) buf.data;
}
