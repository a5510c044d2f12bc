/* Packets come in that are for a router itself, or that it cannot forward:
 * what it owes their senders by ICMP, and fragments. */
#ifndef INPUT_ICMP_H
#define INPUT_ICMP_H 1

#include "controller/engine/input.h"

/* A packet on its way through ROUTE, before it was sent anywhere. */
input_handler input_icmp_routed;
/* A packet that has been sent to a client that is lost. */
input_handler input_icmp_lost;

#endif /* controller/engine/input_icmp.h */
