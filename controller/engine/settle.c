/* Which router is to serve a client: discovery, election, deadlines.
 * See settle.h. */
#include <config.h>

#include "controller/engine/settle.h"

#include <stdlib.h>

#include "controller/decide/pulse.h"
#include "controller/engine/learned.h"
#include "controller/engine/life.h"
#include "controller/engine/mark.h"
#include "controller/engine/move.h"
#include "controller/engine/probe.h"
#include "controller/engine/removed.h"
#include "controller/engine/conflict.h"
#include "controller/engine/route.h"
#include "controller/engine/router_desired.h"
#include "controller/engine/router_send.h"
#include "controller/engine/serving.h"
#include "controller/engine/stale.h"

/* How long a new client's first answer may wait for the other routers'. */
#define DISCOVER_MS 200

/* A bridge that has dropped no replies for so long, and some intervals, is not
 * flooded. */
#define CALM_MS 3000

/* Clients settled in one step: some ms of work. */
#define SETTLE_MOST 2048

static void elect(struct engine *, struct client *, enum incident_cause);

/* Discovery. */

/* Asks by every router that does not reach the client, so that its election
 * sees what there is to choose from. */
static void
start_discovery(struct engine *en, struct client *c)
{
    uint32_t wait_ms = DISCOVER_MS;

    if (c->active != ELECT_NONE) {      /* Which may be slow to answer. */
        uint32_t rto_ms = reach_rto_ms(&c->reaches[c->active],
                                       &c->segment->probe);

        wait_ms = rto_ms > wait_ms ? rto_ms : wait_ms;
    }
    c->discovering = true;
    c->discover_at_ms = engine_now_ms(en) + wait_ms;
    for (size_t i = 0; i < c->n_reaches; i++) {
        if (serving_can(c, i) && !reach_is_up(&c->reaches[i])) {
            probe_now(en, c, i);
        }
    }
    serving_arm(en, c);
}

static bool
all_have_answered(const struct client *c)
{
    for (size_t i = 0; i < c->n_reaches; i++) {
        if (serving_can(c, i) && !reach_is_up(&c->reaches[i])) {
            return false;
        }
    }
    return true;
}

void
settle_discover(struct engine *en, struct client *c, size_t member,
                uint32_t port, struct fh_addr asked)
{
    c->asked_members |= UINT32_C(1) << member;
    if (!fh_addr_is_zero(asked)) {
        c->asked = asked;
    }
    c->reaches[member].heard_port = port;
    if (!c->discovering) {
        c->asker = member;
        start_discovery(en, c);
    }
}

void
settle_verified(struct engine *en, struct client *c)
{
    /* Now the others are asked as well. */
    c->discovering = false;
    c->discover_at_ms = 0;
    if (c->active != ELECT_NONE && !takeover_is_untold(&c->takeover)) {
        route_announce(en, c, UPSTREAM_MOVED);
    }
}

static void
end_discovery(struct engine *en, struct client *c)
{
    c->discovering = false;
    c->discover_at_ms = 0;
}

/* Nobody's probe has been answered in time.  To be heard will do, but not
 * where clients press to be learnt: each forged one would cost the bridges
 * flows, and the core a route. */
static void
discovery_timeout(struct engine *en, struct client *c)
{
    bool anyone_up = false;

    for (size_t i = 0; i < c->n_reaches; i++) {
        anyone_up = anyone_up || reach_is_up(&c->reaches[i]);
    }
    for (size_t i = 0; i < c->n_reaches && !anyone_up && !c->verify_first;
         i++) {
        struct reach *r = &c->reaches[i];

        if (c->asked_members & UINT32_C(1) << i && serving_can(c, i)
            && !(c->unanswered && c->asker != (int) i)
            && reach_heard(r, r->heard_port, engine_now_ms(en))) {
            member_router(c, i)->n_reachable++;
        }
    }
    elect(en, c, CAUSE_NONE);
    end_discovery(en, c);
}

/* Election. */

/* Is the client heard there well enough?  Not where somebody else answers for
 * it as well as it does.  Otherwise nobody leaves a router that hears
 * it, nor for one that a flood has reached as well: one answer may be among
 * what its meters let pass, and many among what they drop. */
static bool
hears(const struct engine *en, const struct client *c, size_t member)
{
    const struct reach *r = &c->reaches[member];
    int64_t calm_ms = REACH_UNHEARD * (int64_t) c->segment->probe.interval_ms;
    int64_t now_ms = engine_now_ms(en);
    int64_t dropped_us;

    if (reach_is_unbelieved(r, now_ms)) {
        return false;
    }
    if (c->active == ELECT_NONE
        || (reach_is_heard(&c->reaches[c->active])
            && !reach_is_unbelieved(&c->reaches[c->active], now_ms))) {
        return true;
    }
    if (c->active == (int) member || r->inconclusive) {
        return false;
    }
    dropped_us = router_evidence(member_router(c, member), r->port).dropped_us;
    calm_ms = calm_ms > CALM_MS ? calm_ms : CALM_MS;
    return !dropped_us || en->now_us - dropped_us > calm_ms * 1000;
}

/* Does the router forward for the client, though it is not heard of?  Not
 * before it has been told to, and the core as well. */
static bool
is_headless(const struct client *c, size_t member)
{
    return (member_router(c, member)->pulse == PULSE_HEADLESS
            && !(c->active == (int) member
                 && takeover_is_untold(&c->takeover)));
}

/* The router of a host that has several addresses.  It has one entry for its
 * gateway, so that all of them are to be where most are reached; of equals,
 * where the one is that was decided about last, by whatever. */

static bool
reaches(const struct client *c, size_t member)
{
    return (c->reaches[member].state == REACH_UP
            || c->reaches[member].state == REACH_SUSPECT);
}

static bool
is_later(const struct client *c, const struct client *latest)
{
    int32_t by = latest ? (int32_t) (c->decision - latest->decision) : 1;

    return (c->active != ELECT_NONE
            && (by > 0 || (!by && fh_addr_compare(c->key.address,
                                                  latest->key.address) < 0)));
}

/* Notes in the candidates which of them it is. */
static void
find_host(const struct client *c, struct elect_candidate *candidates)
{
    unsigned int n_reached[CONFIG_MAX_MEMBERS] = { 0 };
    const struct client *latest = NULL, *o = c;
    int best = ELECT_NONE;

    for (; o; o = client_other(c, o == c ? NULL : o)) {
        if (o != c && o->active == ELECT_NONE) {
            continue;           /* Who reaches it is being found out. */
        }
        for (size_t i = 0; i < c->n_reaches; i++) {
            n_reached[i] += (candidates[i].connected && !candidates[i].draining
                             && (reaches(o, i)
                                 || (o->active == (int) i
                                     && o->reaches[i].state == REACH_UNKNOWN)));
        }
        latest = is_later(o, latest) ? o : latest;
    }
    for (size_t i = 0; i < c->n_reaches; i++) {
        if (n_reached[i]
            && (best == ELECT_NONE || n_reached[i] > n_reached[best]
                || (n_reached[i] == n_reached[best] && latest
                    && latest->active == (int) i))) {
            best = i;
        }
    }
    if (best == ELECT_NONE || !latest
        || (latest->active != best
            && n_reached[best] == n_reached[latest->active])) {
        return;
    }
    candidates[best].has_host = true;
    for (size_t i = 0; i < c->n_reaches; i++) {
        candidates[i].fits_host = n_reached[i] == n_reached[best];
    }
}

void
settle_snapshot(const struct engine *en, const struct client *c,
                struct elect_candidate *candidates, struct elect_input *in)
{
    const struct config_segment *config = c->segment->config;

    for (size_t i = 0; i < c->n_reaches; i++) {
        const struct member *m = &c->segment->members[i];

        candidates[i] = (struct elect_candidate) {
            .connected = serving_can(c, i),
            .draining = m->router->draining,
            .uplink_ok = (member_uplink_is_ok(m)
                          && (c->active == (int) i
                              || !uplink_is_doubtful(m->uplink))),
            .expected = m->router->expected,
            .headless = is_headless(c, i),
            .heard = hears(en, c, i),
            .reach = c->reaches[i].state,
            .priority = m->config->priority,
            .hash = elect_hash(c->key.address, m->router->config->dpid),
            .up_since_ms = c->reaches[i].up_since_ms,
        };
    }
    if (client_has_others(c)) {
        find_host(c, candidates);
    }
    *in = (struct elect_input) {
        .candidates = candidates,
        .n = c->n_reaches,
        .active = c->active,
        .preempt = config->election.preempt,
        .hold_down_ms = config->election.hold_down_ms,
        .now_ms = engine_now_ms(en),
    };
}

static void
set_lost(struct engine *en, struct client *c)
{
    bool tell = !c->unanswered && (!c->unverified || !c->lost_told);

    if (c->state == CLIENT_LOST) {
        return;
    }
    if (tell) {
        move_report_if_installed(en, c);
    }
    serving_set_state(en, c, CLIENT_LOST);
    c->lost_ms = engine_now_ms(en);
    if (c->active != ELECT_NONE) {
        router_queue_lost(member_router(c, c->active), c, c->active);
    } else {
        route_withdraw(en, c);
    }
    /* Who has not been told of as elected is not lost yet. */
    c->lost_untold = (tell && c->unreported && !c->told
                      && c->moved_from != c->active);
    if (tell && !c->lost_untold) {
        serving_report_lost(en, c);
    }
    c->lost_told = true;
    removed_end(en, c);
}

static void
set_found(struct engine *en, struct client *c)
{
    struct incident e = serving_event(c, INCIDENT_CLIENT_FOUND);

    if (c->state != CLIENT_LOST) {
        return;
    }
    serving_set_state(en, c, CLIENT_ACTIVE);
    router_queue_lost(member_router(c, c->active), c, c->active);
    serving_name_member(e.to, c, c->active);
    if (!c->unverified && !c->lost_untold) {
        engine_report(en, &e);
    }
    c->lost_untold = false;
}

/* It follows its host's other addresses, from a router that serves it: because
 * of what the last of them was moved for, if that was somebody's wish. */
static enum incident_cause
cause_of_host(const struct client *c)
{
    const struct client *latest = NULL;

    for (const struct client *o = client_other(c, NULL); o;
         o = client_other(c, o)) {
        latest = is_later(o, latest) ? o : latest;
    }
    return (latest && (latest->cause == CAUSE_MANUAL
                       || latest->cause == CAUSE_DRAIN
                       || latest->cause == CAUSE_CONFIG)
            ? latest->cause : CAUSE_PREEMPT);
}

static enum incident_cause
find_cause(const struct client *c, const struct elect_candidate *candidates,
           enum elect_reason reason, enum incident_cause hint)
{
    const struct elect_candidate *a;

    if (hint == CAUSE_MANUAL || hint == CAUSE_CONFIG) {
        return hint;
    }
    if (c->active == ELECT_NONE) {
        return c->removed_router ? CAUSE_CONFIG : CAUSE_FIRST;
    }
    a = &candidates[c->active];
    return (reason == ELECT_PREEMPTS ? CAUSE_PREEMPT
            : reason == ELECT_HOST ? cause_of_host(c)
            : reason == ELECT_UPLINK
              && !c->segment->members[c->active].uplink->port_up
            ? CAUSE_PORT_DOWN
            : reason == ELECT_UPLINK
              && member_router(c, c->active)->uplink_down ? CAUSE_UPLINK
            : a->draining && a->connected ? CAUSE_DRAIN
            : !a->connected ? CAUSE_ROUTER_LOST
            : hint == CAUSE_PORT_DOWN ? CAUSE_PORT_DOWN
            : CAUSE_UNREACHABLE);
}

/* Is another address of its host elsewhere? */
static bool
is_apart(const struct client *c)
{
    const struct client *o = c->active != ELECT_NONE ? client_other(c, NULL)
                                                     : NULL;

    while (o && (o->active == ELECT_NONE || o->active == c->active)) {
        o = client_other(c, o);
    }
    return o != NULL;
}

/* Its removed router forwards for it until the others have been asked: is that
 * still going on? */
static bool
asks_for_another(struct engine *en, struct client *c)
{
    if (c->removed_router && !c->discovering) {
        start_discovery(en, c);
    }
    return c->removed_router && c->discover_at_ms;
}

/* Trials: a client that does not answer its router may be slow, busy, or
 * asleep.  So another router, for which one lucky answer would do otherwise,
 * has to be answered some times before the active one is answered once, both
 * being asked in step, before the client moves to it on no other evidence.
 * That takes a few round trips.  Where many fall silent at a time, it is not
 * the clients: then nobody is tried, nor any longer. */
#define TRIAL_ANSWERS 10
#define TRIALS_MOST 8
#define TRIALS_WINDOW_MS 100

/* How often addresses of one host that are apart are looked at: whether a
 * router that was late, or came back, can take both now. */
#define APART_MS 1000

static bool
are_many(const struct engine *en)
{
    return (en->n_trials > TRIALS_MOST
            && engine_now_ms(en) - en->trials_ms <= TRIALS_WINDOW_MS);
}

static void
count_trial(struct engine *en)
{
    if (engine_now_ms(en) - en->trials_ms > TRIALS_WINDOW_MS) {
        en->trials_ms = engine_now_ms(en);
        en->n_trials = 0;
    }
    en->n_trials++;
}

/* Has 'winner' yet to show that it hears the client better? */
static bool
is_on_trial(struct engine *en, struct client *c, int winner)
{
    if (c->active == ELECT_NONE || !member_router(c, c->active)->ready
        || !c->reaches[c->active].silent
        || (c->trial_member == winner && !c->trial_left)) {
        return false;
    }
    if (c->trial_member != winner) {
        count_trial(en);
        c->trial_member = winner;
        c->trial_left = TRIAL_ANSWERS;
        c->elect_at_ms = engine_now_ms(en) + TRIALS_WINDOW_MS / 2;
    }
    if (are_many(en)) {
        return false;
    }
    probe_trial(en, c);
    return true;
}

static void
elect(struct engine *en, struct client *c, enum incident_cause hint)
{
    struct elect_candidate candidates[CONFIG_MAX_MEMBERS];
    struct elect_input in;
    struct elect_result r;

    settle_snapshot(en, c, candidates, &in);
    r = elect_run(&in);
    c->reason = r.reason;
    c->elect_at_ms = r.again_ms;
    if (r.winner == ELECT_NONE) {
        /* Who waits for a router that is expected, and has none, is not served
         * meanwhile. */
        if (c->state == CLIENT_ACTIVE
            && (r.reason == ELECT_LOST
                || (r.reason == ELECT_WAITS && c->active == ELECT_NONE
                    && !c->removed_router))
            && !asks_for_another(en, c)) {
            set_lost(en, c);
        }
    } else if (r.reason == ELECT_LOST) {
        set_lost(en, c);
    } else if (r.winner != c->active && is_on_trial(en, c, r.winner)) {
        c->reason = ELECT_TRIED;
    } else if (r.winner != c->active) {
        end_discovery(en, c);
        move_begin(en, c, r.winner,
                   find_cause(c, candidates, r.reason, hint));
    } else if (elect_is_eligible(&candidates[r.winner])) {
        end_discovery(en, c);
        c->trial_member = ELECT_NONE;
        c->trial_left = 0;
        set_found(en, c);
        if (router_holds_wrong(c, r.winner)) {
            /* It, or the core, is behind another port, or its flows were
             * refused. */
            move_begin(en, c, r.winner, c->cause);
        } else if (c->asked_members & UINT32_C(1) << r.winner
                   && !takeover_is_untold(&c->takeover)) {
            move_answer_asked(en, c);      /* Else with the notice. */
        }
    }
    if (!c->elect_at_ms && client_has_others(c) && is_apart(c)) {
        c->elect_at_ms = engine_now_ms(en) + APART_MS;
    }
    serving_arm(en, c);
}

/* Where it is, and who reaches it, matters to its host's other addresses. */
static void
tell_host(struct engine *en, struct client *c)
{
    uint32_t reached = 0;

    for (size_t i = 0; i < c->n_reaches; i++) {
        reached |= (uint32_t) reaches(c, i) << i;
    }
    if (c->active == c->host_active && reached == c->host_reached) {
        return;
    }
    c->host_active = c->active;
    c->host_reached = reached;
    if (!client_has_others(c)) {
        return;
    }
    for (struct client *o = client_other(c, NULL); o; o = client_other(c, o)) {
        if (o->active != ELECT_NONE) {
            mark_client(en, o, CLIENT_WANTS_ELECTION, CAUSE_NONE);
        }
    }
}

void
settle_move(struct engine *en, struct client *c, int member,
            enum incident_cause cause)
{
    end_discovery(en, c);
    move_begin(en, c, member, cause);
    serving_arm(en, c);
    tell_host(en, c);
}

/* Deadlines. */

static bool
is_due(int64_t *deadline_ms, int64_t now_ms)
{
    if (!*deadline_ms || *deadline_ms > now_ms) {
        return false;
    }
    *deadline_ms = 0;
    return true;
}

/* Does what is due.  Returns false if the client was forgotten. */
static bool
meet_deadlines(struct engine *en, struct client *c)
{
    int64_t now_ms = engine_now_ms(en);
    struct takeover_actions acts = { .n = 0 };

    if (is_due(&c->discover_at_ms, now_ms)) {
        discovery_timeout(en, c);
    }
    if (!move_waits(en, c) && is_due(&c->takeover_at_ms, now_ms)) {
        takeover_timer(&c->takeover, now_ms, serving_ready(c->segment),
                       &acts);
        move_act(en, c, &acts);
    }
    if (is_due(&c->elect_at_ms, now_ms)) {
        elect(en, c, CAUSE_NONE);
    }
    if (is_due(&c->stale_at_ms, now_ms)) {
        stale_ask(c);
    }
    if (serving_withdraw_at_ms(c) && serving_withdraw_at_ms(c) <= now_ms) {
        struct incident e = serving_event(c, INCIDENT_CLIENT_WITHDRAWN);

        serving_name_member(e.from, c, c->active);
        c->withdrawn = true;
        life_withdraw(en, c);
        engine_report(en, &e);
        learned_set_unverified(c);  /* If it was adopted, and never heard. */
        /* It may have been kept by a router that nobody hears of. */
        mark_client(en, c, CLIENT_WANTS_ELECTION, CAUSE_NONE);
    }
    if (serving_age_at_ms(c) && serving_age_at_ms(c) <= now_ms) {
        life_forget(en, c, !c->unverified ? "lost for longer than age_s"
                    : c->state == CLIENT_PENDING ? NULL
                    : "never answered a probe");
        return false;
    }
    serving_arm(en, c);
    return true;
}

/* What is marked. */

/* One more router reaches it: is that all that there are to choose from? */
static void
choose(struct engine *en, struct client *c)
{
    if (c->state == CLIENT_ACTIVE || all_have_answered(c)) {
        elect(en, c, CAUSE_NONE);
    } else if (!c->discovering) {
        start_discovery(en, c);
    }
}

/* Its place has fallen silent: was the last claim a move? */
static void
judge(struct engine *en, struct client *c, uint32_t silent_members)
{
    for (size_t i = 0; i < c->n_reaches; i++) {
        if (silent_members >> i & 1 && conflict_place_silent(en, c, i)) {
            settle_discover(en, c, c->claim.member, c->claim.port,
                            (struct fh_addr) { 0 });
            conflict_ask_all(en, c);
        }
    }
}

static void
settle(struct engine *en, struct client *c)
{
    unsigned int wants = c->wants;
    enum incident_cause cause = c->wants_cause;
    uint32_t silent_members = c->silent_members;

    mark_clear(en, c);
    if (wants & CLIENT_WANTS_DEADLINES && !meet_deadlines(en, c)) {
        return;
    }
    if (wants & CLIENT_WANTS_ELECTION) {
        elect(en, c, cause);
    } else if (wants & CLIENT_WANTS_CHOICE) {
        choose(en, c);
    }
    if (wants & CLIENT_WANTS_RESUMPTION) {
        move_resume_if_due(en, c);
    }
    judge(en, c, silent_members);
    tell_host(en, c);
}

void
settle_some(struct engine *en)
{
    if (en->quiet) {
        return;
    }
    for (int n = SETTLE_MOST; n-- && !TAILQ_EMPTY(&en->marked);) {
        settle(en, TAILQ_FIRST(&en->marked));
    }
}

void
settle_now(struct engine *en, struct client *c)
{
    if (c->wants) {
        settle(en, c);
    }
}

void
settle_all(struct engine *en)
{
    while (!TAILQ_EMPTY(&en->marked)) {
        settle(en, TAILQ_FIRST(&en->marked));
    }
}
