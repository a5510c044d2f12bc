/* flows/icmp: IPv4 headers and the ICMP that a router owes. */
#include <config.h>

#include "flows/icmp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static const uint8_t echo_request[] = {
    /* IPv4: TOS 0x28, 31 bytes, id 0x1234, DF, TTL 64, ICMP. */
    0x45, 0x28, 0x00, 0x1f, 0x12, 0x34, 0x40, 0x00, 0x40, 0x01, 0x14, 0x78,
    10, 0, 0, 10,
    10, 0, 0, 1,
    /* ICMP: echo request, id 7, sequence 1, "abc". */
    0x08, 0x00, 0x33, 0x95, 0x00, 0x07, 0x00, 0x01,
    'a', 'b', 'c',
};

static const uint8_t udp_packet[] = {
    /* IPv4: 32 bytes, id 0x4321, TTL 1, UDP. */
    0x45, 0x00, 0x00, 0x20, 0x43, 0x21, 0x00, 0x00, 0x01, 0x11, 0xaa, 0x99,
    10, 0, 0, 10,
    192, 0, 2, 9,
    /* UDP: 33000 to 33434, "hi!!". */
    0x80, 0xe8, 0x82, 0x9a, 0x00, 0x0c, 0xa6, 0xb5,
    'h', 'i', '!', '!',
};

static const struct eth_addr router_mac = { { { 2, 0, 0, 0, 0, 0x0a } } };
static const struct eth_addr client_mac = { { { 2, 0, 0, 0, 1, 0x0a } } };

static struct fh_addr
addr(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    const uint8_t bytes[] = { a, b, c, d };
    struct fh_addr value;

    memcpy(&value.ip4, bytes, sizeof bytes);
    return value;
}

static struct ipv4_envelope
to_client(uint8_t n_tags)
{
    return (struct ipv4_envelope) {
        .eth_src = router_mac,
        .eth_dst = client_mac,
        .vlan = { .vids = { n_tags == 1 ? 100 : 200, 100 }, .n = n_tags },
    };
}

static struct frame
ip_frame(const uint8_t *packet, size_t len)
{
    return (struct frame) {
        .dst = router_mac,
        .src = client_mac,
        .eth_type = ETHERTYPE_IPV4,
        .payload = packet,
        .payload_len = len,
    };
}

static int
parse(const uint8_t *packet, size_t len, struct ipv4 *ip)
{
    struct frame frame = ip_frame(packet, len);

    return ipv4_parse(&frame, ip);
}

/* The same with a plain sum, not the code under test. */
static uint16_t
sum_words(const uint8_t *data, size_t len)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < len; i++) {
        sum += i & 1 ? data[i] : data[i] << 8;
    }
    while (sum > 0xffff) {
        sum = sum / 0x10000 + sum % 0x10000;
    }
    return (uint16_t) sum;
}

/* Makes the checksum at 'offset' right. */
static void
fix_checksum(uint8_t *data, size_t len, size_t offset)
{
    uint16_t sum;

    data[offset] = data[offset + 1] = 0;
    sum = ~sum_words(data, len);
    data[offset] = sum >> 8;
    data[offset + 1] = sum & 0xff;
}

static void
header_is_parsed(void **state)
{
    struct ipv4 ip;

    assert_int_equal(parse(echo_request, sizeof echo_request, &ip), 0);
    assert_true(fh_addr_equal(ip.src, addr(10, 0, 0, 10)));
    assert_true(fh_addr_equal(ip.dst, addr(10, 0, 0, 1)));
    assert_int_equal(ip.ttl, 64);
    assert_int_equal(ip.proto, 1);
    assert_int_equal(ip.tos, 0x28);
    assert_true(ip.dont_fragment);
    assert_false(ip.later_fragment);
    assert_ptr_equal(ip.header, echo_request);
    assert_int_equal(ip.header_len, 20);
    assert_ptr_equal(ip.payload, echo_request + 20);
    assert_int_equal(ip.payload_len, 11);
}

static void
padding_of_the_frame_is_not_payload(void **state)
{
    uint8_t padded[46];
    struct ipv4 ip;

    memset(padded, 0xa5, sizeof padded);
    memcpy(padded, udp_packet, sizeof udp_packet);
    assert_int_equal(parse(padded, sizeof padded, &ip), 0);
    assert_int_equal(ip.payload_len, 12);
    assert_int_equal(ip.ttl, 1);
    assert_false(ip.dont_fragment);
}

static void
packet_truncated_anywhere_is_refused(void **state)
{
    for (size_t len = 0; len <= sizeof udp_packet; len++) {
        uint8_t *copy = malloc(len ? len : 1);
        struct ipv4 ip;

        assert_non_null(copy);
        memcpy(copy, udp_packet, len);
        assert_int_equal(parse(copy, len, &ip),
                         len < sizeof udp_packet ? EPROTO : 0);
        free(copy);
    }
}

static void
strange_header_is_refused(void **state)
{
    static const struct {
        size_t offset;
        uint8_t value;
        const char *what;
    } cases[] = {
        { 0, 0x65, "version 6" },
        { 0, 0x44, "header of 16 bytes" },
        { 0, 0x40, "header of 0 bytes" },
        { 0, 0x49, "header longer than the packet" },
        { 3, 0x21, "packet longer than the frame" },
        { 2, 0xff, "packet of 65 kB" },
        { 3, 19, "packet shorter than its header" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t packet[sizeof udp_packet];
        size_t header_len;
        struct ipv4 ip;

        memcpy(packet, udp_packet, sizeof packet);
        packet[cases[i].offset] = cases[i].value;
        /* Wrong in nothing else. */
        header_len = (packet[0] & 15) * 4;
        if (header_len >= 12 && header_len <= sizeof packet) {
            fix_checksum(packet, header_len, 10);
        }
        if (parse(packet, sizeof packet, &ip) != EPROTO) {
            fail_msg("accepted: %s", cases[i].what);
        }
    }
}

static void
wrong_checksum_or_ethertype_is_refused(void **state)
{
    struct frame frame = ip_frame(udp_packet, sizeof udp_packet);
    struct ipv4 ip;

    for (size_t i = 0; i < 20; i++) {
        uint8_t packet[sizeof udp_packet];

        memcpy(packet, udp_packet, sizeof packet);
        packet[i] ^= 1;
        assert_int_equal(parse(packet, sizeof packet, &ip), EPROTO);
    }
    frame.eth_type = ETHERTYPE_ARP;
    assert_int_equal(ipv4_parse(&frame, &ip), EPROTO);
}

/* Parses 'packet' with 'flags_offset' in place of its own. */
static struct ipv4
parse_fragment(uint8_t *packet, size_t len, uint16_t flags_offset)
{
    struct ipv4 ip;

    packet[6] = flags_offset >> 8;
    packet[7] = flags_offset & 0xff;
    fix_checksum(packet, 20, 10);
    assert_int_equal(parse(packet, len, &ip), 0);
    return ip;
}

static void
options_are_part_of_the_header(void **state)
{
    uint8_t packet[60 + 4] = { 0x4f, 0, 0, 64 };
    struct ipv4 ip;

    fix_checksum(packet, 60, 10);
    assert_int_equal(parse(packet, sizeof packet, &ip), 0);
    assert_int_equal(ip.header_len, 60);
    assert_int_equal(ip.payload_len, 4);
    assert_ptr_equal(ip.payload, packet + 60);
}

static void
echo_request_is_told_from_all_else(void **state)
{
    static const struct {
        size_t offset;
        uint8_t value;
    } others[] = {
        { 9, 17 },              /* UDP. */
        { 20, 0 },              /* Echo reply. */
        { 21, 1 },              /* A code. */
        { 6, 0x20 },            /* More fragments. */
        { 7, 1 },               /* A later fragment. */
    };
    uint8_t packet[sizeof echo_request];
    struct ipv4 ip;

    assert_int_equal(parse(echo_request, sizeof echo_request, &ip), 0);
    assert_true(icmp_is_echo_request(&ip));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        memcpy(packet, echo_request, sizeof packet);
        packet[others[i].offset] = others[i].value;
        fix_checksum(packet, 20, 10);
        fix_checksum(packet + 20, sizeof packet - 20, 2);
        assert_int_equal(parse(packet, sizeof packet, &ip), 0);
        assert_false(icmp_is_echo_request(&ip));
    }
}

static void
echo_request_with_wrong_checksum_or_length_is_none(void **state)
{
    uint8_t packet[sizeof echo_request];
    struct ipv4 ip;

    memcpy(packet, echo_request, sizeof packet);
    packet[30] ^= 1;
    assert_int_equal(parse(packet, sizeof packet, &ip), 0);
    assert_false(icmp_is_echo_request(&ip));

    for (size_t icmp_len = 0; icmp_len <= 8; icmp_len++) {
        memcpy(packet, echo_request, sizeof packet);
        packet[3] = 20 + icmp_len;
        fix_checksum(packet, 20, 10);
        if (icmp_len >= 4) {
            fix_checksum(packet + 20, icmp_len, 2);
        }
        assert_int_equal(parse(packet, 20 + icmp_len, &ip), 0);
        assert_int_equal(icmp_is_echo_request(&ip), icmp_len == 8);
    }
}

static void
errors_are_sent_about_ordinary_packets(void **state)
{
    struct ipv4 ip;

    assert_int_equal(parse(udp_packet, sizeof udp_packet, &ip), 0);
    assert_true(icmp_error_allowed(&ip, router_mac));
    /* Traceroute -I. */
    assert_int_equal(parse(echo_request, sizeof echo_request, &ip), 0);
    assert_true(icmp_error_allowed(&ip, router_mac));
}

static void
errors_are_never_sent_about_icmp_errors(void **state)
{
    for (int type = 0; type <= 255; type++) {
        bool query = type == 0 || (type >= 8 && type <= 10)
                     || (type >= 13 && type <= 18)
                     || type == 42 || type == 43;
        uint8_t packet[sizeof echo_request];
        struct ipv4 ip;

        memcpy(packet, echo_request, sizeof packet);
        packet[20] = type;
        assert_int_equal(parse(packet, sizeof packet, &ip), 0);
        assert_int_equal(icmp_error_allowed(&ip, router_mac), query);
        ip.payload_len = 0;
        assert_false(icmp_error_allowed(&ip, router_mac));
    }
}

static void
errors_are_sent_about_first_fragments_only(void **state)
{
    uint8_t packet[sizeof udp_packet];
    struct ipv4 ip;

    memcpy(packet, udp_packet, sizeof packet);
    ip = parse_fragment(packet, sizeof packet, 0x2000);
    assert_false(ip.later_fragment);
    assert_true(icmp_error_allowed(&ip, router_mac));
    ip = parse_fragment(packet, sizeof packet, 0x2001);
    assert_true(ip.later_fragment);
    assert_false(icmp_error_allowed(&ip, router_mac));
    ip = parse_fragment(packet, sizeof packet, 0x1fff);
    assert_true(ip.later_fragment);
    assert_false(icmp_error_allowed(&ip, router_mac));
}

static void
errors_are_never_sent_about_broadcast_or_multicast(void **state)
{
    static const struct eth_addr broadcast = {
        { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } }
    };
    static const struct eth_addr multicast = { { { 1, 0, 0x5e, 0, 0, 1 } } };
    struct ipv4 ip;

    assert_int_equal(parse(udp_packet, sizeof udp_packet, &ip), 0);
    assert_false(icmp_error_allowed(&ip, broadcast));
    assert_false(icmp_error_allowed(&ip, multicast));
    ip.dst = addr(223, 255, 255, 255);
    assert_true(icmp_error_allowed(&ip, router_mac));
    ip.dst = addr(224, 0, 0, 0);
    assert_false(icmp_error_allowed(&ip, router_mac));
    ip.dst = addr(239, 255, 255, 255);
    assert_false(icmp_error_allowed(&ip, router_mac));
    ip.dst = addr(255, 255, 255, 255);
    assert_false(icmp_error_allowed(&ip, router_mac));
}

static void
errors_are_sent_to_single_hosts_only(void **state)
{
    const struct {
        struct fh_addr src;
        bool allowed;
    } cases[] = {
        { addr(0, 0, 0, 0), false },
        { addr(0, 255, 255, 255), false },
        { addr(1, 0, 0, 0), true },
        { addr(126, 255, 255, 255), true },
        { addr(127, 0, 0, 1), false },
        { addr(127, 255, 255, 255), false },
        { addr(128, 0, 0, 1), true },
        { addr(223, 255, 255, 255), true },
        { addr(224, 0, 0, 1), false },
        { addr(239, 255, 255, 255), false },
        { addr(240, 0, 0, 1), false },
        { addr(255, 255, 255, 255), false },
    };
    struct ipv4 ip;

    assert_int_equal(parse(udp_packet, sizeof udp_packet, &ip), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ip.src = cases[i].src;
        assert_int_equal(icmp_error_allowed(&ip, router_mac),
                         cases[i].allowed);
    }
}

static void
echo_reply_mirrors_its_request(void **state)
{
    static const uint8_t expected[60] = {
        /* Ethernet: to the client, IPv4. */
        0x02, 0, 0, 0, 0x01, 0x0a, 0x02, 0, 0, 0, 0, 0x0a, 0x08, 0x00,
        /* IPv4: TOS 0x28, 31 bytes, id 0x1234, DF, TTL 64, ICMP. */
        0x45, 0x28, 0x00, 0x1f, 0x12, 0x34, 0x40, 0x00,
        0x40, 0x01, 0x14, 0x78, 10, 0, 0, 1, 10, 0, 0, 10,
        /* ICMP: echo reply, id 7, sequence 1, "abc", and padding. */
        0x00, 0x00, 0x3b, 0x95, 0x00, 0x07, 0x00, 0x01, 'a', 'b', 'c',
    };
    struct ipv4_envelope envelope = to_client(0);
    uint8_t buf[sizeof expected];
    struct ipv4 ip;

    memset(buf, 0xa5, sizeof buf);
    assert_int_equal(parse(echo_request, sizeof echo_request, &ip), 0);
    assert_int_equal(icmp_build_echo_reply(buf, sizeof buf, &envelope, &ip),
                     sizeof expected);
    assert_memory_equal(buf, expected, sizeof expected);
}

#define ERROR_ADDRESSES                                                 \
    0x02, 0, 0, 0, 0x01, 0x0a, 0x02, 0, 0, 0, 0, 0x0a
/* IPv4: TOS 0xc0, 60 bytes, id 0, DF, TTL 64, ICMP, 10.0.0.2 to 10.0.0.10. */
#define ERROR_IP                                                        \
    0x45, 0xc0, 0x00, 0x3c, 0x00, 0x00, 0x40, 0x00, 0x40, 0x01, 0x25, 0xf6, \
    10, 0, 0, 2, 10, 0, 0, 10
/* The whole of 'udp_packet'. */
#define ERROR_QUOTE                                                     \
    0x45, 0x00, 0x00, 0x20, 0x43, 0x21, 0x00, 0x00, 0x01, 0x11, 0xaa, 0x99, \
    10, 0, 0, 10, 192, 0, 2, 9,                                         \
    0x80, 0xe8, 0x82, 0x9a, 0x00, 0x0c, 0xa6, 0xb5, 'h', 'i', '!', '!'

static void
time_exceeded_quotes_the_packet(void **state)
{
    static const uint8_t expected[74] = {
        ERROR_ADDRESSES, 0x08, 0x00, ERROR_IP,
        /* ICMP: time exceeded in transit. */
        0x0b, 0x00, 0xc1, 0x30, 0x00, 0x00, 0x00, 0x00,
        ERROR_QUOTE,
    };
    struct ipv4_envelope envelope = to_client(0);
    uint8_t buf[sizeof expected];
    struct ipv4 ip;

    assert_int_equal(parse(udp_packet, sizeof udp_packet, &ip), 0);
    assert_int_equal(icmp_build_error(buf, sizeof buf, &envelope,
                                      addr(10, 0, 0, 2), ICMP_TIME_EXCEEDED,
                                      0, 0, &ip), sizeof expected);
    assert_memory_equal(buf, expected, sizeof expected);
}

static void
fragmentation_needed_tells_the_mtu_under_two_tags(void **state)
{
    static const uint8_t expected[82] = {
        ERROR_ADDRESSES,
        0x88, 0xa8, 0x00, 0xc8, 0x81, 0x00, 0x00, 0x64, 0x08, 0x00,
        ERROR_IP,
        /* ICMP: unreachable, fragmentation needed, MTU 1400. */
        0x03, 0x04, 0xc3, 0xb4, 0x00, 0x00, 0x05, 0x78,
        ERROR_QUOTE,
    };
    struct ipv4_envelope envelope = to_client(2);
    uint8_t buf[sizeof expected];
    struct ipv4 ip;

    assert_int_equal(parse(udp_packet, sizeof udp_packet, &ip), 0);
    assert_int_equal(icmp_build_error(buf, sizeof buf, &envelope,
                                      addr(10, 0, 0, 2), ICMP_UNREACHABLE,
                                      ICMP_FRAG_NEEDED, 1400, &ip),
                     sizeof expected);
    assert_memory_equal(buf, expected, sizeof expected);
}

/* Makes a UDP packet of 'len' bytes. */
static struct ipv4
big_packet(uint8_t *packet, size_t len)
{
    struct ipv4 ip;

    for (size_t i = 0; i < len; i++) {
        packet[i] = i * 7;
    }
    memcpy(packet, udp_packet, 20);
    packet[2] = len >> 8;
    packet[3] = len & 0xff;
    fix_checksum(packet, 20, 10);
    assert_int_equal(parse(packet, len, &ip), 0);
    return ip;
}

static void
error_quotes_no_more_than_fits_in_576_bytes(void **state)
{
    static const size_t lens[] = { 547, 548, 549, 1500, 65535 };
    struct ipv4_envelope envelope = to_client(1);
    uint8_t *packet = malloc(65535);

    assert_non_null(packet);
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        size_t quote_len = lens[i] < 548 ? lens[i] : 548;
        struct ipv4 offending = big_packet(packet, lens[i]), ip;
        uint8_t buf[18 + 576];
        struct frame frame;
        size_t len;

        len = icmp_build_error(buf, sizeof buf, &envelope,
                               addr(10, 0, 0, 2), ICMP_UNREACHABLE,
                               ICMP_HOST_UNREACHABLE, 0, &offending);
        assert_int_equal(len, 18 + 28 + quote_len);
        assert_int_equal(frame_parse(buf, len, &frame), FRAME_OK);
        assert_int_equal(frame.vlan.n, 1);
        assert_int_equal(ipv4_parse(&frame, &ip), 0);
        assert_int_equal(ip.payload_len, 8 + quote_len);
        assert_int_equal(sum_words(ip.payload, ip.payload_len), 0xffff);
        assert_memory_equal(ip.payload + 8, packet, quote_len);
    }
    free(packet);
}

static void
what_does_not_fit_is_not_begun(void **state)
{
    struct ipv4_envelope envelope = to_client(0);
    struct ipv4 request, offending;

    assert_int_equal(parse(echo_request, sizeof echo_request, &request), 0);
    assert_int_equal(parse(udp_packet, sizeof udp_packet, &offending), 0);
    for (size_t cap = 0; cap <= 74; cap++) {
        uint8_t *buf = calloc(1, cap ? cap : 1);
        size_t len;

        assert_non_null(buf);
        len = icmp_build_echo_reply(buf, cap, &envelope, &request);
        assert_int_equal(len, cap >= 60 ? 60 : 0);
        if (!len && cap) {
            assert_int_equal(buf[0], 0);
        }
        assert_int_equal(icmp_build_error(buf, cap, &envelope,
                                          addr(10, 0, 0, 2),
                                          ICMP_TIME_EXCEEDED, 0, 0,
                                          &offending), cap >= 74 ? 74 : 0);
        free(buf);
    }
}

static void
longest_echo_reply_fits_in_the_documented_room(void **state)
{
    static uint8_t packet[65535], buf[ICMP_FRAME_MAX(sizeof packet)];
    struct ipv4_envelope envelope = to_client(2);
    struct ipv4 ip = big_packet(packet, sizeof packet), reply;
    struct frame frame;
    size_t len;

    packet[9] = 1;
    packet[20] = ICMP_ECHO_REQUEST;
    packet[21] = 0;
    fix_checksum(packet, 20, 10);
    fix_checksum(packet + 20, sizeof packet - 20, 2);
    assert_int_equal(parse(packet, sizeof packet, &ip), 0);
    assert_true(icmp_is_echo_request(&ip));

    len = icmp_build_echo_reply(buf, sizeof buf, &envelope, &ip);
    assert_int_equal(len, 22 + sizeof packet);
    assert_int_equal(frame_parse(buf, len, &frame), FRAME_OK);
    assert_int_equal(ipv4_parse(&frame, &reply), 0);
    assert_int_equal(sum_words(reply.payload, reply.payload_len), 0xffff);
    assert_memory_equal(reply.payload + 4, ip.payload + 4,
                        ip.payload_len - 4);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_is_parsed),
        cmocka_unit_test(padding_of_the_frame_is_not_payload),
        cmocka_unit_test(packet_truncated_anywhere_is_refused),
        cmocka_unit_test(strange_header_is_refused),
        cmocka_unit_test(wrong_checksum_or_ethertype_is_refused),
        cmocka_unit_test(options_are_part_of_the_header),
        cmocka_unit_test(echo_request_is_told_from_all_else),
        cmocka_unit_test(echo_request_with_wrong_checksum_or_length_is_none),
        cmocka_unit_test(errors_are_sent_about_ordinary_packets),
        cmocka_unit_test(errors_are_never_sent_about_icmp_errors),
        cmocka_unit_test(errors_are_sent_about_first_fragments_only),
        cmocka_unit_test(errors_are_never_sent_about_broadcast_or_multicast),
        cmocka_unit_test(errors_are_sent_to_single_hosts_only),
        cmocka_unit_test(echo_reply_mirrors_its_request),
        cmocka_unit_test(time_exceeded_quotes_the_packet),
        cmocka_unit_test(fragmentation_needed_tells_the_mtu_under_two_tags),
        cmocka_unit_test(error_quotes_no_more_than_fits_in_576_bytes),
        cmocka_unit_test(what_does_not_fit_is_not_begun),
        cmocka_unit_test(longest_echo_reply_fits_in_the_documented_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
