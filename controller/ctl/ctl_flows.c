/* firsthopctl flows, trace.
 *
 * Called by ctl.c. */
#include <config.h>

#include "controller/ctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <firsthop/buf.h>

static void
show_flows(const struct ctl *ctl, json_t *json)
{
    json_t *router, *flow;
    size_t i, j;

    json_array_foreach (json_object_get(json, "routers"), i, router) {
        json_t *flows = json_object_get(router, "flows");

        printf("%s: %s%s\n", ctl_string(router, "router"),
               ctl_is_true(router, "active") ? "active" : "standby",
               !ctl_is_true(router, "connected") ? ", away"
               : json_array_size(flows) ? "" : ", no flows");
        json_array_foreach (flows, j, flow) {
            printf("  %s\n", json_string_value(flow));
        }
    }
}

int
ctl_flows(const struct ctl *ctl)
{
    char *path = ctl_path(ctl, "/v1/clients/", ctl_arg(ctl, 0), "/flows");
    int status = ctl_get(ctl, path, show_flows);

    free(path);
    return status;
}

/* trace */

/* "a-access (1)" */
static void
print_port(const char *head, json_t *port)
{
    printf("%s%s (%" PRId64 ")\n", head, ctl_or_dash(port, "name"),
           ctl_integer(port, "number"));
}

static void
print_hop(json_t *hop)
{
    json_t *step;
    size_t i;

    printf("%s, ", ctl_string(hop, "router"));
    print_port("in by ", json_object_get(hop, "in_port"));
    json_array_foreach (json_object_get(hop, "steps"), i, step) {
        printf("  %" PRId64 " %-9s%s\n", ctl_integer(step, "table"),
               ctl_string(step, "name"), *ctl_string(step, "flow")
               ? ctl_string(step, "flow") : "no flow matches");
    }
    if (json_is_object(json_object_get(hop, "out_port"))) {
        print_port("  out by ", json_object_get(hop, "out_port"));
    } else {
        printf("  %s\n", ctl_string(hop, "verdict"));
    }
}

static void
show_trace(const struct ctl *ctl, json_t *json)
{
    json_t *hop;
    size_t i;

    json_array_foreach (json_object_get(json, "hops"), i, hop) {
        print_hop(hop);
    }
    printf("%s to %s: %s\n", ctl_string(json, "from"), ctl_string(json, "to"),
           ctl_string(json, "verdict"));
}

static char *
trace_path(const struct ctl *ctl, const char *client, const char *key,
           const char *other)
{
    return ctl_add_query(ctl_path(ctl, "/v1/clients/", client, "/trace"), key,
                         other);
}

/* Whoever of the two is a client is asked about, the sender first. */
int
ctl_trace(const struct ctl *ctl)
{
    const char *from = ctl_arg(ctl, 0), *to = ctl_arg(ctl, 1);
    char *path = trace_path(ctl, from, "to", to);
    struct ctl_reply reply;
    int status = ctl_try(ctl, "GET", path, NULL, &reply);

    if (reply.status == 404) {
        free(path);
        path = trace_path(ctl, to, "from", from);
    }
    ctl_reply_destroy(&reply);
    status = ctl_get(ctl, path, show_trace);
    free(path);
    return status;
}
