/* flows/arp: Ethernet framing and ARP. */
#include <config.h>

#include "flows/arp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

/* Takes a copy that ends where its memory ends, so that the address sanitizer
 * sees any read beyond 'len'. */
static enum frame_error
parse_exact(const uint8_t *data, size_t len, struct frame *frame,
            uint8_t **copyp)
{
    uint8_t *copy = malloc(len ? len : 1);

    assert_non_null(copy);
    memcpy(copy, data, len);
    *copyp = copy;
    return frame_parse(len ? copy : copy + 1, len, frame);
}

#define MAC(a, b, c, d, e, f) ((struct eth_addr) { { { a, b, c, d, e, f } } })

static const uint8_t client_request[] = {
    /* Ethernet: broadcast from 02:00:00:00:01:0a, ARP. */
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0x02, 0x00, 0x00, 0x00, 0x01, 0x0a,
    0x08, 0x06,
    /* ARP: Ethernet, IPv4, 6, 4, request. */
    0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01,
    /* Sender 02:00:00:00:01:0a 10.0.0.10. */
    0x02, 0x00, 0x00, 0x00, 0x01, 0x0a, 10, 0, 0, 10,
    /* Target unknown 10.0.0.1. */
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 10, 0, 0, 1,
};

static struct fh_addr
addr(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    const uint8_t bytes[] = { a, b, c, d };
    struct fh_addr value;

    memcpy(&value.ip4, bytes, sizeof bytes);
    return value;
}

static int
parse_arp(const uint8_t *data, size_t len, struct arp *arp)
{
    struct frame frame;
    uint8_t *copy;
    int error;

    assert_int_equal(parse_exact(data, len, &frame, &copy), FRAME_OK);
    error = arp_parse(&frame, arp);
    free(copy);
    return error;
}

static void
untagged_request_is_parsed(void **state)
{
    struct frame frame;
    struct arp arp;

    assert_int_equal(frame_parse(client_request, sizeof client_request,
                                 &frame), FRAME_OK);
    assert_true(fh_mac_equal(frame.dst,
                             MAC(0xff, 0xff, 0xff, 0xff, 0xff, 0xff)));
    assert_true(fh_mac_equal(frame.src, MAC(2, 0, 0, 0, 1, 0x0a)));
    assert_int_equal(frame.vlan.n, 0);
    assert_int_equal(frame.vlan.tpid, 0);
    assert_int_equal(frame.eth_type, ETHERTYPE_ARP);
    assert_int_equal(frame.payload_len, 28);
    assert_ptr_equal(frame.payload, client_request + 14);

    assert_int_equal(arp_parse(&frame, &arp), 0);
    assert_int_equal(arp.op, ARP_OP_REQUEST);
    assert_true(fh_mac_equal(arp.sha, MAC(2, 0, 0, 0, 1, 0x0a)));
    assert_true(fh_mac_is_zero(arp.tha));
    assert_true(fh_addr_equal(arp.spa, addr(10, 0, 0, 10)));
    assert_true(fh_addr_equal(arp.tpa, addr(10, 0, 0, 1)));
}

static void
two_tags_are_parsed_outermost_first(void **state)
{
    static const uint8_t data[] = {
        0x02, 0, 0, 0, 0, 0x0a,
        0x02, 0, 0, 0, 1, 0x0a,
        0x88, 0xa8, 0xe0, 0xc8,         /* 802.1ad, priority 7, VID 200 */
        0x81, 0x00, 0x1f, 0xfe,         /* 802.1Q, DEI, VID 4094 */
        0x08, 0x00, 0x55,
    };
    struct frame frame;

    assert_int_equal(frame_parse(data, sizeof data, &frame), FRAME_OK);
    assert_int_equal(frame.vlan.n, 2);
    assert_int_equal(frame.vlan.tpid, 0x88a8);
    assert_int_equal(frame.vlan.vids[0], 200);
    assert_int_equal(frame.vlan.vids[1], 4094);
    assert_int_equal(frame.eth_type, ETHERTYPE_IPV4);
    assert_int_equal(frame.payload_len, 1);
    assert_int_equal(frame.payload[0], 0x55);
}

static void
either_ethertype_may_carry_either_tag(void **state)
{
    static const uint16_t tpids[] = { 0x8100, 0x88a8 };

    for (size_t i = 0; i < 4; i++) {
        uint8_t data[22] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };
        uint16_t outer = tpids[i & 1], inner = tpids[i >> 1];
        struct frame frame;

        data[12] = outer >> 8;
        data[13] = outer & 0xff;
        data[15] = 1;
        data[16] = inner >> 8;
        data[17] = inner & 0xff;
        data[19] = 2;
        data[20] = 0x08;
        data[21] = 0x06;
        assert_int_equal(frame_parse(data, sizeof data, &frame), FRAME_OK);
        assert_int_equal(frame.vlan.tpid, outer);
        assert_int_equal(frame.vlan.n, 2);
        assert_int_equal(frame.vlan.vids[0], 1);
        assert_int_equal(frame.vlan.vids[1], 2);
        assert_int_equal(frame.payload_len, 0);
    }
}

static void
frame_truncated_anywhere_is_refused(void **state)
{
    static const uint8_t data[] = {
        0x02, 0, 0, 0, 0, 0x0a, 0x02, 0, 0, 0, 1, 0x0a,
        0x88, 0xa8, 0x00, 0xc8, 0x81, 0x00, 0x00, 0x64, 0x08, 0x06,
    };

    for (size_t len = 0; len <= sizeof data; len++) {
        struct frame frame;
        uint8_t *copy;

        assert_int_equal(parse_exact(data, len, &frame, &copy),
                         len < sizeof data ? FRAME_TRUNCATED : FRAME_OK);
        free(copy);
    }
}

static void
third_tag_is_refused(void **state)
{
    static const uint8_t data[] = {
        0x02, 0, 0, 0, 0, 0x0a, 0x02, 0, 0, 0, 1, 0x0a,
        0x88, 0xa8, 0x00, 0xc8, 0x81, 0x00, 0x00, 0x64,
        0x81, 0x00, 0x00, 0x01, 0x08, 0x06,
    };
    struct frame frame;

    assert_int_equal(frame_parse(data, sizeof data, &frame),
                     FRAME_TOO_MANY_TAGS);
    /* The Ethertype alone gives it away. */
    assert_int_equal(frame_parse(data, 22, &frame), FRAME_TOO_MANY_TAGS);
}

static void
reserved_vid_is_refused_and_a_priority_tag_is_none(void **state)
{
    static const struct {
        uint16_t outer, inner;
        enum frame_error error;
        struct fh_vlan vlan;
    } cases[] = {
        { 1, 100, FRAME_OK, { { 1, 100 }, 0x8100, 2 } },
        { 4094, 100, FRAME_OK, { { 4094, 100 }, 0x8100, 2 } },
        { 4095, 100, FRAME_RESERVED_TAG, { .n = 0 } },
        { 100, 4094, FRAME_OK, { { 100, 4094 }, 0x8100, 2 } },
        { 100, 4095, FRAME_RESERVED_TAG, { .n = 0 } },
        { 100, 0xffff, FRAME_RESERVED_TAG, { .n = 0 } },
        { 0, 4095, FRAME_RESERVED_TAG, { .n = 0 } },
        /* VID 0, with priority bits and CFI, or without. */
        { 0, 100, FRAME_OK, { { 100 }, 0x88a8, 1 } },
        { 0xf000, 100, FRAME_OK, { { 100 }, 0x88a8, 1 } },
        { 100, 0, FRAME_OK, { { 100 }, 0x8100, 1 } },
        { 100, 0xe000, FRAME_OK, { { 100 }, 0x8100, 1 } },
        { 0, 0xe000, FRAME_OK, { .n = 0 } },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t data[] = {
            0x02, 0, 0, 0, 0, 0x0a, 0x02, 0, 0, 0, 1, 0x0a,
            0x81, 0x00, cases[i].outer >> 8, cases[i].outer & 0xff,
            0x88, 0xa8, cases[i].inner >> 8, cases[i].inner & 0xff,
            0x08, 0x06, 0x5a,
        };
        struct frame frame;

        assert_int_equal(frame_parse(data, sizeof data, &frame),
                         cases[i].error);
        if (!cases[i].error) {
            assert_memory_equal(&frame.vlan, &cases[i].vlan,
                                sizeof frame.vlan);
            assert_int_equal(frame.eth_type, ETHERTYPE_ARP);
            assert_int_equal(frame.payload_len, 1);
            assert_int_equal(*frame.payload, 0x5a);
        }
    }
}

static void
three_tags_are_refused_even_if_one_is_a_priority_tag(void **state)
{
    uint8_t data[] = {
        0x02, 0, 0, 0, 0, 0x0a, 0x02, 0, 0, 0, 1, 0x0a,
        0x81, 0x00, 0x00, 0x00, 0x81, 0x00, 0x00, 0x64,
        0x81, 0x00, 0x00, 0x01, 0x08, 0x06,
    };
    struct frame frame;

    assert_int_equal(frame_parse(data, sizeof data, &frame),
                     FRAME_TOO_MANY_TAGS);
}

static void
source_that_is_no_station_is_refused(void **state)
{
    uint8_t data[sizeof client_request];
    struct frame frame;

    memcpy(data, client_request, sizeof data);
    memset(data + 6, 0, 6);
    assert_int_equal(frame_parse(data, sizeof data, &frame),
                     FRAME_BAD_SOURCE);
    memset(data + 6, 0xff, 6);
    assert_int_equal(frame_parse(data, sizeof data, &frame),
                     FRAME_BAD_SOURCE);
    memcpy(data + 6, "\x01\x00\x5e\x00\x00\x01", 6);
    assert_int_equal(frame_parse(data, sizeof data, &frame),
                     FRAME_BAD_SOURCE);
}

static void
arp_truncated_anywhere_is_refused(void **state)
{
    struct arp arp;

    for (size_t len = 14; len < sizeof client_request; len++) {
        assert_int_equal(parse_arp(client_request, len, &arp), EPROTO);
    }
    assert_int_equal(parse_arp(client_request, sizeof client_request, &arp),
                     0);
}

static void
padding_behind_arp_is_ignored(void **state)
{
    uint8_t data[1514];
    struct arp arp;

    memset(data, 0xa5, sizeof data);
    memcpy(data, client_request, sizeof client_request);
    assert_int_equal(parse_arp(data, 60, &arp), 0);
    assert_int_equal(parse_arp(data, sizeof data, &arp), 0);
    assert_true(fh_addr_equal(arp.tpa, addr(10, 0, 0, 1)));
}

static void
strange_arp_is_refused(void **state)
{
    static const struct {
        size_t offset;
        uint8_t value;
        const char *what;
    } cases[] = {
        { 12, 0x88, "Ethertype" },
        { 14, 0x01, "hardware type, high byte" },
        { 15, 0x06, "hardware type IEEE 802" },
        { 16, 0x86, "protocol type" },
        { 17, 0xdd, "protocol type, low byte" },
        { 18, 8, "hardware length" },
        { 18, 0, "hardware length 0" },
        { 19, 16, "protocol length" },
        { 20, 0x01, "operation, high byte" },
        { 21, 0, "operation 0" },
        { 21, 3, "reverse ARP" },
        { 22, 0x01, "a multicast sender MAC" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t data[sizeof client_request];
        struct arp arp;

        memcpy(data, client_request, sizeof data);
        data[cases[i].offset] = cases[i].value;
        if (parse_arp(data, sizeof data, &arp) != EPROTO) {
            fail_msg("accepted: %s", cases[i].what);
        }
    }
}

/* VRRP, HSRP and anycast gateways answer from their own MAC. */
static void
the_sender_is_who_the_arp_packet_says(void **state)
{
    uint8_t data[sizeof client_request];
    struct arp arp;

    memcpy(data, client_request, sizeof data);
    memcpy(data + 22, "\x00\x00\x5e\x00\x01\x07", 6);
    assert_int_equal(parse_arp(data, sizeof data, &arp), 0);
    assert_true(fh_mac_equal(arp.sha, MAC(0, 0, 0x5e, 0, 1, 7)));
    memset(data + 22, 0, 6);
    assert_int_equal(parse_arp(data, sizeof data, &arp), EPROTO);
}

static const struct arp gateway_answer = {
    .op = ARP_OP_REPLY,
    .sha = { { { 0x02, 0, 0, 0, 0, 0x0a } } },
    .tha = { { { 0x02, 0, 0, 0, 0x01, 0x0a } } },
};

static struct arp
answer_for_gateway(void)
{
    struct arp arp = gateway_answer;

    arp.spa = addr(10, 0, 0, 1);
    arp.tpa = addr(10, 0, 0, 10);
    return arp;
}

/* ARP reply: 10.0.0.1 is at 02:00:00:00:00:0a, to 02:00:00:00:01:0a
 * 10.0.0.10; padded from 28 to 46 bytes. */
#define ANSWER_ADDRESSES                                                \
    0x02, 0x00, 0x00, 0x00, 0x01, 0x0a,                                 \
    0x02, 0x00, 0x00, 0x00, 0x00, 0x0a
#define ANSWER_ARP                                                      \
    0x08, 0x06,                                                         \
    0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x02,                     \
    0x02, 0x00, 0x00, 0x00, 0x00, 0x0a, 10, 0, 0, 1,                    \
    0x02, 0x00, 0x00, 0x00, 0x01, 0x0a, 10, 0, 0, 10,                   \
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0

static void
check_build(const struct fh_vlan *vlan, const uint8_t *expected, size_t len)
{
    uint8_t buf[ARP_FRAME_MAX + 1];
    struct arp arp = answer_for_gateway();

    memset(buf, 0xa5, sizeof buf);
    assert_int_equal(arp_build(buf, arp.tha, vlan, &arp), len);
    assert_memory_equal(buf, expected, len);
    for (size_t i = len; i < sizeof buf; i++) {
        assert_int_equal(buf[i], 0xa5);
    }
}

static void
untagged_answer_is_built_and_padded_to_60_bytes(void **state)
{
    static const uint8_t expected[60] = { ANSWER_ADDRESSES, ANSWER_ARP };
    const struct fh_vlan vlan = { .n = 0 };

    check_build(&vlan, expected, sizeof expected);
}

static void
single_tag_is_built_as_8021q(void **state)
{
    static const uint8_t expected[64] = {
        ANSWER_ADDRESSES, 0x81, 0x00, 0x00, 0x64, ANSWER_ARP
    };
    const struct fh_vlan vlan = { .vids = { 100 }, .n = 1 };

    check_build(&vlan, expected, sizeof expected);
}

static void
double_tag_is_built_as_8021ad_over_8021q(void **state)
{
    static const uint8_t expected[68] = {
        ANSWER_ADDRESSES, 0x88, 0xa8, 0x00, 0xc8, 0x81, 0x00, 0x00, 0x64,
        ANSWER_ARP
    };
    const struct fh_vlan vlan = { .vids = { 200, 100 }, .n = 2 };

    check_build(&vlan, expected, sizeof expected);
}

static void
outer_ethertype_that_was_seen_is_kept(void **state)
{
    static const uint8_t stacked[68] = {
        ANSWER_ADDRESSES, 0x81, 0x00, 0x00, 0xc8, 0x81, 0x00, 0x00, 0x64,
        ANSWER_ARP
    };
    static const uint8_t service[64] = {
        ANSWER_ADDRESSES, 0x88, 0xa8, 0x00, 0xc8, ANSWER_ARP
    };
    struct fh_vlan vlan = { .vids = { 200, 100 }, .tpid = 0x8100, .n = 2 };

    check_build(&vlan, stacked, sizeof stacked);
    vlan = (struct fh_vlan) { .vids = { 200 }, .tpid = 0x88a8, .n = 1 };
    check_build(&vlan, service, sizeof service);
}

static void
what_is_built_is_parsed_back(void **state)
{
    for (uint8_t n_tags = 0; n_tags <= FH_VLAN_MAX_TAGS; n_tags++) {
        const struct fh_vlan vlan = { .vids = { 4094, 1 }, .n = n_tags };
        struct arp sent = answer_for_gateway(), got;
        uint8_t buf[ARP_FRAME_MAX];
        struct frame frame;
        size_t len;

        len = arp_build(buf, sent.tha, &vlan, &sent);
        assert_int_equal(frame_parse(buf, len, &frame), FRAME_OK);
        assert_int_equal(frame.vlan.n, n_tags);
        assert_true(n_tags < 1 || frame.vlan.vids[0] == 4094);
        assert_true(n_tags < 2 || frame.vlan.vids[1] == 1);
        assert_int_equal(arp_parse(&frame, &got), 0);
        assert_int_equal(got.op, sent.op);
        assert_true(fh_mac_equal(got.sha, sent.sha));
        assert_true(fh_mac_equal(got.tha, sent.tha));
        assert_true(fh_addr_equal(got.spa, sent.spa));
        assert_true(fh_addr_equal(got.tpa, sent.tpa));
    }
}

static void
address_probe_is_told_by_its_zero_sender(void **state)
{
    struct arp arp = { .op = ARP_OP_REQUEST, .tpa = addr(10, 0, 0, 10) };

    assert_true(arp_is_address_probe(&arp));
    assert_false(arp_is_announcement(&arp));
    arp.spa = addr(0, 0, 0, 1);
    assert_false(arp_is_address_probe(&arp));
}

static void
announcement_is_told_by_sender_equal_to_target(void **state)
{
    struct arp arp = {
        .op = ARP_OP_REQUEST,
        .spa = addr(10, 0, 0, 10),
        .tpa = addr(10, 0, 0, 10),
    };

    assert_true(arp_is_announcement(&arp));
    assert_false(arp_is_address_probe(&arp));
    arp.tpa = addr(10, 0, 0, 11);
    assert_false(arp_is_announcement(&arp));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(untagged_request_is_parsed),
        cmocka_unit_test(two_tags_are_parsed_outermost_first),
        cmocka_unit_test(either_ethertype_may_carry_either_tag),
        cmocka_unit_test(frame_truncated_anywhere_is_refused),
        cmocka_unit_test(third_tag_is_refused),
        cmocka_unit_test(reserved_vid_is_refused_and_a_priority_tag_is_none),
        cmocka_unit_test(three_tags_are_refused_even_if_one_is_a_priority_tag),
        cmocka_unit_test(source_that_is_no_station_is_refused),
        cmocka_unit_test(arp_truncated_anywhere_is_refused),
        cmocka_unit_test(padding_behind_arp_is_ignored),
        cmocka_unit_test(strange_arp_is_refused),
        cmocka_unit_test(the_sender_is_who_the_arp_packet_says),
        cmocka_unit_test(untagged_answer_is_built_and_padded_to_60_bytes),
        cmocka_unit_test(single_tag_is_built_as_8021q),
        cmocka_unit_test(double_tag_is_built_as_8021ad_over_8021q),
        cmocka_unit_test(outer_ethertype_that_was_seen_is_kept),
        cmocka_unit_test(what_is_built_is_parsed_back),
        cmocka_unit_test(address_probe_is_told_by_its_zero_sender),
        cmocka_unit_test(announcement_is_told_by_sender_equal_to_target),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
