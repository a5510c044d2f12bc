/* What is looked up in a configuration: by name, and for its checks.  Pure.
 * See config.h and config_check_internal.h. */
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

/* Where, among 'n' items of 'size' bytes that begin with their names and are
 * in the order of these, 'name' is, or SIZE_MAX. */
static size_t
find_name(const void *items, size_t n, size_t size, const char *name)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int cmp = strcmp(name, *(char *const *) (const void *)
                               ((const char *) items + mid * size));

        if (!cmp) {
            return mid;
        }
        if (cmp < 0) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }
    return SIZE_MAX;
}

size_t
config_find_router(const struct config *config, const char *name)
{
    return find_name(config->routers, config->n_routers,
                     sizeof *config->routers, name);
}

size_t
config_find_segment(const struct config *config, const char *name)
{
    return find_name(config->segments, config->n_segments,
                     sizeof *config->segments, name);
}
