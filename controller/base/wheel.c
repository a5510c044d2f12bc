/* A hierarchical timer wheel.
 *
 * Owns the lists that armed timers hang in, never the timers.  Driven by the
 * event loop through firsthop, and by tests in virtual time.  Never reads a
 * clock. */
#include <config.h>

#include "controller/base/wheel.h"

#include <assert.h>
#include <stdlib.h>

#include <firsthop/buf.h>

/* Time is read as a number in base 64, and each level of the wheel is a ring of
 * 64 slots, as wide as one of its digit.  A timer hangs at the level of the
 * highest digit of how far away it is, in the slot that this digit of its time
 * names.  So
 *
 *   - the timers of a slot at level L are due within 64^L ms of its first
 *     instant, which is 1 to 64 slots ahead;
 *   - when the present reaches that instant, they are nearer than 64^L ms and
 *     move down (at least a level, so at most N_LEVELS times in their life, and
 *     mostly once or never);
 *   - however many timers are due every second, no more of them move down at
 *     once than are due within 64 ms: were a timer's level that of the highest
 *     digit in which its time differs from the present, all that are due after
 *     the next multiple of 4096 ms would move then;
 *   - with a bitmap of the slots in use, a jump over hours costs no more than
 *     the timers that it passes.
 *
 * Example, with the present at 2:10:05 (digits from the top), that is 8837:
 *
 *   due      digits    away    hangs at        moves down at
 *   8838     2:10:06   1       level 0, 06     -
 *   8900     2:11:04   63      level 0, 04     -
 *   8950     2:11:54   113     level 1, 11     2:11:00, to level 0, 54
 *   12300    3:00:12   3463    level 1, 00     3:00:00, to level 0, 12
 */
#define SLOT_BITS 6
#define N_SLOTS   (1 << SLOT_BITS)
#define SLOT_MASK (N_SLOTS - 1)
#define N_LEVELS  11            /* 66 bits: any time, without an end. */

/* wheel_next_ms() looks no further ahead. */
#define NEXT_MAX_MS 1000

struct wheel {
    uint64_t now;               /* The present: see to_ticks(). */
    uint64_t horizon;           /* What is armed for then or earlier goes to
                                 * 'late'.  Ahead of 'now' while advancing. */
    bool advancing;
    size_t n_armed;
    void *aux;
    struct wheel_timer *late;   /* Overdue when armed. */
    struct wheel_timer *firing; /* What is being fired.  A list that all can
                                 * reach, so that fire() can cancel in it. */
    uint64_t used[N_LEVELS];    /* Bit s: slots[level][s] is not empty. */
    struct wheel_timer *slots[N_LEVELS][N_SLOTS];
};

/* Times as unsigned numbers of the same order, so that they have digits. */
static uint64_t
to_ticks(int64_t ms)
{
    return (uint64_t) ms ^ UINT64_C(1) << 63;
}

static int64_t
from_ticks(uint64_t ticks)
{
    return (int64_t) (ticks ^ UINT64_C(1) << 63);
}

struct wheel *
wheel_create(int64_t now_ms, void *aux)
{
    struct wheel *wheel = fh_xcalloc(1, sizeof *wheel);

    wheel->now = wheel->horizon = to_ticks(now_ms);
    wheel->aux = aux;
    return wheel;
}

void
wheel_destroy(struct wheel *wheel)
{
    assert(!wheel || !wheel->advancing);
    free(wheel);
}

static void
list_push(struct wheel_timer **list, struct wheel_timer *timer)
{
    timer->next = *list;
    timer->pprev = list;
    if (timer->next) {
        timer->next->pprev = &timer->next;
    }
    *list = timer;
}

static void
list_remove(struct wheel_timer *timer)
{
    *timer->pprev = timer->next;
    if (timer->next) {
        timer->next->pprev = timer->pprev;
    }
    timer->next = NULL;
    timer->pprev = NULL;
}

/* Moves all of '*from' to '*to', which is empty. */
static void
list_move(struct wheel_timer **to, struct wheel_timer **from)
{
    *to = *from;
    if (*to) {
        (*to)->pprev = to;
    }
    *from = NULL;
}

/* Hangs 'timer', which is due at 'at' >= wheel->now, where it belongs. */
static void
place(struct wheel *wheel, struct wheel_timer *timer, uint64_t at)
{
    uint64_t away = at - wheel->now;
    unsigned int level, slot;

    level = away ? (63 - __builtin_clzll(away)) / SLOT_BITS : 0;
    slot = (at >> level * SLOT_BITS) & SLOT_MASK;
    list_push(&wheel->slots[level][slot], timer);
    wheel->used[level] |= UINT64_C(1) << slot;
}

/* Clears the bit of the slot whose list starts at 'head', if it is one and
 * has become empty. */
static void
note_removal(struct wheel *wheel, struct wheel_timer **head)
{
    uintptr_t first = (uintptr_t) &wheel->slots[0][0];
    uintptr_t i = ((uintptr_t) head - first) / sizeof *head;

    /* Below 'first' wraps around to a large number. */
    if (i < N_LEVELS * N_SLOTS && !*head) {
        wheel->used[i / N_SLOTS] &= ~(UINT64_C(1) << i % N_SLOTS);
    }
}

void
wheel_cancel(struct wheel_timer *timer)
{
    struct wheel_timer **pprev = timer->pprev;

    if (pprev) {
        list_remove(timer);
        note_removal(timer->wheel, pprev);
        timer->wheel->n_armed--;
        timer->wheel = NULL;
    }
}

void
wheel_arm(struct wheel *wheel, struct wheel_timer *timer, int64_t at_ms)
{
    uint64_t at = to_ticks(at_ms);

    assert(timer->fire);
    wheel_cancel(timer);
    timer->at_ms = at_ms;
    timer->wheel = wheel;
    wheel->n_armed++;
    if (at <= wheel->horizon) {
        list_push(&wheel->late, timer);
    } else {
        place(wheel, timer, at);
    }
}

/* How many slots ahead the first one in use of that level is: at level 0 the
 * present's own may be; at others that one has been emptied, and what hangs
 * there is a whole turn away. */
static unsigned int
slots_ahead(uint64_t used, unsigned int level, uint64_t present)
{
    unsigned int from = (present + (level > 0)) & SLOT_MASK;
    uint64_t turned = used >> from | used << ((N_SLOTS - from) & SLOT_MASK);

    return __builtin_ctzll(turned) + (level > 0);
}

/* Finds the first instant of a slot in use, or returns false. */
static bool
find_first_instant(const struct wheel *wheel, uint64_t *startp)
{
    bool found = false;

    for (unsigned int level = 0; level < N_LEVELS; level++) {
        unsigned int shift = level * SLOT_BITS;
        uint64_t number, start;

        if (!wheel->used[level]) {
            continue;
        }
        number = wheel->now >> shift;
        number += slots_ahead(wheel->used[level], level, number);
        start = number << shift;
        if (!found || start < *startp) {
            found = true;
            *startp = start;
        }
    }
    return found;
}

/* Fires all of 'wheel->firing'.  Each timer leaves the list before its fire()
 * is called, which may free it and empty the rest of the list. */
static void
fire_all(struct wheel *wheel)
{
    while (wheel->firing) {
        struct wheel_timer *timer = wheel->firing;

        wheel_cancel(timer);
        timer->fire(timer, from_ticks(wheel->horizon), wheel->aux);
    }
}

/* Takes the timers of the present's slot at that level. */
static void
take_slot(struct wheel *wheel, unsigned int level, struct wheel_timer **to)
{
    unsigned int slot = (wheel->now >> level * SLOT_BITS) & SLOT_MASK;

    list_move(to, &wheel->slots[level][slot]);
    wheel->used[level] &= ~(UINT64_C(1) << slot);
}

/* The present is the first instant of a slot at that level and at those below:
 * moves their timers down, from the top. */
static void
cascade(struct wheel *wheel, unsigned int level)
{
    for (; level > 0; level--) {
        struct wheel_timer *timer;

        take_slot(wheel, level, &timer);
        while (timer) {
            struct wheel_timer *next = timer->next;

            place(wheel, timer, to_ticks(timer->at_ms));
            timer = next;
        }
    }
}

/* The highest level at which that is the first instant of a slot. */
static unsigned int
level_of_instant(uint64_t at)
{
    unsigned int level = at ? __builtin_ctzll(at) / SLOT_BITS : N_LEVELS - 1;

    return level < N_LEVELS - 1 ? level : N_LEVELS - 1;
}

void
wheel_advance(struct wheel *wheel, int64_t now_ms)
{
    uint64_t target = to_ticks(now_ms), start;

    assert(!wheel->advancing);
    wheel->advancing = true;
    if (target > wheel->horizon) {
        wheel->horizon = target;
    }

    list_move(&wheel->firing, &wheel->late);
    fire_all(wheel);
    while (find_first_instant(wheel, &start) && start <= wheel->horizon) {
        wheel->now = start;
        cascade(wheel, level_of_instant(start));
        take_slot(wheel, 0, &wheel->firing);
        fire_all(wheel);
    }
    wheel->now = wheel->horizon;
    wheel->advancing = false;
}

int64_t
wheel_next_ms(const struct wheel *wheel)
{
    uint64_t start;

    if (wheel->late || wheel->firing) {
        return from_ticks(wheel->horizon);
    } else if (!find_first_instant(wheel, &start)) {
        return INT64_MAX;
    } else if (start <= wheel->horizon) {
        return from_ticks(wheel->horizon);      /* Asked by a fire(). */
    } else if (start - wheel->horizon > NEXT_MAX_MS) {
        return from_ticks(wheel->horizon + NEXT_MAX_MS);
    } else {
        return from_ticks(start);
    }
}

size_t
wheel_armed(const struct wheel *wheel)
{
    return wheel->n_armed;
}
