/* Does the engine's state hold together?  See audit.h.
 *
 * Reads, and changes nothing.  What is looked at is what other files keep in
 * step by hand: counters, lists, the same fact in two places; and what the
 * engine is for: that one router forwards for a client, and one that can. */
#include <config.h>

#include "controller/engine/audit.h"

#include <inttypes.h>

#include <firsthop/buf.h>

#include "controller/engine/serving.h"
#include "controller/engine/settle.h"

static char *
of_client(const struct client *c, const char *what)
{
    char address[FH_ADDR_STRLEN], reaches[CONFIG_MAX_MEMBERS + 1];

    for (size_t i = 0; i < c->n_reaches; i++) {
        reaches[i] = "?ULD"[c->reaches[i].state];   /* L: late. */
    }
    reaches[c->n_reaches] = '\0';
    return fh_xasprintf("client %s of %s: %s (state %s, active %d, reach %s, "
                        "last election: %s)",
                        fh_addr_format(c->key.address, address),
                        c->segment->config->name, what,
                        client_state_name(c->state), c->active, reaches,
                        elect_reason_name(c->reason));
}

/* Clients. */

/* A takeover is under way, or will be: the client's flows may be anywhere. */
static bool
is_moving(const struct client *c)
{
    return (!takeover_is_idle(&c->takeover)
            || takeover_lingers(&c->takeover) || c->reinstall || c->resume
            || c->removed_router || c->elect_at_ms || c->wants
            || c->unreported);
}

/* Outside of a takeover nobody but the active router may forward for it, of
 * those that can be told to stop. */
static const char *
check_holders(const struct client *c)
{
    uint32_t ready = serving_ready(c->segment);

    for (size_t i = 0; i < c->n_reaches; i++) {
        bool holds = takeover_holds(&c->takeover, i);

        if (c->holdings[i].port && !holds) {
            return "flows were sent to a router that counts as holding none";
        }
        if (holds && c->active != (int) i && ready >> i & 1
            && !is_moving(c)) {
            return "two routers forward for it";
        }
        if (c->active == (int) i && c->holdings[i].silent
            && !is_moving(c)) {
            return "nobody answers for it should we go away";
        }
    }
    return NULL;
}

/* Has its host another address that is there for good? */
static bool
is_settled_at(const struct client *c, int member)
{
    const struct client *o = client_other(c, NULL);

    while (o && (o->active != member || is_moving(o) || o->discovering)) {
        o = client_other(c, o);
    }
    return o != NULL;
}

/* The election, asked again, must not name another for the reason that the
 * active router is of no use. */
static const char *
check_path(const struct engine *en, const struct client *c)
{
    struct elect_candidate candidates[CONFIG_MAX_MEMBERS];
    struct elect_input in;
    struct elect_result r;

    bool awaits_verdict = (c->active != ELECT_NONE
                           && serving_can(c, c->active)
                           && c->reaches[c->active].state == REACH_UNKNOWN);

    if (is_moving(c) || c->discovering || c->verify_first || awaits_verdict
        || c->reason == ELECT_TRIED) {
        return NULL;
    }
    settle_snapshot(en, c, candidates, &in);
    r = elect_run(&in);
    if (r.winner != c->active
        && (r.reason == ELECT_PRIORITY || r.reason == ELECT_HASH
            || r.reason == ELECT_ONLY)) {
        return "another router reaches it, and it is not moved";
    }
    if (r.winner != c->active && r.reason == ELECT_HOST
        && is_settled_at(c, r.winner)) {
        return "it is apart from its host's other addresses";
    }
    return NULL;
}

/* Could the client be served there, without any doubt? */
static bool
is_sound(const struct elect_candidate *c)
{
    return (c->connected && !c->draining && c->reach == REACH_UP
            && c->uplink_ok && c->heard);
}

/* What elect.h promises, without asking it: an election that is wrong would be
 * so again. */
static const char *
check_promises(const struct engine *en, const struct client *c)
{
    struct elect_candidate candidates[CONFIG_MAX_MEMBERS];
    struct elect_input in;
    bool expected = false, sound = false;

    if (is_moving(c) || c->discovering || c->verify_first
        || c->reason == ELECT_TRIED) {
        return NULL;
    }
    settle_snapshot(en, c, candidates, &in);
    for (size_t i = 0; i < in.n; i++) {
        expected = expected || candidates[i].expected;
        sound = sound || is_sound(&candidates[i]);
    }
    if (sound && c->active != ELECT_NONE
        && candidates[c->active].reach == REACH_DOWN) {
        return "its router does not reach it, another does";
    }
    if (c->active == ELECT_NONE && c->reason == ELECT_WAITS && !expected) {
        return "it waits for a router, and none is expected";
    }
    return NULL;
}

static const char *
check_state(const struct client *c)
{
    if (c->active != ELECT_NONE
        && c->active != takeover_winner(&c->takeover)) {
        return "its active router is not its takeover's winner";
    }
    if (c->state == CLIENT_ACTIVE && c->active == ELECT_NONE
        && !c->removed_router) {
        return "it is active nowhere";
    }
    if (c->unverified && (c->verified || c->origin != CLIENT_LEARNED)) {
        return "it may be put out, and has answered or was not learnt";
    }
    if (c->wants == 0 && c->silent_members) {
        return "silence is noted, and it is not marked";
    }
    if (c->last_move && !c->history) {
        return "it has moved, and has no history";
    }
    return NULL;
}

static char *
check_clients(const struct engine *en)
{
    for (size_t i = 0; i < clients_count(en->clients); i++) {
        const struct client *c = clients_at(en->clients, i);
        const char *problem = check_state(c);

        if (clients_find(en->clients, c->key.address, c->key.segment) != c) {
            problem = "it is listed, and cannot be found";
        }
        problem = problem ? problem : check_holders(c);
        problem = problem ? problem : check_path(en, c);
        problem = problem ? problem : check_promises(en, c);
        if (problem) {
            return of_client(c, problem);
        }
    }
    return NULL;
}

/* Counters. */

struct counts {
    uint32_t active, reachable, remaining;
};

static struct counts
count_at(const struct engine *en, const struct router *router)
{
    struct counts n = { 0, 0, 0 };

    for (size_t i = 0; i < clients_count(en->clients); i++) {
        const struct client *c = clients_at(en->clients, i);

        n.remaining += c->removed_router == router;
        for (size_t j = 0; j < c->n_reaches; j++) {
            if (member_router(c, j) == router) {
                n.active += c->active == (int) j;
                n.reachable += reach_is_up(&c->reaches[j]);
            }
        }
    }
    return n;
}

static char *
check_port(const struct engine *en, const struct router *router, size_t port)
{
    uint32_t n_learned = 0, n_unverified = 0, n_listed = 0;
    const struct client *c;

    for (size_t i = 0; i < clients_count(en->clients); i++) {
        c = clients_at(en->clients, i);
        if (c->learned_member != ELECT_NONE && c->learned_port == port
            && member_router(c, c->learned_member) == router) {
            n_learned++;
            n_unverified += c->unverified;
        }
    }
    TAILQ_FOREACH (c, &router->ports[port].unverified, port_node) {
        n_listed++;
    }
    if (router->ports[port].n_learned != n_learned) {
        return fh_xasprintf("router %s, port %zu: %"PRIu32" learnt clients, "
                            "counted as %"PRIu32, router->config->name, port,
                            n_learned, router->ports[port].n_learned);
    }
    if (n_listed != n_unverified
        || router->ports[port].n_unverified != n_unverified) {
        return fh_xasprintf("router %s, port %zu: %"PRIu32" that have never "
                            "answered, listed as %"PRIu32,
                            router->config->name, port, n_unverified,
                            n_listed);
    }
    return NULL;
}

static char *
check_router(const struct engine *en, const struct router *router)
{
    struct counts n = count_at(en, router);
    char *problem = NULL;

    if (router->n_active != n.active || router->n_reachable != n.reachable
        || router->n_remaining != n.remaining) {
        return fh_xasprintf("router %s: active, reachable, remaining %"PRIu32
                            ", %"PRIu32", %"PRIu32", counted as %"PRIu32
                            ", %"PRIu32", %"PRIu32, router->config->name,
                            n.active, n.reachable, n.remaining,
                            router->n_active, router->n_reachable,
                            router->n_remaining);
    }
    for (size_t i = 0; !problem && i < router->config->n_access_ports; i++) {
        problem = check_port(en, router, i);
    }
    return problem;
}

static char *
check_segment(const struct engine *en, const struct segment *segment)
{
    uint32_t n = 0, n_learned = 0, n_unverified = 0, n_listed = 0;
    const struct client *c;

    for (size_t i = 0; i < clients_count(en->clients); i++) {
        c = clients_at(en->clients, i);
        if (c->segment == segment) {
            n++;
            n_learned += c->origin == CLIENT_LEARNED;
            n_unverified += c->unverified;
        }
    }
    TAILQ_FOREACH (c, &segment->unverified, segment_node) {
        n_listed++;
    }
    if (segment->n_clients != n || segment->n_learned != n_learned
        || n_listed != n_unverified) {
        return fh_xasprintf("segment %s: clients, learnt, never answered "
                            "%"PRIu32", %"PRIu32", %"PRIu32", counted as "
                            "%"PRIu32", %"PRIu32", %"PRIu32,
                            segment->config->name, n, n_learned, n_unverified,
                            segment->n_clients, segment->n_learned, n_listed);
    }
    return NULL;
}

static char *
check_marked(const struct engine *en)
{
    const struct client *c;
    size_t n = 0, n_marked = 0;

    TAILQ_FOREACH (c, &en->marked, marked_node) {
        n++;
    }
    for (size_t i = 0; i < clients_count(en->clients); i++) {
        n_marked += clients_at(en->clients, i)->wants != 0;
    }
    return (n == n_marked ? NULL
            : fh_xasprintf("%zu clients are marked, %zu are listed",
                           n_marked, n));
}

char *
audit_run(const struct engine *en)
{
    char *problem = check_marked(en);

    for (size_t i = 0; !problem && i < en->n_segments; i++) {
        problem = check_segment(en, en->segments[i]);
    }
    for (size_t i = 0; !problem && i < en->n_routers; i++) {
        problem = check_router(en, en->routers[i]);
    }
    return problem ? problem : check_clients(en);
}
