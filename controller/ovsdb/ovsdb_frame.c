/* Where one JSON text ends and the next begins.  See ovsdb_frame.h. */
#include <config.h>

#include "controller/ovsdb/ovsdb_frame.h"

#define KEEP_BYTES (1024 * 1024)        /* A buffer larger than that goes. */

void
ovsdb_frame_put(struct ovsdb_frame *frame, const void *data, size_t n)
{
    /* What has been taken goes here: once for all that a read has brought. */
    fh_buf_pull(&frame->bytes, frame->start);
    if (!frame->bytes.len && frame->bytes.cap > KEEP_BYTES) {
        fh_buf_destroy(&frame->bytes);
    }
    frame->scanned -= frame->start;
    frame->start = 0;
    fh_buf_append(&frame->bytes, data, n);
}

void
ovsdb_frame_reset(struct ovsdb_frame *frame)
{
    size_t max_bytes = frame->max_bytes;

    fh_buf_destroy(&frame->bytes);
    *frame = (struct ovsdb_frame) { .max_bytes = max_bytes };
}

static bool
is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* One byte of a string. */
static void
scan_in_string(struct ovsdb_frame *frame, uint8_t c)
{
    if (frame->escaped) {
        frame->escaped = false;
    } else if (c == '\\') {
        frame->escaped = true;
    } else if (c == '"') {
        frame->in_string = false;
    }
}

/* One byte outside of strings. */
static void
scan_outside(struct ovsdb_frame *frame, uint8_t c)
{
    if (c == '"') {
        frame->in_string = true;
    } else if (c == '{' || c == '[') {
        frame->depth++;
    } else if (c == '}' || c == ']') {
        frame->depth--;         /* Not 0: the text begins with one. */
    }
}

static void
skip_space(struct ovsdb_frame *frame)
{
    while (frame->start < frame->bytes.len
           && is_space(frame->bytes.data[frame->start])) {
        frame->start++;
    }
    frame->scanned = frame->start;
}

/* Looks for the end of the text.  Returns whether it is there; else '*why'. */
static bool
scan(struct ovsdb_frame *frame, const char **why)
{
    const struct fh_buf *bytes = &frame->bytes;

    if (frame->scanned == frame->start) {
        skip_space(frame);
        if (frame->start < bytes->len && bytes->data[frame->start] != '{') {
            *why = "a message that is no object";
            return false;
        }
    }
    while (frame->scanned < bytes->len) {
        uint8_t c = bytes->data[frame->scanned++];

        if (frame->in_string) {
            scan_in_string(frame, c);
        } else {
            scan_outside(frame, c);
        }
        if (!frame->depth) {
            return true;
        } else if (frame->depth > OVSDB_FRAME_MAX_DEPTH) {
            *why = "a message that is nested too deeply";
            return false;
        } else if (frame->scanned - frame->start > frame->max_bytes) {
            *why = "a message that is too long";
            return false;
        }
    }
    return false;
}

json_t *
ovsdb_frame_take(struct ovsdb_frame *frame, const char **why)
{
    size_t start;
    json_t *json;

    *why = NULL;
    if (!scan(frame, why)) {
        return NULL;
    }
    start = frame->start;
    frame->start = frame->scanned;
    json = json_loadb((const char *) frame->bytes.data + start,
                      frame->start - start, JSON_REJECT_DUPLICATES, NULL);
    if (!json) {
        *why = "a message that is no JSON";
    }
    return json;
}
