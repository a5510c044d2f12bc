/* A segment as it runs: which addresses are its.  See segment.h. */
#include <config.h>

#include "controller/net/segment.h"

#include <netinet/in.h>

bool
segment_contains(const struct segment *segment, struct fh_addr addr)
{
    const struct config_segment *config = segment->config;

    for (size_t i = 0; i < config->n_prefixes; i++) {
        if (fh_prefix_contains(&config->prefixes[i], addr)) {
            return true;
        }
    }
    return false;
}

bool
segment_is_host_address(const struct segment *segment, struct fh_addr addr)
{
    const struct config_segment *config = segment->config;

    for (size_t i = 0; i < config->n_prefixes; i++) {
        const struct fh_prefix *prefix = &config->prefixes[i];
        ovs_be32 mask = fh_prefix_mask(prefix->plen);

        if (fh_prefix_contains(prefix, addr) && prefix->plen < 31
            && (!(addr.ip4 & ~mask) || (addr.ip4 | mask) == UINT32_MAX)) {
            return false;
        }
    }
    return true;
}

bool
segment_owns(const struct segment *segment, struct fh_addr addr)
{
    const struct config_segment *config = segment->config;

    if (fh_addr_equal(config->gateway, addr)) {
        return true;
    }
    for (size_t i = 0; i < config->n_members; i++) {
        if (fh_addr_equal(config->members[i].address, addr)) {
            return true;
        }
    }
    return false;
}

bool
segment_may_have(const struct segment *segment, struct fh_addr addr)
{
    return segment_contains(segment, addr) && !segment_owns(segment, addr)
           && segment_is_host_address(segment, addr);
}
