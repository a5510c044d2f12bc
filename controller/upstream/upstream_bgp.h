/* The core learns by BGP: one /32 per client, whose next hop is the active
 * router's uplink address.
 *
 * ExaBGP is the speaker.  It runs `firsthop-exabgp`, which passes on what
 * comes through the named pipe 'api_in' and tells about the speaker through
 * 'api_out'.  Lines to it are commands of ExaBGP's process API, between
 *
 *     # firsthop begin    the whole table follows
 *     # firsthop end      that was all: what was not named is to be withdrawn
 *
 * The driver never blocks, and holds no more than one entry for each route: a
 * route is dirty until it has been written, and while nobody reads, more
 * changes to it make it no dirtier.
 *
 *          no reader                  every route is dirty
 *    CLOSED --opened--> SYNCING ------ none left, settled -----> SYNCED
 *      ^                  |                                        |
 *      +--- reader gone --+----------------------------------------+
 *
 * With several controllers each has a speaker, and that of one that has died
 * goes on announcing what it was told last.  So a route then says in its MED
 * (MULTI_EXIT_DISC, RFC 4271, 5.1.4: the lowest is preferred) by which decision
 * it is: the core takes the latest, whoever tells of it.
 *
 * Routes that an earlier daemon announced stay until 'settle_ms' after the
 * start: only then is it known which clients are gone. */
#ifndef UPSTREAM_BGP_H
#define UPSTREAM_BGP_H 1

#include <event2/event.h>

#include <firsthop/status.h>

#include "controller/upstream/upstream.h"

/* Withdrawals that are kept for a reader that does not read; beyond, the
 * whole table is sent again instead. */
#define UPSTREAM_BGP_MAX_GONE 65536

struct upstream_bgp_options {
    struct event_base *base;
    upstream_event_cb *event;   /* The speaker came or went; may be NULL. */
    void *aux;
    bool several;               /* Other controllers have speakers as well. */
};

struct upstream *upstream_bgp_create(const struct upstream_bgp_options *);

/* Speaks through these pipes (made if they are missing), NULL: through none,
 * after the speaker was told to withdraw all.
 * 'settle_ms' counts from the first call.  Strings are copied. */
void upstream_bgp_configure(struct upstream *, const char *api_in,
                            const char *api_out, uint32_t settle_ms);

void upstream_bgp_get_stats(const struct upstream *,
                            struct fh_bgp_status *);

#endif /* controller/upstream/upstream_bgp.h */
