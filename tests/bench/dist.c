/* Samples of time.  Used by the load generator and the client farm. */
#include <config.h>

#include "tests/bench/dist.h"

#include <stdlib.h>
#include <string.h>

#include <firsthop/buf.h>

void
dist_add(struct dist *d, uint64_t ns)
{
    if (d->n == d->cap) {
        d->cap = d->cap ? d->cap * 2 : 256;
        d->ns = fh_xrealloc(d->ns, d->cap * sizeof *d->ns);
    }
    d->ns[d->n++] = ns;
}

void
dist_clear(struct dist *d)
{
    d->n = 0;
}

void
dist_destroy(struct dist *d)
{
    free(d->ns);
    memset(d, 0, sizeof *d);
}

static int
compare_ns(const void *a_, const void *b_)
{
    const uint64_t *a = a_;
    const uint64_t *b = b_;

    return *a < *b ? -1 : *a > *b;
}

uint64_t
dist_quantile(struct dist *d, double q)
{
    if (!d->n) {
        return 0;
    }
    qsort(d->ns, d->n, sizeof *d->ns, compare_ns);

    /* Rounded up, so that the median of 2 is the smaller and p99 of 100 is
     * the 99th. */
    size_t rank = (size_t) (q * (double) d->n);
    if ((double) rank < q * (double) d->n) {
        rank++;
    }
    return d->ns[rank ? rank - 1 : 0];
}

void
dist_print(FILE *out, const char *name, struct dist *d)
{
    static const struct {
        const char *name;
        double q;
    } quantiles[] = {
        { "min_ms", 0 }, { "median_ms", .5 }, { "p99_ms", .99 },
        { "max_ms", 1 },
    };

    fprintf(out, "\"%s\":{\"n\":%zu", name, d->n);
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
        if (d->n) {
            fprintf(out, ",\"%s\":%.3f", quantiles[i].name,
                    (double) dist_quantile(d, quantiles[i].q) / 1e6);
        } else {
            fprintf(out, ",\"%s\":null", quantiles[i].name);
        }
    }
    fprintf(out, "}");
}
