/* Our flows -> OpenFlow 1.3, 1.4 and 1.5 messages.  See ofcodec.h. */
#include <config.h>

#include "flows/ofcodec.h"

#include <arpa/inet.h>
#include <assert.h>

#include <openvswitch/match.h>
#include <openvswitch/meta-flow.h>
#include <openvswitch/ofp-actions.h>
#include <openvswitch/ofp-bundle.h>
#include <openvswitch/ofp-flow.h>
#include <openvswitch/ofp-msgs.h>

#include "flows/ofcodec_private.h"
#include "flows/ofwire.h"

static ofp_port_t
port_to_ofp(uint32_t port)
{
    assert(ofwire_port_is_valid(port));
    return (OVS_FORCE ofp_port_t) (uint16_t) port;
}

static void
match_set_l2(struct match *m, const struct fh_match *match)
{
    if (match->fields & FH_F_IN_PORT) {
        match_set_in_port(m, port_to_ofp(match->in_port));
    }
    if (match->fields & FH_F_METADATA) {
        match_set_metadata_masked(m, be64(match->metadata),
                                  be64(match->metadata_mask));
    }
    if (match->fields & FH_F_ETH_SRC) {
        match_set_dl_src(m, match->eth_src);
    }
    if (match->fields & FH_F_ETH_DST) {
        match_set_dl_dst(m, match->eth_dst);
    }
    if (match->fields & FH_F_ETH_TYPE) {
        match_set_dl_type(m, htons(match->eth_type));
    }
    if (match->fields & FH_F_VLAN) {
        if (match->vlan_vid == FH_VLAN_ANY) {
            match_set_vlan_vid_masked(m, htons(OFPVID12_PRESENT),
                                      htons(OFPVID12_PRESENT));
        } else {
            match_set_vlan_vid(m, (match->vlan_vid == FH_VLAN_NONE ? htons(0)
                                   : htons(match->vlan_vid
                                           | OFPVID12_PRESENT)));
        }
    }
    for (int i = 0; i < FH_N_REGS; i++) {
        if (match->fields & FH_F_REG(i)) {
            match_set_reg(m, i, match->regs[i]);
        }
    }
}

/* In a 'struct match' ARP shares its members with IPv4. */
static void
match_set_l3(struct match *m, const struct fh_match *match)
{
    if (match->fields & FH_F_IP_SRC) {
        match_set_nw_src_masked(m, match->ip_src, match->ip_src_mask);
    }
    if (match->fields & FH_F_IP_DST) {
        match_set_nw_dst_masked(m, match->ip_dst, match->ip_dst_mask);
    }
    if (match->fields & FH_F_IP_PROTO) {
        match_set_nw_proto(m, match->ip_proto);
    }
    if (match->fields & FH_F_ICMP_TYPE) {
        match_set_icmp_type(m, match->icmp_type);
    }
    if (match->fields & FH_F_IP_TTL) {
        match_set_nw_ttl(m, match->ip_ttl);
    }
    if (match->fields & FH_F_UDP_SRC) {
        match_set_tp_src(m, htons(match->udp_src));
    }
    if (match->fields & FH_F_UDP_DST) {
        match_set_tp_dst(m, htons(match->udp_dst));
    }
    if (match->fields & FH_F_ARP_OP) {
        match_set_nw_proto(m, (uint8_t) match->arp_op);
    }
    if (match->fields & FH_F_ARP_SPA) {
        match_set_nw_src_masked(m, match->arp_spa, match->arp_spa_mask);
    }
    if (match->fields & FH_F_ARP_TPA) {
        match_set_nw_dst_masked(m, match->arp_tpa, match->arp_tpa_mask);
    }
}

static void
put_set_mac(struct ofpbuf *acts, enum mf_field_id field, struct eth_addr mac)
{
    ofpact_put_set_field(acts, mf_from_id(field), &mac, NULL);
}

static void
put_ofpact_output(struct ofpbuf *acts, uint32_t port)
{
    struct ofpact_output *output = ofpact_put_OUTPUT(acts);

    output->port = port_to_ofp(port);
    output->max_len = UINT16_MAX;           /* OFPCML_NO_BUFFER */
}

static void
put_check_larger(struct ofpbuf *acts, uint32_t len)
{
    struct ofpact_check_pkt_larger *check
        = ofpact_put_CHECK_PKT_LARGER(acts);

    check->dst.field = mf_from_id(MFF_METADATA);
    check->dst.ofs = FH_META_LARGER_BIT;
    check->dst.n_bits = 1;
    check->pkt_len = (uint16_t) len;
}

static const enum mf_field_id mf_of_name[FH_N_NAMES] = {
    [FH_NAME_ETH_SRC] = MFF_ETH_SRC, [FH_NAME_ETH_DST] = MFF_ETH_DST,
    [FH_NAME_ARP_SHA] = MFF_ARP_SHA, [FH_NAME_ARP_THA] = MFF_ARP_THA,
    [FH_NAME_ARP_SPA] = MFF_ARP_SPA, [FH_NAME_ARP_TPA] = MFF_ARP_TPA,
    [FH_NAME_IP_SRC] = MFF_IPV4_SRC, [FH_NAME_IP_DST] = MFF_IPV4_DST,
    [FH_NAME_REG0] = MFF_REG0, [FH_NAME_REG0 + 1] = MFF_REG1,
    [FH_NAME_REG0 + 2] = MFF_REG2, [FH_NAME_REG0 + 3] = MFF_REG3,
};

static struct mf_subfield
whole_field(unsigned int name)
{
    const struct mf_field *field;

    assert(name < FH_N_NAMES);
    field = mf_from_id(mf_of_name[name]);
    return (struct mf_subfield) { field, 0, field->n_bits };
}

static void
put_set_u8(struct ofpbuf *acts, enum mf_field_id field, uint32_t value)
{
    uint8_t byte = (uint8_t) value;

    ofpact_put_set_field(acts, mf_from_id(field), &byte, NULL);
}

static void
put_set_reg(struct ofpbuf *acts, uint32_t index, uint32_t value)
{
    ovs_be32 be = htonl(value);

    assert(index < FH_N_REGS);
    ofpact_put_set_field(acts, mf_from_id(mf_of_name[FH_NAME_REG0 + index]),
                         &be, NULL);
}

static void
put_move(struct ofpbuf *acts, unsigned int from, unsigned int to)
{
    struct ofpact_reg_move *move = ofpact_put_REG_MOVE(acts);

    move->src = whole_field(from);
    move->dst = whole_field(to);
}

static void
put_resubmit(struct ofpbuf *acts, uint32_t table)
{
    struct ofpact_resubmit *resubmit = ofpact_put_RESUBMIT(acts);

    resubmit->in_port = OFPP_IN_PORT;
    resubmit->table_id = (uint8_t) table;
}

static void
put_ofpact(struct ofpbuf *acts, const struct fh_action *action)
{
    ovs_be16 vid;

    switch ((enum fh_action_type) action->type) {
    case FH_ACT_OUTPUT:
        put_ofpact_output(acts, action->u.port);
        break;
    case FH_ACT_CONTROLLER:
        put_ofpact_output(acts, FH_PORT_CONTROLLER);
        break;
    case FH_ACT_SET_ETH_SRC:
        put_set_mac(acts, MFF_ETH_SRC, action->u.mac);
        break;
    case FH_ACT_SET_ETH_DST:
        put_set_mac(acts, MFF_ETH_DST, action->u.mac);
        break;
    case FH_ACT_SET_ARP_SPA:
        ofpact_put_set_field(acts, mf_from_id(MFF_ARP_SPA), &action->u.ip4,
                             NULL);
        break;
    case FH_ACT_SET_ARP_OP: {
        ovs_be16 op = htons((uint16_t) action->u.op);

        ofpact_put_set_field(acts, mf_from_id(MFF_ARP_OP), &op, NULL);
        break;
    }
    case FH_ACT_SET_ARP_SHA:
        put_set_mac(acts, MFF_ARP_SHA, action->u.mac);
        break;
    case FH_ACT_SET_ARP_THA:
        put_set_mac(acts, MFF_ARP_THA, action->u.mac);
        break;
    case FH_ACT_SET_ARP_TPA:
        ofpact_put_set_field(acts, mf_from_id(MFF_ARP_TPA), &action->u.ip4,
                             NULL);
        break;
    case FH_ACT_DEC_TTL: {
        uint16_t id = 0;        /* The one controller of standard OpenFlow. */
        struct ofpact_cnt_ids *ids = ofpact_put_DEC_TTL(acts);

        ids->n_controllers = 1;
        ofpbuf_put(acts, &id, sizeof id);
        ids = acts->header;
        ofpact_finish_DEC_TTL(acts, &ids);
        break;
    }
    case FH_ACT_PUSH_VLAN:
        ofpact_put_PUSH_VLAN(acts)->ethertype = htons(
            (uint16_t) action->u.vid);
        break;
    case FH_ACT_SET_VLAN:
        vid = htons((uint16_t) (action->u.vid | OFPVID12_PRESENT));
        ofpact_put_set_field(acts, mf_from_id(MFF_VLAN_VID), &vid, NULL);
        break;
    case FH_ACT_POP_VLAN:
        ofpact_put_STRIP_VLAN(acts);
        break;
    case FH_ACT_CHECK_LARGER:
        put_check_larger(acts, action->u.len);
        break;
    case FH_ACT_SET_ICMP_TYPE:
        put_set_u8(acts, MFF_ICMPV4_TYPE, action->u.number);
        break;
    case FH_ACT_SET_TTL:
        put_set_u8(acts, MFF_IP_TTL, action->u.number);
        break;
    case FH_ACT_SET_REG:
        put_set_reg(acts, action->u.reg.index, action->u.reg.value);
        break;
    case FH_ACT_MOVE:
        put_move(acts, action->u.move.from, action->u.move.to);
        break;
    case FH_ACT_RESUBMIT:
        put_resubmit(acts, action->u.number);
        break;
    }
}

/* Instructions in the order in which a bridge runs them, which is also the
 * order that libopenvswitch wants. */
static void
put_ofpacts(struct ofpbuf *acts, const struct fh_flow *flow)
{
    if (flow->meter) {
        struct ofpact_meter *meter = ofpact_put_METER(acts);

        meter->meter_id = flow->meter;
        meter->provider_meter_id = UINT32_MAX;
    }
    assert(flow->n_actions <= FH_FLOW_MAX_ACTIONS);
    for (size_t i = 0; i < flow->n_actions; i++) {
        put_ofpact(acts, &flow->actions[i]);
    }
    if (flow->metadata_mask) {
        struct ofpact_metadata *om = ofpact_put_WRITE_METADATA(acts);

        om->metadata = be64(flow->metadata);
        om->mask = be64(flow->metadata_mask);
    }
    if (flow->next_table) {
        ofpact_put_GOTO_TABLE(acts)->table_id = flow->next_table;
    }
}

static void
fill_add(struct ofputil_flow_mod *fm, const struct fh_flow *flow,
         struct ofpbuf *acts)
{
    put_ofpacts(acts, flow);
    fm->command = OFPFC_ADD;
    fm->new_cookie = be64(flow->cookie);
    fm->hard_timeout = flow->hard_timeout_s;
    fm->flags = flow->send_removed ? OFPUTIL_FF_SEND_FLOW_REM : 0;
    fm->ofpacts = acts->data;
    fm->ofpacts_len = acts->size;
}

static void
fill_delete(struct ofputil_flow_mod *fm, const struct fh_flow *flow)
{
    fm->command = OFPFC_DELETE_STRICT;
    fm->cookie = be64(flow->cookie);
    fm->cookie_mask = be64(FH_COOKIE_KIND_MASK);
    fm->new_cookie = OVS_BE64_MAX;
}

/* Returns new, or NULL for a flow that has no expression. */
static struct ofpbuf *
encode_change(int version, const struct fh_change *change)
{
    const struct fh_flow *flow = &change->flow;
    struct ofputil_flow_mod fm = {
        .priority = flow->priority,
        .table_id = flow->table,
        .buffer_id = NO_BUFFER,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
    };
    uint64_t stub[1024 / 8];
    struct ofpbuf acts = OFPBUF_STUB_INITIALIZER(stub);
    struct ofpbuf *msg;
    struct match match;

    if (flow->match.fields == UINT32_MAX) {
        return NULL;
    }
    match_init_catchall(&match);
    match_set_l2(&match, &flow->match);
    match_set_l3(&match, &flow->match);
    minimatch_init(&fm.match, &match);
    if (change->op == FH_CHANGE_ADD) {
        fill_add(&fm, flow, &acts);
    } else {
        fill_delete(&fm, flow);
    }
    msg = ofputil_encode_flow_mod(&fm, ofcodec_protocol(version));
    minimatch_destroy(&fm.match);
    ofpbuf_uninit(&acts);
    return msg;
}

void
ofcodec_put_change(struct fh_buf *buf, int version, uint32_t xid,
                   const struct fh_change *change)
{
    struct ofpbuf *msg = encode_change(version, change);

    if (msg) {
        ofcodec_put_ofpbuf(buf, msg, xid);
    }
}

/* Bundles. */

#define BUNDLE_FLAGS (OFPBF_ATOMIC | OFPBF_ORDERED)

static void
put_bundle_ctrl(struct fh_buf *buf, int version, uint32_t xid, uint32_t bundle,
                uint16_t type)
{
    struct ofputil_bundle_ctrl_msg ctrl = {
        .bundle_id = bundle,
        .type = type,
        .flags = BUNDLE_FLAGS,
    };

    ofcodec_put_ofpbuf(buf, ofputil_encode_bundle_ctrl_request(
                   (enum ofp_version) version, &ctrl), xid);
}

void
ofcodec_put_bundle_open(struct fh_buf *buf, int version, uint32_t xid,
                        uint32_t bundle)
{
    put_bundle_ctrl(buf, version, xid, bundle, OFPBCT_OPEN_REQUEST);
}

void
ofcodec_put_bundle_commit(struct fh_buf *buf, int version, uint32_t xid,
                          uint32_t bundle)
{
    put_bundle_ctrl(buf, version, xid, bundle, OFPBCT_COMMIT_REQUEST);
}

void
ofcodec_put_bundle_change(struct fh_buf *buf, int version, uint32_t xid,
                          uint32_t bundle, const struct fh_change *change)
{
    struct ofpbuf *msg = encode_change(version, change);
    struct ofputil_bundle_add_msg add = {
        .bundle_id = bundle,
        .flags = BUNDLE_FLAGS,
    };

    if (!msg) {
        return;
    }
    /* The inner message has the xid of the outer one, 7.3.9.8. */
    ofpmsg_update_length(msg);
    ofwire_put_u32((uint8_t *) msg->data + 4, xid);
    add.msg = msg->data;
    ofcodec_put_ofpbuf(buf, ofputil_encode_bundle_add((enum ofp_version) version,
                                              &add), xid);
    ofpbuf_delete(msg);
}
