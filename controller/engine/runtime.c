/* From the configuration to what runs.  See runtime.h. */
#include <config.h>

#include "controller/engine/runtime.h"

#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/engine/life.h"
#include "controller/engine/path.h"
#include "controller/engine/router_send.h"
#include "controller/engine/serving.h"

/* It is watched as closely as one of those who use it wants. */
static void
watch_uplink(struct uplink *uplink, const struct config_uplink *config)
{
    struct uplink_params *watch = &uplink->watch;

    if (!watch->misses || config->watch.interval_ms < watch->interval_ms) {
        watch->interval_ms = config->watch.interval_ms;
        watch->misses = config->watch.misses;
    }
}

/* The router's uplink with that port and those tags, made if need be.
 * 'router->uplinks' must have room. */
static struct uplink *
get_uplink(struct router *router, const struct config_uplink *config)
{
    struct uplink *uplink;

    for (size_t i = 0; i < router->n_uplinks; i++) {
        uplink = &router->uplinks[i];
        if (!strcmp(uplink->config->port, config->port)
            && fh_vlan_equal(&uplink->config->vlan, &config->vlan)) {
            watch_uplink(uplink, config);
            return uplink;
        }
    }
    uplink = &router->uplinks[router->n_uplinks++];
    memset(uplink, 0, sizeof *uplink);
    uplink->config = config;
    uplink->view.vlan = config->vlan;
    uplink->view.address = config->address.addr;
    uplink->view.mtu = config->mtu;
    watch_uplink(uplink, config);
    return uplink;
}

void
runtime_bind_router(struct engine *en, struct router *router)
{
    size_t n = en->config->n_segments;

    router->uplinks = fh_xcalloc(n + 1, sizeof *router->uplinks);
    router->n_uplinks = 0;
    router->segments = fh_xrealloc(router->segments, ((n + 1)
                                   * sizeof *router->segments));
    router->member_index = fh_xrealloc(router->member_index, ((n + 1)
                                       * sizeof *router->member_index));
    router->n_segments = 0;
    get_uplink(router, &router->config->uplink);
}

static void
build_routers(struct engine *en)
{
    en->n_routers = en->config->n_routers;
    en->routers = fh_xcalloc(en->n_routers + 1, sizeof *en->routers);
    for (size_t i = 0; i < en->n_routers; i++) {
        en->routers[i] = router_create(&en->config->routers[i], en);
        runtime_bind_router(en, en->routers[i]);
    }
}

static bool
add_vlan(struct segment *segment, const struct fh_vlan *vlan)
{
    for (size_t i = 0; i < segment->n_vlans; i++) {
        if (fh_vlan_equal(&segment->vlans[i], vlan)) {
            return false;
        }
    }
    segment->vlans = fh_xrealloc(segment->vlans, ((segment->n_vlans + 1)
                                 * sizeof *segment->vlans));
    segment->vlans[segment->n_vlans++] = *vlan;
    return true;
}

struct segment *
runtime_build_segment(struct engine *en, const struct config_segment *config)
{
    struct segment *segment = fh_xcalloc(1, sizeof *segment);

    segment->id = ++en->next_segment_id;
    TAILQ_INIT(&segment->unverified);
    segment->n_members = config->n_members;
    segment->members = fh_xcalloc(config->n_members + 1,
                                  sizeof *segment->members);
    add_vlan(segment, &config->vlan);
    return segment;
}

void
runtime_bind_segment(struct engine *en, struct segment *segment,
                     const struct config_segment *config)
{
    segment->config = config;
    segment->probe = (struct reach_params) {
        config->probe.interval_ms, config->probe.retry_ms,
        config->probe.retries
    };
    segment->beacon = (struct beacon_params) {
        config->beacon.interval_ms, config->beacon.misses
    };
    for (size_t i = 0; i < config->n_members; i++) {
        const struct config_member *m = &config->members[i];
        struct router *router = en->routers[m->router];

        segment->members[i].router = router;
        segment->members[i].uplink = get_uplink(router, &m->uplink);
        segment->members[i].config = m;
        router->segments[router->n_segments] = segment;
        router->member_index[router->n_segments++] = i;
    }
}

static void
build_segments(struct engine *en)
{
    const struct config *config = en->config;

    en->n_segments = config->n_segments;
    en->segments = fh_xcalloc(config->n_segments + 1, sizeof *en->segments);
    for (size_t i = 0; i < config->n_segments; i++) {
        en->segments[i] = runtime_build_segment(en, &config->segments[i]);
        runtime_bind_segment(en, en->segments[i], &config->segments[i]);
    }
}

void
runtime_index_vlans(struct engine *en)
{
    for (size_t i = 0; i < en->n_segments; i++) {
        en->segments[i]->n_vlans = 0;
        add_vlan(en->segments[i], &en->segments[i]->config->vlan);
    }
    for (size_t i = 0; i < clients_count(en->clients); i++) {
        struct client *c = clients_at(en->clients, i);

        add_vlan(c->segment, &c->vlan);
    }
    for (size_t i = 0; i < en->n_routers; i++) {
        router_index_stacks(en->routers[i]);
    }
}

struct client *
runtime_add_client(struct engine *en, const struct config_client *config,
                   enum client_origin origin)
{
    struct segment *segment = en->segments[config->segment];
    const struct sighting seen = {
        .how = SIGHTED_ENTRY, .origin = origin, .segment = segment,
        .address = config->address, .vlan = &config->vlan,
    };
    struct client *c = life_sighted(en, &seen);

    if (add_vlan(segment, &c->vlan)) {
        for (size_t i = 0; i < segment->n_members; i++) {
            router_index_stacks(segment->members[i].router);
        }
    }
    if (config->has_mac) {
        client_set_mac(c, config->mac);
        c->mac_fixed = true;
    }
    return c;
}

bool
runtime_client_fits(const struct client *c,
                    const struct config_client *client)
{
    return fh_vlan_equal(&c->vlan, &client->vlan)
           && (!client->has_mac || fh_mac_is_zero(c->mac)
               || fh_mac_equal(c->mac, client->mac));
}

void
runtime_set_client(struct engine *en, struct client *c,
                   const struct config_client *client,
                   enum client_origin origin)
{
    life_set_origin(c, origin);
    c->mac_fixed = client->has_mac;
    if (client->has_mac) {
        client_set_mac(c, client->mac);
    }
    serving_arm(en, c);
}

/* What was provisioned, or deleted, over the control socket. */
static void
build_stored_client(struct engine *en, const struct store_client *stored)
{
    size_t i = config_find_segment(en->config, stored->segment);
    struct config_client client = {
        .address = stored->address, .segment = i,
        .has_mac = stored->has_mac, .mac = stored->mac,
        .own_vlan = stored->own_vlan, .vlan = stored->vlan,
    };
    struct client *c;

    if (i == SIZE_MAX) {
        log_warn("a client that was provisioned in segment %s is left out: "
                 "the configuration has no such segment", stored->segment);
        return;
    }
    if (!stored->own_vlan) {
        client.vlan = en->config->segments[i].vlan;
    }
    c = clients_find(en->clients, stored->address, en->segments[i]->id);
    if (stored->removed) {
        if (c && c->origin == CLIENT_CONFIGURED) {
            life_forget(en, c, "deleted over the control socket");
        }
        return;
    }
    if (c && c->origin != CLIENT_CONFIGURED
        && runtime_client_fits(c, &client)) {
        if (c->origin != CLIENT_PROVISIONED) {
            runtime_set_client(en, c, &client, CLIENT_PROVISIONED);
        }
        return;
    }
    if (c) {
        life_forget(en, c, "provisioned over the control socket");
    }
    runtime_add_client(en, &client, CLIENT_PROVISIONED);
}

void
runtime_build_stored_clients(struct engine *en)
{
    const struct store_state *state = engine_kept(en);

    for (size_t i = 0; state && i < state->n_clients; i++) {
        build_stored_client(en, &state->clients[i]);
    }
}

static void
build_clients(struct engine *en)
{
    for (size_t i = 0; i < en->config->n_clients; i++) {
        runtime_add_client(en, &en->config->clients[i], CLIENT_CONFIGURED);
    }
    runtime_build_stored_clients(en);
}

void
runtime_build(struct engine *en)
{
    build_routers(en);
    build_segments(en);
    for (size_t i = 0; i < en->n_routers; i++) {
        router_index_stacks(en->routers[i]);
    }
    path_build(en);
    build_clients(en);
}

void
runtime_segment_destroy(struct segment *segment)
{
    if (segment) {
        free(segment->members);
        free(segment->vlans);
        free(segment);
    }
}

bool
runtime_is_configured(const struct engine *en, const struct client *c)
{
    for (size_t i = 0; i < en->config->n_clients; i++) {
        const struct config_client *config = &en->config->clients[i];

        if (fh_addr_equal(config->address, c->key.address)
            && en->segments[config->segment] == c->segment) {
            return true;
        }
    }
    return false;
}

void
runtime_update_bases(struct engine *en)
{
    for (size_t i = 0; i < en->n_routers; i++) {
        if (en->routers[i]->ready) {
            router_put_meters(en->routers[i]);
            router_update_base(en->routers[i]);
        }
    }
}
