/* The engine: how it begins and ends, and the timers of the whole.
 * See engine.h. */
#include <config.h>

#include "controller/engine/engine_private.h"

#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/decide/relay.h"
#include "controller/engine/act.h"
#include "controller/engine/audit.h"
#include "controller/engine/bridge.h"
#include "controller/engine/defend.h"
#include "controller/engine/lease.h"
#include "controller/engine/leave.h"
#include "controller/engine/mark.h"
#include "controller/engine/move.h"
#include "controller/engine/nexthop.h"
#include "controller/engine/path.h"
#include "controller/engine/probe.h"
#include "controller/engine/removed.h"
#include "controller/engine/router_send.h"
#include "controller/engine/runtime.h"
#include "controller/engine/search.h"
#include "controller/engine/settle.h"
#include "controller/engine/sweep.h"
#include "controller/engine/taglimit.h"

#define EVENTS_KEPT 10000

/* How often it is looked whether a bridge has come to what it was asked. */
#define PULSE_TICK_MS 20

/* Paths, and what they tell of the routers. */

static void
judge(struct engine *en, struct router *router)
{
    enum pulse pulse = path_judge(en, router);
    enum pulse was = router->pulse;

    router->judge = false;
    router->pulse = pulse;
    if (pulse == was) {
        return;
    }
    log_at(pulse == PULSE_WELL ? LOG_LVL_INFO : LOG_LVL_WARN, LOG_PLACE_LIMIT,
           "router %s: %s, was %s", router->config->name, pulse_text(pulse),
           pulse_text(was));
    if (pulse == PULSE_DEAD && router->openflow) {
        act_put(en, &(struct engine_act) {
            .type = ENGINE_DROP,
            .u.drop = { router->box, "neither it nor its ports answer" },
        });
    } else if (pulse == PULSE_DEAD) {
        sweep_start(en, router, mark_election, 0);
    }
}

/* The beacons that are due, and what follows from those that were answered, or
 * not, in this turn. */
static void
settle_paths(struct engine *en)
{
    probe_beacons(en);
    if (en->suspects) {
        probe_suspects(en);
    }
    for (size_t i = 0; i < en->n_routers; i++) {
        if (en->routers[i]->judge) {
            judge(en, en->routers[i]);
        }
    }
}

static void
pulse_timer(struct wheel_timer *timer, int64_t now_ms, void *en_)
{
    struct engine *en = en_;

    for (size_t i = 0; i < en->n_routers; i++) {
        struct router *router = en->routers[i];
        bool overdue;

        stall_note(&en->stall, router->fence_took_ms, now_ms);
        router->fence_took_ms = 0;
        overdue = path_is_overdue(en, router);

        router->judge = (router->judge || overdue != router->overdue
                         || (router->ready && router->pulse != PULSE_WELL));
        router->overdue = overdue;
    }
    wheel_arm(en->wheel, timer, now_ms + PULSE_TICK_MS);
}

/* The loop. */

static void
do_what_is_due(struct engine *en)
{
    if (en->quiet) {
        return;
    }
    wheel_advance(en->wheel, engine_now_ms(en));
    settle_marked(en);
    settle_paths(en);
    settle_marked(en);
}

int64_t
engine_next_ms(const struct engine *en)
{
    return (en->quiet ? INT64_MAX
            : TAILQ_EMPTY(&en->marked) ? wheel_next_ms(en->wheel)
            : engine_now_ms(en));
}

static void
note_lag(struct engine *en, int64_t ms)
{
    histogram_add(&en->stats.loop_lag, ms);
    stall_note(&en->stall, ms, engine_now_ms(en));
}

static void
told(struct engine *en, struct fh_addr addr, uint32_t segment_id,
     uint32_t decision)
{
    struct client *c = clients_find(en->clients, addr, segment_id);

    if (c && c->decision == decision) {
        move_told(en, c);
    }
    settle_marked(en);
}

static void
of_a_bridge(struct engine *en, const struct engine_event *event)
{
    struct router *router = event->box->owner;

    if (router && !(en->departures && leave_event(en, router, event))) {
        bridge_event(en, router, event);
    }
}

bool
engine_step(struct engine *en, const struct engine_event *event)
{
    switch (event->type) {
    case ENGINE_TOLD:
        told(en, event->u.client.address, event->u.client.segment,
             event->u.client.decision);
        break;
    case ENGINE_LAG:
        note_lag(en, event->u.lag_ms);
        break;
    case ENGINE_DUE:
        do_what_is_due(en);
        break;
    default:
        of_a_bridge(en, event);
        break;
    }
    return en->acts.n > 0;
}

/* Timers of the whole. */

static void
router_timer(struct wheel_timer *timer, int64_t now_ms, void *en_)
{
    struct engine *en = en_;

    for (size_t i = 0; i < en->n_routers; i++) {
        struct router *router = en->routers[i];

        if (router->ready) {
            if (now_ms >= router->awake_at_ms) {
                router->awake_at_ms = now_ms + ROUTER_AWAKE_MS;
                router_say_awake(router);
            }
            nexthop_tick(en, router, now_ms);
            taglimit_ask(router, now_ms);
            router_drops_tick(router, now_ms);
            router_meters_tick(router, now_ms);
        }
    }
    defend_tick(en);
    bridge_tick(en, now_ms);
    wheel_arm(en->wheel, timer, now_ms + UPLINK_TICK_MS);
}

/* Those who were to come back have had their time. */
static void
expect_timer(struct wheel_timer *timer, int64_t now_ms, void *en_)
{
    struct engine *en = en_;
    bool waited = false;

    for (size_t i = 0; i < en->n_routers; i++) {
        if (en->routers[i]->expected) {
            log_warn("router %s held clients before the start and has not "
                     "come back", en->routers[i]->config->name);
            en->routers[i]->expected = false;
            if (en->routers[i]->was_holder) {
                search_lost(en, en->routers[i]);
            }
            waited = true;
        }
    }
    for (size_t i = 0; waited && i < clients_count(en->clients); i++) {
        mark_client(en, clients_at(en->clients, i),
                    CLIENT_WANTS_ELECTION | CLIENT_WANTS_RESUMPTION,
                    CAUSE_NONE);
    }
}

static void
store_timer(struct wheel_timer *timer, int64_t now_ms, void *en_)
{
    struct engine *en = en_;
    const char **names = fh_xcalloc(en->n_routers + 1, sizeof *names);
    struct store_change change = { STORE_SET_HOLDERS, .names = names };
    int error;

    for (size_t i = 0; i < en->n_routers; i++) {
        if (en->routers[i]->n_active || en->routers[i]->expected) {
            names[change.n++] = en->routers[i]->config->name;
        }
    }
    error = engine_keep(en, &change);
    if (error) {
        log_err("state directory: %s", strerror(error));
    }
    free(names);
}

/* Start and end. */

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

static bool
may_come(const struct engine *en, const struct router *router)
{
    return (!en->host.has_bridge
            || en->host.has_bridge(en->host.aux, router->config->dpid));
}

static void
restore(struct engine *en)
{
    const struct store_state *state = engine_kept(en);

    for (size_t i = 0; state && i < en->n_routers; i++) {
        struct router *router = en->routers[i];

        router->draining = is_in(state->draining, state->n_draining,
                                 router->config->name);
        router->uplink_down = is_in(state->uplinks_down,
                                    state->n_uplinks_down,
                                    router->config->name);
        router->was_holder = is_in(state->holders, state->n_holders,
                                   router->config->name);
        router->expected = router->was_holder && may_come(en, router);
    }
    wheel_arm(en->wheel, &en->expect_timer,
              engine_now_ms(en) + ENGINE_EXPECT_MS);
}

/* What there is, from the configuration and what is kept. */
static void
build(struct engine *en)
{
    en->wheel = wheel_create(engine_now_ms(en), en);
    en->clients = clients_create();
    en->relays = relays_create();
    TAILQ_INIT(&en->marked);
    runtime_build(en);
    for (size_t i = 0; i < en->n_routers; i++) {
        bridge_give(en, en->routers[i]);
    }
}

static void
start_timers(struct engine *en)
{
    restore(en);
    lease_restore(en);
    wheel_arm(en->wheel, &en->router_timer, engine_now_ms(en));
    wheel_arm(en->wheel, &en->pulse_timer, engine_now_ms(en));
}

/* Nobody is there to do them. */
static void
drop_acts(struct engine *en)
{
    struct engine_act act;

    while (engine_take_act(en, &act)) {
        if (act.type == ENGINE_CLOSE) {
            outbox_destroy(act.u.box);
        }
    }
}

struct engine *
engine_create(struct config *config, const struct engine_host *host,
              int64_t mono_us, int64_t unix_us, char **errp)
{
    struct engine *en = fh_xcalloc(1, sizeof *en);
    char *error;

    en->host = *host;
    en->config = config;
    engine_set_time(en, mono_us, unix_us);
    en->started_ms = engine_unix_ms(en);
    en->journal = journal_create(EVENTS_KEPT);
    en->router_timer.fire = router_timer;
    en->expect_timer.fire = expect_timer;
    en->pulse_timer.fire = pulse_timer;
    en->store_timer.fire = store_timer;
    en->leave_timer.fire = leave_timer_fired;
    lease_init(en);
    search_init(en);
    act_put(en, &(struct engine_act) { ENGINE_CONFIGURED,
                                       .u.configured = config });
    build(en);
    error = host->listen(host->aux, config, NULL);
    if (error) {
        *errp = fh_xasprintf("listening for bridges on %s", error);
        free(error);
        engine_stop(en);
        drop_acts(en);
        engine_destroy(en);
        return NULL;
    }
    start_timers(en);
    return en;
}

void
engine_keep_now(struct engine *en)
{
    if (wheel_is_armed(&en->store_timer)) {
        wheel_cancel(&en->store_timer);
        store_timer(&en->store_timer, engine_now_ms(en), en);
    }
    lease_keep_now(en);
}

/* Lets go of all bridges. */
static void
close_all(struct engine *en)
{
    for (size_t i = 0; i < clients_count(en->clients); i++) {
        client_cancel_await(clients_at(en->clients, i));
    }
    for (size_t i = 0; i < en->n_routers; i++) {
        router_close(en->routers[i]);
    }
    free(en->routers);
    en->routers = NULL;
    en->n_routers = 0;
    leave_destroy(en);
}

void
engine_stop(struct engine *en)
{
    sweep_finish(en, NULL);
    search_destroy(en);
    path_destroy(en);
    if (!en->quiet) {
        engine_keep_now(en);
    }
    close_all(en);
}

/* What build() has made. */
static void
tear_down(struct engine *en)
{
    clients_destroy(en->clients);
    relays_destroy(en->relays);
    for (size_t i = 0; i < en->n_segments; i++) {
        runtime_segment_destroy(en->segments[i]);
    }
    free(en->segments);
    wheel_destroy(en->wheel);
}

void
engine_destroy(struct engine *en)
{
    tear_down(en);
    journal_destroy(en->journal);
    config_destroy(en->config);
    free(en->acts.items);
    free(en);
}

static void
cancel_timers(struct engine *en)
{
    wheel_cancel(&en->router_timer);
    wheel_cancel(&en->expect_timer);
    wheel_cancel(&en->pulse_timer);
    wheel_cancel(&en->store_timer);
    wheel_cancel(&en->lease_timer);
    wheel_cancel(&en->leave_timer);
}

void
engine_restart(struct engine *en, struct config *config, bool quiet)
{
    struct config *old = config ? en->config : NULL;
    char *error;

    en->quiet = true;           /* Whatever ends now says nothing. */
    sweep_drop(en);
    search_destroy(en);
    path_destroy(en);
    close_all(en);
    cancel_timers(en);
    tear_down(en);
    en->config = config ? config : en->config;
    en->suspects = false;
    memset(&en->stall, 0, sizeof en->stall);
    en->trials_ms = en->hops_judged_ms = 0;
    en->n_trials = 0;
    if (old) {
        act_put(en, &(struct engine_act) { ENGINE_CONFIGURED,
                                           .u.configured = en->config });
        error = en->host.listen(en->host.aux, en->config, old);
        if (error) {
            log_err("listening for bridges on %s", error);
            free(error);
        }
        act_put(en, &(struct engine_act) { ENGINE_RETIRE,
                                           .u.retired = old });
    }
    build(en);
    start_timers(en);
    en->quiet = quiet;
}

bool
engine_is_quiet(const struct engine *en)
{
    return en->quiet;
}

void
engine_set_decisions_after(struct engine *en, int64_t unix_ms)
{
    int64_t ahead_ms = unix_ms - engine_unix_ms(en);

    en->decisions_off_ms = ahead_ms > 0 ? ahead_ms : 0;
}

/* Readers. */

bool
engine_dials(const struct engine *en, const char *target)
{
    return removed_dials(en, target);
}

struct elect_result
engine_explain(const struct engine *en, const struct client *c,
               struct elect_candidate *candidates)
{
    struct elect_input in;

    settle_snapshot(en, c, candidates, &in);
    return elect_run(&in);
}

struct elect_result
engine_without(const struct engine *en, const struct client *c, size_t member)
{
    struct elect_candidate candidates[CONFIG_MAX_MEMBERS];
    struct elect_input in;

    settle_snapshot(en, c, candidates, &in);
    candidates[member].connected = candidates[member].expected = false;
    candidates[member].headless = false;
    return elect_run(&in);
}

char *
engine_audit(const struct engine *en)
{
    return audit_run(en);
}
