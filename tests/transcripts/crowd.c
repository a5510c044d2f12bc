/* Many hosts behind one port, some of whom let every first probe go
 * unanswered.  That makes the port suspect, again and again; the others must
 * not have to answer for it.
 *
 * Runs the controller in the transcripts' world.  Prints TAP. */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>

#include "controller/base/log.h"
#include "tests/transcripts/world.h"

#define N_HOSTS    100
#define N_LAZY     50
#define INTERVAL_S 1            /* Between probes. */
#define WATCH_S    10

static const char config_text[] =
"{ \"routers\": {"
"    \"A\": { \"datapath_id\": \"000000000000000a\","
"             \"mac\": \"02:00:00:00:00:0a\","
"             \"access_ports\": [\"a-access\"],"
"             \"uplink\": { \"port\": \"a-uplink\","
"             \"address\": \"192.0.2.2/24\", \"next_hop\": \"192.0.2.1\" } }"
"  }, \"segments\": { \"metro\": {"
"    \"gateway\": \"10.0.0.1\", \"prefixes\": [\"10.0.0.0/24\"],"
"    \"probe\": { \"interval_ms\": 1000 },"
"    \"routers\": { \"A\": { \"address\": \"10.0.0.2\" } } } } }";

static void
ignore(const char *line, void *unused)
{
}

static struct config *
make_config(void)
{
    json_t *json = json_loads(config_text, 0, NULL);
    struct config_errors errors = { .n = 0 };
    struct config *config = config_from_json(json, &errors, NULL);

    json_decref(json);
    config_errors_destroy(&errors);
    return config;
}

/* Host 0 and so on.  The lazy ones come first. */
static struct host *
add_host(int i)
{
    char name[16], addr[32], mac[32];
    struct host *h;

    snprintf(name, sizeof name, "%d", i);
    snprintf(addr, sizeof addr, "10.0.0.%d", i + 10);
    snprintf(mac, sizeof mac, "02:00:00:00:01:%02x", (unsigned int) i);
    h = world_add_host(name, addr, mac);
    host_place(h, world_bridge("A"), 1);
    host_ask(h, "10.0.0.1");
    return h;
}

int
main(void)
{
    struct host *hosts[N_HOSTS];
    uint32_t asked[N_HOSTS], most = 0;
    bool ok;

    log_set_level(LOG_LVL_ERR);
    world_create(ignore, NULL);
    world_start(make_config());
    bridge_connect(world_bridge("A"));
    world_run_to(1000);
    for (int i = 0; i < N_HOSTS; i++) {
        hosts[i] = add_host(i);
    }
    world_run_to(5000);
    for (int i = 0; i < N_HOSTS; i++) {
        host_set_mood(hosts[i], i < N_LAZY ? HOST_LAZY : HOST_ANSWERS);
        asked[i] = host_n_asked(hosts[i]);
    }
    world_run_to(5000 + 1000 * WATCH_S);
    for (int i = N_LAZY; i < N_HOSTS; i++) {
        uint32_t n = host_n_asked(hosts[i]) - asked[i];

        most = n > most ? n : most;
    }
    world_destroy();

    /* Its own and another in each interval. */
    ok = most <= 2 * (WATCH_S / INTERVAL_S + 1);
    printf("1..1\n%sok 1 - who answers is not probed more than twice an "
           "interval because others do not (%" PRIu32 " times in %d s)\n",
           ok ? "" : "not ", most, WATCH_S);
    return ok ? 0 : 1;
}
