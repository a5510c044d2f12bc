/* What is sent to a router's bridge.  See router_send.h. */
#include <config.h>

#include "controller/engine/router_send.h"

#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/engine/router_desired.h"
#include "flows/flow_answer.h"
#include "flows/flow_base.h"
#include "flows/flow_client.h"

/* How often the meters are read when nobody asks. */
#define DROPS_READ_MS 1000
/* How often it is looked whether they are set as they should be. */
#define METERS_ASK_MS 10000

/* Life. */

struct router *
router_open(struct engine *en, const struct config_router *config)
{
    struct router *router = router_create(config, en);
    char *label = fh_xasprintf("router %s", config->name);

    router->wire = en->host.wire;
    router->sender = router->wire->sender_create(label);
    free(label);
    return router;
}

void
router_close(struct router *router)
{
    router->wire->sender_set_bridge(router->sender, NULL);
    router->wire->bridge_destroy(router->bridge);
    router->wire->sender_destroy(router->sender);
    router_destroy(router);
}

void
router_set_bridge(struct router *router, struct bridge *bridge)
{
    router->bridge = bridge;
    router->wire->sender_set_bridge(router->sender, bridge);
}

void
router_take_bridge(struct router *router, struct router *from)
{
    struct bridge *bridge = from->bridge;

    router_flush(from);
    router_set_bridge(from, NULL);
    router_set_bridge(router, bridge);
}

/* Flows. */

static struct fh_changes *
queued(struct router *router)
{
    return router->wire->bridge_changes(router->bridge);
}

void
router_queue_change(struct router *router, enum fh_change_op op,
                    const struct fh_flow *flow)
{
    fh_changes_add(queued(router), op, flow);
}

void
router_put_change(struct router *router, enum fh_change_op op,
                  const struct fh_flow *flow)
{
    router->wire->sender_put_change(router->sender, op, flow);
}

static void
queue_flows(struct router *router, enum fh_change_op op,
            const struct fh_client *view)
{
    struct fh_flow flows[FLOW_CLIENT_N];

    flow_client_build(view, flows);
    for (size_t i = 0; i < FLOW_CLIENT_N; i++) {
        router_queue_change(router, op, &flows[i]);
        if (op == FH_CHANGE_ADD) {
            router->counters.flow_adds++;
        } else {
            router->counters.flow_deletes++;
        }
    }
}

void
router_queue_remove(struct router *router, struct client *c, size_t member)
{
    struct fh_uplink uplink;
    struct fh_client view;

    if (router_held_view(c, member, &view, &uplink)) {
        queue_flows(router, FH_CHANGE_DELETE, &view);
    }
    client_forget_holding(c, member);
}

void
router_queue_install(struct router *router, struct client *c, size_t member,
                     bool silent)
{
    struct holding *h = &c->holdings[member];
    struct fh_client view;

    if (h->port && router_holds_wrong(c, member)) {
        router_queue_remove(router, c, member);
    }
    if (router_client_view(c, member, &view)) {
        view.silent = silent;
        queue_flows(router, FH_CHANGE_ADD, &view);
        *h = (struct holding) { view.port, view.uplink->port, view.decision,
                                view.mac, silent };
    }
    router->wire->bridge_await(router->bridge, client_await(c));
    router->wire->sender_many(router->sender);
}

/* The one of the flows that says more of the client than where it is. */
static void
queue_held_route(struct router *router, struct client *c, size_t member)
{
    struct fh_uplink uplink;
    struct fh_client view;
    struct fh_flow flow;

    if (router->ready && router_held_view(c, member, &view, &uplink)) {
        flow_client_build_route(&view, &flow);
        router_queue_change(router, FH_CHANGE_ADD, &flow);
        router->counters.flow_adds++;
    }
}

void
router_queue_voice(struct router *router, struct client *c, size_t member)
{
    struct holding *h = &c->holdings[member];

    if (h->silent) {
        h->silent = false;
        queue_held_route(router, c, member);
    }
}

void
router_queue_confirm(struct router *router, struct client *c, size_t member)
{
    router_queue_voice(router, c, member);
    router->wire->bridge_await(router->bridge, client_await(c));
    router->wire->sender_many(router->sender);
}

void
router_queue_lost(struct router *router, struct client *c, size_t member)
{
    queue_held_route(router, c, member);
}

void
router_queue_silence(struct router *router, struct client *c, size_t member)
{
    c->holdings[member].silent = true;
    router->silences = true;
    queue_held_route(router, c, member);
}

void
router_say_awake(struct router *router)
{
    struct fh_flow flow;

    flow_answer_awake(&flow);
    router->wire->sender_put_renewal(router->sender, &flow);
}

void
router_say_away(struct router *router)
{
    struct fh_flow flow;

    flow_answer_awake(&flow);
    router->wire->sender_put_change(router->sender, FH_CHANGE_DELETE, &flow);
}

void
router_update_base(struct router *router)
{
    struct flow_set *desired = flow_set_create();
    struct fh_changes all = { .n = 0 };

    router_build_base(router, desired);
    flow_diff(desired, router->base, &all);
    for (size_t i = 0; i < all.n; i++) {
        const struct fh_change *change = &all.items[i];

        /* What remaining clients need goes when it is read again. */
        if (change->op == FH_CHANGE_ADD || !router->keeps_flows) {
            router_queue_change(router, change->op, &change->flow);
        }
    }
    fh_changes_destroy(&all);
    flow_set_destroy(router->base);
    router->base = desired;
}

void
router_update_next_hop(struct router *router, const struct uplink *uplink)
{
    const struct fh_flow *was;
    struct fh_flow flow;

    if (uplink->view.vlan.n) {
        /* What the bridge answers by itself has the same outer tag, whose
         * Ethertype is known with the next hop. */
        router_update_base(router);
        return;
    }
    if (!uplink->view.port
        || !flow_uplink_build(&uplink->view, router->config->mac, &flow)) {
        return;
    }
    was = flow_set_find(router->base, &flow);
    if (!was || !fh_flow_same(was, &flow)) {
        fh_changes_add(queued(router), FH_CHANGE_ADD, &flow);
        flow_set_put(router->base, &flow);
    }
}

/* Frames. */

void
router_send(struct router *router, uint32_t port, const uint8_t *frame,
            size_t len)
{
    router->wire->sender_put_frame(router->sender, port, frame, len);
}

void
router_send_arp(struct router *router, uint32_t port, struct eth_addr dst,
                const struct fh_vlan *vlan, const struct arp *arp)
{
    uint8_t frame[ARP_FRAME_MAX];

    router_send(router, port, frame, arp_build(frame, dst, vlan, arp));
}

void
router_queue_arp(struct router *router, uint32_t port, struct eth_addr dst,
                 const struct fh_vlan *vlan, const struct arp *arp)
{
    router->wire->sender_arp(router->sender, ARPQ_CLIENT, port, dst, vlan,
                             arp);
}

void
router_queue_core_arp(struct router *router, uint32_t port,
                      struct eth_addr dst, const struct fh_vlan *vlan,
                      const struct arp *arp)
{
    router->wire->sender_arp(router->sender, ARPQ_CORE, port, dst, vlan, arp);
}

/* Clients. */

uint32_t
router_cover(struct router *router)
{
    return router->wire->sender_cover(router->sender);
}

bool
router_has_probe_budget(const struct router *router)
{
    return router->wire->sender_has_probe_budget(router->sender);
}

void
router_expect_answer(struct router *router, uint32_t number, int64_t now_ms)
{
    struct router_port *port = router_access_port(router, number);

    if (port) {
        window_sent(&port->window, now_ms);
    }
}

void
router_queue_probe(struct router *router, struct client *c, size_t member,
                   int64_t now_us)
{
    struct reach *r = &c->reaches[member];
    struct fh_vlan vlan = c->vlan;
    struct eth_addr dst = c->mac;
    struct arp arp = {
        .op = ARP_OP_REQUEST,
        .sha = router->config->mac,
        .spa = c->segment->members[member].config->address,
        .tpa = c->key.address,
    };

    if (r->outstanding ? r->anonymous : reach_choose_sender(r, now_us)) {
        arp.spa.ip4 = 0;
    }
    if (fh_mac_is_zero(dst)) {
        memset(&dst, 0xff, sizeof dst);
    }
    if (vlan.n == 2 && !vlan.tpid && r->sent & 1) {
        /* Which Ethertype its outer tag has shows only when it answers. */
        vlan.tpid = ETHERTYPE_8021Q;
    }
    if (reach_is_up(r)) {
        router_queue_arp(router, r->port, dst, &vlan, &arp);
        router_expect_answer(router, r->port, now_us / 1000);
    } else if (c->unanswered && r->heard_port && !c->claim.contested) {
        router_queue_arp(router, r->heard_port, dst, &vlan, &arp);
    } else {
        for (size_t i = 0; i < router->config->n_access_ports; i++) {
            if (router->ports[i].number) {
                router_queue_arp(router, router->ports[i].number, dst, &vlan,
                                 &arp);
            }
        }
    }
    reach_probe_sent(r, router->wire->sender_probe(router->sender), now_us);
    router->counters.probes++;
}

void
router_queue_notice(struct router *router, const struct client *c,
                    size_t member, struct fh_addr owned)
{
    const struct reach *r = &c->reaches[member];
    struct arp arp = {
        .op = ARP_OP_REQUEST,
        .sha = router->config->mac,
        .spa = owned,
        .tpa = c->key.address,
    };

    if (!r->port || fh_mac_is_zero(c->mac)) {
        return;
    }
    router_queue_arp(router, r->port, c->mac, &c->vlan, &arp);
    arp.op = ARP_OP_REPLY;
    arp.tha = c->mac;
    router_queue_arp(router, r->port, c->mac, &c->vlan, &arp);
}

/* Meters, and what they drop. */

uint32_t
router_read_drops(struct router *router, uint32_t port)
{
    const struct wire_ops *wire = router->wire;
    uint32_t its_port, meter;

    for (size_t i = 0; router_drops(router, i, &its_port, &meter); i++) {
        if (its_port && (!port || its_port == port)) {
            wire->sender_read_meter(router->sender, meter);
        }
    }
    return wire->sender_read_punts(router->sender);
}

void
router_put_meters(struct router *router)
{
    free(router->meters);
    router->n_meters = router_build_meters(router, &router->meters);
    router->metered_pps = router_replies_pps(router);
    router->wire->sender_put_meters(router->sender, router->meters,
                                    router->n_meters);
    router->meters_asked = false;           /* An answer may be older. */
    router_read_drops(router, 0);           /* They begin to count anew. */
}

static bool
is_meddled_with(const struct router *router, const struct fh_meter *found)
{
    for (size_t i = 0; i < router->n_meters; i++) {
        const struct fh_meter *meter = &router->meters[i];

        if (meter->id == found->id) {
            return (meter->rate_pps != found->rate_pps
                    || meter->burst != found->burst);
        }
    }
    return false;               /* None of ours. */
}

size_t
router_count_wrong_meters(const struct router *router,
                          const struct of_message *msg)
{
    size_t n = 0;

    for (size_t i = 0; router->meters_asked && i < msg->meter_config.n; i++) {
        n += is_meddled_with(router, &msg->meter_config.meters[i]);
    }
    return n;
}

void
router_meters_tick(struct router *router, int64_t now_ms)
{
    if (now_ms >= router->meters_at_ms) {
        router->meters_at_ms = now_ms + METERS_ASK_MS;
        router->meters_asked = true;
        router->wire->sender_ask_meters(router->sender);
    }
}

void
router_drops_tick(struct router *router, int64_t now_ms)
{
    if (now_ms >= router->read_at_ms) {
        router->read_at_ms = now_ms + DROPS_READ_MS;
        if (router_has_outgrown_meters(router)) {
            router_put_meters(router);
        }
        router_read_drops(router, 0);
    }
}

void
router_drops_reply(struct router *router, const struct of_message *msg,
                   int64_t now_us)
{
    struct drops *drops;
    uint32_t port, id;

    if (!router->wire->sender_is_reading(router->sender, msg->xid)) {
        return;
    }
    for (size_t i = 0; i < msg->meter_stats.n; i++) {
        const struct of_meter_drops *meter = &msg->meter_stats.meters[i];

        if (meter->id == FH_METER_CONTROLLER) {
            drops_read(&router->punt_drops, meter->packets, now_us);
        }
        for (size_t j = 0; (drops = router_drops(router, j, &port, &id));
             j++) {
            if (port && meter->id == id) {
                drops_read(drops, meter->packets, now_us);
            }
        }
    }
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
        .fence_done = router->wire->sender_fence_done(router->sender),
        .reading_done = router->wire->sender_reading_done(router->sender),
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
    latest(&dropped_us, &uplink->request_drops);
    uplink->dropped_ms = dropped_us / 1000;
    if (uplink_waits(uplink)) {
        router_read_drops(router, uplink->view.port);
    }
}

/* The bridge. */

void
router_echo_reply(struct router *router, uint32_t xid)
{
    int64_t took_us;

    if (router->wire->sender_echo_reply(router->sender, xid, &took_us)
        && took_us >= 0 && took_us < INT32_MAX) {
        rtt_sample(&router->fence_rtt, took_us);
        if (took_us / 1000 > router->fence_took_ms) {
            router->fence_took_ms = took_us / 1000;
        }
    }
}

int64_t
router_asked_us(const struct router *router)
{
    return router->wire->sender_fence_sent_us(router->sender);
}

bool
router_meter_error(struct router *router, const struct of_message *msg)
{
    return router->wire->sender_meter_error(router->sender, msg);
}

void
router_forget_questions(struct router *router)
{
    struct drops *drops;
    uint32_t port, meter;

    router->wire->sender_forget(router->sender);
    drops_forget(&router->punt_drops);
    for (size_t i = 0; (drops = router_drops(router, i, &port, &meter)); i++) {
        drops_forget(drops);
    }
    router->read_at_ms = 0;
}

void
router_flush(struct router *router)
{
    router->silences = false;
    router->counters.probe_packets
        += router->wire->sender_flush(router->sender);
}
