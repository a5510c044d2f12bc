/* Who serves a client: its active router, its state and its deadlines. */
#ifndef SERVING_H
#define SERVING_H 1

#include "controller/engine/engine_private.h"

/* May the member serve the client?  It is ready, and its bridge can read as
 * many tags as it takes. */
bool serving_can(const struct client *, size_t member);
uint32_t serving_ready(const struct segment *);

void serving_set_active(struct engine *, struct client *, int member);
void serving_set_state(struct engine *, struct client *, enum client_state);

/* Arms the client's timer for the earliest of its deadlines. */
void serving_arm(struct engine *, struct client *);
/* When it is withdrawn, and forgotten; 0: never. */
int64_t serving_withdraw_at_ms(const struct client *);
int64_t serving_age_at_ms(const struct client *);

/* An event about it; and the name of a member (ELECT_NONE: none) in one. */
struct incident serving_event(const struct client *, enum incident_type);
void serving_name_member(char *name, const struct client *, int member);
/* The same, or the router that forwards for it without being one any more. */
void serving_name_forwarder(char *name, const struct client *, int member);

/* Tells that the client, which is lost, is. */
void serving_report_lost(struct engine *, struct client *);

#endif /* controller/engine/serving.h */
