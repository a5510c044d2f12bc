/* A router as it runs: its bridge, ports, uplinks, and what waits to be sent.
 *
 * Collects probes and flow changes while the event loop turns and sends them
 * together, many probes in one packet-out, many changes in one bundle.  Knows
 * clients only as what it is handed; decides nothing about them. */
#ifndef ROUTER_H
#define ROUTER_H 1

#include <firsthop/snapshot.h>

#include "controller/bridge/arpq.h"
#include "controller/bridge/bridge.h"
#include "controller/net/clients.h"
#include "controller/config/config.h"
#include "controller/decide/drops.h"
#include "controller/net/segment.h"
#include "controller/decide/uplink.h"
#include "flows/arp.h"
#include "flows/flow_diff.h"

struct router_port {
    uint32_t number;                    /* 0: the bridge has none such. */
    bool up;
    uint32_t n_learned;                 /* Clients learnt behind it. */
    struct guests guests;
    struct drops drops;                 /* Of the meter of its replies. */
    uint8_t n_late;                     /* Late probes of late. */
    int64_t late_since_ms;
    int64_t swept_ms;                   /* Last time all were probed. */
};

/* Which segments have clients under these tags. */
struct router_stack {
    uint32_t tags;                      /* flow_meta_stack() */
    uint32_t segment;                   /* Index into router.segments. */
};

struct router_counters {
    uint64_t punts, probes, probes_missed, probes_postponed, probes_unjudged,
             probe_packets, flow_adds, flow_deletes, beacons, beacons_missed;
};

/* An echo request behind something that the bridge is asked to do: when it
 * has come back, that is done.  One at a time: its return sends the next, so
 * that their number follows the bridge's pace. */
struct router_fence {
    uint32_t next;                      /* The number of the next. */
    uint32_t done;                      /* Of the last that came back. */
    uint32_t xid;                       /* Of the one that is out. */
    int64_t sent_us;                    /* When; monotonic. */
    struct rtt rtt;
    bool out;
    bool wanted;                        /* There is something to cover. */
};

struct router {
    const struct config_router *config; /* Borrowed; see firsthop. */
    void *owner;                        /* Of its callbacks. */
    struct bridge *bridge;              /* Owned. */
    const char *openflow;               /* "1.4"; NULL: not connected. */
    bool ready;                         /* Its flows are read and right. */
    bool reading;                       /* They are read the first time. */
    bool greeted;                       /* That it connected was told. */
    bool draining;
    bool one_tag_only;                  /* Cannot read a second VLAN tag. */
    bool expected;                      /* Held clients before the start. */
    uint32_t n_active;                  /* Clients that it is active for. */
    uint32_t n_reachable;
    uint32_t n_former;                  /* Clients of segments that it has
                                         * left: see leave.h. */
    bool keeps;                         /* Flows for them. */
    int64_t check_at_ms;                /* Of that: asks again. */
    uint8_t pulse;                      /* enum pulse */
    bool overdue;                       /* Has not come to what it was asked
                                         * last. */
    bool judge;                         /* Its sisters have news of it. */
    uint32_t n_beacons;                 /* That it sends in the interval. */
    int64_t asked_together_ms;          /* Those to one sister; monotonic. */
    struct uplink *uplinks;             /* Owned, distinct (port, vlan). */
    size_t n_uplinks;
    struct router_port *ports;          /* Owned; as config->access_ports. */
    struct segment **segments;          /* Owned; those that it serves. */
    size_t *member_index;               /* Its place in each of them. */
    size_t n_segments;
    struct router_stack *stacks;        /* Owned; ordered. */
    size_t n_stacks;
    struct flow_set *base;              /* Base flows as last sent. */

    size_t install_chunk;               /* So many changes at once. */
    struct arpq *arpq;                  /* Owned; to be sent next. */
    struct router_fence fence;          /* Behind the probes. */
    struct router_fence meter_fence;    /* Behind the readings of meters. */
    struct drops punt_drops;            /* Of the meter of all punts. */
    uint32_t punt_meter_xid;            /* It was set by this, */
    uint32_t punt_read_xid;             /* and is read by this. */
    bool punt_meter_refused;            /* The bridge has none such. */
    bool meters_unreadable;             /* Nor tells what they drop. */
    int64_t read_at_ms;                 /* All are read again then. */
    uint32_t metered_pps;               /* Replies that a port may punt. */
    uint32_t n_unfenced;                /* Probes since the last fence. */
    uint64_t told_postponed;            /* So many were warned about. */
    struct router_counters counters;
    struct fh_bridge_counters commits;
};

/* Without a bridge; who gives it one has it destroyed with it. */
struct router *router_create(const struct config_router *, void *owner);
void router_destroy(struct router *);

/* Looks up the ports by name on the connected bridge. */
void router_find_ports(struct router *);
struct router_port *router_access_port(const struct router *, uint32_t port);
struct uplink *router_uplink_by_port(const struct router *, uint32_t port,
                                     const struct fh_vlan *);
bool router_is_uplink_port(const struct router *, uint32_t port);

/* Makes 'stacks' follow the segments' VLAN stacks. */
void router_index_stacks(struct router *);
/* The first of 'stacks' with these tags, or NULL; more may follow it, up to
 * 'n_stacks'. */
const struct router_stack *router_find_stack(const struct router *,
                                             const struct fh_vlan *);

/* The flows that the bridge should hold whoever its clients are. */
void router_build_base(const struct router *, struct flow_set *);
/* Sends what has changed in them since the last time, and the meters. */
void router_update_base(struct router *);
/* The same for the one flow that names the next hop's MAC. */
void router_update_next_hop(struct router *, const struct uplink *);
void router_put_meters(struct router *);
/* Have so many clients come since the meters were set that their answers to
 * probes may not pass any more? */
bool router_has_outgrown_meters(const struct router *);

/* What all clients of the router may bring a second: answers to as many
 * probes as they are sent, and the requests that their ports may punt. */
uint32_t router_punts_pps(const struct router *);

/* A client as the builders want it, on this router.  Returns false if its
 * port, or the uplink's, is not there. */
bool router_client_view(const struct client *, size_t member,
                        struct fh_client *);
/* Do the flows that the router holds for it (perhaps none) name other ports
 * than those where the client and the core are now? */
bool router_holds_wrong(const struct client *, size_t member);

/* Queue changes; router_flush() sends them.  What becomes of an 'install' is
 * told to the bridge's owner with the client's token, which is void once the
 * install is cancelled. */
void router_queue_install(struct router *, struct client *, size_t member);
/* The same without changes: asks the bridge for the barrier alone. */
void router_queue_confirm(struct router *, struct client *);
void router_queue_remove(struct router *, struct client *, size_t member);
/* The client has become lost, or is found again: in the flows that the router
 * holds for it, if any. */
void router_queue_lost(struct router *, struct client *, size_t member);

/* Queues one ARP request to the client, and notes it in its reach: to its
 * MAC, or to all while that is unknown; by its port, or by every port while
 * it is not up. */
void router_queue_probe(struct router *, struct client *, size_t member,
                        int64_t now_us);

/* Probes that may be on their way to a bridge that has not yet come to the
 * last fence.  So it sets the pace itself: one that takes 50,000 a second
 * gets no more, whatever the configuration asks for. */
#define ROUTER_PROBE_BUDGET 4096

/* May another client be probed?  (A late probe is always repeated.) */
static inline bool
router_has_probe_budget(const struct router *router)
{
    return !router->fence.out || router->n_unfenced < ROUTER_PROBE_BUDGET;
}

/* Queues a takeover notice for one address that the client uses: an ARP
 * request that makes it send to this router and answer, and an unsolicited
 * reply for those who heed only that.  Requests go out first. */
void router_queue_notice(struct router *, const struct client *,
                         size_t member, struct fh_addr owned);

/* Queues an ARP packet from the router's MAC. */
void router_queue_arp(struct router *, enum arpq_class, uint32_t port,
                      struct eth_addr dst, const struct fh_vlan *,
                      const struct arp *);

/* Sends all that is queued. */
void router_flush(struct router *);

/* An echo reply: has a fence come back? */
void router_fence_reply(struct router *, uint32_t xid);

/* What the meters drop.  Have that of the replies from 'port' (0: of all
 * ports, uplinks too) read, and that of all punts; returns the number of the
 * reading. */
uint32_t router_read_drops(struct router *, uint32_t port);
/* Once a second: reads them all, for what is read later to be compared with,
 * and widens those that the clients have outgrown. */
void router_drops_tick(struct router *, int64_t now_ms);
void router_drops_reply(struct router *, const struct of_message *,
                        int64_t now_us);
/* An error: is it about the meters?  Then it is dealt with. */
bool router_meter_error(struct router *, const struct of_message *);
/* What is known of the bridge, for a verdict about a client behind access
 * port 'port' (0: any). */
struct reach_bridge router_evidence(const struct router *, uint32_t port);

/* The same for the next hop of an uplink: fills in 'dropped_ms'.  Before each
 * uplink_tick(). */
void router_tell_drops(struct router *, struct uplink *);

/* The bridge has gone: nothing that was asked will be answered. */
void router_forget_questions(struct router *);

/* Sends a frame by 'port' at once, with what else waits in the loop. */
void router_send(struct router *, uint32_t port, const uint8_t *frame,
                 size_t len);
void router_queue_change(struct router *, enum fh_change_op,
                         const struct fh_flow *);
/* A change that is in no order with those that are queued. */
void router_put_change(struct router *, enum fh_change_op,
                       const struct fh_flow *);
/* Builds and sends an ARP packet from 'arp->sha'. */
void router_send_arp(struct router *, uint32_t port, struct eth_addr dst,
                     const struct fh_vlan *, const struct arp *);

#endif /* controller/bridge/router.h */
