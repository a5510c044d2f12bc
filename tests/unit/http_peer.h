/* A peer of an HTTP server that lives in the same event loop: raw bytes out,
 * raw bytes in. */
#ifndef HTTP_PEER_H
#define HTTP_PEER_H 1

#include <event2/event.h>
#include <firsthop/buf.h>

struct peer {
    struct event_base *base;
    int fd;
    struct fh_buf in;           /* Null-terminated behind its end. */
    bool eof;
};

void peer_open(struct peer *, struct event_base *, const char *path);
void peer_open_tcp(struct peer *, struct event_base *, int port);
void peer_close(struct peer *);

/* Runs the loop until all is sent, or the other side has closed. */
void peer_send(struct peer *, const void *, size_t len);
void peer_puts(struct peer *, const char *);
/* Runs the loop until so much is here, 'text' is, or the other side has
 * closed.  All fail the test after 20 s. */
void peer_wait_bytes(struct peer *, size_t len);
void peer_wait_text(struct peer *, const char *text);
void peer_wait_eof(struct peer *);
/* The answer, once it is complete by its Content-Length or chunks; taken out
 * of 'in'.  Returns new: head, empty line, body without chunks. */
char *peer_reply(struct peer *);

/* Of what peer_reply() returns. */
int reply_status(const char *reply);
const char *reply_body(const char *reply);

/* Runs the loop until 'done(aux)'. */
void run_until(struct event_base *, bool (*done)(void *aux), void *aux);

#endif /* tests/unit/http_peer.h */
