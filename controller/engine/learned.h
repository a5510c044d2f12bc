/* Learnt clients: how many there may be, and who makes room for whom.
 *
 * Anybody can forge senders, and it takes more to answer for them: to see what
 * is sent to a MAC that one has forged, or to guess when.  A learnt client
 * that has never answered a probe is a guest: where a limit is reached, a new
 * host takes the place of the oldest guest.  Who has answered once is never
 * put out.  All in O(1).
 *
 * Nor may forged senders cost more than what they are forged with.  Where a
 * port has several guests already, a new one is asked, until it answers, by
 * the router and the port alone that heard it, and ever more seldom; it is
 * served if it does not answer, but the core is not told.
 *
 * Of a guest that was never elected no event told that it had come, and none
 * tells that it goes: a flood of forged senders must not push all else out of
 * the ring. */
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
 * have been put out for it, where a limit is reached. */
bool learned_make_room(struct segment *, struct router_port *,
                       struct client *victims[2]);

/* A guest has been learnt that 'member' has heard: is it one too many?  Then
 * it is 'unanswered', until it answers. */
void learned_press(struct client *, size_t member);
/* May the router of that reach ask it now? */
bool learned_may_ask(const struct client *, const struct reach *,
                     int64_t now_ms);

/* A client that was not taken for one yet is a guest if it is a learnt one
 * and has never answered. */
void learned_set_guest(struct client *);
/* It has answered a probe. */
void learned_prove(struct client *);

#endif /* controller/engine/learned.h */
