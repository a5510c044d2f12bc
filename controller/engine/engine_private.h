/* The engine from inside, for the files that make it up:
 *
 *   engine.c     begins and ends; the timers of the whole
 *   engine_state.c   clock, journal, and who is who
 *   bridge.c     a bridge comes, speaks, and goes
 *   nexthop.c    the routers' next hops
 *   adopt.c      a bridge connects: what it holds against what it should
 *   punt.c       a frame comes in: ARP and ICMP
 *   rival.c      somebody else speaks for a client
 *   learned.c    how many may be learnt, and who makes room
 *   check.c      what short-lived flows tell of a bridge, or of a client
 *   serve.c      a client's life: learnt, elected, lost, forgotten
 *   probe.c      who reaches whom
 *   move.c       from one router to the next
 *   sweep.c      one thing to be done for all clients of a router
 *   runtime.c    from the configuration to what runs
 *   leave.c      a router leaves: its clients move before its flows go
 *   reload.c     from one configuration to the next
 *   change.c     what an operator asks for
 *
 * Nobody else includes this. */
#ifndef ENGINE_PRIVATE_H
#define ENGINE_PRIVATE_H 1

#include "controller/engine/engine.h"
#include "controller/base/log.h"
#include "controller/base/wheel.h"
#include "flows/icmp.h"

struct engine {
    struct engine_host host;
    struct config *config;              /* Owned. */
    struct wheel *wheel;
    struct clients *clients;
    struct journal *journal;
    struct router **routers;            /* Owned; as config->routers. */
    size_t n_routers;
    struct segment **segments;          /* Owned; as config->segments. */
    size_t n_segments;
    struct stats stats;
    struct wheel_timer router_timer;
    struct wheel_timer expect_timer;
    struct wheel_timer store_timer;
    struct wheel_timer leave_timer;
    struct departure *departures;       /* Owned; see leave.c. */
    int64_t now_us;                     /* Monotonic, as of this wake-up. */
    int64_t unix_off_ms;                /* Unix time less monotonic. */
    int64_t started_ms;                 /* Unix time. */
    uint32_t next_segment_id;
    struct sweep *sweeps;               /* Under way. */
    bool awake;                         /* The clock was read in this turn. */
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

/* bridge.c */
/* Waits for the router's bridge, unless it has one. */
void bridge_give(struct engine *, struct router *);
/* Connections that nobody has go to the routers and cores that want them. */
void bridge_offer(struct engine *);
/* Gives the bridge of 'from' to 'router', and reads it (if it is not set up
 * yet, that happens when it is). */
void bridge_hand_over(struct router *router, struct router *from);
/* Every UPLINK_TICK_MS: do they keep up? */
void bridge_tick(struct engine *, int64_t now_ms);

/* nexthop.c */
/* Does what follows from a verdict of uplink.h about an uplink. */
void nexthop_act(struct engine *, struct router *,
                 struct uplink *, struct uplink_verdict);
/* Every UPLINK_TICK_MS while it is ready. */
void nexthop_tick(struct engine *, struct router *, int64_t now_ms);

/* adopt.c */
/* A bridge has come, and will be read. */
void adopt_begin(struct engine *, struct router *);
/* It has been read: 'found'.  Returns what it should hold, new. */
struct flow_set *adopt_desired(struct engine *, struct router *,
                               const struct flow_set *found, bool first);
/* And that is on its way: from here on the router can be elected. */
void adopt_done(struct engine *, struct router *);

/* punt.c */
void punt_packet_in(struct engine *, struct router *,
                    const struct of_packet_in *);

/* rival.c */
/* 'mac' speaks for the client through 'port', one of which is not its.
 * Returns true if the client has been made to follow. */
bool rival_claims(struct engine *, struct client *, size_t member,
                  struct eth_addr mac, uint32_t port);
/* It answers in place of the client. */
void rival_answers(struct engine *, struct client *, struct eth_addr mac);
/* The client's place has answered a probe of 'member', from 'mac'. */
void rival_place_answered(struct engine *, struct client *, size_t member,
                          struct eth_addr mac);
/* The member reaches it no more: was the last claim a move? */
void rival_place_silent(struct engine *, struct client *, size_t member);

/* check.c */
/* Asks the bridge whether it reads both tags of a frame, if that matters. */
void check_two_tags(struct router *, int64_t now_ms);
/* Asks the active router whether the client still sends to the MAC of
 * 'c->trap_member'; untrap takes the question back. */
void check_static(struct client *);
void check_untrap(struct client *, size_t member);
void check_untrap_active(struct client *);      /* If there is one. */
/* Is that flow, found on the bridge, a question which is still open?  Its
 * timeout takes it away. */
bool check_is_open(struct engine *, const struct router *,
                   const struct fh_flow *);
void check_flow_removed(struct engine *, struct router *,
                        const struct fh_flow *, uint64_t packets);

/* serve.c */
/* May the member serve the client?  It is ready, and its bridge can read as
 * many tags as it takes. */
bool serve_can(const struct client *, size_t member);
struct client *serve_add(struct engine *, struct segment *, struct fh_addr,
                         enum client_origin);
/* Cancels all that is under way for it, removes its flows and frees it.
 * 'why' is for the event; NULL: none. */
void serve_forget(struct engine *, struct client *, const char *why);
/* The client spoke, and has no router that reaches it: probe from all, elect
 * when they have answered or a moment has passed, then answer for 'asked'
 * (zero: nothing was asked). 'member' heard it through 'port'. */
void serve_discover(struct engine *, struct client *, size_t member,
                    uint32_t port, struct fh_addr asked);
/* Starts, or stops, probing by a router that came or went. */
void serve_member_ready(struct engine *, struct client *, size_t member,
                        bool holds);
void serve_member_gone(struct engine *, struct client *, size_t member,
                       uint32_t);
/* Does so if the client waits for it and all is there that is needed. */
void serve_resume(struct engine *, struct client *);
void serve_elect_again(struct engine *, struct client *, size_t member,
                       uint32_t);
/* Elects, and does what follows.  'cause' is a hint, CAUSE_NONE: find out. */
void serve_elect(struct engine *, struct client *, enum incident_cause);
void serve_set_active(struct engine *, struct client *, int member);
/* Moves an active client to a member that reaches it. */
void serve_move(struct engine *, struct client *, int member,
                enum incident_cause);
void serve_set_origin(struct client *, enum client_origin);
uint32_t serve_ready_members(const struct segment *);
void serve_snapshot(const struct engine *, const struct client *,
                    struct elect_candidate *, struct elect_input *);
void serve_arm(struct engine *, struct client *);
void serve_set_state(struct engine *, struct client *, enum client_state);
/* Asks by every router that does not reach the client, so that its election
 * sees what there is to choose from. */
void serve_start_discovery(struct engine *, struct client *);
bool serve_all_have_answered(const struct client *);
/* An event about it; and the name of a member (ELECT_NONE: none) in one. */
struct incident serve_event(const struct client *, enum incident_type);
void serve_name_member(char *name, const struct client *, int member);
/* The same, or the router that forwards for it without being one any more. */
void serve_name_forwarder(char *name, const struct client *, int member);

/* probe.c */
/* Of reach.timer. */
void probe_timer_fired(struct wheel_timer *, int64_t now_ms, void *en);
void probe_now(struct engine *, struct client *, size_t member);
/* A verdict about a client on a router. */
void probe_reach_event(struct engine *, struct client *, size_t member,
                       enum reach_event, enum incident_cause);
void probe_port_down(struct engine *, struct client *, size_t member,
                     uint32_t port);

/* move.c */
/* Names the winner of an election and sets out to make it the active one. */
void move_begin(struct engine *, struct client *, int winner,
                enum incident_cause);
/* Tells core and client once more of the active router, which holds the
 * flows. */
void move_resume(struct engine *, struct client *);
/* Was the decision made so short a time ago that the takeover may have been
 * cut short by our end? */
bool move_is_recent(const struct engine *, uint32_t decision);
void move_act(struct engine *, struct client *, struct takeover_actions *);
void move_told(struct engine *, struct client *);
void move_acked(struct engine *, struct client *, size_t member);
void move_installed(struct engine *, struct client *, struct router *,
                    bool ok);
/* Answers the request that was noted, if the active router heard it. */
void move_answer_asked(struct engine *, struct client *);
/* The client answers at another MAC from now on (zero: whoever answers). */
void move_follow(struct engine *, struct client *, struct eth_addr mac);

#endif /* controller/engine/engine_private.h */
