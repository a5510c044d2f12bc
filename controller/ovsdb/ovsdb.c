/* An OVSDB client.  See ovsdb.h.
 *
 *   WAITING -> CONNECTING -> ASKING -> LOADING -> UP
 *      ^           |           |          |       |
 *      +-----------+-----------+----------+-------+
 *
 * All three requests (what the server says of itself, that it tells of a
 * conversion, the rows) go out at once, so that a change of server costs one
 * round trip; their answers are looked at one after the other. */
#include <config.h>

#include "controller/ovsdb/ovsdb.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include <firsthop/buf.h>

#include "controller/base/clock.h"
#include "controller/base/log.h"
#include "controller/base/target.h"
#include "controller/ovsdb/ovsdb_conn.h"
#include "controller/ovsdb/ovsdb_nudge.h"
#include "controller/ovsdb/ovsdb_rows.h"
#include "controller/ovsdb/ovsdb_server.h"
#include "controller/ovsdb/ovsdb_value.h"
#include "controller/ovsdb/ovsdb_xact.h"

#define NO_TXN "00000000-0000-0000-0000-000000000000"
#define MAX_BACKLOG (16 * 1024 * 1024)  /* Bytes; more is not transacted. */
#define STABLE_MS 1000          /* Up for so long: a good server. */
#define NUDGE_MS 500            /* Between two of them. */
#define LOADING_FACTOR 10       /* 100,000 rows take a server its time. */

enum ovsdb_state {
    OVSDB_WAITING,              /* Until the next try. */
    OVSDB_CONNECTING,
    OVSDB_ASKING,               /* What is it, that is there? */
    OVSDB_LOADING,              /* The rows are on their way. */
    OVSDB_UP,
};

struct ovsdb {
    struct event_base *base;
    struct ovsdb_options options;       /* Only numbers and 'tls'. */
    char *database, *version, *schema_path;
    char **servers;
    size_t n_servers, at;       /* 'at': the one in use, or tried. */
    json_t *monitor;
    struct ovsdb_handler handler;
    void *aux;

    enum ovsdb_state state;
    struct ovsdb_conn *conn;    /* NULL if OVSDB_WAITING. */
    unsigned int session;       /* Number of the connection. */
    unsigned int failures;      /* Since a server was good. */
    struct event *retry, *tick, *probe;
    uint64_t rx_probed;         /* Bytes of 'conn', when it was probed. */
    int64_t up_ms, down_ms;     /* Since when. */
    int64_t ticked_ms;
    uint64_t rx_seen;           /* Bytes of 'conn', at the last tick. */
    int64_t heard_ms;           /* When they were more than before. */
    bool echo_sent;             /* Since then. */

    struct ovsdb_server_state server;
    char cid[37];               /* Of the rows, and the highest index that */
    int64_t index;              /* a server of that cluster has had. */
    struct ovsdb_rows *rows;
    char last_txn[OVSDB_UUID_STRLEN];   /* That 'rows' is the state after. */
    struct ovsdb_xacts xacts;
    struct ovsdb_nudge *nudge;  /* NULL: none is under way. */
    struct ovsdb_counters counters;     /* Bytes: of earlier connections. */
    struct log_rate_limit rl;
    char why[300];              /* The last connection ended. */
    char problem[600];
};

static void leave(struct ovsdb *, const char *why);
static void try_next(struct ovsdb *, int delay_ms);

/* Sending. */

static void
send_request(struct ovsdb *o, const char *method, json_t *params, json_t *id)
{
    ovsdb_conn_send(o->conn, json_pack("{sssoso}", "method", method, "params",
                                       params, "id", id));
}

/* Everything that a new connection needs to know. */
static void
send_questions(struct ovsdb *o)
{
    send_request(o, "monitor_cond", ovsdb_server_request(o->database),
                 json_string("server"));
    send_request(o, "set_db_change_aware", json_pack("[b]", 1),
                 json_string("aware"));
    send_request(o, "monitor_cond_since",
                 json_pack("[s[s]Os]", o->database, o->database, o->monitor,
                           o->last_txn),
                 json_string("rows"));
}

/* Judging a server. */

static char *
convert_hint(const struct ovsdb *o)
{
    return fh_xasprintf("ovsdb-client convert %s %s", o->servers[o->at],
                        o->schema_path ? o->schema_path : "SCHEMA");
}

/* Is the schema one that we know?  Else leaves the server. */
static bool
schema_fits(struct ovsdb *o, const json_t *schema)
{
    const char *found = ovsdb_get_string(schema, "version");
    enum ovsdb_fit fit = ovsdb_version_fits(found, o->version);
    char *hint, *why;

    if (fit == OVSDB_FITS) {
        return true;
    }
    hint = convert_hint(o);
    why = (fit == OVSDB_TOO_OLD
           ? fh_xasprintf("its schema %.20s is older than %s, which is "
                          "needed: run %.200s", found ? found : "(none)",
                          o->version, hint)
           : fh_xasprintf("its schema %.20s is newer than %s, which this "
                          "program knows: upgrade it", found, o->version));
    leave(o, why);
    free(hint);
    free(why);
    return false;
}

/* Takes the columns' types from the server's schema. */
static bool
take_schema(struct ovsdb *o)
{
    json_t *schema = (o->server.schema
                      ? json_loads(o->server.schema, 0, NULL) : NULL);
    bool ok = schema && schema_fits(o, schema);
    const char *why = ok ? ovsdb_rows_set_schema(o->rows, schema) : NULL;

    if (!schema) {
        leave(o, "no schema");
    } else if (why) {
        leave(o, why);
    }
    json_decref(schema);
    return ok && !why;
}

/* A server behind what another one has said already would take us back.  Once
 * all have been tried there is nothing better. */
static bool
is_behind(struct ovsdb *o)
{
    return (!strcmp(o->server.cid, o->cid) && o->server.index < o->index
            && o->failures < 2 * o->n_servers);
}

static void
note_index(struct ovsdb *o)
{
    if (strcmp(o->server.cid, o->cid)) {
        memcpy(o->cid, o->server.cid, sizeof o->cid);
        o->index = -1;
    }
    o->index = o->server.index > o->index ? o->server.index : o->index;
}

/* What it says of itself has come, or has changed.  Returns false if it has
 * been left. */
static bool
server_fits(struct ovsdb *o)
{
    if (!o->server.present) {
        leave(o, "no such database");
    } else if (!o->server.connected) {
        leave(o, "no contact to its cluster");
    } else {
        return true;
    }
    return false;
}

static void
server_answered(struct ovsdb *o)
{
    if (o->state != OVSDB_ASKING) {
        leave(o, "an answer twice");
    } else if (!server_fits(o)) {
        return;
    } else if (is_behind(o)) {
        leave(o, "its data are older than what is known");
    } else if (take_schema(o)) {
        o->index = o->failures < 2 * o->n_servers ? o->index : -1;
        note_index(o);
        o->state = OVSDB_LOADING;
    }
}

static void
server_changed(struct ovsdb *o, const json_t *updates)
{
    bool led = o->server.leads;
    char *schema = fh_xstrdup(o->server.schema ? o->server.schema : "");

    if (!ovsdb_server_update(&o->server, updates)) {
        leave(o, "an update of another form");
    } else if (o->state >= OVSDB_LOADING && server_fits(o)) {
        note_index(o);
        if (!o->server.schema || strcmp(schema, o->server.schema)) {
            leave(o, "its schema has changed");
        } else if (o->state == OVSDB_UP && o->server.leads != led
                   && o->handler.leads) {
            o->handler.leads(o->aux, o->server.leads);
        }
    }
    free(schema);
}

/* Rows. */

static void
row_changed(void *o_, const char *table, const char *uuid,
            const json_t *old_row, const json_t *new_row)
{
    struct ovsdb *o = o_;

    o->counters.updates++;
    if (o->handler.update) {
        o->handler.update(o->aux, table, uuid, old_row, new_row);
    }
}

static bool
take_rows(struct ovsdb *o, const json_t *txn, const json_t *updates,
          bool whole)
{
    const char *uuid = json_string_value(txn);
    unsigned int session = o->session;
    const char *why;

    if (!uuid || !ovsdb_is_uuid(uuid)) {
        leave(o, "an update without a number");
        return false;
    }
    why = ovsdb_rows_apply(o->rows, updates, whole, row_changed, o);
    memcpy(o->last_txn, why ? NO_TXN : uuid, sizeof o->last_txn);
    if (o->session != session || o->state != OVSDB_UP) {
        return false;           /* Who was told has left the server. */
    }
    if (why) {
        leave(o, why);
        return false;
    }
    if (o->handler.synced) {
        o->handler.synced(o->aux);
    }
    return true;
}

static void
rows_answered(struct ovsdb *o, const json_t *result)
{
    unsigned int session = o->session;

    if (o->state != OVSDB_LOADING || json_array_size(result) != 3) {
        leave(o, "an answer of another form");
        return;
    }
    o->state = OVSDB_UP;
    o->up_ms = clock_mono_ms();
    o->counters.connects++;
    log_info("database %s: connected to %s%s", o->database, o->servers[o->at],
             o->server.leads ? ", which leads" : "");
    if (o->handler.up) {
        o->handler.up(o->aux, o->server.leads);
    }
    if (o->session == session && o->state == OVSDB_UP) {
        take_rows(o, json_array_get(result, 1), json_array_get(result, 2),
                  !json_is_true(json_array_get(result, 0)));
    }
}

/* Messages. */

/* Is 'params' of the monitor that we call 'name'? */
static bool
is_monitor(const json_t *params, const char *name)
{
    const char *id = json_string_value(
        json_array_get(json_array_get(params, 0), 0));

    return id && !strcmp(id, name);
}

static void
on_notification(struct ovsdb *o, const char *method, const json_t *params)
{
    if (!strcmp(method, "update2") && is_monitor(params, "_Server")) {
        server_changed(o, json_array_get(params, 1));
    } else if (!strcmp(method, "update3") && is_monitor(params, o->database)
               && o->state == OVSDB_UP) {
        take_rows(o, json_array_get(params, 1), json_array_get(params, 2),
                  false);
    } else if (!strcmp(method, "monitor_canceled")) {
        leave(o, "the database is being converted");
    }
}

static void
on_request(struct ovsdb *o, const char *method, const json_t *params,
           const json_t *id)
{
    bool echo = !strcmp(method, "echo");

    if (ovsdb_conn_backlog(o->conn) > MAX_BACKLOG) {
        leave(o, "it asks and does not read");
        return;
    }
    ovsdb_conn_send(o->conn, json_pack(
        "{sOsosO}", "result", echo ? params : json_null(), "error",
        echo ? json_null() : json_string("unknown method"), "id", id));
}

static void
on_refusal(struct ovsdb *o, const json_t *error)
{
    char *text = ovsdb_error_text(error);

    leave(o, text);
    free(text);
}

/* The answer to one of our own questions, 'name'. */
static void
on_answer(struct ovsdb *o, const char *name, const json_t *result,
          const json_t *error)
{
    if (!strcmp(name, "echo") || !strcmp(name, "aware")) {
        return;                 /* That it speaks is all that counts. */
    }
    if (!result || json_is_null(result)) {
        on_refusal(o, error);
    } else if (!strcmp(name, "server")) {
        if (ovsdb_server_update(&o->server, result)) {
            server_answered(o);
        } else {
            leave(o, "an answer of another form");
        }
    } else if (!strcmp(name, "rows")) {
        rows_answered(o, result);
    } else {
        leave(o, "an answer to no question");
    }
}

static void
on_reply(struct ovsdb *o, const json_t *message, const json_t *id)
{
    const json_t *result = json_object_get(message, "result");
    const json_t *error = json_object_get(message, "error");

    if (json_is_string(id)) {
        on_answer(o, json_string_value(id), result, error);
    } else if (!json_is_integer(id)
               || !ovsdb_xacts_answer(&o->xacts, json_integer_value(id),
                                      result, error, &o->counters)) {
        leave(o, "an answer to no question");
    }
}

static void
on_message(void *o_, const json_t *message)
{
    struct ovsdb *o = o_;
    const char *method = ovsdb_get_string(message, "method");
    const json_t *params = json_object_get(message, "params");
    const json_t *id = json_object_get(message, "id");

    if (!method) {
        on_reply(o, message, id);
    } else if (!json_is_array(params)) {
        leave(o, "a message without parameters");
    } else if (!id || json_is_null(id)) {
        on_notification(o, method, params);
    } else {
        on_request(o, method, params, id);
    }
}

/* Silence. */

/* A server that is asked for 100,000 rows is busy; one that has not said what
 * it is may be stopped. */
static int
dead_after_ms(const struct ovsdb *o)
{
    return o->options.dead_ms * (o->state == OVSDB_LOADING
                                 ? LOADING_FACTOR : 1);
}

static void
on_tick(evutil_socket_t fd, short what, void *o_)
{
    struct ovsdb *o = o_;
    int64_t now_ms = clock_mono_ms();
    bool away = now_ms - o->ticked_ms > 2 * o->options.probe_ms;
    uint64_t rx = o->conn ? ovsdb_conn_rx_bytes(o->conn) : 0;

    o->ticked_ms = now_ms;
    if (o->state < OVSDB_ASKING) {
        return;
    }
    if (rx != o->rx_seen || away) {
        /* 'away': it was us who did not listen. */
        o->rx_seen = rx;
        o->heard_ms = now_ms;
        o->echo_sent = false;
    } else if (now_ms - o->heard_ms >= dead_after_ms(o)) {
        leave(o, "it does not answer");
    } else if (!o->echo_sent
               && now_ms - o->heard_ms >= o->options.probe_ms) {
        o->echo_sent = true;
        send_request(o, "echo", json_array(), json_string("echo"));
    }
}

static void
on_probe(evutil_socket_t fd, short what, void *o_)
{
    struct ovsdb *o = o_;

    if (ovsdb_conn_rx_bytes(o->conn) == o->rx_probed) {
        leave(o, "it does not answer");
    }
}

/* Connections. */

static void
on_open(void *o_)
{
    struct ovsdb *o = o_;

    o->state = OVSDB_ASKING;
    o->heard_ms = o->ticked_ms = clock_mono_ms();
    o->rx_seen = 0;
    o->echo_sent = false;
    send_questions(o);
}

static void
drop_connection(struct ovsdb *o)
{
    struct ovsdb_conn *conn = o->conn;

    if (o->probe) {
        event_del(o->probe);
    }
    o->conn = NULL;
    o->state = OVSDB_WAITING;
    ovsdb_server_uninit(&o->server);
    if (conn) {
        o->counters.rx_bytes += ovsdb_conn_rx_bytes(conn);
        o->counters.tx_bytes += ovsdb_conn_tx_bytes(conn);
        ovsdb_conn_destroy(conn);
    }
}

/* The first round goes without a pause. */
static int
retry_delay_ms(const struct ovsdb *o)
{
    unsigned int round = o->failures / o->n_servers;
    int delay_ms = o->options.retry_min_ms;

    if (!round) {
        return 0;
    }
    while (--round && delay_ms < o->options.retry_max_ms) {
        delay_ms *= 2;
    }
    return (delay_ms < o->options.retry_max_ms ? delay_ms
            : o->options.retry_max_ms);
}

/* Ends the connection and goes on to the next server. */
static void
leave(struct ovsdb *o, const char *why)
{
    int64_t now_ms = clock_mono_ms();
    bool was_up = o->state == OVSDB_UP;

    if (!o->conn) {
        return;
    }
    /* 'why' may be the server's own words. */
    snprintf(o->why, sizeof o->why, "%.100s: %s", o->servers[o->at], why);
    log_warn_rl(&o->rl, "database %s: %s", o->database, o->why);
    if (was_up) {
        o->down_ms = now_ms;
        if (now_ms - o->up_ms >= STABLE_MS) {
            o->failures = 0;
        }
    }
    o->failures++;
    drop_connection(o);
    try_next(o, retry_delay_ms(o));
    ovsdb_xacts_end(&o->xacts, o->why, &o->counters);
    if (was_up && o->handler.down) {
        o->handler.down(o->aux, o->why);
    }
}

static void
on_closed(void *o_, const char *why)
{
    leave(o_, why);
}

static void
connect_now(struct ovsdb *o)
{
    static const struct ovsdb_conn_cbs cbs = { on_open, on_message,
                                               on_closed };
    struct ovsdb_conn_options options = {
        .tls = o->options.tls,
        .timeout_ms = o->options.dead_ms,
        .max_message_bytes = o->options.max_message_bytes,
    };

    target_parse(o->servers[o->at], &options.addr);
    o->session++;
    o->state = OVSDB_CONNECTING;
    o->conn = ovsdb_conn_create(o->base, &options, &cbs, o);
}

static void
on_retry(evutil_socket_t fd, short what, void *o)
{
    connect_now(o);
}

static void
try_next(struct ovsdb *o, int delay_ms)
{
    struct timeval tv = { delay_ms / 1000, delay_ms % 1000 * 1000 };

    o->at = (o->at + 1) % o->n_servers;
    event_add(o->retry, &tv);
}

/* Life. */

static bool
take_servers(struct ovsdb *o, const struct ovsdb_options *options,
             char **errp)
{
    for (size_t i = 0; i < options->n_servers; i++) {
        const char *target = options->servers[i];
        struct target_addr addr;
        const char *wrong = target_parse(target, &addr);

        if (!wrong && addr.tls && !options->tls) {
            wrong = "needs a key, a certificate and a CA (\"tls\")";
        }
        if (wrong) {
            *errp = fh_xasprintf("%s: %s", target, wrong);
            return false;
        }
        o->servers[o->n_servers++] = fh_xstrdup(target);
    }
    if (!o->n_servers) {
        *errp = fh_xstrdup("no server");
    }
    return o->n_servers > 0;
}

static void
take_numbers(struct ovsdb *o, const struct ovsdb_options *options)
{
    struct ovsdb_options *own = &o->options;

    *own = (struct ovsdb_options) {
        .tls = options->tls,
        .probe_ms = options->probe_ms ? options->probe_ms : 200,
        .dead_ms = options->dead_ms ? options->dead_ms : 1000,
        .retry_min_ms = options->retry_min_ms ? options->retry_min_ms : 20,
        .retry_max_ms = options->retry_max_ms ? options->retry_max_ms : 1000,
        .max_message_bytes = (options->max_message_bytes
                              ? options->max_message_bytes : 64 << 20),
        .max_rows = options->max_rows ? options->max_rows : 1000000,
    };
}

static char *
copy_or_null(const char *s)
{
    return s ? fh_xstrdup(s) : NULL;
}

static void
start_ticking(struct ovsdb *o)
{
    int ms = o->options.probe_ms / 2 + 1;
    struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

    o->tick = event_new(o->base, -1, EV_PERSIST, on_tick, o);
    event_add(o->tick, &tv);
}

struct ovsdb *
ovsdb_create(struct event_base *base, const struct ovsdb_options *options,
             const struct ovsdb_handler *handler, void *aux, char **errp)
{
    struct ovsdb *o = fh_xcalloc(1, sizeof *o);

    *errp = NULL;
    o->base = base;
    o->handler = *handler;
    o->aux = aux;
    o->rl = (struct log_rate_limit) LOG_RATE_LIMIT_INIT(60000, 10);
    o->servers = fh_xcalloc(options->n_servers + 1, sizeof *o->servers);
    memcpy(o->last_txn, NO_TXN, sizeof o->last_txn);
    o->index = -1;
    take_numbers(o, options);
    o->database = fh_xstrdup(options->database);
    o->version = copy_or_null(options->version);
    o->schema_path = copy_or_null(options->schema_path);
    o->monitor = json_deep_copy(options->monitor);
    o->rows = ovsdb_rows_create(options->monitor, o->options.max_rows);
    if (!o->rows) {
        *errp = fh_xstrdup("not what can be monitored");
    } else if (take_servers(o, options, errp)) {
        o->down_ms = clock_mono_ms();
        o->retry = evtimer_new(base, on_retry, o);
        o->probe = evtimer_new(base, on_probe, o);
        start_ticking(o);
        connect_now(o);
        return o;
    }
    ovsdb_destroy(o);
    return NULL;
}

void
ovsdb_destroy(struct ovsdb *o)
{
    if (!o) {
        return;
    }
    drop_connection(o);
    ovsdb_nudge_destroy(o->nudge);
    ovsdb_xacts_uninit(&o->xacts);
    ovsdb_rows_destroy(o->rows);
    if (o->retry) {
        event_free(o->retry);
        event_free(o->tick);
        event_free(o->probe);
    }
    for (size_t i = 0; i < o->n_servers; i++) {
        free(o->servers[i]);
    }
    free(o->servers);
    json_decref(o->monitor);
    free(o->database);
    free(o->version);
    free(o->schema_path);
    free(o);
}

void
ovsdb_set_tls(struct ovsdb *o, struct tls *tls)
{
    o->options.tls = tls;
    if (o->state == OVSDB_CONNECTING) {
        drop_connection(o);     /* It may use what goes. */
        connect_now(o);
    }
    ovsdb_nudge_destroy(o->nudge);
    o->nudge = NULL;
}

/* What users call. */

uint64_t
ovsdb_transact(struct ovsdb *o, json_t *operations, ovsdb_done_cb *done,
               void *aux)
{
    uint64_t id;

    if (o->state != OVSDB_UP || o->xacts.n >= OVSDB_MAX_OUTSTANDING
        || ovsdb_conn_backlog(o->conn) > MAX_BACKLOG) {
        json_decref(operations);
        return 0;
    }
    id = ovsdb_xacts_add(&o->xacts, done, aux);
    o->counters.transactions++;
    json_array_insert_new(operations, 0, json_string(o->database));
    send_request(o, "transact", operations, json_integer(id));
    return id;
}

void
ovsdb_forget(struct ovsdb *o, uint64_t id)
{
    if (ovsdb_xacts_forget(&o->xacts, id) && o->conn) {
        send_request(o, "cancel", json_pack("[I]", (json_int_t) id),
                     json_null());
    }
}

void
ovsdb_reconnect_elsewhere(struct ovsdb *o, const char *why)
{
    leave(o, why);
}

static void
nudged(void *o_)
{
    struct ovsdb *o = o_;

    o->nudge = NULL;
}

void
ovsdb_nudge(struct ovsdb *o)
{
    struct target_addr addr, raft;

    if (o->state != OVSDB_UP || o->server.leads || o->nudge
        || !*o->server.cid || !*o->server.sid
        || target_parse(o->servers[o->at], &addr)
        || !ovsdb_nudge_addr(&addr, &raft)) {
        return;
    }
    log_info("database %s: %s is asked to lead", o->database,
             o->servers[o->at]);
    o->nudge = ovsdb_nudge_create(
        o->base, &raft, o->options.tls, NUDGE_MS,
        ovsdb_nudge_message(o->server.cid, o->server.sid,
                            clock_unix_us() / 1000), nudged, o);
}

void
ovsdb_probe(struct ovsdb *o, int within_ms)
{
    struct timeval tv = { within_ms / 1000, within_ms % 1000 * 1000 };

    if (o->state == OVSDB_UP && !evtimer_pending(o->probe, NULL)) {
        o->rx_probed = ovsdb_conn_rx_bytes(o->conn);
        send_request(o, "echo", json_array(), json_string("echo"));
        event_add(o->probe, &tv);
    }
}

bool
ovsdb_is_up(const struct ovsdb *o)
{
    return o->state == OVSDB_UP;
}

bool
ovsdb_server_leads(const struct ovsdb *o)
{
    return o->state == OVSDB_UP && o->server.leads;
}

const char *
ovsdb_server(const struct ovsdb *o)
{
    return o->servers[o->at];
}

const char *
ovsdb_problem(struct ovsdb *o)
{
    if (o->state == OVSDB_UP) {
        return NULL;
    }
    snprintf(o->problem, sizeof o->problem,
             "database %.64s: no server for %" PRId64 " s%s%s", o->database,
             (clock_mono_ms() - o->down_ms) / 1000, *o->why ? "; " : "",
             o->why);
    return o->problem;
}

json_t *
ovsdb_row(const struct ovsdb *o, const char *table, const char *uuid)
{
    return ovsdb_rows_get(o->rows, table, uuid);
}

void
ovsdb_each(const struct ovsdb *o, const char *table,
           void (*cb)(void *aux, const char *uuid, const json_t *row),
           void *aux)
{
    ovsdb_rows_each(o->rows, table, cb, aux);
}

void
ovsdb_get_counters(const struct ovsdb *o, struct ovsdb_counters *counters)
{
    *counters = o->counters;
    if (o->conn) {
        counters->rx_bytes += ovsdb_conn_rx_bytes(o->conn);
        counters->tx_bytes += ovsdb_conn_tx_bytes(o->conn);
    }
}
