/* /v1/config: the whole configuration, read and replaced.
 *
 * Called by api.c for its routes. */
#include <config.h>

#include "controller/api/api_internal.h"

#include <stdlib.h>
#include <string.h>

void
api_get_config(struct api_call *call)
{
    api_reply_json(call, 200, json_incref(engine_config(call->en)->json));
}

static bool
read_dry_run(struct api_call *call, bool *dry_run)
{
    const char *text = api_query(call, "dry_run");

    *dry_run = text && (!strcmp(text, "1") || !strcmp(text, "true"));
    if (text && !*dry_run && strcmp(text, "0") && strcmp(text, "false")) {
        api_reply_problem(call, 422, "dry_run: must be 1 or 0");
        return false;
    }
    return true;
}

static void
reply_done(struct api_call *call, bool applied,
           const struct config_errors *warnings)
{
    json_t *json = json_object();

    json_object_set_new(json, "valid", json_true());
    json_object_set_new(json, "applied", json_boolean(applied));
    json_object_set_new(json, "warnings", api_json_errors(warnings));
    api_reply_json(call, 200, json);
}

/* Applies 'config' (taken). */
static void
apply(struct api_call *call, struct config *config,
      const struct config_errors *warnings)
{
    char *reason = engine_apply(call->en, config, true);

    if (reason) {
        config_destroy(config);
        api_reply_refusal(call, reason);
    } else {
        reply_done(call, true, warnings);
    }
}

void
api_put_config(struct api_call *call)
{
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct config_errors warnings = { NULL, 0, 0, 0 };
    struct config *config;
    bool dry_run;

    if (!read_dry_run(call, &dry_run)) {
        return;
    }
    config = config_parse(call->request->body, call->request->body_len,
                          &errors, &warnings);
    if (!config) {
        api_reply_errors(call, &errors);
    } else if (dry_run) {
        config_destroy(config);
        reply_done(call, false, &warnings);
    } else {
        apply(call, config, &warnings);
    }
    config_errors_destroy(&warnings);
}
