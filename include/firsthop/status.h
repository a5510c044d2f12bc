/* What those beneath the engine tell of themselves, for people and programs:
 * plain values that the API shows. */
#ifndef FIRSTHOP_STATUS_H
#define FIRSTHOP_STATUS_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A configuration that is, or was, in force. */
struct fh_config_version {
    uint32_t number;            /* 1, 2, ... */
    int64_t time_ms;            /* Unix time: since when. */
};

/* The BGP speaker. */
struct fh_bgp_status {
    bool up;                    /* Somebody reads. */
    bool stuck;                 /* But has not for a while. */
    bool synced;                /* And has the whole table. */
    size_t n_routes;            /* Announced, or to be. */
    size_t n_dirty;             /* Changes that wait. */
    uint64_t syncs;             /* Times that the whole table was sent. */
    uint64_t errors;            /* Commands that the speaker refused. */
    size_t n_peers;             /* Neighbours that the speaker told of. */
    size_t n_peers_up;
};

/* Routes in a table of the kernel. */
struct fh_kernel_status {
    bool up;                    /* The device is there, nothing is refused. */
    size_t n_routes;            /* Written, or to be. */
    size_t n_dirty;             /* Changes that wait. */
    size_t n_refused;           /* By the kernel; each is tried again. */
    uint64_t errors;            /* Refusals so far. */
};

/* A core bridge. */
struct fh_core_status {
    const char *name;           /* Borrowed until the configuration changes. */
    uint64_t dpid;
    bool connected;             /* And its flows are right. */
};

/* One of several controllers, as another one of them knows it. */
struct fh_cluster_peer {
    const char *name;           /* "": it has not said it yet. */
    const char *address;
    bool connected;             /* It is heard. */
    const char *problem;        /* Why it is not connected, or NULL. */
    bool database;              /* It reaches the database. */
    size_t n_bridges;           /* That answer it. */
};

#define FH_CLUSTER_MAX_PEERS 6

/* This one, and the others.  All borrowed for a moment. */
struct fh_cluster_status {
    const char *name, *address;
    bool leads;
    const char *leader;         /* "": nobody leads. */
    uint64_t epoch;
    bool database;              /* It can be reached, */
    bool database_leads;        /* by the leader of its own cluster; */
    const char *database_server;        /* or this is tried. */
    struct fh_cluster_peer peers[FH_CLUSTER_MAX_PEERS];
    size_t n_peers;
};

/* All that speak OpenFlow. */
struct fh_openflow_status {
    uint64_t accepted, refused, protocol_errors, dead, messages_in,
             messages_out, bytes_in, bytes_out;
    uint64_t strangers;         /* Closed: nobody has taken them. */
    uint64_t tls_failed;        /* Handshakes, also as who has dialled. */
};

#endif /* firsthop/status.h */
