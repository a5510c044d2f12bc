/* A router leaves a segment, or the configuration.  See leave.h. */
#include <config.h>

#include "controller/engine/leave.h"

#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/engine/act.h"
#include "controller/engine/bridge.h"
#include "controller/engine/removed.h"
#include "controller/engine/router_send.h"
#include "controller/engine/sweep.h"

/* What is awaited behind the last change to a bridge that is left alone then;
 * no client's, see client_await(). */
#define CLEARED UINT64_MAX

/* Departures. */

struct router *
leave_depart(struct engine *en, const struct config_router *config)
{
    struct departure *d = fh_xcalloc(1, sizeof *d);

    d->en = en;
    d->config.name = fh_xstrdup(config->name);
    d->config.dpid = config->dpid;
    d->config.connect = config->connect ? fh_xstrdup(config->connect) : NULL;
    d->config.common_name = (config->common_name
                             ? fh_xstrdup(config->common_name) : NULL);
    d->router = router_create(&d->config, en);
    d->next = en->departures;
    en->departures = d;
    removed_check(en);
    return d->router;
}

static struct departure *
find_departure(const struct engine *en, uint64_t dpid)
{
    for (struct departure *d = en->departures; d; d = d->next) {
        if (d->config.dpid == dpid) {
            return d;
        }
    }
    return NULL;
}

struct router *
leave_find(const struct engine *en, uint64_t dpid)
{
    struct departure *d = find_departure(en, dpid);

    return d ? d->router : NULL;
}

static void
departure_free(struct departure *d)
{
    router_close(d->router);
    free(d->config.name);
    free(d->config.connect);
    free(d->config.common_name);
    free(d);
}

void
leave_return(struct engine *en)
{
    struct departure **p = &en->departures;

    while (*p) {
        struct departure *d = *p;
        struct router *router = engine_router_by_dpid(en, d->config.dpid);

        if (!router) {
            p = &d->next;
            continue;
        }
        if (d->router->open) {
            router->expected = true;    /* Its clients wait for it. */
            bridge_hand_over(en, router, d->router);
        }
        *p = d->next;
        departure_free(d);
    }
}

void
leave_destroy(struct engine *en)
{
    while (en->departures) {
        struct departure *d = en->departures;

        en->departures = d->next;
        departure_free(d);
    }
}

/* Cleaning up. */

static void
put_flow(const struct fh_flow *flow, void *set)
{
    flow_set_put(set, flow);
}

/* Nothing of ours, once its last client has gone. */
static struct flow_set *
desired(const struct departure *d, const struct flow_set *found)
{
    struct flow_set *set = flow_set_create();

    if (!d->cleared) {
        flow_set_for_each(found, put_flow, set);
    }
    return set;
}

static void
down(struct departure *d)
{
    d->router->openflow = NULL;
    removed_router_gone(d->en, d->router);
}

static struct departure *
departure_of(const struct engine *en, const struct router *router)
{
    for (struct departure *d = en->departures; d; d = d->next) {
        if (d->router == router) {
            return d;
        }
    }
    return NULL;
}

bool
leave_event(struct engine *en, struct router *router,
            const struct engine_event *event)
{
    struct departure *d = departure_of(en, router);

    if (!d) {
        return false;
    }
    if (event->type == ENGINE_BRIDGE_FLOWS) {
        *event->u.flows.desired = desired(d, event->u.flows.found);
    } else if (event->type == ENGINE_BRIDGE_READ) {
        d->clearing = d->cleared;
        outbox_await(router->box, CLEARED);
    } else if (event->type == ENGINE_BRIDGE_CONFIRMED) {
        d->gone = d->gone || (d->clearing
                              && event->u.confirmed.token == CLEARED);
        removed_check(en);
    } else if (event->type == ENGINE_BRIDGE_DOWN) {
        down(d);
    }
    return true;
}

void
leave_take_bridge(struct engine *en, struct router *from)
{
    struct departure *d = find_departure(en, from->config->dpid);

    d->router->openflow = from->openflow;
    router_take_box(d->router, from);
    outbox_set_bridge(d->router->box, d->config.dpid, d->config.name,
                      d->config.common_name, 0);
    act_put_box(en, ENGINE_RENEW, d->router->box);
}

static void
let_go(struct engine *en, struct departure *d)
{
    char *connect = d->config.connect;

    d->config.connect = NULL;
    sweep_finish(en, d->router);
    departure_free(d);
    act_put(en, &(struct engine_act) { ENGINE_OFFER }); /* A core's, from now
                                                         * on? */
    act_put(en, &(struct engine_act) { ENGINE_UNDIAL, .u.target = connect });
}

static void
check_departures(struct engine *en)
{
    struct departure **p = &en->departures;

    while (*p) {
        struct departure *d = *p;
        bool there = d->router->openflow;

        if (d->router->n_remaining) {
            p = &d->next;
        } else if (there && !d->cleared) {
            d->cleared = true;
            act_put_box(en, ENGINE_READ_AGAIN, d->router->box);
            p = &d->next;
        } else if (there && !d->gone) {
            p = &d->next;
        } else {
            *p = d->next;
            let_go(en, d);
        }
    }
}

static void
check_routers(struct engine *en)
{
    for (size_t i = 0; i < en->n_routers; i++) {
        struct router *router = en->routers[i];

        if (router->keeps_flows && !router->n_remaining && router->ready) {
            router->keeps_flows = false;
            act_put_box(en, ENGINE_READ_AGAIN, router->box);
        }
    }
}

void
leave_timer_fired(struct wheel_timer *timer, int64_t now_ms, void *en)
{
    check_departures(en);
    check_routers(en);
}
