/* IPv4 headers: parsed, checked, and a packet cut into fragments.
 *
 * Called by whoever handles punted packets.  Never decides what becomes of a
 * packet: it says what it is, and builds what was decided. */
#include <config.h>

#include "flows/ipv4.h"

#include <assert.h>
#include <errno.h>

#include "flows/wire.h"

/* Option types, RFC 791 3.1. */
#define OPTION_END    0
#define OPTION_NOP    1
#define OPTION_COPIED 0x80      /* Bit: it is in every fragment. */

#define IPV4_DEFAULT_TTL 64     /* RFC 1700. */

uint16_t
ipv4_checksum(const uint8_t *data, size_t len)
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
        || frame->payload_len < IPV4_HEADER_LEN
        || p[IPV4_VERSION_IHL] >> 4 != 4) {
        return EPROTO;
    }
    header_len = (p[IPV4_VERSION_IHL] & 0x0f) * 4;
    total_len = wire_get_u16(p + IPV4_TOTAL_LEN);
    if (header_len < IPV4_HEADER_LEN
        || total_len < header_len
        || total_len > frame->payload_len
        || ipv4_checksum(p, header_len)) {
        return EPROTO;
    }

    fragment = wire_get_u16(p + IPV4_FRAGMENT);
    out->src = wire_get_addr(p + IPV4_SRC);
    out->dst = wire_get_addr(p + IPV4_DST);
    out->ttl = p[IPV4_TTL];
    out->proto = p[IPV4_PROTO];
    out->tos = p[IPV4_TOS];
    out->dont_fragment = (fragment & IPV4_DONT_FRAGMENT) != 0;
    out->later_fragment = (fragment & IPV4_OFFSET_MASK) != 0;
    out->header = p;
    out->header_len = header_len;
    out->payload = p + header_len;
    out->payload_len = total_len - header_len;
    return 0;
}

size_t
ipv4_build(uint8_t *buf, size_t cap, const struct ipv4_envelope *envelope,
           const struct ipv4_fields *ip, size_t payload_len,
           uint8_t **payloadp)
{
    uint8_t eth[FRAME_HEADER_MAX];
    size_t eth_len = frame_put_header(eth, envelope->eth_dst,
                                      envelope->eth_src, &envelope->vlan,
                                      ETHERTYPE_IPV4);
    size_t len = eth_len + IPV4_HEADER_LEN + payload_len;
    size_t min_len = FRAME_MIN(envelope->vlan.n);
    uint8_t *p;

    if (cap < (len > min_len ? len : min_len)) {
        return 0;
    }
    memcpy(buf, eth, eth_len);
    p = buf + eth_len;
    p[IPV4_VERSION_IHL] = 4 << 4 | IPV4_HEADER_LEN / 4;
    p[IPV4_TOS] = ip->tos;
    wire_put_u16(p + IPV4_TOTAL_LEN,
                 (uint16_t) (IPV4_HEADER_LEN + payload_len));
    wire_put_u16(p + IPV4_ID, ip->id);
    wire_put_u16(p + IPV4_FRAGMENT,
                 ip->dont_fragment ? IPV4_DONT_FRAGMENT : 0);
    p[IPV4_TTL] = IPV4_DEFAULT_TTL;
    p[IPV4_PROTO] = ip->proto;
    wire_put_u16(p + IPV4_CHECKSUM, 0);
    wire_put_addr(p + IPV4_SRC, ip->src);
    wire_put_addr(p + IPV4_DST, ip->dst);
    wire_put_u16(p + IPV4_CHECKSUM, ipv4_checksum(p, IPV4_HEADER_LEN));

    *payloadp = p + IPV4_HEADER_LEN;
    if (len < min_len) {
        memset(buf + len, 0, min_len - len);
        len = min_len;
    }
    return len;
}

/* RFC 791, 3.1: an option is one byte, or type, length and data; those with
 * the first bit set are in every fragment.  Copies them from 'src' ('len'
 * bytes) to 'dst', ends them at a multiple of 4 bytes and returns how many
 * those are.  Stops at what makes no sense. */
static size_t
copy_options(uint8_t *dst, const uint8_t *src, size_t len)
{
    size_t n = 0;

    while (len && *src != OPTION_END) {
        size_t option_len = (*src == OPTION_NOP ? 1
                             : len > 1 ? src[1] : 0);

        if (option_len > len
            || (option_len < 2 && *src != OPTION_NOP)) {
            break;
        }
        if (*src & OPTION_COPIED) {
            memcpy(dst + n, src, option_len);
            n += option_len;
        }
        src += option_len;
        len -= option_len;
    }
    while (n % 4) {
        dst[n++] = OPTION_END;
    }
    return n;
}

/* Writes the header of the fragment that begins at 'offset', all but its
 * lengths and place, and returns its length. */
static size_t
put_header(uint8_t *p, const struct ipv4 *ip, size_t offset)
{
    size_t len = ip->header_len;

    memcpy(p, ip->header, len);
    if (offset) {
        len = IPV4_HEADER_LEN + copy_options(p + IPV4_HEADER_LEN,
                                             ip->header + IPV4_HEADER_LEN,
                                             len - IPV4_HEADER_LEN);
        p[IPV4_VERSION_IHL] = (uint8_t) (4 << 4 | len / 4);
    }
    p[IPV4_TTL]--;
    return len;
}

size_t
ipv4_build_forward(uint8_t *buf, const struct ipv4_envelope *envelope,
                   const struct ipv4 *ip)
{
    size_t min_len = FRAME_MIN(envelope->vlan.n);
    size_t len;
    uint8_t *p;

    assert(ip->ttl > 1);
    memset(buf, 0, min_len);
    len = frame_put_header(buf, envelope->eth_dst, envelope->eth_src,
                           &envelope->vlan, ETHERTYPE_IPV4);
    p = buf + len;
    memcpy(p, ip->header, ip->header_len);
    memcpy(p + ip->header_len, ip->payload, ip->payload_len);
    p[IPV4_TTL]--;
    wire_put_u16(p + IPV4_CHECKSUM, 0);
    wire_put_u16(p + IPV4_CHECKSUM, ipv4_checksum(p, ip->header_len));
    len += ip->header_len + ip->payload_len;
    return len > min_len ? len : min_len;
}

size_t
ipv4_build_fragment(uint8_t *buf, const struct ipv4_envelope *envelope,
                    const struct ipv4 *ip, uint16_t mtu, size_t *offset)
{
    uint16_t place = wire_get_u16(ip->header + IPV4_FRAGMENT);
    size_t min_len = FRAME_MIN(envelope->vlan.n);
    size_t len = ip->payload_len - *offset;
    size_t eth_len, header_len, room;
    uint8_t *p;

    assert(mtu >= IPV4_MIN_MTU && ip->ttl > 1 && !ip->dont_fragment);
    if (!len || ((place & IPV4_OFFSET_MASK) + ip->payload_len / 8
                 > IPV4_OFFSET_MASK)) {
        return 0;
    }
    memset(buf, 0, min_len);
    eth_len = frame_put_header(buf, envelope->eth_dst, envelope->eth_src,
                               &envelope->vlan, ETHERTYPE_IPV4);
    p = buf + eth_len;
    header_len = put_header(p, ip, *offset);
    room = (mtu - header_len) & ~(size_t) 7;
    if (len > room) {
        len = room;
        place |= IPV4_MORE_FRAGMENTS;
    }
    wire_put_u16(p + IPV4_TOTAL_LEN, (uint16_t) (header_len + len));
    wire_put_u16(p + IPV4_FRAGMENT, (uint16_t) (place + *offset / 8));
    wire_put_u16(p + IPV4_CHECKSUM, 0);
    wire_put_u16(p + IPV4_CHECKSUM, ipv4_checksum(p, header_len));
    memcpy(p + header_len, ip->payload + *offset, len);
    *offset += len;
    len += eth_len + header_len;
    return len > min_len ? len : min_len;
}
