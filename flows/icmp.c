/* The ICMP that a router owes.
 *
 * Owns the layout of ICMP headers.  Called by whoever handles punted
 * packets.  Never decides to whom an answer is owed or how often: it says
 * what a packet is, whether RFC 1812 lets an error be sent about it, and
 * builds what was decided. */
#include <config.h>

#include "flows/icmp.h"

#include <arpa/inet.h>
#include <errno.h>

#include "flows/wire.h"

/* RFC 792, RFC 1191. */
enum {
    ICMP_TYPE = 0,
    ICMP_CODE = 1,
    ICMP_CHECKSUM = 2,
    ICMP_NEXT_HOP_MTU = 6,
    ICMP_HEADER_LEN = 8
};

/* RFC 1812, 4.3.2.5: precedence 6, internetwork control. */
#define ICMP_ERROR_TOS 0xc0

/* RFC 1812, 4.3.2.3: the whole error within what every host takes. */
#define ICMP_ERROR_MAX 576

bool
icmp_is_echo_request(const struct ipv4 *ip)
{
    uint16_t fragment = wire_get_u16(ip->header + IPV4_FRAGMENT);

    return ip->proto == IPV4_PROTO_ICMP
           && !(fragment & (IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK))
           && ip->payload_len >= ICMP_HEADER_LEN
           && ip->payload[ICMP_TYPE] == ICMP_ECHO_REQUEST
           && ip->payload[ICMP_CODE] == 0
           && !ipv4_checksum(ip->payload, ip->payload_len);
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
    return offending->proto != IPV4_PROTO_ICMP || is_icmp_query(offending);
}

static void
put_checksum(uint8_t *icmp, size_t len)
{
    wire_put_u16(icmp + ICMP_CHECKSUM, 0);
    wire_put_u16(icmp + ICMP_CHECKSUM, ipv4_checksum(icmp, len));
}

/* The reply takes TOS, DF and identification from the request: the requester
 * keeps identifications unique between these two addresses, which we could
 * not without remembering.  IP options are not returned. */
size_t
icmp_build_echo_reply(uint8_t *buf, size_t cap,
                      const struct ipv4_envelope *envelope,
                      const struct ipv4 *request)
{
    const struct ipv4_fields ip = {
        .src = request->dst,
        .dst = request->src,
        .proto = IPV4_PROTO_ICMP,
        .tos = request->tos,
        .id = wire_get_u16(request->header + IPV4_ID),
        .dont_fragment = request->dont_fragment,
    };
    size_t icmp_len = request->payload_len;
    uint8_t *icmp;
    size_t len;

    if (icmp_len < ICMP_HEADER_LEN) {
        return 0;
    }
    len = ipv4_build(buf, cap, envelope, &ip, icmp_len, &icmp);
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
                 const struct ipv4_envelope *envelope, struct fh_addr src,
                 uint8_t type, uint8_t code, uint16_t mtu,
                 const struct ipv4 *offending)
{
    const struct ipv4_fields ip = {
        .src = src,
        .dst = offending->src,
        .proto = IPV4_PROTO_ICMP,
        .tos = ICMP_ERROR_TOS,
        .dont_fragment = true,
    };
    size_t quote_max = ICMP_ERROR_MAX - IPV4_HEADER_LEN - ICMP_HEADER_LEN;
    size_t quote_len = offending->header_len + offending->payload_len;
    uint8_t *icmp;
    size_t len;

    if (quote_len > quote_max) {
        quote_len = quote_max;
    }
    len = ipv4_build(buf, cap, envelope, &ip, ICMP_HEADER_LEN + quote_len,
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
