/* ARP comes in from clients: questions, answers to probes, and what they say
 * of themselves. */
#ifndef INPUT_ARP_H
#define INPUT_ARP_H 1

#include "controller/engine/input.h"

input_handler input_arp;

/* A reply: that to a beacon, which may come by any port? */
input_handler input_beacon;

#endif /* controller/engine/input_arp.h */
