/* Somebody else speaks for a client: another MAC, or another port. */
#ifndef RIVAL_H
#define RIVAL_H 1

#include "controller/engine/engine_private.h"

/* 'mac' speaks for the client through 'port', one of which is not its.
 * Returns true if the client has been made to follow. */
bool rival_claims(struct engine *, struct client *, size_t member,
                  struct eth_addr mac, uint32_t port);
/* It answers in place of the client. */
void rival_answers(struct engine *, struct client *, struct eth_addr mac);
/* The client's place has answered a probe of 'member', from 'mac'. */
void rival_place_answered(struct engine *, struct client *, size_t member,
                          struct eth_addr mac);
/* The member reaches it no more.  Returns true where the last claim may be
 * true: then the client is discovered by whoever heard that, and contested. */
bool rival_place_silent(struct engine *, struct client *, size_t member);
/* Whoever answers a broadcast probe first has the address. */
void rival_contest(struct engine *, struct client *);

#endif /* controller/engine/rival.h */
