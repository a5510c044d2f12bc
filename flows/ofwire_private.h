/* What the files behind ofwire.h share: OXM fields, and the numbers of
 * OpenFlow.  Section numbers are those of OpenFlow 1.4 (ONF TS-012) unless 1.5
 * (TS-025) is named. */
#ifndef OFWIRE_PRIVATE_H
#define OFWIRE_PRIVATE_H 1

#include "flows/ofwire.h"

/* OXM, 7.2.3.2: class 16 bits, field 7, has-mask 1, length 8. */
#define OXM_CLASS_NX1   0x0001
#define OXM_CLASS_BASIC 0x8000
#define OXM_CLASS_REGS  0x8001  /* 1.5, 7.2.3.10: two of 32 bits each. */
#define OXM_HEADER_LEN  4
#define OXM_HEADER(FIELD, LEN) \
    ((uint32_t) OXM_CLASS_BASIC << 16 | (FIELD) << 9 | (LEN))
#define NX1_HEADER(FIELD, LEN) \
    ((uint32_t) OXM_CLASS_NX1 << 16 | (FIELD) << 9 | (LEN))

enum oxm_field {
    OXM_IN_PORT = 0,
    OXM_METADATA = 2,
    OXM_ETH_DST = 3,
    OXM_ETH_SRC = 4,
    OXM_ETH_TYPE = 5,
    OXM_VLAN_VID = 6,
    OXM_IP_PROTO = 10,
    OXM_IPV4_SRC = 11,
    OXM_IPV4_DST = 12,
    OXM_UDP_SRC = 15,
    OXM_UDP_DST = 16,
    OXM_ICMPV4_TYPE = 19,
    OXM_ARP_OP = 21,
    OXM_ARP_SPA = 22,
    OXM_ARP_TPA = 23,
    OXM_ARP_SHA = 24,
    OXM_ARP_THA = 25,
};

#define NX1_IP_TTL 29           /* Of Open vSwitch: NXM_NX_IP_TTL, */
#define NX1_REG0   0            /* NXM_NX_REG0...15. */

#define VID_PRESENT 0x1000      /* OFPVID_PRESENT */

enum {                          /* 7.2.4, 7.2.5 */
    INSN_GOTO_TABLE = 1,
    INSN_WRITE_METADATA = 2,
    INSN_APPLY_ACTIONS = 4,
    INSN_METER = 6,             /* Until 1.4. */
    ACTION_OUTPUT = 0,
    ACTION_PUSH_VLAN = 17,
    ACTION_POP_VLAN = 18,
    ACTION_DEC_NW_TTL = 24,
    ACTION_SET_FIELD = 25,
    ACTION_COPY_FIELD = 28,     /* 1.5. */
    ACTION_METER = 29,          /* 1.5: was an instruction. */
    ACTION_EXPERIMENTER = 0xffff,
};

#define CONTROLLER_WHOLE_FRAME 0xffff   /* OFPCML_NO_BUFFER */

static inline void
ofwire_advance(struct ofwire_cursor *c, size_t n)
{
    c->p += n;
    c->left -= n;
}

/* One OXM field taken off a match. */
struct oxm {
    unsigned int class, field;
    bool has_mask;
    const uint8_t *value, *mask;    /* 'mask' only with has_mask. */
    size_t len;                     /* Of each. */
};

/* Takes the first field off those at the cursor.  Returns false if lengths do
 * not fit. */
bool ofwire_pull_oxm(struct ofwire_cursor *, struct oxm *);
/* The bytes of a value of that basic field, or 0: it is not in our language. */
size_t ofwire_oxm_len(unsigned int field);

static inline ovs_be32
ofwire_get_be32(const uint8_t *p)
{
    return wire_get_addr(p).ip4;
}

/* A VLAN id as OXM says it: 0 no tag, or the id with VID_PRESENT. */
static inline bool
ofwire_get_vlan(uint16_t value, uint16_t *vid)
{
    *vid = value ? value & ~VID_PRESENT : FH_VLAN_NONE;
    return !value || (value & VID_PRESENT && *vid <= 4094);
}

#endif /* flows/ofwire_private.h */
