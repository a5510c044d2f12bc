/* firsthopctl move, drain, undrain, uplink, sweep.
 *
 * Called by ctl.c. */
#include <config.h>

#include "controller/ctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/ctl/ctl_table.h"

static void
show_move(const struct ctl *ctl, json_t *client)
{
    printf("%s on segment %s %s %s\n", ctl_string(client, "address"),
           ctl_string(client, "segment"),
           ctl_is_true(client, "moved") ? "moves to" : "is already on",
           ctl_arg(ctl, 1));
}

int
ctl_move(const struct ctl *ctl)
{
    char *path = ctl_path(ctl, "/v1/clients/", ctl_arg(ctl, 0), "/move");
    int status = ctl_send_string(ctl, "POST", path, "router", ctl_arg(ctl, 1),
                                 show_move);

    free(path);
    return status;
}

static int
set_switch(const struct ctl *ctl, const char *key, const char *value,
           void (*show)(const struct ctl *, json_t *))
{
    char *path = ctl_router_path(ctl);
    int status = (path ? ctl_send_string(ctl, "PATCH", path, key, value, show)
                  : CTL_USAGE);

    free(path);
    return status;
}

static void
show_drain(const struct ctl *ctl, json_t *router)
{
    int64_t n_active = ctl_integer(router, "clients_active");
    int64_t n_left = ctl_integer(router, "clients_left_behind");
    json_t *client;
    size_t i;

    printf("%s drains: %" PRId64 " to move away, %" PRId64
           " to stay behind\n", ctl_string(router, "name"), n_active - n_left,
           n_left);
    if (n_left) {
        struct ctl_table *table
            = ctl_table_create("ADDRESS SEGMENT REASON");

        json_array_foreach (json_object_get(router, "left_behind"), i,
                            client) {
            ctl_table_add(table, ctl_string(client, "address"));
            ctl_table_add(table, ctl_string(client, "segment"));
            ctl_table_add(table, ctl_string(client, "reason"));
        }
        ctl_table_print(table, stdout, "\n");
    }
}

int
ctl_drain(const struct ctl *ctl)
{
    return ctl->dry_run ? ctl_dry_drain(ctl)
                        : set_switch(ctl, "admin", "drain", show_drain);
}

static void
show_undrain(const struct ctl *ctl, json_t *router)
{
    printf("%s is up\n", ctl_string(router, "name"));
}

int
ctl_undrain(const struct ctl *ctl)
{
    return set_switch(ctl, "admin", "up", show_undrain);
}

static void
show_uplink(const struct ctl *ctl, json_t *router)
{
    printf("%s's uplink is %s, it was said; active for %" PRId64
           " clients now\n", ctl_string(router, "name"),
           ctl_string(router, "uplink"),
           ctl_integer(router, "clients_active"));
}

int
ctl_uplink(const struct ctl *ctl)
{
    return set_switch(ctl, "uplink", ctl_arg(ctl, 1), show_uplink);
}

static void
show_sweep(const struct ctl *ctl, json_t *sweep)
{
    printf("%s: %" PRId64 " addresses are being asked for; events of type "
           "segment.sweep tell when that is done\n", ctl_arg(ctl, 0),
           ctl_integer(sweep, "addresses"));
}

int
ctl_sweep(const struct ctl *ctl)
{
    const struct ctl any = { .segment = NULL };
    const char *prefix = ctl->n_args > 1 ? ctl_arg(ctl, 1) : NULL;
    char *path;
    int status;

    if (!*ctl_arg(ctl, 0) || strchr(ctl_arg(ctl, 0), '/')) {
        ctl_error(ctl, "\"%s\" is not the name of a segment",
                  ctl_arg(ctl, 0));
        return CTL_USAGE;
    }
    path = ctl_path(&any, "/v1/segments/", ctl_arg(ctl, 0), "/sweep");
    status = ctl_send_string(ctl, "POST", path, "prefix", prefix, show_sweep);
    free(path);
    return status;
}
