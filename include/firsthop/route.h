/* A client and the router that is active for it, as the core is told.
 *
 * A plain value with everything looked up, so that a driver of the core needs
 * nothing but its argument. */
#ifndef FIRSTHOP_ROUTE_H
#define FIRSTHOP_ROUTE_H 1

#include <firsthop/snapshot.h>

struct fh_route {
    struct fh_addr client;
    uint32_t segment;           /* Its number: never reused while running. */
    const char *segment_name;   /* Borrowed for the call. */
    uint32_t decision;          /* By which the router became active. */
    uint64_t dpid;              /* The router's. */
    struct eth_addr router_mac;
    struct fh_uplink uplink;
    struct fh_addr next_hop;    /* Of the uplink. */
    uint32_t local_preference;  /* Of BGP, UINT32_MAX: none. */
    const char *community;      /* Of BGP, borrowed; NULL: none. */
};

enum fh_route_how {
    UPSTREAM_MOVED,             /* New, or by another router from now on. */
    UPSTREAM_REPEATED,          /* Not acknowledged yet: once more. */
    UPSTREAM_RESTORED,          /* As found after a start: the core may know */
};

#endif /* firsthop/route.h */
