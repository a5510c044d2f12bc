/* What no entry of a configuration can know alone: what collides, overlaps or
 * contradicts something elsewhere.  Routers, segments and clients have
 * files of their own.
 *
 * Called by config.c with a configuration whose unreadable parts are zero (or
 * SIZE_MAX).  Changes nothing. */
#include <config.h>

#include "controller/config/config_check_internal.h"

#include <firsthop/buf.h>

static void
check_target(struct check *check, const char *target, const char *const at[])
{
    if (target && !strncmp(target, "ssl:", 4) && !check->config->tls.key) {
        check_error(check, at, "needs a key, a certificate and a CA: "
                    "\"tls\": {\"key\", \"certificate\", \"ca\"}");
    }
}

static void
check_database(struct check *check, const char *target)
{
    if (!strncmp(target, "ssl:", 4) && !check->config->tls.key
        && !check->config->cluster.tls.key) {
        check_error(check, CONFIG_AT("cluster", "database"),
                    "%s needs a key, a certificate and a CA: \"tls\"", target);
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
    for (size_t i = 0; i < config->cluster.n_databases; i++) {
        check_database(check, config->cluster.databases[i]);
    }
}

void
config_check(const struct config *config, struct config_errors *errors,
             struct config_errors *warnings)
{
    struct check check = { config, errors, warnings };

    check_targets(&check);
    config_check_dpids(&check);
    config_check_macs(&check);
    config_check_uplinks(&check);
    for (size_t i = 0; i < config->n_cores; i++) {
        config_check_core_ports(&check, &config->cores[i]);
    }
    for (size_t i = 0; i < config->n_segments; i++) {
        config_check_segment(&check, &config->segments[i]);
    }
    config_check_listed_clients(&check);
    config_check_overlaps(&check);
    config_check_specials(&check);
}
