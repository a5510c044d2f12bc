/* The commands that break something, and what is measured then.  Called by
 * commands.c, which documents them. */
#include <config.h>

#include "tests/bench/commands.h"

#include <inttypes.h>
#include <stdio.h>

#define QUIET_NS (300 * MSEC_NS)    /* Watched for so long after the last. */

static void
set_unreachable(struct loadgen *lg, const struct bridge *b, bool unreachable)
{
    uint32_t bit = UINT32_C(1) << b->id;

    lg->hosts.unreachable = unreachable ? lg->hosts.unreachable | bit
                                        : lg->hosts.unreachable & ~bit;
}

static void
forget_flows(struct loadgen *lg, struct bridge *b)
{
    flowtab_clear(b->ft);
    for (size_t i = 0; i < lg->hosts.n; i++) {
        lg->hosts.hosts[i].flows[b->id] = 0;
        lg->hosts.hosts[i].holders &= ~(UINT32_C(1) << b->id);
    }
}

/* Cuts up to 'n' hosts off 'b': those on access port 'port', or on any where
 * that is 0; only those who are on 'b' if 'owned'.  Returns how many. */
static size_t
cut_hosts(struct loadgen *lg, struct bridge *b, size_t n, uint32_t port,
          bool owned)
{
    size_t done = 0;

    for (size_t i = 0; i < lg->hosts.n && done < n; i++) {
        struct host *h = &lg->hosts.hosts[i];

        if (host_is_reached(&lg->hosts, h, b->id)
            && (!port || net_port_of(lg, i) == port)
            && (!owned || h->gateway == b->id)) {
            h->cut |= UINT32_C(1) << b->id;
            done++;
        }
    }
    return done;
}

/* Has made a fault on 'b' at 'start_ns': waits until everyone affected has
 * been told, or 'timeout_ns', and prints what happened. */
static void
watch_fault(struct loadgen *lg, const char *command, const struct bridge *b,
            uint64_t timeout_ns, const struct counts *before)
{
    struct hosts_progress progress;
    uint64_t start_ns = before->now_ns;
    uint64_t look_ns = 0;

    hosts_get_progress(&lg->hosts, b->id, &progress);
    while (progress.moved < progress.affected
           && lg->now_ns - start_ns < timeout_ns) {
        loop_step(lg, lg->now_ns + POLL_NS);
        if (lg->now_ns >= look_ns) {
            hosts_get_progress(&lg->hosts, b->id, &progress);
            look_ns = lg->now_ns + 4 * POLL_NS;
        }
    }
    loop_run(lg, QUIET_NS);
    lg->canary_on = false;

    printf("{\"cmd\":\"%s\",\"ok\":%s,\"affected\":%zu,\"moved\":%zu,",
           command,
           progress.moved == progress.affected ? "true" : "false",
           progress.affected, progress.moved);
    hosts_print_times(&lg->hosts, b->id, start_ns, stdout);
    printf(",\"canary_lost\":%" PRIu64 ",", lg->canary_lost);
    dist_print(stdout, "canary", &lg->hosts.latency);
    printf(",");
    counts_print_since(lg, before);
    printf("}\n");
    command_forget_requests(lg);
}

static void
start_fault(struct loadgen *lg, struct counts *before)
{
    hosts_mark(&lg->hosts);
    dist_clear(&lg->hosts.latency);
    lg->canary_on = lg->opt.n_canaries > 0;
    lg->canary_next_ns = lg->now_ns;
    lg->canary_lost = 0;
    lg->now_ns = loop_clock_ns();
    counts_look(lg, before);
}

void
fault_kill(struct loadgen *lg, struct bridge *b)
{
    set_unreachable(lg, b, true);
    loop_want(b, false);
    forget_flows(lg, b);
}

void
command_fault(struct loadgen *lg, const struct args *a)
{
    struct bridge *b = args_bridge(lg, a, 1);
    double number = args_number(a, 2, -1);
    struct counts before;

    if (!b) {
        command_error(a->word[0], "no such bridge");
        return;
    }
    start_fault(lg, &before);
    if (!strcmp(a->word[0], "kill")) {
        fault_kill(lg, b);
        watch_fault(lg, "kill", b, args_ms(a, 2, 10000), &before);
    } else if (!strcmp(a->word[0], "portdown")) {
        if (number < 1 || number > lg->opt.n_access) {
            command_error("portdown", "no such port");
            return;
        }
        cut_hosts(lg, b, SIZE_MAX, (uint32_t) number, false);
        bridge_set_port(b, (unsigned) number, false);
        watch_fault(lg, "portdown", b, args_ms(a, 3, 10000), &before);
    } else {
        cut_hosts(lg, b, number < 0 ? SIZE_MAX : (size_t) number, 0, true);
        watch_fault(lg, "cut", b, args_ms(a, 3, 10000), &before);
    }
}

void
command_repair(struct loadgen *lg, const struct args *a)
{
    struct counts before;

    counts_look(lg, &before);
    for (size_t i = 0; i < lg->hosts.n; i++) {
        lg->hosts.hosts[i].cut = 0;
    }
    for (unsigned i = 0; i < lg->opt.n_bridges; i++) {
        struct bridge *b = &lg->bridges[i];

        for (unsigned port = 1; port <= lg->opt.n_access; port++) {
            if (b->port_down >> (port - 1) & 1) {
                bridge_set_port(b, port, true);
            }
        }
        set_unreachable(lg, b, false);
        if (!b->want) {
            loop_want(b, true);
        }
    }
    bool ok = command_wait_ready(lg, 10 * SEC_NS);
    loop_run(lg, (uint64_t) (args_number(a, 1, 1) * 1e9));
    printf("{\"cmd\":\"repair\",\"ok\":%s,", ok ? "true" : "false");
    counts_print_since(lg, &before);
    printf("}\n");
}

static unsigned
count_connected(const struct loadgen *lg)
{
    unsigned n = 0;

    for (unsigned i = 0; i < lg->opt.n_bridges; i++) {
        n += lg->bridges[i].connected;
    }
    return n;
}

/* Turns until 'n' bridges are connected ('less': at most so many). */
static bool
wait_connected(struct loadgen *lg, unsigned n, bool less, uint64_t end_ns)
{
    while (less ? count_connected(lg) > n : count_connected(lg) < n) {
        if (lg->now_ns >= end_ns) {
            return false;
        }
        loop_step(lg, lg->now_ns + POLL_NS);
    }
    return true;
}

/* Some hosts ask every few ms until the first of them is answered.  Returns
 * whether it was. */
static bool
ask_until_answered(struct loadgen *lg, uint64_t end_ns)
{
    uint64_t answers = lg->hosts.counters.answers;

    for (size_t i = 0; lg->hosts.counters.answers == answers; i++) {
        size_t host = i % (lg->hosts.n < 16 ? lg->hosts.n : 16);

        if (lg->now_ns >= end_ns) {
            return false;
        }
        net_ask(lg, host, lg->hosts.hosts[host].attached);
        loop_run(lg, POLL_NS);
    }
    return true;
}

void
command_restart(struct loadgen *lg, const struct args *a)
{
    uint64_t end_ns = lg->now_ns + args_ms(a, 1, 30000);
    struct counts before;

    counts_look(lg, &before);
    printf("{\"cmd\":\"restart\",\"waiting\":true}\n");
    fflush(stdout);
    bool ok = wait_connected(lg, 0, true, end_ns);
    uint64_t gone_ns = lg->now_ns;
    ok = ok && wait_connected(lg, 1, false, end_ns);
    uint64_t first_ns = lg->now_ns;
    ok = ok && ask_until_answered(lg, end_ns);
    uint64_t answer_ns = lg->now_ns;
    ok = ok && wait_connected(lg, lg->opt.n_bridges, false, end_ns);
    loop_run(lg, 10 * QUIET_NS);
    printf("{\"cmd\":\"restart\",\"ok\":%s,\"gone_ms\":%.3f,"
           "\"answer_after_connect_ms\":%.3f,", ok ? "true" : "false",
           to_ms(first_ns - gone_ns), to_ms(answer_ns - first_ns));
    counts_print_since(lg, &before);
    printf("}\n");
    command_forget_requests(lg);
}
