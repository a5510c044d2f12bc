/* Where a peer is, as text.  See target.h. */
#include <config.h>

#include "controller/base/target.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include <event2/util.h>

static const char *
unix_parse(const char *path, struct target_addr *addr)
{
    if (!*path) {
        return "a path must follow unix:";
    }
    if (strlen(path) >= sizeof addr->un.sun_path) {
        return "the path is too long for a Unix socket";
    }
    memset(&addr->un, 0, sizeof addr->un);
    addr->un.sun_family = AF_UNIX;
    memcpy(addr->un.sun_path, path, strlen(path) + 1);
    addr->len = sizeof addr->un;
    return NULL;
}

static const char *
tcp_parse(const char *text, struct target_addr *addr)
{
    int len = sizeof addr->ss;
    const char *colon = strrchr(text, ':');

    /* The digits are checked here, because libevent takes "1x" for 1. */
    if (!colon || !colon[1] || colon[strspn(colon + 1, "0123456789") + 1]
        || strlen(colon + 1) > 5 || atoi(colon + 1) < 1
        || atoi(colon + 1) > 65535) {
        return "a port from 1 to 65535 must follow the address";
    }
    if (evutil_parse_sockaddr_port(text, &addr->sa, &len)) {
        return "must be tcp:ADDRESS:PORT or ssl:ADDRESS:PORT, a numeric "
               "address (IPv6 in [])";
    }
    addr->len = len;
    return NULL;
}

const char *
target_parse(const char *target, struct target_addr *addr)
{
    memset(addr, 0, sizeof *addr);
    if (!strncmp(target, "unix:", 5)) {
        return unix_parse(target + 5, addr);
    } else if (!strncmp(target, "tcp:", 4)
               || !strncmp(target, "ssl:", 4)) {
        addr->tls = *target == 's';
        return tcp_parse(target + 4, addr);
    }
    return "must begin with tcp:, ssl: or unix:";
}

void
target_set_nodelay(int fd, int family)
{
    int one = 1;

    if (family != AF_UNIX) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
}
