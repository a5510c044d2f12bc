/* flows/ofcodec: our values against libopenvswitch's idea of the same bytes.
 *
 * The switch's side is played by libopenvswitch: it encodes what we decode
 * and decodes what we encode. */
#include <config.h>

#include "flows/ofcodec.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <openvswitch/match.h>
#include <openvswitch/ofp-actions.h>
#include <openvswitch/ofp-bundle.h>
#include <openvswitch/ofp-connection.h>
#include <openvswitch/ofp-errors.h>
#include <openvswitch/ofp-flow.h>
#include <openvswitch/ofp-meter.h>
#include <openvswitch/ofp-monitor.h>
#include <openvswitch/ofp-msgs.h>
#include <openvswitch/ofp-packet.h>
#include <openvswitch/ofp-port.h>
#include <openvswitch/ofp-switch.h>
#include <openvswitch/ofp-util.h>
#include <openvswitch/ofpbuf.h>

#define MAC(a, b, c, d, e, f) ((struct eth_addr) { { { a, b, c, d, e, f } } })
#define IP(a, b, c, d) \
    htonl((uint32_t) (a) << 24 | (b) << 16 | (c) << 8 | (d))
#define N_ELEMS(ARRAY) (sizeof (ARRAY) / sizeof (ARRAY)[0])

static const int versions[] = { OF_13, OF_14, OF_15 };

static ofp_port_t
ofp_port(uint16_t number)
{
    return (OVS_FORCE ofp_port_t) number;
}

static enum ofputil_protocol
protocol_of(int version)
{
    return (version == OF_13 ? OFPUTIL_P_OF13_OXM
            : version == OF_14 ? OFPUTIL_P_OF14_OXM : OFPUTIL_P_OF15_OXM);
}

/* Decodes a copy that ends where its memory ends. */
static int
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

/* Decodes what libopenvswitch encoded, which it takes.  The result points
 * into '*copyp'. */
static void
decode_ofpbuf(struct ofpbuf *b, int version, struct of_message *msg,
              uint8_t **copyp)
{
    ofpmsg_update_length(b);
    assert_int_equal(decode_exact(b->data, b->size, version, msg, copyp), 0);
    ofpbuf_delete(b);
}

static const struct ofp_header *
header_of(const struct fh_buf *buf)
{
    return (const void *) buf->data;
}

/* Framing. */

static void
the_header_tells_the_length(void **state)
{
    const uint8_t bytes[] = { 5, 10, 0x01, 0x02, 0, 0, 0, 0 };

    for (size_t n = 0; n < 4; n++) {
        assert_int_equal(ofcodec_frame(bytes, n), 0);
    }
    assert_int_equal(ofcodec_frame(bytes, 4), 0x102);
    assert_int_equal(ofcodec_frame(bytes, 8), 0x102);
}

static void
what_is_not_openflow_is_seen_at_once(void **state)
{
    const uint8_t short_length[] = { 5, 10, 0, 7 };

    assert_int_equal(ofcodec_frame((const uint8_t *) "GET /", 1), -1);
    assert_int_equal(ofcodec_frame((const uint8_t *) "\0\0\0\x08", 4), -1);
    assert_int_equal(ofcodec_frame(short_length, 4), -1);
}

static void
a_length_other_than_the_header_says_is_refused(void **state)
{
    const uint8_t barrier_reply[] = { 5, 21, 0, 8, 0, 0, 0, 1, 0 };
    struct of_message msg;
    const char *why;

    assert_int_equal(ofcodec_decode(barrier_reply, 8, OF_14, &msg, &why), 0);
    assert_int_equal(ofcodec_decode(barrier_reply, 9, OF_14, &msg, &why),
                     EPROTO);
}

static void
another_version_than_the_negotiated_one_is_refused(void **state)
{
    const uint8_t barrier_reply[] = { 4, 21, 0, 8, 0, 0, 0, 1 };
    struct of_message msg;
    const char *why;

    assert_int_equal(ofcodec_decode(barrier_reply, 8, OF_14, &msg, &why),
                     EPROTO);
}

static void
before_the_hello_nothing_else_is_accepted(void **state)
{
    const uint8_t barrier_reply[] = { 4, 21, 0, 8, 0, 0, 0, 1 };
    const uint8_t packet_in[32] = { 4, 10, 0, 32 };
    struct of_message msg;
    const char *why;

    assert_int_equal(ofcodec_decode(barrier_reply, 8, 0, &msg, &why), EPROTO);
    assert_int_equal(ofcodec_decode(packet_in, 32, 0, &msg, &why), EPROTO);
}

/* Versions. */

static void
a_bridge_that_has_1_4_is_not_offered_1_5(void **state)
{
    uint32_t all = 0x7e;        /* 1.0 to 1.5. */
    uint32_t offer = ofcodec_versions_to_offer(all);

    assert_int_equal(offer, OF_VERSION_BIT(OF_13) | OF_VERSION_BIT(OF_14));
    assert_int_equal(ofcodec_negotiate(offer, all), OF_14);
}

static void
a_bridge_without_1_4_gets_the_highest_that_it_has(void **state)
{
    uint32_t only_13 = OF_VERSION_BIT(OF_13);
    uint32_t only_15 = OF_VERSION_BIT(OF_15);
    uint32_t old = 0x0e;        /* 1.0 to 1.2. */

    assert_int_equal(ofcodec_negotiate(ofcodec_versions_to_offer(only_13),
                                       only_13), OF_13);
    assert_int_equal(ofcodec_negotiate(ofcodec_versions_to_offer(only_15),
                                       only_15), OF_15);
    assert_int_equal(ofcodec_negotiate(
                         ofcodec_versions_to_offer(only_13 | only_15),
                         only_13 | only_15), OF_15);
    assert_int_equal(ofcodec_negotiate(ofcodec_versions_to_offer(old), old),
                     0);
}

static void
the_hello_carries_its_bitmap(void **state)
{
    struct fh_buf buf = { 0 };
    struct of_message msg;
    const char *why;

    ofcodec_put_hello_versions(&buf, 7, OF_VERSIONS);
    assert_int_equal(ofcodec_decode(buf.data, buf.len, 0, &msg, &why), 0);
    assert_int_equal(msg.type, OF_HELLO);
    assert_int_equal(msg.xid, 7);
    assert_int_equal(msg.hello.versions, OF_VERSIONS);
    assert_int_equal(buf.data[0], OF_15);
    fh_buf_destroy(&buf);
}

static void
a_hello_without_a_bitmap_means_all_up_to_its_version(void **state)
{
    const uint8_t hello[] = { 4, 0, 0, 8, 0, 0, 0, 1 };
    struct of_message msg;
    const char *why;

    assert_int_equal(ofcodec_decode(hello, sizeof hello, 0, &msg, &why), 0);
    assert_int_equal(msg.hello.versions, 0x1e);
}

/* Packet-in. */

static const uint8_t frame[] = {
    2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x06, 1, 2, 3, 4, 5, 6, 7, 8,
    9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
    27, 28,
};

static struct ofpbuf *
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

static void
packet_in_reads_as_libopenvswitch_reads_it(void **state)
{
    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        int version = versions[i];
        struct ofpbuf *b = encode_packet_in(version, OFPR_ACTION, 0xabcdef);
        struct ofputil_packet_in pin;
        struct of_message msg;
        uint32_t buffer_id;
        size_t total_len;
        uint8_t *copy;

        ofpmsg_update_length(b);
        assert_int_equal(ofputil_decode_packet_in(b->data, true, NULL, NULL,
                                                  &pin, &total_len,
                                                  &buffer_id, NULL), 0);
        assert_int_equal(decode_exact(b->data, b->size, version, &msg, &copy),
                         0);
        assert_int_equal(msg.type, OF_PACKET_IN);
        assert_int_equal(msg.packet_in.len, pin.packet_len);
        assert_memory_equal(msg.packet_in.frame, pin.packet, pin.packet_len);
        assert_int_equal(msg.packet_in.cookie, be64toh(pin.cookie));
        assert_int_equal(msg.packet_in.metadata, 0xabcdef);
        assert_int_equal(msg.packet_in.in_port, 17);
        assert_int_equal(msg.packet_in.table, 3);
        free(copy);
        ofpbuf_delete(b);
    }
}

static void
packet_in_without_metadata_says_zero(void **state)
{
    struct of_message msg;
    uint8_t *copy;

    decode_ofpbuf(encode_packet_in(OF_14, OFPR_ACTION, 0), OF_14, &msg,
                  &copy);
    assert_int_equal(msg.packet_in.metadata, 0);
    free(copy);
}

static void
packet_in_from_an_impossible_port_is_refused(void **state)
{
    struct ofpbuf *b = encode_packet_in(OF_14, OFPR_ACTION, 0);
    const uint8_t oxm_in_port[] = { 0x80, 0, 0, 4, 0, 0, 0, 17 };
    struct of_message msg;
    uint8_t *p, *copy;

    ofpmsg_update_length(b);
    p = memmem(b->data, b->size, oxm_in_port, sizeof oxm_in_port);
    assert_non_null(p);
    p[4] = 1;
    assert_int_equal(decode_exact(b->data, b->size, OF_14, &msg, &copy),
                     EPROTO);
    free(copy);
    ofpbuf_delete(b);
}

/* Packet-out. */

static struct fh_action
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

static struct fh_action
act_reg(uint32_t index, uint32_t value)
{
    return (struct fh_action) { .type = FH_ACT_SET_REG,
                                .u = { .reg = { index, value } } };
}

static struct fh_action
act_port(uint32_t port)
{
    return (struct fh_action) { .type = FH_ACT_OUTPUT, .u = { .port = port } };
}

static struct fh_action
act_vid(enum fh_action_type type, uint32_t vid)
{
    return (struct fh_action) { .type = type, .u = { .vid = vid } };
}

static struct fh_action
act_len(enum fh_action_type type, uint32_t len)
{
    return (struct fh_action) { .type = type, .u = { .len = len } };
}

static struct fh_action
act_mac(enum fh_action_type type, struct eth_addr mac)
{
    return (struct fh_action) { .type = type, .u = { .mac = mac } };
}

static struct fh_action
act_tpa(ovs_be32 ip)
{
    return (struct fh_action) { .type = FH_ACT_SET_ARP_TPA,
                                .u = { .ip4 = ip } };
}

static void
packet_out_is_what_libopenvswitch_would_have_written(void **state)
{
    const struct fh_action actions[] = {
        act_tpa(IP(10, 0, 0, 10)),
        act_mac(FH_ACT_SET_ETH_DST, MAC(2, 0, 0, 0, 1, 10)),
        act_port(3),
        act_vid(FH_ACT_PUSH_VLAN, 0x88a8),
        act_vid(FH_ACT_SET_VLAN, 200),
        act_mac(FH_ACT_SET_ETH_SRC, MAC(2, 0, 0, 0, 0, 10)),
        act_port(4),
        act(FH_ACT_POP_VLAN),
        act(FH_ACT_DEC_TTL),
        act(FH_ACT_CONTROLLER),
        act_port(FH_PORT_IN_PORT),
        act_port(FH_PORT_TABLE),
    };

    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        struct ofpbuf acts, *again;
        struct ofputil_packet_out po;
        struct fh_buf buf = { 0 };

        ofcodec_put_packet_out(&buf, versions[i], 9, FH_PORT_CONTROLLER,
                               actions, N_ELEMS(actions), frame, sizeof frame);
        ofpbuf_init(&acts, 0);
        assert_int_equal(ofputil_decode_packet_out(&po, header_of(&buf), NULL,
                                                   &acts), 0);
        assert_int_equal(po.flow_metadata.flow.in_port.ofp_port,
                         OFPP_CONTROLLER);
        assert_int_equal(po.buffer_id, UINT32_MAX);
        again = ofputil_encode_packet_out(&po, protocol_of(versions[i]));
        ofpmsg_update_length(again);
        assert_int_equal(again->size, buf.len);
        /* All but the xid. */
        assert_memory_equal(again->data, buf.data, 4);
        assert_memory_equal((uint8_t *) again->data + 8, buf.data + 8,
                            buf.len - 8);
        ofpbuf_delete(again);
        ofpbuf_uninit(&acts);
        fh_buf_destroy(&buf);
    }
}

static void
packet_out_may_carry_a_thousand_probes(void **state)
{
    static struct fh_action actions[3 * 1200];
    struct ofputil_packet_out po;
    struct fh_buf buf = { 0 };
    struct ofpbuf acts;

    for (size_t i = 0; i < N_ELEMS(actions); i += 3) {
        actions[i] = act_tpa(htonl((uint32_t) (0x0a000000 + i)));
        actions[i + 1] = act_mac(FH_ACT_SET_ETH_DST, MAC(2, 0, 0, 0, 1, 10));
        actions[i + 2] = act_port(3);
    }
    ofcodec_put_packet_out(&buf, OF_14, 9, FH_PORT_CONTROLLER, actions,
                           N_ELEMS(actions), frame, sizeof frame);
    assert_int_equal(ofcodec_frame(buf.data, buf.len), buf.len);
    ofpbuf_init(&acts, 0);
    assert_int_equal(ofputil_decode_packet_out(&po, header_of(&buf), NULL,
                                               &acts), 0);
    ofpbuf_uninit(&acts);
    fh_buf_destroy(&buf);
}

/* Flows. */

static struct fh_flow
base_flow(void)
{
    return (struct fh_flow) {
        .cookie = UINT64_C(0xf1a5010000000001),
        .table = 2,
        .priority = 100,
    };
}

/* One flow of each kind that the builders say, and the extremes. */
static size_t
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
#define MAX_SAMPLES 11

/* Decodes a flow mod and returns it as the bridge would list it. */
static struct ofpbuf *
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

static void
assert_round_trip(const struct fh_flow *flow, int version)
{
    struct fh_change change = { FH_CHANGE_ADD, *flow };
    struct fh_buf buf = { 0 };
    struct of_message msg;
    uint8_t *copy;

    ofcodec_put_change(&buf, version, 1, &change);
    decode_ofpbuf(flow_mod_to_stats(header_of(&buf), version), version, &msg,
                  &copy);
    assert_int_equal(msg.type, OF_FLOW_STATS_REPLY);
    assert_int_equal(msg.flow_stats.n, 1);
    assert_false(msg.flow_stats.more);
    assert_int_equal(msg.flow_stats.flows[0].n_packets, 3);
    assert_int_equal(msg.flow_stats.flows[0].n_bytes, 300);
    if (!fh_flow_same(&msg.flow_stats.flows[0], flow)) {
        fail_msg("version %d: sent %s, got %s", version, fh_flow_format(flow),
                 fh_flow_format(&msg.flow_stats.flows[0]));
    }
    of_message_uninit(&msg);
    free(copy);
    fh_buf_destroy(&buf);
}

static void
a_flow_comes_back_as_it_was_sent(void **state)
{
    struct fh_flow flows[MAX_SAMPLES];
    size_t n = sample_flows(flows);

    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        for (size_t j = 0; j < n; j++) {
            assert_round_trip(&flows[j], versions[i]);
        }
    }
}

static void
a_delete_is_strict_and_keeps_to_its_kind(void **state)
{
    struct fh_flow flows[MAX_SAMPLES];
    size_t n = sample_flows(flows);

    for (size_t i = 0; i < n; i++) {
        struct fh_change change = { FH_CHANGE_DELETE, flows[i] };
        struct fh_buf buf = { 0 };
        struct ofputil_flow_mod fm;
        struct ofpbuf acts;

        ofcodec_put_change(&buf, OF_14, 1, &change);
        ofpbuf_init(&acts, 0);
        assert_int_equal(ofputil_decode_flow_mod(
                             &fm, header_of(&buf), OFPUTIL_P_OF14_OXM, NULL,
                             NULL, &acts, ofp_port(0xff00), 255), 0);
        assert_int_equal(fm.command, OFPFC_DELETE_STRICT);
        assert_int_equal(fm.priority, flows[i].priority);
        assert_int_equal(fm.table_id, flows[i].table);
        assert_int_equal(be64toh(fm.cookie_mask), FH_COOKIE_KIND_MASK);
        assert_int_equal(be64toh(fm.cookie),
                         flows[i].cookie & FH_COOKIE_KIND_MASK);
        assert_int_equal(fm.out_port, OFPP_ANY);
        assert_int_equal(fm.out_group, OFPG_ANY);
        minimatch_destroy(&fm.match);
        ofpbuf_uninit(&acts);
        fh_buf_destroy(&buf);
    }
}

/* Flow monitors. */

static void
a_monitor_asks_for_what_others_do(void **state)
{
    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        struct ofputil_flow_monitor_request request;
        struct fh_buf buf = { 0 };
        struct ofpbuf msg;

        ofcodec_put_flow_monitor(&buf, versions[i], 7);
        if (versions[i] < OF_14) {
            assert_int_equal(buf.len, 0);
            continue;
        }
        msg = ofpbuf_const_initializer(buf.data, buf.len);
        assert_int_equal(ofputil_decode_flow_monitor_request(&request, &msg),
                         0);
        assert_int_equal(request.flags, OFPFMF_ADD | OFPFMF_REMOVED
                                        | OFPFMF_MODIFY);
        assert_int_equal(request.table_id, 0xff);
        assert_int_equal(request.out_port, OFPP_ANY);
        fh_buf_destroy(&buf);
    }
}

static size_t
put_update(uint8_t *p, uint64_t cookie)
{
    memset(p, 0, 32);
    p[1] = 32;
    p[3] = 2;
    for (int i = 0; i < 8; i++) {
        p[16 + i] = cookie >> (56 - 8 * i);
    }
    return 32;
}

/* Two changes of ours, one of a flow that ends by itself, one of somebody
 * else's, and the end of one that this connection has asked for. */
static void
updates_count_what_is_ours_and_lasts(void **state)
{
    uint8_t data[16 + 4 * 32 + 8] = { 5, 19, 0, sizeof data };
    struct of_message msg;
    const char *why;
    size_t n = 16;

    data[9] = 16;
    n += put_update(data + n, fh_cookie(FH_KIND_CLIENT, 7));
    n += put_update(data + n, fh_cookie(FH_KIND_BASE, 0));
    n += put_update(data + n, fh_cookie(FH_KIND_AWAKE, 0));
    n += put_update(data + n, 0x77);
    data[n + 1] = 8;
    data[n + 3] = 4;
    assert_int_equal(ofcodec_decode(data, sizeof data, OF_14, &msg, &why), 0);
    assert_int_equal(msg.type, OF_FLOWS_CHANGED);
    assert_int_equal(msg.flows_changed.n, 2);
    for (size_t len = 17; len < sizeof data; len++) {
        bool whole = (len - 16) % 32 == 0;

        data[3] = len;
        assert_int_equal(!ofcodec_decode(data, len, OF_14, &msg, &why),
                         whole);
    }
}

/* The flow that a bridge would learn, as ovs-ofctl says the action. */
static void
a_renewal_reads_as_the_action_that_learns(void **state)
{
    struct fh_flow flow = base_flow();

    flow.table = 15;
    flow.hard_timeout_s = 3;
    flow.n_actions = 1;
    flow.actions[0] = act_reg(3, 0x01020304);
    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        struct ofputil_packet_out po;
        struct fh_buf buf = { 0 };
        struct ofpact_format_params fp = { .s = NULL };
        struct ds s = DS_EMPTY_INITIALIZER;
        struct ofpbuf acts;
        enum ofperr error;

        ofcodec_put_renewal(&buf, versions[i], 7, &flow);
        ofpbuf_init(&acts, 0);
        error = ofputil_decode_packet_out(&po, (const void *) buf.data, NULL,
                                          &acts);
        if (error) {
            fail_msg("the bridge would say %s", ofperr_get_name(error));
        }
        fp.s = &s;
        ofpacts_format(po.ofpacts, po.ofpacts_len, &fp);
        assert_string_equal(ds_cstr(&s),
                            "learn(table=15,hard_timeout=3,priority=100,"
                            "cookie=0xf1a5010000000001,"
                            "load:0x1020304->NXM_NX_REG3[])");
        ds_destroy(&s);
        ofpbuf_uninit(&acts);
        fh_buf_destroy(&buf);
    }
}

/* Decodes the bridge's listing of the flow that ovs-ofctl calls 'text'. */
static void
decode_listing_of(const char *text, int version, struct of_message *msg)
{
    enum ofputil_protocol usable;
    struct ofputil_flow_mod fm;
    struct ofpbuf *b;
    uint8_t *copy;
    char *error;

    error = parse_ofp_flow_mod_str(&fm, text, NULL, NULL, OFPFC_ADD, &usable);
    assert_null(error);
    b = ofputil_encode_flow_mod(&fm, protocol_of(version));
    ofpmsg_update_length(b);
    decode_ofpbuf(flow_mod_to_stats(b->data, version), version, msg, &copy);
    free(copy);
    ofpbuf_delete(b);
    free(CONST_CAST(struct ofpact *, fm.ofpacts));
    minimatch_destroy(&fm.match);
}

#define OURS "cookie=0xf1a5010000000009,table=1,priority=7,"
#define OTHERS "cookie=0x9,table=1,priority=7,"

static void
foreign_actions_make_a_flow_that_equals_none(void **state)
{
    static const char *const actions[] = {
        "actions=learn(table=3,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[])",
        "actions=group:1", "actions=set_queue:2,output:1",
        "actions=write_actions(output:2)", "actions=clear_actions",
        "actions=load:1->NXM_NX_REG4[]", "actions=load:1->NXM_NX_REG0[0..3]",
        "actions=move:NXM_NX_REG0[0..7]->NXM_NX_REG1[0..7]",
        "actions=move:NXM_NX_REG0[]->NXM_NX_REG4[]",
        "actions=resubmit(2,3)", "actions=controller(max_len=100)",
        "actions=set_field:1->ip_dscp", "actions=ct(commit)",
        "actions=check_pkt_larger(1514)->NXM_NX_REG0[0]",
        "actions=check_pkt_larger(1514)->OXM_OF_METADATA[59]",
        "actions=1,2,3,4,5,6,7,8,9,10,11", "idle_timeout=4,actions=output:1",
    };

    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        for (size_t j = 0; j < N_ELEMS(actions); j++) {
            struct of_message msg;
            struct fh_flow *flow;
            char *text = fh_xasprintf("%sip,in_port=3,%s", OTHERS, actions[j]);

            decode_listing_of(text, versions[i], &msg);
            assert_int_equal(msg.flow_stats.n, 1);
            flow = &msg.flow_stats.flows[0];
            assert_int_equal(flow->n_actions, UINT8_MAX);
            assert_int_equal(flow->table, 1);
            assert_int_equal(flow->priority, 7);
            assert_int_equal(flow->cookie, 9);
            assert_int_equal(flow->match.fields, FH_F_IN_PORT | FH_F_ETH_TYPE);
            assert_int_equal(flow->match.in_port, 3);
            assert_false(fh_flow_same(flow, flow));
            of_message_uninit(&msg);
            free(text);
        }
    }
}

static void
a_foreign_match_is_left_out_unless_it_is_ours(void **state)
{
    static const char *const matches[] = {
        "tcp,tp_dst=80", "reg4=1", "reg0=1/1", "ipv6",
        "dl_src=02:00:00:00:00:00/ff:00:00:00:00:00",
        "vlan_tci=0x1001/0x1001", "ip,nw_tos=4", "tun_id=4",
        "ct_state=+trk,ip", "arp,arp_sha=02:00:00:00:00:01",
    };

    for (size_t i = 0; i < N_ELEMS(matches); i++) {
        bool is_expressible = !strcmp(matches[i], "ipv6");
        struct of_message msg;
        char *text;

        text = fh_xasprintf("%s%s,actions=output:1", OTHERS, matches[i]);
        decode_listing_of(text, OF_14, &msg);
        assert_int_equal(msg.flow_stats.n, is_expressible);
        of_message_uninit(&msg);
        free(text);

        text = fh_xasprintf("%s%s,actions=output:1", OURS, matches[i]);
        decode_listing_of(text, OF_14, &msg);
        assert_int_equal(msg.flow_stats.n, 1);
        assert_true(is_expressible
                    || msg.flow_stats.flows[0].match.fields == UINT32_MAX);
        of_message_uninit(&msg);
        free(text);
    }
}

static void
a_change_to_a_flow_without_expression_puts_nothing(void **state)
{
    struct fh_change change = { FH_CHANGE_DELETE, base_flow() };
    struct fh_buf buf = { 0 };

    change.flow.match.fields = UINT32_MAX;
    ofcodec_put_change(&buf, OF_14, 1, &change);
    ofcodec_put_bundle_change(&buf, OF_14, 1, 2, &change);
    assert_int_equal(buf.len, 0);
}

static void
many_flows_of_one_message_all_arrive(void **state)
{
    const size_t n = 700;
    struct fh_change change = { FH_CHANGE_ADD, base_flow() };
    struct fh_buf buf = { 0 };
    struct fh_buf message = { 0 };
    struct of_message msg;
    struct ofpbuf *one;
    uint8_t *copy;

    ofcodec_put_change(&buf, OF_14, 1, &change);
    one = flow_mod_to_stats(header_of(&buf), OF_14);
    fh_buf_append(&message, one->data, 16);
    for (size_t i = 0; i < n; i++) {
        fh_buf_append(&message, (uint8_t *) one->data + 16, one->size - 16);
    }
    message.data[2] = (uint8_t) (message.len >> 8);
    message.data[3] = (uint8_t) message.len;
    message.data[11] = 1;       /* More. */
    assert_int_equal(decode_exact(message.data, message.len, OF_14, &msg,
                                  &copy), 0);
    assert_int_equal(msg.flow_stats.n, n);
    assert_true(msg.flow_stats.more);
    assert_true(fh_flow_same(&msg.flow_stats.flows[n - 1], &change.flow));
    of_message_uninit(&msg);
    free(copy);
    fh_buf_destroy(&buf);
    fh_buf_destroy(&message);
    ofpbuf_delete(one);
}

static struct ofpbuf *
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

static void
flow_removed_tells_flow_and_counts(void **state)
{
    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        struct of_message msg;
        uint8_t *copy;

        decode_ofpbuf(encode_flow_removed(versions[i]), versions[i], &msg,
                      &copy);
        assert_int_equal(msg.type, OF_FLOW_REMOVED);
        assert_int_equal(msg.flow_removed.flow.n_packets, 42);
        assert_int_equal(msg.flow_removed.flow.n_bytes, 4200);
        assert_int_equal(msg.flow_removed.flow.cookie,
                         UINT64_C(0xf1a5050000000001));
        assert_int_equal(msg.flow_removed.flow.table, 2);
        assert_int_equal(msg.flow_removed.flow.priority, 9);
        assert_int_equal(msg.flow_removed.flow.hard_timeout_s, 10);
        assert_int_equal(msg.flow_removed.flow.match.fields, FH_F_IN_PORT);
        assert_int_equal(msg.flow_removed.flow.match.in_port, 4);
        free(copy);
    }
}

/* Bundles, meters and the rest of what we say. */

static void
a_bundled_change_is_the_change(void **state)
{
    struct fh_flow flows[MAX_SAMPLES];
    size_t n = sample_flows(flows);

    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        for (size_t j = 0; j < n; j++) {
            struct fh_change change = { FH_CHANGE_ADD, flows[j] };
            struct ofputil_bundle_add_msg add;
            struct fh_buf plain = { 0 }, bundled = { 0 };
            enum ofptype type;

            ofcodec_put_change(&plain, versions[i], 77, &change);
            ofcodec_put_bundle_change(&bundled, versions[i], 77, 5, &change);
            assert_int_equal(ofputil_decode_bundle_add(header_of(&bundled),
                                                       &add, &type), 0);
            assert_int_equal(add.bundle_id, 5);
            assert_int_equal(add.flags, OFPBF_ATOMIC | OFPBF_ORDERED);
            assert_int_equal(type, OFPTYPE_FLOW_MOD);
            assert_int_equal(ntohs(add.msg->length), plain.len);
            assert_memory_equal(add.msg, plain.data, plain.len);
            assert_int_equal(header_of(&bundled)->xid, htonl(77));
            fh_buf_destroy(&plain);
            fh_buf_destroy(&bundled);
        }
    }
}

static void
a_bundle_opens_and_commits_with_the_same_flags(void **state)
{
    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        struct ofputil_bundle_ctrl_msg ctrl;
        struct fh_buf buf = { 0 };

        ofcodec_put_bundle_open(&buf, versions[i], 1, 5);
        assert_int_equal(ofputil_decode_bundle_ctrl(header_of(&buf), &ctrl),
                         0);
        assert_int_equal(ctrl.type, OFPBCT_OPEN_REQUEST);
        assert_int_equal(ctrl.flags, OFPBF_ATOMIC | OFPBF_ORDERED);
        fh_buf_clear(&buf);
        ofcodec_put_bundle_commit(&buf, versions[i], 1, 5);
        assert_int_equal(ofputil_decode_bundle_ctrl(header_of(&buf), &ctrl),
                         0);
        assert_int_equal(ctrl.type, OFPBCT_COMMIT_REQUEST);
        assert_int_equal(ctrl.flags, OFPBF_ATOMIC | OFPBF_ORDERED);
        assert_int_equal(ctrl.bundle_id, 5);
        fh_buf_destroy(&buf);
    }
}

static void
bundle_replies_name_bundle_and_kind(void **state)
{
    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        struct ofputil_bundle_ctrl_msg ctrl = { 5, OFPBCT_COMMIT_REPLY, 3 };
        struct fh_buf buf = { 0 };
        struct of_message msg;
        uint8_t *copy;

        ofcodec_put_bundle_commit(&buf, versions[i], 66, 5);
        decode_ofpbuf(ofputil_encode_bundle_ctrl_reply(header_of(&buf), &ctrl),
                      versions[i], &msg, &copy);
        assert_int_equal(msg.type, OF_BUNDLE_REPLY);
        assert_int_equal(msg.xid, 66);
        assert_int_equal(msg.bundle.id, 5);
        assert_int_equal(msg.bundle.type, OF_BUNDLE_COMMIT_REPLY);
        free(copy);
        fh_buf_destroy(&buf);
    }
}

static void
a_meter_is_added_then_modified_and_never_deleted(void **state)
{
    const struct fh_meter meter = { FH_METER_CONTROLLER, 1000, 50 };

    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        const int commands[] = { OFPMC13_ADD, OFPMC13_MODIFY };
        struct fh_buf buf = { 0 };
        size_t ofs = 0;

        ofcodec_put_meter(&buf, versions[i], 3, &meter);
        for (size_t j = 0; j < 2; j++) {
            const struct ofp_header *oh = (const void *) (buf.data + ofs);
            struct ofputil_meter_mod mod;
            struct ofpbuf bands;

            ofpbuf_init(&bands, 0);
            assert_int_equal(ofputil_decode_meter_mod(oh, &mod, &bands), 0);
            assert_int_equal(mod.command, commands[j]);
            assert_int_equal(mod.meter.meter_id, OFPM13_CONTROLLER);
            assert_int_equal(mod.meter.flags, OFPMF13_PKTPS | OFPMF13_BURST);
            assert_int_equal(mod.meter.n_bands, 1);
            assert_int_equal(mod.meter.bands[0].type, OFPMBT13_DROP);
            assert_int_equal(mod.meter.bands[0].rate, 1000);
            assert_int_equal(mod.meter.bands[0].burst_size, 50);
            ofpbuf_uninit(&bands);
            ofs += ntohs(oh->length);
        }
        assert_int_equal(ofs, buf.len);
        fh_buf_destroy(&buf);
    }
}

static void
async_asks_for_actions_and_not_for_invalid_ttl(void **state)
{
    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        struct ofputil_async_cfg basis = OFPUTIL_ASYNC_CFG_INIT;
        struct ofputil_async_cfg ac;
        struct fh_buf buf = { 0 };

        ofcodec_put_set_async(&buf, versions[i], 3);
        assert_int_equal(ofputil_decode_set_async_config(
                             header_of(&buf), false, &basis, &ac), 0);
        assert_true(ac.primary[OAM_PACKET_IN] & 1u << OFPR_ACTION);
        assert_false(ac.primary[OAM_PACKET_IN] & 1u << OFPR_INVALID_TTL);
        assert_true(ac.primary[OAM_PACKET_IN] & 1u << OFPR_NO_MATCH);
        assert_int_equal(ac.primary[OAM_PORT_STATUS], 7);
        assert_int_equal(ac.primary[OAM_FLOW_REMOVED], 15);
        assert_int_equal(ac.secondary[OAM_PACKET_IN], 0);
        assert_int_equal(ac.secondary[OAM_PORT_STATUS], 7);
        if (versions[i] >= OF_14) {
            assert_true(ac.primary[OAM_ROLE_STATUS]);
            assert_true(ac.secondary[OAM_ROLE_STATUS]);
        }
        fh_buf_destroy(&buf);
    }
}

static void
whole_frames_are_asked_for(void **state)
{
    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        struct ofputil_switch_config config;
        struct fh_buf buf = { 0 };

        ofcodec_put_set_config(&buf, versions[i], 3);
        assert_int_equal(ofputil_decode_set_config(header_of(&buf), &config),
                         0);
        assert_int_equal(config.miss_send_len, UINT16_MAX);
        assert_int_equal(config.frag, OFPUTIL_FRAG_NORMAL);
        fh_buf_destroy(&buf);
    }
}

static void
the_master_role_is_asked_for_with_its_generation(void **state)
{
    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        struct ofputil_role_request role;
        struct fh_buf buf = { 0 };
        struct of_message msg;
        uint8_t *copy;

        ofcodec_put_role_master(&buf, versions[i], 9, UINT64_C(1) << 40);
        assert_int_equal(ofputil_decode_role_message(header_of(&buf), &role),
                         0);
        assert_int_equal(role.role, OFPCR12_ROLE_PRIMARY);
        assert_true(role.have_generation_id);
        assert_int_equal(role.generation_id, UINT64_C(1) << 40);

        decode_ofpbuf(ofputil_encode_role_reply(header_of(&buf), &role),
                      versions[i], &msg, &copy);
        assert_int_equal(msg.type, OF_ROLE_REPLY);
        assert_int_equal(msg.xid, 9);
        assert_true(msg.role.master);
        assert_int_equal(msg.role.generation, UINT64_C(1) << 40);
        free(copy);
        fh_buf_destroy(&buf);
    }
}

static void
the_role_is_asked_for_without_changing_it(void **state)
{
    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        struct ofputil_role_request role;
        struct fh_buf buf = { 0 };
        struct of_message msg;
        uint8_t *copy;

        ofcodec_put_role_query(&buf, versions[i], 9);
        assert_int_equal(ofputil_decode_role_message(header_of(&buf), &role),
                         0);
        assert_int_equal(role.role, OFPCR12_ROLE_NOCHANGE);
        role = (struct ofputil_role_request) { .role = OFPCR12_ROLE_EQUAL };
        decode_ofpbuf(ofputil_encode_role_reply(header_of(&buf), &role),
                      versions[i], &msg, &copy);
        assert_int_equal(msg.type, OF_ROLE_REPLY);
        assert_false(msg.role.master);
        assert_true(msg.role.generation == OF_GENERATION_NONE);
        free(copy);
        fh_buf_destroy(&buf);
    }
}

static struct ofpbuf *
encode_role_status(int version)
{
    struct ofputil_role_status rs = {
        OFPCR12_ROLE_SECONDARY, OFPCRR_PRIMARY_REQUEST, 12,
    };

    return ofputil_encode_role_status(&rs, protocol_of(version));
}

static void
losing_the_role_is_told(void **state)
{
    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        struct of_message msg;
        uint8_t *copy;

        decode_ofpbuf(encode_role_status(versions[i]), versions[i], &msg,
                      &copy);
        assert_int_equal(msg.type, OF_ROLE_STATUS);
        assert_false(msg.role.master);
        free(copy);
    }
}

static void
a_dump_asks_for_all_tables_by_cookie(void **state)
{
    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        struct ofputil_flow_stats_request fsr;
        struct fh_buf buf = { 0 };

        ofcodec_put_flow_stats_request(&buf, versions[i], 3, 0x10, 0xf0);
        assert_int_equal(ofputil_decode_flow_stats_request(
                             &fsr, header_of(&buf), NULL, NULL), 0);
        assert_int_equal(fsr.table_id, 0xff);
        assert_int_equal(be64toh(fsr.cookie), 0x10);
        assert_int_equal(be64toh(fsr.cookie_mask), 0xf0);
        assert_int_equal(fsr.out_port, OFPP_ANY);
        fh_buf_destroy(&buf);
    }
}

static void
bare_requests_are_what_libopenvswitch_takes_them_for(void **state)
{
    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        struct fh_buf buf = { 0 };
        enum ofptype type;

        ofcodec_put_barrier(&buf, versions[i], 3);
        assert_int_equal(ofptype_decode(&type, header_of(&buf)), 0);
        assert_int_equal(type, OFPTYPE_BARRIER_REQUEST);
        fh_buf_clear(&buf);
        ofcodec_put_features_request(&buf, versions[i], 3);
        assert_int_equal(ofptype_decode(&type, header_of(&buf)), 0);
        assert_int_equal(type, OFPTYPE_FEATURES_REQUEST);
        fh_buf_clear(&buf);
        ofcodec_put_port_desc_request(&buf, versions[i], 3);
        assert_int_equal(ofptype_decode(&type, header_of(&buf)), 0);
        assert_int_equal(type, OFPTYPE_PORT_DESC_STATS_REQUEST);
        fh_buf_clear(&buf);
        ofcodec_put_echo_request(&buf, versions[i], 3);
        assert_int_equal(ofptype_decode(&type, header_of(&buf)), 0);
        assert_int_equal(type, OFPTYPE_ECHO_REQUEST);
        assert_int_equal(header_of(&buf)->xid, htonl(3));
        fh_buf_destroy(&buf);
    }
}

static void
an_echo_reply_repeats_the_data(void **state)
{
    struct fh_buf buf = { 0 };
    struct of_message msg;
    uint8_t *copy;

    ofcodec_put_echo_reply(&buf, OF_13, 8, frame, 5);
    assert_int_equal(decode_exact(buf.data, buf.len, OF_13, &msg, &copy), 0);
    assert_int_equal(msg.type, OF_ECHO_REPLY);
    assert_int_equal(msg.xid, 8);
    assert_int_equal(msg.echo.len, 5);
    assert_memory_equal(msg.echo.data, frame, 5);
    free(copy);
    fh_buf_destroy(&buf);
}

/* The rest of what bridges say. */

static void
a_failed_hello_says_why_in_the_version_of_the_peer(void **state)
{
    for (int version = 0; version <= 9; version++) {
        struct fh_buf buf = { 0 };
        struct of_message msg;
        uint8_t *copy;

        ofcodec_put_error_hello_failed(&buf, version, 3);
        assert_in_range(buf.data[0], 1, 6);
        assert_int_equal(decode_exact(buf.data, buf.len, 0, &msg, &copy), 0);
        assert_int_equal(msg.type, OF_ERROR);
        assert_int_equal(msg.error.type, 0);
        assert_int_equal(msg.error.code, 0);
        assert_string_equal(msg.error.text, "OFPHFC_INCOMPATIBLE: "
                            "OpenFlow 1.3, 1.4 or 1.5 needed");
        free(copy);
        fh_buf_destroy(&buf);
    }
}

static struct ofpbuf *
encode_error(int version, enum ofperr error)
{
    struct fh_buf buf = { 0 };
    struct ofpbuf *b;

    ofcodec_put_barrier(&buf, version, 4);
    b = ofperr_encode_reply(error, header_of(&buf));
    fh_buf_destroy(&buf);
    return b;
}

static void
an_error_has_its_name(void **state)
{
    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        struct of_message msg;
        uint8_t *copy;

        decode_ofpbuf(encode_error(versions[i], OFPERR_OFPFMFC_TABLE_FULL),
                      versions[i], &msg, &copy);
        assert_int_equal(msg.type, OF_ERROR);
        assert_int_equal(msg.xid, 4);
        assert_string_equal(msg.error.text, "OFPFMFC_TABLE_FULL");
        free(copy);
        decode_ofpbuf(encode_error(versions[i], OFPERR_OFPMMFC_METER_EXISTS),
                      versions[i], &msg, &copy);
        assert_int_equal(msg.error.type, OF_ERROR_METER_FAILED);
        assert_int_equal(msg.error.code, OF_ERROR_METER_EXISTS);
        free(copy);
        decode_ofpbuf(encode_error(versions[i], OFPERR_OFPRRFC_STALE),
                      versions[i], &msg, &copy);
        assert_int_equal(msg.error.type, OF_ERROR_ROLE_FAILED);
        assert_int_equal(msg.error.code, OF_ERROR_ROLE_STALE);
        free(copy);
    }
}

static struct ofpbuf *
encode_features(int version)
{
    struct ofputil_switch_features features = {
        .datapath_id = UINT64_C(0xfedcba9876543210), .n_tables = 254,
        .auxiliary_id = 1,
    };

    return ofputil_encode_switch_features(&features, protocol_of(version),
                                          htonl(5));
}

static void
features_tell_the_datapath(void **state)
{
    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        struct of_message msg;
        uint8_t *copy;

        decode_ofpbuf(encode_features(versions[i]), versions[i], &msg, &copy);
        assert_int_equal(msg.type, OF_FEATURES_REPLY);
        assert_int_equal(msg.features.dpid, UINT64_C(0xfedcba9876543210));
        assert_int_equal(msg.features.n_tables, 254);
        assert_int_equal(msg.features.auxiliary_id, 1);
        free(copy);
    }
}

static struct ofputil_phy_port
phy_port(uint16_t number, const char *name, int config, int state)
{
    struct ofputil_phy_port pp = {
        .port_no = ofp_port(number),
        .config = config,
        .state = state,
    };

    snprintf(pp.name, sizeof pp.name, "%s", name);
    return pp;
}

static struct ofpbuf *
encode_port_desc(int version)
{
    struct ofputil_phy_port pps[] = {
        phy_port(1, "a-access", 0, OFPUTIL_PS_LIVE),
        phy_port(2, "down", 0, OFPUTIL_PS_LINK_DOWN),
        phy_port(3, "admin", OFPUTIL_PC_PORT_DOWN, OFPUTIL_PS_LIVE),
        phy_port(4, "bfd", 0, 0),
        phy_port(0xfffe, "br\x01" "A", 0, OFPUTIL_PS_LIVE),
    };
    struct fh_buf buf = { 0 };
    struct ovs_list replies;

    ofcodec_put_port_desc_request(&buf, version, 3);
    ofpmp_init(&replies, header_of(&buf));
    for (size_t i = 0; i < N_ELEMS(pps); i++) {
        ofputil_append_port_desc_stats_reply(&pps[i], &replies);
    }
    fh_buf_destroy(&buf);
    return ofpbuf_from_list(ovs_list_pop_front(&replies));
}

static void
ports_are_up_when_neither_side_is_down_and_live(void **state)
{
    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        const struct of_port *ports;
        struct of_message msg;
        uint8_t *copy;

        decode_ofpbuf(encode_port_desc(versions[i]), versions[i], &msg, &copy);
        assert_int_equal(msg.type, OF_PORT_DESC_REPLY);
        assert_int_equal(msg.port_desc.n, 5);
        assert_false(msg.port_desc.more);
        ports = msg.port_desc.ports;
        assert_int_equal(ports[0].number, 1);
        assert_string_equal(ports[0].name, "a-access");
        assert_true(ports[0].up);
        assert_false(ports[1].up);
        assert_false(ports[2].up);
        assert_false(ports[3].up);
        assert_int_equal(ports[4].number, 0xfffffffe);
        assert_string_equal(ports[4].name, "br?A");
        of_message_uninit(&msg);
        free(copy);
    }
}

static void
ports_without_properties_all_fit(void **state)
{
    const size_t n = 1637;      /* As many as a message holds. */
    struct fh_buf buf = { 0 };
    struct of_message msg;
    uint8_t *p, *copy;

    p = fh_buf_put(&buf, 16 + n * 40);
    memset(p, 0, buf.len);
    p[0] = OF_14;
    p[1] = 19;                  /* Multipart reply. */
    p[2] = (uint8_t) (buf.len >> 8);
    p[3] = (uint8_t) buf.len;
    p[9] = 13;                  /* Port descriptions. */
    for (size_t i = 0; i < n; i++) {
        uint8_t *port = p + 16 + i * 40;

        port[2] = (uint8_t) (i >> 8);
        port[3] = (uint8_t) i;
        port[5] = 40;
    }
    assert_int_equal(decode_exact(buf.data, buf.len, OF_14, &msg, &copy), 0);
    assert_int_equal(msg.port_desc.n, n);
    assert_int_equal(msg.port_desc.ports[n - 1].number, n - 1);
    of_message_uninit(&msg);
    free(copy);
    fh_buf_destroy(&buf);
}

/* Two meters, of no band and of two. */
static struct ofpbuf *
encode_meter_stats(int version)
{
    struct ofputil_meter_band_stats bands[] = {
        { .packet_count = UINT64_C(0x100000000), .byte_count = 60 },
        { .packet_count = 5, .byte_count = 300 },
    };
    struct ofputil_meter_stats stats[] = {
        { .meter_id = 19, .packet_in_count = 7 },
        { .meter_id = OFPM13_CONTROLLER, .packet_in_count = 9,
          .n_bands = N_ELEMS(bands), .bands = bands },
    };
    struct fh_buf buf = { 0 };
    struct ovs_list replies;

    ofcodec_put_meter_stats_request(&buf, version, 3, 19);
    ofpmp_init(&replies, header_of(&buf));
    for (size_t i = 0; i < N_ELEMS(stats); i++) {
        ofputil_append_meter_stats(&replies, &stats[i]);
    }
    fh_buf_destroy(&buf);
    return ofpbuf_from_list(ovs_list_pop_front(&replies));
}

static void
meters_tell_what_they_have_dropped(void **state)
{
    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        struct of_message msg;
        uint8_t *copy;

        decode_ofpbuf(encode_meter_stats(versions[i]), versions[i], &msg,
                      &copy);
        assert_int_equal(msg.type, OF_METER_STATS_REPLY);
        assert_int_equal(msg.xid, 3);
        assert_int_equal(msg.meter_stats.n, 2);
        assert_int_equal(msg.meter_stats.meters[0].id, 19);
        assert_int_equal(msg.meter_stats.meters[0].packets, 0);
        assert_int_equal(msg.meter_stats.meters[1].id, FH_METER_CONTROLLER);
        assert_int_equal(msg.meter_stats.meters[1].packets,
                         UINT64_C(0x100000005));
        of_message_uninit(&msg);
        free(copy);
    }
}

static void
meter_stats_are_asked_for_one_meter(void **state)
{
    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        struct fh_buf buf = { 0 };
        uint32_t id;

        ofcodec_put_meter_stats_request(&buf, versions[i], 3,
                                        FH_METER_CONTROLLER);
        ofputil_decode_meter_request(header_of(&buf), &id);
        assert_int_equal(id, OFPM13_CONTROLLER);
        assert_int_equal(buf.len, 24);
        fh_buf_destroy(&buf);
    }
}

/* What cannot be an entry of meter statistics, by its length. */
static void
meter_stats_of_a_wrong_length_are_refused(void **state)
{
    const uint16_t lengths[] = { 0, 39, 41, 55, 57, 0xffff };
    uint8_t reply[16 + 56] = { OF_14, 19, 0, sizeof reply, 0, 0, 0, 1, 0, 9 };
    struct of_message msg;
    uint8_t *copy;

    reply[16 + 5] = 56;
    assert_int_equal(decode_exact(reply, sizeof reply, OF_14, &msg, &copy),
                     0);
    assert_int_equal(msg.meter_stats.n, 1);
    of_message_uninit(&msg);
    free(copy);
    for (size_t i = 0; i < N_ELEMS(lengths); i++) {
        reply[16 + 4] = (uint8_t) (lengths[i] >> 8);
        reply[16 + 5] = (uint8_t) lengths[i];
        assert_int_equal(decode_exact(reply, sizeof reply, OF_14, &msg,
                                      &copy), EPROTO);
        free(copy);
    }
}

static struct ofpbuf *
encode_port_status(int version)
{
    struct ofputil_port_status ps = {
        OFPPR_DELETE, phy_port(9, "gone", 0, OFPUTIL_PS_LINK_DOWN),
    };

    return ofputil_encode_port_status(&ps, protocol_of(version));
}

static void
port_status_tells_what_has_gone(void **state)
{
    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        struct of_message msg;
        uint8_t *copy;

        decode_ofpbuf(encode_port_status(versions[i]), versions[i], &msg,
                      &copy);
        assert_int_equal(msg.type, OF_PORT_STATUS);
        assert_true(msg.port_status.deleted);
        assert_int_equal(msg.port_status.port.number, 9);
        assert_string_equal(msg.port_status.port.name, "gone");
        assert_false(msg.port_status.port.up);
        free(copy);
    }
}

static void
unknown_experiments_are_of_no_interest(void **state)
{
    const uint8_t experimenter[16] = { 5, 4, 0, 16, 0, 0, 0, 1, 0, 1, 2, 3 };
    const uint8_t table_desc[16] = { 5, 19, 0, 16, 0, 0, 0, 1, 0, 14 };
    struct of_message msg;
    const char *why;

    assert_int_equal(ofcodec_decode(experimenter, 16, OF_14, &msg, &why), 0);
    assert_int_equal(msg.type, OF_OTHER);
    assert_int_equal(ofcodec_decode(table_desc, 16, OF_14, &msg, &why), 0);
    assert_int_equal(msg.type, OF_OTHER);
}

static void
a_type_that_does_not_exist_is_refused(void **state)
{
    const uint8_t unknown[8] = { 5, 99, 0, 8, 0, 0, 0, 1 };
    struct of_message msg;
    const char *why;

    assert_int_equal(ofcodec_decode(unknown, 8, OF_14, &msg, &why), EPROTO);
}

/* Hostile bytes. */

/* One message of each kind that we decode. */
static size_t
sample_messages(int version, struct ofpbuf **samples)
{
    struct fh_flow flows[MAX_SAMPLES];
    size_t n_flows = sample_flows(flows);
    struct fh_buf buf = { 0 };
    size_t n = 0;

    samples[n++] = encode_packet_in(version, OFPR_ACTION, 0xabcdef);
    samples[n++] = encode_flow_removed(version);
    samples[n++] = encode_port_desc(version);
    samples[n++] = encode_port_status(version);
    samples[n++] = encode_features(version);
    samples[n++] = encode_role_status(version);
    samples[n++] = encode_error(version, OFPERR_OFPFMFC_TABLE_FULL);
    samples[n++] = encode_meter_stats(version);
    for (size_t i = 0; i < n_flows; i++) {
        struct fh_change change = { FH_CHANGE_ADD, flows[i] };

        ofcodec_put_change(&buf, version, 1, &change);
        samples[n++] = flow_mod_to_stats(header_of(&buf), version);
        fh_buf_clear(&buf);
    }
    ofcodec_put_hello_versions(&buf, 1, OF_VERSIONS);
    samples[n++] = ofpbuf_clone_data(buf.data, buf.len);
    fh_buf_destroy(&buf);
    for (size_t i = 0; i < n; i++) {
        struct ofp_header *oh = samples[i]->data;

        oh->length = htons((uint16_t) samples[i]->size);
    }
    return n;
}
#define MAX_MESSAGES 32
#define METERS 7                /* Index; behind it are the flows. */

/* Decodes the first 'len' bytes with a header that claims just them. */
static int
decode_cut(const struct ofpbuf *b, size_t len, int version)
{
    uint8_t *bytes = malloc(b->size);
    struct of_message msg;
    uint8_t *copy;
    int error;

    assert_non_null(bytes);
    memcpy(bytes, b->data, b->size);
    bytes[2] = (uint8_t) (len >> 8);
    bytes[3] = (uint8_t) len;
    error = decode_exact(bytes, len, version, &msg, &copy);
    if (!error) {
        of_message_uninit(&msg);
    }
    free(copy);
    free(bytes);
    return error;
}

static void
a_cut_message_is_refused_wherever_it_is_cut(void **state)
{
    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        struct ofpbuf *samples[MAX_MESSAGES];
        size_t n = sample_messages(versions[i], samples);

        for (size_t j = 0; j < n; j++) {
            const struct ofp_header *oh = samples[j]->data;
            /* These are whole with less: a frame of any length, a list of
             * ports, meters or flows, the text of an error, a bare hello. */
            bool whole_with_less = (oh->type == 10 || oh->type == 19
                                    || oh->type == 1 || oh->type == 0);

            assert_int_equal(decode_cut(samples[j], samples[j]->size,
                                        versions[i]), 0);
            for (size_t len = 8; len < samples[j]->size; len++) {
                int error = decode_cut(samples[j], len, versions[i]);

                assert_true(error || whole_with_less);
                if (oh->type == 10 && len < samples[j]->size - sizeof frame) {
                    assert_int_equal(error, EPROTO);
                } else if (oh->type == 19 && len > 16 && j == METERS) {
                    assert_int_equal(error, len == 16 + 40 ? 0 : EPROTO);
                } else if (oh->type == 19 && len > 16 && j > METERS) {
                    assert_int_equal(error, EPROTO);    /* One flow. */
                }
            }
        }
        for (size_t j = 0; j < n; j++) {
            ofpbuf_delete(samples[j]);
        }
    }
}

/* Each 16 bits in turn become numbers that lengths are made wrong with.
 * Nothing is asserted but what decode_exact() does: with the sanitizers on,
 * that nothing is read that is not there. */
static void
no_length_within_a_message_is_believed(void **state)
{
    const uint16_t values[] = {
        0, 1, 4, 7, 8, 15, 16, 0x7fff, 0xfff8, 0xffff,
    };

    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        struct ofpbuf *samples[MAX_MESSAGES];
        size_t n = sample_messages(versions[i], samples);

        for (size_t j = 0; j < n; j++) {
            uint8_t *p = samples[j]->data;

            for (size_t ofs = 4; ofs + 2 <= samples[j]->size; ofs++) {
                uint8_t saved[2] = { p[ofs], p[ofs + 1] };

                for (size_t k = 0; k < N_ELEMS(values); k++) {
                    p[ofs] = (uint8_t) (values[k] >> 8);
                    p[ofs + 1] = (uint8_t) values[k];
                    decode_cut(samples[j], samples[j]->size, versions[i]);
                }
                p[ofs] = saved[0];
                p[ofs + 1] = saved[1];
            }
            ofpbuf_delete(samples[j]);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_tells_the_length),
        cmocka_unit_test(what_is_not_openflow_is_seen_at_once),
        cmocka_unit_test(a_length_other_than_the_header_says_is_refused),
        cmocka_unit_test(another_version_than_the_negotiated_one_is_refused),
        cmocka_unit_test(before_the_hello_nothing_else_is_accepted),
        cmocka_unit_test(a_bridge_that_has_1_4_is_not_offered_1_5),
        cmocka_unit_test(a_bridge_without_1_4_gets_the_highest_that_it_has),
        cmocka_unit_test(the_hello_carries_its_bitmap),
        cmocka_unit_test(a_hello_without_a_bitmap_means_all_up_to_its_version),
        cmocka_unit_test(packet_in_reads_as_libopenvswitch_reads_it),
        cmocka_unit_test(packet_in_without_metadata_says_zero),
        cmocka_unit_test(packet_in_from_an_impossible_port_is_refused),
        cmocka_unit_test(packet_out_is_what_libopenvswitch_would_have_written),
        cmocka_unit_test(packet_out_may_carry_a_thousand_probes),
        cmocka_unit_test(a_flow_comes_back_as_it_was_sent),
        cmocka_unit_test(a_renewal_reads_as_the_action_that_learns),
        cmocka_unit_test(a_monitor_asks_for_what_others_do),
        cmocka_unit_test(updates_count_what_is_ours_and_lasts),
        cmocka_unit_test(a_delete_is_strict_and_keeps_to_its_kind),
        cmocka_unit_test(foreign_actions_make_a_flow_that_equals_none),
        cmocka_unit_test(a_foreign_match_is_left_out_unless_it_is_ours),
        cmocka_unit_test(a_change_to_a_flow_without_expression_puts_nothing),
        cmocka_unit_test(many_flows_of_one_message_all_arrive),
        cmocka_unit_test(flow_removed_tells_flow_and_counts),
        cmocka_unit_test(a_bundled_change_is_the_change),
        cmocka_unit_test(a_bundle_opens_and_commits_with_the_same_flags),
        cmocka_unit_test(bundle_replies_name_bundle_and_kind),
        cmocka_unit_test(a_meter_is_added_then_modified_and_never_deleted),
        cmocka_unit_test(meter_stats_are_asked_for_one_meter),
        cmocka_unit_test(meters_tell_what_they_have_dropped),
        cmocka_unit_test(meter_stats_of_a_wrong_length_are_refused),
        cmocka_unit_test(async_asks_for_actions_and_not_for_invalid_ttl),
        cmocka_unit_test(whole_frames_are_asked_for),
        cmocka_unit_test(the_master_role_is_asked_for_with_its_generation),
        cmocka_unit_test(the_role_is_asked_for_without_changing_it),
        cmocka_unit_test(losing_the_role_is_told),
        cmocka_unit_test(a_dump_asks_for_all_tables_by_cookie),
        cmocka_unit_test(bare_requests_are_what_libopenvswitch_takes_them_for),
        cmocka_unit_test(an_echo_reply_repeats_the_data),
        cmocka_unit_test(a_failed_hello_says_why_in_the_version_of_the_peer),
        cmocka_unit_test(an_error_has_its_name),
        cmocka_unit_test(features_tell_the_datapath),
        cmocka_unit_test(ports_are_up_when_neither_side_is_down_and_live),
        cmocka_unit_test(ports_without_properties_all_fit),
        cmocka_unit_test(port_status_tells_what_has_gone),
        cmocka_unit_test(unknown_experiments_are_of_no_interest),
        cmocka_unit_test(a_type_that_does_not_exist_is_refused),
        cmocka_unit_test(a_cut_message_is_refused_wherever_it_is_cut),
        cmocka_unit_test(no_length_within_a_message_is_believed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
