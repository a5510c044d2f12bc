/* Changes by operators, one after another.  See turn.h. */
#include <config.h>

#include "controller/base/turn.h"

void
turns_init(struct turns *turns)
{
    TAILQ_INIT(&turns->waiting);
    turns->started = NULL;
    turns->pumping = false;
}

/* Starts the first one, and whoever becomes the first meanwhile: a loop, lest
 * a hundred who wait are a hundred calls deep. */
static void
pump(struct turns *turns)
{
    struct turn *first;

    if (turns->pumping) {
        return;
    }
    turns->pumping = true;
    while ((first = TAILQ_FIRST(&turns->waiting))
           && first != turns->started) {
        turns->started = first;
        first->run(first);
    }
    turns->pumping = false;
}

void
turn_begin(struct turns *turns, struct turn *turn)
{
    TAILQ_INSERT_TAIL(&turns->waiting, turn, link);
    pump(turns);
}

void
turn_end(struct turns *turns, struct turn *turn)
{
    TAILQ_REMOVE(&turns->waiting, turn, link);
    if (turns->started == turn) {
        turns->started = NULL;
    }
    pump(turns);
}

void
turns_resume(struct turns *turns)
{
    if (turns->started) {
        turns->started->run(turns->started);
    }
}
