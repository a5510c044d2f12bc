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
#include "controller/engine/router_send.h"
#include "flows/flow_base.h"
#include "flows/flow_client.h"

#define N_BRIDGES 2
#define MAX_HOSTS 8
#define MAX_FRAMES 4096
#define START_MS 1000000
#define UNIX_OFF_US INT64_C(1795406400000000)

/* Two bridges, known to the engine by what wire.h says. */
struct bridge {
    struct rig *rig;
    char name[2];
    uint64_t dpid;
    const struct bridge_ops *ops;
    void *owner;
    bool connected, serves, held, core_silent, dead, meddled;
    struct of_port ports[3];
    struct flow_set *flows;
    struct fh_changes changes;
    uint64_t *tokens;
    size_t n_tokens, cap_tokens;
};

struct sender {
    struct bridge *bridge;
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
};

struct rig {
    bool core_waits;            /* Nothing is told at once. */
    int keep_error;             /* 0: what is to be kept is. */
    struct engine *engine;
    int64_t now_us;
    struct bridge bridges[N_BRIDGES];
    struct host hosts[MAX_HOSTS];
    size_t n_hosts;
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

/* What the engine does to a bridge. */

static void
bridge_set_owner(struct bridge *b, const struct bridge_options *options,
                 const struct bridge_ops *ops, void *owner)
{
    b->ops = ops;
    b->owner = owner;
}

static void
bridge_destroy(struct bridge *b)
{
    if (b) {
        b->owner = NULL;
        b->serves = false;
        b->n_tokens = 0;
        fh_changes_clear(&b->changes);
    }
}

static struct fh_changes *
bridge_changes(struct bridge *b)
{
    return &b->changes;
}

static void
bridge_await(struct bridge *b, uint64_t token)
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
bridge_commit(struct bridge *b)
{
    for (size_t i = 0; i < b->changes.n; i++) {
        apply(b, &b->changes.items[i]);
    }
    fh_changes_clear(&b->changes);
}

/* Its owner is told what it holds, and has it changed. */
static void
read_flows(struct bridge *b, bool first)
{
    struct flow_set *desired = b->ops->desired(b->owner, b->flows, first);

    flow_diff(desired, b->flows, &b->changes);
    flow_set_destroy(desired);
    bridge_commit(b);
    b->serves = true;
    if (b->ops->read) {
        b->ops->read(b->owner, first);
    }
}

static void
bridge_read(struct bridge *b)
{
    if (b->connected) {
        read_flows(b, true);
    }
}

static void
bridge_read_again(struct bridge *b)
{
    if (b->serves) {
        read_flows(b, false);
    }
}

static void
bridge_drop(struct bridge *b, const char *reason)
{
    b->connected = b->serves = false;
    b->ops->down(b->owner, reason);
}

static bool
bridge_is_busy(const struct bridge *b)
{
    return b->n_tokens > 0;
}

static bool
bridge_serves(const struct bridge *b)
{
    return b->serves;
}

static const char *
bridge_version_name(const struct bridge *b)
{
    return "1.4";
}

static const struct of_port *
bridge_ports(const struct bridge *b, size_t *n)
{
    *n = b->connected ? 3 : 0;
    return b->ports;
}

/* What it has sent by one. */

static struct sender *
sender_create(const char *name)
{
    return fh_xcalloc(1, sizeof(struct sender));
}

static void
sender_destroy(struct sender *s)
{
    free(s);
}

static void
sender_set_bridge(struct sender *s, struct bridge *b)
{
    s->bridge = b;
}

static void
arrive(struct bridge *b, uint32_t port, struct eth_addr dst,
       const struct fh_vlan *vlan, const struct arp *arp)
{
    struct rig *rig = b->rig;
    struct arrival *a = &rig->arrivals[rig->n_arrivals++];

    assert_true(rig->n_arrivals < MAX_FRAMES);
    a->bridge = b;
    a->port = port;
    a->len = arp_build(a->data, dst, vlan, arp);
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
        arrive(b, port, arp->sha, vlan, &reply);
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
        arrive(b, port, arp->sha, vlan, &reply);
    }
    for (size_t i = 0; port == RIG_ACCESS && i < rig->n_hosts; i++) {
        const struct host *h = &rig->hosts[i];

        if (fh_addr_equal(h->addr, arp->tpa) && !b->dead
            && !h->silent[b - rig->bridges]) {
            reply.sha = h->mac;
            arrive(b, port, arp->sha, vlan, &reply);
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
sender_put_frame(struct sender *s, uint32_t port, const uint8_t *data,
                 size_t len)
{
    struct frame frame;
    struct arp arp;

    assert_int_equal(frame_parse(data, len, &frame), FRAME_OK);
    if (frame.eth_type == ETHERTYPE_ARP && !arp_parse(&frame, &arp)) {
        say_arp(s->bridge, port, frame.dst, &arp);
        let_answer(s->bridge, port, &frame.vlan, &arp);
    } else {
        say(s->bridge->rig, "%s sends a packet by port %u", s->bridge->name,
            port);
    }
}

static void
sender_arp(struct sender *s, enum arpq_class class, uint32_t port,
           struct eth_addr dst, const struct fh_vlan *vlan,
           const struct arp *arp)
{
    const struct eth_addr a = { .ea = { 2, 0, 0, 0, 0, 0xa } };
    const struct eth_addr b = { .ea = { 2, 0, 0, 0, 0, 0xb } };

    if (fh_mac_equal(arp->sha, fh_mac_of_beacons(a))
        || fh_mac_equal(arp->sha, fh_mac_of_beacons(b))) {
        if (!s->bridge->dead) {
            let_bridge_answer(s->bridge, port, dst, vlan, arp);
        }
        return;
    }
    say_arp(s->bridge, port, dst, arp);
    if (arp->op == ARP_OP_REQUEST) {
        let_answer(s->bridge, port, vlan, arp);
    }
}

static void
sender_put_change(struct sender *s, enum fh_change_op op,
                  const struct fh_flow *flow)
{
    const struct fh_change change = { .op = op, .flow = *flow };

    apply(s->bridge, &change);
}

static void
sender_put_renewal(struct sender *s, const struct fh_flow *flow)
{
}

static void
sender_put_meters(struct sender *s, const struct fh_meter *meters, size_t n)
{
}

static void
sender_many(struct sender *s)
{
}

static void
sender_ask_meters(struct sender *s)
{
    struct bridge *b = s->bridge;
    struct fh_meter meter = { FLOW_METER_REPLIES(RIG_ACCESS), 1, 1 };
    const struct of_message msg = {
        .type = OF_METER_CONFIG_REPLY,
        .meter_config = { .meters = &meter, .n = 1 },
    };

    if (b->meddled) {
        b->ops->message(b->owner, &msg);
    }
}

static size_t
sender_flush(struct sender *s)
{
    if (s->bridge) {
        bridge_commit(s->bridge);
    }
    return 0;
}

static uint32_t
sender_number(struct sender *s)
{
    return 1;
}

static bool
sender_has_probe_budget(const struct sender *s)
{
    return true;
}

static uint32_t
sender_done(const struct sender *s)
{
    return 1;
}

static int64_t
sender_fence_sent_us(const struct sender *s)
{
    return 0;
}

static bool
sender_echo_reply(struct sender *s, uint32_t xid, int64_t *took_us)
{
    return false;
}

static uint32_t
sender_read_meter(struct sender *s, uint32_t meter)
{
    return 1;
}

static bool
sender_is_reading(const struct sender *s, uint32_t xid)
{
    return false;
}

static bool
sender_meter_error(struct sender *s, const struct of_message *msg)
{
    return false;
}

static void
sender_forget(struct sender *s)
{
}

static const struct wire_ops wire = {
    .bridge_set_owner = bridge_set_owner,
    .bridge_destroy = bridge_destroy,
    .bridge_changes = bridge_changes,
    .bridge_await = bridge_await,
    .bridge_commit = bridge_commit,
    .bridge_read = bridge_read,
    .bridge_read_again = bridge_read_again,
    .bridge_drop = bridge_drop,
    .bridge_is_busy = bridge_is_busy,
    .bridge_serves = bridge_serves,
    .bridge_version_name = bridge_version_name,
    .bridge_ports = bridge_ports,
    .sender_create = sender_create,
    .sender_destroy = sender_destroy,
    .sender_set_bridge = sender_set_bridge,
    .sender_put_frame = sender_put_frame,
    .sender_put_change = sender_put_change,
    .sender_put_renewal = sender_put_renewal,
    .sender_put_meters = sender_put_meters,
    .sender_ask_meters = sender_ask_meters,
    .sender_arp = sender_arp,
    .sender_many = sender_many,
    .sender_flush = sender_flush,
    .sender_cover = sender_number,
    .sender_probe = sender_number,
    .sender_has_probe_budget = sender_has_probe_budget,
    .sender_fence_done = sender_done,
    .sender_fence_sent_us = sender_fence_sent_us,
    .sender_echo_reply = sender_echo_reply,
    .sender_read_meter = sender_read_meter,
    .sender_read_punts = sender_number,
    .sender_reading_done = sender_done,
    .sender_is_reading = sender_is_reading,
    .sender_meter_error = sender_meter_error,
    .sender_forget = sender_forget,
};

/* What it asks of its host. */

static bool
announce(void *rig_, enum config_upstream upstream,
         const struct fh_route *route, enum fh_route_how how)
{
    struct rig *rig = rig_;
    char text[FH_ADDR_STRLEN];

    say(rig, "route %s by %c", fh_addr_format(route->client, text),
        (char) ('A' + route->dpid - 10));
    return !rig->core_waits;
}

static void
withdraw(void *rig, enum config_upstream upstream,
         const struct fh_route *route)
{
    char text[FH_ADDR_STRLEN];

    say(rig, "no route %s", fh_addr_format(route->client, text));
}

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

static void
configured(void *rig, const struct config *config)
{
}

static void
retire(void *rig, struct config *config)
{
    config_destroy(config);
}

static char *
follow(void *rig, const struct config *now, const struct config *old)
{
    return NULL;
}

static void
undial(void *rig, const char *target)
{
}

static struct bridge *
create_bridge(void *rig_, const struct bridge_options *options,
              const struct bridge_ops *ops, void *owner)
{
    struct rig *rig = rig_;
    struct bridge *b = &rig->bridges[options->dpid - 10];

    b->ops = ops;
    b->owner = owner;
    return b;
}

static void
offer(void *rig)
{
}

static void
tick(void *rig, int64_t now_ms)
{
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
        b->ops->confirmed(b->owner, tokens[i], true);
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
        engine_advance(en);
        for (size_t i = 0; i < engine_n_routers(en); i++) {
            router_flush(engine_router(en, i));
        }
        again = false;
        for (size_t i = 0; i < N_BRIDGES; i++) {
            again = confirm(&rig->bridges[i]) || again;
        }
    } while (again || engine_next_ms(en) <= rig->now_us / 1000);
    say_events(rig);
}

/* What hosts have answered arrives a millisecond later. */
static void
deliver(struct rig *rig)
{
    struct arrival *arrivals = rig->arrivals;
    size_t n = rig->n_arrivals;

    rig->arrivals = fh_xcalloc(MAX_FRAMES, sizeof *rig->arrivals);
    rig->n_arrivals = 0;
    for (size_t i = 0; i < n; i++) {
        rig_frame(rig, arrivals[i].bridge->name, arrivals[i].port, 0,
                  arrivals[i].data, arrivals[i].len);
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
        .announce = announce, .withdraw = withdraw, .kept = kept,
        .keep = keep, .configured = configured, .retire = retire,
        .listen = follow, .undial = undial, .aux = rig, .wire = &wire,
        .create_bridge = create_bridge, .offer = offer, .tick = tick,
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
    engine_destroy(rig->engine);
    rig->n_arrivals = 0;
}

void
rig_destroy(struct rig *rig)
{
    stop(rig);
    for (size_t i = 0; i < N_BRIDGES; i++) {
        flow_set_destroy(rig->bridges[i].flows);
        fh_changes_destroy(&rig->bridges[i].changes);
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
    engine_told(rig->engine, to_addr(address),
                engine_segment(rig->engine, 0)->id, decision);
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
    b->ops->up(b->owner);
    read_flows(b, true);
    end_turn(rig);
}

void
rig_disconnect(struct rig *rig, const char *name)
{
    struct bridge *b = find_bridge(rig, name);

    b->connected = b->serves = false;
    b->n_tokens = 0;
    b->ops->down(b->owner, "test");
    end_turn(rig);
}

void
rig_set_port_up(struct rig *rig, const char *name, uint32_t port, bool up)
{
    struct bridge *b = find_bridge(rig, name);

    for (size_t i = 0; i < 3; i++) {
        if (b->ports[i].number == port) {
            b->ports[i].up = up;
            b->ops->port(b->owner, &b->ports[i], false);
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
    const struct of_message msg = {
        .type = OF_PACKET_IN,
        .packet_in = { .frame = frame, .len = len, .metadata = metadata,
                       .in_port = port },
    };

    if (b->serves) {
        b->ops->message(b->owner, &msg);
    }
    end_turn(rig);
}

void
rig_removed(struct rig *rig, const char *router, const struct fh_flow *flow,
            uint64_t n_packets)
{
    struct bridge *b = find_bridge(rig, router);
    struct of_message msg = { .type = OF_FLOW_REMOVED,
                              .flow_removed.flow = *flow };

    msg.flow_removed.flow.n_packets = n_packets;
    msg.flow_removed.flow.n_bytes = 100 * n_packets;
    b->ops->message(b->owner, &msg);
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
