/* IPv4 comes in from hosts that are not known: they send, but speak no ARP. */
#ifndef INPUT_SENDER_H
#define INPUT_SENDER_H 1

#include "controller/engine/input.h"

input_handler input_sender;

#endif /* controller/engine/input_sender.h */
