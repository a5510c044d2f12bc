/* The values of OVSDB as JSON.  See ovsdb_value.h. */
#include <config.h>

#include "controller/ovsdb/ovsdb_value.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <firsthop/buf.h>

#define UUID_LEN 36
#define NO_UUID "00000000-0000-0000-0000-000000000000"

bool
ovsdb_is_uuid(const char *s)
{
    for (int i = 0; i < UUID_LEN; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? s[i] != '-' : !isxdigit((unsigned char) s[i])) {
            return false;
        }
    }
    return !s[UUID_LEN];
}

/* Types. */

static bool
atom_parse(const json_t *json, enum ovsdb_atom *atom)
{
    static const char *const names[] = {
        [OVSDB_INTEGER] = "integer", [OVSDB_REAL] = "real",
        [OVSDB_BOOLEAN] = "boolean", [OVSDB_STRING] = "string",
        [OVSDB_UUID] = "uuid",
    };
    const char *name = json_string_value(json_is_object(json)
                                         ? json_object_get(json, "type")
                                         : json);

    for (size_t i = 0; name && i < sizeof names / sizeof names[0]; i++) {
        if (!strcmp(name, names[i])) {
            *atom = i;
            return true;
        }
    }
    return false;
}

/* A bound on how many: 1 if it is not said. */
static bool
count_parse(const json_t *json, json_int_t *n)
{
    const char *text = json_string_value(json);

    *n = json ? json_integer_value(json) : 1;
    if (text && !strcmp(text, "unlimited")) {
        *n = INT64_MAX;
        return true;
    }
    return !json || (json_is_integer(json) && *n >= 0);
}

bool
ovsdb_type_parse(const json_t *json, struct ovsdb_type *type)
{
    const json_t *value = json_object_get(json, "value");
    json_int_t min, max;

    memset(type, 0, sizeof *type);
    if (json_is_string(json)) {
        type->is_scalar = type->replaced = true;
        return atom_parse(json, &type->key);
    }
    if (!atom_parse(json_object_get(json, "key"), &type->key)
        || (value && !atom_parse(value, &type->value))
        || !count_parse(json_object_get(json, "min"), &min)
        || !count_parse(json_object_get(json, "max"), &max)
        || min > 1 || max < 1) {
        return false;
    }
    type->is_map = value != NULL;
    type->replaced = max == 1;
    type->is_scalar = !value && min == 1 && max == 1;
    return true;
}

/* Atoms. */

/* The second of a two-element array whose first is the string 'tag', or
 * NULL. */
static json_t *
tagged(const json_t *json, const char *tag)
{
    const char *found = json_string_value(json_array_get(json, 0));

    return (json_array_size(json) == 2 && found && !strcmp(found, tag)
            ? json_array_get(json, 1) : NULL);
}

static bool
atom_ok(enum ovsdb_atom type, const json_t *json)
{
    const char *uuid;

    switch (type) {
    case OVSDB_INTEGER:
        return json_is_integer(json);
    case OVSDB_REAL:
        return json_is_number(json);
    case OVSDB_BOOLEAN:
        return json_is_boolean(json);
    case OVSDB_STRING:
        return json_is_string(json);
    case OVSDB_UUID:
        uuid = json_string_value(tagged(json, "uuid"));
        return uuid && ovsdb_is_uuid(uuid);
    }
    return false;
}

static json_t *
atom_default(enum ovsdb_atom type)
{
    switch (type) {
    case OVSDB_INTEGER:
        return json_integer(0);
    case OVSDB_REAL:
        return json_real(0);
    case OVSDB_BOOLEAN:
        return json_false();
    case OVSDB_STRING:
        return json_string("");
    case OVSDB_UUID:
        return json_pack("[ss]", "uuid", NO_UUID);
    }
    abort();
}

static int
atom_compare(enum ovsdb_atom type, const json_t *a, const json_t *b)
{
    switch (type) {
    case OVSDB_INTEGER:
        return ((json_integer_value(a) > json_integer_value(b))
                - (json_integer_value(a) < json_integer_value(b)));
    case OVSDB_REAL:
        return ((json_number_value(a) > json_number_value(b))
                - (json_number_value(a) < json_number_value(b)));
    case OVSDB_BOOLEAN:
        return json_is_true(a) - json_is_true(b);
    case OVSDB_STRING:
        return strcmp(json_string_value(a), json_string_value(b));
    case OVSDB_UUID:
        return strcmp(json_string_value(json_array_get(a, 1)),
                      json_string_value(json_array_get(b, 1)));
    }
    abort();
}

/* Collections: sets of atoms, maps of pairs.  An element is either. */

struct element {
    json_t *json;               /* Borrowed. */
    const json_t *key;
};

static bool
element_ok(const struct ovsdb_type *type, const json_t *json)
{
    return (type->is_map
            ? (json_array_size(json) == 2
               && atom_ok(type->key, json_array_get(json, 0))
               && atom_ok(type->value, json_array_get(json, 1)))
            : atom_ok(type->key, json));
}

static int
element_compare(const void *a_, const void *b_, void *type_)
{
    const struct element *a = a_;
    const struct element *b = b_;
    const struct ovsdb_type *type = type_;

    return atom_compare(type->key, a->key, b->key);
}

/* The elements of 'json', a value of 'type', by key.  Returns true and new
 * '*elements', or false if it is no such value. */
static bool
elements_of(const struct ovsdb_type *type, const json_t *json,
            struct element **elements, size_t *n)
{
    const json_t *list = tagged(json, type->is_map ? "map" : "set");
    bool alone = !type->is_map && !list;
    bool ok = true;

    if (!alone && !json_is_array(list)) {
        return false;
    }
    *n = alone ? 1 : json_array_size(list);
    *elements = fh_xcalloc(*n + 1, sizeof **elements);
    for (size_t i = 0; ok && i < *n; i++) {
        json_t *element = (alone ? (json_t *) json
                           : json_array_get(list, i));

        ok = element_ok(type, element);
        (*elements)[i] = (struct element) {
            element, type->is_map ? json_array_get(element, 0) : element
        };
    }
    if (ok) {
        qsort_r(*elements, *n, sizeof **elements, element_compare,
                (void *) type);
    }
    for (size_t i = 1; ok && i < *n; i++) {
        ok = element_compare(&(*elements)[i - 1], &(*elements)[i],
                             (void *) type) != 0;
    }
    if (!ok) {
        free(*elements);
    }
    return ok;
}

static json_t *
collection(const struct ovsdb_type *type, json_t *list)
{
    return json_pack("[so]", type->is_map ? "map" : "set", list);
}

json_t *
ovsdb_value_normal(const struct ovsdb_type *type, const json_t *value)
{
    struct element *elements;
    json_t *list;
    size_t n;

    if (type->is_scalar) {
        return atom_ok(type->key, value) ? json_incref((json_t *) value)
                                         : NULL;
    }
    if (!elements_of(type, value, &elements, &n)) {
        return NULL;
    }
    list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_array_append(list, elements[i].json);
    }
    free(elements);
    return collection(type, list);
}

json_t *
ovsdb_value_default(const struct ovsdb_type *type)
{
    return (type->is_scalar ? atom_default(type->key)
            : collection(type, json_array()));
}

/* Two elements of the same key meet: a set loses it; a map too if the values
 * are the same, else it has the new one. */
static bool
is_removed(const struct ovsdb_type *type, const struct element *old,
           const struct element *diff)
{
    return !type->is_map || json_equal(json_array_get(old->json, 1),
                                       json_array_get(diff->json, 1));
}

/* Merges, by key. */
static json_t *
merge(const struct ovsdb_type *type, const struct element *old, size_t n_old,
      const struct element *diff, size_t n_diff)
{
    json_t *list = json_array();
    size_t i = 0, j = 0;

    while (i < n_old || j < n_diff) {
        int cmp = (i >= n_old ? 1 : j >= n_diff ? -1
                   : element_compare(&old[i], &diff[j], (void *) type));

        if (cmp < 0) {
            json_array_append(list, old[i++].json);
        } else if (cmp > 0) {
            json_array_append(list, diff[j++].json);
        } else {
            if (!is_removed(type, &old[i], &diff[j])) {
                json_array_append(list, diff[j].json);
            }
            i++;
            j++;
        }
    }
    return collection(type, list);
}

json_t *
ovsdb_value_change(const struct ovsdb_type *type, const json_t *old,
                   const json_t *diff)
{
    struct element *old_elements, *diff_elements;
    size_t n_old, n_diff;
    json_t *result = NULL;

    if (type->replaced) {
        return ovsdb_value_normal(type, diff);
    }
    if (!elements_of(type, old, &old_elements, &n_old)) {
        return NULL;
    }
    if (elements_of(type, diff, &diff_elements, &n_diff)) {
        result = merge(type, old_elements, n_old, diff_elements, n_diff);
        free(diff_elements);
    }
    free(old_elements);
    return result;
}

/* Reading. */

const char *
ovsdb_get_string(const json_t *row, const char *column)
{
    return json_string_value(json_object_get(row, column));
}

int64_t
ovsdb_get_integer(const json_t *row, const char *column, int64_t otherwise)
{
    const json_t *value = json_object_get(row, column);

    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

bool
ovsdb_get_boolean(const json_t *row, const char *column, bool otherwise)
{
    const json_t *value = json_object_get(row, column);

    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

const char *
ovsdb_get_uuid(const json_t *row, const char *column)
{
    return json_string_value(tagged(json_object_get(row, column), "uuid"));
}
