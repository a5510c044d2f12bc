/* What the checks of a configuration have in common: how addresses, tags and
 * MACs are compared, and how an error is told. */
#include <config.h>

#include "controller/config/config_check_internal.h"

#include <stdarg.h>
#include <stdlib.h>

#include <firsthop/buf.h>

uint64_t
config_mac_number(struct eth_addr mac)
{
    uint64_t number = 0;

    for (size_t i = 0; i < 6; i++) {
        number = number << 8 | mac.ea[i];
    }
    return number;
}

bool
config_vlans_match(const struct fh_vlan *a, const struct fh_vlan *b)
{
    return vlan_is_known(a) && fh_vlan_equal(a, b);
}

uint64_t
config_place_number(struct fh_addr addr, const struct fh_vlan *vlan)
{
    return (uint64_t) addr_number(addr) << 24 | vlan_number(vlan);
}

const char *
config_host_error(struct fh_addr addr)
{
    uint32_t number = addr_number(addr);

    if (number >> 24 == 0) {
        return "is in 0.0.0.0/8, no host's address";         /* RFC 1122 */
    } else if (number >> 24 == 127) {
        return "is a loopback address";
    } else if (number >> 28 == 0xe) {
        return "is a multicast address";
    } else if (number >> 28 == 0xf) {
        return "is a reserved address";
    }
    return NULL;
}

const char *
config_special_name(const struct fh_prefix *prefix, struct fh_addr addr)
{
    ovs_be32 mask = fh_prefix_mask(prefix->plen);

    if (prefix->plen > 30 || !fh_prefix_contains(prefix, addr)) {
        return NULL;
    }
    return (!(addr.ip4 & ~mask) ? "network"
            : (addr.ip4 | mask) == OVS_BE32_MAX ? "broadcast" : NULL);
}

bool
config_is_outside(const struct config_segment *segment, struct fh_addr addr)
{
    for (size_t i = 0; i < segment->n_prefixes; i++) {
        if (!segment->prefixes[i].plen
            || fh_prefix_contains(&segment->prefixes[i], addr)) {
            return false;
        }
    }
    return segment->n_prefixes > 0;
}

const struct config_router *
config_member_router(const struct config *config,
                     const struct config_member *member)
{
    return (member->router == SIZE_MAX ? NULL
            : &config->routers[member->router]);
}

void
check_error(struct check *check, const char *const at[], const char *format,
            ...)
{
    char *pointer = config_pointer(at);
    va_list args;

    va_start(args, format);
    config_errors_addv(check->errors, pointer, format, args);
    va_end(args);
    free(pointer);
}
