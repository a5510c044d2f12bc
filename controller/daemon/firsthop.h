/* The controller: owns the engine and all that it is joined to, and is the
 * only place where decisions meet I/O. */
#ifndef FIRSTHOP_H
#define FIRSTHOP_H 1

#include <event2/event.h>

#include "controller/api/api.h"
#include "controller/engine/engine.h"

struct firsthop;

struct firsthop_options {
    const char *state_dir;      /* NULL: nothing is kept. */
    char **listens;             /* In place of the configuration's; NULL. */
    size_t n_listens;
};

/* Starts with 'config' (taken, even if it fails).  Returns new, or NULL and
 * '*errp', new.  */
struct firsthop *firsthop_create(struct event_base *, struct config *config,
                                 const struct firsthop_options *,
                                 char **errp);
/* Leaves the flows on the bridges alone. */
void firsthop_destroy(struct firsthop *);

struct engine *firsthop_engine(const struct firsthop *);
struct api_host firsthop_api_host(struct firsthop *);

#endif /* controller/daemon/firsthop.h */
