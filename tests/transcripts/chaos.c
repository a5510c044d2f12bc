/* Whatever happens, and in whatever order: once all is well again, each client
 * has one router, which holds its flows, and nobody else does.  And whatever
 * happens, the invariants of engine_audit() hold after it.
 *
 *     chaos [SEED...]
 *
 * Runs the controller in the transcripts' world and lets random things happen
 * to two bridges and two hosts for half a minute, while senders that answer
 * nothing press against the limits, then repairs everything.
 * Prints TAP, one test per seed, and for one that fails what has happened. */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/base/log.h"
#include "tests/transcripts/world.h"

#define N_SEEDS   150
#define CHAOS_MS  30000
#define REPAIR_MS 30000

static const char config_text[] =
"{ \"routers\": {"
"    \"A\": { \"datapath_id\": \"000000000000000a\","
"             \"mac\": \"02:00:00:00:00:0a\","
"             \"access_ports\": [\"a-access\"],"
"             \"uplink\": { \"port\": \"a-uplink\","
"             \"address\": \"192.0.2.2/24\", \"next_hop\": \"192.0.2.1\" } },"
"    \"B\": { \"datapath_id\": \"000000000000000b\","
"             \"mac\": \"02:00:00:00:00:0b\","
"             \"access_ports\": [\"b-access\"],"
"             \"uplink\": { \"port\": \"b-uplink\","
"             \"address\": \"192.0.2.3/24\", \"next_hop\": \"192.0.2.1\" } }"
"  }, \"segments\": { \"metro\": {"
"    \"gateway\": \"10.0.0.1\", \"prefixes\": [\"10.0.0.0/24\"],"
"    \"withdraw_after_ms\": 5000,"
"    \"limits\": { \"learned\": 4, \"learned_per_port\": 3 },"
"    \"routers\": { \"A\": { \"priority\": 200, \"address\": \"10.0.0.2\" },"
"                   \"B\": { \"priority\": 100, \"address\": \"10.0.0.3\" }"
"    } } } }";

static const char *const bridge_names[] = { "A", "B" };
static const char *const host_names[] = { "C", "D" };
static const char *const host_addrs[] = { "10.0.0.10", "10.0.0.11" };
static const char *const forged[] = { "V", "W", "X", "Y" };
#define N_FORGED (sizeof forged / sizeof forged[0])

struct chaos {
    uint32_t state;             /* Of the pseudo-random sequence. */
    int64_t quiet_ms;           /* Nothing else happens for so long. */
    struct fh_buf log;          /* What has happened. */
};

static uint32_t
draw(struct chaos *chaos, uint32_t n)
{
    chaos->state = chaos->state * 1664525 + 1013904223;
    return (chaos->state >> 8) % n;
}

static void
heard(const char *line, void *chaos_)
{
    struct chaos *chaos = chaos_;

    fh_buf_append(&chaos->log, "# ", 2);
    fh_buf_append(&chaos->log, line, strlen(line));
    fh_buf_append(&chaos->log, "\n", 1);
}

/* Without 'leaves' in the segment and, if it is 'deleted', at all. */
static struct config *
make_config_without(const char *leaves, bool deleted)
{
    struct config_errors errors = { .n = 0 };
    json_t *json = json_loads(config_text, 0, NULL);
    json_t *segment = json_object_get(json_object_get(json, "segments"),
                                      "metro");
    struct config *config;

    if (leaves) {
        json_object_del(json_object_get(segment, "routers"), leaves);
    }
    if (deleted) {
        json_object_del(json_object_get(json, "routers"), leaves);
    }
    config = config_from_json(json, &errors, NULL);
    json_decref(json);
    if (!config) {
        fprintf(stderr, "%s: %s\n", errors.items[0].pointer,
                errors.items[0].text);
        exit(2);
    }
    config_errors_destroy(&errors);
    return config;
}

static struct config *
make_config(void)
{
    return make_config_without(NULL, false);
}

static struct client *
find_client(int i)
{
    struct engine *en = world_engine();
    struct fh_addr addr;

    fh_addr_parse(host_addrs[i], &addr);
    return clients_find(engine_clients(en), addr,
                        engine_segment(en, 0)->id);
}

static void
drain(const char *name, bool draining)
{
    struct engine *en = world_engine();
    struct router *router = engine_find_router(en, name);

    world_say("-- %s %s", draining ? "drain" : "undrain", name);
    if (router) {
        free(engine_set_draining(en, router, draining));
    }
}

static void
uplink(const char *name, bool down)
{
    struct engine *en = world_engine();
    struct router *router = engine_find_router(en, name);

    world_say("-- uplink of %s %s", name, down ? "down" : "up");
    if (router) {
        free(engine_set_uplink_down(en, router, down));
    }
}

static void
reload(struct chaos *chaos, const char *router)
{
    int how = draw(chaos, 4);

    world_say("-- reload%s%s", how == 2 ? ", out of the segment: "
              : how == 3 ? ", deleted: " : "", how > 1 ? router : "");
    free(engine_apply(world_engine(),
                      make_config_without(how > 1 ? router : NULL,
                                          how == 3), false));
}

static void
move(struct client *c, const char *router)
{
    for (size_t i = 0; i < c->n_reaches; i++) {
        if (!strcmp(c->segment->members[i].router->config->name, router)) {
            free(engine_move(world_engine(), c, i));
        }
    }
}

/* Now and then one router does not come back in time, though it may have held
 * clients: these ask, and are served by the other once nobody waits any
 * more. */
static void
restart(struct chaos *chaos)
{
    bool one_comes = !draw(chaos, 3);
    int who = (int) draw(chaos, 2);
    struct bridge *b = world_bridge(bridge_names[who]);

    world_say("-- restart%s%s", one_comes ? ", only for " : "",
              one_comes ? bridge_names[who] : "");
    world_stop();
    world_start(make_config());
    if (one_comes) {
        bridge_hold(b, false);
        bridge_connect(b);
        world_settle();
        for (int i = 0; i < 2; i++) {
            host_place(world_host(host_names[i]), b, 1);
            host_ask(world_host(host_names[i]), "10.0.0.1");
        }
        chaos->quiet_ms = ENGINE_EXPECT_MS + 1000;
    }
}

/* What the operator does. */
static void
operate(struct chaos *chaos, const char *router, int host)
{
    struct client *c = find_client(host);

    switch (draw(chaos, 7)) {
    case 0:
    case 1:
        drain(router, draw(chaos, 2));
        break;
    case 5:
        uplink(router, draw(chaos, 2));
        break;
    case 6:
        world_say("-- sweep");
        free(engine_sweep(world_engine(), engine_segment(world_engine(), 0),
                          NULL));
        break;
    case 2:
        reload(chaos, router);
        break;
    case 3:
        restart(chaos);
        break;
    case 4:
        if (c) {
            world_say("-- move %s to %s", host_addrs[host], router);
            move(c, router);
        }
        break;
    }
}

static void
port(struct bridge *b, const char *router, bool up)
{
    char name[16];

    snprintf(name, sizeof name, "%c-access", router[0] - 'A' + 'a');
    bridge_set_port_up(b, name, up);
}

/* What the network does. */
static void
happen(struct chaos *chaos)
{
    const char *router = bridge_names[draw(chaos, 2)];
    struct bridge *b = world_bridge(router);
    int i = draw(chaos, 2);
    struct host *h = world_host(host_names[i]);
    bool yes = draw(chaos, 2);

    switch (draw(chaos, 10)) {
    case 0:
    case 1:
        world_say("-- %s %s", bridge_is_connected(b) ? "disconnect"
                  : "connect", router);
        if (bridge_is_connected(b)) {
            bridge_disconnect(b);
        } else {
            bridge_connect(b);
        }
        break;
    case 2:
    case 3:
        world_say("-- %s %s %s", yes ? "place" : "cut", host_names[i],
                  router);
        host_place(h, b, yes);
        break;
    case 4:
        world_say("-- %s %s", yes ? "hold" : "release", router);
        bridge_hold(b, yes);
        break;
    case 5:
        world_say("-- core %s on %s", yes ? "answers" : "silent", router);
        world_core_answers(b, yes);
        break;
    case 6:
        if (bridge_is_connected(b)) {
            world_say("-- port %s %s", router, yes ? "up" : "down");
            port(b, router, yes);
        }
        break;
    case 7:
        world_say("-- %s asks", host_names[i]);
        host_ask(h, "10.0.0.1");
        for (size_t j = draw(chaos, N_FORGED + 1); j < N_FORGED; j++) {
            host_ask(world_host(forged[j]), "10.0.0.1");
        }
        break;
    case 8:
        world_say("-- %s %s", host_names[i], yes ? "answers" : "ignores");
        host_set_mood(h, yes ? HOST_ANSWERS : HOST_IGNORES_NOTICES);
        break;
    case 9:
        operate(chaos, router, i);
        break;
    }
    world_settle();
}

/* Do the engine's invariants hold? */
static bool
is_sound(void)
{
    char *problem = engine_audit(world_engine());

    if (problem) {
        world_say("broken: %s", problem);
    }
    free(problem);
    return !problem;
}

/* Lets time pass, and looks after every millisecond in which something
 * happens. */
static bool
pass(int64_t ms)
{
    int64_t end_ms = world_now_ms() + ms;
    bool sound = is_sound();

    while (sound && world_now_ms() < end_ms) {
        int64_t next_ms = world_next_ms();

        next_ms = (next_ms <= world_now_ms() ? world_now_ms() + 1
                   : next_ms > end_ms ? end_ms : next_ms);
        world_run_to(next_ms);
        sound = is_sound();
    }
    return sound;
}

static bool
repair(void)
{
    struct engine *en = world_engine();

    world_say("-- repair");
    free(engine_apply(en, make_config(), false));
    for (int i = 0; i < 2; i++) {
        struct bridge *b = world_bridge(bridge_names[i]);

        if (!bridge_is_connected(b)) {
            bridge_connect(b);
        }
        world_settle();
        bridge_hold(b, false);
        world_core_answers(b, true);
        port(b, bridge_names[i], true);
        free(engine_set_draining(en, engine_router(en, i), false));
        free(engine_set_uplink_down(en, engine_router(en, i), false));
        for (int j = 0; j < 2; j++) {
            host_place(world_host(host_names[j]), b, 1);
            host_set_mood(world_host(host_names[j]), HOST_ANSWERS);
        }
    }
    if (!pass(REPAIR_MS)) {
        return false;
    }
    for (int j = 0; j < 2; j++) {
        host_ask(world_host(host_names[j]), "10.0.0.1");
    }
    return pass(REPAIR_MS);
}

static bool
is_well(int i)
{
    struct client *c = find_client(i);
    struct fh_addr addr;
    bool well = c && c->state == CLIENT_ACTIVE && c->active != ELECT_NONE
                && takeover_is_idle(&c->takeover);

    fh_addr_parse(host_addrs[i], &addr);
    for (int j = 0; j < 2; j++) {
        uint32_t held = bridge_holds(world_bridge(bridge_names[j]), addr);

        if (!well || held != (c->active == j ? 1 : 0)) {
            world_say("%s: state %d, active %d, on %s port %u",
                      host_addrs[i], c ? c->state : -1, c ? c->active : -1,
                      bridge_names[j], held);
            well = false;
        }
    }
    return well;
}

/* The addresses of one host, all of whose routers reach both. */
static bool
are_together(void)
{
    bool together = find_client(0)->active == find_client(1)->active;

    if (!together) {
        world_say("one host's addresses are apart");
    }
    return together;
}

static bool
run(uint32_t seed)
{
    struct chaos chaos = { .state = seed };
    const bool one_host = seed % 4 == 3;        /* Has both addresses. */
    bool well = true;

    world_create(heard, &chaos);
    world_start(make_config());
    for (int i = 0; i < 2; i++) {
        struct host *h = world_add_host(host_names[i], host_addrs[i],
                                        i && !one_host ? "02:00:00:00:01:0b"
                                        : "02:00:00:00:01:0a");

        host_place(h, world_bridge("A"), 1);
        host_place(h, world_bridge("B"), 1);
    }
    for (size_t i = 0; i < N_FORGED; i++) {
        char addr[] = "10.0.0.2x", mac[] = "02:00:00:00:09:0x";

        addr[sizeof addr - 2] = mac[sizeof mac - 2] = '0' + i;
        host_place(world_add_host(forged[i], addr, mac), world_bridge("A"),
                   1);
        host_set_mood(world_host(forged[i]), HOST_SILENT);
    }
    while (well && world_now_ms() < CHAOS_MS) {
        chaos.quiet_ms = 0;
        happen(&chaos);
        well = is_sound();
        well = well && pass(chaos.quiet_ms
                            + draw(&chaos, 4) * draw(&chaos, 400));
    }
    if (well) {
        well = repair();
        well = is_well(0) && well;
        well = is_well(1) && well;
        well = well && (!one_host || are_together());
    }
    world_destroy();
    if (!well) {
        fwrite(chaos.log.data, 1, chaos.log.len, stdout);
    }
    fh_buf_destroy(&chaos.log);
    return well;
}

int
main(int argc, char *argv[])
{
    int n = argc > 1 ? argc - 1 : N_SEEDS;
    bool all_well = true;

    log_set_level(LOG_LVL_ERR);
    printf("1..%d\n", n);
    for (int i = 0; i < n; i++) {
        uint32_t seed = argc > 1 ? strtoul(argv[i + 1], NULL, 10) : i + 1;
        bool well = run(seed);

        printf("%sok %d - all is well after seed %" PRIu32 "\n",
               well ? "" : "not ", i + 1, seed);
        fflush(stdout);
        all_well = all_well && well;
    }
    return all_well ? 0 : 1;
}
