/* Values of a configuration that are strings: addresses, targets, names. */
#include <config.h>

#include "controller/config/config_read.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>

#include <firsthop/buf.h>

/* Values that are strings. */

void
config_read_host_at(const char *text, const char *pointer,
                    struct config_errors *errors, struct fh_addr *out)
{
    struct fh_addr addr;
    const char *why = "must be an IPv4 address like \"10.0.0.1\"";

    if (fh_addr_parse(text, &addr)) {
        why = config_host_error(addr);
    }
    if (why) {
        config_errors_add(errors, pointer, "%s", why);
        return;
    }
    *out = addr;
}

void
config_read_host(const struct ask *ask, const char *key, struct fh_addr *out)
{
    const char *text = ask_string(ask, key);
    char *pointer;

    if (text) {
        pointer = ask_pointer(ask, key);
        config_read_host_at(text, pointer, ask->errors, out);
        free(pointer);
    }
}

bool
config_read_mac(const struct ask *ask, const char *key, struct eth_addr *out)
{
    const char *text = ask_string(ask, key);
    struct eth_addr mac;

    if (!text) {
        return false;
    }
    if (!fh_mac_parse(text, &mac)) {
        ask_error(ask, key,
                  "must be a MAC address like \"02:00:00:00:00:0a\"");
        return false;
    }
    if (!fh_mac_is_unicast(mac)) {
        ask_error(ask, key, "must be a unicast MAC address");
        return false;
    }
    *out = mac;
    return true;
}

void
config_read_dpid(const struct ask *ask, uint64_t *out)
{
    const char *text = ask_string(ask, "datapath_id");
    uint64_t dpid;

    if (!text) {
        return;
    }
    if (!fh_dpid_parse(text, &dpid)) {
        ask_error(ask, "datapath_id", "must be 16 hexadecimal digits");
    } else if (!dpid) {
        ask_error(ask, "datapath_id", "must not be zero");
    } else {
        *out = dpid;
    }
}

const char *
config_port_name_error(const char *name)
{
    if (!*name) {
        return "a port name must not be empty";
    }
    if (strlen(name) > CONFIG_MAX_PORT_NAME) {
        return "OpenFlow port names have at most 15 characters";
    }
    for (; *name; name++) {
        if (!isgraph((unsigned char) *name) || !isascii(*name)) {
            return "a port name consists of printable ASCII without spaces";
        }
    }
    return NULL;
}

/* Returns a copy of the string unless 'error_of' says what is wrong with it. */
static char *
read_text(const struct ask *ask, const char *key,
          const char *(*error_of)(const char *text))
{
    const char *text = ask_string(ask, key);
    const char *why = text ? error_of(text) : NULL;

    if (why) {
        ask_error(ask, key, "%s", why);
    }
    return text && !why ? fh_xstrdup(text) : NULL;
}

char *
config_read_port(const struct ask *ask, const char *key)
{
    return read_text(ask, key, config_port_name_error);
}

void
config_read_vlan(const struct ask *ask, struct fh_vlan *out)
{
    json_t *tags = ask_get(ask, "vlan");
    char *pointer = ask_pointer(ask, "vlan");
    struct fh_vlan vlan = { .n = json_array_size(tags) };
    bool ok = tags != NULL;
    json_t *tag;
    size_t i;

    json_array_foreach (tags, i, tag) {
        json_int_t vid = json_integer_value(tag);   /* 0 if it is none. */

        if (vid < 1 || vid > 4094) {
            char *at = config_pointer_index(pointer, i);

            config_errors_add(ask->errors, at,
                              "a VLAN tag is an integer from 1 to 4094");
            free(at);
            ok = false;
        } else {
            vlan.vids[i] = vid;
        }
    }
    if (ask_has(ask, "vlan")) {
        *out = ok ? vlan : (struct fh_vlan) { .n = CONFIG_VLAN_UNKNOWN };
    }
    free(pointer);
}

/* "1"..."65535", nothing else. */
static bool
port_number_is_valid(const char *text)
{
    char *end;
    long int port = strtol(text, &end, 10);

    return isdigit((unsigned char) *text) && !*end && strlen(text) <= 5
           && port >= 1 && port <= 65535;
}

bool
config_parse_endpoint(const char *text, char addr[INET6_ADDRSTRLEN],
                      int *family)
{
    const char *colon = strrchr(text, ':');
    uint8_t bytes[16];
    size_t len;

    if (!colon || !port_number_is_valid(colon + 1)) {
        return false;
    }
    *family = *text == '[' ? AF_INET6 : AF_INET;
    if (*family == AF_INET6) {
        if (colon[-1] != ']') {
            return false;
        }
        text++;
        colon--;
    }
    len = colon - text;
    if (len >= INET6_ADDRSTRLEN) {
        return false;
    }
    memcpy(addr, text, len);
    addr[len] = '\0';
    return inet_pton(*family, addr, bytes) == 1;
}

const char *
config_target_error(const char *target)
{
    char addr[INET6_ADDRSTRLEN];
    int family;

    if (!strncmp(target, "unix:", 5)) {
        const char *path = target + 5;

        return (*path != '/' ? "a socket path must begin with \"/\""
                : strlen(path) > MAX_UNIX_PATH
                ? "a socket path has at most 107 characters" : NULL);
    }
    if ((!strncmp(target, "tcp:", 4) || !strncmp(target, "ssl:", 4))
        && config_parse_endpoint(target + 4, addr, &family)) {
        return NULL;
    }
    return "must be \"tcp:ADDRESS:PORT\", \"tcp:[ADDRESS]:PORT\", the same "
           "with \"ssl:\", or \"unix:PATH\"";
}

char *
config_read_target(const struct ask *ask, const char *key)
{
    return read_text(ask, key, config_target_error);
}

char *
config_read_common_name(const struct ask *ask, const char *connect)
{
    const char *text = ask_string(ask, "common_name");

    if (text && (!*text || strlen(text) > MAX_COMMON_NAME)) {
        ask_error(ask, "common_name", "has 1 to %d bytes", MAX_COMMON_NAME);
        return NULL;
    }
    if (text && connect && strncmp(connect, "ssl:", 4)) {
        ask_error(ask, "common_name", "a bridge that is dialled without TLS "
                  "shows no certificate");
        return NULL;
    }
    return text ? fh_xstrdup(text) : NULL;
}

char *
config_read_path(const struct ask *ask, const char *key)
{
    const char *text = ask_string(ask, key);

    if (text && *text != '/') {
        ask_error(ask, key, "a path must begin with \"/\"");
        return NULL;
    }
    return text ? fh_xstrdup(text) : NULL;
}

void
config_read_strings(const struct ask *ask, const char *key,
                    const char *(*check)(const char *), char ***strings,
                    size_t *n)
{
    json_t *array = ask_get(ask, key);
    json_t *seen = json_object();
    char *pointer = ask_pointer(ask, key);
    json_t *element;
    size_t i;

    *strings = fh_xcalloc(json_array_size(array) + 1, sizeof **strings);
    json_array_foreach (array, i, element) {
        char *at = config_pointer_index(pointer, i);
        const char *text = ask_element_string(element, at, ask->errors);
        const char *why = text ? check(text) : NULL;

        if (why) {
            config_errors_add(ask->errors, at, "%s", why);
        } else if (text && json_object_get(seen, text)) {
            config_errors_add(ask->errors, at, "\"%s\" is listed twice",
                              text);
        } else if (text) {
            json_object_set_new(seen, text, json_true());
            (*strings)[(*n)++] = fh_xstrdup(text);
        }
        free(at);
    }
    free(pointer);
    json_decref(seen);
}

void
config_free_strings(char **strings, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(strings[i]);
    }
    free(strings);
}

void
config_check_name(const char *name, const char *pointer,
                  struct config_errors *errors)
{
    const char *why = config_name_error(name);

    if (why) {
        config_errors_add(errors, pointer, "%s", why);
    }
}

void
ask_begin_child(struct ask *child, const struct ask *ask, const char *key,
                const struct config_key *keys)
{
    ask_begin(child, ask_get(ask, key), ask_pointer(ask, key), keys,
              ask->errors);
}
