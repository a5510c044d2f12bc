/* What is to be done by the daemon.  See act.h. */
#include <config.h>

#include "controller/engine/act.h"

#include <stdlib.h>

#include <firsthop/buf.h>

/* Room for so many is kept. */
#define ACTS_KEPT 256

void
act_put(struct engine *en, const struct engine_act *act)
{
    struct acts *acts = &en->acts;

    if (acts->n == acts->cap) {
        acts->cap = acts->cap ? acts->cap * 2 : 16;
        acts->items = fh_xrealloc(acts->items,
                                  acts->cap * sizeof *acts->items);
    }
    acts->items[acts->n++] = *act;
}

void
act_put_box(struct engine *en, enum engine_act_type type, struct outbox *box)
{
    act_put(en, &(struct engine_act) { .type = type, .u.box = box });
}

bool
engine_take_act(struct engine *en, struct engine_act *act)
{
    struct acts *acts = &en->acts;

    if (acts->taken < acts->n) {
        *act = acts->items[acts->taken++];
        return true;
    }
    acts->n = acts->taken = 0;
    if (acts->cap > ACTS_KEPT) {
        free(acts->items);
        acts->items = NULL;
        acts->cap = 0;
    }
    return false;
}
