/* The parts of OpenFlow 1.3-1.5 that are read and written by hand.
 *
 * Packet-in and packet-out because an ARP answer costs both; flow entries
 * because after a start a bridge sends a hundred thousand, and because a
 * general decoder of actions trusts lengths that a hostile peer chooses.
 * Only ofcodec.c and its tests include this.  Pure. */
#ifndef OFWIRE_H
#define OFWIRE_H 1

#include "flows/ofcodec.h"
#include "flows/wire.h"

static inline uint32_t
ofwire_get_u32(const uint8_t *p)
{
    return (uint32_t) p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static inline void
ofwire_put_u32(uint8_t *p, uint32_t value)
{
    wire_put_u16(p, value >> 16);
    wire_put_u16(p + 2, (uint16_t) value);
}

static inline uint64_t
ofwire_get_u64(const uint8_t *p)
{
    return (uint64_t) ofwire_get_u32(p) << 32 | ofwire_get_u32(p + 4);
}

/* OpenFlow pads to 64 bits. */
static inline size_t
ofwire_pad8(size_t n)
{
    return (n + 7) & ~(size_t) 7;
}

/* What is left to read.  Check 'left', then read at 'p'. */
struct ofwire_cursor {
    const uint8_t *p;
    size_t left;                /* Bytes. */
};

enum ofwire_verdict {
    OFWIRE_OK,
    OFWIRE_FOREIGN,             /* Well-formed, beyond our language. */
    OFWIRE_MALFORMED,           /* A length or a value that cannot be. */
};

/* Reads the packet-in of 'len' bytes, header included.  Returns 0, or EPROTO
 * and '*why', static. */
int ofwire_get_packet_in(const uint8_t *data, size_t len,
                         struct of_packet_in *, const char **why);

/* Pulls the match at the cursor, padding included.  Unless it returns
 * OFWIRE_OK, '*match' is undefined; unless OFWIRE_MALFORMED, the cursor is
 * behind it. */
enum ofwire_verdict ofwire_pull_match(struct ofwire_cursor *,
                                      struct fh_match *match);

/* Pulls one entry of a flow stats reply.  Returns OFWIRE_OK and fills
 * '*flow' as ofcodec_decode() promises, OFWIRE_FOREIGN if it is to be left
 * out, or OFWIRE_MALFORMED. */
enum ofwire_verdict ofwire_pull_flow_stats(struct ofwire_cursor *, int version,
                                           struct fh_flow *flow);

/* Pulls one entry of a meter stats reply.  Returns 0, or EPROTO. */
int ofwire_pull_meter_stats(struct ofwire_cursor *, struct of_meter_drops *);

#define OFWIRE_METER_CONFIG_MIN 8
int ofwire_pull_meter_config(struct ofwire_cursor *, struct fh_meter *);
#define OFWIRE_METER_STATS_MIN 40   /* Bytes of an entry without bands. */

/* Reads the flow removed of 'len' bytes, header included.  Returns 0, or
 * EPROTO and '*why', static. */
int ofwire_get_flow_removed(const uint8_t *data, size_t len, int version,
                            struct fh_flow *flow, const char **why);

/* Bytes that 'action' takes on the wire. */
size_t ofwire_action_len(const struct fh_action *);
size_t ofwire_put_action(uint8_t *p, const struct fh_action *);
/* That of an output, OFWIRE_OUTPUT_LEN bytes. */
#define OFWIRE_OUTPUT_LEN 16
void ofwire_put_output(uint8_t *p, uint32_t port);

/* A port number that the switch may name: a real one, or a reserved one. */
bool ofwire_port_is_valid(uint32_t port);

#endif /* flows/ofwire.h */
