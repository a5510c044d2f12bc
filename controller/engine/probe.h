/* Who reaches whom: probes go out, and what they tell comes in. */
#ifndef PROBE_H
#define PROBE_H 1

#include "controller/engine/engine_private.h"

/* Sees to the beacons that are due. */
void probe_beacons(struct engine *);
/* Asks the clients that a path's loss has made suspect. */
void probe_suspects(struct engine *);
/* Of reach.timer. */
void probe_timer_fired(struct wheel_timer *, int64_t now_ms, void *en);
void probe_now(struct engine *, struct client *, size_t member);
/* In a round of its own, whatever is under way. */
void probe_afresh(struct engine *, struct client *, size_t member);
/* Asks the client by the router that is on trial, and by the active one. */
void probe_trial(struct engine *, struct client *);
/* It has answered a probe of the member: after the verdict. */
void probe_answered(struct engine *, struct client *, size_t member);
/* A verdict about a client on a router. */
void probe_reach_event(struct engine *, struct client *, size_t member,
                       enum reach_event, enum incident_cause);
void probe_port_down(struct engine *, struct client *, size_t member,
                     uint32_t port);

#endif /* controller/engine/probe.h */
