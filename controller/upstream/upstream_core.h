/* The core learns by flows: Open vSwitch bridges between the routers' uplinks
 * and their next hop, under the same controller, send each client's packets
 * to its active router.
 *
 * A move waits until every core bridge that is there has confirmed it; one
 * that is not is put right when it returns: its flows are read, and only what
 * is wrong is changed.  Flows of clients that nobody knows stay until
 * 'settle_ms' after the start.
 * Its bridges are each a struct bridge, which see. */
#ifndef UPSTREAM_CORE_H
#define UPSTREAM_CORE_H 1

#include <event2/event.h>

#include <firsthop/status.h>

#include "controller/bridge/bridge.h"
#include "controller/upstream/upstream.h"

struct upstream_core_options {
    struct event_base *base;
    struct bridges *bridges;    /* Borrowed; outlive it. */
    upstream_told_cb *told;
    upstream_event_cb *event;   /* A core came or went; may be NULL. */
    void *aux;
};

struct upstream *upstream_core_create(const struct upstream_core_options *);

/* A core bridge, and its port towards each router. */
struct upstream_core_port {
    uint64_t router;            /* Datapath id. */
    const char *name;
};
struct upstream_core_bridge {
    const char *name;
    uint64_t dpid;
    const char *common_name;    /* Of its certificate, or NULL: any. */
    const struct upstream_core_port *ports;
    size_t n_ports;
};

/* Serves these 'n' cores from now on: they are borrowed for the call, and
 * bridges that stay are not disturbed.  'settle_ms' counts from the first
 * call. */
void upstream_core_configure(struct upstream *,
                             const struct upstream_core_bridge *, size_t n,
                             uint32_t settle_ms);

/* Sends what has been announced in this turn of the loop. */
void upstream_core_flush(struct upstream *);

size_t upstream_core_count(const struct upstream *);
struct fh_core_status upstream_core_info(const struct upstream *, size_t i);
size_t upstream_core_routes(const struct upstream *);

#endif /* controller/upstream/upstream_core.h */
