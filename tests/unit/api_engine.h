/* The real engine without bridges and without a disk, for tests of what is
 * built upon it: time stands still, and what it wants done is not. */
#ifndef API_ENGINE_H
#define API_ENGINE_H 1

#include "controller/engine/engine.h"

#define API_NOW_MS     1000000
#define API_UNIX_MS    INT64_C(1795406400123)   /* 2026-11-23T04:00:00.123Z */

struct api_engine;

/* Started five seconds ago from JSON; two routers of one segment hear each
 * other, but not across the core. */
struct api_engine *api_engine_create(const char *json);
void api_engine_destroy(struct api_engine *);
struct engine *api_engine_get(const struct api_engine *);

/* A client of which nothing is known but its address. */
struct client *api_engine_add(struct api_engine *, const char *address,
                              const char *segment);
/* Adds a client.moved event for 10.0.0.10, or others of the same shape. */
void api_engine_add_event(struct api_engine *, enum incident_type);
/* The router is connected or not, as far as anybody can see. */
void api_engine_set_connected(struct api_engine *, const char *router, bool);

/* What is to be kept next fails, once, with that errno. */
void api_engine_fail_to_keep(struct api_engine *, int error);
/* How many changes were kept so far, and of which type the last was. */
unsigned int api_engine_n_kept(const struct api_engine *);
enum store_change_type api_engine_last_kept(const struct api_engine *);

#endif /* tests/unit/api_engine.h */
