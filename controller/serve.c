/* A client's life: learnt, elected, moved, lost, forgotten.
 *
 * Runs the pure modules (reach, elect, takeover) for one client and carries
 * out what they say.  Called by punt.c, adopt.c and firsthop.c. */
#include <config.h>

#include "controller/learned.h"

#include <stdlib.h>

#include "controller/leave.h"

/* How long a new client's first answer may wait for the other routers'. */
#define DISCOVER_MS 200

/* Late probes on one port, within so many ms of each other, that make all
 * clients behind it suspect; on a port with few clients the first will do. */
#define LATE_MANY      3
#define LATE_WINDOW_MS 50
#define LATE_FEW       64
/* A sweep probes so many clients a millisecond, and not again for a while. */
#define SWEEP_PER_MS   100
#define SWEEP_PAUSE_MS 200

/* From an acknowledgement to the question whether the client heeds it: longer
 * than Linux's locktime of 1 s, with the notice that follows it. */
#define TRAP_AFTER_MS 2500

static void client_timer(struct wheel_timer *, int64_t now_ms, void *fh);
static void reach_timer_fired(struct wheel_timer *, int64_t now_ms, void *fh);
static void begin_takeover(struct firsthop *, struct client *, int winner,
                           enum event_cause);
static void report(struct firsthop *, struct client *);

static struct router *
member_router(const struct client *c, size_t member)
{
    return c->segment->members[member].router;
}

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
serve_arm(struct firsthop *fh, struct client *c)
{
    int64_t at = 0;

    earliest(&at, c->takeover_at_ms);
    earliest(&at, c->discover_at_ms);
    earliest(&at, c->elect_at_ms);
    earliest(&at, c->trap_at_ms);
    earliest(&at, withdraw_at_ms(c));
    earliest(&at, age_at_ms(c));
    if (at) {
        wheel_arm(fh->wheel, &c->timer, at);
    } else {
        wheel_cancel(&c->timer);
    }
}

/* Coming and going. */

struct client *
serve_add(struct firsthop *fh, struct segment *segment, struct fh_addr addr,
          enum client_origin origin)
{
    struct client_key key = { addr, segment->id };
    struct client *c = clients_add(fh->clients, segment, key,
                                   segment->n_members);
    int64_t now_ms = fh_now_ms(fh);

    c->origin = origin;
    c->vlan = segment->config->vlan;
    c->since_ms = now_ms + fh->unix_off_ms;
    c->lost_ms = now_ms;
    c->timer.fire = client_timer;
    segment->n_clients++;
    segment->n_learned += origin == CLIENT_LEARNED;
    for (size_t i = 0; i < c->n_reaches; i++) {
        c->reaches[i].timer.fire = reach_timer_fired;
        c->reaches[i].phase = elect_hash(addr, i);
    }
    for (size_t i = 0; i < c->n_reaches; i++) {
        if (serve_can(c, i)) {
            serve_member_ready(fh, c, i, false);
        }
    }
    serve_arm(fh, c);
    return c;
}

static struct event
client_event(const struct client *c, enum event_type type)
{
    struct event e = event_init(type);

    e.client = c->key.address;
    snprintf(e.segment, sizeof e.segment, "%s", c->segment->config->name);
    return e;
}

static void
name_member(char *name, const struct client *c, int member)
{
    if (member != ELECT_NONE) {
        snprintf(name, EVENT_NAME_LEN, "%s",
                 member_router(c, member)->config->name);
    }
}

/* The core is to forget it. */
static void
withdraw_route(struct client *c)
{
    struct upstream *u = c->segment->upstream;
    struct upstream_route route = { .client = c->key.address,
                                    .segment = c->segment };

    if (u && c->announced) {
        u->ops->withdraw(u, &route);
        c->announced = false;
    }
}

/* Names who forwards, or forwarded, for the client. */
static void
name_forwarder(char *name, const struct client *c, int member)
{
    if (member == ELECT_NONE && c->former) {
        snprintf(name, EVENT_NAME_LEN, "%s", c->former->config->name);
    } else {
        name_member(name, c, member);
    }
}

static void
withdraw(struct firsthop *fh, struct client *c)
{
    struct takeover_actions acts = { .n = 0 };

    router_cancel_install(c);
    takeover_clear(&c->takeover, serve_ready_members(c->segment), &acts);
    serve_act(fh, c, &acts);
    c->takeover_at_ms = 0;
    c->unreported = false;
    withdraw_route(c);
    serve_set_active(fh, c, ELECT_NONE);
    leave_end(fh, c);
}

void
serve_forget(struct firsthop *fh, struct client *c, const char *why)
{
    struct event e = client_event(c, EVENT_CLIENT_FORGOTTEN);

    name_member(e.from, c, c->active);
    snprintf(e.detail, sizeof e.detail, "%s", why ? why : "");
    withdraw(fh, c);
    learned_leave(c);
    for (size_t i = 0; i < c->n_reaches; i++) {
        struct reach *r = &c->reaches[i];

        member_router(c, i)->n_reachable -= reach_is_up(r);
        wheel_cancel(&r->timer);
    }
    wheel_cancel(&c->timer);
    c->segment->n_clients--;
    c->segment->n_learned -= c->origin == CLIENT_LEARNED;
    clients_remove(fh->clients, c);
    if (why) {
        firsthop_event(fh, &e);
    }
}

void
serve_set_active(struct firsthop *fh, struct client *c, int member)
{
    if (c->active == member) {
        return;
    }
    if (c->active != ELECT_NONE && !--member_router(c, c->active)->n_active) {
        firsthop_holders_changed(fh);
    }
    if (member != ELECT_NONE && !member_router(c, member)->n_active++) {
        firsthop_holders_changed(fh);
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

/* Reach. */

static void
arm_probe(struct firsthop *fh, struct reach *r, int64_t at_ms)
{
    wheel_arm(fh->wheel, &r->timer, at_ms);
}

static void
probe(struct firsthop *fh, struct client *c, size_t member)
{
    struct router *router = member_router(c, member);

    if (c->quiet_until_ms > fh_now_ms(fh)) {
        return;
    }
    if (!c->reaches[member].outstanding && !router_has_probe_budget(router)) {
        router->counters.probes_postponed++;    /* To the next timeout. */
        return;
    }
    router_queue_probe(router, c, member, fh->now_us);
}

void
serve_probe_now(struct firsthop *fh, struct client *c, size_t member)
{
    struct reach *r = &c->reaches[member];

    probe(fh, c, member);
    arm_probe(fh, r, reach_look_ms(r, &c->segment->probe, fh_now_ms(fh)));
}

void
serve_member_ready(struct firsthop *fh, struct client *c, size_t member,
                   bool holds)
{
    struct takeover_actions acts = { .n = 0 };
    struct reach *r = &c->reaches[member];

    if (!c->reinstall) {        /* Or its flows stay until that is done. */
        takeover_member_back(&c->takeover, member, holds,
                             serve_ready_members(c->segment), &acts);
        serve_act(fh, c, &acts);
    }
    if (!wheel_is_armed(&r->timer)) {
        arm_probe(fh, r, c->former ? fh_now_ms(fh)
                  : reach_next_ms(r, &c->segment->probe, fh_now_ms(fh)));
    }
    if (c->active == ELECT_NONE
        && (c->state == CLIENT_ACTIVE || reach_is_up(r))) {
        if (!c->former || !c->elect_at_ms) {    /* Or in its turn. */
            serve_elect(fh, c, CAUSE_CONFIG);
        }
    } else if (c->active == (int) member && c->reinstall) {
        c->reinstall = false;
        begin_takeover(fh, c, member, c->cause);
        serve_arm(fh, c);
    }
}

void
serve_member_gone(struct firsthop *fh, struct client *c, size_t member,
                  uint32_t unused)
{
    struct takeover_actions acts = { .n = 0 };
    struct reach *r = &c->reaches[member];

    wheel_cancel(&r->timer);
    if (c->batch && c->takeover.winner == (int) member) {
        router_cancel_install(c);
    }
    c->alive_ms = fh_now_ms(fh);
    member_router(c, member)->n_reachable -= reach_lost(r, false);
    takeover_member_gone(&c->takeover, member, &acts);
    serve_act(fh, c, &acts);
    if (c->active == (int) member || c->active == ELECT_NONE) {
        serve_elect(fh, c, CAUSE_NONE);
    }
}

/* Several clients of one port are late: the port may be cut off.  Probe all
 * behind it now, so that each can be judged by its own probes. */
static void
sweep(struct firsthop *fh, struct router *router, struct router_port *port)
{
    int64_t now_ms = fh_now_ms(fh);
    size_t n = 0;

    port->swept_ms = now_ms;
    for (size_t i = 0; i < clients_count(fh->clients); i++) {
        struct client *c = clients_at(fh->clients, i);

        for (size_t j = 0; j < c->n_reaches; j++) {
            struct reach *r = &c->reaches[j];

            if (member_router(c, j) == router && r->port == port->number
                && r->state == REACH_UP && !r->outstanding) {
                arm_probe(fh, r, now_ms + n++ / SWEEP_PER_MS);
            }
        }
    }
}

static void
note_late(struct firsthop *fh, struct client *c, size_t member)
{
    struct router *router = member_router(c, member);
    struct router_port *port
        = router_access_port(router, c->reaches[member].port);
    int64_t now_ms = fh_now_ms(fh);

    if (!port) {
        return;
    }
    if (now_ms - port->late_since_ms > LATE_WINDOW_MS) {
        port->late_since_ms = now_ms;
        port->n_late = 0;
    }
    if (port->n_late < UINT8_MAX) {
        port->n_late++;
    }
    if ((port->n_late >= LATE_MANY || router->n_reachable <= LATE_FEW)
        && now_ms - port->swept_ms >= SWEEP_PAUSE_MS) {
        sweep(fh, router, port);
    }
}

/* Asks by every router that does not reach the client, so that its election
 * sees what there is to choose from. */
static void
start_discovery(struct firsthop *fh, struct client *c)
{
    c->discovering = true;
    c->discover_at_ms = fh_now_ms(fh) + DISCOVER_MS;
    for (size_t i = 0; i < c->n_reaches; i++) {
        if (serve_can(c, i) && !reach_is_up(&c->reaches[i])) {
            serve_probe_now(fh, c, i);
        }
    }
    serve_arm(fh, c);
}

static bool
all_have_answered(const struct client *c)
{
    for (size_t i = 0; i < c->n_reaches; i++) {
        if (serve_can(c, i) && !reach_is_up(&c->reaches[i])) {
            return false;
        }
    }
    return true;
}

/* The active router's probe is late.  If it is the client that is gone, the
 * others must know by the time that an election would move it there. */
static void
ask_the_others(struct firsthop *fh, struct client *c, size_t member)
{
    for (size_t i = 0; i < c->n_reaches; i++) {
        const struct reach *r = &c->reaches[i];

        if (i != member && reach_is_up(r) && !r->outstanding
            && member_router(c, i)->ready) {
            serve_probe_now(fh, c, i);
        }
    }
}

void
serve_reach_event(struct firsthop *fh, struct client *c, size_t member,
                  enum reach_event event, enum event_cause cause)
{
    struct router *router = member_router(c, member);

    switch (event) {
    case REACH_NOTHING:
        if (c->reason == ELECT_LATE) {
            serve_elect(fh, c, CAUSE_NONE);
        }
        break;
    case REACH_LATE:
        note_late(fh, c, member);
        if (c->active == (int) member) {
            ask_the_others(fh, c, member);
        }
        break;
    case REACH_WENT_UP:
        router->n_reachable++;
        if (c->state == CLIENT_ACTIVE || all_have_answered(c)) {
            serve_elect(fh, c, CAUSE_NONE);
        } else if (!c->discovering) {
            start_discovery(fh, c);
        }
        break;
    case REACH_WENT_DOWN:
        router->n_reachable -= cause != CAUSE_FIRST;
        if (c->alive_ms < c->reaches[member].last_reply_ms) {
            c->alive_ms = c->reaches[member].last_reply_ms;
        }
        if (c->active == (int) member) {
            learned_set_guest(c);       /* If it was adopted. */
        }
        if (c->active == (int) member || c->reason == ELECT_LATE) {
            serve_elect(fh, c, cause);
        }
        rival_place_silent(fh, c, member);
        break;
    }
}

static void
reach_timer_fired(struct wheel_timer *timer, int64_t now_ms, void *fh_)
{
    struct firsthop *fh = fh_;
    struct reach *r = (void *) ((char *) timer
                                - offsetof(struct reach, timer));
    struct client *c = client_of_reach(r);
    struct router *router = member_router(c, r->index);
    bool was_up = reach_is_up(r);
    uint32_t n_missed = r->missed;
    struct reach_bridge bridge = (r->outstanding
                                  ? router_evidence(router, r->port)
                                  : (struct reach_bridge) { 0 });
    struct reach_verdict v = reach_timer(r, &c->segment->probe, &bridge,
                                         now_ms);

    router->counters.probes_missed += r->missed - n_missed;
    router->counters.probes_unjudged += v.unjudged;
    if (v.look) {
        reach_look_sent(r, router_read_drops(router, r->port));
    }
    arm_probe(fh, r, v.next_ms);
    if (v.probe) {
        probe(fh, c, r->index);
    }
    /* CAUSE_FIRST: it had never been up, there is nothing to count down. */
    serve_reach_event(fh, c, r->index, v.event,
                      was_up ? CAUSE_UNREACHABLE : CAUSE_FIRST);
}

void
serve_port_down(struct firsthop *fh, struct client *c, size_t member,
                uint32_t port)
{
    struct reach *r = &c->reaches[member];

    if (r->port != port || !reach_lost(r, true)) {
        return;
    }
    /* It may be behind another port by now. */
    arm_probe(fh, r, fh_now_ms(fh));
    c->alive_ms = fh_now_ms(fh);
    member_router(c, member)->n_reachable--;
    if (c->active == (int) member) {
        serve_elect(fh, c, CAUSE_PORT_DOWN);
    }
}

void
serve_elect_again(struct firsthop *fh, struct client *c, size_t member,
                  uint32_t unused)
{
    serve_elect(fh, c, CAUSE_NONE);
}

/* Discovery. */

void
serve_discover(struct firsthop *fh, struct client *c, size_t member,
               uint32_t port, struct fh_addr asked)
{
    c->asked_members |= UINT32_C(1) << member;
    if (!fh_addr_is_zero(asked)) {
        c->asked = asked;
    }
    c->reaches[member].heard_port = port;
    if (!c->discovering) {
        start_discovery(fh, c);
    }
}

static void
end_discovery(struct firsthop *fh, struct client *c)
{
    c->discovering = false;
    c->discover_at_ms = 0;
}

/* Nobody's probe has been answered in time.  To be heard will do, but not
 * where clients press to be learnt: each forged one would cost the bridges
 * flows, and the core a route. */
static void
discovery_timeout(struct firsthop *fh, struct client *c)
{
    bool anyone_up = false;

    for (size_t i = 0; i < c->n_reaches; i++) {
        anyone_up = anyone_up || reach_is_up(&c->reaches[i]);
    }
    for (size_t i = 0; i < c->n_reaches && !anyone_up && !c->prove_first;
         i++) {
        struct reach *r = &c->reaches[i];

        if (c->asked_members & UINT32_C(1) << i && serve_can(c, i)
            && reach_heard(r, r->heard_port, fh_now_ms(fh))) {
            member_router(c, i)->n_reachable++;
        }
    }
    serve_elect(fh, c, CAUSE_NONE);
    end_discovery(fh, c);
}

/* Election. */

void
serve_snapshot(const struct firsthop *fh, const struct client *c,
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
        .now_ms = fh_now_ms(fh),
    };
}

static void
set_state(struct firsthop *fh, struct client *c, enum client_state state)
{
    if (c->state != state) {
        c->state = state;
        c->since_ms = fh_now_ms(fh) + fh->unix_off_ms;
    }
}

static void
set_lost(struct firsthop *fh, struct client *c)
{
    struct event e = client_event(c, EVENT_CLIENT_LOST);

    if (c->state == CLIENT_LOST) {
        return;
    }
    set_state(fh, c, CLIENT_LOST);
    c->lost_ms = fh_now_ms(fh);
    if (c->active != ELECT_NONE) {
        router_queue_lost(member_router(c, c->active), c, c->active);
    } else {
        withdraw_route(c);
    }
    name_forwarder(e.from, c, c->active);
    leave_end(fh, c);
    e.detect_ms = fh_now_ms(fh) - c->alive_ms;
    firsthop_event(fh, &e);
}

static void
set_found(struct firsthop *fh, struct client *c)
{
    struct event e = client_event(c, EVENT_CLIENT_FOUND);

    if (c->state != CLIENT_LOST) {
        return;
    }
    set_state(fh, c, CLIENT_ACTIVE);
    router_queue_lost(member_router(c, c->active), c, c->active);
    name_member(e.to, c, c->active);
    firsthop_event(fh, &e);
}

static enum event_cause
find_cause(const struct client *c, const struct elect_candidate *candidates,
           enum elect_reason reason, enum event_cause hint)
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

/* Decisions are numbered in tenths of a second since 2026, and rise for one
 * client whatever the clock does. */
static uint32_t
next_decision(const struct firsthop *fh, const struct client *c)
{
    uint32_t by_clock = ((fh_now_ms(fh) + fh->unix_off_ms)
                         - INT64_C(1767225600000)) / 100;

    return ((int32_t) (by_clock - c->decision) > 0 ? by_clock
            : c->decision + 1);
}

static void
begin_takeover(struct firsthop *fh, struct client *c, int winner,
               enum event_cause cause)
{
    struct takeover_actions acts = { .n = 0 };
    int64_t now_ms = fh_now_ms(fh);

    if (c->unreported && c->takeover.install_ms >= 0) {
        report(fh, c);          /* The core has been told: it was a move. */
    }
    if (!c->unreported) {
        c->moved_from = c->active;
        c->unreported = true;
    }
    c->cause = cause;
    c->decision = next_decision(fh, c);
    c->withdrawn = false;
    c->is_static = false;
    c->takeover_at_ms = 0;
    if (cause == CAUSE_FIRST || cause == CAUSE_MANUAL || cause == CAUSE_DRAIN
        || cause == CAUSE_PREEMPT || cause == CAUSE_CONFIG
        || c->reason == ELECT_UPLINK) {
        c->alive_ms = now_ms;
    }
    c->detect_ms = now_ms - c->alive_ms;
    serve_set_active(fh, c, winner);
    set_state(fh, c, CLIENT_ACTIVE);
    c->since_ms = now_ms + fh->unix_off_ms;
    takeover_begin(&c->takeover, winner, now_ms, &acts);
    serve_act(fh, c, &acts);
}

/* Its former router forwards for it until the others have been asked: is that
 * still going on? */
static bool
asks_for_another(struct firsthop *fh, struct client *c)
{
    if (c->former && !c->discovering) {
        start_discovery(fh, c);
    }
    return c->former && c->discover_at_ms;
}

void
serve_elect(struct firsthop *fh, struct client *c, enum event_cause hint)
{
    struct elect_candidate candidates[CONFIG_MAX_MEMBERS];
    struct elect_input in;
    struct elect_result r;

    serve_snapshot(fh, c, candidates, &in);
    r = elect_run(&in);
    c->reason = r.reason;
    c->elect_at_ms = r.again_ms;
    if (r.winner == ELECT_NONE) {
        if (c->state == CLIENT_ACTIVE && r.reason == ELECT_LOST
            && !asks_for_another(fh, c)) {
            set_lost(fh, c);
        }
    } else if (r.reason == ELECT_LOST) {
        set_lost(fh, c);
    } else if (r.winner != c->active) {
        end_discovery(fh, c);
        begin_takeover(fh, c, r.winner,
                       find_cause(c, candidates, r.reason, hint));
    } else if (elect_is_eligible(&candidates[r.winner])) {
        end_discovery(fh, c);
        set_found(fh, c);
        if ((takeover_is_idle(&c->takeover)
             || c->takeover.phase == TAKEOVER_NOTICE)
            && c->reaches[r.winner].port != c->reaches[r.winner].flow_port) {
            /* It is behind another port, or its flows were refused. */
            begin_takeover(fh, c, r.winner, c->cause);
        } else if (c->asked_members & UINT32_C(1) << r.winner
                   && c->takeover.phase != TAKEOVER_FLOWS
                   && c->takeover.phase != TAKEOVER_CORE) {
            serve_answer_asked(fh, c);      /* Else with the notice. */
        }
    }
    serve_arm(fh, c);
}

void
serve_move(struct firsthop *fh, struct client *c, int member,
           enum event_cause cause)
{
    end_discovery(fh, c);
    begin_takeover(fh, c, member, cause);
    serve_arm(fh, c);
}

/* Takeover. */

static bool
tell_core(struct firsthop *fh, struct client *c, enum upstream_how how)
{
    struct upstream *u = c->segment->upstream;
    struct upstream_route route = { c->key.address, c->segment, c->active,
                                    c->decision };

    if (!u) {
        takeover_core_acked(&c->takeover, c->active);
        return true;
    }
    c->announced = true;
    if (!u->ops->acknowledges) {
        takeover_core_acked(&c->takeover, c->active);
    }
    return u->ops->announce(u, &route, how);
}

void
serve_answer_asked(struct firsthop *fh, struct client *c)
{
    struct router *router;
    struct arp reply;

    if (c->active == ELECT_NONE
        || !(c->asked_members & UINT32_C(1) << c->active)) {
        c->asked_members = 0;
        return;
    }
    c->asked_members = 0;
    if (fh_addr_is_zero(c->asked)) {
        return;
    }
    router = member_router(c, c->active);
    reply = (struct arp) {
        .op = ARP_OP_REPLY,
        .sha = router->config->mac, .spa = c->asked,
        .tha = c->mac, .tpa = c->key.address,
    };
    router_queue_arp(router, ARPQ_CLIENT, c->reaches[c->active].port, c->mac,
                     &c->vlan, &reply);
    fh->stats.arp_answers++;
    client_note_answered(c, c->asked, fh_now_ms(fh));
    c->asked.ip4 = 0;
}

static void
send_notices(struct firsthop *fh, struct client *c)
{
    struct fh_addr gateway = c->segment->config->gateway;
    struct router *router = member_router(c, c->active);
    uint32_t now_s = fh_now_ms(fh) / 1000;

    serve_answer_asked(fh, c);
    router_queue_notice(router, c, c->active, gateway);
    for (size_t i = 0; i < c->n_answered; i++) {
        const struct client_answered *a = &c->answered[i];

        if (now_s - a->at_s <= CLIENT_ANSWERED_S
            && !fh_addr_equal(a->address, gateway)) {
            router_queue_notice(router, c, c->active, a->address);
        }
    }
}

static void
report(struct firsthop *fh, struct client *c)
{
    bool moved = c->moved_from != ELECT_NONE || c->former;
    struct event e = client_event(c, moved ? EVENT_CLIENT_MOVED
                                  : EVENT_CLIENT_ELECTED);
    const struct takeover *t = &c->takeover;

    c->unreported = false;
    if (c->moved_from == c->active) {
        c->moved_from = ELECT_NONE;     /* Reinstalled where it was. */
        return;
    }
    e.cause = c->cause;
    name_forwarder(e.from, c, c->moved_from);
    name_member(e.to, c, c->active);
    e.detect_ms = c->detect_ms;
    e.install_ms = t->install_ms;
    e.ack_ms = t->client_acked ? fh_now_ms(fh) - t->noticed_ms : -1;
    if (moved) {
        c->moves++;
        fh->stats.moves[c->cause]++;
        firsthop_count(&fh->stats.detect, e.detect_ms);
        firsthop_count(&fh->stats.install, e.install_ms);
        if (t->client_acked) {
            firsthop_count(&fh->stats.ack, e.ack_ms);
        }
    }
    c->moved_from = ELECT_NONE;
    firsthop_event(fh, &e);
    client_note_move(c, &e);
}

/* An acknowledgement may come from a client whose entry cannot be changed:
 * find out, once the last notice that it may have waited for is over. */
static void
arm_trap(struct firsthop *fh, struct client *c)
{
    if (c->takeover.client_acked && c->moved_from != ELECT_NONE
        && c->moved_from != c->active) {
        c->trap_member = c->moved_from;
        c->trap_at_ms = fh_now_ms(fh) + TRAP_AFTER_MS;
        serve_arm(fh, c);
    }
}

static void
act_one(struct firsthop *fh, struct client *c,
        const struct takeover_action *a)
{
    switch (a->type) {
    case TAKEOVER_INSTALL:
        router_queue_install(member_router(c, a->member), c, a->member);
        break;
    case TAKEOVER_TELL_CORE:
        if (tell_core(fh, c, UPSTREAM_MOVED)) {
            serve_told(fh, c);
        }
        break;
    case TAKEOVER_REPEAT_CORE:
        tell_core(fh, c, UPSTREAM_REPEATED);
        break;
    case TAKEOVER_SEND_NOTICE:
        send_notices(fh, c);
        break;
    case TAKEOVER_ARM:
        c->takeover_at_ms = a->at_ms;
        serve_arm(fh, c);
        break;
    case TAKEOVER_REMOVE:
        check_untrap(c, a->member);
        router_queue_remove(member_router(c, a->member), c, a->member);
        break;
    case TAKEOVER_DONE:
        c->takeover_at_ms = 0;
        arm_trap(fh, c);
        report(fh, c);
        leave_end(fh, c);
        break;
    case TAKEOVER_ELECT:
        /* In a moment: a bridge that refuses must not be asked at once. */
        c->elect_at_ms = fh_now_ms(fh) + (member_router(c, a->member)->ready
                                          ? 1000 : 1);
        serve_arm(fh, c);
        break;
    }
}

void
serve_act(struct firsthop *fh, struct client *c,
          struct takeover_actions *acts)
{
    for (size_t i = 0; i < acts->n; i++) {
        act_one(fh, c, &acts->items[i]);
    }
}

void
serve_told(struct firsthop *fh, struct client *c)
{
    struct takeover_actions acts = { .n = 0 };

    takeover_told(&c->takeover, fh_now_ms(fh),
                  serve_ready_members(c->segment), &acts);
    serve_act(fh, c, &acts);
}

void
serve_acked(struct firsthop *fh, struct client *c, size_t member)
{
    struct takeover_actions acts = { .n = 0 };

    takeover_acked(&c->takeover, member, fh_now_ms(fh),
                   serve_ready_members(c->segment), &acts);
    serve_act(fh, c, &acts);
}

/* The flows were refused: it is as if the winner had not been named.  Whoever
 * served until now goes on. */
static void
take_back(struct firsthop *fh, struct client *c)
{
    c->unreported = false;
    c->takeover.winner = c->moved_from;
    serve_set_active(fh, c, c->moved_from);
    if (c->moved_from == ELECT_NONE && !c->former) {
        set_state(fh, c, CLIENT_PENDING);
    }
}

void
serve_installed(void *fh_, struct client *c, struct router *router,
                bool ok)
{
    struct firsthop *fh = fh_;
    struct takeover_actions acts = { .n = 0 };

    firsthop_read_clock(fh);
    if (c->takeover.winner == ELECT_NONE
        || member_router(c, c->takeover.winner) != router) {
        return;
    }
    if (!ok) {
        c->reaches[c->takeover.winner].flow_port = 0;
    }
    takeover_installed(&c->takeover, ok, fh_now_ms(fh), &acts);
    serve_act(fh, c, &acts);
    if (!ok) {
        take_back(fh, c);
    }
}

/* Ends the takeover that was under way: its flows name the old MAC. */
static void
abandon_takeover(struct client *c)
{
    router_cancel_install(c);
    if (!takeover_is_idle(&c->takeover)) {
        c->takeover.phase = TAKEOVER_IDLE;
        c->takeover_at_ms = 0;
    }
}

void
serve_follow(struct firsthop *fh, struct client *c, struct eth_addr mac)
{
    uint32_t ready = serve_ready_members(c->segment);

    abandon_takeover(c);
    for (size_t i = 0; i < c->n_reaches; i++) {
        struct reach *r = &c->reaches[i];

        if (r->flow_port && ready & UINT32_C(1) << i) {
            check_untrap(c, i);
            router_queue_remove(member_router(c, i), c, i);
            c->takeover.holders &= ~(UINT32_C(1) << i);
        }
        r->flow_port = 0;
    }
    c->mac = mac;
    memset(&c->rival_mac, 0, sizeof c->rival_mac);
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
client_timer(struct wheel_timer *timer, int64_t now_ms, void *fh_)
{
    struct firsthop *fh = fh_;
    struct client *c = (void *) ((char *) timer
                                 - offsetof(struct client, timer));
    struct takeover_actions acts = { .n = 0 };

    if (is_due(&c->discover_at_ms, now_ms)) {
        discovery_timeout(fh, c);
    }
    if (is_due(&c->takeover_at_ms, now_ms)) {
        takeover_timer(&c->takeover, now_ms, serve_ready_members(c->segment),
                       &acts);
        serve_act(fh, c, &acts);
    }
    if (is_due(&c->elect_at_ms, now_ms)) {
        serve_elect(fh, c, CAUSE_NONE);
    }
    if (is_due(&c->trap_at_ms, now_ms)) {
        check_static(c);
    }
    if (withdraw_at_ms(c) && withdraw_at_ms(c) <= now_ms) {
        struct event e = client_event(c, EVENT_CLIENT_WITHDRAWN);

        name_member(e.from, c, c->active);
        c->withdrawn = true;
        withdraw(fh, c);
        firsthop_event(fh, &e);
    }
    if (age_at_ms(c) && age_at_ms(c) <= now_ms) {
        serve_forget(fh, c, !c->guest ? "lost for longer than age_s"
                     : c->state == CLIENT_PENDING ? NULL
                     : "never answered a probe");
        return;
    }
    serve_arm(fh, c);
}
