/* Several controllers: what each is told of the others, and what they share.
 * Pure.  See config.h. */
#include <config.h>

#include "controller/config/config_read.h"

#include <stdlib.h>
#include <string.h>

#include <firsthop/buf.h>

/* Of the top level: each controller's own. */
static const char *const own[] = {
    "api", "bgp", "cluster", "kernel", "openflow", "tls",
};

json_t *
config_shared_part(json_t *config)
{
    json_t *shared = json_copy(config);

    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        json_object_del(shared, own[i]);
    }
    return shared;
}

json_t *
config_with_own_part(json_t *shared, json_t *config)
{
    json_t *both = config_shared_part(shared);

    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        json_t *value = json_object_get(config, own[i]);

        if (value) {
            json_object_set(both, own[i], value);
        }
    }
    return both;
}

void
config_read_tls(const struct ask *parent, struct config_tls *tls)
{
    struct ask ask;

    if (!ask_has(parent, "tls")) {
        return;
    }
    ask_begin_child(&ask, parent, "tls", config_tls_keys);
    tls->key = config_read_path(&ask, "key");
    tls->certificate = config_read_path(&ask, "certificate");
    tls->ca = config_read_path(&ask, "ca");
    ask_end(&ask);
}

static const char *
endpoint_error(const char *text)
{
    char addr[INET6_ADDRSTRLEN];
    int family;

    return (config_parse_endpoint(text, addr, &family) ? NULL
            : "must be ADDRESS:PORT like \"192.0.2.1:6650\" or "
              "\"[2001:db8::1]:6650\"");
}

/* "tcp:192.0.2.1:6641,tcp:192.0.2.2:6641" */
static void
read_databases(const struct ask *ask, struct config *config)
{
    const char *text = ask_string(ask, "database");
    char *copy = fh_xstrdup(text ? text : "");
    char *save = NULL;

    config->cluster.databases = fh_xcalloc(CONFIG_MAX_DATABASES + 1,
                                           sizeof(char *));
    for (char *target = strtok_r(copy, ",", &save); target;
         target = strtok_r(NULL, ",", &save)) {
        const char *why = config_target_error(target);

        if (config->cluster.n_databases == CONFIG_MAX_DATABASES) {
            ask_error(ask, "database", "has more than %d targets",
                      CONFIG_MAX_DATABASES);
            break;
        } else if (why) {
            ask_error(ask, "database", "%s: %s", target, why);
        } else {
            config->cluster.databases[config->cluster.n_databases++]
                = fh_xstrdup(target);
        }
    }
    if (text && !config->cluster.n_databases) {
        ask_error(ask, "database", "names no target");
    }
    free(copy);
}

static void
read_addresses(const struct ask *ask, struct config *config)
{
    const char *address = ask_string(ask, "address");

    if (address && endpoint_error(address)) {
        ask_error(ask, "address", "%s", endpoint_error(address));
    }
    config->cluster.address = ask_strdup(ask, "address");
    config_read_strings(ask, "peers", endpoint_error, &config->cluster.peers,
                        &config->cluster.n_peers);
    for (size_t i = 0; address && i < config->cluster.n_peers; i++) {
        if (!strcmp(config->cluster.peers[i], address)) {
            ask_error(ask, "peers", "%s is this controller's own address",
                      address);
        }
    }
}

static void
read_shard(const struct ask *ask, struct config *config)
{
    const char *shard = ask_string(ask, "shard");

    shard = shard ? shard : "default";
    if (config_name_error(shard)) {
        ask_error(ask, "shard", "%s", config_name_error(shard));
    }
    config->cluster.shard = fh_xstrdup(shard);
}

void
config_read_cluster(const struct ask *root, struct config *config)
{
    const char *name;
    struct ask ask;

    if (!ask_has(root, "cluster")) {
        return;
    }
    ask_begin_child(&ask, root, "cluster", config_cluster_keys);
    name = ask_string(&ask, "name");
    if (name && config_name_error(name)) {
        ask_error(&ask, "name", "%s", config_name_error(name));
    }
    config->cluster.name = ask_strdup(&ask, "name");
    read_addresses(&ask, config);
    read_databases(&ask, config);
    read_shard(&ask, config);
    config_read_tls(&ask, &config->cluster.tls);
    ask_end(&ask);
}

static void
free_tls(struct config_tls *tls)
{
    free(tls->key);
    free(tls->certificate);
    free(tls->ca);
}

void
config_destroy_cluster(struct config *config)
{
    free_tls(&config->tls);
    free(config->cluster.name);
    free(config->cluster.address);
    free(config->cluster.shard);
    config_free_strings(config->cluster.peers, config->cluster.n_peers);
    config_free_strings(config->cluster.databases,
                        config->cluster.n_databases);
    free_tls(&config->cluster.tls);
}
