/* What the checks of a configuration look up.  Pure.  See
 * config_check_internal.h. */
#include <config.h>

#include "controller/config/config_check_internal.h"

#include <stdlib.h>

static int
compare_tagged(const void *a_, const void *b_)
{
    const struct tagged *a = a_;
    const struct tagged *b = b_;

    return (a->value != b->value ? (a->value > b->value) * 2 - 1
            : (a->index > b->index) - (a->index < b->index));
}

void
config_sort_tagged(struct tagged *items, size_t n)
{
    if (n) {
        qsort(items, n, sizeof *items, compare_tagged);
    }
}

size_t
config_count_below(const struct tagged *items, size_t n, uint64_t value)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (items[mid].value < value) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

const struct tagged *
config_find_tagged(const struct tagged *items, size_t n, uint64_t value)
{
    size_t i = config_count_below(items, n, value);

    return i < n && items[i].value == value ? &items[i] : NULL;
}

/* Members are sorted by router, those of unknown ones apart. */
const struct config_member *
config_find_member(const struct config_segment *segment, size_t router)
{
    for (size_t i = 0; i < segment->n_members; i++) {
        if (segment->members[i].router == router) {
            return &segment->members[i];
        }
    }
    return NULL;
}

/* The first router that serves both, or SIZE_MAX. */
size_t
config_shared_router(const struct config_segment *a,
                     const struct config_segment *b)
{
    for (size_t i = 0; i < a->n_members; i++) {
        size_t router = a->members[i].router;

        if (router != SIZE_MAX && config_find_member(b, router)) {
            return router;
        }
    }
    return SIZE_MAX;
}
