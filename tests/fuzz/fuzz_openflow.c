/* Fuzzes an OpenFlow connection from its first byte to its last, with what
 * lies behind it: handshake, ports, role, the reading of flows, bundles.
 *
 * The input is a bridge: whether it answers each kind of request as it should,
 * and the messages it sends besides.  Their lengths are put right, and their
 * transaction ids may be those of what was asked last. */
#include <config.h>

#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include <firsthop/buf.h>
#include <firsthop/snapshot.h>

#include "controller/base/log.h"
#include "controller/bridge/bridge.h"
#include "controller/bridge/ofconn_private.h"
#include "tests/fuzz/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DPID 10
#define MAX_RECORDS 64
#define HEADER 8

enum { HELLO = 0, ECHO_REQUEST = 2, FEATURES_REQUEST = 5,
       MULTIPART_REQUEST = 18, BARRIER_REQUEST = 20, ROLE_REQUEST = 24,
       BUNDLE_CONTROL = 33 };

static struct event_base *base;
static struct bridges *bridges;

/* The bridge's end. */
struct peer {
    int fd;
    struct fh_buf rx;
    uint32_t last_xid;          /* Of the last request. */
    uint32_t refuses;           /* Types of requests not answered, a bit
                                 * each. */
    int version;
};

/* Its owner. */

struct owner {
    struct bridge *bridge;
    bool is_up;
    unsigned int n_commits, n_confirmed;
};

static struct fh_flow
flow(unsigned int number)
{
    struct fh_flow flow;

    memset(&flow, 0, sizeof flow);
    flow.cookie = fh_cookie(FH_KIND_BASE, 0);
    flow.table = 1;
    flow.priority = number;
    return flow;
}

static void
on_up(void *owner_)
{
    struct owner *owner = owner_;

    require(!owner->is_up);
    owner->is_up = true;
}

static void
on_down(void *owner_, const char *reason)
{
    struct owner *owner = owner_;

    owner->is_up = false;       /* It may have gone before it was up. */
}

static struct flow_set *
on_desired(void *owner, const struct flow_set *found, bool first)
{
    struct flow_set *set = flow_set_create();

    for (unsigned int i = 0; i < 5; i++) {
        struct fh_flow one = flow(i);

        flow_set_put(set, &one);
    }
    return set;
}

static bool
on_message(void *owner, const struct of_message *msg)
{
    return msg->type == OF_PACKET_IN;
}

static void
on_confirmed(void *owner_, uint64_t token, bool ok)
{
    struct owner *owner = owner_;

    owner->n_confirmed++;
    require(owner->n_confirmed <= owner->n_commits);
}

static const struct bridge_ops ops = {
    .up = on_up, .down = on_down, .desired = on_desired,
    .message = on_message, .confirmed = on_confirmed,
};

static void
end_turn(void *aux)
{
}

static void
set_up(void)
{
    static const struct ofserver_config config = {
        .echo_interval_ms = 1000000, .dead_after_ms = 1000000,
        .handshake_ms = 1000000, .stranger_ms = 1000000,
        .max_connections = 8, .max_strangers = 8,
        .max_backlog_bytes = 1 << 20,
    };

    log_set_level(LOG_LVL_ERR);
    base = event_base_new();
    bridges = bridges_create(base, &config, NULL, end_turn, NULL);
}

/* Messages. */

static void
put_header(uint8_t *msg, int version, uint8_t type, size_t len, uint32_t xid)
{
    msg[0] = version;
    msg[1] = type;
    msg[2] = len >> 8;
    msg[3] = len & 0xff;
    msg[4] = xid >> 24;
    msg[5] = xid >> 16 & 0xff;
    msg[6] = xid >> 8 & 0xff;
    msg[7] = xid & 0xff;
}

static void
say(struct peer *peer, uint8_t type, uint32_t xid, const void *body,
    size_t len)
{
    uint8_t msg[HEADER + 512];

    put_header(msg, peer->version, type, HEADER + len, xid);
    if (len) {
        memcpy(msg + HEADER, body, len);
    }
    if (send(peer->fd, msg, HEADER + len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        return;                 /* Closed: it had enough. */
    }
}

static void
answer_multipart(struct peer *peer, uint32_t xid, const uint8_t *body)
{
    uint8_t reply[8 + 72] = { 0 };
    size_t len = 8;

    memcpy(reply, body, 2);     /* Its type. */
    if (body[1] == 13) {        /* One port, 7.2.1 of 1.4. */
        uint8_t *port = reply + 8;

        port[3] = 1;
        port[5] = 72;
        memcpy(port + 16, "a-access", 8);
        len += 72;
    }
    say(peer, 19, xid, reply, len);
}

/* Answers as a bridge does, unless this one refuses to. */
static void
answer(struct peer *peer, uint8_t type, uint32_t xid, const uint8_t *body,
       size_t len)
{
    static const uint8_t hello[] = { 0, 1, 0, 8, 0, 0, 0, 0x70 };
    static const uint8_t features[24] = { [7] = DPID, [12] = 254 };
    uint8_t reply[16] = { 0 };

    if (peer->refuses & UINT32_C(1) << (type & 31)) {
        return;
    }
    switch (type) {
    case HELLO: say(peer, 0, xid, hello, sizeof hello); break;
    case ECHO_REQUEST: say(peer, 3, xid, body, len < 64 ? len : 64); break;
    case FEATURES_REQUEST: say(peer, 6, xid, features, 24); break;
    case MULTIPART_REQUEST: answer_multipart(peer, xid, body); break;
    case BARRIER_REQUEST: say(peer, 21, xid, NULL, 0); break;
    case ROLE_REQUEST: say(peer, 25, xid, body, 16); break;
    case BUNDLE_CONTROL:
        memcpy(reply, body, 8);
        reply[5]++;             /* The reply to that request. */
        say(peer, 33, xid, reply, 8);
        break;
    }
}

static void
hear(struct peer *peer)
{
    size_t at = 0;
    ssize_t n;

    while ((n = recv(peer->fd, fh_buf_put(&peer->rx, 65536), 65536,
                     MSG_DONTWAIT)) > 0) {
        peer->rx.len -= 65536 - n;
    }
    peer->rx.len -= 65536;
    while (peer->rx.len - at >= HEADER) {
        const uint8_t *p = peer->rx.data + at;
        size_t len = p[2] << 8 | p[3];

        if (len > peer->rx.len - at) {
            break;
        }
        require(len >= HEADER);         /* We never send anything else. */
        peer->last_xid = ((uint32_t) p[4] << 24 | p[5] << 16 | p[6] << 8
                          | p[7]);
        peer->version = p[1] == HELLO ? peer->version : p[0];
        answer(peer, p[1], peer->last_xid, p + HEADER, len - HEADER);
        at += len;
    }
    fh_buf_pull(&peer->rx, at);
}

static void
turn(struct peer *peer)
{
    for (int i = 0; i < 4; i++) {
        event_base_loop(base, EVLOOP_NONBLOCK);
        hear(peer);
    }
}

/* What the bridge says without having been asked, or instead of an answer. */
static void
say_record(struct peer *peer, struct bytes *in)
{
    uint8_t type = take_byte(in);
    uint8_t how = take_byte(in);
    uint32_t xid = how & 0x80 ? peer->last_xid - (how & 15) : how;
    int version = peer->version;
    const uint8_t *body;
    size_t n;

    body = take_bytes(in, 255, &n);
    peer->version = how & 0x40 ? 4 + (how & 3) : version;
    if (type == 0xff) {         /* As it is. */
        send(peer->fd, body, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    } else {
        say(peer, type, xid, body, n);
    }
    peer->version = version;
}

static void
change_flows(struct owner *owner)
{
    struct fh_flow one = flow(7);

    if (bridge_serves(owner->bridge)) {
        fh_changes_add(bridge_changes(owner->bridge), FH_CHANGE_ADD, &one);
        bridge_await(owner->bridge, ++owner->n_commits);
        bridge_commit(owner->bridge);
    }
}

static void
run(struct peer *peer, struct owner *owner, struct bytes *in)
{
    static const uint8_t hello[] = { 0, 1, 0, 8, 0, 0, 0, 0x70 };

    peer->refuses = take_byte(in) == 0xff ? take_byte(in) * 0x01010101u : 0;
    say(peer, 0, 1, hello, sizeof hello);
    turn(peer);
    for (int i = 0; in->p < in->end && i < MAX_RECORDS; i++) {
        switch (take_below(in, 8)) {
        case 0: change_flows(owner); break;
        case 1: bridge_read_again(owner->bridge); break;
        case 2: bridges_tick(bridges, 1000 * i); break;
        default: say_record(peer, in); break;
        }
        turn(peer);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct bridge_options options = {
        .dpid = DPID, .kind = "router", .name = "A", .reread_ms = 100,
    };
    struct bytes in = { data, data + size };
    struct owner owner = { .is_up = false };
    struct peer peer = { .version = 5 };
    int fds[2];

    if (!base) {
        set_up();
    }
    require(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds));
    peer.fd = fds[1];
    owner.bridge = bridge_create(bridges, &options, &ops, &owner);
    ofconn_create(bridges_server(bridges), transport_plain(fds[0]), "fuzz", 1,
                  NULL);
    run(&peer, &owner, &in);
    close(peer.fd);
    event_base_loop(base, EVLOOP_NONBLOCK);
    event_base_loop(base, EVLOOP_NONBLOCK);
    require(!owner.is_up);
    bridge_destroy(owner.bridge);
    fh_buf_destroy(&peer.rx);
    return 0;
}
