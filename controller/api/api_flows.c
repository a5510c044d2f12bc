/* /v1/clients/ADDRESS/flows and .../trace: what the bridges hold for a client,
 * and what they do with a packet of its.
 *
 * Called by api.c for its routes.  Both tell what has been sent to the bridges
 * and confirmed; that it is there is seen to every few seconds
 * (router.repaired). */
#include <config.h>

#include "controller/api/api_internal.h"

#include <stdlib.h>
#include <string.h>

#include "controller/engine/router_desired.h"
#include "flows/flow_client.h"
#include "flows/flow_ofctl.h"
#include "flows/trace.h"

#define TRACE_TTL 64

/* Flows. */

static json_t *
json_flows(const struct client *c, size_t member)
{
    struct fh_flow flows[FLOW_CLIENT_N];
    json_t *list = json_array();
    struct fh_client view;
    struct fh_uplink uplink;

    if (router_held_view(c, member, &view, &uplink)) {
        flow_client_build(&view, flows);
        for (size_t i = 0; i < FLOW_CLIENT_N; i++) {
            char *text = flow_format_ofctl(&flows[i]);

            json_array_append_new(list, json_string(text));
            free(text);
        }
    }
    return list;
}

void
api_get_client_flows(struct api_call *call)
{
    const struct client *c = api_find_client(call);
    json_t *json, *routers;

    if (!c) {
        return;
    }
    routers = json_array();
    for (size_t i = 0; i < c->n_reaches; i++) {
        const struct router *router = c->segment->members[i].router;

        json_array_append_new(routers, json_pack(
            "{s:s, s:b, s:b, s:o}", "router", router->config->name,
            "active", c->active == (int) i, "connected",
            router->openflow != NULL, "flows", json_flows(c, i)));
    }
    json = api_json_name(c);
    json_object_set_new(json, "routers", routers);
    api_reply_json(call, 200, json);
}

/* Trace. */

/* A packet on its way over one router, and what came of it. */
struct hop {
    const struct router *router;
    struct trace_packet packet;
    struct trace trace;
};

static void
put_flow(const struct fh_flow *flow, void *set)
{
    flow_set_put(set, flow);
}

/* Adds the flows that the router holds for a client (or NULL). */
static void
put_client(struct flow_set *set, const struct client *c,
           const struct router *router)
{
    struct fh_flow flows[FLOW_CLIENT_N];
    struct fh_client view;
    struct fh_uplink uplink;

    for (size_t i = 0; c && i < c->n_reaches; i++) {
        if (c->segment->members[i].router == router
            && router_held_view(c, i, &view, &uplink)) {
            flow_client_build(&view, flows);
            for (size_t j = 0; j < FLOW_CLIENT_N; j++) {
                flow_set_put(set, &flows[j]);
            }
        }
    }
}

static void
run_hop(struct hop *hop, const struct client *from, const struct client *to)
{
    struct flow_set *set = flow_set_create();

    if (hop->router->base) {
        flow_set_for_each(hop->router->base, put_flow, set);
    }
    put_client(set, from, hop->router);
    put_client(set, to, hop->router);
    trace_run(set, &hop->packet, &hop->trace);
    flow_set_destroy(set);
}

/* As it comes from the client: to its active router, at its place. */
static void
packet_from(struct hop *hop, const struct client *c)
{
    const struct member *m = &c->segment->members[c->active];
    struct fh_client view;
    struct fh_uplink uplink;

    hop->router = m->router;
    hop->packet.eth_src = c->mac;
    hop->packet.eth_dst = m->router->config->mac;
    hop->packet.vlan = c->vlan;
    hop->packet.in_port = (router_held_view(c, c->active, &view, &uplink)
                           ? view.port : c->reaches[c->active].port);
}

/* As the core hands it to the client's active router. */
static void
packet_from_core(struct hop *hop, const struct client *to)
{
    const struct member *m = &to->segment->members[to->active];

    hop->router = m->router;
    hop->packet.eth_src = m->uplink->view.next_hop_mac;
    hop->packet.eth_dst = m->router->config->mac;
    hop->packet.vlan = m->uplink->view.vlan;
    hop->packet.in_port = m->uplink->view.port;
}

/* The name of the router's port with a number, and its role. */
static json_t *
json_port(const struct router *router, uint32_t number)
{
    for (size_t i = 0; i < router->config->n_access_ports; i++) {
        if (router->ports[i].number == number) {
            return json_pack("{s:s, s:s, s:I}", "name",
                             router->config->access_ports[i], "role",
                             "access", "number", (json_int_t) number);
        }
    }
    for (size_t i = 0; i < router->n_uplinks; i++) {
        if (router->uplinks[i].view.port == number) {
            return json_pack("{s:s, s:s, s:I}", "name",
                             router->uplinks[i].config->port, "role",
                             "uplink", "number", (json_int_t) number);
        }
    }
    return json_pack("{s:n, s:n, s:I}", "name", "role", "number",
                     (json_int_t) number);
}

static json_t *
json_step(const struct trace_step *step)
{
    static const char *const names[FH_N_TABLES] = {
        [FH_TABLE_CLASSIFY] = "classify", [FH_TABLE_INNER] = "inner",
        [FH_TABLE_SENDER] = "sender", [FH_TABLE_SOURCE] = "source",
        [FH_TABLE_ROUTE] = "route", [FH_TABLE_CLIENT] = "client",
        [FH_TABLE_MTU] = "mtu", [FH_TABLE_HOP] = "hop",
        [FH_TABLE_OUTPUT] = "output", [FH_TABLE_PUNT] = "punt",
    };
    const char *name = (step->table < FH_N_TABLES && names[step->table]
                        ? names[step->table] : "other");
    char *text = step->matched ? flow_format_ofctl(&step->flow) : NULL;
    json_t *json = json_pack("{s:i, s:s, s:s?}", "table", (int) step->table,
                             "name", name, "flow", text);

    free(text);
    return json;
}

static json_t *
json_hop(const struct hop *hop)
{
    const struct trace *t = &hop->trace;
    json_t *steps = json_array();

    for (size_t i = 0; i < t->n_steps; i++) {
        json_array_append_new(steps, json_step(&t->steps[i]));
    }
    return json_pack("{s:s, s:o, s:o, s:s, s:o}", "router",
                     hop->router->config->name, "in_port",
                     json_port(hop->router, hop->packet.in_port), "steps",
                     steps, "verdict", t->n_ports ? "output"
                     : t->punted ? "controller" : "drop", "out_port",
                     t->n_ports ? json_port(hop->router,
                                            t->ports[t->n_ports - 1])
                     : json_null());
}

static bool
leaves_by_uplink(const struct hop *hop)
{
    const struct trace *t = &hop->trace;

    for (size_t i = 0; t->n_ports && i < hop->router->n_uplinks; i++) {
        if (hop->router->uplinks[i].view.port == t->ports[t->n_ports - 1]) {
            return true;
        }
    }
    return false;
}

/* What came of it, for a person. */
static const char *
verdict(const struct hop *hop, const struct client *to)
{
    if (!hop->trace.n_ports) {
        return hop->trace.punted ? "handed to the controller" : "dropped";
    }
    if (leaves_by_uplink(hop)) {
        return to ? "sent to the core" : "sent to the next hop";
    }
    return "delivered";
}

static bool
is_served(const struct client *c)
{
    return c && c->active != ELECT_NONE;
}

/* The hops from one client (or NULL: the core) to another (or NULL). */
static void
reply_trace(struct api_call *call, const struct client *from,
            const struct client *to, struct fh_addr src, struct fh_addr dst)
{
    struct hop hop = { .packet = { .src = src, .dst = dst,
                                   .ttl = TRACE_TTL } };
    json_t *hops = json_array();
    char text[2][FH_ADDR_STRLEN];

    if (from) {
        packet_from(&hop, from);
        run_hop(&hop, from, to);
        json_array_append_new(hops, json_hop(&hop));
    }
    if (is_served(to) && (!from || leaves_by_uplink(&hop))) {
        hop.packet.ttl -= from != NULL;
        packet_from_core(&hop, to);
        run_hop(&hop, NULL, to);
        json_array_append_new(hops, json_hop(&hop));
    }
    api_reply_json(call, 200, json_pack(
        "{s:s, s:s, s:o, s:s}", "from", fh_addr_format(src, text[0]), "to",
        fh_addr_format(dst, text[1]), "hops", hops, "verdict",
        verdict(&hop, to)));
}

/* Who else has the address: on the segment of 'c', or on one other. */
static const struct client *
find_other(struct api_call *call, const struct client *c,
           struct fh_addr address)
{
    const struct clients *clients = engine_clients(call->en);
    const struct client *other = clients_find(clients, address,
                                              c->segment->id);
    struct client_key key = { .address = address };

    if (!other) {
        other = clients_at(clients, clients_lower_bound(clients, key));
        other = (other && fh_addr_equal(other->key.address, address) ? other
                 : NULL);
    }
    return other;
}

void
api_get_client_trace(struct api_call *call)
{
    const char *to_text = api_query(call, "to");
    const char *from_text = api_query(call, "from");
    const char *text = to_text ? to_text : from_text;
    const struct client *c = api_find_client(call);
    struct fh_addr address;

    if (!c) {
        return;
    }
    if (!text || (to_text && from_text)) {
        api_reply_problem(call, 422, "either to or from must be given");
    } else if (!fh_addr_parse(text, &address)) {
        api_reply_problem(call, 400, "%s is no IPv4 address", text);
    } else if (!is_served(c)) {
        api_reply_problem(call, 409, "no router is active for the client");
    } else if (to_text) {
        reply_trace(call, c, find_other(call, c, address), c->key.address,
                    address);
    } else {
        reply_trace(call, NULL, c, address, c->key.address);
    }
}
