/* The control socket: routes, and what they answer.
 *
 * Reads from the controller, and writes through its few verbs.  All JSON
 * leaves through api*.c; HTTP itself is http.c's. */
#ifndef API_H
#define API_H 1

#include <event2/event.h>
#include <jansson.h>

#include <firsthop/status.h>

struct api;
struct engine;
struct turns;
struct worker;

/* What the API needs of its daemon, and what it shows of those beneath the
 * engine.  All are called with 'aux'. */
struct api_host {
    /* A request has come: the engine is given the time. */
    void (*wake)(void *aux);
    /* It has changed something, which is to be carried out as soon as the
     * loop turns. */
    void (*changed)(void *aux);
    /* The i-th thing that is wrong with the daemon itself, or NULL. */
    const char *(*problem)(void *aux, size_t i);
    /* The configurations that were in force, the oldest first, and that with
     * a number: new, or NULL; asked for in the worker's thread. */
    size_t (*n_versions)(void *aux);
    struct fh_config_version (*version)(void *aux, size_t i);
    json_t *(*load_version)(void *aux, uint32_t number);
    void (*bgp)(void *aux, struct fh_bgp_status *);
    void (*kernel)(void *aux, struct fh_kernel_status *);
    size_t (*n_cores)(void *aux);
    struct fh_core_status (*core)(void *aux, size_t i);
    size_t (*core_routes)(void *aux);
    void (*openflow)(void *aux, struct fh_openflow_status *);
    /* Of several controllers: NULL if it is alone. */
    const struct fh_cluster_status *(*cluster)(void *aux);
    /* Passes an HTTP request on to the one that leads.  Returns false, and
     * 'done' is not called, if it is not connected; 'done' is given NULL if it
     * has gone before it answered. */
    bool (*pass)(void *aux, const void *text, size_t len,
                 void (*done)(void *call, const uint8_t *text, size_t len),
                 void *call);
    /* What all share is to be known as it is now: the one that leads cannot be
     * asked. */
    void (*catch_up)(void *aux);
    /* Has another one lead.  Returns NULL, or why not. */
    const char *(*transfer)(void *aux, const char *name);
    struct turns *turns;        /* Who changes something waits here. */
    struct worker *parser;      /* For large texts; NULL: at once. */
    void *aux;
};

/* Serves 'engine' at the Unix socket 'path', and on TCP where the
 * configuration says so.  'engine' is borrowed, '*host' copied.  Returns new,
 * or NULL and '*errp', new. */
struct api *api_create(struct event_base *, struct engine *engine,
                       const struct api_host *host, const char *path,
                       char **errp);
/* Serves a connection that is there already (taken). */
void api_serve(void *api, int fd);
/* To be called before engine_stop(). */
void api_destroy(struct api *);

#endif /* controller/api/api.h */
