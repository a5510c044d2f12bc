/* The clock of several controllers: of all that have been heard of, the one
 * that is farthest ahead, so that what a new leader decides is later than what
 * any before it has decided.  Pure.
 *
 * It is kept beside the monotonic clock: one's own that is set right (a machine
 * that starts in 1970, until NTP has answered) does not take it along. */
#ifndef CLOCKS_H
#define CLOCKS_H 1

#include <stdbool.h>
#include <stdint.h>

#define CLOCKS_LAST_MS (INT64_C(1) << 62)       /* Nobody says a later one. */

struct clocks {
    bool heard;                 /* Of any. */
    int64_t off_ms;             /* That one's Unix time less our monotonic
                                 * clock. */
};

/* A clock says 'unix_ms'.  Returns whether it is the farthest ahead so far. */
bool clocks_hear(struct clocks *, int64_t unix_ms, int64_t mono_ms);
/* Unix time, ours being 'unix_ms'. */
int64_t clocks_now(const struct clocks *, int64_t unix_ms, int64_t mono_ms);

#endif /* controller/decide/clocks.h */
