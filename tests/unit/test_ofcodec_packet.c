/* flows/ofcodec: packet-ins and packet-outs, which libopenvswitch encodes and
 * decodes on the switch's side. */
#include <config.h>

#include "flows/ofcodec.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <openvswitch/ofp-connection.h>
#include <openvswitch/ofp-msgs.h>
#include <openvswitch/ofp-packet.h>
#include <openvswitch/ofp-port.h>
#include <openvswitch/ofp-util.h>
#include <openvswitch/ofpbuf.h>

#include "tests/unit/of_samples.h"

/* Packet-in. */

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packet_in_reads_as_libopenvswitch_reads_it),
        cmocka_unit_test(packet_in_without_metadata_says_zero),
        cmocka_unit_test(packet_in_from_an_impossible_port_is_refused),
        cmocka_unit_test(packet_out_is_what_libopenvswitch_would_have_written),
        cmocka_unit_test(packet_out_may_carry_a_thousand_probes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
