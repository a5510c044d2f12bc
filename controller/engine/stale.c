/* Does a client that has acknowledged a takeover still send to the MAC of the
 * router before, because its entry is static?  See stale.h.
 *
 * The packet count in a flow's removal tells, so that it costs no punt, and
 * the flow outlives a daemon that dies by no more than its hard timeout. */
#include <config.h>

#include "controller/engine/router_desired.h"
#include "controller/engine/router_send.h"
#include "controller/engine/stale.h"

#include "flows/flow_client.h"

static bool
build_stale(struct client *c, size_t member, struct fh_flow *flow)
{
    struct fh_client view;

    if (c->stale_member == ELECT_NONE
        || !router_client_view(c, member, &view)) {
        return false;
    }
    flow_client_build_stale(&view, c->segment->members[c->stale_member].router
                                      ->config->mac, flow);
    return true;
}

void
stale_ask(struct client *c)
{
    struct fh_flow flow;
    struct router *router;

    if (c->active == ELECT_NONE || c->active == c->stale_member
        || !takeover_is_idle(&c->takeover)) {
        return;
    }
    router = c->segment->members[c->active].router;
    if (router->ready && build_stale(c, c->active, &flow)) {
        router_put_change(router, FH_CHANGE_ADD, &flow);
    }
}

void
stale_take_back(struct client *c, size_t member)
{
    struct router *router = c->segment->members[member].router;
    struct fh_flow flow;

    if (router->openflow && !c->stale_at_ms && build_stale(c, member, &flow)) {
        router_queue_change(router, FH_CHANGE_DELETE, &flow);
    }
    c->stale_member = ELECT_NONE;
    c->stale_at_ms = 0;
}

void
stale_take_back_active(struct client *c)
{
    if (c->active != ELECT_NONE) {
        stale_take_back(c, c->active);
    }
}

static struct client *
find_stale(struct engine *en, const struct router *router,
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
stale_is_open(struct engine *en, const struct router *router,
              const struct fh_flow *flow)
{
    struct flow_client_info info;

    return (flow_client_read_stale(flow, &info)
            && find_stale(en, router, &info));
}

static void
report_static(struct engine *en, struct client *c)
{
    struct incident e = incident_init(INCIDENT_CLIENT_STATIC);

    e.client = c->key.address;
    snprintf(e.segment, sizeof e.segment, "%s", c->segment->config->name);
    snprintf(e.to, sizeof e.to, "%s",
             c->segment->members[c->active].router->config->name);
    if (c->stale_member != ELECT_NONE) {
        snprintf(e.from, sizeof e.from, "%s",
                 c->segment->members[c->stale_member].router->config->name);
    }
    snprintf(e.detail, sizeof e.detail, "has acknowledged, but still sends "
             "to the MAC of the router that it was moved from");
    c->is_static = true;
    engine_report(en, &e);
}

void
stale_flow_removed(struct engine *en, struct router *router,
                   const struct fh_flow *flow)
{
    struct flow_client_info info;
    struct client *c;

    if (!fh_cookie_is_ours(flow->cookie)
        || !flow_client_read_stale(flow, &info)) {
        return;
    }
    c = find_stale(en, router, &info);
    if (c && flow->n_packets) {
        report_static(en, c);
    }
    if (c) {
        c->stale_member = ELECT_NONE;
    }
}
