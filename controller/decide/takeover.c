/* The move of one client to a router.  See takeover.h. */
#include <config.h>

#include "controller/decide/takeover.h"

#include <assert.h>

/* After the first notice, in ms.  The third and fourth fall on either side of
 * the second in which a Linux client refuses to change its entry. */
static const int notice_at_ms[TAKEOVER_NOTICES] = { 0, 100, 300, 1100, 2200 };

static void
act(struct takeover_actions *out, enum takeover_action_type type, int member,
    int64_t at_ms)
{
    assert(out->n < TAKEOVER_MAX_ACTIONS);
    out->items[out->n++] = (struct takeover_action) { type, member, at_ms };
}

void
takeover_init(struct takeover *t)
{
    memset(t, 0, sizeof *t);
    t->winner = -1;
    t->install_ms = -1;
}

void
takeover_found(struct takeover *t, int member, bool holds)
{
    uint32_t bit = UINT32_C(1) << member;

    t->holders = holds ? t->holders | bit : t->holders & ~bit;
}

void
takeover_adopt(struct takeover *t, int member)
{
    t->winner = member;
    t->core_acked = true;
}

void
takeover_put_back(struct takeover *t, int member)
{
    t->winner = member;
}

void
takeover_abandon(struct takeover *t)
{
    if (!takeover_is_idle(t)) {
        t->phase = TAKEOVER_IDLE;
    }
}

/* Takes the flows off all but 'keep' that can be told. */
static void
remove_losers(struct takeover *t, int keep, takeover_members ready,
              struct takeover_actions *out)
{
    for (int i = 0; i < 32; i++) {
        uint32_t bit = UINT32_C(1) << i;

        if (i != keep && t->holders & ready & bit) {
            t->holders &= ~bit;
            act(out, TAKEOVER_REMOVE, i, 0);
        }
    }
}

static int64_t
linger_until_ms(const struct takeover *t)
{
    return t->noticed_ms + t->linger_ms;
}

/* When the core is to be told once more, after the client has been done with;
 * 0: not any more. */
static int64_t
repeat_at_ms(const struct takeover *t)
{
    return (!t->core_acked && t->winner >= 0 && t->n_notices
            && t->n_notices < TAKEOVER_NOTICES
            ? t->noticed_ms + notice_at_ms[t->n_notices] : 0);
}

static void
arm_next(const struct takeover *t, struct takeover_actions *out)
{
    int64_t repeat_ms = repeat_at_ms(t);

    if (t->phase == TAKEOVER_LINGER
        && (!repeat_ms || linger_until_ms(t) < repeat_ms)) {
        act(out, TAKEOVER_ARM, t->winner, linger_until_ms(t));
    } else if (repeat_ms) {
        act(out, TAKEOVER_ARM, t->winner, repeat_ms);
    }
}

static void
release(struct takeover *t, takeover_members ready,
        struct takeover_actions *out)
{
    t->phase = TAKEOVER_IDLE;
    remove_losers(t, t->winner, ready, out);
    act(out, TAKEOVER_RELEASE, t->winner, 0);
}

static void
finish(struct takeover *t, int64_t now_ms, takeover_members ready,
       struct takeover_actions *out)
{
    act(out, TAKEOVER_DONE, t->winner, 0);
    if (now_ms < linger_until_ms(t)) {
        t->phase = TAKEOVER_LINGER;
    } else {
        release(t, ready, out);
    }
    arm_next(t, out);
}

static void
begin(struct takeover *t, int winner, bool planned, int64_t now_ms)
{
    t->phase = TAKEOVER_FLOWS;
    t->winner = winner;
    t->planned = planned;
    t->decided_ms = now_ms;
    t->install_ms = -1;
    t->n_notices = 0;
    t->core_acked = t->client_acked = false;
    t->holders |= UINT32_C(1) << winner;
}

void
takeover_begin(struct takeover *t, int winner, bool planned, int64_t now_ms,
               struct takeover_actions *out)
{
    begin(t, winner, planned, now_ms);
    act(out, TAKEOVER_INSTALL, winner, 0);
}

void
takeover_resume(struct takeover *t, int winner, int64_t now_ms,
                struct takeover_actions *out)
{
    begin(t, winner, false, now_ms);
    act(out, TAKEOVER_CONFIRM, winner, 0);
}

static void
tell_core(struct takeover *t, struct takeover_actions *out)
{
    for (int i = 0; i < 32; i++) {
        if (i != t->winner && t->holders >> i & 1) {
            act(out, TAKEOVER_SILENCE, i, 0);
        }
    }
    if (t->planned) {
        act(out, TAKEOVER_VOICE, t->winner, 0);
    }
    t->phase = TAKEOVER_CORE;
    act(out, TAKEOVER_TELL_CORE, t->winner, 0);
}

void
takeover_installed(struct takeover *t, bool ok, int64_t now_ms,
                   struct takeover_actions *out)
{
    if (t->phase != TAKEOVER_FLOWS) {
        return;
    }
    if (!ok) {
        t->phase = TAKEOVER_IDLE;
        act(out, TAKEOVER_ELECT, t->winner, 0);
        return;
    }
    t->install_ms = now_ms - t->decided_ms;
    if (t->planned) {
        t->phase = TAKEOVER_SETTLE;
        act(out, TAKEOVER_ARM, t->winner, now_ms + TAKEOVER_SETTLE_MS);
    } else {
        tell_core(t, out);
    }
}

static void
notice(struct takeover *t, int64_t now_ms, struct takeover_actions *out)
{
    int next = t->n_notices + 1;

    act(out, TAKEOVER_SEND_NOTICE, t->winner, 0);
    t->n_notices = next;
    act(out, TAKEOVER_ARM, t->winner,
        next < TAKEOVER_NOTICES ? t->noticed_ms + notice_at_ms[next]
        : now_ms + notice_at_ms[1]);
}

void
takeover_told(struct takeover *t, uint16_t linger_ms, int64_t now_ms,
              takeover_members ready, struct takeover_actions *out)
{
    if (t->phase != TAKEOVER_CORE) {
        return;
    }
    t->phase = TAKEOVER_NOTICE;
    t->noticed_ms = now_ms;
    t->linger_ms = linger_ms;
    notice(t, now_ms, out);
}

void
takeover_acked(struct takeover *t, int member, int64_t now_ms,
               takeover_members ready, struct takeover_actions *out)
{
    if (t->phase == TAKEOVER_NOTICE && member == t->winner
        && !t->client_acked) {
        t->client_acked = true;
        finish(t, now_ms, ready, out);
    }
}

void
takeover_core_acked(struct takeover *t, int member)
{
    if (member == t->winner) {
        t->core_acked = true;
    }
}

/* The client is done with; the losers' flows are to go, and the core may still
 * need to be told. */
static void
after_notice(struct takeover *t, int64_t now_ms, takeover_members ready,
             struct takeover_actions *out)
{
    int64_t repeat_ms = repeat_at_ms(t);

    if (t->phase == TAKEOVER_LINGER && now_ms >= linger_until_ms(t)) {
        release(t, ready, out);
    }
    if (repeat_ms && now_ms >= repeat_ms) {
        act(out, TAKEOVER_REPEAT_CORE, t->winner, 0);
        t->n_notices++;
    }
    arm_next(t, out);
}

static void
notice_again(struct takeover *t, int64_t now_ms, takeover_members ready,
             struct takeover_actions *out)
{
    if (t->n_notices >= TAKEOVER_NOTICES) {
        finish(t, now_ms, ready, out);
        return;
    }
    if (!t->core_acked) {
        act(out, TAKEOVER_REPEAT_CORE, t->winner, 0);
    }
    notice(t, now_ms, out);
}

void
takeover_timer(struct takeover *t, int64_t now_ms, takeover_members ready,
               struct takeover_actions *out)
{
    switch ((enum takeover_phase) t->phase) {
    case TAKEOVER_IDLE:
    case TAKEOVER_LINGER:
        after_notice(t, now_ms, ready, out);
        break;
    case TAKEOVER_SETTLE:
        tell_core(t, out);
        break;
    case TAKEOVER_NOTICE:
        notice_again(t, now_ms, ready, out);
        break;
    case TAKEOVER_FLOWS:
    case TAKEOVER_CORE:
        break;
    }
}

void
takeover_member_gone(struct takeover *t, int member,
                     struct takeover_actions *out)
{
    if (!takeover_is_idle(t) && t->winner == member) {
        t->phase = TAKEOVER_IDLE;
        act(out, TAKEOVER_ELECT, member, 0);
    }
}

void
takeover_member_back(struct takeover *t, int member, bool holds,
                     takeover_members ready, struct takeover_actions *out)
{
    uint32_t bit = UINT32_C(1) << member;

    if (!holds) {
        t->holders &= ~bit;
        return;
    }
    t->holders |= bit;
    if (t->phase == TAKEOVER_IDLE) {
        remove_losers(t, t->winner, ready & bit, out);
    }
}

void
takeover_clear(struct takeover *t, takeover_members ready,
               struct takeover_actions *out)
{
    t->phase = TAKEOVER_IDLE;
    t->winner = -1;
    t->n_notices = 0;
    remove_losers(t, -1, ready, out);
}
