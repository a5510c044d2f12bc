/* The clocks of the machine.  See clock.h. */
#include <config.h>

#include "controller/base/clock.h"

static int64_t
read_us(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return ts.tv_sec * INT64_C(1000000) + ts.tv_nsec / 1000;
}

static int64_t (*source)(clockid_t) = read_us;

void
clock_set_source(int64_t (*us)(clockid_t))
{
    source = us ? us : read_us;
}

int64_t
clock_mono_us(void)
{
    return source(CLOCK_MONOTONIC);
}

int64_t
clock_unix_us(void)
{
    return source(CLOCK_REALTIME);
}
