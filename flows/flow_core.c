/* A core bridge, as flows.  See flow_core.h. */
#include <config.h>

#include "flows/flow_core.h"

#include "flows/flow_build.h"

#define PRIO_BASE   1           /* Above what a bridge comes with, 0. */
#define PRIO_CLIENT 500
#define PRIO_TAG    600

/* A priority tag (IEEE 802.1Q) comes off, and what is behind it is taken as it
 * would be without: NORMAL would take it off as well, unless the port is told
 * to keep it (`other_config:priority-tags`). */
static struct fh_flow
build_untag(void)
{
    struct fh_flow flow = flow_start(FH_KIND_CORE, 0, FH_TABLE_CLASSIFY,
                                     PRIO_TAG);

    flow_match_vlan(&flow, FH_VLAN_PRIORITY);
    flow_action(&flow, FH_ACT_POP_VLAN);
    flow_act_resubmit(&flow, FH_TABLE_CLASSIFY);
    return flow;
}

static struct fh_flow
build_switch(void)
{
    struct fh_flow flow = flow_start(FH_KIND_CORE, 0, FH_TABLE_CLASSIFY,
                                     PRIO_BASE);

    flow_act_output(&flow, FH_PORT_NORMAL);
    return flow;
}

void
flow_core_put_base(struct flow_set *out)
{
    struct fh_flow untag = build_untag(), normal = build_switch();

    flow_set_put(out, &untag);
    flow_set_put(out, &normal);
}

/* Output never goes back where a packet came from (OpenFlow 1.4, 5.10): one
 * that the active router itself sends to its client ends here. */
bool
flow_core_build(const struct flow_core_client *client, struct fh_flow *flow)
{
    if (client->vlan.n > 1) {
        return false;
    }
    *flow = flow_start(FH_KIND_CORE, client->decision, FH_TABLE_CLASSIFY,
                       PRIO_CLIENT);
    flow_match_eth_type(flow, ETHERTYPE_IPV4);
    flow_match_vlan(flow, client->vlan.n ? client->vlan.vids[0]
                    : FH_VLAN_NONE);
    flow_match_ip_dst_host(flow, client->address);
    flow_action(flow, FH_ACT_SET_ETH_DST)->u.mac = client->router_mac;
    flow_act_output(flow, client->port);
    return true;
}
