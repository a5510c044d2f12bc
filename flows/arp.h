/* Ethernet framing and ARP, parse and build.  RFC 826, RFC 5227, IEEE 802.1Q.
 * Pure: no clock, no descriptor, no global. */
#ifndef ARP_H
#define ARP_H 1

#include <firsthop/types.h>

#define ETHERTYPE_ARP  0x0806
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_8021Q  0x8100
#define ETHERTYPE_8021AD 0x88a8

/* An Ethernet frame taken apart.  'payload' points into it. */
struct frame {
    struct eth_addr dst, src;
    struct fh_vlan vlan;        /* 0, 1 or 2 tags, tpid of the outer one;
                                 * without a priority tag, if there is one. */
    uint16_t eth_type;          /* Behind the tags. */
    const uint8_t *payload;
    size_t payload_len;         /* Bytes, padding included. */
};

/* Why a frame was refused, for counters. */
enum frame_error {
    FRAME_OK,
    FRAME_TRUNCATED,
    FRAME_TOO_MANY_TAGS,        /* Three or more. */
    FRAME_RESERVED_TAG,         /* VID 4095. */
    FRAME_BAD_SOURCE,           /* Source MAC zero or multicast. */
};

/* Takes apart 'data' ('len' bytes).  On error '*out' is undefined. */
enum frame_error frame_parse(const uint8_t *data, size_t len,
                             struct frame *out);

/* Does it go to everybody, or to a group? */
static inline bool
frame_is_to_all(const struct frame *frame)
{
    return !fh_mac_is_unicast(frame->dst);
}

/* Room for what frame_put_header() writes: addresses, two tags, type. */
#define FRAME_HEADER_MAX 22

/* Writes the Ethernet header of a frame under 'vlan' to 'buf', which has
 * FRAME_HEADER_MAX bytes (outer Ethertype: vlan->tpid, or 0x8100 for one tag
 * and 0x88a8 for two; inner: 0x8100).  Returns the length in bytes. */
size_t frame_put_header(uint8_t *buf, struct eth_addr dst,
                        struct eth_addr src, const struct fh_vlan *vlan,
                        uint16_t eth_type);

/* The least length of a frame with 'n_tags' tags, without checksum.  What is
 * left when the tags are popped must still be 60 bytes, IEEE 802.3. */
#define FRAME_MIN(n_tags) (60 + 4 * (size_t) (n_tags))

#define ARP_OP_REQUEST 1
#define ARP_OP_REPLY   2

struct arp {
    uint16_t op;
    struct eth_addr sha, tha;
    struct fh_addr spa, tpa;
};

/* Room for an ARP frame with two tags, padded to the 60 bytes of Ethernet. */
#define ARP_FRAME_MAX 68

/* Parses the ARP packet in '*frame': Ethernet and IPv4 only, request or reply
 * only, the sender a station's MAC.  That is whom the packet speaks for,
 * whatever the frame's source: a router that shares a virtual MAC may answer
 * from its own (RFC 826; RFC 5798, 8.1.2).  Returns 0, or EPROTO and leaves
 * '*out' undefined. */
int arp_parse(const struct frame *frame, struct arp *out);

/* Builds the frame that carries '*arp' from arp->sha to 'dst' under 'vlan'
 * (outer Ethertype: vlan->tpid, or 0x8100 for one tag and 0x88a8 for two).
 * 'buf' has ARP_FRAME_MAX bytes.  Returns the length in bytes, padding of
 * zeros included: FRAME_MIN(vlan->n). */
size_t arp_build(uint8_t *buf, struct eth_addr dst,
                 const struct fh_vlan *vlan, const struct arp *arp);

/* What an ARP packet is, RFC 5227. */
bool arp_is_address_probe(const struct arp *);      /* Sender 0.0.0.0. */
bool arp_is_announcement(const struct arp *);       /* Sender = target. */

#endif /* flows/arp.h */
