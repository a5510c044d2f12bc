/* From one configuration to the next.  See reload.h. */
#include <config.h>

#include "controller/engine/reload.h"

#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/engine/act.h"
#include "controller/engine/bridge.h"
#include "controller/engine/leave.h"
#include "controller/engine/mark.h"
#include "controller/engine/path.h"
#include "controller/engine/reload_clients.h"
#include "controller/engine/router_desired.h"
#include "controller/engine/router_send.h"
#include "controller/engine/runtime.h"
#include "controller/engine/serving.h"
#include "controller/engine/search.h"
#include "controller/engine/settle.h"
#include "controller/engine/sweep.h"

/* What ran before.  What goes on is NULL in the arrays. */
struct old {
    struct config *config;
    struct router **routers;
    size_t n_routers;
    struct segment **segments;
    size_t n_segments;
};

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

        if (was && was->openflow && !reload_find_successor(en, was)) {
            leave_depart(en, was->config);
        }
    }
}

static void
take_over_router(struct engine *en, struct router *was)
{
    struct router *router = engine_router_by_dpid(en, was->config->dpid);

    if (router) {
        router->draining = was->draining;
        router->uplink_down = was->uplink_down;
        router->pulse = was->pulse;
        router->greeted = was->greeted;
        router->counters = was->counters;
        router->expected = was->expected || was->ready || was->reading;
        inherit_uplinks(router, was);
        inherit_drops(router, was);
        bridge_hand_over(en, router, was);
    } else if (was->openflow) {
        leave_take_bridge(en, was);
    }
}

static void
take_over_routers(struct engine *en, struct old *old)
{
    for (size_t i = 0; i < old->n_routers; i++) {
        if (old->routers[i]) {
            take_over_router(en, old->routers[i]);
        }
    }
    leave_return(en);
    for (size_t i = 0; i < en->n_routers; i++) {
        bridge_give(en, en->routers[i]);
    }
}

/* Takes the router that goes on as 'config' says out of 'old', or makes
 * one. */
static struct router *
take_router(struct engine *en, struct old *old,
            const struct config_router *config)
{
    size_t i = config_find_router(old->config, config->name);
    struct router *router = i != SIZE_MAX ? old->routers[i] : NULL;

    if (router
        && config_is_same_router(old->config, en->config, config->name)) {
        router->config = config;
        old->routers[i] = NULL;
        return router;
    }
    return router_create(config, en);
}

static bool
is_same_uplink(const struct uplink *a, const struct uplink *b)
{
    return (!strcmp(a->config->port, b->config->port)
            && fh_vlan_equal(&a->config->vlan, &b->config->vlan)
            && fh_addr_equal(a->view.address, b->view.address)
            && fh_addr_equal(a->config->next_hop, b->config->next_hop));
}

/* 'u' goes on as 'before', but for how it is watched. */
static void
follow_uplink(struct uplink *u, const struct uplink *before)
{
    const struct config_uplink *config = u->config;
    struct uplink_params watch = u->watch;

    *u = *before;
    u->config = config;
    u->view.mtu = config->mtu;
    u->watch = watch;
    if (watch.interval_ms != before->watch.interval_ms
        || watch.misses != before->watch.misses) {
        u->next_ms = 0;
    }
}

/* What is known of the uplinks that go on. */
static void
keep_uplinks(struct router *router, const struct uplink *was, size_t n)
{
    for (size_t i = 0; i < router->n_uplinks; i++) {
        struct uplink *u = &router->uplinks[i];

        for (size_t j = 0; j < n; j++) {
            const struct uplink *before = &was[(i + j) % n];

            if (is_same_uplink(u, before)) {
                follow_uplink(u, before);
                break;
            }
        }
    }
}

/* Segments. */

/* Do all its routers go on? */
static bool
keeps_routers(const struct engine *en, const struct segment *segment,
              const struct config_segment *config)
{
    for (size_t i = 0; i < config->n_members; i++) {
        if (i >= segment->n_members || segment->members[i].router
            != en->routers[config->members[i].router]) {
            return false;
        }
    }
    return segment->n_members == config->n_members;
}

static struct segment *
take_segment(struct engine *en, struct old *old,
             const struct config_segment *config)
{
    size_t i = config_find_segment(old->config, config->name);
    struct segment *segment = i != SIZE_MAX ? old->segments[i] : NULL;

    if (segment && keeps_routers(en, segment, config)
        && config_is_same_segment(old->config, en->config, config->name,
                                  false)) {
        old->segments[i] = NULL;
        return segment;
    }
    return runtime_build_segment(en, config);
}

/* A client of a segment that has other timers, limits or priorities: it is
 * asked at the new pace, and judged anew. */
static void
follow_segment(struct engine *en, struct client *c, size_t member,
               uint32_t unused)
{
    struct reach *r = &c->reaches[member];

    if (!c->segment->followed) {
        return;
    }
    if (wheel_is_armed(&r->timer) && !r->outstanding) {
        wheel_arm(en->wheel, &r->timer,
                  reach_next_ms(r, &c->segment->probe, engine_now_ms(en)));
    }
    mark_client(en, c, CLIENT_WANTS_ELECTION, CAUSE_NONE);
    serving_arm(en, c);
}

static void
follow_segments(struct engine *en, const struct old *old)
{
    for (size_t i = 0; i < en->n_segments; i++) {
        struct segment *segment = en->segments[i];
        const char *name = segment->config->name;
        size_t was = config_find_segment(old->config, name);

        segment->followed
            = (was != SIZE_MAX && !old->segments[was]
               && !config_is_same_segment(old->config, en->config, name,
                                          true));
        for (size_t j = 0; segment->followed && j < segment->n_members; j++) {
            sweep_start(en, segment->members[j].router, follow_segment, 0);
        }
    }
}

/* The whole. */

struct kept {
    struct router *router;
    struct uplink *uplinks;
    size_t n_uplinks;
    struct fh_meter *meters;
    size_t n_meters;
};

/* Makes routers and segments follow en->config.  Returns, new, what the
 * routers that go on were like, at their places. */
static struct kept *
bind(struct engine *en, struct old *old)
{
    const struct config *config = en->config;
    struct kept *kept = fh_xcalloc(config->n_routers + 1, sizeof *kept);
    struct segment **segments = fh_xcalloc(config->n_segments + 1,
                                           sizeof *segments);
    struct router **routers = fh_xcalloc(config->n_routers + 1,
                                         sizeof *routers);

    for (size_t i = 0; i < config->n_routers; i++) {
        struct router *router = take_router(en, old, &config->routers[i]);
        struct kept *k = &kept[i];

        routers[i] = router;
        k->uplinks = router->uplinks;
        k->n_uplinks = router->n_uplinks;
        if (router->open) {
            k->router = router;
            k->n_meters = router_build_meters(router, &k->meters);
        }
    }
    en->routers = routers;
    en->n_routers = config->n_routers;
    for (size_t i = 0; i < config->n_segments; i++) {
        segments[i] = take_segment(en, old, &config->segments[i]);
    }
    for (size_t i = 0; i < config->n_routers; i++) {
        runtime_bind_router(en, routers[i]);
    }
    en->segments = segments;
    en->n_segments = config->n_segments;
    for (size_t i = 0; i < config->n_segments; i++) {
        runtime_bind_segment(en, segments[i], &config->segments[i]);
    }
    return kept;
}

/* A router that goes on has what follows from its segments. */
static void
renew(struct router *router, const struct kept *kept)
{
    struct fh_meter *meters;
    size_t n;

    if (!router->ready) {
        return;
    }
    n = router_build_meters(router, &meters);
    if (n != kept->n_meters
        || memcmp(meters, kept->meters, n * sizeof *meters)) {
        router_put_meters(router);
    }
    free(meters);
    router_update_base(router);
}

static void
destroy_old(struct engine *en, struct old *old)
{
    for (size_t i = 0; i < old->n_routers; i++) {
        if (old->routers[i]) {
            router_close(old->routers[i]);
        }
    }
    for (size_t i = 0; i < old->n_segments; i++) {
        runtime_segment_destroy(old->segments[i]);
    }
    free(old->routers);
    free(old->segments);
    act_put(en, &(struct engine_act) { ENGINE_RETIRE,
                                       .u.retired = old->config });
}

char *
reload(struct engine *en, struct config *config)
{
    struct old old = {
        .config = en->config,
        .routers = en->routers, .n_routers = en->n_routers,
        .segments = en->segments, .n_segments = en->n_segments,
    };
    struct kept *kept;
    bool other_segments, other_clients;
    char *error;

    sweep_finish(en, NULL);
    settle_all(en);
    en->config = config;
    act_put(en, &(struct engine_act) { ENGINE_CONFIGURED,
                                       .u.configured = config });
    kept = bind(en, &old);
    other_segments = old.n_segments != en->n_segments;
    for (size_t i = 0; i < old.n_segments; i++) {
        if (old.segments[i]) {
            old.segments[i]->left = other_segments = true;
        }
    }
    for (size_t i = 0; i < en->n_routers; i++) {
        keep_uplinks(en->routers[i], kept[i].uplinks, kept[i].n_uplinks);
        router_index_stacks(en->routers[i]);
        if (kept[i].router) {
            bridge_renew(en, en->routers[i]);
        }
    }
    path_build(en);
    search_follow(en);
    other_clients = reload_configured_clients(en, old.config,
                                              other_segments);
    depart_routers(en, &old);
    reload_take_over_clients(en);
    if (other_clients) {
        runtime_index_vlans(en);
    }
    take_over_routers(en, &old);
    follow_segments(en, &old);
    for (size_t i = 0; i < en->n_routers; i++) {
        if (kept[i].router) {
            renew(en->routers[i], &kept[i]);
        }
        free(kept[i].meters);
        free(kept[i].uplinks);
    }
    free(kept);
    error = en->host.listen(en->host.aux, config, old.config);
    destroy_old(en, &old);
    act_put(en, &(struct engine_act) { ENGINE_OFFER });
    settle_marked(en);
    return error;
}
