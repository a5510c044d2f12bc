/* The flows that Firsthop installs, as values.
 *
 * Builders (flows/flow_*.c) return them, flow_diff compares them, ofcodec
 * turns them into OpenFlow and reads them back.  The language is deliberately
 * no larger than what those builders say.  A 'struct fh_flow' holds no
 * pointer and, once zeroed, no garbage: two equal flows compare equal with
 * fh_flow_same(). */
#ifndef FIRSTHOP_FLOW_H
#define FIRSTHOP_FLOW_H 1

#include <firsthop/types.h>

/* The pipeline of a router.
 *
 *   CLASSIFY  port and outer tag: punt ARP, send IPv4 on      -> INNER, SENDER
 *   INNER     the inner tag of a double-tagged frame          -> SENDER
 *   SENDER    the sender's address, of IPv4 or ARP, noted     -> SOURCE
 *   SOURCE    is it one of our clients, at its place?         -> ROUTE
 *   ROUTE     by destination: client, uplink, ourselves       -> CLIENT, MTU
 *   CLIENT    the one of the address that ROUTE has noted     -> HOP
 *   MTU       may it be too long for the uplink?              -> OUTPUT
 *   HOP       one hop more, of what goes to a client          -> OUTPUT
 *   OUTPUT    a port number in metadata -> that port, even if it is in_port
 *   ECHO      a ping to ourselves: punt it, or answer it
 *   PUNT      to the controller, by a meter of the port it came in by
 *
 * and what a bridge answers by itself while its controller is silent (see
 * flow_answer.h):
 *
 *   DIFFER    a client's question, if it is not for itself    -> REPLY
 *   REPLY     the answer to it                                -> CLIENT
 *   CORE      the answer to the core's question for a client
 *   SWAP      a question turned into its answer
 *   AWAKE     is the controller there?
 */
enum fh_table {
    FH_TABLE_CLASSIFY,
    FH_TABLE_INNER,
    FH_TABLE_SENDER,
    FH_TABLE_SOURCE,
    FH_TABLE_ROUTE,
    FH_TABLE_CLIENT,
    FH_TABLE_MTU,
    FH_TABLE_HOP,
    FH_TABLE_OUTPUT,
    FH_TABLE_ECHO,
    FH_TABLE_PUNT,
    FH_TABLE_DIFFER,
    FH_TABLE_REPLY,
    FH_TABLE_CORE,
    FH_TABLE_SWAP,
    FH_TABLE_AWAKE,
    FH_N_TABLES
};

/* Bits of fh_match.fields: what a match names. */
enum fh_field {
    FH_F_IN_PORT = 1 << 0,
    FH_F_METADATA = 1 << 1,     /* Under metadata_mask. */
    FH_F_ETH_SRC = 1 << 2,
    FH_F_ETH_DST = 1 << 3,
    FH_F_ETH_TYPE = 1 << 4,
    FH_F_VLAN = 1 << 5,         /* vlan_vid: 1...4094, or FH_VLAN_*. */
    FH_F_IP_SRC = 1 << 6,       /* Under ip_src_mask. */
    FH_F_IP_DST = 1 << 7,       /* Under ip_dst_mask. */
    FH_F_IP_PROTO = 1 << 8,
    FH_F_ICMP_TYPE = 1 << 9,
    FH_F_ARP_OP = 1 << 10,
    FH_F_ARP_SPA = 1 << 11,     /* Under arp_spa_mask. */
    FH_F_ARP_TPA = 1 << 12,     /* Under arp_tpa_mask. */
    FH_F_IP_TTL = 1 << 13,      /* Of Open vSwitch. */
    FH_F_REG0 = 1 << 14,        /* And so on, up to FH_N_REGS. */
    FH_F_UDP_SRC = 1 << 20,
    FH_F_UDP_DST = 1 << 21,
};

#define FH_VLAN_NONE     0xffff /* Matches only frames without a tag. */
#define FH_VLAN_PRIORITY 0      /* Only those with a tag of VID 0. */
#define FH_VLAN_ANY      0xfffe /* Any frame with a tag. */

/* Registers of Open vSwitch: what one table finds out for another. */
#define FH_N_REGS 4
#define FH_F_REG(I) (FH_F_REG0 << (I))

struct fh_match {
    uint32_t fields;            /* FH_F_*. What is not named is zero. */
    uint32_t in_port;
    uint64_t metadata, metadata_mask;
    struct eth_addr eth_src, eth_dst;
    uint16_t eth_type;
    uint16_t vlan_vid;
    ovs_be32 ip_src, ip_src_mask;
    ovs_be32 ip_dst, ip_dst_mask;
    ovs_be32 arp_spa, arp_spa_mask;
    ovs_be32 arp_tpa, arp_tpa_mask;
    uint16_t arp_op;
    uint16_t udp_src, udp_dst;
    uint8_t ip_proto;
    uint8_t icmp_type;
    uint8_t ip_ttl;
    uint32_t regs[FH_N_REGS];
};

/* What FH_ACT_MOVE copies, whole, from and to one of the same length. */
enum fh_name {
    FH_NAME_ETH_SRC,
    FH_NAME_ETH_DST,
    FH_NAME_ARP_SHA,
    FH_NAME_ARP_THA,
    FH_NAME_ARP_SPA,
    FH_NAME_ARP_TPA,
    FH_NAME_IP_SRC,
    FH_NAME_IP_DST,
    FH_NAME_REG0,               /* And so on, up to FH_N_REGS. */
    FH_N_NAMES = FH_NAME_REG0 + FH_N_REGS
};

enum fh_action_type {
    FH_ACT_OUTPUT = 1,          /* u.port */
    FH_ACT_CONTROLLER,          /* whole frame, no buffer */
    FH_ACT_SET_ETH_SRC,         /* u.mac */
    FH_ACT_SET_ETH_DST,         /* u.mac */
    FH_ACT_SET_ARP_OP,          /* u.op */
    FH_ACT_SET_ARP_SHA,         /* u.mac */
    FH_ACT_SET_ARP_SPA,         /* u.ip4 */
    FH_ACT_SET_ARP_TPA,         /* u.ip4 */
    FH_ACT_SET_ARP_THA,         /* u.mac; only in packet-outs. */
    FH_ACT_DEC_TTL,
    FH_ACT_PUSH_VLAN,           /* u.vid = TPID; new tag copies VID 0 */
    FH_ACT_SET_VLAN,            /* u.vid = 1...4094, outermost tag */
    FH_ACT_POP_VLAN,
    FH_ACT_CHECK_LARGER,        /* u.len: bit FH_META_LARGER_BIT of metadata
                                 * tells whether the frame, without checksum,
                                 * is longer than so many bytes.  Of Open
                                 * vSwitch; not in packet-outs. */
    FH_ACT_SET_ICMP_TYPE,       /* u.number; not in packet-outs, like those
                                 * that follow. */
    FH_ACT_SET_TTL,             /* u.number */
    FH_ACT_SET_REG,             /* u.reg */
    FH_ACT_MOVE,                /* u.move; of Open vSwitch. */
    FH_ACT_RESUBMIT,            /* u.number: runs that table, then what
                                 * follows.  Of Open vSwitch. */
};

#define FH_META_LARGER_BIT 60

#define FH_PORT_IN_PORT    0xfffffff8u   /* OFPP_IN_PORT */
#define FH_PORT_TABLE      0xfffffff9u   /* OFPP_TABLE: packet-out only. */
#define FH_PORT_NORMAL     0xfffffffau   /* OFPP_NORMAL: a learning switch. */
#define FH_PORT_CONTROLLER 0xfffffffdu   /* OFPP_CONTROLLER */
#define FH_PORT_NONE       0xffffffffu   /* OFPP_ANY */

struct fh_action {
    uint32_t type;              /* enum fh_action_type */
    union {
        uint32_t port;
        uint32_t vid;
        uint32_t len;
        uint32_t op;
        ovs_be32 ip4;
        uint32_t number;
        struct { uint16_t from, to; } move;     /* enum fh_name */
        struct { uint32_t index, value; } reg;
        struct eth_addr mac;
        uint8_t raw[8];         /* Zero what the member does not cover. */
    } u;
};

#define FH_FLOW_MAX_ACTIONS 10

struct fh_flow {
    uint64_t cookie;            /* See below. */
    uint8_t table;              /* enum fh_table */
    uint8_t next_table;         /* Goto-table, 0: none. */
    uint16_t priority;
    uint16_t hard_timeout_s;    /* 0: permanent. */
    bool send_removed;          /* Ask for a flow-removed message. */
    uint8_t n_actions;          /* Apply-actions. */
    struct fh_match match;
    uint32_t meter;             /* 0: none. */
    uint64_t metadata, metadata_mask;   /* Write-metadata, mask 0: none. */
    struct fh_action actions[FH_FLOW_MAX_ACTIONS];
    uint64_t n_packets, n_bytes;    /* As a bridge has counted; no part of
                                     * what the flow is. */
};

/* Cookies: whose flow it is, what it is for, and which decision made it.
 *
 *    63      48 47   40 39      32 31             0
 *   +----------+-------+----------+----------------+
 *   | FH_MAGIC | kind  | reserved |    decision    |
 *   +----------+-------+----------+----------------+
 *
 * Of two routers that hold a client, the one with the later decision is right
 * (serial number arithmetic, RFC 1982).  Flows without the magic belong to
 * somebody else and are never touched. */
#define FH_COOKIE_MAGIC      UINT64_C(0xf1a5)
#define FH_COOKIE_OURS       (FH_COOKIE_MAGIC << 48)
#define FH_COOKIE_OURS_MASK  (UINT64_C(0xffff) << 48)
#define FH_COOKIE_KIND_MASK  (UINT64_C(0xffffff) << 40)     /* With the magic. */

enum fh_flow_kind {
    FH_KIND_BASE = 1,           /* Every router holds it: punts, drops. */
    FH_KIND_UPLINK,             /* Towards the core, by next hop. */
    FH_KIND_CLIENT,             /* A client on its active router. */
    FH_KIND_CORE,               /* A client on a core bridge. */
    FH_KIND_STALE,              /* Short-lived: who still sends elsewhere. */
    FH_KIND_CHECK,              /* Short-lived: what can this bridge do. */
    FH_KIND_AWAKE,              /* The controller is there: it renews it. */
    FH_KIND_MUTE,               /* Short-lived: who asks too much. */
};

static inline uint64_t
fh_cookie(enum fh_flow_kind kind, uint32_t decision)
{
    return FH_COOKIE_OURS | (uint64_t) kind << 40 | decision;
}

static inline bool
fh_cookie_is_ours(uint64_t cookie)
{
    return (cookie & FH_COOKIE_OURS_MASK) == FH_COOKIE_OURS;
}

static inline enum fh_flow_kind
fh_cookie_kind(uint64_t cookie)
{
    return (enum fh_flow_kind) ((cookie >> 40) & 0xff);
}

static inline uint32_t
fh_cookie_decision(uint64_t cookie)
{
    return (uint32_t) cookie;
}

/* A change to a bridge's flow table. */
enum fh_change_op {
    FH_CHANGE_ADD,              /* Replaces one of the same match. */
    FH_CHANGE_DELETE,           /* Strict: table, priority, match and, under
                                 * FH_COOKIE_KIND_MASK, the cookie. */
};

struct fh_change {
    enum fh_change_op op;
    struct fh_flow flow;
};

/* A growing list of changes, in the order in which they must take effect.
 * All zero is an empty list. */
struct fh_changes {
    struct fh_change *items;    /* Owned. */
    size_t n, cap;
};

void fh_changes_add(struct fh_changes *, enum fh_change_op,
                    const struct fh_flow *);
void fh_changes_clear(struct fh_changes *);     /* Keeps the memory. */
void fh_changes_destroy(struct fh_changes *);

/* Same table, priority and match: one replaces the other. */
bool fh_flow_same_key(const struct fh_flow *, const struct fh_flow *);
/* The same in everything, cookie included; whatever they have counted. */
bool fh_flow_same(const struct fh_flow *, const struct fh_flow *);
/* For reading: "table=2 priority=100 in_port=1 ... actions=...".  Returns
 * new. */
char *fh_flow_format(const struct fh_flow *);

/* A meter: packets a second, with a burst. */
struct fh_meter {
    uint32_t id;                /* 1..., or FH_METER_CONTROLLER */
    uint32_t rate_pps;
    uint32_t burst;             /* Packets. */
};

/* OFPM_CONTROLLER: the meter of all that goes to the controller (7.3.4.5). */
#define FH_METER_CONTROLLER UINT32_C(0xfffffffe)

#endif /* firsthop/flow.h */
