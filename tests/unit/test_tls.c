/* tls: two sides that prove who they are, and whom they do not believe. */
#include <config.h>

#include "controller/base/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include <event2/event.h>
#include <openssl/ssl.h>

#include <firsthop/buf.h>

#include "controller/base/log.h"
#include "controller/bridge/ofserver.h"
#include "tests/unit/pki.h"

#define OK_FROM -1000
#define OK_TO   100000

struct side {
    struct tls_handshake *handshake;
    struct transport *transport;
    char why[128];
    bool done;
};

struct fixture {
    struct event_base *base;
    struct pki *pki;
    struct side a, b;           /* 'b' has dialled. */
};

static int
setup(void **state)
{
    struct fixture *f = fh_xcalloc(1, sizeof *f);

    log_set_level(LOG_LVL_ERR);
    signal(SIGPIPE, SIG_IGN);
    f->base = event_base_new();
    f->pki = pki_create();
    *state = f;
    return 0;
}

static void
side_uninit(struct side *side)
{
    tls_abandon(side->handshake);
    if (side->transport) {
        transport_close(side->transport);
    }
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    side_uninit(&f->a);
    side_uninit(&f->b);
    pki_destroy(f->pki);
    event_base_free(f->base);
    free(f);
    return 0;
}

static void
on_done(struct transport *transport, const char *why, void *side_)
{
    struct side *side = side_;

    side->handshake = NULL;
    side->transport = transport;
    snprintf(side->why, sizeof side->why, "%s", why ? why : "");
    side->done = true;
}

static struct tls *
make_tls(struct tls_files files)
{
    char *error = NULL;
    struct tls *tls = tls_create(&files, &error);

    assert_string_equal(error ? error : "", "");
    return tls;
}

static void
begin(struct fixture *f, struct side *side, struct tls_files files, int fd,
      int timeout_ms)
{
    struct tls *tls = make_tls(files);

    side->handshake = tls_shake(tls, f->base, fd, side == &f->b, timeout_ms,
                                on_done, side);
    tls_destroy(tls);           /* It goes on. */
}

static void
make_pair(int fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds),
                     0);
}

/* Has both sides shake hands. */
static void
shake(struct fixture *f, struct tls_files a, struct tls_files b)
{
    int fds[2];

    make_pair(fds);
    begin(f, &f->a, a, fds[0], 10000);
    begin(f, &f->b, b, fds[1], 10000);
    while (!f->a.done || !f->b.done) {
        event_base_loop(f->base, EVLOOP_ONCE);
    }
}

static struct tls_files
good(struct fixture *f, const char *name)
{
    return pki_issue(f->pki, "ca", name, -1, OK_FROM, OK_TO);
}

static void
both_sides_prove_who_they_are(void **state)
{
    struct fixture *f = *state;

    shake(f, good(f, "controller"), good(f, "br-a"));
    assert_non_null(f->a.transport);
    assert_non_null(f->b.transport);
    assert_string_equal(transport_peer_name(f->a.transport), "br-a");
    assert_string_equal(transport_peer_name(f->b.transport), "controller");
}

static void
a_name_with_a_null_byte_is_none(void **state)
{
    struct fixture *f = *state;

    shake(f, good(f, "controller"),
          pki_issue(f->pki, "ca", "br-a\0.evil", 10, OK_FROM, OK_TO));
    assert_non_null(f->a.transport);
    assert_null(transport_peer_name(f->a.transport));
}

static void
a_certificate_of_another_ca_is_not_believed(void **state)
{
    struct fixture *f = *state;
    struct tls_files other = pki_issue(f->pki, "other", "br-a", -1, OK_FROM,
                                       OK_TO);

    other.ca = pki_ca(f->pki, "ca");
    shake(f, good(f, "controller"), other);
    assert_null(f->a.transport);
    assert_string_equal(f->a.why, "unable to get local issuer certificate");
}

static void
nor_is_it_by_the_side_that_dialled(void **state)
{
    struct fixture *f = *state;
    struct tls_files other = pki_issue(f->pki, "other", "controller", -1,
                                       OK_FROM, OK_TO);

    other.ca = pki_ca(f->pki, "ca");
    shake(f, other, good(f, "br-a"));
    assert_null(f->b.transport);
    assert_null(f->a.transport);
    assert_string_equal(f->b.why, "unable to get local issuer certificate");
}

static void
an_expired_certificate_is_not_believed(void **state)
{
    struct fixture *f = *state;

    shake(f, good(f, "controller"),
          pki_issue(f->pki, "ca", "br-a", -1, -1000, -500));
    assert_null(f->a.transport);
    assert_string_equal(f->a.why, "certificate has expired");
}

static void
nor_is_one_that_is_not_valid_yet(void **state)
{
    struct fixture *f = *state;

    shake(f, good(f, "controller"),
          pki_issue(f->pki, "ca", "br-a", -1, 500, 1000));
    assert_null(f->a.transport);
    assert_string_equal(f->a.why, "certificate is not yet valid");
}

/* A peer that has no certificate, or speaks an old version. */
static void
shake_with(struct fixture *f, SSL_CTX *ctx)
{
    int fds[2];
    SSL *ssl = SSL_new(ctx);

    make_pair(fds);
    SSL_set_fd(ssl, fds[1]);
    begin(f, &f->a, good(f, "controller"), fds[0], 10000);
    while (!f->a.done) {
        SSL_connect(ssl);
        event_base_loop(f->base, EVLOOP_NONBLOCK);
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fds[1]);
}

static void
without_a_certificate_nobody_gets_in(void **state)
{
    struct fixture *f = *state;

    shake_with(f, SSL_CTX_new(TLS_method()));
    assert_null(f->a.transport);
    assert_string_equal(f->a.why, "peer did not return a certificate");
}

static void
old_versions_are_not_spoken(void **state)
{
    struct fixture *f = *state;
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());

    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, TLS1_1_VERSION);
    SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION);
    shake_with(f, ctx);
    assert_null(f->a.transport);
    assert_string_equal(f->a.why, "unsupported protocol");
}

static void
a_peer_that_speaks_plainly_is_refused(void **state)
{
    struct fixture *f = *state;
    static const uint8_t hello[8] = { 5, 0, 0, 8, 0, 0, 0, 1 };
    int fds[2];

    make_pair(fds);
    begin(f, &f->a, good(f, "controller"), fds[0], 10000);
    assert_int_equal(send(fds[1], hello, sizeof hello, 0), sizeof hello);
    while (!f->a.done) {
        event_base_loop(f->base, EVLOOP_ONCE);
    }
    assert_null(f->a.transport);
    assert_string_not_equal(f->a.why, "");
    close(fds[1]);
}

static void
a_peer_that_says_nothing_has_its_time(void **state)
{
    struct fixture *f = *state;
    int fds[2];

    make_pair(fds);
    begin(f, &f->a, good(f, "controller"), fds[0], 20);
    while (!f->a.done) {
        event_base_loop(f->base, EVLOOP_ONCE);
    }
    assert_null(f->a.transport);
    assert_string_equal(f->a.why, "the handshake takes too long");
    close(fds[1]);
}

static void
a_peer_that_hangs_up_is_no_error_of_ours(void **state)
{
    struct fixture *f = *state;
    int fds[2];

    make_pair(fds);
    begin(f, &f->a, good(f, "controller"), fds[0], 10000);
    close(fds[1]);
    while (!f->a.done) {
        event_base_loop(f->base, EVLOOP_ONCE);
    }
    assert_null(f->a.transport);
}

/* Reads what there is, 'room' bytes at a time, into 'data'. */
static size_t
read_all(struct transport *t, uint8_t *data, size_t room)
{
    size_t n = 0;
    ssize_t got;

    while ((got = transport_recv(t, data + n, room)) > 0) {
        n += got;
    }
    assert_true(got < 0 && errno == EAGAIN);
    return n;
}

static void
bytes_pass_both_ways_however_many(void **state)
{
    struct fixture *f = *state;
    size_t len = 300000, sent = 0, got = 0;
    uint8_t *out = fh_xmalloc(len), *in = fh_xmalloc(len + 4096);

    for (size_t i = 0; i < len; i++) {
        out[i] = i * 7 + i / 256;
    }
    shake(f, good(f, "controller"), good(f, "br-a"));
    while (got < len) {
        ssize_t n = transport_send(f->a.transport, out + sent, len - sent);

        assert_true(n > 0 || sent == len || errno == EAGAIN);
        sent += n > 0 ? n : 0;
        got += read_all(f->b.transport, in + got, 1000);
    }
    assert_memory_equal(in, out, len);
    assert_int_equal(transport_send(f->b.transport, out, 100), 100);
    assert_int_equal(read_all(f->a.transport, in, 4096), 100);
    free(out);
    free(in);
}

static void
what_the_descriptor_does_not_show_is_pending(void **state)
{
    struct fixture *f = *state;
    uint8_t data[100] = { 0 };

    shake(f, good(f, "controller"), good(f, "br-a"));
    assert_false(transport_pending(f->b.transport));
    assert_int_equal(transport_send(f->a.transport, data, 100), 100);
    assert_int_equal(transport_recv(f->b.transport, data, 60), 60);
    assert_true(transport_pending(f->b.transport));
    assert_int_equal(transport_recv(f->b.transport, data, 60), 40);
    assert_false(transport_pending(f->b.transport));
}

static void
the_end_is_the_end(void **state)
{
    struct fixture *f = *state;
    uint8_t data[10] = { 0 };

    shake(f, good(f, "controller"), good(f, "br-a"));
    assert_int_equal(transport_send(f->a.transport, data, 10), 10);
    transport_close(f->a.transport);
    f->a.transport = NULL;
    assert_int_equal(transport_recv(f->b.transport, data, 10), 10);
    assert_int_equal(transport_recv(f->b.transport, data, 10), 0);
}

/* Files. */

static void
assert_refused(struct tls_files files, const char *path)
{
    char *error = NULL;

    assert_null(tls_create(&files, &error));
    assert_non_null(error);
    assert_true(!strncmp(error, path, strlen(path)));
    free(error);
}

static void
files_that_do_not_do_are_named(void **state)
{
    struct fixture *f = *state;
    struct tls_files files = good(f, "controller"), bad = files;
    const char *junk = pki_file(f->pki, "junk", "no PEM\n");

    bad.key = "/nonexistent";
    assert_refused(bad, bad.key);
    bad.key = good(f, "other").key;     /* Of another certificate. */
    assert_refused(bad, bad.key);
    bad = files;
    bad.certificate = junk;
    assert_refused(bad, junk);
    bad = files;
    bad.ca = junk;
    assert_refused(bad, junk);
    bad = files;
    /* A key with a password: nobody must be asked for one. */
    bad.key = pki_file(f->pki, "encrypted",
                       "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
                       "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAg="
                       "\n-----END ENCRYPTED PRIVATE KEY-----\n");
    assert_refused(bad, bad.key);
}

/* A server. */

static void
nothing(struct ofconn *conn, void *aux)
{
}

static void
stop_trying(evutil_socket_t fd, short what, void *done)
{
    *(bool *) done = true;
}

static void
those_who_prove_nothing_are_bounded(void **state)
{
    static const struct ofserver_cbs cbs = { .identified = nothing };
    const struct ofserver_config config = {
        .echo_interval_ms = 1000, .dead_after_ms = 3000,
        .handshake_ms = 10000, .stranger_ms = 5000, .max_connections = 10,
        .max_strangers = 10,
        .max_backlog_bytes = 1 << 20,
    };
    enum { N = 300 };
    struct fixture *f = *state;
    struct ofserver *server = ofserver_create(f->base, &config, &cbs, f);
    struct fh_openflow_status counters = { .accepted = 0 };
    struct timeval most = { 20, 0 };
    struct sockaddr_in addr = { .sin_family = AF_INET };
    bool late = false;
    struct event *timer = evtimer_new(f->base, stop_trying, &late);
    char target[64], *error = NULL;
    socklen_t len = sizeof addr;
    int fds[N], n = 0, probe;

    /* A port that is free. */
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    probe = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(probe, (struct sockaddr *) &addr, len), 0);
    getsockname(probe, (struct sockaddr *) &addr, &len);
    close(probe);
    snprintf(target, sizeof target, "ssl:127.0.0.1:%u",
             ntohs(addr.sin_port));

    assert_int_not_equal(ofserver_listen(server, target, &error), 0);
    assert_non_null(strstr(error, "needs a key"));
    free(error);
    ofserver_set_tls(server, make_tls(good(f, "controller")));
    assert_int_equal(ofserver_listen(server, target, &error), 0);
    evtimer_add(timer, &most);
    while (counters.accepted < N && !late) {
        /* No more at once than the kernel lets wait. */
        for (; n < N && n < (int) counters.accepted + 50; n++) {
            fds[n] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
            connect(fds[n], (struct sockaddr *) &addr, sizeof addr);
        }
        event_base_loop(f->base, EVLOOP_ONCE);
        ofserver_get_counters(server, &counters);
    }
    /* More than may wait have come, and the oldest have gone; those count
     * neither as connections nor against their number. */
    assert_int_equal(counters.accepted, N);
    assert_true(counters.tls_failed >= N - 256);
    assert_int_equal(counters.refused, 0);
    event_free(timer);
    while (n) {
        close(fds[--n]);
    }
    ofserver_destroy(server);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(both_sides_prove_who_they_are),
        TEST(a_name_with_a_null_byte_is_none),
        TEST(a_certificate_of_another_ca_is_not_believed),
        TEST(nor_is_it_by_the_side_that_dialled),
        TEST(an_expired_certificate_is_not_believed),
        TEST(nor_is_one_that_is_not_valid_yet),
        TEST(without_a_certificate_nobody_gets_in),
        TEST(old_versions_are_not_spoken),
        TEST(a_peer_that_speaks_plainly_is_refused),
        TEST(a_peer_that_says_nothing_has_its_time),
        TEST(a_peer_that_hangs_up_is_no_error_of_ours),
        TEST(bytes_pass_both_ways_however_many),
        TEST(what_the_descriptor_does_not_show_is_pending),
        TEST(the_end_is_the_end),
        TEST(files_that_do_not_do_are_named),
        TEST(those_who_prove_nothing_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
