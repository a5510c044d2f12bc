/* The journal: what happened, as a ring of incidents with sequence numbers.
 * (The API calls them events; in this program an event is libevent's.)
 *
 * Pure memory: bounded, oldest dropped first.  api reads it. */
#ifndef JOURNAL_H
#define JOURNAL_H 1

#include <firsthop/types.h>

#define INCIDENT_NAME_LEN 65    /* Router and segment names, with the null. */

enum incident_type {
    INCIDENT_CLIENT_ELECTED,    /* client.elected, first active router */
    INCIDENT_CLIENT_MOVED,      /* client.moved */
    INCIDENT_CLIENT_LOST,       /* client.lost */
    INCIDENT_CLIENT_FOUND,      /* client.found: lost, then answering again */
    INCIDENT_CLIENT_WITHDRAWN,  /* client.withdrawn: flows, routes removed */
    INCIDENT_CLIENT_FORGOTTEN,  /* client.forgotten: aged out, deleted */
    INCIDENT_CLIENT_CONFLICT,   /* client.conflict: another MAC or port */
    INCIDENT_CLIENT_FORGED,     /* client.forged: unasked replies */
    INCIDENT_CLIENT_FOLLOWED,   /* client.followed: new MAC or port taken */
    INCIDENT_CLIENT_STATIC,     /* client.static: acknowledges, but still
                                 * sends to the old router's MAC */
    INCIDENT_CLIENT_REFUSED,    /* client.refused: a limit, not learnt */
    INCIDENT_GATEWAY_CONFLICT,  /* gateway.conflict: somebody claims it */
    INCIDENT_ROUTER_CONFLICT,   /* router.conflict: somebody uses its MAC, or
                                 * its address on an uplink */
    INCIDENT_NEXT_HOP_CONFLICT, /* next_hop.conflict: another MAC speaks as it
                                 * and is not believed */
    INCIDENT_NEXT_HOP_MOVED,    /* next_hop.moved: to another MAC */
    INCIDENT_ROUTER_CONNECTED,  /* router.connected */
    INCIDENT_ROUTER_DISCONNECTED,/* router.disconnected */
    INCIDENT_ROUTER_REPAIRED,   /* router.repaired: others had changed flows */
    INCIDENT_ROUTER_ADMIN,      /* router.admin: drained, or up again */
    INCIDENT_ROUTER_UPLINK,     /* router.uplink: said to be down, or up */
    INCIDENT_PATH_LOST,         /* path.lost: two routers hear each other no
                                 * more */
    INCIDENT_PATH_FOUND,        /* path.found: lost, then heard again */
    INCIDENT_SEGMENT_SWEEP,     /* segment.sweep: begun, done */
    INCIDENT_CONFIG_APPLIED,    /* config.applied */
    INCIDENT_UPSTREAM,          /* upstream.changed: speaker up or down */
    INCIDENT_N_TYPES
};

enum incident_cause {
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
    CAUSE_UPLINK,               /* Somebody has said that it is down. */
    CAUSE_N
};

struct incident {
    uint64_t seq;               /* 1, 2, ...: set by journal_add(). */
    int64_t time_ms;            /* Unix time. */
    enum incident_type type;
    enum incident_cause cause;
    char segment[INCIDENT_NAME_LEN];   /* "" where none. */
    struct fh_addr client;          /* Zero where none. */
    char from[INCIDENT_NAME_LEN];      /* Router, or "". */
    char to[INCIDENT_NAME_LEN];        /* Router, or "". */
    int32_t detect_ms;          /* Last sign of life (the last answer, or the
                                 * message that told) to the decision; -1. */
    int32_t install_ms;         /* Decision to barrier; -1. */
    int32_t ack_ms;             /* First notice to acknowledgement; -1. */
    char detail[96];            /* For a person; "" mostly. */
};

/* An event of that type; nothing else about it is known yet. */
struct incident incident_init(enum incident_type);
/* Says it in the log. */
void incident_log(const struct incident *);

struct journal;

struct journal *journal_create(size_t capacity);
void journal_destroy(struct journal *);

/* Copies '*event', gives it the next sequence number and returns that.  Then
 * calls every listener. */
uint64_t journal_add(struct journal *, const struct incident *event);

/* The first kept event whose number is greater than 'seq', or NULL.  Valid
 * until the next journal_add(). */
const struct incident *journal_after(const struct journal *, uint64_t seq);
uint64_t journal_first_seq(const struct journal *); /* Oldest kept, 0: none. */
uint64_t journal_last_seq(const struct journal *);    /* Newest, 0: none. */

typedef void journal_listener(const struct incident *, void *aux);
void journal_listen(struct journal *, journal_listener *, void *aux);
void journal_unlisten(struct journal *, journal_listener *, void *aux);

const char *incident_type_name(enum incident_type);       /* "client.moved" */
const char *incident_cause_name(enum incident_cause);   /* "unreachable", "" */

#endif /* controller/base/journal.h */
