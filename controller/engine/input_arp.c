/* ARP comes in from clients.  See input_arp.h.
 *
 *   request        answered by the active router; a host that is not known is
 *                  learnt, one that is not served is discovered
 *   reply          to a probe, or to the notice of a takeover; to everybody:
 *                  an announcement, taken like a request
 *   address probe  (RFC 5227) its sender will be busy for a while
 *   anything from an address that is ours, or a client's: somebody defends it
 */
#include <config.h>

#include "controller/engine/input_arp.h"

#include <netinet/in.h>

#include "controller/engine/conflict.h"
#include "controller/engine/defend.h"
#include "controller/engine/learned.h"
#include "controller/engine/life.h"
#include "controller/engine/locate.h"
#include "controller/engine/mark.h"
#include "controller/engine/move.h"
#include "controller/engine/mute.h"
#include "controller/engine/path.h"
#include "controller/engine/probe.h"
#include "controller/engine/router_send.h"
#include "controller/engine/serving.h"
#include "controller/engine/search.h"
#include "controller/engine/settle.h"

#define REMINDED_MS 1000        /* So long a client may take to answer. */

/* Requests. */

/* Who asks is waiting for an answer; of who announces itself by a reply nobody
 * is told before it has answered. */
static struct client *
learn(struct engine *en, const struct location *at, const struct input *in)
{
    const struct sighting seen = {
        .how = (in->arp.op == ARP_OP_REQUEST
                ? SIGHTED_REQUEST : SIGHTED_TRAFFIC),
        .origin = CLIENT_LEARNED,
        .segment = at->segment, .address = in->arp.spa, .mac = in->arp.sha,
        .member = at->member, .port = in->port->number,
    };

    return life_sighted(en, &seen);
}

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
           || !segment_contains(segment, target);
}

static void
answer(struct engine *en, struct client *c, const struct input *in)
{
    struct arp reply = {
        .op = ARP_OP_REPLY,
        .sha = in->router->config->mac, .spa = in->arp.tpa,
        .tha = in->arp.sha, .tpa = in->arp.spa,
    };

    router_send_arp(in->router, in->port->number, in->arp.sha,
                    &in->frame->vlan, &reply);
    en->stats.arp_answers++;
    client_note_answered(c, in->arp.tpa, engine_now_ms(en));
}

/* The active router has heard a request of its client. */
static void
active_request(struct engine *en, struct client *c, size_t member,
               const struct input *in)
{
    struct reach *r = &c->reaches[member];

    if (r->port != in->port->number && reach_is_up(r)) {
        conflict_claims(en, c, member, in->arp.sha, in->port->number);
    } else if (takeover_is_untold(&c->takeover)) {
        c->asked = in->arp.tpa;
        c->asked_members |= UINT32_C(1) << member;
    } else {
        answer(en, c, in);
    }
}

static void
known_request(struct engine *en, struct client *c, size_t member,
              const struct input *in)
{
    struct reach *r = &c->reaches[member];
    bool asks = (in->arp.op == ARP_OP_REQUEST && !arp_is_announcement(&in->arp)
                 && is_proxied(c->segment, c, in->arp.tpa));

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
                        asks ? in->arp.tpa : (struct fh_addr) { 0 });
    } else if (!reach_is_up(r) && !r->outstanding) {
        probe_now(en, c, member);     /* It is to be heard again. */
    }
}

/* Not by another port than the one where it answers. */
static bool
is_at_its_place(const struct client *c, size_t member,
                const struct input *in)
{
    const struct reach *r = &c->reaches[member];

    return !reach_is_up(r) || r->port == in->port->number;
}

/* By another port than the one where it was when its bridge was lost, which
 * has not been found silent yet. */
static bool
comes_too_early(const struct client *c, size_t member,
                const struct input *in)
{
    const struct reach *r = &c->reaches[member];

    return (c->active == (int) member && r->state == REACH_UNKNOWN
            && r->port && r->port != in->port->number);
}

static void
address_probe(struct engine *en, const struct input *in)
{
    struct location at;
    struct client *c;

    engine_drop(en, DROP_PROBE);
    mute_note_request(en, in);
    if (locate_by_tags(en, in->router, &in->frame->vlan, in->arp.tpa, &at)
        != LOCATE_OK) {
        return;
    }
    c = at.client;
    if (!c || !fh_mac_equal(c->mac, in->arp.sha)
        || !is_at_its_place(c, at.member, in)
        || !client_checks_address(c, engine_now_ms(en))) {
        return;
    }
    for (size_t i = 0; i < c->n_reaches; i++) {
        c->reaches[i].outstanding = false;
    }
}

/* From the client's own MAC. */
static void
take_own_word(struct engine *en, struct client *c, size_t member,
              const struct input *in)
{
    if (!c->vlan.tpid || c->state != CLIENT_ACTIVE) {
        c->vlan.tpid = in->frame->vlan.tpid;
    }
    known_request(en, c, member, in);
}

/* A request; or a reply to everybody, which answers no question and says where
 * its sender is, as an announcement does (RFC 5227, 3).  Not from the MAC that
 * the client has. */
static void
take_word(struct engine *en, const struct location *at,
          const struct input *in)
{
    struct client *c = at->client;

    if (!c) {
        if (in->arp.op == ARP_OP_REQUEST) {
            mute_note_request(en, in);
        }
        if (!segment_is_host_address(at->segment, in->arp.spa)) {
            engine_drop(en, DROP_OUTSIDE);
            return;
        }
        c = learn(en, at, in);
        if (!c) {
            return;
        }
    }
    if (fh_mac_is_zero(c->mac)) {
        if (!c->claim.contested) {
            client_set_mac(c, in->arp.sha);
        }
    } else if (!fh_mac_equal(c->mac, in->arp.sha)
               && !conflict_claims(en, c, at->member, in->arp.sha,
                                   in->port->number)) {
        defend_client(en, c);
        return;
    }
    take_own_word(en, c, at->member, in);
}

/* Replies. */

/* Somebody answers for the client who was not asked. */
static void
report_forged(struct engine *en, struct client *c, size_t member,
              const struct input *in)
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
               const struct input *in)
{
    struct reach *r = &c->reaches[member];
    bool anonymous = fh_addr_is_zero(in->arp.tpa);
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
        conflict_answers(en, c, in->arp.sha);
        return;
    }
    if (comes_too_early(c, member, in)) {
        conflict_claims(en, c, member, in->arp.sha, in->port->number);
        return;
    }
    conflict_place_answered(en, c, member, in->arp.sha);
    first = c->unanswered;
    learned_set_verified(c);
    if (first) {
        settle_verified(en, c);
    }
    if (!c->vlan.tpid) {
        c->vlan.tpid = in->frame->vlan.tpid;
    }
    window_answered(&in->port->window, r->probed_ms, engine_now_ms(en));
    event = reach_reply(r, &c->segment->probe, in->port->number, en->now_us,
                        &next_ms);
    wheel_arm(en->wheel, &r->timer, conflict_next_ms(en, c, next_ms));
    probe_reach_event(en, c, member, event, CAUSE_NONE);
    probe_answered(en, c, member);
}

/* It answered the first notice, or one of those that repeated it. */
static void
note_ack(const struct engine *en, const struct client *c,
         const struct input *in)
{
    int64_t now_ms = engine_now_ms(en);

    window_answered(&in->port->window,
                    (uint32_t) (now_ms - takeover_ack_ms(&c->takeover,
                                                         now_ms)), now_ms);
}

/* A reply to the router, from the MAC that the client has, as far as that is
 * known. */
static void
reply_of_client(struct engine *en, struct client *c, size_t member,
                const struct input *in)
{
    if (fh_addr_is_zero(in->arp.tpa)
        || fh_addr_equal(in->arp.tpa,
                         c->segment->members[member].config->address)) {
        reply_to_probe(en, c, member, in);
    } else if (c->active == (int) member && c->reminded_ms
               && engine_now_ms(en) - c->reminded_ms < REMINDED_MS) {
        return;                 /* It has been told of the gateway anew. */
    } else if (takeover_awaits_ack(&c->takeover, (int) member)
               && c->reaches[member].port == in->port->number) {
        move_acked(en, c, member);
        note_ack(en, c, in);
    } else {
        engine_drop(en, DROP_UNASKED);
    }
}

/* A host that was searched for: it is asked once more, as any that has been
 * heard of. */
static void
take_found(struct engine *en, const struct location *at,
           const struct input *in)
{
    const struct sighting seen = {
        .how = SIGHTED_TRAFFIC, .origin = CLIENT_LEARNED,
        .segment = at->segment, .address = in->arp.spa, .mac = in->arp.sha,
        .member = at->member, .port = in->port->number,
    };
    struct client *c = life_sighted(en, &seen);

    if (c) {
        c->vlan.tpid = in->frame->vlan.tpid;
        probe_now(en, c, at->member);
    }
}

static void
take_reply(struct engine *en, const struct location *at,
           const struct input *in)
{
    struct client *c = at->client;

    if (!fh_mac_equal(in->arp.tha, in->router->config->mac)) {
        engine_drop(en, DROP_UNASKED);
    } else if (!c && search_answered(en, at->segment, at->member,
                                     in->arp.spa)) {
        take_found(en, at, in);
    } else if (!c) {
        engine_drop(en, DROP_UNASKED);
    } else if (!fh_mac_is_zero(c->mac)
               && !fh_mac_equal(c->mac, in->arp.sha)) {
        conflict_answers(en, c, in->arp.sha);
    } else {
        reply_of_client(en, c, at->member, in);
    }
}

/* All of it. */

static void
claims_ours(struct engine *en, struct segment *segment,
            const struct input *in)
{
    static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(10000, 5);
    char ip[FH_ADDR_STRLEN], mac[FH_MAC_STRLEN];

    engine_drop(en, DROP_OWN_ADDRESS);
    log_warn_rl(&rl, "segment %s: %s claims our address %s",
                segment->config->name, fh_mac_format(in->arp.sha, mac),
                fh_addr_format(in->arp.spa, ip));
    defend_address(en, segment, in->router, in->arp.sha, in->arp.spa,
                   frame_is_to_all(in->frame));
}

static inline bool
is_word(const struct input *in)
{
    return in->arp.op == ARP_OP_REQUEST || frame_is_to_all(in->frame);
}

static void
take(struct engine *en, const struct location *at, const struct input *in)
{
    if (is_word(in)) {
        take_word(en, at, in);
    } else {
        take_reply(en, at, in);
    }
}

/* Most of what comes in. */
static void
take_own(struct engine *en, const struct location *at, const struct input *in)
{
    if (!is_word(in)) {
        take_reply(en, at, in);
        return;
    }
    if (in->arp.op == ARP_OP_REQUEST) {
        mute_note_request(en, in);
    }
    take_own_word(en, at->client, at->member, in);
}

/* From where nobody is served.  It uses up what its port may ask, too. */
static void
refuse(struct engine *en, const struct input *in, enum drop why)
{
    if (in->arp.op == ARP_OP_REQUEST) {
        mute_note_request(en, in);
    }
    engine_drop(en, why);
}

/* Somebody who is not the client that we know by that address. */
static void
from_other(struct engine *en, enum locate_result result,
           const struct location *at, const struct input *in)
{
    if (router_knows_mac(in->router, in->arp.sha)) {
        return;                 /* A peer router's probe, flooded to us. */
    }
    switch (result) {
    case LOCATE_OUTSIDE:
        refuse(en, in, DROP_OUTSIDE);
        return;
    case LOCATE_UNKNOWN_TAG:
        refuse(en, in, DROP_UNKNOWN_TAG);
        return;
    case LOCATE_OK:
        break;
    }
    if (segment_owns(at->segment, in->arp.spa)) {
        claims_ours(en, at->segment, in);
    } else {
        take(en, at, in);
    }
}

static void
from_host(struct engine *en, const struct input *in)
{
    struct location at;
    enum locate_result result = locate_by_tags(
        en, in->router, &in->frame->vlan, in->arp.spa, &at);

    if (result == LOCATE_OK && at.client
        && fh_mac_equal(at.client->mac, in->arp.sha)) {
        take_own(en, &at, in);
    } else {
        from_other(en, result, &at, in);
    }
}

/* A client speaks for itself, from its own MAC. */
bool
input_arp(struct engine *en, const struct input *in)
{
    if (!fh_mac_equal(in->arp.sha, in->frame->src)) {
        engine_drop(en, DROP_MALFORMED);
    } else if (!arp_is_address_probe(&in->arp)) {
        from_host(en, in);
    } else if (!router_knows_mac(in->router, in->arp.sha)) {
        address_probe(en, in);
    }
    return true;
}

bool
input_beacon(struct engine *en, const struct input *in)
{
    return path_heard(en, in->router, in->pin->in_port, in->frame, &in->arp);
}
