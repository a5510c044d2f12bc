/* A client in the engine, from when it is known to when it is forgotten: who
 * serves it, and what bridges and the core are told. */
#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/rig.h"

#define C "10.0.0.10"
#define C_MAC "02:00:00:00:01:0a"
#define D "10.0.0.11"
#define D_MAC "02:00:00:00:01:0b"

static struct rig *
two_routers(const char *segment)
{
    struct rig *rig = rig_create_connected(segment);

    rig_add_host(rig, C, C_MAC);
    rig_add_host(rig, D, D_MAC);
    return rig;
}

static struct rig *
one_client(const char *segment)
{
    struct rig *rig = two_routers(segment);

    rig_serve(rig, C, C_MAC);
    return rig;
}

/* Moves. */

static void
a_client_moves_when_its_router_is_lost(void **state)
{
    struct rig *rig = one_client(NULL);
    const char *said;

    rig_disconnect(rig, "A");
    rig_run(rig, 50);
    assert_string_equal(rig_active(rig, C), "B");
    said = rig_said(rig);
    assert_non_null(strstr(said, "B adds "C" port 1\nroute "C" by B\n"
                                 "B tells "C" that it has 10.0.0.1"));
    assert_non_null(strstr(said, "event client.moved "C));
    rig_end(rig);
}

static void
a_client_moves_when_its_router_does_not_hear_it(void **state)
{
    struct rig *rig = one_client(NULL);

    rig_silence_host(rig, C, "A");
    rig_run(rig, 3000);
    assert_string_equal(rig_active(rig, C), "B");
    assert_int_equal(rig_held(rig, "A", C), 0);
    assert_int_equal(rig_held(rig, "B", C), 1);
    rig_end(rig);
}

static void
a_client_moves_when_its_port_is_down(void **state)
{
    struct rig *rig = one_client(NULL);

    rig_set_port_up(rig, "A", RIG_ACCESS, false);
    rig_run(rig, 20);
    assert_string_equal(rig_active(rig, C), "B");
    rig_end(rig);
}

static void
a_client_moves_when_its_router_has_lost_the_core(void **state)
{
    struct rig *rig = one_client(NULL);

    rig_run(rig, 1000);
    rig_silence_core(rig, "A");
    rig_run(rig, 30000);
    assert_string_equal(rig_active(rig, C), "B");
    rig_set_port_up(rig, "B", RIG_UPLINK, false);
    rig_run(rig, 100);          /* Neither is better off. */
    assert_string_equal(rig_active(rig, C), "B");
    rig_end(rig);
}

static void
a_client_moves_when_its_routers_uplink_port_is_down(void **state)
{
    struct rig *rig = one_client(NULL);

    rig_set_port_up(rig, "A", RIG_UPLINK, false);
    rig_run(rig, 20);
    assert_string_equal(rig_active(rig, C), "B");
    rig_end(rig);
}

static void
who_answers_in_the_place_of_a_silent_client_has_its_address(void **state)
{
    struct rig *rig = one_client(NULL);

    rig_silence_host(rig, C, NULL);
    rig_run(rig, 3000);
    assert_int_equal(rig_client(rig, C)->state, CLIENT_LOST);
    rig_add_host(rig, C, D_MAC);
    rig_ask(rig, "A", C, D_MAC);
    rig_run(rig, 100);
    assert_int_equal(rig_client(rig, C)->mac.ea[5], 0x0b);
    assert_int_equal(rig_client(rig, C)->state, CLIENT_ACTIVE);
    assert_string_equal(rig_active(rig, C), "A");
    assert_non_null(strstr(rig_said(rig), "event client.followed "C));
    rig_end(rig);
}

static void
a_client_that_checks_its_address_may_be_silent(void **state)
{
    const struct rig_arp probe = { .router = "A", .port = RIG_ACCESS,
                                   .sha = C_MAC, .spa = "0.0.0.0", .tpa = C };
    struct rig *rig = one_client(NULL);

    rig_arp(rig, &probe);
    rig_silence_host(rig, C, NULL);
    rig_run(rig, 9000);
    assert_int_equal(rig_client(rig, C)->state, CLIENT_ACTIVE);
    rig_run(rig, 5000);
    assert_int_equal(rig_client(rig, C)->state, CLIENT_LOST);
    rig_end(rig);
}

static void
it_is_known_what_would_happen(void **state)
{
    struct rig *rig = one_client(NULL);
    struct elect_candidate candidates[2];
    struct elect_result r;

    r = engine_explain(rig_engine(rig), rig_client(rig, C), candidates);
    assert_int_equal(r.winner, 0);
    assert_int_equal(r.reason, ELECT_STAYS);
    assert_int_equal(candidates[1].reach, REACH_UP);
    r = engine_without(rig_engine(rig), rig_client(rig, C), 0);
    assert_int_equal(r.winner, 1);
    rig_disconnect(rig, "B");
    rig_run(rig, 10);
    r = engine_without(rig_engine(rig), rig_client(rig, C), 0);
    assert_int_equal(r.reason, ELECT_LOST);
    rig_end(rig);
}

static void
a_client_that_falls_silent_everywhere_is_not_moved(void **state)
{
    struct rig *rig = one_client("{\"withdraw_after_ms\": 5000}");

    rig_silence_host(rig, C, NULL);
    rig_run(rig, 3000);
    assert_string_equal(rig_active(rig, C), "A");
    assert_int_equal(rig_client(rig, C)->state, CLIENT_LOST);
    assert_int_equal(rig_held(rig, "A", C), 1);
    assert_null(strstr(rig_said(rig), "client.moved"));
    rig_run(rig, 5000);
    assert_int_equal(rig_held(rig, "A", C), 0);
    assert_non_null(strstr(rig_said(rig), "no route "C));
    rig_end(rig);
}

static void
nobody_is_told_before_the_flows_are_confirmed(void **state)
{
    struct rig *rig = one_client(NULL);
    const char *said;

    rig_hold(rig, "B", true);
    rig_disconnect(rig, "A");
    rig_run(rig, 20);
    said = rig_said(rig);
    assert_non_null(strstr(said, "B adds "C));
    assert_null(strstr(said, "route "C));
    assert_null(strstr(said, "that it has"));
    rig_hold(rig, "B", false);
    said = rig_said(rig);
    assert_non_null(strstr(said, "route "C" by B"));
    assert_non_null(strstr(said, "that it has 10.0.0.1"));
    rig_end(rig);
}

static void
the_client_is_told_once_the_core_has_been(void **state)
{
    struct rig *rig = one_client(NULL);
    uint32_t decision;

    rig_hold_core(rig);
    rig_disconnect(rig, "A");
    rig_run(rig, 10);
    assert_non_null(strstr(rig_said(rig), "route "C" by B"));
    decision = rig_client(rig, C)->decision;
    rig_tell_core(rig, C, decision - 1);        /* That was of A. */
    assert_null(strstr(rig_said(rig), "that it has"));
    rig_tell_core(rig, C, decision);
    assert_non_null(strstr(rig_said(rig), "B tells "C" that it has 10.0.0.1"));
    rig_end(rig);
}

static void
the_core_is_not_told_that_who_never_was_there_has_gone(void **state)
{
    struct rig *rig = one_client(NULL);
    struct config_client client = { .has_mac = false };

    assert_true(fh_addr_parse("10.0.0.66", &client.address));
    assert_null(engine_provision(rig_engine(rig), &client, 1));
    rig_run(rig, 1500);
    assert_null(engine_delete(rig_engine(rig), rig_client(rig, "10.0.0.66")));
    assert_null(engine_delete(rig_engine(rig), rig_client(rig, C)));
    rig_run(rig, 10);
    assert_null(strstr(rig_said(rig), "no route 10.0.0.66"));
    rig_end(rig);
}

static void
nobody_moves_back_without_need(void **state)
{
    struct rig *rig = one_client(NULL);

    rig_disconnect(rig, "A");
    rig_run(rig, 100);
    rig_connect(rig, "A");
    rig_run(rig, 20000);
    assert_string_equal(rig_active(rig, C), "B");
    rig_end(rig);
}

static void
with_preempt_the_better_one_takes_it_back(void **state)
{
    struct rig *rig = one_client(
        "{\"election\": {\"preempt\": true, \"hold_down_ms\": 3000}}");

    rig_disconnect(rig, "A");
    rig_run(rig, 100);
    assert_string_equal(rig_active(rig, C), "B");
    rig_connect(rig, "A");
    rig_run(rig, 2900);
    assert_string_equal(rig_active(rig, C), "B");
    rig_run(rig, 2000);
    assert_string_equal(rig_active(rig, C), "A");
    rig_end(rig);
}

/* Operators. */

static void
an_operator_moves_a_client_where_it_is_heard(void **state)
{
    struct rig *rig = one_client(NULL);
    char *why;

    assert_null(engine_move(rig_engine(rig), rig_client(rig, C), 1));
    rig_run(rig, 20);
    assert_string_equal(rig_active(rig, C), "B");
    rig_silence_host(rig, C, "A");
    rig_run(rig, 3000);
    why = engine_move(rig_engine(rig), rig_client(rig, C), 0);
    assert_string_equal(why, "router A does not reach the client");
    free(why);
    rig_disconnect(rig, "A");
    why = engine_move(rig_engine(rig), rig_client(rig, C), 0);
    assert_string_equal(why, "router A is not connected");
    free(why);
    rig_end(rig);
}

static void
a_drained_router_is_left_and_not_chosen(void **state)
{
    struct rig *rig = one_client(NULL);
    struct engine *en = rig_engine(rig);

    assert_null(engine_set_draining(en, engine_find_router(en, "A"), true));
    rig_run(rig, 50);
    assert_string_equal(rig_active(rig, C), "B");
    rig_ask(rig, "A", D, D_MAC);
    rig_run(rig, 50);
    assert_string_equal(rig_active(rig, D), "B");
    rig_end(rig);
}

static void
a_provisioned_client_is_served_before_it_speaks(void **state)
{
    struct rig *rig = two_routers(NULL);
    struct config_client client = {
        .has_mac = true, .mac = { .ea = { 2, 0, 0, 0, 1, 0xa } },
    };

    assert_true(fh_addr_parse(C, &client.address));
    assert_null(engine_provision(rig_engine(rig), &client, 1));
    rig_run(rig, 1500);
    assert_string_equal(rig_active(rig, C), "A");
    assert_null(engine_delete(rig_engine(rig), rig_client(rig, C)));
    rig_run(rig, 10);
    assert_null(rig_client(rig, C));
    assert_int_equal(rig_held(rig, "A", C), 0);
    rig_end(rig);
}

/* Limits. */

static void
who_never_answers_makes_room(void **state)
{
    struct rig *rig = two_routers(
        "{\"limits\": {\"learned\": 2, \"learned_per_port\": 2}}");

    rig_ask(rig, "A", "10.0.0.20", "02:00:00:00:09:00");
    rig_ask(rig, "A", "10.0.0.21", "02:00:00:00:09:01");
    rig_ask(rig, "A", C, C_MAC);
    assert_null(rig_client(rig, "10.0.0.20"));
    assert_non_null(rig_client(rig, C));
    rig_run(rig, 2000);
    rig_ask(rig, "A", D, D_MAC);
    rig_run(rig, 2000);
    assert_string_equal(rig_active(rig, C), "A");
    assert_string_equal(rig_active(rig, D), "A");
    rig_ask(rig, "A", "10.0.0.22", "02:00:00:00:09:02");
    assert_null(rig_client(rig, "10.0.0.22"));
    assert_int_equal(rig_dropped(rig, DROP_LIMIT), 1);
    rig_end(rig);
}

/* Starts. */

static void
what_a_bridge_holds_is_taken_over_untouched(void **state)
{
    struct rig *rig = one_client(NULL);
    const char *said;
    size_t n;

    rig_run(rig, 3000);
    n = rig_count_flows(rig, "A");
    rig_restart(rig);
    rig_connect(rig, "A");
    rig_connect(rig, "B");
    rig_run(rig, 3000);
    said = rig_said(rig);
    assert_string_equal(rig_active(rig, C), "A");
    assert_null(strstr(said, "adds "C));
    assert_null(strstr(said, "deletes "C));
    assert_null(strstr(said, "client.moved"));
    assert_int_equal(rig_count_flows(rig, "A"), n);
    rig_end(rig);
}

static void
of_two_that_hold_a_client_the_later_has_it(void **state)
{
    struct rig *rig = one_client(NULL);

    rig_disconnect(rig, "A");           /* Its flows stay. */
    rig_run(rig, 500);
    assert_string_equal(rig_active(rig, C), "B");
    rig_restart(rig);
    rig_connect(rig, "A");
    rig_connect(rig, "B");
    rig_run(rig, 3000);
    assert_string_equal(rig_active(rig, C), "B");
    assert_int_equal(rig_held(rig, "A", C), 0);
    assert_int_equal(rig_held(rig, "B", C), 1);
    rig_end(rig);
}

static void
a_router_that_held_clients_is_waited_for_and_not_forever(void **state)
{
    struct rig *rig = one_client(NULL);

    rig_run(rig, 1000);                 /* That it holds some is kept. */
    rig_restart(rig);
    rig_connect(rig, "B");
    rig_ask(rig, "B", C, C_MAC);
    rig_run(rig, ENGINE_EXPECT_MS - 100);
    assert_string_equal(rig_active(rig, C), "-");
    rig_run(rig, 200);
    assert_string_equal(rig_active(rig, C), "B");
    rig_end(rig);
}

/* Reloads. */

static void
a_reload_that_changes_nothing_says_nothing(void **state)
{
    struct rig *rig = one_client(NULL);

    rig_reload(rig, NULL);
    assert_string_equal(rig_said(rig), "event config.applied\n");
    assert_string_equal(rig_active(rig, C), "A");
    rig_end(rig);
}

static void
other_timers_move_nobody(void **state)
{
    struct rig *rig = one_client(NULL);

    rig_reload(rig, "{\"probe\": {\"interval_ms\": 500}}");
    assert_string_equal(rig_said(rig), "event config.applied\n");
    rig_silence_host(rig, C, "A");
    rig_run(rig, 1500);
    assert_string_equal(rig_active(rig, C), "B");
    rig_end(rig);
}

static void
another_gateway_is_told_to_the_client(void **state)
{
    struct rig *rig = one_client(NULL);

    rig_reload(rig, "{\"gateway\": \"10.0.0.254\"}");
    rig_run(rig, 100);
    assert_string_equal(rig_active(rig, C), "A");
    assert_non_null(strstr(rig_said(rig), "A tells "C" that it has "
                                          "10.0.0.254"));
    rig_end(rig);
}

static void
a_router_that_leaves_the_segment_forwards_until_another_does(void **state)
{
    struct rig *rig = one_client(NULL);
    const char *said;

    rig_reload(rig, "{\"routers\": {\"B\": {\"address\": \"10.0.0.3\"}}}");
    rig_run(rig, 2000);
    said = rig_said(rig);
    assert_string_equal(rig_active(rig, C), "B");
    assert_true(strstr(said, "A deletes "C) > strstr(said, "B adds "C));
    assert_int_equal(rig_held(rig, "A", C), 0);
    rig_end(rig);
}

static void
clients_come_and_go_with_the_configuration(void **state)
{
    struct rig *rig = two_routers("{\"learn\": false}");

    rig_reload(rig, "{\"learn\": false, \"clients\": ["
               "{\"address\": \""C"\", \"segment\": \"metro\"},"
               "{\"address\": \""D"\", \"segment\": \"metro\"}]}");
    rig_run(rig, 2000);
    assert_string_equal(rig_active(rig, C), "A");
    assert_string_equal(rig_active(rig, D), "A");
    rig_said(rig);
    rig_reload(rig, "{\"learn\": false, \"clients\": ["
               "{\"address\": \""D"\", \"segment\": \"metro\"}]}");
    assert_null(rig_client(rig, C));
    assert_string_equal(rig_active(rig, D), "A");
    assert_null(strstr(rig_said(rig), D));
    rig_end(rig);
}

/* Somebody else sets it again at once, or the bridge cannot do better. */
static void
a_meter_that_stays_wrong_does_not_fill_the_journal(void **state)
{
    struct rig *rig = two_routers(NULL);
    const char *said;
    int n = 0;

    rig_meddle(rig, "A");
    rig_run(rig, 30000);
    said = rig_said(rig);
    while ((said = strstr(said, "event router.repaired"))) {
        said++;
        n++;
    }
    assert_in_range(n, 3, 4);
    rig_destroy(rig);
}

/* Whose fault it is says what is to be done; nothing has changed. */
static void
a_change_that_cannot_be_kept_is_refused_with_the_reason(void **state)
{
    static const struct {
        int error;
        const char *reason;
    } cases[] = {
        { EIO, "the state directory: Input/output error" },
        { ECANCELED, "another controller leads" },
        { ETIMEDOUT, "the database does not answer: the change has not been "
                     "made, but it may yet be kept there" },
        { EREMOTEIO, "the database has refused the change" },
    };
    struct rig *rig = rig_create(NULL);
    struct engine *en = rig_engine(rig);
    struct router *router = engine_find_router(en, "A");

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *reason;

        rig_fail_to_keep(rig, cases[i].error);
        reason = engine_set_draining(en, router, true);
        assert_non_null(reason);
        assert_string_equal(reason, cases[i].reason);
        assert_false(router->draining);
        free(reason);
    }
    rig_fail_to_keep(rig, 0);
    assert_null(engine_set_draining(en, router, true));
    rig_destroy(rig);
}

/* Clients of another controller, as it has known them. */
static struct store_client
known(const char *address, const char *segment)
{
    struct store_client kept = {
        .has_mac = true, .mac = { .ea = { 2, 0, 0, 0, 1, 0xa } },
    };

    snprintf(kept.segment, sizeof kept.segment, "%s", segment);
    assert_true(fh_addr_parse(address, &kept.address));
    return kept;
}

static void
who_another_controller_has_known_is_asked_for_at_once(void **state)
{
    struct rig *rig = rig_create("{\"limits\": {\"learned\": 2}}");
    struct engine *en = rig_engine(rig);
    struct store_client c = known(C, "metro"), d = known(D, "metro");
    struct store_client elsewhere = known("10.0.0.12", "elsewhere");
    struct store_client nobody = known("10.0.0.13", "metro");
    struct store_client one_more = known("10.0.0.14", "metro");

    rig_add_host(rig, C, C_MAC);
    nobody.has_mac = false;
    engine_recall(en, &elsewhere);
    engine_recall(en, &nobody);
    engine_recall(en, &c);
    engine_recall(en, &c);
    engine_recall(en, &d);
    engine_recall(en, &one_more);
    assert_int_equal(clients_count(engine_clients(en)), 2);
    rig_connect(rig, "A");
    rig_connect(rig, "B");
    rig_run(rig, 1000);
    assert_string_equal(rig_active(rig, C), "A");
    assert_string_equal(rig_active(rig, D), "-");   /* Does not answer. */
    rig_end(rig);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_change_that_cannot_be_kept_is_refused_with_the_reason),
        cmocka_unit_test(a_client_moves_when_its_router_is_lost),
        cmocka_unit_test(a_client_moves_when_its_router_does_not_hear_it),
        cmocka_unit_test(a_client_moves_when_its_port_is_down),
        cmocka_unit_test(a_client_moves_when_its_router_has_lost_the_core),
        cmocka_unit_test(a_client_moves_when_its_routers_uplink_port_is_down),
        cmocka_unit_test(
            who_answers_in_the_place_of_a_silent_client_has_its_address),
        cmocka_unit_test(a_client_that_checks_its_address_may_be_silent),
        cmocka_unit_test(it_is_known_what_would_happen),
        cmocka_unit_test(a_client_that_falls_silent_everywhere_is_not_moved),
        cmocka_unit_test(nobody_is_told_before_the_flows_are_confirmed),
        cmocka_unit_test(the_client_is_told_once_the_core_has_been),
        cmocka_unit_test(
            the_core_is_not_told_that_who_never_was_there_has_gone),
        cmocka_unit_test(nobody_moves_back_without_need),
        cmocka_unit_test(with_preempt_the_better_one_takes_it_back),
        cmocka_unit_test(an_operator_moves_a_client_where_it_is_heard),
        cmocka_unit_test(a_drained_router_is_left_and_not_chosen),
        cmocka_unit_test(a_provisioned_client_is_served_before_it_speaks),
        cmocka_unit_test(who_never_answers_makes_room),
        cmocka_unit_test(
            who_another_controller_has_known_is_asked_for_at_once),
        cmocka_unit_test(what_a_bridge_holds_is_taken_over_untouched),
        cmocka_unit_test(of_two_that_hold_a_client_the_later_has_it),
        cmocka_unit_test(
            a_router_that_held_clients_is_waited_for_and_not_forever),
        cmocka_unit_test(a_reload_that_changes_nothing_says_nothing),
        cmocka_unit_test(other_timers_move_nobody),
        cmocka_unit_test(another_gateway_is_told_to_the_client),
        cmocka_unit_test(
            a_router_that_leaves_the_segment_forwards_until_another_does),
        cmocka_unit_test(a_meter_that_stays_wrong_does_not_fill_the_journal),
        cmocka_unit_test(clients_come_and_go_with_the_configuration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
