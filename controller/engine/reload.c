/* From one configuration to the next.  See reload.h. */
#include <config.h>

#include "controller/engine/reload.h"

#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/engine/bridge.h"
#include "controller/engine/learned.h"
#include "controller/engine/leave.h"
#include "controller/engine/life.h"
#include "controller/engine/mark.h"
#include "controller/engine/removed.h"
#include "controller/engine/route.h"
#include "controller/engine/router_send.h"
#include "controller/engine/runtime.h"
#include "controller/engine/serving.h"
#include "controller/engine/settle.h"
#include "controller/engine/sweep.h"

/* What ran before. */
struct old {
    struct config *config;
    struct router **routers;
    size_t n_routers;
    struct segment **segments;
    size_t n_segments;
    struct clients *clients;
};

static void
set_aside(struct engine *en, struct old *old)
{
    *old = (struct old) {
        .config = en->config,
        .routers = en->routers, .n_routers = en->n_routers,
        .segments = en->segments, .n_segments = en->n_segments,
        .clients = en->clients,
    };
    en->routers = NULL;
    en->segments = NULL;
    en->n_routers = en->n_segments = 0;
    en->clients = clients_create();
}

static void
destroy_old(struct old *old)
{
    for (size_t i = 0; i < clients_count(old->clients); i++) {
        struct client *c = clients_at(old->clients, i);

        wheel_cancel(&c->timer);
        for (size_t j = 0; j < c->n_reaches; j++) {
            wheel_cancel(&c->reaches[j].timer);
        }
    }
    for (size_t i = 0; i < old->n_routers; i++) {
        router_close(old->routers[i]);
    }
    for (size_t i = 0; i < old->n_segments; i++) {
        runtime_segment_destroy(old->segments[i]);
    }
    clients_destroy(old->clients);
    free(old->routers);
    free(old->segments);
    config_destroy(old->config);
}

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

static bool
may_stay(const struct segment *segment, const struct client *c)
{
    const struct config_segment *config = segment->config;
    bool inside = false, ours;

    for (size_t i = 0; i < config->n_prefixes; i++) {
        inside = inside || fh_prefix_contains(&config->prefixes[i],
                                              c->key.address);
    }
    ours = fh_addr_equal(config->gateway, c->key.address);
    for (size_t i = 0; i < config->n_members; i++) {
        ours = ours || fh_addr_equal(config->members[i].address,
                                     c->key.address);
    }
    return inside && !ours
           && (c->origin == CLIENT_PROVISIONED
               || (config->learn != LEARN_LISTED
                   && fh_vlan_equal(&config->vlan, &c->vlan)));
}

/* The client as the new configuration has it; a configured one is there
 * already.  NULL: it has no place. */
static struct client *
place(struct engine *en, const struct client *old)
{
    struct segment *segment = new_segment(en, old);
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
    if (!may_stay(segment, old)) {
        return NULL;
    }
    /* One that is not configured any more stays as if it had been learnt. */
    c = life_add(en, segment, old->key.address,
                 old->origin == CLIENT_CONFIGURED ? CLIENT_LEARNED
                 : old->origin);
    c->mac_fixed = (old->mac_fixed && (c->origin == CLIENT_PROVISIONED
                                       || c->origin == CLIENT_LEASED));
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

/* It counts where it did, if that port is still there. */
static void
inherit_learned(struct client *c, const struct client *old)
{
    const struct config_router *was, *now;
    int member = ELECT_NONE;

    c->proved = old->proved;
    c->prove_first = old->prove_first;
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
    if (old->guest) {
        learned_set_guest(c);
    }
}

/* The router that forwards for the client, or did until a moment ago, if the
 * new configuration does not have it do so: NULL, or one of the old ones. */
static const struct router *
find_former(const struct client *c, const struct client *old)
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
    return old->former;
}

/* The router as the new configuration has it, or as one that departs. */
static struct router *
find_successor(const struct engine *en, const struct router *router)
{
    uint64_t dpid = router->config->dpid;
    struct router *successor = engine_router_by_dpid(en, dpid);

    return successor ? successor : leave_find(en, dpid);
}

static void
inherit_former(struct engine *en, struct client *c,
               const struct client *old)
{
    const struct router *former = find_former(c, old);

    if (former && former->openflow && old->state == CLIENT_ACTIVE
        && (c->active == ELECT_NONE || c->reinstall)) {
        removed_begin(en, c, find_successor(en, former));
    }
}

static bool
same_upstream(const struct client *c, const struct client *old)
{
    return (c->segment->config->upstream == old->segment->config->upstream);
}

/* Whether it heeds a takeover is still asked, or will be. */
static void
inherit_trap(struct client *c, const struct client *old)
{
    if (old->trap_member != ELECT_NONE) {
        c->trap_member = find_member(c->segment, (old->segment->members
                                                  [old->trap_member].router));
    }
    c->trap_at_ms = c->trap_member != ELECT_NONE ? old->trap_at_ms : 0;
}

/* Its router has left, and does not forward for it until another does. */
static void
orphan(struct engine *en, struct client *c, const struct client *old)
{
    if (takeover_awaits_flows(&old->takeover)
        && old->moved_from == ELECT_NONE) {
        serving_set_state(en, c, CLIENT_PENDING);   /* Nor ever did. */
        c->unreported = false;
    } else {
        mark_client(en, c, CLIENT_WANTS_ELECTION, CAUSE_CONFIG);
    }
}

static void
inherit(struct engine *en, struct client *c, struct client *old)
{
    c->mac = old->mac;
    c->vlan.tpid = old->vlan.tpid;
    c->state = old->state;
    c->since_ms = old->since_ms;
    c->lost_ms = old->lost_ms;
    c->alive_ms = old->alive_ms;
    c->decision = old->decision;
    c->moves = old->moves;
    c->cause = old->cause;
    c->withdrawn = old->withdrawn;
    c->answered = old->answered;
    c->n_answered = old->n_answered;
    c->cap_answered = old->cap_answered;
    old->answered = NULL;
    c->last_move = old->last_move;
    old->last_move = NULL;
    client_take_lease(c, old);
    inherit_learned(c, old);
    c->detect_ms = old->detect_ms;
    c->is_static = old->is_static;
    inherit_trap(c, old);
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
        if (old->active == (int) i) {
            serving_set_active(en, c, member);
            takeover_adopt(&c->takeover, member);
            c->reinstall = (!takeover_is_idle(&old->takeover)
                            || looks_different(c, old, member, i));
            c->announced = old->announced && same_upstream(c, old);
        }
    }
    inherit_former(en, c, old);
    if (c->former) {
        c->announced = old->announced && same_upstream(c, old);
    } else if (c->state == CLIENT_ACTIVE && c->active == ELECT_NONE) {
        orphan(en, c, old);
    }
    serving_arm(en, c);
}

static void
take_over_clients(struct engine *en, struct old *old)
{
    for (size_t i = 0; i < clients_count(old->clients); i++) {
        struct client *was = clients_at(old->clients, i);
        struct client *c = place(en, was);

        if (c) {
            inherit(en, c, was);
        }
        if (!c || !c->announced) {
            /* Unknown from now on, or told by nobody, or otherwise. */
            route_withdraw(en, was);
        }
    }
}

/* Routers. */

static void
inherit_uplinks(struct router *router, const struct router *old)
{
    for (size_t i = 0; i < router->n_uplinks; i++) {
        struct uplink *u = &router->uplinks[i];

        for (size_t j = 0; j < old->n_uplinks; j++) {
            const struct uplink *was = &old->uplinks[j];

            if (!strcmp(u->config->port, was->config->port)
                && fh_vlan_equal(&u->config->vlan, &was->config->vlan)
                && fh_addr_equal(u->config->next_hop,
                                 was->config->next_hop)) {
                uplink_inherit(u, was);
            }
        }
    }
}

static void
inherit_drops(struct router *router, const struct router *old)
{
    router->punt_drops = old->punt_drops;
    for (size_t i = 0; i < router->config->n_access_ports; i++) {
        for (size_t j = 0; j < old->config->n_access_ports; j++) {
            if (!strcmp(router->config->access_ports[i],
                        old->config->access_ports[j])) {
                router->ports[i].drops = old->ports[j].drops;
            }
        }
    }
}

/* Those that the new configuration does not know go on forwarding for their
 * clients until these have moved. */
static void
depart_routers(struct engine *en, const struct old *old)
{
    for (size_t i = 0; i < old->n_routers; i++) {
        const struct router *was = old->routers[i];

        if (was->openflow && !find_successor(en, was)) {
            leave_depart(en, was->config);
        }
    }
}

static void
take_over_routers(struct engine *en, struct old *old)
{
    for (size_t i = 0; i < old->n_routers; i++) {
        struct router *was = old->routers[i];
        struct router *router = engine_router_by_dpid(en,
                                                      was->config->dpid);

        if (router) {
            router->draining = was->draining;
            router->pulse = was->pulse;
            router->greeted = was->greeted;
            router->counters = was->counters;
            router->expected = was->expected || was->ready || was->reading;
            inherit_uplinks(router, was);
            inherit_drops(router, was);
        }
        if (router) {
            bridge_hand_over(router, was);
        } else if (was->openflow) {
            leave_take_bridge(en, was);
        }
    }
    leave_return(en);
    for (size_t i = 0; i < en->n_routers; i++) {
        bridge_give(en, en->routers[i]);
    }
}

char *
reload(struct engine *en, struct config *config)
{
    struct old old;
    char *error;

    sweep_finish(en, NULL);
    settle_all(en);
    set_aside(en, &old);
    en->config = config;
    en->host.configured(en->host.aux, config);
    runtime_build(en);
    removed_recount(en);
    depart_routers(en, &old);
    take_over_clients(en, &old);
    take_over_routers(en, &old);
    error = en->host.listen(en->host.aux, config, old.config);
    destroy_old(&old);
    bridge_offer(en);
    return error;
}
