/* /v1/events: what has happened as a list, and what happens as a stream of
 * server-sent events (the HTML standard's text/event-stream).
 *
 * Called by api.c for its route, and by journal.c for every event.  Both forms
 * read from the ring as the peer takes it, a few hundred events in a turn of
 * the loop, so that neither a long list nor a slow reader costs memory or
 * holds up the probes.  A live reader whom the ring has overtaken is dropped:
 * it knows its last id, and may come back with that. */
#include <config.h>

#include "controller/api/api_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/base/log.h"

#define MAX_STREAMS     64
#define EVENTS_PER_TURN 200
#define SKIPS_PER_TURN  5000    /* Events that the reader has not asked for. */
#define KEEP_ALIVE_S    15
#define MAX_AGE_S       (10LL * 366 * 86400)

/* Which events a reader wants. */
struct event_filter {
    struct fh_addr client;      /* Zero: any. */
    char segment[INCIDENT_NAME_LEN];    /* "": any. */
    char router[INCIDENT_NAME_LEN];     /* From or to it, "": any. */
    char type[32];              /* "client.moved", "client", "": any. */
    int cause;                  /* enum incident_cause, -1: any. */
    int64_t since_ms;           /* Unix time: not before. */
};

struct event_stream {
    struct event_stream *next, **pprev; /* In api_events.streams. */
    struct api_events *owner;
    struct http_conn *conn;
    uint64_t cursor;            /* The last event that was written. */
    uint64_t end;               /* A list's last, UINT64_MAX: live. */
    uint64_t left;              /* A list's limit. */
    bool begun;                 /* A list has its first element. */
    struct event_filter filter;
};

struct api_events {
    struct api *api;
    struct event_stream *streams;
    size_t n_streams;
    struct event *wake;         /* Events have been added. */
    struct event *keep_alive;
};

static bool
type_matches(const char *type, const char *wanted)
{
    size_t n = strlen(wanted);

    return !strncmp(type, wanted, n) && (!n || !type[n] || type[n] == '.');
}

static bool
filter_matches(const struct event_filter *f, const struct incident *e)
{
    return (fh_addr_is_zero(f->client)
            || fh_addr_equal(f->client, e->client))
           && (!*f->segment || !strcmp(f->segment, e->segment))
           && (!*f->router || !strcmp(f->router, e->from)
               || !strcmp(f->router, e->to))
           && (f->cause < 0 || f->cause == (int) e->cause)
           && e->time_ms >= f->since_ms
           && type_matches(incident_type_name(e->type), f->type);
}

static const struct journal *
ring(const struct event_stream *stream)
{
    return engine_journal(stream->owner->api->en);
}

static bool
is_live(const struct event_stream *stream)
{
    return stream->end == UINT64_MAX;
}

static void
stream_free(struct event_stream *stream)
{
    *stream->pprev = stream->next;
    if (stream->next) {
        stream->next->pprev = stream->pprev;
    }
    stream->owner->n_streams--;
    free(stream);
}

static void
stream_closed(struct http_conn *conn, void *stream)
{
    stream_free(stream);
}

/* Has it lost events because it does not read? */
static bool
is_overtaken(const struct event_stream *stream)
{
    return is_live(stream) && journal_first_seq(ring(stream))
                              > stream->cursor + 1;
}

static void
drop_slow(struct event_stream *stream)
{
    struct http_conn *conn = stream->conn;

    log_warn("api: a reader of events is too slow, and dropped after event "
             "%llu", (unsigned long long) stream->cursor);
    stream_free(stream);
    http_stream_abort(conn);
}

static void
write_event(struct event_stream *stream, const struct incident *event)
{
    json_t *json = api_json_event(event);
    char *data = json_dumps(json, JSON_COMPACT);
    char *text = (is_live(stream)
                  ? fh_xasprintf("id: %llu\ndata: %s\n\n",
                                 (unsigned long long) event->seq, data)
                  : fh_xasprintf("%s\n%s", stream->begun ? "," : "", data));

    http_stream_write(stream->conn, text, strlen(text));
    stream->cursor = event->seq;
    stream->begun = true;
    stream->left--;
    free(text);
    free(data);
    json_decref(json);
}

static void
end_list(struct event_stream *stream, bool cut)
{
    struct http_conn *conn = stream->conn;
    char *text = (cut ? fh_xasprintf("\n], \"next\": %llu}\n",
                                     (unsigned long long) stream->cursor)
                      : fh_xstrdup("\n], \"next\": null}\n"));

    http_stream_write(conn, text, strlen(text));
    free(text);
    stream_free(stream);
    http_stream_end(conn);
}

/* A list of one client's events begins with those of its changes that the ring
 * has forgotten.  The first after 'seq', in '*event', among all clients with
 * the address. */
static bool
find_forgotten(const struct event_stream *stream, uint64_t seq,
               struct incident *event)
{
    const struct clients *clients
        = engine_clients(stream->owner->api->en);
    struct client_key key = { .address = stream->filter.client };
    uint64_t end = journal_first_seq(ring(stream));
    const struct client *c;
    bool found = false;

    if (fh_addr_is_zero(key.address) || is_live(stream) || seq + 1 >= end) {
        return false;
    }
    for (size_t i = clients_lower_bound(clients, key);
         (c = clients_at(clients, i))
         && fh_addr_equal(c->key.address, key.address); i++) {
        struct incident e;

        if (history_after(c->history, seq, &e) && e.seq < end) {
            end = e.seq;
            found = true;
            *event = e;
            event->client = key.address;
            snprintf(event->segment, sizeof event->segment, "%s",
                     c->segment->config->name);
        }
    }
    return found;
}

/* The next event for the stream to look at, or NULL.  'copy' may hold it. */
static const struct incident *
next_event(const struct event_stream *stream, struct incident *copy)
{
    return (find_forgotten(stream, stream->cursor, copy) ? copy
            : journal_after(ring(stream), stream->cursor));
}

/* Writes what there is, up to what one turn of the loop may take. */
static void
stream_writable(struct http_conn *conn, void *stream_)
{
    struct event_stream *stream = stream_;

    if (is_overtaken(stream)) {
        drop_slow(stream);
        return;
    }
    for (int n = 0, skips = 0; n < EVENTS_PER_TURN
         && skips < SKIPS_PER_TURN;) {
        struct incident forgotten;
        const struct incident *event = next_event(stream, &forgotten);
        bool over = !event || event->seq > stream->end;

        if (!over && !filter_matches(&stream->filter, event)) {
            stream->cursor = event->seq;
            skips++;
            continue;
        }

        if (over && is_live(stream)) {
            return;
        }
        if (over || !stream->left) {
            end_list(stream, !over);
            return;
        }
        if (http_stream_is_full(conn)) {
            return;
        }
        write_event(stream, event);
        n++;
    }
    http_stream_wake(conn);
}

static const struct http_stream_cbs stream_cbs = {
    stream_writable, stream_closed
};

static struct event_stream *
stream_create(struct api_call *call, const struct event_filter *filter)
{
    struct api_events *owner = call->api->events;
    struct event_stream *stream = fh_xcalloc(1, sizeof *stream);

    stream->owner = owner;
    stream->filter = *filter;
    stream->conn = call->request->conn;
    stream->next = owner->streams;
    stream->pprev = &owner->streams;
    if (stream->next) {
        stream->next->pprev = &stream->next;
    }
    owner->streams = stream;
    owner->n_streams++;
    return stream;
}

static void
begin_list(struct api_call *call, const struct event_filter *filter,
           uint64_t since, uint64_t limit)
{
    static const char start[] = "{\"events\": [";
    struct event_stream *stream = stream_create(call, filter);

    stream->cursor = since;
    stream->left = limit;
    stream->end = journal_last_seq(ring(stream));
    http_stream_begin(stream->conn, "application/json", false, &stream_cbs,
                      stream);
    /* HEAD ends at once. */
    if (strcmp(call->request->head->method, "HEAD")) {
        http_stream_write(call->request->conn, start, strlen(start));
    }
}

/* Says what a reader will miss that wants to go on after 'since'. */
static void
write_greeting(struct event_stream *stream, uint64_t since)
{
    uint64_t first = journal_first_seq(ring(stream));
    char *text;

    if (first > since + 1) {
        text = fh_xasprintf("retry: 1000\n: events %llu to %llu are no "
                            "longer kept\n\n",
                            (unsigned long long) since + 1,
                            (unsigned long long) first - 1);
        stream->cursor = first - 1;
    } else {
        text = fh_xstrdup("retry: 1000\n: events of firsthopd\n\n");
    }
    http_stream_write(stream->conn, text, strlen(text));
    free(text);
}

static void
begin_live(struct api_call *call, const struct event_filter *filter,
           uint64_t since)
{
    struct event_stream *stream = stream_create(call, filter);

    stream->cursor = since;
    stream->end = stream->left = UINT64_MAX;
    http_stream_begin(stream->conn, "text/event-stream", true, &stream_cbs,
                      stream);
    if (strcmp(call->request->head->method, "HEAD")) {
        write_greeting(stream, since);
    }
}

static bool
wants_stream(const struct api_call *call)
{
    const char *accept_ = http_head_field(call->request->head, "Accept");

    return accept_ && strcasestr(accept_, "text/event-stream");
}

/* Where a live stream starts: after Last-Event-ID, else ?since=, else now.
 * False after an answer. */
static bool
read_start(struct api_call *call, uint64_t *since)
{
    const char *id = http_head_field(call->request->head, "Last-Event-ID");
    uint64_t last = journal_last_seq(engine_journal(call->en));
    size_t n;

    if (!id || !*id) {
        *since = api_query(call, "since") ? *since : last;
    } else {
        n = strspn(id, "0123456789");
        if (id[n] || n > 19) {
            api_reply_problem(call, 400, "Last-Event-ID: must be a number");
            return false;
        }
        *since = strtoull(id, NULL, 10);
    }
    if (*since > last) {        /* Of a daemon before this one. */
        *since = 0;
    }
    return true;
}

/* The name in a query, "" if there is none.  A longer one than any is, is
 * nobody's. */
static void
read_name(struct api_call *call, const char *key,
          char name[INCIDENT_NAME_LEN])
{
    const char *text = api_query(call, key);

    snprintf(name, INCIDENT_NAME_LEN, "%s", text ? text : "");
}

/* The cause with that name, or -1 after an answer. */
static int
read_cause(struct api_call *call, const char *name)
{
    for (int i = CAUSE_FIRST; i < CAUSE_N; i++) {
        if (!strcmp(name, incident_cause_name(i))) {
            return i;
        }
    }
    api_reply_problem(call, 422, "cause: there is no cause %s", name);
    return -1;
}

/* False after an answer. */
static bool
read_type(struct api_call *call, struct event_filter *f)
{
    const char *type = api_query(call, "type");

    for (int i = 0; type && i < INCIDENT_N_TYPES; i++) {
        if (*type && type_matches(incident_type_name(i), type)) {
            snprintf(f->type, sizeof f->type, "%s", type);
            return true;
        }
    }
    if (type) {
        api_reply_problem(call, 422, "type: there are no events %s", type);
    }
    return !type;
}

/* False after an answer. */
static bool
read_filter(struct api_call *call, struct event_filter *f)
{
    const char *client = api_query(call, "client");
    const char *cause = api_query(call, "cause");
    uint64_t age_s = MAX_AGE_S;

    *f = (struct event_filter) { .cause = -1 };
    read_name(call, "segment", f->segment);
    read_name(call, "router", f->router);
    if (client && !fh_addr_parse(client, &f->client)) {
        api_reply_problem(call, 400, "client: %s is no address", client);
        return false;
    }
    if (!api_query_number(call, "max_age_s", 0, MAX_AGE_S, &age_s)
        || !read_type(call, f)) {
        return false;
    }
    f->since_ms = engine_unix_ms(call->en) - (int64_t) age_s * 1000;
    f->cause = cause ? read_cause(call, cause) : -1;
    return !cause || f->cause >= 0;
}

void
api_get_events(struct api_call *call)
{
    struct event_filter filter;
    uint64_t limit = UINT64_MAX;
    uint64_t since = 0;

    if (!api_query_number(call, "since", 0, INT64_MAX, &since)
        || !api_query_number(call, "limit", 1, INT64_MAX, &limit)
        || !read_filter(call, &filter)) {
        return;
    }
    if (call->api->events->n_streams >= MAX_STREAMS) {
        api_reply_problem(call, 503, "too many streams of events");
    } else if (!wants_stream(call)) {
        begin_list(call, &filter, since, limit);
    } else if (read_start(call, &since)) {
        begin_live(call, &filter, since);
    }
}

static void
event_added(const struct incident *event, void *owner_)
{
    struct api_events *owner = owner_;

    if (owner->streams) {
        event_active(owner->wake, EV_TIMEOUT, 0);
    }
}

static void
wake_cb(evutil_socket_t fd, short what, void *owner_)
{
    struct api_events *owner = owner_;
    struct event_stream *next;

    for (struct event_stream *s = owner->streams; s; s = next) {
        next = s->next;
        if (is_overtaken(s)) {
            drop_slow(s);
        } else if (is_live(s)) {
            http_stream_wake(s->conn);
        }
    }
}

/* A comment now and then tells both sides that the other is still there. */
static void
keep_alive_cb(evutil_socket_t fd, short what, void *owner_)
{
    struct api_events *owner = owner_;

    for (struct event_stream *s = owner->streams; s; s = s->next) {
        if (is_live(s) && !http_stream_is_full(s->conn)) {
            http_stream_write(s->conn, ":\n\n", 3);
        }
    }
}

struct api_events *
api_events_create(struct api *api)
{
    static const struct timeval interval = { KEEP_ALIVE_S, 0 };
    struct api_events *owner = fh_xcalloc(1, sizeof *owner);

    owner->api = api;
    owner->wake = event_new(api->base, -1, 0, wake_cb, owner);
    owner->keep_alive = event_new(api->base, -1, EV_PERSIST, keep_alive_cb,
                                  owner);
    if (!owner->wake || !owner->keep_alive) {
        abort();                /* No memory. */
    }
    event_add(owner->keep_alive, &interval);
    journal_listen(engine_journal(api->en), event_added, owner);
    return owner;
}

void
api_events_destroy(struct api_events *owner)
{
    journal_unlisten(engine_journal(owner->api->en), event_added, owner);
    event_free(owner->wake);
    event_free(owner->keep_alive);
    free(owner);
}
