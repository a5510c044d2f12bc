/* A socket as it is.  See transport.h. */
#include <config.h>

#include "controller/base/transport.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <firsthop/buf.h>

static ssize_t
plain_recv(struct transport *t, void *data, size_t size)
{
    return recv(t->fd, data, size, 0);
}

static ssize_t
plain_send(struct transport *t, const void *data, size_t len)
{
    return send(t->fd, data, len, MSG_NOSIGNAL);
}

static bool
plain_pending(const struct transport *t)
{
    return false;
}

static const char *
plain_peer_name(const struct transport *t)
{
    return NULL;
}

static void
plain_close(struct transport *t)
{
    close(t->fd);
    free(t);
}

struct transport *
transport_plain(int fd)
{
    static const struct transport_ops ops = {
        plain_recv, plain_send, plain_pending, plain_peer_name, plain_close
    };
    struct transport *t = fh_xmalloc(sizeof *t);

    *t = (struct transport) { &ops, fd };
    return t;
}
