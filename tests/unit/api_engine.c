/* The real engine, alone.  See api_engine.h. */
#include <config.h>

#include "tests/unit/api_engine.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/engine/path.h"

#define UP_MS 5000

struct api_engine {
    struct engine *engine;
    int keep_error;             /* Of the next change; 0: none. */
    unsigned int n_kept;
    enum store_change_type last_kept;
};

/* What the engine asks. */

static const struct store_state *
kept(void *a)
{
    return NULL;
}

static int
keep(void *a_, const struct store_change *change)
{
    struct api_engine *a = a_;
    int error = a->keep_error;

    a->keep_error = 0;
    if (!error) {
        a->n_kept++;
        a->last_kept = change->type;
    }
    return error;
}

static char *
listen_nowhere(void *a, const struct config *now, const struct config *old)
{
    return NULL;
}

/* Nothing of what it wants done is, but for what it hands over. */
static void
drop_acts(struct engine *en)
{
    struct engine_act act;

    while (engine_take_act(en, &act)) {
        if (act.type == ENGINE_CLOSE) {
            outbox_destroy(act.u.box);
        } else if (act.type == ENGINE_UNDIAL) {
            free(act.u.target);
        } else if (act.type == ENGINE_RETIRE) {
            config_destroy(act.u.retired);
        }
    }
}

/* Life. */

static void
set_paths(struct engine *en)
{
    size_t n;
    struct path *paths = (struct path *) path_first(en, &n);

    for (size_t i = 0; i < n; i++) {
        paths[i].state = paths[i].core ? PATH_LOST : PATH_UP;
        paths[i].since_ms = paths[i].core ? API_UNIX_MS : 0;
        for (int j = 0; j < 2; j++) {
            paths[i].ends[j].beacon.rtt.srtt_us = 300 + j;
        }
    }
}

static void
set_ports(struct router *router)
{
    for (size_t i = 0; i < router->config->n_access_ports; i++) {
        router->ports[i].number = i + 1;
        router->ports[i].up = true;
    }
    for (size_t i = 0; i < router->n_uplinks; i++) {
        router->uplinks[i].view.port = 9;
    }
}

struct api_engine *
api_engine_create(const char *json)
{
    struct api_engine *a = fh_xcalloc(1, sizeof *a);
    const struct engine_host host = {
        .kept = kept, .keep = keep, .listen = listen_nowhere, .aux = a,
    };
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct config *config = config_parse(json, strlen(json), &errors, NULL);
    char *error = NULL;

    assert(config);
    a->engine = engine_create(config, &host, (API_NOW_MS - UP_MS) * 1000,
                              (API_UNIX_MS - UP_MS) * 1000, &error);
    assert(a->engine);
    drop_acts(a->engine);
    engine_set_time(a->engine, API_NOW_MS * INT64_C(1000),
                    API_UNIX_MS * 1000);
    for (size_t i = 0; i < engine_n_routers(a->engine); i++) {
        set_ports(engine_router(a->engine, i));
    }
    set_paths(a->engine);
    return a;
}

void
api_engine_destroy(struct api_engine *a)
{
    drop_acts(a->engine);
    engine_stop(a->engine);
    drop_acts(a->engine);
    engine_destroy(a->engine);
    free(a);
}

struct engine *
api_engine_get(const struct api_engine *a)
{
    return a->engine;
}

/* What there is. */

struct client *
api_engine_add(struct api_engine *a, const char *address,
               const char *segment_name)
{
    struct segment *segment = engine_find_segment(a->engine, segment_name);
    struct store_client known = { .has_mac = true };
    struct client *c;

    assert(fh_addr_parse(address, &known.address));
    snprintf(known.segment, sizeof known.segment, "%s", segment_name);
    engine_recall(a->engine, &known);
    c = clients_find(engine_clients(a->engine), known.address, segment->id);
    c->recalled = false;
    return c;
}

void
api_engine_set_connected(struct api_engine *a, const char *name,
                         bool connected)
{
    struct router *router = engine_find_router(a->engine, name);

    router->openflow = connected ? "1.4" : NULL;
    router->ready = connected;
}

void
api_engine_add_event(struct api_engine *a, enum incident_type type)
{
    struct incident event = {
        .time_ms = API_UNIX_MS, .type = type, .cause = CAUSE_UNREACHABLE,
        .segment = "metro", .from = "A", .to = "B",
        .detect_ms = 312, .install_ms = 2, .ack_ms = -1,
    };

    assert(fh_addr_parse("10.0.0.10", &event.client));
    journal_add(engine_journal(a->engine), &event);
}

/* What is kept. */

void
api_engine_fail_to_keep(struct api_engine *a, int error)
{
    a->keep_error = error;
}

unsigned int
api_engine_n_kept(const struct api_engine *a)
{
    return a->n_kept;
}

enum store_change_type
api_engine_last_kept(const struct api_engine *a)
{
    return a->last_kept;
}
