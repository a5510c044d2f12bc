/* The core learns by ARP.  See upstream_arp.h. */
#include <config.h>

#include "controller/upstream/upstream_arp.h"

#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/bridge/router.h"

/* A unicast request with the client as its sender moves the next hop's entry
 * at once, whatever its age, and is answered; the broadcast
 * announcement is for all others on the uplink. */
static bool
arp_announce(struct upstream *u, const struct upstream_route *route,
             enum upstream_how how)
{
    const struct member *m = &route->segment->members[route->member];
    const struct fh_uplink *uplink = &m->uplink->view;
    struct eth_addr broadcast;
    struct arp arp = {
        .op = ARP_OP_REQUEST,
        .sha = m->router->config->mac,
        .spa = route->client,
        .tpa = m->uplink->config->next_hop,
    };

    memset(&broadcast, 0xff, sizeof broadcast);
    if (how == UPSTREAM_RESTORED || !uplink->port) {
        return true;
    }
    router_queue_arp(m->router, ARPQ_CORE, uplink->port,
                     fh_mac_is_zero(uplink->next_hop_mac)
                     ? broadcast : uplink->next_hop_mac,
                     &uplink->vlan, &arp);
    arp.tpa = route->client;
    router_queue_arp(m->router, ARPQ_CORE, uplink->port, broadcast,
                     &uplink->vlan, &arp);
    return true;
}

static void
arp_withdraw(struct upstream *u, const struct upstream_route *route)
{
    /* Silence: nobody answers for the client any more. */
}

static void
arp_destroy(struct upstream *u)
{
    free(u);
}

static const struct upstream_ops arp_ops = {
    .name = "arp",
    .announce = arp_announce,
    .withdraw = arp_withdraw,
    .acknowledges = true,
    .settle_ms = 100,
    .destroy = arp_destroy,
};

struct upstream *
upstream_arp_create(void)
{
    struct upstream *u = fh_xcalloc(1, sizeof *u);

    u->ops = &arp_ops;
    return u;
}
