/* What is behind the ports of the emulated bridges: hosts behind the access
 * ports, the next hop behind the uplink.  Called by bridge.c with frames that
 * go out; hands frames that come in to bridge_packet_in(). */
#include <config.h>

#include "tests/bench/lease.h"

#include <stdlib.h>

#define SLOT_NS UINT64_C(100000)
#define N_SLOTS 8192                /* So a delay is at most 800 ms. */
#define CANARY_NS (5 * MSEC_NS)
#define CANARY_LOST_NS SEC_NS

const uint8_t net_next_hop_mac[6] = { 0x02, 0xcc, 0, 0, 0, 1 };

/* A frame on its way into a bridge: 'len' bytes follow. */
struct delayed {
    uint8_t bridge;                 /* Bytes only: it lies in a byte buffer. */
    uint8_t port;
    uint8_t len[2];
};

/* A wheel of slots: slot t % N_SLOTS holds what is due in [t, t + 1) times
 * SLOT_NS. */
struct net {
    struct fh_buf slots[N_SLOTS];
    size_t n_delayed;
    uint64_t done_slot;             /* Everything before it has been sent. */
    uint64_t seed;
};

void
net_init(struct loadgen *lg)
{
    lg->net = fh_xcalloc(1, sizeof *lg->net);
    lg->net->seed = 88172645463325252u;
    lg->net->done_slot = lg->now_ns / SLOT_NS;
}

void
net_destroy(struct loadgen *lg)
{
    for (size_t i = 0; i < N_SLOTS; i++) {
        fh_buf_destroy(&lg->net->slots[i]);
    }
    free(lg->net);
}

/* Marsaglia's xorshift64: the same jitter in every run. */
static uint64_t
next_random(struct net *net)
{
    net->seed ^= net->seed << 13;
    net->seed ^= net->seed >> 7;
    net->seed ^= net->seed << 17;
    return net->seed;
}

void
net_deliver(struct bridge *b, uint32_t port, const uint8_t *frame, size_t len)
{
    struct loadgen *lg = b->lg;
    struct net *net = lg->net;
    uint64_t delay_ns = lg->opt.delay_ns;

    if (lg->opt.jitter_ns) {
        delay_ns += next_random(net) % lg->opt.jitter_ns;
    }
    if (!delay_ns) {
        bridge_packet_in(b, port, frame, len);
        return;
    }

    uint64_t slot = (lg->now_ns + delay_ns) / SLOT_NS;
    if (slot < net->done_slot) {
        slot = net->done_slot;
    } else if (slot >= net->done_slot + N_SLOTS) {
        slot = net->done_slot + N_SLOTS - 1;
    }
    struct delayed *d = fh_buf_put(&net->slots[slot % N_SLOTS],
                                   sizeof *d + len);
    d->bridge = (uint8_t) b->id;
    d->port = (uint8_t) port;
    wire_put16(d->len, (uint16_t) len);
    memcpy(d + 1, frame, len);
    net->n_delayed++;
}

uint32_t
net_port_of(const struct loadgen *lg, size_t host)
{
    return 1 + (uint32_t) (host % lg->opt.n_access);
}

void
net_ask(struct loadgen *lg, size_t i, uint32_t bridges)
{
    uint8_t frame[ARP_LEN];

    hosts_ask(&lg->hosts, i, lg->now_ns, frame);
    for (unsigned b = 0; b < lg->opt.n_bridges; b++) {
        if (bridges >> b & 1
            && host_is_reached(&lg->hosts, &lg->hosts.hosts[i], (int) b)) {
            bridge_packet_in(&lg->bridges[b], net_port_of(lg, i), frame,
                             ARP_LEN);
        }
    }
}

/* The bridge that a beacon goes to, which answers it by a flow: NULL if it is
 * not there. */
static const struct bridge *
find_beacon_target(const struct bridge *from, uint32_t port,
                   const uint8_t *dst)
{
    const struct loadgen *lg = from->lg;

    for (unsigned i = 0; i < lg->opt.n_bridges; i++) {
        const struct bridge *b = &lg->bridges[i];

        if (b != from && b->want && !memcmp(b->beacon_mac, dst, 6)) {
            return (port != bridge_uplink(from)
                    && (b->port_down | from->port_down) >> (port - 1) & 1
                    ? NULL : b);
        }
    }
    return NULL;
}

/* Beacons come from a MAC of their own (fh_mac_of_beacons()).  Returns true if
 * this is one. */
static bool
beacon_output(struct bridge *b, uint32_t port, const uint8_t *frame,
              size_t len)
{
    const uint8_t *sha = frame + ARP_OFF_SHA;
    uint8_t reply[ARP_LEN];

    if (!wire_is_arp(frame, len) || !(sha[0] & 0x40)
        || wire_get16(frame + ARP_OFF_OP) != ARP_REQUEST) {
        return false;
    }
    memcpy(b->beacon_mac, sha, 6);
    if (find_beacon_target(b, port, frame)) {
        wire_put_arp(reply, sha, ARP_REPLY, frame,
                     wire_get32(frame + ARP_OFF_TPA), frame + ARP_OFF_THA,
                     wire_get32(frame + ARP_OFF_SPA));
        net_deliver(b, port, reply, ARP_LEN);
    }
    return true;
}

/* The next hop: answers for itself, and hears who announces a host. */
static void
uplink_output(struct bridge *b, const uint8_t *frame, size_t len)
{
    struct loadgen *lg = b->lg;

    if (!wire_is_arp(frame, len)) {
        return;
    }

    const uint8_t *sha = frame + ARP_OFF_SHA;
    uint32_t spa = wire_get32(frame + ARP_OFF_SPA);
    uint32_t tpa = wire_get32(frame + ARP_OFF_TPA);
    struct host *h = hosts_find(&lg->hosts, spa);
    if (h && !h->told_ns && b->id != h->marked_gateway) {
        h->told_ns = lg->now_ns;
    }
    if (wire_get16(frame + ARP_OFF_OP) == ARP_REQUEST
        && tpa == lg->opt.next_hop_ip) {
        uint8_t reply[ARP_LEN];

        wire_put_arp(reply, sha, ARP_REPLY, net_next_hop_mac, tpa, sha, spa);
        net_deliver(b, bridge_uplink(b), reply, ARP_LEN);
    }
}

/* The closed loop: 'h' was answered, so it asks again, the router that it
 * believes in alone. */
static void
window_turn(struct bridge *b, const struct host *h)
{
    struct loadgen *lg = b->lg;

    lg->window.answers++;
    net_ask(lg, hosts_index(&lg->hosts, h), UINT32_C(1) << h->gateway);
}

/* The same against a controller whose answer does not say whom it is for:
 * one answer, one more request, from any host. */
static void
window_turn_any(struct bridge *b)
{
    struct loadgen *lg = b->lg;
    size_t i = lg->window.answers++ % lg->hosts.n;
    uint8_t frame[ARP_LEN];

    hosts_ask(&lg->hosts, i, 0, frame);
    bridge_packet_in(b, net_port_of(lg, i), frame, ARP_LEN);
}

static void
access_output(struct bridge *b, uint32_t port, const uint8_t *frame,
              size_t len)
{
    struct loadgen *lg = b->lg;
    uint8_t reply[ARP_LEN];
    struct host *h;

    switch (hosts_receive(&lg->hosts, b->id, frame, len, lg->now_ns, &h,
                          reply)) {
    case HOSTS_REPLY:
        if (net_port_of(lg, hosts_index(&lg->hosts, h)) == port) {
            net_deliver(b, port, reply, ARP_LEN);
        }
        break;
    case HOSTS_ANSWERED:
        if (lg->window.on) {
            window_turn(b, h);
        }
        break;
    case HOSTS_NOTED:
    case HOSTS_IGNORED:
        break;
    }
}

void
net_output(struct bridge *b, uint32_t port, uint32_t in_port,
           const uint8_t *frame, size_t len)
{
    if (b->lg->window.on && b->lg->window.any) {
        window_turn_any(b);
        return;
    }
    if (port == OFPP_IN_PORT) {
        port = in_port;
    }
    if (beacon_output(b, port, frame, len)
        || lease_output(b, port, frame, len)) {
        return;
    }
    if (port == bridge_uplink(b)) {
        uplink_output(b, frame, len);
    } else if (port >= 1 && port <= b->lg->opt.n_access) {
        access_output(b, port, frame, len);
    }
}

/* The next canary asks, unless it is still waiting for its last answer. */
static void
send_canary(struct loadgen *lg)
{
    size_t n = lg->opt.n_canaries;
    size_t i = lg->hosts.n - n + lg->canary_at++ % n;
    struct host *h = &lg->hosts.hosts[i];

    if (h->asked_ns && lg->now_ns - h->asked_ns > CANARY_LOST_NS) {
        lg->canary_lost++;
        h->asked_ns = 0;
    }
    if (!h->asked_ns) {
        net_ask(lg, i, h->attached);
    }
    lg->canary_next_ns = lg->now_ns + CANARY_NS;
}

void
net_run(struct loadgen *lg)
{
    struct net *net = lg->net;
    uint64_t now_slot = lg->now_ns / SLOT_NS;

    while (net->done_slot < now_slot && net->n_delayed) {
        struct fh_buf *slot = &net->slots[net->done_slot % N_SLOTS];

        for (size_t pos = 0; pos < slot->len; net->n_delayed--) {
            const struct delayed *d = (const void *) (slot->data + pos);
            size_t len = wire_get16(d->len);

            bridge_packet_in(&lg->bridges[d->bridge], d->port,
                             (const uint8_t *) (d + 1), len);
            pos += sizeof *d + len;
        }
        fh_buf_clear(slot);
        net->done_slot++;
    }
    if (!net->n_delayed && net->done_slot < now_slot) {
        net->done_slot = now_slot;
    }
    if (lg->canary_on && lg->now_ns >= lg->canary_next_ns) {
        send_canary(lg);
    }
}

uint64_t
net_next_ns(const struct loadgen *lg)
{
    uint64_t next_ns = lg->canary_on ? lg->canary_next_ns : UINT64_MAX;

    if (lg->net->n_delayed) {
        uint64_t slot = lg->net->done_slot;

        while (!lg->net->slots[slot % N_SLOTS].len) {
            slot++;
        }
        if ((slot + 1) * SLOT_NS < next_ns) {
            next_ns = (slot + 1) * SLOT_NS;
        }
    }
    return next_ns;
}
