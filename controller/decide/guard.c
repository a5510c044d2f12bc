/* How often a forgery is told and answered.  See guard.h. */
#include <config.h>

#include "controller/decide/guard.h"

bool
guard_tells(struct guard *g, int64_t now_ms)
{
    if (now_ms < g->tell_ms) {
        return false;
    }
    g->tell_ms = now_ms + GUARD_TELL_MS;
    return true;
}

bool
guard_defends(struct guard *g, size_t n_frames, int64_t now_ms)
{
    g->pending = now_ms < g->defend_ms;
    if (g->pending) {
        return false;
    }
    g->defend_ms = now_ms + (n_frames > GUARD_DEFEND_MS
                             ? (int64_t) n_frames : GUARD_DEFEND_MS);
    return true;
}
