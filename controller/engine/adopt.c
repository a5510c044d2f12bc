/* A bridge connects: what it holds against what it should.
 *
 * Reads our flows, takes over the clients that it finds there (the later
 * decision wins where two bridges hold one), and changes only what is wrong.
 * Other people's flows are neither read nor touched. */
#include <config.h>

#include "controller/engine/adopt.h"

#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/engine/counts.h"
#include "controller/engine/life.h"
#include "controller/engine/move.h"
#include "controller/engine/removed.h"
#include "controller/engine/route.h"
#include "controller/engine/router_desired.h"
#include "controller/engine/router_send.h"
#include "controller/engine/search.h"
#include "controller/engine/serving.h"
#include "controller/engine/stale.h"
#include "controller/engine/taglimit.h"
#include "flows/flow_base.h"
#include "flows/flow_client.h"

struct adoption {
    struct engine *en;
    struct router *router;
};

/* The segment and place of a client that the bridge holds; its member of the
 * segment is that router's. */
static struct segment *
find_segment(const struct router *router, const struct flow_client_info *info,
             size_t *memberp)
{
    for (size_t i = 0; i < router->n_segments; i++) {
        struct segment *segment = router->segments[i];
        bool vlan_ok = false;

        for (size_t j = 0; j < segment->n_vlans; j++) {
            vlan_ok = vlan_ok || fh_vlan_equal(&segment->vlans[j],
                                               &info->vlan);
        }
        if (vlan_ok && segment_contains(segment, info->address)) {
            *memberp = router->member_index[i];
            return segment;
        }
    }
    return NULL;
}

/* Is the bridge's word about this client to be believed over what is known?
 * Known better: it is active elsewhere by a later decision. */
static bool
is_later(const struct client *c, uint32_t decision)
{
    return (c->active == ELECT_NONE
            || (int32_t) (decision - c->decision) > 0);
}

/* May what the bridge tells be about that client? */
static bool
may_be(const struct client *c, const struct flow_client_info *info)
{
    return fh_vlan_equal(&c->vlan, &info->vlan)
           && (c->recalled || fh_mac_is_zero(c->mac)
               || fh_mac_equal(c->mac, info->mac));
}

/* The client that it tells of, one that is known or a new one; or NULL. */
static struct client *
find_or_add(struct engine *en, struct segment *segment, size_t member,
            const struct flow_client_info *info)
{
    struct client *c = clients_find(en->clients, info->address, segment->id);
    const struct sighting seen = {
        .how = SIGHTED_FLOW, .origin = CLIENT_LEARNED, .segment = segment,
        .address = info->address, .mac = info->mac, .vlan = &info->vlan,
        .member = member, .port = info->port,
    };

    if (!c) {
        return life_sighted(en, &seen);
    }
    return may_be(c, info) ? c : NULL;
}

static void
adopt_client(const struct fh_flow *flow, void *adoption_)
{
    struct adoption *adoption = adoption_;
    struct engine *en = adoption->en;
    struct flow_client_info info;
    struct segment *segment;
    struct client *c;
    size_t member;

    if (!flow_client_read(flow, &info)) {
        return;
    }
    segment = find_segment(adoption->router, &info, &member);
    if (!segment || !router_access_port(adoption->router, info.port)) {
        return;
    }
    c = find_or_add(en, segment, member, &info);
    if (!c) {
        return;
    }
    client_set_mac(c, info.mac);
    c->recalled = false;
    c->holdings[member] = (struct holding) {
        /* What it holds is about to be compared with what it should. */
        .uplink = segment->members[member].uplink->view.port,
        .port = info.port, .decision = info.decision, .mac = info.mac,
    };
    takeover_found(&c->takeover, member, true);
    if (c->active == (int) member) {
        /* As before it went; maybe in the middle of a takeover. */
        c->reaches[member].port = info.port;
        c->reinstall = c->reinstall || c->unreported;
    } else if (is_later(c, info.decision)
               && takeover_is_idle(&c->takeover)) {
        /* The other one may have been announced in the meantime, and this one
         * not yet when the last run ended. */
        c->resume = (c->active != ELECT_NONE || c->removed_router
                     || move_is_recent(en, info.decision));
        c->adopted = true;
        c->withdrawn = false;
        c->decision = info.decision;
        c->reaches[member].port = info.port;
        takeover_adopt(&c->takeover, member);
        serving_set_active(en, c, member);
        if (c->state != CLIENT_ACTIVE) {
            c->state = CLIENT_ACTIVE;
            c->since_ms = engine_now_ms(en) + en->unix_off_ms;
        }
        c->alive_ms = engine_now_ms(en);
    } else if (c->adopted && !is_later(c, info.decision)) {
        c->resume = true;       /* It was on its way from here. */
    }
}

/* What it has counted while we were not there is the client's as well. */
static void
adopt_counts(const struct fh_flow *flow, void *adoption_)
{
    struct adoption *adoption = adoption_;

    counts_flow(adoption->en, adoption->router, flow);
}

/* What only a ROUTE flow knows: the outer Ethertype, and that it is silent. */
static void
adopt_route(const struct fh_flow *flow, void *adoption_)
{
    struct adoption *adoption = adoption_;
    const struct router *router = adoption->router;
    struct fh_addr addr;
    uint16_t tpid;

    if (!flow_client_read_route(flow, &addr, &tpid)) {
        return;
    }
    for (size_t i = 0; i < router->n_segments; i++) {
        const struct segment *segment = router->segments[i];
        size_t member = router->member_index[i];
        struct client *c = clients_find(adoption->en->clients, addr,
                                        segment->id);

        if (!c || flow_meta_domain(&segment->members[member].uplink->view)
                  != (flow->match.metadata & (FLOW_META_DOMAIN_MASK
                                              | FLOW_META_ROUTING))) {
            continue;
        }
        if (c->active == (int) member && !c->vlan.tpid) {
            c->vlan.tpid = tpid;
        }
        /* Who served it before the takeover that was cut short. */
        c->holdings[member].silent = (c->active != (int) member
                                      && flow->metadata & FLOW_META_SILENT);
    }
}

/* The next hop as it was is a good guess until ARP says otherwise. */
static void
adopt_next_hop(const struct fh_flow *flow, void *adoption_)
{
    struct adoption *adoption = adoption_;
    struct router *router = adoption->router;
    struct eth_addr mac;
    uint64_t domain;
    uint16_t tpid;

    if (!flow_uplink_read(flow, &domain, &mac, &tpid)) {
        return;
    }
    for (size_t i = 0; i < router->n_uplinks; i++) {
        struct uplink *uplink = &router->uplinks[i];

        if (flow_meta_domain(&uplink->view) == domain
            && !uplink_is_resolved(uplink)) {
            uplink->view.next_hop_mac = mac;
            uplink->view.vlan.tpid = tpid;
        }
    }
}

/* Is the client on its way to another router than 'member'?  Then that one
 * keeps its flows until the takeover takes them away. */
static bool
is_leaving(const struct client *c, size_t member)
{
    return (c->active != ELECT_NONE && c->active != (int) member
            && (!takeover_is_idle(&c->takeover) || c->reinstall
                || c->resume));
}

struct keeping {
    struct adoption *adoption;
    struct flow_set *desired;
};

static void
keep_leaving(const struct fh_flow *flow, void *keeping_)
{
    struct keeping *keeping = keeping_;
    const struct router *router = keeping->adoption->router;
    struct fh_flow flows[FLOW_CLIENT_N];
    struct flow_client_info info;
    struct segment *segment;
    struct fh_uplink uplink;
    struct fh_client view;
    struct client *c;
    size_t member;

    if (!flow_client_read(flow, &info)) {
        return;
    }
    segment = find_segment(router, &info, &member);
    c = (segment ? clients_find(keeping->adoption->en->clients, info.address,
                                segment->id) : NULL);
    if (!c || !is_leaving(c, member) || !may_be(c, &info)) {
        return;
    }
    if (router_held_view(c, member, &view, &uplink)) {
        flow_client_build(&view, flows);
        for (size_t i = 0; i < FLOW_CLIENT_N; i++) {
            flow_set_put(keeping->desired, &flows[i]);
        }
    }
}

/* A question that the last run has put is not cut short. */
static void
keep_open(const struct fh_flow *flow, void *keeping_)
{
    struct keeping *keeping = keeping_;

    if (taglimit_is_open(flow)
        || stale_is_open(keeping->adoption->en, keeping->adoption->router,
                         flow)) {
        flow_set_put(keeping->desired, flow);
    }
}

/* Whatever else it holds stays for now: it forwards for clients that are on
 * their way to other routers. */
static void
keep_all(const struct fh_flow *flow, void *desired_)
{
    struct flow_set *desired = desired_;

    if (!flow_set_find(desired, flow)) {
        flow_set_put(desired, flow);
    }
}

/* The flows that the bridge should hold, clients included. */
static void
build_desired(struct engine *en, struct router *router,
              struct flow_set *desired)
{
    router_build_base(router, desired);
    for (size_t i = 0; i < clients_count(en->clients); i++) {
        struct client *c = clients_at(en->clients, i);
        struct fh_flow flows[FLOW_CLIENT_N];
        struct fh_client view;

        if (c->active == ELECT_NONE
            || c->segment->members[c->active].router != router
            || !takeover_holds(&c->takeover, c->active)
            || !router_client_view(c, c->active, &view)) {
            continue;
        }
        flow_client_build(&view, flows);
        for (size_t j = 0; j < FLOW_CLIENT_N; j++) {
            flow_set_put(desired, &flows[j]);
        }
    }
}

/* The same for one that serves: what it was last told, of whichever clients it
 * holds, those on their way to another router included. */
static void
build_held(struct engine *en, struct router *router, struct flow_set *held)
{
    router_build_base(router, held);
    for (size_t i = 0; i < clients_count(en->clients); i++) {
        struct client *c = clients_at(en->clients, i);

        for (size_t j = 0; j < c->n_reaches; j++) {
            struct fh_flow flows[FLOW_CLIENT_N];
            struct fh_uplink uplink;
            struct fh_client view;

            if (c->segment->members[j].router != router
                || !router_held_view(c, j, &view, &uplink)) {
                continue;
            }
            flow_client_build(&view, flows);
            for (size_t k = 0; k < FLOW_CLIENT_N; k++) {
                flow_set_put(held, &flows[k]);
            }
        }
    }
}

static void
clear_holdings(struct engine *en, struct router *router)
{
    for (size_t i = 0; i < clients_count(en->clients); i++) {
        struct client *c = clients_at(en->clients, i);

        for (size_t j = 0; j < c->n_reaches; j++) {
            if (c->segment->members[j].router == router) {
                takeover_found(&c->takeover, j, false);
                client_forget_holding(c, j);
            }
        }
    }
}

/* What a reload has carried over, or a bridge has told, is counted anew. */
static void
count_clients(struct engine *en, struct router *router)
{
    router->n_reachable = 0;
    for (size_t i = 0; i < clients_count(en->clients); i++) {
        const struct client *c = clients_at(en->clients, i);

        for (size_t j = 0; j < c->n_reaches; j++) {
            if (c->segment->members[j].router == router) {
                router->n_reachable += reach_is_up(&c->reaches[j]);
            }
        }
    }
}

/* From here on the router is probed with and can be elected. */
static void
start_service(struct engine *en, struct router *router)
{
    router->ready = true;
    router->ready_ms = engine_now_ms(en);
    router->expected = false;
    router->awake_at_ms = engine_now_ms(en) + ROUTER_AWAKE_MS;
    router_say_awake(router);
    count_clients(en, router);
    for (size_t i = 0; i < clients_count(en->clients); i++) {
        struct client *c = clients_at(en->clients, i);

        for (size_t j = 0; j < c->n_reaches; j++) {
            bool held, was_active;

            if (c->segment->members[j].router != router) {
                continue;
            }
            /* Flows of a loser have been deleted by the comparison. */
            if (c->active != (int) j && !is_leaving(c, j)) {
                takeover_found(&c->takeover, j, false);
                client_forget_holding(c, j);
            }
            if (!serving_can(c, j)) {
                continue;
            }
            held = takeover_holds(&c->takeover, j);
            was_active = held && c->active == (int) j;
            life_member_ready(en, c, j, held);
            if (was_active && c->active == (int) j
                && route_is_told(en, c->segment)) {
                route_announce(en, c, UPSTREAM_RESTORED);
            }
        }
    }
    if (router->was_holder && !router->n_active) {
        search_lost(en, router);
    }
    router->was_holder = false;
}

/* Of a bridge that serves nothing is taken over: what is known of its clients
 * is newer than what has been read. */
struct flow_set *
adopt_desired(struct engine *en, struct router *router,
              const struct flow_set *found, bool first)
{
    struct flow_set *desired = flow_set_create();
    struct adoption adoption = { en, router };
    struct keeping keeping = { &adoption, desired };

    if (first) {
        flow_set_for_each(found, adopt_client, &adoption);
        flow_set_for_each(found, adopt_route, &adoption);
        flow_set_for_each(found, adopt_next_hop, &adoption);
        flow_set_for_each(found, adopt_counts, &adoption);
        build_desired(en, router, desired);
        flow_set_for_each(found, keep_leaving, &keeping);
    } else {
        build_held(en, router, desired);
    }
    flow_set_for_each(found, keep_open, &keeping);
    router->keeps_flows = router->n_remaining;
    if (router->keeps_flows) {
        flow_set_for_each(found, keep_all, desired);
        removed_check(en);
    }
    flow_set_destroy(router->base);
    router->base = flow_set_create();
    router_build_base(router, router->base);
    return desired;
}

void
adopt_done(struct engine *en, struct router *router)
{
    struct incident e = incident_init(INCIDENT_ROUTER_CONNECTED);

    start_service(en, router);
    if (!router->greeted) {
        router->greeted = true;
        snprintf(e.to, sizeof e.to, "%s", router->config->name);
        engine_report(en, &e);
    }
}

/* The name may be wrong in the configuration, or the port yet to be added. */
static void
warn_without_port(const struct router *router, const char *name,
                  uint32_t number)
{
    if (!number) {
        log_warn("router %s: its bridge has no port %s", router->config->name,
                 name);
    }
}

static void
warn_of_missing_ports(const struct router *router)
{
    const char *before = "";

    for (size_t i = 0; i < router->config->n_access_ports; i++) {
        warn_without_port(router, router->config->access_ports[i],
                          router->ports[i].number);
    }
    for (size_t i = 0; i < router->n_uplinks; i++) {
        const char *name = router->uplinks[i].config->port;

        if (strcmp(name, before)) {     /* Most are VLANs of one port. */
            warn_without_port(router, name, router->uplinks[i].view.port);
        }
        before = name;
    }
}

void
adopt_begin(struct engine *en, struct router *router)
{
    warn_of_missing_ports(router);
    clear_holdings(en, router);
    router_put_meters(router);
    router_say_away(router);
    router->check_at_ms = 0;
    taglimit_ask(router, engine_now_ms(en));
}
