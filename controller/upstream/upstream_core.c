/* The core learns by flows.  See upstream_core.h. */
#include <config.h>

#include "controller/upstream/upstream_core.h"

#include <stdlib.h>

#include <firsthop/buf.h>
#include <uthash.h>

#include "controller/base/log.h"
#include "controller/bridge/ofxact.h"
#include "controller/config/config.h"
#include "flows/flow_core.h"
#include "flows/flow_diff.h"

#define REREAD_MS 1000          /* After a bridge has refused something. */

/* A client that somebody is active for. */
struct core_key {
    struct fh_addr client;
    uint32_t segment;           /* Index into names: outlives a reload. */
};

struct core_route {
    UT_hash_handle hh;
    struct core_key key;
    uint64_t router;            /* Datapath id of the active router. */
    struct eth_addr router_mac;
    struct fh_vlan vlan;        /* Of its uplink. */
    uint32_t decision;
};

struct core_port {
    uint64_t router;            /* Datapath id. */
    char *name;
    uint32_t number;            /* 0: the bridge has none such. */
};

/* An announcement on its way to some cores. */
struct core_waiter {
    struct fh_addr client;
    uint32_t segment_id;
    uint32_t decision;
    unsigned int n_left;        /* Cores that have not answered. */
    bool ok;
};

/* Whose flows are in one commit. */
struct core_batch {
    struct core *core;
    struct core_waiter **waiters;
    size_t n, cap;
};

struct core {
    struct upstream_core *owner;
    char *name;
    uint64_t dpid;
    struct core_port *ports;
    size_t n_ports;
    struct ofconn *conn;        /* NULL: not connected. */
    struct ofxact *xact;
    bool up;                    /* Its coming has been told. */
    bool ready;                 /* Its flows are read and right. */
    bool reading;
    bool reread;                /* Something went wrong: read it again. */
    struct flow_set *found;     /* As read; until all is settled. */
    struct fh_changes changes;  /* To be committed next. */
    struct fh_changes late;     /* Withdrawn while it was being read. */
    struct core_batch *batch;   /* Whose; NULL: nobody's. */
};

struct upstream_core {
    struct upstream up;
    struct upstream_core_options options;
    struct core **cores;
    size_t n_cores;
    struct core_route *routes;
    char **names;               /* Of segments. */
    size_t n_names;
    struct event *settle, *retry;
    bool settling, settled;
};

static void start_reading(struct core *);

static struct upstream_core *
core_cast(const struct upstream *u)
{
    return (struct upstream_core *) (void *) u;
}

static void
tell(const struct core *core, bool up, const char *what)
{
    const struct upstream_core_options *options = &core->owner->options;
    char detail[96];

    snprintf(detail, sizeof detail, "core %.40s %.48s", core->name, what);
    if (options->event) {
        options->event(up, detail, options->aux);
    }
}

/* Flows. */

static bool
build_flow(const struct core *core, const struct core_route *r,
           struct fh_flow *flow)
{
    for (size_t i = 0; i < core->n_ports; i++) {
        const struct core_port *port = &core->ports[i];

        if (port->router == r->router && port->number) {
            struct flow_core_client client = {
                .address = r->key.client, .vlan = r->vlan,
                .router_mac = r->router_mac, .port = port->number,
                .decision = r->decision,
            };

            return flow_core_build(&client, flow);
        }
    }
    return false;
}

static struct flow_set *
build_desired(const struct core *core)
{
    struct flow_set *desired = flow_set_create();
    struct fh_flow flow;

    flow_core_build_base(&flow);
    flow_set_put(desired, &flow);
    for (struct core_route *r = core->owner->routes; r; r = r->hh.next) {
        if (build_flow(core, r, &flow)) {
            flow_set_put(desired, &flow);
        }
    }
    return desired;
}

/* What turns 'core->found' into what is desired; those of the deletes, or of
 * the others, only. */
static void
queue_difference(struct core *core, enum fh_change_op op)
{
    struct flow_set *desired = build_desired(core);
    struct fh_changes all = { .n = 0 };

    flow_diff(desired, core->found, &all);
    for (size_t i = 0; i < all.n; i++) {
        if (all.items[i].op == op) {
            fh_changes_add(&core->changes, op, &all.items[i].flow);
        }
    }
    fh_changes_destroy(&all);
    flow_set_destroy(desired);
}

/* Queues what leads from 'old' (NULL: nothing) to 'new' (NULL: nothing).
 * Returns whether anything does. */
static bool
queue_route(struct core *core, const struct core_route *old,
            const struct core_route *new, bool restored)
{
    struct fh_flow was, flow;
    bool had = old && build_flow(core, old, &was);
    bool has = new && build_flow(core, new, &flow);
    const struct fh_flow *found = NULL;
    size_t n = core->changes.n;

    if (has && restored && core->found) {
        found = flow_set_find(core->found, &flow);
    }
    if (has && !(found && fh_flow_same(found, &flow))) {
        fh_changes_add(&core->changes, FH_CHANGE_ADD, &flow);
    }
    if (had && !(has && fh_flow_same_key(&was, &flow))) {
        fh_changes_add(&core->changes, FH_CHANGE_DELETE, &was);
    }
    return core->changes.n != n;
}

/* Commits. */

static void
waiter_answered(struct upstream_core *u, struct core_waiter *w, bool ok)
{
    w->ok = w->ok && ok;
    if (--w->n_left) {
        return;
    }
    if (u->options.told) {
        u->options.told(w->client, w->segment_id, w->decision, w->ok,
                        u->options.aux);
    }
    free(w);
}

static void
batch_add(struct core *core, struct core_waiter *w)
{
    struct core_batch *batch = core->batch;

    if (!batch) {
        batch = core->batch = fh_xcalloc(1, sizeof *batch);
        batch->core = core;
    }
    if (batch->n == batch->cap) {
        batch->cap = batch->cap ? 2 * batch->cap : 8;
        batch->waiters = fh_xrealloc(batch->waiters,
                                     batch->cap * sizeof *batch->waiters);
    }
    batch->waiters[batch->n++] = w;
    w->n_left++;
}

static void
batch_end(struct upstream_core *u, struct core_batch *batch, bool ok)
{
    for (size_t i = 0; i < batch->n; i++) {
        waiter_answered(u, batch->waiters[i], ok);
    }
    free(batch->waiters);
    free(batch);
}

static void
arm_retry(struct upstream_core *u)
{
    struct timeval tv = { REREAD_MS / 1000, REREAD_MS % 1000 * 1000 };

    if (!evtimer_pending(u->retry, NULL)) {
        evtimer_add(u->retry, &tv);
    }
}

static void
committed(int error, void *batch_)
{
    struct core_batch *batch = batch_;
    struct core *core = batch->core;
    struct upstream_core *u = core->owner;

    /* Without a connection there is nothing to read; its return will do. */
    if (error && core->conn) {
        core->reread = true;
        arm_retry(u);
    }
    batch_end(u, batch, !error);
}

static void
flush(struct core *core)
{
    if (!core->xact || !core->changes.n) {
        return;
    }
    if (!core->batch) {
        core->batch = fh_xcalloc(1, sizeof *core->batch);
        core->batch->core = core;
    }
    ofxact_commit(core->xact, &core->changes, committed, core->batch);
    core->batch = NULL;
    fh_changes_clear(&core->changes);
}

void
upstream_core_flush(struct upstream *up)
{
    struct upstream_core *u = core_cast(up);

    for (size_t i = 0; i < u->n_cores; i++) {
        flush(u->cores[i]);
    }
}

/* Reading a bridge. */

static void
find_ports(struct core *core)
{
    for (size_t i = 0; i < core->n_ports; i++) {
        const struct of_port *port = ofconn_port_by_name(core->conn,
                                                         core->ports[i].name);

        if (!port) {
            log_warn("core %s: its bridge has no port %s", core->name,
                     core->ports[i].name);
        }
        core->ports[i].number = port ? port->number : 0;
    }
}

static void
collect_flow(const struct fh_flow *flow, void *core_)
{
    struct core *core = core_;

    flow_set_put(core->found, flow);
}

static void
drop_found(struct core *core)
{
    flow_set_destroy(core->found);
    core->found = NULL;
}

/* What was withdrawn meanwhile goes, unless it is back. */
static void
queue_late(struct core *core)
{
    struct flow_set *desired = build_desired(core);

    for (size_t i = 0; i < core->late.n; i++) {
        const struct fh_flow *flow = &core->late.items[i].flow;

        if (!flow_set_find(desired, flow)) {
            fh_changes_add(&core->changes, FH_CHANGE_DELETE, flow);
        }
    }
    flow_set_destroy(desired);
    fh_changes_clear(&core->late);
}

static void
read_done(int error, void *core_)
{
    struct core *core = core_;

    core->reading = false;
    if (error) {
        return;
    }
    queue_difference(core, FH_CHANGE_ADD);
    queue_late(core);
    log_info("core %s: %zu flows of ours found, %zu changes needed",
             core->name, flow_set_count(core->found), core->changes.n);
    if (core->owner->settled) {
        queue_difference(core, FH_CHANGE_DELETE);
        drop_found(core);
    }
    core->ready = true;
    if (!core->up) {
        core->up = true;
        tell(core, true, "is there");
    }
}

static void
start_reading(struct core *core)
{
    flush(core);
    core->ready = core->reread = false;
    core->reading = true;
    find_ports(core);
    flow_set_destroy(core->found);
    core->found = flow_set_create();
    ofxact_dump(core->xact, FH_COOKIE_OURS, FH_COOKIE_OURS_MASK,
                collect_flow, read_done, core);
}

static bool
is_busy(const struct core *core)
{
    return (core->reading || core->changes.n || ofxact_in_flight(core->xact)
            || ofxact_waiting(core->xact));
}

/* Reads again what has gone wrong, once nothing is under way that the reading
 * would miss. */
static void
on_retry(evutil_socket_t fd, short what, void *u_)
{
    struct upstream_core *u = u_;

    for (size_t i = 0; i < u->n_cores; i++) {
        struct core *core = u->cores[i];

        if (core->reread && core->xact) {
            if (is_busy(core)) {
                arm_retry(u);
            } else {
                start_reading(core);
            }
        }
    }
}

/* Whoever was to come back is back: what is left over goes. */
static void
on_settled(evutil_socket_t fd, short what, void *u_)
{
    struct upstream_core *u = u_;

    u->settled = true;
    for (size_t i = 0; i < u->n_cores; i++) {
        struct core *core = u->cores[i];

        if (core->ready && core->found) {
            queue_difference(core, FH_CHANGE_DELETE);
            drop_found(core);
            flush(core);
        }
    }
}

/* Connections. */

static struct core *
find_by_conn(const struct upstream_core *u, const struct ofconn *conn)
{
    for (size_t i = 0; i < u->n_cores; i++) {
        if (u->cores[i]->conn == conn) {
            return u->cores[i];
        }
    }
    return NULL;
}

static struct core *
find_by_dpid(const struct upstream_core *u, uint64_t dpid)
{
    for (size_t i = 0; i < u->n_cores; i++) {
        if (u->cores[i]->dpid == dpid) {
            return u->cores[i];
        }
    }
    return NULL;
}

/* Takeovers that wait for this bridge go on. */
static void
detach(struct core *core)
{
    struct ofxact *xact = core->xact;
    struct core_batch *batch = core->batch;

    core->conn = NULL;
    core->xact = NULL;
    core->batch = NULL;
    core->ready = core->reread = false;
    fh_changes_clear(&core->changes);
    fh_changes_clear(&core->late);
    ofxact_destroy(xact);
    core->reading = false;
    drop_found(core);
    if (batch) {
        batch_end(core->owner, batch, false);
    }
    if (core->up) {
        core->up = false;
        tell(core, false, "is gone");
    }
}

static void
attach(struct core *core)
{
    core->xact = ofxact_create(ofconn_tx(core->conn),
                               ofconn_version(core->conn), ofconn_xid_for,
                               core->conn);
    ofxact_set_name(core->xact, core->name);
    start_reading(core);
}

bool
upstream_core_identify(struct upstream *up, struct ofconn *conn)
{
    struct upstream_core *u = core_cast(up);
    struct core *core = find_by_dpid(u, ofconn_dpid(conn));
    struct ofconn *former;

    if (!core) {
        return false;
    }
    if (core->conn == conn) {
        return true;
    }
    former = core->conn;
    if (former) {
        static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(60000, 5);

        log_warn_rl(&rl, "core %s: %s takes over from %s: if that is not one "
                    "bridge that has reconnected, two bridges have its "
                    "datapath id, and one of them needs another", core->name,
                    ofconn_peer(conn), ofconn_peer(former));
        detach(core);
        ofconn_close(former, "a newer connection has its datapath id");
    }
    core->conn = conn;
    if (ofconn_is_ready(conn)) {
        attach(core);
    } else {
        ofconn_take(conn);
    }
    return true;
}

void
upstream_core_ready(struct upstream *up, struct ofconn *conn)
{
    struct core *core = find_by_conn(core_cast(up), conn);

    if (core && !core->xact) {
        log_info("core %s: connected from %s, OpenFlow %s", core->name,
                 ofconn_peer(conn), ofconn_version_name(conn));
        attach(core);
    }
}

void
upstream_core_message(struct upstream *up, struct ofconn *conn,
                      struct of_message *msg)
{
    struct core *core = find_by_conn(core_cast(up), conn);

    if (!core || !core->xact) {
        return;
    }
    if (msg->type == OF_ROLE_STATUS) {
        log_warn("core %s: another controller has taken the master role",
                 core->name);
        ofconn_close(conn, "the master role was lost");
    } else if (!ofxact_receive(core->xact, msg) && msg->type == OF_ERROR) {
        static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(1000, 10);

        log_warn_rl(&rl, "core %s: the bridge reports an error: %s",
                    core->name, msg->error.text);
    }
}

void
upstream_core_port(struct upstream *up, struct ofconn *conn)
{
    struct core *core = find_by_conn(core_cast(up), conn);
    bool changed = false;

    for (size_t i = 0; core && core->xact && i < core->n_ports; i++) {
        const struct of_port *port
            = ofconn_port_by_name(conn, core->ports[i].name);

        changed = changed || core->ports[i].number != (port ? port->number
                                                       : 0);
    }
    if (changed) {
        core->reread = true;
        on_retry(-1, 0, core->owner);
    }
}

void
upstream_core_closed(struct upstream *up, struct ofconn *conn,
                     const char *reason)
{
    struct core *core = find_by_conn(core_cast(up), conn);

    if (core) {
        log_warn("core %s: disconnected: %s", core->name, reason);
        detach(core);
    }
}

/* Verbs. */

static uint32_t
intern(struct upstream_core *u, const char *name)
{
    for (size_t i = 0; i < u->n_names; i++) {
        if (!strcmp(u->names[i], name)) {
            return i;
        }
    }
    u->names = fh_xrealloc(u->names, (u->n_names + 1) * sizeof *u->names);
    u->names[u->n_names] = fh_xstrdup(name);
    return u->n_names++;
}

static struct core_route *
find_route(const struct upstream_core *u, const struct core_key *key)
{
    struct core_route *r;

    HASH_FIND(hh, u->routes, key, sizeof *key, r);
    return r;
}

static bool
same_route(const struct core_route *a, const struct core_route *b)
{
    return a->router == b->router && a->decision == b->decision
           && fh_mac_equal(a->router_mac, b->router_mac)
           && fh_vlan_equal(&a->vlan, &b->vlan);
}

static struct core_route
make_route(struct upstream_core *u, const struct fh_route *route)
{
    return (struct core_route) {
        .key = { route->client, intern(u, route->segment_name) },
        .router = route->dpid,
        .router_mac = route->router_mac,
        .vlan = route->uplink.vlan,
        .decision = route->decision,
    };
}

static void
put_route(struct upstream_core *u, struct core_route *r,
          const struct core_route *new)
{
    if (r) {
        r->router = new->router;
        r->router_mac = new->router_mac;
        r->vlan = new->vlan;
        r->decision = new->decision;
    } else {
        r = fh_xmemdup(new, sizeof *new);
        HASH_ADD(hh, u->routes, key, sizeof r->key, r);
    }
}

static bool
core_announce(struct upstream *up, const struct fh_route *route,
              enum fh_route_how how)
{
    struct upstream_core *u = core_cast(up);
    struct core_route new = make_route(u, route);
    struct core_route *old = find_route(u, &new.key);
    struct core_waiter *w;

    if (how == UPSTREAM_REPEATED || (old && how == UPSTREAM_RESTORED
                                     && same_route(old, &new))) {
        return true;
    }
    w = fh_xcalloc(1, sizeof *w);
    *w = (struct core_waiter) { route->client, route->segment,
                                route->decision, 0, true };
    for (size_t i = 0; i < u->n_cores; i++) {
        struct core *core = u->cores[i];

        if (core->ready && queue_route(core, old, &new,
                                       how == UPSTREAM_RESTORED)) {
            batch_add(core, w);
        }
    }
    put_route(u, old, &new);
    if (!w->n_left) {
        free(w);                /* They are told when they return. */
        return true;
    }
    return false;
}

static void
forget_route(struct upstream_core *u, struct core_route *r)
{
    HASH_DEL(u->routes, r);
    free(r);
}

static void
core_withdraw(struct upstream *up, const struct fh_route *route)
{
    struct upstream_core *u = core_cast(up);
    struct core_key key = { route->client, intern(u, route->segment_name) };
    struct core_route *r = find_route(u, &key);

    for (size_t i = 0; r && i < u->n_cores; i++) {
        struct core *core = u->cores[i];
        struct fh_flow flow;

        if (core->ready) {
            queue_route(core, r, NULL, false);
        } else if (core->reading && build_flow(core, r, &flow)) {
            fh_changes_add(&core->late, FH_CHANGE_DELETE, &flow);
        }
    }
    if (r) {
        forget_route(u, r);
    }
}

/* From a configuration. */

static void
free_ports(struct core *core)
{
    for (size_t i = 0; i < core->n_ports; i++) {
        free(core->ports[i].name);
    }
    free(core->ports);
    core->ports = NULL;
    core->n_ports = 0;
}

static void
core_free(struct core *core)
{
    if (core) {
        detach(core);
        free_ports(core);
        fh_changes_destroy(&core->changes);
        fh_changes_destroy(&core->late);
        free(core->name);
        free(core);
    }
}

static bool
has_same_ports(const struct core *core, const struct config *config,
               const struct config_core *cc)
{
    bool same = core->n_ports == cc->n_ports;

    for (size_t i = 0; same && i < cc->n_ports; i++) {
        same = (core->ports[i].router
                == config->routers[cc->ports[i].router].dpid
                && !strcmp(core->ports[i].name, cc->ports[i].port));
    }
    return same;
}

static void
configure_core(struct core *core, const struct config *config,
               const struct config_core *cc)
{
    if (core->name && has_same_ports(core, config, cc)) {
        free(core->name);
        core->name = fh_xstrdup(cc->name);
        return;
    }
    free_ports(core);
    free(core->name);
    core->name = fh_xstrdup(cc->name);
    core->dpid = cc->dpid;
    core->ports = fh_xcalloc(cc->n_ports + 1, sizeof *core->ports);
    core->n_ports = cc->n_ports;
    for (size_t i = 0; i < cc->n_ports; i++) {
        core->ports[i].router = config->routers[cc->ports[i].router].dpid;
        core->ports[i].name = fh_xstrdup(cc->ports[i].port);
    }
    if (core->conn && core->xact) {
        find_ports(core);
        core->reread = true;    /* Other ports, other flows. */
    }
}

/* Takes the core with that datapath id out of 'u', or makes one. */
static struct core *
take_core(struct upstream_core *u, uint64_t dpid)
{
    struct core *core;

    for (size_t i = 0; i < u->n_cores; i++) {
        core = u->cores[i];
        if (core && core->dpid == dpid) {
            u->cores[i] = NULL;
            return core;
        }
    }
    core = fh_xcalloc(1, sizeof *core);
    core->owner = u;
    return core;
}

/* A bridge that the configuration does not know any more keeps none of our
 * clients, goes on as a switch, and is left alone from here on. */
static void
release(struct core *core)
{
    if (core->ready) {
        for (struct core_route *r = core->owner->routes; r; r = r->hh.next) {
            queue_route(core, r, NULL, false);
        }
        flush(core);
    }
    core_free(core);
}

static void
start_settling(struct upstream_core *u, uint32_t settle_ms)
{
    struct timeval tv = { settle_ms / 1000, settle_ms % 1000 * 1000 };

    if (!u->settling) {
        u->settling = true;
        evtimer_add(u->settle, &tv);
    }
}

void
upstream_core_configure(struct upstream *up, const struct config *config,
                        uint32_t settle_ms)
{
    struct upstream_core *u = core_cast(up);
    struct core **cores = fh_xcalloc(config->n_cores + 1, sizeof *cores);

    for (size_t i = 0; i < config->n_cores; i++) {
        cores[i] = take_core(u, config->cores[i].dpid);
        configure_core(cores[i], config, &config->cores[i]);
    }
    for (size_t i = 0; i < u->n_cores; i++) {
        if (u->cores[i]) {
            release(u->cores[i]);
        }
    }
    free(u->cores);
    u->cores = cores;
    u->n_cores = config->n_cores;
    start_settling(u, settle_ms);
    on_retry(-1, 0, u);
}

static void
core_destroy(struct upstream *up)
{
    struct upstream_core *u = core_cast(up);

    u->options.told = NULL;
    u->options.event = NULL;
    for (size_t i = 0; i < u->n_cores; i++) {
        core_free(u->cores[i]);
    }
    free(u->cores);
    while (u->routes) {
        forget_route(u, u->routes);
    }
    for (size_t i = 0; i < u->n_names; i++) {
        free(u->names[i]);
    }
    free(u->names);
    event_free(u->settle);
    event_free(u->retry);
    free(u);
}

static const struct upstream_ops core_ops = {
    .name = "core",
    .announce = core_announce,
    .withdraw = core_withdraw,
    .acknowledges = false,
    /* Its datapath may remember the old flow for some ms. */
    .settle_ms = 100,
    .destroy = core_destroy,
};

struct upstream *
upstream_core_create(const struct upstream_core_options *options)
{
    struct upstream_core *u = fh_xcalloc(1, sizeof *u);

    u->up.ops = &core_ops;
    u->options = *options;
    u->settle = evtimer_new(options->base, on_settled, u);
    u->retry = evtimer_new(options->base, on_retry, u);
    return &u->up;
}

/* Readers. */

size_t
upstream_core_count(const struct upstream *up)
{
    return core_cast(up)->n_cores;
}

struct fh_core_status
upstream_core_info(const struct upstream *up, size_t i)
{
    const struct core *core = core_cast(up)->cores[i];

    return (struct fh_core_status) { core->name, core->dpid,
                                     core->ready };
}

size_t
upstream_core_routes(const struct upstream *up)
{
    return HASH_COUNT(core_cast(up)->routes);
}
