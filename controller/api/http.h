/* A small HTTP/1.1 server on a Unix socket, and on loopback TCP for those who
 * know a token.
 *
 * Owns the sockets and everything about HTTP that does not depend on what is
 * asked for.  Everything is bounded: heads, bodies, connections, the time that
 * a peer may take to ask and to read.  What it refuses by itself it answers
 * with application/problem+json (RFC 9457).
 *
 * A connection:
 *
 *   IDLE --> HEAD --> BODY --> (handler) --+--> REPLY --> IDLE, or closed
 *              |        |                  |
 *              +--------+---> LINGER       +--> STREAM --> closed
 *
 * (Written for this, because libevent's evhttp answers errors with its own
 * HTML, has no bound on connections and none on slow requests.) */
#ifndef HTTP_H
#define HTTP_H 1

#include <event2/event.h>

#include "controller/api/http_parse.h"

struct http_server;
struct http_conn;

struct http_options {
    size_t max_connections;     /* Beyond, the longest idle one is closed. */
    int idle_ms;                /* Between requests. */
    int request_ms;             /* From the first to the last byte of one. */
    int reply_ms;               /* For the peer to read a reply. */
    int stall_ms;               /* A stream whose reader takes nothing. */
};
#define HTTP_OPTIONS_DEFAULT { 256, 60000, 15000, 30000, 30000 }

/* Valid until it has been answered. */
struct http_request {
    struct http_conn *conn;
    const struct http_head *head;
    const char *body;           /* Not null-terminated. */
    size_t body_len;
};

struct http_handler {
    /* How many bytes the body of this request may have. */
    size_t (*max_body)(const struct http_head *, void *aux);
    /* Must call http_reply() or http_stream_begin(), once: before it returns
     * or, http_reply() alone, later, before the server is destroyed. */
    void (*handle)(const struct http_request *, void *aux);
};

struct http_server *http_create(struct event_base *,
                                const struct http_options *,
                                const struct http_handler *, void *aux);
/* Closes everything and removes the socket that it made. */
void http_destroy(struct http_server *);

/* Listen at a path, mode 0660 (a socket that a dead process has left is
 * replaced, a live one refused), or on "ADDRESS:PORT", which must be loopback,
 * for requests with the token that is in the file, "Authorization: Bearer
 * TOKEN"; with 'read_without_token' those that only read need none, and the
 * file may be NULL.  Return NULL, or what is wrong, new. */
char *http_listen_unix(struct http_server *, const char *path);
char *http_listen_tcp(struct http_server *, const char *target,
                      const char *token_file, bool read_without_token);
/* Serves a connection that is there already (taken), as one of the path's. */
void http_serve(struct http_server *, int fd);
/* Stops listening there; connections go on. */
void http_unlisten_tcp(struct http_server *);

/* Answers.  'fields' is further header fields, each ended by CRLF, or NULL.
 * 'body' is copied. */
void http_reply(struct http_conn *, int status, const char *content_type,
                const char *fields, const void *body, size_t len);

/* Answers with a body of unknown length, for as long as the peer reads. */
struct http_stream_cbs {
    /* There is room: http_stream_write() what there is.  May end it. */
    void (*writable)(struct http_conn *, void *aux);
    /* The peer has gone, or was too slow, or the server is destroyed. */
    void (*closed)(struct http_conn *, void *aux);
};

/* 'until_close' is for bodies that end with the connection. */
void http_stream_begin(struct http_conn *, const char *content_type,
                       bool until_close, const struct http_stream_cbs *,
                       void *aux);
void http_stream_write(struct http_conn *, const void *, size_t len);
/* More has come up: has 'writable' called, from the event loop. */
void http_stream_wake(struct http_conn *);
/* No more than this waits for a slow peer before it is 'writable' again. */
bool http_stream_is_full(const struct http_conn *);
/* Ends the body; 'closed' is not called. */
void http_stream_end(struct http_conn *);
/* Cuts it off: the peer sees that it is not complete. */
void http_stream_abort(struct http_conn *);

/* "Not Found". */
const char *http_status_title(int status);

/* Compares a secret without telling by the time it takes how much of it was
 * right. */
bool http_secret_equal(const char *secret, const char *given);

size_t http_n_connections(const struct http_server *);

#endif /* controller/api/http.h */
