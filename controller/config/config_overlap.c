/* Blocks of addresses that overlap where nothing tells them apart.
 *
 * Called by config_check.c, as a part of it.
 *
 * On each router, what the segments claim is sorted by network, then by first
 * address, larger blocks first.  CIDR blocks nest or are disjoint, so a block
 * overlaps an earlier one exactly if it is inside the innermost one still
 * open; reporting that pair is enough, and never quadratic. */
#include <config.h>

#include "controller/config/config_check_internal.h"

#include <stdlib.h>

#include <firsthop/buf.h>

struct claim {
    uint32_t network;           /* Tags, or an uplink. */
    uint32_t first, last;       /* Addresses. */
    const struct config_segment *segment;
    size_t index;               /* Of the prefix, or the client... */
    bool is_client;             /* ...with tags of its own. */
};

struct claims {
    struct claim *items;
    size_t n, cap;
};

static void
claims_add(struct claims *claims, const struct claim *claim)
{
    if (claims->n == claims->cap) {
        claims->cap = claims->cap ? 2 * claims->cap : 64;
        claims->items = fh_xrealloc(claims->items,
                                    claims->cap * sizeof *claims->items);
    }
    claims->items[claims->n++] = *claim;
}

static int
compare_claims(const void *a_, const void *b_)
{
    const struct claim *a = a_;
    const struct claim *b = b_;

    if (a->network != b->network) {
        return a->network < b->network ? -1 : 1;
    } else if (a->first != b->first) {
        return a->first < b->first ? -1 : 1;
    } else if (a->last != b->last) {
        return a->last > b->last ? -1 : 1;
    } else if (a->segment != b->segment) {
        return a->segment < b->segment ? -1 : 1;
    } else if (a->is_client != b->is_client) {
        return a->is_client ? 1 : -1;
    }
    return (a->index > b->index) - (a->index < b->index);
}

static void
claims_add_prefixes(struct claims *claims, uint32_t network,
                    const struct config_segment *segment)
{
    for (size_t i = 0; i < segment->n_prefixes; i++) {
        const struct fh_prefix *prefix = &segment->prefixes[i];
        uint32_t first = addr_number(prefix->addr);

        if (prefix->plen) {
            claims_add(claims, &(struct claim) {
                .network = network,
                .first = first,
                .last = first | ~ntohl(fh_prefix_mask(prefix->plen)),
                .segment = segment,
                .index = i,
            });
        }
    }
}

/* Calls 'cb' for each claim and the innermost one that it is inside of. */
static void
claims_sweep(struct check *check, struct claims *claims, size_t router,
             void (*cb)(struct check *, size_t router,
                        const struct claim *outer, const struct claim *inner))
{
    struct claim **open = fh_xcalloc(claims->n + 1, sizeof *open);
    size_t n_open = 0;

    if (claims->n) {
        qsort(claims->items, claims->n, sizeof *claims->items,
              compare_claims);
    }
    for (size_t i = 0; i < claims->n; i++) {
        struct claim *claim = &claims->items[i];

        while (n_open && (open[n_open - 1]->network != claim->network
                          || open[n_open - 1]->last < claim->first)) {
            n_open--;
        }
        if (n_open) {
            cb(check, router, open[n_open - 1], claim);
        }
        open[n_open++] = claim;
    }
    free(open);
}

static char *
claim_pointer(const struct claim *claim)
{
    char index[CONFIG_INDEX_STRLEN];

    return config_pointer(
        claim->is_client
        ? CONFIG_AT("clients", config_index(claim->index, index), "address")
        : CONFIG_AT("segments", claim->segment->name, "prefixes",
                    config_index(claim->index, index)));
}

/* One network, one address, two meanings. */
static void
report_overlap(struct check *check, size_t router, const struct claim *outer,
               const struct claim *inner)
{
    char *pointer, *other;

    /* Two clients of one segment are config_check.c's. */
    if (outer->is_client && inner->is_client
        && outer->segment == inner->segment) {
        return;
    }
    if (config_shared_router(outer->segment, inner->segment) != router) {
        return;                 /* Said for that router. */
    }
    pointer = claim_pointer(inner);
    other = claim_pointer(outer);
    config_errors_add(check->errors, pointer,
                      "overlaps %s, and no tag or port tells them apart",
                      other);
    free(other);
    free(pointer);
}

/* Different tags towards the clients, one network towards the core. */
static void
report_shared_uplink(struct check *check, size_t router,
                     const struct claim *outer, const struct claim *inner)
{
    char *pointer, *other;

    if (fh_vlan_equal(&outer->segment->vlan, &inner->segment->vlan)
        || config_shared_router(outer->segment, inner->segment) != router) {
        return;
    }
    pointer = claim_pointer(inner);
    other = claim_pointer(outer);
    config_errors_add(check->warnings, pointer,
                      "overlaps %s, and both have the same uplink on router "
                      "%s: the core cannot tell their clients apart", other,
                      check->config->routers[router].name);
    free(other);
    free(pointer);
}

/* One table of routes, one address, two meanings.  'router' is none. */
static void
report_shared_route(struct check *check, size_t router,
                    const struct claim *outer, const struct claim *inner)
{
    char *pointer, *other;

    if (outer->segment == inner->segment) {
        return;
    }
    pointer = claim_pointer(inner);
    other = claim_pointer(outer);
    config_errors_add(check->errors, pointer,
                      "overlaps %s, and both have \"upstream\": \"bgp\": an "
                      "address has one route", other);
    free(other);
    free(pointer);
}

/* A route tells neither tags nor uplinks. */
static void
check_routes(struct check *check)
{
    struct claims claims = { NULL, 0, 0 };

    for (size_t i = 0; i < check->config->n_segments; i++) {
        const struct config_segment *segment = &check->config->segments[i];

        if (segment->upstream == UPSTREAM_BGP
            || segment->upstream == UPSTREAM_KERNEL) {
            claims_add_prefixes(&claims, 0, segment);
        }
    }
    claims_sweep(check, &claims, SIZE_MAX, report_shared_route);
    free(claims.items);
}

/* A number for the network behind an uplink of 'router': that of the first
 * segment's member on it with the same port and tags.  '*uplinks' is its
 * scratch, for at most 'n_uplinks'. */
static uint32_t
uplink_network(const struct config_uplink *uplink,
               const struct config_uplink **uplinks, size_t *n_uplinks)
{
    for (size_t i = 0; i < *n_uplinks; i++) {
        if (fh_vlan_equal(&uplinks[i]->vlan, &uplink->vlan)
            && !strcmp(uplinks[i]->port, uplink->port)) {
            return i;
        }
    }
    uplinks[*n_uplinks] = uplink;
    return (*n_uplinks)++;
}

/* Clients with tags of their own, by segment. */
struct own_clients {
    struct tagged *items;       /* value: segment, index: client. */
    size_t n;
};

static void
claims_add_clients(struct claims *claims, const struct config *config,
                   size_t segment, const struct own_clients *own)
{
    const struct tagged *item = config_find_tagged(own->items, own->n,
                                                   segment);

    for (; item && item < own->items + own->n && item->value == segment;
         item++) {
        const struct config_client *client = &config->clients[item->index];
        uint32_t number = addr_number(client->address);

        claims_add(claims, &(struct claim) {
            .network = vlan_number(&client->vlan),
            .first = number,
            .last = number,
            .segment = &config->segments[segment],
            .index = item->index,
            .is_client = true,
        });
    }
}

static void
check_router_overlaps(struct check *check, size_t router,
                      const struct own_clients *own)
{
    const struct config *config = check->config;
    const struct config_uplink **uplinks
        = fh_xcalloc(config->n_segments + 1, sizeof *uplinks);
    struct claims access = { NULL, 0, 0 };
    struct claims core = { NULL, 0, 0 };
    size_t n_uplinks = 0;

    for (size_t i = 0; i < config->n_segments; i++) {
        const struct config_segment *segment = &config->segments[i];
        const struct config_member *member = config_find_member(segment,
                                                                router);

        if (!member || !vlan_is_known(&segment->vlan)) {
            continue;
        }
        claims_add_prefixes(&access, vlan_number(&segment->vlan), segment);
        claims_add_clients(&access, config, i, own);
        if (member->uplink.port && vlan_is_known(&member->uplink.vlan)
            && segment->upstream != UPSTREAM_NONE) {
            claims_add_prefixes(&core,
                                uplink_network(&member->uplink, uplinks,
                                               &n_uplinks),
                                segment);
        }
    }
    claims_sweep(check, &access, router, report_overlap);
    claims_sweep(check, &core, router, report_shared_uplink);
    free(access.items);
    free(core.items);
    free(uplinks);
}

/* A client whose own tags are its segment's is in the segment's prefix, and
 * that is no overlap. */
static struct own_clients
collect_own_clients(const struct config *config)
{
    struct own_clients own = {
        fh_xcalloc(config->n_clients + 1, sizeof *own.items), 0
    };

    for (size_t i = 0; i < config->n_clients; i++) {
        const struct config_client *client = &config->clients[i];

        if (client_is_usable(client) && vlan_is_known(&client->vlan)
            && !fh_vlan_equal(&client->vlan,
                              &config->segments[client->segment].vlan)) {
            own.items[own.n++] = (struct tagged) { client->segment, i };
        }
    }
    config_sort_tagged(own.items, own.n);
    return own;
}

void
config_check_overlaps(struct check *check)
{
    struct own_clients own = collect_own_clients(check->config);

    for (size_t i = 0; i < check->config->n_routers; i++) {
        check_router_overlaps(check, i, &own);
    }
    free(own.items);
    check_routes(check);
}
