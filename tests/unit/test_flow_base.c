/* flows/flow_base: what every router's bridge holds, readable. */
#include <config.h>

#include "flows/flow_base.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <firsthop/buf.h>

#include "flows/arp.h"

#define ACCESS 1
#define UPLINK 10

/* A router with one access port, one uplink and one segment, 10.0.0.0/24;
 * tests change what they are about. */
struct fixture {
    struct fh_router router;
    struct fh_port_limits access;
    struct fh_uplink uplink;
    struct fh_segment segment;
    struct fh_vlan vlan;
    struct fh_prefix prefix;
    struct eth_addr other_mac;
    struct flow_set *flows;
};

static int
set_up(void **state)
{
    struct fixture *f = fh_xcalloc(1, sizeof *f);

    f->access = (struct fh_port_limits) { ACCESS, 1000, 9000, 2000 };
    f->uplink = (struct fh_uplink) {
        .port = UPLINK, .address = { htonl(0xc0000202) },
        .next_hop_mac = { .ea = { 2, 0, 0, 0, 0, 1 } }, .mtu = 1500,
    };
    f->prefix = (struct fh_prefix) { { htonl(0x0a000000) }, 24 };
    f->other_mac = (struct eth_addr) { .ea = { 2, 0, 0, 0, 0, 0xb } };
    f->segment = (struct fh_segment) {
        .vlans = &f->vlan, .n_vlans = 1,
        .prefixes = &f->prefix, .n_prefixes = 1,
        .other_macs = &f->other_mac, .n_other_macs = 1,
        .gateway = { htonl(0x0a000001) }, .local = { htonl(0x0a000002) },
        .uplink = &f->uplink,
    };
    f->router = (struct fh_router) {
        .mac = { .ea = { 2, 0, 0, 0, 0, 0xa } },
        .access = &f->access, .n_access = 1,
        .uplinks = &f->uplink, .n_uplinks = 1,
        .segments = &f->segment, .n_segments = 1,
    };
    f->flows = flow_set_create();
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    flow_set_destroy(f->flows);
    free(f);
    return 0;
}

struct filter {
    int table, priority;        /* -1: any. */
    struct fh_buf text;
};

static void
add_line(const struct fh_flow *flow, void *filter_)
{
    struct filter *filter = filter_;
    char *text;

    if ((filter->table >= 0 && flow->table != filter->table)
        || (filter->priority >= 0 && flow->priority != filter->priority)) {
        return;
    }
    text = fh_flow_format(flow);
    fh_buf_append(&filter->text, text, strlen(text));
    fh_buf_append(&filter->text, "\n", 1);
    free(text);
}

/* The flows of 'table' with 'priority', -1 for any, a line each. */
static void
assert_flows(struct fixture *f, int table, int priority,
             const char *expected)
{
    struct filter filter = { .table = table, .priority = priority };

    flow_base_build(&f->router, f->flows);
    flow_set_for_each(f->flows, add_line, &filter);
    fh_buf_append(&filter.text, "", 1);
    assert_string_equal((const char *) filter.text.data, expected);
    fh_buf_destroy(&filter.text);
}

/* Beacons. */

static void
a_beacon_is_answered_to_where_it_came_from(void **state)
{
    static const struct fh_beacon beacons[] = {
        { ACCESS, { .n = 0 }, { .ea = { 2, 0, 0, 0, 0, 0xb } }, { 0 }, { 0 } },
        { ACCESS, { .n = 0 }, { .ea = { 2, 0, 0, 0, 0, 0xb } }, { 0 }, { 0 } },
        { UPLINK, { .n = 2, .vids = { 200, 100 } },
          { .ea = { 2, 0, 0, 0, 0, 0xb } }, { 0 }, { 0 } },
    };
    struct fixture *f = *state;
    struct fh_beacon mine[3];

    memcpy(mine, beacons, sizeof mine);
    for (int i = 0; i < 3; i++) {
        mine[i].from.ip4 = htonl(0x0a000003);
        mine[i].to.ip4 = htonl(0x0a000002);
    }
    f->router.beacons = mine;
    f->router.n_beacons = 3;
    assert_flows(f, FH_TABLE_CLASSIFY, 450,
        "table=0 priority=450 cookie=0xf1a5010000000000 in_port=1 "
        "eth_src=42:00:00:00:00:0b eth_dst=42:00:00:00:00:0a eth_type=0x0806 "
        "vlan=none arp_op=1 arp_spa=10.0.0.3 arp_tpa=10.0.0.2 "
        "actions=set_eth_src:42:00:00:00:00:0a,"
        "set_eth_dst:42:00:00:00:00:0b,set_arp_op:2,"
        "set_arp_sha:42:00:00:00:00:0a,set_arp_spa:10.0.0.2,"
        "set_arp_tpa:10.0.0.3,output:in_port\n"
        "table=0 priority=450 cookie=0xf1a5010000000000 in_port=1 "
        "eth_dst=42:00:00:00:00:0a eth_type=0x0806 arp_op=2 "
        "actions=meter:33,controller\n"
        "table=0 priority=450 cookie=0xf1a5010000000000 in_port=10 "
        "eth_src=42:00:00:00:00:0b eth_dst=42:00:00:00:00:0a eth_type=0x0806 "
        "vlan=200 arp_op=1 arp_spa=10.0.0.3 arp_tpa=10.0.0.2 "
        "actions=set_eth_src:42:00:00:00:00:0a,"
        "set_eth_dst:42:00:00:00:00:0b,set_arp_op:2,"
        "set_arp_sha:42:00:00:00:00:0a,set_arp_spa:10.0.0.2,"
        "set_arp_tpa:10.0.0.3,output:in_port\n"
        "table=0 priority=450 cookie=0xf1a5010000000000 in_port=10 "
        "eth_dst=42:00:00:00:00:0a eth_type=0x0806 arp_op=2 "
        "actions=meter:123,controller\n");
}

/* Untagged. */

static void
arp_of_our_ports_is_punted_by_its_meter(void **state)
{
    assert_flows(*state, FH_TABLE_CLASSIFY, 400,
        "table=0 priority=400 cookie=0xf1a5010000000000 in_port=1 "
        "eth_type=0x0806 reg3=0x2 arp_op=1 actions=meter:26,controller\n"
        "table=0 priority=400 cookie=0xf1a5010000000000 in_port=1 "
        "eth_dst=ff:ff:ff:ff:ff:ff eth_type=0x0806 arp_op=2 actions=meter:26,controller\n"
        "table=0 priority=400 cookie=0xf1a5010000000000 in_port=10 "
        "eth_type=0x0806 reg3=0x2 arp_op=1 actions=meter:116,controller\n"
        "table=0 priority=400 cookie=0xf1a5010000000000 in_port=10 "
        "eth_dst=ff:ff:ff:ff:ff:ff eth_type=0x0806 arp_op=2 actions=meter:116,controller\n");
}

static void
replies_to_us_have_a_meter_of_their_own(void **state)
{
    assert_flows(*state, FH_TABLE_CLASSIFY, 460,
        "table=0 priority=460 cookie=0xf1a5010000000000 in_port=1 "
        "eth_dst=02:00:00:00:00:0a eth_type=0x0806 arp_op=2 actions=meter:27,controller\n"
        "table=0 priority=460 cookie=0xf1a5010000000000 in_port=10 "
        "eth_dst=02:00:00:00:00:0a eth_type=0x0806 arp_op=2 actions=meter:117,controller\n");
}

/* Whatever it is. */
static void
what_comes_from_our_own_mac_is_punted(void **state)
{
    assert_flows(*state, FH_TABLE_CLASSIFY, 440,
        "table=0 priority=440 cookie=0xf1a5010000000000 in_port=1 "
        "eth_src=02:00:00:00:00:0a actions=meter:28,controller\n"
        "table=0 priority=440 cookie=0xf1a5010000000000 in_port=10 "
        "eth_src=02:00:00:00:00:0a actions=meter:118,controller\n");
}

static void
ipv4_to_one_of_the_segment_s_routers_goes_on(void **state)
{
    assert_flows(*state, FH_TABLE_CLASSIFY, 300,
        "table=0 priority=300 cookie=0xf1a5010000000000 in_port=1 "
        "eth_dst=02:00:00:00:00:0a vlan=0 "
        "actions=pop_vlan,write_metadata:0x1000000,goto:1\n"
        "table=0 priority=300 cookie=0xf1a5010000000000 in_port=1 "
        "eth_dst=02:00:00:00:00:0a vlan=none "
        "actions=write_metadata:0x0,goto:2\n"
        "table=0 priority=300 cookie=0xf1a5010000000000 in_port=1 "
        "eth_dst=02:00:00:00:00:0b vlan=0 "
        "actions=pop_vlan,write_metadata:0x1000000,goto:1\n"
        "table=0 priority=300 cookie=0xf1a5010000000000 in_port=1 "
        "eth_dst=02:00:00:00:00:0b vlan=none "
        "actions=write_metadata:0x0,goto:2\n"
        "table=0 priority=300 cookie=0xf1a5010000000000 in_port=10 "
        "eth_dst=02:00:00:00:00:0a vlan=0 "
        "actions=pop_vlan,write_metadata:0xa01000000,goto:1\n"
        "table=0 priority=300 cookie=0xf1a5010000000000 in_port=10 "
        "eth_dst=02:00:00:00:00:0a vlan=none "
        "actions=write_metadata:0x8000000a00000000,goto:4\n");
}

static void
behind_a_priority_tag_there_is_no_tag(void **state)
{
    assert_flows(*state, FH_TABLE_INNER, -1,
        "table=1 priority=300 cookie=0xf1a5010000000000 "
        "metadata=0x1000000 vlan=none "
        "actions=write_metadata:0x0,goto:2\n"
        "table=1 priority=300 cookie=0xf1a5010000000000 "
        "metadata=0xa01000000 vlan=none "
        "actions=write_metadata:0x8000000a00000000,goto:4\n");
}

static void
anything_else_of_our_ports_is_dropped(void **state)
{
    assert_flows(*state, FH_TABLE_CLASSIFY, 1,
        "table=0 priority=1 cookie=0xf1a5010000000000 in_port=1 "
        "actions=drop\n"
        "table=0 priority=1 cookie=0xf1a5010000000000 in_port=10 "
        "actions=drop\n");
}

static void
who_asks_too_much_is_not_heard_for_a_while(void **state)
{
    struct eth_addr mac = { { { 2, 0, 0, 0, 1, 0x0f } } };
    struct fh_flow flow;
    char *text;

    flow_base_build_mute(ACCESS, mac, 100, &flow);
    text = fh_flow_format(&flow);
    assert_string_equal(text,
        "table=0 priority=410 cookie=0xf1a5080000000000 hard_timeout=5 "
        "in_port=1 eth_src=02:00:00:00:01:0f eth_type=0x0806 vlan=100 "
        "arp_op=1 actions=drop");
    free(text);
}

static void
routes_without_any_client(void **state)
{
    assert_flows(*state, FH_TABLE_ROUTE, 900,
        "table=4 priority=900 cookie=0xf1a5010000000000 "
        "metadata=0x8000000a00000000/0x80ffffff03ffffff "
        "eth_type=0x0800 ip_dst=10.0.0.1 ip_proto=1 icmp_type=8 "
        "actions=resubmit:15,goto:9\n"
        "table=4 priority=900 cookie=0xf1a5010000000000 "
        "metadata=0x8000000a00000000/0x80ffffff03ffffff "
        "eth_type=0x0800 ip_dst=10.0.0.2 ip_proto=1 icmp_type=8 "
        "actions=resubmit:15,goto:9\n"
        "table=4 priority=900 cookie=0xf1a5010000000000 "
        "metadata=0x8000000a00000000/0x80ffffff03ffffff "
        "eth_type=0x0800 ip_dst=192.0.2.2 ip_proto=1 icmp_type=8 "
        "actions=resubmit:15,goto:9\n");
    assert_flows(*state, FH_TABLE_ROUTE, 890,
        "table=4 priority=890 cookie=0xf1a5010000000000 "
        "metadata=0x8000000a00000000/0x80ffffff03ffffff "
        "eth_type=0x0800 ip_dst=10.0.0.1 actions=drop\n"
        "table=4 priority=890 cookie=0xf1a5010000000000 "
        "metadata=0x8000000a00000000/0x80ffffff03ffffff "
        "eth_type=0x0800 ip_dst=10.0.0.2 actions=drop\n"
        "table=4 priority=890 cookie=0xf1a5010000000000 "
        "metadata=0x8000000a00000000/0x80ffffff03ffffff "
        "eth_type=0x0800 ip_dst=192.0.2.2 actions=drop\n");
    assert_flows(*state, FH_TABLE_ROUTE, 850,
        "table=4 priority=850 cookie=0xf1a5010000000000 "
        "eth_type=0x0800 ip_dst=224.0.0.0/224.0.0.0 actions=drop\n"
        "table=4 priority=850 cookie=0xf1a5010000000000 "
        "eth_type=0x0800 ip_dst=0.0.0.0/255.0.0.0 actions=drop\n"
        "table=4 priority=850 cookie=0xf1a5010000000000 "
        "eth_type=0x0800 ip_dst=127.0.0.0/255.0.0.0 actions=drop\n"
        "table=4 priority=850 cookie=0xf1a5010000000000 "
        "metadata=0x8000000a00000000/0x80ffffff03ffffff "
        "eth_type=0x0800 ip_dst=10.0.0.255 actions=drop\n");
    assert_flows(*state, FH_TABLE_ROUTE, 500,
        "table=4 priority=500 cookie=0xf1a5010000000000 "
        "metadata=0x8000000a00000000/0x80ffffff03ffffff "
        "eth_type=0x0800 ip_dst=10.0.0.0/255.255.255.0 "
        "actions=move:ip_dst->reg1,goto:5\n");
    assert_flows(*state, FH_TABLE_ROUTE, 100,
        "table=4 priority=100 cookie=0xf1a5010000000000 "
        "metadata=0xc000000a00000000/0xc0ffffff03ffffff "
        "eth_type=0x0800 actions=check_larger:1514,goto:6\n");
}

/* Ping to ourselves, while the controller is there. */
static void
a_ping_is_punted_while_the_controller_is_there(void **state)
{
    assert_flows(*state, FH_TABLE_ECHO, 200,
        "table=9 priority=200 cookie=0xf1a5010000000000 reg3=0x2 "
        "actions=write_metadata:0x100000000000000/0x300000000000000,goto:10\n");
}

/* A client that is not here: the core is told, a neighbour sent on to it. */
static void
who_is_not_here_is_the_core_s(void **state)
{
    assert_flows(*state, FH_TABLE_CLIENT, -1,
        "table=5 priority=100 cookie=0xf1a5010000000000 "
        "metadata=0xc000000a00000000/0xc0ffffff03ffffff eth_type=0x0800 "
        "actions=check_larger:1514,resubmit:6,"
        "write_metadata:0xc800000a00000000,goto:10\n"
        "table=5 priority=400 cookie=0xf1a5010000000000 "
        "metadata=0x8000000a00000000/0xc0ffffff03ffffff eth_type=0x0800 "
        "actions=write_metadata:0x100000000000000/0x300000000000000,goto:10\n");
}

static void
the_sender_s_address_is_noted_if_it_is_of_a_segment(void **state)
{
    assert_flows(*state, FH_TABLE_SENDER, -1,
        "table=2 priority=300 cookie=0xf1a5010000000000 eth_type=0x0800 "
        "ip_src=10.0.0.0/255.255.255.0 actions=move:ip_src->reg0,goto:3\n"
        "table=2 priority=300 cookie=0xf1a5010000000000 eth_type=0x0806 "
        "arp_op=1 arp_spa=10.0.0.0/255.255.255.0 "
        "actions=move:arp_spa->reg0,goto:3\n");
}

static void
what_goes_to_a_client_has_made_a_hop_but_answers_have_not(void **state)
{
    assert_flows(*state, FH_TABLE_HOP, -1,
        "table=7 priority=100 cookie=0xf1a5010000000000 eth_type=0x0800 "
        "actions=dec_ttl,write_metadata:0x0/0x400000000000000,goto:8\n"
        "table=7 priority=100 cookie=0xf1a5010000000000 eth_type=0x0806 "
        "arp_op=2 actions=goto:8\n"
        "table=7 priority=100 cookie=0xf1a5010000000000 eth_type=0x0806 "
        "arp_op=1 actions=goto:13\n"
        "table=7 priority=200 cookie=0xf1a5010000000000 "
        "metadata=0x400000000000000/0x400000000000000 eth_type=0x0806 "
        "actions=drop\n");
}

/* From clients whatever it is for, from the core what is for clients. */
static void
what_has_come_to_the_end_of_its_ttl_is_punted(void **state)
{
    assert_flows(*state, FH_TABLE_ROUTE, 600,
        "table=4 priority=600 cookie=0xf1a5010000000000 "
        "metadata=0x8000000a00000000/0xc0ffffff03ffffff "
        "eth_type=0x0800 ip_dst=10.0.0.0/255.255.255.0 ip_ttl=0 "
        "actions=write_metadata:0x200000000000000/0x300000000000000,goto:10\n"
        "table=4 priority=600 cookie=0xf1a5010000000000 "
        "metadata=0x8000000a00000000/0xc0ffffff03ffffff "
        "eth_type=0x0800 ip_dst=10.0.0.0/255.255.255.0 ip_ttl=1 "
        "actions=write_metadata:0x200000000000000/0x300000000000000,goto:10\n"
        "table=4 priority=600 cookie=0xf1a5010000000000 "
        "metadata=0xc000000a00000000/0xc0ffffff03ffffff "
        "eth_type=0x0800 ip_ttl=0 actions=write_metadata:0x200000000000000/0x300000000000000,goto:10\n"
        "table=4 priority=600 cookie=0xf1a5010000000000 "
        "metadata=0xc000000a00000000/0xc0ffffff03ffffff "
        "eth_type=0x0800 ip_ttl=1 actions=write_metadata:0x200000000000000/0x300000000000000,goto:10\n");
}

static void
what_is_too_long_for_the_uplink_is_punted(void **state)
{
    struct fixture *f = *state;

    f->uplink.mtu = 9000;
    assert_flows(f, FH_TABLE_ROUTE, 100,
        "table=4 priority=100 cookie=0xf1a5010000000000 "
        "metadata=0xc000000a00000000/0xc0ffffff03ffffff "
        "eth_type=0x0800 actions=check_larger:9014,goto:6\n");
    assert_flows(f, FH_TABLE_MTU, -1,
        "table=6 priority=200 cookie=0xf1a5010000000000 "
        "metadata=0xd000000a00000000/0xd0ffffff03ffffff "
        "eth_type=0x0800 actions=write_metadata:0x300000000000000/0x300000000000000,goto:10\n"
        "table=6 priority=100 cookie=0xf1a5020000000000 "
        "metadata=0xc000000a00000000/0xc0ffffff03ffffff "
        "eth_type=0x0800 actions=dec_ttl,"
        "set_eth_src:02:00:00:00:00:0a,set_eth_dst:02:00:00:00:00:01,"
        "write_metadata:0xa,goto:8\n");
}

static void
nothing_is_too_long_for_an_uplink_that_takes_every_packet(void **state)
{
    struct fixture *f = *state;

    f->uplink.mtu = 65535;
    assert_flows(f, FH_TABLE_ROUTE, 100,
        "table=4 priority=100 cookie=0xf1a5010000000000 "
        "metadata=0xc000000a00000000/0xc0ffffff03ffffff "
        "eth_type=0x0800 actions=check_larger:65535,goto:6\n");
}

static void
a_frame_leaves_even_by_the_port_that_it_came_in_by(void **state)
{
    assert_flows(*state, FH_TABLE_OUTPUT, -1,
        "table=8 priority=100 cookie=0xf1a5010000000000 metadata=0x1 "
        "actions=output:1\n"
        "table=8 priority=200 cookie=0xf1a5010000000000 in_port=1 "
        "metadata=0x1 actions=output:in_port\n"
        "table=8 priority=100 cookie=0xf1a5010000000000 "
        "metadata=0x100000000000001 actions=output:1,goto:10\n"
        "table=8 priority=200 cookie=0xf1a5010000000000 in_port=1 "
        "metadata=0x100000000000001 actions=output:in_port,goto:10\n"
        "table=8 priority=100 cookie=0xf1a5010000000000 metadata=0xa "
        "actions=output:10\n"
        "table=8 priority=200 cookie=0xf1a5010000000000 in_port=10 "
        "metadata=0xa actions=output:in_port\n");
}

static void
what_is_owed_an_answer_is_punted_by_a_meter_of_its_port(void **state)
{
    assert_flows(*state, FH_TABLE_PUNT, -1,
        "table=10 priority=100 cookie=0xf1a5010000000000 in_port=1 "
        "metadata=0x100000000000000/0x300000000000000 "
        "actions=meter:30,controller\n"
        "table=10 priority=100 cookie=0xf1a5010000000000 in_port=1 "
        "metadata=0x200000000000000/0x300000000000000 "
        "actions=meter:31,controller\n"
        "table=10 priority=100 cookie=0xf1a5010000000000 in_port=1 "
        "metadata=0x300000000000000/0x300000000000000 "
        "actions=meter:32,controller\n"
        "table=10 priority=100 cookie=0xf1a5010000000000 in_port=1 "
        "metadata=0x800000000000000/0x800000000000000 "
        "actions=meter:35,controller\n"
        "table=10 priority=100 cookie=0xf1a5010000000000 in_port=10 "
        "metadata=0x100000000000000/0x300000000000000 "
        "actions=meter:120,controller\n"
        "table=10 priority=100 cookie=0xf1a5010000000000 in_port=10 "
        "metadata=0x200000000000000/0x300000000000000 "
        "actions=meter:121,controller\n"
        "table=10 priority=100 cookie=0xf1a5010000000000 in_port=10 "
        "metadata=0x300000000000000/0x300000000000000 "
        "actions=meter:122,controller\n");
}

static void
nobody_is_a_client_by_the_base_flows_alone(void **state)
{
    assert_flows(*state, FH_TABLE_SOURCE, -1, "");
}

/* Tags. */

static void
one_tag_is_popped_and_no_second_one_let_through(void **state)
{
    struct fixture *f = *state;

    f->segment.n_other_macs = 0;
    f->vlan = (struct fh_vlan) { .n = 1, .vids = { 100 } };
    assert_flows(f, FH_TABLE_CLASSIFY, 300,
        "table=0 priority=300 cookie=0xf1a5010000000000 in_port=1 "
        "eth_dst=02:00:00:00:00:0a vlan=0 "
        "actions=pop_vlan,write_metadata:0x1000000,goto:1\n"
        "table=0 priority=300 cookie=0xf1a5010000000000 in_port=1 "
        "eth_dst=02:00:00:00:00:0a vlan=100 actions=pop_vlan,"
        "write_metadata:0x1000064,goto:1\n"
        "table=0 priority=300 cookie=0xf1a5010000000000 in_port=10 "
        "eth_dst=02:00:00:00:00:0a vlan=0 "
        "actions=pop_vlan,write_metadata:0xa01000000,goto:1\n"
        "table=0 priority=300 cookie=0xf1a5010000000000 in_port=10 "
        "eth_dst=02:00:00:00:00:0a vlan=none "
        "actions=write_metadata:0x8000000a00000000,goto:4\n");
    assert_flows(f, FH_TABLE_INNER, -1,
        "table=1 priority=300 cookie=0xf1a5010000000000 "
        "metadata=0x1000000 vlan=100 "
        "actions=pop_vlan,write_metadata:0x1000064,goto:2\n"
        "table=1 priority=300 cookie=0xf1a5010000000000 "
        "metadata=0x1000064 vlan=none "
        "actions=write_metadata:0x1000064,goto:2\n"
        "table=1 priority=300 cookie=0xf1a5010000000000 "
        "metadata=0x1000064 vlan=0 "
        "actions=pop_vlan,write_metadata:0x1000064,goto:2\n"
        "table=1 priority=300 cookie=0xf1a5010000000000 "
        "metadata=0xa01000000 vlan=none "
        "actions=write_metadata:0x8000000a00000000,goto:4\n");
}

static void
two_tags_are_matched_one_after_the_other(void **state)
{
    struct fixture *f = *state;

    f->segment.n_other_macs = 0;
    f->vlan = (struct fh_vlan) { .n = 2, .vids = { 200, 100 } };
    assert_flows(f, FH_TABLE_CLASSIFY, 300,
        "table=0 priority=300 cookie=0xf1a5010000000000 in_port=1 "
        "eth_dst=02:00:00:00:00:0a vlan=200 actions=pop_vlan,"
        "write_metadata:0x10000c8,goto:1\n"
        "table=0 priority=300 cookie=0xf1a5010000000000 in_port=10 "
        "eth_dst=02:00:00:00:00:0a vlan=0 "
        "actions=pop_vlan,write_metadata:0xa01000000,goto:1\n"
        "table=0 priority=300 cookie=0xf1a5010000000000 in_port=10 "
        "eth_dst=02:00:00:00:00:0a vlan=none "
        "actions=write_metadata:0x8000000a00000000,goto:4\n");
    assert_flows(f, FH_TABLE_INNER, -1,
        "table=1 priority=300 cookie=0xf1a5010000000000 "
        "metadata=0x10000c8 vlan=100 actions=pop_vlan,"
        "write_metadata:0x20640c8,goto:2\n"
        "table=1 priority=300 cookie=0xf1a5010000000000 "
        "metadata=0xa01000000 vlan=none "
        "actions=write_metadata:0x8000000a00000000,goto:4\n");
}

static void
the_same_tag_on_both_sides_is_told_apart(void **state)
{
    struct fixture *f = *state;

    f->segment.n_other_macs = 0;
    f->vlan = (struct fh_vlan) { .n = 1, .vids = { 100 } };
    f->uplink.vlan = f->vlan;
    assert_flows(f, FH_TABLE_INNER, -1,
        "table=1 priority=300 cookie=0xf1a5010000000000 "
        "metadata=0x1000000 vlan=100 "
        "actions=pop_vlan,write_metadata:0x1000064,goto:2\n"
        "table=1 priority=300 cookie=0xf1a5010000000000 "
        "metadata=0x1000064 vlan=none "
        "actions=write_metadata:0x1000064,goto:2\n"
        "table=1 priority=300 cookie=0xf1a5010000000000 "
        "metadata=0x1000064 vlan=0 "
        "actions=pop_vlan,write_metadata:0x1000064,goto:2\n"
        "table=1 priority=300 cookie=0xf1a5010000000000 "
        "metadata=0xa01000000 vlan=100 "
        "actions=pop_vlan,write_metadata:0x8000000a01000064,goto:4\n"
        "table=1 priority=300 cookie=0xf1a5010000000000 "
        "metadata=0xa01000064 vlan=none "
        "actions=write_metadata:0x8000000a01000064,goto:4\n"
        "table=1 priority=300 cookie=0xf1a5010000000000 "
        "metadata=0xa01000064 vlan=0 "
        "actions=pop_vlan,write_metadata:0x8000000a01000064,goto:4\n");
}

/* Special cases. */

static void
isolated_clients_do_not_reach_each_other(void **state)
{
    struct fixture *f = *state;

    f->segment.isolate = true;
    assert_flows(f, FH_TABLE_ROUTE, 800,
        "table=4 priority=800 cookie=0xf1a5010000000000 "
        "metadata=0xe000000a00000000/0xe0ffffff03ffffff "
        "eth_type=0x0800 ip_dst=10.0.0.0/255.255.255.0 actions=drop\n");
}

static void
a_point_to_point_prefix_has_no_broadcast_address(void **state)
{
    struct fixture *f = *state;
    size_t n;

    flow_base_build(&f->router, f->flows);
    n = flow_set_count(f->flows);
    for (uint8_t plen = 31; plen <= 32; plen++) {
        struct flow_set *flows = flow_set_create();

        f->prefix.plen = plen;
        flow_base_build(&f->router, flows);
        assert_int_equal(flow_set_count(flows), n - 1);
        flow_set_destroy(flows);
    }
}

static void
an_unresolved_next_hop_has_no_way_to_it(void **state)
{
    struct fixture *f = *state;
    struct fh_flow flow = { .priority = 77 };

    memset(&f->uplink.next_hop_mac, 0, sizeof f->uplink.next_hop_mac);
    assert_flows(f, FH_TABLE_MTU, 100, "");
    assert_false(flow_uplink_build(&f->uplink, f->router.mac, &flow));
    assert_int_equal(flow.priority, 77);
}

static void
two_uplinks_with_one_port_are_two_domains(void **state)
{
    struct fixture *f = *state;
    struct fh_uplink uplinks[2] = { f->uplink, f->uplink };

    uplinks[1].vlan = (struct fh_vlan) { .n = 1, .vids = { 7 } };
    f->router.uplinks = uplinks;
    f->router.n_uplinks = 2;
    assert_true(flow_meta_domain(&uplinks[0])
                != flow_meta_domain(&uplinks[1]));
    assert_flows(f, FH_TABLE_MTU, 100,
        "table=6 priority=100 cookie=0xf1a5020000000000 "
        "metadata=0xc000000a00000000/0xc0ffffff03ffffff "
        "eth_type=0x0800 actions=dec_ttl,"
        "set_eth_src:02:00:00:00:00:0a,set_eth_dst:02:00:00:00:00:01,"
        "write_metadata:0xa,goto:8\n"
        "table=6 priority=100 cookie=0xf1a5020000000000 "
        "metadata=0xc000000a01000007/0xc0ffffff03ffffff "
        "eth_type=0x0800 actions=dec_ttl,"
        "set_eth_src:02:00:00:00:00:0a,set_eth_dst:02:00:00:00:00:01,"
        "push_vlan:0x8100,set_vlan:7,write_metadata:0xa,goto:8\n");
}

static void
the_next_hop_can_be_read_back(void **state)
{
    struct fixture *f = *state;
    struct eth_addr mac;
    struct fh_flow flow;
    uint64_t domain;
    uint16_t tpid;

    f->uplink.vlan = (struct fh_vlan) { .n = 2, .vids = { 4094, 1 } };
    assert_true(flow_uplink_build(&f->uplink, f->router.mac, &flow));
    assert_true(flow_uplink_read(&flow, &domain, &mac, &tpid));
    assert_true(domain == flow_meta_domain(&f->uplink));
    assert_true(fh_mac_equal(mac, f->uplink.next_hop_mac));
    assert_int_equal(tpid, ETHERTYPE_8021AD);

    f->uplink.vlan.tpid = ETHERTYPE_8021Q;
    assert_true(flow_uplink_build(&f->uplink, f->router.mac, &flow));
    assert_true(flow_uplink_read(&flow, &domain, &mac, &tpid));
    assert_int_equal(tpid, ETHERTYPE_8021Q);

    f->uplink.vlan.n = 0;
    assert_true(flow_uplink_build(&f->uplink, f->router.mac, &flow));
    assert_true(flow_uplink_read(&flow, &domain, &mac, &tpid));
    assert_int_equal(tpid, 0);

    flow.n_actions = UINT8_MAX;
    assert_false(flow_uplink_read(&flow, &domain, &mac, &tpid));
    flow.n_actions = 0;
    assert_false(flow_uplink_read(&flow, &domain, &mac, &tpid));
    flow.cookie = fh_cookie(FH_KIND_CLIENT, 1);
    assert_false(flow_uplink_read(&flow, &domain, &mac, &tpid));
}

static void
stacks_that_differ_differ_in_metadata(void **state)
{
    static const struct fh_vlan stacks[] = {
        { .n = 0 }, { .n = 1, .vids = { 1 } }, { .n = 1, .vids = { 4094 } },
        { .n = 2, .vids = { 1, 1 } }, { .n = 2, .vids = { 1, 2 } },
        { .n = 2, .vids = { 2, 1 } }, { .n = 2, .vids = { 4094, 4094 } },
    };
    const size_t n = sizeof stacks / sizeof stacks[0];

    for (size_t i = 0; i < n; i++) {
        assert_false(flow_meta_stack(&stacks[i]) & ~FLOW_META_STACK_MASK);
        for (size_t j = 0; j < i; j++) {
            assert_true(flow_meta_stack(&stacks[i])
                        != flow_meta_stack(&stacks[j]));
        }
    }
}

/* DHCP. */

static void
broadcast_dhcp_of_access_ports_is_punted_by_its_meter(void **state)
{
    assert_flows(*state, FH_TABLE_CLASSIFY, 350,
        "table=0 priority=350 cookie=0xf1a5010000000000 in_port=1 "
        "eth_dst=ff:ff:ff:ff:ff:ff eth_type=0x0800 ip_proto=17 udp_dst=67 "
        "actions=meter:29,controller\n");
}

static void
senders_that_nobody_knows_are_punted_where_whoever_speaks_is_learnt(
    void **state)
{
    struct fixture *f = *state;

    assert_flows(f, FH_TABLE_SOURCE, 100, "");
    f->vlan = (struct fh_vlan) { .n = 1, .vids = { 100 } };
    f->segment.learns = true;
    assert_flows(f, FH_TABLE_SOURCE, 100,
        "table=3 priority=100 cookie=0xf1a5010000000000 in_port=1 "
        "metadata=0x1000064 eth_dst=02:00:00:00:00:0a "
        "eth_type=0x0800 actions=meter:34,controller\n");
}

static void
without_servers_no_other_dhcp_is_punted(void **state)
{
    assert_flows(*state, FH_TABLE_ROUTE, 895, "");
}

static void
dhcp_with_a_server_is_punted(void **state)
{
    const struct fh_addr server = { htonl(0xc6336443) };
    struct fixture *f = *state;

    f->segment.dhcp_servers = &server;
    f->segment.n_dhcp_servers = 1;
    assert_flows(f, FH_TABLE_ROUTE, 895,
        "table=4 priority=895 cookie=0xf1a5010000000000 in_port=1 "
        "metadata=0xc000000a00000000/0xc0ffffff03ffffff eth_type=0x0800 "
        "reg3=0x0 ip_dst=198.51.100.67 ip_proto=17 udp_dst=67 "
        "actions=resubmit:15,resubmit:4\n"
        "table=4 priority=895 cookie=0xf1a5010000000000 in_port=1 "
        "metadata=0xc000000a00000000/0xc0ffffff03ffffff eth_type=0x0800 "
        "reg3=0x2 ip_dst=198.51.100.67 ip_proto=17 udp_dst=67 "
        "actions=meter:29,controller\n"
        "table=4 priority=895 cookie=0xf1a5010000000000 "
        "metadata=0x8000000a00000000/0xc0ffffff03ffffff eth_type=0x0800 "
        "reg3=0x0 ip_src=198.51.100.67 ip_dst=192.0.2.2 ip_proto=17 "
        "udp_dst=67 actions=resubmit:15,resubmit:4\n"
        "table=4 priority=895 cookie=0xf1a5010000000000 "
        "metadata=0x8000000a00000000/0xc0ffffff03ffffff eth_type=0x0800 "
        "reg3=0x2 ip_src=198.51.100.67 ip_dst=192.0.2.2 ip_proto=17 "
        "udp_dst=67 actions=meter:119,controller\n"
        "table=4 priority=895 cookie=0xf1a5010000000000 "
        "metadata=0x8000000a00000000/0xc0ffffff03ffffff eth_type=0x0800 "
        "reg3=0x0 ip_src=198.51.100.67 ip_dst=10.0.0.0/255.255.255.0 "
        "ip_proto=17 udp_dst=68 actions=resubmit:15,resubmit:4\n"
        "table=4 priority=895 cookie=0xf1a5010000000000 "
        "metadata=0x8000000a00000000/0xc0ffffff03ffffff eth_type=0x0800 "
        "reg3=0x2 ip_src=198.51.100.67 ip_dst=10.0.0.0/255.255.255.0 "
        "ip_proto=17 udp_dst=68 actions=meter:119,controller\n");
}

/* Meters. */

static void
each_port_has_meters_of_its_own(void **state)
{
    static const struct { uint32_t id, pps; } expected[] = {
        { FH_METER_CONTROLLER, 50000 },
        { FLOW_METER_REQUESTS(ACCESS), 1000 },
        { FLOW_METER_REPLIES(ACCESS), 9000 },
        { FLOW_METER_OWN_MAC(ACCESS), 20 },
        { FLOW_METER_BEACONS(ACCESS), 2000 },
        { FLOW_METER_DHCP(ACCESS), 2000 },
        { FLOW_METER_PUNT(ACCESS, FLOW_PUNT_ICMP), 1000 },
        { FLOW_METER_PUNT(ACCESS, FLOW_PUNT_EXPIRED), 200 },
        { FLOW_METER_PUNT(ACCESS, FLOW_PUNT_TOO_LONG), 1000 },
        { FLOW_METER_SENDERS(ACCESS), 200 },
        { FLOW_METER_NEIGHBOURS(ACCESS), 100 },
        { FLOW_METER_REQUESTS(UPLINK), 10000 },
        { FLOW_METER_REPLIES(UPLINK), 10000 },
        { FLOW_METER_OWN_MAC(UPLINK), 20 },
        { FLOW_METER_BEACONS(UPLINK), 2000 },
        { FLOW_METER_DHCP(UPLINK), 10000 },
        { FLOW_METER_PUNT(UPLINK, FLOW_PUNT_ICMP), 1000 },
        { FLOW_METER_PUNT(UPLINK, FLOW_PUNT_EXPIRED), 200 },
        { FLOW_METER_PUNT(UPLINK, FLOW_PUNT_TOO_LONG), 1000 },
    };
    const size_t n = sizeof expected / sizeof *expected;
    struct fixture *f = *state;
    struct fh_meter meters[32];

    assert_int_equal(flow_base_n_meters(&f->router), n);
    assert_int_equal(flow_base_meters(&f->router, meters), n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(meters[i].id, expected[i].id);
        assert_int_equal(meters[i].rate_pps, expected[i].pps);
        assert_int_equal(meters[i].burst, expected[i].pps);
    }
}

/* Or they would leave nothing of what the bridge can hand up. */
static void
many_ports_share_what_eight_may_be_owed(void **state)
{
    struct fixture *f = *state;
    struct fh_port_limits access[500];
    struct fh_meter *meters;
    size_t n, pps = 0;

    for (size_t i = 0; i < 500; i++) {
        access[i] = (struct fh_port_limits) { 100 + i, 1000, 9000, 2000 };
    }
    f->router.access = access;
    f->router.n_access = 500;
    meters = fh_xcalloc(flow_base_n_meters(&f->router), sizeof *meters);
    n = flow_base_meters(&f->router, meters);
    for (size_t i = 0; i < n; i++) {
        assert_true(meters[i].rate_pps >= 1);
        if (meters[i].id == FLOW_METER_PUNT(100, FLOW_PUNT_EXPIRED)) {
            assert_int_equal(meters[i].rate_pps, 200 * 8 / 501);
        } else if (meters[i].id % 10
                   == FLOW_METER_PUNT(0, FLOW_PUNT_ICMP) % 10
                   && meters[i].id != FH_METER_CONTROLLER) {
            pps += meters[i].rate_pps;
        }
    }
    free(meters);
    assert_in_range(pps, 7000, 8000);
}

static void
all_punts_share_what_clients_may_bring_but_50000_at_least(void **state)
{
    struct fixture *f = *state;
    struct fh_meter meters[32];

    f->router.punts_pps = 50001;
    flow_base_meters(&f->router, meters);
    assert_int_equal(meters[0].id, FH_METER_CONTROLLER);
    assert_int_equal(meters[0].rate_pps, 50001);
}

static void
uplinks_that_share_a_port_share_its_meters(void **state)
{
    struct fixture *f = *state;
    struct fh_uplink uplinks[2] = { f->uplink, f->uplink };
    struct fh_meter meters[32];

    uplinks[1].vlan = (struct fh_vlan) { .n = 1, .vids = { 7 } };
    f->router.uplinks = uplinks;
    f->router.n_uplinks = 2;
    assert_int_equal(flow_base_meters(&f->router, meters), 19);
    assert_true(flow_base_n_meters(&f->router) >= 19);
}

static void
meters_of_different_ports_differ(void **state)
{
    for (uint32_t port = 1; port < 25999; port++) {
        assert_true(FLOW_METER_REQUESTS(port) != FLOW_METER_REPLIES(port));
        assert_true(FLOW_METER_REPLIES(port) < FLOW_METER_OWN_MAC(port));
        assert_true(FLOW_METER_OWN_MAC(port) < FLOW_METER_DHCP(port));
        assert_true(FLOW_METER_DHCP(port)
                    < FLOW_METER_PUNT(port, FLOW_PUNT_ICMP));
        assert_true(FLOW_METER_PUNT(port, FLOW_PUNT_TOO_LONG)
                    < FLOW_METER_BEACONS(port));
        assert_true(FLOW_METER_BEACONS(port) < FLOW_METER_SENDERS(port));
        assert_true(FLOW_METER_SENDERS(port) < FLOW_METER_NEIGHBOURS(port));
        assert_true(FLOW_METER_NEIGHBOURS(port)
                    < FLOW_METER_REQUESTS(port + 1));
    }
    /* Open vSwitch has no more. */
    assert_true(FLOW_METER_NEIGHBOURS(25999) <= 262144);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_beacon_is_answered_to_where_it_came_from),
        TEST(arp_of_our_ports_is_punted_by_its_meter),
        TEST(replies_to_us_have_a_meter_of_their_own),
        TEST(what_comes_from_our_own_mac_is_punted),
        TEST(ipv4_to_one_of_the_segment_s_routers_goes_on),
        TEST(behind_a_priority_tag_there_is_no_tag),
        TEST(anything_else_of_our_ports_is_dropped),
        TEST(who_asks_too_much_is_not_heard_for_a_while),
        TEST(routes_without_any_client),
        TEST(a_ping_is_punted_while_the_controller_is_there),
        TEST(who_is_not_here_is_the_core_s),
        TEST(the_sender_s_address_is_noted_if_it_is_of_a_segment),
        TEST(what_goes_to_a_client_has_made_a_hop_but_answers_have_not),
        TEST(what_has_come_to_the_end_of_its_ttl_is_punted),
        TEST(what_is_too_long_for_the_uplink_is_punted),
        TEST(nothing_is_too_long_for_an_uplink_that_takes_every_packet),
        TEST(what_is_owed_an_answer_is_punted_by_a_meter_of_its_port),
        TEST(a_frame_leaves_even_by_the_port_that_it_came_in_by),
        TEST(nobody_is_a_client_by_the_base_flows_alone),
        TEST(one_tag_is_popped_and_no_second_one_let_through),
        TEST(two_tags_are_matched_one_after_the_other),
        TEST(the_same_tag_on_both_sides_is_told_apart),
        TEST(isolated_clients_do_not_reach_each_other),
        TEST(a_point_to_point_prefix_has_no_broadcast_address),
        TEST(an_unresolved_next_hop_has_no_way_to_it),
        TEST(two_uplinks_with_one_port_are_two_domains),
        TEST(the_next_hop_can_be_read_back),
        TEST(stacks_that_differ_differ_in_metadata),
        TEST(broadcast_dhcp_of_access_ports_is_punted_by_its_meter),
        TEST(senders_that_nobody_knows_are_punted_where_whoever_speaks_is_learnt
            ),
        TEST(without_servers_no_other_dhcp_is_punted),
        TEST(dhcp_with_a_server_is_punted),
        TEST(each_port_has_meters_of_its_own),
        TEST(many_ports_share_what_eight_may_be_owed),
        TEST(all_punts_share_what_clients_may_bring_but_50000_at_least),
        TEST(uplinks_that_share_a_port_share_its_meters),
        TEST(meters_of_different_ports_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
