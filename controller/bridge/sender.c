/* What is sent to a bridge besides its flows.  See sender.h. */
#include <config.h>

#include "controller/bridge/sender.h"

#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/base/clock.h"
#include "controller/base/log.h"
#include "controller/bridge/ofxact.h"

/* Flow changes after which clients that are being moved are sent on their
 * way.  The first of many is not to wait for the last: so few at first, four
 * times as many each time, while the loop does not turn. */
#define CHUNK_FIRST 32
#define CHUNK_MOST  (OFXACT_CHUNK - 4)  /* Those of a client fit as well. */

struct fence {
    uint32_t next;              /* The number of the next. */
    uint32_t done;              /* Of the last that came back. */
    uint32_t xid;               /* Of the one that is out. */
    int64_t sent_us;            /* When; monotonic. */
    bool out;
    bool wanted;                /* There is something to cover. */
};

struct sender {
    char *name;
    struct bridge *bridge;      /* Borrowed. */
    struct arpq *arpq;
    size_t chunk;               /* So many changes at once. */
    struct fence fence;         /* Behind the probes. */
    uint32_t n_unfenced;        /* Probes since the last fence. */
    struct fence reading;       /* Behind the readings of meters. */
    uint32_t *meters;           /* To be read next. */
    size_t n_meters, cap_meters;
    uint32_t punt_meter_xid;    /* That of all punts was set by this, */
    uint32_t punt_read_xid;     /* and is read by this. */
    uint32_t config_xid;        /* What meters are set to is asked by this. */
    bool config_refused;        /* The bridge does not tell. */
    bool punt_meter_refused;    /* The bridge has none such. */
    bool unreadable;            /* Nor tells what the others drop. */
};

struct sender *
sender_create(const char *name)
{
    struct sender *s = fh_xcalloc(1, sizeof *s);

    s->name = fh_xstrdup(name);
    s->arpq = arpq_create();
    s->chunk = CHUNK_FIRST;
    s->fence.next = s->reading.next = 1;
    return s;
}

void
sender_destroy(struct sender *s)
{
    if (s) {
        arpq_destroy(s->arpq);
        free(s->meters);
        free(s->name);
        free(s);
    }
}

void
sender_set_bridge(struct sender *s, struct bridge *bridge)
{
    s->bridge = bridge;
}

/* At once. */

void
sender_put_frame(struct sender *s, uint32_t port, const uint8_t *frame,
                 size_t len)
{
    struct ofconn *conn = bridge_conn(s->bridge);
    struct fh_action output;

    if (!conn) {
        return;
    }
    memset(&output, 0, sizeof output);
    output.type = FH_ACT_OUTPUT;
    output.u.port = port;
    ofcodec_put_packet_out(ofconn_tx(conn), ofconn_version(conn),
                           ofconn_next_xid(conn), FH_PORT_CONTROLLER,
                           &output, 1, frame, len);
}

void
sender_put_change(struct sender *s, enum fh_change_op op,
                  const struct fh_flow *flow)
{
    struct ofconn *conn = bridge_conn(s->bridge);
    struct fh_change change = { op, *flow };

    if (conn) {
        ofcodec_put_change(ofconn_tx(conn), ofconn_version(conn),
                           ofconn_next_xid(conn), &change);
    }
}

void
sender_put_renewal(struct sender *s, const struct fh_flow *flow)
{
    struct ofconn *conn = bridge_conn(s->bridge);

    if (conn) {
        ofcodec_put_renewal(ofconn_tx(conn), ofconn_version(conn),
                            ofconn_next_xid(conn), flow);
    }
}

void
sender_put_meters(struct sender *s, const struct fh_meter *meters, size_t n)
{
    struct ofconn *conn = bridge_conn(s->bridge);

    s->unreadable = false;      /* Perhaps it has them now. */
    for (size_t i = 0; conn && i < n; i++) {
        uint32_t xid = ofconn_next_xid(conn);

        ofcodec_put_meter(ofconn_tx(conn), ofconn_version(conn), xid,
                          &meters[i]);
        if (meters[i].id == FH_METER_CONTROLLER) {
            s->punt_meter_xid = xid;
        }
    }
}

void
sender_ask_meters(struct sender *s)
{
    struct ofconn *conn = bridge_conn(s->bridge);

    if (conn && !s->config_refused) {
        s->config_xid = ofconn_next_xid(conn);
        ofcodec_put_meter_config_request(ofconn_tx(conn), ofconn_version(conn),
                                         s->config_xid);
    }
}

/* Fences. */

static bool
fence_is_due(const struct fence *fence)
{
    return fence->wanted && !fence->out;
}

static void
put_fence(struct ofconn *conn, struct fence *fence, uint32_t xid)
{
    ofcodec_put_echo_request(ofconn_tx(conn), ofconn_version(conn), xid);
    fence->xid = xid;
    fence->sent_us = clock_mono_us();
    fence->next++;
    fence->out = true;
    fence->wanted = false;
}

static void
send_fence(struct sender *s)
{
    struct ofconn *conn = bridge_conn(s->bridge);

    if (conn && fence_is_due(&s->fence)) {
        put_fence(conn, &s->fence, ofconn_next_xid(conn));
        s->n_unfenced = 0;
    }
}

static bool
fence_returns(struct fence *fence, uint32_t xid)
{
    if (!fence->out || xid != fence->xid) {
        return false;
    }
    fence->out = false;
    fence->done = fence->next - 1;
    return true;
}

static void
fence_forget(struct fence *fence)
{
    fence->out = fence->wanted = false;
    fence->done = fence->next - 1;
}

uint32_t
sender_cover(struct sender *s)
{
    s->fence.wanted = true;
    return s->fence.next;
}

uint32_t
sender_probe(struct sender *s)
{
    s->n_unfenced++;
    return sender_cover(s);
}

int64_t
sender_fence_sent_us(const struct sender *s)
{
    return s->fence.out ? s->fence.sent_us : 0;
}

bool
sender_has_probe_budget(const struct sender *s)
{
    return !s->fence.out || s->n_unfenced < SENDER_PROBE_BUDGET;
}

uint32_t
sender_fence_done(const struct sender *s)
{
    return s->fence.done;
}

/* Readings. */

static void
put_reading(struct ofconn *conn, uint32_t meter, uint32_t xid)
{
    ofcodec_put_meter_stats_request(ofconn_tx(conn), ofconn_version(conn),
                                    xid, meter);
}

static void
send_reading(struct sender *s)
{
    struct ofconn *conn = bridge_conn(s->bridge);
    uint32_t xid;

    if (!conn || !fence_is_due(&s->reading)) {
        return;
    }
    if (!s->punt_meter_refused) {
        /* Of its own, because the bridge may have no such meter. */
        s->punt_read_xid = ofconn_next_xid(conn);
        put_reading(conn, FH_METER_CONTROLLER, s->punt_read_xid);
    }
    xid = ofconn_next_xid(conn);
    for (size_t i = 0; i < s->n_meters; i++) {
        put_reading(conn, s->meters[i], xid);
    }
    s->n_meters = 0;
    put_fence(conn, &s->reading, xid);
}

uint32_t
sender_read_punts(struct sender *s)
{
    if (s->unreadable) {
        return s->reading.done;
    }
    s->reading.wanted = true;
    return s->reading.next;
}

static bool
is_to_be_read(const struct sender *s, uint32_t meter)
{
    for (size_t i = 0; i < s->n_meters; i++) {
        if (s->meters[i] == meter) {
            return true;
        }
    }
    return false;
}

uint32_t
sender_read_meter(struct sender *s, uint32_t meter)
{
    if (!s->unreadable && !is_to_be_read(s, meter)) {
        if (s->n_meters == s->cap_meters) {
            s->cap_meters = s->cap_meters ? s->cap_meters * 2 : 8;
            s->meters = fh_xrealloc(s->meters,
                                    s->cap_meters * sizeof *s->meters);
        }
        s->meters[s->n_meters++] = meter;
    }
    return sender_read_punts(s);
}

uint32_t
sender_reading_done(const struct sender *s)
{
    return s->reading.done;
}

bool
sender_is_reading(const struct sender *s, uint32_t xid)
{
    return (s->reading.out
            && (xid == s->reading.xid || xid == s->punt_read_xid));
}

bool
sender_meter_error(struct sender *s, const struct of_message *msg)
{
    if (msg->xid == s->punt_meter_xid || msg->xid == s->punt_read_xid) {
        if (!s->punt_meter_refused) {
            s->punt_meter_refused = true;
            log_warn("%s: the bridge has no meter for all that it "
                     "hands up: %s", s->name, msg->error.text);
        }
        return true;
    }
    if (s->config_xid && msg->xid == s->config_xid) {
        s->config_refused = true;
        return true;
    }
    if (s->reading.out && msg->xid == s->reading.xid) {
        if (!s->unreadable) {
            s->unreadable = true;
            log_warn("%s: the bridge does not tell what its meters "
                     "drop: %s", s->name, msg->error.text);
        }
        return true;
    }
    return false;
}

bool
sender_echo_reply(struct sender *s, uint32_t xid, int64_t *took_us)
{
    *took_us = clock_mono_us() - s->fence.sent_us;
    if (fence_returns(&s->fence, xid)) {
        send_fence(s);
        return true;
    }
    if (fence_returns(&s->reading, xid)) {
        send_reading(s);
    }
    return false;
}

void
sender_forget(struct sender *s)
{
    fence_forget(&s->fence);
    fence_forget(&s->reading);
    s->n_meters = 0;
    s->punt_meter_refused = s->unreadable = false;
    s->punt_meter_xid = s->punt_read_xid = s->config_xid = 0;
    s->config_refused = false;
}

/* With the next flush. */

void
sender_arp(struct sender *s, enum arpq_class class, uint32_t port,
           struct eth_addr dst, const struct fh_vlan *vlan,
           const struct arp *arp)
{
    arpq_put(s->arpq, class, port, dst, vlan, arp);
}

void
sender_many(struct sender *s)
{
    if (bridge_n_queued(s->bridge) < s->chunk) {
        return;
    }
    bridge_commit(s->bridge);
    s->chunk = s->chunk * 4 < CHUNK_MOST ? s->chunk * 4 : CHUNK_MOST;
}

size_t
sender_flush(struct sender *s)
{
    struct ofconn *conn = bridge_conn(s->bridge);
    size_t n;

    s->chunk = CHUNK_FIRST;
    if (s->bridge) {
        bridge_commit(s->bridge);
    }
    if (!conn) {
        arpq_clear(s->arpq);
        return 0;
    }
    n = arpq_flush(s->arpq, ofconn_tx(conn), ofconn_version(conn),
                   ofconn_xid_for, conn);
    send_fence(s);
    send_reading(s);
    return n;
}
