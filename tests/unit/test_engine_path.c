/* Routers in the engine: their paths to each other, those that the controller
 * has lost, and those that leave. */
#include <config.h>

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

static const char beacons[] = "{\"beacon\": {\"interval_ms\": 50},"
                              " \"probe\": {\"interval_ms\": 10000}}";

static struct rig *
one_client(const char *segment)
{
    struct rig *rig = rig_create(segment);

    rig_add_host(rig, C, C_MAC);
    rig_connect(rig, "A");
    rig_connect(rig, "B");
    rig_run(rig, 500);
    rig_ask(rig, "A", C, C_MAC);
    rig_run(rig, 500);
    assert_string_equal(rig_active(rig, C), "A");
    rig_said(rig);
    return rig;
}

static void
a_dead_router_is_left_before_a_probe_is_due(void **state)
{
    struct rig *rig = one_client(beacons);

    rig_kill(rig, "A");
    rig_run(rig, 1000);
    assert_string_equal(rig_active(rig, C), "B");
    rig_end(rig);
}

/* So many clients that answers are under way all the time: among them the
 * other router's could be lost. */
static void
a_dead_router_is_found_among_a_crowd(void **state)
{
    struct rig *rig = one_client("{\"beacon\": {\"interval_ms\": 50},"
                                 " \"probe\": {\"interval_ms\": 100}}");
    char address[24], mac[24];

    rig_slow_hosts(rig, 60);
    for (int i = 11; i < 250; i++) {
        snprintf(address, sizeof address, "10.0.0.%d", i);
        snprintf(mac, sizeof mac, "02:00:00:00:02:%02x", (unsigned int) i);
        rig_add_host(rig, address, mac);
        rig_ask(rig, "A", address, mac);
        rig_run(rig, 1);
    }
    rig_run(rig, 5000);
    assert_string_equal(rig_active(rig, C), "A");
    rig_disconnect(rig, "A");
    rig_kill(rig, "A");
    rig_run(rig, 300);
    assert_string_equal(rig_active(rig, C), "B");
    rig_end(rig);
}

static size_t
count(const char *text, const char *word)
{
    size_t n = 0;

    while ((text = strstr(text, word))) {
        text += strlen(word);
        n++;
    }
    return n;
}

/* The second form of a notice, an unsolicited reply, is for those who do not
 * acknowledge the first, where many move. */
static void
many_are_told_in_one_form_first(void **state)
{
    struct rig *rig = rig_create_connected(NULL);
    char address[24], mac[24];
    const char *said;

    for (int i = 11; i < 250; i++) {
        snprintf(address, sizeof address, "10.0.0.%d", i);
        snprintf(mac, sizeof mac, "02:00:00:00:02:%02x", (unsigned int) i);
        rig_add_host(rig, address, mac);
        rig_ask(rig, "A", address, mac);
        rig_run(rig, 5);
    }
    rig_run(rig, 5000);
    rig_silence_host(rig, "10.0.0.249", NULL);
    rig_said(rig);
    rig_disconnect(rig, "A");
    rig_run(rig, 50);
    said = rig_said(rig);
    assert_int_equal(count(said, " that it has 10.0.0.1 "), 239);
    assert_in_range(count(said, " for 10.0.0.1 to "), 1, 100);
    rig_run(rig, 100);
    said = rig_said(rig);
    assert_int_equal(count(said, "B answers 10.0.0.249 for 10.0.0.1 to "), 1);
    rig_end(rig);
}

/* As if so many answers were under way on B's port for so long. */
static void
run_with_full_window(struct rig *rig, int64_t ms)
{
    const struct router *b = engine_find_router(rig_engine(rig), "B");
    struct window *w = &router_access_port(b, RIG_ACCESS)->window;

    while (ms-- > 0) {
        w->sent = w->passed + 2 * WINDOW_MOST;
        w->progress_ms = w->full_ms = engine_now_ms(rig_engine(rig));
        rig_run(rig, 1);
    }
    w->passed = w->sent;
}

/* The first notice is sent at once. */
static void
a_notice_is_repeated_when_there_is_room_for_the_answer(void **state)
{
    struct rig *rig = one_client(NULL);

    rig_silence_host(rig, C, NULL);
    rig_disconnect(rig, "A");
    run_with_full_window(rig, 200);
    assert_int_equal(count(rig_said(rig), "B tells "C" that it has "), 1);
    rig_run(rig, 10);
    assert_int_equal(count(rig_said(rig), "B tells "C" that it has "), 1);
    rig_end(rig);
}

static void
a_router_that_its_peers_see_keeps_its_clients(void **state)
{
    struct rig *rig = one_client(beacons);

    rig_disconnect(rig, "A");
    rig_run(rig, 5000);
    assert_string_equal(rig_active(rig, C), "A");
    assert_null(strstr(rig_said(rig), "client."));
    rig_kill(rig, "A");
    rig_run(rig, 1000);
    assert_string_equal(rig_active(rig, C), "B");
    rig_end(rig);
}

static void
a_router_that_is_seen_gets_nobody_new(void **state)
{
    struct rig *rig = one_client(beacons);

    rig_disconnect(rig, "A");
    rig_add_host(rig, "10.0.0.11", "02:00:00:00:01:0b");
    rig_ask(rig, "B", "10.0.0.11", "02:00:00:00:01:0b");
    rig_run(rig, 1000);
    assert_string_equal(rig_active(rig, "10.0.0.11"), "B");
    assert_string_equal(rig_active(rig, C), "A");
    rig_end(rig);
}

static void
a_headless_router_comes_back_to_what_it_had(void **state)
{
    struct rig *rig = one_client(beacons);
    const char *said;

    rig_disconnect(rig, "A");
    rig_run(rig, 3000);
    rig_connect(rig, "A");
    rig_run(rig, 3000);
    said = rig_said(rig);
    assert_string_equal(rig_active(rig, C), "A");
    assert_null(strstr(said, "adds "C));
    assert_null(strstr(said, "client.moved"));
    rig_end(rig);
}

static void
a_deleted_router_forwards_until_its_clients_have_gone(void **state)
{
    struct rig *rig = one_client(NULL);
    const char *said;

    rig_reload(rig, "{\"without\": \"A\"}");
    assert_null(engine_find_router(rig_engine(rig), "A"));
    rig_run(rig, 3000);
    said = rig_said(rig);
    assert_string_equal(rig_active(rig, C), "B");
    assert_non_null(strstr(said, "B adds "C));
    rig_end(rig);
}

static void
a_router_that_is_configured_again_serves_again(void **state)
{
    struct rig *rig = one_client(NULL);

    rig_reload(rig, "{\"without\": \"B\"}");
    rig_run(rig, 1000);
    assert_string_equal(rig_active(rig, C), "A");
    rig_reload(rig, NULL);
    rig_connect(rig, "B");
    rig_run(rig, 3000);
    rig_disconnect(rig, "A");
    rig_run(rig, 100);
    assert_string_equal(rig_active(rig, C), "B");
    rig_end(rig);
}

/* What was asked while the window was full may have been lost; but who would
 * ask again at once, with thousands of others, would keep it full for good. */
static void
nobody_is_asked_again_while_the_window_is_full(void **state)
{
    struct rig *rig = one_client(NULL);
    struct reach *r = &rig_client(rig, C)->reaches[1];
    uint32_t sent;

    rig_silence_host(rig, C, "B");
    while (!r->outstanding) {
        rig_run(rig, 1);
    }
    sent = r->sent;
    run_with_full_window(rig, 500);
    assert_int_equal(r->sent, sent);
    assert_true(reach_is_up(r));
    rig_run(rig, 1000);
    assert_false(reach_is_up(r));
    rig_end(rig);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dead_router_is_left_before_a_probe_is_due),
        cmocka_unit_test(nobody_is_asked_again_while_the_window_is_full),
        cmocka_unit_test(a_dead_router_is_found_among_a_crowd),
        cmocka_unit_test(many_are_told_in_one_form_first),
        cmocka_unit_test(
            a_notice_is_repeated_when_there_is_room_for_the_answer),
        cmocka_unit_test(a_router_that_its_peers_see_keeps_its_clients),
        cmocka_unit_test(a_router_that_is_seen_gets_nobody_new),
        cmocka_unit_test(a_headless_router_comes_back_to_what_it_had),
        cmocka_unit_test(
            a_deleted_router_forwards_until_its_clients_have_gone),
        cmocka_unit_test(a_router_that_is_configured_again_serves_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
