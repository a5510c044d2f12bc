/* Emulated ARP-speaking hosts: what each believes, and when it was told.
 *
 * Knows nothing of OpenFlow or sockets: the load generator and the client
 * farm hand over frames and send what comes back.  Routers are numbered
 * 0...HOSTS_MAX_ROUTERS-1 by the caller. */
#ifndef HOSTS_H
#define HOSTS_H 1

#include "tests/bench/dist.h"
#include "tests/bench/benchwire.h"

#define HOSTS_MAX_ROUTERS 32
#define HOSTS_NO_ROUTER (-1)

/* Times are monotonic ns; 0: not yet.  "Since the mark": since the last
 * hosts_mark(), which is when a fault was made. */
struct host {
    uint64_t asked_ns;          /* Its outstanding request, 0: none. */
    uint64_t noticed_ns;        /* Told of another gateway since the mark. */
    uint64_t installed_ns;      /* Flow on another router since the mark. */
    uint64_t told_ns;           /* Announced to the core since the mark. */
    uint32_t attached;          /* Bit r: router r reaches it... */
    uint32_t cut;               /* ... unless this bit is set. */
    uint32_t holders;           /* Bit r: router r holds flows for it. */
    int8_t gateway;             /* Whose MAC it believes, or NO_ROUTER. */
    int8_t marked_gateway;      /* The same, at the mark. */
    uint8_t flows[HOSTS_MAX_ROUTERS];   /* On each router. */
};

struct hosts_counters {
    uint64_t probes;            /* Requests answered, notices aside. */
    uint64_t notices;           /* For the gateway, both forms. */
    uint64_t answers;           /* To requests of its own. */
    uint64_t duplicates;        /* Second answers from another router. */
    uint64_t moves;             /* The gateway's MAC changed. */
    uint64_t false_moves;       /* ... though the old router reached it. */
    uint64_t early_notices;     /* Before its flows were on the router. */
    uint64_t ignored;           /* Frames for nobody, or not understood. */
};

struct hosts {
    struct host *hosts;         /* Owned, 'n' of them. */
    size_t n;
    uint32_t first_ip;          /* Host order; the others follow. */
    uint32_t gateway_ip;
    uint32_t unreachable;       /* Bit r: router r reaches nobody. */
    bool check_flows;           /* Are 'flows' kept?  For early_notices. */
    struct hosts_counters counters;
    struct dist latency;        /* Of answers, cleared by who reads it: */
    uint64_t latency_mask;      /* of one in 'mask' + 1 (a power of 2). */
};

void hosts_init(struct hosts *, size_t n, uint32_t first_ip,
                uint32_t gateway_ip);
void hosts_destroy(struct hosts *);

/* The host of an address (host order), or NULL. */
static inline struct host *
hosts_find(const struct hosts *hs, uint32_t ip)
{
    return ip - hs->first_ip < hs->n ? &hs->hosts[ip - hs->first_ip] : NULL;
}

static inline size_t
hosts_index(const struct hosts *hs, const struct host *h)
{
    return (size_t) (h - hs->hosts);
}

static inline bool
host_is_reached(const struct hosts *hs, const struct host *h, int router)
{
    return (h->attached & ~h->cut & ~hs->unreachable) >> router & 1;
}

/* The MAC of host 'i': 02:1c and its number. */
static inline void
hosts_put_mac(uint8_t mac[6], size_t i)
{
    mac[0] = 0x02;
    mac[1] = 0x1c;
    wire_put32(mac + 2, (uint32_t) i);
}

/* The request of host 'i' for the gateway, by broadcast; it is then
 * outstanding.  'frame' has ARP_LEN bytes. */
void hosts_ask(struct hosts *, size_t i, uint64_t now_ns, uint8_t *frame);

enum hosts_verdict {
    HOSTS_IGNORED,
    HOSTS_REPLY,                /* Send 'reply' back. */
    HOSTS_NOTED,                /* Nothing to send. */
    HOSTS_ANSWERED,             /* Its outstanding request, by this frame. */
};

/* A frame that 'router' has sent to the hosts' side.  Unless it is ignored
 * '*hostp' is the host that it was for.  'reply' has ARP_LEN bytes. */
enum hosts_verdict hosts_receive(struct hosts *, int router,
                                 const uint8_t *frame, size_t len,
                                 uint64_t now_ns, struct host **hostp,
                                 uint8_t *reply);

/* The flow tables of 'router' hold one more ('delta' 1) or less (-1) flow
 * that names the host of 'ip'. */
void hosts_flow(struct hosts *, int router, uint32_t ip, int delta,
                uint64_t now_ns);

/* A fault starts now: forget the times, remember who was whose. */
void hosts_mark(struct hosts *);

/* Hosts that were on 'router' at the mark, could not stay and can be reached
 * by another: how many, and how many of them have been told since. */
struct hosts_progress {
    size_t affected, moved;
};
void hosts_get_progress(const struct hosts *, int router,
                        struct hosts_progress *);

/* Prints the times since 'start_ns' of those hosts as three dist_print()
 * fields: "notice", "install", "core". */
void hosts_print_times(const struct hosts *, int router, uint64_t start_ns,
                       FILE *);

#endif /* tests/bench/hosts.h */
