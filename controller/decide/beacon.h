/* Does one router hear another, across the access network or across the core?
 * Pure.
 *
 * A beacon is an ARP request from one router's own address to the other's.
 * The other's bridge answers it by a flow, without its controller.  So a
 * beacon that is not answered tells of a dead path or a dead bridge, and never
 * of a controller that has lost the other one's connection.
 *
 *                answer                       misses used up
 *   UNKNOWN ------------> UP <---------+  +----------------> LOST
 *      |                  |   answer   |  |                  |  ^
 *      |                  +---------> LATE                   |  |
 *      |                    one is late              answer  |  |
 *      |                                                     v  |
 *      |       misses used up, if it was ever UP            UP  |
 *      +--------------------------------------------------------+
 *
 * From any of them to UNKNOWN when the bridge that asks is gone: then nothing
 * is known any more.  Who has never answered (ports that are isolated from one
 * another, bridges of another make) stays UNKNOWN, and nothing follows.
 *
 * A beacon is late after a timeout that follows the measured round trip (RFC
 * 6298, 2), and is then repeated at once.  As with the probes of reach.h,
 * silence is evidence only once a fence behind the beacon has come back, and
 * not while the bridge drops what it should hand up.
 *
 * Each beacon carries a number that nobody can guess, and its answer must
 * carry the same: it is fresh, and tells which of several it answers (or lost
 * answers would count as slow ones: RFC 6298, 3).  That it is the bridge's
 * nothing proves: flows know no keyed function, so who sees a beacon can answer
 * it. */
#ifndef BEACON_H
#define BEACON_H 1

#include "controller/decide/reach.h"

enum beacon_state {
    BEACON_UNKNOWN,
    BEACON_UP,
    BEACON_LATE,                /* Up, and the last one was not answered. */
    BEACON_LOST,
};

struct beacon_params {
    uint32_t interval_ms;       /* Not 0. */
    uint32_t misses;            /* In a row, 1...: then it is lost. */
    uint32_t stall_ms;          /* None is late before that: see rtt.h. */
};

/* The shortest interval. */
#define BEACON_MIN_MS 5
/* The shortest timeout, of intervals that are not shorter. */
#define BEACON_MIN_RTO_MS 20
/* The shortest of one that is pressed. */
#define BEACON_PRESSED_RTO_MS 3
/* The first, before anything is measured. */
#define BEACON_FIRST_RTO_MS 100
/* Who does not answer is asked more and more seldom, down to this: a switch
 * that does not know where it is sends the beacon to every port. */
#define BEACON_IDLE_MS 1000

/* An answer to one of the last so many that went out counts. */
#define BEACON_KEPT 8

struct beacon {
    struct wheel_timer timer;   /* The next one, or its lateness. */
    struct rtt rtt;
    int64_t sent_us;            /* Of the oldest that is not answered. */
    int64_t answered_ms;        /* The last; monotonic, 0: never. */
    struct {
        uint64_t number;
        int64_t sent_us;
    } asked[BEACON_KEPT];       /* Since then; 'n_asked' modulo that. */
    uint32_t n_asked;
    uint32_t phase_ms;          /* Where in the interval. */
    uint32_t fence;             /* Covers the last one. */
    uint32_t reading;           /* Covers the look at the meter. */
    uint32_t asked_ms;          /* When the last went out, modulo 2^32. */
    uint32_t port;              /* By which it was answered, 0: unknown. */
    uint32_t sent, missed;      /* For metrics. */
    uint8_t state;              /* enum beacon_state */
    uint8_t misses;             /* In a row. */
    bool outstanding;           /* One awaits its answer. */
    bool looked;                /* The meter is being, or was, read. */
    bool found;                 /* Has been UP. */
    bool pressed;               /* There is other evidence that the other
                                 * router is gone: its answers may take no
                                 * longer than their round trip says. */
};

enum beacon_event {
    BEACON_NOTHING,
    BEACON_WENT_LATE,           /* A first one was missed. */
    BEACON_WENT_LOST,
    BEACON_FOUND,               /* From UNKNOWN, or LOST, to UP. */
};

/* What to do when the timer has fired. */
struct beacon_verdict {
    enum beacon_event event;
    bool ask;                   /* Send one now, then beacon_sent(). */
    bool look;                  /* Read the meter, then beacon_looked(). */
    int64_t next_ms;            /* Arm the timer for this. */
};

static inline bool
beacon_is_up(const struct beacon *b)
{
    return b->state == BEACON_UP || b->state == BEACON_LATE;
}

uint32_t beacon_rto_ms(const struct beacon *, const struct beacon_params *);

/* The first moment after 'now_ms' that is the beacon's own. */
int64_t beacon_next_ms(const struct beacon *, const struct beacon_params *,
                       int64_t now_ms);

/* The timer fired, or somebody wants to know at once (one that is under way is
 * then awaited).  'bridge' is that of the router that asks. */
struct beacon_verdict beacon_timer(struct beacon *,
                                   const struct beacon_params *,
                                   const struct reach_bridge *bridge,
                                   int64_t now_ms);

/* Number 'number' went to the bridge.  'fence' will cover it. */
void beacon_sent(struct beacon *, uint64_t number, uint32_t fence,
                 int64_t now_us);

/* The meter is asked; 'reading' will have the answer, if there is one. */
void beacon_looked(struct beacon *, uint32_t reading);

/* The number that went out last. */
uint64_t beacon_number(const struct beacon *);

/* When the one of that number went out, 0: it is not, or no longer, under
 * way. */
int64_t beacon_asked_us(const struct beacon *, uint64_t number);

/* Number 'number' was answered through 'port'.  Returns false, and nothing has
 * changed, if it is not under way.  Otherwise '*next_ms' is when the next is
 * due. */
bool beacon_answered(struct beacon *, const struct beacon_params *,
                     uint64_t number, uint32_t port, int64_t now_us,
                     enum beacon_event *, int64_t *next_ms);

/* Presses it until it answers or is lost; see there. */
void beacon_press(struct beacon *);

/* The bridge that asks has gone.  Returns true if it was up, or lost. */
bool beacon_forget(struct beacon *);

#endif /* controller/decide/beacon.h */
