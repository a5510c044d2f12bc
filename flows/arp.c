/* Ethernet framing and ARP.
 *
 * Owns the layout of Ethernet headers with up to two VLAN tags and of ARP for
 * IPv4.  Called by whoever handles punted frames and builds probes, answers
 * and takeover notices.  Never decides whether a packet deserves an answer:
 * it only says what is in it. */
#include <config.h>

#include "flows/arp.h"

#include <errno.h>

#include "flows/wire.h"

#define ETH_ADDR_BYTES 6
#define VLAN_TAG_BYTES 4
#define VLAN_VID_MASK  0x0fff
#define VLAN_VID_MAX   4094     /* 4095 is reserved, IEEE 802.1Q table 9-2. */

/* Of ARP on Ethernet for IPv4, RFC 826: offsets into the packet. */
enum {
    ARP_HTYPE = 0,
    ARP_PTYPE = 2,
    ARP_HLEN = 4,
    ARP_PLEN = 5,
    ARP_OP = 6,
    ARP_SHA = 8,
    ARP_SPA = 14,
    ARP_THA = 18,
    ARP_TPA = 24,
    ARP_PACKET_LEN = 28
};

#define ARP_HTYPE_ETHERNET 1

static bool
is_vlan_ethertype(uint16_t eth_type)
{
    return eth_type == ETHERTYPE_8021Q || eth_type == ETHERTYPE_8021AD;
}

/* Takes the tags at '*cursor' ('*left' bytes up to the end of the frame),
 * which follow an Ethertype field that has been read into '*eth_type', and
 * moves all three behind them.  A priority tag (VID 0) names no network
 * (IEEE 802.1Q, 6.9.1): it counts as a tag and leaves no trace. */
static enum frame_error
parse_tags(const uint8_t **cursor, size_t *left, uint16_t *eth_type,
           struct fh_vlan *vlan)
{
    size_t n_tags = 0;

    memset(vlan, 0, sizeof *vlan);
    while (is_vlan_ethertype(*eth_type)) {
        uint16_t vid;

        if (n_tags++ == FH_VLAN_MAX_TAGS) {
            return FRAME_TOO_MANY_TAGS;
        }
        if (*left < VLAN_TAG_BYTES) {
            return FRAME_TRUNCATED;
        }
        vid = wire_get_u16(*cursor) & VLAN_VID_MASK;
        if (vid > VLAN_VID_MAX) {
            return FRAME_RESERVED_TAG;
        }
        if (vid) {
            vlan->tpid = vlan->n ? vlan->tpid : *eth_type;
            vlan->vids[vlan->n++] = vid;
        }
        *eth_type = wire_get_u16(*cursor + 2);
        *cursor += VLAN_TAG_BYTES;
        *left -= VLAN_TAG_BYTES;
    }
    return FRAME_OK;
}

enum frame_error
frame_parse(const uint8_t *data, size_t len, struct frame *out)
{
    const size_t header_len = 2 * ETH_ADDR_BYTES + 2;
    enum frame_error error;

    if (len < header_len) {
        return FRAME_TRUNCATED;
    }
    out->dst = wire_get_mac(data);
    out->src = wire_get_mac(data + ETH_ADDR_BYTES);
    out->eth_type = wire_get_u16(data + 2 * ETH_ADDR_BYTES);
    if (!fh_mac_is_unicast(out->src)) {
        return FRAME_BAD_SOURCE;
    }

    data += header_len;
    len -= header_len;
    error = parse_tags(&data, &len, &out->eth_type, &out->vlan);
    if (error) {
        return error;
    }
    out->payload = data;
    out->payload_len = len;
    return FRAME_OK;
}

/* The Ethertype that announces tag number 'i', 0 the outermost. */
static uint16_t
tag_ethertype(const struct fh_vlan *vlan, size_t i)
{
    if (i > 0) {
        return ETHERTYPE_8021Q;
    } else if (vlan->tpid) {
        return vlan->tpid;
    } else {
        return vlan->n > 1 ? ETHERTYPE_8021AD : ETHERTYPE_8021Q;
    }
}

size_t
frame_put_header(uint8_t *buf, struct eth_addr dst, struct eth_addr src,
                 const struct fh_vlan *vlan, uint16_t eth_type)
{
    uint8_t *p = buf;

    wire_put_mac(p, dst);
    wire_put_mac(p + ETH_ADDR_BYTES, src);
    p += 2 * ETH_ADDR_BYTES;
    for (size_t i = 0; i < vlan->n; i++) {
        wire_put_u16(p, tag_ethertype(vlan, i));
        wire_put_u16(p + 2, vlan->vids[i]);
        p += VLAN_TAG_BYTES;
    }
    wire_put_u16(p, eth_type);
    return (size_t) (p + 2 - buf);
}

int
arp_parse(const struct frame *frame, struct arp *out)
{
    const uint8_t *p = frame->payload;

    if (frame->eth_type != ETHERTYPE_ARP
        || frame->payload_len < ARP_PACKET_LEN
        || wire_get_u16(p + ARP_HTYPE) != ARP_HTYPE_ETHERNET
        || wire_get_u16(p + ARP_PTYPE) != ETHERTYPE_IPV4
        || p[ARP_HLEN] != ETH_ADDR_BYTES
        || p[ARP_PLEN] != sizeof(ovs_be32)) {
        return EPROTO;
    }
    out->op = wire_get_u16(p + ARP_OP);
    out->sha = wire_get_mac(p + ARP_SHA);
    out->spa = wire_get_addr(p + ARP_SPA);
    out->tha = wire_get_mac(p + ARP_THA);
    out->tpa = wire_get_addr(p + ARP_TPA);
    return ((out->op == ARP_OP_REQUEST || out->op == ARP_OP_REPLY)
            && fh_mac_is_unicast(out->sha) ? 0 : EPROTO);
}

size_t
arp_build(uint8_t *buf, struct eth_addr dst, const struct fh_vlan *vlan,
          const struct arp *arp)
{
    size_t frame_len = FRAME_MIN(vlan->n);
    size_t header_len;
    uint8_t *p;

    header_len = frame_put_header(buf, dst, arp->sha, vlan, ETHERTYPE_ARP);
    p = buf + header_len;
    wire_put_u16(p + ARP_HTYPE, ARP_HTYPE_ETHERNET);
    wire_put_u16(p + ARP_PTYPE, ETHERTYPE_IPV4);
    p[ARP_HLEN] = ETH_ADDR_BYTES;
    p[ARP_PLEN] = sizeof(ovs_be32);
    wire_put_u16(p + ARP_OP, arp->op);
    wire_put_mac(p + ARP_SHA, arp->sha);
    wire_put_addr(p + ARP_SPA, arp->spa);
    wire_put_mac(p + ARP_THA, arp->tha);
    wire_put_addr(p + ARP_TPA, arp->tpa);
    memset(p + ARP_PACKET_LEN, 0, frame_len - header_len - ARP_PACKET_LEN);
    return frame_len;
}

bool
arp_is_address_probe(const struct arp *arp)
{
    return fh_addr_is_zero(arp->spa);
}

bool
arp_is_announcement(const struct arp *arp)
{
    return fh_addr_equal(arp->spa, arp->tpa);
}
