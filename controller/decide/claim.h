/* Somebody else speaks for a client: another MAC, or another port.  Who is to
 * be believed (address conflict, RFC 5227)?  Pure.
 *
 *                 somebody else speaks,              the place answers: a
 *                 the place may answer               conflict is reported
 *          NONE ----------------------> CLAIMED ----------------------> NONE
 *           | |                         |  |  |
 *           | |  speaks again: the      |  |  +-- too old, or of the same
 *           | |  place is asked --------+  |      MAC (asked by every port)
 *           | |                            | the place falls silent
 *           | |  speaks, the place is      v
 *           | +- silent, and others ---> CONTESTED -- somebody answers -> NONE
 *           |    are being heard                      (a move is reported)
 *           +-- speaks, the place is silent: followed at once (reported)
 *
 * The client's place is where it answers: its MAC, and its port on each
 * router.  While it answers, or has not been found silent, it stays the
 * client's.  An address that moves from host to host (a virtual one of
 * Pacemaker, kube-vip, MetalLB) may be announced by its new place before it has
 * left the old one: a claim that was refuted is remembered for a while, and the
 * place asked more often, so that the address is found as soon as the place
 * has fallen silent.  Where several claim the address at once none is believed for
 * having asked last: all are asked by broadcast, and who answers has it.  A
 * configured MAC is never given up. */
#ifndef CLAIM_H
#define CLAIM_H 1

#include <firsthop/types.h>

/* A claim makes the place be asked, but not more often than this: a client
 * must not drown in probes because somebody else floods claims. */
#define CLAIM_ASK_MS    100
/* So long the place's silence may prove a claim right. */
#define CLAIM_VALID_MS  5000
/* So long it may come true, though the place has answered since, */
#define CLAIM_KEPT_MS   60000
/* and so long, from when it was last made, the place is asked so often. */
#define CLAIM_WATCH_MS  3000
#define CLAIM_AGAIN_MS  200
/* Between two reports of one client. */
#define CLAIM_REPORT_MS 10000

struct claim {
    int64_t at_ms;              /* When it was made. */
    int64_t ask_ms;             /* The place is not asked again before. */
    int64_t reported_ms;        /* Monotonic; 0: never. */
    uint32_t port;
    struct eth_addr mac;        /* Whose; zero: there is none. */
    struct eth_addr before;     /* CONTESTED: the client's until then. */
    uint8_t member;             /* Who heard it. */
    bool contested;
    bool refuted;               /* The place has answered since. */
};

/* What is known of the client's place. */
struct claim_place {
    struct eth_addr mac;        /* Zero: unknown. */
    bool fixed;                 /* It is configured. */
    bool is_up;                 /* Some router reaches it, */
    bool may_answer;            /* or has no verdict yet. */
    bool is_sought;             /* It is being discovered: others may speak. */
};

/* What follows, in this order. */
struct claim_verdict {
    enum { CLAIM_ACCEPTED, CLAIM_REFUSED, CLAIM_REFUSED_FIXED } frame;
    bool conflict;              /* Report 'mac'; count it in any case. */
    bool quiet;                 /* But only count it: reported just now. */
    bool ask_place;             /* The routers that it is about ask it now. */
    bool ask_member;            /* The one that it is about asks every port. */
    bool follow;                /* The client's MAC is 'mac' from now on; zero:
                                 * whoever answers. */
    bool ask_all;               /* Every router asks, by broadcast. */
    bool moved;                 /* Report that it has moved to 'mac'. */
    struct eth_addr mac;
};

/* NONE above: the place's answers mean nothing to it. */
static inline bool
claim_is_none(const struct claim *claim)
{
    return fh_mac_is_zero(claim->mac) && !claim->contested;
}

/* Does the claim say anything about what 'member' hears of the place?  That a
 * client is at another port of one router is no matter to the others. */
bool claim_is_about(const struct claim *, const struct claim_place *,
                    size_t member);

/* 'mac' speaks for the client through 'port' of 'member', one of which is not
 * the place's.  If it is CLAIM_ACCEPTED, the client is whoever spoke. */
struct claim_verdict claim_made(struct claim *, const struct claim_place *,
                                size_t member, struct eth_addr mac,
                                uint32_t port, int64_t now_ms);
/* 'mac' answers in place of the client. */
struct claim_verdict claim_answered(struct claim *, const struct claim_place *,
                                    struct eth_addr mac, int64_t now_ms);
/* The place has answered 'member', from 'mac'. */
struct claim_verdict claim_place_answered(struct claim *,
                                          const struct claim_place *,
                                          size_t member, struct eth_addr mac,
                                          int64_t now_ms);
/* When the place is to be asked that would be asked at 'next_ms'. */
int64_t claim_next_ms(const struct claim *, const struct claim_place *,
                      int64_t next_ms, int64_t now_ms);
/* 'member' reaches the place no more.  With 'ask_all' the claim may be true:
 * then the client is to be discovered, too, as heard by claim.member. */
struct claim_verdict claim_place_silent(struct claim *,
                                        const struct claim_place *,
                                        size_t member, int64_t now_ms);

#endif /* controller/decide/claim.h */
