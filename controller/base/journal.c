/* What happened: a ring of events with sequence numbers.
 *
 * Filled by firsthop, read by api.  Pure memory; the time of an event is its
 * maker's. */
#include <config.h>

#include "controller/base/journal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/base/log.h"

#define FIRST_SLOTS 64

struct listener {
    journal_listener *cb;        /* NULL: gone, not yet swept. */
    void *aux;
};

struct journal {
    struct incident *ring;      /* Event 'seq' is at (seq - 1) % capacity. */
    size_t capacity;
    size_t n_slots;             /* Of 'ring' so far: it grows to 'capacity'. */
    uint64_t last_seq;
    struct listener *listeners;
    size_t n_listeners, cap_listeners;
    unsigned int calling;       /* Depth of journal_add() inside listeners. */
};

struct journal *
journal_create(size_t capacity)
{
    struct journal *journal = fh_xcalloc(1, sizeof *journal);

    assert(capacity);
    journal->capacity = capacity;
    return journal;
}

void
journal_destroy(struct journal *journal)
{
    if (journal) {
        assert(!journal->calling);
        free(journal->ring);
        free(journal->listeners);
        free(journal);
    }
}

static void
sweep_listeners(struct journal *journal)
{
    size_t n = 0;

    for (size_t i = 0; i < journal->n_listeners; i++) {
        if (journal->listeners[i].cb) {
            journal->listeners[n++] = journal->listeners[i];
        }
    }
    journal->n_listeners = n;
}

/* A listener may add events and listeners, and remove any listener.  One that
 * is added hears of the next event first. */
static void
call_listeners(struct journal *journal, const struct incident *event)
{
    size_t n = journal->n_listeners;

    journal->calling++;
    for (size_t i = 0; i < n; i++) {
        struct listener listener = journal->listeners[i];

        if (listener.cb) {
            listener.cb(event, listener.aux);
        }
    }
    if (!--journal->calling) {
        sweep_listeners(journal);
    }
}

static struct incident *
slot(const struct journal *journal, uint64_t seq)
{
    return &journal->ring[(seq - 1) % journal->capacity];
}

/* For one event more. */
static void
make_room(struct journal *journal)
{
    size_t n = journal->n_slots ? 2 * journal->n_slots : FIRST_SLOTS;

    if (journal->last_seq < journal->n_slots
        || journal->n_slots == journal->capacity) {
        return;
    }
    journal->n_slots = n < journal->capacity ? n : journal->capacity;
    journal->ring = fh_xrealloc(journal->ring, journal->n_slots
                                               * sizeof *journal->ring);
}

uint64_t
journal_add(struct journal *journal, const struct incident *event)
{
    /* A copy of its own: what a listener adds may take the slot. */
    struct incident copy = *event;

    make_room(journal);
    copy.seq = ++journal->last_seq;
    *slot(journal, copy.seq) = copy;
    call_listeners(journal, &copy);
    return copy.seq;
}

uint64_t
journal_last_seq(const struct journal *journal)
{
    return journal->last_seq;
}

uint64_t
journal_first_seq(const struct journal *journal)
{
    return (journal->last_seq <= journal->capacity
            ? journal->last_seq > 0
            : journal->last_seq - journal->capacity + 1);
}

const struct incident *
journal_after(const struct journal *journal, uint64_t seq)
{
    uint64_t first = journal_first_seq(journal);

    if (seq >= journal->last_seq) {
        return NULL;
    }
    return slot(journal, seq < first ? first : seq + 1);
}

void
journal_listen(struct journal *journal, journal_listener *cb, void *aux)
{
    if (journal->n_listeners == journal->cap_listeners) {
        journal->cap_listeners = (journal->cap_listeners
                                 ? 2 * journal->cap_listeners : 4);
        journal->listeners = fh_xrealloc(journal->listeners,
                                        journal->cap_listeners
                                        * sizeof *journal->listeners);
    }
    journal->listeners[journal->n_listeners++] = (struct listener) { cb, aux };
}

void
journal_unlisten(struct journal *journal, journal_listener *cb, void *aux)
{
    for (size_t i = 0; i < journal->n_listeners; i++) {
        struct listener *listener = &journal->listeners[i];

        if (listener->cb == cb && listener->aux == aux) {
            listener->cb = NULL;
            break;
        }
    }
    if (!journal->calling) {
        sweep_listeners(journal);
    }
}

struct incident
incident_init(enum incident_type type)
{
    return (struct incident) {
        .type = type, .detect_ms = -1, .install_ms = -1, .ack_ms = -1
    };
}

void
incident_log(const struct incident *e)
{
    /* A failover of thousands must not fill the log, nor a port or a bridge
     * that comes and goes; all of them are in the ring. */
    static struct log_rate_limit of_clients = LOG_RATE_LIMIT_INIT(10, 200);
    static struct log_rate_limit of_others = LOG_RATE_LIMIT_INIT(100, 100);
    char client[FH_ADDR_STRLEN] = "";

    if (!fh_addr_is_zero(e->client)) {
        fh_addr_format(e->client, client);
    }
    const struct log_field fields[] = {
        { "event", incident_type_name(e->type) },
        { "segment", e->segment },
        { "client", client },
        { "from", e->from },
        { "to", e->to },
        { "cause", e->cause ? incident_cause_name(e->cause) : "" },
        { "detail", e->detail },
    };
    size_t n = sizeof fields / sizeof fields[0];
    char message[512];
    size_t len = 0;

    for (size_t i = 0; i < n && len < sizeof message; i++) {
        const struct log_field *f = &fields[i];
        bool named = i > 0 && i < n - 1;

        if (f->value[0]) {
            len += snprintf(message + len, sizeof message - len, "%s%s%s%s",
                            i ? " " : "", named ? f->name : "",
                            named ? "=" : "", f->value);
        }
    }
    log_fields(e->type == INCIDENT_CLIENT_LOST
               || e->type == INCIDENT_CLIENT_CONFLICT
               || e->type == INCIDENT_ROUTER_DISCONNECTED
               || e->type == INCIDENT_PATH_LOST
               ? LOG_LVL_WARN : LOG_LVL_INFO,
               client[0] ? &of_clients : &of_others, fields, n, message);
}

const char *
incident_type_name(enum incident_type type)
{
    static const char *const names[INCIDENT_N_TYPES] = {
        [INCIDENT_CLIENT_ELECTED] = "client.elected",
        [INCIDENT_CLIENT_MOVED] = "client.moved",
        [INCIDENT_CLIENT_LOST] = "client.lost",
        [INCIDENT_CLIENT_FOUND] = "client.found",
        [INCIDENT_CLIENT_WITHDRAWN] = "client.withdrawn",
        [INCIDENT_CLIENT_FORGOTTEN] = "client.forgotten",
        [INCIDENT_CLIENT_CONFLICT] = "client.conflict",
        [INCIDENT_CLIENT_FORGED] = "client.forged",
        [INCIDENT_CLIENT_FOLLOWED] = "client.followed",
        [INCIDENT_CLIENT_STATIC] = "client.static",
        [INCIDENT_CLIENT_REFUSED] = "client.refused",
        [INCIDENT_GATEWAY_CONFLICT] = "gateway.conflict",
        [INCIDENT_ROUTER_CONFLICT] = "router.conflict",
        [INCIDENT_NEXT_HOP_CONFLICT] = "next_hop.conflict",
        [INCIDENT_NEXT_HOP_MOVED] = "next_hop.moved",
        [INCIDENT_ROUTER_CONNECTED] = "router.connected",
        [INCIDENT_ROUTER_DISCONNECTED] = "router.disconnected",
        [INCIDENT_ROUTER_REPAIRED] = "router.repaired",
        [INCIDENT_ROUTER_ADMIN] = "router.admin",
        [INCIDENT_ROUTER_UPLINK] = "router.uplink",
        [INCIDENT_PATH_LOST] = "path.lost",
        [INCIDENT_PATH_FOUND] = "path.found",
        [INCIDENT_SEGMENT_SWEEP] = "segment.sweep",
        [INCIDENT_CONFIG_APPLIED] = "config.applied",
        [INCIDENT_UPSTREAM] = "upstream.changed",
    };

    assert(type < INCIDENT_N_TYPES && names[type]);
    return names[type];
}

const char *
incident_cause_name(enum incident_cause cause)
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
        [CAUSE_UPLINK] = "uplink",
    };

    assert(cause < CAUSE_N && names[cause]);
    return names[cause];
}
