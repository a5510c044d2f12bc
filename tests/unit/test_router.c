/* controller/router.h: what can be said of a router without a bridge. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probes_need_no_budget_while_no_fence_is_out),
        cmocka_unit_test(
            a_bridge_behind_its_fence_gets_no_more_than_the_budget),
        cmocka_unit_test(a_stack_of_tags_names_its_segments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
