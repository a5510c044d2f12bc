/* A controller that only remembers.  See fake_firsthop.h. */
#include <config.h>

#include "tests/unit/fake_firsthop.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/upstream/upstream_bgp.h"
#include "controller/upstream/upstream_core.h"

struct firsthop {
    struct config *config;
    struct clients *clients;
    struct journal *events;
    struct firsthop_stats stats;
    struct router **routers;
    struct segment **segments;
    const char *refusal;
    char *last;
};

const int firsthop_bucket_ms[FIRSTHOP_N_BUCKETS - 1] = {
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000,
};

static struct router *
create_router(const struct config_router *config)
{
    struct router *router = fh_xcalloc(1, sizeof *router);

    router->config = config;
    router->ports = fh_xcalloc(config->n_access_ports,
                               sizeof *router->ports);
    for (size_t i = 0; i < config->n_access_ports; i++) {
        router->ports[i] = (struct router_port) { .number = i + 1,
                                                  .up = true };
    }
    router->n_uplinks = 1;
    router->uplinks = fh_xcalloc(1, sizeof *router->uplinks);
    router->uplinks[0].config = &config->uplink;
    router->uplinks[0].view.port = 9;
    return router;
}

static struct segment *
create_segment(struct firsthop *fh, size_t i)
{
    struct segment *segment = fh_xcalloc(1, sizeof *segment);

    segment->id = i + 1;
    segment->config = &fh->config->segments[i];
    segment->n_members = segment->config->n_members;
    segment->members = fh_xcalloc(segment->n_members,
                                  sizeof *segment->members);
    for (size_t j = 0; j < segment->n_members; j++) {
        segment->members[j].config = &segment->config->members[j];
        segment->members[j].router
            = fh->routers[segment->config->members[j].router];
    }
    return segment;
}

struct firsthop *
fake_create(const char *json, size_t n_events)
{
    struct firsthop *fh = fh_xcalloc(1, sizeof *fh);
    struct config_errors errors = { NULL, 0, 0, 0 };

    fh->config = config_parse(json, strlen(json), &errors, NULL);
    assert(fh->config);
    fh->clients = clients_create();
    fh->events = journal_create(n_events);
    fh->routers = fh_xcalloc(fh->config->n_routers, sizeof *fh->routers);
    for (size_t i = 0; i < fh->config->n_routers; i++) {
        fh->routers[i] = create_router(&fh->config->routers[i]);
    }
    fh->segments = fh_xcalloc(fh->config->n_segments, sizeof *fh->segments);
    for (size_t i = 0; i < fh->config->n_segments; i++) {
        fh->segments[i] = create_segment(fh, i);
    }
    return fh;
}

void
fake_destroy(struct firsthop *fh)
{
    for (size_t i = 0; i < fh->config->n_routers; i++) {
        free(fh->routers[i]->ports);
        free(fh->routers[i]->uplinks);
        free(fh->routers[i]);
    }
    for (size_t i = 0; i < fh->config->n_segments; i++) {
        free(fh->segments[i]->members);
        free(fh->segments[i]);
    }
    free(fh->routers);
    free(fh->segments);
    clients_destroy(fh->clients);
    journal_destroy(fh->events);
    config_destroy(fh->config);
    free(fh->last);
    free(fh);
}

struct client *
fake_add_client(struct firsthop *fh, const char *address,
                const char *segment_name)
{
    struct segment *segment = firsthop_find_segment(fh, segment_name);
    struct client_key key = { .segment = segment->id };

    assert(fh_addr_parse(address, &key.address));
    segment->n_clients++;
    return clients_add(fh->clients, segment, key, segment->n_members);
}

void
fake_set_connected(struct firsthop *fh, const char *name, bool connected)
{
    struct router *router = firsthop_find_router(fh, name);

    router->conn = connected ? (struct ofconn *) fh : NULL;
    router->ready = connected;
}

void
fake_add_event(struct firsthop *fh, enum incident_type type)
{
    struct incident event = {
        .time_ms = FAKE_UNIX_MS, .type = type, .cause = CAUSE_UNREACHABLE,
        .segment = "metro", .from = "A", .to = "B",
        .detect_ms = 312, .install_ms = 2, .ack_ms = -1,
    };

    assert(fh_addr_parse("10.0.0.10", &event.client));
    journal_add(fh->events, &event);
}

void
fake_refuse(struct firsthop *fh, const char *reason)
{
    fh->refusal = reason;
}

const char *
fake_last(const struct firsthop *fh)
{
    return fh->last ? fh->last : "";
}

/* Notes what was asked for ('what' is taken), and returns what stands in the
 * way, if anything. */
static char *
answer(struct firsthop *fh, char *what)
{
    const char *refusal = fh->refusal;

    fh->refusal = NULL;
    free(fh->last);
    fh->last = what;
    return refusal ? fh_xstrdup(refusal) : NULL;
}

/* firsthop.h */

const struct config *
firsthop_config(const struct firsthop *fh)
{
    return fh->config;
}

struct clients *
firsthop_clients(const struct firsthop *fh)
{
    return fh->clients;
}

struct journal *
firsthop_journal(const struct firsthop *fh)
{
    return fh->events;
}

const struct firsthop_stats *
firsthop_stats(const struct firsthop *fh)
{
    return &fh->stats;
}

const struct upstream *
firsthop_driver(const struct firsthop *fh, enum config_upstream which)
{
    return NULL;
}

size_t
upstream_core_count(const struct upstream *u)
{
    return 1;
}

struct upstream_core_info
upstream_core_info(const struct upstream *u, size_t i)
{
    return (struct upstream_core_info) { "K", 0xc, true };
}

size_t
upstream_core_routes(const struct upstream *u)
{
    return 5;
}

void
upstream_bgp_get_stats(const struct upstream *u,
                       struct upstream_bgp_stats *stats)
{
    *stats = (struct upstream_bgp_stats) { .up = true, .n_routes = 7 };
}

const struct ofserver *
firsthop_ofserver(const struct firsthop *fh)
{
    return NULL;
}

int64_t
firsthop_now_ms(const struct firsthop *fh)
{
    return FAKE_NOW_MS;
}

int64_t
firsthop_started_ms(const struct firsthop *fh)
{
    return FAKE_UNIX_MS - 5000;
}

int64_t
firsthop_unix_ms(const struct firsthop *fh)
{
    return FAKE_UNIX_MS;
}

size_t
firsthop_n_routers(const struct firsthop *fh)
{
    return fh->config->n_routers;
}

struct router *
firsthop_router(const struct firsthop *fh, size_t i)
{
    return fh->routers[i];
}

struct router *
firsthop_find_router(const struct firsthop *fh, const char *name)
{
    size_t i = config_find_router(fh->config, name);

    return i == SIZE_MAX ? NULL : fh->routers[i];
}

size_t
firsthop_n_segments(const struct firsthop *fh)
{
    return fh->config->n_segments;
}

struct segment *
firsthop_segment(const struct firsthop *fh, size_t i)
{
    return fh->segments[i];
}

struct segment *
firsthop_find_segment(const struct firsthop *fh, const char *name)
{
    size_t i = config_find_segment(fh->config, name);

    return i == SIZE_MAX ? NULL : fh->segments[i];
}

struct elect_result
firsthop_explain(const struct firsthop *fh, const struct client *client,
                 struct elect_candidate *candidates)
{
    const struct segment *segment = client->segment;
    struct elect_input input = {
        .candidates = candidates, .n = segment->n_members,
        .active = client->active, .now_ms = FAKE_NOW_MS,
    };

    for (size_t i = 0; i < segment->n_members; i++) {
        const struct router *router = segment->members[i].router;

        candidates[i] = (struct elect_candidate) {
            .connected = router->conn != NULL,
            .draining = router->draining,
            .uplink_ok = true,
            .heard = true,
            .reach = client->reaches[i].state,
            .priority = segment->members[i].config->priority,
            .hash = elect_hash(client->key.address, router->config->dpid),
            .up_since_ms = client->reaches[i].up_since_ms,
        };
    }
    return elect_run(&input);
}

char *
firsthop_move(struct firsthop *fh, struct client *client, size_t member)
{
    char address[FH_ADDR_STRLEN];

    return answer(fh, fh_xasprintf(
        "move %s %s", fh_addr_format(client->key.address, address),
        client->segment->members[member].router->config->name));
}

char *
firsthop_set_draining(struct firsthop *fh, struct router *router, bool drain)
{
    char *refusal = answer(fh, fh_xasprintf("%s %s", drain ? "drain" : "up",
                                            router->config->name));

    router->draining = refusal ? router->draining : drain;
    return refusal;
}

char *
firsthop_provision(struct firsthop *fh, const struct config_client *entry)
{
    struct segment *segment = fh->segments[entry->segment];
    struct client_key key = { entry->address, segment->id };
    char address[FH_ADDR_STRLEN];
    char *refusal = answer(fh, fh_xasprintf(
        "provision %s %s", fh_addr_format(entry->address, address),
        segment->config->name));

    if (!refusal && !clients_find(fh->clients, key.address, key.segment)) {
        struct client *c = clients_add(fh->clients, segment, key,
                                       segment->n_members);
        c->origin = CLIENT_PROVISIONED;
        c->mac = entry->mac;
        c->vlan = entry->vlan;
    }
    return refusal;
}

char *
firsthop_delete(struct firsthop *fh, struct client *client)
{
    char address[FH_ADDR_STRLEN];
    char *refusal = answer(fh, fh_xasprintf(
        "delete %s", fh_addr_format(client->key.address, address)));

    if (!refusal) {
        clients_remove(fh->clients, client);
    }
    return refusal;
}

/* Takes the configuration in name only: routers and segments stay. */
char *
firsthop_apply(struct firsthop *fh, struct config *config, bool persist)
{
    char *refusal = answer(fh, fh_xasprintf("apply%s", persist ? " persist"
                                                               : ""));

    if (!refusal) {
        struct incident event = { .type = INCIDENT_CONFIG_APPLIED };

        config_destroy(config);
        journal_add(fh->events, &event);
    }
    return refusal;
}

const char *
firsthop_drop_name(enum firsthop_drop drop)
{
    static const char *const names[] = {
        "malformed", "tags", "unknown_tag", "unknown_port", "outside",
        "own_address", "mac_conflict", "rival", "limit", "unlisted",
        "unasked", "probe", "icmp", "next_hop",
    };

    return names[drop];
}

/* ofconn.h, as far as api and metrics use it. */

const char *
ofconn_version_name(const struct ofconn *conn)
{
    return "1.4";
}

void
ofserver_get_counters(const struct ofserver *server,
                      struct ofserver_counters *counters)
{
    memset(counters, 0, sizeof *counters);
    counters->messages_in = 7;
}
