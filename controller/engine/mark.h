/* What a client wants, noted by whoever learns something about it.
 *
 * Nobody but settle.c elects: others mark the client, and what is marked is
 * settled when the step that learnt it ends. */
#ifndef MARK_H
#define MARK_H 1

#include "controller/engine/engine_private.h"

/* Adds to what it wants: CLIENT_WANTS_... 'cause' is a hint for an election,
 * CAUSE_NONE: find out; the last one that says something counts. */
void mark_client(struct engine *, struct client *, unsigned int wants,
                 enum incident_cause cause);
/* An election: to be swept with. */
void mark_election(struct engine *, struct client *, size_t member,
                   uint32_t unused);
/* The member reaches it no more. */
void mark_silent(struct engine *, struct client *, size_t member);
/* It wants nothing any more: it is about to go. */
void mark_clear(struct engine *, struct client *);

#endif /* controller/engine/mark.h */
