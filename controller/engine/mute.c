/* Hosts that ask too much.  See mute.h.  Called by input_arp.c. */
#include <config.h>

#include "controller/engine/mute.h"

#include "controller/engine/engine_private.h"
#include "controller/engine/router_send.h"
#include "flows/flow_base.h"
#include "flows/wire.h"

/* What is on its way to us would mute it once more for each frame. */
#define PAUSE_MS 100

/* Requests a second that the router's access ports may punt, each. */
static uint64_t
allowed_pps(const struct router *router)
{
    uint64_t pps = 0;

    for (size_t i = 0; i < router->n_segments; i++) {
        pps += router->segments[i]->config->limits.requests_per_s;
    }
    return pps;
}

/* The first tag, as a flow sees it: a priority tag is one. */
static uint16_t
first_vid(const struct of_packet_in *pin)
{
    const uint8_t *p = pin->frame + 2 * sizeof(struct eth_addr);
    uint16_t eth_type = wire_get_u16(p);

    return (eth_type == ETHERTYPE_8021Q || eth_type == ETHERTYPE_8021AD
            ? wire_get_u16(p + 2) & 0xfff : FH_VLAN_NONE);
}

static void
mute(struct router *router, const struct router_port *port,
     struct eth_addr mac, uint16_t vid)
{
    static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(10000, 5);
    char text[FH_MAC_STRLEN];
    struct fh_flow flow;

    flow_base_build_mute(port->number, mac, vid, &flow);
    router_put_change(router, FH_CHANGE_ADD, &flow);
    router->counters.muted++;
    log_warn_rl(&rl, "router %s: %s asks by ARP more than half of what port "
                "%s may ask: its questions are not heard for %d s",
                router->config->name, fh_mac_format(mac, text),
                router->config->access_ports[port - router->ports],
                FLOW_MUTE_S);
}

static void
note_times(const struct input *in, uint32_t weight, int64_t now_ms)
{
    uint16_t vid = first_vid(in->pin);
    uint32_t n = talkers_note(&in->port->talkers, in->frame->src, vid,
                              weight);

    if (n > TALKERS_LEAST && in->router->ready
        && now_ms >= in->port->muted_until_ms
        && !talkers_may(n, allowed_pps(in->router))) {
        in->port->muted_until_ms = now_ms + PAUSE_MS;
        mute(in->router, in->port, in->frame->src, vid);
    }
}

void
mute_note_request(struct engine *en, const struct input *in)
{
    int64_t now_ms = engine_now_ms(en);
    uint32_t weight = talkers_weight(&in->port->talkers, now_ms);

    if (weight) {
        note_times(in, weight, now_ms);
    }
}
