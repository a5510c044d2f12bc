/* The control socket: routes, and what they answer.
 *
 * Reads from the controller, and writes through its few verbs.  All JSON
 * leaves through api*.c; HTTP itself is http.c's. */
#ifndef API_H
#define API_H 1

#include <event2/event.h>

struct api;
struct engine;

/* Serves 'en' at the Unix socket 'path', and on TCP where the configuration
 * says so.  Both are borrowed.  Returns new, or NULL and '*errp', new. */
struct api *api_create(struct event_base *, struct engine *en,
                       const char *path, char **errp);
/* To be called before engine_destroy(). */
void api_destroy(struct api *);

#endif /* controller/api/api.h */
