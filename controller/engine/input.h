/* Frames come in.
 *
 * Everything that a bridge hands up is hostile until checked; what is refused
 * is counted and changes nothing.  A new protocol is a row in input.c's table
 * and a file with its handler. */
#ifndef INPUT_H
#define INPUT_H 1

#include "controller/engine/engine_private.h"
#include "flows/flow_base.h"
#include "flows/ipv4.h"

/* A frame as it has come in, taken apart.  All is borrowed. */
struct input {
    struct router *router;
    struct router_port *port;   /* The access port that it came by, NULL: it
                                 * was another port. */
    const struct of_packet_in *pin;
    const struct frame *frame;
    union {
        struct arp arp;         /* By frame->eth_type. */
        struct ipv4 ip;
    };
};

/* The routing domain, flow_meta_domain(), that a packet out of ROUTE is in. */
static inline uint64_t
input_domain(const struct input *in)
{
    return in->pin->metadata & (FLOW_META_DOMAIN_MASK | FLOW_META_ROUTING);
}

/* Deals with a frame.  Returns false if it is none of its kind after all: the
 * next row that fits has it. */
typedef bool input_handler(struct engine *, const struct input *);

/* The router's bridge has handed up a frame. */
void input_frame(struct engine *, struct router *,
                 const struct of_packet_in *);

#endif /* controller/engine/input.h */
