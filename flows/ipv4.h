/* IPv4 headers: parsed, checked, and a packet cut into fragments.  RFC 791.
 * Pure: no clock, no descriptor, no global. */
#ifndef IPV4_H
#define IPV4_H 1

#include "flows/arp.h"

/* Offsets into the header, RFC 791 3.1. */
enum {
    IPV4_VERSION_IHL = 0,
    IPV4_TOS = 1,
    IPV4_TOTAL_LEN = 2,
    IPV4_ID = 4,
    IPV4_FRAGMENT = 6,
    IPV4_TTL = 8,
    IPV4_PROTO = 9,
    IPV4_CHECKSUM = 10,
    IPV4_SRC = 12,
    IPV4_DST = 16,
    IPV4_HEADER_LEN = 20        /* Without options. */
};

/* In the 16 bits at IPV4_FRAGMENT; the offset counts units of 8 bytes. */
#define IPV4_DONT_FRAGMENT  0x4000
#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV4_OFFSET_MASK    0x1fff

#define IPV4_PROTO_ICMP  1
#define IPV4_PROTO_UDP  17

/* What every link carries in one piece: the longest header, and 8 bytes. */
#define IPV4_MIN_MTU 68

struct ipv4 {
    struct fh_addr src, dst;
    uint8_t ttl, proto, tos;
    bool dont_fragment;
    bool later_fragment;        /* Offset other than 0. */
    const uint8_t *header;      /* 'header_len' + 'payload_len' bytes. */
    size_t header_len;          /* 20...60. */
    const uint8_t *payload;
    size_t payload_len;         /* By the header's total length; what the
                                 * frame holds beyond is padding. */
};

/* Parses the IPv4 packet in '*frame': version, lengths against each other and
 * the frame, header checksum.  Returns 0, or EPROTO. */
int ipv4_parse(const struct frame *frame, struct ipv4 *out);

/* The Internet checksum of 'len' bytes, at most 65535, RFC 1071. */
uint16_t ipv4_checksum(const uint8_t *data, size_t len);

/* Where a built frame goes. */
struct ipv4_envelope {
    struct eth_addr eth_src, eth_dst;
    struct fh_vlan vlan;
};

/* What the packets that we build differ in. */
struct ipv4_fields {
    struct fh_addr src, dst;
    uint8_t proto, tos;
    uint16_t id;
    bool dont_fragment;
};

/* Writes the Ethernet and IPv4 headers (without options, TTL 64) of a frame
 * that carries 'payload_len' bytes to 'buf' ('cap' bytes), and its padding.
 * Stores where the payload goes in '*payloadp' and returns the length of the
 * frame, or returns 0 if it does not fit. */
size_t ipv4_build(uint8_t *buf, size_t cap, const struct ipv4_envelope *,
                  const struct ipv4_fields *, size_t payload_len,
                  uint8_t **payloadp);

/* Room for a frame with two tags that carries 'mtu' bytes of IP. */
#define IPV4_FRAME_MAX(MTU) (FRAME_HEADER_MAX + (size_t) (MTU))

/* Forwards '*ip' whole, as a router does: builds the frame, its TTL less by
 * one, into 'buf' (IPV4_FRAME_MAX(its length) bytes) and returns the frame's
 * length.  '*ip' must not be in 'buf' and have a TTL of 2 at least. */
size_t ipv4_build_forward(uint8_t *buf, const struct ipv4_envelope *,
                          const struct ipv4 *ip);

/* Forwards, as a router does, the part of '*ip' that begins '*offset' bytes
 * into its payload: builds the frame of a fragment of at most 'mtu' bytes of
 * IP (IPV4_MIN_MTU at least), its TTL less by one, into 'buf'
 * (IPV4_FRAME_MAX(mtu) bytes), moves '*offset' on and returns the frame's
 * length.  Begin with 0 and go on until it returns 0: there is no more, or
 * '*ip' would end beyond what a packet may hold.  '*ip' must not be in 'buf',
 * have a TTL of 2 at least and no DF. */
size_t ipv4_build_fragment(uint8_t *buf, const struct ipv4_envelope *,
                           const struct ipv4 *ip, uint16_t mtu,
                           size_t *offset);

#endif /* flows/ipv4.h */
