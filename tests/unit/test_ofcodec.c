/* flows/ofcodec: framing, versions, and what bridges say of themselves, their
 * ports and meters: our values against libopenvswitch's idea of the same
 * bytes; and hostile bytes.
 *
 * The switch's side is played by libopenvswitch: it encodes what we decode
 * and decodes what we encode. */
#include <config.h>

#include "flows/ofcodec.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

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

#include "tests/unit/of_samples.h"

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

/* Ours, one that marks, and one of two bands. */
static struct ofpbuf *
encode_meter_config(int version)
{
    struct ofputil_meter_band bands[] = {
        { .type = OFPMBT13_DROP, .rate = 1000, .burst_size = 500 },
        { .type = OFPMBT13_DSCP_REMARK, .rate = 2000, .prec_level = 1 },
        { .type = OFPMBT13_DROP, .rate = 3000, .burst_size = 1 },
    };
    const struct ofputil_meter_config configs[] = {
        { .meter_id = 19, .flags = OFPMF13_PKTPS, .n_bands = 1,
          .bands = bands },
        { .meter_id = 20, .flags = OFPMF13_PKTPS, .n_bands = 1,
          .bands = bands + 1 },
        { .meter_id = OFPM13_CONTROLLER, .flags = OFPMF13_PKTPS, .n_bands = 3,
          .bands = bands },
        { .meter_id = 21, .flags = OFPMF13_PKTPS },
    };
    struct fh_buf buf = { 0 };
    struct ovs_list replies;

    ofcodec_put_meter_config_request(&buf, version, 3);
    ofpmp_init(&replies, header_of(&buf));
    for (size_t i = 0; i < N_ELEMS(configs); i++) {
        ofputil_append_meter_config(&replies, &configs[i]);
    }
    fh_buf_destroy(&buf);
    return ofpbuf_from_list(ovs_list_pop_front(&replies));
}

static void
meters_tell_what_they_are_set_to(void **state)
{
    static const struct fh_meter expected[] = {
        { 19, 1000, 500 }, { 20, 0, 0 }, { FH_METER_CONTROLLER, 0, 500 },
        { 21, 0, 0 },
    };

    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        struct of_message msg;
        uint8_t *copy;

        decode_ofpbuf(encode_meter_config(versions[i]), versions[i], &msg,
                      &copy);
        assert_int_equal(msg.type, OF_METER_CONFIG_REPLY);
        assert_int_equal(msg.meter_config.n, N_ELEMS(expected));
        for (size_t j = 0; j < N_ELEMS(expected); j++) {
            assert_memory_equal(&msg.meter_config.meters[j], &expected[j],
                                sizeof expected[j]);
        }
        of_message_uninit(&msg);
        free(copy);
    }
}

static void
all_meters_are_asked_for(void **state)
{
    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        struct fh_buf buf = { 0 };
        uint32_t id;

        ofcodec_put_meter_config_request(&buf, versions[i], 3);
        ofputil_decode_meter_request(header_of(&buf), &id);
        assert_int_equal(id, OFPM13_ALL);
        fh_buf_destroy(&buf);
    }
}

/* What cannot be an entry, or a band of one, by its length. */
static void
meter_configuration_of_a_wrong_length_is_refused(void **state)
{
    static const struct { uint16_t entry, band; } lengths[] = {
        { 0, 16 }, { 7, 16 }, { 9, 16 }, { 23, 16 }, { 25, 16 },
        { 0xffff, 16 }, { 24, 0 }, { 24, 15 }, { 24, 17 }, { 24, 0xffff },
    };
    uint8_t reply[16 + 24] = { OF_14, 19, 0, sizeof reply, 0, 0, 0, 1, 0, 10 };
    struct of_message msg;
    uint8_t *copy;

    reply[16 + 1] = 24;
    reply[16 + 11] = 16;
    assert_int_equal(decode_exact(reply, sizeof reply, OF_14, &msg, &copy),
                     0);
    assert_int_equal(msg.meter_config.n, 1);
    of_message_uninit(&msg);
    free(copy);
    for (size_t i = 0; i < N_ELEMS(lengths); i++) {
        reply[16] = (uint8_t) (lengths[i].entry >> 8);
        reply[16 + 1] = (uint8_t) lengths[i].entry;
        reply[16 + 10] = (uint8_t) (lengths[i].band >> 8);
        reply[16 + 11] = (uint8_t) lengths[i].band;
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
    samples[n++] = encode_meter_config(version);
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
#define METERS 8                /* Index; behind it are the flows. */

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
        cmocka_unit_test(meter_stats_are_asked_for_one_meter),
        cmocka_unit_test(meters_tell_what_they_have_dropped),
        cmocka_unit_test(meter_stats_of_a_wrong_length_are_refused),
        cmocka_unit_test(meters_tell_what_they_are_set_to),
        cmocka_unit_test(all_meters_are_asked_for),
        cmocka_unit_test(meter_configuration_of_a_wrong_length_is_refused),
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
