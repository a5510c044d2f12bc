/* Learnt clients: how many there may be, and who makes room for whom.
 *
 * Anybody can forge senders, and it takes more to answer for them: to see what
 * is sent to a MAC that one has forged, or to guess when.  A learnt client
 * that has never answered a probe is unverified: where a limit is reached, a
 * new host takes the place of the oldest unverified one.  A client that has
 * answered once is never displaced.  All in O(1).
 *
 * Nor may forged senders cost more than what they are forged with.  Where a
 * port has several unverified clients already, a new one is asked, until it
 * answers, by the router and the port alone that heard it, and ever more
 * seldom; it is served if it does not answer, but the core is not told.
 *
 * Of an unverified client that was never elected a router no event told that
 * it had come, and none tells that it goes: a flood of forged senders must not
 * push all else out of the ring. */
#ifndef LEARNED_H
#define LEARNED_H 1

#include "controller/engine/engine_private.h"

/* The learnt client counts on the member's access port of that number, from
 * now until learned_leave(). */
void learned_enter(struct client *, size_t member, uint32_t port);
/* The same on the 'i'th of its access ports: after a reload. */
void learned_enter_at(struct client *, size_t member, size_t i);
/* It is forgotten, or not a learnt one any more. */
void learned_leave(struct client *);

/* May a client be learnt at that port?  Only when the 'victims' (NULL: none)
 * have been displaced for it, where a limit is reached. */
bool learned_make_room(struct segment *, struct router_port *,
                       struct client *victims[2]);

/* An unverified client has been learnt that 'member' has heard.  If its port
 * has many of them, it is 'unanswered' until it answers. */
void learned_press(struct client *, size_t member);
/* May the router of that reach ask it now? */
bool learned_may_ask(const struct client *, const struct reach *,
                     int64_t now_ms);

/* From now on a learnt client that has never answered counts as unverified;
 * of any other nothing changes. */
void learned_set_unverified(struct client *);
/* It has answered a probe. */
void learned_set_verified(struct client *);

#endif /* controller/engine/learned.h */
