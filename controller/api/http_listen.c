/* Where requests come in.  See http_listen.h.
 *
 * Called by http.c alone.  Never reads or writes a connection. */
#include <config.h>

#include "controller/api/http_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/listener.h>
#include <firsthop/buf.h>

#include "controller/base/log.h"

#define SOCKET_UMASK   0117     /* Leaves 0660. */
#define BACKLOG        128
#define PAUSE_MS       100      /* When there are no descriptors left. */
#define WATCH_S        1        /* Is the socket still where it was? */
#define TOKEN_MIN      16
#define TOKEN_MAX      512

struct http_listener {
    struct event_base *base;
    struct evconnlistener *evl;
    struct event *resume;
    struct event *watch;        /* Of a Unix socket. */
    http_accept_cb *accept;
    void *aux;
    bool trusted;
    char *path;                 /* Of a Unix socket; owned. */
    dev_t dev;                  /* What we made there. */
    ino_t ino;
};

static void
accept_cb(struct evconnlistener *evl, evutil_socket_t fd,
          struct sockaddr *address, int len, void *listener_)
{
    struct http_listener *listener = listener_;

    listener->accept(fd, listener->trusted, listener->aux);
}

/* accept() fails, out of descriptors mostly, and the waiting connection would
 * have us try again at once for ever. */
static void
error_cb(struct evconnlistener *evl, void *listener_)
{
    static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(10000, 1);
    static const struct timeval pause = { 0, PAUSE_MS * 1000 };
    struct http_listener *listener = listener_;

    log_warn_rl(&rl, "http: cannot accept a connection: %s",
                strerror(errno));
    evconnlistener_disable(evl);
    event_add(listener->resume, &pause);
}

static void
resume_cb(evutil_socket_t fd, short what, void *listener_)
{
    struct http_listener *listener = listener_;

    evconnlistener_enable(listener->evl);
}

/* Listens on 'fd', which it takes. */
static void
listen_on(struct http_listener *listener, int fd)
{
    evutil_make_socket_nonblocking(fd);
    listener->evl = evconnlistener_new(listener->base, accept_cb, listener,
                                       LEV_OPT_CLOSE_ON_FREE
                                       | LEV_OPT_CLOSE_ON_EXEC,
                                       BACKLOG, fd);
    if (!listener->evl) {
        abort();                /* No memory. */
    }
    evconnlistener_set_error_cb(listener->evl, error_cb);
}

/* Takes 'fd'. */
static struct http_listener *
listener_create(struct event_base *base, int fd, bool trusted,
                http_accept_cb *accept_, void *aux)
{
    struct http_listener *listener = fh_xcalloc(1, sizeof *listener);

    listener->base = base;
    listener->trusted = trusted;
    listener->accept = accept_;
    listener->aux = aux;
    listen_on(listener, fd);
    listener->resume = event_new(base, -1, 0, resume_cb, listener);
    if (!listener->resume) {
        abort();                /* No memory. */
    }
    return listener;
}

void
http_listener_destroy(struct http_listener *listener)
{
    struct stat st;

    if (!listener) {
        return;
    }
    evconnlistener_free(listener->evl);
    event_free(listener->resume);
    if (listener->watch) {
        event_free(listener->watch);
    }
    if (listener->path && !lstat(listener->path, &st)
        && st.st_dev == listener->dev && st.st_ino == listener->ino) {
        unlink(listener->path);
    }
    free(listener->path);
    free(listener);
}

/* Removes the socket that a dead process has left at 'sun'.  Returns NULL, or
 * what is there instead, new. */
static char *
remove_stale(const struct sockaddr_un *sun)
{
    const char *path = sun->sun_path;
    struct stat st;
    int fd, error;

    if (lstat(path, &st)) {
        return NULL;            /* bind() will tell if that is a problem. */
    }
    if (!S_ISSOCK(st.st_mode)) {
        return fh_xasprintf("%s: exists and is no socket", path);
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return fh_xasprintf("%s: %s", path, strerror(errno));
    }
    error = connect(fd, (const struct sockaddr *) sun, sizeof *sun) ? errno
                                                                    : 0;
    close(fd);
    /* EAGAIN: somebody is there whose backlog is full. */
    if (!error || error == EAGAIN) {
        return fh_xasprintf("%s: in use by a running daemon", path);
    }
    if (error != ECONNREFUSED || unlink(path)) {
        return fh_xasprintf("%s: %s", path, strerror(error));
    }
    return NULL;
}

/* Returns a bound socket, or -1 and '*errp'. */
static int
bind_unix(const struct sockaddr_un *sun, char **errp)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    mode_t old_mask;
    int error = 0;

    if (fd < 0) {
        *errp = fh_xasprintf("%s: %s", sun->sun_path, strerror(errno));
        return -1;
    }
    old_mask = umask(SOCKET_UMASK);
    if (bind(fd, (const struct sockaddr *) sun, sizeof *sun)) {
        error = errno;
    }
    umask(old_mask);
    if (error) {
        *errp = fh_xasprintf("%s: %s", sun->sun_path, strerror(error));
        close(fd);
        return -1;
    }
    return fd;
}

/* Notes which file is ours. */
static void
note_file(struct http_listener *listener)
{
    struct stat st;

    if (!lstat(listener->path, &st)) {
        listener->dev = st.st_dev;
        listener->ino = st.st_ino;
    }
}

/* Somebody has cleaned up too much: without its file nobody finds a socket
 * that is there all the same.  A file that is another one is left alone. */
static void
watch_cb(evutil_socket_t watch_fd, short what, void *listener_)
{
    static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(60000, 2);
    struct http_listener *listener = listener_;
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    char *error = NULL;
    struct stat st;
    int fd;

    if (!lstat(listener->path, &st) || errno != ENOENT) {
        return;
    }
    strcpy(sun.sun_path, listener->path);
    fd = bind_unix(&sun, &error);
    if (fd < 0) {
        log_err_rl(&rl, "http: the control socket was removed, and cannot "
                   "be made again: %s", error);
        free(error);
        return;
    }
    log_warn_rl(&rl, "http: %s was removed, and is made again",
                listener->path);
    evconnlistener_free(listener->evl);
    listen_on(listener, fd);
    note_file(listener);
}

struct http_listener *
http_listener_unix(struct event_base *base, const char *path,
                   http_accept_cb *accept_, void *aux, char **errp)
{
    static const struct timeval period = { WATCH_S, 0 };
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    struct http_listener *listener;
    int fd;

    if (!*path || strlen(path) >= sizeof sun.sun_path) {
        *errp = fh_xasprintf("%s: a socket's path has 1 to %zu bytes", path,
                             sizeof sun.sun_path - 1);
        return NULL;
    }
    strcpy(sun.sun_path, path);
    *errp = remove_stale(&sun);
    fd = *errp ? -1 : bind_unix(&sun, errp);
    if (fd < 0) {
        return NULL;
    }
    listener = listener_create(base, fd, true, accept_, aux);
    listener->path = fh_xstrdup(path);
    note_file(listener);
    listener->watch = event_new(base, -1, EV_PERSIST, watch_cb, listener);
    if (!listener->watch) {
        abort();                /* No memory. */
    }
    event_add(listener->watch, &period);
    return listener;
}

static bool
is_loopback(const struct sockaddr_storage *ss)
{
    if (ss->ss_family == AF_INET6) {
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)
                                      ss)->sin6_addr);
    }
    return ntohl(((const struct sockaddr_in *) ss)->sin_addr.s_addr) >> 24
           == IN_LOOPBACKNET;
}

struct http_listener *
http_listener_tcp(struct event_base *base, const char *target,
                  http_accept_cb *accept_, void *aux, char **errp)
{
    static const int one = 1;
    struct sockaddr_storage ss;
    int len = sizeof ss;
    int fd;

    memset(&ss, 0, sizeof ss);
    if (evutil_parse_sockaddr_port(target, (struct sockaddr *) &ss, &len)) {
        *errp = fh_xasprintf("%s: is not ADDRESS:PORT", target);
        return NULL;
    }
    if (!is_loopback(&ss)) {
        *errp = fh_xasprintf("%s: only loopback addresses are served",
                             target);
        return NULL;
    }
    fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0
        || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one)
        || bind(fd, (struct sockaddr *) &ss, len)) {
        *errp = fh_xasprintf("%s: %s", target, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return NULL;
    }
    return listener_create(base, fd, false, accept_, aux);
}

/* Returns NULL if 'token' is fit to be one, or why not. */
static const char *
token_problem(const char *token)
{
    size_t len = strlen(token);

    for (size_t i = 0; i < len; i++) {
        if (token[i] <= ' ' || token[i] > '~') {
            return "a token has printable ASCII characters only";
        }
    }
    return len < TOKEN_MIN ? "a token has at least 16 characters"
           : len > TOKEN_MAX ? "a token has at most 512 characters" : NULL;
}

char *
http_read_token(const char *path, char **errp)
{
    char token[TOKEN_MAX + 3];
    FILE *stream = fopen(path, "re");
    const char *problem;
    struct stat st;
    size_t n;

    if (!stream || fstat(fileno(stream), &st)) {
        *errp = fh_xasprintf("%s: %s", path, strerror(errno));
        if (stream) {
            fclose(stream);
        }
        return NULL;
    }
    n = fread(token, 1, sizeof token - 1, stream);
    token[n] = '\0';
    if (n && token[n - 1] == '\n') {
        token[n - 1] = '\0';
    }
    fclose(stream);
    problem = st.st_mode & S_IRWXO ? "everybody may read it: chmod 0640"
                                   : token_problem(token);
    if (problem) {
        *errp = fh_xasprintf("%s: %s", path, problem);
        explicit_bzero(token, sizeof token);
        return NULL;
    }
    return fh_xstrdup(token);
}
