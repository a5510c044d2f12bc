/* Holds ofcodec, ofxact and ofconn against a real bridge.
 *
 *   ofprobe TARGET VERSION
 *
 * Dials the bridge's own listener, runs through the steps below and writes
 * "ok STEP" for each; at the first that fails it writes "not ok STEP: why"
 * and exits 1.  Then it tells of every change of a port ("port NAME up",
 * "port NAME down") until its input ends.  tests/system/test_bridge.py starts
 * it. */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>
#include "controller/base/log.h"
#include "controller/bridge/ofconn.h"
#include "controller/bridge/ofserver.h"
#include "controller/bridge/ofxact.h"
#include "flows/flow_diff.h"

#define N_CLIENTS 2490
#define METER 5
#define COOKIE fh_cookie(FH_KIND_BASE, 1)
#define METADATA UINT64_C(0x0123456789abcdef)

#define MAC(a, b, c, d, e, f) ((struct eth_addr) { { { a, b, c, d, e, f } } })
#define IP(N) htonl(UINT32_C(0x0a000000) + (N))
#define ALL_ONES htonl(UINT32_MAX)

struct probe {
    struct event_base *base;
    struct ofserver *server;
    struct ofconn *conn;        /* READY, or NULL. */
    struct ofxact *x;
    bool done;                  /* Of a commit or dump. */
    int error;
    struct flow_set *desired, *installed;
    struct of_packet_in pin;    /* The last one; its frame is gone. */
    uint32_t pin_ethertype;
    int n_packet_ins;
    struct of_meter_drops drops;    /* The last that were told. */
    int n_roles_lost;
    bool tell_ports;
};

static const char *step = "start";

static void __attribute__((format(printf, 1, 2), noreturn))
give_up(const char *format, ...)
{
    va_list args;

    printf("not ok %s: ", step);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    exit(1);
}

static void
begin(const char *name)
{
    step = name;
}

static void
end(void)
{
    printf("ok %s\n", step);
    fflush(stdout);
}

/* Callbacks. */

static void
identified_cb(struct ofconn *conn, void *p)
{
    ofconn_take(conn);
}

static uint32_t
next_xid(void *conn)
{
    return ofconn_next_xid(conn);
}

static void
ready_cb(struct ofconn *conn, void *p_)
{
    struct probe *p = p_;

    p->conn = conn;
    p->x = ofxact_create(ofconn_tx(conn), ofconn_version(conn), next_xid,
                         conn);
}

static void
message_cb(struct ofconn *conn, struct of_message *msg, void *p_)
{
    struct probe *p = p_;

    if (ofxact_receive(p->x, msg)) {
        return;
    }
    if (msg->type == OF_PACKET_IN) {
        p->pin = msg->packet_in;
        p->pin_ethertype = msg->packet_in.len < 14 ? 0
                           : msg->packet_in.frame[12] << 8
                             | msg->packet_in.frame[13];
        p->n_packet_ins++;
    } else if (msg->type == OF_METER_STATS_REPLY && msg->meter_stats.n == 1) {
        p->drops = msg->meter_stats.meters[0];
    } else if (msg->type == OF_ROLE_STATUS && !msg->role.master) {
        p->n_roles_lost++;
    } else if (msg->type == OF_ERROR) {
        give_up("the bridge says %s", msg->error.text);
    }
}

static void
port_cb(struct ofconn *conn, const struct of_port *port, bool deleted,
        void *p_)
{
    struct probe *p = p_;

    if (p->tell_ports) {
        printf("port %s %s\n", port->name,
               deleted ? "deleted" : port->up ? "up" : "down");
        fflush(stdout);
    }
}

static void
closed_cb(struct ofconn *conn, const char *reason, void *p_)
{
    struct probe *p = p_;

    if (p->conn) {
        give_up("connection closed: %s", reason);
    }
}

static void
done_cb(int error, void *p_)
{
    struct probe *p = p_;

    p->done = true;
    p->error = error;
}

static void
flow_cb(const struct fh_flow *flow, void *p_)
{
    struct probe *p = p_;

    flow_set_put(p->installed, flow);
}

static void
timeout_cb(evutil_socket_t fd, short what, void *aux)
{
    give_up("nothing happens");
}

#define RUN_UNTIL(P, CONDITION)                     \
    do {                                            \
        event_base_loop((P)->base, EVLOOP_ONCE);    \
    } while (!(CONDITION))

/* Flows. */

static struct fh_flow *
add(struct fh_changes *changes, uint8_t table, uint16_t priority)
{
    struct fh_flow flow = {
        .cookie = COOKIE, .table = table, .priority = priority,
    };

    fh_changes_add(changes, FH_CHANGE_ADD, &flow);
    return &changes->items[changes->n - 1].flow;
}

static void
act(struct fh_flow *flow, struct fh_action action)
{
    flow->actions[flow->n_actions++] = action;
}

/* To every client by its address. */
static void
add_clients(struct fh_changes *changes)
{
    for (uint32_t i = 0; i < N_CLIENTS; i++) {
        struct fh_flow *f = add(changes, FH_TABLE_ROUTE, 100);

        f->match = (struct fh_match) {
            .fields = FH_F_ETH_TYPE | FH_F_IP_DST, .eth_type = 0x0800,
            .ip_dst = IP(256 + i), .ip_dst_mask = ALL_ONES,
        };
        act(f, (struct fh_action) { .type = FH_ACT_DEC_TTL });
        act(f, (struct fh_action) { .type = FH_ACT_SET_ETH_SRC,
                                    .u.mac = MAC(2, 0, 0, 0, 0, 10) });
        act(f, (struct fh_action) { .type = FH_ACT_SET_ETH_DST,
                                    .u.mac = MAC(2, 0, 0, 1,
                                                 (uint8_t) (i >> 8),
                                                 (uint8_t) i) });
        act(f, (struct fh_action) { .type = FH_ACT_OUTPUT, .u.port = 1 });
    }
}

/* What dec_ttl could not forward is punted before. */
static void
add_expired(struct fh_changes *changes)
{
    struct fh_flow *f = add(changes, FH_TABLE_ROUTE, 200);

    f->match = (struct fh_match) {
        .fields = FH_F_ETH_TYPE | FH_F_IP_TTL, .eth_type = 0x0800,
        .ip_ttl = 1,
    };
    f->meter = METER;
    act(f, (struct fh_action) { .type = FH_ACT_CONTROLLER });
}

/* A frame of ARP on port 1 goes to INNER with metadata, and is punted
 * there. */
static void
add_punts(struct fh_changes *changes)
{
    struct fh_flow *f = add(changes, FH_TABLE_CLASSIFY, 200);

    f->match = (struct fh_match) {
        .fields = FH_F_IN_PORT | FH_F_ETH_TYPE | FH_F_VLAN,
        .in_port = 1, .eth_type = 0x0806, .vlan_vid = FH_VLAN_NONE,
    };
    f->metadata = METADATA;
    f->metadata_mask = UINT64_MAX;
    f->next_table = FH_TABLE_INNER;

    f = add(changes, FH_TABLE_INNER, 200);
    f->match = (struct fh_match) {
        .fields = FH_F_METADATA | FH_F_ETH_TYPE | FH_F_ARP_OP | FH_F_ARP_SPA
                  | FH_F_ARP_TPA,
        .metadata = METADATA, .metadata_mask = UINT64_MAX,
        .eth_type = 0x0806, .arp_op = 1, .arp_spa = IP(0),
        .arp_spa_mask = htonl(0xffffff00), .arp_tpa = IP(1),
        .arp_tpa_mask = ALL_ONES,
    };
    f->meter = METER;
    act(f, (struct fh_action) { .type = FH_ACT_CONTROLLER });

    f = add(changes, FH_TABLE_CLASSIFY, 100);
    f->match = (struct fh_match) {
        .fields = FH_F_ETH_TYPE, .eth_type = 0x0800,
    };
    f->next_table = FH_TABLE_ROUTE;
}

/* What is left of our language. */
static void
add_oddities(struct fh_changes *changes)
{
    struct fh_flow *f = add(changes, FH_TABLE_SOURCE, 10);

    f->match = (struct fh_match) {
        .fields = FH_F_VLAN | FH_F_ETH_SRC | FH_F_METADATA, .vlan_vid = 4094,
        .eth_src = MAC(2, 0, 0, 0, 1, 10),
        .metadata = 0, .metadata_mask = UINT64_C(0xffff),
    };
    act(f, (struct fh_action) { .type = FH_ACT_POP_VLAN });
    act(f, (struct fh_action) { .type = FH_ACT_PUSH_VLAN, .u.vid = 0x8100 });
    act(f, (struct fh_action) { .type = FH_ACT_SET_VLAN, .u.vid = 100 });
    act(f, (struct fh_action) { .type = FH_ACT_PUSH_VLAN, .u.vid = 0x88a8 });
    act(f, (struct fh_action) { .type = FH_ACT_SET_VLAN, .u.vid = 1 });
    act(f, (struct fh_action) { .type = FH_ACT_OUTPUT,
                                .u.port = FH_PORT_IN_PORT });

    f = add(changes, FH_TABLE_SOURCE, 11);
    f->match = (struct fh_match) {
        .fields = FH_F_ETH_TYPE | FH_F_ETH_DST | FH_F_ARP_OP,
        .eth_type = 0x0806, .arp_op = 2, .eth_dst = MAC(2, 0, 0, 0, 0, 10),
    };
    act(f, (struct fh_action) { .type = FH_ACT_SET_ARP_TPA, .u.ip4 = IP(1) });
    act(f, (struct fh_action) { .type = FH_ACT_OUTPUT, .u.port = 1 });

    f = add(changes, FH_TABLE_SOURCE, 12);
    f->match = (struct fh_match) {
        .fields = FH_F_ETH_TYPE | FH_F_IP_PROTO | FH_F_ICMP_TYPE | FH_F_IP_SRC
                  | FH_F_VLAN,
        .eth_type = 0x0800, .ip_proto = 1, .icmp_type = 8, .vlan_vid = 1,
        .ip_src = IP(0), .ip_src_mask = htonl(0xff000000),
    };
    f->hard_timeout_s = 3600;
    f->send_removed = true;
    f->meter = METER;
    f->metadata = 1;
    f->metadata_mask = 0xff;
    f->next_table = FH_TABLE_OUTPUT;

    f = add(changes, FH_TABLE_OUTPUT, 0);       /* Drops. */
    f->match = (struct fh_match) {
        .fields = FH_F_METADATA, .metadata = METADATA,
        .metadata_mask = UINT64_MAX,
    };
}

static int
commit(struct probe *p, const struct fh_changes *changes)
{
    p->done = false;
    ofxact_commit(p->x, changes, done_cb, p);
    RUN_UNTIL(p, p->done);
    return p->error;
}

static void
dump(struct probe *p)
{
    flow_set_destroy(p->installed);
    p->installed = flow_set_create();
    p->done = false;
    ofxact_dump(p->x, FH_COOKIE_OURS, FH_COOKIE_OURS_MASK, flow_cb, done_cb,
                p);
    RUN_UNTIL(p, p->done);
    if (p->error) {
        give_up("dump: %s", strerror(p->error));
    }
}

static void
expect_installed(struct probe *p)
{
    struct fh_changes changes = { 0 };

    dump(p);
    flow_diff(p->desired, p->installed, &changes);
    if (changes.n) {
        const struct fh_flow *flow = &changes.items[0].flow;
        const struct fh_flow *is = flow_set_find(p->installed, flow);

        give_up("%zu differences; wanted %s, got %s", changes.n,
                fh_flow_format(flow), is ? fh_flow_format(is) : "nothing");
    }
    fh_changes_destroy(&changes);
}

/* Steps. */

static void
connect_to_bridge(struct probe *p, const char *target, const char *version)
{
    char *error;

    begin("ready");
    if (ofserver_dial(p->server, target, &error)) {
        give_up("%s", error);
    }
    RUN_UNTIL(p, p->conn);
    if (strcmp(ofconn_version_name(p->conn), version)) {
        give_up("negotiated %s", ofconn_version_name(p->conn));
    }
    end();
}

static void
set_meter(struct probe *p, const struct fh_meter *meter)
{
    const struct fh_changes none = { 0 };

    ofcodec_put_meter(ofconn_tx(p->conn), ofconn_version(p->conn),
                      ofconn_next_xid(p->conn), meter);
    if (commit(p, &none)) {
        give_up("barrier: %s", strerror(p->error));
    }
}

static void
install(struct probe *p)
{
    const struct fh_meter meter = { METER, 1000, 1000 };
    struct fh_changes changes = { 0 };

    begin("commit");
    set_meter(p, &meter);
    add_clients(&changes);
    add_punts(&changes);
    add_expired(&changes);
    add_oddities(&changes);
    if (commit(p, &changes)) {
        give_up("%s", strerror(p->error));
    }
    for (size_t i = 0; i < changes.n; i++) {
        flow_set_put(p->desired, &changes.items[i].flow);
    }
    fh_changes_destroy(&changes);
    end();

    begin("same flows");
    expect_installed(p);
    end();

    begin("meter again");
    set_meter(p, &meter);
    expect_installed(p);
    end();
}

static void
delete_one(struct probe *p)
{
    struct fh_changes changes = { 0 };
    struct flow_set *rest = flow_set_create();
    struct fh_flow *f;

    begin("delete");
    f = add(&changes, FH_TABLE_SOURCE, 11);
    f->match = (struct fh_match) {
        .fields = FH_F_ETH_TYPE | FH_F_ETH_DST | FH_F_ARP_OP,
        .eth_type = 0x0806, .arp_op = 2, .eth_dst = MAC(2, 0, 0, 0, 0, 10),
    };
    changes.items[0].op = FH_CHANGE_DELETE;
    f->cookie = fh_cookie(FH_KIND_CLIENT, 1);   /* Not its kind: stays. */
    if (commit(p, &changes)) {
        give_up("%s", strerror(p->error));
    }
    expect_installed(p);
    f->cookie = fh_cookie(FH_KIND_BASE, 7);     /* Another decision: goes. */
    if (commit(p, &changes)) {
        give_up("%s", strerror(p->error));
    }
    dump(p);
    if (flow_set_count(p->installed) != flow_set_count(p->desired) - 1
        || flow_set_find(p->installed, f)) {
        give_up("%zu flows left", flow_set_count(p->installed));
    }
    flow_set_destroy(rest);
    fh_changes_destroy(&changes);
    end();
}

static void
refuse(struct probe *p)
{
    struct fh_changes changes = { 0 };

    begin("refused");
    add(&changes, FH_TABLE_ROUTE, 1)->next_table = FH_TABLE_INNER;
    if (commit(p, &changes) != EREMOTEIO) {
        give_up("a table behind: %s", strerror(p->error));
    }
    fh_changes_clear(&changes);
    add(&changes, FH_TABLE_ROUTE, 2);
    add(&changes, FH_TABLE_ROUTE, 3)->meter = 4711;
    if (commit(p, &changes) != EREMOTEIO) {
        give_up("no such meter: %s", strerror(p->error));
    }
    fh_changes_clear(&changes);
    if (commit(p, &changes)) {
        give_up("the next one: %s", strerror(p->error));
    }
    fh_changes_destroy(&changes);
    end();
}

static void
packet_out(struct probe *p, const uint8_t *frame, size_t len)
{
    const struct fh_action action = {
        .type = FH_ACT_OUTPUT, .u.port = FH_PORT_TABLE,
    };

    ofcodec_put_packet_out(ofconn_tx(p->conn), ofconn_version(p->conn),
                           ofconn_next_xid(p->conn), 1, &action, 1, frame,
                           len);
}

static const uint8_t asking[60] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 1, 10, 0x08, 0x06,
    0, 1, 0x08, 0, 6, 4, 0, 1, 2, 0, 0, 0, 1, 10, 10, 0, 0, 10,
    0, 0, 0, 0, 0, 0, 10, 0, 0, 1,
};
static const uint8_t expiring[60] = {
    2, 0, 0, 0, 0, 10, 2, 0, 0, 0, 1, 10, 0x08, 0x00,
    0x45, 0, 0, 46, 0, 0, 0, 0, 1, 17, 0x65, 0xb4, 10, 0, 0, 10,
    10, 0, 1, 5, 0, 7, 0, 7, 0, 26, 0, 0,
};

static void
punt(struct probe *p)
{
    begin("punted with metadata");
    p->n_packet_ins = 0;
    packet_out(p, asking, sizeof asking);
    RUN_UNTIL(p, p->n_packet_ins);
    if (p->pin.metadata != METADATA || p->pin.in_port != 1
        || p->pin.table != FH_TABLE_INNER || p->pin.cookie != COOKIE
        || p->pin.len != sizeof asking
        || p->pin_ethertype != 0x0806) {
        give_up("metadata %"PRIx64" port %"PRIu32" table %u cookie %"PRIx64
                " length %zu", p->pin.metadata, p->pin.in_port,
                p->pin.table, p->pin.cookie, p->pin.len);
    }
    end();
}

static void
expire(struct probe *p)
{
    begin("punted when the TTL ends");
    p->n_packet_ins = 0;
    packet_out(p, expiring, sizeof expiring);
    RUN_UNTIL(p, p->n_packet_ins);
    if (p->pin.table != FH_TABLE_ROUTE || p->pin.in_port != 1
        || p->pin_ethertype != 0x0800) {
        give_up("table %u", p->pin.table);
    }
    end();
}

/* What the meter has dropped so far. */
static uint64_t
read_drops(struct probe *p, uint32_t meter)
{
    p->drops.id = 0;
    ofcodec_put_meter_stats_request(ofconn_tx(p->conn),
                                    ofconn_version(p->conn),
                                    ofconn_next_xid(p->conn), meter);
    RUN_UNTIL(p, p->drops.id == meter);
    return p->drops.packets;
}

static void
expect_drops(struct probe *p, const uint8_t *frame, size_t len)
{
    uint64_t before = read_drops(p, FH_METER_CONTROLLER);

    for (int i = 0; i < 100; i++) {
        packet_out(p, frame, len);
    }
    if (read_drops(p, FH_METER_CONTROLLER) - before < 50) {
        give_up("%"PRIu64" of 100 dropped", p->drops.packets - before);
    }
}

/* The virtual meter: of all punts, whatever they are for. */
static void
limit_punts(struct probe *p)
{
    struct fh_meter meter = { FH_METER_CONTROLLER, 10, 10 };

    begin("all punts metered");
    set_meter(p, &meter);
    expect_drops(p, asking, sizeof asking);
    expect_drops(p, expiring, sizeof expiring);
    if (read_drops(p, METER)) {
        give_up("the meter of the flow drops");
    }
    meter.rate_pps = meter.burst = 1000000;
    set_meter(p, &meter);
    end();
}

static void
lose_role(struct probe *p, const struct ofserver_config *config,
          const struct ofserver_cbs *cbs, const char *target)
{
    struct probe other = { .base = p->base };
    char *error;

    begin("role lost to a later one");
    other.server = ofserver_create(p->base, config, cbs, &other);
    ofserver_dial(other.server, target, &error);
    RUN_UNTIL(p, other.conn && p->n_roles_lost);
    other.conn = NULL;          /* Its end is no failure. */
    ofserver_destroy(other.server);
    ofxact_destroy(other.x);
    end();
}

static void
tell_ports(struct probe *p)
{
    const struct of_port *ports;
    size_t n;

    p->tell_ports = true;
    ports = ofconn_ports(p->conn, &n);
    for (size_t i = 0; i < n; i++) {
        port_cb(p->conn, &ports[i], false, p);
    }
}

static void
input_cb(evutil_socket_t fd, short what, void *base)
{
    char bytes[16];

    if (read(fd, bytes, sizeof bytes) <= 0) {
        event_base_loopbreak(base);
    }
}

int
main(int argc, char **argv)
{
    const struct ofserver_config config = {
        .echo_interval_ms = 1000, .dead_after_ms = 3000,
        .handshake_ms = 5000, .stranger_ms = 60000, .max_connections = 8,
        .max_strangers = 8, .max_backlog_bytes = 16 << 20,
    };
    const struct ofserver_cbs cbs = {
        identified_cb, ready_cb, message_cb, port_cb, closed_cb, NULL,
    };
    const struct timeval patience = { 20, 0 };
    struct event *timeout, *input;
    struct probe p = { 0 };

    if (argc != 3) {
        fprintf(stderr, "usage: ofprobe TARGET VERSION\n");
        return 2;
    }
    p.base = event_base_new();
    p.server = ofserver_create(p.base, &config, &cbs, &p);
    p.desired = flow_set_create();
    timeout = evtimer_new(p.base, timeout_cb, NULL);
    event_add(timeout, &patience);

    connect_to_bridge(&p, argv[1], argv[2]);
    install(&p);
    punt(&p);
    expire(&p);
    limit_punts(&p);
    refuse(&p);
    delete_one(&p);
    if (ofconn_version(p.conn) >= OF_14) {
        lose_role(&p, &config, &cbs, argv[1]);
    }
    event_free(timeout);

    tell_ports(&p);
    input = event_new(p.base, STDIN_FILENO, EV_READ | EV_PERSIST, input_cb,
                      p.base);
    event_add(input, NULL);
    event_base_dispatch(p.base);

    p.conn = NULL;
    event_free(input);
    ofserver_destroy(p.server);
    ofxact_destroy(p.x);
    flow_set_destroy(p.desired);
    flow_set_destroy(p.installed);
    event_base_free(p.base);
    return 0;
}
