/* The next hops of the routers: carries out what uplink.h says.
 *
 * Called by input_uplink.c when one has spoken, and by a timer of engine.c. */
#include <config.h>

#include "controller/engine/nexthop.h"

#include "controller/engine/mark.h"
#include "controller/engine/router_send.h"
#include "controller/engine/serving.h"

/* Judging: a next hop answers again, or no more.  It may be the core that has
 * gone or come back, for which nobody should move: the election waits until
 * the other routers' next hops have answered, or have not when it was time. */

/* Will something be heard of it, if its next hop is there? */
static bool
is_awaited(const struct router *router, const struct uplink *uplink,
           bool also_dead)
{
    return (router->ready && uplink->view.port && uplink->port_up
            && uplink_is_resolved(uplink)
            && (also_dead || uplink->state != UPLINK_DEAD));
}

/* Asks them all.  Returns how long, in ms, those have that do not answer. */
static int64_t
ask_next_hops(struct engine *en, const struct uplink *except, bool also_dead)
{
    int64_t longest_ms = 0;

    for (size_t i = 0; i < en->n_routers; i++) {
        struct router *router = en->routers[i];

        for (size_t j = 0; j < router->n_uplinks; j++) {
            struct uplink *uplink = &router->uplinks[j];

            uplink_ask_soon(uplink, engine_now_ms(en));
            if (uplink != except && is_awaited(router, uplink, also_dead)) {
                uplink->awaited = true;
                longest_ms = (uplink_retry_ms(uplink) > longest_ms
                              ? uplink_retry_ms(uplink) : longest_ms);
            }
        }
    }
    return longest_ms + 2 * UPLINK_TICK_MS;
}

static bool
is_any_awaited(const struct engine *en)
{
    for (size_t i = 0; i < en->n_routers; i++) {
        for (size_t j = 0; j < en->routers[i]->n_uplinks; j++) {
            if (en->routers[i]->uplinks[j].awaited) {
                return true;
            }
        }
    }
    return false;
}

/* Something has been heard of all, or it is time: nobody waits any longer. */
static void
judge(struct engine *en)
{
    for (size_t i = 0; i < en->n_routers; i++) {
        for (size_t j = 0; j < en->routers[i]->n_uplinks; j++) {
            en->routers[i]->uplinks[j].awaited = false;
        }
    }
    for (size_t i = 0; i < clients_count(en->clients); i++) {
        struct client *c = clients_at(en->clients, i);

        if (c->elect_at_ms && c->elect_at_ms <= en->hops_judged_ms) {
            mark_client(en, c, CLIENT_WANTS_ELECTION, CAUSE_NONE);
        }
    }
    en->hops_judged_ms = 0;
}

static void
next_hop_changed(struct engine *en, struct router *router,
                 const struct uplink *uplink, bool is_back)
{
    int64_t at_ms = (engine_now_ms(en)
                     + ask_next_hops(en, uplink, is_back));

    en->hops_judged_ms = at_ms;
    for (size_t i = 0; i < clients_count(en->clients); i++) {
        struct client *c = clients_at(en->clients, i);

        for (size_t j = 0; j < c->n_reaches; j++) {
            if (c->segment->members[j].router == router
                && (!c->elect_at_ms || c->elect_at_ms > at_ms)) {
                c->elect_at_ms = at_ms;
                serving_arm(en, c);
            }
        }
    }
}

static void
log_next_hop(const struct router *router, const struct uplink *uplink,
             enum uplink_event event)
{
    static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(1000, 10);
    static struct log_rate_limit refused = LOG_RATE_LIMIT_INIT(10000, 5);
    const char *name = router->config->name;
    char ip[FH_ADDR_STRLEN], mac[FH_MAC_STRLEN], claimant[FH_MAC_STRLEN];

    fh_addr_format(uplink->config->next_hop, ip);
    fh_mac_format(uplink->view.next_hop_mac, mac);
    if (event == UPLINK_UNHEARD) {
        log_warn("router %s: its next hop %s, on port %s, has not answered "
                 "yet", name, ip, uplink->config->port);
    } else if (event == UPLINK_WENT_DEAD) {
        log_warn("router %s: its next hop %s does not answer", name, ip);
    } else if (event == UPLINK_CAME_BACK) {
        log_info("router %s: its next hop %s answers again, at %s", name, ip,
                 mac);
    } else if (event == UPLINK_MOVED) {
        log_info_rl(&rl, "router %s: its next hop %s is now at %s, the old "
                    "one being silent", name, ip, mac);
    } else if (event == UPLINK_REFUSED) {
        log_warn_rl(&refused, "router %s: %s speaks as its next hop %s, "
                    "which is at %s: not believed", name,
                    fh_mac_format(uplink->claimant, claimant), ip, mac);
    }
}

static void
report_refused(struct engine *en, const struct router *router,
               struct uplink *uplink)
{
    struct incident e = incident_init(INCIDENT_NEXT_HOP_CONFLICT);
    char ip[FH_ADDR_STRLEN], mac[FH_MAC_STRLEN], claimant[FH_MAC_STRLEN];

    if (!guard_tells(&uplink->told_guard, engine_now_ms(en))) {
        return;
    }
    snprintf(e.to, sizeof e.to, "%s", router->config->name);
    snprintf(e.detail, sizeof e.detail, "%s speaks as %s, which is at %s",
             fh_mac_format(uplink->claimant, claimant),
             fh_addr_format(uplink->config->next_hop, ip),
             fh_mac_format(uplink->view.next_hop_mac, mac));
    engine_report(en, &e);
}

/* Not where only the tag's Ethertype has changed. */
static void
report_moved(struct engine *en, const struct router *router,
             struct uplink *uplink)
{
    struct incident e = incident_init(INCIDENT_NEXT_HOP_MOVED);
    char ip[FH_ADDR_STRLEN], mac[FH_MAC_STRLEN], previous[FH_MAC_STRLEN];

    if (fh_mac_is_zero(uplink->previous_mac)) {
        return;
    }
    snprintf(e.to, sizeof e.to, "%s", router->config->name);
    snprintf(e.detail, sizeof e.detail, "%s is at %s, and was at %s",
             fh_addr_format(uplink->config->next_hop, ip),
             fh_mac_format(uplink->view.next_hop_mac, mac),
             fh_mac_format(uplink->previous_mac, previous));
    memset(&uplink->previous_mac, 0, sizeof uplink->previous_mac);
    engine_report(en, &e);
}

static void
ask_next_hop(struct router *router, const struct uplink *uplink,
             enum uplink_ask ask)
{
    struct eth_addr dst = uplink->view.next_hop_mac;
    struct fh_vlan vlan = uplink->view.vlan;
    struct arp arp = {
        .op = ARP_OP_REQUEST,
        .sha = router->config->mac,
        .spa = uplink->config->address.addr,
        .tpa = uplink->config->next_hop,
    };

    if (ask == UPLINK_ASK_ALL) {
        memset(&dst, 0xff, sizeof dst);
    }
    if (ask == UPLINK_ASK_ALL && vlan.n > 1) {
        /* Which of the two the core uses shows only when it answers. */
        vlan.tpid = ETHERTYPE_8021Q;
        router_send_arp(router, uplink->view.port, dst, &vlan, &arp);
        vlan.tpid = ETHERTYPE_8021AD;
    }
    router_send_arp(router, uplink->view.port, dst, &vlan, &arp);
}

void
nexthop_act(struct engine *en, struct router *router,
            struct uplink *uplink, struct uplink_verdict verdict)
{
    log_next_hop(router, uplink, verdict.event);
    switch (verdict.event) {
    case UPLINK_NOTHING:
    case UPLINK_UNHEARD:
        break;
    case UPLINK_FOUND:
    case UPLINK_MOVED:
        router_update_next_hop(router, uplink);
        report_moved(en, router, uplink);
        break;
    case UPLINK_CAME_BACK:
        router_update_next_hop(router, uplink);
        report_moved(en, router, uplink);
        next_hop_changed(en, router, uplink, true);
        break;
    case UPLINK_WENT_DEAD:
        next_hop_changed(en, router, uplink, false);
        break;
    case UPLINK_REFUSED:
        engine_drop(en, DROP_NEXT_HOP);
        report_refused(en, router, uplink);
        break;
    }
    if (verdict.ask != UPLINK_ASK_NOBODY) {
        ask_next_hop(router, uplink, verdict.ask);
    }
    if (en->hops_judged_ms && (engine_now_ms(en) >= en->hops_judged_ms
                               || !is_any_awaited(en))) {
        judge(en);
    }
}

void
nexthop_tick(struct engine *en, struct router *router, int64_t now_ms)
{
    for (size_t i = 0; i < router->n_uplinks; i++) {
        struct uplink *uplink = &router->uplinks[i];

        router_tell_drops(router, uplink);
        nexthop_act(en, router, uplink, uplink_tick(uplink, now_ms));
    }
}
