/* A router as it runs.  See router.h. */
#include <config.h>

#include "controller/bridge/router_private.h"

#include <errno.h>
#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/bridge/ofxact.h"
#include "controller/bridge/ofxact.h"
#include "flows/flow_base.h"
#include "flows/flow_client.h"

/* Flow changes after which clients that are being moved are sent on their
 * way.  The first of many is not to wait for the last: so few at first, four
 * times as many each time, while the loop does not turn. */
#define INSTALL_FIRST 32
#define INSTALL_MOST  (OFXACT_CHUNK - 2 * FLOW_CLIENT_N)

struct router *
router_create(const struct config_router *config, void *owner)
{
    struct router *router = fh_xcalloc(1, sizeof *router);

    router->config = config;
    router->owner = owner;
    router->base = flow_set_create();
    router->arpq = arpq_create();
    router->install_chunk = INSTALL_FIRST;
    router->ports = fh_xcalloc(config->n_access_ports, sizeof *router->ports);
    for (size_t i = 0; i < config->n_access_ports; i++) {
        TAILQ_INIT(&router->ports[i].guests);
    }
    router->fence.next = router->meter_fence.next = 1;
    return router;
}

void
router_destroy(struct router *router)
{
    if (!router) {
        return;
    }
    bridge_destroy(router->bridge);
    flow_set_destroy(router->base);
    free(router->uplinks);
    free(router->ports);
    free(router->segments);
    free(router->member_index);
    free(router->stacks);
    arpq_destroy(router->arpq);
    free(router);
}

/* Ports and uplinks. */

static void
find_port(const struct router *router, const char *name, uint32_t *number,
          bool *up)
{
    struct ofconn *conn = bridge_conn(router->bridge);
    const struct of_port *port = conn ? ofconn_port_by_name(conn, name)
                                      : NULL;

    *number = port ? port->number : 0;
    *up = port && port->up;
}

void
router_find_ports(struct router *router)
{
    for (size_t i = 0; i < router->config->n_access_ports; i++) {
        find_port(router, router->config->access_ports[i],
                  &router->ports[i].number, &router->ports[i].up);
    }
    for (size_t i = 0; i < router->n_uplinks; i++) {
        struct uplink *uplink = &router->uplinks[i];

        find_port(router, uplink->config->port, &uplink->view.port,
                  &uplink->port_up);
    }
}

struct router_port *
router_access_port(const struct router *router, uint32_t port)
{
    for (size_t i = 0; port && i < router->config->n_access_ports; i++) {
        if (router->ports[i].number == port) {
            return &router->ports[i];
        }
    }
    return NULL;
}

struct uplink *
router_uplink_by_port(const struct router *router, uint32_t port,
                      const struct fh_vlan *vlan)
{
    for (size_t i = 0; port && i < router->n_uplinks; i++) {
        struct uplink *uplink = &router->uplinks[i];

        if (uplink->view.port == port
            && fh_vlan_equal(&uplink->view.vlan, vlan)) {
            return uplink;
        }
    }
    return NULL;
}

bool
router_is_uplink_port(const struct router *router, uint32_t port)
{
    for (size_t i = 0; port && i < router->n_uplinks; i++) {
        if (router->uplinks[i].view.port == port) {
            return true;
        }
    }
    return false;
}

/* VLAN stacks. */

static int
compare_stacks(const void *a_, const void *b_)
{
    const struct router_stack *a = a_, *b = b_;

    return (a->tags != b->tags ? (a->tags > b->tags) - (a->tags < b->tags)
            : (a->segment > b->segment) - (a->segment < b->segment));
}

void
router_index_stacks(struct router *router)
{
    size_t n = 0;

    for (size_t i = 0; i < router->n_segments; i++) {
        n += router->segments[i]->n_vlans;
    }
    router->stacks = fh_xrealloc(router->stacks,
                                 (n + 1) * sizeof *router->stacks);
    router->n_stacks = 0;
    for (size_t i = 0; i < router->n_segments; i++) {
        const struct segment *segment = router->segments[i];

        for (size_t j = 0; j < segment->n_vlans; j++) {
            router->stacks[router->n_stacks++] = (struct router_stack) {
                flow_meta_stack(&segment->vlans[j]), i
            };
        }
    }
    qsort(router->stacks, router->n_stacks, sizeof *router->stacks,
          compare_stacks);
}

const struct router_stack *
router_find_stack(const struct router *router, const struct fh_vlan *vlan)
{
    uint32_t tags = flow_meta_stack(vlan);
    size_t low = 0, high = router->n_stacks;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (router->stacks[mid].tags < tags) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return (low < router->n_stacks && router->stacks[low].tags == tags
            ? &router->stacks[low] : NULL);
}

/* Clients' flows. */

/* The client behind access port 'port', the core behind '*uplink', which
 * '*view' borrows. */
static bool
view_client(const struct client *c, size_t member, uint32_t port,
            const struct fh_uplink *uplink, struct fh_client *view)
{
    if (!port || !uplink->port || fh_mac_is_zero(c->mac)) {
        return false;
    }
    memset(view, 0, sizeof *view);
    view->address = c->key.address;
    view->mac = c->mac;
    view->vlan = c->vlan;
    view->port = port;
    view->router_mac = c->segment->members[member].router->config->mac;
    view->uplink = uplink;
    view->isolate = c->segment->config->isolate;
    view->lost = c->state == CLIENT_LOST;
    view->decision = c->decision;
    return true;
}

bool
router_client_view(const struct client *c, size_t member,
                   struct fh_client *view)
{
    return view_client(c, member, c->reaches[member].port,
                       &c->segment->members[member].uplink->view, view);
}

bool
router_holds_wrong(const struct client *c, size_t member)
{
    const struct reach *r = &c->reaches[member];
    struct fh_client view;

    return (router_client_view(c, member, &view)
            && (r->flow_port != view.port
                || r->flow_uplink != view.uplink->port));
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

/* Sends what is queued if that is much: changes, or clients that wait for a
 * barrier alone and will have much to say when it has come. */
static void
send_many(struct router *router)
{
    if (bridge_n_queued(router->bridge) < router->install_chunk) {
        return;
    }
    bridge_commit(router->bridge);
    router->install_chunk = (router->install_chunk * 4 < INSTALL_MOST
                             ? router->install_chunk * 4 : INSTALL_MOST);
}

void
router_queue_install(struct router *router, struct client *c, size_t member)
{
    struct reach *r = &c->reaches[member];
    struct fh_client view;

    if (r->flow_port && router_holds_wrong(c, member)) {
        router_queue_remove(router, c, member);
    }
    if (router_client_view(c, member, &view)) {
        queue_flows(router, FH_CHANGE_ADD, &view);
        r->flow_port = r->port;
        r->flow_uplink = view.uplink->port;
    }
    bridge_await(router->bridge, client_await(c));
    send_many(router);
}

void
router_queue_confirm(struct router *router, struct client *c)
{
    bridge_await(router->bridge, client_await(c));
    send_many(router);
}

/* The client and the uplink at the ports that are in its flows, wherever they
 * are now.  '*view' borrows '*uplink'. */
static bool
held_view(const struct client *c, size_t member, struct fh_client *view,
          struct fh_uplink *uplink)
{
    const struct reach *r = &c->reaches[member];

    *uplink = c->segment->members[member].uplink->view;
    uplink->port = r->flow_uplink;
    return view_client(c, member, r->flow_port, uplink, view);
}

void
router_queue_remove(struct router *router, struct client *c, size_t member)
{
    struct fh_uplink uplink;
    struct fh_client view;

    if (held_view(c, member, &view, &uplink)) {
        queue_flows(router, FH_CHANGE_DELETE, &view);
    }
    c->reaches[member].flow_port = 0;
}

void
router_queue_lost(struct router *router, struct client *c, size_t member)
{
    struct fh_uplink uplink;
    struct fh_client view;
    struct fh_flow flow;

    if (router->ready && held_view(c, member, &view, &uplink)) {
        flow_client_build_route(&view, &flow);
        router_queue_change(router, FH_CHANGE_ADD, &flow);
        router->counters.flow_adds++;
    }
}

/* Frames. */

void
router_send(struct router *router, uint32_t port, const uint8_t *frame,
            size_t len)
{
    struct ofconn *conn = bridge_conn(router->bridge);
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
router_queue_change(struct router *router, enum fh_change_op op,
                    const struct fh_flow *flow)
{
    fh_changes_add(bridge_changes(router->bridge), op, flow);
}

void
router_put_change(struct router *router, enum fh_change_op op,
                  const struct fh_flow *flow)
{
    struct ofconn *conn = bridge_conn(router->bridge);
    struct fh_change change = { op, *flow };

    if (conn) {
        ofcodec_put_change(ofconn_tx(conn), ofconn_version(conn),
                           ofconn_next_xid(conn), &change);
    }
}

void
router_send_arp(struct router *router, uint32_t port, struct eth_addr dst,
                const struct fh_vlan *vlan, const struct arp *arp)
{
    uint8_t frame[ARP_FRAME_MAX];

    router_send(router, port, frame, arp_build(frame, dst, vlan, arp));
}

/* Probes. */

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

    if (fh_mac_is_zero(dst)) {
        memset(&dst, 0xff, sizeof dst);
    }
    if (vlan.n == 2 && !vlan.tpid && r->sent & 1) {
        /* Which Ethertype its outer tag has shows only when it answers. */
        vlan.tpid = ETHERTYPE_8021Q;
    }
    if (reach_is_up(r)) {
        arpq_put(router->arpq, ARPQ_CLIENT, r->port, dst, &vlan, &arp);
    } else {
        for (size_t i = 0; i < router->config->n_access_ports; i++) {
            if (router->ports[i].number) {
                arpq_put(router->arpq, ARPQ_CLIENT, router->ports[i].number,
                         dst, &vlan, &arp);
            }
        }
    }
    reach_probe_sent(r, router->fence.next, now_us);
    router->fence.wanted = true;
    router->n_unfenced++;
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
    arpq_put(router->arpq, ARPQ_CLIENT, r->port, c->mac, &c->vlan, &arp);
    arp.op = ARP_OP_REPLY;
    arp.tha = c->mac;
    arpq_put(router->arpq, ARPQ_CLIENT, r->port, c->mac, &c->vlan, &arp);
}

void
router_queue_arp(struct router *router, enum arpq_class class,
                 uint32_t port, struct eth_addr dst,
                 const struct fh_vlan *vlan, const struct arp *arp)
{
    arpq_put(router->arpq, class, port, dst, vlan, arp);
}

void
router_flush(struct router *router)
{
    struct ofconn *conn = bridge_conn(router->bridge);

    bridge_commit(router->bridge);
    router->install_chunk = INSTALL_FIRST;
    if (!conn) {
        arpq_clear(router->arpq);
        return;
    }
    router->counters.probe_packets
        += arpq_flush(router->arpq, ofconn_tx(conn), ofconn_version(conn),
                      ofconn_xid_for, conn);
    router_send_fence(router);
    router_send_reading(router);
}
