/* The paths between the routers: who hears whom, and what that tells of the
 * routers.
 *
 * Owns a path for each pair of routers of a segment, across the access
 * network, and one for each pair of uplinks on the same LAN, across the core.
 * Notes what the beacons tell; engine.c does what follows from it, once the
 * turn has come to its end. */
#ifndef PATH_H
#define PATH_H 1

#include "controller/engine/engine.h"
#include "flows/arp.h"
#include "controller/decide/pulse.h"

/* What one router knows of the other. */
struct path_end {
    struct beacon beacon;       /* First: its timer finds the end. */
    struct path *path;
    struct router *router;      /* Who asks.  Borrowed. */
    struct uplink *uplink;      /* Its own; across the core.  Borrowed. */
    const struct member *member;    /* In the segment.  Borrowed. */
    struct beacon_params params;    /* As many as the bridge may send. */
    struct path_end *next_due;
    uint16_t tpid;              /* Outer tag of the last answer, 0: none. */
    bool due;                   /* Its timer has fired. */
};

enum path_state { PATH_UNKNOWN, PATH_UP, PATH_LOST };

/*   UNKNOWN --> UP     one of them hears the other
 *   UP --> LOST        one has lost the other, and the other does not hear it
 *   LOST --> UP        as above
 *   any --> UNKNOWN    both bridges have gone */
struct path {
    char *key;                  /* Owned; names it over a reload. */
    struct segment *segment;    /* Across the core: the first that uses it. */
    struct path_end ends[2];
    int64_t since_ms;           /* Unix time: of the state, 0: the start. */
    uint8_t state;              /* enum path_state */
    bool core;
};

/* Follows the configuration; what is known of paths that stay, stays. */
void path_build(struct engine *);
void path_destroy(struct engine *);

/* Is that ARP packet, which has come in by 'port', an answer to a beacon of
 * the router?  If it is one at all, it is dealt with. */
bool path_heard(struct engine *, const struct router *, uint32_t port,
                const struct frame *, const struct arp *);

/* The ends whose timer has fired, one after the other: NULL, all is done. */
struct path_end *path_take_due(struct engine *);
/* The other end. */
struct path_end *path_far_end(const struct path_end *);
/* What its beacons come from, and go to. */
struct eth_addr path_mac(const struct path_end *);
/* The beacon of that end, as its number says, and its tags. */
void path_ask(const struct path_end *, struct arp *, struct fh_vlan *);
/* A number for the next beacon of that end. */
uint64_t path_number(const struct engine *, const struct path_end *);
/* Does what follows from a verdict about a beacon of that end. */
void path_note(struct engine *, struct path_end *, enum beacon_event);
/* Its bridge has gone. */
void path_forget(struct engine *, struct path_end *);

/* Has the router come to everything in time that it was asked? */
bool path_is_overdue(const struct engine *, const struct router *);
/* What is to be thought of the router, and which peers would know more:
 * those ask at once. */
enum pulse path_judge(struct engine *, const struct router *);

/* Readers. */
const struct path *path_first(const struct engine *, size_t *n);
/* Across the core, between the two routers of one across the access network;
 * NULL: their uplinks share no LAN. */
const struct path *path_across_core(const struct engine *,
                                    const struct path *);
/* How many clients depend on it: those whose active router is one of its
 * two. */
size_t path_count_clients(const struct engine *, const struct path *);
static inline const char *
path_state_text(enum path_state state)
{
    return (state == PATH_UP ? "up" : state == PATH_LOST ? "lost"
            : "unknown");
}

#endif /* controller/engine/path.h */
