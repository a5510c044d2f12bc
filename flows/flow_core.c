/* A core bridge, as flows.  See flow_core.h. */
#include <config.h>

#include "flows/flow_core.h"

#include "flows/flow_build.h"

#define PRIO_BASE   1           /* Above what a bridge comes with, 0. */
#define PRIO_CLIENT 500

void
flow_core_build_base(struct fh_flow *flow)
{
    *flow = flow_start(FH_KIND_CORE, 0, FH_TABLE_CLASSIFY, PRIO_BASE);
    flow_act_output(flow, FH_PORT_NORMAL);
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
