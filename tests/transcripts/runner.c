/* Transcripts: what happens, and what the controller makes of it.
 *
 *     transcripts [--update] [FILE...]
 *
 * Without files: those in tests/transcripts below $top_srcdir.  Prints TAP.
 * A file is read line by line.  '#' begins a comment.  A line that begins
 * with a space is what is expected to come out between the commands around
 * it; --update writes what has come out in its place.  Commands:
 *
 *     set PATH JSON           the configuration, as keys joined by slashes
 *     unset PATH
 *     host NAME ADDRESS MAC PLACE...        a place is "A:1", bridge and port
 *     show probes|core        say those too
 *     at MS VERB ARGUMENT...  let time pass until then, and do (see 'verbs')
 *
 * The configuration at the start is the contract's, without clients and
 * beacons. */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/base/log.h"
#include "tests/transcripts/world.h"

static const char base_config[] =
"{ 'openflow': { 'listen': ['tcp:127.0.0.1:6653'] },"
"  'routers': {"
"    'A': { 'datapath_id': '000000000000000a', 'mac': '02:00:00:00:00:0a',"
"           'access_ports': ['a-access', 'a-other'],"
"           'uplink': { 'port': 'a-uplink', 'address': '192.0.2.2/24',"
"                       'next_hop': '192.0.2.1' } },"
"    'B': { 'datapath_id': '000000000000000b', 'mac': '02:00:00:00:00:0b',"
"           'access_ports': ['b-access'],"
"           'uplink': { 'port': 'b-uplink', 'address': '192.0.2.3/24',"
"                       'next_hop': '192.0.2.1' } } },"
"  'segments': { 'metro': {"
"    'gateway': '10.0.0.1', 'prefixes': ['10.0.0.0/24'], 'learn': true,"
"    'beacon': { 'interval_ms': 0 },"
"    'routers': { 'A': { 'priority': 200, 'address': '10.0.0.2' },"
"                 'B': { 'priority': 100, 'address': '10.0.0.3' } } } } }";

#define MAX_WORDS 16

struct runner {
    json_t *config;
    bool started;
    struct fh_buf out;          /* The transcript as it has come out. */
};

struct words {
    char *word[MAX_WORDS];
    size_t n;
};

static void
die(const char *what, const char *which)
{
    fprintf(stderr, "%s: %s\n", what, which);
    exit(2);
}

static const char *
word(const struct words *w, size_t i)
{
    if (i >= w->n) {
        die("a word is missing after", w->n ? w->word[w->n - 1] : "the verb");
    }
    return w->word[i];
}

static void
put(struct runner *r, const char *text)
{
    fh_buf_append(&r->out, text, strlen(text));
    fh_buf_append(&r->out, "\n", 1);
}

static void
said(const char *line, void *r)
{
    put(r, line);
}

/* The configuration. */

static json_t *
read_base_config(void)
{
    char *text = fh_xstrdup(base_config);
    json_t *json;

    for (char *p = text; *p; p++) {
        *p = *p == '\'' ? '"' : *p;
    }
    json = json_loads(text, 0, NULL);
    free(text);
    return json;
}

/* The object that holds the last key of 'path', which is stored in '*key'. */
static json_t *
find_parent(json_t *json, char *path, const char **key)
{
    char *slash;

    while ((slash = strchr(path, '/'))) {
        json_t *next;

        *slash = '\0';
        next = json_object_get(json, path);
        if (!next) {
            next = json_object();
            json_object_set_new(json, path, next);
        }
        json = next;
        path = slash + 1;
    }
    *key = path;
    return json;
}

static void
set(struct runner *r, char *path, const char *text)
{
    const char *key;
    json_t *parent = find_parent(r->config, path, &key);
    json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;

    if (text && !value) {
        die("no JSON", text);
    } else if (value) {
        json_object_set_new(parent, key, value);
    } else {
        json_object_del(parent, key);
    }
}

static struct config *
make_config(struct runner *r)
{
    struct config_errors errors = { .n = 0 };
    json_t *copy = json_deep_copy(r->config);
    struct config *config = config_from_json(copy, &errors, NULL);

    json_decref(copy);
    if (!config) {
        die(errors.items[0].pointer, errors.items[0].text);
    }
    config_errors_destroy(&errors);
    return config;
}

static void
start(struct runner *r)
{
    r->started = true;
    world_start(make_config(r));
}

/* Verbs of the bridges. */

static void
do_connect(struct runner *r, const struct words *w)
{
    bridge_connect(world_bridge(word(w, 0)));
}

static void
do_disconnect(struct runner *r, const struct words *w)
{
    bridge_disconnect(world_bridge(word(w, 0)));
}

static void
do_hold(struct runner *r, const struct words *w)
{
    bridge_hold(world_bridge(word(w, 0)), true);
}

static void
do_release(struct runner *r, const struct words *w)
{
    bridge_hold(world_bridge(word(w, 0)), false);
}

static void
do_refuse(struct runner *r, const struct words *w)
{
    bridge_refuse(world_bridge(word(w, 0)), true);
}

static void
do_wipe(struct runner *r, const struct words *w)
{
    bridge_wipe(world_bridge(word(w, 0)));
}

static void
do_accept(struct runner *r, const struct words *w)
{
    bridge_refuse(world_bridge(word(w, 0)), false);
}

static void
do_stall(struct runner *r, const struct words *w)
{
    bridge_stall(world_bridge(word(w, 0)), true);
}

static void
do_power(struct runner *r, const struct words *w)
{
    bridge_power(world_bridge(word(w, 0)), !strcmp(word(w, 1), "on"));
}

static void
do_path(struct runner *r, const struct words *w)
{
    world_set_path(world_bridge(word(w, 0)), world_bridge(word(w, 1)),
                   !strcmp(word(w, 2), "core"),
                   !strcmp(word(w, 3), "works"));
}

static void
do_unstall(struct runner *r, const struct words *w)
{
    bridge_stall(world_bridge(word(w, 0)), false);
}

static void
do_hide(struct runner *r, const struct words *w)
{
    bridge_hide_flows(world_bridge(word(w, 0)), true);
}

static void
do_hide_meters(struct runner *r, const struct words *w)
{
    bridge_hide_meters(world_bridge(word(w, 0)), true);
}

static void
do_no_punt_meter(struct runner *r, const struct words *w)
{
    bridge_refuse_punt_meter(world_bridge(word(w, 0)));
}

static void
do_flood(struct runner *r, const struct words *w)
{
    bridge_flood(world_bridge(word(w, 0)), atoi(word(w, 1)), true);
}

static void
do_calm(struct runner *r, const struct words *w)
{
    bridge_flood(world_bridge(word(w, 0)), atoi(word(w, 1)), false);
}

static void
do_list(struct runner *r, const struct words *w)
{
    bridge_hide_flows(world_bridge(word(w, 0)), false);
}

static void
do_port(struct runner *r, const struct words *w)
{
    bridge_set_port_up(world_bridge(word(w, 0)), word(w, 1),
                       !strcmp(word(w, 2), "up"));
}

static void
do_renumber(struct runner *r, const struct words *w)
{
    bridge_renumber_port(world_bridge(word(w, 0)), word(w, 1),
                         atoi(word(w, 2)));
}

static void
do_flows(struct runner *r, const struct words *w)
{
    for (size_t i = 0; i < w->n; i++) {
        bridge_say_flows(world_bridge(word(w, i)));
    }
}

static void
do_messages(struct runner *r, const struct words *w)
{
    for (size_t i = 0; i < w->n; i++) {
        bridge_say_messages(world_bridge(word(w, i)));
    }
}

static void
do_probes(struct runner *r, const struct words *w)
{
    for (size_t i = 0; i < w->n; i++) {
        bridge_say_probes(world_bridge(word(w, i)));
    }
}

/* Verbs of the hosts and the core. */

static void
do_ask(struct runner *r, const struct words *w)
{
    host_ask(world_host(word(w, 0)), word(w, 1));
}

static void
do_announce(struct runner *r, const struct words *w)
{
    host_announce(world_host(word(w, 0)));
}

static void
do_probe_address(struct runner *r, const struct words *w)
{
    host_probe_address(world_host(word(w, 0)));
}

static void
do_place(struct runner *r, const struct words *w)
{
    host_place(world_host(word(w, 0)), world_bridge(word(w, 1)),
               atoi(word(w, 2)));
}

static void
do_cut(struct runner *r, const struct words *w)
{
    host_place(world_host(word(w, 0)), world_bridge(word(w, 1)), 0);
}

static void
do_mood(struct runner *r, const struct words *w)
{
    static const char *const moods[] = {
        [HOST_ANSWERS] = "answers", [HOST_IGNORES_NOTICES] = "ignores-notices",
        [HOST_LAZY] = "lazy", [HOST_SILENT] = "silent",
        [HOST_SLOW] = "slow", [HOST_DOZES] = "dozes", [HOST_BUSY] = "busy",
    };

    for (int i = HOST_ANSWERS; i <= HOST_BUSY; i++) {
        if (!strcmp(moods[i], word(w, 1))) {
            host_set_mood(world_host(word(w, 0)), i);
            return;
        }
    }
    die("no mood", word(w, 1));
}

static void
do_mac(struct runner *r, const struct words *w)
{
    host_set_mac(world_host(word(w, 0)), word(w, 1));
}

static void
do_core(struct runner *r, const struct words *w)
{
    world_core_answers(w->n > 1 ? world_bridge(word(w, 1)) : NULL,
                       !strcmp(word(w, 0), "answers"));
}

/* "NAME=VALUE" of an ARP packet or of its frame. */
static bool
read_arp_field(char *text, struct arp *arp, struct eth_addr *dst,
               struct eth_addr *src, unsigned int *vid, int *times,
               int *for_ms)
{
    char *value = strchr(text, '=');
    bool named;

    if (!value) {
        return false;
    }
    *value++ = '\0';
    named = (!strcmp(text, "dst") ? fh_mac_parse(value, dst)
             : !strcmp(text, "src") ? fh_mac_parse(value, src)
             : !strcmp(text, "sha") ? fh_mac_parse(value, &arp->sha)
             : !strcmp(text, "tha") ? fh_mac_parse(value, &arp->tha)
             : !strcmp(text, "spa") ? fh_addr_parse(value, &arp->spa)
             : !strcmp(text, "tpa") ? fh_addr_parse(value, &arp->tpa)
             : !strcmp(text, "vlan") ? sscanf(value, "%u", vid) == 1
             : !strcmp(text, "times") ? (*times = atoi(value)) > 0
             : !strcmp(text, "for") && (*for_ms = atoi(value)) > 0);
    value[-1] = '=';
    return named;
}

#define ARP_EVERY_MS 10

/* Unless told otherwise, the frame is of the sender, to everybody. */
static void
do_arp(struct runner *r, const struct words *w)
{
    struct bridge *b = world_bridge(word(w, 0));
    struct arp arp = { .op = (strcmp(word(w, 2), "reply") ? ARP_OP_REQUEST
                              : ARP_OP_REPLY) };
    struct eth_addr dst, src = arp.sha;
    struct fh_vlan vlan = { .n = 0 };
    unsigned int vid = UINT32_MAX;
    int times = 1, for_ms = 0;

    memset(&dst, 0xff, sizeof dst);
    for (size_t i = 3; i < w->n; i++) {
        if (!read_arp_field(w->word[i], &arp, &dst, &src, &vid, &times,
                            &for_ms)) {
            die("no field of ARP", w->word[i]);
        }
    }
    if (vid != UINT32_MAX) {
        vlan = (struct fh_vlan) { .n = 1, .vids = { vid } };
    }
    for (int ms = 0; ms <= for_ms; ms += ARP_EVERY_MS) {
        world_run_to(world_now_ms() + (ms ? ARP_EVERY_MS : 0));
        for (int i = 0; i < times; i++) {
            world_say_arp(b, atoi(word(w, 1)), dst,
                          fh_mac_is_zero(src) ? arp.sha : src, &vlan, &arp);
        }
    }
}

static void
do_ip(struct runner *r, const struct words *w)
{
    struct eth_addr mac;
    struct fh_addr addr;

    if (!fh_mac_parse(word(w, 2), &mac) || !fh_addr_parse(word(w, 3), &addr)) {
        die("no MAC, or no address", word(w, 2));
    }
    world_say_ip(world_bridge(word(w, 0)), atoi(word(w, 1)), mac, addr);
}

/* Verbs of the operator. */

static struct client *
find_client(const char *text)
{
    struct engine *en = world_engine();
    struct fh_addr addr;

    if (!fh_addr_parse(text, &addr)) {
        die("no address", text);
    }
    for (size_t i = 0; i < engine_n_segments(en); i++) {
        struct client *c = clients_find(engine_clients(en), addr,
                                        engine_segment(en, i)->id);

        if (c) {
            return c;
        }
    }
    return NULL;
}

static void
say_refusal(char *reason)
{
    if (reason) {
        world_say("refused: %s", reason);
        free(reason);
    }
}

static int
find_member(const struct client *c, const char *router)
{
    for (size_t i = 0; i < c->segment->n_members; i++) {
        if (!strcmp(c->segment->members[i].router->config->name, router)) {
            return i;
        }
    }
    die("no member", router);
    return -1;
}

static void
do_move(struct runner *r, const struct words *w)
{
    struct client *c = find_client(word(w, 0));

    if (!c) {
        die("no client", word(w, 0));
    }
    say_refusal(engine_move(world_engine(), c,
                            find_member(c, word(w, 1))));
}

static void
set_draining(const struct words *w, bool draining)
{
    struct engine *en = world_engine();
    struct router *router = engine_find_router(en, word(w, 0));

    if (!router) {
        die("no router", word(w, 0));
    }
    say_refusal(engine_set_draining(en, router, draining));
}

static void
do_drain(struct runner *r, const struct words *w)
{
    set_draining(w, true);
}

static void
do_undrain(struct runner *r, const struct words *w)
{
    set_draining(w, false);
}

static void
do_uplink(struct runner *r, const struct words *w)
{
    struct engine *en = world_engine();

    say_refusal(engine_set_uplink_down(en, engine_find_router(en, word(w, 0)),
                                       !strcmp(word(w, 1), "down")));
}

static void
do_sweep(struct runner *r, const struct words *w)
{
    struct engine *en = world_engine();
    struct fh_prefix prefix;
    bool part = w->n > 1;

    if (part && !fh_prefix_parse(word(w, 1), &prefix)) {
        die("no prefix", word(w, 1));
    }
    say_refusal(engine_sweep(en, engine_find_segment(en, word(w, 0)),
                             part ? &prefix : NULL));
}

static void
do_provision(struct runner *r, const struct words *w)
{
    struct engine *en = world_engine();
    struct config_errors errors = { .n = 0 };
    struct config_client client;
    json_t *json = json_loads(word(w, 1), 0, NULL);

    if (!json || !config_client_from_json(engine_config(en), word(w, 0),
                                          json, &client, &errors)) {
        die("no client entry", word(w, 1));
    }
    json_decref(json);
    config_errors_destroy(&errors);
    say_refusal(engine_provision(en, &client, 1));
}

static void
do_delete(struct runner *r, const struct words *w)
{
    struct client *c = find_client(word(w, 0));

    if (!c) {
        die("no client", word(w, 0));
    }
    say_refusal(engine_delete(world_engine(), c));
}

static void
do_reload(struct runner *r, const struct words *w)
{
    say_refusal(engine_apply(world_engine(), make_config(r), false));
}

static void
do_stop(struct runner *r, const struct words *w)
{
    world_stop();
}

static void
do_start(struct runner *r, const struct words *w)
{
    start(r);
}

/* Says what is known of a client. */
static void
do_client(struct runner *r, const struct words *w)
{
    static const char *const states[] = { "unknown", "up", "suspect", "down" };
    struct client *c = find_client(word(w, 0));
    char line[256];
    int n;

    if (!c) {
        world_say("%s is not known", word(w, 0));
        return;
    }
    n = snprintf(line, sizeof line, "%s is %s, active %s, %u moves",
                 word(w, 0), client_state_name(c->state),
                 c->active == ELECT_NONE ? "none"
                 : c->segment->members[c->active].router->config->name,
                 c->moves);
    for (size_t i = 0; i < c->n_reaches; i++) {
        n += snprintf(line + n, sizeof line - n, ", %s %s",
                      c->segment->members[i].router->config->name,
                      states[c->reaches[i].state]);
    }
    world_say("%s", line);
}

/* Says why frames were dropped since the start. */
static void
do_drops(struct runner *r, const struct words *w)
{
    const struct stats *stats = engine_stats(world_engine());

    for (int i = 0; i < DROP_N; i++) {
        if (stats->drops[i]) {
            world_say("dropped %s %" PRIu64, drop_name(i),
                      stats->drops[i]);
        }
    }
}

/* Says how many routes the BGP speaker is to have. */
static void
do_routes(struct runner *r, const struct words *w)
{
    world_say("%zu routes", world_n_bgp_routes());
}

static void
do_end(struct runner *r, const struct words *w)
{
}

static const struct {
    const char *name;
    void (*run)(struct runner *, const struct words *);
} verbs[] = {
    { "connect", do_connect },          /* BRIDGE */
    { "disconnect", do_disconnect },    /* BRIDGE */
    { "hold", do_hold },                /* BRIDGE: confirms nothing */
    { "release", do_release },          /* BRIDGE */
    { "refuse", do_refuse },            /* BRIDGE: every change of flows */
    { "wipe", do_wipe },                /* BRIDGE: of all its flows */
    { "accept", do_accept },            /* BRIDGE */
    { "stall", do_stall },              /* BRIDGE: answers no echo */
    { "unstall", do_unstall },          /* BRIDGE */
    { "power", do_power },              /* BRIDGE on|off */
    { "path", do_path },        /* BRIDGE BRIDGE access|core works|cut */
    { "hide", do_hide },                /* BRIDGE: lists no flows */
    { "list", do_list },                /* BRIDGE */
    { "hide-meters", do_hide_meters },  /* BRIDGE: tells not what they drop */
    { "no-punt-meter", do_no_punt_meter },      /* BRIDGE: refuses that */
    { "flood", do_flood },              /* BRIDGE PORT|0: fills its meter */
    { "calm", do_calm },                /* BRIDGE PORT|0 */
    { "port", do_port },                /* BRIDGE PORT up|down */
    { "renumber", do_renumber },        /* BRIDGE PORT NUMBER */
    { "flows", do_flows },              /* BRIDGE...: say the clients' */
    { "messages", do_messages },        /* BRIDGE...: how many it was sent */
    { "probes", do_probes },            /* BRIDGE...: say how many */
    { "ask", do_ask },                  /* HOST ADDRESS: ARP request */
    { "announce", do_announce },        /* HOST */
    { "probe-address", do_probe_address },      /* HOST: RFC 5227 */
    { "place", do_place },              /* HOST BRIDGE PORT */
    { "cut", do_cut },                  /* HOST BRIDGE */
    { "mood", do_mood },        /* HOST MOOD: see enum host_mood */
    { "mac", do_mac },                  /* HOST MAC */
    { "arp", do_arp },      /* BRIDGE PORT request|reply sha=MAC spa=ADDRESS
                             * tha= tpa= src=MAC dst=MAC vlan=VID times=N;
                             * for=MS: so many each 10 ms for so long */
    { "ip", do_ip },                    /* BRIDGE PORT MAC ADDRESS: it sends */
    { "core", do_core },                /* answers|silent [BRIDGE] */
    { "move", do_move },                /* ADDRESS ROUTER */
    { "drain", do_drain },              /* ROUTER */
    { "undrain", do_undrain },          /* ROUTER */
    { "uplink", do_uplink },            /* ROUTER down|up */
    { "sweep", do_sweep },              /* SEGMENT [PREFIX] */
    { "provision", do_provision },      /* ADDRESS JSON */
    { "delete", do_delete },            /* ADDRESS */
    { "reload", do_reload },
    { "stop", do_stop },
    { "start", do_start },
    { "client", do_client },            /* ADDRESS: say what is known */
    { "drops", do_drops },
    { "routes", do_routes },            /* Of upstream bgp. */
    { "end", do_end },
};

/* Commands. */

/* What happens until 'line' is due comes out before it. */
static void
wait_for(struct runner *r, const char *line)
{
    int64_t at_ms = atoll(line + strlen("at "));

    if (!r->started) {
        start(r);
    }
    if (at_ms < world_now_ms()) {
        die("that time has passed", line);
    }
    world_run_to(at_ms);
}

static void
run_at(struct runner *r, struct words *w)
{
    const char *verb = word(w, 2);
    struct words rest = { .n = w->n - 3 };

    memcpy(rest.word, w->word + 3, rest.n * sizeof rest.word[0]);
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (!strcmp(verbs[i].name, verb)) {
            verbs[i].run(r, &rest);
            world_settle();
            return;
        }
    }
    die("no such verb", verb);
}

static void
add_host(struct words *w)
{
    struct host *h = world_add_host(word(w, 1), word(w, 2), word(w, 3));

    for (size_t i = 4; i < w->n; i++) {
        char *colon = strchr(w->word[i], ':');

        if (!strncmp(w->word[i], "vlan=", 5)) {
            struct fh_vlan vlan = { .n = 0 };
            unsigned int a = 0, b = 0;

            vlan.n = sscanf(w->word[i] + 5, "%u.%u", &a, &b);
            vlan.vids[0] = a;
            vlan.vids[1] = b;
            host_set_vlan(h, &vlan);
        } else if (colon) {
            *colon = '\0';
            host_place(h, world_bridge(w->word[i]), atoi(colon + 1));
        } else {
            die("no place", w->word[i]);
        }
    }
}

/* Splits 'line' at spaces; what stands in apostrophes is one word. */
static void
split(char *line, struct words *w)
{
    w->n = 0;
    while (*(line += strspn(line, " ")) && w->n < MAX_WORDS) {
        char end = *line == '\'' ? '\'' : ' ';

        line += *line == '\'';
        w->word[w->n++] = line;
        line = strchr(line, end);
        if (!line) {
            return;
        }
        *line++ = '\0';
    }
}

static void
run_command(struct runner *r, char *line)
{
    struct words w;

    split(line, &w);
    if (!strcmp(w.word[0], "at")) {
        run_at(r, &w);
    } else if (!strcmp(w.word[0], "set")) {
        set(r, (char *) word(&w, 1), word(&w, 2));
    } else if (!strcmp(w.word[0], "unset")) {
        set(r, (char *) word(&w, 1), NULL);
    } else if (!strcmp(w.word[0], "host")) {
        if (!r->started) {
            start(r);
        }
        add_host(&w);
    } else if (!strcmp(w.word[0], "show")) {
        world_show_probes(!strcmp(word(&w, 1), "probes"));
        world_show_core(!strcmp(word(&w, 1), "core"));
    } else {
        die("no such command", w.word[0]);
    }
}

/* Runs what 'text' says and returns the transcript that comes of it. */
static char *
run(const char *text)
{
    struct runner r = { .config = read_base_config() };
    char *copy = fh_xstrdup(text), *save = NULL;

    world_create(said, &r);
    for (char *line = copy; line && *line; line = save) {
        save = strchr(line, '\n');
        if (save) {
            *save++ = '\0';
        }
        if (*line == ' ') {
            continue;           /* Was expected. */
        }
        if (!strncmp(line, "at ", 3)) {
            wait_for(&r, line);
        }
        put(&r, line);
        if (*line && *line != '#') {
            run_command(&r, line);
        }
    }
    world_destroy();
    json_decref(r.config);
    free(copy);
    fh_buf_append(&r.out, "", 1);
    return (char *) r.out.data;
}

/* Files. */

static char *
read_file(const char *path)
{
    struct fh_buf buf = { 0 };
    FILE *f = fopen(path, "r");
    size_t n;

    if (!f) {
        die(path, strerror(errno));
    }
    do {
        n = fread(fh_buf_put(&buf, 4096), 1, 4096, f);
        buf.len -= 4096 - n;
    } while (n);
    fclose(f);
    fh_buf_append(&buf, "", 1);
    return (char *) buf.data;
}

static void
write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    if (!f || fputs(text, f) < 0 || fclose(f)) {
        die(path, strerror(errno));
    }
}

/* Says where two texts begin to differ. */
static void
say_difference(const char *expected, const char *got)
{
    int line = 1;

    while (*expected && *got) {
        size_t a = strcspn(expected, "\n"), b = strcspn(got, "\n");

        if (a != b || strncmp(expected, got, a)) {
            break;
        }
        expected += a + (expected[a] == '\n');
        got += b + (got[b] == '\n');
        line++;
    }
    printf("# line %d, expected:\n#  %.*s\n# got:\n#  %.*s\n", line,
           (int) strcspn(expected, "\n"), expected,
           (int) strcspn(got, "\n"), got);
}

/* Returns whether the transcript is as expected, or has been updated. */
static bool
run_file(const char *path, bool update)
{
    char *expected = read_file(path);
    char *got = run(expected);
    bool same = !strcmp(expected, got);

    if (!same && update) {
        write_file(path, got);
        same = true;
    } else if (!same) {
        say_difference(expected, got);
    }
    free(expected);
    free(got);
    return same;
}

static int
is_transcript(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    return dot && !strcmp(dot, ".txt");
}

/* The files of a directory, in order of names.  Returns how many. */
static size_t
list_files(const char *dir, char ***files)
{
    struct dirent **entries;
    int n = scandir(dir, &entries, is_transcript, alphasort);

    if (n < 0) {
        die(dir, strerror(errno));
    }
    *files = fh_xcalloc(n + 1, sizeof **files);
    for (int i = 0; i < n; i++) {
        (*files)[i] = fh_xasprintf("%s/%s", dir, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return n;
}

static bool
run_files(char **files, size_t n, bool update)
{
    bool all_ok = true;

    printf("1..%zu\n", n);
    for (size_t i = 0; i < n; i++) {
        const char *slash = strrchr(files[i], '/');
        bool ok = run_file(files[i], update);

        printf("%sok %zu - %s\n", ok ? "" : "not ", i + 1,
               slash ? slash + 1 : files[i]);
        fflush(stdout);
        all_ok = all_ok && ok;
    }
    return all_ok;
}

int
main(int argc, char *argv[])
{
    bool update = argc > 1 && !strcmp(argv[1], "--update");
    const char *top = getenv("top_srcdir");
    char *dir = fh_xasprintf("%s/tests/transcripts", top ? top : ".");
    char **files = NULL;
    size_t n = 0;
    bool ok;

    log_set_level(LOG_LVL_ERR);
    if (argc > 1 + update) {
        ok = run_files(argv + 1 + update, argc - 1 - update, update);
    } else {
        n = list_files(dir, &files);
        ok = n && run_files(files, n, update);
    }
    for (size_t i = 0; i < n; i++) {
        free(files[i]);
    }
    free(files);
    free(dir);
    return ok ? 0 : 1;
}
