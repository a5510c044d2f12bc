/* Requests that followers have passed on: the text of each goes to our own
 * control socket's server, and that of the answer goes back. */
#ifndef ERRAND_H
#define ERRAND_H 1

#include <stddef.h>
#include <stdint.h>

struct cluster;
struct errands;
struct event_base;

/* 'serve' is given a connection, which it takes, to read a request from. */
struct errands *errands_create(struct event_base *, struct cluster *,
                               void (*serve)(void *aux, int fd), void *aux);
/* Before the cluster.  NULL is fine. */
void errands_destroy(struct errands *);

/* 'text' is an HTTP request after whose answer the connection is closed.  More
 * than PEERS_MAX_ASKED of one peer at a time are refused. */
void errand_begin(struct errands *, size_t peer, uint32_t number,
                  const uint8_t *text, size_t len);

#endif /* controller/daemon/errand.h */
