/* Which router is active for a client?  A pure function of a snapshot.
 *
 *   candidates   connected, not draining, client up
 *   1. startup   a router that held clients before is not back yet, and no
 *                active one is known: wait for it
 *   2. the active one is among them, and no preemption is due: it stays
 *   3. if all others' probes are late: wait for their verdict, for a client
 *      that has gone silent everywhere is lost, not moved
 *      a candidate whose uplink works before one whose uplink does not,
 *      and one that hears the client before one that a flood keeps from it,
 *      and one that the controller hears before one that is headless
 *      and the one where the client's host is: other addresses of it
 *   4. the highest priority
 *   5. the highest hash of client and router, so that equals share the
 *      clients and every instance agrees
 *   6. none: the active one keeps what it has (draining but reaching, or
 *      lost), else nobody
 *
 * An active router that is headless forwards, whatever has become of its
 * connection, and is left only when its peers do not see it any more.
 *
 * An active router stays a candidate while no verdict about the client has
 * been reached on it (UNKNOWN), as after a restart: no client is moved
 * without need.  Its uplink alone is reason to leave it only for a candidate
 * whose uplink works, and that it does not hear the client only for one that
 * does. */
#ifndef ELECT_H
#define ELECT_H 1

#include "controller/decide/reach.h"

#define ELECT_NONE (-1)

struct elect_candidate {
    bool connected;
    bool draining;
    bool uplink_ok;             /* Port up, next hop not known dead. */
    bool expected;              /* Held clients before the start, and may
                                 * still be on its way back. */
    bool headless;              /* The controller does not hear it, but its
                                 * peers do: it forwards. */
    bool heard;                 /* No flood keeps the client's answers. */
    bool has_host;              /* The client's other addresses are, or are
                                 * to be, there. */
    bool fits_host;             /* They could be: it reaches as many. */
    uint8_t reach;              /* enum reach_state */
    uint16_t priority;
    uint32_t hash;              /* elect_hash() */
    int64_t up_since_ms;        /* Of the reach, monotonic. */
};

struct elect_input {
    const struct elect_candidate *candidates;
    size_t n;
    int active;                 /* Index, or ELECT_NONE. */
    bool preempt;
    uint32_t hold_down_ms;
    int64_t now_ms;             /* Monotonic. */
};

enum elect_reason {
    ELECT_STAYS,                /* The active one is a candidate. */
    ELECT_STAYS_DRAINING,       /* Nobody else reaches the client. */
    ELECT_PRIORITY,             /* Highest priority. */
    ELECT_HASH,                 /* Highest hash among equals. */
    ELECT_ONLY,                 /* The only candidate. */
    ELECT_PREEMPTS,             /* Higher priority, up long enough. */
    ELECT_UPLINK,               /* Its uplink works, the active one's not. */
    ELECT_HEARD,                /* It hears the client, the active one not. */
    ELECT_HOST,                 /* The host's other addresses are there. */
    ELECT_HEADLESS,             /* The active one forwards, unheard by the
                                 * controller. */
    ELECT_WAITS,                /* For a router that is on its way back. */
    ELECT_LATE,                 /* All others' probes are late: wait for their
                                 * verdict. */
    ELECT_TRIED,                /* Said by settle.c: another has to show that
                                 * it hears the client better. */
    ELECT_LOST,                 /* No candidate. */
};

struct elect_result {
    int winner;                 /* Index; ELECT_NONE: nobody (then with
                                 * ELECT_WAITS, _LATE or _LOST). */
    enum elect_reason reason;
    int64_t again_ms;           /* Preemption due: ask again; 0: no need. */
};

struct elect_result elect_run(const struct elect_input *);

/* Is the candidate eligible at all, that is, is it in the contract's set? */
bool elect_is_eligible(const struct elect_candidate *);

/* Spreads clients over equal routers: of a client's address and a router's
 * datapath id.  Every instance computes the same. */
uint32_t elect_hash(struct fh_addr client, uint64_t dpid);

/* For people, "highest priority", and for programs, "priority". */
const char *elect_reason_text(enum elect_reason);
const char *elect_reason_name(enum elect_reason);

#endif /* controller/decide/elect.h */
