/* From the configuration to what runs, and from one configuration to the
 * next: routers, segments, configured clients. */
#ifndef RUNTIME_H
#define RUNTIME_H 1

#include "controller/engine/engine_private.h"

/* Builds routers, segments and configured clients from en->config, where
 * there are none. */
void runtime_build(struct engine *);
void runtime_segment_destroy(struct segment *);

/* Adds a configured or provisioned client that is not there yet. */
void runtime_add_client(struct engine *, const struct config_client *,
                        enum client_origin);
/* Is it in the configuration itself? */
bool runtime_is_configured(const struct engine *, const struct client *);
/* The base flows of every connected router follow what has changed. */
void runtime_update_bases(struct engine *);

#endif /* controller/engine/runtime.h */
