/* controller/decide/claim: who is believed when two speak for one address. */
#include <config.h>

#include "controller/decide/claim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define A 0
#define B 1

static const struct eth_addr mac_c = { .ea = { 2, 0, 0, 0, 1, 0x0c } };
static const struct eth_addr mac_x = { .ea = { 2, 0, 0, 0, 9, 0x01 } };
static const struct eth_addr mac_y = { .ea = { 2, 0, 0, 0, 9, 0x02 } };

/* The client C answers at its place, or did until now. */
static const struct claim_place answers = {
    .mac = { .ea = { 2, 0, 0, 0, 1, 0x0c } }, .is_up = true,
    .may_answer = true,
};
static const struct claim_place silent = {
    .mac = { .ea = { 2, 0, 0, 0, 1, 0x0c } },
};
static const struct claim_place sought = {
    .mac = { .ea = { 2, 0, 0, 0, 1, 0x0c } }, .is_sought = true,
};

/* A verdict as words: "refused ask_place". */
static const char *
text_of(struct claim_verdict v)
{
    static char text[128];

    snprintf(text, sizeof text, "%s%s%s%s%s%s%s%s",
             v.frame == CLAIM_REFUSED ? "refused"
             : v.frame == CLAIM_REFUSED_FIXED ? "fixed" : "ok",
             v.conflict ? " conflict" : "", v.quiet ? " quiet" : "",
             v.ask_place ? " ask_place" : "",
             v.ask_member ? " ask_member" : "",
             v.follow ? fh_mac_is_zero(v.mac) ? " forget" : " follow" : "",
             v.ask_all ? " ask_all" : "", v.moved ? " moved" : "");
    return text;
}

#define assert_verdict(VERDICT, TEXT) \
    assert_string_equal(text_of(VERDICT), TEXT)

static void
a_claim_has_the_place_asked_and_is_refused(void **state)
{
    struct claim claim = { .at_ms = 0 };

    assert_verdict(claim_made(&claim, &answers, A, mac_x, 2, 1000),
                   "refused ask_place");
    assert_true(claim_is_about(&claim, &answers, A));
    assert_true(claim_is_about(&claim, &answers, B));
}

static void
a_flood_of_claims_has_the_place_asked_no_more_often(void **state)
{
    struct claim claim = { .at_ms = 0 };

    claim_made(&claim, &answers, A, mac_x, 2, 1000);
    assert_verdict(claim_made(&claim, &answers, A, mac_x, 2,
                              1000 + CLAIM_ASK_MS - 1), "refused");
    assert_verdict(claim_made(&claim, &answers, A, mac_x, 2,
                              1000 + CLAIM_ASK_MS), "refused ask_place");
}

static void
a_place_that_answers_makes_it_a_conflict(void **state)
{
    struct claim claim = { .at_ms = 0 };
    struct claim_verdict v;

    claim_made(&claim, &answers, A, mac_x, 2, 1000);
    v = claim_place_answered(&claim, &answers, B, mac_c, 1010);
    assert_verdict(v, "ok conflict");
    assert_true(fh_mac_equal(v.mac, mac_x));
    assert_verdict(claim_place_answered(&claim, &answers, B, mac_c, 1020),
                   "ok");
}

static void
conflicts_are_reported_once_in_a_while(void **state)
{
    struct claim claim = { .at_ms = 0 };

    assert_verdict(claim_answered(&claim, &answers, mac_x, 1000),
                   "refused conflict");
    assert_verdict(claim_answered(&claim, &answers, mac_x,
                                  1000 + CLAIM_REPORT_MS - 1),
                   "refused conflict quiet");
    assert_verdict(claim_answered(&claim, &answers, mac_x,
                                  1000 + CLAIM_REPORT_MS),
                   "refused conflict");
}

static void
an_answer_in_place_of_one_that_is_silent_is_no_conflict(void **state)
{
    struct claim claim = { .at_ms = 0 };

    assert_verdict(claim_answered(&claim, &silent, mac_x, 1000), "refused");
}

static void
a_silent_place_is_left_at_once(void **state)
{
    struct claim claim = { .at_ms = 0 };
    struct claim_verdict v = claim_made(&claim, &silent, A, mac_x, 2, 1000);

    assert_verdict(v, "ok follow moved");
    assert_true(fh_mac_equal(v.mac, mac_x));
}

static void
a_place_without_a_verdict_is_asked_first(void **state)
{
    struct claim_place unknown = silent;
    struct claim claim = { .at_ms = 0 };

    unknown.may_answer = true;
    assert_verdict(claim_made(&claim, &unknown, A, mac_x, 2, 1000),
                   "refused ask_place");
    assert_verdict(claim_place_silent(&claim, &unknown, A, 1100), "ok");
    assert_verdict(claim_place_silent(&claim, &silent, A, 1200),
                   "ok forget ask_all");
}

static void
a_claim_that_silence_proves_right_is_contested(void **state)
{
    struct claim_place nobody = { .is_up = true, .may_answer = true };
    struct claim claim = { .at_ms = 0 };

    claim_made(&claim, &answers, B, mac_x, 2, 1000);
    assert_verdict(claim_place_silent(&claim, &answers, A, 1100), "ok");
    assert_verdict(claim_place_silent(&claim, &silent, B,
                                      1000 + CLAIM_VALID_MS),
                   "ok forget ask_all");
    assert_true(claim.contested);
    assert_int_equal(claim.member, B);          /* Who is to discover it, */
    assert_int_equal(claim.port, 2);            /* and where. */
    assert_verdict(claim_place_answered(&claim, &nobody, B, mac_x, 7000),
                   "ok moved");
    assert_false(claim.contested);
}

static void
an_old_claim_is_forgotten(void **state)
{
    struct claim claim = { .at_ms = 0 };

    claim_made(&claim, &answers, A, mac_x, 2, 1000);
    assert_verdict(claim_place_silent(&claim, &silent, A,
                                      1001 + CLAIM_VALID_MS), "ok");
    assert_false(claim_is_about(&claim, &silent, A));
}

/* A virtual address is announced before it has left the old place. */
static void
a_claim_that_came_too_early_comes_true(void **state)
{
    struct claim claim = { .at_ms = 0 };

    claim_made(&claim, &answers, A, mac_x, 2, 1000);
    assert_int_equal(claim_next_ms(&claim, &answers, 2000, 1001), 2000);
    assert_verdict(claim_place_answered(&claim, &answers, A, mac_c, 1001),
                   "ok conflict");
    assert_false(claim_is_about(&claim, &answers, A));
    assert_int_equal(claim_next_ms(&claim, &answers, 2000, 1001),
                     1001 + CLAIM_AGAIN_MS);
    assert_int_equal(claim_next_ms(&claim, &answers, 1100, 1001), 1100);
    assert_verdict(claim_place_answered(&claim, &answers, A, mac_c, 1250),
                   "ok");
    assert_int_equal(claim_next_ms(&claim, &answers, 9000,
                                   1000 + CLAIM_WATCH_MS), 9000);
    assert_verdict(claim_place_silent(&claim, &silent, A,
                                      1000 + CLAIM_KEPT_MS),
                   "ok forget ask_all");
    assert_true(claim.contested);
}

static void
one_that_does_not_is_forgotten(void **state)
{
    struct claim claim = { .at_ms = 0 };

    claim_made(&claim, &answers, A, mac_x, 2, 1000);
    claim_place_answered(&claim, &answers, A, mac_c, 1001);
    assert_verdict(claim_place_silent(&claim, &silent, A,
                                      1001 + CLAIM_KEPT_MS), "ok");
    assert_verdict(claim_place_silent(&claim, &silent, A,
                                      1002 + CLAIM_KEPT_MS), "ok");
    assert_false(claim.contested);
}

static void
who_speaks_while_others_are_heard_is_not_believed_for_it(void **state)
{
    struct claim_place nobody = { .is_sought = true };
    struct claim claim = { .at_ms = 0 };

    assert_verdict(claim_made(&claim, &sought, A, mac_x, 2, 1000),
                   "ok forget ask_all");
    assert_verdict(claim_place_answered(&claim, &nobody, A, mac_y, 1010),
                   "ok moved");
}

static void
one_that_was_contested_and_answers_has_not_moved(void **state)
{
    struct claim_place nobody = { .is_sought = true };
    struct claim claim = { .at_ms = 0 };

    claim_made(&claim, &sought, A, mac_x, 2, 1000);
    assert_verdict(claim_place_answered(&claim, &nobody, A, mac_c, 1010),
                   "ok");
}

static void
another_port_of_one_router_is_no_matter_to_the_others(void **state)
{
    struct claim claim = { .at_ms = 0 };

    claim_made(&claim, &answers, A, mac_c, 2, 1000);
    assert_true(claim_is_about(&claim, &answers, A));
    assert_false(claim_is_about(&claim, &answers, B));
    assert_verdict(claim_place_answered(&claim, &answers, B, mac_c, 1010),
                   "ok");
    assert_verdict(claim_place_silent(&claim, &answers, B, 1020), "ok");
    assert_verdict(claim_place_silent(&claim, &answers, A, 1030),
                   "ok ask_member");
    assert_verdict(claim_place_silent(&claim, &answers, A, 1040), "ok");
}

static void
a_configured_mac_is_never_given_up(void **state)
{
    struct claim_place fixed = silent;
    struct claim claim = { .at_ms = 0 };

    fixed.fixed = true;
    assert_verdict(claim_made(&claim, &fixed, A, mac_x, 2, 1000),
                   "fixed conflict");
    assert_verdict(claim_answered(&claim, &fixed, mac_x, 1001), "fixed");
    assert_verdict(claim_place_silent(&claim, &fixed, A, 1100), "ok");
    /* Its own MAC at another port is another matter. */
    assert_verdict(claim_made(&claim, &fixed, A, mac_c, 2, 2000),
                   "ok follow moved");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_claim_has_the_place_asked_and_is_refused),
        cmocka_unit_test(a_flood_of_claims_has_the_place_asked_no_more_often),
        cmocka_unit_test(a_place_that_answers_makes_it_a_conflict),
        cmocka_unit_test(conflicts_are_reported_once_in_a_while),
        cmocka_unit_test(
            an_answer_in_place_of_one_that_is_silent_is_no_conflict),
        cmocka_unit_test(a_silent_place_is_left_at_once),
        cmocka_unit_test(a_place_without_a_verdict_is_asked_first),
        cmocka_unit_test(a_claim_that_silence_proves_right_is_contested),
        cmocka_unit_test(an_old_claim_is_forgotten),
        cmocka_unit_test(a_claim_that_came_too_early_comes_true),
        cmocka_unit_test(one_that_does_not_is_forgotten),
        cmocka_unit_test(
            who_speaks_while_others_are_heard_is_not_believed_for_it),
        cmocka_unit_test(one_that_was_contested_and_answers_has_not_moved),
        cmocka_unit_test(
            another_port_of_one_router_is_no_matter_to_the_others),
        cmocka_unit_test(a_configured_mac_is_never_given_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
