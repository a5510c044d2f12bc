/* The ICMP that a router owes.  RFC 792, RFC 1812.
 * Pure: no clock, no descriptor, no global. */
#ifndef ICMP_H
#define ICMP_H 1

#include "flows/ipv4.h"

#define ICMP_ECHO_REPLY       0
#define ICMP_UNREACHABLE      3
#define ICMP_ECHO_REQUEST     8
#define ICMP_TIME_EXCEEDED   11
#define ICMP_HOST_UNREACHABLE 1     /* Codes of ICMP_UNREACHABLE. */
#define ICMP_PORT_UNREACHABLE 3
#define ICMP_FRAG_NEEDED      4

/* The longest frame that these build: 2 tags, and an echo reply as long as
 * its request. */
#define ICMP_FRAME_MAX(request_len) ((request_len) + 64 + 576)

/* True for a well-formed, unfragmented echo request with a right checksum. */
bool icmp_is_echo_request(const struct ipv4 *);

/* May an ICMP error be sent about '*offending' (in a frame to 'eth_dst')?
 * RFC 1812, 4.3.2.7: never about an ICMP error, a later fragment, a
 * link-layer or IP broadcast or multicast, or a source that is no single
 * host (zero, loopback, class D and E, broadcast).  The broadcast address of
 * a prefix is for the caller to know. */
bool icmp_error_allowed(const struct ipv4 *offending, struct eth_addr eth_dst);

/* Build into 'buf' ('cap' bytes) and return the length, padding included, or
 * 0 if it does not fit.  '*request' and '*offending' must not be in 'buf'.
 * The echo reply is from the address that was asked, with the request's TOS,
 * DF and identification. */
size_t icmp_build_echo_reply(uint8_t *buf, size_t cap,
                             const struct ipv4_envelope *,
                             const struct ipv4 *request);
/* Quotes as much of '*offending' as keeps the whole within 576 bytes, RFC
 * 1812 4.3.2.3.  'mtu' is for ICMP_FRAG_NEEDED (RFC 1191), else 0. */
size_t icmp_build_error(uint8_t *buf, size_t cap,
                        const struct ipv4_envelope *, struct fh_addr src,
                        uint8_t type, uint8_t code, uint16_t mtu,
                        const struct ipv4 *offending);

#endif /* flows/icmp.h */
