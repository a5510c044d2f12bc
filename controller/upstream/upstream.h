/* How the core learns where a client is: the seam behind which drivers live.
 *
 * A driver is told, and tells back once what it was told is on its way and
 * nothing more has to be waited for.  It never blocks and keeps no pointer to
 * what it is given. */
#ifndef UPSTREAM_H
#define UPSTREAM_H 1

#include <stdbool.h>

#include <firsthop/route.h>

struct upstream;

struct upstream_ops {
    const char *name;
    /* Passes '*route' on.  Returns true if that is done, false if
     * upstream_told_cb() will be called for it later (or never, if the driver
     * has lost its peer: the takeover does not wait for ever). */
    bool (*announce)(struct upstream *, const struct fh_route *,
                     enum fh_route_how);
    /* Nobody is active for the client any more. */
    void (*withdraw)(struct upstream *, const struct fh_route *);
    /* Whether takeovers should wait for acknowledgements (and repeat). */
    bool acknowledges;
    /* For so long the core may send to the previous router once the driver has
     * passed a move on. */
    uint16_t settle_ms;
    void (*destroy)(struct upstream *);
};

/* Drivers embed this first. */
struct upstream {
    const struct upstream_ops *ops;
};

/* A client whose announcement was left unanswered has reached the core, or
 * ('ok' false) will when the core is back: nothing more to wait for.  Names
 * the client by its key, which outlives it. */
typedef void upstream_told_cb(struct fh_addr client, uint32_t segment_id,
                              uint32_t decision, bool ok, void *aux);

/* A speaker or a core bridge has come ('up') or gone.  'detail' is for a
 * person and is borrowed. */
typedef void upstream_event_cb(bool up, const char *detail, void *aux);

#endif /* controller/upstream/upstream.h */
