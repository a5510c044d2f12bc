/* One way to the core: is its next hop there, and at which MAC?  Pure.
 *
 *                heard              'misses' requests unanswered
 *   UNRESOLVED --------> RESOLVED -----------------------> DEAD
 *                         ^ |  ^                            |
 *        the old one      | |  |           heard            |
 *        answers, or is   | |  +----------------------------+
 *        silent (then at  | |
 *        the other)       | | another MAC speaks as the next hop
 *                         | v
 *                       DISPUTED
 *
 * From any of them to UNRESOLVED when the bridge is gone.
 *
 * While the next hop answers, it is asked every 'interval_ms', at its MAC;
 * once it does not, every UPLINK_RETRY_MS where that is shorter, by broadcast
 * from the second request on.  Each of these requests counts as a miss until
 * there is an answer.  While nothing is resolved there are some more in the first second
 * that count for nothing: the first answer may have come before the flow that
 * punts it, and a next hop that is only asked early is not silent for longer.
 *
 * Anybody on the uplink can speak as the next hop.  So a MAC that was
 * believed, and has not missed two requests, is asked before another one is
 * followed.  Real gateways that fail over to another MAC (HSRP, new hardware)
 * announce it while the old one is silent, and are followed one or two ticks
 * later (three if that was the second such claim in a short time).
 *
 * Silence is no evidence while the bridge drops ARP (see reach.h): such a
 * request does not count, and no dispute is decided.
 *
 * Nor is it while other MACs speak as the next hop all the time, UPLINK_POUR_N
 * times a second and more, as no real gateway does: the true answer may be
 * lost among them where no meter counts.  Nobody is followed then, and a
 * dispute that was such a flood ends with the old one being asked as if there
 * had been none. */
#ifndef UPLINK_H
#define UPLINK_H 1

#include <firsthop/snapshot.h>

#include "controller/config/config.h"
#include "controller/decide/drops.h"
#include "controller/decide/guard.h"

enum uplink_state {
    UPLINK_UNRESOLVED,          /* view.next_hop_mac is a guess, or zero. */
    UPLINK_RESOLVED,
    UPLINK_DISPUTED,            /* 'claimant' speaks; does the old one still
                                 * answer? */
    UPLINK_DEAD,                /* Was resolved and has fallen silent. */
};

/* How closely it is watched. */
struct uplink_params {
    uint32_t interval_ms;
    uint32_t misses;            /* Then the next hop is dead; 1...100. */
};

/* A port and its tags, shared by all segments that use it. */
struct uplink {
    const struct config_uplink *config;     /* Borrowed. */
    struct fh_uplink view;      /* For builders; port 0: absent. */
    struct uplink_params watch;
    bool port_up;
    enum uplink_state state;
    uint8_t misses;             /* Counted requests since it was heard. */
    bool awaited;               /* Others wait for what is heard of it: see
                                 * nexthop.c. */
    int64_t next_ms;            /* Next request that counts; monotonic. */
    int64_t early_at_ms;        /* Next early one; monotonic. */
    uint32_t early_ms;          /* So long after the first of them. */
    struct drops drops;         /* Of the meter of its replies, */
    struct drops beacon_drops;  /* of answers to beacons, */
    struct drops request_drops; /* and of its requests. */
    int64_t dropped_ms;         /* When replies were last found dropped;
                                 * monotonic, 0: never. */
    struct guard guard;         /* Of our own address and MAC there. */
    struct guard told_guard;    /* Of events about its next hop. */
    struct eth_addr previous_mac;   /* The next hop's, before. */
    struct eth_addr claimant;   /* The last other MAC that spoke as it. */
    bool asked;                 /* DISPUTED: the old one was asked ... */
    int64_t decide_ms;          /* ... and so long it may take.  Before that
                                 * time no further dispute asks at once. */
    uint16_t n_claims;          /* Of other MACs, times UPLINK_POUR_ASKS, and
                                 * their questions, since ... */
    int64_t claims_ms;          /* ... then, a UPLINK_POUR_MS at most. */
    int64_t poured_ms;          /* When they were last too many; 0: never. */
};

/* How often uplink_tick() is called. */
#define UPLINK_TICK_MS    100
#define UPLINK_EARLY_MS   100           /* Doubled each time. */
#define UPLINK_RETRY_MS   1000
#define UPLINK_DISPUTE_MS 100           /* So long the old MAC may take. */
#define UPLINK_POUR_N     16            /* More claims than that in */
#define UPLINK_POUR_ASKS  64
#define UPLINK_POUR_MS    1000          /* so long are a flood, which is over */
#define UPLINK_CALM_MS    2000          /* when so long there was none. */
#define UPLINK_DOUBTFUL   2             /* Then nobody is moved to it. */

enum uplink_event {
    UPLINK_NOTHING,
    UPLINK_FOUND,               /* It is known where it is. */
    UPLINK_MOVED,               /* Has another MAC, or tag Ethertype. */
    UPLINK_UNHEARD,             /* Never heard, and told so once. */
    UPLINK_WENT_DEAD,
    UPLINK_CAME_BACK,           /* From the dead, maybe at another MAC. */
    UPLINK_REFUSED,             /* 'claimant' is not believed. */
};

enum uplink_ask {
    UPLINK_ASK_NOBODY,
    UPLINK_ASK_ALL,             /* By broadcast, under a first tag of either
                                 * Ethertype if there are two. */
    UPLINK_ASK_IT,              /* At view.next_hop_mac. */
};

struct uplink_verdict {
    enum uplink_event event;
    enum uplink_ask ask;        /* Whom to send an ARP request now. */
};

/* May a client be served over it, as far as is known? */
bool uplink_is_ok(const struct uplink *);
/* Has its next hop answered too long ago for others to be moved to it? */
bool uplink_is_doubtful(const struct uplink *);
/* Was the next hop heard since the bridge is connected? */
bool uplink_is_resolved(const struct uplink *);

/* So long after a request without an answer comes the next one. */
static inline uint32_t
uplink_retry_ms(const struct uplink *uplink)
{
    return (uplink->watch.interval_ms < UPLINK_RETRY_MS
            ? uplink->watch.interval_ms : UPLINK_RETRY_MS);
}

/* Will something be concluded if no answer comes? */
bool uplink_waits(const struct uplink *);

/* Every UPLINK_TICK_MS while the bridge is ready. */
struct uplink_verdict uplink_tick(struct uplink *, int64_t now_ms);

/* 'mac' has spoken as the next hop: in a reply, a request of this router, or
 * an announcement (RFC 5227, 1.2.1), under an outer tag of Ethertype 'tpid'
 * (0: no tag).  It is believed if it is view.next_hop_mac afterwards.  'asks'
 * is true for a request of somebody else, a client: a gateway that knows
 * nobody yet asks for many at once, so a flood are UPLINK_POUR_ASKS times as
 * many of those. */
struct uplink_verdict uplink_heard(struct uplink *, struct eth_addr mac,
                                   uint16_t tpid, bool asks, int64_t now_ms);

/* The next tick asks, unless a request is on its way. */
void uplink_ask_soon(struct uplink *, int64_t now_ms);

/* The bridge is gone: nothing is known any more, the MAC is a guess. */
void uplink_reset(struct uplink *);

/* Do two routers' uplinks lead to the same LAN, by their tags and subnets? */
static inline bool
uplink_shares_lan(const struct uplink *a, const struct uplink *b)
{
    const struct fh_prefix *x = &a->config->address, *y = &b->config->address;

    return (fh_vlan_equal(&a->config->vlan, &b->config->vlan)
            && x->plen == y->plen && fh_prefix_contains(x, y->addr));
}

/* Takes over what 'old', to the same next hop, knows. */
void uplink_inherit(struct uplink *, const struct uplink *old);

#endif /* controller/decide/uplink.h */
