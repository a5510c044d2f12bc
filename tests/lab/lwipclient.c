/* lwipclient: a client of an access network whose IP stack is lwIP.
 *
 *   lwipclient [--haste N] DEVICE ADDRESS/LEN GATEWAY PORT PEER PEER_PORT
 *
 * lwIP (liblwip, as the distribution compiles it) has ADDRESS on DEVICE, which
 * must have none in the kernel, and the MAC address of DEVICE.  It resolves
 * its gateway, answers ARP and ping, and ages what it knows, as lwIP does.
 *
 * Its applications are whoever is in the network namespace of this process, a
 * new one: what they send to PEER's PEER_PORT leaves by lwIP from PORT, and
 * what lwIP has from there goes to ADDRESS and PORT in here.  So udpmeter can
 * use both ends as any others, once ADDRESS and PEER are addresses of lo.
 *
 * lwIP keeps an ARP entry for 300 s (ARP_MAXAGE); from 270 s on, if it is
 * used, it asks the entry's owner again, from 285 s on everybody.  With
 * --haste its ARP clock runs N times as fast.
 *
 * On stdin: "report" prints one line of JSON, what lwIP has asked and been
 * answered by ARP so far, and the gateway's MAC address, "" if it knows none.
 * Ends at the end of file.  Used by lwip.py. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <lwip/etharp.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/prot/etharp.h>
#include <lwip/tcpip.h>
#include <lwip/timeouts.h>
#include <lwip/udp.h>
#include <netif/ethernet.h>

#define FRAME_MAX 1518
#define MTU 1500
#define HASTE_MAX 1000

/* Frames of ARP, as they pass the device. */
struct asked {
    unsigned requests;          /* Sent for the gateway, */
    unsigned unicast;           /* of these to a single station. */
    unsigned replies;           /* Received about the gateway. */
};

/* Both threads use it, lwIP's and ours, with lwIP's core locked. */
struct client {
    struct netif netif;
    ip4_addr_t gateway;
    struct udp_pcb *pcb;
    ip_addr_t peer;
    uint16_t peer_port;
    struct sockaddr_in app;     /* Of the application: ADDRESS and PORT. */
    int frame_fd, app_fd;
    u32_t arp_interval_ms;
    struct asked asked;
};

static void
die(const char *what)
{
    fprintf(stderr, "lwipclient: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static void
usage(void)
{
    fprintf(stderr, "usage: lwipclient [--haste N] DEVICE ADDRESS/LEN GATEWAY "
            "PORT PEER PEER_PORT\n");
    exit(2);
}

static unsigned
parse_number(const char *s, unsigned max)
{
    char *end;
    unsigned long value = strtoul(s, &end, 10);

    if (end == s || *end || value < 1 || value > max) {
        usage();
    }
    return value;
}

/* Counts 'frame' ('len' bytes) if it is ARP about the gateway. */
static void
count_arp(struct client *c, const uint8_t *frame, size_t len)
{
    const struct eth_hdr *eth = (const struct eth_hdr *) frame;
    const struct etharp_hdr *arp = (const struct etharp_hdr *) (eth + 1);

    if (len < sizeof *eth + sizeof *arp || eth->type != htons(ETHTYPE_ARP)) {
        return;
    }
    if (arp->opcode == htons(ARP_REQUEST)
        && !memcmp(&arp->dipaddr, &c->gateway, sizeof c->gateway)
        && !memcmp(&eth->src, c->netif.hwaddr, ETH_HWADDR_LEN)) {
        c->asked.requests++;
        c->asked.unicast += !(eth->dest.addr[0] & 1);
    } else if (arp->opcode == htons(ARP_REPLY)
               && !memcmp(&arp->sipaddr, &c->gateway, sizeof c->gateway)) {
        c->asked.replies++;
    }
}

/* netif->linkoutput: sends the frame 'p', borrowed. */
static err_t
send_frame(struct netif *netif, struct pbuf *p)
{
    struct client *c = netif->state;
    uint8_t frame[FRAME_MAX];
    size_t len = pbuf_copy_partial(p, frame, sizeof frame, 0);

    count_arp(c, frame, len);
    return send(c->frame_fd, frame, len, 0) == (ssize_t) len ? ERR_OK : ERR_IF;
}

/* Hands lwIP what has arrived for this station, as a network card would: no
 * frame for another one, and none of our own. */
static void
receive_frames(struct client *c)
{
    struct sockaddr_ll from;
    uint8_t frame[FRAME_MAX];

    for (;;) {
        socklen_t from_len = sizeof from;
        ssize_t n = recvfrom(c->frame_fd, frame, sizeof frame, 0,
                             (struct sockaddr *) &from, &from_len);
        struct pbuf *p;

        if (n < 0) {
            return;
        }
        if (from.sll_pkttype == PACKET_OTHERHOST
            || from.sll_pkttype == PACKET_OUTGOING) {
            continue;
        }
        p = pbuf_alloc(PBUF_RAW, n, PBUF_RAM);
        if (!p) {
            die("memory");
        }
        pbuf_take(p, frame, n);
        LOCK_TCPIP_CORE();
        count_arp(c, frame, n);
        if (ethernet_input(p, &c->netif) != ERR_OK) {
            pbuf_free(p);
        }
        UNLOCK_TCPIP_CORE();
    }
}

/* udp_recv(): passes a datagram of the peer to the application.  Owns 'p'. */
static void
to_app(void *c_, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
       u16_t from_port)
{
    struct client *c = c_;
    uint8_t data[MTU];
    size_t len = pbuf_copy_partial(p, data, sizeof data, 0);

    if (ip_addr_cmp(from, &c->peer) && from_port == c->peer_port) {
        /* Who listens may be late or gone: then it is lost. */
        sendto(c->app_fd, data, len, 0, (struct sockaddr *) &c->app,
               sizeof c->app);
    }
    pbuf_free(p);
}

/* Passes what the application has sent to the peer. */
static void
from_app(struct client *c)
{
    uint8_t data[MTU];
    ssize_t n;

    while ((n = recv(c->app_fd, data, sizeof data, 0)) >= 0) {
        struct pbuf *p;

        LOCK_TCPIP_CORE();
        p = pbuf_alloc(PBUF_TRANSPORT, n, PBUF_RAM);
        if (!p) {
            die("memory");
        }
        pbuf_take(p, data, n);
        udp_sendto(c->pcb, p, &c->peer, c->peer_port);
        pbuf_free(p);
        UNLOCK_TCPIP_CORE();
    }
}

/* Lets lwIP's ARP clock tick once more than it does by itself. */
static void
hasten(void *c_)
{
    struct client *c = c_;

    etharp_tmr();
    sys_timeout(c->arp_interval_ms, hasten, c);
}

/* For netif_add(). */
static err_t
init_netif(struct netif *netif)
{
    struct client *c = netif->state;

    netif->name[0] = 'e';
    netif->name[1] = 't';
    netif->output = etharp_output;
    netif->linkoutput = send_frame;
    netif->mtu = MTU;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP
                   | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    c->pcb = udp_new();
    return c->pcb ? ERR_OK : ERR_MEM;
}

static void
report(struct client *c)
{
    struct asked asked;
    struct eth_addr *found;
    const ip4_addr_t *address;
    char mac[] = "00:00:00:00:00:00";

    LOCK_TCPIP_CORE();
    asked = c->asked;
    if (etharp_find_addr(&c->netif, &c->gateway, &found, &address) < 0) {
        mac[0] = '\0';
    } else {
        const uint8_t *a = found->addr;

        snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x",
                 a[0], a[1], a[2], a[3], a[4], a[5]);
    }
    UNLOCK_TCPIP_CORE();
    printf("{\"gateway\": \"%s\", \"requests\": %u, \"unicast\": %u, "
           "\"replies\": %u}\n",
           mac, asked.requests, asked.unicast, asked.replies);
    fflush(stdout);
}

/* Opens DEVICE for frames and takes its MAC address. */
static void
open_device(struct client *c, const char *device)
{
    struct sockaddr_ll sll = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_ALL),
        .sll_ifindex = if_nametoindex(device),
    };
    struct ifreq ifr;
    int size = 4 << 20;

    c->frame_fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
                         0);
    memset(&ifr, 0, sizeof ifr);
    snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", device);
    if (c->frame_fd < 0 || ioctl(c->frame_fd, SIOCGIFHWADDR, &ifr)
        || setsockopt(c->frame_fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
                      sizeof size)
        || bind(c->frame_fd, (struct sockaddr *) &sll, sizeof sll)) {
        die(device);
    }
    memcpy(c->netif.hwaddr, ifr.ifr_hwaddr.sa_data, ETH_HWADDR_LEN);
    c->netif.hwaddr_len = ETH_HWADDR_LEN;
}

/* Moves to a namespace of its own, where it is PEER for applications. */
static void
open_app(struct client *c, const char *peer)
{
    struct sockaddr_in sin = {
        .sin_family = AF_INET,
        .sin_port = htons(c->peer_port),
    };
    int on = 1, size = 4 << 20;

    if (inet_pton(AF_INET, peer, &sin.sin_addr) != 1) {
        usage();
    }
    if (unshare(CLONE_NEWNET)) {
        die("unshare");
    }
    c->app_fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* lo has no addresses yet. */
    if (c->app_fd < 0
        || setsockopt(c->app_fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof on)
        || setsockopt(c->app_fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
                      sizeof size)
        || bind(c->app_fd, (struct sockaddr *) &sin, sizeof sin)) {
        die(peer);
    }
}

/* Gives the interface 'cidr' and starts it: lwIP announces itself. */
static void
start(struct client *c, char *cidr, uint16_t port)
{
    char *len = strchr(cidr, '/');
    ip4_addr_t address, mask;

    if (!len) {
        usage();
    }
    *len++ = '\0';
    mask.addr = htonl(~0u << (32 - parse_number(len, 31)));
    if (!ip4addr_aton(cidr, &address)) {
        usage();
    }
    c->app.sin_family = AF_INET;
    c->app.sin_port = htons(port);
    c->app.sin_addr.s_addr = address.addr;

    tcpip_init(NULL, NULL);
    LOCK_TCPIP_CORE();
    if (!netif_add(&c->netif, &address, &mask, &c->gateway, c, init_netif,
                   tcpip_input)
        || udp_bind(c->pcb, IP4_ADDR_ANY, port)) {
        die("lwIP");
    }
    udp_recv(c->pcb, to_app, c);
    netif_set_default(&c->netif);
    netif_set_up(&c->netif);
    if (c->arp_interval_ms) {
        sys_timeout(c->arp_interval_ms, hasten, c);
    }
    UNLOCK_TCPIP_CORE();
}

static void
run(struct client *c)
{
    struct pollfd fds[] = {
        { c->frame_fd, POLLIN, 0 },
        { c->app_fd, POLLIN, 0 },
        { STDIN_FILENO, POLLIN, 0 },
    };

    for (;;) {
        if (poll(fds, 3, -1) < 0) {
            continue;
        }
        receive_frames(c);
        from_app(c);
        if (fds[2].revents) {
            char line[64];

            if (!fgets(line, sizeof line, stdin)) {
                return;
            }
            if (!strcmp(line, "report\n")) {
                report(c);
            }
        }
    }
}

int
main(int argc, char *argv[])
{
    static struct client c;
    char **arg = argv + 1;

    /* Commands are read when poll() tells: none may wait in a buffer. */
    setvbuf(stdin, NULL, _IONBF, 0);
    if (argc > 2 && !strcmp(*arg, "--haste")) {
        unsigned haste = parse_number(arg[1], HASTE_MAX);

        /* It ticks once by itself. */
        c.arp_interval_ms = haste > 1 ? ARP_TMR_INTERVAL / (haste - 1) : 0;
        arg += 2;
    }
    if (argv + argc - arg != 6 || !ip4addr_aton(arg[2], &c.gateway)
        || !ipaddr_aton(arg[4], &c.peer)) {
        usage();
    }
    c.peer_port = parse_number(arg[5], UINT16_MAX);
    open_device(&c, arg[0]);
    open_app(&c, arg[4]);
    start(&c, arg[1], parse_number(arg[3], UINT16_MAX));
    report(&c);                 /* It has begun. */
    run(&c);
    return EXIT_SUCCESS;
}
