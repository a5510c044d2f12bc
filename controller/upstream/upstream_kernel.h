/* The core learns from whatever routing daemon the operator runs: one /32 per
 * client in a table of this machine's kernel, by way of the active router's
 * uplink address, for BIRD, FRR or another to redistribute with that next hop.
 *
 * Routes are written by netlink (rtnetlink(7)), a bounded number a turn, each
 * in place of the one before, and carry a protocol number of their own
 * (UPSTREAM_KERNEL_PROTOCOL), by which routes of an earlier daemon are known:
 * they stay until 'settle_ms' after the start, when it is clear which clients
 * are gone.  When the device comes up again, whose routes the kernel has
 * dropped meanwhile, all are written again.
 *
 *    no table or device --configured--> dirty routes --written--> none left
 *                                          ^                          |
 *                                          +--- changed, device up ---+
 *                                               refused: a second later
 */
#ifndef UPSTREAM_KERNEL_H
#define UPSTREAM_KERNEL_H 1

#include <event2/event.h>

#include <firsthop/status.h>

#include "controller/upstream/upstream.h"

/* In /etc/iproute2/rt_protos terms; nobody else's there. */
#define UPSTREAM_KERNEL_PROTOCOL 177

struct upstream_kernel_options {
    struct event_base *base;
    upstream_event_cb *event;   /* Routes are taken, or refused; may be NULL. */
    void *aux;
};

struct upstream *upstream_kernel_create(const struct upstream_kernel_options *);

/* Writes to this table, by way of this device (copied), from now on; table 0:
 * nowhere, after what was written has been taken back.  'settle_ms' counts from
 * the first call with a table. */
void upstream_kernel_configure(struct upstream *, uint32_t table,
                               const char *device, uint32_t settle_ms);

void upstream_kernel_get_status(const struct upstream *,
                                struct fh_kernel_status *);

#endif /* controller/upstream/upstream_kernel.h */
