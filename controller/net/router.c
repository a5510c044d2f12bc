/* A router as it runs.  See router.h. */
#include <config.h>

#include "controller/net/router.h"

#include <stdlib.h>
#include <string.h>

#include <firsthop/buf.h>

#include "flows/flow_base.h"

struct router *
router_create(const struct config_router *config, void *owner)
{
    struct router *router = fh_xcalloc(1, sizeof *router);

    router->config = config;
    router->owner = owner;
    router->box = outbox_create(router);
    router->base = flow_set_create();
    router->ports = fh_xcalloc(config->n_access_ports, sizeof *router->ports);
    for (size_t i = 0; i < config->n_access_ports; i++) {
        TAILQ_INIT(&router->ports[i].unverified);
    }
    return router;
}

void
router_destroy(struct router *router)
{
    if (!router) {
        return;
    }
    if (!router->open) {
        outbox_destroy(router->box);
    }
    flow_set_destroy(router->base);
    free(router->bridge_ports);
    free(router->meters);
    free(router->uplinks);
    free(router->ports);
    free(router->segments);
    free(router->member_index);
    free(router->stacks);
    free(router);
}

/* Ports and uplinks. */

static void
find_port(const struct of_port *ports, size_t n, const char *name,
          uint32_t *number, bool *up)
{
    *number = 0;
    *up = false;
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(ports[i].name, name)) {
            *number = ports[i].number;
            *up = ports[i].up;
        }
    }
}

void
router_set_ports(struct router *router, const struct of_port *ports, size_t n)
{
    free(router->bridge_ports);
    router->bridge_ports = fh_xcalloc(n + 1, sizeof *ports);
    if (n) {
        memcpy(router->bridge_ports, ports, n * sizeof *ports);
    }
    router->n_bridge_ports = n;
    router_find_ports(router);
}

void
router_find_ports(struct router *router)
{
    const struct of_port *ports = router->bridge_ports;
    size_t n = router->n_bridge_ports;

    for (size_t i = 0; i < router->config->n_access_ports; i++) {
        find_port(ports, n, router->config->access_ports[i],
                  &router->ports[i].number, &router->ports[i].up);
    }
    for (size_t i = 0; i < router->n_uplinks; i++) {
        struct uplink *uplink = &router->uplinks[i];

        find_port(ports, n, uplink->config->port, &uplink->view.port,
                  &uplink->port_up);
    }
}

struct router_port *
router_access_port(const struct router *router, uint32_t port)
{
    for (size_t i = 0; port && i < router->config->n_access_ports; i++) {
        if (router->ports[i].number == port) {
            return &router->ports[i];
        }
    }
    return NULL;
}

struct uplink *
router_uplink_by_port(const struct router *router, uint32_t port,
                      const struct fh_vlan *vlan)
{
    for (size_t i = 0; port && i < router->n_uplinks; i++) {
        struct uplink *uplink = &router->uplinks[i];

        if (uplink->view.port == port
            && fh_vlan_equal(&uplink->view.vlan, vlan)) {
            return uplink;
        }
    }
    return NULL;
}

struct uplink *
router_uplink_by_domain(const struct router *router, uint64_t domain)
{
    for (size_t i = 0; i < router->n_uplinks; i++) {
        if (flow_meta_domain(&router->uplinks[i].view) == domain) {
            return &router->uplinks[i];
        }
    }
    return NULL;
}

bool
router_is_uplink_port(const struct router *router, uint32_t port)
{
    for (size_t i = 0; port && i < router->n_uplinks; i++) {
        if (router->uplinks[i].view.port == port) {
            return true;
        }
    }
    return false;
}

bool
router_knows_mac(const struct router *router, struct eth_addr mac)
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

/* VLAN stacks. */

static int
compare_stacks(const void *a_, const void *b_)
{
    const struct router_stack *a = a_, *b = b_;

    return (a->tags != b->tags ? (a->tags > b->tags) - (a->tags < b->tags)
            : (a->segment > b->segment) - (a->segment < b->segment));
}

void
router_index_stacks(struct router *router)
{
    size_t n = 0;

    for (size_t i = 0; i < router->n_segments; i++) {
        n += router->segments[i]->n_vlans;
    }
    router->stacks = fh_xrealloc(router->stacks,
                                 (n + 1) * sizeof *router->stacks);
    router->n_stacks = 0;
    for (size_t i = 0; i < router->n_segments; i++) {
        const struct segment *segment = router->segments[i];

        for (size_t j = 0; j < segment->n_vlans; j++) {
            router->stacks[router->n_stacks++] = (struct router_stack) {
                flow_meta_stack(&segment->vlans[j]), i
            };
        }
    }
    qsort(router->stacks, router->n_stacks, sizeof *router->stacks,
          compare_stacks);
}

const struct router_stack *
router_find_stack(const struct router *router, const struct fh_vlan *vlan)
{
    uint32_t tags = flow_meta_stack(vlan);
    size_t low = 0, high = router->n_stacks;

    if (high && router->stacks[0].tags == tags) {
        return router->stacks;          /* No tags at all, mostly. */
    }
    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (router->stacks[mid].tags < tags) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return (low < router->n_stacks && router->stacks[low].tags == tags
            ? &router->stacks[low] : NULL);
}

/* Meters. */

static struct drops *
port_drops(struct router_port *port, size_t i, uint32_t *meter)
{
    *meter = (i ? FLOW_METER_BEACONS(port->number)
              : FLOW_METER_REPLIES(port->number));
    return i ? &port->beacon_drops : &port->drops;
}

static struct drops *
uplink_drops(struct uplink *uplink, size_t i, uint32_t *meter)
{
    uint32_t port = uplink->view.port;

    *meter = (i == 2 ? FLOW_METER_REQUESTS(port)
              : i ? FLOW_METER_BEACONS(port) : FLOW_METER_REPLIES(port));
    return (i == 2 ? &uplink->request_drops
            : i ? &uplink->beacon_drops : &uplink->drops);
}

struct drops *
router_drops(const struct router *router, size_t i, uint32_t *port,
             uint32_t *meter)
{
    size_t n = 2 * router->config->n_access_ports;

    if (i < n) {
        *port = router->ports[i / 2].number;
        return port_drops(&router->ports[i / 2], i % 2, meter);
    }
    i -= n;
    if (i >= 3 * router->n_uplinks) {
        return NULL;
    }
    *port = router->uplinks[i / 3].view.port;
    return uplink_drops(&router->uplinks[i / 3], i % 3, meter);
}
