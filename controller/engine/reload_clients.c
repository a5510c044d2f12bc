/* Clients from one configuration to the next.  See reload_clients.h. */
#include <config.h>

#include "controller/engine/reload_clients.h"

#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/engine/learned.h"
#include "controller/engine/lease_ack.h"
#include "controller/engine/leave.h"
#include "controller/engine/life.h"
#include "controller/engine/mark.h"
#include "controller/engine/removed.h"
#include "controller/engine/route.h"
#include "controller/engine/router_send.h"
#include "controller/engine/runtime.h"
#include "controller/engine/serving.h"

/* Clients. */

static struct segment *
new_segment(const struct engine *en, const struct client *c)
{
    return engine_find_segment(en, c->segment->config->name);
}

/* The member of 'segment' whose bridge is that of 'router', or NONE. */
static int
find_member(const struct segment *segment, const struct router *router)
{
    for (size_t i = 0; i < segment->n_members; i++) {
        if (segment->members[i].router->config->dpid
            == router->config->dpid) {
            return i;
        }
    }
    return ELECT_NONE;
}

/* The client as the new configuration has it; a configured one is there
 * already.  NULL: it has no place. */
static struct client *
place(struct engine *en, const struct client *old)
{
    struct segment *segment = new_segment(en, old);
    /* One that is not configured any more stays as if it had been learnt. */
    const struct sighting seen = {
        .how = SIGHTED_BEFORE,
        .origin = (old->origin == CLIENT_CONFIGURED ? CLIENT_LEARNED
                   : old->origin),
        .segment = segment, .address = old->key.address, .vlan = &old->vlan,
    };
    struct client *c;

    if (!segment) {
        return NULL;
    }
    c = clients_find(en->clients, old->key.address, segment->id);
    if (c) {
        bool same_mac = (fh_mac_equal(c->mac, old->mac)
                         || fh_mac_is_zero(c->mac));

        return same_mac && fh_vlan_equal(&c->vlan, &old->vlan) ? c : NULL;
    }
    c = life_sighted(en, &seen);
    if (c) {
        c->mac_fixed = (old->mac_fixed && (c->origin == CLIENT_PROVISIONED
                                           || c->origin == CLIENT_LEASED));
    }
    return c;
}

/* Does the client see another gateway than before? */
static bool
looks_different(const struct client *c, const struct client *old, int member,
                int old_member)
{
    const struct router *now = c->segment->members[member].router;
    const struct router *was = old->segment->members[old_member].router;

    return !fh_mac_equal(now->config->mac, was->config->mac)
           || !fh_addr_equal(c->segment->config->gateway,
                             old->segment->config->gateway);
}

static void
inherit_reach(struct client *c, int member, const struct reach *old)
{
    struct reach *r = &c->reaches[member];

    r->last_reply_ms = old->last_reply_ms;
    r->up_since_ms = old->up_since_ms;
    r->port = old->port;
    r->rtt = old->rtt;
    r->sent = old->sent;
    r->missed = old->missed;
    r->state = old->state == REACH_SUSPECT ? REACH_UP : old->state;
}

/* What it holds on a router that goes on is not read again. */
static void
inherit_holding(struct client *c, int member, struct client *old,
                size_t old_member)
{
    struct router *router = member_router(c, member);

    if (router == member_router(old, old_member)) {
        c->holdings[member] = old->holdings[old_member];
        takeover_found(&c->takeover, member,
                       takeover_holds(&old->takeover, old_member));
        router->n_reachable += reach_is_up(&c->reaches[member]);
    }
}

/* It counts where it did, if that port is still there. */
static void
inherit_learned(struct client *c, const struct client *old)
{
    const struct config_router *was, *now;
    int member = ELECT_NONE;

    c->verified = old->verified;
    c->verify_first = old->verify_first;
    if (old->unanswered) {
        c->asker = find_member(c->segment,
                               old->segment->members[old->asker].router);
        c->unanswered = c->asker != ELECT_NONE;
    }
    if (c->origin != CLIENT_LEARNED) {
        return;
    }
    if (old->learned_member != ELECT_NONE) {
        was = old->segment->members[old->learned_member].router->config;
        member = find_member(c->segment, (old->segment->members
                                          [old->learned_member].router));
    }
    if (member != ELECT_NONE) {
        now = c->segment->members[member].router->config;
        for (size_t i = 0; i < now->n_access_ports; i++) {
            if (!strcmp(now->access_ports[i],
                        was->access_ports[old->learned_port])) {
                learned_enter_at(c, member, i);
            }
        }
    }
    if (old->unverified) {
        learned_set_unverified(c);
    }
}

/* The router that forwards for the client, or did until a moment ago, if the
 * new configuration does not have it do so: NULL, or one of the old ones. */
static const struct router *
find_removed_router(const struct client *c, const struct client *old)
{
    bool unconfirmed = takeover_awaits_flows(&old->takeover);
    int members[] = {
        unconfirmed ? ELECT_NONE : old->active,
        old->unreported ? old->moved_from : ELECT_NONE,
    };

    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const struct router *router = (members[i] != ELECT_NONE
            ? old->segment->members[members[i]].router : NULL);

        if (router && find_member(c->segment, router) == ELECT_NONE) {
            return router;
        }
    }
    return old->removed_router;
}

struct router *
reload_find_successor(const struct engine *en, const struct router *router)
{
    uint64_t dpid = router->config->dpid;
    struct router *successor = engine_router_by_dpid(en, dpid);

    return successor ? successor : leave_find(en, dpid);
}

static void
inherit_removed_router(struct engine *en, struct client *c,
                       const struct client *old)
{
    const struct router *router = find_removed_router(c, old);

    if (router && router->openflow && old->state == CLIENT_ACTIVE
        && (c->active == ELECT_NONE || c->reinstall)) {
        removed_begin(en, c, reload_find_successor(en, router));
    }
}

static bool
same_upstream(const struct client *c, const struct client *old)
{
    return (c->segment->config->upstream == old->segment->config->upstream);
}

/* Whether it heeds a takeover is still asked, or will be. */
static void
inherit_stale(struct client *c, const struct client *old)
{
    if (old->stale_member != ELECT_NONE) {
        c->stale_member = find_member(c->segment, (old->segment->members
                                                  [old->stale_member].router));
    }
    c->stale_at_ms = c->stale_member != ELECT_NONE ? old->stale_at_ms : 0;
}

/* Its router has left, and does not forward for it until another does. */
static void
elect_anew(struct engine *en, struct client *c, const struct client *old)
{
    if (takeover_awaits_flows(&old->takeover)
        && old->moved_from == ELECT_NONE) {
        serving_set_state(en, c, CLIENT_PENDING);   /* Nor ever did. */
        c->unreported = false;
    } else {
        mark_client(en, c, CLIENT_WANTS_ELECTION, CAUSE_CONFIG);
    }
}

/* An acknowledgement that waits goes out by the same router, or not at all:
 * its client asks again. */
static void
inherit_lease(struct client *c, struct client *old)
{
    int member;

    client_take_lease(c, old);
    if (!c->lease || !c->lease->ack) {
        return;
    }
    member = find_member(c->segment, (old->segment->members
                                      [c->lease->ack_member].router));
    if (member == ELECT_NONE) {
        lease_ack_drop(c);
    } else {
        c->lease->ack_member = (int8_t) member;
    }
}

static void
inherit(struct engine *en, struct client *c, struct client *old)
{
    client_set_mac(c, old->mac);
    c->vlan.tpid = old->vlan.tpid;
    c->state = old->state;
    c->since_ms = old->since_ms;
    c->lost_ms = old->lost_ms;
    c->alive_ms = old->alive_ms;
    c->decision = old->decision;
    c->former_decision = old->former_decision;
    c->moves = old->moves;
    c->cause = old->cause;
    c->withdrawn = old->withdrawn;
    c->answered = old->answered;
    c->n_answered = old->n_answered;
    c->cap_answered = old->cap_answered;
    old->answered = NULL;
    c->last_move = old->last_move;
    old->last_move = NULL;
    c->history = old->history;
    old->history = NULL;
    c->usage = old->usage;
    old->usage = NULL;
    inherit_lease(c, old);
    inherit_learned(c, old);
    c->detect_ms = old->detect_ms;
    c->is_static = old->is_static;
    inherit_stale(c, old);
    c->adopted = old->adopted;
    c->resume = old->resume;
    c->discovering = old->discovering;
    c->discover_at_ms = old->discover_at_ms;
    c->unreported = old->unreported;
    if (old->unreported && old->moved_from != ELECT_NONE) {
        c->moved_from = find_member(c->segment, (old->segment->members
                                                 [old->moved_from].router));
    }
    for (size_t i = 0; i < old->n_reaches; i++) {
        int member = find_member(c->segment, old->segment->members[i].router);

        if (member == ELECT_NONE) {
            continue;
        }
        inherit_reach(c, member, &old->reaches[i]);
        inherit_holding(c, member, old, i);
        if (old->active == (int) i) {
            serving_set_active(en, c, member);
            takeover_adopt(&c->takeover, member);
            c->reinstall = (!takeover_is_idle(&old->takeover)
                            || looks_different(c, old, member, i));
            c->announced = old->announced && same_upstream(c, old);
        }
    }
    inherit_removed_router(en, c, old);
    if (c->removed_router) {
        c->announced = old->announced && same_upstream(c, old);
    } else if (c->state == CLIENT_ACTIVE && c->active == ELECT_NONE) {
        elect_anew(en, c, old);
    }
    serving_arm(en, c);
}

/* From where it is no member any more, unless it forwards until another
 * does. */
static void
remove_elsewhere(const struct client *c, struct client *old)
{
    for (size_t i = 0; i < old->n_reaches; i++) {
        struct router *router = member_router(old, i);

        if (takeover_holds(&old->takeover, i) && router->ready
            && !(c->removed_router
                 && (c->removed_router->config->dpid
                     == router->config->dpid))
            && find_member(c->segment, router) == ELECT_NONE) {
            router_queue_remove(router, old, i);
        }
    }
}

/* It goes on as another, with all that it holds. */
static void
discard(struct engine *en, struct client *old)
{
    mark_clear(en, old);
    learned_leave(old);
    serving_set_active(en, old, ELECT_NONE);
    if (old->removed_router) {
        old->removed_router->n_remaining--;
    }
    for (size_t i = 0; i < old->n_reaches; i++) {
        member_router(old, i)->n_reachable -= reach_is_up(&old->reaches[i]);
        wheel_cancel(&old->reaches[i].timer);
    }
    wheel_cancel(&old->timer);
    clients_remove(en->clients, old);
}

/* Its routers go on: as if each had just been read. */
static void
resume_service(struct engine *en, struct client *c)
{
    for (size_t i = 0; i < c->n_reaches; i++) {
        bool held = takeover_holds(&c->takeover, i);
        bool was_active = held && c->active == (int) i;

        if (!serving_can(c, i)) {
            continue;
        }
        wheel_cancel(&c->reaches[i].timer);
        life_member_ready(en, c, i, held);
        if (was_active && c->active == (int) i
            && route_is_told(en, c->segment)) {
            route_announce(en, c, UPSTREAM_RESTORED);
        }
    }
}

static void
take_over_client(struct engine *en, struct client *old)
{
    struct client *c = place(en, old);

    if (!c) {
        life_forget(en, old, NULL);
        return;
    }
    inherit(en, c, old);
    if (!c->announced) {
        route_withdraw(en, old);        /* Told by nobody, or otherwise. */
    }
    remove_elsewhere(c, old);
    discard(en, old);
    resume_service(en, c);
}

/* The removed router that forwards for the client is configured elsewhere, or
 * departs: the client follows it to what stands for it now. */
static void
follow_removed_router(struct engine *en, struct client *c)
{
    struct router *now;

    if (!c->removed_router) {
        return;
    }
    now = reload_find_successor(en, c->removed_router);
    if (now && now != c->removed_router) {
        c->removed_router->n_remaining--;
        c->removed_router = now;
        now->n_remaining++;
        now->keeps_flows = true;
    }
}

void
reload_take_over_clients(struct engine *en)
{
    size_t n = clients_count(en->clients);
    struct client **clients = fh_xcalloc(n + 1, sizeof *clients);

    for (size_t i = 0; i < n; i++) {
        clients[i] = clients_at(en->clients, i);
    }
    for (size_t i = 0; i < n; i++) {
        if (clients[i]->segment->left) {
            take_over_client(en, clients[i]);
        } else {
            follow_removed_router(en, clients[i]);
        }
    }
    free(clients);
}

/* Configured clients. */

/* Finds the entries of one configuration in another, in their order. */
struct match {
    const struct config *in;
    size_t *segments;           /* By index of the one: in the other, or
                                 * SIZE_MAX.  Owned. */
    size_t next;                /* Where it most likely is. */
};

static struct match
match_begin(const struct config *of, const struct config *in)
{
    struct match m = { .in = in };

    m.segments = fh_xcalloc(of->n_segments + 1, sizeof *m.segments);
    for (size_t i = 0; i < of->n_segments; i++) {
        m.segments[i] = config_find_segment(in, of->segments[i].name);
    }
    return m;
}

static int
compare_entry(const struct config_client *at,
              const struct config_client *client, size_t segment)
{
    int cmp = fh_addr_compare(at->address, client->address);

    return cmp ? cmp : (at->segment > segment) - (at->segment < segment);
}

/* The entry for the same client, or NULL. */
static const struct config_client *
match_find(struct match *m, const struct config_client *client)
{
    const struct config *in = m->in;
    size_t segment = m->segments[client->segment];
    size_t low = 0, high = in->n_clients;

    if (segment == SIZE_MAX) {
        return NULL;
    }
    if (m->next < high
        && !compare_entry(&in->clients[m->next], client, segment)) {
        return &in->clients[m->next++];
    }
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int cmp = compare_entry(&in->clients[mid], client, segment);

        if (!cmp) {
            m->next = mid + 1;
            return &in->clients[mid];
        } else if (cmp < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return NULL;
}

static bool
is_same_entry(const struct config_client *a, const struct config_client *b)
{
    return (fh_vlan_equal(&a->vlan, &b->vlan) && a->has_mac == b->has_mac
            && (!a->has_mac || fh_mac_equal(a->mac, b->mac)));
}

/* One that is not configured any more stays as if it had been learnt. */
static void
drop_configured(struct engine *en, const struct config *was,
                const struct config_client *client)
{
    struct segment *segment = engine_find_segment(
        en, was->segments[client->segment].name);
    struct client *c = (segment ? clients_find(en->clients, client->address,
                                               segment->id) : NULL);

    if (!c || c->origin != CLIENT_CONFIGURED) {
        return;
    }
    if (life_may_stay(segment, &c->vlan)) {
        life_set_origin(c, CLIENT_LEARNED);
        c->mac_fixed = false;
        serving_arm(en, c);
    } else {
        life_forget(en, c, "not configured any more");
    }
}

/* 'before' is its entry until now, or NULL. */
static void
put_configured(struct engine *en, const struct config_client *client,
               const struct config_client *before)
{
    struct segment *segment = en->segments[client->segment];
    struct client *c = clients_find(en->clients, client->address,
                                    segment->id);
    uint32_t last_decision = c ? life_last_decision(c) : 0;

    if (c && before && is_same_entry(before, client)) {
        return;
    }
    if (c && runtime_client_fits(c, client)) {
        if (c->origin != CLIENT_PROVISIONED) {
            runtime_set_client(en, c, client, CLIENT_CONFIGURED);
        }
        return;
    }
    if (c) {
        life_forget(en, c, "configured otherwise");
    }
    life_succeed(runtime_add_client(en, client, CLIENT_CONFIGURED),
                 last_decision);
}

static bool
has_same_clients(const struct config *a, const struct config *b)
{
    bool same = a->n_clients == b->n_clients;

    for (size_t i = 0; same && i < a->n_clients; i++) {
        const struct config_client *was = &a->clients[i], *is = &b->clients[i];

        same = (fh_addr_equal(was->address, is->address)
                && !strcmp(a->segments[was->segment].name,
                           b->segments[is->segment].name)
                && is_same_entry(was, is));
    }
    return same;
}

static void
drop_all_configured(struct engine *en, const struct config *was)
{
    struct match m = match_begin(was, en->config);

    for (size_t i = 0; i < was->n_clients; i++) {
        if (!match_find(&m, &was->clients[i])) {
            drop_configured(en, was, &was->clients[i]);
        }
    }
    free(m.segments);
}

static void
put_all_configured(struct engine *en, const struct config *was,
                   bool other_segments)
{
    const struct config *config = en->config;
    struct match m = match_begin(config, was);

    for (size_t i = 0; i < config->n_clients; i++) {
        const struct config_client *client = &config->clients[i];
        const struct config_client *before = match_find(&m, client);

        if (other_segments || !before || !is_same_entry(before, client)) {
            put_configured(en, client, before);
        }
    }
    free(m.segments);
}

bool
reload_configured_clients(struct engine *en, const struct config *was,
                          bool other_segments)
{
    if (!other_segments && has_same_clients(was, en->config)) {
        return false;
    }
    drop_all_configured(en, was);
    put_all_configured(en, was, other_segments);
    runtime_build_stored_clients(en);
    return true;
}
