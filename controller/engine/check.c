/* What short-lived flows tell: can the bridge read two VLAN tags, does a
 * client still send to the router that it has moved from.
 *
 * Both are told by the packet count in a flow's removal, so neither costs a
 * punt, and neither flow outlives a daemon that dies by more than its hard
 * timeout. */
#include <config.h>

#include "controller/engine/engine_private.h"

#include "controller/engine/sweep.h"
#include "flows/flow_base.h"
#include "flows/flow_client.h"

#define CHECK_AGAIN_MS 10000    /* The operator may have changed the limit. */
#define CHECK_S        5        /* Hard timeout, should we die in between. */
#define PRIO_CHECK     500

/* Two tags. */

static bool
needs_two_tags(const struct router *router)
{
    for (size_t i = 0; i < router->n_segments; i++) {
        const struct segment *segment = router->segments[i];
        const struct member *me = &segment->members[router->member_index[i]];

        for (size_t j = 0; j < segment->n_vlans; j++) {
            if (segment->vlans[j].n > 1) {
                return true;
            }
        }
        if (me->uplink->view.vlan.n > 1) {
            return true;
        }
    }
    return false;
}

/* ARP behind two tags, from the controller and to nobody. */
static void
send_two_tags(struct router *router)
{
    const struct fh_vlan vlan = { .n = 2, .vids = { 1, 1 } };
    struct arp arp = { .op = ARP_OP_REQUEST, .sha = router->config->mac };

    router_send_arp(router, FH_PORT_TABLE, router->config->mac, &vlan, &arp);
}

/* OpenFlow does not tell how many tags a bridge reads (Open vSwitch's
 * vlan-limit, 1 unless set).  One that reads two sees that a frame with two is
 * ARP; one that reads one sees a frame of Ethertype 0x8100. */
void
check_two_tags(struct router *router, int64_t now_ms)
{
    struct fh_flow flow;

    if (!router->openflow || router->check_at_ms > now_ms
        || !needs_two_tags(router)) {
        return;
    }
    router->check_at_ms = now_ms + CHECK_AGAIN_MS;
    memset(&flow, 0, sizeof flow);
    flow.cookie = fh_cookie(FH_KIND_CHECK, 0);
    flow.table = FH_TABLE_CLASSIFY;
    flow.priority = PRIO_CHECK;
    flow.hard_timeout_s = CHECK_S;
    flow.send_removed = true;
    flow.match.fields = FH_F_IN_PORT | FH_F_ETH_TYPE;
    flow.match.in_port = FH_PORT_CONTROLLER;
    flow.match.eth_type = ETHERTYPE_ARP;
    router_put_change(router, FH_CHANGE_ADD, &flow);
    send_two_tags(router);
    router_put_change(router, FH_CHANGE_DELETE, &flow);
}

/* The client may have become servable there, or have ceased to be. */
static void
reconsider(struct engine *en, struct client *c, size_t member,
           uint32_t unused)
{
    if (!serve_can(c, member)) {
        serve_member_gone(en, c, member, 0);
    } else if (!wheel_is_armed(&c->reaches[member].timer)) {
        probe_now(en, c, member);
    }
}

static void
two_tags_told(struct engine *en, struct router *router, bool one_tag_only)
{
    if (router->one_tag_only == one_tag_only) {
        return;
    }
    if (one_tag_only) {
        log_err("router %s: its bridge reads one VLAN tag only: clients with "
                "two tags are not served on it; `ovs-vsctl set Open_vSwitch "
                ". other_config:vlan-limit=2` lets it read two",
                router->config->name);
    } else {
        log_info("router %s: its bridge reads two VLAN tags",
                 router->config->name);
    }
    router->one_tag_only = one_tag_only;
    if (router->ready) {
        sweep_start(en, router, reconsider, 0);
    }
}

/* Static neighbour entries. */

static bool
build_trap(struct client *c, size_t member, struct fh_flow *flow)
{
    struct fh_client view;

    if (c->trap_member == ELECT_NONE
        || !router_client_view(c, member, &view)) {
        return false;
    }
    flow_client_build_trap(&view, c->segment->members[c->trap_member].router
                                      ->config->mac, flow);
    return true;
}

void
check_static(struct client *c)
{
    struct fh_flow flow;
    struct router *router;

    if (c->active == ELECT_NONE || c->active == c->trap_member
        || !takeover_is_idle(&c->takeover)) {
        return;
    }
    router = c->segment->members[c->active].router;
    if (router->ready && build_trap(c, c->active, &flow)) {
        router_put_change(router, FH_CHANGE_ADD, &flow);
    }
}

void
check_untrap(struct client *c, size_t member)
{
    struct router *router = c->segment->members[member].router;
    struct fh_flow flow;

    if (router->openflow && !c->trap_at_ms && build_trap(c, member, &flow)) {
        router_queue_change(router, FH_CHANGE_DELETE, &flow);
    }
    c->trap_member = ELECT_NONE;
    c->trap_at_ms = 0;
}

void
check_untrap_active(struct client *c)
{
    if (c->active != ELECT_NONE) {
        check_untrap(c, c->active);
    }
}

static struct client *
find_trapped(struct engine *en, const struct router *router,
             const struct flow_client_info *info)
{
    for (size_t i = 0; i < router->n_segments; i++) {
        struct client *c = clients_find(en->clients, info->address,
                                        router->segments[i]->id);

        if (c && c->active == (int) router->member_index[i]
            && c->decision == info->decision
            && fh_vlan_equal(&c->vlan, &info->vlan)) {
            return c;
        }
    }
    return NULL;
}

bool
check_is_open(struct engine *en, const struct router *router,
              const struct fh_flow *flow)
{
    struct flow_client_info info;

    return fh_cookie_kind(flow->cookie) == FH_KIND_CHECK
           || (flow_client_read_trap(flow, &info)
               && find_trapped(en, router, &info));
}

static void
report_static(struct engine *en, struct client *c)
{
    struct incident e = incident_init(INCIDENT_CLIENT_STATIC);

    e.client = c->key.address;
    snprintf(e.segment, sizeof e.segment, "%s", c->segment->config->name);
    snprintf(e.to, sizeof e.to, "%s",
             c->segment->members[c->active].router->config->name);
    if (c->trap_member != ELECT_NONE) {
        snprintf(e.from, sizeof e.from, "%s",
                 c->segment->members[c->trap_member].router->config->name);
    }
    snprintf(e.detail, sizeof e.detail, "has acknowledged, but still sends "
             "to the MAC of the router that it was moved from");
    c->is_static = true;
    engine_report(en, &e);
}

void
check_flow_removed(struct engine *en, struct router *router,
                   const struct fh_flow *flow, uint64_t packets)
{
    struct flow_client_info info;

    if (!fh_cookie_is_ours(flow->cookie)) {
        return;
    }
    if (fh_cookie_kind(flow->cookie) == FH_KIND_CHECK) {
        two_tags_told(en, router, !packets);
    } else if (flow_client_read_trap(flow, &info)) {
        struct client *c = find_trapped(en, router, &info);

        if (c && packets) {
            report_static(en, c);
        }
        if (c) {
            c->trap_member = ELECT_NONE;
        }
    }
}
