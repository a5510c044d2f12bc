/* Whose address is that?  See locate.h. */
#include <config.h>

#include "controller/engine/locate.h"

#include "flows/flow_base.h"

enum locate_result
locate_by_tags(const struct engine *en, const struct router *router,
               const struct fh_vlan *vlan, struct fh_addr addr,
               struct location *at)
{
    const struct router_stack *stack = router_find_stack(router, vlan);
    const struct router_stack *end = router->stacks + router->n_stacks;
    enum locate_result result = LOCATE_UNKNOWN_TAG;

    for (uint32_t tags = stack ? stack->tags : 0;
         stack && stack < end && stack->tags == tags; stack++) {
        struct segment *segment = router->segments[stack->segment];
        struct client *c;

        if (!segment_contains(segment, addr)) {
            result = LOCATE_OUTSIDE;
            continue;
        }
        c = clients_find(en->clients, addr, segment->id);
        if (fh_vlan_equal(c ? &c->vlan : &segment->config->vlan, vlan)) {
            *at = (struct location) {
                segment, router->member_index[stack->segment], c
            };
            return LOCATE_OK;
        }
    }
    return result;
}

struct client *
locate_behind(const struct engine *en, const struct router *router,
              const struct uplink *uplink, struct fh_addr addr)
{
    for (size_t i = 0; i < router->n_segments; i++) {
        struct segment *segment = router->segments[i];
        size_t member = router->member_index[i];
        struct client *c;

        if (segment->members[member].uplink != uplink
            || !segment_contains(segment, addr)) {
            continue;
        }
        c = clients_find(en->clients, addr, segment->id);
        if (c && client_answered_by(c) == (int) member) {
            return c;
        }
    }
    return NULL;
}

bool
locate_in_domain(const struct engine *en, const struct router *router,
                 uint64_t domain, struct fh_addr addr, struct location *at)
{
    for (size_t i = 0; i < router->n_segments; i++) {
        struct segment *segment = router->segments[i];
        size_t member = router->member_index[i];

        if (flow_meta_domain(&segment->members[member].uplink->view) == domain
            && segment_contains(segment, addr)) {
            *at = (struct location) {
                segment, member, clients_find(en->clients, addr, segment->id)
            };
            return true;
        }
    }
    return false;
}
