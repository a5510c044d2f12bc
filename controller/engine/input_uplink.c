/* ARP comes in from the core.  See input_uplink.h.
 *
 *   from our address, or a client's   somebody else has it: defend.h
 *   from the next hop                 uplink.h decides whether it is believed
 *   request                           answered for us, and for the clients that
 *                                     this router is active for
 */
#include <config.h>

#include "controller/engine/input_uplink.h"

#include "controller/engine/defend.h"
#include "controller/engine/locate.h"
#include "controller/engine/nexthop.h"
#include "controller/engine/router_send.h"

/* Its sender speaks as the next hop.  Is it believed? */
static bool
is_next_hop(struct engine *en, const struct input *in, struct uplink *uplink)
{
    const struct arp *arp = &in->arp;
    bool asks = (arp->op == ARP_OP_REQUEST && !arp_is_announcement(arp)
                 && !fh_addr_equal(arp->tpa, uplink->config->address.addr));

    nexthop_act(en, in->router, uplink,
                uplink_heard(uplink, arp->sha, in->frame->vlan.tpid, asks,
                             engine_now_ms(en)));
    return fh_mac_equal(uplink->view.next_hop_mac, arp->sha);
}

/* Its sender, no router, speaks from our address or from a client's. */
static bool
is_stolen(struct engine *en, const struct input *in, struct uplink *uplink)
{
    const struct arp *arp = &in->arp;
    bool to_all = frame_is_to_all(in->frame);
    struct client *c;

    if (fh_addr_equal(arp->spa, uplink->config->address.addr)) {
        engine_drop(en, DROP_OWN_ADDRESS);
        defend_uplink(en, in->router, uplink, arp->sha, to_all);
        return true;
    }
    c = locate_behind(en, in->router, uplink, arp->spa);
    if (!c) {
        return false;
    }
    engine_drop(en, DROP_RIVAL);
    defend_route(en, c, arp->sha, to_all);
    return true;
}

/* 'c' is the client that it was for, or NULL. */
static void
take_reply(struct engine *en, const struct input *in, struct uplink *uplink,
           struct client *c)
{
    if (!fh_mac_equal(in->arp.tha, in->router->config->mac)
        || !fh_addr_equal(in->arp.spa, uplink->config->next_hop)) {
        engine_drop(en, DROP_UNASKED);
    } else if (is_next_hop(en, in, uplink) && c) {
        takeover_core_acked(&c->takeover, c->active);
    }
}

static bool
is_answered_for(const struct client *c)
{
    return (c->segment->config->upstream == UPSTREAM_ARP
            || c->segment->config->upstream == UPSTREAM_CORE);
}

/* 'c' is the client that is asked for, or NULL. */
static void
take_request(struct engine *en, const struct input *in,
             struct uplink *uplink, struct client *c)
{
    const struct arp *arp = &in->arp;
    const struct arp answer = {
        .op = ARP_OP_REPLY,
        .sha = in->router->config->mac, .spa = arp->tpa,
        .tha = arp->sha, .tpa = arp->spa,
    };
    bool asks_us = fh_addr_equal(arp->tpa, uplink->config->address.addr);

    if ((asks_us || c) && fh_addr_equal(arp->spa, uplink->config->next_hop)) {
        is_next_hop(en, in, uplink);
    }
    if ((asks_us || (c && is_answered_for(c)))
        && !fh_addr_is_zero(arp->spa)) {
        router_send_arp(in->router, uplink->view.port, arp->sha,
                        &in->frame->vlan, &answer);
        en->stats.arp_answers++;
    }
}

bool
input_uplink(struct engine *en, const struct input *in)
{
    const struct arp *arp = &in->arp;
    struct uplink *uplink = router_uplink_by_port(
        in->router, in->pin->in_port, &in->frame->vlan);
    struct client *c;

    if (!uplink) {
        engine_drop(en, router_is_uplink_port(in->router, in->pin->in_port)
                    ? DROP_UNKNOWN_TAG : DROP_UNKNOWN_PORT);
        return true;
    }
    if (router_knows_mac(in->router, arp->sha)
        || is_stolen(en, in, uplink)) {
        return true;
    }
    c = locate_behind(en, in->router, uplink, arp->tpa);
    if (arp_is_announcement(arp)
        && fh_addr_equal(arp->spa, uplink->config->next_hop)) {
        is_next_hop(en, in, uplink);
    } else if (arp->op == ARP_OP_REPLY) {
        take_reply(en, in, uplink, c);
    } else {
        take_request(en, in, uplink, c);
    }
    return true;
}
