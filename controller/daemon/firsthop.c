/* The controller: owns everything and joins it.  See firsthop.h. */
#include <config.h>

#include "controller/engine/firsthop_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <firsthop/buf.h>

#include "controller/engine/leave.h"
#include "controller/engine/runtime.h"
#include "controller/engine/sweep.h"
#include "controller/upstream/upstream_arp.h"
#include "controller/upstream/upstream_bgp.h"
#include "controller/upstream/upstream_core.h"

#define EVENTS_KEPT 10000
#define STORE_DELAY_MS 100

const int firsthop_bucket_ms[FIRSTHOP_N_BUCKETS - 1] = {
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000
};

/* Clock. */

static int64_t
clock_us(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return ts.tv_sec * INT64_C(1000000) + ts.tv_nsec / 1000;
}

void
firsthop_read_clock(struct firsthop *fh)
{
    fh->now_us = clock_us(CLOCK_MONOTONIC);
}

/* Not from the time of this wake-up, which may be some ms old. */
static void
read_unix_offset(struct firsthop *fh)
{
    fh->unix_off_ms = (clock_us(CLOCK_REALTIME)
                       - clock_us(CLOCK_MONOTONIC)) / 1000;
}

void
firsthop_count(struct firsthop_histogram *h, int64_t ms)
{
    size_t i = 0;

    while (i < FIRSTHOP_N_BUCKETS - 1 && ms > firsthop_bucket_ms[i]) {
        i++;
    }
    h->buckets[i]++;
    h->count++;
    h->sum_ms += ms > 0 ? ms : 0;
}

/* Events, and the log lines that go with them. */

void
firsthop_event(struct firsthop *fh, struct incident *e)
{
    char client[FH_ADDR_STRLEN] = "";

    /* A failover of thousands must not wait for who reads the log; all of
     * them are in the ring. */
    static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(10, 200);

    read_unix_offset(fh);
    e->time_ms = fh_now_ms(fh) + fh->unix_off_ms;
    journal_add(fh->events, e);
    if (!fh_addr_is_zero(e->client)) {
        fh_addr_format(e->client, client);
    }
    log_at(e->type == INCIDENT_CLIENT_LOST
           || e->type == INCIDENT_CLIENT_CONFLICT
           || e->type == INCIDENT_ROUTER_DISCONNECTED
           ? LOG_LVL_WARN : LOG_LVL_INFO, client[0] ? &rl : NULL,
           "%s%s%s%s%s%s%s%s%s%s%s%s%s", incident_type_name(e->type),
           e->segment[0] ? " segment=" : "", e->segment,
           client[0] ? " client=" : "", client,
           e->from[0] ? " from=" : "", e->from,
           e->to[0] ? " to=" : "", e->to,
           e->cause ? " cause=" : "", incident_cause_name(e->cause),
           e->detail[0] ? " " : "", e->detail);
}

/* The tick: timers, then all that was queued goes out. */

static void
flush(struct firsthop *fh)
{
    for (size_t i = 0; i < fh->n_routers; i++) {
        router_flush(fh->routers[i]);
    }
    upstream_core_flush(fh->upstreams[UPSTREAM_CORE]);
}

static void
arm_tick(struct firsthop *fh)
{
    int64_t next_ms = wheel_next_ms(fh->wheel);
    int64_t delay_ms = next_ms - fh_now_ms(fh);
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

void
firsthop_wake(struct firsthop *fh)
{
    if (!fh->awake) {
        firsthop_read_clock(fh);
        fh->awake = true;
    }
}

void
firsthop_end_turn(void *fh_)
{
    struct firsthop *fh = fh_;

    firsthop_read_clock(fh);
    wheel_advance(fh->wheel, fh_now_ms(fh));
    flush(fh);
    arm_tick(fh);
    fh->awake = false;
}

static void
tick(evutil_socket_t fd, short what, void *fh_)
{
    struct firsthop *fh = fh_;
    int64_t due_ms = fh->tick_due_ms;

    firsthop_read_clock(fh);
    if (due_ms && due_ms != INT64_MAX && due_ms <= fh_now_ms(fh)) {
        firsthop_count(&fh->stats.loop_lag, fh_now_ms(fh) - due_ms);
    }
    firsthop_end_turn(fh);
}

struct router *
firsthop_router_by_dpid(const struct firsthop *fh, uint64_t dpid)
{
    for (size_t i = 0; i < fh->n_routers; i++) {
        if (fh->routers[i]->config->dpid == dpid) {
            return fh->routers[i];
        }
    }
    return NULL;
}

/* Timers of the whole. */

static void
router_timer(struct wheel_timer *timer, int64_t now_ms, void *fh_)
{
    struct firsthop *fh = fh_;

    for (size_t i = 0; i < fh->n_routers; i++) {
        struct router *router = fh->routers[i];

        if (router->ready) {
            nexthop_tick(fh, router, now_ms);
            check_two_tags(router, now_ms);
            router_drops_tick(router, now_ms);
        }
        if (router->xact) {
            bridge_watch(fh, router);
        }
    }
    wheel_arm(fh->wheel, timer, now_ms + UPLINK_TICK_MS);
}

/* Those who were to come back have had their time. */
static void
expect_timer(struct wheel_timer *timer, int64_t now_ms, void *fh_)
{
    struct firsthop *fh = fh_;
    bool waited = false;

    for (size_t i = 0; i < fh->n_routers; i++) {
        if (fh->routers[i]->expected) {
            log_warn("router %s held clients before the start and has not "
                     "come back", fh->routers[i]->config->name);
            fh->routers[i]->expected = false;
            waited = true;
        }
    }
    for (size_t i = 0; waited && i < clients_count(fh->clients); i++) {
        serve_elect(fh, clients_at(fh->clients, i), CAUSE_NONE);
    }
}

void
firsthop_holders_changed(struct firsthop *fh)
{
    if (!wheel_is_armed(&fh->store_timer)) {
        wheel_arm(fh->wheel, &fh->store_timer,
                  fh_now_ms(fh) + STORE_DELAY_MS);
    }
}

static void
store_timer(struct wheel_timer *timer, int64_t now_ms, void *fh_)
{
    struct firsthop *fh = fh_;
    const char **names = fh_xcalloc(fh->n_routers + 1, sizeof *names);
    size_t n = 0;
    int error;

    for (size_t i = 0; i < fh->n_routers; i++) {
        if (fh->routers[i]->n_active || fh->routers[i]->expected) {
            names[n++] = fh->routers[i]->config->name;
        }
    }
    error = fh->store ? store_set_holders(fh->store, names, n) : 0;
    if (error) {
        log_err("state directory: %s", strerror(error));
    }
    free(names);
}

struct upstream *
firsthop_upstream(struct firsthop *fh, const struct segment *segment)
{
    return fh->upstreams[segment->config->upstream];
}

/* The core has been told, or is not there to be told. */
static void
on_told(struct fh_addr addr, uint32_t segment_id, uint32_t decision, bool ok,
        void *fh_)
{
    struct firsthop *fh = fh_;
    struct client *c = clients_find(fh->clients, addr, segment_id);

    firsthop_read_clock(fh);
    if (c && c->decision == decision) {
        move_told(fh, c);
    }
}

static void
on_upstream(bool up, const char *detail, void *fh_)
{
    struct incident e = incident_init(INCIDENT_UPSTREAM);

    snprintf(e.detail, sizeof e.detail, "%s", detail);
    firsthop_event(fh_, &e);
}

static void
create_upstreams(struct firsthop *fh)
{
    struct upstream_bgp_options bgp = { fh->base, on_upstream, fh };
    struct upstream_core_options core = { fh->base, on_told, on_upstream,
                                          fh };

    fh->upstreams[UPSTREAM_ARP] = upstream_arp_create();
    fh->upstreams[UPSTREAM_BGP] = upstream_bgp_create(&bgp);
    fh->upstreams[UPSTREAM_CORE] = upstream_core_create(&core);
}

/* When it is known which clients are gone: when routers have had their time,
 * and clients as long as they may be lost. */
static uint32_t
settle_ms(const struct config *config)
{
    uint32_t ms = FIRSTHOP_EXPECT_MS;

    for (size_t i = 0; i < config->n_segments; i++) {
        const struct config_segment *segment = &config->segments[i];

        if ((segment->upstream == UPSTREAM_BGP
             || segment->upstream == UPSTREAM_CORE)
            && segment->withdraw_after_ms > ms) {
            ms = segment->withdraw_after_ms;
        }
    }
    return ms;
}

void
firsthop_configure_upstreams(struct firsthop *fh)
{
    uint32_t ms = settle_ms(fh->config);

    upstream_bgp_configure(fh->upstreams[UPSTREAM_BGP],
                           fh->config->bgp.api_in, fh->config->bgp.api_out,
                           ms);
    upstream_core_configure(fh->upstreams[UPSTREAM_CORE], fh->config, ms);
}

/* Start and end. */

static bool
open_store(struct firsthop *fh, const char *dir, char **errp)
{
    char *message = NULL;
    int error;

    if (!dir) {
        return true;
    }
    error = store_open(dir, &fh->store, &message);
    if (error) {
        *errp = fh_xasprintf("state directory %s",
                             message ? message : strerror(error));
        free(message);
        return false;
    }
    if (message) {
        log_err("%s", message);
        free(message);
    }
    return true;
}

static bool
is_in(char **names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(names[i], name)) {
            return true;
        }
    }
    return false;
}

static void
restore(struct firsthop *fh)
{
    const struct store_state *state = fh->store ? store_get(fh->store) : NULL;

    for (size_t i = 0; state && i < fh->n_routers; i++) {
        struct router *router = fh->routers[i];

        router->draining = is_in(state->draining, state->n_draining,
                                 router->config->name);
        router->expected = is_in(state->holders, state->n_holders,
                                 router->config->name);
    }
    wheel_arm(fh->wheel, &fh->expect_timer,
              fh_now_ms(fh) + FIRSTHOP_EXPECT_MS);
}

/* A configuration that was applied over the control socket outlives the
 * file's. */
static struct config *
stored_config(struct firsthop *fh)
{
    struct config_errors errors = { .n = 0 };
    struct config *config = NULL;
    json_t *json = fh->store ? store_get(fh->store)->config : NULL;

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

struct firsthop *
firsthop_create(struct event_base *base, struct config *config,
                const struct firsthop_options *options, char **errp)
{
    struct firsthop *fh = fh_xcalloc(1, sizeof *fh);
    struct config *stored;
    char *error;

    firsthop_read_clock(fh);
    fh->base = base;
    read_unix_offset(fh);
    fh->started_ms = fh_now_ms(fh) + fh->unix_off_ms;
    fh->listens = options->listens;
    fh->n_listens = options->n_listens;
    fh->wheel = wheel_create(fh_now_ms(fh), fh);
    fh->clients = clients_create();
    fh->events = journal_create(EVENTS_KEPT);
    fh->tick = evtimer_new(base, tick, fh);
    create_upstreams(fh);
    fh->router_timer.fire = router_timer;
    fh->expect_timer.fire = expect_timer;
    fh->store_timer.fire = store_timer;
    fh->config = config;
    if (!open_store(fh, options->state_dir, errp)) {
        firsthop_destroy(fh);
        return NULL;
    }
    stored = stored_config(fh);
    if (stored) {
        config_destroy(config);
        fh->config = stored;
    }
    bridge_serve(fh);
    firsthop_configure_upstreams(fh);
    runtime_build(fh);
    error = runtime_listen(fh, NULL);
    if (error) {
        *errp = fh_xasprintf("listening for bridges on %s", error);
        free(error);
        firsthop_destroy(fh);
        return NULL;
    }
    restore(fh);
    wheel_arm(fh->wheel, &fh->router_timer, fh_now_ms(fh));
    arm_tick(fh);
    return fh;
}

void
firsthop_destroy(struct firsthop *fh)
{
    if (!fh) {
        return;
    }
    sweep_finish(fh, NULL);
    if (fh->store && wheel_is_armed(&fh->store_timer)) {
        store_timer(&fh->store_timer, fh_now_ms(fh), fh);
    }
    for (size_t i = 0; i < clients_count(fh->clients); i++) {
        router_cancel_install(clients_at(fh->clients, i));
    }
    for (size_t i = 0; i < fh->n_routers; i++) {
        if (fh->routers[i]->conn) {
            ofconn_set_aux(fh->routers[i]->conn, NULL);
        }
        router_destroy(fh->routers[i]);
    }
    free(fh->routers);
    leave_destroy(fh);
    for (size_t i = 0; i < 4; i++) {
        if (fh->upstreams[i]) {
            fh->upstreams[i]->ops->destroy(fh->upstreams[i]);
            fh->upstreams[i] = NULL;
        }
    }
    ofserver_destroy(fh->ofserver);
    clients_destroy(fh->clients);
    for (size_t i = 0; i < fh->n_segments; i++) {
        runtime_segment_destroy(fh->segments[i]);
    }
    free(fh->segments);
    if (fh->tick) {
        event_free(fh->tick);
    }
    journal_destroy(fh->events);
    wheel_destroy(fh->wheel);
    store_close(fh->store);
    config_destroy(fh->config);
    free(fh);
}

/* Readers. */

const struct config *
firsthop_config(const struct firsthop *fh)
{
    return fh->config;
}

struct clients *
firsthop_clients(const struct firsthop *fh)
{
    return fh->clients;
}

struct journal *
firsthop_journal(const struct firsthop *fh)
{
    return fh->events;
}

const struct firsthop_stats *
firsthop_stats(const struct firsthop *fh)
{
    return &fh->stats;
}

const struct upstream *
firsthop_driver(const struct firsthop *fh, enum config_upstream which)
{
    return fh->upstreams[which];
}

const struct ofserver *
firsthop_ofserver(const struct firsthop *fh)
{
    return fh->ofserver;
}

int64_t
firsthop_now_ms(const struct firsthop *fh)
{
    return clock_us(CLOCK_MONOTONIC) / 1000;
}

int64_t
firsthop_started_ms(const struct firsthop *fh)
{
    return fh->started_ms;
}

int64_t
firsthop_unix_ms(const struct firsthop *fh)
{
    return clock_us(CLOCK_REALTIME) / 1000;
}

size_t
firsthop_n_routers(const struct firsthop *fh)
{
    return fh->n_routers;
}

struct router *
firsthop_router(const struct firsthop *fh, size_t i)
{
    return fh->routers[i];
}

struct router *
firsthop_find_router(const struct firsthop *fh, const char *name)
{
    size_t i = config_find_router(fh->config, name);

    return i < fh->n_routers ? fh->routers[i] : NULL;
}

size_t
firsthop_n_segments(const struct firsthop *fh)
{
    return fh->n_segments;
}

struct segment *
firsthop_segment(const struct firsthop *fh, size_t i)
{
    return fh->segments[i];
}

struct segment *
firsthop_find_segment(const struct firsthop *fh, const char *name)
{
    size_t i = config_find_segment(fh->config, name);

    return i < fh->n_segments ? fh->segments[i] : NULL;
}

struct elect_result
firsthop_explain(const struct firsthop *fh, const struct client *c,
                 struct elect_candidate *candidates)
{
    struct elect_input in;

    serve_snapshot(fh, c, candidates, &in);
    in.now_ms = firsthop_now_ms(fh);
    return elect_run(&in);
}

const char *
firsthop_drop_name(enum firsthop_drop drop)
{
    static const char *const names[FIRSTHOP_N_DROPS] = {
        [DROP_MALFORMED] = "malformed",
        [DROP_TAGS] = "tags",
        [DROP_UNKNOWN_TAG] = "unknown_tag",
        [DROP_UNKNOWN_PORT] = "unknown_port",
        [DROP_OUTSIDE] = "outside",
        [DROP_OWN_ADDRESS] = "own_address",
        [DROP_MAC_CONFLICT] = "mac_conflict",
        [DROP_RIVAL] = "rival",
        [DROP_LIMIT] = "limit",
        [DROP_UNLISTED] = "unlisted",
        [DROP_UNASKED] = "unasked",
        [DROP_PROBE] = "address_probe",
        [DROP_ICMP] = "icmp",
        [DROP_NEXT_HOP] = "next_hop",
    };

    return names[drop];
}
