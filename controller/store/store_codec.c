/* The text of the state directory's files.
 *
 *   firsthop-clients 1 2d06800538d394c2 34
 *   {"clients":[...]}
 *
 * Name and version, FNV-1a checksum of the body, its length in bytes, the
 * body (JSON, without a line feed at its end).  Touches no file.  A body with
 * a good checksum is still read as strictly as an operator's: the checksum
 * tells accidents, not intentions. */
#include <config.h>

#include "controller/store/store.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "controller/config/config_ask.h"

#include <firsthop/buf.h>

#define VERSION 1
#define HEADER_MAX 80           /* Bytes, with the line feed. */

static const char *const file_names[STORE_N_FILES] = {
    [STORE_STATE] = "state",
    [STORE_CLIENTS] = "clients",
    [STORE_LEASES] = "leases",
    [STORE_CONFIG] = "config",
};

static const struct config_key state_keys[] = {
    { .name = "draining", .type = JSON_ARRAY, .required = true,
      .max = CONFIG_MAX_ROUTERS },
    { .name = "uplinks_down", .type = JSON_ARRAY, .max = CONFIG_MAX_ROUTERS },
    { .name = "holders", .type = JSON_ARRAY, .required = true,
      .max = CONFIG_MAX_ROUTERS },
    { .name = "decision", .type = JSON_INTEGER, .max = UINT32_MAX },
                                /* 0, written by earlier releases. */
    { .name = NULL },
};

static const struct config_key clients_keys[] = {
    { .name = "clients", .type = JSON_ARRAY, .required = true,
      .max = CONFIG_MAX_CLIENTS },
    { .name = NULL },
};

static const struct config_key leases_keys[] = {
    { .name = "leases", .type = JSON_ARRAY, .required = true,
      .max = CONFIG_MAX_CLIENTS },
    { .name = NULL },
};

static const struct config_key lease_keys[] = {
    { .name = "address", .type = JSON_STRING, .required = true },
    { .name = "segment", .type = JSON_STRING, .required = true },
    { .name = "removed", .type = JSON_TRUE },
    { .name = "mac", .type = JSON_STRING, .required = true },
    { .name = "vlan", .type = JSON_ARRAY, .max = FH_VLAN_MAX_TAGS },
    { .name = "end_ms", .type = JSON_INTEGER },
    { .name = NULL },
};

static const struct config_key client_keys[] = {
    { .name = "address", .type = JSON_STRING, .required = true },
    { .name = "segment", .type = JSON_STRING, .required = true },
    { .name = "removed", .type = JSON_TRUE },
    { .name = "mac", .type = JSON_STRING },
    { .name = "vlan", .type = JSON_ARRAY, .max = FH_VLAN_MAX_TAGS },
    { .name = NULL },
};

static uint64_t
fnv1a(const char *data, size_t len)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (uint8_t) data[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

void
store_state_uninit(struct store_state *state)
{
    for (size_t i = 0; i < state->n_draining; i++) {
        free(state->draining[i]);
    }
    for (size_t i = 0; i < state->n_uplinks_down; i++) {
        free(state->uplinks_down[i]);
    }
    for (size_t i = 0; i < state->n_holders; i++) {
        free(state->holders[i]);
    }
    free(state->draining);
    free(state->uplinks_down);
    free(state->holders);
    free(state->clients);
    free(state->leases);
    json_decref(state->config);
    memset(state, 0, sizeof *state);
}

/* Reading. */

/* Strictly ascending names. */
static void
read_names(const struct ask *ask, const char *key, char ***names, size_t *n)
{
    json_t *array = ask_get(ask, key);
    json_t *element;
    size_t i;

    *names = fh_xcalloc(json_array_size(array) + 1, sizeof **names);
    json_array_foreach (array, i, element) {
        const char *name = json_string_value(element);

        if (!name || config_name_error(name)
            || (*n && strcmp((*names)[*n - 1], name) >= 0)) {
            ask_error(ask, key, "element %zu is not the name that it should "
                      "be", i);
            return;
        }
        (*names)[(*n)++] = fh_xstrdup(name);
    }
}

static void
read_state(json_t *body, struct store_state *state,
           struct config_errors *errors)
{
    struct ask ask;

    ask_begin(&ask, body, fh_xstrdup(""), state_keys, errors);
    read_names(&ask, "draining", &state->draining, &state->n_draining);
    read_names(&ask, "uplinks_down", &state->uplinks_down,
               &state->n_uplinks_down);
    read_names(&ask, "holders", &state->holders, &state->n_holders);
    ask_end(&ask);
}

static void
read_vlan(const struct ask *ask, struct store_client *client)
{
    json_t *tags = ask_get(ask, "vlan");
    json_t *tag;
    size_t i;

    client->own_vlan = tags != NULL;
    client->vlan.n = json_array_size(tags);
    json_array_foreach (tags, i, tag) {
        json_int_t vid = json_integer_value(tag);

        if (vid < 1 || vid > 4094) {
            ask_error(ask, "vlan", "is no list of tags");
            return;
        }
        client->vlan.vids[i] = vid;
    }
}

static void
read_client(const struct ask *ask, struct store_client *client)
{
    const char *address = ask_string(ask, "address");
    const char *segment = ask_string(ask, "segment");
    const char *mac = ask_string(ask, "mac");

    if (address && !fh_addr_parse(address, &client->address)) {
        ask_error(ask, "address", "is no address");
    }
    if (segment && config_name_error(segment)) {
        ask_error(ask, "segment", "is no name");
    } else if (segment) {
        snprintf(client->segment, sizeof client->segment, "%s", segment);
    }
    client->has_mac = mac != NULL;
    if (mac && (!fh_mac_parse(mac, &client->mac)
                || !fh_mac_is_unicast(client->mac))) {
        ask_error(ask, "mac", "is no unicast MAC address");
    }
    client->removed = ask_bool(ask, "removed");
    read_vlan(ask, client);
}

static int
compare_clients(const struct store_client *a, const struct store_client *b)
{
    int cmp = fh_addr_compare(a->address, b->address);

    return cmp ? cmp : strcmp(a->segment, b->segment);
}

/* What two lists of clients differ in. */
struct client_list {
    const char *name;
    const struct config_key *keys;          /* Of the list. */
    const struct config_key *client_keys;   /* Of each. */
};

static const struct client_list client_list = {
    "clients", clients_keys, client_keys
};
static const struct client_list lease_list = {
    "leases", leases_keys, lease_keys
};

static void
read_clients(json_t *body, const struct client_list *list,
             struct store_client **clientsp, size_t *np,
             struct config_errors *errors)
{
    json_t *array, *element;
    struct ask whole;
    char *pointer = config_pointer_key("", list->name);
    size_t i;

    ask_begin(&whole, body, fh_xstrdup(""), list->keys, errors);
    array = ask_get(&whole, list->name);
    *clientsp = fh_xcalloc(json_array_size(array) + 1, sizeof **clientsp);
    *np = json_array_size(array);
    json_array_foreach (array, i, element) {
        struct store_client *client = &(*clientsp)[i];
        struct ask ask;

        ask_begin(&ask, element, config_pointer_index(pointer, i),
                  list->client_keys, errors);
        read_client(&ask, client);
        if (list == &lease_list) {
            client->end_ms = json_integer_value(ask_get(&ask, "end_ms"));
        }
        if (i && compare_clients(client - 1, client) >= 0) {
            ask_error(&ask, "address", "is out of order");
        }
        ask_end(&ask);
    }
    ask_end(&whole);
    free(pointer);
}

static void
read_body(enum store_file file, json_t *body, struct store_state *state,
          struct config_errors *errors)
{
    switch (file) {
    case STORE_STATE:
        read_state(body, state, errors);
        break;
    case STORE_CLIENTS:
        read_clients(body, &client_list, &state->clients, &state->n_clients,
                     errors);
        break;
    case STORE_LEASES:
        read_clients(body, &lease_list, &state->leases, &state->n_leases,
                     errors);
        break;
    case STORE_CONFIG:
        if (json_is_object(body)) {
            state->config = json_incref(body);
        } else {
            config_errors_add(errors, "", "must be an object");
        }
        break;
    case STORE_N_FILES:
        abort();
    }
}

/* Writes the header of 'body' into 'header' (HEADER_MAX bytes).  Returns its
 * length. */
static size_t
format_header(enum store_file file, const char *body, size_t len,
              char *header)
{
    return snprintf(header, HEADER_MAX, "firsthop-%s %d %016" PRIx64 " %zu\n",
                    file_names[file], VERSION, fnv1a(body, len), len);
}

/* Returns where the body starts, or NULL and the reason, new. */
static const char *
check_header(enum store_file file, const char *text, size_t len, char **whyp)
{
    size_t name_len = strlen("firsthop-") + strlen(file_names[file]);
    const char *end = memchr(text, '\n', len < HEADER_MAX ? len : HEADER_MAX);
    char expected[HEADER_MAX];
    char version[8] = "";

    if (!end || (size_t) (end - text) < name_len
        || memcmp(text, "firsthop-", 9)
        || memcmp(text + 9, file_names[file], name_len - 9)) {
        *whyp = fh_xstrdup("has no header of ours");
        return NULL;
    }
    for (size_t i = 0; i < sizeof version - 1; i++) {
        const char *p = text + name_len + 1 + i;

        if (p >= end || *p < '0' || *p > '9') {
            break;
        }
        version[i] = *p;
    }
    if (strcmp(version, "1")) {
        *whyp = fh_xasprintf("is of version \"%s\", this program knows %d",
                             version, VERSION);
        return NULL;
    }

    /* Byte for byte, so that nothing in it can go unnoticed. */
    size_t n = format_header(file, end + 1, len - (end + 1 - text), expected);
    if (n != (size_t) (end + 1 - text) || memcmp(expected, text, n)) {
        *whyp = fh_xstrdup("is torn or damaged: length or checksum differ");
        return NULL;
    }
    return end + 1;
}

int
store_decode(enum store_file file, const char *text, size_t len,
             struct store_state *state, char **whyp)
{
    struct config_errors errors = { NULL, 0, 0, 0 };
    const char *body_text;
    json_t *body;

    memset(state, 0, sizeof *state);
    *whyp = NULL;
    body_text = len ? check_header(file, text, len, whyp) : NULL;
    if (!body_text) {
        *whyp = *whyp ? *whyp : fh_xstrdup("is empty");
        return EINVAL;
    }

    body = config_read_json(body_text, len - (body_text - text),
                            CONFIG_MAX_DEPTH, &errors);
    if (body) {
        read_body(file, body, state, &errors);
        json_decref(body);
    }
    if (errors.n) {
        *whyp = fh_xasprintf("%s: %s", errors.items[0].pointer,
                             errors.items[0].text);
        store_state_uninit(state);
    }
    config_errors_destroy(&errors);
    return *whyp ? EINVAL : 0;
}

/* Writing. */

static json_t *
names_to_json(char *const *names, size_t n)
{
    json_t *array = json_array();

    for (size_t i = 0; i < n; i++) {
        json_array_append_new(array, json_string(names[i]));
    }
    return array;
}

static json_t *
client_to_json(const struct store_client *client)
{
    char address[FH_ADDR_STRLEN];
    char mac[FH_MAC_STRLEN];
    json_t *json = json_object();

    json_object_set_new(json, "address",
                        json_string(fh_addr_format(client->address,
                                                   address)));
    json_object_set_new(json, "segment", json_string(client->segment));
    if (client->removed) {
        json_object_set_new(json, "removed", json_true());
        return json;
    }
    if (client->has_mac) {
        json_object_set_new(json, "mac",
                            json_string(fh_mac_format(client->mac, mac)));
    }
    if (client->own_vlan) {
        json_t *tags = json_array();

        for (size_t i = 0; i < client->vlan.n; i++) {
            json_array_append_new(tags, json_integer(client->vlan.vids[i]));
        }
        json_object_set_new(json, "vlan", tags);
    }
    if (client->end_ms) {
        json_object_set_new(json, "end_ms", json_integer(client->end_ms));
    }
    return json;
}

static json_t *
clients_to_json(const struct store_client *clients, size_t n)
{
    json_t *array = json_array();

    for (size_t i = 0; i < n; i++) {
        json_array_append_new(array, client_to_json(&clients[i]));
    }
    return array;
}

/* Returns new. */
static json_t *
body_to_json(enum store_file file, const struct store_state *state)
{
    json_t *body = json_object();

    if (file == STORE_CONFIG) {
        json_decref(body);
        return json_incref(state->config);
    }
    if (file == STORE_STATE) {
        json_object_set_new(body, "draining",
                            names_to_json(state->draining,
                                          state->n_draining));
        json_object_set_new(body, "holders",
                            names_to_json(state->holders, state->n_holders));
        if (state->n_uplinks_down) {    /* Which older releases refuse. */
            json_object_set_new(body, "uplinks_down",
                                names_to_json(state->uplinks_down,
                                              state->n_uplinks_down));
        }
    } else if (file == STORE_LEASES) {
        json_object_set_new(body, "leases",
                            clients_to_json(state->leases, state->n_leases));
    } else {
        json_object_set_new(body, "clients",
                            clients_to_json(state->clients,
                                            state->n_clients));
    }
    return body;
}

char *
store_encode(enum store_file file, const struct store_state *state,
             size_t *len)
{
    struct fh_buf text = { NULL, 0, 0 };
    json_t *json = body_to_json(file, state);
    char *body = json_dumps(json, JSON_COMPACT);
    char header[HEADER_MAX];

    assert(body);
    fh_buf_append(&text, header, format_header(file, body, strlen(body),
                                               header));
    fh_buf_append(&text, body, strlen(body));
    free(body);
    json_decref(json);
    *len = text.len;
    return (char *) text.data;
}
