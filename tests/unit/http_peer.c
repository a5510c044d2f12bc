/* A peer of an HTTP server.  See http_peer.h. */
#include <config.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/http_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_S 20

static int64_t
now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec;
}

void
run_until(struct event_base *base, bool (*done)(void *aux), void *aux)
{
    int64_t end = now_s() + PATIENCE_S;

    while (!done(aux)) {
        assert_true(now_s() < end);
        event_base_loop(base, EVLOOP_NONBLOCK);
        poll(NULL, 0, 1);
    }
}

static void
open_socket(struct peer *peer, struct event_base *base, int family,
            const struct sockaddr *address, socklen_t len)
{
    memset(peer, 0, sizeof *peer);
    peer->base = base;
    peer->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(peer->fd >= 0);
    assert_int_equal(connect(peer->fd, address, len), 0);
    fcntl(peer->fd, F_SETFL, O_NONBLOCK);
}

void
peer_open(struct peer *peer, struct event_base *base, const char *path)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };

    strncpy(sun.sun_path, path, sizeof sun.sun_path - 1);
    open_socket(peer, base, AF_UNIX, (struct sockaddr *) &sun, sizeof sun);
}

void
peer_open_tcp(struct peer *peer, struct event_base *base, int port)
{
    struct sockaddr_in sin = {
        .sin_family = AF_INET, .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };

    open_socket(peer, base, AF_INET, (struct sockaddr *) &sin, sizeof sin);
}

void
peer_close(struct peer *peer)
{
    close(peer->fd);
    fh_buf_destroy(&peer->in);
}

void
peer_send(struct peer *peer, const void *data_, size_t len)
{
    const char *data = data_;
    int64_t end = now_s() + PATIENCE_S;

    while (len) {
        ssize_t n = send(peer->fd, data, len, MSG_NOSIGNAL);

        if (n > 0) {
            data += n;
            len -= n;
        } else if (errno != EAGAIN) {
            return;             /* What it said before is still to be read. */
        }
        assert_true(now_s() < end);
        event_base_loop(peer->base, EVLOOP_NONBLOCK);
    }
}

void
peer_puts(struct peer *peer, const char *s)
{
    peer_send(peer, s, strlen(s));
}

/* Takes what is there.  Returns false if there is nothing more for now. */
static bool
receive(struct peer *peer)
{
    char data[65536];
    ssize_t n = recv(peer->fd, data, sizeof data, 0);

    if (n > 0) {
        fh_buf_append(&peer->in, data, n);
        fh_buf_append(&peer->in, "", 1);
        peer->in.len--;
    } else if (!n || errno != EAGAIN) {
        peer->eof = true;
    }
    return n > 0;
}

static void
wait_until(struct peer *peer, bool (*done)(const struct peer *,
                                           const void *), const void *aux)
{
    int64_t end = now_s() + PATIENCE_S;

    while (!done(peer, aux) && !peer->eof) {
        assert_true(now_s() < end);
        event_base_loop(peer->base, EVLOOP_NONBLOCK);
        if (!receive(peer) && !peer->eof) {
            poll(NULL, 0, 1);
        }
    }
}

static bool
has_bytes(const struct peer *peer, const void *len)
{
    return peer->in.len >= *(const size_t *) len;
}

static bool
has_text(const struct peer *peer, const void *text)
{
    return peer->in.len && strstr((char *) peer->in.data, text);
}

static bool
never(const struct peer *peer, const void *aux)
{
    return false;
}

void
peer_wait_bytes(struct peer *peer, size_t len)
{
    wait_until(peer, has_bytes, &len);
}

void
peer_wait_text(struct peer *peer, const char *text)
{
    wait_until(peer, has_text, text);
    assert_true(has_text(peer, text));
}

void
peer_wait_eof(struct peer *peer)
{
    wait_until(peer, never, NULL);
}

/* Takes 'len' bytes off the input and appends them to 'out'. */
static void
take(struct peer *peer, size_t len, struct fh_buf *out)
{
    peer_wait_bytes(peer, len);
    assert_true(peer->in.len >= len);
    fh_buf_append(out, peer->in.data, len);
    fh_buf_pull(&peer->in, len);
    if (peer->in.len) {
        fh_buf_append(&peer->in, "", 1);
        peer->in.len--;
    } else {
        fh_buf_destroy(&peer->in);
    }
}

static void
take_chunks(struct peer *peer, struct fh_buf *out)
{
    struct fh_buf dropped = { NULL, 0, 0 };
    size_t len;

    do {
        char *end;

        peer_wait_text(peer, "\r\n");
        len = strtoul((char *) peer->in.data, &end, 16);
        take(peer, end + 2 - (char *) peer->in.data, &dropped);
        take(peer, len, out);
        take(peer, 2, &dropped);
    } while (len);
    fh_buf_destroy(&dropped);
}

char *
peer_reply(struct peer *peer)
{
    struct fh_buf out = { NULL, 0, 0 };
    const char *head, *length;

    peer_wait_text(peer, "\r\n\r\n");
    head = (char *) peer->in.data;
    take(peer, strstr(head, "\r\n\r\n") + 4 - head, &out);
    fh_buf_append(&out, "", 1);
    out.len--;
    length = strcasestr((char *) out.data, "\r\nContent-Length:");
    if (length) {
        take(peer, strtoul(strchr(length, ':') + 1, NULL, 10), &out);
    } else if (strstr((char *) out.data, "chunked")) {
        take_chunks(peer, &out);
    }
    fh_buf_append(&out, "", 1);
    return (char *) out.data;
}

int
reply_status(const char *reply)
{
    assert_int_equal(strncmp(reply, "HTTP/1.1 ", 9), 0);
    return atoi(reply + 9);
}

const char *
reply_body(const char *reply)
{
    return strstr(reply, "\r\n\r\n") + 4;
}
