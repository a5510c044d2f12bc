/* The routes of the control socket, asked over a real Unix socket: who is
 * answered at all, the shapes that the contract pins down, pages, exposure and
 * metrics. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "controller/api/api_internal.h"
#include "tests/unit/api_world.h"
#include "tests/unit/api_engine.h"
#include "tests/unit/http_peer.h"

static void
other_methods_are_answered_with_405_and_allow(void **state)
{
    static const char *const methods[] = {
        "GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW",
        "get",
    };

    for (const struct api_route *r = api_routes; r->method; r++) {
        for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
            char *target = fh_xasprintf("%.*s%s%s",
                                        (int) strcspn(r->path, "{"), r->path,
                                        strchr(r->path, '{') ? "x" : "",
                                        strchr(r->path, '}')
                                        ? strchr(r->path, '}') + 1 : "");
            char *reply = ask_with(*state, methods[i], target, "", NULL);
            bool known = false;

            for (const struct api_route *o = api_routes; o->method; o++) {
                known = known || (!strcmp(o->path, r->path)
                                  && !strcmp(o->method, methods[i]));
            }
            if (!known) {
                assert_int_equal(reply_status(reply), 405);
                assert_non_null(strstr(strstr(reply, "\r\nAllow: "),
                                       r->method));
            } else {
                assert_int_not_equal(reply_status(reply), 405);
            }
            free(reply);
            free(target);
        }
    }
}

static void
unknown_paths_are_answered_with_404(void **state)
{
    static const char *const paths[] = {
        "/page", "/v1", "/v1/", "/v1/status/", "/v2/status", "/V1/status",
        "/v1/routers/", "/v1/routers/A/ports", "/v1/clients//explain",
        "/v1/clients/10.0.0.10/", "/v1/clients/10.0.0.10/explain/x",
        "/metrics/x", "/v1/openapi", "//v1/status", "/v1/%2e%2e/metrics",
        "/v1/routers/%ff",
    };

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        ask_only(*state, "GET", paths[i], NULL, 404);
    }
}

static void
head_is_get_without_a_body(void **state)
{
    struct world *w = *state;
    static const char *const targets[] = { "/v1/status", "/v1/events" };

    for (size_t i = 0; i < 2; i++) {
        struct peer peer;

        peer_open(&peer, w->base, w->path);
        peer_puts(&peer, "HEAD ");
        peer_puts(&peer, targets[i]);
        peer_puts(&peer, " HTTP/1.1\r\nHost: x\r\nConnection: close"
                  "\r\n\r\n");
        peer_wait_eof(&peer);
        assert_int_equal(reply_status((char *) peer.in.data), 200);
        assert_string_equal(reply_body((char *) peer.in.data), "");
        peer_close(&peer);
    }
}

/* Shapes that the contract pins down. */

static void
client_is_shown_as_the_contract_says(void **state)
{
    assert_json(ask(*state, "GET", "/v1/clients/10.0.0.10", NULL, 200),
        "{\"address\": \"10.0.0.10\", \"segment\": \"metro\","
        " \"origin\": \"learned\", \"mac\": \"02:00:00:00:01:0a\","
        " \"vlan\": [], \"state\": \"active\", \"active\": \"A\","
        " \"since\": \"2026-11-23T04:00:00.123Z\", \"moves\": 0,"
        " \"reach\": {"
        "  \"A\": {\"state\": \"up\", \"port\": \"a-access\","
        "   \"rtt_us\": 310, \"last_reply_ms\": 212, \"misses\": 1},"
        "  \"B\": {\"state\": \"down\", \"port\": null, \"rtt_us\": null,"
        "   \"last_reply_ms\": null, \"misses\": 0}}}");
}

static void
what_is_not_known_of_a_client_is_null(void **state)
{
    assert_json(ask(*state, "GET", "/v1/clients/10.0.0.11?segment=campus",
                    NULL, 200),
        "{\"address\": \"10.0.0.11\", \"segment\": \"campus\","
        " \"origin\": \"learned\", \"mac\": null, \"vlan\": [100],"
        " \"state\": \"pending\", \"active\": null,"
        " \"since\": \"2026-11-23T04:00:00.123Z\","
        " \"moves\": 0, \"reach\": {\"A\": {\"state\": \"unknown\","
        " \"port\": null, \"rtt_us\": null, \"last_reply_ms\": null,"
        " \"misses\": 0}}}");
}

static void
ambiguous_address_names_its_segments(void **state)
{
    json_t *problem = ask(*state, "GET", "/v1/clients/10.0.0.11", NULL, 409);

    assert_non_null(strstr(json_string_value(json_object_get(problem,
                                                             "detail")),
                           "name one of campus, metro (?segment=, "
                           "--segment)"));
    assert_json(json_incref(json_object_get(problem, "segments")),
                "[\"campus\", \"metro\"]");
    json_decref(problem);
}

static void
router_is_shown_as_the_contract_says(void **state)
{
    json_t *router = ask(*state, "GET", "/v1/routers/A", NULL, 200);
    json_t *ports = json_object_get(router, "ports");

    assert_int_equal(json_array_size(ports), 2);
    assert_json(json_incref(json_array_get(ports, 0)),
                "{\"name\": \"a-access\", \"role\": \"access\","
                " \"number\": 1, \"up\": true, \"clients_learned\": 0}");
    json_object_del(router, "ports");
    assert_json(router,
        "{\"name\": \"A\", \"datapath_id\": \"000000000000000a\","
        " \"connected\": true, \"ready\": true, \"openflow\": \"1.4\","
        " \"headless\": false,"
        " \"admin\": \"up\", \"uplink\": \"up\", \"clients_active\": 0,"
        " \"clients_reachable\": 0, \"clients_left_behind\": 0,"
        " \"left_behind\": []}");
}

static void
a_writer_has_what_it_changed_carried_out(void **state)
{
    struct world *w = *state;

    json_decref(ask(w, "GET", "/v1/status", NULL, 200));
    assert_int_equal(w->n_changes, 0);
    json_decref(ask(w, "PATCH", "/v1/routers/A", "{\"admin\": \"drain\"}",
                    200));
    assert_int_equal(w->n_changes, 1);
}

static void
draining_router_names_who_stays_behind(void **state)
{
    struct world *w = *state;
    json_t *router = ask(w, "PATCH", "/v1/routers/A",
                         "{\"admin\": \"drain\"}", 200);

    assert_int_equal(api_engine_last_kept(w->engine), STORE_DRAIN);
    assert_true(engine_find_router(w->en, "A")->draining);
    assert_json(json_incref(json_object_get(router, "admin")), "\"drain\"");
    assert_json(json_incref(json_object_get(router, "left_behind")),
                "[{\"address\": \"10.0.0.10\", \"segment\": \"metro\","
                " \"reason\": \"no other router reaches it\"}]");
    json_decref(router);
    ask_only(w, "PATCH", "/v1/routers/A", "{\"admin\": \"up\"}", 200);
    assert_int_equal(api_engine_last_kept(w->engine), STORE_UNDRAIN);
    assert_false(engine_find_router(w->en, "A")->draining);
}

static void
uplink_is_said_to_be_down_and_up(void **state)
{
    struct world *w = *state;
    json_t *router = ask(w, "PATCH", "/v1/routers/A",
                         "{\"uplink\": \"down\"}", 200);

    assert_int_equal(api_engine_last_kept(w->engine), STORE_UPLINK_DOWN);
    assert_json(json_incref(json_object_get(router, "uplink")), "\"down\"");
    json_decref(router);
    ask_only(w, "PATCH", "/v1/routers/A", "{\"uplink\": \"up\"}", 200);
    assert_int_equal(api_engine_last_kept(w->engine), STORE_UPLINK_UP);
}

static void
status_counts(void **state)
{
    json_t *status = ask(*state, "GET", "/v1/status", NULL, 200);

    assert_json(json_incref(json_object_get(status, "version")),
                "\"" PACKAGE_VERSION "\"");
    assert_json(json_incref(json_object_get(status, "uptime_s")), "5");
    assert_json(json_incref(json_object_get(status, "role")), "\"alone\"");
    assert_json(json_incref(json_object_get(status, "counts")),
                "{\"routers\": 3, \"routers_connected\": 1,"
                " \"segments\": 2, \"clients\": 3, \"clients_pending\": 2,"
                " \"clients_active\": 1, \"clients_lost\": 0,"
                " \"clients_learned\": 3, \"clients_configured\": 0,"
                " \"clients_provisioned\": 0, \"clients_leased\": 0,"
                " \"last_event\": 0}");
    assert_json(json_incref(json_object_get(status, "upstream")),
                "{\"bgp\": null, \"kernel\": null, \"core\": {\"bridges\": [{\"name\": \"K\","
                " \"datapath_id\": \"000000000000000c\","
                " \"connected\": true}], \"routes\": 5}}");
    json_decref(status);
}

static void
explain_shows_the_candidates(void **state)
{
    json_t *explain = ask(*state, "GET", "/v1/clients/10.0.0.10/explain",
                          NULL, 200);
    json_t *list = json_object_get(explain, "candidates");

    assert_json(json_incref(json_object_get(explain, "winner")), "\"A\"");
    assert_json(json_incref(json_object_get(explain, "reason")),
                "\"stays\"");
    assert_int_equal(json_array_size(list), 2);
    assert_json(json_incref(json_object_get(json_array_get(list, 1),
                                            "eligible")), "false");
    json_decref(explain);
}

static void
assert_last_move(void *state, const char *expected)
{
    json_t *explain = ask(state, "GET", "/v1/clients/10.0.0.10/explain", NULL,
                          200);

    assert_json(json_incref(json_object_get(explain, "last_move")), expected);
    json_decref(explain);
}

static void
explain_tells_the_last_move(void **state)
{
    struct world *w = *state;
    struct client *c = clients_at(engine_clients(w->en), 0);
    struct incident e = { .time_ms = API_UNIX_MS, .cause = CAUSE_FIRST };

    assert_last_move(w, "null");
    client_note_move(c, &e);
    assert_last_move(w, "{\"cause\": \"first\", \"from\": null,"
                     " \"time\": \"2026-11-23T04:00:00.123Z\"}");
    e.cause = CAUSE_DRAIN;
    snprintf(e.from, sizeof e.from, "B");
    client_note_move(c, &e);
    assert_last_move(w, "{\"cause\": \"drain\", \"from\": \"B\","
                     " \"time\": \"2026-11-23T04:00:00.123Z\"}");
}

static void
move_tells_whether_there_was_anything_to_do(void **state)
{
    static const char *const bodies[] = { "{\"router\": \"A\"}",
                                          "{\"router\": \"B\"}" };
    struct world *w = *state;
    struct client *c = clients_at(engine_clients(w->en), 0);

    api_engine_set_connected(w->engine, "B", true);
    c->reaches[1].state = REACH_UP;
    c->reaches[1].port = 1;
    for (size_t i = 0; i < 2; i++) {
        json_t *client = ask(w, "POST", "/v1/clients/10.0.0.10/move",
                             bodies[i], 200);

        assert_json(json_incref(json_object_get(client, "moved")),
                    i ? "true" : "false");
        json_decref(client);
    }
}

/* Paging. */

static void
add_many(struct world *w, int n)
{
    for (int i = 0; i < n; i++) {
        char address[24];

        snprintf(address, sizeof address, "10.0.0.%d", 20 + i);
        api_engine_add(w->engine, address, "metro");
        api_engine_add(w->engine, address, "campus");
    }
}

/* Reads all pages of 'limit', and checks order and completeness. */
static size_t
read_pages(struct world *w, const char *filter, int limit)
{
    char *after = fh_xstrdup("");
    char *former = fh_xstrdup("");
    size_t n = 0;

    while (after) {
        char *target = fh_xasprintf("/v1/clients?limit=%d%s%s%s", limit,
                                    filter, *after ? "&after=" : "", after);
        json_t *page = ask(w, "GET", target, NULL, 200);
        json_t *next = json_object_get(page, "next");
        json_t *client;
        size_t i;

        json_array_foreach (json_object_get(page, "clients"), i, client) {
            char *key = fh_xasprintf(
                "%s %s",
                json_string_value(json_object_get(client, "address")),
                json_string_value(json_object_get(client, "segment")));

            assert_true(strcmp(key, former) > 0);
            free(former);
            former = key;
            n++;
        }
        assert_true(i <= limit);
        assert_true(i == limit || json_is_null(next));
        free(after);
        after = json_is_null(next) ? NULL : fh_xstrdup(
            json_string_value(next));
        json_decref(page);
        free(target);
    }
    free(former);
    return n;
}

static void
pages_hold_each_client_once(void **state)
{
    struct world *w = *state;

    add_many(w, 60);
    for (int limit = 1; limit < 9; limit++) {
        assert_int_equal(read_pages(w, "", limit), 123);
        assert_int_equal(read_pages(w, "&segment=metro", limit), 62);
        assert_int_equal(read_pages(w, "&state=active", limit), 1);
        assert_int_equal(read_pages(w, "&active=A", limit), 1);
        assert_int_equal(read_pages(w, "&active=B", limit), 0);
    }
    assert_int_equal(read_pages(w, "", 1000), 123);
}

static void
page_has_100_by_default_and_1000_at_most(void **state)
{
    struct world *w = *state;
    json_t *page;

    add_many(w, 60);
    page = ask(w, "GET", "/v1/clients", NULL, 200);
    assert_int_equal(json_array_size(json_object_get(page, "clients")), 100);
    json_decref(page);
    ask_only(w, "GET", "/v1/clients?limit=1000", NULL, 200);
    ask_only(w, "GET", "/v1/clients?limit=1001", NULL, 422);
    ask_only(w, "GET", "/v1/clients?limit=0", NULL, 422);
    ask_only(w, "GET", "/v1/clients?limit=99999999999999999999", NULL, 400);
}

static void
cursor_need_not_be_a_client(void **state)
{
    json_t *page = ask(*state, "GET", "/v1/clients?after=10.0.0.9", NULL,
                       200);

    assert_int_equal(json_array_size(json_object_get(page, "clients")), 3);
    json_decref(page);
    ask_only(*state, "GET", "/v1/clients?after=nobody", NULL, 400);
    ask_only(*state, "GET", "/v1/clients?after=10.0.0.9x", NULL, 400);
    ask_only(*state, "GET", "/v1/clients?after=10.0.0.9@nowhere", NULL, 404);
}

static void
segments_count_their_clients(void **state)
{
    assert_json(ask(*state, "GET", "/v1/segments", NULL, 200),
        "{\"segments\": [{\"name\": \"campus\", \"gateway\": \"10.0.0.1\","
        " \"prefixes\": [\"10.0.0.0/24\"], \"vlan\": [100],"
        " \"clients_pending\": 1, \"clients_active\": 0,"
        " \"clients_lost\": 0, \"routers\": [{\"router\": \"A\","
        " \"address\": \"10.0.0.2\", \"priority\": 100,"
        " \"clients_active\": 0, \"clients_reachable\": 0}],"
        " \"sweep\": null},"
        " {\"name\": \"metro\", \"gateway\": \"10.0.0.1\","
        " \"prefixes\": [\"10.0.0.0/24\", \"10.1.0.0/18\"], \"vlan\": [],"
        " \"clients_pending\": 1, \"clients_active\": 1,"
        " \"clients_lost\": 0, \"routers\": [{\"router\": \"A\","
        " \"address\": \"10.0.0.2\", \"priority\": 200,"
        " \"clients_active\": 1, \"clients_reachable\": 1},"
        " {\"router\": \"B\", \"address\": \"10.0.0.3\","
        " \"priority\": 100, \"clients_active\": 0,"
        " \"clients_reachable\": 0}], \"sweep\": null}]}");
}

static void
page_takes_nothing_from_elsewhere(void **state)
{
    static const char *const files[] = { "/", "/page.css", "/page.js" };

    for (size_t i = 0; i < 3; i++) {
        char *reply = ask_with(*state, "GET", files[i], "", NULL);

        assert_non_null(strstr(reply, "\r\nContent-Security-Policy: "
                               "default-src 'none'; script-src 'self';"));
        assert_non_null(strstr(reply, "X-Content-Type-Options: nosniff"));
        assert_null(strstr(reply_body(reply), "https://"));
        assert_null(strstr(reply_body(reply), "innerHTML"));
        assert_null(strstr(reply_body(reply), " style="));
        free(reply);
    }
}

/* Usage. */

static void
usage_tells_what_was_counted(void **state)
{
    struct world *w = *state;
    struct client *c = clients_at(engine_clients(w->en), 0);

    assert_json(ask(w, "GET", "/v1/usage?limit=1", NULL, 200),
        "{\"clients\": [{\"address\": \"10.0.0.10\","
        " \"segment\": \"metro\", \"active\": \"A\","
        " \"from_client\": {\"packets\": 0, \"bytes\": 0},"
        " \"to_client\": {\"packets\": 0, \"bytes\": 0},"
        " \"read\": null}], \"next\": \"10.0.0.10\"}");
    c->usage = fh_xcalloc(1, sizeof *c->usage);
    usage_read(c->usage, 10, 7, USAGE_FROM_CLIENT,
               (struct usage_count) { 3, 300 });
    usage_read(c->usage, 10, 7, USAGE_TO_CLIENT,
               (struct usage_count) { 4, INT64_MAX });
    c->usage->read_ms = API_UNIX_MS;
    assert_json(ask(w, "GET", "/v1/clients/10.0.0.10/usage", NULL, 200),
        "{\"address\": \"10.0.0.10\","
        " \"segment\": \"metro\", \"active\": \"A\","
        " \"from_client\": {\"packets\": 3, \"bytes\": 300},"
        " \"to_client\": {\"packets\": 4,"
        " \"bytes\": 9223372036854775807},"
        " \"read\": \"2026-11-23T04:00:00.123Z\"}");
}

/* Exposure. */

/* Makes the first 'n' clients active on A, and B reach every other one. */
static void
make_active(struct engine *en, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct client *c = clients_at(engine_clients(en), i);

        c->active = 0;
        c->state = CLIENT_ACTIVE;
        c->reaches[0].state = REACH_UP;
        if (c->n_reaches > 1 && i % 2) {
            c->reaches[1].state = REACH_UP;
        }
    }
}

static void
exposure_tells_who_would_be_cut_off(void **state)
{
    struct world *w = *state;

    api_engine_set_connected(w->engine, "B", true);
    clients_at(engine_clients(w->en), 0)->reaches[1].state = REACH_DOWN;
    make_active(w->en, 3);      /* .10 metro; .11 campus; .11 metro */
    clients_at(engine_clients(w->en), 2)->reaches[1].state = REACH_UP;
    assert_json(ask(w, "GET", "/v1/exposure?router=A", NULL, 200),
        "{\"router\": \"A\", \"clients_active\": 3,"
        " \"clients_cut_off\": 2, \"clients_without_spare\": 1,"
        " \"moves\": [{\"to\": \"B\", \"clients\": 1}],"
        " \"clients\": [{\"address\": \"10.0.0.10\","
        " \"segment\": \"metro\","
        " \"reason\": \"no other router reaches it\"},"
        " {\"address\": \"10.0.0.11\", \"segment\": \"campus\","
        " \"reason\": \"its segment has no other router\"}],"
        " \"next\": null}");
    assert_json(ask(w, "GET", "/v1/exposure?router=B", NULL, 200),
        "{\"router\": \"B\", \"clients_active\": 0,"
        " \"clients_cut_off\": 0, \"clients_without_spare\": 0,"
        " \"moves\": [], \"clients\": [], \"next\": null}");
    assert_json(ask(w, "GET", "/v1/exposure?limit=1", NULL, 200),
        "{\"clients_known\": 3, \"clients_exposed\": 2,"
        " \"clients_unreached\": 0,"
        " \"routers\": [{\"router\": \"A\", \"clients\": 2}],"
        " \"clients\": [{\"address\": \"10.0.0.10\","
        " \"segment\": \"metro\", \"router\": \"A\"}],"
        " \"next\": \"10.0.0.10\"}");
    assert_json(ask(w, "GET", "/v1/exposure?limit=1&after=10.0.0.10", NULL,
                    200),
        "{\"clients_known\": 3, \"clients_exposed\": 2,"
        " \"clients_unreached\": 0,"
        " \"routers\": [{\"router\": \"A\", \"clients\": 2}],"
        " \"clients\": [{\"address\": \"10.0.0.11\","
        " \"segment\": \"campus\", \"router\": \"A\"}],"
        " \"next\": null}");
}

static void
add_crowd(struct world *w, int n)
{
    for (int i = 0; i < n; i++) {
        char address[24];

        snprintf(address, sizeof address, "10.1.%d.%d", i / 250, i % 250 + 1);
        api_engine_add(w->engine, address, "metro");
    }
}

static void
exposure_looks_at_all_clients_a_few_at_a_time(void **state)
{
    static const char question[] = "GET /v1/exposure HTTP/1.1\r\n"
                                   "Host: x\r\n\r\n";
    struct world *w = *state;
    struct peer peer;
    json_t *json;

    api_engine_set_connected(w->engine, "B", true);
    add_crowd(w, 9997);
    make_active(w->en, 10000);
    json = ask(w, "GET", "/v1/exposure?router=A&limit=1000", NULL, 200);
    assert_json(json_incref(json_object_get(json, "clients_active")),
                "10000");
    assert_int_equal(json_array_size(json_object_get(json, "clients")),
                     1000);
    json_decref(json);

    /* One that goes away meanwhile is forgotten. */
    peer_open(&peer, w->base, w->path);
    assert_int_equal(send(peer.fd, question, strlen(question), 0),
                     strlen(question));
    for (int i = 0; i < 100000 && !w->api->n_walks; i++) {
        event_base_loop(w->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    }
    assert_int_equal(w->api->n_walks, 1);
    peer_close(&peer);
    run_until(w->base, has_no_connection, w->api);
    assert_int_equal(w->api->n_walks, 0);
}

/* Metrics. */

static void
metrics_have_help_and_type_and_are_unique(void **state)
{
    char *reply = ask_with(*state, "GET", "/metrics", "", NULL);
    char *save = NULL;
    char former[128] = "", name[128];
    const char *const wanted[] = {
        "\nfirsthop_clients{state=\"active\"} 1\n",
        "\nfirsthop_router_connected{router=\"A\"} 1\n",
        "\nfirsthop_router_connected{router=\"B\"} 0\n",
        "\nfirsthop_loop_lag_seconds_bucket{le=\"0.001\"} 0\n",
        "\nfirsthop_loop_lag_seconds_bucket{le=\"+Inf\"} 0\n",
        "\nfirsthop_client_moves_total{cause=\"port_down\"} 0\n",
        "\nfirsthop_openflow_messages_total{direction=\"in\"} 7\n",
        "\nfirsthop_segment_clients{segment=\"metro\"} 2\n",
    };

    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        if (!strstr(reply, wanted[i])) {
            print_message("missing: %s", wanted[i]);
        }
        assert_non_null(strstr(reply, wanted[i]));
    }
    for (char *line = strtok_r((char *) reply_body(reply), "\n", &save);
         line; line = strtok_r(NULL, "\n", &save)) {
        if (sscanf(line, "# HELP %127s", name) == 1) {
            assert_string_not_equal(name, former);
            strcpy(former, name);
            line = strtok_r(NULL, "\n", &save);
            assert_int_equal(sscanf(line, "# TYPE %127s", name), 1);
            assert_string_equal(name, former);
        } else {
            assert_int_equal(strncmp(line, former, strlen(former)), 0);
        }
    }
    free(reply);
}

static void
paths_show_both_sides_of_a_pair(void **state)
{
    json_t *json = ask(*state, "GET", "/v1/paths", NULL, 200);
    json_t *expected = json_loads(
        "{\"paths\": [{\"segment\": \"metro\", \"routers\": [\"A\", \"B\"],"
        " \"access\": {\"state\": \"up\", \"since\": null, \"rtt_us\": 300,"
        " \"clients\": 0}, \"core\": {\"state\": \"lost\", \"since\":"
        " \"2026-11-23T04:00:00.123Z\", \"rtt_us\": null, \"clients\": 0}"
        "}]}", 0, NULL);

    assert_non_null(expected);
    assert_true(json_equal(json, expected));
    json_decref(json);
    json_decref(expected);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(other_methods_are_answered_with_405_and_allow),
        TEST(unknown_paths_are_answered_with_404),
        TEST(head_is_get_without_a_body),
        TEST(client_is_shown_as_the_contract_says),
        TEST(what_is_not_known_of_a_client_is_null),
        TEST(ambiguous_address_names_its_segments),
        TEST(router_is_shown_as_the_contract_says),
        TEST(paths_show_both_sides_of_a_pair),
        TEST(a_writer_has_what_it_changed_carried_out),
        TEST(draining_router_names_who_stays_behind),
        TEST(uplink_is_said_to_be_down_and_up),
        TEST(status_counts),
        TEST(explain_shows_the_candidates),
        TEST(explain_tells_the_last_move),
        TEST(move_tells_whether_there_was_anything_to_do),
        TEST(pages_hold_each_client_once),
        TEST(page_has_100_by_default_and_1000_at_most),
        TEST(cursor_need_not_be_a_client),
        TEST(segments_count_their_clients),
        TEST(page_takes_nothing_from_elsewhere),
        TEST(usage_tells_what_was_counted),
        TEST(exposure_tells_who_would_be_cut_off),
        TEST(exposure_looks_at_all_clients_a_few_at_a_time),
        TEST(metrics_have_help_and_type_and_are_unique),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
