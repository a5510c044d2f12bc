/* A daemon's API for tests: an engine with three clients, and questions to it
 * over a real Unix socket. */
#ifndef API_WORLD_H
#define API_WORLD_H 1

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "controller/api/api_internal.h"
#include "tests/unit/api_engine.h"
#include "tests/unit/http_peer.h"

#define N_EVENTS 10000          /* Kept. */

extern const char config_text[];

struct world {
    struct event_base *base;
    struct api_engine *engine;
    struct engine *en;          /* Of that. */
    struct api *api;
    char *dir, *path;
    struct turns turns;
    int n_changes;              /* That were to be carried out. */
};

/* That this one is of several controllers, and who it is; NULL: alone. */
extern const struct fh_cluster_status *cluster_status_of_world;

/* Kept configurations, from number 7 on. */
extern size_t n_versions;

/* Of a test: its state is a struct world, new. */
int set_up(void **state);
int tear_down(void **state);

/* One request on a connection of its own.  'body' may be NULL.  Returns the
 * whole reply, new. */
char *ask_with(struct world *w, const char *method, const char *target,
               const char *fields, const char *body);

/* The same, with the body of the reply as JSON, new; NULL if it has none. */
json_t *ask(struct world *w, const char *method, const char *target,
            const char *body, int status);
void ask_only(struct world *w, const char *method, const char *target,
              const char *body, int status);

/* Compares 'json' (taken) with what 'expected' says. */
void assert_json(json_t *json, const char *expected);

#define BULK \
    "{\"address\": \"10.0.0.70\", \"segment\": \"metro\"}\r\n\n" \
    "{\"address\": \"10.0.0.10\", \"segment\": \"metro\"," \
    " \"mac\": \"02:00:00:00:01:0a\"}"
#define CAMPUS \
    "{\"gateway\": \"10.0.0.1\", \"prefixes\": [\"10.0.0.0/24\"]," \
    " \"vlan\": [100], \"routers\": {\"A\": {\"address\":" \
    " \"10.0.0.2\"}}}"
#define NEW_SEGMENT \
    "{\"gateway\": \"10.1.0.1\", \"prefixes\": [\"10.1.0.0/24\"]," \
    " \"vlan\": [101], \"routers\": {\"A\": {\"address\":" \
    " \"10.1.0.2\"}}}"
#define ROUTER(C, LAST) \
    "{\"datapath_id\": \"000000000000000" C "\"," \
    " \"mac\": \"02:00:00:00:00:0" C "\", \"access_ports\": [\"acc\"]," \
    " \"uplink\": {\"port\": \"up\", \"address\": \"192.0.2." LAST "/24\"," \
    " \"next_hop\": \"192.0.2.1\"}}"
#define ROUTER_C ROUTER("c", "9")
#define ROUTER_D ROUTER("d", "8")

bool has_no_connection(void *api_);

#endif /* tests/unit/api_world.h */
