/* Listeners and dialled bridges.  See listen.h. */
#include <config.h>

#include "controller/daemon/listen.h"

#include <string.h>

static bool
has_listen(const struct config *config, const char *target)
{
    for (size_t i = 0; config && i < config->n_listens; i++) {
        if (!strcmp(config->listens[i], target)) {
            return true;
        }
    }
    return false;
}

static bool
has_target(const struct config *config, const char *target)
{
    for (size_t i = 0; config && i < config->n_routers; i++) {
        const char *connect = config->routers[i].connect;

        if (connect && !strcmp(connect, target)) {
            return true;
        }
    }
    for (size_t i = 0; config && i < config->n_cores; i++) {
        const char *connect = config->cores[i].connect;

        if (connect && !strcmp(connect, target)) {
            return true;
        }
    }
    return false;
}

/* Returns NULL, or what failed, new.  'target' may be NULL. */
static char *
dial(const struct listen *l, const char *target, const struct config *old)
{
    char *error = NULL;

    if (target && !has_target(old, target)) {
        ofserver_dial(l->server, target, &error);
    }
    return error;
}

void
listen_undial(const struct listen *l, const struct config *now,
              const char *target)
{
    if (target && !has_target(now, target)
        && !(l->engine && engine_dials(l->engine, target))) {
        ofserver_undial(l->server, target);
    }
}

static char *
dial_bridges(const struct listen *l, const struct config *config,
             const struct config *old)
{
    char *error = NULL;

    for (size_t i = 0; old && i < old->n_routers; i++) {
        listen_undial(l, config, old->routers[i].connect);
    }
    for (size_t i = 0; old && i < old->n_cores; i++) {
        listen_undial(l, config, old->cores[i].connect);
    }
    for (size_t i = 0; !error && i < config->n_routers; i++) {
        error = dial(l, config->routers[i].connect, old);
    }
    for (size_t i = 0; !error && i < config->n_cores; i++) {
        error = dial(l, config->cores[i].connect, old);
    }
    return error;
}

char *
listen_follow(const struct listen *l, const struct config *config,
              const struct config *old)
{
    char **listens = l->n_listens ? l->listens : config->listens;
    size_t n = l->n_listens ? l->n_listens : config->n_listens;
    char *error = NULL;

    for (size_t i = 0; i < n; i++) {
        if (!ofserver_is_listening(l->server, listens[i])
            && ofserver_listen(l->server, listens[i], &error)) {
            return error;
        }
    }
    for (size_t i = 0; old && !l->n_listens && i < old->n_listens; i++) {
        if (!has_listen(config, old->listens[i])) {
            ofserver_unlisten(l->server, old->listens[i]);
        }
    }
    return dial_bridges(l, config, old);
}
