/* What has happened to one client: its last changes, for as long as it is
 * known.
 *
 * The journal has everybody's events, but not for long where many are noisy; a
 * quiet client's story is still here.  Pure memory: a client with a change or
 * two takes some 200 bytes. */
#ifndef HISTORY_H
#define HISTORY_H 1

#include "controller/base/journal.h"

#define HISTORY_KEPT 8          /* Changes; the oldest goes first. */

struct history;

/* Notes the event, with its number, if it is a change of its client: of its
 * router, state or place, not somebody's attempt at one.  '*history' is made
 * when there is a first. */
void history_add(struct history **history, const struct incident *);
void history_destroy(struct history *);

/* The first change whose number is greater than 'seq': true and '*event'.
 * Segment and client are left to whoever knows whose history it is. */
bool history_after(const struct history *, uint64_t seq,
                   struct incident *event);

#endif /* controller/base/history.h */
