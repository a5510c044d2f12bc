/* Somebody else speaks for a client: another MAC, or another port.
 *
 * While the old place answers it stays the client's, and the claim is
 * reported.  When it has fallen silent the client is followed, and where
 * several claim it at once none is believed for having asked last: all are
 * asked by broadcast, and who answers has it. */
#include <config.h>

#include "controller/engine/rival.h"

#include "controller/engine/move.h"
#include "controller/engine/probe.h"
#include "controller/engine/serving.h"

#define CONFLICT_PAUSE_MS 10000     /* Between two reports of one client. */
/* Claims make the old place be asked, but not more often than this: a client
 * must not drown in probes because somebody else shouts. */
#define ASK_PAUSE_MS      100
/* A claim that the old place's silence may prove right. */
#define CLAIM_VALID_MS    5000

static bool
is_up_anywhere(const struct client *c)
{
    for (size_t i = 0; i < c->n_reaches; i++) {
        if (reach_is_up(&c->reaches[i])) {
            return true;
        }
    }
    return false;
}

/* A router that has just come back has no verdict yet on whom it served. */
static bool
awaits_verdict(const struct client *c, size_t member)
{
    return (c->active != ELECT_NONE && serving_can(c, member)
            && c->reaches[member].state == REACH_UNKNOWN);
}

/* The old place has not been found silent. */
static bool
may_be_at_its_place(const struct client *c)
{
    for (size_t i = 0; i < c->n_reaches; i++) {
        if (awaits_verdict(c, i)) {
            return true;
        }
    }
    return is_up_anywhere(c);
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
report_conflict(struct engine *en, struct client *c, struct eth_addr mac)
{
    struct incident e = client_event(c, INCIDENT_CLIENT_CONFLICT, mac,
                                  fh_mac_equal(mac, c->mac)
                                  ? " is at another port too"
                                  : " claims it");

    en->stats.conflicts++;
    if (c->last_conflict_ms
        && engine_now_ms(en) - c->last_conflict_ms < CONFLICT_PAUSE_MS) {
        return;
    }
    c->last_conflict_ms = engine_now_ms(en);
    engine_report(en, &e);
}

static void
report_followed(struct engine *en, struct client *c, struct eth_addr mac)
{
    struct incident e = client_event(c, INCIDENT_CLIENT_FOLLOWED, mac, "");

    if (c->active != ELECT_NONE) {      /* Else nothing is known to have
                                         * been anywhere before. */
        snprintf(e.to, sizeof e.to, "%s",
                 c->segment->members[c->active].router->config->name);
        engine_report(en, &e);
    }
}

/* Does an answer to 'member' say anything about the last claim?  That a
 * client is at another port of one router is no matter to the others. */
static bool
is_about_claim(const struct client *c, size_t member)
{
    return (!fh_mac_is_zero(c->rival_mac)
            && (!fh_mac_equal(c->rival_mac, c->mac)
                || c->rival_member == member));
}

static void
forget_claim(struct client *c)
{
    memset(&c->rival_mac, 0, sizeof c->rival_mac);
}

/* Asks the old place now, so that a true move shows at once.  Whoever has
 * changed its port of one router is asked by that one only. */
static void
ask_old_place(struct engine *en, struct client *c)
{
    if (engine_now_ms(en) < c->rival_ask_ms) {
        return;
    }
    c->rival_ask_ms = engine_now_ms(en) + ASK_PAUSE_MS;
    for (size_t i = 0; i < c->n_reaches; i++) {
        struct reach *r = &c->reaches[i];

        if (is_about_claim(c, i) && !r->outstanding
            && (reach_is_up(r) || awaits_verdict(c, i))) {
            probe_now(en, c, i);
        }
    }
}

void
rival_contest(struct engine *en, struct client *c)
{
    static const struct eth_addr unknown = { .ea = { 0 } };

    c->contested = true;
    c->contested_mac = c->mac;
    move_follow(en, c, unknown);
    for (size_t i = 0; i < c->n_reaches; i++) {
        if (serving_can(c, i)) {
            probe_now(en, c, i);
        }
    }
}

bool
rival_claims(struct engine *en, struct client *c, size_t member,
             struct eth_addr mac, uint32_t port)
{
    if (c->mac_fixed && !fh_mac_equal(c->mac, mac)) {
        engine_drop(en, DROP_MAC_CONFLICT);
        report_conflict(en, c, mac);
        return false;
    }
    if (may_be_at_its_place(c)) {
        engine_drop(en, DROP_RIVAL);
        c->rival_mac = mac;
        c->rival_member = member;
        c->rival_port = port;
        c->rival_ms = engine_now_ms(en);
        ask_old_place(en, c);
        return false;
    }
    if (c->discovering) {
        rival_contest(en, c);
    } else {
        move_follow(en, c, mac);
        report_followed(en, c, mac);
    }
    return true;
}

void
rival_answers(struct engine *en, struct client *c, struct eth_addr mac)
{
    engine_drop(en, c->mac_fixed && !fh_mac_equal(c->mac, mac)
                ? DROP_MAC_CONFLICT : DROP_RIVAL);
    if (is_up_anywhere(c)) {
        report_conflict(en, c, mac);
    }
}

void
rival_place_answered(struct engine *en, struct client *c, size_t member,
                     struct eth_addr mac)
{
    if (is_about_claim(c, member)) {
        report_conflict(en, c, c->rival_mac);
        forget_claim(c);
    }
    if (fh_mac_is_zero(c->mac)) {
        c->mac = mac;
    }
    if (c->contested) {
        c->contested = false;
        if (!fh_mac_equal(c->contested_mac, mac)) {
            report_followed(en, c, mac);
        }
    }
}

bool
rival_place_silent(struct engine *en, struct client *c, size_t member)
{
    bool same_mac = fh_mac_equal(c->rival_mac, c->mac);

    if (!is_about_claim(c, member)
        || (!same_mac && may_be_at_its_place(c))) {
        return false;
    }
    if (engine_now_ms(en) - c->rival_ms > CLAIM_VALID_MS) {
        forget_claim(c);
    } else if (same_mac) {
        probe_now(en, c, member);     /* By every port. */
        forget_claim(c);
    } else {
        return true;
    }
    return false;
}
