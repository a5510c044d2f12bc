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

#endif /* controller/decide/rtt.h */
