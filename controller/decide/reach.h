/* Can one router reach one client?  Probe, up, suspect, down.  Pure.
 *
 *               reply                     retries used up
 *   UNKNOWN ------------> UP  <--------+  +----------> DOWN
 *      |                  |   reply    |  |             |  |
 *      |                  +--------> SUSPECT            |  | reply
 *      |     late                                       |  v
 *      +------------------------------------------------+  UP
 *            retries used up
 *
 * A probe is late after a retransmission timeout that follows the measured
 * round trip (RFC 6298, 2), never longer than 'retry_ms', or than the interval
 * for a client that is known to take longer than that.  A late probe is
 * repeated at once, and each repetition is given half a timeout more.  But a
 * probe only counts as missed if the bridge is known to have taken it: each is
 * covered by a fence, an echo request behind it on the same connection, and
 * while that has not come back it is the bridge that is slow, not the client
 * that is dead.
 *
 * Nor is silence evidence while so many answer at a time that they fill the
 * queues on the way (window.h); nor while the bridge drops what is said:
 * somebody may flood the meter that all the replies of a port go through.  So
 * shortly before a probe is late the meter's drops are read, and if it has dropped
 * anything since the first probe that was not answered, nothing is concluded
 * from those; the client is probed again in its turn.  But if that goes on,
 * the router is one that has not heard of the client for some time, and
 * another that has is preferred: a flood must not hide a failure for as long
 * as it lasts.
 *
 * Whoever forges a client's replies blindly, without seeing the probes, sends
 * more of them than there were questions.  When several have come the client
 * is suspected there: from then on each round of probes has a moment of its
 * own and one of two senders, the local address or 0.0.0.0, by chance, and
 * only the reply to that one counts; 0.0.0.0 in the first round, at once, and
 * as long as the client is down.  A blind answer then misses every other
 * round.  Who answers to both senders cannot be told from the client: such
 * answers are not believed alone. */
#ifndef REACH_H
#define REACH_H 1

#include <firsthop/types.h>

#include "controller/base/wheel.h"
#include "controller/decide/rtt.h"

enum reach_state {
    REACH_UNKNOWN,              /* Not connected, or no verdict yet. */
    REACH_UP,
    REACH_SUSPECT,              /* Up, and a probe is late. */
    REACH_DOWN,
};

struct reach_params {
    uint32_t interval_ms;
    uint32_t retry_ms;
    uint32_t retries;
};

/* The shortest timeout: below it a busy machine looks like a dead client. */
#define REACH_MIN_RTO_MS 20
/* The shortest while a client is pressed. */
#define REACH_PRESSED_RTO_MS 5

struct reach {
    struct wheel_timer timer;   /* Next probe, or its lateness. */
    int64_t sent_us;            /* Of the oldest probe not answered,
                                 * monotonic. */
    int64_t last_reply_ms;      /* Monotonic; 0: never. */
    int64_t up_since_ms;        /* Monotonic, while up. */
    uint32_t port;              /* Access port that leads there, 0: unknown */
    uint32_t fence;             /* Covers the last probe. */
    uint32_t reading;           /* Covers the look at the meter. */
    uint32_t probed_ms;         /* When the last went out, modulo 2^32. */
    uint32_t heard_port;        /* By which it was heard to speak. */
    struct rtt rtt;
    uint32_t phase;             /* Any number: where in the interval its
                                 * probes fall, modulo that. */
    uint32_t sent;              /* Probes, for metrics. */
    uint32_t missed;
    uint8_t state;              /* enum reach_state */
    uint8_t misses;             /* In a row. */
    bool outstanding;           /* A probe awaits its reply. */
    bool pressed;               /* There is other evidence that it is gone. */
    bool silent;                /* DOWN, of which its silence is the only
                                 * evidence. */
    bool looked;                /* The meter is being, or was, read. */
    bool ambiguous;             /* An answer tells nothing of the time it
                                 * took: one may have been lost on the way. */
    bool anonymous;             /* The last one's sender was 0.0.0.0. */
    bool surprise;              /* The next one's is, come what may. */
    uint8_t owed;               /* Replies that may still come. */
    uint8_t unasked;            /* Those that came beyond, */
    uint8_t unasked_anonymous;  /* and of those the ones to 0.0.0.0. */
    uint32_t unasked_ms;        /* When the last did, modulo 2^32. */
    uint8_t inconclusive;       /* Probes in a row that were no evidence. */
    uint8_t index;              /* In client.reaches: finds the client. */
};

enum reach_event {
    REACH_NOTHING,
    REACH_WENT_UP,
    REACH_LATE,                 /* UP became SUSPECT: a first missed probe. */
    REACH_WENT_DOWN,
};

/* What the router knows of its bridge. */
struct reach_bridge {
    uint32_t fence_done;        /* The last fence that came back, */
    uint32_t reading_done;      /* and the last reading of the meters. */
    int64_t dropped_us;         /* When replies on the client's port were last
                                 * found dropped; monotonic, 0: never. */
    int64_t full_ms;            /* When its window was last full; see
                                 * window.h. */
};

/* What to do when the timer has fired. */
struct reach_verdict {
    enum reach_event event;
    bool probe;                 /* Send one now, then reach_probe_sent(). */
    bool repeat;                /* The same as soon as the window has room;
                                 * until then call again. */
    bool look;                  /* Read the meter, then reach_look_sent(). */
    bool inconclusive;              /* Silence that was no evidence. */
    int64_t next_ms;            /* Arm the timer for this. */
};

static inline bool
reach_is_up(const struct reach *r)
{
    return r->state == REACH_UP || r->state == REACH_SUSPECT;
}

/* After so many probes that were no evidence the client is unheard. */
#define REACH_UNHEARD 3

static inline bool
reach_is_heard(const struct reach *r)
{
    return r->inconclusive < REACH_UNHEARD;
}

/* So many unasked replies, each within so long of the one before, make the
 * client suspected there, until so long after the last. */
#define REACH_UNASKED_MANY   5
#define REACH_UNASKED_GAP_MS 2000
#define REACH_CALM_MS        10000
/* Probes that a client may answer late. */
#define REACH_OWED_MOST      8

/* Does somebody answer for the client who was not asked? */
bool reach_is_suspected(const struct reach *, int64_t now_ms);
/* And whatever the sender of the probe is? */
bool reach_is_unbelieved(const struct reach *, int64_t now_ms);

/* A reply that answers no probe of this round: none is out, or it had the
 * other sender ('anonymous': the reply is to 0.0.0.0).  Returns true if that
 * makes the client suspected: probe it now. */
bool reach_unasked(struct reach *, bool anonymous, int64_t now_ms);

/* A round of probes is about to begin: is its sender to be 0.0.0.0? */
bool reach_choose_sender(struct reach *, int64_t now_us);

/* The timeout, in ms, of a probe that is sent now. */
uint32_t reach_rto_ms(const struct reach *, const struct reach_params *);

/* When the timer must fire for a probe that is sent now: to look at the meter,
 * or, where a miss is none, when it is late. */
int64_t reach_look_ms(const struct reach *, const struct reach_params *,
                      int64_t now_ms);

/* The first moment after 'now_ms' that is the reach's own in the interval.
 * Probes that keep to it stay spread evenly, however many clients were learnt
 * or asked at once. */
int64_t reach_next_ms(const struct reach *, const struct reach_params *,
                      int64_t now_ms);

/* The timer fired. */
struct reach_verdict reach_timer(struct reach *, const struct reach_params *,
                                 const struct reach_bridge *, int64_t now_ms);

/* The path to it is known to be broken: until it answers, its probes take no
 * longer than their round trip says.  Returns true if the timer should fire
 * now. */
bool reach_press(struct reach *);

/* A probe went to the bridge; 'fence' will cover it. */
void reach_probe_sent(struct reach *, uint32_t fence, int64_t now_us);

/* The meter is asked; 'reading' will have the answer, if there is one. */
void reach_look_sent(struct reach *, uint32_t reading);

/* May an answer that comes now be to a probe?  One that has been given up, as
 * late as the interval is long, shows a slow client, not a dead one. */
bool reach_expects(const struct reach *, const struct reach_params *,
                   int64_t now_ms);

/* The client answered a probe of this router through 'port'.  '*next_ms' is
 * when the next probe is due. */
enum reach_event reach_reply(struct reach *, const struct reach_params *,
                             uint32_t port, int64_t now_us, int64_t *next_ms);

/* The router heard the client speak through 'port' (a request, say), before
 * any probe of it was answered.  Evidence enough to start with: UNKNOWN and
 * DOWN become UP, and the probes decide from there. */
enum reach_event reach_heard(struct reach *, uint32_t port, int64_t now_ms);

/* The port, or the bridge, is gone: no verdict by probes needed.  'known' is
 * true where that proves the client unreachable (DOWN), false where nothing
 * is known any more (UNKNOWN).  Returns true if it was up. */
bool reach_lost(struct reach *, bool known);

#endif /* controller/decide/reach.h */
