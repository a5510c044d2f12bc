/* A hierarchical timer wheel: arm, cancel, advance.  All O(1).
 *
 * Pure: time is an argument, in ms, monotonic.  Timers are intrusive: embed a
 * 'struct wheel_timer' (zeroed) in what it is for.  1 ms resolution, never
 * early. */
#ifndef WHEEL_H
#define WHEEL_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wheel;

struct wheel_timer {
    struct wheel_timer *next, **pprev;  /* pprev is NULL while not armed. */
    struct wheel *wheel;                /* While armed; private. */
    int64_t at_ms;
    void (*fire)(struct wheel_timer *, int64_t now_ms, void *aux);
};

/* 'aux' is passed to every fire(). */
struct wheel *wheel_create(int64_t now_ms, void *aux);
void wheel_destroy(struct wheel *);     /* Disarms nothing, frees itself: what
                                         * is still armed can no longer be
                                         * cancelled. */

/* Arms 'timer' to fire in the first wheel_advance() whose 'now_ms' is at
 * least 'at_ms'; rearms it if it is armed.  An 'at_ms' that has passed counts
 * as the present. */
void wheel_arm(struct wheel *, struct wheel_timer *, int64_t at_ms);
void wheel_cancel(struct wheel_timer *);    /* Fine if not armed. */

/* When it will fire, INT64_MAX: never. */
static inline int64_t
wheel_due_ms(const struct wheel_timer *t)
{
    return t->pprev ? t->at_ms : INT64_MAX;
}

static inline bool
wheel_is_armed(const struct wheel_timer *t)
{
    return t->pprev != NULL;
}

/* Fires all that is due, in order of at_ms (within 1 ms in any order).  A
 * fire() may arm and cancel any timer, its own too; one that it arms for
 * 'now_ms' or earlier fires in the next advance.  It may free what its timer
 * is embedded in, and what cancelled timers are.  A timer is no longer armed
 * when its fire() is called.  Time never goes back: a 'now_ms' before the
 * earlier one counts as the earlier one. */
void wheel_advance(struct wheel *, int64_t now_ms);

/* When the next timer may be due: never later than the earliest (the present
 * for one that is overdue), at most 1 s ahead where none is near.  INT64_MAX
 * if none is armed.  Often some ms early for timers that are not near; an
 * advance to that time fires nothing and makes the next answer closer. */
int64_t wheel_next_ms(const struct wheel *);

size_t wheel_armed(const struct wheel *);   /* How many. */

#endif /* controller/base/wheel.h */
