/* One thing to be done for every client of a router.  See sweep.h. */
#include <config.h>

#include "controller/engine/sweep.h"

#include <stdlib.h>

#include <firsthop/buf.h>

/* Clients a slice: few at first, so that those are on their way at once, then
 * four times as many each time, up to some 2 ms of work. */
#define SLICE_FIRST 16
#define SLICE_MOST  1024

struct sweep {
    struct sweep *next;
    struct wheel_timer timer;
    struct engine *en;
    struct router *router;
    sweep_cb *cb;
    uint32_t arg;
    size_t slice;
    struct client_key from;     /* Where the next slice begins. */
};

/* Returns true when all is done. */
static bool
run_slice(struct sweep *s, size_t n)
{
    struct clients *clients = s->en->clients;
    size_t i = clients_lower_bound(clients, s->from);
    struct client *c;

    for (; (c = clients_at(clients, i)) && n; i++, n--) {
        for (size_t j = 0; j < c->n_reaches; j++) {
            if (c->segment->members[j].router == s->router) {
                s->cb(s->en, c, j, s->arg);
            }
        }
    }
    if (c) {
        s->from = c->key;
    }
    return !c;
}

static void
destroy(struct sweep *s)
{
    struct sweep **p = &s->en->sweeps;

    while (*p != s) {
        p = &(*p)->next;
    }
    *p = s->next;
    wheel_cancel(&s->timer);
    free(s);
}

static void
go_on(struct sweep *s)
{
    if (run_slice(s, s->slice)) {
        destroy(s);
    } else {
        s->slice = s->slice * 4 < SLICE_MOST ? s->slice * 4 : SLICE_MOST;
        wheel_arm(s->en->wheel, &s->timer, engine_now_ms(s->en));
    }
}

static void
timer_fired(struct wheel_timer *timer, int64_t now_ms, void *en)
{
    go_on((void *) ((char *) timer - offsetof(struct sweep, timer)));
}

void
sweep_start(struct engine *en, struct router *router, sweep_cb *cb,
            uint32_t arg)
{
    struct sweep *s;

    for (s = en->sweeps; s; s = s->next) {
        if (s->router == router && s->cb == cb && s->arg == arg) {
            memset(&s->from, 0, sizeof s->from);
            return;
        }
    }
    s = fh_xcalloc(1, sizeof *s);
    s->en = en;
    s->router = router;
    s->cb = cb;
    s->arg = arg;
    s->slice = SLICE_FIRST;
    s->timer.fire = timer_fired;
    s->next = en->sweeps;
    en->sweeps = s;
    go_on(s);
}

void
sweep_finish(struct engine *en, const struct router *router)
{
    struct sweep *next;

    for (struct sweep *s = en->sweeps; s; s = next) {
        next = s->next;
        if (!router || s->router == router) {
            run_slice(s, SIZE_MAX);
            destroy(s);
        }
    }
}

void
sweep_drop(struct engine *en)
{
    while (en->sweeps) {
        destroy(en->sweeps);
    }
}
