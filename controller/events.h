/* What happened: a ring of events with sequence numbers.
 *
 * Pure memory: bounded, oldest dropped first.  api reads it. */
#ifndef EVENTS_H
#define EVENTS_H 1

#include <firsthop/types.h>

#define EVENT_NAME_LEN 65       /* Router and segment names, with the null. */

enum event_type {
    EVENT_CLIENT_ELECTED,       /* client.elected, first active router */
    EVENT_CLIENT_MOVED,         /* client.moved */
    EVENT_CLIENT_LOST,          /* client.lost */
    EVENT_CLIENT_FOUND,         /* client.found: lost, then answering again */
    EVENT_CLIENT_WITHDRAWN,     /* client.withdrawn: flows, routes removed */
    EVENT_CLIENT_FORGOTTEN,     /* client.forgotten: aged out, deleted */
    EVENT_CLIENT_CONFLICT,      /* client.conflict: another MAC or port */
    EVENT_CLIENT_FOLLOWED,      /* client.followed: new MAC or port taken */
    EVENT_CLIENT_STATIC,        /* client.static: acknowledges, but still
                                 * sends to the old router's MAC */
    EVENT_CLIENT_REFUSED,       /* client.refused: a limit, not learnt */
    EVENT_ROUTER_CONNECTED,     /* router.connected */
    EVENT_ROUTER_DISCONNECTED,  /* router.disconnected */
    EVENT_ROUTER_ADMIN,         /* router.admin: drained, or up again */
    EVENT_CONFIG_APPLIED,       /* config.applied */
    EVENT_UPSTREAM,             /* upstream.changed: speaker up or down */
    EVENT_N_TYPES
};

enum event_cause {
    CAUSE_NONE,
    CAUSE_FIRST,
    CAUSE_UNREACHABLE,
    CAUSE_ROUTER_LOST,
    CAUSE_PORT_DOWN,
    CAUSE_DRAIN,
    CAUSE_PREEMPT,
    CAUSE_MANUAL,
    CAUSE_RESTORED,             /* Found on the bridge after a start. */
    CAUSE_CONFIG,               /* The router left the segment. */
    CAUSE_N
};

struct event {
    uint64_t seq;               /* 1, 2, ...: set by events_add(). */
    int64_t time_ms;            /* Unix time. */
    enum event_type type;
    enum event_cause cause;
    char segment[EVENT_NAME_LEN];   /* "" where none. */
    struct fh_addr client;          /* Zero where none. */
    char from[EVENT_NAME_LEN];      /* Router, or "". */
    char to[EVENT_NAME_LEN];        /* Router, or "". */
    int32_t detect_ms;          /* Last sign of life (the last answer, or the
                                 * message that told) to the decision; -1. */
    int32_t install_ms;         /* Decision to barrier; -1. */
    int32_t ack_ms;             /* First notice to acknowledgement; -1. */
    char detail[96];            /* For a person; "" mostly. */
};

/* An event of that type; nothing else about it is known yet. */
struct event event_init(enum event_type);

struct events;

struct events *events_create(size_t capacity);
void events_destroy(struct events *);

/* Copies '*event', gives it the next sequence number and returns that.  Then
 * calls every listener. */
uint64_t events_add(struct events *, const struct event *event);

/* The first kept event whose number is greater than 'seq', or NULL.  Valid
 * until the next events_add(). */
const struct event *events_after(const struct events *, uint64_t seq);
uint64_t events_first_seq(const struct events *);   /* Oldest kept, 0: none. */
uint64_t events_last_seq(const struct events *);    /* Newest, 0: none. */

typedef void events_listener(const struct event *, void *aux);
void events_listen(struct events *, events_listener *, void *aux);
void events_unlisten(struct events *, events_listener *, void *aux);

const char *event_type_name(enum event_type);       /* "client.moved" */
const char *event_cause_name(enum event_cause);     /* "unreachable", or "" */

#endif /* controller/events.h */
