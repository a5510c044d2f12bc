/* flows/flow_client: a client's flows, readable, and read back. */
#include <config.h>

#include "flows/flow_client.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "flows/flow_base.h"

static const struct fh_uplink plain_uplink = { .port = 10, .mtu = 1500 };

/* 10.0.0.10 on port 1, untagged, by decision 7. */
static struct fh_client
client(void)
{
    return (struct fh_client) {
        .address = { htonl(0x0a00000a) },
        .mac = { .ea = { 2, 0, 0, 0, 1, 0xa } },
        .port = 1,
        .router_mac = { .ea = { 2, 0, 0, 0, 0, 0xa } },
        .uplink = &plain_uplink,
        .decision = 7,
    };
}

static void
assert_flow(const struct fh_flow *flow, const char *expected)
{
    char *text = fh_flow_format(flow);

    assert_string_equal(text, expected);
    free(text);
}

/* Both flows of 'c', and what they say when they are read back. */
static void
assert_client(const struct fh_client *c, const char *source,
              const char *route)
{
    struct fh_flow flows[FLOW_CLIENT_N];
    struct flow_client_info info;
    struct fh_addr addr;
    uint16_t tpid;

    flow_client_build(c, flows);
    assert_flow(&flows[0], source);
    assert_flow(&flows[1], route);

    assert_true(flow_client_read(&flows[0], &info));
    assert_true(fh_addr_equal(info.address, c->address));
    assert_true(fh_mac_equal(info.mac, c->mac));
    assert_true(fh_vlan_equal(&info.vlan, &c->vlan));
    assert_int_equal(info.port, c->port);
    assert_int_equal(info.decision, c->decision);

    assert_true(flow_client_read_route(&flows[1], &addr, &tpid));
    assert_true(fh_addr_equal(addr, c->address));
    assert_int_equal(tpid, !c->vlan.n ? 0 : c->vlan.tpid ? c->vlan.tpid
                     : c->vlan.n == 1 ? 0x8100 : 0x88a8);
}

static void
an_untagged_client(void **state)
{
    struct fh_client c = client();

    assert_client(&c,
        "table=3 priority=500 cookie=0xf1a5030000000007 send_removed "
        "in_port=1 "
        "metadata=0x0 eth_src=02:00:00:00:01:0a "
        "reg0=0xa00000a actions=write_metadata:0xc000000a00000000,"
        "goto:4",
        "table=5 priority=500 cookie=0xf1a5030000000007 send_removed "
        "metadata=0x8000000a00000000/0x80ffffff03ffffff "
        "reg1=0xa00000a actions=set_eth_src:02:00:00:00:00:0a,"
        "set_eth_dst:02:00:00:00:01:0a,write_metadata:0x1,goto:7");
}

static void
a_client_under_one_tag(void **state)
{
    struct fh_client c = client();

    c.vlan = (struct fh_vlan) { .n = 1, .vids = { 100 } };
    assert_client(&c,
        "table=3 priority=500 cookie=0xf1a5030000000007 send_removed "
        "in_port=1 "
        "metadata=0x1000064 eth_src=02:00:00:00:01:0a "
        "reg0=0xa00000a actions=write_metadata:0xc000000a00000000,"
        "goto:4",
        "table=5 priority=500 cookie=0xf1a5030000000007 send_removed "
        "metadata=0x8000000a00000000/0x80ffffff03ffffff "
        "reg1=0xa00000a actions=set_eth_src:02:00:00:00:00:0a,"
        "set_eth_dst:02:00:00:00:01:0a,push_vlan:0x8100,set_vlan:100,"
        "write_metadata:0x1,goto:7");
}

static void
a_client_under_two_tags(void **state)
{
    struct fh_client c = client();

    c.vlan = (struct fh_vlan) { .n = 2, .vids = { 200, 100 } };
    assert_client(&c,
        "table=3 priority=500 cookie=0xf1a5030000000007 send_removed "
        "in_port=1 "
        "metadata=0x20640c8 eth_src=02:00:00:00:01:0a "
        "reg0=0xa00000a actions=write_metadata:0xc000000a00000000,"
        "goto:4",
        "table=5 priority=500 cookie=0xf1a5030000000007 send_removed "
        "metadata=0x8000000a00000000/0x80ffffff03ffffff "
        "reg1=0xa00000a actions=set_eth_src:02:00:00:00:00:0a,"
        "set_eth_dst:02:00:00:00:01:0a,push_vlan:0x8100,set_vlan:100,"
        "push_vlan:0x88a8,set_vlan:200,write_metadata:0x1,goto:7");
}

static void
a_client_whose_outer_ethertype_was_seen(void **state)
{
    struct fh_client c = client();

    c.vlan = (struct fh_vlan) { .n = 2, .vids = { 4094, 1 },
                                .tpid = 0x8100 };
    assert_client(&c,
        "table=3 priority=500 cookie=0xf1a5030000000007 send_removed "
        "in_port=1 "
        "metadata=0x2001ffe eth_src=02:00:00:00:01:0a "
        "reg0=0xa00000a actions=write_metadata:0xc000000a00000000,"
        "goto:4",
        "table=5 priority=500 cookie=0xf1a5030000000007 send_removed "
        "metadata=0x8000000a00000000/0x80ffffff03ffffff "
        "reg1=0xa00000a actions=set_eth_src:02:00:00:00:00:0a,"
        "set_eth_dst:02:00:00:00:01:0a,push_vlan:0x8100,set_vlan:1,"
        "push_vlan:0x8100,set_vlan:4094,write_metadata:0x1,goto:7");
}

static void
an_isolated_client_is_marked(void **state)
{
    struct fh_client c = client();

    c.isolate = true;
    assert_client(&c,
        "table=3 priority=500 cookie=0xf1a5030000000007 send_removed "
        "in_port=1 "
        "metadata=0x0 eth_src=02:00:00:00:01:0a "
        "reg0=0xa00000a actions=write_metadata:0xe000000a00000000,"
        "goto:4",
        "table=5 priority=500 cookie=0xf1a5030000000007 send_removed "
        "metadata=0x8000000a00000000/0x80ffffff03ffffff "
        "reg1=0xa00000a actions=set_eth_src:02:00:00:00:00:0a,"
        "set_eth_dst:02:00:00:00:01:0a,write_metadata:0x1,goto:7");
}

static void
a_tagged_uplink_is_another_domain(void **state)
{
    struct fh_uplink uplink = {
        .port = 10, .vlan = { .n = 1, .vids = { 7 } },
    };
    struct fh_client c = client();

    c.uplink = &uplink;
    assert_client(&c,
        "table=3 priority=500 cookie=0xf1a5030000000007 send_removed "
        "in_port=1 "
        "metadata=0x0 eth_src=02:00:00:00:01:0a "
        "reg0=0xa00000a actions=write_metadata:0xc000000a01000007,"
        "goto:4",
        "table=5 priority=500 cookie=0xf1a5030000000007 send_removed "
        "metadata=0x8000000a01000007/0x80ffffff03ffffff "
        "reg1=0xa00000a actions=set_eth_src:02:00:00:00:00:0a,"
        "set_eth_dst:02:00:00:00:01:0a,write_metadata:0x1,goto:7");
}

static void
a_client_that_is_lost_is_told_of_where_it_was_sent_to(void **state)
{
    struct fh_flow flows[FLOW_CLIENT_N], route;
    struct fh_client c = client();

    c.lost = true;
    flow_client_build(&c, flows);
    flow_client_build_route(&c, &route);
    assert_true(fh_flow_same(&flows[1], &route));
    assert_flow(&route,
        "table=5 priority=500 cookie=0xf1a5030000000007 send_removed "
        "metadata=0x8000000a00000000/0x80ffffff03ffffff "
        "reg1=0xa00000a actions=set_eth_src:02:00:00:00:00:0a,"
        "set_eth_dst:02:00:00:00:01:0a,write_metadata:0x100000000000001,"
        "goto:7");
    c.lost = false;
    flow_client_build_route(&c, &route);
    assert_true(fh_flow_same_key(&flows[1], &route));
    assert_false(fh_flow_same(&flows[1], &route));
}

/* Reading what is not ours, or not what we would write. */

static void
other_flows_are_no_client(void **state)
{
    struct fh_client c = client();
    struct fh_flow flows[FLOW_CLIENT_N], flow;
    struct flow_client_info info;
    struct fh_addr addr;
    uint16_t tpid;

    flow_client_build(&c, flows);
    assert_false(flow_client_read(&flows[1], &info));
    assert_false(flow_client_read_route(&flows[0], &addr, &tpid));

    flow = flows[0];
    flow.cookie = 7;            /* Somebody else's. */
    assert_false(flow_client_read(&flow, &info));
    flow.cookie = fh_cookie(FH_KIND_BASE, 7);
    assert_false(flow_client_read(&flow, &info));
    flow = flows[1];
    flow.cookie = fh_cookie(FH_KIND_UPLINK, 7);
    assert_false(flow_client_read_route(&flow, &addr, &tpid));
}

static void
a_source_flow_that_says_more_or_less_is_not_believed(void **state)
{
    struct fh_client c = client();
    struct fh_flow flows[FLOW_CLIENT_N], flow;
    struct flow_client_info info;

    flow_client_build(&c, flows);
    for (unsigned int bit = 0; bit < 18; bit++) {
        flow = flows[0];
        flow.match.fields ^= UINT32_C(1) << bit;
        assert_false(flow_client_read(&flow, &info));
    }
    flow = flows[0];
    flow.match.metadata = UINT64_C(3) << 24;    /* Three tags. */
    assert_false(flow_client_read(&flow, &info));
    flow = flows[0];
    flow.match.metadata |= FLOW_META_ROUTING;
    assert_false(flow_client_read(&flow, &info));
}

static void
a_route_with_unknown_actions_is_not_read(void **state)
{
    struct fh_client c = client();
    struct fh_flow flows[FLOW_CLIENT_N];
    struct fh_addr addr;
    uint16_t tpid;

    flow_client_build(&c, flows);
    flows[1].n_actions = UINT8_MAX;
    assert_false(flow_client_read_route(&flows[1], &addr, &tpid));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_untagged_client),
        cmocka_unit_test(a_client_under_one_tag),
        cmocka_unit_test(a_client_under_two_tags),
        cmocka_unit_test(a_client_whose_outer_ethertype_was_seen),
        cmocka_unit_test(an_isolated_client_is_marked),
        cmocka_unit_test(a_tagged_uplink_is_another_domain),
        cmocka_unit_test(
            a_client_that_is_lost_is_told_of_where_it_was_sent_to),
        cmocka_unit_test(other_flows_are_no_client),
        cmocka_unit_test(a_source_flow_that_says_more_or_less_is_not_believed),
        cmocka_unit_test(a_route_with_unknown_actions_is_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
