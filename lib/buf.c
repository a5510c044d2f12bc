/* Byte buffers and the allocators that never fail.
 *
 * Owns the one place where running out of memory is handled: abort().  Used
 * by everybody; never logs, for a log may want memory too. */
#include <config.h>

#include <firsthop/buf.h>

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_MIN_CAP 256         /* Bytes: most OpenFlow messages fit. */

static void
out_of_memory(void)
{
    static const char text[] = "firsthop: out of memory\n";

    fputs(text, stderr);
    abort();
}

static bool (*denies)(void);

void
fh_set_memory_limit(bool (*denies_)(void))
{
    denies = denies_;
}

static bool
is_denied(void)
{
    return denies && denies();
}

void *
fh_xmalloc(size_t size)
{
    void *p = is_denied() ? NULL : malloc(size ? size : 1);

    if (!p) {
        out_of_memory();
    }
    return p;
}

void *
fh_xcalloc(size_t n, size_t size)
{
    void *p = is_denied() ? NULL
              : n && size ? calloc(n, size) : calloc(1, 1);

    if (!p) {
        out_of_memory();
    }
    return p;
}

void *
fh_xrealloc(void *old, size_t size)
{
    void *p = is_denied() ? NULL : realloc(old, size ? size : 1);

    if (!p) {
        out_of_memory();
    }
    return p;
}

void *
fh_xmemdup(const void *data, size_t size)
{
    void *copy = fh_xmalloc(size);

    if (size) {
        memcpy(copy, data, size);
    }
    return copy;
}

char *
fh_xstrdup(const char *s)
{
    return fh_xmemdup(s, strlen(s) + 1);
}

char *
fh_xasprintf(const char *format, ...)
{
    va_list args;
    char *s;
    int n;

    va_start(args, format);
    n = vasprintf(&s, format, args);
    va_end(args);
    if (n < 0) {
        out_of_memory();
    }
    return s;
}

/* Doubles, so that appending costs O(1) on the average. */
static void
buf_grow(struct fh_buf *buf, size_t n)
{
    size_t cap = buf->cap ? buf->cap : BUF_MIN_CAP;

    if (n > SIZE_MAX / 2 - buf->len) {
        out_of_memory();
    }
    while (cap < buf->len + n) {
        cap *= 2;
    }
    buf->data = fh_xrealloc(buf->data, cap);
    buf->cap = cap;
}

void *
fh_buf_put(struct fh_buf *buf, size_t n)
{
    uint8_t *p;

    if (!buf->data || n > buf->cap - buf->len) {
        buf_grow(buf, n);
    }
    p = buf->data + buf->len;
    buf->len += n;
    return p;
}

void
fh_buf_append(struct fh_buf *buf, const void *data, size_t n)
{
    uint8_t *p = fh_buf_put(buf, n);

    if (n) {
        memcpy(p, data, n);
    }
}

void
fh_buf_pull(struct fh_buf *buf, size_t n)
{
    assert(n <= buf->len);
    buf->len -= n;
    if (buf->len && n) {
        memmove(buf->data, buf->data + n, buf->len);
    }
}

void
fh_buf_clear(struct fh_buf *buf)
{
    buf->len = 0;
}

void
fh_buf_destroy(struct fh_buf *buf)
{
    free(buf->data);
    *buf = (struct fh_buf) { 0 };
}
