/* The real engine between fakes.  See rig.h. */
#include <config.h>

#include "tests/unit/rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <firsthop/buf.h>

#include "controller/base/log.h"
#include "flows/flow_base.h"
#include "flows/flow_client.h"

#define N_BRIDGES 2
#define MAX_HOSTS 256
#define MAX_FRAMES 4096
#define ANSWER_MS 1
#define START_MS 1000000
#define UNIX_OFF_US INT64_C(1795406400000000)

/* Two bridges, known to the engine by their out-boxes. */
struct bridge {
    struct rig *rig;
    char name[2];
    uint64_t dpid;
    struct outbox *box;         /* NULL: nobody wants it. */
    bool connected, serves, held, core_silent, dead, meddled;
    struct of_port ports[3];
    struct flow_set *flows;
    uint64_t *tokens;           /* To be confirmed. */
    size_t n_tokens, cap_tokens;
};

struct host {
    struct fh_addr addr;
    struct eth_addr mac;
    bool silent[N_BRIDGES];
};

/* A frame on its way in. */
struct arrival {
    struct bridge *bridge;
    uint32_t port;
    uint8_t data[ARP_FRAME_MAX];
    size_t len;
    int64_t at_us;
};

struct rig {
    bool core_waits;            /* Nothing is told at once. */
    int keep_error;             /* 0: what is to be kept is. */
    struct engine *engine;
    int64_t now_us;
    struct bridge bridges[N_BRIDGES];
    struct host hosts[MAX_HOSTS];
    size_t n_hosts;
    int64_t hosts_take_ms;
    struct arrival *arrivals;
    size_t n_arrivals;
    struct fh_buf said, last;
    uint64_t seen;              /* Events so far. */
    struct store_state kept;
    char *holders[N_BRIDGES];
};

static const char base[] =
"{ \"routers\": {"
"  \"A\": { \"datapath_id\": \"000000000000000a\","
"           \"mac\": \"02:00:00:00:00:0a\","
"           \"access_ports\": [\"access\", \"other\"],"
"           \"uplink\": { \"port\": \"uplink\","
"             \"address\": \"192.0.2.2/24\", \"next_hop\": \"192.0.2.1\" } },"
"  \"B\": { \"datapath_id\": \"000000000000000b\","
"           \"mac\": \"02:00:00:00:00:0b\","
"           \"access_ports\": [\"access\", \"other\"],"
"           \"uplink\": { \"port\": \"uplink\","
"             \"address\": \"192.0.2.3/24\", \"next_hop\": \"192.0.2.1\" } }"
"}, \"segments\": { \"metro\": {"
"  \"gateway\": \"10.0.0.1\", \"prefixes\": [\"10.0.0.0/24\"],"
"  \"beacon\": { \"interval_ms\": 0 },"
"  \"routers\": { \"A\": { \"priority\": 200, \"address\": \"10.0.0.2\" },"
"                 \"B\": { \"priority\": 100, \"address\": \"10.0.0.3\" } }"
"} } }";

static struct config *
make_config(const char *segment)
{
    struct config_errors errors = { .n = 0 };
    json_t *json = json_loads(base, 0, NULL);
    json_t *metro = json_object_get(json_object_get(json, "segments"),
                                    "metro");
    json_t *more = json_loads(segment ? segment : "{}", 0, NULL);
    struct config *config;

    assert_non_null(more);
    if (json_object_get(more, "clients")) {
        json_object_set(json, "clients", json_object_get(more, "clients"));
        json_object_del(more, "clients");
    }
    if (json_object_get(more, "without")) {
        const char *name = json_string_value(json_object_get(more,
                                                             "without"));

        json_object_del(json_object_get(json, "routers"), name);
        json_object_del(json_object_get(metro, "routers"), name);
        json_object_del(more, "without");
    }
    json_object_update(metro, more);
    json_decref(more);
    config = config_from_json(json, &errors, NULL);
    json_decref(json);
    if (!config) {
        fail_msg("%s: %s", errors.items[0].pointer, errors.items[0].text);
    }
    return config;
}

static void say(struct rig *, const char *, ...)
    __attribute__((format(printf, 2, 3)));

static void
say(struct rig *rig, const char *format, ...)
{
    char line[256];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    fh_buf_append(&rig->said, line, strlen(line));
    fh_buf_append(&rig->said, "\n", 1);
}

static struct fh_addr
to_addr(const char *text)
{
    struct fh_addr addr;

    assert_true(fh_addr_parse(text, &addr));
    return addr;
}

static struct eth_addr
to_mac(const char *text)
{
    struct eth_addr mac = { .ea = { 0 } };

    assert_true(!text || fh_mac_parse(text, &mac));
    return mac;
}

static struct bridge *
find_bridge(struct rig *rig, const char *name)
{
    struct bridge *b = &rig->bridges[name[0] - 'A'];

    assert_in_range(name[0], 'A', 'A' + N_BRIDGES - 1);
    return b;
}

/* What is in the out-box of a bridge. */

static void
await(struct bridge *b, uint64_t token)
{
    if (b->n_tokens == b->cap_tokens) {
        b->cap_tokens = b->cap_tokens * 2 + 16;
        b->tokens = fh_xrealloc(b->tokens,
                                b->cap_tokens * sizeof *b->tokens);
    }
    b->tokens[b->n_tokens++] = token;
}

static void
keep_but(const struct fh_flow *flow, void *but_)
{
    void **but = but_;

    if (!fh_flow_same_key(flow, but[0])) {
        flow_set_put(but[1], flow);
    }
}

static void
delete_flow(struct bridge *b, const struct fh_flow *flow)
{
    struct flow_set *rest = flow_set_create();
    const void *but[2] = { flow, rest };

    flow_set_for_each(b->flows, keep_but, but);
    flow_set_destroy(b->flows);
    b->flows = rest;
}

static void
apply(struct bridge *b, const struct fh_change *change)
{
    struct flow_client_info info;
    char text[FH_ADDR_STRLEN];

    if (flow_client_read(&change->flow, &info)) {
        say(b->rig, "%s %s %s port %u", b->name,
            change->op == FH_CHANGE_DELETE ? "deletes" : "adds",
            fh_addr_format(info.address, text), info.port);
    }
    if (change->op == FH_CHANGE_DELETE) {
        delete_flow(b, &change->flow);
    } else {
        flow_set_put(b->flows, &change->flow);
    }
}

static void
arrive(struct bridge *b, uint32_t port, int64_t after_ms, struct eth_addr dst,
       const struct fh_vlan *vlan, const struct arp *arp)
{
    struct rig *rig = b->rig;
    struct arrival *a = &rig->arrivals[rig->n_arrivals++];

    assert_true(rig->n_arrivals < MAX_FRAMES);
    a->bridge = b;
    a->port = port;
    a->len = arp_build(a->data, dst, vlan, arp);
    a->at_us = rig->now_us + 1000 * after_ms;
}

/* A bridge answers a beacon by itself, whoever controls it. */
static void
let_bridge_answer(struct bridge *b, uint32_t port, struct eth_addr dst,
                  const struct fh_vlan *vlan, const struct arp *arp)
{
    struct bridge *other = &b->rig->bridges[b == b->rig->bridges];
    struct eth_addr mac = { .ea = { 2, 0, 0, 0, 0,
                                    (uint8_t) other->dpid } };
    const struct arp reply = { .op = ARP_OP_REPLY, .sha = dst,
                               .spa = arp->tpa, .tha = arp->tha,
                               .tpa = arp->spa };

    if (!other->dead && fh_mac_equal(dst, fh_mac_of_beacons(mac))) {
        arrive(b, port, ANSWER_MS, arp->sha, vlan, &reply);
    }
}

/* Whoever has that address answers. */
static void
let_answer(struct bridge *b, uint32_t port, const struct fh_vlan *vlan,
           const struct arp *arp)
{
    struct rig *rig = b->rig;
    struct arp reply = { .op = ARP_OP_REPLY, .spa = arp->tpa,
                         .tha = arp->sha, .tpa = arp->spa };
    static const struct eth_addr core = { .ea = { 2, 0, 0, 0, 0, 1 } };

    if (port == RIG_UPLINK && !b->core_silent
        && fh_addr_equal(arp->tpa, to_addr("192.0.2.1"))) {
        reply.sha = core;
        arrive(b, port, ANSWER_MS, arp->sha, vlan, &reply);
    }
    for (size_t i = 0; port == RIG_ACCESS && i < rig->n_hosts; i++) {
        const struct host *h = &rig->hosts[i];

        if (fh_addr_equal(h->addr, arp->tpa) && !b->dead
            && !h->silent[b - rig->bridges]) {
            reply.sha = h->mac;
            arrive(b, port, rig->hosts_take_ms, arp->sha, vlan, &reply);
        }
    }
}

static bool
is_probe(const struct arp *arp)
{
    return arp->op == ARP_OP_REQUEST
           && (fh_addr_is_zero(arp->spa)
               || fh_addr_equal(arp->spa, to_addr("10.0.0.2"))
               || fh_addr_equal(arp->spa, to_addr("10.0.0.3"))
               || fh_addr_equal(arp->tpa, to_addr("192.0.2.1")));
}

static void
say_arp(struct bridge *b, uint32_t port, struct eth_addr dst,
        const struct arp *arp)
{
    char spa[FH_ADDR_STRLEN], tpa[FH_ADDR_STRLEN], mac[FH_MAC_STRLEN];

    if (arp->op == ARP_OP_REPLY) {
        say(b->rig, "%s answers %s for %s to %s port %u", b->name,
            fh_addr_format(arp->tpa, tpa), fh_addr_format(arp->spa, spa),
            fh_mac_format(dst, mac), port);
    } else if (!is_probe(arp)) {
        say(b->rig, "%s tells %s that it has %s port %u", b->name,
            fh_addr_format(arp->tpa, tpa), fh_addr_format(arp->spa, spa),
            port);
    }
}

static void
put_frame(struct bridge *b, uint32_t port, const uint8_t *data, size_t len)
{
    struct frame frame;
    struct arp arp;

    assert_int_equal(frame_parse(data, len, &frame), FRAME_OK);
    if (frame.eth_type == ETHERTYPE_ARP && !arp_parse(&frame, &arp)) {
        say_arp(b, port, frame.dst, &arp);
        let_answer(b, port, &frame.vlan, &arp);
    } else {
        say(b->rig, "%s sends a packet by port %u", b->name, port);
    }
}

static void
put_arp(struct bridge *bridge, const struct arpq_item *item)
{
    const struct eth_addr a = { .ea = { 2, 0, 0, 0, 0, 0xa } };
    const struct eth_addr b = { .ea = { 2, 0, 0, 0, 0, 0xb } };
    const struct arp *arp = &item->arp;

    if (fh_mac_equal(arp->sha, fh_mac_of_beacons(a))
        || fh_mac_equal(arp->sha, fh_mac_of_beacons(b))) {
        if (!bridge->dead) {
            let_bridge_answer(bridge, item->port, item->dst, &item->vlan,
                              arp);
        }
        return;
    }
    say_arp(bridge, item->port, item->dst, arp);
    if (arp->op == ARP_OP_REQUEST) {
        let_answer(bridge, item->port, &item->vlan, arp);
    }
}

static void
step(struct bridge *b, struct engine_event event)
{
    event.box = b->box;
    engine_step(b->rig->engine, &event);
}

static void
tell_meters(struct bridge *b)
{
    struct fh_meter meter = { FLOW_METER_REPLIES(RIG_ACCESS), 1, 1 };

    if (b->meddled) {
        step(b, (struct engine_event) {
            ENGINE_BRIDGE_METERS, .u.meters = { &meter, 1 },
        });
    }
}

static void
do_order(struct bridge *b, const struct outbox_order *order,
         const uint8_t *bytes)
{
    struct fh_change change;

    switch (order->type) {
    case OUTBOX_FRAME:
        put_frame(b, order->port, bytes, order->len);
        break;
    case OUTBOX_CHANGE:
        memcpy(&change, bytes, sizeof change);
        apply(b, &change);
        break;
    case OUTBOX_ASK_METERS:
        tell_meters(b);
        break;
    case OUTBOX_RENEWAL: case OUTBOX_METERS:
        break;
    }
}

/* Whatever is asked of it, it has come to. */
static void
pass(struct outbox_fence *fence)
{
    if (outbox_fence_is_due(fence)) {
        outbox_fence_sent(fence, 0);
        outbox_fence_returned(fence);
    }
}

/* Does what is in the out-box.  What it says of it meanwhile may fill that
 * anew. */
static void
empty(struct bridge *b)
{
    struct outbox *box = b->box;

    for (size_t i = 0; i < box->n_orders; i++) {
        const struct outbox_order order = box->orders[i];
        uint8_t *bytes = fh_xmemdup(box->data.data + order.at, order.len + 1);

        do_order(b, &order, bytes);
        free(bytes);
    }
    for (size_t i = 0; i < box->changes.n; i++) {
        apply(b, &box->changes.items[i]);
    }
    for (size_t i = 0; i < box->n_tokens; i++) {
        await(b, box->tokens[i].token);
    }
    for (size_t i = 0; i < arpq_count(box->arpq); i++) {
        put_arp(b, arpq_get(box->arpq, i));
    }
    pass(&box->fence);
    pass(&box->reading);
    box->n_unfenced = box->n_orders = box->n_tokens = box->n_meters = 0;
    box->urgent = false;
    fh_buf_clear(&box->data);
    fh_changes_clear(&box->changes);
    arpq_clear(box->arpq);
}

/* The engine is told what it holds, and has it changed. */
static void
read_flows(struct bridge *b, bool first)
{
    struct fh_changes changes = { .n = 0 };
    struct flow_set *desired = NULL;

    empty(b);
    step(b, (struct engine_event) {
        ENGINE_BRIDGE_FLOWS, .u.flows = { b->flows, first, &desired },
    });
    flow_diff(desired, b->flows, &changes);
    flow_set_destroy(desired);
    for (size_t i = 0; i < changes.n; i++) {
        apply(b, &changes.items[i]);
    }
    fh_changes_destroy(&changes);
    b->serves = true;
    step(b, (struct engine_event) { ENGINE_BRIDGE_READ, .u.first = first });
}

static void
tell_ports(struct bridge *b, enum engine_event_type type,
           const struct of_port *changed)
{
    step(b, (struct engine_event) {
        type, .u.ports = { b->ports, 3, changed, false, "1.4" },
    });
}

static void
go_down(struct bridge *b, const char *reason)
{
    b->connected = b->serves = false;
    b->n_tokens = 0;
    outbox_clear(b->box);
    step(b, (struct engine_event) { ENGINE_BRIDGE_DOWN, .u.reason = reason });
}

/* What it asks of its host. */

static const struct store_state *
kept(void *rig_)
{
    struct rig *rig = rig_;

    return &rig->kept;
}

static int
keep(void *rig_, const struct store_change *change)
{
    struct rig *rig = rig_;

    if (rig->keep_error) {
        return rig->keep_error;
    }
    if (change->type == STORE_SET_HOLDERS) {
        rig->kept.holders = rig->holders;
        rig->kept.n_holders = change->n;
        for (size_t i = 0; i < change->n; i++) {
            free(rig->holders[i]);
            rig->holders[i] = fh_xstrdup(change->names[i]);
        }
    }
    return 0;
}

static char *
follow(void *rig, const struct config *now, const struct config *old)
{
    return NULL;
}

/* What it wants done. */

static void
told(struct rig *rig, struct fh_addr address, uint32_t decision)
{
    engine_step(rig->engine, &(struct engine_event) {
        ENGINE_TOLD, .u.client = { address,
                                   engine_segment(rig->engine, 0)->id,
                                   decision },
    });
}

static void
announce(struct rig *rig, const struct fh_route *route, enum fh_route_how how)
{
    char text[FH_ADDR_STRLEN];

    say(rig, "route %s by %c", fh_addr_format(route->client, text),
        (char) ('A' + route->dpid - 10));
    if (!rig->core_waits && how == UPSTREAM_MOVED) {
        told(rig, route->client, route->decision);
    }
}

static void
withdraw(struct rig *rig, const struct fh_route *route)
{
    char text[FH_ADDR_STRLEN];

    say(rig, "no route %s", fh_addr_format(route->client, text));
}

static struct bridge *
bridge_of(struct rig *rig, const struct outbox *box)
{
    return &rig->bridges[box->dpid - 10];
}

static void
close_bridge(struct bridge *b, struct outbox *box)
{
    outbox_destroy(box);
    b->box = NULL;
    b->serves = false;
    b->n_tokens = 0;
}

static void
do_act(struct rig *rig, const struct engine_act *act)
{
    switch (act->type) {
    case ENGINE_OPEN: case ENGINE_RENEW:
        bridge_of(rig, act->u.box)->box = act->u.box;
        break;
    case ENGINE_READ:
        if (bridge_of(rig, act->u.box)->connected) {
            tell_ports(bridge_of(rig, act->u.box), ENGINE_BRIDGE_UP, NULL);
            read_flows(bridge_of(rig, act->u.box), true);
        }
        break;
    case ENGINE_READ_AGAIN:
        if (bridge_of(rig, act->u.box)->serves) {
            read_flows(bridge_of(rig, act->u.box), false);
        }
        break;
    case ENGINE_DROP:
        go_down(bridge_of(rig, act->u.drop.box), act->u.drop.reason);
        break;
    case ENGINE_CLOSE:
        close_bridge(bridge_of(rig, act->u.box), act->u.box);
        break;
    case ENGINE_UNDIAL:
        free(act->u.target);
        break;
    case ENGINE_ANNOUNCE:
        announce(rig, &act->u.core.route, act->u.core.how);
        break;
    case ENGINE_WITHDRAW:
        withdraw(rig, &act->u.core.route);
        break;
    case ENGINE_RETIRE:
        config_destroy(act->u.retired);
        break;
    case ENGINE_OFFER: case ENGINE_LOOK: case ENGINE_CONFIGURED:
        break;
    }
}

static void
do_acts(struct rig *rig)
{
    struct engine_act act;

    while (engine_take_act(rig->engine, &act)) {
        do_act(rig, &act);
    }
}

static void
set_time(struct rig *rig)
{
    engine_set_time(rig->engine, rig->now_us, rig->now_us + UNIX_OFF_US);
}

/* Turns. */

static void
say_events(struct rig *rig)
{
    struct journal *journal = engine_journal(rig->engine);
    const struct incident *e;

    while ((e = journal_after(journal, rig->seen))) {
        char client[FH_ADDR_STRLEN];

        rig->seen = e->seq;
        say(rig, "event %s%s%s", incident_type_name(e->type),
            fh_addr_is_zero(e->client) ? "" : " ",
            fh_addr_is_zero(e->client) ? ""
            : fh_addr_format(e->client, client));
    }
}

static bool
confirm(struct bridge *b)
{
    uint64_t *tokens = b->tokens;
    size_t n = b->n_tokens;

    if (b->held || !n) {
        return false;
    }
    b->tokens = NULL;
    b->n_tokens = b->cap_tokens = 0;
    for (size_t i = 0; i < n; i++) {
        step(b, (struct engine_event) {
            ENGINE_BRIDGE_CONFIRMED,
            .u.confirmed = { tokens[i], true, b->serves },
        });
    }
    free(tokens);
    return true;
}

static void
end_turn(struct rig *rig)
{
    struct engine *en = rig->engine;
    bool again;

    do {
        do_acts(rig);
        engine_step(en, &(struct engine_event) { ENGINE_DUE });
        do_acts(rig);
        for (size_t i = 0; i < N_BRIDGES; i++) {
            if (rig->bridges[i].box) {
                empty(&rig->bridges[i]);
            }
        }
        again = false;
        for (size_t i = 0; i < N_BRIDGES; i++) {
            again = confirm(&rig->bridges[i]) || again;
        }
    } while (again || engine_next_ms(en) <= rig->now_us / 1000);
    say_events(rig);
}

/* What has been answered arrives, a millisecond or more later. */
static void
deliver(struct rig *rig)
{
    struct arrival *arrivals = rig->arrivals;
    size_t n = rig->n_arrivals;

    rig->arrivals = fh_xcalloc(MAX_FRAMES, sizeof *rig->arrivals);
    rig->n_arrivals = 0;
    for (size_t i = 0; i < n; i++) {
        const struct arrival *a = &arrivals[i];

        if (a->at_us > rig->now_us) {
            rig->arrivals[rig->n_arrivals++] = *a;
        } else {
            rig_frame(rig, a->bridge->name, a->port, 0, a->data, a->len);
        }
    }
    free(arrivals);
}

void
rig_run(struct rig *rig, int64_t ms)
{
    while (ms-- > 0) {
        rig->now_us += 1000;
        set_time(rig);
        deliver(rig);
        end_turn(rig);
    }
}

/* Life. */

static void
start(struct rig *rig, const char *segment)
{
    const struct engine_host host = {
        .kept = kept, .keep = keep, .listen = follow, .aux = rig,
        .drivers[UPSTREAM_ARP] = { .is_there = true },
    };
    char *error = NULL;

    rig->engine = engine_create(make_config(segment), &host, rig->now_us,
                                rig->now_us + UNIX_OFF_US, &error);
    assert_non_null(rig->engine);
    rig->seen = 0;
    end_turn(rig);
}

struct rig *
rig_create(const char *segment)
{
    static const char *const names[3] = { "access", "other", "uplink" };
    static const uint32_t numbers[3] = { RIG_ACCESS, RIG_OTHER_ACCESS,
                                         RIG_UPLINK };
    struct rig *rig = fh_xcalloc(1, sizeof *rig);

    log_set_level(LOG_LVL_ERR);
    rig->now_us = START_MS * INT64_C(1000);
    rig->hosts_take_ms = ANSWER_MS;
    rig->arrivals = fh_xcalloc(MAX_FRAMES, sizeof *rig->arrivals);
    for (size_t i = 0; i < N_BRIDGES; i++) {
        struct bridge *b = &rig->bridges[i];

        b->rig = rig;
        b->name[0] = (char) ('A' + i);
        b->dpid = 10 + i;
        b->flows = flow_set_create();
        for (size_t j = 0; j < 3; j++) {
            snprintf(b->ports[j].name, sizeof b->ports[j].name, "%s",
                     names[j]);
            b->ports[j].number = numbers[j];
            b->ports[j].up = true;
        }
    }
    start(rig, segment);
    return rig;
}

static void
stop(struct rig *rig)
{
    engine_stop(rig->engine);
    do_acts(rig);
    engine_destroy(rig->engine);
    rig->n_arrivals = 0;
}

void
rig_destroy(struct rig *rig)
{
    stop(rig);
    for (size_t i = 0; i < N_BRIDGES; i++) {
        flow_set_destroy(rig->bridges[i].flows);
        free(rig->bridges[i].tokens);
        free(rig->holders[i]);
    }
    free(rig->arrivals);
    fh_buf_destroy(&rig->said);
    fh_buf_destroy(&rig->last);
    free(rig);
}

void
rig_restart(struct rig *rig)
{
    stop(rig);
    for (size_t i = 0; i < N_BRIDGES; i++) {
        rig->bridges[i].connected = false;
    }
    start(rig, NULL);
}

void
rig_hold_core(struct rig *rig)
{
    rig->core_waits = true;
}

void
rig_tell_core(struct rig *rig, const char *address, uint32_t decision)
{
    told(rig, to_addr(address), decision);
    end_turn(rig);
}

void
rig_fail_to_keep(struct rig *rig, int error)
{
    rig->keep_error = error;
}

struct engine *
rig_engine(struct rig *rig)
{
    return rig->engine;
}

void
rig_reload(struct rig *rig, const char *segment)
{
    assert_null(engine_apply(rig->engine, make_config(segment), false));
    end_turn(rig);
}

/* Bridges. */

void
rig_connect(struct rig *rig, const char *name)
{
    struct bridge *b = find_bridge(rig, name);

    b->connected = true;
    tell_ports(b, ENGINE_BRIDGE_UP, NULL);
    read_flows(b, true);
    end_turn(rig);
}

void
rig_disconnect(struct rig *rig, const char *name)
{
    go_down(find_bridge(rig, name), "test");
    end_turn(rig);
}

void
rig_set_port_up(struct rig *rig, const char *name, uint32_t port, bool up)
{
    struct bridge *b = find_bridge(rig, name);

    for (size_t i = 0; i < 3; i++) {
        if (b->ports[i].number == port) {
            b->ports[i].up = up;
            tell_ports(b, ENGINE_BRIDGE_PORTS, &b->ports[i]);
        }
    }
    end_turn(rig);
}

void
rig_hold(struct rig *rig, const char *name, bool held)
{
    find_bridge(rig, name)->held = held;
    end_turn(rig);
}

void
rig_kill(struct rig *rig, const char *name)
{
    find_bridge(rig, name)->dead = true;
}

void
rig_meddle(struct rig *rig, const char *name)
{
    find_bridge(rig, name)->meddled = true;
}

void
rig_silence_core(struct rig *rig, const char *name)
{
    find_bridge(rig, name)->core_silent = true;
}

struct count {
    struct fh_addr addr;
    size_t n;
};

static void
count(const struct fh_flow *flow, void *count_)
{
    struct count *c = count_;
    struct flow_client_info info;

    c->n += (flow_client_read(flow, &info)
             && fh_addr_equal(info.address, c->addr));
}

size_t
rig_held(struct rig *rig, const char *name, const char *address)
{
    struct count c = { to_addr(address), 0 };

    flow_set_for_each(find_bridge(rig, name)->flows, count, &c);
    return c.n;
}

size_t
rig_count_flows(struct rig *rig, const char *name)
{
    return flow_set_count(find_bridge(rig, name)->flows);
}

struct search {
    const char *text;
    bool found;
    struct fh_flow flow;        /* If 'found'. */
};

static void
look_for(const struct fh_flow *flow, void *search_)
{
    struct search *search = search_;
    char *text = fh_flow_format(flow);

    if (strstr(text, search->text)) {
        search->found = true;
        search->flow = *flow;
    }
    free(text);
}

bool
rig_holds(struct rig *rig, const char *name, const char *text)
{
    struct search search = { .text = text };

    flow_set_for_each(find_bridge(rig, name)->flows, look_for, &search);
    return search.found;
}

/* Frames and hosts. */

void
rig_frame(struct rig *rig, const char *router, uint32_t port,
          uint64_t metadata, const uint8_t *frame, size_t len)
{
    struct bridge *b = find_bridge(rig, router);
    const struct of_packet_in in = { .frame = frame, .len = len,
                                     .metadata = metadata, .in_port = port };

    if (b->serves) {
        step(b, (struct engine_event) { ENGINE_BRIDGE_FRAME, .u.frame = &in });
    }
    end_turn(rig);
}

void
rig_removed(struct rig *rig, const char *router, const struct fh_flow *flow,
            uint64_t n_packets)
{
    struct bridge *b = find_bridge(rig, router);
    struct fh_flow counted = *flow;

    counted.n_packets = n_packets;
    counted.n_bytes = 100 * n_packets;
    step(b, (struct engine_event) { ENGINE_BRIDGE_REMOVED,
                                    .u.flow = &counted });
    end_turn(rig);
}

struct fh_flow
rig_flow(struct rig *rig, const char *router, const char *text)
{
    struct search search = { .text = text };

    flow_set_for_each(find_bridge(rig, router)->flows, look_for, &search);
    assert_true(search.found);
    return search.flow;
}

void
rig_expire(struct rig *rig, const char *router, const char *text,
           uint64_t n_packets)
{
    struct fh_flow flow = rig_flow(rig, router, text);

    delete_flow(find_bridge(rig, router), &flow);
    rig_removed(rig, router, &flow, n_packets);
}

void
rig_arp(struct rig *rig, const struct rig_arp *a)
{
    const struct arp arp = {
        .op = a->reply ? ARP_OP_REPLY : ARP_OP_REQUEST,
        .sha = to_mac(a->sha), .spa = to_addr(a->spa),
        .tha = to_mac(a->tha), .tpa = to_addr(a->tpa),
    };
    const struct fh_vlan untagged = { .n = 0 };
    uint8_t buf[ARP_FRAME_MAX];
    size_t len = arp_build(buf, (a->to_all || !a->tha ? fh_mac_broadcast()
                                 : arp.tha), &untagged, &arp);

    rig_frame(rig, a->router, a->port, 0, buf, len);
}

void
rig_ask(struct rig *rig, const char *router, const char *address,
        const char *mac)
{
    const struct rig_arp arp = { .router = router, .port = RIG_ACCESS,
                                 .sha = mac, .spa = address,
                                 .tpa = "10.0.0.1" };

    rig_arp(rig, &arp);
}

void
rig_add_host(struct rig *rig, const char *address, const char *mac)
{
    assert_true(rig->n_hosts < MAX_HOSTS);
    rig->hosts[rig->n_hosts++] = (struct host) { to_addr(address),
                                                 to_mac(mac), { false } };
}

void
rig_slow_hosts(struct rig *rig, int64_t ms)
{
    rig->hosts_take_ms = ms;
}

void
rig_silence_host(struct rig *rig, const char *address, const char *router)
{
    struct fh_addr addr = to_addr(address);

    for (size_t i = 0; i < rig->n_hosts; i++) {
        if (fh_addr_equal(rig->hosts[i].addr, addr)) {
            for (size_t j = 0; j < N_BRIDGES; j++) {
                rig->hosts[i].silent[j] = (!router || rig->hosts[i].silent[j]
                                           || j == (size_t) (router[0] - 'A'));
            }
        }
    }
}

/* What came of it. */

const char *
rig_said(struct rig *rig)
{
    struct fh_buf was = rig->last;

    fh_buf_append(&rig->said, "", 1);
    rig->last = rig->said;
    rig->said = was;
    fh_buf_clear(&rig->said);
    return (const char *) rig->last.data;
}

struct client *
rig_client(struct rig *rig, const char *address)
{
    return clients_find(engine_clients(rig->engine), to_addr(address),
                        engine_segment(rig->engine, 0)->id);
}

const char *
rig_active(struct rig *rig, const char *address)
{
    const struct client *c = rig_client(rig, address);

    return (!c || c->active == ELECT_NONE ? "-"
            : c->segment->members[c->active].router->config->name);
}

uint64_t
rig_dropped(struct rig *rig, enum drop why)
{
    return engine_stats(rig->engine)->drops[why];
}

/* What most tests begin and end with. */

struct rig *
rig_create_connected(const char *segment)
{
    struct rig *rig = rig_create(segment);

    rig_connect(rig, "A");
    rig_connect(rig, "B");
    rig_run(rig, 10);
    rig_said(rig);
    return rig;
}

void
rig_serve(struct rig *rig, const char *address, const char *mac)
{
    rig_ask(rig, "A", address, mac);
    rig_run(rig, 50);
    assert_string_equal(rig_active(rig, address), "A");
    rig_audit(rig);
    rig_said(rig);
}

void
rig_audit(struct rig *rig)
{
    char *problem = engine_audit(rig_engine(rig));

    if (problem) {
        fail_msg("%s", problem);
    }
}

void
rig_end(struct rig *rig)
{
    rig_audit(rig);
    rig_destroy(rig);
}
