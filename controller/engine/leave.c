/* A router leaves a segment, or the configuration.  See leave.h. */
#include <config.h>

#include "controller/engine/leave.h"

#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/engine/bridge.h"
#include "controller/engine/removed.h"
#include "controller/engine/router_send.h"
#include "controller/engine/sweep.h"

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
    d->router = router_open(en, &d->config);
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
        if (d->router->bridge) {
            router->expected = true;    /* Its clients wait for it. */
            bridge_hand_over(router, d->router);
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
desired(void *d_, const struct flow_set *found, bool first)
{
    const struct departure *d = d_;
    struct flow_set *set = flow_set_create();

    if (!d->cleared) {
        flow_set_for_each(found, put_flow, set);
    }
    return set;
}

static void
read_done(void *d_, bool first)
{
    const struct departure *d = d_;
    const struct wire_ops *wire = d->router->wire;

    wire->bridge_await(d->router->bridge, 0);
    wire->bridge_commit(d->router->bridge);
}

static void
confirmed(void *d_, uint64_t token, bool ok)
{
    const struct departure *d = d_;

    removed_check(d->en);
}

static void
up(void *d)
{
}

static void
down(void *d_, const char *reason)
{
    struct departure *d = d_;

    d->router->openflow = NULL;
    removed_router_gone(d->en, d->router);
}

static const struct bridge_ops departure_ops = {
    .up = up,
    .down = down,
    .desired = desired,
    .read = read_done,
    .confirmed = confirmed,
};

void
leave_take_bridge(struct engine *en, struct router *from)
{
    struct departure *d = find_departure(en, from->config->dpid);
    struct bridge_options options = {
        .dpid = d->config.dpid, .kind = "router", .name = d->config.name,
        .common_name = d->config.common_name,
    };

    router_take_bridge(d->router, from);
    d->router->openflow = from->openflow;
    from->wire->bridge_set_owner(d->router->bridge, &options, &departure_ops,
                                 d);
}

static void
let_go(struct engine *en, struct departure *d)
{
    char *connect = d->config.connect;

    d->config.connect = NULL;
    sweep_finish(en, d->router);
    departure_free(d);
    bridge_offer(en);                   /* A core's, from now on? */
    en->host.undial(en->host.aux, connect);
    free(connect);
}

static void
check_departures(struct engine *en)
{
    struct departure **p = &en->departures;

    while (*p) {
        struct departure *d = *p;
        const struct wire_ops *wire = d->router->wire;
        bool there = d->router->openflow;

        if (d->router->n_remaining) {
            p = &d->next;
        } else if (there && !d->cleared) {
            d->cleared = true;
            wire->bridge_read_again(d->router->bridge);
            p = &d->next;
        } else if (there && wire->bridge_is_busy(d->router->bridge)) {
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
            router->wire->bridge_read_again(router->bridge);
        }
    }
}

void
leave_timer_fired(struct wheel_timer *timer, int64_t now_ms, void *en)
{
    check_departures(en);
    check_routers(en);
}
