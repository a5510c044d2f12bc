/* Fuzzes the configuration's reader.
 *
 * The input is a file.  What is refused has errors with well-formed pointers;
 * what is accepted is accepted again after a round trip, and its clients can
 * be judged one by one. */
#include <config.h>

#include <stdlib.h>

#include "controller/config/config.h"

#include <firsthop/buf.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts, with assertions compiled in or not. */
static void
require(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* RFC 6901: "" or tokens after '/', with '~' only in "~0" and "~1". */
static void
check_errors(struct config_errors *errors)
{
    for (size_t i = 0; i < errors->n; i++) {
        const char *p = errors->items[i].pointer;

        require(!*p || *p == '/');
        while ((p = strchr(p, '~'))) {
            p++;
            require(*p == '0' || *p == '1');
        }
        require(*errors->items[i].text);
    }
    config_errors_destroy(errors);
}

static void
check_sound(const struct config *config)
{
    for (size_t i = 0; i < config->n_segments; i++) {
        const struct config_segment *segment = &config->segments[i];

        require(segment->n_prefixes && segment->n_members);
        require(config_find_segment(config, segment->name) == i);
        require(segment->probe.retry_ms
                && segment->probe.retry_ms <= segment->probe.interval_ms);
        for (size_t j = 0; j < segment->n_members; j++) {
            require(segment->members[j].router < config->n_routers);
            require(segment->members[j].uplink.port != NULL);
            require(segment->members[j].uplink.vlan.n <= FH_VLAN_MAX_TAGS);
        }
    }
    for (size_t i = 0; i < config->n_clients; i++) {
        require(config->clients[i].segment < config->n_segments);
        require(config->clients[i].vlan.n <= FH_VLAN_MAX_TAGS);
    }
}

static void
try_again(const struct config *config)
{
    struct config_errors errors = { NULL, 0, 0, 0 };
    char *text = json_dumps(config->json, 0);
    struct config *again = config_parse(text, strlen(text), &errors, NULL);

    require(again && !errors.n);
    require(again->n_routers == config->n_routers
            && again->n_segments == config->n_segments
            && again->n_clients == config->n_clients);
    config_destroy(again);
    free(text);
}

static void
try_clients(const struct config *config)
{
    json_t *clients = json_object_get(config->json, "clients");
    json_t *client;
    size_t i;

    json_array_foreach (clients, i, client) {
        const char *address = json_string_value(json_object_get(client,
                                                                "address"));
        struct config_errors errors = { NULL, 0, 0, 0 };
        struct config_client out;
        json_t *body = json_copy(client);

        json_object_del(body, "address");
        require(config_client_from_json(config, address, body, &out,
                                        &errors));
        require(out.segment < config->n_segments);
        json_decref(body);
    }
}

/* The input as lines, as POST /v1/clients takes them. */
static void
try_lines(const char *text, size_t len)
{
    static const struct config empty;
    struct config_errors errors = { NULL, 0, 0, 0 };
    json_t *array = config_read_json_lines(text, len, 3, 100, &errors);

    require((array != NULL) == (errors.n == 0));
    if (array) {
        size_t n = json_array_size(array);
        struct config_client *out = calloc(n + 1, sizeof *out);

        require(out && n <= 100);
        require(config_clients_from_json(&empty, array, out, &errors) == !n);
        free(out);
        json_decref(array);
    }
    check_errors(&errors);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct config_errors warnings = { NULL, 0, 0, 0 };
    struct config *config = config_parse((const char *) data, size, &errors,
                                         &warnings);

    require((config != NULL) == (errors.n == 0));
    if (config) {
        check_sound(config);
        try_again(config);
        try_clients(config);
        config_destroy(config);
    }
    check_errors(&errors);
    check_errors(&warnings);
    try_lines((const char *) data, size);
    return 0;
}
