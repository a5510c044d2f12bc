/* Who reaches whom: probes go out, and what they tell comes in.
 *
 * Runs reach.h for one client on one router and hands its verdicts to the
 * election.  Called by the wheel, by input_arp.c when somebody has answered,
 * and by whoever wants to know at once. */
#include <config.h>

#include "controller/engine/probe.h"

#include "controller/engine/learned.h"
#include "controller/engine/mark.h"
#include "controller/engine/path.h"
#include "controller/engine/router_send.h"
#include "flows/flow_base.h"

/* Late probes on one port, within so many ms of each other, that make all
 * clients behind it suspect; on a port with few clients the first will do. */
#define LATE_MANY      3
#define LATE_WINDOW_MS 50
#define LATE_FEW       64
/* All behind it are then probed, so many a millisecond, and not again for a
 * while.  A busy bridge hands up 40 answers a millisecond: those that come
 * later than that are late themselves. */
#define SUSPECT_PER_MS   40
#define SUSPECT_PAUSE_MS 200

static void
send_probe(struct engine *en, struct client *c, size_t member)
{
    struct router *router = member_router(c, member);

    if (c->quiet_until_ms > engine_now_ms(en)
        || !learned_may_ask(c, &c->reaches[member], engine_now_ms(en))) {
        return;
    }
    if (!c->reaches[member].outstanding && !router_has_probe_budget(router)) {
        router->counters.probes_postponed++;    /* To the next timeout. */
        return;
    }
    router_queue_probe(router, c, member, en->now_us);
}

/* When the client may be asked, where its port has many answers to hand up
 * first; 0: now. */
static int64_t
wait_until_ms(const struct engine *en, const struct client *c, size_t member)
{
    const struct router *router = member_router(c, member);
    struct router_port *port
        = router_access_port(router, c->reaches[member].port);
    int64_t now_ms;

    if (!port || window_has_room(&port->window)) {
        return 0;
    }
    now_ms = engine_now_ms(en);
    return (window_is_open(&port->window, router_asked_us(router), now_ms) ? 0
            : window_retry_ms(&port->window, now_ms));
}

static int64_t
full_ms(const struct router *router, uint32_t number)
{
    const struct router_port *port = router_access_port(router, number);

    return port ? port->window.full_ms : 0;
}

void
probe_now(struct engine *en, struct client *c, size_t member)
{
    struct reach *r = &c->reaches[member];

    send_probe(en, c, member);
    wheel_arm(en->wheel, &r->timer,
              reach_look_ms(r, &c->segment->probe, engine_now_ms(en)));
}

void
probe_afresh(struct engine *en, struct client *c, size_t member)
{
    c->reaches[member].outstanding = false;
    probe_now(en, c, member);
}

/* Has the client's next probe on a router sent now, if it is not on its way:
 * so many of them a millisecond. */
static void
bring_forward(struct engine *en, struct reach *r, size_t *n)
{
    int64_t at_ms = engine_now_ms(en) + *n / SUSPECT_PER_MS;

    if (!r->outstanding && wheel_is_armed(&r->timer)
        && wheel_due_ms(&r->timer) > at_ms) {
        wheel_arm(en->wheel, &r->timer, at_ms);
        (*n)++;
    }
}

/* Several clients of one port are late: the port may be cut off.  Probe all
 * behind it now, so that each can be judged by its own probes. */
static void
suspect_port(struct engine *en, struct router *router,
             struct router_port *port)
{
    size_t n = 0;

    port->swept_ms = engine_now_ms(en);
    for (size_t i = 0; i < clients_count(en->clients); i++) {
        struct client *c = clients_at(en->clients, i);

        for (size_t j = 0; j < c->n_reaches; j++) {
            struct reach *r = &c->reaches[j];

            if (member_router(c, j) == router && r->port == port->number
                && r->state == REACH_UP) {
                bring_forward(en, r, &n);
            }
        }
    }
}

/* Until a port may be suspected again.  Whoever answers his probes late, on
 * purpose, must not have many others probed all the time: that fills the meter
 * of their replies, which has room for two of each in the interval. */
static int64_t
suspect_pause_ms(const struct router *router, const struct client *c)
{
    int64_t interval_ms = c->segment->probe.interval_ms;

    return (router->n_reachable <= LATE_FEW || interval_ms < SUSPECT_PAUSE_MS
            ? SUSPECT_PAUSE_MS : interval_ms);
}

static void
note_late(struct engine *en, struct client *c, size_t member)
{
    struct router *router = member_router(c, member);
    struct router_port *port
        = router_access_port(router, c->reaches[member].port);
    int64_t now_ms = engine_now_ms(en);

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
        && now_ms - port->swept_ms >= suspect_pause_ms(router, c)) {
        suspect_port(en, router, port);
    }
}

/* The active router's probe is late.  If it is the client that is gone, the
 * others must know by the time that an election would move it there: all who
 * have not heard it since that probe left. */
static void
ask_the_others(struct engine *en, struct client *c, size_t member)
{
    int64_t since_ms = c->reaches[member].sent_us / 1000;

    for (size_t i = 0; i < c->n_reaches; i++) {
        struct reach *r = &c->reaches[i];
        int64_t at_ms;

        if (i == member || !reach_is_up(r) || r->outstanding
            || r->last_reply_ms > since_ms || !member_router(c, i)->ready) {
            continue;
        }
        at_ms = wait_until_ms(en, c, i);
        if (!at_ms) {
            probe_now(en, c, i);
        } else if (wheel_due_ms(&r->timer) > at_ms) {
            wheel_arm(en->wheel, &r->timer, at_ms);
        }
    }
}

void
probe_trial(struct engine *en, struct client *c)
{
    if (!c->reaches[c->trial_member].outstanding) {
        probe_now(en, c, c->trial_member);
        probe_now(en, c, c->active);
    }
}

void
probe_answered(struct engine *en, struct client *c, size_t member)
{
    if (c->trial_member != (int) member || !c->trial_left) {
        return;
    }
    c->trial_left--;
    if (c->trial_left) {
        probe_trial(en, c);
    } else {
        mark_client(en, c, CLIENT_WANTS_ELECTION, CAUSE_UNREACHABLE);
    }
}

void
probe_reach_event(struct engine *en, struct client *c, size_t member,
                  enum reach_event event, enum incident_cause cause)
{
    struct router *router = member_router(c, member);

    switch (event) {
    case REACH_NOTHING:
        if (c->reason == ELECT_LATE) {
            mark_client(en, c, CLIENT_WANTS_ELECTION, CAUSE_NONE);
        }
        break;
    case REACH_LATE:
        if (!c->unanswered) {       /* Or it tells nothing of the port. */
            note_late(en, c, member);
        }
        if (c->active == (int) member) {
            ask_the_others(en, c, member);
        }
        break;
    case REACH_WENT_UP:
        router->n_reachable++;
        mark_client(en, c, CLIENT_WANTS_CHOICE, CAUSE_NONE);
        break;
    case REACH_WENT_DOWN:
        router->n_reachable -= cause != CAUSE_FIRST;
        if (c->alive_ms < c->reaches[member].last_reply_ms) {
            c->alive_ms = c->reaches[member].last_reply_ms;
        }
        if (c->active == (int) member) {
            learned_set_unverified(c);  /* If it was adopted. */
        }
        if (c->active == (int) member || c->reason == ELECT_LATE) {
            mark_client(en, c, CLIENT_WANTS_ELECTION, cause);
        }
        mark_silent(en, c, member);
        break;
    }
}

/* A flood keeps the client's answers from the router.  If it goes on, another
 * may be heard better. */
static void
note_inconclusive(struct engine *en, struct client *c, const struct reach *r)
{
    member_router(c, r->index)->counters.probes_inconclusive++;
    if (c->active == r->index && !reach_is_heard(r)) {
        if (c->alive_ms < r->last_reply_ms) {
            c->alive_ms = r->last_reply_ms;
        }
        mark_client(en, c, CLIENT_WANTS_ELECTION, CAUSE_NONE);
    }
}

/* What was asked while the window was full is asked again once it is not:
 * answers that nobody waits for would fill it for good. */
static void
repeat_probe(struct engine *en, struct client *c, struct reach *r)
{
    int64_t wait_ms = wait_until_ms(en, c, r->index);

    if (wait_ms) {
        wheel_arm(en->wheel, &r->timer, wait_ms);
    } else {
        probe_now(en, c, r->index);
    }
}

void
probe_timer_fired(struct wheel_timer *timer, int64_t now_ms, void *en_)
{
    struct engine *en = en_;
    struct reach *r = (void *) ((char *) timer
                                - offsetof(struct reach, timer));
    struct client *c = client_of_reach(r);
    struct router *router = member_router(c, r->index);
    bool was_up = reach_is_up(r);
    uint32_t n_missed = r->missed;
    int64_t wait_ms = (was_up && !r->outstanding
                       ? wait_until_ms(en, c, r->index) : 0);
    struct reach_bridge bridge = (r->outstanding
                                  ? router_evidence(router, r->port)
                                  : (struct reach_bridge) { 0 });
    struct reach_verdict v;

    if (wait_ms) {
        wheel_arm(en->wheel, timer, wait_ms);
        return;
    }
    bridge.full_ms = full_ms(router, r->port);
    v = reach_timer(r, &c->segment->probe, &bridge, now_ms);

    router->counters.probes_missed += r->missed - n_missed;
    if (v.look) {
        reach_look_sent(r, router_read_drops(router, r->port));
    }
    if (v.repeat) {
        repeat_probe(en, c, r);
        return;
    }
    wheel_arm(en->wheel, &r->timer, v.next_ms);
    if (v.probe) {
        send_probe(en, c, r->index);
    }
    if (v.probe && c->trial_left && c->trial_member == r->index) {
        probe_now(en, c, c->active);
    }
    if (v.inconclusive) {
        note_inconclusive(en, c, r);
    }
    /* CAUSE_FIRST: it had never been up, there is nothing to count down. */
    probe_reach_event(en, c, r->index, v.event,
                      was_up ? CAUSE_UNREACHABLE : CAUSE_FIRST);
}

void
probe_port_down(struct engine *en, struct client *c, size_t member,
                uint32_t port)
{
    struct reach *r = &c->reaches[member];

    if (r->port != port || !reach_lost(r, true)) {
        return;
    }
    /* It may be behind another port by now. */
    wheel_arm(en->wheel, &r->timer, engine_now_ms(en));
    c->alive_ms = engine_now_ms(en);
    member_router(c, member)->n_reachable--;
    if (c->active == (int) member) {
        mark_client(en, c, CLIENT_WANTS_ELECTION, CAUSE_PORT_DOWN);
    }
}

/* A path between two routers is late, or lost. */

static void
suspect_client(struct engine *en, struct client *c, size_t *n)
{
    const struct segment *segment = c->segment;

    for (size_t i = 0; i < c->n_reaches; i++) {
        uint32_t bit = UINT32_C(1) << i;
        struct reach *r = &c->reaches[i];

        bool few = member_router(c, i)->n_reachable <= LATE_FEW;

        /* The answers of many take longer, for being many. */
        if (segment->pressed & bit && few && c->active == (int) i
            && reach_press(r)) {
            wheel_arm(en->wheel, &r->timer, engine_now_ms(en));
        } else if (segment->suspects & bit && r->state != REACH_DOWN
                   && (segment->pressed & bit || few)) {
            bring_forward(en, r, n);
        }
    }
}

void
probe_suspects(struct engine *en)
{
    size_t n = 0;

    en->suspects = false;
    for (size_t i = 0; i < clients_count(en->clients); i++) {
        suspect_client(en, clients_at(en->clients, i), &n);
    }
    for (size_t i = 0; i < en->n_segments; i++) {
        en->segments[i]->suspects = en->segments[i]->pressed = 0;
    }
}

/* Beacons. */

/* By the port where the other router answers, or by every access port. */
static void
send_beacon(struct engine *en, struct path_end *end)
{
    struct router *router = end->router;
    struct eth_addr dst = path_mac(path_far_end(end));
    struct beacon *b = &end->beacon;
    struct fh_vlan vlan;
    struct arp arp;

    beacon_sent(b, path_number(en, end), router_cover(router), en->now_us);
    router->counters.beacons++;
    path_ask(end, &arp, &vlan);
    for (size_t i = 0; i < router->config->n_access_ports; i++) {
        uint32_t port = router->ports[i].number;

        if (!end->path->core && port && (!b->port || b->port == port)) {
            router_queue_arp(router, port, dst, &vlan, &arp);
        }
    }
    if (end->path->core && end->uplink->view.port) {
        router_queue_arp(router, end->uplink->view.port, dst,
                         &vlan, &arp);
    }
}

/* What is known of the bridge, for a verdict about a beacon of that end. */
static struct reach_bridge
beacon_evidence(const struct path_end *end)
{
    const struct router *router = end->router;
    struct reach_bridge bridge = router_evidence(router, UINT32_MAX);
    const struct drops *drops;
    uint32_t port, meter;
    uint32_t its = end->path->core ? end->uplink->view.port : end->beacon.port;

    for (size_t i = 0; (drops = router_drops(router, i, &port, &meter)); i++) {
        if ((!its || port == its) && meter == FLOW_METER_BEACONS(port)
            && drops->grown_us > bridge.dropped_us) {
            bridge.dropped_us = drops->grown_us;
        }
    }
    bridge.full_ms = end->path->core ? 0 : full_ms(router, its);
    return bridge;
}

static void
see_to_beacon(struct engine *en, struct path_end *end)
{
    int64_t now_ms = engine_now_ms(en);
    struct beacon *b = &end->beacon;
    uint32_t n_missed = b->missed;
    struct reach_bridge bridge;
    struct beacon_verdict v;

    if (!end->router->ready) {
        path_forget(en, end);
        wheel_arm(en->wheel, &b->timer,
                  beacon_next_ms(b, &end->params, now_ms));
        return;
    }
    bridge = beacon_evidence(end);
    end->params.stall_ms = stall_ms(&en->stall, now_ms);
    v = beacon_timer(b, &end->params, &bridge, now_ms);
    end->router->counters.beacons_missed += b->missed - n_missed;
    if (v.look) {
        beacon_looked(b, router_read_drops(end->router,
                                           end->path->core
                                           ? end->uplink->view.port
                                           : b->port));
    }
    if (v.ask) {
        send_beacon(en, end);
    }
    wheel_arm(en->wheel, &b->timer, v.next_ms);
    path_note(en, end, v.event);
}

void
probe_beacons(struct engine *en)
{
    struct path_end *end;

    while ((end = path_take_due(en))) {
        see_to_beacon(en, end);
    }
}
