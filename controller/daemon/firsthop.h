/* The controller: owns the engine and all that it is joined to, and is the
 * only place where decisions meet I/O. */
#ifndef FIRSTHOP_H
#define FIRSTHOP_H 1

#include <event2/event.h>

#include "controller/api/api.h"
#include "controller/engine/engine.h"

struct firsthop;

struct firsthop_options {
    const char *state_dir;      /* NULL: nothing is kept. */
    bool threads;               /* For the disk, and for large texts: false
                                 * has both done at once. */
    char **listens;             /* In place of the configuration's; NULL. */
    size_t n_listens;
};

/* Starts with 'config' (taken, even if it fails).  Returns new, or NULL and
 * '*errp', new.  */
struct firsthop *firsthop_create(struct event_base *, struct config *config,
                                 const struct firsthop_options *,
                                 char **errp);
/* Connections from now on use what the files of the configuration in force are
 * now.  A change of that does so by itself. */
void firsthop_reread_certificates(struct firsthop *);
/* Waits for what is under way, for some seconds at most, and refuses changes
 * from then on.  To be called before the API is destroyed. */
void firsthop_finish(struct firsthop *);
/* Leaves the flows on the bridges alone. */
void firsthop_destroy(struct firsthop *);

/* Is what is in force kept for several controllers, whoever has said it? */
bool firsthop_shares_config(const struct firsthop *);
/* Whoever changes something waits for its turn; what is large is parsed by
 * the worker. */
struct turns *firsthop_turns(struct firsthop *);
struct worker *firsthop_parser(struct firsthop *);
struct engine *firsthop_engine(const struct firsthop *);
/* Before anything is asked of the engine: it is asked now. */
void firsthop_wake(struct firsthop *);
struct api_host firsthop_api_host(struct firsthop *);
/* Connections of peers that pass requests on are given to 'serve', which takes
 * 'fd' and reads a request from it. */
void firsthop_set_serve(struct firsthop *, void (*serve)(void *aux, int fd),
                        void *aux);

#endif /* controller/daemon/firsthop.h */
