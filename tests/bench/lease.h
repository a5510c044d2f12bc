/* DHCP in the load generator: hosts that want leases, and the server that
 * gives them, behind every uplink.
 *
 * Host i asks in transaction i + 1 and gets the address that is its own among
 * hosts.  What a host says is broadcast, so every bridge that reaches it hears
 * it; what nobody answers it says again after a second. */
#ifndef LEASE_H
#define LEASE_H 1

#include "tests/bench/loadgen.h"

#define LEASE_REPEAT_NS SEC_NS

/* Of all hosts, since the last lease_begin(). */
struct lease_counters {
    uint64_t bound;
    uint64_t repeated;          /* Messages that hosts said again. */
    uint64_t twice;             /* The server heard more often than said. */
    uint64_t early;             /* Told before its flows were anywhere. */
    uint64_t unasked;           /* Told what it had not asked for. */
};

struct leases;

struct leases *lease_create(size_t n_hosts);
void lease_destroy(struct leases *);

/* Nobody has a lease, or ever wanted one. */
void lease_begin(struct leases *);
const struct lease_counters *lease_counters(const struct leases *);
/* From a host's first word to the acknowledgement.  Cleared by
 * lease_begin(). */
struct dist *lease_times(struct leases *);

/* Host 'i' wants a lease from now on. */
void lease_want(struct loadgen *, size_t i);
/* Those of the first 'n' hosts that wait for too long repeat themselves. */
void lease_repeat(struct loadgen *, size_t n);

/* 'b' sends a frame out of 'port': returns whether it was DHCP, which has
 * been taken care of. */
bool lease_output(struct bridge *b, uint32_t port, const uint8_t *frame,
                  size_t len);

#endif /* tests/bench/lease.h */
