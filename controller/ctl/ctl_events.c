/* firsthopctl events: what has happened, or happens, a line each.
 *
 * Called by ctl.c; ctl_top.c uses the lines too. */
#include <config.h>

#include "controller/ctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>
#include <firsthop/buf.h>

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

int
ctl_events(const struct ctl *ctl)
{
    char *since = ctl->since ? curl_easy_escape(NULL, ctl->since, 0) : NULL;
    char *path = fh_xasprintf("/v1/events%s%s", since ? "?since=" : "",
                              since ? since : "");
    int status = ctl->follow ? follow(ctl, path)
                             : ctl_get(ctl, path, show_events);

    curl_free(since);
    free(path);
    return status;
}
