/* A host that asks more than half of what its port may ask is not heard for
 * FLOW_MUTE_S, by a flow of its bridge: others behind the port are, and those
 * who have its MAC in another VLAN.  Its
 * answers are heard as before, and what it sends to others passes. */
#ifndef MUTE_H
#define MUTE_H 1

#include "controller/engine/input.h"

/* An ARP request has come in by an access port, of a host that claims nothing
 * of others': who does is to be heard each time, since it is answered. */
void mute_note_request(struct engine *, const struct input *);

#endif /* controller/engine/mute.h */
