/* Changes by operators, one after another: who wants to make one waits for
 * its turn, and keeps it until the change is on disk and in force. */
#ifndef TURN_H
#define TURN_H 1

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

/* To be embedded.  'run' is called when the turn has come, and again by
 * turns_resume() as long as it has not been ended by turn_end(). */
struct turn {
    TAILQ_ENTRY(turn) link;
    void (*run)(struct turn *);
};

/* The first one has its turn.  All zero but for turns_init(). */
struct turns {
    TAILQ_HEAD(, turn) waiting;
    struct turn *started;       /* Has run at least once. */
    bool pumping;
};

void turns_init(struct turns *);
/* Runs 'turn' at once, if nobody is before it; it may have ended then. */
void turn_begin(struct turns *, struct turn *);
/* From within 'run', or later.  The next one runs. */
void turn_end(struct turns *, struct turn *);
/* What the one whose turn it is has waited for has happened. */
void turns_resume(struct turns *);

#endif /* controller/base/turn.h */
