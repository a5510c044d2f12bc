/* The control socket: the table of routes.  See api.h.
 *
 * Called by main.c, and by http.c for every request. */
#include <config.h>

#include "controller/api/api_internal.h"

#include <stdio.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "controller/base/log.h"
#include "controller/api/metrics.h"

/* Live streams may take this many connections at most; see api_events.c. */
#define SMALL_BODY (64 << 10)
#define LARGE_BODY (16 << 20)
#define BULK_BODY  (4 << 20)

static api_handler get_status, get_routers, get_router, patch_router,
                   get_openapi, get_metrics;

const struct api_route api_routes[] = {
    { "GET", "/", api_get_page, "", 0 },
    { "GET", "/page.css", api_get_page_css, "", 0 },
    { "GET", "/page.js", api_get_page_js, "", 0 },
    { "GET", "/page.svg", api_get_page_icon, "", 0 },
    { "GET", "/v1/status", get_status, "", 0 },
    { "GET", "/v1/routers", get_routers, "", 0 },
    { "GET", "/v1/routers/{name}", get_router, "", 0 },
    { "PATCH", "/v1/routers/{name}", patch_router, "", SMALL_BODY },
    { "GET", "/v1/paths", api_get_paths, "", 0 },
    { "GET", "/v1/segments", api_get_segments, "", 0 },
    { "POST", "/v1/segments/{name}/sweep", api_post_segment_sweep, "",
      SMALL_BODY },
    { "GET", "/v1/clients", api_get_clients,
      "segment active state limit after ", 0 },
    { "POST", "/v1/clients", api_post_clients, "dry_run ", BULK_BODY },
    { "GET", "/v1/clients/{address}", api_get_client, "segment ", 0 },
    { "PUT", "/v1/clients/{address}", api_put_client, "segment ",
      SMALL_BODY },
    { "DELETE", "/v1/clients/{address}", api_delete_client, "segment ", 0 },
    { "POST", "/v1/clients/{address}/move", api_post_client_move, "segment ",
      SMALL_BODY },
    { "GET", "/v1/clients/{address}/explain", api_get_client_explain,
      "segment ", 0 },
    { "GET", "/v1/clients/{address}/usage", api_get_client_usage,
      "segment ", 0 },
    { "GET", "/v1/clients/{address}/flows", api_get_client_flows,
      "segment ", 0 },
    { "GET", "/v1/clients/{address}/trace", api_get_client_trace,
      "segment to from ", 0 },
    { "GET", "/v1/usage", api_get_usage, "segment active limit after ", 0 },
    { "GET", "/v1/exposure", api_get_exposure, "router limit after ", 0 },
    { "GET", "/v1/events", api_get_events,
      "since limit client segment router type cause max_age_s ", 0 },
    { "GET", "/v1/config", api_get_config, "", 0 },
    { "PUT", "/v1/config", api_put_config, "dry_run ", LARGE_BODY },
    { "GET", "/v1/config/versions", api_get_config_versions, "", 0 },
    { "GET", "/v1/config/versions/{version}", api_get_config_version, "",
      0 },
    { "POST", "/v1/config/rollback", api_post_config_rollback,
      "version dry_run ", 0 },
    { "GET", "/v1/config/segments/{name}", api_get_config_part, "", 0 },
    { "PUT", "/v1/config/segments/{name}", api_put_config_part, "dry_run ",
      SMALL_BODY },
    { "PATCH", "/v1/config/segments/{name}", api_patch_config_part,
      "dry_run ", SMALL_BODY },
    { "DELETE", "/v1/config/segments/{name}", api_delete_config_part,
      "dry_run ", 0 },
    { "GET", "/v1/config/routers/{name}", api_get_config_part, "", 0 },
    { "PUT", "/v1/config/routers/{name}", api_put_config_part, "dry_run ",
      SMALL_BODY },
    { "PATCH", "/v1/config/routers/{name}", api_patch_config_part,
      "dry_run ", SMALL_BODY },
    { "DELETE", "/v1/config/routers/{name}", api_delete_config_part,
      "dry_run ", 0 },
    { "GET", "/v1/cluster", api_get_cluster, "", 0 },
    { "POST", "/v1/cluster/transfer", api_post_cluster_transfer, "",
      SMALL_BODY },
    { "GET", "/v1/openapi.json", get_openapi, "", 0 },
    { "GET", "/metrics", get_metrics, "", 0 },
    { NULL, NULL, NULL, NULL, 0 },
};

/* Small resources. */

static void
get_status(struct api_call *call)
{
    api_reply_json(call, 200, api_json_status(call->en, &call->api->host));
}

static void
get_routers(struct api_call *call)
{
    json_t *json = json_object();
    json_t *array = json_array();

    for (size_t i = 0; i < engine_n_routers(call->en); i++) {
        json_array_append_new(array,
                              api_json_router(call->en,
                                              engine_router(call->en, i)));
    }
    json_object_set_new(json, "routers", array);
    api_reply_json(call, 200, json);
}

static struct router *
find_router(struct api_call *call)
{
    struct router *router = engine_find_router(call->en, call->arg);

    if (!router) {
        api_reply_problem(call, 404, "there is no router %s", call->arg);
    }
    return router;
}

static void
get_router(struct api_call *call)
{
    const struct router *router = find_router(call);

    if (router) {
        api_reply_json(call, 200, api_json_router_details(call->en, router));
    }
}

/* What of a router can be switched: off by a word of its own, on by "up". */
static const struct {
    const char *off;
    char *(*set)(struct engine *, struct router *, bool off);
} switches[] = {
    { "drain", engine_set_draining },
    { "down", engine_set_uplink_down },
};
static const char *const switch_keys[] = { "admin", "uplink", NULL };

static void
set_switch(struct api_call *call, struct router *router, size_t i,
           const char *word)
{
    struct config_errors errors = { NULL, 0, 0, 0 };
    char *pointer, *reason;

    if (strcmp(word, switches[i].off) && strcmp(word, "up")) {
        pointer = fh_xasprintf("/%s", switch_keys[i]);
        config_errors_add(&errors, pointer, "must be \"%s\" or \"up\"",
                          switches[i].off);
        free(pointer);
        api_reply_errors(call, &errors);
        return;
    }
    reason = switches[i].set(call->en, router, *word == 'd');
    if (reason) {
        api_reply_refusal(call, reason);
    } else {
        api_reply_json(call, 200, api_json_router_details(call->en, router));
    }
}

static void
patch_router(struct api_call *call)
{
    struct router *router = find_router(call);
    const char *key;
    char *word = (router ? api_read_body_choice(call, switch_keys, &key)
                  : NULL);

    if (word) {
        set_switch(call, router, !strcmp(key, switch_keys[0]) ? 0 : 1, word);
    }
    free(word);
}

static void
get_openapi(struct api_call *call)
{
    http_reply(call->request->conn, 200, "application/json", NULL,
               api_openapi, strlen(api_openapi));
}

static void
get_metrics(struct api_call *call)
{
    struct fh_buf text = { NULL, 0, 0 };

    metrics_write(call->en, &call->api->host,
                  http_n_connections(call->api->http), &text);
    http_reply(call->request->conn, 200,
               "text/plain; version=0.0.4; charset=utf-8", NULL, text.data,
               text.len);
    fh_buf_destroy(&text);
}

/* Routing. */

/* Does 'path' match 'pattern'?  If so, '*arg' and '*arg_len' are what stands
 * for "{...}", or NULL. */
static bool
match_path(const char *pattern, const char *path, const char **arg,
           size_t *arg_len)
{
    size_t n = strcspn(pattern, "{");
    const char *rest;

    *arg = NULL;
    *arg_len = 0;
    if (!pattern[n]) {
        return !strcmp(pattern, path);
    }
    if (strncmp(pattern, path, n)) {
        return false;
    }
    *arg = path + n;
    *arg_len = strcspn(path + n, "/");
    rest = strchr(pattern, '}') + 1;
    return *arg_len && !strcmp(rest, path + n + *arg_len);
}

/* HEAD is answered wherever GET is.  RFC 9110, 9.1. */
static bool
match_method(const struct api_route *route, const char *method)
{
    return !strcmp(route->method, method)
           || (!strcmp(route->method, "GET") && !strcmp(method, "HEAD"));
}

/* Finds the route.  If there is none, '*allow' is the methods for the path,
 * as a header field, new, or NULL if the path is unknown. */
static const struct api_route *
find_route(const struct http_head *head, char **arg, char **allow)
{
    char methods[64] = "";
    const char *found;
    size_t len;

    *arg = *allow = NULL;
    for (const struct api_route *r = api_routes; r->method; r++) {
        if (!match_path(r->path, head->path, &found, &len)) {
            continue;
        }
        if (match_method(r, head->method)) {
            *arg = found ? fh_xasprintf("%.*s", (int) len, found) : NULL;
            return r;
        }
        snprintf(methods + strlen(methods), sizeof methods - strlen(methods),
                 "%s%s%s", *methods ? ", " : "", r->method,
                 strcmp(r->method, "GET") ? "" : ", HEAD");
    }
    if (*methods) {
        *allow = fh_xasprintf("Allow: %s\r\n", methods);
    }
    return NULL;
}

static void
reply_no_route(struct api_call *call, char *allow)
{
    const struct http_head *head = call->request->head;
    int status = allow ? 405 : 404;
    char *detail = allow ? fh_xasprintf("%s is not for %s", head->method,
                                        head->path)
                         : fh_xasprintf("there is no %s", head->path);

    api_reply_no_route(call, status, allow, detail);
    free(detail);
    free(allow);
}

/* A parameter that is not known may be one misspelt, "dry-run" say, and must
 * not pass for none. */
static bool
check_queries(struct api_call *call, const struct api_route *route)
{
    const struct http_head *head = call->request->head;

    for (size_t i = 0; i < head->n_queries; i++) {
        char *name = fh_xasprintf("%s ", head->queries[i].name);
        const char *at = strstr(route->queries, name);
        bool known = at && (at == route->queries || at[-1] == ' ');

        free(name);
        if (!known) {
            api_reply_problem(call, 400, "unknown query parameter %s",
                              head->queries[i].name);
            return false;
        }
    }
    return true;
}

static size_t
max_body(const struct http_head *head, void *api)
{
    char *arg, *allow;
    const struct api_route *route = find_route(head, &arg, &allow);

    free(arg);
    free(allow);
    /* Where no body is expected a small one is tolerated, and ignored. */
    return route && route->max_body ? route->max_body : SMALL_BODY;
}

static void
end_call(struct api_call *call)
{
    api_text_destroy(call);
    free(call->arg);
    free(call);
}

static bool
is_change(const struct api_call *call)
{
    return strcmp(call->route->method, "GET");
}

/* Calls the handler, for the first time or once more. */
static void
run_call(struct api_call *call)
{
    struct api *api = call->api;

    call->pending = false;
    if (!call->answered && !api_pass(call)) {
        api->host.wake(api->host.aux);
        call->route->handler(call);
    }
    if (call->pending) {
        return;
    }
    if (is_change(call)) {
        api->host.changed(api->host.aux);
        turn_end(api->host.turns, &call->turn);
    }
    end_call(call);
}

static void
run_turn(struct turn *turn)
{
    run_call((struct api_call *) ((char *) turn
                                  - offsetof(struct api_call, turn)));
}

static void
handle(const struct http_request *request, void *api_)
{
    struct api *api = api_;
    struct api_call *call = fh_xcalloc(1, sizeof *call);
    const struct http_head *head = request->head;
    char *allow;

    call->api = api;
    call->en = api->en;
    call->request = request;
    call->turn.run = run_turn;
    call->resume = run_call;
    call->route = find_route(head, &call->arg, &allow);
    if (!call->route) {
        reply_no_route(call, allow);
        end_call(call);
        return;
    }
    if (is_change(call)) {
        log_info("api: %s %s", head->method, head->path);
    }
    if (!check_queries(call, call->route)) {
        end_call(call);
    } else if (is_change(call)) {
        turn_begin(api->host.turns, &call->turn);
    } else {
        run_call(call);
    }
}

/* Listening on TCP follows the configuration. */
static void
listen_tcp(struct api *api)
{
    const struct config *config = engine_config(api->en);
    char *error;

    http_unlisten_tcp(api->http);
    if (!config->api.listen) {
        return;
    }
    error = http_listen_tcp(api->http, config->api.listen,
                            config->api.token_file,
                            config->api.read_without_token);
    if (error) {
        log_err("api: %s", error);
        free(error);
    } else {
        log_info("api: listening on %s", config->api.listen);
    }
}

static void
config_applied(const struct incident *event, void *api)
{
    if (event->type == INCIDENT_CONFIG_APPLIED) {
        listen_tcp(api);
    }
}

struct api *
api_create(struct event_base *base, struct engine *en,
           const struct api_host *host, const char *path, char **errp)
{
    static const struct http_options options = HTTP_OPTIONS_DEFAULT;
    static const struct http_handler handler = { max_body, handle };
    struct api *api = fh_xcalloc(1, sizeof *api);

    api->base = base;
    api->en = en;
    api->host = *host;
    api->http = http_create(base, &options, &handler, api);
    *errp = http_listen_unix(api->http, path);
    if (*errp) {
        http_destroy(api->http);
        free(api);
        return NULL;
    }
    api->events = api_events_create(api);
    listen_tcp(api);
    journal_listen(engine_journal(en), config_applied, api);
    return api;
}

void
api_serve(void *api_, int fd)
{
    struct api *api = api_;

    http_serve(api->http, fd);
}

void
api_destroy(struct api *api)
{
    if (!api) {
        return;
    }
    journal_unlisten(engine_journal(api->en), config_applied, api);
    http_destroy(api->http);
    api_events_destroy(api->events);
    json_decref(api->tagged);
    free(api);
}
