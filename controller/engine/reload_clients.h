/* Clients from one configuration to the next: those of a segment that was left
 * go on in the one that takes its place, with what is known of them and what
 * routers that go on hold of them. */
#ifndef RELOAD_CLIENTS_H
#define RELOAD_CLIENTS_H 1

#include "controller/engine/engine_private.h"

/* Follows the configured clients, from 'was' to en->config: in new segments,
 * all; in those that go on, what has changed.  Returns false if there was
 * nothing to do. */
bool reload_configured_clients(struct engine *, const struct config *was,
                               bool other_segments);
/* Those of the segments that are 'left'. */
void reload_take_over_clients(struct engine *);
/* The router as the new configuration has it, or as one that departs; or
 * NULL. */
struct router *reload_find_successor(const struct engine *,
                                     const struct router *);

#endif /* controller/engine/reload_clients.h */
