/* controller/bridge/router.h: what can be said of a router without a bridge. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/bridge/router.h"
#include "flows/flow_base.h"

static void
probes_need_no_budget_while_no_fence_is_out(void **state)
{
    struct router router = { .n_unfenced = UINT32_MAX };

    assert_true(router_has_probe_budget(&router));
}

static void
a_bridge_behind_its_fence_gets_no_more_than_the_budget(void **state)
{
    struct router router = { .fence = { .out = true } };

    assert_true(router_has_probe_budget(&router));
    router.n_unfenced = ROUTER_PROBE_BUDGET - 1;
    assert_true(router_has_probe_budget(&router));
    router.n_unfenced = ROUTER_PROBE_BUDGET;
    assert_false(router_has_probe_budget(&router));
}

static void
a_stack_of_tags_names_its_segments(void **state)
{
    struct fh_vlan vlans[] = {
        { .n = 1, .vids = { 7 } }, { .n = 2, .vids = { 7, 8 } },
    };
    struct segment a = { .vlans = vlans, .n_vlans = 2 };
    struct segment b = { .vlans = vlans, .n_vlans = 1 };
    struct segment *segments[] = { &a, &b };
    struct router router = { .segments = segments, .n_segments = 2 };
    struct fh_vlan untagged = { .n = 0 }, other = { .n = 1, .vids = { 8 } };
    const struct router_stack *stack;

    router_index_stacks(&router);
    assert_int_equal(router.n_stacks, 3);
    stack = router_find_stack(&router, &vlans[0]);
    assert_non_null(stack);
    assert_int_equal(stack[0].segment, 0);
    assert_int_equal(stack[1].segment, 1);
    assert_int_equal(stack[0].tags, stack[1].tags);
    stack = router_find_stack(&router, &vlans[1]);
    assert_non_null(stack);
    assert_int_equal(stack->segment, 0);
    assert_null(router_find_stack(&router, &untagged));
    assert_null(router_find_stack(&router, &other));
    free(router.stacks);
}

/* A router of two ports and one segment. */
struct one_segment {
    struct config_router router_config;
    struct config_segment segment_config;
    struct segment segment, *segments[1];
    struct router_port ports[2];
    struct router router;
};

static void
one_segment_init(struct one_segment *s)
{
    memset(s, 0, sizeof *s);
    s->router_config.n_access_ports = 2;
    s->segment_config.limits.learned = 65536;
    s->segment_config.limits.learned_per_port = 4096;
    s->segment_config.limits.requests_per_s = 1000;
    s->segment_config.probe.interval_ms = 1000;
    s->segment.config = &s->segment_config;
    s->segments[0] = &s->segment;
    s->ports[0].number = 1;
    s->ports[1].number = 2;
    s->router = (struct router) {
        .config = &s->router_config, .ports = s->ports,
        .segments = s->segments, .n_segments = 1,
    };
}

static void
all_punts_leave_room_for_every_answer_and_request(void **state)
{
    struct one_segment s;

    one_segment_init(&s);
    assert_int_equal(router_punts_pps(&s.router), 2 * (4096 + 1000));
    s.segment_config.probe.interval_ms = 100;
    assert_int_equal(router_punts_pps(&s.router), 2 * (40960 + 1000));
    s.ports[1].number = 0;                  /* The bridge has none such. */
    assert_int_equal(router_punts_pps(&s.router), 40960 + 1000);
}

static void
all_punts_leave_room_for_clients_beyond_the_limits(void **state)
{
    struct one_segment s;

    one_segment_init(&s);
    s.segment.n_clients = 100000;           /* Configured. */
    assert_int_equal(router_punts_pps(&s.router), 100000 + 2 * 5096);
    s.segment.n_learned = 10000;            /* Of them; more than now may. */
    assert_int_equal(router_punts_pps(&s.router), 100000 + 2 * 1000);
    s.segment_config.limits.learned = 5000;
    s.segment.n_clients = s.segment.n_learned = 0;
    assert_int_equal(router_punts_pps(&s.router), 5000 + 2 * 1000);
}

static void
all_punts_have_a_bound(void **state)
{
    struct one_segment s;

    one_segment_init(&s);
    s.segment.n_clients = UINT32_MAX;
    s.segment_config.probe.interval_ms = 10;
    assert_int_equal(router_punts_pps(&s.router), 1000000);
}

static void
meters_are_outgrown_by_clients_beyond_their_headroom(void **state)
{
    struct one_segment s;

    one_segment_init(&s);
    assert_true(router_has_outgrown_meters(&s.router));     /* Never set. */
    s.router.metered_pps = 1000 + 2 * 4096;
    s.segment.n_clients = 4096;
    assert_false(router_has_outgrown_meters(&s.router));
    s.segment.n_clients = 4096 + 1149;      /* A quarter more. */
    assert_false(router_has_outgrown_meters(&s.router));
    s.segment.n_clients++;
    assert_true(router_has_outgrown_meters(&s.router));
}

/* Readings of the meters, of a router that is not connected. */

static void
a_look_is_covered_by_the_next_reading(void **state)
{
    struct one_segment s;

    one_segment_init(&s);
    s.router.meter_fence.next = 7;
    assert_int_equal(router_read_drops(&s.router, 2), 7);
    assert_true(s.router.meter_fence.wanted);
    assert_false(s.ports[0].drops.wanted);
    assert_true(s.ports[1].drops.wanted);
    router_read_drops(&s.router, 0);        /* It may be anywhere. */
    assert_true(s.ports[0].drops.wanted);
}

static void
say_drops(struct router *router, uint32_t xid, uint32_t meter,
          uint64_t packets, int64_t now_us)
{
    struct of_meter_drops drops = { meter, packets };
    struct of_message msg = {
        .type = OF_METER_STATS_REPLY, .xid = xid,
        .meter_stats = { .meters = &drops, .n = 1 },
    };

    router_drops_reply(router, &msg, now_us);
}

static void
drops_on_a_port_are_no_evidence_on_another(void **state)
{
    struct one_segment s;

    one_segment_init(&s);
    s.router.meter_fence = (struct router_fence) { .out = true, .xid = 5 };
    say_drops(&s.router, 5, FLOW_METER_REPLIES(2), 10, 1000);
    say_drops(&s.router, 5, FLOW_METER_REPLIES(2), 11, 2000);
    assert_int_equal(router_evidence(&s.router, 1).dropped_us, 0);
    assert_int_equal(router_evidence(&s.router, 2).dropped_us, 2000);
    assert_int_equal(router_evidence(&s.router, 0).dropped_us, 2000);
    say_drops(&s.router, 5, FH_METER_CONTROLLER, 0, 3000);
    say_drops(&s.router, 5, FH_METER_CONTROLLER, 1, 4000);
    assert_int_equal(router_evidence(&s.router, 1).dropped_us, 4000);
}

static void
what_nobody_asked_of_meters_is_not_believed(void **state)
{
    struct one_segment s;

    one_segment_init(&s);
    say_drops(&s.router, 0, FLOW_METER_REPLIES(1), 1, 1000);
    s.router.meter_fence = (struct router_fence) { .out = true, .xid = 5 };
    say_drops(&s.router, 4, FLOW_METER_REPLIES(1), 2, 2000);
    say_drops(&s.router, 5, FLOW_METER_REPLIES(3), 3, 3000);
    assert_false(s.ports[0].drops.known || s.ports[1].drops.known);
}

static void
a_bridge_that_tells_no_drops_is_not_asked(void **state)
{
    struct of_message error = { .type = OF_ERROR, .xid = 5 };
    struct one_segment s;

    one_segment_init(&s);
    s.router_config.name = (char *) "A";
    assert_false(router_meter_error(&s.router, &error));
    s.router.meter_fence = (struct router_fence) {
        .next = 8, .done = 6, .out = true, .xid = 5,
    };
    assert_true(router_meter_error(&s.router, &error));
    assert_int_equal(router_read_drops(&s.router, 1), 6);
    assert_false(s.router.meter_fence.wanted);
    router_forget_questions(&s.router);     /* Another may. */
    assert_int_equal(router_read_drops(&s.router, 1), 8);
}

static void
a_bridge_without_a_meter_of_all_punts_is_as_good(void **state)
{
    struct of_message error = { .type = OF_ERROR, .xid = 9 };
    struct one_segment s;

    one_segment_init(&s);
    s.router_config.name = (char *) "A";
    s.router.punt_meter_xid = 9;
    assert_true(router_meter_error(&s.router, &error));
    assert_true(router_meter_error(&s.router, &error));
    assert_true(s.router.punt_meter_refused);
    assert_false(s.router.meters_unreadable);

    one_segment_init(&s);
    s.router_config.name = (char *) "A";
    s.router.meter_fence = (struct router_fence) { .out = true, .xid = 10 };
    s.router.punt_read_xid = 9;
    assert_true(router_meter_error(&s.router, &error));
    assert_true(s.router.punt_meter_refused);
    assert_false(s.router.meters_unreadable);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probes_need_no_budget_while_no_fence_is_out),
        cmocka_unit_test(
            a_bridge_behind_its_fence_gets_no_more_than_the_budget),
        cmocka_unit_test(a_stack_of_tags_names_its_segments),
        cmocka_unit_test(all_punts_leave_room_for_every_answer_and_request),
        cmocka_unit_test(all_punts_leave_room_for_clients_beyond_the_limits),
        cmocka_unit_test(all_punts_have_a_bound),
        cmocka_unit_test(
            meters_are_outgrown_by_clients_beyond_their_headroom),
        cmocka_unit_test(a_look_is_covered_by_the_next_reading),
        cmocka_unit_test(drops_on_a_port_are_no_evidence_on_another),
        cmocka_unit_test(what_nobody_asked_of_meters_is_not_believed),
        cmocka_unit_test(a_bridge_that_tells_no_drops_is_not_asked),
        cmocka_unit_test(a_bridge_without_a_meter_of_all_punts_is_as_good),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
