/* The load generator: emulated bridges and the hosts behind them.
 *
 *   loadgen.c   options, main
 *   commands.c  what the script on stdin asks for
 *   faults.c    and of that, what goes wrong
 *   loop.c      sockets and time
 *   bridge.c    OpenFlow, as Open vSwitch answers it
 *   bundle.c    its bundles
 *   net.c       the ports: hosts and the next hop
 *   hosts.c     what hosts believe
 *   lease.c     DHCP
 *   flowtab.c   flow tables
 *
 * One thread.  Time is monotonic ns, read once per wake-up and per read. */
#ifndef LOADGEN_H
#define LOADGEN_H 1

#include <firsthop/buf.h>

#include "tests/bench/flowtab.h"
#include "tests/bench/hosts.h"

#define MSEC_NS UINT64_C(1000000)
#define SEC_NS UINT64_C(1000000000)

#define BRIDGE_MAX_BUNDLES 64
#define PUNT_CACHE 64

struct bundle {
    uint32_t id;
    bool open;
    struct fh_buf messages;     /* Whole OpenFlow messages in a row. */
};

struct bridge_counters {
    uint64_t packet_ins, packet_outs, outputs, not_punted, bad, errors,
             flow_mods, bundles, barriers, connects, dumps, meter_mods,
             meter_reads;
};

/* What the tables said of one kind of frame, while they stay the same. */
struct punt_entry {
    uint64_t generation;        /* flowtab_generation() + 1, 0: empty. */
    uint32_t port, dst;         /* ARP: what it asks for. */
    uint16_t op;                /* UDP: the destination's port. */
    struct flowtab_punt punt;
};

struct bridge {
    struct loadgen *lg;
    int id;                     /* And number of the router for hosts. */
    uint64_t dpid;
    int fd;                     /* -1: not connected. */
    bool connected;             /* TCP is up. */
    bool want;                  /* Dial again when it is not. */
    bool features_sent;
    bool want_write;            /* The socket is full. */
    bool dirty;                 /* On the loop's list to be flushed. */
    uint64_t retry_ns;
    uint64_t busy_until_ns;     /* Emulated cost of flow mods. */
    uint64_t connected_ns;
    struct fh_buf in, out;
    size_t in_ofs, out_ofs;     /* Consumed, sent. */
    struct flowtab *ft;
    struct bundle bundles[BRIDGE_MAX_BUNDLES];
    struct punt_entry punts[PUNT_CACHE];
    uint64_t port_down;         /* Bit p: access port p + 1 is down. */
    uint8_t beacon_mac[6];      /* Its own, once it has sent a beacon. */
    uint64_t generation_id;
    struct bridge_counters counters;
};

struct loadgen_options {
    const char *target;         /* "tcp:ADDR:PORT" or "unix:PATH" */
    int version;                /* On the wire: OFP13_VERSION, ... */
    unsigned n_bridges;
    unsigned n_access;          /* Access ports of each bridge, 1...63. */
    unsigned n_hosts;
    unsigned n_canaries;        /* The last hosts, on the last bridge only. */
    uint64_t first_dpid;
    uint32_t first_ip, gateway_ip, next_hop_ip;
    uint32_t server_ip;         /* DHCP, behind the next hop. */
    uint64_t delay_ns, jitter_ns;   /* From a probe to the reply. */
    uint64_t flow_ns;           /* Cost of a flow mod. */
    uint64_t backoff_ns;        /* Between attempts to connect. */
    bool punt_all;              /* Punt ARP whatever the tables say. */
};

/* The closed loop of ARP requests. */
struct window {
    bool on;
    bool any;                   /* Any packet-out is an answer. */
    uint64_t answers;
};

struct loadgen {
    struct loadgen_options opt;
    struct hosts hosts;
    struct bridge *bridges;
    int epoll_fd;
    uint64_t now_ns;
    struct window window;
    struct net *net;
    struct leases *leases;
    /* Canary requests during a fault. */
    bool canary_on;
    uint64_t canary_next_ns, canary_lost;
    size_t canary_at;
    uint64_t expire_next_ns;
    bool stdin_ready;
};

/* loop.c */
void loop_init(struct loadgen *);
/* Waits until 'deadline_ns' at most for something to happen and does it. */
void loop_step(struct loadgen *, uint64_t deadline_ns);
void loop_run(struct loadgen *, uint64_t duration_ns);
/* Turns until there is something to read on stdin, or its end. */
void loop_await_stdin(struct loadgen *);
void loop_want(struct bridge *, bool want);     /* Dial, or hang up. */
uint64_t loop_clock_ns(void);

/* bridge.c */
void bridge_init(struct bridge *, struct loadgen *, int id);
void bridge_destroy(struct bridge *);
void bridge_connected(struct bridge *);         /* Sends the hello. */
void bridge_disconnected(struct bridge *);
/* Handles the whole messages in b->in. */
void bridge_receive(struct bridge *);
/* Punts the frame, ARP or UDP over IPv4, that came in on 'port', if the flow
 * tables say so. */
void bridge_packet_in(struct bridge *, uint32_t port, const uint8_t *frame,
                      size_t len);
void bridge_set_port(struct bridge *, unsigned port, bool up);
/* True once an ARP request on access port 1 would be punted. */
bool bridge_is_ready(struct bridge *);
uint32_t bridge_uplink(const struct bridge *);  /* Its port number. */

void bridge_flow_mod(struct bridge *, const uint8_t *msg, size_t len);
/* Answers 'msg' with an error. */
void bridge_put_error(struct bridge *, const uint8_t *msg, size_t len,
                      uint16_t type, uint16_t code);

/* bundle.c.  'prefix_len' bytes of 'msg' come before the bundle id: 8, or 16
 * where an experimenter header is among them; the reply repeats them. */
void bundle_control(struct bridge *, const uint8_t *msg, size_t len,
                    size_t prefix_len);
void bundle_add(struct bridge *, const uint8_t *msg, size_t len,
                size_t prefix_len);
void bundle_experimenter(struct bridge *, const uint8_t *msg, size_t len);
void bundle_discard_all(struct bridge *);
void bundle_destroy_all(struct bridge *);

/* net.c */
extern const uint8_t net_next_hop_mac[6];
void net_init(struct loadgen *);
void net_destroy(struct loadgen *);
/* 'b' sends 'frame' out of 'port'. */
void net_output(struct bridge *b, uint32_t port, uint32_t in_port,
                const uint8_t *frame, size_t len);
/* Sends 'frame' into 'port' of 'b' after the configured delay. */
void net_deliver(struct bridge *b, uint32_t port, const uint8_t *frame,
                 size_t len);
uint32_t net_port_of(const struct loadgen *, size_t host);
/* Host 'i' asks for the gateway on every bridge of 'bridges' that it
 * reaches. */
void net_ask(struct loadgen *, size_t i, uint32_t bridges);
/* Sends the replies that are due, and the canaries. */
void net_run(struct loadgen *);
uint64_t net_next_ns(const struct loadgen *);   /* UINT64_MAX: nothing. */

#endif /* tests/bench/loadgen.h */
