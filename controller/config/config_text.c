/* JSON text in, a value out, duplicate keys refused by pointer.
 *
 * jansson judges the syntax (and tells line and column); it can refuse a
 * duplicate key, but then cannot say which, and stops.  So text that jansson
 * has accepted is walked once more, for depth and duplicates alone.
 * Called by config.c, and by whoever reads JSON from an operator. */
#include <config.h>

#include "controller/config/config_ask.h"

#include <assert.h>
#include <stdlib.h>

#include <firsthop/buf.h>

/* A key of an object whose end has not been seen. */
struct scan_key {
    size_t ofs, len;            /* In scan.texts. */
    const char *text;           /* Set for sorting only. */
    unsigned int line;
};

struct scan {
    const char *p, *end;        /* Valid JSON: 'p' never passes 'end'. */
    unsigned int line;          /* Of 'p', from 1. */
    unsigned int max_depth;
    struct config_errors *errors;
    struct fh_buf path;         /* The pointer, without a null. */
    struct fh_buf texts;        /* Of 'keys', decoded. */
    struct scan_key *keys;      /* A stack: the innermost object's last. */
    size_t n_keys, cap_keys;
};

static bool scan_value(struct scan *, unsigned int depth);

static void
skip_space(struct scan *s)
{
    while (s->p < s->end && strchr(" \t\r\n", *s->p) && *s->p) {
        s->line += *s->p++ == '\n';
    }
}

/* Moves past a string.  Returns where its first quote is. */
static const char *
skip_string(struct scan *s)
{
    const char *start = s->p++;

    while (s->p < s->end && *s->p != '"') {
        s->p += *s->p == '\\' ? 2 : 1;
    }
    s->p++;
    return start;
}

static void
push_path(struct scan *s, const char *text, size_t len)
{
    fh_buf_append(&s->path, "/", 1);
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '~' || text[i] == '/') {
            fh_buf_append(&s->path, text[i] == '~' ? "~0" : "~1", 2);
        } else {
            fh_buf_append(&s->path, &text[i], 1);
        }
    }
}

static void
add_error(struct scan *s, const char *text, unsigned int line)
{
    char *pointer = fh_xmemdup("", 1);

    if (s->path.len) {
        free(pointer);
        pointer = fh_xasprintf("%.*s", (int) s->path.len,
                               (const char *) s->path.data);
    }
    config_errors_add(s->errors, pointer, "%s (line %u)", text, line);
    free(pointer);
}

/* Appends the string whose text with its quotes is 'json' to s->texts. */
static void
decode_string(struct scan *s, const char *json, size_t len)
{
    if (!memchr(json, '\\', len)) {
        fh_buf_append(&s->texts, json + 1, len - 2);
        return;
    }

    json_t *string = json_loadb(json, len, JSON_DECODE_ANY, NULL);
    assert(string);             /* jansson has accepted it before. */
    fh_buf_append(&s->texts, json_string_value(string),
                  json_string_length(string));
    json_decref(string);
}

/* Reads a key and its colon, and remembers the key. */
static const struct scan_key *
scan_key(struct scan *s)
{
    if (s->n_keys == s->cap_keys) {
        s->cap_keys = s->cap_keys ? 2 * s->cap_keys : 64;
        s->keys = fh_xrealloc(s->keys, s->cap_keys * sizeof *s->keys);
    }

    struct scan_key *key = &s->keys[s->n_keys++];
    const char *start = skip_string(s);
    key->ofs = s->texts.len;
    key->line = s->line;
    decode_string(s, start, s->p - start);
    key->len = s->texts.len - key->ofs;
    skip_space(s);
    s->p++;                     /* ':' */
    return key;
}

static int
compare_keys(const void *a_, const void *b_)
{
    const struct scan_key *a = a_;
    const struct scan_key *b = b_;
    size_t len = a->len < b->len ? a->len : b->len;
    int cmp = len ? memcmp(a->text, b->text, len) : 0;

    if (!cmp) {
        cmp = (a->len > b->len) - (a->len < b->len);
    }
    return cmp ? cmp : (a->ofs > b->ofs) - (a->ofs < b->ofs);
}

/* Reports what occurs again among the keys from 'base' on, and forgets
 * them. */
static void
end_object(struct scan *s, size_t base)
{
    size_t n = s->n_keys - base;
    struct scan_key *keys = s->keys + base;
    size_t mark = s->path.len;

    if (!n) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        keys[i].text = (const char *) s->texts.data + keys[i].ofs;
    }
    s->texts.len = keys[0].ofs;
    qsort(keys, n, sizeof *keys, compare_keys);
    for (size_t i = 1; i < n; i++) {
        if (keys[i].len == keys[i - 1].len
            && (!keys[i].len
                || !memcmp(keys[i].text, keys[i - 1].text, keys[i].len))) {
            push_path(s, keys[i].text, keys[i].len);
            add_error(s, "duplicate key", keys[i].line);
            s->path.len = mark;
        }
    }
    s->n_keys = base;
}

static bool
scan_object(struct scan *s, unsigned int depth)
{
    size_t base = s->n_keys;
    size_t mark = s->path.len;

    for (;;) {
        s->p++;                 /* '{' or ',' */
        skip_space(s);
        if (*s->p == '}') {     /* Only after '{'. */
            break;
        }

        const struct scan_key *key = scan_key(s);
        push_path(s, (const char *) s->texts.data + key->ofs, key->len);
        if (!scan_value(s, depth)) {
            return false;
        }
        s->path.len = mark;
        if (*s->p == '}') {
            break;
        }
    }
    s->p++;
    end_object(s, base);
    return true;
}

static bool
scan_array(struct scan *s, unsigned int depth)
{
    size_t mark = s->path.len;

    for (size_t i = 0;; i++) {
        char index[CONFIG_INDEX_STRLEN];

        s->p++;                 /* '[' or ',' */
        skip_space(s);
        if (*s->p == ']') {     /* Only after '['. */
            break;
        }
        config_index(i, index);
        push_path(s, index, strlen(index));
        if (!scan_value(s, depth)) {
            return false;
        }
        s->path.len = mark;
        if (*s->p == ']') {
            break;
        }
    }
    s->p++;
    return true;
}

/* Moves past a value and the space around it.  'depth' levels are around it
 * already.  Returns false, with an error, where it is too deep. */
static bool
scan_value(struct scan *s, unsigned int depth)
{
    bool ok = true;

    skip_space(s);
    if (*s->p == '{' || *s->p == '[') {
        if (depth >= s->max_depth) {
            add_error(s, "nested too deeply", s->line);
            return false;
        }
        ok = *s->p == '{' ? scan_object(s, depth + 1)
                          : scan_array(s, depth + 1);
    } else if (*s->p == '"') {
        skip_string(s);
    } else {
        while (s->p < s->end && *s->p && !strchr(" \t\r\n,]}", *s->p)) {
            s->p++;
        }
    }
    if (ok) {
        skip_space(s);
    }
    return ok;
}

/* Returns false if 'text' is too deep to be worth a look. */
static bool
scan_text(const char *text, size_t len, unsigned int max_depth,
          struct config_errors *errors)
{
    struct scan s = {
        .p = text,
        .end = text + len,
        .line = 1,
        .max_depth = max_depth,
        .errors = errors,
    };
    bool ok = scan_value(&s, 0);

    fh_buf_destroy(&s.path);
    fh_buf_destroy(&s.texts);
    free(s.keys);
    return ok;
}

json_t *
config_text_read(const char *text, size_t len, unsigned int max_depth,
                 struct config_errors *errors)
{
    json_error_t error;
    json_t *json;

    if (len > CONFIG_MAX_BYTES) {
        config_errors_add(errors, "", "is larger than %d bytes",
                          CONFIG_MAX_BYTES);
        return NULL;
    }
    json = json_loadb(len ? text : "", len, JSON_DECODE_ANY, &error);
    if (!json) {
        config_errors_add(errors, "", "line %d, column %d: %s", error.line,
                          error.column, error.text);
        return NULL;
    }
    if (!scan_text(text, len, max_depth, errors)) {
        json_decref(json);
        return NULL;
    }
    return json;
}

json_t *
config_read_json(const char *text, size_t len, unsigned int max_depth,
                 struct config_errors *errors)
{
    json_t *json = config_text_read(text, len, max_depth, errors);

    if (json && errors->n) {
        json_decref(json);
        json = NULL;
    }
    return json;
}
