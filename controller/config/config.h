/* The configuration: JSON in, a const value out, or every error at once.
 *
 * Pure but for config_load_file().  A 'struct config' never changes after it
 * was made; a reload makes another one. */
#ifndef CONFIG_H
#define CONFIG_H 1

#include <stdarg.h>

#include <jansson.h>

#include <firsthop/types.h>

#define CONFIG_MAX_NAME    64           /* Of routers and segments, bytes. */
#define CONFIG_MAX_ROUTERS 1024
#define CONFIG_MAX_SEGMENTS 4094
#define CONFIG_MAX_MEMBERS 32           /* Routers of one segment. */
#define CONFIG_MAX_PREFIXES 64          /* Of one segment. */
#define CONFIG_MAX_PORTS   1024         /* Access ports of one router. */
#define CONFIG_MAX_CORES   64
#define CONFIG_MAX_CLIENTS 1000000
#define CONFIG_MAX_LISTENS 16
#define CONFIG_MAX_PEERS   6            /* Of one controller. */
#define CONFIG_MAX_DATABASES 8          /* Servers of one database. */
#define CONFIG_MAX_DHCP_SERVERS 8       /* Of one segment. */
#define CONFIG_MIN_BEACON_MS 5          /* BEACON_MIN_MS */
#define CONFIG_MAX_PORT_NAME 15         /* OFP_MAX_PORT_NAME_LEN - 1. */
#define CONFIG_MAX_BYTES   (64 << 20)   /* Of JSON text. */
#define CONFIG_MAX_DEPTH   16           /* Levels of JSON. */

struct config_uplink {
    char *port;
    struct fh_vlan vlan;
    struct fh_prefix address;           /* Interface address: host bits set */
    struct fh_addr next_hop;
    uint16_t mtu;                       /* Bytes of IP, default 1500. */
    struct { uint32_t interval_ms, misses; } watch;     /* Of the next hop. */
};

struct config_router {
    char *name;
    uint64_t dpid;
    struct eth_addr mac;
    char **access_ports;
    size_t n_access_ports;
    struct config_uplink uplink;
    char *connect;                      /* "tcp:HOST:PORT", "ssl:HOST:PORT",
                                         * "unix:PATH" or NULL: wait for the
                                         * bridge. */
    char *common_name;                  /* Of its certificate; NULL: any. */
};

/* A router's part in a segment. */
struct config_member {
    size_t router;                      /* Index into config.routers. */
    uint16_t priority;                  /* 0...65535. */
    struct fh_addr address;             /* Local address. */
    bool own_uplink;
    struct config_uplink uplink;        /* Own, else a copy of the router's */
};

enum config_proxy_arp { PROXY_ARP_ALL, PROXY_ARP_GATEWAY };
/* Who is served besides the listed clients. */
enum config_learn {
    LEARN_LISTED,                       /* Nobody. */
    LEARN_ALL,                          /* Whoever speaks ARP, leases. */
    LEARN_DHCP,                         /* Leases. */
};
enum config_upstream { UPSTREAM_ARP, UPSTREAM_BGP, UPSTREAM_CORE,
                       UPSTREAM_KERNEL, UPSTREAM_NONE, CONFIG_N_UPSTREAMS };

struct config_segment {
    char *name;
    struct fh_addr gateway;
    struct fh_prefix *prefixes;         /* Host bits zero. */
    size_t n_prefixes;
    struct fh_vlan vlan;
    enum config_learn learn;
    bool isolate;                       /* No client to client.  Default off */
    struct config_member *members;      /* In the order of router names. */
    size_t n_members;
    struct { uint32_t interval_ms, retry_ms, retries; } probe;
    struct { uint32_t interval_ms, misses; } beacon;    /* 0 ms: none. */
    struct { bool preempt; uint32_t hold_down_ms; } election;
    struct { uint32_t learned, learned_per_port, requests_per_s; } limits;
    enum config_proxy_arp proxy_arp;
    uint32_t withdraw_after_ms;
    uint32_t age_s;                     /* Default 300: learned and lost for
                                         * so long is forgotten. */
    enum config_upstream upstream;
    struct {
        char *community;                /* "65000:100" or NULL. */
        uint32_t local_preference;      /* Default 100. */
    } bgp;
    struct {
        struct fh_addr *servers;        /* Owned. */
        size_t n_servers;               /* 0: DHCP is not relayed. */
        bool lease_clients;             /* A lease makes a client. */
    } dhcp;
};

/* An Open vSwitch core bridge, for "upstream": "core". */
struct config_core_port {
    size_t router;                      /* Index into config.routers. */
    char *port;                         /* The core's port towards it. */
};

struct config_core {
    char *name;
    uint64_t dpid;
    char *connect;                      /* As of a router. */
    char *common_name;
    struct config_core_port *ports;     /* In the order of router names. */
    size_t n_ports;
};

struct config_client {
    struct fh_addr address;
    size_t segment;                     /* Index into config.segments. */
    struct fh_vlan vlan;                /* Own, else the segment's. */
    bool own_vlan;
    bool has_mac;
    struct eth_addr mac;
};

struct config_tls {
    char *key, *certificate, *ca;       /* PEM files, or NULL: all three. */
};

struct config {
    char **listens;                     /* OpenFlow targets. */
    size_t n_listens;
    uint32_t echo_interval_ms;          /* "openflow", default 1000. */
    uint32_t dead_after_ms;             /* "openflow", default 3000. */
    struct config_router *routers;      /* In the order of names. */
    size_t n_routers;
    struct config_core *cores;          /* In the order of names. */
    size_t n_cores;
    struct config_segment *segments;    /* In the order of names. */
    size_t n_segments;
    struct config_client *clients;      /* By address, then segment. */
    size_t n_clients;
    struct {
        char *listen;                   /* "127.0.0.1:8080" or NULL. */
        char *token_file;           /* NULL: nobody has one. */
        bool read_without_token;
    } api;                              /* "api": TCP control socket. */
    struct {
        char *api_in, *api_out;         /* FIFOs towards ExaBGP, or NULL. */
    } bgp;
    struct {
        uint32_t table;                 /* Of routes; 0: none. */
        char *device;                   /* Towards the uplinks, or NULL. */
    } kernel;                           /* For the upstream "kernel". */
    struct config_tls tls;
    struct {
        char *name;                     /* NULL: one controller alone. */
        char *address;                  /* "192.0.2.1:6650" */
        char **peers;                   /* Likewise. */
        size_t n_peers;
        char **databases;               /* Targets. */
        size_t n_databases;
        char *shard;                    /* "default". */
        struct config_tls tls;          /* Else that of the whole. */
    } cluster;
    json_t *json;                       /* As read, defaults left out.  Owned
                                         * together with whoever gave it:
                                         * not to be changed. */
};

/* What is wrong, and where. */
struct config_error {
    char *pointer;                      /* RFC 6901, "" is the whole. */
    char *text;
};

struct config_errors {
    struct config_error *items;
    size_t n, cap;
    size_t n_dropped;                   /* Beyond the first 1000. */
};

void config_errors_add(struct config_errors *, const char *pointer,
                       const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void config_errors_addv(struct config_errors *, const char *pointer,
                        const char *format, va_list)
    __attribute__((format(printf, 3, 0)));
void config_errors_destroy(struct config_errors *);

/* Parses 'text' ('len' bytes).  Returns new, or NULL and at least one error.
 * 'errors' must be empty.  'warnings' may be NULL. */
struct config *config_parse(const char *text, size_t len,
                            struct config_errors *errors,
                            struct config_errors *warnings);
/* The same from a JSON value (borrowed), for what has been read already. */
struct config *config_from_json(json_t *, struct config_errors *errors,
                                struct config_errors *warnings);
/* The same from a file.  A file that cannot be read is an error at "". */
struct config *config_load_file(const char *path,
                                struct config_errors *errors,
                                struct config_errors *warnings);
void config_destroy(struct config *);

/* Parses bounded, duplicate-free JSON of at most 'max_depth' levels, each
 * error with its pointer.  Returns new, or NULL. */
json_t *config_read_json(const char *text, size_t len, unsigned max_depth,
                         struct config_errors *errors);

/* Is the router of that name the same in both, but for how it is reached? */
bool config_is_same_router(const struct config *, const struct config *,
                           const char *name);
/* Is the segment?  Without 'all', timers, limits and priorities do not
 * matter. */
bool config_is_same_segment(const struct config *, const struct config *,
                            const char *name, bool all);

/* Checks one client entry as PUT /v1/clients/ADDRESS takes it ({"segment",
 * "mac"?, "vlan"?}) against 'config'.  Returns true and fills '*out', or
 * false and errors whose pointers start at the entry. */
bool config_client_from_json(const struct config *, const char *address,
                             json_t *, struct config_client *out,
                             struct config_errors *errors);

/* Reads newline-delimited JSON, at most 'max' values of 'max_depth' levels, as
 * an array; empty lines are skipped.  The pointers of errors start with the
 * value's place in that.  Returns new, or NULL and at least one error. */
json_t *config_read_json_lines(const char *text, size_t len,
                               unsigned max_depth, size_t max,
                               struct config_errors *errors);

/* Checks client entries ({"address", "segment", "mac"?, "vlan"?}), of which
 * no two may be of the same client, against 'config'.  'array' may hold
 * anything.  Returns true and fills 'out', one for each, in the same order,
 * or false and errors whose pointers start at the array. */
bool config_clients_from_json(const struct config *, json_t *array,
                              struct config_client *out,
                              struct config_errors *errors);

/* The whole of what may be asked for: the parser's own tables, for the
 * manual's test.  Arrays end with a NULL name. */
struct config_key {
    const char *name;
    json_type type;             /* JSON_TRUE: a boolean; JSON_FALSE: that, or
                                 * a string. */
    bool required;
    uint32_t min, max;          /* Integer: value.  String: bytes.  Array and
                                 * object: elements.  'max' 0: no bounds. */
    uint32_t dflt;              /* Of an integer or a boolean. */
};

struct config_object {
    const char *name;           /* "router", "uplink", ... */
    const struct config_key *keys;
};

extern const struct config_object config_objects[];

/* Several controllers share a configuration, but for what is each one's own:
 * where it listens, and how it speaks to its neighbours.  Both return new. */
json_t *config_shared_part(json_t *config);
json_t *config_with_own_part(json_t *shared, json_t *own);

/* Index by name, or SIZE_MAX. */
size_t config_find_router(const struct config *, const char *name);
size_t config_find_segment(const struct config *, const char *name);

#endif /* controller/config/config.h */
