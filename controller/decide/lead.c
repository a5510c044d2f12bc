/* Which of several controllers leads.  See lead.h. */
#include <config.h>

#include "controller/decide/lead.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>

#include <firsthop/buf.h>

#define MAX_ACTIONS 16
#define MAX_DOUBLINGS 5         /* Of pauses and patience. */
#define PAUSE_MS 40             /* The first random one, at most. */

struct lead_peer {
    char name[LEAD_NAME_LEN];   /* "": it has not said it yet. */
    unsigned int rank;
    bool up;                    /* Connected. */
    int64_t heard_ms;           /* Its last heartbeat. */
    int64_t taking_ms;          /* Since when it is TAKING, if it is. */
    struct lead_beat beat;
};

struct lead {
    char name[LEAD_NAME_LEN];
    unsigned int rank;
    struct lead_peer peers[LEAD_MAX_PEERS];
    size_t n_peers;
    enum lead_state state;
    int64_t since_ms;           /* Of 'state'. */
    uint64_t random;
    int64_t unix_off_ms;
    uint64_t generation;        /* The highest that a bridge has told. */

    bool database;              /* It can be reached. */
    bool row_known;
    uint64_t epoch;             /* Of the row. */
    char leader[LEAD_NAME_LEN];
    uint64_t row_epoch;         /* What the row is said to hold: less than
                                 * 'epoch' if it was set back, by a backup. */
    uint64_t told_epoch;        /* The same, as the database has told it. */
    int64_t known_ms;           /* Since when. */
    int64_t row_ms;             /* When the row was last seen to change. */
    int64_t closed_ms;          /* When the leader's connection was, 0: it is
                                 * open, or has never been. */

    uint64_t taking;            /* The epoch that is being taken. */
    unsigned int n_failed;      /* Tries in vain, and short reigns. */
    int64_t pause_ms;           /* Before the next try. */
    int64_t not_before_ms;
    int64_t take_at_ms;         /* FOLLOWING: unless more is heard. */

    int64_t renewed_ms;         /* The last write that was confirmed, */
    int64_t renew_at_ms;        /* and when the next one is due. */
    bool renewing;
    bool had_bridges;           /* As leader. */
    size_t n_bridges, n_alive, n_obey;
    bool refused;               /* A bridge obeys another, it says. */
    int64_t deposed_ms;         /* We have stood down because of that, */
    bool deposed;               /* if ever. */

    char hand_to[LEAD_NAME_LEN];
    int64_t hand_until_ms;
    int64_t beat_at_ms;

    struct lead_action actions[MAX_ACTIONS];
    size_t n_actions;
};

/* Actions. */

static void
act(struct lead *l, enum lead_action_type type, uint64_t epoch, uint64_t from)
{
    for (size_t i = 0; i < l->n_actions; i++) {
        if (l->actions[i].type == type && type == LEAD_BEAT) {
            return;             /* It says what is so when it is sent. */
        }
    }
    assert(l->n_actions < MAX_ACTIONS);
    l->actions[l->n_actions++] = (struct lead_action) { type, epoch, from };
}

bool
lead_next_action(struct lead *l, struct lead_action *action)
{
    if (!l->n_actions) {
        return false;
    }
    *action = l->actions[0];
    l->n_actions--;
    memmove(l->actions, l->actions + 1, l->n_actions * sizeof *l->actions);
    return true;
}

/* Small things. */

/* xorshift64*: for pauses, nothing secret. */
static uint64_t
next_random(struct lead *l)
{
    l->random ^= l->random >> 12;
    l->random ^= l->random << 25;
    l->random ^= l->random >> 27;
    return l->random * UINT64_C(2685821657736338717);
}

static unsigned int
doublings(const struct lead *l)
{
    return l->n_failed < MAX_DOUBLINGS ? l->n_failed : MAX_DOUBLINGS;
}

/* So long a leader may be silent.  Who has been in a duel is patient. */
static int64_t
patience_ms(const struct lead *l)
{
    return (int64_t) LEAD_SUSPECT_MS << (doublings(l) / 2);
}

static void
copy_name(char to[LEAD_NAME_LEN], const char *from)
{
    snprintf(to, LEAD_NAME_LEN, "%s", from);
}

uint64_t
lead_epoch_after(uint64_t epoch, int64_t unix_ms)
{
    uint64_t now = unix_ms > 0 ? unix_ms : 0;

    return now > epoch ? now : epoch + 1;
}

static const struct lead_peer *
find_peer(const struct lead *l, const char *name)
{
    for (size_t i = 0; i < l->n_peers; i++) {
        if (*name && !strcmp(l->peers[i].name, name)) {
            return &l->peers[i];
        }
    }
    return NULL;
}

static bool
is_heard(const struct lead_peer *peer, int64_t now_ms, int64_t within_ms)
{
    return peer->up && *peer->name && now_ms - peer->heard_ms < within_ms;
}

static bool
hears_all(const struct lead *l, int64_t now_ms, int64_t within_ms)
{
    for (size_t i = 0; i < l->n_peers; i++) {
        if (!is_heard(&l->peers[i], now_ms, within_ms)) {
            return false;
        }
    }
    return true;
}

static void
set_state(struct lead *l, enum lead_state state, int64_t now_ms)
{
    l->state = state;
    l->since_ms = now_ms;
    l->hand_to[0] = '\0';
    act(l, LEAD_BEAT, 0, 0);
}

/* A try was in vain, or a reign short: the next one waits longer. */
static void
failed(struct lead *l, int64_t now_ms)
{
    l->n_failed++;
    l->pause_ms = 1 + next_random(l) % ((int64_t) PAUSE_MS << doublings(l));
    l->not_before_ms = now_ms + l->pause_ms;
}

/* Leading. */

static void
begin(struct lead *l, uint64_t epoch, int64_t now_ms)
{
    l->epoch = l->row_epoch = l->told_epoch = epoch;
    copy_name(l->leader, l->name);
    l->row_known = true;
    l->refused = false;
    l->row_ms = l->renewed_ms = l->renew_at_ms = now_ms;
    l->closed_ms = 0;
    l->renewing = l->had_bridges = false;
    l->n_obey = 0;
    set_state(l, LEAD_LEADING, now_ms);
    act(l, LEAD_BEGIN, epoch, 0);
}

static void
stand_down(struct lead *l, int64_t now_ms)
{
    if (now_ms - l->since_ms < LEAD_CALM_MS) {
        failed(l, now_ms);
    } else {
        l->n_failed = 0;
    }
    set_state(l, LEAD_FOLLOWING, now_ms);
    act(l, LEAD_STAND_DOWN, 0, 0);
}

/* A bridge says that it obeys another controller.  A bridge can say so again
 * and again: as long as the database says that nobody else leads, it deposes us
 * once in LEAD_REFUSED_MS. */
static bool
must_heed(const struct lead *l, int64_t now_ms)
{
    return (!l->database || !l->deposed
            || now_ms - l->deposed_ms >= LEAD_REFUSED_MS);
}

static void
be_deposed(struct lead *l, int64_t now_ms)
{
    l->deposed = true;
    l->deposed_ms = now_ms;
    stand_down(l, now_ms);
}

/* Does a peer hear bridges, of which we hear none? */
static bool
peer_has_bridges(const struct lead *l, int64_t now_ms)
{
    for (size_t i = 0; i < l->n_peers; i++) {
        const struct lead_peer *peer = &l->peers[i];

        if (is_heard(peer, now_ms, LEAD_SUSPECT_MS) && peer->beat.database
            && peer->beat.n_bridges) {
            return true;
        }
    }
    return false;
}

static void
lead_tick_leading(struct lead *l, int64_t now_ms)
{
    bool obeyed = l->n_obey >= l->n_bridges;
    bool heard = hears_all(l, now_ms, LEAD_MISS_MS);

    if (l->hand_to[0] && now_ms >= l->hand_until_ms) {
        l->hand_to[0] = '\0';
    }
    if (l->refused && must_heed(l, now_ms)) {
        be_deposed(l, now_ms);
        return;
    }
    if (heard) {
        l->renewed_ms = now_ms;         /* Nobody else leads. */
    } else if (now_ms - l->renewed_ms >= LEAD_CONFIRM_MS && !obeyed
               && !hears_all(l, now_ms, LEAD_SUSPECT_MS)) {
        stand_down(l, now_ms);
        return;
    } else if (l->database && !l->renewing && now_ms >= l->renew_at_ms) {
        l->renewing = true;
        l->renew_at_ms = now_ms + LEAD_RENEW_MS;
        act(l, LEAD_RENEW, l->epoch, 0);
    }
    l->had_bridges = l->had_bridges || l->n_alive;
    if (l->n_bridges && !l->n_alive
        && (l->had_bridges || now_ms - l->since_ms >= LEAD_BRIDGES_MS)
        && peer_has_bridges(l, now_ms)) {
        stand_down(l, now_ms);
    }
}

/* Following. */

/* How many are before us, of those that could lead as well. */
static unsigned int
place(const struct lead *l, int64_t now_ms)
{
    unsigned int n = 0;

    for (size_t i = 0; i < l->n_peers; i++) {
        const struct lead_peer *peer = &l->peers[i];
        bool worse = peer->beat.n_bridges == 0 && l->n_alive;
        bool better = peer->beat.n_bridges && !l->n_alive;

        if (strcmp(peer->name, l->leader) && peer->beat.database
            && is_heard(peer, now_ms, LEAD_SUSPECT_MS)
            && (better || (!worse && peer->rank < l->rank))) {
            n++;
        }
    }
    return n;
}

/* Since when there is no leader that we would follow, or when that will be if
 * nothing more is heard of it. */
static int64_t
suspected_ms(struct lead *l)
{
    const struct lead_peer *peer = find_peer(l, l->leader);
    int64_t heard_ms = l->row_ms;

    if (!l->leader[0] || !strcmp(l->leader, l->name)) {
        return l->row_ms;       /* Nobody, or ourselves in a former life. */
    }
    if (peer && peer->beat.epoch >= l->epoch && peer->heard_ms > heard_ms) {
        if (peer->beat.state == LEAD_FOLLOWING) {
            return peer->heard_ms;      /* It does not lead, and knows it. */
        }
        heard_ms = peer->heard_ms;
    }
    if (l->closed_ms && l->closed_ms >= heard_ms) {
        return l->closed_ms;
    }
    return heard_ms + patience_ms(l);
}

static int64_t
later_ms(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Until when a peer that takes is not to be disturbed. */
static int64_t
turn_ends_ms(const struct lead *l, int64_t now_ms)
{
    int64_t end_ms = 0;

    for (size_t i = 0; i < l->n_peers; i++) {
        const struct lead_peer *peer = &l->peers[i];

        if (peer->beat.state == LEAD_TAKING
            && is_heard(peer, now_ms, LEAD_MISS_MS)) {
            end_ms = later_ms(end_ms, peer->taking_ms + LEAD_TURN_MS);
        }
    }
    return end_ms;
}

static bool
is_handed_to_us(struct lead *l, int64_t now_ms)
{
    const struct lead_peer *peer = find_peer(l, l->leader);

    return (peer && is_heard(peer, now_ms, LEAD_SUSPECT_MS)
            && peer->beat.state == LEAD_LEADING
            && peer->beat.epoch == l->epoch
            && !strcmp(peer->beat.hand_to, l->name));
}

static uint64_t
later_epoch(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void
take(struct lead *l, int64_t now_ms)
{
    l->taking = lead_epoch_after(later_epoch(l->epoch, l->generation),
                                 now_ms + l->unix_off_ms);
    set_state(l, LEAD_TAKING, now_ms);
    act(l, LEAD_TAKE, l->taking, l->row_epoch);
}

static void
lead_tick_following(struct lead *l, int64_t now_ms)
{
    l->take_at_ms = INT64_MAX;
    if (!l->database || !l->row_known) {
        return;
    }
    l->take_at_ms = (is_handed_to_us(l, now_ms) ? now_ms
                     : later_ms(later_ms(suspected_ms(l), l->since_ms),
                                l->known_ms)
                       + place(l, now_ms) * LEAD_STAGGER_MS);
    l->take_at_ms = later_ms(l->take_at_ms, l->not_before_ms);
    l->take_at_ms = later_ms(l->take_at_ms, turn_ends_ms(l, now_ms));
    if (now_ms >= l->take_at_ms) {
        take(l, now_ms);
    }
}

static void
lead_tick_taking(struct lead *l, int64_t now_ms)
{
    if (now_ms - l->since_ms >= LEAD_GIVE_UP_MS || !l->database) {
        failed(l, now_ms);
        set_state(l, LEAD_FOLLOWING, now_ms);
    }
}

void
lead_tick(struct lead *l, int64_t now_ms)
{
    if (now_ms >= l->beat_at_ms) {
        l->beat_at_ms = now_ms + LEAD_BEAT_MS;
        act(l, LEAD_BEAT, 0, 0);
    }
    switch (l->state) {
    case LEAD_FOLLOWING:
        lead_tick_following(l, now_ms);
        break;
    case LEAD_TAKING:
        lead_tick_taking(l, now_ms);
        break;
    case LEAD_LEADING:
        lead_tick_leading(l, now_ms);
        break;
    }
}

int64_t
lead_next_ms(const struct lead *l)
{
    int64_t next_ms = l->beat_at_ms;

    if (l->state == LEAD_FOLLOWING && l->take_at_ms < next_ms) {
        next_ms = l->take_at_ms;
    }
    return next_ms;
}

/* What happens. */

void
lead_database(struct lead *l, bool up, int64_t now_ms)
{
    if (up && !l->database) {
        l->row_known = l->state == LEAD_LEADING;    /* It will be told. */
    }
    l->database = up;
    if (!up) {
        l->renewing = false;
    }
    lead_tick(l, now_ms);
}

/* 'written': it has changed, if only its beat. */
static void
take_row(struct lead *l, uint64_t epoch, const char *leader, bool written,
         int64_t now_ms)
{
    bool other = strcmp(leader, l->leader) || epoch != l->epoch;

    l->row_epoch = l->told_epoch = epoch;
    if (l->row_known && epoch < l->epoch) {
        /* Set back: who leads cannot write under its epoch any more. */
        if (l->state == LEAD_LEADING) {
            stand_down(l, now_ms);
            lead_tick(l, now_ms);
        }
        return;
    }
    if (!l->row_known) {
        l->row_known = true;
        l->known_ms = now_ms;
    }
    if (written || other) {
        l->row_ms = now_ms;
    }
    if (l->state == LEAD_LEADING && epoch > l->epoch) {
        l->epoch = epoch;
        copy_name(l->leader, leader);
        stand_down(l, now_ms);
    }
    if (other && l->state != LEAD_LEADING) {
        l->epoch = epoch;
        l->closed_ms = 0;
        copy_name(l->leader, leader);
    }
    lead_tick(l, now_ms);
}

void
lead_row(struct lead *l, uint64_t epoch, const char *leader, int64_t now_ms)
{
    take_row(l, epoch, leader, true, now_ms);
}

void
lead_row_is_known(struct lead *l, uint64_t epoch, const char *leader,
                  int64_t now_ms)
{
    if (!l->row_known) {
        take_row(l, epoch, leader, false, now_ms);
    }
}

void
lead_taken(struct lead *l, uint64_t epoch, bool committed, int64_t now_ms)
{
    if (committed && epoch >= l->epoch && l->state != LEAD_LEADING) {
        begin(l, epoch, now_ms);
    } else if (l->state == LEAD_TAKING && epoch == l->taking) {
        l->row_epoch = l->told_epoch;   /* A peer may have known better. */
        failed(l, now_ms);
        set_state(l, LEAD_FOLLOWING, now_ms);
    }
    lead_tick(l, now_ms);
}

void
lead_renewed(struct lead *l, uint64_t epoch, enum lead_renewal came_to,
             int64_t now_ms)
{
    l->renewing = false;
    if (l->state == LEAD_LEADING && epoch == l->epoch) {
        if (came_to == LEAD_RENEWED) {
            l->renewed_ms = now_ms;
        } else if (came_to == LEAD_NOT_OURS) {
            stand_down(l, now_ms);
        }
    }
    lead_tick(l, now_ms);
}

void
lead_peer_up(struct lead *l, size_t i, const char *name, int64_t now_ms)
{
    struct lead_peer *peer = &l->peers[i];

    peer->up = true;
    peer->heard_ms = now_ms;
    memset(&peer->beat, 0, sizeof peer->beat);
    copy_name(peer->name, name);
    if (!strcmp(name, l->leader)) {
        l->closed_ms = 0;
    }
    act(l, LEAD_BEAT, 0, 0);
    lead_tick(l, now_ms);
}

void
lead_peer_beat(struct lead *l, size_t i, const struct lead_beat *beat,
               int64_t now_ms)
{
    struct lead_peer *peer = &l->peers[i];

    if (!peer->up) {
        return;
    }
    peer->heard_ms = now_ms;
    if (beat->state == LEAD_TAKING && peer->beat.state != LEAD_TAKING) {
        peer->taking_ms = now_ms;
    }
    peer->beat = *beat;
    if (l->state == LEAD_LEADING && beat->state == LEAD_LEADING
        && beat->epoch > l->epoch) {
        l->epoch = l->row_epoch = beat->epoch;
        copy_name(l->leader, peer->name);
        l->row_ms = now_ms;
        stand_down(l, now_ms);
    } else if (beat->state == LEAD_LEADING && beat->epoch > l->epoch
               && l->state == LEAD_FOLLOWING) {
        l->epoch = l->row_epoch = beat->epoch;  /* Before the database. */
        copy_name(l->leader, peer->name);
        l->row_ms = now_ms;
        l->closed_ms = 0;
    }
    if (!strcmp(l->leader, peer->name) && beat->state == LEAD_LEADING
        && l->state == LEAD_FOLLOWING
        && now_ms - l->since_ms >= LEAD_CALM_MS) {
        l->n_failed = 0;
    }
    lead_tick(l, now_ms);
}

void
lead_peer_down(struct lead *l, size_t i, int64_t now_ms)
{
    struct lead_peer *peer = &l->peers[i];

    if (peer->up && *peer->name && !strcmp(peer->name, l->leader)
        && l->state != LEAD_LEADING) {
        l->closed_ms = now_ms;
    }
    peer->up = false;
    lead_tick(l, now_ms);
}

void
lead_bridges(struct lead *l, size_t n, size_t n_alive, size_t n_obey,
             int64_t now_ms)
{
    l->n_bridges = n;
    l->n_alive = n_alive;
    l->n_obey = n_obey;
    lead_tick(l, now_ms);
}

void
lead_generation(struct lead *l, uint64_t generation)
{
    l->generation = generation;
}

void
lead_refused(struct lead *l, int64_t now_ms)
{
    if (l->state == LEAD_LEADING) {
        l->refused = true;
    }
    lead_tick(l, now_ms);
}

const char *
lead_hand_over(struct lead *l, const char *name, int64_t now_ms)
{
    const struct lead_peer *peer = find_peer(l, name);

    if (l->state != LEAD_LEADING) {
        return "this controller does not lead";
    }
    if (!strcmp(name, l->name)) {
        return "it leads already";
    }
    if (!peer || !is_heard(peer, now_ms, LEAD_SUSPECT_MS)) {
        return "there is no such controller, or it is not heard";
    }
    if (!peer->beat.database) {
        return "it does not reach the database";
    }
    if (l->n_alive && !peer->beat.n_bridges) {
        return "no bridge answers it";
    }
    copy_name(l->hand_to, name);
    l->hand_until_ms = now_ms + LEAD_HAND_OVER_MS;
    act(l, LEAD_BEAT, 0, 0);
    return NULL;
}

/* Life. */

struct lead *
lead_create(const char *name, unsigned int rank, size_t n_peers,
            const unsigned int *peer_ranks, uint64_t seed, int64_t now_ms)
{
    struct lead *l = fh_xcalloc(1, sizeof *l);

    assert(n_peers <= LEAD_MAX_PEERS);
    copy_name(l->name, name);
    l->rank = rank;
    l->n_peers = n_peers;
    for (size_t i = 0; i < n_peers; i++) {
        l->peers[i].rank = peer_ranks[i];
    }
    l->random = seed | 1;
    l->since_ms = l->row_ms = now_ms;
    l->beat_at_ms = now_ms;
    l->take_at_ms = INT64_MAX;
    return l;
}

void
lead_destroy(struct lead *l)
{
    free(l);
}

/* Readers. */

bool
lead_hears_leader(const struct lead *l, int64_t now_ms)
{
    const struct lead_peer *peer = find_peer(l, l->leader);

    return (l->state == LEAD_FOLLOWING && peer
            && peer->beat.state == LEAD_LEADING
            && is_heard(peer, now_ms, LEAD_MISS_MS));
}

bool
lead_misses_leader(const struct lead *l, int64_t now_ms)
{
    const struct lead_peer *peer = find_peer(l, l->leader);

    return (l->state != LEAD_LEADING && peer
            && !is_heard(peer, now_ms, LEAD_MISS_MS));
}

enum lead_state
lead_get_state(const struct lead *l)
{
    return l->state;
}

uint64_t
lead_get_epoch(const struct lead *l)
{
    return l->epoch;
}

const char *
lead_get_leader(const struct lead *l)
{
    return l->leader;
}

struct lead_beat
lead_get_beat(const struct lead *l)
{
    struct lead_beat beat = {
        .state = l->state, .epoch = l->epoch,
        .n_bridges = l->n_alive < UINT16_MAX ? l->n_alive : UINT16_MAX,
        .database = l->database,
    };

    copy_name(beat.hand_to, l->hand_to);
    return beat;
}

const char *
lead_peer_name(const struct lead *l, size_t peer)
{
    return l->peers[peer].name;
}

const struct lead_beat *
lead_peer_beat_of(const struct lead *l, size_t peer)
{
    return &l->peers[peer].beat;
}

bool
lead_peer_is_heard(const struct lead *l, size_t peer, int64_t now_ms)
{
    return is_heard(&l->peers[peer], now_ms, LEAD_SUSPECT_MS);
}

void
lead_set_unix_offset(struct lead *l, int64_t ms)
{
    l->unix_off_ms = ms;
}
