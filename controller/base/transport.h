/* Bytes to and from a peer: over a socket as it is, or over TLS (tls.h).
 *
 * A connection watches its descriptor and calls these; none of them waits. */
#ifndef TRANSPORT_H
#define TRANSPORT_H 1

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct transport;

struct transport_ops {
    /* As recv() and send() on a socket that does not block. */
    ssize_t (*recv)(struct transport *, void *, size_t);
    ssize_t (*send)(struct transport *, const void *, size_t);
    /* Have bytes come that the descriptor does not show any more? */
    bool (*pending)(const struct transport *);
    /* Whom the peer has proved to be, or NULL. */
    const char *(*peer_name)(const struct transport *);
    /* Closes the descriptor, and frees. */
    void (*close)(struct transport *);
};

/* Those who implement it embed this first. */
struct transport {
    const struct transport_ops *ops;
    int fd;
};

/* Of a socket as it is, which it takes. */
struct transport *transport_plain(int fd);

static inline ssize_t
transport_recv(struct transport *t, void *data, size_t size)
{
    return t->ops->recv(t, data, size);
}

static inline ssize_t
transport_send(struct transport *t, const void *data, size_t len)
{
    return t->ops->send(t, data, len);
}

static inline bool
transport_pending(const struct transport *t)
{
    return t->ops->pending(t);
}

static inline const char *
transport_peer_name(const struct transport *t)
{
    return t->ops->peer_name(t);
}

static inline void
transport_close(struct transport *t)
{
    t->ops->close(t);
}

#endif /* controller/base/transport.h */
