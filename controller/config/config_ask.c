/* Reading JSON with a grudge.  See config_ask.h.
 *
 * Called by config.c and config_check.c.  Knows JSON, pointers and errors;
 * never what a key means. */
#include <config.h>

#include "controller/config/config_ask.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <firsthop/buf.h>

/* An operator who reads a thousand errors has stopped reading. */
#define MAX_ERRORS 1000

void
config_errors_addv(struct config_errors *errors, const char *pointer,
                   const char *format, va_list args)
{
    if (!errors) {
        return;
    }
    if (errors->n >= MAX_ERRORS) {
        errors->n_dropped++;
        return;
    }
    if (errors->n == errors->cap) {
        errors->cap = errors->cap ? 2 * errors->cap : 8;
        errors->items = fh_xrealloc(errors->items,
                                    errors->cap * sizeof *errors->items);
    }

    struct config_error *error = &errors->items[errors->n++];
    if (vasprintf(&error->text, format, args) < 0) {
        abort();
    }
    error->pointer = fh_xstrdup(pointer);
}

void
config_errors_add(struct config_errors *errors, const char *pointer,
                  const char *format, ...)
{
    va_list args;

    va_start(args, format);
    config_errors_addv(errors, pointer, format, args);
    va_end(args);
}

void
config_errors_destroy(struct config_errors *errors)
{
    for (size_t i = 0; i < errors->n; i++) {
        free(errors->items[i].pointer);
        free(errors->items[i].text);
    }
    free(errors->items);
    memset(errors, 0, sizeof *errors);
}

/* Appends '/' and 'token' to 'path', '~' as "~0" and '/' as "~1". */
static void
append_token(struct fh_buf *path, const char *token)
{
    fh_buf_append(path, "/", 1);
    while (*token) {
        size_t n = strcspn(token, "~/");

        fh_buf_append(path, token, n);
        token += n;
        if (*token) {
            fh_buf_append(path, *token == '~' ? "~0" : "~1", 2);
            token++;
        }
    }
}

char *
config_pointer(const char *const tokens[])
{
    struct fh_buf path = { NULL, 0, 0 };

    for (; *tokens; tokens++) {
        append_token(&path, *tokens);
    }
    fh_buf_append(&path, "", 1);
    return (char *) path.data;
}

char *
config_pointer_key(const char *base, const char *key)
{
    struct fh_buf path = { NULL, 0, 0 };

    fh_buf_append(&path, base, strlen(base));
    append_token(&path, key);
    fh_buf_append(&path, "", 1);
    return (char *) path.data;
}

const char *
config_index(size_t index, char buf[CONFIG_INDEX_STRLEN])
{
    snprintf(buf, CONFIG_INDEX_STRLEN, "%zu", index);
    return buf;
}

char *
config_pointer_index(const char *base, size_t index)
{
    return fh_xasprintf("%s/%zu", base, index);
}

static const char *
type_name(json_type type)
{
    switch (type) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER: return "an integer";
    case JSON_REAL: return "a fraction";
    case JSON_TRUE: return "a boolean";
    case JSON_FALSE: return "a boolean or a string";
    case JSON_NULL: return "null";
    }
    abort();
}

static const char *
value_name(const json_t *json)
{
    return type_name(json_is_false(json) ? JSON_TRUE : json_typeof(json));
}

static bool
type_matches(const json_t *json, json_type type)
{
    return (type == JSON_TRUE ? json_is_boolean(json)
            : type == JSON_FALSE ? json_is_boolean(json)
                                   || json_is_string(json)
            : json_typeof(json) == type);
}

/* What 'min' and 'max' of a key bound. */
static json_int_t
extent(const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_INTEGER: return json_integer_value(json);
    case JSON_STRING: return json_string_length(json);
    case JSON_ARRAY: return json_array_size(json);
    case JSON_OBJECT: return json_object_size(json);
    default: return 0;
    }
}

static const char *
extent_unit(json_type type)
{
    return (type == JSON_STRING ? " characters"
            : type == JSON_ARRAY ? " elements"
            : type == JSON_OBJECT ? " members" : "");
}

/* Checks 'json' against 'key'.  Returns true, or false and an error, the
 * latter only if 'errors' is nonnull. */
static bool
check_value(const json_t *json, const struct config_key *key,
            const char *pointer, struct config_errors *errors)
{
    if (!type_matches(json, key->type)) {
        config_errors_add(errors, pointer, "must be %s, not %s",
                          type_name(key->type), value_name(json));
        return false;
    }

    json_int_t n = extent(json);
    if (key->max && (n < key->min || n > key->max)) {
        if (key->type == JSON_INTEGER) {
            config_errors_add(errors, pointer, "must be %u to %u, not %lld",
                              key->min, key->max, (long long) n);
        } else if (n < key->min && key->min == 1) {
            config_errors_add(errors, pointer, "must not be empty");
        } else {
            config_errors_add(errors, pointer,
                              "must have %u to %u%s, not %lld",
                              key->min, key->max, extent_unit(key->type),
                              (long long) n);
        }
        return false;
    }
    return true;
}

static const struct config_key *
find_key(const struct config_key *keys, const char *name)
{
    for (; keys->name; keys++) {
        if (!strcmp(keys->name, name)) {
            return keys;
        }
    }
    return NULL;
}

static const struct config_key *
known_key(const struct ask *ask, const char *name)
{
    const struct config_key *key = find_key(ask->keys, name);

    if (!key) {
        abort();                /* Asked for what no table knows: our bug. */
    }
    return key;
}

/* The length of the longest prefix that two names share. */
static size_t
common_prefix(const char *a, const char *b)
{
    size_t n = 0;

    while (a[n] && a[n] == b[n]) {
        n++;
    }
    return n;
}

/* The key that 'name' may have been meant for, or NULL: one that shares at
 * least three letters and half its length from the start. */
static const struct config_key *
similar_key(const struct config_key *keys, const char *name)
{
    const struct config_key *best = NULL;
    size_t best_len = 2;

    for (; keys->name; keys++) {
        size_t n = common_prefix(keys->name, name);

        if (n > best_len && 2 * n >= strlen(keys->name)) {
            best = keys;
            best_len = n;
        }
    }
    return best;
}

static void
report_unknown(const struct ask *ask, const char *name)
{
    const struct config_key *similar = similar_key(ask->keys, name);
    char *pointer = config_pointer_key(ask->pointer, name);

    if (similar) {
        config_errors_add(ask->errors, pointer,
                          "unknown key, did you mean \"%s\"?", similar->name);
    } else {
        config_errors_add(ask->errors, pointer, "unknown key");
    }
    free(pointer);
}

static void
check_members(const struct ask *ask)
{
    const char *name;
    json_t *value;

    json_object_foreach (ask->object, name, value) {
        const struct config_key *key = find_key(ask->keys, name);

        if (!key) {
            report_unknown(ask, name);
        } else {
            char *pointer = config_pointer_key(ask->pointer, name);
            check_value(value, key, pointer, ask->errors);
            free(pointer);
        }
    }
}

void
ask_begin(struct ask *ask, json_t *json, char *pointer,
          const struct config_key *keys, struct config_errors *errors)
{
    ask->object = json_is_object(json) ? json : NULL;
    ask->pointer = pointer;
    ask->keys = keys;
    ask->errors = errors;

    if (json && !ask->object) {
        config_errors_add(errors, pointer, "must be an object, not %s",
                          value_name(json));
    }
    if (!ask->object) {
        return;
    }
    check_members(ask);
    for (; keys->name; keys++) {
        if (keys->required && !json_object_get(json, keys->name)) {
            ask_error(ask, keys->name, "is missing");
        }
    }
}

void
ask_end(struct ask *ask)
{
    free(ask->pointer);
    ask->pointer = NULL;
}

bool
ask_has(const struct ask *ask, const char *name)
{
    known_key(ask, name);
    return json_object_get(ask->object, name) != NULL;
}

json_t *
ask_get(const struct ask *ask, const char *name)
{
    const struct config_key *key = known_key(ask, name);
    json_t *value = json_object_get(ask->object, name);

    /* What is wrong with it was said by ask_begin(). */
    return value && check_value(value, key, "", NULL) ? value : NULL;
}

const char *
ask_string(const struct ask *ask, const char *key)
{
    return json_string_value(ask_get(ask, key));
}

char *
ask_strdup(const struct ask *ask, const char *key)
{
    const char *s = ask_string(ask, key);

    return s ? fh_xstrdup(s) : NULL;
}

uint32_t
ask_number(const struct ask *ask, const char *key)
{
    json_t *value = ask_get(ask, key);

    return value ? json_integer_value(value) : known_key(ask, key)->dflt;
}

bool
ask_bool(const struct ask *ask, const char *key)
{
    json_t *value = ask_get(ask, key);

    return value ? json_is_true(value) : known_key(ask, key)->dflt;
}

/* "a, b or c".  Returns new. */
static char *
join_names(const char *const names[])
{
    struct fh_buf text = { NULL, 0, 0 };

    for (size_t i = 0; names[i]; i++) {
        const char *before = !i ? "" : names[i + 1] ? ", " : " or ";

        fh_buf_append(&text, before, strlen(before));
        fh_buf_append(&text, names[i], strlen(names[i]));
    }
    fh_buf_append(&text, "", 1);
    return (char *) text.data;
}

int
ask_choice(const struct ask *ask, const char *key, const char *const names[],
           int dflt)
{
    const char *value = ask_string(ask, key);

    if (!value) {
        return dflt;
    }
    for (size_t i = 0; names[i]; i++) {
        if (!strcmp(names[i], value)) {
            return i;
        }
    }

    char *list = join_names(names);
    ask_error(ask, key, "must be %s", list);
    free(list);
    return dflt;
}

char *
ask_pointer(const struct ask *ask, const char *key)
{
    return config_pointer_key(ask->pointer, key);
}

void
ask_error(const struct ask *ask, const char *key, const char *format, ...)
{
    char *pointer = ask_pointer(ask, key);
    va_list args;

    va_start(args, format);
    config_errors_addv(ask->errors, pointer, format, args);
    va_end(args);
    free(pointer);
}

const char *
ask_element_string(json_t *json, const char *pointer,
                   struct config_errors *errors)
{
    static const struct config_key key = { .name = "", .type = JSON_STRING };

    return check_value(json, &key, pointer, errors)
           ? json_string_value(json) : NULL;
}

static int
compare_strings(const void *a_, const void *b_)
{
    const char *const *a = a_;
    const char *const *b = b_;

    return strcmp(*a, *b);
}

const char **
ask_sorted_keys(json_t *object, size_t *n)
{
    const char **keys = fh_xcalloc(json_object_size(object) + 1, sizeof *keys);
    const char *key;
    json_t *value;

    *n = 0;
    json_object_foreach (object, key, value) {
        keys[(*n)++] = key;
    }
    if (*n) {
        qsort(keys, *n, sizeof *keys, compare_strings);
    }
    return keys;
}

const char *
config_name_error(const char *name)
{
    if (!*name) {
        return "a name must not be empty";
    }
    if (strlen(name) > CONFIG_MAX_NAME) {
        return "a name has at most 64 characters";
    }
    if (!strcmp(name, ".") || !strcmp(name, "..")) {
        return "a name must not be \".\" or \"..\"";     /* RFC 3986, 5.2.4 */
    }
    for (; *name; name++) {
        if (!isalnum((unsigned char) *name) && !strchr("._-", *name)) {
            return "a name consists of letters, digits, \".\", \"_\" and "
                   "\"-\"";
        }
    }
    return NULL;
}
