/* From the configuration to what runs, and from one configuration to the
 * next: routers, segments, configured clients. */
#ifndef RUNTIME_H
#define RUNTIME_H 1

#include "controller/engine/engine_private.h"

/* Builds routers, segments and configured clients from en->config, where
 * there are none. */
void runtime_build(struct engine *);
/* An empty segment of the configuration, new, to be bound. */
struct segment *runtime_build_segment(struct engine *,
                                      const struct config_segment *);
void runtime_segment_destroy(struct segment *);
/* Makes a router, and then each segment, follow en->config: a router begins
 * with its own uplink, 'uplinks' being new, and a segment adds itself to its
 * routers.  Routers stand in the order of the configuration. */
void runtime_bind_router(struct engine *, struct router *);
void runtime_bind_segment(struct engine *, struct segment *,
                          const struct config_segment *);

/* Tags that no client has any more are forgotten. */
void runtime_index_vlans(struct engine *);
/* Adds a configured or provisioned client that is not there yet, and returns
 * it. */
struct client *runtime_add_client(struct engine *,
                                  const struct config_client *,
                                  enum client_origin);
/* Can the running client become what is asked for as it is?  It does so. */
bool runtime_client_fits(const struct client *, const struct config_client *);
void runtime_set_client(struct engine *, struct client *,
                        const struct config_client *, enum client_origin);
/* Those that were provisioned, or deleted, over the control socket, if they
 * are not so already. */
void runtime_build_stored_clients(struct engine *);
/* Is it in the configuration itself? */
bool runtime_is_configured(const struct engine *, const struct client *);
/* The base flows of every connected router follow what has changed. */
void runtime_update_bases(struct engine *);

#endif /* controller/engine/runtime.h */
