/* Thousands of ARP-speaking hosts behind one real interface.
 *
 * An AF_PACKET socket on a veth end: answers ARP requests for its range of
 * addresses with one MAC per host, believes takeover notices as Linux does
 * and records when they came.  Commands on stdin, one line of JSON each on
 * stdout:
 *
 *   router MAC                gives MAC the next router number, prints it
 *   learn [WINDOW [TIMEOUT_MS]]   every host asks for the gateway once
 *   arp WINDOW SECONDS        closed loop of requests
 *   mark                      a fault starts now
 *   moved N [TIMEOUT_MS]      waits until every host that was on router N at
 *                             the mark has been told of another, and prints
 *                             the times
 *   run SECONDS
 *   owners
 *   quit
 *
 * Times are monotonic, taken once per wake-up. */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <firsthop/buf.h>

#include "tests/bench/hosts.h"

#define BATCH 128
#define FRAME_MAX 128
#define SEC_NS UINT64_C(1000000000)
#define MSEC_NS UINT64_C(1000000)
#define RETRY_NS SEC_NS
#define MAX_ARGS 6

struct farm {
    struct hosts hosts;
    uint8_t routers[HOSTS_MAX_ROUTERS][6];
    int n_routers;
    int fd;
    uint64_t now_ns, marked_ns;
    bool looping;                   /* A host that is answered asks again. */
    bool stdin_ready;
    uint64_t lost;
    /* Frames to be sent with the next sendmmsg(). */
    uint8_t out[BATCH][ARP_LEN];
    unsigned n_out;
};

static uint64_t
clock_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t) ts.tv_sec * SEC_NS + (uint64_t) ts.tv_nsec;
}

static int
open_socket(const char *ifname)
{
    /* ARP alone. */
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0806, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, FRAME_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog filter = { .len = 4, .filter = code };
    struct sockaddr_ll addr = { .sll_family = AF_PACKET,
                                .sll_protocol = htons(0x0003),
                                .sll_ifindex = (int) if_nametoindex(ifname) };
    int buffer = 64 << 20, one = 1;
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || !addr.sll_ifindex
        || setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter,
                      sizeof filter)
        || setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one,
                      sizeof one)
        || bind(fd, (struct sockaddr *) &addr, sizeof addr)) {
        fprintf(stderr, "clientfarm: %s: %s\n", ifname,
                addr.sll_ifindex ? strerror(errno) : "no such interface");
        exit(1);
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
    return fd;
}

/* Sends what is collected, all of it. */
static void
flush(struct farm *farm)
{
    struct mmsghdr msgs[BATCH];
    struct iovec iov[BATCH];
    unsigned done = 0;

    memset(msgs, 0, sizeof msgs);
    for (unsigned i = 0; i < farm->n_out; i++) {
        iov[i] = (struct iovec) { farm->out[i], ARP_LEN };
        msgs[i].msg_hdr.msg_iov = &iov[i];
        msgs[i].msg_hdr.msg_iovlen = 1;
    }
    while (done < farm->n_out) {
        int n = sendmmsg(farm->fd, msgs + done, farm->n_out - done, 0);

        if (n > 0) {
            done += (unsigned) n;
        } else if (errno == EAGAIN || errno == ENOBUFS) {
            struct pollfd pfd = { .fd = farm->fd, .events = POLLOUT };

            poll(&pfd, 1, 1);
        } else if (errno != EINTR) {
            farm->lost += farm->n_out - done;   /* The interface is down. */
            break;
        }
    }
    farm->n_out = 0;
}

/* Where the next frame to be sent is to be written. */
static uint8_t *
put_frame(struct farm *farm)
{
    if (farm->n_out == BATCH) {
        flush(farm);
    }
    return farm->out[farm->n_out++];
}

static void
ask(struct farm *farm, size_t i)
{
    hosts_ask(&farm->hosts, i, farm->now_ns, put_frame(farm));
}

/* The number of the router with 'mac': an unknown one gets the next. */
static int
find_router(struct farm *farm, const uint8_t *mac)
{
    for (int i = 0; i < farm->n_routers; i++) {
        if (!memcmp(farm->routers[i], mac, 6)) {
            return i;
        }
    }
    if (farm->n_routers == HOSTS_MAX_ROUTERS) {
        return HOSTS_NO_ROUTER;
    }
    memcpy(farm->routers[farm->n_routers], mac, 6);
    return farm->n_routers++;
}

static void
receive_frame(struct farm *farm, const uint8_t *frame, size_t len)
{
    uint8_t reply[ARP_LEN];
    struct host *h;
    int router;

    /* Other hosts may be on the wire too: only who speaks to ours counts. */
    if (!wire_is_arp(frame, len)
        || !hosts_find(&farm->hosts, wire_get32(frame + ARP_OFF_TPA))) {
        return;
    }
    router = find_router(farm, frame + ARP_OFF_SHA);
    if (router == HOSTS_NO_ROUTER) {
        return;
    }
    switch (hosts_receive(&farm->hosts, router, frame, len, farm->now_ns, &h,
                          reply)) {
    case HOSTS_REPLY:
        memcpy(put_frame(farm), reply, ARP_LEN);
        break;
    case HOSTS_ANSWERED:
        if (farm->looping) {
            ask(farm, hosts_index(&farm->hosts, h));
        }
        break;
    case HOSTS_NOTED:
    case HOSTS_IGNORED:
        break;
    }
}

/* Reads up to BATCH frames and sends what they call for. */
static void
receive(struct farm *farm)
{
    static uint8_t frames[BATCH][FRAME_MAX];
    struct mmsghdr msgs[BATCH];
    struct iovec iov[BATCH];

    memset(msgs, 0, sizeof msgs);
    for (int i = 0; i < BATCH; i++) {
        iov[i] = (struct iovec) { frames[i], FRAME_MAX };
        msgs[i].msg_hdr.msg_iov = &iov[i];
        msgs[i].msg_hdr.msg_iovlen = 1;
    }

    int n = recvmmsg(farm->fd, msgs, BATCH, MSG_DONTWAIT, NULL);
    farm->now_ns = clock_ns();
    for (int i = 0; i < n; i++) {
        receive_frame(farm, frames[i], msgs[i].msg_len);
    }
    flush(farm);
}

/* Waits up to 'wait_ms' for frames, or a command if 'commands', and handles
 * the frames. */
static void
step(struct farm *farm, int wait_ms, bool commands)
{
    struct pollfd pfds[] = {
        { .fd = farm->fd, .events = POLLIN },
        { .fd = STDIN_FILENO, .events = POLLIN },
    };

    flush(farm);
    if (poll(pfds, commands ? 2 : 1, wait_ms) > 0 && pfds[0].revents) {
        receive(farm);
    }
    farm->now_ns = clock_ns();
    farm->stdin_ready = commands && pfds[1].revents;
}

static void
run_for(struct farm *farm, uint64_t duration_ns)
{
    uint64_t end_ns = farm->now_ns + duration_ns;

    while (farm->now_ns < end_ns) {
        step(farm, (int) ((end_ns - farm->now_ns) / MSEC_NS + 1), false);
    }
}

/* Asks again for who has waited too long. */
static uint64_t
ask_again(struct farm *farm)
{
    uint64_t n = 0;

    for (size_t i = 0; i < farm->hosts.n; i++) {
        uint64_t asked_ns = farm->hosts.hosts[i].asked_ns;

        if (asked_ns && farm->now_ns - asked_ns > RETRY_NS) {
            ask(farm, i);
            n++;
        }
    }
    return n;
}

/* Commands. */

static double
number(char **words, int n, int i, double missing)
{
    return i < n ? atof(words[i]) : missing;
}

static void
command_learn(struct farm *farm, size_t window, uint64_t timeout_ns)
{
    uint64_t start_ns = farm->now_ns, check_ns = start_ns;
    uint64_t before = farm->hosts.counters.answers, retries = 0;
    size_t next = 0, answered = 0;

    dist_clear(&farm->hosts.latency);
    while (answered < farm->hosts.n && farm->now_ns - start_ns < timeout_ns) {
        while (next < farm->hosts.n && next - answered < window) {
            ask(farm, next++);
        }
        step(farm, 10, false);
        if (farm->now_ns - check_ns > RETRY_NS / 4) {
            check_ns = farm->now_ns;
            retries += ask_again(farm);
        }
        answered = (size_t) (farm->hosts.counters.answers - before);
    }
    printf("{\"cmd\":\"learn\",\"ok\":%s,\"hosts\":%zu,\"answered\":%zu,"
           "\"retries\":%" PRIu64 ",\"seconds\":%.3f,",
           answered == farm->hosts.n ? "true" : "false", farm->hosts.n,
           answered, retries, (double) (farm->now_ns - start_ns) / 1e9);
    dist_print(stdout, "latency", &farm->hosts.latency);
    printf("}\n");
}

static void
command_arp(struct farm *farm, size_t window, double seconds)
{
    uint64_t duration_ns = (uint64_t) (seconds * 1e9);
    uint64_t start_ns = farm->now_ns, check_ns = start_ns, lost = 0;
    uint64_t before = farm->hosts.counters.answers;

    dist_clear(&farm->hosts.latency);
    for (size_t i = 0; i < farm->hosts.n; i++) {
        farm->hosts.hosts[i].asked_ns = 0;
    }
    farm->looping = true;
    for (size_t i = 0; i < window && i < farm->hosts.n; i++) {
        ask(farm, i);
    }
    while (farm->now_ns - start_ns < duration_ns) {
        step(farm, 10, false);
        if (farm->now_ns - check_ns > RETRY_NS / 4) {
            check_ns = farm->now_ns;
            lost += ask_again(farm);
        }
    }
    farm->looping = false;
    printf("{\"cmd\":\"arp\",\"ok\":true,\"per_s\":%.0f,\"lost\":%" PRIu64 ",",
           (double) (farm->hosts.counters.answers - before)
           / ((double) (farm->now_ns - start_ns) / 1e9), lost);
    dist_print(stdout, "latency", &farm->hosts.latency);
    printf("}\n");
}

static void
command_mark(struct farm *farm)
{
    hosts_mark(&farm->hosts);
    farm->marked_ns = clock_ns();
    printf("{\"cmd\":\"mark\",\"ok\":true}\n");
}

static void
command_moved(struct farm *farm, int router, uint64_t timeout_ns)
{
    uint64_t end_ns = farm->now_ns + timeout_ns;
    struct hosts_progress progress;

    /* The caller has made the fault: nobody is reached there. */
    farm->hosts.unreachable |= UINT32_C(1) << router;
    hosts_get_progress(&farm->hosts, router, &progress);
    while (progress.moved < progress.affected && farm->now_ns < end_ns) {
        step(farm, 5, false);
        hosts_get_progress(&farm->hosts, router, &progress);
    }
    printf("{\"cmd\":\"moved\",\"ok\":%s,\"affected\":%zu,\"moved\":%zu,",
           progress.moved == progress.affected ? "true" : "false",
           progress.affected, progress.moved);
    hosts_print_times(&farm->hosts, router, farm->marked_ns, stdout);
    printf("}\n");
    farm->hosts.unreachable &= ~(UINT32_C(1) << router);
}

static void
command_owners(const struct farm *farm)
{
    uint64_t believe[HOSTS_MAX_ROUTERS] = { 0 };
    uint64_t nobody = 0;

    for (size_t i = 0; i < farm->hosts.n; i++) {
        int router = farm->hosts.hosts[i].gateway;

        if (router == HOSTS_NO_ROUTER) {
            nobody++;
        } else {
            believe[router]++;
        }
    }
    printf("{\"cmd\":\"owners\",\"ok\":true,\"nobody\":%" PRIu64
           ",\"believe\":[", nobody);
    for (int i = 0; i < farm->n_routers; i++) {
        printf("%s%" PRIu64, i ? "," : "", believe[i]);
    }
    printf("],\"moves\":%" PRIu64 ",\"probes\":%" PRIu64 "}\n",
           farm->hosts.counters.moves, farm->hosts.counters.probes);
}

static void
command_router(struct farm *farm, const char *mac_text)
{
    uint8_t mac[6];

    if (sscanf(mac_text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1],
               &mac[2], &mac[3], &mac[4], &mac[5]) == 6) {
        printf("{\"cmd\":\"router\",\"ok\":true,\"number\":%d}\n",
               find_router(farm, mac));
    } else {
        printf("{\"cmd\":\"router\",\"ok\":false,\"error\":\"bad MAC\"}\n");
    }
}

/* Runs 'line'; false after "quit". */
static bool
command_line(struct farm *farm, char *line)
{
    char *words[MAX_ARGS] = { NULL };
    char *save = NULL;
    int n = 0;

    for (char *w = strtok_r(line, " \t\r", &save); w && n < MAX_ARGS;
         w = strtok_r(NULL, " \t\r", &save)) {
        words[n++] = w;
    }
    if (!n) {
        return true;
    }
    if (!strcmp(words[0], "quit")) {
        return false;
    } else if (!strcmp(words[0], "learn")) {
        command_learn(farm, (size_t) number(words, n, 1, 64),
                      (uint64_t) (number(words, n, 2, 60000) * 1e6));
    } else if (!strcmp(words[0], "arp")) {
        command_arp(farm, (size_t) number(words, n, 1, 1),
                    number(words, n, 2, 1));
    } else if (!strcmp(words[0], "mark")) {
        command_mark(farm);
    } else if (!strcmp(words[0], "moved")) {
        command_moved(farm, (int) number(words, n, 1, 0) & 31,
                      (uint64_t) (number(words, n, 2, 10000) * 1e6));
    } else if (!strcmp(words[0], "run")) {
        run_for(farm, (uint64_t) (number(words, n, 1, 1) * 1e9));
        printf("{\"cmd\":\"run\",\"ok\":true}\n");
    } else if (!strcmp(words[0], "owners")) {
        command_owners(farm);
    } else if (!strcmp(words[0], "router") && n == 2) {
        command_router(farm, words[1]);
    } else {
        printf("{\"cmd\":\"?\",\"ok\":false,\"error\":\"unknown command\"}\n");
    }
    fflush(stdout);
    return true;
}

static void
run_commands(struct farm *farm)
{
    struct fh_buf lines = { 0 };
    bool more = true;

    while (more) {
        char *line = (char *) lines.data;
        char *end = lines.len ? memchr(line, '\n', lines.len) : NULL;

        if (end) {
            *end = '\0';
            more = command_line(farm, line);
            fh_buf_pull(&lines, (size_t) (end + 1 - line));
            continue;
        }
        step(farm, 1000, true);
        if (farm->stdin_ready) {
            uint8_t *p = fh_buf_put(&lines, 4096);
            ssize_t n = read(STDIN_FILENO, p, 4096);

            lines.len -= 4096 - (size_t) (n > 0 ? n : 0);
            more = n > 0;
        }
    }
    fh_buf_destroy(&lines);
}

static void
usage(void)
{
    fputs("usage: clientfarm --interface NAME [--hosts N] [--first-ip ADDR]"
          " [--gateway ADDR]\n"
          "Plays N ARP-speaking hosts [1000] from 10.0.1.0 on behind NAME,\n"
          "whose gateway is 10.0.0.1; reads commands from stdin.\n", stderr);
    exit(2);
}

static uint32_t
parse_ip(const char *s)
{
    struct in_addr in;

    if (inet_pton(AF_INET, s, &in) != 1) {
        usage();
    }
    return ntohl(in.s_addr);
}

int
main(int argc, char **argv)
{
    static const struct option options[] = {
        { "interface", required_argument, NULL, 'i' },
        { "hosts", required_argument, NULL, 'n' },
        { "first-ip", required_argument, NULL, 'f' },
        { "gateway", required_argument, NULL, 'g' },
        { NULL, 0, NULL, 0 },
    };
    const char *interface = NULL;
    uint32_t first_ip = 0x0a000100, gateway_ip = 0x0a000001;
    unsigned long n_hosts = 1000;
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'i': interface = optarg; break;
        case 'n': n_hosts = strtoul(optarg, NULL, 10); break;
        case 'f': first_ip = parse_ip(optarg); break;
        case 'g': gateway_ip = parse_ip(optarg); break;
        default: usage();
        }
    }
    if (!interface || optind < argc || n_hosts < 1 || n_hosts > 1000000) {
        usage();
    }

    struct farm *farm = fh_xcalloc(1, sizeof *farm);
    hosts_init(&farm->hosts, n_hosts, first_ip, gateway_ip);
    farm->fd = open_socket(interface);
    farm->now_ns = clock_ns();
    run_commands(farm);
    hosts_destroy(&farm->hosts);
    close(farm->fd);
    free(farm);
    return 0;
}
