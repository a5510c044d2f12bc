/* DHCP comes in, from clients and from servers.  Relays it, and tells lease.h
 * what came of it.  Everything here is hostile until checked; what is refused
 * is counted and changes nothing. */
#ifndef INPUT_DHCP_H
#define INPUT_DHCP_H 1

#include "controller/engine/input.h"

/* A client's broadcast. */
input_handler input_dhcp_broadcast;

/* What goes between a client, or us, and a server, on its way through
 * ROUTE. */
input_handler input_dhcp_routed;

#endif /* controller/engine/input_dhcp.h */
