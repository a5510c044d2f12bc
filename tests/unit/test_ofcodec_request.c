/* flows/ofcodec: bundles, meters and the rest of what we say, decoded by
 * libopenvswitch. */
#include <config.h>

#include "flows/ofcodec.h"

#include <arpa/inet.h>
#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <openvswitch/ofp-bundle.h>
#include <openvswitch/ofp-connection.h>
#include <openvswitch/ofp-flow.h>
#include <openvswitch/ofp-meter.h>
#include <openvswitch/ofp-msgs.h>
#include <openvswitch/ofp-packet.h>
#include <openvswitch/ofp-port.h>
#include <openvswitch/ofp-switch.h>
#include <openvswitch/ofp-util.h>
#include <openvswitch/ofpbuf.h>

#include "tests/unit/of_samples.h"

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
        const struct of_flow_filter all = { 0x10, 0xf0, OF_ALL_TABLES };
        struct ofputil_flow_stats_request fsr;
        struct fh_buf buf = { 0 };

        ofcodec_put_flow_stats_request(&buf, versions[i], 3, &all);
        assert_int_equal(ofputil_decode_flow_stats_request(
                             &fsr, header_of(&buf), NULL, NULL), 0);
        assert_int_equal(fsr.table_id, 0xff);
        assert_int_equal(be64toh(fsr.cookie), 0x10);
        assert_int_equal(be64toh(fsr.cookie_mask), 0xf0);
        assert_int_equal(fsr.out_port, OFPP_ANY);
        assert_int_equal(fsr.match.wc.masks.regs[1], 0);
        fh_buf_destroy(&buf);
    }
}

static void
a_dump_can_ask_for_a_part_of_a_table(void **state)
{
    for (size_t i = 0; i < N_ELEMS(versions); i++) {
        const struct of_flow_filter part = { 0x10, 0xf0, 3, 1, 0x5, 0x7 };
        struct ofputil_flow_stats_request fsr;
        struct fh_buf buf = { 0 };

        ofcodec_put_flow_stats_request(&buf, versions[i], 3, &part);
        assert_int_equal(ofputil_decode_flow_stats_request(
                             &fsr, header_of(&buf), NULL, NULL), 0);
        assert_int_equal(fsr.table_id, 3);
        assert_int_equal(fsr.match.flow.regs[1], 0x5);
        assert_int_equal(fsr.match.wc.masks.regs[1], 0x7);
        assert_int_equal(fsr.match.wc.masks.regs[0], 0);
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bundled_change_is_the_change),
        cmocka_unit_test(a_bundle_opens_and_commits_with_the_same_flags),
        cmocka_unit_test(bundle_replies_name_bundle_and_kind),
        cmocka_unit_test(a_meter_is_added_then_modified_and_never_deleted),
        cmocka_unit_test(async_asks_for_actions_and_not_for_invalid_ttl),
        cmocka_unit_test(whole_frames_are_asked_for),
        cmocka_unit_test(the_master_role_is_asked_for_with_its_generation),
        cmocka_unit_test(the_role_is_asked_for_without_changing_it),
        cmocka_unit_test(losing_the_role_is_told),
        cmocka_unit_test(a_dump_asks_for_all_tables_by_cookie),
        cmocka_unit_test(a_dump_can_ask_for_a_part_of_a_table),
        cmocka_unit_test(bare_requests_are_what_libopenvswitch_takes_them_for),
        cmocka_unit_test(an_echo_reply_repeats_the_data),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
