/* What bridges have counted of clients' packets.
 *
 * Nobody asks for it: flows are listed anyway, to see whether they are right,
 * and a flow that is deleted says what it has counted last.  Finds whose flow
 * it is; what is new is decide/usage's to tell. */
#include <config.h>

#include "controller/engine/counts.h"

#include <firsthop/buf.h>

#include "flows/flow_base.h"
#include "flows/flow_client.h"

/* What a flow says of the client that it is of. */
struct counted {
    enum usage_direction direction;
    struct fh_addr address;
    struct fh_vlan vlan;        /* From the client. */
    uint64_t domain;            /* To the client. */
};

static bool
read_counted(const struct fh_flow *flow, struct counted *counted)
{
    struct flow_client_info info;
    uint16_t tpid;

    if (flow_client_read(flow, &info)) {
        *counted = (struct counted) {
            USAGE_FROM_CLIENT, .address = info.address, .vlan = info.vlan
        };
        return true;
    }
    *counted = (struct counted) {
        USAGE_TO_CLIENT,
        .domain = flow->match.metadata & (FLOW_META_DOMAIN_MASK
                                          | FLOW_META_ROUTING),
    };
    return flow_client_read_route(flow, &counted->address, &tpid);
}

static const struct member *
find_member(const struct client *c, const struct router *router)
{
    for (size_t i = 0; i < c->segment->n_members; i++) {
        if (c->segment->members[i].router == router) {
            return &c->segment->members[i];
        }
    }
    return NULL;
}

/* Several clients may have the address: their tags differ, or the uplink that
 * their segments use. */
static bool
is_of(const struct client *c, const struct router *router,
      const struct counted *counted)
{
    const struct member *m = find_member(c, router);

    return m && (counted->direction == USAGE_FROM_CLIENT
                 ? fh_vlan_equal(&c->vlan, &counted->vlan)
                 : flow_meta_domain(&m->uplink->view) == counted->domain);
}

static struct client *
find_client(const struct engine *en, const struct router *router,
            const struct counted *counted)
{
    struct client_key key = { .address = counted->address };
    size_t i = clients_lower_bound(en->clients, key);
    struct client *c;

    while ((c = clients_at(en->clients, i++))
           && fh_addr_equal(c->key.address, counted->address)) {
        if (is_of(c, router, counted)) {
            return c;
        }
    }
    return NULL;
}

/* Of another who had the address before. */
static bool
is_formers(const struct client *c, const struct fh_flow *flow)
{
    return (c->former_decision
            && (int32_t) (fh_cookie_decision(flow->cookie)
                          - c->former_decision) <= 0);
}

/* Most clients of a large network are silent: they have no record. */
static bool
is_worth_a_record(const struct client *c, const struct fh_flow *flow)
{
    return c->usage || flow->n_packets || flow->n_bytes;
}

static void
count_flow(struct engine *en, struct router *router,
           const struct fh_flow *flow, bool removed)
{
    struct usage_count now = { flow->n_packets, flow->n_bytes };
    struct counted counted;
    struct client *c = (read_counted(flow, &counted)
                        ? find_client(en, router, &counted) : NULL);

    if (!c || is_formers(c, flow) || !is_worth_a_record(c, flow)) {
        return;
    }
    if (!c->usage) {
        c->usage = fh_xcalloc(1, sizeof *c->usage);
    }
    c->usage->read_ms = engine_now_ms(en) + en->unix_off_ms;
    usage_add(&router->counters.clients[counted.direction],
              (removed ? usage_removed : usage_read)(
                  c->usage, router->config->dpid,
                  fh_cookie_decision(flow->cookie), counted.direction, now));
}

void
counts_flow(struct engine *en, struct router *router,
            const struct fh_flow *flow)
{
    count_flow(en, router, flow, false);
}

void
counts_flow_removed(struct engine *en, struct router *router,
                    const struct fh_flow *flow)
{
    count_flow(en, router, flow, true);
}
