/* firsthopctl status, routers, clients, explain.
 *
 * Called by ctl.c. */
#include <config.h>

#include "controller/ctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <firsthop/buf.h>

#include "controller/ctl/ctl_table.h"

/* status */

static void
show_upstream(json_t *upstream)
{
    json_t *bgp = json_object_get(upstream, "bgp");
    json_t *kernel = json_object_get(upstream, "kernel");
    json_t *core = json_object_get(upstream, "core");
    json_t *bridge;
    size_t i;

    if (json_is_object(bgp)) {
        printf("bgp       %s, %" PRId64 " of %" PRId64 " peers up, %" PRId64
               " routes, %" PRId64 " pending\n",
               !ctl_is_true(bgp, "connected") ? "away"
               : ctl_is_true(bgp, "stuck") ? "does not read"
               : ctl_is_true(bgp, "synced") ? "synced" : "syncing",
               ctl_integer(bgp, "peers_up"), ctl_integer(bgp, "peers"),
               ctl_integer(bgp, "routes"), ctl_integer(bgp, "pending"));
    }
    if (json_is_object(kernel)) {
        printf("kernel    %s, %" PRId64 " routes, %" PRId64 " pending, %"
               PRId64 " refused\n",
               ctl_is_true(kernel, "up") ? "up" : "down",
               ctl_integer(kernel, "routes"), ctl_integer(kernel, "pending"),
               ctl_integer(kernel, "refused"));
    }
    json_array_foreach (json_object_get(core, "bridges"), i, bridge) {
        printf("core      %s %s\n", ctl_string(bridge, "name"),
               ctl_is_true(bridge, "connected") ? "connected" : "away");
    }
}

static void
show_counts(json_t *counts)
{
    printf("routers   %" PRId64 ", %" PRId64 " connected\n",
           ctl_integer(counts, "routers"),
           ctl_integer(counts, "routers_connected"));
    printf("segments  %" PRId64 "\n", ctl_integer(counts, "segments"));
    printf("clients   %" PRId64 ": %" PRId64 " active, %" PRId64
           " lost, %" PRId64 " pending\n", ctl_integer(counts, "clients"),
           ctl_integer(counts, "clients_active"),
           ctl_integer(counts, "clients_lost"),
           ctl_integer(counts, "clients_pending"));
}

/* Of several controllers.  Returns true if another one knows the rest. */
static bool
show_leader(json_t *status)
{
    bool follows = !strcmp(ctl_string(status, "role"), "follower");

    if (strcmp(ctl_string(status, "role"), "alone")) {
        printf("leader    %s, epoch %" PRId64 "\n",
               ctl_or_dash(status, "leader"), ctl_integer(status, "epoch"));
    }
    return follows;
}

static void
show_status(const struct ctl *ctl, json_t *status)
{
    json_t *counts = json_object_get(status, "counts");
    char uptime[32];
    json_t *problem;
    size_t i;

    printf("firsthopd %s, %s, up %s\n", ctl_string(status, "version"),
           ctl_string(status, "role"),
           ctl_duration(ctl_integer(status, "uptime_s"), uptime,
                        sizeof uptime));
    if (!show_leader(status)) {
        show_counts(counts);
        show_upstream(json_object_get(status, "upstream"));
    }
    json_array_foreach (json_object_get(status, "problems"), i, problem) {
        printf("PROBLEM   %s\n", json_string_value(problem));
    }
}

int
ctl_status(const struct ctl *ctl)
{
    return ctl_get(ctl, "/v1/status", show_status);
}

/* routers */

/* Is port 'i' told already?  A port is for each uplink VLAN on it. */
static bool
is_told(json_t *ports, size_t i)
{
    const char *name = ctl_string(json_array_get(ports, i), "name");

    while (i-- > 0) {
        if (!strcmp(ctl_string(json_array_get(ports, i), "name"), name)) {
            return true;
        }
    }
    return false;
}

static void
add_ports_up(struct ctl_table *table, json_t *ports)
{
    size_t i, n = 0, n_down = 0;
    json_t *port;

    json_array_foreach (ports, i, port) {
        if (!is_told(ports, i)) {
            n++;
            n_down += !ctl_is_true(port, "up");
        }
    }
    if (n_down) {
        ctl_table_addf(table, "%zu of %zu down", n_down, n);
    } else {
        ctl_table_addf(table, "%zu up", n);
    }
}

static void
add_router(struct ctl_table *table, json_t *router)
{
    bool connected = ctl_is_true(router, "connected");

    ctl_table_add(table, ctl_string(router, "name"));
    ctl_table_add(table, ctl_string(router, "datapath_id"));
    ctl_table_add(table, ctl_is_true(router, "headless") ? "headless"
                  : !connected ? "away"
                  : ctl_is_true(router, "ready") ? "ready" : "connected");
    ctl_table_add(table, ctl_or_dash(router, "openflow"));
    ctl_table_add(table, ctl_string(router, "admin"));
    ctl_table_add(table, ctl_string(router, "uplink"));
    ctl_table_addf(table, "%" PRId64, ctl_integer(router,
                                                  "clients_active"));
    ctl_table_addf(table, "%" PRId64, ctl_integer(router,
                                                  "clients_reachable"));
    if (connected) {
        add_ports_up(table, json_object_get(router, "ports"));
    } else {
        ctl_table_add(table, "-");
    }
}

#define ROUTER_HEADS \
    "NAME DATAPATH-ID BRIDGE OPENFLOW ADMIN UPLINK ACTIVE> REACHABLE> PORTS"

static void
show_routers(const struct ctl *ctl, json_t *json)
{
    struct ctl_table *table = ctl_table_create(ROUTER_HEADS);
    json_t *router;
    size_t i;

    json_array_foreach (json_object_get(json, "routers"), i, router) {
        add_router(table, router);
    }
    ctl_table_print(table, stdout, "\n");
}

/* One side of a path: its state, and since when. */
static void
add_side(struct ctl_table *table, json_t *side)
{
    ctl_table_add(table, json_is_object(side) ? ctl_string(side, "state")
                  : "-");
    ctl_table_add(table, ctl_or_dash(side, "since"));
}

static void
show_paths(const struct ctl *ctl, json_t *json)
{
    struct ctl_table *table = ctl_table_create(
        "SEGMENT ROUTERS ACCESS SINCE CORE SINCE CLIENTS>");
    json_t *path;
    size_t i;

    json_array_foreach (json_object_get(json, "paths"), i, path) {
        json_t *routers = json_object_get(path, "routers");
        json_t *access = json_object_get(path, "access");

        ctl_table_add(table, ctl_string(path, "segment"));
        ctl_table_addf(table, "%s-%s",
                       json_string_value(json_array_get(routers, 0)),
                       json_string_value(json_array_get(routers, 1)));
        add_side(table, access);
        add_side(table, json_object_get(path, "core"));
        ctl_table_addf(table, "%" PRId64, ctl_integer(access, "clients"));
    }
    ctl_table_print(table, stdout, "\n");
}

int
ctl_paths(const struct ctl *ctl)
{
    return ctl_get(ctl, "/v1/paths", show_paths);
}

static void
add_port(struct ctl_table *table, json_t *port, bool connected)
{
    bool there = json_is_integer(json_object_get(port, "number"));
    char vlan[16];

    ctl_table_add(table, ctl_string(port, "name"));
    ctl_table_add(table, ctl_string(port, "role"));
    ctl_add_number(table, port, "number");
    ctl_table_add(table, !connected ? "-" : !there ? "missing"
                  : ctl_is_true(port, "up") ? "up" : "down");
    ctl_table_add(table, ctl_vlan(json_object_get(port, "vlan"), vlan,
                                  sizeof vlan));
    ctl_table_add(table, ctl_or_dash(port, "address"));
    ctl_table_add(table, ctl_or_dash(port, "next_hop"));
    ctl_table_add(table, ctl_or_dash(port, "next_hop_state"));
}

static void
show_left_behind(json_t *router)
{
    struct ctl_table *table;
    json_t *client;
    size_t i;

    printf("\nclients left behind: %" PRId64 "\n",
           ctl_integer(router, "clients_left_behind"));
    table = ctl_table_create("ADDRESS SEGMENT REASON");
    json_array_foreach (json_object_get(router, "left_behind"), i, client) {
        ctl_table_add(table, ctl_string(client, "address"));
        ctl_table_add(table, ctl_string(client, "segment"));
        ctl_table_add(table, ctl_string(client, "reason"));
    }
    ctl_table_print(table, stdout, "\n");
}

static void
show_router(const struct ctl *ctl, json_t *router)
{
    struct ctl_table *table = ctl_table_create(ROUTER_HEADS);
    json_t *port;
    size_t i;

    add_router(table, router);
    ctl_table_print(table, stdout, "\n");
    table = ctl_table_create("PORT ROLE NUMBER> LINK VLAN ADDRESS NEXT-HOP "
                             "STATE");
    json_array_foreach (json_object_get(router, "ports"), i, port) {
        add_port(table, port, ctl_is_true(router, "connected"));
    }
    putchar('\n');
    ctl_table_print(table, stdout, "\n");
    if (*ctl_string(router, "problem")) {
        printf("\nproblem: %s\n", ctl_string(router, "problem"));
    }
    if (ctl_integer(router, "clients_left_behind")) {
        show_left_behind(router);
    }
}

int
ctl_routers(const struct ctl *ctl)
{
    char *path;
    int status;

    if (!ctl_arg(ctl, 0)) {
        return ctl_get(ctl, "/v1/routers", show_routers);
    }
    path = ctl_router_path(ctl);
    status = path ? ctl_get(ctl, path, show_router) : CTL_USAGE;
    free(path);
    return status;
}

/* clients */

char *
ctl_reach(json_t *reach)
{
    char *text = fh_xstrdup("");
    const char *router;
    json_t *item;

    json_object_foreach (reach, router, item) {
        char *longer = fh_xasprintf("%s%s%s:%s", text, *text ? " " : "",
                                    router, ctl_string(item, "state"));
        free(text);
        text = longer;
    }
    return text;
}

#define CLIENT_HEADS \
    "ADDRESS SEGMENT STATE ACTIVE SINCE MAC VLAN ORIGIN MOVES> REACH"

static void
add_client(struct ctl_table *table, json_t *client)
{
    char *reach = ctl_reach(json_object_get(client, "reach"));
    char vlan[16];

    ctl_table_add(table, ctl_string(client, "address"));
    ctl_table_add(table, ctl_string(client, "segment"));
    ctl_table_add(table, ctl_string(client, "state"));
    ctl_table_add(table, ctl_or_dash(client, "active"));
    ctl_table_add(table, ctl_or_dash(client, "since"));
    ctl_table_add(table, ctl_or_dash(client, "mac"));
    ctl_table_add(table, ctl_vlan(json_object_get(client, "vlan"), vlan,
                                  sizeof vlan));
    ctl_table_add(table, ctl_string(client, "origin"));
    ctl_table_addf(table, "%" PRId64, ctl_integer(client, "moves"));
    ctl_table_add(table, *reach ? reach : "-");
    free(reach);
}

/* Small pages: the daemon has other work, and does not interrupt one. */
int
ctl_read_clients(const struct ctl *ctl, const char *resource, json_t *clients)
{
    char *after = NULL;
    int status;

    do {
        char *path = ctl_add_query(fh_xstrdup(resource), "limit", "250");
        struct ctl_reply reply;

        path = ctl_add_query(path, "segment", ctl->segment);
        path = ctl_add_query(path, "state", ctl->state);
        path = ctl_add_query(path, "active", ctl->active);
        path = ctl_add_query(path, "after", after);
        free(after);
        after = NULL;
        status = ctl_request(ctl, "GET", path, NULL, &reply);
        free(path);
        if (status == CTL_DONE) {
            json_array_extend(clients, json_object_get(reply.json,
                                                       "clients"));
            if (*ctl_string(reply.json, "next")) {
                after = fh_xstrdup(ctl_string(reply.json, "next"));
            }
            ctl_reply_destroy(&reply);
        }
    } while (after);
    return status;
}

void
ctl_print_clients(json_t *clients)
{
    json_t *all = json_pack("{s:O, s:n}", "clients", clients, "next");

    json_dumpf(all, stdout, JSON_INDENT(1));
    putchar('\n');
    json_decref(all);
}

static int
list_clients(const struct ctl *ctl)
{
    json_t *clients = json_array();
    int status = ctl_read_clients(ctl, "/v1/clients", clients);
    json_t *client;
    size_t i;

    if (status == CTL_DONE && ctl->json) {
        ctl_print_clients(clients);
    } else if (status == CTL_DONE) {
        struct ctl_table *table = ctl_table_create(CLIENT_HEADS);

        json_array_foreach (clients, i, client) {
            add_client(table, client);
        }
        ctl_table_print(table, stdout, "\n");
    }
    json_decref(clients);
    return status;
}

static void
show_client(const struct ctl *ctl, json_t *client)
{
    struct ctl_table *table = ctl_table_create(CLIENT_HEADS);
    const char *router;
    json_t *reach;

    add_client(table, client);
    ctl_table_print(table, stdout, "\n");
    table = ctl_table_create("ROUTER REACH PORT RTT-US> LAST-REPLY-MS> "
                             "MISSES>");
    json_object_foreach (json_object_get(client, "reach"), router, reach) {
        ctl_table_add(table, router);
        ctl_table_add(table, ctl_string(reach, "state"));
        ctl_table_add(table, ctl_or_dash(reach, "port"));
        ctl_add_number(table, reach, "rtt_us");
        ctl_add_number(table, reach, "last_reply_ms");
        ctl_add_number(table, reach, "misses");
    }
    putchar('\n');
    ctl_table_print(table, stdout, "\n");
}

int
ctl_clients(const struct ctl *ctl)
{
    char *path;
    int status;

    if (!ctl_arg(ctl, 0)) {
        return list_clients(ctl);
    }
    path = ctl_path(ctl, "/v1/clients/", ctl_arg(ctl, 0), "");
    status = ctl_get(ctl, path, show_client);
    free(path);
    return status;
}

/* explain */

static void
print_last_move(json_t *move)
{
    const char *from = json_string_value(json_object_get(move, "from"));

    if (!json_is_object(move)) {
        puts("has not moved since the daemon started");
    } else if (from) {
        printf("moved from %s at %s, cause %s\n", from,
               ctl_string(move, "time"), ctl_string(move, "cause"));
    } else {
        printf("first elected at %s, cause %s\n", ctl_string(move, "time"),
               ctl_string(move, "cause"));
    }
}

static void
show_explanation(const struct ctl *ctl, json_t *json)
{
    struct ctl_table *table;
    json_t *candidate;
    size_t i;

    printf("%s on segment %s is %s, active router %s\n",
           ctl_string(json, "address"), ctl_string(json, "segment"),
           ctl_string(json, "state"), ctl_or_dash(json, "active"));
    print_last_move(json_object_get(json, "last_move"));
    printf("elected: %s (%s)\n", ctl_or_dash(json, "winner"),
           ctl_string(json, "decision"));
    if (json_is_integer(json_object_get(json, "again_in_ms"))) {
        printf("elects again in %" PRId64 " ms\n",
               ctl_integer(json, "again_in_ms"));
    }
    putchar('\n');
    table = ctl_table_create("ROUTER CANDIDATE BRIDGE ADMIN CLIENT UP-MS> "
                             "UPLINK PRIORITY> HASH>");
    json_array_foreach (json_object_get(json, "candidates"), i, candidate) {
        ctl_table_add(table, ctl_string(candidate, "router"));
        ctl_table_add(table, ctl_is_true(candidate, "eligible") ? "yes"
                                                                : "no");
        ctl_table_add(table, ctl_is_true(candidate, "connected") ? "connected"
                      : ctl_is_true(candidate, "expected") ? "expected"
                                                           : "away");
        ctl_table_add(table, ctl_is_true(candidate, "draining") ? "drain"
                                                                : "up");
        ctl_table_add(table, ctl_is_true(candidate, "heard")
                      ? ctl_string(candidate, "reach") : "unheard");
        ctl_add_number(table, candidate, "up_for_ms");
        ctl_table_add(table, ctl_is_true(candidate, "uplink_ok") ? "ok"
                                                                 : "no");
        ctl_add_number(table, candidate, "priority");
        ctl_add_number(table, candidate, "hash");
    }
    ctl_table_print(table, stdout, "\n");
}

int
ctl_explain(const struct ctl *ctl)
{
    char *path = ctl_path(ctl, "/v1/clients/", ctl_arg(ctl, 0), "/explain");
    int status = ctl_get(ctl, path, show_explanation);

    free(path);
    return status;
}
