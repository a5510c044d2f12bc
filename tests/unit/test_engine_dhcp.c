/* DHCP in the engine: requests are relayed, and a lease makes a client. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flows/dhcp.h"
#include "flows/flow_base.h"
#include "flows/flow_client.h"
#include "flows/wire.h"
#include "tests/unit/rig.h"

#define LEASED "10.0.0.77"
#define C_MAC "02:00:00:00:01:0a"

static const char relayed[] = "{\"dhcp\": {\"servers\": [\"198.51.100.67\"]}}";

/* What a message of the test says; it is of one client and one exchange. */
struct message {
    enum dhcp_type type;
    const char *src, *dst, *yiaddr, *giaddr, *ciaddr;
    uint8_t lease_s;
    bool rapid;                         /* Option 80. */
};

static void
put_addr(uint8_t *p, const char *text)
{
    struct fh_addr addr;

    assert_true(!text || fh_addr_parse(text, &addr));
    if (text) {
        wire_put_addr(p, addr);
    }
}

/* Returns the length of the frame. */
static size_t
build(uint8_t buf[512], const struct message *m)
{
    bool reply = m->type == DHCP_ACK || m->type == DHCP_NAK;
    struct eth_addr mac = { .ea = { 2, 0, 0, 0, 1, 0x0a } };
    size_t len = 14 + 28 + 240 + 16;
    uint8_t *ip = buf + 14, *udp = ip + 20, *msg = udp + 8, *o = msg + 240;

    memset(buf, 0, 512);
    memset(buf, 0xff, 6);
    wire_put_mac(buf + 6, mac);
    wire_put_u16(buf + 12, ETHERTYPE_IPV4);
    ip[0] = 0x45;
    wire_put_u16(ip + 2, (uint16_t) (len - 14));
    ip[8] = 64;
    ip[9] = IPV4_PROTO_UDP;
    put_addr(ip + 12, m->src);
    put_addr(ip + 16, m->dst);
    wire_put_u16(ip + 10, ipv4_checksum(ip, 20));
    wire_put_u16(udp, reply ? 67 : 68);
    wire_put_u16(udp + 2, 67);
    wire_put_u16(udp + 4, (uint16_t) (len - 34));
    msg[0] = reply ? 2 : 1;
    msg[1] = 1;
    msg[2] = 6;
    msg[7] = 42;                        /* The exchange. */
    put_addr(msg + 12, m->ciaddr);
    put_addr(msg + 16, m->yiaddr);
    put_addr(msg + 24, m->giaddr);
    wire_put_mac(msg + 28, mac);
    memcpy(msg + 236, "\x63\x82\x53\x63", 4);
    memcpy(o, (uint8_t[]) { 53, 1, (uint8_t) m->type }, 3);
    o += 3;
    if (m->lease_s) {
        memcpy(o, (uint8_t[]) { 51, 4, 0, 0, 0, m->lease_s }, 6);
        o += 6;
    }
    if (m->rapid) {
        memcpy(o, (uint8_t[]) { 80, 0 }, 2);
        o += 2;
    }
    *o = 255;
    return len;
}

static void
from_client(struct rig *rig, const char *router, const struct message *m)
{
    uint8_t buf[512];
    size_t len = build(buf, m);

    rig_frame(rig, router, RIG_ACCESS, 0, buf, len);
}

static void
from_server(struct rig *rig, const char *name, const struct message *m)
{
    struct router *router = engine_find_router(rig_engine(rig), name);
    uint8_t buf[512];
    size_t len = build(buf, m);

    rig_frame(rig, name, RIG_UPLINK,
              flow_meta_domain(&router->uplinks[0].view), buf, len);
}

static const struct message discover = {
    .type = DHCP_DISCOVER, .src = "0.0.0.0", .dst = "255.255.255.255",
};
static const struct message request = {
    .type = DHCP_REQUEST, .src = "0.0.0.0", .dst = "255.255.255.255",
};
static const struct message ack = {
    .type = DHCP_ACK, .src = "198.51.100.67", .dst = "192.0.2.2",
    .yiaddr = LEASED, .giaddr = "192.0.2.2", .lease_s = 60,
};

static struct rig *
two_routers(const char *segment)
{
    struct rig *rig = rig_create(segment);

    rig_add_host(rig, LEASED, C_MAC);
    rig_connect(rig, "A");
    rig_connect(rig, "B");
    rig_ask(rig, "A", "10.0.0.5", "02:00:00:00:07:05"); /* Uplinks resolve. */
    rig_run(rig, 1000);
    rig_said(rig);
    return rig;
}

enum heard { HEARD_BY_A, HEARD_BY_BOTH };

/* The client has a lease by way of A. */
static void
get_lease(struct rig *rig, enum heard heard)
{
    from_client(rig, "A", &request);
    if (heard == HEARD_BY_BOTH) {
        from_client(rig, "B", &request);
    }
    from_server(rig, "A", &ack);
}

static void
one_router_relays_a_request(void **state)
{
    struct rig *rig = two_routers(relayed);

    from_client(rig, "A", &discover);
    assert_non_null(strstr(rig_said(rig), "A sends a packet by port 9\n"));
    from_client(rig, "B", &discover);           /* It heard it as well. */
    assert_null(strstr(rig_said(rig), "sends a packet"));
    rig_end(rig);
}

static void
without_servers_requests_are_dropped(void **state)
{
    struct rig *rig = two_routers(NULL);

    from_client(rig, "A", &discover);
    assert_null(strstr(rig_said(rig), "sends a packet"));
    assert_int_equal(rig_dropped(rig, DROP_DHCP), 1);
    rig_end(rig);
}

static void
a_lease_is_in_force_before_the_client_hears_of_it(void **state)
{
    struct rig *rig = two_routers(relayed);
    const char *said, *added, *told;

    from_client(rig, "A", &request);
    rig_said(rig);
    rig_hold(rig, "A", true);
    from_server(rig, "A", &ack);
    said = rig_said(rig);
    added = strstr(said, "A adds "LEASED" port 1\n");
    assert_non_null(added);
    assert_null(strstr(said, "A sends a packet by port 1\n"));
    rig_hold(rig, "A", false);
    said = rig_said(rig);
    told = strstr(said, "A sends a packet by port 1\n");
    assert_non_null(told);
    assert_int_equal(rig_client(rig, LEASED)->origin, CLIENT_LEASED);
    assert_string_equal(rig_active(rig, LEASED), "A");
    rig_end(rig);
}

static void
a_client_goes_with_its_lease(void **state)
{
    struct rig *rig = two_routers(
        "{\"dhcp\": {\"servers\": [\"198.51.100.67\"]},"
        " \"learn\": \"dhcp\"}");

    get_lease(rig, HEARD_BY_A);
    rig_run(rig, 59000);
    assert_string_equal(rig_active(rig, LEASED), "A");
    rig_run(rig, 2000);
    assert_null(rig_client(rig, LEASED));
    assert_int_equal(rig_held(rig, "A", LEASED), 0);
    rig_end(rig);
}

static const struct message release = {
    .type = DHCP_RELEASE, .src = LEASED, .dst = "198.51.100.67",
    .ciaddr = LEASED,
};
static const struct message decline = {
    .type = DHCP_DECLINE, .src = "0.0.0.0", .dst = "255.255.255.255",
    .ciaddr = LEASED,
};

/* By unicast, through the router. */
static void
client_releases(struct rig *rig, const char *name)
{
    struct router *router = engine_find_router(rig_engine(rig), name);
    uint8_t buf[512];
    size_t len = build(buf, &release);

    rig_frame(rig, name, RIG_ACCESS,
              flow_meta_domain(&router->uplinks[0].view)
              | FLOW_META_FROM_ACCESS, buf, len);
}

static void
who_releases_its_address_is_forgotten(void **state)
{
    struct rig *rig = two_routers(relayed);

    get_lease(rig, HEARD_BY_A);
    rig_run(rig, 1000);
    assert_non_null(rig_client(rig, LEASED));
    rig_said(rig);
    client_releases(rig, "A");
    assert_non_null(strstr(rig_said(rig), "A sends a packet by port 9\n"));
    assert_null(rig_client(rig, LEASED));
    rig_end(rig);
}

/* Who sees the client get its address on a shared LAN could take it away from
 * another port, in its name. */
static void
an_address_is_declined_where_it_was_asked_for(void **state)
{
    struct rig *rig = two_routers(relayed);
    uint8_t buf[512];
    size_t len = build(buf, &decline);

    get_lease(rig, HEARD_BY_A);
    rig_run(rig, 500);
    rig_said(rig);
    rig_frame(rig, "A", RIG_OTHER_ACCESS, 0, buf, len);
    rig_frame(rig, "B", RIG_OTHER_ACCESS, 0, buf, len);
    assert_null(strstr(rig_said(rig), "sends a packet"));
    assert_non_null(rig_client(rig, LEASED));
    from_client(rig, "A", &decline);
    assert_non_null(strstr(rig_said(rig), "A sends a packet by port 9\n"));
    assert_null(rig_client(rig, LEASED));

    get_lease(rig, HEARD_BY_A);
    rig_run(rig, 10001);
    from_client(rig, "A", &decline);            /* Too late. */
    assert_non_null(rig_client(rig, LEASED));
    rig_end(rig);
}

/* Somebody asks for the client's address in its name, over and over: that
 * it is checking its address is believed once a minute. */
static void
forged_requests_do_not_hide_that_a_client_is_silent(void **state)
{
    struct rig *rig = two_routers(relayed);
    uint8_t buf[512];
    size_t len = build(buf, &request);

    get_lease(rig, HEARD_BY_BOTH);
    rig_run(rig, 11000);
    assert_string_equal(rig_active(rig, LEASED), "A");
    rig_silence_host(rig, LEASED, "A");
    for (int i = 0; i < 5; i++) {
        rig_frame(rig, "A", RIG_OTHER_ACCESS, 0, buf, len);
        from_server(rig, "A", &ack);
        rig_run(rig, 5000);
    }
    assert_string_equal(rig_active(rig, LEASED), "B");
    rig_end(rig);
}

static void
a_lease_of_an_impossible_address_is_refused(void **state)
{
    static const char *const impossible[] = {
        "10.0.1.5", "10.0.0.1", "10.0.0.3", "10.0.0.0", "10.0.0.255",
    };
    struct rig *rig = two_routers(relayed);

    for (size_t i = 0; i < sizeof impossible / sizeof *impossible; i++) {
        struct message m = ack;

        m.yiaddr = impossible[i];
        from_client(rig, "A", &request);
        rig_said(rig);
        from_server(rig, "A", &m);
        assert_null(strstr(rig_said(rig), "adds"));
        assert_null(rig_client(rig, impossible[i]));
    }
    assert_int_equal(rig_dropped(rig, DROP_DHCP), 5);
    rig_end(rig);
}

static void
nobody_but_the_server_grants_a_lease(void **state)
{
    struct message forged = ack;
    struct rig *rig = two_routers(relayed);

    forged.src = "198.51.100.68";
    from_client(rig, "A", &request);
    from_server(rig, "A", &forged);
    assert_null(rig_client(rig, LEASED));
    from_client(rig, "A", &ack);                /* From a client's port. */
    assert_null(rig_client(rig, LEASED));
    rig_end(rig);
}

/* The flows that A holds for the address now. */
static void
build_flows(struct rig *rig, struct fh_flow flows[FLOW_CLIENT_N])
{
    const struct client *c = rig_client(rig, LEASED);
    const struct router *a = engine_find_router(rig_engine(rig), "A");
    const struct fh_client view = {
        .address = c->key.address, .mac = c->mac, .vlan = c->vlan,
        .port = RIG_ACCESS, .uplink = &a->uplinks[0].view,
        .router_mac = a->config->mac, .decision = c->decision,
    };

    flow_client_build(&view, flows);
}

/* Their removal may be told when the next one has the address already. */
static void
a_new_tenant_does_not_pay_for_the_former_one(void **state)
{
    struct rig *rig = two_routers(relayed);
    struct fh_flow formers[FLOW_CLIENT_N], own[FLOW_CLIENT_N];

    rig_silence_host(rig, LEASED, NULL);        /* Not there yet. */
    rig_add_host(rig, LEASED, "02:00:00:00:01:0b");
    rig_ask(rig, "A", LEASED, "02:00:00:00:01:0b");
    rig_run(rig, 50);
    assert_string_equal(rig_active(rig, LEASED), "A");
    build_flows(rig, formers);
    get_lease(rig, HEARD_BY_A);
    assert_int_equal(rig_client(rig, LEASED)->origin, CLIENT_LEASED);
    build_flows(rig, own);
    for (size_t i = 0; i < FLOW_CLIENT_N; i++) {
        rig_removed(rig, "A", &formers[i], 1000);
    }
    assert_null(rig_client(rig, LEASED)->usage);
    for (size_t i = 0; i < FLOW_CLIENT_N; i++) {
        rig_removed(rig, "A", &own[i], 10);
    }
    for (size_t i = 0; i < USAGE_N_DIRECTIONS; i++) {
        const struct usage *usage = rig_client(rig, LEASED)->usage;

        assert_int_equal(usage->total[i].packets, 10);
        assert_int_equal(usage->total[i].bytes, 1000);
    }
    rig_end(rig);
}

/* The acknowledgement that waits names its router by a number, which another
 * configuration may give to another, or to none. */
static void
a_router_may_be_removed_while_an_acknowledgement_waits(void **state)
{
    static const char a_alone[] =
        "{\"dhcp\": {\"servers\": [\"198.51.100.67\"]},"
        " \"routers\": {\"A\": {\"address\": \"10.0.0.2\"}}}";
    struct rig *rig = two_routers(relayed);
    struct message by_b = ack;

    rig_silence_host(rig, LEASED, "A");
    by_b.dst = by_b.giaddr = "192.0.2.3";
    from_client(rig, "B", &request);
    rig_hold(rig, "B", true);
    from_server(rig, "B", &by_b);
    assert_non_null(rig_client(rig, LEASED)->lease->ack);
    rig_reload(rig, a_alone);
    rig_hold(rig, "B", false);
    rig_silence_host(rig, LEASED, "B");
    rig_add_host(rig, LEASED, C_MAC);
    rig_ask(rig, "A", LEASED, C_MAC);
    rig_run(rig, 3000);
    assert_string_equal(rig_active(rig, LEASED), "A");
    assert_null(rig_client(rig, LEASED)->lease->ack);
    rig_end(rig);
}

static void
nor_does_one_that_is_entered_otherwise(void **state)
{
    static const char configured[] =
        "{\"dhcp\": {\"servers\": [\"198.51.100.67\"]}, \"clients\":"
        " [{\"segment\": \"metro\", \"address\": \"10.0.0.77\","
        " \"mac\": \"02:00:00:00:01:0c\"}]}";
    struct rig *rig = two_routers(relayed);
    struct config_client tenant = { .has_mac = true };
    struct fh_flow formers[FLOW_CLIENT_N];

    assert_true(fh_addr_parse(LEASED, &tenant.address)
                && fh_mac_parse("02:00:00:00:01:0b", &tenant.mac));
    get_lease(rig, HEARD_BY_A);
    assert_string_equal(rig_active(rig, LEASED), "A");
    build_flows(rig, formers);
    assert_null(engine_provision(rig_engine(rig), &tenant, 1));
    for (size_t i = 0; i < FLOW_CLIENT_N; i++) {
        rig_removed(rig, "A", &formers[i], 1000);
    }
    assert_int_equal(rig_client(rig, LEASED)->origin, CLIENT_PROVISIONED);
    assert_null(rig_client(rig, LEASED)->usage);
    rig_end(rig);

    rig = two_routers(relayed);
    get_lease(rig, HEARD_BY_A);
    build_flows(rig, formers);
    rig_reload(rig, configured);
    rig_removed(rig, "A", &formers[1], 1000);
    assert_int_equal(rig_client(rig, LEASED)->origin, CLIENT_CONFIGURED);
    assert_null(rig_client(rig, LEASED)->usage);
    rig_end(rig);
}

/* A takeover in the middle of each exchange: a client that repeats what it said
 * (RFC 2131, 4.1) is answered by way of the other router. */

#define REPEAT_MS 4000          /* So much later, RFC 2131, 4.1. */

/* What the server says to B. */
static struct message
by_b(const struct message *m)
{
    struct message copy = *m;

    copy.dst = copy.giaddr = "192.0.2.3";
    return copy;
}

static bool
sends(struct rig *rig, const char *what)
{
    return strstr(rig_said(rig), what) != NULL;
}

static void
a_router_may_die_before_the_offer(void **state)
{
    struct rig *rig = two_routers(relayed);
    const struct message late = by_b(&ack);

    from_client(rig, "A", &discover);
    from_client(rig, "B", &discover);
    rig_disconnect(rig, "A");
    rig_run(rig, REPEAT_MS);
    rig_said(rig);
    from_client(rig, "B", &discover);
    assert_true(sends(rig, "B sends a packet by port 9\n"));
    from_client(rig, "B", &request);
    assert_true(sends(rig, "B sends a packet by port 9\n"));
    from_server(rig, "B", &late);
    assert_true(sends(rig, "B sends a packet by port 1\n"));
    assert_string_equal(rig_active(rig, LEASED), "B");
    rig_end(rig);
}

static void
a_router_may_die_between_request_and_acknowledgement(void **state)
{
    struct rig *rig = two_routers(relayed);
    const struct message late = by_b(&ack);

    from_client(rig, "A", &request);
    from_client(rig, "B", &request);
    rig_disconnect(rig, "A");
    from_server(rig, "A", &ack);                /* Nobody takes it. */
    assert_null(rig_client(rig, LEASED));
    rig_run(rig, REPEAT_MS);
    rig_said(rig);
    from_client(rig, "B", &request);
    assert_true(sends(rig, "B sends a packet by port 9\n"));
    from_server(rig, "B", &late);
    assert_true(sends(rig, "B sends a packet by port 1\n"));
    assert_string_equal(rig_active(rig, LEASED), "B");
    assert_int_equal(rig_held(rig, "A", LEASED), 0);
    rig_end(rig);
}

/* The server is quicker than B's copy of the request. */
static void
a_copy_that_comes_after_the_acknowledgement_counts(void **state)
{
    struct rig *rig = two_routers(relayed);
    struct message named = request;

    (void) state;
    named.ciaddr = LEASED;
    from_client(rig, "A", &named);
    from_server(rig, "A", &ack);
    from_client(rig, "B", &named);
    rig_run(rig, 100);
    assert_string_equal(rig_active(rig, LEASED), "A");
    rig_disconnect(rig, "A");
    rig_run(rig, 1000);
    assert_string_equal(rig_active(rig, LEASED), "B");
    rig_end(rig);
}

/* It has had its lease for half of its time when its router dies. */
static struct rig *
half_time(void)
{
    struct rig *rig = two_routers(
        "{\"dhcp\": {\"servers\": [\"198.51.100.67\"]},"
        " \"learn\": \"dhcp\"}");

    get_lease(rig, HEARD_BY_A);
    rig_run(rig, 30000);
    assert_string_equal(rig_active(rig, LEASED), "A");
    rig_disconnect(rig, "A");
    rig_run(rig, 1000);
    assert_string_equal(rig_active(rig, LEASED), "B");
    rig_said(rig);
    return rig;
}

static void
a_router_may_die_during_a_renewal(void **state)
{
    struct message renewed = ack;
    struct rig *rig = half_time();

    renewed.giaddr = NULL;
    renewed.dst = LEASED;
    from_server(rig, "B", &renewed);
    assert_true(sends(rig, "B sends a packet by port 1\n"));
    rig_run(rig, 50000);
    assert_string_equal(rig_active(rig, LEASED), "B");
    rig_run(rig, 11000);
    assert_null(rig_client(rig, LEASED));
    rig_end(rig);
}

static void
a_client_rebinds_by_the_other_router(void **state)
{
    const struct message rebind = {
        .type = DHCP_REQUEST, .src = LEASED, .dst = "255.255.255.255",
        .ciaddr = LEASED,
    };
    const struct message late = by_b(&ack);
    struct rig *rig = half_time();

    from_client(rig, "B", &rebind);
    assert_true(sends(rig, "B sends a packet by port 9\n"));
    from_server(rig, "B", &late);
    assert_true(sends(rig, "B sends a packet by port 1\n"));
    rig_run(rig, 50000);
    assert_string_equal(rig_active(rig, LEASED), "B");
    rig_end(rig);
}

static void
a_refusal_comes_by_the_other_router(void **state)
{
    const struct message nak = {
        .type = DHCP_NAK, .src = "198.51.100.67", .dst = "192.0.2.3",
        .giaddr = "192.0.2.3",
    };
    struct rig *rig = two_routers(relayed);

    from_client(rig, "A", &request);
    from_client(rig, "B", &request);
    rig_disconnect(rig, "A");
    rig_run(rig, REPEAT_MS);
    from_client(rig, "B", &request);
    rig_said(rig);
    from_server(rig, "B", &nak);
    assert_true(sends(rig, "B sends a packet by port 1\n"));
    assert_null(rig_client(rig, LEASED));
    rig_end(rig);
}

/* It has an address already: the answer gives none (RFC 2131, 3.4). */
static void
who_only_asks_for_parameters_gets_no_lease(void **state)
{
    const struct message inform = {
        .type = DHCP_INFORM, .src = "10.0.0.20", .dst = "255.255.255.255",
        .ciaddr = "10.0.0.20",
    };
    struct message answer = by_b(&ack);
    struct rig *rig = two_routers(relayed);

    answer.yiaddr = NULL;
    answer.lease_s = 0;
    from_client(rig, "A", &inform);
    from_client(rig, "B", &inform);
    rig_disconnect(rig, "A");
    rig_run(rig, REPEAT_MS);
    rig_said(rig);
    from_client(rig, "B", &inform);
    assert_true(sends(rig, "B sends a packet by port 9\n"));
    from_server(rig, "B", &answer);
    assert_true(sends(rig, "B sends a packet by port 1\n"));
    assert_null(rig_client(rig, LEASED));
    rig_end(rig);
}

/* It gives its address back, and is gone. */
static void
a_client_releases_by_the_other_router(void **state)
{
    struct rig *rig = half_time();

    (void) state;
    client_releases(rig, "B");
    assert_true(sends(rig, "B sends a packet by port 9\n"));
    assert_null(rig_client(rig, LEASED));
    rig_silence_host(rig, LEASED, NULL);
    rig_run(rig, 1000);
    assert_int_equal(rig_held(rig, "B", LEASED), 0);
    rig_end(rig);
}

/* Nobody repeats a release (RFC 2131, 4.4.4): to us, and to the server, it has
 * its lease until that ends. */
static void
a_release_may_be_lost_with_a_router(void **state)
{
    struct rig *rig = two_routers(relayed);

    (void) state;
    get_lease(rig, HEARD_BY_BOTH);
    rig_run(rig, 30000);
    rig_kill(rig, "A");
    rig_silence_host(rig, LEASED, NULL);
    rig_run(rig, 29000);
    assert_non_null(rig_client(rig, LEASED));
    rig_run(rig, 2000);
    assert_null(rig_client(rig, LEASED));
    assert_int_equal(rig_held(rig, "B", LEASED), 0);
    rig_end(rig);
}

/* The other one does not take over who has nothing any more. */
static void
a_router_may_die_after_a_release(void **state)
{
    struct rig *rig = two_routers(relayed);

    (void) state;
    get_lease(rig, HEARD_BY_BOTH);
    rig_run(rig, 30000);
    rig_said(rig);
    client_releases(rig, "A");
    assert_true(sends(rig, "A sends a packet by port 9\n"));
    rig_silence_host(rig, LEASED, NULL);
    rig_disconnect(rig, "A");
    rig_run(rig, 1000);
    assert_false(sends(rig, "B adds "LEASED));
    assert_null(rig_client(rig, LEASED));
    rig_connect(rig, "A");
    rig_run(rig, 1000);
    assert_null(rig_client(rig, LEASED));
    assert_int_equal(rig_held(rig, "A", LEASED), 0);
    rig_end(rig);
}

/* While the client checks the address that A has told it, A dies. */
static void
a_client_declines_by_the_other_router(void **state)
{
    struct rig *rig = two_routers(relayed);

    (void) state;
    rig_silence_host(rig, LEASED, NULL);        /* RFC 5227, 2.1. */
    get_lease(rig, HEARD_BY_BOTH);
    rig_run(rig, 1000);
    rig_disconnect(rig, "A");
    rig_run(rig, 1000);
    rig_said(rig);
    from_client(rig, "B", &decline);
    assert_true(sends(rig, "B sends a packet by port 9\n"));
    assert_null(rig_client(rig, LEASED));
    rig_run(rig, 1000);
    assert_int_equal(rig_held(rig, "B", LEASED), 0);
    rig_end(rig);
}

/* Its copy, heard by B, is not passed on as well; and the client asks for
 * another address by B. */
static void
a_router_may_die_after_a_decline(void **state)
{
    struct rig *rig = two_routers(relayed);
    struct message other = by_b(&ack);

    (void) state;
    other.yiaddr = "10.0.0.78";
    rig_silence_host(rig, LEASED, NULL);
    get_lease(rig, HEARD_BY_BOTH);
    rig_run(rig, 1000);
    rig_said(rig);
    from_client(rig, "A", &decline);
    assert_true(sends(rig, "A sends a packet by port 9\n"));
    rig_disconnect(rig, "A");
    from_client(rig, "B", &decline);
    assert_false(sends(rig, "B sends a packet"));
    assert_null(rig_client(rig, LEASED));
    rig_run(rig, 10000);                        /* RFC 2131, 3.1, 5. */
    from_client(rig, "B", &discover);
    from_client(rig, "B", &request);
    from_server(rig, "B", &other);
    assert_string_equal(rig_active(rig, "10.0.0.78"), "B");
    assert_null(rig_client(rig, LEASED));
    rig_end(rig);
}

/* RFC 2131, 3.1. */
static void
an_acknowledgement_without_a_request_is_no_lease(void **state)
{
    struct rig *rig = two_routers(relayed);
    struct message rapid_ack = ack;

    (void) state;
    rapid_ack.rapid = true;
    from_client(rig, "A", &discover);
    from_server(rig, "A", &ack);
    from_server(rig, "A", &rapid_ack);
    assert_null(rig_client(rig, LEASED));
    rig_end(rig);
}

/* RFC 4039. */
static void
but_for_who_takes_a_rapid_commit(void **state)
{
    struct rig *rig = two_routers(relayed);
    struct message rapid_discover = discover, rapid_ack = ack;

    (void) state;
    rapid_discover.rapid = rapid_ack.rapid = true;
    from_client(rig, "A", &rapid_discover);
    from_server(rig, "A", &ack);
    assert_null(rig_client(rig, LEASED));
    from_server(rig, "A", &rapid_ack);
    assert_non_null(rig_client(rig, LEASED));
    rig_end(rig);
}

/* Somebody holds back the server's word, and says it again and again. */
static void
a_repeated_acknowledgement_does_not_extend_a_lease(void **state)
{
    struct rig *rig = two_routers(relayed);
    int64_t end_ms;

    (void) state;
    get_lease(rig, HEARD_BY_A);
    end_ms = rig_client(rig, LEASED)->lease->end_ms;
    rig_run(rig, 100);
    from_server(rig, "A", &ack);
    rig_run(rig, 5000);
    from_server(rig, "A", &ack);
    assert_true(end_ms == rig_client(rig, LEASED)->lease->end_ms);
    rig_end(rig);
}

/* As after kill -9: the client was found on a bridge, and nothing more is
 * known of it. */
static void
a_lease_that_was_forgotten_is_known_when_it_is_renewed(void **state)
{
    struct rig *rig = two_routers(relayed);
    struct message renewed = ack;

    (void) state;
    rig_ask(rig, "A", LEASED, C_MAC);
    rig_run(rig, 1000);
    assert_null(rig_client(rig, LEASED)->lease);
    renewed.giaddr = NULL;
    renewed.dst = LEASED;
    renewed.yiaddr = "10.0.0.78";               /* Not its own. */
    from_server(rig, rig_active(rig, LEASED), &renewed);
    assert_null(rig_client(rig, LEASED)->lease);
    renewed.yiaddr = LEASED;
    from_server(rig, rig_active(rig, LEASED), &renewed);
    assert_non_null(rig_client(rig, LEASED)->lease);
    assert_int_equal(rig_client(rig, LEASED)->origin, CLIENT_LEASED);
    rig_end(rig);
}

static void
a_request_that_is_repeated_is_acknowledged_again(void **state)
{
    struct rig *rig = two_routers(relayed);

    (void) state;
    get_lease(rig, HEARD_BY_A);
    rig_run(rig, REPEAT_MS);            /* It did not reach the client. */
    rig_said(rig);
    get_lease(rig, HEARD_BY_A);
    assert_true(sends(rig, "A sends a packet by port 1\n"));
    rig_end(rig);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_router_relays_a_request),
        cmocka_unit_test(without_servers_requests_are_dropped),
        cmocka_unit_test(a_lease_is_in_force_before_the_client_hears_of_it),
        cmocka_unit_test(a_client_goes_with_its_lease),
        cmocka_unit_test(who_releases_its_address_is_forgotten),
        cmocka_unit_test(an_address_is_declined_where_it_was_asked_for),
        cmocka_unit_test(forged_requests_do_not_hide_that_a_client_is_silent),
        cmocka_unit_test(a_lease_of_an_impossible_address_is_refused),
        cmocka_unit_test(nobody_but_the_server_grants_a_lease),
        cmocka_unit_test(
            a_router_may_be_removed_while_an_acknowledgement_waits),
        cmocka_unit_test(a_new_tenant_does_not_pay_for_the_former_one),
        cmocka_unit_test(nor_does_one_that_is_entered_otherwise),
        cmocka_unit_test(an_acknowledgement_without_a_request_is_no_lease),
        cmocka_unit_test(but_for_who_takes_a_rapid_commit),
        cmocka_unit_test(a_repeated_acknowledgement_does_not_extend_a_lease),
        cmocka_unit_test(a_request_that_is_repeated_is_acknowledged_again),
        cmocka_unit_test(
            a_lease_that_was_forgotten_is_known_when_it_is_renewed),
        cmocka_unit_test(a_router_may_die_before_the_offer),
        cmocka_unit_test(a_router_may_die_between_request_and_acknowledgement),
        cmocka_unit_test(a_copy_that_comes_after_the_acknowledgement_counts),
        cmocka_unit_test(a_router_may_die_during_a_renewal),
        cmocka_unit_test(a_client_rebinds_by_the_other_router),
        cmocka_unit_test(a_refusal_comes_by_the_other_router),
        cmocka_unit_test(who_only_asks_for_parameters_gets_no_lease),
        cmocka_unit_test(a_client_releases_by_the_other_router),
        cmocka_unit_test(a_release_may_be_lost_with_a_router),
        cmocka_unit_test(a_router_may_die_after_a_release),
        cmocka_unit_test(a_client_declines_by_the_other_router),
        cmocka_unit_test(a_router_may_die_after_a_decline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
