/* What routers owe by ICMP, and fragments.  See input_icmp.h. */
#include <config.h>

#include "controller/engine/input_icmp.h"

#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/engine/locate.h"
#include "controller/engine/router_send.h"

/* What is owed about a packet. */
struct icmp_owed {
    uint8_t type, code;
    uint16_t mtu;               /* With ICMP_FRAG_NEEDED. */
    const struct ipv4 *ip;
};

static void
send_icmp(struct engine *en, struct router *router, uint32_t port,
          const struct ipv4_envelope *envelope, struct fh_addr src,
          const struct icmp_owed *owed)
{
    const struct ipv4 *ip = owed->ip;
    size_t cap = ICMP_FRAME_MAX(ip->header_len + ip->payload_len);
    uint8_t *buf = fh_xmalloc(cap);
    size_t len = (owed->type == ICMP_ECHO_REPLY
                  ? icmp_build_echo_reply(buf, cap, envelope, ip)
                  : icmp_build_error(buf, cap, envelope, src, owed->type,
                                     owed->code, owed->mtu, ip));

    if (len) {
        router_send(router, port, buf, len);
        en->stats.icmp_answers++;
    }
    free(buf);
}

/* Who was asked for a port answers; all else is said by the router itself, as
 * 'local'.  RFC 1122, 3.2.1.3; RFC 1812, 4.3.2.4. */
static struct fh_addr
source_of(const struct icmp_owed *owed, struct fh_addr local)
{
    return (owed->type == ICMP_UNREACHABLE
            && owed->code == ICMP_PORT_UNREACHABLE ? owed->ip->dst : local);
}

/* About a packet of a client, which SOURCE has let pass: back to it. */
static void
icmp_to_client(struct engine *en, struct router *router, uint32_t in_port,
               uint64_t domain, const struct icmp_owed *owed)
{
    struct ipv4_envelope envelope = { .eth_src = router->config->mac };
    struct location at;

    if (!locate_in_domain(en, router, domain, owed->ip->src, &at)
        || !at.client || at.client->active != (int) at.member) {
        engine_drop(en, DROP_ICMP);
        return;
    }
    envelope.eth_dst = at.client->mac;
    envelope.vlan = at.client->vlan;
    send_icmp(en, router, in_port, &envelope,
              source_of(owed, at.segment->members[at.member].config->address),
              owed);
}

/* Serves somebody that address, or may somebody?  Routers that held clients
 * before the daemon's start, and have not been read, have not told whom. */
static bool
may_be_served(const struct location *at)
{
    bool may = at->client && at->client->state == CLIENT_ACTIVE;

    for (size_t i = 0; i < at->segment->n_members && !may; i++) {
        const struct router *router = at->segment->members[i].router;

        may = router->expected && !router->ready;
    }
    return may;
}

/* About a packet that 'sender' has sent from the core: back to it. */
static void
icmp_to_core(struct engine *en, struct router *router,
             const struct uplink *uplink, struct eth_addr sender,
             const struct icmp_owed *owed)
{
    struct ipv4_envelope envelope = { router->config->mac, sender,
                                      uplink->view.vlan };
    struct fh_addr src = uplink->config->address.addr;
    struct location at;

    if (locate_in_domain(en, router, flow_meta_domain(&uplink->view),
                         owed->ip->dst, &at)) {
        src = at.segment->members[at.member].config->address;
        if (owed->type == ICMP_UNREACHABLE
            && owed->code == ICMP_HOST_UNREACHABLE && may_be_served(&at)) {
            return;             /* Elsewhere: the core is behind. */
        }
    }
    send_icmp(en, router, uplink->view.port, &envelope, source_of(owed, src),
              owed);
}

/* A packet that the uplink cannot carry and that may be cut (RFC 791, 2.3;
 * RFC 1812, 4.2.2.7). */
static void
forward_fragments(struct engine *en, struct router *router,
                  const struct uplink *uplink, const struct ipv4 *ip)
{
    const struct ipv4_envelope envelope = { router->config->mac,
                                            uplink->view.next_hop_mac,
                                            uplink->view.vlan };
    uint8_t *buf;
    size_t offset = 0, len;

    if (fh_mac_is_zero(envelope.eth_dst)) {
        engine_drop(en, DROP_ICMP);       /* Not known yet. */
        return;
    }
    buf = fh_xmalloc(IPV4_FRAME_MAX(uplink->view.mtu));
    while ((len = ipv4_build_fragment(buf, &envelope, ip, uplink->view.mtu,
                                      &offset)) > 0) {
        router_send(router, uplink->view.port, buf, len);
        en->stats.fragments++;
    }
    free(buf);
}

/* Gateway or local address of a segment of that routing domain. */
static bool
is_own_address(const struct router *router, uint64_t domain,
               struct fh_addr addr)
{
    for (size_t i = 0; i < router->n_segments; i++) {
        const struct segment *segment = router->segments[i];
        const struct member *me = &segment->members[router->member_index[i]];

        if (flow_meta_domain(&me->uplink->view) == domain
            && (fh_addr_equal(segment->config->gateway, addr)
                || fh_addr_equal(me->config->address, addr))) {
            return true;
        }
    }
    return false;
}

static bool
is_for_us(const struct router *router, const struct uplink *uplink,
          struct fh_addr addr)
{
    return (fh_addr_equal(addr, uplink->config->address.addr)
            || is_own_address(router, flow_meta_domain(&uplink->view), addr));
}

/* Returns false where nothing is owed: the packet goes on in fragments. */
static bool
decide_icmp(const struct router *router, const struct uplink *uplink,
            const struct of_packet_in *pin, struct icmp_owed *owed)
{
    const struct ipv4 *ip = owed->ip;

    if (is_for_us(router, uplink, ip->dst)) {
        owed->type = (ip->proto == IPV4_PROTO_UDP ? ICMP_UNREACHABLE
                      : ICMP_ECHO_REPLY);
        owed->code = ICMP_PORT_UNREACHABLE;
    } else if (ip->ttl < 2) {
        owed->type = ICMP_TIME_EXCEEDED;
    } else if (pin->metadata & FLOW_META_LARGER) {
        owed->type = ICMP_UNREACHABLE;
        owed->code = ICMP_FRAG_NEEDED;
        owed->mtu = uplink->view.mtu;
        return ip->dont_fragment;
    } else {
        owed->type = ICMP_UNREACHABLE;
        owed->code = ICMP_HOST_UNREACHABLE;
    }
    return true;
}

/* The sender of a packet to a neighbour that is not here is told if nobody has
 * that address.  The packet has gone to the core, by which those are reached
 * whom another router serves. */
static void
neighbour(struct engine *en, const struct input *in, uint64_t domain)
{
    const struct icmp_owed owed = { ICMP_UNREACHABLE, ICMP_HOST_UNREACHABLE,
                                    0, &in->ip };
    struct location at;

    if (locate_in_domain(en, in->router, domain, in->ip.dst, &at)
        && !segment_owns(at.segment, in->ip.dst)
        && !may_be_served(&at)
        && icmp_error_allowed(&in->ip, in->frame->dst)) {
        icmp_to_client(en, in->router, in->pin->in_port, domain, &owed);
    }
}

bool
input_icmp_routed(struct engine *en, const struct input *in)
{
    uint64_t domain = input_domain(in);
    struct router *router = in->router;
    struct uplink *uplink = router_uplink_by_domain(router, domain);
    struct icmp_owed owed = { .ip = &in->ip };

    if (!uplink) {
        return true;
    }
    if (in->pin->metadata & FLOW_META_NEIGHBOUR) {
        neighbour(en, in, domain);
        return true;
    }
    if (!decide_icmp(router, uplink, in->pin, &owed)) {
        forward_fragments(en, router, uplink, &in->ip);
    } else if (owed.type == ICMP_ECHO_REPLY
               ? !icmp_is_echo_request(&in->ip)
               : !icmp_error_allowed(&in->ip, in->frame->dst)) {
        engine_drop(en, DROP_ICMP);
    } else if (in->pin->metadata & FLOW_META_FROM_ACCESS) {
        icmp_to_client(en, router, in->pin->in_port, domain, &owed);
    } else {
        icmp_to_core(en, router, uplink, in->frame->src, &owed);
    }
    return true;
}

/* Its sender is told.  The frame is as it went out, with the client's tags and
 * our MAC for the sender's. */
bool
input_icmp_lost(struct engine *en, const struct input *in)
{
    const struct icmp_owed owed = { ICMP_UNREACHABLE, ICMP_HOST_UNREACHABLE,
                                    0, &in->ip };
    const struct uplink *uplink;
    struct location at;

    if (locate_by_tags(en, in->router, &in->frame->vlan, in->ip.dst, &at)
        != LOCATE_OK
        || !at.client || at.client->state != CLIENT_LOST
        || at.client->active != (int) at.member
        || !icmp_error_allowed(&in->ip, in->frame->dst)) {
        engine_drop(en, DROP_ICMP);
        return true;
    }
    uplink = at.segment->members[at.member].uplink;
    if (in->port) {
        icmp_to_client(en, in->router, in->pin->in_port,
                       flow_meta_domain(&uplink->view), &owed);
    } else if (uplink_is_resolved(uplink)) {
        icmp_to_core(en, in->router, uplink, uplink->view.next_hop_mac,
                     &owed);
    }
    return true;
}
