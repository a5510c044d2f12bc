/* Emulated bridges and the hosts behind them, driven by commands on stdin.
 *
 * See commands.c for what it can do and tests/bench/run for how it is used;
 * by hand: printf 'connect\nlearn 1000\nkill 0\n' | loadgen --hosts 1000 */
#include <config.h>

#include "tests/bench/commands.h"
#include "tests/bench/lease.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void
usage(FILE *out)
{
    fputs("usage: loadgen [OPTION]...\n"
          "Emulates OpenFlow bridges and the hosts behind them; reads\n"
          "commands from stdin, one a line.\n\n"
          "  --target TARGET     tcp:ADDR:PORT or unix:PATH"
          " [tcp:127.0.0.1:6653]\n"
          "  --of VERSION        1.3 or 1.4 [1.4]\n"
          "  --bridges N         how many [2]\n"
          "  --access N          access ports of each [1]\n"
          "  --hosts N           how many, canaries included [1000]\n"
          "  --canaries N        the last N, on the last bridge only [0]\n"
          "  --first-dpid HEX    of the first bridge [a]\n"
          "  --first-ip ADDR     of the first host [10.0.1.0]\n"
          "  --gateway ADDR      [10.0.0.1]\n"
          "  --next-hop ADDR     behind every uplink [192.0.2.1]\n"
          "  --dhcp-server ADDR  behind that [198.51.100.67]\n"
          "  --delay-us N        from probe to reply [0]\n"
          "  --jitter-us N       and up to so much more [0]\n"
          "  --flow-us N         what a flow change costs a bridge [0]\n"
          "  --backoff-ms N      between attempts to connect [20]\n"
          "  --punt-all          punt ARP whatever the flow tables say\n",
          out);
}

static uint32_t
parse_ip(const char *s)
{
    struct in_addr in;

    if (inet_pton(AF_INET, s, &in) != 1) {
        fprintf(stderr, "loadgen: %s: not an address\n", s);
        exit(2);
    }
    return ntohl(in.s_addr);
}

static unsigned
parse_number(const char *s, unsigned min, unsigned max)
{
    char *end;
    unsigned long n = strtoul(s, &end, 10);

    if (*end || end == s || n < min || n > max) {
        fprintf(stderr, "loadgen: %s: not a number from %u to %u\n", s, min,
                max);
        exit(2);
    }
    return (unsigned) n;
}

static int
parse_version(const char *s)
{
    if (!strcmp(s, "1.3")) {
        return OFP13_VERSION;
    }
    if (!strcmp(s, "1.4")) {
        return OFP14_VERSION;
    }
    fprintf(stderr, "loadgen: %s: neither 1.3 nor 1.4\n", s);
    exit(2);
}

enum {
    OPT_TARGET = 1, OPT_OF, OPT_BRIDGES, OPT_ACCESS, OPT_HOSTS, OPT_CANARIES,
    OPT_DPID, OPT_FIRST_IP, OPT_GATEWAY, OPT_NEXT_HOP, OPT_SERVER, OPT_DELAY,
    OPT_JITTER, OPT_FLOW, OPT_BACKOFF, OPT_PUNT_ALL, OPT_HELP,
};

static void
parse_options(int argc, char **argv, struct loadgen_options *opt)
{
    static const struct option options[] = {
        { "target", required_argument, NULL, OPT_TARGET },
        { "of", required_argument, NULL, OPT_OF },
        { "bridges", required_argument, NULL, OPT_BRIDGES },
        { "access", required_argument, NULL, OPT_ACCESS },
        { "hosts", required_argument, NULL, OPT_HOSTS },
        { "canaries", required_argument, NULL, OPT_CANARIES },
        { "first-dpid", required_argument, NULL, OPT_DPID },
        { "first-ip", required_argument, NULL, OPT_FIRST_IP },
        { "gateway", required_argument, NULL, OPT_GATEWAY },
        { "next-hop", required_argument, NULL, OPT_NEXT_HOP },
        { "dhcp-server", required_argument, NULL, OPT_SERVER },
        { "delay-us", required_argument, NULL, OPT_DELAY },
        { "jitter-us", required_argument, NULL, OPT_JITTER },
        { "flow-us", required_argument, NULL, OPT_FLOW },
        { "backoff-ms", required_argument, NULL, OPT_BACKOFF },
        { "punt-all", no_argument, NULL, OPT_PUNT_ALL },
        { "help", no_argument, NULL, OPT_HELP },
        { NULL, 0, NULL, 0 },
    };
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case OPT_TARGET: opt->target = optarg; break;
        case OPT_OF: opt->version = parse_version(optarg); break;
        case OPT_BRIDGES:
            opt->n_bridges = parse_number(optarg, 1, HOSTS_MAX_ROUTERS);
            break;
        case OPT_ACCESS: opt->n_access = parse_number(optarg, 1, 62); break;
        case OPT_HOSTS:
            opt->n_hosts = parse_number(optarg, 1, 1000000);
            break;
        case OPT_CANARIES:
            opt->n_canaries = parse_number(optarg, 0, 1000);
            break;
        case OPT_DPID: opt->first_dpid = strtoull(optarg, NULL, 16); break;
        case OPT_FIRST_IP: opt->first_ip = parse_ip(optarg); break;
        case OPT_GATEWAY: opt->gateway_ip = parse_ip(optarg); break;
        case OPT_NEXT_HOP: opt->next_hop_ip = parse_ip(optarg); break;
        case OPT_SERVER: opt->server_ip = parse_ip(optarg); break;
        case OPT_DELAY:
            opt->delay_ns = parse_number(optarg, 0, 400000) * 1000;
            break;
        case OPT_JITTER:
            opt->jitter_ns = parse_number(optarg, 0, 400000) * 1000;
            break;
        case OPT_FLOW:
            opt->flow_ns = parse_number(optarg, 0, 10000) * 1000;
            break;
        case OPT_BACKOFF:
            opt->backoff_ns = parse_number(optarg, 1, 60000) * MSEC_NS;
            break;
        case OPT_PUNT_ALL: opt->punt_all = true; break;
        case OPT_HELP:
            usage(stdout);
            exit(0);
        default:
            usage(stderr);
            exit(2);
        }
    }
    if (optind < argc || opt->n_canaries > opt->n_hosts) {
        usage(stderr);
        exit(2);
    }
}

/* Runs the commands on stdin until "quit" or its end. */
static void
run_commands(struct loadgen *lg)
{
    struct fh_buf lines = { 0 };
    bool more = true;

    while (more) {
        char *line = (char *) lines.data;
        char *end = lines.len ? memchr(line, '\n', lines.len) : NULL;

        if (end) {
            *end = '\0';
            more = command_line(lg, line);
            fh_buf_pull(&lines, (size_t) (end + 1 - line));
            continue;
        }
        loop_await_stdin(lg);
        uint8_t *p = fh_buf_put(&lines, 4096);
        ssize_t n = read(STDIN_FILENO, p, 4096);
        lines.len -= 4096 - (size_t) (n > 0 ? n : 0);
        more = n > 0;
    }
    fh_buf_destroy(&lines);
}

int
main(int argc, char **argv)
{
    struct loadgen lg = {
        .opt = {
            .target = "tcp:127.0.0.1:6653", .version = OFP14_VERSION,
            .n_bridges = 2, .n_access = 1, .n_hosts = 1000,
            .first_dpid = 0xa, .first_ip = 0x0a000100,
            .gateway_ip = 0x0a000001, .next_hop_ip = 0xc0000201,
            .server_ip = 0xc6336443,
            .backoff_ns = 20 * MSEC_NS,
        },
    };

    parse_options(argc, argv, &lg.opt);
    hosts_init(&lg.hosts, lg.opt.n_hosts, lg.opt.first_ip, lg.opt.gateway_ip);
    lg.hosts.check_flows = true;
    lg.leases = lease_create(lg.opt.n_hosts);
    for (size_t i = 0; i < lg.opt.n_canaries; i++) {
        lg.hosts.hosts[lg.opt.n_hosts - 1 - i].attached
            = UINT32_C(1) << (lg.opt.n_bridges - 1);
    }
    if (lg.opt.n_bridges < HOSTS_MAX_ROUTERS) {
        lg.hosts.unreachable = ~UINT32_C(0) << lg.opt.n_bridges;
    }
    loop_init(&lg);
    net_init(&lg);
    lg.bridges = fh_xcalloc(lg.opt.n_bridges, sizeof *lg.bridges);
    for (unsigned i = 0; i < lg.opt.n_bridges; i++) {
        bridge_init(&lg.bridges[i], &lg, (int) i);
    }

    run_commands(&lg);

    for (unsigned i = 0; i < lg.opt.n_bridges; i++) {
        loop_want(&lg.bridges[i], false);
        bridge_destroy(&lg.bridges[i]);
    }
    free(lg.bridges);
    net_destroy(&lg);
    lease_destroy(lg.leases);
    hosts_destroy(&lg.hosts);
    close(lg.epoll_fd);
    return 0;
}
