/* Asking the daemon, by the transport of the command line (ctl_curl.c).
 *
 * Called by the commands.  Knows paths and answers only as text and JSON. */
#include <config.h>

#include "controller/ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <firsthop/buf.h>

#define MAX_REPLY (256u << 20)  /* Bytes: a million clients fit. */
#define MAX_LINE  (1u << 20)    /* Of a stream. */

/* More than 'max' bytes of what comes end the transfer. */
static size_t
append_up_to(struct fh_buf *buf, const char *data, size_t len, size_t max)
{
    if (len > max - buf->len) {
        return 0;
    }
    fh_buf_append(buf, data, len);
    return len;
}

static size_t
take_reply(struct ctl_transfer *transfer, const char *data, size_t len)
{
    return append_up_to(transfer->aux, data, len, MAX_REPLY);
}

int
ctl_try(const struct ctl *ctl, const char *method, const char *path,
        const char *body, struct ctl_reply *reply)
{
    struct fh_buf buf = { NULL, 0, 0 };
    struct ctl_transfer transfer = {
        .method = method, .path = path, .body = body,
        .take = take_reply, .aux = &buf,
    };

    memset(reply, 0, sizeof *reply);
    if (!ctl->transport(ctl, &transfer)) {
        fh_buf_destroy(&buf);
        reply->text = fh_xstrdup(transfer.why);
        return CTL_UNREACHABLE;
    }
    fh_buf_append(&buf, "", 1);
    reply->status = transfer.status;
    reply->text = (char *) buf.data;
    reply->json = json_loads(reply->text, 0, NULL);
    return reply->status < 300 ? CTL_DONE : CTL_REFUSED;
}

void
ctl_reply_destroy(struct ctl_reply *reply)
{
    json_decref(reply->json);
    free(reply->text);
    memset(reply, 0, sizeof *reply);
}

/* The problem of RFC 9457 that the daemon has answered with. */
static void
print_problem(const struct ctl *ctl, const struct ctl_reply *reply)
{
    json_t *errors = json_object_get(reply->json, "errors");
    const char *detail = ctl_string(reply->json, "detail");
    json_t *error;
    size_t i;

    if (json_array_size(errors) > 1) {
        json_array_foreach (errors, i, error) {
            ctl_error(ctl, "%s: %s", ctl_string(error, "pointer"),
                      ctl_string(error, "detail"));
        }
    } else if (*detail) {
        ctl_error(ctl, "%s", detail);
    } else {
        ctl_error(ctl, "the daemon answers with status %ld", reply->status);
    }
}

int
ctl_request(const struct ctl *ctl, const char *method, const char *path,
            const char *body, struct ctl_reply *reply)
{
    struct ctl_reply own;
    int status = ctl_try(ctl, method, path, body, &own);

    if (status == CTL_REFUSED) {
        print_problem(ctl, &own);
    } else if (status == CTL_UNREACHABLE) {
        ctl_error(ctl, "the daemon is not reachable: %s: %s", ctl->socket,
                  own.text);
    }
    if (status != CTL_DONE || !reply) {
        ctl_reply_destroy(&own);
    } else {
        *reply = own;
    }
    return status;
}

static int
ask(const struct ctl *ctl, const char *method, const char *path,
    const char *body, void (*show)(const struct ctl *, json_t *))
{
    struct ctl_reply reply;
    int status = ctl_request(ctl, method, path, body, &reply);

    if (status != CTL_DONE) {
        return status;
    }
    if (ctl->json) {
        fputs(reply.text, stdout);
    } else {
        show(ctl, reply.json);
    }
    ctl_reply_destroy(&reply);
    return CTL_DONE;
}

int
ctl_get(const struct ctl *ctl, const char *path,
        void (*show)(const struct ctl *, json_t *))
{
    return ask(ctl, "GET", path, NULL, show);
}

int
ctl_send_string(const struct ctl *ctl, const char *method, const char *path,
                const char *key, const char *value,
                void (*show)(const struct ctl *, json_t *))
{
    json_t *json = json_pack("{s:s*}", key, value);
    char *body = json ? json_dumps(json, JSON_COMPACT) : NULL;
    int status;

    if (!body) {
        ctl_error(ctl, "%s: is not UTF-8", value);
        return CTL_USAGE;
    }
    status = ask(ctl, method, path, body, show);
    free(body);
    json_decref(json);
    return status;
}

char *
ctl_path(const struct ctl *ctl, const char *prefix, const char *name,
         const char *rest)
{
    char *escaped = curl_easy_escape(NULL, name, 0);
    char *segment = ctl->segment ? curl_easy_escape(NULL, ctl->segment, 0)
                                 : NULL;
    char *path = fh_xasprintf("%s%s%s%s%s", prefix, escaped, rest,
                              segment ? "?segment=" : "",
                              segment ? segment : "");

    curl_free(escaped);
    curl_free(segment);
    return path;
}

char *
ctl_add_query(char *path, const char *key, const char *value)
{
    char *escaped, *longer;

    if (!value) {
        return path;
    }
    escaped = curl_easy_escape(NULL, value, 0);
    longer = fh_xasprintf("%s%c%s=%s", path, strchr(path, '?') ? '&' : '?',
                          key, escaped);
    curl_free(escaped);
    free(path);
    return longer;
}

char *
ctl_router_path(const struct ctl *ctl)
{
    const struct ctl any = { .segment = NULL };
    const char *name = ctl_arg(ctl, 0);

    if (!*name || strchr(name, '/')) {
        ctl_error(ctl, "\"%s\" is not the name of a router", name);
        return NULL;
    }
    return ctl_path(&any, "/v1/routers/", name, "");
}

/* A stream of events being read. */
struct stream {
    const struct ctl *ctl;
    struct fh_buf line;         /* Of an event, as far as it is here. */
    struct fh_buf other;        /* An answer that is no stream. */
    char *last_id;
    size_t last_id_size;
    void (*event)(const char *data, void *aux);
    void *aux;
    bool begun;
};

static void
stream_line(struct stream *stream, char *line)
{
    if (!strncmp(line, "id: ", 4)) {
        snprintf(stream->last_id, stream->last_id_size, "%s", line + 4);
    } else if (!strncmp(line, "data: ", 6)) {
        stream->event(line + 6, stream->aux);
    } else if (!strncmp(line, ": events ", 9) && strstr(line, " to ")) {
        ctl_error(stream->ctl, "%s", line + 2);
    }
}

static size_t
take_events(struct ctl_transfer *transfer, const char *data, size_t len)
{
    struct stream *stream = transfer->aux;

    if (transfer->status != 200) {
        return append_up_to(&stream->other, data, len, MAX_LINE);
    }
    stream->begun = true;
    for (size_t i = 0; i < len; i++) {
        char c = data[i] == '\n' ? '\0' : data[i];

        if (!append_up_to(&stream->line, &c, 1, MAX_LINE)) {
            return 0;
        }
        if (!c) {
            stream_line(stream, (char *) stream->line.data);
            fh_buf_clear(&stream->line);
        }
    }
    fflush(stdout);
    return len;
}

static void
report_refused_stream(struct stream *stream, long status)
{
    struct ctl_reply reply = { .status = status };

    fh_buf_append(&stream->other, "", 1);
    reply.json = json_loads((char *) stream->other.data, 0, NULL);
    print_problem(stream->ctl, &reply);
    json_decref(reply.json);
}

int
ctl_stream(const struct ctl *ctl, const char *path, char *last_id,
           size_t last_id_size, void (*event)(const char *data, void *aux),
           void *aux)
{
    struct stream stream = {
        .ctl = ctl, .last_id = last_id, .last_id_size = last_id_size,
        .event = event, .aux = aux,
    };
    struct ctl_transfer transfer = {
        .method = "GET", .path = path, .is_stream = true,
        .last_id = *last_id ? last_id : NULL,
        .take = take_events, .aux = &stream,
    };

    ctl->transport(ctl, &transfer);
    if (!stream.begun && transfer.status >= 300) {
        report_refused_stream(&stream, transfer.status);
    }
    fh_buf_destroy(&stream.line);
    fh_buf_destroy(&stream.other);
    return (stream.begun ? CTL_DONE
            : transfer.status >= 300 ? CTL_REFUSED : CTL_UNREACHABLE);
}
