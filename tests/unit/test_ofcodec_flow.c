/* flows/ofcodec: flows, their listing, their monitoring and their removal,
 * against libopenvswitch's idea of the same bytes. */
#include <config.h>

#include "flows/ofcodec.h"

#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <openvswitch/match.h>
#include <openvswitch/ofp-actions.h>
#include <openvswitch/ofp-bundle.h>
#include <openvswitch/ofp-errors.h>
#include <openvswitch/ofp-flow.h>
#include <openvswitch/ofp-monitor.h>
#include <openvswitch/ofp-msgs.h>
#include <openvswitch/ofp-packet.h>
#include <openvswitch/ofp-port.h>
#include <openvswitch/ofp-util.h>
#include <openvswitch/ofpbuf.h>

#include "tests/unit/of_samples.h"

/* Flows. */

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
