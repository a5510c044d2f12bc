/* JSON text in, a value out, duplicate keys refused by pointer.
 *
 * jansson judges the syntax (and tells line and column); it can refuse a
 * duplicate key, but then cannot say which, and stops.  So text that jansson
 * has accepted is walked once more, for depth and duplicates alone.  What the
 * two could read differently is refused before either reads it: jansson skips
 * a null byte that follows a number.  Where they disagree all the same, the
 * walk ends with an error and never leaves the text.
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
    const char *p, *end;        /* 'p' never passes 'end'. */
    unsigned int line;          /* Of 'p', from 1. */
    unsigned int max_depth;
    struct config_errors *errors;
    struct fh_buf path;         /* The pointer, without a null. */
    struct fh_buf texts;        /* Of 'keys', decoded. */
    struct scan_key *keys;      /* A stack: the innermost object's last. */
    size_t n_keys, cap_keys;
};

static bool scan_value(struct scan *, unsigned int depth);

/* The byte at 's->p'; 0, which the text has nowhere, at its end. */
static char
peek(const struct scan *s)
{
    return s->p < s->end ? *s->p : '\0';
}

/* Moves past one byte, if it is 'c'. */
static bool
take(struct scan *s, char c)
{
    bool found = s->p < s->end && *s->p == c;

    s->p += found;
    return found;
}

static void
skip_space(struct scan *s)
{
    while (s->p < s->end && strchr(" \t\r\n", *s->p)) {
        s->line += *s->p++ == '\n';
    }
}

/* Moves past a string with its quotes.  Returns false if there is none. */
static bool
skip_string(struct scan *s)
{
    if (!take(s, '"')) {
        return false;
    }
    while (s->p < s->end && *s->p != '"') {
        s->p += *s->p == '\\' && s->end - s->p > 1 ? 2 : 1;
    }
    return take(s, '"');
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

static const char *
key_text(const struct scan *s, const struct scan_key *key)
{
    return key->len ? (const char *) s->texts.data + key->ofs : "";
}

/* Reads a key and its colon, and remembers the key.  Returns NULL if they
 * are not there. */
static const struct scan_key *
scan_key(struct scan *s)
{
    const char *start = s->p;

    if (!skip_string(s)) {
        return NULL;
    }
    if (s->n_keys == s->cap_keys) {
        s->cap_keys = s->cap_keys ? 2 * s->cap_keys : 64;
        s->keys = fh_xrealloc(s->keys, s->cap_keys * sizeof *s->keys);
    }

    struct scan_key *key = &s->keys[s->n_keys++];
    key->ofs = s->texts.len;
    key->line = s->line;
    decode_string(s, start, s->p - start);
    key->len = s->texts.len - key->ofs;
    skip_space(s);
    return take(s, ':') ? key : NULL;
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
    size_t mark = s->path.len;

    if (!n) {
        return;
    }

    struct scan_key *keys = &s->keys[base];
    for (size_t i = 0; i < n; i++) {
        keys[i].text = key_text(s, &keys[i]);
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

    s->p++;                     /* '{' */
    skip_space(s);
    if (take(s, '}')) {
        return true;
    }
    do {
        skip_space(s);

        const struct scan_key *key = scan_key(s);
        if (!key) {
            return false;
        }
        push_path(s, key_text(s, key), key->len);
        if (!scan_value(s, depth)) {
            return false;
        }
        s->path.len = mark;
    } while (take(s, ','));
    if (!take(s, '}')) {
        return false;
    }
    end_object(s, base);
    return true;
}

static bool
scan_array(struct scan *s, unsigned int depth)
{
    size_t mark = s->path.len;
    size_t i = 0;

    s->p++;                     /* '[' */
    skip_space(s);
    if (take(s, ']')) {
        return true;
    }
    do {
        char index[CONFIG_INDEX_STRLEN];

        config_index(i++, index);
        push_path(s, index, strlen(index));
        if (!scan_value(s, depth)) {
            return false;
        }
        s->path.len = mark;
    } while (take(s, ','));
    return take(s, ']');
}

/* Moves past a number, true, false or null. */
static bool
skip_word(struct scan *s)
{
    const char *start = s->p;

    while (s->p < s->end && !strchr(" \t\r\n,]}", *s->p)) {
        s->p++;
    }
    return s->p > start;
}

/* Moves past a value and the space around it.  'depth' levels are around it
 * already.  Returns false where it is too deep, with an error, or is not
 * what jansson has seen. */
static bool
scan_value(struct scan *s, unsigned int depth)
{
    bool ok;

    skip_space(s);
    switch (peek(s)) {
    case '{':
    case '[':
        if (depth >= s->max_depth) {
            add_error(s, "nested too deeply", s->line);
            return false;
        }
        ok = peek(s) == '{' ? scan_object(s, depth + 1)
                            : scan_array(s, depth + 1);
        break;
    case '"':
        ok = skip_string(s);
        break;
    default:
        ok = skip_word(s);
        break;
    }
    skip_space(s);
    return ok;
}

/* Returns false, with an error, if 'text' is too deep to be worth a look. */
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
    size_t n_errors = errors->n;
    bool ok = scan_value(&s, 0) && s.p == s.end;

    if (!ok && errors->n == n_errors) {
        add_error(&s, "two parsers disagree about this text", s.line);
    }
    fh_buf_destroy(&s.path);
    fh_buf_destroy(&s.texts);
    free(s.keys);
    return ok;
}

/* Is there a null byte in 'text'?  If so adds an error that tells where. */
static bool
has_null(const char *text, size_t len, struct config_errors *errors)
{
    const char *null = len ? memchr(text, '\0', len) : NULL;
    const char *start = text;
    unsigned int line = 1;

    if (!null) {
        return false;
    }
    for (const char *p = text; p < null; p++) {
        if (*p == '\n') {
            line++;
            start = p + 1;
        }
    }
    config_errors_add(errors, "", "line %u, column %td: null byte", line,
                      null - start);
    return true;
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
    if (has_null(text, len, errors)) {
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

/* Adds what is wrong with the index-th value, on line 'number', to
 * 'errors'. */
static void
add_line_errors(struct config_errors *errors, size_t index, size_t number,
                const struct config_errors *line)
{
    for (size_t i = 0; i < line->n; i++) {
        char *pointer = fh_xasprintf("/%zu%s", index, line->items[i].pointer);
        const char *text = line->items[i].text;
        bool located = !strncmp(text, "line 1, ", 8);

        config_errors_add(errors, pointer, "line %zu%s %s", number,
                          located ? "," : ":", located ? text + 8 : text);
        free(pointer);
    }
}

static bool
is_blank(const char *text, const char *end)
{
    while (text < end && (*text == ' ' || (*text >= '\t' && *text <= '\r'))) {
        text++;
    }
    return text == end;
}

json_t *
config_read_json_lines(const char *text, size_t len, unsigned int max_depth,
                       size_t max, struct config_errors *errors)
{
    const char *end = text + len;
    json_t *array = json_array();
    size_t n = 0, number = 0;

    for (const char *next; text < end; text = next) {
        struct config_errors line = { NULL, 0, 0, 0 };
        const char *eol = memchr(text, '\n', end - text);
        json_t *value;

        next = eol ? eol + 1 : end;
        eol = eol ? eol : end;
        number++;
        if (is_blank(text, eol)) {
            continue;
        }
        if (n == max) {
            config_errors_add(errors, "", "there are more than %zu values",
                              max);
            break;
        }
        value = config_read_json(text, eol - text, max_depth, &line);
        add_line_errors(errors, n++, number, &line);
        config_errors_destroy(&line);
        json_array_append_new(array, value ? value : json_null());
    }
    if (errors->n) {
        json_decref(array);
        return NULL;
    }
    return array;
}
