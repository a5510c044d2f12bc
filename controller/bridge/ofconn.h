/* One OpenFlow connection: framing, handshake, echo.
 *
 * Made by an ofserver, whose callbacks hear of all that is not its own
 * business.
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
 * would change it.
 *
 * Of several controllers those that follow wait as SLAVE, from IDLE, SETUP or
 * READY; one that comes to lead takes it from there. */
#ifndef OFCONN_H
#define OFCONN_H 1

#include "flows/ofcodec.h"

struct ofconn;

/* Becomes master of an identified connection and sets it up. */
void ofconn_take(struct ofconn *);
/* Waits as a slave: nothing but ports and roles is heard. */
void ofconn_follow(struct ofconn *);
/* Is told from now on when others change flows, where OpenFlow can (from 1.4
 * on).  A bridge keeps the monitor for as long as the connection lasts, through
 * all roles, and refuses a second one: asked for once. */
void ofconn_monitor_flows(struct ofconn *);
/* So long nothing has come from it. */
int64_t ofconn_silence_ms(const struct ofconn *, int64_t now_ms);
/* Closes at once; 'closed' is called from the event loop, not from here, and
 * no other callback before it. */
void ofconn_close(struct ofconn *, const char *reason);

uint64_t ofconn_dpid(const struct ofconn *);
int ofconn_version(const struct ofconn *);              /* enum of_version */
const char *ofconn_version_name(const struct ofconn *);     /* "1.4" */
const char *ofconn_peer(const struct ofconn *);         /* For logs. */
/* The common name of the peer's certificate, or NULL: it has shown none. */
const char *ofconn_peer_name(const struct ofconn *);
bool ofconn_is_ready(const struct ofconn *);
/* Has the bridge had a master before this connection, since its process was
 * started?  Known from READY on. */
bool ofconn_had_master(const struct ofconn *);
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
