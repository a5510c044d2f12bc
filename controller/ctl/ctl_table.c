/* Aligned columns.  See ctl_table.h. */
#include <config.h>

#include "controller/ctl/ctl_table.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <firsthop/buf.h>

#define MAX_COLUMNS 16

struct ctl_table {
    size_t n_columns;
    size_t widths[MAX_COLUMNS];
    bool right[MAX_COLUMNS];
    char **cells;               /* Row by row, the heads first. */
    size_t n_cells, cap_cells;
};

void
ctl_table_add(struct ctl_table *table, const char *text)
{
    size_t column = table->n_cells % table->n_columns;
    size_t len = strlen(text);

    if (table->n_cells == table->cap_cells) {
        table->cap_cells = 2 * table->cap_cells + 16;
        table->cells = fh_xrealloc(table->cells, (table->cap_cells
                                                  * sizeof *table->cells));
    }
    table->cells[table->n_cells++] = fh_xstrdup(text);
    if (table->widths[column] < len) {
        table->widths[column] = len;
    }
}

void
ctl_table_addf(struct ctl_table *table, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0) {
        abort();                /* No memory. */
    }
    va_end(args);
    ctl_table_add(table, text);
    free(text);
}

struct ctl_table *
ctl_table_create(const char *heads)
{
    struct ctl_table *table = fh_xcalloc(1, sizeof *table);
    char *copy = fh_xstrdup(heads);
    char *rest = copy;
    char *names[MAX_COLUMNS];

    for (char *name; (name = strsep(&rest, " ")) != NULL;) {
        size_t len = strlen(name);

        if (name[len - 1] == '>') {
            table->right[table->n_columns] = true;
            name[len - 1] = '\0';
        }
        names[table->n_columns++] = name;
    }
    for (size_t i = 0; i < table->n_columns; i++) {
        ctl_table_add(table, names[i]);
    }
    free(copy);
    return table;
}

static void
print_cell(const struct ctl_table *table, size_t i, FILE *stream,
           const char *end)
{
    size_t column = i % table->n_columns;
    bool last = column == table->n_columns - 1;
    int width = table->widths[column];

    if (table->right[column]) {
        fprintf(stream, "%*s", width, table->cells[i]);
    } else {
        fprintf(stream, "%-*s", last ? 0 : width, table->cells[i]);
    }
    fputs(last ? end : "  ", stream);
}

void
ctl_table_print(struct ctl_table *table, FILE *stream, const char *end)
{
    for (size_t i = 0; i < table->n_cells; i++) {
        print_cell(table, i, stream, end);
        free(table->cells[i]);
    }
    free(table->cells);
    free(table);
}
