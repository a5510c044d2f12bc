/* /v1/config: the configuration, read and replaced: as a whole, or one of its
 * segments or routers, which is checked and applied with the whole.
 *
 * Called by api.c for its routes. */
#include <config.h>

#include "controller/api/api_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Entity tags.  RFC 9110, 8.8.3 and 13.1. */

/* The tag of what GET answers with; "" where there is nothing.  That of the
 * whole configuration is worked out once. */
static const char *
etag_format(const struct api_call *call, json_t *json,
            char etag[API_ETAG_STRLEN])
{
    struct api *api = call->api;

    if (!json || json != engine_config(call->en)->json) {
        return api_etag(json, etag);
    }
    if (json != api->tagged) {
        json_decref(api->tagged);
        api->tagged = json_incref(json);
        api_etag(json, api->etag);
    }
    return strcpy(etag, api->etag);
}

/* The worker has worked it out. */
static void
keep_etag(const struct api_call *call, json_t *json, const char *etag)
{
    struct api *api = call->api;

    json_incref(json);
    json_decref(api->tagged);
    api->tagged = json;
    snprintf(api->etag, sizeof api->etag, "%s", etag);
}

/* Does the list of entity tags 'field' name 'etag'?  "*" names whatever there
 * is.  A weak tag matches where 'weak' does.  -1: it is no such list. */
static int
etag_list_has(const char *field, const char *etag, bool weak)
{
    bool found = false;

    if (!strcmp(field, "*")) {
        return *etag != '\0';
    }
    while (*field) {
        bool is_weak = !strncmp(field, "W/", 2);
        const char *tag = field + (is_weak ? 2 : 0);
        const char *end = *tag == '"' ? strchr(tag + 1, '"') : NULL;

        if (!end) {
            return -1;
        }
        found = found || ((weak || !is_weak)
                          && strlen(etag) == (size_t) (end + 1 - tag)
                          && !strncmp(etag, tag, end + 1 - tag));
        field = end + 1 + strspn(end + 1, " \t,");
    }
    return found;
}

/* May a change of what is 'present' (NULL: nothing) be made?  False after an
 * answer. */
static bool
check_conditions(struct api_call *call, json_t *present)
{
    const char *match = http_head_field(call->request->head, "If-Match");
    const char *none = http_head_field(call->request->head, "If-None-Match");
    char etag[API_ETAG_STRLEN];
    int has, has_none;

    if (!match && !none) {
        return true;
    }
    etag_format(call, present, etag);
    has = match ? etag_list_has(match, etag, false) : 1;
    has_none = none ? etag_list_has(none, etag, true) : 0;
    if (has < 0 || has_none < 0) {
        api_reply_problem(call, 400, "%s: is no list of entity tags",
                          has < 0 ? "If-Match" : "If-None-Match");
        return false;
    }
    if (!has || has_none) {
        api_reply_problem(call, 412, has_none ? "it exists, as %s"
                          : present ? "it has changed meanwhile: it is %s now"
                          : "it does not exist%s", etag);
        return false;
    }
    return true;
}

/* Answers GET with what has been written, or says that the peer has it. */
static void
reply_text(struct api_call *call, const struct api_text *text)
{
    const char *none = http_head_field(call->request->head, "If-None-Match");
    char *field;

    field = fh_xasprintf("ETag: %s\r\n", text->etag);
    if (none && etag_list_has(none, text->etag, true) > 0) {
        http_reply(call->request->conn, 304, NULL, field, NULL, 0);
    } else {
        http_reply(call->request->conn, 200, "application/json", field,
                   text->text, text->len);
    }
    free(field);
}

/* The same with 'json' (borrowed), once the worker has written it. */
static void
reply_tagged(struct api_call *call, json_t *json)
{
    const struct api_text *text = api_text_write(call, json);

    if (text) {
        reply_text(call, text);
    }
}

/* Answers that 'text' is valid, and what it changes in what was in force.
 * 'json' is what is there now, for its tag, or NULL. */
static void
reply_done(struct api_call *call, int status, bool applied, json_t *json,
           const struct api_text *text)
{
    json_t *body = json_object();
    char etag[API_ETAG_STRLEN];
    char *field = NULL;

    json_object_set_new(body, "valid", json_true());
    json_object_set_new(body, "applied", json_boolean(applied));
    json_object_set_new(body, "warnings", api_json_errors(&text->warnings));
    json_object_set_new(body, "n_changes", json_integer(text->n_changes));
    json_object_set(body, "changes", text->changes);
    if (applied && json) {
        field = fh_xasprintf("ETag: %s\r\n", etag_format(call, json, etag));
    }
    api_reply_json_with(call, status, field, body);
    free(field);
}

/* Answers with what came of 'text', which is a configuration as a whole, and
 * applies it unless this is a trial.  'json' is what the request was about, or
 * NULL: it is gone.  'bad' is the status for what is not valid. */
static void
apply(struct api_call *call, int status, struct api_text *text, json_t *json,
      bool dry_run, int bad)
{
    char *reason;

    if (!text->config) {
        if (bad) {
            api_reply_errors_as(call, bad, &text->errors);
        } else {
            api_reply_errors(call, &text->errors);
        }
        return;
    }
    if (dry_run) {
        reply_done(call, status, false, NULL, text);
        return;
    }
    keep_etag(call, text->config->json, text->etag);
    reason = engine_apply(call->en, text->config, true);
    if (reason) {
        api_reply_refusal(call, reason);
        return;
    }
    text->config = NULL;        /* Taken. */
    reply_done(call, status, true, json, text);
}

/* The whole. */

void
api_get_config(struct api_call *call)
{
    reply_tagged(call, engine_config(call->en)->json);
}

void
api_put_config(struct api_call *call)
{
    struct api_text *text;
    bool dry_run;

    if (!api_query_dry_run(call, &dry_run)
        || !check_conditions(call, engine_config(call->en)->json)) {
        return;
    }
    text = api_text_config(call, NULL);
    if (text) {
        apply(call, 200, text, text->config ? text->config->json : NULL,
              dry_run, 0);
    }
}

/* One segment, or one router. */

static const char *
collection(const struct api_call *call)
{
    return (!strncmp(call->request->head->path, "/v1/config/segments/", 20)
            ? "segments" : "routers");
}

/* What the path names, borrowed, or NULL. */
static json_t *
find_part(const struct api_call *call)
{
    return json_object_get(json_object_get(engine_config(call->en)->json,
                                           collection(call)), call->arg);
}

static json_t *
require_part(struct api_call *call)
{
    json_t *part = find_part(call);

    if (!part) {
        api_reply_problem(call, 404, "there is no %.*s %s",
                          (int) strlen(collection(call)) - 1,
                          collection(call), call->arg);
    }
    return part;
}

void
api_get_config_part(struct api_call *call)
{
    json_t *part = require_part(call);

    if (part) {
        reply_tagged(call, part);
    }
}

/* The configuration in force with the part replaced by 'value', or without it
 * (NULL).  Returns new, or NULL if the part's name is no text. */
static json_t *
with_part(const struct api_call *call, json_t *value)
{
    json_t *root = json_copy(engine_config(call->en)->json);
    json_t *parts = json_copy(json_object_get(root, collection(call)));

    parts = parts ? parts : json_object();
    json_object_set_new(root, collection(call), parts);
    if (!value) {
        json_object_del(parts, call->arg);
    } else if (json_object_set(parts, call->arg, value)) {
        json_decref(root);
        return NULL;
    }
    return root;
}

/* Replaces the part by 'value' (taken), or deletes it (NULL). */
static void
set_part(struct api_call *call, json_t *value, bool dry_run)
{
    int status = value && !find_part(call) && !dry_run ? 201 : 200;
    json_t *root = with_part(call, value);
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct api_text *text;

    if (!root) {
        config_errors_add(&errors, "", "the name is no UTF-8");
        api_reply_errors_as(call, 422, &errors);
        json_decref(value);
        return;
    }
    /* What stands in the way of a deletion is not in the request. */
    text = api_text_config(call, root);
    if (text) {
        apply(call, status, text, value, dry_run, value ? 422 : 409);
    }
    json_decref(value);
    json_decref(root);
}

void
api_put_config_part(struct api_call *call)
{
    json_t *value;
    bool dry_run;

    if (api_query_dry_run(call, &dry_run)
        && check_conditions(call, find_part(call))) {
        value = api_read_body(call);
        if (value) {
            set_part(call, value, dry_run);
        }
    }
}

/* 'target' (or NULL) as 'patch' changes it.  Returns new.  RFC 7396. */
static json_t *
merge_patch(json_t *target, json_t *patch)
{
    json_t *result, *value;
    const char *key;

    if (!json_is_object(patch)) {
        return json_incref(patch);
    }
    result = json_is_object(target) ? json_copy(target) : json_object();
    json_object_foreach (patch, key, value) {
        if (json_is_null(value)) {
            json_object_del(result, key);
        } else {
            json_object_set_new(result, key,
                                merge_patch(json_object_get(target, key),
                                            value));
        }
    }
    return result;
}

void
api_patch_config_part(struct api_call *call)
{
    json_t *part, *patch, *merged;
    bool dry_run;

    part = api_query_dry_run(call, &dry_run) ? require_part(call) : NULL;
    if (!part || !check_conditions(call, part)) {
        return;
    }
    patch = api_read_body(call);
    if (patch) {
        merged = merge_patch(part, patch);
        json_decref(patch);
        set_part(call, merged, dry_run);
    }
}

void
api_delete_config_part(struct api_call *call)
{
    bool dry_run;

    if (api_query_dry_run(call, &dry_run) && require_part(call)
        && check_conditions(call, find_part(call))) {
        set_part(call, NULL, dry_run);
    }
}

/* Those that were in force. */

void
api_get_config_versions(struct api_call *call)
{
    const struct api_host *host = &call->api->host;
    size_t n = host->n_versions(host->aux);
    json_t *list = json_array();
    char time[API_TIME_STRLEN];

    for (size_t i = n; i-- > 0;) {
        struct fh_config_version v = host->version(host->aux, i);

        json_array_append_new(list, json_pack(
            "{s:I, s:s, s:b}", "version", (json_int_t) v.number, "since",
            api_time_format(v.time_ms, time), "in_force", i == n - 1));
    }
    api_reply_json(call, 200, json_pack("{s:o}", "versions", list));
}

/* The number in 'text', or that of the version before the one in force (NULL).
 * 0 if there is none such. */
static uint32_t
find_version(const struct api_call *call, const char *text)
{
    const struct api_host *host = &call->api->host;
    size_t n = host->n_versions(host->aux);

    if (!text) {
        return n > 1 ? host->version(host->aux, n - 2).number : 0;
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t number = host->version(host->aux, i).number;
        char digits[16];

        snprintf(digits, sizeof digits, "%" PRIu32, number);
        if (!strcmp(text, digits)) {
            return number;
        }
    }
    return 0;
}

/* What the worker reads of the version with the number in 'which' (NULL: the
 * one before).  NULL after an answer, or while it is at work. */
static struct api_text *
load_version(struct api_call *call, const char *which)
{
    uint32_t number = find_version(call, which);
    struct api_text *text = number ? api_text_version(call, number) : NULL;

    if (call->pending || (text && text->root)) {
        return text;
    }
    if (which) {
        api_reply_problem(call, 404, number ? "version %s cannot be read"
                          : "there is no version %s", which);
    } else {
        api_reply_problem(call, 409, "there is no version before this one");
    }
    return NULL;
}

void
api_get_config_version(struct api_call *call)
{
    const struct api_text *text = load_version(call, call->arg);

    if (text) {
        reply_text(call, text);
    }
}

void
api_post_config_rollback(struct api_call *call)
{
    struct api_text *text;
    bool dry_run;

    if (!api_query_dry_run(call, &dry_run)
        || !check_conditions(call, engine_config(call->en)->json)) {
        return;
    }
    text = load_version(call, api_query(call, "version"));
    if (text) {
        /* It was valid when it was applied, by another release perhaps. */
        apply(call, 200, text, text->root, dry_run, 409);
    }
}
