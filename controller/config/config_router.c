/* The routers of a configuration, their uplinks, and core bridges. */
#include <config.h>

#include "controller/config/config_read.h"

#include <stdlib.h>

#include <firsthop/buf.h>

/* What is left out is as it was. */
static void
read_watch(const struct ask *parent, struct config_uplink *uplink)
{
    bool is_new = !uplink->watch.misses;
    struct ask ask;

    ask_begin_child(&ask, parent, "watch", config_watch_keys);
    if (ask_has(&ask, "interval_ms") || is_new) {
        uplink->watch.interval_ms = ask_number(&ask, "interval_ms");
    }
    if (ask_has(&ask, "misses") || is_new) {
        uplink->watch.misses = ask_number(&ask, "misses");
    }
    ask_end(&ask);
}

void
config_read_uplink(const struct ask *ask, struct config_uplink *uplink)
{
    const char *address = ask_string(ask, "address");
    char *port = config_read_port(ask, "port");

    if (port) {
        free(uplink->port);
        uplink->port = port;
    }
    config_read_vlan(ask, &uplink->vlan);
    if (ask_has(ask, "mtu") || !uplink->mtu) {
        uplink->mtu = ask_number(ask, "mtu");
    }
    config_read_host(ask, "next_hop", &uplink->next_hop);
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

    config_check_name(name, pointer, errors);
    router->name = fh_xstrdup(name);
    ask_begin(&ask, json, fh_xstrdup(pointer), config_router_keys, errors);
    config_read_dpid(&ask, &router->dpid);
    config_read_mac(&ask, "mac", &router->mac);
    config_read_strings(&ask, "access_ports", config_port_name_error,
                        &router->access_ports, &router->n_access_ports);
    router->connect = config_read_target(&ask, "connect");
    router->common_name = config_read_common_name(&ask, router->connect);
    ask_begin_child(&uplink, &ask, "uplink", config_uplink_keys);
    config_read_uplink(&uplink, &router->uplink);
    ask_end(&uplink);
    ask_end(&ask);
}

void
config_read_routers(const struct ask *root, struct config *config)
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
        const char *why = port ? config_port_name_error(port) : NULL;

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

void
config_read_cores(const struct ask *root, struct config *config)
{
    json_t *cores = ask_get(root, "cores");
    const char **names = ask_sorted_keys(cores, &config->n_cores);

    config->cores = fh_xcalloc(config->n_cores + 1, sizeof *config->cores);
    for (size_t i = 0; i < config->n_cores; i++) {
        struct config_core *core = &config->cores[i];
        struct ask ask;

        ask_begin(&ask, json_object_get(cores, names[i]),
                  config_pointer(CONFIG_AT("cores", names[i])),
                  config_core_keys, root->errors);
        config_check_name(names[i], ask.pointer, root->errors);
        core->name = fh_xstrdup(names[i]);
        config_read_dpid(&ask, &core->dpid);
        core->connect = config_read_target(&ask, "connect");
        core->common_name = config_read_common_name(&ask, core->connect);
        read_core_ports(&ask, config, core);
        ask_end(&ask);
    }
    free(names);
}

void
config_destroy_router(struct config_router *router)
{
    free(router->name);
    config_free_strings(router->access_ports, router->n_access_ports);
    free(router->uplink.port);
    free(router->connect);
    free(router->common_name);
}

void
config_destroy_core(struct config_core *core)
{
    for (size_t i = 0; i < core->n_ports; i++) {
        free(core->ports[i].port);
    }
    free(core->name);
    free(core->connect);
    free(core->common_name);
    free(core->ports);
}
