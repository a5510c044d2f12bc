/* Flows as values: equality, lists of changes, the form for reading. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <firsthop/flow.h>

static const struct eth_addr mac_a = { { { 2, 0, 0, 0, 0, 0x0a } } };
static const struct eth_addr mac_b = { { { 2, 0, 0, 0, 0, 0x0b } } };

/* A client's way to the core, with every part of a flow set. */
static struct fh_flow
full_flow(void)
{
    struct fh_flow flow;

    memset(&flow, 0, sizeof flow);
    flow.cookie = fh_cookie(FH_KIND_CLIENT, 7);
    flow.table = FH_TABLE_ROUTE;
    flow.next_table = FH_TABLE_OUTPUT;
    flow.priority = 100;
    flow.hard_timeout_s = 30;
    flow.send_removed = true;
    flow.match.fields = FH_F_IN_PORT | FH_F_ETH_SRC | FH_F_ETH_TYPE
                        | FH_F_VLAN | FH_F_IP_SRC;
    flow.match.in_port = 1;
    flow.match.eth_src = mac_a;
    flow.match.eth_type = 0x0800;
    flow.match.vlan_vid = 100;
    flow.match.ip_src = htonl(0x0a00000a);
    flow.match.ip_src_mask = htonl(0xffffffff);
    flow.meter = 3;
    flow.metadata = 2;
    flow.metadata_mask = 0xffff;
    flow.n_actions = 2;
    flow.actions[0].type = FH_ACT_SET_ETH_SRC;
    flow.actions[0].u.mac = mac_b;
    flow.actions[1].type = FH_ACT_DEC_TTL;
    return flow;
}

static void
assert_format(const struct fh_flow *flow, const char *expected)
{
    char *text = fh_flow_format(flow);

    assert_string_equal(text, expected);
    free(text);
}

static void
a_copy_is_the_same(void **state)
{
    struct fh_flow a = full_flow();
    struct fh_flow b = a;

    assert_true(fh_flow_same_key(&a, &b));
    assert_true(fh_flow_same(&a, &b));
}

#define ASSERT_KEY_COUNTS(MEMBER)               \
    do {                                        \
        struct fh_flow a_ = full_flow();        \
        struct fh_flow b_ = full_flow();        \
                                                \
        b_.MEMBER++;                            \
        assert_false(fh_flow_same_key(&a_, &b_)); \
        assert_false(fh_flow_same(&a_, &b_));   \
    } while (0)

static void
table_priority_and_every_part_of_the_match_are_the_key(void **state)
{
    ASSERT_KEY_COUNTS(table);
    ASSERT_KEY_COUNTS(priority);
    ASSERT_KEY_COUNTS(match.fields);
    ASSERT_KEY_COUNTS(match.in_port);
    ASSERT_KEY_COUNTS(match.metadata);
    ASSERT_KEY_COUNTS(match.metadata_mask);
    ASSERT_KEY_COUNTS(match.eth_src.ea[5]);
    ASSERT_KEY_COUNTS(match.eth_dst.ea[0]);
    ASSERT_KEY_COUNTS(match.eth_type);
    ASSERT_KEY_COUNTS(match.vlan_vid);
    ASSERT_KEY_COUNTS(match.ip_src);
    ASSERT_KEY_COUNTS(match.ip_src_mask);
    ASSERT_KEY_COUNTS(match.ip_dst);
    ASSERT_KEY_COUNTS(match.ip_dst_mask);
    ASSERT_KEY_COUNTS(match.arp_spa);
    ASSERT_KEY_COUNTS(match.arp_spa_mask);
    ASSERT_KEY_COUNTS(match.arp_tpa);
    ASSERT_KEY_COUNTS(match.arp_tpa_mask);
    ASSERT_KEY_COUNTS(match.arp_op);
    ASSERT_KEY_COUNTS(match.ip_proto);
    ASSERT_KEY_COUNTS(match.icmp_type);
    ASSERT_KEY_COUNTS(match.ip_ttl);
    ASSERT_KEY_COUNTS(match.udp_src);
    ASSERT_KEY_COUNTS(match.udp_dst);
}

#define ASSERT_REST_COUNTS(MEMBER, VALUE)       \
    do {                                        \
        struct fh_flow a_ = full_flow();        \
        struct fh_flow b_ = full_flow();        \
                                                \
        b_.MEMBER = VALUE;                      \
        assert_true(fh_flow_same_key(&a_, &b_)); \
        assert_false(fh_flow_same(&a_, &b_));   \
    } while (0)

static void
all_else_makes_another_flow_of_the_same_key(void **state)
{
    ASSERT_REST_COUNTS(cookie, fh_cookie(FH_KIND_CLIENT, 8));
    ASSERT_REST_COUNTS(next_table, 0);
    ASSERT_REST_COUNTS(hard_timeout_s, 31);
    ASSERT_REST_COUNTS(send_removed, false);
    ASSERT_REST_COUNTS(meter, 4);
    ASSERT_REST_COUNTS(metadata, 3);
    ASSERT_REST_COUNTS(metadata_mask, 0);
    ASSERT_REST_COUNTS(n_actions, 1);
    ASSERT_REST_COUNTS(actions[0].type, FH_ACT_SET_ETH_DST);
    ASSERT_REST_COUNTS(actions[0].u.mac, mac_a);
}

static void
what_an_action_does_not_use_does_not_count(void **state)
{
    struct fh_flow a = full_flow();
    struct fh_flow b = full_flow();

    b.actions[1].u.port = 99;   /* FH_ACT_DEC_TTL has no argument. */
    b.actions[2].type = FH_ACT_OUTPUT;  /* Beyond n_actions. */
    assert_true(fh_flow_same(&a, &b));
}

static void
each_argument_of_an_action_counts(void **state)
{
    static const struct fh_action pairs[][2] = {
        { { FH_ACT_OUTPUT, { .port = 1 } }, { FH_ACT_OUTPUT, { .port = 2 } } },
        { { FH_ACT_SET_ARP_TPA, { .ip4 = 1 } },
          { FH_ACT_SET_ARP_TPA, { .ip4 = 2 } } },
        { { FH_ACT_SET_ARP_OP, { .op = 1 } },
          { FH_ACT_SET_ARP_OP, { .op = 2 } } },
        { { FH_ACT_PUSH_VLAN, { .vid = 0x8100 } },
          { FH_ACT_PUSH_VLAN, { .vid = 0x88a8 } } },
        { { FH_ACT_SET_VLAN, { .vid = 1 } },
          { FH_ACT_SET_VLAN, { .vid = 2 } } },
    };

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct fh_flow a = full_flow();
        struct fh_flow b = full_flow();

        a.actions[1] = b.actions[1] = pairs[i][0];
        assert_true(fh_flow_same(&a, &b));
        b.actions[1] = pairs[i][1];
        assert_false(fh_flow_same(&a, &b));
    }
}

static void
a_flow_with_foreign_actions_equals_none(void **state)
{
    struct fh_flow a = full_flow();
    struct fh_flow b;

    a.n_actions = UINT8_MAX;
    b = a;
    assert_true(fh_flow_same_key(&a, &b));
    assert_false(fh_flow_same(&a, &b));
}

static void
cookies_tell_kind_and_decision(void **state)
{
    uint64_t cookie = fh_cookie(FH_KIND_STALE,UINT32_MAX);

    assert_true(cookie == UINT64_C(0xf1a50500ffffffff));
    assert_true(fh_cookie_is_ours(cookie));
    assert_int_equal(fh_cookie_kind(cookie), FH_KIND_STALE);
    assert_int_equal(fh_cookie_decision(cookie), UINT32_MAX);
    assert_false(fh_cookie_is_ours(0));
    assert_false(fh_cookie_is_ours(cookie ^ UINT64_C(1) << 63));
}

static void
changes_keep_their_order_over_every_growth(void **state)
{
    struct fh_changes changes = { 0 };
    struct fh_flow flow = full_flow();

    for (uint16_t i = 0; i < 100; i++) {
        flow.priority = i;
        fh_changes_add(&changes, i % 2 ? FH_CHANGE_DELETE : FH_CHANGE_ADD,
                       &flow);
    }
    assert_int_equal(changes.n, 100);
    for (uint16_t i = 0; i < 100; i++) {
        flow.priority = i;
        assert_int_equal(changes.items[i].op,
                         i % 2 ? FH_CHANGE_DELETE : FH_CHANGE_ADD);
        assert_true(fh_flow_same(&changes.items[i].flow, &flow));
    }
    fh_changes_destroy(&changes);
}

static void
cleared_changes_keep_their_memory(void **state)
{
    struct fh_changes changes = { 0 };
    struct fh_flow flow = full_flow();
    struct fh_change *items;

    fh_changes_destroy(&changes);
    fh_changes_add(&changes, FH_CHANGE_ADD, &flow);
    items = changes.items;
    fh_changes_clear(&changes);
    assert_int_equal(changes.n, 0);
    fh_changes_add(&changes, FH_CHANGE_DELETE, &flow);
    assert_ptr_equal(changes.items, items);
    fh_changes_destroy(&changes);
    assert_null(changes.items);
    assert_int_equal(changes.n, 0);
}

static void
an_empty_flow_reads_as_a_drop(void **state)
{
    struct fh_flow flow;

    memset(&flow, 0, sizeof flow);
    assert_format(&flow, "table=0 priority=0 cookie=0x0 actions=drop");
}

static void
a_full_flow_reads_in_the_order_of_the_bridge(void **state)
{
    struct fh_flow flow = full_flow();

    assert_format(&flow,
                  "table=4 priority=100 cookie=0xf1a5030000000007"
                  " hard_timeout=30 send_removed in_port=1"
                  " eth_src=02:00:00:00:00:0a eth_type=0x0800 vlan=100"
                  " ip_src=10.0.0.10"
                  " actions=meter:3,set_eth_src:02:00:00:00:00:0b,dec_ttl,"
                  "write_metadata:0x2/0xffff,goto:8");
}

static void
every_field_reads(void **state)
{
    struct fh_flow flow;
    struct fh_match *match = &flow.match;

    memset(&flow, 0, sizeof flow);
    match->fields = FH_F_IN_PORT | FH_F_METADATA | FH_F_ETH_DST | FH_F_VLAN
                    | FH_F_IP_DST | FH_F_IP_PROTO | FH_F_ICMP_TYPE
                    | FH_F_IP_TTL | FH_F_ARP_OP | FH_F_ARP_SPA
                    | FH_F_ARP_TPA | FH_F_UDP_SRC | FH_F_UDP_DST;
    match->in_port = FH_PORT_CONTROLLER;
    match->metadata = 5;
    match->metadata_mask = UINT64_MAX;
    match->eth_dst = mac_b;
    match->vlan_vid = FH_VLAN_NONE;
    match->ip_dst = htonl(0x0a000000);
    match->ip_dst_mask = htonl(0xffffff00);
    match->ip_proto = 1;
    match->icmp_type = 8;
    match->ip_ttl = 1;
    match->udp_src = 68;
    match->udp_dst = 67;
    match->arp_op = 2;
    match->arp_spa = htonl(0x0a000001);
    match->arp_spa_mask = htonl(0xffffffff);
    match->arp_tpa = htonl(0x0a000002);
    match->arp_tpa_mask = htonl(0xffffffff);
    assert_format(&flow,
                  "table=0 priority=0 cookie=0x0 in_port=controller"
                  " metadata=0x5 eth_dst=02:00:00:00:00:0b vlan=none"
                  " ip_dst=10.0.0.0/255.255.255.0 ip_proto=1 icmp_type=8"
                  " ip_ttl=1 udp_src=68 udp_dst=67 arp_op=2 arp_spa=10.0.0.1 arp_tpa=10.0.0.2"
                  " actions=drop");
}

static void
every_action_reads(void **state)
{
    static const struct fh_action actions[] = {
        { FH_ACT_CONTROLLER, { .port = 0 } },
        { FH_ACT_SET_ETH_DST, { .mac = { { { 2, 0, 0, 0, 0, 1 } } } } },
        { FH_ACT_POP_VLAN, { .port = 0 } },
        { FH_ACT_PUSH_VLAN, { .vid = 0x88a8 } },
        { FH_ACT_SET_VLAN, { .vid = 4094 } },
        { FH_ACT_OUTPUT, { .port = 7 } },
        { FH_ACT_OUTPUT, { .port = FH_PORT_IN_PORT } },
        { FH_ACT_OUTPUT, { .port = FH_PORT_TABLE } },
        { FH_ACT_CHECK_LARGER, { .len = 1514 } },
        { 99, { .port = 0 } },
    };
    struct fh_flow flow;

    memset(&flow, 0, sizeof flow);
    flow.n_actions = FH_FLOW_MAX_ACTIONS;
    memcpy(flow.actions, actions, sizeof actions);
    assert_format(&flow,
                  "table=0 priority=0 cookie=0x0 actions=controller,"
                  "set_eth_dst:02:00:00:00:00:01,pop_vlan,push_vlan:0x88a8,"
                  "set_vlan:4094,output:7,output:in_port,output:table,"
                  "check_larger:1514,unknown:99");
    flow.n_actions = UINT8_MAX;
    assert_format(&flow,
                  "table=0 priority=0 cookie=0x0 actions=unknown");
}

static void
what_open_vswitch_adds_reads(void **state)
{
    static const struct fh_action actions[] = {
        { FH_ACT_SET_ICMP_TYPE, { .number = 0 } },
        { FH_ACT_SET_TTL, { .number = 64 } },
        { FH_ACT_SET_REG, { .reg = { 3, 0x0a00000a } } },
        { FH_ACT_MOVE, { .move = { FH_NAME_ARP_SPA, FH_NAME_REG0 } } },
        { FH_ACT_RESUBMIT, { .number = 5 } },
    };
    struct fh_flow flow;

    memset(&flow, 0, sizeof flow);
    flow.match.fields = FH_F_VLAN | FH_F_REG(0) | FH_F_REG(3);
    flow.match.vlan_vid = FH_VLAN_ANY;
    flow.match.regs[3] = 0x0a00000a;
    flow.n_actions = sizeof actions / sizeof actions[0];
    memcpy(flow.actions, actions, sizeof actions);
    assert_format(&flow,
                  "table=0 priority=0 cookie=0x0 vlan=any reg0=0x0"
                  " reg3=0xa00000a actions=set_icmp_type:0,set_ttl:64,"
                  "set_reg3:0xa00000a,move:arp_spa->reg0,resubmit:5");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_is_the_same),
        cmocka_unit_test(
            table_priority_and_every_part_of_the_match_are_the_key),
        cmocka_unit_test(all_else_makes_another_flow_of_the_same_key),
        cmocka_unit_test(what_an_action_does_not_use_does_not_count),
        cmocka_unit_test(each_argument_of_an_action_counts),
        cmocka_unit_test(a_flow_with_foreign_actions_equals_none),
        cmocka_unit_test(cookies_tell_kind_and_decision),
        cmocka_unit_test(changes_keep_their_order_over_every_growth),
        cmocka_unit_test(cleared_changes_keep_their_memory),
        cmocka_unit_test(an_empty_flow_reads_as_a_drop),
        cmocka_unit_test(a_full_flow_reads_in_the_order_of_the_bridge),
        cmocka_unit_test(every_field_reads),
        cmocka_unit_test(every_action_reads),
        cmocka_unit_test(what_open_vswitch_adds_reads),
    };

    return cmocka_run_group_tests_name("flow", tests, NULL, NULL);
}
