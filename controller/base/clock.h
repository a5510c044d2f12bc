/* The clocks of the machine.  Read where the event loop wakes up; whoever
 * decides is given the time. */
#ifndef CLOCK_H
#define CLOCK_H 1

#include <stdint.h>

int64_t clock_mono_us(void);
int64_t clock_unix_us(void);

static inline int64_t
clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

#endif /* controller/base/clock.h */
