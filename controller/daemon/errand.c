/* Requests that followers have passed on.  See errand.h. */
#include <config.h>

#include "controller/daemon/errand.h"

#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include <firsthop/buf.h>

#include "controller/cluster/link.h"
#include "controller/cluster/peers.h"
#include "controller/daemon/cluster.h"

#define MAX_S 60                /* For the answer. */

struct errand {
    TAILQ_ENTRY(errand) node;
    struct errands *all;
    size_t peer;
    uint32_t number;
    struct bufferevent *bev;
};

struct errands {
    struct event_base *base;
    struct cluster *cluster;
    void (*serve)(void *aux, int fd);
    void *aux;
    TAILQ_HEAD(, errand) list;
};

static void
errand_free(struct errand *errand)
{
    TAILQ_REMOVE(&errand->all->list, errand, node);
    bufferevent_free(errand->bev);
    free(errand);
}

static void
end(struct errand *errand, bool whole)
{
    struct evbuffer *in = bufferevent_get_input(errand->bev);
    size_t len = whole ? evbuffer_get_length(in) : 0;

    cluster_answer(errand->all->cluster, errand->peer, errand->number,
                   len ? evbuffer_pullup(in, -1) : NULL, len);
    errand_free(errand);
}

static void
read_cb(struct bufferevent *bev, void *errand)
{
    if (evbuffer_get_length(bufferevent_get_input(bev)) > LINK_MAX_LONG) {
        end(errand, false);
    }
}

static void
event_cb(struct bufferevent *bev, short what, void *errand)
{
    end(errand, (what & BEV_EVENT_EOF) != 0);
}

/* None of our own asks for more than PEERS_MAX_ASKED things at a time. */
static size_t
count_of_peer(const struct errands *all, size_t peer)
{
    const struct errand *errand;
    size_t n = 0;

    TAILQ_FOREACH (errand, &all->list, node) {
        n += errand->peer == peer;
    }
    return n;
}

void
errand_begin(struct errands *all, size_t peer, uint32_t number,
             const uint8_t *text, size_t len)
{
    static const struct timeval patience = { MAX_S, 0 };
    struct errand *errand;
    int fds[2];

    if (count_of_peer(all, peer) >= PEERS_MAX_ASKED
        || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                      fds)) {
        cluster_answer(all->cluster, peer, number, NULL, 0);
        return;
    }
    errand = fh_xcalloc(1, sizeof *errand);
    errand->all = all;
    errand->peer = peer;
    errand->number = number;
    errand->bev = bufferevent_socket_new(all->base, fds[0],
                                         BEV_OPT_CLOSE_ON_FREE);
    TAILQ_INSERT_TAIL(&all->list, errand, node);
    bufferevent_setcb(errand->bev, read_cb, NULL, event_cb, errand);
    bufferevent_set_timeouts(errand->bev, &patience, &patience);
    bufferevent_enable(errand->bev, EV_READ | EV_WRITE);
    bufferevent_write(errand->bev, text, len);
    all->serve(all->aux, fds[1]);
}

struct errands *
errands_create(struct event_base *base, struct cluster *cluster,
               void (*serve)(void *aux, int fd), void *aux)
{
    struct errands *all = fh_xcalloc(1, sizeof *all);

    all->base = base;
    all->cluster = cluster;
    all->serve = serve;
    all->aux = aux;
    TAILQ_INIT(&all->list);
    return all;
}

void
errands_destroy(struct errands *all)
{
    if (!all) {
        return;
    }
    while (!TAILQ_EMPTY(&all->list)) {
        errand_free(TAILQ_FIRST(&all->list));
    }
    free(all);
}
