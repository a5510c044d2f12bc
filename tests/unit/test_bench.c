/* The parts of the load generator that a figure stands or falls with: what a
 * packet-out does, what a flow table holds and punts, what a host believes,
 * which sample a quantile is. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <firsthop/buf.h>

#include "tests/bench/dist.h"
#include "tests/bench/flowtab.h"
#include "tests/bench/hosts.h"
#include "tests/bench/oxm.h"
#include "tests/bench/pktout.h"

#define GATEWAY 0x0a000001
#define FIRST_IP 0x0a000100

static const uint8_t mac_a[6] = { 2, 0, 0, 0, 0, 0xa };
static const uint8_t mac_b[6] = { 2, 0, 0, 0, 0, 0xb };
static const uint8_t no_mac[6];

/* Packet-outs. */

struct seen {
    uint32_t port[8];
    uint8_t frame[8][64];
    size_t len[8];
    int n;
};

static void
see(uint32_t port, uint32_t in_port, const uint8_t *frame, size_t len,
    void *seen_)
{
    struct seen *seen = seen_;

    assert_true(seen->n < 8);
    assert_int_equal(in_port, OFPP_CONTROLLER);
    seen->port[seen->n] = port;
    seen->len[seen->n] = len;
    memcpy(seen->frame[seen->n++], frame, len);
}

static void
put_set_field(struct fh_buf *b, int field, const uint8_t *value, size_t n)
{
    size_t len = wire_pad8(8 + n);
    uint8_t *p = fh_buf_put(b, len);

    memset(p, 0, len);
    wire_put16(p, OFPAT_SET_FIELD);
    wire_put16(p + 2, (uint16_t) len);
    wire_put32(p + 4, OXM_CLASS_BASIC << 16 | (uint32_t) field << 9
                      | (uint32_t) n);
    memcpy(p + 8, value, n);
}

static void
put_action(struct fh_buf *b, int type, size_t len, uint32_t value)
{
    uint8_t *p = fh_buf_put(b, len);

    memset(p, 0, len);
    wire_put16(p, (uint16_t) type);
    wire_put16(p + 2, (uint16_t) len);
    wire_put32(p + 4, value);
}

/* The message that sends an ARP request from A through 'actions'. */
static void
make_packet_out(struct fh_buf *msg, const struct fh_buf *actions)
{
    uint8_t *p = fh_buf_put(msg, 24);

    memset(p, 0, 24);
    wire_put32(p + 12, OFPP_CONTROLLER);
    wire_put16(p + 16, (uint16_t) actions->len);
    fh_buf_append(msg, actions->data, actions->len);
    wire_put_arp(fh_buf_put(msg, ARP_LEN), mac_b, ARP_REQUEST, mac_a, GATEWAY,
                 no_mac, FIRST_IP);
    wire_put_header(msg->data, OFP14_VERSION, OFPT_PACKET_OUT, msg->len, 7);
}

/* Two probes over one frame. */
static void
make_two_probes(struct fh_buf *msg)
{
    static const uint8_t tpa[4] = { 10, 0, 1, 5 };
    struct fh_buf actions = { 0 };

    put_action(&actions, OFPAT_OUTPUT, 16, 3);
    put_set_field(&actions, OXM_ARP_TPA, tpa, 4);
    put_set_field(&actions, OXM_ETH_DST, mac_a, 6);
    put_action(&actions, OFPAT_OUTPUT, 16, 4);
    make_packet_out(msg, &actions);
    fh_buf_destroy(&actions);
}

static void
one_packet_out_carries_several_probes(void **state)
{
    struct fh_buf msg = { 0 };
    struct seen seen = { .n = 0 };

    make_two_probes(&msg);
    assert_int_equal(pktout_run(msg.data, msg.len, see, &seen), 2);
    assert_int_equal(seen.n, 2);
    assert_int_equal(seen.port[0], 3);
    assert_memory_equal(seen.frame[0], mac_b, 6);
    assert_int_equal(wire_get32(seen.frame[0] + ARP_OFF_TPA), FIRST_IP);
    assert_int_equal(seen.port[1], 4);
    assert_memory_equal(seen.frame[1], mac_a, 6);
    assert_int_equal(wire_get32(seen.frame[1] + ARP_OFF_TPA), 0x0a000105);
    fh_buf_destroy(&msg);
}

static void
pushed_tag_moves_the_arp_fields(void **state)
{
    static const uint8_t vid[2] = { 0x10, 100 }, tpa[4] = { 10, 0, 1, 9 };
    struct fh_buf actions = { 0 }, msg = { 0 };
    struct seen seen = { .n = 0 };

    put_action(&actions, OFPAT_PUSH_VLAN, 8, 0x81000000);
    put_set_field(&actions, OXM_VLAN_VID, vid, 2);
    put_set_field(&actions, OXM_ARP_TPA, tpa, 4);
    put_action(&actions, OFPAT_OUTPUT, 16, 1);
    put_action(&actions, OFPAT_POP_VLAN, 8, 0);
    put_action(&actions, OFPAT_OUTPUT, 16, 2);
    make_packet_out(&msg, &actions);

    assert_int_equal(pktout_run(msg.data, msg.len, see, &seen), 2);
    assert_int_equal(seen.len[0], ARP_LEN + 4);
    assert_int_equal(wire_get32(seen.frame[0] + 12), 0x81000064);
    assert_int_equal(wire_get32(seen.frame[0] + ARP_OFF_TPA + 4), 0x0a000109);
    assert_int_equal(seen.len[1], ARP_LEN);
    assert_true(wire_is_arp(seen.frame[1], seen.len[1]));
    fh_buf_destroy(&actions);
    fh_buf_destroy(&msg);
}

/* Cut off inside the actions it is refused, and nothing beyond is read
 * (AddressSanitizer would tell). */
static void
truncated_packet_out_is_refused(void **state)
{
    struct fh_buf msg = { 0 };

    make_two_probes(&msg);
    for (size_t len = 0; len < msg.len - ARP_LEN; len++) {
        uint8_t *copy = fh_xmemdup(msg.data, len ? len : 1);
        struct seen seen = { .n = 0 };

        assert_int_equal(pktout_run(copy, len, see, &seen), -1);
        free(copy);
    }
    fh_buf_destroy(&msg);
}

/* Flow tables. */

struct flows {
    struct flowtab *ft;
    int added, removed;
};

static void
on_added(const struct flow *f, void *flows_)
{
    struct flows *flows = flows_;

    flows->added++;
}

static void
on_removed(const struct flow *f, int reason, void *flows_)
{
    struct flows *flows = flows_;

    flows->removed++;
}

static void
flows_init(struct flows *flows)
{
    static const struct flowtab_cbs cbs = { on_added, on_removed };

    memset(flows, 0, sizeof *flows);
    flows->ft = flowtab_create(&cbs, flows);
}

/* A flow mod in table 'table' that matches ETH_TYPE 'eth_type' (0: nothing)
 * and IPv4 source 'src' (0: any) and punts. */
static void
flow_mod(struct flows *flows, int command, uint8_t table, uint64_t cookie,
         uint64_t mask, uint16_t eth_type, uint32_t src)
{
    uint8_t fm[48 + 24 + 24] = { 0 };
    size_t match_len = 4 + (eth_type ? 6 : 0) + (src ? 8 : 0);
    uint8_t *p = fm + 48;
    size_t len = 48 + wire_pad8(match_len) + 24;

    wire_put_header(fm, OFP14_VERSION, OFPT_FLOW_MOD, len, 1);
    wire_put64(fm + 8, cookie);
    wire_put64(fm + 16, mask);
    fm[24] = table;
    fm[25] = (uint8_t) command;
    wire_put16(fm + 30, 100);
    wire_put16(p, 1);
    wire_put16(p + 2, (uint16_t) match_len);
    p += 4;
    if (eth_type) {
        wire_put32(p, OXM_CLASS_BASIC << 16 | OXM_ETH_TYPE << 9 | 2);
        wire_put16(p + 4, eth_type);
        p += 6;
    }
    if (src) {
        wire_put32(p, (OXM_CLASS_BASIC << 16 | OXM_IPV4_SRC << 9 | 4));
        wire_put32(p + 4, src);
    }
    p = fm + 48 + wire_pad8(match_len);
    wire_put16(p, OFPIT_APPLY_ACTIONS);
    wire_put16(p + 2, 24);
    wire_put16(p + 8, OFPAT_OUTPUT);
    wire_put16(p + 10, 16);
    wire_put32(p + 12, OFPP_CONTROLLER);
    assert_int_equal(flowtab_apply(flows->ft, fm, len, 5), 0);
}

static void
same_match_replaces_strict_delete_wants_cookie(void **state)
{
    struct flows flows;

    flows_init(&flows);
    flow_mod(&flows, OFPFC_ADD, 2, 7, 0, 0x0800, FIRST_IP);
    flow_mod(&flows, OFPFC_ADD, 2, 7, 0, 0x0800, FIRST_IP);
    flow_mod(&flows, OFPFC_ADD, 2, 8, 0, 0x0800, FIRST_IP);
    assert_int_equal(flowtab_count(flows.ft), 1);
    assert_int_equal(flowtab_counters(flows.ft)->adds, 3);
    assert_int_equal(flowtab_counters(flows.ft)->replaced, 2);
    assert_int_equal(flowtab_counters(flows.ft)->same, 1);
    assert_int_equal(flows.added - flows.removed, 1);

    flow_mod(&flows, OFPFC_DELETE_STRICT, 2, 7, UINT64_MAX, 0x0800, FIRST_IP);
    assert_int_equal(flowtab_count(flows.ft), 1);
    flow_mod(&flows, OFPFC_DELETE_STRICT, 2, 8, UINT64_MAX, 0x0800, FIRST_IP);
    assert_int_equal(flowtab_count(flows.ft), 0);
    flowtab_destroy(flows.ft);
}

static void
loose_delete_takes_what_its_match_covers(void **state)
{
    struct flows flows;

    flows_init(&flows);
    for (uint32_t i = 0; i < 3000; i++) {
        flow_mod(&flows, OFPFC_ADD, 2, i & 1, 0, 0x0800, FIRST_IP + i);
    }
    flow_mod(&flows, OFPFC_ADD, 0, 1, 0, 0x0806, 0);
    assert_int_equal(flowtab_count(flows.ft), 3001);
    flow_mod(&flows, OFPFC_DELETE, OFPTT_ALL, 1, UINT64_MAX, 0x0800, 0);
    assert_int_equal(flowtab_count(flows.ft), 1501);
    flow_mod(&flows, OFPFC_DELETE, 2, 0, 0, 0x0800, FIRST_IP + 2);
    assert_int_equal(flowtab_count(flows.ft), 1500);
    flow_mod(&flows, OFPFC_DELETE, OFPTT_ALL, 0, 0, 0, 0);
    assert_int_equal(flowtab_count(flows.ft), 0);
    flowtab_destroy(flows.ft);
}

static void
no_room(void *aux)
{
    fail_msg("one flow needs no second multipart");
}

static void
dump_returns_what_was_installed(void **state)
{
    const struct flowtab_query query = { 0xc0, UINT64_MAX, OFPTT_ALL };
    struct fh_buf dump = { 0 };
    struct flows flows;

    flows_init(&flows);
    flow_mod(&flows, OFPFC_ADD, 2, 0xc0, 0, 0x0800, FIRST_IP);
    flow_mod(&flows, OFPFC_ADD, 2, 0xd0, 0, 0x0800, FIRST_IP + 1);
    flowtab_dump(flows.ft, OFP13_VERSION, &query, 9, &dump, no_room, NULL);
    assert_int_equal(dump.len, 48 + 24 + 24);
    assert_int_equal(wire_get16(dump.data), dump.len);
    assert_int_equal(dump.data[2], 2);
    assert_int_equal(wire_get16(dump.data + 12), 100);
    assert_int_equal(wire_get64(dump.data + 24), 0xc0);
    assert_int_equal(oxm_ip_host(dump.data + 52, 14), FIRST_IP);
    assert_int_equal(wire_get32(dump.data + 48 + 24 + 12), OFPP_CONTROLLER);
    fh_buf_destroy(&dump);
    flowtab_destroy(flows.ft);
}

static void
arp_is_punted_by_the_flow_that_matches_it(void **state)
{
    struct flowtab_punt punt;
    uint8_t frame[ARP_LEN];
    struct flows flows;

    wire_put_arp(frame, mac_a, ARP_REQUEST, mac_b, FIRST_IP, no_mac, GATEWAY);
    flows_init(&flows);
    flow_mod(&flows, OFPFC_ADD, 0, 1, 0, 0x0800, 0);
    flowtab_run(flows.ft, 1, frame, &punt);
    assert_false(punt.punted);
    flow_mod(&flows, OFPFC_ADD, 0, 2, 0, 0x0806, 0);
    flowtab_run(flows.ft, 1, frame, &punt);
    assert_true(punt.punted);
    assert_int_equal(punt.cookie, 2);
    flow_mod(&flows, OFPFC_DELETE, 0, 0, 0, 0x0806, 0);
    flowtab_run(flows.ft, 1, frame, &punt);
    assert_false(punt.punted);
    flowtab_destroy(flows.ft);
}

/* What is for a DHCP server, from anybody: that is nobody's own flow. */
static void
a_match_on_udp_is_told_from_one_on_arp(void **state)
{
    uint8_t tlvs[6 + 5 + 8 + 6], udp[UDP_OFF_DATA] = { 0 }, arp[ARP_LEN];
    const struct oxm_frame is_udp = { .in_port = 1, .frame = udp };
    const struct oxm_frame is_arp = { .in_port = 1, .frame = arp };

    wire_put32(tlvs, OXM_CLASS_BASIC << 16 | OXM_ETH_TYPE << 9 | 2);
    wire_put16(tlvs + 4, 0x0800);
    wire_put32(tlvs + 6, OXM_CLASS_BASIC << 16 | OXM_IP_PROTO << 9 | 1);
    tlvs[10] = IP_PROTO_UDP;
    wire_put32(tlvs + 11, OXM_CLASS_BASIC << 16 | OXM_IPV4_DST << 9 | 4);
    wire_put32(tlvs + 15, FIRST_IP);
    wire_put32(tlvs + 19, OXM_CLASS_BASIC << 16 | OXM_UDP_DST << 9 | 2);
    wire_put16(tlvs + 23, 67);
    wire_put16(udp + 12, 0x0800);
    udp[IP_OFF_PROTO] = IP_PROTO_UDP;
    wire_put32(udp + IP_OFF_DST, FIRST_IP);
    wire_put16(udp + UDP_OFF_DST, 67);
    wire_put_arp(arp, mac_a, ARP_REQUEST, mac_b, FIRST_IP, no_mac, GATEWAY);
    assert_true(oxm_matches(tlvs, sizeof tlvs, &is_udp, 0));
    assert_false(oxm_matches(tlvs, sizeof tlvs, &is_arp, 0));
    wire_put16(udp + UDP_OFF_DST, 68);
    assert_false(oxm_matches(tlvs, sizeof tlvs, &is_udp, 0));
    assert_int_equal(oxm_ip_host(tlvs, sizeof tlvs), 0);
}

/* Hosts. */

static enum hosts_verdict
hear(struct hosts *hs, int router, int op, uint32_t spa, uint64_t now_ns)
{
    uint8_t frame[ARP_LEN], reply[ARP_LEN], mac[6];
    struct host *h;

    hosts_put_mac(mac, 0);
    wire_put_arp(frame, mac, op, router ? mac_b : mac_a, spa, mac, FIRST_IP);
    return hosts_receive(hs, router, frame, sizeof frame, now_ns, &h, reply);
}

static void
notice_moves_a_host_once_and_is_timed(void **state)
{
    struct hosts_progress progress;
    struct hosts hs;
    uint8_t frame[ARP_LEN];

    hosts_init(&hs, 1, FIRST_IP, GATEWAY);
    hosts_ask(&hs, 0, 100, frame);
    assert_int_equal(hear(&hs, 0, ARP_REPLY, GATEWAY, 150), HOSTS_ANSWERED);
    assert_int_equal(hs.hosts[0].gateway, 0);
    assert_int_equal(dist_quantile(&hs.latency, .5), 50);

    hosts_mark(&hs);
    hs.hosts[0].cut = 1;
    assert_int_equal(hear(&hs, 0, ARP_REQUEST, GATEWAY, 200), HOSTS_IGNORED);
    assert_int_equal(hear(&hs, 1, ARP_REQUEST, 0x0a000003, 210), HOSTS_REPLY);
    assert_int_equal(hs.counters.probes, 1);
    assert_int_equal(hs.counters.moves, 0);
    assert_int_equal(hear(&hs, 1, ARP_REQUEST, GATEWAY, 300), HOSTS_REPLY);
    assert_int_equal(hear(&hs, 1, ARP_REPLY, GATEWAY, 400), HOSTS_NOTED);
    assert_int_equal(hs.counters.moves, 1);
    assert_int_equal(hs.counters.false_moves, 0);
    assert_int_equal(hs.hosts[0].noticed_ns, 300);
    hosts_get_progress(&hs, 0, &progress);
    assert_int_equal(progress.affected, 1);
    assert_int_equal(progress.moved, 1);

    hs.hosts[0].cut = 0;            /* Nothing is wrong with router 1. */
    assert_int_equal(hear(&hs, 0, ARP_REQUEST, GATEWAY, 500), HOSTS_REPLY);
    assert_int_equal(hs.counters.false_moves, 1);
    hosts_destroy(&hs);
}

/* Samples. */

static void
quantiles_are_samples(void **state)
{
    struct dist d = { 0 };

    assert_int_equal(dist_quantile(&d, .5), 0);
    for (uint64_t i = 100; i > 0; i--) {
        dist_add(&d, i);
    }
    assert_int_equal(dist_quantile(&d, 0), 1);
    assert_int_equal(dist_quantile(&d, .5), 50);
    assert_int_equal(dist_quantile(&d, .99), 99);
    assert_int_equal(dist_quantile(&d, 1), 100);
    dist_destroy(&d);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_packet_out_carries_several_probes),
        cmocka_unit_test(pushed_tag_moves_the_arp_fields),
        cmocka_unit_test(truncated_packet_out_is_refused),
        cmocka_unit_test(same_match_replaces_strict_delete_wants_cookie),
        cmocka_unit_test(loose_delete_takes_what_its_match_covers),
        cmocka_unit_test(dump_returns_what_was_installed),
        cmocka_unit_test(arp_is_punted_by_the_flow_that_matches_it),
        cmocka_unit_test(a_match_on_udp_is_told_from_one_on_arp),
        cmocka_unit_test(notice_moves_a_host_once_and_is_timed),
        cmocka_unit_test(quantiles_are_samples),
    };

    return cmocka_run_group_tests_name("bench", tests, NULL, NULL);
}
