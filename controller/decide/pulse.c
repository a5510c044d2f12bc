/* Is a router alive?  See pulse.h. */
#include <config.h>

#include "controller/decide/pulse.h"

enum pulse
pulse_decide(const struct pulse_input *in)
{
    if (in->connected && !in->overdue) {
        return PULSE_WELL;
    }
    if (!in->n_known) {
        return in->connected ? PULSE_WELL : PULSE_DEAD;
    }
    return in->n_asked && in->n_lost == in->n_asked ? PULSE_DEAD
           : PULSE_HEADLESS;
}

void
pulse_add(struct pulse_input *in, const struct beacon *b, bool live)
{
    in->n_known += b->found;
    if (b->found && live) {
        in->n_asked++;
        in->n_lost += b->state == BEACON_LOST;
    }
}

int64_t
pulse_timeout_ms(const struct rtt *rtt, uint32_t stall_ms)
{
    int64_t ms = 4 * rtt_timeout_ms(rtt);

    ms = ms > 3 * stall_ms ? ms : 3 * stall_ms;

    return ms < PULSE_MIN_MS ? PULSE_MIN_MS
           : ms > PULSE_MAX_MS ? PULSE_MAX_MS : ms;
}

const char *
pulse_text(enum pulse pulse)
{
    return (pulse == PULSE_WELL ? "well"
            : pulse == PULSE_HEADLESS ? "headless" : "dead");
}
