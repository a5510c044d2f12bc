/* The clock of several controllers.  See clocks.h. */
#include <config.h>

#include "controller/decide/clocks.h"

bool
clocks_hear(struct clocks *clocks, int64_t unix_ms, int64_t mono_ms)
{
    int64_t off_ms = unix_ms - mono_ms;

    if (unix_ms < 0 || unix_ms > CLOCKS_LAST_MS
        || (clocks->heard && off_ms <= clocks->off_ms)) {
        return false;
    }
    clocks->heard = true;
    clocks->off_ms = off_ms;
    return true;
}

int64_t
clocks_now(const struct clocks *clocks, int64_t unix_ms, int64_t mono_ms)
{
    int64_t heard_ms = mono_ms + clocks->off_ms;

    return clocks->heard && heard_ms > unix_ms ? heard_ms : unix_ms;
}
