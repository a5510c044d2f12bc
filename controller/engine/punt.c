/* A frame comes in: ARP from clients and from the core, and the ICMP that a
 * router owes.  Everything here is hostile until checked; what is refused is
 * counted and changes nothing. */
#include <config.h>

#include "controller/engine/punt.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/engine/defend.h"
#include "controller/engine/input_dhcp.h"
#include "controller/engine/learned.h"
#include "controller/engine/life.h"
#include "controller/engine/mark.h"
#include "controller/engine/move.h"
#include "controller/engine/nexthop.h"
#include "controller/engine/path.h"
#include "controller/engine/probe.h"
#include "controller/engine/conflict.h"
#include "controller/engine/router_send.h"
#include "controller/engine/serving.h"
#include "controller/engine/settle.h"
#include "flows/flow_base.h"

#define QUIET_MS       10000    /* RFC 5227, 2.4(c)'s DEFEND_INTERVAL. */
/* Between two of them.  Whoever forges a client's address probes could
 * otherwise keep its routers from noticing that it is gone. */
#define QUIET_PAUSE_MS 60000
#define REMINDED_MS    1000     /* So long a client may take to answer. */

/* An ARP packet from an access port. */
struct arp_in {
    struct router *router;
    struct router_port *port;
    const struct frame *frame;
    const struct arp *arp;
};

/* Segments and clients. */

static bool
in_prefixes(const struct segment *segment, struct fh_addr addr)
{
    for (size_t i = 0; i < segment->config->n_prefixes; i++) {
        if (fh_prefix_contains(&segment->config->prefixes[i], addr)) {
            return true;
        }
    }
    return false;
}

/* A host's address: not the network's nor its broadcast. */
static bool
is_host_address(const struct segment *segment, struct fh_addr addr)
{
    for (size_t i = 0; i < segment->config->n_prefixes; i++) {
        const struct fh_prefix *prefix = &segment->config->prefixes[i];
        ovs_be32 mask = fh_prefix_mask(prefix->plen);

        if (fh_prefix_contains(prefix, addr) && prefix->plen < 31
            && (!(addr.ip4 & ~mask) || (addr.ip4 | mask) == UINT32_MAX)) {
            return false;
        }
    }
    return true;
}

static bool
is_ours(const struct segment *segment, struct fh_addr addr)
{
    if (fh_addr_equal(segment->config->gateway, addr)) {
        return true;
    }
    for (size_t i = 0; i < segment->n_members; i++) {
        if (fh_addr_equal(segment->members[i].config->address, addr)) {
            return true;
        }
    }
    return false;
}

static bool
is_router_mac(const struct router *router, struct eth_addr mac)
{
    if (fh_mac_equal(router->config->mac, mac)) {
        return true;
    }
    for (size_t i = 0; i < router->n_segments; i++) {
        const struct segment *segment = router->segments[i];

        for (size_t j = 0; j < segment->n_members; j++) {
            if (fh_mac_equal(segment->members[j].router->config->mac, mac)) {
                return true;
            }
        }
    }
    return false;
}

static bool
is_to_all(const struct frame *frame)
{
    return !fh_mac_is_unicast(frame->dst);
}

enum find_result { FIND_OK, FIND_OUTSIDE, FIND_UNKNOWN_TAG };

/* Whose address is 'addr', under these tags, on this router?  On success
 * '*cp' is NULL where the segment does not know it yet. */
static enum find_result
find_client(const struct engine *en, const struct router *router,
            const struct fh_vlan *vlan, struct fh_addr addr,
            struct segment **segmentp, size_t *memberp, struct client **cp)
{
    const struct router_stack *stack = router_find_stack(router, vlan);
    const struct router_stack *end = router->stacks + router->n_stacks;
    enum find_result result = FIND_UNKNOWN_TAG;

    for (uint32_t tags = stack ? stack->tags : 0;
         stack && stack < end && stack->tags == tags; stack++) {
        struct segment *segment = router->segments[stack->segment];
        struct client *c;

        if (!in_prefixes(segment, addr)) {
            result = FIND_OUTSIDE;
            continue;
        }
        c = clients_find(en->clients, addr, segment->id);
        if (fh_vlan_equal(c ? &c->vlan : &segment->config->vlan, vlan)) {
            *segmentp = segment;
            *memberp = router->member_index[stack->segment];
            *cp = c;
            return FIND_OK;
        }
    }
    return result;
}

/* Learning. */

static bool
may_learn(struct engine *en, struct segment *segment,
          const struct arp_in *in, struct client *victims[2])
{
    static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(1000, 10);
    char text[FH_ADDR_STRLEN];

    if (segment->config->learn != LEARN_ALL) {
        engine_drop(en, DROP_UNLISTED);
        return false;
    }
    if (learned_make_room(segment, in->port, victims)) {
        return true;
    }
    engine_drop(en, DROP_LIMIT);
    log_warn_rl(&rl, "segment %s: %s on router %s is not learnt: its limit "
                "is reached", segment->config->name,
                fh_addr_format(in->arp->spa, text), in->router->config->name);
    return false;
}

static struct client *
learn(struct engine *en, struct segment *segment, size_t member,
      const struct arp_in *in)
{
    struct client *victims[2], *c;
    bool at_limit = false;

    if (!may_learn(en, segment, in, victims)) {
        return NULL;
    }
    for (size_t i = 0; i < 2; i++) {
        if (victims[i]) {
            at_limit = true;
            life_put_out(en, victims[i]);
        }
    }
    c = life_add(en, segment, in->arp->spa, CLIENT_LEARNED);
    learned_enter(c, member, in->port->number);
    learned_set_unverified(c);
    c->verify_first = at_limit;
    learned_press(c, member);
    c->reaches[member].heard_port = in->port->number;
    return c;
}

/* ARP from clients. */

static bool
is_proxied(const struct segment *segment, const struct client *c,
           struct fh_addr target)
{
    uint32_t ip = ntohl(target.ip4);

    if (!ip || ip >= 0xe0000000u || fh_addr_equal(target, c->key.address)) {
        return false;
    }
    return segment->config->proxy_arp == PROXY_ARP_ALL
           || fh_addr_equal(target, segment->config->gateway)
           || !in_prefixes(segment, target);
}

static void
answer(struct engine *en, struct client *c, const struct arp_in *in)
{
    struct arp reply = {
        .op = ARP_OP_REPLY,
        .sha = in->router->config->mac, .spa = in->arp->tpa,
        .tha = in->arp->sha, .tpa = in->arp->spa,
    };

    router_send_arp(in->router, in->port->number, in->arp->sha,
                    &in->frame->vlan, &reply);
    en->stats.arp_answers++;
    client_note_answered(c, in->arp->tpa, engine_now_ms(en));
}

/* The active router has heard a request of its client. */
static void
active_request(struct engine *en, struct client *c, size_t member,
               const struct arp_in *in)
{
    struct reach *r = &c->reaches[member];

    if (r->port != in->port->number && reach_is_up(r)) {
        conflict_claims(en, c, member, in->arp->sha, in->port->number);
    } else if (takeover_is_untold(&c->takeover)) {
        c->asked = in->arp->tpa;
        c->asked_members |= UINT32_C(1) << member;
    } else {
        answer(en, c, in);
    }
}

static void
known_request(struct engine *en, struct client *c, size_t member,
              const struct arp_in *in)
{
    struct reach *r = &c->reaches[member];
    bool asks = (!arp_is_announcement(in->arp)
                 && is_proxied(c->segment, c, in->arp->tpa));

    if (asks && c->state == CLIENT_ACTIVE && c->active != (int) member
        && client_answered_by(c) == (int) member
        && r->port == in->port->number) {
        answer(en, c, in);      /* It still serves it. */
    }
    if (c->state == CLIENT_ACTIVE && c->active == (int) member) {
        if (asks) {
            active_request(en, c, member, in);
        }
    } else if (c->state != CLIENT_ACTIVE) {
        settle_discover(en, c, member, in->port->number,
                        asks ? in->arp->tpa : (struct fh_addr) { 0 });
    } else if (!reach_is_up(r) && !r->outstanding) {
        probe_now(en, c, member);     /* It is to be heard again. */
    }
}

/* Not by another port than the one where it answers. */
static bool
is_at_its_place(const struct client *c, size_t member,
                const struct arp_in *in)
{
    const struct reach *r = &c->reaches[member];

    return !reach_is_up(r) || r->port == in->port->number;
}

/* By another port than the one where it was when its bridge was lost, which
 * has not been found silent yet. */
static bool
comes_too_early(const struct client *c, size_t member,
                const struct arp_in *in)
{
    const struct reach *r = &c->reaches[member];

    return (c->active == (int) member && r->state == REACH_UNKNOWN
            && r->port && r->port != in->port->number);
}

static void
address_probe(struct engine *en, const struct arp_in *in)
{
    int64_t now_ms = engine_now_ms(en);
    struct segment *segment;
    struct client *c;
    size_t member;

    engine_drop(en, DROP_PROBE);
    if (find_client(en, in->router, &in->frame->vlan, in->arp->tpa, &segment,
                    &member, &c) != FIND_OK
        || !c || !fh_mac_equal(c->mac, in->arp->sha)
        || !is_at_its_place(c, member, in) || now_ms < c->quiet_again_ms) {
        return;
    }
    c->quiet_until_ms = now_ms + QUIET_MS;
    c->quiet_again_ms = now_ms + QUIET_PAUSE_MS;
    for (size_t i = 0; i < c->n_reaches; i++) {
        c->reaches[i].outstanding = false;
    }
}

static void
access_request(struct engine *en, struct segment *segment, size_t member,
               struct client *c, const struct arp_in *in)
{
    if (!is_host_address(segment, in->arp->spa)) {
        engine_drop(en, DROP_OUTSIDE);
        return;
    }
    if (!c) {
        c = learn(en, segment, member, in);
        if (!c) {
            return;
        }
    }
    if (fh_mac_is_zero(c->mac)) {
        if (!c->claim.contested) {
            c->mac = in->arp->sha;
        }
    } else if (!fh_mac_equal(c->mac, in->arp->sha)
               && !conflict_claims(en, c, member, in->arp->sha,
                                in->port->number)) {
        defend_client(en, c);
        return;
    }
    if (!c->vlan.tpid || c->state != CLIENT_ACTIVE) {
        c->vlan.tpid = in->frame->vlan.tpid;
    }
    known_request(en, c, member, in);
}

/* Somebody answers for the client who was not asked. */
static void
report_forged(struct engine *en, struct client *c, size_t member,
              const struct arp_in *in)
{
    size_t port = in->port - in->router->ports;
    struct incident e = serving_event(c, INCIDENT_CLIENT_FORGED);

    if (!guard_tells(&c->forged_guard, engine_now_ms(en))) {
        return;
    }
    serving_name_member(e.to, c, member);
    snprintf(e.detail, sizeof e.detail,
             "replies that nobody asked for, by port %.40s",
             in->router->config->access_ports[port]);
    engine_report(en, &e);
}

/* An answer to a probe. */
static void
reply_to_probe(struct engine *en, struct client *c, size_t member,
               const struct arp_in *in)
{
    struct reach *r = &c->reaches[member];
    bool anonymous = fh_addr_is_zero(in->arp->tpa);
    enum reach_event event;
    int64_t next_ms;
    bool first;

    if (!reach_expects(r, &c->segment->probe, engine_now_ms(en))
        || anonymous != r->anonymous) {
        engine_drop(en, DROP_UNASKED);
        if (reach_unasked(r, anonymous, engine_now_ms(en))) {
            report_forged(en, c, member, in);
            probe_afresh(en, c, member);
        }
        if (c->active == (int) member
            && reach_is_unbelieved(r, engine_now_ms(en))) {
            mark_client(en, c, CLIENT_WANTS_ELECTION, CAUSE_NONE);
        }
        return;
    }
    if (!is_at_its_place(c, member, in)) {
        conflict_answers(en, c, in->arp->sha);
        return;
    }
    if (comes_too_early(c, member, in)) {
        conflict_claims(en, c, member, in->arp->sha, in->port->number);
        return;
    }
    conflict_place_answered(en, c, member, in->arp->sha);
    first = c->unanswered;
    learned_set_verified(c);
    if (first) {
        settle_verified(en, c);
    }
    if (!c->vlan.tpid) {
        c->vlan.tpid = in->frame->vlan.tpid;
    }
    event = reach_reply(r, &c->segment->probe, in->port->number, en->now_us,
                        &next_ms);
    wheel_arm(en->wheel, &r->timer, next_ms);
    probe_reach_event(en, c, member, event, CAUSE_NONE);
    probe_answered(en, c, member);
}

/* A reply that goes to everybody: it answers no question, and says where its
 * sender is to all who know it. */
static void
access_reply_to_all(struct engine *en, size_t member, struct client *c,
                    const struct arp_in *in)
{
    if (c && !fh_mac_is_zero(c->mac)
        && !fh_mac_equal(c->mac, in->arp->sha)) {
        conflict_claims(en, c, member, in->arp->sha, in->port->number);
        defend_client(en, c);
    } else {
        engine_drop(en, DROP_UNASKED);
    }
}

static void
access_reply(struct engine *en, struct segment *segment, size_t member,
             struct client *c, const struct arp_in *in)
{
    if (is_to_all(in->frame)) {
        access_reply_to_all(en, member, c, in);
        return;
    }
    if (!c || !fh_mac_equal(in->arp->tha, in->router->config->mac)) {
        engine_drop(en, DROP_UNASKED);
        return;
    }
    if (!fh_mac_is_zero(c->mac) && !fh_mac_equal(c->mac, in->arp->sha)) {
        conflict_answers(en, c, in->arp->sha);
        return;
    }
    if (fh_addr_is_zero(in->arp->tpa)
        || fh_addr_equal(in->arp->tpa,
                         segment->members[member].config->address)) {
        reply_to_probe(en, c, member, in);
    } else if (c->active == (int) member && c->reminded_ms
               && engine_now_ms(en) - c->reminded_ms < REMINDED_MS) {
        return;                 /* It has been told of the gateway anew. */
    } else if (takeover_awaits_ack(&c->takeover, (int) member)
               && c->reaches[member].port == in->port->number) {
        move_acked(en, c, member);
    } else {
        engine_drop(en, DROP_UNASKED);
    }
}

static void
access_arp(struct engine *en, const struct arp_in *in)
{
    struct segment *segment;
    struct client *c;
    size_t member;

    if (is_router_mac(in->router, in->arp->sha)) {
        return;                 /* A peer router's probe, flooded to us. */
    }
    if (arp_is_address_probe(in->arp)) {
        address_probe(en, in);
        return;
    }
    switch (find_client(en, in->router, &in->frame->vlan, in->arp->spa,
                        &segment, &member, &c)) {
    case FIND_OUTSIDE:
        engine_drop(en, DROP_OUTSIDE);
        return;
    case FIND_UNKNOWN_TAG:
        engine_drop(en, DROP_UNKNOWN_TAG);
        return;
    case FIND_OK:
        break;
    }
    if (is_ours(segment, in->arp->spa)) {
        static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(10000, 5);
        char ip[FH_ADDR_STRLEN], mac[FH_MAC_STRLEN];

        engine_drop(en, DROP_OWN_ADDRESS);
        log_warn_rl(&rl, "segment %s: %s claims our address %s",
                    segment->config->name, fh_mac_format(in->arp->sha, mac),
                    fh_addr_format(in->arp->spa, ip));
        defend_address(en, segment, in->router, in->arp->sha, in->arp->spa,
                       is_to_all(in->frame));
    } else if (in->arp->op == ARP_OP_REQUEST) {
        access_request(en, segment, member, c, in);
    } else {
        access_reply(en, segment, member, c, in);
    }
}

/* ARP from the core. */

/* The client that this router answers for on that uplink, or NULL. */
static struct client *
find_behind(const struct engine *en, const struct router *router,
            const struct uplink *uplink, struct fh_addr addr)
{
    for (size_t i = 0; i < router->n_segments; i++) {
        struct segment *segment = router->segments[i];
        size_t member = router->member_index[i];
        struct client *c;

        if (segment->members[member].uplink != uplink
            || !in_prefixes(segment, addr)) {
            continue;
        }
        c = clients_find(en->clients, addr, segment->id);
        if (c && client_answered_by(c) == (int) member) {
            return c;
        }
    }
    return NULL;
}

/* Its sender speaks as the next hop.  Is it believed? */
static bool
is_next_hop(struct engine *en, struct router *router,
            struct uplink *uplink, const struct frame *frame,
            const struct arp *arp)
{
    bool asks = (arp->op == ARP_OP_REQUEST && !arp_is_announcement(arp)
                 && !fh_addr_equal(arp->tpa, uplink->config->address.addr));

    nexthop_act(en, router, uplink,
                uplink_heard(uplink, arp->sha, frame->vlan.tpid, asks,
                             engine_now_ms(en)));
    return fh_mac_equal(uplink->view.next_hop_mac, arp->sha);
}

/* Its sender, no router, speaks from our address or from a client's. */
static bool
is_stolen(struct engine *en, struct router *router, struct uplink *uplink,
          const struct frame *frame, const struct arp *arp)
{
    struct client *c;

    if (fh_addr_equal(arp->spa, uplink->config->address.addr)) {
        engine_drop(en, DROP_OWN_ADDRESS);
        defend_uplink(en, router, uplink, arp->sha, is_to_all(frame));
        return true;
    }
    c = find_behind(en, router, uplink, arp->spa);
    if (!c) {
        return false;
    }
    engine_drop(en, DROP_RIVAL);
    defend_route(en, c, arp->sha, is_to_all(frame));
    return true;
}

static void
uplink_arp(struct engine *en, struct router *router,
           struct uplink *uplink, const struct frame *frame,
           const struct arp *arp)
{
    bool from_next_hop = fh_addr_equal(arp->spa, uplink->config->next_hop);
    bool asks_us = fh_addr_equal(arp->tpa, uplink->config->address.addr);
    struct client *c = find_behind(en, router, uplink, arp->tpa);

    if (is_router_mac(router, arp->sha)) {
        return;
    }
    if (is_stolen(en, router, uplink, frame, arp)) {
        return;
    }
    if (from_next_hop && arp_is_announcement(arp)) {
        is_next_hop(en, router, uplink, frame, arp);
        return;
    }
    if (arp->op == ARP_OP_REPLY) {
        if (!fh_mac_equal(arp->tha, router->config->mac) || !from_next_hop) {
            engine_drop(en, DROP_UNASKED);
            return;
        }
        if (is_next_hop(en, router, uplink, frame, arp) && c) {
            takeover_core_acked(&c->takeover, c->active);
        }
        return;
    }
    if (from_next_hop && (asks_us || c)) {
        is_next_hop(en, router, uplink, frame, arp);
    }
    if (asks_us || (c && (c->segment->config->upstream == UPSTREAM_ARP
                          || c->segment->config->upstream
                             == UPSTREAM_CORE))) {
        struct arp reply = {
            .op = ARP_OP_REPLY,
            .sha = router->config->mac, .spa = arp->tpa,
            .tha = arp->sha, .tpa = arp->spa,
        };

        if (!fh_addr_is_zero(arp->spa)) {
            router_send_arp(router, uplink->view.port, arp->sha,
                            &frame->vlan, &reply);
            en->stats.arp_answers++;
        }
    }
}

/* ICMP. */

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

/* The client of that address which this router serves over that domain. */
static struct client *
find_in_domain(const struct engine *en, const struct router *router,
               uint64_t domain, struct fh_addr addr, size_t *memberp,
               struct segment **segmentp)
{
    for (size_t i = 0; i < router->n_segments; i++) {
        struct segment *segment = router->segments[i];
        size_t member = router->member_index[i];

        if (flow_meta_domain(&segment->members[member].uplink->view) == domain
            && in_prefixes(segment, addr)) {
            *memberp = member;
            *segmentp = segment;
            return clients_find(en->clients, addr, segment->id);
        }
    }
    *segmentp = NULL;
    return NULL;
}

/* About a packet of a client, which SOURCE has let pass: back to it. */
static void
icmp_to_client(struct engine *en, struct router *router, uint32_t in_port,
               uint64_t domain, const struct icmp_owed *owed)
{
    struct segment *segment;
    size_t member;
    struct client *c = find_in_domain(en, router, domain, owed->ip->src,
                                      &member, &segment);
    struct ipv4_envelope envelope;

    if (!c || c->active != (int) member) {
        engine_drop(en, DROP_ICMP);
        return;
    }
    envelope = (struct ipv4_envelope) { router->config->mac, c->mac,
                                        c->vlan };
    send_icmp(en, router, in_port, &envelope,
              segment->members[member].config->address, owed);
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
    struct segment *segment;
    size_t member;
    struct client *c = find_in_domain(en, router,
                                      flow_meta_domain(&uplink->view),
                                      owed->ip->dst, &member, &segment);

    if (segment) {
        src = segment->members[member].config->address;
    }
    if (owed->type == ICMP_UNREACHABLE && c && c->state == CLIENT_ACTIVE) {
        return;                 /* Served elsewhere: the core is behind. */
    }
    send_icmp(en, router, uplink->view.port, &envelope, src, owed);
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
        owed->type = ICMP_ECHO_REPLY;
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

static struct uplink *
find_uplink(const struct router *router, uint64_t domain)
{
    for (size_t i = 0; i < router->n_uplinks; i++) {
        if (flow_meta_domain(&router->uplinks[i].view) == domain) {
            return &router->uplinks[i];
        }
    }
    return NULL;
}

/* Before it was sent anywhere: it is as it came, but for its tags. */
static void
routing_punt(struct engine *en, struct router *router,
             const struct of_packet_in *pin, const struct frame *frame,
             const struct ipv4 *ip)
{
    uint64_t domain = pin->metadata & (FLOW_META_DOMAIN_MASK
                                       | FLOW_META_ROUTING);
    struct uplink *uplink = find_uplink(router, domain);
    struct icmp_owed owed = { .ip = ip };

    if (!uplink) {
        return;
    }
    if (input_is_dhcp(ip)) {
        input_dhcp_routed(en, router, uplink,
                          (pin->metadata & FLOW_META_FROM_ACCESS) != 0, ip);
        return;
    }
    if (!decide_icmp(router, uplink, pin, &owed)) {
        forward_fragments(en, router, uplink, ip);
        return;
    }
    if (owed.type == ICMP_ECHO_REPLY ? !icmp_is_echo_request(ip)
        : !icmp_error_allowed(ip, frame->dst)) {
        engine_drop(en, DROP_ICMP);
        return;
    }
    if (pin->metadata & FLOW_META_FROM_ACCESS) {
        icmp_to_client(en, router, pin->in_port, domain, &owed);
    } else {
        icmp_to_core(en, router, uplink, frame->src, &owed);
    }
}

/* It has been sent to a client that is lost: who sent it is told.  The frame
 * is as it went out, with the client's tags and our MAC for the sender's. */
static void
lost_punt(struct engine *en, struct router *router,
          const struct of_packet_in *pin, const struct frame *frame,
          const struct ipv4 *ip)
{
    const struct icmp_owed owed = { ICMP_UNREACHABLE, ICMP_HOST_UNREACHABLE,
                                    0, ip };
    const struct uplink *uplink;
    struct segment *segment;
    struct client *c;
    size_t member;

    if (find_client(en, router, &frame->vlan, ip->dst, &segment, &member, &c)
        != FIND_OK
        || !c || c->state != CLIENT_LOST || c->active != (int) member
        || !icmp_error_allowed(ip, frame->dst)) {
        engine_drop(en, DROP_ICMP);
        return;
    }
    uplink = segment->members[member].uplink;
    if (router_access_port(router, pin->in_port)) {
        icmp_to_client(en, router, pin->in_port,
                       flow_meta_domain(&uplink->view), &owed);
    } else if (uplink_is_resolved(uplink)) {
        icmp_to_core(en, router, uplink, uplink->view.next_hop_mac, &owed);
    }
}

static void
icmp_punt(struct engine *en, struct router *router,
          const struct of_packet_in *pin, const struct frame *frame)
{
    struct ipv4 ip;

    if (ipv4_parse(frame, &ip)) {
        engine_drop(en, DROP_MALFORMED);
    } else if (pin->metadata & FLOW_META_ROUTING) {
        routing_punt(en, router, pin, frame, &ip);
    } else if (input_is_dhcp(&ip) && router_access_port(router, pin->in_port)
               && !fh_mac_is_unicast(frame->dst)) {
        input_dhcp_broadcast(en, router, pin->in_port, frame, &ip);
    } else {
        lost_punt(en, router, pin, frame, &ip);
    }
}

/* All of them. */

/* A client speaks for itself, from its own MAC. */
static void
access_punt(struct engine *en, struct router *router,
            struct router_port *port, const struct frame *frame,
            const struct arp *arp)
{
    struct arp_in in = { router, port, frame, arp };

    if (fh_mac_equal(arp->sha, frame->src)) {
        access_arp(en, &in);
    } else {
        engine_drop(en, DROP_MALFORMED);
    }
}

static void
arp_punt(struct engine *en, struct router *router,
         const struct of_packet_in *pin, const struct frame *frame)
{
    struct router_port *port = router_access_port(router, pin->in_port);
    struct uplink *uplink;
    struct arp arp;

    if (arp_parse(frame, &arp)) {
        engine_drop(en, DROP_MALFORMED);
        return;
    }
    if (path_heard(en, router, pin->in_port, frame, &arp)) {
        return;
    }
    if (port) {
        access_punt(en, router, port, frame, &arp);
        return;
    }
    uplink = router_uplink_by_port(router, pin->in_port, &frame->vlan);
    if (uplink) {
        uplink_arp(en, router, uplink, frame, &arp);
    } else {
        engine_drop(en, router_is_uplink_port(router, pin->in_port)
                    ? DROP_UNKNOWN_TAG : DROP_UNKNOWN_PORT);
    }
}

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
own_mac_punt(struct engine *en, struct router *router,
             const struct of_packet_in *pin, const struct frame *frame)
{
    const struct router_port *port = router_access_port(router, pin->in_port);

    if (port && is_our_own(router, frame)) {
        return;
    }
    engine_drop(en, DROP_OWN_MAC);
    if (port) {
        defend_mac_on_access(
            en, router, router->config->access_ports[port - router->ports]);
    } else {
        defend_mac_on_uplink(en, router, pin->in_port);
    }
}

void
punt_packet_in(struct engine *en, struct router *router,
               const struct of_packet_in *pin)
{
    struct frame frame;

    router->counters.punts++;
    switch (frame_parse(pin->frame, pin->len, &frame)) {
    case FRAME_OK:
        if (!pin->metadata && fh_mac_equal(frame.src, router->config->mac)) {
            own_mac_punt(en, router, pin, &frame);
            return;
        }
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
    if (frame.eth_type == ETHERTYPE_ARP) {
        arp_punt(en, router, pin, &frame);
    } else {
        icmp_punt(en, router, pin, &frame);
    }
}
