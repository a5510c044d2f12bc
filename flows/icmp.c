/* IPv4 headers and the ICMP that a router owes.
 *
 * Owns the layout of IPv4 and ICMP headers.  Called by whoever handles punted
 * packets.  Never decides to whom an answer is owed or how often: it says
 * what a packet is, whether RFC 1812 lets an error be sent about it, and
 * builds what was decided. */
#include <config.h>

#include "flows/icmp.h"

#include <arpa/inet.h>
#include <errno.h>

#include "flows/wire.h"

#define IP_PROTO_ICMP 1

/* RFC 791: offsets into the header. */
enum {
    IP4_VERSION_IHL = 0,
    IP4_TOS = 1,
    IP4_TOTAL_LEN = 2,
    IP4_ID = 4,
    IP4_FRAGMENT = 6,
    IP4_TTL = 8,
    IP4_PROTO = 9,
    IP4_CHECKSUM = 10,
    IP4_SRC = 12,
    IP4_DST = 16,
    IP4_HEADER_LEN = 20          /* Without options. */
};

#define IP_DONT_FRAGMENT  0x4000
#define IP_MORE_FRAGMENTS 0x2000
#define IP_OFFSET_MASK    0x1fff

/* RFC 792, RFC 1191. */
enum {
    ICMP_TYPE = 0,
    ICMP_CODE = 1,
    ICMP_CHECKSUM = 2,
    ICMP_NEXT_HOP_MTU = 6,
    ICMP_HEADER_LEN = 8
};

#define IP_DEFAULT_TTL 64       /* RFC 1700. */

/* RFC 1812, 4.3.2.5: precedence 6, internetwork control. */
#define ICMP_ERROR_TOS 0xc0

/* RFC 1812, 4.3.2.3: the whole error within what every host takes. */
#define ICMP_ERROR_MAX 576

/* The Internet checksum of 'len' bytes, RFC 1071. */
static uint16_t
checksum(const uint8_t *data, size_t len)
{
    uint32_t sum = 0;           /* 64 kB of 16-bit words cannot overflow. */

    for (; len > 1; data += 2, len -= 2) {
        sum += wire_get_u16(data);
    }
    if (len) {
        sum += (uint32_t) data[0] << 8;
    }
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~sum;
}

int
ipv4_parse(const struct frame *frame, struct ipv4 *out)
{
    const uint8_t *p = frame->payload;
    size_t header_len, total_len;
    uint16_t fragment;

    if (frame->eth_type != ETHERTYPE_IPV4
        || frame->payload_len < IP4_HEADER_LEN
        || p[IP4_VERSION_IHL] >> 4 != 4) {
        return EPROTO;
    }
    header_len = (p[IP4_VERSION_IHL] & 0x0f) * 4;
    total_len = wire_get_u16(p + IP4_TOTAL_LEN);
    if (header_len < IP4_HEADER_LEN
        || total_len < header_len
        || total_len > frame->payload_len
        || checksum(p, header_len)) {
        return EPROTO;
    }

    fragment = wire_get_u16(p + IP4_FRAGMENT);
    out->src = wire_get_addr(p + IP4_SRC);
    out->dst = wire_get_addr(p + IP4_DST);
    out->ttl = p[IP4_TTL];
    out->proto = p[IP4_PROTO];
    out->tos = p[IP4_TOS];
    out->dont_fragment = (fragment & IP_DONT_FRAGMENT) != 0;
    out->later_fragment = (fragment & IP_OFFSET_MASK) != 0;
    out->header = p;
    out->header_len = header_len;
    out->payload = p + header_len;
    out->payload_len = total_len - header_len;
    return 0;
}

bool
icmp_is_echo_request(const struct ipv4 *ip)
{
    uint16_t fragment = wire_get_u16(ip->header + IP4_FRAGMENT);

    return ip->proto == IP_PROTO_ICMP
           && !(fragment & (IP_MORE_FRAGMENTS | IP_OFFSET_MASK))
           && ip->payload_len >= ICMP_HEADER_LEN
           && ip->payload[ICMP_TYPE] == ICMP_ECHO_REQUEST
           && ip->payload[ICMP_CODE] == 0
           && !checksum(ip->payload, ip->payload_len);
}

/* False for an ICMP error and for what may be one: a type that is not known
 * (RFC 1122, 3.2.2), or one that cannot be seen. */
static bool
is_icmp_query(const struct ipv4 *ip)
{
    if (!ip->payload_len) {
        return false;
    }
    switch (ip->payload[ICMP_TYPE]) {
    case 0: case 8:             /* Echo. */
    case 9: case 10:            /* Router discovery, RFC 1256. */
    case 13: case 14:           /* Timestamp. */
    case 15: case 16:           /* Information. */
    case 17: case 18:           /* Address mask, RFC 950. */
    case 42: case 43:           /* Extended echo, RFC 8335. */
        return true;
    default:
        return false;
    }
}

/* True for an address that one host can have, RFC 1812 5.3.7: not "this
 * network", loopback, multicast, reserved or broadcast. */
static bool
is_single_host(struct fh_addr addr)
{
    uint32_t host = ntohl(addr.ip4);

    return host >> 24 != 0 && host >> 24 != 127 && host >> 29 != 7;
}

bool
icmp_error_allowed(const struct ipv4 *offending, struct eth_addr eth_dst)
{
    uint32_t dst = ntohl(offending->dst.ip4);

    if (!fh_mac_is_unicast(eth_dst)
        || dst >> 28 == 0xe
        || dst == UINT32_MAX
        || !is_single_host(offending->src)
        || offending->later_fragment) {
        return false;
    }
    return offending->proto != IP_PROTO_ICMP || is_icmp_query(offending);
}

/* What the IPv4 headers that we build differ in. */
struct ip_header {
    struct fh_addr src, dst;
    uint8_t tos;
    uint16_t id;
    bool dont_fragment;
};

/* Writes the Ethernet and IPv4 headers of a frame that carries 'icmp_len'
 * bytes of ICMP to 'buf' ('cap' bytes), and its padding.  Stores where the
 * ICMP message goes in '*icmpp' and returns the length of the frame, or
 * returns 0 if it does not fit. */
static size_t
put_headers(uint8_t *buf, size_t cap, const struct icmp_envelope *envelope,
            const struct ip_header *ip, size_t icmp_len, uint8_t **icmpp)
{
    uint8_t eth[FRAME_HEADER_MAX];
    size_t eth_len = frame_put_header(eth, envelope->eth_dst,
                                      envelope->eth_src, &envelope->vlan,
                                      ETHERTYPE_IPV4);
    size_t len = eth_len + IP4_HEADER_LEN + icmp_len;
    size_t min_len = FRAME_MIN(envelope->vlan.n);
    uint8_t *p;

    if (cap < (len > min_len ? len : min_len)) {
        return 0;
    }
    memcpy(buf, eth, eth_len);
    p = buf + eth_len;
    p[IP4_VERSION_IHL] = 4 << 4 | IP4_HEADER_LEN / 4;
    p[IP4_TOS] = ip->tos;
    wire_put_u16(p + IP4_TOTAL_LEN, (uint16_t) (IP4_HEADER_LEN + icmp_len));
    wire_put_u16(p + IP4_ID, ip->id);
    wire_put_u16(p + IP4_FRAGMENT, ip->dont_fragment ? IP_DONT_FRAGMENT : 0);
    p[IP4_TTL] = IP_DEFAULT_TTL;
    p[IP4_PROTO] = IP_PROTO_ICMP;
    wire_put_u16(p + IP4_CHECKSUM, 0);
    wire_put_addr(p + IP4_SRC, ip->src);
    wire_put_addr(p + IP4_DST, ip->dst);
    wire_put_u16(p + IP4_CHECKSUM, checksum(p, IP4_HEADER_LEN));

    *icmpp = p + IP4_HEADER_LEN;
    if (len < min_len) {
        memset(buf + len, 0, min_len - len);
        len = min_len;
    }
    return len;
}

static void
put_checksum(uint8_t *icmp, size_t len)
{
    wire_put_u16(icmp + ICMP_CHECKSUM, 0);
    wire_put_u16(icmp + ICMP_CHECKSUM, checksum(icmp, len));
}

/* The reply takes TOS, DF and identification from the request: the requester
 * keeps identifications unique between these two addresses, which we could
 * not without remembering.  IP options are not returned. */
size_t
icmp_build_echo_reply(uint8_t *buf, size_t cap,
                      const struct icmp_envelope *envelope,
                      const struct ipv4 *request)
{
    const struct ip_header ip = {
        .src = request->dst,
        .dst = request->src,
        .tos = request->tos,
        .id = wire_get_u16(request->header + IP4_ID),
        .dont_fragment = request->dont_fragment,
    };
    size_t icmp_len = request->payload_len;
    uint8_t *icmp;
    size_t len;

    if (icmp_len < ICMP_HEADER_LEN) {
        return 0;
    }
    len = put_headers(buf, cap, envelope, &ip, icmp_len, &icmp);
    if (len) {
        memcpy(icmp, request->payload, icmp_len);
        icmp[ICMP_TYPE] = ICMP_ECHO_REPLY;
        icmp[ICMP_CODE] = 0;
        put_checksum(icmp, icmp_len);
    }
    return len;
}

/* With DF the identification need not be unique (RFC 6864, 4.1), and at 576
 * bytes no link has to fragment. */
size_t
icmp_build_error(uint8_t *buf, size_t cap,
                 const struct icmp_envelope *envelope, struct fh_addr src,
                 uint8_t type, uint8_t code, uint16_t mtu,
                 const struct ipv4 *offending)
{
    const struct ip_header ip = {
        .src = src,
        .dst = offending->src,
        .tos = ICMP_ERROR_TOS,
        .dont_fragment = true,
    };
    size_t quote_max = ICMP_ERROR_MAX - IP4_HEADER_LEN - ICMP_HEADER_LEN;
    size_t quote_len = offending->header_len + offending->payload_len;
    uint8_t *icmp;
    size_t len;

    if (quote_len > quote_max) {
        quote_len = quote_max;
    }
    len = put_headers(buf, cap, envelope, &ip, ICMP_HEADER_LEN + quote_len,
                      &icmp);
    if (len) {
        memset(icmp, 0, ICMP_HEADER_LEN);
        icmp[ICMP_TYPE] = type;
        icmp[ICMP_CODE] = code;
        wire_put_u16(icmp + ICMP_NEXT_HOP_MTU, mtu);
        memcpy(icmp + ICMP_HEADER_LEN, offending->header, quote_len);
        put_checksum(icmp, ICMP_HEADER_LEN + quote_len);
    }
    return len;
}
