/* A copy of the rows of a database that are monitored.
 *
 * Pure: fed with updates of the second kind (ovsdb-server(7), 4.1.14), tells
 * what has become of which row.  A row is kept as a line of text, a hundred
 * bytes or two: there may be 100,000. */
#ifndef OVSDB_ROWS_H
#define OVSDB_ROWS_H 1

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

struct ovsdb_rows;

/* Either row is NULL where there is none.  All borrowed. */
typedef void ovsdb_row_cb(void *aux, const char *table, const char *uuid,
                          const json_t *old_row, const json_t *new_row);

/* 'monitor' as of struct ovsdb_options; each request of a table has the same
 * columns.  Returns new, or NULL if it is not of that form. */
struct ovsdb_rows *ovsdb_rows_create(const json_t *monitor, size_t max_rows);
void ovsdb_rows_destroy(struct ovsdb_rows *);       /* NULL is fine. */

/* Takes the types of the columns from 'schema' (RFC 7047, 3.2).  To be called
 * before the first update.  Returns NULL or what is missing, static. */
const char *ovsdb_rows_set_schema(struct ovsdb_rows *, const json_t *schema);

/* Takes up 'updates'; 'whole': they are all that there is, and other rows have
 * gone.  'cb' is called for each row that is not as before, once it is as it
 * is told.  Returns NULL, or what is wrong, static: rows may have been changed
 * by then, and the whole must be asked for. */
const char *ovsdb_rows_apply(struct ovsdb_rows *, const json_t *updates,
                             bool whole, ovsdb_row_cb *cb, void *aux);

/* Returns new, or NULL. */
json_t *ovsdb_rows_get(const struct ovsdb_rows *, const char *table,
                       const char *uuid);
void ovsdb_rows_each(const struct ovsdb_rows *, const char *table,
                     void (*cb)(void *aux, const char *uuid,
                                const json_t *row),
                     void *aux);
size_t ovsdb_rows_count(const struct ovsdb_rows *);

#endif /* controller/ovsdb/ovsdb_rows.h */
