/* Somebody speaks as us: how often that is told, and answered.  Pure.
 *
 * Whoever forges can do so more often than we should speak.  So an address is
 * defended as RFC 5227, 2.4 has it for those who must not give way: by saying
 * again whose it is, and, where that was forged anew in the pause after it,
 * once more when the pause is over. */
#ifndef GUARD_H
#define GUARD_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUARD_TELL_MS   10000   /* Between two events. */
#define GUARD_DEFEND_MS 100     /* Between two defences, at least. */

/* All zero: nothing has happened yet. */
struct guard {
    int64_t tell_ms;            /* No event before; monotonic. */
    int64_t defend_ms;          /* No defence before. */
    bool pending;               /* One is wanted by then. */
};

/* Is it to be told now?  If so it has been. */
bool guard_tells(struct guard *, int64_t now_ms);

/* Is it to be defended now, which takes 'n_frames'?  If so it has been; if not
 * it is 'pending'.  On average no more than a frame a millisecond is spent. */
bool guard_defends(struct guard *, size_t n_frames, int64_t now_ms);

#endif /* controller/decide/guard.h */
