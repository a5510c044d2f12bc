/* A router leaves a segment, or the configuration.  See leave.h. */
#include <config.h>

#include "controller/engine/leave.h"

#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/engine/runtime.h"
#include "controller/engine/sweep.h"

#define LOOK_AGAIN_MS 10        /* At what is still under way. */

/* A router that the configuration no longer knows. */
struct departure {
    struct departure *next;
    struct engine *en;
    struct config_router config;        /* Name, datapath id, connect. */
    struct router *router;              /* Owned. */
    bool cleared;                       /* Its flows are being removed. */
};

/* Clients. */

void
leave_begin(struct engine *en, struct client *c, struct router *router)
{
    c->former = router;
    c->elect_at_ms = engine_now_ms(en) + 1 + router->n_former++ / DRAIN_PER_MS;
}

void
leave_end(struct engine *en, struct client *c)
{
    if (c->former) {
        c->former->n_former--;
        c->former = NULL;
        leave_check(en);
    }
}

void
leave_router_gone(struct engine *en, struct router *router)
{
    for (size_t i = 0; router->n_former && i < clients_count(en->clients);
         i++) {
        struct client *c = clients_at(en->clients, i);

        if (c->former == router && c->elect_at_ms) {
            c->elect_at_ms = engine_now_ms(en);
            serve_arm(en, c);
        }
    }
    leave_check(en);
}

/* Departures. */

struct router *
leave_depart(struct engine *en, const struct config_router *config)
{
    struct departure *d = fh_xcalloc(1, sizeof *d);

    d->en = en;
    d->config.name = fh_xstrdup(config->name);
    d->config.dpid = config->dpid;
    d->config.connect = config->connect ? fh_xstrdup(config->connect) : NULL;
    d->router = router_create(&d->config, move_installed, en);
    d->next = en->departures;
    en->departures = d;
    leave_check(en);
    return d->router;
}

void
leave_take_conn(struct router *departed, struct router *from)
{
    router_flush(from);
    departed->conn = from->conn;
    from->conn = NULL;
    ofconn_set_aux(departed->conn, departed);
}

struct router *
leave_find(const struct engine *en, uint64_t dpid)
{
    for (const struct departure *d = en->departures; d; d = d->next) {
        if (d->config.dpid == dpid) {
            return d->router;
        }
    }
    return NULL;
}

bool
leave_dials(const struct engine *en, const char *target)
{
    for (const struct departure *d = en->departures; d; d = d->next) {
        if (d->config.connect && !strcmp(d->config.connect, target)) {
            return true;
        }
    }
    return false;
}

void
leave_recount(struct engine *en)
{
    for (struct departure *d = en->departures; d; d = d->next) {
        d->router->n_former = 0;
    }
}

static void
departure_free(struct departure *d)
{
    if (d->router->conn) {
        ofconn_set_aux(d->router->conn, NULL);
    }
    router_destroy(d->router);
    free(d->config.name);
    free(d->config.connect);
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
        if (d->router->conn) {
            router->expected = true;    /* Its clients wait for it. */
            bridge_attach(en, router, d->router);
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
collect_flow(const struct fh_flow *flow, void *d_)
{
    const struct departure *d = d_;

    flow_set_put(d->router->installed, flow);
}

static void
read_done(int error, void *d_)
{
    struct departure *d = d_;
    struct flow_set *nothing;

    if (!error) {
        nothing = flow_set_create();
        flow_diff(nothing, d->router->installed, &d->router->changes);
        flow_set_destroy(nothing);
        router_flush(d->router);
    }
    d->router->reading = false;
    leave_check(d->en);
}

/* Reads the flows of ours that the bridge still holds, and removes them. */
static void
clear(struct departure *d)
{
    struct router *router = d->router;

    d->cleared = true;
    router->reading = true;
    router->installed = flow_set_create();
    router->xact = ofxact_create(ofconn_tx(router->conn),
                                 ofconn_version(router->conn), ofconn_xid_for,
                                 router->conn);
    ofxact_dump(router->xact, FH_COOKIE_OURS, FH_COOKIE_OURS_MASK,
                collect_flow, read_done, d);
}

static bool
is_busy(const struct router *router)
{
    return router->reading || (router->xact
                               && (ofxact_in_flight(router->xact)
                                   || ofxact_waiting(router->xact)));
}

static void
let_go(struct engine *en, struct departure *d)
{
    struct ofconn *conn = d->router->conn;
    char *connect = d->config.connect;

    d->config.connect = NULL;
    sweep_finish(en, d->router);
    departure_free(d);
    if (conn) {
        bridge_identify(en, conn);    /* A core's, from now on? */
    }
    runtime_undial(en, connect);
    free(connect);
}

/* Returns true if it has to be looked at again. */
static bool
check_departures(struct engine *en)
{
    struct departure **p = &en->departures;
    bool again = false;

    while (*p) {
        struct departure *d = *p;
        bool ready = d->router->conn && ofconn_is_ready(d->router->conn);

        if (d->router->n_former) {
            p = &d->next;
        } else if (ready && !d->cleared) {
            clear(d);
            p = &d->next;
        } else if (ready && is_busy(d->router)) {
            again = again || !d->router->reading;
            p = &d->next;
        } else {
            *p = d->next;
            let_go(en, d);
        }
    }
    return again;
}

static bool
check_routers(struct engine *en)
{
    bool again = false;

    for (size_t i = 0; i < en->n_routers; i++) {
        struct router *router = en->routers[i];

        if (!router->keeps || router->n_former || !router->ready) {
            continue;
        }
        if (is_busy(router)) {
            again = true;
        } else {
            bridge_read_again(en, router);
        }
    }
    return again;
}

static void
timer_fired(struct wheel_timer *timer, int64_t now_ms, void *en_)
{
    struct engine *en = en_;
    bool departures = check_departures(en), routers = check_routers(en);

    if (departures || routers) {
        wheel_arm(en->wheel, timer, now_ms + LOOK_AGAIN_MS);
    }
}

void
leave_check(struct engine *en)
{
    en->leave_timer.fire = timer_fired;
    wheel_arm(en->wheel, &en->leave_timer, engine_now_ms(en));
}
