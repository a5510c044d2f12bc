/* A client on its active router, as flows.  See flow_client.h. */
#include <config.h>

#include "flows/flow_client.h"

#include <arpa/inet.h>

#include "flows/flow_base.h"
#include "flows/flow_build.h"
#include "flows/ofcodec.h"

#define PRIO_CLIENT 500         /* In SOURCE and in CLIENT. */
#define PRIO_STALE  510

static struct fh_flow
build_source(const struct fh_client *client)
{
    struct fh_flow flow = flow_start(FH_KIND_CLIENT, client->decision,
                                     FH_TABLE_SOURCE, PRIO_CLIENT);

    flow_match_in_port(&flow, client->port);
    flow_match_metadata(&flow, flow_meta_stack(&client->vlan), UINT64_MAX);
    flow_match_eth_src(&flow, client->mac);
    flow_match_reg(&flow, FLOW_REG_SENDER, ntohl(client->address.ip4));
    flow.send_removed = true;   /* It says what it has counted last. */
    flow_write_metadata(&flow,
                        flow_meta_domain(client->uplink)
                        | FLOW_META_FROM_ACCESS
                        | (client->isolate ? FLOW_META_ISOLATED : 0),
                        FH_TABLE_ROUTE);
    return flow;
}

static struct fh_flow
build_route(const struct fh_client *client)
{
    struct fh_flow flow = flow_start(FH_KIND_CLIENT, client->decision,
                                     FH_TABLE_CLIENT, PRIO_CLIENT);

    flow_match_metadata(&flow, flow_meta_domain(client->uplink),
                        FLOW_META_DOMAIN_MASK | FLOW_META_ROUTING);
    flow_match_reg(&flow, FLOW_REG_CLIENT, ntohl(client->address.ip4));
    flow.send_removed = true;
    flow_act_frame(&flow, client->router_mac, client->mac, &client->vlan);
    flow_write_metadata(&flow, client->port, FH_TABLE_HOP);
    flow.metadata |= ((client->lost ? FLOW_META_LOST : 0)
                      | (client->silent ? FLOW_META_SILENT : 0));
    return flow;
}

void
flow_client_build_route(const struct fh_client *client, struct fh_flow *flow)
{
    *flow = build_route(client);
}

void
flow_client_build(const struct fh_client *client,
                  struct fh_flow flows[FLOW_CLIENT_N])
{
    flows[0] = build_source(client);
    flows[1] = build_route(client);
}

void
flow_client_select(size_t i, uint32_t part, uint32_t n_parts,
                   struct of_flow_filter *filter)
{
    *filter = (struct of_flow_filter) {
        .cookie = fh_cookie(FH_KIND_CLIENT, 0),
        .cookie_mask = FH_COOKIE_KIND_MASK,
        .table = i ? FH_TABLE_CLIENT : FH_TABLE_SOURCE,
        .reg = i ? FLOW_REG_CLIENT : FLOW_REG_SENDER,
        .reg_value = part, .reg_mask = n_parts - 1,
    };
}

void
flow_client_build_stale(const struct fh_client *client,
                       struct eth_addr old_router, struct fh_flow *flow)
{
    *flow = build_source(client);
    flow->cookie = fh_cookie(FH_KIND_STALE, client->decision);
    flow->priority = PRIO_STALE;
    flow->hard_timeout_s = FLOW_STALE_S;
    flow_match_eth_dst(flow, old_router);
}

static bool
is_client_flow(const struct fh_flow *flow, enum fh_flow_kind kind,
               enum fh_table table)
{
    return fh_cookie_is_ours(flow->cookie)
           && fh_cookie_kind(flow->cookie) == kind
           && flow->table == table;
}

static bool
read_source(const struct fh_flow *flow, enum fh_flow_kind kind,
            uint32_t fields, struct flow_client_info *info)
{
    uint64_t meta = flow->match.metadata;

    if (!is_client_flow(flow, kind, FH_TABLE_SOURCE)
        || flow->match.fields != fields
        || meta & ~FLOW_META_STACK_MASK
        || meta >> 24 > FH_VLAN_MAX_TAGS) {
        return false;
    }
    *info = (struct flow_client_info) {
        .address = { htonl(flow->match.regs[FLOW_REG_SENDER]) },
        .mac = flow->match.eth_src,
        .vlan = { .n = meta >> 24,
                  .vids = { meta & 0xfff, (meta >> 12) & 0xfff } },
        .port = flow->match.in_port,
        .decision = fh_cookie_decision(flow->cookie),
    };
    return true;
}

#define SOURCE_FIELDS (FH_F_IN_PORT | FH_F_METADATA | FH_F_ETH_SRC \
                       | FH_F_REG(FLOW_REG_SENDER))

bool
flow_client_read(const struct fh_flow *flow, struct flow_client_info *info)
{
    return read_source(flow, FH_KIND_CLIENT, SOURCE_FIELDS, info);
}

bool
flow_client_read_stale(const struct fh_flow *flow,
                      struct flow_client_info *info)
{
    return read_source(flow, FH_KIND_STALE,SOURCE_FIELDS | FH_F_ETH_DST,
                       info);
}

bool
flow_client_read_route(const struct fh_flow *flow, struct fh_addr *addr,
                       uint16_t *tpid)
{
    if (!is_client_flow(flow, FH_KIND_CLIENT, FH_TABLE_CLIENT)
        || flow->n_actions > FH_FLOW_MAX_ACTIONS) {
        return false;
    }
    addr->ip4 = htonl(flow->match.regs[FLOW_REG_CLIENT]);
    *tpid = 0;
    for (size_t i = 0; i < flow->n_actions; i++) {
        if (flow->actions[i].type == FH_ACT_PUSH_VLAN) {
            *tpid = flow->actions[i].u.vid;     /* The last is outermost. */
        }
    }
    return true;
}
