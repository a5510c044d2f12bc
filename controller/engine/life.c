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

uint32_t
life_last_decision(const struct client *c)
{
    return c->decision ? c->decision : c->former_decision;
}

void
life_succeed(struct client *c, uint32_t last_decision)
{
    c->former_decision = last_decision;
    c->decision = last_decision;        /* Its own are later. */
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

/* Coming to be known. */

static struct client *
add(struct engine *en, const struct sighting *s)
{
    struct segment *segment = s->segment;
    struct client_key key = { s->address, segment->id };
    struct client *c = clients_add(en->clients, segment, key,
                                   segment->n_members);
    int64_t now_ms = engine_now_ms(en);

    c->origin = s->origin;
    client_set_mac(c, s->mac);
    c->vlan = s->vlan ? *s->vlan : segment->config->vlan;
    c->since_ms = now_ms + en->unix_off_ms;
    c->lost_ms = now_ms;
    c->timer.fire = timer_fired;
    segment->n_clients++;
    segment->n_learned += s->origin == CLIENT_LEARNED;
    for (size_t i = 0; i < c->n_reaches; i++) {
        c->reaches[i].timer.fire = probe_timer_fired;
        c->reaches[i].phase = elect_hash(s->address, i);
    }
    for (size_t i = 0; i < c->n_reaches; i++) {
        if (serving_can(c, i)) {
            life_member_ready(en, c, i, false);
        }
    }
    serving_arm(en, c);
    return c;
}

/* It has never answered, and makes room for another. */
static void
put_out(struct engine *en, struct client *c)
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

/* A host that speaks by itself comes to be known where whoever speaks may, and
 * where there is room. */
static bool
may_be_learned(struct engine *en, const struct sighting *s,
               struct client *victims[2])
{
    static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(1000, 10);
    const struct router *router = s->segment->members[s->member].router;
    char text[FH_ADDR_STRLEN];

    if (s->segment->config->learn != LEARN_ALL) {
        engine_drop(en, DROP_UNLISTED);
        return false;
    }
    if (learned_make_room(s->segment, router_access_port(router, s->port),
                          victims)) {
        return true;
    }
    engine_drop(en, DROP_LIMIT);
    log_warn_rl(&rl, "segment %s: %s on router %s is not learnt: its limit "
                "is reached", s->segment->config->name,
                fh_addr_format(s->address, text), router->config->name);
    return false;
}

static struct client *
add_asking(struct engine *en, const struct sighting *s)
{
    struct client *victims[2], *c;
    bool at_limit = false;

    if (!may_be_learned(en, s, victims)) {
        return NULL;
    }
    for (size_t i = 0; i < 2; i++) {
        if (victims[i]) {
            at_limit = true;
            put_out(en, victims[i]);
        }
    }
    c = add(en, s);
    learned_enter(c, s->member, s->port);
    learned_set_unverified(c);
    c->verify_first = at_limit || s->how == SIGHTED_TRAFFIC;
    learned_press(c, s->member);
    c->unanswered = c->unanswered || s->how == SIGHTED_TRAFFIC;
    c->reaches[s->member].heard_port = s->port;
    return c;
}

bool
life_may_stay(const struct segment *segment, const struct fh_vlan *vlan)
{
    return segment->config->learn != LEARN_LISTED
           && fh_vlan_equal(&segment->config->vlan, vlan);
}

struct client *
life_sighted(struct engine *en, const struct sighting *s)
{
    struct client *c;

    switch (s->how) {
    case SIGHTED_REQUEST:
    case SIGHTED_TRAFFIC:
        return add_asking(en, s);
    case SIGHTED_LEASE:
        return segment_may_have(s->segment, s->address) ? add(en, s) : NULL;
    case SIGHTED_FLOW:
        if (!segment_may_have(s->segment, s->address)
            || !life_may_stay(s->segment, s->vlan)) {
            return NULL;
        }
        c = add(en, s);
        learned_enter(c, s->member, s->port);
        return c;
    case SIGHTED_BEFORE:
        return (segment_may_have(s->segment, s->address)
                && (s->origin == CLIENT_PROVISIONED
                    || life_may_stay(s->segment, s->vlan))
                ? add(en, s) : NULL);
    case SIGHTED_ENTRY:
        break;                  /* What may not be was refused as a whole. */
    }
    return add(en, s);
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
        wheel_arm(en->wheel, &r->timer, c->removed_router || c->recalled
                  ? engine_now_ms(en)
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
