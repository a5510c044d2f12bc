/* Flow entries, read by hand: actions, instructions, flow stats, flow removed.
 * See ofwire.h.
 *
 * Section numbers are those of OpenFlow 1.4 (ONF TS-012) unless 1.5 (TS-025)
 * is named.  Everything that is read is hostile: a cursor holds what is left,
 * and each step checks, then reads. */
#include <config.h>

#include "flows/ofwire.h"

#include <errno.h>

#include "flows/ofwire_private.h"

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
    size_t known_len;
    uint16_t vid;
    struct oxm oxm;

    if (!ofwire_pull_oxm(&c, &oxm)) {
        return OFWIRE_MALFORMED;
    }
    if (oxm.class == OXM_CLASS_NX1) {
        return set_nx1_read(&oxm, action);
    }
    if (oxm.class != OXM_CLASS_BASIC || oxm.has_mask) {
        return OFWIRE_FOREIGN;
    }
    known_len = ofwire_oxm_len(oxm.field);
    if (known_len && oxm.len != known_len) {
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
        action->u.ip4 = ofwire_get_be32(oxm.value);
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
        if (!ofwire_get_vlan(wire_get_u16(oxm.value), &vid)
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
    ofwire_advance(c, *len);
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

        if (!ofwire_pull_oxm(&fields, &oxs)) {
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
    ofwire_advance(c, ofwire_pad8(len));
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
    ofwire_advance(c, 48);
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
    ofwire_advance(c, 24);
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
    ofwire_advance(c, len);
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
    ofwire_advance(c, 40);
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
    ofwire_advance(c, 16);
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
