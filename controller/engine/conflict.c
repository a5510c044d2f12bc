/* Somebody else speaks for a client.  See conflict.h.
 *
 * Called by input_arp.c with what has been heard, and by settle.c when the
 * client's place has fallen silent.  What follows is claim.h's to say. */
#include <config.h>

#include "controller/engine/conflict.h"

#include "controller/engine/move.h"
#include "controller/engine/probe.h"
#include "controller/engine/serving.h"

/* A router that has just come back has no verdict yet on whom it served. */
static bool
awaits_verdict(const struct client *c, size_t member)
{
    return (c->active != ELECT_NONE && serving_can(c, member)
            && c->reaches[member].state == REACH_UNKNOWN);
}

static struct claim_place
place_of(const struct client *c)
{
    struct claim_place place = {
        .mac = c->mac, .fixed = c->mac_fixed, .is_sought = c->discovering,
    };

    for (size_t i = 0; i < c->n_reaches; i++) {
        place.is_up = place.is_up || reach_is_up(&c->reaches[i]);
        place.may_answer = place.may_answer || awaits_verdict(c, i);
    }
    place.may_answer = place.may_answer || place.is_up;
    return place;
}

static struct incident
client_event(const struct client *c, enum incident_type type,
             struct eth_addr mac, const char *what)
{
    struct incident e = incident_init(type);
    char text[FH_MAC_STRLEN];

    e.client = c->key.address;
    snprintf(e.segment, sizeof e.segment, "%s", c->segment->config->name);
    snprintf(e.detail, sizeof e.detail, "%s%s", fh_mac_format(mac, text),
             what);
    return e;
}

static void
report_conflict(struct engine *en, struct client *c,
                const struct claim_verdict *v)
{
    struct incident e = client_event(c, INCIDENT_CLIENT_CONFLICT, v->mac,
                                     fh_mac_equal(v->mac, c->mac)
                                     ? " is at another port too"
                                     : " claims it");

    en->stats.conflicts++;
    if (!v->quiet) {
        engine_report(en, &e);
    }
}

static void
report_moved(struct engine *en, struct client *c, struct eth_addr mac)
{
    struct incident e = client_event(c, INCIDENT_CLIENT_FOLLOWED, mac, "");

    if (c->active != ELECT_NONE) {      /* Else nothing is known to have
                                         * been anywhere before. */
        snprintf(e.to, sizeof e.to, "%s",
                 c->segment->members[c->active].router->config->name);
        engine_report(en, &e);
    }
}

/* Asks the place now, so that a true move shows at once.  Whoever has changed
 * its port of one router is asked by that one only. */
static void
ask_place(struct engine *en, struct client *c)
{
    const struct claim_place place = place_of(c);

    for (size_t i = 0; i < c->n_reaches; i++) {
        struct reach *r = &c->reaches[i];

        if (claim_is_about(&c->claim, &place, i) && !r->outstanding
            && (reach_is_up(r) || awaits_verdict(c, i))) {
            probe_now(en, c, i);
        }
    }
}

void
conflict_ask_all(struct engine *en, struct client *c)
{
    static const struct eth_addr unknown = { .ea = { 0 } };

    move_follow(en, c, unknown);
    for (size_t i = 0; i < c->n_reaches; i++) {
        if (serving_can(c, i)) {
            probe_now(en, c, i);
        }
    }
}

bool
conflict_claims(struct engine *en, struct client *c, size_t member,
                struct eth_addr mac, uint32_t port)
{
    const struct claim_place place = place_of(c);
    struct claim_verdict v = claim_made(&c->claim, &place, member, mac, port,
                                        engine_now_ms(en));

    if (v.frame != CLAIM_ACCEPTED) {
        engine_drop(en, v.frame == CLAIM_REFUSED_FIXED ? DROP_MAC_CONFLICT
                    : DROP_RIVAL);
    }
    if (v.conflict) {
        report_conflict(en, c, &v);
    }
    if (v.ask_place) {
        ask_place(en, c);
    }
    if (v.ask_all) {
        conflict_ask_all(en, c);
    } else if (v.follow) {
        move_follow(en, c, v.mac);
    }
    if (v.moved) {
        report_moved(en, c, v.mac);
    }
    return v.frame == CLAIM_ACCEPTED;
}

void
conflict_answers(struct engine *en, struct client *c, struct eth_addr mac)
{
    const struct claim_place place = place_of(c);
    struct claim_verdict v = claim_answered(&c->claim, &place, mac,
                                            engine_now_ms(en));

    engine_drop(en, v.frame == CLAIM_REFUSED_FIXED ? DROP_MAC_CONFLICT
                : DROP_RIVAL);
    if (v.conflict) {
        report_conflict(en, c, &v);
    }
}

void
conflict_place_answered(struct engine *en, struct client *c, size_t member,
                        struct eth_addr mac)
{
    if (!claim_is_none(&c->claim)) {
        const struct claim_place place = place_of(c);
        struct claim_verdict v = claim_place_answered(
            &c->claim, &place, member, mac, engine_now_ms(en));

        if (v.conflict) {
            report_conflict(en, c, &v);
        }
        if (v.moved) {
            report_moved(en, c, mac);
        }
    }
    if (fh_mac_is_zero(c->mac)) {
        client_set_mac(c, mac);
    }
}

int64_t
conflict_next_ms(const struct engine *en, const struct client *c,
                 int64_t next_ms)
{
    const struct claim_place place = place_of(c);

    return claim_next_ms(&c->claim, &place, next_ms, engine_now_ms(en));
}

bool
conflict_place_silent(struct engine *en, struct client *c, size_t member)
{
    const struct claim_place place = place_of(c);
    struct claim_verdict v = claim_place_silent(&c->claim, &place, member,
                                                engine_now_ms(en));

    if (v.ask_member) {
        probe_now(en, c, member);       /* By every port. */
    }
    return v.ask_all;
}
