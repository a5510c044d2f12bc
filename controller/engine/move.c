/* A client moves: carries out, action by action, what takeover.h says.
 *
 * Called by settle.c, which has elected, and by whoever brings the news that a
 * step is done: the bridge (move_installed), the core (move_told), the client
 * (move_acked). */
#include <config.h>

#include "controller/engine/move.h"

#include "controller/engine/lease.h"
#include "controller/engine/lease_ack.h"
#include "controller/engine/removed.h"
#include "controller/engine/route.h"
#include "controller/engine/router_send.h"
#include "controller/engine/serving.h"
#include "controller/engine/stale.h"

/* From an acknowledgement to the question whether the client heeds it: longer
 * than Linux's locktime of 1 s, with the notice that follows it. */
#define STALE_AFTER_MS 2500

/* More notices than these within so long are many. */
#define NOTICES_FEW 64
#define NOTICES_WINDOW_MS 100

static void report(struct engine *, struct client *);

/* A takeover that was cut short longer ago than this, in tenths of a second,
 * is not finished: by then the client and the core have asked by
 * themselves. */
#define RECENT 300

/* Decisions are numbered in tenths of a second since 2026, and rise for one
 * client whatever the clock does; of several controllers the one that leads
 * has its clock ahead of those that have led before. */
static uint32_t
decision_by_clock(const struct engine *en)
{
    return ((engine_now_ms(en) + en->unix_off_ms + en->decisions_off_ms)
            - INT64_C(1767225600000)) / 100;
}

static uint32_t
next_decision(const struct engine *en, const struct client *c)
{
    uint32_t by_clock = decision_by_clock(en);

    return ((int32_t) (by_clock - c->decision) > 0 ? by_clock
            : c->decision + 1);
}

bool
move_is_recent(const struct engine *en, uint32_t decision)
{
    return (int32_t) (decision_by_clock(en) - decision) < RECENT;
}

/* Does the router that the client moves from forward until it is told
 * otherwise? */
static bool
previous_forwards(const struct client *c)
{
    return (c->moved_from != ELECT_NONE
            ? member_router(c, c->moved_from)->ready
            : c->removed_router != NULL);
}

/* And does the client still reach it, as far as is known? */
static bool
is_planned(const struct client *c, enum incident_cause cause)
{
    return (previous_forwards(c)
            && (cause == CAUSE_MANUAL || cause == CAUSE_DRAIN
                || cause == CAUSE_PREEMPT || cause == CAUSE_CONFIG));
}

void
move_begin(struct engine *en, struct client *c, int winner,
           enum incident_cause cause)
{
    struct takeover_actions acts = { .n = 0 };
    int64_t now_ms = engine_now_ms(en);

    if (c->unreported && takeover_is_installed(&c->takeover)) {
        report(en, c);          /* The core has been told: it was a move. */
    }
    if (!c->unreported) {
        c->moved_from = c->active;
        c->unreported = true;
        c->told = false;
    }
    stale_take_back_active(c);
    c->cause = cause;
    c->decision = next_decision(en, c);
    c->withdrawn = false;
    c->is_static = false;
    c->takeover_at_ms = 0;
    if (cause == CAUSE_FIRST || cause == CAUSE_MANUAL || cause == CAUSE_DRAIN
        || cause == CAUSE_PREEMPT || cause == CAUSE_CONFIG
        || c->reason == ELECT_UPLINK) {
        c->alive_ms = now_ms;
    }
    c->detect_ms = now_ms - c->alive_ms;
    serving_set_active(en, c, winner);
    serving_set_state(en, c, CLIENT_ACTIVE);
    c->since_ms = now_ms + en->unix_off_ms;
    c->adopted = c->resume = false;
    takeover_begin(&c->takeover, winner, is_planned(c, cause), now_ms, &acts);
    move_act(en, c, &acts);
}

void
move_resume(struct engine *en, struct client *c)
{
    struct takeover_actions acts = { .n = 0 };

    if (!c->unreported) {
        c->moved_from = c->active;      /* So that it is no move. */
        c->unreported = true;
        c->told = false;
    }
    c->takeover_at_ms = 0;
    c->adopted = c->resume = false;
    takeover_resume(&c->takeover, c->active, engine_now_ms(en), &acts);
    move_act(en, c, &acts);
}

/* A newer decision may be on a bridge that is still expected, unless another
 * than the active router's has been found to hold the client: between those
 * the takeover was. */
static bool
knows_all_holders(const struct client *c)
{
    for (size_t i = 0; i < c->n_reaches; i++) {
        if (member_router(c, i)->expected) {
            return takeover_holds_several(&c->takeover);
        }
    }
    return true;
}

void
move_resume_if_due(struct engine *en, struct client *c)
{
    if (c->resume && !c->reinstall && c->active != ELECT_NONE
        && serving_can(c, c->active) && takeover_is_idle(&c->takeover)
        && takeover_holds(&c->takeover, c->active) && knows_all_holders(c)) {
        move_resume(en, c);
        serving_arm(en, c);
    }
}

void
move_answer_asked(struct engine *en, struct client *c)
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
    router_queue_arp(router, c->reaches[c->active].port, c->mac,
                     &c->vlan, &reply);
    en->stats.arp_answers++;
    client_note_answered(c, c->asked, engine_now_ms(en));
    c->asked.ip4 = 0;
}

/* Do so many move to the router at a time that only those who do not
 * acknowledge the first form of their notice are to have the second, with its
 * repetition?  That is half as many frames for its bridge, and the last of them
 * has moved a quarter sooner. */
static bool
are_many(struct router *router, int64_t now_ms)
{
    if (now_ms - router->notices_ms > NOTICES_WINDOW_MS) {
        router->notices_ms = now_ms;
        router->n_notices = 0;
    }
    return ++router->n_notices > NOTICES_FEW;
}

static void
send_notices(struct engine *en, struct client *c)
{
    struct fh_addr gateway = c->segment->config->gateway;
    struct router *router = member_router(c, c->active);
    uint32_t now_s = engine_now_ms(en) / 1000;
    bool unsolicited = (c->takeover.n_notices > 1
                        || !are_many(router, engine_now_ms(en)));

    lease_ack_send(c);
    move_answer_asked(en, c);
    router_queue_notice(router, c, c->active, gateway, unsolicited);
    router_expect_answer(router, c->reaches[c->active].port,
                         engine_now_ms(en));
    for (size_t i = 0; i < c->n_answered; i++) {
        const struct client_answered *a = &c->answered[i];

        if (now_s - a->at_s <= CLIENT_ANSWERED_S
            && !fh_addr_equal(a->address, gateway)) {
            router_queue_notice(router, c, c->active, a->address,
                                unsolicited);
        }
    }
}

/* Tells of the election or the move. */
static void
tell(struct engine *en, struct client *c)
{
    bool moved = c->moved_from != ELECT_NONE || c->removed_router;
    struct incident e = serving_event(c, moved ? INCIDENT_CLIENT_MOVED
                                 : INCIDENT_CLIENT_ELECTED);
    const struct takeover *t = &c->takeover;

    e.cause = c->cause;
    serving_name_forwarder(e.from, c, c->moved_from);
    serving_name_member(e.to, c, c->active);
    e.detect_ms = c->detect_ms;
    e.install_ms = takeover_install_ms(t);
    e.ack_ms = takeover_ack_ms(t, engine_now_ms(en));
    if (moved) {
        c->moves++;
        en->stats.moves[c->cause]++;
        histogram_add(&en->stats.detect, e.detect_ms);
        histogram_add(&en->stats.install, e.install_ms);
        if (takeover_is_acked(t)) {
            histogram_add(&en->stats.ack, e.ack_ms);
        }
    }
    engine_report(en, &e);
    client_note_move(c, &e);
    if (c->lost_untold) {
        serving_report_lost(en, c);
    }
}

/* It is over: tells of it, unless that has been done. */
static void
report(struct engine *en, struct client *c)
{
    bool told = c->told || c->moved_from == c->active;  /* Or where it was. */

    c->unreported = false;
    c->told = false;
    if (!told) {
        tell(en, c);
    }
    c->moved_from = ELECT_NONE;
}

void
move_report_if_installed(struct engine *en, struct client *c)
{
    if (c->unreported && !c->told && c->moved_from != c->active
        && takeover_is_installed(&c->takeover)) {
        c->told = true;
        tell(en, c);
    }
}

/* An acknowledgement may come from a client whose entry cannot be changed:
 * find out, once the last notice that it may have waited for is over. */
static void
arm_stale(struct engine *en, struct client *c)
{
    if (takeover_is_acked(&c->takeover) && c->moved_from != ELECT_NONE
        && c->moved_from != c->active) {
        c->stale_member = c->moved_from;
        c->stale_at_ms = engine_now_ms(en) + STALE_AFTER_MS;
        serving_arm(en, c);
    }
}

static void
act_one(struct engine *en, struct client *c,
        const struct takeover_action *a)
{
    switch (a->type) {
    case TAKEOVER_INSTALL:
        router_queue_install(member_router(c, a->member), c, a->member,
                             takeover_is_planned(&c->takeover));
        break;
    case TAKEOVER_CONFIRM:
        router_queue_confirm(member_router(c, a->member), c, a->member);
        break;
    case TAKEOVER_SILENCE:
        if (member_router(c, a->member)->ready) {
            router_queue_silence(member_router(c, a->member), c, a->member);
        }
        break;
    case TAKEOVER_VOICE:
        router_queue_voice(member_router(c, a->member), c, a->member);
        break;
    case TAKEOVER_TELL_CORE:
        if (route_announce(en, c, UPSTREAM_MOVED)) {
            move_told(en, c);
        }
        break;
    case TAKEOVER_REPEAT_CORE:
        route_announce(en, c, UPSTREAM_REPEATED);
        break;
    case TAKEOVER_SEND_NOTICE:
        if (!c->unanswered || c->takeover.n_notices <= 1) {
            send_notices(en, c);
        }
        break;
    case TAKEOVER_ARM:
        c->takeover_at_ms = a->at_ms;
        serving_arm(en, c);
        break;
    case TAKEOVER_REMOVE:
        router_queue_remove(member_router(c, a->member), c, a->member);
        break;
    case TAKEOVER_DONE:
        c->takeover_at_ms = 0;
        arm_stale(en, c);
        report(en, c);
        break;
    case TAKEOVER_RELEASE:
        removed_end(en, c);
        break;
    case TAKEOVER_ELECT:
        /* In a moment: a bridge that refuses must not be asked at once. */
        c->elect_at_ms = (engine_now_ms(en)
                          + (member_router(c, a->member)->ready ? 1000 : 1));
        serving_arm(en, c);
        break;
    }
}

void
move_act(struct engine *en, struct client *c,
         struct takeover_actions *acts)
{
    for (size_t i = 0; i < acts->n; i++) {
        act_one(en, c, &acts->items[i]);
    }
}

bool
move_waits(struct engine *en, struct client *c)
{
    int64_t now_ms = engine_now_ms(en);
    const struct router *router;
    struct router_port *port;

    if (!c->takeover_at_ms || c->takeover_at_ms > now_ms
        || c->active == ELECT_NONE
        || !takeover_awaits_ack(&c->takeover, c->active)) {
        return false;
    }
    router = member_router(c, c->active);
    port = router_access_port(router, c->reaches[c->active].port);
    if (!port || !window_is_full(&port->window, router_asked_us(router),
                                 now_ms)) {
        return false;
    }
    c->takeover_at_ms = window_retry_ms(&port->window, now_ms);
    return true;
}

/* How long the flows on the previous router stay, if it is there. */
static uint16_t
linger_ms(const struct engine *en, const struct client *c)
{
    return previous_forwards(c) ? route_settle_ms(en, c) : 0;
}

void
move_told(struct engine *en, struct client *c)
{
    struct takeover_actions acts = { .n = 0 };

    takeover_told(&c->takeover, linger_ms(en, c), engine_now_ms(en),
                  serving_ready(c->segment), &acts);
    move_act(en, c, &acts);
}

void
move_acked(struct engine *en, struct client *c, size_t member)
{
    struct takeover_actions acts = { .n = 0 };

    takeover_acked(&c->takeover, member, engine_now_ms(en),
                   serving_ready(c->segment), &acts);
    move_act(en, c, &acts);
}

/* Who served the client before the winner, or was about to: ELECT_NONE where
 * nobody was. */
static int
who_was_before(const struct client *c)
{
    int winner = takeover_winner(&c->takeover);

    for (int i = 0; c->moved_from == ELECT_NONE && i < c->n_reaches; i++) {
        if (i != winner && c->holdings[i].port
            && takeover_holds(&c->takeover, i) && serving_can(c, i)) {
            return i;
        }
    }
    return c->moved_from;
}

/* The flows were refused: it is as if the winner had not been named.  Whoever
 * served until now goes on, and says so: a takeover before this one may have
 * got as far as the core, or the client. */
static void
take_back(struct engine *en, struct client *c)
{
    bool at_home = takeover_winner(&c->takeover) == c->moved_from;
    int before = who_was_before(c);

    /* One that was only about to serve has not been reported. */
    c->unreported = before != c->moved_from;
    takeover_put_back(&c->takeover, before);
    serving_set_active(en, c, before);
    if (before != ELECT_NONE) {
        c->resume = true;
        if (!at_home) {                 /* Else once it has been read again. */
            move_resume_if_due(en, c);
        }
    } else if (!c->removed_router) {
        serving_set_state(en, c, CLIENT_PENDING);
    }
    lease_ack_send(c);
}

void
move_installed(struct engine *en, struct client *c, struct router *router,
               bool ok)
{
    struct takeover_actions acts = { .n = 0 };
    int winner = takeover_winner(&c->takeover);

    if (winner == ELECT_NONE || member_router(c, winner) != router) {
        return;
    }
    if (!ok) {
        client_forget_holding(c, winner);
    }
    ok = c->holdings[winner].port != 0; /* Its port may not have been there. */
    takeover_installed(&c->takeover, ok, engine_now_ms(en), &acts);
    move_act(en, c, &acts);
    if (!ok) {
        take_back(en, c);
    }
}

/* Ends the takeover that was under way: its flows name the old MAC. */
static void
abandon_takeover(struct client *c)
{
    client_cancel_await(c);
    if (!takeover_is_idle(&c->takeover)) {
        takeover_abandon(&c->takeover);
        c->takeover_at_ms = 0;
    }
}

void
move_follow(struct engine *en, struct client *c, struct eth_addr mac)
{
    uint32_t ready = serving_ready(c->segment);

    abandon_takeover(c);
    for (size_t i = 0; i < c->n_reaches; i++) {
        if (c->holdings[i].port && ready & UINT32_C(1) << i) {
            stale_take_back(c, i);
            router_queue_remove(member_router(c, i), c, i);
            takeover_found(&c->takeover, i, false);
        }
        client_forget_holding(c, i);
    }
    client_set_mac(c, mac);
}
