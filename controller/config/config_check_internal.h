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

/* config_check_common.c */
uint64_t config_mac_number(struct eth_addr mac);

/* Are both known and the same? */
bool config_vlans_match(const struct fh_vlan *a, const struct fh_vlan *b);

/* An address on a network told apart by tags alone. */
uint64_t config_place_number(struct fh_addr addr, const struct fh_vlan *vlan);

/* "network" or "broadcast" where 'addr' is that of 'prefix', else NULL.  A
 * /31 has neither, RFC 3021. */
const char *config_special_name(const struct fh_prefix *prefix,
                                struct fh_addr addr);

/* Is 'addr' outside all prefixes?  Unreadable prefixes might contain it. */
bool config_is_outside(const struct config_segment *segment,
                       struct fh_addr addr);

/* NULL for one that could not be read. */
const struct config_router *
config_member_router(const struct config *config,
                     const struct config_member *member);
/* An error at the pointer of these tokens, see CONFIG_AT(). */
void check_error(struct check *check, const char *const at[],
                 const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* config_check_router.c */
/* Datapath ids. */
void config_check_dpids(struct check *check);
void config_check_client_mac(const struct config *config,
                             const struct config_client *client,
                             const struct tagged *macs, size_t n,
                             const char *pointer,
                             struct config_errors *errors);

/* The routers' MACs, sorted.  Returns new. */
struct tagged *config_collect_macs(const struct config *config, size_t *n);

void config_check_macs(struct check *check);
void config_check_uplinks(struct check *check);
void config_check_core_ports(struct check *check,
                             const struct config_core *core);

/* config_check_segment.c */
/* An address in the segment's prefixes that a host may have? */
const char *config_host_in_segment_error(const struct config_segment *segment,
                                         struct fh_addr addr);

void config_check_segment(struct check *check,
                          const struct config_segment *segment);
/* Gateways and local addresses of different segments. */
void config_check_specials(struct check *check);

/* config_check_client.c */
/* Those of the configuration itself. */
void config_check_listed_clients(struct check *check);

/* config_overlap.c: prefixes, and clients with tags of their own, that
 * nothing tells apart: on the access ports, the uplinks, or as routes. */
void config_check_overlaps(struct check *);

#endif /* controller/config/config_check_internal.h */
