/* A round trip, measured and smoothed (RFC 6298, 2).  Pure. */
#ifndef RTT_H
#define RTT_H 1

#include <stdint.h>

struct rtt {
    uint32_t srtt_us;           /* 0: not measured. */
    uint32_t rttvar_us;
};

/* R' the sample, in us. */
static inline void
rtt_sample(struct rtt *rtt, uint32_t sample_us)
{
    sample_us = sample_us ? sample_us : 1;
    if (!rtt->srtt_us) {
        rtt->srtt_us = sample_us;
        rtt->rttvar_us = sample_us / 2;
    } else {
        uint32_t delta = (rtt->srtt_us > sample_us
                          ? rtt->srtt_us - sample_us
                          : sample_us - rtt->srtt_us);

        rtt->rttvar_us = (3 * (uint64_t) rtt->rttvar_us + delta) / 4;
        rtt->srtt_us = (7 * (uint64_t) rtt->srtt_us + sample_us) / 8;
    }
}

/* What follows from it for a timeout, in ms, rounded up; 0 while nothing is
 * measured.  The caller sets the bounds. */
static inline uint64_t
rtt_timeout_ms(const struct rtt *rtt)
{
    return (rtt->srtt_us + 4 * (uint64_t) rtt->rttvar_us + 999) / 1000;
}

/* The longest that anything has taken of late: halved every STALL_HALF_MS,
 * never more than STALL_MOST_MS.  What is judged by silence waits that long at
 * least: a machine that was too busy a moment ago will be again. */
#define STALL_HALF_MS 10000
#define STALL_MOST_MS 300

struct stall {
    int64_t at_ms;              /* Monotonic. */
    uint32_t ms;
};

static inline uint32_t
stall_ms(const struct stall *stall, int64_t now_ms)
{
    int64_t halves = (now_ms - stall->at_ms) / STALL_HALF_MS;

    return halves < 0 || halves > 16 ? 0 : stall->ms >> halves;
}

static inline void
stall_note(struct stall *stall, int64_t took_ms, int64_t now_ms)
{
    took_ms = took_ms < STALL_MOST_MS ? took_ms : STALL_MOST_MS;
    if (took_ms >= stall_ms(stall, now_ms)) {
        stall->ms = took_ms > 0 ? took_ms : 0;
        stall->at_ms = now_ms;
    }
}

#endif /* controller/decide/rtt.h */
