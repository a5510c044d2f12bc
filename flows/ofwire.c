/* Packet-in, matches, meters, and the actions of a packet-out, read and written
 * by hand.  See ofwire.h; flow entries are in ofwire_entry.c.
 *
 * Section numbers are those of OpenFlow 1.4 (ONF TS-012) unless 1.5 (TS-025)
 * is named.  Everything that is read is hostile: a cursor holds what is left,
 * and each step checks, then reads. */
#include <config.h>

#include "flows/ofwire.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>

#include "flows/ofwire_private.h"

#define PACKET_IN_FIXED_LEN 24  /* With the header, without the match. */
#define MATCH_TYPE_OXM 1
#define MATCH_HEADER_LEN 4

#define OFPP_MAX      0xffffff00u
#define OXM_OFPP_LAST 0xfeffu   /* The highest that Open vSwitch can name. */

bool
ofwire_port_is_valid(uint32_t port)
{
    return port <= OXM_OFPP_LAST || port >= OFPP_MAX;
}

bool
ofwire_pull_oxm(struct ofwire_cursor *c, struct oxm *oxm)
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
    ofwire_advance(c, OXM_HEADER_LEN + payload_len);
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
    ofwire_advance(c, ofwire_pad8(len));
    return true;
}

static bool
packet_in_read_fields(struct ofwire_cursor *fields, struct of_packet_in *pin)
{
    while (fields->left) {
        struct oxm oxm;

        if (!ofwire_pull_oxm(fields, &oxm)) {
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
    ofwire_advance(&c, PACKET_IN_FIXED_LEN);

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

size_t
ofwire_oxm_len(unsigned int field)
{
    return (field < N_OXM_ROWS && oxm_rows[field].flag ? oxm_rows[field].len
            : 0);
}

static void
match_store_masked(const struct oxm *oxm, ovs_be32 *value, ovs_be32 *mask)
{
    *value = ofwire_get_be32(oxm->value);
    *mask = oxm->has_mask ? ofwire_get_be32(oxm->mask) : htonl(UINT32_MAX);
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
        return ofwire_get_vlan(wire_get_u16(oxm->value), &m->vlan_vid);
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

        if (!ofwire_pull_oxm(&fields, &oxm)) {
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
    ofwire_advance(c, len);
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
    ofwire_advance(c, len);
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

void
ofwire_put_output(uint8_t *p, uint32_t port)
{
    memset(p, 0, OFWIRE_OUTPUT_LEN);
    wire_put_u16(p + 2, OFWIRE_OUTPUT_LEN);
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
        ofwire_put_output(p, action->u.port);
        break;
    case FH_ACT_CONTROLLER:
        ofwire_put_output(p, FH_PORT_CONTROLLER);
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
