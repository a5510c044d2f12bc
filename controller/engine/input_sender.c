/* IPv4 comes in from hosts that are not known.  See input_sender.h.
 *
 * Firmware, cameras, and hosts that still have another gateway's entry may send
 * for minutes before they ask anything by ARP.  SOURCE hands up what it does
 * not let pass, a little of it.  A packet proves nothing, its sender is easily
 * forged: whose address it bears is asked, by the router that has heard it
 * alone, and becomes a client when it answers. */
#include <config.h>

#include "controller/engine/input_sender.h"

#include "controller/engine/conflict.h"
#include "controller/engine/life.h"
#include "controller/engine/locate.h"
#include "controller/engine/probe.h"

/* SOURCE has taken the tags off, and notes them in metadata. */
static struct fh_vlan
tags_of(const struct of_packet_in *pin)
{
    uint64_t meta = pin->metadata & FLOW_META_STACK_MASK;

    return (struct fh_vlan) {
        .n = meta >> 24, .vids = { meta & 0xfff, (meta >> 12) & 0xfff },
    };
}

static bool
is_reached(const struct client *c)
{
    for (size_t i = 0; i < c->n_reaches; i++) {
        if (reach_is_up(&c->reaches[i])) {
            return true;
        }
    }
    return false;
}

static struct client *
learn(struct engine *en, const struct location *at, const struct input *in)
{
    const struct sighting seen = {
        .how = SIGHTED_TRAFFIC, .origin = CLIENT_LEARNED,
        .segment = at->segment, .address = in->ip.src, .mac = in->frame->src,
        .member = at->member, .port = in->port->number,
    };

    return life_sighted(en, &seen);
}

/* Is what is known of the client in keeping with this?  A client that answers
 * elsewhere is not doubted for it. */
static bool
fits(struct engine *en, struct client *c, size_t member,
     const struct input *in)
{
    if (fh_mac_is_zero(c->mac) || fh_mac_equal(c->mac, in->frame->src)) {
        return true;
    }
    if (is_reached(c)) {
        engine_drop(en, DROP_RIVAL);
        return false;
    }
    return conflict_claims(en, c, member, in->frame->src, in->port->number);
}

bool
input_sender(struct engine *en, const struct input *in)
{
    const struct fh_vlan tags = tags_of(in->pin);
    struct location at;
    struct client *c;
    struct reach *r;

    if (!fh_mac_equal(in->frame->dst, in->router->config->mac)
        || in->pin->metadata & ~FLOW_META_STACK_MASK
        || tags.n > FH_VLAN_MAX_TAGS) {
        return false;
    }
    if (locate_by_tags(en, in->router, &tags, in->ip.src, &at) != LOCATE_OK
        || !segment_may_have(at.segment, in->ip.src)
        || router_knows_mac(in->router, in->frame->src)) {
        engine_drop(en, DROP_OUTSIDE);
        return true;
    }
    c = at.client;
    if (c ? !fits(en, c, at.member, in) : !(c = learn(en, &at, in))) {
        return true;
    }
    r = &c->reaches[at.member];
    if (!is_reached(c) && !r->outstanding) {
        probe_now(en, c, at.member);
    }
    return true;
}
