/* A client's life: it comes to be known, its routers come and go, it is
 * withdrawn and forgotten.  See life.h. */
#include <config.h>

#include "controller/engine/life.h"

#include <stdlib.h>

#include "controller/engine/learned.h"
#include "controller/engine/mark.h"
#include "controller/engine/move.h"
#include "controller/engine/probe.h"
#include "controller/engine/removed.h"
#include "controller/engine/route.h"
#include "controller/engine/serving.h"
#include "controller/engine/stale.h"

/* A deadline of the client has passed. */
static void
timer_fired(struct wheel_timer *timer, int64_t now_ms, void *en)
{
    struct client *c = (void *) ((char *) timer
                                 - offsetof(struct client, timer));

    mark_client(en, c, CLIENT_WANTS_DEADLINES, CAUSE_NONE);
}

struct client *
life_add(struct engine *en, struct segment *segment, struct fh_addr addr,
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
    c->timer.fire = timer_fired;
    segment->n_clients++;
    segment->n_learned += origin == CLIENT_LEARNED;
    for (size_t i = 0; i < c->n_reaches; i++) {
        c->reaches[i].timer.fire = probe_timer_fired;
        c->reaches[i].phase = elect_hash(addr, i);
    }
    for (size_t i = 0; i < c->n_reaches; i++) {
        if (serving_can(c, i)) {
            life_member_ready(en, c, i, false);
        }
    }
    serving_arm(en, c);
    return c;
}

void
life_withdraw(struct engine *en, struct client *c)
{
    struct takeover_actions acts = { .n = 0 };

    stale_take_back_active(c);
    client_cancel_await(c);
    takeover_clear(&c->takeover, serving_ready(c->segment), &acts);
    move_act(en, c, &acts);
    c->takeover_at_ms = 0;
    c->unreported = c->adopted = c->resume = false;
    route_withdraw(en, c);
    serving_set_active(en, c, ELECT_NONE);
    removed_end(en, c);
}

void
life_forget(struct engine *en, struct client *c, const char *why)
{
    struct incident e = serving_event(c, INCIDENT_CLIENT_FORGOTTEN);

    serving_name_member(e.from, c, c->active);
    snprintf(e.detail, sizeof e.detail, "%s", why ? why : "");
    life_withdraw(en, c);
    learned_leave(c);
    for (size_t i = 0; i < c->n_reaches; i++) {
        struct reach *r = &c->reaches[i];

        member_router(c, i)->n_reachable -= reach_is_up(r);
        wheel_cancel(&r->timer);
    }
    wheel_cancel(&c->timer);
    mark_clear(en, c);
    c->segment->n_clients--;
    c->segment->n_learned -= c->origin == CLIENT_LEARNED;
    clients_remove(en->clients, c);
    if (why) {
        engine_report(en, &e);
    }
}

void
life_set_origin(struct client *c, enum client_origin origin)
{
    learned_leave(c);
    c->unanswered = false;
    c->segment->n_learned -= c->origin == CLIENT_LEARNED;
    c->origin = origin;
    c->segment->n_learned += c->origin == CLIENT_LEARNED;
}

void
life_put_out(struct engine *en, struct client *c)
{
    static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(1000, 10);
    char text[FH_ADDR_STRLEN];

    en->stats.displaced++;
    log_warn_rl(&rl, "segment %s: %s, which has never answered a probe, makes "
                "room for another: a limit is reached",
                c->segment->config->name,
                fh_addr_format(c->key.address, text));
    life_forget(en, c, c->state == CLIENT_PENDING ? NULL
                : "never answered a probe, and made room for another");
}

/* Routers come and go. */

void
life_member_ready(struct engine *en, struct client *c, size_t member,
                  bool holds)
{
    struct takeover_actions acts = { .n = 0 };
    struct reach *r = &c->reaches[member];

    if (!c->reinstall && !c->resume) {  /* Or they stay until it is done. */
        takeover_member_back(&c->takeover, member, holds,
                             serving_ready(c->segment), &acts);
        move_act(en, c, &acts);
    }
    if (!wheel_is_armed(&r->timer)) {
        wheel_arm(en->wheel, &r->timer, c->removed_router ? engine_now_ms(en)
                  : reach_next_ms(r, &c->segment->probe, engine_now_ms(en)));
    }
    if (c->active == ELECT_NONE
        && (c->state == CLIENT_ACTIVE || reach_is_up(r)
            || c->reason == ELECT_WAITS)) {     /* Perhaps for this one. */
        if (!c->removed_router || !c->elect_at_ms) {    /* Or in its turn. */
            mark_client(en, c, CLIENT_WANTS_ELECTION, CAUSE_CONFIG);
        }
    } else if (c->active == (int) member && c->reinstall) {
        c->reinstall = false;
        move_begin(en, c, member, c->cause);
        serving_arm(en, c);
    } else {
        move_resume_if_due(en, c);
    }
}

void
life_member_gone(struct engine *en, struct client *c, size_t member,
                 uint32_t unused)
{
    struct takeover_actions acts = { .n = 0 };
    struct reach *r = &c->reaches[member];

    wheel_cancel(&r->timer);
    if (takeover_winner(&c->takeover) == (int) member) {
        client_cancel_await(c);
    }
    c->alive_ms = engine_now_ms(en);
    member_router(c, member)->n_reachable -= reach_lost(r, false);
    takeover_member_gone(&c->takeover, member, &acts);
    move_act(en, c, &acts);
    if (c->active == (int) member || c->active == ELECT_NONE) {
        mark_client(en, c, CLIENT_WANTS_ELECTION, CAUSE_NONE);
    }
}
