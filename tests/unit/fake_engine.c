/* A controller that only remembers.  See fake_engine.h. */
#include <config.h>

#include "tests/unit/fake_engine.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/engine/path.h"

struct engine {
    struct config *config;
    struct clients *clients;
    struct journal *events;
    struct stats stats;
    struct router **routers;
    struct segment **segments;
    struct path paths[2];       /* Of one segment: access, core. */
    size_t n_paths;
    const char *refusal;
    const struct segment *swept;
    char *last;
};

static struct router *
create_router(const struct config_router *config)
{
    struct router *router = fh_xcalloc(1, sizeof *router);

    router->config = config;
    router->box = outbox_create(router);
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
create_segment(struct engine *en, size_t i)
{
    struct segment *segment = fh_xcalloc(1, sizeof *segment);

    segment->id = i + 1;
    segment->config = &en->config->segments[i];
    segment->n_members = segment->config->n_members;
    segment->members = fh_xcalloc(segment->n_members,
                                  sizeof *segment->members);
    for (size_t j = 0; j < segment->n_members; j++) {
        segment->members[j].config = &segment->config->members[j];
        segment->members[j].router
            = en->routers[segment->config->members[j].router];
        segment->members[j].uplink = &segment->members[j].router->uplinks[0];
    }
    return segment;
}

/* The first two routers of 'segment' hear each other, but not across the
 * core. */
static void
create_paths(struct engine *en, struct segment *segment)
{
    en->n_paths = 2;
    for (int i = 0; i < 2; i++) {
        struct path *path = &en->paths[i];

        path->segment = segment;
        path->core = i;
        path->state = i ? PATH_LOST : PATH_UP;
        path->since_ms = i ? FAKE_UNIX_MS : 0;
        for (int j = 0; j < 2; j++) {
            path->ends[j].router = path->segment->members[j].router;
            path->ends[j].beacon.rtt.srtt_us = 300 + j;
        }
    }
}

struct engine *
fake_create(const char *json, size_t n_events)
{
    struct engine *en = fh_xcalloc(1, sizeof *en);
    struct config_errors errors = { NULL, 0, 0, 0 };

    en->config = config_parse(json, strlen(json), &errors, NULL);
    assert(en->config);
    en->clients = clients_create();
    en->events = journal_create(n_events);
    en->routers = fh_xcalloc(en->config->n_routers, sizeof *en->routers);
    for (size_t i = 0; i < en->config->n_routers; i++) {
        en->routers[i] = create_router(&en->config->routers[i]);
    }
    en->segments = fh_xcalloc(en->config->n_segments, sizeof *en->segments);
    for (size_t i = 0; i < en->config->n_segments; i++) {
        en->segments[i] = create_segment(en, i);
        if (en->segments[i]->n_members > 1) {
            create_paths(en, en->segments[i]);
        }
    }
    return en;
}

void
fake_destroy(struct engine *en)
{
    for (size_t i = 0; i < en->config->n_routers; i++) {
        outbox_destroy(en->routers[i]->box);
        free(en->routers[i]->ports);
        free(en->routers[i]->uplinks);
        free(en->routers[i]);
    }
    for (size_t i = 0; i < en->config->n_segments; i++) {
        free(en->segments[i]->members);
        free(en->segments[i]);
    }
    free(en->routers);
    free(en->segments);
    clients_destroy(en->clients);
    journal_destroy(en->events);
    config_destroy(en->config);
    free(en->last);
    free(en);
}

struct client *
fake_add_client(struct engine *en, const char *address,
                const char *segment_name)
{
    struct segment *segment = engine_find_segment(en, segment_name);
    struct client_key key = { .segment = segment->id };

    assert(fh_addr_parse(address, &key.address));
    segment->n_clients++;
    return clients_add(en->clients, segment, key, segment->n_members);
}

void
fake_set_connected(struct engine *en, const char *name, bool connected)
{
    struct router *router = engine_find_router(en, name);

    router->openflow = connected ? "1.4" : NULL;
    router->ready = connected;
}

void
fake_add_event(struct engine *en, enum incident_type type)
{
    struct incident event = {
        .time_ms = FAKE_UNIX_MS, .type = type, .cause = CAUSE_UNREACHABLE,
        .segment = "metro", .from = "A", .to = "B",
        .detect_ms = 312, .install_ms = 2, .ack_ms = -1,
    };

    assert(fh_addr_parse("10.0.0.10", &event.client));
    journal_add(en->events, &event);
}

void
fake_refuse(struct engine *en, const char *reason)
{
    en->refusal = reason;
}

const char *
fake_last(const struct engine *en)
{
    return en->last ? en->last : "";
}

/* Notes what was asked for ('what' is taken), and returns what stands in the
 * way, if anything. */
static char *
answer(struct engine *en, char *what)
{
    const char *refusal = en->refusal;

    en->refusal = NULL;
    free(en->last);
    en->last = what;
    return refusal ? fh_xstrdup(refusal) : NULL;
}

/* path.h */

const struct path *
path_first(const struct engine *en, size_t *n)
{
    *n = en->n_paths;
    return en->paths;
}

const struct path *
path_across_core(const struct engine *en, const struct path *path)
{
    return &en->paths[1];
}

size_t
path_count_clients(const struct engine *en, const struct path *path)
{
    return 7;
}

char engine_pending[] = "";

/* engine.h */

const struct config *
engine_config(const struct engine *en)
{
    return en->config;
}

struct clients *
engine_clients(const struct engine *en)
{
    return en->clients;
}

struct journal *
engine_journal(const struct engine *en)
{
    return en->events;
}

const struct stats *
engine_stats(const struct engine *en)
{
    return &en->stats;
}

int64_t
engine_now_ms(const struct engine *en)
{
    return FAKE_NOW_MS;
}

int64_t
engine_started_ms(const struct engine *en)
{
    return FAKE_UNIX_MS - 5000;
}

int64_t
engine_unix_ms(const struct engine *en)
{
    return FAKE_UNIX_MS;
}

size_t
engine_n_routers(const struct engine *en)
{
    return en->config->n_routers;
}

struct router *
engine_router(const struct engine *en, size_t i)
{
    return en->routers[i];
}

struct router *
engine_find_router(const struct engine *en, const char *name)
{
    size_t i = config_find_router(en->config, name);

    return i == SIZE_MAX ? NULL : en->routers[i];
}

size_t
engine_n_segments(const struct engine *en)
{
    return en->config->n_segments;
}

struct segment *
engine_segment(const struct engine *en, size_t i)
{
    return en->segments[i];
}

struct segment *
engine_find_segment(const struct engine *en, const char *name)
{
    size_t i = config_find_segment(en->config, name);

    return i == SIZE_MAX ? NULL : en->segments[i];
}

static void
snapshot(const struct client *client, struct elect_candidate *candidates,
         struct elect_input *input)
{
    const struct segment *segment = client->segment;

    *input = (struct elect_input) {
        .candidates = candidates, .n = segment->n_members,
        .active = client->active, .now_ms = FAKE_NOW_MS,
    };
    for (size_t i = 0; i < segment->n_members; i++) {
        const struct router *router = segment->members[i].router;

        candidates[i] = (struct elect_candidate) {
            .connected = router->openflow != NULL,
            .draining = router->draining,
            .uplink_ok = !router->uplink_down,
            .heard = true,
            .reach = client->reaches[i].state,
            .priority = segment->members[i].config->priority,
            .hash = elect_hash(client->key.address, router->config->dpid),
            .up_since_ms = client->reaches[i].up_since_ms,
        };
    }
}

struct elect_result
engine_explain(const struct engine *en, const struct client *client,
               struct elect_candidate *candidates)
{
    struct elect_input input;

    snapshot(client, candidates, &input);
    return elect_run(&input);
}

struct elect_result
engine_without(const struct engine *en, const struct client *client,
               size_t member)
{
    struct elect_candidate candidates[CONFIG_MAX_MEMBERS];
    struct elect_input input;

    snapshot(client, candidates, &input);
    candidates[member].connected = false;
    return elect_run(&input);
}

char *
engine_move(struct engine *en, struct client *client, size_t member)
{
    char address[FH_ADDR_STRLEN];

    return answer(en, fh_xasprintf(
        "move %s %s", fh_addr_format(client->key.address, address),
        client->segment->members[member].router->config->name));
}

char *
engine_set_draining(struct engine *en, struct router *router, bool drain)
{
    char *refusal = answer(en, fh_xasprintf("%s %s", drain ? "drain" : "up",
                                            router->config->name));

    router->draining = refusal ? router->draining : drain;
    return refusal;
}

char *
engine_set_uplink_down(struct engine *en, struct router *router, bool down)
{
    char *refusal = answer(en, fh_xasprintf("uplink %s %s",
                                            router->config->name,
                                            down ? "down" : "up"));

    router->uplink_down = refusal ? router->uplink_down : down;
    return refusal;
}

static char *
provision(struct engine *en, const struct config_client *entry)
{
    struct segment *segment = en->segments[entry->segment];
    struct client_key key = { entry->address, segment->id };
    char address[FH_ADDR_STRLEN];
    char *refusal = answer(en, fh_xasprintf(
        "provision %s %s", fh_addr_format(entry->address, address),
        segment->config->name));

    if (!refusal && !clients_find(en->clients, key.address, key.segment)) {
        struct client *c = clients_add(en->clients, segment, key,
                                       segment->n_members);
        c->origin = CLIENT_PROVISIONED;
        c->mac = entry->mac;
        c->vlan = entry->vlan;
    }
    return refusal;
}

/* Refuses the whole, or none. */
char *
engine_provision(struct engine *en, const struct config_client *entries,
                 size_t n)
{
    char *refusal = NULL;

    for (size_t i = 0; i < n && !refusal; i++) {
        refusal = provision(en, &entries[i]);
    }
    return refusal;
}

char *
engine_sweep(struct engine *en, struct segment *segment,
             const struct fh_prefix *prefix)
{
    char text[FH_PREFIX_STRLEN];
    char *refusal = answer(en, fh_xasprintf(
        "sweep %s %s", segment->config->name,
        prefix ? fh_prefix_format(prefix, text) : "all"));

    en->swept = refusal ? NULL : segment;
    return refusal;
}

const struct sweep_status *
engine_sweep_status(const struct engine *en, const struct segment *segment)
{
    static const struct sweep_status status = { 254, 10, 1, false };

    return en->swept == segment ? &status : NULL;
}

char *
engine_delete(struct engine *en, struct client *client)
{
    char address[FH_ADDR_STRLEN];
    char *refusal = answer(en, fh_xasprintf(
        "delete %s", fh_addr_format(client->key.address, address)));

    if (!refusal) {
        clients_remove(en->clients, client);
    }
    return refusal;
}

/* Takes the configuration in name only: routers and segments stay. */
char *
engine_apply(struct engine *en, struct config *config, bool persist)
{
    char *refusal = answer(en, fh_xasprintf("apply%s", persist ? " persist"
                                                               : ""));

    if (!refusal) {
        struct incident event = { .type = INCIDENT_CONFIG_APPLIED };

        config_destroy(config);
        journal_add(en->events, &event);
    }
    return refusal;
}
