/* TLS.  See tls.h.
 *
 * The handshake is brought to its end before anybody above hears of the
 * connection.  After it neither side may ask for another (1.2's renegotiation
 * is switched off, 1.3 has none), so that reading waits for bytes to read and
 * writing for room to write, as on a plain socket. */
#include <config.h>

#include "controller/base/tls.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <firsthop/buf.h>

struct tls {
    SSL_CTX *ctx;
};

struct tls_transport {
    struct transport transport; /* First. */
    SSL *ssl;
    char *peer_name;            /* Or NULL. */
};

struct tls_handshake {
    struct event_base *base;
    struct tls_transport *t;
    short waits_for;            /* EV_READ or EV_WRITE. */
    struct event *io, *timer;
    tls_done_cb *done;
    void *aux;
};

/* What OpenSSL says of the oldest error, in words. */
static const char *
error_text(void)
{
    unsigned long error = ERR_get_error();
    const char *text = error ? ERR_reason_error_string(error) : NULL;

    ERR_clear_error();
    return text ? text : "unknown error";
}

/* Context. */

/* A key that is encrypted is an error, and nobody is asked for a password. */
static int
no_password(char *buf, int size, int writing, void *aux)
{
    return -1;
}

static bool
load(SSL_CTX *ctx, const struct tls_files *files, char **errp)
{
    const char *path;

    if (SSL_CTX_use_certificate_chain_file(ctx, files->certificate) != 1) {
        path = files->certificate;
    } else if (SSL_CTX_use_PrivateKey_file(ctx, files->key,
                                           SSL_FILETYPE_PEM) != 1) {
        path = files->key;
    } else if (SSL_CTX_load_verify_locations(ctx, files->ca, NULL) != 1) {
        path = files->ca;
    } else if (SSL_CTX_check_private_key(ctx) != 1) {
        path = files->key;
    } else {
        return true;
    }
    *errp = fh_xasprintf("%s: %s", path, error_text());
    return false;
}

struct tls *
tls_create(const struct tls_files *files, char **errp)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    struct tls *tls;

    if (!ctx) {
        abort();                /* No memory. */
    }
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(ctx, (SSL_MODE_ENABLE_PARTIAL_WRITE
                           | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
                           | SSL_MODE_RELEASE_BUFFERS));
    SSL_CTX_set_verify(ctx, (SSL_VERIFY_PEER
                             | SSL_VERIFY_FAIL_IF_NO_PEER_CERT), NULL);
    /* Nobody resumes a session: each time, the certificate is looked at. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ctx, 0);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_default_passwd_cb(ctx, no_password);
    if (!load(ctx, files, errp)) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    tls = fh_xmalloc(sizeof *tls);
    tls->ctx = ctx;
    return tls;
}

void
tls_destroy(struct tls *tls)
{
    if (tls) {
        SSL_CTX_free(tls->ctx); /* Those who use it hold it. */
        free(tls);
    }
}

/* Transport. */

static struct tls_transport *
tls_cast(const struct transport *t)
{
    return (struct tls_transport *) (void *) t;
}

/* How an SSL_read() or SSL_write() that has moved nothing ended: as recv() and
 * send() would say it.  Returns 0 at the end, or -1 and errno. */
static ssize_t
result_of(struct tls_transport *t, int n)
{
    int error = SSL_get_error(t->ssl, n);

    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        errno = EAGAIN;
        return -1;
    }
    if (error == SSL_ERROR_ZERO_RETURN) {
        return 0;
    }
    if (error != SSL_ERROR_SYSCALL || !errno) {
        errno = error == SSL_ERROR_SYSCALL ? ECONNRESET : EPROTO;
    }
    ERR_clear_error();
    return -1;
}

/* As much as has come, so that nothing is left that only OpenSSL knows of
 * unless the room is full. */
static ssize_t
tls_recv(struct transport *transport, void *data, size_t size)
{
    struct tls_transport *t = tls_cast(transport);
    size_t done = 0;

    while (done < size) {
        size_t left = size - done < INT_MAX ? size - done : INT_MAX;
        int n;

        ERR_clear_error();
        errno = 0;
        n = SSL_read(t->ssl, (char *) data + done, left);
        if (n <= 0) {
            return done ? (ssize_t) done : result_of(t, n);
        }
        done += n;
    }
    return done;
}

static ssize_t
tls_send(struct transport *transport, const void *data, size_t len)
{
    struct tls_transport *t = tls_cast(transport);
    size_t done = 0;

    while (done < len) {
        size_t left = len - done < INT_MAX ? len - done : INT_MAX;
        int n;

        ERR_clear_error();
        errno = 0;
        n = SSL_write(t->ssl, (const char *) data + done, left);
        if (n <= 0) {
            return done ? (ssize_t) done : result_of(t, n);
        }
        done += n;
    }
    return done;
}

static bool
tls_pending(const struct transport *transport)
{
    return SSL_pending(tls_cast(transport)->ssl) > 0;
}

static const char *
tls_peer_name(const struct transport *transport)
{
    return tls_cast(transport)->peer_name;
}

static void
tls_close(struct transport *transport)
{
    struct tls_transport *t = tls_cast(transport);

    if (SSL_is_init_finished(t->ssl)) {
        SSL_shutdown(t->ssl);   /* Says so, if there is room. */
    }
    ERR_clear_error();
    SSL_free(t->ssl);
    close(transport->fd);
    free(t->peer_name);
    free(t);
}

static struct tls_transport *
transport_create(struct tls *tls, int fd, bool dialled)
{
    static const struct transport_ops ops = {
        tls_recv, tls_send, tls_pending, tls_peer_name, tls_close
    };
    struct tls_transport *t = fh_xcalloc(1, sizeof *t);

    t->transport = (struct transport) { &ops, fd };
    t->ssl = SSL_new(tls->ctx);
    if (!t->ssl || !SSL_set_fd(t->ssl, fd)) {
        abort();                /* No memory. */
    }
    if (dialled) {
        SSL_set_connect_state(t->ssl);
    } else {
        SSL_set_accept_state(t->ssl);
    }
    return t;
}

/* The common name of the peer's certificate, new; NULL if it has none, or one
 * that is not what it seems (a null byte in it). */
static char *
get_peer_name(SSL *ssl)
{
    X509 *cert = SSL_get1_peer_certificate(ssl);
    X509_NAME *subject = cert ? X509_get_subject_name(cert) : NULL;
    int i = subject ? X509_NAME_get_index_by_NID(subject, NID_commonName, -1)
                    : -1;
    unsigned char *text = NULL;
    char *name = NULL;
    int len;

    if (i >= 0) {
        len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(
                                      X509_NAME_get_entry(subject, i)));
        if (len > 0 && memchr(text, '\0', len) == NULL) {
            name = fh_xasprintf("%.*s", len, (const char *) text);
        }
        OPENSSL_free(text);
    }
    X509_free(cert);
    return name;
}

/* Handshake. */

static void
handshake_free(struct tls_handshake *h)
{
    event_free(h->io);
    event_free(h->timer);
    free(h);
}

void
tls_abandon(struct tls_handshake *h)
{
    if (h) {
        transport_close(&h->t->transport);
        handshake_free(h);
    }
}

static void
handshake_fail(struct tls_handshake *h, const char *why)
{
    tls_done_cb *done = h->done;
    void *aux = h->aux;

    tls_abandon(h);
    done(NULL, why, aux);
}

static void
handshake_succeed(struct tls_handshake *h)
{
    struct tls_transport *t = h->t;
    tls_done_cb *done = h->done;
    void *aux = h->aux;

    t->peer_name = get_peer_name(t->ssl);
    handshake_free(h);
    done(&t->transport, NULL, aux);
}

/* Why a handshake has failed: the verdict about the peer's certificate says
 * more than the error. */
static const char *
failure_text(const SSL *ssl, int error, int saved_errno)
{
    long verdict = SSL_get_verify_result(ssl);

    if (verdict != X509_V_OK) {
        ERR_clear_error();
        return X509_verify_cert_error_string(verdict);
    }
    if (error == SSL_ERROR_SSL) {
        return error_text();
    }
    ERR_clear_error();
    return saved_errno ? strerror(saved_errno) : "closed by the peer";
}

static void on_io(evutil_socket_t, short, void *h_);

static void
wait_for(struct tls_handshake *h, short what)
{
    if (h->io) {
        event_free(h->io);
    }
    h->waits_for = what;
    h->io = event_new(h->base, h->t->transport.fd, what | EV_PERSIST, on_io,
                      h);
    event_add(h->io, NULL);
}

static void
on_io(evutil_socket_t fd, short what, void *h_)
{
    struct tls_handshake *h = h_;
    int n, error, saved_errno;

    ERR_clear_error();
    errno = 0;
    n = SSL_do_handshake(h->t->ssl);
    saved_errno = errno;
    if (n == 1) {
        handshake_succeed(h);
        return;
    }
    error = SSL_get_error(h->t->ssl, n);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        handshake_fail(h, failure_text(h->t->ssl, error, saved_errno));
        return;
    }
    what = error == SSL_ERROR_WANT_READ ? EV_READ : EV_WRITE;
    if (what != h->waits_for) {
        wait_for(h, what);
    }
}

static void
on_timeout(evutil_socket_t fd, short what, void *h)
{
    handshake_fail(h, "the handshake takes too long");
}

struct tls_handshake *
tls_shake(struct tls *tls, struct event_base *base, int fd, bool dialled,
          int timeout_ms, tls_done_cb *done, void *aux)
{
    struct tls_handshake *h = fh_xcalloc(1, sizeof *h);
    struct timeval tv = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };

    h->base = base;
    h->t = transport_create(tls, fd, dialled);
    h->done = done;
    h->aux = aux;
    h->timer = evtimer_new(base, on_timeout, h);
    event_add(h->timer, &tv);
    wait_for(h, dialled ? EV_WRITE : EV_READ);
    return h;
}
