/* controller/bridge/ofconn and ofserver, over real sockets, with a scripted bridge
 * in the same event loop.  Nothing sleeps: run_until() turns the loop until
 * something has happened. */
#include <config.h>

#include "controller/bridge/ofconn.h"
#include "controller/bridge/ofserver.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include <event2/listener.h>

#include "controller/base/log.h"

enum {                          /* Header types, 7.1.1. */
    HELLO = 0, ERROR = 1, ECHO_REQUEST = 2, ECHO_REPLY = 3,
    FEATURES_REQUEST = 5, FEATURES_REPLY = 6, SET_CONFIG = 9, PACKET_IN = 10,
    PORT_STATUS = 12, MULTIPART_REQUEST = 18, MULTIPART_REPLY = 19,
    BARRIER_REQUEST = 20, BARRIER_REPLY = 21, ROLE_REQUEST = 24,
    ROLE_REPLY = 25, SET_ASYNC = 28,
};

#define NEVER_MS 1000000        /* Longer than any test. */

struct fixture {
    struct event_base *base;
    struct ofserver_config config;
    struct ofserver *server;
    char dir[32];
    char target[64];            /* unix: */

    /* What the callbacks saw. */
    int n_identified, n_ready, n_messages, n_ports, n_closed, n_idle;
    struct ofconn *conn;        /* The last one identified. */
    char reason[128];           /* Why the last one was closed. */
    struct of_port port;
    bool port_deleted;
    uint32_t last_xid;          /* Of the last message. */
    bool is_open;               /* Nothing may be called after 'closed'. */

    /* What they do. */
    bool take;
    bool close_older;
    int close_at_message;       /* -1: never. */
    bool answer_in_idle;
};

/* The bridge's end. */
struct peer {
    struct fixture *f;
    int fd;
    struct event *event;
    struct fh_buf rx;
    bool eof;
    uint8_t version;
    bool had_master;
};

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

static const struct ofserver_cbs cbs = {
    identified_cb, ready_cb, message_cb, port_cb, closed_cb, idle_cb,
};

/* The server, once its settings are as the test wants them. */
static void
start(struct fixture *f)
{
    char *error;

    f->server = ofserver_create(f->base, &f->config, &cbs, f);
    assert_int_equal(ofserver_listen(f->server, f->target, &error), 0);
    assert_null(error);
}

static int
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

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    ofserver_destroy(f->server);
    event_base_free(f->base);
    assert_int_equal(rmdir(f->dir), 0);     /* The socket is gone. */
    free(f);
    return 0;
}

#define run_until(F, CONDITION)                         \
    while (!(CONDITION)) {                              \
        assert_int_equal(event_base_loop((F)->base, EVLOOP_ONCE), 0); \
    }

/* The bridge. */

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

static void
peer_use(struct fixture *f, struct peer *p, int fd)
{
    *p = (struct peer) { .f = f, .fd = fd, .version = OF_14 };
    p->event = event_new(f->base, fd, EV_READ | EV_PERSIST, peer_read_cb, p);
    event_add(p->event, NULL);
}

static void
peer_connect(struct fixture *f, struct peer *p)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(sun.sun_path, sizeof sun.sun_path, "%s", f->target + 5);
    assert_int_equal(connect(fd, (struct sockaddr *) &sun, sizeof sun), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    peer_use(f, p, fd);
}

static void
peer_close(struct peer *p)
{
    event_free(p->event);
    close(p->fd);
    fh_buf_destroy(&p->rx);
}

static void
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

static uint32_t
get_be32(const uint8_t *p)
{
    return (uint32_t) p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static void
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

static void
peer_say(struct peer *p, uint8_t type, uint32_t xid, const void *body,
         size_t len)
{
    struct fh_buf buf = { 0 };

    append_message(&buf, p->version, type, xid, body, len);
    peer_send(p, buf.data, buf.len);
    fh_buf_destroy(&buf);
}

static bool
has_message(const struct peer *p)
{
    int length = ofcodec_frame(p->rx.data, p->rx.len);

    return length > 0 && p->rx.len >= length;
}

/* Waits for the next message, which must be of 'type'.  Returns its xid. */
static uint32_t
peer_expect(struct peer *p, int type)
{
    uint32_t xid;

    run_until(p->f, has_message(p));
    assert_int_equal(p->rx.data[1], type);
    xid = get_be32(p->rx.data + 4);
    fh_buf_pull(&p->rx, ofcodec_frame(p->rx.data, p->rx.len));
    return xid;
}

static void
peer_say_hello(struct peer *p, uint32_t peer_versions)
{
    struct fh_buf buf = { 0 };

    ofcodec_put_hello_versions(&buf, 1, peer_versions);
    peer_send(p, buf.data, buf.len);
    fh_buf_destroy(&buf);
}

static void
peer_say_features(struct peer *p, uint32_t xid, uint8_t dpid, uint8_t aux_id)
{
    uint8_t body[24] = { [7] = dpid, [12] = 254, [13] = aux_id };

    peer_say(p, FEATURES_REPLY, xid, body, sizeof body);
}

/* A port of 1.4 without properties. */
static void
make_port(uint8_t *p, uint32_t number, const char *name, bool up)
{
    memset(p, 0, 40);
    put_be32(p, number);
    p[5] = 40;
    memcpy(p + 16, name, strlen(name));
    put_be32(p + 36, up ? 4 : 1);   /* LIVE, or LINK_DOWN. */
}

static void
peer_say_ports(struct peer *p, uint32_t xid)
{
    uint8_t body[8 + 2 * 40] = { 0, 13 };

    make_port(body + 8, 1, "access", true);
    make_port(body + 48, 2, "uplink", false);
    peer_say(p, MULTIPART_REPLY, xid, body, sizeof body);
}

static void
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

static void
peer_say_error(struct peer *p, uint32_t xid, uint8_t type, uint8_t code)
{
    uint8_t body[12] = { 0, type, 0, code };

    peer_say(p, ERROR, xid, body, sizeof body);
}

/* Up to the datapath id. */
static void
peer_identify(struct peer *p, uint8_t dpid)
{
    int n = p->f->n_identified;

    peer_say_hello(p, 0x7e);
    peer_expect(p, HELLO);
    peer_say_features(p, peer_expect(p, FEATURES_REQUEST), dpid, 0);
    run_until(p->f, p->f->n_identified > n);
}

/* Up to READY. */
static void
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

static struct fh_openflow_status
counters(const struct fixture *f)
{
    struct fh_openflow_status c;

    ofserver_get_counters(f->server, &c);
    return c;
}

/* Versions. */

static void
a_bridge_with_all_versions_comes_to_1_4(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    start(f);
    peer_connect(f, &p);
    peer_say_hello(&p, 0x7e);
    run_until(f, has_message(&p));
    assert_int_equal(p.rx.data[0], OF_14);      /* Its hello's version. */
    assert_int_equal(get_be32(p.rx.data + 12), 0x30);   /* 1.3 and 1.4. */
    peer_expect(&p, HELLO);
    run_until(f, has_message(&p));
    assert_int_equal(p.rx.data[0], OF_14);
    peer_expect(&p, FEATURES_REQUEST);
    peer_close(&p);
}

static void
a_bridge_with_only_1_5_is_accepted(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    start(f);
    f->take = false;
    peer_connect(f, &p);
    p.version = OF_15;
    peer_say_hello(&p, 0x40);
    peer_expect(&p, HELLO);
    peer_say_features(&p, peer_expect(&p, FEATURES_REQUEST), 1, 0);
    run_until(f, f->n_identified);
    assert_int_equal(ofconn_version(f->conn), OF_15);
    assert_string_equal(ofconn_version_name(f->conn), "1.5");
    peer_close(&p);
}

static void
a_bridge_without_1_3_is_told_and_counted(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    start(f);
    peer_connect(f, &p);
    peer_say_hello(&p, 0x0e);
    peer_expect(&p, HELLO);
    run_until(f, has_message(&p));
    assert_int_equal(p.rx.data[0], 3);          /* It reads 1.2 at best. */
    peer_expect(&p, ERROR);
    run_until(f, p.eof);
    assert_int_equal(counters(f).refused, 1);
    assert_int_equal(f->n_closed, 0);           /* Was never identified. */
    peer_close(&p);
}

static void
a_bridge_that_waits_for_our_hello_gets_it(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    start(f);
    peer_connect(f, &p);
    run_until(f, has_message(&p));
    assert_int_equal(get_be32(p.rx.data + 12), 0x70);
    peer_expect(&p, HELLO);
    p.version = OF_15;          /* The highest common one, as ever. */
    peer_say_hello(&p, 0x70);
    peer_say_features(&p, peer_expect(&p, FEATURES_REQUEST), 1, 0);
    run_until(f, f->n_identified);
    assert_int_equal(ofconn_version(f->conn), OF_15);
    peer_close(&p);
}

/* Handshake. */

static void
a_bridge_that_nobody_takes_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct peer p;
    uint8_t body[4] = "ping";

    start(f);
    f->take = false;
    peer_connect(f, &p);
    peer_identify(&p, 10);
    assert_int_equal(ofconn_dpid(f->conn), 10);
    assert_false(ofconn_is_ready(f->conn));
    peer_say(&p, BARRIER_REPLY, 1, NULL, 0);
    peer_say(&p, ECHO_REQUEST, 77, body, sizeof body);
    run_until(f, has_message(&p));
    assert_memory_equal(p.rx.data + 8, body, 4);
    assert_int_equal(peer_expect(&p, ECHO_REPLY), 77);
    assert_int_equal(p.rx.len, 0);
    assert_int_equal(f->n_messages, 0);
    peer_close(&p);
}

static void
a_taken_bridge_is_set_up_and_ready(void **state)
{
    struct fixture *f = *state;
    struct peer p;
    size_t n;

    start(f);
    peer_connect(f, &p);
    peer_become_ready(&p);
    assert_true(ofconn_is_ready(f->conn));
    ofconn_ports(f->conn, &n);
    assert_int_equal(n, 2);
    assert_true(ofconn_port_by_name(f->conn, "access")->up);
    assert_false(ofconn_port_by_number(f->conn, 2)->up);
    assert_null(ofconn_port_by_name(f->conn, "other"));
    peer_close(&p);
}

static void
byte_by_byte_is_as_good_as_in_one_piece(void **state)
{
    struct fixture *f = *state;
    struct fh_buf buf = { 0 };
    uint8_t features[24] = { [7] = 9, [12] = 254 };
    struct peer p;

    start(f);
    f->take = false;
    peer_connect(f, &p);
    ofcodec_put_hello_versions(&buf, 1, 0x20);
    append_message(&buf, OF_14, FEATURES_REPLY, 2, features, sizeof features);
    for (size_t i = 0; i < buf.len; i++) {
        uint64_t before = counters(f).bytes_in;

        peer_send(&p, buf.data + i, 1);
        run_until(f, counters(f).bytes_in > before);
    }
    run_until(f, f->n_identified);
    assert_int_equal(ofconn_dpid(f->conn), 9);
    assert_int_equal(counters(f).messages_in, 2);
    fh_buf_destroy(&buf);
    peer_close(&p);
}

static void
all_in_one_piece_is_as_good_as_in_turn(void **state)
{
    struct fixture *f = *state;
    struct fh_buf buf = { 0 };
    struct peer p;

    start(f);
    peer_connect(f, &p);
    peer_become_ready(&p);
    for (uint32_t i = 1; i <= 10000; i++) {
        append_message(&buf, OF_14, BARRIER_REPLY, i, NULL, 0);
    }
    peer_send(&p, buf.data, buf.len);
    run_until(f, f->n_messages == 10000);
    assert_int_equal(f->last_xid, 10000);
    fh_buf_destroy(&buf);
    peer_close(&p);
}

static void
idle_comes_once_behind_what_was_read_and_its_answers_go_out(void **state)
{
    struct fixture *f = *state;
    struct fh_buf buf = { 0 };
    struct peer p;
    int n_idle;

    start(f);
    peer_connect(f, &p);
    peer_become_ready(&p);
    n_idle = f->n_idle;
    f->answer_in_idle = true;
    for (uint32_t i = 1; i <= 1000; i++) {
        append_message(&buf, OF_14, BARRIER_REPLY, i, NULL, 0);
    }
    peer_send(&p, buf.data, buf.len);
    run_until(f, f->n_messages == 1000);
    assert_int_equal(f->n_idle, n_idle + 1);
    assert_int_equal(peer_expect(&p, BARRIER_REQUEST), 4711);
    fh_buf_destroy(&buf);
    peer_close(&p);
}

static void
a_bridge_says_whether_it_has_had_a_master(void **state)
{
    struct fixture *f = *state;

    start(f);
    for (int i = 0; i < 2; i++) {
        struct peer p;

        peer_connect(f, &p);
        p.had_master = i;
        peer_become_ready(&p);
        assert_int_equal(ofconn_had_master(f->conn), i);
        peer_close(&p);
        run_until(f, f->n_closed == i + 1);
    }
}

static void
a_stale_generation_is_tried_again_with_a_larger_one(void **state)
{
    struct fixture *f = *state;
    uint64_t last = 0;
    struct peer p;

    start(f);
    peer_connect(f, &p);
    peer_identify(&p, 10);
    peer_expect(&p, ROLE_REQUEST);      /* What it is. */
    peer_say_ports(&p, peer_expect(&p, MULTIPART_REQUEST));
    peer_expect(&p, SET_CONFIG);
    peer_expect(&p, SET_ASYNC);
    for (int i = 0; i < 3; i++) {
        uint64_t generation;
        uint32_t xid;

        run_until(f, has_message(&p));
        generation = (uint64_t) get_be32(p.rx.data + 16) << 32
                     | get_be32(p.rx.data + 20);
        assert_true(generation > last);
        last = generation;
        xid = peer_expect(&p, ROLE_REQUEST);
        if (i < 2) {
            peer_say_error(&p, xid, OF_ERROR_ROLE_FAILED, OF_ERROR_ROLE_STALE);
        } else {
            peer_say_role(&p, xid);
        }
        peer_say(&p, BARRIER_REPLY, peer_expect(&p, BARRIER_REQUEST), NULL, 0);
    }
    run_until(f, f->n_ready);
    peer_close(&p);
}

static void
a_generation_that_stays_stale_ends_the_connection(void **state)
{
    struct fixture *f = *state;
    int n_asked = 0, n_tries = 0;
    struct peer p;

    start(f);
    peer_connect(f, &p);
    peer_identify(&p, 10);
    while (!f->n_closed) {
        run_until(f, has_message(&p) || p.eof);
        if (has_message(&p)) {
            int type = p.rx.data[1];
            uint32_t xid = peer_expect(&p, type);

            if (type == ROLE_REQUEST && n_asked++) {
                n_tries++;
                peer_say_error(&p, xid, OF_ERROR_ROLE_FAILED,
                               OF_ERROR_ROLE_STALE);
            }
        } else {
            run_until(f, f->n_closed);
        }
    }
    assert_in_range(n_tries, 2, 10);
    assert_string_equal(f->reason, "refused to be set up: OFPRRFC_STALE");
    peer_close(&p);
}

static void
the_generation_grows_with_each_take(void **state)
{
    struct fixture *f = *state;
    uint64_t generations[2];

    start(f);
    for (int i = 0; i < 2; i++) {
        struct peer p;

        peer_connect(f, &p);
        peer_identify(&p, 10);
        peer_expect(&p, ROLE_REQUEST);      /* What it is. */
        peer_expect(&p, MULTIPART_REQUEST);
        peer_expect(&p, SET_CONFIG);
        peer_expect(&p, SET_ASYNC);
        run_until(f, has_message(&p));
        generations[i] = (uint64_t) get_be32(p.rx.data + 16) << 32
                         | get_be32(p.rx.data + 20);
        peer_close(&p);
        run_until(f, f->n_closed == i + 1);
    }
    assert_true(generations[1] > generations[0]);
}

static void
a_handshake_that_takes_too_long_ends(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    f->config.handshake_ms = 30;
    start(f);
    peer_connect(f, &p);
    peer_say_hello(&p, 0x20);
    run_until(f, p.eof);
    peer_close(&p);

    peer_connect(f, &p);        /* Nor may the setup take for ever. */
    peer_identify(&p, 10);
    run_until(f, f->n_closed);
    assert_string_equal(f->reason, "handshake takes too long");
    peer_close(&p);
}

static void
an_auxiliary_connection_is_refused(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    start(f);
    peer_connect(f, &p);
    peer_say_hello(&p, 0x20);
    peer_expect(&p, HELLO);
    peer_say_features(&p, peer_expect(&p, FEATURES_REQUEST), 1, 1);
    run_until(f, p.eof);
    assert_int_equal(f->n_identified, 0);
    peer_close(&p);
}

static void
the_newer_of_two_with_one_datapath_can_win(void **state)
{
    struct fixture *f = *state;
    struct peer older, newer;

    start(f);
    f->take = false;
    f->close_older = true;
    peer_connect(f, &older);
    peer_identify(&older, 10);
    peer_connect(f, &newer);
    peer_identify(&newer, 10);
    run_until(f, f->n_closed);
    assert_string_equal(f->reason, "replaced");
    assert_non_null(f->conn);
    run_until(f, older.eof);
    assert_false(newer.eof);
    peer_close(&older);
    peer_close(&newer);
}

/* Bad bridges. */

static void
assert_ends_after(struct fixture *f, const void *bytes, size_t len,
                  const char *reason)
{
    uint64_t n_errors;
    int n_closed = f->n_closed;
    struct peer p;

    peer_connect(f, &p);
    peer_become_ready(&p);
    n_errors = counters(f).protocol_errors;
    peer_send(&p, bytes, len);
    run_until(f, f->n_closed > n_closed);
    assert_string_equal(f->reason, reason);
    assert_int_equal(counters(f).protocol_errors, n_errors + 1);
    run_until(f, p.eof);
    peer_close(&p);
}

static void
garbage_ends_the_connection_with_a_reason(void **state)
{
    struct fixture *f = *state;
    const uint8_t short_length[] = { 5, 10, 0, 7, 0, 0, 0, 0 };
    const uint8_t short_packet_in[] = { 5, 10, 0, 12, 0, 0, 0, 0, 1, 2, 3, 4 };
    const uint8_t wrong_version[] = { 4, 21, 0, 8, 0, 0, 0, 0 };
    const uint8_t unknown_type[] = { 5, 99, 0, 8, 0, 0, 0, 0 };

    start(f);
    assert_ends_after(f, "GET / HTTP/1.1", 14,
                      "protocol error: not an OpenFlow header");
    assert_ends_after(f, short_length, sizeof short_length,
                      "protocol error: not an OpenFlow header");
    assert_ends_after(f, short_packet_in, sizeof short_packet_in,
                      "protocol error: packet-in is too short");
    assert_ends_after(f, wrong_version, sizeof wrong_version,
                      "protocol error: version is not the negotiated one");
    assert_ends_after(f, unknown_type, sizeof unknown_type,
                      "protocol error: OFPBRC_BAD_TYPE");
}

static void
more_ports_than_a_bridge_can_have_end_the_connection(void **state)
{
    struct fixture *f = *state;
    uint8_t body[8 + 100 * 40];
    struct peer p;
    uint32_t xid;

    start(f);
    peer_connect(f, &p);
    peer_identify(&p, 10);
    peer_expect(&p, ROLE_REQUEST);      /* What it is. */
    xid = peer_expect(&p, MULTIPART_REQUEST);
    for (uint32_t number = 1; !f->n_closed; ) {
        uint64_t before = counters(f).messages_in;

        memset(body, 0, sizeof body);
        body[1] = 13;
        body[3] = 1;            /* More. */
        for (int i = 0; i < 100; i++) {
            make_port(body + 8 + i * 40, number++, "port", true);
        }
        assert_true(number < 10000);
        peer_say(&p, MULTIPART_REPLY, xid, body, sizeof body);
        run_until(f, counters(f).messages_in > before);
        event_base_loop(f->base, EVLOOP_NONBLOCK);
    }
    assert_string_equal(f->reason, "protocol error: too many ports");
    peer_close(&p);
}

static void
a_bridge_that_does_not_read_is_closed(void **state)
{
    struct fixture *f = *state;
    uint8_t bytes[1000] = { 0 };
    struct peer p;

    start(f);
    peer_connect(f, &p);
    peer_become_ready(&p);
    event_del(p.event);
    while (!f->n_closed) {
        assert_true(ofconn_backlog_bytes(f->conn) < 1200000);
        for (int i = 0; i < 100; i++) {
            ofcodec_put_echo_reply(ofconn_tx(f->conn), OF_14, 1, bytes,
                                   sizeof bytes);
        }
        event_base_loop(f->base, EVLOOP_NONBLOCK);
    }
    assert_memory_equal(f->reason, "reads too slowly", 16);
    peer_close(&p);
}

static void
what_a_slow_bridge_left_comes_later_and_whole(void **state)
{
    struct fixture *f = *state;
    uint8_t bytes[1000] = { 0 };
    struct peer p;

    start(f);
    peer_connect(f, &p);
    peer_become_ready(&p);
    event_del(p.event);
    for (uint32_t i = 1; i <= 900; i++) {
        ofcodec_put_echo_reply(ofconn_tx(f->conn), OF_14, i, bytes,
                               sizeof bytes);
        event_base_loop(f->base, EVLOOP_NONBLOCK);
    }
    assert_true(ofconn_backlog_bytes(f->conn) > 0);
    event_add(p.event, NULL);
    for (uint32_t i = 1; i <= 900; i++) {
        assert_int_equal(peer_expect(&p, ECHO_REPLY), i);
    }
    assert_int_equal(ofconn_backlog_bytes(f->conn), 0);
    peer_close(&p);
}

static void
more_connections_than_allowed_are_refused(void **state)
{
    struct fixture *f = *state;
    struct peer first, second;

    f->config.max_connections = 1;
    start(f);
    peer_connect(f, &first);
    peer_become_ready(&first);
    peer_connect(f, &second);
    run_until(f, second.eof);
    assert_int_equal(counters(f).refused, 1);
    assert_int_equal(counters(f).accepted, 1);
    assert_false(first.eof);
    peer_close(&first);
    peer_close(&second);
}

/* Strangers that behave as bridges do, and echo for ever, have all the
 * connections there are. */
static void
strangers_keep_no_bridge_out(void **state)
{
    struct fixture *f = *state;
    struct peer strangers[7], silent, ours;
    int n_gone = 0;

    start(f);
    peer_connect(f, &silent);
    f->take = false;
    for (int i = 0; i < 7; i++) {
        peer_connect(f, &strangers[i]);
        peer_identify(&strangers[i], 100 + i);
    }
    f->take = true;
    peer_connect(f, &ours);
    peer_become_ready(&ours);
    run_until(f, f->n_closed);
    for (int i = 0; i < 7; i++) {
        n_gone += strangers[i].eof;
    }
    assert_int_equal(n_gone, 1);
    assert_true(strangers[0].eof);      /* The oldest that has told its id. */
    assert_false(silent.eof);           /* It may yet be one of ours. */
    assert_int_equal(counters(f).strangers, 1);
    assert_int_equal(counters(f).refused, 0);
    for (int i = 0; i < 7; i++) {
        peer_close(&strangers[i]);
    }
    peer_close(&silent);
    peer_close(&ours);
}

static void
one_address_has_so_many_strangers_and_no_more(void **state)
{
    struct fixture *f = *state;
    struct peer peers[4], ours;

    f->config.max_strangers = 3;
    start(f);
    peer_connect(f, &ours);
    peer_become_ready(&ours);           /* Is none, and does not count. */
    for (int i = 0; i < 4; i++) {
        peer_connect(f, &peers[i]);
        peer_say_hello(&peers[i], 0x20);
        peer_expect(&peers[i], HELLO);
    }
    run_until(f, peers[0].eof);
    assert_false(peers[1].eof || peers[2].eof || peers[3].eof || ours.eof);
    assert_int_equal(counters(f).strangers, 1);
    for (int i = 0; i < 4; i++) {
        peer_close(&peers[i]);
    }
    peer_close(&ours);
}

static void
a_stranger_is_closed_in_time(void **state)
{
    struct fixture *f = *state;
    struct peer stranger, ours;

    f->config.stranger_ms = 1;
    start(f);
    peer_connect(f, &ours);
    peer_become_ready(&ours);
    f->take = false;
    peer_connect(f, &stranger);
    peer_identify(&stranger, 99);
    run_until(f, stranger.eof);
    run_until(f, f->n_closed);
    assert_string_equal(f->reason, "no bridge of ours");
    assert_int_equal(counters(f).strangers, 1);
    assert_false(ours.eof);
    peer_close(&stranger);
    peer_close(&ours);
}

static void
a_bridge_that_hangs_up_is_closed(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    start(f);
    peer_connect(f, &p);
    peer_become_ready(&p);
    peer_close(&p);
    ofcodec_put_barrier(ofconn_tx(f->conn), OF_14, 1);  /* EPIPE, maybe. */
    run_until(f, f->n_closed);
    assert_int_equal(f->n_closed, 1);
}

/* Echo. */

static void
a_silent_bridge_is_asked_then_dead(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    f->config.echo_interval_ms = 10;
    f->config.dead_after_ms = 50;
    start(f);
    f->take = false;
    peer_connect(f, &p);
    peer_identify(&p, 10);
    peer_expect(&p, ECHO_REQUEST);
    run_until(f, f->n_closed);
    assert_memory_equal(f->reason, "no sign of life for ", 20);
    assert_int_equal(counters(f).dead, 1);
    peer_close(&p);
}

static void
a_bridge_that_says_anything_lives(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    f->config.echo_interval_ms = 20;
    f->config.dead_after_ms = 500;
    start(f);
    peer_connect(f, &p);
    peer_become_ready(&p);
    for (int i = 0; i < 30; i++) {      /* Longer than dead_after_ms. */
        uint32_t xid = peer_expect(&p, ECHO_REQUEST);

        if (i % 2) {
            peer_say(&p, ECHO_REPLY, xid, NULL, 0);
        } else {
            peer_say(&p, BARRIER_REPLY, 1, NULL, 0);
        }
    }
    run_until(f, f->n_messages == 30);  /* The owner's fences among them. */
    assert_int_equal(f->n_closed, 0);
    peer_close(&p);
}

/* Messages and ports. */

static void
port_status_changes_the_list_and_is_told(void **state)
{
    struct fixture *f = *state;
    uint8_t body[8 + 40] = { 2 };       /* Modified. */
    struct peer p;
    size_t n;

    start(f);
    peer_connect(f, &p);
    peer_become_ready(&p);
    make_port(body + 8, 1, "access", false);
    peer_say(&p, PORT_STATUS, 0, body, sizeof body);
    run_until(f, f->n_ports == 1);
    assert_false(f->port.up);
    assert_false(f->port_deleted);
    assert_false(ofconn_port_by_number(f->conn, 1)->up);

    body[0] = 0;                        /* Added. */
    make_port(body + 8, 3, "new", true);
    peer_say(&p, PORT_STATUS, 0, body, sizeof body);
    run_until(f, f->n_ports == 2);
    assert_non_null(ofconn_port_by_name(f->conn, "new"));

    body[0] = 1;                        /* Deleted. */
    make_port(body + 8, 1, "access", false);
    peer_say(&p, PORT_STATUS, 0, body, sizeof body);
    run_until(f, f->n_ports == 3);
    assert_true(f->port_deleted);
    assert_null(ofconn_port_by_number(f->conn, 1));
    ofconn_ports(f->conn, &n);
    assert_int_equal(n, 2);
    assert_int_equal(f->n_messages, 0);
    peer_close(&p);
}

static void
a_meter_that_exists_is_no_news(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    start(f);
    peer_connect(f, &p);
    peer_become_ready(&p);
    peer_say_error(&p, 5, OF_ERROR_METER_FAILED, OF_ERROR_METER_EXISTS);
    peer_say_error(&p, 6, OF_ERROR_METER_FAILED, 2);
    run_until(f, f->n_messages);
    assert_int_equal(f->n_messages, 1);
    assert_int_equal(f->last_xid, 6);
    peer_close(&p);
}

static void
after_closing_nothing_is_called_but_closed(void **state)
{
    struct fixture *f = *state;
    struct fh_buf buf = { 0 };
    struct peer p;

    start(f);
    peer_connect(f, &p);
    peer_become_ready(&p);
    f->close_at_message = 3;
    for (uint32_t i = 1; i <= 10; i++) {
        append_message(&buf, OF_14, BARRIER_REPLY, i, NULL, 0);
    }
    peer_send(&p, buf.data, buf.len);
    run_until(f, f->n_closed);
    assert_int_equal(f->n_messages, 3);
    assert_string_equal(f->reason, "enough");
    fh_buf_destroy(&buf);
    peer_close(&p);
}

static void
count_conn(struct ofconn *conn, void *n_)
{
    int *n = n_;

    (*n)++;
    ofconn_close(conn, "counted");
}

static void
for_each_may_close(void **state)
{
    struct fixture *f = *state;
    struct peer peers[3];
    int n = 0;

    start(f);
    f->take = false;
    for (int i = 0; i < 3; i++) {
        peer_connect(f, &peers[i]);
        if (i < 2) {
            peer_identify(&peers[i], i);
        }
    }
    ofserver_for_each(f->server, count_conn, &n);
    assert_int_equal(n, 2);
    assert_int_equal(f->n_closed, 0);   /* From the event loop only. */
    run_until(f, f->n_closed == 2);
    for (int i = 0; i < 3; i++) {
        peer_close(&peers[i]);
    }
}

static void
the_end_of_the_server_closes_all(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    start(f);
    peer_connect(f, &p);
    peer_become_ready(&p);
    ofserver_destroy(f->server);
    f->server = NULL;
    assert_int_equal(f->n_closed, 1);
    peer_close(&p);
}

/* Targets. */

static void
targets_are_checked(void **state)
{
    static const char *const good[] = {
        "tcp:127.0.0.1:6653", "tcp:[::1]:1", "tcp:0.0.0.0:65535", "unix:/x",
        "unix:x", "ssl:127.0.0.1:6653", "ssl:[::1]:6653",
    };
    static const char *const bad[] = {
        "", "tcp", "tcp:", "tcp:127.0.0.1", "tcp:127.0.0.1:", "tcp::6653",
        "tcp:127.0.0.1:0", "tcp:127.0.0.1:65536", "tcp:127.0.0.1:66x",
        "tcp:127.0.0.1:000080", "tcp:a.example:6653", "tcp:[::1]",
        "tcp:1.2.3.4.5:6653", "tls:127.0.0.1:6653", "ssl:127.0.0.1",
        "ssl:/x", "unix:",
    };
    char long_path[5 + 108 + 1];        /* sun_path has 108 bytes. */

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_null(ofserver_target_error(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (!ofserver_target_error(bad[i])) {
            fail_msg("%s was accepted", bad[i]);
        }
    }
    memset(long_path, 'x', sizeof long_path - 1);
    memcpy(long_path, "unix:", 5);
    long_path[sizeof long_path - 1] = '\0';
    assert_non_null(ofserver_target_error(long_path));
    long_path[sizeof long_path - 2] = '\0';
    assert_null(ofserver_target_error(long_path));
}

static void
a_bad_target_is_refused_with_its_name(void **state)
{
    struct fixture *f = *state;
    char *error;

    start(f);
    assert_int_equal(ofserver_listen(f->server, "udp:1:1", &error), EINVAL);
    assert_string_equal(error, "udp:1:1: must begin with tcp:, ssl: or "
                        "unix:");
    free(error);
    assert_int_equal(ofserver_dial(f->server, "udp:1:1", &error), EINVAL);
    free(error);
    assert_int_equal(ofserver_dial(f->server, "ssl:127.0.0.1:1", &error),
                     EINVAL);           /* Without a certificate. */
    free(error);
}

static void
a_live_socket_is_not_taken_away(void **state)
{
    struct fixture *f = *state;
    struct ofserver *other;
    char *error;

    start(f);
    assert_true(ofserver_is_listening(f->server, f->target));
    other = ofserver_create(f->base, &f->config, &cbs, f);
    assert_int_equal(ofserver_listen(other, f->target, &error), EADDRINUSE);
    assert_non_null(strstr(error, f->target));
    free(error);
    assert_false(ofserver_is_listening(other, f->target));
    ofserver_destroy(other);
}

static void
a_dead_socket_is_replaced_and_a_file_is_not(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct ofserver *server;
    char *error;

    snprintf(sun.sun_path, sizeof sun.sun_path, "%s", f->target + 5);
    assert_int_equal(bind(fd, (struct sockaddr *) &sun, sizeof sun), 0);
    close(fd);                  /* Leaves the file. */
    start(f);
    ofserver_unlisten(f->server, f->target);
    assert_false(ofserver_is_listening(f->server, f->target));
    assert_int_equal(access(f->target + 5, F_OK), -1);

    fd = open(f->target + 5, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    server = f->server;
    assert_int_equal(ofserver_listen(server, f->target, &error), EEXIST);
    free(error);
    assert_int_equal(unlink(f->target + 5), 0);
}

/* Dialling. */

struct bridge {
    struct fixture *f;
    struct evconnlistener *listener;
    struct peer peers[4];
    size_t n;
};

static void
bridge_accept_cb(struct evconnlistener *listener, evutil_socket_t fd,
                 struct sockaddr *sa, int len, void *bridge_)
{
    struct bridge *bridge = bridge_;

    assert_true(bridge->n < 4);
    peer_use(bridge->f, &bridge->peers[bridge->n++], fd);
}

static void
bridge_listen(struct fixture *f, struct bridge *bridge, const char *path)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };

    snprintf(sun.sun_path, sizeof sun.sun_path, "%s", path);
    *bridge = (struct bridge) { .f = f };
    bridge->listener = evconnlistener_new_bind(
        f->base, bridge_accept_cb, bridge, LEV_OPT_CLOSE_ON_FREE, 4,
        (struct sockaddr *) &sun, sizeof sun);
    assert_non_null(bridge->listener);
}

static void
count_timer(evutil_socket_t fd, short what, void *n_)
{
    int *n = n_;

    (*n)++;
}

static void
a_bridge_is_dialled_until_it_answers_and_again(void **state)
{
    struct fixture *f = *state;
    char path[64], target[80], *error;
    struct timeval tv = { 0, 150000 };
    struct bridge bridge;
    int n = 0;

    start(f);
    snprintf(path, sizeof path, "%s/bridge", f->dir);
    snprintf(target, sizeof target, "unix:%s", path);
    assert_int_equal(ofserver_dial(f->server, target, &error), 0);
    event_base_once(f->base, -1, EV_TIMEOUT, count_timer, &n, &tv);
    run_until(f, n);            /* Meanwhile it has tried in vain. */

    bridge_listen(f, &bridge, path);
    run_until(f, bridge.n == 1);
    peer_become_ready(&bridge.peers[0]);
    assert_string_equal(ofconn_peer(f->conn), target);

    peer_close(&bridge.peers[0]);
    run_until(f, f->n_closed == 1);
    run_until(f, bridge.n == 2);
    peer_become_ready(&bridge.peers[1]);

    ofserver_undial(f->server, target);
    run_until(f, bridge.peers[1].eof && f->n_closed == 2);
    assert_string_equal(f->reason, "no longer dialled");
    peer_close(&bridge.peers[1]);
    evconnlistener_free(bridge.listener);
    unlink(path);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_bridge_with_all_versions_comes_to_1_4),
        TEST(a_bridge_with_only_1_5_is_accepted),
        TEST(a_bridge_without_1_3_is_told_and_counted),
        TEST(a_bridge_that_waits_for_our_hello_gets_it),
        TEST(a_bridge_that_nobody_takes_is_left_alone),
        TEST(a_taken_bridge_is_set_up_and_ready),
        TEST(byte_by_byte_is_as_good_as_in_one_piece),
        TEST(all_in_one_piece_is_as_good_as_in_turn),
        TEST(idle_comes_once_behind_what_was_read_and_its_answers_go_out),
        TEST(a_bridge_says_whether_it_has_had_a_master),
        TEST(a_stale_generation_is_tried_again_with_a_larger_one),
        TEST(a_generation_that_stays_stale_ends_the_connection),
        TEST(the_generation_grows_with_each_take),
        TEST(a_handshake_that_takes_too_long_ends),
        TEST(an_auxiliary_connection_is_refused),
        TEST(the_newer_of_two_with_one_datapath_can_win),
        TEST(garbage_ends_the_connection_with_a_reason),
        TEST(more_ports_than_a_bridge_can_have_end_the_connection),
        TEST(a_bridge_that_does_not_read_is_closed),
        TEST(what_a_slow_bridge_left_comes_later_and_whole),
        TEST(more_connections_than_allowed_are_refused),
        TEST(strangers_keep_no_bridge_out),
        TEST(one_address_has_so_many_strangers_and_no_more),
        TEST(a_stranger_is_closed_in_time),
        TEST(a_bridge_that_hangs_up_is_closed),
        TEST(a_silent_bridge_is_asked_then_dead),
        TEST(a_bridge_that_says_anything_lives),
        TEST(port_status_changes_the_list_and_is_told),
        TEST(a_meter_that_exists_is_no_news),
        TEST(after_closing_nothing_is_called_but_closed),
        TEST(for_each_may_close),
        TEST(the_end_of_the_server_closes_all),
        TEST(targets_are_checked),
        TEST(a_bad_target_is_refused_with_its_name),
        TEST(a_live_socket_is_not_taken_away),
        TEST(a_dead_socket_is_replaced_and_a_file_is_not),
        TEST(a_bridge_is_dialled_until_it_answers_and_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
