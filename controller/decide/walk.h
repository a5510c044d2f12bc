/* The addresses of some prefixes that a host may have, one after another, so
 * many times over.  Pure. */
#ifndef WALK_H
#define WALK_H 1

#include <firsthop/types.h>

struct walk {
    struct fh_prefix *prefixes; /* Owned. */
    size_t n_prefixes;
    size_t prefix;              /* Where it stands: in that one, */
    uint32_t offset;            /* so far from its start. */
};

/* How many there are: not a network's own, nor its broadcast.  Prefixes that
 * overlap count twice. */
uint64_t walk_count(const struct fh_prefix *, size_t n);

void walk_init(struct walk *, const struct fh_prefix *, size_t n);
void walk_uninit(struct walk *);
/* The next one.  Returns false at the end, from where it begins anew. */
bool walk_next(struct walk *, struct fh_addr *);

#endif /* controller/decide/walk.h */
