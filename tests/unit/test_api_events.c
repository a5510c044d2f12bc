/* /v1/events over a real Unix socket: the list and the stream. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/api/api_internal.h"
#include "tests/unit/api_world.h"
#include "tests/unit/api_engine.h"
#include "tests/unit/http_peer.h"

static void
events_are_shown_as_the_contract_says(void **state)
{
    struct world *w = *state;

    api_engine_add_event(w->engine, INCIDENT_CLIENT_MOVED);
    assert_json(ask(w, "GET", "/v1/events?since=0", NULL, 200),
        "{\"events\": [{\"seq\": 1,"
        " \"time\": \"2026-11-23T04:00:00.123Z\","
        " \"type\": \"client.moved\", \"segment\": \"metro\","
        " \"client\": \"10.0.0.10\", \"from\": \"A\", \"to\": \"B\","
        " \"cause\": \"unreachable\", \"detect_ms\": 312,"
        " \"install_ms\": 2, \"ack_ms\": null}], \"next\": null}");
}

static void
list_of_events_goes_from_since_to_limit(void **state)
{
    struct world *w = *state;
    json_t *json;

    for (int i = 0; i < 700; i++) {
        api_engine_add_event(w->engine, INCIDENT_CLIENT_LOST);
    }
    json = ask(w, "GET", "/v1/events", NULL, 200);
    assert_int_equal(json_array_size(json_object_get(json, "events")), 700);
    assert_true(json_is_null(json_object_get(json, "next")));
    json_decref(json);
    json = ask(w, "GET", "/v1/events?since=100&limit=7", NULL, 200);
    assert_int_equal(json_array_size(json_object_get(json, "events")), 7);
    assert_json(json_incref(json_object_get(json, "next")), "107");
    json_decref(json);
    assert_json(ask(w, "GET", "/v1/events?since=700", NULL, 200),
                "{\"events\": [], \"next\": null}");
}

/* How many of the kept events a query asks for. */
static size_t
count_events(struct world *w, const char *query)
{
    char *target = fh_xasprintf("/v1/events?%s", query);
    json_t *json = ask(w, "GET", target, NULL, 200);
    size_t n = json_array_size(json_object_get(json, "events"));

    json_decref(json);
    free(target);
    return n;
}

static void
events_are_chosen_by_what_is_asked(void **state)
{
    static const struct {
        const char *query;
        size_t n;
    } table[] = {
        { "client=10.0.0.10", 3 }, { "client=10.0.0.9", 0 },
        { "segment=metro", 3 }, { "segment=campus", 0 },
        { "router=A", 3 }, { "router=B", 3 }, { "router=C", 1 },
        { "type=client.moved", 2 }, { "type=client", 3 },
        { "type=router", 1 }, { "type=router.connected", 1 },
        { "cause=unreachable", 3 }, { "cause=drain", 0 },
        { "max_age_s=0", 3 }, { "max_age_s=4", 3 }, { "max_age_s=6", 4 },
        { "type=client&cause=unreachable&router=A&since=1&limit=1", 1 },
    };
    struct incident old = incident_init(INCIDENT_ROUTER_CONNECTED);
    struct world *w = *state;

    old.time_ms = API_UNIX_MS - 5000;
    snprintf(old.to, sizeof old.to, "C");
    journal_add(engine_journal(w->en), &old);
    api_engine_add_event(w->engine, INCIDENT_CLIENT_MOVED);
    api_engine_add_event(w->engine, INCIDENT_CLIENT_MOVED);
    api_engine_add_event(w->engine, INCIDENT_CLIENT_LOST);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (count_events(w, table[i].query) != table[i].n) {
            print_message("%s\n", table[i].query);
        }
        assert_int_equal(count_events(w, table[i].query), table[i].n);
    }
    ask_only(w, "GET", "/v1/events?type=client.mo", NULL, 422);
    ask_only(w, "GET", "/v1/events?type=", NULL, 422);
    ask_only(w, "GET", "/v1/events?cause=whim", NULL, 422);
    ask_only(w, "GET", "/v1/events?cause=", NULL, 422);
    ask_only(w, "GET", "/v1/events?client=me", NULL, 400);
    ask_only(w, "GET", "/v1/events?max_age_s=1h", NULL, 400);
}

/* Others were noisy meanwhile. */
static void
a_clients_changes_outlive_the_ring(void **state)
{
    struct world *w = *state;
    struct client *c = clients_at(engine_clients(w->en), 0);
    struct incident e = incident_init(INCIDENT_CLIENT_ELECTED);
    struct incident noise = incident_init(INCIDENT_CLIENT_LOST);
    json_t *json;

    e.time_ms = noise.time_ms = API_UNIX_MS;
    e.client = c->key.address;
    e.cause = CAUSE_FIRST;
    snprintf(e.segment, sizeof e.segment, "metro");
    snprintf(e.to, sizeof e.to, "A");
    e.seq = journal_add(engine_journal(w->en), &e);
    history_add(&c->history, &e);
    for (int i = 0; i < N_EVENTS; i++) {
        journal_add(engine_journal(w->en), &noise);
    }
    e.type = INCIDENT_CLIENT_LOST;
    e.seq = journal_add(engine_journal(w->en), &e);
    history_add(&c->history, &e);
    assert_int_equal(count_events(w, "since=0"), N_EVENTS);
    json = ask(w, "GET", "/v1/events?client=10.0.0.10", NULL, 200);
    json_object_set_new(json, "n", json_integer(
        json_array_size(json_object_get(json, "events"))));
    json_object_set(json, "first", json_array_get(
        json_object_get(json, "events"), 0));
    json_object_del(json, "events");
    assert_json(json,
        "{\"next\": null, \"n\": 2, \"first\": {\"seq\": 1,"
        " \"time\": \"2026-11-23T04:00:00.123Z\","
        " \"type\": \"client.elected\", \"segment\": \"metro\","
        " \"client\": \"10.0.0.10\", \"from\": null, \"to\": \"A\","
        " \"cause\": \"first\", \"detect_ms\": null,"
        " \"install_ms\": null, \"ack_ms\": null}}");
    assert_int_equal(count_events(w, "client=10.0.0.10&since=1"), 1);
    assert_int_equal(count_events(w, "client=10.0.0.10&limit=1"), 1);
    assert_int_equal(count_events(w, "client=10.0.0.10&segment=campus"), 0);
    assert_int_equal(count_events(w, "client=10.0.0.10&type=client.lost"), 1);
    assert_int_equal(count_events(w, "client=10.0.0.9"), 0);
}

static void
open_stream(struct world *w, struct peer *peer, const char *target,
            const char *fields)
{
    char *text = fh_xasprintf("GET %s HTTP/1.1\r\nHost: x\r\n"
                              "Accept: text/event-stream\r\n%s\r\n",
                              target, fields);

    peer_open(peer, w->base, w->path);
    peer_puts(peer, text);
    free(text);
    peer_wait_text(peer, "retry: 1000\n");
    assert_int_equal(reply_status((char *) peer->in.data), 200);
    assert_non_null(strstr((char *) peer->in.data, "text/event-stream"));
}

static bool
has(const struct peer *peer, const char *text)
{
    return strstr((char *) peer->in.data, text) != NULL;
}

static void
stream_holds_what_is_asked_for_only(void **state)
{
    struct world *w = *state;
    struct peer peer;

    open_stream(w, &peer, "/v1/events?type=client.found", "");
    for (int i = 0; i < 3 * N_EVENTS / 4; i++) {
        api_engine_add_event(w->engine, INCIDENT_CLIENT_LOST);
    }
    api_engine_add_event(w->engine, INCIDENT_CLIENT_FOUND);
    peer_wait_text(&peer, "\"client.found\"");
    assert_false(has(&peer, "client.lost"));
    peer_close(&peer);
}

static void
stream_begins_with_the_present(void **state)
{
    struct world *w = *state;
    struct peer peer;

    api_engine_add_event(w->engine, INCIDENT_CLIENT_LOST);
    open_stream(w, &peer, "/v1/events", "");
    api_engine_add_event(w->engine, INCIDENT_CLIENT_FOUND);
    peer_wait_text(&peer, "\"client.found\"");
    assert_true(has(&peer, "\nid: 2\ndata: {\"seq\":2,"));
    assert_false(has(&peer, "id: 1\n"));
    peer_close(&peer);
}

static void
stream_resumes_behind_the_last_event_id(void **state)
{
    struct world *w = *state;
    struct peer peer;

    for (int i = 0; i < 9; i++) {
        api_engine_add_event(w->engine, INCIDENT_CLIENT_LOST);
    }
    open_stream(w, &peer, "/v1/events?since=2", "Last-Event-ID: 6\r\n");
    peer_wait_text(&peer, "\nid: 9\n");
    assert_false(has(&peer, "id: 6\n"));
    assert_true(has(&peer, "id: 7\n"));
    peer_close(&peer);

    open_stream(w, &peer, "/v1/events?since=2", "");
    peer_wait_text(&peer, "\nid: 9\n");
    assert_false(has(&peer, "id: 2\n"));
    assert_true(has(&peer, "id: 3\n"));
    peer_close(&peer);
}

static void
last_event_id_of_a_daemon_before_starts_anew(void **state)
{
    struct world *w = *state;
    struct peer peer;
    char *reply;

    api_engine_add_event(w->engine, INCIDENT_CLIENT_LOST);
    open_stream(w, &peer, "/v1/events", "Last-Event-ID: 4711\r\n");
    peer_wait_text(&peer, "id: 1\n");
    peer_close(&peer);
    reply = ask_with(w, "GET", "/v1/events", "Accept: text/event-stream\r\n"
                     "Last-Event-ID: x\r\n", NULL);
    assert_int_equal(reply_status(reply), 400);
    free(reply);
}

static void
stream_says_what_is_no_longer_kept(void **state)
{
    struct world *w = *state;
    struct peer peer;

    for (int i = 0; i < N_EVENTS + 50; i++) {
        api_engine_add_event(w->engine, INCIDENT_CLIENT_LOST);
    }
    open_stream(w, &peer, "/v1/events?since=3", "");
    peer_wait_text(&peer, ": events 4 to 50 are no longer kept\n");
    peer_wait_text(&peer, "id: 1050\n");
    assert_true(has(&peer, "id: 51\n"));
    peer_close(&peer);
}

static void
slow_reader_is_dropped_and_can_come_back(void **state)
{
    struct world *w = *state;
    struct peer slow, quick;
    unsigned long long last;
    const char *p;
    char *field;

    open_stream(w, &slow, "/v1/events?since=0", "");
    for (int i = 0; i < 2 * N_EVENTS; i++) {    /* 5 MB, half of it kept. */
        api_engine_add_event(w->engine, INCIDENT_CLIENT_LOST);
        if (i % 100 == 0) {
            event_base_loop(w->base, EVLOOP_NONBLOCK);
        }
    }
    run_until(w->base, has_no_connection, w->api);
    peer_wait_eof(&slow);
    assert_false(has(&slow, "id: 20000\n"));
    last = 0;
    for (p = (char *) slow.in.data; (p = strstr(p, "\nid: ")) != NULL; p++) {
        assert_int_equal(strtoull(p + 5, NULL, 10), last + 1);
        last++;
    }
    assert_true(last > 100);
    peer_close(&slow);

    field = fh_xasprintf("Last-Event-ID: %llu\r\n", last - 1);
    open_stream(w, &quick, "/v1/events", field);
    peer_wait_text(&quick, "id: 20000\n");
    peer_close(&quick);
    free(field);
}

static void
streams_are_bounded(void **state)
{
    enum { MAX = 64 };
    struct world *w = *state;
    struct peer peers[MAX];
    char *reply;

    for (int i = 0; i < MAX; i++) {
        open_stream(w, &peers[i], "/v1/events", "");
    }
    reply = ask_with(w, "GET", "/v1/events", "", NULL);
    assert_int_equal(reply_status(reply), 503);
    free(reply);
    ask_only(w, "GET", "/v1/status", NULL, 200);
    for (int i = 0; i < MAX; i++) {
        peer_close(&peers[i]);
    }
    run_until(w->base, has_no_connection, w->api);
    ask_only(w, "GET", "/v1/events", NULL, 200);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(events_are_shown_as_the_contract_says),
        TEST(list_of_events_goes_from_since_to_limit),
        TEST(events_are_chosen_by_what_is_asked),
        TEST(a_clients_changes_outlive_the_ring),
        TEST(stream_holds_what_is_asked_for_only),
        TEST(stream_begins_with_the_present),
        TEST(stream_resumes_behind_the_last_event_id),
        TEST(last_event_id_of_a_daemon_before_starts_anew),
        TEST(stream_says_what_is_no_longer_kept),
        TEST(slow_reader_is_dropped_and_can_come_back),
        TEST(streams_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
