/* An emulated bridge: OpenFlow 1.3 and 1.4 as Open vSwitch answers it, as far
 * as a controller of ARP and flows needs it.  Called by loop.c (bytes from
 * the controller) and net.c (frames to punt). */
#include <config.h>

#include "tests/bench/loadgen.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/pktout.h"

#define ACCESS_SPEED 10000000       /* kbit/s, as told in port descriptions */

static uint8_t *
put(struct bridge *b, int type, size_t len, uint32_t xid)
{
    uint8_t *p = fh_buf_put(&b->out, len);

    wire_put_header(p, b->lg->opt.version, type, len, xid);
    b->dirty = true;
    return p;
}

static void
put_copy(struct bridge *b, int type, uint32_t xid, const uint8_t *body,
         size_t len)
{
    uint8_t *p = put(b, type, OFP_HEADER_LEN + len, xid);

    memcpy(p + OFP_HEADER_LEN, body, len);
}

void
bridge_put_error(struct bridge *b, const uint8_t *msg, size_t len,
                 uint16_t type, uint16_t code)
{
    size_t n = len < 64 ? len : 64;
    uint8_t *p = put(b, OFPT_ERROR, 12 + n, wire_get32(msg + 4));

    b->counters.errors++;
    wire_put16(p + 8, type);
    wire_put16(p + 10, code);
    memcpy(p + 12, msg, n);
}

/* Flow tables. */

static void
flow_added(const struct flow *f, void *b_)
{
    struct bridge *b = b_;
    uint64_t now_ns = b->lg->now_ns;

    if (f->host) {
        hosts_flow(&b->lg->hosts, b->id, f->host, 1,
                   now_ns > b->busy_until_ns ? now_ns : b->busy_until_ns);
    }
}

static void
put_flow_removed(struct bridge *b, const struct flow *f, int reason)
{
    uint64_t age_ns = b->lg->now_ns - f->added_ns;
    uint8_t *p = put(b, OFPT_FLOW_REMOVED, 48 + f->match_len, 0);

    memset(p + 8, 0, 40);
    wire_put64(p + 8, f->cookie);
    wire_put16(p + 16, f->priority);
    p[18] = (uint8_t) reason;
    p[19] = f->table;
    wire_put32(p + 20, (uint32_t) (age_ns / SEC_NS));
    wire_put32(p + 24, (uint32_t) (age_ns % SEC_NS));
    wire_put16(p + 28, f->idle_s);
    wire_put16(p + 30, f->hard_s);
    memcpy(p + 48, f->data, f->match_len);
}

static void
flow_removed(const struct flow *f, int reason, void *b_)
{
    struct bridge *b = b_;

    if (f->host) {
        hosts_flow(&b->lg->hosts, b->id, f->host, -1, b->lg->now_ns);
    }
    if (reason && f->flags & OFPFF_SEND_FLOW_REM && b->connected) {
        put_flow_removed(b, f, reason);
    }
}

void
bridge_init(struct bridge *b, struct loadgen *lg, int id)
{
    static const struct flowtab_cbs cbs = { flow_added, flow_removed };

    memset(b, 0, sizeof *b);
    b->lg = lg;
    b->id = id;
    b->dpid = lg->opt.first_dpid + (uint64_t) id;
    b->fd = -1;
    b->generation_id = UINT64_MAX;          /* None so far. */
    b->ft = flowtab_create(&cbs, b);
}

void
bridge_destroy(struct bridge *b)
{
    bundle_destroy_all(b);
    fh_buf_destroy(&b->in);
    fh_buf_destroy(&b->out);
    flowtab_destroy(b->ft);
}

void
bridge_connected(struct bridge *b)
{
    uint8_t *p = put(b, OFPT_HELLO, 16, 1);

    /* The bitmap element, with the one version that we want. */
    wire_put16(p + 8, 1);
    wire_put16(p + 10, 8);
    wire_put32(p + 12, UINT32_C(1) << b->lg->opt.version);
    b->connected = true;
    b->connected_ns = b->lg->now_ns;
    b->counters.connects++;
}

void
bridge_disconnected(struct bridge *b)
{
    bundle_discard_all(b);
    fh_buf_clear(&b->in);
    fh_buf_clear(&b->out);
    b->in_ofs = b->out_ofs = 0;
    b->connected = b->features_sent = b->want_write = b->dirty = false;
    b->busy_until_ns = 0;
}

uint32_t
bridge_uplink(const struct bridge *b)
{
    return b->lg->opt.n_access + 1;
}

/* Ports. */

static size_t
port_len(const struct bridge *b)
{
    return b->lg->opt.version == OFP13_VERSION ? 64 : 72;
}

/* The description of port 'port', port_len() bytes.  Names: "b0-a1" the first
 * access port of the first bridge, "b0-up" its uplink. */
static void
put_port(const struct bridge *b, uint32_t port, uint8_t *p)
{
    bool down = b->port_down >> (port - 1) & 1;
    size_t speeds;

    memset(p, 0, port_len(b));
    wire_put32(p, port);
    p[8] = 0x02;
    p[9] = 0xbb;
    p[12] = (uint8_t) b->id;
    p[13] = (uint8_t) port;

    char name[16] = "";
    if (port == bridge_uplink(b)) {
        snprintf(name, sizeof name, "b%d-up", b->id);
    } else {
        snprintf(name, sizeof name, "b%d-a%u", b->id, (unsigned) port);
    }
    memcpy(p + 16, name, sizeof name);
    wire_put32(p + 36, down ? 1 : 4);       /* OFPPS_LINK_DOWN or LIVE. */

    if (b->lg->opt.version == OFP13_VERSION) {
        speeds = 56;
    } else {
        wire_put16(p + 4, 72);
        wire_put16(p + 42, 32);             /* OFPPDPT_ETHERNET is 0. */
        speeds = 64;
    }
    wire_put32(p + speeds, ACCESS_SPEED);
    wire_put32(p + speeds + 4, ACCESS_SPEED);
}

void
bridge_set_port(struct bridge *b, unsigned port, bool up)
{
    uint64_t bit = UINT64_C(1) << (port - 1);

    b->port_down = up ? b->port_down & ~bit : b->port_down | bit;
    if (b->features_sent) {
        uint8_t *p = put(b, OFPT_PORT_STATUS, 16 + port_len(b), 0);

        memset(p + 8, 0, 8);
        p[8] = 2;                           /* OFPPR_MODIFY */
        put_port(b, port, p + 16);
    }
}

/* Multiparts. */

static uint8_t *
put_multipart(struct bridge *b, const uint8_t *request, size_t body_len,
              bool more)
{
    uint8_t *p = put(b, OFPT_MULTIPART_REPLY, 16 + body_len,
                     wire_get32(request + 4));

    memset(p + 8, 0, 8);
    wire_put16(p + 8, wire_get16(request + 8));
    wire_put16(p + 10, more);
    return p + 16;
}

struct dump {
    struct bridge *b;
    const uint8_t *request;
    struct fh_buf entries;
};

static void
dump_flush(void *dump_)
{
    struct dump *d = dump_;

    memcpy(put_multipart(d->b, d->request, d->entries.len, true),
           d->entries.data, d->entries.len);
    fh_buf_clear(&d->entries);
}

static void
reply_flows(struct bridge *b, const uint8_t *msg, size_t len)
{
    struct dump d = { .b = b, .request = msg };
    struct flowtab_query query;
    size_t match_len = len < 16 + 36 ? 0 : wire_get16(msg + 50);

    if (match_len < 4 || match_len > len - (16 + 32)) {
        bridge_put_error(b, msg, len, 1, 6);       /* OFPBRC_BAD_LEN */
        return;
    }
    b->counters.dumps++;
    query = (struct flowtab_query) {
        wire_get64(msg + 32), wire_get64(msg + 40), msg[16], msg + 52,
        match_len - 4
    };
    flowtab_dump(b->ft, b->lg->opt.version, &query, b->lg->now_ns,
                 &d.entries, dump_flush, &d);

    uint8_t *p = put_multipart(b, msg, d.entries.len, false);
    if (d.entries.len) {
        memcpy(p, d.entries.data, d.entries.len);
    }
    fh_buf_destroy(&d.entries);
}

static void
reply_ports(struct bridge *b, const uint8_t *msg)
{
    size_t n = bridge_uplink(b);
    uint8_t *p = put_multipart(b, msg, n * port_len(b), false);

    for (uint32_t port = 1; port <= n; port++) {
        put_port(b, port, p);
        p += port_len(b);
    }
}

/* No meter of ours drops anything. */
static void
reply_meter(struct bridge *b, const uint8_t *msg, size_t len)
{
    uint8_t *p;

    if (len < 24) {
        bridge_put_error(b, msg, len, 1, 6);
        return;
    }
    b->counters.meter_reads++;
    p = put_multipart(b, msg, 56, false);
    memset(p, 0, 56);
    memcpy(p, msg + 16, 4);
    wire_put16(p + 4, 56);      /* One band. */
}

static void
handle_multipart(struct bridge *b, const uint8_t *msg, size_t len)
{
    if (len < 16) {
        bridge_put_error(b, msg, len, 1, 6);
        return;
    }
    switch (wire_get16(msg + 8)) {
    case OFPMP_DESC:
        memset(put_multipart(b, msg, 1056, false), 0, 1056);
        break;
    case OFPMP_FLOW:
        reply_flows(b, msg, len);
        break;
    case OFPMP_METER:
        reply_meter(b, msg, len);
        break;
    case OFPMP_PORT_DESC:
        reply_ports(b, msg);
        break;
    default:
        put_multipart(b, msg, 0, false);
        break;
    }
}

/* Flow mods. */

/* The bridge is busy for as long as 'n' changes take it. */
static void
spend(struct bridge *b, uint64_t n)
{
    if (b->lg->opt.flow_ns) {
        uint64_t now_ns = b->lg->now_ns;

        if (b->busy_until_ns < now_ns) {
            b->busy_until_ns = now_ns;
        }
        b->busy_until_ns += n * b->lg->opt.flow_ns;
    }
}

void
bridge_flow_mod(struct bridge *b, const uint8_t *msg, size_t len)
{
    b->counters.flow_mods++;
    spend(b, 1);
    if (flowtab_apply(b->ft, msg, len, b->lg->now_ns)) {
        bridge_put_error(b, msg, len, 5, 0);       /* OFPFMFC_UNKNOWN */
    }
}

/* Packets. */

static void
packet_output(uint32_t port, uint32_t in_port, const uint8_t *frame,
              size_t len, void *b)
{
    net_output(b, port, in_port, frame, len);
}

static void
handle_packet_out(struct bridge *b, uint8_t *msg, size_t len)
{
    int n = pktout_run(msg, len, packet_output, b);

    b->counters.packet_outs++;
    if (n < 0) {
        b->counters.bad++;
        bridge_put_error(b, msg, len, 2, 1);       /* OFPBAC_BAD_LEN */
    } else {
        b->counters.outputs += (uint64_t) n;
    }
}

/* What the tables say of 'frame', which depends on these three alone for the
 * flows that a controller of ARP and DHCP installs. */
static const struct flowtab_punt *
find_punt(struct bridge *b, uint32_t port, const uint8_t *frame, size_t len)
{
    bool udp = wire_is_udp(frame, len);
    uint32_t dst = wire_get32(frame + (udp ? IP_OFF_DST : ARP_OFF_TPA));
    uint16_t op = wire_get16(frame + (udp ? UDP_OFF_DST : ARP_OFF_OP));
    struct punt_entry *e = &b->punts[(dst ^ port ^ op * 32) % PUNT_CACHE];
    uint64_t generation = flowtab_generation(b->ft) + 1;

    if (e->generation != generation || e->port != port || e->dst != dst
        || e->op != op) {
        *e = (struct punt_entry) { .generation = generation, .port = port,
                                   .dst = dst, .op = op };
        flowtab_run(b->ft, port, frame, &e->punt);
    }
    return &e->punt;
}

void
bridge_packet_in(struct bridge *b, uint32_t port, const uint8_t *frame,
                 size_t len)
{
    static const struct flowtab_punt always = { .punted = true };
    const struct flowtab_punt *punt;

    if (!b->features_sent) {
        return;
    }
    punt = b->lg->opt.punt_all ? &always : find_punt(b, port, frame, len);
    if (!punt->punted) {
        b->counters.not_punted++;
        return;
    }
    b->counters.packet_ins++;

    size_t match_len = 4 + 8 + (punt->metadata ? 12 : 0);
    size_t frame_ofs = 24 + wire_pad8(match_len) + 2;
    uint8_t *p = put(b, OFPT_PACKET_IN, frame_ofs + len, 0);
    wire_put32(p + 8, OFP_NO_BUFFER);
    wire_put16(p + 12, (uint16_t) len);
    p[14] = !punt->miss;                    /* OFPR_NO_MATCH or ACTION. */
    p[15] = punt->table;
    wire_put64(p + 16, punt->cookie);
    wire_put16(p + 24, 1);                  /* OFPMT_OXM */
    wire_put16(p + 26, (uint16_t) match_len);
    wire_put32(p + 28, OXM_CLASS_BASIC << 16 | OXM_IN_PORT << 9 | 4);
    wire_put32(p + 32, port);
    if (punt->metadata) {
        wire_put32(p + 36, OXM_CLASS_BASIC << 16 | OXM_METADATA << 9 | 8);
        wire_put64(p + 40, punt->metadata);
    } else {
        wire_put32(p + 36, 0);
    }
    wire_put16(p + frame_ofs - 2, 0);
    memcpy(p + frame_ofs, frame, len);
}

bool
bridge_is_ready(struct bridge *b)
{
    static const uint8_t mac[6] = { 0x02 };
    uint8_t frame[ARP_LEN];
    struct flowtab_punt punt;

    if (!b->features_sent) {
        return false;
    }
    if (b->lg->opt.punt_all) {
        return true;
    }
    wire_put_arp(frame, mac, ARP_REQUEST, mac, b->lg->opt.first_ip, mac,
                 b->lg->opt.gateway_ip);
    flowtab_run(b->ft, 1, frame, &punt);
    return punt.punted;
}

/* Everything else. */

static void
reply_features(struct bridge *b, uint32_t xid)
{
    uint8_t *p = put(b, OFPT_FEATURES_REPLY, 32, xid);

    memset(p + 8, 0, 24);
    wire_put64(p + 8, b->dpid);
    p[20] = 254;                            /* Tables. */
    wire_put32(p + 24, 0x4f);               /* As Open vSwitch says. */
    b->features_sent = true;
}

static void
reply_role(struct bridge *b, const uint8_t *msg, size_t len)
{
    uint8_t body[16];

    if (len < 24) {
        bridge_put_error(b, msg, len, 1, 6);
        return;
    }
    memcpy(body, msg + 8, sizeof body);
    if (wire_get32(body)) {                 /* OFPCR_ROLE_NOCHANGE is 0. */
        b->generation_id = wire_get64(body + 8);
    } else {
        wire_put32(body, 1);                /* OFPCR_ROLE_EQUAL */
        wire_put64(body + 8, b->generation_id);
    }
    put_copy(b, OFPT_ROLE_REPLY, wire_get32(msg + 4), body, sizeof body);
}

static void
handle_message(struct bridge *b, uint8_t *msg, size_t len)
{
    uint32_t xid = wire_get32(msg + 4);

    switch (msg[1]) {
    case OFPT_PACKET_OUT:
        handle_packet_out(b, msg, len);
        break;
    case OFPT_FLOW_MOD:
        bridge_flow_mod(b, msg, len);
        break;
    case OFPT_BUNDLE_CONTROL:
        bundle_control(b, msg, len, OFP_HEADER_LEN);
        break;
    case OFPT_BUNDLE_ADD_MESSAGE:
        bundle_add(b, msg, len, OFP_HEADER_LEN);
        break;
    case OFPT_EXPERIMENTER:
        bundle_experimenter(b, msg, len);
        break;
    case OFPT_BARRIER_REQUEST:
        b->counters.barriers++;
        put(b, OFPT_BARRIER_REPLY, OFP_HEADER_LEN, xid);
        break;
    case OFPT_ECHO_REQUEST:
        put_copy(b, OFPT_ECHO_REPLY, xid, msg + OFP_HEADER_LEN,
                 len - OFP_HEADER_LEN);
        break;
    case OFPT_FEATURES_REQUEST:
        reply_features(b, xid);
        break;
    case OFPT_MULTIPART_REQUEST:
        handle_multipart(b, msg, len);
        break;
    case OFPT_ROLE_REQUEST:
        reply_role(b, msg, len);
        break;
    case OFPT_GET_CONFIG_REQUEST:
        put_copy(b, OFPT_GET_CONFIG_REPLY, xid,
                 (const uint8_t *) "\0\0\xff\xff", 4);
        break;
    case OFPT_METER_MOD:
        b->counters.meter_mods++;
        break;
    case OFPT_ERROR:
        b->counters.bad++;
        fprintf(stderr, "loadgen: bridge %d: error type %u code %u\n", b->id,
                len >= 12 ? wire_get16(msg + 8) : 0,
                len >= 12 ? wire_get16(msg + 10) : 0);
        break;
    case OFPT_HELLO:
    case OFPT_ECHO_REPLY:
    case OFPT_SET_CONFIG:
    case OFPT_SET_ASYNC:
    case OFPT_GROUP_MOD:
        break;
    default:
        bridge_put_error(b, msg, len, 1, 1);       /* OFPBRC_BAD_TYPE */
        break;
    }
}

void
bridge_receive(struct bridge *b)
{
    while (b->connected && b->busy_until_ns <= b->lg->now_ns) {
        uint8_t *msg = b->in.data + b->in_ofs;
        size_t left = b->in.len - b->in_ofs;
        size_t len = left >= OFP_HEADER_LEN ? wire_get16(msg + 2) : 0;

        if (left < OFP_HEADER_LEN || (len >= OFP_HEADER_LEN && len > left)) {
            break;
        }
        if (len < OFP_HEADER_LEN) {
            fprintf(stderr, "loadgen: bridge %d: not OpenFlow\n", b->id);
            loop_want(b, false);
            return;
        }
        b->in_ofs += len;
        handle_message(b, msg, len);
    }
    if (b->in_ofs == b->in.len) {
        fh_buf_clear(&b->in);
        b->in_ofs = 0;
    } else if (b->in_ofs > (1 << 20)) {
        fh_buf_pull(&b->in, b->in_ofs);
        b->in_ofs = 0;
    }
}
