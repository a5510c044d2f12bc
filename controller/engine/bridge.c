/* A bridge comes, speaks, and goes.
 *
 * Owns which connection is whose.  Called by ofserver for every connection,
 * and by a timer of engine.c that looks whether the bridge keeps up. */
#include <config.h>

#include "controller/engine/engine_private.h"

#include "controller/engine/leave.h"
#include "controller/engine/sweep.h"
#include "controller/upstream/upstream_core.h"

#define MAX_CONNECTIONS 4096
#define MAX_BACKLOG_BYTES (256u << 20)
#define HANDSHAKE_MS 10000

/* A bridge that answers echoes but confirms no flow change for so long is
 * not to be trusted with clients. */
#define CONFIRM_WITHIN_MS 10000
/* What it refuses once it may refuse again: not more often than this. */
#define REREAD_MS 5000

static void
detach(struct engine *en, struct router *router, const char *reason)
{
    struct incident e = incident_init(INCIDENT_ROUTER_DISCONNECTED);
    bool was_ready = router->ready || router->reading;

    if (router->reading && !wheel_is_armed(&en->expect_timer)) {
        router->expected = false;
    }
    ofconn_set_aux(router->conn, NULL);
    router->conn = NULL;
    router->ready = router->reading = router->greeted = false;
    router_forget_questions(router);
    ofxact_destroy(router->xact);
    router->xact = NULL;
    fh_changes_clear(&router->changes);
    for (size_t i = 0; i < router->n_uplinks; i++) {
        uplink_reset(&router->uplinks[i]);
    }
    leave_router_gone(en, router);
    if (!was_ready) {
        return;
    }
    snprintf(e.from, sizeof e.from, "%s", router->config->name);
    snprintf(e.detail, sizeof e.detail, "%s", reason);
    engine_report(en, &e);
    sweep_start(en, router, serve_member_gone, 0);
}

static void
start_reading(struct engine *en, struct router *router)
{
    sweep_finish(en, router);   /* What it was gone for comes first. */
    router->progress_ms = engine_now_ms(en);
    router->xact = ofxact_create(ofconn_tx(router->conn),
                                 ofconn_version(router->conn), ofconn_xid_for,
                                 router->conn);
    adopt_start(en, router);
}

/* The newer connection wins.  The older may be one that the bridge itself has
 * given up; but two bridges that take the router from one another in turn
 * serve nobody. */
static void
lose_bridge(struct engine *en, struct router *router,
            const struct ofconn *conn)
{
    static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(60000, 5);
    struct ofconn *old = router->conn;
    char dpid[FH_DPID_STRLEN];

    log_warn_rl(&rl, "router %s: %s takes over from %s: if that is not one "
                "bridge that has reconnected, two bridges have the datapath "
                "id %s, and one of them needs another: `ovs-vsctl set bridge "
                "BRIDGE other_config:datapath-id=...`",
                router->config->name, ofconn_peer(conn), ofconn_peer(old),
                fh_dpid_format(ofconn_dpid(conn), dpid));
    router->counters.dpid_takeovers++;
    detach(en, router, "a newer connection has its datapath id");
    ofconn_close(old, "a newer connection has its datapath id");
}

void
bridge_identify(struct engine *en, struct ofconn *conn)
{
    struct router *router = engine_router_by_dpid(en, ofconn_dpid(conn));
    char dpid[FH_DPID_STRLEN];

    if (!router
        && upstream_core_identify(en->host.core, conn)) {
        return;
    }
    if (!router) {
        log_warn("bridge %s (%s) is not in the configuration: left alone",
                 fh_dpid_format(ofconn_dpid(conn), dpid), ofconn_peer(conn));
        return;
    }
    if (router->conn) {
        lose_bridge(en, router, conn);
    }
    router->conn = conn;
    ofconn_set_aux(conn, router);
    if (ofconn_is_ready(conn)) {
        start_reading(en, router);      /* Taken before, then released. */
    } else {
        ofconn_take(conn);
    }
}

static void
on_identified(struct ofconn *conn, void *en_)
{
    struct engine *en = en_;

    engine_read_clock(en);
    bridge_identify(en, conn);
}

void
bridge_attach(struct engine *en, struct router *router,
              struct router *from)
{
    router->conn = from->conn;
    from->conn = NULL;
    ofconn_set_aux(router->conn, router);
    if (ofconn_is_ready(router->conn)) {
        start_reading(en, router);
    }
}

static void
on_ready(struct ofconn *conn, void *en_)
{
    struct engine *en = en_;
    struct router *router = ofconn_get_aux(conn);

    engine_read_clock(en);
    if (!router) {
        upstream_core_ready(en->host.core, conn);
        return;
    }
    log_info("router %s: connected from %s, OpenFlow %s",
             router->config->name, ofconn_peer(conn),
             ofconn_version_name(conn));
    router->connected_ms = engine_now_ms(en) + en->unix_off_ms;
    start_reading(en, router);
}

static void
on_message(struct ofconn *conn, struct of_message *msg, void *en_)
{
    struct engine *en = en_;
    struct router *router = ofconn_get_aux(conn);

    if (!router) {
        upstream_core_message(en->host.core, conn, msg);
        return;
    }
    if (!router->xact) {
        return;
    }
    if (msg->type == OF_PACKET_IN) {
        if (router->ready) {
            engine_wake(en);
            punt_packet_in(en, router, &msg->packet_in);
        }
    } else if (msg->type == OF_FLOW_REMOVED) {
        engine_read_clock(en);
        check_flow_removed(en, router, &msg->flow_removed.flow,
                           msg->flow_removed.packets);
    } else if (msg->type == OF_ECHO_REPLY) {
        router_fence_reply(router, msg->xid);
    } else if (msg->type == OF_METER_STATS_REPLY) {
        engine_wake(en);
        router_drops_reply(router, msg, en->now_us);
    } else if (msg->type == OF_ROLE_STATUS) {
        log_warn("router %s: another controller has taken the master role",
                 router->config->name);
        ofconn_close(conn, "the master role was lost");
    } else if (!ofxact_receive(router->xact, msg)
               && msg->type == OF_ERROR
               && !router_meter_error(router, msg)) {
        static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(1000, 10);

        log_warn_rl(&rl, "router %s: the bridge reports an error: %s",
                    router->config->name, msg->error.text);
    }
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
on_port(struct ofconn *conn, const struct of_port *port, bool deleted,
        void *en_)
{
    struct engine *en = en_;
    struct router *router = ofconn_get_aux(conn);
    struct router_port *access;
    bool was_up;

    engine_read_clock(en);
    if (!router) {
        upstream_core_port(en->host.core, conn);
        return;
    }
    if (!router->xact || !is_ours(router, port->name)) {
        return;
    }
    access = router_access_port(router, port->number);
    was_up = access && access->up;
    if (was_up && (deleted || !port->up)) {
        log_warn("router %s: port %s is down", router->config->name,
                 port->name);
        sweep_start(en, router, probe_port_down, port->number);
    }
    router_find_ports(router);
    if (router->ready) {
        router_put_meters(router);
        router_update_base(router);
        sweep_start(en, router, serve_elect_again, 0);
        if (access && !was_up && port->up) {
            log_info("router %s: port %s is up", router->config->name,
                     port->name);
        }
    }
}

static void
on_closed(struct ofconn *conn, const char *reason, void *en_)
{
    struct engine *en = en_;
    struct router *router = ofconn_get_aux(conn);

    engine_read_clock(en);
    if (router) {
        log_warn("router %s: disconnected: %s", router->config->name,
                 reason);
        detach(en, router, reason);
        en->host.end_turn(en->host.aux);
    } else if (en->host.core) {      /* Not at the end. */
        upstream_core_closed(en->host.core, conn, reason);
        en->host.end_turn(en->host.aux);
    }
}

static void
on_idle(void *en_)
{
    struct engine *en = en_;

    en->host.end_turn(en->host.aux);
}

void
bridge_read_again(struct engine *en, struct router *router)
{
    router->ready = false;
    router->expected = true;        /* Its clients stay meanwhile. */
    adopt_start(en, router);
}

static void
reread(struct engine *en, struct router *router)
{
    if (!router->reread_ms) {
        router->reread_ms = engine_now_ms(en) + REREAD_MS;
    }
    if (engine_now_ms(en) >= router->reread_ms) {
        router->refused = false;
        router->reread_ms = 0;
        bridge_read_again(en, router);
    }
}

void
bridge_watch(struct engine *en, struct router *router)
{
    bool busy = router->reading || ofxact_in_flight(router->xact);

    if (!busy || router->n_confirmed != router->watched) {
        router->watched = router->n_confirmed;
        router->progress_ms = engine_now_ms(en);
    } else if (engine_now_ms(en) - router->progress_ms > CONFIRM_WITHIN_MS) {
        ofconn_close(router->conn, "it does not confirm flow changes");
        return;
    }
    if (router->counters.probes_postponed != router->told_postponed) {
        static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(60000, 3);

        log_warn_rl(&rl, "router %s: the bridge takes fewer probes than the "
                    "configuration asks for: intervals are longer (%llu "
                    "probes postponed)", router->config->name,
                    (unsigned long long) router->counters.probes_postponed
                    - router->told_postponed);
        router->told_postponed = router->counters.probes_postponed;
    }
    if (router->refused && router->ready && !busy
        && !ofxact_waiting(router->xact)) {
        reread(en, router);
    }
}

void
bridge_serve(struct engine *en)
{
    static const struct ofserver_cbs cbs = {
        .identified = on_identified,
        .ready = on_ready,
        .message = on_message,
        .port = on_port,
        .closed = on_closed,
        .idle = on_idle,
    };
    struct ofserver_config config = {
        .echo_interval_ms = en->config->echo_interval_ms,
        .dead_after_ms = en->config->dead_after_ms,
        .handshake_ms = HANDSHAKE_MS,
        .max_connections = MAX_CONNECTIONS,
        .max_backlog_bytes = MAX_BACKLOG_BYTES,
    };

    en->ofserver = ofserver_create(en->host.base, &config, &cbs, en);
}
