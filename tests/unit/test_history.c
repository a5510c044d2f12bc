/* controller/base/history: the last changes of one client. */
#include <config.h>

#include "controller/base/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct incident
event(uint64_t seq, enum incident_type type)
{
    struct incident e = incident_init(type);

    e.seq = seq;
    e.time_ms = 1000 + (int64_t) seq;
    return e;
}

static void
assert_same(const struct incident *a, const struct incident *b)
{
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->time_ms, b->time_ms);
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->cause, b->cause);
    assert_int_equal(a->detect_ms, b->detect_ms);
    assert_int_equal(a->install_ms, b->install_ms);
    assert_int_equal(a->ack_ms, b->ack_ms);
    assert_string_equal(a->from, b->from);
    assert_string_equal(a->to, b->to);
    assert_string_equal(a->detail, b->detail);
}

/* The numbers of what is kept. */
static size_t
numbers(const struct history *h, uint64_t seqs[HISTORY_KEPT + 1])
{
    struct incident e = { .seq = 0 };
    size_t n = 0;

    while (history_after(h, e.seq, &e)) {
        assert_true(n <= HISTORY_KEPT);
        seqs[n++] = e.seq;
    }
    return n;
}

static void
nothing_has_happened(void **state)
{
    struct incident e;

    assert_false(history_after(NULL, 0, &e));
    history_destroy(NULL);
}

static void
a_change_comes_back_as_it_was(void **state)
{
    struct history *h = NULL;
    struct incident e = event(7, INCIDENT_CLIENT_MOVED), back;

    e.cause = CAUSE_UNREACHABLE;
    e.detect_ms = 3;
    e.install_ms = 4;
    memset(e.from, 'a', sizeof e.from - 1);
    memset(e.to, 'b', sizeof e.to - 1);
    memset(e.detail, 'c', sizeof e.detail - 1);
    history_add(&h, &e);
    assert_true(history_after(h, 6, &back));
    assert_same(&e, &back);
    assert_false(history_after(h, 7, &back));

    e = event(8, INCIDENT_CLIENT_LOST);
    history_add(&h, &e);
    assert_true(history_after(h, 7, &back));
    assert_same(&e, &back);
    history_destroy(h);
}

/* Texts of few bytes and of more are kept in different places. */
static void
texts_of_every_length_come_back(void **state)
{
    for (size_t len = 0; len < sizeof ((struct incident *) NULL)->to; len++) {
        struct history *h = NULL;
        struct incident e = event(1, INCIDENT_CLIENT_ELECTED), back;

        memset(e.to, 'r', len);
        history_add(&h, &e);
        e.seq = 2;
        snprintf(e.from, sizeof e.from, "A");
        history_add(&h, &e);
        assert_true(history_after(h, 1, &back));
        assert_same(&e, &back);
        history_destroy(h);
    }
}

static void
the_last_ones_are_kept(void **state)
{
    for (uint64_t n = 1; n < 3 * HISTORY_KEPT; n++) {
        uint64_t seqs[HISTORY_KEPT + 1];
        size_t kept = n < HISTORY_KEPT ? n : HISTORY_KEPT;
        struct history *h = NULL;

        for (uint64_t i = 1; i <= n; i++) {
            struct incident e = event(10 * i, i % 2 ? INCIDENT_CLIENT_LOST
                                              : INCIDENT_CLIENT_FOUND);

            snprintf(e.to, sizeof e.to, "r%d", (int) i);
            history_add(&h, &e);
        }
        assert_int_equal(numbers(h, seqs), kept);
        for (size_t i = 0; i < kept; i++) {
            assert_int_equal(seqs[i], 10 * (n - kept + i + 1));
        }
        history_destroy(h);
    }
}

/* Or whoever tries to take an address would have its story forgotten. */
static void
what_changes_nothing_is_not_noted(void **state)
{
    static const enum incident_type others[] = {
        INCIDENT_CLIENT_CONFLICT, INCIDENT_CLIENT_FORGED,
        INCIDENT_CLIENT_REFUSED, INCIDENT_CLIENT_FORGOTTEN,
        INCIDENT_ROUTER_CONNECTED, INCIDENT_CONFIG_APPLIED,
    };
    struct history *h = NULL;

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct incident e = event(i + 1, others[i]);

        history_add(&h, &e);
    }
    assert_null(h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_has_happened),
        cmocka_unit_test(a_change_comes_back_as_it_was),
        cmocka_unit_test(texts_of_every_length_come_back),
        cmocka_unit_test(the_last_ones_are_kept),
        cmocka_unit_test(what_changes_nothing_is_not_noted),
    };

    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
