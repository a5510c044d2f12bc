/* One connection to an OVSDB server.  See ovsdb_conn.h.
 *
 *   CONNECTING -> (SHAKING ->) OPEN -> CLOSED
 *
 * Whoever calls a callback holds the connection: what the callback destroys
 * is freed when the outermost has returned. */
#include <config.h>

#include "controller/ovsdb/ovsdb_conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include <firsthop/buf.h>

#include "controller/base/tls.h"
#include "controller/base/transport.h"
#include "controller/ovsdb/ovsdb_frame.h"

#define READ_BYTES (64 * 1024)
#define READS_A_TURN 16         /* The loop has others. */

struct ovsdb_conn {
    struct event_base *base;
    struct ovsdb_conn_cbs cbs;
    void *aux;
    struct tls *tls;            /* Borrowed; while CONNECTING. */
    bool use_tls;
    int family, timeout_ms;
    int refusal;                /* Why connect() has failed at once. */
    int fd;                     /* While CONNECTING, else -1. */
    struct event *connecting;   /* While CONNECTING, else NULL. */
    struct tls_handshake *handshake;    /* While SHAKING, else NULL. */
    struct transport *transport;        /* While OPEN, else NULL. */
    struct event *readable, *writable;  /* While OPEN, else NULL. */
    struct ovsdb_frame frame;
    struct fh_buf tx;
    size_t tx_sent;             /* Of 'tx', bytes. */
    uint64_t rx_bytes, tx_bytes;
    unsigned int held;          /* Callbacks under way. */
    bool destroyed;
};

static void
free_event(struct event **event)
{
    if (*event) {
        event_free(*event);
        *event = NULL;
    }
}

static void
release(struct ovsdb_conn *conn)
{
    free_event(&conn->connecting);
    free_event(&conn->readable);
    free_event(&conn->writable);
    tls_abandon(conn->handshake);
    conn->handshake = NULL;
    if (conn->transport) {
        transport_close(conn->transport);
        conn->transport = NULL;
    }
    if (conn->fd >= 0) {
        close(conn->fd);
        conn->fd = -1;
    }
}

void
ovsdb_conn_destroy(struct ovsdb_conn *conn)
{
    if (!conn) {
        return;
    }
    release(conn);
    conn->destroyed = true;
    if (!conn->held) {
        ovsdb_frame_reset(&conn->frame);
        fh_buf_destroy(&conn->tx);
        free(conn);
    }
}

static void
hold(struct ovsdb_conn *conn)
{
    conn->held++;
}

/* Returns whether it is still there. */
static bool
unhold(struct ovsdb_conn *conn)
{
    conn->held--;
    if (conn->destroyed) {
        ovsdb_conn_destroy(conn);
        return false;
    }
    return true;
}

/* It has ended. */
static void
lose(struct ovsdb_conn *conn, const char *why)
{
    hold(conn);
    release(conn);
    conn->cbs.closed(conn->aux, why);
    conn->destroyed = true;
    unhold(conn);
}

/* Receiving. */

/* Hands over what is whole.  Returns false if the connection has ended. */
static bool
deliver(struct ovsdb_conn *conn)
{
    const char *why;
    json_t *message;

    while ((message = ovsdb_frame_take(&conn->frame, &why))) {
        hold(conn);
        conn->cbs.message(conn->aux, message);
        json_decref(message);
        if (!unhold(conn)) {
            return false;
        }
    }
    if (why) {
        lose(conn, why);
        return false;
    }
    return true;
}

/* Reads once.  Returns whether there may be more. */
static bool
read_some(struct ovsdb_conn *conn)
{
    uint8_t bytes[READ_BYTES];
    ssize_t n = transport_recv(conn->transport, bytes, sizeof bytes);

    if (n > 0) {
        conn->rx_bytes += n;
        ovsdb_frame_put(&conn->frame, bytes, n);
        return deliver(conn);
    } else if (!n) {
        lose(conn, "closed by the server");
    } else if (errno != EAGAIN && errno != EINTR) {
        lose(conn, strerror(errno));
    }
    return false;
}

static void
on_readable(evutil_socket_t fd, short what, void *conn_)
{
    struct ovsdb_conn *conn = conn_;

    for (int i = 0; i < READS_A_TURN; i++) {
        if (!read_some(conn)) {
            return;
        }
    }
    /* What only TLS knows of the descriptor does not show. */
    event_active(conn->readable, EV_READ, 1);
}

/* Sending. */

static void
flush(struct ovsdb_conn *conn)
{
    while (conn->tx_sent < conn->tx.len) {
        ssize_t n = transport_send(conn->transport,
                                   conn->tx.data + conn->tx_sent,
                                   conn->tx.len - conn->tx_sent);

        if (n <= 0) {
            break;              /* If it has ended, reading says why. */
        }
        conn->tx_sent += n;
        conn->tx_bytes += n;
    }
    if (conn->tx_sent < conn->tx.len) {
        event_add(conn->writable, NULL);
    } else {
        fh_buf_destroy(&conn->tx);
        conn->tx_sent = 0;
    }
}

static void
on_writable(evutil_socket_t fd, short what, void *conn)
{
    flush(conn);
}

void
ovsdb_conn_send(struct ovsdb_conn *conn, json_t *message)
{
    char *text = json_dumps(message, JSON_COMPACT);

    if (!text) {
        abort();                /* No memory. */
    }
    json_decref(message);
    fh_buf_append(&conn->tx, text, strlen(text));
    free(text);
    if (conn->transport && !event_pending(conn->writable, EV_WRITE, NULL)) {
        flush(conn);
    }
}

size_t
ovsdb_conn_backlog(const struct ovsdb_conn *conn)
{
    return conn->tx.len - conn->tx_sent;
}

uint64_t
ovsdb_conn_rx_bytes(const struct ovsdb_conn *conn)
{
    return conn->rx_bytes;
}

uint64_t
ovsdb_conn_tx_bytes(const struct ovsdb_conn *conn)
{
    return conn->tx_bytes;
}

/* Connecting. */

/* Takes 'transport'. */
static void
opened(struct ovsdb_conn *conn, struct transport *transport)
{
    conn->transport = transport;
    conn->readable = event_new(conn->base, transport->fd,
                               EV_READ | EV_PERSIST, on_readable, conn);
    conn->writable = event_new(conn->base, transport->fd, EV_WRITE,
                               on_writable, conn);
    event_add(conn->readable, NULL);
    hold(conn);
    conn->cbs.open(conn->aux);
    if (unhold(conn) && transport_pending(transport)) {
        event_active(conn->readable, EV_READ, 1);
    }
}

static void
shaken(struct transport *transport, const char *why, void *conn_)
{
    struct ovsdb_conn *conn = conn_;

    conn->handshake = NULL;
    if (transport) {
        opened(conn, transport);
    } else {
        char *text = fh_xasprintf("TLS: %s", why);

        lose(conn, text);
        free(text);
    }
}

static void
connected(struct ovsdb_conn *conn)
{
    int fd = conn->fd;

    conn->fd = -1;
    target_set_nodelay(fd, conn->family);
    if (conn->use_tls) {
        conn->handshake = tls_shake(conn->tls, conn->base, fd, true,
                                    conn->timeout_ms, shaken, conn);
    } else {
        opened(conn, transport_plain(fd));
    }
}

static void
on_connected(evutil_socket_t fd, short what, void *conn_)
{
    struct ovsdb_conn *conn = conn_;
    int error = 0;
    socklen_t len = sizeof error;

    if (!(what & EV_WRITE)) {
        error = ETIMEDOUT;
    } else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len)) {
        error = errno;
    }
    free_event(&conn->connecting);
    if (error) {
        lose(conn, strerror(error));
    } else {
        connected(conn);
    }
}

static void
on_refused(evutil_socket_t fd, short what, void *conn_)
{
    struct ovsdb_conn *conn = conn_;

    free_event(&conn->connecting);
    lose(conn, strerror(conn->refusal));
}

static void
dial(struct ovsdb_conn *conn, const struct target_addr *addr)
{
    struct timeval tv = { conn->timeout_ms / 1000,
                          conn->timeout_ms % 1000 * 1000 };

    conn->fd = socket(addr->sa.sa_family,
                      SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (conn->fd < 0 || (connect(conn->fd, &addr->sa, addr->len)
                         && errno != EINPROGRESS)) {
        conn->refusal = errno;  /* Told from the event loop. */
        conn->connecting = evtimer_new(conn->base, on_refused, conn);
        event_active(conn->connecting, EV_TIMEOUT, 1);
        return;
    }
    conn->connecting = event_new(conn->base, conn->fd, EV_WRITE, on_connected,
                                 conn);
    event_add(conn->connecting, &tv);
}

struct ovsdb_conn *
ovsdb_conn_create(struct event_base *base,
                  const struct ovsdb_conn_options *options,
                  const struct ovsdb_conn_cbs *cbs, void *aux)
{
    struct ovsdb_conn *conn = fh_xcalloc(1, sizeof *conn);

    conn->base = base;
    conn->cbs = *cbs;
    conn->aux = aux;
    conn->tls = options->tls;
    conn->use_tls = options->addr.tls;
    conn->family = options->addr.sa.sa_family;
    conn->timeout_ms = options->timeout_ms;
    conn->frame.max_bytes = options->max_message_bytes;
    conn->fd = -1;
    dial(conn, &options->addr);
    return conn;
}
