/* From the configuration to what runs, and from one configuration to the
 * next: routers, segments, configured clients, listeners. */
#ifndef RUNTIME_H
#define RUNTIME_H 1

#include "controller/engine/firsthop_internal.h"

/* Builds routers, segments and configured clients from fh->config, where
 * there are none. */
void runtime_build(struct firsthop *);
/* Listens and dials as fh->config says, and stops what only 'old' (may be
 * NULL) said.  Returns NULL, or what failed, new. */
char *runtime_listen(struct firsthop *, const struct config *old);
/* Dials 'target' (may be NULL) no more, unless somebody needs it. */
void runtime_undial(struct firsthop *, const char *target);
void runtime_segment_destroy(struct segment *);

/* Adds a configured or provisioned client that is not there yet. */
void runtime_add_client(struct firsthop *, const struct config_client *,
                        enum client_origin);
/* Is it in the configuration itself? */
bool runtime_is_configured(const struct firsthop *, const struct client *);
/* The base flows of every connected router follow what has changed. */
void runtime_update_bases(struct firsthop *);

#endif /* controller/engine/runtime.h */
