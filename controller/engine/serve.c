/* A client's life: learnt, elected, lost, forgotten.
 *
 * Runs elect.h for one client and has move.c carry out what it says.  Called
 * by probe.c with news of who reaches it, by punt.c, adopt.c and
 * engine.c. */
#include <config.h>

#include "controller/engine/learned.h"

#include <stdlib.h>

#include "controller/engine/leave.h"
#include "controller/engine/route.h"

/* How long a new client's first answer may wait for the other routers'. */
#define DISCOVER_MS 200

/* A bridge that has dropped no replies for so long, and some intervals, is not
 * flooded. */
#define CALM_MS 3000

static void client_timer(struct wheel_timer *, int64_t now_ms, void *en);

bool
serve_can(const struct client *c, size_t member)
{
    const struct member *m = &c->segment->members[member];

    return (m->router->ready
            && !(m->router->one_tag_only
                 && (c->vlan.n > 1 || m->uplink->view.vlan.n > 1)));
}

uint32_t
serve_ready_members(const struct segment *segment)
{
    uint32_t ready = 0;

    for (size_t i = 0; i < segment->n_members; i++) {
        if (segment->members[i].router->ready) {
            ready |= UINT32_C(1) << i;
        }
    }
    return ready;
}

/* Deadlines. */

static void
earliest(int64_t *at, int64_t deadline)
{
    if (deadline && (!*at || deadline < *at)) {
        *at = deadline;
    }
}

static int64_t
withdraw_at_ms(const struct client *c)
{
    return (c->state == CLIENT_LOST && !c->withdrawn
            ? c->lost_ms + c->segment->config->withdraw_after_ms : 0);
}

/* A guest has nothing to keep beyond its flows. */
static int64_t
age_at_ms(const struct client *c)
{
    const struct config_segment *config = c->segment->config;
    int64_t age_ms = INT64_C(1000) * config->age_s;

    if (c->state == CLIENT_ACTIVE || c->origin != CLIENT_LEARNED) {
        return 0;
    }
    if (c->guest && config->withdraw_after_ms < age_ms) {
        age_ms = config->withdraw_after_ms;
    }
    return c->lost_ms + age_ms;
}

void
serve_arm(struct engine *en, struct client *c)
{
    int64_t at = 0;

    earliest(&at, c->takeover_at_ms);
    earliest(&at, c->discover_at_ms);
    earliest(&at, c->elect_at_ms);
    earliest(&at, c->trap_at_ms);
    earliest(&at, withdraw_at_ms(c));
    earliest(&at, age_at_ms(c));
    if (at) {
        wheel_arm(en->wheel, &c->timer, at);
    } else {
        wheel_cancel(&c->timer);
    }
}

/* Coming and going. */

struct client *
serve_add(struct engine *en, struct segment *segment, struct fh_addr addr,
          enum client_origin origin)
{
    struct client_key key = { addr, segment->id };
    struct client *c = clients_add(en->clients, segment, key,
                                   segment->n_members);
    int64_t now_ms = engine_now_ms(en);

    c->origin = origin;
    c->vlan = segment->config->vlan;
    c->since_ms = now_ms + en->unix_off_ms;
    c->lost_ms = now_ms;
    c->timer.fire = client_timer;
    segment->n_clients++;
    segment->n_learned += origin == CLIENT_LEARNED;
    for (size_t i = 0; i < c->n_reaches; i++) {
        c->reaches[i].timer.fire = probe_timer_fired;
        c->reaches[i].phase = elect_hash(addr, i);
    }
    for (size_t i = 0; i < c->n_reaches; i++) {
        if (serve_can(c, i)) {
            serve_member_ready(en, c, i, false);
        }
    }
    serve_arm(en, c);
    return c;
}

struct incident
serve_event(const struct client *c, enum incident_type type)
{
    struct incident e = incident_init(type);

    e.client = c->key.address;
    snprintf(e.segment, sizeof e.segment, "%s", c->segment->config->name);
    return e;
}

void
serve_name_member(char *name, const struct client *c, int member)
{
    if (member != ELECT_NONE) {
        snprintf(name, INCIDENT_NAME_LEN, "%s",
                 member_router(c, member)->config->name);
    }
}

void
serve_name_forwarder(char *name, const struct client *c, int member)
{
    if (member == ELECT_NONE && c->former) {
        snprintf(name, INCIDENT_NAME_LEN, "%s", c->former->config->name);
    } else {
        serve_name_member(name, c, member);
    }
}

static void
withdraw(struct engine *en, struct client *c)
{
    struct takeover_actions acts = { .n = 0 };

    check_untrap_active(c);
    client_cancel_await(c);
    takeover_clear(&c->takeover, serve_ready_members(c->segment), &acts);
    move_act(en, c, &acts);
    c->takeover_at_ms = 0;
    c->unreported = c->adopted = c->resume = false;
    route_withdraw(en, c);
    serve_set_active(en, c, ELECT_NONE);
    leave_end(en, c);
}

void
serve_forget(struct engine *en, struct client *c, const char *why)
{
    struct incident e = serve_event(c, INCIDENT_CLIENT_FORGOTTEN);

    serve_name_member(e.from, c, c->active);
    snprintf(e.detail, sizeof e.detail, "%s", why ? why : "");
    withdraw(en, c);
    learned_leave(c);
    for (size_t i = 0; i < c->n_reaches; i++) {
        struct reach *r = &c->reaches[i];

        member_router(c, i)->n_reachable -= reach_is_up(r);
        wheel_cancel(&r->timer);
    }
    wheel_cancel(&c->timer);
    c->segment->n_clients--;
    c->segment->n_learned -= c->origin == CLIENT_LEARNED;
    clients_remove(en->clients, c);
    if (why) {
        engine_report(en, &e);
    }
}

void
serve_set_active(struct engine *en, struct client *c, int member)
{
    if (c->active == member) {
        return;
    }
    if (c->active != ELECT_NONE && !--member_router(c, c->active)->n_active) {
        engine_holders_changed(en);
    }
    if (member != ELECT_NONE && !member_router(c, member)->n_active++) {
        engine_holders_changed(en);
    }
    c->active = member;
}

void
serve_set_origin(struct client *c, enum client_origin origin)
{
    learned_leave(c);
    c->segment->n_learned -= c->origin == CLIENT_LEARNED;
    c->origin = origin;
    c->segment->n_learned += c->origin == CLIENT_LEARNED;
}

/* Routers come and go. */

void
serve_member_ready(struct engine *en, struct client *c, size_t member,
                   bool holds)
{
    struct takeover_actions acts = { .n = 0 };
    struct reach *r = &c->reaches[member];

    if (!c->reinstall && !c->resume) {  /* Or they stay until it is done. */
        takeover_member_back(&c->takeover, member, holds,
                             serve_ready_members(c->segment), &acts);
        move_act(en, c, &acts);
    }
    if (!wheel_is_armed(&r->timer)) {
        wheel_arm(en->wheel, &r->timer, c->former ? engine_now_ms(en)
                  : reach_next_ms(r, &c->segment->probe, engine_now_ms(en)));
    }
    if (c->active == ELECT_NONE
        && (c->state == CLIENT_ACTIVE || reach_is_up(r))) {
        if (!c->former || !c->elect_at_ms) {    /* Or in its turn. */
            serve_elect(en, c, CAUSE_CONFIG);
        }
    } else if (c->active == (int) member && c->reinstall) {
        c->reinstall = false;
        move_begin(en, c, member, c->cause);
        serve_arm(en, c);
    } else {
        serve_resume(en, c);
    }
}

/* A newer decision may be on a bridge that is still expected, unless another
 * than the active router's has been found to hold the client: between those
 * the takeover was. */
static bool
knows_all_holders(const struct client *c)
{
    for (size_t i = 0; i < c->n_reaches; i++) {
        if (member_router(c, i)->expected) {
            return c->takeover.holders & (c->takeover.holders - 1);
        }
    }
    return true;
}

void
serve_resume(struct engine *en, struct client *c)
{
    if (c->resume && !c->reinstall && c->active != ELECT_NONE
        && serve_can(c, c->active) && takeover_is_idle(&c->takeover)
        && c->takeover.holders >> c->active & 1 && knows_all_holders(c)) {
        move_resume(en, c);
        serve_arm(en, c);
    }
}

void
serve_member_gone(struct engine *en, struct client *c, size_t member,
                  uint32_t unused)
{
    struct takeover_actions acts = { .n = 0 };
    struct reach *r = &c->reaches[member];

    wheel_cancel(&r->timer);
    if (c->takeover.winner == (int) member) {
        client_cancel_await(c);
    }
    c->alive_ms = engine_now_ms(en);
    member_router(c, member)->n_reachable -= reach_lost(r, false);
    takeover_member_gone(&c->takeover, member, &acts);
    move_act(en, c, &acts);
    if (c->active == (int) member || c->active == ELECT_NONE) {
        serve_elect(en, c, CAUSE_NONE);
    }
}

void
serve_elect_again(struct engine *en, struct client *c, size_t member,
                  uint32_t unused)
{
    serve_elect(en, c, CAUSE_NONE);
}

/* Discovery. */

/* Asks by every router that does not reach the client, so that its election
 * sees what there is to choose from. */
void
serve_start_discovery(struct engine *en, struct client *c)
{
    c->discovering = true;
    c->discover_at_ms = engine_now_ms(en) + DISCOVER_MS;
    for (size_t i = 0; i < c->n_reaches; i++) {
        if (serve_can(c, i) && !reach_is_up(&c->reaches[i])) {
            probe_now(en, c, i);
        }
    }
    serve_arm(en, c);
}

bool
serve_all_have_answered(const struct client *c)
{
    for (size_t i = 0; i < c->n_reaches; i++) {
        if (serve_can(c, i) && !reach_is_up(&c->reaches[i])) {
            return false;
        }
    }
    return true;
}

void
serve_discover(struct engine *en, struct client *c, size_t member,
               uint32_t port, struct fh_addr asked)
{
    c->asked_members |= UINT32_C(1) << member;
    if (!fh_addr_is_zero(asked)) {
        c->asked = asked;
    }
    c->reaches[member].heard_port = port;
    if (!c->discovering) {
        serve_start_discovery(en, c);
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
    for (size_t i = 0; i < c->n_reaches && !anyone_up && !c->prove_first;
         i++) {
        struct reach *r = &c->reaches[i];

        if (c->asked_members & UINT32_C(1) << i && serve_can(c, i)
            && reach_heard(r, r->heard_port, engine_now_ms(en))) {
            member_router(c, i)->n_reachable++;
        }
    }
    serve_elect(en, c, CAUSE_NONE);
    end_discovery(en, c);
}

/* Election. */

/* Is the client heard there well enough?  Nobody leaves a router that hears
 * it, nor for one that a flood has reached as well: one answer may be among
 * what its meters let pass, and many among what they drop. */
static bool
hears(const struct engine *en, const struct client *c, size_t member)
{
    const struct reach *r = &c->reaches[member];
    int64_t calm_ms = REACH_UNHEARD * (int64_t) c->segment->probe.interval_ms;
    int64_t dropped_us;

    if (c->active == ELECT_NONE || reach_is_heard(&c->reaches[c->active])) {
        return true;
    }
    if (c->active == (int) member || r->unjudged) {
        return false;
    }
    dropped_us = router_evidence(member_router(c, member), r->port).dropped_us;
    calm_ms = calm_ms > CALM_MS ? calm_ms : CALM_MS;
    return !dropped_us || en->now_us - dropped_us > calm_ms * 1000;
}

void
serve_snapshot(const struct engine *en, const struct client *c,
               struct elect_candidate *candidates, struct elect_input *in)
{
    const struct config_segment *config = c->segment->config;

    for (size_t i = 0; i < c->n_reaches; i++) {
        const struct member *m = &c->segment->members[i];

        candidates[i] = (struct elect_candidate) {
            .connected = serve_can(c, i),
            .draining = m->router->draining,
            .uplink_ok = (uplink_is_ok(m->uplink)
                          && (c->active == (int) i
                              || !uplink_is_doubtful(m->uplink))),
            .expected = m->router->expected,
            .heard = hears(en, c, i),
            .reach = c->reaches[i].state,
            .priority = m->config->priority,
            .hash = elect_hash(c->key.address, m->router->config->dpid),
            .up_since_ms = c->reaches[i].up_since_ms,
        };
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

void
serve_set_state(struct engine *en, struct client *c, enum client_state state)
{
    if (c->state != state) {
        c->state = state;
        c->since_ms = engine_now_ms(en) + en->unix_off_ms;
    }
}

static void
set_lost(struct engine *en, struct client *c)
{
    struct incident e = serve_event(c, INCIDENT_CLIENT_LOST);

    if (c->state == CLIENT_LOST) {
        return;
    }
    serve_set_state(en, c, CLIENT_LOST);
    c->lost_ms = engine_now_ms(en);
    if (c->active != ELECT_NONE) {
        router_queue_lost(member_router(c, c->active), c, c->active);
    } else {
        route_withdraw(en, c);
    }
    serve_name_forwarder(e.from, c, c->active);
    leave_end(en, c);
    e.detect_ms = engine_now_ms(en) - c->alive_ms;
    if (!c->guest || !c->lost_told) {
        engine_report(en, &e);
    }
    c->lost_told = true;
}

static void
set_found(struct engine *en, struct client *c)
{
    struct incident e = serve_event(c, INCIDENT_CLIENT_FOUND);

    if (c->state != CLIENT_LOST) {
        return;
    }
    serve_set_state(en, c, CLIENT_ACTIVE);
    router_queue_lost(member_router(c, c->active), c, c->active);
    serve_name_member(e.to, c, c->active);
    if (!c->guest) {
        engine_report(en, &e);
    }
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
        return c->former ? CAUSE_CONFIG : CAUSE_FIRST;
    }
    a = &candidates[c->active];
    return (reason == ELECT_PREEMPTS ? CAUSE_PREEMPT
            : reason == ELECT_UPLINK
              && !c->segment->members[c->active].uplink->port_up
            ? CAUSE_PORT_DOWN
            : a->draining && a->connected ? CAUSE_DRAIN
            : !a->connected ? CAUSE_ROUTER_LOST
            : hint == CAUSE_PORT_DOWN ? CAUSE_PORT_DOWN
            : CAUSE_UNREACHABLE);
}

/* Its former router forwards for it until the others have been asked: is that
 * still going on? */
static bool
asks_for_another(struct engine *en, struct client *c)
{
    if (c->former && !c->discovering) {
        serve_start_discovery(en, c);
    }
    return c->former && c->discover_at_ms;
}

void
serve_elect(struct engine *en, struct client *c, enum incident_cause hint)
{
    struct elect_candidate candidates[CONFIG_MAX_MEMBERS];
    struct elect_input in;
    struct elect_result r;

    serve_snapshot(en, c, candidates, &in);
    r = elect_run(&in);
    c->reason = r.reason;
    c->elect_at_ms = r.again_ms;
    if (r.winner == ELECT_NONE) {
        if (c->state == CLIENT_ACTIVE && r.reason == ELECT_LOST
            && !asks_for_another(en, c)) {
            set_lost(en, c);
        }
    } else if (r.reason == ELECT_LOST) {
        set_lost(en, c);
    } else if (r.winner != c->active) {
        end_discovery(en, c);
        move_begin(en, c, r.winner,
                   find_cause(c, candidates, r.reason, hint));
    } else if (elect_is_eligible(&candidates[r.winner])) {
        end_discovery(en, c);
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
    serve_arm(en, c);
}

void
serve_move(struct engine *en, struct client *c, int member,
           enum incident_cause cause)
{
    end_discovery(en, c);
    move_begin(en, c, member, cause);
    serve_arm(en, c);
}

/* The client's own timer. */

static bool
is_due(int64_t *deadline_ms, int64_t now_ms)
{
    if (!*deadline_ms || *deadline_ms > now_ms) {
        return false;
    }
    *deadline_ms = 0;
    return true;
}

static void
client_timer(struct wheel_timer *timer, int64_t now_ms, void *en_)
{
    struct engine *en = en_;
    struct client *c = (void *) ((char *) timer
                                 - offsetof(struct client, timer));
    struct takeover_actions acts = { .n = 0 };

    if (is_due(&c->discover_at_ms, now_ms)) {
        discovery_timeout(en, c);
    }
    if (is_due(&c->takeover_at_ms, now_ms)) {
        takeover_timer(&c->takeover, now_ms, serve_ready_members(c->segment),
                       &acts);
        move_act(en, c, &acts);
    }
    if (is_due(&c->elect_at_ms, now_ms)) {
        serve_elect(en, c, CAUSE_NONE);
    }
    if (is_due(&c->trap_at_ms, now_ms)) {
        check_static(c);
    }
    if (withdraw_at_ms(c) && withdraw_at_ms(c) <= now_ms) {
        struct incident e = serve_event(c, INCIDENT_CLIENT_WITHDRAWN);

        serve_name_member(e.from, c, c->active);
        c->withdrawn = true;
        withdraw(en, c);
        engine_report(en, &e);
    }
    if (age_at_ms(c) && age_at_ms(c) <= now_ms) {
        serve_forget(en, c, !c->guest ? "lost for longer than age_s"
                     : c->state == CLIENT_PENDING ? NULL
                     : "never answered a probe");
        return;
    }
    serve_arm(en, c);
}
