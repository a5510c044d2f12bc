/* DHCP in the load generator.  See lease.h.
 *
 *   host    DISCOVER -> OFFER -> REQUEST -> ACK, and asks for its gateway
 *   server  answers both at once, to giaddr (RFC 2131, 4.1), with the relay
 *           information that it was sent (RFC 3046, 2.2) */
#include <config.h>

#include "tests/bench/lease.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "flows/dhcp.h"

#define MESSAGE_LEN 300
#define OPTIONS 240
#define LEASE_S 3600
#define REPLY_MAX 1024

static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

enum state { IDLE, DISCOVERING, REQUESTING, BOUND };

struct lessee {
    enum state state;
    uint64_t begun_ns, said_ns;
    unsigned n_said, n_heard;   /* Messages: by it, and by the server. */
};

struct leases {
    struct lessee *lessees;     /* Owned, 'n' of them. */
    size_t n;
    struct lease_counters counters;
    struct dist times;
};

struct leases *
lease_create(size_t n_hosts)
{
    struct leases *leases = fh_xcalloc(1, sizeof *leases);

    leases->lessees = fh_xcalloc(n_hosts, sizeof *leases->lessees);
    leases->n = n_hosts;
    return leases;
}

void
lease_destroy(struct leases *leases)
{
    dist_destroy(&leases->times);
    free(leases->lessees);
    free(leases);
}

void
lease_begin(struct leases *leases)
{
    memset(leases->lessees, 0, leases->n * sizeof *leases->lessees);
    memset(&leases->counters, 0, sizeof leases->counters);
    dist_clear(&leases->times);
}

const struct lease_counters *
lease_counters(const struct leases *leases)
{
    return &leases->counters;
}

struct dist *
lease_times(struct leases *leases)
{
    return &leases->times;
}

/* Messages. */

/* Starts a message in 'frame': everything but its options, which go to where
 * the return value points.  'mac' is the client's; addresses in host order. */
static uint8_t *
put_message(uint8_t *frame, int op, uint32_t xid, const uint8_t mac[6])
{
    uint8_t *m = frame + UDP_OFF_DATA;

    memset(frame, 0, UDP_OFF_DATA + MESSAGE_LEN);
    m[0] = (uint8_t) op;
    m[1] = 1;                           /* Ethernet. */
    m[2] = 6;
    wire_put32(m + 4, xid);
    memcpy(m + 28, mac, 6);
    wire_put32(m + 236, 0x63825363);
    return m + OPTIONS;
}

static uint8_t *
put_option(uint8_t *p, uint8_t code, const uint8_t *data, size_t len)
{
    p[0] = code;
    p[1] = (uint8_t) len;
    memcpy(p + 2, data, len);
    return p + 2 + len;
}

static uint8_t *
put_option32(uint8_t *p, uint8_t code, uint32_t value)
{
    uint8_t data[4];

    wire_put32(data, value);
    return put_option(p, code, data, sizeof data);
}

/* Ends the message at 'options' and puts the headers before it.  Returns the
 * length of the frame. */
static size_t
put_headers(uint8_t *frame, uint8_t *options, const uint8_t *eth_dst,
            const uint8_t *eth_src, uint32_t src, uint32_t dst, int src_port)
{
    size_t len = (size_t) (options - frame) + 1;
    uint8_t *ip = frame + 14;

    *options = 255;
    if (len < UDP_OFF_DATA + MESSAGE_LEN) {
        len = UDP_OFF_DATA + MESSAGE_LEN;
    }
    memcpy(frame, eth_dst, 6);
    memcpy(frame + 6, eth_src, 6);
    wire_put16(frame + 12, 0x0800);
    ip[0] = 0x45;
    wire_put16(ip + 2, (uint16_t) (len - 14));
    ip[8] = 64;
    ip[9] = IP_PROTO_UDP;
    wire_put32(ip + 12, src);
    wire_put32(ip + 16, dst);
    wire_put16(ip + 10, ipv4_checksum(ip, 20));
    wire_put16(frame + UDP_OFF_SRC, (uint16_t) src_port);
    wire_put16(frame + UDP_OFF_DST, DHCP_SERVER_PORT);
    wire_put16(frame + UDP_OFF_DST + 2, (uint16_t) (len - UDP_OFF_SRC));
    return len;                         /* Without a checksum: RFC 768. */
}

/* Reads the DHCP message in 'frame', which it borrows. */
static bool
parse(const uint8_t *frame, size_t len, struct dhcp *dhcp)
{
    struct frame parsed;
    struct ipv4 ip;

    return (wire_is_udp(frame, len)
            && frame_parse(frame, len, &parsed) == FRAME_OK
            && !ipv4_parse(&parsed, &ip) && !dhcp_parse(&ip, dhcp));
}

/* The host in whose name a message is, or 'n'. */
static size_t
find_host(const struct leases *leases, const struct dhcp *dhcp)
{
    uint32_t i = wire_get32(dhcp->mac.ea + 2);

    return i < leases->n && dhcp->xid == i + 1 ? i : leases->n;
}

/* Hosts. */

static uint32_t
address_of(const struct loadgen *lg, size_t i)
{
    return lg->opt.first_ip + (uint32_t) i;
}

static void
say(struct loadgen *lg, size_t i)
{
    struct lessee *l = &lg->leases->lessees[i];
    uint8_t frame[UDP_OFF_DATA + MESSAGE_LEN], mac[6], *p;
    const uint8_t type = (l->state == DISCOVERING ? DHCP_DISCOVER
                          : DHCP_REQUEST);
    size_t len;

    l->said_ns = lg->now_ns;
    l->n_said++;
    hosts_put_mac(mac, i);
    p = put_message(frame, 1, (uint32_t) i + 1, mac);
    p = put_option(p, 53, &type, 1);
    if (type == DHCP_REQUEST) {
        p = put_option32(p, 50, address_of(lg, i));
        p = put_option32(p, 54, lg->opt.server_ip);
    }
    len = put_headers(frame, p, broadcast, mac, 0, UINT32_MAX,
                      DHCP_CLIENT_PORT);
    for (unsigned b = 0; b < lg->opt.n_bridges; b++) {
        if (host_is_reached(&lg->hosts, &lg->hosts.hosts[i], (int) b)) {
            bridge_packet_in(&lg->bridges[b], net_port_of(lg, i), frame, len);
        }
    }
}

void
lease_want(struct loadgen *lg, size_t i)
{
    struct lessee *l = &lg->leases->lessees[i];

    l->state = DISCOVERING;
    l->begun_ns = lg->now_ns;
    say(lg, i);
}

void
lease_repeat(struct loadgen *lg, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct lessee *l = &lg->leases->lessees[i];

        if (l->state != IDLE && l->state != BOUND
            && lg->now_ns - l->said_ns >= LEASE_REPEAT_NS) {
            lg->leases->counters.repeated++;
            say(lg, i);
        }
    }
}

/* It has its address: and asks for the gateway, as a host would. */
static void
bind_host(struct loadgen *lg, size_t i)
{
    struct leases *leases = lg->leases;
    struct lessee *l = &leases->lessees[i];

    l->state = BOUND;
    leases->counters.bound++;
    leases->counters.early += !lg->hosts.hosts[i].holders;
    dist_add(&leases->times, lg->now_ns - l->begun_ns);
    net_ask(lg, i, lg->hosts.hosts[i].attached);
}

static void
host_hears(struct bridge *b, uint32_t port, const struct dhcp *dhcp)
{
    struct loadgen *lg = b->lg;
    struct leases *leases = lg->leases;
    size_t i = find_host(leases, dhcp);
    struct lessee *l = &leases->lessees[i];

    if (i == leases->n || net_port_of(lg, i) != port
        || !host_is_reached(&lg->hosts, &lg->hosts.hosts[i], b->id)) {
        return;
    }
    if (dhcp->yiaddr.ip4 != htonl(address_of(lg, i)) || l->state == IDLE
        || (dhcp->type != DHCP_OFFER && dhcp->type != DHCP_ACK)) {
        leases->counters.unasked++;
    } else if (dhcp->type == DHCP_OFFER && l->state == DISCOVERING) {
        l->state = REQUESTING;
        say(lg, i);
    } else if (dhcp->type == DHCP_ACK && l->state == REQUESTING) {
        bind_host(lg, i);
    }
}

/* The server. */

/* Option 'code' of a message as it came, or NULL. */
static const uint8_t *
find_option(const struct dhcp *dhcp, uint8_t code)
{
    const uint8_t *p = dhcp->message + OPTIONS;

    while (*p != 255) {         /* It has been parsed: it ends. */
        if (*p == code) {
            return p;
        }
        p += *p ? 2u + p[1] : 1u;
    }
    return NULL;
}

static void
server_hears(struct bridge *b, const uint8_t *request, const struct dhcp *dhcp)
{
    struct loadgen *lg = b->lg;
    struct leases *leases = lg->leases;
    size_t i = find_host(leases, dhcp);
    struct lessee *l = &leases->lessees[i];
    const uint8_t type = dhcp->type == DHCP_DISCOVER ? DHCP_OFFER : DHCP_ACK;
    const uint8_t *relay_info = find_option(dhcp, 82);
    uint8_t frame[REPLY_MAX], *p;
    size_t len;

    if (i == leases->n || (type == DHCP_ACK && dhcp->type != DHCP_REQUEST)) {
        leases->counters.unasked++;
        return;
    }
    leases->counters.twice += ++l->n_heard > l->n_said;
    p = put_message(frame, 2, dhcp->xid, dhcp->mac.ea);
    wire_put32(frame + UDP_OFF_DATA + 16, address_of(lg, i));
    memcpy(frame + UDP_OFF_DATA + 24, &dhcp->giaddr.ip4, 4);
    p = put_option(p, 53, &type, 1);
    p = put_option32(p, 51, LEASE_S);
    p = put_option32(p, 54, lg->opt.server_ip);
    if (relay_info) {
        p = put_option(p, 82, relay_info + 2, relay_info[1]);
    }
    len = put_headers(frame, p, request + 6, net_next_hop_mac,
                      lg->opt.server_ip, ntohl(dhcp->giaddr.ip4),
                      DHCP_SERVER_PORT);
    net_deliver(b, bridge_uplink(b), frame, len);
}

bool
lease_output(struct bridge *b, uint32_t port, const uint8_t *frame,
             size_t len)
{
    struct dhcp dhcp;

    if (!parse(frame, len, &dhcp)) {
        return false;
    }
    if (port != bridge_uplink(b)) {
        host_hears(b, port, &dhcp);
    } else if (dhcp.dst.ip4 == htonl(b->lg->opt.server_ip)) {
        server_hears(b, frame, &dhcp);
    }
    return true;
}
