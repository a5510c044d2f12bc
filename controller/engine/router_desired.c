/* What a router's bridge should hold.  See router_desired.h. */
#include <config.h>

#include "controller/engine/router_desired.h"

#include <stdlib.h>
#include <string.h>

#include <firsthop/buf.h>

#include "flows/flow_answer.h"
#include "flows/flow_base.h"
#include "flows/flow_client.h"

/* Limits. */

static uint32_t
sum_capped(uint32_t a, uint64_t b)
{
    return a + b > 1000000 ? 1000000 : a + b;
}

/* A client that wants an address says two things, one of them again. */
#define DHCP_PER_CLIENT 3

/* What one access port may punt.  Replies: twice what the probes of as many
 * clients as may be there can bring, retries and bursts included. */
static void
port_limits(const struct router *router, uint32_t port,
            struct fh_port_limits *limits)
{
    limits->port = port;
    limits->requests_pps = 1;           /* No meter may have a rate of 0. */
    limits->replies_pps = 1000;
    limits->dhcp_pps = DHCP_PER_CLIENT;
    for (size_t i = 0; i < router->n_segments; i++) {
        const struct segment *segment = router->segments[i];
        const struct config_segment *config = segment->config;
        uint64_t clients = config->limits.learned_per_port;

        if (clients < segment->n_clients) {
            clients = segment->n_clients;
        }
        limits->requests_pps = sum_capped(limits->requests_pps,
                                          config->limits.requests_per_s);
        limits->dhcp_pps = sum_capped(limits->dhcp_pps,
                                      DHCP_PER_CLIENT * (uint64_t)
                                      config->limits.requests_per_s);
        limits->replies_pps = sum_capped(limits->replies_pps,
                                         clients * 2000
                                         / config->probe.interval_ms);
    }
}

/* Clients that the segment has, or may come to have by 'n_ports' ports. */
static uint64_t
most_clients(const struct segment *segment, size_t n_ports)
{
    const struct config_segment *config = segment->config;
    uint64_t learned = (uint64_t) config->limits.learned_per_port * n_ports;

    if (learned > config->limits.learned) {
        learned = config->limits.learned;
    }
    if (learned < segment->n_learned) {
        learned = segment->n_learned;
    }
    return learned + segment->n_clients - segment->n_learned;
}

uint32_t
router_punts_pps(const struct router *router)
{
    uint32_t pps = 0;
    size_t n_ports = 0;

    for (size_t i = 0; i < router->config->n_access_ports; i++) {
        n_ports += router->ports[i].number != 0;
    }
    for (size_t i = 0; i < router->n_segments; i++) {
        const struct segment *segment = router->segments[i];
        const struct config_segment *config = segment->config;

        pps = sum_capped(pps, (uint64_t) config->limits.requests_per_s
                              * n_ports);
        pps = sum_capped(pps, most_clients(segment, n_ports) * 1000
                              / config->probe.interval_ms);
    }
    return pps;
}

/* Base. */

/* Everything that a struct fh_router borrows, in one place to free. */
struct router_view {
    struct fh_router router;
    struct fh_port_limits *access;
    struct fh_uplink *uplinks;
    struct fh_segment *segments;
    struct eth_addr *macs;
    struct fh_beacon *beacons;
};

static void
view_segment(const struct router *router, size_t i, struct fh_segment *view,
             struct eth_addr *macs)
{
    const struct segment *segment = router->segments[i];
    const struct member *me = &segment->members[router->member_index[i]];

    *view = (struct fh_segment) {
        .vlans = segment->vlans,
        .n_vlans = segment->n_vlans,
        .prefixes = segment->config->prefixes,
        .n_prefixes = segment->config->n_prefixes,
        .other_macs = macs,
        .gateway = segment->config->gateway,
        .local = me->config->address,
        .uplink = &me->uplink->view,
        .dhcp_servers = segment->config->dhcp.servers,
        .n_dhcp_servers = segment->config->dhcp.n_servers,
        .learns = segment->config->learn == LEARN_ALL,
        .isolate = segment->config->isolate,
        .proxy_all = segment->config->proxy_arp == PROXY_ARP_ALL,
        .answers_core = (segment->config->upstream == UPSTREAM_ARP
                         || segment->config->upstream == UPSTREAM_CORE),
    };
    for (size_t j = 0; j < segment->n_members; j++) {
        if (segment->members[j].router != router) {
            macs[view->n_other_macs++]
                = segment->members[j].router->config->mac;
        }
    }
}

/* What another router may ask of this one on a segment: by any access port,
 * and on the uplink LAN if they share one.  Returns how many. */
static size_t
view_beacons(const struct router *router, const struct segment *segment,
             const struct member *me, const struct member *other,
             struct fh_beacon *beacons)
{
    struct eth_addr mac = other->router->config->mac;
    size_t n = 0;

    for (size_t i = 0; i < router->config->n_access_ports; i++) {
        if (router->ports[i].number) {
            beacons[n++] = (struct fh_beacon) {
                router->ports[i].number, segment->config->vlan, mac,
                other->config->address, me->config->address
            };
        }
    }
    if (me->uplink->view.port
        && uplink_shares_lan(me->uplink, other->uplink)) {
        beacons[n++] = (struct fh_beacon) {
            me->uplink->view.port, me->uplink->view.vlan, mac,
            other->uplink->view.address, me->uplink->view.address
        };
    }
    return n;
}

static size_t
view_all_beacons(const struct router *router, struct router_view *view)
{
    size_t n_ports = router->config->n_access_ports + 1, n = 0;

    view->beacons = fh_xcalloc((router->n_segments * CONFIG_MAX_MEMBERS
                                * n_ports + 1), sizeof *view->beacons);
    for (size_t i = 0; i < router->n_segments; i++) {
        const struct segment *segment = router->segments[i];
        const struct member *me = &segment->members[router->member_index[i]];

        for (size_t j = 0; j < segment->n_members; j++) {
            if (segment->beacon.interval_ms
                && segment->members[j].router != router) {
                n += view_beacons(router, segment, me, &segment->members[j],
                                  &view->beacons[n]);
            }
        }
    }
    return n;
}

static void
view_create(const struct router *router, struct router_view *view)
{
    size_t n_access = 0, n_uplinks = 0, n_segments = 0, n_beacons;

    view->access = fh_xcalloc(router->config->n_access_ports + 1,
                              sizeof *view->access);
    view->uplinks = fh_xcalloc(router->n_uplinks + 1, sizeof *view->uplinks);
    view->segments = fh_xcalloc(router->n_segments + 1,
                                sizeof *view->segments);
    view->macs = fh_xcalloc(router->n_segments + 1,
                            CONFIG_MAX_MEMBERS * sizeof *view->macs);
    for (size_t i = 0; i < router->config->n_access_ports; i++) {
        if (router->ports[i].number) {
            port_limits(router, router->ports[i].number,
                        &view->access[n_access++]);
        }
    }
    for (size_t i = 0; i < router->n_uplinks; i++) {
        if (router->uplinks[i].view.port) {
            view->uplinks[n_uplinks++] = router->uplinks[i].view;
        }
    }
    for (size_t i = 0; i < router->n_segments; i++) {
        const struct segment *segment = router->segments[i];

        if (segment->members[router->member_index[i]].uplink->view.port) {
            view_segment(router, i, &view->segments[n_segments++],
                         &view->macs[i * CONFIG_MAX_MEMBERS]);
        }
    }
    n_beacons = view_all_beacons(router, view);
    view->router = (struct fh_router) {
        .mac = router->config->mac,
        .punts_pps = router_punts_pps(router),
        .access = view->access, .n_access = n_access,
        .uplinks = view->uplinks, .n_uplinks = n_uplinks,
        .segments = view->segments, .n_segments = n_segments,
        .beacons = view->beacons, .n_beacons = n_beacons,
    };
}

static void
view_destroy(struct router_view *view)
{
    free(view->access);
    free(view->uplinks);
    free(view->segments);
    free(view->macs);
    free(view->beacons);
}

void
router_build_base(const struct router *router, struct flow_set *out)
{
    struct router_view view;

    view_create(router, &view);
    flow_base_build(&view.router, out);
    flow_answer_build(&view.router, out);
    view_destroy(&view);
}

size_t
router_build_meters(const struct router *router, struct fh_meter **metersp)
{
    struct router_view view;
    size_t n;

    view_create(router, &view);
    *metersp = fh_xcalloc(flow_base_n_meters(&view.router) + 1,
                          sizeof **metersp);
    n = flow_base_meters(&view.router, *metersp);
    view_destroy(&view);
    return n;
}

uint32_t
router_replies_pps(const struct router *router)
{
    struct fh_port_limits limits;

    port_limits(router, 0, &limits);
    return limits.replies_pps;
}

bool
router_has_outgrown_meters(const struct router *router)
{
    return (router_replies_pps(router)
            > router->metered_pps * UINT64_C(5) / 4);
}

/* Clients. */

/* The client behind access port 'port', the core behind '*uplink', which
 * '*view' borrows. */
/* As 'h' has it, where the router holds nothing else. */
static bool
view_holding(const struct client *c, size_t member, const struct holding *h,
             const struct fh_uplink *uplink, struct fh_client *view)
{
    if (!h->port || !uplink->port || fh_mac_is_zero(h->mac)) {
        return false;
    }
    memset(view, 0, sizeof *view);
    view->address = c->key.address;
    view->mac = h->mac;
    view->vlan = c->vlan;
    view->port = h->port;
    view->router_mac = c->segment->members[member].router->config->mac;
    view->uplink = uplink;
    view->isolate = c->segment->config->isolate;
    view->lost = c->state == CLIENT_LOST;
    view->decision = h->decision;
    view->silent = h->silent;
    return true;
}

bool
router_client_view(const struct client *c, size_t member,
                   struct fh_client *view)
{
    const struct fh_uplink *uplink = &c->segment->members[member].uplink->view;
    struct holding now = { c->reaches[member].port, uplink->port,
                           c->decision, c->mac, false };

    return view_holding(c, member, &now, uplink, view);
}

bool
router_holds_wrong(const struct client *c, size_t member)
{
    const struct holding *h = &c->holdings[member];
    struct fh_client view;

    return (router_client_view(c, member, &view)
            && (h->port != view.port || h->uplink != view.uplink->port
                || !fh_mac_equal(h->mac, view.mac)));
}

bool
router_held_view(const struct client *c, size_t member,
                 struct fh_client *view, struct fh_uplink *uplink)
{
    const struct holding *h = &c->holdings[member];

    *uplink = c->segment->members[member].uplink->view;
    uplink->port = h->uplink;
    return view_holding(c, member, h, uplink, view);
}
