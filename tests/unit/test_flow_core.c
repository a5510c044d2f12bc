/* flows/flow_core: a core bridge's flows, as text. */
#include <config.h>

#include "flows/flow_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <arpa/inet.h>

#include <firsthop/buf.h>

static struct flow_core_client
client(void)
{
    return (struct flow_core_client) {
        .address = { htonl(0x0a00000a) },
        .router_mac = { { { 2, 0, 0, 0, 0, 0x0a } } },
        .port = 3,
        .decision = 7,
    };
}

static void
assert_text(const struct fh_flow *flow, const char *expected)
{
    char *text = fh_flow_format(flow);

    assert_string_equal(text, expected);
    free(text);
}

static void
append_text(const struct fh_flow *flow, void *buf)
{
    char *text = fh_flow_format(flow);

    fh_buf_append(buf, text, strlen(text));
    fh_buf_append(buf, "\n", 1);
    free(text);
}

static void
all_else_is_switched_and_a_priority_tag_is_none(void **state)
{
    struct flow_set *base = flow_set_create();
    struct fh_buf buf = { 0 };

    flow_core_put_base(base);
    flow_set_for_each(base, append_text, &buf);
    fh_buf_append(&buf, "", 1);
    assert_string_equal((const char *) buf.data,
        "table=0 priority=600 cookie=0xf1a5040000000000 vlan=0 "
        "actions=pop_vlan,resubmit:0\n"
        "table=0 priority=1 cookie=0xf1a5040000000000 "
        "actions=output:normal\n");
    fh_buf_destroy(&buf);
    flow_set_destroy(base);
}

static void
a_client_goes_to_its_router_whatever_mac_the_sender_believes_in(void **state)
{
    struct flow_core_client c = client();
    struct fh_flow flow;

    assert_true(flow_core_build(&c, &flow));
    assert_text(&flow, "table=0 priority=500 cookie=0xf1a5040000000007 "
                "eth_type=0x0800 vlan=none ip_dst=10.0.0.10 "
                "actions=set_eth_dst:02:00:00:00:00:0a,output:3");
}

static void
one_tag_is_matched_and_kept(void **state)
{
    struct flow_core_client c = client();
    struct fh_flow flow;

    c.vlan = (struct fh_vlan) { .n = 1, .vids = { 4094 } };
    assert_true(flow_core_build(&c, &flow));
    assert_text(&flow, "table=0 priority=500 cookie=0xf1a5040000000007 "
                "eth_type=0x0800 vlan=4094 ip_dst=10.0.0.10 "
                "actions=set_eth_dst:02:00:00:00:00:0a,output:3");
}

static void
two_tags_are_beyond_one_table(void **state)
{
    struct flow_core_client c = client();
    struct fh_flow flow;

    c.vlan = (struct fh_vlan) { .n = 2, .vids = { 200, 100 } };
    assert_false(flow_core_build(&c, &flow));
}

/* The next router's flow replaces the former one: there is no moment without
 * one, and never two. */
static void
a_move_replaces_the_flow(void **state)
{
    struct flow_core_client c = client();
    struct fh_flow a, b;

    assert_true(flow_core_build(&c, &a));
    c.port = 4;
    c.router_mac.ea[5] = 0x0b;
    c.decision++;
    assert_true(flow_core_build(&c, &b));
    assert_true(fh_flow_same_key(&a, &b));
    assert_false(fh_flow_same(&a, &b));
}

static void
one_address_under_two_tags_is_two_flows(void **state)
{
    struct flow_core_client c = client();
    struct fh_flow a, b;

    assert_true(flow_core_build(&c, &a));
    c.vlan = (struct fh_vlan) { .n = 1, .vids = { 5 } };
    assert_true(flow_core_build(&c, &b));
    assert_false(fh_flow_same_key(&a, &b));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_else_is_switched_and_a_priority_tag_is_none),
        cmocka_unit_test(
            a_client_goes_to_its_router_whatever_mac_the_sender_believes_in),
        cmocka_unit_test(one_tag_is_matched_and_kept),
        cmocka_unit_test(two_tags_are_beyond_one_table),
        cmocka_unit_test(a_move_replaces_the_flow),
        cmocka_unit_test(one_address_under_two_tags_is_two_flows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
