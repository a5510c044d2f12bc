/* Empties an out-box into a bridge.  See sender.h. */
#include <config.h>

#include "controller/bridge/sender.h"

#include <stdlib.h>
#include <string.h>

#include <firsthop/buf.h>

#include "controller/base/clock.h"
#include "controller/base/log.h"
#include "controller/bridge/ofxact.h"

/* Flow changes after which clients that are being moved are sent on their
 * way.  The first of many is not to wait for the last: so few at first, four
 * times as many each time. */
#define CHUNK_FIRST 32
#define CHUNK_MOST  (OFXACT_CHUNK - 4)  /* Those of a client fit as well. */

/* Room for so many changes is kept. */
#define CHANGES_KEPT 1024

struct sender {
    struct outbox *box;         /* Borrowed. */
    struct bridge *bridge;      /* Likewise. */
    uint32_t fence_xid;         /* Of the fence that is out, */
    uint32_t reading_xid;       /* and of the reading. */
    uint32_t punt_meter_xid;    /* That of all punts was set by this, */
    uint32_t punt_read_xid;     /* and is read by this. */
    uint32_t config_xid;        /* What meters are set to is asked by this. */
    bool config_refused;        /* The bridge does not tell. */
    bool punt_meter_refused;    /* The bridge has none such. */
};

struct sender *
sender_create(struct outbox *box, struct bridge *bridge)
{
    struct sender *s = fh_xcalloc(1, sizeof *s);

    s->box = box;
    s->bridge = bridge;
    return s;
}

void
sender_destroy(struct sender *s)
{
    free(s);
}

/* What goes alone. */

static void
send_meters(struct sender *s, struct ofconn *conn, const uint8_t *bytes,
            size_t len)
{
    struct fh_meter meter;

    for (size_t at = 0; at < len; at += sizeof meter) {
        uint32_t xid = ofconn_next_xid(conn);

        memcpy(&meter, bytes + at, sizeof meter);
        ofcodec_put_meter(ofconn_tx(conn), ofconn_version(conn), xid, &meter);
        if (meter.id == FH_METER_CONTROLLER) {
            s->punt_meter_xid = xid;
        }
    }
}

static void
ask_meters(struct sender *s, struct ofconn *conn)
{
    if (!s->config_refused) {
        s->config_xid = ofconn_next_xid(conn);
        ofcodec_put_meter_config_request(ofconn_tx(conn), ofconn_version(conn),
                                         s->config_xid);
    }
}

static void
send_order(struct sender *s, struct ofconn *conn,
           const struct outbox_order *order)
{
    const uint8_t *bytes = s->box->data.data + order->at;
    struct fh_change change;

    switch (order->type) {
    case OUTBOX_FRAME:
        ofcodec_put_frame_out(ofconn_tx(conn), ofconn_version(conn),
                              ofconn_next_xid(conn), order->port, bytes,
                              order->len);
        break;
    case OUTBOX_CHANGE:
        memcpy(&change, bytes, sizeof change);
        ofcodec_put_change(ofconn_tx(conn), ofconn_version(conn),
                           ofconn_next_xid(conn), &change);
        break;
    case OUTBOX_RENEWAL:
        memcpy(&change, bytes, sizeof change);
        ofcodec_put_renewal(ofconn_tx(conn), ofconn_version(conn),
                            ofconn_next_xid(conn), &change.flow);
        break;
    case OUTBOX_METERS:
        send_meters(s, conn, bytes, order->len);
        break;
    case OUTBOX_ASK_METERS:
        ask_meters(s, conn);
        break;
    }
}

void
sender_send_orders(struct sender *s)
{
    struct ofconn *conn = bridge_conn(s->bridge);
    struct outbox *box = s->box;

    for (size_t i = 0; conn && i < box->n_orders; i++) {
        send_order(s, conn, &box->orders[i]);
    }
    box->n_orders = 0;
    fh_buf_clear(&box->data);
}

/* Flow changes. */

static void
put_changes(struct sender *s, size_t from, size_t to)
{
    const struct fh_changes *all = &s->box->changes;

    for (size_t i = from; i < to; i++) {
        fh_changes_add(bridge_changes(s->bridge), all->items[i].op,
                       &all->items[i].flow);
    }
}

/* Each client's, and the token behind them. */
static void
send_changes(struct sender *s)
{
    struct outbox *box = s->box;
    size_t done = 0, chunk = CHUNK_FIRST;

    for (size_t i = 0; i < box->n_tokens; i++) {
        put_changes(s, done, box->tokens[i].n_changes);
        done = box->tokens[i].n_changes;
        bridge_await(s->bridge, box->tokens[i].token);
        if (bridge_n_queued(s->bridge) >= chunk) {
            bridge_commit(s->bridge);
            chunk = chunk * 4 < CHUNK_MOST ? chunk * 4 : CHUNK_MOST;
        }
    }
    put_changes(s, done, box->changes.n);
    box->n_tokens = 0;
    fh_changes_clear(&box->changes);
    if (box->changes.cap > CHANGES_KEPT) {
        fh_changes_destroy(&box->changes);
    }
    bridge_commit(s->bridge);
}

/* Fences and readings. */

static void
send_fence(struct sender *s, struct ofconn *conn)
{
    if (outbox_fence_is_due(&s->box->fence)) {
        s->fence_xid = ofconn_next_xid(conn);
        ofcodec_put_echo_request(ofconn_tx(conn), ofconn_version(conn),
                                 s->fence_xid);
        outbox_fence_sent(&s->box->fence, clock_mono_us());
        s->box->n_unfenced = 0;
    }
}

static void
put_reading(struct ofconn *conn, uint32_t meter, uint32_t xid)
{
    ofcodec_put_meter_stats_request(ofconn_tx(conn), ofconn_version(conn),
                                    xid, meter);
}

static void
send_reading(struct sender *s, struct ofconn *conn)
{
    struct outbox *box = s->box;

    if (!outbox_fence_is_due(&box->reading)) {
        return;
    }
    if (!s->punt_meter_refused) {
        /* Of its own, because the bridge may have no such meter. */
        s->punt_read_xid = ofconn_next_xid(conn);
        put_reading(conn, FH_METER_CONTROLLER, s->punt_read_xid);
    }
    s->reading_xid = ofconn_next_xid(conn);
    for (size_t i = 0; i < box->n_meters; i++) {
        put_reading(conn, box->meters[i], s->reading_xid);
    }
    box->n_meters = 0;
    ofcodec_put_echo_request(ofconn_tx(conn), ofconn_version(conn),
                             s->reading_xid);
    outbox_fence_sent(&box->reading, clock_mono_us());
}

static bool
returns(struct outbox_fence *fence, uint32_t fence_xid, uint32_t xid)
{
    if (!fence->out || xid != fence_xid) {
        return false;
    }
    outbox_fence_returned(fence);
    return true;
}

bool
sender_echo_reply(struct sender *s, uint32_t xid, int64_t *took_us)
{
    struct ofconn *conn = bridge_conn(s->bridge);
    struct outbox *box = s->box;

    *took_us = clock_mono_us() - box->fence.sent_us;
    if (returns(&box->fence, s->fence_xid, xid)) {
        if (conn) {
            send_fence(s, conn);
        }
        return true;
    }
    if (returns(&box->reading, s->reading_xid, xid) && conn) {
        send_reading(s, conn);
    }
    return false;
}

bool
sender_is_reading(const struct sender *s, uint32_t xid)
{
    return (s->box->reading.out
            && (xid == s->reading_xid || xid == s->punt_read_xid));
}

bool
sender_meter_error(struct sender *s, const struct of_message *msg)
{
    if (msg->xid == s->punt_meter_xid || msg->xid == s->punt_read_xid) {
        if (!s->punt_meter_refused) {
            s->punt_meter_refused = true;
            log_warn("router %s: the bridge has no meter for all that it "
                     "hands up: %s", s->box->name, msg->error.text);
        }
        return true;
    }
    if (s->config_xid && msg->xid == s->config_xid) {
        s->config_refused = true;
        return true;
    }
    if (s->box->reading.out && msg->xid == s->reading_xid) {
        if (!s->box->unreadable) {
            s->box->unreadable = true;
            log_warn("router %s: the bridge does not tell what its meters "
                     "drop: %s", s->box->name, msg->error.text);
        }
        return true;
    }
    return false;
}

void
sender_forget(struct sender *s)
{
    outbox_clear(s->box);
    s->punt_meter_refused = s->config_refused = false;
    s->punt_meter_xid = s->punt_read_xid = s->config_xid = 0;
}

/* All that is queued. */

void
sender_flush(struct sender *s)
{
    struct ofconn *conn = bridge_conn(s->bridge);
    struct outbox *box = s->box;

    sender_send_orders(s);
    send_changes(s);
    box->urgent = false;
    if (!conn) {
        arpq_clear(box->arpq);
        return;
    }
    box->n_arp_messages += arpq_flush(box->arpq, ofconn_tx(conn),
                                      ofconn_version(conn), ofconn_xid_for,
                                      conn);
    send_fence(s, conn);
    send_reading(s, conn);
}
