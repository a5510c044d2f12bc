/* The client table: who is on which segment, and what is known of each.
 *
 * Pure data.  Owns the clients; found by (segment, address) and listed in the
 * order of addresses. */
#ifndef CLIENTS_H
#define CLIENTS_H 1

#include <sys/queue.h>

#include <uthash.h>

#include "controller/decide/claim.h"
#include "controller/decide/elect.h"
#include "controller/decide/guard.h"
#include "controller/base/history.h"
#include "controller/base/journal.h"
#include "controller/decide/reach.h"
#include "controller/decide/takeover.h"
#include "controller/decide/usage.h"

enum client_origin {
    CLIENT_LEARNED,
    CLIENT_CONFIGURED,
    CLIENT_PROVISIONED,
    CLIENT_LEASED,
    CLIENT_N_ORIGINS
};
enum client_state { CLIENT_PENDING, CLIENT_ACTIVE, CLIENT_LOST };

struct client_key {
    struct fh_addr address;
    uint32_t segment;           /* segment.id */
};

/* An address that the client asked for and was given our MAC for. */
struct client_answered {
    struct fh_addr address;
    uint32_t at_s;              /* Monotonic. */
};

/* How it came to its active router. */
struct client_move {
    int64_t time_ms;            /* Unix: of the event. */
    enum incident_cause cause;
    char from[INCIDENT_NAME_LEN];  /* "": it had none. */
};

/* What a DHCP server has granted; written by engine/lease.c. */
struct client_lease {
    struct wheel_timer timer;   /* Of its end. */
    struct client *client;      /* Whose it is. */
    int64_t end_ms;             /* Monotonic; 0: never. */
    int64_t granted_ms;         /* When a client that asked everybody was
                                 * last granted it; monotonic, 0: not yet. */
    bool restored;              /* From a former run: it may have been renewed
                                 * meanwhile. */
    uint8_t *ack;               /* Owned frame that waits until the flows are
                                 * in force (lease_ack.c), or NULL. */
    size_t ack_len;
    uint32_t ack_port;          /* By this port ... */
    int8_t ack_member;          /* ... of this member. */
};

#define CLIENT_MAX_ANSWERED 64
#define CLIENT_ANSWERED_S 600   /* "Recently": ARP entries live minutes. */

struct router;
struct segment;

/* What was last sent to a member's bridge about the client, or found there:
 * its flows are built from it again where they are to go. */
struct holding {
    uint32_t port;              /* Where the client is; 0: nothing is held. */
    uint32_t uplink;            /* The port of the uplink. */
    uint32_t decision;
    struct eth_addr mac;
    bool silent;                /* Its flows forward only. */
};

/* What is to be settled about it: see mark.h. */
enum client_want {
    CLIENT_WANTS_DEADLINES = 1 << 0,    /* One has passed. */
    CLIENT_WANTS_CHOICE = 1 << 1,       /* One more router reaches it. */
    CLIENT_WANTS_ELECTION = 1 << 2,
    CLIENT_WANTS_RESUMPTION = 1 << 3,   /* Of a takeover, if it waits. */
    CLIENT_WANTS_JUDGEMENT = 1 << 4,    /* Of a claim: its place is silent. */
};

struct client {
    UT_hash_handle hh;
    struct client_key key;
    struct client *host_next, **host_pprev;     /* Others whose MAC has the
                                                 * same hash; pprev is NULL
                                                 * while it is not known. */
    struct segment *segment;    /* Borrowed. */
    struct wheel_timer timer;   /* The earliest deadline below. */
    TAILQ_ENTRY(client) segment_node, port_node;    /* If unverified. */
    TAILQ_ENTRY(client) marked_node;    /* While it wants anything. */
    struct takeover takeover;
    struct router *removed_router;      /* Taken from its segment by a reload,
                                         * forwards for it until another does:
                                         * see removed.h.  Or NULL. */
    struct clients *table;      /* That it is in. */
    uint64_t awaited;           /* Flows under way: see client_await(). */
    uint32_t slot;              /* Its place in the table. */
    struct client_answered *answered;   /* Owned, grows on demand. */
    struct client_move *last_move;      /* Owned; NULL: none since the start. */
    struct client_lease *lease;         /* Owned; NULL: it has none. */
    struct history *history;            /* Owned; NULL: no changes yet. */
    struct usage *usage;                /* Owned; NULL: nothing was counted. */
    int64_t since_ms;           /* Unix: of the present state and active. */
    int64_t lost_ms;            /* Monotonic: since when it is lost. */
    int64_t alive_ms;           /* Last sign of life before the decision. */
    int64_t takeover_at_ms;     /* Deadlines that 'timer' serves, 0: none. */
    int64_t discover_at_ms;
    int64_t elect_at_ms;
    int64_t stale_at_ms;
    struct claim claim;         /* Of somebody else, to its address. */
    int64_t quiet_until_ms;     /* It is checking its address, RFC 5227. */
    int64_t quiet_again_ms;     /* Not to be had again before. */
    int64_t reminded_ms;        /* Of the gateway, by defend.h. */
    struct guard forged_guard;  /* Of its replies: events. */
    struct guard core_guard;    /* Of its address towards the core. */
    int32_t detect_ms;          /* Sign of life to decision. */
    uint32_t decision;          /* Of the present active router. */
    uint32_t former_decision;   /* The last about another who had its address
                                 * until this one was leased it, or entered
                                 * for it, or 0: what flows up to that have
                                 * counted is not its. */
    uint32_t moves;
    struct eth_addr mac;        /* Zero while unknown. */
    struct fh_vlan vlan;
    uint32_t silent_members;    /* Which fell silent: bits, as above. */
    uint8_t wants;              /* enum client_want, as bits. */
    uint8_t wants_cause;        /* enum incident_cause */
    int8_t host_active;         /* What its host's other addresses were told */
    uint32_t host_reached;      /* last: its 'active', and who reaches it. */
    struct fh_addr asked;       /* First request, answered once elected. */
    uint32_t asked_members;     /* Bit i: member i heard it. */
    uint16_t learned_port;      /* Whose count of learnt clients it is in: an
                                 * index into the access ports of */
    int8_t learned_member;      /* this one, or ELECT_NONE. */
    int8_t active;              /* Member, ELECT_NONE. */
    int8_t moved_from;          /* Member before this takeover, ELECT_NONE. */
    uint8_t origin;             /* enum client_origin */
    uint8_t state;              /* enum client_state */
    uint8_t cause;              /* enum incident_cause of the takeover. */
    uint8_t reason;             /* enum elect_reason of the last election. */
    uint8_t n_answered, cap_answered;
    uint8_t n_reaches;          /* Members of the segment. */
    bool unverified;            /* Is listed as such, and may be displaced:
                                 * see learned.h. */
    bool verified;              /* Has answered a probe. */
    bool told;                  /* 'unreported', and told of all the same. */
    bool lost_untold;           /* That is told after its election. */
    bool lost_told;             /* That it was lost: once, if unverified. */
    bool unanswered;            /* Was learnt where many have not answered, and
                                 * has not since: see learned.h. */
    bool verify_first;          /* Was learnt at a limit: is not served until
                                 * it has. */
    bool mac_fixed;             /* Configured: never follows another. */
    bool discovering;           /* Waits for the first answers. */
    bool withdrawn;             /* Lost for so long that all was removed. */
    bool is_static;             /* Acknowledges, but sends to the old MAC. */
    bool reinstall;             /* Once its router is read: see reload.c. */
    bool recalled;              /* Another controller has known it: not seen
                                 * on a bridge yet. */
    bool adopted;               /* Active as a bridge told: who else knows
                                 * of it is not known. */
    bool resume;                /* Core and client are to be told (again), once
                                 * its router is ready. */
    bool announced;             /* The core has been told of it. */
    bool unreported;            /* No event tells of this takeover yet. */
    int8_t stale_member;        /* Whose MAC it may still send to, or
                                 * ELECT_NONE; see stale.h. */
    int8_t asker;               /* Who asks it while it is unanswered: the
                                 * member that heard it last. */
    int8_t trial_member;        /* Is to show that it hears the client better
                                 * than the active router, which does not, */
    uint8_t trial_left;         /* by so many answers more; or ELECT_NONE. */
    struct holding *holdings;   /* By member: behind the reaches. */
    struct reach reaches[];     /* By member. */
};

/* The one writer of client.mac.  Flows that name the one before are the caller's
 * matter: see move_follow(). */
void client_set_mac(struct client *, struct eth_addr mac);

/* Other addresses of the same host: of the same segment and MAC, under the same
 * tags.  The next after 'former' (NULL: the first), in any order, or NULL. */
struct client *client_other(const struct client *, const struct client *former);
/* No host, but a router or something like it, has more. */
#define CLIENT_HOST_MOST 32
/* Is it one of a host of several? */
bool client_has_others(const struct client *);

static inline void
client_forget_holding(struct client *c, size_t member)
{
    memset(&c->holdings[member], 0, sizeof c->holdings[member]);
}

/* So long a client answers nobody that checks whether its address is in use
 * (RFC 5227, 2.4(c)'s DEFEND_INTERVAL; dhcpcd takes 6.8 s). */
#define CLIENT_QUIET_MS       10000
/* Between two of them.  Whoever forges a client's address probes, or asks a
 * DHCP server in its name, could otherwise keep its routers from noticing that
 * it is gone. */
#define CLIENT_QUIET_PAUSE_MS 60000

/* It may be about to check its address.  Returns false, and nothing changes,
 * if that was believed a moment ago. */
static inline bool
client_checks_address(struct client *c, int64_t now_ms)
{
    if (now_ms < c->quiet_again_ms) {
        return false;
    }
    c->quiet_until_ms = now_ms + CLIENT_QUIET_MS;
    c->quiet_again_ms = now_ms + CLIENT_QUIET_PAUSE_MS;
    return true;
}

/* The member that answers for the client.  While the flows of its active
 * router are not confirmed, that is the one before, if it holds them. */
static inline int
client_answered_by(const struct client *c)
{
    const struct takeover *t = &c->takeover;

    if (!takeover_is_unconfirmed(t)) {
        return c->active;
    }
    return (c->moved_from != ELECT_NONE && takeover_holds(t, c->moved_from)
            ? c->moved_from : ELECT_NONE);
}

struct clients;

struct clients *clients_create(void);
void clients_destroy(struct clients *);     /* Frees every client. */

/* Adds a client with 'n' reaches, zeroed but for its key.  The key must be
 * new. */
struct client *clients_add(struct clients *, struct segment *,
                           struct client_key, size_t n);
/* Forgets and frees it.  Its timers must have been cancelled. */
void clients_remove(struct clients *, struct client *);

struct client *clients_find(const struct clients *, struct fh_addr,
                            uint32_t segment);
/* The same by the name of its segment. */
struct client *clients_find_in(const struct clients *, struct fh_addr,
                               const char *segment);
size_t clients_count(const struct clients *);

/* The i-th in order of address, then segment; NULL beyond the last. */
struct client *clients_at(const struct clients *, size_t i);
/* The position of the first one not before 'key'. */
size_t clients_lower_bound(const struct clients *, struct client_key);

/* What is sent to a bridge for a client is confirmed by a number, which means
 * nothing any more once another has been given out for the client, it was
 * cancelled, or the client is gone. */
uint64_t client_await(struct client *);
static inline void
client_cancel_await(struct client *c)
{
    c->awaited = 0;
}
/* The client that still waits for that, which it does no longer; or NULL. */
struct client *clients_confirm(struct clients *, uint64_t token);

static inline struct client *
client_of_reach(struct reach *r)
{
    return (struct client *) (void *) ((char *) (r - r->index)
                                       - offsetof(struct client, reaches));
}

/* Ends what 'c' has of a lease.  Nothing happens without one. */
void client_drop_lease(struct client *c);
/* Gives 'c' the lease of 'from', if that has one. */
void client_take_lease(struct client *c, struct client *from);

/* Notes that the client was answered for 'addr'. */
void client_note_answered(struct client *, struct fh_addr addr, int64_t now_ms);

/* Notes what an event of its election or move says. */
void client_note_move(struct client *, const struct incident *);

const char *client_state_name(enum client_state);
const char *client_origin_name(enum client_origin);

#endif /* controller/net/clients.h */
