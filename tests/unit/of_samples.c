#include <config.h>

#include "tests/unit/of_samples.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>

#include <openvswitch/match.h>
#include <openvswitch/ofp-actions.h>
#include <openvswitch/ofp-connection.h>
#include <openvswitch/ofp-errors.h>
#include <openvswitch/ofp-meter.h>
#include <openvswitch/ofp-msgs.h>

ofp_port_t
ofp_port(uint16_t number)
{
    return (OVS_FORCE ofp_port_t) number;
}

enum ofputil_protocol
protocol_of(int version)
{
    return (version == OF_13 ? OFPUTIL_P_OF13_OXM
            : version == OF_14 ? OFPUTIL_P_OF14_OXM : OFPUTIL_P_OF15_OXM);
}

int
decode_exact(const uint8_t *data, size_t len, int version,
             struct of_message *msg, uint8_t **copyp)
{
    const char *why = NULL;
    uint8_t *copy = malloc(len ? len : 1);
    int error;

    assert_non_null(copy);
    memcpy(copy, data, len);
    error = ofcodec_decode(copy, len, version, msg, &why);
    assert_true(error ? error == EPROTO && why : !why);
    *copyp = copy;
    return error;
}

void
decode_ofpbuf(struct ofpbuf *b, int version, struct of_message *msg,
              uint8_t **copyp)
{
    ofpmsg_update_length(b);
    assert_int_equal(decode_exact(b->data, b->size, version, msg, copyp), 0);
    ofpbuf_delete(b);
}

const struct ofp_header *
header_of(const struct fh_buf *buf)
{
    return (const void *) buf->data;
}

const uint8_t frame[42] = {
    2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x06, 1, 2, 3, 4, 5, 6, 7, 8,
    9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
    27, 28,
};

struct ofpbuf *
encode_packet_in(int version, int reason, uint64_t metadata)
{
    struct ofputil_packet_in_private pin = {
        .base = {
            .packet = CONST_CAST(uint8_t *, frame),
            .packet_len = sizeof frame,
            .reason = reason,
            .table_id = 3,
            .cookie = htobe64(0xf1a5010000000007),
        },
    };

    match_init_catchall(&pin.base.flow_metadata);
    match_set_in_port(&pin.base.flow_metadata, ofp_port(17));
    match_set_reg(&pin.base.flow_metadata, 0, 0x12345678);
    if (metadata) {
        match_set_metadata(&pin.base.flow_metadata, htobe64(metadata));
    }
    return ofputil_encode_packet_in_private(&pin, protocol_of(version),
                                            OFPUTIL_PACKET_IN_STD);
}

struct fh_action
act(enum fh_action_type type)
{
    return (struct fh_action) { .type = type };
}

static struct fh_action
act_number(enum fh_action_type type, uint32_t number)
{
    return (struct fh_action) { .type = type, .u = { .number = number } };
}

static struct fh_action
act_move(unsigned int from, unsigned int to)
{
    return (struct fh_action) { .type = FH_ACT_MOVE,
                                .u = { .move = { from, to } } };
}

struct fh_action
act_reg(uint32_t index, uint32_t value)
{
    return (struct fh_action) { .type = FH_ACT_SET_REG,
                                .u = { .reg = { index, value } } };
}

struct fh_action
act_port(uint32_t port)
{
    return (struct fh_action) { .type = FH_ACT_OUTPUT, .u = { .port = port } };
}

struct fh_action
act_vid(enum fh_action_type type, uint32_t vid)
{
    return (struct fh_action) { .type = type, .u = { .vid = vid } };
}

static struct fh_action
act_len(enum fh_action_type type, uint32_t len)
{
    return (struct fh_action) { .type = type, .u = { .len = len } };
}

struct fh_action
act_mac(enum fh_action_type type, struct eth_addr mac)
{
    return (struct fh_action) { .type = type, .u = { .mac = mac } };
}

struct fh_action
act_tpa(ovs_be32 ip)
{
    return (struct fh_action) { .type = FH_ACT_SET_ARP_TPA,
                                .u = { .ip4 = ip } };
}

struct fh_flow
base_flow(void)
{
    return (struct fh_flow) {
        .cookie = UINT64_C(0xf1a5010000000001),
        .table = 2,
        .priority = 100,
    };
}

size_t
sample_flows(struct fh_flow *flows)
{
    struct fh_flow *f = flows;

    *f++ = base_flow();         /* Matches all, drops. */

    *f = base_flow();
    f->match = (struct fh_match) {
        .fields = FH_F_IN_PORT | FH_F_ETH_TYPE | FH_F_VLAN | FH_F_ARP_OP
                  | FH_F_ARP_SPA | FH_F_ARP_TPA | FH_F_ETH_SRC | FH_F_ETH_DST,
        .in_port = 1, .eth_type = 0x0806, .vlan_vid = FH_VLAN_NONE,
        .arp_op = 2, .arp_spa = IP(10, 0, 0, 0),
        .arp_spa_mask = IP(255, 255, 255, 0), .arp_tpa = IP(10, 0, 0, 1),
        .arp_tpa_mask = htonl(UINT32_MAX),
        .eth_src = MAC(2, 0, 0, 0, 1, 10), .eth_dst = MAC(2, 0, 0, 0, 0, 10),
    };
    f->meter = 5;
    f->n_actions = 1;
    f->actions[0] = act(FH_ACT_CONTROLLER);
    f++;

    *f = base_flow();
    f->match = (struct fh_match) {
        .fields = FH_F_IN_PORT | FH_F_METADATA | FH_F_VLAN,
        .in_port = 0xfeff, .vlan_vid = 4094,
        .metadata = UINT64_C(0xffff000000000000),
        .metadata_mask = UINT64_C(0xffff000000000000),
    };
    f->meter = UINT32_MAX - 0x10000;
    f->metadata = UINT64_C(0x0123456789abcdef);
    f->metadata_mask = UINT64_MAX;
    f->next_table = 4;
    f->n_actions = 1;
    f->actions[0] = act(FH_ACT_POP_VLAN);
    f++;

    *f = base_flow();
    f->match = (struct fh_match) {
        .fields = FH_F_METADATA | FH_F_ETH_TYPE | FH_F_IP_SRC | FH_F_IP_DST
                  | FH_F_IP_PROTO | FH_F_ICMP_TYPE | FH_F_IP_TTL
                  | FH_F_VLAN,
        .metadata = 0, .metadata_mask = UINT64_MAX, .eth_type = 0x0800,
        .ip_src = IP(10, 0, 0, 10), .ip_src_mask = htonl(UINT32_MAX),
        .ip_dst = IP(10, 0, 0, 0), .ip_dst_mask = IP(255, 0, 0, 0),
        .ip_proto = 1, .icmp_type = 8, .ip_ttl = 255,
        .vlan_vid = FH_VLAN_NONE,
    };
    f->hard_timeout_s = 10;
    f->send_removed = true;
    f->n_actions = FH_FLOW_MAX_ACTIONS;
    f->actions[0] = act(FH_ACT_DEC_TTL);
    f->actions[1] = act_mac(FH_ACT_SET_ETH_SRC, MAC(2, 0, 0, 0, 0, 10));
    f->actions[2] = act_mac(FH_ACT_SET_ETH_DST, MAC(2, 0, 0, 0, 1, 10));
    f->actions[3] = act_vid(FH_ACT_PUSH_VLAN, 0x8100);
    f->actions[4] = act_vid(FH_ACT_SET_VLAN, 100);
    f->actions[5] = act_vid(FH_ACT_PUSH_VLAN, 0x88a8);
    f->actions[6] = act_vid(FH_ACT_SET_VLAN, 4094);
    f->actions[7] = act_port(7);
    f->actions[8] = act_port(FH_PORT_IN_PORT);
    f->actions[9] = act(FH_ACT_CONTROLLER);
    f++;

    *f = base_flow();
    f->match = (struct fh_match) {
        .fields = FH_F_ETH_TYPE | FH_F_VLAN, .eth_type = 0x0806,
        .vlan_vid = 1,
    };
    f->priority = UINT16_MAX;
    f->table = 0;
    f->n_actions = 2;
    f->actions[0] = act_tpa(IP(10, 0, 0, 1));
    f->actions[1] = act_port(0xfffffffe);   /* OFPP_LOCAL */
    f++;

    *f = base_flow();
    f->match = (struct fh_match) { .fields = FH_F_VLAN,
                                   .vlan_vid = FH_VLAN_PRIORITY };
    f->n_actions = 1;
    f->actions[0] = act(FH_ACT_POP_VLAN);
    f++;

    *f = base_flow();
    f->match = (struct fh_match) {
        .fields = FH_F_ETH_TYPE | FH_F_IP_PROTO | FH_F_UDP_SRC | FH_F_UDP_DST,
        .eth_type = 0x0800, .ip_proto = 17, .udp_src = 68, .udp_dst = 67,
    };
    f->n_actions = 1;
    f->actions[0] = act(FH_ACT_CONTROLLER);
    f++;

    *f = base_flow();
    f->next_table = 4;
    f->n_actions = 2;
    f->actions[0] = act_len(FH_ACT_CHECK_LARGER, 1514);
    f->actions[1] = act_len(FH_ACT_CHECK_LARGER, UINT16_MAX);
    f++;

    *f = base_flow();
    f->match = (struct fh_match) { .fields = FH_F_ETH_TYPE,
                                   .eth_type = 0x0806 };
    f->n_actions = 3;
    f->actions[0] = (struct fh_action) { FH_ACT_SET_ARP_OP, { .op = 2 } };
    f->actions[1] = act_mac(FH_ACT_SET_ARP_SHA, MAC(2, 0, 0, 0, 0, 10));
    f->actions[2] = act_port(FH_PORT_IN_PORT);
    f++;

    *f = base_flow();
    f->match = (struct fh_match) {
        .fields = FH_F_ETH_TYPE | FH_F_VLAN | FH_F_REG(0) | FH_F_REG(3),
        .eth_type = 0x0806, .vlan_vid = FH_VLAN_ANY,
        .regs = { 0x0a00000a, 0, 0, UINT32_MAX },
    };
    f->n_actions = 9;
    f->actions[0] = act_move(FH_NAME_ARP_SPA, FH_NAME_REG0);
    f->actions[1] = act_move(FH_NAME_REG0 + 3, FH_NAME_ARP_TPA);
    f->actions[2] = act_move(FH_NAME_ARP_TPA, FH_NAME_ARP_SPA);
    f->actions[3] = act_move(FH_NAME_ARP_SHA, FH_NAME_ARP_THA);
    f->actions[4] = act_move(FH_NAME_ARP_THA, FH_NAME_ETH_DST);
    f->actions[5] = act_move(FH_NAME_ETH_SRC, FH_NAME_ARP_SHA);
    f->actions[6] = act_reg(2, UINT32_MAX);
    f->actions[7] = act_number(FH_ACT_RESUBMIT, 0);
    f->actions[8] = act_number(FH_ACT_RESUBMIT, 15);
    f++;

    *f = base_flow();
    f->match = (struct fh_match) {
        .fields = FH_F_ETH_TYPE | FH_F_IP_PROTO | FH_F_REG(1) | FH_F_REG(2),
        .eth_type = 0x0800, .ip_proto = 1, .regs = { 0, 0, 7, 0 },
    };
    f->n_actions = 5;
    f->actions[0] = act_move(FH_NAME_IP_SRC, FH_NAME_REG0 + 1);
    f->actions[1] = act_move(FH_NAME_REG0 + 1, FH_NAME_IP_DST);
    f->actions[2] = act_number(FH_ACT_SET_ICMP_TYPE, 0);
    f->actions[3] = act_number(FH_ACT_SET_TTL, 64);
    f->actions[4] = act_reg(0, 0);
    f++;

    return f - flows;
}

struct ofpbuf *
flow_mod_to_stats(const struct ofp_header *oh, int version)
{
    struct ofputil_flow_stats_request fsr = {
        .out_port = OFPP_ANY, .out_group = OFPG_ANY, .table_id = 0xff,
    };
    struct ofputil_flow_stats fs = { 0 };
    struct ofputil_flow_mod fm;
    struct ofpbuf acts, *request, *reply;
    struct ovs_list replies;
    enum ofperr error;

    ofpbuf_init(&acts, 0);
    error = ofputil_decode_flow_mod(&fm, oh, protocol_of(version), NULL, NULL,
                                    &acts, ofp_port(0xff00), 255);
    if (error) {
        fail_msg("the bridge would say %s", ofperr_get_name(error));
    }
    minimatch_expand(&fm.match, &fs.match);
    fs.cookie = fm.new_cookie;
    fs.table_id = fm.table_id;
    fs.priority = (uint16_t) fm.priority;
    fs.hard_timeout = fm.hard_timeout;
    fs.idle_timeout = fm.idle_timeout;
    fs.packet_count = 3;
    fs.byte_count = 300;
    fs.flags = fm.flags;
    fs.ofpacts = fm.ofpacts;
    fs.ofpacts_len = fm.ofpacts_len;

    match_init_catchall(&fsr.match);
    request = ofputil_encode_flow_stats_request(&fsr, protocol_of(version));
    ofpmsg_update_length(request);
    ofpmp_init(&replies, request->data);
    ofputil_append_flow_stats_reply(&fs, &replies, NULL);
    reply = ofpbuf_from_list(ovs_list_pop_front(&replies));
    ofpmsg_update_length(reply);
    minimatch_destroy(&fm.match);
    ofpbuf_delete(request);
    ofpbuf_uninit(&acts);
    return reply;
}

struct ofpbuf *
encode_flow_removed(int version)
{
    struct ofputil_flow_removed fr = {
        .cookie = htobe64(UINT64_C(0xf1a5050000000001)),
        .priority = 9,
        .reason = OFPRR_HARD_TIMEOUT,
        .table_id = 2,
        .hard_timeout = 10,
        .packet_count = 42,
        .byte_count = 4200,
    };

    match_init_catchall(&fr.match);
    match_set_in_port(&fr.match, ofp_port(4));
    return ofputil_encode_flow_removed(&fr, protocol_of(version));
}

struct ofpbuf *
encode_role_status(int version)
{
    struct ofputil_role_status rs = {
        OFPCR12_ROLE_SECONDARY, OFPCRR_PRIMARY_REQUEST, 12,
    };

    return ofputil_encode_role_status(&rs, protocol_of(version));
}
