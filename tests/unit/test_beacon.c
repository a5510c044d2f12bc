/* controller/decide/beacon and pulse: who hears whom, in virtual time. */
#include <config.h>

#include "controller/decide/beacon.h"
#include "controller/decide/pulse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const struct beacon_params params = { .interval_ms = 50, .misses = 3 };

#define PORT 7

/* A bridge that takes everything at once and drops nothing. */
static struct reach_bridge
prompt(const struct beacon *b)
{
    return (struct reach_bridge) { .fence_done = b->fence,
                                   .reading_done = b->reading };
}

/* The timer fires. */
static struct beacon_verdict
fire(struct beacon *b, const struct beacon_params *p, int64_t now_ms)
{
    struct reach_bridge bridge = prompt(b);
    struct beacon_verdict v = beacon_timer(b, p, &bridge, now_ms);

    assert_true(v.next_ms > now_ms);
    if (v.ask) {
        beacon_sent(b, now_ms, b->fence + 1, now_ms * 1000);
    }
    if (v.look) {
        beacon_looked(b, b->reading + 1);
    }
    return v;
}

static enum beacon_event
answer(struct beacon *b, const struct beacon_params *p, int64_t now_ms,
       int64_t *next_ms)
{
    enum beacon_event event;

    assert_true(beacon_answered(b, p, beacon_number(b), PORT, now_ms * 1000,
                                &event, next_ms));
    return event;
}

/* One that was found at 'now_ms', after 1 ms, and rests. */
static struct beacon
found_at(int64_t now_ms, const struct beacon_params *p)
{
    struct beacon b = { .phase_ms = 0 };
    int64_t next_ms;

    assert_true(fire(&b, p, now_ms - 1).ask);
    assert_int_equal(answer(&b, p, now_ms, &next_ms), BEACON_FOUND);
    return b;
}

/* Nobody answers.  Returns when 'event' came, or -1 if not before 'to_ms'. */
static int64_t
silent_until(struct beacon *b, const struct beacon_params *p, int64_t now_ms,
             enum beacon_event event, int64_t to_ms)
{
    while (now_ms < to_ms) {
        struct beacon_verdict v = fire(b, p, now_ms);

        if (v.event == event) {
            return now_ms;
        }
        now_ms = v.next_ms;
    }
    return -1;
}

/* The port may have had no room for its answer. */
static void
silence_while_the_window_was_full_is_no_miss(void **state)
{
    struct beacon b = found_at(1000, &params);
    struct reach_bridge bridge;
    struct beacon_verdict v;

    assert_true(fire(&b, &params, 1050).ask);
    b.looked = true;
    bridge = prompt(&b);
    bridge.full_ms = 1055;
    v = beacon_timer(&b, &params, &bridge, 1070);
    assert_true(v.ask);
    assert_int_equal(v.event, BEACON_NOTHING);
    assert_int_equal(b.misses, 0);
    beacon_sent(&b, 1070, b.fence, 1070 * 1000);
    b.looked = true;
    assert_int_equal(beacon_timer(&b, &params, &bridge, 1090).event,
                     BEACON_WENT_LATE);
}

/* States. */

static void
an_answer_finds_it(void **state)
{
    struct beacon b = found_at(1000, &params);

    assert_int_equal(b.state, BEACON_UP);
    assert_int_equal(b.port, PORT);
    assert_int_equal(b.answered_ms, 1000);
    assert_true(b.found);
}

static void
a_beacon_is_due_once_an_interval(void **state)
{
    struct beacon b = found_at(1000, &params);
    int64_t next_ms = 1000;

    for (int i = 0; i < 5; i++) {
        next_ms = beacon_next_ms(&b, &params, next_ms);
        assert_int_equal(next_ms, 1050 + 50 * i);
        assert_true(fire(&b, &params, next_ms).ask);
        assert_int_equal(answer(&b, &params, next_ms + 1, &next_ms),
                         BEACON_NOTHING);
        next_ms = 1050 + 50 * i;
    }
}

static void
each_has_its_place_in_the_interval(void **state)
{
    struct beacon_params stretched = { .interval_ms = 101, .misses = 3 };
    struct beacon b = found_at(1000, &stretched);

    for (b.phase_ms = 0; b.phase_ms < 250; b.phase_ms += 10) {
        int64_t at_ms = beacon_next_ms(&b, &stretched, 100000);

        assert_in_range(at_ms, 100001, 100101);
        assert_int_equal(at_ms % 101, b.phase_ms % 101);
    }
}

static void
three_in_a_row_and_it_is_lost(void **state)
{
    struct beacon b = found_at(1000, &params);

    assert_int_equal(silent_until(&b, &params, 1050, BEACON_WENT_LATE, 5000),
                     1050 + BEACON_MIN_RTO_MS);
    assert_int_equal(b.state, BEACON_LATE);
    assert_true(beacon_is_up(&b));
    assert_int_equal(silent_until(&b, &params, 1085, BEACON_WENT_LOST, 5000),
                     1050 + 3 * BEACON_MIN_RTO_MS);
    assert_false(beacon_is_up(&b));
    assert_int_equal(b.missed, 3);
}

static void
an_answer_to_a_repetition_is_enough(void **state)
{
    struct beacon b = found_at(1000, &params);
    int64_t next_ms;

    silent_until(&b, &params, 1050, BEACON_WENT_LATE, 5000);
    assert_int_equal(answer(&b, &params, 1071, &next_ms), BEACON_NOTHING);
    assert_int_equal(b.state, BEACON_UP);
    assert_int_equal(b.misses, 0);
    assert_int_equal(next_ms, 1100);
}

static void
one_miss_may_be_enough(void **state)
{
    struct beacon_params strict = { .interval_ms = 50, .misses = 1 };
    struct beacon b = found_at(1000, &strict);

    assert_int_equal(silent_until(&b, &strict, 1050, BEACON_WENT_LOST, 5000),
                     1050 + BEACON_MIN_RTO_MS);
}

static void
a_short_interval_has_short_timeouts(void **state)
{
    struct beacon_params hasty = { .interval_ms = 10, .misses = 3 };
    struct beacon b = found_at(1000, &hasty);

    assert_int_equal(silent_until(&b, &hasty, 1010, BEACON_WENT_LOST, 5000),
                     1040);
}

static void
a_machine_that_stalled_is_given_time(void **state)
{
    struct beacon_params stalled = { 50, 3, 80 };
    struct beacon b = found_at(1000, &params);
    struct stall stall = { 0, 0 };

    assert_int_equal(beacon_rto_ms(&b, &stalled), 80);
    beacon_press(&b);           /* All three together. */
    assert_int_equal(beacon_rto_ms(&b, &stalled), 27);

    stall_note(&stall, 80, 1000);
    stall_note(&stall, 3, 2000);
    assert_int_equal(stall_ms(&stall, 2000), 80);
    assert_int_equal(stall_ms(&stall, 1000 + STALL_HALF_MS), 40);
    stall_note(&stall, 41, 1000 + STALL_HALF_MS);
    assert_int_equal(stall_ms(&stall, 1000 + STALL_HALF_MS), 41);
    stall_note(&stall, 100000, 50000);
    assert_int_equal(stall_ms(&stall, 50000), STALL_MOST_MS);
    assert_int_equal(stall_ms(&stall, 50000 + 20 * STALL_HALF_MS), 0);
}

static void
one_that_is_pressed_is_lost_sooner(void **state)
{
    struct beacon b = found_at(1000, &params);
    int64_t lost_ms;

    assert_true(fire(&b, &params, 1050).ask);
    beacon_press(&b);
    lost_ms = silent_until(&b, &params, 1052, BEACON_WENT_LOST, 5000);
    assert_in_range(lost_ms, 1050 + 3 * BEACON_PRESSED_RTO_MS,
                    1050 + 3 * BEACON_PRESSED_RTO_MS + 6);
    assert_false(b.pressed);
}

static void
one_that_is_pressed_waits_no_longer_than_for_a_stall(void **state)
{
    struct beacon b = { .rtt = { 400000, 100000 }, .state = BEACON_UP };

    assert_int_equal(beacon_rto_ms(&b, &params), 800);
    beacon_press(&b);
    assert_int_equal(beacon_rto_ms(&b, &params), STALL_MOST_MS / 3);
}

static void
an_answer_takes_the_pressure_off(void **state)
{
    struct beacon b = found_at(1000, &params);
    int64_t next_ms;

    fire(&b, &params, 1050);
    beacon_press(&b);
    answer(&b, &params, 1053, &next_ms);
    assert_int_equal(beacon_rto_ms(&b, &params), BEACON_MIN_RTO_MS);
}

static void
the_timeout_follows_the_round_trip(void **state)
{
    struct beacon b = { .rtt = { 30000, 5000 } };

    assert_int_equal(beacon_rto_ms(&b, &params), 50);
    b.rtt = (struct rtt) { UINT32_MAX, UINT32_MAX };
    assert_int_equal(beacon_rto_ms(&b, &params), BEACON_IDLE_MS);
    b.rtt = (struct rtt) { 0, 0 };
    assert_int_equal(beacon_rto_ms(&b, &params), BEACON_FIRST_RTO_MS);
}

static void
who_is_lost_is_asked_seldom_and_can_be_found(void **state)
{
    struct beacon b = found_at(1000, &params);
    int64_t now_ms = silent_until(&b, &params, 1050, BEACON_WENT_LOST, 5000);
    int64_t next_ms;
    uint32_t sent = b.sent;

    assert_int_equal(silent_until(&b, &params, now_ms + 50, BEACON_WENT_LOST,
                                  now_ms + 60000), -1);
    assert_in_range(b.sent - sent, 59, 63);
    assert_true(fire(&b, &params, 70000).ask);
    assert_int_equal(answer(&b, &params, 70001, &next_ms), BEACON_FOUND);
    assert_int_equal(next_ms, 70050);
}

static void
who_has_never_answered_stays_unknown(void **state)
{
    struct beacon b = { .phase_ms = 0 };

    assert_int_equal(silent_until(&b, &params, 1000, BEACON_WENT_LOST, 30000),
                     -1);
    assert_int_equal(b.state, BEACON_UNKNOWN);
    assert_in_range(b.sent, 28, 40);
}

static void
who_has_answered_before_a_reconnection_is_lost(void **state)
{
    struct beacon b = found_at(1000, &params);

    assert_true(beacon_forget(&b));
    assert_int_equal(b.state, BEACON_UNKNOWN);
    assert_false(beacon_forget(&b));
    assert_int_equal(silent_until(&b, &params, 2000, BEACON_WENT_LOST, 3000),
                     2000 + 3 * BEACON_MIN_RTO_MS);
}

/* Evidence. */

static void
nothing_is_missed_while_the_bridge_is_slow(void **state)
{
    struct beacon b = found_at(1000, &params);
    struct reach_bridge slow;
    int64_t now_ms = 1050;

    fire(&b, &params, now_ms);
    slow = (struct reach_bridge) { .fence_done = b.fence - 1,
                                   .reading_done = b.reading + 100 };
    while (now_ms < 9000) {
        struct beacon_verdict v = beacon_timer(&b, &params, &slow, now_ms);

        assert_int_equal(v.event, BEACON_NOTHING);
        assert_false(v.ask);
        assert_true(v.next_ms > now_ms);
        now_ms = v.next_ms;
    }
    assert_int_equal(b.missed, 0);
    assert_int_equal(fire(&b, &params, now_ms).event, BEACON_WENT_LATE);
}

static void
nothing_is_missed_before_the_meter_is_read(void **state)
{
    struct beacon b = found_at(1000, &params);
    struct reach_bridge bridge;

    fire(&b, &params, 1050);
    assert_true(fire(&b, &params, 1065).look);
    bridge = (struct reach_bridge) { .fence_done = b.fence,
                                     .reading_done = b.reading - 1 };
    assert_int_equal(beacon_timer(&b, &params, &bridge, 1070).event,
                     BEACON_NOTHING);
    assert_int_equal(fire(&b, &params, 1071).event, BEACON_WENT_LATE);
}

static void
a_meter_that_drops_excuses(void **state)
{
    struct beacon b = found_at(1000, &params);
    struct reach_bridge bridge;
    struct beacon_verdict v;

    silent_until(&b, &params, 1050, BEACON_WENT_LATE, 5000);
    bridge = prompt(&b);
    fire(&b, &params, 1085);
    bridge = (struct reach_bridge) { b.fence, b.reading, 1051000 };
    v = beacon_timer(&b, &params, &bridge, 1090);
    assert_int_equal(v.event, BEACON_NOTHING);
    assert_false(v.ask);
    assert_int_equal(v.next_ms, 1100);
    assert_int_equal(b.state, BEACON_UP);
    assert_false(b.outstanding);
}

static void
an_answer_of_another_number_is_none(void **state)
{
    struct beacon b = found_at(1000, &params);
    enum beacon_event event;
    int64_t next_ms;

    fire(&b, &params, 1050);
    assert_false(beacon_answered(&b, &params, beacon_number(&b) ^ 1, PORT, 1051000,
                                 &event, &next_ms));
    assert_int_equal(answer(&b, &params, 1052, &next_ms), BEACON_NOTHING);
    /* Nor a second one of the same. */
    assert_false(beacon_answered(&b, &params, beacon_number(&b), PORT, 1053000,
                                 &event, &next_ms));
}

/* One whose answer is lost, and the one after it is answered in 1 ms: that is
 * how long an answer takes. */
static void
a_repetition_is_measured_by_itself(void **state)
{
    struct beacon b = found_at(1000, &params);
    int64_t next_ms;

    fire(&b, &params, 1050);
    silent_until(&b, &params, 1065, BEACON_WENT_LATE, 5000);
    answer(&b, &params, 1050 + BEACON_MIN_RTO_MS + 1, &next_ms);
    assert_int_equal(b.rtt.srtt_us, 1000);
}

static void
an_answer_to_one_before_counts(void **state)
{
    struct beacon b = found_at(1000, &params);
    enum beacon_event event;
    uint64_t first;
    int64_t next_ms;

    fire(&b, &params, 1050);
    first = beacon_number(&b);
    silent_until(&b, &params, 1065, BEACON_WENT_LATE, 5000);
    assert_true(beacon_number(&b) != first);
    assert_true(beacon_answered(&b, &params, first, PORT, 1090000, &event,
                                &next_ms));
    assert_int_equal(b.state, BEACON_UP);
    assert_in_range(b.rtt.srtt_us, 1001, 40000);
}

static void
only_so_many_are_kept(void **state)
{
    struct beacon b = found_at(1000, &params);

    for (int i = 1; i <= BEACON_KEPT + 1; i++) {
        beacon_sent(&b, i, 1, i * 1000);
    }
    assert_int_equal(beacon_asked_us(&b, 1), 0);
    assert_int_equal(beacon_asked_us(&b, 2), 2000);
    assert_int_equal(beacon_asked_us(&b, BEACON_KEPT + 1),
                     1000 * (BEACON_KEPT + 1));
}

/* Pulse. */

static void
a_router_that_is_heard_is_well(void **state)
{
    struct pulse_input in = { .connected = true, .n_known = 2, .n_asked = 2,
                              .n_lost = 2 };

    assert_int_equal(pulse_decide(&in), PULSE_WELL);
}

static void
a_silent_router_is_what_its_peers_say(void **state)
{
    struct pulse_input in = { .connected = true, .overdue = true,
                              .n_known = 2, .n_asked = 2 };

    for (int connected = 0; connected < 2; connected++) {
        in.connected = connected;
        for (in.n_lost = 0; in.n_lost < 2; in.n_lost++) {
            assert_int_equal(pulse_decide(&in), PULSE_HEADLESS);
        }
        assert_int_equal(pulse_decide(&in), PULSE_DEAD);
    }
}

static void
without_witnesses_it_is_taken_to_live(void **state)
{
    struct pulse_input in = { .n_known = 2 };

    assert_int_equal(pulse_decide(&in), PULSE_HEADLESS);
}

static void
whom_nobody_ever_heard_is_what_its_connection_says(void **state)
{
    struct pulse_input in = { .connected = true, .overdue = true };

    assert_int_equal(pulse_decide(&in), PULSE_WELL);
    in.connected = false;
    assert_int_equal(pulse_decide(&in), PULSE_DEAD);
}

static void
only_live_peers_that_had_answers_count(void **state)
{
    struct beacon up = found_at(1000, &params), lost = up, never = { 0 };
    struct pulse_input in = { .connected = false };

    lost.state = BEACON_LOST;
    pulse_add(&in, &never, true);
    assert_int_equal(in.n_known, 0);
    pulse_add(&in, &lost, false);
    assert_int_equal(in.n_known, 1);
    assert_int_equal(in.n_asked, 0);
    pulse_add(&in, &lost, true);
    pulse_add(&in, &up, true);
    assert_int_equal(in.n_known, 3);
    assert_int_equal(in.n_asked, 2);
    assert_int_equal(in.n_lost, 1);
}

static void
an_echo_is_overdue_by_its_own_round_trip(void **state)
{
    struct rtt rtt = { 400, 100 };

    assert_int_equal(pulse_timeout_ms(&rtt, 0), PULSE_MIN_MS);
    assert_int_equal(pulse_timeout_ms(&rtt, 100), 300);
    rtt = (struct rtt) { 30000, 5000 };
    assert_int_equal(pulse_timeout_ms(&rtt, 0), 200);
    rtt = (struct rtt) { UINT32_MAX, UINT32_MAX };
    assert_int_equal(pulse_timeout_ms(&rtt, 0), PULSE_MAX_MS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_while_the_window_was_full_is_no_miss),
        cmocka_unit_test(an_answer_finds_it),
        cmocka_unit_test(a_beacon_is_due_once_an_interval),
        cmocka_unit_test(each_has_its_place_in_the_interval),
        cmocka_unit_test(three_in_a_row_and_it_is_lost),
        cmocka_unit_test(an_answer_to_a_repetition_is_enough),
        cmocka_unit_test(one_miss_may_be_enough),
        cmocka_unit_test(a_short_interval_has_short_timeouts),
        cmocka_unit_test(a_machine_that_stalled_is_given_time),
        cmocka_unit_test(one_that_is_pressed_is_lost_sooner),
        cmocka_unit_test(
            one_that_is_pressed_waits_no_longer_than_for_a_stall),
        cmocka_unit_test(an_answer_takes_the_pressure_off),
        cmocka_unit_test(the_timeout_follows_the_round_trip),
        cmocka_unit_test(who_is_lost_is_asked_seldom_and_can_be_found),
        cmocka_unit_test(who_has_never_answered_stays_unknown),
        cmocka_unit_test(who_has_answered_before_a_reconnection_is_lost),
        cmocka_unit_test(nothing_is_missed_while_the_bridge_is_slow),
        cmocka_unit_test(nothing_is_missed_before_the_meter_is_read),
        cmocka_unit_test(a_meter_that_drops_excuses),
        cmocka_unit_test(an_answer_of_another_number_is_none),
        cmocka_unit_test(a_repetition_is_measured_by_itself),
        cmocka_unit_test(an_answer_to_one_before_counts),
        cmocka_unit_test(only_so_many_are_kept),
        cmocka_unit_test(a_router_that_is_heard_is_well),
        cmocka_unit_test(a_silent_router_is_what_its_peers_say),
        cmocka_unit_test(without_witnesses_it_is_taken_to_live),
        cmocka_unit_test(whom_nobody_ever_heard_is_what_its_connection_says),
        cmocka_unit_test(only_live_peers_that_had_answers_count),
        cmocka_unit_test(an_echo_is_overdue_by_its_own_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
