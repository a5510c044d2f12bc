/* Who is to be believed?  See claim.h. */
#include <config.h>

#include "controller/decide/claim.h"

#include <string.h>

static void
forget(struct claim *claim)
{
    memset(&claim->mac, 0, sizeof claim->mac);
    claim->refuted = false;
}

/* Whatever has become of it since. */
static bool
was_about(const struct claim *claim, const struct claim_place *place,
          size_t member)
{
    return (!fh_mac_is_zero(claim->mac)
            && (!fh_mac_equal(claim->mac, place->mac)
                || claim->member == member));
}

bool
claim_is_about(const struct claim *claim, const struct claim_place *place,
               size_t member)
{
    return !claim->refuted && was_about(claim, place, member);
}

static void
report_conflict(struct claim *claim, struct eth_addr mac, int64_t now_ms,
                struct claim_verdict *v)
{
    v->conflict = true;
    v->mac = mac;
    v->quiet = (claim->reported_ms
                && now_ms - claim->reported_ms < CLAIM_REPORT_MS);
    if (!v->quiet) {
        claim->reported_ms = now_ms;
    }
}

static struct claim_verdict
contest(struct claim *claim, const struct claim_place *place)
{
    claim->contested = true;
    claim->before = place->mac;
    forget(claim);
    return (struct claim_verdict) { .follow = true, .ask_all = true };
}

static void
note(struct claim *claim, size_t member, struct eth_addr mac, uint32_t port,
     int64_t now_ms, struct claim_verdict *v)
{
    claim->mac = mac;
    claim->member = member;
    claim->port = port;
    claim->at_ms = now_ms;
    claim->refuted = false;
    v->ask_place = now_ms >= claim->ask_ms;
    if (v->ask_place) {
        claim->ask_ms = now_ms + CLAIM_ASK_MS;
    }
}

struct claim_verdict
claim_made(struct claim *claim, const struct claim_place *place,
           size_t member, struct eth_addr mac, uint32_t port, int64_t now_ms)
{
    struct claim_verdict v = { .frame = CLAIM_REFUSED };

    if (place->fixed && !fh_mac_equal(place->mac, mac)) {
        v.frame = CLAIM_REFUSED_FIXED;
        report_conflict(claim, mac, now_ms, &v);
        return v;
    }
    if (place->may_answer) {
        note(claim, member, mac, port, now_ms, &v);
        return v;
    }
    if (place->is_sought) {
        return contest(claim, place);
    }
    forget(claim);
    return (struct claim_verdict) { .follow = true, .moved = true,
                                    .mac = mac };
}

struct claim_verdict
claim_answered(struct claim *claim, const struct claim_place *place,
               struct eth_addr mac, int64_t now_ms)
{
    struct claim_verdict v = {
        .frame = (place->fixed && !fh_mac_equal(place->mac, mac)
                  ? CLAIM_REFUSED_FIXED : CLAIM_REFUSED),
    };

    if (place->is_up) {
        report_conflict(claim, mac, now_ms, &v);
    }
    return v;
}

struct claim_verdict
claim_place_answered(struct claim *claim, const struct claim_place *place,
                     size_t member, struct eth_addr mac, int64_t now_ms)
{
    struct claim_verdict v = { .frame = CLAIM_ACCEPTED };

    if (claim_is_about(claim, place, member)) {
        report_conflict(claim, claim->mac, now_ms, &v);
        if (fh_mac_equal(claim->mac, place->mac)) {
            forget(claim);
        }
        claim->refuted = !fh_mac_is_zero(claim->mac);
    }
    if (claim->contested) {
        claim->contested = false;
        v.moved = !fh_mac_equal(claim->before, mac);
    }
    return v;
}

int64_t
claim_next_ms(const struct claim *claim, const struct claim_place *place,
              int64_t next_ms, int64_t now_ms)
{
    bool watched = (claim->refuted && !fh_mac_equal(claim->mac, place->mac)
                    && now_ms - claim->at_ms < CLAIM_WATCH_MS);

    return (watched && now_ms + CLAIM_AGAIN_MS < next_ms
            ? now_ms + CLAIM_AGAIN_MS : next_ms);
}

struct claim_verdict
claim_place_silent(struct claim *claim, const struct claim_place *place,
                   size_t member, int64_t now_ms)
{
    struct claim_verdict v = { .frame = CLAIM_ACCEPTED };
    bool same_mac = fh_mac_equal(claim->mac, place->mac);
    int64_t valid_ms = claim->refuted ? CLAIM_KEPT_MS : CLAIM_VALID_MS;

    if (!was_about(claim, place, member)
        || (!same_mac && place->may_answer)) {
        return v;
    }
    if (now_ms - claim->at_ms > valid_ms) {
        forget(claim);
    } else if (same_mac) {
        v.ask_member = true;
        forget(claim);
    } else {
        return contest(claim, place);
    }
    return v;
}
