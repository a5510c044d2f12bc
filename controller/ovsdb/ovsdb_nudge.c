/* Asks a server to become the leader of its cluster.  See ovsdb_nudge.h. */
#include <config.h>

#include "controller/ovsdb/ovsdb_nudge.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#include <event2/event.h>

#include <firsthop/buf.h>

#include "controller/ovsdb/ovsdb_conn.h"

#define MAX_MESSAGE (16 << 20)  /* The server may take us for a peer. */
/* Who says so: no server that there is. */
#define NOBODY "f1757b00-0000-4000-8000-000000000000"

struct ovsdb_nudge {
    struct ovsdb_conn *conn;
    struct event *timer;
    json_t *message;            /* Owned; NULL: it has been said. */
    void (*gone)(void *aux);
    void *aux;
};

bool
ovsdb_nudge_addr(const struct target_addr *addr, struct target_addr *raft)
{
    *raft = *addr;
    if (addr->sa.sa_family == AF_INET) {
        ((struct sockaddr_in *) (void *) &raft->ss)->sin_port
            = htons(OVSDB_RAFT_PORT);
    } else if (addr->sa.sa_family == AF_INET6) {
        ((struct sockaddr_in6 *) (void *) &raft->ss)->sin6_port
            = htons(OVSDB_RAFT_PORT);
    } else {
        return false;
    }
    return true;
}

json_t *
ovsdb_nudge_message(const char *cid, const char *sid, uint64_t term)
{
    return json_pack("{snsss[{sssssssI}]}", "id", "method", "become_leader",
                     "params", "cluster", cid, "from", NOBODY, "to", sid,
                     "term", (json_int_t) term);
}

void
ovsdb_nudge_destroy(struct ovsdb_nudge *nudge)
{
    if (nudge) {
        ovsdb_conn_destroy(nudge->conn);
        event_free(nudge->timer);
        json_decref(nudge->message);
        free(nudge);
    }
}

static void
end(struct ovsdb_nudge *nudge)
{
    void (*gone)(void *aux) = nudge->gone;
    void *aux = nudge->aux;

    ovsdb_nudge_destroy(nudge);
    gone(aux);
}

static void
on_timer(evutil_socket_t fd, short what, void *nudge)
{
    end(nudge);
}

static void
on_open(void *nudge_)
{
    struct ovsdb_nudge *nudge = nudge_;

    ovsdb_conn_send(nudge->conn, nudge->message);
    nudge->message = NULL;
}

/* What it says to a peer that we are not. */
static void
on_message(void *nudge, const json_t *message)
{
}

static void
on_closed(void *nudge, const char *why)
{
    end(nudge);
}

struct ovsdb_nudge *
ovsdb_nudge_create(struct event_base *base, const struct target_addr *addr,
                   struct tls *tls, int timeout_ms, json_t *message,
                   void (*gone)(void *aux), void *aux)
{
    static const struct ovsdb_conn_cbs cbs = { on_open, on_message,
                                               on_closed };
    const struct ovsdb_conn_options options = {
        .addr = *addr, .tls = tls, .timeout_ms = timeout_ms,
        .max_message_bytes = MAX_MESSAGE,
    };
    struct timeval tv = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };
    struct ovsdb_nudge *nudge = fh_xcalloc(1, sizeof *nudge);

    nudge->message = message;
    nudge->gone = gone;
    nudge->aux = aux;
    nudge->timer = evtimer_new(base, on_timer, nudge);
    event_add(nudge->timer, &tv);
    nudge->conn = ovsdb_conn_create(base, &options, &cbs, nudge);
    return nudge;
}
