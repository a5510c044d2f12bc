/* DHCP: which router passes a client's message on, and which copy of it.  Pure.
 *
 * A broadcast reaches every router of the segment within a millisecond.  One
 * of them relays it: a server that hears a new client twice may reserve two
 * addresses for it.  So what a client sends is an exchange, known by its
 * segment, MAC, transaction and message type, and of the copies of one
 * message the first is passed on:
 *
 *               heard            a copy, within RELAY_COPY_MS
 *     (none) ----------> RELAYED <------------------------+
 *             pass on     |   ^                           |
 *                         |   +---------------------------+
 *                         | heard later: a retransmission, so nobody has
 *                         v answered
 *              pass it on by the next of the routers that hear the client
 *
 * That is a fail-over for the way to the server: the client repeats itself,
 * and each time another router asks.
 *
 * An exchange that is done, because it was answered for good or has been
 * followed by another, is kept only for as long as copies of it may come.
 *
 * The table is bounded: when it is full, the access port that has most of it
 * loses its oldest.  A host that invents clients pushes out its own exchanges
 * only. */
#ifndef RELAY_H
#define RELAY_H 1

#include <firsthop/types.h>

#define RELAY_COPY_MS   500     /* iPXE repeats after 1 s, others later. */
#define RELAY_AGE_MS    30000   /* So long after it was passed on last, an
                                 * exchange is forgotten. */
#define RELAY_MAX       16384   /* Exchanges, of all ports together. */
#define RELAY_MAX_MEMBERS 32    /* Of a segment. */

struct relays;

struct relay_key {
    uint32_t segment;
    uint32_t xid;
    struct eth_addr mac;
    uint8_t type;               /* enum dhcp_type */
    uint8_t zero;               /* Keys are compared as bytes. */
};

/* What was heard, and where. */
struct relay_heard {
    int member;
    uint32_t port;
    struct fh_vlan vlan;        /* The client's tags. */
    struct fh_addr wanted;      /* The address that it asks for, or zero. */
    bool rapid;                 /* It takes an acknowledgement at once. */
};

/* What is known of an exchange. */
struct relay_exchange {
    struct fh_vlan vlan;
    struct fh_addr wanted;      /* By the message passed on last. */
    int64_t passed_ms;          /* Last. */
    bool rapid;                 /* Likewise. */
    bool done;
    uint32_t heard_by;          /* Bit i: member i. */
    uint32_t ports[RELAY_MAX_MEMBERS];  /* 0: that one has not heard it. */
};

#define RELAY_COPY (-1)

struct relays *relays_create(void);
void relays_destroy(struct relays *);

/* A message was heard.  'usable' are the members that have a way to the core,
 * bit by bit; 'active' is the client's router, or -1, which goes first.
 * Returns the member that passes it on, or RELAY_COPY.  Nobody usable: the one
 * that heard it tries. */
int relays_heard(struct relays *, const struct relay_key *,
                 const struct relay_heard *, uint32_t usable, int active,
                 int64_t now_ms);

/* That exchange, or NULL.  Valid until the next call of relays_heard(). */
const struct relay_exchange *relays_find(const struct relays *,
                                         const struct relay_key *);

/* Nothing more is expected of that exchange, if there is one.  It is 'done'
 * until the client repeats the message after all. */
void relays_done(struct relays *, const struct relay_key *, int64_t now_ms);

size_t relays_count(const struct relays *);

#endif /* controller/decide/relay.h */
