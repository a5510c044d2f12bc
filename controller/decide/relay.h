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
 * The table is bounded, and each access port has a share of its own: a host
 * that invents clients pushes out its own exchanges only. */
#ifndef RELAY_H
#define RELAY_H 1

#include <firsthop/types.h>

#define RELAY_COPY_MS   500     /* iPXE repeats after 1 s, others later. */
#define RELAY_AGE_MS    30000   /* After that an exchange is forgotten. */
#define RELAY_PER_PORT  1024    /* Exchanges that one port may have. */
#define RELAY_MAX_MEMBERS 32    /* Of a segment. */

struct relays;

struct relay_key {
    uint32_t segment;
    uint32_t xid;
    struct eth_addr mac;
    uint8_t type;               /* enum dhcp_type */
    uint8_t zero;               /* Keys are compared as bytes. */
};

/* Where a message was heard. */
struct relay_place {
    int member;
    uint32_t port;
};

struct relay_verdict {
    bool pass_on;               /* Else it is a copy. */
    struct relay_place by;      /* 'port': where that router hears the client,
                                 * 0: it has not heard this exchange. */
};

struct relays *relays_create(void);
void relays_destroy(struct relays *);

/* A message was heard at 'place'.  'usable' are the members that have a way to
 * the core, bit by bit; 'active' is the client's router, or -1, which goes
 * first.  Nobody usable: the one that heard it tries. */
struct relay_verdict relays_heard(struct relays *, const struct relay_key *,
                                  struct relay_place place, uint32_t usable,
                                  int active, int64_t now_ms);

/* Where 'member' last heard that client in that transaction, whatever the
 * type: its port, or 0. */
uint32_t relays_port(const struct relays *, uint32_t segment,
                     struct eth_addr mac, uint32_t xid, int member);

size_t relays_count(const struct relays *);

#endif /* controller/decide/relay.h */
