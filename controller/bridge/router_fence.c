/* How far a router's bridge has come, and what its meters have dropped.  See
 * router.h. */
#include <config.h>

#include "controller/bridge/router_private.h"

#include "controller/base/clock.h"
#include "controller/base/log.h"
#include "flows/flow_base.h"

static bool
fence_is_due(const struct router_fence *fence)
{
    return fence->wanted && !fence->out;
}

static void
put_fence(struct router *router, struct router_fence *fence, uint32_t xid)
{
    struct ofconn *conn = bridge_conn(router->bridge);

    ofcodec_put_echo_request(ofconn_tx(conn), ofconn_version(conn), xid);
    fence->xid = xid;
    fence->sent_us = clock_mono_us();
    fence->next++;
    fence->out = true;
    fence->wanted = false;
}

void
router_send_fence(struct router *router)
{
    if (fence_is_due(&router->fence)) {
        put_fence(router, &router->fence,
                  ofconn_next_xid(bridge_conn(router->bridge)));
        router->n_unfenced = 0;
    }
}

/* The 'i'-th meter of replies, and of which port: those of the access ports
 * come first, then those of the uplinks.  NULL behind the last. */
static struct drops *
reply_drops(const struct router *router, size_t i, uint32_t *port)
{
    size_t n = router->config->n_access_ports;

    if (i < n) {
        *port = router->ports[i].number;
        return &router->ports[i].drops;
    } else if (i - n < router->n_uplinks) {
        *port = router->uplinks[i - n].view.port;
        return &router->uplinks[i - n].drops;
    }
    return NULL;
}

static void
put_reading(struct router *router, struct drops *drops, uint32_t meter,
            uint32_t xid)
{
    struct ofconn *conn = bridge_conn(router->bridge);

    ofcodec_put_meter_stats_request(ofconn_tx(conn), ofconn_version(conn),
                                    xid, meter);
    drops->wanted = false;
}

void
router_send_reading(struct router *router)
{
    struct drops *drops;
    uint32_t xid, port;

    if (!fence_is_due(&router->meter_fence)) {
        return;
    }
    if (!router->punt_meter_refused) {
        /* Of its own, because the bridge may have no such meter. */
        router->punt_read_xid = ofconn_next_xid(bridge_conn(router->bridge));
        put_reading(router, &router->punt_drops, FH_METER_CONTROLLER,
                    router->punt_read_xid);
    }
    xid = ofconn_next_xid(bridge_conn(router->bridge));
    for (size_t i = 0; (drops = reply_drops(router, i, &port)); i++) {
        if (port && drops->wanted) {
            put_reading(router, drops, FLOW_METER_REPLIES(port), xid);
        }
    }
    put_fence(router, &router->meter_fence, xid);
}

static void
fence_done(struct router_fence *fence)
{
    int64_t took_us = clock_mono_us() - fence->sent_us;

    if (took_us >= 0 && took_us < INT32_MAX) {
        rtt_sample(&fence->rtt, took_us);
    }
    fence->out = false;
    fence->done = fence->next - 1;
}

void
router_fence_reply(struct router *router, uint32_t xid)
{
    if (router->fence.out && xid == router->fence.xid) {
        fence_done(&router->fence);
        router_send_fence(router);
    } else if (router->meter_fence.out && xid == router->meter_fence.xid) {
        fence_done(&router->meter_fence);
        router_send_reading(router);
    }
}

static void
fence_forget(struct router_fence *fence)
{
    fence->out = fence->wanted = false;
    fence->done = fence->next - 1;
}

void
router_forget_questions(struct router *router)
{
    struct drops *drops;
    uint32_t port;

    fence_forget(&router->fence);
    fence_forget(&router->meter_fence);
    drops_forget(&router->punt_drops);
    for (size_t i = 0; (drops = reply_drops(router, i, &port)); i++) {
        drops_forget(drops);
    }
    router->punt_meter_refused = router->meters_unreadable = false;
    router->punt_meter_xid = router->punt_read_xid = 0;
    router->read_at_ms = 0;
}

/* What the meters drop. */

uint32_t
router_read_drops(struct router *router, uint32_t port)
{
    struct drops *drops;
    uint32_t its_port;

    if (router->meters_unreadable) {
        return router->meter_fence.done;
    }
    for (size_t i = 0; (drops = reply_drops(router, i, &its_port)); i++) {
        if (!port || its_port == port) {
            drops->wanted = true;
        }
    }
    router->meter_fence.wanted = true;
    return router->meter_fence.next;
}

void
router_drops_reply(struct router *router, const struct of_message *msg,
                   int64_t now_us)
{
    struct drops *drops;
    uint32_t port;

    if (!router->meter_fence.out
        || (msg->xid != router->meter_fence.xid
            && msg->xid != router->punt_read_xid)) {
        return;
    }
    for (size_t i = 0; i < msg->meter_stats.n; i++) {
        const struct of_meter_drops *meter = &msg->meter_stats.meters[i];

        if (meter->id == FH_METER_CONTROLLER) {
            drops_read(&router->punt_drops, meter->packets, now_us);
        }
        for (size_t j = 0; (drops = reply_drops(router, j, &port)); j++) {
            if (port && meter->id == FLOW_METER_REPLIES(port)) {
                drops_read(drops, meter->packets, now_us);
            }
        }
    }
}

bool
router_meter_error(struct router *router, const struct of_message *msg)
{
    if (msg->xid == router->punt_meter_xid
        || msg->xid == router->punt_read_xid) {
        if (!router->punt_meter_refused) {
            router->punt_meter_refused = true;
            log_warn("router %s: the bridge has no meter for all that it "
                     "hands up: %s", router->config->name, msg->error.text);
        }
        return true;
    }
    if (router->meter_fence.out && msg->xid == router->meter_fence.xid) {
        if (!router->meters_unreadable) {
            router->meters_unreadable = true;
            log_warn("router %s: the bridge does not tell what its meters "
                     "drop: %s", router->config->name, msg->error.text);
        }
        return true;
    }
    return false;
}

static void
latest(int64_t *at_us, const struct drops *drops)
{
    if (drops->grown_us > *at_us) {
        *at_us = drops->grown_us;
    }
}

struct reach_bridge
router_evidence(const struct router *router, uint32_t port)
{
    struct reach_bridge bridge = {
        .fence_done = router->fence.done,
        .reading_done = router->meter_fence.done,
        .dropped_us = router->punt_drops.grown_us,
    };

    for (size_t i = 0; i < router->config->n_access_ports; i++) {
        if (!port || router->ports[i].number == port) {
            latest(&bridge.dropped_us, &router->ports[i].drops);
        }
    }
    return bridge;
}

void
router_tell_drops(struct router *router, struct uplink *uplink)
{
    int64_t dropped_us = router->punt_drops.grown_us;

    latest(&dropped_us, &uplink->drops);
    uplink->dropped_ms = dropped_us / 1000;
    if (uplink_waits(uplink)) {
        router_read_drops(router, uplink->view.port);
    }
}
