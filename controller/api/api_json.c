/* What the control socket says, as JSON.  See api_json.h.
 *
 * Called by the other api files.  Reads the daemon's state, changes none. */
#include <config.h>

#include "controller/api/api_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <firsthop/buf.h>

#include "controller/decide/pulse.h"


/* Clients named as left behind by a drain; the count is of all. */
#define MAX_LEFT_BEHIND 100

char *
api_time_format(int64_t unix_ms, char buf[API_TIME_STRLEN])
{
    time_t seconds = unix_ms / 1000;
    struct tm tm;

    gmtime_r(&seconds, &tm);
    size_t n = strftime(buf, API_TIME_STRLEN, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(buf + n, API_TIME_STRLEN - n, ".%03dZ", (int) (unix_ms % 1000));
    return buf;
}

/* Sets 'key' to 'value' (taken).  Out of memory aborts, as everywhere. */
static void
put(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new_nocheck(object, key, value)) {
        abort();
    }
}

static void
append(json_t *array, json_t *value)
{
    if (json_array_append_new(array, value)) {
        abort();
    }
}

json_t *
api_json_text(const char *s)
{
    json_t *json = json_string(s);
    char *ascii;

    if (json) {
        return json;
    }
    ascii = fh_xstrdup(s);      /* No UTF-8: from a URL, say. */
    for (char *p = ascii; *p; p++) {
        *p = *p & 0x80 ? '?' : *p;
    }
    json = json_string(ascii);
    free(ascii);
    return json;
}

/* 's' as a JSON string; null for NULL and "". */
static json_t *
string_or_null(const char *s)
{
    return s && *s ? api_json_text(s) : json_null();
}

/* Null where 'value' says that there is none: -1. */
static json_t *
ms_or_null(int32_t value)
{
    return value < 0 ? json_null() : json_integer(value);
}

static json_t *
address(struct fh_addr addr)
{
    char buf[FH_ADDR_STRLEN];

    return json_string(fh_addr_format(addr, buf));
}

static json_t *
address_or_null(struct fh_addr addr)
{
    return fh_addr_is_zero(addr) ? json_null() : address(addr);
}

static json_t *
mac_or_null(struct eth_addr mac)
{
    char buf[FH_MAC_STRLEN];

    return fh_mac_is_zero(mac) ? json_null()
                               : json_string(fh_mac_format(mac, buf));
}

static json_t *
vlan_array(const struct fh_vlan *vlan)
{
    json_t *array = json_array();

    for (size_t i = 0; i < vlan->n; i++) {
        append(array, json_integer(vlan->vids[i]));
    }
    return array;
}

static json_t *
time_or_null(int64_t unix_ms)
{
    char buf[API_TIME_STRLEN];

    return unix_ms > 0 ? json_string(api_time_format(unix_ms, buf))
                       : json_null();
}

void
api_count_clients(const struct engine *en, struct api_counts *counts)
{
    const struct clients *clients = engine_clients(en);
    size_t n = clients_count(clients);

    memset(counts, 0, sizeof *counts);
    counts->clients = n;
    for (size_t i = 0; i < n; i++) {
        const struct client *c = clients_at(clients, i);

        counts->by_state[c->state]++;
        counts->by_origin[c->origin]++;
    }
}

/* Null where the configuration names no pipes. */
static json_t *
json_bgp(const struct engine *en, const struct api_host *host)
{
    struct fh_bgp_status stats;
    json_t *object;

    if (!engine_config(en)->bgp.api_in) {
        return json_null();
    }
    host->bgp(host->aux, &stats);
    object = json_object();
    put(object, "connected", json_boolean(stats.up));
    put(object, "stuck", json_boolean(stats.stuck));
    put(object, "synced", json_boolean(stats.synced));
    put(object, "peers", json_integer(stats.n_peers));
    put(object, "peers_up", json_integer(stats.n_peers_up));
    put(object, "routes", json_integer(stats.n_routes));
    put(object, "pending", json_integer(stats.n_dirty));
    put(object, "syncs", json_integer(stats.syncs));
    put(object, "errors", json_integer(stats.errors));
    return object;
}

/* Null where the configuration names no table. */
static json_t *
json_kernel(const struct engine *en, const struct api_host *host)
{
    struct fh_kernel_status status;
    json_t *object;

    if (!engine_config(en)->kernel.table) {
        return json_null();
    }
    host->kernel(host->aux, &status);
    object = json_object();
    put(object, "up", json_boolean(status.up));
    put(object, "routes", json_integer(status.n_routes));
    put(object, "pending", json_integer(status.n_dirty));
    put(object, "refused", json_integer(status.n_refused));
    put(object, "errors", json_integer(status.errors));
    return object;
}

static json_t *
json_core(const struct api_host *host)
{
    json_t *object = json_object();
    json_t *list = json_array();

    for (size_t i = 0; i < host->n_cores(host->aux); i++) {
        struct fh_core_status info = host->core(host->aux, i);
        json_t *bridge = json_object();
        char dpid[FH_DPID_STRLEN];

        put(bridge, "name", json_string(info.name));
        put(bridge, "datapath_id",
            json_string(fh_dpid_format(info.dpid, dpid)));
        put(bridge, "connected", json_boolean(info.connected));
        append(list, bridge);
    }
    put(object, "bridges", list);
    put(object, "routes", json_integer(host->core_routes(host->aux)));
    return object;
}

static json_t *
json_problems(const struct api_host *host)
{
    json_t *array = json_array();
    const char *problem;

    for (size_t i = 0; (problem = host->problem(host->aux, i)); i++) {
        json_array_append_new(array, api_json_text(problem));
    }
    return array;
}

/* Which of several controllers this one is. */
static void
put_role(json_t *status, const struct api_host *host)
{
    const struct fh_cluster_status *s = (host->cluster
                                         ? host->cluster(host->aux) : NULL);

    put(status, "role", json_string(!s ? "alone" : s->leads ? "leader"
                                    : "follower"));
    if (s) {
        put(status, "leader", *s->leader ? json_string(s->leader)
                              : json_null());
        put(status, "epoch", json_integer((json_int_t) s->epoch));
    }
}

json_t *
api_json_status(const struct engine *en, const struct api_host *host)
{
    struct api_counts counts;
    json_t *status = json_object();
    json_t *object = json_object();
    size_t n_connected = 0;

    for (size_t i = 0; i < engine_n_routers(en); i++) {
        n_connected += engine_router(en, i)->openflow != NULL;
    }
    api_count_clients(en, &counts);
    put(object, "routers", json_integer(engine_n_routers(en)));
    put(object, "routers_connected", json_integer(n_connected));
    put(object, "segments", json_integer(engine_n_segments(en)));
    put(object, "clients", json_integer(counts.clients));
    for (int i = 0; i <= CLIENT_LOST; i++) {
        char key[32];

        snprintf(key, sizeof key, "clients_%s", client_state_name(i));
        put(object, key, json_integer(counts.by_state[i]));
    }
    for (int i = 0; i < CLIENT_N_ORIGINS; i++) {
        char key[32];

        snprintf(key, sizeof key, "clients_%s", client_origin_name(i));
        put(object, key, json_integer(counts.by_origin[i]));
    }
    put(object, "last_event",
        json_integer(journal_last_seq(engine_journal(en))));

    put(status, "version", json_string(PACKAGE_VERSION));
    put(status, "started", time_or_null(engine_started_ms(en)));
    put(status, "uptime_s", json_integer((engine_unix_ms(en)
                                          - engine_started_ms(en)) / 1000));
    put_role(status, host);
    put(status, "problems", json_problems(host));
    put(status, "counts", object);
    object = json_object();
    put(object, "bgp", json_bgp(en, host));
    put(object, "kernel", json_kernel(en, host));
    put(object, "core", json_core(host));
    put(status, "upstream", object);
    return status;
}

static json_t *
access_port(const struct router *router, size_t i)
{
    const struct router_port *port = &router->ports[i];
    json_t *object = json_object();
    bool there = router->openflow && port->number;

    put(object, "name", json_string(router->config->access_ports[i]));
    put(object, "role", json_string("access"));
    put(object, "number", there ? json_integer(port->number) : json_null());
    put(object, "up", json_boolean(there && port->up));
    put(object, "clients_learned", json_integer(port->n_learned));
    return object;
}

static json_t *
uplink_port(const struct router *router, const struct uplink *uplink)
{
    json_t *object = json_object();
    bool there = router->openflow && uplink->view.port;
    char buf[FH_PREFIX_STRLEN];

    put(object, "name", json_string(uplink->config->port));
    put(object, "role", json_string("uplink"));
    put(object, "number", there ? json_integer(uplink->view.port)
                                : json_null());
    put(object, "up", json_boolean(there && uplink->port_up));
    put(object, "vlan", vlan_array(&uplink->config->vlan));
    put(object, "address",
        json_string(fh_prefix_format(&uplink->config->address, buf)));
    put(object, "next_hop", address(uplink->config->next_hop));
    put(object, "next_hop_mac",
        uplink_is_resolved(uplink) ? mac_or_null(uplink->view.next_hop_mac)
                                   : json_null());
    put(object, "next_hop_state",
        json_string(uplink->state == UPLINK_DEAD ? "dead"
                    : uplink_is_resolved(uplink) ? "resolved"
                    : "unresolved"));
    return object;
}

json_t *
api_json_router(const struct engine *en, const struct router *router)
{
    json_t *object = json_object();
    json_t *ports = json_array();
    char dpid[FH_DPID_STRLEN];

    for (size_t i = 0; i < router->config->n_access_ports; i++) {
        append(ports, access_port(router, i));
    }
    for (size_t i = 0; i < router->n_uplinks; i++) {
        append(ports, uplink_port(router, &router->uplinks[i]));
    }
    put(object, "name", json_string(router->config->name));
    put(object, "datapath_id",
        json_string(fh_dpid_format(router->config->dpid, dpid)));
    put(object, "connected", json_boolean(router->openflow != NULL));
    put(object, "ready", json_boolean(router->openflow && router->ready));
    put(object, "openflow",
        string_or_null(router->openflow));
    put(object, "headless", json_boolean(router->pulse == PULSE_HEADLESS));
    put(object, "admin", json_string(router->draining ? "drain" : "up"));
    put(object, "uplink", json_string(router->uplink_down ? "down" : "up"));
    put(object, "clients_active", json_integer(router->n_active));
    put(object, "clients_reachable", json_integer(router->n_reachable));
    put(object, "ports", ports);
    if (router->openflow && router->one_tag_only) {
        put(object, "problem",
            json_string("its bridge reads one VLAN tag only (vlan-limit): "
                        "clients with two tags are not served on it"));
    } else if (router->openflow
               && (router->n_repaired || router->n_meters_repaired)) {
        put(object, "problem",
            json_string("somebody else changes flows or meters of ours on "
                        "its bridge: they are put right again"));
    }
    return object;
}

/* Does a router that could take the client, other than 'router', reach it?
 * Quicker to tell than a whole election, of which there may be 100,000. */
static bool
is_reached_otherwise(const struct router *router, const struct client *client)
{
    for (size_t i = 0; i < client->n_reaches; i++) {
        const struct router *other = client->segment->members[i].router;

        if (other != router && other->openflow && other->ready
            && !other->draining && !other->uplink_down
            && reach_is_up(&client->reaches[i])) {
            return true;
        }
    }
    return false;
}

/* Is it active for 'client', and would no other router take it? */
static bool
keeps_client(const struct engine *en, const struct router *router,
             const struct client *client)
{
    struct elect_candidate candidates[CONFIG_MAX_MEMBERS];

    return client->active != ELECT_NONE
           && client->segment->members[client->active].router == router
           && !is_reached_otherwise(router, client)
           && engine_explain(en, client, candidates).winner
              == client->active;
}

json_t *
api_json_name(const struct client *client)
{
    json_t *object = json_object();

    put(object, "address", address(client->key.address));
    put(object, "segment", json_string(client->segment->config->name));
    return object;
}

/* Does another router reach the client that drains as well? */
static bool
is_reached_by_draining(const struct router *router,
                       const struct client *client)
{
    for (size_t i = 0; i < client->n_reaches; i++) {
        const struct router *other = client->segment->members[i].router;

        if (other != router && other->openflow && other->draining
            && reach_is_up(&client->reaches[i])) {
            return true;
        }
    }
    return false;
}

const char *
api_why_kept(const struct router *router, const struct client *client)
{
    if (client->segment->n_members == 1) {
        return "its segment has no other router";
    } else if (client->state == CLIENT_LOST) {
        return "it is lost";
    }
    return (is_reached_by_draining(router, client)
            ? "the other routers that reach it drain too"
            : "no other router reaches it");
}

json_t *
api_json_router_details(const struct engine *en,
                        const struct router *router)
{
    const struct clients *clients = engine_clients(en);
    json_t *object = api_json_router(en, router);
    json_t *list = json_array();
    size_t n = router->draining ? clients_count(clients) : 0;
    size_t n_kept = 0;

    for (size_t i = 0; i < n; i++) {
        const struct client *c = clients_at(clients, i);

        if (!keeps_client(en, router, c) || n_kept++ >= MAX_LEFT_BEHIND) {
            continue;
        }
        json_t *item = api_json_name(c);
        put(item, "reason", json_string(api_why_kept(router, c)));
        append(list, item);
    }
    put(object, "clients_left_behind", json_integer(n_kept));
    put(object, "left_behind", list);
    return object;
}

const char *
api_member_name(const struct segment *segment, int member)
{
    return member == ELECT_NONE ? NULL
           : segment->members[member].router->config->name;
}

/* The name of the access port with a number, or NULL. */
static const char *
access_port_name(const struct router *router, uint32_t number)
{
    for (size_t i = 0; number && i < router->config->n_access_ports; i++) {
        if (router->ports[i].number == number) {
            return router->config->access_ports[i];
        }
    }
    return NULL;
}

static const char *
reach_state_text(const struct reach *reach)
{
    return (reach_is_up(reach) ? "up"
            : reach->state == REACH_DOWN ? "down" : "unknown");
}

static json_t *
json_reach(const struct engine *en, const struct router *router,
           const struct reach *reach)
{
    json_t *object = json_object();
    int64_t age_ms = engine_now_ms(en) - reach->last_reply_ms;

    put(object, "state", json_string(reach_state_text(reach)));
    put(object, "port", string_or_null(access_port_name(router,
                                                        reach->port)));
    put(object, "rtt_us", (reach->rtt.srtt_us
                           ? json_integer(reach->rtt.srtt_us)
                           : json_null()));
    put(object, "last_reply_ms",
        reach->last_reply_ms ? json_integer(age_ms > 0 ? age_ms : 0)
                             : json_null());
    put(object, "misses", json_integer(reach->misses));
    return object;
}

json_t *
api_json_client(const struct engine *en, const struct client *client)
{
    const struct segment *segment = client->segment;
    json_t *object = json_object();
    json_t *reaches = json_object();

    for (size_t i = 0; i < client->n_reaches; i++) {
        const struct router *router = segment->members[i].router;

        put(reaches, router->config->name,
            json_reach(en, router, &client->reaches[i]));
    }
    put(object, "address", address(client->key.address));
    put(object, "segment", json_string(segment->config->name));
    put(object, "origin", json_string(client_origin_name(client->origin)));
    if (client->lease && client->lease->end_ms) {
        put(object, "expires",
            time_or_null(engine_unix_ms(en) + client->lease->end_ms
                         - engine_now_ms(en)));
    }
    put(object, "mac", mac_or_null(client->mac));
    put(object, "vlan", vlan_array(&client->vlan));
    put(object, "state", json_string(client_state_name(client->state)));
    put(object, "active", string_or_null(api_member_name(segment,
                                                         client->active)));
    put(object, "since", time_or_null(client->since_ms));
    put(object, "moves", json_integer(client->moves));
    if (client->is_static) {
        put(object, "static", json_true());
    }
    put(object, "reach", reaches);
    return object;
}

static json_t *
json_count(const struct usage_count *count)
{
    json_t *object = json_object();

    put(object, "packets", json_integer(count->packets));
    put(object, "bytes", json_integer(count->bytes));
    return object;
}

json_t *
api_json_usage(const struct engine *en, const struct client *client)
{
    static const struct usage nothing = { 0 };
    const struct usage *usage = client->usage ? client->usage : &nothing;
    json_t *object = api_json_name(client);

    put(object, "active", string_or_null(api_member_name(client->segment,
                                                         client->active)));
    put(object, "from_client", json_count(&usage->total[USAGE_FROM_CLIENT]));
    put(object, "to_client", json_count(&usage->total[USAGE_TO_CLIENT]));
    put(object, "read", time_or_null(usage->read_ms));
    return object;
}

static json_t *
json_candidate(const struct engine *en, const struct client *client,
               size_t i, const struct elect_candidate *candidate)
{
    const struct router *router = client->segment->members[i].router;
    const struct reach *reach = &client->reaches[i];
    json_t *object = json_object();

    put(object, "router", json_string(router->config->name));
    put(object, "eligible", json_boolean(elect_is_eligible(candidate)));
    put(object, "connected", json_boolean(candidate->connected));
    put(object, "draining", json_boolean(candidate->draining));
    put(object, "expected", json_boolean(candidate->expected));
    put(object, "uplink_ok", json_boolean(candidate->uplink_ok));
    put(object, "reach", json_string(reach_state_text(reach)));
    put(object, "heard", json_boolean(candidate->heard));
    put(object, "up_for_ms",
        reach_is_up(reach) ? json_integer(engine_now_ms(en)
                                          - candidate->up_since_ms)
                           : json_null());
    put(object, "priority", json_integer(candidate->priority));
    put(object, "hash", json_integer(candidate->hash));
    return object;
}

static json_t *
json_last_move(const struct client *client)
{
    const struct client_move *move = client->last_move;
    json_t *object;

    if (!move) {
        return json_null();
    }
    object = json_object();
    put(object, "cause", json_string(incident_cause_name(move->cause)));
    put(object, "from", string_or_null(move->from));
    put(object, "time", time_or_null(move->time_ms));
    return object;
}

json_t *
api_json_explain(const struct engine *en, const struct client *client)
{
    struct elect_candidate candidates[CONFIG_MAX_MEMBERS];
    const struct segment *segment = client->segment;
    struct elect_result result = engine_explain(en, client, candidates);
    json_t *object = json_object();
    json_t *list = json_array();

    for (size_t i = 0; i < segment->n_members; i++) {
        append(list, json_candidate(en, client, i, &candidates[i]));
    }
    put(object, "address", address(client->key.address));
    put(object, "segment", json_string(segment->config->name));
    put(object, "state", json_string(client_state_name(client->state)));
    put(object, "active", string_or_null(api_member_name(segment,
                                                         client->active)));
    put(object, "last_move", json_last_move(client));
    put(object, "winner", string_or_null(api_member_name(segment,
                                                         result.winner)));
    put(object, "reason", json_string(elect_reason_name(result.reason)));
    put(object, "decision", json_string(elect_reason_text(result.reason)));
    put(object, "again_in_ms",
        result.again_ms ? json_integer(result.again_ms - engine_now_ms(en))
                        : json_null());
    put(object, "preempt",
        json_boolean(segment->config->election.preempt));
    put(object, "hold_down_ms",
        json_integer(segment->config->election.hold_down_ms));
    put(object, "candidates", list);
    return object;
}

json_t *
api_json_event(const struct incident *event)
{
    json_t *object = json_object();

    put(object, "seq", json_integer(event->seq));
    put(object, "time", time_or_null(event->time_ms));
    put(object, "type", json_string(incident_type_name(event->type)));
    put(object, "segment", string_or_null(event->segment));
    put(object, "client", address_or_null(event->client));
    put(object, "from", string_or_null(event->from));
    put(object, "to", string_or_null(event->to));
    put(object, "cause", string_or_null(incident_cause_name(event->cause)));
    put(object, "detect_ms", ms_or_null(event->detect_ms));
    put(object, "install_ms", ms_or_null(event->install_ms));
    put(object, "ack_ms", ms_or_null(event->ack_ms));
    if (*event->detail) {
        put(object, "detail", api_json_text(event->detail));
    }
    return object;
}

json_t *
api_json_errors(const struct config_errors *errors)
{
    json_t *array = json_array();

    for (size_t i = 0; i < errors->n; i++) {
        json_t *object = json_object();

        put(object, "pointer", api_json_text(errors->items[i].pointer));
        put(object, "detail", api_json_text(errors->items[i].text));
        append(array, object);
    }
    return array;
}
