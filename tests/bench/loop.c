/* Sockets and time of the load generator: dials, reads, writes, waits. */
#include <config.h>

#include "tests/bench/loadgen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define READ_CHUNK (256 * 1024)
#define MAX_EVENTS 64
#define EXPIRE_NS (100 * MSEC_NS)
#define STDIN_ID UINT64_MAX

union address {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_un un;
};

uint64_t
loop_clock_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t) ts.tv_sec * SEC_NS + (uint64_t) ts.tv_nsec;
}

/* Parses "tcp:ADDR:PORT" or "unix:PATH".  Returns the length, or 0. */
static socklen_t
parse_target(const char *target, union address *addr)
{
    char host[64];
    unsigned port;

    memset(addr, 0, sizeof *addr);
    if (!strncmp(target, "unix:", 5)
        && strlen(target + 5) < sizeof addr->un.sun_path) {
        addr->un.sun_family = AF_UNIX;
        strcpy(addr->un.sun_path, target + 5);
        return sizeof addr->un;
    }
    if (sscanf(target, "tcp:%63[^:]:%u", host, &port) == 2
        && inet_pton(AF_INET, host, &addr->in.sin_addr) == 1) {
        addr->in.sin_family = AF_INET;
        addr->in.sin_port = htons((uint16_t) port);
        return sizeof addr->in;
    }
    return 0;
}

void
loop_init(struct loadgen *lg)
{
    struct epoll_event ev = { .events = EPOLLIN | EPOLLONESHOT,
                              .data.u64 = STDIN_ID };

    lg->now_ns = loop_clock_ns();
    lg->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ctl(lg->epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &ev)
        && errno == EPERM) {
        lg->stdin_ready = true;     /* A file: always ready. */
    }
}

void
loop_await_stdin(struct loadgen *lg)
{
    struct epoll_event ev = { .events = EPOLLIN | EPOLLONESHOT,
                              .data.u64 = STDIN_ID };

    lg->stdin_ready = false;
    if (epoll_ctl(lg->epoll_fd, EPOLL_CTL_MOD, STDIN_FILENO, &ev)) {
        lg->stdin_ready = true;
    }
    while (!lg->stdin_ready) {
        loop_step(lg, lg->now_ns + SEC_NS);
    }
}

static void
watch(struct bridge *b, uint32_t events, int op)
{
    struct epoll_event ev = { .events = events, .data.u64 = (uint64_t) b->id };

    epoll_ctl(b->lg->epoll_fd, op, b->fd, &ev);
}

static void
hang_up(struct bridge *b)
{
    if (b->fd >= 0) {
        close(b->fd);
        b->fd = -1;
        b->retry_ns = b->lg->now_ns + b->lg->opt.backoff_ns;
        bridge_disconnected(b);
    }
}

void
loop_want(struct bridge *b, bool want)
{
    b->want = want;
    if (!want) {
        hang_up(b);
    }
    b->retry_ns = b->lg->now_ns;
}

static void
dial(struct bridge *b)
{
    union address addr;
    socklen_t len = parse_target(b->lg->opt.target, &addr);
    int one = 1;

    b->retry_ns = b->lg->now_ns + b->lg->opt.backoff_ns;
    if (!len) {
        fprintf(stderr, "loadgen: %s: bad target\n", b->lg->opt.target);
        exit(1);
    }
    /* Connects while it may block: on this machine it is there or not. */
    int fd = socket(addr.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, &addr.sa, len)) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    if (addr.sa.sa_family == AF_INET) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    b->fd = fd;
    watch(b, EPOLLIN, EPOLL_CTL_ADD);
    bridge_connected(b);
}

/* Writes what there is. */
static void
flush_bridge(struct bridge *b)
{
    b->dirty = false;
    while (b->fd >= 0 && b->out_ofs < b->out.len) {
        ssize_t n = send(b->fd, b->out.data + b->out_ofs,
                         b->out.len - b->out_ofs, MSG_NOSIGNAL);

        if (n >= 0) {
            b->out_ofs += (size_t) n;
        } else if (errno == EAGAIN) {
            if (!b->want_write) {
                b->want_write = true;
                watch(b, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            }
            break;
        } else if (errno != EINTR) {
            hang_up(b);
            return;
        }
    }
    if (b->out_ofs == b->out.len) {
        fh_buf_clear(&b->out);
        b->out_ofs = 0;
        if (b->want_write) {
            b->want_write = false;
            watch(b, EPOLLIN, EPOLL_CTL_MOD);
        }
    }
}

static void
read_bridge(struct bridge *b)
{
    uint8_t *p = fh_buf_put(&b->in, READ_CHUNK);
    ssize_t n = recv(b->fd, p, READ_CHUNK, 0);

    b->in.len -= READ_CHUNK - (size_t) (n > 0 ? n : 0);
    if (n > 0) {
        b->lg->now_ns = loop_clock_ns();
        bridge_receive(b);
    } else if (!n || (errno != EAGAIN && errno != EINTR)) {
        hang_up(b);
    }
}

/* When something is due though no socket moves. */
static uint64_t
next_timer_ns(const struct loadgen *lg)
{
    uint64_t next_ns = net_next_ns(lg);

    if (lg->expire_next_ns < next_ns) {
        next_ns = lg->expire_next_ns;
    }
    for (unsigned i = 0; i < lg->opt.n_bridges; i++) {
        const struct bridge *b = &lg->bridges[i];
        uint64_t at_ns = (b->want && b->fd < 0 ? b->retry_ns
                          : b->busy_until_ns > lg->now_ns ? b->busy_until_ns
                          : UINT64_MAX);

        if (at_ns < next_ns) {
            next_ns = at_ns;
        }
    }
    return next_ns;
}

static void
run_timers(struct loadgen *lg)
{
    bool expire = lg->now_ns >= lg->expire_next_ns;

    net_run(lg);
    for (unsigned i = 0; i < lg->opt.n_bridges; i++) {
        struct bridge *b = &lg->bridges[i];

        if (b->want && b->fd < 0 && lg->now_ns >= b->retry_ns) {
            dial(b);
        }
        if (b->busy_until_ns && lg->now_ns >= b->busy_until_ns) {
            b->busy_until_ns = 0;
            bridge_receive(b);
        }
        if (expire) {
            flowtab_expire(b->ft, lg->now_ns);
        }
    }
    if (expire) {
        lg->expire_next_ns = lg->now_ns + EXPIRE_NS;
    }
}

static void
flush_all(struct loadgen *lg)
{
    for (unsigned i = 0; i < lg->opt.n_bridges; i++) {
        if (lg->bridges[i].dirty) {
            flush_bridge(&lg->bridges[i]);
        }
    }
}

static int
wait_events(struct loadgen *lg, uint64_t until_ns, struct epoll_event *events)
{
    uint64_t wait_ns = until_ns > lg->now_ns ? until_ns - lg->now_ns : 0;
    struct timespec ts = { .tv_sec = (time_t) (wait_ns / SEC_NS),
                           .tv_nsec = (long) (wait_ns % SEC_NS) };

    return epoll_pwait2(lg->epoll_fd, events, MAX_EVENTS, &ts, NULL);
}

void
loop_step(struct loadgen *lg, uint64_t deadline_ns)
{
    struct epoll_event events[MAX_EVENTS];
    uint64_t timer_ns = next_timer_ns(lg);

    flush_all(lg);                  /* What a command has put there. */

    int n = wait_events(lg, timer_ns < deadline_ns ? timer_ns : deadline_ns,
                        events);

    lg->now_ns = loop_clock_ns();
    for (int i = 0; i < n; i++) {
        if (events[i].data.u64 == STDIN_ID) {
            lg->stdin_ready = true;
            continue;
        }

        struct bridge *b = &lg->bridges[events[i].data.u64];
        if (b->fd >= 0 && events[i].events & EPOLLOUT) {
            flush_bridge(b);
        }
        if (b->fd >= 0 && events[i].events & ~(uint32_t) EPOLLOUT) {
            read_bridge(b);
        }
    }
    run_timers(lg);
    flush_all(lg);
}

void
loop_run(struct loadgen *lg, uint64_t duration_ns)
{
    uint64_t end_ns = lg->now_ns + duration_ns;

    while (lg->now_ns < end_ns) {
        loop_step(lg, end_ns);
    }
}
