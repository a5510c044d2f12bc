/* Which router is active for a client?  See elect.h. */
#include <config.h>

#include "controller/decide/elect.h"

#include <arpa/inet.h>

bool
elect_is_eligible(const struct elect_candidate *c)
{
    return c->connected && !c->draining
           && (c->reach == REACH_UP || c->reach == REACH_SUSPECT);
}

/* May the active router stay?  More than eligible: see the header. */
static bool
may_stay(const struct elect_candidate *c)
{
    return (c->connected || c->headless) && !c->draining
           && c->reach != REACH_DOWN;
}

/* Does the active router still serve, if only for want of another? */
static bool
still_serves(const struct elect_candidate *c)
{
    return ((c->connected || c->headless) && c->reach != REACH_DOWN)
           || c->expected;
}

static int
compare(const struct elect_candidate *a, const struct elect_candidate *b)
{
    if ((a->reach == REACH_UP) != (b->reach == REACH_UP)) {
        return a->reach == REACH_UP ? 1 : -1;
    }
    if (a->uplink_ok != b->uplink_ok) {
        return a->uplink_ok ? 1 : -1;
    }
    if (a->heard != b->heard) {
        return a->heard ? 1 : -1;
    }
    if (a->headless != b->headless) {
        return a->headless ? -1 : 1;
    }
    if (a->priority != b->priority) {
        return a->priority > b->priority ? 1 : -1;
    }
    return a->hash > b->hash ? 1 : a->hash < b->hash ? -1 : 0;
}

/* The best eligible candidate, and what set it before the others. */
static struct elect_result
best(const struct elect_input *in)
{
    struct elect_result r = { ELECT_NONE, ELECT_LOST, 0 };
    bool by_hash = false;
    size_t n = 0;

    for (size_t i = 0; i < in->n; i++) {
        const struct elect_candidate *c = &in->candidates[i];

        if (!elect_is_eligible(c)) {
            continue;
        }
        n++;
        if (r.winner != ELECT_NONE) {
            const struct elect_candidate *w = &in->candidates[r.winner];
            bool even = (c->reach == w->reach
                         && c->uplink_ok == w->uplink_ok
                         && c->heard == w->heard
                         && c->headless == w->headless
                         && c->priority == w->priority);

            if (compare(c, w) <= 0) {
                by_hash = by_hash || even;
                continue;
            }
            by_hash = even;
        }
        r.winner = i;
    }
    if (n) {
        r.reason = n == 1 ? ELECT_ONLY : by_hash ? ELECT_HASH : ELECT_PRIORITY;
    }
    return r;
}

/* The best of those whom their priority sets before 'a' and who have been up
 * for long enough, or ELECT_NONE.  '*again_ms' is when the next will have
 * been, 0 where there is none. */
static int
find_preemptor(const struct elect_input *in, const struct elect_candidate *a,
               int64_t *again_ms)
{
    int winner = ELECT_NONE;

    *again_ms = 0;
    for (size_t i = 0; i < in->n; i++) {
        const struct elect_candidate *c = &in->candidates[i];
        int64_t due_ms = c->up_since_ms + in->hold_down_ms;

        if (!elect_is_eligible(c) || c->reach != REACH_UP
            || c->uplink_ok != a->uplink_ok
            || c->heard != a->heard
            || c->headless
            || c->priority <= a->priority) {
            continue;
        }
        if (in->now_ms < due_ms) {
            *again_ms = (*again_ms && *again_ms < due_ms ? *again_ms
                         : due_ms);
        } else if (winner == ELECT_NONE
                   || compare(c, &in->candidates[winner]) > 0) {
            winner = i;
        }
    }
    return winner;
}

/* Is the best that there is somebody whose own probe is late? */
static bool
is_late(const struct elect_input *in, const struct elect_result *top)
{
    return top->winner != ELECT_NONE
           && in->candidates[top->winner].reach == REACH_SUSPECT;
}

/* The active one may stay.  Should another take over all the same? */
static struct elect_result
challenge(const struct elect_input *in, const struct elect_result *top)
{
    const struct elect_candidate *a = &in->candidates[in->active];
    struct elect_result r = { in->active, ELECT_STAYS, 0 };

    if (!a->connected) {
        r.reason = ELECT_HEADLESS;
        return r;
    }
    if (top->winner == ELECT_NONE || top->winner == in->active) {
        return r;
    }
    if (is_late(in, top)) {
        return r;
    }
    if (in->candidates[top->winner].uplink_ok && !a->uplink_ok) {
        return (struct elect_result) { top->winner, ELECT_UPLINK, 0 };
    }
    if (in->candidates[top->winner].heard && !a->heard
        && in->candidates[top->winner].uplink_ok == a->uplink_ok) {
        return (struct elect_result) { top->winner, ELECT_HEARD, 0 };
    }
    if (in->preempt) {
        int winner = find_preemptor(in, a, &r.again_ms);

        if (winner != ELECT_NONE) {
            r.winner = winner;
            r.reason = ELECT_PREEMPTS;
        }
    }
    return r;
}

static bool
someone_is_expected(const struct elect_input *in)
{
    for (size_t i = 0; i < in->n; i++) {
        if (in->candidates[i].expected && !in->candidates[i].connected) {
            return true;
        }
    }
    return false;
}

struct elect_result
elect_run(const struct elect_input *in)
{
    struct elect_result top = best(in);
    const struct elect_candidate *a;

    if (in->active == ELECT_NONE) {
        if (someone_is_expected(in)) {
            return (struct elect_result) { ELECT_NONE, ELECT_WAITS, 0 };
        }
        return (is_late(in, &top)
                ? (struct elect_result) { ELECT_NONE, ELECT_LATE, 0 } : top);
    }
    a = &in->candidates[in->active];
    if (may_stay(a)) {
        return challenge(in, &top);
    }
    if (a->expected && !a->connected) {
        return (struct elect_result) { in->active, ELECT_WAITS, 0 };
    }
    if (top.winner != ELECT_NONE) {
        return (is_late(in, &top)
                ? (struct elect_result) { in->active, ELECT_LATE, 0 } : top);
    }
    return (struct elect_result) {
        in->active, still_serves(a) ? ELECT_STAYS_DRAINING : ELECT_LOST, 0
    };
}

/* splitmix64's finaliser: every bit of both counts. */
uint32_t
elect_hash(struct fh_addr client, uint64_t dpid)
{
    uint64_t ip = ntohl(client.ip4);
    uint64_t x = dpid ^ ip << 32 ^ ip;

    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (x ^ (x >> 31)) >> 32;
}

const char *
elect_reason_text(enum elect_reason reason)
{
    switch (reason) {
    case ELECT_STAYS: return "the active router still reaches the client";
    case ELECT_STAYS_DRAINING: return "it drains, but no other router can take over";
    case ELECT_PRIORITY: return "highest priority";
    case ELECT_HASH: return "highest hash among equal priorities";
    case ELECT_ONLY: return "the only router that reaches the client";
    case ELECT_PREEMPTS: return "higher priority, up for the hold-down time";
    case ELECT_UPLINK: return "its uplink works, the active router's does not";
    case ELECT_HEARD: return "it hears the client, the active router's bridge drops replies";
    case ELECT_HEADLESS: return "it forwards, as its sister routers see, though the controller has lost it";
    case ELECT_WAITS: return "waiting for a router that held clients before";
    case ELECT_LATE: return "waiting for a late answer to another router";
    case ELECT_LOST: return "no router reaches the client: nothing is moved";
    }
    return "";
}
