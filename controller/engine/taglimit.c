/* Can the bridge read two VLAN tags?  See taglimit.h.
 *
 * The packet count in a flow's removal tells, so that it costs no punt, and
 * the flow outlives a daemon that dies by no more than its hard timeout. */
#include <config.h>

#include "controller/engine/taglimit.h"

#include "controller/engine/life.h"
#include "controller/engine/probe.h"
#include "controller/engine/router_send.h"
#include "controller/engine/serving.h"
#include "controller/engine/sweep.h"
#include "flows/flow_base.h"

#define CHECK_AGAIN_MS 10000    /* The operator may have changed the limit. */
#define CHECK_S        5        /* Hard timeout, should we die in between. */
#define PRIO_CHECK     500

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
taglimit_ask(struct router *router, int64_t now_ms)
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
    if (!serving_can(c, member)) {
        life_member_gone(en, c, member, 0);
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
                ". other_config:vlan-limit=2`, and a restart of "
                "ovs-vswitchd, let it read two",
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

bool
taglimit_is_open(const struct fh_flow *flow)
{
    return fh_cookie_kind(flow->cookie) == FH_KIND_CHECK;
}

void
taglimit_flow_removed(struct engine *en, struct router *router,
                      const struct fh_flow *flow)
{
    if (fh_cookie_is_ours(flow->cookie) && taglimit_is_open(flow)) {
        two_tags_told(en, router, !flow->n_packets);
    }
}
