/* udpmeter: what does a path lose, and for how long?
 *
 * One process sends UDP in both directions between pairs of hosts, each host
 * a network namespace, and keeps for every datagram when it was sent and when
 * it arrived.  Because both ends are the same process there is one clock, and
 * nothing has to be agreed on.
 *
 *   udpmeter [--interval-us N] [--grace-ms N] [--port N] PAIR...
 *
 * PAIR is NAME,CLIENT_NETNS,CLIENT_ADDRESS,SERVER_NETNS,SERVER_ADDRESS, where
 * a network namespace is a path such as /run/netns/c or /proc/123/ns/net, or
 * "-" for the own one.
 *
 * On stdin: "report" prints one line of JSON about what was sent since the
 * last "reset" and at least the grace time ago; "reset" forgets the past;
 * "stop", end of file and SIGTERM stop sending, wait for the grace time,
 * report and exit.  Run by the system tests and by the demo.  Never touches
 * routes, neighbours or interfaces. */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define METER_MAGIC 0x4648554d      /* "FHUM" */
#define MAX_PAIRS 64
#define NS_PER_MS INT64_C(1000000)

/* The payload.  Host order: it never leaves the machine. */
struct datagram {
    uint32_t magic;
    uint32_t stream;            /* Index into meter.streams. */
    uint64_t seq;
    uint8_t padding[48];        /* A small voice packet. */
};

/* What became of one datagram. */
struct fate {
    int64_t sent_at_ns;
    int64_t received_at_ns;     /* 0: not yet. */
};

/* One direction of one pair. */
struct stream {
    int tx_fd, rx_fd;           /* Borrowed from the pair's two hosts. */
    struct sockaddr_in to;
    uint64_t base_seq;          /* Of fates[0]; what is older is forgotten. */
    struct fate *fates;         /* Owned. */
    size_t n, cap;
    uint64_t duplicates;
    uint64_t send_errors;
    uint64_t strays;            /* Arrived after a reset forgot them. */
};

struct pair {
    const char *name;
    int client_fd, server_fd;
    struct stream *up, *down;   /* Client to server, server to client. */
};

struct meter {
    struct pair pairs[MAX_PAIRS];
    struct stream streams[2 * MAX_PAIRS];
    size_t n_pairs, n_streams;
    int64_t interval_ns, grace_ns;
    int64_t reset_at_ns;
    uint16_t port;
    int own_netns;              /* To come back to. */
};

/* What a report says about one stream.  An outage is a run of datagrams none
 * of which arrived: from when its first was sent until the next that did
 * arrive was sent. */
struct summary {
    uint64_t sent, lost;
    uint64_t outages;
    int64_t longest_ns, longest_start_ns;
    int64_t dark_ns;            /* Length of the outage at the end, or 0. */
    int64_t good_ns;            /* Since the end of the last outage. */
    int64_t delay_max_ns;
    int64_t last_received_ns;   /* Since the reset, or -1. */
};

static volatile sig_atomic_t stop_requested;

static void
die(const char *what, const char *which)
{
    fprintf(stderr, "udpmeter: %s %s: %s\n", what, which, strerror(errno));
    exit(EXIT_FAILURE);
}

static void
usage(void)
{
    fprintf(stderr, "usage: udpmeter [--interval-us N] [--grace-ms N] "
            "[--port N] NAME,NETNS,ADDRESS,NETNS,ADDRESS...\n");
    exit(2);
}

static int64_t
now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static void
on_signal(int signum)
{
    stop_requested = 1;
}

/* Opens a UDP socket bound to 'address' and the meter's port inside 'netns'.
 * Exits if it cannot. */
static int
open_host(const struct meter *m, const char *netns, const char *address,
          struct sockaddr_in *sin)
{
    int size = 4 << 20;
    int fd;

    memset(sin, 0, sizeof *sin);
    sin->sin_family = AF_INET;
    sin->sin_port = htons(m->port);
    if (inet_pton(AF_INET, address, &sin->sin_addr) != 1) {
        errno = EINVAL;
        die("address", address);
    }

    if (strcmp(netns, "-")) {
        int ns_fd = open(netns, O_RDONLY | O_CLOEXEC);
        if (ns_fd < 0 || setns(ns_fd, CLONE_NEWNET)) {
            die("network namespace", netns);
        }
        close(ns_fd);
    }
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *) sin, sizeof *sin)) {
        die("bind", address);
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size)) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    }
    if (setns(m->own_netns, CLONE_NEWNET)) {
        die("network namespace", "own");
    }
    return fd;
}

static struct stream *
add_stream(struct meter *m, int tx_fd, int rx_fd, const struct sockaddr_in *to)
{
    struct stream *s = &m->streams[m->n_streams++];

    s->tx_fd = tx_fd;
    s->rx_fd = rx_fd;
    s->to = *to;
    return s;
}

/* Takes 'spec' apart (and keeps pointers into it). */
static void
add_pair(struct meter *m, char *spec)
{
    struct sockaddr_in client, server;
    struct pair *p = &m->pairs[m->n_pairs];
    char *field[5];

    for (size_t i = 0; i < 5; i++) {
        field[i] = strsep(&spec, ",");
        if (!field[i] || !*field[i]) {
            usage();
        }
    }
    if (spec || m->n_pairs == MAX_PAIRS) {
        usage();
    }
    m->n_pairs++;
    p->name = field[0];
    p->client_fd = open_host(m, field[1], field[2], &client);
    /* Every socket has a port of its own: several may share an address. */
    m->port++;
    p->server_fd = open_host(m, field[3], field[4], &server);
    m->port++;
    p->up = add_stream(m, p->client_fd, p->server_fd, &server);
    p->down = add_stream(m, p->server_fd, p->client_fd, &client);
}

static void
stream_send(struct stream *s, uint32_t id, int64_t now)
{
    struct datagram dg = {
        .magic = METER_MAGIC,
        .stream = id,
        .seq = s->base_seq + s->n,
    };

    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 4096;
        s->fates = realloc(s->fates, s->cap * sizeof *s->fates);
        if (!s->fates) {
            die("memory", "for datagrams");
        }
    }
    s->fates[s->n++] = (struct fate) { .sent_at_ns = now };
    if (sendto(s->tx_fd, &dg, sizeof dg, 0, (struct sockaddr *) &s->to,
               sizeof s->to) != sizeof dg) {
        s->send_errors++;       /* No route, no carrier: lost all the same. */
    }
}

/* Notes the arrival of 'dg' on 'fd'.  What is not ours is ignored. */
static void
meter_received(struct meter *m, int fd, const struct datagram *dg,
               int64_t now)
{
    struct stream *s;
    struct fate *fate;

    if (dg->magic != METER_MAGIC || dg->stream >= m->n_streams) {
        return;
    }
    s = &m->streams[dg->stream];
    if (s->rx_fd != fd || dg->seq >= s->base_seq + s->n) {
        return;
    }
    if (dg->seq < s->base_seq) {
        s->strays++;
        return;
    }
    fate = &s->fates[dg->seq - s->base_seq];
    if (fate->received_at_ns) {
        s->duplicates++;
    } else {
        fate->received_at_ns = now;
    }
}

static void
meter_receive(struct meter *m, int fd)
{
    struct datagram dg;

    for (;;) {
        ssize_t n = recv(fd, &dg, sizeof dg, 0);

        if (n < 0 && errno != EINTR) {
            return;             /* EAGAIN, or an ICMP error: nothing here. */
        } else if (n == sizeof dg) {
            meter_received(m, fd, &dg, now_ns());
        }
    }
}

static void
meter_tick(struct meter *m)
{
    for (size_t i = 0; i < m->n_streams; i++) {
        stream_send(&m->streams[i], i, now_ns());
    }
}

static void
meter_reset(struct meter *m)
{
    for (size_t i = 0; i < m->n_streams; i++) {
        struct stream *s = &m->streams[i];

        s->base_seq += s->n;
        s->n = 0;
        s->duplicates = s->send_errors = s->strays = 0;
    }
    m->reset_at_ns = now_ns();
}

/* Ends the outage that began at 'start' (0: there was none). */
static void
summary_end_outage(struct summary *sum, int64_t start, int64_t end)
{
    if (start) {
        sum->outages++;
        if (end - start > sum->longest_ns) {
            sum->longest_ns = end - start;
            sum->longest_start_ns = start;
        }
    }
}

/* Looks at what was sent until 'until'. */
static struct summary
stream_summarize(const struct stream *s, int64_t reset_at, int64_t until)
{
    struct summary sum = { .last_received_ns = -1 };
    int64_t dark_since = 0, good_since = 0;

    for (size_t i = 0; i < s->n && s->fates[i].sent_at_ns <= until; i++) {
        const struct fate *f = &s->fates[i];

        sum.sent++;
        if (!f->received_at_ns) {
            sum.lost++;
            good_since = 0;
            dark_since = dark_since ? dark_since : f->sent_at_ns;
            continue;
        }
        summary_end_outage(&sum, dark_since, f->sent_at_ns);
        dark_since = 0;
        good_since = good_since ? good_since : f->sent_at_ns;
        sum.last_received_ns = f->sent_at_ns - reset_at;
        if (f->received_at_ns - f->sent_at_ns > sum.delay_max_ns) {
            sum.delay_max_ns = f->received_at_ns - f->sent_at_ns;
        }
    }
    summary_end_outage(&sum, dark_since, until);
    sum.dark_ns = dark_since ? until - dark_since : 0;
    sum.good_ns = good_since ? until - good_since : 0;
    sum.longest_start_ns -= sum.longest_start_ns ? reset_at : 0;
    return sum;
}

static double
ms(int64_t ns)
{
    return (double) ns / NS_PER_MS;
}

static void
stream_print(const struct stream *s, int64_t reset_at, int64_t until)
{
    struct summary sum = stream_summarize(s, reset_at, until);

    printf("{\"sent\": %"PRIu64", \"lost\": %"PRIu64", "
           "\"duplicates\": %"PRIu64", \"send_errors\": %"PRIu64", "
           "\"outages\": %"PRIu64", \"outage_ms\": %.1f, "
           "\"outage_start_ms\": %.1f, \"dark_ms\": %.1f, "
           "\"good_ms\": %.1f, \"delay_max_ms\": %.2f, "
           "\"last_received_ms\": %.1f}",
           sum.sent, sum.lost, s->duplicates, s->send_errors, sum.outages,
           ms(sum.longest_ns), ms(sum.longest_start_ns), ms(sum.dark_ns),
           ms(sum.good_ns), ms(sum.delay_max_ns),
           sum.last_received_ns < 0 ? -1.0 : ms(sum.last_received_ns));
}

static void
meter_report(const struct meter *m)
{
    int64_t until = now_ns() - m->grace_ns;

    printf("{\"seconds\": %.3f, \"pairs\": {",
           ms(until - m->reset_at_ns) / 1000);
    for (size_t i = 0; i < m->n_pairs; i++) {
        const struct pair *p = &m->pairs[i];

        printf("%s\"%s\": {\"up\": ", i ? ", " : "", p->name);
        stream_print(p->up, m->reset_at_ns, until);
        printf(", \"down\": ");
        stream_print(p->down, m->reset_at_ns, until);
        printf("}");
    }
    printf("}}\n");
    fflush(stdout);
}

/* Obeys the command in 'line'.  Returns false to stop. */
static bool
meter_command(struct meter *m, const char *line)
{
    if (!strcmp(line, "report")) {
        meter_report(m);
    } else if (!strcmp(line, "reset")) {
        meter_reset(m);
    } else if (!strcmp(line, "stop")) {
        return false;
    } else {
        fprintf(stderr, "udpmeter: unknown command \"%s\"\n", line);
    }
    return true;
}

/* Reads what stdin has and obeys each complete line.  Returns false to
 * stop. */
static bool
meter_read_commands(struct meter *m)
{
    static char line[64];
    static size_t len;
    char chunk[256];
    ssize_t n = read(STDIN_FILENO, chunk, sizeof chunk);

    if (n <= 0) {
        return n < 0 && errno == EINTR;
    }
    for (ssize_t i = 0; i < n; i++) {
        if (chunk[i] != '\n') {
            line[len] = chunk[i];
            len += len < sizeof line - 1;
            continue;
        }
        line[len] = '\0';
        len = 0;
        if (!meter_command(m, line)) {
            return false;
        }
    }
    return true;
}

static int
open_timer(int64_t interval_ns)
{
    struct itimerspec its = {
        .it_interval = { interval_ns / 1000000000, interval_ns % 1000000000 },
        .it_value = { 0, 1 },
    };
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

    if (fd < 0 || timerfd_settime(fd, 0, &its, NULL)) {
        die("timer", "");
    }
    return fd;
}

/* Receives until 'deadline'. */
static void
meter_drain(struct meter *m, struct pollfd *fds, size_t n, int64_t deadline)
{
    for (int64_t left; (left = deadline - now_ns()) > 0; ) {
        poll(fds, n, left / NS_PER_MS + 1);
        for (size_t i = 0; i < n; i++) {
            meter_receive(m, fds[i].fd);
        }
    }
}

static void
meter_run(struct meter *m)
{
    struct pollfd fds[2 + 2 * MAX_PAIRS];
    size_t n = 2;

    fds[0] = (struct pollfd) { open_timer(m->interval_ns), POLLIN, 0 };
    fds[1] = (struct pollfd) { STDIN_FILENO, POLLIN, 0 };
    for (size_t i = 0; i < m->n_pairs; i++) {
        fds[n++] = (struct pollfd) { m->pairs[i].client_fd, POLLIN, 0 };
        fds[n++] = (struct pollfd) { m->pairs[i].server_fd, POLLIN, 0 };
    }

    meter_reset(m);
    while (!stop_requested) {
        uint64_t expirations;

        if (poll(fds, n, -1) < 0) {
            continue;
        }
        for (size_t i = 2; i < n; i++) {
            if (fds[i].revents) {
                meter_receive(m, fds[i].fd);
            }
        }
        /* However many ticks were missed, one datagram: catching up with a
         * burst would measure our own lateness as loss in a queue. */
        if (read(fds[0].fd, &expirations, sizeof expirations) > 0) {
            meter_tick(m);
        }
        if (fds[1].revents && !meter_read_commands(m)) {
            break;
        }
    }
    close(fds[0].fd);
    meter_drain(m, fds + 2, n - 2, now_ns() + m->grace_ns);
    meter_report(m);
}

/* Parses the value of an option, a number from 1 to 'max'. */
static int64_t
parse_number(const char *s, int64_t max)
{
    char *end;
    long long value;

    if (!s) {
        usage();
    }
    errno = 0;
    value = strtoll(s, &end, 10);
    if (errno || *end || end == s || value < 1 || value > max) {
        usage();
    }
    return value;
}

int
main(int argc, char *argv[])
{
    static struct meter m = {
        .interval_ns = NS_PER_MS,
        .grace_ns = 100 * NS_PER_MS,
        .port = 9000,
    };
    struct sigaction sa = { .sa_handler = on_signal };

    m.own_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (m.own_netns < 0) {
        die("open", "/proc/self/ns/net");
    }
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--interval-us")) {
            m.interval_ns = parse_number(argv[++i], 60000000) * 1000;
        } else if (!strcmp(argv[i], "--grace-ms")) {
            m.grace_ns = parse_number(argv[++i], 60000) * NS_PER_MS;
        } else if (!strcmp(argv[i], "--port")) {
            m.port = parse_number(argv[++i], 65535 - 2 * MAX_PAIRS);
        } else if (argv[i][0] == '-') {
            usage();
        } else {
            add_pair(&m, argv[i]);
        }
    }
    if (!m.n_pairs) {
        usage();
    }
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGINT, &sa, NULL);
    meter_run(&m);
    for (size_t i = 0; i < m.n_streams; i++) {
        free(m.streams[i].fates);
    }
    return EXIT_SUCCESS;
}
