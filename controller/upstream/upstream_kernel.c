/* Routes in a table of the kernel.  See upstream_kernel.h. */
#include <config.h>

#include "controller/upstream/upstream_kernel.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include <firsthop/buf.h>
#include <uthash.h>

#include "controller/base/log.h"

#define ROUTES_A_TURN 256       /* Some 1 ms: the loop has others. */
#define MESSAGE_MAX   128       /* Bytes of one request. */
#define RETRY_MS      1000
#define RECEIVE_MAX   32768
#define RECEIVES_A_TURN 8

struct kernel_route {
    UT_hash_handle hh;          /* By client. */
    TAILQ_ENTRY(kernel_route) link; /* On 'dirty', if it waits. */
    struct fh_addr client;
    struct fh_addr next_hop;
    bool waits;
    bool withdrawn;             /* Forgotten once that has been written. */
    bool refused;               /* By the kernel, as it was written last. */
};

TAILQ_HEAD(kernel_routes, kernel_route);

struct upstream_kernel {
    struct upstream up;
    struct upstream_kernel_options options;
    struct mnl_socket *socket;  /* NULL: there is no table. */
    struct event *readable, *writable, *retry, *settle;
    char device[IF_NAMESIZE];
    uint32_t table;
    uint32_t seq;
    struct kernel_route *routes;    /* Those withdrawn too. */
    struct kernel_routes dirty;
    size_t n_dirty, n_gone, n_refused;
    bool settling;
    uint64_t errors;
};

static struct upstream_kernel *
kernel_cast(const struct upstream *u)
{
    return (struct upstream_kernel *) (void *) u;
}

static void
tell(const struct upstream_kernel *k, bool up, const char *detail)
{
    if (k->options.event) {
        k->options.event(up, detail, k->options.aux);
    }
}

/* Routes. */

static struct kernel_route *
find(const struct upstream_kernel *k, struct fh_addr client)
{
    struct kernel_route *r;

    HASH_FIND(hh, k->routes, &client, sizeof client, r);
    return r;
}

static void
set_refused(struct upstream_kernel *k, struct kernel_route *r, bool refused)
{
    k->n_refused += refused;
    k->n_refused -= r->refused;
    r->refused = refused;
}

static void
set_waits(struct upstream_kernel *k, struct kernel_route *r, bool waits)
{
    if (waits && !r->waits) {
        TAILQ_INSERT_TAIL(&k->dirty, r, link);
        k->n_dirty++;
    } else if (!waits && r->waits) {
        TAILQ_REMOVE(&k->dirty, r, link);
        k->n_dirty--;
    }
    r->waits = waits;
}

static void
set_withdrawn(struct upstream_kernel *k, struct kernel_route *r,
              bool withdrawn)
{
    k->n_gone += withdrawn;
    k->n_gone -= r->withdrawn;
    r->withdrawn = withdrawn;
}

static void
forget(struct upstream_kernel *k, struct kernel_route *r)
{
    set_waits(k, r, false);
    set_withdrawn(k, r, false);
    set_refused(k, r, false);
    HASH_DEL(k->routes, r);
    free(r);
}

static void
kick(struct upstream_kernel *k)
{
    if (k->writable && k->n_dirty) {
        event_add(k->writable, NULL);
    }
}

static void
all_again(struct upstream_kernel *k)
{
    for (struct kernel_route *r = k->routes; r; r = r->hh.next) {
        set_waits(k, r, true);
    }
    kick(k);
}

/* Requests. */

/* Appends the request for one route to 'buf' and returns its length. */
static size_t
put_request(struct upstream_kernel *k, void *buf, struct fh_addr client,
            const struct fh_addr *next_hop, unsigned int device)
{
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
    struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof *rtm);

    nlh->nlmsg_type = next_hop ? RTM_NEWROUTE : RTM_DELROUTE;
    nlh->nlmsg_flags = NLM_F_REQUEST;
    if (next_hop) {
        nlh->nlmsg_flags |= NLM_F_CREATE | NLM_F_REPLACE;
    }
    nlh->nlmsg_seq = ++k->seq;
    rtm->rtm_family = AF_INET;
    rtm->rtm_dst_len = 32;
    rtm->rtm_protocol = UPSTREAM_KERNEL_PROTOCOL;
    rtm->rtm_scope = next_hop ? RT_SCOPE_UNIVERSE : RT_SCOPE_NOWHERE;
    rtm->rtm_type = next_hop ? RTN_UNICAST : RTN_UNSPEC;
    mnl_attr_put_u32(nlh, RTA_TABLE, k->table);
    mnl_attr_put_u32(nlh, RTA_DST, client.ip4);
    if (next_hop) {
        rtm->rtm_flags = RTNH_F_ONLINK;
        mnl_attr_put_u32(nlh, RTA_GATEWAY, next_hop->ip4);
        mnl_attr_put_u32(nlh, RTA_OIF, device);
    }
    return nlh->nlmsg_len;
}

static void
retry_later(struct upstream_kernel *k)
{
    const struct timeval tv = { RETRY_MS / 1000, RETRY_MS % 1000 * 1000 };

    if (!evtimer_pending(k->retry, NULL)) {
        evtimer_add(k->retry, &tv);
    }
}

/* Writes as many as a turn may.  The kernel carries a request out before
 * send() returns, and answers only what it refuses. */
static void
on_writable(evutil_socket_t fd, short what, void *k_)
{
    struct upstream_kernel *k = k_;
    unsigned int device = if_nametoindex(k->device);
    uint8_t buf[ROUTES_A_TURN * MESSAGE_MAX];
    struct kernel_route *r = TAILQ_FIRST(&k->dirty);
    size_t len = 0, n = 0;

    if (!device) {
        static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(60000, 2);

        log_warn_rl(&rl, "kernel routes: there is no device \"%s\" here",
                    k->device);
        retry_later(k);
        return;
    }
    for (; r && n < ROUTES_A_TURN; r = TAILQ_NEXT(r, link), n++) {
        len += put_request(k, buf + len, r->client,
                           r->withdrawn ? NULL : &r->next_hop, device);
    }
    if (n && send(fd, buf, len, MSG_DONTWAIT) < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS) {
            k->errors++;
            log_err("kernel routes: %s", strerror(errno));
            retry_later(k);
            return;
        }
        n = 0;
    }
    for (; n > 0; n--) {
        r = TAILQ_FIRST(&k->dirty);
        set_waits(k, r, false);
        set_refused(k, r, false);       /* Until it says otherwise. */
        if (r->withdrawn) {
            forget(k, r);
        }
    }
    kick(k);
}

static void
on_retry(evutil_socket_t fd, short what, void *k_)
{
    struct upstream_kernel *k = k_;

    for (struct kernel_route *r = k->routes; r; r = r->hh.next) {
        if (r->refused) {
            set_waits(k, r, true);
        }
    }
    kick(k);
}

/* What the kernel says. */

/* Returns false if 'nlh' is no route of ours in our table. */
static bool
parse_route(const struct upstream_kernel *k, const struct nlmsghdr *nlh,
            struct fh_addr *client)
{
    const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
    uint32_t table = 0;
    bool has_dst = false;
    const struct nlattr *attr;

    if (mnl_nlmsg_get_payload_len(nlh) < sizeof *rtm
        || rtm->rtm_family != AF_INET || rtm->rtm_dst_len != 32
        || rtm->rtm_protocol != UPSTREAM_KERNEL_PROTOCOL) {
        return false;
    }
    mnl_attr_for_each (attr, nlh, sizeof *rtm) {
        if (mnl_attr_get_payload_len(attr) != sizeof(uint32_t)) {
            continue;
        }
        if (mnl_attr_get_type(attr) == RTA_TABLE) {
            table = mnl_attr_get_u32(attr);
        } else if (mnl_attr_get_type(attr) == RTA_DST) {
            client->ip4 = mnl_attr_get_u32(attr);
            has_dst = true;
        }
    }
    return has_dst && table == k->table;
}

/* The kernel has refused a request, of which the answer has a copy. */
static void
hear_error(struct upstream_kernel *k, const struct nlmsghdr *nlh)
{
    static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(10000, 5);
    const struct nlmsgerr *error = mnl_nlmsg_get_payload(nlh);
    char text[FH_ADDR_STRLEN], detail[96];
    struct fh_addr client;
    struct kernel_route *r;
    size_t before = k->n_refused;

    if (mnl_nlmsg_get_payload_len(nlh) < sizeof *error || !error->error
        || mnl_nlmsg_get_payload_len(nlh) - sizeof error->error
           < error->msg.nlmsg_len
        || error->msg.nlmsg_type != RTM_NEWROUTE
        || !parse_route(k, &error->msg, &client)) {
        return;                 /* To take back what is gone is no error. */
    }
    k->errors++;
    snprintf(detail, sizeof detail, "the kernel refuses the route to %s: %s",
             fh_addr_format(client, text), strerror(-error->error));
    log_warn_rl(&rl, "%s", detail);
    r = find(k, client);
    if (r && !r->withdrawn) {
        set_refused(k, r, true);
        retry_later(k);
    }
    if (!before && k->n_refused) {
        tell(k, false, detail);
    }
}

/* A route that is there when it is known which clients are. */
static void
hear_route(struct upstream_kernel *k, const struct nlmsghdr *nlh)
{
    struct fh_addr client;
    struct kernel_route *r;

    if (!parse_route(k, nlh, &client) || find(k, client)) {
        return;
    }
    r = fh_xcalloc(1, sizeof *r);
    r->client = client;
    HASH_ADD(hh, k->routes, client, sizeof r->client, r);
    set_withdrawn(k, r, true);
    set_waits(k, r, true);
    kick(k);
}

static void
hear_link(struct upstream_kernel *k, const struct nlmsghdr *nlh)
{
    const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
    const struct nlattr *attr;

    if (mnl_nlmsg_get_payload_len(nlh) < sizeof *ifi
        || (ifi->ifi_flags & (IFF_UP | IFF_RUNNING))
           != (IFF_UP | IFF_RUNNING)) {
        return;
    }
    mnl_attr_for_each (attr, nlh, sizeof *ifi) {
        if (mnl_attr_get_type(attr) == IFLA_IFNAME
            && !mnl_attr_validate(attr, MNL_TYPE_NUL_STRING)
            && !strcmp(mnl_attr_get_str(attr), k->device)) {
            all_again(k);
        }
    }
}

static void
on_readable(evutil_socket_t fd, short what, void *k_)
{
    struct upstream_kernel *k = k_;
    uint8_t buf[RECEIVE_MAX];

    for (int i = 0; i < RECEIVES_A_TURN; i++) {
        ssize_t n = recv(fd, buf, sizeof buf, MSG_DONTWAIT);
        const struct nlmsghdr *nlh = (const void *) buf;
        int left = (int) n;

        if (n < 0 && errno == ENOBUFS) {
            all_again(k);       /* Answers were lost. */
        }
        if (n <= 0) {
            return;
        }
        for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
            if (nlh->nlmsg_type == NLMSG_ERROR) {
                hear_error(k, nlh);
            } else if (nlh->nlmsg_type == RTM_NEWROUTE) {
                hear_route(k, nlh);
            } else if (nlh->nlmsg_type == RTM_NEWLINK) {
                hear_link(k, nlh);
            }
        }
    }
}

/* It is known by now which clients there are: whose routes are there? */
static void
on_settled(evutil_socket_t fd, short what, void *k_)
{
    struct upstream_kernel *k = k_;
    uint8_t buf[MESSAGE_MAX];
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
    struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof *rtm);

    if (!k->socket) {
        return;
    }
    nlh->nlmsg_type = RTM_GETROUTE;
    nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    nlh->nlmsg_seq = ++k->seq;
    rtm->rtm_family = AF_INET;
    rtm->rtm_protocol = UPSTREAM_KERNEL_PROTOCOL;
    mnl_attr_put_u32(nlh, RTA_TABLE, k->table);
    if (send(mnl_socket_get_fd(k->socket), buf, nlh->nlmsg_len, MSG_DONTWAIT)
        < 0) {
        log_warn("kernel routes: %s", strerror(errno));
    }
}

/* The socket. */

static void
free_event(struct event **event)
{
    if (*event) {
        event_free(*event);
        *event = NULL;
    }
}

static void
close_socket(struct upstream_kernel *k)
{
    free_event(&k->readable);
    free_event(&k->writable);
    if (k->socket) {
        mnl_socket_close(k->socket);
        k->socket = NULL;
    }
}

/* Returns false, with a line in the log, if the kernel has none for us. */
static bool
open_socket(struct upstream_kernel *k)
{
    int one = 1, size = 1 << 20, fd;

    k->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (!k->socket || mnl_socket_bind(k->socket, RTMGRP_LINK,
                                      MNL_SOCKET_AUTOPID) < 0) {
        log_err("kernel routes: %s", strerror(errno));
        close_socket(k);
        return false;
    }
    fd = mnl_socket_get_fd(k->socket);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    /* So that a dump is filtered by the kernel, since Linux 4.20. */
    setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof one);
    k->readable = event_new(k->options.base, fd, EV_READ | EV_PERSIST,
                            on_readable, k);
    k->writable = event_new(k->options.base, fd, EV_WRITE, on_writable, k);
    event_add(k->readable, NULL);
    return true;
}

/* Takes back all that was written, at once: the table is not ours any more. */
static void
take_back_all(struct upstream_kernel *k)
{
    struct kernel_route *r, *next;
    uint8_t buf[MESSAGE_MAX];

    HASH_ITER (hh, k->routes, r, next) {
        size_t len = put_request(k, buf, r->client, NULL, 0);

        if (send(mnl_socket_get_fd(k->socket), buf, len, MSG_DONTWAIT) < 0) {
            k->errors++;
        }
        if (r->withdrawn) {
            forget(k, r);
        }
    }
}

/* Verbs. */

static bool
kernel_announce(struct upstream *u, const struct fh_route *route,
                enum fh_route_how how)
{
    struct upstream_kernel *k = kernel_cast(u);
    struct kernel_route *r = find(k, route->client);

    if (!r) {
        r = fh_xcalloc(1, sizeof *r);
        r->client = route->client;
        HASH_ADD(hh, k->routes, client, sizeof r->client, r);
    } else if (!r->withdrawn
               && fh_addr_equal(r->next_hop, route->uplink.address)) {
        return true;
    }
    set_withdrawn(k, r, false);
    r->next_hop = route->uplink.address;
    set_waits(k, r, true);
    kick(k);
    return true;
}

static void
kernel_withdraw(struct upstream *u, const struct fh_route *route)
{
    struct upstream_kernel *k = kernel_cast(u);
    struct kernel_route *r = find(k, route->client);

    if (r && !r->withdrawn) {
        set_withdrawn(k, r, true);
        set_waits(k, r, true);
        kick(k);
    }
}

static void
kernel_destroy(struct upstream *u)
{
    struct upstream_kernel *k = kernel_cast(u);

    while (k->routes) {
        forget(k, k->routes);
    }
    close_socket(k);
    free_event(&k->retry);
    free_event(&k->settle);
    free(k);
}

static const struct upstream_ops kernel_ops = {
    .name = "kernel",
    .announce = kernel_announce,
    .withdraw = kernel_withdraw,
    .acknowledges = false,
    /* As with BGP: others collect routes, and have others to tell. */
    .settle_ms = 1000,
    .destroy = kernel_destroy,
};

struct upstream *
upstream_kernel_create(const struct upstream_kernel_options *options)
{
    struct upstream_kernel *k = fh_xcalloc(1, sizeof *k);

    k->up.ops = &kernel_ops;
    k->options = *options;
    TAILQ_INIT(&k->dirty);
    k->retry = evtimer_new(options->base, on_retry, k);
    k->settle = evtimer_new(options->base, on_settled, k);
    return &k->up;
}

void
upstream_kernel_configure(struct upstream *u, uint32_t table,
                          const char *device, uint32_t settle_ms)
{
    struct upstream_kernel *k = kernel_cast(u);
    const struct timeval tv = { settle_ms / 1000, settle_ms % 1000 * 1000 };

    device = device ? device : "";
    if (k->table == table && !strcmp(k->device, device)) {
        return;
    }
    if (k->socket && k->table != table) {
        take_back_all(k);
        close_socket(k);
    }
    k->table = table;
    snprintf(k->device, sizeof k->device, "%s", device);
    if (!table) {
        return;
    }
    if (!k->socket && !open_socket(k)) {
        return;
    }
    if (!k->settling) {
        k->settling = true;
        evtimer_add(k->settle, &tv);
    }
    all_again(k);
}

void
upstream_kernel_get_status(const struct upstream *u,
                           struct fh_kernel_status *status)
{
    const struct upstream_kernel *k = kernel_cast(u);

    *status = (struct fh_kernel_status) {
        .up = k->socket && if_nametoindex(k->device) && !k->n_refused,
        .n_routes = HASH_COUNT(k->routes) - k->n_gone,
        .n_dirty = k->n_dirty,
        .n_refused = k->n_refused,
        .errors = k->errors,
    };
}
