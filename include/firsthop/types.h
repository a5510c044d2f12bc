/* Value types that cross folders: addresses, VLAN stacks, prefixes, time.
 *
 * Addresses are values with verbs of their own, so that a second family can
 * join without touching those who merely carry them.  Wire values keep
 * ovs_be16/ovs_be32; everything else is host order. */
#ifndef FIRSTHOP_TYPES_H
#define FIRSTHOP_TYPES_H 1

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <openvswitch/types.h>  /* ovs_be16, ovs_be32, struct eth_addr. */

/* A host address.  IPv4 today; always compare through fh_addr_*(). */
struct fh_addr {
    ovs_be32 ip4;
};

/* An address block: 'addr' with the low 32 - 'plen' bits free. */
struct fh_prefix {
    struct fh_addr addr;
    uint8_t plen;               /* 0...32. */
};

#define FH_VLAN_MAX_TAGS 2

/* A stack of VLAN tags, outermost first.  'n' is 0, 1 or 2.
 *
 * 'tpid' is the Ethertype that the outermost tag was seen with (0x8100 or
 * 0x88a8), 0 while unknown.  It does not take part in comparisons: a stack is
 * the same network whichever Ethertype carries it. */
struct fh_vlan {
    uint16_t vids[FH_VLAN_MAX_TAGS];    /* 1...4094 each. */
    uint16_t tpid;
    uint8_t n;
};

/* Text forms, with the terminating null. */
#define FH_ADDR_STRLEN 16       /* 255.255.255.255 */
#define FH_PREFIX_STRLEN 19     /* 255.255.255.255/32 */
#define FH_MAC_STRLEN 18        /* 02:00:00:00:00:0a */
#define FH_VLAN_STRLEN 12       /* 4094.4094, "untagged" */
#define FH_DPID_STRLEN 17       /* 000000000000000a */

static inline bool
fh_addr_equal(struct fh_addr a, struct fh_addr b)
{
    return a.ip4 == b.ip4;
}

static inline bool
fh_addr_is_zero(struct fh_addr a)
{
    return !a.ip4;
}

static inline bool
fh_mac_equal(struct eth_addr a, struct eth_addr b)
{
    return !memcmp(&a, &b, sizeof a);
}

static inline bool
fh_mac_is_zero(struct eth_addr a)
{
    return !(a.ea[0] | a.ea[1] | a.ea[2] | a.ea[3] | a.ea[4] | a.ea[5]);
}

/* True for an address that one station can own: not zero, not multicast. */
static inline bool
fh_mac_is_unicast(struct eth_addr a)
{
    return !(a.ea[0] & 1) && !fh_mac_is_zero(a);
}

static inline struct eth_addr
fh_mac_broadcast(void)
{
    return (struct eth_addr) { .ea = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
}

/* What a router's beacons come from.  Not from its own MAC: a switch beyond the
 * other router's would learn that, and keep from it the frames of clients that
 * still send there when the path has broken. */
static inline struct eth_addr
fh_mac_of_beacons(struct eth_addr router)
{
    router.ea[0] = (router.ea[0] ^ 0x40) | 0x02;
    return router;
}

/* 'plen' is 32 at most. */
static inline ovs_be32
fh_prefix_mask(uint8_t plen)
{
    return plen ? htobe32(UINT32_MAX << (32 - plen)) : 0;
}

static inline bool
fh_prefix_contains(const struct fh_prefix *prefix, struct fh_addr addr)
{
    return !((prefix->addr.ip4 ^ addr.ip4) & fh_prefix_mask(prefix->plen));
}

static inline bool
fh_vlan_equal(const struct fh_vlan *a, const struct fh_vlan *b)
{
    return a->n == b->n
           && (a->n < 1 || a->vids[0] == b->vids[0])
           && (a->n < 2 || a->vids[1] == b->vids[1]);
}

/* lib/text.c.  Parsers return true, or false and leave '*out' alone; they
 * take exactly the whole string.  Formatters write into 'buf', which has room
 * for the FH_*_STRLEN of its type, and return it. */
int fh_addr_compare(struct fh_addr, struct fh_addr);    /* By number. */
bool fh_addr_parse(const char *, struct fh_addr *out);
char *fh_addr_format(struct fh_addr, char *buf);

bool fh_prefix_overlaps(const struct fh_prefix *, const struct fh_prefix *);
/* "10.0.0.0/24".  Host bits are kept, as an interface address has them. */
bool fh_prefix_parse(const char *, struct fh_prefix *out);
char *fh_prefix_format(const struct fh_prefix *, char *buf);

bool fh_mac_parse(const char *, struct eth_addr *out);
char *fh_mac_format(struct eth_addr, char *buf);

/* "untagged", "100" or "200.100". */
char *fh_vlan_format(const struct fh_vlan *, char *buf);

/* Exactly 16 hexadecimal digits, as `ovs-vsctl get bridge ... datapath_id`. */
bool fh_dpid_parse(const char *, uint64_t *out);
char *fh_dpid_format(uint64_t, char *buf);

#endif /* firsthop/types.h */
