/* controller/decide/takeover: the order of a takeover, row by row, and every way to
 * fail in the middle of it. */
#include <config.h>

#include "controller/decide/takeover.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define A 0
#define B 1
#define C 2
#define ALL 0x7

static const char *const action_names[] = {
    [TAKEOVER_INSTALL] = "install", [TAKEOVER_CONFIRM] = "confirm",
    [TAKEOVER_TELL_CORE] = "tell", [TAKEOVER_SILENCE] = "silence",
    [TAKEOVER_VOICE] = "voice",
    [TAKEOVER_REPEAT_CORE] = "retell", [TAKEOVER_SEND_NOTICE] = "notice",
    [TAKEOVER_ARM] = "arm", [TAKEOVER_REMOVE] = "remove",
    [TAKEOVER_DONE] = "done", [TAKEOVER_RELEASE] = "release",
    [TAKEOVER_ELECT] = "elect",
};

struct fixture {
    struct takeover t;
    struct takeover_actions acts;
    char text[512];
};

static int
set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    takeover_init(&f->t);
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    free(*state);
    return 0;
}

/* What was to be done since the last call: "install B; arm B 1100; ". */
static const char *
acts(struct fixture *f)
{
    size_t len = 0;

    f->text[0] = '\0';
    for (size_t i = 0; i < f->acts.n; i++) {
        const struct takeover_action *a = &f->acts.items[i];
        char at[24] = "";

        if (a->type == TAKEOVER_ARM) {
            snprintf(at, sizeof at, " %lld", (long long) a->at_ms);
        }
        len += snprintf(f->text + len, sizeof f->text - len, "%s%s %c%s",
                        i ? "; " : "", action_names[a->type], 'A' + a->member,
                        at);
    }
    f->acts.n = 0;
    return f->text;
}

/* The client is with 'member', everything settled. */
static void
settle(struct fixture *f, int member)
{
    takeover_begin(&f->t, member, false, 0, &f->acts);
    takeover_installed(&f->t, true, 0, &f->acts);
    takeover_told(&f->t, 0, 0, ALL, &f->acts);
    takeover_core_acked(&f->t, member);
    takeover_acked(&f->t, member, 0, ALL, &f->acts);
    assert_true(takeover_is_idle(&f->t));
    assert_int_equal(f->t.holders, 1u << member);
    f->acts.n = 0;
}

/* Brings a takeover by 'member' that begins at 1000 into 'phase'. */
static void
reach_phase(struct fixture *f, int member, enum takeover_phase phase)
{
    takeover_begin(&f->t, member, phase == TAKEOVER_SETTLE, 1000, &f->acts);
    if (phase >= TAKEOVER_SETTLE) {
        takeover_installed(&f->t, true, 1010, &f->acts);
    }
    if (phase >= TAKEOVER_NOTICE) {
        takeover_told(&f->t, 0, 1020, ALL, &f->acts);
    }
    assert_int_equal(f->t.phase, phase);
    f->acts.n = 0;
}

/* The order. */

static void
nothing_is_held_at_the_start(void **state)
{
    struct fixture *f = *state;

    assert_true(takeover_is_idle(&f->t));
    assert_int_equal(f->t.winner, -1);
    assert_int_equal(f->t.holders, 0);
}

static void
flows_then_core_then_notice_then_clean_up(void **state)
{
    struct fixture *f = *state;

    settle(f, A);
    takeover_begin(&f->t, B, false, 1000, &f->acts);
    assert_string_equal(acts(f), "install B");
    takeover_installed(&f->t, true, 1010, &f->acts);
    assert_string_equal(acts(f), "silence A; tell B");
    assert_int_equal(f->t.install_ms, 10);
    takeover_told(&f->t, 0, 1020, ALL, &f->acts);
    assert_string_equal(acts(f), "notice B; arm B 1120");
    takeover_core_acked(&f->t, B);
    takeover_acked(&f->t, B, 1021, ALL, &f->acts);
    assert_string_equal(acts(f), "done B; remove A; release B");
    assert_true(takeover_is_idle(&f->t));
    assert_int_equal(f->t.holders, 1u << B);
}

static void
the_first_router_has_no_loser_to_clean(void **state)
{
    struct fixture *f = *state;

    reach_phase(f, A, TAKEOVER_NOTICE);
    takeover_core_acked(&f->t, A);
    takeover_acked(&f->t, A, 1021, ALL, &f->acts);
    assert_string_equal(acts(f), "done A; release A");
}

static void
the_notice_is_repeated_until_acknowledged(void **state)
{
    struct fixture *f = *state;

    settle(f, A);
    reach_phase(f, B, TAKEOVER_NOTICE);
    takeover_core_acked(&f->t, B);
    takeover_timer(&f->t, 1120, ALL, &f->acts);
    assert_string_equal(acts(f), "notice B; arm B 1320");
    takeover_timer(&f->t, 1320, ALL, &f->acts);
    assert_string_equal(acts(f), "notice B; arm B 2120");
    takeover_acked(&f->t, B, 1400, ALL, &f->acts);
    assert_string_equal(acts(f), "done B; remove A; release B");
    takeover_timer(&f->t, 2120, ALL, &f->acts);
    assert_string_equal(acts(f), "");
}

static void
never_acknowledged_ends_after_the_last_notice(void **state)
{
    struct fixture *f = *state;
    int64_t now_ms = 1120;

    settle(f, A);
    reach_phase(f, B, TAKEOVER_NOTICE);
    takeover_core_acked(&f->t, B);
    takeover_timer(&f->t, now_ms, ALL, &f->acts);
    takeover_timer(&f->t, 1320, ALL, &f->acts);
    takeover_timer(&f->t, 2120, ALL, &f->acts);
    acts(f);
    takeover_timer(&f->t, 3220, ALL, &f->acts);
    /* The fifth; and a while for its answer. */
    assert_string_equal(acts(f), "notice B; arm B 3320");
    assert_int_equal(f->t.n_notices, TAKEOVER_NOTICES);
    takeover_timer(&f->t, 3320, ALL, &f->acts);
    assert_string_equal(acts(f), "done B; remove A; release B");
    assert_true(takeover_is_idle(&f->t));
    assert_false(f->t.client_acked);
}

static void
a_late_timer_keeps_the_others_in_their_places(void **state)
{
    struct fixture *f = *state;

    reach_phase(f, B, TAKEOVER_NOTICE);
    takeover_core_acked(&f->t, B);
    takeover_timer(&f->t, 1190, ALL, &f->acts);
    assert_string_equal(acts(f), "notice B; arm B 1320");
}

static void
a_second_acknowledgement_changes_nothing(void **state)
{
    struct fixture *f = *state;

    reach_phase(f, B, TAKEOVER_NOTICE);
    takeover_core_acked(&f->t, B);
    takeover_acked(&f->t, B, 1021, ALL, &f->acts);
    acts(f);
    takeover_acked(&f->t, B, 1022, ALL, &f->acts);
    assert_string_equal(acts(f), "");
}

static void
an_acknowledgement_of_another_member_changes_nothing(void **state)
{
    struct fixture *f = *state;

    settle(f, A);
    reach_phase(f, B, TAKEOVER_NOTICE);
    takeover_acked(&f->t, A, 1021, ALL, &f->acts);
    assert_string_equal(acts(f), "");
    assert_int_equal(f->t.phase, TAKEOVER_NOTICE);
}

static void
an_acknowledgement_before_the_notice_changes_nothing(void **state)
{
    struct fixture *f = *state;

    for (int phase = TAKEOVER_FLOWS; phase <= TAKEOVER_CORE; phase++) {
        takeover_init(&f->t);
        reach_phase(f, B, phase);
        takeover_acked(&f->t, B, 1021, ALL, &f->acts);
        assert_string_equal(acts(f), "");
        assert_int_equal(f->t.phase, phase);
    }
}

static void
steps_out_of_turn_change_nothing(void **state)
{
    struct fixture *f = *state;

    takeover_installed(&f->t, true, 1000, &f->acts);
    takeover_told(&f->t, 0, 1000, ALL, &f->acts);
    takeover_timer(&f->t, 1000, ALL, &f->acts);
    takeover_acked(&f->t, A, 1000, ALL, &f->acts);
    assert_string_equal(acts(f), "");

    reach_phase(f, B, TAKEOVER_FLOWS);
    takeover_told(&f->t, 0, 1020, ALL, &f->acts);
    takeover_timer(&f->t, 1020, ALL, &f->acts);
    assert_string_equal(acts(f), "");

    reach_phase(f, B, TAKEOVER_NOTICE);
    takeover_installed(&f->t, true, 1030, &f->acts);
    takeover_installed(&f->t, false, 1030, &f->acts);
    takeover_told(&f->t, 0, 1030, ALL, &f->acts);
    assert_string_equal(acts(f), "");
    assert_int_equal(f->t.phase, TAKEOVER_NOTICE);
}

/* The core. */

static void
the_core_is_told_again_with_each_notice(void **state)
{
    struct fixture *f = *state;

    reach_phase(f, B, TAKEOVER_NOTICE);
    takeover_timer(&f->t, 1120, ALL, &f->acts);
    assert_string_equal(acts(f), "retell B; notice B; arm B 1320");
}

static void
a_core_that_never_acknowledges_is_told_after_the_client_is_done(void **state)
{
    struct fixture *f = *state;

    settle(f, A);
    reach_phase(f, B, TAKEOVER_NOTICE);
    takeover_acked(&f->t, B, 1021, ALL, &f->acts);
    assert_string_equal(acts(f), "done B; remove A; release B; arm B 1120");
    takeover_timer(&f->t, 1120, ALL, &f->acts);
    assert_string_equal(acts(f), "retell B; arm B 1320");
    takeover_timer(&f->t, 1320, ALL, &f->acts);
    assert_string_equal(acts(f), "retell B; arm B 2120");
    takeover_timer(&f->t, 2120, ALL, &f->acts);
    assert_string_equal(acts(f), "retell B; arm B 3220");
    takeover_timer(&f->t, 3220, ALL, &f->acts);
    assert_string_equal(acts(f), "retell B");
    takeover_timer(&f->t, 4000, ALL, &f->acts);
    assert_string_equal(acts(f), "");
}

static void
a_core_that_acknowledges_late_is_left_in_peace(void **state)
{
    struct fixture *f = *state;

    reach_phase(f, B, TAKEOVER_NOTICE);
    takeover_acked(&f->t, B, 1021, ALL, &f->acts);
    acts(f);
    takeover_core_acked(&f->t, B);
    takeover_timer(&f->t, 1120, ALL, &f->acts);
    assert_string_equal(acts(f), "");
}

static void
the_core_s_answer_to_another_member_is_not_for_this_one(void **state)
{
    struct fixture *f = *state;

    settle(f, A);
    reach_phase(f, B, TAKEOVER_NOTICE);
    takeover_core_acked(&f->t, A);
    takeover_timer(&f->t, 1120, ALL, &f->acts);
    assert_string_equal(acts(f), "retell B; notice B; arm B 1320");
}

/* The losers' flows. */

/* As reach_phase() into NOTICE, the core being known to take 'linger_ms'. */
static void
reach_notice(struct fixture *f, int member, uint16_t linger_ms)
{
    takeover_begin(&f->t, member, false, 1000, &f->acts);
    takeover_installed(&f->t, true, 1010, &f->acts);
    takeover_told(&f->t, linger_ms, 1020, ALL, &f->acts);
    f->acts.n = 0;
}

static void
losers_forward_until_the_core_has_had_its_time(void **state)
{
    struct fixture *f = *state;

    settle(f, A);
    reach_notice(f, B, 100);
    takeover_core_acked(&f->t, B);
    takeover_acked(&f->t, B, 1021, ALL, &f->acts);
    assert_string_equal(acts(f), "done B; arm B 1120");
    assert_true(takeover_is_idle(&f->t));
    takeover_timer(&f->t, 1120, ALL, &f->acts);
    assert_string_equal(acts(f), "remove A; release B");
    assert_int_equal(f->t.holders, 1u << B);
    takeover_timer(&f->t, 2000, ALL, &f->acts);
    assert_string_equal(acts(f), "");
}

static void
a_client_that_acknowledges_late_costs_no_more_time(void **state)
{
    struct fixture *f = *state;

    settle(f, A);
    reach_notice(f, B, 100);
    takeover_core_acked(&f->t, B);
    takeover_acked(&f->t, B, 1120, ALL, &f->acts);
    assert_string_equal(acts(f), "done B; remove A; release B");
}

static void
the_core_is_told_again_while_losers_forward(void **state)
{
    struct fixture *f = *state;

    settle(f, A);
    reach_notice(f, B, 200);
    takeover_acked(&f->t, B, 1021, ALL, &f->acts);
    assert_string_equal(acts(f), "done B; arm B 1120");
    takeover_timer(&f->t, 1120, ALL, &f->acts);
    assert_string_equal(acts(f), "retell B; arm B 1220");
    takeover_timer(&f->t, 1220, ALL, &f->acts);
    assert_string_equal(acts(f), "remove A; release B; arm B 1320");
}

static void
back_to_a_loser_that_still_forwards(void **state)
{
    struct fixture *f = *state;

    settle(f, A);
    reach_notice(f, B, 1000);
    takeover_acked(&f->t, B, 1021, ALL, &f->acts);
    takeover_begin(&f->t, A, false, 1500, &f->acts);
    takeover_installed(&f->t, true, 1510, &f->acts);
    takeover_told(&f->t, 0, 1520, ALL, &f->acts);
    takeover_core_acked(&f->t, A);
    acts(f);
    takeover_acked(&f->t, A, 1521, ALL, &f->acts);
    assert_string_equal(acts(f), "done A; remove B; release A");
    assert_int_equal(f->t.holders, 1u << A);
}

static void
a_winner_that_goes_while_losers_forward_was_done(void **state)
{
    struct fixture *f = *state;

    settle(f, A);
    reach_notice(f, B, 1000);
    takeover_core_acked(&f->t, B);
    takeover_acked(&f->t, B, 1021, ALL, &f->acts);
    acts(f);
    takeover_member_gone(&f->t, B, &f->acts);
    assert_string_equal(acts(f), "");
}

static void
a_loser_that_is_back_forwards_as_long_as_the_others(void **state)
{
    struct fixture *f = *state;

    settle(f, A);
    reach_notice(f, B, 1000);
    takeover_core_acked(&f->t, B);
    takeover_acked(&f->t, B, 1021, ALL, &f->acts);
    acts(f);
    takeover_member_back(&f->t, C, true, ALL, &f->acts);
    assert_string_equal(acts(f), "");
    takeover_timer(&f->t, 2020, ALL, &f->acts);
    assert_string_equal(acts(f), "remove A; remove C; release B");
}

static void
a_planned_move_lets_the_flows_sink_in(void **state)
{
    struct fixture *f = *state;

    settle(f, A);
    takeover_begin(&f->t, B, true, 1000, &f->acts);
    assert_string_equal(acts(f), "install B");
    takeover_installed(&f->t, true, 1010, &f->acts);
    assert_string_equal(acts(f), "arm B 1060");
    assert_true(takeover_is_untold(&f->t));
    takeover_acked(&f->t, B, 1020, ALL, &f->acts);
    takeover_told(&f->t, 0, 1020, ALL, &f->acts);
    assert_string_equal(acts(f), "");
    takeover_timer(&f->t, 1060, ALL, &f->acts);
    assert_string_equal(acts(f), "silence A; voice B; tell B");
    assert_int_equal(f->t.install_ms, 10);
}

/* Failures in the middle. */

static void
refused_flows_are_elected_again_and_stay_noted(void **state)
{
    struct fixture *f = *state;

    settle(f, A);
    reach_phase(f, B, TAKEOVER_FLOWS);
    takeover_installed(&f->t, false, 1010, &f->acts);
    assert_string_equal(acts(f), "elect B");
    assert_true(takeover_is_idle(&f->t));
    /* Nobody has been told: A serves on; B may hold some of it. */
    assert_int_equal(f->t.holders, 1u << A | 1u << B);
    assert_int_equal(f->t.install_ms, -1);
}

static void
a_retry_after_a_refusal_cleans_both_up(void **state)
{
    struct fixture *f = *state;

    settle(f, A);
    reach_phase(f, B, TAKEOVER_FLOWS);
    takeover_installed(&f->t, false, 1010, &f->acts);
    acts(f);
    reach_phase(f, C, TAKEOVER_NOTICE);
    takeover_core_acked(&f->t, C);
    takeover_acked(&f->t, C, 1021, ALL, &f->acts);
    assert_string_equal(acts(f), "done C; remove A; remove B; release C");
    assert_int_equal(f->t.holders, 1u << C);
}

static void
a_winner_whose_bridge_goes_is_elected_anew_in_every_phase(void **state)
{
    struct fixture *f = *state;

    for (int phase = TAKEOVER_FLOWS; phase <= TAKEOVER_NOTICE; phase++) {
        takeover_init(&f->t);
        settle(f, A);
        reach_phase(f, B, phase);
        takeover_member_gone(&f->t, B, &f->acts);
        assert_string_equal(acts(f), "elect B");
        assert_true(takeover_is_idle(&f->t));
        assert_int_equal(f->t.holders, 1u << A | 1u << B);
        /* What comes late from the failed one changes nothing. */
        takeover_installed(&f->t, true, 1030, &f->acts);
        takeover_told(&f->t, 0, 1030, ALL, &f->acts);
        takeover_acked(&f->t, B, 1030, ALL, &f->acts);
        assert_string_equal(acts(f), "");
    }
}

static void
another_bridge_that_goes_does_not_disturb(void **state)
{
    struct fixture *f = *state;

    settle(f, A);
    for (int phase = TAKEOVER_FLOWS; phase <= TAKEOVER_NOTICE; phase++) {
        reach_phase(f, B, phase);
        takeover_member_gone(&f->t, A, &f->acts);
        assert_string_equal(acts(f), "");
        assert_int_equal(f->t.phase, phase);
    }
}

static void
an_idle_winner_s_bridge_that_goes_asks_for_nothing(void **state)
{
    struct fixture *f = *state;

    settle(f, A);
    takeover_member_gone(&f->t, A, &f->acts);
    assert_string_equal(acts(f), "");
    assert_int_equal(f->t.holders, 1u << A);
}

static void
a_new_winner_in_every_phase_begins_anew(void **state)
{
    struct fixture *f = *state;

    for (int phase = TAKEOVER_FLOWS; phase <= TAKEOVER_NOTICE; phase++) {
        takeover_init(&f->t);
        settle(f, A);
        reach_phase(f, B, phase);
        takeover_begin(&f->t, C, false, 1100, &f->acts);
        assert_string_equal(acts(f), "install C");
        takeover_installed(&f->t, true, 1105, &f->acts);
        assert_string_equal(acts(f), "silence A; silence B; tell C");
        assert_int_equal(f->t.install_ms, 5);
        takeover_told(&f->t, 0, 1110, ALL, &f->acts);
        assert_string_equal(acts(f), "notice C; arm C 1210");
        takeover_acked(&f->t, B, 1111, ALL, &f->acts);
        takeover_core_acked(&f->t, B);
        assert_string_equal(acts(f), "");
        takeover_core_acked(&f->t, C);
        takeover_acked(&f->t, C, 1112, ALL, &f->acts);
        assert_string_equal(acts(f), "done C; remove A; remove B; release C");
    }
}

static void
back_to_the_loser_in_every_phase_keeps_its_flows(void **state)
{
    struct fixture *f = *state;

    for (int phase = TAKEOVER_FLOWS; phase <= TAKEOVER_NOTICE; phase++) {
        takeover_init(&f->t);
        settle(f, A);
        reach_phase(f, B, phase);
        takeover_begin(&f->t, A, false, 1100, &f->acts);
        takeover_installed(&f->t, true, 1105, &f->acts);
        takeover_told(&f->t, 0, 1110, ALL, &f->acts);
        assert_string_equal(acts(f),
                            "install A; silence B; tell A; notice A; "
                            "arm A 1210");
        takeover_core_acked(&f->t, A);
        takeover_acked(&f->t, A, 1112, ALL, &f->acts);
        assert_string_equal(acts(f), "done A; remove B; release A");
        assert_int_equal(f->t.holders, 1u << A);
    }
}

static void
a_disconnected_loser_is_cleaned_when_it_is_back(void **state)
{
    struct fixture *f = *state;
    takeover_members without_a = ALL & ~(1u << A);

    settle(f, A);
    reach_phase(f, B, TAKEOVER_NOTICE);
    takeover_core_acked(&f->t, B);
    takeover_acked(&f->t, B, 1021, without_a, &f->acts);
    assert_string_equal(acts(f), "done B; release B");
    assert_int_equal(f->t.holders, 1u << A | 1u << B);

    takeover_member_back(&f->t, A, true, ALL, &f->acts);
    assert_string_equal(acts(f), "remove A");
    assert_int_equal(f->t.holders, 1u << B);
}

static void
a_loser_that_is_back_without_flows_has_nothing_to_remove(void **state)
{
    struct fixture *f = *state;

    settle(f, A);
    reach_phase(f, B, TAKEOVER_NOTICE);
    takeover_core_acked(&f->t, B);
    takeover_acked(&f->t, B, 1021, ALL & ~(1u << A), &f->acts);
    acts(f);
    takeover_member_back(&f->t, A, false, ALL, &f->acts);
    assert_string_equal(acts(f), "");
    assert_int_equal(f->t.holders, 1u << B);
}

static void
a_loser_that_is_back_in_the_middle_is_cleaned_at_the_end(void **state)
{
    struct fixture *f = *state;

    for (int phase = TAKEOVER_FLOWS; phase <= TAKEOVER_NOTICE; phase++) {
        takeover_init(&f->t);
        settle(f, A);
        reach_phase(f, B, phase);
        takeover_member_back(&f->t, A, true, ALL, &f->acts);
        assert_string_equal(acts(f), "");
        takeover_installed(&f->t, true, 1030, &f->acts);
        if (phase == TAKEOVER_SETTLE) {
            takeover_timer(&f->t, 1030, ALL, &f->acts);
        }
        takeover_told(&f->t, 0, 1030, ALL, &f->acts);
        takeover_core_acked(&f->t, B);
        f->acts.n = 0;
        takeover_acked(&f->t, B, 1040, ALL, &f->acts);
        assert_string_equal(acts(f), "done B; remove A; release B");
    }
}

static void
the_winner_that_is_back_keeps_its_flows(void **state)
{
    struct fixture *f = *state;

    settle(f, A);
    takeover_member_gone(&f->t, A, &f->acts);
    takeover_member_back(&f->t, A, true, ALL, &f->acts);
    assert_string_equal(acts(f), "");
    assert_int_equal(f->t.holders, 1u << A);
}

/* The end. */

static void
to_clear_removes_from_all_that_can_be_told(void **state)
{
    struct fixture *f = *state;

    settle(f, A);
    reach_phase(f, B, TAKEOVER_NOTICE);
    takeover_clear(&f->t, ALL & ~(1u << A), &f->acts);
    assert_string_equal(acts(f), "remove B");
    assert_int_equal(f->t.winner, -1);
    assert_true(takeover_is_idle(&f->t));
    assert_int_equal(f->t.holders, 1u << A);
    takeover_timer(&f->t, 2000, ALL, &f->acts);
    takeover_acked(&f->t, B, 2000, ALL, &f->acts);
    assert_string_equal(acts(f), "");
}

static void
who_holds_flows_of_nobody_is_cleaned_when_it_is_back(void **state)
{
    struct fixture *f = *state;

    settle(f, A);
    takeover_clear(&f->t, 0, &f->acts);
    assert_string_equal(acts(f), "");
    takeover_member_back(&f->t, A, true, ALL, &f->acts);
    assert_string_equal(acts(f), "remove A");
    assert_int_equal(f->t.holders, 0);
}

static void
as_many_losers_as_members_fit_the_list(void **state)
{
    struct fixture *f = *state;

    reach_phase(f, 31, TAKEOVER_NOTICE);
    f->t.holders = UINT32_MAX;
    takeover_acked(&f->t, 31, 1021, UINT32_MAX, &f->acts);
    /* The report, 31 to remove, their release, the core to ask again. */
    assert_int_equal(f->acts.n, 34);
    assert_int_equal(f->t.holders, 1u << 31);
}

/* Taking up again. */

static void
one_that_was_cut_short_goes_on_from_the_barrier(void **state)
{
    struct fixture *f = *state;

    f->t.holders = 1u << A | 1u << B;
    takeover_resume(&f->t, B, 1000, &f->acts);
    assert_string_equal(acts(f), "confirm B");
    takeover_installed(&f->t, true, 1002, &f->acts);
    assert_string_equal(acts(f), "silence A; tell B");
    takeover_told(&f->t, 0, 1003, ALL, &f->acts);
    assert_string_equal(acts(f), "notice B; arm B 1103");
    takeover_core_acked(&f->t, B);
    takeover_acked(&f->t, B, 1004, ALL, &f->acts);
    assert_string_equal(acts(f), "done B; remove A; release B");
}

static void
a_winner_is_unconfirmed_until_its_flows_have_sunk_in(void **state)
{
    struct fixture *f = *state;

    assert_false(takeover_is_unconfirmed(&f->t));
    reach_phase(f, B, TAKEOVER_FLOWS);
    assert_true(takeover_is_unconfirmed(&f->t));
    reach_phase(f, B, TAKEOVER_SETTLE);
    assert_true(takeover_is_unconfirmed(&f->t));
    takeover_timer(&f->t, 1010 + TAKEOVER_SETTLE_MS, ALL, &f->acts);
    assert_false(takeover_is_unconfirmed(&f->t));
    reach_phase(f, B, TAKEOVER_NOTICE);
    assert_false(takeover_is_unconfirmed(&f->t));
}

static void
what_bridges_tell_is_taken_off_them_again(void **state)
{
    struct fixture *f = *state;

    takeover_found(&f->t, A, true);
    takeover_found(&f->t, B, true);
    takeover_found(&f->t, C, true);
    takeover_found(&f->t, C, false);
    assert_true(takeover_holds(&f->t, A) && takeover_holds(&f->t, B));
    assert_false(takeover_holds(&f->t, C));
    assert_true(takeover_holds_several(&f->t));
    takeover_adopt(&f->t, B);
    takeover_clear(&f->t, ALL, &f->acts);
    assert_string_equal(acts(f), "remove A; remove B");
}

static void
an_adopted_winner_has_told_the_core(void **state)
{
    struct fixture *f = *state;

    takeover_found(&f->t, A, true);
    takeover_adopt(&f->t, A);
    assert_int_equal(takeover_winner(&f->t), A);
    takeover_timer(&f->t, 60000, ALL, &f->acts);
    assert_string_equal(acts(f), "");
}

static void
who_was_before_a_refused_takeover_is_the_winner_again(void **state)
{
    struct fixture *f = *state;

    settle(f, A);
    takeover_begin(&f->t, B, false, 1000, &f->acts);
    takeover_installed(&f->t, false, 1001, &f->acts);
    assert_string_equal(acts(f), "install B; elect B");
    takeover_put_back(&f->t, takeover_winner(&f->t) == B ? A : -1);
    takeover_member_back(&f->t, B, true, ALL, &f->acts);
    assert_string_equal(acts(f), "remove B");
    assert_true(takeover_holds(&f->t, A));
}

static void
nothing_follows_from_one_that_was_abandoned(void **state)
{
    struct fixture *f = *state;

    settle(f, A);
    takeover_begin(&f->t, B, true, 1000, &f->acts);
    acts(f);
    takeover_abandon(&f->t);
    assert_true(takeover_is_idle(&f->t));
    takeover_installed(&f->t, true, 1001, &f->acts);
    takeover_told(&f->t, 0, 1001, ALL, &f->acts);
    takeover_acked(&f->t, B, 1001, ALL, &f->acts);
    assert_string_equal(acts(f), "");
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_held_at_the_start),
        TEST(flows_then_core_then_notice_then_clean_up),
        TEST(the_first_router_has_no_loser_to_clean),
        TEST(the_notice_is_repeated_until_acknowledged),
        TEST(never_acknowledged_ends_after_the_last_notice),
        TEST(a_late_timer_keeps_the_others_in_their_places),
        TEST(a_second_acknowledgement_changes_nothing),
        TEST(an_acknowledgement_of_another_member_changes_nothing),
        TEST(an_acknowledgement_before_the_notice_changes_nothing),
        TEST(steps_out_of_turn_change_nothing),
        TEST(the_core_is_told_again_with_each_notice),
        TEST(a_core_that_never_acknowledges_is_told_after_the_client_is_done),
        TEST(a_core_that_acknowledges_late_is_left_in_peace),
        TEST(the_core_s_answer_to_another_member_is_not_for_this_one),
        TEST(losers_forward_until_the_core_has_had_its_time),
        TEST(a_client_that_acknowledges_late_costs_no_more_time),
        TEST(the_core_is_told_again_while_losers_forward),
        TEST(back_to_a_loser_that_still_forwards),
        TEST(a_winner_that_goes_while_losers_forward_was_done),
        TEST(a_loser_that_is_back_forwards_as_long_as_the_others),
        TEST(a_planned_move_lets_the_flows_sink_in),
        TEST(refused_flows_are_elected_again_and_stay_noted),
        TEST(a_retry_after_a_refusal_cleans_both_up),
        TEST(a_winner_whose_bridge_goes_is_elected_anew_in_every_phase),
        TEST(another_bridge_that_goes_does_not_disturb),
        TEST(an_idle_winner_s_bridge_that_goes_asks_for_nothing),
        TEST(a_new_winner_in_every_phase_begins_anew),
        TEST(back_to_the_loser_in_every_phase_keeps_its_flows),
        TEST(a_disconnected_loser_is_cleaned_when_it_is_back),
        TEST(a_loser_that_is_back_without_flows_has_nothing_to_remove),
        TEST(a_loser_that_is_back_in_the_middle_is_cleaned_at_the_end),
        TEST(the_winner_that_is_back_keeps_its_flows),
        TEST(to_clear_removes_from_all_that_can_be_told),
        TEST(who_holds_flows_of_nobody_is_cleaned_when_it_is_back),
        TEST(as_many_losers_as_members_fit_the_list),
        TEST(one_that_was_cut_short_goes_on_from_the_barrier),
        TEST(a_winner_is_unconfirmed_until_its_flows_have_sunk_in),
        TEST(what_bridges_tell_is_taken_off_them_again),
        TEST(an_adopted_winner_has_told_the_core),
        TEST(who_was_before_a_refused_takeover_is_the_winner_again),
        TEST(nothing_follows_from_one_that_was_abandoned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
