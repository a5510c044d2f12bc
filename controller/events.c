/* What happened: a ring of events with sequence numbers.
 *
 * Filled by firsthop, read by api.  Pure memory; the time of an event is its
 * maker's. */
#include <config.h>

#include "controller/events.h"

#include <assert.h>
#include <stdlib.h>

#include <firsthop/buf.h>

struct listener {
    events_listener *cb;        /* NULL: gone, not yet swept. */
    void *aux;
};

struct events {
    struct event *ring;         /* Event 'seq' is at (seq - 1) % capacity. */
    size_t capacity;
    uint64_t last_seq;
    struct listener *listeners;
    size_t n_listeners, cap_listeners;
    unsigned int calling;       /* Depth of events_add() inside listeners. */
};

struct events *
events_create(size_t capacity)
{
    struct events *events = fh_xcalloc(1, sizeof *events);

    assert(capacity);
    events->capacity = capacity;
    events->ring = fh_xcalloc(capacity, sizeof *events->ring);
    return events;
}

void
events_destroy(struct events *events)
{
    if (events) {
        assert(!events->calling);
        free(events->ring);
        free(events->listeners);
        free(events);
    }
}

static void
sweep_listeners(struct events *events)
{
    size_t n = 0;

    for (size_t i = 0; i < events->n_listeners; i++) {
        if (events->listeners[i].cb) {
            events->listeners[n++] = events->listeners[i];
        }
    }
    events->n_listeners = n;
}

/* A listener may add events and listeners, and remove any listener.  One that
 * is added hears of the next event first. */
static void
call_listeners(struct events *events, const struct event *event)
{
    size_t n = events->n_listeners;

    events->calling++;
    for (size_t i = 0; i < n; i++) {
        struct listener listener = events->listeners[i];

        if (listener.cb) {
            listener.cb(event, listener.aux);
        }
    }
    if (!--events->calling) {
        sweep_listeners(events);
    }
}

static struct event *
slot(const struct events *events, uint64_t seq)
{
    return &events->ring[(seq - 1) % events->capacity];
}

uint64_t
events_add(struct events *events, const struct event *event)
{
    /* A copy of its own: what a listener adds may take the slot. */
    struct event copy = *event;

    copy.seq = ++events->last_seq;
    *slot(events, copy.seq) = copy;
    call_listeners(events, &copy);
    return copy.seq;
}

uint64_t
events_last_seq(const struct events *events)
{
    return events->last_seq;
}

uint64_t
events_first_seq(const struct events *events)
{
    return (events->last_seq <= events->capacity
            ? events->last_seq > 0
            : events->last_seq - events->capacity + 1);
}

const struct event *
events_after(const struct events *events, uint64_t seq)
{
    uint64_t first = events_first_seq(events);

    if (seq >= events->last_seq) {
        return NULL;
    }
    return slot(events, seq < first ? first : seq + 1);
}

void
events_listen(struct events *events, events_listener *cb, void *aux)
{
    if (events->n_listeners == events->cap_listeners) {
        events->cap_listeners = (events->cap_listeners
                                 ? 2 * events->cap_listeners : 4);
        events->listeners = fh_xrealloc(events->listeners,
                                        events->cap_listeners
                                        * sizeof *events->listeners);
    }
    events->listeners[events->n_listeners++] = (struct listener) { cb, aux };
}

void
events_unlisten(struct events *events, events_listener *cb, void *aux)
{
    for (size_t i = 0; i < events->n_listeners; i++) {
        struct listener *listener = &events->listeners[i];

        if (listener->cb == cb && listener->aux == aux) {
            listener->cb = NULL;
            break;
        }
    }
    if (!events->calling) {
        sweep_listeners(events);
    }
}

struct event
event_init(enum event_type type)
{
    return (struct event) {
        .type = type, .detect_ms = -1, .install_ms = -1, .ack_ms = -1
    };
}

const char *
event_type_name(enum event_type type)
{
    static const char *const names[EVENT_N_TYPES] = {
        [EVENT_CLIENT_ELECTED] = "client.elected",
        [EVENT_CLIENT_MOVED] = "client.moved",
        [EVENT_CLIENT_LOST] = "client.lost",
        [EVENT_CLIENT_FOUND] = "client.found",
        [EVENT_CLIENT_WITHDRAWN] = "client.withdrawn",
        [EVENT_CLIENT_FORGOTTEN] = "client.forgotten",
        [EVENT_CLIENT_CONFLICT] = "client.conflict",
        [EVENT_CLIENT_FOLLOWED] = "client.followed",
        [EVENT_CLIENT_STATIC] = "client.static",
        [EVENT_CLIENT_REFUSED] = "client.refused",
        [EVENT_ROUTER_CONNECTED] = "router.connected",
        [EVENT_ROUTER_DISCONNECTED] = "router.disconnected",
        [EVENT_ROUTER_ADMIN] = "router.admin",
        [EVENT_CONFIG_APPLIED] = "config.applied",
        [EVENT_UPSTREAM] = "upstream.changed",
    };

    assert(type < EVENT_N_TYPES && names[type]);
    return names[type];
}

const char *
event_cause_name(enum event_cause cause)
{
    static const char *const names[CAUSE_N] = {
        [CAUSE_NONE] = "",
        [CAUSE_FIRST] = "first",
        [CAUSE_UNREACHABLE] = "unreachable",
        [CAUSE_ROUTER_LOST] = "router_lost",
        [CAUSE_PORT_DOWN] = "port_down",
        [CAUSE_DRAIN] = "drain",
        [CAUSE_PREEMPT] = "preempt",
        [CAUSE_MANUAL] = "manual",
        [CAUSE_RESTORED] = "restored",
        [CAUSE_CONFIG] = "config",
    };

    assert(cause < CAUSE_N && names[cause]);
    return names[cause];
}
