/* Aligned columns.  Private to ctl*.c. */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H 1

#include <stdio.h>

struct ctl_table;

/* 'heads' is the columns' heads, separated by spaces; those that end in '>'
 * are aligned to the right. */
struct ctl_table *ctl_table_create(const char *heads);
/* Fills the next cell, row by row.  'text' is copied. */
void ctl_table_add(struct ctl_table *, const char *text);
void ctl_table_addf(struct ctl_table *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Writes heads and rows, each ended by 'end', and destroys the table. */
void ctl_table_print(struct ctl_table *, FILE *, const char *end);

#endif /* controller/ctl/ctl_table.h */
