/* A router's bridge comes, speaks, and goes.
 *
 * Passes events on to the files that know what follows. */
#include <config.h>

#include "controller/engine/bridge.h"

#include "controller/engine/act.h"
#include "controller/engine/adopt.h"
#include "controller/engine/counts.h"
#include "controller/engine/input.h"
#include "controller/engine/life.h"
#include "controller/engine/mark.h"
#include "controller/engine/move.h"
#include "controller/engine/path.h"
#include "controller/engine/probe.h"
#include "controller/engine/removed.h"
#include "controller/engine/router_send.h"
#include "controller/engine/settle.h"
#include "controller/engine/stale.h"
#include "controller/engine/sweep.h"
#include "controller/engine/taglimit.h"

/* What it refuses once it may refuse again: not more often than this. */
#define REREAD_MS 5000

static void
up(struct engine *en, struct router *router, const struct engine_event *event)
{
    sweep_finish(en, router);   /* What it was gone for comes first. */
    router->openflow = event->u.ports.openflow;
    router->ready = false;
    router->reading = true;
    router_set_ports(router, event->u.ports.all, event->u.ports.n);
    adopt_begin(en, router);
}

static void
read_done(struct engine *en, struct router *router, bool first)
{
    if (first) {
        router->reading = false;
        adopt_done(en, router);
        settle_marked(en);
    }
}

/* It was there when this controller came to lead, and has gone before it could
 * be read: others of its bridges are not late, this one is dead. */
static void
wait_no_more(struct engine *en, struct router *router)
{
    router->expected = false;
    for (size_t i = 0; i < clients_count(en->clients); i++) {
        struct client *c = clients_at(en->clients, i);

        for (size_t j = 0; j < c->n_reaches; j++) {
            if (c->segment->members[j].router == router) {
                mark_client(en, c, (CLIENT_WANTS_ELECTION
                                    | CLIENT_WANTS_RESUMPTION), CAUSE_NONE);
                break;
            }
        }
    }
    settle_marked(en);
}

static void
down(struct engine *en, struct router *router, const char *reason)
{
    struct incident e = incident_init(INCIDENT_ROUTER_DISCONNECTED);
    bool was_there = router->greeted || router->reading;

    if (router->reading && !wheel_is_armed(&en->expect_timer)) {
        router->expected = false;
    }
    router->openflow = NULL;
    router->ready = router->reading = router->greeted = false;
    router->n_repaired = router->n_meters_repaired = 0;
    router->meters_asked = false;
    router_forget_questions(router);
    router->overdue = false;
    router->pulse = path_judge(en, router);
    for (size_t i = 0; i < router->n_uplinks; i++) {
        uplink_reset(&router->uplinks[i]);
    }
    removed_router_gone(en, router);
    if (router->expected && en->host.has_bridge) {
        wait_no_more(en, router);
    }
    if (!was_there) {
        return;
    }
    snprintf(e.from, sizeof e.from, "%s", router->config->name);
    snprintf(e.detail, sizeof e.detail, "%s", reason);
    engine_report(en, &e);
    sweep_start(en, router, life_member_gone, 0);
    settle_marked(en);
}

static void
confirmed(struct engine *en, struct router *router, uint64_t token, bool ok,
          bool serves)
{
    struct client *c = clients_confirm(en->clients, token);

    /* What was under way fails before its going is told. */
    router->ready = router->ready && serves;
    if (c) {
        move_installed(en, c, router, ok);
    }
    settle_marked(en);
}

static void
report_repaired(struct router *router, size_t n, const char *what)
{
    struct incident e = incident_init(INCIDENT_ROUTER_REPAIRED);

    snprintf(e.from, sizeof e.from, "%s", router->config->name);
    snprintf(e.detail, sizeof e.detail, "%zu %s%s", n, what,
             n == 1 ? "" : "s");
    engine_report(router->owner, &e);
}

/* Meters first: flows that name one would be refused, and go with it. */
static void
repaired(struct router *router, size_t n)
{
    router->n_repaired = n;
    if (n) {
        router_put_meters(router);
        report_repaired(router, n, "flow");
    }
}

/* What the meters are set to: once more, soon, where somebody else had been at
 * them; and not as often if that did not help. */
static void
look_at_meters(struct router *router, const struct fh_meter *found,
               size_t n_found)
{
    size_t n = router_count_wrong_meters(router, found, n_found);
    bool again = router->n_meters_repaired > 0;

    if (!router->meters_asked) {
        return;
    }
    router->n_meters_repaired = n;
    if (n) {
        router_put_meters(router);
        router->meters_at_ms = again ? router->meters_at_ms : 0;
        router->box->counters.flows_repaired += n;
        report_repaired(router, n, "meter");
    }
}

static void
removed(struct engine *en, struct router *router, const struct fh_flow *flow)
{
    counts_flow_removed(en, router, flow);
    stale_flow_removed(en, router, flow);
    taglimit_flow_removed(en, router, flow);
    settle_marked(en);
}

static bool
is_ours(const struct router *router, const char *name)
{
    for (size_t i = 0; i < router->config->n_access_ports; i++) {
        if (!strcmp(router->config->access_ports[i], name)) {
            return true;
        }
    }
    for (size_t i = 0; i < router->n_uplinks; i++) {
        if (!strcmp(router->uplinks[i].config->port, name)) {
            return true;
        }
    }
    return false;
}

static void
port_changed(struct engine *en, struct router *router,
             const struct engine_event *event)
{
    const struct of_port *port = event->u.ports.changed;
    bool deleted = event->u.ports.deleted;
    struct router_port *access;
    bool was_up;

    if (!is_ours(router, port->name)) {
        return;
    }
    access = router_access_port(router, port->number);
    was_up = access && access->up;
    if (was_up && (deleted || !port->up)) {
        log_warn("router %s: port %s is down", router->config->name,
                 port->name);
        sweep_start(en, router, probe_port_down, port->number);
    }
    router_set_ports(router, event->u.ports.all, event->u.ports.n);
    if (router->ready) {
        router_put_meters(router);
        router_update_base(router);
        sweep_start(en, router, mark_election, 0);
        if (access && !was_up && port->up) {
            log_info("router %s: port %s is up", router->config->name,
                     port->name);
        }
    }
    settle_marked(en);
}

void
bridge_event(struct engine *en, struct router *router,
             const struct engine_event *event)
{
    switch (event->type) {
    case ENGINE_BRIDGE_UP:
        up(en, router, event);
        break;
    case ENGINE_BRIDGE_DOWN:
        down(en, router, event->u.reason);
        break;
    case ENGINE_BRIDGE_FLOWS:
        *event->u.flows.desired = adopt_desired(en, router,
                                                event->u.flows.found,
                                                event->u.flows.first);
        break;
    case ENGINE_BRIDGE_READ:
        read_done(en, router, event->u.first);
        break;
    case ENGINE_BRIDGE_COUNTED:
        counts_flow(en, router, event->u.flow);
        break;
    case ENGINE_BRIDGE_REPAIRED:
        repaired(router, event->u.n);
        break;
    case ENGINE_BRIDGE_CONFIRMED:
        confirmed(en, router, event->u.confirmed.token,
                  event->u.confirmed.ok, event->u.confirmed.serves);
        break;
    case ENGINE_BRIDGE_PORTS:
        port_changed(en, router, event);
        break;
    case ENGINE_BRIDGE_FRAME:
        input_frame(en, router, event->u.frame);
        settle_marked(en);
        break;
    case ENGINE_BRIDGE_REMOVED:
        removed(en, router, event->u.flow);
        break;
    case ENGINE_BRIDGE_FENCE:
        router_fence_returned(router, event->u.took_us);
        break;
    case ENGINE_BRIDGE_DROPS:
        router_note_drops(router, event->u.drops.meters, event->u.drops.n,
                          en->now_us);
        break;
    case ENGINE_BRIDGE_METERS:
        look_at_meters(router, event->u.meters.meters, event->u.meters.n);
        break;
    case ENGINE_TOLD: case ENGINE_LAG: case ENGINE_DUE:
        break;                          /* Of no bridge. */
    }
}

/* Which bridge it is, as its configuration says. */
static void
set_bridge(struct router *router)
{
    outbox_set_bridge(router->box, router->config->dpid, router->config->name,
                      router->config->common_name, REREAD_MS);
}

void
bridge_give(struct engine *en, struct router *router)
{
    if (!router->open) {
        set_bridge(router);
        router->open = true;
        act_put_box(en, ENGINE_OPEN, router->box);
    }
}

void
bridge_renew(struct engine *en, struct router *router)
{
    set_bridge(router);
    act_put_box(en, ENGINE_RENEW, router->box);
    if (router->openflow) {
        router_find_ports(router);
    }
}

void
bridge_hand_over(struct engine *en, struct router *router,
                 struct router *from)
{
    router_take_box(router, from);
    set_bridge(router);
    act_put_box(en, ENGINE_RENEW, router->box);
    act_put_box(en, ENGINE_READ, router->box);
}

/* Does it take all probes? */
static void
watch_probes(struct router *router)
{
    static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(60000, 3);

    if (router->counters.probes_postponed != router->told_postponed) {
        log_warn_rl(&rl, "router %s: the bridge takes fewer probes than the "
                    "configuration asks for: intervals are longer (%llu "
                    "probes postponed)", router->config->name,
                    (unsigned long long) router->counters.probes_postponed
                    - router->told_postponed);
        router->told_postponed = router->counters.probes_postponed;
    }
}

void
bridge_tick(struct engine *en, int64_t now_ms)
{
    for (size_t i = 0; i < en->n_routers; i++) {
        watch_probes(en->routers[i]);
    }
    act_put(en, &(struct engine_act) { ENGINE_LOOK });
}
