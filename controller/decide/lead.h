/* Which of several controllers leads: the machine of one of them.  Pure.
 *
 * A row in a database says who leads, under an epoch that only grows; the one
 * whose transaction replaces the epoch before by its own leads, so there is
 * never a second one of that epoch.  The bridges obey the highest epoch that
 * has asked them (OpenFlow's generation id), whatever the network between
 * controllers does.  Peers tell each other by heartbeats that they live; a
 * connection that closes, or silence, makes the others candidates.
 *
 *             the leader is suspected, and its turn has come
 *   FOLLOWING ----------------------------------------------> TAKING
 *    ^     ^                                                  |    |
 *    |     +---- another was faster, or no answer ------------+    |
 *    |                                                             | committed
 *    +---- a higher epoch, or nobody confirms it -- LEADING <------+
 *
 * - Candidates take turns (STAGGER for each that is before them, and TURN once
 *   one of them has begun: two that ask two servers of a database without a
 *   leader hold each other up), and wait a random while longer after each try
 *   in vain, so that they do not depose each other for ever.
 * - A leader that misses a peer writes to its row: whoever sees that does not
 *   suspect it.  In quiet times nothing is written.
 * - A leader that has lost only the database goes on: nobody can take the
 *   epoch without it.  One that misses a peer and a bridge as well, and cannot
 *   confirm its epoch, stands down.
 * - A leader without bridges leaves it to a peer that has some. */
#ifndef LEAD_H
#define LEAD_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEAD_MAX_PEERS   6      /* Others. */
#define LEAD_NAME_LEN    65     /* With the null. */
#define LEAD_MAX_EPOCH   (UINT64_C(3) << 61)    /* There must be later ones that
                                                 * are integers of OVSDB. */

#define LEAD_BEAT_MS     50     /* Between two heartbeats. */
#define LEAD_MISS_MS     120    /* A leader misses a peer so silent, */
#define LEAD_SUSPECT_MS  300    /* and the others suspect such a leader. */
#define LEAD_STAGGER_MS  70
#define LEAD_TURN_MS     250    /* So long who takes is not disturbed. */
#define LEAD_GIVE_UP_MS  2000   /* So long a database may take to commit. */
#define LEAD_RENEW_MS    150    /* Between two writes of a leader in doubt. */
#define LEAD_CONFIRM_MS  1000   /* Without any it stands down. */
#define LEAD_BRIDGES_MS  3000   /* For the bridges to come to a new leader. */
#define LEAD_HAND_OVER_MS 2000  /* For a transfer. */
#define LEAD_CALM_MS     5000   /* After so long a reign no duel is on. */
#define LEAD_REFUSED_MS  30000  /* Between two times that bridges depose one
                                 * whom the database says to lead. */

enum lead_state { LEAD_FOLLOWING, LEAD_TAKING, LEAD_LEADING };

/* What controllers tell each other. */
struct lead_beat {
    enum lead_state state;
    uint64_t epoch;             /* The highest that it knows of. */
    uint16_t n_bridges;         /* That answer it. */
    bool database;              /* It reaches the database. */
    char hand_to[LEAD_NAME_LEN];        /* Who is to lead next, or "". */
};

enum lead_action_type {
    LEAD_TAKE,                  /* Write 'epoch' where 'from' is, with our
                                 * name; answer with lead_taken(). */
    LEAD_RENEW,                 /* Write to the row, if it is still of
                                 * 'epoch'; answer with lead_renewed(). */
    LEAD_BEGIN,                 /* Lead, and ask bridges with 'epoch'. */
    LEAD_STAND_DOWN,            /* Follow. */
    LEAD_BEAT,                  /* Send lead_beat() to all peers. */
};

struct lead_action {
    enum lead_action_type type;
    uint64_t epoch, from;
};

/* What came of LEAD_RENEW: the row is of another epoch, or no answer. */
enum lead_renewal { LEAD_RENEWED, LEAD_NOT_OURS, LEAD_NO_ANSWER };

struct lead;

/* 'rank' orders controllers, different for each: the lowest is first.  'seed'
 * is for random pauses.  Returns new. */
struct lead *lead_create(const char *name, unsigned int rank, size_t n_peers,
                         const unsigned int *peer_ranks, uint64_t seed,
                         int64_t now_ms);
void lead_destroy(struct lead *);

/* What happens.  After each: lead_next_action() until it returns false.
 * 'now_ms' is monotonic. */

/* The database can be reached. */
void lead_database(struct lead *, bool up, int64_t now_ms);
/* The row was read or has changed.  No leader: "".  One that has been set back
 * (a backup was restored) is taken again, under a higher epoch. */
void lead_row(struct lead *, uint64_t epoch, const char *leader,
              int64_t now_ms);
/* All that there is has been told since the database can be reached: if the row
 * was not, nobody has written to it meanwhile. */
void lead_row_is_known(struct lead *, uint64_t epoch, const char *leader,
                       int64_t now_ms);
/* What came of LEAD_TAKE, of LEAD_RENEW.  A take that is committed late counts
 * all the same. */
void lead_taken(struct lead *, uint64_t epoch, bool committed,
                int64_t now_ms);
void lead_renewed(struct lead *, uint64_t epoch, enum lead_renewal,
                  int64_t now_ms);
/* A peer has come and said its name, speaks, goes. */
void lead_peer_up(struct lead *, size_t peer, const char *name,
                  int64_t now_ms);
void lead_peer_beat(struct lead *, size_t peer, const struct lead_beat *,
                    int64_t now_ms);
void lead_peer_down(struct lead *, size_t peer, int64_t now_ms);
/* How many bridges there are, answer us, obey us. */
void lead_bridges(struct lead *, size_t n, size_t n_alive, size_t n_obey,
                  int64_t now_ms);
/* The highest generation id that a bridge has told: epochs begin above it. */
void lead_generation(struct lead *, uint64_t generation);
/* A bridge obeys a higher epoch than ours, or says so. */
void lead_refused(struct lead *, int64_t now_ms);
void lead_tick(struct lead *, int64_t now_ms);

/* Has 'name' lead in our place.  Returns NULL, or why not, static. */
const char *lead_hand_over(struct lead *, const char *name, int64_t now_ms);

/* What is to be done.  Returns false if there is nothing. */
bool lead_next_action(struct lead *, struct lead_action *);
/* When lead_tick() is due. */
int64_t lead_next_ms(const struct lead *);

/* Readers. */
enum lead_state lead_get_state(const struct lead *);
/* Of the row, as last heard of; of our own as long as we lead. */
uint64_t lead_get_epoch(const struct lead *);
const char *lead_get_leader(const struct lead *);       /* Or "". */
struct lead_beat lead_get_beat(const struct lead *);
/* The peer's name, "" until it has said it; whether it is heard. */
const char *lead_peer_name(const struct lead *, size_t peer);
const struct lead_beat *lead_peer_beat_of(const struct lead *, size_t peer);
bool lead_peer_is_heard(const struct lead *, size_t peer, int64_t now_ms);
/* Does another one lead, and say so? */
bool lead_hears_leader(const struct lead *, int64_t now_ms);
/* Has the leader been silent for LEAD_MISS_MS?  Its machine may have died, and
 * a server of the database with it. */
bool lead_misses_leader(const struct lead *, int64_t now_ms);
/* The epoch that a take at Unix time 'unix_ms' would write. */
uint64_t lead_epoch_after(uint64_t epoch, int64_t unix_ms);
/* For LEAD_TAKE: Unix time less monotonic. */
void lead_set_unix_offset(struct lead *, int64_t ms);

#endif /* controller/decide/lead.h */
