/* The engine from inside: its state, and what all of its files ask of it.
 * What the files ask of each other is in a header of each, and points one way:
 *
 *   engine_state     clock, journal, who is who
 *   act              what the daemon is to do
 *   lease_ack, route, serving, stale, learned, sweep, search
 *   path             which router hears which
 *   probe, nexthop   who reaches whom
 *   move             from one router to the next
 *   defend           somebody speaks as us
 *   conflict         somebody else speaks for a client
 *   life, taglimit   a client comes, its routers come and go, it is forgotten
 *   settle           which router is to serve it
 *   lease            a client that a DHCP server has given its address
 *   locate           whose address is that
 *   input_arp, input_uplink, input_icmp, input_dhcp: a handler a protocol
 *   input            frames come in, and go to who deals with them
 *   adopt, bridge, leave, runtime, reload, change
 *   engine           begins and ends; the timers of the whole
 *
 * Nobody else includes this. */
#ifndef ENGINE_PRIVATE_H
#define ENGINE_PRIVATE_H 1

#include "controller/engine/engine.h"
#include "controller/base/log.h"
#include "controller/base/wheel.h"
#include "flows/icmp.h"

/* What the daemon has not done yet. */
struct acts {
    struct engine_act *items;           /* Owned. */
    size_t n, cap;
    size_t taken;                       /* The first so many. */
};

struct engine {
    struct engine_host host;
    struct acts acts;
    struct config *config;              /* Owned. */
    struct wheel *wheel;
    struct clients *clients;
    struct journal *journal;
    struct router **routers;            /* Owned; as config->routers. */
    size_t n_routers;
    struct segment **segments;          /* Owned; as config->segments. */
    size_t n_segments;
    struct path *paths;                 /* Owned; see path.h. */
    size_t n_paths;
    struct path_end *due, **due_tail;   /* Whose beacon is. */
    bool suspects;                      /* Segments have some. */
    int64_t hops_judged_ms;             /* Until then next hops are awaited;
                                         * 0: none is.  See nexthop.c. */
    struct stall stall;                 /* Of bridges, and of this loop. */
    int64_t trials_ms;                  /* Since then have begun so many */
    uint32_t n_trials;                  /* trials; see settle.c. */
    struct stats stats;
    struct wheel_timer router_timer;
    struct wheel_timer pulse_timer;
    struct wheel_timer expect_timer;
    struct wheel_timer store_timer;
    struct wheel_timer lease_timer;     /* Leases are to be kept. */
    struct wheel_timer leave_timer;
    struct departure *departures;       /* Owned; see leave.c. */
    int64_t now_us, now_ms;             /* Monotonic, as of this wake-up. */
    int64_t unix_off_ms;                /* Unix time less monotonic. */
    int64_t started_ms;                 /* Unix time. */
    uint32_t next_segment_id;
    struct relays *relays;              /* Exchanges of DHCP; owned. */
    struct sweep *sweeps;               /* Under way. */
    struct search *searches;            /* Likewise; owned, see search.c. */
    struct wheel_timer search_timer;
    TAILQ_HEAD(, client) marked;        /* To be settled: see mark.h. */
    bool quiet;                         /* Another controller leads. */
    int64_t decisions_off_ms;           /* Decisions are so far ahead of the
                                         * clock. */
};

static inline struct router *
member_router(const struct client *c, size_t member)
{
    return c->segment->members[member].router;
}

/* Clients that leave a router by an operator's wish leave one by one, so many
 * a ms, which keeps the bridges free to forward. */
#define DRAIN_PER_MS 1

/* engine_state.c */
static inline void
engine_drop(struct engine *en, enum drop why)
{
    en->stats.drops[why]++;
}
/* What is kept over a restart, or NULL; and to keep more.  'keep' returns 0 or
 * a positive errno. */
static inline const struct store_state *
engine_kept(const struct engine *en)
{
    return en->host.kept(en->host.aux);
}
static inline int
engine_keep(const struct engine *en, const struct store_change *change)
{
    return en->host.keep(en->host.aux, change);
}
/* A router got its first client, or lost its last. */
void engine_holders_changed(struct engine *);

struct router *engine_router_by_dpid(const struct engine *, uint64_t dpid);

#endif /* controller/engine/engine_private.h */
