/* Frames come in to the engine: what it makes of them. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>

#include <cmocka.h>

#include "flows/flow_base.h"
#include "flows/icmp.h"
#include "tests/unit/rig.h"

#define C "10.0.0.10"
#define C_MAC "02:00:00:00:01:0a"
#define D_MAC "02:00:00:00:01:0b"

static struct rig *
two_routers(const char *segment)
{
    struct rig *rig = rig_create_connected(segment);

    rig_add_host(rig, C, C_MAC);
    return rig;
}

static struct rig *
one_client(const char *segment)
{
    struct rig *rig = two_routers(segment);

    rig_serve(rig, C, C_MAC);
    return rig;
}

/* Clients. */

static void
a_new_host_is_answered_once_it_is_served(void **state)
{
    struct rig *rig = two_routers(NULL);
    const char *said;

    rig_ask(rig, "B", C, C_MAC);
    assert_string_equal(rig_said(rig), "");
    rig_run(rig, 5);
    said = rig_said(rig);
    assert_non_null(strstr(said, "A adds "C" port 1\n"
                                 "route "C" by A\n"));
    assert_true(strstr(said, "A answers "C" for 10.0.0.1")
                > strstr(said, "route "C));
    assert_null(strstr(said, "B answers"));
    rig_end(rig);
}

static void
the_active_router_alone_answers(void **state)
{
    struct rig *rig = one_client(NULL);

    rig_ask(rig, "B", C, C_MAC);
    assert_string_equal(rig_said(rig), "");
    rig_ask(rig, "A", C, C_MAC);
    assert_string_equal(rig_said(rig), "A answers "C" for 10.0.0.1 to "C_MAC
                        " port 1\n");
    rig_end(rig);
}

static void
ask_for(struct rig *rig, const char *spa, const char *tpa)
{
    const struct rig_arp arp = { .router = "A", .port = RIG_ACCESS,
                                 .sha = C_MAC, .spa = spa, .tpa = tpa };

    rig_arp(rig, &arp);
}

static void
what_is_not_asked_of_us_is_not_answered(void **state)
{
    struct rig *rig = one_client(NULL);

    ask_for(rig, C, C);                 /* An announcement. */
    ask_for(rig, "0.0.0.0", "10.0.0.77");       /* An address probe. */
    ask_for(rig, C, "224.0.0.1");
    ask_for(rig, C, "0.0.0.0");
    assert_string_equal(rig_said(rig), "");
    ask_for(rig, C, "10.0.0.77");
    assert_non_null(strstr(rig_said(rig), "for 10.0.0.77 to"));
    rig_end(rig);
}

static void
neighbours_of_a_shared_lan_answer_for_themselves(void **state)
{
    struct rig *rig = one_client("{\"proxy_arp\": \"gateway\"}");

    ask_for(rig, C, "10.0.0.77");
    assert_string_equal(rig_said(rig), "");
    ask_for(rig, C, "8.8.8.8");
    assert_non_null(strstr(rig_said(rig), "for 8.8.8.8 to"));
    rig_end(rig);
}

static void
hosts_with_impossible_addresses_are_not_learnt(void **state)
{
    static const struct {
        const char *address;
        enum drop why;
    } cases[] = {
        { "10.0.1.10", DROP_OUTSIDE }, { "10.0.0.0", DROP_OUTSIDE },
        { "10.0.0.255", DROP_OUTSIDE }, { "10.0.0.1", DROP_OWN_ADDRESS },
        { "10.0.0.3", DROP_OWN_ADDRESS },
    };
    struct rig *rig = two_routers(NULL);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t before = rig_dropped(rig, cases[i].why);

        rig_ask(rig, "A", cases[i].address, D_MAC);
        assert_null(rig_client(rig, cases[i].address));
        assert_int_equal(rig_dropped(rig, cases[i].why), before + 1);
    }
    rig_end(rig);
}

/* Asking too much. */

/* So often, as A hears it by its access port: under that first tag. */
static void
ask_under(struct rig *rig, int n, const struct fh_vlan *vlan, const char *mac,
          const char *spa)
{
    struct arp arp = { .op = ARP_OP_REQUEST };
    uint8_t frame[ARP_FRAME_MAX];
    size_t len;

    assert_true(fh_mac_parse(mac, &arp.sha) && fh_addr_parse(spa, &arp.spa)
                && fh_addr_parse("10.0.0.1", &arp.tpa));
    len = arp_build(frame, fh_mac_broadcast(), vlan, &arp);
    while (n--) {
        rig_frame(rig, "A", RIG_ACCESS, 0, frame, len);
    }
}

#define MUTE(MAC) "priority=410 cookie=0xf1a5080000000000 hard_timeout=5 " \
                  "in_port=1 eth_src=" MAC " eth_type=0x0806 "

/* Limits of the segment: 1000 a second. */
static void
who_asks_too_much_is_not_heard_where_he_is(void **state)
{
    const struct fh_vlan v100 = { .n = 1, .vids = { 100 } };
    const struct fh_vlan v200 = { .n = 1, .vids = { 200 } };
    struct rig *rig = two_routers("{\"vlan\": [100]}");

    ask_under(rig, 500, &v100, C_MAC, C);
    assert_false(rig_holds(rig, "A", MUTE(C_MAC)));
    /* In a VLAN of his own somebody forges C's MAC. */
    ask_under(rig, 500 + TALKERS_SAMPLE, &v200, C_MAC, "10.0.0.66");
    assert_true(rig_holds(rig, "A", MUTE(C_MAC)"vlan=200 "));
    assert_false(rig_holds(rig, "A", MUTE(C_MAC)"vlan=100 "));
    rig_run(rig, 1000);
    ask_under(rig, 500 + TALKERS_SAMPLE, &v100, C_MAC, C);
    assert_true(rig_holds(rig, "A", MUTE(C_MAC)"vlan=100 "));
    rig_end(rig);
}

static void
whatever_he_asks(void **state)
{
    static const char *const senders[] = { C, "169.254.7.7", "0.0.0.0" };
    const struct fh_vlan untagged = { .n = 0 };

    for (size_t i = 0; i < sizeof senders / sizeof *senders; i++) {
        struct rig *rig = two_routers(NULL);

        ask_under(rig, 500, &untagged, D_MAC, senders[i]);
        assert_false(rig_holds(rig, "A", MUTE(D_MAC)));
        ask_under(rig, TALKERS_SAMPLE, &untagged, D_MAC, senders[i]);
        assert_true(rig_holds(rig, "A", MUTE(D_MAC)"vlan=none "));
        rig_end(rig);
    }
}

static void
hosts_are_learnt_only_where_they_may(void **state)
{
    struct rig *rig = two_routers("{\"learn\": false}");

    rig_ask(rig, "A", C, C_MAC);
    assert_null(rig_client(rig, C));
    assert_int_equal(rig_dropped(rig, DROP_UNLISTED), 1);
    rig_end(rig);
}

static void
somebody_elses_source_is_refused(void **state)
{
    struct rig *rig = two_routers(NULL);
    const struct arp arp = {
        .op = ARP_OP_REQUEST, .sha = { .ea = { 2, 0, 0, 0, 1, 0xa } },
        .spa.ip4 = htonl(0x0a00000a), .tpa.ip4 = htonl(0x0a000001),
    };
    const struct fh_vlan untagged = { .n = 0 };
    uint8_t buf[ARP_FRAME_MAX];
    size_t len = arp_build(buf, fh_mac_broadcast(), &untagged, &arp);

    buf[11] ^= 1;                       /* The frame's source. */
    rig_frame(rig, "A", RIG_ACCESS, 0, buf, len);
    assert_null(rig_client(rig, C));
    assert_int_equal(rig_dropped(rig, DROP_MALFORMED), 1);
    for (size_t i = 0; i < len; i++) {
        rig_frame(rig, "A", RIG_ACCESS, 0, buf, i);
    }
    assert_null(rig_client(rig, C));
    rig_end(rig);
}

static void
a_peer_routers_probe_is_nobodys(void **state)
{
    struct rig *rig = two_routers(NULL);
    const struct rig_arp probe = { .router = "A", .port = RIG_ACCESS,
                                   .sha = "02:00:00:00:00:0b",
                                   .spa = "10.0.0.3", .tpa = C };

    rig_arp(rig, &probe);
    assert_int_equal(rig_dropped(rig, DROP_OWN_ADDRESS), 0);
    assert_string_equal(rig_said(rig), "");
    rig_end(rig);
}

static void
an_unknown_port_is_counted(void **state)
{
    struct rig *rig = two_routers(NULL);
    const struct rig_arp arp = { .router = "A", .port = 77, .sha = C_MAC,
                                 .spa = C, .tpa = "10.0.0.1" };

    rig_arp(rig, &arp);
    assert_int_equal(rig_dropped(rig, DROP_UNKNOWN_PORT), 1);
    rig_end(rig);
}

/* Who else speaks for a client. */

static void
another_mac_does_not_have_a_client_that_answers(void **state)
{
    struct rig *rig = one_client(NULL);

    rig_ask(rig, "A", C, D_MAC);
    rig_run(rig, 100);
    assert_non_null(strstr(rig_said(rig), "event client.conflict "C));
    assert_int_equal(rig_client(rig, C)->mac.ea[5], 0x0a);
    assert_true(rig_dropped(rig, DROP_RIVAL) >= 1);
    rig_end(rig);
}

static void
a_configured_mac_is_never_given_up(void **state)
{
    struct rig *rig = two_routers(
        "{\"clients\": [{\"address\": \""C"\", \"segment\": \"metro\","
        " \"mac\": \""C_MAC"\"}]}");

    rig_silence_host(rig, C, NULL);
    rig_ask(rig, "A", C, D_MAC);
    rig_run(rig, 3000);
    assert_int_equal(rig_client(rig, C)->mac.ea[5], 0x0a);
    assert_string_equal(rig_active(rig, C), "-");
    assert_true(rig_dropped(rig, DROP_MAC_CONFLICT) >= 1);
    rig_end(rig);
}

static void
who_claims_the_gateway_is_told_of(void **state)
{
    struct rig *rig = one_client(NULL);
    const struct rig_arp claim = { .router = "A", .port = RIG_ACCESS,
                                   .sha = D_MAC, .spa = "10.0.0.1",
                                   .tpa = "10.0.0.1", .to_all = true };

    rig_arp(rig, &claim);
    rig_run(rig, 200);
    assert_non_null(strstr(rig_said(rig), "event "));
    assert_int_equal(rig_dropped(rig, DROP_OWN_ADDRESS), 1);
    assert_string_equal(rig_active(rig, C), "A");
    rig_end(rig);
}

/* The core. */

static void
ask_from_core(struct rig *rig, const char *router, const char *tpa)
{
    const struct rig_arp arp = { .router = router, .port = RIG_UPLINK,
                                 .sha = "02:00:00:00:00:01",
                                 .spa = "192.0.2.1", .tpa = tpa };

    rig_arp(rig, &arp);
}

static void
the_core_is_answered_by_the_active_router(void **state)
{
    struct rig *rig = one_client(NULL);

    ask_from_core(rig, "B", C);
    assert_string_equal(rig_said(rig), "");
    ask_from_core(rig, "A", C);
    assert_string_equal(rig_said(rig), "A answers 192.0.2.1 for "C
                        " to 02:00:00:00:00:01 port 9\n");
    ask_from_core(rig, "A", "192.0.2.2");
    assert_non_null(strstr(rig_said(rig), "for 192.0.2.2 to"));
    ask_from_core(rig, "A", "192.0.2.99");
    assert_string_equal(rig_said(rig), "");
    rig_end(rig);
}

static void
the_core_is_not_answered_where_it_has_routes(void **state)
{
    struct rig *rig = one_client("{\"upstream\": \"none\"}");

    ask_from_core(rig, "A", C);
    assert_string_equal(rig_said(rig), "");
    rig_end(rig);
}

static void
a_reply_of_nobody_is_refused(void **state)
{
    struct rig *rig = one_client(NULL);
    const struct rig_arp reply = {
        .router = "A", .port = RIG_UPLINK, .reply = true,
        .sha = "02:00:00:00:00:99", .spa = "192.0.2.99",
        .tha = "02:00:00:00:00:0a", .tpa = "192.0.2.2",
    };

    rig_arp(rig, &reply);
    assert_int_equal(rig_dropped(rig, DROP_UNASKED), 1);
    rig_end(rig);
}

/* Packets. */

/* An echo request from the client by way of ROUTE. */
static size_t
build_ping(uint8_t buf[128], struct fh_addr dst, uint8_t ttl)
{
    static const struct ipv4_envelope envelope = {
        .eth_src = { .ea = { 2, 0, 0, 0, 1, 0xa } },
        .eth_dst = { .ea = { 2, 0, 0, 0, 0, 0xa } },
    };
    const struct ipv4_fields fields = {
        .src.ip4 = htonl(0x0a00000a), .dst = dst, .proto = IPV4_PROTO_ICMP,
    };
    uint8_t *payload;
    size_t len = ipv4_build(buf, 128, &envelope, &fields, 16, &payload);
    uint16_t sum;

    memset(payload, 0, 16);
    payload[0] = 8;
    sum = ipv4_checksum(payload, 16);
    payload[2] = (uint8_t) (sum >> 8);
    payload[3] = (uint8_t) sum;
    buf[14 + IPV4_TTL] = ttl;
    buf[14 + IPV4_CHECKSUM] = buf[14 + IPV4_CHECKSUM + 1] = 0;
    sum = ipv4_checksum(buf + 14, 20);
    buf[14 + IPV4_CHECKSUM] = (uint8_t) (sum >> 8);
    buf[14 + IPV4_CHECKSUM + 1] = (uint8_t) sum;
    return len;
}

static void
ping(struct rig *rig, const char *dst, uint8_t ttl)
{
    struct router *router = engine_find_router(rig_engine(rig), "A");
    uint64_t metadata = flow_meta_domain(&router->uplinks[0].view)
                        | FLOW_META_FROM_ACCESS;
    struct fh_addr addr;
    uint8_t buf[128];
    size_t len;

    assert_true(fh_addr_parse(dst, &addr));
    len = build_ping(buf, addr, ttl);
    rig_frame(rig, "A", RIG_ACCESS, metadata, buf, len);
}

static void
a_router_answers_pings_and_says_what_it_cannot(void **state)
{
    struct rig *rig = one_client(NULL);

    ping(rig, "10.0.0.1", 64);
    assert_string_equal(rig_said(rig), "A sends a packet by port 1\n");
    ping(rig, "198.51.100.1", 1);       /* Time exceeded. */
    assert_string_equal(rig_said(rig), "A sends a packet by port 1\n");
    ping(rig, "10.0.0.99", 64);         /* Unreachable. */
    assert_string_equal(rig_said(rig), "A sends a packet by port 1\n");
    assert_int_equal(engine_stats(rig_engine(rig))->icmp_answers, 3);
    rig_end(rig);
}

/* C sends to a neighbour that A does not serve; it has gone to the core. */
static void
send_to_neighbour(struct rig *rig, const char *dst)
{
    struct router *router = engine_find_router(rig_engine(rig), "A");
    uint64_t metadata = flow_meta_domain(&router->uplinks[0].view)
                        | FLOW_META_FROM_ACCESS | FLOW_META_NEIGHBOUR;
    struct fh_addr addr;
    uint8_t buf[128];
    size_t len;

    assert_true(fh_addr_parse(dst, &addr));
    len = build_ping(buf, addr, 64);
    rig_frame(rig, "A", RIG_ACCESS, metadata, buf, len);
}

/* Whoever opens a connection gives up when he is told so. */
static void
nobody_is_said_to_be_away_whom_a_router_may_serve(void **state)
{
    struct rig *rig = one_client(NULL);

    rig_add_host(rig, "10.0.0.11", D_MAC);
    rig_silence_host(rig, "10.0.0.11", "A");
    rig_ask(rig, "B", "10.0.0.11", D_MAC);
    rig_run(rig, 2000);
    assert_string_equal(rig_active(rig, "10.0.0.11"), "B");
    send_to_neighbour(rig, "10.0.0.11");
    send_to_neighbour(rig, "10.0.0.99");
    assert_non_null(strstr(rig_said(rig), "A sends a packet by port 1\n"));
    assert_int_equal(engine_stats(rig_engine(rig))->icmp_answers, 1);

    rig_restart(rig);
    rig_connect(rig, "A");
    assert_string_equal(rig_active(rig, C), "A");
    send_to_neighbour(rig, "10.0.0.11");        /* B has not told of it. */
    assert_int_equal(engine_stats(rig_engine(rig))->icmp_answers, 0);
    rig_connect(rig, "B");
    assert_string_equal(rig_active(rig, "10.0.0.11"), "B");
    send_to_neighbour(rig, "10.0.0.99");
    assert_int_equal(engine_stats(rig_engine(rig))->icmp_answers, 1);
    rig_end(rig);
}

static void
nothing_is_owed_to_who_is_not_served_here(void **state)
{
    struct rig *rig = two_routers(NULL);

    ping(rig, "10.0.0.1", 64);
    assert_string_equal(rig_said(rig), "");
    assert_int_equal(rig_dropped(rig, DROP_ICMP), 1);
    rig_end(rig);
}

/* A packet that SOURCE has not let pass, from 'src' (10.0.0.SRC). */
static void
send_unknown(struct rig *rig, uint8_t src)
{
    struct fh_addr dst = { htonl(0xc6336401) };
    uint8_t buf[128];
    size_t len = build_ping(buf, dst, 64);
    uint16_t sum;

    buf[14 + IPV4_SRC + 3] = src;
    buf[14 + IPV4_CHECKSUM] = buf[14 + IPV4_CHECKSUM + 1] = 0;
    sum = ipv4_checksum(buf + 14, 20);
    buf[14 + IPV4_CHECKSUM] = (uint8_t) (sum >> 8);
    buf[14 + IPV4_CHECKSUM + 1] = (uint8_t) sum;
    rig_frame(rig, "A", RIG_ACCESS, 0, buf, len);
}

static void
who_sends_before_it_asks_is_a_client_once_it_answers(void **state)
{
    struct rig *rig = two_routers(NULL);

    send_unknown(rig, 10);
    rig_run(rig, 2000);
    assert_string_equal(rig_active(rig, C), "A");
    send_unknown(rig, 1);               /* The gateway's. */
    assert_null(rig_client(rig, "10.0.0.1"));
    send_unknown(rig, 255);
    assert_null(rig_client(rig, "10.0.0.255"));
    assert_int_equal(rig_dropped(rig, DROP_OUTSIDE), 2);
    rig_end(rig);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_host_is_answered_once_it_is_served),
        cmocka_unit_test(the_active_router_alone_answers),
        cmocka_unit_test(what_is_not_asked_of_us_is_not_answered),
        cmocka_unit_test(neighbours_of_a_shared_lan_answer_for_themselves),
        cmocka_unit_test(hosts_with_impossible_addresses_are_not_learnt),
        cmocka_unit_test(who_asks_too_much_is_not_heard_where_he_is),
        cmocka_unit_test(whatever_he_asks),
        cmocka_unit_test(hosts_are_learnt_only_where_they_may),
        cmocka_unit_test(somebody_elses_source_is_refused),
        cmocka_unit_test(a_peer_routers_probe_is_nobodys),
        cmocka_unit_test(an_unknown_port_is_counted),
        cmocka_unit_test(another_mac_does_not_have_a_client_that_answers),
        cmocka_unit_test(a_configured_mac_is_never_given_up),
        cmocka_unit_test(who_claims_the_gateway_is_told_of),
        cmocka_unit_test(the_core_is_answered_by_the_active_router),
        cmocka_unit_test(the_core_is_not_answered_where_it_has_routes),
        cmocka_unit_test(a_reply_of_nobody_is_refused),
        cmocka_unit_test(a_router_answers_pings_and_says_what_it_cannot),
        cmocka_unit_test(nobody_is_said_to_be_away_whom_a_router_may_serve),
        cmocka_unit_test(nothing_is_owed_to_who_is_not_served_here),
        cmocka_unit_test(
            who_sends_before_it_asks_is_a_client_once_it_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
