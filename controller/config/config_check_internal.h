/* What config_check*.c, config_overlap.c and config_find.c share.  Nobody else
 * includes this. */
#ifndef CONFIG_CHECK_INTERNAL_H
#define CONFIG_CHECK_INTERNAL_H 1

#include "controller/config/config_ask.h"

#include <arpa/inet.h>

struct check {
    const struct config *config;
    struct config_errors *errors;
    struct config_errors *warnings;
};

/* What a value is compared by, and whose it is. */
struct tagged {
    uint64_t value;
    size_t index;
};

static inline uint32_t
addr_number(struct fh_addr addr)
{
    return ntohl(addr.ip4);
}

static inline bool
vlan_is_known(const struct fh_vlan *vlan)
{
    return vlan->n != CONFIG_VLAN_UNKNOWN;
}

/* 24 bits, different for different stacks: tags are never 0. */
static inline uint32_t
vlan_number(const struct fh_vlan *vlan)
{
    return ((vlan->n > 0 ? vlan->vids[0] : 0u) << 12
            | (vlan->n > 1 ? vlan->vids[1] : 0u));
}

static inline bool
client_is_usable(const struct config_client *client)
{
    return client->segment != SIZE_MAX && !fh_addr_is_zero(client->address);
}

/* config_find.c */
void config_sort_tagged(struct tagged *items, size_t n);
/* How many of 'items' (sorted) are less than 'value'. */
size_t config_count_below(const struct tagged *items, size_t n,
                          uint64_t value);
/* The first of 'items' (sorted) with 'value', or NULL. */
const struct tagged *config_find_tagged(const struct tagged *items, size_t n,
                                        uint64_t value);
/* The segment's entry for that router, or NULL. */
const struct config_member *config_find_member(const struct config_segment *,
                                               size_t router);
/* The first router that serves both, or SIZE_MAX. */
size_t config_shared_router(const struct config_segment *,
                            const struct config_segment *);

/* config_overlap.c: prefixes, and clients with tags of their own, that
 * nothing tells apart: on the access ports, the uplinks, or as routes. */
void config_check_overlaps(struct check *);

#endif /* controller/config/config_check_internal.h */
