/* Does one router hear another?  See beacon.h. */
#include <config.h>

#include "controller/decide/beacon.h"

static uint32_t
min_rto_ms(const struct beacon_params *params)
{
    return (params->interval_ms > BEACON_MIN_RTO_MS ? BEACON_MIN_RTO_MS
            : params->interval_ms < BEACON_MIN_MS ? BEACON_MIN_MS
            : params->interval_ms);
}

static uint32_t
most(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* All misses together take as long as one would otherwise: an answer to the
 * first of them will do until then.  What was measured while answers waited
 * behind those of clients tells nothing of a port where no client is asked. */
static uint32_t
pressed_rto_ms(uint32_t rto_ms, const struct beacon_params *params)
{
    rto_ms = rto_ms < STALL_MOST_MS ? rto_ms : STALL_MOST_MS;
    return most((rto_ms + params->misses - 1) / params->misses,
                BEACON_PRESSED_RTO_MS);
}

uint32_t
beacon_rto_ms(const struct beacon *b, const struct beacon_params *params)
{
    uint64_t rtt_ms = rtt_timeout_ms(&b->rtt);
    uint32_t rto_ms = rtt_ms < BEACON_IDLE_MS ? rtt_ms : BEACON_IDLE_MS;

    if (!b->rtt.srtt_us) {
        return BEACON_FIRST_RTO_MS;
    }
    rto_ms = most(rto_ms, params->stall_ms);
    return (b->pressed ? pressed_rto_ms(rto_ms, params)
            : most(rto_ms, min_rto_ms(params)));
}

/* Who does not answer is asked at twice the interval for each miss. */
static int64_t
interval_ms(const struct beacon *b, const struct beacon_params *params)
{
    int64_t ms = params->interval_ms;

    if (beacon_is_up(b)) {
        return ms;
    }
    for (uint8_t i = 0; i < b->misses && ms < BEACON_IDLE_MS; i++) {
        ms *= 2;
    }
    return ms > BEACON_IDLE_MS && params->interval_ms < BEACON_IDLE_MS
           ? BEACON_IDLE_MS : ms;
}

int64_t
beacon_next_ms(const struct beacon *b, const struct beacon_params *params,
               int64_t now_ms)
{
    int64_t ms = interval_ms(b, params);
    int64_t phase_ms = b->phase_ms % ms;

    return (now_ms - phase_ms + ms) / ms * ms + phase_ms;
}

/* A fence number wraps; the distance tells. */
static bool
is_done(uint32_t fence, uint32_t done)
{
    return (int32_t) (done - fence) >= 0;
}

/* The meter is looked at a quarter of the timeout before it ends, as reach.c
 * does. */
static uint32_t
look_ahead_ms(uint32_t rto_ms)
{
    return rto_ms / 4;
}

static void
set_state(struct beacon *b, enum beacon_state state)
{
    b->state = state;
    b->pressed = b->pressed && state == BEACON_LATE;
    b->found = b->found || state == BEACON_UP;
}

static struct beacon_verdict
ask(const struct beacon *b, const struct beacon_params *params,
    enum beacon_event event, int64_t now_ms)
{
    uint32_t rto_ms = beacon_rto_ms(b, params);

    return (struct beacon_verdict) {
        .event = event, .ask = true,
        .next_ms = now_ms + rto_ms - look_ahead_ms(rto_ms),
    };
}

/* Until its next turn, whatever has become of the one that was out. */
static struct beacon_verdict
rest(struct beacon *b, const struct beacon_params *params,
     enum beacon_event event, int64_t now_ms)
{
    b->outstanding = false;
    return (struct beacon_verdict) {
        .event = event, .next_ms = beacon_next_ms(b, params, now_ms),
    };
}

static struct beacon_verdict
count_miss(struct beacon *b, const struct beacon_params *params,
           int64_t now_ms)
{
    /* After a reconnection it is asked as eagerly as while it was up. */
    bool hoped = (beacon_is_up(b)
                  || (b->state == BEACON_UNKNOWN && b->found));

    b->missed++;
    if (b->misses < UINT8_MAX) {
        b->misses++;
    }
    if (!hoped) {
        return rest(b, params, BEACON_NOTHING, now_ms);
    }
    if (b->misses >= params->misses) {
        set_state(b, BEACON_LOST);
        return rest(b, params, BEACON_WENT_LOST, now_ms);
    }
    if (b->state == BEACON_UP) {
        set_state(b, BEACON_LATE);
        return ask(b, params, BEACON_WENT_LATE, now_ms);
    }
    return ask(b, params, BEACON_NOTHING, now_ms);
}

struct beacon_verdict
beacon_timer(struct beacon *b, const struct beacon_params *params,
             const struct reach_bridge *bridge, int64_t now_ms)
{
    uint32_t rto_ms = beacon_rto_ms(b, params);
    uint32_t age_ms = (uint32_t) now_ms - b->asked_ms;
    struct beacon_verdict wait = { .event = BEACON_NOTHING };

    if (!b->outstanding) {
        return ask(b, params, BEACON_NOTHING, now_ms);
    }
    if (!b->looked && age_ms >= rto_ms - look_ahead_ms(rto_ms)) {
        b->looked = wait.look = true;
    }
    if (age_ms < rto_ms) {
        wait.next_ms = now_ms + rto_ms - age_ms
                       - (b->looked ? 0 : look_ahead_ms(rto_ms));
    } else if (wait.look || !is_done(b->reading, bridge->reading_done)) {
        wait.next_ms = now_ms + 1 + look_ahead_ms(rto_ms);
    } else if (!is_done(b->fence, bridge->fence_done)) {
        /* The bridge has not come to it yet: hold still. */
        wait.next_ms = now_ms + rto_ms;
    } else if (bridge->full_ms && (int32_t) ((uint32_t) bridge->full_ms
                                             - b->asked_ms) >= 0) {
        return ask(b, params, BEACON_NOTHING, now_ms);
    } else if (bridge->dropped_us >= b->sent_us) {
        b->misses = 0;
        if (b->state == BEACON_LATE) {
            set_state(b, BEACON_UP);
        }
        return rest(b, params, BEACON_NOTHING, now_ms);
    } else {
        return count_miss(b, params, now_ms);
    }
    return wait;
}

void
beacon_sent(struct beacon *b, uint64_t number, uint32_t fence,
            int64_t now_us)
{
    size_t i;

    b->sent++;
    if (!b->outstanding) {
        b->sent_us = now_us;
        b->n_asked = 0;
    }
    i = b->n_asked++ % BEACON_KEPT;
    b->asked[i].number = number;
    b->asked[i].sent_us = now_us;
    b->fence = fence;
    b->asked_ms = (uint32_t) (now_us / 1000);
    b->outstanding = true;
    b->looked = false;
}

void
beacon_looked(struct beacon *b, uint32_t reading)
{
    b->reading = reading;
}

uint64_t
beacon_number(const struct beacon *b)
{
    return b->asked[(b->n_asked - 1) % BEACON_KEPT].number;
}

int64_t
beacon_asked_us(const struct beacon *b, uint64_t number)
{
    for (size_t i = 0; i < b->n_asked && i < BEACON_KEPT; i++) {
        if (b->outstanding && b->asked[i].number == number) {
            return b->asked[i].sent_us;
        }
    }
    return 0;
}

bool
beacon_answered(struct beacon *b, const struct beacon_params *params,
                uint64_t number, uint32_t port, int64_t now_us,
                enum beacon_event *event, int64_t *next_ms)
{
    int64_t asked_us = beacon_asked_us(b, number);

    if (!asked_us) {
        return false;
    }
    if (now_us >= asked_us && now_us - asked_us < INT32_MAX) {
        rtt_sample(&b->rtt, now_us - asked_us);
    }
    *event = beacon_is_up(b) ? BEACON_NOTHING : BEACON_FOUND;
    b->outstanding = false;
    b->misses = 0;
    b->port = port;
    b->answered_ms = now_us / 1000;
    set_state(b, BEACON_UP);
    *next_ms = beacon_next_ms(b, params, now_us / 1000);
    return true;
}

void
beacon_press(struct beacon *b)
{
    b->pressed = beacon_is_up(b);
}

bool
beacon_forget(struct beacon *b)
{
    bool was_known = b->state != BEACON_UNKNOWN;

    b->outstanding = false;
    b->misses = 0;
    b->port = 0;
    set_state(b, BEACON_UNKNOWN);
    return was_known;
}
