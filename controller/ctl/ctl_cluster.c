/* firsthopctl cluster, cluster transfer NAME.
 *
 * Called by ctl.c. */
#include <config.h>

#include "controller/ctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "controller/ctl/ctl_table.h"

static void
add_controller(struct ctl_table *table, json_t *one, const char *state)
{
    ctl_table_add(table, ctl_or_dash(one, "name"));
    ctl_table_add(table, ctl_string(one, "address"));
    ctl_table_add(table, ctl_string(one, "role"));
    ctl_table_add(table, state);
}

/* The controller that was asked first, then its peers. */
static void
show_cluster(const struct ctl *ctl, json_t *json)
{
    struct ctl_table *table = ctl_table_create("NAME ADDRESS ROLE STATE");
    json_t *database = json_object_get(json, "database");
    json_t *peer;
    size_t i;

    add_controller(table, json, "this one");
    json_array_foreach (json_object_get(json, "peers"), i, peer) {
        add_controller(table, peer, !ctl_is_true(peer, "connected")
                       ? ctl_string(peer, "problem")
                       : !ctl_is_true(peer, "database") ? "without database"
                       : "connected");
    }
    ctl_table_print(table, stdout, "\n");
    printf("epoch %" PRId64 ", database %s%s\n", ctl_integer(json, "epoch"),
           ctl_string(database, "server"),
           !ctl_is_true(database, "connected") ? " is away"
           : ctl_is_true(database, "leads") ? " (leads its cluster)" : "");
}

static void
show_transfer(const struct ctl *ctl, json_t *json)
{
    printf("%s is asked to lead\n", ctl_string(json, "to"));
}

int
ctl_cluster(const struct ctl *ctl)
{
    const char *verb = ctl_arg(ctl, 0), *name = ctl_arg(ctl, 1);

    if (!verb) {
        return ctl_get(ctl, "/v1/cluster", show_cluster);
    }
    if (strcmp(verb, "transfer") || !name) {
        ctl_error(ctl, "usage: firsthopctl cluster [transfer NAME]");
        return CTL_USAGE;
    }
    return ctl_send_string(ctl, "POST", "/v1/cluster/transfer", "name", name,
                           show_transfer);
}
