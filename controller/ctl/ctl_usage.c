/* firsthopctl usage.
 *
 * Called by ctl.c. */
#include <config.h>

#include "controller/ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/ctl/ctl_table.h"

static void
add_usage(struct ctl_table *table, json_t *usage)
{
    json_t *from = json_object_get(usage, "from_client");
    json_t *to = json_object_get(usage, "to_client");

    ctl_table_add(table, ctl_string(usage, "address"));
    ctl_table_add(table, ctl_string(usage, "segment"));
    ctl_table_add(table, ctl_or_dash(usage, "active"));
    ctl_add_number(table, from, "packets");
    ctl_add_number(table, from, "bytes");
    ctl_add_number(table, to, "packets");
    ctl_add_number(table, to, "bytes");
    ctl_table_add(table, ctl_or_dash(usage, "read"));
}

static void
show_usage(json_t *clients)
{
    struct ctl_table *table = ctl_table_create(
        "ADDRESS SEGMENT ACTIVE SENT> SENT-BYTES> RECEIVED> RECEIVED-BYTES> "
        "READ");
    json_t *usage;
    size_t i;

    json_array_foreach (clients, i, usage) {
        add_usage(table, usage);
    }
    ctl_table_print(table, stdout, "\n");
}

/* Those that the arguments name. */
static int
read_named(const struct ctl *ctl, json_t *clients)
{
    int status = CTL_DONE;

    for (int i = 0; i < ctl->n_args && status == CTL_DONE; i++) {
        char *path = ctl_path(ctl, "/v1/clients/", ctl_arg(ctl, i), "/usage");
        struct ctl_reply reply;

        status = ctl_request(ctl, "GET", path, NULL, &reply);
        free(path);
        if (status == CTL_DONE) {
            json_array_append(clients, reply.json);
            ctl_reply_destroy(&reply);
        }
    }
    return status;
}

int
ctl_usage(const struct ctl *ctl)
{
    json_t *clients = json_array();
    int status = (ctl->n_args ? read_named(ctl, clients)
                  : ctl_read_clients(ctl, "/v1/usage", clients));

    if (status == CTL_DONE && ctl->json) {
        ctl_print_clients(clients);
    } else if (status == CTL_DONE) {
        show_usage(clients);
    }
    json_decref(clients);
    return status;
}
