/* A segment as it runs: its configuration and the routers that serve it. */
#ifndef SEGMENT_H
#define SEGMENT_H 1

#include <sys/queue.h>

#include "controller/config/config.h"
#include "controller/decide/beacon.h"
#include "controller/decide/guard.h"

struct client;
struct router;
struct uplink;

/* A router's part in a segment. */
struct member {
    struct router *router;              /* Borrowed. */
    struct uplink *uplink;              /* Of the router: where to the core. */
    const struct config_member *config; /* Borrowed. */
    struct guard guard;                 /* Of the router's MAC. */
    uint32_t n_active;                  /* Clients that it is active for. */
};

/* Learnt clients that have never answered a probe, the oldest first. */
TAILQ_HEAD(unverified_clients, client);

struct segment {
    uint32_t id;                        /* Never reused while running. */
    const struct config_segment *config;    /* Borrowed; see firsthop. */
    struct member *members;             /* Owned; as config->members. */
    size_t n_members;
    struct fh_vlan *vlans;              /* Owned: its own stack, then those of
                                         * single clients. */
    size_t n_vlans;
    struct reach_params probe;
    struct beacon_params beacon;        /* Interval 0: there are none. */
    uint32_t suspects;                  /* Bit i: the clients of member i
                                         * are to be asked at once, */
    uint32_t pressed;                   /* and may take less time for it. */
    int64_t suspected_ms;               /* When that was last so. */
    uint32_t n_clients;
    uint32_t n_learned;
    bool left;                          /* Another takes its place, or none */
    bool followed;                      /* Has other timers: see reload.c. */
    struct unverified_clients unverified;
    struct guard told_guard;            /* Of our addresses: events, */
    struct guard gateway_guard;         /* and defence. */
    struct guard neighbour_guard;       /* Of its clients' addresses, */
    struct fh_addr claimed;             /* and whose was claimed last; */
    struct guard core_guard;            /* the same towards the core. */
    struct fh_addr core_claimed;
};

/* Is the address in one of the segment's prefixes? */
bool segment_contains(const struct segment *, struct fh_addr);
/* Is it one that a host may have: not a network's own, nor its broadcast? */
bool segment_is_host_address(const struct segment *, struct fh_addr);
/* Is it the gateway, or a router's local address? */
bool segment_owns(const struct segment *, struct fh_addr);
/* May a client of the segment have it, by what the segment is? */
bool segment_may_have(const struct segment *, struct fh_addr);

#endif /* controller/net/segment.h */
