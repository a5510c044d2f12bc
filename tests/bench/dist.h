/* Samples and what is told about them: smallest, median, p99, largest. */
#ifndef DIST_H
#define DIST_H 1

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A growing list of nanosecond samples.  All zero is empty. */
struct dist {
    uint64_t *ns;               /* Owned. */
    size_t n, cap;
};

void dist_add(struct dist *, uint64_t ns);
void dist_clear(struct dist *);     /* Keeps the memory. */
void dist_destroy(struct dist *);

/* The smallest sample that at least 'q' (0...1) of all do not exceed, 0 if
 * there is none.  Sorts. */
uint64_t dist_quantile(struct dist *, double q);

/* Prints '"name":{"n":..,"min_ms":..,"median_ms":..,"p99_ms":..,"max_ms":..}'
 * without a comma before or after.  The times are null where n is 0. */
void dist_print(FILE *, const char *name, struct dist *);

#endif /* tests/bench/dist.h */
