/* The configuration: JSON in, a const value out, or every error at once.
 *
 * Reads each section by the tables below, then lets config_check.c judge what
 * no entry can know alone.  What could not be read stays zero, so that one
 * mistake is reported once.  Called by main, api and firsthop; applies
 * nothing, and never touches the network. */
#include <config.h>

#include "controller/config/config.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "controller/config/config_ask.h"

#include <firsthop/buf.h>

/* What may be asked for. */

#define OBJECT(NAME, MIN, MAX) \
    { .name = NAME, .type = JSON_OBJECT, .min = MIN, .max = MAX }
#define ARRAY(NAME, MIN, MAX) \
    { .name = NAME, .type = JSON_ARRAY, .min = MIN, .max = MAX }
#define STRING(NAME) \
    { .name = NAME, .type = JSON_STRING, .min = 1, .max = MAX_STRING }
#define NUMBER(NAME, MIN, MAX, DEFAULT) \
    { .name = NAME, .type = JSON_INTEGER, .min = MIN, .max = MAX, \
      .dflt = DEFAULT }
#define BOOLEAN(NAME, DEFAULT) \
    { .name = NAME, .type = JSON_TRUE, .dflt = DEFAULT }
/* JSON_FALSE stands for "a boolean, or one of some words". */
#define BOOLEAN_OR_WORD(NAME, DEFAULT) \
    { .name = NAME, .type = JSON_FALSE, .dflt = DEFAULT }
#define REQUIRED_OBJECT(NAME, MIN, MAX) \
    { .name = NAME, .type = JSON_OBJECT, .required = true, \
      .min = MIN, .max = MAX }
#define REQUIRED_ARRAY(NAME, MIN, MAX) \
    { .name = NAME, .type = JSON_ARRAY, .required = true, \
      .min = MIN, .max = MAX }
#define REQUIRED_STRING(NAME) \
    { .name = NAME, .type = JSON_STRING, .required = true, \
      .min = 1, .max = MAX_STRING }
#define REQUIRED_NUMBER(NAME, MIN, MAX) \
    { .name = NAME, .type = JSON_INTEGER, .required = true, \
      .min = MIN, .max = MAX }
#define END { .name = NULL }

#define MAX_STRING 1023         /* Of paths; all else is far shorter. */
#define MAX_UNIX_PATH 107       /* sizeof sockaddr_un.sun_path - 1. */
#define MAX_COMMON_NAME 64      /* X.520: ub-common-name */
#define DAY_MS (24 * 3600 * 1000)

static const struct config_key root_keys[] = {
    OBJECT("openflow", 0, 0),
    OBJECT("routers", 0, CONFIG_MAX_ROUTERS),
    OBJECT("cores", 0, CONFIG_MAX_CORES),
    OBJECT("segments", 0, CONFIG_MAX_SEGMENTS),
    ARRAY("clients", 0, CONFIG_MAX_CLIENTS),
    OBJECT("api", 0, 0),
    OBJECT("bgp", 0, 0),
    OBJECT("kernel", 0, 0),
    OBJECT("tls", 0, 0),
    END
};

static const struct config_key tls_keys[] = {
    REQUIRED_STRING("key"),
    REQUIRED_STRING("certificate"),
    REQUIRED_STRING("ca"),
    END
};

static const struct config_key openflow_keys[] = {
    ARRAY("listen", 0, CONFIG_MAX_LISTENS),
    NUMBER("echo_interval_ms", 10, 60000, 1000),
    NUMBER("dead_after_ms", 20, 600000, 3000),
    END
};

static const struct config_key router_keys[] = {
    REQUIRED_STRING("datapath_id"),
    REQUIRED_STRING("mac"),
    REQUIRED_ARRAY("access_ports", 1, CONFIG_MAX_PORTS),
    REQUIRED_OBJECT("uplink", 0, 0),
    STRING("connect"),
    STRING("common_name"),
    END
};

static const struct config_key uplink_keys[] = {
    REQUIRED_STRING("port"),
    ARRAY("vlan", 0, FH_VLAN_MAX_TAGS),
    REQUIRED_STRING("address"),
    REQUIRED_STRING("next_hop"),
    NUMBER("mtu", 576, 65535, 1500),
    OBJECT("watch", 0, 0),
    END
};

/* As above; what is left out is the router's. */
static const struct config_key own_uplink_keys[] = {
    STRING("port"),
    ARRAY("vlan", 0, FH_VLAN_MAX_TAGS),
    STRING("address"),
    STRING("next_hop"),
    NUMBER("mtu", 576, 65535, 1500),
    OBJECT("watch", 0, 0),
    END
};

static const struct config_key watch_keys[] = {
    NUMBER("interval_ms", 100, 60000, 3000),
    NUMBER("misses", 1, 100, 3),
    END
};

static const struct config_key core_keys[] = {
    REQUIRED_STRING("datapath_id"),
    STRING("connect"),
    STRING("common_name"),
    REQUIRED_OBJECT("ports", 1, CONFIG_MAX_ROUTERS),
    END
};

static const struct config_key segment_keys[] = {
    REQUIRED_STRING("gateway"),
    REQUIRED_ARRAY("prefixes", 1, CONFIG_MAX_PREFIXES),
    ARRAY("vlan", 0, FH_VLAN_MAX_TAGS),
    BOOLEAN_OR_WORD("learn", true),
    BOOLEAN("isolate", false),
    REQUIRED_OBJECT("routers", 1, CONFIG_MAX_MEMBERS),
    OBJECT("probe", 0, 0),
    OBJECT("beacon", 0, 0),
    OBJECT("election", 0, 0),
    OBJECT("limits", 0, 0),
    STRING("proxy_arp"),
    NUMBER("withdraw_after_ms", 0, 7 * DAY_MS, 60000),
    NUMBER("age_s", 1, 2592000, 300),
    STRING("upstream"),
    OBJECT("bgp", 0, 0),
    OBJECT("dhcp", 0, 0),
    END
};

static const struct config_key member_keys[] = {
    NUMBER("priority", 0, 65535, 100),
    REQUIRED_STRING("address"),
    OBJECT("uplink", 0, 0),
    END
};

static const struct config_key probe_keys[] = {
    NUMBER("interval_ms", 10, 3600000, 1000),
    NUMBER("retry_ms", 1, 3600000, 100),
    NUMBER("retries", 0, 10, 2),
    END
};

static const struct config_key beacon_keys[] = {
    NUMBER("interval_ms", 0, 60000, 50),
    NUMBER("misses", 1, 100, 3),
    END
};

static const struct config_key election_keys[] = {
    BOOLEAN("preempt", false),
    NUMBER("hold_down_ms", 0, DAY_MS, 10000),
    END
};

static const struct config_key limits_keys[] = {
    NUMBER("learned", 0, 1000000, 65536),
    NUMBER("learned_per_port", 0, 1000000, 4096),
    NUMBER("requests_per_s", 1, 1000000, 1000),
    END
};

static const struct config_key segment_bgp_keys[] = {
    STRING("community"),
    NUMBER("local_preference", 0, UINT32_MAX, 100),
    END
};

static const struct config_key dhcp_keys[] = {
    REQUIRED_ARRAY("servers", 1, CONFIG_MAX_DHCP_SERVERS),
    BOOLEAN("lease_clients", true),
    END
};

static const struct config_key client_keys[] = {
    REQUIRED_STRING("address"),
    REQUIRED_STRING("segment"),
    ARRAY("vlan", 0, FH_VLAN_MAX_TAGS),
    STRING("mac"),
    END
};

/* As above, with the address given apart. */
static const struct config_key api_client_keys[] = {
    REQUIRED_STRING("segment"),
    ARRAY("vlan", 0, FH_VLAN_MAX_TAGS),
    STRING("mac"),
    END
};

static const struct config_key api_keys[] = {
    REQUIRED_STRING("listen"),
    STRING("token_file"),
    BOOLEAN("read_without_token", false),
    END
};

static const struct config_key bgp_keys[] = {
    REQUIRED_STRING("api_in"),
    REQUIRED_STRING("api_out"),
    END
};

static const struct config_key kernel_keys[] = {
    REQUIRED_NUMBER("table", 1, UINT32_MAX),
    REQUIRED_STRING("device"),
    END
};

const struct config_object config_objects[] = {
    { "top level", root_keys },
    { "openflow", openflow_keys },
    { "router", router_keys },
    { "uplink", uplink_keys },
    { "watch", watch_keys },
    { "core", core_keys },
    { "segment", segment_keys },
    { "segment router", member_keys },
    { "probe", probe_keys },
    { "election", election_keys },
    { "limits", limits_keys },
    { "segment bgp", segment_bgp_keys },
    { "dhcp", dhcp_keys },
    { "client", client_keys },
    { "api", api_keys },
    { "bgp", bgp_keys },
    { "kernel", kernel_keys },
    { "tls", tls_keys },
    { NULL, NULL },
};

/* Indexed by enum config_proxy_arp and enum config_upstream. */
static const char *const proxy_arp_names[] = { "all", "gateway", NULL };
static const char *const upstream_names[] = {
    "arp", "bgp", "core", "kernel", "none", NULL
};

/* Values that are strings. */

static void
read_host_at(const char *text, const char *pointer,
             struct config_errors *errors, struct fh_addr *out)
{
    struct fh_addr addr;
    const char *why = "must be an IPv4 address like \"10.0.0.1\"";

    if (fh_addr_parse(text, &addr)) {
        why = config_host_error(addr);
    }
    if (why) {
        config_errors_add(errors, pointer, "%s", why);
        return;
    }
    *out = addr;
}

static void
read_host(const struct ask *ask, const char *key, struct fh_addr *out)
{
    const char *text = ask_string(ask, key);
    char *pointer;

    if (text) {
        pointer = ask_pointer(ask, key);
        read_host_at(text, pointer, ask->errors, out);
        free(pointer);
    }
}

static bool
read_mac(const struct ask *ask, const char *key, struct eth_addr *out)
{
    const char *text = ask_string(ask, key);
    struct eth_addr mac;

    if (!text) {
        return false;
    }
    if (!fh_mac_parse(text, &mac)) {
        ask_error(ask, key,
                  "must be a MAC address like \"02:00:00:00:00:0a\"");
        return false;
    }
    if (!fh_mac_is_unicast(mac)) {
        ask_error(ask, key, "must be a unicast MAC address");
        return false;
    }
    *out = mac;
    return true;
}

static void
read_dpid(const struct ask *ask, uint64_t *out)
{
    const char *text = ask_string(ask, "datapath_id");
    uint64_t dpid;

    if (!text) {
        return;
    }
    if (!fh_dpid_parse(text, &dpid)) {
        ask_error(ask, "datapath_id", "must be 16 hexadecimal digits");
    } else if (!dpid) {
        ask_error(ask, "datapath_id", "must not be zero");
    } else {
        *out = dpid;
    }
}

/* NULL, or what is wrong with a port's name. */
static const char *
port_name_error(const char *name)
{
    if (!*name) {
        return "a port name must not be empty";
    }
    if (strlen(name) > CONFIG_MAX_PORT_NAME) {
        return "OpenFlow port names have at most 15 characters";
    }
    for (; *name; name++) {
        if (!isgraph((unsigned char) *name) || !isascii(*name)) {
            return "a port name consists of printable ASCII without spaces";
        }
    }
    return NULL;
}

static char *
read_port(const struct ask *ask, const char *key)
{
    const char *text = ask_string(ask, key);
    const char *why = text ? port_name_error(text) : NULL;

    if (why) {
        ask_error(ask, key, "%s", why);
    }
    return text && !why ? fh_xstrdup(text) : NULL;
}

/* Up to two tags, outermost first.  '*out' stays if there are none, and gets
 * CONFIG_VLAN_UNKNOWN if one is bad. */
static void
read_vlan(const struct ask *ask, struct fh_vlan *out)
{
    json_t *tags = ask_get(ask, "vlan");
    char *pointer = ask_pointer(ask, "vlan");
    struct fh_vlan vlan = { .n = json_array_size(tags) };
    bool ok = tags != NULL;
    json_t *tag;
    size_t i;

    json_array_foreach (tags, i, tag) {
        json_int_t vid = json_integer_value(tag);   /* 0 if it is none. */

        if (vid < 1 || vid > 4094) {
            char *at = config_pointer_index(pointer, i);

            config_errors_add(ask->errors, at,
                              "a VLAN tag is an integer from 1 to 4094");
            free(at);
            ok = false;
        } else {
            vlan.vids[i] = vid;
        }
    }
    if (ask_has(ask, "vlan")) {
        *out = ok ? vlan : (struct fh_vlan) { .n = CONFIG_VLAN_UNKNOWN };
    }
    free(pointer);
}

/* "1"..."65535", nothing else. */
static bool
port_number_is_valid(const char *text)
{
    char *end;
    long int port = strtol(text, &end, 10);

    return isdigit((unsigned char) *text) && !*end && strlen(text) <= 5
           && port >= 1 && port <= 65535;
}

/* Splits "ADDR:PORT" or "[V6]:PORT".  Returns true, and the address's text
 * in 'addr', if both have the right form. */
static bool
parse_endpoint(const char *text, char addr[INET6_ADDRSTRLEN], int *family)
{
    const char *colon = strrchr(text, ':');
    uint8_t bytes[16];
    size_t len;

    if (!colon || !port_number_is_valid(colon + 1)) {
        return false;
    }
    *family = *text == '[' ? AF_INET6 : AF_INET;
    if (*family == AF_INET6) {
        if (colon[-1] != ']') {
            return false;
        }
        text++;
        colon--;
    }
    len = colon - text;
    if (len >= INET6_ADDRSTRLEN) {
        return false;
    }
    memcpy(addr, text, len);
    addr[len] = '\0';
    return inet_pton(*family, addr, bytes) == 1;
}

/* Is this the form of an OpenFlow target?  NULL, or what is wrong. */
static const char *
target_error(const char *target)
{
    char addr[INET6_ADDRSTRLEN];
    int family;

    if (!strncmp(target, "unix:", 5)) {
        const char *path = target + 5;

        return (*path != '/' ? "a socket path must begin with \"/\""
                : strlen(path) > MAX_UNIX_PATH
                ? "a socket path has at most 107 characters" : NULL);
    }
    if ((!strncmp(target, "tcp:", 4) || !strncmp(target, "ssl:", 4))
        && parse_endpoint(target + 4, addr, &family)) {
        return NULL;
    }
    return "must be \"tcp:ADDRESS:PORT\", \"tcp:[ADDRESS]:PORT\", the same "
           "with \"ssl:\", or \"unix:PATH\"";
}

static char *
read_target(const struct ask *ask, const char *key)
{
    const char *text = ask_string(ask, key);
    const char *why = text ? target_error(text) : NULL;

    if (why) {
        ask_error(ask, key, "%s", why);
    }
    return text && !why ? fh_xstrdup(text) : NULL;
}

/* Whose certificate a bridge must show, or NULL.  'connect' may be NULL. */
static char *
read_common_name(const struct ask *ask, const char *connect)
{
    const char *text = ask_string(ask, "common_name");

    if (text && (!*text || strlen(text) > MAX_COMMON_NAME)) {
        ask_error(ask, "common_name", "has 1 to %d bytes", MAX_COMMON_NAME);
        return NULL;
    }
    if (text && connect && strncmp(connect, "ssl:", 4)) {
        ask_error(ask, "common_name", "a bridge that is dialled without TLS "
                  "shows no certificate");
        return NULL;
    }
    return text ? fh_xstrdup(text) : NULL;
}

static char *
read_path(const struct ask *ask, const char *key)
{
    const char *text = ask_string(ask, key);

    if (text && *text != '/') {
        ask_error(ask, key, "a path must begin with \"/\"");
        return NULL;
    }
    return text ? fh_xstrdup(text) : NULL;
}

/* Reads an array of distinct strings, each of which 'check' likes, into
 * '*strings' and '*n'. */
static void
read_strings(const struct ask *ask, const char *key,
             const char *(*check)(const char *), char ***strings, size_t *n)
{
    json_t *array = ask_get(ask, key);
    json_t *seen = json_object();
    char *pointer = ask_pointer(ask, key);
    json_t *element;
    size_t i;

    *strings = fh_xcalloc(json_array_size(array) + 1, sizeof **strings);
    json_array_foreach (array, i, element) {
        char *at = config_pointer_index(pointer, i);
        const char *text = ask_element_string(element, at, ask->errors);
        const char *why = text ? check(text) : NULL;

        if (why) {
            config_errors_add(ask->errors, at, "%s", why);
        } else if (text && json_object_get(seen, text)) {
            config_errors_add(ask->errors, at, "\"%s\" is listed twice",
                              text);
        } else if (text) {
            json_object_set_new(seen, text, json_true());
            (*strings)[(*n)++] = fh_xstrdup(text);
        }
        free(at);
    }
    free(pointer);
    json_decref(seen);
}

static void
free_strings(char **strings, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(strings[i]);
    }
    free(strings);
}

/* A name that is a key: reports at 'pointer' what is wrong with it. */
static void
check_name(const char *name, const char *pointer,
           struct config_errors *errors)
{
    const char *why = config_name_error(name);

    if (why) {
        config_errors_add(errors, pointer, "%s", why);
    }
}

/* Sections. */

/* A child object of 'ask'. */
static void
begin_child(struct ask *child, const struct ask *ask, const char *key,
            const struct config_key *keys)
{
    ask_begin(child, ask_get(ask, key), ask_pointer(ask, key), keys,
              ask->errors);
}

static const char default_listen[] = "tcp:127.0.0.1:6653";

static void
read_openflow(const struct ask *root, struct config *config)
{
    struct ask ask;

    begin_child(&ask, root, "openflow", openflow_keys);
    read_strings(&ask, "listen", target_error, &config->listens,
                 &config->n_listens);
    if (!ask_has(&ask, "listen")) {
        config->listens[config->n_listens++] = fh_xstrdup(default_listen);
    }

    /* Given one of the two alone, the other keeps the default's proportion:
     * three silent intervals are a dead bridge. */
    config->echo_interval_ms = ask_number(&ask, "echo_interval_ms");
    config->dead_after_ms = ask_number(&ask, "dead_after_ms");
    if (!ask_has(&ask, "dead_after_ms")) {
        config->dead_after_ms = 3 * config->echo_interval_ms;
    } else if (!ask_has(&ask, "echo_interval_ms")
               && config->dead_after_ms < 3 * config->echo_interval_ms) {
        config->echo_interval_ms = config->dead_after_ms / 3;
    }
    if (config->dead_after_ms <= config->echo_interval_ms) {
        ask_error(&ask, "dead_after_ms",
                  "must be more than echo_interval_ms (%u)",
                  config->echo_interval_ms);
    }
    ask_end(&ask);
}

/* What is left out is as it was. */
static void
read_watch(const struct ask *parent, struct config_uplink *uplink)
{
    bool is_new = !uplink->watch.misses;
    struct ask ask;

    begin_child(&ask, parent, "watch", watch_keys);
    if (ask_has(&ask, "interval_ms") || is_new) {
        uplink->watch.interval_ms = ask_number(&ask, "interval_ms");
    }
    if (ask_has(&ask, "misses") || is_new) {
        uplink->watch.misses = ask_number(&ask, "misses");
    }
    ask_end(&ask);
}

/* Reads what is given into '*uplink'. */
static void
read_uplink(const struct ask *ask, struct config_uplink *uplink)
{
    const char *address = ask_string(ask, "address");
    char *port = read_port(ask, "port");

    if (port) {
        free(uplink->port);
        uplink->port = port;
    }
    read_vlan(ask, &uplink->vlan);
    if (ask_has(ask, "mtu") || !uplink->mtu) {
        uplink->mtu = ask_number(ask, "mtu");
    }
    read_host(ask, "next_hop", &uplink->next_hop);
    read_watch(ask, uplink);

    struct fh_prefix prefix;
    if (!address) {
        return;
    }
    if (!fh_prefix_parse(address, &prefix)) {
        ask_error(ask, "address",
                  "must be an address and a length like \"192.0.2.2/24\"");
    } else if (prefix.plen < 8 || prefix.plen > 31) {
        ask_error(ask, "address", "the length must be 8 to 31");
    } else if (config_host_error(prefix.addr)) {
        ask_error(ask, "address", "%s", config_host_error(prefix.addr));
    } else {
        uplink->address = prefix;
    }
}

static void
read_router(json_t *json, const char *name, const char *pointer,
            struct config_errors *errors, struct config_router *router)
{
    struct ask ask, uplink;

    check_name(name, pointer, errors);
    router->name = fh_xstrdup(name);
    ask_begin(&ask, json, fh_xstrdup(pointer), router_keys, errors);
    read_dpid(&ask, &router->dpid);
    read_mac(&ask, "mac", &router->mac);
    read_strings(&ask, "access_ports", port_name_error,
                 &router->access_ports, &router->n_access_ports);
    router->connect = read_target(&ask, "connect");
    router->common_name = read_common_name(&ask, router->connect);
    begin_child(&uplink, &ask, "uplink", uplink_keys);
    read_uplink(&uplink, &router->uplink);
    ask_end(&uplink);
    ask_end(&ask);
}

static void
read_routers(const struct ask *root, struct config *config)
{
    json_t *routers = ask_get(root, "routers");
    const char **names = ask_sorted_keys(routers, &config->n_routers);

    config->routers = fh_xcalloc(config->n_routers + 1,
                                 sizeof *config->routers);
    for (size_t i = 0; i < config->n_routers; i++) {
        char *pointer = config_pointer(CONFIG_AT("routers", names[i]));

        read_router(json_object_get(routers, names[i]), names[i], pointer,
                    root->errors, &config->routers[i]);
        free(pointer);
    }
    free(names);
}

static void
read_core_ports(const struct ask *ask, const struct config *config,
                struct config_core *core)
{
    json_t *ports = ask_get(ask, "ports");
    char *pointer = ask_pointer(ask, "ports");
    const char **names = ask_sorted_keys(ports, &core->n_ports);

    core->ports = fh_xcalloc(core->n_ports + 1, sizeof *core->ports);
    for (size_t i = 0; i < core->n_ports; i++) {
        char *at = config_pointer_key(pointer, names[i]);
        const char *port = ask_element_string(
            json_object_get(ports, names[i]), at, ask->errors);
        const char *why = port ? port_name_error(port) : NULL;

        core->ports[i].router = config_find_router(config, names[i]);
        if (core->ports[i].router == SIZE_MAX) {
            config_errors_add(ask->errors, at, "no router has this name");
        }
        if (why) {
            config_errors_add(ask->errors, at, "%s", why);
        }
        core->ports[i].port = fh_xstrdup(port && !why ? port : "");
        free(at);
    }
    free(names);
    free(pointer);
}

static void
read_cores(const struct ask *root, struct config *config)
{
    json_t *cores = ask_get(root, "cores");
    const char **names = ask_sorted_keys(cores, &config->n_cores);

    config->cores = fh_xcalloc(config->n_cores + 1, sizeof *config->cores);
    for (size_t i = 0; i < config->n_cores; i++) {
        struct config_core *core = &config->cores[i];
        struct ask ask;

        ask_begin(&ask, json_object_get(cores, names[i]),
                  config_pointer(CONFIG_AT("cores", names[i])), core_keys,
                  root->errors);
        check_name(names[i], ask.pointer, root->errors);
        core->name = fh_xstrdup(names[i]);
        read_dpid(&ask, &core->dpid);
        core->connect = read_target(&ask, "connect");
        core->common_name = read_common_name(&ask, core->connect);
        read_core_ports(&ask, config, core);
        ask_end(&ask);
    }
    free(names);
}

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

    ask_begin(&ask, json, pointer, member_keys, errors);
    member->priority = ask_number(&ask, "priority");
    read_host(&ask, "address", &member->address);
    member->own_uplink = ask_has(&ask, "uplink");
    if (member->own_uplink) {
        struct ask uplink;

        begin_child(&uplink, &ask, "uplink", own_uplink_keys);
        read_uplink(&uplink, &member->uplink);
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

    begin_child(&ask, parent, "probe", probe_keys);
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

    begin_child(&ask, parent, "beacon", beacon_keys);
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

    begin_child(&ask, parent, "election", election_keys);
    segment->election.preempt = ask_bool(&ask, "preempt");
    segment->election.hold_down_ms = ask_number(&ask, "hold_down_ms");
    ask_end(&ask);
}

static void
read_limits(const struct ask *parent, struct config_segment *segment)
{
    struct ask ask;

    begin_child(&ask, parent, "limits", limits_keys);
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

    begin_child(&ask, parent, "bgp", segment_bgp_keys);
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
            read_host_at(text, at, ask->errors, &segment->dhcp.servers[i]);
        }
        free(at);
    }
    free(pointer);
}

static void
read_dhcp(const struct ask *parent, struct config_segment *segment)
{
    struct ask ask;

    begin_child(&ask, parent, "dhcp", dhcp_keys);
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
              segment_keys, errors);
    check_name(name, ask.pointer, errors);
    segment->name = fh_xstrdup(name);
    read_host(&ask, "gateway", &segment->gateway);
    read_prefixes(&ask, segment);
    read_vlan(&ask, &segment->vlan);
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

static void
read_segments(const struct ask *root, struct config *config)
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

/* All of a client but its address. */
static void
read_client(const struct ask *ask, const struct config *config,
            struct config_client *client)
{
    const char *segment = ask_string(ask, "segment");

    client->segment = segment ? config_find_segment(config, segment)
                              : SIZE_MAX;
    if (segment && client->segment == SIZE_MAX) {
        ask_error(ask, "segment", "no segment has this name");
    }
    if (client->segment != SIZE_MAX) {
        client->vlan = config->segments[client->segment].vlan;
    }
    client->own_vlan = ask_has(ask, "vlan");
    read_vlan(ask, &client->vlan);
    client->has_mac = read_mac(ask, "mac", &client->mac);
}

/* The elements of 'array' (NULL: none), which is at 'pointer'. */
static void
read_client_list(json_t *array, const char *pointer,
                 const struct config *config, struct config_client *clients,
                 struct config_errors *errors)
{
    json_t *element;
    size_t i;

    json_array_foreach (array, i, element) {
        struct ask ask;

        ask_begin(&ask, element, config_pointer_index(pointer, i),
                  client_keys, errors);
        read_host(&ask, "address", &clients[i].address);
        read_client(&ask, config, &clients[i]);
        ask_end(&ask);
    }
}

static void
read_clients(const struct ask *root, struct config *config)
{
    json_t *clients = ask_get(root, "clients");
    char *pointer = ask_pointer(root, "clients");

    config->n_clients = json_array_size(clients);
    config->clients = fh_xcalloc(config->n_clients + 1,
                                 sizeof *config->clients);
    read_client_list(clients, pointer, config, config->clients,
                     root->errors);
    free(pointer);
}

static bool
address_is_loopback(const char *text, int family)
{
    uint8_t bytes[16];

    if (inet_pton(family, text, bytes) != 1) {
        return false;
    }
    return family == AF_INET ? bytes[0] == 127
                             : !memcmp(bytes, &in6addr_loopback, 16);
}

static void
read_api(const struct ask *root, struct config *config)
{
    char addr[INET6_ADDRSTRLEN];
    struct ask ask;
    int family;

    begin_child(&ask, root, "api", api_keys);
    config->api.listen = ask_strdup(&ask, "listen");
    if (config->api.listen) {
        if (!parse_endpoint(config->api.listen, addr, &family)) {
            ask_error(&ask, "listen",
                      "must be ADDRESS:PORT like \"127.0.0.1:8080\"");
        } else if (!address_is_loopback(addr, family)) {
            ask_error(&ask, "listen", "must be a loopback address");
        }
    }
    config->api.token_file = read_path(&ask, "token_file");
    config->api.read_without_token = ask_bool(&ask, "read_without_token");
    if (ask.object && !config->api.read_without_token
        && !ask_has(&ask, "token_file")) {
        ask_error(&ask, "token_file", "is missing, and "
                  "read_without_token is not true");
    }
    ask_end(&ask);
}

static void
read_bgp(const struct ask *root, struct config *config)
{
    struct ask ask;

    begin_child(&ask, root, "bgp", bgp_keys);
    config->bgp.api_in = read_path(&ask, "api_in");
    config->bgp.api_out = read_path(&ask, "api_out");
    if (config->bgp.api_in && config->bgp.api_out
        && !strcmp(config->bgp.api_in, config->bgp.api_out)) {
        ask_error(&ask, "api_out", "must not be the same as api_in");
    }
    ask_end(&ask);
}

/* Names of interfaces have at most 15 bytes (IFNAMSIZ). */
static void
read_kernel(const struct ask *root, struct config *config)
{
    struct ask ask;

    begin_child(&ask, root, "kernel", kernel_keys);
    if (ask_has(root, "kernel")) {
        config->kernel.table = ask_number(&ask, "table");
        config->kernel.device = ask_strdup(&ask, "device");
    }
    if (config->kernel.device
        && (strlen(config->kernel.device) > 15
            || strpbrk(config->kernel.device, "/ \t"))) {
        ask_error(&ask, "device", "is no name of a network interface");
    }
    ask_end(&ask);
}

static void
read_tls(const struct ask *root, struct config *config)
{
    struct ask ask;

    if (!ask_has(root, "tls")) {
        return;
    }
    begin_child(&ask, root, "tls", tls_keys);
    config->tls.key = read_path(&ask, "key");
    config->tls.certificate = read_path(&ask, "certificate");
    config->tls.ca = read_path(&ask, "ca");
    ask_end(&ask);
}

/* The whole. */

static int
compare_clients(const void *a_, const void *b_)
{
    const struct config_client *a = a_;
    const struct config_client *b = b_;
    int cmp = fh_addr_compare(a->address, b->address);

    return cmp ? cmp : (a->segment > b->segment) - (a->segment < b->segment);
}

static struct config *
read_root(json_t *json, struct config_errors *errors,
          struct config_errors *warnings)
{
    struct config *config = fh_xcalloc(1, sizeof *config);
    struct ask root;

    config->json = json_incref(json);
    ask_begin(&root, json, fh_xstrdup(""), root_keys, errors);
    read_openflow(&root, config);
    read_routers(&root, config);
    read_cores(&root, config);
    read_segments(&root, config);
    read_clients(&root, config);
    read_api(&root, config);
    read_bgp(&root, config);
    read_kernel(&root, config);
    read_tls(&root, config);
    ask_end(&root);
    config_check(config, errors, warnings);

    if (errors->n) {
        config_destroy(config);
        return NULL;
    }
    if (config->n_clients) {
        qsort(config->clients, config->n_clients, sizeof *config->clients,
              compare_clients);
    }
    return config;
}

struct config *
config_from_json(json_t *json, struct config_errors *errors,
                 struct config_errors *warnings)
{
    assert(!errors->n);
    return read_root(json, errors, warnings);
}

struct config *
config_parse(const char *text, size_t len, struct config_errors *errors,
             struct config_errors *warnings)
{
    struct config *config;
    json_t *json;

    assert(!errors->n);
    json = config_text_read(text, len, CONFIG_MAX_DEPTH, errors);
    if (!json) {
        return NULL;
    }
    config = read_root(json, errors, warnings);
    json_decref(json);
    return config;
}

/* Reads at most CONFIG_MAX_BYTES + 1.  Returns 0, or an errno. */
static int
read_file(const char *path, struct fh_buf *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int error = 0;

    if (fd < 0) {
        return errno;
    }
    while (text->len <= CONFIG_MAX_BYTES) {
        char chunk[16384];
        ssize_t n = read(fd, chunk, sizeof chunk);

        if (n < 0 && errno == EINTR) {
            continue;
        } else if (n <= 0) {
            error = n ? errno : 0;
            break;
        }
        fh_buf_append(text, chunk, n);
    }
    close(fd);
    return error;
}

struct config *
config_load_file(const char *path, struct config_errors *errors,
                 struct config_errors *warnings)
{
    struct fh_buf text = { NULL, 0, 0 };
    struct config *config = NULL;
    int error = read_file(path, &text);

    if (error) {
        config_errors_add(errors, "", "cannot be read: %s", strerror(error));
    } else {
        config = config_parse((const char *) text.data, text.len, errors,
                              warnings);
    }
    fh_buf_destroy(&text);
    return config;
}

static void
destroy_segment(struct config_segment *segment)
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

static void
destroy_router(struct config_router *router)
{
    free(router->name);
    free_strings(router->access_ports, router->n_access_ports);
    free(router->uplink.port);
    free(router->connect);
    free(router->common_name);
}

static void
destroy_core(struct config_core *core)
{
    for (size_t i = 0; i < core->n_ports; i++) {
        free(core->ports[i].port);
    }
    free(core->name);
    free(core->connect);
    free(core->common_name);
    free(core->ports);
}

void
config_destroy(struct config *config)
{
    if (!config) {
        return;
    }
    free_strings(config->listens, config->n_listens);
    for (size_t i = 0; i < config->n_routers; i++) {
        destroy_router(&config->routers[i]);
    }
    for (size_t i = 0; i < config->n_cores; i++) {
        destroy_core(&config->cores[i]);
    }
    for (size_t i = 0; i < config->n_segments; i++) {
        destroy_segment(&config->segments[i]);
    }
    free(config->routers);
    free(config->cores);
    free(config->segments);
    free(config->clients);
    free(config->api.listen);
    free(config->api.token_file);
    free(config->bgp.api_in);
    free(config->bgp.api_out);
    free(config->kernel.device);
    free(config->tls.key);
    free(config->tls.certificate);
    free(config->tls.ca);
    json_decref(config->json);
    free(config);
}

bool
config_client_from_json(const struct config *config, const char *address,
                        json_t *json, struct config_client *out,
                        struct config_errors *errors)
{
    struct config_client client = { .segment = SIZE_MAX };
    size_t n_before = errors->n;
    struct ask ask;
    const char *why;

    if (!json) {
        config_errors_add(errors, "", "must be an object");
        return false;
    }
    ask_begin(&ask, json, fh_xstrdup(""), api_client_keys, errors);
    if (!fh_addr_parse(address, &client.address)) {
        config_errors_add(errors, "", "the client must be an IPv4 address");
    } else {
        why = config_host_error(client.address);
        if (why) {
            config_errors_add(errors, "", "%s", why);
            client.address.ip4 = 0;
        }
    }
    read_client(&ask, config, &client);
    ask_end(&ask);
    config_check_client(config, &client, "", "", errors);
    if (errors->n != n_before) {
        return false;
    }
    *out = client;
    return true;
}

bool
config_clients_from_json(const struct config *config, json_t *array,
                         struct config_client *out,
                         struct config_errors *errors)
{
    size_t n = json_array_size(array);
    size_t n_before = errors->n;

    memset(out, 0, n * sizeof *out);
    read_client_list(array, "", config, out, errors);
    config_check_clients(config, out, n, errors);
    return errors->n == n_before;
}

/* Where, among 'n' items of 'size' bytes that begin with their names and are in
 * the order of these, 'name' is, or SIZE_MAX. */
static size_t
find_name(const void *items, size_t n, size_t size, const char *name)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int cmp = strcmp(name, *(char *const *) (const void *)
                               ((const char *) items + mid * size));

        if (!cmp) {
            return mid;
        }
        if (cmp < 0) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }
    return SIZE_MAX;
}

size_t
config_find_router(const struct config *config, const char *name)
{
    return find_name(config->routers, config->n_routers,
                     sizeof *config->routers, name);
}

size_t
config_find_segment(const struct config *config, const char *name)
{
    return find_name(config->segments, config->n_segments,
                     sizeof *config->segments, name);
}
