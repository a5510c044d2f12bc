/* The segments of a configuration: who serves them, and how. */
#include <config.h>

#include "controller/config/config_read.h"

#include <ctype.h>
#include <stdlib.h>

#include <firsthop/buf.h>

/* Indexed by enum config_proxy_arp and enum config_upstream. */
static const char *const proxy_arp_names[] = { "all", "gateway", NULL };
static const char *const upstream_names[] = {
    "arp", "bgp", "core", "kernel", "none", NULL
};

static void
copy_uplink(struct config_uplink *dst, const struct config_uplink *src)
{
    *dst = *src;
    dst->port = src->port ? fh_xstrdup(src->port) : NULL;
}

static void
read_member(json_t *json, const char *name, char *pointer,
            const struct config *config, struct config_errors *errors,
            struct config_member *member)
{
    struct ask ask;

    member->router = config_find_router(config, name);
    if (member->router == SIZE_MAX) {
        config_errors_add(errors, pointer, "no router has this name");
    } else {
        copy_uplink(&member->uplink, &config->routers[member->router].uplink);
    }

    ask_begin(&ask, json, pointer, config_member_keys, errors);
    member->priority = ask_number(&ask, "priority");
    config_read_host(&ask, "address", &member->address);
    member->own_uplink = ask_has(&ask, "uplink");
    if (member->own_uplink) {
        struct ask uplink;

        ask_begin_child(&uplink, &ask, "uplink", config_own_uplink_keys);
        config_read_uplink(&uplink, &member->uplink);
        ask_end(&uplink);
    }
    ask_end(&ask);
}

static void
read_members(const struct ask *ask, const struct config *config,
             struct config_segment *segment)
{
    json_t *members = ask_get(ask, "routers");
    char *pointer = ask_pointer(ask, "routers");
    const char **names = ask_sorted_keys(members, &segment->n_members);

    segment->members = fh_xcalloc(segment->n_members + 1,
                                  sizeof *segment->members);
    for (size_t i = 0; i < segment->n_members; i++) {
        read_member(json_object_get(members, names[i]), names[i],
                    config_pointer_key(pointer, names[i]), config,
                    ask->errors, &segment->members[i]);
    }
    free(names);
    free(pointer);
}

/* NULL, or what is wrong with a segment's prefix (new). */
static char *
parse_prefix(const char *text, struct fh_prefix *out)
{
    struct fh_prefix prefix, net;

    if (!fh_prefix_parse(text, &prefix)) {
        return fh_xstrdup("must be a prefix like \"10.0.0.0/24\"");
    }
    if (prefix.plen < 8) {
        return fh_xstrdup("the length must be 8 to 32");
    }
    if (config_host_error(prefix.addr)) {
        return fh_xstrdup(config_host_error(prefix.addr));
    }
    net = prefix;
    net.addr.ip4 &= fh_prefix_mask(prefix.plen);
    if (!fh_addr_equal(net.addr, prefix.addr)) {
        char buf[FH_PREFIX_STRLEN];

        return fh_xasprintf("has host bits set, did you mean \"%s\"?",
                            fh_prefix_format(&net, buf));
    }
    *out = prefix;
    return NULL;
}

/* A prefix that cannot be read keeps its place, with the address zero. */
static void
read_prefixes(const struct ask *ask, struct config_segment *segment)
{
    json_t *prefixes = ask_get(ask, "prefixes");
    char *pointer = ask_pointer(ask, "prefixes");
    json_t *element;
    size_t i;

    segment->n_prefixes = json_array_size(prefixes);
    segment->prefixes = fh_xcalloc(segment->n_prefixes + 1,
                                   sizeof *segment->prefixes);
    json_array_foreach (prefixes, i, element) {
        char *at = config_pointer_index(pointer, i);
        const char *text = ask_element_string(element, at, ask->errors);
        char *why = text ? parse_prefix(text, &segment->prefixes[i]) : NULL;

        if (why) {
            config_errors_add(ask->errors, at, "%s", why);
        }
        free(why);
        free(at);
    }
    free(pointer);
}

static void
read_probe(const struct ask *parent, struct config_segment *segment)
{
    struct ask ask;

    ask_begin_child(&ask, parent, "probe", config_probe_keys);
    segment->probe.interval_ms = ask_number(&ask, "interval_ms");
    segment->probe.retry_ms = ask_number(&ask, "retry_ms");
    segment->probe.retries = ask_number(&ask, "retries");
    if (segment->probe.retry_ms > segment->probe.interval_ms) {
        if (ask_has(&ask, "retry_ms")) {
            ask_error(&ask, "retry_ms",
                      "must not be more than interval_ms (%u)",
                      segment->probe.interval_ms);
        }
        segment->probe.retry_ms = segment->probe.interval_ms;
    }
    ask_end(&ask);
}

static void
read_beacon(const struct ask *parent, struct config_segment *segment)
{
    struct ask ask;

    ask_begin_child(&ask, parent, "beacon", config_beacon_keys);
    segment->beacon.interval_ms = ask_number(&ask, "interval_ms");
    segment->beacon.misses = ask_number(&ask, "misses");
    if (segment->beacon.interval_ms
        && segment->beacon.interval_ms < CONFIG_MIN_BEACON_MS) {
        ask_error(&ask, "interval_ms", "must be 0, or at least %d",
                  CONFIG_MIN_BEACON_MS);
    }
    ask_end(&ask);
}

static void
read_election(const struct ask *parent, struct config_segment *segment)
{
    struct ask ask;

    ask_begin_child(&ask, parent, "election", config_election_keys);
    segment->election.preempt = ask_bool(&ask, "preempt");
    segment->election.hold_down_ms = ask_number(&ask, "hold_down_ms");
    ask_end(&ask);
}

static void
read_limits(const struct ask *parent, struct config_segment *segment)
{
    struct ask ask;

    ask_begin_child(&ask, parent, "limits", config_limits_keys);
    segment->limits.learned = ask_number(&ask, "learned");
    segment->limits.learned_per_port = ask_number(&ask, "learned_per_port");
    segment->limits.requests_per_s = ask_number(&ask, "requests_per_s");
    ask_end(&ask);
}

/* "N:N", each 0...65535.  RFC 1997. */
static bool
community_is_valid(const char *text)
{
    unsigned int parts[2];
    int end = 0;

    return strspn(text, "0123456789:") == strlen(text)
           && isdigit((unsigned char) *text) && strlen(text) <= 11
           && sscanf(text, "%u:%u%n", &parts[0], &parts[1], &end) == 2
           && !text[end] && parts[0] <= 65535 && parts[1] <= 65535;
}

static void
read_segment_bgp(const struct ask *parent, struct config_segment *segment)
{
    struct ask ask;

    ask_begin_child(&ask, parent, "bgp", config_segment_bgp_keys);
    segment->bgp.community = ask_strdup(&ask, "community");
    if (segment->bgp.community
        && !community_is_valid(segment->bgp.community)) {
        ask_error(&ask, "community",
                  "must be two numbers up to 65535 like \"65000:100\"");
    }
    segment->bgp.local_preference = ask_number(&ask, "local_preference");
    ask_end(&ask);
}

static void
read_servers(const struct ask *ask, struct config_segment *segment)
{
    json_t *servers = ask_get(ask, "servers");
    char *pointer = ask_pointer(ask, "servers");
    json_t *element;
    size_t i;

    segment->dhcp.n_servers = json_array_size(servers);
    segment->dhcp.servers = fh_xcalloc(segment->dhcp.n_servers + 1,
                                       sizeof *segment->dhcp.servers);
    json_array_foreach (servers, i, element) {
        char *at = config_pointer_index(pointer, i);
        const char *text = ask_element_string(element, at, ask->errors);

        if (text) {
            config_read_host_at(text, at, ask->errors,
                                &segment->dhcp.servers[i]);
        }
        free(at);
    }
    free(pointer);
}

static void
read_dhcp(const struct ask *parent, struct config_segment *segment)
{
    struct ask ask;

    ask_begin_child(&ask, parent, "dhcp", config_dhcp_keys);
    if (ask_has(parent, "dhcp")) {
        read_servers(&ask, segment);
    }
    segment->dhcp.lease_clients = ask_bool(&ask, "lease_clients");
    ask_end(&ask);
    if (segment->learn != LEARN_DHCP) {
        return;
    }
    if (!ask_has(parent, "dhcp")) {
        ask_error(parent, "learn", "\"dhcp\" needs \"dhcp\" with its servers");
    } else if (!segment->dhcp.lease_clients) {
        ask_error(parent, "learn",
                  "\"dhcp\" needs \"lease_clients\" to be true");
    }
}

static void
read_learn(const struct ask *ask, struct config_segment *segment)
{
    json_t *value = ask_get(ask, "learn");

    segment->learn = LEARN_ALL;
    if (json_is_false(value)) {
        segment->learn = LEARN_LISTED;
    } else if (json_is_string(value)) {
        if (!strcmp(json_string_value(value), "dhcp")) {
            segment->learn = LEARN_DHCP;
        } else {
            ask_error(ask, "learn", "must be true, false or \"dhcp\"");
        }
    }
}

static void
read_segment(json_t *json, const char *name, const struct config *config,
             struct config_errors *errors, struct config_segment *segment)
{
    struct ask ask;

    ask_begin(&ask, json, config_pointer(CONFIG_AT("segments", name)),
              config_segment_keys, errors);
    config_check_name(name, ask.pointer, errors);
    segment->name = fh_xstrdup(name);
    config_read_host(&ask, "gateway", &segment->gateway);
    read_prefixes(&ask, segment);
    config_read_vlan(&ask, &segment->vlan);
    read_learn(&ask, segment);
    segment->isolate = ask_bool(&ask, "isolate");
    read_members(&ask, config, segment);
    read_probe(&ask, segment);
    read_beacon(&ask, segment);
    read_election(&ask, segment);
    read_limits(&ask, segment);
    segment->proxy_arp = ask_choice(&ask, "proxy_arp", proxy_arp_names,
                                    PROXY_ARP_ALL);
    segment->withdraw_after_ms = ask_number(&ask, "withdraw_after_ms");
    segment->age_s = ask_number(&ask, "age_s");
    segment->upstream = ask_choice(&ask, "upstream", upstream_names,
                                   UPSTREAM_ARP);
    read_segment_bgp(&ask, segment);
    read_dhcp(&ask, segment);
    ask_end(&ask);
}

void
config_read_segments(const struct ask *root, struct config *config)
{
    json_t *segments = ask_get(root, "segments");
    const char **names = ask_sorted_keys(segments, &config->n_segments);

    config->segments = fh_xcalloc(config->n_segments + 1,
                                  sizeof *config->segments);
    for (size_t i = 0; i < config->n_segments; i++) {
        read_segment(json_object_get(segments, names[i]), names[i], config,
                     root->errors, &config->segments[i]);
    }
    free(names);
}

void
config_destroy_segment(struct config_segment *segment)
{
    for (size_t i = 0; i < segment->n_members; i++) {
        free(segment->members[i].uplink.port);
    }
    free(segment->name);
    free(segment->prefixes);
    free(segment->members);
    free(segment->bgp.community);
    free(segment->dhcp.servers);
}
