/* A server for OpenFlow, and scripted bridges in the same event loop, over
 * real sockets.  Nothing sleeps: run_until() turns the loop until something
 * has happened. */
#ifndef OF_PEER_H
#define OF_PEER_H 1

#include "controller/bridge/ofconn.h"
#include "controller/bridge/ofserver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <event2/event.h>

enum {                          /* Header types, 7.1.1. */
    HELLO = 0, ERROR = 1, ECHO_REQUEST = 2, ECHO_REPLY = 3,
    FEATURES_REQUEST = 5, FEATURES_REPLY = 6, SET_CONFIG = 9, PACKET_IN = 10,
    PORT_STATUS = 12, MULTIPART_REQUEST = 18, MULTIPART_REPLY = 19,
    BARRIER_REQUEST = 20, BARRIER_REPLY = 21, ROLE_REQUEST = 24,
    ROLE_REPLY = 25, SET_ASYNC = 28,
};

#define NEVER_MS 1000000        /* Longer than any test. */

struct fixture {
    struct event_base *base;
    struct ofserver_config config;
    struct ofserver *server;
    char dir[32];
    char target[64];            /* unix: */

    /* What the callbacks saw. */
    int n_identified, n_ready, n_messages, n_ports, n_closed, n_idle,
        n_refused;
    struct ofconn *conn;        /* The last one identified. */
    char reason[128];           /* Why the last one was closed. */
    struct of_port port;
    bool port_deleted;
    uint32_t last_xid;          /* Of the last message. */
    bool is_open;               /* Nothing may be called after 'closed'. */

    /* What they do. */
    bool take;
    bool close_older;
    int close_at_message;       /* -1: never. */
    bool answer_in_idle;
};

/* The bridge's end. */
struct peer {
    struct fixture *f;
    int fd;
    struct event *event;
    struct fh_buf rx;
    bool eof;
    uint8_t version;
    bool had_master;
};

extern const struct ofserver_cbs cbs;

/* The server, once its settings are as the test wants them. */
void start(struct fixture *f);

/* Of a test: its state is a struct fixture, new. */
int set_up(void **state);
int tear_down(void **state);

#define run_until(F, CONDITION)                         \
    while (!(CONDITION)) {                              \
        assert_int_equal(event_base_loop((F)->base, EVLOOP_ONCE), 0); \
    }

void peer_use(struct fixture *f, struct peer *p, int fd);
void peer_connect(struct fixture *f, struct peer *p);
void peer_close(struct peer *p);
void peer_send(struct peer *p, const void *data, size_t len);
uint32_t get_be32(const uint8_t *p);
void append_message(struct fh_buf *buf, uint8_t version, uint8_t type,
                    uint32_t xid, const void *body, size_t len);
void peer_say(struct peer *p, uint8_t type, uint32_t xid, const void *body,
              size_t len);
bool has_message(const struct peer *p);

/* Waits for the next message, which must be of 'type'.  Returns its xid. */
uint32_t peer_expect(struct peer *p, int type);

void peer_say_hello(struct peer *p, uint32_t peer_versions);
void peer_say_features(struct peer *p, uint32_t xid, uint8_t dpid,
                       uint8_t aux_id);

/* A port of 1.4 without properties. */
void make_port(uint8_t *p, uint32_t number, const char *name, bool up);

void peer_say_ports(struct peer *p, uint32_t xid);
void peer_say_role(struct peer *p, uint32_t xid);

/* Up to the datapath id. */
void peer_identify(struct peer *p, uint8_t dpid);

/* Up to READY. */
void peer_become_ready(struct peer *p);

struct fh_openflow_status counters(const struct fixture *f);

#endif /* tests/unit/of_peer.h */
