/* The controller: owns everything, and is the only place where decisions meet
 * I/O.
 *
 * Everything here runs in the event loop's one thread.  What the readers hand
 * out is borrowed and valid until the loop turns. */
#ifndef FIRSTHOP_H
#define FIRSTHOP_H 1

#include <event2/event.h>

#include "controller/net/clients.h"
#include "controller/config/config.h"
#include "controller/base/journal.h"
#include "controller/bridge/router.h"
#include "controller/net/segment.h"

struct firsthop;

/* Why frames were dropped, or what else is worth counting. */
enum firsthop_drop {
    DROP_MALFORMED,             /* Truncated, wrong lengths or types. */
    DROP_TAGS,                  /* Three tags, priority tag. */
    DROP_UNKNOWN_TAG,           /* No segment has these tags. */
    DROP_UNKNOWN_PORT,
    DROP_OUTSIDE,               /* Sender outside the segment's prefixes. */
    DROP_OWN_ADDRESS,           /* Speaks as the gateway or a router. */
    DROP_MAC_CONFLICT,          /* Another MAC than the configured one. */
    DROP_RIVAL,                 /* Another MAC or port than the learnt one,
                                 * which still answers. */
    DROP_LIMIT,                 /* Too many clients on the port or segment. */
    DROP_UNLISTED,              /* "learn" is false. */
    DROP_UNASKED,               /* A reply that nobody asked for. */
    DROP_PROBE,                 /* Address probes: never answered. */
    DROP_ICMP,                  /* An ICMP error that may not be sent. */
    DROP_NEXT_HOP,              /* Speaks as a next hop that still answers at
                                 * another MAC. */
    FIRSTHOP_N_DROPS
};
const char *firsthop_drop_name(enum firsthop_drop);     /* "malformed" */

/* Upper bounds in ms of the histograms, the last is infinite. */
#define FIRSTHOP_N_BUCKETS 14
extern const int firsthop_bucket_ms[FIRSTHOP_N_BUCKETS - 1];

struct firsthop_histogram {
    uint64_t buckets[FIRSTHOP_N_BUCKETS];   /* Not cumulative. */
    uint64_t count;
    double sum_ms;
};

struct firsthop_stats {
    uint64_t drops[FIRSTHOP_N_DROPS];
    uint64_t moves[CAUSE_N];            /* By cause. */
    uint64_t arp_answers;
    uint64_t icmp_answers;
    uint64_t fragments;                 /* Sent, of packets too long. */
    uint64_t conflicts;
    uint64_t displaced;                 /* Guests put out: see learned.h. */
    struct firsthop_histogram detect, install, ack, loop_lag;
};

struct firsthop_options {
    const char *state_dir;      /* NULL: nothing is kept. */
    char **listens;             /* In place of the configuration's; NULL. */
    size_t n_listens;
};

/* Starts with 'config' (taken, even if it fails).  Returns new, or NULL and
 * '*errp', new.  */
struct firsthop *firsthop_create(struct event_base *, struct config *config,
                                 const struct firsthop_options *,
                                 char **errp);
/* Leaves the flows on the bridges alone. */
void firsthop_destroy(struct firsthop *);

/* Readers. */
const struct config *firsthop_config(const struct firsthop *);
struct clients *firsthop_clients(const struct firsthop *);
struct journal *firsthop_journal(const struct firsthop *);
const struct firsthop_stats *firsthop_stats(const struct firsthop *);
/* The driver, for its readers. */
const struct upstream *firsthop_driver(const struct firsthop *,
                                       enum config_upstream);
const struct ofserver *firsthop_ofserver(const struct firsthop *);
int64_t firsthop_now_ms(const struct firsthop *);       /* Monotonic. */
int64_t firsthop_started_ms(const struct firsthop *);   /* Unix time. */
int64_t firsthop_unix_ms(const struct firsthop *);      /* Unix time, now. */
size_t firsthop_n_routers(const struct firsthop *);
struct router *firsthop_router(const struct firsthop *, size_t i);
struct router *firsthop_find_router(const struct firsthop *, const char *);
size_t firsthop_n_segments(const struct firsthop *);
struct segment *firsthop_segment(const struct firsthop *, size_t i);
struct segment *firsthop_find_segment(const struct firsthop *, const char *);

/* The snapshot that the client's next election will see, for explain: fills
 * 'candidates' (one per member) and returns the result. */
struct elect_result firsthop_explain(const struct firsthop *,
                                     const struct client *,
                                     struct elect_candidate *candidates);

/* Writers.  Return NULL, or what stands in the way, new. */
char *firsthop_move(struct firsthop *, struct client *, size_t member);
char *firsthop_set_draining(struct firsthop *, struct router *, bool);
char *firsthop_provision(struct firsthop *, const struct config_client *);
char *firsthop_delete(struct firsthop *, struct client *);
/* Takes over 'config' (taken if it succeeds).  'persist' keeps it over a
 * restart. */
char *firsthop_apply(struct firsthop *, struct config *config, bool persist);

#endif /* controller/daemon/firsthop.h */
