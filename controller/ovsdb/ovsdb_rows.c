/* A copy of the rows of a database that are monitored.  See ovsdb_rows.h. */
#include <config.h>

#include "controller/ovsdb/ovsdb_rows.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <firsthop/buf.h>
#include <uthash.h>

#include "controller/ovsdb/ovsdb_value.h"

#define UUID_LEN 36

struct row {
    UT_hash_handle hh;          /* By 'uuid'. */
    unsigned int pass;          /* The last whole that it was in. */
    char uuid[UUID_LEN + 1];
    char text[];                /* An array: values in the columns' order. */
};

struct column {
    char *name;
    struct ovsdb_type type;
};

struct table {
    char *name;
    struct column *columns;
    size_t n_columns;
    struct row *rows;
};

struct ovsdb_rows {
    struct table *tables;
    size_t n_tables;
    size_t n_rows, max_rows;
    unsigned int pass;
};

/* One call of ovsdb_rows_apply(). */
struct apply {
    struct ovsdb_rows *rows;
    struct table *table;
    ovsdb_row_cb *cb;
    void *aux;
};

/* Life. */

static bool
add_column(struct table *table, const json_t *name)
{
    if (!json_is_string(name)) {
        return false;
    }
    table->columns[table->n_columns++].name =
        fh_xstrdup(json_string_value(name));
    return true;
}

static bool
add_table(struct ovsdb_rows *rows, const char *name, const json_t *requests)
{
    const json_t *columns = json_object_get(json_array_get(requests, 0),
                                            "columns");
    struct table *table = &rows->tables[rows->n_tables++];
    bool ok = json_array_size(columns) > 0;

    table->name = fh_xstrdup(name);
    table->columns = fh_xcalloc(json_array_size(columns) + 1,
                                sizeof *table->columns);
    for (size_t i = 0; ok && i < json_array_size(columns); i++) {
        ok = add_column(table, json_array_get(columns, i));
    }
    return ok;
}

struct ovsdb_rows *
ovsdb_rows_create(const json_t *monitor, size_t max_rows)
{
    struct ovsdb_rows *rows = fh_xcalloc(1, sizeof *rows);
    json_t *object = (json_t *) monitor;
    const char *name;
    json_t *requests;

    rows->max_rows = max_rows;
    rows->tables = fh_xcalloc(json_object_size(monitor) + 1,
                              sizeof *rows->tables);
    json_object_foreach (object, name, requests) {
        if (!add_table(rows, name, requests)) {
            ovsdb_rows_destroy(rows);
            return NULL;
        }
    }
    return rows;
}

static void
table_uninit(struct table *table)
{
    struct row *row, *next;

    HASH_ITER (hh, table->rows, row, next) {
        HASH_DEL(table->rows, row);
        free(row);
    }
    for (size_t i = 0; i < table->n_columns; i++) {
        free(table->columns[i].name);
    }
    free(table->columns);
    free(table->name);
}

void
ovsdb_rows_destroy(struct ovsdb_rows *rows)
{
    if (!rows) {
        return;
    }
    for (size_t i = 0; i < rows->n_tables; i++) {
        table_uninit(&rows->tables[i]);
    }
    free(rows->tables);
    free(rows);
}

const char *
ovsdb_rows_set_schema(struct ovsdb_rows *rows, const json_t *schema)
{
    const json_t *tables = json_object_get(schema, "tables");

    for (size_t i = 0; i < rows->n_tables; i++) {
        struct table *table = &rows->tables[i];
        const json_t *columns = json_object_get(
            json_object_get(tables, table->name), "columns");

        for (size_t j = 0; j < table->n_columns; j++) {
            struct column *column = &table->columns[j];
            const json_t *type = json_object_get(
                json_object_get(columns, column->name), "type");

            if (!ovsdb_type_parse(type, &column->type)) {
                return "a schema without a table or column that is needed";
            }
        }
    }
    return NULL;
}

/* Rows as text. */

static struct table *
find_table(const struct ovsdb_rows *rows, const char *name)
{
    for (size_t i = 0; i < rows->n_tables; i++) {
        if (!strcmp(rows->tables[i].name, name)) {
            return &rows->tables[i];
        }
    }
    return NULL;
}

static struct row *
find_row(const struct table *table, const char *uuid)
{
    struct row *row;

    HASH_FIND(hh, table->rows, uuid, UUID_LEN, row);
    return row;
}

static char *
to_text(const json_t *values)
{
    char *text = json_dumps(values, JSON_COMPACT);

    if (!text) {
        abort();                /* No memory. */
    }
    return text;
}

/* The row as an object, new. */
static json_t *
to_object(const struct table *table, const json_t *values)
{
    json_t *object = json_object();

    for (size_t i = 0; i < table->n_columns; i++) {
        json_object_set(object, table->columns[i].name,
                        json_array_get(values, i));
    }
    return object;
}

static json_t *
read_object(const struct table *table, const char *text)
{
    json_t *values = json_loads(text, 0, NULL);
    json_t *object = to_object(table, values);

    json_decref(values);
    return object;
}

static bool
columns_known(const struct table *table, const json_t *said)
{
    size_t n = 0;

    for (size_t i = 0; i < table->n_columns; i++) {
        n += json_object_get(said, table->columns[i].name) != NULL;
    }
    return json_is_object(said) && n == json_object_size(said);
}

/* The values of a row of which a message has said 'said': columns that are as
 * by default, or as before if there is 'old' (an object), need not be said.
 * Returns new, or NULL if that makes no row. */
static json_t *
values_of(const struct table *table, const json_t *old, const json_t *said)
{
    json_t *values = json_array();

    if (!columns_known(table, said)) {
        json_decref(values);
        return NULL;
    }
    for (size_t i = 0; i < table->n_columns; i++) {
        const struct column *column = &table->columns[i];
        json_t *was = json_object_get(old, column->name);
        json_t *change = json_object_get(said, column->name);
        json_t *value = (change && old
                         ? ovsdb_value_change(&column->type, was, change)
                         : change ? ovsdb_value_normal(&column->type, change)
                         : old ? json_incref(was)
                         : ovsdb_value_default(&column->type));

        if (!value) {
            json_decref(values);
            return NULL;
        }
        json_array_append_new(values, value);
    }
    return values;
}

/* Changes. */

static void
tell(const struct apply *apply, const char *uuid, const char *old,
     const json_t *new_values)
{
    json_t *old_row = old ? read_object(apply->table, old) : NULL;
    json_t *new_row = new_values ? to_object(apply->table, new_values) : NULL;

    apply->cb(apply->aux, apply->table->name, uuid, old_row, new_row);
    json_decref(old_row);
    json_decref(new_row);
}

static void
row_remove(const struct apply *apply, struct row *row)
{
    HASH_DEL(apply->table->rows, row);
    apply->rows->n_rows--;
    tell(apply, row->uuid, row->text, NULL);
    free(row);
}

static struct row *
row_create(const char *uuid, const char *text, unsigned int pass)
{
    size_t len = strlen(text);
    struct row *row = fh_xmalloc(sizeof *row + len + 1);

    memset(row, 0, sizeof *row);
    row->pass = pass;
    memcpy(row->uuid, uuid, sizeof row->uuid);
    memcpy(row->text, text, len + 1);
    return row;
}

/* The row has these values from now on, which as a text are 'text'. */
static const char *
row_set(const struct apply *apply, const char *uuid, const json_t *values,
        const char *text)
{
    struct ovsdb_rows *rows = apply->rows;
    struct row *old = find_row(apply->table, uuid);
    struct row *row;

    if (old && !strcmp(old->text, text)) {
        old->pass = rows->pass;
        return NULL;
    }
    if (!old && rows->n_rows >= rows->max_rows) {
        return "more rows than are taken";
    }
    row = row_create(uuid, text, rows->pass);
    if (old) {
        HASH_DEL(apply->table->rows, old);
    }
    HASH_ADD_KEYPTR(hh, apply->table->rows, row->uuid, UUID_LEN, row);
    rows->n_rows += !old;
    tell(apply, uuid, old ? old->text : NULL, values);
    free(old);
    return NULL;
}

/* The same; takes 'values'. */
static const char *
row_put(const struct apply *apply, const char *uuid, json_t *values)
{
    char *text = to_text(values);
    const char *why = row_set(apply, uuid, values, text);

    json_decref(values);
    free(text);
    return why;
}

static const char *
row_insert(const struct apply *apply, const char *uuid, const json_t *said)
{
    json_t *values = values_of(apply->table, NULL, said);

    return values ? row_put(apply, uuid, values) : "a row of another form";
}

static const char *
row_modify(const struct apply *apply, const char *uuid, const json_t *said)
{
    struct row *row = find_row(apply->table, uuid);
    json_t *old, *values;

    if (!row) {
        return "a change of a row that is not there";
    }
    old = read_object(apply->table, row->text);
    values = values_of(apply->table, old, said);
    json_decref(old);
    return values ? row_put(apply, uuid, values) : "a change of another form";
}

static const char *
row_apply(const struct apply *apply, const char *uuid, const json_t *update)
{
    const json_t *said;

    if (!ovsdb_is_uuid(uuid) || json_object_size(update) != 1) {
        return "an update of another form";
    }
    said = json_object_get(update, "initial");
    said = said ? said : json_object_get(update, "insert");
    if (said) {
        return row_insert(apply, uuid, said);
    }
    said = json_object_get(update, "modify");
    if (said) {
        return row_modify(apply, uuid, said);
    }
    if (json_object_get(update, "delete")) {
        struct row *row = find_row(apply->table, uuid);

        if (row) {
            row_remove(apply, row);
        }
        return NULL;
    }
    return "an update of another form";
}

static const char *
table_apply(struct apply *apply, const char *name, json_t *updates)
{
    const char *why = NULL;
    const char *uuid;
    json_t *update;

    apply->table = find_table(apply->rows, name);
    if (!apply->table || !json_is_object(updates)) {
        return "an update of a table that is not monitored";
    }
    json_object_foreach (updates, uuid, update) {
        why = row_apply(apply, uuid, update);
        if (why) {
            break;
        }
    }
    return why;
}

/* Rows that the whole has not named are gone. */
static void
sweep(struct apply *apply)
{
    for (size_t i = 0; i < apply->rows->n_tables; i++) {
        struct row *row, *next;

        apply->table = &apply->rows->tables[i];
        HASH_ITER (hh, apply->table->rows, row, next) {
            if (row->pass != apply->rows->pass) {
                row_remove(apply, row);
            }
        }
    }
}

const char *
ovsdb_rows_apply(struct ovsdb_rows *rows, const json_t *updates, bool whole,
                 ovsdb_row_cb *cb, void *aux)
{
    struct apply apply = { rows, NULL, cb, aux };
    json_t *object = (json_t *) updates;
    const char *why = NULL;
    const char *name;
    json_t *table;

    if (!json_is_object(updates)) {
        return "an update of another form";
    }
    rows->pass += whole;
    json_object_foreach (object, name, table) {
        why = table_apply(&apply, name, table);
        if (why) {
            return why;
        }
    }
    if (whole) {
        sweep(&apply);
    }
    return NULL;
}

/* Reading. */

json_t *
ovsdb_rows_get(const struct ovsdb_rows *rows, const char *name,
               const char *uuid)
{
    const struct table *table = find_table(rows, name);
    const struct row *row = (table && ovsdb_is_uuid(uuid)
                             ? find_row(table, uuid) : NULL);

    return row ? read_object(table, row->text) : NULL;
}

void
ovsdb_rows_each(const struct ovsdb_rows *rows, const char *name,
                void (*cb)(void *aux, const char *uuid, const json_t *row),
                void *aux)
{
    const struct table *table = find_table(rows, name);
    struct row *row, *next;

    if (!table) {
        return;
    }
    HASH_ITER (hh, table->rows, row, next) {
        json_t *object = read_object(table, row->text);

        cb(aux, row->uuid, object);
        json_decref(object);
    }
}

size_t
ovsdb_rows_count(const struct ovsdb_rows *rows)
{
    return rows->n_rows;
}
