/* firsthopctl exposure, and drain --dry-run.
 *
 * Called by ctl.c and ctl_change.c. */
#include <config.h>

#include "controller/ctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <firsthop/buf.h>

#include "controller/ctl/ctl_table.h"

/* Clients by router, 'key' naming the router's. */
static void
print_counts(json_t *counts, const char *key, const char *heads)
{
    struct ctl_table *table;
    json_t *count;
    size_t i;

    if (!json_array_size(counts)) {
        return;
    }
    table = ctl_table_create(heads);
    json_array_foreach (counts, i, count) {
        ctl_table_add(table, ctl_string(count, key));
        ctl_add_number(table, count, "clients");
    }
    putchar('\n');
    ctl_table_print(table, stdout, "\n");
}

/* The clients of this page, and how many others there are. */
static void
print_clients(json_t *json, const char *key, const char *heads, int64_t n)
{
    json_t *clients = json_object_get(json, "clients");
    struct ctl_table *table;
    json_t *client;
    size_t i;

    if (!json_array_size(clients)) {
        return;
    }
    table = ctl_table_create(heads);
    json_array_foreach (clients, i, client) {
        ctl_table_add(table, ctl_string(client, "address"));
        ctl_table_add(table, ctl_string(client, "segment"));
        ctl_table_add(table, ctl_string(client, key));
    }
    putchar('\n');
    ctl_table_print(table, stdout, "\n");
    if (n > (int64_t) i) {
        printf("and %" PRId64 " more\n", n - (int64_t) i);
    }
}

static void
show_router(json_t *json, const char *event, const char *fate)
{
    int64_t n = ctl_integer(json, "clients_active");
    int64_t n_cut_off = ctl_integer(json, "clients_cut_off");

    printf("if %s %s now: %" PRId64 " of %" PRId64 " clients would move, %"
           PRId64 " would %s\n", ctl_string(json, "router"), event,
           n - n_cut_off, n, n_cut_off, fate);
    if (ctl_integer(json, "clients_without_spare")) {
        printf("%" PRId64 " would be left with one router only\n",
               ctl_integer(json, "clients_without_spare"));
    }
    print_counts(json_object_get(json, "moves"), "to", "TO CLIENTS>");
    print_clients(json, "reason", "ADDRESS SEGMENT REASON", n_cut_off);
}

static void
show_all(json_t *json)
{
    int64_t n = ctl_integer(json, "clients_exposed");

    printf("of %" PRId64 " clients %" PRId64 " have one router only, %"
           PRId64 " have none\n", ctl_integer(json, "clients_known"), n,
           ctl_integer(json, "clients_unreached"));
    print_counts(json_object_get(json, "routers"), "router",
                 "ROUTER CLIENTS>");
    print_clients(json, "router", "ADDRESS SEGMENT ROUTER", n);
}

static void
show_exposure(const struct ctl *ctl, json_t *json)
{
    if (*ctl_string(json, "router")) {
        show_router(json, "died", "be cut off");
    } else {
        show_all(json);
    }
}

int
ctl_exposure(const struct ctl *ctl)
{
    char *path = ctl_add_query(fh_xstrdup("/v1/exposure"), "router",
                               ctl_arg(ctl, 0));
    int status = ctl_get(ctl, path, show_exposure);

    free(path);
    return status;
}

static void
show_drain(const struct ctl *ctl, json_t *json)
{
    show_router(json, "drained", "stay behind");
}

int
ctl_dry_drain(const struct ctl *ctl)
{
    char *path = ctl_add_query(fh_xstrdup("/v1/exposure"), "router",
                               ctl_arg(ctl, 0));
    int status = ctl_get(ctl, path, show_drain);

    free(path);
    return status;
}
