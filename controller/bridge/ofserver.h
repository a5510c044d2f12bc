/* Where OpenFlow connections come from: listening and dialling.
 *
 * Owns the sockets.  Knows nothing of clients or flows: it hands every
 * decoded message that is not its own to the callbacks, and whoever wants to
 * send appends to ofconn_tx(). */
#ifndef OFSERVER_H
#define OFSERVER_H 1

#include <firsthop/status.h>

#include "flows/ofcodec.h"

struct event_base;
struct tls;
struct ofserver;
struct ofconn;

struct ofserver_config {
    int echo_interval_ms;       /* Echo request after so much silence, 1000 */
    int dead_after_ms;          /* Closed after so much silence, 3000. */
    int handshake_ms;           /* Closed unless READY or IDLE by then. */
    int stranger_ms;            /* Closed unless taken, so long after IDLE. */
    /* One more makes the least known of those that nobody has taken go:
     * the oldest that has told its datapath id, else the oldest.  Where all
     * are taken it is refused.  Both are counted. */
    size_t max_connections;
    size_t max_strangers;       /* Not taken, from one address. */
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
    /* Of several controllers another one is obeyed.  May be NULL. */
    void (*refused)(struct ofconn *, void *aux);
};

struct ofserver *ofserver_create(struct event_base *,
                                 const struct ofserver_config *,
                                 const struct ofserver_cbs *, void *aux);
void ofserver_destroy(struct ofserver *);

/* There are several controllers, of which one leads: bridges are asked for the
 * master role with 'generation', and who is refused is told so. */
void ofserver_set_generation(struct ofserver *, uint64_t generation);
/* The highest generation id that a bridge has told, 0: none has. */
uint64_t ofserver_known_generation(const struct ofserver *);

/* What "ssl:" targets use from now on (taken).  Connections that are there
 * stay as they are. */
void ofserver_set_tls(struct ofserver *, struct tls *);

/* Targets: "tcp:ADDR:PORT", "tcp:[V6]:PORT", the same with "ssl:" (which needs
 * ofserver_set_tls() before), "unix:PATH" (a stale socket file is replaced, a
 * live one refused).  Return 0, or an errno and '*errp', new, to be freed by
 * the caller. */
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

#endif /* controller/bridge/ofserver.h */
