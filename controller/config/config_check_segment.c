/* What a segment contradicts: its upstream, its gateway and the local
 * addresses, also those of other segments.
 *
 * Two segments are on one layer-2 network for us where they share a router,
 * thus its access ports, and have the same tags.  There, an address must mean
 * one thing. */
#include <config.h>

#include "controller/config/config_check_internal.h"

#include <stdlib.h>

#include <firsthop/buf.h>

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
        check_error(check, at, "\"bgp\" needs /bgp/api_in and /bgp/api_out");
    }
    if (segment->upstream == UPSTREAM_KERNEL
        && !json_object_get(config->json, "kernel")) {
        check_error(check, at, "\"kernel\" needs /kernel/table and "
                    "/kernel/device");
    }
    if (segment->upstream == UPSTREAM_CORE) {
        for (size_t i = 0; i < segment->n_members; i++) {
            const struct config_member *member = &segment->members[i];

            if (member->router != SIZE_MAX && member->uplink.vlan.n > 1) {
                check_error(check, at, "\"core\" needs uplinks with at most "
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
        check_error(check, at, "\"core\" needs one of /cores to have a port "
                    "to each of the segment's routers");
    }
}

/* Addresses of one segment. */

const char *
config_host_in_segment_error(const struct config_segment *segment,
                             struct fh_addr addr)
{
    for (size_t i = 0; i < segment->n_prefixes; i++) {
        if (segment->prefixes[i].plen
            && config_special_name(&segment->prefixes[i], addr)) {
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
    why = config_host_in_segment_error(segment, segment->gateway);
    if (why) {
        check_error(check, at, "%s", why);
    } else if (config_is_outside(segment, segment->gateway)) {
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
    const char *why = config_host_in_segment_error(segment, addr);

    if (why) {
        check_error(check, at, "%s", why);
    } else if (fh_addr_equal(addr, segment->gateway)) {
        check_error(check, at, "is the gateway address");
    } else if (config_is_outside(segment, addr)) {
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
                = config_member_router(check->config, other);

            check_error(check, at, "is the local address of router %s",
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

void
config_check_segment(struct check *check, const struct config_segment *segment)
{
    check_gateway(check, segment);
    for (size_t i = 0; i < segment->n_members; i++) {
        const struct config_member *member = &segment->members[i];
        const struct config_router *router
            = config_member_router(check->config, member);
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
            config_place_number(addr, &segment->vlan), owner, segment
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

void
config_check_specials(struct check *check)
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
