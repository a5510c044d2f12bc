/* Stands in for ofserver.c, ofconn.c and ofxact.c: a connection holds a set of
 * flows, and confirms, refuses or breaks when the test says so. */
#ifndef FAKE_BRIDGE_H
#define FAKE_BRIDGE_H 1

#include "controller/bridge/ofconn.h"
#include "controller/bridge/ofserver.h"
#include "controller/bridge/ofxact.h"

#define MAX_PENDING 16

/* A connection, and the bridge at its other end. */
struct ofconn {
    uint64_t dpid;
    bool taken, ready, slave, closed, monitors;
    int64_t silence_ms;
    bool had_master;            /* The bridge, before. */
    void *aux;
    const char *peer_name;      /* Of its certificate. */
    struct fh_buf tx;           /* What was sent past ofxact. */
    uint32_t last_xid;
    struct of_port ports[3];
    size_t n_ports;
    struct fh_flow flows[10100];
    size_t n_flows;
};

/* What one ofxact has under way, in order. */
struct pending {
    struct fh_changes changes;
    bool is_dump;
    struct of_flow_filter filter;       /* Of a dump. */
    ofxact_flow_cb *flow;
    ofxact_done_cb *done;
    void *aux;
};

struct ofxact {
    struct ofconn *conn;
    struct pending pending[MAX_PENDING];
    size_t n;
};

/* The one made last. */
extern struct ofxact *fake_last_xact;

/* Under which it would be taken. */
extern uint64_t fake_generation;

/* What a server would say of a connection. */
void fake_identify(struct ofconn *);
void fake_ready(struct ofconn *);
void fake_message(struct ofconn *, struct of_message *);
void fake_refused(struct ofconn *);
void fake_close(struct ofconn *);
void fake_port_changed(struct ofconn *);
/* All that a wake-up brought has been said. */
void fake_idle(void);

/* The bridge does what it is told first, or all of it. */
void fake_confirm(struct ofxact *);
void fake_confirm_all(struct ofxact *);
/* It ends so, and nothing of it is done. */
void fake_end_first(struct ofxact *, int error);

#endif /* tests/unit/fake_bridge.h */
