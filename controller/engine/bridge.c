/* A router's bridge comes, speaks, and goes.
 *
 * The owner of its struct bridge (controller/bridge/bridge.h): passes on to
 * the files that know what follows. */
#include <config.h>

#include "controller/engine/bridge.h"

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
find_ports(struct router *router)
{
    size_t n;
    const struct of_port *ports
        = router->wire->bridge_ports(router->bridge, &n);

    router_find_ports(router, ports, n);
}

static void
up(void *router_)
{
    struct router *router = router_;
    struct engine *en = router->owner;

    sweep_finish(en, router);   /* What it was gone for comes first. */
    router->openflow = router->wire->bridge_version_name(router->bridge);
    router->ready = false;
    router->reading = true;
    find_ports(router);
    adopt_begin(en, router);
}

static void
counted(void *router_, const struct fh_flow *flow)
{
    struct router *router = router_;

    counts_flow(router->owner, router, flow);
}

static struct flow_set *
desired(void *router_, const struct flow_set *found, bool first)
{
    struct router *router = router_;
    struct engine *en = router->owner;

    return adopt_desired(en, router, found, first);
}

static void
read_done(void *router_, bool first)
{
    struct router *router = router_;

    if (first) {
        router->reading = false;
        adopt_done(router->owner, router);
        settle_marked(router->owner);
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
down(void *router_, const char *reason)
{
    struct router *router = router_;
    struct engine *en = router->owner;
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
confirmed(void *router_, uint64_t token, bool ok)
{
    struct router *router = router_;
    struct engine *en = router->owner;
    struct client *c = clients_confirm(en->clients, token);

    /* What was under way fails before its going is told. */
    router->ready = (router->ready
                     && router->wire->bridge_serves(router->bridge));
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
repaired(void *router_, size_t n)
{
    struct router *router = router_;

    router->n_repaired = n;
    if (n) {
        router_put_meters(router);
        report_repaired(router, n, "flow");
    }
}

/* What the meters are set to: once more, soon, where somebody else had been at
 * them; and not as often if that did not help. */
static void
look_at_meters(struct router *router, const struct of_message *msg)
{
    size_t n = router_count_wrong_meters(router, msg);
    bool again = router->n_meters_repaired > 0;

    if (!router->meters_asked) {
        return;
    }
    router->n_meters_repaired = n;
    if (n) {
        router_put_meters(router);
        router->meters_at_ms = again ? router->meters_at_ms : 0;
        router->commits.flows_repaired += n;
        report_repaired(router, n, "meter");
    }
}

static bool
message(void *router_, const struct of_message *msg)
{
    struct router *router = router_;
    struct engine *en = router->owner;

    if (msg->type == OF_PACKET_IN) {
        input_frame(en, router, &msg->packet_in);
    } else if (msg->type == OF_FLOW_REMOVED) {
        counts_flow_removed(en, router, &msg->flow_removed.flow);
        stale_flow_removed(en, router, &msg->flow_removed.flow);
        taglimit_flow_removed(en, router, &msg->flow_removed.flow);
    } else if (msg->type == OF_ECHO_REPLY) {
        router_echo_reply(router, msg->xid);
    } else if (msg->type == OF_METER_STATS_REPLY) {
        router_drops_reply(router, msg, en->now_us);
    } else if (msg->type == OF_METER_CONFIG_REPLY) {
        look_at_meters(router, msg);
    } else if (msg->type == OF_ERROR) {
        return router_meter_error(router, msg);
    }
    settle_marked(en);
    return true;
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
port_changed(void *router_, const struct of_port *port, bool deleted)
{
    struct router *router = router_;
    struct engine *en = router->owner;
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
    find_ports(router);
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

static const struct bridge_ops router_ops = {
    .up = up,
    .down = down,
    .counted = counted,
    .desired = desired,
    .read = read_done,
    .repaired = repaired,
    .message = message,
    .port = port_changed,
    .confirmed = confirmed,
};

static struct bridge_options
options_for(struct router *router)
{
    return (struct bridge_options) {
        .dpid = router->config->dpid,
        .kind = "router", .name = router->config->name,
        .common_name = router->config->common_name,
        .reread_ms = REREAD_MS,
        .counters = &router->commits,
    };
}

void
bridge_give(struct engine *en, struct router *router)
{
    struct bridge_options options = options_for(router);

    if (!router->bridge) {
        struct bridge *bridge = en->host.create_bridge(en->host.aux, &options,
                                                       &router_ops, router);

        router_set_bridge(router, bridge);
    }
}

void
bridge_renew(struct router *router)
{
    struct bridge_options options = options_for(router);

    router->wire->bridge_set_owner(router->bridge, &options, &router_ops,
                                   router);
    if (router->openflow) {
        find_ports(router);
    }
}

void
bridge_offer(struct engine *en)
{
    en->host.offer(en->host.aux);
}

void
bridge_hand_over(struct router *router, struct router *from)
{
    struct bridge_options options = options_for(router);

    router_take_bridge(router, from);
    router->commits = from->commits;
    router->wire->bridge_set_owner(router->bridge, &options, &router_ops,
                                   router);
    router->wire->bridge_read(router->bridge);
}

void
bridge_close(struct router *router, const char *reason)
{
    router->wire->bridge_drop(router->bridge, reason);
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
    en->host.tick(en->host.aux, now_ms);
}
