/* The next hop of an uplink.  See uplink.h. */
#include <config.h>

#include "controller/decide/uplink.h"

bool
uplink_is_ok(const struct uplink *uplink)
{
    return (uplink->view.port && uplink->port_up
            && uplink->state != UPLINK_DEAD);
}

bool
uplink_is_doubtful(const struct uplink *uplink)
{
    return (uplink->misses >= UPLINK_DOUBTFUL
            || uplink->misses > uplink->watch.misses);
}

bool
uplink_is_resolved(const struct uplink *uplink)
{
    return uplink->state != UPLINK_UNRESOLVED;
}

/* The one place where a MAC becomes the next hop's, or proves to be. */
static void
believe(struct uplink *uplink, struct eth_addr mac, int64_t now_ms)
{
    if (!fh_mac_equal(uplink->view.next_hop_mac, mac)) {
        uplink->previous_mac = uplink->view.next_hop_mac;
        uplink->view.next_hop_mac = mac;
        uplink->decide_ms = now_ms + UPLINK_DISPUTE_MS;
    }
    uplink->state = UPLINK_RESOLVED;
    uplink->misses = 0;
    uplink->awaited = false;
    uplink->next_ms = now_ms + uplink->watch.interval_ms;
}

bool
uplink_waits(const struct uplink *uplink)
{
    return ((uplink->state == UPLINK_RESOLVED && uplink->misses)
            || uplink->state == UPLINK_DISPUTED);
}

/* Do claims pour in? */
static bool
pours(const struct uplink *uplink, int64_t now_ms)
{
    return (uplink->poured_ms
            && now_ms - uplink->poured_ms < UPLINK_CALM_MS);
}

static void
count_claim(struct uplink *uplink, uint16_t weight, int64_t now_ms)
{
    if (now_ms - uplink->claims_ms >= UPLINK_POUR_MS) {
        uplink->claims_ms = now_ms;
        uplink->n_claims = 0;
    }
    if (uplink->n_claims + weight <= UPLINK_POUR_N * UPLINK_POUR_ASKS) {
        uplink->n_claims += weight;
    } else {
        uplink->poured_ms = now_ms;
    }
}

/* May the answer to a request of 'since_ms' have been dropped? */
static bool
is_excused(const struct uplink *uplink, int64_t since_ms, int64_t now_ms)
{
    return ((uplink->dropped_ms && uplink->dropped_ms >= since_ms)
            || pours(uplink, now_ms));
}

/* There is one more request without an answer. */
static void
count_miss(struct uplink *uplink, struct uplink_verdict *v)
{
    uint32_t most = uplink->watch.misses;

    if (uplink->misses == most && uplink->state == UPLINK_RESOLVED) {
        uplink->state = UPLINK_DEAD;
        uplink->awaited = false;
        v->event = UPLINK_WENT_DEAD;
    } else if (uplink->misses == most && uplink->state == UPLINK_UNRESOLVED) {
        v->event = UPLINK_UNHEARD;
    }
    if (uplink->misses <= most) {
        uplink->misses++;
    }
}

/* A request that counts is due. */
static void
ask(struct uplink *uplink, int64_t now_ms, struct uplink_verdict *v)
{
    if (!uplink->misses
        || !is_excused(uplink, uplink->next_ms - uplink_retry_ms(uplink),
                       now_ms)) {
        count_miss(uplink, v);
    }
    uplink->next_ms = now_ms + uplink_retry_ms(uplink);
    v->ask = (uplink->state == UPLINK_UNRESOLVED || uplink->misses > 1
              ? UPLINK_ASK_ALL : UPLINK_ASK_IT);
}

/* At 0, 100, 200, 400 and 800 ms. */
static void
ask_early(struct uplink *uplink, int64_t now_ms, struct uplink_verdict *v)
{
    uint32_t next_ms = (uplink->early_ms ? 2 * uplink->early_ms
                        : UPLINK_EARLY_MS);

    if (uplink->early_ms < UPLINK_RETRY_MS && now_ms >= uplink->early_at_ms) {
        uplink->early_at_ms = now_ms + next_ms - uplink->early_ms;
        uplink->early_ms = next_ms;
        v->ask = UPLINK_ASK_ALL;
    }
}

/* The old one is asked, whether it is still there. */
static void
ask_old(struct uplink *uplink, int64_t now_ms, struct uplink_verdict *v)
{
    uplink->asked = true;
    uplink->decide_ms = now_ms + UPLINK_DISPUTE_MS;
    v->ask = UPLINK_ASK_IT;
}

/* A tick while DISPUTED.  Returns true once that is over. */
static bool
settle(struct uplink *uplink, int64_t now_ms, struct uplink_verdict *v)
{
    if (!uplink->asked) {
        ask_old(uplink, now_ms, v);
        return false;
    }
    if (now_ms < uplink->decide_ms) {
        v->ask = UPLINK_ASK_IT;         /* The first may have been lost. */
        return false;
    }
    if (is_excused(uplink, uplink->decide_ms - UPLINK_DISPUTE_MS, now_ms)) {
        ask_old(uplink, now_ms, v);
        return false;
    }
    if (uplink->poured_ms) {            /* It has come to an end. */
        uplink->state = UPLINK_RESOLVED;
        uplink->poured_ms = 0;
        uplink->next_ms = now_ms;
        return true;
    }
    believe(uplink, uplink->claimant, now_ms);
    uplink->next_ms = now_ms;           /* Does it answer, too? */
    v->event = UPLINK_MOVED;
    return true;
}

struct uplink_verdict
uplink_tick(struct uplink *uplink, int64_t now_ms)
{
    struct uplink_verdict v = { UPLINK_NOTHING, UPLINK_ASK_NOBODY };

    if (!uplink->view.port
        || (uplink->state == UPLINK_DISPUTED
            && !settle(uplink, now_ms, &v))) {
        return v;
    }
    if (now_ms >= uplink->next_ms) {
        ask(uplink, now_ms, &v);
    }
    if (uplink->state == UPLINK_UNRESOLVED) {
        ask_early(uplink, now_ms, &v);
    }
    return v;
}

/* A flood of claims asks by the tick. */
static void
hear_claimant(struct uplink *uplink, struct eth_addr mac, int64_t now_ms,
           struct uplink_verdict *v)
{
    uplink->claimant = mac;             /* The last one to speak. */
    if (uplink->state == UPLINK_DISPUTED) {
        return;
    }
    uplink->state = UPLINK_DISPUTED;
    uplink->asked = false;
    if (now_ms >= uplink->decide_ms) {
        ask_old(uplink, now_ms, v);
    }
}

/* What it means that the next hop speaks from where it was. */
static enum uplink_event
hear_same(const struct uplink *uplink, uint16_t tpid)
{
    if (uplink->state == UPLINK_DISPUTED) {
        return UPLINK_REFUSED;
    }
    return (uplink_is_doubtful(uplink) && tpid != uplink->view.vlan.tpid
            ? UPLINK_MOVED : UPLINK_NOTHING);
}

/* Another MAC than the one that is known, or guessed.  Returns true if it is
 * one claim of a flood, which nobody believes. */
static bool
is_flood(struct uplink *uplink, bool asks, int64_t now_ms)
{
    if (uplink->state != UPLINK_DISPUTED && !pours(uplink, now_ms)) {
        uplink->poured_ms = 0;
    }
    count_claim(uplink, asks ? 1 : UPLINK_POUR_ASKS, now_ms);
    return pours(uplink, now_ms);
}

struct uplink_verdict
uplink_heard(struct uplink *uplink, struct eth_addr mac, uint16_t tpid,
             bool asks, int64_t now_ms)
{
    struct uplink_verdict v = { UPLINK_NOTHING, UPLINK_ASK_NOBODY };
    bool is_other = (!fh_mac_is_zero(uplink->view.next_hop_mac)
                     && !fh_mac_equal(uplink->view.next_hop_mac, mac));

    if (is_other && is_flood(uplink, asks, now_ms)) {
        if (uplink->state != UPLINK_DEAD) {
            hear_claimant(uplink, mac, now_ms, &v);
        }
        uplink->claimant = mac;
        v.event = UPLINK_REFUSED;
        return v;
    }
    if (uplink->state == UPLINK_UNRESOLVED && is_other) {
        hear_claimant(uplink, mac, now_ms, &v); /* Was the guess right? */
        return v;
    }
    if (uplink->state == UPLINK_UNRESOLVED) {
        v.event = UPLINK_FOUND;
    } else if (uplink->state == UPLINK_DEAD) {
        v.event = UPLINK_CAME_BACK;
    } else if (fh_mac_equal(uplink->view.next_hop_mac, mac)) {
        v.event = hear_same(uplink, tpid);
    } else if (uplink_is_doubtful(uplink)) {
        v.event = UPLINK_MOVED;
    } else {
        hear_claimant(uplink, mac, now_ms, &v);
        return v;
    }
    if (v.event != UPLINK_NOTHING && v.event != UPLINK_REFUSED) {
        uplink->view.vlan.tpid = tpid;
    }
    believe(uplink, mac, now_ms);
    return v;
}

void
uplink_ask_soon(struct uplink *uplink, int64_t now_ms)
{
    if (!uplink->misses || uplink->state == UPLINK_DEAD) {
        uplink->next_ms = now_ms;
    }
}

void
uplink_reset(struct uplink *uplink)
{
    uplink->state = UPLINK_UNRESOLVED;
    uplink->awaited = false;
    if (!uplink_is_doubtful(uplink)) {
        uplink->misses = 0;
    }
    uplink->early_ms = 0;
    uplink->early_at_ms = 0;
    uplink->next_ms = 0;
}

void
uplink_inherit(struct uplink *uplink, const struct uplink *old)
{
    uplink->view.next_hop_mac = old->view.next_hop_mac;
    uplink->view.vlan.tpid = old->view.vlan.tpid;
    uplink->state = (old->state == UPLINK_DISPUTED
                     ? UPLINK_RESOLVED : old->state);
    uplink->misses = old->misses;
    uplink->drops = old->drops;
    uplink->request_drops = old->request_drops;
    uplink->beacon_drops = old->beacon_drops;
    uplink->told_guard = old->told_guard;
    uplink->guard = old->guard;
}
