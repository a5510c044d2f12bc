/* What ofconn.c (one connection) and ofserver.c (sockets that make them)
 * share.  Nobody else includes this. */
#ifndef OFCONN_PRIVATE_H
#define OFCONN_PRIVATE_H 1

#include <sys/queue.h>

#include <event2/event.h>

#include "controller/base/log.h"
#include "controller/base/target.h"
#include "controller/base/tls.h"
#include "controller/base/transport.h"
#include "controller/bridge/ofconn.h"
#include "controller/bridge/ofserver.h"

/* One read takes at most this much: some 2,000 punted ARP requests. */
#define RX_BYTES (256 * 1024)

/*                     HELLO -> FEATURES -> IDLE -> SETUP -> READY
 *                       |         |         |        |        |
 *                       +---------+---------+--------+--------+-> CLOSED
 *
 * IDLE, SETUP, READY -> SLAVE -> SETUP, CLOSED */
enum conn_state {
    CONN_HELLO,                 /* Waiting for the peer's hello. */
    CONN_FEATURES,              /* Waiting for its datapath id. */
    CONN_IDLE,                  /* Identified, not taken. */
    CONN_SETUP,                 /* Taken. */
    CONN_READY,
    CONN_SLAVE,                 /* Another controller leads. */
    CONN_CLOSED,                /* Waiting for the event loop to say so. */
};

struct ofconn {
    struct ofserver *server;
    TAILQ_ENTRY(ofconn) node;   /* In .conns, or in .closed. */
    TAILQ_ENTRY(ofconn) dirty_node;     /* In .dirty. */
    struct dial *dial;          /* Who made it, NULL: a listener. */
    struct transport *transport;        /* Owned; NULL: closed. */
    enum conn_state state;
    bool dirty;                 /* Has something to send, perhaps. */
    bool identified;            /* The owner has heard of it. */
    char *peer;
    uint64_t source;            /* Same for all from one address. */
    char *close_reason;         /* CONN_CLOSED. */
    void *owner_aux;
    uint64_t dpid;

    int version;                /* enum of_version, 0: before the hello. */
    uint32_t offered;           /* Versions, 0: our hello is not sent. */
    uint32_t last_xid;

    struct event *read_event, *write_event, *timer;
    struct fh_buf partial;      /* The beginning of a message. */
    struct fh_buf tx;
    size_t tx_sent;             /* Of 'tx', bytes. */
    size_t tx_counted;          /* Of 'tx', bytes: whole messages. */

    int64_t last_rx_ms;
    int64_t echo_sent_ms;       /* 0: none since the last byte came. */
    int64_t hello_at_ms;        /* INT64_MAX: sent. */
    int64_t deadline_ms;        /* Of the handshake; INT64_MAX: none. */

    struct of_port *ports;      /* Owned. */
    size_t n_ports, cap_ports;
    bool ports_complete, master, settled;   /* What SETUP waits for. */
    bool had_master;            /* Before this connection, */
    uint64_t generation;        /* with this generation id. */
    uint32_t query_xid, ports_xid, role_xid, barrier_xid;
    unsigned int role_tries;
    bool slave_asked;           /* SLAVE: for that role. */
    bool monitors;              /* The bridge has our flow monitor. */
};

TAILQ_HEAD(conn_list, ofconn);

struct ofserver {
    struct event_base *base;
    struct ofserver_config config;
    struct ofserver_cbs cbs;
    void *aux;
    struct fh_openflow_status counters;

    struct conn_list conns;
    size_t n_conns;
    struct conn_list closed;    /* Closed, the owner not yet told. */
    struct conn_list dirty;
    TAILQ_HEAD(, listener) listeners;
    TAILQ_HEAD(, dial) dials;
    struct tls *tls;            /* Owned; NULL: there is none. */
    TAILQ_HEAD(, shaking) shaking;  /* In a TLS handshake, oldest first. */
    size_t n_shaking;
    int64_t slice_ms;           /* When this slice of time began; monotonic, */
    unsigned int n_in_slice;    /* and how many came in it. */

    /* Active at most once in a turn of the loop, behind what is active
     * already: all reads first, then one idle(), then one write each. */
    struct event *idle_event, *flush_event, *reap_event;
    bool idle_pending, flush_pending, reap_pending;

    uint64_t generation;        /* The last that was asked for. */
    bool clustered;             /* It is the epoch, not ours to raise. */
    uint64_t known_generation;  /* The highest that a bridge has told. */
    uint8_t *rx;                /* RX_BYTES and the beginning of a message. */
};

/* Makes a connection over 'transport', which it takes; 'peer' is copied. */
struct ofconn *ofconn_create(struct ofserver *, struct transport *,
                             const char *peer, uint64_t source,
                             struct dial *);
/* Has nobody taken it yet? */
static inline bool
ofconn_is_stranger(const struct ofconn *conn)
{
    return conn->state < CONN_SETUP;
}
void ofconn_close_stranger(struct ofconn *, const char *reason);
void ofconn_destroy(struct ofconn *);
void ofconn_flush(struct ofconn *);
/* A connection has gone (NULL: never came up); 'worked' if it got as far as
 * a datapath id. */
void dial_ended(struct dial *, bool worked);

#endif /* controller/bridge/ofconn_private.h */
