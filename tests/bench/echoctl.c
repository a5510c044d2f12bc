/* The ceiling: a controller that does no more than it must.
 *
 * Handshakes, punts everything by one flow, and answers every packet-in with
 * the same canned ARP reply to the port that it came from.  One thread, epoll,
 * one read and one write per wake-up and bridge.  With --personal the reply is
 * made out to whoever asked, so that real hosts accept it. */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <firsthop/buf.h>

#include "tests/bench/benchwire.h"

#define READ_CHUNK (256 * 1024)
#define REPLY_LEN (24 + 16 + ARP_LEN)

struct conn {
    int fd;
    struct fh_buf in, out;
};

static const uint8_t router_mac[6] = { 0x02, 0xec, 0x40, 0, 0, 1 };
static bool personal;               /* --personal */

/* One for every packet-in; only version, port and, with --personal, the
 * addresses are written in. */
static uint8_t canned[REPLY_LEN];

static void
make_canned(void)
{
    static const uint8_t broadcast[6] = { 255, 255, 255, 255, 255, 255 };

    wire_put_header(canned, OFP14_VERSION, OFPT_PACKET_OUT, REPLY_LEN, 0);
    wire_put32(canned + 8, OFP_NO_BUFFER);
    wire_put32(canned + 12, OFPP_CONTROLLER);
    wire_put16(canned + 16, 16);            /* Length of the actions. */
    wire_put16(canned + 24, OFPAT_OUTPUT);
    wire_put16(canned + 26, 16);
    wire_put_arp(canned + 40, broadcast, ARP_REPLY, router_mac, 0x0a000001,
                 broadcast, 0);
}

static uint8_t *
put(struct conn *c, int version, int type, size_t len, uint32_t xid)
{
    uint8_t *p = fh_buf_put(&c->out, len);

    memset(p, 0, len);
    wire_put_header(p, version, type, len, xid);
    return p;
}

/* One flow: everything to the controller. */
static void
put_punt(struct conn *c, int version)
{
    uint8_t *p = put(c, version, OFPT_FLOW_MOD, 48 + 8 + 8 + 16, 1);

    wire_put32(p + 32, OFP_NO_BUFFER);
    wire_put32(p + 36, UINT32_MAX);
    wire_put32(p + 40, UINT32_MAX);
    wire_put16(p + 48, 1);                  /* OFPMT_OXM, no fields. */
    wire_put16(p + 50, 4);
    wire_put16(p + 56, OFPIT_APPLY_ACTIONS);
    wire_put16(p + 58, 24);
    wire_put16(p + 64, OFPAT_OUTPUT);
    wire_put16(p + 66, 16);
    wire_put32(p + 68, OFPP_CONTROLLER);
    wire_put16(p + 72, 0xffff);             /* OFPCML_NO_BUFFER */
}

/* Fills in for whom the reply is; false if the frame is no ARP request. */
static bool
address(uint8_t *reply, const uint8_t *frame, size_t len)
{
    if (!wire_is_arp(frame, len)
        || wire_get16(frame + ARP_OFF_OP) != ARP_REQUEST) {
        return false;
    }
    wire_put_arp(reply, frame + 6, ARP_REPLY, router_mac,
                 wire_get32(frame + ARP_OFF_TPA), frame + ARP_OFF_SHA,
                 wire_get32(frame + ARP_OFF_SPA));
    return true;
}

static void
answer(struct conn *c, const uint8_t *msg, size_t len)
{
    if (len < 24 + 16) {
        return;
    }

    /* in_port is always the first field that a bridge writes. */
    uint32_t in_port = wire_get32(msg + 32);
    uint8_t *p = fh_buf_put(&c->out, REPLY_LEN);
    memcpy(p, canned, REPLY_LEN);
    p[0] = msg[0];
    wire_put32(p + 28, in_port);
    if (personal) {
        size_t ofs = 24 + wire_pad8(wire_get16(msg + 26)) + 2;

        if (ofs > len || !address(p + 40, msg + ofs, len - ofs)) {
            c->out.len -= REPLY_LEN;
        }
    }
}

static void
handle(struct conn *c, const uint8_t *msg, size_t len)
{
    uint32_t xid = wire_get32(msg + 4);
    uint8_t *p;

    switch (msg[1]) {
    case OFPT_PACKET_IN:
        answer(c, msg, len);
        break;
    case OFPT_HELLO:
        put(c, msg[0] < OFP14_VERSION ? msg[0] : OFP14_VERSION,
            OFPT_FEATURES_REQUEST, OFP_HEADER_LEN, xid);
        break;
    case OFPT_FEATURES_REPLY:
        p = put(c, msg[0], OFPT_SET_CONFIG, 12, xid);
        wire_put16(p + 10, 0xffff);
        put_punt(c, msg[0]);
        break;
    case OFPT_ECHO_REQUEST:
        p = put(c, msg[0], OFPT_ECHO_REPLY, len, xid);
        memcpy(p + OFP_HEADER_LEN, msg + OFP_HEADER_LEN,
               len - OFP_HEADER_LEN);
        break;
    case OFPT_ERROR:
        fprintf(stderr, "echoctl: error type %u code %u\n",
                len >= 12 ? wire_get16(msg + 8) : 0,
                len >= 12 ? wire_get16(msg + 10) : 0);
        break;
    }
}

static void
conn_destroy(struct conn *c)
{
    close(c->fd);
    fh_buf_destroy(&c->in);
    fh_buf_destroy(&c->out);
    free(c);
}

/* Writes all that is in c->out, waiting where the socket is full: a bridge
 * that does not read stalls everyone, which a bench may do. */
static bool
flush(struct conn *c)
{
    size_t done = 0;

    while (done < c->out.len) {
        ssize_t n = send(c->fd, c->out.data + done, c->out.len - done,
                         MSG_NOSIGNAL);

        if (n < 0 && errno != EINTR) {
            return false;
        }
        done += n > 0 ? (size_t) n : 0;
    }
    fh_buf_clear(&c->out);
    return true;
}

static bool
receive(struct conn *c)
{
    uint8_t *p = fh_buf_put(&c->in, READ_CHUNK);
    ssize_t n = recv(c->fd, p, READ_CHUNK, MSG_DONTWAIT);
    size_t ofs = 0;

    c->in.len -= READ_CHUNK - (size_t) (n > 0 ? n : 0);
    if (n <= 0) {
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    }
    while (c->in.len - ofs >= OFP_HEADER_LEN) {
        const uint8_t *msg = c->in.data + ofs;
        size_t len = wire_get16(msg + 2);

        if (len < OFP_HEADER_LEN) {
            return false;
        }
        if (len > c->in.len - ofs) {
            break;
        }
        handle(c, msg, len);
        ofs += len;
    }
    fh_buf_pull(&c->in, ofs);
    return flush(c);
}

static void
accept_conn(int listener, int epoll_fd)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    int one = 1;

    if (fd < 0) {
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);

    struct conn *c = fh_xcalloc(1, sizeof *c);
    struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
    uint8_t *hello = put(c, OFP14_VERSION, OFPT_HELLO, 16, 0);
    wire_put16(hello + 8, 1);
    wire_put16(hello + 10, 8);
    wire_put32(hello + 12, 1 << OFP13_VERSION | 1 << OFP14_VERSION);
    c->fd = fd;
    flush(c);
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev);
}

static int
listen_on(const char *target)
{
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_un un;
    } addr = { .in.sin_family = AF_INET };
    socklen_t len = sizeof addr.in;
    char host[64];
    unsigned port;
    int one = 1;

    if (!strncmp(target, "unix:", 5)
        && strlen(target + 5) < sizeof addr.un.sun_path) {
        addr.un.sun_family = AF_UNIX;
        strcpy(addr.un.sun_path, target + 5);
        unlink(addr.un.sun_path);
        len = sizeof addr.un;
    } else if (sscanf(target, "tcp:%63[^:]:%u", host, &port) == 2
               && inet_pton(AF_INET, host, &addr.in.sin_addr) == 1) {
        addr.in.sin_port = htons((uint16_t) port);
    } else {
        errno = EINVAL;
        return -1;
    }

    int fd = socket(addr.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, &addr.sa, len) || listen(fd, 64)) {
        return -1;
    }
    return fd;
}

int
main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "--personal")) {
        personal = true;
        argc--;
        argv++;
    }
    if (argc != 2) {
        fputs("usage: echoctl [--personal] tcp:ADDR:PORT|unix:PATH\n", stderr);
        return 2;
    }

    int listener = listen_on(argv[1]);
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL };
    if (listener < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &ev)) {
        fprintf(stderr, "echoctl: %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    make_canned();
    for (;;) {
        struct epoll_event events[64];
        int n = epoll_wait(epoll_fd, events, 64, -1);

        for (int i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;

            if (!c) {
                accept_conn(listener, epoll_fd);
            } else if (!receive(c)) {
                conn_destroy(c);
            }
        }
    }
}
