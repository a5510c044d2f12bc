/* OXM matches, read byte by byte.  Used by the emulated flow tables. */
#include <config.h>

#include "tests/bench/oxm.h"

#include "flows/flow_base.h"

bool
oxm_next(const uint8_t **p, const uint8_t *end, struct oxm *oxm)
{
    if (end - *p < 4) {
        return false;
    }

    const uint8_t *t = *p;
    size_t n = t[3];
    bool masked = t[2] & 1;
    if ((size_t) (end - t) < 4 + n || (masked && n % 2)) {
        return false;
    }
    oxm->class = wire_get16(t);
    oxm->field = t[2] >> 1;
    oxm->len = (uint8_t) (masked ? n / 2 : n);
    oxm->value = t + 4;
    oxm->mask = masked ? t + 4 + n / 2 : NULL;
    *p = t + 4 + n;
    return true;
}

static uint8_t
mask_byte(const struct oxm *o, size_t i)
{
    return o->mask ? o->mask[i] : 0xff;
}

/* True if 'narrow' fixes at least the bits that 'wide' does, to the same. */
static bool
field_covers(const struct oxm *wide, const struct oxm *narrow)
{
    if (wide->len != narrow->len) {
        return false;
    }
    for (size_t i = 0; i < wide->len; i++) {
        uint8_t w = mask_byte(wide, i);

        if ((w & ~mask_byte(narrow, i))
            || ((wide->value[i] ^ narrow->value[i]) & w)) {
            return false;
        }
    }
    return true;
}

bool
oxm_covers(const uint8_t *wide, size_t wide_len,
           const uint8_t *narrow, size_t narrow_len)
{
    const uint8_t *w = wide;
    struct oxm wo, no;

    while (oxm_next(&w, wide + wide_len, &wo)) {
        const uint8_t *n = narrow;
        bool found = false;

        while (!found && oxm_next(&n, narrow + narrow_len, &no)) {
            found = (wo.class == no.class && wo.field == no.field
                     && field_covers(&wo, &no));
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

static bool
is_exact(const struct oxm *o)
{
    for (size_t i = 0; i < o->len; i++) {
        if (mask_byte(o, i) != 0xff) {
            return false;
        }
    }
    return true;
}

static bool
is_about_udp(const struct oxm *o)
{
    return o->class == OXM_CLASS_BASIC && o->field == OXM_IP_PROTO
           && o->len == 1 && o->value[0] == IP_PROTO_UDP;
}

uint32_t
oxm_ip_host(const uint8_t *tlvs, size_t len)
{
    const uint8_t *p = tlvs;
    uint32_t src = 0, dst = 0;
    struct oxm o;

    while (oxm_next(&p, tlvs + len, &o)) {
        if (is_about_udp(&o)) {
            return 0;
        }
        if (o.len != 4 || !is_exact(&o)) {
            continue;
        }
        if (o.class == OXM_CLASS_NX1 && (o.field == FLOW_REG_SENDER
                                         || o.field == FLOW_REG_CLIENT)) {
            return wire_get32(o.value);
        }
        if (o.class != OXM_CLASS_BASIC) {
            continue;
        }
        if (o.field == OXM_IPV4_SRC) {
            src = wire_get32(o.value);
        }
        if (o.field == OXM_IPV4_DST) {
            dst = wire_get32(o.value);
        }
    }
    return src ? src : dst;
}

/* Compares 'o' with the 'n' bytes of the packet at 'actual'. */
static bool
field_is(const struct oxm *o, const uint8_t *actual, size_t n)
{
    if (o->len != n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if ((o->value[i] ^ actual[i]) & mask_byte(o, i)) {
            return false;
        }
    }
    return true;
}

static bool
arp_matches(const struct oxm *o, const uint8_t *frame)
{
    switch (o->field) {
    case OXM_ARP_OP:  return field_is(o, frame + ARP_OFF_OP, 2);
    case OXM_ARP_SPA: return field_is(o, frame + ARP_OFF_SPA, 4);
    case OXM_ARP_TPA: return field_is(o, frame + ARP_OFF_TPA, 4);
    case OXM_ARP_SHA: return field_is(o, frame + ARP_OFF_SHA, 6);
    case OXM_ARP_THA: return field_is(o, frame + ARP_OFF_THA, 6);
    default:          return false;
    }
}

static bool
udp_matches(const struct oxm *o, const uint8_t *frame)
{
    switch (o->field) {
    case OXM_IP_PROTO: return field_is(o, frame + IP_OFF_PROTO, 1);
    case OXM_IPV4_SRC: return field_is(o, frame + IP_OFF_SRC, 4);
    case OXM_IPV4_DST: return field_is(o, frame + IP_OFF_DST, 4);
    case OXM_UDP_SRC:  return field_is(o, frame + UDP_OFF_SRC, 2);
    case OXM_UDP_DST:  return field_is(o, frame + UDP_OFF_DST, 2);
    default:           return false;
    }
}

static bool
field_matches(const struct oxm *o, const struct oxm_frame *f,
              uint64_t metadata)
{
    uint8_t number[8];

    if (o->class == OXM_CLASS_NX1) {
        wire_put32(number, o->field == FLOW_REG_AWAKE ? FLOW_AWAKE : 0);
        return field_is(o, number, 4);
    }
    if (o->class != OXM_CLASS_BASIC) {
        return false;
    }
    switch (o->field) {
    case OXM_IN_PORT:
        wire_put32(number, f->in_port);
        return field_is(o, number, 4);
    case OXM_METADATA:
        wire_put64(number, metadata);
        return field_is(o, number, 8);
    case OXM_ETH_DST:  return field_is(o, f->frame, 6);
    case OXM_ETH_SRC:  return field_is(o, f->frame + 6, 6);
    case OXM_ETH_TYPE: return field_is(o, f->frame + 12, 2);
    case OXM_VLAN_VID:
        wire_put16(number, 0);          /* OFPVID_NONE */
        return field_is(o, number, 2);
    default:
        return (wire_get16(f->frame + 12) == 0x0806
                ? arp_matches(o, f->frame) : udp_matches(o, f->frame));
    }
}

bool
oxm_matches(const uint8_t *tlvs, size_t len, const struct oxm_frame *frame,
            uint64_t metadata)
{
    const uint8_t *p = tlvs;
    struct oxm o;

    while (oxm_next(&p, tlvs + len, &o)) {
        if (!field_matches(&o, frame, metadata)) {
            return false;
        }
    }
    return p == tlvs + len;
}
