#include <config.h>

#include "tests/unit/of_peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "controller/base/log.h"

static void
identified_cb(struct ofconn *conn, void *f_)
{
    struct fixture *f = f_;
    struct ofconn *older = f->conn;

    f->n_identified++;
    f->conn = conn;
    f->is_open = true;
    if (f->close_older && older) {
        ofconn_close(older, "replaced");
    }
    if (f->take) {
        ofconn_take(conn);
    }
}

static void
ready_cb(struct ofconn *conn, void *f_)
{
    struct fixture *f = f_;

    assert_true(f->is_open);
    f->n_ready++;
}

static void
message_cb(struct ofconn *conn, struct of_message *msg, void *f_)
{
    struct fixture *f = f_;

    assert_true(f->is_open);
    f->n_messages++;
    f->last_xid = msg->xid;
    if (f->n_messages == f->close_at_message) {
        ofconn_close(conn, "enough");
        f->is_open = false;
    }
}

static void
port_cb(struct ofconn *conn, const struct of_port *port, bool deleted,
        void *f_)
{
    struct fixture *f = f_;

    assert_true(f->is_open);
    f->n_ports++;
    f->port = *port;
    f->port_deleted = deleted;
}

static void
closed_cb(struct ofconn *conn, const char *reason, void *f_)
{
    struct fixture *f = f_;

    f->n_closed++;
    if (f->conn == conn) {
        f->conn = NULL;
        f->is_open = false;
    }
    snprintf(f->reason, sizeof f->reason, "%s", reason);
}

static void
idle_cb(void *f_)
{
    struct fixture *f = f_;

    f->n_idle++;
    if (f->answer_in_idle && f->conn) {
        ofcodec_put_barrier(ofconn_tx(f->conn), ofconn_version(f->conn), 4711);
    }
}

static void
refused_cb(struct ofconn *conn, void *f_)
{
    struct fixture *f = f_;

    f->n_refused++;
}

const struct ofserver_cbs cbs = {
    identified_cb, ready_cb, message_cb, port_cb, closed_cb, idle_cb,
    refused_cb,
};

void
start(struct fixture *f)
{
    char *error;

    f->server = ofserver_create(f->base, &f->config, &cbs, f);
    assert_int_equal(ofserver_listen(f->server, f->target, &error), 0);
    assert_null(error);
}

int
set_up(void **state)
{
    struct fixture *f = fh_xcalloc(1, sizeof *f);

    alarm(60);                  /* For what never comes. */
    log_set_level(LOG_LVL_ERR);
    f->base = event_base_new();
    strcpy(f->dir, "/tmp/test_ofconn.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->target, sizeof f->target, "unix:%s/s", f->dir);
    f->config = (struct ofserver_config) {
        .echo_interval_ms = NEVER_MS, .dead_after_ms = NEVER_MS,
        .handshake_ms = NEVER_MS, .stranger_ms = NEVER_MS,
        .max_connections = 8, .max_strangers = 8,
        .max_backlog_bytes = 1 << 20,
    };
    f->take = true;
    f->close_at_message = -1;
    *state = f;
    return 0;
}

int
tear_down(void **state)
{
    struct fixture *f = *state;

    ofserver_destroy(f->server);
    event_base_free(f->base);
    assert_int_equal(rmdir(f->dir), 0);     /* The socket is gone. */
    free(f);
    return 0;
}

static void
peer_read_cb(evutil_socket_t fd, short what, void *p_)
{
    struct peer *p = p_;
    uint8_t bytes[65536];
    ssize_t n = recv(fd, bytes, sizeof bytes, 0);

    if (n > 0) {
        fh_buf_append(&p->rx, bytes, n);
    } else if (!n || errno == ECONNRESET) {
        p->eof = true;
        event_del(p->event);
    }
}

void
peer_use(struct fixture *f, struct peer *p, int fd)
{
    *p = (struct peer) { .f = f, .fd = fd, .version = OF_14 };
    p->event = event_new(f->base, fd, EV_READ | EV_PERSIST, peer_read_cb, p);
    event_add(p->event, NULL);
}

void
peer_connect(struct fixture *f, struct peer *p)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(sun.sun_path, sizeof sun.sun_path, "%s", f->target + 5);
    assert_int_equal(connect(fd, (struct sockaddr *) &sun, sizeof sun), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    peer_use(f, p, fd);
}

void
peer_close(struct peer *p)
{
    event_free(p->event);
    close(p->fd);
    fh_buf_destroy(&p->rx);
}

void
peer_send(struct peer *p, const void *data, size_t len)
{
    assert_int_equal(send(p->fd, data, len, MSG_NOSIGNAL), len);
}

static void
put_be32(uint8_t *p, uint32_t x)
{
    p[0] = x >> 24;
    p[1] = (uint8_t) (x >> 16);
    p[2] = (uint8_t) (x >> 8);
    p[3] = (uint8_t) x;
}

uint32_t
get_be32(const uint8_t *p)
{
    return (uint32_t) p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

void
append_message(struct fh_buf *buf, uint8_t version, uint8_t type, uint32_t xid,
               const void *body, size_t len)
{
    uint8_t *p = fh_buf_put(buf, 8 + len);

    p[0] = version;
    p[1] = type;
    p[2] = (uint8_t) ((8 + len) >> 8);
    p[3] = (uint8_t) (8 + len);
    put_be32(p + 4, xid);
    if (len) {
        memcpy(p + 8, body, len);
    }
}

void
peer_say(struct peer *p, uint8_t type, uint32_t xid, const void *body,
         size_t len)
{
    struct fh_buf buf = { 0 };

    append_message(&buf, p->version, type, xid, body, len);
    peer_send(p, buf.data, buf.len);
    fh_buf_destroy(&buf);
}

bool
has_message(const struct peer *p)
{
    int length = ofcodec_frame(p->rx.data, p->rx.len);

    return length > 0 && p->rx.len >= length;
}

uint32_t
peer_expect(struct peer *p, int type)
{
    uint32_t xid;

    run_until(p->f, has_message(p));
    assert_int_equal(p->rx.data[1], type);
    xid = get_be32(p->rx.data + 4);
    fh_buf_pull(&p->rx, ofcodec_frame(p->rx.data, p->rx.len));
    return xid;
}

void
peer_say_hello(struct peer *p, uint32_t peer_versions)
{
    struct fh_buf buf = { 0 };

    ofcodec_put_hello_versions(&buf, 1, peer_versions);
    peer_send(p, buf.data, buf.len);
    fh_buf_destroy(&buf);
}

void
peer_say_features(struct peer *p, uint32_t xid, uint8_t dpid, uint8_t aux_id)
{
    uint8_t body[24] = { [7] = dpid, [12] = 254, [13] = aux_id };

    peer_say(p, FEATURES_REPLY, xid, body, sizeof body);
}

void
make_port(uint8_t *p, uint32_t number, const char *name, bool up)
{
    memset(p, 0, 40);
    put_be32(p, number);
    p[5] = 40;
    memcpy(p + 16, name, strlen(name));
    put_be32(p + 36, up ? 4 : 1);   /* LIVE, or LINK_DOWN. */
}

void
peer_say_ports(struct peer *p, uint32_t xid)
{
    uint8_t body[8 + 2 * 40] = { 0, 13 };

    make_port(body + 8, 1, "access", true);
    make_port(body + 48, 2, "uplink", false);
    peer_say(p, MULTIPART_REPLY, xid, body, sizeof body);
}

void
peer_say_role(struct peer *p, uint32_t xid)
{
    uint8_t body[16] = { 0, 0, 0, 2 };

    peer_say(p, ROLE_REPLY, xid, body, sizeof body);
}

/* What the bridge knows of masters before. */
static void
peer_say_generation(struct peer *p, uint32_t xid, bool had_master)
{
    uint8_t body[16] = { 0, 0, 0, 1 };

    memset(body + 8, had_master ? 0 : 0xff, 8);
    peer_say(p, ROLE_REPLY, xid, body, sizeof body);
}

void
peer_identify(struct peer *p, uint8_t dpid)
{
    int n = p->f->n_identified;

    peer_say_hello(p, 0x7e);
    peer_expect(p, HELLO);
    peer_say_features(p, peer_expect(p, FEATURES_REQUEST), dpid, 0);
    run_until(p->f, p->f->n_identified > n);
}

void
peer_become_ready(struct peer *p)
{
    int n = p->f->n_ready;

    peer_identify(p, 10);
    peer_say_generation(p, peer_expect(p, ROLE_REQUEST), p->had_master);
    peer_say_ports(p, peer_expect(p, MULTIPART_REQUEST));
    peer_expect(p, SET_CONFIG);
    peer_expect(p, SET_ASYNC);
    peer_say_role(p, peer_expect(p, ROLE_REQUEST));
    peer_say(p, BARRIER_REPLY, peer_expect(p, BARRIER_REQUEST), NULL, 0);
    run_until(p->f, p->f->n_ready > n);
}

struct fh_openflow_status
counters(const struct fixture *f)
{
    struct fh_openflow_status c;

    ofserver_get_counters(f->server, &c);
    return c;
}
