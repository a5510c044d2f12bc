/* Somebody uses what is ours, or a client's: an address or a MAC.
 *
 * Each such frame has been counted by its finder.  Here it is told, by an
 * event now and then, and answered, as RFC 5227 wants it, where the frame went
 * to everybody: the clients are told again at which MAC they find the gateway
 * and whom else they asked for, the core where its clients are, and the
 * switches where a router is.  How often: decide/guard.h. */
#include <config.h>

#include "controller/engine/defend.h"

#include "controller/engine/route.h"
#include "controller/engine/serving.h"
#include "controller/engine/sweep.h"
#include "controller/engine/router_send.h"

/* Says whose the router's address on that uplink is. */
static void
announce_uplink(struct router *router, const struct uplink *uplink)
{
    struct arp arp = {
        .op = ARP_OP_REQUEST,
        .sha = router->config->mac,
        .spa = uplink->config->address.addr,
        .tpa = uplink->config->address.addr,
    };

    if (uplink->view.port && router->ready) {
        router_send_arp(router, uplink->view.port, fh_mac_broadcast(),
                        &uplink->view.vlan, &arp);
    }
}

/* The member says whose its local address is, by every access port. */
static void
announce_local(const struct segment *segment, size_t member)
{
    const struct member *m = &segment->members[member];
    const struct router *router = m->router;
    struct arp arp = {
        .op = ARP_OP_REQUEST,
        .sha = router->config->mac,
        .spa = m->config->address,
        .tpa = m->config->address,
    };

    for (size_t i = 0; i < router->config->n_access_ports; i++) {
        if (router->ready && router->ports[i].number) {
            router_queue_arp(m->router, router->ports[i].number,
                             fh_mac_broadcast(), &segment->config->vlan, &arp);
        }
    }
}

/* Tells the client once more where it finds 'addr', unless a takeover does. */
static void
remind(struct engine *en, struct client *c, struct fh_addr addr)
{
    if (takeover_is_idle(&c->takeover) && member_router(c, c->active)->ready) {
        c->reminded_ms = engine_now_ms(en);
        router_queue_notice(member_router(c, c->active), c, c->active, addr,
                            true);
    }
}

static void
report(struct engine *en, enum incident_type type,
       const struct segment *segment, const struct router *router,
       const char *detail)
{
    struct incident e = incident_init(type);

    if (segment) {
        snprintf(e.segment, sizeof e.segment, "%s", segment->config->name);
    }
    snprintf(e.to, sizeof e.to, "%s", router->config->name);
    snprintf(e.detail, sizeof e.detail, "%s", detail);
    engine_report(en, &e);
}

/* The gateway, or a router's local address. */

static void
remind_of_gateway(struct engine *en, struct client *c, size_t member,
                  uint32_t segment)
{
    if (c->segment->id == segment && c->active == (int) member) {
        remind(en, c, c->segment->config->gateway);
    }
}

static void
defend_gateway(struct engine *en, struct segment *segment)
{
    if (!guard_defends(&segment->gateway_guard, segment->n_clients,
                       engine_now_ms(en))) {
        return;
    }
    for (size_t i = 0; i < segment->n_members; i++) {
        announce_local(segment, i);
        sweep_start(en, segment->members[i].router, remind_of_gateway,
                    segment->id);
    }
}

void
defend_address(struct engine *en, struct segment *segment,
               const struct router *router, struct eth_addr mac,
               struct fh_addr addr, bool to_all)
{
    char detail[96], text[FH_MAC_STRLEN], ip[FH_ADDR_STRLEN];

    if (guard_tells(&segment->told_guard, engine_now_ms(en))) {
        snprintf(detail, sizeof detail, "%s claims our address %s",
                 fh_mac_format(mac, text), fh_addr_format(addr, ip));
        report(en, INCIDENT_GATEWAY_CONFLICT, segment, router, detail);
    }
    if (to_all) {
        defend_gateway(en, segment);
    }
}

/* A client's address, which others may have been answered for. */

static bool
was_answered_for(const struct client *c, struct fh_addr addr)
{
    for (size_t i = 0; i < c->n_answered; i++) {
        if (fh_addr_equal(c->answered[i].address, addr)) {
            return true;
        }
    }
    return false;
}

static void
remind_of_neighbour(struct engine *en, struct client *c, size_t member,
                    uint32_t segment)
{
    if (c->segment->id == segment && c->active == (int) member
        && was_answered_for(c, c->segment->claimed)) {
        remind(en, c, c->segment->claimed);
    }
}

static void
defend_claimed(struct engine *en, struct segment *segment)
{
    if (!guard_defends(&segment->neighbour_guard, segment->n_clients,
                       engine_now_ms(en))) {
        return;
    }
    for (size_t i = 0; i < segment->n_members; i++) {
        sweep_start(en, segment->members[i].router, remind_of_neighbour,
                    segment->id);
    }
}

void
defend_client(struct engine *en, const struct client *c)
{
    struct segment *segment = c->segment;

    if (segment->config->proxy_arp == PROXY_ARP_ALL) {  /* Else it does so. */
        segment->claimed = c->key.address;
        defend_claimed(en, segment);
    }
}

static void
defend_core_claimed(struct engine *en, struct segment *segment)
{
    struct client *c;

    if (!guard_defends(&segment->core_guard, 1, engine_now_ms(en))) {
        return;
    }
    c = clients_find(en->clients, segment->core_claimed, segment->id);
    if (c && c->active != ELECT_NONE && takeover_is_idle(&c->takeover)) {
        route_announce(en, c, UPSTREAM_REPEATED);
    }
}

void
defend_route(struct engine *en, struct client *c, struct eth_addr mac,
             bool to_all)
{
    struct incident e = serving_event(c, INCIDENT_CLIENT_CONFLICT);
    char text[FH_MAC_STRLEN];

    if (guard_tells(&c->core_guard, engine_now_ms(en))) {
        serving_name_member(e.to, c, c->active);
        snprintf(e.detail, sizeof e.detail, "%s claims it towards the core",
                 fh_mac_format(mac, text));
        engine_report(en, &e);
    }
    if (to_all && c->segment->config->upstream == UPSTREAM_ARP) {
        c->segment->core_claimed = c->key.address;
        defend_core_claimed(en, c->segment);
    }
}

/* What is a router's own. */

void
defend_uplink(struct engine *en, struct router *router,
              struct uplink *uplink, struct eth_addr mac, bool to_all)
{
    char detail[96], text[FH_MAC_STRLEN], ip[FH_ADDR_STRLEN];

    if (guard_tells(&uplink->guard, engine_now_ms(en))) {
        snprintf(detail, sizeof detail,
                 "%s claims its address %s towards the core",
                 fh_mac_format(mac, text),
                 fh_addr_format(uplink->config->address.addr, ip));
        report(en, INCIDENT_ROUTER_CONFLICT, NULL, router, detail);
    }
    if (to_all && guard_defends(&uplink->guard, 1, engine_now_ms(en))) {
        announce_uplink(router, uplink);
    }
}

static void
report_mac(struct engine *en, const struct router *router, const char *port)
{
    char detail[96], text[FH_MAC_STRLEN];

    snprintf(detail, sizeof detail, "somebody behind port %.40s uses its MAC "
             "%s", port, fh_mac_format(router->config->mac, text));
    report(en, INCIDENT_ROUTER_CONFLICT, NULL, router, detail);
}

void
defend_mac_on_access(struct engine *en, struct router *router,
                     const char *port)
{
    for (size_t i = 0; i < router->n_segments; i++) {
        struct segment *segment = router->segments[i];
        size_t member = router->member_index[i];
        struct guard *guard = &segment->members[member].guard;

        if (guard_tells(guard, engine_now_ms(en)) && !i) {
            report_mac(en, router, port);
        }
        if (guard_defends(guard, 1, engine_now_ms(en))) {
            announce_local(segment, member);
        }
    }
}

void
defend_mac_on_uplink(struct engine *en, struct router *router, uint32_t port)
{
    bool first = true;

    for (size_t i = 0; i < router->n_uplinks; i++) {
        struct uplink *uplink = &router->uplinks[i];

        if (uplink->view.port != port) {
            continue;
        }
        if (guard_tells(&uplink->guard, engine_now_ms(en)) && first) {
            report_mac(en, router, uplink->config->port);
        }
        if (guard_defends(&uplink->guard, 1, engine_now_ms(en))) {
            announce_uplink(router, uplink);
        }
        first = false;
    }
}

void
defend_tick(struct engine *en)
{
    for (size_t i = 0; i < en->n_segments; i++) {
        struct segment *segment = en->segments[i];

        if (segment->gateway_guard.pending) {
            defend_gateway(en, segment);
        }
        if (segment->neighbour_guard.pending) {
            defend_claimed(en, segment);
        }
        if (segment->core_guard.pending) {
            defend_core_claimed(en, segment);
        }
    }
    for (size_t i = 0; i < en->n_routers; i++) {
        struct router *router = en->routers[i];

        for (size_t j = 0; j < router->n_uplinks; j++) {
            struct uplink *uplink = &router->uplinks[j];

            if (uplink->guard.pending
                && guard_defends(&uplink->guard, 1, engine_now_ms(en))) {
                announce_uplink(router, uplink);
            }
        }
    }
}
