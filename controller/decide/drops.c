/* What a meter drops.  See drops.h. */
#include <config.h>

#include "controller/decide/drops.h"

void
drops_read(struct drops *d, uint64_t count, int64_t now_us)
{
    uint64_t new = count >= d->last ? count - d->last : count;

    if (d->known && new) {
        d->total += new;
        d->grown_us = now_us;
    }
    d->last = count;
    d->known = true;
}

void
drops_forget(struct drops *d)
{
    d->known = false;
}
