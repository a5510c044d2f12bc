/* The server's acknowledgement of a lease waits here until the client's flows
 * are in force, so that the client's first packet is forwarded. */
#ifndef LEASE_ACK_H
#define LEASE_ACK_H 1

#include <stddef.h>
#include <stdint.h>

struct client;

/* The frame that tells the client, from the router that hears it. */
struct lease_ack {
    const uint8_t *frame;       /* Borrowed: 'len' bytes. */
    size_t len;
    int member;
    uint32_t port;
};

/* Keeps a copy of '*ack', in place of one that waits.  The client must have a
 * lease. */
void lease_ack_keep(struct client *, const struct lease_ack *ack);

/* The flows are in force, or cannot be: sends what waits, if anything does. */
void lease_ack_send(struct client *);
/* Forgets what waits.  The client must have a lease. */
void lease_ack_drop(struct client *);

#endif /* controller/engine/lease_ack.h */
