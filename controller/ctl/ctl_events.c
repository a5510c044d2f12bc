/* firsthopctl events, history: what has happened, or happens, a line each.
 *
 * Called by ctl.c; ctl_top.c uses the lines too. */
#include <config.h>

#include "controller/ctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <firsthop/buf.h>

#include "controller/ctl/ctl_table.h"

/* Appends the formatted text to 'line'. */
static void put(struct fh_buf *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
put(struct fh_buf *line, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0) {
        abort();                /* No memory. */
    }
    va_end(args);
    fh_buf_append(line, text, strlen(text));
    free(text);
}

static void
put_names(struct fh_buf *line, json_t *event)
{
    static const char *const keys[] = { "segment", "client", "from", "to",
                                        "cause" };

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *value = ctl_string(event, keys[i]);

        if (*value) {
            put(line, " %s=%s", keys[i], value);
        }
    }
}

char *
ctl_event_line(json_t *event)
{
    static const char *const keys[] = { "detect_ms", "install_ms",
                                        "ack_ms" };
    struct fh_buf line = { NULL, 0, 0 };
    const char *detail = ctl_string(event, "detail");

    put(&line, "%s %s", ctl_or_dash(event, "time"),
        ctl_or_dash(event, "type"));
    put_names(&line, event);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (json_is_integer(json_object_get(event, keys[i]))) {
            put(&line, " %.*s=%" PRId64 "ms", (int) strlen(keys[i]) - 3,
                keys[i], ctl_integer(event, keys[i]));
        }
    }
    if (*detail) {
        put(&line, " (%s)", detail);
    }
    fh_buf_append(&line, "", 1);
    return (char *) line.data;
}

static void
show_events(const struct ctl *ctl, json_t *json)
{
    json_t *event;
    size_t i;

    json_array_foreach (json_object_get(json, "events"), i, event) {
        char *line = ctl_event_line(event);

        puts(line);
        free(line);
    }
}

/* One event of the stream. */
static void
print_event(const char *data, void *ctl_)
{
    const struct ctl *ctl = ctl_;
    json_t *event = ctl->json ? NULL : json_loads(data, 0, NULL);
    char *line = event ? ctl_event_line(event) : NULL;

    puts(line ? line : data);
    free(line);
    json_decref(event);
}

/* Follows for ever, over restarts of the daemon too. */
static int
follow(const struct ctl *ctl, const char *path)
{
    char last_id[32] = "";
    bool told = false;
    bool begun = false;

    for (;;) {
        int status = ctl_stream(ctl, path, last_id, sizeof last_id,
                                print_event, (void *) ctl);

        if (status == CTL_REFUSED) {
            return status;
        }
        if (status == CTL_UNREACHABLE && !begun) {
            ctl_error(ctl, "the daemon is not reachable: %s", ctl->socket);
            return status;
        }
        begun = true;
        if (status == CTL_DONE) {
            told = false;
        }
        if (!told) {
            ctl_error(ctl, "the daemon has gone, waiting for it");
            told = true;
        }
        fflush(stdout);
        if (ferror(stdout)) {
            return CTL_REFUSED;
        }
        sleep(1);
    }
}

/* "90s", "5m", "1h" or "2d" in seconds, -1: it is no age. */
static int64_t
parse_age(const char *text)
{
    static const struct {
        char unit;
        int seconds;
    } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
    size_t n = strspn(text, "0123456789");

    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (n && n < 8 && text[n] == units[i].unit && !text[n + 1]) {
            return strtoll(text, NULL, 10) * units[i].seconds;
        }
    }
    return -1;
}

/* Appends what --since says, a number or an age, to 'path' (taken).  Returns
 * new. */
static char *
add_since(char *path, const char *since)
{
    int64_t age_s = since ? parse_age(since) : -1;
    char text[24];

    if (age_s < 0) {
        return ctl_add_query(path, "since", since);
    }
    snprintf(text, sizeof text, "%" PRId64, age_s);
    /* A stream would begin with what comes next. */
    path = ctl_add_query(path, "since", "0");
    return ctl_add_query(path, "max_age_s", text);
}

int
ctl_events(const struct ctl *ctl)
{
    char *path = add_since(fh_xstrdup("/v1/events"), ctl->since);
    int status;

    path = ctl_add_query(path, "client", ctl->client);
    path = ctl_add_query(path, "segment", ctl->segment);
    path = ctl_add_query(path, "router", ctl->router);
    path = ctl_add_query(path, "type", ctl->type);
    path = ctl_add_query(path, "cause", ctl->cause);
    status = ctl->follow ? follow(ctl, path)
                         : ctl_get(ctl, path, show_events);
    free(path);
    return status;
}

/* history */

/* What an event of a client means, for a person. */
static void
add_story(struct ctl_table *table, json_t *event)
{
    const char *type = ctl_string(event, "type");
    const char *from = ctl_string(event, "from");

    ctl_table_add(table, ctl_or_dash(event, "time"));
    ctl_table_add(table, strchr(type, '.') ? strchr(type, '.') + 1 : type);
    if (*from && *ctl_string(event, "to")) {
        ctl_table_addf(table, "%s -> %s", from, ctl_string(event, "to"));
    } else {
        ctl_table_add(table, *from ? from : ctl_or_dash(event, "to"));
    }
    ctl_table_add(table, ctl_or_dash(event, "cause"));
    ctl_add_number(table, event, "detect_ms");
    ctl_add_number(table, event, "install_ms");
    ctl_add_number(table, event, "ack_ms");
    ctl_table_add(table, ctl_or_dash(event, "segment"));
    ctl_table_add(table, ctl_or_dash(event, "detail"));
}

static void
show_history(const struct ctl *ctl, json_t *json)
{
    struct ctl_table *table = ctl_table_create(
        "TIME WHAT ROUTER CAUSE DETECT-MS> INSTALL-MS> ACK-MS> SEGMENT "
        "DETAIL");
    json_t *event;
    size_t i;

    json_array_foreach (json_object_get(json, "events"), i, event) {
        add_story(table, event);
    }
    ctl_table_print(table, stdout, "\n");
}

int
ctl_history(const struct ctl *ctl)
{
    char *path = add_since(fh_xstrdup("/v1/events"), ctl->since);
    int status;

    path = ctl_add_query(path, "client", ctl_arg(ctl, 0));
    path = ctl_add_query(path, "segment", ctl->segment);
    status = ctl_get(ctl, path, show_history);
    free(path);
    return status;
}
