/* Fuzzes what a BGP speaker says: the input is what comes through its pipe,
 * while routes are announced and withdrawn. */
#include <config.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include <firsthop/buf.h>

#include "controller/base/log.h"
#include "controller/upstream/upstream_bgp.h"
#include "tests/fuzz/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct event_base *base;
static char in_path[64], out_path[64];

static void
on_event(bool up, const char *detail, void *aux)
{
    for (; *detail; detail++) {
        require(*detail != '\n');       /* It goes into events and logs. */
    }
}

static void
set_up(void)
{
    log_set_level(LOG_LVL_ERR);
    base = event_base_new();
    snprintf(in_path, sizeof in_path, "/tmp/fuzz_exabgp.%d.in",
             (int) getpid());
    snprintf(out_path, sizeof out_path, "/tmp/fuzz_exabgp.%d.out",
             (int) getpid());
    unlink(in_path);
    unlink(out_path);
    require(!mkfifo(in_path, 0600) && !mkfifo(out_path, 0600));
}

static void
tell(struct upstream *u, uint8_t how)
{
    static const char community[] = "65000:100";
    struct fh_route route = {
        .client.ip4 = how & 7, .next_hop.ip4 = how >> 3 & 3,
        .local_preference = 100, .community = how & 32 ? community : NULL,
    };

    if (how & 64) {
        u->ops->withdraw(u, &route);
    } else {
        u->ops->announce(u, &route, UPSTREAM_MOVED);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = { data, data + size };
    struct upstream_bgp_options options = { NULL, on_event, NULL };
    struct fh_bgp_status status;
    struct upstream *u;
    char sink[65536];
    int reader, sayer;

    if (!base) {
        set_up();
    }
    options.base = base;
    u = upstream_bgp_create(&options);
    reader = open(in_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    sayer = open(out_path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    require(reader >= 0 && sayer >= 0);
    upstream_bgp_configure(u, in_path, out_path, 0);
    while (in.p < in.end) {
        size_t n;
        const uint8_t *text = take_bytes(&in, 255, &n);

        require(write(sayer, text, n) == (ssize_t) n);
        event_base_loop(base, EVLOOP_NONBLOCK);
        tell(u, take_byte(&in));
        event_base_loop(base, EVLOOP_NONBLOCK);
        while (read(reader, sink, sizeof sink) > 0) {
        }
    }
    upstream_bgp_get_stats(u, &status);
    require(status.n_peers_up <= status.n_peers && status.n_routes <= 8);
    u->ops->destroy(u);
    close(reader);
    close(sayer);
    event_base_loop(base, EVLOOP_NONBLOCK);
    return 0;
}
