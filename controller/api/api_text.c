/* Large texts: configurations, read and written by the worker, lest a hundred
 * thousand clients stop the event loop.
 *
 * Called by the handlers of api_config.c.  JSON values are
 * shared with the worker: nobody changes them, and jansson counts references
 * atomically. */
#include <config.h>

#include "controller/api/api_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/config/config_diff.h"

#define MAX_CHANGES 1000        /* That an answer lists. */

/* FNV-1a.  The text is the operator's own: nobody gains from a collision. */
static int
hash_text(const char *text, size_t len, void *hash_)
{
    uint64_t *hash = hash_;

    for (size_t i = 0; i < len; i++) {
        *hash = (*hash ^ (unsigned char) text[i]) * UINT64_C(0x100000001b3);
    }
    return 0;
}

/* Of several controllers each shows its own part as well, and the leader is
 * asked to change what another one has shown: the tag is that of what all
 * share, in whatever order. */
const char *
api_etag(json_t *json, char etag[API_ETAG_STRLEN])
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    bool shared = json_object_get(json, "cluster") != NULL;
    json_t *tagged = shared ? config_shared_part(json) : json_incref(json);

    *etag = '\0';
    if (tagged) {
        json_dump_callback(tagged, hash_text, &hash,
                           JSON_COMPACT | (shared ? JSON_SORT_KEYS : 0));
        snprintf(etag, API_ETAG_STRLEN, "\"%016" PRIx64 "\"", hash);
    }
    json_decref(tagged);
    return etag;
}

/* In the worker. */

/* Of several controllers each keeps what is its own, whosever configuration
 * this was before. */
static void
keep_own_part(struct api_text *text)
{
    json_t *joined;

    if (!text->config || !json_object_get(text->in_force, "cluster")) {
        return;
    }
    joined = config_with_own_part(text->config->json, text->in_force);
    config_destroy(text->config);
    text->config = config_from_json(joined, &text->errors, NULL);
    json_decref(joined);
}

static void
read_config(void *text_)
{
    struct api_text *text = text_;

    text->config = (text->body
                    ? config_parse(text->body, text->body_len, &text->errors,
                                   &text->warnings)
                    : config_from_json(text->root, &text->errors,
                                       &text->warnings));
    keep_own_part(text);
    api_etag(text->config ? text->config->json : NULL, text->etag);
    if (text->config) {
        text->changes = config_diff(text->in_force, text->config->json,
                                    MAX_CHANGES, &text->n_changes);
    }
}

static void
write_json(void *text_)
{
    struct api_text *text = text_;
    char *dump = json_dumps(text->root, JSON_INDENT(1));

    text->text = fh_xasprintf("%s\n", dump);
    text->len = strlen(text->text);
    free(dump);
    api_etag(text->root, text->etag);
}

static void
read_version(void *text_)
{
    struct api_text *text = text_;
    const struct api_host *host = &text->call->api->host;

    text->root = host->load_version(host->aux, text->version);
    if (text->root) {
        write_json(text);
        read_config(text);
    }
}

/* In the loop. */

static void
resume(void *text_)
{
    struct api_text *text = text_;

    text->call->resume(text->call);
}

/* Has 'work' done for the call, once. */
static struct api_text *
run(struct api_call *call, json_t *root, uint32_t version,
    void (*work)(void *))
{
    struct api_text *text = call->text;

    if (text) {
        return text;
    }
    text = call->text = fh_xcalloc(1, sizeof *text);
    text->call = call;
    text->root = json_incref(root);
    text->in_force = json_incref(engine_config(call->en)->json);
    text->version = version;
    if (!root && !version) {
        text->body = call->request->body;
        text->body_len = call->request->body_len;
    }
    call->pending = !worker_run(call->api->host.parser, work, resume, text);
    return call->pending ? NULL : text;
}

struct api_text *
api_text_config(struct api_call *call, json_t *root)
{
    return run(call, root, 0, read_config);
}

struct api_text *
api_text_write(struct api_call *call, json_t *json)
{
    return run(call, json, 0, write_json);
}

struct api_text *
api_text_version(struct api_call *call, uint32_t version)
{
    return run(call, NULL, version, read_version);
}

/* In the worker: a hundred thousand clients take as long to be freed as to be
 * read. */
static void
free_text(void *text_)
{
    struct api_text *text = text_;

    json_decref(text->root);
    json_decref(text->in_force);
    json_decref(text->changes);
    config_destroy(text->config);
    config_errors_destroy(&text->errors);
    config_errors_destroy(&text->warnings);
    free(text->text);
    free(text);
}

void
api_text_destroy(struct api_call *call)
{
    if (call->text) {
        worker_run(call->api->host.parser, free_text, NULL, call->text);
    }
}
