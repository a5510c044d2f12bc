/* OXM matches: does one cover another, what does one say of a frame. */
#ifndef OXM_H
#define OXM_H 1

#include "tests/bench/benchwire.h"

/* One TLV of a match, masks included: an exact field has an all-ones mask. */
struct oxm {
    uint16_t class;
    uint8_t field;
    uint8_t len;                /* Of the value alone. */
    const uint8_t *value;
    const uint8_t *mask;        /* NULL: exact. */
};

/* Walks the TLVs in [*p, end).  Returns false at the end or at a malformed
 * one; '*p' == 'end' tells which. */
bool oxm_next(const uint8_t **p, const uint8_t *end, struct oxm *oxm);

/* True if every packet that 'narrow' matches is matched by 'wide' too.  Both
 * are TLV lists (a match without its 4-byte header and padding). */
bool oxm_covers(const uint8_t *wide, size_t wide_len,
                const uint8_t *narrow, size_t narrow_len);

/* The exact IPv4 source (or else destination) that a match names, or the
 * address in a register (flows/flow_base.h), host order; 0 if it names none,
 * or is about UDP: those addresses are servers' and routers'. */
uint32_t oxm_ip_host(const uint8_t *tlvs, size_t len);

/* A frame as the pipeline sees it. */
struct oxm_frame {
    uint32_t in_port;
    const uint8_t *frame;       /* Untagged; ARP, or UDP over IPv4. */
};

/* True if a match lets '*frame' through with 'metadata', and with registers as
 * they are while the controller is there.  A match on a field that such a
 * frame does not have never does. */
bool oxm_matches(const uint8_t *tlvs, size_t len,
                 const struct oxm_frame *frame, uint64_t metadata);

#endif /* tests/bench/oxm.h */
