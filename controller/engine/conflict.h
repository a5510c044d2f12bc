/* Somebody else speaks for a client: carries out what claim.h says. */
#ifndef CONFLICT_H
#define CONFLICT_H 1

#include "controller/engine/engine_private.h"

/* 'mac' speaks for the client through 'port', one of which is not its.
 * Returns true if the client has been made to follow. */
bool conflict_claims(struct engine *, struct client *, size_t member,
                     struct eth_addr mac, uint32_t port);
/* It answers in place of the client. */
void conflict_answers(struct engine *, struct client *, struct eth_addr mac);
/* The client's place has answered a probe of 'member', from 'mac'. */
void conflict_place_answered(struct engine *, struct client *, size_t member,
                             struct eth_addr mac);
/* When it is asked next, that would be at 'next_ms'. */
int64_t conflict_next_ms(const struct engine *, const struct client *,
                         int64_t next_ms);
/* The member reaches it no more.  Returns true where the last claim may be
 * true: then the client is to be discovered as heard by 'c->claim.member', and
 * conflict_ask_all() has everybody asked who has the address. */
bool conflict_place_silent(struct engine *, struct client *, size_t member);
void conflict_ask_all(struct engine *, struct client *);

#endif /* controller/engine/conflict.h */
