/* Frames come in: takes them apart, and finds who deals with them.
 * See input.h. */
#include <config.h>

#include "controller/engine/input.h"

#include "controller/engine/defend.h"
#include "controller/engine/input_arp.h"
#include "controller/engine/input_dhcp.h"
#include "controller/engine/input_icmp.h"
#include "controller/engine/input_sender.h"
#include "controller/engine/input_uplink.h"
#include "flows/dhcp.h"

/* Where a frame has come from. */
enum side {
    SIDE_ACCESS = 1 << 0,       /* By an access port, */
    SIDE_OTHER = 1 << 1,        /* or by another. */
    SIDE_ROUTED = 1 << 2,       /* Out of ROUTE, which did not know where to
                                 * send it: no more as it came. */
};

struct row {
    uint16_t eth_type;
    uint8_t kind;               /* Operation of ARP, protocol of IPv4; 0:
                                 * any. */
    uint16_t udp_port;          /* It goes to; 0: any. */
    unsigned sides;             /* enum side, as bits. */
    input_handler *handle;
};

/* The first that fits, and takes it, has it. */
static const struct row rows[] = {
    { ETHERTYPE_ARP, ARP_OP_REPLY, 0, SIDE_ACCESS | SIDE_OTHER, input_beacon },
    { ETHERTYPE_ARP, 0, 0, SIDE_ACCESS, input_arp },
    { ETHERTYPE_ARP, 0, 0, SIDE_OTHER, input_uplink },
    { ETHERTYPE_IPV4, IPV4_PROTO_UDP, DHCP_SERVER_PORT, SIDE_ROUTED,
      input_dhcp_routed },
    { ETHERTYPE_IPV4, IPV4_PROTO_UDP, DHCP_CLIENT_PORT, SIDE_ROUTED,
      input_dhcp_routed },
    { ETHERTYPE_IPV4, 0, 0, SIDE_ROUTED, input_icmp_routed },
    { ETHERTYPE_IPV4, IPV4_PROTO_UDP, DHCP_SERVER_PORT, SIDE_ACCESS,
      input_dhcp_broadcast },
    { ETHERTYPE_IPV4, IPV4_PROTO_UDP, DHCP_CLIENT_PORT, SIDE_ACCESS,
      input_dhcp_broadcast },
    { ETHERTYPE_IPV4, 0, 0, SIDE_ACCESS, input_sender },
    { ETHERTYPE_IPV4, 0, 0, SIDE_ACCESS | SIDE_OTHER, input_icmp_lost },
};

static enum side
side_of(const struct input *in)
{
    if (in->frame->eth_type == ETHERTYPE_IPV4
        && in->pin->metadata & FLOW_META_ROUTING) {
        return SIDE_ROUTED;
    }
    return in->port ? SIDE_ACCESS : SIDE_OTHER;
}

/* The UDP port that a packet goes to, or 0. */
static uint16_t
udp_port_of(const struct ipv4 *ip)
{
    if (ip->proto != IPV4_PROTO_UDP || ip->later_fragment
        || ip->payload_len < 4) {
        return 0;
    }
    return (uint16_t) (ip->payload[2] << 8 | ip->payload[3]);
}

static void
dispatch(struct engine *en, const struct input *in)
{
    const bool is_ip = in->frame->eth_type == ETHERTYPE_IPV4;
    const uint8_t kind = is_ip ? in->ip.proto : (uint8_t) in->arp.op;
    const uint16_t port = is_ip ? udp_port_of(&in->ip) : 0;
    const enum side side = side_of(in);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];

        if (row->eth_type == in->frame->eth_type && row->sides & side
            && (!row->kind || row->kind == kind)
            && (!row->udp_port || row->udp_port == port)
            && row->handle(en, in)) {
            return;
        }
    }
}

/* Frames from our own MAC. */

/* What we say to all who are behind an access port comes back to us by
 * another that leads there as well: a question for a client, or where our
 * local address is. */
static bool
is_our_own(const struct router *router, const struct frame *frame)
{
    struct arp arp;

    if (router->config->n_access_ports < 2
        || frame->eth_type != ETHERTYPE_ARP || arp_parse(frame, &arp)
        || arp.op != ARP_OP_REQUEST) {
        return false;
    }
    for (size_t i = 0; i < router->n_segments; i++) {
        const struct segment *segment = router->segments[i];
        const struct member *me = &segment->members[router->member_index[i]];

        if (fh_addr_is_zero(arp.spa)
            || fh_addr_equal(arp.spa, me->config->address)
            || fh_addr_equal(arp.spa, segment->config->gateway)) {
            return true;
        }
    }
    return false;
}

static void
from_our_mac(struct engine *en, const struct input *in)
{
    const struct router *router = in->router;

    if (in->port && is_our_own(router, in->frame)) {
        return;
    }
    engine_drop(en, DROP_OWN_MAC);
    if (in->port) {
        size_t i = in->port - router->ports;

        defend_mac_on_access(en, in->router, router->config->access_ports[i]);
    } else {
        defend_mac_on_uplink(en, in->router, in->pin->in_port);
    }
}

/* All of them. */

/* Takes apart what is behind the tags.  Returns 0 or EPROTO. */
static int
parse(const struct frame *frame, struct input *in)
{
    return (frame->eth_type == ETHERTYPE_ARP ? arp_parse(frame, &in->arp)
            : ipv4_parse(frame, &in->ip));
}

void
input_frame(struct engine *en, struct router *router,
            const struct of_packet_in *pin)
{
    struct frame frame;
    struct input in;            /* Of its union, parse() fills what is read. */

    router->counters.punts++;
    switch (frame_parse(pin->frame, pin->len, &frame)) {
    case FRAME_OK:
        break;
    case FRAME_TOO_MANY_TAGS:
    case FRAME_RESERVED_TAG:
        engine_drop(en, DROP_TAGS);
        return;
    case FRAME_TRUNCATED:
    case FRAME_BAD_SOURCE:
        engine_drop(en, DROP_MALFORMED);
        return;
    }
    in.router = router;
    in.port = router_access_port(router, pin->in_port);
    in.pin = pin;
    in.frame = &frame;
    if (!pin->metadata && fh_mac_equal(frame.src, router->config->mac)) {
        from_our_mac(en, &in);
    } else if (parse(&frame, &in)) {
        engine_drop(en, DROP_MALFORMED);
    } else {
        dispatch(en, &in);
    }
}
