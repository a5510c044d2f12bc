/* What is counted.  See stats.h. */
#include <config.h>

#include "controller/engine/stats.h"

#include <stddef.h>

const int histogram_bucket_ms[HISTOGRAM_N_BUCKETS - 1] = {
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000
};

void
histogram_add(struct histogram *h, int64_t ms)
{
    size_t i = 0;

    while (i < HISTOGRAM_N_BUCKETS - 1 && ms > histogram_bucket_ms[i]) {
        i++;
    }
    h->buckets[i]++;
    h->count++;
    h->sum_ms += ms > 0 ? ms : 0;
}

const char *
drop_name(enum drop drop)
{
    static const char *const names[DROP_N] = {
        [DROP_MALFORMED] = "malformed",
        [DROP_TAGS] = "tags",
        [DROP_UNKNOWN_TAG] = "unknown_tag",
        [DROP_UNKNOWN_PORT] = "unknown_port",
        [DROP_OUTSIDE] = "outside",
        [DROP_OWN_ADDRESS] = "own_address",
        [DROP_OWN_MAC] = "own_mac",
        [DROP_MAC_CONFLICT] = "mac_conflict",
        [DROP_RIVAL] = "rival",
        [DROP_LIMIT] = "limit",
        [DROP_UNLISTED] = "unlisted",
        [DROP_UNASKED] = "unasked",
        [DROP_PROBE] = "address_probe",
        [DROP_ICMP] = "icmp",
        [DROP_NEXT_HOP] = "next_hop",
        [DROP_DHCP] = "dhcp",
    };

    return names[drop];
}
