/* controller/decide/elect: worked cases, every reason, and that only the inputs
 * decide. */
#include <config.h>

#include "controller/decide/elect.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define NOW_MS 100000

/* A candidate by what sets it apart: by default it is connected, reaches the
 * client and has a working uplink. */
struct given {
    uint16_t priority;
    enum { REACHES, SUSPECTS, NO_VERDICT, UNREACHED } reach;
    bool gone, draining, no_uplink, unheard, expected, host, fits;
    uint32_t hash;
    int64_t up_since_ms;
};

#define UP(PRIORITY, ...) { .priority = (PRIORITY), __VA_ARGS__ }
#define MAX_GIVEN 6

static struct elect_candidate
candidate(const struct given *g)
{
    static const enum reach_state states[] = {
        [REACHES] = REACH_UP, [SUSPECTS] = REACH_SUSPECT,
        [NO_VERDICT] = REACH_UNKNOWN, [UNREACHED] = REACH_DOWN,
    };

    return (struct elect_candidate) {
        .connected = !g->gone, .draining = g->draining,
        .uplink_ok = !g->no_uplink, .heard = !g->unheard,
        .expected = g->expected, .has_host = g->host,
        .fits_host = g->fits,
        .reach = states[g->reach], .priority = g->priority,
        .hash = g->hash, .up_since_ms = g->up_since_ms,
    };
}

static struct elect_result
elect(const struct elect_candidate *candidates, size_t n, int active,
      bool preempt)
{
    struct elect_input in = {
        .candidates = candidates, .n = n, .active = active,
        .preempt = preempt, .hold_down_ms = 10000, .now_ms = NOW_MS,
    };

    return elect_run(&in);
}

static struct elect_result
elect_given(const struct given *given, size_t n, int active, bool preempt)
{
    struct elect_candidate candidates[MAX_GIVEN];

    assert_true(n <= MAX_GIVEN);
    for (size_t i = 0; i < n; i++) {
        candidates[i] = candidate(&given[i]);
    }
    return elect(candidates, n, active, preempt);
}

static struct elect_result
run(const struct given *given, size_t n, int active)
{
    return elect_given(given, n, active, false);
}

static struct elect_result
run_preempt(const struct given *given, size_t n, int active)
{
    return elect_given(given, n, active, true);
}

#define ASSERT_RESULT(R, WINNER, REASON) \
    do { \
        struct elect_result r_ = (R); \
        assert_int_equal(r_.winner, WINNER); \
        assert_int_equal(r_.reason, REASON); \
    } while (0)

/* The first election. */

static void
nobody_reaches_it_and_nobody_is_elected(void **state)
{
    const struct given c[] = {
        UP(1, .reach = UNREACHED), UP(1, .reach = NO_VERDICT),
        UP(1, .draining = true), UP(1, .gone = true),
    };

    ASSERT_RESULT(run(c, 4, ELECT_NONE), ELECT_NONE, ELECT_LOST);
    ASSERT_RESULT(run(c, 0, ELECT_NONE), ELECT_NONE, ELECT_LOST);
}

static void
the_only_one_that_reaches_it_is_elected(void **state)
{
    const struct given c[] = {
        UP(200, .reach = UNREACHED), UP(1),
    };

    ASSERT_RESULT(run(c, 2, ELECT_NONE), 1, ELECT_ONLY);
}

static void
the_highest_priority_is_elected(void **state)
{
    const struct given c[] = { UP(1), UP(3), UP(2) };

    ASSERT_RESULT(run(c, 3, ELECT_NONE), 1, ELECT_PRIORITY);
}

static void
one_whose_probe_is_late_comes_after_those_who_answer(void **state)
{
    const struct given c[] = {
        UP(1), UP(2, .reach = SUSPECTS),
    };

    ASSERT_RESULT(run(c, 2, ELECT_NONE), 0, ELECT_PRIORITY);
}

static void
a_late_answer_is_waited_for_where_there_is_no_other(void **state)
{
    const struct given c[] = {
        UP(3, .reach = UNREACHED), UP(2, .reach = SUSPECTS),
    };

    ASSERT_RESULT(run(c, 2, ELECT_NONE), ELECT_NONE, ELECT_LATE);
    ASSERT_RESULT(run(c, 2, 0), 0, ELECT_LATE);
    ASSERT_RESULT(run(c, 2, 1), 1, ELECT_STAYS);
}

static void
among_equals_the_highest_hash_is_elected(void **state)
{
    const struct given c[] = {
        UP(2, .hash = 5), UP(2, .hash = 9), UP(2, .hash = 7),
    };

    ASSERT_RESULT(run(c, 3, ELECT_NONE), 1, ELECT_HASH);
}

static void
equals_below_the_winner_do_not_make_it_a_tie(void **state)
{
    const struct given c[] = {
        UP(1, .hash = 5), UP(1, .hash = 9), UP(2, .hash = 1),
    };

    ASSERT_RESULT(run(c, 3, ELECT_NONE), 2, ELECT_PRIORITY);
}

static void
a_tie_counts_wherever_the_equal_stands(void **state)
{
    const struct given low_between[] = {
        UP(2, .hash = 9), UP(1, .hash = 99), UP(2, .hash = 5),
    };
    const struct given low_first[] = {
        UP(1, .hash = 99), UP(2, .hash = 5), UP(2, .hash = 9),
    };

    ASSERT_RESULT(run(low_between, 3, ELECT_NONE), 0, ELECT_HASH);
    ASSERT_RESULT(run(low_first, 3, ELECT_NONE), 2, ELECT_HASH);
}

static void
a_working_uplink_comes_before_priority(void **state)
{
    const struct given c[] = {
        UP(200, .no_uplink = true), UP(1),
    };

    ASSERT_RESULT(run(c, 2, ELECT_NONE), 1, ELECT_PRIORITY);
}

static void
to_hear_the_client_comes_after_the_uplink_and_before_priority(void **state)
{
    const struct given c[] = {
        UP(300, .unheard = true), UP(1), UP(200, .no_uplink = true),
    };

    ASSERT_RESULT(run(c, 3, ELECT_NONE), 1, ELECT_PRIORITY);
}

/* Other addresses of the client's host. */
static void
where_its_host_is_comes_after_soundness_and_before_priority(void **state)
{
    const struct given c[] = {
        UP(300), UP(1, .host = true, .fits = true),
        UP(200, .fits = true),
    };
    const struct given no_uplink[] = {
        UP(1), UP(1, .host = true, .no_uplink = true),
    };
    const struct given late[] = {
        UP(1), UP(1, .host = true, .reach = SUSPECTS),
    };

    ASSERT_RESULT(run(c, 3, ELECT_NONE), 1, ELECT_HOST);
    ASSERT_RESULT(run(c, 3, 0), 1, ELECT_HOST);
    ASSERT_RESULT(run(c, 3, 1), 1, ELECT_STAYS);
    ASSERT_RESULT(run(no_uplink, 2, ELECT_NONE), 0, ELECT_PRIORITY);
    ASSERT_RESULT(run(no_uplink, 2, 0), 0, ELECT_STAYS);
    ASSERT_RESULT(run(late, 2, 0), 0, ELECT_STAYS);
    /* One address may preempt, and the others follow, where all can. */
    ASSERT_RESULT(run_preempt(c, 3, 1), 2, ELECT_PREEMPTS);
}

static void
without_any_uplink_the_client_is_served_all_the_same(void **state)
{
    const struct given c[] = {
        UP(1, .no_uplink = true), UP(2, .no_uplink = true),
    };

    ASSERT_RESULT(run(c, 2, ELECT_NONE), 1, ELECT_PRIORITY);
}

static void
one_that_held_clients_before_the_start_is_waited_for(void **state)
{
    struct given c[] = { UP(200), UP(1, .gone = true, .expected = true) };

    ASSERT_RESULT(run(c, 2, ELECT_NONE), ELECT_NONE, ELECT_WAITS);
    c[1].expected = false;      /* It has had its time. */
    ASSERT_RESULT(run(c, 2, ELECT_NONE), 0, ELECT_ONLY);
}

static void
one_that_is_back_is_not_waited_for(void **state)
{
    const struct given c[] = { UP(200), UP(1, .expected = true) };

    ASSERT_RESULT(run(c, 2, ELECT_NONE), 0, ELECT_PRIORITY);
}

/* An active one there is. */

static void
the_active_one_stays_whatever_its_priority(void **state)
{
    const struct given c[] = { UP(200), UP(1) };

    ASSERT_RESULT(run(c, 2, 1), 1, ELECT_STAYS);
    assert_int_equal(run(c, 2, 1).again_ms, 0);
}

static void
an_active_one_without_a_verdict_stays(void **state)
{
    const struct given c[] = {
        UP(200), UP(1, .reach = NO_VERDICT),
    };

    ASSERT_RESULT(run(c, 2, 1), 1, ELECT_STAYS);
}

static void
an_active_one_that_is_down_is_left(void **state)
{
    const struct given c[] = { UP(1), UP(2, .reach = UNREACHED) };

    ASSERT_RESULT(run(c, 2, 1), 0, ELECT_ONLY);
}

static void
an_active_one_that_is_gone_is_left(void **state)
{
    const struct given c[] = {
        UP(1), UP(2, .gone = true), UP(3),
    };

    ASSERT_RESULT(run(c, 3, 1), 2, ELECT_PRIORITY);
}

static void
an_active_one_that_drains_is_left(void **state)
{
    const struct given c[] = { UP(1), UP(2, .draining = true) };

    ASSERT_RESULT(run(c, 2, 1), 0, ELECT_ONLY);
}

static void
an_active_one_that_drains_stays_where_nobody_else_reaches(void **state)
{
    const struct given c[] = {
        UP(1, .reach = UNREACHED), UP(2, .draining = true),
        UP(3, .draining = true),
    };
    const struct given no_verdict[] = {
        UP(2, .draining = true, .reach = NO_VERDICT),
    };

    ASSERT_RESULT(run(c, 3, 1), 1, ELECT_STAYS_DRAINING);
    ASSERT_RESULT(run(no_verdict, 1, 0), 0, ELECT_STAYS_DRAINING);
}

static void
nobody_reaches_it_and_the_active_one_keeps_what_it_has(void **state)
{
    const struct given down[] = { UP(1, .reach = UNREACHED) };
    const struct given gone[] = { UP(1, .gone = true) };
    const struct given drained_down[] = {
        UP(1, .draining = true, .reach = UNREACHED),
    };

    ASSERT_RESULT(run(down, 1, 0), 0, ELECT_LOST);
    ASSERT_RESULT(run(gone, 1, 0), 0, ELECT_LOST);
    ASSERT_RESULT(run(drained_down, 1, 0), 0, ELECT_LOST);
}

static void
an_active_one_on_its_way_back_is_waited_for(void **state)
{
    const struct given c[] = {
        UP(200), UP(1, .gone = true, .expected = true),
    };

    ASSERT_RESULT(run(c, 2, 1), 1, ELECT_WAITS);
}

static void
an_expected_one_that_is_back_and_down_is_left(void **state)
{
    const struct given c[] = {
        UP(1), UP(2, .expected = true, .reach = UNREACHED),
    };

    ASSERT_RESULT(run(c, 2, 1), 0, ELECT_ONLY);
}

/* Uplinks. */

static void
a_dead_uplink_is_left_for_a_working_one(void **state)
{
    const struct given c[] = {
        UP(200, .no_uplink = true), UP(1),
    };

    ASSERT_RESULT(run(c, 2, 0), 1, ELECT_UPLINK);
}

static void
a_dead_uplink_is_not_left_for_another_dead_one(void **state)
{
    const struct given c[] = {
        UP(1, .no_uplink = true), UP(200, .no_uplink = true),
    };

    ASSERT_RESULT(run(c, 2, 0), 0, ELECT_STAYS);
}

static void
a_dead_uplink_is_not_left_for_one_that_does_not_reach(void **state)
{
    const struct given c[] = {
        UP(1, .no_uplink = true), UP(200, .reach = UNREACHED),
    };

    ASSERT_RESULT(run(c, 2, 0), 0, ELECT_STAYS);
}

/* Floods. */

static void
one_that_does_not_hear_the_client_is_left_for_one_that_does(void **state)
{
    const struct given c[] = { UP(200, .unheard = true), UP(1) };

    ASSERT_RESULT(run(c, 2, 0), 1, ELECT_HEARD);
}

static void
where_nobody_hears_the_client_it_stays(void **state)
{
    const struct given c[] = {
        UP(1, .unheard = true), UP(200, .unheard = true),
    };

    ASSERT_RESULT(run(c, 2, 0), 0, ELECT_STAYS);
}

static void
who_does_not_hear_it_is_not_left_for_who_does_not_reach_it(
    void **state)
{
    const struct given c[] = {
        UP(1, .unheard = true), UP(200, .reach = UNREACHED),
        UP(200, .reach = SUSPECTS), UP(200, .no_uplink = true),
    };

    for (size_t n = 1; n <= 4; n++) {
        ASSERT_RESULT(run(c, n, 0), 0, ELECT_STAYS);
    }
}

static void
who_does_not_hear_the_client_preempts_nobody(void **state)
{
    const struct given c[] = { UP(1), UP(200, .unheard = true) };

    ASSERT_RESULT(run_preempt(c, 2, 0), 0, ELECT_STAYS);
}

/* Preemption. */

static void
without_preempt_priority_alone_moves_nothing(void **state)
{
    const struct given c[] = { UP(1), UP(2) };

    ASSERT_RESULT(run(c, 2, 0), 0, ELECT_STAYS);
}

static void
a_higher_priority_preempts_when_its_hold_down_is_over(void **state)
{
    struct given c[] = {
        UP(1), UP(2, .up_since_ms = NOW_MS - 10000),
    };

    ASSERT_RESULT(run_preempt(c, 2, 0), 1, ELECT_PREEMPTS);
    c[1].up_since_ms++;
    ASSERT_RESULT(run_preempt(c, 2, 0), 0, ELECT_STAYS);
    assert_int_equal(run_preempt(c, 2, 0).again_ms, NOW_MS + 1);
}

static void
an_equal_or_lower_priority_never_preempts(void **state)
{
    const struct given c[] = {
        UP(2), UP(2, .hash = 9), UP(1, .hash = 99),
    };

    ASSERT_RESULT(run_preempt(c, 3, 0), 0, ELECT_STAYS);
    assert_int_equal(run_preempt(c, 3, 0).again_ms, 0);
}

static void
a_dead_uplink_never_preempts(void **state)
{
    const struct given c[] = {
        UP(1), UP(2, .no_uplink = true),
    };

    ASSERT_RESULT(run_preempt(c, 2, 0), 0, ELECT_STAYS);
}

static void
the_long_established_preempts_before_the_best_may(void **state)
{
    const struct given c[] = {
        UP(1), UP(2, .up_since_ms = 1), UP(3, .up_since_ms = NOW_MS),
    };

    ASSERT_RESULT(run_preempt(c, 3, 0), 1, ELECT_PREEMPTS);
    assert_int_equal(run_preempt(c, 3, 0).again_ms, NOW_MS + 10000);
}

static void
the_hold_down_does_not_delay_a_replacement(void **state)
{
    const struct given c[] = {
        UP(1, .reach = UNREACHED), UP(2, .up_since_ms = NOW_MS),
    };

    ASSERT_RESULT(run_preempt(c, 2, 0), 1, ELECT_ONLY);
}

/* Only the inputs decide. */

/* A pseudo-random sequence, the same in every run. */
static uint32_t
next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static void
fill(struct elect_candidate *c, size_t n, uint32_t *seed)
{
    for (size_t i = 0; i < n; i++) {
        c[i] = (struct elect_candidate) {
            .connected = next_random(seed) % 4,
            .draining = !(next_random(seed) % 5),
            .uplink_ok = next_random(seed) % 4,
            .heard = next_random(seed) % 4,
            .expected = !(next_random(seed) % 16),
            .reach = next_random(seed) % 4,
            .priority = next_random(seed) % 3,
            .hash = next_random(seed) * 8 + i,  /* Distinct. */
            .up_since_ms = NOW_MS - next_random(seed) % 20000,
        };
    }
}

static void
the_order_of_candidates_does_not_matter(void **state)
{
    uint32_t seed = 1;

    for (int round = 0; round < 20000; round++) {
        struct elect_candidate c[6], shuffled[6];
        size_t n = 1 + next_random(&seed) % 6, at[6];
        int active = (int) (next_random(&seed) % (n + 1)) - 1;
        struct elect_result a, b;

        fill(c, n, &seed);
        for (size_t i = 0; i < n; i++) {
            size_t j = next_random(&seed) % (i + 1);

            at[i] = at[j];
            at[j] = i;
        }
        for (size_t i = 0; i < n; i++) {
            shuffled[i] = c[at[i]];
        }
        a = elect(c, n, active, true);
        for (size_t i = 0; active != ELECT_NONE && i < n; i++) {
            if (at[i] == (size_t) active) {
                active = i;
                break;
            }
        }
        b = elect(shuffled, n, active, true);
        assert_int_equal(a.reason, b.reason);
        assert_int_equal(a.again_ms, b.again_ms);
        assert_int_equal(a.winner, b.winner == ELECT_NONE ? ELECT_NONE
                         : (int) at[b.winner]);
    }
}

static void
who_wins_stays_in_the_next_election(void **state)
{
    uint32_t seed = 2;

    for (int round = 0; round < 20000; round++) {
        struct elect_candidate c[6];
        size_t n = 1 + next_random(&seed) % 6;
        int active = (int) (next_random(&seed) % (n + 1)) - 1;
        struct elect_result r;

        fill(c, n, &seed);
        r = elect(c, n, active, true);
        if (r.winner != active && r.reason != ELECT_PREEMPTS) {
            struct elect_result again = elect(c, n, r.winner, false);

            assert_int_equal(again.winner, r.winner);
            assert_int_equal(again.reason, ELECT_STAYS);
        }
    }
}

static void
nobody_wins_who_does_not_reach_the_client(void **state)
{
    uint32_t seed = 3;

    for (int round = 0; round < 20000; round++) {
        struct elect_candidate c[6];
        size_t n = 1 + next_random(&seed) % 6;
        int active = (int) (next_random(&seed) % (n + 1)) - 1;
        struct elect_result r;

        fill(c, n, &seed);
        r = elect(c, n, active, true);
        assert_true(r.winner == active || elect_is_eligible(&c[r.winner]));
    }
}

static void
the_hash_spreads_clients_evenly(void **state)
{
    uint32_t wins[3] = { 0 };

    for (uint32_t i = 0; i < 3000; i++) {
        struct fh_addr client = { htonl(0x0a000000 + i) };
        struct given c[] = {
            UP(1, .hash = elect_hash(client, 0xa)),
            UP(1, .hash = elect_hash(client, 0xb)),
            UP(1, .hash = elect_hash(client, 0xc)),
        };

        wins[run(c, 3, ELECT_NONE).winner]++;
    }
    for (int i = 0; i < 3; i++) {
        /* 1000 each, and five standard deviations. */
        assert_in_range(wins[i], 870, 1130);
    }
}

static void
when_one_router_goes_only_its_clients_are_shared_out(void **state)
{
    uint32_t to[2] = { 0 };

    for (uint32_t i = 0; i < 3000; i++) {
        struct fh_addr client = { htonl(0x0a000000 + i) };
        struct given c[] = {
            UP(1, .hash = elect_hash(client, 0xa)),
            UP(1, .hash = elect_hash(client, 0xb)),
            UP(1, .hash = elect_hash(client, 0xc)),
        };
        int before = run(c, 3, ELECT_NONE).winner, after;

        c[2].gone = true;
        after = run(c, 3, ELECT_NONE).winner;
        if (before == 2) {
            to[after]++;
        } else {
            assert_int_equal(after, before);
        }
    }
    assert_in_range(to[0], 400, 600);
    assert_in_range(to[1], 400, 600);
}

static void
the_hash_is_the_same_everywhere(void **state)
{
    struct fh_addr client = { htonl(0x0a00000a) };

    assert_int_equal(elect_hash(client, 0xa), elect_hash(client, 0xa));
    assert_int_not_equal(elect_hash(client, 0xa), elect_hash(client, 0xb));
    client.ip4 = htonl(0x0a00000b);
    assert_int_not_equal(elect_hash(client, 0xa),
                         elect_hash((struct fh_addr) { htonl(0x0a00000a) },
                                    0xa));
}

static void
every_reason_has_its_words(void **state)
{
    for (int i = 0; i <= ELECT_LOST; i++) {
        assert_string_not_equal(elect_reason_text(i), "");
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(elect_reason_text(i),
                                    elect_reason_text(j));
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_reaches_it_and_nobody_is_elected),
        cmocka_unit_test(the_only_one_that_reaches_it_is_elected),
        cmocka_unit_test(the_highest_priority_is_elected),
        cmocka_unit_test(one_whose_probe_is_late_comes_after_those_who_answer),
        cmocka_unit_test(a_late_answer_is_waited_for_where_there_is_no_other),
        cmocka_unit_test(among_equals_the_highest_hash_is_elected),
        cmocka_unit_test(equals_below_the_winner_do_not_make_it_a_tie),
        cmocka_unit_test(a_tie_counts_wherever_the_equal_stands),
        cmocka_unit_test(a_working_uplink_comes_before_priority),
        cmocka_unit_test(
            where_its_host_is_comes_after_soundness_and_before_priority),
        cmocka_unit_test(without_any_uplink_the_client_is_served_all_the_same),
        cmocka_unit_test(one_that_held_clients_before_the_start_is_waited_for),
        cmocka_unit_test(one_that_is_back_is_not_waited_for),
        cmocka_unit_test(the_active_one_stays_whatever_its_priority),
        cmocka_unit_test(an_active_one_without_a_verdict_stays),
        cmocka_unit_test(an_active_one_that_is_down_is_left),
        cmocka_unit_test(an_active_one_that_is_gone_is_left),
        cmocka_unit_test(an_active_one_that_drains_is_left),
        cmocka_unit_test(
            an_active_one_that_drains_stays_where_nobody_else_reaches),
        cmocka_unit_test(
            nobody_reaches_it_and_the_active_one_keeps_what_it_has),
        cmocka_unit_test(an_active_one_on_its_way_back_is_waited_for),
        cmocka_unit_test(an_expected_one_that_is_back_and_down_is_left),
        cmocka_unit_test(a_dead_uplink_is_left_for_a_working_one),
        cmocka_unit_test(a_dead_uplink_is_not_left_for_another_dead_one),
        cmocka_unit_test(
            a_dead_uplink_is_not_left_for_one_that_does_not_reach),
        cmocka_unit_test(
            to_hear_the_client_comes_after_the_uplink_and_before_priority),
        cmocka_unit_test(
            one_that_does_not_hear_the_client_is_left_for_one_that_does),
        cmocka_unit_test(
            where_nobody_hears_the_client_it_stays),
        cmocka_unit_test(
            who_does_not_hear_it_is_not_left_for_who_does_not_reach_it),
        cmocka_unit_test(
            who_does_not_hear_the_client_preempts_nobody),
        cmocka_unit_test(without_preempt_priority_alone_moves_nothing),
        cmocka_unit_test(
            a_higher_priority_preempts_when_its_hold_down_is_over),
        cmocka_unit_test(an_equal_or_lower_priority_never_preempts),
        cmocka_unit_test(a_dead_uplink_never_preempts),
        cmocka_unit_test(the_long_established_preempts_before_the_best_may),
        cmocka_unit_test(the_hold_down_does_not_delay_a_replacement),
        cmocka_unit_test(the_order_of_candidates_does_not_matter),
        cmocka_unit_test(who_wins_stays_in_the_next_election),
        cmocka_unit_test(nobody_wins_who_does_not_reach_the_client),
        cmocka_unit_test(the_hash_spreads_clients_evenly),
        cmocka_unit_test(when_one_router_goes_only_its_clients_are_shared_out),
        cmocka_unit_test(the_hash_is_the_same_everywhere),
        cmocka_unit_test(every_reason_has_its_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
