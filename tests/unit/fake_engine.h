/* A controller that only remembers: engine.h over real tables, without
 * bridges, for tests of what is built upon it. */
#ifndef FAKE_ENGINE_H
#define FAKE_ENGINE_H 1

#include "controller/engine/engine.h"

#define FAKE_NOW_MS     1000000
#define FAKE_UNIX_MS    INT64_C(1795406400123)  /* 2026-11-23T04:00:00.123Z */

/* Starts from JSON with room for 'n_events'. */
struct engine *fake_create(const char *json, size_t n_events);
void fake_destroy(struct engine *);

struct client *fake_add_client(struct engine *, const char *address,
                               const char *segment);
/* Connects or disconnects the bridge, as far as anybody can see. */
void fake_set_connected(struct engine *, const char *router, bool);
/* Adds a client.moved event for 10.0.0.10, or others of the same shape. */
void fake_add_event(struct engine *, enum incident_type);

/* What the next writer refuses with, once (a string literal). */
void fake_refuse(struct engine *, const char *reason);
/* The last thing that a writer was asked for: "move 10.0.0.10 B". */
const char *fake_last(const struct engine *);

#endif /* tests/unit/fake_engine.h */
