/* controller/bridge/ofserver over real sockets: bad bridges, too many of them,
 * where it listens, and whom it dials. */
#include <config.h>

#include "controller/bridge/ofconn.h"
#include "controller/bridge/ofserver.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include <event2/listener.h>

#include "tests/unit/of_peer.h"

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
        TEST(garbage_ends_the_connection_with_a_reason),
        TEST(more_ports_than_a_bridge_can_have_end_the_connection),
        TEST(a_bridge_that_does_not_read_is_closed),
        TEST(what_a_slow_bridge_left_comes_later_and_whole),
        TEST(more_connections_than_allowed_are_refused),
        TEST(strangers_keep_no_bridge_out),
        TEST(one_address_has_so_many_strangers_and_no_more),
        TEST(a_stranger_is_closed_in_time),
        TEST(a_bridge_that_hangs_up_is_closed),
        TEST(targets_are_checked),
        TEST(a_bad_target_is_refused_with_its_name),
        TEST(a_live_socket_is_not_taken_away),
        TEST(a_dead_socket_is_replaced_and_a_file_is_not),
        TEST(a_bridge_is_dialled_until_it_answers_and_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
