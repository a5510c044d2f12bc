/* Transactions whose answer is awaited.
 *
 * Pure, but for the callbacks of those who wait. */
#ifndef OVSDB_XACT_H
#define OVSDB_XACT_H 1

#include "controller/ovsdb/ovsdb.h"

/* All zero is an empty one. */
struct ovsdb_xacts {
    struct ovsdb_xact *by_id;
    size_t n;
    uint64_t last_id;
};

/* Returns a number that no other has. */
uint64_t ovsdb_xacts_add(struct ovsdb_xacts *, ovsdb_done_cb *, void *aux);
/* Nobody waits for it any more.  Returns whether its answer is awaited. */
bool ovsdb_xacts_forget(struct ovsdb_xacts *, uint64_t id);
/* The answer to 'id' has come: tells who waits for it, and counts.  Returns
 * false if it was not awaited. */
bool ovsdb_xacts_answer(struct ovsdb_xacts *, uint64_t id,
                        const json_t *results, const json_t *error,
                        struct ovsdb_counters *);
/* None will be answered; tells those who wait. */
void ovsdb_xacts_end(struct ovsdb_xacts *, const char *why,
                     struct ovsdb_counters *);
/* Frees, and tells nobody. */
void ovsdb_xacts_uninit(struct ovsdb_xacts *);

#endif /* controller/ovsdb/ovsdb_xact.h */
