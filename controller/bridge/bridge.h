/* One OpenFlow bridge whose flows somebody keeps right.
 *
 * Owns which connection is whose, what is on its way to a bridge, and the
 * reading of its flows: they are read when the bridge comes and compared with
 * what its owner says should be there, and what is wrong is changed.  An owner
 * is a router, a core, or a router that leaves; it never sees a connection
 * come twice under one datapath id, nor a bundle that was refused.
 *
 *   AWAY --datapath id--> SETUP --set up--> READING --flows read--> SERVING
 *    ^                      |                  |                     |   ^
 *    |                      |                  |        read again   v   |
 *    +------- closed -------+------------------+------------------- SERVING,
 *                                                                   READING
 *
 * A bridge that is read again goes on serving meanwhile: what is sent to it
 * in between is at worst sent twice.
 *
 * It tells when somebody else changes flows of ours, and is then read again;
 * and, unless it has so many that this would be felt, every CHECK_MS anyway.
 * What flows have counted is told by the way; where they are too many, clients'
 * flows are listed for that, part by part.
 *
 * Called by the event loop; never reads a clock, for which bridges_tick() is
 * there. */
#ifndef BRIDGE_H
#define BRIDGE_H 1

#include <firsthop/snapshot.h>

#include "controller/bridge/ofconn.h"
#include "controller/bridge/ofserver.h"
#include "flows/flow_diff.h"
#include "flows/ofcodec.h"

struct bridge;
struct bridges;

/* All are called with the owner, and may do anything with the bridge but
 * destroy it. */
struct bridge_ops {
    /* It has come and is set up, its ports are known.  Its flows are read
     * next. */
    void (*up)(void *owner);
    /* It has gone; nothing that was asked of it will be answered. */
    void (*down)(void *owner, const char *reason);
    /* It serves, and lists a flow, which says what it has counted.  May be
     * NULL. */
    void (*counted)(void *owner, const struct fh_flow *);
    /* 'found' are its flows of ours.  Returns those that it should have
     * instead, new.  'first': it has not served yet. */
    struct flow_set *(*desired)(void *owner, const struct flow_set *found,
                                bool first);
    /* What is wrong is on its way to be changed: it serves.  May be NULL. */
    void (*read)(void *owner, bool first);
    /* Somebody else had changed flows of ours, or it was looked whether
     * anybody had: 'n' were wrong, and are on their way to be put right as soon
     * as this returns.  May be NULL. */
    void (*repaired)(void *owner, size_t n);
    /* What is not the bridge's own business, packet-ins only while it serves.
     * Returns false for an error that it does not know.  May be NULL. */
    bool (*message)(void *owner, const struct of_message *);
    /* May be NULL. */
    void (*port)(void *owner, const struct of_port *, bool deleted);
    /* See bridge_await().  May be NULL. */
    void (*confirmed)(void *owner, uint64_t token, bool ok);
};

struct bridge_options {
    uint64_t dpid;
    const char *kind, *name;    /* For logs: "router", "A".  Copied. */
    const char *common_name;    /* Of its certificate; copied.  NULL: any. */
    int reread_ms;              /* What was refused is read again after. */
    struct fh_bridge_counters *counters;    /* Borrowed; NULL: not counted. */
};

/* All bridges, and the server that they come to.  'begin_turn' (may be NULL)
 * is called before the first thing of a wake-up is handed over, 'end_turn' when
 * all that a wake-up brought has been handed over. */
struct bridges *bridges_create(struct event_base *,
                               const struct ofserver_config *,
                               void (*begin_turn)(void *aux),
                               void (*end_turn)(void *aux), void *aux);
/* After all bridges. */
void bridges_destroy(struct bridges *);
/* To listen and to dial. */
struct ofserver *bridges_server(struct bridges *);
/* Gives connections that nobody has to the bridges that want them: after
 * bridges have been made, or destroyed. */
void bridges_offer(struct bridges *);
/* There are several controllers.  Follows: what serves goes down, and waits as
 * a slave.  Leads, under that epoch: all that are there are taken.  'refused'
 * is called when a bridge obeys another controller. */
void bridges_set_refused(struct bridges *, void (*refused)(void *aux),
                         void *aux);
void bridges_follow(struct bridges *);
void bridges_lead(struct bridges *, uint64_t epoch);
/* Has a bridge with that datapath id said something within 'within_ms',
 * whomever it obeys? */
bool bridges_hear(const struct bridges *, uint64_t dpid, int64_t now_ms,
                  int64_t within_ms);
/* Has one with that datapath id ever come? */
bool bridges_have_met(const struct bridges *, uint64_t dpid);
/* How many there are, have said something within 'within_ms', obey us. */
struct bridges_count { size_t n, n_alive, n_obey; };
struct bridges_count bridges_count(const struct bridges *, int64_t now_ms,
                                   int64_t within_ms);
/* Every 100 ms or so: does each of them keep up, and is it to be read
 * again? */
void bridges_tick(struct bridges *, int64_t now_ms);

/* The i-th thing that is wrong with one of them, and how to mend it, NULL:
 * there are no more.  Valid until the next call. */
const char *bridges_problem(struct bridges *, size_t i);

struct bridge *bridge_create(struct bridges *, const struct bridge_options *,
                             const struct bridge_ops *, void *owner);
/* What was awaited fails; its flows are left alone. */
void bridge_destroy(struct bridge *);
/* Another name from now on, or another certificate. */
void bridge_set_options(struct bridge *, const struct bridge_options *);
/* Sends what is queued; its owner is not told what becomes of that, or of what
 * was sent before. */
void bridge_disown(struct bridge *);

/* Queue changes here; bridge_commit() sends what is queued. */
struct fh_changes *bridge_changes(struct bridge *);
/* 'token' comes back in confirmed() when what is queued is in place, or has
 * failed. */
void bridge_await(struct bridge *, uint64_t token);
void bridge_commit(struct bridge *);
/* Changes that are queued, or tokens, whichever are more. */
size_t bridge_n_queued(const struct bridge *);

/* Has it read, and put right, as when it came. */
void bridge_read(struct bridge *);
/* The same while it serves, at once or as soon as nothing is under way. */
void bridge_read_again(struct bridge *);

/* Closes its connection; it may come back. */
void bridge_drop(struct bridge *, const char *reason);

/* Is anything under way that is not confirmed? */
bool bridge_is_busy(const struct bridge *);
/* Is it there, and its ports known? */
bool bridge_is_there(const struct bridge *);
/* And its flows, or on their way to be put right? */
bool bridge_serves(const struct bridge *);

/* The connection while it is there, or NULL: to send what no order matters
 * for. */
struct ofconn *bridge_conn(const struct bridge *);
/* While it is there: the version of OpenFlow, "1.4", and the ports. */
const char *bridge_version_name(const struct bridge *);
const struct of_port *bridge_ports(const struct bridge *, size_t *n);

#endif /* controller/bridge/bridge.h */
