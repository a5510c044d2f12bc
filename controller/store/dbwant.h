/* What must be written, so that the rows become what a change wants: the
 * operations of a transaction, none if they are that already.  Private to the
 * store.
 *
 * Pure. */
#ifndef DBWANT_H
#define DBWANT_H 1

#include "controller/store/dbcopy.h"

/* Returns new: of many clients, those of the next transaction.  Leases are not
 * for this, but for the two below. */
json_t *dbwant_change(const struct dbcopy *, const struct store_change *);

/* Append to 'operations'. */
void dbwant_client(const struct dbcopy *, enum dbrow_origin,
                   const struct store_client *, json_t *operations);
void dbwant_no_client(const struct dbcopy *, enum dbrow_origin,
                      const struct store_client *, json_t *operations);

#endif /* controller/store/dbwant.h */
