/* The other controllers of a cluster.  See peers.h. */
#include <config.h>

#include "controller/cluster/peers.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/listener.h>
#include <event2/util.h>

#include <firsthop/buf.h>

#include "controller/base/clock.h"
#include "controller/base/log.h"
#include "controller/base/target.h"
#include "controller/base/tls.h"
#include "controller/cluster/link.h"
#include "controller/cluster/message.h"

#define DIAL_MIN_MS   50
#define DIAL_MAX_MS   1000
#define CONNECT_MS    2000
#define CHECK_MS      250       /* Is a peer silent? */
#define STABLE_MS     1000      /* One that has been UP for so long is dialled
                                 * again at once, others ever more seldom. */
#define MAX_STRANGERS 16        /* Who have not said who they are. */
#define BACKLOG       16

/* A connection: one that we have dialled, or one that has come.
 *
 *   (SHAKING ->) GREETING -> UP, when it has said who it is */
struct session {
    TAILQ_ENTRY(session) node;
    struct peers *all;
    struct peer *peer;          /* Whose it is; NULL: not known yet. */
    struct tls_handshake *handshake;    /* SHAKING, else NULL. */
    struct link *link;          /* NULL while SHAKING. */
    struct sockaddr_storage from;
    bool up;
    int64_t up_ms, heard_ms;
    struct event *timer;
};

struct question {
    TAILQ_ENTRY(question) node;
    uint32_t number;
    peers_answer_cb *done;
    void *aux;
};

struct peer {
    struct peers *all;
    size_t index;
    char *address;
    struct target_addr target;
    bool dialled;               /* By us, or it dials. */
    int fd;                     /* Being connected, or -1. */
    int delay_ms;
    struct event *connect_event, *retry_event;
    struct session *session;    /* NULL: there is none. */
    char name[LEAD_NAME_LEN];
    char problem[128];
    TAILQ_HEAD(, question) questions;
    size_t n_questions;
};

struct peers {
    struct event_base *base;
    char *name, *address;
    struct target_addr own;
    struct tls *tls;            /* Borrowed. */
    struct peers_handler handler;
    void *aux;
    struct evconnlistener *listener;
    struct peer *list;
    size_t n;
    TAILQ_HEAD(, session) sessions;
    size_t n_strangers;
    uint32_t last_number;
};

static void dial(struct peer *);
static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(10000, 5);

static void
send_hello(struct session *s)
{
    struct message_hello hello;
    uint8_t data[MESSAGE_MAX];
    size_t len;

    snprintf(hello.name, sizeof hello.name, "%s", s->all->name);
    snprintf(hello.address, sizeof hello.address, "%s", s->all->address);
    len = message_put_hello(&hello, data);
    link_send(s->link, LINK_HELLO, 0, data, len);
}

/* Questions. */

static void
end_question(struct peer *peer, struct question *q, const uint8_t *text,
             size_t len)
{
    TAILQ_REMOVE(&peer->questions, q, node);
    peer->n_questions--;
    q->done(q->aux, text, len);
    free(q);
}

static void
take_answer(struct peer *peer, uint32_t number, const uint8_t *text,
            size_t len)
{
    struct question *q;

    TAILQ_FOREACH (q, &peer->questions, node) {
        if (q->number == number) {
            end_question(peer, q, len ? text : NULL, len);
            return;
        }
    }
}

static void
fail_questions(struct peer *peer)
{
    while (!TAILQ_EMPTY(&peer->questions)) {
        end_question(peer, TAILQ_FIRST(&peer->questions), NULL, 0);
    }
}

/* Sessions. */

static void
dial_later(struct peer *peer)
{
    struct timeval tv = { peer->delay_ms / 1000,
                          peer->delay_ms % 1000 * 1000 };

    peer->delay_ms = (2 * peer->delay_ms < DIAL_MAX_MS ? 2 * peer->delay_ms
                      : DIAL_MAX_MS);
    evtimer_add(peer->retry_event, &tv);
}

static void
session_free(struct session *s)
{
    if (s->handshake) {
        tls_abandon(s->handshake);
    }
    s->all->n_strangers -= !s->peer;
    link_destroy(s->link);
    event_free(s->timer);
    TAILQ_REMOVE(&s->all->sessions, s, node);
    free(s);
}

static void
session_end(struct session *s, const char *why)
{
    struct peers *all = s->all;
    struct peer *peer = s->peer;
    bool was_up = s->up;
    bool was_stable = was_up && clock_mono_ms() - s->up_ms >= STABLE_MS;

    if (!peer || peer->session != s) {
        session_free(s);
        return;
    }
    peer->session = NULL;
    snprintf(peer->problem, sizeof peer->problem, "%s", why);
    session_free(s);
    fail_questions(peer);
    if (was_up) {
        log_warn_rl(&rl, "peer %s (%s): %s", peer->name, peer->address, why);
        peer->delay_ms = was_stable ? DIAL_MIN_MS : peer->delay_ms;
        all->handler.down(all->aux, peer->index, why);
    }
    if (peer->dialled) {
        dial_later(peer);
    }
}

static bool
is_from(const struct session *s, const struct peer *peer)
{
    const struct sockaddr *a = (const void *) &s->from;
    const struct sockaddr *b = &peer->target.sa;

    return !evutil_sockaddr_cmp(a, b, 0);
}

static struct peer *
find_peer(struct peers *all, const char *address)
{
    for (size_t i = 0; i < all->n; i++) {
        if (!strcmp(all->list[i].address, address)) {
            return &all->list[i];
        }
    }
    return NULL;
}

/* One that has come is a peer's if it says so and comes from there. */
static void
receive_hello(struct session *s, const uint8_t *data, size_t len)
{
    struct message_hello hello;
    struct peers *all = s->all;
    const char *why = (s->up ? "says twice who it is"
                       : message_get_hello(data, len, &hello));
    struct peer *peer;

    if (why) {
        session_end(s, why);
        return;
    }
    peer = find_peer(all, hello.address);
    if (!peer || (s->peer ? peer != s->peer
                  : peer->dialled || !is_from(s, peer))) {
        log_warn_rl(&rl, "cluster: %s says that it is %s, which is no peer's "
                    "address, or comes from elsewhere", hello.name,
                    hello.address);
        session_end(s, "it has another address than it is known by");
        return;
    }
    if (!strcmp(hello.name, all->name)) {
        session_end(s, "has the same name as this controller");
        return;
    }
    if (!s->peer) {
        if (peer->session) {
            session_end(peer->session, "has connected anew");
        }
        s->peer = peer;
        all->n_strangers--;
        peer->session = s;
    }
    s->up = true;
    link_admit(s->link);
    s->up_ms = clock_mono_ms();
    memcpy(peer->name, hello.name, sizeof peer->name);
    log_info_rl(&rl, "peer %s (%s): connected", hello.name, hello.address);
    all->handler.up(all->aux, peer->index, peer->name);
}

static void
on_message(void *s_, enum link_type type, uint32_t number,
           const uint8_t *data, size_t len)
{
    struct session *s = s_;
    struct peers *all = s->all;
    struct lead_beat beat;
    const char *why;
    int64_t clock_ms;

    s->heard_ms = clock_mono_ms();
    if (type == LINK_HELLO) {
        receive_hello(s, data, len);
    } else if (!s->up) {
        session_end(s, "does not say who it is");
    } else if (type == LINK_BEAT) {
        why = message_get_beat(data, len, &beat, &clock_ms);
        if (why) {
            session_end(s, why);
        } else {
            all->handler.beat(all->aux, s->peer->index, &beat, clock_ms);
        }
    } else if (type == LINK_REQUEST) {
        all->handler.request(all->aux, s->peer->index, number, data, len);
    } else if (type == LINK_ANSWER) {
        take_answer(s->peer, number, data, len);
    }
}

static void
on_closed(void *s, const char *why)
{
    session_end(s, why);
}

/* Has somebody been silent for too long? */
static void
check_cb(evutil_socket_t fd, short what, void *s_)
{
    static const struct timeval often = { 0, CHECK_MS * 1000 };
    struct session *s = s_;

    if (clock_mono_ms() - s->heard_ms >= PEERS_DEAD_MS) {
        session_end(s, s->up ? "is silent" : "does not say who it is");
    } else {
        evtimer_add(s->timer, &often);
    }
}

static void
begin_link(struct session *s, struct transport *transport)
{
    static const struct link_handler handler = { on_message, on_closed };

    s->link = link_create(s->all->base, transport, &handler, s);
    s->heard_ms = clock_mono_ms();
    send_hello(s);
}

static void
shaken(struct transport *transport, const char *why, void *s_)
{
    struct session *s = s_;

    s->handshake = NULL;
    if (transport) {
        begin_link(s, transport);
    } else {
        log_warn_rl(&rl, "cluster: %s: TLS: %s", s->peer ? s->peer->address
                    : "a connection", why);
        session_end(s, why);
    }
}

/* Takes 'fd'. */
static struct session *
session_create(struct peers *all, struct peer *peer, int fd)
{
    static const struct timeval often = { 0, CHECK_MS * 1000 };
    struct session *s = fh_xcalloc(1, sizeof *s);

    s->all = all;
    s->peer = peer;
    s->heard_ms = clock_mono_ms();
    s->timer = evtimer_new(all->base, check_cb, s);
    evtimer_add(s->timer, &often);
    TAILQ_INSERT_TAIL(&all->sessions, s, node);
    all->n_strangers += !peer;
    if (peer) {
        peer->session = s;
    }
    if (all->tls) {
        s->handshake = tls_shake(all->tls, all->base, fd, peer != NULL,
                                 CONNECT_MS, shaken, s);
    } else {
        begin_link(s, transport_plain(fd));
    }
    return s;
}

/* Dialling. */

static void
connect_failed(struct peer *peer, const char *why)
{
    snprintf(peer->problem, sizeof peer->problem, "%s", why);
    evutil_closesocket(peer->fd);
    peer->fd = -1;
    dial_later(peer);
}

static void
connect_cb(evutil_socket_t fd, short what, void *peer_)
{
    struct peer *peer = peer_;
    int error = 0;
    socklen_t len = sizeof error;

    event_free(peer->connect_event);
    peer->connect_event = NULL;
    getsockopt(peer->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if ((what & EV_TIMEOUT) || error) {
        connect_failed(peer, error ? strerror(error) : "does not answer");
        return;
    }
    target_set_nodelay(peer->fd, peer->target.sa.sa_family);
    fd = peer->fd;
    peer->fd = -1;
    session_create(peer->all, peer, fd);
}

/* From our own address, by which the peer knows us; any port. */
static int
open_socket(struct peer *peer)
{
    struct target_addr from = peer->all->own;
    int fd = socket(peer->target.sa.sa_family,
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (from.sa.sa_family == AF_INET) {
        ((struct sockaddr_in *) &from.sa)->sin_port = 0;
    } else {
        ((struct sockaddr_in6 *) &from.sa)->sin6_port = 0;
    }
    if (fd >= 0 && from.sa.sa_family == peer->target.sa.sa_family
        && bind(fd, &from.sa, from.len)) {
        close(fd);
        return -1;
    }
    return fd;
}

static void
dial(struct peer *peer)
{
    static const struct timeval patience = { CONNECT_MS / 1000, 0 };

    peer->fd = open_socket(peer);
    if (peer->fd < 0) {
        snprintf(peer->problem, sizeof peer->problem, "%s", strerror(errno));
        dial_later(peer);
        return;
    }
    if (connect(peer->fd, &peer->target.sa, peer->target.len)
        && errno != EINPROGRESS) {
        connect_failed(peer, strerror(errno));
        return;
    }
    peer->connect_event = event_new(peer->all->base, peer->fd, EV_WRITE,
                                    connect_cb, peer);
    event_add(peer->connect_event, &patience);
}

static void
retry_cb(evutil_socket_t fd, short what, void *peer)
{
    dial(peer);
}

/* Listening. */

static bool
comes_from_a_peer(const struct peers *all, const struct sockaddr *sa)
{
    for (size_t i = 0; i < all->n; i++) {
        if (!evutil_sockaddr_cmp(sa, &all->list[i].target.sa, 0)) {
            return true;
        }
    }
    return false;
}

static void
accept_cb(struct evconnlistener *listener, evutil_socket_t fd,
          struct sockaddr *sa, int len, void *all_)
{
    struct peers *all = all_;
    struct session *s;

    if (!comes_from_a_peer(all, sa) || all->n_strangers >= MAX_STRANGERS) {
        log_warn_rl(&rl, "cluster: a connection that is no peer's was "
                    "closed");
        evutil_closesocket(fd);
        return;
    }
    target_set_nodelay(fd, sa->sa_family);
    s = session_create(all, NULL, fd);
    memcpy(&s->from, sa, (size_t) len < sizeof s->from ? (size_t) len
           : sizeof s->from);
}

/* Life. */

static bool
parse(const char *address, struct target_addr *addr)
{
    char *target = fh_xasprintf("tcp:%s", address);
    bool ok = (strlen(address) < MESSAGE_ADDRESS_LEN
               && !target_parse(target, addr));

    free(target);
    return ok;
}

static bool
listen_for_peers(struct peers *all)
{
    all->listener = evconnlistener_new_bind(
        all->base, accept_cb, all, (LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE
                                    | LEV_OPT_CLOSE_ON_EXEC), BACKLOG,
        &all->own.sa, (int) all->own.len);
    return all->listener != NULL;
}

struct peers *
peers_create(struct event_base *base, const struct peers_options *options,
             const struct peers_handler *handler, void *aux, char **errp)
{
    struct peers *all = fh_xcalloc(1, sizeof *all);

    all->base = base;
    all->name = fh_xstrdup(options->name);
    all->address = fh_xstrdup(options->address);
    all->tls = options->tls;
    all->handler = *handler;
    all->aux = aux;
    all->n = options->n;
    /* Whoever we were before may have asked the same peers. */
    evutil_secure_rng_get_bytes(&all->last_number, sizeof all->last_number);
    all->list = fh_xcalloc(options->n + 1, sizeof *all->list);
    TAILQ_INIT(&all->sessions);
    for (size_t i = 0; i < all->n; i++) {
        struct peer *peer = &all->list[i];

        *peer = (struct peer) { .all = all, .index = i, .fd = -1,
                                .delay_ms = DIAL_MIN_MS };
        peer->address = fh_xstrdup(options->addresses[i]);
        peer->retry_event = evtimer_new(base, retry_cb, peer);
        TAILQ_INIT(&peer->questions);
        snprintf(peer->problem, sizeof peer->problem,
                 "has not connected yet");
        peer->dialled = strcmp(all->address, peer->address) < 0;
        if (!parse(peer->address, &peer->target)) {
            *errp = fh_xasprintf("%s is no ADDRESS:PORT", peer->address);
            peers_destroy(all);
            return NULL;
        }
    }
    if (!parse(all->address, &all->own) || !listen_for_peers(all)) {
        *errp = fh_xasprintf("listening for peers on %s: %s", all->address,
                             strerror(errno));
        peers_destroy(all);
        return NULL;
    }
    for (size_t i = 0; i < all->n; i++) {
        if (all->list[i].dialled) {
            dial(&all->list[i]);
        }
    }
    return all;
}

void
peers_destroy(struct peers *all)
{
    struct session *s;

    if (!all) {
        return;
    }
    while ((s = TAILQ_FIRST(&all->sessions))) {
        session_free(s);
    }
    for (size_t i = 0; i < all->n; i++) {
        struct peer *peer = &all->list[i];
        struct question *q;

        while ((q = TAILQ_FIRST(&peer->questions))) {
            TAILQ_REMOVE(&peer->questions, q, node);
            free(q);
        }
        if (peer->connect_event) {
            event_free(peer->connect_event);
        }
        if (peer->fd >= 0) {
            evutil_closesocket(peer->fd);
        }
        if (peer->retry_event) {
            event_free(peer->retry_event);
        }
        free(peer->address);
    }
    if (all->listener) {
        evconnlistener_free(all->listener);
    }
    free(all->list);
    free(all->name);
    free(all->address);
    free(all);
}

void
peers_set_tls(struct peers *all, struct tls *tls)
{
    all->tls = tls;
}

/* Saying. */

static struct link *
link_of(const struct peer *peer)
{
    return peer->session && peer->session->up ? peer->session->link : NULL;
}

void
peers_send_beat(struct peers *all, const struct lead_beat *beat,
                int64_t clock_ms)
{
    uint8_t data[MESSAGE_MAX];
    size_t len = message_put_beat(beat, clock_ms, data);

    for (size_t i = 0; i < all->n; i++) {
        struct link *link = link_of(&all->list[i]);

        if (link) {
            link_send(link, LINK_BEAT, 0, data, len);
        }
    }
}

bool
peers_ask(struct peers *all, size_t i, const void *text, size_t len,
          peers_answer_cb *done, void *aux)
{
    struct peer *peer = &all->list[i];
    struct link *link = link_of(peer);
    struct question *q;

    if (!link || peer->n_questions >= PEERS_MAX_ASKED
        || !link_has_room(link, len)) {
        return false;
    }
    q = fh_xcalloc(1, sizeof *q);
    q->number = ++all->last_number;
    q->done = done;
    q->aux = aux;
    TAILQ_INSERT_TAIL(&peer->questions, q, node);
    peer->n_questions++;
    link_send(link, LINK_REQUEST, q->number, text, len);
    return true;
}

void
peers_finish(struct peers *all)
{
    for (size_t i = 0; i < all->n; i++) {
        fail_questions(&all->list[i]);
    }
}

void
peers_answer(struct peers *all, size_t i, uint32_t number, const void *text,
             size_t len)
{
    struct link *link = link_of(&all->list[i]);

    if (link) {
        /* Better none than a leader that is taken for dead. */
        link_send(link, LINK_ANSWER, number, text,
                  link_has_room(link, len) ? len : 0);
    }
}

/* Asking. */

const char *
peers_name(const struct peers *all, size_t i)
{
    return all->list[i].name;
}

const char *
peers_problem(const struct peers *all, size_t i)
{
    return link_of(&all->list[i]) ? NULL : all->list[i].problem;
}
