/* Several controllers: who leads, and what is passed on to that one.
 *
 * Called by api.c.  A request is passed on as a text of HTTP/1.0, whole, and
 * so comes its answer, which has no chunks then; the one that leads never
 * passes it on in its turn. */
#include <config.h>

#include "controller/api/api_internal.h"

#include <stdlib.h>
#include <string.h>

#include <firsthop/buf.h>

#define PASSED "Firsthop-Passed"        /* By whom, for whoever reads it. */

/* What a follower knows as well as the leader, or of itself. */
static const char *const own_paths[] = {
    "/", "/metrics", "/page.css", "/page.js", "/page.svg", "/v1/cluster",
    "/v1/config", "/v1/events", "/v1/openapi.json", "/v1/status",
};

static const char *const fields[] = {
    "Accept", "Content-Type", "If-Match", "If-None-Match",
};

static bool
is_own(const struct api_call *call)
{
    const struct http_head *head = call->request->head;

    for (size_t i = 0; i < sizeof own_paths / sizeof *own_paths; i++) {
        if (!strcmp(head->path, own_paths[i])) {
            return !strcmp(call->route->method, "GET");
        }
    }
    return false;
}

/* As in a path or a query. */
static void
put_encoded(struct fh_buf *out, const char *s)
{
    for (; *s; s++) {
        char code[4];
        bool plain = ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z')
                      || (*s >= '0' && *s <= '9') || strchr("/-._~", *s));

        snprintf(code, sizeof code, plain ? "%c" : "%%%02x",
                 (unsigned char) *s);
        fh_buf_append(out, code, strlen(code));
    }
}

static void
put_text(struct fh_buf *out, const char *s)
{
    fh_buf_append(out, s, strlen(s));
}

static void
put_request(struct api_call *call, struct fh_buf *out)
{
    const struct http_request *request = call->request;
    const struct http_head *head = request->head;
    char length[64];

    put_text(out, call->route->method);         /* GET for a HEAD. */
    put_text(out, " ");
    put_encoded(out, head->path);
    for (size_t i = 0; i < head->n_queries; i++) {
        put_text(out, i ? "&" : "?");
        put_encoded(out, head->queries[i].name);
        put_text(out, "=");
        put_encoded(out, head->queries[i].value);
    }
    put_text(out, " HTTP/1.0\r\nHost: localhost\r\n" PASSED ": 1\r\n");
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const char *value = http_head_field(head, fields[i]);

        if (value) {
            put_text(out, fields[i]);
            put_text(out, ": ");
            put_text(out, value);
            put_text(out, "\r\n");
        }
    }
    snprintf(length, sizeof length, "Content-Length: %zu\r\n\r\n",
             request->body_len);
    put_text(out, length);
    fh_buf_append(out, request->body, request->body_len);
}

/* A header field's value in the head of an answer ('len' bytes), new, or
 * NULL. */
static char *
answer_field(const char *head, size_t len, const char *name)
{
    size_t n = strlen(name);
    const char *line = head, *end = head + len;

    while (line < end) {
        const char *eol = memchr(line, '\r', (size_t) (end - line));

        if (!eol) {
            return NULL;
        }
        if ((size_t) (eol - line) > n + 2 && line[n] == ':'
            && !strncasecmp(line, name, n)) {
            return fh_xasprintf("%.*s", (int) (eol - line - (int) n - 2),
                                line + n + 2);
        }
        line = eol + 2;
    }
    return NULL;
}

/* "HTTP/1.1 200 ": 200, or 0 where that is no status. */
static int
answer_status(const char *text, size_t len)
{
    int status = len > 13 && !memcmp(text, "HTTP/1.1 ", 9) ? atoi(text + 9)
                 : 0;

    return status >= 200 && status <= 599 ? status : 0;
}

static void
reply_from(struct api_call *call, const char *text, size_t len)
{
    const char *end = memmem(text, len, "\r\n\r\n", 4);
    int status = end ? answer_status(text, len) : 0;
    size_t n_head = end ? (size_t) (end - text) + 2 : 0;
    char *type, *etag, *more;

    if (!status) {
        api_reply_problem(call, 502, "the controller that leads has answered "
                          "what is no answer");
        return;
    }
    type = answer_field(text, n_head, "Content-Type");
    etag = answer_field(text, n_head, "ETag");
    more = etag ? fh_xasprintf("ETag: %s\r\n", etag) : NULL;
    http_reply(call->request->conn, status, type, more, end + 4,
               len - n_head - 2);
    free(type);
    free(etag);
    free(more);
}

/* As far as we know it. */
static void
answer_ourselves(struct api_call *call)
{
    const struct api_host *host = &call->api->host;

    call->passed = true;
    host->catch_up(host->aux);
}

static void
answered(void *call_, const uint8_t *text, size_t len)
{
    struct api_call *call = call_;
    bool change = strcmp(call->route->method, "GET");

    if (text) {
        reply_from(call, (const char *) text, len);
    } else if (change) {
        api_reply_problem(call, 503, "the controller that leads has gone "
                          "before it answered: the change may have been made, "
                          "or not");
    } else {
        answer_ourselves(call);
        call->resume(call);
        return;
    }
    call->passed = true;
    call->answered = true;
    call->resume(call);
}

bool
api_pass(struct api_call *call)
{
    const struct api_host *host = &call->api->host;
    const struct fh_cluster_status *status = (host->cluster
                                              ? host->cluster(host->aux)
                                              : NULL);
    bool change = strcmp(call->route->method, "GET");
    bool leads = !status || status->leads;
    struct fh_buf text = { NULL, 0, 0 };
    bool passed;

    if (leads || call->passed || is_own(call)) {
        return false;
    }
    if (http_head_field(call->request->head, PASSED)) {
        api_reply_problem(call, 503, "this controller does not lead any more");
        call->answered = true;
        return true;
    }
    put_request(call, &text);
    passed = host->pass(host->aux, text.data, text.len, answered, call);
    fh_buf_destroy(&text);
    call->pending = passed;
    if (!passed && !change) {
        answer_ourselves(call);
    } else if (!passed) {
        api_reply_problem(call, 503, *status->leader
                          ? "the controller that leads is not connected"
                          : "no controller leads at present");
        call->answered = true;
    }
    return passed || change;
}

static json_t *
peer_json(const struct fh_cluster_status *s, const struct fh_cluster_peer *p)
{
    json_t *json = json_pack("{s:s, s:s, s:s, s:b, s:b, s:I}", "name", p->name,
                             "address", p->address, "role",
                             *p->name && !strcmp(p->name, s->leader)
                             ? "leader" : "follower",
                             "connected", p->connected,
                             "database", p->connected && p->database,
                             "bridges", (json_int_t) (p->connected
                                                      ? p->n_bridges : 0));

    if (p->problem) {
        json_object_set_new(json, "problem", json_string(p->problem));
    }
    return json;
}

void
api_get_cluster(struct api_call *call)
{
    const struct api_host *host = &call->api->host;
    const struct fh_cluster_status *s = (host->cluster
                                         ? host->cluster(host->aux) : NULL);
    json_t *peers;

    if (!s) {
        api_reply_problem(call, 404, "this controller is alone");
        return;
    }
    peers = json_array();
    for (size_t i = 0; i < s->n_peers; i++) {
        json_array_append_new(peers, peer_json(s, &s->peers[i]));
    }
    api_reply_json(call, 200, json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:{s:s?, s:b, s:b}, s:o}", "name", s->name,
        "address", s->address, "role", s->leads ? "leader" : "follower",
        "leader", s->leader, "epoch", (json_int_t) s->epoch, "database",
        "server", s->database_server, "connected", s->database, "leads",
        s->database && s->database_leads, "peers", peers));
}

void
api_post_cluster_transfer(struct api_call *call)
{
    const struct api_host *host = &call->api->host;
    char *name = api_read_body_string(call, "name");
    const char *why;

    if (!name) {
        return;
    }
    if (!host->cluster || !host->cluster(host->aux)) {
        api_reply_problem(call, 409, "this controller is alone");
    } else if ((why = host->transfer(host->aux, name))) {
        api_reply_problem(call, 409, "%s", why);
    } else {
        api_reply_json(call, 202, json_pack("{s:s}", "to", name));
    }
    free(name);
}
