/* ARP comes in from the core: questions for clients, and what next hops say of
 * themselves. */
#ifndef INPUT_UPLINK_H
#define INPUT_UPLINK_H 1

#include "controller/engine/input.h"

input_handler input_uplink;

#endif /* controller/engine/input_uplink.h */
