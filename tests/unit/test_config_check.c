/* Values, keys and names of a configuration: what is accepted, and where each
 * mistake is reported. */
#include <config.h>

#include "controller/config/config.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/config_cases.h"

static void
kernel_routes_are_checked(void **state)
{
    static const struct test_case cases[] = {
        GOOD("/kernel", "{\"table\":4242,\"device\":\"eth0\"}"),
        { { { "/kernel", "{\"table\":4242,\"device\":\"eth0\"}" },
            { METRO "/upstream", "\"kernel\"" } }, { NULL } },
        BAD(METRO "/upstream", "\"kernel\""),      /* Without a table. */
        BAD_AT("/kernel", "{\"device\":\"eth0\"}", "/kernel/table"),
        BAD_AT("/kernel", "{\"table\":4242}", "/kernel/device"),
        BAD_AT("/kernel", "{\"table\":0,\"device\":\"eth0\"}",
               "/kernel/table"),
        BAD_AT("/kernel", "{\"table\":1,\"device\":\"0123456789abcdef\"}",
               "/kernel/device"),
        BAD_AT("/kernel", "{\"table\":1,\"device\":\"a/b\"}",
               "/kernel/device"),
    };

    RUN_CASES(cases);
}

#define DHCP(MORE) "{\"servers\":[\"198.51.100.67\"]" MORE "}"

static void
dhcp_is_checked(void **state)
{
    static const struct test_case cases[] = {
        GOOD(METRO "/dhcp", DHCP("")),
        GOOD(METRO "/dhcp", DHCP(",\"lease_clients\":false")),
        { { { METRO "/dhcp", DHCP("") }, { METRO "/learn", "\"dhcp\"" } },
          { NULL } },
        BAD_AT(METRO "/dhcp", "{}", METRO "/dhcp/servers"),
        BAD_AT(METRO "/dhcp", "{\"servers\":[]}", METRO "/dhcp/servers"),
        BAD_AT(METRO "/dhcp", "{\"servers\":[\"a\"]}",
               METRO "/dhcp/servers/0"),
        BAD_AT(METRO "/dhcp", "{\"servers\":[1]}", METRO "/dhcp/servers/0"),
        BAD_AT(METRO "/dhcp", "{\"servers\":[\"224.0.0.1\"]}",
               METRO "/dhcp/servers/0"),
        BAD_AT(METRO "/dhcp", DHCP(",\"x\":1"), METRO "/dhcp/x"),
        BAD_AT(METRO "/dhcp", DHCP(",\"lease_clients\":1"),
               METRO "/dhcp/lease_clients"),
        BAD(METRO "/learn", "\"dhcp\""),         /* Without servers. */
        { { { METRO "/dhcp", DHCP(",\"lease_clients\":false") },
            { METRO "/learn", "\"dhcp\"" } }, { METRO "/learn" } },
        BAD(METRO "/learn", "\"leases\""),
    };

    RUN_CASES(cases);
}

static void
wrong_types_are_refused(void **state)
{
    static const struct test_case cases[] = {
        BAD("/openflow", "[]"),
        BAD("/openflow/listen", "\"tcp:127.0.0.1:6653\""),
        BAD("/openflow/listen/0", "null"),
        BAD("/clients", "{}"),
        BAD("/clients/0", "\"10.0.0.10\""),
        BAD("/clients/0/address", "10"),
        BAD("/clients/0/mac", "null"),
        BAD("/routers/A/access_ports", "\"a-access\""),
        BAD("/routers/A/access_ports/0", "1"),
        BAD(A_UPLINK "/port", "1"),
        BAD(A_UPLINK "/vlan", "7"),
        BAD(METRO "/learn", "1"),
        BAD(METRO "/learn", "\"true\""),
        BAD(METRO "/prefixes", "\"10.0.0.0/24\""),
        BAD(METRO "/probe", "1000"),
        BAD(METRO "/probe/interval_ms", "1000.0"),
        BAD(METRO "/probe/interval_ms", "true"),
        BAD(METRO "/probe/interval_ms", "\"1000\""),
        BAD(METRO "/vlan", "{}"),
        { { { METRO "/vlan", "[100.0]" } }, { METRO "/vlan/0" } },
        BAD(METRO "/upstream", "null"),
        { { { "/routers", "[]" }, { "/segments", "{}" },
            { "/clients", "[]" } }, { "/routers" } },
    };

    RUN_CASES(cases);
}

static void
unknown_keys_are_refused_everywhere(void **state)
{
    static const struct test_case cases[] = {
        BAD("/x", "1"),
        BAD_AT("/a~b", "1", "/a~0b"),
        BAD("/", "1"),
        BAD("/openflow/x", "1"),
        BAD("/routers/A/x", "1"),
        BAD(A_UPLINK "/x", "1"),
        BAD(METRO "/x", "1"),
        BAD(METRO "/routers/A/x", "1"),
        BAD(METRO "/probe/x", "1"),
        BAD(METRO "/election/x", "1"),
        BAD(METRO "/limits/x", "1"),
        BAD("/clients/0/x", "1"),
        { { { METRO "/bgp", "{\"x\": 1}" } }, { METRO "/bgp/x" } },
        { { { METRO "/routers/A/uplink", "{\"x\": 1}" } },
          { METRO "/routers/A/uplink/x" } },
        { { { "/bgp",
              "{\"api_in\":\"/a\",\"api_out\":\"/b\",\"x\":1}" } },
          { "/bgp/x" } },
        { { { "/api",
              "{\"listen\":\"127.0.0.1:1\",\"token_file\":\"/b\",\"x\":1}" }
          }, { "/api/x" } },
        { { { "/cores", "{\"K\":{\"datapath_id\":\"00000000000000cc\","
              "\"ports\":{\"A\":\"k-a\"},\"x\":1}}" } }, { "/cores/K/x" } },
    };

    RUN_CASES(cases);
}

static void
unknown_key_is_told_what_it_resembles(void **state)
{
    static const char close_by[] = "{\"segment\": {}}";
    static const char far[] = "{\"rougher\": {}}";

    assert_first_error(close_by, strlen(close_by), "/segment",
                       "did you mean \"segments\"?");
    assert_first_error(far, strlen(far), "/rougher", "unknown key");

    struct config_errors errors = { NULL, 0, 0, 0 };
    assert_null(config_parse(far, strlen(far), &errors, NULL));
    assert_string_equal(errors.items[0].text, "unknown key");
    config_errors_destroy(&errors);
}

#define CLUSTER(NAME, ADDRESS, PEERS, DATABASE) \
    "{ \"name\": \"" NAME "\", \"address\": \"" ADDRESS "\", \"peers\": [" \
    PEERS "], \"database\": \"" DATABASE "\" }"

static void
missing_keys_are_named(void **state)
{
    static const struct test_case cases[] = {
        BAD("/routers/A/datapath_id", NULL),
        BAD("/routers/A/mac", NULL),
        BAD("/routers/A/access_ports", NULL),
        BAD("/routers/A/uplink", NULL),
        BAD(A_UPLINK "/port", NULL),
        BAD(A_UPLINK "/address", NULL),
        BAD(A_UPLINK "/next_hop", NULL),
        BAD(METRO "/gateway", NULL),
        BAD(METRO "/prefixes", NULL),
        BAD(METRO "/routers", NULL),
        BAD(METRO "/routers/A/address", NULL),
        BAD("/clients/0/address", NULL),
        BAD("/clients/0/segment", NULL),
        { { { "/api", "{}" } }, { "/api/listen", "/api/token_file" } },
        { { { "/bgp", "{}" } }, { "/bgp/api_in", "/bgp/api_out" } },
        { { { "/tls", "{}" } },
          { "/tls/key", "/tls/certificate", "/tls/ca" } },
        { { { "/cores", "{\"K\": {}}" } },
          { "/cores/K/datapath_id", "/cores/K/ports" } },
        { { { "/cluster", "{}" } },
          { "/cluster/address", "/cluster/database", "/cluster/name",
            "/cluster/peers" } },
    };

    RUN_CASES(cases);
}

static void
names_are_fit_for_urls(void **state)
{
    static const char n64[] = "/segments/"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    static const char n65[] = "/segments/"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    static const char segment[] = SEGMENT("10.9.0.1", "10.9.0.0/24",
                                          ON_A("10.9.0.2"));
    struct test_case cases[] = {
        GOOD("/segments/a.B_c-9", segment),
        GOOD(n64, segment),
        BAD(n65, segment),
        BAD("/segments/", segment),
        BAD("/segments/.", segment),
        BAD("/segments/..", segment),
        BAD("/segments/a b", segment),
        BAD("/segments/\xc3\xa4", segment),
        BAD_AT("/segments/a~b", segment, "/segments/a~0b"),
        BAD("/routers/a b", ROUTER_C),
        BAD("/routers/\n", ROUTER_C),
    };

    RUN_CASES(cases);
}

static void
bad_values_are_refused_where_they_are(void **state)
{
    static const struct test_case cases[] = {
        BAD("/openflow/listen/0", "\"tcp:127.0.0.1\""),
        BAD("/openflow/listen/0", "\"tcp:127.0.0.1:0\""),
        GOOD("/openflow/listen/0", "\"tcp:127.0.0.1:65535\""),
        BAD("/openflow/listen/0", "\"tcp:127.0.0.1:65536\""),
        BAD("/openflow/listen/0", "\"tcp:127.0.0.1:+1\""),
        BAD("/openflow/listen/0", "\"tcp:localhost:6653\""),
        BAD("/openflow/listen/0", "\"udp:127.0.0.1:6653\""),
        GOOD("/openflow/listen/0", "\"tcp:[::]:6653\""),
        BAD("/openflow/listen/0", "\"tcp:::6653\""),
        BAD("/openflow/listen/0", "\"tcp:[::6653\""),
        BAD("/openflow/listen/0", "\"tcp:[]:6653\""),
        GOOD("/openflow/listen/0", "\"unix:/run/of.sock\""),
        BAD("/openflow/listen/0", "\"unix:of.sock\""),
        BAD("/openflow/listen/0", "\"unix:\""),
        BAD_AT("/openflow/listen/-", "\"tcp:127.0.0.1:6653\"",
               "/openflow/listen/1"),
        BAD("/openflow/listen/0", "\"ssl:127.0.0.1:6653\""),    /* No "tls". */
        BAD("/routers/A/connect", "\"ssl:192.0.2.7:6654\""),
        BAD_AT("/tls", "{ \"key\": \"k\", \"certificate\": \"/c\","
               " \"ca\": \"/a\" }", "/tls/key"),
        GOOD("/tls", "{ \"key\": \"/k\", \"certificate\": \"/c\","
             " \"ca\": \"/a\" }"),
        GOOD("/cluster", CLUSTER("n-1", "192.0.2.1:6650", "\"[2001:db8::1]:1\"",
                                 "tcp:192.0.2.1:6641,unix:/run/db.sock")),
        GOOD("/cluster", CLUSTER("n-1", "192.0.2.1:6650", "\"192.0.2.2:1\"",
                                 "tcp:192.0.2.1:6641\", \"shard\": \"north")),
        BAD_AT("/cluster", CLUSTER("n-1", "192.0.2.1:1", "\"192.0.2.2:1\"",
                                   "tcp:192.0.2.1:1\", \"shard\": \"n 1"),
               "/cluster/shard"),
        BAD_AT("/cluster", CLUSTER("n 1", "192.0.2.1:6650", "\"192.0.2.2:1\"",
                                   "tcp:192.0.2.1:6641"), "/cluster/name"),
        BAD_AT("/cluster", CLUSTER("n", "192.0.2.1", "\"192.0.2.2:1\"",
                                   "tcp:192.0.2.1:6641"), "/cluster/address"),
        BAD_AT("/cluster", CLUSTER("n", "192.0.2.1:1", "\"192.0.2.1:1\"",
                                   "tcp:192.0.2.1:6641"), "/cluster/peers"),
        BAD_AT("/cluster", CLUSTER("n", "192.0.2.1:1", "\"here:1\"",
                                   "tcp:192.0.2.1:6641"), "/cluster/peers/0"),
        BAD_AT("/cluster", CLUSTER("n", "192.0.2.1:1", "",
                                   "tcp:192.0.2.1:6641"), "/cluster/peers"),
        BAD_AT("/cluster", CLUSTER("n", "192.0.2.1:1", "\"192.0.2.2:1\"",
                                   "tcp:192.0.2.1:6641,x"),
               "/cluster/database"),
        BAD_AT("/cluster", CLUSTER("n", "192.0.2.1:1", "\"192.0.2.2:1\"", ","),
               "/cluster/database"),
        BAD_AT("/cluster", CLUSTER("n", "192.0.2.1:1", "\"192.0.2.2:1\"",
                                   "ssl:192.0.2.1:6641"),      /* No "tls". */
               "/cluster/database"),
        GOOD("/routers/A/common_name", "\"br-a\""),
        BAD("/routers/A/common_name", "\"\""),
        BAD("/routers/A/common_name", "\"12345678901234567890123456789012"
            "345678901234567890123456789012345\""),
        GOOD("/routers/A/connect", "\"tcp:192.0.2.7:6654\""),
        BAD("/routers/A/connect", "\"192.0.2.7:6654\""),
        BAD("/routers/A/connect", "\"\""),
        BAD("/routers/A/datapath_id", "\"0000000000000000\""),
        BAD("/routers/A/datapath_id", "\"a\""),
        BAD("/routers/A/datapath_id", "\"00000000000000000a\""),
        BAD("/routers/A/datapath_id", "\"00000000000000zz\""),
        BAD("/routers/A/mac", "\"03:00:00:00:00:0a\""),
        BAD("/routers/A/mac", "\"00:00:00:00:00:00\""),
        BAD("/routers/A/mac", "\"ff:ff:ff:ff:ff:ff\""),
        BAD("/routers/A/mac", "\"02-00\""),
        BAD("/routers/A/access_ports", "[]"),
        BAD("/routers/A/access_ports/0", "\"\""),
        BAD("/routers/A/access_ports/0", "\"a b\""),
        GOOD("/routers/A/access_ports/0", "\"a23456789012345\""),
        BAD("/routers/A/access_ports/0", "\"a234567890123456\""),
        BAD_AT("/routers/A/access_ports/-", "\"a-access\"",
               "/routers/A/access_ports/1"),
        BAD(A_UPLINK "/port", "\"a-access\""),
        BAD(A_UPLINK "/address", "\"192.0.2.2\""),
        BAD(A_UPLINK "/address", "\"192.0.2.2/33\""),
        BAD(A_UPLINK "/address", "\"192.0.2.2/32\""),
        BAD(A_UPLINK "/address", "\"192.0.2.0/24\""),
        BAD(A_UPLINK "/address", "\"192.0.2.255/24\""),
        BAD(A_UPLINK "/address", "\"224.0.0.5/24\""),
        /* A /31 has two hosts and nothing else, RFC 3021. */
        { { { A_UPLINK "/address", "\"198.51.100.0/31\"" },
            { A_UPLINK "/next_hop", "\"198.51.100.1\"" } }, { NULL } },
        { { { A_UPLINK "/address", "\"198.51.100.0/30\"" },
            { A_UPLINK "/next_hop", "\"198.51.100.3\"" } },
          { A_UPLINK "/address", A_UPLINK "/next_hop" } },
        BAD(A_UPLINK "/next_hop", "\"192.0.3.1\""),
        BAD(A_UPLINK "/next_hop", "\"192.0.2.2\""),
        BAD(A_UPLINK "/next_hop", "\"192.0.2.0\""),
        BAD(A_UPLINK "/next_hop", "\"192.0.2.255\""),
        BAD(A_UPLINK "/next_hop", "\"127.0.0.1\""),
        BAD(METRO "/gateway", "\"0.0.0.0\""),
        BAD(METRO "/gateway", "\"10.0.0.01\""),
        BAD(METRO "/gateway", "\"10.0.0.0\""),
        BAD(METRO "/gateway", "\"10.0.0.255\""),
        BAD(METRO "/gateway", "\"255.255.255.255\""),
        BAD(METRO "/prefixes", "[]"),
        BAD(METRO "/prefixes/0", "\"10.0.0.1/24\""),
        BAD(METRO "/prefixes/0", "\"10.0.0.0\""),
        BAD(METRO "/prefixes/0", "\"0.0.0.0/0\""),
        BAD(METRO "/prefixes/0", "\"224.0.0.0/8\""),
        GOOD(METRO "/prefixes/0", "\"10.0.0.0/8\""),
        BAD_AT(METRO "/prefixes/-", "\"10.0.0.64/26\"", METRO "/prefixes/1"),
        BAD_AT(METRO "/prefixes/-", "\"10.0.0.0/24\"", METRO "/prefixes/1"),
        BAD_AT(METRO "/prefixes/-", "\"10.0.0.255/32\"", METRO "/prefixes/1"),
        BAD_AT(METRO "/prefixes/-", "\"10.0.0.0/32\"", METRO "/prefixes/1"),
        GOOD(METRO "/prefixes/-", "\"10.0.1.0/24\""),
        GOOD(METRO "/prefixes/-", "\"9.255.255.255/32\""),
        BAD(METRO "/routers/A/address", "\"10.0.0.1\""),
        BAD(METRO "/routers/A/address", "\"10.0.0.0\""),
        BAD_AT(METRO "/routers/A/address", "\"10.0.0.3\"",
               METRO "/routers/B/address"),
        BAD(METRO "/proxy_arp", "\"none\""),
        GOOD(METRO "/proxy_arp", "\"gateway\""),
        GOOD(METRO "/upstream", "\"none\""),
        BAD(METRO "/upstream", "\"ospf\""),
        BAD(METRO "/upstream", "\"bgp\""),
        BAD(METRO "/upstream", "\"core\""),
        BAD("/clients/0/address", "\"10.0.1.10\""),
        BAD("/clients/0/address", "\"10.0.0.1\""),
        BAD("/clients/0/address", "\"10.0.0.2\""),
        BAD("/clients/0/address", "\"10.0.0.255\""),
        BAD("/clients/0/segment", "\"rural\""),
        BAD("/clients/0/mac", "\"02:00:00:00:00:0a\""),
        BAD("/clients/0/mac", "\"01:00:00:00:00:0a\""),
        { { { "/segments/metro/routers/Z", "{\"address\":\"10.0.0.4\"}" } },
          { METRO "/routers/Z" } },
        { { { "/clients/-", "{\"address\":\"10.0.0.10\","
                            "\"segment\":\"metro\"}" } },
          { "/clients/1/address" } },
        BAD(METRO "/routers", "{}"),
    };

    RUN_CASES(cases);
}

static void
numbers_keep_their_bounds(void **state)
{
    static const struct test_case cases[] = {
        BAD("/openflow/echo_interval_ms", "9"),
        GOOD("/openflow/echo_interval_ms", "10"),
        GOOD("/openflow/echo_interval_ms", "60000"),
        BAD("/openflow/echo_interval_ms", "60001"),
        BAD("/openflow/dead_after_ms", "19"),
        GOOD("/openflow/dead_after_ms", "20"),
        GOOD("/openflow/dead_after_ms", "600000"),
        BAD("/openflow/dead_after_ms", "600001"),
        { { { "/openflow/dead_after_ms", "500" },
            { "/openflow/echo_interval_ms", "500" } },
          { "/openflow/dead_after_ms" } },
        GOOD(METRO "/beacon/interval_ms", "0"),
        GOOD(METRO "/beacon/interval_ms", "5"),
        BAD(METRO "/beacon/interval_ms", "4"),
        BAD(METRO "/beacon/interval_ms", "60001"),
        BAD(METRO "/beacon/misses", "0"),
        BAD(METRO "/beacon/x", "1"),
        BAD(METRO "/probe/interval_ms", "0"),
        BAD(METRO "/probe/interval_ms", "-1"),
        BAD(METRO "/probe/interval_ms", "9"),
        { { { METRO "/probe", "{\"interval_ms\":10}" } }, { NULL } },
        GOOD(METRO "/probe/interval_ms", "3600000"),
        BAD(METRO "/probe/interval_ms", "3600001"),
        BAD(METRO "/probe/interval_ms", "9223372036854775807"),
        BAD(METRO "/probe/retry_ms", "0"),
        GOOD(METRO "/probe/retry_ms", "1"),
        GOOD(METRO "/probe/retry_ms", "1000"),
        BAD(METRO "/probe/retry_ms", "1001"),
        GOOD(METRO "/probe/retries", "0"),
        GOOD(METRO "/probe/retries", "10"),
        BAD(METRO "/probe/retries", "11"),
        GOOD(METRO "/routers/A/priority", "0"),
        GOOD(METRO "/routers/A/priority", "65535"),
        BAD(METRO "/routers/A/priority", "65536"),
        GOOD(METRO "/election/hold_down_ms", "0"),
        GOOD(METRO "/election/hold_down_ms", "86400000"),
        BAD(METRO "/election/hold_down_ms", "86400001"),
        GOOD(METRO "/limits/learned", "0"),
        BAD(METRO "/limits/learned", "1000001"),
        GOOD(METRO "/limits/learned_per_port", "1000000"),
        BAD(METRO "/limits/learned_per_port", "1000001"),
        BAD(METRO "/limits/requests_per_s", "0"),
        GOOD(METRO "/limits/requests_per_s", "1"),
        BAD(METRO "/limits/requests_per_s", "1000001"),
        GOOD(METRO "/withdraw_after_ms", "0"),
        GOOD(METRO "/withdraw_after_ms", "604800000"),
        BAD(METRO "/withdraw_after_ms", "604800001"),
        BAD(METRO "/age_s", "0"),
        GOOD(METRO "/age_s", "2592000"),
        BAD(METRO "/age_s", "2592001"),
        { { { A_UPLINK "/watch", "{\"interval_ms\":99}" } },
          { A_UPLINK "/watch/interval_ms" } },
        { { { A_UPLINK "/watch", "{\"interval_ms\":100}" } },
          { NULL } },
        { { { A_UPLINK "/watch", "{\"interval_ms\":60001}" } },
          { A_UPLINK "/watch/interval_ms" } },
        { { { A_UPLINK "/watch", "{\"misses\":0}" } },
          { A_UPLINK "/watch/misses" } },
        { { { A_UPLINK "/watch", "{\"misses\":1}" } },
          { NULL } },
        { { { A_UPLINK "/watch", "{\"x\":1}" } },
          { A_UPLINK "/watch/x" } },
        BAD(A_UPLINK "/mtu", "575"),
        GOOD(A_UPLINK "/mtu", "65535"),
        BAD(A_UPLINK "/mtu", "65536"),
        { { { METRO "/bgp", "{\"local_preference\":4294967295}" } },
          { NULL } },
        { { { METRO "/bgp", "{\"local_preference\":4294967296}" } },
          { METRO "/bgp/local_preference" } },
    };

    RUN_CASES(cases);
}

static void
what_is_a_controller_s_own_is_not_shared(void **state)
{
    json_t *mine = json_pack("{s:{}, s:{s:s}, s:{s:i}}", "routers", "tls",
                             "key", "/mine", "segments", "x", 1);
    json_t *theirs = json_pack("{s:{}, s:{s:s}, s:{s:i}, s:{}}", "routers",
                               "tls", "key", "/theirs", "segments", "x", 2,
                               "kernel");
    json_t *shared = config_shared_part(theirs);
    json_t *both = config_with_own_part(theirs, mine);

    assert_int_equal(json_object_size(shared), 2);
    assert_null(json_object_get(both, "kernel"));
    assert_string_equal("/mine", json_string_value(
        json_object_get(json_object_get(both, "tls"), "key")));
    assert_int_equal(2, json_integer_value(
        json_object_get(json_object_get(both, "segments"), "x")));
    json_decref(mine);
    json_decref(theirs);
    json_decref(shared);
    json_decref(both);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernel_routes_are_checked),
        cmocka_unit_test(dhcp_is_checked),
        cmocka_unit_test(wrong_types_are_refused),
        cmocka_unit_test(unknown_keys_are_refused_everywhere),
        cmocka_unit_test(unknown_key_is_told_what_it_resembles),
        cmocka_unit_test(missing_keys_are_named),
        cmocka_unit_test(what_is_a_controller_s_own_is_not_shared),
        cmocka_unit_test(names_are_fit_for_urls),
        cmocka_unit_test(bad_values_are_refused_where_they_are),
        cmocka_unit_test(numbers_keep_their_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
