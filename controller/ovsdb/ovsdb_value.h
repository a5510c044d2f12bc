/* The values of OVSDB as JSON (RFC 7047, 5.1), and the types of columns.
 *
 * Pure.  What is said to be a value is checked against its column's type here;
 * behind that, nobody checks again. */
#ifndef OVSDB_VALUE_H
#define OVSDB_VALUE_H 1

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

enum ovsdb_atom {
    OVSDB_INTEGER, OVSDB_REAL, OVSDB_BOOLEAN, OVSDB_STRING, OVSDB_UUID
};

struct ovsdb_type {
    enum ovsdb_atom key, value;
    bool is_map;                /* Else 'value' does not matter. */
    bool is_scalar;             /* Exactly one, and no map. */
    bool replaced;              /* At most one: a change is the new value. */
};

/* Parses a column's "type" as a schema has it (RFC 7047, 3.2).  Returns false
 * if it is none.  Limits of numbers, lengths and enumerations are the server's
 * business. */
bool ovsdb_type_parse(const json_t *, struct ovsdb_type *);

/* 'value' in the one form that equal values share: sets are ["set", [...]],
 * their elements and a map's pairs sorted.  Returns new, or NULL if it is no
 * value of that type. */
json_t *ovsdb_value_normal(const struct ovsdb_type *, const json_t *value);
/* What a column has in a row that does not say.  Returns new. */
json_t *ovsdb_value_default(const struct ovsdb_type *);
/* 'old' (in its normal form) after the change 'diff' of an update2
 * (ovsdb-server(7), 4.1.14).  Returns new, or NULL if it is none. */
json_t *ovsdb_value_change(const struct ovsdb_type *, const json_t *old,
                           const json_t *diff);

/* Reading a row's column.  The first three return NULL, 'otherwise' or
 * 'otherwise' if it is missing, or of another type. */
const char *ovsdb_get_string(const json_t *row, const char *column);
int64_t ovsdb_get_integer(const json_t *row, const char *column,
                          int64_t otherwise);
bool ovsdb_get_boolean(const json_t *row, const char *column,
                       bool otherwise);
const char *ovsdb_get_uuid(const json_t *row, const char *column);

/* Is it 8-4-4-4-12 hexadecimal digits? */
bool ovsdb_is_uuid(const char *);

#endif /* controller/ovsdb/ovsdb_value.h */
