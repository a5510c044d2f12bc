/* The ring of events. */
#include <config.h>

#include "controller/base/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t
add(struct journal *events, const char *detail)
{
    struct incident event = {
        .seq = 12345,           /* Not the caller's to choose. */
        .type = INCIDENT_CLIENT_MOVED,
        .cause = CAUSE_UNREACHABLE,
    };

    snprintf(event.detail, sizeof event.detail, "%s", detail);
    return journal_add(events, &event);
}

static void
empty_ring_has_no_events(void **state)
{
    struct journal *events = journal_create(3);

    assert_int_equal(journal_first_seq(events), 0);
    assert_int_equal(journal_last_seq(events), 0);
    assert_null(journal_after(events, 0));
    assert_null(journal_after(events, UINT64_MAX));
    journal_destroy(events);
    journal_destroy(NULL);
}

static void
events_are_numbered_from_one(void **state)
{
    struct journal *events = journal_create(3);

    assert_int_equal(add(events, "a"), 1);
    assert_int_equal(add(events, "b"), 2);
    assert_int_equal(journal_first_seq(events), 1);
    assert_int_equal(journal_last_seq(events), 2);
    assert_int_equal(journal_after(events, 0)->seq, 1);
    assert_string_equal(journal_after(events, 0)->detail, "a");
    assert_string_equal(journal_after(events, 1)->detail, "b");
    assert_null(journal_after(events, 2));
    journal_destroy(events);
}

static void
oldest_is_dropped_first(void **state)
{
    static const size_t capacities[] = { 1, 2, 3, 7, 64, 65, 200 };

    for (size_t i = 0; i < 7; i++) {
        struct journal *events = journal_create(capacities[i]);

        for (uint64_t n = 1; n <= 450; n++) {
            char detail[24];
            uint64_t oldest = n > capacities[i] ? n - capacities[i] + 1 : 1;

            snprintf(detail, sizeof detail, "%d", (int) n);
            add(events, detail);
            assert_int_equal(journal_first_seq(events), oldest);
            assert_int_equal(journal_after(events, 0)->seq, oldest);

            /* A reader who was too slow goes on with the oldest kept. */
            uint64_t seq = 0;
            const struct incident *event;
            size_t seen = 0;
            while ((event = journal_after(events, seq))) {
                assert_int_equal(atoi(event->detail), (int) event->seq);
                seq = event->seq;
                seen++;
            }
            assert_int_equal(seq, n);
            assert_int_equal(seen, n - oldest + 1);
        }
        journal_destroy(events);
    }
}

struct hearing {
    struct journal *events;
    size_t n;                   /* Calls. */
    uint64_t last_seq;
    bool leave;                 /* Unlisten in the next call. */
    struct hearing *other;      /* To remove in the next call. */
    bool echo;                  /* Add one more event, once. */
    bool invite;                /* Add 'other' in the next call. */
};

static void
hear(const struct incident *event, void *aux)
{
    struct hearing *h = aux;

    h->n++;
    h->last_seq = event->seq;
    if (h->leave) {
        journal_unlisten(h->events, hear, h);
    }
    if (h->other && h->invite) {
        journal_listen(h->events, hear, h->other);
    } else if (h->other) {
        journal_unlisten(h->events, hear, h->other);
    }
    h->other = NULL;
    if (h->echo) {
        h->echo = false;
        add(h->events, "echo");
    }
}

static void
every_listener_is_called(void **state)
{
    struct journal *events = journal_create(1);
    struct hearing a = { .events = events };
    struct hearing b = { .events = events };

    add(events, "unheard");
    journal_listen(events, hear, &a);
    journal_listen(events, hear, &b);
    add(events, "heard");
    assert_int_equal(a.n, 1);
    assert_int_equal(b.n, 1);
    assert_int_equal(a.last_seq, 2);
    journal_unlisten(events, hear, &a);
    journal_unlisten(events, hear, &a);      /* Not there: fine. */
    add(events, "heard by one");
    assert_int_equal(a.n, 1);
    assert_int_equal(b.n, 2);
    journal_destroy(events);
}

static void
listener_may_leave_while_called(void **state)
{
    struct journal *events = journal_create(1);
    struct hearing a = { .events = events, .leave = true };
    struct hearing b = { .events = events };

    journal_listen(events, hear, &a);
    journal_listen(events, hear, &b);
    add(events, "1");
    add(events, "2");
    assert_int_equal(a.n, 1);
    assert_int_equal(b.n, 2);
    journal_destroy(events);
}

static void
removed_listener_is_not_called_again(void **state)
{
    struct journal *events = journal_create(1);
    struct hearing b = { .events = events };
    struct hearing a = { .events = events, .other = &b };

    journal_listen(events, hear, &a);
    journal_listen(events, hear, &b);
    add(events, "1");
    assert_int_equal(a.n, 1);
    assert_int_equal(b.n, 0);
    journal_destroy(events);
}

static void
new_listener_hears_the_next_event_first(void **state)
{
    struct journal *events = journal_create(1);
    struct hearing b = { .events = events };
    struct hearing a = { .events = events, .other = &b, .invite = true };

    journal_listen(events, hear, &a);
    add(events, "1");
    assert_int_equal(b.n, 0);
    add(events, "2");
    assert_int_equal(b.n, 1);
    journal_destroy(events);
}

static void
listener_may_add_an_event(void **state)
{
    struct journal *events = journal_create(1);
    struct hearing a = { .events = events, .echo = true };
    struct hearing b = { .events = events };

    journal_listen(events, hear, &a);
    journal_listen(events, hear, &b);
    assert_int_equal(add(events, "first"), 1);
    assert_int_equal(a.n, 2);
    assert_int_equal(b.n, 2);
    assert_int_equal(b.last_seq, 1);        /* The echo came first. */
    assert_int_equal(journal_last_seq(events), 2);
    journal_destroy(events);
}

static void
names_are_those_of_the_contract(void **state)
{
    assert_string_equal(incident_type_name(INCIDENT_CLIENT_ELECTED),
                        "client.elected");
    assert_string_equal(incident_type_name(INCIDENT_CLIENT_MOVED),
                        "client.moved");
    assert_string_equal(incident_type_name(INCIDENT_CLIENT_LOST),
                        "client.lost");
    assert_string_equal(incident_type_name(INCIDENT_CLIENT_FOUND),
                        "client.found");
    assert_string_equal(incident_type_name(INCIDENT_ROUTER_CONNECTED),
                        "router.connected");
    assert_string_equal(incident_type_name(INCIDENT_ROUTER_DISCONNECTED),
                        "router.disconnected");
    assert_string_equal(incident_type_name(INCIDENT_CONFIG_APPLIED),
                        "config.applied");
    assert_string_equal(incident_cause_name(CAUSE_NONE), "");
    assert_string_equal(incident_cause_name(CAUSE_FIRST), "first");
    assert_string_equal(incident_cause_name(CAUSE_UNREACHABLE), "unreachable");
    assert_string_equal(incident_cause_name(CAUSE_ROUTER_LOST), "router_lost");
    assert_string_equal(incident_cause_name(CAUSE_PORT_DOWN), "port_down");
    assert_string_equal(incident_cause_name(CAUSE_DRAIN), "drain");
    assert_string_equal(incident_cause_name(CAUSE_PREEMPT), "preempt");
    assert_string_equal(incident_cause_name(CAUSE_MANUAL), "manual");
}

static void
every_type_and_cause_has_its_own_name(void **state)
{
    for (int i = 0; i < INCIDENT_N_TYPES; i++) {
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(incident_type_name(i),
                                    incident_type_name(j));
        }
    }
    for (int i = 0; i < CAUSE_N; i++) {
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(incident_cause_name(i),
                                    incident_cause_name(j));
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_ring_has_no_events),
        cmocka_unit_test(events_are_numbered_from_one),
        cmocka_unit_test(oldest_is_dropped_first),
        cmocka_unit_test(every_listener_is_called),
        cmocka_unit_test(listener_may_leave_while_called),
        cmocka_unit_test(removed_listener_is_not_called_again),
        cmocka_unit_test(new_listener_hears_the_next_event_first),
        cmocka_unit_test(listener_may_add_an_event),
        cmocka_unit_test(names_are_those_of_the_contract),
        cmocka_unit_test(every_type_and_cause_has_its_own_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
