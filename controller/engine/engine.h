/* The engine: what there is, and what is decided about it.
 *
 * Owns routers, segments, clients and the journal; the daemon owns the loop
 * and the sockets, wakes the engine and executes what it has queued.
 *
 * Everything here runs in the event loop's one thread.  What the readers hand
 * out is borrowed and valid until the loop turns. */
#ifndef ENGINE_H
#define ENGINE_H 1

#include <firsthop/route.h>
#include <firsthop/store.h>

#include "controller/base/journal.h"
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

/* What the engine needs of its daemon.  All are called with 'aux'. */
struct engine_host {
    /* The core is told by that driver.  Returns false if engine_told() will
     * say when that is done. */
    bool (*announce)(void *aux, enum config_upstream, const struct fh_route *,
                     enum fh_route_how);
    void (*withdraw)(void *aux, enum config_upstream,
                     const struct fh_route *);
    /* What is kept over a restart, NULL: nothing is. */
    const struct store_state *(*kept)(void *aux);
    /* Keeps that too.  Returns 0 or a positive errno; EINPROGRESS: it is on
     * its way, ask again. */
    int (*keep)(void *aux, const struct store_change *);
    /* The core is told as 'config' says from now on. */
    void (*configured)(void *aux, const struct config *config);
    /* Frees 'config', which another has replaced.  It may be large. */
    void (*retire)(void *aux, struct config *config);
    /* Is the bridge there, even if it has not been read yet, or may it be yet?
     * It need not be waited for if not.  NULL: that is not known. */
    bool (*has_bridge)(void *aux, uint64_t dpid);
    /* Bridges are listened for and dialled as 'now' says, and no more as only
     * 'old' (may be NULL) did.  Returns NULL, or what failed, new. */
    char *(*listen)(void *aux, const struct config *now,
                    const struct config *old);
    /* Dials 'target' (may be NULL) no more, unless somebody needs it. */
    void (*undial)(void *aux, const char *target);
    void *aux;
    const struct wire_ops *wire;        /* How bridges are spoken to. */
    struct bridge *(*create_bridge)(void *aux, const struct bridge_options *,
                                    const struct bridge_ops *, void *owner);
    /* Connections that nobody has go to the bridges that want them. */
    void (*offer)(void *aux);
    /* Every UPLINK_TICK_MS: do the bridges keep up? */
    void (*tick)(void *aux, int64_t now_ms);
    struct engine_driver drivers[CONFIG_N_UPSTREAMS];
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
/* Lets go of the bridges, whose flows it leaves alone. */
void engine_stop(struct engine *);
/* After engine_stop(). */
void engine_destroy(struct engine *);

/* What comes next happens then, in us of the monotonic clock and of Unix time.
 * The engine reads no clock: whoever wakes it says so, once a wake-up. */
void engine_set_time(struct engine *, int64_t mono_us, int64_t unix_us);
/* Does what is due by now. */
void engine_advance(struct engine *);
/* When something will be due. */
int64_t engine_next_ms(const struct engine *);
/* The loop woke up so late. */
void engine_note_lag(struct engine *, int64_t ms);

/* The core has been told of the client, or is not there to be told. */
void engine_told(struct engine *, struct fh_addr, uint32_t segment_id,
                 uint32_t decision);
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
