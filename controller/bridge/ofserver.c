/* Listeners and dialling: where OpenFlow connections come from, and where
 * they end.
 *
 * Owns the listening sockets and the list of connections.  What happens on a
 * connection is in ofconn.c. */
#include <config.h>

#include "controller/bridge/ofconn_private.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/listener.h>
#include <event2/util.h>

#include "controller/base/clock.h"

#define DIAL_MIN_MS 100
#define DIAL_MAX_MS 1000
#define ACCEPT_PAUSE_MS 1000    /* After accept() failed: out of descriptors */
#define ACCEPTS_A_TURN 64
#define LISTEN_BACKLOG 128

/* A TLS handshake costs the processor a millisecond before the peer has shown
 * anything: no more than so many begin in a slice of time, the others wait in
 * the kernel; and when so many are under way, the oldest makes room. */
#define TLS_SLICE_MS  100
#define TLS_PER_SLICE 20
#define TLS_MOST      256
#define TLS_WITHIN_MS 5000

struct listener {
    TAILQ_ENTRY(listener) node;
    struct ofserver *server;
    char *target;
    bool tls;
    struct evconnlistener *evl;
    struct event *resume_event;
    unsigned int n_accepted;    /* In this turn of the loop, at least. */
    char *unix_path;            /* To be unlinked, or NULL. */
};

/* Who has connected to a listener, and has not proved who it is. */
struct shaking {
    TAILQ_ENTRY(shaking) node;
    struct ofserver *server;
    struct tls_handshake *handshake;
    char *peer;
    uint64_t source;
};

/* WAITING -> CONNECTING -> (SHAKING ->) CONNECTED -> WAITING ... */
struct dial {
    TAILQ_ENTRY(dial) node;
    struct ofserver *server;
    char *target;
    struct target_addr addr;
    int fd;                     /* CONNECTING, else -1. */
    struct event *connect_event;    /* CONNECTING, else NULL. */
    struct event *retry_event;      /* Armed while WAITING. */
    struct tls_handshake *handshake;    /* SHAKING, else NULL. */
    int delay_ms;
    struct log_rate_limit rl;   /* Of complaints: it dials each second. */
    struct ofconn *conn;        /* CONNECTED, else NULL. */
};

static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(1000, 10);

static void shaking_free(struct shaking *);
static void idle_cb(evutil_socket_t, short, void *);
static void flush_cb(evutil_socket_t, short, void *);
static void reap_cb(evutil_socket_t, short, void *);
static void dial_start(struct dial *);

/* Life. */

static uint64_t
first_generation(void)
{
    return clock_unix_us() / 1000;
}

struct ofserver *
ofserver_create(struct event_base *base, const struct ofserver_config *config,
                const struct ofserver_cbs *cbs, void *aux)
{
    struct ofserver *server = fh_xcalloc(1, sizeof *server);

    server->base = base;
    server->config = *config;
    server->cbs = *cbs;
    server->aux = aux;
    TAILQ_INIT(&server->conns);
    TAILQ_INIT(&server->closed);
    TAILQ_INIT(&server->dirty);
    TAILQ_INIT(&server->listeners);
    TAILQ_INIT(&server->dials);
    TAILQ_INIT(&server->shaking);
    server->idle_event = event_new(base, -1, 0, idle_cb, server);
    server->flush_event = event_new(base, -1, 0, flush_cb, server);
    server->reap_event = event_new(base, -1, 0, reap_cb, server);
    server->generation = first_generation();
    server->rx = fh_xmalloc(RX_BYTES + OF_MAX_MESSAGE);
    return server;
}

static void
reap(struct ofserver *server)
{
    struct ofconn *conn;

    while ((conn = TAILQ_FIRST(&server->closed))) {
        TAILQ_REMOVE(&server->closed, conn, node);
        if (conn->dial) {
            dial_ended(conn->dial, conn->identified);
        }
        /* Last: it may ofserver_undial(). */
        if (conn->identified) {
            server->cbs.closed(conn, conn->close_reason, server->aux);
        }
        ofconn_destroy(conn);
    }
}

void
ofserver_destroy(struct ofserver *server)
{
    struct shaking *shaking;
    struct listener *listener;
    struct dial *dial;
    struct ofconn *conn;

    if (!server) {
        return;
    }
    while ((listener = TAILQ_FIRST(&server->listeners))) {
        ofserver_unlisten(server, listener->target);
    }
    while ((dial = TAILQ_FIRST(&server->dials))) {
        ofserver_undial(server, dial->target);
    }
    while ((shaking = TAILQ_FIRST(&server->shaking))) {
        tls_abandon(shaking->handshake);
        shaking_free(shaking);
    }
    while ((conn = TAILQ_FIRST(&server->conns))) {
        ofconn_close(conn, "the controller stops");
    }
    reap(server);
    event_free(server->idle_event);
    event_free(server->flush_event);
    event_free(server->reap_event);
    tls_destroy(server->tls);
    free(server->rx);
    free(server);
}

static void
idle_cb(evutil_socket_t fd, short what, void *server_)
{
    struct ofserver *server = server_;

    server->idle_pending = false;
    server->cbs.idle(server->aux);
}

static void
flush_cb(evutil_socket_t fd, short what, void *server_)
{
    struct ofserver *server = server_;
    struct ofconn *conn;

    /* What idle() will send goes out with the rest. */
    if (server->idle_pending) {
        event_active(server->flush_event, EV_TIMEOUT, 1);
        return;
    }
    server->flush_pending = false;
    while ((conn = TAILQ_FIRST(&server->dirty))) {
        TAILQ_REMOVE(&server->dirty, conn, dirty_node);
        conn->dirty = false;
        ofconn_flush(conn);
    }
}

static void
reap_cb(evutil_socket_t fd, short what, void *server_)
{
    struct ofserver *server = server_;

    server->reap_pending = false;
    reap(server);
}

void
ofserver_for_each(struct ofserver *server,
                  void (*cb)(struct ofconn *, void *aux), void *aux)
{
    /* 'cb' may close any; none is freed before the event loop turns. */
    struct ofconn **conns = fh_xcalloc(server->n_conns + 1, sizeof *conns);
    struct ofconn *conn;
    size_t n = 0;

    TAILQ_FOREACH (conn, &server->conns, node) {
        conns[n++] = conn;
    }
    for (size_t i = 0; i < n; i++) {
        if (conns[i]->identified && conns[i]->state != CONN_CLOSED) {
            cb(conns[i], aux);
        }
    }
    free(conns);
}

void
ofserver_get_counters(const struct ofserver *server,
                      struct fh_openflow_status *counters)
{
    *counters = server->counters;
}

void
ofserver_set_generation(struct ofserver *server, uint64_t generation)
{
    server->clustered = true;
    server->generation = generation;
}

uint64_t
ofserver_known_generation(const struct ofserver *server)
{
    return server->known_generation;
}

void
ofserver_set_tls(struct ofserver *server, struct tls *tls)
{
    tls_destroy(server->tls);
    server->tls = tls;
}

/* Targets. */

const char *
ofserver_target_error(const char *target)
{
    struct target_addr addr;

    return target_parse(target, &addr);
}

/* Listening. */

static struct listener *
find_listener(const struct ofserver *server, const char *target)
{
    struct listener *listener;

    TAILQ_FOREACH (listener, &server->listeners, node) {
        if (!strcmp(listener->target, target)) {
            return listener;
        }
    }
    return NULL;
}

bool
ofserver_is_listening(const struct ofserver *server, const char *target)
{
    return find_listener(server, target) != NULL;
}

static char *
peer_name(const struct listener *listener, const struct sockaddr *sa)
{
    const struct sockaddr_in *sin = (const void *) sa;
    const struct sockaddr_in6 *sin6 = (const void *) sa;
    char ip[64] = "?";

    if (sa->sa_family == AF_INET) {
        evutil_inet_ntop(AF_INET, &sin->sin_addr, ip, sizeof ip);
        return fh_xasprintf("%s:%s:%u", listener->tls ? "ssl" : "tcp", ip,
                            ntohs(sin->sin_port));
    } else if (sa->sa_family == AF_INET6) {
        evutil_inet_ntop(AF_INET6, &sin6->sin6_addr, ip, sizeof ip);
        return fh_xasprintf("%s:[%s]:%u", listener->tls ? "ssl" : "tcp", ip,
                            ntohs(sin6->sin6_port));
    }
    return fh_xstrdup(listener->target);
}

/* A number that is the same for all that come from one address, of IPv6 from
 * one /64: a host has as many addresses in it as it likes. */
static uint64_t
source_of(const struct sockaddr *sa)
{
    uint64_t prefix = 1;        /* A Unix socket. */

    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *sin = (const void *) sa;

        prefix = UINT64_C(1) << 32 | sin->sin_addr.s_addr;
    } else if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *sin6 = (const void *) sa;

        memcpy(&prefix, &sin6->sin6_addr, sizeof prefix);
        prefix += 2;            /* Never 0. */
    }
    return prefix;
}

/* The least known of the connections that nobody has taken, NULL if there is
 * none: one that has told a datapath id that nobody wants, before one that may
 * yet tell it; the oldest of them.  With 'source' (else 0) only those from
 * there, of which '*n' are counted. */
static struct ofconn *
least_known(const struct ofserver *server, uint64_t source, size_t *n)
{
    struct ofconn *told = NULL, *silent = NULL;
    struct ofconn *conn;

    *n = 0;
    TAILQ_FOREACH (conn, &server->conns, node) {
        if (!ofconn_is_stranger(conn) || conn->dial
            || (source && conn->source != source)) {
            continue;
        }
        ++*n;
        if (conn->state == CONN_IDLE) {
            told = told ? told : conn;
        } else {
            silent = silent ? silent : conn;
        }
    }
    return told ? told : silent;
}

/* Makes room for one more from 'source'.  Returns false if there is none. */
static bool
make_room(struct ofserver *server, uint64_t source)
{
    struct ofconn *conn;
    size_t n;

    conn = least_known(server, source, &n);
    if (n >= server->config.max_strangers) {
        ofconn_close_stranger(conn, "too many from its address");
    } else if (server->n_conns >= server->config.max_connections) {
        conn = least_known(server, 0, &n);
        if (!conn) {
            return false;
        }
        ofconn_close_stranger(conn, "makes room for another one");
    }
    return true;
}

/* Others have their turn, however fast somebody connects. */
static void
pause_accepting(struct listener *listener)
{
    if (++listener->n_accepted >= ACCEPTS_A_TURN) {
        listener->n_accepted = 0;
        evconnlistener_disable(listener->evl);
        event_active(listener->resume_event, EV_TIMEOUT, 1);
    }
}

static void
pause_listener(struct listener *listener, int ms)
{
    struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

    evconnlistener_disable(listener->evl);
    event_add(listener->resume_event, &tv);
}

/* TLS handshakes. */

static void
shaking_free(struct shaking *shaking)
{
    TAILQ_REMOVE(&shaking->server->shaking, shaking, node);
    shaking->server->n_shaking--;
    free(shaking->peer);
    free(shaking);
}

static void
tls_failed(struct ofserver *server, const char *peer, const char *why)
{
    server->counters.tls_failed++;
    log_warn_rl(&rl, "%s: TLS: %s", peer, why);
}

static void
shaking_done(struct transport *transport, const char *why, void *shaking_)
{
    struct shaking *shaking = shaking_;
    struct ofserver *server = shaking->server;

    if (transport) {
        ofconn_create(server, transport, shaking->peer, shaking->source,
                      NULL);
    } else {
        tls_failed(server, shaking->peer, why);
    }
    shaking_free(shaking);
}

static void
make_room_to_shake(struct ofserver *server)
{
    struct shaking *oldest = TAILQ_FIRST(&server->shaking);

    if (server->n_shaking >= TLS_MOST) {
        tls_abandon(oldest->handshake);
        tls_failed(server, oldest->peer, "gives way to a newer connection");
        shaking_free(oldest);
    }
}

/* Takes 'fd' and 'peer'. */
static void
greet(struct listener *listener, int fd, char *peer, uint64_t source)
{
    struct ofserver *server = listener->server;
    struct shaking *shaking;
    int64_t now_ms = clock_mono_ms();

    make_room_to_shake(server);
    shaking = fh_xcalloc(1, sizeof *shaking);
    shaking->server = server;
    shaking->peer = peer;
    shaking->source = source;
    shaking->handshake = tls_shake(server->tls, server->base, fd, false,
                                   TLS_WITHIN_MS, shaking_done, shaking);
    TAILQ_INSERT_TAIL(&server->shaking, shaking, node);
    server->n_shaking++;

    if (now_ms - server->slice_ms >= TLS_SLICE_MS) {
        server->slice_ms = now_ms;
        server->n_in_slice = 0;
    }
    if (++server->n_in_slice >= TLS_PER_SLICE) {
        pause_listener(listener, TLS_SLICE_MS);
    }
}

static void
accept_cb(struct evconnlistener *evl, evutil_socket_t fd, struct sockaddr *sa,
          int len, void *listener_)
{
    struct listener *listener = listener_;
    struct ofserver *server = listener->server;
    uint64_t source = source_of(sa);
    char *peer;

    pause_accepting(listener);
    if (!make_room(server, source)) {
        server->counters.refused++;
        log_warn_rl(&rl, "%s: more than %zu connections, one refused",
                    listener->target, server->config.max_connections);
        close(fd);
        return;
    }
    server->counters.accepted++;
    target_set_nodelay(fd, sa->sa_family);
    peer = peer_name(listener, sa);
    if (listener->tls) {
        greet(listener, fd, peer, source);
        return;
    }
    ofconn_create(server, transport_plain(fd), peer, source, NULL);
    free(peer);
}

static void
accept_error_cb(struct evconnlistener *evl, void *listener_)
{
    struct listener *listener = listener_;

    log_warn_rl(&rl, "%s: accept: %s", listener->target, strerror(errno));
    pause_listener(listener, ACCEPT_PAUSE_MS);
}

static void
resume_cb(evutil_socket_t fd, short what, void *listener_)
{
    struct listener *listener = listener_;

    evconnlistener_enable(listener->evl);
}

/* Removes the socket file that a dead process left at '*addr'.  Returns 0, or
 * EADDRINUSE if somebody listens there, or EEXIST if it is no socket. */
static int
remove_stale_socket(const struct target_addr *addr)
{
    const char *path = addr->un.sun_path;
    struct stat st;
    int error = 0;
    int fd;

    if (lstat(path, &st)) {
        return 0;
    }
    if (!S_ISSOCK(st.st_mode)) {
        return EEXIST;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return errno;
    }
    if (!connect(fd, &addr->sa, addr->len) || errno != ECONNREFUSED) {
        error = EADDRINUSE;
    } else if (unlink(path)) {
        error = errno;
    }
    close(fd);
    return error;
}

static struct evconnlistener *
bind_listener(struct listener *listener, const struct target_addr *addr)
{
    unsigned int flags = (LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC
                          | LEV_OPT_REUSEABLE);
    mode_t mask = umask(0117);  /* A Unix socket is for user and group. */
    struct evconnlistener *evl;
    int saved_errno;

    evl = evconnlistener_new_bind(listener->server->base, accept_cb, listener,
                                  flags, LISTEN_BACKLOG, &addr->sa,
                                  (int) addr->len);
    saved_errno = errno;
    umask(mask);
    errno = saved_errno;
    return evl;
}

static const char no_tls[] = "needs a key, a certificate and a CA (\"tls\")";

static int
fail(int error, const char *target, const char *what, char **errp)
{
    *errp = fh_xasprintf("%s: %s", target, what);
    return error;
}

int
ofserver_listen(struct ofserver *server, const char *target, char **errp)
{
    struct target_addr addr;
    const char *wrong = target_parse(target, &addr);
    struct listener *listener;
    int error = 0;

    *errp = NULL;
    if (wrong) {
        return fail(EINVAL, target, wrong, errp);
    }
    if (find_listener(server, target)) {
        return 0;
    }
    if (addr.tls && !server->tls) {
        return fail(EINVAL, target, no_tls, errp);
    }
    if (addr.sa.sa_family == AF_UNIX) {
        error = remove_stale_socket(&addr);
        if (error) {
            return fail(error, target, strerror(error), errp);
        }
    }

    listener = fh_xcalloc(1, sizeof *listener);
    listener->server = server;
    listener->tls = addr.tls;
    listener->evl = bind_listener(listener, &addr);
    if (!listener->evl) {
        error = errno;
        free(listener);
        return fail(error, target, strerror(error), errp);
    }
    listener->target = fh_xstrdup(target);
    listener->unix_path = (addr.sa.sa_family == AF_UNIX
                           ? fh_xstrdup(addr.un.sun_path) : NULL);
    listener->resume_event = evtimer_new(server->base, resume_cb, listener);
    evconnlistener_set_error_cb(listener->evl, accept_error_cb);
    TAILQ_INSERT_TAIL(&server->listeners, listener, node);
    return 0;
}

void
ofserver_unlisten(struct ofserver *server, const char *target)
{
    struct listener *listener = find_listener(server, target);

    if (!listener) {
        return;
    }
    TAILQ_REMOVE(&server->listeners, listener, node);
    evconnlistener_free(listener->evl);
    event_free(listener->resume_event);
    if (listener->unix_path) {
        unlink(listener->unix_path);
        free(listener->unix_path);
    }
    free(listener->target);
    free(listener);
}

/* Dialling. */

static struct dial *
find_dial(const struct ofserver *server, const char *target)
{
    struct dial *dial;

    TAILQ_FOREACH (dial, &server->dials, node) {
        if (!strcmp(dial->target, target)) {
            return dial;
        }
    }
    return NULL;
}

static void
dial_retry_later(struct dial *dial)
{
    struct timeval tv = { dial->delay_ms / 1000,
                          dial->delay_ms % 1000 * 1000 };

    event_add(dial->retry_event, &tv);
    dial->delay_ms *= 2;
    if (dial->delay_ms > DIAL_MAX_MS) {
        dial->delay_ms = DIAL_MAX_MS;
    }
}

void
dial_ended(struct dial *dial, bool worked)
{
    dial->conn = NULL;
    if (worked) {
        dial->delay_ms = DIAL_MIN_MS;
    }
    dial_retry_later(dial);
}

static void
dial_failed(struct dial *dial, int error)
{
    log_warn_rl(&dial->rl, "%s: cannot connect: %s", dial->target,
                strerror(error));
    if (dial->connect_event) {
        event_free(dial->connect_event);
        dial->connect_event = NULL;
    }
    if (dial->fd >= 0) {
        close(dial->fd);
        dial->fd = -1;
    }
    dial_retry_later(dial);
}

static void
dial_shaken(struct transport *transport, const char *why, void *dial_)
{
    struct dial *dial = dial_;

    dial->handshake = NULL;
    if (transport) {
        dial->conn = ofconn_create(dial->server, transport, dial->target, 0,
                                   dial);
    } else {
        dial->server->counters.tls_failed++;
        log_warn_rl(&dial->rl, "%s: TLS: %s", dial->target, why);
        dial_retry_later(dial);
    }
}

static void
dial_connected(struct dial *dial)
{
    int fd = dial->fd;

    if (dial->connect_event) {
        event_free(dial->connect_event);
        dial->connect_event = NULL;
    }
    dial->fd = -1;
    target_set_nodelay(fd, dial->addr.sa.sa_family);
    if (dial->addr.tls) {
        dial->handshake = tls_shake(dial->server->tls, dial->server->base, fd,
                                    true, TLS_WITHIN_MS, dial_shaken, dial);
    } else {
        dial->conn = ofconn_create(dial->server, transport_plain(fd),
                                   dial->target, 0, dial);
    }
}

static void
connect_cb(evutil_socket_t fd, short what, void *dial_)
{
    struct dial *dial = dial_;
    int error = 0;
    socklen_t len = sizeof error;

    if (what & EV_TIMEOUT) {
        error = ETIMEDOUT;
    } else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len)) {
        error = errno;
    }
    if (error) {
        dial_failed(dial, error);
    } else {
        dial_connected(dial);
    }
}

static void
dial_start(struct dial *dial)
{
    struct timeval tv = { 1, 0 };   /* As long as between two tries. */

    dial->fd = socket(dial->addr.sa.sa_family,
                      SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (dial->fd < 0) {
        dial_failed(dial, errno);
    } else if (!connect(dial->fd, &dial->addr.sa, dial->addr.len)) {
        dial_connected(dial);
    } else if (errno == EINPROGRESS) {
        dial->connect_event = event_new(dial->server->base, dial->fd,
                                        EV_WRITE, connect_cb, dial);
        event_add(dial->connect_event, &tv);
    } else {
        dial_failed(dial, errno);
    }
}

static void
retry_cb(evutil_socket_t fd, short what, void *dial_)
{
    dial_start(dial_);
}

int
ofserver_dial(struct ofserver *server, const char *target, char **errp)
{
    struct target_addr addr;
    const char *wrong = target_parse(target, &addr);
    struct dial *dial;

    *errp = NULL;
    if (wrong) {
        return fail(EINVAL, target, wrong, errp);
    }
    if (find_dial(server, target)) {
        return 0;
    }
    if (addr.tls && !server->tls) {
        return fail(EINVAL, target, no_tls, errp);
    }
    dial = fh_xcalloc(1, sizeof *dial);
    dial->server = server;
    dial->target = fh_xstrdup(target);
    dial->addr = addr;
    dial->fd = -1;
    dial->rl = (struct log_rate_limit) LOG_RATE_LIMIT_INIT(60000, 2);
    dial->delay_ms = DIAL_MIN_MS;
    dial->retry_event = evtimer_new(server->base, retry_cb, dial);
    TAILQ_INSERT_TAIL(&server->dials, dial, node);
    dial_start(dial);
    return 0;
}

void
ofserver_undial(struct ofserver *server, const char *target)
{
    struct dial *dial = find_dial(server, target);
    struct ofconn *conn;

    if (!dial) {
        return;
    }
    TAILQ_REMOVE(&server->dials, dial, node);
    if (dial->conn) {
        ofconn_close(dial->conn, "no longer dialled");
    }
    TAILQ_FOREACH (conn, &server->closed, node) {
        if (conn->dial == dial) {
            conn->dial = NULL;
        }
    }
    tls_abandon(dial->handshake);
    if (dial->connect_event) {
        event_free(dial->connect_event);
    }
    if (dial->fd >= 0) {
        close(dial->fd);
    }
    event_free(dial->retry_event);
    free(dial->target);
    free(dial);
}
