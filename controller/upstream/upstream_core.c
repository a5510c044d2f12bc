/* The core learns by flows.  See upstream_core.h. */
#include <config.h>

#include "controller/upstream/upstream_core.h"

#include <stdlib.h>

#include <firsthop/buf.h>
#include <uthash.h>

#include "controller/base/log.h"
#include "controller/bridge/bridge.h"
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

struct core {
    struct upstream_core *owner;
    char *name;
    uint64_t dpid;
    struct core_port *ports;
    size_t n_ports;
    struct bridge *bridge;      /* Owned. */
    bool up;                    /* Its coming has been told. */
    struct flow_set *found;     /* As read; until all is settled. */
    struct flow_set *late;      /* Withdrawn while that was being read. */
};

struct upstream_core {
    struct upstream up;
    struct upstream_core_options options;
    struct core **cores;
    size_t n_cores;
    struct core_route *routes;
    char **names;               /* Of segments. */
    size_t n_names;
    struct event *settle;
    bool settling, settled;
};

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

    flow_core_put_base(desired);
    for (struct core_route *r = core->owner->routes; r; r = r->hh.next) {
        if (build_flow(core, r, &flow)) {
            flow_set_put(desired, &flow);
        }
    }
    return desired;
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
    struct fh_changes *changes = bridge_changes(core->bridge);
    size_t n = changes->n;

    if (has && restored && core->found) {
        found = flow_set_find(core->found, &flow);
    }
    if (has && !(found && fh_flow_same(found, &flow))) {
        fh_changes_add(changes, FH_CHANGE_ADD, &flow);
    }
    if (had && !(has && fh_flow_same_key(&was, &flow))) {
        fh_changes_add(changes, FH_CHANGE_DELETE, &was);
    }
    return changes->n != n;
}

/* Waiting. */

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
confirmed(void *core_, uint64_t waiter, bool ok)
{
    struct core *core = core_;

    waiter_answered(core->owner, (struct core_waiter *) (uintptr_t) waiter,
                    ok);
}

void
upstream_core_flush(struct upstream *up)
{
    struct upstream_core *u = core_cast(up);

    for (size_t i = 0; i < u->n_cores; i++) {
        bridge_commit(u->cores[i]->bridge);
    }
}

/* Reading a bridge. */

static void
find_ports(struct core *core)
{
    for (size_t i = 0; i < core->n_ports; i++) {
        const struct of_port *port
            = ofconn_port_by_name(bridge_conn(core->bridge),
                                  core->ports[i].name);

        if (!port) {
            log_warn("core %s: its bridge has no port %s", core->name,
                     core->ports[i].name);
        }
        core->ports[i].number = port ? port->number : 0;
    }
}

static void
drop_found(struct core *core)
{
    flow_set_destroy(core->found);
    core->found = NULL;
}

static void
forget_late(struct core *core)
{
    flow_set_destroy(core->late);
    core->late = flow_set_create();
}

static void
put_flow(const struct fh_flow *flow, void *set)
{
    flow_set_put(set, flow);
}

/* Until all is settled, clients that nobody knows keep their flows. */
struct keeping {
    struct core *core;
    struct flow_set *desired;
};

static void
keep_unknown(const struct fh_flow *flow, void *keeping_)
{
    struct keeping *keeping = keeping_;

    if (!flow_set_find(keeping->desired, flow)
        && !flow_set_find(keeping->core->late, flow)) {
        flow_set_put(keeping->desired, flow);
    }
}

static struct flow_set *
desired(void *core_, const struct flow_set *found, bool first)
{
    struct core *core = core_;
    struct flow_set *desired = build_desired(core);

    drop_found(core);
    if (!core->owner->settled) {
        struct keeping keeping = { core, desired };

        flow_set_for_each(found, keep_unknown, &keeping);
        core->found = flow_set_create();
        flow_set_for_each(found, put_flow, core->found);
    }
    forget_late(core);
    return desired;
}

static void
read_done(void *core_, bool first)
{
    struct core *core = core_;

    if (!core->up) {
        core->up = true;
        tell(core, true, "is there");
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

        if (core->found) {
            drop_found(core);
            bridge_read_again(core->bridge);
        }
    }
}

/* The bridge. */

static void
on_up(void *core_)
{
    find_ports(core_);
}

/* Takeovers that waited for this bridge go on. */
static void
on_down(void *core_, const char *reason)
{
    struct core *core = core_;

    forget_late(core);
    drop_found(core);
    if (core->up) {
        core->up = false;
        tell(core, false, "is gone");
    }
}

static void
on_port(void *core_, const struct of_port *port, bool deleted)
{
    struct core *core = core_;

    for (size_t i = 0; i < core->n_ports; i++) {
        const struct of_port *now
            = ofconn_port_by_name(bridge_conn(core->bridge),
                                  core->ports[i].name);

        if (core->ports[i].number != (now ? now->number : 0)) {
            find_ports(core);
            bridge_read_again(core->bridge);
            return;
        }
    }
}

static const struct bridge_ops bridge_ops = {
    .up = on_up,
    .down = on_down,
    .desired = desired,
    .read = read_done,
    .port = on_port,
    .confirmed = confirmed,
};

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

        if (bridge_serves(core->bridge)
            && queue_route(core, old, &new, how == UPSTREAM_RESTORED)) {
            bridge_await(core->bridge, (uintptr_t) w);
            w->n_left++;
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

        if (bridge_serves(core->bridge)) {
            queue_route(core, r, NULL, false);
        } else if (build_flow(core, r, &flow)) {
            flow_set_put(core->late, &flow);
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
        bridge_destroy(core->bridge);
        drop_found(core);
        flow_set_destroy(core->late);
        free_ports(core);
        free(core->name);
        free(core);
    }
}

static bool
has_same_ports(const struct core *core, const struct upstream_core_bridge *cc)
{
    bool same = core->n_ports == cc->n_ports;

    for (size_t i = 0; same && i < cc->n_ports; i++) {
        same = (core->ports[i].router == cc->ports[i].router
                && !strcmp(core->ports[i].name, cc->ports[i].name));
    }
    return same;
}

static void
name_core(struct core *core, const struct upstream_core_bridge *cc)
{
    struct bridge_options options = {
        .dpid = cc->dpid, .kind = "core", .name = cc->name,
        .common_name = cc->common_name,
        .reread_ms = REREAD_MS,
    };

    free(core->name);
    core->name = fh_xstrdup(cc->name);
    core->dpid = cc->dpid;
    if (core->bridge) {
        bridge_set_options(core->bridge, &options);
    } else {
        core->bridge = bridge_create(core->owner->options.bridges, &options,
                                     &bridge_ops, core);
    }
}

static void
configure_core(struct core *core, const struct upstream_core_bridge *cc)
{
    name_core(core, cc);
    if (has_same_ports(core, cc)) {
        return;
    }
    free_ports(core);
    core->ports = fh_xcalloc(cc->n_ports + 1, sizeof *core->ports);
    core->n_ports = cc->n_ports;
    for (size_t i = 0; i < cc->n_ports; i++) {
        core->ports[i].router = cc->ports[i].router;
        core->ports[i].name = fh_xstrdup(cc->ports[i].name);
    }
    if (bridge_is_there(core->bridge)) {
        find_ports(core);
        bridge_read_again(core->bridge);    /* Other ports, other flows. */
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
    core->late = flow_set_create();
    return core;
}

/* A bridge that the configuration does not know any more keeps none of our
 * clients, goes on as a switch, and is left alone from here on. */
static void
release(struct core *core)
{
    if (bridge_serves(core->bridge)) {
        for (struct core_route *r = core->owner->routes; r; r = r->hh.next) {
            queue_route(core, r, NULL, false);
        }
        bridge_commit(core->bridge);
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
upstream_core_configure(struct upstream *up,
                        const struct upstream_core_bridge *bridges, size_t n,
                        uint32_t settle_ms)
{
    struct upstream_core *u = core_cast(up);
    struct core **cores = fh_xcalloc(n + 1, sizeof *cores);

    for (size_t i = 0; i < n; i++) {
        cores[i] = take_core(u, bridges[i].dpid);
        configure_core(cores[i], &bridges[i]);
    }
    for (size_t i = 0; i < u->n_cores; i++) {
        if (u->cores[i]) {
            release(u->cores[i]);
        }
    }
    free(u->cores);
    u->cores = cores;
    u->n_cores = n;
    start_settling(u, settle_ms);
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
                                     bridge_serves(core->bridge) };
}

size_t
upstream_core_routes(const struct upstream *up)
{
    return HASH_COUNT(core_cast(up)->routes);
}
