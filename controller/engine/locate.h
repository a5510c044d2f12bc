/* Whose address is that, by where it was heard of? */
#ifndef LOCATE_H
#define LOCATE_H 1

#include "controller/engine/engine_private.h"

/* An address on a segment, and a router's place there. */
struct location {
    struct segment *segment;
    size_t member;
    struct client *client;      /* NULL: the segment does not know it yet. */
};

enum locate_result {
    LOCATE_OK,
    LOCATE_OUTSIDE,             /* No segment under these tags has it. */
    LOCATE_UNKNOWN_TAG,
};

/* Under these tags, on this router?  Fills '*at' on success. */
enum locate_result locate_by_tags(const struct engine *,
                                  const struct router *,
                                  const struct fh_vlan *, struct fh_addr,
                                  struct location *at);

/* The client that this router answers for on that uplink, or NULL. */
struct client *locate_behind(const struct engine *, const struct router *,
                             const struct uplink *, struct fh_addr);

/* On a segment whose way to the core by this router is that routing domain
 * (flow_meta_domain())?  Fills '*at' and returns true if there is one. */
bool locate_in_domain(const struct engine *, const struct router *,
                      uint64_t domain, struct fh_addr, struct location *at);

#endif /* controller/engine/locate.h */
