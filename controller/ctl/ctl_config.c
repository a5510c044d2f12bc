/* firsthopctl config check, show, apply.
 *
 * Called by ctl.c.  'check' uses the daemon's own reader and needs no
 * daemon. */
#include <config.h>

#include "controller/ctl/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <firsthop/buf.h>

#include "controller/config/config.h"

/* As `firsthopd --check` says it. */
static void
print_errors(const char *path, const struct config_errors *errors,
             const char *kind)
{
    for (size_t i = 0; i < errors->n; i++) {
        const struct config_error *e = &errors->items[i];

        fprintf(stderr, "%s: %s: %s%s\n", path,
                *e->pointer ? e->pointer : "/", kind, e->text);
    }
    if (errors->n_dropped) {
        fprintf(stderr, "%s: and %zu more\n", path, errors->n_dropped);
    }
}

static int
check(const struct ctl *ctl, const char *path)
{
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct config_errors warnings = { NULL, 0, 0, 0 };
    struct config *config = config_load_file(path, &errors, &warnings);
    int status = config ? CTL_DONE : CTL_REFUSED;

    print_errors(path, &warnings, "warning: ");
    print_errors(path, &errors, "");
    config_errors_destroy(&errors);
    config_errors_destroy(&warnings);
    config_destroy(config);
    return status;
}

static void
show_config(const struct ctl *ctl, json_t *config)
{
    json_dumpf(config, stdout, JSON_INDENT(2));
    putchar('\n');
}

/* Returns the file's text, new, or NULL after a message. */
static char *
read_file(const struct ctl *ctl, const char *path)
{
    FILE *stream = strcmp(path, "-") ? fopen(path, "re") : stdin;
    struct fh_buf text = { NULL, 0, 0 };
    char data[65536];
    size_t n;

    if (!stream) {
        ctl_error(ctl, "%s: %s", path, strerror(errno));
        return NULL;
    }
    while (text.len <= CONFIG_MAX_BYTES
           && (n = fread(data, 1, sizeof data, stream)) > 0) {
        fh_buf_append(&text, data, n);
    }
    if (ferror(stream) || memchr(text.len ? text.data : (uint8_t *) "", 0,
                                 text.len)) {
        ctl_error(ctl, "%s: %s", path, ferror(stream) ? strerror(errno)
                                                      : "is no text");
        fh_buf_destroy(&text);
    } else {
        fh_buf_append(&text, "", 1);
    }
    if (stream != stdin) {
        fclose(stream);
    }
    return (char *) text.data;
}

/* [{"pointer", "detail"}] of an answer, as 'check' would have said it. */
static void
print_answer(const char *path, json_t *list, const char *kind)
{
    json_t *item;
    size_t i;

    json_array_foreach (list, i, item) {
        const char *pointer = ctl_string(item, "pointer");

        fprintf(stderr, "%s: %s: %s%s\n", path, *pointer ? pointer : "/",
                kind, ctl_string(item, "detail"));
    }
}

static int
apply(const struct ctl *ctl, const char *path)
{
    char *text = read_file(ctl, path);
    struct ctl_reply reply;
    json_t *errors;
    int status;

    if (!text) {
        return CTL_USAGE;
    }
    status = ctl_try(ctl, "PUT", ctl->dry_run ? "/v1/config?dry_run=1"
                                              : "/v1/config", text, &reply);
    errors = json_object_get(reply.json, "errors");
    if (status == CTL_UNREACHABLE) {
        ctl_error(ctl, "the daemon is not reachable: %s: %s", ctl->socket,
                  reply.text);
    } else if (status == CTL_REFUSED && errors) {
        print_answer(path, errors, "");
    } else if (status == CTL_REFUSED) {
        ctl_error(ctl, "%s: %s", path, ctl_string(reply.json, "detail"));
    } else if (ctl->json) {
        fputs(reply.text, stdout);
    } else {
        print_answer(path, json_object_get(reply.json, "warnings"),
                     "warning: ");
        puts(ctl->dry_run ? "valid; nothing was changed" : "applied");
    }
    ctl_reply_destroy(&reply);
    free(text);
    return status;
}

int
ctl_config(const struct ctl *ctl)
{
    const char *verb = ctl_arg(ctl, 0);
    const char *file = ctl_arg(ctl, 1);

    if (!strcmp(verb, "show") && !file) {
        return ctl_get(ctl, "/v1/config", show_config);
    }
    if (!strcmp(verb, "check") && file) {
        return check(ctl, file);
    }
    if (!strcmp(verb, "apply") && file) {
        return apply(ctl, file);
    }
    ctl_error(ctl, "usage: firsthopctl config check FILE | show | apply "
              "FILE");
    return CTL_USAGE;
}
