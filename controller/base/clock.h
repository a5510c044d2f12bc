/* The clocks of the machine.  Read where the event loop wakes up; whoever
 * decides is given the time. */
#ifndef CLOCK_H
#define CLOCK_H 1

#include <stdint.h>
#include <time.h>

int64_t clock_mono_us(void);
int64_t clock_unix_us(void);

/* From now on the time, in us, is what 'us' says of CLOCK_MONOTONIC and of
 * CLOCK_REALTIME; NULL: the machine's.  For worlds whose time is their own. */
void clock_set_source(int64_t (*us)(clockid_t));

static inline int64_t
clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

#endif /* controller/base/clock.h */
