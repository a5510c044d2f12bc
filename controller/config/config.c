/* The configuration: JSON in, a const value out, or every error at once.
 *
 * Has each section read (config_read.h), then lets config_check.c judge what
 * no entry can know alone.  What could not be read stays zero, so that one
 * mistake is reported once.  Called by main, api and firsthop; applies
 * nothing, and never touches the network. */
#include <config.h>

#include "controller/config/config.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "controller/config/config_ask.h"
#include "controller/config/config_read.h"

#include <firsthop/buf.h>

static const char default_listen[] = "tcp:127.0.0.1:6653";

static void
read_openflow(const struct ask *root, struct config *config)
{
    struct ask ask;

    ask_begin_child(&ask, root, "openflow", config_openflow_keys);
    config_read_strings(&ask, "listen", config_target_error, &config->listens,
                        &config->n_listens);
    if (!ask_has(&ask, "listen")) {
        config->listens[config->n_listens++] = fh_xstrdup(default_listen);
    }

    /* Given one of the two alone, the other keeps the default's proportion:
     * three silent intervals are a dead bridge. */
    config->echo_interval_ms = ask_number(&ask, "echo_interval_ms");
    config->dead_after_ms = ask_number(&ask, "dead_after_ms");
    if (!ask_has(&ask, "dead_after_ms")) {
        config->dead_after_ms = 3 * config->echo_interval_ms;
    } else if (!ask_has(&ask, "echo_interval_ms")
               && config->dead_after_ms < 3 * config->echo_interval_ms) {
        config->echo_interval_ms = config->dead_after_ms / 3;
    }
    if (config->dead_after_ms <= config->echo_interval_ms) {
        ask_error(&ask, "dead_after_ms",
                  "must be more than echo_interval_ms (%u)",
                  config->echo_interval_ms);
    }
    ask_end(&ask);
}

static bool
address_is_loopback(const char *text, int family)
{
    uint8_t bytes[16];

    if (inet_pton(family, text, bytes) != 1) {
        return false;
    }
    return family == AF_INET ? bytes[0] == 127
                             : !memcmp(bytes, &in6addr_loopback, 16);
}

static void
read_api(const struct ask *root, struct config *config)
{
    char addr[INET6_ADDRSTRLEN];
    struct ask ask;
    int family;

    ask_begin_child(&ask, root, "api", config_api_keys);
    config->api.listen = ask_strdup(&ask, "listen");
    if (config->api.listen) {
        if (!config_parse_endpoint(config->api.listen, addr, &family)) {
            ask_error(&ask, "listen",
                      "must be ADDRESS:PORT like \"127.0.0.1:8080\"");
        } else if (!address_is_loopback(addr, family)) {
            ask_error(&ask, "listen", "must be a loopback address");
        }
    }
    config->api.token_file = config_read_path(&ask, "token_file");
    config->api.read_without_token = ask_bool(&ask, "read_without_token");
    if (ask.object && !config->api.read_without_token
        && !ask_has(&ask, "token_file")) {
        ask_error(&ask, "token_file", "is missing, and "
                  "read_without_token is not true");
    }
    ask_end(&ask);
}

static void
read_bgp(const struct ask *root, struct config *config)
{
    struct ask ask;

    ask_begin_child(&ask, root, "bgp", config_bgp_keys);
    config->bgp.api_in = config_read_path(&ask, "api_in");
    config->bgp.api_out = config_read_path(&ask, "api_out");
    if (config->bgp.api_in && config->bgp.api_out
        && !strcmp(config->bgp.api_in, config->bgp.api_out)) {
        ask_error(&ask, "api_out", "must not be the same as api_in");
    }
    ask_end(&ask);
}

/* Names of interfaces have at most 15 bytes (IFNAMSIZ). */
static void
read_kernel(const struct ask *root, struct config *config)
{
    struct ask ask;

    ask_begin_child(&ask, root, "kernel", config_kernel_keys);
    if (ask_has(root, "kernel")) {
        config->kernel.table = ask_number(&ask, "table");
        config->kernel.device = ask_strdup(&ask, "device");
    }
    if (config->kernel.device
        && (strlen(config->kernel.device) > 15
            || strpbrk(config->kernel.device, "/ \t"))) {
        ask_error(&ask, "device", "is no name of a network interface");
    }
    ask_end(&ask);
}

static struct config *
read_root(json_t *json, struct config_errors *errors,
          struct config_errors *warnings)
{
    struct config *config = fh_xcalloc(1, sizeof *config);
    struct ask root;

    config->json = json_incref(json);
    ask_begin(&root, json, fh_xstrdup(""), config_root_keys, errors);
    read_openflow(&root, config);
    config_read_routers(&root, config);
    config_read_cores(&root, config);
    config_read_segments(&root, config);
    config_read_clients(&root, config);
    read_api(&root, config);
    read_bgp(&root, config);
    read_kernel(&root, config);
    config_read_tls(&root, &config->tls);
    config_read_cluster(&root, config);
    ask_end(&root);
    config_check(config, errors, warnings);

    if (errors->n) {
        config_destroy(config);
        return NULL;
    }
    if (config->n_clients) {
        qsort(config->clients, config->n_clients, sizeof *config->clients,
              config_compare_clients);
    }
    return config;
}

struct config *
config_from_json(json_t *json, struct config_errors *errors,
                 struct config_errors *warnings)
{
    assert(!errors->n);
    return read_root(json, errors, warnings);
}

struct config *
config_parse(const char *text, size_t len, struct config_errors *errors,
             struct config_errors *warnings)
{
    struct config *config;
    json_t *json;

    assert(!errors->n);
    json = config_text_read(text, len, CONFIG_MAX_DEPTH, errors);
    if (!json) {
        return NULL;
    }
    config = read_root(json, errors, warnings);
    json_decref(json);
    return config;
}

/* Reads at most CONFIG_MAX_BYTES + 1.  Returns 0, or an errno. */
static int
read_file(const char *path, struct fh_buf *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int error = 0;

    if (fd < 0) {
        return errno;
    }
    while (text->len <= CONFIG_MAX_BYTES) {
        char chunk[16384];
        ssize_t n = read(fd, chunk, sizeof chunk);

        if (n < 0 && errno == EINTR) {
            continue;
        } else if (n <= 0) {
            error = n ? errno : 0;
            break;
        }
        fh_buf_append(text, chunk, n);
    }
    close(fd);
    return error;
}

struct config *
config_load_file(const char *path, struct config_errors *errors,
                 struct config_errors *warnings)
{
    struct fh_buf text = { NULL, 0, 0 };
    struct config *config = NULL;
    int error = read_file(path, &text);

    if (error) {
        config_errors_add(errors, "", "cannot be read: %s", strerror(error));
    } else {
        config = config_parse((const char *) text.data, text.len, errors,
                              warnings);
    }
    fh_buf_destroy(&text);
    return config;
}

void
config_destroy(struct config *config)
{
    if (!config) {
        return;
    }
    config_free_strings(config->listens, config->n_listens);
    for (size_t i = 0; i < config->n_routers; i++) {
        config_destroy_router(&config->routers[i]);
    }
    for (size_t i = 0; i < config->n_cores; i++) {
        config_destroy_core(&config->cores[i]);
    }
    for (size_t i = 0; i < config->n_segments; i++) {
        config_destroy_segment(&config->segments[i]);
    }
    free(config->routers);
    free(config->cores);
    free(config->segments);
    free(config->clients);
    free(config->api.listen);
    free(config->api.token_file);
    free(config->bgp.api_in);
    free(config->bgp.api_out);
    free(config->kernel.device);
    config_destroy_cluster(config);
    json_decref(config->json);
    free(config);
}
