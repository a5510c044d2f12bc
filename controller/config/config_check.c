/* What no entry of a configuration can know alone: what collides, overlaps or
 * contradicts something elsewhere.
 *
 * Called by config.c with a configuration whose unreadable parts are zero (or
 * SIZE_MAX).  Changes nothing.
 *
 * Two segments are on one layer-2 network for us where they share a router,
 * thus its access ports, and have the same tags.  There, an address must mean
 * one thing. */
#include <config.h>

#include "controller/config/config_check_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <firsthop/buf.h>

static uint64_t
mac_number(struct eth_addr mac)
{
    uint64_t number = 0;

    for (size_t i = 0; i < 6; i++) {
        number = number << 8 | mac.ea[i];
    }
    return number;
}

/* Are both known and the same? */
static bool
vlans_match(const struct fh_vlan *a, const struct fh_vlan *b)
{
    return vlan_is_known(a) && fh_vlan_equal(a, b);
}

/* An address on a network told apart by tags alone. */
static uint64_t
place_number(struct fh_addr addr, const struct fh_vlan *vlan)
{
    return (uint64_t) addr_number(addr) << 24 | vlan_number(vlan);
}

const char *
config_host_error(struct fh_addr addr)
{
    uint32_t number = addr_number(addr);

    if (number >> 24 == 0) {
        return "is in 0.0.0.0/8, no host's address";         /* RFC 1122 */
    } else if (number >> 24 == 127) {
        return "is a loopback address";
    } else if (number >> 28 == 0xe) {
        return "is a multicast address";
    } else if (number >> 28 == 0xf) {
        return "is a reserved address";
    }
    return NULL;
}

/* "network" or "broadcast" where 'addr' is that of 'prefix', else NULL.  A
 * /31 has neither, RFC 3021. */
static const char *
special_name(const struct fh_prefix *prefix, struct fh_addr addr)
{
    ovs_be32 mask = fh_prefix_mask(prefix->plen);

    if (prefix->plen > 30 || !fh_prefix_contains(prefix, addr)) {
        return NULL;
    }
    return (!(addr.ip4 & ~mask) ? "network"
            : (addr.ip4 | mask) == OVS_BE32_MAX ? "broadcast" : NULL);
}

/* Is 'addr' outside all prefixes?  Unreadable prefixes might contain it. */
static bool
is_outside(const struct config_segment *segment, struct fh_addr addr)
{
    for (size_t i = 0; i < segment->n_prefixes; i++) {
        if (!segment->prefixes[i].plen
            || fh_prefix_contains(&segment->prefixes[i], addr)) {
            return false;
        }
    }
    return segment->n_prefixes > 0;
}

static const struct config_router *
member_router(const struct config *config, const struct config_member *member)
{
    return (member->router == SIZE_MAX ? NULL
            : &config->routers[member->router]);
}

static void
add_error(struct check *check, const char *const at[], const char *format,
          ...) __attribute__((format(printf, 3, 4)));

static void
add_error(struct check *check, const char *const at[], const char *format,
          ...)
{
    char *pointer = config_pointer(at);
    va_list args;
    char *text;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0) {
        abort();
    }
    va_end(args);
    config_errors_add(check->errors, pointer, "%s", text);
    free(text);
    free(pointer);
}

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

static void
check_dpids(struct check *check)
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

static void
check_client_mac(const struct config *config,
                 const struct config_client *client,
                 const struct tagged *macs, size_t n, const char *pointer,
                 struct config_errors *errors)
{
    const struct tagged *found;

    if (!client->has_mac) {
        return;
    }
    found = config_find_tagged(macs, n, mac_number(client->mac));
    if (found) {
        char *at = config_pointer_key(pointer, "mac");

        config_errors_add(errors, at, "is the MAC address of router %s",
                          config->routers[found->index].name);
        free(at);
    }
}

/* The routers' MACs, sorted.  Returns new. */
static struct tagged *
collect_macs(const struct config *config, size_t *n)
{
    struct tagged *macs = fh_xcalloc(config->n_routers + 1, sizeof *macs);

    *n = 0;
    for (size_t i = 0; i < config->n_routers; i++) {
        if (!fh_mac_is_zero(config->routers[i].mac)) {
            macs[(*n)++] = (struct tagged) {
                mac_number(config->routers[i].mac), i
            };
        }
    }
    config_sort_tagged(macs, *n);
    return macs;
}

static void
check_macs(struct check *check)
{
    const struct config *config = check->config;
    size_t n;
    struct tagged *macs = collect_macs(config, &n);

    for (size_t i = 1; i < n; i++) {
        if (macs[i].value == macs[i - 1].value) {
            const char *name = config->routers[macs[i].index].name;
            const char *other = config->routers[macs[i - 1].index].name;

            add_error(check, CONFIG_AT("routers", name, "mac"),
                      "is the MAC address of router %s", other);
        }
    }
    for (size_t i = 0; i < config->n_clients; i++) {
        char *pointer = config_pointer_index("/clients", i);

        check_client_mac(config, &config->clients[i], macs, n, pointer,
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
    if (special_name(address, address->addr)) {
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
    } else if (special_name(address, next_hop)) {
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
        places, n, place_number(ref->uplink->next_hop, &ref->uplink->vlan));

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
                place_number(refs[i].uplink->address.addr,
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

static void
check_uplinks(struct check *check)
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

static void
check_core_ports(struct check *check, const struct config_core *core)
{
    json_t *seen = json_object();

    for (size_t i = 0; i < core->n_ports; i++) {
        const struct config_core_port *port = &core->ports[i];

        if (!*port->port || port->router == SIZE_MAX) {
            continue;
        }
        if (json_object_get(seen, port->port)) {
            add_error(check,
                      CONFIG_AT("cores", core->name, "ports",
                                check->config->routers[port->router].name),
                      "port \"%s\" leads to another router already",
                      port->port);
        }
        json_object_set_new(seen, port->port, json_true());
    }
    json_decref(seen);
}

static bool
core_has_router(const struct config_core *core, size_t router)
{
    for (size_t i = 0; i < core->n_ports; i++) {
        if (core->ports[i].router == router) {
            return true;
        }
    }
    return false;
}

static bool
core_serves_segment(const struct config_core *core,
                    const struct config_segment *segment)
{
    for (size_t i = 0; i < segment->n_members; i++) {
        size_t router = segment->members[i].router;

        if (router != SIZE_MAX && !core_has_router(core, router)) {
            return false;
        }
    }
    return true;
}

static void
check_upstream(struct check *check, const struct config_segment *segment)
{
    const struct config *config = check->config;
    const char *const *at = CONFIG_AT("segments", segment->name, "upstream");

    if (segment->upstream == UPSTREAM_BGP
        && !json_object_get(config->json, "bgp")) {
        add_error(check, at, "\"bgp\" needs /bgp/api_in and /bgp/api_out");
    }
    if (segment->upstream == UPSTREAM_KERNEL
        && !json_object_get(config->json, "kernel")) {
        add_error(check, at, "\"kernel\" needs /kernel/table and "
                  "/kernel/device");
    }
    if (segment->upstream == UPSTREAM_CORE) {
        for (size_t i = 0; i < segment->n_members; i++) {
            const struct config_member *member = &segment->members[i];

            if (member->router != SIZE_MAX && member->uplink.vlan.n > 1) {
                add_error(check, at, "\"core\" needs uplinks with at most "
                          "one tag, and router %s has one with two",
                          config->routers[member->router].name);
                break;
            }
        }
        for (size_t i = 0; i < config->n_cores; i++) {
            if (core_serves_segment(&config->cores[i], segment)) {
                return;
            }
        }
        add_error(check, at, "\"core\" needs one of /cores to have a port to "
                  "each of the segment's routers");
    }
}

/* Addresses of one segment. */

/* An address in the segment's prefixes that a host may have? */
static const char *
host_in_segment_error(const struct config_segment *segment,
                      struct fh_addr addr)
{
    for (size_t i = 0; i < segment->n_prefixes; i++) {
        if (segment->prefixes[i].plen
            && special_name(&segment->prefixes[i], addr)) {
            return "is the network or broadcast address of a prefix";
        }
    }
    return NULL;
}

static void
check_gateway(struct check *check, const struct config_segment *segment)
{
    const char *const *at = CONFIG_AT("segments", segment->name, "gateway");
    const char *why;

    if (fh_addr_is_zero(segment->gateway)) {
        return;
    }
    why = host_in_segment_error(segment, segment->gateway);
    if (why) {
        add_error(check, at, "%s", why);
    } else if (is_outside(segment, segment->gateway)) {
        char *pointer = config_pointer(at);

        config_errors_add(check->warnings, pointer,
                          "is in none of the prefixes: clients need a route "
                          "to it of their own");
        free(pointer);
    }
}

/* Errors of a router's local address go to 'at'. */
static void
check_local_address(struct check *check,
                    const struct config_segment *segment, size_t i,
                    const char *const at[])
{
    struct fh_addr addr = segment->members[i].address;
    const char *why = host_in_segment_error(segment, addr);

    if (why) {
        add_error(check, at, "%s", why);
    } else if (fh_addr_equal(addr, segment->gateway)) {
        add_error(check, at, "is the gateway address");
    } else if (is_outside(segment, addr)) {
        char *pointer = config_pointer(at);

        /* Linux, arp_ignore=2. */
        config_errors_add(check->warnings, pointer,
                          "is in none of the prefixes: some clients will not "
                          "answer its probes");
        free(pointer);
    }
    for (size_t j = 0; j < i; j++) {
        const struct config_member *other = &segment->members[j];

        if (fh_addr_equal(other->address, addr)) {
            const struct config_router *router
                = member_router(check->config, other);

            add_error(check, at, "is the local address of router %s",
                      router ? router->name : "(unknown)");
            break;
        }
    }
}

/* A segment that has an uplink's network inside it would take the core for
 * its clients. */
static void
check_uplink_apart(struct check *check, const struct config_segment *segment,
                   const struct config_member *member, const char *router)
{
    const struct config_uplink *uplink = &member->uplink;

    for (size_t i = 0; i < segment->n_prefixes; i++) {
        const struct fh_prefix *prefix = &segment->prefixes[i];

        if (uplink->address.plen && prefix->plen
            && fh_prefix_overlaps(prefix, &uplink->address)) {
            char index[CONFIG_INDEX_STRLEN];
            char *pointer = config_pointer(
                CONFIG_AT("segments", segment->name, "prefixes",
                          config_index(i, index)));

            config_errors_add(check->warnings, pointer,
                              "overlaps the uplink network of router %s",
                              router);
            free(pointer);
        }
    }
}

static void
check_segment(struct check *check, const struct config_segment *segment)
{
    check_gateway(check, segment);
    for (size_t i = 0; i < segment->n_members; i++) {
        const struct config_member *member = &segment->members[i];
        const struct config_router *router = member_router(check->config,
                                                           member);
        if (!router) {
            continue;
        }
        check_uplink_apart(check, segment, member, router->name);
        if (!fh_addr_is_zero(member->address)) {
            check_local_address(check, segment, i,
                                CONFIG_AT("segments", segment->name,
                                          "routers", router->name,
                                          "address"));
        }
    }
    check_upstream(check, segment);
}

/* Clients. */

/* Those of the checks that need the client and its segment alone. */
static void
check_client_address(const struct config *config,
                     const struct config_client *client, const char *at,
                     struct config_errors *errors)
{
    const struct config_segment *segment = &config->segments[client->segment];
    const char *why = host_in_segment_error(segment, client->address);

    if (why) {
        config_errors_add(errors, at, "%s", why);
    } else if (is_outside(segment, client->address)) {
        config_errors_add(errors, at,
                          "is in none of the prefixes of segment %s",
                          segment->name);
    } else if (fh_addr_equal(client->address, segment->gateway)) {
        config_errors_add(errors, at, "is the gateway address of segment %s",
                          segment->name);
    }
    for (size_t i = 0; i < segment->n_members; i++) {
        const struct config_member *member = &segment->members[i];
        const struct config_router *router = member_router(config, member);

        if (router && fh_addr_equal(member->address, client->address)) {
            config_errors_add(errors, at,
                              "is the local address of router %s",
                              router->name);
        }
    }
}

/* Clients sort by address, then segment: CONFIG_MAX_SEGMENTS fits 12 bits. */
static uint64_t
client_number(struct fh_addr addr, size_t segment)
{
    return (uint64_t) addr_number(addr) << 12 | segment;
}

static void
check_duplicate_clients(struct check *check, const struct tagged *clients,
                        size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (clients[i].value == clients[i - 1].value) {
            char index[CONFIG_INDEX_STRLEN];

            add_error(check,
                      CONFIG_AT("clients",
                                config_index(clients[i].index, index),
                                "address"),
                      "is the same as /clients/%zu/address",
                      clients[i - 1].index);
        }
    }
}

/* Clients of other segments against this one's gateway and local addresses,
 * where both are on one network. */
static void
check_special_address(struct check *check, size_t segment,
                      struct fh_addr addr, const char *what,
                      const struct tagged *clients, size_t n)
{
    const struct config *config = check->config;
    const struct config_segment *ours = &config->segments[segment];

    if (fh_addr_is_zero(addr)) {
        return;
    }
    for (size_t i = config_count_below(clients, n, client_number(addr, 0));
         i < n && clients[i].value >> 12 == addr_number(addr); i++) {
        const struct config_client *client
            = &config->clients[clients[i].index];
        char index[CONFIG_INDEX_STRLEN];

        if (client->segment != segment
            && vlans_match(&client->vlan, &ours->vlan)
            && config_shared_router(&config->segments[client->segment], ours)
               != SIZE_MAX) {
            add_error(check,
                      CONFIG_AT("clients",
                                config_index(clients[i].index, index),
                                "address"),
                      "is the %s address of segment %s, which has the same "
                      "tags and router", what, ours->name);
        }
    }
}

static struct tagged *
collect_clients(const struct config *config, size_t *n)
{
    struct tagged *clients = fh_xcalloc(config->n_clients + 1,
                                        sizeof *clients);

    *n = 0;
    for (size_t i = 0; i < config->n_clients; i++) {
        const struct config_client *client = &config->clients[i];

        if (client_is_usable(client)) {
            clients[(*n)++] = (struct tagged) {
                client_number(client->address, client->segment), i
            };
        }
    }
    config_sort_tagged(clients, *n);
    return clients;
}

static void
check_clients(struct check *check)
{
    const struct config *config = check->config;
    size_t n;
    struct tagged *clients = collect_clients(config, &n);

    for (size_t i = 0; i < n; i++) {
        char *at = fh_xasprintf("/clients/%zu/address", clients[i].index);

        check_client_address(config, &config->clients[clients[i].index], at,
                             check->errors);
        free(at);
    }
    check_duplicate_clients(check, clients, n);
    for (size_t i = 0; i < config->n_segments; i++) {
        const struct config_segment *segment = &config->segments[i];

        check_special_address(check, i, segment->gateway, "gateway", clients,
                              n);
        for (size_t j = 0; j < segment->n_members; j++) {
            check_special_address(check, i, segment->members[j].address,
                                  "local", clients, n);
        }
    }
    free(clients);
}

/* Gateways and local addresses of different segments on one network.  Two
 * segments may have the same gateway, and a router the same local address in
 * both: it is still one host's. */

struct special {
    uint64_t place;
    size_t owner;               /* Router, or SIZE_MAX: a gateway. */
    const struct config_segment *segment;
};

static int
compare_specials(const void *a_, const void *b_)
{
    const struct special *a = a_;
    const struct special *b = b_;

    if (a->place != b->place) {
        return a->place < b->place ? -1 : 1;
    } else if (a->segment != b->segment) {
        return a->segment < b->segment ? -1 : 1;
    }
    return (a->owner > b->owner) - (a->owner < b->owner);
}

static char *
special_pointer(const struct config *config, const struct special *special)
{
    const char *segment = special->segment->name;

    return config_pointer(
        special->owner == SIZE_MAX
        ? CONFIG_AT("segments", segment, "gateway")
        : CONFIG_AT("segments", segment, "routers",
                    config->routers[special->owner].name, "address"));
}

static void
add_special(struct special *specials, size_t *n, struct fh_addr addr,
            size_t owner, const struct config_segment *segment)
{
    if (!fh_addr_is_zero(addr) && vlan_is_known(&segment->vlan)) {
        specials[(*n)++] = (struct special) {
            place_number(addr, &segment->vlan), owner, segment
        };
    }
}

/* All of one place, sorted: compares each with the first of every other
 * segment's that it shares a router with. */
static void
check_special_run(struct check *check, const struct special *run, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            if (run[i].segment == run[j].segment
                || run[i].owner == run[j].owner
                || config_shared_router(run[i].segment, run[j].segment)
                   == SIZE_MAX) {
                continue;
            }

            char *pointer = special_pointer(check->config, &run[i]);
            char *other = special_pointer(check->config, &run[j]);
            config_errors_add(check->errors, pointer,
                              "collides with %s, and no tag or port tells "
                              "them apart", other);
            free(other);
            free(pointer);
            break;
        }
    }
}

static void
check_specials(struct check *check)
{
    const struct config *config = check->config;
    struct special *specials;
    size_t n = 0, max = 0;

    for (size_t i = 0; i < config->n_segments; i++) {
        max += 1 + config->segments[i].n_members;
    }
    specials = fh_xcalloc(max + 1, sizeof *specials);
    for (size_t i = 0; i < config->n_segments; i++) {
        const struct config_segment *segment = &config->segments[i];

        add_special(specials, &n, segment->gateway, SIZE_MAX, segment);
        for (size_t j = 0; j < segment->n_members; j++) {
            const struct config_member *member = &segment->members[j];

            if (member->router != SIZE_MAX) {
                add_special(specials, &n, member->address, member->router,
                            segment);
            }
        }
    }
    if (n) {
        qsort(specials, n, sizeof *specials, compare_specials);
    }
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && specials[end].place == specials[i].place;
             end++) {
            continue;
        }
        check_special_run(check, &specials[i], end - i);
    }
    free(specials);
}

static void
check_target(struct check *check, const char *target, const char *const at[])
{
    if (target && !strncmp(target, "ssl:", 4) && !check->config->tls.key) {
        add_error(check, at, "needs a key, a certificate and a CA: "
                  "\"tls\": {\"key\", \"certificate\", \"ca\"}");
    }
}

static void
check_targets(struct check *check)
{
    const struct config *config = check->config;
    char index[CONFIG_INDEX_STRLEN];

    for (size_t i = 0; i < config->n_listens; i++) {
        check_target(check, config->listens[i],
                     CONFIG_AT("openflow", "listen", config_index(i, index)));
    }
    for (size_t i = 0; i < config->n_routers; i++) {
        check_target(check, config->routers[i].connect,
                     CONFIG_AT("routers", config->routers[i].name,
                               "connect"));
    }
    for (size_t i = 0; i < config->n_cores; i++) {
        check_target(check, config->cores[i].connect,
                     CONFIG_AT("cores", config->cores[i].name, "connect"));
    }
}

void
config_check(const struct config *config, struct config_errors *errors,
             struct config_errors *warnings)
{
    struct check check = { config, errors, warnings };

    check_targets(&check);
    check_dpids(&check);
    check_macs(&check);
    check_uplinks(&check);
    for (size_t i = 0; i < config->n_cores; i++) {
        check_core_ports(&check, &config->cores[i]);
    }
    for (size_t i = 0; i < config->n_segments; i++) {
        check_segment(&check, &config->segments[i]);
    }
    check_clients(&check);
    config_check_overlaps(&check);
    check_specials(&check);
}

/* Does another segment that shares a router claim the client's address under
 * the client's tags? */
static void
check_client_network(const struct config *config,
                     const struct config_client *client, const char *at,
                     struct config_errors *errors)
{
    const struct config_segment *ours = &config->segments[client->segment];

    for (size_t i = 0; i < config->n_segments; i++) {
        const struct config_segment *other = &config->segments[i];
        bool claimed;

        if (i == client->segment
            || !vlans_match(&other->vlan, &client->vlan)
            || config_shared_router(ours, other) == SIZE_MAX) {
            continue;
        }
        claimed = (!is_outside(other, client->address)
                   || fh_addr_equal(other->gateway, client->address));
        for (size_t j = 0; j < other->n_members; j++) {
            claimed |= fh_addr_equal(other->members[j].address,
                                     client->address);
        }
        if (claimed) {
            config_errors_add(errors, at,
                              "belongs to segment %s, and no tag or port "
                              "tells them apart", other->name);
        }
    }
}

static void
check_client(const struct config *config, const struct config_client *client,
             const struct tagged *macs, size_t n_macs, const char *pointer,
             const char *at_address, struct config_errors *errors)
{
    check_client_mac(config, client, macs, n_macs, pointer, errors);
    if (client_is_usable(client)) {
        check_client_address(config, client, at_address, errors);
        check_client_network(config, client, at_address, errors);
    }
}

void
config_check_client(const struct config *config,
                    const struct config_client *client, const char *pointer,
                    const char *at_address, struct config_errors *errors)
{
    size_t n;
    struct tagged *macs = collect_macs(config, &n);

    check_client(config, client, macs, n, pointer, at_address, errors);
    free(macs);
}

/* Reports those that are listed twice. */
static void
check_same_clients(const struct config_client *clients, size_t n,
                   struct config_errors *errors)
{
    struct tagged *items = fh_xcalloc(n + 1, sizeof *items);
    size_t n_items = 0;

    for (size_t i = 0; i < n; i++) {
        if (client_is_usable(&clients[i])) {
            items[n_items++] = (struct tagged) {
                (uint64_t) clients[i].segment << 32
                | addr_number(clients[i].address), i
            };
        }
    }
    config_sort_tagged(items, n_items);
    for (size_t i = 1; i < n_items; i++) {
        if (items[i].value == items[i - 1].value) {
            char *at = config_pointer_index("", items[i].index);

            config_errors_add(errors, at, "is the client of /%zu again",
                              items[i - 1].index);
            free(at);
        }
    }
    free(items);
}

void
config_check_clients(const struct config *config,
                     const struct config_client *clients, size_t n,
                     struct config_errors *errors)
{
    size_t n_macs;
    struct tagged *macs = collect_macs(config, &n_macs);

    for (size_t i = 0; i < n; i++) {
        char *at = config_pointer_index("", i);
        char *at_address = config_pointer_key(at, "address");

        check_client(config, &clients[i], macs, n_macs, at, at_address,
                     errors);
        free(at_address);
        free(at);
    }
    free(macs);
    check_same_clients(clients, n, errors);
}
