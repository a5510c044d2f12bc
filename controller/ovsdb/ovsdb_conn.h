/* One connection to an OVSDB server: JSON texts over a stream.
 *
 * Owns the socket, and the handshake where it is TLS.  Knows no method. */
#ifndef OVSDB_CONN_H
#define OVSDB_CONN_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "controller/base/target.h"

struct event_base;
struct tls;
struct ovsdb_conn;

struct ovsdb_conn_cbs {
    void (*open)(void *aux);
    /* 'message' is an object, borrowed. */
    void (*message)(void *aux, const json_t *message);
    /* It has ended, and is gone when this returns. */
    void (*closed)(void *aux, const char *why);
};

struct ovsdb_conn_options {
    struct target_addr addr;
    struct tls *tls;            /* Borrowed until 'open' or 'closed'. */
    int timeout_ms;             /* Of connecting, and of the handshake. */
    size_t max_message_bytes;
};

/* Begins to connect.  Callbacks come from the event loop. */
struct ovsdb_conn *ovsdb_conn_create(struct event_base *,
                                     const struct ovsdb_conn_options *,
                                     const struct ovsdb_conn_cbs *,
                                     void *aux);
/* Closes it; no callback is called any more, and it may be called from one.
 * NULL is fine. */
void ovsdb_conn_destroy(struct ovsdb_conn *);

/* Sends 'message' (taken), once 'open' has been called. */
void ovsdb_conn_send(struct ovsdb_conn *, json_t *message);
/* What waits to be sent. */
size_t ovsdb_conn_backlog(const struct ovsdb_conn *);

/* Bytes that have come, and gone. */
uint64_t ovsdb_conn_rx_bytes(const struct ovsdb_conn *);
uint64_t ovsdb_conn_tx_bytes(const struct ovsdb_conn *);

#endif /* controller/ovsdb/ovsdb_conn.h */
