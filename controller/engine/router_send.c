/* What is sent to a router's bridge.  See router_send.h. */
#include <config.h>

#include "controller/engine/router_send.h"

#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/engine/act.h"
#include "controller/engine/router_desired.h"
#include "flows/flow_answer.h"
#include "flows/flow_base.h"
#include "flows/flow_client.h"

/* How often the meters are read when nobody asks. */
#define DROPS_READ_MS 1000
/* How often it is looked whether they are set as they should be. */
#define METERS_ASK_MS 10000

/* Life. */

void
router_close(struct router *router)
{
    if (router->open) {
        router->box->owner = NULL;
        act_put_box(router->owner, ENGINE_CLOSE, router->box);
    }
    router_destroy(router);
}

void
router_take_box(struct router *router, struct router *from)
{
    outbox_destroy(router->box);
    router->box = from->box;
    router->box->owner = router;
    router->open = true;
    from->box = outbox_create(from);
    from->open = false;
}

/* Flows. */

void
router_queue_change(struct router *router, enum fh_change_op op,
                    const struct fh_flow *flow)
{
    fh_changes_add(&router->box->changes, op, flow);
}

void
router_put_change(struct router *router, enum fh_change_op op,
                  const struct fh_flow *flow)
{
    outbox_put_change(router->box, op, flow);
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
    outbox_await(router->box, client_await(c));
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
    outbox_await(router->box, client_await(c));
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
    router->box->urgent = true;
    queue_held_route(router, c, member);
}

void
router_say_awake(struct router *router)
{
    struct fh_flow flow;

    flow_answer_awake(&flow);
    outbox_put_renewal(router->box, &flow);
}

void
router_say_away(struct router *router)
{
    struct fh_flow flow;

    flow_answer_awake(&flow);
    outbox_put_change(router->box, FH_CHANGE_DELETE, &flow);
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
        fh_changes_add(&router->box->changes, FH_CHANGE_ADD, &flow);
        flow_set_put(router->base, &flow);
    }
}

/* Frames. */

void
router_send(struct router *router, uint32_t port, const uint8_t *frame,
            size_t len)
{
    outbox_put_frame(router->box, port, frame, len);
}

void
router_send_arp(struct router *router, uint32_t port, struct eth_addr dst,
                const struct fh_vlan *vlan, const struct arp *arp)
{
    uint8_t *frame = outbox_begin_frame(router->box, port, ARP_FRAME_MAX);

    outbox_end_frame(router->box, arp_build(frame, dst, vlan, arp));
}

void
router_queue_arp(struct router *router, uint32_t port, struct eth_addr dst,
                 const struct fh_vlan *vlan, const struct arp *arp)
{
    outbox_put_arp(router->box, ARPQ_CLIENT, port, dst, vlan, arp);
}

/* Clients. */

uint32_t
router_cover(struct router *router)
{
    return outbox_cover(router->box);
}

bool
router_has_probe_budget(const struct router *router)
{
    return outbox_has_probe_budget(router->box);
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
    reach_probe_sent(r, outbox_cover_probe(router->box), now_us);
    router->counters.probes++;
}

void
router_queue_notice(struct router *router, const struct client *c,
                    size_t member, struct fh_addr owned, bool unsolicited)
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
    if (unsolicited) {
        arp.op = ARP_OP_REPLY;
        arp.tha = c->mac;
        router_queue_arp(router, r->port, c->mac, &c->vlan, &arp);
    }
}

/* Meters, and what they drop. */

uint32_t
router_read_drops(struct router *router, uint32_t port)
{
    uint32_t its_port, meter;

    for (size_t i = 0; router_drops(router, i, &its_port, &meter); i++) {
        if (its_port && (!port || its_port == port)) {
            outbox_read_meter(router->box, meter);
        }
    }
    return outbox_read_punts(router->box);
}

void
router_put_meters(struct router *router)
{
    free(router->meters);
    router->n_meters = router_build_meters(router, &router->meters);
    router->metered_pps = router_replies_pps(router);
    outbox_put_meters(router->box, router->meters, router->n_meters);
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
                          const struct fh_meter *found, size_t n_found)
{
    size_t n = 0;

    for (size_t i = 0; router->meters_asked && i < n_found; i++) {
        n += is_meddled_with(router, &found[i]);
    }
    return n;
}

void
router_meters_tick(struct router *router, int64_t now_ms)
{
    if (now_ms >= router->meters_at_ms) {
        router->meters_at_ms = now_ms + METERS_ASK_MS;
        router->meters_asked = true;
        outbox_ask_meters(router->box);
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
router_note_drops(struct router *router, const struct of_meter_drops *meters,
                  size_t n, int64_t now_us)
{
    struct drops *drops;
    uint32_t port, id;

    for (size_t i = 0; i < n; i++) {
        const struct of_meter_drops *meter = &meters[i];

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
        .fence_done = router->box->fence.done,
        .reading_done = router->box->reading.done,
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
router_fence_returned(struct router *router, int64_t took_us)
{
    if (took_us >= 0 && took_us < INT32_MAX) {
        rtt_sample(&router->fence_rtt, took_us);
        if (took_us / 1000 > router->fence_took_ms) {
            router->fence_took_ms = took_us / 1000;
        }
    }
}

int64_t
router_asked_us(const struct router *router)
{
    const struct outbox_fence *fence = &router->box->fence;

    return fence->out ? fence->sent_us : 0;
}

void
router_forget_questions(struct router *router)
{
    struct drops *drops;
    uint32_t port, meter;

    outbox_clear(router->box);
    drops_forget(&router->punt_drops);
    for (size_t i = 0; (drops = router_drops(router, i, &port, &meter)); i++) {
        drops_forget(drops);
    }
    router->read_at_ms = 0;
}
