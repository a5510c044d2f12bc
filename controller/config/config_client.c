/* The clients of a configuration, and those that the API is given. */
#include <config.h>

#include "controller/config/config_read.h"

#include <stdlib.h>

#include <firsthop/buf.h>

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
    config_read_vlan(ask, &client->vlan);
    client->has_mac = config_read_mac(ask, "mac", &client->mac);
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
                  config_client_keys, errors);
        config_read_host(&ask, "address", &clients[i].address);
        read_client(&ask, config, &clients[i]);
        ask_end(&ask);
    }
}

void
config_read_clients(const struct ask *root, struct config *config)
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

int
config_compare_clients(const void *a_, const void *b_)
{
    const struct config_client *a = a_;
    const struct config_client *b = b_;
    int cmp = fh_addr_compare(a->address, b->address);

    return cmp ? cmp : (a->segment > b->segment) - (a->segment < b->segment);
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
    ask_begin(&ask, json, fh_xstrdup(""), config_api_client_keys, errors);
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
