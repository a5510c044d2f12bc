/* The move of one client to a router, in the one order that is safe.  Pure.
 *
 *   IDLE --begin--> FLOWS --confirmed--> CORE --told--> NOTICE --+--> LINGER
 *                     |  \               ^               ^    |  acknowledged
 *   refused, bridge   |   +--> SETTLE ---+               +----+  or given up
 *   gone: elect again v    planned, a moment later       repeat
 *                   IDLE <------------------------------------------ LINGER
 *                           the losers' flows go, a while after the core
 *                           was told
 *
 * Every step returns what to do, in order.  The losers are silenced before
 * anybody is told, and before a winner that was silent as long as they spoke is
 * given its voice: if we end at any point, one bridge answers for the client.
 * The losers' flows go last, and not before the core has had time to look
 * elsewhere: what it still sends to a loser arrives.  Nor does a barrier say that a bridge's datapath has
 * forgotten what it did with the client's packets before; where the previous
 * router forwards meanwhile (a planned move), it is given time for that.
 * Until the winner's flows are confirmed, and have sunk in, it says nothing to
 * anybody, and whoever served the client before answers for it.
 * A new election in the middle of a takeover begins another one; whoever may
 * hold flows stays noted in 'holders' until it has been told to drop them. */
#ifndef TAKEOVER_H
#define TAKEOVER_H 1

#include <firsthop/types.h>

#define TAKEOVER_NOTICES 5      /* At 0, 100, 300, 1100, 2200 ms: because of
                                 * Linux's locktime of 1 s. */

/* From the barrier of the winner's bridge to telling anybody, if planned. */
#define TAKEOVER_SETTLE_MS 50

enum takeover_phase {
    TAKEOVER_IDLE,
    TAKEOVER_LINGER,            /* The losers' flows are not yet removed. */
    TAKEOVER_FLOWS,             /* The winner's flows are under way. */
    TAKEOVER_SETTLE,            /* They are confirmed, and sink in. */
    TAKEOVER_CORE,              /* The core is being told. */
    TAKEOVER_NOTICE,            /* The client is being told. */
};

struct takeover {
    int64_t decided_ms;         /* Monotonic. */
    int64_t noticed_ms;         /* First notice. */
    int32_t install_ms;         /* Decision to barrier, -1: not yet. */
    uint16_t linger_ms;         /* From the first notice. */
    uint32_t holders;           /* Bit i: member i may hold flows. */
    int8_t winner;              /* Member, -1: none. */
    uint8_t phase;              /* enum takeover_phase */
    uint8_t n_notices;          /* Sent so far. */
    bool planned;               /* The previous router forwards meanwhile. */
    bool core_acked;
    bool client_acked;
};

enum takeover_action_type {
    TAKEOVER_INSTALL,           /* Flows on 'member': see
                                 * takeover_is_planned(). */
    TAKEOVER_CONFIRM,           /* It holds them: by a barrier alone. */
    TAKEOVER_SILENCE,           /* 'member', if it is there, is to forward
                                 * only. */
    TAKEOVER_VOICE,             /* 'member' is to answer as well. */
    TAKEOVER_TELL_CORE,         /* The client is behind 'member'. */
    TAKEOVER_REPEAT_CORE,       /* Once more: it has not acknowledged. */
    TAKEOVER_SEND_NOTICE,       /* From 'member'. */
    TAKEOVER_ARM,               /* takeover_timer() at 'at_ms'. */
    TAKEOVER_REMOVE,            /* Flows off 'member'. */
    TAKEOVER_DONE,              /* Report it. */
    TAKEOVER_RELEASE,           /* No previous router is needed any more. */
    TAKEOVER_ELECT,             /* It failed: elect again. */
};

struct takeover_action {
    enum takeover_action_type type;
    int member;
    int64_t at_ms;
};

#define TAKEOVER_MAX_ACTIONS 40     /* 32 members to clean, and a few more. */

struct takeover_actions {
    struct takeover_action items[TAKEOVER_MAX_ACTIONS];
    size_t n;
};

/* Which of two members may be given orders: bit i, connected and ready. */
typedef uint32_t takeover_members;

void takeover_init(struct takeover *);

/* Nothing is under way that the client waits for. */
static inline bool
takeover_is_idle(const struct takeover *t)
{
    return t->phase <= TAKEOVER_LINGER;
}

/* The losers' flows are still to go. */
static inline bool
takeover_lingers(const struct takeover *t)
{
    return t->phase == TAKEOVER_LINGER;
}

/* The winner is named, but does not serve yet: whoever was before it does. */
static inline bool
takeover_is_unconfirmed(const struct takeover *t)
{
    return t->phase == TAKEOVER_FLOWS || t->phase == TAKEOVER_SETTLE;
}

/* The previous router forwards until the winner does, and answers should we go
 * away: so the winner is to forward only, until TAKEOVER_VOICE. */
static inline bool
takeover_is_planned(const struct takeover *t)
{
    return t->planned;
}

/* The winner is named, but nobody has been told. */
static inline bool
takeover_is_untold(const struct takeover *t)
{
    return t->phase >= TAKEOVER_FLOWS && t->phase <= TAKEOVER_CORE;
}

/* Readers.  Nobody else looks into it, or writes to it. */
static inline int
takeover_winner(const struct takeover *t)
{
    return t->winner;
}

/* May the member hold flows for the client? */
static inline bool
takeover_holds(const struct takeover *t, int member)
{
    return t->holders >> member & 1;
}

/* May several? */
static inline bool
takeover_holds_several(const struct takeover *t)
{
    return t->holders & (t->holders - 1);
}

/* The winner's flows are under way. */
static inline bool
takeover_awaits_flows(const struct takeover *t)
{
    return t->phase == TAKEOVER_FLOWS;
}

/* Notices of 'member' are sent until the client acknowledges them. */
static inline bool
takeover_awaits_ack(const struct takeover *t, int member)
{
    return t->phase == TAKEOVER_NOTICE && t->winner == member;
}

static inline bool
takeover_is_acked(const struct takeover *t)
{
    return t->client_acked;
}

/* From the decision to the winner's barrier, -1: not yet. */
static inline int32_t
takeover_install_ms(const struct takeover *t)
{
    return t->install_ms;
}

static inline bool
takeover_is_installed(const struct takeover *t)
{
    return t->install_ms >= 0;
}

/* Since the first notice, where the client has acknowledged one; else -1. */
static inline int32_t
takeover_ack_ms(const struct takeover *t, int64_t now_ms)
{
    return t->client_acked ? now_ms - t->noticed_ms : -1;
}

/* What a bridge, or an earlier run, tells: 'member' has been found to hold
 * flows for the client (or, 'holds' false, none), ... */
void takeover_found(struct takeover *, int member, bool holds);
/* ... and has served it all along, as core and client know. */
void takeover_adopt(struct takeover *, int member);
/* Who was before a takeover that has failed, -1: nobody, is the winner
 * again. */
void takeover_put_back(struct takeover *, int member);
/* What is under way is void: its flows are wrong.  Nothing follows. */
void takeover_abandon(struct takeover *);

/* The election named 'winner'.  'planned': the client's previous router is
 * there, and forwards for it until it has moved.  Steps append to 'out'. */
void takeover_begin(struct takeover *, int winner, bool planned,
                    int64_t now_ms, struct takeover_actions *out);
/* 'winner' holds the flows, but whether anybody was told is not known: the
 * takeover was cut short, or another was begun and is taken back.  From the
 * barrier on it goes as after takeover_begin(). */
void takeover_resume(struct takeover *, int winner, int64_t now_ms,
                     struct takeover_actions *out);
/* The winner's bridge has confirmed (or refused) the flows. */
void takeover_installed(struct takeover *, bool ok, int64_t now_ms,
                        struct takeover_actions *out);
/* The core driver has passed it on.  For 'linger_ms' the core may still send
 * to the previous router. */
void takeover_told(struct takeover *, uint16_t linger_ms, int64_t now_ms,
                   takeover_members ready, struct takeover_actions *out);
/* The client has acknowledged a notice of 'member'. */
void takeover_acked(struct takeover *, int member, int64_t now_ms,
                    takeover_members ready, struct takeover_actions *out);
/* The core has acknowledged what 'member' told it. */
void takeover_core_acked(struct takeover *, int member);
/* The time of TAKEOVER_ARM has come. */
void takeover_timer(struct takeover *, int64_t now_ms,
                    takeover_members ready, struct takeover_actions *out);
/* A member's bridge is gone.  What it may hold stays noted. */
void takeover_member_gone(struct takeover *, int member,
                          struct takeover_actions *out);
/* A member's bridge is back, and 'holds' is the truth about its flows. */
void takeover_member_back(struct takeover *, int member, bool holds,
                          takeover_members ready,
                          struct takeover_actions *out);
/* Nobody is to hold anything: withdrawn, deleted. */
void takeover_clear(struct takeover *, takeover_members ready,
                    struct takeover_actions *out);

#endif /* controller/decide/takeover.h */
