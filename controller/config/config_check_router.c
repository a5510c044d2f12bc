/* What collides among routers and cores: datapath ids, MACs, uplinks and their
 * addresses, and the ports of cores. */
#include <config.h>

#include "controller/config/config_check_internal.h"

#include <stdlib.h>

#include <firsthop/buf.h>

/* Datapath ids: routers first, then cores. */

static char *
bridge_pointer(const struct config *config, size_t index)
{
    bool is_router = index < config->n_routers;

    return config_pointer(
        is_router
        ? CONFIG_AT("routers", config->routers[index].name, "datapath_id")
        : CONFIG_AT("cores", config->cores[index - config->n_routers].name,
                    "datapath_id"));
}

void
config_check_dpids(struct check *check)
{
    const struct config *config = check->config;
    size_t n_bridges = config->n_routers + config->n_cores;
    struct tagged *dpids = fh_xcalloc(n_bridges + 1, sizeof *dpids);
    size_t n = 0;

    for (size_t i = 0; i < n_bridges; i++) {
        uint64_t dpid = (i < config->n_routers ? config->routers[i].dpid
                         : config->cores[i - config->n_routers].dpid);
        if (dpid) {
            dpids[n++] = (struct tagged) { dpid, i };
        }
    }
    config_sort_tagged(dpids, n);
    for (size_t i = 1; i < n; i++) {
        if (dpids[i].value == dpids[i - 1].value) {
            char *pointer = bridge_pointer(config, dpids[i].index);
            char *other = bridge_pointer(config, dpids[i - 1].index);

            config_errors_add(check->errors, pointer, "is the same as %s",
                              other);
            free(other);
            free(pointer);
        }
    }
    free(dpids);
}

/* MACs.  Two clients may share one: a host with two addresses. */

void
config_check_client_mac(const struct config *config,
                        const struct config_client *client,
                        const struct tagged *macs, size_t n,
                        const char *pointer, struct config_errors *errors)
{
    const struct tagged *found;

    if (!client->has_mac) {
        return;
    }
    found = config_find_tagged(macs, n, config_mac_number(client->mac));
    if (found) {
        char *at = config_pointer_key(pointer, "mac");

        config_errors_add(errors, at, "is the MAC address of router %s",
                          config->routers[found->index].name);
        free(at);
    }
}

struct tagged *
config_collect_macs(const struct config *config, size_t *n)
{
    struct tagged *macs = fh_xcalloc(config->n_routers + 1, sizeof *macs);

    *n = 0;
    for (size_t i = 0; i < config->n_routers; i++) {
        if (!fh_mac_is_zero(config->routers[i].mac)) {
            macs[(*n)++] = (struct tagged) {
                config_mac_number(config->routers[i].mac), i
            };
        }
    }
    config_sort_tagged(macs, *n);
    return macs;
}

void
config_check_macs(struct check *check)
{
    const struct config *config = check->config;
    size_t n;
    struct tagged *macs = config_collect_macs(config, &n);

    for (size_t i = 1; i < n; i++) {
        if (macs[i].value == macs[i - 1].value) {
            const char *name = config->routers[macs[i].index].name;
            const char *other = config->routers[macs[i - 1].index].name;

            check_error(check, CONFIG_AT("routers", name, "mac"),
                        "is the MAC address of router %s", other);
        }
    }
    for (size_t i = 0; i < config->n_clients; i++) {
        char *pointer = config_pointer_index("/clients", i);

        config_check_client_mac(config, &config->clients[i], macs, n, pointer,
                                check->errors);
        free(pointer);
    }
    free(macs);
}

/* Uplinks. */

/* An uplink that the text gives: a router's, or a segment's own for one of
 * its routers. */
struct uplink_ref {
    const struct config_uplink *uplink;
    const struct config_segment *segment;       /* NULL: the router's. */
    size_t router;
};

static char *
uplink_pointer(const struct config *config, const struct uplink_ref *ref,
               const char *key)
{
    const char *router = config->routers[ref->router].name;

    return config_pointer(
        ref->segment
        ? CONFIG_AT("segments", ref->segment->name, "routers", router,
                    "uplink", key)
        : CONFIG_AT("routers", router, "uplink", key));
}

static void
uplink_error(struct check *check, const struct uplink_ref *ref,
             const char *key, const char *text)
{
    char *pointer = uplink_pointer(check->config, ref, key);

    config_errors_add(check->errors, pointer, "%s", text);
    free(pointer);
}

/* Returns new; '*n' is set. */
static struct uplink_ref *
collect_uplinks(const struct config *config, size_t *n)
{
    struct uplink_ref *refs;
    size_t max = config->n_routers;

    for (size_t i = 0; i < config->n_segments; i++) {
        max += config->segments[i].n_members;
    }
    refs = fh_xcalloc(max + 1, sizeof *refs);

    *n = 0;
    for (size_t i = 0; i < config->n_routers; i++) {
        refs[(*n)++] = (struct uplink_ref) {
            &config->routers[i].uplink, NULL, i
        };
    }
    for (size_t i = 0; i < config->n_segments; i++) {
        const struct config_segment *segment = &config->segments[i];

        for (size_t j = 0; j < segment->n_members; j++) {
            const struct config_member *member = &segment->members[j];

            if (member->own_uplink && member->router != SIZE_MAX) {
                refs[(*n)++] = (struct uplink_ref) {
                    &member->uplink, segment, member->router
                };
            }
        }
    }
    return refs;
}

static void
check_uplink_port(struct check *check, const struct uplink_ref *ref)
{
    const struct config_router *router = &check->config->routers[ref->router];

    for (size_t i = 0; ref->uplink->port && i < router->n_access_ports; i++) {
        if (!strcmp(router->access_ports[i], ref->uplink->port)) {
            uplink_error(check, ref, "port",
                         "must not be one of the router's access ports");
            return;
        }
    }
}

static void
check_uplink_addresses(struct check *check, const struct uplink_ref *ref)
{
    const struct fh_prefix *address = &ref->uplink->address;
    struct fh_addr next_hop = ref->uplink->next_hop;

    if (!address->plen) {
        return;
    }
    if (config_special_name(address, address->addr)) {
        uplink_error(check, ref, "address",
                     "must not be its subnet's network or broadcast address");
    }
    if (fh_addr_is_zero(next_hop)) {
        return;
    }
    if (!fh_prefix_contains(address, next_hop)) {
        uplink_error(check, ref, "next_hop",
                     "must be in the subnet of the uplink's address");
    } else if (fh_addr_equal(address->addr, next_hop)) {
        uplink_error(check, ref, "next_hop",
                     "must not be the uplink's own address");
    } else if (config_special_name(address, next_hop)) {
        uplink_error(check, ref, "next_hop",
                     "must not be the subnet's network or broadcast address");
    }
}

/* Two uplinks with the same address and tags, 'a' before 'b' in the text. */
static void
check_uplink_pair(struct check *check, const struct uplink_ref *a,
                  const struct uplink_ref *b)
{
    char *other = uplink_pointer(check->config, a, "address");
    char *pointer = uplink_pointer(check->config, b, "address");

    if (a->router != b->router) {
        config_errors_add(check->errors, pointer,
                          "collides with %s", other);
    } else if (a->uplink->port && b->uplink->port
               && !strcmp(a->uplink->port, b->uplink->port)
               && a->uplink->address.plen != b->uplink->address.plen) {
        config_errors_add(check->errors, pointer,
                          "has another length at %s", other);
    }
    free(pointer);
    free(other);
}

/* A next hop that is one of our routers would send packets in circles. */
static void
check_next_hop(struct check *check, const struct uplink_ref *ref,
               const struct uplink_ref *refs, const struct tagged *places,
               size_t n)
{
    const struct tagged *found = config_find_tagged(
        places, n, config_place_number(ref->uplink->next_hop,
                                       &ref->uplink->vlan));

    if (found && vlan_is_known(&ref->uplink->vlan)
        && refs[found->index].router != ref->router) {
        char *other = uplink_pointer(check->config, &refs[found->index],
                                     "address");
        char *pointer = uplink_pointer(check->config, ref, "next_hop");

        config_errors_add(check->errors, pointer, "collides with %s", other);
        free(pointer);
        free(other);
    }
}

static void
check_uplink_collisions(struct check *check, const struct uplink_ref *refs,
                        size_t n_refs)
{
    struct tagged *places = fh_xcalloc(n_refs + 1, sizeof *places);
    size_t first = 0;
    size_t n = 0;

    for (size_t i = 0; i < n_refs; i++) {
        if (refs[i].uplink->address.plen
            && vlan_is_known(&refs[i].uplink->vlan)) {
            places[n++] = (struct tagged) {
                config_place_number(refs[i].uplink->address.addr,
                                    &refs[i].uplink->vlan), i
            };
        }
    }
    config_sort_tagged(places, n);
    for (size_t i = 1; i < n; i++) {
        if (places[i].value != places[first].value) {
            first = i;
        } else {
            check_uplink_pair(check, &refs[places[first].index],
                              &refs[places[i].index]);
        }
    }
    for (size_t i = 0; i < n_refs; i++) {
        check_next_hop(check, &refs[i], refs, places, n);
    }
    free(places);
}

void
config_check_uplinks(struct check *check)
{
    size_t n;
    struct uplink_ref *refs = collect_uplinks(check->config, &n);

    for (size_t i = 0; i < n; i++) {
        check_uplink_port(check, &refs[i]);
        check_uplink_addresses(check, &refs[i]);
    }
    check_uplink_collisions(check, refs, n);
    free(refs);
}

/* Core bridges. */

void
config_check_core_ports(struct check *check, const struct config_core *core)
{
    json_t *seen = json_object();

    for (size_t i = 0; i < core->n_ports; i++) {
        const struct config_core_port *port = &core->ports[i];

        if (!*port->port || port->router == SIZE_MAX) {
            continue;
        }
        if (json_object_get(seen, port->port)) {
            check_error(check,
                        CONFIG_AT("cores", core->name, "ports",
                                  check->config->routers[port->router].name),
                        "port \"%s\" leads to another router already",
                        port->port);
        }
        json_object_set_new(seen, port->port, json_true());
    }
    json_decref(seen);
}
