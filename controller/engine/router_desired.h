/* What a router's bridge should hold: flows and meters whoever its clients
 * are, and a client as the builders of its flows want it.  Pure. */
#ifndef ROUTER_DESIRED_H
#define ROUTER_DESIRED_H 1

#include "controller/net/router.h"

/* The flows that the bridge should hold whoever its clients are. */
void router_build_base(const struct router *, struct flow_set *);
/* The meters.  Returns how many, and '*metersp', new. */
size_t router_build_meters(const struct router *, struct fh_meter **metersp);
/* Replies that one access port may punt. */
uint32_t router_replies_pps(const struct router *);
/* Have so many clients come since the meters were set that their answers to
 * probes may not pass any more? */
bool router_has_outgrown_meters(const struct router *);

/* What all clients of the router may bring a second: answers to as many
 * probes as they are sent, and the requests that their ports may punt. */
uint32_t router_punts_pps(const struct router *);

/* A client as the builders want it, on this router.  Returns false if its
 * port, or the uplink's, is not there. */
bool router_client_view(const struct client *, size_t member,
                        struct fh_client *);
/* The same client as it is in the flows that the router holds: its MAC, and
 * the ports of it and of the uplink, whatever they are now.  '*view' borrows
 * '*uplink'. */
bool router_held_view(const struct client *, size_t member,
                      struct fh_client *view, struct fh_uplink *uplink);
/* Do the flows that the router holds for it (perhaps none) name other ports
 * than those where the client and the core are now? */
bool router_holds_wrong(const struct client *, size_t member);

#endif /* controller/engine/router_desired.h */
