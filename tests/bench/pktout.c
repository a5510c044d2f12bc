/* Packet-outs, applied.  Called by the emulated bridge for each one. */
#include <config.h>

#include "tests/bench/pktout.h"

#define PKTOUT_FIXED_LEN 24         /* Up to the first action. */
#define MAX_FRAME 2048              /* What a push_vlan can still grow. */

struct packet {
    uint8_t *frame;
    size_t len;
    size_t l3_ofs;                  /* Behind the tags; 0: not known yet. */
    uint8_t *scratch;               /* MAX_FRAME + 8 bytes, for push_vlan. */
};

static bool
is_vlan_type(uint16_t type)
{
    return type == 0x8100 || type == 0x88a8;
}

static size_t
packet_l3(struct packet *p)
{
    if (!p->l3_ofs) {
        size_t ofs = 14;

        while (ofs + 4 <= p->len && is_vlan_type(wire_get16(p->frame
                                                            + ofs - 2))) {
            ofs += 4;
        }
        p->l3_ofs = ofs;
    }
    return p->l3_ofs;
}

/* Copies 'n' bytes to 'ofs' of the frame; false if they do not fit. */
static bool
packet_write(struct packet *p, size_t ofs, const uint8_t *value, size_t n)
{
    if (ofs + n > p->len) {
        return false;
    }
    memcpy(p->frame + ofs, value, n);
    return true;
}

/* Applies the OXM at 'oxm' ('len' bytes with its header).  A field that no
 * probe or notice uses is ignored. */
static bool
packet_set_field(struct packet *p, const uint8_t *oxm, size_t len)
{
    if (len < 4 || len < 4 + (size_t) oxm[3]) {
        return false;
    }
    if (wire_get16(oxm) != OXM_CLASS_BASIC) {
        return true;
    }

    const uint8_t *v = oxm + 4;
    size_t n = oxm[3];
    size_t l3 = packet_l3(p);
    switch (oxm[2] >> 1) {
    case OXM_ETH_DST: return packet_write(p, 0, v, n);
    case OXM_ETH_SRC: return packet_write(p, 6, v, n);
    case OXM_ARP_OP:  return packet_write(p, l3 + 6, v, n);
    case OXM_ARP_SHA: return packet_write(p, l3 + 8, v, n);
    case OXM_ARP_SPA: return packet_write(p, l3 + 14, v, n);
    case OXM_ARP_THA: return packet_write(p, l3 + 18, v, n);
    case OXM_ARP_TPA: return packet_write(p, l3 + 24, v, n);
    case OXM_VLAN_VID:
        if (n != 2 || l3 < 18) {
            return false;
        }
        wire_put16(p->frame + 14, (wire_get16(p->frame + 14) & 0xf000)
                                  | (wire_get16(v) & 0xfff));
        return true;
    default:
        return true;
    }
}

static bool
packet_push_vlan(struct packet *p, uint16_t tpid)
{
    if (p->len < 14 || p->len > MAX_FRAME) {
        return false;
    }
    memmove(p->scratch + 16, p->frame + 12, p->len - 12);
    memmove(p->scratch, p->frame, 12);
    wire_put16(p->scratch + 12, tpid);
    wire_put16(p->scratch + 14, 0);
    p->frame = p->scratch;
    p->len += 4;
    p->l3_ofs = 0;
    return true;
}

static bool
packet_pop_vlan(struct packet *p)
{
    if (packet_l3(p) < 18) {
        return false;
    }
    memmove(p->frame + 4, p->frame, 12);
    p->frame += 4;
    p->len -= 4;
    p->l3_ofs = 0;
    return true;
}

int
pktout_run(uint8_t *msg, size_t len, pktout_output_cb *output, void *aux)
{
    if (len < PKTOUT_FIXED_LEN) {
        return -1;
    }

    uint32_t in_port = wire_get32(msg + 12);
    size_t actions_len = wire_get16(msg + 16);
    if (actions_len > len - PKTOUT_FIXED_LEN) {
        return -1;
    }

    uint8_t scratch[MAX_FRAME + 8];
    const uint8_t *a = msg + PKTOUT_FIXED_LEN;
    const uint8_t *end = a + actions_len;
    struct packet p = { .frame = msg + PKTOUT_FIXED_LEN + actions_len,
                        .len = len - PKTOUT_FIXED_LEN - actions_len,
                        .scratch = scratch };
    int n = 0;
    while (a < end) {
        size_t a_len = end - a >= 8 ? wire_get16(a + 2) : 0;
        if (a_len < 8 || a_len > (size_t) (end - a)) {
            return -1;
        }

        bool ok = true;
        switch (wire_get16(a)) {
        case OFPAT_OUTPUT:
            ok = a_len >= 16;
            if (ok) {
                output(wire_get32(a + 4), in_port, p.frame, p.len, aux);
                n++;
            }
            break;
        case OFPAT_SET_FIELD:
            ok = packet_set_field(&p, a + 4, a_len - 4);
            break;
        case OFPAT_PUSH_VLAN:
            ok = packet_push_vlan(&p, wire_get16(a + 4));
            break;
        case OFPAT_POP_VLAN:
            ok = packet_pop_vlan(&p);
            break;
        }
        if (!ok) {
            return -1;
        }
        a += a_len;
    }
    return n;
}
