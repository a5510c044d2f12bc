/* A real controller between two bridges that are text.  See play.h.
 *
 * Frames are drawn from what hosts, routers and strangers may say, with the
 * addresses that matter, or are bytes of the input as they are. */
#include <config.h>

#include "tests/fuzz/play.h"

#include <arpa/inet.h>
#include <stdio.h>

#include <firsthop/buf.h>

#include "controller/base/log.h"
#include "flows/flow_base.h"
#include "flows/ipv4.h"
#include "tests/transcripts/world_private.h"

#define END_MS 4000             /* For what takes its time to come right. */

extern const unsigned long fuzz_runs;
const unsigned long fuzz_runs = 300;    /* See driver.c. */

#define DHCP_SERVER "198.51.100.67"

static const char *const names[] = { "A", "B" };

static const char *const addrs[] = {
    "10.0.0.10", "10.0.0.11", "10.0.0.12", "10.0.0.1", "10.0.0.2",
    "10.0.0.3", "192.0.2.1", "192.0.2.2", "192.0.2.3", "0.0.0.0",
    "10.0.0.255", "10.1.0.1", "255.255.255.255", "10.0.0.13", "10.0.0.14",
};

static const char *const macs[] = {
    "02:00:00:00:01:0a", "02:00:00:00:01:0b", "02:00:00:00:01:0c",
    "02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:02:01",
    "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "01:00:5e:00:00:01",
    "02:00:00:00:03:01",
};

#define N(ARRAY) (sizeof (ARRAY) / sizeof *(ARRAY))

/* Configurations. */

static const char *
draw(struct bytes *in, const char *const *choices, size_t n)
{
    return choices[take_below(in, n)];
}

static json_t *
draw_uplink(struct bytes *in, const char *port, int host)
{
    char address[32];

    snprintf(address, sizeof address, "192.0.2.%d/24", host);
    return json_pack("{s:s, s:s, s:s, s:i}", "port", port,
                     "address", address, "next_hop", "192.0.2.1",
                     "mtu", take_below(in, 8) ? 1500 : 576);
}

static json_t *
draw_routers(struct bytes *in)
{
    json_t *routers = json_object();

    for (int i = 0; i < 2; i++) {
        char dpid[17], mac[18], access[16], uplink[16];

        if (take_below(in, 8) == 1) {
            continue;           /* There is none such. */
        }
        snprintf(dpid, sizeof dpid, "%016x", 10 + i);
        snprintf(mac, sizeof mac, "02:00:00:00:00:0%c",
                 'a' + i + (take_below(in, 8) == 1) * 2);
        snprintf(access, sizeof access, "%s-access", names[i]);
        snprintf(uplink, sizeof uplink, "%s-uplink", names[i]);
        json_object_set_new(
            routers, names[i],
            json_pack("{s:s, s:s, s:[s], s:o}", "datapath_id", dpid,
                      "mac", mac, "access_ports", access, "uplink",
                      draw_uplink(in, uplink, 2 + i)));
    }
    return routers;
}

static json_t *
draw_members(struct bytes *in, json_t *routers, int segment)
{
    json_t *members = json_object();

    for (int i = 0; i < 2; i++) {
        char address[32];

        if (!json_object_get(routers, names[i]) || take_below(in, 8) == 1) {
            continue;
        }
        snprintf(address, sizeof address, "10.%d.0.%d", segment, 2 + i);
        json_object_set_new(members, names[i],
                            json_pack("{s:i, s:s}", "priority",
                                      take_below(in, 4), "address",
                                      address));
    }
    return members;
}

static json_t *
draw_segment(struct bytes *in, json_t *routers, int segment)
{
    static const char *const upstreams[] = { "arp", "none", "bgp", "arp" };
    static const char *const proxies[] = { "all", "gateway" };
    char gateway[32], prefix[32];
    json_t *json;

    snprintf(gateway, sizeof gateway, "10.%d.0.1", segment);
    snprintf(prefix, sizeof prefix, "10.%d.0.0/%d", segment,
             take_below(in, 4) == 1 ? 28 : 24);
    json = json_pack("{s:s, s:[s], s:o, s:s, s:s, s:i}", "gateway", gateway,
                     "prefixes", prefix, "routers",
                     draw_members(in, routers, segment), "upstream",
                     draw(in, upstreams, N(upstreams)), "proxy_arp",
                     draw(in, proxies, N(proxies)), "withdraw_after_ms",
                     1000 * take_below(in, 4));
    if (take_below(in, 4) == 1) {
        json_object_set_new(json, "learn", json_false());
    }
    if (segment || take_below(in, 4) == 1) {
        json_object_set_new(json, "vlan",
                            json_pack("[i]", 100 + (int) take_below(in, 2)));
    }
    if (take_below(in, 4) == 1) {
        json_object_set_new(json, "limits",
                            json_pack("{s:i, s:i}", "learned", 2,
                                      "learned_per_port", 1));
    }
    if (take_below(in, 4) != 1) {
        json_object_set_new(json, "dhcp",
                            json_pack("{s:[s]}", "servers", DHCP_SERVER));
    }
    if (take_below(in, 4) == 1) {
        json_object_set_new(json, "election",
                            json_pack("{s:b, s:i}", "preempt", 1,
                                      "hold_down_ms", 500));
    }
    return json;
}

static json_t *
draw_clients(struct bytes *in)
{
    json_t *clients = json_array();

    for (unsigned int n = take_below(in, 3), i = 0; i < n; i++) {
        json_t *client = json_pack("{s:s, s:s}", "address", addrs[i],
                                   "segment", "metro");

        if (take_below(in, 2)) {
            json_object_set_new(client, "mac", json_string(macs[i]));
        }
        json_array_append_new(clients, client);
    }
    return clients;
}

struct config *
play_config(struct bytes *in)
{
    struct config_errors errors = { NULL, 0, 0, 0 };
    json_t *json = json_object();
    json_t *segments = json_object();
    json_t *routers = draw_routers(in);
    struct config *config;

    json_object_set_new(json, "openflow", json_pack("{s:[]}", "listen"));
    if (take_below(in, 8) != 1) {
        json_object_set_new(segments, "metro", draw_segment(in, routers, 0));
    }
    if (take_below(in, 4) == 1) {
        json_object_set_new(segments, "campus",
                            draw_segment(in, routers, 1));
    }
    json_object_set_new(json, "routers", routers);
    json_object_set_new(json, "segments", segments);
    json_object_set_new(json, "clients", draw_clients(in));
    config = config_from_json(json, &errors, NULL);
    config_errors_destroy(&errors);
    json_decref(json);
    return config;
}

void
play_reload(struct bytes *in)
{
    struct config *config = play_config(in);
    char *error = config ? engine_apply(world_engine(), config, true) : NULL;

    if (error) {
        config_destroy(config);
        free(error);
    }
}

/* Frames. */

static struct fh_addr
draw_addr(struct bytes *in)
{
    struct fh_addr addr;

    require(fh_addr_parse(draw(in, addrs, N(addrs)), &addr));
    return addr;
}

static struct eth_addr
draw_mac(struct bytes *in)
{
    struct eth_addr mac;

    require(fh_mac_parse(draw(in, macs, N(macs)), &mac));
    return mac;
}

static uint32_t
draw_port(struct bytes *in)
{
    return take_below(in, 4) == 1 ? WORLD_UPLINK_PORT : 1;
}

static struct bridge *
draw_bridge(struct bytes *in)
{
    return world_bridge_at(take_below(in, 2));
}

static void
say_arp(struct bytes *in)
{
    struct bridge *bridge = draw_bridge(in);
    uint32_t port = draw_port(in);
    uint8_t how = take_byte(in);
    struct fh_vlan vlan = { .n = how >> 6 == 1, .vids = { how >> 5 & 1
                                                          ? 100 : 0 } };
    struct arp arp = {
        .op = how & 1 ? ARP_OP_REPLY : ARP_OP_REQUEST,
        .sha = draw_mac(in), .spa = draw_addr(in),
        .tha = draw_mac(in), .tpa = draw_addr(in),
    };
    struct eth_addr dst = draw_mac(in);
    struct eth_addr src = how & 2 ? draw_mac(in) : arp.sha;

    world_say_arp(bridge, port, dst, src, &vlan, &arp);
}

/* To the router, past no flow. */
static void
say_ip(struct bytes *in)
{
    struct bridge *bridge = draw_bridge(in);

    world_say_ip(bridge, draw_port(in), draw_mac(in), draw_addr(in));
}

static void
punt_bytes(struct bytes *in)
{
    struct bridge *bridge = draw_bridge(in);
    uint32_t port = draw_port(in);
    size_t n;
    const uint8_t *frame = take_bytes(in, 200, &n);

    bridge_punt(bridge, port, frame, n, 0);
}

/* DHCP. */

static uint8_t *
put_address(uint8_t *p, struct fh_addr addr)
{
    memcpy(p, &addr.ip4, 4);
    return p + 4;
}

static uint8_t *
put_option(uint8_t *p, uint8_t code, struct fh_addr addr)
{
    *p++ = code;
    *p++ = 4;
    return put_address(p, addr);
}

/* Writes a DHCP message behind its UDP header, RFC 2131, 2.  Returns its
 * length.  From a server it has come to 'relay'. */
static size_t
put_dhcp(struct bytes *in, uint8_t *udp, struct eth_addr mac,
         const struct fh_addr *relay)
{
    static const uint32_t leases_s[] = { 0, 1, 60, UINT32_MAX };
    struct fh_addr server;
    uint8_t *m = udp + 8, *p = m + 240;

    require(fh_addr_parse(DHCP_SERVER, &server));
    memset(udp, 0, 8 + 240);
    m[0] = relay ? 2 : 1;
    m[1] = 1;
    m[2] = 6;
    m[7] = take_below(in, 2);           /* Transaction. */
    m[10] = take_below(in, 2) << 7;     /* To be broadcast. */
    if (take_below(in, 2)) {
        put_address(m + 12, draw_addr(in));     /* It has one. */
    }
    if (relay) {
        put_address(m + 16, draw_addr(in));
        put_address(m + 24, *relay);
    }
    memcpy(m + 28, &mac, sizeof mac);
    memcpy(m + 236, "\x63\x82\x53\x63", 4);
    *p++ = 53;
    *p++ = 1;
    *p++ = 1 + take_below(in, 8);
    p = put_option(p, 54, server);
    p = put_option(p, 50, draw_addr(in));
    p = put_option(p, 51, (struct fh_addr) {
        htonl(leases_s[take_below(in, N(leases_s))]) });
    *p++ = 255;
    udp[1] = relay ? 67 : 68;
    udp[3] = 67;
    udp[4] = (p - udp) >> 8;
    udp[5] = p - udp;
    return p - udp;
}

/* A frame that comes out of ROUTE, which notes its domain in metadata. */
static void
say_routed(struct bridge *bridge, uint32_t port, uint64_t metadata,
           const uint8_t *frame, size_t len)
{
    uint8_t msg[50 + 600] = { 5, 10 };

    require(len <= sizeof msg - 50);
    wire_put16(msg + 2, 50 + len);
    wire_put32(msg + 8, UINT32_MAX);
    wire_put16(msg + 12, len);
    msg[14] = 1;
    wire_put64(msg + 16, fh_cookie(FH_KIND_BASE, 0));
    wire_put16(msg + 24, 1);
    wire_put16(msg + 26, 24);
    wire_put32(msg + 28, 0x80000004);
    wire_put32(msg + 32, port);
    wire_put32(msg + 36, 0x80000408);
    wire_put64(msg + 40, metadata);
    memcpy(msg + 50, frame, len);
    bridge_say(bridge, msg, 50 + len);
}

/* A client broadcasts; or a client, or a server, speaks to the other through
 * the router, or the server to the router itself. */
static void
say_dhcp(struct bytes *in)
{
    unsigned int i = take_below(in, 2);
    const struct router *router = engine_find_router(world_engine(),
                                                     names[i]);
    unsigned int how = take_below(in, 4);
    struct eth_addr mac = draw_mac(in);
    struct ipv4_envelope envelope = { mac, fh_mac_broadcast(), { .n = 0 } };
    struct ipv4_fields ip = { .dst = { UINT32_MAX }, .proto = 17 };
    uint8_t udp[600], frame[700], *payload;
    uint64_t metadata = 0;
    size_t len;

    if (!router || !router->n_uplinks) {
        return;
    }
    len = put_dhcp(in, udp, mac, (how & 2 ? &router->uplinks[0].config->address
                                            .addr : NULL));
    if (how) {
        metadata = flow_meta_domain(&router->uplinks[0].view);
        envelope.eth_dst = router->config->mac;
        require(fh_addr_parse(DHCP_SERVER, how & 2 ? &ip.src : &ip.dst));
    }
    if (how == 1) {
        metadata |= FLOW_META_FROM_ACCESS;
        ip.src = draw_addr(in);
    } else if (how & 2) {
        ip.dst = how == 2 ? router->uplinks[0].config->address.addr
                          : draw_addr(in);
    }
    require(ipv4_build(frame, sizeof frame, &envelope, &ip, len, &payload));
    memcpy(payload, udp, len);
    say_routed(world_bridge_at(i), how & 2 ? WORLD_UPLINK_PORT : 1, metadata,
               frame, 14 + 20 + len);
}

/* A message that the bridge was not asked for, its length put right. */
static void
say_bytes(struct bytes *in)
{
    struct bridge *bridge = draw_bridge(in);
    uint8_t type = take_byte(in);
    size_t n;
    const uint8_t *body = take_bytes(in, 250, &n);
    uint8_t msg[8 + 250] = { 5, type, 0, 8 + n, 0, 0, 0, take_byte(in) };

    memcpy(msg + 8, body, n);
    bridge_say(bridge, msg, 8 + n);
}

/* What happens to bridges, hosts, and by operators. */

static void
plug(struct bytes *in)
{
    struct bridge *bridge = draw_bridge(in);

    if (bridge_is_connected(bridge)) {
        bridge_disconnect(bridge);  /* A second one is for ofserver.c. */
    } else {
        bridge_connect(bridge);
    }
}

static void
change_port(struct bytes *in)
{
    unsigned int i = take_below(in, 2);
    uint8_t how = take_byte(in);
    char port[16];

    snprintf(port, sizeof port, "%s-%s", names[i],
             how & 1 ? "uplink" : "access");
    if (bridge_is_connected(world_bridge_at(i))) {
        bridge_set_port_up(world_bridge_at(i), port, how & 2);
    }
}

static void
trouble(struct bytes *in)
{
    struct bridge *bridge = draw_bridge(in);
    bool on = take_below(in, 2);

    switch (take_below(in, 8)) {
    case 0: bridge_hold(bridge, on); break;
    case 1: bridge_refuse(bridge, on); break;
    case 2: bridge_hide_flows(bridge, on); break;
    case 3: bridge_stall(bridge, on); break;
    case 4: bridge_power(bridge, !on); break;
    case 5: bridge_flood(bridge, take_below(in, 2), on); break;
    case 6: world_core_answers(bridge, !on); break;
    case 7: world_set_path(world_bridge_at(0), world_bridge_at(1),
                           take_below(in, 2), !on); break;
    }
}

static void
move_host(struct bytes *in)
{
    static const char *const hosts[] = { "C", "D", "E" };
    struct host *host = world_host(draw(in, hosts, N(hosts)));

    switch (take_below(in, 4)) {
    case 0: host_place(host, draw_bridge(in), take_below(in, 2)); break;
    case 1: host_set_mood(host, take_below(in, 4)); break;
    case 2: host_set_mac(host, draw(in, macs, 3)); break;
    case 3: host_ask(host, draw(in, addrs, N(addrs))); break;
    }
}

static void
operate(struct bytes *in)
{
    struct engine *en = world_engine();
    struct clients *clients = engine_clients(en);
    size_t n = clients_count(clients);
    struct client *c = n ? clients_at(clients, take_byte(in) % n) : NULL;
    struct router *router = engine_find_router(en, draw(in, names, 2));
    unsigned int what = take_below(in, 6);

    switch (what) {
    case 0:
        if (router) {
            free(engine_set_draining(en, router, take_below(in, 2)));
        }
        break;
    case 1:
        if (c) {
            free(engine_move(en, c, take_byte(in) % c->n_reaches));
        }
        break;
    case 2:
        if (c) {
            free(engine_delete(en, c));
        }
        break;
    case 3:
        if (router) {
            free(engine_set_uplink_down(en, router, take_below(in, 2)));
        }
        break;
    case 4:
        if (engine_n_segments(en)) {
            size_t i = take_byte(in) % engine_n_segments(en);

            free(engine_sweep(en, engine_segment(en, i), NULL));
        }
        break;
    case 5:
        say_ip(in);
        break;
    }
}

static void
leap(struct bytes *in)
{
    static const int steps_ms[] = { 1, 10, 100, 1000, 10000 };
    int step = steps_ms[take_below(in, N(steps_ms))];

    for (unsigned int n = 1 + take_below(in, 4); n; n--) {
        world_leap_to(world_now_ms() + step);
    }
}

void
play_act(struct bytes *in)
{
    switch (take_below(in, 18)) {
    case 0: case 1: case 2: case 3: case 4: say_arp(in); break;
    case 5: case 6: punt_bytes(in); break;
    case 7: say_bytes(in); break;
    case 8: plug(in); break;
    case 9: change_port(in); break;
    case 10: trouble(in); break;
    case 11: move_host(in); break;
    case 12: operate(in); break;
    case 13: play_reload(in); break;
    case 14: case 15: say_dhcp(in); break;
    default: leap(in); break;
    }
    world_settle();
}

/* Begin and end. */

/* What the bridges hold before the first host speaks: most of what it costs
 * to begin is to tell them. */
static struct flowtab *base_flows[2];

static void
start(void)
{
    struct bytes none = { NULL, NULL };
    struct config *config = play_config(&none);

    require(config != NULL);
    world_create(NULL, NULL);
    world_start(config);
}

static void
connect_bridges(void)
{
    bridge_connect(world_bridge_at(0));
    bridge_connect(world_bridge_at(1));
    world_settle();
}

static void
learn_base_flows(void)
{
    start();
    connect_bridges();
    for (int i = 0; i < 2; i++) {
        base_flows[i] = flowtab_copy(world_bridge_at(i)->flows);
    }
    world_destroy();
}

static void
give_base_flows(void)
{
    for (int i = 0; i < 2; i++) {
        struct bridge *bridge = world_bridge_at(i);

        flowtab_destroy(bridge->flows);
        bridge->flows = flowtab_copy(base_flows[i]);
    }
}

void
play_begin(void)
{
    log_set_level(LOG_LVL_ERR);
    if (!base_flows[0]) {
        learn_base_flows();
    }
    start();
    give_base_flows();
    for (int i = 0; i < 3; i++) {
        static const char *const hosts[] = { "C", "D", "E" };
        struct host *host = world_add_host(hosts[i], addrs[i], macs[i]);

        host_place(host, world_bridge_at(i % 2), 1);
    }
    connect_bridges();
}

void
play_end(void)
{
    for (int i = 0; i < 8; i++) {
        world_leap_to(world_now_ms() + END_MS / 8);
    }
    world_destroy();
}
