/* What must survive a restart, as values: what is kept, and a change of it. */
#ifndef FIRSTHOP_STORE_H
#define FIRSTHOP_STORE_H 1

#include <jansson.h>

#include <firsthop/types.h>

#define STORE_NAME_LEN 65       /* Router and segment names, with the null. */

/* A client that was provisioned, or a configured one that was deleted, over
 * the API. */
struct store_client {
    struct fh_addr address;
    char segment[STORE_NAME_LEN];
    bool removed;               /* A tombstone: the rest does not matter. */
    bool has_mac;
    struct eth_addr mac;
    bool own_vlan;              /* Else the segment's. */
    struct fh_vlan vlan;
    int64_t end_ms;             /* Of a lease, Unix time; 0: it has none. */
};

struct store_state {
    struct store_client *clients;   /* By address, then segment. */
    size_t n_clients;
    char **draining;                /* Routers, in the order of names. */
    size_t n_draining;
    char **uplinks_down;            /* Those whose uplink was said to be down,
                                     * likewise. */
    size_t n_uplinks_down;
    char **holders;                 /* Routers that held active clients, in
                                     * the order of names. */
    size_t n_holders;
    struct store_client *leases;    /* Likewise; each has a MAC. */
    size_t n_leases;
    json_t *config;                 /* As PUT over the API, or NULL. */
};

enum store_change_type {
    STORE_PUT_CLIENTS,          /* 'clients': added or replaced. */
    STORE_FORGET_CLIENT,        /* 'clients[0]', or its tombstone. */
    STORE_DRAIN,                /* 'names[0]' drains from now on. */
    STORE_UNDRAIN,
    STORE_UPLINK_DOWN,          /* 'names[0]' has no uplink from now on. */
    STORE_UPLINK_UP,
    STORE_SET_HOLDERS,          /* 'names', instead of those before. */
    STORE_SET_LEASES,           /* 'clients', instead of those before. */
    STORE_SET_CONFIG,           /* 'config', NULL: none. */
};

/* All borrowed. */
struct store_change {
    enum store_change_type type;
    const struct store_client *clients;
    const char *const *names;
    size_t n;
    json_t *config;
};

#endif /* firsthop/store.h */
