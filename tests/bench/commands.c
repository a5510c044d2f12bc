/* The commands of the load generator: one line in, one line of JSON out.
 *
 *   connect [TIMEOUT_MS]           dial every bridge, wait until ARP is punted
 *   learn N [WINDOW [TIMEOUT_MS [PER_S]]]
 *                                  hosts 0...N-1 and the canaries ask for the
 *                                  gateway, WINDOW of them at a time, and no
 *                                  more than PER_S new ones a second
 *   lease N [PER_S [WINDOW [TIMEOUT_MS [BRIDGE]]]]
 *                                  hosts 0...N-1 want a lease, as with learn;
 *                                  BRIDGE is killed when half of them do
 *   arp WINDOW SECONDS [any]       closed loop of requests; "any": every
 *                                  packet-out counts as an answer
 *   ask PER_S SECONDS              so many requests a second, one host after
 *                                  the other; none is left out of the latencies
 *   kill BRIDGE [TIMEOUT_MS]       close its connection and forget its flows
 *   portdown BRIDGE PORT [TIMEOUT_MS]
 *   cut BRIDGE N [TIMEOUT_MS]      N hosts on BRIDGE fall silent there
 *   repair SECONDS                 undo all that, then watch who moves
 *   run SECONDS                    let time pass and count
 *   restart [TIMEOUT_MS]           wait for the controller to go and come back
 *   owners                         how many hosts believe in which bridge
 *   stats                          all counters
 *   quit */
#include <config.h>

#include "tests/bench/commands.h"
#include "tests/bench/lease.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define RETRY_NS SEC_NS             /* A host that got no answer asks again. */

/* Argument 'i', or 'missing'. */
double
args_number(const struct args *a, int i, double missing)
{
    return i < a->n ? atof(a->word[i]) : missing;
}

uint64_t
args_ms(const struct args *a, int i, double missing_ms)
{
    return (uint64_t) (args_number(a, i, missing_ms) * 1e6);
}

struct bridge *
args_bridge(struct loadgen *lg, const struct args *a, int i)
{
    double id = args_number(a, i, -1);

    return id >= 0 && id < lg->opt.n_bridges ? &lg->bridges[(int) id] : NULL;
}

double
to_ms(uint64_t ns)
{
    return (double) ns / 1e6;
}

static uint64_t
cpu_ns(void)
{
    struct rusage ru;

    getrusage(RUSAGE_SELF, &ru);
    return (uint64_t) (ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * SEC_NS
           + (uint64_t) (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) * 1000;
}

void
counts_look(const struct loadgen *lg, struct counts *b)
{
    memset(b, 0, sizeof *b);
    b->hosts = lg->hosts.counters;
    b->now_ns = lg->now_ns;
    b->cpu_ns = cpu_ns();
    for (unsigned i = 0; i < lg->opt.n_bridges; i++) {
        const struct bridge_counters *c = &lg->bridges[i].counters;
        const struct flowtab_counters *f
            = flowtab_counters(lg->bridges[i].ft);

        b->packet_ins += c->packet_ins;
        b->packet_outs += c->packet_outs;
        b->outputs += c->outputs;
        b->flow_mods += c->flow_mods;
        b->bundles += c->bundles;
        b->flow_changes += f->adds - f->same + f->deleted;
    }
}

/* Prints what has happened since 'b', as fields. */
void
counts_print_since(const struct loadgen *lg, const struct counts *b)
{
    struct counts now;

    counts_look(lg, &now);
    printf("\"seconds\":%.3f,\"loadgen_cpu_s\":%.3f",
           (double) (now.now_ns - b->now_ns) / 1e9,
           (double) (now.cpu_ns - b->cpu_ns) / 1e9);
#define FIELD(NAME, MEMBER) \
    printf(",\"%s\":%" PRIu64, NAME, now.MEMBER - b->MEMBER)
    FIELD("probes", hosts.probes);
    FIELD("notices", hosts.notices);
    FIELD("answers", hosts.answers);
    FIELD("moves", hosts.moves);
    FIELD("false_moves", hosts.false_moves);
    FIELD("early_notices", hosts.early_notices);
    FIELD("packet_ins", packet_ins);
    FIELD("packet_outs", packet_outs);
    FIELD("outputs", outputs);
    FIELD("flow_mods", flow_mods);
    FIELD("flow_changes", flow_changes);
    FIELD("bundles", bundles);
#undef FIELD
}

void
command_error(const char *command, const char *why)
{
    printf("{\"cmd\":\"%s\",\"ok\":false,\"error\":\"%s\"}\n", command, why);
}

/* connect. */

static unsigned
count_ready(struct loadgen *lg)
{
    unsigned n = 0;

    for (unsigned i = 0; i < lg->opt.n_bridges; i++) {
        n += bridge_is_ready(&lg->bridges[i]);
    }
    return n;
}

bool
command_wait_ready(struct loadgen *lg, uint64_t timeout_ns)
{
    uint64_t end_ns = lg->now_ns + timeout_ns;

    while (count_ready(lg) < lg->opt.n_bridges && lg->now_ns < end_ns) {
        loop_step(lg, lg->now_ns + POLL_NS);
    }
    return count_ready(lg) == lg->opt.n_bridges;
}

static void
command_connect(struct loadgen *lg, const struct args *a)
{
    uint64_t start_ns = lg->now_ns;

    for (unsigned i = 0; i < lg->opt.n_bridges; i++) {
        loop_want(&lg->bridges[i], true);
    }
    bool ok = command_wait_ready(lg, args_ms(a, 1, 10000));
    printf("{\"cmd\":\"connect\",\"ok\":%s,\"ready\":%u,\"ms\":%.3f}\n",
           ok ? "true" : "false", count_ready(lg),
           to_ms(lg->now_ns - start_ns));
}

/* learn. */

/* Which hosts 'learn' is about: the first 'n' and the canaries. */
static size_t
learn_host(const struct loadgen *lg, size_t n, size_t k)
{
    return k < n ? k : lg->hosts.n - lg->opt.n_canaries + (k - n);
}

/* Who begins, and when. */
struct pace {
    size_t next;                /* The next to begin, of 'total'. */
    size_t total, window;
    double per_s;               /* 0: as many as the window lets. */
    uint64_t start_ns;
};

/* May the next one begin?  'done' are through. */
static bool
pace_lets(const struct loadgen *lg, const struct pace *p, uint64_t done)
{
    return (p->next < p->total && p->next - done < p->window
            && (!p->per_s
                || (double) p->next < ((double) (lg->now_ns - p->start_ns)
                                       / 1e9 * p->per_s)));
}

struct learner {
    size_t n;                   /* Hosts without the canaries. */
    struct pace pace;
    uint64_t answers_before, retries, checked_ns;
};

static void
learn_turn(struct loadgen *lg, struct learner *l)
{
    uint64_t answered = lg->hosts.counters.answers - l->answers_before;

    while (pace_lets(lg, &l->pace, answered)) {
        size_t i = learn_host(lg, l->n, l->pace.next++);

        net_ask(lg, i, lg->hosts.hosts[i].attached);
    }
    if (lg->now_ns - l->checked_ns < RETRY_NS / 4) {
        return;
    }
    l->checked_ns = lg->now_ns;
    for (size_t k = 0; k < l->pace.next; k++) {
        size_t i = learn_host(lg, l->n, k);
        const struct host *h = &lg->hosts.hosts[i];

        if (h->asked_ns && lg->now_ns - h->asked_ns > RETRY_NS) {
            l->retries++;
            net_ask(lg, i, h->attached);
        }
    }
}

static void
command_learn(struct loadgen *lg, const struct args *a)
{
    size_t room = lg->hosts.n - lg->opt.n_canaries;
    double n = args_number(a, 1, (double) room);
    struct learner l = { .n = n < 0 || n > (double) room ? room : (size_t) n,
                         .pace = {
                             .window = (size_t) args_number(a, 2, 256),
                             .per_s = args_number(a, 4, 0),
                             .start_ns = lg->now_ns,
                         },
                         .answers_before = lg->hosts.counters.answers };
    uint64_t end_ns = lg->now_ns + args_ms(a, 3, 60000);
    struct counts before;

    l.pace.total = l.n + lg->opt.n_canaries;
    counts_look(lg, &before);
    dist_clear(&lg->hosts.latency);
    while (lg->hosts.counters.answers - l.answers_before < l.pace.total
           && lg->now_ns < end_ns) {
        learn_turn(lg, &l);
        loop_step(lg, lg->now_ns + POLL_NS);
    }

    uint64_t answered = lg->hosts.counters.answers - l.answers_before;
    printf("{\"cmd\":\"learn\",\"ok\":%s,\"hosts\":%zu,\"answered\":%" PRIu64
           ",\"retries\":%" PRIu64 ",", answered == l.pace.total ? "true" : "false",
           l.pace.total, answered, l.retries);
    dist_print(stdout, "latency", &lg->hosts.latency);
    printf(",");
    counts_print_since(lg, &before);
    printf("}\n");
}

/* lease. */

struct lessor {
    struct pace pace;
    uint64_t checked_ns;
    struct bridge *dies;        /* NULL: none, or it is dead. */
};

static void
lease_turn(struct loadgen *lg, struct lessor *l)
{
    while (pace_lets(lg, &l->pace, lease_counters(lg->leases)->bound)) {
        lease_want(lg, l->pace.next++);
    }
    if (l->dies && l->pace.next >= l->pace.total / 2) {
        fault_kill(lg, l->dies);
        l->dies = NULL;
    }
    if (lg->now_ns - l->checked_ns >= LEASE_REPEAT_NS / 10) {
        l->checked_ns = lg->now_ns;
        lease_repeat(lg, l->pace.next);
    }
}

static void
command_lease(struct loadgen *lg, const struct args *a)
{
    const struct lease_counters *c = lease_counters(lg->leases);
    double wanted = args_number(a, 1, (double) lg->hosts.n);
    size_t n = (wanted < (double) lg->hosts.n ? (size_t) wanted
                : lg->hosts.n);
    struct lessor l = {
        .pace = {
            .total = n,
            .per_s = args_number(a, 2, 0),
            .window = (size_t) args_number(a, 3, 256),
            .start_ns = lg->now_ns,
        },
        .dies = args_bridge(lg, a, 5),
    };
    uint64_t end_ns = lg->now_ns + args_ms(a, 4, 60000);
    struct counts before;

    lease_begin(lg->leases);
    counts_look(lg, &before);
    while (c->bound < n && lg->now_ns < end_ns) {
        lease_turn(lg, &l);
        loop_step(lg, lg->now_ns + POLL_NS);
    }
    printf("{\"cmd\":\"lease\",\"ok\":%s,\"wanted\":%zu,"
           "\"bound\":%" PRIu64 ",\"per_s\":%.1f,\"repeated\":%" PRIu64
           ",\"twice\":%" PRIu64 ",\"early\":%" PRIu64
           ",\"unasked\":%" PRIu64 ",", c->bound == n ? "true" : "false",
           n, c->bound, (double) c->bound * 1e9
           / (double) (lg->now_ns - l.pace.start_ns), c->repeated, c->twice,
           c->early, c->unasked);
    dist_print(stdout, "took", lease_times(lg->leases));
    printf(",");
    counts_print_since(lg, &before);
    printf("}\n");
    command_forget_requests(lg);
}

/* arp. */

/* Starts 'n' loops: hosts that know a gateway, or any through any bridge. */
static size_t
window_start(struct loadgen *lg, size_t n)
{
    size_t started = 0;

    for (size_t i = 0; i < lg->hosts.n && started < n; i++) {
        const struct host *h = &lg->hosts.hosts[i];

        if (lg->window.any) {
            net_ask(lg, i, UINT32_C(1) << i % lg->opt.n_bridges);
            started++;
        } else if (h->gateway != HOSTS_NO_ROUTER && !h->asked_ns) {
            net_ask(lg, i, UINT32_C(1) << h->gateway);
            started++;
        }
    }
    return started;
}

/* Requests that got lost are asked again, so that the window stays full. */
static uint64_t
window_check(struct loadgen *lg)
{
    uint64_t lost = 0;

    for (size_t i = 0; i < lg->hosts.n; i++) {
        struct host *h = &lg->hosts.hosts[i];

        if (h->asked_ns && lg->now_ns - h->asked_ns > RETRY_NS
            && h->gateway != HOSTS_NO_ROUTER) {
            lost++;
            net_ask(lg, i, UINT32_C(1) << h->gateway);
        }
    }
    return lost;
}

void
command_forget_requests(struct loadgen *lg)
{
    for (size_t i = 0; i < lg->hosts.n; i++) {
        lg->hosts.hosts[i].asked_ns = 0;
    }
}

static void
command_arp(struct loadgen *lg, const struct args *a)
{
    uint64_t duration_ns = args_ms(a, 2, 1) * 1000;
    struct counts before;
    uint64_t lost = 0;

    lg->window = (struct window) {
        .on = true, .any = a->n > 3 && !strcmp(a->word[3], "any"),
    };
    dist_clear(&lg->hosts.latency);
    lg->hosts.latency_mask = 63;
    command_forget_requests(lg);
    size_t loops = window_start(lg, (size_t) args_number(a, 1, 64));

    counts_look(lg, &before);
    uint64_t start_ns = lg->now_ns;
    uint64_t check_ns = start_ns + RETRY_NS;
    lg->window.answers = 0;
    while (lg->now_ns - start_ns < duration_ns) {
        loop_step(lg, lg->now_ns + 10 * MSEC_NS);
        if (!lg->window.any && lg->now_ns >= check_ns) {
            lost += window_check(lg);
            check_ns = lg->now_ns + RETRY_NS;
        }
    }

    double seconds = (double) (lg->now_ns - start_ns) / 1e9;
    printf("{\"cmd\":\"arp\",\"ok\":true,\"window\":%zu,\"answered\":%" PRIu64
           ",\"per_s\":%.0f,\"lost\":%" PRIu64 ",", loops, lg->window.answers,
           (double) lg->window.answers / seconds, lost);
    dist_print(stdout, "latency", &lg->hosts.latency);
    printf(",");
    counts_print_since(lg, &before);
    printf("}\n");

    lg->window.on = false;
    lg->hosts.latency_mask = 0;
    loop_run(lg, 100 * MSEC_NS);        /* The last answers. */
    command_forget_requests(lg);
}

/* The next host asks, unless it has no gateway yet or waits for its answer. */
static void
ask_next(struct loadgen *lg, size_t i)
{
    const struct host *h = &lg->hosts.hosts[i % lg->hosts.n];

    if (h->gateway != HOSTS_NO_ROUTER && !h->asked_ns) {
        net_ask(lg, i % lg->hosts.n, UINT32_C(1) << h->gateway);
    }
}

static void
command_ask(struct loadgen *lg, const struct args *a)
{
    uint64_t pause_ns = SEC_NS / (uint64_t) args_number(a, 1, 1000);
    struct counts before;
    uint64_t end_ns, next_ns;

    dist_clear(&lg->hosts.latency);
    command_forget_requests(lg);
    counts_look(lg, &before);
    end_ns = lg->now_ns + (uint64_t) (args_number(a, 2, 1) * 1e9);
    next_ns = lg->now_ns;
    for (size_t i = 0; lg->now_ns < end_ns; i++) {
        ask_next(lg, i);
        next_ns += pause_ns;
        while (lg->now_ns < next_ns) {
            loop_step(lg, next_ns);
        }
    }
    loop_run(lg, 100 * MSEC_NS);        /* The last answers. */
    printf("{\"cmd\":\"ask\",\"ok\":true,");
    dist_print(stdout, "latency", &lg->hosts.latency);
    printf(",");
    counts_print_since(lg, &before);
    printf("}\n");
}

static void
command_run(struct loadgen *lg, const struct args *a)
{
    struct counts before;

    counts_look(lg, &before);
    loop_run(lg, (uint64_t) (args_number(a, 1, 1) * 1e9));
    printf("{\"cmd\":\"run\",\"ok\":true,");
    counts_print_since(lg, &before);
    printf("}\n");
}

/* What there is to see. */

static void
command_owners(const struct loadgen *lg)
{
    uint64_t believe[HOSTS_MAX_ROUTERS] = { 0 };
    uint64_t hold[HOSTS_MAX_ROUTERS] = { 0 };
    uint64_t nobody = 0, several = 0;

    for (size_t i = 0; i < lg->hosts.n; i++) {
        const struct host *h = &lg->hosts.hosts[i];

        if (h->gateway == HOSTS_NO_ROUTER) {
            nobody++;
        } else {
            believe[h->gateway]++;
        }
        several += (h->holders & (h->holders - 1)) != 0;
        for (unsigned b = 0; b < lg->opt.n_bridges; b++) {
            hold[b] += h->holders >> b & 1;
        }
    }
    printf("{\"cmd\":\"owners\",\"ok\":true,\"nobody\":%" PRIu64
           ",\"held_by_several\":%" PRIu64, nobody, several);
    printf(",\"believe\":[");
    for (unsigned b = 0; b < lg->opt.n_bridges; b++) {
        printf("%s%" PRIu64, b ? "," : "", believe[b]);
    }
    printf("],\"hold\":[");
    for (unsigned b = 0; b < lg->opt.n_bridges; b++) {
        printf("%s%" PRIu64, b ? "," : "", hold[b]);
    }
    printf("]}\n");
}

static void
print_bridge(const struct bridge *b)
{
    const struct bridge_counters *c = &b->counters;
    const struct flowtab_counters *f = flowtab_counters(b->ft);

    printf("{\"connected\":%s,\"flows\":%zu,\"tables\":[",
           b->connected ? "true" : "false", flowtab_count(b->ft));
    for (uint8_t table = 0; table < 6; table++) {
        printf("%s%zu", table ? "," : "", flowtab_count_table(b->ft, table));
    }
    printf("]");
#define FIELD(FROM, NAME) printf(",\"" #NAME "\":%" PRIu64, FROM->NAME)
    FIELD(c, packet_ins);
    FIELD(c, packet_outs);
    FIELD(c, outputs);
    FIELD(c, not_punted);
    FIELD(c, bad);
    FIELD(c, errors);
    FIELD(c, flow_mods);
    FIELD(c, bundles);
    FIELD(c, barriers);
    FIELD(c, connects);
    FIELD(c, dumps);
    FIELD(c, meter_mods);
    FIELD(c, meter_reads);
    FIELD(f, adds);
    FIELD(f, replaced);
    FIELD(f, same);
    FIELD(f, deletes);
    FIELD(f, deleted);
#undef FIELD
    printf("}");
}

static void
command_stats(const struct loadgen *lg)
{
    struct counts zero = { .now_ns = lg->now_ns };

    printf("{\"cmd\":\"stats\",\"ok\":true,");
    counts_print_since(lg, &zero);
    printf(",\"ignored\":%" PRIu64 ",\"bridges\":[",
           lg->hosts.counters.ignored);
    for (unsigned i = 0; i < lg->opt.n_bridges; i++) {
        printf("%s", i ? "," : "");
        print_bridge(&lg->bridges[i]);
    }
    printf("]}\n");
}

static void
split(char *line, struct args *a)
{
    char *save = NULL;

    a->n = 0;
    for (char *w = strtok_r(line, " \t\r\n", &save); w && a->n < MAX_ARGS;
         w = strtok_r(NULL, " \t\r\n", &save)) {
        a->word[a->n++] = w;
    }
}

bool
command_line(struct loadgen *lg, char *line)
{
    struct args a;

    split(line, &a);
    if (!a.n || a.word[0][0] == '#') {
        return true;
    }

    const char *verb = a.word[0];
    if (!strcmp(verb, "quit")) {
        return false;
    } else if (!strcmp(verb, "connect")) {
        command_connect(lg, &a);
    } else if (!strcmp(verb, "learn")) {
        command_learn(lg, &a);
    } else if (!strcmp(verb, "lease")) {
        command_lease(lg, &a);
    } else if (!strcmp(verb, "arp")) {
        command_arp(lg, &a);
    } else if (!strcmp(verb, "ask")) {
        command_ask(lg, &a);
    } else if (!strcmp(verb, "kill") || !strcmp(verb, "portdown")
               || !strcmp(verb, "cut")) {
        command_fault(lg, &a);
    } else if (!strcmp(verb, "repair")) {
        command_repair(lg, &a);
    } else if (!strcmp(verb, "run")) {
        command_run(lg, &a);
    } else if (!strcmp(verb, "restart")) {
        command_restart(lg, &a);
    } else if (!strcmp(verb, "owners")) {
        command_owners(lg);
    } else if (!strcmp(verb, "stats")) {
        command_stats(lg);
    } else {
        command_error(verb, "unknown command");
    }
    fflush(stdout);
    return true;
}
