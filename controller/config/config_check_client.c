/* What a client contradicts: its segment, others' addresses and MACs, and
 * itself listed twice.  Those of the configuration, and those of the API. */
#include <config.h>

#include "controller/config/config_check_internal.h"

#include <stdlib.h>

#include <firsthop/buf.h>

/* Clients. */

/* Those of the checks that need the client and its segment alone. */
static void
check_client_address(const struct config *config,
                     const struct config_client *client, const char *at,
                     struct config_errors *errors)
{
    const struct config_segment *segment = &config->segments[client->segment];
    const char *why = config_host_in_segment_error(segment, client->address);

    if (why) {
        config_errors_add(errors, at, "%s", why);
    } else if (config_is_outside(segment, client->address)) {
        config_errors_add(errors, at,
                          "is in none of the prefixes of segment %s",
                          segment->name);
    } else if (fh_addr_equal(client->address, segment->gateway)) {
        config_errors_add(errors, at, "is the gateway address of segment %s",
                          segment->name);
    }
    for (size_t i = 0; i < segment->n_members; i++) {
        const struct config_member *member = &segment->members[i];
        const struct config_router *router
            = config_member_router(config, member);

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

            check_error(check,
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
            && config_vlans_match(&client->vlan, &ours->vlan)
            && config_shared_router(&config->segments[client->segment], ours)
               != SIZE_MAX) {
            check_error(check,
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

void
config_check_listed_clients(struct check *check)
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
            || !config_vlans_match(&other->vlan, &client->vlan)
            || config_shared_router(ours, other) == SIZE_MAX) {
            continue;
        }
        claimed = (!config_is_outside(other, client->address)
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
    config_check_client_mac(config, client, macs, n_macs, pointer, errors);
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
    struct tagged *macs = config_collect_macs(config, &n);

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
    struct tagged *macs = config_collect_macs(config, &n_macs);

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
