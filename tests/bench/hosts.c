/* Emulated hosts.  Used by the load generator and the client farm.
 *
 * The rules are those of a Linux client: a request addressed to it is
 * answered and, where the sender is the gateway, believed; an unsolicited
 * reply is believed. */
#include <config.h>

#include "tests/bench/hosts.h"

#include <stdlib.h>

#include <firsthop/buf.h>

static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t zero_mac[6];

void
hosts_init(struct hosts *hs, size_t n, uint32_t first_ip, uint32_t gateway_ip)
{
    memset(hs, 0, sizeof *hs);
    hs->hosts = fh_xcalloc(n, sizeof *hs->hosts);
    hs->n = n;
    hs->first_ip = first_ip;
    hs->gateway_ip = gateway_ip;
    for (size_t i = 0; i < n; i++) {
        hs->hosts[i].gateway = hs->hosts[i].marked_gateway = HOSTS_NO_ROUTER;
        hs->hosts[i].attached = UINT32_MAX;
    }
}

void
hosts_destroy(struct hosts *hs)
{
    free(hs->hosts);
    dist_destroy(&hs->latency);
}

void
hosts_ask(struct hosts *hs, size_t i, uint64_t now_ns, uint8_t *frame)
{
    uint8_t mac[6];

    hosts_put_mac(mac, i);
    wire_put_arp(frame, broadcast, ARP_REQUEST, mac,
                 hs->first_ip + (uint32_t) i, zero_mac, hs->gateway_ip);
    hs->hosts[i].asked_ns = now_ns;
}

/* 'h' hears that 'router' owns the gateway address. */
static void
believe(struct hosts *hs, struct host *h, int router, uint64_t now_ns)
{
    if (h->gateway == router) {
        return;
    }
    if (h->gateway != HOSTS_NO_ROUTER) {
        hs->counters.moves++;
        hs->counters.false_moves += host_is_reached(hs, h, h->gateway);
        if (hs->check_flows && !h->flows[router]) {
            hs->counters.early_notices++;
        }
    }
    if (!h->noticed_ns && router != h->marked_gateway) {
        h->noticed_ns = now_ns;
    }
    h->gateway = (int8_t) router;
}

static enum hosts_verdict
receive_request(struct hosts *hs, struct host *h, int router,
                const uint8_t *frame, uint64_t now_ns, uint8_t *reply)
{
    const uint8_t *sha = frame + ARP_OFF_SHA;
    uint32_t spa = wire_get32(frame + ARP_OFF_SPA);
    uint8_t mac[6];

    if (spa == hs->gateway_ip) {
        hs->counters.notices++;
        believe(hs, h, router, now_ns);
    } else {
        hs->counters.probes++;
    }
    hosts_put_mac(mac, hosts_index(hs, h));
    wire_put_arp(reply, sha, ARP_REPLY, mac,
                 wire_get32(frame + ARP_OFF_TPA), sha, spa);
    return HOSTS_REPLY;
}

static enum hosts_verdict
receive_reply(struct hosts *hs, struct host *h, int router,
              const uint8_t *frame, uint64_t now_ns)
{
    if (wire_get32(frame + ARP_OFF_SPA) != hs->gateway_ip) {
        return HOSTS_NOTED;         /* A neighbour by proxy: not kept. */
    }
    if (h->asked_ns) {
        hs->counters.answers++;
        if (!(hs->counters.answers & hs->latency_mask)) {
            dist_add(&hs->latency, now_ns - h->asked_ns);
        }
        h->asked_ns = 0;
        believe(hs, h, router, now_ns);
        return HOSTS_ANSWERED;
    }
    hs->counters.notices++;
    believe(hs, h, router, now_ns);
    return HOSTS_NOTED;
}

enum hosts_verdict
hosts_receive(struct hosts *hs, int router, const uint8_t *frame, size_t len,
              uint64_t now_ns, struct host **hostp, uint8_t *reply)
{
    struct host *h = NULL;
    uint8_t mac[6];

    if (wire_is_arp(frame, len)) {
        h = hosts_find(hs, wire_get32(frame + ARP_OFF_TPA));
    }
    if (!h || !host_is_reached(hs, h, router)) {
        hs->counters.ignored++;
        return HOSTS_IGNORED;
    }
    hosts_put_mac(mac, hosts_index(hs, h));
    if (memcmp(frame, mac, 6) && !(frame[0] & 1)) {
        hs->counters.ignored++;     /* A bridge would not deliver it. */
        return HOSTS_IGNORED;
    }
    *hostp = h;
    return wire_get16(frame + ARP_OFF_OP) == ARP_REQUEST
           ? receive_request(hs, h, router, frame, now_ns, reply)
           : receive_reply(hs, h, router, frame, now_ns);
}

void
hosts_flow(struct hosts *hs, int router, uint32_t ip, int delta,
           uint64_t now_ns)
{
    struct host *h = hosts_find(hs, ip);

    if (!h) {
        return;
    }
    h->flows[router] = (uint8_t) (h->flows[router] + delta);
    if (h->flows[router]) {
        h->holders |= UINT32_C(1) << router;
    } else {
        h->holders &= ~(UINT32_C(1) << router);
    }
    /* The last one before the notice is when the client can be forwarded. */
    if (delta > 0 && router != h->marked_gateway && !h->noticed_ns) {
        h->installed_ns = now_ns;
    }
}

void
hosts_mark(struct hosts *hs)
{
    for (size_t i = 0; i < hs->n; i++) {
        struct host *h = &hs->hosts[i];

        h->noticed_ns = h->installed_ns = h->told_ns = 0;
        h->marked_gateway = h->gateway;
    }
}

static bool
is_affected(const struct hosts *hs, const struct host *h, int router)
{
    return h->marked_gateway == router
           && !host_is_reached(hs, h, router)
           && (h->attached & ~h->cut & ~hs->unreachable);
}

void
hosts_get_progress(const struct hosts *hs, int router,
                   struct hosts_progress *progress)
{
    *progress = (struct hosts_progress) { 0, 0 };
    for (size_t i = 0; i < hs->n; i++) {
        const struct host *h = &hs->hosts[i];

        if (is_affected(hs, h, router)) {
            progress->affected++;
            progress->moved += h->noticed_ns != 0;
        }
    }
}

static void
add_since(struct dist *d, uint64_t at_ns, uint64_t start_ns)
{
    if (at_ns) {
        dist_add(d, at_ns - start_ns);
    }
}

void
hosts_print_times(const struct hosts *hs, int router, uint64_t start_ns,
                  FILE *out)
{
    struct dist notice = { 0 }, install = { 0 }, core = { 0 };

    for (size_t i = 0; i < hs->n; i++) {
        const struct host *h = &hs->hosts[i];

        if (is_affected(hs, h, router)) {
            add_since(&notice, h->noticed_ns, start_ns);
            add_since(&install, h->installed_ns, start_ns);
            add_since(&core, h->told_ns, start_ns);
        }
    }
    dist_print(out, "notice", &notice);
    fputs(",", out);
    dist_print(out, "install", &install);
    fputs(",", out);
    dist_print(out, "core", &core);
    dist_destroy(&notice);
    dist_destroy(&install);
    dist_destroy(&core);
}
