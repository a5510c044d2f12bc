/* TLS, by OpenSSL: our certificate, whose we believe, and a connection that
 * both sides have proved to be who they are on.
 *
 * Both sides must show a certificate that the CA has signed, whichever of them
 * has dialled.  Host names are not looked at: bridges have none.  The process
 * must ignore SIGPIPE. */
#ifndef TLS_H
#define TLS_H 1

#include "controller/base/transport.h"

struct event_base;
struct tls;

/* PEM files, as ovs-pki makes them: our private key, our certificate (behind
 * it those of its chain), and the CA of the peers. */
struct tls_files {
    const char *key, *certificate, *ca;
};

/* Reads the files.  Returns new, or NULL and '*errp', new. */
struct tls *tls_create(const struct tls_files *, char **errp);
/* What was begun with it goes on. */
void tls_destroy(struct tls *);

/* A handshake on a connected socket. */
struct tls_handshake;

/* 'transport' (taken) when it has succeeded, else NULL and why.  The
 * handshake is gone by then. */
typedef void tls_done_cb(struct transport *transport, const char *why,
                         void *aux);

/* Begins one on 'fd', which it takes: as the side that dialled, or the other.
 * 'done' is called from the event loop, at most 'timeout_ms' from now. */
struct tls_handshake *tls_shake(struct tls *, struct event_base *, int fd,
                                bool dialled, int timeout_ms,
                                tls_done_cb *done, void *aux);
/* Ends it, and closes the socket. 'done' is not called. */
void tls_abandon(struct tls_handshake *);

#endif /* controller/base/tls.h */
