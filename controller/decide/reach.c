/* Can one router reach one client?  See reach.h. */
#include <config.h>

#include "controller/decide/reach.h"

uint32_t
reach_rto_ms(const struct reach *r, const struct reach_params *params)
{
    uint64_t min_ms = r->pressed ? REACH_PRESSED_RTO_MS : REACH_MIN_RTO_MS;
    uint64_t most_ms = (r->rtt.srtt_us / 1000 < params->retry_ms
                        ? params->retry_ms : params->interval_ms);
    uint64_t rto_ms;

    if (!r->rtt.srtt_us) {
        return params->retry_ms;
    }
    rto_ms = rtt_timeout_ms(&r->rtt);
    if (rto_ms < min_ms) {
        rto_ms = min_ms;
    }
    if (!r->pressed) {
        rto_ms += rto_ms * r->misses / 2;
    }
    return rto_ms < most_ms ? rto_ms : most_ms;
}

int64_t
reach_next_ms(const struct reach *r, const struct reach_params *params,
              int64_t now_ms)
{
    int64_t interval_ms = params->interval_ms;
    int64_t phase_ms = r->phase % params->interval_ms;

    return (now_ms - phase_ms + interval_ms) / interval_ms * interval_ms
           + phase_ms;
}

/* A fence number wraps; the distance tells. */
static bool
fence_is_done(uint32_t fence, uint32_t done)
{
    return (int32_t) (done - fence) >= 0;
}

static void
go_down(struct reach *r)
{
    r->state = REACH_DOWN;
    r->outstanding = false;
    r->pressed = r->silent = false;
    r->inconclusive = 0;
    r->misses = 0;
    r->up_since_ms = 0;
}

/* How long before the timeout the meter is looked at: a quarter is time for
 * the answer to come back, and the reply that was dropped would have come in
 * the first three. */
static uint32_t
look_ahead_ms(uint32_t rto_ms)
{
    return rto_ms / 4;
}

int64_t
reach_look_ms(const struct reach *r, const struct reach_params *params,
              int64_t now_ms)
{
    uint32_t rto_ms = reach_rto_ms(r, params);

    return now_ms + rto_ms - (r->state == REACH_DOWN ? 0
                              : look_ahead_ms(rto_ms));
}

/* The same for a probe in its turn, of which one that is down has but one. */
static int64_t
after_probe_ms(const struct reach *r, const struct reach_params *params,
               int64_t now_ms)
{
    return (r->state == REACH_DOWN ? reach_next_ms(r, params, now_ms)
            : reach_look_ms(r, params, now_ms));
}

/* Asks for a look at the meter, and to be called again when the probe is
 * late: not later for having looked. */
static struct reach_verdict
look(struct reach *r, uint32_t rto_ms, int64_t now_ms)
{
    uint32_t age_ms = (uint32_t) now_ms - r->probed_ms;

    r->looked = true;
    return (struct reach_verdict) {
        .event = REACH_NOTHING,
        .look = true,
        .next_ms = now_ms + (age_ms < rto_ms ? rto_ms - age_ms : 0),
    };
}

/* What the client said may have been dropped on the way: as if it had not
 * been asked. */
static struct reach_verdict
count_inconclusive(struct reach *r, const struct reach_params *params,
               int64_t now_ms)
{
    r->outstanding = false;
    r->misses = 0;
    if (r->inconclusive < UINT8_MAX) {
        r->inconclusive++;
    }
    if (r->state == REACH_SUSPECT) {
        r->state = REACH_UP;
    }
    return (struct reach_verdict) {
        .event = REACH_NOTHING,
        .inconclusive = true,
        .next_ms = reach_next_ms(r, params, now_ms),
    };
}

struct reach_verdict
reach_timer(struct reach *r, const struct reach_params *params,
            const struct reach_bridge *bridge, int64_t now_ms)
{
    struct reach_verdict v = { .event = REACH_NOTHING };
    uint32_t rto_ms = reach_rto_ms(r, params);

    if (!r->outstanding) {
        v.probe = true;
        v.next_ms = after_probe_ms(r, params, now_ms);
        return v;
    }
    if (!r->looked && r->state != REACH_DOWN) {
        return look(r, rto_ms, now_ms);
    }
    if (!fence_is_done(r->fence, bridge->fence_done)) {
        /* The bridge has not come to it yet: hold still. */
        v.next_ms = now_ms + rto_ms;
        return v;
    }
    if (r->looked && !fence_is_done(r->reading, bridge->reading_done)) {
        v.next_ms = now_ms + 1 + look_ahead_ms(rto_ms);
        return v;
    }
    if (bridge->full_ms && r->state != REACH_DOWN
        && (int32_t) ((uint32_t) bridge->full_ms - r->probed_ms) >= 0) {
        r->ambiguous = true;    /* Its answer may have been lost in a queue. */
        v.repeat = true;
        return v;
    }
    if (bridge->dropped_us >= r->sent_us && r->state != REACH_DOWN) {
        return count_inconclusive(r, params, now_ms);
    }

    r->inconclusive = 0;
    r->missed++;
    if (r->misses < UINT8_MAX) {
        r->misses++;
    }
    if (r->state == REACH_DOWN) {
        r->misses = 0;
    } else if (r->misses > params->retries) {
        bool silent = !r->pressed;

        go_down(r);
        r->silent = silent;
        v.event = REACH_WENT_DOWN;
        v.next_ms = reach_next_ms(r, params, now_ms);
        return v;
    } else if (r->state == REACH_UP) {
        r->state = REACH_SUSPECT;
        v.event = REACH_LATE;
    }
    v.probe = true;
    v.next_ms = after_probe_ms(r, params, now_ms);
    return v;
}

/* Whoever forges. */

static bool
is_within(const struct reach *r, uint32_t ms, int64_t now_ms)
{
    return (uint32_t) now_ms - r->unasked_ms < ms;
}

bool
reach_is_suspected(const struct reach *r, int64_t now_ms)
{
    return (r->unasked >= REACH_UNASKED_MANY
            && is_within(r, REACH_CALM_MS, now_ms));
}

bool
reach_is_unbelieved(const struct reach *r, int64_t now_ms)
{
    return (r->unasked_anonymous >= REACH_UNASKED_MANY
            && reach_is_suspected(r, now_ms));
}

bool
reach_unasked(struct reach *r, bool anonymous, int64_t now_ms)
{
    bool was_suspected = reach_is_suspected(r, now_ms);

    if (r->owed) {
        r->owed--;              /* Late, or twice. */
        return false;
    }
    if (!is_within(r, was_suspected ? REACH_CALM_MS : REACH_UNASKED_GAP_MS,
                   now_ms)) {
        r->unasked = r->unasked_anonymous = 0;
    }
    r->unasked_ms = (uint32_t) now_ms;
    r->unasked += r->unasked < UINT8_MAX;
    r->unasked_anonymous += anonymous && r->unasked_anonymous < UINT8_MAX;
    if (was_suspected || !reach_is_suspected(r, now_ms)) {
        return false;
    }
    r->surprise = true;
    return true;
}

/* What nobody knows who does not see the probe: SplitMix64's finalizer. */
static uint64_t
by_chance(const struct reach *r, int64_t now_us)
{
    uint64_t x = (uint64_t) now_us * UINT64_C(0x9e3779b97f4a7c15) + r->sent;

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

bool
reach_choose_sender(struct reach *r, int64_t now_us)
{
    uint64_t chance;

    if (!reach_is_suspected(r, now_us / 1000)) {
        r->anonymous = false;
        return false;
    }
    chance = by_chance(r, now_us);
    r->anonymous = r->surprise || r->state == REACH_DOWN || chance & 1;
    r->surprise = false;
    r->phase = (uint32_t) (chance >> 32);
    return r->anonymous;
}

bool
reach_press(struct reach *r)
{
    r->pressed = reach_is_up(r);
    return r->pressed && r->outstanding;
}

void
reach_probe_sent(struct reach *r, uint32_t fence, int64_t now_us)
{
    r->sent++;
    r->owed += r->owed < REACH_OWED_MOST;
    if (!r->outstanding) {
        r->sent_us = now_us;
        r->ambiguous = false;
    }
    r->fence = fence;
    r->probed_ms = (uint32_t) (now_us / 1000);
    r->outstanding = true;
    r->looked = false;
}

void
reach_look_sent(struct reach *r, uint32_t reading)
{
    r->reading = reading;
}

static enum reach_event
go_up(struct reach *r, int64_t now_ms)
{
    bool was_up = reach_is_up(r);

    r->state = REACH_UP;
    r->misses = 0;
    r->pressed = r->silent = false;
    r->last_reply_ms = now_ms;
    if (was_up) {
        return REACH_NOTHING;
    }
    r->up_since_ms = now_ms;
    return REACH_WENT_UP;
}

bool
reach_expects(const struct reach *r, const struct reach_params *params,
              int64_t now_ms)
{
    return (r->outstanding
            || (r->silent && r->owed
                && (uint32_t) now_ms - r->probed_ms < params->interval_ms));
}

enum reach_event
reach_reply(struct reach *r, const struct reach_params *params,
            uint32_t port, int64_t now_us, int64_t *next_ms)
{
    int64_t now_ms = now_us / 1000;

    /* Which of several probes it answers is not known (Karn's problem).  From
     * the first one on is the longest that it can have taken, and on a busy
     * machine the timeout must learn that.  So where it comes after all of
     * them have been given up; not so where the client was gone in
     * between, or the first was repeated for the sake of full queues. */
    if (r->outstanding == (r->state != REACH_DOWN) && !r->ambiguous
        && now_us >= r->sent_us
        && now_us - r->sent_us < INT32_MAX) {
        rtt_sample(&r->rtt, now_us - r->sent_us);
    }
    r->outstanding = false;
    r->owed -= r->owed > 0;
    r->inconclusive = 0;
    r->port = port;
    *next_ms = reach_next_ms(r, params, now_ms);
    return go_up(r, now_ms);
}

enum reach_event
reach_heard(struct reach *r, uint32_t port, int64_t now_ms)
{
    if (reach_is_up(r)) {
        return REACH_NOTHING;
    }
    r->port = port;
    return go_up(r, now_ms);
}

bool
reach_lost(struct reach *r, bool known)
{
    bool was_up = reach_is_up(r);

    go_down(r);
    if (!known) {
        r->state = REACH_UNKNOWN;
        r->port = 0;
    }
    return was_up;
}
