/* The engine: what there is, and what is decided about it.
 *
 * Owns routers, segments, clients and the journal; the daemon owns the loop
 * and the sockets.  Events go in by one door, engine_step(); what is to be done
 * comes out as plain memory, which the daemon executes: a list of acts, and an
 * out-box (base/outbox.h) for each bridge.  Of its daemon the engine asks only
 * what cannot wait for an answer (struct engine_host).
 *
 * Everything here runs in the event loop's one thread.  What the readers hand
 * out is borrowed and valid until the loop turns. */
#ifndef ENGINE_H
#define ENGINE_H 1

#include <firsthop/route.h>
#include <firsthop/store.h>

#include "controller/base/journal.h"
#include "controller/base/outbox.h"
#include "controller/net/router.h"
#include "controller/config/config.h"
#include "controller/engine/stats.h"
#include "controller/net/clients.h"
#include "controller/net/segment.h"

struct engine;

/* How long after a start, in ms, routers that held clients are waited for:
 * Open vSwitch backs off up to 8 s between its attempts. */
#define ENGINE_EXPECT_MS 10000

/* A driver of the core, as the engine sees it. */
struct engine_driver {
    bool is_there;
    bool acknowledges;          /* Whether takeovers should wait for that. */
    uint16_t settle_ms;         /* So long the core may go on sending to a
                                 * previous router. */
};

/* What the engine asks of its daemon, which answers at once.  All are called
 * with 'aux'. */
struct engine_host {
    /* What is kept over a restart, NULL: nothing is. */
    const struct store_state *(*kept)(void *aux);
    /* Keeps that too.  Returns 0 or a positive errno; EINPROGRESS: it is on
     * its way, ask again. */
    int (*keep)(void *aux, const struct store_change *);
    /* Is the bridge there, even if it has not been read yet, or may it be yet?
     * It need not be waited for if not.  NULL: that is not known. */
    bool (*has_bridge)(void *aux, uint64_t dpid);
    /* Bridges are listened for and dialled as 'now' says, and no more as only
     * 'old' (may be NULL) did.  Returns NULL, or what failed, new. */
    char *(*listen)(void *aux, const struct config *now,
                    const struct config *old);
    void *aux;
    struct engine_driver drivers[CONFIG_N_UPSTREAMS];
};

/* What happens.  Of a bridge, which its out-box stands for: */
enum engine_event_type {
    ENGINE_BRIDGE_UP,           /* 'ports', 'openflow'; it is read next. */
    ENGINE_BRIDGE_DOWN,         /* 'reason' */
    ENGINE_BRIDGE_FLOWS,        /* 'flows' */
    ENGINE_BRIDGE_READ,         /* 'first': what was wrong with them is on its
                                 * way to be changed. */
    ENGINE_BRIDGE_COUNTED,      /* 'flow', which says what it has counted. */
    ENGINE_BRIDGE_REPAIRED,     /* 'n' flows, which others had changed. */
    ENGINE_BRIDGE_CONFIRMED,    /* 'confirmed' */
    ENGINE_BRIDGE_PORTS,        /* 'ports' */
    ENGINE_BRIDGE_FRAME,        /* 'frame' comes in. */
    ENGINE_BRIDGE_REMOVED,      /* 'flow', by itself. */
    ENGINE_BRIDGE_FENCE,        /* Has come back, after 'took_us'. */
    ENGINE_BRIDGE_DROPS,        /* 'drops' of its meters. */
    ENGINE_BRIDGE_METERS,       /* 'meters' are set so. */
    /* Of all: */
    ENGINE_TOLD,                /* The core has been told of 'client', or is
                                 * not there to be told. */
    ENGINE_LAG,                 /* The loop woke up 'lag_ms' late. */
    ENGINE_DUE,                 /* Time has passed: what is due is done. */
};

/* All pointers are borrowed for the step. */
struct engine_event {
    enum engine_event_type type;
    struct outbox *box;         /* Of the bridge. */
    union {
        struct {
            const struct of_port *all;
            size_t n;
            const struct of_port *changed;      /* NULL when it comes. */
            bool deleted;
            const char *openflow;       /* "1.4" */
        } ports;
        const char *reason;
        struct {
            const struct flow_set *found;       /* All that are ours. */
            bool first;                 /* It has not served yet. */
            struct flow_set **desired;  /* Filled in: those that it should have
                                         * instead, new. */
        } flows;
        bool first;
        const struct fh_flow *flow;
        size_t n;
        struct {
            uint64_t token;
            bool ok, serves;            /* It still does. */
        } confirmed;
        const struct of_packet_in *frame;
        int64_t took_us;
        struct {
            const struct of_meter_drops *meters;
            size_t n;
        } drops;
        struct {
            const struct fh_meter *meters;
            size_t n;
        } meters;
        struct {
            struct fh_addr address;
            uint32_t segment, decision;
        } client;
        int64_t lag_ms;
    } u;
};

/* What is to be done, besides what is in the out-boxes. */
enum engine_act_type {
    ENGINE_OPEN,                /* Waits for the bridge of 'box', */
    ENGINE_RENEW,               /* which has another name now; */
    ENGINE_READ,                /* reads it, as when it came; */
    ENGINE_READ_AGAIN,          /* the same while it serves; */
    ENGINE_DROP,                /* closes its connection, for 'reason'; */
    ENGINE_CLOSE,               /* lets go of it, and destroys 'box'. */
    ENGINE_OFFER,               /* Connections that nobody has go to the
                                 * bridges that want them. */
    ENGINE_UNDIAL,              /* Dials 'target' (owned, may be NULL) no more,
                                 * unless somebody needs it. */
    ENGINE_LOOK,                /* Do the bridges keep up? */
    ENGINE_ANNOUNCE,            /* The core is told 'route'; ENGINE_TOLD says
                                 * that it has been. */
    ENGINE_WITHDRAW,            /* Likewise, but for that. */
    ENGINE_CONFIGURED,          /* 'config' is in force (borrowed). */
    ENGINE_RETIRE,              /* Frees 'config', which may be large. */
};

struct engine_act {
    enum engine_act_type type;
    union {
        struct outbox *box;
        struct {
            struct outbox *box;
            const char *reason;
        } drop;
        char *target;
        struct {
            struct fh_route route;      /* Its names are valid until it is
                                         * done. */
            enum config_upstream upstream;
            enum fh_route_how how;
        } core;
        const struct config *configured;
        struct config *retired;
    } u;
};

/* Starts at that time, see engine_set_time(), with 'config' (taken, even if it
 * fails).  Returns new, or NULL and '*errp', new. */
struct engine *engine_create(struct config *config,
                             const struct engine_host *, int64_t mono_us,
                             int64_t unix_us, char **errp);
/* Begins anew, as after a start, with 'config' (taken) or, NULL, with the one
 * in force: what was known of clients is forgotten, their flows are left
 * alone.  'quiet': another controller leads, and this one decides nothing
 * until it begins anew.  The journal and the counters go on. */
void engine_restart(struct engine *, struct config *config, bool quiet);
/* A learnt client that another controller has known.  Before the bridges come:
 * whom none of them serves is asked for as soon as they have, and a MAC or a
 * port that they tell is newer. */
void engine_recall(struct engine *, const struct store_client *);
bool engine_is_quiet(const struct engine *);
/* Decisions from now on are later than all that were made until 'unix_ms',
 * whatever the clock says: another controller's may be ahead. */
void engine_set_decisions_after(struct engine *, int64_t unix_ms);
/* Asks to keep what would be kept in a while. */
void engine_keep_now(struct engine *);
/* Lets go of the bridges, whose flows it leaves alone: take what is to be done
 * then. */
void engine_stop(struct engine *);
/* After engine_stop(). */
void engine_destroy(struct engine *);

/* What comes next happens then, in us of the monotonic clock and of Unix time.
 * The engine reads no clock: whoever wakes it says so, once a wake-up. */
void engine_set_time(struct engine *, int64_t mono_us, int64_t unix_us);
/* That has happened.  An event of a bridge whose out-box is nobody's any more
 * is ignored.  Returns true if there are acts to be taken. */
bool engine_step(struct engine *, const struct engine_event *);
/* When ENGINE_DUE will have something to do. */
int64_t engine_next_ms(const struct engine *);
/* Takes what is to be done next, in order, after each event or order; returns
 * false once there is nothing.  Out-boxes are emptied when the loop turns. */
bool engine_take_act(struct engine *, struct engine_act *);
/* Fills in the time, and puts it in the journal and the log. */
void engine_report(struct engine *, struct incident *);

/* How far a sweep is: every address that is not known of a segment, or of a
 * part of it, is asked, by two routers one after the other. */
struct sweep_status {
    uint32_t n_addresses, n_asked;
    uint32_t n_found;           /* Hosts that have answered. */
    bool waits;                 /* For those of other segments. */
};
#define ENGINE_SWEEP_MOST 65536 /* Addresses. */

/* Readers. */
/* NULL if none is under way. */
const struct sweep_status *engine_sweep_status(const struct engine *,
                                               const struct segment *);
/* Is the bridge at that target dialled for a router that was removed? */
bool engine_dials(const struct engine *, const char *target);
const struct config *engine_config(const struct engine *);
struct clients *engine_clients(const struct engine *);
struct journal *engine_journal(const struct engine *);
const struct stats *engine_stats(const struct engine *);
int64_t engine_now_ms(const struct engine *);       /* Monotonic. */
int64_t engine_started_ms(const struct engine *);   /* Unix time. */
int64_t engine_unix_ms(const struct engine *);      /* Unix time, now. */
size_t engine_n_routers(const struct engine *);
struct router *engine_router(const struct engine *, size_t i);
struct router *engine_find_router(const struct engine *, const char *);
size_t engine_n_segments(const struct engine *);
struct segment *engine_segment(const struct engine *, size_t i);
struct segment *engine_find_segment(const struct engine *, const char *);
/* The snapshot that the client's next election will see, for explain: fills
 * 'candidates' (one per member) and returns the result. */
struct elect_result engine_explain(const struct engine *,
                                   const struct client *,
                                   struct elect_candidate *candidates);
/* The result of an election if the router of that member had gone. */
struct elect_result engine_without(const struct engine *,
                                   const struct client *, size_t member);

/* NULL, or the first of its invariants that is broken, new: for tests. */
char *engine_audit(const struct engine *);

/* Writers.  Return NULL, or what stands in the way, new; or ENGINE_PENDING if
 * what is to be kept is on its way to the disk: nothing has changed, and the
 * same call is to be made again once it is there. */
#define ENGINE_PENDING (engine_pending)
extern char engine_pending[];           /* Not to be freed. */
char *engine_move(struct engine *, struct client *, size_t member);
char *engine_set_draining(struct engine *, struct router *, bool);
/* Somebody who knows better than its next hop's ARP tells so.  Its clients
 * move at once to routers whose uplinks work. */
char *engine_set_uplink_down(struct engine *, struct router *, bool);
/* Begins a sweep of the segment, or of 'prefix' (NULL: all of it). */
char *engine_sweep(struct engine *, struct segment *,
                   const struct fh_prefix *prefix);
/* 'n' different clients, all or none. */
char *engine_provision(struct engine *, const struct config_client *,
                       size_t n);
char *engine_delete(struct engine *, struct client *);
/* Takes over 'config' (taken if it succeeds).  'persist' keeps it over a
 * restart. */
char *engine_apply(struct engine *, struct config *config, bool persist);

#endif /* controller/engine/engine.h */
