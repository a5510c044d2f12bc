/* From the configuration to what runs.  See runtime.h. */
#include <config.h>

#include "controller/engine/runtime.h"

#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/engine/life.h"
#include "controller/engine/path.h"
#include "controller/engine/router_send.h"

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
            return uplink;
        }
    }
    uplink = &router->uplinks[router->n_uplinks++];
    memset(uplink, 0, sizeof *uplink);
    uplink->config = config;
    uplink->view.vlan = config->vlan;
    uplink->view.address = config->address.addr;
    uplink->view.mtu = config->mtu;
    return uplink;
}

static void
build_routers(struct engine *en)
{
    en->n_routers = en->config->n_routers;
    en->routers = fh_xcalloc(en->n_routers + 1, sizeof *en->routers);
    for (size_t i = 0; i < en->n_routers; i++) {
        struct router *router = router_open(en, &en->config->routers[i]);
        size_t n = en->config->n_segments;

        en->routers[i] = router;
        router->uplinks = fh_xcalloc(n + 1, sizeof *router->uplinks);
        router->segments = fh_xcalloc(n + 1, sizeof *router->segments);
        router->member_index = fh_xcalloc(n + 1,
                                          sizeof *router->member_index);
        get_uplink(router, &router->config->uplink);
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

static void
build_segment(struct engine *en, const struct config_segment *config)
{
    struct segment *segment = fh_xcalloc(1, sizeof *segment);

    segment->id = ++en->next_segment_id;
    segment->config = config;
    segment->probe = (struct reach_params) {
        config->probe.interval_ms, config->probe.retry_ms,
        config->probe.retries
    };
    segment->beacon = (struct beacon_params) {
        config->beacon.interval_ms, config->beacon.misses
    };
    TAILQ_INIT(&segment->guests);
    segment->n_members = config->n_members;
    segment->members = fh_xcalloc(config->n_members + 1,
                                  sizeof *segment->members);
    add_vlan(segment, &config->vlan);
    for (size_t i = 0; i < config->n_members; i++) {
        const struct config_member *m = &config->members[i];
        struct router *router = en->routers[m->router];

        segment->members[i] = (struct member) {
            router, get_uplink(router, &m->uplink), m
        };
        router->segments[router->n_segments] = segment;
        router->member_index[router->n_segments++] = i;
    }
    en->segments[en->n_segments++] = segment;
}

static void
build_segments(struct engine *en)
{
    en->segments = fh_xcalloc(en->config->n_segments + 1,
                              sizeof *en->segments);
    for (size_t i = 0; i < en->config->n_segments; i++) {
        build_segment(en, &en->config->segments[i]);
    }
}

void
runtime_add_client(struct engine *en, const struct config_client *config,
                   enum client_origin origin)
{
    struct segment *segment = en->segments[config->segment];
    struct client *c = life_add(en, segment, config->address, origin);

    c->vlan = config->vlan;
    if (add_vlan(segment, &c->vlan)) {
        for (size_t i = 0; i < segment->n_members; i++) {
            router_index_stacks(segment->members[i].router);
        }
    }
    if (config->has_mac) {
        c->mac = config->mac;
        c->mac_fixed = true;
    }
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
    if (c) {
        life_forget(en, c, stored->removed ? "deleted over the control "
                    "socket" : "provisioned over the control socket");
    }
    if (!stored->removed) {
        runtime_add_client(en, &client, CLIENT_PROVISIONED);
    }
}

static void
build_clients(struct engine *en)
{
    const struct store_state *state = engine_kept(en);

    for (size_t i = 0; i < en->config->n_clients; i++) {
        runtime_add_client(en, &en->config->clients[i], CLIENT_CONFIGURED);
    }
    for (size_t i = 0; state && i < state->n_clients; i++) {
        build_stored_client(en, &state->clients[i]);
    }
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
