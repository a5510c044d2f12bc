/* The lines between the engine's out-boxes and the bridges.
 *
 * What a bridge says becomes an event; what is in its out-box is sent to it
 * whenever the event loop turns. */
#ifndef LINES_H
#define LINES_H 1

#include "controller/bridge/bridge.h"
#include "controller/engine/engine.h"

struct lines;

/* 'step' is called with each event. */
struct lines *lines_create(struct bridges *,
                           void (*step)(void *aux,
                                        const struct engine_event *),
                           void *aux);
/* After all lines have been closed. */
void lines_destroy(struct lines *);

/* Waits for the bridge of that out-box. */
void lines_open(struct lines *, struct outbox *);
/* Its name is another; or who fills it, who is not told then what becomes of
 * what was sent before. */
void lines_renew(struct outbox *);
/* Lets go of the bridge, and destroys the out-box. */
void lines_close(struct lines *, struct outbox *);
/* See bridge_read(), bridge_read_again() and bridge_drop(). */
void lines_read(struct outbox *);
void lines_read_again(struct outbox *);
void lines_drop(struct outbox *, const char *reason);

/* The out-box of the bridge with that datapath id, or NULL. */
struct outbox *lines_find(const struct lines *, uint64_t dpid);
/* Sends all that is in the out-boxes, first what is urgent. */
void lines_flush(struct lines *);

#endif /* controller/daemon/lines.h */
