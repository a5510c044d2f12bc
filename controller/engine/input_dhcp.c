/* DHCP comes in.  See input_dhcp.h.
 *
 *   client  -- broadcast -->  a router hears it: relay.h says which one passes
 *                             it on, to each server (RFC 2131, RFC 3046)
 *   server  -- to its uplink address -->  that router passes the reply on, in a
 *                             unicast frame; an acknowledgement waits until the
 *                             client's flows are in force
 *   client  <-- unicast -->   server: renewals are passed on as they are
 */
#include <config.h>

#include "controller/engine/input_dhcp.h"

#include <stdio.h>
#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/decide/relay.h"
#include "controller/engine/engine_private.h"
#include "controller/engine/lease.h"
#include "controller/engine/router_send.h"
#include "flows/dhcp.h"

static bool
is_server(const struct segment *segment, struct fh_addr addr)
{
    for (size_t i = 0; i < segment->config->dhcp.n_servers; i++) {
        if (fh_addr_equal(segment->config->dhcp.servers[i], addr)) {
            return true;
        }
    }
    return false;
}

/* The segment with these tags, on this router, that relays DHCP. */
static struct segment *
find_segment(const struct router *router, const struct fh_vlan *vlan,
             int *memberp)
{
    const struct router_stack *stack = router_find_stack(router, vlan);
    const struct router_stack *end = router->stacks + router->n_stacks;

    for (uint32_t tags = stack ? stack->tags : 0;
         stack && stack < end && stack->tags == tags; stack++) {
        struct segment *segment = router->segments[stack->segment];

        if (segment->config->dhcp.n_servers) {
            *memberp = (int) router->member_index[stack->segment];
            return segment;
        }
    }
    return NULL;
}

/* The members that could pass something on to the core. */
static uint32_t
usable_members(const struct segment *segment)
{
    uint32_t usable = 0;

    for (size_t i = 0; i < segment->n_members; i++) {
        const struct member *m = &segment->members[i];

        if (m->router->ready && member_uplink_is_ok(m)
            && uplink_is_resolved(m->uplink)) {
            usable |= UINT32_C(1) << i;
        }
    }
    return usable;
}

/* Passes a request on to a server by 'member', whose uplink address is where
 * the reply comes back to. */
static void
send_to_server(struct engine *en, const struct segment *segment, int member,
               const struct fh_vlan *vlan, struct fh_addr server,
               const struct dhcp *request)
{
    const struct member *m = &segment->members[member];
    const struct ipv4_envelope envelope = {
        m->router->config->mac, m->uplink->view.next_hop_mac,
        m->uplink->view.vlan,
    };
    char circuit[CONFIG_MAX_NAME + 1 + FH_VLAN_STRLEN], tags[FH_VLAN_STRLEN];
    const struct dhcp_relay relay = {
        .relay = m->uplink->config->address.addr,
        .link = segment->config->gateway,
        .circuit = circuit,
        .relay_id = m->router->config->name,
    };
    uint8_t buf[DHCP_FRAME_MAX];
    size_t len;

    snprintf(circuit, sizeof circuit, "%s/%s", segment->config->name,
             fh_vlan_format(vlan, tags));
    len = dhcp_build_request(buf, &envelope, &relay, server, request);
    if (!len || !m->router->ready || !uplink_is_resolved(m->uplink)) {
        engine_drop(en, DROP_DHCP);
        return;
    }
    router_send(m->router, m->uplink->view.port, buf, len);
    en->stats.dhcp_relayed++;
}

/* A request that names its server goes there, any other to all. */
static void
send_to_servers(struct engine *en, const struct segment *segment, int member,
                const struct fh_vlan *vlan, const struct dhcp *request)
{
    if (is_server(segment, request->server)) {
        send_to_server(en, segment, member, vlan, request->server, request);
        return;
    }
    for (size_t i = 0; i < segment->config->dhcp.n_servers; i++) {
        send_to_server(en, segment, member, vlan,
                       segment->config->dhcp.servers[i], request);
    }
}

/* The address that a client asks for, or gives back. */
static struct fh_addr
wanted_address(const struct dhcp *dhcp)
{
    return fh_addr_is_zero(dhcp->ciaddr) ? dhcp->requested : dhcp->ciaddr;
}

static struct client *
find_leased(const struct engine *en, const struct segment *segment,
            struct fh_addr addr, struct eth_addr mac)
{
    struct client *c = clients_find(en->clients, addr, segment->id);

    return c && c->lease && fh_mac_equal(c->mac, mac) ? c : NULL;
}

/* An address is declined right after it was got (RFC 2131, 3.1), by the port
 * where it was asked for. */
static bool
may_decline(const struct client *c, const struct relay_heard *heard,
            int64_t now_ms)
{
    const struct reach *r = &c->reaches[heard->member];

    return (c->lease->granted_ms
            && now_ms - c->lease->granted_ms < CLIENT_QUIET_MS
            && reach_is_up(r) && r->port == heard->port);
}

/* May it be what it says?  Everybody on the access network can broadcast in
 * the name of 'c', which has a lease (NULL: nobody that we know).  An address
 * is given back by unicast (RFC 2131, 4.4.4). */
static bool
is_credible(const struct engine *en, const struct client *c,
            const struct relay_heard *heard, const struct dhcp *dhcp)
{
    return (dhcp->type != DHCP_RELEASE
            && (dhcp->type != DHCP_DECLINE || !c
                || may_decline(c, heard, engine_now_ms(en))));
}

/* A host's own message, not one that somebody has relayed to us, nor a
 * server's. */
static bool
is_clients_own(const struct dhcp *dhcp, const struct frame *frame)
{
    return !dhcp->from_server && dhcp->src_port == DHCP_CLIENT_PORT
           && dhcp->dst_port == DHCP_SERVER_PORT && !dhcp->has_relay_info
           && fh_addr_is_zero(dhcp->giaddr)
           && fh_mac_equal(dhcp->mac, frame->src);
}

/* A request ends the search for a server; who declines gets no answer. */
static void
note_passed(struct engine *en, const struct relay_key *key)
{
    struct relay_key done = *key;

    if (key->type == DHCP_REQUEST) {
        done.type = DHCP_DISCOVER;
    }
    if (key->type == DHCP_REQUEST || key->type == DHCP_DECLINE) {
        relays_done(en->relays, &done, engine_now_ms(en));
    }
}

/* Does a copy bring word of a member that was not among those when the request
 * was granted?  A server may be quicker than it. */
static bool
is_late_copy(const struct engine *en, const struct relay_key *key, int member)
{
    const struct relay_exchange *e = relays_find(en->relays, key);

    return e && e->done && !e->ports[member];
}

static void
take_broadcast(struct engine *en, const struct input *in)
{
    const struct frame *frame = in->frame;
    struct relay_heard heard = { .port = in->port->number,
                                 .vlan = frame->vlan };
    struct relay_key key = { .zero = 0 };
    struct segment *segment = find_segment(in->router, &frame->vlan,
                                           &heard.member);
    struct dhcp dhcp;
    struct client *c;
    bool late;
    int by;

    if (!segment || dhcp_parse(&in->ip, &dhcp)
        || !is_clients_own(&dhcp, frame)) {
        engine_drop(en, DROP_DHCP);
        return;
    }
    heard.wanted = wanted_address(&dhcp);
    heard.rapid = dhcp.rapid_commit;
    key.segment = segment->id;
    key.xid = dhcp.xid;
    key.mac = dhcp.mac;
    key.type = dhcp.type;
    c = find_leased(en, segment, heard.wanted, dhcp.mac);
    if (!is_credible(en, c, &heard, &dhcp)) {
        engine_drop(en, DROP_DHCP);
        return;
    }
    late = c && is_late_copy(en, &key, heard.member);
    by = relays_heard(en->relays, &key, &heard, usable_members(segment),
                      c ? c->active : -1, engine_now_ms(en));
    if (by == RELAY_COPY) {
        if (late) {
            lease_heard(en, c, (size_t) heard.member, heard.port);
        }
        return;
    }
    send_to_servers(en, segment, by, &frame->vlan, &dhcp);
    note_passed(en, &key);
    if (c && dhcp.type == DHCP_DECLINE) {
        lease_ended(en, c, "it found its address in use");
    }
}

bool
input_dhcp_broadcast(struct engine *en, const struct input *in)
{
    if (!frame_is_to_all(in->frame)) {
        return false;           /* To a client that is lost, perhaps. */
    }
    take_broadcast(en, in);
    return true;
}

/* Replies. */

/* By which router, and which of its ports, the client is reached: the one
 * that relayed, if it hears the client. */
static int
choose_way(const struct segment *segment, const struct relay_exchange *e,
           int member)
{
    if (e->ports[member]) {
        return member;
    }
    for (size_t i = 0; i < segment->n_members; i++) {
        if (e->ports[i] && segment->members[i].router->ready) {
            return (int) i;
        }
    }
    return -1;
}

/* May a server say that now, in answer to what was passed on?  A client is
 * told once that it has its lease, or has what it wants to know, until it asks
 * again; and at once only if it said that it would take that (RFC 4039). */
static bool
is_answer(const struct relay_exchange *e, enum dhcp_type asked,
          const struct dhcp *reply)
{
    switch (asked) {
    case DHCP_DISCOVER:
        return (reply->type == DHCP_OFFER
                || (reply->type == DHCP_ACK && !e->done && e->rapid
                    && reply->rapid_commit));
    case DHCP_REQUEST:
        return (reply->type == DHCP_NAK
                || (reply->type == DHCP_ACK && !e->done));
    case DHCP_INFORM:
        return reply->type == DHCP_ACK && !e->done;
    default:
        return false;
    }
}

/* The exchange that '*reply' is the answer to, or NULL.  Stores its key. */
static const struct relay_exchange *
find_asked(const struct engine *en, const struct segment *segment,
           const struct dhcp *reply, struct relay_key *key)
{
    static const enum dhcp_type asked[] = {
        DHCP_REQUEST, DHCP_DISCOVER, DHCP_INFORM,
    };

    *key = (struct relay_key) {
        .segment = segment->id, .xid = reply->xid, .mac = reply->mac,
    };
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        const struct relay_exchange *e;

        key->type = (uint8_t) asked[i];
        e = relays_find(en->relays, key);
        if (e && is_answer(e, asked[i], reply)) {
            return e;
        }
    }
    return NULL;
}

/* One that goes on answering keeps its address until its lease ends, or the
 * server gives it to another: what was refused may have been asked in its
 * name. */
static void
refused(struct engine *en, const struct segment *segment,
        const struct relay_exchange *e, const struct dhcp *reply)
{
    struct client *c = find_leased(en, segment, e->wanted, reply->mac);

    if (c && !lease_is_in_use(c)) {
        lease_ended(en, c, "the server refused it");
    }
}

/* Is who has a lease a client by that? */
static bool
makes_leases(const struct segment *segment)
{
    return (segment->config->dhcp.lease_clients
            && segment->config->learn != LEARN_LISTED);
}

/* Does it make a client? */
static bool
is_grant(const struct segment *segment, const struct relay_key *asked,
         const struct dhcp *reply)
{
    return (reply->type == DHCP_ACK && asked->type != DHCP_INFORM
            && makes_leases(segment)
            && !fh_addr_is_zero(reply->yiaddr) && reply->lease_s);
}

/* Makes the client, which tells it.  Returns whether that is possible. */
static bool
grant(struct engine *en, struct segment *segment,
      const struct relay_exchange *e, const struct dhcp *reply,
      const struct lease_ack *ack)
{
    const struct lease_grant granted = {
        reply->yiaddr, reply->mac, e->vlan, reply->lease_s, e->heard_by,
        e->ports,
    };

    return lease_granted(en, segment, &granted, ack);
}

static void
pass_back(struct engine *en, struct segment *segment, int member,
          const struct relay_exchange *e, const struct relay_key *asked,
          const struct dhcp *reply)
{
    int by = choose_way(segment, e, member);
    struct router *router = by < 0 ? NULL : segment->members[by].router;
    bool grants = is_grant(segment, asked, reply);
    struct lease_ack ack = { .member = by };
    uint8_t buf[DHCP_FRAME_MAX];
    struct ipv4_envelope envelope = { .eth_dst = reply->mac,
                                      .vlan = e->vlan };

    if (!router) {
        engine_drop(en, DROP_DHCP);
        return;
    }
    envelope.eth_src = router->config->mac;
    ack.len = dhcp_build_reply(buf, &envelope, segment->config->gateway,
                               reply);
    ack.frame = buf;
    ack.port = e->ports[by];
    if (!ack.len || (grants && !grant(en, segment, e, reply, &ack))) {
        engine_drop(en, DROP_DHCP);
        return;
    }
    if (reply->type == DHCP_NAK) {
        refused(en, segment, e, reply);
    }
    if (!grants) {
        router_send(router, ack.port, buf, ack.len);
    }
    if (reply->type == DHCP_ACK) {
        relays_done(en->relays, asked, engine_now_ms(en));
    }
}

/* A server has answered us. */
static void
relayed_reply(struct engine *en, struct router *router,
              const struct uplink *uplink, const struct dhcp *reply)
{
    for (size_t i = 0; i < router->n_segments; i++) {
        struct segment *segment = router->segments[i];
        size_t member = router->member_index[i];
        const struct relay_exchange *e;
        struct relay_key key;

        if (segment->members[member].uplink != uplink
            || !is_server(segment, reply->src)) {
            continue;
        }
        e = find_asked(en, segment, reply, &key);
        if (e) {
            pass_back(en, segment, (int) member, e, &key, reply);
            return;
        }
    }
    engine_drop(en, DROP_DHCP);
}

/* Passes on what is between a client and a server, as it is. */
static void
forward(struct engine *en, struct router *router, uint32_t port,
        const struct ipv4_envelope *envelope, const struct ipv4 *ip)
{
    uint8_t *buf;

    if (ip->ttl < 2 || fh_mac_is_zero(envelope->eth_dst)) {
        engine_drop(en, DROP_DHCP);
        return;
    }
    buf = fh_xmalloc(IPV4_FRAME_MAX(ip->header_len + ip->payload_len));
    router_send(router, port, buf, ipv4_build_forward(buf, envelope, ip));
    free(buf);
}

/* The client of 'addr' that this router serves over that uplink. */
static struct client *
find_served(const struct engine *en, const struct router *router,
            const struct uplink *uplink, struct fh_addr addr)
{
    for (size_t i = 0; i < router->n_segments; i++) {
        const struct segment *segment = router->segments[i];
        size_t member = router->member_index[i];
        struct client *c;

        if (segment->members[member].uplink != uplink) {
            continue;
        }
        c = clients_find(en->clients, addr, segment->id);
        if (c && c->active == (int) member) {
            return c;
        }
    }
    return NULL;
}

/* To a client's own address: a renewal, most likely. */
static void
to_client(struct engine *en, struct router *router,
          const struct uplink *uplink, const struct ipv4 *ip)
{
    struct client *c = find_served(en, router, uplink, ip->dst);
    struct ipv4_envelope envelope = { .eth_src = router->config->mac };
    struct dhcp dhcp;

    if (!c || !c->reaches[c->active].port) {
        engine_drop(en, DROP_DHCP);
        return;
    }
    envelope.eth_dst = c->mac;
    envelope.vlan = c->vlan;
    forward(en, router, c->reaches[c->active].port, &envelope, ip);
    if (dhcp_parse(ip, &dhcp) || !is_server(c->segment, ip->src)
        || !fh_mac_equal(dhcp.mac, c->mac)) {
        return;
    }
    if (dhcp.type == DHCP_ACK && dhcp.lease_s
        && fh_addr_equal(dhcp.yiaddr, c->key.address)
        && makes_leases(c->segment)) {
        lease_renewed(en, c, dhcp.lease_s);
    } else if (dhcp.type == DHCP_NAK && c->lease) {
        lease_ended(en, c, "the server refused it");
    }
}

static void
from_client(struct engine *en, struct router *router,
            const struct uplink *uplink, const struct ipv4 *ip)
{
    const struct ipv4_envelope envelope = {
        router->config->mac, uplink->view.next_hop_mac, uplink->view.vlan,
    };
    struct client *c = find_served(en, router, uplink, ip->src);
    struct client *named = NULL;
    struct dhcp dhcp;

    if (c && !dhcp_parse(ip, &dhcp)) {
        named = find_leased(en, c->segment, wanted_address(&dhcp), dhcp.mac);
    }
    if (named && named != c) {
        engine_drop(en, DROP_DHCP);     /* In another client's name. */
        return;
    }
    forward(en, router, uplink->view.port, &envelope, ip);
    if (named && dhcp.type == DHCP_RELEASE) {
        lease_ended(en, named, "it gave its address back");
    }
}

bool
input_dhcp_routed(struct engine *en, const struct input *in)
{
    struct router *router = in->router;
    const struct uplink *uplink = router_uplink_by_domain(router,
                                                          input_domain(in));
    const struct ipv4 *ip = &in->ip;
    struct dhcp dhcp;

    if (!uplink) {
        return true;
    }
    if (in->pin->metadata & FLOW_META_FROM_ACCESS) {
        from_client(en, router, uplink, ip);
    } else if (!fh_addr_equal(ip->dst, uplink->config->address.addr)) {
        to_client(en, router, uplink, ip);
    } else if (!dhcp_parse(ip, &dhcp) && dhcp.from_server
               && fh_addr_equal(dhcp.giaddr, ip->dst)) {
        relayed_reply(en, router, uplink, &dhcp);
    } else {
        engine_drop(en, DROP_DHCP);
    }
    return true;
}
