/* A growing byte buffer and the allocators that never fail.
 *
 * Builders append whole messages; one function sends them.  Out of memory
 * aborts: nothing useful can be done for a gateway that cannot allocate. */
#ifndef FIRSTHOP_BUF_H
#define FIRSTHOP_BUF_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero is an empty buffer. */
struct fh_buf {
    uint8_t *data;              /* Owned. */
    size_t len;                 /* Bytes in use. */
    size_t cap;                 /* Bytes allocated. */
};

void *fh_xmalloc(size_t);
void *fh_xcalloc(size_t n, size_t size);
void *fh_xrealloc(void *, size_t);
void *fh_xmemdup(const void *, size_t);
char *fh_xstrdup(const char *);
char *fh_xasprintf(const char *, ...) __attribute__((format(printf, 1, 2)));
/* From now on an allocation of these that 'denies' returns true for finds no
 * memory (but for fh_xasprintf()'s, which is the C library's own); NULL: the
 * machine's memory is the limit.  It must not allocate. */
void fh_set_memory_limit(bool (*denies)(void));

/* Grows 'buf' by 'n' bytes and returns where they start (not cleared).  The
 * pointer holds until the next call on 'buf'. */
void *fh_buf_put(struct fh_buf *buf, size_t n);
void fh_buf_append(struct fh_buf *buf, const void *, size_t n);
/* Drops the first 'n' bytes. */
void fh_buf_pull(struct fh_buf *buf, size_t n);
void fh_buf_clear(struct fh_buf *buf);      /* Keeps the memory. */
void fh_buf_destroy(struct fh_buf *buf);    /* Frees it; all zero again. */

#endif /* firsthop/buf.h */
