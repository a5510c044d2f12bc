/* Is a router alive?  What the controller sees of it, and what its peers
 * (the other routers of its segments) see, taken together.  Pure.
 *
 *   the controller hears it                                   WELL
 *   it does not, and
 *     a peer has an answer from its bridge                  HEADLESS
 *     no peer can be asked that ever had one, since the
 *     controller hears none of them                           HEADLESS
 *     all that ever had one have none any more, on each side  DEAD
 *     none ever had one: as the connection says
 *       it is still open                                      WELL
 *       it is closed                                          DEAD
 *
 * The controller hears a router while its connection is there and what it was
 * asked last is not overdue, by a timeout that follows the measured round
 * trip.
 *
 * A router that is headless forwards.  So it keeps its clients, and gets no
 * new ones. */
#ifndef PULSE_H
#define PULSE_H 1

#include "controller/decide/beacon.h"

enum pulse { PULSE_WELL, PULSE_HEADLESS, PULSE_DEAD };

/* The shortest time after which an echo is overdue, and the longest. */
#define PULSE_MIN_MS 60
#define PULSE_MAX_MS 1000

struct pulse_input {
    bool connected;
    bool overdue;
    /* Peers whose beacons it has ever answered; of these, those that can be
     * asked now; and of these, those that have no answer any more. */
    uint32_t n_known, n_asked, n_lost;
};

enum pulse pulse_decide(const struct pulse_input *);

/* Counts one peer's beacon, which asks the router across one network.
 * 'live': the controller hears that peer. */
void pulse_add(struct pulse_input *, const struct beacon *, bool live);

/* How long an echo may take, where 'stall_ms' is the longest that anything has
 * taken of late. */
int64_t pulse_timeout_ms(const struct rtt *, uint32_t stall_ms);

const char *pulse_text(enum pulse);

#endif /* controller/decide/pulse.h */
