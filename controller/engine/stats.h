/* What is counted: frames dropped by reason, moves by cause, and how long
 * things took.  Plain memory; engine writes, api reads. */
#ifndef STATS_H
#define STATS_H 1

#include <stdint.h>

#include "controller/base/journal.h"

/* Why frames were dropped, or what else is worth counting. */
enum drop {
    DROP_MALFORMED,             /* Truncated, wrong lengths or types; a
                                 * client's that names another sender. */
    DROP_TAGS,                  /* Three tags, VID 4095. */
    DROP_UNKNOWN_TAG,           /* No segment has these tags. */
    DROP_UNKNOWN_PORT,
    DROP_OUTSIDE,               /* Sender outside the segment's prefixes. */
    DROP_OWN_ADDRESS,           /* Speaks as the gateway or a router. */
    DROP_OWN_MAC,               /* From the MAC of the router itself. */
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
    DROP_DHCP,                  /* Nobody relays it, or it may not be. */
    DROP_N
};
const char *drop_name(enum drop);       /* "malformed" */

/* Upper bounds in ms of the histograms, the last is infinite. */
#define HISTOGRAM_N_BUCKETS 14
extern const int histogram_bucket_ms[HISTOGRAM_N_BUCKETS - 1];

struct histogram {
    uint64_t buckets[HISTOGRAM_N_BUCKETS];      /* Not cumulative. */
    uint64_t count;
    double sum_ms;
};
void histogram_add(struct histogram *, int64_t ms);

struct stats {
    uint64_t drops[DROP_N];
    uint64_t moves[CAUSE_N];            /* By cause. */
    uint64_t arp_answers;
    uint64_t icmp_answers;
    uint64_t dhcp_relayed;              /* Messages, to a server each. */
    uint64_t fragments;                 /* Sent, of packets too long. */
    uint64_t conflicts;
    uint64_t displaced;                 /* Unverified: see learned.h. */
    struct histogram detect, install, ack, loop_lag;
};

#endif /* controller/engine/stats.h */
