/* A router as it runs.  See router.h. */
#include <config.h>

#include "controller/router.h"

#include <errno.h>
#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/log.h"
#include "flows/flow_base.h"
#include "flows/flow_client.h"

/* Flow changes after which clients that are being moved are sent on their
 * way.  The first of many is not to wait for the last: so few at first, four
 * times as many each time, while the loop does not turn. */
#define INSTALL_FIRST 32
#define INSTALL_MOST  (OFXACT_CHUNK - 2 * FLOW_CLIENT_N)

/* How often the meters are read when nobody asks. */
#define DROPS_READ_MS 1000

struct router *
router_create(const struct config_router *config,
              router_installed_cb *installed, void *owner)
{
    struct router *router = fh_xcalloc(1, sizeof *router);

    router->config = config;
    router->on_installed = installed;
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

static void
batch_destroy(struct install_batch *batch)
{
    if (!batch) {
        return;
    }
    for (size_t i = 0; i < batch->n; i++) {
        if (batch->clients[i]) {
            batch->clients[i]->batch = NULL;
        }
    }
    free(batch->clients);
    free(batch);
}

void
router_destroy(struct router *router)
{
    if (!router) {
        return;
    }
    ofxact_destroy(router->xact);
    batch_destroy(router->batch);
    flow_set_destroy(router->base);
    flow_set_destroy(router->installed);
    fh_changes_destroy(&router->changes);
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
    const struct of_port *port = (router->conn
                                  ? ofconn_port_by_name(router->conn, name)
                                  : NULL);

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

/* Base flows. */

static uint32_t
sum_capped(uint32_t a, uint64_t b)
{
    return a + b > 1000000 ? 1000000 : a + b;
}

/* What one access port may punt.  Replies: twice what the probes of as many
 * clients as may be there can bring, retries and bursts included. */
static void
port_limits(const struct router *router, uint32_t port,
            struct fh_port_limits *limits)
{
    limits->port = port;
    limits->requests_pps = 1;           /* No meter may have a rate of 0. */
    limits->replies_pps = 1000;
    for (size_t i = 0; i < router->n_segments; i++) {
        const struct segment *segment = router->segments[i];
        const struct config_segment *config = segment->config;
        uint64_t clients = config->limits.learned_per_port;

        if (clients < segment->n_clients) {
            clients = segment->n_clients;
        }
        limits->requests_pps = sum_capped(limits->requests_pps,
                                          config->limits.requests_per_s);
        limits->replies_pps = sum_capped(limits->replies_pps,
                                         clients * 2000
                                         / config->probe.interval_ms);
    }
}

/* Clients that the segment has, or may come to have by 'n_ports' ports. */
static uint64_t
most_clients(const struct segment *segment, size_t n_ports)
{
    const struct config_segment *config = segment->config;
    uint64_t learned = (uint64_t) config->limits.learned_per_port * n_ports;

    if (learned > config->limits.learned) {
        learned = config->limits.learned;
    }
    if (learned < segment->n_learned) {
        learned = segment->n_learned;
    }
    return learned + segment->n_clients - segment->n_learned;
}

uint32_t
router_punts_pps(const struct router *router)
{
    uint32_t pps = 0;
    size_t n_ports = 0;

    for (size_t i = 0; i < router->config->n_access_ports; i++) {
        n_ports += router->ports[i].number != 0;
    }
    for (size_t i = 0; i < router->n_segments; i++) {
        const struct segment *segment = router->segments[i];
        const struct config_segment *config = segment->config;

        pps = sum_capped(pps, (uint64_t) config->limits.requests_per_s
                              * n_ports);
        pps = sum_capped(pps, most_clients(segment, n_ports) * 1000
                              / config->probe.interval_ms);
    }
    return pps;
}

/* Everything that a struct fh_router borrows, in one place to free. */
struct router_view {
    struct fh_router router;
    struct fh_port_limits *access;
    struct fh_uplink *uplinks;
    struct fh_segment *segments;
    struct eth_addr *macs;
};

static void
view_segment(const struct router *router, size_t i, struct fh_segment *view,
             struct eth_addr *macs)
{
    const struct segment *segment = router->segments[i];
    const struct member *me = &segment->members[router->member_index[i]];

    *view = (struct fh_segment) {
        .vlans = segment->vlans,
        .n_vlans = segment->n_vlans,
        .prefixes = segment->config->prefixes,
        .n_prefixes = segment->config->n_prefixes,
        .other_macs = macs,
        .gateway = segment->config->gateway,
        .local = me->config->address,
        .uplink = &me->uplink->view,
        .isolate = segment->config->isolate,
    };
    for (size_t j = 0; j < segment->n_members; j++) {
        if (segment->members[j].router != router) {
            macs[view->n_other_macs++]
                = segment->members[j].router->config->mac;
        }
    }
}

static void
view_create(const struct router *router, struct router_view *view)
{
    size_t n_access = 0, n_uplinks = 0, n_segments = 0;

    view->access = fh_xcalloc(router->config->n_access_ports + 1,
                              sizeof *view->access);
    view->uplinks = fh_xcalloc(router->n_uplinks + 1, sizeof *view->uplinks);
    view->segments = fh_xcalloc(router->n_segments + 1,
                                sizeof *view->segments);
    view->macs = fh_xcalloc(router->n_segments + 1,
                            CONFIG_MAX_MEMBERS * sizeof *view->macs);
    for (size_t i = 0; i < router->config->n_access_ports; i++) {
        if (router->ports[i].number) {
            port_limits(router, router->ports[i].number,
                        &view->access[n_access++]);
        }
    }
    for (size_t i = 0; i < router->n_uplinks; i++) {
        if (router->uplinks[i].view.port) {
            view->uplinks[n_uplinks++] = router->uplinks[i].view;
        }
    }
    for (size_t i = 0; i < router->n_segments; i++) {
        const struct segment *segment = router->segments[i];

        if (segment->members[router->member_index[i]].uplink->view.port) {
            view_segment(router, i, &view->segments[n_segments++],
                         &view->macs[i * CONFIG_MAX_MEMBERS]);
        }
    }
    view->router = (struct fh_router) {
        .mac = router->config->mac,
        .punts_pps = router_punts_pps(router),
        .access = view->access, .n_access = n_access,
        .uplinks = view->uplinks, .n_uplinks = n_uplinks,
        .segments = view->segments, .n_segments = n_segments,
    };
}

static void
view_destroy(struct router_view *view)
{
    free(view->access);
    free(view->uplinks);
    free(view->segments);
    free(view->macs);
}

void
router_build_base(const struct router *router, struct flow_set *out)
{
    struct router_view view;

    view_create(router, &view);
    flow_base_build(&view.router, out);
    view_destroy(&view);
}

bool
router_has_outgrown_meters(const struct router *router)
{
    struct fh_port_limits limits;

    port_limits(router, 0, &limits);
    return limits.replies_pps > router->metered_pps * UINT64_C(5) / 4;
}

void
router_put_meters(struct router *router)
{
    struct fh_port_limits limits;
    struct fh_meter *meters;
    struct router_view view;
    size_t n;

    port_limits(router, 0, &limits);
    router->metered_pps = limits.replies_pps;
    router->meters_unreadable = false;      /* Perhaps it has them now. */
    view_create(router, &view);
    meters = fh_xcalloc(flow_base_n_meters(&view.router), sizeof *meters);
    n = flow_base_meters(&view.router, meters);
    for (size_t i = 0; i < n; i++) {
        uint32_t xid = ofconn_next_xid(router->conn);

        ofcodec_put_meter(ofconn_tx(router->conn),
                          ofconn_version(router->conn), xid, &meters[i]);
        if (meters[i].id == FH_METER_CONTROLLER) {
            router->punt_meter_xid = xid;
        }
    }
    free(meters);
    view_destroy(&view);
    router_read_drops(router, 0);           /* They begin to count anew. */
}

void
router_update_base(struct router *router)
{
    struct flow_set *desired = flow_set_create();

    router_build_base(router, desired);
    flow_diff(desired, router->base, &router->changes);
    flow_set_destroy(router->base);
    router->base = desired;
}

void
router_update_next_hop(struct router *router, const struct uplink *uplink)
{
    const struct fh_flow *was;
    struct fh_flow flow;

    if (!uplink->view.port
        || !flow_uplink_build(&uplink->view, router->config->mac, &flow)) {
        return;
    }
    was = flow_set_find(router->base, &flow);
    if (!was || !fh_flow_same(was, &flow)) {
        fh_changes_add(&router->changes, FH_CHANGE_ADD, &flow);
        flow_set_put(router->base, &flow);
    }
}

/* Clients' flows. */

bool
router_client_view(const struct client *c, size_t member,
                   struct fh_client *view)
{
    const struct member *m = &c->segment->members[member];
    uint32_t port = c->reaches[member].port;

    if (!port || !m->uplink->view.port || fh_mac_is_zero(c->mac)) {
        return false;
    }
    memset(view, 0, sizeof *view);
    view->address = c->key.address;
    view->mac = c->mac;
    view->vlan = c->vlan;
    view->port = port;
    view->router_mac = m->router->config->mac;
    view->uplink = &m->uplink->view;
    view->isolate = c->segment->config->isolate;
    view->lost = c->state == CLIENT_LOST;
    view->decision = c->decision;
    return true;
}

static void
queue_flows(struct router *router, enum fh_change_op op,
            const struct fh_client *view)
{
    struct fh_flow flows[FLOW_CLIENT_N];

    flow_client_build(view, flows);
    for (size_t i = 0; i < FLOW_CLIENT_N; i++) {
        fh_changes_add(&router->changes, op, &flows[i]);
        if (op == FH_CHANGE_ADD) {
            router->counters.flow_adds++;
        } else {
            router->counters.flow_deletes++;
        }
    }
}

static void
batch_add(struct router *router, struct client *c)
{
    struct install_batch *batch = router->batch;

    if (!batch) {
        batch = router->batch = fh_xcalloc(1, sizeof *batch);
        batch->router = router;
    }
    if (batch->n == batch->cap) {
        batch->cap = batch->cap ? batch->cap * 2 : 8;
        batch->clients = fh_xrealloc(batch->clients, (batch->cap
                                     * sizeof *batch->clients));
    }
    c->batch = batch;
    c->batch_index = batch->n;
    batch->clients[batch->n++] = c;
}

void
router_cancel_install(struct client *c)
{
    if (c->batch) {
        c->batch->clients[c->batch_index] = NULL;
        c->batch = NULL;
    }
}

static void send_changes(struct router *);

void
router_queue_install(struct router *router, struct client *c, size_t member)
{
    struct reach *r = &c->reaches[member];
    struct fh_client view;

    router_cancel_install(c);
    if (r->flow_port && r->flow_port != r->port) {
        router_queue_remove(router, c, member);
    }
    if (router_client_view(c, member, &view)) {
        queue_flows(router, FH_CHANGE_ADD, &view);
        r->flow_port = r->port;
    }
    batch_add(router, c);
    if (router->changes.n >= router->install_chunk) {
        send_changes(router);
        router->install_chunk = (router->install_chunk * 4 < INSTALL_MOST
                                 ? router->install_chunk * 4 : INSTALL_MOST);
    }
}

/* The client at the port that is in its flows, wherever it is now. */
static bool
held_view(struct client *c, size_t member, struct fh_client *view)
{
    struct reach *r = &c->reaches[member];
    uint32_t port = r->port;
    bool ok;

    r->port = r->flow_port;
    ok = router_client_view(c, member, view);
    r->port = port;
    return ok;
}

void
router_queue_remove(struct router *router, struct client *c, size_t member)
{
    struct fh_client view;

    if (held_view(c, member, &view)) {
        queue_flows(router, FH_CHANGE_DELETE, &view);
    }
    c->reaches[member].flow_port = 0;
}

void
router_queue_lost(struct router *router, struct client *c, size_t member)
{
    struct fh_client view;
    struct fh_flow flow;

    if (router->ready && held_view(c, member, &view)) {
        flow_client_build_route(&view, &flow);
        fh_changes_add(&router->changes, FH_CHANGE_ADD, &flow);
        router->counters.flow_adds++;
    }
}

/* A bundle is refused as a whole, whoever's changes are in it: what the
 * bridge holds now must be read. */
static void
note_done(struct router *router, int error)
{
    router->n_confirmed++;
    if (error) {
        router->counters.commits_failed++;
    }
    if (error && error != ECONNRESET) {
        log_warn("router %s: the bridge refused a change of flows",
                 router->config->name);
        router->refused = true;
    }
}

/* The barrier behind a batch has come back.  The batch's clients go on. */
static void
batch_done(int error, void *batch_)
{
    struct install_batch *batch = batch_;
    struct router *router = batch->router;

    note_done(router, error);
    for (size_t i = 0; i < batch->n; i++) {
        struct client *c = batch->clients[i];

        if (c) {
            c->batch = NULL;
            batch->clients[i] = NULL;
            router->on_installed(router->owner, c, router, !error);
        }
    }
    batch_destroy(batch);
}

static void
changes_done(int error, void *router_)
{
    note_done(router_, error);
}

static void
send_changes(struct router *router)
{
    struct install_batch *batch = router->batch;

    if (!router->changes.n && !batch) {
        return;
    }
    router->batch = NULL;
    router->counters.commits++;
    if (batch) {
        ofxact_commit(router->xact, &router->changes, batch_done, batch);
    } else {
        ofxact_commit(router->xact, &router->changes, changes_done, router);
    }
    fh_changes_clear(&router->changes);
}

/* Frames. */

static void
put_frame(struct router *router, struct fh_buf *out, uint32_t port,
          const uint8_t *frame, size_t len)
{
    struct fh_action output;

    memset(&output, 0, sizeof output);
    output.type = FH_ACT_OUTPUT;
    output.u.port = port;
    ofcodec_put_packet_out(out, ofconn_version(router->conn),
                           ofconn_next_xid(router->conn), FH_PORT_CONTROLLER,
                           &output, 1, frame, len);
}

static void
put_arp(struct router *router, struct fh_buf *out, uint32_t port,
        struct eth_addr dst, const struct fh_vlan *vlan,
        const struct arp *arp)
{
    uint8_t frame[ARP_FRAME_MAX];

    put_frame(router, out, port, frame, arp_build(frame, dst, vlan, arp));
}

void
router_send(struct router *router, uint32_t port, const uint8_t *frame,
            size_t len)
{
    if (router->conn) {
        put_frame(router, ofconn_tx(router->conn), port, frame, len);
    }
}

void
router_send_arp(struct router *router, uint32_t port, struct eth_addr dst,
                const struct fh_vlan *vlan, const struct arp *arp)
{
    if (router->conn) {
        put_arp(router, ofconn_tx(router->conn), port, dst, vlan, arp);
    }
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

static uint32_t
next_xid(void *conn)
{
    return ofconn_next_xid(conn);
}

/* Fences. */

static bool
fence_is_due(const struct router_fence *fence)
{
    return fence->wanted && !fence->out;
}

static void
put_fence(struct router *router, struct router_fence *fence, uint32_t xid)
{
    ofcodec_put_echo_request(ofconn_tx(router->conn),
                             ofconn_version(router->conn), xid);
    fence->xid = xid;
    fence->next++;
    fence->out = true;
    fence->wanted = false;
}

static void
send_fence(struct router *router)
{
    if (fence_is_due(&router->fence)) {
        put_fence(router, &router->fence, ofconn_next_xid(router->conn));
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
    ofcodec_put_meter_stats_request(ofconn_tx(router->conn),
                                    ofconn_version(router->conn), xid, meter);
    drops->wanted = false;
}

static void
send_reading(struct router *router)
{
    struct drops *drops;
    uint32_t xid, port;

    if (!fence_is_due(&router->meter_fence)) {
        return;
    }
    if (!router->punt_meter_refused) {
        /* Of its own, because the bridge may have no such meter. */
        router->punt_read_xid = ofconn_next_xid(router->conn);
        put_reading(router, &router->punt_drops, FH_METER_CONTROLLER,
                    router->punt_read_xid);
    }
    xid = ofconn_next_xid(router->conn);
    for (size_t i = 0; (drops = reply_drops(router, i, &port)); i++) {
        if (port && drops->wanted) {
            put_reading(router, drops, FLOW_METER_REPLIES(port), xid);
        }
    }
    put_fence(router, &router->meter_fence, xid);
}

void
router_fence_reply(struct router *router, uint32_t xid)
{
    if (router->fence.out && xid == router->fence.xid) {
        router->fence.out = false;
        router->fence.done = router->fence.next - 1;
        send_fence(router);
    } else if (router->meter_fence.out && xid == router->meter_fence.xid) {
        router->meter_fence.out = false;
        router->meter_fence.done = router->meter_fence.next - 1;
        send_reading(router);
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

void
router_flush(struct router *router)
{
    if (!router->conn || !router->xact) {
        fh_changes_clear(&router->changes);
        arpq_clear(router->arpq);
        return;
    }
    send_changes(router);
    router->install_chunk = INSTALL_FIRST;
    router->counters.probe_packets
        += arpq_flush(router->arpq, ofconn_tx(router->conn),
                      ofconn_version(router->conn), next_xid, router->conn);
    send_fence(router);
    send_reading(router);
}

