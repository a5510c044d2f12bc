/* What the flow builders are told: a router, its segments, one client.
 *
 * Plain values with everything already looked up (port numbers, the next
 * hop's MAC), so that a builder needs nothing but its argument. */
#ifndef FIRSTHOP_SNAPSHOT_H
#define FIRSTHOP_SNAPSHOT_H 1

#include <firsthop/types.h>

/* A router's way to the core, as one segment or several use it.  (port, vlan)
 * is its identity: the routing domain that keeps segments apart. */
struct fh_uplink {
    uint32_t port;                  /* OpenFlow port number. */
    struct fh_vlan vlan;
    struct fh_addr address;         /* The router's own on this uplink. */
    struct eth_addr next_hop_mac;   /* Zero while it is not resolved. */
    uint16_t mtu;                   /* The longest IP packet, in bytes. */
};

/* A segment as one router serves it.  Arrays are borrowed. */
struct fh_segment {
    const struct fh_vlan *vlans;    /* Every stack its clients come with. */
    size_t n_vlans;
    const struct fh_prefix *prefixes;
    size_t n_prefixes;
    const struct eth_addr *other_macs;  /* Of its other routers. */
    size_t n_other_macs;
    struct fh_addr gateway;
    struct fh_addr local;           /* This router's local address. */
    const struct fh_uplink *uplink;
    const struct fh_addr *dhcp_servers; /* DHCP is relayed to them. */
    size_t n_dhcp_servers;
    bool learns;                    /* Whoever sends from an address of it. */
    bool isolate;                   /* No client to client. */
    bool proxy_all;                 /* Neighbours are answered for as well. */
    bool answers_core;              /* The core asks for its clients by ARP. */
};

struct fh_port_limits {
    uint32_t port;
    uint32_t requests_pps;          /* ARP requests that it may punt. */
    uint32_t replies_pps;           /* ARP replies, probe answers foremost. */
    uint32_t dhcp_pps;              /* Clients' DHCP. */
};

/* A question of another router's, which the bridge answers by itself (see
 * decide/beacon.h). */
struct fh_beacon {
    uint32_t port;                  /* By which it comes in. */
    struct fh_vlan vlan;
    struct eth_addr mac;            /* The router that asks, */
    struct fh_addr from;            /* from this address, */
    struct fh_addr to;              /* for this one, the router's own. */
};

struct fh_router {
    struct eth_addr mac;
    uint32_t punts_pps;             /* All that its clients may bring. */
    const struct fh_port_limits *access;
    size_t n_access;
    const struct fh_uplink *uplinks;    /* Distinct (port, vlan). */
    size_t n_uplinks;
    const struct fh_segment *segments;
    size_t n_segments;
    const struct fh_beacon *beacons;    /* Some may be alike. */
    size_t n_beacons;
};

/* A client on the router that is active for it. */
struct fh_client {
    struct fh_addr address;
    struct eth_addr mac;
    struct fh_vlan vlan;
    uint32_t port;                  /* Access port that leads to it. */
    struct eth_addr router_mac;
    const struct fh_uplink *uplink;
    bool isolate;
    bool lost;                      /* Who sends to it is told so. */
    bool silent;                    /* Nothing is answered for it, nor it. */
    uint32_t decision;              /* For the cookie. */
};

/* What has been asked of a bridge, and what became of it. */
struct fh_bridge_counters {
    uint64_t commits, commits_failed;
    uint64_t flows_repaired;        /* That others had changed. */
    uint64_t dpid_takeovers;        /* Another came under its datapath id. */
};

#endif /* firsthop/snapshot.h */
