/* firsthopctl config check, show, apply, diff, versions, rollback.
 *
 * Called by ctl.c.  'check' uses the daemon's own reader and needs no
 * daemon. */
#include <config.h>

#include "controller/ctl/ctl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <firsthop/buf.h>

#include "controller/config/config.h"
#include "controller/ctl/ctl_table.h"

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

/* A value of a change, as JSON in a line, not endless. */
static void
print_value(json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

    printf("%.200s%s", text, strlen(text) > 200 ? "..." : "");
    free(text);
}

static void
print_change(json_t *change)
{
    const char *op = ctl_string(change, "op");
    json_t *from = json_object_get(change, "from");
    json_t *value = json_object_get(change, "value");
    const char *path = ctl_string(change, "path");

    printf("%c %s: ", *op == 'a' ? '+' : from && value ? '~' : '-',
           *path ? path : "/");
    if (from) {
        print_value(from);
    }
    if (from && value) {
        printf(" -> ");
    }
    if (value) {
        print_value(value);
    }
    putchar('\n');
}

/* What an answer says that a configuration would change, or has. */
static void
print_changes(json_t *json)
{
    json_t *changes = json_object_get(json, "changes");
    int64_t n = ctl_integer(json, "n_changes");
    json_t *change;
    size_t i;

    json_array_foreach (changes, i, change) {
        print_change(change);
    }
    if (n > (int64_t) json_array_size(changes)) {
        printf("and %" PRId64 " more\n",
               n - (int64_t) json_array_size(changes));
    } else if (!n) {
        puts("no difference");
    }
}

/* Sends 'text' (NULL: none), which 'name' is about, and prints what is wrong
 * with it or gives the answer to 'show'. */
static int
send_config(const struct ctl *ctl, const char *method, const char *path,
            const char *name, const char *text, void (*show)(json_t *))
{
    struct ctl_reply reply;
    int status = ctl_try(ctl, method, path, text, &reply);
    json_t *errors = json_object_get(reply.json, "errors");

    if (status == CTL_UNREACHABLE) {
        ctl_error(ctl, "the daemon is not reachable: %s: %s", ctl->socket,
                  reply.text);
    } else if (status == CTL_REFUSED && errors) {
        print_answer(name, errors, "");
    } else if (status == CTL_REFUSED) {
        ctl_error(ctl, "%s: %s", name, ctl_string(reply.json, "detail"));
    } else if (ctl->json) {
        fputs(reply.text, stdout);
    } else {
        print_answer(name, json_object_get(reply.json, "warnings"),
                     "warning: ");
        show(reply.json);
    }
    ctl_reply_destroy(&reply);
    return status;
}

static void
show_applied(json_t *json)
{
    puts(ctl_is_true(json, "applied") ? "applied"
         : "valid; nothing was changed");
}

static int
apply(const struct ctl *ctl, const char *path)
{
    char *text = read_file(ctl, path);
    int status;

    if (!text) {
        return CTL_USAGE;
    }
    status = send_config(ctl, "PUT", ctl->dry_run ? "/v1/config?dry_run=1"
                         : "/v1/config", path, text, show_applied);
    free(text);
    return status;
}

/* diff, versions, rollback */

/* The text of what is to be compared, a file or a version's number; new, or
 * NULL after a message and '*status'. */
static char *
read_other(const struct ctl *ctl, const char *what, int *status)
{
    struct ctl_reply reply;
    char *path, *text;

    *status = CTL_USAGE;
    if (!*what || what[strspn(what, "0123456789")]) {
        return read_file(ctl, what);
    }
    path = fh_xasprintf("/v1/config/versions/%s", what);
    *status = ctl_request(ctl, "GET", path, NULL, &reply);
    free(path);
    text = *status == CTL_DONE ? reply.text : NULL;
    if (text) {
        json_decref(reply.json);
    }
    return text;
}

static int
diff(const struct ctl *ctl, const char *what)
{
    int status;
    char *text = read_other(ctl, what, &status);

    if (text) {
        status = send_config(ctl, "PUT", "/v1/config?dry_run=1", what, text,
                             print_changes);
    }
    free(text);
    return status;
}

static void
show_rollback(json_t *json)
{
    print_changes(json);
    show_applied(json);
}

static int
rollback(const struct ctl *ctl, const char *version)
{
    char *path = ctl_add_query(fh_xstrdup("/v1/config/rollback"), "version",
                               version);
    int status;

    path = ctl_add_query(path, "dry_run", ctl->dry_run ? "1" : NULL);
    status = send_config(ctl, "POST", path, "rollback", NULL,
                         show_rollback);
    free(path);
    return status;
}

static void
show_versions(const struct ctl *ctl, json_t *json)
{
    struct ctl_table *table = ctl_table_create("VERSION> SINCE IN-FORCE");
    json_t *version;
    size_t i;

    json_array_foreach (json_object_get(json, "versions"), i, version) {
        ctl_add_number(table, version, "version");
        ctl_table_add(table, ctl_string(version, "since"));
        ctl_table_add(table, ctl_is_true(version, "in_force") ? "yes" : "no");
    }
    ctl_table_print(table, stdout, "\n");
}

#define USAGE \
    "usage: firsthopctl config check FILE | show | apply FILE | " \
    "diff FILE|VERSION | versions | rollback [VERSION]"

int
ctl_config(const struct ctl *ctl)
{
    const char *verb = ctl_arg(ctl, 0);
    const char *arg = ctl_arg(ctl, 1);

    if (!strcmp(verb, "show") && !arg) {
        return ctl_get(ctl, "/v1/config", show_config);
    }
    if (!strcmp(verb, "check") && arg) {
        return check(ctl, arg);
    }
    if (!strcmp(verb, "apply") && arg) {
        return apply(ctl, arg);
    }
    if (!strcmp(verb, "diff") && arg) {
        return diff(ctl, arg);
    }
    if (!strcmp(verb, "versions") && !arg) {
        return ctl_get(ctl, "/v1/config/versions", show_versions);
    }
    if (!strcmp(verb, "rollback")) {
        return rollback(ctl, arg);
    }
    ctl_error(ctl, USAGE);
    return CTL_USAGE;
}
