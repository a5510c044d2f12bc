/* How many probes may be under way on one port?  Pure.
 *
 * All clients of a port may be asked at once.  What they answer waits in
 * queues that hold a few hundred frames (the socket of a bridge's port, say),
 * and what such a queue drops nobody counts: a client whose answers were lost
 * so looks dead.  So while answers come in, the next probes wait for them, as
 * with TCP's window.
 *
 * Answers come in the order of the questions, more or less: one tells that
 * whatever was asked before it is not under way any more, answered or not.
 * Where none comes at all, nothing fills any queue, and nobody waits.
 *
 * Takeover notices do not wait, since the clients do, but for their
 * repetitions; their acknowledgements fill the same queues.  So who was asked, and was not heard, while the window
 * was full is asked again, and nothing is concluded.  Where thousands of
 * clients keep it full all the time, nothing would ever be: so it is closed
 * for a while when there is something that has to be known. */
#ifndef WINDOW_H
#define WINDOW_H 1

#include <stdbool.h>
#include <stdint.h>

/* Open below that many under way. */
#define WINDOW_MOST 128
/* No answer for so long: the port is silent. */
#define WINDOW_SILENT_MS 10
/* Those that wait try again, so many a millisecond. */
#define WINDOW_RETRIES_PER_MS 40
/* An answer that takes longer tells nothing of what is under way. */
#define WINDOW_MEMORY_MS 64

struct window {
    uint32_t sent;              /* In all; wraps, as the next. */
    uint32_t passed;            /* Of these, the newest that is known to be no
                                 * longer under way. */
    int64_t sent_ms;            /* The last; monotonic. */
    int64_t progress_ms;        /* An answer came, or it became full. */
    int64_t full_ms;            /* An answer came, and it was still full. */
    int64_t closed_until_ms;    /* 0: it has been opened since. */
    int64_t retry_ms;           /* When the next that waits tries again. */
    uint32_t n_retries;         /* Those that do at that moment. */
    uint32_t before[WINDOW_MEMORY_MS];  /* Of 'sent', by the millisecond. */
};

/* A probe leaves by the port. */
void window_sent(struct window *, int64_t now_ms);

/* One was answered that was sent at 'sent_ms', modulo 2^32. */
void window_answered(struct window *, uint32_t sent_ms, int64_t now_ms);

/* No probe leaves before 'until_ms', so that queues run empty. */
void window_close(struct window *, int64_t until_ms);

/* Is it open, whatever the bridge does? */
static inline bool
window_has_room(const struct window *w)
{
    return !w->closed_until_ms && w->sent - w->passed < WINDOW_MOST;
}

/* Are too many under way?  'asked_us' as in window_is_open(). */
bool window_is_full(const struct window *, int64_t asked_us, int64_t now_ms);

/* May another leave?  'asked_us': when the bridge was asked something that it
 * has not come to, monotonic, 0: it has come to everything. */
bool window_is_open(const struct window *, int64_t asked_us, int64_t now_ms);

/* It may not: when should it try again? */
int64_t window_retry_ms(struct window *, int64_t now_ms);

#endif /* controller/decide/window.h */
