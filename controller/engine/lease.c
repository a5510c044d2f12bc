/* Leases.  See lease.h.  Called by input_dhcp.c with what servers say, and by
 * the wheel when time is up. */
#include <config.h>

#include "controller/engine/lease.h"

#include <stdio.h>
#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/engine/engine_private.h"
#include "controller/engine/learned.h"
#include "controller/engine/lease_ack.h"
#include "controller/engine/life.h"
#include "controller/engine/mark.h"
#include "controller/engine/serving.h"
#include "controller/engine/settle.h"
#include "flows/dhcp.h"

/* Leases change by the thousand; all are written, so seldom. */
#define KEEP_MS         2000
#define KEEP_PER_MS     10      /* Leases that put that off by 1 ms. */

/* A lease that ended while we were away, or ends before it is renewed under
 * our eyes: its client was forwarded for, and may have renewed it by unicast.
 * So long it has to show that it is there, and as long again each time. */
#define UNSEEN_S 60

/* Keeping. */

static void
keep_timer(struct wheel_timer *timer, int64_t now_ms, void *en_)
{
    struct engine *en = en_;
    size_t n = clients_count(en->clients);
    struct store_client *leases = fh_xcalloc(n + 1, sizeof *leases);
    struct store_change change = { STORE_SET_LEASES, .clients = leases };

    for (size_t i = 0; i < n; i++) {
        const struct client *c = clients_at(en->clients, i);

        if (c->lease) {
            struct store_client *lease = &leases[change.n++];

            lease->address = c->key.address;
            snprintf(lease->segment, sizeof lease->segment, "%s",
                     c->segment->config->name);
            lease->has_mac = lease->own_vlan = true;
            lease->mac = c->mac;
            lease->vlan = c->vlan;
            lease->end_ms = (c->lease->end_ms
                             ? c->lease->end_ms + en->unix_off_ms : 0);
        }
    }
    engine_keep(en, &change);   /* What goes wrong is told by the keeper. */
    free(leases);
}

/* A lease has come, changed or gone: in a while. */
static void
keep_later(struct engine *en)
{
    if (!wheel_is_armed(&en->lease_timer)) {
        wheel_arm(en->wheel, &en->lease_timer,
                  engine_now_ms(en) + KEEP_MS
                  + (int64_t) clients_count(en->clients) / KEEP_PER_MS);
    }
}

void
lease_keep_now(struct engine *en)
{
    if (wheel_is_armed(&en->lease_timer)) {
        wheel_cancel(&en->lease_timer);
        keep_timer(&en->lease_timer, engine_now_ms(en), en);
    }
}

void
lease_init(struct engine *en)
{
    en->lease_timer.fire = keep_timer;
}

static void set_end(struct engine *, struct client *, uint32_t lease_s);

bool
lease_is_in_use(const struct client *c)
{
    return c->active != ELECT_NONE && reach_is_up(&c->reaches[c->active]);
}

/* Its time is up.  A client that still answers stays, where whoever answers is
 * served; and where its lease may have been renewed behind our back. */
static void
lease_timer(struct wheel_timer *timer, int64_t now_ms, void *en_)
{
    struct engine *en = en_;
    struct client_lease *lease = (void *) ((char *) timer
                                           - offsetof(struct client_lease,
                                                      timer));
    struct client *c = lease->client;
    bool answers = lease_is_in_use(c);

    if (answers && lease->restored) {
        set_end(en, c, UNSEEN_S);
        lease->restored = true;
        return;
    }
    if (c->origin == CLIENT_LEASED && answers
        && c->segment->config->learn == LEARN_ALL) {
        life_set_origin(c, CLIENT_LEARNED);
        learned_enter(c, (size_t) c->active, c->reaches[c->active].port);
        c->mac_fixed = false;
    }
    lease_ended(en, c, "its lease has ended");
}

static void
set_end(struct engine *en, struct client *c, uint32_t lease_s)
{
    struct client_lease *lease = c->lease;

    keep_later(en);
    lease->timer.fire = lease_timer;
    lease->client = c;
    lease->restored = false;
    if (lease_s == DHCP_LEASE_FOREVER) {
        lease->end_ms = 0;
        wheel_cancel(&lease->timer);
    } else {
        lease->end_ms = engine_now_ms(en) + (int64_t) lease_s * 1000;
        wheel_arm(en->wheel, &lease->timer, lease->end_ms);
    }
}

/* Where the client's broadcast was heard, it can be reached, and it cannot be
 * asked yet: it has no address. */
static void
note_heard(struct engine *en, struct client *c, size_t member, uint32_t port)
{
    struct reach *r = &c->reaches[member];

    if (serving_can(c, member) && !reach_is_up(r)
        && reach_heard(r, port, engine_now_ms(en))) {
        member_router(c, member)->n_reachable++;
    }
}

/* Another has it now, and has nothing to do with what flows of the former one
 * have counted. */
static struct client *
replace(struct engine *en, struct client *former, const struct sighting *seen)
{
    uint32_t last_decision = life_last_decision(former);
    struct client *c;

    life_forget(en, former, "its address was leased to another MAC");
    c = life_sighted(en, seen);
    if (c) {
        life_succeed(c, last_decision);
    }
    return c;
}

/* The client of that address, if it may have it: it is new, or has that MAC
 * already, or nobody but the server, who knows better, has said whose it
 * is. */
static struct client *
claim(struct engine *en, struct segment *segment,
      const struct lease_grant *grant)
{
    struct client *c = clients_find(en->clients, grant->address, segment->id);
    const struct sighting seen = {
        .how = SIGHTED_LEASE, .origin = CLIENT_LEASED, .segment = segment,
        .address = grant->address, .mac = grant->mac, .vlan = &grant->vlan,
    };

    if (c && (c->origin == CLIENT_LEARNED || c->origin == CLIENT_LEASED)
        && !fh_mac_equal(c->mac, grant->mac)) {
        return replace(en, c, &seen);
    }
    if (!c) {
        return life_sighted(en, &seen);
    }
    if (!fh_mac_is_zero(c->mac) && !fh_mac_equal(c->mac, grant->mac)) {
        return NULL;
    }
    client_set_mac(c, grant->mac);
    return c;
}

/* It has a lease from now on, if it had none. */
static void
have_lease(struct client *c)
{
    if (!c->lease) {
        c->lease = fh_xcalloc(1, sizeof *c->lease);
    }
    c->mac_fixed = true;
    if (c->origin == CLIENT_LEARNED) {
        life_set_origin(c, CLIENT_LEASED);
    }
}

bool
lease_granted(struct engine *en, struct segment *segment,
              const struct lease_grant *grant, const struct lease_ack *ack)
{
    struct client *c = ack->len ? claim(en, segment, grant) : NULL;

    if (!c) {
        return false;
    }
    have_lease(c);
    set_end(en, c, grant->lease_s);
    lease_ack_keep(c, ack);
    c->lease->granted_ms = engine_now_ms(en);
    client_checks_address(c, engine_now_ms(en));
    for (size_t i = 0; i < c->n_reaches; i++) {
        if (grant->heard_by & UINT32_C(1) << i) {
            note_heard(en, c, i, grant->ports[i]);
        }
    }
    mark_client(en, c, CLIENT_WANTS_ELECTION, CAUSE_NONE);
    settle_now(en, c);
    if (!takeover_is_untold(&c->takeover)) {
        lease_ack_send(c);
    }
    return true;
}

void
lease_heard(struct engine *en, struct client *c, size_t member, uint32_t port)
{
    note_heard(en, c, member, port);
    mark_client(en, c, CLIENT_WANTS_CHOICE, CAUSE_NONE);
}

void
lease_renewed(struct engine *en, struct client *c, uint32_t lease_s)
{
    have_lease(c);
    set_end(en, c, lease_s);
}

void
lease_ended(struct engine *en, struct client *c, const char *why)
{
    keep_later(en);
    client_drop_lease(c);
    if (c->origin == CLIENT_LEASED) {
        life_forget(en, c, why);
    }
}

static void
restore_one(struct engine *en, const struct store_client *kept)
{
    struct segment *segment = engine_find_segment(en, kept->segment);
    int64_t left_ms = kept->end_ms - en->unix_off_ms - engine_now_ms(en);
    const struct lease_grant grant = {
        .address = kept->address, .mac = kept->mac, .vlan = kept->vlan,
    };
    struct client *c;

    if (!segment || !segment->config->dhcp.lease_clients
        || !segment->config->dhcp.n_servers) {
        return;
    }
    if (left_ms < UNSEEN_S * 1000) {
        left_ms = UNSEEN_S * 1000;
    }
    c = claim(en, segment, &grant);
    if (c && !c->lease) {
        have_lease(c);
        set_end(en, c, kept->end_ms ? (uint32_t) (left_ms / 1000 + 1)
                       : DHCP_LEASE_FOREVER);
        c->lease->restored = true;
    }
}

void
lease_restore(struct engine *en)
{
    const struct store_state *state = engine_kept(en);

    for (size_t i = 0; state && i < state->n_leases; i++) {
        restore_one(en, &state->leases[i]);
    }
}
