/* Changes as values of one's own.  See store.h. */
#include <config.h>

#include "controller/store/store.h"

#include <stdlib.h>

#include <firsthop/buf.h>

struct store_change *
store_change_copy(const struct store_change *change)
{
    struct store_change *copy = fh_xmemdup(change, sizeof *change);
    char **names = fh_xcalloc(change->n + 1, sizeof *names);

    /* That of a copy without names is not NULL, but empty. */
    for (size_t i = 0; change->names && i < change->n && change->names[i];
         i++) {
        names[i] = fh_xstrdup(change->names[i]);
    }
    copy->names = (const char *const *) names;
    copy->clients = (change->clients
                     ? fh_xmemdup(change->clients,
                                  change->n * sizeof *change->clients)
                     : NULL);
    json_incref(copy->config);
    return copy;
}

void
store_change_destroy(struct store_change *change)
{
    if (!change) {
        return;
    }
    for (size_t i = 0; change->names[i]; i++) {
        free((char *) change->names[i]);
    }
    free((void *) change->names);
    free((void *) change->clients);
    json_decref(change->config);
    free(change);
}
