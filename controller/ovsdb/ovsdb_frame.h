/* Where one JSON text ends and the next begins: JSON-RPC over a stream has no
 * lengths (RFC 7047, 4).
 *
 * Pure.  Bytes are looked at once, however they arrive; a text that is too
 * long, too deep or no object is refused before its end has come. */
#ifndef OVSDB_FRAME_H
#define OVSDB_FRAME_H 1

#include <stdbool.h>

#include <jansson.h>

#include <firsthop/buf.h>

#define OVSDB_FRAME_MAX_DEPTH 64

/* All zero but for 'max_bytes' is one that nothing has been put into. */
struct ovsdb_frame {
    size_t max_bytes;           /* Of one text. */
    struct fh_buf bytes;
    size_t start;               /* Of the text, in 'bytes'. */
    size_t scanned;             /* From there on bytes are new. */
    unsigned int depth;
    bool in_string, escaped;
};

void ovsdb_frame_put(struct ovsdb_frame *, const void *, size_t);
/* The next text that is whole: returns it, new, or NULL and '*why' (static):
 * NULL if more bytes must come first, else what is wrong with them, and the
 * frame is of no use any more. */
json_t *ovsdb_frame_take(struct ovsdb_frame *, const char **why);
void ovsdb_frame_reset(struct ovsdb_frame *);   /* Frees; 'max_bytes' stays. */

#endif /* controller/ovsdb/ovsdb_frame.h */
