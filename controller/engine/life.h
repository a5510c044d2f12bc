/* A client's life: it comes to be known, its routers come and go, it is
 * withdrawn and forgotten. */
#ifndef LIFE_H
#define LIFE_H 1

#include "controller/engine/engine_private.h"

struct client *life_add(struct engine *, struct segment *, struct fh_addr,
                        enum client_origin);
/* Cancels all that is under way for it, removes its flows and frees it.
 * 'why' is for the event; NULL: none. */
void life_forget(struct engine *, struct client *, const char *why);
/* It makes room for another: has never answered. */
void life_put_out(struct engine *, struct client *);
/* Nobody is to forward for it: flows and route are removed. */
void life_withdraw(struct engine *, struct client *);
void life_set_origin(struct client *, enum client_origin);

/* Starts, or stops, probing by a router that came or went. */
void life_member_ready(struct engine *, struct client *, size_t member,
                       bool holds);
void life_member_gone(struct engine *, struct client *, size_t member,
                      uint32_t);

#endif /* controller/engine/life.h */
