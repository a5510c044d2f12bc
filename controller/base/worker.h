/* A thread that does one job after another, beside the event loop: what may
 * take long (parsing megabytes) or wait (for a disk).
 *
 * A job works on memory of its own; nobody else touches that until it is
 * done. */
#ifndef WORKER_H
#define WORKER_H 1

#include <stdbool.h>

struct event_base;
struct worker;

/* Returns new, or NULL if there can be no thread, which is logged. */
struct worker *worker_create(struct event_base *);
/* Waits for the jobs, 'timeout_ms' at most, and calls 'done' for each that
 * is.  Returns false if some are not: those are lost, with all they have. */
bool worker_finish(struct worker *, int timeout_ms);
void worker_destroy(struct worker *);       /* NULL is fine. */

/* Has 'work' called in the thread, then 'done' (may be NULL) from the event
 * loop.  Without a worker (NULL) calls 'work' at once, 'done' not at all, and
 * returns true. */
bool worker_run(struct worker *, void (*work)(void *aux),
                void (*done)(void *aux), void *aux);

#endif /* controller/base/worker.h */
