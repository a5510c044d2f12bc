/* Which router is to serve a client: discovery, election, deadlines. */
#ifndef SETTLE_H
#define SETTLE_H 1

#include "controller/engine/engine_private.h"

/* The client spoke, and has no router that reaches it: probe from all, elect
 * when they have answered or a moment has passed, then answer for 'asked'
 * (zero: nothing was asked). 'member' heard it through 'port'. */
void settle_discover(struct engine *, struct client *, size_t member,
                     uint32_t port, struct fh_addr asked);
/* Asks by every router that does not reach the client, so that its election
 * sees what there is to choose from. */
void settle_start_discovery(struct engine *, struct client *);
bool settle_all_have_answered(const struct client *);

/* Elects, and does what follows.  'cause' is a hint, CAUSE_NONE: find out. */
void settle_elect(struct engine *, struct client *, enum incident_cause);
void settle_elect_again(struct engine *, struct client *, size_t member,
                        uint32_t);
/* Moves an active client to a member that reaches it. */
void settle_move(struct engine *, struct client *, int member,
                 enum incident_cause);
void settle_snapshot(const struct engine *, const struct client *,
                     struct elect_candidate *, struct elect_input *);

/* Of client.timer. */
void settle_timer_fired(struct wheel_timer *, int64_t now_ms, void *en);

#endif /* controller/engine/settle.h */
