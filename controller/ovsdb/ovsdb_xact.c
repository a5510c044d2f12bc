/* Transactions whose answer is awaited.  See ovsdb_xact.h. */
#include <config.h>

#include "controller/ovsdb/ovsdb_xact.h"

#include <stdlib.h>
#include <string.h>

#include <firsthop/buf.h>
#include <uthash.h>

#include "controller/ovsdb/ovsdb_server.h"
#include "controller/ovsdb/ovsdb_value.h"

struct ovsdb_xact {
    UT_hash_handle hh;          /* By 'id'. */
    uint64_t id;
    ovsdb_done_cb *done;        /* NULL: nobody waits. */
    void *aux;
};

static struct ovsdb_xact *
find(const struct ovsdb_xacts *xacts, uint64_t id)
{
    struct ovsdb_xact *xact;

    HASH_FIND(hh, xacts->by_id, &id, sizeof id, xact);
    return xact;
}

uint64_t
ovsdb_xacts_add(struct ovsdb_xacts *xacts, ovsdb_done_cb *done, void *aux)
{
    struct ovsdb_xact *xact = fh_xcalloc(1, sizeof *xact);

    xact->id = ++xacts->last_id;
    xact->done = done;
    xact->aux = aux;
    HASH_ADD(hh, xacts->by_id, id, sizeof xact->id, xact);
    xacts->n++;
    return xact->id;
}

bool
ovsdb_xacts_forget(struct ovsdb_xacts *xacts, uint64_t id)
{
    struct ovsdb_xact *xact = find(xacts, id);

    if (xact) {
        xact->done = NULL;
    }
    return xact != NULL;
}

static void
drop(struct ovsdb_xacts *xacts, struct ovsdb_xact *xact)
{
    HASH_DEL(xacts->by_id, xact);
    xacts->n--;
    free(xact);
}

/* Drops 'xact' and tells who waits. */
static void
finish(struct ovsdb_xacts *xacts, struct ovsdb_xact *xact,
       enum ovsdb_outcome outcome, const json_t *results, const char *why)
{
    ovsdb_done_cb *done = xact->done;
    void *aux = xact->aux;

    drop(xacts, xact);
    if (done) {
        done(aux, outcome, results, why);
    }
}

/* The first of the results that is an error, or NULL.  There may be one more
 * of them than operations: of the transaction as a whole. */
static const json_t *
first_error(const json_t *results)
{
    for (size_t i = 0; i < json_array_size(results); i++) {
        const json_t *result = json_array_get(results, i);

        if (json_object_get(result, "error")) {
            return result;
        }
    }
    return NULL;
}

static enum ovsdb_outcome
outcome_of(const json_t *error)
{
    const char *tag = ovsdb_get_string(error, "error");

    return (!error ? OVSDB_COMMITTED
            : tag && !strcmp(tag, "timed out") ? OVSDB_UNMET : OVSDB_REFUSED);
}

static void
count(struct ovsdb_counters *counters, enum ovsdb_outcome outcome)
{
    switch (outcome) {
    case OVSDB_COMMITTED:
        counters->committed++;
        break;
    case OVSDB_UNMET:
        counters->unmet++;
        break;
    case OVSDB_REFUSED:
        counters->refused++;
        break;
    case OVSDB_UNKNOWN:
        counters->unknown++;
        break;
    }
}

bool
ovsdb_xacts_answer(struct ovsdb_xacts *xacts, uint64_t id,
                   const json_t *results, const json_t *error,
                   struct ovsdb_counters *counters)
{
    struct ovsdb_xact *xact = find(xacts, id);
    enum ovsdb_outcome outcome;
    char *why;

    if (!xact) {
        return false;
    }
    error = json_is_array(results) ? first_error(results) : error;
    outcome = json_is_array(results) ? outcome_of(error) : OVSDB_REFUSED;
    why = outcome == OVSDB_COMMITTED ? NULL : ovsdb_error_text(error);
    count(counters, outcome);
    finish(xacts, xact, outcome, json_is_array(results) ? results : NULL, why);
    free(why);
    return true;
}

void
ovsdb_xacts_end(struct ovsdb_xacts *xacts, const char *why,
                struct ovsdb_counters *counters)
{
    while (xacts->by_id) {
        count(counters, OVSDB_UNKNOWN);
        finish(xacts, xacts->by_id, OVSDB_UNKNOWN, NULL, why);
    }
}

void
ovsdb_xacts_uninit(struct ovsdb_xacts *xacts)
{
    while (xacts->by_id) {
        drop(xacts, xacts->by_id);
    }
}
