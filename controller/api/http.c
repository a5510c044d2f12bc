/* A small HTTP/1.1 server.  See http.h.
 *
 * Called by api.c.  Knows no route, no JSON and nothing of clients. */
#include <config.h>

#include "controller/api/http.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "controller/api/http_listen.h"
#include "controller/base/log.h"

enum conn_state {
    CONN_IDLE,                  /* Nothing of a request is here. */
    CONN_HEAD,
    CONN_BODY,
    CONN_HANDLER,
    CONN_REPLY,
    CONN_STREAM,
    CONN_LINGER,                /* Replied; what still comes is dropped. */
};

/* Input is read on demand, so that a peer's backlog stays in the kernel. */
#define INPUT_HIGH_BYTES  (64 << 10)
/* Output of a stream: full above, 'writable' again below. */
#define STREAM_HIGH_BYTES (256 << 10)
#define STREAM_LOW_BYTES  (64 << 10)
/* A peer that sends what is refused has time to see why, and no more. */
#define LINGER_MS         2000

struct http_conn {
    struct http_conn *prev, *next;      /* In server->conns. */
    struct http_server *server;
    struct bufferevent *bev;
    struct event *timer;                /* The state's deadline. */
    struct event *wake;
    struct http_head head;
    struct http_request request;        /* CONN_HANDLER. */
    struct fh_buf body;
    struct http_chunks chunks;
    size_t max_body;
    const struct http_stream_cbs *stream;
    void *stream_aux;
    enum conn_state state;
    unsigned int busy;                  /* Callbacks under way. */
    bool trusted;                       /* By the socket's mode. */
    bool keep_alive;
    bool stream_chunked;
    bool deferred;                      /* The handler answers later. */
    bool progressed;                    /* The stream, since last checked. */
    bool doomed;                        /* Closed once not busy. */
};

struct http_server {
    struct event_base *base;
    struct http_options options;
    struct http_handler handler;
    void *aux;
    struct http_listener *unix_listener;
    struct http_listener *tcp_listener;
    struct http_conn *conns;            /* The newest first. */
    size_t n_conns;
    char *token;                        /* For TCP; owned, or NULL. */
    bool read_without_token;
};

static void conn_process(struct http_conn *);

static void
set_deadline(struct http_conn *conn, int ms)
{
    const struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

    event_add(conn->timer, &tv);
}

static void
set_state(struct http_conn *conn, enum conn_state state)
{
    const struct http_options *o = &conn->server->options;

    conn->state = state;
    switch (state) {
    case CONN_IDLE: set_deadline(conn, o->idle_ms); break;
    case CONN_HEAD: set_deadline(conn, o->request_ms); break;
    case CONN_REPLY: set_deadline(conn, o->reply_ms); break;
    case CONN_STREAM: set_deadline(conn, o->stall_ms); break;
    case CONN_LINGER: set_deadline(conn, LINGER_MS); break;
    case CONN_BODY: break;      /* Goes on with the head's deadline. */
    case CONN_HANDLER: event_del(conn->timer); break;
    }
}

static void
forget_request(struct http_conn *conn)
{
    http_head_destroy(&conn->head);
    fh_buf_destroy(&conn->body);
    memset(&conn->chunks, 0, sizeof conn->chunks);
}

/* Closes, or as soon as no callback is under way. */
static void
conn_close(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    const struct http_stream_cbs *stream = conn->stream;

    conn->stream = NULL;
    if (stream) {
        conn->busy++;
        stream->closed(conn, conn->stream_aux);
        conn->busy--;
    }
    if (conn->busy) {
        conn->doomed = true;
        return;
    }
    *(conn->prev ? &conn->prev->next : &server->conns) = conn->next;
    if (conn->next) {
        conn->next->prev = conn->prev;
    }
    server->n_conns--;
    forget_request(conn);
    event_free(conn->timer);
    event_free(conn->wake);
    bufferevent_free(conn->bev);
    free(conn);
}

static void
conn_enter(struct http_conn *conn)
{
    conn->busy++;
}

/* 'conn' may be gone afterwards. */
static void
conn_leave(struct http_conn *conn)
{
    conn->busy--;
    if (conn->doomed && !conn->busy) {
        conn_close(conn);
    }
}

static struct evbuffer *
input_of(const struct http_conn *conn)
{
    return bufferevent_get_input(conn->bev);
}

static struct evbuffer *
output_of(const struct http_conn *conn)
{
    return bufferevent_get_output(conn->bev);
}

static const struct {
    int status;
    const char *title;
} titles[] = {
    { 200, "OK" },
    { 201, "Created" },
    { 202, "Accepted" },
    { 204, "No Content" },
    { 304, "Not Modified" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 412, "Precondition Failed" },
    { 413, "Content Too Large" },
    { 422, "Unprocessable Content" },
    { 431, "Request Header Fields Too Large" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 505, "HTTP Version Not Supported" },
};

const char *
http_status_title(int status)
{
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) {
        if (titles[i].status == status) {
            return titles[i].title;
        }
    }
    return "Error";
}

static bool
is_method(const struct http_conn *conn, const char *method)
{
    return conn->head.method && !strcmp(conn->head.method, method);
}

/* RFC 9110, 5.6.7 and 6.6.1. */
static void
put_date(struct evbuffer *out)
{
    char date[64];
    time_t now = time(NULL);
    struct tm tm;

    gmtime_r(&now, &tm);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    evbuffer_add_printf(out, "Date: %s\r\n", date);
}

void
http_reply(struct http_conn *conn, int status, const char *content_type,
           const char *fields, const void *body, size_t len)
{
    struct evbuffer *out = output_of(conn);

    set_state(conn, CONN_REPLY);
    evbuffer_add_printf(out, "HTTP/1.1 %d %s\r\n", status,
                        http_status_title(status));
    put_date(out);
    if (content_type) {
        evbuffer_add_printf(out, "Content-Type: %s\r\n", content_type);
    }
    if (status != 204 && status != 304) {       /* RFC 9110, 8.6. */
        evbuffer_add_printf(out, "Content-Length: %zu\r\n", len);
    }
    if (!conn->keep_alive) {
        evbuffer_add_printf(out, "Connection: close\r\n");
    } else if (!conn->head.minor) {
        evbuffer_add_printf(out, "Connection: keep-alive\r\n");
    }
    evbuffer_add_printf(out, "Cache-Control: no-store\r\n%s\r\n",
                        fields ? fields : "");
    if (!is_method(conn, "HEAD")) {
        evbuffer_add(out, body, len);
    }
    if (conn->deferred) {
        http_stream_wake(conn);
    }
}

static void
reply_problem(struct http_conn *conn, int status, const char *fields,
              const char *detail)
{
    char *body = fh_xasprintf("{\"title\": \"%s\", \"status\": %d, "
                              "\"detail\": \"%s\"}\n",
                              http_status_title(status), status, detail);

    http_reply(conn, status, "application/problem+json", fields, body,
               strlen(body));
    free(body);
}

/* Refuses what has not been read to its end: closes after the reply, and
 * drops what comes until then, lest the peer's next write fails before it
 * has seen the reply. */
static void
refuse(struct http_conn *conn, int status, const char *detail)
{
    conn->keep_alive = false;
    reply_problem(conn, status, NULL, detail);
    set_state(conn, CONN_LINGER);
}

bool
http_secret_equal(const char *secret, const char *given)
{
    size_t n = strlen(secret);
    size_t n_given = strlen(given);
    volatile unsigned char diff = n != n_given;

    /* Takes as long as 'given' is, whatever 'secret' is. */
    for (size_t i = 0; i < n_given; i++) {
        diff |= (unsigned char) given[i] ^ (unsigned char) secret[n ? i % n
                                                                    : 0];
    }
    return n && !diff;
}

/* Is it this machine that the peer means?  A web site whose name comes to point
 * to 127.0.0.1 (DNS rebinding) has the browser send its own name. */
static bool
is_local_name(const char *host)
{
    size_t n = (!host ? 0 : !strncasecmp(host, "localhost", 9) ? 9
                : !strncmp(host, "[::1]", 5) ? 5
                : !strncmp(host, "127.", 4) ? strspn(host, "0123456789.")
                : 0);

    return n && (!host[n] || (host[n] == ':'
                              && !host[n + 1 + strspn(host + n + 1,
                                                      "0123456789")]));
}

static bool
may_read(const struct http_conn *conn)
{
    return conn->server->read_without_token
           && (is_method(conn, "GET") || is_method(conn, "HEAD"))
           && is_local_name(http_head_field(&conn->head, "Host"));
}

static bool
has_token(const struct http_conn *conn)
{
    static const char scheme[] = "Bearer ";
    const char *field = http_head_field(&conn->head, "Authorization");

    return field && conn->server->token
           && !strncasecmp(field, scheme, strlen(scheme))
           && http_secret_equal(conn->server->token, field + strlen(scheme));
}

/* A wrong token is refused even where none is needed: whoever sends one wants
 * to know. */
static bool
is_authorized(const struct http_conn *conn)
{
    bool given = http_head_field(&conn->head, "Authorization") != NULL;

    return conn->trusted || has_token(conn) || (!given && may_read(conn));
}

static void
handle_request(struct http_conn *conn)
{
    conn->request = (struct http_request) {
        .conn = conn,
        .head = &conn->head,
        .body = conn->body.data ? (char *) conn->body.data : "",
        .body_len = conn->body.len,
    };

    set_state(conn, CONN_HANDLER);
    conn->server->handler.handle(&conn->request, conn->server->aux);
    if (conn->state == CONN_HANDLER) {
        conn->deferred = true;
        conn_enter(conn);       /* Stays, even if the peer goes. */
    } else {
        forget_request(conn);
    }
}

/* The answer that was deferred is there.  Returns false if 'conn' is gone. */
static bool
end_deferred(struct http_conn *conn)
{
    bool doomed = conn->doomed;

    conn->deferred = false;
    forget_request(conn);
    conn_leave(conn);
    return !doomed;
}

/* Takes a head, if it is all here.  Returns false if there is nothing more to
 * do for now. */
static bool
read_head(struct http_conn *conn)
{
    struct evbuffer *in = input_of(conn);
    const char *why = NULL;
    struct evbuffer_ptr end;
    size_t len;
    int status;

    end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
    len = end.pos < 0 ? evbuffer_get_length(in) : end.pos + 4;
    if (len > HTTP_MAX_HEAD) {
        refuse(conn, 431, "the request's head is too large");
        return true;
    }
    if (end.pos < 0) {
        return false;
    }
    status = http_head_parse(&conn->head,
                             (char *) evbuffer_pullup(in, len), len, &why);
    evbuffer_drain(in, len);
    if (status) {
        refuse(conn, status, why);
        return true;
    }
    if (!is_authorized(conn)) {
        conn->keep_alive = false;
        reply_problem(conn, 401, "WWW-Authenticate: Bearer\r\n",
                      "a bearer token is needed");
        set_state(conn, CONN_LINGER);
        return true;
    }
    conn->keep_alive = conn->head.keep_alive;
    conn->max_body = conn->server->handler.max_body(&conn->head,
                                                    conn->server->aux);
    if (conn->head.content_length > conn->max_body) {
        refuse(conn, 413, "the body is too large");
        return true;
    }
    if (conn->head.expects_continue) {
        evbuffer_add_printf(output_of(conn), "HTTP/1.1 100 Continue\r\n\r\n");
    }
    set_state(conn, CONN_BODY);
    return true;
}

static bool
read_plain_body(struct http_conn *conn)
{
    struct evbuffer *in = input_of(conn);
    size_t left = conn->head.content_length - conn->body.len;
    size_t n = evbuffer_get_length(in);

    n = n < left ? n : left;
    if (n) {
        evbuffer_remove(in, fh_buf_put(&conn->body, n), n);
    }
    return n == left;
}

/* The same for chunks.  Returns true at the end, or when it has refused. */
static bool
read_chunked_body(struct http_conn *conn)
{
    struct evbuffer *in = input_of(conn);
    size_t len = evbuffer_get_length(in);
    size_t used = 0;
    int status = http_chunks_read(&conn->chunks,
                                  (char *) evbuffer_pullup(in, -1), len,
                                  conn->max_body, &conn->body, &used);

    evbuffer_drain(in, used);
    if (status > 0) {
        refuse(conn, status, status == 413 ? "the body is too large"
                                           : "bad chunk");
    }
    return status;
}

static bool
read_body(struct http_conn *conn)
{
    bool done = conn->head.chunked ? read_chunked_body(conn)
                                   : read_plain_body(conn);

    if (done && conn->state == CONN_BODY) {
        handle_request(conn);
    }
    return done;
}

/* RFC 9112, 2.2: an empty line or two before a request is to be ignored. */
static bool
skip_empty_lines(struct http_conn *conn)
{
    struct evbuffer *in = input_of(conn);
    char c;

    while (evbuffer_copyout(in, &c, 1) == 1 && (c == '\r' || c == '\n')) {
        evbuffer_drain(in, 1);
    }
    return evbuffer_get_length(in) > 0;
}

/* Does what can be done with the input that is here.  One request at a time:
 * the next one waits for the reply to have been read. */
static void
conn_process(struct http_conn *conn)
{
    bool more = true;

    while (more && !conn->doomed) {
        switch (conn->state) {
        case CONN_IDLE:
            more = skip_empty_lines(conn);
            if (more) {
                set_state(conn, CONN_HEAD);
            }
            break;
        case CONN_HEAD:
            more = read_head(conn);
            break;
        case CONN_BODY:
            more = read_body(conn);
            break;
        case CONN_LINGER:
            evbuffer_drain(input_of(conn), evbuffer_get_length(
                                                input_of(conn)));
            more = false;
            break;
        case CONN_HANDLER:
        case CONN_REPLY:
        case CONN_STREAM:
            more = false;
            break;
        }
    }
}

static void
read_cb(struct bufferevent *bev, void *conn_)
{
    struct http_conn *conn = conn_;

    conn_enter(conn);
    conn_process(conn);
    conn_leave(conn);
}

static void
stream_writable(struct http_conn *conn)
{
    conn->progressed = true;
    if (conn->stream && !http_stream_is_full(conn)) {
        conn->stream->writable(conn, conn->stream_aux);
    }
}

/* The output is (nearly, for a stream) empty. */
static void
write_cb(struct bufferevent *bev, void *conn_)
{
    struct http_conn *conn = conn_;

    conn_enter(conn);
    if (conn->state == CONN_STREAM) {
        stream_writable(conn);
    } else if (evbuffer_get_length(output_of(conn))) {
        /* Below a watermark only. */
    } else if (conn->state == CONN_LINGER) {
        shutdown(bufferevent_getfd(bev), SHUT_WR);
    } else if (conn->state == CONN_REPLY && !conn->keep_alive) {
        conn_close(conn);
    } else if (conn->state == CONN_REPLY) {
        set_state(conn, CONN_IDLE);
        conn_process(conn);
    }
    conn_leave(conn);
}

/* The peer has closed its side, or all of it. */
static void
event_cb(struct bufferevent *bev, short what, void *conn_)
{
    struct http_conn *conn = conn_;

    bool may_read = what & BEV_EVENT_EOF;       /* It has only shut down. */

    conn->keep_alive = false;
    if (may_read && conn->state == CONN_STREAM && conn->stream_chunked) {
        return;
    }
    if (may_read && (conn->state == CONN_REPLY || conn->state == CONN_LINGER)
        && evbuffer_get_length(output_of(conn))) {
        set_state(conn, CONN_REPLY);
        return;
    }
    conn_close(conn);
}

static void
timer_cb(evutil_socket_t fd, short what, void *conn_)
{
    struct http_conn *conn = conn_;

    if (conn->state == CONN_STREAM
        && (conn->progressed || !evbuffer_get_length(output_of(conn)))) {
        conn->progressed = false;
        set_state(conn, CONN_STREAM);
    } else if (conn->state == CONN_HEAD || conn->state == CONN_BODY) {
        refuse(conn, 408, "the request takes too long");
        conn_process(conn);
    } else {
        conn_close(conn);
    }
}

static void
wake_cb(evutil_socket_t fd, short what, void *conn_)
{
    struct http_conn *conn = conn_;

    if (conn->deferred && conn->state != CONN_HANDLER
        && !end_deferred(conn)) {
        return;
    }
    if (conn->state == CONN_REPLY) {    /* A stream that has ended, say. */
        write_cb(conn->bev, conn);
        return;
    }
    conn_enter(conn);
    if (conn->stream && !http_stream_is_full(conn)) {
        conn->stream->writable(conn, conn->stream_aux);
    }
    conn_leave(conn);
}

/* Makes room for one more connection: closes the one that has been waiting
 * for its peer's request for longest. */
static bool
evict_idle(struct http_server *server)
{
    struct http_conn *victim = NULL;

    for (struct http_conn *c = server->conns; c; c = c->next) {
        if (c->state == CONN_IDLE || c->state == CONN_HEAD
            || c->state == CONN_BODY || c->state == CONN_LINGER) {
            victim = c;
        }
    }
    if (victim) {
        conn_close(victim);
    }
    return victim != NULL;
}

static void
accept_cb(int fd, bool trusted, void *server_)
{
    struct http_server *server = server_;
    struct http_conn *conn;

    if (server->n_conns >= server->options.max_connections
        && !evict_idle(server)) {
        static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(10000, 1);

        log_warn_rl(&rl, "http: %zu connections, no more are accepted",
                    server->n_conns);
        evutil_closesocket(fd);
        return;
    }
    conn = fh_xcalloc(1, sizeof *conn);
    conn->server = server;
    conn->trusted = trusted;
    conn->bev = bufferevent_socket_new(server->base, fd,
                                       BEV_OPT_CLOSE_ON_FREE);
    conn->timer = event_new(server->base, -1, 0, timer_cb, conn);
    conn->wake = event_new(server->base, -1, 0, wake_cb, conn);
    if (!conn->bev || !conn->timer || !conn->wake) {
        abort();                /* No memory. */
    }
    conn->next = server->conns;
    if (conn->next) {
        conn->next->prev = conn;
    }
    server->conns = conn;
    server->n_conns++;
    bufferevent_setcb(conn->bev, read_cb, write_cb, event_cb, conn);
    bufferevent_setwatermark(conn->bev, EV_READ, 0, INPUT_HIGH_BYTES);
    bufferevent_enable(conn->bev, EV_READ | EV_WRITE);
    set_state(conn, CONN_IDLE);
}

/* Streams. */

void
http_stream_begin(struct http_conn *conn, const char *content_type,
                  bool until_close, const struct http_stream_cbs *cbs,
                  void *aux)
{
    conn->stream = cbs;
    conn->stream_aux = aux;
    conn->stream_chunked = conn->head.minor && !until_close;
    if (!conn->stream_chunked) {
        conn->keep_alive = false;
    }
    set_state(conn, CONN_STREAM);
    bufferevent_setwatermark(conn->bev, EV_WRITE, STREAM_LOW_BYTES, 0);
    evbuffer_add_printf(output_of(conn), "HTTP/1.1 200 OK\r\n");
    put_date(output_of(conn));
    evbuffer_add_printf(output_of(conn), "Content-Type: %s\r\n%s%s"
                        "Cache-Control: no-store\r\n\r\n", content_type,
                        conn->stream_chunked ? "Transfer-Encoding: chunked\r\n"
                                             : "",
                        conn->keep_alive ? "" : "Connection: close\r\n");
    if (is_method(conn, "HEAD")) {
        conn->stream_chunked = false;
        conn->stream = NULL;
        cbs->closed(conn, aux);
        http_stream_end(conn);
    } else {
        http_stream_wake(conn);
    }
}

void
http_stream_write(struct http_conn *conn, const void *data, size_t len)
{
    struct evbuffer *out = output_of(conn);

    assert(conn->state == CONN_STREAM);
    if (!len) {
        return;                 /* An empty chunk would be the last one. */
    }
    if (conn->stream_chunked) {
        evbuffer_add_printf(out, "%zx\r\n", len);
    }
    evbuffer_add(out, data, len);
    if (conn->stream_chunked) {
        evbuffer_add(out, "\r\n", 2);
    }
}

/* Not event_active(): libevent would run what is made active by a callback
 * before it looks at any socket, and a long answer would be one turn. */
void
http_stream_wake(struct http_conn *conn)
{
    static const struct timeval at_once = { 0, 0 };

    event_add(conn->wake, &at_once);
}

bool
http_stream_is_full(const struct http_conn *conn)
{
    return evbuffer_get_length(output_of(conn)) >= STREAM_HIGH_BYTES;
}

void
http_stream_end(struct http_conn *conn)
{
    conn->stream = NULL;
    if (conn->stream_chunked) {
        evbuffer_add(output_of(conn), "0\r\n\r\n", 5);
    }
    bufferevent_setwatermark(conn->bev, EV_WRITE, 0, 0);
    set_state(conn, CONN_REPLY);
    http_stream_wake(conn);
}

void
http_stream_abort(struct http_conn *conn)
{
    conn->stream = NULL;
    conn_close(conn);
}

/* The server. */

struct http_server *
http_create(struct event_base *base, const struct http_options *options,
            const struct http_handler *handler, void *aux)
{
    struct http_server *server = fh_xcalloc(1, sizeof *server);

    /* A peer that has gone must be an error of write(), not our end. */
    signal(SIGPIPE, SIG_IGN);
    server->base = base;
    server->options = *options;
    server->handler = *handler;
    server->aux = aux;
    return server;
}

void
http_destroy(struct http_server *server)
{
    if (!server) {
        return;
    }
    http_listener_destroy(server->unix_listener);
    http_listener_destroy(server->tcp_listener);
    while (server->conns) {
        assert(server->conns->busy == server->conns->deferred);
        server->conns->busy = 0;
        conn_close(server->conns);
    }
    free(server->token);
    free(server);
}

char *
http_listen_unix(struct http_server *server, const char *path)
{
    char *error = NULL;

    assert(!server->unix_listener);
    server->unix_listener = http_listener_unix(server->base, path, accept_cb,
                                               server, &error);
    return error;
}

char *
http_listen_tcp(struct http_server *server, const char *target,
                const char *token_file, bool read_without_token)
{
    char *token = NULL, *error = NULL;

    assert(!server->tcp_listener);
    if (!token_file && !read_without_token) {
        return fh_xasprintf("%s: needs a file with a token", target);
    }
    if (token_file) {
        token = http_read_token(token_file, &error);
    }
    if (error) {
        return error;
    }
    free(server->token);
    server->token = token;
    server->read_without_token = read_without_token;
    server->tcp_listener = http_listener_tcp(server->base, target, accept_cb,
                                             server, &error);
    return error;
}

void
http_serve(struct http_server *server, int fd)
{
    accept_cb(fd, true, server);
}

void
http_unlisten_tcp(struct http_server *server)
{
    http_listener_destroy(server->tcp_listener);
    server->tcp_listener = NULL;
}

size_t
http_n_connections(const struct http_server *server)
{
    return server->n_conns;
}
