/* A connection between two controllers: frames over a transport.
 *
 * A frame is its length (32 bits, of what follows), a type (8 bits), a number
 * (32 bits) and a payload.  What is long is cut into frames, between which
 * short ones pass, so that heartbeats do not wait for it.  Everything that
 * comes is bounded; what breaks a bound ends the connection. */
#ifndef LINK_H
#define LINK_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct link;
struct transport;

#define LINK_MAX_SHORT   1024           /* Bytes of a short message. */
#define LINK_MAX_LONG    (80u << 20)    /* Of a long one, put together. */
#define LINK_MAX_PARTIAL 16             /* Long ones that come at a time, */
#define LINK_MAX_KEPT    (160u << 20)   /* and bytes of all of them. */

enum link_type {
    LINK_HELLO,                 /* Short. */
    LINK_BEAT,                  /* Short. */
    LINK_REQUEST,               /* Long. */
    LINK_ANSWER,                /* Long; empty: there is none. */
    LINK_N_TYPES
};

struct link_handler {
    /* A message as a whole; borrowed.  May close the link. */
    void (*message)(void *aux, enum link_type, uint32_t number,
                    const uint8_t *, size_t len);
    /* The connection has ended; link_destroy() is what is left to do. */
    void (*closed)(void *aux, const char *why);
};

/* Takes 'transport'.  Returns new. */
struct link *link_create(struct event_base *, struct transport *transport,
                         const struct link_handler *, void *aux);
/* The peer has said who it is, and is believed: from now on it may send what
 * is long, of which nothing is kept before. */
void link_admit(struct link *);
/* Closes, and tells nobody.  NULL is fine. */
void link_destroy(struct link *);

/* Is there room for a message of 'len' bytes? */
bool link_has_room(const struct link *, size_t len);
/* What does not fit in what may wait ends the connection, from the event
 * loop. */
void link_send(struct link *, enum link_type, uint32_t number, const void *,
               size_t len);
/* Whom the peer has proved to be, or NULL. */
const char *link_peer_name(const struct link *);

#endif /* controller/cluster/link.h */
