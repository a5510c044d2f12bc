/* What a bridge does with a packet, and how its flows are written. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "flows/arp.h"
#include "flows/flow_ofctl.h"
#include "flows/trace.h"

static struct fh_flow
flow(uint8_t table, uint16_t priority)
{
    struct fh_flow f;

    memset(&f, 0, sizeof f);
    f.cookie = fh_cookie(FH_KIND_BASE, 0);
    f.table = table;
    f.priority = priority;
    return f;
}

static void
act(struct fh_flow *f, enum fh_action_type type, uint32_t number)
{
    f->actions[f->n_actions].type = type;
    f->actions[f->n_actions++].u.number = number;
}

static const struct trace_packet packet = {
    .in_port = 1, .ttl = 64, .vlan = { .vids = { 100 }, .n = 1 },
};

static void
the_highest_priority_decides_table_by_table(void **state)
{
    struct flow_set *set = flow_set_create();
    struct fh_flow f = flow(0, 1);
    struct trace t;

    flow_set_put(set, &f);
    f = flow(0, 10);
    f.match.fields = FH_F_IN_PORT | FH_F_VLAN;
    f.match.in_port = 1;
    f.match.vlan_vid = 100;
    act(&f, FH_ACT_POP_VLAN, 0);
    f.metadata = 7;
    f.metadata_mask = UINT64_MAX;
    f.next_table = 2;
    flow_set_put(set, &f);
    f = flow(0, 20);            /* Another port's. */
    f.match.fields = FH_F_IN_PORT;
    f.match.in_port = 2;
    flow_set_put(set, &f);
    f = flow(2, 5);
    f.match.fields = FH_F_METADATA | FH_F_VLAN;
    f.match.metadata = 7;
    f.match.metadata_mask = 0xff;
    f.match.vlan_vid = FH_VLAN_NONE;
    act(&f, FH_ACT_DEC_TTL, 0);
    act(&f, FH_ACT_OUTPUT, 9);
    flow_set_put(set, &f);

    trace_run(set, &packet, &t);
    assert_int_equal(t.n_steps, 2);
    assert_int_equal(t.steps[0].flow.priority, 10);
    assert_int_equal(t.steps[1].table, 2);
    assert_int_equal(t.n_ports, 1);
    assert_int_equal(t.ports[0], 9);
    assert_int_equal(t.left.ttl, 63);
    assert_int_equal(t.left.vlan.n, 0);
    flow_set_destroy(set);
}

static void
what_no_flow_matches_is_dropped(void **state)
{
    struct flow_set *set = flow_set_create();
    struct fh_flow f = flow(0, 10);
    struct trace t;

    f.match.fields = FH_F_ETH_TYPE | FH_F_ARP_OP;
    f.match.eth_type = ETHERTYPE_ARP;
    flow_set_put(set, &f);
    trace_run(set, &packet, &t);
    assert_int_equal(t.n_steps, 1);
    assert_false(t.steps[0].matched);
    assert_int_equal(t.n_ports, 0);
    assert_false(t.punted);
    flow_set_destroy(set);
}

static void
flows_that_lead_in_a_circle_end(void **state)
{
    struct flow_set *set = flow_set_create();
    struct fh_flow f = flow(0, 10);
    struct trace t;

    act(&f, FH_ACT_RESUBMIT, 0);
    act(&f, FH_ACT_CONTROLLER, 0);
    flow_set_put(set, &f);
    trace_run(set, &packet, &t);
    assert_int_equal(t.n_steps, TRACE_MAX_STEPS);
    assert_true(t.punted);
    flow_set_destroy(set);
}

static void
assert_text(const struct fh_flow *f, const char *expected)
{
    char *text = flow_format_ofctl(f);

    assert_string_equal(text, expected);
    free(text);
}

static void
flows_are_written_as_ovs_ofctl_does(void **state)
{
    struct fh_flow f = flow(0, 1);

    assert_text(&f, "cookie=0xf1a5010000000000, priority=1 actions=drop");
    f = flow(2, 500);
    f.match.fields = FH_F_ETH_TYPE | FH_F_METADATA | FH_F_IN_PORT
                     | FH_F_IP_DST | FH_F_VLAN;
    f.match.eth_type = ETHERTYPE_IPV4;
    f.match.metadata = 0x8;
    f.match.metadata_mask = 0xff;
    f.match.in_port = 1;
    f.match.vlan_vid = FH_VLAN_NONE;
    f.match.ip_dst_mask = fh_prefix_mask(24);
    f.match.ip_dst = fh_prefix_mask(8) & f.match.ip_dst_mask;
    f.meter = 7;
    act(&f, FH_ACT_CONTROLLER, 0);
    act(&f, FH_ACT_OUTPUT, FH_PORT_IN_PORT);
    act(&f, FH_ACT_SET_VLAN, 100);
    f.metadata = 1;
    f.metadata_mask = 3;
    f.next_table = 5;
    assert_text(&f, "cookie=0xf1a5010000000000, table=2, priority=500,ip,"
                "metadata=0x8/0xff,in_port=1,vlan_tci=0x0000/0x1fff,"
                "nw_dst=255.0.0.0/24 actions=meter:7,CONTROLLER:65535,"
                "IN_PORT,set_field:4196->vlan_vid,write_metadata:0x1/0x3,"
                "goto_table:5");
}

/* One table notes the sender's address, the next one looks at it. */
static void
what_a_table_notes_is_what_another_matches(void **state)
{
    struct flow_set *flows = flow_set_create();
    struct fh_flow f = flow(0, 1);
    struct trace_packet p = { .in_port = 1, .ttl = 64 };
    struct trace t;

    (void) state;
    assert_true(fh_addr_parse("10.0.0.10", &p.src));
    f.actions[f.n_actions].type = FH_ACT_MOVE;
    f.actions[f.n_actions].u.move.from = FH_NAME_IP_SRC;
    f.actions[f.n_actions++].u.move.to = FH_NAME_REG0 + 1;
    f.next_table = 1;
    flow_set_put(flows, &f);
    f = flow(1, 1);
    f.match.fields = FH_F_REG(1);
    f.match.regs[1] = 0x0a00000a;
    act(&f, FH_ACT_OUTPUT, 7);
    flow_set_put(flows, &f);

    trace_run(flows, &p, &t);
    assert_int_equal(t.n_steps, 2);
    assert_true(t.steps[1].matched);
    assert_int_equal(t.n_ports, 1);
    assert_true(fh_addr_parse("10.0.0.11", &p.src));
    trace_run(flows, &p, &t);
    assert_false(t.steps[1].matched);
    flow_set_destroy(flows);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_table_notes_is_what_another_matches),
        cmocka_unit_test(the_highest_priority_decides_table_by_table),
        cmocka_unit_test(what_no_flow_matches_is_dropped),
        cmocka_unit_test(flows_that_lead_in_a_circle_end),
        cmocka_unit_test(flows_are_written_as_ovs_ofctl_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
