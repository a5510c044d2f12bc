/* How the control socket answers, and reads what it is asked.
 *
 * Called by the handlers of api*.c. */
#include <config.h>

#include "controller/api/api_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/base/log.h"

#define BODY_DEPTH 8            /* Levels of JSON in a small body. */

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
api_reply_no_route(struct api_call *call, int status, const char *fields,
                   const char *detail)
{
    reply_json_as(call, status, "application/problem+json", fields,
                  problem(status, NULL, detail));
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
 * first config_read_json() tells where the reader stopped, "line 1, column
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
    if (reason == ENGINE_PENDING) {
        call->pending = true;
        return;
    }
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

static bool
is_among(const char *const keys[], const char *key)
{
    while (*keys && strcmp(*keys, key)) {
        keys++;
    }
    return *keys != NULL;
}

/* Checks that 'json' is {"KEY": "a string"}, KEY being one of 'keys'. */
static void
check_body_string(json_t *json, const char *key, const char *const keys[],
                  struct config_errors *errors)
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
            config_errors_add(errors, pointer, is_among(keys, name)
                              ? "must not stand beside %s" : "unknown key",
                              key);
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

/* Which of 'keys', the first if it has none. */
static const char *
find_key(json_t *json, const char *const keys[])
{
    for (size_t i = 0; keys[i]; i++) {
        if (json_object_get(json, keys[i])) {
            return keys[i];
        }
    }
    return keys[0];
}

char *
api_read_body_choice(struct api_call *call, const char *const keys[],
                     const char **keyp)
{
    struct config_errors errors = { NULL, 0, 0, 0 };
    json_t *json = api_read_body(call);
    char *string = NULL;
    const char *key;

    if (!json) {
        return NULL;
    }
    *keyp = key = find_key(json, keys);
    check_body_string(json, key, keys, &errors);
    if (errors.n) {
        api_reply_errors(call, &errors);
    } else {
        string = fh_xstrdup(json_string_value(json_object_get(json, key)));
    }
    json_decref(json);
    return string;
}

bool
api_read_body_optional(struct api_call *call, const char *key, char **value)
{
    json_t *json = api_read_body(call);
    bool is_empty = json_is_object(json) && !json_object_size(json);

    *value = NULL;
    if (json && !is_empty) {
        *value = api_read_body_string(call, key);
    }
    json_decref(json);
    return is_empty || *value;
}

char *
api_read_body_string(struct api_call *call, const char *key)
{
    const char *const keys[] = { key, NULL };

    return api_read_body_choice(call, keys, &key);
}

/* Pages of clients. */

bool
api_query_cursor(struct api_call *call, size_t *start)
{
    const char *cursor = api_query(call, "after");
    struct client_key key = { .segment = UINT32_MAX };
    char text[FH_ADDR_STRLEN];
    const char *at;

    *start = 0;
    if (!cursor) {
        return true;
    }
    at = strchr(cursor, '@');
    snprintf(text, sizeof text, "%.*s",
             (int) (at ? at - cursor : strlen(cursor)), cursor);
    if (!fh_addr_parse(text, &key.address)
        || strncmp(text, cursor, strlen(text))
        || (cursor[strlen(text)] && cursor + strlen(text) != at)) {
        api_reply_problem(call, 400, "after: is no cursor");
        return false;
    }
    if (at) {
        const struct segment *s = engine_find_segment(call->en, at + 1);

        if (!s) {
            api_reply_problem(call, 404, "there is no segment %s", at + 1);
            return false;
        }
        key.segment = s->id;
    }
    *start = clients_lower_bound(engine_clients(call->en), key);

    const struct client *c = clients_at(engine_clients(call->en), *start);
    if (c && fh_addr_equal(c->key.address, key.address)
        && c->key.segment == key.segment) {
        ++*start;
    }
    return true;
}

json_t *
api_cursor_before(const struct clients *clients, size_t i)
{
    const struct client *next = clients_at(clients, i);
    const struct client *c = clients_at(clients, i - 1);
    char address[FH_ADDR_STRLEN];

    fh_addr_format(c->key.address, address);
    if (next && fh_addr_equal(next->key.address, c->key.address)) {
        return json_sprintf("%s@%s", address, c->segment->config->name);
    }
    return json_string(address);
}
