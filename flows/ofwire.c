/* The parts of OpenFlow 1.3-1.5 that are read and written by hand.
 *
 * Section numbers are those of OpenFlow 1.4 (ONF TS-012) unless 1.5 (TS-025)
 * is named.  Everything that is read is hostile: a cursor holds what is left,
 * and each step checks, then reads. */
#include <config.h>

#include "flows/ofwire.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>

/* OXM, 7.2.3.2: class 16 bits, field 7, has-mask 1, length 8. */
#define OXM_CLASS_NX1   0x0001
#define OXM_CLASS_BASIC 0x8000
#define OXM_CLASS_REGS  0x8001  /* 1.5, 7.2.3.10: two of 32 bits each. */
#define OXM_HEADER_LEN  4
#define OXM_HEADER(FIELD, LEN) \
    ((uint32_t) OXM_CLASS_BASIC << 16 | (FIELD) << 9 | (LEN))
#define NX1_HEADER(FIELD, LEN) \
    ((uint32_t) OXM_CLASS_NX1 << 16 | (FIELD) << 9 | (LEN))

enum oxm_field {
    OXM_IN_PORT = 0,
    OXM_METADATA = 2,
    OXM_ETH_DST = 3,
    OXM_ETH_SRC = 4,
    OXM_ETH_TYPE = 5,
    OXM_VLAN_VID = 6,
    OXM_IP_PROTO = 10,
    OXM_IPV4_SRC = 11,
    OXM_IPV4_DST = 12,
    OXM_UDP_SRC = 15,
    OXM_UDP_DST = 16,
    OXM_ICMPV4_TYPE = 19,
    OXM_ARP_OP = 21,
    OXM_ARP_SPA = 22,
    OXM_ARP_TPA = 23,
    OXM_ARP_SHA = 24,
    OXM_ARP_THA = 25,
};

#define NX1_IP_TTL 29           /* Of Open vSwitch: NXM_NX_IP_TTL, */
#define NX1_REG0   0            /* NXM_NX_REG0...15. */

#define VID_PRESENT 0x1000      /* OFPVID_PRESENT */
#define MATCH_TYPE_OXM 1
#define MATCH_HEADER_LEN 4

#define PACKET_IN_FIXED_LEN 24  /* With the header, without the match. */

enum {                          /* 7.2.4, 7.2.5 */
    INSN_GOTO_TABLE = 1,
    INSN_WRITE_METADATA = 2,
    INSN_APPLY_ACTIONS = 4,
    INSN_METER = 6,             /* Until 1.4. */
    ACTION_OUTPUT = 0,
    ACTION_PUSH_VLAN = 17,
    ACTION_POP_VLAN = 18,
    ACTION_DEC_NW_TTL = 24,
    ACTION_SET_FIELD = 25,
    ACTION_COPY_FIELD = 28,     /* 1.5. */
    ACTION_METER = 29,          /* 1.5: was an instruction. */
    ACTION_EXPERIMENTER = 0xffff,
};

/* Open vSwitch's action that compares a frame's length (ovs-actions(7),
 * check_pkt_larger): vendor 32, subtype 16, length 16, number of the bit 16,
 * the OXM header of the field that it is in, pad. */
#define NX_VENDOR           0x00002320
#define NX_CHECK_PKT_LARGER 49

/* Of Open vSwitch as well.  reg_move: vendor 32, subtype 16, number of bits
 * 16, from bit 16, to bit 16, the OXM headers of both fields; 1.5's copy-field
 * is the same behind its own type.  resubmit: vendor 32, subtype 16, in_port
 * 16, table 8, pad. */
#define NX_REG_MOVE         6
#define NX_RESUBMIT_TABLE   14
#define NX_IN_PORT          0xfff8

#define CONTROLLER_WHOLE_FRAME 0xffff   /* OFPCML_NO_BUFFER */

#define OFPP_MAX      0xffffff00u
#define OXM_OFPP_LAST 0xfeffu   /* The highest that Open vSwitch can name. */

bool
ofwire_port_is_valid(uint32_t port)
{
    return port <= OXM_OFPP_LAST || port >= OFPP_MAX;
}

static void
cursor_advance(struct ofwire_cursor *c, size_t n)
{
    c->p += n;
    c->left -= n;
}

/* One OXM field taken off a match. */
struct oxm {
    unsigned int class, field;
    bool has_mask;
    const uint8_t *value, *mask;    /* 'mask' only with has_mask. */
    size_t len;                     /* Of each. */
};

static bool
oxm_pull(struct ofwire_cursor *c, struct oxm *oxm)
{
    size_t payload_len;

    if (c->left < OXM_HEADER_LEN) {
        return false;
    }
    payload_len = c->p[3];
    if (c->left - OXM_HEADER_LEN < payload_len) {
        return false;
    }
    oxm->class = wire_get_u16(c->p);
    oxm->field = c->p[2] >> 1;
    oxm->has_mask = c->p[2] & 1;
    oxm->len = oxm->has_mask ? payload_len / 2 : payload_len;
    oxm->value = c->p + OXM_HEADER_LEN;
    oxm->mask = oxm->value + oxm->len;
    cursor_advance(c, OXM_HEADER_LEN + payload_len);
    return !oxm->has_mask || !(payload_len & 1);
}

/* Takes the OXM fields of the match at 'c', without padding, into '*fields',
 * and moves 'c' behind it. */
static bool
match_pull_fields(struct ofwire_cursor *c, struct ofwire_cursor *fields)
{
    size_t len;

    if (c->left < MATCH_HEADER_LEN || wire_get_u16(c->p) != MATCH_TYPE_OXM) {
        return false;
    }
    len = wire_get_u16(c->p + 2);
    if (len < MATCH_HEADER_LEN || ofwire_pad8(len) > c->left) {
        return false;
    }
    fields->p = c->p + MATCH_HEADER_LEN;
    fields->left = len - MATCH_HEADER_LEN;
    cursor_advance(c, ofwire_pad8(len));
    return true;
}

static bool
packet_in_read_fields(struct ofwire_cursor *fields, struct of_packet_in *pin)
{
    while (fields->left) {
        struct oxm oxm;

        if (!oxm_pull(fields, &oxm)) {
            return false;
        }
        if (oxm.class != OXM_CLASS_BASIC) {
            continue;
        }
        if (oxm.field == OXM_IN_PORT) {
            if (oxm.len != 4
                || !ofwire_port_is_valid(ofwire_get_u32(oxm.value))) {
                return false;
            }
            pin->in_port = ofwire_get_u32(oxm.value);
        } else if (oxm.field == OXM_METADATA) {
            if (oxm.len != 8) {
                return false;
            }
            pin->metadata = ofwire_get_u64(oxm.value);
        }
    }
    return true;
}

/* 7.4.1: header, buffer id 32, total length 16, reason 8, table 8, cookie 64,
 * match, 2 bytes of padding, frame. */
int
ofwire_get_packet_in(const uint8_t *data, size_t len,
                     struct of_packet_in *pin, const char **why)
{
    struct ofwire_cursor c = { data, len };
    struct ofwire_cursor fields;

    if (len < PACKET_IN_FIXED_LEN) {
        *why = "packet-in is too short";
        return EPROTO;
    }
    pin->table = data[15];
    pin->cookie = ofwire_get_u64(data + 16);
    pin->metadata = 0;
    pin->in_port = FH_PORT_NONE;
    cursor_advance(&c, PACKET_IN_FIXED_LEN);

    if (!match_pull_fields(&c, &fields)) {
        *why = "packet-in with a bad match length";
        return EPROTO;
    }
    if (!packet_in_read_fields(&fields, pin)) {
        *why = "packet-in with a bad match field";
        return EPROTO;
    }
    if (c.left < 2) {
        *why = "packet-in ends before its frame";
        return EPROTO;
    }
    pin->frame = c.p + 2;
    pin->len = c.left - 2;
    return 0;
}

/* How a field of a match is read: one row each. */
static const struct oxm_row {
    uint32_t flag;              /* FH_F_*, 0: not in our language. */
    uint8_t len;                /* Of the value, bytes. */
    bool maskable;
} oxm_rows[] = {
    [OXM_IN_PORT] = { FH_F_IN_PORT, 4, false },
    [OXM_METADATA] = { FH_F_METADATA, 8, true },
    [OXM_ETH_DST] = { FH_F_ETH_DST, 6, false },
    [OXM_ETH_SRC] = { FH_F_ETH_SRC, 6, false },
    [OXM_ETH_TYPE] = { FH_F_ETH_TYPE, 2, false },
    [OXM_VLAN_VID] = { FH_F_VLAN, 2, false },
    [OXM_IP_PROTO] = { FH_F_IP_PROTO, 1, false },
    [OXM_IPV4_SRC] = { FH_F_IP_SRC, 4, true },
    [OXM_IPV4_DST] = { FH_F_IP_DST, 4, true },
    [OXM_UDP_SRC] = { FH_F_UDP_SRC, 2, false },
    [OXM_UDP_DST] = { FH_F_UDP_DST, 2, false },
    [OXM_ICMPV4_TYPE] = { FH_F_ICMP_TYPE, 1, false },
    [OXM_ARP_OP] = { FH_F_ARP_OP, 2, false },
    [OXM_ARP_SPA] = { FH_F_ARP_SPA, 4, true },
    [OXM_ARP_TPA] = { FH_F_ARP_TPA, 4, true },
    [OXM_ARP_SHA] = { 0, 6, false },    /* Only to be set. */
};
#define N_OXM_ROWS (sizeof oxm_rows / sizeof oxm_rows[0])

static const struct oxm_row nx1_ip_ttl_row = { FH_F_IP_TTL, 1, false };
static const struct oxm_row nx1_reg_rows[FH_N_REGS] = {
    { FH_F_REG(0), 4, false }, { FH_F_REG(1), 4, false },
    { FH_F_REG(2), 4, false }, { FH_F_REG(3), 4, false },
};

static ovs_be32
get_be32(const uint8_t *p)
{
    return wire_get_addr(p).ip4;
}

/* A VLAN id as OXM says it: 0 no tag, or the id with VID_PRESENT. */
static bool
vlan_from_oxm(uint16_t value, uint16_t *vid)
{
    *vid = value ? value & ~VID_PRESENT : FH_VLAN_NONE;
    return !value || (value & VID_PRESENT && *vid <= 4094);
}

static void
match_store_masked(const struct oxm *oxm, ovs_be32 *value, ovs_be32 *mask)
{
    *value = get_be32(oxm->value);
    *mask = oxm->has_mask ? get_be32(oxm->mask) : htonl(UINT32_MAX);
}

/* Stores a field whose length has been checked.  Returns false if its value
 * is beyond our language. */
static bool
match_store(struct fh_match *m, const struct oxm *oxm)
{
    if (oxm->class == OXM_CLASS_NX1 && oxm->field < NX1_REG0 + FH_N_REGS) {
        m->regs[oxm->field - NX1_REG0] = ofwire_get_u32(oxm->value);
        return true;
    }
    if (oxm->class == OXM_CLASS_NX1) {
        m->ip_ttl = oxm->value[0];
        return true;
    }
    switch ((enum oxm_field) oxm->field) {
    case OXM_IN_PORT:
        m->in_port = ofwire_get_u32(oxm->value);
        return ofwire_port_is_valid(m->in_port);
    case OXM_METADATA:
        m->metadata = ofwire_get_u64(oxm->value);
        m->metadata_mask = oxm->has_mask ? ofwire_get_u64(oxm->mask)
                                         : UINT64_MAX;
        return true;
    case OXM_ETH_DST:
        m->eth_dst = wire_get_mac(oxm->value);
        return true;
    case OXM_ETH_SRC:
        m->eth_src = wire_get_mac(oxm->value);
        return true;
    case OXM_ETH_TYPE:
        m->eth_type = wire_get_u16(oxm->value);
        return true;
    case OXM_VLAN_VID:
        return vlan_from_oxm(wire_get_u16(oxm->value), &m->vlan_vid);
    case OXM_IP_PROTO:
        m->ip_proto = oxm->value[0];
        return true;
    case OXM_IPV4_SRC:
        match_store_masked(oxm, &m->ip_src, &m->ip_src_mask);
        return true;
    case OXM_IPV4_DST:
        match_store_masked(oxm, &m->ip_dst, &m->ip_dst_mask);
        return true;
    case OXM_UDP_SRC:
        m->udp_src = wire_get_u16(oxm->value);
        return true;
    case OXM_UDP_DST:
        m->udp_dst = wire_get_u16(oxm->value);
        return true;
    case OXM_ICMPV4_TYPE:
        m->icmp_type = oxm->value[0];
        return true;
    case OXM_ARP_OP:
        m->arp_op = wire_get_u16(oxm->value);
        return true;
    case OXM_ARP_SPA:
        match_store_masked(oxm, &m->arp_spa, &m->arp_spa_mask);
        return true;
    case OXM_ARP_TPA:
        match_store_masked(oxm, &m->arp_tpa, &m->arp_tpa_mask);
        return true;
    case OXM_ARP_SHA:           /* Set, never matched. */
    case OXM_ARP_THA:
        break;
    }
    return false;
}

/* NULL where the field is not in our language. */
static const struct oxm_row *
find_row(const struct oxm *oxm)
{
    if (oxm->class == OXM_CLASS_NX1 && oxm->field == NX1_IP_TTL) {
        return &nx1_ip_ttl_row;
    }
    if (oxm->class == OXM_CLASS_NX1 && oxm->field < NX1_REG0 + FH_N_REGS) {
        return &nx1_reg_rows[oxm->field - NX1_REG0];
    }
    return (oxm->class == OXM_CLASS_BASIC && oxm->field < N_OXM_ROWS
            && oxm_rows[oxm->field].flag ? &oxm_rows[oxm->field] : NULL);
}

/* Half of a register of 1.5: one of ours, or not looked at. */
static enum ofwire_verdict
match_read_reg(struct fh_match *match, unsigned int index, uint32_t value,
               uint32_t mask)
{
    if (!mask) {
        return OFWIRE_OK;
    }
    if (index >= FH_N_REGS || mask != UINT32_MAX) {
        return OFWIRE_FOREIGN;
    }
    if (match->fields & FH_F_REG(index)) {
        return OFWIRE_MALFORMED;
    }
    match->fields |= FH_F_REG(index);
    match->regs[index] = value;
    return OFWIRE_OK;
}

static enum ofwire_verdict
match_read_two_regs(const struct oxm *oxm, struct fh_match *match)
{
    uint64_t value, mask;
    enum ofwire_verdict high, low;

    if (oxm->len != 8) {
        return OFWIRE_MALFORMED;
    }
    value = ofwire_get_u64(oxm->value);
    mask = oxm->has_mask ? ofwire_get_u64(oxm->mask) : UINT64_MAX;
    high = match_read_reg(match, 2 * oxm->field, value >> 32, mask >> 32);
    low = match_read_reg(match, 2 * oxm->field + 1, (uint32_t) value,
                         (uint32_t) mask);
    return high != OFWIRE_OK ? high : low;
}

/* Any tag, whichever: its presence, and nothing else of it, is looked at. */
static bool
is_any_vlan(const struct oxm *oxm)
{
    return (oxm->class == OXM_CLASS_BASIC && oxm->field == OXM_VLAN_VID
            && oxm->has_mask && oxm->len == 2
            && wire_get_u16(oxm->value) == VID_PRESENT
            && wire_get_u16(oxm->mask) == VID_PRESENT);
}

static enum ofwire_verdict
match_read_field(const struct oxm *oxm, struct fh_match *match)
{
    const struct oxm_row *row = find_row(oxm);

    if (oxm->class == OXM_CLASS_REGS) {
        return match_read_two_regs(oxm, match);
    }
    if (!row) {
        return OFWIRE_FOREIGN;
    }
    if (oxm->len != row->len || match->fields & row->flag) {
        return OFWIRE_MALFORMED;
    }
    match->fields |= row->flag;
    if (is_any_vlan(oxm)) {
        match->vlan_vid = FH_VLAN_ANY;
        return OFWIRE_OK;
    }
    if (oxm->has_mask && !row->maskable) {
        return OFWIRE_FOREIGN;
    }
    return match_store(match, oxm) ? OFWIRE_OK : OFWIRE_FOREIGN;
}

enum ofwire_verdict
ofwire_pull_match(struct ofwire_cursor *c, struct fh_match *match)
{
    enum ofwire_verdict verdict = OFWIRE_OK;
    struct ofwire_cursor fields;

    if (!match_pull_fields(c, &fields)) {
        return OFWIRE_MALFORMED;
    }
    memset(match, 0, sizeof *match);
    while (fields.left) {
        struct oxm oxm;

        if (!oxm_pull(&fields, &oxm)) {
            return OFWIRE_MALFORMED;
        }
        switch (match_read_field(&oxm, match)) {
        case OFWIRE_OK:
            break;
        case OFWIRE_FOREIGN:
            verdict = OFWIRE_FOREIGN;
            break;
        case OFWIRE_MALFORMED:
            return OFWIRE_MALFORMED;
        }
    }
    return verdict;
}

/* Actions. */

static enum ofwire_verdict
set_nx1_read(const struct oxm *oxm, struct fh_action *action)
{
    if (oxm->has_mask) {
        return OFWIRE_FOREIGN;
    }
    if (oxm->field == NX1_IP_TTL && oxm->len == 1) {
        action->type = FH_ACT_SET_TTL;
        action->u.number = oxm->value[0];
        return OFWIRE_OK;
    }
    if (oxm->field < NX1_REG0 + FH_N_REGS && oxm->len == 4) {
        action->type = FH_ACT_SET_REG;
        action->u.reg.index = oxm->field - NX1_REG0;
        action->u.reg.value = ofwire_get_u32(oxm->value);
        return OFWIRE_OK;
    }
    return OFWIRE_FOREIGN;
}

/* Reads the OXM field of a set-field action, 'len' bytes. */
static enum ofwire_verdict
set_field_read(const uint8_t *p, size_t len, struct fh_action *action)
{
    struct ofwire_cursor c = { p, len };
    uint16_t vid;
    struct oxm oxm;

    if (!oxm_pull(&c, &oxm)) {
        return OFWIRE_MALFORMED;
    }
    if (oxm.class == OXM_CLASS_NX1) {
        return set_nx1_read(&oxm, action);
    }
    if (oxm.class != OXM_CLASS_BASIC || oxm.has_mask
        || oxm.field >= N_OXM_ROWS) {
        return OFWIRE_FOREIGN;
    }
    if (oxm_rows[oxm.field].flag && oxm.len != oxm_rows[oxm.field].len) {
        return OFWIRE_MALFORMED;
    }
    switch (oxm.field) {
    case OXM_ETH_SRC:
    case OXM_ETH_DST:
        action->type = (oxm.field == OXM_ETH_SRC ? FH_ACT_SET_ETH_SRC
                                                 : FH_ACT_SET_ETH_DST);
        action->u.mac = wire_get_mac(oxm.value);
        return OFWIRE_OK;
    case OXM_ARP_SPA:
    case OXM_ARP_TPA:
        action->type = (oxm.field == OXM_ARP_SPA ? FH_ACT_SET_ARP_SPA
                                                 : FH_ACT_SET_ARP_TPA);
        action->u.ip4 = get_be32(oxm.value);
        return OFWIRE_OK;
    case OXM_ARP_OP:
        action->type = FH_ACT_SET_ARP_OP;
        action->u.op = wire_get_u16(oxm.value);
        return OFWIRE_OK;
    case OXM_ICMPV4_TYPE:
        action->type = FH_ACT_SET_ICMP_TYPE;
        action->u.number = oxm.value[0];
        return OFWIRE_OK;
    case OXM_ARP_SHA:
        if (oxm.len != sizeof action->u.mac) {
            return OFWIRE_MALFORMED;
        }
        action->type = FH_ACT_SET_ARP_SHA;
        action->u.mac = wire_get_mac(oxm.value);
        return OFWIRE_OK;
    case OXM_VLAN_VID:
        if (!vlan_from_oxm(wire_get_u16(oxm.value), &vid)
            || vid == FH_VLAN_NONE || vid == FH_VLAN_PRIORITY) {
            return OFWIRE_FOREIGN;
        }
        action->type = FH_ACT_SET_VLAN;
        action->u.vid = vid;
        return OFWIRE_OK;
    default:
        return OFWIRE_FOREIGN;
    }
}

static enum ofwire_verdict
output_read(const uint8_t *p, struct fh_action *action)
{
    uint32_t port = ofwire_get_u32(p + 4);

    if (port == FH_PORT_CONTROLLER) {
        action->type = FH_ACT_CONTROLLER;
        return (wire_get_u16(p + 8) == CONTROLLER_WHOLE_FRAME
                ? OFWIRE_OK : OFWIRE_FOREIGN);
    }
    action->type = FH_ACT_OUTPUT;
    action->u.port = port;
    return ofwire_port_is_valid(port) ? OFWIRE_OK : OFWIRE_FOREIGN;
}

/* By the header of a whole field, FH_N_NAMES: none of ours.  In its own action
 * Open vSwitch says the names that fields had before OXM (NXM, class 0 and,
 * later, 1), in that of 1.5 those of OXM. */
static unsigned int
name_read(const uint8_t *p)
{
    static const uint32_t headers[FH_N_NAMES][2] = {
        [FH_NAME_ETH_SRC] = { OXM_HEADER(OXM_ETH_SRC, 6), 2 << 9 | 6 },
        [FH_NAME_ETH_DST] = { OXM_HEADER(OXM_ETH_DST, 6), 1 << 9 | 6 },
        [FH_NAME_ARP_SHA] = { OXM_HEADER(OXM_ARP_SHA, 6),
                              NX1_HEADER(17, 6) },
        [FH_NAME_ARP_THA] = { OXM_HEADER(OXM_ARP_THA, 6),
                              NX1_HEADER(18, 6) },
        [FH_NAME_ARP_SPA] = { OXM_HEADER(OXM_ARP_SPA, 4), 16 << 9 | 4 },
        [FH_NAME_ARP_TPA] = { OXM_HEADER(OXM_ARP_TPA, 4), 17 << 9 | 4 },
        [FH_NAME_IP_SRC] = { OXM_HEADER(OXM_IPV4_SRC, 4), 7 << 9 | 4 },
        [FH_NAME_IP_DST] = { OXM_HEADER(OXM_IPV4_DST, 4), 8 << 9 | 4 },
        [FH_NAME_REG0] = { NX1_HEADER(NX1_REG0, 4) },
        [FH_NAME_REG0 + 1] = { NX1_HEADER(NX1_REG0 + 1, 4) },
        [FH_NAME_REG0 + 2] = { NX1_HEADER(NX1_REG0 + 2, 4) },
        [FH_NAME_REG0 + 3] = { NX1_HEADER(NX1_REG0 + 3, 4) },
    };
    const uint32_t header = ofwire_get_u32(p);
    unsigned int name = 0;

    while (name < FH_N_NAMES && header && header != headers[name][0]
           && header != headers[name][1]) {
        name++;
    }
    return header ? name : FH_N_NAMES;
}

/* Number of bits 16, from bit 16, to bit 16, then 'headers_at' bytes into it
 * the headers of both fields. */
static enum ofwire_verdict
move_read(const uint8_t *p, size_t headers_at, struct fh_action *action)
{
    unsigned int from = name_read(p + headers_at);
    unsigned int to = name_read(p + headers_at + 4);

    if (from == FH_N_NAMES || to == FH_N_NAMES || wire_get_u16(p + 2)
        || wire_get_u16(p + 4)
        || wire_get_u16(p) != 8 * p[headers_at + 3]
        || p[headers_at + 3] != p[headers_at + 7]) {
        return OFWIRE_FOREIGN;
    }
    action->type = FH_ACT_MOVE;
    action->u.move.from = (uint16_t) from;
    action->u.move.to = (uint16_t) to;
    return OFWIRE_OK;
}

static enum ofwire_verdict
experimenter_read(const uint8_t *p, size_t len, struct fh_action *action)
{
    if (len == 16 && ofwire_get_u32(p + 4) == NX_VENDOR
        && wire_get_u16(p + 8) == NX_RESUBMIT_TABLE) {
        action->type = FH_ACT_RESUBMIT;
        action->u.number = p[12];
        return (wire_get_u16(p + 10) == NX_IN_PORT ? OFWIRE_OK
                                                   : OFWIRE_FOREIGN);
    }
    if (len == 24 && ofwire_get_u32(p + 4) == NX_VENDOR
        && wire_get_u16(p + 8) == NX_REG_MOVE) {
        return move_read(p + 10, 6, action);
    }
    if (len != 24 || ofwire_get_u32(p + 4) != NX_VENDOR
        || wire_get_u16(p + 8) != NX_CHECK_PKT_LARGER
        || wire_get_u16(p + 12) != FH_META_LARGER_BIT
        || ofwire_get_u32(p + 14) != OXM_HEADER(OXM_METADATA, 8)) {
        return OFWIRE_FOREIGN;
    }
    action->type = FH_ACT_CHECK_LARGER;
    action->u.len = wire_get_u16(p + 10);
    return OFWIRE_OK;
}

/* Reads the action of 'len' bytes at 'p', which is not a meter. */
static enum ofwire_verdict
action_read(const uint8_t *p, size_t len, struct fh_action *action)
{
    memset(action, 0, sizeof *action);
    switch (wire_get_u16(p)) {
    case ACTION_OUTPUT:
        return len == 16 ? output_read(p, action) : OFWIRE_MALFORMED;
    case ACTION_SET_FIELD:
        return set_field_read(p + 4, len - 4, action);
    case ACTION_COPY_FIELD:
        return len == 24 ? move_read(p + 4, 8, action) : OFWIRE_FOREIGN;
    case ACTION_DEC_NW_TTL:
        action->type = FH_ACT_DEC_TTL;
        return len == 8 ? OFWIRE_OK : OFWIRE_MALFORMED;
    case ACTION_PUSH_VLAN:
        action->type = FH_ACT_PUSH_VLAN;
        action->u.vid = wire_get_u16(p + 4);
        return len == 8 ? OFWIRE_OK : OFWIRE_MALFORMED;
    case ACTION_POP_VLAN:
        action->type = FH_ACT_POP_VLAN;
        return len == 8 ? OFWIRE_OK : OFWIRE_MALFORMED;
    case ACTION_EXPERIMENTER:
        return experimenter_read(p, len, action);
    default:
        return OFWIRE_FOREIGN;
    }
}

/* Appends the action of 'len' bytes at 'p' to '*flow'. */
static enum ofwire_verdict
flow_add_action(const uint8_t *p, size_t len, int version,
                struct fh_flow *flow)
{
    enum ofwire_verdict verdict;
    struct fh_action action;

    if (version >= OF_15 && wire_get_u16(p) == ACTION_METER) {
        bool only = !flow->meter && !flow->n_actions && len == 8;

        flow->meter = ofwire_get_u32(p + 4);
        return only ? OFWIRE_OK : OFWIRE_FOREIGN;
    }
    verdict = action_read(p, len, &action);
    if (verdict == OFWIRE_OK) {
        if (flow->n_actions >= FH_FLOW_MAX_ACTIONS) {
            return OFWIRE_FOREIGN;
        }
        flow->actions[flow->n_actions++] = action;
    }
    return verdict;
}

/* Pulls a type and a length (16 bits each, the length covers both) with what
 * belongs to them: instructions and actions, multiples of 8 bytes. */
static bool
pull_tlv(struct ofwire_cursor *c, const uint8_t **p, size_t *len)
{
    if (c->left < 8) {
        return false;
    }
    *p = c->p;
    *len = wire_get_u16(c->p + 2);
    if (*len < 8 || *len % 8 || *len > c->left) {
        return false;
    }
    cursor_advance(c, *len);
    return true;
}

static enum ofwire_verdict
apply_actions_read(struct ofwire_cursor c, int version, struct fh_flow *flow)
{
    enum ofwire_verdict verdict = OFWIRE_OK;

    while (c.left) {
        const uint8_t *p;
        size_t len;

        if (!pull_tlv(&c, &p, &len)) {
            return OFWIRE_MALFORMED;
        }
        switch (flow_add_action(p, len, version, flow)) {
        case OFWIRE_OK:
            break;
        case OFWIRE_FOREIGN:
            verdict = OFWIRE_FOREIGN;
            break;
        case OFWIRE_MALFORMED:
            return OFWIRE_MALFORMED;
        }
    }
    return verdict;
}

static enum ofwire_verdict
instruction_read(const uint8_t *p, size_t len, int version,
                 struct fh_flow *flow)
{
    switch (wire_get_u16(p)) {
    case INSN_GOTO_TABLE:
        flow->next_table = p[4];
        return len == 8 ? OFWIRE_OK : OFWIRE_MALFORMED;
    case INSN_WRITE_METADATA:
        if (len != 24) {
            return OFWIRE_MALFORMED;
        }
        flow->metadata = ofwire_get_u64(p + 8);
        flow->metadata_mask = ofwire_get_u64(p + 16);
        return OFWIRE_OK;
    case INSN_APPLY_ACTIONS:
        return apply_actions_read((struct ofwire_cursor) { p + 8, len - 8 },
                                  version, flow);
    case INSN_METER:
        flow->meter = ofwire_get_u32(p + 4);
        return len == 8 ? OFWIRE_OK : OFWIRE_MALFORMED;
    default:
        return OFWIRE_FOREIGN;
    }
}

static enum ofwire_verdict
instructions_read(struct ofwire_cursor c, int version, struct fh_flow *flow)
{
    enum ofwire_verdict verdict = OFWIRE_OK;
    uint32_t seen = 0;

    while (c.left) {
        const uint8_t *p;
        unsigned int type;
        size_t len;

        if (!pull_tlv(&c, &p, &len)) {
            return OFWIRE_MALFORMED;
        }
        type = wire_get_u16(p);
        if (type < 32) {
            if (seen & UINT32_C(1) << type) {
                return OFWIRE_MALFORMED;    /* 5.9: at most one of each. */
            }
            seen |= UINT32_C(1) << type;
        }
        switch (instruction_read(p, len, version, flow)) {
        case OFWIRE_OK:
            break;
        case OFWIRE_FOREIGN:
            verdict = OFWIRE_FOREIGN;
            break;
        case OFWIRE_MALFORMED:
            return OFWIRE_MALFORMED;
        }
    }
    return verdict;
}

/* Meter stats. */

#define METER_BAND_LEN 16       /* Packets 64, bytes 64. */

/* 1.3, 7.3.5.13; 1.4, 7.3.5.14; 1.5, 7.3.5.17: meter 32, length 16, pad 48,
 * references 32, packets in 64, bytes in 64, seconds 32, nanoseconds 32, then
 * the bands.  Ours drop; a bridge's own meters may have bands that mark, but
 * those we do not ask for. */
int
ofwire_pull_meter_stats(struct ofwire_cursor *c, struct of_meter_drops *drops)
{
    size_t len;

    if (c->left < OFWIRE_METER_STATS_MIN) {
        return EPROTO;
    }
    len = wire_get_u16(c->p + 4);
    if (len < OFWIRE_METER_STATS_MIN || len > c->left
        || (len - OFWIRE_METER_STATS_MIN) % METER_BAND_LEN) {
        return EPROTO;
    }
    drops->id = ofwire_get_u32(c->p);
    drops->packets = 0;
    for (size_t at = OFWIRE_METER_STATS_MIN; at < len;
         at += METER_BAND_LEN) {
        drops->packets += ofwire_get_u64(c->p + at);
    }
    cursor_advance(c, len);
    return 0;
}

/* Meter configuration. */

#define BAND_MIN 16             /* 7.3.4.5: type 16, length 16, rate 32, burst
                                 * 32; then as the type has it. */
#define BAND_DROP 1

/* 1.3, 7.3.5.14: length 16, flags 16, meter 32, then the bands.  Of one that
 * is not as ours are, a single band that drops, the rate is 0. */
int
ofwire_pull_meter_config(struct ofwire_cursor *c, struct fh_meter *meter)
{
    size_t len, n_bands = 0;

    if (c->left < OFWIRE_METER_CONFIG_MIN) {
        return EPROTO;
    }
    len = wire_get_u16(c->p);
    if (len < OFWIRE_METER_CONFIG_MIN || len > c->left) {
        return EPROTO;
    }
    *meter = (struct fh_meter) { .id = ofwire_get_u32(c->p + 4) };
    for (size_t at = OFWIRE_METER_CONFIG_MIN; at < len; n_bands++) {
        const uint8_t *band = c->p + at;
        size_t band_len = len - at < BAND_MIN ? 0 : wire_get_u16(band + 2);

        if (band_len < BAND_MIN || band_len > len - at) {
            return EPROTO;
        }
        if (!n_bands && wire_get_u16(band) == BAND_DROP) {
            meter->rate_pps = ofwire_get_u32(band + 4);
            meter->burst = ofwire_get_u32(band + 8);
        } else {
            meter->rate_pps = 0;
        }
        at += band_len;
    }
    cursor_advance(c, len);
    return 0;
}

/* Flow stats. */

/* OXS fields of 1.5, 7.2.4.2 there. */
enum oxs_field { OXS_PACKET_COUNT = 4, OXS_BYTE_COUNT = 5 };

/* Pulls the OXS statistics of 1.5 (7.2.4.1 there).  Stores the counts, 0 where
 * there are none. */
static bool
pull_stats(struct ofwire_cursor *c, struct fh_flow *flow)
{
    struct ofwire_cursor fields;
    size_t len;

    if (c->left < 4) {
        return false;
    }
    len = wire_get_u16(c->p + 2);
    if (len < 4 || ofwire_pad8(len) > c->left) {
        return false;
    }
    fields = (struct ofwire_cursor) { c->p + 4, len - 4 };
    while (fields.left) {
        struct oxm oxs;         /* The same header: class, field, length. */

        if (!oxm_pull(&fields, &oxs)) {
            return false;
        }
        if (oxs.class == 0x8002 && oxs.len == 8) {
            if (oxs.field == OXS_PACKET_COUNT) {
                flow->n_packets = ofwire_get_u64(oxs.value);
            } else if (oxs.field == OXS_BYTE_COUNT) {
                flow->n_bytes = ofwire_get_u64(oxs.value);
            }
        }
    }
    cursor_advance(c, ofwire_pad8(len));
    return true;
}

#define FLAG_SEND_REMOVED 1
#define FLAGS_NO_COUNTS   (8 | 16)  /* Change nothing that we look at. */

/* What is around the match and the instructions of an entry. */
struct entry {
    uint16_t idle_timeout, importance, flags;
};

/* 7.3.5.2: length 16, table 8, pad 8, seconds 32, nanoseconds 32, priority
 * 16, idle 16, hard 16, flags 16, importance 16 (1.4), pad 16, cookie 64,
 * packets 64, bytes 64. */
static bool
entry_read_13(struct ofwire_cursor *c, struct fh_flow *flow, struct entry *e)
{
    if (c->left < 48) {
        return false;
    }
    flow->table = c->p[2];
    flow->priority = wire_get_u16(c->p + 12);
    e->idle_timeout = wire_get_u16(c->p + 14);
    flow->hard_timeout_s = wire_get_u16(c->p + 16);
    e->flags = wire_get_u16(c->p + 18);
    e->importance = wire_get_u16(c->p + 20);
    flow->cookie = ofwire_get_u64(c->p + 24);
    flow->n_packets = ofwire_get_u64(c->p + 32);
    flow->n_bytes = ofwire_get_u64(c->p + 40);
    cursor_advance(c, 48);
    return true;
}

/* 1.5, 7.3.5.2: length 16, pad 16, table 8, pad 8, priority 16, idle 16, hard
 * 16, flags 16, importance 16, cookie 64. */
static bool
entry_read_15(struct ofwire_cursor *c, struct fh_flow *flow, struct entry *e)
{
    if (c->left < 24) {
        return false;
    }
    flow->table = c->p[4];
    flow->priority = wire_get_u16(c->p + 6);
    e->idle_timeout = wire_get_u16(c->p + 8);
    flow->hard_timeout_s = wire_get_u16(c->p + 10);
    e->flags = wire_get_u16(c->p + 12);
    e->importance = wire_get_u16(c->p + 14);
    flow->cookie = ofwire_get_u64(c->p + 16);
    cursor_advance(c, 24);
    return true;
}

/* Clears what says nothing true of a flow that we cannot express. */
static void
flow_set_foreign(struct fh_flow *flow)
{
    flow->next_table = 0;
    flow->meter = 0;
    flow->metadata = flow->metadata_mask = 0;
    memset(flow->actions, 0, sizeof flow->actions);
    flow->n_actions = UINT8_MAX;
}

/* Reads an entry that has been cut out by its length. */
static enum ofwire_verdict
entry_read(struct ofwire_cursor c, int version, struct fh_flow *flow)
{
    enum ofwire_verdict match, rest;
    struct entry e;

    memset(flow, 0, sizeof *flow);
    if (!(version >= OF_15 ? entry_read_15(&c, flow, &e)
                           : entry_read_13(&c, flow, &e))) {
        return OFWIRE_MALFORMED;
    }
    flow->send_removed = e.flags & FLAG_SEND_REMOVED;
    match = ofwire_pull_match(&c, &flow->match);
    if (match == OFWIRE_MALFORMED
        || (version >= OF_15 && !pull_stats(&c, flow))) {
        return OFWIRE_MALFORMED;
    }
    rest = instructions_read(c, version, flow);
    if (rest == OFWIRE_MALFORMED) {
        return OFWIRE_MALFORMED;
    }
    if (rest == OFWIRE_FOREIGN || match == OFWIRE_FOREIGN
        || e.idle_timeout || (version >= OF_14 && e.importance)
        || e.flags & ~(FLAG_SEND_REMOVED | FLAGS_NO_COUNTS)) {
        flow_set_foreign(flow);
    }
    if (match == OFWIRE_FOREIGN) {
        memset(&flow->match, 0, sizeof flow->match);
        flow->match.fields = UINT32_MAX;
        return fh_cookie_is_ours(flow->cookie) ? OFWIRE_OK : OFWIRE_FOREIGN;
    }
    return OFWIRE_OK;
}

enum ofwire_verdict
ofwire_pull_flow_stats(struct ofwire_cursor *c, int version,
                       struct fh_flow *flow)
{
    struct ofwire_cursor entry;
    size_t len;

    if (c->left < 2) {
        return OFWIRE_MALFORMED;
    }
    len = wire_get_u16(c->p);
    if (len < 8 || len > c->left) {
        return OFWIRE_MALFORMED;
    }
    entry = (struct ofwire_cursor) { c->p, len };
    cursor_advance(c, len);
    return entry_read(entry, version, flow);
}

/* Flow removed. */

static bool
removed_read_13(struct ofwire_cursor *c, struct fh_flow *flow)
{
    if (c->left < 40) {
        return false;
    }
    flow->cookie = ofwire_get_u64(c->p);
    flow->priority = wire_get_u16(c->p + 8);
    flow->table = c->p[11];
    flow->hard_timeout_s = wire_get_u16(c->p + 22);
    flow->n_packets = ofwire_get_u64(c->p + 24);
    flow->n_bytes = ofwire_get_u64(c->p + 32);
    cursor_advance(c, 40);
    return true;
}

static bool
removed_read_15(struct ofwire_cursor *c, struct fh_flow *flow)
{
    if (c->left < 16) {
        return false;
    }
    flow->table = c->p[0];
    flow->priority = wire_get_u16(c->p + 2);
    flow->hard_timeout_s = wire_get_u16(c->p + 6);
    flow->cookie = ofwire_get_u64(c->p + 8);
    cursor_advance(c, 16);
    return true;
}

int
ofwire_get_flow_removed(const uint8_t *data, size_t len, int version,
                        struct fh_flow *flow, const char **why)
{
    struct ofwire_cursor c = { data + OF_HEADER_LEN, len - OF_HEADER_LEN };
    enum ofwire_verdict match;

    memset(flow, 0, sizeof *flow);
    if (!(version >= OF_15 ? removed_read_15(&c, flow)
                           : removed_read_13(&c, flow))) {
        *why = "flow-removed is too short";
        return EPROTO;
    }
    match = ofwire_pull_match(&c, &flow->match);
    if (match == OFWIRE_MALFORMED) {
        *why = "flow-removed with a bad match";
        return EPROTO;
    }
    if (match == OFWIRE_FOREIGN) {
        memset(&flow->match, 0, sizeof flow->match);
        flow->match.fields = UINT32_MAX;
    }
    if (version >= OF_15 && !pull_stats(&c, flow)) {
        *why = "flow-removed with bad statistics";
        return EPROTO;
    }
    return 0;
}

/* Building. */

size_t
ofwire_action_len(const struct fh_action *action)
{
    switch ((enum fh_action_type) action->type) {
    case FH_ACT_OUTPUT:
    case FH_ACT_CONTROLLER:
    case FH_ACT_SET_ETH_SRC:
    case FH_ACT_SET_ETH_DST:
    case FH_ACT_SET_ARP_OP:
    case FH_ACT_SET_ARP_SHA:
    case FH_ACT_SET_ARP_SPA:
    case FH_ACT_SET_ARP_TPA:
    case FH_ACT_SET_ARP_THA:
    case FH_ACT_SET_VLAN:
        return 16;
    case FH_ACT_DEC_TTL:
    case FH_ACT_PUSH_VLAN:
    case FH_ACT_POP_VLAN:
        return 8;
    case FH_ACT_CHECK_LARGER:
    case FH_ACT_SET_ICMP_TYPE:
    case FH_ACT_SET_TTL:
    case FH_ACT_SET_REG:
    case FH_ACT_MOVE:
    case FH_ACT_RESUBMIT:
        break;
    }
    assert(!"no action of a packet-out");
    return 0;
}

static void
put_output(uint8_t *p, uint32_t port)
{
    ofwire_put_u32(p + 4, port);
    wire_put_u16(p + 8, CONTROLLER_WHOLE_FRAME);
}

static void
put_set_field(uint8_t *p, enum oxm_field field, const void *value, size_t len)
{
    ofwire_put_u32(p + 4, OXM_HEADER(field, len));
    memcpy(p + 8, value, len);
}

size_t
ofwire_put_action(uint8_t *p, const struct fh_action *action)
{
    const size_t len = ofwire_action_len(action);
    ovs_be16 vid;

    memset(p, 0, 8);
    if (len > 8) {
        memset(p + 8, 0, 8);
    }
    wire_put_u16(p + 2, (uint16_t) len);
    switch ((enum fh_action_type) action->type) {
    case FH_ACT_OUTPUT:
        put_output(p, action->u.port);
        break;
    case FH_ACT_CONTROLLER:
        put_output(p, FH_PORT_CONTROLLER);
        break;
    case FH_ACT_SET_ETH_SRC:
        wire_put_u16(p, ACTION_SET_FIELD);
        put_set_field(p, OXM_ETH_SRC, &action->u.mac, 6);
        break;
    case FH_ACT_SET_ETH_DST:
        wire_put_u16(p, ACTION_SET_FIELD);
        put_set_field(p, OXM_ETH_DST, &action->u.mac, 6);
        break;
    case FH_ACT_SET_ARP_SPA:
        wire_put_u16(p, ACTION_SET_FIELD);
        put_set_field(p, OXM_ARP_SPA, &action->u.ip4, 4);
        break;
    case FH_ACT_SET_ARP_TPA:
        wire_put_u16(p, ACTION_SET_FIELD);
        put_set_field(p, OXM_ARP_TPA, &action->u.ip4, 4);
        break;
    case FH_ACT_SET_ARP_OP:
        vid = htons((uint16_t) action->u.op);
        wire_put_u16(p, ACTION_SET_FIELD);
        put_set_field(p, OXM_ARP_OP, &vid, 2);
        break;
    case FH_ACT_SET_ARP_SHA:
        wire_put_u16(p, ACTION_SET_FIELD);
        put_set_field(p, OXM_ARP_SHA, &action->u.mac, 6);
        break;
    case FH_ACT_SET_ARP_THA:
        wire_put_u16(p, ACTION_SET_FIELD);
        put_set_field(p, OXM_ARP_THA, &action->u.mac, 6);
        break;
    case FH_ACT_SET_VLAN:
        vid = htons((uint16_t) (action->u.vid | VID_PRESENT));
        wire_put_u16(p, ACTION_SET_FIELD);
        put_set_field(p, OXM_VLAN_VID, &vid, 2);
        break;
    case FH_ACT_DEC_TTL:
        wire_put_u16(p, ACTION_DEC_NW_TTL);
        break;
    case FH_ACT_PUSH_VLAN:
        wire_put_u16(p, ACTION_PUSH_VLAN);
        wire_put_u16(p + 4, (uint16_t) action->u.vid);
        break;
    case FH_ACT_POP_VLAN:
        wire_put_u16(p, ACTION_POP_VLAN);
        break;
    case FH_ACT_CHECK_LARGER:
    case FH_ACT_SET_ICMP_TYPE:
    case FH_ACT_SET_TTL:
    case FH_ACT_SET_REG:
    case FH_ACT_MOVE:
    case FH_ACT_RESUBMIT:
        break;                  /* ofwire_action_len() refuses them. */
    }
    return len;
}
