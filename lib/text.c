/* Addresses, prefixes and the rest as text, and their arithmetic.
 *
 * Parsers are strict: what two programs could read differently ("010.0.0.1")
 * is refused.  No allocation, no locale, no static buffer. */
#include <config.h>

#include <firsthop/types.h>

#include <arpa/inet.h>
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define MAC_GROUPS  6
#define DPID_DIGITS 16

int
fh_addr_compare(struct fh_addr a, struct fh_addr b)
{
    uint32_t x = ntohl(a.ip4);
    uint32_t y = ntohl(b.ip4);

    return x < y ? -1 : x > y;
}

/* Takes a decimal number of at most 'max' (below 1000) off '*sp', without
 * leading zeros.  Returns it, or -1. */
static int
take_decimal(const char **sp, int max)
{
    const char *s = *sp;
    int value = 0;

    if (s[0] == '0' && s[1] >= '0' && s[1] <= '9') {
        return -1;
    }
    while (*s >= '0' && *s <= '9') {
        value = value * 10 + (*s++ - '0');
        if (value > max) {
            return -1;
        }
    }
    if (s == *sp) {
        return -1;
    }
    *sp = s;
    return value;
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    } else if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    } else if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

/* Takes a dotted quad off '*sp'. */
static bool
take_addr(const char **sp, struct fh_addr *out)
{
    uint32_t ip = 0;

    for (int i = 0; i < 4; i++) {
        int octet;

        if (i && *(*sp)++ != '.') {
            return false;
        }
        octet = take_decimal(sp, 255);
        if (octet < 0) {
            return false;
        }
        ip = ip << 8 | (uint32_t) octet;
    }
    out->ip4 = htonl(ip);
    return true;
}

bool
fh_addr_parse(const char *s, struct fh_addr *out)
{
    struct fh_addr addr;

    if (!take_addr(&s, &addr) || *s) {
        return false;
    }
    *out = addr;
    return true;
}

char *
fh_addr_format(struct fh_addr addr, char *buf)
{
    uint32_t ip = ntohl(addr.ip4);

    snprintf(buf, FH_ADDR_STRLEN, "%u.%u.%u.%u", ip >> 24, (ip >> 16) & 0xff,
             (ip >> 8) & 0xff, ip & 0xff);
    return buf;
}

bool
fh_prefix_overlaps(const struct fh_prefix *a, const struct fh_prefix *b)
{
    /* Of two prefixes that overlap the longer lies in the shorter. */
    return a->plen <= b->plen ? fh_prefix_contains(a, b->addr)
                              : fh_prefix_contains(b, a->addr);
}

bool
fh_prefix_parse(const char *s, struct fh_prefix *out)
{
    struct fh_addr addr;
    int plen;

    if (!take_addr(&s, &addr) || *s++ != '/') {
        return false;
    }
    plen = take_decimal(&s, 32);
    if (plen < 0 || *s) {
        return false;
    }
    *out = (struct fh_prefix) { .addr = addr, .plen = (uint8_t) plen };
    return true;
}

char *
fh_prefix_format(const struct fh_prefix *prefix, char *buf)
{
    char addr[FH_ADDR_STRLEN];

    assert(prefix->plen <= 32);
    snprintf(buf, FH_PREFIX_STRLEN, "%s/%u",
             fh_addr_format(prefix->addr, addr), prefix->plen);
    return buf;
}

/* "02:00:00:00:00:0a", either case, exactly two digits each. */
bool
fh_mac_parse(const char *s, struct eth_addr *out)
{
    struct eth_addr mac;

    for (int i = 0; i < MAC_GROUPS; i++) {
        int high, low;

        if (i && *s++ != ':') {
            return false;
        }
        high = hex_digit(s[0]);
        low = high < 0 ? -1 : hex_digit(s[1]);
        if (low < 0) {
            return false;
        }
        mac.ea[i] = (uint8_t) (high << 4 | low);
        s += 2;
    }
    if (*s) {
        return false;
    }
    *out = mac;
    return true;
}

char *
fh_mac_format(struct eth_addr mac, char *buf)
{
    snprintf(buf, FH_MAC_STRLEN, "%02x:%02x:%02x:%02x:%02x:%02x", mac.ea[0],
             mac.ea[1], mac.ea[2], mac.ea[3], mac.ea[4], mac.ea[5]);
    return buf;
}

char *
fh_vlan_format(const struct fh_vlan *vlan, char *buf)
{
    /* VIDs have 12 bits; the masks keep a bad one within the buffer. */
    unsigned int outer = vlan->vids[0] & 0xfff;
    unsigned int inner = vlan->vids[1] & 0xfff;

    if (!vlan->n) {
        snprintf(buf, FH_VLAN_STRLEN, "untagged");
    } else if (vlan->n == 1) {
        snprintf(buf, FH_VLAN_STRLEN, "%u", outer);
    } else {
        snprintf(buf, FH_VLAN_STRLEN, "%u.%u", outer, inner);
    }
    return buf;
}

bool
fh_dpid_parse(const char *s, uint64_t *out)
{
    uint64_t dpid = 0;

    for (int i = 0; i < DPID_DIGITS; i++) {
        int digit = hex_digit(*s);

        if (digit < 0) {
            return false;
        }
        dpid = dpid << 4 | (uint64_t) digit;
        s++;
    }
    if (*s) {
        return false;
    }
    *out = dpid;
    return true;
}

char *
fh_dpid_format(uint64_t dpid, char *buf)
{
    snprintf(buf, FH_DPID_STRLEN, "%016" PRIx64, dpid);
    return buf;
}
