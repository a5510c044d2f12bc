/* The control socket: the table of routes.  See api.h.
 *
 * Called by main.c, and by http.c for every request. */
#include <config.h>

#include "controller/api/api_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/base/log.h"
#include "controller/api/metrics.h"

/* Live streams may take this many connections at most; see api_events.c. */
#define SMALL_BODY (64 << 10)
#define LARGE_BODY (16 << 20)
#define BULK_BODY  (4 << 20)

#define BODY_DEPTH 8            /* Levels of JSON in a small body. */

static api_handler get_status, get_routers, get_router, patch_router,
                   get_openapi, get_metrics;

const struct api_route api_routes[] = {
    { "GET", "/v1/status", get_status, "", 0 },
    { "GET", "/v1/routers", get_routers, "", 0 },
    { "GET", "/v1/routers/{name}", get_router, "", 0 },
    { "PATCH", "/v1/routers/{name}", patch_router, "", SMALL_BODY },
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
    { "GET", "/v1/events", api_get_events, "since limit ", 0 },
    { "GET", "/v1/config", api_get_config, "", 0 },
    { "PUT", "/v1/config", api_put_config, "dry_run ", LARGE_BODY },
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
    { "GET", "/v1/openapi.json", get_openapi, "", 0 },
    { "GET", "/metrics", get_metrics, "", 0 },
    { NULL, NULL, NULL, NULL, 0 },
};

/* Answers. */

static void
reply_json_as(struct api_call *call, int status, const char *type,
              const char *fields, json_t *json)
{
    char *text = json_dumps(json, JSON_INDENT(1));

    if (!text) {
        abort();                /* No memory. */
    }
    json_decref(json);
    text = fh_xrealloc(text, strlen(text) + 2);
    strcat(text, "\n");
    http_reply(call->request->conn, status, type, fields, text,
               strlen(text));
    free(text);
}

void
api_reply_json(struct api_call *call, int status, json_t *json)
{
    reply_json_as(call, status, "application/json", NULL, json);
}

void
api_reply_json_with(struct api_call *call, int status, const char *fields,
                    json_t *json)
{
    reply_json_as(call, status, "application/json", fields, json);
}

static json_t *
problem(int status, json_t *members, const char *detail)
{
    json_t *json = json_object();

    json_object_set_new(json, "title", json_string(http_status_title(status)));
    json_object_set_new(json, "status", json_integer(status));
    json_object_set_new(json, "detail", api_json_text(detail));
    if (members) {
        json_object_update(json, members);
        json_decref(members);
    }
    return json;
}

static void
reply_problem_va(struct api_call *call, int status, json_t *members,
                 const char *format, va_list args)
{
    char *detail;

    if (vasprintf(&detail, format, args) < 0) {
        abort();
    }
    if (strcmp(call->request->head->method, "GET")
        && strcmp(call->request->head->method, "HEAD")) {
        log_info("api: %s %s: refused, %d: %s", call->request->head->method,
                 call->request->head->path, status, detail);
    }
    reply_json_as(call, status, "application/problem+json", NULL,
                  problem(status, members, detail));
    free(detail);
}

void
api_reply_problem(struct api_call *call, int status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    reply_problem_va(call, status, NULL, format, args);
    va_end(args);
}

void
api_reply_problem_with(struct api_call *call, int status, json_t *members,
                       const char *format, ...)
{
    va_list args;

    va_start(args, format);
    reply_problem_va(call, status, members, format, args);
    va_end(args);
}

/* 400 is for what is no JSON at all, 422 for JSON that does not do.  Of the
 * former config_read_json() tells where the reader stopped, "line 1, column
 * 2: ..."; to read it once more, perhaps 16 MiB of it, takes too long. */
static int
status_of_bad_body(const struct config_errors *errors)
{
    const struct config_error *first = &errors->items[0];

    return !*first->pointer && !strncmp(first->text, "line ", 5) ? 400 : 422;
}

void
api_reply_errors(struct api_call *call, struct config_errors *errors)
{
    api_reply_errors_as(call, status_of_bad_body(errors), errors);
}

void
api_reply_errors_as(struct api_call *call, int status,
                    struct config_errors *errors)
{
    const struct config_error *first = &errors->items[0];
    json_t *members = json_object();
    size_t n = errors->n + errors->n_dropped;

    json_object_set_new(members, "pointer", api_json_text(first->pointer));
    json_object_set_new(members, "errors", api_json_errors(errors));
    if (n == 1) {
        api_reply_problem_with(call, status, members, "%s%s%s",
                               first->pointer,
                               *first->pointer ? ": " : "", first->text);
    } else {
        api_reply_problem_with(call, status, members,
                               "%zu errors; the first: %s%s%s", n,
                               first->pointer, *first->pointer ? ": " : "",
                               first->text);
    }
    config_errors_destroy(errors);
}

void
api_reply_refusal(struct api_call *call, char *reason)
{
    api_reply_problem(call, 409, "%s", reason);
    free(reason);
}

/* Questions. */

const char *
api_query(const struct api_call *call, const char *name)
{
    return http_head_query(call->request->head, name);
}

bool
api_query_number(struct api_call *call, const char *name, uint64_t min,
                 uint64_t max, uint64_t *value)
{
    const char *text = api_query(call, name);
    unsigned long long number;
    size_t n;

    if (!text) {
        return true;
    }
    n = strspn(text, "0123456789");
    if (!n || text[n] || n > 19) {
        api_reply_problem(call, 400, "%s: must be a number", name);
        return false;
    }
    number = strtoull(text, NULL, 10);
    if (number < min || number > max) {
        api_reply_problem(call, 422, "%s: must be %llu to %llu", name,
                          (unsigned long long) min, (unsigned long long) max);
        return false;
    }
    *value = number;
    return true;
}

bool
api_query_dry_run(struct api_call *call, bool *dry_run)
{
    const char *text = api_query(call, "dry_run");

    *dry_run = text && (!strcmp(text, "1") || !strcmp(text, "true"));
    if (text && !*dry_run && strcmp(text, "0") && strcmp(text, "false")) {
        api_reply_problem(call, 422, "dry_run: must be 1 or 0");
        return false;
    }
    return true;
}

json_t *
api_read_body(struct api_call *call)
{
    struct config_errors errors = { NULL, 0, 0, 0 };
    json_t *json = config_read_json(call->request->body,
                                    call->request->body_len, BODY_DEPTH,
                                    &errors);

    if (!json) {
        api_reply_errors(call, &errors);
    }
    return json;
}

/* Checks that 'json' is {"KEY": "a string"}. */
static void
check_body_string(json_t *json, const char *key, struct config_errors *errors)
{
    const char *name;
    json_t *value;

    if (!json_is_object(json)) {
        config_errors_add(errors, "", "must be an object");
        return;
    }
    json_object_foreach (json, name, value) {
        char *pointer = fh_xasprintf("/%s", name);

        if (strcmp(name, key)) {
            config_errors_add(errors, pointer, "unknown key");
        } else if (!json_is_string(value)) {
            config_errors_add(errors, pointer, "must be a string");
        }
        free(pointer);
    }
    if (!json_object_get(json, key)) {
        char *pointer = fh_xasprintf("/%s", key);

        config_errors_add(errors, pointer, "is required");
        free(pointer);
    }
}

char *
api_read_body_string(struct api_call *call, const char *key)
{
    struct config_errors errors = { NULL, 0, 0, 0 };
    json_t *json = api_read_body(call);
    char *string = NULL;

    if (!json) {
        return NULL;
    }
    check_body_string(json, key, &errors);
    if (errors.n) {
        api_reply_errors(call, &errors);
    } else {
        string = fh_xstrdup(json_string_value(json_object_get(json, key)));
    }
    json_decref(json);
    return string;
}

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

static void
patch_router(struct api_call *call)
{
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct router *router = find_router(call);
    char *admin = router ? api_read_body_string(call, "admin") : NULL;

    if (!admin) {
        return;
    }
    if (strcmp(admin, "drain") && strcmp(admin, "up")) {
        config_errors_add(&errors, "/admin", "must be \"drain\" or \"up\"");
        api_reply_errors(call, &errors);
    } else {
        char *reason = engine_set_draining(call->en, router,
                                           *admin == 'd');
        if (reason) {
            api_reply_refusal(call, reason);
        } else {
            api_reply_json(call, 200,
                           api_json_router_details(call->en, router));
        }
    }
    free(admin);
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
    json_t *json = problem(status, NULL, detail);
    char *text = json_dumps(json, JSON_INDENT(1));

    http_reply(call->request->conn, status, "application/problem+json",
               allow, text, strlen(text));
    json_decref(json);
    free(text);
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
handle(const struct http_request *request, void *api_)
{
    struct api *api = api_;
    struct api_call call = { api, api->en, request, NULL };
    const struct http_head *head = request->head;
    const struct api_route *route;
    char *allow;

    api->host.wake(api->host.aux);
    route = find_route(head, &call.arg, &allow);
    if (!route) {
        reply_no_route(&call, allow);
        return;
    }
    if (strcmp(route->method, "GET")) {
        log_info("api: %s %s", head->method, head->path);
    }
    if (check_queries(&call, route)) {
        route->handler(&call);
    }
    if (strcmp(route->method, "GET")) {
        api->host.changed(api->host.aux);
    }
    free(call.arg);
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
                            config->api.token_file);
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
api_destroy(struct api *api)
{
    if (!api) {
        return;
    }
    journal_unlisten(engine_journal(api->en), config_applied, api);
    http_destroy(api->http);
    api_events_destroy(api->events);
    free(api);
}
