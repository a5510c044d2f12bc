/* OpenFlow messages of a bridge, as libopenvswitch encodes them, and what the
 * tests of ofcodec do with them. */
#ifndef OF_SAMPLES_H
#define OF_SAMPLES_H 1

#include "flows/ofcodec.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <openvswitch/ofp-flow.h>
#include <openvswitch/ofp-monitor.h>
#include <openvswitch/ofp-packet.h>
#include <openvswitch/ofp-port.h>
#include <openvswitch/ofp-util.h>
#include <openvswitch/ofpbuf.h>

#define MAC(a, b, c, d, e, f) ((struct eth_addr) { { { a, b, c, d, e, f } } })
#define IP(a, b, c, d) \
    htonl((uint32_t) (a) << 24 | (b) << 16 | (c) << 8 | (d))
#define N_ELEMS(ARRAY) (sizeof (ARRAY) / sizeof (ARRAY)[0])

static const int versions[] = { OF_13, OF_14, OF_15 };

ofp_port_t ofp_port(uint16_t number);
enum ofputil_protocol protocol_of(int version);

/* Decodes a copy that ends where its memory ends. */
int decode_exact(const uint8_t *data, size_t len, int version,
                 struct of_message *msg, uint8_t **copyp);

/* Decodes what libopenvswitch encoded, which it takes.  The result points
 * into '*copyp'. */
void decode_ofpbuf(struct ofpbuf *b, int version, struct of_message *msg,
                   uint8_t **copyp);
const struct ofp_header *header_of(const struct fh_buf *buf);

/* What the packet-ins carry: an ARP request's length of bytes. */
extern const uint8_t frame[42];

struct ofpbuf *encode_packet_in(int version, int reason, uint64_t metadata);

struct fh_action act(enum fh_action_type type);
struct fh_action act_reg(uint32_t index, uint32_t value);
struct fh_action act_port(uint32_t port);
struct fh_action act_vid(enum fh_action_type type, uint32_t vid);
struct fh_action act_mac(enum fh_action_type type, struct eth_addr mac);
struct fh_action act_tpa(ovs_be32 ip);

/* A flow to build upon: of ours, with neither match nor actions of note. */
struct fh_flow base_flow(void);

#define MAX_SAMPLES 11

/* One flow of each kind that the builders say, and the extremes. */
size_t sample_flows(struct fh_flow *flows);

/* Decodes a flow mod and returns it as the bridge would list it. */
struct ofpbuf *flow_mod_to_stats(const struct ofp_header *oh, int version);
struct ofpbuf *encode_flow_removed(int version);
struct ofpbuf *encode_role_status(int version);

#endif /* tests/unit/of_samples.h */
