/* The core learns by ARP.  See upstream_arp.h. */
#include <config.h>

#include "controller/upstream/upstream_arp.h"

#include <stdlib.h>

#include <firsthop/buf.h>

struct upstream_arp {
    struct upstream up;
    upstream_arp_send *send;
    void *aux;
};

/* A unicast request with the client as its sender moves the next hop's entry
 * at once, whatever its age, and is answered; the broadcast
 * announcement is for all others on the uplink. */
static bool
arp_announce(struct upstream *up, const struct fh_route *route,
             enum fh_route_how how)
{
    const struct upstream_arp *u = (const struct upstream_arp *) up;
    const struct fh_uplink *uplink = &route->uplink;
    struct eth_addr broadcast;
    struct arp arp = {
        .op = ARP_OP_REQUEST,
        .sha = route->router_mac,
        .spa = route->client,
        .tpa = route->next_hop,
    };

    memset(&broadcast, 0xff, sizeof broadcast);
    if (how == UPSTREAM_RESTORED || !uplink->port) {
        return true;
    }
    u->send(u->aux, route->dpid, uplink->port,
            fh_mac_is_zero(uplink->next_hop_mac) ? broadcast
            : uplink->next_hop_mac, &uplink->vlan, &arp);
    arp.tpa = route->client;
    u->send(u->aux, route->dpid, uplink->port, broadcast, &uplink->vlan,
            &arp);
    return true;
}

static void
arp_withdraw(struct upstream *up, const struct fh_route *route)
{
    /* Silence: nobody answers for the client any more. */
}

static void
arp_destroy(struct upstream *up)
{
    free(up);
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
upstream_arp_create(upstream_arp_send *send, void *aux)
{
    struct upstream_arp *u = fh_xcalloc(1, sizeof *u);

    u->up.ops = &arp_ops;
    u->send = send;
    u->aux = aux;
    return &u->up;
}
