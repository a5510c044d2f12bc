/* Addresses, one after another.  See walk.h. */
#include <config.h>

#include "controller/decide/walk.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include <firsthop/buf.h>

static uint64_t
size_of(const struct fh_prefix *prefix)
{
    return UINT64_C(1) << (32 - prefix->plen);
}

/* Up to a length of 30 the first address is the network's, and the last one
 * its broadcast. */
static bool
has_ends(const struct fh_prefix *prefix)
{
    return prefix->plen < 31;
}

uint64_t
walk_count(const struct fh_prefix *prefixes, size_t n)
{
    uint64_t count = 0;

    for (size_t i = 0; i < n; i++) {
        count += size_of(&prefixes[i]) - 2 * has_ends(&prefixes[i]);
    }
    return count;
}

void
walk_init(struct walk *walk, const struct fh_prefix *prefixes, size_t n)
{
    *walk = (struct walk) { .n_prefixes = n };
    walk->prefixes = fh_xcalloc(n + 1, sizeof *prefixes);
    for (size_t i = 0; i < n; i++) {
        walk->prefixes[i] = prefixes[i];
    }
}

void
walk_uninit(struct walk *walk)
{
    free(walk->prefixes);
}

bool
walk_next(struct walk *walk, struct fh_addr *addr)
{
    while (walk->prefix < walk->n_prefixes) {
        const struct fh_prefix *prefix = &walk->prefixes[walk->prefix];
        uint32_t ends = has_ends(prefix);

        if (walk->offset < size_of(prefix) - 2 * ends) {
            addr->ip4 = htonl(ntohl(prefix->addr.ip4) + ends
                              + walk->offset++);
            return true;
        }
        walk->prefix++;
        walk->offset = 0;
    }
    walk->prefix = 0;
    return false;
}
