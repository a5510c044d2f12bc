/* Where bridges come to, and which are dialled: follows the configuration. */
#ifndef LISTEN_H
#define LISTEN_H 1

#include "controller/bridge/ofserver.h"
#include "controller/config/config.h"
#include "controller/engine/engine.h"

struct listen {
    struct ofserver *server;            /* Borrowed, all of them. */
    const struct engine *engine;        /* NULL: it is being made. */
    char **listens;                     /* Instead of the configuration's. */
    size_t n_listens;
};

/* Listens and dials as 'now' says, and stops what only 'old' (may be NULL)
 * said.  Returns NULL, or what failed, new. */
char *listen_follow(const struct listen *, const struct config *now,
                    const struct config *old);
/* Dials 'target' (may be NULL) no more, unless somebody needs it. */
void listen_undial(const struct listen *, const struct config *now,
                   const char *target);

#endif /* controller/daemon/listen.h */
