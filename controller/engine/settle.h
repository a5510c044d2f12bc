/* Which router is to serve a client: discovery, election, deadlines. */
#ifndef SETTLE_H
#define SETTLE_H 1

#include "controller/engine/engine_private.h"

/* The client spoke, and has no router that reaches it: probe from all, elect
 * when they have answered or a moment has passed, then answer for 'asked'
 * (zero: nothing was asked). 'member' heard it through 'port'. */
void settle_discover(struct engine *, struct client *, size_t member,
                     uint32_t port, struct fh_addr asked);

/* It has answered for the first time since it was learnt. */
void settle_verified(struct engine *, struct client *);

/* Moves an active client to a member that reaches it. */
void settle_move(struct engine *, struct client *, int member,
                 enum incident_cause);
void settle_snapshot(const struct engine *, const struct client *,
                     struct elect_candidate *, struct elect_input *);

/* Settles what is marked: to be called where a step ends.  Some thousands at
 * most, so that others are answered in between; the rest is settled as the
 * loop turns. */
void settle_some(struct engine *);
static inline void
settle_marked(struct engine *en)
{
    if (!TAILQ_EMPTY(&en->marked)) {
        settle_some(en);
    }
}
/* Settles the client, if it is marked, because what follows depends on it. */
void settle_now(struct engine *, struct client *);
/* All that is marked. */
void settle_all(struct engine *);

#endif /* controller/engine/settle.h */
