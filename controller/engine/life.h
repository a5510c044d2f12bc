/* A client's life: it comes to be known, its routers come and go, it is
 * withdrawn and forgotten. */
#ifndef LIFE_H
#define LIFE_H 1

#include "controller/engine/engine_private.h"

/* How a client comes to be known. */
enum sighted {
    SIGHTED_REQUEST,            /* It asks by ARP, or announces itself so. */
    SIGHTED_TRAFFIC,            /* It sends IPv4, or an ARP reply to everybody:
                                 * to be asked whether it is there, by who has
                                 * seen it. */
    SIGHTED_LEASE,              /* A DHCP server has given it its address. */
    SIGHTED_FLOW,               /* A bridge holds flows for it. */
    SIGHTED_BEFORE,             /* It was known before a reload. */
    SIGHTED_ENTRY,              /* It is configured or provisioned. */
};

struct sighting {
    enum sighted how;
    enum client_origin origin;
    struct segment *segment;
    struct fh_addr address;
    struct eth_addr mac;        /* Zero: not known. */
    const struct fh_vlan *vlan; /* Its tags; NULL: the segment's. */
    size_t member;              /* But LEASE, BEFORE, ENTRY: who has seen it, */
    uint32_t port;              /* and by which port. */
};

/* The one way for a client to come to be known.  The address must not be a
 * client's already.  Returns the new client, or NULL if there may be none:
 * with REQUEST and TRAFFIC, that is counted and logged. */
struct client *life_sighted(struct engine *, const struct sighting *);

/* May a client with these tags be on the segment without being listed? */
bool life_may_stay(const struct segment *, const struct fh_vlan *);
/* Cancels all that is under way for it, removes its flows and frees it.
 * 'why' is for the event; NULL: none. */
void life_forget(struct engine *, struct client *, const char *why);
/* Nobody is to forward for it: flows and route are removed. */
void life_withdraw(struct engine *, struct client *);
/* Another client is to have the address of 'c': a number for
 * life_succeed(), by which it is told what flows of 'c' go on counting. */
uint32_t life_last_decision(const struct client *c);
void life_succeed(struct client *, uint32_t last_decision);
void life_set_origin(struct client *, enum client_origin);

/* Starts, or stops, probing by a router that came or went. */
void life_member_ready(struct engine *, struct client *, size_t member,
                       bool holds);
void life_member_gone(struct engine *, struct client *, size_t member,
                      uint32_t);

#endif /* controller/engine/life.h */
