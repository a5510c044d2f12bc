/* controller/router.h: what can be said of a router without a bridge. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/router.h"

static void
probes_need_no_budget_while_no_fence_is_out(void **state)
{
    struct router router = { .n_unfenced = UINT32_MAX };

    assert_true(router_has_probe_budget(&router));
}

static void
a_bridge_behind_its_fence_gets_no_more_than_the_budget(void **state)
{
    struct router router = { .fence_out = true };

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
        cmocka_unit_test(a_bridge_without_a_meter_of_all_punts_is_as_good),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
