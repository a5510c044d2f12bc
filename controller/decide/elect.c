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

/* What sets one candidate before another, the weightiest first: the next
 * criterion is one line.  More is better. */

static int64_t
answers(const struct elect_candidate *c)
{
    return c->reach == REACH_UP;
}

static int64_t
has_uplink(const struct elect_candidate *c)
{
    return c->uplink_ok;
}

static int64_t
hears(const struct elect_candidate *c)
{
    return c->heard;
}

static int64_t
is_followed(const struct elect_candidate *c)
{
    return !c->headless;
}

static int64_t
has_host(const struct elect_candidate *c)
{
    return c->has_host;
}

static int64_t
priority(const struct elect_candidate *c)
{
    return c->priority;
}

static int64_t
hash(const struct elect_candidate *c)
{
    return c->hash;
}

static const struct criterion {
    int64_t (*of)(const struct elect_candidate *);
    enum elect_reason moves;    /* Why an active router is left for one that
                                 * is better by this; ELECT_STAYS: it is
                                 * not. */
} criteria[] = {
    { answers, ELECT_STAYS },
    { has_uplink, ELECT_UPLINK },
    { hears, ELECT_HEARD },
    { is_followed, ELECT_STAYS },
    { has_host, ELECT_HOST },
    { priority, ELECT_STAYS },  /* But see find_preemptor(). */
    { hash, ELECT_STAYS },
};
#define N_CRITERIA (sizeof criteria / sizeof criteria[0])
#define N_SOUND (N_CRITERIA - 3)        /* Those before host and priority. */

/* The first criterion by which they differ, N_CRITERIA: none.  '*better' is
 * true where 'a' is the better one by it. */
static size_t
compare(const struct elect_candidate *a, const struct elect_candidate *b,
        bool *better)
{
    size_t i = 0;

    while (i < N_CRITERIA && criteria[i].of(a) == criteria[i].of(b)) {
        i++;
    }
    *better = i < N_CRITERIA && criteria[i].of(a) > criteria[i].of(b);
    return i;
}

/* What it is that sets a candidate before others, in the absence of an active
 * one. */
static enum elect_reason
reason_of(size_t criterion)
{
    return (criterion >= N_CRITERIA - 1 ? ELECT_HASH
            : criterion == N_SOUND ? ELECT_HOST : ELECT_PRIORITY);
}

/* The best eligible candidate, and what set it before the others. */
static struct elect_result
best(const struct elect_input *in)
{
    struct elect_result r = { ELECT_NONE, ELECT_LOST, 0 };

    for (size_t i = 0; i < in->n; i++) {
        const struct elect_candidate *c = &in->candidates[i];
        size_t by;
        bool better;

        if (!elect_is_eligible(c)) {
            continue;
        }
        if (r.winner == ELECT_NONE) {
            r.winner = i;
            r.reason = ELECT_ONLY;
            continue;
        }
        by = compare(c, &in->candidates[r.winner], &better);
        if (better) {
            r.winner = i;
        }
        if (better || r.reason == ELECT_ONLY || by >= N_CRITERIA - 1) {
            r.reason = reason_of(by);
        }
    }
    return r;
}

/* Is it nowhere worse than the active one 'a', and sound, so that its priority
 * counts? */
static bool
may_preempt(const struct elect_candidate *c, const struct elect_candidate *a)
{
    for (size_t i = 0; i < N_SOUND; i++) {
        if (criteria[i].moves == ELECT_STAYS ? !criteria[i].of(c)
            : criteria[i].of(c) != criteria[i].of(a)) {
            return false;
        }
    }
    return (elect_is_eligible(c) && c->priority > a->priority
            && (!a->has_host || c->fits_host));
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
        bool better = true;

        if (!may_preempt(c, a)) {
            continue;
        }
        if (winner != ELECT_NONE) {
            compare(c, &in->candidates[winner], &better);
        }
        if (in->now_ms < due_ms) {
            *again_ms = (*again_ms && *again_ms < due_ms ? *again_ms
                         : due_ms);
        } else if (better) {
            winner = i;
        }
    }
    return winner;
}

/* Is 'c' so much better than the active one that the client moves to it? */
static enum elect_reason
why_move(const struct elect_candidate *c, const struct elect_candidate *a)
{
    for (size_t i = 0; i < N_CRITERIA; i++) {
        int64_t ours = criteria[i].of(c), theirs = criteria[i].of(a);

        if (criteria[i].moves != ELECT_STAYS && ours != theirs) {
            return ours > theirs ? criteria[i].moves : ELECT_STAYS;
        }
    }
    return ELECT_STAYS;
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
    enum elect_reason reason;

    if (!a->connected) {
        r.reason = ELECT_HEADLESS;
        return r;
    }
    if (top->winner == ELECT_NONE
        || (top->winner != in->active && is_late(in, top))) {
        return r;
    }
    reason = why_move(&in->candidates[top->winner], a);
    if (reason != ELECT_STAYS) {
        return (struct elect_result) { top->winner, reason, 0 };
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

/* Every reason, for programs and for people. */
static const struct {
    const char *name, *text;
} reasons[] = {
    [ELECT_STAYS] = { "stays", "the active router still reaches the client" },
    [ELECT_STAYS_DRAINING] = {
        "stays_draining", "it drains, but no other router can take over" },
    [ELECT_PRIORITY] = { "priority", "highest priority" },
    [ELECT_HASH] = { "hash", "highest hash among equal priorities" },
    [ELECT_ONLY] = { "only", "the only router that reaches the client" },
    [ELECT_PREEMPTS] = {
        "preempts", "higher priority, up for the hold-down time" },
    [ELECT_UPLINK] = {
        "uplink", "its uplink works, the active router's does not" },
    [ELECT_HEARD] = {
        "heard", "it hears the client, the active router's bridge drops "
        "replies" },
    [ELECT_HOST] = { "host", "other addresses of the same host are there" },
    [ELECT_HEADLESS] = {
        "headless", "it forwards, as its peers see, though the controller has "
        "lost it" },
    [ELECT_WAITS] = {
        "waits", "waiting for a router that held clients before" },
    [ELECT_LATE] = { "late", "waiting for a late answer to another router" },
    [ELECT_TRIED] = {
        "tried", "waiting for another router to show that it hears the "
        "client better" },
    [ELECT_LOST] = {
        "lost", "no router reaches the client: nothing is moved" },
};

const char *
elect_reason_text(enum elect_reason reason)
{
    return reasons[reason].text;
}

const char *
elect_reason_name(enum elect_reason reason)
{
    return reasons[reason].name;
}
