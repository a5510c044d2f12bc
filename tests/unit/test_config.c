/* The configuration as it is read: its values, its defaults, what is kept of
 * it, and what its manual says. */
#include <config.h>

#include "controller/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "controller/config/config_ask.h"

#include <firsthop/buf.h>

#include "tests/unit/config_cases.h"

static struct config *
parse_good(const char *text)
{
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct config *config = config_parse(text, strlen(text), &errors, NULL);

    if (!config) {
        print_errors(&errors);
        fail_msg("%s: refused", text);
    }
    return config;
}

static void
example_is_read_whole(void **state)
{
    char *text = read_source("controller/config/firsthop.example.json");
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct config_errors warnings = { NULL, 0, 0, 0 };
    struct config *config = config_parse(text, strlen(text), &errors,
                                         &warnings);
    char buf[FH_PREFIX_STRLEN];

    assert_non_null(config);
    assert_int_equal(warnings.n, 0);
    assert_int_equal(config->n_listens, 1);
    assert_string_equal(config->listens[0], "tcp:127.0.0.1:6653");

    assert_int_equal(config->n_routers, 2);
    const struct config_router *b = &config->routers[1];
    assert_string_equal(b->name, "B");
    assert_int_equal(b->dpid, 0xb);
    assert_string_equal(fh_mac_format(b->mac, buf), "02:00:00:00:00:0b");
    assert_int_equal(b->n_access_ports, 1);
    assert_string_equal(b->access_ports[0], "b-access");
    assert_string_equal(b->uplink.port, "b-uplink");
    assert_string_equal(fh_prefix_format(&b->uplink.address, buf),
                        "192.0.2.3/24");
    assert_string_equal(fh_addr_format(b->uplink.next_hop, buf), "192.0.2.1");
    assert_null(b->connect);

    assert_int_equal(config->n_segments, 1);
    const struct config_segment *metro = &config->segments[0];
    assert_string_equal(fh_addr_format(metro->gateway, buf), "10.0.0.1");
    assert_int_equal(metro->n_prefixes, 1);
    assert_string_equal(fh_prefix_format(&metro->prefixes[0], buf),
                        "10.0.0.0/24");
    assert_int_equal(metro->n_members, 2);
    assert_int_equal(metro->members[0].router, 0);
    assert_int_equal(metro->members[0].priority, 200);
    assert_string_equal(fh_addr_format(metro->members[1].address, buf),
                        "10.0.0.3");
    assert_string_equal(metro->members[1].uplink.port, "b-uplink");

    assert_int_equal(config->n_clients, 1);
    assert_int_equal(config->clients[0].segment, 0);
    assert_true(config->clients[0].has_mac);

    config_destroy(config);
    free(text);
}

/* The contract: the rest has the defaults that the example shows. */
static void
defaults_are_those_of_the_example(void **state)
{
    json_t *json = load_example();
    json_t *metro = json_object_get(json_object_get(json, "segments"),
                                    "metro");
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct config *full = config_from_json(json, &errors, NULL);
    static const char *const optional[] = {
        "vlan", "learn", "probe", "beacon", "election", "limits", "proxy_arp",
        "withdraw_after_ms", "upstream",
    };

    assert_non_null(full);
    json_t *less = json_deep_copy(json);
    metro = json_object_get(json_object_get(less, "segments"), "metro");
    for (size_t i = 0; i < sizeof optional / sizeof *optional; i++) {
        assert_int_equal(json_object_del(metro, optional[i]), 0);
    }
    json_object_del(less, "openflow");

    struct config *bare = config_from_json(less, &errors, NULL);
    assert_non_null(bare);
    const struct config_segment *f = &full->segments[0];
    const struct config_segment *b = &bare->segments[0];
    assert_true(fh_vlan_equal(&f->vlan, &b->vlan));
    assert_int_equal(f->learn, b->learn);
    assert_memory_equal(&f->probe, &b->probe, sizeof f->probe);
    assert_memory_equal(&f->beacon, &b->beacon, sizeof f->beacon);
    assert_int_equal(f->election.preempt, b->election.preempt);
    assert_int_equal(f->election.hold_down_ms, b->election.hold_down_ms);
    assert_memory_equal(&f->limits, &b->limits, sizeof f->limits);
    assert_int_equal(f->proxy_arp, b->proxy_arp);
    assert_int_equal(f->withdraw_after_ms, b->withdraw_after_ms);
    assert_int_equal(f->upstream, b->upstream);
    assert_string_equal(full->listens[0], bare->listens[0]);
    assert_int_equal(b->age_s, 300);
    assert_false(b->isolate);
    assert_int_equal(b->bgp.local_preference, 100);
    assert_int_equal(bare->echo_interval_ms, 1000);
    assert_int_equal(bare->dead_after_ms, 3000);
    assert_int_equal(bare->routers[0].uplink.mtu, 1500);
    assert_int_equal(bare->routers[0].uplink.watch.interval_ms, 3000);
    assert_int_equal(bare->routers[0].uplink.watch.misses, 3);

    config_destroy(full);
    config_destroy(bare);
    json_decref(json);
    json_decref(less);
}

static void
empty_object_is_an_empty_configuration(void **state)
{
    struct config *config = parse_good("{}");

    assert_int_equal(config->n_routers, 0);
    assert_int_equal(config->n_segments, 0);
    assert_int_equal(config->n_clients, 0);
    assert_int_equal(config->n_listens, 1);
    config_destroy(config);
}

static void
member_priority_defaults_to_100(void **state)
{
    json_t *json = load_example();
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct edit edit = { METRO "/routers/A/priority", NULL };

    apply_edit(json, &edit);
    struct config *config = config_from_json(json, &errors, NULL);
    assert_non_null(config);
    assert_int_equal(config->segments[0].members[0].priority, 100);
    config_destroy(config);
    json_decref(json);
}

static void
short_interval_shortens_the_default_retry(void **state)
{
    json_t *json = load_example();
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct edit edit = { METRO "/probe", "{\"interval_ms\": 50}" };

    apply_edit(json, &edit);
    struct config *config = config_from_json(json, &errors, NULL);
    assert_non_null(config);
    assert_int_equal(config->segments[0].probe.retry_ms, 50);
    config_destroy(config);
    json_decref(json);
}

static void
echo_times_keep_their_proportion(void **state)
{
    struct config *config;

    config = parse_good("{\"openflow\":{\"echo_interval_ms\":5000}}");
    assert_int_equal(config->dead_after_ms, 15000);
    config_destroy(config);
    config = parse_good("{\"openflow\":{\"dead_after_ms\":300}}");
    assert_int_equal(config->echo_interval_ms, 100);
    config_destroy(config);
    config = parse_good("{\"openflow\":{\"dead_after_ms\":9000}}");
    assert_int_equal(config->echo_interval_ms, 1000);
    config_destroy(config);
}

static void
own_uplink_inherits_what_it_leaves_out(void **state)
{
    json_t *json = load_example();
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct edit mtu = { A_UPLINK "/mtu", "9000" };
    struct edit watch = { A_UPLINK "/watch", "{\"interval_ms\": 200}" };
    struct edit edit = {
        METRO "/routers/A/uplink",
        "{\"vlan\": [7], \"next_hop\": \"192.0.2.9\","
        " \"watch\": {\"misses\": 5}}"
    };

    apply_edit(json, &mtu);
    apply_edit(json, &watch);
    apply_edit(json, &edit);
    struct config *config = config_from_json(json, &errors, NULL);
    assert_non_null(config);
    const struct config_member *member = &config->segments[0].members[0];
    char buf[FH_ADDR_STRLEN];
    assert_true(member->own_uplink);
    assert_string_equal(member->uplink.port, "a-uplink");
    assert_int_equal(member->uplink.mtu, 9000);
    assert_int_equal(member->uplink.watch.interval_ms, 200);
    assert_int_equal(member->uplink.watch.misses, 5);
    assert_int_equal(member->uplink.vlan.vids[0], 7);
    assert_string_equal(fh_addr_format(member->uplink.next_hop, buf),
                        "192.0.2.9");
    assert_int_equal(config->routers[0].uplink.vlan.n, 0);
    config_destroy(config);
    json_decref(json);
}

static void
clients_come_out_by_address(void **state)
{
    json_t *json = load_example();
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct edit edit = {
        "/clients",
        "[{\"address\":\"10.0.0.100\",\"segment\":\"metro\"},"
        "{\"address\":\"10.0.0.20\",\"segment\":\"metro\",\"vlan\":[5]}]"
    };
    char buf[FH_ADDR_STRLEN];

    apply_edit(json, &edit);
    struct config *config = config_from_json(json, &errors, NULL);
    assert_non_null(config);
    assert_string_equal(fh_addr_format(config->clients[0].address, buf),
                        "10.0.0.20");
    assert_true(config->clients[0].own_vlan);
    assert_int_equal(config->clients[0].vlan.vids[0], 5);
    assert_false(config->clients[1].own_vlan);
    assert_false(config->clients[1].has_mac);
    config_destroy(config);
    json_decref(json);
}

/* Fills '*out' from 'text' for 'address'.  Returns the pointer of the first
 * error, static, or NULL if there is none. */
static const char *
put_client(const char *address, const char *text, struct config_client *out)
{
    static char pointer[64];
    struct config_errors errors = { NULL, 0, 0, 0 };
    json_t *example = load_example();
    struct edit edit = {
        "/segments/other", SEGMENT("10.0.0.1", "10.0.0.0/24",
                                   "\"vlan\":[5]," ON_A("10.0.0.2"))
    };
    struct config *config;
    json_t *json = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    bool ok;

    apply_edit(example, &edit);
    config = config_from_json(example, &errors, NULL);
    assert_non_null(config);
    ok = config_client_from_json(config, address, json, out, &errors);
    assert_int_equal(ok, errors.n == 0);
    snprintf(pointer, sizeof pointer, "%s",
             ok ? "" : errors.items[0].pointer);
    config_errors_destroy(&errors);
    config_destroy(config);
    json_decref(example);
    json_decref(json);
    return ok ? NULL : pointer;
}

static void
api_client_is_checked_like_a_configured_one(void **state)
{
    static const struct { const char *address, *json, *pointer; } cases[] = {
        { "10.0.0.20", NULL, "" },
        { "10.0.0.20", "[]", "" },
        { "10.0.0.20", "{}", "/segment" },
        { "10.0.0.20", "{\"segment\":\"rural\"}", "/segment" },
        { "10.0.0.20", "{\"segment\":\"metro\",\"address\":\"10.0.0.20\"}",
          "/address" },
        { "x", "{\"segment\":\"metro\"}", "" },
        { "0.0.0.1", "{\"segment\":\"metro\"}", "" },
        { "10.0.1.20", "{\"segment\":\"metro\"}", "" },
        { "10.0.0.1", "{\"segment\":\"metro\"}", "" },
        { "10.0.0.3", "{\"segment\":\"metro\"}", "" },
        { "10.0.0.20", "{\"segment\":\"metro\",\"mac\":"
                       "\"02:00:00:00:00:0b\"}", "/mac" },
        { "10.0.0.20", "{\"segment\":\"metro\",\"vlan\":[0]}", "/vlan/0" },
        { "10.0.0.20", "{\"segment\":\"metro\",\"vlan\":[5]}", "" },
    };
    struct config_client client;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *pointer = put_client(cases[i].address, cases[i].json,
                                         &client);

        assert_non_null(pointer);
        assert_string_equal(pointer, cases[i].pointer);
    }

    assert_null(put_client("10.0.0.20", "{\"segment\":\"metro\"}", &client));
    assert_int_equal(client.segment, 0);
    assert_int_equal(client.vlan.n, 0);
    assert_null(put_client("10.0.0.20", "{\"segment\":\"metro\",\"mac\":"
                           "\"02:00:00:00:01:20\",\"vlan\":[6]}", &client));
    assert_true(client.has_mac);
    assert_true(client.own_vlan);
}

static void
json_is_kept_as_read(void **state)
{
    static const char text[] = "{\"openflow\": {\"listen\": []}}";
    struct config *config = parse_good(text);
    char *dump = json_dumps(config->json, 0);

    assert_string_equal(dump, text);
    assert_int_equal(config->n_listens, 0);
    free(dump);
    config_destroy(config);
}

static struct config *
parse_text(const char *text)
{
    struct config_errors errors = { .n = 0 };
    struct config *config = config_parse(text, strlen(text), &errors, NULL);

    assert_non_null(config);
    return config;
}

#define SAME_TEXT(CONNECT, MAC, PRIORITY, GATEWAY, INTERVAL)                 \
    "{ \"routers\": { \"A\": { \"datapath_id\": \"000000000000000a\","      \
    " \"mac\": \"02:00:00:00:00:" MAC "\", \"access_ports\": [\"a\"],"       \
    CONNECT " \"uplink\": { \"port\": \"u\", \"address\": \"192.0.2.2/24\"," \
    " \"next_hop\": \"192.0.2.1\" } } }, \"segments\": { \"metro\": {"       \
    " \"gateway\": \"" GATEWAY "\", \"prefixes\": [\"10.0.0.0/24\"],"      \
    " \"probe\": { \"interval_ms\": " INTERVAL " }, \"routers\": { \"A\": {" \
    " \"priority\": " PRIORITY ", \"address\": \"10.0.0.2\" } } } } }"

static void
what_is_the_same_over_a_reload(void **state)
{
    static const struct {
        const char *text;
        bool router, segment, followed;
    } cases[] = {
        { SAME_TEXT("", "0a", "100", "10.0.0.1", "1000"), true, true, true },
        { SAME_TEXT("\"connect\": \"tcp:192.0.2.9:6653\",", "0a", "100",
                    "10.0.0.1", "1000"), true, true, true },
        { SAME_TEXT("", "0b", "100", "10.0.0.1", "1000"), false, true, true },
        { SAME_TEXT("", "0a", "200", "10.0.0.1", "1000"), true, false, true },
        { SAME_TEXT("", "0a", "100", "10.0.0.1", "500"), true, false, true },
        { SAME_TEXT("", "0a", "100", "10.0.0.9", "1000"), true, false,
          false },
        { "{}", false, false, false },
    };
    struct config *was = parse_text(cases[0].text);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config *is = parse_text(cases[i].text);

        assert_int_equal(config_is_same_router(was, is, "A"),
                         cases[i].router);
        assert_int_equal(config_is_same_segment(was, is, "metro", true),
                         cases[i].segment);
        assert_int_equal(config_is_same_segment(was, is, "metro", false),
                         cases[i].followed);
        config_destroy(is);
    }
    config_destroy(was);
}

/* The manual has an entry ".It Cm KEY" for every key, and in it the key's
 * default and bounds. */
static void
manual_knows_every_key(void **state)
{
    char *manual = read_source("controller/config/firsthop.json.5");

    for (const struct config_object *object = config_objects; object->name;
         object++) {
        char *heading = fh_xasprintf(".\\\" object: %s\n", object->name);
        char *section = strstr(manual, heading);

        if (!section) {
            fail_msg("the manual has no section \"%s\"", object->name);
        }
        section += strlen(heading);
        const char *next = strstr(section, ".\\\" object:");
        size_t len = next ? (size_t) (next - section) : strlen(section);
        char *text = fh_xasprintf("%.*s", (int) len, section);

        for (const struct config_key *key = object->keys; key->name; key++) {
            char *item = fh_xasprintf(".It Cm %s\n", key->name);
            const char *entry = strstr(text, item);

            if (!entry) {
                fail_msg("the manual's section \"%s\" lacks \"%s\"",
                         object->name, key->name);
            }
            if (key->type == JSON_INTEGER) {
                char *bounds = fh_xasprintf(
                    "(integer, %u to %u; default %u)", key->min, key->max,
                    key->dflt);
                const char *end = strstr(entry + 1, ".It Cm ");
                const char *found = strstr(entry, bounds);

                if (!found || (end && found > end)) {
                    fail_msg("%s does not say %s", key->name, bounds);
                }
                free(bounds);
            }
            free(item);
        }
        free(text);
        free(heading);
    }
    free(manual);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example_is_read_whole),
        cmocka_unit_test(defaults_are_those_of_the_example),
        cmocka_unit_test(empty_object_is_an_empty_configuration),
        cmocka_unit_test(member_priority_defaults_to_100),
        cmocka_unit_test(short_interval_shortens_the_default_retry),
        cmocka_unit_test(echo_times_keep_their_proportion),
        cmocka_unit_test(own_uplink_inherits_what_it_leaves_out),
        cmocka_unit_test(clients_come_out_by_address),
        cmocka_unit_test(api_client_is_checked_like_a_configured_one),
        cmocka_unit_test(json_is_kept_as_read),
        cmocka_unit_test(what_is_the_same_over_a_reload),
        cmocka_unit_test(manual_knows_every_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
