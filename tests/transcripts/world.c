/* The clock and the bridges.  See world.h. */
#include <config.h>

#include "tests/transcripts/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/base/clock.h"
#include "controller/bridge/ofconn.h"
#include "controller/bridge/ofserver.h"
#include "flows/flow_base.h"
#include "flows/flow_client.h"
#include "tests/bench/oxm.h"
#include "tests/bench/pktout.h"
#include "tests/transcripts/world_private.h"

/* The monotonic clock starts well after 0, and Unix time in 2026 such that
 * decisions count from 10000. */
#define START_MS      INT64_C(1000000)
#define UNIX_START_MS (INT64_C(1767225600000) + 1000000)
#define DECISION_ZERO 10000

struct ofconn {
    struct bridge *bridge;      /* NULL once the bridge has gone. */
    void *owner;
    struct fh_buf tx;
    uint64_t dpid;
    uint32_t last_xid;
    bool taken, ready, monitors;
    char reason[64];            /* Not empty: closed, not yet told. */
};

struct ofserver {
    struct ofserver_cbs cbs;
    void *aux;
};

/* A message on its way to the controller. */
struct delivery {
    struct delivery *next;
    int64_t at_ms;
    struct ofconn *conn;
    size_t len;
    uint8_t data[];
};

static struct {
    int64_t now_ms;
    world_say_cb *say;
    void *say_aux;
    struct event_base *base;
    struct firsthop *fh;
    struct ofserver *server;
    struct bridge bridges[WORLD_MAX_BRIDGES];
    size_t n_bridges;
    struct ofconn *conns[WORLD_MAX_BRIDGES * 2];    /* Closed ones too. */
    size_t n_conns;
    struct delivery *deliveries;    /* By time. */
    char state_dir[32];
} world;

static void drain_all(void);

/* Time. */

static int64_t
world_us(clockid_t clock)
{
    return 1000 * (world.now_ms + (clock == CLOCK_REALTIME ? UNIX_START_MS
                                   : START_MS));
}

int64_t
world_now_ms(void)
{
    return world.now_ms;
}

void
world_say(const char *format, ...)
{
    char line[512];
    va_list args;
    int n;

    if (!world.say) {
        return;
    }
    n = snprintf(line, sizeof line, "%7" PRId64 " ", world.now_ms);
    va_start(args, format);
    vsnprintf(line + n, sizeof line - n, format, args);
    va_end(args);
    world.say(line, world.say_aux);
}

static void
oops(const char *what, const char *name)
{
    fprintf(stderr, "no such %s: %s\n", what, name);
    exit(2);
}

void
world_create(world_say_cb *say, void *aux)
{
    memset(&world, 0, sizeof world);
    world.say = say;
    world.say_aux = aux;
    clock_set_source(world_us);
    world.base = event_base_new();
    strcpy(world.state_dir, say ? "/tmp/transcript.XXXXXX" : "");
    if (!world.base || (say && !mkdtemp(world.state_dir))) {
        perror("transcript");
        exit(2);
    }
}

static void
remove_state(void)
{
    char command[64];

    snprintf(command, sizeof command, "rm -rf '%s'", world.state_dir);
    if (*world.state_dir && system(command)) {
        perror(command);
    }
}

static void
bridge_uninit(struct bridge *b)
{
    flowtab_destroy(b->flows);
    fh_buf_destroy(&b->bundle);
    fh_buf_destroy(&b->held);
}

void
world_destroy(void)
{
    world_stop();
    for (size_t i = 0; i < world.n_bridges; i++) {
        bridge_uninit(&world.bridges[i]);
    }
    hosts_clear();
    event_base_free(world.base);
    world.base = NULL;
    clock_set_source(NULL);
    remove_state();
}

/* The controller's events. */

static void
say_event(const struct incident *e, void *aux)
{
    char client[FH_ADDR_STRLEN] = "", times[96] = "";

    drain_all();
    if (!fh_addr_is_zero(e->client)) {
        fh_addr_format(e->client, client);
    }
    if (e->type == INCIDENT_CLIENT_MOVED
        || e->type == INCIDENT_CLIENT_ELECTED) {
        snprintf(times, sizeof times, " detect=%d install=%d ack=%d",
                 e->detect_ms, e->install_ms, e->ack_ms);
    }
    world_say("event %s%s%s%s%s%s%s%s%s%s%s%s", incident_type_name(e->type),
              client[0] ? " " : "", client,
              e->from[0] ? " from " : "", e->from,
              e->to[0] ? " to " : "", e->to,
              e->cause ? " cause " : "", incident_cause_name(e->cause), times,
              e->detail[0] ? ": " : "", e->detail);
}

static void
flow_added(const struct flow *flow, void *aux)
{
}

static void
flow_removed(const struct flow *flow, int reason, void *aux)
{
}

static const struct flowtab_cbs flowtab_cbs = { flow_added, flow_removed };

static void
bridge_init(struct bridge *b, const struct config_router *router)
{
    snprintf(b->name, sizeof b->name, "%s", router->name);
    b->dpid = router->dpid;
    b->flows = flowtab_create(&flowtab_cbs, NULL);
    for (size_t i = 0; i < router->n_access_ports; i++) {
        struct of_port *port = &b->ports[b->n_ports++];

        port->number = i + 1;
        port->up = true;
        snprintf(port->name, sizeof port->name, "%s",
                 router->access_ports[i]);
    }
    b->uplink = b->ports[b->n_ports].number = WORLD_UPLINK_PORT;
    b->ports[b->n_ports].up = true;
    snprintf(b->ports[b->n_ports++].name, OF_PORT_NAME_LEN, "%s",
             router->uplink.port);
}

/* Bridges of the configuration that are not there yet appear. */
static void
update_bridges(const struct config *config)
{
    for (size_t i = 0; i < config->n_routers; i++) {
        const struct config_router *router = &config->routers[i];
        struct bridge *b = NULL;

        for (size_t j = 0; j < world.n_bridges; j++) {
            if (!strcmp(world.bridges[j].name, router->name)) {
                b = &world.bridges[j];
            }
        }
        if (!b) {
            bridge_init(&world.bridges[world.n_bridges++], router);
        }
    }
}

void
world_start(struct config *config)
{
    struct firsthop_options options = {
        .state_dir = *world.state_dir ? world.state_dir : NULL
    };
    char *error = NULL;

    update_bridges(config);
    world.fh = firsthop_create(world.base, config, &options, &error);
    if (!world.fh) {
        fprintf(stderr, "the controller does not start: %s\n", error);
        exit(2);
    }
    journal_listen(engine_journal(world_engine()), say_event, NULL);
}

static void
conn_free(struct ofconn *conn)
{
    struct delivery **d = &world.deliveries;

    while (*d) {
        struct delivery *next = (*d)->next;

        if ((*d)->conn == conn) {
            free(*d);
            *d = next;
        } else {
            d = &(*d)->next;
        }
    }
    if (conn->bridge) {
        fh_buf_clear(&conn->bridge->held);
        conn->bridge->conn = NULL;
    }
    for (size_t i = 0; i < world.n_conns; i++) {
        if (world.conns[i] == conn) {
            world.conns[i] = world.conns[--world.n_conns];
        }
    }
    fh_buf_destroy(&conn->tx);
    free(conn);
}

void
world_stop(void)
{
    drain_all();
    firsthop_destroy(world.fh);
    world.fh = NULL;
}

struct engine *
world_engine(void)
{
    firsthop_wake(world.fh);
    return firsthop_engine(world.fh);
}

size_t
world_n_bgp_routes(void)
{
    struct api_host host = firsthop_api_host(world.fh);
    struct fh_bgp_status status;

    host.bgp(host.aux, &status);
    return status.n_routes;
}

/* What the controller says, message by message. */

static void
reply(struct bridge *b, const void *data, size_t len, int delay_ms)
{
    struct delivery *d = fh_xmalloc(sizeof *d + len), **p;

    d->at_ms = world.now_ms + delay_ms;
    d->conn = b->conn;
    d->len = len;
    memcpy(d->data, data, len);
    for (p = &world.deliveries; *p && (*p)->at_ms <= d->at_ms;
         p = &(*p)->next) {
        continue;
    }
    d->next = *p;
    *p = d;
}

static void
reply_confirmation(struct bridge *b, const void *data, size_t len)
{
    if (b->hold) {
        fh_buf_append(&b->held, data, len);
    } else {
        reply(b, data, len, 0);
    }
}

static uint32_t
in_port_of(const uint8_t *oxms, size_t len)
{
    const uint8_t *p = oxms;
    struct oxm oxm;

    while (oxm_next(&p, oxms + len, &oxm)) {
        if (oxm.class == 0x8000 && oxm.field == 0) {
            return wire_get32(oxm.value);
        }
    }
    return 0;
}

/* What the flow mod writes to metadata: an instruction, 7.2.4. */
static uint64_t
metadata_of(const uint8_t *fm, size_t len)
{
    for (size_t at = 48 + (wire_get16(fm + 50) + 7) / 8 * 8; at + 8 <= len;
         at += wire_get16(fm + at + 2)) {
        if (wire_get16(fm + at) == 2) {
            return wire_get64(fm + at + 8);
        }
    }
    return 0;
}

struct tally {
    unsigned int adds, deletes;
};

/* 'fm' is a flow mod of 1.4, 7.3.4.1. */
static void
apply_flow_mod(struct bridge *b, const uint8_t *fm, size_t len,
               struct tally *base)
{
    uint64_t cookie = wire_get64(fm + 8);
    bool add = !fm[25];
    const uint8_t *oxms = fm + 52;
    size_t oxms_len = wire_get16(fm + 50) - 4;
    size_t n_before = flowtab_count(b->flows);
    char addr[FH_ADDR_STRLEN];

    if (flowtab_apply(b->flows, fm, len, 0)) {
        world_say("%s cannot read a flow mod", b->name);
    }

    if (fh_cookie_kind(cookie) == FH_KIND_CLIENT) {
        struct fh_addr host = { htonl(oxm_ip_host(oxms, oxms_len)) };

        fh_addr_format(host, addr);
        if (fm[24] == FH_TABLE_SOURCE && add) {
            world_say("%s adds source %s port %u decision %d", b->name, addr,
                      in_port_of(oxms, oxms_len),
                      (int) fh_cookie_decision(cookie) - DECISION_ZERO);
        } else if (fm[24] == FH_TABLE_SOURCE) {
            world_say("%s deletes source %s port %u", b->name, addr,
                      in_port_of(oxms, oxms_len));
        } else if (add && metadata_of(fm, len) & FLOW_META_SILENT) {
            world_say("%s %s %s", b->name,
                      flowtab_count(b->flows) > n_before ? "adds silent route"
                      : "silences", addr);
        } else {
            world_say("%s %s route %s", b->name, add ? "adds" : "deletes",
                      addr);
        }
    } else if (fh_cookie_kind(cookie) == FH_KIND_UPLINK) {
        world_say("%s %s uplink", b->name, add ? "adds" : "deletes");
    } else if (fh_cookie_kind(cookie) == FH_KIND_STALE) {
        return;                 /* A question of stale.c's is taken back. */
    } else if (add) {
        base->adds++;
    } else {
        base->deletes++;
    }
}

static void
apply_bundle(struct bridge *b)
{
    bool was_empty = !flowtab_count(b->flows);
    struct tally base = { 0, 0 };

    for (size_t at = 0; at < b->bundle.len; ) {
        size_t n = wire_get16(b->bundle.data + at + 2);

        apply_flow_mod(b, b->bundle.data + at, n, &base);
        at += n;
    }
    if (was_empty && base.adds) {
        world_say("%s base", b->name);      /* How many is not the point. */
    } else if (base.adds || base.deletes) {
        world_say("%s base +%u -%u", b->name, base.adds, base.deletes);
    }
}

/* An error about 'msg', 7.5.4. */
static void
build_error(const uint8_t *msg, uint16_t type, uint16_t code,
            uint8_t error[20])
{
    memset(error, 0, 20);
    error[0] = OFP14_VERSION;
    error[1] = OFPT_ERROR;
    wire_put16(error + 2, 20);
    memcpy(error + 4, msg + 4, 4);
    wire_put16(error + 8, type);
    wire_put16(error + 10, code);
    memcpy(error + 12, msg, 8);
}

static void
bundle_control(struct bridge *b, const uint8_t *msg)
{
    uint16_t type = wire_get16(msg + 12);
    uint8_t answer[16];

    memcpy(answer, msg, sizeof answer);
    wire_put16(answer + 2, sizeof answer);
    wire_put16(answer + 12, type + 1);
    if (type == OFPBCT_OPEN_REQUEST) {
        fh_buf_clear(&b->bundle);
    } else if (b->refuse) {
        uint8_t error[20];

        world_say("%s refuses a bundle", b->name);
        build_error(msg, 17, 13, error);    /* OFPBFC_MSG_FAILED */
        reply_confirmation(b, error, sizeof error);
        return;
    } else {
        apply_bundle(b);
    }
    reply_confirmation(b, answer, sizeof answer);
}

static void
no_room(void *aux)
{
    oops("room for so many flows in bridge", aux);
}

/* A flow-stats reply of the flows that '*request' asks for, or all of ours
 * where it is NULL. */
static void
build_flow_stats(const struct bridge *b, const uint8_t *request,
                 struct fh_buf *out)
{
    const struct flowtab_query query = {
        .cookie = request ? wire_get64(request + 32) : FH_COOKIE_OURS,
        .mask = request ? wire_get64(request + 40) : FH_COOKIE_OURS_MASK,
        .table = request ? request[16] : OFPTT_ALL,
        .match = request ? request + 52 : NULL,
        .match_len = request ? wire_get16(request + 50) - 4 : 0,
    };
    uint8_t *head = fh_buf_put(out, 16);

    memset(head, 0, 16);
    head[0] = OFP14_VERSION;
    head[1] = OFPT_MULTIPART_REPLY;
    if (request) {
        memcpy(head + 4, request + 4, 4);
    }
    wire_put16(head + 8, OFPMP_FLOW);
    flowtab_dump(b->flows, OFP14_VERSION, &query, 0, out, no_room,
                 (void *) b->name);
    wire_put16(out->data + 2, out->len);
}

static void
list_flows(struct bridge *b, const uint8_t *request)
{
    struct fh_buf stats = { 0 };
    uint8_t error[20];

    if (b->hide) {
        build_error(request, 1, 5, error);  /* OFPBRC_EPERM */
        reply(b, error, sizeof error, 0);
        return;
    }
    build_flow_stats(b, request, &stats);
    reply(b, stats.data, stats.len, 0);
    fh_buf_destroy(&stats);
}

/* The port whose replies a meter is for, 0: all; UINT32_MAX for requests,
 * which nobody floods here. */
static uint32_t
port_of_meter(uint32_t meter)
{
    for (uint32_t port = 1; port <= WORLD_UPLINK_PORT; port++) {
        if (meter == FLOW_METER_REPLIES(port)) {
            return port;
        } else if (meter == FLOW_METER_REQUESTS(port)
                   || meter == FLOW_METER_BEACONS(port)) {
            return UINT32_MAX;
        }
    }
    if (meter != FH_METER_CONTROLLER) {
        world_say("somebody reads meter %" PRIu32, meter);
    }
    return 0;
}

static void
refuse_meter(struct bridge *b, const uint8_t *msg)
{
    uint8_t error[20];

    build_error(msg, 12, 2, error);     /* OFPMMFC_INVALID_METER */
    reply(b, error, sizeof error, 0);
}

static void
tell_meter(struct bridge *b, const uint8_t *request)
{
    uint8_t answer[16 + 56] = { OFP14_VERSION, OFPT_MULTIPART_REPLY };
    uint32_t meter = wire_get32(request + 16);
    uint32_t port = port_of_meter(meter);

    if (b->hide_meters
        || (b->no_punt_meter && meter == FH_METER_CONTROLLER)) {
        refuse_meter(b, request);
        return;
    }
    if (port != UINT32_MAX) {
        b->drops[port] += b->flooded[port] ? 1000 : 0;
        wire_put64(answer + 56, b->drops[port]);
    }
    wire_put16(answer + 2, sizeof answer);
    memcpy(answer + 4, request + 4, 4);
    wire_put16(answer + 8, OFPMP_METER);
    wire_put32(answer + 16, meter);
    wire_put16(answer + 20, 56);
    reply(b, answer, sizeof answer, 0);
}

static void
sent_output(uint32_t port, uint32_t in_port, const uint8_t *frame, size_t len,
            void *bridge)
{
    hosts_receive(bridge, port, frame, len);
}

static void
packet_out(struct bridge *b, const uint8_t *msg, size_t len)
{
    uint8_t *copy = fh_xmemdup(msg, len);

    if (pktout_run(copy, len, sent_output, b) < 0) {
        world_say("%s cannot read a packet-out", b->name);
    }
    free(copy);
}

static void
simple_reply(struct bridge *b, const uint8_t *msg, uint8_t type)
{
    uint8_t answer[8];

    memcpy(answer, msg, sizeof answer);
    answer[1] = type;
    wire_put16(answer + 2, sizeof answer);
    if (type == OFPT_BARRIER_REPLY) {
        reply_confirmation(b, answer, sizeof answer);
    } else {
        reply(b, answer, sizeof answer, 0);
    }
}

static void
receive(struct bridge *b, const uint8_t *msg, size_t len)
{
    if (b->dark) {
        return;
    }
    b->n_messages += msg[1] != OFPT_PACKET_OUT && msg[1] != OFPT_ECHO_REQUEST;
    switch (msg[1]) {
    case OFPT_ECHO_REQUEST:
        if (!b->stall) {
            simple_reply(b, msg, OFPT_ECHO_REPLY);
        }
        break;
    case OFPT_BARRIER_REQUEST:
        simple_reply(b, msg, OFPT_BARRIER_REPLY);
        break;
    case OFPT_BUNDLE_CONTROL:
        bundle_control(b, msg);
        break;
    case OFPT_BUNDLE_ADD_MESSAGE:
        fh_buf_append(&b->bundle, msg + 16, wire_get16(msg + 18));
        break;
    case OFPT_MULTIPART_REQUEST:
        if (wire_get16(msg + 8) == OFPMP_METER) {
            tell_meter(b, msg);
        } else if (wire_get16(msg + 8) == OFPMP_FLOW) {
            list_flows(b, msg);
        }
        break;
    case OFPT_PACKET_OUT:
        packet_out(b, msg, len);
        break;
    case OFPT_METER_MOD:        /* 7.3.4.5: command, flags, meter. */
        if (b->no_punt_meter && wire_get32(msg + 12) == FH_METER_CONTROLLER) {
            refuse_meter(b, msg);
        }
        break;
    case OFPT_FLOW_MOD:         /* A question of stale.c's. */
        break;
    default:
        world_say("%s is sent a message of type %u", b->name, msg[1]);
        break;
    }
}

static void
drain(struct ofconn *conn)
{
    struct fh_buf tx = conn->tx;

    memset(&conn->tx, 0, sizeof conn->tx);
    for (size_t at = 0; at < tx.len; ) {
        size_t n = wire_get16(tx.data + at + 2);

        if (conn->bridge) {
            receive(conn->bridge, tx.data + at, n);
        }
        at += n;
    }
    fh_buf_destroy(&tx);
}

static void
drain_all(void)
{
    for (size_t i = 0; i < world.n_bridges; i++) {
        if (world.bridges[i].conn) {
            drain(world.bridges[i].conn);
        }
    }
}

/* What the controller is told. */

static void
deliver(struct delivery *d)
{
    struct of_message msg;
    const char *why;

    if (ofcodec_decode(d->data, d->len, OF_14, &msg, &why)) {
        world_say("the controller cannot read a message: %s", why);
        return;
    }
    world.server->cbs.message(d->conn, &msg, world.server->aux);
    of_message_uninit(&msg);
}

/* One thing that is due.  Returns false if nothing is. */
static bool
do_one(void)
{
    struct delivery *d = world.deliveries;

    for (size_t i = 0; i < world.n_conns; i++) {
        struct ofconn *conn = world.conns[i];

        if (conn->reason[0]) {
            world.server->cbs.closed(conn, conn->reason, world.server->aux);
            conn_free(conn);
            return true;
        }
        if (conn->taken && !conn->ready) {
            conn->ready = true;
            world.server->cbs.ready(conn, world.server->aux);
            return true;
        }
    }
    if (d && d->at_ms <= world.now_ms) {
        world.deliveries = d->next;
        if (!d->conn->reason[0]) {
            deliver(d);
        }
        free(d);
        return true;
    }
    return false;
}

void
world_settle(void)
{
    int n = 0;

    if (!world.fh) {
        return;
    }
    do {
        drain_all();
        world.server->cbs.idle(world.server->aux);
        drain_all();
        if (++n > 10000) {
            oops("end to what happens at this time", "");
        }
    } while (do_one());
}

int64_t
world_next_ms(void)
{
    int64_t ms = engine_next_ms(world_engine()) - START_MS;

    return (world.deliveries && world.deliveries->at_ms < ms
            ? world.deliveries->at_ms : ms);
}

void
world_run_to(int64_t ms)
{
    world_settle();
    while (world.now_ms < ms) {
        world.now_ms++;
        world_settle();
    }
}

void
world_leap_to(int64_t ms)
{
    world_settle();
    world.now_ms = ms;
    world_settle();
}

void
bridge_say(struct bridge *b, const void *msg, size_t len)
{
    struct of_message decoded;
    const char *why;

    if (b->conn && !b->dark
        && !ofcodec_decode(msg, len, OF_14, &decoded, &why)) {
        of_message_uninit(&decoded);
        reply(b, msg, len, 0);
    }
}

/* What bridges do. */

struct bridge *
world_bridge(const char *name)
{
    for (size_t i = 0; i < world.n_bridges; i++) {
        if (!strcmp(world.bridges[i].name, name)) {
            return &world.bridges[i];
        }
    }
    oops("bridge", name);
    return NULL;
}

void
bridge_connect(struct bridge *b)
{
    struct ofconn *conn = fh_xcalloc(1, sizeof *conn);

    if (b->conn) {
        b->conn->bridge = NULL;     /* A second connection of its id. */
    }
    fh_buf_clear(&b->held);
    conn->bridge = b;
    conn->dpid = b->dpid;
    b->conn = conn;
    world.conns[world.n_conns++] = conn;
    world.server->cbs.identified(conn, world.server->aux);
}

void
bridge_disconnect(struct bridge *b)
{
    if (b->conn) {
        ofconn_close(b->conn, "the peer closed it");
    }
}

static struct of_port *
find_port(struct bridge *b, const char *name)
{
    for (size_t i = 0; i < b->n_ports; i++) {
        if (!strcmp(b->ports[i].name, name)) {
            return &b->ports[i];
        }
    }
    oops("port", name);
    return NULL;
}

void
bridge_set_port_up(struct bridge *b, const char *name, bool up)
{
    struct of_port *port = find_port(b, name);

    port->up = up;
    world.server->cbs.port(b->conn, port, false, world.server->aux);
}

void
bridge_renumber_port(struct bridge *b, const char *name, uint32_t number)
{
    struct of_port *port = find_port(b, name);
    struct of_port was = *port;

    *port = b->ports[--b->n_ports];
    b->uplink = was.number == b->uplink ? number : b->uplink;
    world.server->cbs.port(b->conn, &was, true, world.server->aux);
    was.number = number;
    b->ports[b->n_ports++] = was;
    world.server->cbs.port(b->conn, &was, false, world.server->aux);
}

void
bridge_hold(struct bridge *b, bool hold)
{
    b->hold = hold;
    for (size_t at = 0; !hold && at < b->held.len; ) {
        size_t n = wire_get16(b->held.data + at + 2);

        reply(b, b->held.data + at, n, 0);
        at += n;
    }
    if (!hold) {
        fh_buf_clear(&b->held);
    }
}

/* One update is as good as many: 7.3.5.17.2. */
void
bridge_wipe(struct bridge *b)
{
    uint8_t msg[40] = { OFP14_VERSION, OFPT_MULTIPART_REPLY };

    flowtab_destroy(b->flows);
    b->flows = flowtab_create(&flowtab_cbs, NULL);
    wire_put16(msg + 2, sizeof msg);
    wire_put16(msg + 8, 16);                    /* OFPMP_FLOW_MONITOR */
    wire_put16(msg + 16, sizeof msg - 16);
    wire_put16(msg + 18, 2);                    /* OFPFME_REMOVED */
    wire_put64(msg + 32, fh_cookie(FH_KIND_BASE, 0));
    if (b->conn) {
        reply(b, msg, sizeof msg, 0);
    }
}

void
bridge_refuse(struct bridge *b, bool refuse)
{
    b->refuse = refuse;
}

void
world_core_answers(struct bridge *b, bool answers)
{
    for (size_t i = 0; i < world.n_bridges; i++) {
        if (!b || b == &world.bridges[i]) {
            world.bridges[i].core_silent = !answers;
        }
    }
}

void
bridge_hide_flows(struct bridge *b, bool hide)
{
    b->hide = hide;
}

void
bridge_hide_meters(struct bridge *b, bool hide)
{
    b->hide_meters = hide;
}

void
bridge_refuse_punt_meter(struct bridge *b)
{
    b->no_punt_meter = true;
}

void
bridge_flood(struct bridge *b, uint32_t port, bool flood)
{
    if (port > WORLD_UPLINK_PORT) {
        oops("port in bridge", b->name);
    }
    b->flooded[port] = flood;
}

void
bridge_stall(struct bridge *b, bool stall)
{
    b->stall = stall;
}

void
bridge_power(struct bridge *b, bool on)
{
    b->dark = !on;
}

struct bridge *
world_bridge_at(size_t i)
{
    return i < world.n_bridges ? &world.bridges[i] : NULL;
}

void
world_set_path(struct bridge *a, struct bridge *b, bool core, bool works)
{
    uint8_t to_b = 1 << (b - world.bridges), to_a = 1 << (a - world.bridges);

    a->cut[core] = works ? a->cut[core] & ~to_b : a->cut[core] | to_b;
    b->cut[core] = works ? b->cut[core] & ~to_a : b->cut[core] | to_a;
}

bool
world_path_works(const struct bridge *a, const struct bridge *b, bool core)
{
    return !a->dark && !b->dark
           && !(a->cut[core] & 1 << (b - world.bridges));
}

bool
bridge_port_is_up(const struct bridge *b, uint32_t number)
{
    for (size_t i = 0; i < b->n_ports; i++) {
        if (b->ports[i].number == number) {
            return b->ports[i].up;
        }
    }
    return false;
}

/* Of a peer router: its answers to beacons have a meter of their own. */
static bool
is_router_mac(struct eth_addr mac)
{
    const struct config *config = engine_config(world_engine());

    for (size_t i = 0; i < config->n_routers; i++) {
        if (fh_mac_equal(fh_mac_of_beacons(config->routers[i].mac), mac)) {
            return true;
        }
    }
    return false;
}

/* Does a meter drop it? */
static bool
is_dropped(struct bridge *b, uint32_t port, const uint8_t *data, size_t len)
{
    struct frame frame;
    struct arp arp;

    if (b->flooded[0]) {
        b->drops[0]++;
        return true;
    }
    if (b->flooded[port] && !frame_parse(data, len, &frame)
        && !arp_parse(&frame, &arp) && arp.op == ARP_OP_REPLY
        && !is_router_mac(arp.sha)) {
        b->drops[port]++;
        return true;
    }
    return false;
}

void
bridge_punt(struct bridge *b, uint32_t port, const uint8_t *frame,
            size_t len, int delay_ms)
{
    uint8_t msg[256] = { OFP14_VERSION, OFPT_PACKET_IN };

    if (!b->conn || b->dark || !bridge_port_is_up(b, port)
        || is_dropped(b, port, frame, len)) {
        return;
    }
    /* Buffer, length, reason, table, cookie, match with in_port, padding. */
    wire_put16(msg + 2, 42 + len);
    wire_put32(msg + 8, UINT32_MAX);
    wire_put16(msg + 12, len);
    msg[14] = 1;
    wire_put64(msg + 16, fh_cookie(FH_KIND_BASE, 0));
    wire_put16(msg + 24, 1);
    wire_put16(msg + 26, 12);
    wire_put32(msg + 28, 0x80000004);
    wire_put32(msg + 32, port);
    memcpy(msg + 42, frame, len);
    reply(b, msg, 42 + len, delay_ms);
}

void
bridge_say_flows(const struct bridge *b)
{
    struct fh_buf stats = { 0 };
    struct of_message msg;
    const char *why;
    size_t n_clients = 0, n_flows = 0;

    build_flow_stats(b, NULL, &stats);
    if (ofcodec_decode(stats.data, stats.len, OF_14, &msg, &why)) {
        oops("way to read flows", why);
    }
    for (size_t i = 0; i < msg.flow_stats.n; i++) {
        const struct fh_flow *flow = &msg.flow_stats.flows[i];
        struct flow_client_info info;
        char addr[FH_ADDR_STRLEN], mac[FH_MAC_STRLEN], vlan[FH_VLAN_STRLEN];
        uint16_t tpid;

        n_flows += fh_cookie_kind(flow->cookie) == FH_KIND_CLIENT;
        if (flow_client_read(flow, &info)) {
            world_say("%s holds %s %s %s port %u decision %d", b->name,
                      fh_addr_format(info.address, addr),
                      fh_mac_format(info.mac, mac),
                      fh_vlan_format(&info.vlan, vlan), info.port,
                      (int) info.decision - DECISION_ZERO);
            n_clients++;
        } else if (flow_client_read_route(flow, &info.address, &tpid)
                   && flow->metadata & FLOW_META_SILENT) {
            world_say("%s answers nobody for %s", b->name,
                      fh_addr_format(info.address, addr));
        }
    }
    if (n_flows != n_clients * FLOW_CLIENT_N) {
        world_say("%s holds %zu flows of %zu clients", b->name, n_flows,
                  n_clients);
    } else if (!n_clients) {
        world_say("%s holds no client", b->name);
    }
    of_message_uninit(&msg);
    fh_buf_destroy(&stats);
}

uint32_t
bridge_holds(const struct bridge *b, struct fh_addr addr)
{
    struct fh_buf stats = { 0 };
    struct of_message msg;
    uint32_t port = 0;
    const char *why;

    build_flow_stats(b, NULL, &stats);
    if (ofcodec_decode(stats.data, stats.len, OF_14, &msg, &why)) {
        oops("way to read flows", why);
    }
    for (size_t i = 0; i < msg.flow_stats.n; i++) {
        struct flow_client_info info;

        if (flow_client_read(&msg.flow_stats.flows[i], &info)
            && fh_addr_equal(info.address, addr)) {
            port = info.port;
        }
    }
    of_message_uninit(&msg);
    fh_buf_destroy(&stats);
    return port;
}

bool
bridge_is_connected(const struct bridge *b)
{
    return b->conn != NULL;
}

void
bridge_say_messages(struct bridge *b)
{
    world_say("%s was sent %u messages", b->name, b->n_messages);
    b->n_messages = 0;
}

void
bridge_say_probes(struct bridge *b)
{
    world_say("%s has sent %u probes", b->name, b->n_probes);
    b->n_probes = 0;
}

/* controller/bridge/ofconn.h */

struct ofserver *
ofserver_create(struct event_base *base, const struct ofserver_config *config,
                const struct ofserver_cbs *cbs, void *aux)
{
    struct ofserver *server = fh_xcalloc(1, sizeof *server);

    server->cbs = *cbs;
    server->aux = aux;
    world.server = server;
    return server;
}

void
ofserver_destroy(struct ofserver *server)
{
    while (world.n_conns) {
        conn_free(world.conns[0]);
    }
    free(server);
    world.server = NULL;
}

void
ofserver_set_tls(struct ofserver *server, struct tls *tls)
{
}

int
ofserver_listen(struct ofserver *server, const char *target, char **errp)
{
    return 0;
}

void
ofserver_unlisten(struct ofserver *server, const char *target)
{
}

bool
ofserver_is_listening(const struct ofserver *server, const char *target)
{
    return true;
}

int
ofserver_dial(struct ofserver *server, const char *target, char **errp)
{
    return 0;
}

void
ofserver_undial(struct ofserver *server, const char *target)
{
}

const char *
ofserver_target_error(const char *target)
{
    return NULL;
}

void
ofserver_for_each(struct ofserver *server,
                  void (*cb)(struct ofconn *, void *aux), void *aux)
{
    for (size_t i = 0; i < world.n_conns; i++) {
        if (!world.conns[i]->reason[0]) {       /* Else it is closed. */
            cb(world.conns[i], aux);
        }
    }
}

void
ofserver_get_counters(const struct ofserver *server,
                      struct fh_openflow_status *counters)
{
    memset(counters, 0, sizeof *counters);
}

void
ofconn_take(struct ofconn *conn)
{
    conn->taken = true;
}

/* There is one controller only, which never follows. */
void
ofconn_follow(struct ofconn *conn)
{
    abort();
}

void
ofconn_monitor_flows(struct ofconn *conn)
{
    if (!conn->monitors) {
        conn->monitors = true;
        ofcodec_put_flow_monitor(&conn->tx, OF_14, ofconn_next_xid(conn));
    }
}

int64_t
ofconn_silence_ms(const struct ofconn *conn, int64_t now_ms)
{
    return 0;
}

void
ofserver_set_generation(struct ofserver *server, uint64_t generation)
{
    abort();
}

uint64_t
ofserver_known_generation(const struct ofserver *server)
{
    return 0;
}

void
ofconn_close(struct ofconn *conn, const char *reason)
{
    snprintf(conn->reason, sizeof conn->reason, "%s", reason);
    if (conn->bridge && conn->bridge->conn == conn) {
        fh_buf_clear(&conn->bridge->held);
        conn->bridge->conn = NULL;
    }
    conn->bridge = NULL;
}

uint64_t
ofconn_dpid(const struct ofconn *conn)
{
    return conn->dpid;
}

int
ofconn_version(const struct ofconn *conn)
{
    return OF_14;
}

const char *
ofconn_version_name(const struct ofconn *conn)
{
    return "1.4";
}

const char *
ofconn_peer_name(const struct ofconn *conn)
{
    return NULL;
}

const char *
ofconn_peer(const struct ofconn *conn)
{
    return "nowhere";
}

bool
ofconn_had_master(const struct ofconn *conn)
{
    return false;
}

bool
ofconn_is_ready(const struct ofconn *conn)
{
    return conn->ready;
}

void *
ofconn_get_aux(const struct ofconn *conn)
{
    return conn->owner;
}

void
ofconn_set_aux(struct ofconn *conn, void *aux)
{
    conn->owner = aux;
}

const struct of_port *
ofconn_ports(const struct ofconn *conn, size_t *n)
{
    *n = conn->bridge ? conn->bridge->n_ports : 0;
    return conn->bridge ? conn->bridge->ports : NULL;
}

const struct of_port *
ofconn_port_by_name(const struct ofconn *conn, const char *name)
{
    size_t n;
    const struct of_port *ports = ofconn_ports(conn, &n);

    for (size_t i = 0; i < n; i++) {
        if (!strcmp(ports[i].name, name)) {
            return &ports[i];
        }
    }
    return NULL;
}

const struct of_port *
ofconn_port_by_number(const struct ofconn *conn, uint32_t number)
{
    size_t n;
    const struct of_port *ports = ofconn_ports(conn, &n);

    for (size_t i = 0; i < n; i++) {
        if (ports[i].number == number) {
            return &ports[i];
        }
    }
    return NULL;
}

struct fh_buf *
ofconn_tx(struct ofconn *conn)
{
    return &conn->tx;
}

uint32_t
ofconn_next_xid(struct ofconn *conn)
{
    return ++conn->last_xid;
}

size_t
ofconn_backlog_bytes(const struct ofconn *conn)
{
    return 0;
}
