/* HTTP/1.1 as bytes: a request's head, a chunked body.  RFC 9110, 9112.
 *
 * Pure.  Strict where leniency would let two readers of the same bytes
 * disagree, so nothing can be smuggled past a proxy. */
#ifndef HTTP_PARSE_H
#define HTTP_PARSE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <firsthop/buf.h>

#define HTTP_MAX_HEAD    16384  /* Bytes of request line and header fields. */
#define HTTP_MAX_FIELDS  64     /* Header fields. */
#define HTTP_MAX_QUERIES 16     /* Parameters in a query. */

/* A header field or a query parameter, the latter decoded. */
struct http_pair {
    const char *name;
    const char *value;
};

struct http_head {
    char *text;                 /* Owned; what the others point into. */
    const char *method;
    const char *path;           /* Decoded, without the query. */
    struct http_pair queries[HTTP_MAX_QUERIES];
    size_t n_queries;
    struct http_pair fields[HTTP_MAX_FIELDS];
    size_t n_fields;
    uint64_t content_length;    /* Bytes, 0 where none is given. */
    int minor;                  /* HTTP/1.minor, 0 or 1. */
    bool chunked;
    bool keep_alive;
    bool expects_continue;
};

/* Parses the 'len' bytes of a head, from the request line to the empty line,
 * into '*head', to be destroyed whatever the answer is.  Returns 0, or the
 * status to refuse it with and '*why', static. */
int http_head_parse(struct http_head *head, const char *data, size_t len,
                    const char **why);
void http_head_destroy(struct http_head *head);

/* The value of a header field (in any case) or a query parameter, or NULL. */
const char *http_head_field(const struct http_head *head, const char *name);
const char *http_head_query(const struct http_head *head, const char *name);

/* A chunked body being read.  All zero at the start. */
struct http_chunks {
    uint64_t left;              /* Of the present chunk, bytes. */
    unsigned int n_digits;
    unsigned int n_trailer;     /* Bytes of extensions and trailers so far. */
    uint8_t state;              /* Private. */
};

/* Appends what 'data' ('len' bytes) holds of the body to 'body', as long as
 * that stays within 'max' bytes, and sets '*used' to the bytes taken.
 * Returns 0 if there is more to come, EOF (-1) at the end of the body, or the
 * status to refuse it with. */
int http_chunks_read(struct http_chunks *chunks, const char *data, size_t len,
                     size_t max, struct fh_buf *body, size_t *used);

#endif /* controller/api/http_parse.h */
