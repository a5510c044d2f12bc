/* flows/dhcp: what a relay agent reads and writes. */
#include <config.h>

#include "flows/dhcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <firsthop/buf.h>

#include "flows/wire.h"

static const struct eth_addr router_mac = { { { 2, 0, 0, 0, 0, 0x0a } } };
static const struct eth_addr core_mac = { { { 2, 0, 0, 0, 9, 0x01 } } };
static const struct eth_addr client_mac = { { { 2, 0, 0, 0, 1, 0x0a } } };

static struct fh_addr
addr(const char *text)
{
    struct fh_addr value;

    assert_true(fh_addr_parse(text, &value));
    return value;
}

/* A message that a test makes: BOOTP header, cookie, then 'options'. */
struct sample {
    uint8_t op;
    uint8_t options[600];
    size_t n;
    const char *src, *dst;
    uint16_t src_port, dst_port;
    uint16_t flags;
    const char *yiaddr, *giaddr;
};

static const struct sample discover = {
    .op = 1, .src = "0.0.0.0", .dst = "255.255.255.255",
    .src_port = 68, .dst_port = 67,
    .options = {
        53, 1, DHCP_DISCOVER,
        50, 4, 10, 0, 0, 77,
        12, 3, 'c', 'a', 'm',
        255,
    },
    .n = 3 + 6 + 5 + 1,
};

static const struct sample ack = {
    .op = 2, .src = "198.51.100.67", .dst = "192.0.2.2",
    .src_port = 67, .dst_port = 67,
    .yiaddr = "10.0.0.77", .giaddr = "192.0.2.2",
    .options = {
        53, 1, DHCP_ACK,
        0, 0,
        82, 8, 1, 6, 'm', 'e', 't', 'r', 'o', '/',
        54, 4, 198, 51, 100, 67,
        51, 4, 0, 0, 0x0e, 0x10,
        255, 0, 0,
    },
    .n = 3 + 2 + 10 + 6 + 6 + 3,
};

#define PACKET_MAX (28 + 240 + 600)

/* Writes the IPv4 packet of '*sample' to 'packet' (PACKET_MAX bytes), without
 * a UDP checksum.  Returns its length. */
static size_t
make_packet(const struct sample *sample, uint8_t *packet)
{
    size_t len = 28 + 240 + sample->n;
    uint8_t *udp = packet + 20, *m = packet + 28;

    memset(packet, 0, len);
    packet[0] = 0x45;
    wire_put_u16(packet + 2, (uint16_t) len);
    packet[8] = 64;
    packet[9] = 17;
    wire_put_addr(packet + 12, addr(sample->src));
    wire_put_addr(packet + 16, addr(sample->dst));
    wire_put_u16(packet + 10, ipv4_checksum(packet, 20));
    wire_put_u16(udp, sample->src_port);
    wire_put_u16(udp + 2, sample->dst_port);
    wire_put_u16(udp + 4, (uint16_t) (len - 20));
    m[0] = sample->op;
    m[1] = 1;
    m[2] = 6;
    wire_put_u16(m + 4, 0x1234);
    wire_put_u16(m + 6, 0x5678);
    wire_put_u16(m + 10, sample->flags);
    if (sample->yiaddr) {
        wire_put_addr(m + 16, addr(sample->yiaddr));
    }
    if (sample->giaddr) {
        wire_put_addr(m + 24, addr(sample->giaddr));
    }
    wire_put_mac(m + 28, client_mac);
    memcpy(m + 236, "\x63\x82\x53\x63", 4);
    memcpy(m + 240, sample->options, sample->n);
    return len;
}

static int
parse(const uint8_t *packet, size_t len, struct dhcp *out)
{
    const struct frame frame = {
        .dst = router_mac, .src = client_mac, .eth_type = ETHERTYPE_IPV4,
        .payload = packet, .payload_len = len,
    };
    struct ipv4 ip;

    return ipv4_parse(&frame, &ip) ? EPROTO : dhcp_parse(&ip, out);
}

static int
parse_sample(const struct sample *sample, uint8_t *packet, struct dhcp *out)
{
    return parse(packet, make_packet(sample, packet), out);
}

/* Parses a frame that was built. */
static void
parse_built(const uint8_t *buf, size_t len, struct frame *frame,
            struct dhcp *out)
{
    struct ipv4 ip;

    assert_int_equal(frame_parse(buf, len, frame), FRAME_OK);
    assert_int_equal(ipv4_parse(frame, &ip), 0);
    assert_int_equal(dhcp_parse(&ip, out), 0);
    assert_int_not_equal(wire_get_u16(ip.payload + 6), 0);
}

static void
a_discover_is_read(void **state)
{
    uint8_t packet[PACKET_MAX];
    struct dhcp dhcp;

    (void) state;
    assert_int_equal(parse_sample(&discover, packet, &dhcp), 0);
    assert_int_equal(dhcp.type, DHCP_DISCOVER);
    assert_false(dhcp.from_server);
    assert_false(dhcp.broadcast);
    assert_false(dhcp.has_relay_info);
    assert_int_equal(dhcp.xid, 0x12345678);
    assert_int_equal(dhcp.src_port, 68);
    assert_int_equal(dhcp.dst_port, 67);
    assert_true(fh_mac_equal(dhcp.mac, client_mac));
    assert_true(fh_addr_equal(dhcp.requested, addr("10.0.0.77")));
    assert_true(fh_addr_is_zero(dhcp.server));
}

static void
an_ack_is_read(void **state)
{
    uint8_t packet[PACKET_MAX];
    struct dhcp dhcp;

    (void) state;
    assert_int_equal(parse_sample(&ack, packet, &dhcp), 0);
    assert_int_equal(dhcp.type, DHCP_ACK);
    assert_true(dhcp.from_server);
    assert_true(dhcp.has_relay_info);
    assert_int_equal(dhcp.lease_s, 3600);
    assert_true(fh_addr_equal(dhcp.yiaddr, addr("10.0.0.77")));
    assert_true(fh_addr_equal(dhcp.giaddr, addr("192.0.2.2")));
    assert_true(fh_addr_equal(dhcp.server, addr("198.51.100.67")));
}

static void
every_truncation_is_refused(void **state)
{
    uint8_t packet[PACKET_MAX];
    size_t len = make_packet(&discover, packet);

    (void) state;
    for (size_t n = 0; n < len; n++) {
        uint8_t *copy = fh_xmemdup(packet, n ? n : 1);
        struct dhcp dhcp;

        if (n >= 28) {          /* As a sender would say it. */
            wire_put_u16(copy + 2, (uint16_t) n);
            wire_put_u16(copy + 10, 0);
            wire_put_u16(copy + 10, ipv4_checksum(copy, 20));
            wire_put_u16(copy + 24, (uint16_t) (n - 20));
        }
        assert_int_equal(parse(copy, n, &dhcp), EPROTO);
        free(copy);
    }
}

/* 'at' counts from the start of the IPv4 packet. */
static void
assert_refused_with(const struct sample *sample, size_t at, uint8_t value)
{
    uint8_t packet[PACKET_MAX];
    size_t len = make_packet(sample, packet);
    struct dhcp dhcp;

    packet[at] = value;
    wire_put_u16(packet + 10, 0);
    wire_put_u16(packet + 10, ipv4_checksum(packet, 20));
    assert_int_equal(parse(packet, len, &dhcp), EPROTO);
}

static void
what_is_no_dhcp_is_refused(void **state)
{
    (void) state;
    assert_refused_with(&discover, 6, 0x20);        /* More fragments. */
    assert_refused_with(&discover, 7, 1);           /* A later fragment. */
    assert_refused_with(&discover, 9, 6);           /* TCP. */
    assert_refused_with(&discover, 20 + 4, 0);      /* UDP length below 8. */
    assert_refused_with(&discover, 20 + 4, 5);      /* Beyond the packet. */
    assert_refused_with(&discover, 20 + 6, 1);      /* Wrong checksum. */
    assert_refused_with(&discover, 28, 3);          /* No such op. */
    assert_refused_with(&discover, 28, 2);          /* A server's DISCOVER. */
    assert_refused_with(&ack, 28, 1);               /* A client's ACK. */
    assert_refused_with(&discover, 28 + 1, 6);      /* IEEE 802. */
    assert_refused_with(&discover, 28 + 2, 16);     /* Long addresses. */
    assert_refused_with(&discover, 28 + 28, 0xff);  /* A group's MAC. */
    assert_refused_with(&discover, 28 + 236, 0);    /* Plain BOOTP. */
    assert_refused_with(&discover, 268 + 0, 0);     /* Type in no option. */
    assert_refused_with(&discover, 268 + 1, 2);     /* Type of two bytes. */
    assert_refused_with(&discover, 268 + 2, 0);     /* No such type. */
    assert_refused_with(&discover, 268 + 2, 9);
    assert_refused_with(&discover, 268 + 3, 53);    /* Two types. */
    assert_refused_with(&discover, 268 + 4, 3);     /* Address of 3 bytes. */
    assert_refused_with(&discover, 268 + 10, 200);  /* Beyond the end. */
    assert_refused_with(&discover, 268 + 14, 0);    /* No end option. */
    assert_refused_with(&ack, 268 + 22, 3);         /* Lease of 3 bytes. */
}

static const struct dhcp_relay relay_a = {
    .circuit = "metro/200.100", .relay_id = "A/a-access",
};

static struct dhcp_relay
relay_at(const char *giaddr)
{
    struct dhcp_relay relay = relay_a;

    relay.relay = addr(giaddr);
    relay.link = addr("10.0.0.1");
    return relay;
}

static struct ipv4_envelope
to_core(void)
{
    return (struct ipv4_envelope) {
        .eth_src = router_mac, .eth_dst = core_mac,
        .vlan = { .vids = { 12 }, .n = 1 },
    };
}

static void
a_request_is_relayed_with_relay_information(void **state)
{
    static const uint8_t expected[] = {
        82, 2 + 13 + 2 + 4 + 2 + 10,
        1, 13, 'm', 'e', 't', 'r', 'o', '/', '2', '0', '0', '.', '1', '0',
        '0',
        5, 4, 10, 0, 0, 1,
        12, 10, 'A', '/', 'a', '-', 'a', 'c', 'c', 'e', 's', 's',
        255,
    };
    const struct dhcp_relay relay = relay_at("192.0.2.2");
    const struct ipv4_envelope envelope = to_core();
    uint8_t packet[PACKET_MAX], buf[DHCP_FRAME_MAX];
    struct frame frame;
    struct dhcp in, out;
    size_t len;

    (void) state;
    assert_int_equal(parse_sample(&discover, packet, &in), 0);
    len = dhcp_build_request(buf, &envelope, &relay, addr("198.51.100.67"),
                             &in);
    parse_built(buf, len, &frame, &out);
    assert_true(fh_mac_equal(frame.dst, core_mac));
    assert_int_equal(frame.vlan.n, 1);
    assert_true(fh_addr_equal(out.src, addr("192.0.2.2")));
    assert_true(fh_addr_equal(out.dst, addr("198.51.100.67")));
    assert_int_equal(out.src_port, 67);
    assert_int_equal(out.dst_port, 67);
    assert_true(fh_addr_equal(out.giaddr, addr("192.0.2.2")));
    assert_int_equal(out.hops, 1);
    assert_int_equal(out.xid, in.xid);
    assert_true(out.has_relay_info);
    /* Behind what the client said, which stays as it was. */
    assert_memory_equal(out.message + 240, discover.options,
                        discover.n - 1);
    assert_memory_equal(out.message + 240 + discover.n - 1, expected,
                        sizeof expected);
}

static void
a_request_that_would_not_fit_is_not_relayed(void **state)
{
    struct sample large = discover;
    const struct dhcp_relay relay = relay_at("192.0.2.2");
    const struct ipv4_envelope envelope = to_core();
    uint8_t packet[1500] = { 0 }, buf[DHCP_FRAME_MAX];
    size_t longest = 0;

    (void) state;
    large.n--;
    for (size_t n = 1000; n <= 1500 - 28 - 240; n++) {
        size_t len = make_packet(&large, packet), total = 268 + n;
        uint8_t *options = packet + len;
        struct dhcp in;

        /* Options of 250 bytes, then what is left, then the end. */
        for (size_t left = n - large.n - 1; left > 0;) {
            size_t data = left > 252 ? 250 : left - 2;

            if (left < 2) {
                options[0] = 0;
                options++;
                break;
            }
            options[0] = 224;
            options[1] = (uint8_t) data;
            options += 2 + data;
            left -= 2 + data;
        }
        *options = 255;
        wire_put_u16(packet + 2, (uint16_t) total);
        wire_put_u16(packet + 24, (uint16_t) (total - 20));
        wire_put_u16(packet + 10, 0);
        wire_put_u16(packet + 10, ipv4_checksum(packet, 20));
        assert_int_equal(parse(packet, total, &in), 0);
        if (dhcp_build_request(buf, &envelope, &relay, addr("10.9.9.9"),
                               &in)) {
            longest = n;
        }
        memset(packet, 0, sizeof packet);
    }
    /* 1500 less headers, less the relay information. */
    assert_int_equal(longest, 1500 - 28 - 240 - 35);
}

static void
a_message_that_goes_in_circles_is_not_relayed(void **state)
{
    const struct dhcp_relay relay = relay_at("192.0.2.2");
    const struct ipv4_envelope envelope = to_core();
    uint8_t packet[PACKET_MAX], buf[DHCP_FRAME_MAX];
    struct dhcp in;

    (void) state;
    assert_int_equal(parse_sample(&discover, packet, &in), 0);
    in.hops = DHCP_MAX_HOPS - 1;
    assert_int_not_equal(dhcp_build_request(buf, &envelope, &relay,
                                            addr("10.9.9.9"), &in), 0);
    in.hops = DHCP_MAX_HOPS;
    assert_int_equal(dhcp_build_request(buf, &envelope, &relay,
                                        addr("10.9.9.9"), &in), 0);
}

static void
a_reply_loses_its_relay_information(void **state)
{
    const struct ipv4_envelope envelope = {
        .eth_src = router_mac, .eth_dst = client_mac,
    };
    uint8_t packet[PACKET_MAX], buf[DHCP_FRAME_MAX];
    struct frame frame;
    struct dhcp in, out;
    size_t len;

    (void) state;
    assert_int_equal(parse_sample(&ack, packet, &in), 0);
    len = dhcp_build_reply(buf, &envelope, addr("10.0.0.1"), &in);
    parse_built(buf, len, &frame, &out);
    assert_true(fh_mac_equal(frame.dst, client_mac));
    assert_true(fh_addr_equal(out.src, addr("10.0.0.1")));
    assert_true(fh_addr_equal(out.dst, addr("10.0.0.77")));
    assert_int_equal(out.src_port, 67);
    assert_int_equal(out.dst_port, 68);
    assert_int_equal(out.type, DHCP_ACK);
    assert_int_equal(out.lease_s, 3600);
    assert_true(fh_addr_equal(out.server, addr("198.51.100.67")));
    assert_false(out.has_relay_info);
    assert_true(len >= 14 + 28 + 300);
}

static void
who_has_no_address_yet_is_reached_by_broadcast(void **state)
{
    const struct ipv4_envelope envelope = {
        .eth_src = router_mac, .eth_dst = client_mac,
    };
    struct sample wants = ack, nak = ack, inform = ack;
    const struct sample *samples[] = { &wants, &nak, &inform };
    uint8_t packet[PACKET_MAX], buf[DHCP_FRAME_MAX];

    (void) state;
    wants.flags = 0x8000;
    nak.options[2] = DHCP_NAK;
    inform.yiaddr = NULL;       /* And no ciaddr. */
    for (size_t i = 0; i < 3; i++) {
        struct frame frame;
        struct dhcp in, out;

        assert_int_equal(parse_sample(samples[i], packet, &in), 0);
        parse_built(buf,
                    dhcp_build_reply(buf, &envelope, addr("10.0.0.1"), &in),
                    &frame, &out);
        assert_true(fh_mac_equal(frame.dst, client_mac));
        assert_true(fh_addr_equal(out.dst, addr("255.255.255.255")));
    }
}

/* A message that says 'overload', with 'type' in one of the two fields and
 * 'more' behind it.  Returns what dhcp_parse() does. */
static int
parse_overloaded(uint8_t overload, size_t field, enum dhcp_type type,
                 uint8_t more)
{
    struct sample overloaded = discover;
    uint8_t packet[PACKET_MAX];
    struct dhcp dhcp;
    size_t len;
    int error;

    memcpy(overloaded.options, (uint8_t[]) { 52, 1, overload, 255 }, 4);
    overloaded.n = 4;
    len = make_packet(&overloaded, packet);
    memcpy(packet + 28 + field,
           (uint8_t[]) { 53, 1, (uint8_t) type, more, 1, 0, 255 }, 7);
    error = parse(packet, len, &dhcp);
    assert_true(error || dhcp.type == type);
    return error;
}

/* RFC 2132, 9.3. */
static void
options_in_the_file_and_sname_fields_are_read(void **state)
{
    (void) state;
    assert_int_equal(parse_overloaded(1, 108, DHCP_DISCOVER, 12), 0);
    assert_int_equal(parse_overloaded(2, 44, DHCP_REQUEST, 12), 0);
    assert_int_equal(parse_overloaded(1, 44, DHCP_REQUEST, 12), EPROTO);
    assert_int_equal(parse_overloaded(2, 108, DHCP_REQUEST, 12), EPROTO);
    /* Nothing there ends file and sname, both. */
    assert_int_equal(parse_overloaded(3, 44, DHCP_REQUEST, 12), EPROTO);
}

static void
relay_information_is_not_looked_for_there(void **state)
{
    (void) state;
    assert_int_equal(parse_overloaded(1, 108, DHCP_DISCOVER, 82), EPROTO);
    assert_int_equal(parse_overloaded(2, 44, DHCP_DISCOVER, 82), EPROTO);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_discover_is_read),
        cmocka_unit_test(an_ack_is_read),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(what_is_no_dhcp_is_refused),
        cmocka_unit_test(a_request_is_relayed_with_relay_information),
        cmocka_unit_test(a_request_that_would_not_fit_is_not_relayed),
        cmocka_unit_test(a_message_that_goes_in_circles_is_not_relayed),
        cmocka_unit_test(a_reply_loses_its_relay_information),
        cmocka_unit_test(who_has_no_address_yet_is_reached_by_broadcast),
        cmocka_unit_test(options_in_the_file_and_sname_fields_are_read),
        cmocka_unit_test(relay_information_is_not_looked_for_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
