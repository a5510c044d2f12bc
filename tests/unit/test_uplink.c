/* controller/decide/uplink: where the next hop is, in virtual time. */
#include <config.h>

#include "controller/decide/uplink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define REFRESH_MS 3000

static const struct eth_addr gateway = { .ea = { 2, 0, 0, 0, 2, 1 } };
static const struct eth_addr other = { .ea = { 2, 0, 0, 0, 2, 2 } };

static struct uplink_verdict
hear(struct uplink *uplink, struct eth_addr mac, int64_t now_ms)
{
    return uplink_heard(uplink, mac, 0, false, now_ms);
}

/* An uplink of a bridge that has just become ready. */
static struct uplink
fresh(void)
{
    struct uplink uplink = {
        .view.port = 7, .port_up = true, .watch = { REFRESH_MS, 3 },
    };

    return uplink;
}

/* One whose next hop has been heard at 'now_ms'. */
static struct uplink
resolved_at(int64_t now_ms)
{
    struct uplink uplink = fresh();

    uplink_tick(&uplink, now_ms);
    assert_int_equal(hear(&uplink, gateway, now_ms).event,
                     UPLINK_FOUND);
    return uplink;
}

/* One whose next hop was resolved at 'now_ms' and is at 'gateway' for so long
 * that another MAC may speak. */
static struct uplink
settled_at(int64_t now_ms)
{
    return resolved_at(now_ms - UPLINK_DISPUTE_MS);
}

/* Ticks from 'from_ms' to before 'to_ms'; the other side is silent.  Returns
 * when the first 'event' came, or -1. */
static int64_t
tick_until(struct uplink *uplink, int64_t from_ms, int64_t to_ms,
           enum uplink_event event)
{
    for (int64_t ms = from_ms; ms < to_ms; ms += UPLINK_TICK_MS) {
        if (uplink_tick(uplink, ms).event == event) {
            return ms;
        }
    }
    return -1;
}

static void
assert_is_at(const struct uplink *uplink, struct eth_addr mac)
{
    assert_true(fh_mac_equal(uplink->view.next_hop_mac, mac));
}

/* Asking. */

static void
a_closely_watched_next_hop_is_dead_soon(void **state)
{
    struct uplink uplink = resolved_at(0);

    uplink.watch = (struct uplink_params) { 100, 3 };
    hear(&uplink, gateway, 1000);
    assert_int_equal(uplink_tick(&uplink, 1050).ask, UPLINK_ASK_NOBODY);
    assert_int_equal(uplink_tick(&uplink, 1100).ask, UPLINK_ASK_IT);
    hear(&uplink, gateway, 1101);
    assert_int_equal(uplink.misses, 0);
    assert_int_equal(tick_until(&uplink, 1200, 9000, UPLINK_WENT_DEAD), 1600);
    assert_int_equal(hear(&uplink, gateway, 1601).event, UPLINK_CAME_BACK);
}

static void
one_miss_may_be_enough(void **state)
{
    struct uplink uplink = resolved_at(0);

    uplink.watch = (struct uplink_params) { 100, 1 };
    hear(&uplink, gateway, 1000);
    uplink_tick(&uplink, 1100);
    assert_false(uplink_is_doubtful(&uplink));
    assert_int_equal(uplink_tick(&uplink, 1200).event, UPLINK_WENT_DEAD);
    assert_true(uplink_is_doubtful(&uplink));
}

static void
what_is_awaited_ends_with_an_answer_or_without(void **state)
{
    struct uplink uplink = resolved_at(0);

    uplink.awaited = true;
    hear(&uplink, gateway, 100);
    assert_false(uplink.awaited);
    uplink.awaited = true;
    tick_until(&uplink, 200, 9000, UPLINK_WENT_DEAD);
    assert_false(uplink.awaited);
}

static void
an_unknown_next_hop_is_asked_early_and_then_by_the_second(void **state)
{
    static const int64_t expected[] = {
        0, 100, 200, 400, 800, 1000, 2000, 3000, 4000,
    };
    struct uplink uplink = fresh();
    size_t n = 0;

    for (int64_t ms = 0; ms < 4500; ms += UPLINK_TICK_MS) {
        struct uplink_verdict v = uplink_tick(&uplink, ms);

        if (v.ask != UPLINK_ASK_NOBODY) {
            assert_int_equal(v.ask, UPLINK_ASK_ALL);
            assert_true(n < sizeof expected / sizeof *expected);
            assert_int_equal(ms, expected[n++]);
        }
    }
    assert_int_equal(n, sizeof expected / sizeof *expected);
}

static void
early_requests_are_no_misses(void **state)
{
    struct uplink uplink = fresh();

    tick_until(&uplink, 0, 1000, UPLINK_WENT_DEAD);
    assert_int_equal(uplink.misses, 1);
    assert_false(uplink_is_doubtful(&uplink));
    uplink_tick(&uplink, 1000);
    assert_true(uplink_is_doubtful(&uplink));
}

static void
a_next_hop_that_never_answered_is_not_dead(void **state)
{
    struct uplink uplink = fresh();

    assert_int_equal(tick_until(&uplink, 0, 60000, UPLINK_WENT_DEAD), -1);
    assert_true(uplink_is_ok(&uplink));
    assert_true(uplink_is_doubtful(&uplink));
    assert_false(uplink_is_resolved(&uplink));
}

static void
a_next_hop_that_never_answered_is_told_once(void **state)
{
    struct uplink uplink = fresh();

    assert_int_equal(tick_until(&uplink, 0, 9000, UPLINK_UNHEARD), 3000);
    uplink_reset(&uplink);              /* The bridge comes and goes. */
    assert_int_equal(tick_until(&uplink, 9000, 60000, UPLINK_UNHEARD), -1);
}

static void
a_known_next_hop_is_refreshed_at_its_mac(void **state)
{
    struct uplink uplink = resolved_at(0);

    for (int64_t ms = 100; ms < REFRESH_MS; ms += UPLINK_TICK_MS) {
        assert_int_equal(uplink_tick(&uplink, ms).ask, UPLINK_ASK_NOBODY);
    }
    assert_int_equal(uplink_tick(&uplink, REFRESH_MS).ask,
                     UPLINK_ASK_IT);
    assert_int_equal(hear(&uplink, gateway, 3001).event,
                     UPLINK_NOTHING);
    assert_int_equal(uplink.misses, 0);
}

static void
three_unanswered_requests_are_death(void **state)
{
    struct uplink uplink = resolved_at(0);

    assert_int_equal(uplink_tick(&uplink, 3000).ask, UPLINK_ASK_IT);
    assert_int_equal(uplink_tick(&uplink, 4000).ask, UPLINK_ASK_ALL);
    assert_int_equal(tick_until(&uplink, 4100, 9000, UPLINK_WENT_DEAD),
                     6000);
    assert_false(uplink_is_ok(&uplink));
    assert_true(uplink_is_resolved(&uplink));
    assert_int_equal(tick_until(&uplink, 6100, 60000, UPLINK_WENT_DEAD), -1);
}

static void
requests_whose_answers_were_dropped_are_no_misses(void **state)
{
    struct uplink uplink = resolved_at(0);

    assert_false(uplink_waits(&uplink));
    for (int64_t ms = 3000; ms < 60000; ms += UPLINK_TICK_MS) {
        assert_int_equal(uplink_tick(&uplink, ms).event, UPLINK_NOTHING);
        assert_true(uplink_waits(&uplink));
        uplink.dropped_ms = ms;
    }
    assert_int_equal(uplink.misses, 1);
    /* The one of 59000 does not count; those after it do. */
    assert_int_equal(tick_until(&uplink, 60000, 90000, UPLINK_WENT_DEAD),
                     63000);
    assert_false(uplink_waits(&uplink));
}

static void
answers_that_were_dropped_before_the_request_excuse_nothing(void **state)
{
    struct uplink uplink = resolved_at(0);

    uplink.dropped_ms = 2999;
    assert_int_equal(tick_until(&uplink, 3000, 9000, UPLINK_WENT_DEAD),
                     6000);
}

static void
a_dead_next_hop_comes_back(void **state)
{
    struct uplink uplink = resolved_at(0);

    tick_until(&uplink, 3000, 7000, UPLINK_WENT_DEAD);
    assert_int_equal(hear(&uplink, gateway, 7000).event,
                     UPLINK_CAME_BACK);
    assert_true(uplink_is_ok(&uplink));
    assert_false(uplink_is_doubtful(&uplink));
    assert_is_at(&uplink, gateway);
}

static void
a_dead_next_hop_may_come_back_elsewhere(void **state)
{
    struct uplink uplink = resolved_at(0);

    tick_until(&uplink, 3000, 7000, UPLINK_WENT_DEAD);
    assert_int_equal(hear(&uplink, other, 7000).event,
                     UPLINK_CAME_BACK);
    assert_is_at(&uplink, other);
}

static void
an_absent_port_asks_nobody(void **state)
{
    struct uplink uplink = fresh();

    uplink.view.port = 0;
    assert_int_equal(uplink_tick(&uplink, 0).ask, UPLINK_ASK_NOBODY);
    assert_int_equal(uplink.misses, 0);
    assert_false(uplink_is_ok(&uplink));
}

static void
a_question_in_between_does_not_overtake_one_that_waits(void **state)
{
    struct uplink uplink = resolved_at(0);

    uplink_ask_soon(&uplink, 500);
    assert_int_equal(uplink_tick(&uplink, 500).ask, UPLINK_ASK_IT);
    uplink_ask_soon(&uplink, 600);
    assert_int_equal(uplink_tick(&uplink, 600).ask, UPLINK_ASK_NOBODY);
    assert_int_equal(uplink.misses, 1);
}

/* Whom to believe. */

static void
the_first_answer_is_believed(void **state)
{
    struct uplink uplink = fresh();

    uplink_tick(&uplink, 0);
    assert_int_equal(hear(&uplink, gateway, 1).event, UPLINK_FOUND);
    assert_is_at(&uplink, gateway);
    assert_int_equal(uplink_tick(&uplink, 100).ask, UPLINK_ASK_NOBODY);
}

static void
a_second_answer_to_the_same_question_is_refused(void **state)
{
    struct uplink uplink = resolved_at(0);

    assert_int_equal(hear(&uplink, other, 1).ask, UPLINK_ASK_NOBODY);
    assert_is_at(&uplink, gateway);
    assert_int_equal(uplink_tick(&uplink, 100).ask, UPLINK_ASK_IT);
    assert_int_equal(hear(&uplink, gateway, 101).event,
                     UPLINK_REFUSED);
    assert_is_at(&uplink, gateway);
}

static void
nobody_is_followed_before_the_old_one_was_asked(void **state)
{
    struct uplink uplink = resolved_at(0);

    hear(&uplink, other, 1);
    /* The loop was held up. */
    assert_int_equal(uplink_tick(&uplink, 900).ask, UPLINK_ASK_IT);
    assert_is_at(&uplink, gateway);
    assert_int_equal(uplink_tick(&uplink, 1000).event, UPLINK_MOVED);
    assert_is_at(&uplink, other);
}

static void
another_mac_makes_the_old_one_be_asked(void **state)
{
    struct uplink uplink = settled_at(1000);
    struct uplink_verdict v = hear(&uplink, other, 1000);

    assert_int_equal(v.ask, UPLINK_ASK_IT);
    assert_int_equal(v.event, UPLINK_NOTHING);
    assert_is_at(&uplink, gateway);
    assert_true(uplink_is_ok(&uplink));
    assert_true(uplink_is_resolved(&uplink));
    /* Once more, should that be lost. */
    assert_int_equal(uplink_tick(&uplink, 1099).ask, UPLINK_ASK_IT);
    assert_is_at(&uplink, gateway);
}

static void
a_claimant_is_refused_if_the_old_one_answers(void **state)
{
    struct uplink uplink = settled_at(1000);

    hear(&uplink, other, 1000);
    assert_int_equal(hear(&uplink, gateway, 1002).event,
                     UPLINK_REFUSED);
    assert_true(fh_mac_equal(uplink.claimant, other));
    assert_int_equal(tick_until(&uplink, 1050, 3900, UPLINK_MOVED), -1);
    assert_is_at(&uplink, gateway);
}

static void
a_claimant_is_followed_if_the_old_one_is_silent(void **state)
{
    struct uplink uplink = settled_at(1000);
    struct uplink_verdict v;

    hear(&uplink, other, 1000);
    assert_int_equal(uplink_tick(&uplink, 1099).event, UPLINK_NOTHING);
    v = uplink_tick(&uplink, 1100);
    assert_int_equal(v.event, UPLINK_MOVED);
    assert_int_equal(v.ask, UPLINK_ASK_IT);     /* It has to answer, too. */
    assert_is_at(&uplink, other);
    assert_int_equal(hear(&uplink, other, 1101).event,
                     UPLINK_NOTHING);
    assert_int_equal(uplink.misses, 0);
}

static void
no_claimant_is_followed_while_answers_are_dropped(void **state)
{
    struct uplink uplink = settled_at(1000);

    hear(&uplink, other, 1000);
    for (int64_t ms = 1100; ms < 9000; ms += UPLINK_TICK_MS) {
        struct uplink_verdict v;

        assert_true(uplink_waits(&uplink));
        uplink.dropped_ms = ms - 1;
        v = uplink_tick(&uplink, ms);
        assert_int_equal(v.event, UPLINK_NOTHING);
        assert_int_equal(v.ask, UPLINK_ASK_IT);
    }
    assert_is_at(&uplink, gateway);
    assert_int_equal(uplink_tick(&uplink, 9000).event, UPLINK_MOVED);
}

static void
a_claimant_that_does_not_answer_itself_is_left_after_a_second(void **state)
{
    struct uplink uplink = settled_at(1000);

    hear(&uplink, other, 1000);
    assert_int_equal(tick_until(&uplink, 1050, 2000, UPLINK_MOVED), 1150);
    tick_until(&uplink, 1250, 2100, UPLINK_MOVED);
    assert_int_equal(uplink_tick(&uplink, 2150).ask, UPLINK_ASK_ALL);
    assert_int_equal(hear(&uplink, gateway, 2151).event,
                     UPLINK_MOVED);
    assert_is_at(&uplink, gateway);
}

/* So many times a second from 'from_ms' to before 'to_ms'; the old one is
 * silent, or not heard.  Returns true if anybody was followed. */
static bool
flood(struct uplink *uplink, int64_t from_ms, int64_t to_ms, int per_s)
{
    for (int64_t ms = from_ms; ms < to_ms; ms++) {
        if (ms * per_s / 1000 != (ms + 1) * per_s / 1000
            && hear(uplink, other, ms).event != UPLINK_REFUSED
            && fh_mac_equal(uplink->view.next_hop_mac, other)) {
            return true;
        }
        if (ms % UPLINK_TICK_MS == 0) {
            uplink_tick(uplink, ms);
            if (fh_mac_equal(uplink->view.next_hop_mac, other)) {
                return true;
            }
        }
    }
    return false;
}

/* Its true answers are lost where nobody counts. */
static void
nobody_is_followed_who_claims_all_the_time(void **state)
{
    struct uplink uplink = settled_at(100);

    for (int i = 0; i <= UPLINK_POUR_N; i++) {
        hear(&uplink, other, 1000);
    }
    assert_false(flood(&uplink, 1001, 60000, 1000));
    assert_is_at(&uplink, gateway);
    assert_int_equal(hear(&uplink, gateway, 60000).event, UPLINK_REFUSED);
    assert_int_equal(uplink.state, UPLINK_RESOLVED);
}

static void
each_claim_of_a_flood_is_refused_and_named(void **state)
{
    struct uplink uplink = settled_at(100);

    flood(&uplink, 1000, 1100, 1000);
    assert_int_equal(hear(&uplink, other, 1100).event, UPLINK_REFUSED);
    assert_true(fh_mac_equal(uplink.claimant, other));
}

/* Nor does a flood make a next hop doubtful, dead, or followed from there. */
static void
a_flood_makes_nobody_dead(void **state)
{
    struct uplink uplink = settled_at(100);

    flood(&uplink, 3000, 3100, 1000);
    uplink.state = UPLINK_RESOLVED;
    assert_false(flood(&uplink, 3100, 30000, 1000));
    assert_false(uplink_is_doubtful(&uplink));
    assert_true(uplink_is_ok(&uplink));
}

static void
a_dead_next_hop_does_not_come_back_in_a_flood(void **state)
{
    struct uplink uplink = settled_at(100);

    tick_until(&uplink, 3000, 10000, UPLINK_WENT_DEAD);
    assert_int_equal(uplink.state, UPLINK_DEAD);
    uplink.claims_ms = 10000;
    uplink.n_claims = UPLINK_POUR_N * UPLINK_POUR_ASKS;
    assert_false(flood(&uplink, 10000, 30000, 1000));
    assert_int_equal(hear(&uplink, gateway, 30000).event, UPLINK_CAME_BACK);
    assert_is_at(&uplink, gateway);
}

/* Whoever has poured is not followed for having been the last to speak. */
static void
after_a_flood_the_old_one_is_asked_as_if_there_had_been_none(void **state)
{
    struct uplink uplink = settled_at(100);
    struct uplink_verdict v;

    flood(&uplink, 1000, 2000, 1000);
    assert_int_equal(tick_until(&uplink, 2000, 4400, UPLINK_MOVED), -1);
    assert_is_at(&uplink, gateway);
    assert_int_equal(uplink.state, UPLINK_RESOLVED);
    v = hear(&uplink, gateway, 4400);
    assert_int_equal(v.event, UPLINK_NOTHING);
    /* A claimant that speaks once is treated as ever. */
    hear(&uplink, other, 10000);
    assert_int_equal(tick_until(&uplink, 10000, 11000, UPLINK_MOVED), 10100);
}

static void
a_gateway_that_says_so_a_few_times_is_followed(void **state)
{
    struct uplink uplink = settled_at(100);

    for (int i = 0; i < UPLINK_POUR_N; i++) {
        hear(&uplink, other, 1000 + i);
    }
    assert_int_equal(tick_until(&uplink, 1100, 2000, UPLINK_MOVED), 1100);
    assert_true(fh_mac_equal(uplink.previous_mac, gateway));
}

/* One that knows nobody yet. */
static void
a_gateway_that_asks_for_a_thousand_is_followed(void **state)
{
    const int most = UPLINK_POUR_N * UPLINK_POUR_ASKS;
    struct uplink uplink = settled_at(100);

    for (int i = 0; i < most; i++) {
        uplink_heard(&uplink, other, 0, true, 1000);
    }
    assert_int_equal(tick_until(&uplink, 1100, 2000, UPLINK_MOVED), 1100);
    uplink = settled_at(100);
    for (int i = 0; i <= most; i++) {
        uplink_heard(&uplink, other, 0, true, 1000);
    }
    assert_int_equal(tick_until(&uplink, 1100, 2000, UPLINK_MOVED), -1);
}

static void
a_guess_is_asked_before_another_is_believed(void **state)
{
    struct uplink uplink = fresh();

    uplink.view.next_hop_mac = gateway;
    uplink_tick(&uplink, 1000);
    assert_int_equal(hear(&uplink, other, 1000).event, UPLINK_NOTHING);
    assert_is_at(&uplink, gateway);
    assert_int_equal(hear(&uplink, gateway, 1001).event, UPLINK_REFUSED);
    uplink = fresh();
    uplink.view.next_hop_mac = gateway;
    assert_int_equal(hear(&uplink, other, 1000).ask, UPLINK_ASK_IT);
    assert_int_equal(tick_until(&uplink, 1000, 2000, UPLINK_MOVED), 1100);
}

static void
the_last_of_several_claimants_is_followed(void **state)
{
    static const struct eth_addr third = { .ea = { 2, 0, 0, 0, 2, 3 } };
    struct uplink uplink = settled_at(1000);

    hear(&uplink, other, 1000);
    assert_int_equal(hear(&uplink, third, 1090).ask,
                     UPLINK_ASK_NOBODY);
    assert_int_equal(uplink_tick(&uplink, 1100).event, UPLINK_MOVED);
    assert_is_at(&uplink, third);
}

static void
a_next_hop_that_has_missed_two_requests_is_not_asked_again(void **state)
{
    struct uplink uplink = resolved_at(0);

    uplink_tick(&uplink, 3000);
    uplink_tick(&uplink, 4000);
    assert_int_equal(hear(&uplink, other, 4001).event, UPLINK_MOVED);
    assert_is_at(&uplink, other);
}

static void
a_flood_of_claims_costs_one_question_in_100_ms(void **state)
{
    struct uplink uplink = settled_at(1000);
    int n_asked = 0;

    for (int64_t ms = 1000; ms < 2000; ms++) {
        bool asked = hear(&uplink, other, ms).ask == UPLINK_ASK_IT;

        if (ms % UPLINK_TICK_MS == 50) {
            asked |= uplink_tick(&uplink, ms).ask == UPLINK_ASK_IT;
        }
        if (asked) {
            n_asked++;
            hear(&uplink, gateway, ms);
        }
    }
    assert_in_range(n_asked, 9, 11);
    assert_is_at(&uplink, gateway);
}

/* Whoever is not believed claims the address, short of a flood; nobody
 * answers. */
static void
it_changes_once_in_100_ms_at_most(void **state)
{
    struct uplink uplink = settled_at(1000);
    struct eth_addr was = gateway;
    int64_t changed_ms = 0;
    int n = 0;

    for (int64_t ms = 1000; ms < 10000; ms++) {
        if (ms % 70 == 0) {
            hear(&uplink, fh_mac_equal(was, gateway) ? other : gateway, ms);
        }
        if (ms % UPLINK_TICK_MS == 0) {
            uplink_tick(&uplink, ms);
        }
        if (!fh_mac_equal(was, uplink.view.next_hop_mac)) {
            assert_true(ms - changed_ms >= UPLINK_DISPUTE_MS);
            was = uplink.view.next_hop_mac;
            changed_ms = ms;
            n++;
        }
    }
    assert_in_range(n, 30, 90);
}

static void
the_outer_tag_s_ethertype_is_the_next_hop_s(void **state)
{
    struct uplink uplink = fresh();

    uplink_tick(&uplink, 0);
    uplink_heard(&uplink, gateway, 0x8100, false, 1);
    assert_int_equal(uplink.view.vlan.tpid, 0x8100);
    /* A next hop that answers in kind has been asked in both. */
    assert_int_equal(uplink_heard(&uplink, gateway, 0x88a8, false, 2).event,
                     UPLINK_NOTHING);
    assert_int_equal(uplink.view.vlan.tpid, 0x8100);
    uplink_tick(&uplink, 4000);
    uplink_tick(&uplink, 5000);
    assert_int_equal(uplink_heard(&uplink, gateway, 0x88a8, false, 5001).event,
                     UPLINK_MOVED);
    assert_int_equal(uplink.view.vlan.tpid, 0x88a8);
}

/* The bridge, and the configuration. */

static void
a_bridge_that_comes_back_asks_at_once(void **state)
{
    struct uplink uplink = resolved_at(0);

    uplink_tick(&uplink, 3000);
    uplink_reset(&uplink);
    assert_false(uplink_is_resolved(&uplink));
    assert_is_at(&uplink, gateway);             /* A guess. */
    assert_int_equal(uplink_tick(&uplink, 3100).ask, UPLINK_ASK_ALL);
    assert_int_equal(uplink_tick(&uplink, 3200).ask, UPLINK_ASK_ALL);
    assert_false(uplink_is_doubtful(&uplink));
}

static void
a_next_hop_in_doubt_stays_so_when_the_bridge_comes_back(void **state)
{
    struct uplink uplink = resolved_at(0);

    tick_until(&uplink, 3000, 7000, UPLINK_WENT_DEAD);
    uplink_reset(&uplink);
    assert_true(uplink_is_doubtful(&uplink));
}

static void
what_is_known_outlives_a_reload(void **state)
{
    struct uplink old = settled_at(1000), uplink = fresh();

    hear(&old, other, 1000);            /* Disputed. */
    uplink_inherit(&uplink, &old);
    assert_true(uplink_is_resolved(&uplink));
    assert_is_at(&uplink, gateway);
    assert_int_equal(uplink_tick(&uplink, 1100).event, UPLINK_NOTHING);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            an_unknown_next_hop_is_asked_early_and_then_by_the_second),
        cmocka_unit_test(early_requests_are_no_misses),
        cmocka_unit_test(a_next_hop_that_never_answered_is_not_dead),
        cmocka_unit_test(a_next_hop_that_never_answered_is_told_once),
        cmocka_unit_test(a_known_next_hop_is_refreshed_at_its_mac),
        cmocka_unit_test(three_unanswered_requests_are_death),
        cmocka_unit_test(a_closely_watched_next_hop_is_dead_soon),
        cmocka_unit_test(one_miss_may_be_enough),
        cmocka_unit_test(
            what_is_awaited_ends_with_an_answer_or_without),
        cmocka_unit_test(requests_whose_answers_were_dropped_are_no_misses),
        cmocka_unit_test(
            answers_that_were_dropped_before_the_request_excuse_nothing),
        cmocka_unit_test(a_dead_next_hop_comes_back),
        cmocka_unit_test(a_dead_next_hop_may_come_back_elsewhere),
        cmocka_unit_test(an_absent_port_asks_nobody),
        cmocka_unit_test(
            a_question_in_between_does_not_overtake_one_that_waits),
        cmocka_unit_test(the_first_answer_is_believed),
        cmocka_unit_test(a_second_answer_to_the_same_question_is_refused),
        cmocka_unit_test(nobody_is_followed_before_the_old_one_was_asked),
        cmocka_unit_test(another_mac_makes_the_old_one_be_asked),
        cmocka_unit_test(a_claimant_is_refused_if_the_old_one_answers),
        cmocka_unit_test(a_claimant_is_followed_if_the_old_one_is_silent),
        cmocka_unit_test(no_claimant_is_followed_while_answers_are_dropped),
        cmocka_unit_test(
            a_claimant_that_does_not_answer_itself_is_left_after_a_second),
        cmocka_unit_test(nobody_is_followed_who_claims_all_the_time),
        cmocka_unit_test(each_claim_of_a_flood_is_refused_and_named),
        cmocka_unit_test(a_flood_makes_nobody_dead),
        cmocka_unit_test(a_dead_next_hop_does_not_come_back_in_a_flood),
        cmocka_unit_test(
            after_a_flood_the_old_one_is_asked_as_if_there_had_been_none),
        cmocka_unit_test(a_gateway_that_says_so_a_few_times_is_followed),
        cmocka_unit_test(a_gateway_that_asks_for_a_thousand_is_followed),
        cmocka_unit_test(a_guess_is_asked_before_another_is_believed),
        cmocka_unit_test(the_last_of_several_claimants_is_followed),
        cmocka_unit_test(
            a_next_hop_that_has_missed_two_requests_is_not_asked_again),
        cmocka_unit_test(a_flood_of_claims_costs_one_question_in_100_ms),
        cmocka_unit_test(it_changes_once_in_100_ms_at_most),
        cmocka_unit_test(the_outer_tag_s_ethertype_is_the_next_hop_s),
        cmocka_unit_test(a_bridge_that_comes_back_asks_at_once),
        cmocka_unit_test(
            a_next_hop_in_doubt_stays_so_when_the_bridge_comes_back),
        cmocka_unit_test(what_is_known_outlives_a_reload),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
