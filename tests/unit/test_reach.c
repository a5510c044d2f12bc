/* controller/decide/reach: one client on one router, in virtual time. */
#include <config.h>

#include "controller/decide/reach.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const struct reach_params params = {
    .interval_ms = 1000, .retry_ms = 100, .retries = 2,
};

#define PORT 7

/* When the meter is looked at, of the shortest timeout. */
#define LOOK_MS (REACH_MIN_RTO_MS * 3 / 4)

/* Sends the probe number 'fence' at 'now_ms'. */
static void
send_probe(struct reach *r, uint32_t fence, int64_t now_ms)
{
    reach_probe_sent(r, fence, now_ms * 1000);
}

/* The timer fires for a probe of which the last fence that came back is
 * 'fence_done': first to look at the meter, which has dropped nothing, then
 * to judge. */
static struct reach_verdict
late(struct reach *r, const struct reach_params *p, uint32_t fence_done,
     int64_t now_ms)
{
    struct reach_bridge bridge = { .fence_done = fence_done };

    if (r->outstanding && !r->looked && r->state != REACH_DOWN) {
        struct reach_verdict v = reach_timer(r, p, &bridge, now_ms);

        assert_true(v.look);
        assert_false(v.probe);
        assert_int_equal(v.event, REACH_NOTHING);
        reach_look_sent(r, 0);
    }
    return reach_timer(r, p, &bridge, now_ms);
}

static enum reach_event
answer(struct reach *r, int64_t now_ms)
{
    int64_t next_ms;

    return reach_reply(r, &params, PORT, now_ms * 1000, &next_ms);
}

/* A client that has answered once, after 1 ms, at 'now_ms'. */
static struct reach
up_since(int64_t now_ms)
{
    struct reach r = { .index = 0 };

    send_probe(&r, 1, now_ms - 1);
    assert_int_equal(answer(&r, now_ms), REACH_WENT_UP);
    return r;
}

/* Round trips. */

static void
the_first_timeout_is_the_longest(void **state)
{
    struct reach r = { .index = 0 };

    assert_int_equal(reach_rto_ms(&r, &params), params.retry_ms);
}

static void
the_timeout_follows_the_round_trip(void **state)
{
    struct reach r = { .index = 0 };

    send_probe(&r, 1, 1000);
    answer(&r, 1010);
    /* SRTT 10 ms, RTTVAR 5 ms: 10 + 4 * 5. */
    assert_int_equal(r.rtt.srtt_us, 10000);
    assert_int_equal(r.rtt.rttvar_us, 5000);
    assert_int_equal(reach_rto_ms(&r, &params), 30);

    send_probe(&r, 2, 2000);
    answer(&r, 2018);
    /* RTTVAR 3/4 * 5 + 1/4 * 8, SRTT 7/8 * 10 + 1/8 * 18. */
    assert_int_equal(r.rtt.rttvar_us, 5750);
    assert_int_equal(r.rtt.srtt_us, 11000);
    assert_int_equal(reach_rto_ms(&r, &params), 34);
}

static void
the_timeout_stays_within_its_bounds(void **state)
{
    struct reach fast = { .rtt = { 1, 1 } };
    struct reach slow = { .rtt = { UINT32_MAX, UINT32_MAX } };
    struct reach_params hasty = params;

    assert_int_equal(reach_rto_ms(&fast, &params), REACH_MIN_RTO_MS);
    assert_int_equal(reach_rto_ms(&slow, &params), params.interval_ms);
    slow.rtt = (struct rtt) { 99000, UINT32_MAX };
    assert_int_equal(reach_rto_ms(&slow, &params), params.retry_ms);
    hasty.retry_ms = 5;
    assert_int_equal(reach_rto_ms(&fast, &hasty), 5);
}

static void
a_reply_to_a_repeated_probe_measures_from_the_first(void **state)
{
    struct reach r = up_since(1000);
    uint32_t srtt_us = r.rtt.srtt_us;

    send_probe(&r, 2, 2000);
    late(&r, &params, 2, 2020);
    send_probe(&r, 3, 2020);
    assert_int_equal(answer(&r, 2050), REACH_NOTHING);
    assert_int_equal(r.rtt.srtt_us, (7 * srtt_us + 50000) / 8);
}

static void
a_round_trip_of_nothing_counts_as_measured(void **state)
{
    struct reach r = { .index = 0 };

    send_probe(&r, 1, 1000);
    answer(&r, 1000);
    assert_int_equal(r.rtt.srtt_us, 1);
}

static void
a_clock_that_went_back_measures_nothing(void **state)
{
    struct reach r = { .index = 0 };

    send_probe(&r, 1, 1000);
    assert_int_equal(answer(&r, 999), REACH_WENT_UP);
    assert_int_equal(r.rtt.srtt_us, 0);
}

/* States. */

static void
a_reply_brings_an_unknown_client_up(void **state)
{
    struct reach r = { .index = 0 };
    int64_t next_ms = 0;

    send_probe(&r, 1, 1000);
    assert_int_equal(reach_reply(&r, &params, PORT, 1003 * 1000, &next_ms),
                     REACH_WENT_UP);
    assert_int_equal(r.state, REACH_UP);
    assert_int_equal(r.port, PORT);
    assert_int_equal(r.up_since_ms, 1003);
    assert_int_equal(r.last_reply_ms, 1003);
    assert_false(r.outstanding);
    /* Its own moment in the interval: phase 0. */
    assert_int_equal(next_ms, 2000);
}

static void
probes_keep_to_their_own_moment_in_the_interval(void **state)
{
    struct reach r = { .phase = 123456 };   /* 456 modulo 1000. */

    assert_int_equal(reach_next_ms(&r, &params, 5000), 5456);
    assert_int_equal(reach_next_ms(&r, &params, 5455), 5456);
    assert_int_equal(reach_next_ms(&r, &params, 5456), 6456);
    assert_int_equal(reach_next_ms(&r, &params, 5999), 6456);
    assert_int_equal(reach_next_ms(&r, &params, 0), 456);
}

static void
a_reply_later_than_the_interval_waits_for_another(void **state)
{
    struct reach r = { .index = 0 };
    int64_t next_ms = 0;

    send_probe(&r, 1, 1000);
    reach_reply(&r, &params, PORT, 2500 * 1000, &next_ms);
    assert_int_equal(next_ms, 3000);
}

static void
the_timer_of_an_idle_client_asks_for_a_probe(void **state)
{
    struct reach r = up_since(1000);
    struct reach_verdict v = late(&r, &params, 1, 2000);

    assert_int_equal(v.event, REACH_NOTHING);
    assert_true(v.probe);
    assert_int_equal(v.next_ms, 2000 + LOOK_MS);
}

static void
one_lost_probe_is_suspect_and_repeated_at_once(void **state)
{
    struct reach r = up_since(1000);
    struct reach_verdict v;

    send_probe(&r, 2, 2000);
    v = late(&r, &params, 2, 2020);
    assert_int_equal(v.event, REACH_LATE);
    assert_true(v.probe);
    assert_int_equal(v.next_ms, 2020 + LOOK_MS + LOOK_MS / 2 + 1);
    assert_int_equal(r.state, REACH_SUSPECT);
    assert_true(reach_is_up(&r));
}

static void
a_suspect_that_answers_is_up_as_before(void **state)
{
    struct reach r = up_since(1000);

    send_probe(&r, 2, 2000);
    late(&r, &params, 2, 2020);
    send_probe(&r, 3, 2020);
    assert_int_equal(answer(&r, 2021), REACH_NOTHING);
    assert_int_equal(r.state, REACH_UP);
    assert_int_equal(r.misses, 0);
    assert_int_equal(r.up_since_ms, 1000);
}

/* Misses 'n' probes in a row from 'now_ms' on.  Returns the last verdict. */
static struct reach_verdict
miss(struct reach *r, int n, int64_t now_ms)
{
    struct reach_verdict v = { .event = REACH_NOTHING };

    for (int i = 0; i < n; i++) {
        send_probe(r, 10 + i, now_ms);
        now_ms += reach_rto_ms(r, &params);
        v = late(r, &params, 10 + i, now_ms);
    }
    return v;
}

static void
as_many_lost_probes_as_retries_are_not_down(void **state)
{
    struct reach r = up_since(1000);
    struct reach_verdict v = miss(&r, params.retries, 2000);

    assert_int_equal(v.event, REACH_NOTHING);
    assert_int_equal(r.state, REACH_SUSPECT);
}

static void
one_lost_probe_more_than_retries_is_down(void **state)
{
    struct reach r = up_since(1000);
    struct reach_verdict v = miss(&r, params.retries + 1, 2000);

    assert_int_equal(v.event, REACH_WENT_DOWN);
    assert_false(v.probe);
    assert_int_equal(r.state, REACH_DOWN);
    assert_false(r.outstanding);
    assert_int_equal(r.up_since_ms, 0);
    assert_int_equal(r.missed, params.retries + 1);
    /* Three probes, 20, 30 and 40 ms; then rest until its own moment. */
    assert_int_equal(v.next_ms, 3000);
}

static void
without_retries_the_first_lost_probe_is_down(void **state)
{
    struct reach_params strict = params;
    struct reach r = up_since(1000);
    struct reach_verdict v;

    strict.retries = 0;
    send_probe(&r, 2, 2000);
    v = late(&r, &strict, 2, 2020);
    assert_int_equal(v.event, REACH_WENT_DOWN);
}

static void
an_unknown_client_that_never_answers_goes_down(void **state)
{
    struct reach r = { .index = 0 };
    struct reach_verdict v = miss(&r, params.retries + 1, 1000);

    assert_int_equal(v.event, REACH_WENT_DOWN);
    assert_int_equal(r.state, REACH_DOWN);
}

static void
a_down_client_is_probed_once_an_interval(void **state)
{
    struct reach r = { .state = REACH_DOWN };
    struct reach_verdict v = late(&r, &params, 0, 5000);

    assert_true(v.probe);
    assert_int_equal(v.next_ms, 6000);
    send_probe(&r, 1, 5000);
    v = late(&r, &params, 1, 6000);
    assert_int_equal(v.event, REACH_NOTHING);
    assert_true(v.probe);
    assert_int_equal(v.next_ms, 7000);
    assert_int_equal(r.state, REACH_DOWN);
    assert_int_equal(r.misses, 0);
}

static void
one_answer_brings_a_down_client_up(void **state)
{
    struct reach r = { .state = REACH_DOWN };

    send_probe(&r, 1, 5000);
    assert_int_equal(answer(&r, 5002), REACH_WENT_UP);
    assert_int_equal(r.up_since_ms, 5002);
    assert_int_equal(r.misses, 0);
}

/* Fences. */

static void
a_probe_that_the_bridge_has_not_taken_is_not_missed(void **state)
{
    struct reach r = up_since(1000);

    send_probe(&r, 5, 2000);
    for (int64_t now_ms = 2020; now_ms < 10000; now_ms += 20) {
        struct reach_verdict v = late(&r, &params, 4, now_ms);

        assert_int_equal(v.event, REACH_NOTHING);
        assert_false(v.probe);
        assert_int_equal(v.next_ms, now_ms + 20);
    }
    assert_int_equal(r.state, REACH_UP);
    assert_int_equal(r.missed, 0);
}

static void
fences_wrap_around(void **state)
{
    struct reach r = up_since(1000);

    send_probe(&r, UINT32_MAX, 2000);
    assert_false(late(&r, &params, UINT32_MAX - 1, 2020).probe);
    assert_int_equal(late(&r, &params, 1, 2040).event, REACH_LATE);
    send_probe(&r, 0, 2040);
    assert_false(late(&r, &params, UINT32_MAX, 2060).probe);
    assert_true(late(&r, &params, 0, 2080).probe);
}

/* The meter. */

static struct reach_verdict
fire(struct reach *r, uint32_t reading_done, int64_t dropped_ms,
     int64_t now_ms)
{
    struct reach_bridge bridge = {
        .fence_done = r->fence, .reading_done = reading_done,
        .dropped_us = dropped_ms * 1000,
    };

    return reach_timer(r, &params, &bridge, now_ms);
}

static void
the_meter_is_looked_at_before_a_probe_is_late(void **state)
{
    struct reach r = up_since(1000);
    struct reach_verdict v;

    assert_int_equal(reach_look_ms(&r, &params, 2000), 2000 + LOOK_MS);
    send_probe(&r, 2, 2000);
    v = fire(&r, 0, 0, 2000 + LOOK_MS);
    assert_true(v.look);
    assert_int_equal(v.event, REACH_NOTHING);
    assert_int_equal(v.next_ms, 2000 + REACH_MIN_RTO_MS);
    assert_int_equal(r.state, REACH_UP);
    reach_look_sent(&r, 1);
    assert_int_equal(fire(&r, 1, 0, 2020).event, REACH_LATE);
}

static void
a_look_that_comes_late_makes_the_verdict_no_later(void **state)
{
    struct reach r = up_since(1000);

    send_probe(&r, 2, 2000);
    assert_int_equal(fire(&r, 0, 0, 2018).next_ms, 2020);
    send_probe(&r, 2, 2000);
    assert_int_equal(fire(&r, 0, 0, 2031).next_ms, 2031);
}

static void
a_client_that_is_down_is_not_worth_a_look(void **state)
{
    struct reach r = { .state = REACH_DOWN };

    assert_int_equal(reach_look_ms(&r, &params, 5000), 5100);
    send_probe(&r, 1, 5000);
    assert_false(fire(&r, 0, 6000, 6000).look);
}

static void
no_verdict_before_the_meter_is_read(void **state)
{
    struct reach r = up_since(1000);

    send_probe(&r, 2, 2000);
    fire(&r, 0, 0, 2015);
    reach_look_sent(&r, 8);
    for (int64_t now_ms = 2020; now_ms < 2200; now_ms += 6) {
        struct reach_verdict v = fire(&r, 7, 0, now_ms);

        assert_int_equal(v.event, REACH_NOTHING);
        assert_false(v.probe || v.look || v.inconclusive);
        assert_int_equal(v.next_ms, now_ms + 6);
    }
    assert_int_equal(fire(&r, 8, 0, 2200).event, REACH_LATE);
}

static void
silence_while_replies_are_dropped_is_no_miss(void **state)
{
    struct reach r = up_since(1000);

    for (int64_t now_ms = 2000; now_ms < 60000; now_ms += 1000) {
        struct reach_verdict v;

        send_probe(&r, 2, now_ms);
        assert_true(fire(&r, 0, now_ms - 1, now_ms + 15).look);
        reach_look_sent(&r, 0);
        v = fire(&r, 0, now_ms + 16, now_ms + 20);
        assert_true(v.inconclusive);
        assert_int_equal(v.event, REACH_NOTHING);
        /* A flood is no reason to send more. */
        assert_false(v.probe);
        assert_int_equal(v.next_ms, now_ms + 1000);
        assert_false(r.outstanding);
        assert_int_equal(r.state, REACH_UP);
    }
    assert_int_equal(r.missed, 0);
}

/* Its answer may have been among those that had no room. */
static void
silence_while_the_window_was_full_is_no_miss(void **state)
{
    struct reach_bridge bridge = { .fence_done = 9, .reading_done = 9 };
    struct reach r = up_since(1000);
    struct reach_verdict v;

    send_probe(&r, 2, 2000);
    reach_look_sent(&r, 1);
    r.looked = true;
    bridge.full_ms = 2000;
    for (int64_t now_ms = 2020; now_ms < 2100; now_ms++) {
        v = reach_timer(&r, &params, &bridge, now_ms);
        assert_true(v.repeat);          /* When there is room. */
        assert_false(v.probe);
        assert_int_equal(v.event, REACH_NOTHING);
        assert_int_equal(r.misses, 0);
    }
    send_probe(&r, 3, 2100);
    r.looked = true;
    assert_int_equal(reach_timer(&r, &params, &bridge, 2120).event,
                     REACH_LATE);
}

/* Which of the two it answers, and how long the other took, nobody knows. */
static void
nor_does_the_timeout_grow_by_it(void **state)
{
    struct reach_bridge bridge = { .fence_done = 9, .reading_done = 9,
                                   .full_ms = 2000 };
    struct reach r = up_since(1000);
    uint32_t srtt_us = r.rtt.srtt_us;
    int64_t next_ms;

    send_probe(&r, 2, 2000);
    r.looked = true;
    assert_true(reach_timer(&r, &params, &bridge, 2020).repeat);
    send_probe(&r, 3, 2900);
    reach_reply(&r, &params, 1, 2901000, &next_ms);
    assert_int_equal(r.rtt.srtt_us, srtt_us);
    send_probe(&r, 4, 3900);            /* This one is clear. */
    reach_reply(&r, &params, 1, 3950000, &next_ms);
    assert_true(r.rtt.srtt_us > srtt_us);
}

/* One probe in its turn whose answer, if there is one, is dropped. */
static void
flooded_probe(struct reach *r, int64_t now_ms)
{
    send_probe(r, 2, now_ms);
    fire(r, 0, now_ms, now_ms + 15);
    assert_true(fire(r, 0, now_ms + 16, now_ms + 20).inconclusive);
}

static void
a_flood_that_goes_on_leaves_a_client_unheard(void **state)
{
    struct reach r = up_since(1000);
    int64_t next_ms;

    for (int i = 1; i <= 300; i++) {
        assert_int_equal(reach_is_heard(&r), i <= REACH_UNHEARD);
        flooded_probe(&r, 1000 + i * 1000);
    }
    send_probe(&r, 2, 400000);
    reach_reply(&r, &params, 1, 400001000, &next_ms);
    assert_true(reach_is_heard(&r));
}

static void
a_client_whose_silence_counts_again_is_not_unheard(void **state)
{
    struct reach r = up_since(1000);

    for (int i = 1; i <= REACH_UNHEARD; i++) {
        flooded_probe(&r, 1000 + i * 1000);
    }
    send_probe(&r, 2, 10000);
    fire(&r, 0, 0, 10015);
    assert_int_equal(fire(&r, 0, 0, 10020).event, REACH_LATE);
    assert_true(reach_is_heard(&r));
}

static void
drops_before_the_probe_do_not_excuse_it(void **state)
{
    struct reach r = up_since(1000);

    send_probe(&r, 2, 2000);
    fire(&r, 0, 1999, 2015);
    assert_int_equal(fire(&r, 0, 1999, 2020).event, REACH_LATE);
    assert_int_equal(r.missed, 1);
}

static void
drops_excuse_the_misses_before_them_as_well(void **state)
{
    struct reach r = up_since(1000);

    assert_int_equal(miss(&r, params.retries, 2000).event, REACH_NOTHING);
    assert_int_equal(r.state, REACH_SUSPECT);
    send_probe(&r, 20, 2050);
    fire(&r, 0, 0, 2080);
    assert_true(fire(&r, 0, 2080, 2090).inconclusive);
    assert_int_equal(r.state, REACH_UP);
    assert_int_equal(r.misses, 0);
}

static void
a_client_that_died_in_a_flood_goes_down_after_it(void **state)
{
    struct reach r = up_since(1000);

    send_probe(&r, 2, 2000);
    fire(&r, 0, 0, 2015);
    assert_true(fire(&r, 0, 2016, 2020).inconclusive);
    for (int i = 0; i <= (int) params.retries; i++) {
        int64_t now_ms = 3000 + 50 * i;

        send_probe(&r, 3 + i, now_ms);
        fire(&r, 0, 2016, now_ms + 15);
        assert_int_equal(fire(&r, 0, 2016, now_ms + 50).event,
                         i == 0 ? REACH_LATE
                         : i < (int) params.retries ? REACH_NOTHING
                         : REACH_WENT_DOWN);
    }
}

static void
a_flood_leaves_an_unknown_client_unknown(void **state)
{
    struct reach r = { .index = 0 };

    send_probe(&r, 1, 1000);
    assert_true(fire(&r, 0, 0, 1075).look);
    assert_true(fire(&r, 0, 1080, 1100).inconclusive);
    assert_int_equal(r.state, REACH_UNKNOWN);
}

/* Other evidence. */

static void
to_be_heard_brings_up_what_was_not(void **state)
{
    for (int s = REACH_UNKNOWN; s <= REACH_DOWN; s++) {
        struct reach r = { .state = s, .port = 3, .up_since_ms = 1 };
        bool was_up = reach_is_up(&r);

        assert_int_equal(reach_heard(&r, PORT, 4000),
                         was_up ? REACH_NOTHING : REACH_WENT_UP);
        assert_int_equal(r.port, was_up ? 3 : PORT);
        assert_int_equal(r.up_since_ms, was_up ? 1 : 4000);
        assert_int_equal(r.state, was_up ? s : REACH_UP);
    }
}

static void
a_lost_port_is_down_at_once(void **state)
{
    struct reach r = up_since(1000);

    send_probe(&r, 2, 2000);
    assert_true(reach_lost(&r, true));
    assert_int_equal(r.state, REACH_DOWN);
    assert_int_equal(r.port, PORT);
    assert_false(r.outstanding);
    assert_false(reach_lost(&r, true));
}

static void
a_lost_bridge_leaves_nothing_known(void **state)
{
    struct reach r = up_since(1000);

    assert_true(reach_lost(&r, false));
    assert_int_equal(r.state, REACH_UNKNOWN);
    assert_int_equal(r.port, 0);
    assert_false(reach_lost(&r, false));
}

/* Whoever forges. */

/* So many replies, each 'gap_ms' after the one before, that answer nothing.
 * Returns how often the client came to be suspected. */
static int
forge(struct reach *r, int n, bool anonymous, int64_t from_ms, int64_t gap_ms)
{
    int begun = 0;

    for (int i = 0; i < n; i++) {
        begun += reach_unasked(r, anonymous, from_ms + i * gap_ms);
    }
    return begun;
}

static void
several_unasked_replies_make_a_client_suspected(void **state)
{
    struct reach r = up_since(1000);

    assert_int_equal(forge(&r, REACH_UNASKED_MANY - 1, false, 2000, 20), 0);
    assert_false(reach_is_suspected(&r, 2100));
    assert_true(reach_unasked(&r, false, 2100));
    assert_true(reach_is_suspected(&r, 2100));
    assert_int_equal(forge(&r, 1000, false, 2120, 20), 0);
    assert_true(reach_is_suspected(&r, 22100 + REACH_CALM_MS - 1));
    assert_false(reach_is_suspected(&r, 22100 + REACH_CALM_MS));
}

static void
an_unasked_reply_now_and_then_is_none(void **state)
{
    struct reach r = up_since(1000);

    assert_int_equal(forge(&r, 1000, false, 2000, REACH_UNASKED_GAP_MS), 0);
    assert_false(reach_is_suspected(&r, 2000 + 999 * REACH_UNASKED_GAP_MS));
}

/* One reply for each probe is never too many. */
static void
late_replies_are_owed(void **state)
{
    struct reach r = up_since(0);

    for (int64_t ms = 1000; ms < 100000; ms += 1000) {
        send_probe(&r, 0, ms);
        send_probe(&r, 0, ms + 100);
        send_probe(&r, 0, ms + 200);
        answer(&r, ms + 250);
        assert_false(reach_unasked(&r, false, ms + 350));
        assert_false(reach_unasked(&r, false, ms + 450));
    }
    assert_int_equal(r.unasked, 0);
    assert_int_equal(forge(&r, REACH_UNASKED_MANY, false, 100000, 1), 1);
}

static void
what_is_owed_is_bounded(void **state)
{
    struct reach r = up_since(0);

    for (int i = 0; i < 1000; i++) {
        send_probe(&r, 0, 1000 + i);
    }
    assert_int_equal(forge(&r, REACH_OWED_MOST + REACH_UNASKED_MANY, false,
                           2000, 1), 1);
}

static void
who_is_not_suspected_is_asked_by_the_local_address(void **state)
{
    struct reach r = up_since(1000);
    uint32_t phase = r.phase;

    for (int64_t us = 2000000; us < 2100000; us += 777) {
        assert_false(reach_choose_sender(&r, us));
    }
    assert_int_equal(r.phase, phase);
}

static void
who_is_suspected_is_asked_by_either_at_any_moment(void **state)
{
    struct reach r = up_since(1000);
    int n_anonymous = 0, n_early = 0;

    forge(&r, 100, false, 2000, 20);
    assert_true(reach_choose_sender(&r, 4000000));      /* The first time. */
    for (int64_t us = 4000000; us < 8000000; us += 4001) {
        n_anonymous += reach_choose_sender(&r, us);
        n_early += r.phase % 1000 < 500;
        send_probe(&r, 0, us / 1000);
    }
    assert_in_range(n_anonymous, 400, 600);
    assert_in_range(n_early, 400, 600);
    r.state = REACH_DOWN;
    for (int64_t us = 8000000; us < 8100000; us += 777) {
        assert_true(reach_choose_sender(&r, us));
    }
}

static void
only_replies_to_both_senders_cannot_be_told_apart(void **state)
{
    struct reach r = up_since(1000);

    forge(&r, 100, false, 2000, 20);
    assert_false(reach_is_unbelieved(&r, 4000));
    forge(&r, REACH_UNASKED_MANY, true, 4000, 20);
    assert_true(reach_is_unbelieved(&r, 4100));
    assert_false(reach_is_unbelieved(&r, 4100 + REACH_CALM_MS));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_timeout_is_the_longest),
        cmocka_unit_test(the_timeout_follows_the_round_trip),
        cmocka_unit_test(the_timeout_stays_within_its_bounds),
        cmocka_unit_test(a_reply_to_a_repeated_probe_measures_from_the_first),
        cmocka_unit_test(a_round_trip_of_nothing_counts_as_measured),
        cmocka_unit_test(a_clock_that_went_back_measures_nothing),
        cmocka_unit_test(a_reply_brings_an_unknown_client_up),
        cmocka_unit_test(a_reply_later_than_the_interval_waits_for_another),
        cmocka_unit_test(probes_keep_to_their_own_moment_in_the_interval),
        cmocka_unit_test(the_timer_of_an_idle_client_asks_for_a_probe),
        cmocka_unit_test(one_lost_probe_is_suspect_and_repeated_at_once),
        cmocka_unit_test(a_suspect_that_answers_is_up_as_before),
        cmocka_unit_test(as_many_lost_probes_as_retries_are_not_down),
        cmocka_unit_test(one_lost_probe_more_than_retries_is_down),
        cmocka_unit_test(without_retries_the_first_lost_probe_is_down),
        cmocka_unit_test(an_unknown_client_that_never_answers_goes_down),
        cmocka_unit_test(a_down_client_is_probed_once_an_interval),
        cmocka_unit_test(one_answer_brings_a_down_client_up),
        cmocka_unit_test(a_probe_that_the_bridge_has_not_taken_is_not_missed),
        cmocka_unit_test(fences_wrap_around),
        cmocka_unit_test(the_meter_is_looked_at_before_a_probe_is_late),
        cmocka_unit_test(a_look_that_comes_late_makes_the_verdict_no_later),
        cmocka_unit_test(a_client_that_is_down_is_not_worth_a_look),
        cmocka_unit_test(no_verdict_before_the_meter_is_read),
        cmocka_unit_test(silence_while_replies_are_dropped_is_no_miss),
        cmocka_unit_test(silence_while_the_window_was_full_is_no_miss),
        cmocka_unit_test(nor_does_the_timeout_grow_by_it),
        cmocka_unit_test(
            a_flood_that_goes_on_leaves_a_client_unheard),
        cmocka_unit_test(
            a_client_whose_silence_counts_again_is_not_unheard),
        cmocka_unit_test(drops_before_the_probe_do_not_excuse_it),
        cmocka_unit_test(drops_excuse_the_misses_before_them_as_well),
        cmocka_unit_test(a_client_that_died_in_a_flood_goes_down_after_it),
        cmocka_unit_test(a_flood_leaves_an_unknown_client_unknown),
        cmocka_unit_test(to_be_heard_brings_up_what_was_not),
        cmocka_unit_test(a_lost_port_is_down_at_once),
        cmocka_unit_test(a_lost_bridge_leaves_nothing_known),
        cmocka_unit_test(several_unasked_replies_make_a_client_suspected),
        cmocka_unit_test(an_unasked_reply_now_and_then_is_none),
        cmocka_unit_test(late_replies_are_owed),
        cmocka_unit_test(what_is_owed_is_bounded),
        cmocka_unit_test(who_is_not_suspected_is_asked_by_the_local_address),
        cmocka_unit_test(who_is_suspected_is_asked_by_either_at_any_moment),
        cmocka_unit_test(only_replies_to_both_senders_cannot_be_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
