/* How many probes may be under way on one port?  See window.h. */
#include <config.h>

#include "controller/decide/window.h"

static uint32_t
count_under_way(const struct window *w)
{
    return w->sent - w->passed;
}

static uint32_t *
slot(struct window *w, uint32_t ms)
{
    return &w->before[ms % WINDOW_MEMORY_MS];
}

/* Nothing was sent since 'sent_ms'. */
static void
catch_up(struct window *w, int64_t now_ms)
{
    int64_t ms = w->sent_ms;

    if (now_ms - ms > WINDOW_MEMORY_MS) {
        ms = now_ms - WINDOW_MEMORY_MS;
    }
    while (ms < now_ms) {
        *slot(w, (uint32_t) ++ms) = w->sent;
    }
    w->sent_ms = now_ms;
}

void
window_close(struct window *w, int64_t until_ms)
{
    if (until_ms > w->closed_until_ms) {
        w->closed_until_ms = until_ms;
    }
}

static bool
is_closed(const struct window *w, int64_t now_ms)
{
    return now_ms < w->closed_until_ms;
}

void
window_sent(struct window *w, int64_t now_ms)
{
    catch_up(w, now_ms);
    if (!is_closed(w, now_ms)) {
        w->closed_until_ms = 0;
    }
    w->sent++;
    if (count_under_way(w) == WINDOW_MOST) {
        w->progress_ms = now_ms;
    }
}

void
window_answered(struct window *w, uint32_t sent_ms, int64_t now_ms)
{
    uint32_t passed;

    catch_up(w, now_ms);
    if ((uint32_t) now_ms - sent_ms < WINDOW_MEMORY_MS) {
        passed = *slot(w, sent_ms) + 1;
        if ((int32_t) (passed - w->passed) > 0
            && (int32_t) (w->sent - passed) >= 0) {
            w->passed = passed;
            w->progress_ms = now_ms;
            w->full_ms = (count_under_way(w) < WINDOW_MOST ? w->full_ms
                          : now_ms);
        }
    }
}

bool
window_is_full(const struct window *w, int64_t asked_us, int64_t now_ms)
{
    return (count_under_way(w) >= WINDOW_MOST
            && (now_ms - w->progress_ms < WINDOW_SILENT_MS
                || (asked_us
                    && now_ms - asked_us / 1000 >= WINDOW_SILENT_MS)));
}

bool
window_is_open(const struct window *w, int64_t asked_us, int64_t now_ms)
{
    return !is_closed(w, now_ms) && !window_is_full(w, asked_us, now_ms);
}

int64_t
window_retry_ms(struct window *w, int64_t now_ms)
{
    if (w->retry_ms <= now_ms) {
        w->retry_ms = now_ms + 1;
        w->n_retries = 0;
    } else if (w->n_retries == WINDOW_RETRIES_PER_MS) {
        w->retry_ms++;
        w->n_retries = 0;
    }
    w->n_retries++;
    return w->retry_ms;
}
