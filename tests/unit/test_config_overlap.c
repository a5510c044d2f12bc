/* What parts of a configuration must not be to each other: addresses, tags
 * and names that collide, and what lacks its counterpart. */
#include <config.h>

#include "controller/config/config.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/unit/config_cases.h"

static void
upstreams_get_what_they_can_carry(void **state)
{
#define PIPES { "/bgp", "{\"api_in\": \"/a\", \"api_out\": \"/b\"}" }
#define CORE \
    { "/cores", "{\"K\": {\"datapath_id\": \"00000000000000cc\"," \
      "\"ports\": {\"A\": \"k-a\", \"B\": \"k-b\"}}}" }
#define RURAL(PREFIX, UPSTREAM) \
    { "/segments/rural", SEGMENT("10.0.0.1", PREFIX, "\"vlan\": [7]," \
      "\"upstream\": \"" UPSTREAM "\"," \
      "\"routers\": {\"A\": {\"address\": \"10.0.0.2\"}}") }
    static const struct test_case cases[] = {
        { { PIPES, { METRO "/upstream", "\"bgp\"" } }, { NULL } },
        { { PIPES, { METRO "/upstream", "\"bgp\"" },
            RURAL("10.0.0.0/24", "bgp") }, { "/segments/rural/prefixes/0" } },
        { { PIPES, { METRO "/upstream", "\"bgp\"" },
            RURAL("10.0.0.0/24", "arp") }, { NULL } },
        { { PIPES, { METRO "/upstream", "\"bgp\"" },
            RURAL("10.0.1.0/24", "bgp") }, { NULL } },
        { { CORE, { METRO "/upstream", "\"core\"" } }, { NULL } },
        { { CORE, { METRO "/upstream", "\"core\"" },
            { A_UPLINK "/vlan", "[200]" } }, { NULL } },
        { { CORE, { METRO "/upstream", "\"core\"" },
            { A_UPLINK "/vlan", "[200, 100]" } }, { METRO "/upstream" } },
        { { CORE, { METRO "/upstream", "\"core\"" },
            { METRO "/routers/Z",
              "{\"address\": \"10.0.0.9\", \"uplink\": {\"vlan\": [2, 1]}}" } },
          { METRO "/routers/Z" } },
    };

    RUN_CASES(cases);
}

static void
vlan_stacks_keep_their_bounds(void **state)
{
    static const struct test_case cases[] = {
        GOOD(METRO "/vlan", "[]"),
        GOOD(METRO "/vlan", "[1]"),
        GOOD(METRO "/vlan", "[4094, 4094]"),
        BAD(METRO "/vlan", "[1, 2, 3]"),
        BAD_AT(METRO "/vlan", "[0]", METRO "/vlan/0"),
        BAD_AT(METRO "/vlan", "[4095]", METRO "/vlan/0"),
        BAD_AT(METRO "/vlan", "[7, -1]", METRO "/vlan/1"),
        { { { METRO "/vlan", "[0, 4095]" } },
          { METRO "/vlan/0", METRO "/vlan/1" } },
        GOOD(A_UPLINK "/vlan", "[200, 100]"),
        BAD_AT(A_UPLINK "/vlan", "[0]", A_UPLINK "/vlan/0"),
        GOOD("/clients/0/vlan", "[9]"),
        BAD_AT("/clients/0/vlan", "[9, 0]", "/clients/0/vlan/1"),
    };

    RUN_CASES(cases);
}

static void
collisions_between_routers_are_refused(void **state)
{
    static const struct test_case cases[] = {
        BAD("/routers/B/datapath_id", "\"000000000000000a\""),
        BAD("/routers/B/mac", "\"02:00:00:00:00:0a\""),
        BAD("/routers/B/mac", "\"02:00:00:00:00:0A\""),
        BAD("/routers/B/uplink/address", "\"192.0.2.2/24\""),
        { { { "/routers/B/uplink/address", "\"192.0.2.2/24\"" },
            { "/routers/B/uplink/vlan", "[5]" } }, { NULL } },
        BAD("/routers/B/uplink/next_hop", "\"192.0.2.2\""),
        { { { "/cores", "{\"K\":{\"datapath_id\":\"000000000000000a\","
              "\"ports\":{\"A\":\"k-a\"}}}" } },
          { "/cores/K/datapath_id" } },
        { { { METRO "/routers/B/uplink",
              "{\"address\":\"192.0.2.2/24\"}" } },
          { METRO "/routers/B/uplink/address" } },
        { { { METRO "/routers/A/uplink",
              "{\"address\":\"192.0.2.2/25\"}" } },
          { METRO "/routers/A/uplink/address" } },
        { { { METRO "/routers/A/uplink", "{\"port\":\"a-access\"}" } },
          { METRO "/routers/A/uplink/port" } },
        { { { METRO "/routers/A/uplink", "{\"next_hop\":\"10.9.9.9\"}" } },
          { METRO "/routers/A/uplink/next_hop" } },
    };

    RUN_CASES(cases);
}

/* Segments that share a router and have the same tags are one network. */
static void
overlapping_segments_are_refused(void **state)
{
    static const struct test_case cases[] = {
        /* The same prefix. */
        { { { "/segments/other", SEGMENT("10.0.0.1", "10.0.0.0/24",
                                         ON_A("10.0.0.2")) } },
          { "/segments/other/prefixes/0" } },
        /* Inside, around. */
        { { { "/segments/other", SEGMENT("10.0.0.129", "10.0.0.128/25",
                                         ON_A("10.0.0.130")) } },
          { "/segments/other/prefixes/0" } },
        { { { "/segments/other", SEGMENT("10.0.1.1", "10.0.0.0/23",
                                         ON_A("10.0.1.2")) } },
          { METRO "/prefixes/0" } },
        /* Next to it. */
        { { { "/segments/other", SEGMENT("10.0.1.1", "10.0.1.0/24",
                                         ON_A("10.0.1.2")) } },
          { NULL } },
        /* Told apart by a tag, or by the router. */
        { { { "/segments/other", SEGMENT("10.0.0.1", "10.0.0.0/24",
                                         "\"vlan\":[5],"
                                         ON_A("10.0.0.2")) } },
          { NULL } },
        { { { METRO "/vlan", "[5, 6]" },
            { "/segments/other", SEGMENT("10.0.0.1", "10.0.0.0/24",
                                         "\"vlan\":[5],"
                                         ON_A("10.0.0.2")) } },
          { NULL } },
        { { { METRO "/vlan", "[5, 6]" },
            { "/segments/other", SEGMENT("10.0.0.1", "10.0.0.0/24",
                                         "\"vlan\":[5,6],"
                                         ON_A("10.0.0.2")) } },
          { "/segments/other/prefixes/0" } },
        { { { "/routers/C", ROUTER_C },
            { "/segments/other", SEGMENT("10.0.0.1", "10.0.0.0/24",
                                         ON_C("10.0.0.2")) } },
          { NULL } },
        /* By a client's own tags. */
        { { { "/segments/other", SEGMENT("10.0.0.1", "10.0.0.0/24",
                                         "\"vlan\":[5],"
                                         ON_A("10.0.0.2")) },
            { "/clients/0/vlan", "[5]" } },
          { "/clients/0/address" } },
        { { { "/segments/other", SEGMENT("10.0.0.1", "10.0.0.0/24",
                                         "\"vlan\":[5],"
                                         ON_A("10.0.0.2")) },
            { "/clients/0/vlan", "[6]" } },
          { NULL } },
        { { { "/clients/0/vlan", "[]" } }, { NULL } },
        /* An unreadable tag is one error, not two. */
        { { { "/segments/other", SEGMENT("10.0.0.1", "10.0.0.0/24",
                                         "\"vlan\":[0],"
                                         ON_A("10.0.0.2")) } },
          { "/segments/other/vlan/0" } },
        { { { METRO "/vlan", "[0]" },
            { "/segments/other", SEGMENT("10.0.0.10", "10.0.0.0/24",
                                         "\"vlan\":[0],"
                                         ON_A("10.0.0.3")) } },
          { METRO "/vlan/0", "/segments/other/vlan/0" } },
        /* Gateways and local addresses. */
        { { { "/segments/other", SEGMENT("10.0.1.1", "10.0.1.0/24",
                                         ON_A("10.0.0.3")) } },
          { "/segments/other/routers/A/address" } },
        { { { "/segments/other", SEGMENT("10.0.0.2", "10.0.1.0/24",
                                         ON_A("10.0.1.2")) } },
          { "/segments/other/gateway" } },
        { { { "/segments/other", SEGMENT("10.0.0.1", "10.0.1.0/24",
                                         ON_A("10.0.0.2")) } },
          { NULL } },
        { { { "/segments/other", SEGMENT("10.0.0.10", "10.0.1.0/24",
                                         ON_A("10.0.1.2")) } },
          { "/clients/0/address" } },
    };

    RUN_CASES(cases);
}

static void
overlap_names_both_places(void **state)
{
    json_t *json = load_example();
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct edit edit = { METRO "/prefixes/-", "\"10.0.0.64/26\"" };

    apply_edit(json, &edit);
    assert_null(config_from_json(json, &errors, NULL));
    assert_string_equal(errors.items[0].pointer, METRO "/prefixes/1");
    assert_non_null(strstr(errors.items[0].text, METRO "/prefixes/0"));
    config_errors_destroy(&errors);
    json_decref(json);
}

static void
overlap_on_two_shared_routers_is_said_once(void **state)
{
    static const struct test_case test = {
        { { "/segments/other",
            "{\"gateway\":\"10.0.0.1\",\"prefixes\":[\"10.0.0.0/24\"],"
            "\"routers\":{\"A\":{\"address\":\"10.0.0.2\"},"
            "\"B\":{\"address\":\"10.0.0.3\"}}}" } },
        { "/segments/other/prefixes/0" }
    };

    run_case(&test, false);
}

static void
questionable_is_accepted_with_a_warning(void **state)
{
    static const struct test_case cases[] = {
        BAD(METRO "/gateway", "\"10.7.0.1\""),
        BAD(METRO "/routers/A/address", "\"10.7.0.1\""),
        /* The core cannot tell two clients with one address apart... */
        { { { "/segments/other", SEGMENT("10.0.0.1", "10.0.0.0/24",
                                         "\"vlan\":[5],"
                                         ON_A("10.0.0.2")) } },
          { "/segments/other/prefixes/0" } },
        /* ...unless their uplinks are apart. */
        { { { "/segments/other",
              SEGMENT("10.0.0.1", "10.0.0.0/24",
                      "\"vlan\":[5],\"routers\":{\"A\":{\"address\":"
                      "\"10.0.0.2\",\"uplink\":{\"vlan\":[5]}}}") } },
          { NULL } },
        /* Both routers' uplinks are in there. */
        { { { METRO "/prefixes/-", "\"192.0.2.128/25\"" } },
          { METRO "/prefixes/1", METRO "/prefixes/1" } },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run_case(&cases[i], true);
    }
}

static void
upstream_needs_what_it_talks_to(void **state)
{
    static const char core[] =
        "{\"K\":{\"datapath_id\":\"00000000000000cc\","
        "\"ports\":{\"A\":\"k-a\",\"B\":\"k-b\"}}}";
    static const char half_core[] =
        "{\"K\":{\"datapath_id\":\"00000000000000cc\","
        "\"ports\":{\"A\":\"k-a\"}}}";
    static const char two_on_one_port[] =
        "{\"K\":{\"datapath_id\":\"00000000000000cc\","
        "\"ports\":{\"A\":\"k\",\"B\":\"k\"}}}";
    static const char unknown_router[] =
        "{\"K\":{\"datapath_id\":\"00000000000000cc\","
        "\"ports\":{\"Z\":\"k-z\"}}}";
    static const char fifos[] =
        "{\"api_in\":\"/run/exabgp.in\",\"api_out\":\"/run/exabgp.out\"}";
    struct test_case cases[] = {
        { { { METRO "/upstream", "\"core\"" }, { "/cores", core } },
          { NULL } },
        { { { METRO "/upstream", "\"core\"" }, { "/cores", half_core } },
          { METRO "/upstream" } },
        { { { "/cores", two_on_one_port } }, { "/cores/K/ports/B" } },
        { { { "/cores", unknown_router } }, { "/cores/K/ports/Z" } },
        { { { METRO "/upstream", "\"bgp\"" }, { "/bgp", fifos } },
          { NULL } },
        { { { "/bgp", "{\"api_in\":\"/a\",\"api_out\":\"/a\"}" } },
          { "/bgp/api_out" } },
        { { { "/bgp", "{\"api_in\":\"a\",\"api_out\":\"/a\"}" } },
          { "/bgp/api_in" } },
        { { { METRO "/bgp", "{\"community\":\"65000:100\"}" } }, { NULL } },
        { { { METRO "/bgp", "{\"community\":\"65536:1\"}" } },
          { METRO "/bgp/community" } },
        { { { METRO "/bgp", "{\"community\":\"1:2:3\"}" } },
          { METRO "/bgp/community" } },
        { { { METRO "/bgp", "{\"community\":\"1:\"}" } },
          { METRO "/bgp/community" } },
    };

    RUN_CASES(cases);
}

static void
api_listens_on_loopback_alone(void **state)
{
    static const struct test_case cases[] = {
        { { { "/api", "{\"listen\":\"127.0.0.1:8080\","
                      "\"token_file\":\"/etc/firsthop/token\"}" } },
          { NULL } },
        { { { "/api", "{\"listen\":\"[::1]:8080\","
                      "\"token_file\":\"/etc/firsthop/token\"}" } },
          { NULL } },
        { { { "/api", "{\"listen\":\"0.0.0.0:8080\","
                      "\"token_file\":\"/etc/firsthop/token\"}" } },
          { "/api/listen" } },
        { { { "/api", "{\"listen\":\"[::]:8080\","
                      "\"token_file\":\"/etc/firsthop/token\"}" } },
          { "/api/listen" } },
        { { { "/api", "{\"listen\":\"8080\","
                      "\"token_file\":\"/etc/firsthop/token\"}" } },
          { "/api/listen" } },
        { { { "/api", "{\"listen\":\"127.0.0.1:8080\"}" } },
          { "/api/token_file" } },
        { { { "/api", "{\"listen\":\"127.0.0.1:8080\","
                      "\"read_without_token\":true}" } },
          { NULL } },
        { { { "/api", "{\"listen\":\"127.0.0.1:8080\","
                      "\"read_without_token\":false}" } },
          { "/api/token_file" } },
        { { { "/api", "{\"token_file\":\"token\"}" } },
          { "/api/listen", "/api/token_file" } },
    };

    RUN_CASES(cases);
}

static void
many_mistakes_are_all_reported(void **state)
{
    static const struct test_case test = {
        { { "/x", "1" },
          { "/routers/A/mac", "\"01:00:00:00:00:0a\"" },
          { "/routers/B/datapath_id", "\"xyz\"" },
          { METRO "/gateway", "\"10.0.0.0\"" },
          { METRO "/probe/retries", "1000" },
          { "/clients/0/address", "\"10.0.0.2\"" } },
        { "/x", "/routers/A/mac", "/routers/B/datapath_id",
          METRO "/gateway", METRO "/probe/retries", "/clients/0/address" }
    };

    run_case(&test, false);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(upstreams_get_what_they_can_carry),
        cmocka_unit_test(vlan_stacks_keep_their_bounds),
        cmocka_unit_test(collisions_between_routers_are_refused),
        cmocka_unit_test(overlapping_segments_are_refused),
        cmocka_unit_test(overlap_names_both_places),
        cmocka_unit_test(overlap_on_two_shared_routers_is_said_once),
        cmocka_unit_test(questionable_is_accepted_with_a_warning),
        cmocka_unit_test(upstream_needs_what_it_talks_to),
        cmocka_unit_test(api_listens_on_loopback_alone),
        cmocka_unit_test(many_mistakes_are_all_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
