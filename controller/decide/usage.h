/* What a client has sent and was sent, told from the counts of its flows as
 * bridges say them now and then.  Pure.
 *
 * A count is the bridge's, and one flow's: it begins at zero when the flow is
 * installed, on another router after a move or on the same once more, and is
 * lost with it.  Which flow it is of is told by the bridge and the decision
 * that made the flow. */
#ifndef USAGE_H
#define USAGE_H 1

#include <stdbool.h>
#include <stdint.h>

enum usage_direction {
    USAGE_FROM_CLIENT,
    USAGE_TO_CLIENT,
    USAGE_N_DIRECTIONS
};

struct usage_count {
    uint64_t packets, bytes;
};

/* The flows of one decision on one bridge. */
struct usage_source {
    uint64_t dpid;
    uint32_t decision;
    bool known;                 /* There are any. */
    struct usage_count seen[USAGE_N_DIRECTIONS];    /* As last told. */
};

/* During a move two bridges count: the one before, and the one after it. */
#define USAGE_N_SOURCES 2

struct usage {
    struct usage_count total[USAGE_N_DIRECTIONS];
    struct usage_source sources[USAGE_N_SOURCES];   /* Latest decision
                                                     * first. */
    int64_t read_ms;            /* Unix: when a count last came. */
};

/* A bridge says that the flow of 'decision' has counted that much.  Returns
 * what of it is new, which has been added to the total.  A count of decisions
 * before those that are kept is of no account: what of it was told before is
 * not known any more, and nothing is to be counted twice. */
struct usage_count usage_read(struct usage *, uint64_t dpid,
                              uint32_t decision, enum usage_direction,
                              struct usage_count);
/* The same, and the flow is gone: if it comes back it counts from zero. */
struct usage_count usage_removed(struct usage *, uint64_t dpid,
                                 uint32_t decision, enum usage_direction,
                                 struct usage_count);

/* Adds to a sum that stays where it is at INT64_MAX, the most that JSON may
 * show. */
void usage_add(struct usage_count *sum, struct usage_count);

#endif /* controller/decide/usage.h */
