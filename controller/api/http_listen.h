/* Where requests come in: a Unix socket, or loopback TCP.  Private to
 * http*.c. */
#ifndef HTTP_LISTEN_H
#define HTTP_LISTEN_H 1

#include <stdbool.h>

#include <event2/event.h>

struct http_listener;

/* 'fd' becomes the callee's.  'trusted': file modes decide who may connect. */
typedef void http_accept_cb(int fd, bool trusted, void *aux);

/* Return new, or NULL and '*errp', new. */
struct http_listener *http_listener_unix(struct event_base *,
                                         const char *path, http_accept_cb *,
                                         void *aux, char **errp);
struct http_listener *http_listener_tcp(struct event_base *,
                                        const char *target, http_accept_cb *,
                                        void *aux, char **errp);
void http_listener_destroy(struct http_listener *);

/* Reads a token of 16 to 512 printable characters, and a newline if there is
 * one, from a file that not everybody can read.  Returns new, or NULL and
 * '*errp', new. */
char *http_read_token(const char *path, char **errp);

#endif /* controller/api/http_listen.h */
