/* The seam between who decides about a bridge and who speaks OpenFlow with it.
 *
 * The engine is given these verbs and knows no more of a bridge; the room
 * "bridge" is what stands behind them in the daemon, and a test may be. */
#ifndef BASE_WIRE_H
#define BASE_WIRE_H 1

#include <firsthop/snapshot.h>

#include "flows/arp.h"
#include "flows/flow_diff.h"
#include "flows/ofcodec.h"

struct bridge;
struct sender;

/* All are called with the owner, and may do anything with the bridge but
 * destroy it. */
struct bridge_ops {
    /* It has come and is set up, its ports are known.  Its flows are read
     * next. */
    void (*up)(void *owner);
    /* It has gone; nothing that was asked of it will be answered. */
    void (*down)(void *owner, const char *reason);
    /* It serves, and lists a flow, which says what it has counted.  May be
     * NULL. */
    void (*counted)(void *owner, const struct fh_flow *);
    /* 'found' are its flows of ours.  Returns those that it should have
     * instead, new.  'first': it has not served yet. */
    struct flow_set *(*desired)(void *owner, const struct flow_set *found,
                                bool first);
    /* What is wrong is on its way to be changed: it serves.  May be NULL. */
    void (*read)(void *owner, bool first);
    /* Somebody else had changed flows of ours, or it was looked whether
     * anybody had: 'n' were wrong, and are on their way to be put right as soon
     * as this returns.  May be NULL. */
    void (*repaired)(void *owner, size_t n);
    /* What is not the bridge's own business, packet-ins only while it serves.
     * Returns false for an error that it does not know.  May be NULL. */
    bool (*message)(void *owner, const struct of_message *);
    /* May be NULL. */
    void (*port)(void *owner, const struct of_port *, bool deleted);
    /* See bridge_await().  May be NULL. */
    void (*confirmed)(void *owner, uint64_t token, bool ok);
};

struct bridge_options {
    uint64_t dpid;
    const char *kind, *name;    /* For logs: "router", "A".  Copied. */
    const char *common_name;    /* Of its certificate; copied.  NULL: any. */
    int reread_ms;              /* What was refused is read again after. */
    struct fh_bridge_counters *counters;    /* Borrowed; NULL: not counted. */
};

/* What goes first. */
enum arpq_class {
    ARPQ_CORE,                  /* Announcements: the core is told first. */
    ARPQ_CLIENT,                /* Notices and probes; requests of them before
                                 * replies. */
};

struct wire_ops {
    /* See bridge/bridge.h. */
    void (*bridge_set_owner)(struct bridge *, const struct bridge_options *,
                             const struct bridge_ops *, void *owner);
    void (*bridge_destroy)(struct bridge *);
    struct fh_changes *(*bridge_changes)(struct bridge *);
    void (*bridge_await)(struct bridge *, uint64_t token);
    void (*bridge_commit)(struct bridge *);
    void (*bridge_read)(struct bridge *);
    void (*bridge_read_again)(struct bridge *);
    void (*bridge_drop)(struct bridge *, const char *reason);
    bool (*bridge_is_busy)(const struct bridge *);
    bool (*bridge_serves)(const struct bridge *);
    const char *(*bridge_version_name)(const struct bridge *);
    const struct of_port *(*bridge_ports)(const struct bridge *, size_t *n);

    /* See bridge/sender.h. */
    struct sender *(*sender_create)(const char *name);
    void (*sender_destroy)(struct sender *);
    void (*sender_set_bridge)(struct sender *, struct bridge *);
    void (*sender_put_frame)(struct sender *, uint32_t port,
                             const uint8_t *frame, size_t len);
    void (*sender_put_change)(struct sender *, enum fh_change_op,
                              const struct fh_flow *);
    void (*sender_put_renewal)(struct sender *, const struct fh_flow *);
    void (*sender_put_meters)(struct sender *, const struct fh_meter *,
                              size_t n);
    void (*sender_ask_meters)(struct sender *);
    void (*sender_arp)(struct sender *, enum arpq_class, uint32_t port,
                       struct eth_addr dst, const struct fh_vlan *,
                       const struct arp *);
    void (*sender_many)(struct sender *);
    size_t (*sender_flush)(struct sender *);
    uint32_t (*sender_cover)(struct sender *);
    uint32_t (*sender_probe)(struct sender *);
    bool (*sender_has_probe_budget)(const struct sender *);
    uint32_t (*sender_fence_done)(const struct sender *);
    int64_t (*sender_fence_sent_us)(const struct sender *);
    bool (*sender_echo_reply)(struct sender *, uint32_t xid, int64_t *took_us);
    uint32_t (*sender_read_meter)(struct sender *, uint32_t meter);
    uint32_t (*sender_read_punts)(struct sender *);
    uint32_t (*sender_reading_done)(const struct sender *);
    bool (*sender_is_reading)(const struct sender *, uint32_t xid);
    bool (*sender_meter_error)(struct sender *, const struct of_message *);
    void (*sender_forget)(struct sender *);
};

#endif /* controller/base/wire.h */
