/* A router as it runs: whether its bridge is there, its ports and uplinks, and
 * what is counted of it.
 *
 * Pure data; decides nothing. */
#ifndef ROUTER_H
#define ROUTER_H 1

#include <firsthop/snapshot.h>

#include "controller/base/outbox.h"
#include "controller/config/config.h"
#include "controller/decide/drops.h"
#include "controller/decide/uplink.h"
#include "controller/decide/talkers.h"
#include "controller/decide/window.h"
#include "controller/net/clients.h"
#include "controller/net/segment.h"
#include "flows/flow_diff.h"
#include "flows/ofcodec.h"

struct router_port {
    uint32_t number;                    /* 0: the bridge has none such. */
    bool up;
    uint32_t n_learned;                 /* Clients learnt behind it. */
    struct unverified_clients unverified;
    uint32_t n_unverified;
    struct drops drops;                 /* Of the meter of its replies. */
    struct drops beacon_drops;          /* Of that of answers to beacons. */
    uint8_t n_late;                     /* Late probes of late. */
    int64_t late_since_ms;
    int64_t swept_ms;                   /* Last time all were probed. */
    struct window window;               /* Probes under way. */
    struct talkers talkers;             /* Who asks. */
    int64_t muted_until_ms;             /* Nobody is to be muted before. */
};

/* Which segments have clients under these tags. */
struct router_stack {
    uint32_t tags;                      /* flow_meta_stack() */
    uint32_t segment;                   /* Index into router.segments. */
};

struct router_counters {
    uint64_t punts, probes, probes_missed, probes_postponed,
             probes_inconclusive, flow_adds, flow_deletes,
             beacons, beacons_missed, muted;
    struct usage_count clients[USAGE_N_DIRECTIONS];     /* Of its clients. */
};

struct flow_set;

struct router {
    const struct config_router *config; /* Borrowed; see firsthop. */
    void *owner;                        /* Of its callbacks. */
    struct outbox *box;                 /* What its bridge is sent; owned
                                         * until that is open. */
    bool open;                          /* It has, or waits for, its bridge. */
    struct of_port *bridge_ports;       /* Owned; all that it has, while it is
                                         * there. */
    size_t n_bridge_ports;
    const char *openflow;               /* "1.4"; NULL: not connected. */
    bool ready;                         /* Its flows are read and right. */
    int64_t ready_ms;                   /* Since when; monotonic. */
    bool reading;                       /* They are read the first time. */
    bool greeted;                       /* That it connected was told. */
    bool draining;
    bool uplink_down;                   /* Somebody has said so. */
    bool one_tag_only;                  /* Cannot read a second VLAN tag. */
    bool expected;                      /* Held clients before the start. */
    bool was_holder;                    /* Held some then, which have not been
                                         * looked for yet. */
    size_t n_repaired;                  /* Flows that somebody else had changed
                                         * when it was looked last. */
    uint32_t n_active;                  /* Clients that it is active for. */
    uint32_t n_reachable;
    uint32_t n_remaining;               /* Clients of segments that it was
                                         * removed from: see removed.h. */
    bool keeps_flows;                   /* For them. */
    int64_t check_at_ms;                /* Of that: asks again. */
    int64_t awake_at_ms;                /* Its bridge is told that we are here,
                                         * once more. */
    uint8_t pulse;                      /* enum pulse */
    bool overdue;                       /* Has not come to what it was asked
                                         * last. */
    bool judge;                         /* Its peers have news of it. */
    struct rtt fence_rtt;               /* How long it takes to come there, */
    uint32_t fence_took_ms;             /* and the longest of late. */
    uint32_t n_beacons;                 /* That it sends in the interval. */
    int64_t asked_together_ms;          /* Those to one peer; monotonic. */
    int64_t notices_ms;                 /* When clients began to move to it; */
    uint32_t n_notices;                 /* so many since, see move.c. */
    struct uplink *uplinks;             /* Owned, distinct (port, vlan). */
    size_t n_uplinks;
    struct router_port *ports;          /* Owned; as config->access_ports. */
    struct segment **segments;          /* Owned; those that it serves. */
    size_t *member_index;               /* Its place in each of them. */
    size_t n_segments;
    struct router_stack *stacks;        /* Owned; ordered. */
    size_t n_stacks;
    struct flow_set *base;              /* Base flows as last sent. */
    struct drops punt_drops;            /* Of the meter of all punts. */
    int64_t read_at_ms;                 /* All are read again then. */
    uint32_t metered_pps;               /* Replies that a port may punt. */
    struct fh_meter *meters;            /* Owned; as last sent. */
    size_t n_meters;
    bool meters_asked;                  /* What it has, since then. */
    int64_t meters_at_ms;               /* Asked again then. */
    size_t n_meters_repaired;           /* As n_repaired. */
    uint64_t told_postponed;            /* So many were warned about. */
    struct router_counters counters;
};

/* Without a bridge. */
struct router *router_create(const struct config_router *, void *owner);
void router_destroy(struct router *);

/* What ports its bridge has (copied; none: it is gone); and looks up its own
 * by name among them. */
void router_set_ports(struct router *, const struct of_port *, size_t n);
void router_find_ports(struct router *);
struct router_port *router_access_port(const struct router *, uint32_t port);
struct uplink *router_uplink_by_port(const struct router *, uint32_t port,
                                     const struct fh_vlan *);
/* The one of that routing domain, flow_meta_domain(), or NULL. */
struct uplink *router_uplink_by_domain(const struct router *, uint64_t domain);
bool router_is_uplink_port(const struct router *, uint32_t port);
/* Is that the router's own MAC, or that of a router of its segments? */
bool router_knows_mac(const struct router *, struct eth_addr mac);

/* May its clients there be served over its uplink, as far as is known? */
static inline bool
member_uplink_is_ok(const struct member *m)
{
    return !m->router->uplink_down && uplink_is_ok(m->uplink);
}

/* Makes 'stacks' follow the segments' VLAN stacks. */
void router_index_stacks(struct router *);
/* The first of 'stacks' with these tags, or NULL; more may follow it, up to
 * 'n_stacks'. */
const struct router_stack *router_find_stack(const struct router *,
                                             const struct fh_vlan *);

/* The 'i'-th meter whose drops are read, and of which port: those of replies
 * and of answers to beacons of the access ports, then those of replies, of
 * answers to beacons and of requests of the uplinks.  NULL behind the last. */
struct drops *router_drops(const struct router *, size_t i, uint32_t *port,
                           uint32_t *meter);

#endif /* controller/net/router.h */
