/* The controller: owns everything and joins it.  See firsthop.h. */
#include <config.h>

#include "controller/daemon/firsthop.h"

#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/base/clock.h"
#include "controller/base/log.h"
#include "controller/base/tls.h"
#include "controller/bridge/bridge.h"
#include "controller/daemon/cluster.h"
#include "controller/daemon/errand.h"
#include "controller/daemon/keeper.h"
#include "controller/daemon/learnt.h"
#include "controller/daemon/lines.h"
#include "controller/daemon/listen.h"
#include "controller/store/dbstore.h"
#include "controller/store/versions.h"
#include "controller/upstream/upstream_arp.h"
#include "controller/upstream/upstream_bgp.h"
#include "controller/upstream/upstream_core.h"
#include "controller/upstream/upstream_kernel.h"

#define MAX_CONNECTIONS 4096
#define MAX_BACKLOG_BYTES (256u << 20)
#define HANDSHAKE_MS 10000
#define STRANGER_MS 5000        /* For a reload to know it. */
#define MAX_STRANGERS 256
/* So long a leader that was deposed goes on telling the core what it has told:
 * the next one has told it again by then. */
#define FOLLOW_SETTLE_MS 3000
#define CATCH_UP_MS 2000        /* Between two rebuilds for questions. */
#define REBUILD_MS 1000         /* Between two changes that are followed. */
#define CLUSTER_ECHO_MS 100     /* So that a silent bridge is soon known. */
#define CLUSTER_ALIVE_MS 300    /* Which it is after this. */
#define FINISH_MS 5000          /* For the disk, when the daemon leaves. */

struct firsthop {
    struct event_base *base;
    struct event *tick;
    int64_t tick_due_ms;                /* When the tick was asked for. */
    struct bridges *bridges;
    struct lines *lines;                /* Between those and the engine. */
    struct engine *engine;
    bool acting;                        /* What it wants done is being done. */
    struct keeper *keeper;
    struct worker *parser;
    struct versions *versions;          /* Of the configuration. */
    bool clustered;                     /* It is one of several. */
    struct cluster *cluster;            /* NULL: it is alone. */
    struct errands *errands;            /* Of its peers; NULL: of none. */
    struct learnt *learnt;
    bool follows;                       /* Another controller leads. */
    bool unled;                         /* Or none, as far as is known: the
                                         * core is told nothing. */
    int64_t rebuilt_ms;
    struct event *rebuild;              /* What all share has changed. */
    json_t *told_config, *shared_config;        /* The part that is shared of
                                                 * the one to be kept. */
    struct upstream *upstreams[CONFIG_N_UPSTREAMS];     /* By enum
                                                         * config_upstream. */
    struct firsthop_options options;
};

/* Somebody has woken us: what comes happens now. */
static void
wake(void *fh_)
{
    struct firsthop *fh = fh_;

    if (fh->engine) {                   /* Else it is still starting. */
        engine_set_time(fh->engine, clock_mono_us(), clock_unix_us());
    }
}

/* What the engine wants done. */

static void do_acts(struct firsthop *);

static void
step(void *fh_, const struct engine_event *event)
{
    struct firsthop *fh = fh_;

    if (engine_step(fh->engine, event)) {
        do_acts(fh);
    }
}

static void
told(struct firsthop *fh, struct fh_addr addr, uint32_t segment_id,
     uint32_t decision)
{
    step(fh, &(struct engine_event) {
        .type = ENGINE_TOLD, .u.client = { addr, segment_id, decision },
    });
}

/* A driver that is done at once answers in the same turn. */
static void
announce(struct firsthop *fh, enum config_upstream which,
         const struct fh_route *route, enum fh_route_how how)
{
    struct upstream *u = fh->upstreams[which];

    if (u->ops->announce(u, route, how) && how == UPSTREAM_MOVED) {
        told(fh, route->client, route->segment, route->decision);
    }
}

static void
withdraw(struct firsthop *fh, enum config_upstream which,
         const struct fh_route *route)
{
    struct upstream *u = fh->upstreams[which];

    u->ops->withdraw(u, route);
}

static struct listen
listeners(const struct firsthop *fh)
{
    return (struct listen) { bridges_server(fh->bridges), fh->engine,
                             fh->options.listens, fh->options.n_listens };
}

static void
undial(struct firsthop *fh, char *target)
{
    const struct listen l = listeners(fh);

    listen_undial(&l, engine_config(fh->engine), target);
    free(target);
}

static void
destroy_config(void *config)
{
    config_destroy(config);
}

static void configured(struct firsthop *, const struct config *);

static void
do_act(struct firsthop *fh, const struct engine_act *act)
{
    switch (act->type) {
    case ENGINE_OPEN:
        lines_open(fh->lines, act->u.box);
        break;
    case ENGINE_RENEW:
        lines_renew(act->u.box);
        break;
    case ENGINE_READ:
        lines_read(act->u.box);
        break;
    case ENGINE_READ_AGAIN:
        lines_read_again(act->u.box);
        break;
    case ENGINE_DROP:
        lines_drop(act->u.drop.box, act->u.drop.reason);
        break;
    case ENGINE_CLOSE:
        lines_close(fh->lines, act->u.box);
        break;
    case ENGINE_OFFER:
        bridges_offer(fh->bridges);
        break;
    case ENGINE_UNDIAL:
        undial(fh, act->u.target);
        break;
    case ENGINE_LOOK:
        lines_flush(fh->lines);
        bridges_tick(fh->bridges, engine_now_ms(fh->engine));
        break;
    case ENGINE_ANNOUNCE:
        announce(fh, act->u.core.upstream, &act->u.core.route,
                 act->u.core.how);
        break;
    case ENGINE_WITHDRAW:
        withdraw(fh, act->u.core.upstream, &act->u.core.route);
        break;
    case ENGINE_CONFIGURED:
        configured(fh, act->u.configured);
        break;
    case ENGINE_RETIRE:
        /* To free the JSON of 100,000 clients takes longer than an answer
         * may. */
        worker_run(fh->parser, destroy_config, NULL, act->u.retired);
        break;
    }
}

/* One after the other: what follows from one waits behind the others. */
static void
do_acts(struct firsthop *fh)
{
    struct engine_act act;

    if (fh->acting) {
        return;
    }
    fh->acting = true;
    while (engine_take_act(fh->engine, &act)) {
        do_act(fh, &act);
    }
    fh->acting = false;
}

/* The tick: timers, then all that was queued goes out. */

static void
arm_tick(struct firsthop *fh)
{
    int64_t next_ms = engine_next_ms(fh->engine);
    int64_t delay_ms = next_ms - engine_now_ms(fh->engine);
    struct timeval tv;

    if (fh->tick_due_ms == next_ms && evtimer_pending(fh->tick, NULL)) {
        return;
    }
    delay_ms = delay_ms < 0 ? 0 : delay_ms > 1000 ? 1000 : delay_ms;
    tv.tv_sec = delay_ms / 1000;
    tv.tv_usec = delay_ms % 1000 * 1000;
    fh->tick_due_ms = next_ms;
    evtimer_add(fh->tick, &tv);
}

/* A wake-up ends: whatever it was for, what is due is done and what was queued
 * is sent. */
static void
end_turn(void *fh_)
{
    struct firsthop *fh = fh_;

    if (!fh->engine) {
        return;                         /* Still starting. */
    }
    wake(fh);
    do_acts(fh);                        /* Of orders. */
    step(fh, &(struct engine_event) { ENGINE_DUE });
    lines_flush(fh->lines);
    upstream_core_flush(fh->upstreams[UPSTREAM_CORE]);
    arm_tick(fh);
}

static void
tick(evutil_socket_t fd, short what, void *fh_)
{
    struct firsthop *fh = fh_;
    int64_t due_ms = fh->tick_due_ms, now_ms;

    wake(fh);
    now_ms = engine_now_ms(fh->engine);
    if (due_ms && due_ms != INT64_MAX && due_ms <= now_ms) {
        step(fh, &(struct engine_event) {
            ENGINE_LAG, .u.lag_ms = now_ms - due_ms,
        });
    }
    end_turn(fh);
}

/* The core. */

static void
on_told(struct fh_addr addr, uint32_t segment_id, uint32_t decision, bool ok,
        void *fh_)
{
    struct firsthop *fh = fh_;

    wake(fh);
    told(fh, addr, segment_id, decision);
}

static void
on_upstream(bool up, const char *detail, void *fh_)
{
    struct firsthop *fh = fh_;
    struct incident e = incident_init(INCIDENT_UPSTREAM);

    snprintf(e.detail, sizeof e.detail, "%s", detail);
    if (fh->engine) {                   /* Else it is still starting. */
        wake(fh);
        engine_report(fh->engine, &e);
    }
}

static void
queue_arp(void *fh_, uint64_t dpid, uint32_t port, struct eth_addr dst,
          const struct fh_vlan *vlan, const struct arp *arp)
{
    struct firsthop *fh = fh_;

    struct outbox *box = lines_find(fh->lines, dpid);

    if (box) {
        outbox_put_arp(box, ARPQ_CORE, port, dst, vlan, arp);
    }
}

static void
create_upstreams(struct firsthop *fh)
{
    struct upstream_bgp_options bgp = {
        fh->base, on_upstream, fh, .several = fh->clustered
    };
    struct upstream_kernel_options kernel = { fh->base, on_upstream, fh };
    struct upstream_core_options core = {
        fh->base, fh->bridges, on_told, on_upstream, fh
    };

    fh->upstreams[UPSTREAM_ARP] = upstream_arp_create(queue_arp, fh);
    fh->upstreams[UPSTREAM_BGP] = upstream_bgp_create(&bgp);
    fh->upstreams[UPSTREAM_CORE] = upstream_core_create(&core);
    fh->upstreams[UPSTREAM_KERNEL] = upstream_kernel_create(&kernel);
}

static void
destroy_upstreams(struct firsthop *fh)
{
    for (size_t i = 0; i < CONFIG_N_UPSTREAMS; i++) {
        if (fh->upstreams[i]) {
            fh->upstreams[i]->ops->destroy(fh->upstreams[i]);
            fh->upstreams[i] = NULL;
        }
    }
}

/* When it is known which clients are gone: when routers have had their time,
 * and clients as long as they may be lost. */
static uint32_t
settle_ms(const struct config *config)
{
    uint32_t ms = ENGINE_EXPECT_MS;

    for (size_t i = 0; i < config->n_segments; i++) {
        const struct config_segment *segment = &config->segments[i];

        if (segment->upstream != UPSTREAM_ARP
            && segment->upstream != UPSTREAM_NONE
            && segment->withdraw_after_ms > ms) {
            ms = segment->withdraw_after_ms;
        }
    }
    return ms;
}

static void
configure_cores(struct firsthop *fh, const struct config *config, uint32_t ms)
{
    struct upstream_core_bridge *bridges
        = fh_xcalloc(config->n_cores + 1, sizeof *bridges);

    for (size_t i = 0; i < config->n_cores; i++) {
        const struct config_core *core = &config->cores[i];
        struct upstream_core_port *ports
            = fh_xcalloc(core->n_ports + 1, sizeof *ports);

        for (size_t j = 0; j < core->n_ports; j++) {
            const struct config_core_port *port = &core->ports[j];

            ports[j] = (struct upstream_core_port) {
                config->routers[port->router].dpid, port->port
            };
        }
        bridges[i] = (struct upstream_core_bridge) {
            core->name, core->dpid, core->common_name, ports, core->n_ports
        };
    }
    upstream_core_configure(fh->upstreams[UPSTREAM_CORE], bridges,
                            config->n_cores, ms);
    for (size_t i = 0; i < config->n_cores; i++) {
        free((void *) bridges[i].ports);
    }
    free(bridges);
}

/* What is read once more at each configuration.  Files that cannot be read
 * leave those before in force. */
static void
configure_tls(struct firsthop *fh, const struct config *config)
{
    const struct tls_files files = {
        config->tls.key, config->tls.certificate, config->tls.ca
    };
    char *error = NULL;
    struct tls *tls = files.key ? tls_create(&files, &error) : NULL;

    if (tls) {
        ofserver_set_tls(bridges_server(fh->bridges), tls);
    } else if (error) {
        log_err("TLS: %s", error);
        free(error);
    }
}

static void
reread_certificates(struct firsthop *fh, const struct config *config)
{
    configure_tls(fh, config);
    if (fh->cluster) {
        cluster_reread_certificates(fh->cluster, config);
    }
}

/* What follows the configuration, of which it keeps nothing. */
static void
configure(struct firsthop *fh, const struct config *config)
{
    uint32_t ms = fh->follows ? FOLLOW_SETTLE_MS : settle_ms(config);

    if (fh->unled) {
        return;
    }
    upstream_bgp_configure(fh->upstreams[UPSTREAM_BGP], config->bgp.api_in,
                           config->bgp.api_out, ms);
    configure_cores(fh, config, ms);
    upstream_kernel_configure(fh->upstreams[UPSTREAM_KERNEL],
                              config->kernel.table, config->kernel.device, ms);
}

/* Start and end. */

/* A configuration that was applied over the control socket outlives the
 * file's. */
static struct config *
stored_config(struct firsthop *fh)
{
    struct config_errors errors = { .n = 0 };
    struct config *config = NULL;
    const struct store_state *state = keeper_kept(fh->keeper);
    json_t *json = state ? state->config : NULL;

    if (json) {
        config = config_from_json(json, &errors, NULL);
        if (!config) {
            log_err("the configuration in the state directory is not valid "
                    "any more: %s: %s; the file's is used",
                    errors.items[0].pointer, errors.items[0].text);
        } else {
            log_info("using the configuration that was applied over the "
                     "control socket, not the file's: SIGHUP reads that");
        }
    }
    config_errors_destroy(&errors);
    return config;
}

/* 'config' is in force from now on. */
static void
configured(struct firsthop *fh, const struct config *config)
{
    versions_add(fh->versions, config->json, clock_unix_us() / 1000);
    configure(fh, config);
}

static const struct store_state *
kept(void *fh_)
{
    const struct firsthop *fh = fh_;

    return keeper_kept(fh->keeper);
}

/* The same value for the same configuration: it is asked for again. */
static json_t *
shared_part(struct firsthop *fh, json_t *config)
{
    if (config != fh->told_config) {
        json_decref(fh->told_config);
        json_decref(fh->shared_config);
        fh->told_config = json_incref(config);
        fh->shared_config = config_shared_part(config);
    }
    return fh->shared_config;
}

static int
keep(void *fh_, const struct store_change *change)
{
    struct firsthop *fh = fh_;
    struct store_change shared = *change;

    if (fh->cluster && change->config) {
        shared.config = shared_part(fh, change->config);
    }
    return keeper_keep(fh->keeper, &shared);
}

/* One that has never been here may just be late, for a while. */
static bool
has_bridge(void *fh_, uint64_t dpid)
{
    const struct firsthop *fh = fh_;
    int64_t up_ms = (fh->engine ? engine_unix_ms(fh->engine)
                     - engine_started_ms(fh->engine) : 0);

    return (up_ms < ENGINE_EXPECT_MS && !bridges_have_met(fh->bridges, dpid))
           || bridges_hear(fh->bridges, dpid, clock_mono_ms(),
                           CLUSTER_ALIVE_MS);
}

static char *
follow(void *fh_, const struct config *now, const struct config *old)
{
    struct firsthop *fh = fh_;
    const struct listen l = listeners(fh);

    reread_certificates(fh, now);       /* Whoever listens needs them. */
    return listen_follow(&l, now, old);
}

/* Several controllers. */

/* The shared configuration with our own part, if it is another than that in
 * force; new, or NULL. */
static struct config *
cluster_config(struct firsthop *fh)
{
    json_t *own = engine_config(fh->engine)->json;
    const struct store_state *state = fh->cluster ? keeper_kept(fh->keeper)
                                                  : NULL;
    struct config_errors errors = { .n = 0 };
    struct config *config = NULL;
    json_t *joined;

    if (!state || !state->config) {
        return NULL;
    }
    joined = config_with_own_part(state->config, own);
    if (!json_equal(joined, own)) {
        config = config_from_json(joined, &errors, NULL);
        if (!config) {
            log_err("the configuration in the database is not valid with what "
                    "is this controller's own: %s: %s",
                    errors.items[0].pointer, errors.items[0].text);
        }
    }
    json_decref(joined);
    config_errors_destroy(&errors);
    return config;
}

/* The first that leads gives its own to all, and what it has kept as the only
 * one. */
static void
share_config(struct firsthop *fh)
{
    struct store_change change = {
        STORE_SET_CONFIG, .config = engine_config(fh->engine)->json
    };

    if (dbstore_is_new(cluster_store(fh->cluster))) {
        keeper_hand_over(fh->keeper);
        change.config = shared_part(fh, change.config);
        cluster_share(fh->cluster, &change);
    }
}

static void
begin_anew(struct firsthop *fh, bool quiet)
{
    do_acts(fh);
    engine_restart(fh->engine, cluster_config(fh), quiet);
    do_acts(fh);
}

static void
rebuild(struct firsthop *fh)
{
    wake(fh);
    fh->rebuilt_ms = clock_mono_ms();
    begin_anew(fh, true);
    learnt_recall(fh->learnt);
    bridges_offer(fh->bridges);
}

/* A follower keeps up, once for many changes. */
static void
rebuild_cb(evutil_socket_t fd, short what, void *fh_)
{
    struct firsthop *fh = fh_;

    if (engine_is_quiet(fh->engine)) {
        rebuild(fh);
    }
}

static void
on_shared(void *fh_)
{
    static const struct timeval soon = { REBUILD_MS / 1000, 0 };
    struct firsthop *fh = fh_;

    if (engine_is_quiet(fh->engine)
        && !evtimer_pending(fh->rebuild, NULL)) {
        evtimer_add(fh->rebuild, &soon);
    }
}

/* As after a start: what was told to the core stays for a while, for who leads
 * now to tell it again, and what is not told again is taken back. */
static void
renew_upstreams(struct firsthop *fh)
{
    destroy_upstreams(fh);
    create_upstreams(fh);
    configure(fh, engine_config(fh->engine));
}

static void
on_lead(void *fh_, uint64_t epoch, int64_t after_ms)
{
    struct firsthop *fh = fh_;

    fh->follows = fh->unled = false;
    wake(fh);
    renew_upstreams(fh);
    engine_set_decisions_after(fh->engine, after_ms);
    begin_anew(fh, false);
    learnt_recall(fh->learnt);
    share_config(fh);
    bridges_lead(fh->bridges, epoch);
    end_turn(fh);
}

static void
on_follow(void *fh_)
{
    struct firsthop *fh = fh_;

    fh->follows = fh->unled = true;
    wake(fh);
    begin_anew(fh, true);
    renew_upstreams(fh);
    bridges_follow(fh->bridges);
    end_turn(fh);
}

/* What this one has told the core before is told by another one now.  As long
 * as nobody leads it may be all that the core has. */
static void
on_led(void *fh_)
{
    struct firsthop *fh = fh_;

    if (fh->unled) {
        fh->unled = false;
        configure(fh, engine_config(fh->engine));
        bridges_offer(fh->bridges);
    }
}

static struct bridges_count
count(void *fh_, int64_t now_ms)
{
    const struct firsthop *fh = fh_;

    return bridges_count(fh->bridges, now_ms, CLUSTER_ALIVE_MS);
}

static uint64_t
known_generation(void *fh_)
{
    const struct firsthop *fh = fh_;

    return ofserver_known_generation(bridges_server(fh->bridges));
}

static void
on_refused(void *fh_)
{
    struct firsthop *fh = fh_;

    cluster_refused(fh->cluster);
}

static void
on_request(void *fh_, size_t peer, uint32_t number, const uint8_t *text,
           size_t len)
{
    struct firsthop *fh = fh_;

    if (fh->errands) {
        errand_begin(fh->errands, peer, number, text, len);
    } else {
        cluster_answer(fh->cluster, peer, number, NULL, 0);
    }
}

/* As a follower, until it leads. */
static bool
join_cluster(struct firsthop *fh, char **errp)
{
    const struct cluster_host host = {
        .lead = on_lead, .follow = on_follow, .led = on_led, .count = count,
        .changed = on_shared,
        .generation = known_generation, .request = on_request, .aux = fh,
    };

    bridges_set_refused(fh->bridges, on_refused, fh);
    on_follow(fh);
    fh->rebuild = evtimer_new(fh->base, rebuild_cb, fh);
    fh->cluster = cluster_create(fh->base, engine_config(fh->engine), &host,
                                 errp);
    if (fh->cluster) {
        keeper_share(fh->keeper, cluster_store(fh->cluster));
        fh->learnt = learnt_create(fh->engine, cluster_store(fh->cluster));
    }
    return fh->cluster != NULL;
}

void
firsthop_set_serve(struct firsthop *fh, void (*serve)(void *aux, int fd),
                   void *aux)
{
    if (fh->cluster) {
        fh->errands = errands_create(fh->base, fh->cluster, serve, aux);
    }
}

/* Takes 'config'. */
static struct engine *
create_engine(struct firsthop *fh, struct config *config, char **errp)
{
    struct engine_host host = {
        .kept = kept, .keep = keep, .aux = fh,
        .has_bridge = config->cluster.name ? has_bridge : NULL,
        .listen = follow,
    };

    for (size_t i = 0; i < CONFIG_N_UPSTREAMS; i++) {
        const struct upstream *u = fh->upstreams[i];

        if (u) {
            host.drivers[i] = (struct engine_driver) {
                true, u->ops->acknowledges, u->ops->settle_ms
            };
        }
    }
    return engine_create(config, &host, clock_mono_us(), clock_unix_us(),
                         errp);
}

static void
create_bridges(struct firsthop *fh, const struct config *config)
{
    struct ofserver_config server = {
        .echo_interval_ms = (config->cluster.name
                             && config->echo_interval_ms > CLUSTER_ECHO_MS
                             ? CLUSTER_ECHO_MS : config->echo_interval_ms),
        .dead_after_ms = config->dead_after_ms,
        .handshake_ms = HANDSHAKE_MS,
        .stranger_ms = STRANGER_MS,
        .max_connections = MAX_CONNECTIONS,
        .max_strangers = MAX_STRANGERS,
        .max_backlog_bytes = MAX_BACKLOG_BYTES,
    };

    fh->bridges = bridges_create(fh->base, &server, wake, end_turn, fh);
    fh->lines = lines_create(fh->bridges, step, fh);
}

struct firsthop *
firsthop_create(struct event_base *base, struct config *config,
                const struct firsthop_options *options, char **errp)
{
    struct firsthop *fh = fh_xcalloc(1, sizeof *fh);
    struct config *stored;

    fh->base = base;
    fh->options = *options;
    fh->tick = evtimer_new(base, tick, fh);
    fh->parser = options->threads ? worker_create(base) : NULL;
    fh->keeper = keeper_create(base, options->state_dir, options->threads,
                               errp);
    if (!fh->keeper) {
        config_destroy(config);
        firsthop_destroy(fh);
        return NULL;
    }
    fh->versions = versions_open(options->state_dir, fh->parser);
    stored = config->cluster.name ? NULL : stored_config(fh);
    if (stored) {
        config_destroy(config);
        config = stored;
    }
    fh->clustered = fh->unled = config->cluster.name != NULL;
    create_bridges(fh, config);
    create_upstreams(fh);
    fh->engine = create_engine(fh, config, errp);
    if (fh->engine) {
        do_acts(fh);
    }
    if (!fh->engine
        || (config->cluster.name && !join_cluster(fh, errp))) {
        firsthop_destroy(fh);
        return NULL;
    }
    arm_tick(fh);
    return fh;
}

void
firsthop_destroy(struct firsthop *fh)
{
    if (!fh) {
        return;
    }
    errands_destroy(fh->errands);
    if (fh->cluster) {
        keeper_share(fh->keeper, NULL);
        learnt_destroy(fh->learnt);
    }
    cluster_destroy(fh->cluster);
    fh->cluster = NULL;
    if (fh->rebuild) {
        event_free(fh->rebuild);
    }
    json_decref(fh->told_config);
    json_decref(fh->shared_config);
    if (fh->engine) {
        engine_stop(fh->engine);
        do_acts(fh);
    }
    destroy_upstreams(fh);
    lines_destroy(fh->lines);
    bridges_destroy(fh->bridges);
    if (fh->engine) {
        engine_destroy(fh->engine);
    }
    event_free(fh->tick);
    keeper_destroy(fh->keeper);
    worker_finish(fh->parser, FINISH_MS);   /* It frees what it has read. */
    worker_destroy(fh->parser);
    versions_close(fh->versions);
    free(fh);
}

void
firsthop_reread_certificates(struct firsthop *fh)
{
    reread_certificates(fh, engine_config(fh->engine));
}

void
firsthop_finish(struct firsthop *fh)
{
    worker_finish(fh->parser, FINISH_MS);
    if (!engine_is_quiet(fh->engine)) {
        engine_keep_now(fh->engine);
    }
    if (fh->cluster) {
        cluster_finish(fh->cluster);
    }
    keeper_stop(fh->keeper, FINISH_MS);
}

bool
firsthop_shares_config(const struct firsthop *fh)
{
    return fh->cluster != NULL;
}

struct turns *
firsthop_turns(struct firsthop *fh)
{
    return keeper_turns(fh->keeper);
}

struct worker *
firsthop_parser(struct firsthop *fh)
{
    return fh->parser;
}

void
firsthop_wake(struct firsthop *fh)
{
    wake(fh);
}

struct engine *
firsthop_engine(const struct firsthop *fh)
{
    return fh->engine;
}

/* What the API asks. */

static void
api_changed(void *fh_)
{
    static const struct timeval at_once = { 0, 0 };
    struct firsthop *fh = fh_;

    fh->tick_due_ms = engine_now_ms(fh->engine);
    evtimer_add(fh->tick, &at_once);
}

static const char *
api_problem(void *fh_, size_t i)
{
    const struct firsthop *fh = fh_;
    const char *problem = keeper_problem(fh->keeper);

    if (problem && !i--) {
        return problem;
    }
    for (size_t j = 0; fh->cluster && cluster_problem(fh->cluster, j); j++) {
        if (!i--) {
            return cluster_problem(fh->cluster, j);
        }
    }
    return bridges_problem(fh->bridges, i);
}

static size_t
api_n_versions(void *fh_)
{
    const struct firsthop *fh = fh_;

    return versions_count(fh->versions);
}

static struct fh_config_version
api_version(void *fh_, size_t i)
{
    const struct firsthop *fh = fh_;

    return versions_at(fh->versions, i);
}

static json_t *
api_load_version(void *fh_, uint32_t number)
{
    const struct firsthop *fh = fh_;

    return versions_load(fh->versions, number);
}

static void
api_bgp(void *fh_, struct fh_bgp_status *status)
{
    const struct firsthop *fh = fh_;

    upstream_bgp_get_stats(fh->upstreams[UPSTREAM_BGP], status);
}

static void
api_kernel(void *fh_, struct fh_kernel_status *status)
{
    const struct firsthop *fh = fh_;

    upstream_kernel_get_status(fh->upstreams[UPSTREAM_KERNEL], status);
}

static size_t
api_n_cores(void *fh_)
{
    const struct firsthop *fh = fh_;

    return upstream_core_count(fh->upstreams[UPSTREAM_CORE]);
}

static struct fh_core_status
api_core(void *fh_, size_t i)
{
    const struct firsthop *fh = fh_;

    return upstream_core_info(fh->upstreams[UPSTREAM_CORE], i);
}

static size_t
api_core_routes(void *fh_)
{
    const struct firsthop *fh = fh_;

    return upstream_core_routes(fh->upstreams[UPSTREAM_CORE]);
}

static void
api_openflow(void *fh_, struct fh_openflow_status *status)
{
    const struct firsthop *fh = fh_;

    ofserver_get_counters(bridges_server(fh->bridges), status);
}

static const struct fh_cluster_status *
api_cluster(void *fh_)
{
    const struct firsthop *fh = fh_;

    return fh->cluster ? cluster_status(fh->cluster) : NULL;
}

static bool
api_pass(void *fh_, const void *text, size_t len, peers_answer_cb *done,
         void *aux)
{
    const struct firsthop *fh = fh_;

    return cluster_pass(fh->cluster, text, len, done, aux);
}

static void
api_catch_up(void *fh_)
{
    struct firsthop *fh = fh_;

    if (engine_is_quiet(fh->engine)
        && clock_mono_ms() - fh->rebuilt_ms >= CATCH_UP_MS) {
        rebuild(fh);
    }
}

static const char *
api_transfer(void *fh_, const char *name)
{
    const struct firsthop *fh = fh_;

    return cluster_transfer(fh->cluster, name);
}

struct api_host
firsthop_api_host(struct firsthop *fh)
{
    return (struct api_host) {
        .wake = wake, .changed = api_changed,
        .n_versions = api_n_versions, .version = api_version,
        .load_version = api_load_version, .bgp = api_bgp,
        .kernel = api_kernel,
        .problem = api_problem, .turns = keeper_turns(fh->keeper),
        .parser = fh->parser,
        .n_cores = api_n_cores, .core = api_core,
        .core_routes = api_core_routes, .openflow = api_openflow,
        .cluster = api_cluster, .pass = api_pass,
        .catch_up = api_catch_up, .transfer = api_transfer,
        .aux = fh,
    };
}
