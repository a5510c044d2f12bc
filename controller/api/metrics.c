/* Metrics in Prometheus' text format.  See metrics.h.
 *
 * Called by api.c for GET /metrics.  Names and units follow Prometheus'
 * conventions: base units, counters end in _total.  Router and segment names
 * need no escapes, see config_name_error(). */
#include <config.h>

#include "controller/api/metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "controller/api/api_json.h"
#include "controller/base/log.h"
#include "controller/engine/path.h"

#define MAX_LINE 512

static void put(struct fh_buf *, const char *, ...)
    __attribute__((format(printf, 2, 3)));

static void
put(struct fh_buf *out, const char *format, ...)
{
    char line[MAX_LINE];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    fh_buf_append(out, line, n < MAX_LINE ? n : MAX_LINE - 1);
}

static void
head(struct fh_buf *out, const char *name, const char *type, const char *help)
{
    put(out, "# HELP firsthop_%s %s\n# TYPE firsthop_%s %s\n", name, help,
        name, type);
}

static void
single(struct fh_buf *out, const char *name, const char *type,
       const char *help, uint64_t value)
{
    head(out, name, type, help);
    put(out, "firsthop_%s %" PRIu64 "\n", name, value);
}

/* Routers: one table, a row is a metric. */

#define COUNTER(MEMBER)                                                  \
    static uint64_t                                                      \
    get_##MEMBER(const struct router *router)                            \
    {                                                                    \
        return router->counters.MEMBER;                                  \
    }
COUNTER(punts)
COUNTER(probes)
COUNTER(probes_missed)
COUNTER(probes_postponed)
COUNTER(probes_inconclusive)
COUNTER(beacons)
COUNTER(beacons_missed)
COUNTER(muted)
COUNTER(flow_adds)
COUNTER(flow_deletes)

#define COMMITS(MEMBER)                                                  \
    static uint64_t                                                      \
    get_##MEMBER(const struct router *router)                            \
    {                                                                    \
        return router->box->counters.MEMBER;                             \
    }
COMMITS(commits)
COMMITS(commits_failed)
COMMITS(flows_repaired)
COMMITS(dpid_takeovers)

static uint64_t
get_probe_packets(const struct router *router)
{
    return router->box->n_arp_messages;
}

static uint64_t
get_connected(const struct router *router)
{
    return router->openflow != NULL;
}

static uint64_t
get_ready(const struct router *router)
{
    return router->openflow && router->ready;
}

static uint64_t
get_draining(const struct router *router)
{
    return router->draining;
}

static uint64_t
get_uplink_down(const struct router *router)
{
    return router->uplink_down;
}

static uint64_t
get_clients_active(const struct router *router)
{
    return router->n_active;
}

static uint64_t
get_clients_reachable(const struct router *router)
{
    return router->n_reachable;
}

static uint64_t
get_headless(const struct router *router)
{
    return router->pulse == PULSE_HEADLESS;
}

static uint64_t
get_punts_dropped(const struct router *router)
{
    return router->punt_drops.total;
}

static const struct router_metric {
    const char *name;
    const char *type;
    const char *help;
    uint64_t (*get)(const struct router *);
} router_metrics[] = {
    { "router_connected", "gauge",
      "Whether the router's bridge is connected.", get_connected },
    { "router_ready", "gauge",
      "Whether the router's flows have been read and are right.",
      get_ready },
    { "router_draining", "gauge", "Whether the router is being drained.",
      get_draining },
    { "router_uplink_down", "gauge",
      "Whether the router's uplink has been said to be down.",
      get_uplink_down },
    { "router_clients_active", "gauge",
      "Clients that the router is active for.", get_clients_active },
    { "router_clients_reachable", "gauge",
      "Clients that the router reaches.", get_clients_reachable },
    { "router_headless", "gauge",
      "Whether only other routers hear the router.", get_headless },
    { "beacons_sent_total", "counter", "Beacons sent to other routers.",
      get_beacons },
    { "beacons_missed_total", "counter",
      "Beacons that were not answered in time.", get_beacons_missed },
    { "probes_sent_total", "counter", "Probes sent to clients.",
      get_probes },
    { "probes_missed_total", "counter",
      "Probes that were not answered in time.", get_probes_missed },
    { "probes_postponed_total", "counter",
      "Probes put off because the bridge has not come to earlier ones.",
      get_probes_postponed },
    { "probes_unjudged_total", "counter",
      "Inconclusive probes: the bridge was dropping replies.",
      get_probes_inconclusive },
    { "punts_dropped_total", "counter",
      "Frames that the bridge's meter of all punts has dropped.",
      get_punts_dropped },
    { "hosts_muted_total", "counter",
      "How often a host was not heard for asking too much by ARP.",
      get_muted },
    { "probe_packet_outs_total", "counter",
      "OpenFlow messages that carried the probes.", get_probe_packets },
    { "punts_total", "counter", "Frames that the bridge has handed up.",
      get_punts },
    { "flow_adds_total", "counter", "Flows added or changed.",
      get_flow_adds },
    { "flow_deletes_total", "counter", "Flows deleted.", get_flow_deletes },
    { "commits_total", "counter", "Bundles of flow changes sent.",
      get_commits },
    { "commits_failed_total", "counter",
      "Bundles of flow changes that the bridge has refused.",
      get_commits_failed },
    { "flows_repaired_total", "counter",
      "Flows put right that somebody else had changed or deleted.",
      get_flows_repaired },
    { "datapath_id_takeovers_total", "counter",
      "Connections that replaced an earlier one with the same datapath id.",
      get_dpid_takeovers },
};

static void
write_routers(const struct engine *en, struct fh_buf *out)
{
    size_t n = sizeof router_metrics / sizeof *router_metrics;

    for (size_t i = 0; i < n; i++) {
        const struct router_metric *m = &router_metrics[i];

        head(out, m->name, m->type, m->help);
        for (size_t j = 0; j < engine_n_routers(en); j++) {
            const struct router *router = engine_router(en, j);

            put(out, "firsthop_%s{router=\"%s\"} %" PRIu64 "\n", m->name,
                router->config->name, m->get(router));
        }
    }
}

/* What clients have sent and were sent, by the router that forwarded it. */
static void
write_usage(const struct engine *en, struct fh_buf *out)
{
    static const char *const directions[USAGE_N_DIRECTIONS] = {
        [USAGE_FROM_CLIENT] = "from_client", [USAGE_TO_CLIENT] = "to_client",
    };

    for (int bytes = 0; bytes < 2; bytes++) {
        const char *name = bytes ? "client_bytes_total"
                                 : "client_packets_total";

        head(out, name, "counter", bytes
             ? "Bytes of clients' packets, as bridges have counted them."
             : "Clients' packets, as bridges have counted them.");
        for (size_t i = 0; i < engine_n_routers(en); i++) {
            const struct router *router = engine_router(en, i);

            for (int d = 0; d < USAGE_N_DIRECTIONS; d++) {
                const struct usage_count *n = &router->counters.clients[d];

                put(out, "firsthop_%s{router=\"%s\",direction=\"%s\"} %"
                    PRIu64 "\n", name, router->config->name, directions[d],
                    bytes ? n->bytes : n->packets);
            }
        }
    }
}

/* A port's name may have any printable character. */
static void
escape(const char *name, char escaped[2 * OF_PORT_NAME_LEN])
{
    while (*name) {
        if (*name == '"' || *name == '\\') {
            *escaped++ = '\\';
        }
        *escaped++ = *name++;
    }
    *escaped = '\0';
}

static void
write_ports(const struct engine *en, struct fh_buf *out)
{
    head(out, "replies_dropped_total", "counter",
         "ARP replies that an access port's meter has dropped.");
    for (size_t i = 0; i < engine_n_routers(en); i++) {
        const struct router *router = engine_router(en, i);

        for (size_t j = 0; j < router->config->n_access_ports; j++) {
            char port[2 * OF_PORT_NAME_LEN];

            escape(router->config->access_ports[j], port);
            put(out, "firsthop_replies_dropped_total{router=\"%s\","
                "port=\"%s\"} %" PRIu64 "\n", router->config->name, port,
                router->ports[j].drops.total);
        }
    }
}

/* Several uplinks may share a port, and its meters. */
static bool
is_first_of_port(const struct router *router, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (!strcmp(router->uplinks[j].config->port,
                    router->uplinks[i].config->port)) {
            return false;
        }
    }
    return true;
}

static void
write_uplink(const struct router *router, const struct uplink *uplink,
             struct fh_buf *out)
{
    const struct { const char *op; uint64_t n; } rows[] = {
        { "request", uplink->request_drops.total },
        { "reply", uplink->drops.total },
    };
    char port[2 * OF_PORT_NAME_LEN];

    escape(uplink->config->port, port);
    for (size_t i = 0; i < 2; i++) {
        put(out, "firsthop_uplink_arp_dropped_total{router=\"%s\","
            "port=\"%s\",op=\"%s\"} %" PRIu64 "\n", router->config->name,
            port, rows[i].op, rows[i].n);
    }
}

static void
write_uplinks(const struct engine *en, struct fh_buf *out)
{
    head(out, "uplink_arp_dropped_total", "counter",
         "ARP from the core that an uplink port's meters have dropped.");
    for (size_t i = 0; i < engine_n_routers(en); i++) {
        const struct router *router = engine_router(en, i);

        for (size_t j = 0; j < router->n_uplinks; j++) {
            if (is_first_of_port(router, j)) {
                write_uplink(router, &router->uplinks[j], out);
            }
        }
    }
}

static void
write_clients(const struct engine *en, struct fh_buf *out)
{
    struct api_counts counts;

    api_count_clients(en, &counts);
    head(out, "clients", "gauge", "Clients by state.");
    for (int i = 0; i <= CLIENT_LOST; i++) {
        put(out, "firsthop_clients{state=\"%s\"} %zu\n",
            client_state_name(i), counts.by_state[i]);
    }
    head(out, "clients_by_origin", "gauge", "Clients by origin.");
    for (int i = 0; i < CLIENT_N_ORIGINS; i++) {
        put(out, "firsthop_clients_by_origin{origin=\"%s\"} %zu\n",
            client_origin_name(i), counts.by_origin[i]);
    }
    head(out, "segment_clients", "gauge", "Clients by segment.");
    for (size_t i = 0; i < engine_n_segments(en); i++) {
        const struct segment *segment = engine_segment(en, i);

        put(out, "firsthop_segment_clients{segment=\"%s\"} %" PRIu32 "\n",
            segment->config->name, segment->n_clients);
    }
}

/* How many of each side are in each state. */
static void
write_paths(struct fh_buf *out, const struct engine *en)
{
    size_t counts[2][PATH_LOST + 1] = { { 0 } }, n;
    const struct path *paths = path_first(en, &n);

    for (size_t i = 0; i < n; i++) {
        counts[paths[i].core][paths[i].state]++;
    }
    head(out, "paths", "gauge", "Paths between routers by side and state.");
    for (int core = 0; core < 2; core++) {
        for (int i = 0; i <= PATH_LOST; i++) {
            put(out, "firsthop_paths{side=\"%s\",state=\"%s\"} %zu\n",
                core ? "core" : "access", path_state_text(i),
                counts[core][i]);
        }
    }
}

static void
write_histogram(struct fh_buf *out, const char *name, const char *help,
                const struct histogram *h)
{
    uint64_t below = 0;

    head(out, name, "histogram", help);
    for (int i = 0; i < HISTOGRAM_N_BUCKETS - 1; i++) {
        below += h->buckets[i];
        put(out, "firsthop_%s_bucket{le=\"%g\"} %" PRIu64 "\n", name,
            histogram_bucket_ms[i] / 1000.0, below);
    }
    put(out, "firsthop_%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name,
        below + h->buckets[HISTOGRAM_N_BUCKETS - 1]);
    put(out, "firsthop_%s_sum %.9g\nfirsthop_%s_count %" PRIu64 "\n", name,
        h->sum_ms / 1000, name, h->count);
}

static void
write_stats(const struct stats *stats, struct fh_buf *out)
{
    head(out, "client_moves_total", "counter",
         "Elections that gave a client another active router, by cause.");
    for (int i = CAUSE_FIRST; i < CAUSE_N; i++) {
        put(out, "firsthop_client_moves_total{cause=\"%s\"} %" PRIu64 "\n",
            incident_cause_name(i), stats->moves[i]);
    }
    write_histogram(out, "detection_seconds",
                    "From a client's last sign of life to the decision.",
                    &stats->detect);
    write_histogram(out, "install_seconds",
                    "From the decision to the bridge's confirmation.",
                    &stats->install);
    write_histogram(out, "acknowledgement_seconds",
                    "From the first takeover notice to the client's answer.",
                    &stats->ack);
    write_histogram(out, "loop_lag_seconds",
                    "How late the event loop was.", &stats->loop_lag);
    head(out, "frames_dropped_total", "counter",
         "Frames that were not acted upon, by reason.");
    for (int i = 0; i < DROP_N; i++) {
        put(out, "firsthop_frames_dropped_total{reason=\"%s\"} %" PRIu64
            "\n", drop_name(i), stats->drops[i]);
    }
    single(out, "arp_answers_total", "counter", "ARP requests answered.",
           stats->arp_answers);
    single(out, "icmp_answers_total", "counter", "ICMP messages sent.",
           stats->icmp_answers);
    single(out, "dhcp_relayed_total", "counter",
           "DHCP messages passed on to a server.", stats->dhcp_relayed);
    single(out, "fragments_total", "counter",
           "Fragments sent, of packets too long for an uplink.",
           stats->fragments);
    single(out, "conflicts_total", "counter",
           "Times that two hosts claimed one address.", stats->conflicts);
    single(out, "clients_displaced_total", "counter",
           "Learnt clients that had never answered and made room for others.",
           stats->displaced);
}

static void
write_bgp(const struct engine *en, const struct api_host *host,
          struct fh_buf *out)
{
    struct fh_bgp_status stats;

    if (!engine_config(en)->bgp.api_in) {
        return;
    }
    host->bgp(host->aux, &stats);
    single(out, "bgp_connected", "gauge",
           "Whether the BGP speaker is there, and reads.",
           stats.up && !stats.stuck);
    single(out, "bgp_peers_up", "gauge",
           "Peers of the BGP speaker that are up.", stats.n_peers_up);
    single(out, "bgp_routes", "gauge", "Routes announced, or to be.",
           stats.n_routes);
    single(out, "bgp_pending", "gauge",
           "Changes that the BGP speaker has not read yet.", stats.n_dirty);
    single(out, "bgp_syncs_total", "counter",
           "Times that the BGP speaker was told the whole table.",
           stats.syncs);
    single(out, "bgp_errors_total", "counter",
           "Commands that the BGP speaker refused.", stats.errors);
}

static void
write_core(const struct api_host *host, struct fh_buf *out)
{
    size_t n = host->n_cores(host->aux);

    if (!n) {
        return;
    }
    head(out, "core_connected", "gauge",
         "Whether the core bridge is connected and its flows are right.");
    for (size_t i = 0; i < n; i++) {
        struct fh_core_status info = host->core(host->aux, i);

        put(out, "firsthop_core_connected{core=\"%s\"} %d\n", info.name,
            info.connected);
    }
    single(out, "core_routes", "gauge",
           "Clients that core bridges have, or are to have, a flow for.",
           host->core_routes(host->aux));
}

static void
write_openflow(const struct api_host *host, struct fh_buf *out)
{
    struct fh_openflow_status c;

    host->openflow(host->aux, &c);
    head(out, "openflow_messages_total", "counter", "OpenFlow messages.");
    put(out, "firsthop_openflow_messages_total{direction=\"in\"} %" PRIu64
        "\nfirsthop_openflow_messages_total{direction=\"out\"} %" PRIu64
        "\n", c.messages_in, c.messages_out);
    head(out, "openflow_bytes_total", "counter", "Bytes of OpenFlow.");
    put(out, "firsthop_openflow_bytes_total{direction=\"in\"} %" PRIu64
        "\nfirsthop_openflow_bytes_total{direction=\"out\"} %" PRIu64 "\n",
        c.bytes_in, c.bytes_out);
    single(out, "openflow_connections_total", "counter",
           "Connections from bridges.", c.accepted);
    single(out, "openflow_connections_refused_total", "counter",
           "Connections refused, there being too many.", c.refused);
    single(out, "openflow_strangers_total", "counter",
           "Connections closed because no router has their datapath id, or "
           "to make room.", c.strangers);
    single(out, "openflow_tls_failures_total", "counter",
           "TLS handshakes that have failed.", c.tls_failed);
    single(out, "openflow_protocol_errors_total", "counter",
           "Connections closed for a malformed message.",
           c.protocol_errors);
    single(out, "openflow_dead_total", "counter",
           "Connections closed for silence.", c.dead);
}

/* Of several controllers; NULL: it is alone. */
static const struct fh_cluster_status *
cluster_status(const struct api_host *host)
{
    return host->cluster ? host->cluster(host->aux) : NULL;
}

static void
write_cluster(const struct api_host *host, struct fh_buf *out)
{
    const struct fh_cluster_status *s = cluster_status(host);
    size_t n_connected = 0;

    if (!s) {
        return;
    }
    for (size_t i = 0; i < s->n_peers; i++) {
        n_connected += s->peers[i].connected;
    }
    single(out, "cluster_leads", "gauge",
           "Whether this one of several controllers leads.", s->leads);
    single(out, "cluster_epoch", "gauge",
           "Under which one of them leads; it rises with each change.",
           s->epoch);
    single(out, "cluster_peers", "gauge", "The other controllers.",
           s->n_peers);
    single(out, "cluster_peers_connected", "gauge",
           "Those of them that are heard.", n_connected);
    single(out, "cluster_database_connected", "gauge",
           "Whether the database that they share can be reached.",
           s->database);
}

/* Resident memory in bytes, 0 if it cannot be found out. */
static uint64_t
resident_bytes(void)
{
    FILE *stream = fopen("/proc/self/statm", "re");
    unsigned long pages = 0;

    if (stream) {
        if (fscanf(stream, "%*u %lu", &pages) != 1) {
            pages = 0;
        }
        fclose(stream);
    }
    return pages * (uint64_t) sysconf(_SC_PAGESIZE);
}

/* Under the names that Prometheus' own libraries use. */
static void
write_process(const struct engine *en, struct fh_buf *out)
{
    struct timespec cpu = { 0, 0 };

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    put(out, "# HELP process_cpu_seconds_total User and system CPU time.\n"
        "# TYPE process_cpu_seconds_total counter\n"
        "process_cpu_seconds_total %.6f\n", cpu.tv_sec + cpu.tv_nsec / 1e9);
    put(out, "# HELP process_resident_memory_bytes Resident memory.\n"
        "# TYPE process_resident_memory_bytes gauge\n"
        "process_resident_memory_bytes %" PRIu64 "\n", resident_bytes());
    put(out, "# HELP process_start_time_seconds Start, Unix time.\n"
        "# TYPE process_start_time_seconds gauge\n"
        "process_start_time_seconds %.3f\n",
        engine_started_ms(en) / 1000.0);
}

/* What only the one of several controllers knows that leads: the others' would
 * look like clients and routers lost. */
static void
write_network(const struct engine *en, const struct api_host *host,
              struct fh_buf *out)
{
    write_clients(en, out);
    write_routers(en, out);
    write_usage(en, out);
    write_ports(en, out);
    write_uplinks(en, out);
    write_paths(out, en);
    write_core(host, out);
}

void
metrics_write(const struct engine *en, const struct api_host *host,
              size_t n_connections, struct fh_buf *out)
{
    head(out, "build_info", "gauge", "Always 1; the version is a label.");
    put(out, "firsthop_build_info{version=\"%s\"} 1\n", PACKAGE_VERSION);
    if (!cluster_status(host) || cluster_status(host)->leads) {
        write_network(en, host, out);
    }
    write_stats(engine_stats(en), out);
    write_bgp(en, host, out);
    write_cluster(host, out);
    write_openflow(host, out);
    single(out, "events_total", "counter", "Events so far.",
           journal_last_seq(engine_journal(en)));
    single(out, "control_connections", "gauge",
           "Connections to the control socket.", n_connections);
    single(out, "log_lines_lost_total", "counter",
           "Log lines lost because stderr was read too slowly.",
           log_n_lost());
    write_process(en, out);
}
