/* What the core is told of a client.  See route.h.
 *
 * Called by move.c, settle.c, adopt.c and reload.c.  Decides nothing. */
#include <config.h>

#include "controller/engine/route.h"

#include "controller/engine/act.h"

/* Where no driver says how long the core takes. */
#define SETTLE_MS 100

static const struct engine_driver *
driver_of(const struct engine *en, const struct segment *segment)
{
    return &en->host.drivers[segment->config->upstream];
}

bool
route_is_told(const struct engine *en, const struct segment *segment)
{
    return driver_of(en, segment)->is_there;
}

static struct fh_route
make_route(const struct client *c)
{
    return (struct fh_route) {
        .client = c->key.address,
        .segment = c->segment->id,
        .segment_name = c->segment->config->name,
        .decision = c->decision,
        .local_preference = c->segment->config->bgp.local_preference,
        .community = c->segment->config->bgp.community,
    };
}

bool
route_announce(struct engine *en, struct client *c, enum fh_route_how how)
{
    const struct member *m = &c->segment->members[c->active];
    const struct engine_driver *driver = driver_of(en, c->segment);
    struct fh_route route = make_route(c);

    if (!driver->is_there || c->unanswered) {
        takeover_core_acked(&c->takeover, c->active);
        return true;
    }
    route.dpid = m->router->config->dpid;
    route.router_mac = m->router->config->mac;
    route.uplink = m->uplink->view;
    route.next_hop = m->uplink->config->next_hop;
    c->announced = true;
    if (!driver->acknowledges && how != UPSTREAM_RESTORED) {
        takeover_core_acked(&c->takeover, c->active);
    }
    act_put(en, &(struct engine_act) {
        .type = ENGINE_ANNOUNCE,
        .u.core = { route, c->segment->config->upstream, how },
    });
    return false;
}

void
route_withdraw(struct engine *en, struct client *c)
{
    struct fh_route route = make_route(c);

    if (c->announced && driver_of(en, c->segment)->is_there) {
        act_put(en, &(struct engine_act) {
            .type = ENGINE_WITHDRAW,
            .u.core = { route, c->segment->config->upstream, UPSTREAM_MOVED },
        });
        c->announced = false;
    }
}

uint16_t
route_settle_ms(const struct engine *en, const struct client *c)
{
    const struct engine_driver *driver = driver_of(en, c->segment);

    return driver->is_there ? driver->settle_ms : SETTLE_MS;
}
