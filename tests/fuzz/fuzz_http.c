/* Fuzzes the HTTP parsers: heads, and chunked bodies.
 *
 * The input is a head and what follows it, a chunked body.  A head that is
 * accepted is whole; a body never exceeds its bound, and is the same however
 * its bytes are cut into pieces. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "controller/api/http_parse.h"

#define MAX_BODY 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void
try_head(const char *data, size_t size)
{
    struct http_head head;
    const char *why = NULL;
    int status = http_head_parse(&head, data, size, &why);

    if (status) {
        require(why && *why && status >= 400 && status < 600);
    } else {
        require(*head.method && *head.path == '/');
        require(!head.chunked || !head.content_length);
        for (size_t i = 0; i < head.n_fields; i++) {
            require(*head.fields[i].name);
            require(!strpbrk(head.fields[i].value, "\r\n"));
            require(http_head_field(&head, head.fields[i].name) != NULL);
        }
    }
    http_head_destroy(&head);
}

static int
read_chunks(const char *data, size_t size, size_t step, struct fh_buf *body)
{
    struct http_chunks chunks;
    size_t ofs = 0;
    int status = 0;

    memset(&chunks, 0, sizeof chunks);
    while (ofs < size && !status) {
        size_t n = size - ofs < step ? size - ofs : step;
        char *copy = fh_xmemdup(data + ofs, n);
        size_t used = 0;

        status = http_chunks_read(&chunks, copy, n, MAX_BODY, body, &used);
        require(used <= n && (status || used == n));
        require(body->len <= MAX_BODY);
        ofs += used;
        free(copy);
    }
    return status;
}

static void
try_chunks(const char *data, size_t size)
{
    struct fh_buf whole = { NULL, 0, 0 }, pieces = { NULL, 0, 0 };
    int status = read_chunks(data, size, size + 1, &whole);

    require(read_chunks(data, size, 1, &pieces) == status);
    require(whole.len == pieces.len);
    require(!whole.len || !memcmp(whole.data, pieces.data, whole.len));
    fh_buf_destroy(&whole);
    fh_buf_destroy(&pieces);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fh_xmemdup(data, size);
    char *end = size ? memmem(text, size, "\r\n\r\n", 4) : NULL;
    size_t n = end ? end + 4 - text : size;

    try_head(text, n);
    try_chunks(text + n, size - n);
    free(text);
    return 0;
}
