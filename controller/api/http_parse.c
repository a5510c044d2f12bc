/* HTTP/1.1 as bytes.  See http_parse.h.
 *
 * Called by http.c for what a peer has sent.  Never does I/O. */
#include <config.h>

#include "controller/api/http_parse.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define STATUS_BAD            400
#define STATUS_TOO_LARGE      413
#define STATUS_FIELDS         431
#define STATUS_NOT_IMPLEMENTED 501
#define STATUS_VERSION        505

static int
refuse(const char **why, int status, const char *text)
{
    *why = text;
    return status;
}

/* RFC 9110, 5.6.2. */
static bool
is_token(const char *s)
{
    if (!*s) {
        return false;
    }
    for (; *s; s++) {
        if (!isalnum((unsigned char) *s) && !strchr("!#$%&'*+-.^_`|~", *s)) {
            return false;
        }
    }
    return true;
}

static int
hex_value(char c)
{
    return (c >= '0' && c <= '9' ? c - '0'
            : c >= 'a' && c <= 'f' ? c - 'a' + 10
            : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1);
}

/* Decodes percent escapes in place, and '+' as a space if 'plus'.  Returns
 * false for a bad escape or an encoded null. */
static bool
decode(char *s, bool plus)
{
    char *out = s;

    for (; *s; s++) {
        if (*s == '%') {
            int high = hex_value(s[1]);
            int low = high < 0 ? -1 : hex_value(s[2]);

            if (low < 0 || !(high | low)) {
                return false;
            }
            *out++ = high << 4 | low;
            s += 2;
        } else {
            *out++ = plus && *s == '+' ? ' ' : *s;
        }
    }
    *out = '\0';
    return true;
}

static int
parse_query(struct http_head *head, char *query, const char **why)
{
    for (char *item; (item = strsep(&query, "&")) != NULL;) {
        char *value = strchr(item, '=');

        if (!*item) {
            continue;
        }
        if (value) {
            *value++ = '\0';
        } else {
            value = item + strlen(item);
        }
        if (!decode(item, true) || !decode(value, true)) {
            return refuse(why, STATUS_BAD, "bad escape in the query");
        }
        if (http_head_query(head, item)) {
            return refuse(why, STATUS_BAD, "a query parameter occurs twice");
        }
        if (head->n_queries == HTTP_MAX_QUERIES) {
            return refuse(why, STATUS_BAD, "too many query parameters");
        }
        head->queries[head->n_queries++] = (struct http_pair) { item, value };
    }
    return 0;
}

/* "/path?query", or "http://host/path?query" as a proxy sends it. */
static int
parse_target(struct http_head *head, char *target, const char **why)
{
    char *query;

    if (!strncasecmp(target, "http://", 7)) {
        target = strchr(target + 7, '/');
        if (!target) {
            return refuse(why, STATUS_BAD, "the request target has no path");
        }
    }
    if (*target != '/' || strchr(target, '#')) {
        return refuse(why, STATUS_BAD, "bad request target");
    }
    query = strchr(target, '?');
    if (query) {
        *query++ = '\0';
    }
    if (!decode(target, false)) {
        return refuse(why, STATUS_BAD, "bad escape in the path");
    }
    head->path = target;
    return query ? parse_query(head, query, why) : 0;
}

static int
parse_request_line(struct http_head *head, char *line, const char **why)
{
    char *method = strsep(&line, " ");
    char *target = strsep(&line, " ");

    if (!target || !line || !is_token(method)) {
        return refuse(why, STATUS_BAD, "bad request line");
    }
    if (strncmp(line, "HTTP/", 5) || !isdigit((unsigned char) line[5])
        || line[6] != '.' || !isdigit((unsigned char) line[7]) || line[8]) {
        return refuse(why, STATUS_BAD, "bad request line");
    }
    if (line[5] != '1') {
        return refuse(why, STATUS_VERSION, "only HTTP/1.1 is spoken here");
    }
    head->minor = line[7] != '0';
    head->keep_alive = head->minor > 0;
    head->method = method;
    return parse_target(head, target, why);
}

/* True if the comma-separated 'list' has 'item', in any case. */
static bool
list_has(const char *list, const char *item)
{
    size_t len = strlen(item);

    while (*list) {
        list += strspn(list, ", \t");
        if (!strncasecmp(list, item, len)
            && (!list[len] || strchr(", \t;", list[len]))) {
            return true;
        }
        list += strcspn(list, ",");
    }
    return false;
}

static int
parse_content_length(struct http_head *head, const char *value,
                     const char **why)
{
    size_t n = strspn(value, "0123456789");

    if (!n || value[n]) {
        return refuse(why, STATUS_BAD, "bad Content-Length");
    }
    if (n > 15) {
        return refuse(why, STATUS_TOO_LARGE, "the body is too large");
    }
    head->content_length = strtoull(value, NULL, 10);
    return 0;
}

static bool
field_is_single(const char *name)
{
    static const char *const names[] = {
        "Authorization", "Content-Length", "Host", "Last-Event-ID",
        "Transfer-Encoding",
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!strcasecmp(name, names[i])) {
            return true;
        }
    }
    return false;
}

static int
parse_field(struct http_head *head, char *line, const char **why)
{
    char *value = strchr(line, ':');

    if (!value) {
        return refuse(why, STATUS_BAD, "bad header field");
    }
    *value++ = '\0';
    if (!is_token(line)) {      /* Space before the colon, folding: 5.1, 5.2 */
        return refuse(why, STATUS_BAD, "bad header field");
    }
    value += strspn(value, " \t");
    for (size_t n = strlen(value);
         n && (value[n - 1] == ' ' || value[n - 1] == '\t'); n--) {
        value[n - 1] = '\0';
    }
    if (field_is_single(line) && http_head_field(head, line)) {
        return refuse(why, STATUS_BAD, "a header field occurs twice");
    }
    if (head->n_fields == HTTP_MAX_FIELDS) {
        return refuse(why, STATUS_FIELDS, "too many header fields");
    }
    head->fields[head->n_fields++] = (struct http_pair) { line, value };
    return 0;
}

/* What the fields say about the body and the connection.  RFC 9112, 6.3. */
static int
interpret_fields(struct http_head *head, const char **why)
{
    const char *connection = http_head_field(head, "Connection");
    const char *encoding = http_head_field(head, "Transfer-Encoding");
    const char *expect = http_head_field(head, "Expect");
    const char *length = http_head_field(head, "Content-Length");

    if (head->minor && !http_head_field(head, "Host")) {
        return refuse(why, STATUS_BAD, "no Host");
    }
    if (encoding) {
        if (length || !head->minor) {
            return refuse(why, STATUS_BAD, "the body's length is ambiguous");
        }
        if (strcasecmp(encoding, "chunked")) {
            return refuse(why, STATUS_NOT_IMPLEMENTED,
                          "unknown Transfer-Encoding");
        }
        head->chunked = true;
    }
    if (connection) {
        head->keep_alive = (!list_has(connection, "close")
                            && (head->minor
                                || list_has(connection, "keep-alive")));
    }
    head->expects_continue = (head->minor && expect
                              && !strcasecmp(expect, "100-continue"));
    return length ? parse_content_length(head, length, why) : 0;
}

/* Cuts the next line, ended by CRLF, off '*pos'.  Returns NULL where a line
 * has a stray CR, LF or null.  RFC 9112, 2.2. */
static char *
next_line(char **pos, const char *end)
{
    char *line = *pos;
    char *cr = memchr(line, '\r', end - line);

    if (!cr || cr + 1 >= end || cr[1] != '\n') {
        return NULL;
    }
    *cr = '\0';
    *pos = cr + 2;
    return strlen(line) == cr - line && !strchr(line, '\n') ? line : NULL;
}

int
http_head_parse(struct http_head *head, const char *data, size_t len,
                const char **why)
{
    char *pos, *line;
    int status;

    memset(head, 0, sizeof *head);
    head->text = pos = fh_xmalloc(len + 1);
    memcpy(pos, data, len);
    pos[len] = '\0';

    line = next_line(&pos, head->text + len);
    if (!line) {
        return refuse(why, STATUS_BAD, "bad request line");
    }
    status = parse_request_line(head, line, why);
    while (!status) {
        line = next_line(&pos, head->text + len);
        if (!line) {
            return refuse(why, STATUS_BAD, "bad header field");
        }
        if (!*line) {
            return interpret_fields(head, why);
        }
        status = parse_field(head, line, why);
    }
    return status;
}

void
http_head_destroy(struct http_head *head)
{
    free(head->text);
    memset(head, 0, sizeof *head);
}

const char *
http_head_field(const struct http_head *head, const char *name)
{
    for (size_t i = 0; i < head->n_fields; i++) {
        if (!strcasecmp(head->fields[i].name, name)) {
            return head->fields[i].value;
        }
    }
    return NULL;
}

const char *
http_head_query(const struct http_head *head, const char *name)
{
    for (size_t i = 0; i < head->n_queries; i++) {
        if (!strcmp(head->queries[i].name, name)) {
            return head->queries[i].value;
        }
    }
    return NULL;
}

/* Chunks.  RFC 9112, 7.1:
 *
 *   SIZE -> (EXTENSION) -> SIZE_LF -> DATA -> DATA_CR -> DATA_LF -> SIZE
 *                             | last chunk
 *                             v
 *                          TRAILER (-> TRAILER_LINE)... -> END_LF -> end */
enum chunk_state {
    CHUNK_SIZE, CHUNK_EXTENSION, CHUNK_SIZE_LF, CHUNK_DATA, CHUNK_DATA_CR,
    CHUNK_DATA_LF, CHUNK_TRAILER, CHUNK_TRAILER_LINE, CHUNK_END_LF,
};

#define CHUNK_MAX_TRAILER 4096

static int
read_size(struct http_chunks *chunks, char c)
{
    int digit = hex_value(c);

    if (digit >= 0) {
        if (++chunks->n_digits > 12) {
            return STATUS_TOO_LARGE;
        }
        chunks->left = chunks->left << 4 | digit;
        return 0;
    }
    if (!chunks->n_digits) {
        return STATUS_BAD;
    }
    chunks->n_digits = 0;
    if (c == '\r') {
        chunks->state = CHUNK_SIZE_LF;
    } else if (c == ';' || c == ' ' || c == '\t') {
        chunks->state = CHUNK_EXTENSION;
    } else {
        return STATUS_BAD;
    }
    return 0;
}

/* Goes to 'state' if 'c' is the one that is due. */
static int
expect_char(struct http_chunks *chunks, char c, char due,
            enum chunk_state state)
{
    chunks->state = state;
    return c == due ? 0 : STATUS_BAD;
}

static int
skip_until(struct http_chunks *chunks, char c, char last,
           enum chunk_state state)
{
    if (c == last) {
        chunks->state = state;
    }
    return ++chunks->n_trailer > CHUNK_MAX_TRAILER ? STATUS_FIELDS : 0;
}

/* One byte that is not of a chunk's data. */
static int
read_framing(struct http_chunks *chunks, char c)
{
    switch ((enum chunk_state) chunks->state) {
    case CHUNK_SIZE:
        return read_size(chunks, c);
    case CHUNK_EXTENSION:
        return c == '\n' ? STATUS_BAD
                         : skip_until(chunks, c, '\r', CHUNK_SIZE_LF);
    case CHUNK_SIZE_LF:
        return expect_char(chunks, c, '\n',
                           chunks->left ? CHUNK_DATA : CHUNK_TRAILER);
    case CHUNK_DATA_CR:
        return expect_char(chunks, c, '\r', CHUNK_DATA_LF);
    case CHUNK_DATA_LF:
        return expect_char(chunks, c, '\n', CHUNK_SIZE);
    case CHUNK_TRAILER:
        chunks->state = c == '\r' ? CHUNK_END_LF : CHUNK_TRAILER_LINE;
        return 0;
    case CHUNK_TRAILER_LINE:
        return skip_until(chunks, c, '\n', CHUNK_TRAILER);
    case CHUNK_END_LF:
        return c == '\n' ? EOF : STATUS_BAD;
    case CHUNK_DATA:
        break;
    }
    abort();
}

int
http_chunks_read(struct http_chunks *chunks, const char *data, size_t len,
                 size_t max, struct fh_buf *body, size_t *used)
{
    int status = 0;
    size_t ofs = 0;

    while (ofs < len && !status) {
        if (chunks->state == CHUNK_DATA) {
            size_t n = len - ofs < chunks->left ? len - ofs : chunks->left;

            if (chunks->left > max - body->len) {
                status = STATUS_TOO_LARGE;
                break;
            }
            fh_buf_append(body, data + ofs, n);
            ofs += n;
            chunks->left -= n;
            if (!chunks->left) {
                chunks->state = CHUNK_DATA_CR;
            }
        } else {
            status = read_framing(chunks, data[ofs++]);
        }
    }
    *used = ofs;
    return status;
}
