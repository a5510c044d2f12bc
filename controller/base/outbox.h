/* What is to be sent to one bridge, as plain memory: an out-box.
 *
 * Who decides about a bridge (the engine) fills it; who speaks with the bridge
 * (bridge/sender.h, or a test) empties it whenever the event loop turns, in
 * this order: what goes alone, then flow changes, then ARP packets, then the
 * fences behind them.  Neither calls the other. */
#ifndef BASE_OUTBOX_H
#define BASE_OUTBOX_H 1

#include <firsthop/buf.h>
#include <firsthop/flow.h>
#include <firsthop/snapshot.h>

#include "controller/base/arpq.h"
#include "flows/ofcodec.h"

/* Probes that may be on their way to a bridge that has not yet come to the
 * last fence.  So it sets the pace itself: one that takes 50,000 a second
 * gets no more, whatever the configuration asks for. */
#define OUTBOX_PROBE_BUDGET 4096

/* A fence: an echo request behind something that the bridge is asked to do;
 * when it has come back, that is done.  One at a time: its return sends the
 * next, so that their number follows the bridge's pace. */
struct outbox_fence {
    uint32_t next;              /* The number of the next. */
    uint32_t done;              /* Of the last that came back. */
    int64_t sent_us;            /* When; monotonic. */
    bool out;
    bool wanted;                /* There is something to cover. */
};

/* What goes alone, in no order with flow changes. */
enum outbox_order_type {
    OUTBOX_FRAME,               /* A packet-out. */
    OUTBOX_CHANGE,              /* One flow. */
    OUTBOX_RENEWAL,             /* One that is to be there for its hard
                                 * timeout: see ofcodec.h. */
    OUTBOX_METERS,              /* To be set. */
    OUTBOX_ASK_METERS,          /* What are they set to? */
};

struct outbox_order {
    enum outbox_order_type type;
    uint32_t port;              /* Of a frame. */
    size_t at, len;             /* Its bytes in 'data': a frame, one struct
                                 * fh_change, or an array of fh_meter. */
};

/* 'token' is confirmed when the first 'n_changes' flow changes are in place,
 * or have failed. */
struct outbox_token {
    size_t n_changes;
    uint64_t token;
};

struct outbox {
    void *owner;                /* Who fills it; NULL: nobody any more. */
    void *line;                 /* Of who empties it. */

    /* Which bridge it is for. */
    uint64_t dpid;
    char *name;                 /* Owned; for logs. */
    char *common_name;          /* Of its certificate; owned, NULL: any. */
    int reread_ms;              /* What was refused is read again after. */
    struct fh_bridge_counters counters;

    /* What is to be sent.  Owned. */
    struct outbox_order *orders;
    size_t n_orders, cap_orders;
    struct fh_buf data;
    struct fh_changes changes;  /* Flow changes, in order. */
    struct outbox_token *tokens;
    size_t n_tokens, cap_tokens;
    struct arpq *arpq;
    bool urgent;                /* Before other bridges are told theirs. */
    uint32_t *meters;           /* Whose drops are read next. */
    size_t n_meters, cap_meters;

    /* How far the bridge has come. */
    struct outbox_fence fence;          /* Behind the probes. */
    struct outbox_fence reading;        /* Behind the readings of meters. */
    uint32_t n_unfenced;        /* Probes since the last fence. */
    bool unreadable;            /* It does not tell what meters drop. */
    uint64_t n_arp_messages;    /* In which ARP packets were sent to it. */
};

struct outbox *outbox_create(void *owner);
void outbox_destroy(struct outbox *);
/* Copies the names; 'common_name' may be NULL. */
void outbox_set_bridge(struct outbox *, uint64_t dpid, const char *name,
                       const char *common_name, int reread_ms);

/* Alone. */
void outbox_put_frame(struct outbox *, uint32_t port, const uint8_t *frame,
                      size_t len);
/* The same for one that is built in place: returns room for 'most' bytes,
 * valid until the next call; outbox_end_frame() says how many it has. */
uint8_t *outbox_begin_frame(struct outbox *, uint32_t port, size_t most);
void outbox_end_frame(struct outbox *, size_t len);
void outbox_put_change(struct outbox *, enum fh_change_op,
                       const struct fh_flow *);
void outbox_put_renewal(struct outbox *, const struct fh_flow *);
void outbox_put_meters(struct outbox *, const struct fh_meter *, size_t n);
void outbox_ask_meters(struct outbox *);

/* In order: flow changes go in 'changes'; this is confirmed behind those that
 * are there. */
void outbox_await(struct outbox *, uint64_t token);

/* All of an out-box's ARP packets have the same sha. */
static inline void
outbox_put_arp(struct outbox *box, enum arpq_class class, uint32_t port,
               struct eth_addr dst, const struct fh_vlan *vlan,
               const struct arp *arp)
{
    arpq_put(box->arpq, class, port, dst, vlan, arp);
}

/* Something is queued: returns the number of the fence behind it. */
static inline uint32_t
outbox_cover(struct outbox *box)
{
    box->fence.wanted = true;
    return box->fence.next;
}
/* The same for a probe, which counts in the budget. */
static inline uint32_t
outbox_cover_probe(struct outbox *box)
{
    box->n_unfenced++;
    return outbox_cover(box);
}
/* May another probe be sent?  (A late one is always repeated.) */
static inline bool
outbox_has_probe_budget(const struct outbox *box)
{
    return !box->fence.out || box->n_unfenced < OUTBOX_PROBE_BUDGET;
}

/* Has the drops of that meter read, together with those of all punts; or of
 * these alone.  Return the number of the reading. */
uint32_t outbox_read_meter(struct outbox *, uint32_t meter);
uint32_t outbox_read_punts(struct outbox *);

/* What is to be sent, or was asked, is not: the bridge has gone.  Its counters
 * go on. */
void outbox_clear(struct outbox *);

/* For who empties it. */
void outbox_fence_sent(struct outbox_fence *, int64_t now_us);
void outbox_fence_returned(struct outbox_fence *);
static inline bool
outbox_fence_is_due(const struct outbox_fence *fence)
{
    return fence->wanted && !fence->out;
}

#endif /* controller/base/outbox.h */
