/* DHCPv4 as a relay agent sees it: parse, pass on with relay information, pass
 * back without.  RFC 2131, RFC 2132, RFC 3046 (relay information), RFC 3527
 * (link selection), RFC 6925 (relay identifier).
 * Pure: no clock, no descriptor, no global. */
#ifndef DHCP_H
#define DHCP_H 1

#include "flows/ipv4.h"

#define DHCP_SERVER_PORT 67
#define DHCP_CLIENT_PORT 68

/* Option 53, RFC 2132 9.6. */
enum dhcp_type {
    DHCP_DISCOVER = 1,
    DHCP_OFFER,
    DHCP_REQUEST,
    DHCP_DECLINE,
    DHCP_ACK,
    DHCP_NAK,
    DHCP_RELEASE,
    DHCP_INFORM,
    DHCP_N_TYPES
};

/* A message taken apart. */
struct dhcp {
    enum dhcp_type type;
    bool from_server;           /* BOOTREPLY. */
    bool broadcast;             /* The client wants its reply broadcast. */
    bool has_relay_info;        /* Option 82. */
    bool rapid_commit;          /* Option 80, RFC 4039. */
    uint8_t hops;
    uint16_t src_port, dst_port;
    uint32_t xid;
    uint32_t lease_s;           /* Option 51; 0: none. */
    struct fh_addr src, dst;    /* Of the packet. */
    struct fh_addr ciaddr, yiaddr, giaddr;
    struct fh_addr requested;   /* Option 50; zero: none. */
    struct fh_addr server;      /* Option 54; zero: none. */
    struct eth_addr mac;        /* chaddr. */
    const uint8_t *message;     /* Borrowed: 'len' bytes. */
    size_t len;                 /* Up to the end option, which follows. */
};

#define DHCP_LEASE_FOREVER UINT32_MAX   /* RFC 2131, 3.3. */

/* Parses the UDP packet in '*ip': lengths, checksum (where there is one),
 * ports 67 or 68, an Ethernet client with a unicast MAC, options that end,
 * exactly one message type, and a direction that fits the type.  Returns 0,
 * or EPROTO and leaves '*out' undefined.  Borrows 'ip->payload'. */
int dhcp_parse(const struct ipv4 *ip, struct dhcp *out);

/* What a relay agent says of a request, in option 82. */
struct dhcp_relay {
    struct fh_addr relay;       /* giaddr, and the source of the packet. */
    struct fh_addr link;        /* Sub-option 5: an address of the link. */
    const char *circuit;        /* Sub-option 1: the same wherever the client
                                 * is heard.  At most DHCP_ID_MAX bytes. */
    const char *relay_id;       /* Sub-option 12: which router.  Likewise. */
};

#define DHCP_ID_MAX 100

/* Room for a frame with two tags that carries what either builds. */
#define DHCP_FRAME_MAX IPV4_FRAME_MAX(1500)

/* A relay agent gives up beyond, RFC 1542 4.1.1. */
#define DHCP_MAX_HOPS 16

/* Builds the frame that passes '*request' on to 'server' into 'buf'
 * (DHCP_FRAME_MAX bytes).  Returns its length, or 0 if it would not fit into
 * 1500 bytes of IP or has made too many hops. */
size_t dhcp_build_request(uint8_t *buf, const struct ipv4_envelope *,
                          const struct dhcp_relay *, struct fh_addr server,
                          const struct dhcp *request);

/* Builds the frame that passes '*reply' back to its client, from 'src' and
 * without relay information.  It goes to the client's address, or to
 * 255.255.255.255 where that cannot be (RFC 2131, 4.1); the envelope says
 * who gets it.  Returns its length, or 0 if it would not fit. */
size_t dhcp_build_reply(uint8_t *buf, const struct ipv4_envelope *,
                        struct fh_addr src, const struct dhcp *reply);

const char *dhcp_type_name(enum dhcp_type);     /* "DISCOVER" */

#endif /* flows/dhcp.h */
