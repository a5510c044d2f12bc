/* Hosts and the core's next hop: what they make of the frames that bridges
 * send, and what they say themselves.  See world.h. */
#include <config.h>

#include "tests/transcripts/world.h"

#include <stdio.h>
#include <stdlib.h>

#include "flows/ipv4.h"
#include "tests/transcripts/world_private.h"

#define ANSWER_MS 1             /* From a request to its answer, */
#define SLOW_MS   900           /* and of a slow host. */

struct host {
    char name[16];
    struct fh_addr addr;
    struct eth_addr mac;
    struct fh_vlan vlan;
    struct { struct bridge *bridge; uint32_t port; } places[
        WORLD_MAX_BRIDGES];
    size_t n_places;
    enum host_mood mood;
    uint32_t n_asked;
};

static struct {
    struct host hosts[WORLD_MAX_HOSTS];
    size_t n;
    bool show_probes, show_core;
} all;

static const struct eth_addr next_hop_mac = { .ea = { 2, 0, 0, 0, 0, 1 } };
static const struct eth_addr broadcast = {
    .ea = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }
};

static void
fail(const char *what, const char *name)
{
    fprintf(stderr, "%s: %s\n", what, name);
    exit(2);
}

void
hosts_clear(void)
{
    memset(&all, 0, sizeof all);
}

void
world_show_probes(bool show)
{
    all.show_probes = show;
}

void
world_show_core(bool show)
{
    all.show_core = show;
}

/* Hosts. */

struct host *
world_add_host(const char *name, const char *addr, const char *mac)
{
    struct host *h = &all.hosts[all.n++];

    snprintf(h->name, sizeof h->name, "%s", name);
    if (all.n > WORLD_MAX_HOSTS || !fh_addr_parse(addr, &h->addr)) {
        fail("no host", name);
    }
    host_set_mac(h, mac);
    return h;
}

struct host *
world_host(const char *name)
{
    for (size_t i = 0; i < all.n; i++) {
        if (!strcmp(all.hosts[i].name, name)) {
            return &all.hosts[i];
        }
    }
    fail("no such host", name);
    return NULL;
}

void
host_set_vlan(struct host *h, const struct fh_vlan *vlan)
{
    h->vlan = *vlan;
}

void
host_set_mac(struct host *h, const char *mac)
{
    if (!fh_mac_parse(mac, &h->mac)) {
        fail("no MAC", mac);
    }
}

void
host_place(struct host *h, struct bridge *b, uint32_t port)
{
    size_t i = 0;

    while (i < h->n_places && h->places[i].bridge != b) {
        i++;
    }
    h->places[i].bridge = b;
    h->places[i].port = port;
    h->n_places = i == h->n_places ? i + 1 : h->n_places;
}

void
host_set_mood(struct host *h, enum host_mood mood)
{
    h->mood = mood;
}

uint32_t
host_n_asked(const struct host *h)
{
    return h->n_asked;
}

static void
say_from(const struct host *h, struct bridge *b, uint32_t port,
         struct eth_addr dst, const struct arp *arp)
{
    uint8_t frame[ARP_FRAME_MAX];
    size_t len = arp_build(frame, dst, &h->vlan, arp);

    bridge_punt(b, port, frame, len, arp->op != ARP_OP_REPLY ? 0
                : h->mood == HOST_SLOW ? SLOW_MS : ANSWER_MS);
}

static void
broadcast_request(struct host *h, struct fh_addr sender,
                  struct fh_addr target)
{
    struct arp arp = { .op = ARP_OP_REQUEST, .sha = h->mac, .spa = sender,
                       .tpa = target };

    for (size_t i = 0; i < h->n_places; i++) {
        if (h->places[i].port) {
            say_from(h, h->places[i].bridge, h->places[i].port, broadcast,
                     &arp);
        }
    }
}

void
host_ask(struct host *h, const char *target)
{
    struct fh_addr addr;

    if (!fh_addr_parse(target, &addr)) {
        fail("no address", target);
    }
    broadcast_request(h, h->addr, addr);
}

void
host_announce(struct host *h)
{
    broadcast_request(h, h->addr, h->addr);
}

void
host_probe_address(struct host *h)
{
    broadcast_request(h, (struct fh_addr) { 0 }, h->addr);
}

void
world_say_arp(struct bridge *b, uint32_t port, struct eth_addr dst,
              struct eth_addr src, const struct fh_vlan *vlan,
              const struct arp *arp)
{
    uint8_t frame[ARP_FRAME_MAX];
    size_t len = arp_build(frame, dst, vlan, arp);

    memcpy(frame + sizeof dst, &src, sizeof src);
    bridge_punt(b, port, frame, len, 0);
}

/* What bridges send. */

static const struct config_router *
router_of(const struct bridge *b)
{
    const struct config *config = engine_config(world_engine());
    size_t i = config_find_router(config, b->name);

    return i == SIZE_MAX ? NULL : &config->routers[i];
}

void
world_say_ip(struct bridge *b, uint32_t port, struct eth_addr mac,
             struct fh_addr addr)
{
    const struct config_router *router = router_of(b);     /* Or it left. */
    const struct ipv4_envelope envelope = {
        .eth_src = mac, .eth_dst = router ? router->mac : mac,
    };
    const struct ipv4_fields fields = {
        .src = addr, .dst = { htonl(0xc6336401u) }, .proto = IPV4_PROTO_UDP,
    };
    uint8_t frame[IPV4_FRAME_MAX(IPV4_MIN_MTU)];
    uint8_t *payload;
    size_t len = ipv4_build(frame, sizeof frame, &envelope, &fields, 8,
                            &payload);

    memset(payload, 0, 8);
    bridge_punt(b, port, frame, len, 0);
}

/* Is 'addr' a local address of the router in some segment? */
static bool
is_local(const struct bridge *b, struct fh_addr addr)
{
    const struct config *config = engine_config(world_engine());

    if (fh_addr_is_zero(addr)) {
        return true;            /* As good as one, for a probe. */
    }
    for (size_t i = 0; i < config->n_segments; i++) {
        for (size_t j = 0; j < config->segments[i].n_members; j++) {
            const struct config_member *m = &config->segments[i].members[j];

            if (fh_addr_equal(m->address, addr)
                && !strcmp(config->routers[m->router].name, b->name)) {
                return true;
            }
        }
    }
    return false;
}

/* Of MurmurHash3: the same each time that a transcript runs. */
static uint32_t
by_chance(uint32_t x)
{
    x = (x ^ x >> 16) * UINT32_C(0x85ebca6b);
    x = (x ^ x >> 13) * UINT32_C(0xc2b2ae35);
    return x ^ x >> 16;
}

/* Does it answer what it is asked now? */
static bool
is_willing(const struct host *h, const struct bridge *b,
           const struct arp *asked)
{
    switch (h->mood) {
    case HOST_LAZY:
        return h->n_asked % 2 == 0;
    case HOST_IGNORES_NOTICES:
        return is_local(b, asked->spa);
    case HOST_DOZES:
        return world_now_ms() / 1000 % 2 == 0;
    case HOST_BUSY:
        return by_chance(h->n_asked) >> 30 == 0;
    case HOST_SILENT:
        return false;
    case HOST_ANSWERS:
    case HOST_SLOW:
        break;
    }
    return true;
}

static void
host_answer(struct host *h, struct bridge *b, uint32_t port,
            const struct frame *frame, const struct arp *asked)
{
    struct arp arp = { .op = ARP_OP_REPLY, .sha = h->mac, .spa = h->addr,
                       .tha = asked->sha, .tpa = asked->spa };

    if (!fh_addr_equal(asked->tpa, h->addr)
        || !(fh_mac_equal(frame->dst, h->mac)
             || fh_mac_equal(frame->dst, broadcast))
        || !fh_vlan_equal(&frame->vlan, &h->vlan)) {
        return;
    }
    h->n_asked++;
    if (!is_willing(h, b, asked)) {
        return;
    }
    for (size_t i = 0; i < h->n_places; i++) {
        if (h->places[i].bridge == b && h->places[i].port == port) {
            say_from(h, b, port, asked->sha, &arp);
        }
    }
}

static void
access_arp(struct bridge *b, uint32_t port, const struct frame *frame,
           const struct arp *arp)
{
    bool announces = arp_is_announcement(arp);
    bool probe = (arp->op == ARP_OP_REQUEST && !announces
                  && is_local(b, arp->spa));
    char sender[FH_ADDR_STRLEN], target[FH_ADDR_STRLEN], mac[FH_MAC_STRLEN];
    char vlan[FH_VLAN_STRLEN];

    b->n_probes += probe;
    if (!probe || all.show_probes) {
        fh_addr_format(arp->spa, sender);
        world_say("%s %s %s port %u %s%s%s%s%s", b->name,
                  probe ? "probes" : announces ? "announces"
                  : arp->op == ARP_OP_REQUEST ? "notifies" : "answers",
                  fh_addr_format(arp->tpa, target), port,
                  fh_mac_equal(frame->dst, broadcast) ? "broadcast"
                  : fh_mac_format(frame->dst, mac),
                  probe || announces ? "" : " for ",
                  probe || announces ? "" : sender,
                  frame->vlan.n ? " vlan " : "",
                  frame->vlan.n ? fh_vlan_format(&frame->vlan, vlan) : "");
    }
    for (size_t i = 0; arp->op == ARP_OP_REQUEST && i < all.n; i++) {
        host_answer(&all.hosts[i], b, port, frame, arp);
    }
}

/* Beacons. */

/* The bridge that has 'addr', in some segment or as its uplink's. */
static struct bridge *
find_peer(const struct bridge *b, struct fh_addr addr, bool core)
{
    struct bridge *other;

    for (size_t i = 0; (other = world_bridge_at(i)); i++) {
        const struct config_router *router = router_of(other);

        if (other != b && router
            && (core ? fh_addr_equal(router->uplink.address.addr, addr)
                : is_local(other, addr))) {
            return other;
        }
    }
    return NULL;
}

/* Is it a beacon?  Then the other bridge answers it, by its flow, with the
 * number that it carries. */
static bool
is_beacon(struct bridge *b, uint32_t port, const struct frame *frame,
          const struct arp *asked)
{
    bool core = port == WORLD_UPLINK_PORT;
    struct bridge *other = (asked->op == ARP_OP_REQUEST
                            ? find_peer(b, asked->tpa, core) : NULL);
    struct arp arp = { .op = ARP_OP_REPLY, .spa = asked->tpa,
                       .tha = asked->tha, .tpa = asked->spa };
    uint8_t buf[ARP_FRAME_MAX];

    if (!other) {
        return false;
    }
    arp.sha = fh_mac_of_beacons(router_of(other)->mac);
    if (fh_mac_equal(frame->dst, arp.sha)
        && world_path_works(b, other, core)) {
        bridge_punt(b, port, buf, arp_build(buf, asked->sha, &frame->vlan,
                                            &arp), ANSWER_MS);
    }
    return true;
}

static void
core_answer(struct bridge *b, const struct frame *frame,
            const struct arp *asked)
{
    struct arp arp = { .op = ARP_OP_REPLY, .sha = next_hop_mac,
                       .spa = asked->tpa, .tha = asked->sha,
                       .tpa = asked->spa };
    uint8_t buf[ARP_FRAME_MAX];
    size_t len = arp_build(buf, asked->sha, &frame->vlan, &arp);

    if (!b->core_silent) {
        bridge_punt(b, b->uplink, buf, len, ANSWER_MS);
    }
}

static void
uplink_arp(struct bridge *b, const struct config_router *router,
           const struct frame *frame, const struct arp *arp)
{
    bool asks = fh_addr_equal(arp->tpa, router->uplink.next_hop);
    bool own = fh_addr_equal(arp->spa, router->uplink.address.addr);
    char sender[FH_ADDR_STRLEN];

    if (!own || all.show_core) {
        world_say("%s %s %s%s", b->name,
                  arp->op == ARP_OP_REPLY ? "answers the core for"
                  : arp_is_announcement(arp) ? "announces"
                  : own ? "asks for the next hop as" : "tells the core",
                  fh_addr_format(arp->spa, sender),
                  fh_mac_equal(frame->dst, broadcast) ? " broadcast" : "");
    }
    if (arp->op == ARP_OP_REQUEST && asks) {
        core_answer(b, frame, arp);
    }
}

void
hosts_receive(struct bridge *b, uint32_t port, const uint8_t *data,
              size_t len)
{
    const struct config_router *router = router_of(b);
    struct frame frame;
    struct arp arp;

    if (!bridge_port_is_up(b, port)) {
        return;
    }
    if (frame_parse(data, len, &frame) || arp_parse(&frame, &arp)) {
        world_say("%s sends by port %u what is no ARP", b->name, port);
        return;
    }
    if (router && fh_mac_equal(arp.sha, fh_mac_of_beacons(router->mac))
        && is_beacon(b, port, &frame, &arp)) {
        return;
    }
    if (!router || !fh_mac_equal(arp.sha, router->mac)) {
        world_say("%s sends what another router should", b->name);
    } else if (port == b->uplink) {
        uplink_arp(b, router, &frame, &arp);
    } else {
        access_arp(b, port, &frame, &arp);
    }
}
