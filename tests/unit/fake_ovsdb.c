/* An OVSDB server for tests.  See fake_ovsdb.h. */
#include <config.h>

#include "tests/unit/fake_ovsdb.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/listener.h>

#include "controller/ovsdb/ovsdb_value.h"

static void
flush(struct fake_ovsdb *f)
{
    ssize_t n = send(f->fd, f->tx.data, f->tx.len, MSG_NOSIGNAL);

    if (n > 0) {
        fh_buf_pull(&f->tx, n);
    }
    if (f->tx.len) {
        event_add(f->writable, NULL);
    }
}

static void
on_writable(evutil_socket_t fd, short what, void *f)
{
    flush(f);
}

void
fake_ovsdb_say(struct fake_ovsdb *f, const char *format, ...)
{
    va_list args;
    char *text;
    int n;

    va_start(args, format);
    n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0 || f->fd < 0) {
        fprintf(stderr, "fake_ovsdb: nobody hears\n");
        abort();
    }
    fh_buf_append(&f->tx, text, n);
    free(text);
    flush(f);
}

void
fake_ovsdb_send(struct fake_ovsdb *f, json_t *message)
{
    char *text = json_dumps(message, JSON_COMPACT);

    fake_ovsdb_say(f, "%s", text);
    free(text);
    json_decref(message);
}

void
fake_ovsdb_cut(struct fake_ovsdb *f)
{
    if (f->readable) {
        event_free(f->readable);
        event_free(f->writable);
        f->readable = NULL;
        fh_buf_destroy(&f->tx);
        close(f->fd);
        f->fd = -1;
        ovsdb_frame_reset(&f->frame);
    }
}

static void
answer(struct fake_ovsdb *f, const json_t *message, json_t *result)
{
    fake_ovsdb_send(f, json_pack("{sosnsO}", "result", result, "error", "id",
                                 json_object_get(message, "id")));
}

static json_t *
server_row(const struct fake_ovsdb *f)
{
    return json_pack("{s{s{s{sssbsbsss[ss]si}}}}", "Database",
                     "11111111-2222-3333-4444-555555555555", "initial",
                     "model", "clustered", "connected", f->connected,
                     "leader", f->leads, "schema", f->schema, "cid", "uuid",
                     "aaaaaaaa-2222-3333-4444-555555555555", "index",
                     f->index);
}

static void
monitor(struct fake_ovsdb *f, const json_t *message)
{
    const json_t *params = json_object_get(message, "params");
    const char *database = json_string_value(json_array_get(params, 0));

    if (!strcmp(database, "_Server")) {
        answer(f, message, server_row(f));
    } else {
        const char *since = json_string_value(json_array_get(params, 3));

        snprintf(f->since, sizeof f->since, "%s", since);
        answer(f, message, json_pack("[bso]", f->found, f->txn,
                                     json_loads(f->rows, 0, NULL)));
    }
}

static json_t *
no_objection(const json_t *params)
{
    json_t *results = json_array();

    for (size_t i = 1; i < json_array_size(params); i++) {
        json_array_append_new(results, json_object());
    }
    return results;
}

static void
act(struct fake_ovsdb *f, const json_t *message)
{
    const char *method = ovsdb_get_string(message, "method");
    const json_t *params = json_object_get(message, "params");

    if (!method) {
        return;
    } else if (!strncmp(method, "monitor_cond", 12)) {
        monitor(f, message);
    } else if (!strcmp(method, "echo")) {
        answer(f, message, json_incref((json_t *) params));
    } else if (!strcmp(method, "transact")) {
        json_t *result = (f->transact ? f->transact(f->aux, params)
                          : no_objection(params));

        if (result) {
            answer(f, message, result);
        }
    } else if (!json_is_null(json_object_get(message, "id"))) {
        answer(f, message, json_object());
    }
}

static void
on_readable(evutil_socket_t fd, short what, void *f_)
{
    struct fake_ovsdb *f = f_;
    char bytes[4096];
    ssize_t n = recv(fd, bytes, sizeof bytes, 0);
    const char *why;
    json_t *message;

    if (n <= 0) {
        fake_ovsdb_cut(f);
        return;
    }
    ovsdb_frame_put(&f->frame, bytes, n);
    while ((message = ovsdb_frame_take(&f->frame, &why))) {
        json_array_append_new(f->heard, message);
        if (!f->manual && !f->mute) {
            act(f, message);
        }
    }
    if (why) {
        fprintf(stderr, "fake_ovsdb: %s\n", why);
        abort();
    }
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd,
          struct sockaddr *sa, int len, void *f_)
{
    struct fake_ovsdb *f = f_;

    fake_ovsdb_cut(f);
    f->n_accepted++;
    f->fd = fd;
    f->readable = event_new(f->base, fd, EV_READ | EV_PERSIST, on_readable,
                            f);
    f->writable = event_new(f->base, fd, EV_WRITE, on_writable, f);
    event_add(f->readable, NULL);
}

struct fake_ovsdb *
fake_ovsdb_create(struct event_base *base, const char *schema)
{
    struct fake_ovsdb *f = fh_xcalloc(1, sizeof *f);
    struct sockaddr_in sin = { .sin_family = AF_INET };
    socklen_t len = sizeof sin;

    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    f->base = base;
    f->fd = -1;
    f->schema = schema;
    f->connected = f->leads = true;
    f->rows = fh_xstrdup("{}");
    f->txn = "22222222-2222-3333-4444-555555555555";
    f->heard = json_array();
    f->frame.max_bytes = 1 << 24;
    f->listener = evconnlistener_new_bind(
        base, on_accept, f, LEV_OPT_CLOSE_ON_FREE, 8,
        (struct sockaddr *) &sin, sizeof sin);
    if (!f->listener
        || getsockname(evconnlistener_get_fd(f->listener),
                       (struct sockaddr *) &sin, &len)) {
        perror("fake_ovsdb");
        abort();
    }
    snprintf(f->target, sizeof f->target, "tcp:127.0.0.1:%d",
             ntohs(sin.sin_port));
    return f;
}

void
fake_ovsdb_stop_listening(struct fake_ovsdb *f)
{
    if (f->listener) {
        evconnlistener_free(f->listener);
        f->listener = NULL;
    }
}

void
fake_ovsdb_destroy(struct fake_ovsdb *f)
{
    fake_ovsdb_cut(f);
    fake_ovsdb_stop_listening(f);
    json_decref(f->heard);
    free(f->rows);
    free(f);
}

json_t *
fake_ovsdb_heard(const struct fake_ovsdb *f, const char *method, size_t from)
{
    for (size_t i = from; i < json_array_size(f->heard); i++) {
        json_t *message = json_array_get(f->heard, i);
        const char *said = ovsdb_get_string(message, "method");

        if (said && !strcmp(said, method)) {
            return message;
        }
    }
    return NULL;
}
