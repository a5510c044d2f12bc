/* The routes of the control socket, of one of several controllers: what it
 * answers itself, and what it passes on. */
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

static struct fh_cluster_status status;

/* The one that leads: what it was asked last, and what it says. */
static struct {
    struct event_base *base;
    bool connected;
    char *asked;                /* Owned. */
    int n_asked;
    const char *answer;         /* NULL: it goes before that. */
    void (*done)(void *call, const uint8_t *text, size_t len);
    void *call;
} leader;

static const struct fh_cluster_status *
get_cluster(void *aux)
{
    return &status;
}

static void
answer(evutil_socket_t fd, short what, void *aux)
{
    leader.done(leader.call, (const uint8_t *) leader.answer,
                leader.answer ? strlen(leader.answer) : 0);
}

static bool
pass(void *aux, const void *text, size_t len,
     void (*done)(void *call, const uint8_t *text, size_t len), void *call)
{
    static const struct timeval at_once = { 0, 0 };

    if (!leader.connected) {
        return false;
    }
    free(leader.asked);
    leader.asked = fh_xasprintf("%.*s", (int) len, (const char *) text);
    leader.n_asked++;
    leader.done = done;
    leader.call = call;
    event_base_once(leader.base, -1, EV_TIMEOUT, answer, NULL, &at_once);
    return true;
}

static int n_caught_up;

static void
catch_up(void *aux)
{
    n_caught_up++;
}

static const char *
transfer(void *aux, const char *name)
{
    return strcmp(name, "n2") ? "there is no such controller" : NULL;
}

/* A follower, of n1. */
static int
set_up_follower(void **state)
{
    struct world *w;

    assert_int_equal(set_up(state), 0);
    w = *state;
    w->api->host.cluster = get_cluster;
    w->api->host.pass = pass;
    w->api->host.transfer = transfer;
    w->api->host.catch_up = catch_up;
    n_caught_up = 0;
    leader.base = w->base;
    leader.connected = true;
    leader.n_asked = 0;
    leader.answer = NULL;
    status = (struct fh_cluster_status) {
        .name = "n2", .address = "192.0.2.2:6650", .leader = "n1",
        .epoch = 7, .database = true, .database_server = "tcp:192.0.2.2:6641",
        .n_peers = 1,
        .peers = { { .name = "n1", .address = "192.0.2.1:6650",
                     .connected = true, .database = true, .n_bridges = 2 } },
    };
    return 0;
}

static int
tear_down_follower(void **state)
{
    free(leader.asked);
    leader.asked = NULL;
    return tear_down(state);
}

static void
it_says_who_it_is_by_itself(void **state)
{
    json_t *json = ask(*state, "GET", "/v1/status", NULL, 200);

    assert_string_equal("follower",
                        json_string_value(json_object_get(json, "role")));
    assert_string_equal("n1",
                        json_string_value(json_object_get(json, "leader")));
    assert_int_equal(7, json_integer_value(json_object_get(json, "epoch")));
    json_decref(json);
    assert_json(ask(*state, "GET", "/v1/cluster", NULL, 200),
                "{\"name\": \"n2\", \"address\": \"192.0.2.2:6650\","
                " \"role\": \"follower\", \"leader\": \"n1\", \"epoch\": 7,"
                " \"database\": {\"server\": \"tcp:192.0.2.2:6641\","
                " \"connected\": true, \"leads\": false}, \"peers\": ["
                "{\"name\": \"n1\", \"address\": \"192.0.2.1:6650\","
                " \"role\": \"leader\", \"connected\": true,"
                " \"database\": true, \"bridges\": 2}]}");
    ask_only(*state, "GET", "/v1/config", NULL, 200);
    assert_int_equal(leader.n_asked, 0);
}

static void
what_it_does_not_know_the_leader_is_asked(void **state)
{
    leader.answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                    "Content-Length: 8\r\n\r\n{\"a\": 1}";
    assert_json(ask(*state, "GET", "/v1/clients?segment=metro&limit=2", NULL,
                    200), "{\"a\": 1}");
    assert_non_null(strstr(leader.asked,
                           "GET /v1/clients?segment=metro&limit=2 HTTP/1.0"
                           "\r\n"));
}

/* What is streamed comes in chunks to those who understand them; what is read
 * from the leader is passed on as it is. */
static void
what_the_leader_streams_has_no_chunks(void **state)
{
    struct world *w = *state;
    struct peer peer;
    char *reply;

    leader.answer = "HTTP/1.1 200 OK\r\n\r\n{}";
    peer_open(&peer, w->base, w->path);
    peer_puts(&peer, "HEAD /v1/exposure HTTP/1.1\r\nHost: x\r\n\r\n");
    peer_wait_text(&peer, "\r\nContent-Length: 2\r\n");
    peer_close(&peer);
    assert_int_equal(leader.n_asked, 1);
    assert_non_null(strstr(leader.asked, "GET /v1/exposure HTTP/1.0\r\n"));
    status.leads = true;
    peer_open(&peer, w->base, w->path);
    peer_puts(&peer, leader.asked);
    reply = peer_reply(&peer);
    assert_int_equal(reply_status(reply), 200);
    assert_null(strstr(reply, "chunked"));
    peer_wait_text(&peer, "{");
    assert_int_equal(peer.in.data[0], '{');
    peer_close(&peer);
    free(reply);
}

/* A follower shows its own part, the leader compares with its own. */
static void
the_tag_of_a_configuration_is_that_of_what_all_share(void **state)
{
    json_t *one = json_pack("{s:{s:s}, s:{s:i, s:i}, s:{}}", "cluster", "name",
                            "n1", "routers", "A", 1, "B", 2, "openflow");
    json_t *two = json_pack("{s:{s:i, s:i}, s:{s:s}}", "routers", "B", 2, "A",
                            1, "cluster", "name", "n2");
    char tag_one[API_ETAG_STRLEN], tag_two[API_ETAG_STRLEN];

    assert_string_equal(api_etag(one, tag_one), api_etag(two, tag_two));
    json_object_set_new(json_object_get(two, "routers"), "B", json_integer(3));
    assert_string_not_equal(tag_one, api_etag(two, tag_two));
    json_decref(one);
    json_decref(two);
}

/* Status and body as they come, and once. */
static void
a_change_is_passed_on(void **state)
{
    struct world *w = *state;
    char *reply;

    leader.answer = "HTTP/1.1 409 Conflict\r\n"
                    "Content-Type: application/problem+json\r\n\r\n"
                    "{\"title\": \"Conflict\", \"status\": 409,"
                    " \"detail\": \"no\"}";
    reply = ask_with(w, "POST", "/v1/clients/10.0.0.10/move?segment=a%20b",
                     "If-Match: \"x\"\r\n", "{\"router\": \"B\"}");
    assert_int_equal(reply_status(reply), 409);
    assert_non_null(strstr(reply, "\"detail\": \"no\""));
    free(reply);
    assert_int_equal(leader.n_asked, 1);
    assert_non_null(strstr(leader.asked, "POST /v1/clients/10.0.0.10/move"
                           "?segment=a%20b HTTP/1.0\r\n"));
    assert_non_null(strstr(leader.asked, "If-Match: \"x\"\r\n"));
    assert_non_null(strstr(leader.asked, "\r\n\r\n{\"router\": \"B\"}"));
}

static void
a_leader_that_goes_leaves_a_change_unknown_and_a_question_to_us(void **state)
{
    leader.answer = NULL;
    ask_only(*state, "PUT", "/v1/clients/10.0.0.90", "{\"segment\":"
             " \"metro\"}", 503);
    assert_int_equal(n_caught_up, 0);
    ask_only(*state, "GET", "/v1/routers", NULL, 200);
    assert_int_equal(leader.n_asked, 2);
    assert_int_equal(n_caught_up, 1);
    leader.answer = "nonsense";
    ask_only(*state, "GET", "/v1/routers", NULL, 502);
}

static void
without_a_leader_nothing_changes(void **state)
{
    leader.connected = false;
    ask_only(*state, "PUT", "/v1/clients/10.0.0.90", "{\"segment\":"
             " \"metro\"}", 503);
    ask_only(*state, "GET", "/v1/clients", NULL, 200);
    assert_int_equal(n_caught_up, 1);
    status.leader = "";
    ask_only(*state, "DELETE", "/v1/clients/10.0.0.10", NULL, 503);
}

/* Or two who take each other for it would never answer. */
static void
what_was_passed_on_once_is_not_passed_on_again(void **state)
{
    char *reply = ask_with(*state, "DELETE", "/v1/clients/10.0.0.10",
                           "Firsthop-Passed: 1\r\n", NULL);

    assert_int_equal(reply_status(reply), 503);
    assert_int_equal(leader.n_asked, 0);
    free(reply);
}

static void
the_leader_answers_itself_and_hands_over(void **state)
{
    status.leads = true;
    ask_only(*state, "GET", "/v1/clients", NULL, 200);
    ask_only(*state, "POST", "/v1/cluster/transfer", "{\"name\": \"n9\"}",
             409);
    assert_json(ask(*state, "POST", "/v1/cluster/transfer",
                    "{\"name\": \"n2\"}", 202), "{\"to\": \"n2\"}");
    assert_int_equal(leader.n_asked, 0);
}

/* That it has no routers would look as if they were lost. */
static void
a_follower_s_metrics_are_its_own(void **state)
{
    char *reply = ask_with(*state, "GET", "/metrics", "", NULL);

    assert_non_null(strstr(reply, "\nfirsthop_cluster_leads 0\n"));
    assert_non_null(strstr(reply, "\nfirsthop_cluster_epoch 7\n"));
    assert_non_null(strstr(reply, "\nfirsthop_cluster_peers_connected 1\n"));
    assert_null(strstr(reply, "firsthop_router_connected"));
    free(reply);
    status.leads = true;
    reply = ask_with(*state, "GET", "/metrics", "", NULL);
    assert_non_null(strstr(reply, "\nfirsthop_cluster_leads 1\n"));
    assert_non_null(strstr(reply, "firsthop_router_connected"));
    free(reply);
}

static void
one_that_is_alone_says_so(void **state)
{
    struct world *w = *state;

    w->api->host.cluster = NULL;
    ask_only(w, "GET", "/v1/cluster", NULL, 404);
    ask_only(w, "POST", "/v1/cluster/transfer", "{\"name\": \"n2\"}", 409);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up_follower, \
                                                   tear_down_follower)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_says_who_it_is_by_itself),
        TEST(what_it_does_not_know_the_leader_is_asked),
        TEST(what_the_leader_streams_has_no_chunks),
        TEST(the_tag_of_a_configuration_is_that_of_what_all_share),
        TEST(a_change_is_passed_on),
        TEST(a_leader_that_goes_leaves_a_change_unknown_and_a_question_to_us),
        TEST(without_a_leader_nothing_changes),
        TEST(what_was_passed_on_once_is_not_passed_on_again),
        TEST(the_leader_answers_itself_and_hands_over),
        TEST(a_follower_s_metrics_are_its_own),
        TEST(one_that_is_alone_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
