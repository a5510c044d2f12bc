/* OpenFlow connections: listening, dialling, framing, handshake, echo.
 *
 * Owns the sockets.  Knows nothing of clients or flows: it hands every
 * decoded message that is not its own to the callbacks, and whoever wants to
 * send appends to ofconn_tx().
 *
 *   HELLO -> FEATURES -> IDLE  (datapath id known; ofserver_cbs.identified)
 *                          |  ofconn_take()
 *                          v
 *                        SETUP  port descriptions, SET_CONFIG, SET_ASYNC,
 *                          |    master role with a generation id, barrier
 *                          v
 *                        READY  (ofserver_cbs.ready)
 *
 * A bridge that nobody takes stays in IDLE: echo only, nothing is sent that
 * would change it. */
#ifndef OFCONN_H
#define OFCONN_H 1

#include <event2/event.h>

#include <firsthop/status.h>

#include "flows/ofcodec.h"

struct ofserver;
struct ofconn;

struct ofserver_config {
    int echo_interval_ms;       /* Echo request after so much silence, 1000 */
    int dead_after_ms;          /* Closed after so much silence, 3000. */
    int handshake_ms;           /* Closed unless READY or IDLE by then. */
    size_t max_connections;     /* More are refused and counted. */
    size_t max_backlog_bytes;   /* A reader this slow is closed. */
};

/* After a callback that closes the connection nothing more is called for it.
 * 'conn' is valid until 'closed' returns. */
struct ofserver_cbs {
    void (*identified)(struct ofconn *, void *aux);
    void (*ready)(struct ofconn *, void *aux);
    /* Echo replies too: an owner may send requests as fences of its own. */
    void (*message)(struct ofconn *, struct of_message *, void *aux);
    /* A taken connection's port list changed; 'port' as it now is. */
    void (*port)(struct ofconn *, const struct of_port *, bool deleted,
                 void *aux);
    /* Called once for each identified connection, for whatever reason. */
    void (*closed)(struct ofconn *, const char *reason, void *aux);
    /* All that this wake-up had to read has been read and handed over:
     * a moment to act on what has been collected.  May be NULL. */
    void (*idle)(void *aux);
};

struct ofserver *ofserver_create(struct event_base *,
                                 const struct ofserver_config *,
                                 const struct ofserver_cbs *, void *aux);
void ofserver_destroy(struct ofserver *);

/* Targets: "tcp:ADDR:PORT", "tcp:[V6]:PORT", "unix:PATH" (a stale socket file
 * is replaced, a live one refused).  Return 0, or an errno and '*errp', new,
 * to be freed by the caller. */
int ofserver_listen(struct ofserver *, const char *target, char **errp);
void ofserver_unlisten(struct ofserver *, const char *target);
bool ofserver_is_listening(const struct ofserver *, const char *target);
/* Keeps dialling 'target' (every 100 ms, then slower, at most 1 s apart, for
 * ever) and redials when the connection ends, until ofserver_undial(). */
int ofserver_dial(struct ofserver *, const char *target, char **errp);
void ofserver_undial(struct ofserver *, const char *target);
/* Checks the form alone.  Returns NULL, or what is wrong, static. */
const char *ofserver_target_error(const char *target);

/* Calls 'cb' for each identified connection. 'cb' may close it. */
void ofserver_for_each(struct ofserver *,
                       void (*cb)(struct ofconn *, void *aux), void *aux);

void ofserver_get_counters(const struct ofserver *,
                           struct fh_openflow_status *);

/* Becomes master of an identified connection and sets it up. */
void ofconn_take(struct ofconn *);
/* Closes at once; 'closed' is called from the event loop, not from here, and
 * no other callback before it. */
void ofconn_close(struct ofconn *, const char *reason);

uint64_t ofconn_dpid(const struct ofconn *);
int ofconn_version(const struct ofconn *);              /* enum of_version */
const char *ofconn_version_name(const struct ofconn *);     /* "1.4" */
const char *ofconn_peer(const struct ofconn *);         /* For logs. */
bool ofconn_is_ready(const struct ofconn *);
void *ofconn_get_aux(const struct ofconn *);            /* The owner's. */
void ofconn_set_aux(struct ofconn *, void *);

/* The ports, in no order; known from READY on. */
const struct of_port *ofconn_ports(const struct ofconn *, size_t *n);
const struct of_port *ofconn_port_by_name(const struct ofconn *,
                                          const char *name);
const struct of_port *ofconn_port_by_number(const struct ofconn *, uint32_t);

/* The send buffer: append whole messages; it is written when the event loop
 * turns, in one system call where the socket takes it. */
struct fh_buf *ofconn_tx(struct ofconn *);
uint32_t ofconn_next_xid(struct ofconn *);
/* The same, for those who know the connection as their 'aux' only. */
static inline uint32_t
ofconn_xid_for(void *conn)
{
    return ofconn_next_xid(conn);
}

size_t ofconn_backlog_bytes(const struct ofconn *);

#endif /* controller/bridge/ofconn.h */
