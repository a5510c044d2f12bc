/* Our values -> OpenFlow 1.3, 1.4 and 1.5 messages, but for flows
 * (ofencode_flow.c).  See ofcodec.h. */
#include <config.h>

#include "flows/ofcodec.h"

#include <assert.h>
#include <string.h>

#include <openvswitch/match.h>
#include <openvswitch/ofp-connection.h>
#include <openvswitch/ofp-errors.h>
#include <openvswitch/ofp-flow.h>
#include <openvswitch/ofp-meter.h>
#include <openvswitch/ofp-msgs.h>
#include <openvswitch/ofp-port.h>
#include <openvswitch/ofp-switch.h>
#include <openvswitch/ofp-util.h>

#include "flows/ofcodec_private.h"
#include "flows/ofwire.h"

static void
put_header(uint8_t *p, int version, uint8_t type, size_t len, uint32_t xid)
{
    p[0] = (uint8_t) version;
    p[1] = type;
    wire_put_u16(p + 2, (uint16_t) len);
    ofwire_put_u32(p + 4, xid);
}

static void
put_bare(struct fh_buf *buf, int version, uint8_t type, uint32_t xid)
{
    put_header(fh_buf_put(buf, OF_HEADER_LEN), version, type, OF_HEADER_LEN,
               xid);
}

void
ofcodec_put_ofpbuf(struct fh_buf *buf, struct ofpbuf *msg, uint32_t xid)
{
    ofpmsg_update_length(msg);
    ofwire_put_u32((uint8_t *) msg->data + 4, xid);
    fh_buf_append(buf, msg->data, msg->size);
    ofpbuf_delete(msg);
}

enum ofputil_protocol
ofcodec_protocol(int version)
{
    switch (version) {
    case OF_13:
        return OFPUTIL_P_OF13_OXM;
    case OF_14:
        return OFPUTIL_P_OF14_OXM;
    case OF_15:
        return OFPUTIL_P_OF15_OXM;
    }
    assert(!"no such version");
    return 0;
}

void
ofcodec_put_hello_versions(struct fh_buf *buf, uint32_t xid, uint32_t versions)
{
    ofcodec_put_ofpbuf(buf, ofputil_encode_hello(versions), xid);
}

void
ofcodec_put_error_hello_failed(struct fh_buf *buf, int version, uint32_t xid)
{
    int known = (version < OFP10_VERSION ? OFP10_VERSION
                 : version > OFP15_VERSION ? OFP15_VERSION : version);

    ofcodec_put_ofpbuf(buf, ofperr_encode_hello(OFPERR_OFPHFC_INCOMPATIBLE,
                                        (enum ofp_version) known,
                                        "OpenFlow 1.3, 1.4 or 1.5 needed"),
               xid);
}

void
ofcodec_put_echo_request(struct fh_buf *buf, int version, uint32_t xid)
{
    put_bare(buf, version, TYPE_ECHO_REQUEST, xid);
}

void
ofcodec_put_echo_reply(struct fh_buf *buf, int version, uint32_t xid,
                       const uint8_t *data, size_t len)
{
    assert(len <= OF_MAX_MESSAGE - OF_HEADER_LEN);
    put_header(fh_buf_put(buf, OF_HEADER_LEN), version, TYPE_ECHO_REPLY,
               OF_HEADER_LEN + len, xid);
    fh_buf_append(buf, data, len);
}

void
ofcodec_put_features_request(struct fh_buf *buf, int version, uint32_t xid)
{
    put_bare(buf, version, TYPE_FEATURES_REQUEST, xid);
}

void
ofcodec_put_barrier(struct fh_buf *buf, int version, uint32_t xid)
{
    put_bare(buf, version, TYPE_BARRIER_REQUEST, xid);
}

void
ofcodec_put_port_desc_request(struct fh_buf *buf, int version, uint32_t xid)
{
    ofcodec_put_ofpbuf(buf, ofputil_encode_port_desc_stats_request(
                   (enum ofp_version) version, OFPP_ANY), xid);
}

void
ofcodec_put_set_config(struct fh_buf *buf, int version, uint32_t xid)
{
    struct ofputil_switch_config config = {
        .frag = OFPUTIL_FRAG_NORMAL,
        .invalid_ttl_to_controller = -1,    /* Not in 1.3. */
        .miss_send_len = UINT16_MAX,
    };

    ofcodec_put_ofpbuf(buf, ofputil_encode_set_config(&config,
                                              (enum ofp_version) version),
               xid);
}

void
ofcodec_put_set_async(struct fh_buf *buf, int version, uint32_t xid)
{
    struct ofputil_async_cfg ac = OFPUTIL_ASYNC_CFG_INIT;
    uint32_t oams = (1u << OAM_PACKET_IN | 1u << OAM_PORT_STATUS
                     | 1u << OAM_FLOW_REMOVED | 1u << OAM_ROLE_STATUS);

    ac.primary[OAM_PACKET_IN] = 1u << OFPR_NO_MATCH | 1u << OFPR_ACTION;
    if (version >= OF_14) {
        ac.primary[OAM_PACKET_IN] |= (1u << OFPR_ACTION_SET | 1u << OFPR_GROUP
                                      | 1u << OFPR_PACKET_OUT);
    }
    ac.primary[OAM_PORT_STATUS] = (1u << OFPPR_ADD | 1u << OFPPR_DELETE
                                   | 1u << OFPPR_MODIFY);
    ac.primary[OAM_FLOW_REMOVED] = (1u << OFPRR_IDLE_TIMEOUT
                                    | 1u << OFPRR_HARD_TIMEOUT
                                    | 1u << OFPRR_DELETE
                                    | 1u << OFPRR_GROUP_DELETE);
    ac.primary[OAM_ROLE_STATUS] = (1u << OFPCRR_PRIMARY_REQUEST
                                   | 1u << OFPCRR_CONFIG);
    ac.secondary[OAM_PORT_STATUS] = ac.primary[OAM_PORT_STATUS];
    ac.secondary[OAM_ROLE_STATUS] = ac.primary[OAM_ROLE_STATUS];
    ofcodec_put_ofpbuf(buf, ofputil_encode_set_async_config(
                   &ac, oams, (enum ofp_version) version), xid);
}

static void
put_role(struct fh_buf *buf, int version, uint32_t xid,
         enum ofp12_controller_role wanted, uint64_t generation)
{
    struct ofpbuf *msg = ofpraw_alloc_xid(OFPRAW_OFPT12_ROLE_REQUEST,
                                          (uint8_t) version, htonl(xid), 0);
    struct ofp12_role_request *role = ofpbuf_put_zeros(msg, sizeof *role);

    role->role = htonl(wanted);
    role->generation_id = be64(generation);
    ofcodec_put_ofpbuf(buf, msg, xid);
}

void
ofcodec_put_role_query(struct fh_buf *buf, int version, uint32_t xid)
{
    put_role(buf, version, xid, OFPCR12_ROLE_NOCHANGE, 0);
}

void
ofcodec_put_role_master(struct fh_buf *buf, int version, uint32_t xid,
                        uint64_t generation)
{
    put_role(buf, version, xid, OFPCR12_ROLE_PRIMARY, generation);
}

void
ofcodec_put_role_slave(struct fh_buf *buf, int version, uint32_t xid,
                       uint64_t generation)
{
    put_role(buf, version, xid, OFPCR12_ROLE_SECONDARY, generation);
}

void
ofcodec_put_meter(struct fh_buf *buf, int version, uint32_t xid,
                  const struct fh_meter *meter)
{
    struct ofputil_meter_band band = {
        .type = OFPMBT13_DROP,
        .rate = meter->rate_pps,
        .burst_size = meter->burst,
    };
    struct ofputil_meter_mod mod = {
        .command = OFPMC13_ADD,
        .meter = {
            .meter_id = meter->id,
            .flags = OFPMF13_PKTPS | OFPMF13_BURST,
            .n_bands = 1,
            .bands = &band,
        },
    };

    ofcodec_put_ofpbuf(buf, ofputil_encode_meter_mod((enum ofp_version) version,
                                             &mod), xid);
    mod.command = OFPMC13_MODIFY;
    ofcodec_put_ofpbuf(buf, ofputil_encode_meter_mod((enum ofp_version) version,
                                             &mod), xid);
}

/* 7.3.5.13 of 1.3: type 16, flags 16, pad 32, meter 32, pad 32. */
static void
put_meter_request(struct fh_buf *buf, int version, uint32_t xid,
                  uint16_t type, uint32_t meter)
{
    size_t len = MULTIPART_HEADER_LEN + 8;
    uint8_t *p = fh_buf_put(buf, len);

    memset(p, 0, len);
    put_header(p, version, TYPE_MULTIPART_REQUEST, len, xid);
    wire_put_u16(p + 8, type);
    ofwire_put_u32(p + MULTIPART_HEADER_LEN, meter);
}

void
ofcodec_put_meter_stats_request(struct fh_buf *buf, int version, uint32_t xid,
                                uint32_t meter)
{
    put_meter_request(buf, version, xid, MULTIPART_METER, meter);
}

void
ofcodec_put_meter_config_request(struct fh_buf *buf, int version,
                                 uint32_t xid)
{
    put_meter_request(buf, version, xid, MULTIPART_METER_CONFIG,
                      OFPM13_ALL);
}

/* 7.3.5.17.1: monitor 32, port 32, group 32, flags 16, table 8, command 8,
 * match. */
#define MONITOR_LEN     24
#define MONITOR_CHANGES (1 << 1 | 1 << 2 | 1 << 3)  /* Add, remove, modify. */

void
ofcodec_put_flow_monitor(struct fh_buf *buf, int version, uint32_t xid)
{
    size_t len = MULTIPART_HEADER_LEN + MONITOR_LEN;
    uint8_t *p;

    if (version < OF_14) {
        return;
    }
    p = fh_buf_put(buf, len);
    memset(p, 0, len);
    put_header(p, version, TYPE_MULTIPART_REQUEST, len, xid);
    wire_put_u16(p + 8, MULTIPART_MONITOR);
    p += MULTIPART_HEADER_LEN;
    ofwire_put_u32(p, 1);
    ofwire_put_u32(p + 4, FH_PORT_NONE);
    ofwire_put_u32(p + 8, OFPG_ANY);
    wire_put_u16(p + 12, MONITOR_CHANGES);
    p[14] = 0xff;                           /* All tables. */
    ofwire_put_u32(p + 16, 1 << 16 | 4);    /* Matches all: OXM, no fields. */
}

void
ofcodec_put_flow_stats_request(struct fh_buf *buf, int version, uint32_t xid,
                               const struct of_flow_filter *filter)
{
    struct ofputil_flow_stats_request request = {
        .cookie = be64(filter->cookie),
        .cookie_mask = be64(filter->cookie_mask),
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .table_id = filter->table,
    };

    match_init_catchall(&request.match);
    if (filter->reg_mask) {
        match_set_reg_masked(&request.match, filter->reg, filter->reg_value,
                             filter->reg_mask);
    }
    ofcodec_put_ofpbuf(buf, ofputil_encode_flow_stats_request(&request,
                                                      ofcodec_protocol(version)),
               xid);
}

/* Packet-out.  1.3 and 1.4, 7.3.7: buffer id 32, port 32, actions length 16,
 * 48 bits of padding.  1.5: buffer id 32, actions length 16, 16 bits of
 * padding, and a match that names the port.  Then actions and frame. */
static uint8_t *
put_packet_out_head(uint8_t *p, int version, uint32_t in_port,
                    size_t actions_len)
{
    ofwire_put_u32(p, NO_BUFFER);
    if (version >= OF_15) {
        wire_put_u16(p + 4, (uint16_t) actions_len);
        memset(p + 6, 0, 2);
        ofwire_put_u32(p + 8, 1 << 16 | 12);    /* OXM match of 12 bytes. */
        ofwire_put_u32(p + 12, 0x80000004);     /* in_port */
        ofwire_put_u32(p + 16, in_port);
        memset(p + 20, 0, 4);
        return p + 24;
    }
    ofwire_put_u32(p + 4, in_port);
    wire_put_u16(p + 8, (uint16_t) actions_len);
    memset(p + 10, 0, 6);
    return p + 16;
}

void
ofcodec_put_packet_out(struct fh_buf *buf, int version, uint32_t xid,
                       uint32_t in_port, const struct fh_action *actions,
                       size_t n_actions, const uint8_t *frame, size_t len)
{
    size_t head_len = OF_HEADER_LEN + (version >= OF_15 ? 24 : 16);
    size_t actions_len = 0;
    size_t total;
    uint8_t *p;

    for (size_t i = 0; i < n_actions; i++) {
        actions_len += ofwire_action_len(&actions[i]);
    }
    total = head_len + actions_len + len;
    assert(total <= OF_MAX_MESSAGE);

    p = fh_buf_put(buf, total);
    put_header(p, version, TYPE_PACKET_OUT, total, xid);
    p = put_packet_out_head(p + OF_HEADER_LEN, version, in_port, actions_len);
    for (size_t i = 0; i < n_actions; i++) {
        p += ofwire_put_action(p, &actions[i]);
    }
    memcpy(p, frame, len);
}

void
ofcodec_put_frame_out(struct fh_buf *buf, int version, uint32_t xid,
                      uint32_t port, const uint8_t *frame, size_t len)
{
    size_t head_len = OF_HEADER_LEN + (version >= OF_15 ? 24 : 16);
    size_t total = head_len + OFWIRE_OUTPUT_LEN + len;
    uint8_t *p = fh_buf_put(buf, total);

    assert(total <= OF_MAX_MESSAGE);
    put_header(p, version, TYPE_PACKET_OUT, total, xid);
    p = put_packet_out_head(p + OF_HEADER_LEN, version, FH_PORT_CONTROLLER,
                            OFWIRE_OUTPUT_LEN);
    ofwire_put_output(p, port);
    memcpy(p + OFWIRE_OUTPUT_LEN, frame, len);
}

/* Open vSwitch's learn action (ovs-actions(7)): type 16, length 16, vendor 32,
 * subtype 16, idle 16, hard 16, priority 16, cookie 64, flags 16, table 8, pad
 * 8, two more timeouts 32, then here one part: what it loads (16 bits: an
 * immediate value, into a field, of so many bits), the value, the field's
 * header 32, from bit 16. */
#define LEARN_LEN       48
#define NX_LEARN        16
#define LEARN_LOAD_32   (1 << 13 | 1 << 11 | 32)
#define NX1_REG(I)      (UINT32_C(0x00010004) | (I) << 9)

static void
put_learn(uint8_t *p, const struct fh_flow *flow)
{
    const struct fh_action *set = &flow->actions[0];

    assert(!flow->match.fields && flow->n_actions == 1
           && set->type == FH_ACT_SET_REG);
    memset(p, 0, LEARN_LEN);
    wire_put_u16(p, 0xffff);
    wire_put_u16(p + 2, LEARN_LEN);
    ofwire_put_u32(p + 4, 0x00002320);
    wire_put_u16(p + 8, NX_LEARN);
    wire_put_u16(p + 12, flow->hard_timeout_s);
    wire_put_u16(p + 14, flow->priority);
    ofwire_put_u32(p + 16, flow->cookie >> 32);
    ofwire_put_u32(p + 20, (uint32_t) flow->cookie);
    p[26] = flow->table;
    wire_put_u16(p + 32, LEARN_LOAD_32);
    ofwire_put_u32(p + 34, set->u.reg.value);
    ofwire_put_u32(p + 38, NX1_REG(set->u.reg.index));
}

void
ofcodec_put_renewal(struct fh_buf *buf, int version, uint32_t xid,
                    const struct fh_flow *flow)
{
    /* An Ethertype for local experiments (IEEE 802, 9.2.3).  It goes nowhere,
     * and not even a switch could learn from it. */
    static const uint8_t frame[14] = {
        1, 0x80, 0xc2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0x88, 0xb5
    };
    size_t head_len = OF_HEADER_LEN + (version >= OF_15 ? 24 : 16);
    size_t total = head_len + LEARN_LEN + sizeof frame;
    uint8_t *p = fh_buf_put(buf, total);

    put_header(p, version, TYPE_PACKET_OUT, total, xid);
    p = put_packet_out_head(p + OF_HEADER_LEN, version, FH_PORT_CONTROLLER,
                            LEARN_LEN);
    put_learn(p, flow);
    memcpy(p + LEARN_LEN, frame, sizeof frame);
}
