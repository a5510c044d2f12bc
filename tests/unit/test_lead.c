/* decide/lead: which controller leads.  Single steps, and a random world of
 * several of them with a database, bridges and a network that breaks. */
#include <config.h>

#include "controller/decide/lead.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <firsthop/buf.h>

/* One controller, "b", rank 1 of three. */

static const unsigned int others[] = { 0, 2 };

static struct lead *
b_at(int64_t now_ms)
{
    return lead_create("b", 1, 2, others, 7, now_ms);
}

/* Is such an action among those to be done?  Takes all of them. */
static bool
does(struct lead *l, enum lead_action_type type, struct lead_action *which)
{
    struct lead_action a;
    bool found = false;

    while (lead_next_action(l, &a)) {
        if (a.type == type) {
            found = true;
            if (which) {
                *which = a;
            }
        }
    }
    return found;
}

static struct lead_beat
beat(enum lead_state state, uint64_t epoch)
{
    return (struct lead_beat) { state, epoch, 2, true, "" };
}

/* "a" leads under epoch 5, "b" has heard it. */
static struct lead *
b_follows_a(int64_t now_ms)
{
    struct lead *l = b_at(now_ms);
    struct lead_beat a = beat(LEAD_LEADING, 5), c = beat(LEAD_FOLLOWING, 5);

    lead_bridges(l, 2, 2, 0, now_ms);
    lead_peer_up(l, 0, "a", now_ms);
    lead_peer_up(l, 1, "c", now_ms);
    lead_database(l, true, now_ms);
    lead_row(l, 5, "a", now_ms);
    lead_peer_beat(l, 0, &a, now_ms);
    lead_peer_beat(l, 1, &c, now_ms);
    assert_false(does(l, LEAD_TAKE, NULL));
    return l;
}

static struct lead *
b_leads(int64_t now_ms, uint64_t *epochp)
{
    struct lead *l = b_follows_a(now_ms);
    struct lead_action a = { .epoch = 0 };

    lead_peer_down(l, 0, now_ms);
    assert_true(does(l, LEAD_TAKE, &a));
    assert_int_equal(a.from, 5);
    lead_taken(l, a.epoch, true, now_ms + 2);
    assert_true(does(l, LEAD_BEGIN, NULL));
    lead_bridges(l, 2, 2, 2, now_ms + 2);
    *epochp = a.epoch;
    return l;
}

static void
a_leader_whose_connection_closes_is_replaced_at_once(void **state)
{
    uint64_t epoch;
    struct lead *l = b_leads(1000, &epoch);

    assert_int_equal(epoch, 1000);      /* The clock, which is later. */
    assert_int_equal(lead_get_state(l), LEAD_LEADING);
    assert_string_equal(lead_get_leader(l), "b");
    lead_destroy(l);
}

/* "c", which is last; "a" has led, and its connection closes. */
static struct lead *
c_misses_a(int64_t now_ms)
{
    struct lead *l = lead_create("c", 2, 2, (const unsigned int[]) { 0, 1 },
                                 7, 0);
    struct lead_beat a = beat(LEAD_LEADING, 5), b = beat(LEAD_FOLLOWING, 5);

    lead_bridges(l, 2, 2, 0, 0);
    lead_peer_up(l, 0, "a", 0);
    lead_peer_up(l, 1, "b", 0);
    lead_database(l, true, 0);
    lead_row(l, 5, "a", 0);
    lead_peer_beat(l, 0, &a, 10);
    lead_peer_beat(l, 1, &b, 10);
    lead_peer_down(l, 0, now_ms);
    return l;
}

static void
who_is_not_first_waits_for_those_before_it(void **state)
{
    struct lead *l = c_misses_a(20);

    lead_tick(l, 20 + LEAD_STAGGER_MS - 1);
    assert_false(does(l, LEAD_TAKE, NULL));
    lead_tick(l, 20 + LEAD_STAGGER_MS);
    assert_true(does(l, LEAD_TAKE, NULL));
    lead_destroy(l);
}

/* Two that ask two servers of a database without a leader hold each other up. */
static void
who_is_at_it_is_not_disturbed(void **state)
{
    struct lead *l = c_misses_a(20);
    struct lead_beat b = beat(LEAD_TAKING, 5);

    for (int64_t ms = 20; ms < 20 + LEAD_TURN_MS; ms += LEAD_BEAT_MS) {
        lead_peer_beat(l, 1, &b, ms);
        assert_false(does(l, LEAD_TAKE, NULL));
    }
    lead_peer_beat(l, 1, &b, 20 + LEAD_TURN_MS);    /* It has had its turn. */
    assert_true(does(l, LEAD_TAKE, NULL));
    lead_destroy(l);
}

static void
a_leader_that_falls_silent_is_missed_before_it_is_suspected(void **state)
{
    struct lead *l = b_follows_a(1000);
    uint64_t epoch;

    assert_true(lead_hears_leader(l, 1000 + LEAD_MISS_MS - 1));
    assert_false(lead_hears_leader(l, 1000 + LEAD_MISS_MS));
    assert_false(lead_misses_leader(l, 1000 + LEAD_MISS_MS - 1));
    assert_true(lead_misses_leader(l, 1000 + LEAD_MISS_MS));
    lead_destroy(l);
    l = b_leads(1000, &epoch);
    assert_false(lead_misses_leader(l, 9000));
    assert_false(lead_hears_leader(l, 9000));
    lead_destroy(l);
}

static void
a_silent_leader_is_suspected_after_300_ms(void **state)
{
    struct lead *l = b_follows_a(1000);

    lead_tick(l, 1299);
    assert_false(does(l, LEAD_TAKE, NULL));
    lead_tick(l, 1300);
    assert_true(does(l, LEAD_TAKE, NULL));
    lead_destroy(l);
}

/* A server of the database that has died with the leader's machine is left for
 * another one: that is no news of the leader. */
static void
a_row_that_nobody_has_written_to_is_no_sign_of_life(void **state)
{
    struct lead *l = b_follows_a(1000);

    lead_database(l, false, 1200);
    lead_database(l, true, 1250);
    lead_row_is_known(l, 5, "a", 1250);
    assert_false(does(l, LEAD_TAKE, NULL));
    lead_tick(l, 1300);
    assert_true(does(l, LEAD_TAKE, NULL));
    lead_destroy(l);

    l = b_follows_a(1000);              /* But this is. */
    lead_database(l, false, 1200);
    lead_database(l, true, 1250);
    lead_row(l, 5, "a", 1250);
    lead_row_is_known(l, 5, "a", 1250);
    lead_tick(l, 1549);
    assert_false(does(l, LEAD_TAKE, NULL));
    lead_destroy(l);
}

/* The network between controllers is cut, the database is not. */
static void
a_leader_that_writes_to_its_row_is_not_suspected(void **state)
{
    struct lead *l = b_follows_a(1000);

    for (int64_t ms = 1100; ms < 5000; ms += 100) {
        lead_row(l, 5, "a", ms);
        assert_false(does(l, LEAD_TAKE, NULL));
    }
    lead_destroy(l);
}

static void
a_leader_that_misses_a_peer_writes_to_its_row(void **state)
{
    uint64_t epoch;
    struct lead *l = b_leads(1000, &epoch);
    struct lead_action a;

    lead_tick(l, 1150);
    assert_false(does(l, LEAD_RENEW, NULL));    /* One is under way. */
    lead_renewed(l, epoch, LEAD_RENEWED, 1160);
    assert_true(does(l, LEAD_RENEW, &a));       /* "a" is gone. */
    assert_int_equal(a.epoch, epoch);
    lead_renewed(l, epoch, LEAD_NO_ANSWER, 1200);
    assert_false(does(l, LEAD_RENEW, NULL));    /* Not so soon. */
    lead_tick(l, 1160 + LEAD_RENEW_MS);
    assert_true(does(l, LEAD_RENEW, NULL));
    lead_renewed(l, epoch, LEAD_NOT_OURS, 1400);
    assert_true(does(l, LEAD_STAND_DOWN, NULL));
    lead_destroy(l);
}

static void
a_leader_in_quiet_times_writes_nothing(void **state)
{
    uint64_t epoch;
    struct lead *l = b_leads(1000, &epoch);
    struct lead_beat f = beat(LEAD_FOLLOWING, epoch);

    lead_peer_up(l, 0, "a", 1010);
    lead_peer_beat(l, 1, &f, 1010);
    does(l, LEAD_RENEW, NULL);
    lead_renewed(l, epoch, LEAD_RENEWED, 1011);
    does(l, LEAD_RENEW, NULL);
    for (int64_t ms = 1050; ms < 9000; ms += 50) {
        lead_peer_beat(l, 0, &f, ms);
        lead_peer_beat(l, 1, &f, ms);
        assert_false(does(l, LEAD_RENEW, NULL));
    }
    lead_destroy(l);
}

static void
a_leader_that_has_lost_only_the_database_goes_on(void **state)
{
    uint64_t epoch;
    struct lead *l = b_leads(1000, &epoch);

    lead_database(l, false, 1100);
    for (int64_t ms = 1100; ms < 9000; ms += 50) {
        lead_tick(l, ms);       /* Nor are peers heard. */
        assert_false(does(l, LEAD_STAND_DOWN, NULL));
    }
    lead_bridges(l, 2, 2, 1, 9000);
    assert_true(does(l, LEAD_STAND_DOWN, NULL));
    lead_destroy(l);
}

/* Nobody else can lead: each of them says that it follows. */
static void
nor_does_one_that_hears_all_and_misses_a_bridge_stand_down(void **state)
{
    uint64_t epoch;
    struct lead *l = b_leads(1000, &epoch);
    struct lead_beat f = beat(LEAD_FOLLOWING, epoch);

    lead_peer_up(l, 0, "a", 1010);
    lead_database(l, false, 1100);
    lead_bridges(l, 2, 1, 1, 1100);
    for (int64_t ms = 1100; ms < 9000; ms += 50) {
        lead_peer_beat(l, 0, &f, ms);
        lead_peer_beat(l, 1, &f, ms);
        lead_tick(l, ms);
        assert_false(does(l, LEAD_STAND_DOWN, NULL));
    }
    lead_destroy(l);
}

static void
who_sees_a_higher_epoch_stands_down(void **state)
{
    uint64_t epoch;
    struct lead *l = b_leads(1000, &epoch);
    struct lead_beat c;

    lead_row(l, epoch, "b", 1010);
    assert_false(does(l, LEAD_STAND_DOWN, NULL));
    lead_row(l, epoch + 1, "c", 1020);
    assert_true(does(l, LEAD_STAND_DOWN, NULL));
    assert_string_equal(lead_get_leader(l), "c");
    lead_destroy(l);

    l = b_leads(1000, &epoch);          /* The same, by a peer's word. */
    c = beat(LEAD_LEADING, epoch + 1);
    lead_peer_beat(l, 1, &c, 1020);
    assert_true(does(l, LEAD_STAND_DOWN, NULL));
    lead_destroy(l);

    l = b_leads(1000, &epoch);          /* The same, by a bridge's. */
    lead_refused(l, 1020);
    assert_true(does(l, LEAD_STAND_DOWN, NULL));
    lead_destroy(l);
}

/* A backup of the database is restored: the row has an older epoch. */
static void
a_row_that_was_set_back_is_taken_again(void **state)
{
    uint64_t epoch;
    struct lead *l = b_leads(1000, &epoch);
    struct lead_action a = { .epoch = 0 };

    lead_row(l, 3, "a", 1100);
    assert_true(does(l, LEAD_STAND_DOWN, NULL));
    lead_tick(l, 1200);
    assert_true(does(l, LEAD_TAKE, &a));
    assert_int_equal(a.from, 3);
    assert_true(a.epoch > epoch);
    lead_taken(l, a.epoch, true, 1201);
    assert_int_equal(lead_get_state(l), LEAD_LEADING);
    lead_destroy(l);

    l = b_follows_a(1000);              /* Another one leads, and dies. */
    lead_row(l, 3, "c", 1100);
    assert_int_equal(lead_get_epoch(l), 5);
    assert_string_equal(lead_get_leader(l), "a");
    lead_peer_down(l, 0, 1200);
    assert_true(does(l, LEAD_TAKE, &a));
    assert_int_equal(a.from, 3);
    assert_true(a.epoch > 5);
    lead_destroy(l);
}

/* The row was set back after the leader had written it, and the leader dies
 * before it has taken it again. */
static void
what_a_peer_says_of_the_row_is_not_relied_on_twice(void **state)
{
    struct lead *l = b_follows_a(1000);
    struct lead_beat a = beat(LEAD_LEADING, 9);
    struct lead_action take = { .epoch = 0 };

    lead_peer_beat(l, 0, &a, 1010);
    lead_peer_down(l, 0, 1020);
    assert_true(does(l, LEAD_TAKE, &take));
    assert_int_equal(take.from, 9);
    lead_taken(l, take.epoch, false, 1030);
    lead_tick(l, 2000);
    assert_true(does(l, LEAD_TAKE, &take));
    assert_int_equal(take.from, 5);
    assert_true(take.epoch > 9);
    lead_destroy(l);
}

/* One that says again and again that it obeys another. */
static void
a_bridge_deposes_a_leader_of_the_database_only_now_and_then(void **state)
{
    uint64_t epoch;
    struct lead *l = b_leads(1000, &epoch);
    struct lead_action a = { .epoch = 0 };
    int64_t deposed_ms = 1100;

    lead_refused(l, deposed_ms);
    assert_true(does(l, LEAD_STAND_DOWN, NULL));
    lead_tick(l, 1200);
    assert_true(does(l, LEAD_TAKE, &a));
    lead_taken(l, a.epoch, true, 1201);
    assert_true(does(l, LEAD_BEGIN, NULL));
    lead_bridges(l, 2, 2, 2, 1202);
    lead_refused(l, 1300);
    lead_tick(l, deposed_ms + LEAD_REFUSED_MS - 1);
    assert_false(does(l, LEAD_STAND_DOWN, NULL));
    lead_tick(l, deposed_ms + LEAD_REFUSED_MS);
    assert_true(does(l, LEAD_STAND_DOWN, NULL));

    lead_tick(l, 40000);                /* At once if it cannot be known. */
    assert_true(does(l, LEAD_TAKE, &a));
    lead_taken(l, a.epoch, true, 40001);
    lead_bridges(l, 2, 2, 2, 40002);
    lead_refused(l, 40100);
    assert_false(does(l, LEAD_STAND_DOWN, NULL));
    lead_database(l, false, 40200);
    assert_true(does(l, LEAD_STAND_DOWN, NULL));
    lead_destroy(l);
}

static void
a_take_that_commits_late_counts_unless_another_was_faster(void **state)
{
    struct lead *l = b_follows_a(1000);
    struct lead_action a = { .epoch = 0 };

    lead_peer_down(l, 0, 1000);
    assert_true(does(l, LEAD_TAKE, &a));
    lead_tick(l, 1000 + LEAD_GIVE_UP_MS);
    assert_int_equal(lead_get_state(l), LEAD_FOLLOWING);
    lead_taken(l, a.epoch, true, 3001);
    assert_int_equal(lead_get_state(l), LEAD_LEADING);
    lead_destroy(l);

    l = b_follows_a(1000);
    lead_peer_down(l, 0, 1000);
    assert_true(does(l, LEAD_TAKE, &a));
    lead_row(l, a.epoch + 1, "c", 1100);
    lead_taken(l, a.epoch, true, 1101);
    assert_int_equal(lead_get_state(l), LEAD_FOLLOWING);
    lead_destroy(l);
}

static void
a_leader_without_bridges_leaves_it_to_who_has_some(void **state)
{
    uint64_t epoch;
    struct lead *l = b_leads(1000, &epoch);
    struct lead_beat c = beat(LEAD_FOLLOWING, epoch);

    lead_peer_beat(l, 1, &c, 1200);
    lead_tick(l, 1200);
    assert_false(does(l, LEAD_STAND_DOWN, NULL));
    lead_bridges(l, 2, 0, 0, 1201);
    assert_true(does(l, LEAD_STAND_DOWN, NULL));
    lead_destroy(l);

    l = b_leads(1000, &epoch);          /* Nobody has. */
    c.n_bridges = 0;
    lead_peer_beat(l, 1, &c, 1200);
    lead_bridges(l, 2, 0, 0, 1201);
    assert_false(does(l, LEAD_STAND_DOWN, NULL));
    lead_destroy(l);
}

static void
leadership_is_handed_over(void **state)
{
    struct lead *l = b_follows_a(1000);
    struct lead_beat a = beat(LEAD_LEADING, 5);
    uint64_t epoch;

    snprintf(a.hand_to, sizeof a.hand_to, "c");
    lead_peer_beat(l, 0, &a, 1010);
    assert_false(does(l, LEAD_TAKE, NULL));
    snprintf(a.hand_to, sizeof a.hand_to, "b");
    lead_peer_beat(l, 0, &a, 1020);
    assert_true(does(l, LEAD_TAKE, NULL));
    lead_destroy(l);

    l = b_leads(1000, &epoch);
    a = beat(LEAD_FOLLOWING, epoch);
    lead_peer_beat(l, 1, &a, 1010);
    assert_non_null(lead_hand_over(l, "b", 1010));
    assert_non_null(lead_hand_over(l, "a", 1010));      /* It is gone. */
    assert_non_null(lead_hand_over(l, "x", 1010));
    assert_null(lead_hand_over(l, "c", 1010));
    assert_string_equal(lead_get_beat(l).hand_to, "c");
    lead_tick(l, 1010 + LEAD_HAND_OVER_MS);
    assert_string_equal(lead_get_beat(l).hand_to, "");
    lead_destroy(l);
}

/* A world. */

#define MOST      5
#define N_BRIDGES 2
#define N_EVENTS  4096

struct message {
    int64_t at_ms;
    enum { MSG_BEAT, MSG_ROW, MSG_TAKE, MSG_TAKEN, MSG_RENEW, MSG_RENEWED,
           MSG_ROLE, MSG_ROLE_DONE, MSG_FREE } type;
    size_t from, to;
    struct lead_beat beat;
    uint64_t epoch, expected;
    int outcome;
    unsigned int life;          /* Of the receiver, or the asker. */
};

struct controller {
    struct lead *lead;          /* NULL: dead. */
    unsigned int life;
    bool stopped;
    bool obeyed[N_BRIDGES];     /* As far as it knows. */
    bool was_leading;
};

struct world {
    uint64_t random;
    size_t n;
    int64_t now_ms;
    struct controller all[MOST];
    bool peers_cut[MOST][MOST], database_cut[MOST],
         bridge_cut[MOST][N_BRIDGES];
    bool linked[MOST][MOST];
    bool database_up[MOST];     /* As each of them has been told. */
    uint64_t epoch, generation[N_BRIDGES];
    char leader[8];
    size_t master[N_BRIDGES];   /* MOST: nobody. */
    uint64_t epochs[N_EVENTS];  /* That were begun. */
    size_t n_epochs;
    struct message messages[N_EVENTS];
    size_t n_messages;
};

static uint64_t
roll(struct world *w, uint64_t n)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return w->random % n;
}

static void
post(struct world *w, struct message m, int64_t after_ms)
{
    m.at_ms = w->now_ms + after_ms;
    assert_true(w->n_messages < N_EVENTS);
    w->messages[w->n_messages++] = m;
}

static bool
awake(const struct world *w, size_t i)
{
    return w->all[i].lead && !w->all[i].stopped;
}

static size_t
number_of(const char *name)
{
    return *name - 'a';
}

static void
count_bridges(struct world *w, size_t i)
{
    struct controller *c = &w->all[i];
    size_t n_alive = 0, n_obey = 0;

    for (size_t j = 0; j < N_BRIDGES; j++) {
        n_alive += !w->bridge_cut[i][j];
        n_obey += !w->bridge_cut[i][j] && c->obeyed[j];
    }
    lead_bridges(c->lead, N_BRIDGES, n_alive, n_obey, w->now_ms);
}

static void
obey_nobody(struct controller *c)
{
    memset(c->obeyed, 0, sizeof c->obeyed);
}

static void
ask_bridges(struct world *w, size_t i)
{
    for (size_t j = 0; j < N_BRIDGES; j++) {
        struct message m = { .type = MSG_ROLE, .from = i, .to = j,
                             .epoch = lead_get_epoch(w->all[i].lead),
                             .life = w->all[i].life };

        if (!w->bridge_cut[i][j]) {
            post(w, m, 1 + roll(w, 3));
        }
    }
}

/* The invariant: an epoch has one leader, ever. */
static void
note_epoch(struct world *w, uint64_t epoch)
{
    for (size_t i = 0; i < w->n_epochs; i++) {
        assert_true(w->epochs[i] != epoch);
    }
    assert_true(w->n_epochs < N_EVENTS);
    w->epochs[w->n_epochs++] = epoch;
}

static size_t
index_of(size_t i, size_t j)    /* Of peer 'j', as 'i' numbers them. */
{
    return j < i ? j : j - 1;
}

static void
carry_out(struct world *w, size_t i)
{
    struct controller *c = &w->all[i];
    struct lead_action a;

    while (lead_next_action(c->lead, &a)) {
        struct message m = { .from = i, .epoch = a.epoch, .life = c->life,
                             .expected = a.from };

        switch (a.type) {
        case LEAD_TAKE:
        case LEAD_RENEW:
            m.type = a.type == LEAD_TAKE ? MSG_TAKE : MSG_RENEW;
            if (!w->database_cut[i]) {
                post(w, m, 1 + roll(w, 20));
            }
            break;
        case LEAD_BEGIN:
            note_epoch(w, a.epoch);
            obey_nobody(c);
            ask_bridges(w, i);
            break;
        case LEAD_STAND_DOWN:
            obey_nobody(c);
            break;
        case LEAD_BEAT:
            m.type = MSG_BEAT;
            m.beat = lead_get_beat(c->lead);
            for (size_t j = 0; j < w->n; j++) {
                m.to = j;
                if (j != i && w->linked[i][j] && !w->peers_cut[i][j]) {
                    post(w, m, 1 + roll(w, 5));
                }
            }
            break;
        }
    }
}

static void
tell_row(struct world *w, size_t i)
{
    struct message m = { .type = MSG_ROW, .to = i };

    post(w, m, 1 + roll(w, 10));
}

static void
tell_rows(struct world *w)
{
    for (size_t i = 0; i < w->n; i++) {
        if (!w->database_cut[i]) {
            tell_row(w, i);
        }
    }
}

static void
on_take(struct world *w, struct message m)
{
    bool ok = m.expected == w->epoch;

    if (ok) {
        assert_true(m.epoch > w->epoch);
        w->epoch = m.epoch;
        snprintf(w->leader, sizeof w->leader, "%c", (char) ('a' + m.from));
        tell_rows(w);
    }
    m.type = MSG_TAKEN;
    m.outcome = ok;
    if (!roll(w, 20) && awake(w, m.from)) {
        w->database_up[m.from] = false;         /* Its server dies first. */
        lead_database(w->all[m.from].lead, false, w->now_ms);
        carry_out(w, m.from);
    } else if (!w->database_cut[m.from]) {
        post(w, m, 1 + roll(w, 10));
    }
}

static void
on_renew(struct world *w, struct message m)
{
    m.outcome = m.epoch == w->epoch ? LEAD_RENEWED : LEAD_NOT_OURS;
    if (m.outcome == LEAD_RENEWED) {
        tell_rows(w);
    }
    m.type = MSG_RENEWED;
    if (!w->database_cut[m.from]) {
        post(w, m, 1 + roll(w, 10));
    }
}

/* OpenFlow 1.3, 6.3.5: an older generation id is refused; the master before
 * is told that it is none any more. */
static void
on_role(struct world *w, struct message m)
{
    m.type = MSG_ROLE_DONE;
    m.outcome = m.epoch >= w->generation[m.to];
    if (m.outcome) {
        size_t old = w->master[m.to];

        w->generation[m.to] = m.epoch;
        w->master[m.to] = m.from;
        if (old != MOST && old != m.from && !w->bridge_cut[old][m.to]) {
            struct message n = { .type = MSG_ROLE_DONE, .from = old,
                                 .to = m.to, .life = w->all[old].life };

            post(w, n, 1 + roll(w, 3));
        }
    }
    if (!w->bridge_cut[m.from][m.to]) {
        post(w, m, 1 + roll(w, 3));
    }
}

static void
deliver(struct world *w, struct message m)
{
    size_t i = m.type == MSG_BEAT || m.type == MSG_ROW ? m.to : m.from;
    struct controller *c = &w->all[i];

    switch (m.type) {
    case MSG_TAKE:
        on_take(w, m);
        return;
    case MSG_RENEW:
        on_renew(w, m);
        return;
    case MSG_ROLE:
        on_role(w, m);
        return;
    default:
        break;
    }
    if (!c->lead || (m.type != MSG_BEAT && m.type != MSG_ROW
                     && m.life != c->life)) {
        return;
    }
    if (c->stopped) {
        post(w, m, 20);         /* It waits in its sockets. */
        return;
    }
    switch (m.type) {
    case MSG_BEAT:
        if (w->linked[m.from][i]) {
            lead_peer_beat(c->lead, index_of(i, m.from), &m.beat, w->now_ms);
        }
        break;
    case MSG_ROW:
        if (w->database_up[i]) {        /* It never tells an older one. */
            lead_row(c->lead, w->epoch, w->leader, w->now_ms);
        }
        break;
    case MSG_TAKEN:
        lead_taken(c->lead, m.epoch, m.outcome, w->now_ms);
        break;
    case MSG_RENEWED:
        lead_renewed(c->lead, m.epoch, m.outcome, w->now_ms);
        break;
    case MSG_ROLE_DONE:
        if (m.outcome && m.epoch == lead_get_epoch(c->lead)) {
            c->obeyed[m.to] = true;
            count_bridges(w, i);
        } else if (!m.outcome && w->generation[m.to]
                   > lead_get_epoch(c->lead)) {
            lead_refused(c->lead, w->now_ms);
        }
        break;
    default:
        break;
    }
    carry_out(w, i);
}

/* Connections follow the network: a close is seen where there is a way for
 * it, or after a while. */
static void
set_linked(struct world *w, size_t i, size_t j, bool linked)
{
    char name[2] = { 'a' + i, '\0' };

    if (w->linked[i][j] == linked || !awake(w, j)) {
        return;
    }
    w->linked[i][j] = linked;
    if (linked) {
        lead_peer_up(w->all[j].lead, index_of(j, i), name, w->now_ms);
    } else {
        lead_peer_down(w->all[j].lead, index_of(j, i), w->now_ms);
    }
    carry_out(w, j);
}

static void
follow_network(struct world *w, size_t i)
{
    struct controller *c = &w->all[i];

    for (size_t j = 0; j < w->n; j++) {
        if (j != i) {
            if (!w->all[j].lead) {
                set_linked(w, j, i, false);
            } else if (!w->peers_cut[i][j] && awake(w, j)) {
                set_linked(w, j, i, true);
            } else if (w->peers_cut[i][j] && !roll(w, 100)) {
                set_linked(w, j, i, false);
            }
        }
    }
    if (w->database_up[i] != !w->database_cut[i]) {
        w->database_up[i] = !w->database_cut[i];
        lead_database(c->lead, w->database_up[i], w->now_ms);
        if (w->database_up[i]) {
            tell_row(w, i);
        }
    }
    for (size_t j = 0; j < N_BRIDGES; j++) {
        if (w->bridge_cut[i][j]) {
            c->obeyed[j] = false;
        } else if (lead_get_state(c->lead) == LEAD_LEADING && !c->obeyed[j]
                   && !roll(w, 50)) {
            ask_bridges(w, i);  /* It has come back. */
            break;
        }
    }
    count_bridges(w, i);
}

static void
birth(struct world *w, size_t i)
{
    char name[2] = { 'a' + i, '\0' };
    unsigned int ranks[MOST];
    size_t n = 0;

    for (size_t j = 0; j < w->n; j++) {
        if (j != i) {
            ranks[n++] = j;
            w->linked[j][i] = false;
        }
    }
    w->all[i].lead = lead_create(name, i, n, ranks, roll(w, 1 << 30),
                                 w->now_ms);
    lead_set_unix_offset(w->all[i].lead, roll(w, 2000));
    w->all[i].life++;
    w->all[i].stopped = false;
    obey_nobody(&w->all[i]);
    w->database_up[i] = false;
}

static void
death(struct world *w, size_t i)
{
    lead_destroy(w->all[i].lead);
    w->all[i].lead = NULL;
    for (size_t j = 0; j < N_BRIDGES; j++) {
        w->master[j] = w->master[j] == i ? MOST : w->master[j];
    }
}

static void
run(struct world *w, int64_t ms)
{
    for (int64_t end_ms = w->now_ms + ms; w->now_ms < end_ms; w->now_ms++) {
        size_t n = w->n_messages;

        for (size_t i = 0; i < n; i++) {
            if (w->messages[i].at_ms <= w->now_ms
                && w->messages[i].type != MSG_FREE) {
                struct message m = w->messages[i];

                w->messages[i].type = MSG_FREE;
                deliver(w, m);
            }
        }
        n = 0;
        for (size_t i = 0; i < w->n_messages; i++) {
            if (w->messages[i].type != MSG_FREE) {
                w->messages[n++] = w->messages[i];
            }
        }
        w->n_messages = n;
        for (size_t i = 0; i < w->n; i++) {
            if (awake(w, i)) {
                follow_network(w, i);
                lead_tick(w->all[i].lead, w->now_ms);
                carry_out(w, i);
            }
        }
    }
}

static void
break_something(struct world *w)
{
    size_t i = roll(w, w->n), j = roll(w, w->n);
    bool cut = roll(w, 2);

    switch (roll(w, 7)) {
    case 0:
        if (w->all[i].lead) {
            death(w, i);
        } else {
            birth(w, i);
        }
        break;
    case 1:
        w->all[i].stopped = w->all[i].lead && !w->all[i].stopped;
        break;
    case 2:
        w->peers_cut[i][j] = w->peers_cut[j][i] = cut;
        break;
    case 3:
        w->database_cut[i] = cut;
        break;
    case 4:
        w->bridge_cut[i][roll(w, N_BRIDGES)] = cut;
        break;
    case 5:                     /* From everything. */
        w->database_cut[i] = w->bridge_cut[i][0] = w->bridge_cut[i][1] = cut;
        for (j = 0; j < w->n; j++) {
            w->peers_cut[i][j] = w->peers_cut[j][i] = cut;
        }
        break;
    case 6:                     /* The database, for all. */
        for (j = 0; j < w->n; j++) {
            w->database_cut[j] = cut;
        }
        break;
    }
}

static void
heal(struct world *w)
{
    memset(w->peers_cut, 0, sizeof w->peers_cut);
    memset(w->database_cut, 0, sizeof w->database_cut);
    memset(w->bridge_cut, 0, sizeof w->bridge_cut);
    for (size_t i = 0; i < w->n; i++) {
        if (!w->all[i].lead) {
            birth(w, i);
        }
        w->all[i].stopped = false;
    }
}

/* The one that leads, and that all bridges obey and all controllers know, or
 * MOST. */
static size_t
agreed_leader(const struct world *w)
{
    size_t leader = MOST, n = 0;

    for (size_t i = 0; i < w->n; i++) {
        if (awake(w, i)
            && lead_get_state(w->all[i].lead) == LEAD_LEADING) {
            leader = i;
            n++;
        }
    }
    for (size_t i = 0; n == 1 && i < w->n; i++) {
        const char *name = w->all[i].lead ? lead_get_leader(w->all[i].lead)
                           : "";

        if (awake(w, i) && (!*name || number_of(name) != leader)) {
            return MOST;
        }
    }
    for (size_t j = 0; n == 1 && j < N_BRIDGES; j++) {
        if (w->master[j] != leader || !w->all[leader].obeyed[j]) {
            return MOST;
        }
    }
    return n == 1 ? leader : MOST;
}

static struct world *
world_create(uint64_t seed)
{
    struct world *w = fh_xcalloc(1, sizeof *w);

    w->random = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    w->now_ms = 100000;
    w->n = 3 + seed % 3;
    for (size_t j = 0; j < N_BRIDGES; j++) {
        w->master[j] = MOST;
    }
    for (size_t i = 0; i < w->n; i++) {
        birth(w, i);
    }
    return w;
}

static void
world_destroy(struct world *w)
{
    for (size_t i = 0; i < w->n; i++) {
        lead_destroy(w->all[i].lead);
    }
    free(w);
}

static void
random_faults_never_make_two_leaders_and_end_in_one(void **state)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct world *w = world_create(seed);
        uint64_t epoch;
        size_t leader;

        for (int i = 0; i < 30; i++) {
            run(w, 50 + roll(w, 900));
            break_something(w);
        }
        heal(w);
        run(w, 5000);           /* Back-offs of a duel among them. */
        leader = agreed_leader(w);
        if (leader == MOST) {
            fail_msg("seed %d: nobody leads", (int) seed);
        }
        epoch = w->epoch;
        run(w, 5000);
        if (w->epoch != epoch || agreed_leader(w) != leader) {
            fail_msg("seed %d: leadership moves without need", (int) seed);
        }
        world_destroy(w);
    }
}

/* Each fault of the leader alone, in a calm world. */

static void
cut_peers(struct world *w, size_t i)
{
    for (size_t j = 0; j < w->n; j++) {
        w->peers_cut[i][j] = w->peers_cut[j][i] = true;
    }
}

static void
fault(struct world *w, size_t i, int which)
{
    switch (which) {
    case 0:
        death(w, i);
        break;
    case 1:
        w->all[i].stopped = true;
        break;
    case 2:                     /* From peers and database. */
        cut_peers(w, i);
        w->database_cut[i] = true;
        break;
    case 3:
        w->bridge_cut[i][0] = w->bridge_cut[i][1] = true;
        break;
    case 4:
        cut_peers(w, i);
        w->database_cut[i] = true;
        w->bridge_cut[i][0] = w->bridge_cut[i][1] = true;
        break;
    }
}

static void
each_fault_is_over_in_half_a_second(void **state)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        for (int which = 0; which < 5; which++) {
            struct world *w = world_create(seed);
            size_t old;
            int ms;

            run(w, 3000);
            old = agreed_leader(w);
            assert_true(old != MOST);
            fault(w, old, which);
            for (ms = 0; ms < 2000; ms++) {
                run(w, 1);
                if (w->master[0] != old && w->master[0] != MOST
                    && w->master[1] == w->master[0]) {
                    break;
                }
            }
            if (ms > 500) {
                fail_msg("seed %d, fault %d: %d ms", (int) seed, which, ms);
            }
            world_destroy(w);
        }
    }
}

/* The network between all controllers is cut, and nothing else: the leader
 * stays. */
static void
peers_cut_from_each_other_do_not_duel(void **state)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world *w = world_create(seed);
        uint64_t epoch;

        run(w, 3000);
        for (size_t i = 0; i < w->n; i++) {
            cut_peers(w, i);
        }
        run(w, 10000);
        /* A close that one side has seen early costs one change at most for
         * each controller. */
        assert_true(w->n_epochs <= 2 * w->n + 2);
        epoch = w->epoch;
        run(w, 10000);
        assert_true(w->epoch == epoch);
        world_destroy(w);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leader_whose_connection_closes_is_replaced_at_once),
        cmocka_unit_test(who_is_not_first_waits_for_those_before_it),
        cmocka_unit_test(who_is_at_it_is_not_disturbed),
        cmocka_unit_test(
            a_leader_that_falls_silent_is_missed_before_it_is_suspected),
        cmocka_unit_test(a_silent_leader_is_suspected_after_300_ms),
        cmocka_unit_test(a_row_that_nobody_has_written_to_is_no_sign_of_life),
        cmocka_unit_test(a_leader_that_writes_to_its_row_is_not_suspected),
        cmocka_unit_test(a_leader_that_misses_a_peer_writes_to_its_row),
        cmocka_unit_test(a_leader_in_quiet_times_writes_nothing),
        cmocka_unit_test(a_leader_that_has_lost_only_the_database_goes_on),
        cmocka_unit_test(
            nor_does_one_that_hears_all_and_misses_a_bridge_stand_down),
        cmocka_unit_test(who_sees_a_higher_epoch_stands_down),
        cmocka_unit_test(a_row_that_was_set_back_is_taken_again),
        cmocka_unit_test(what_a_peer_says_of_the_row_is_not_relied_on_twice),
        cmocka_unit_test(
            a_bridge_deposes_a_leader_of_the_database_only_now_and_then),
        cmocka_unit_test(
            a_take_that_commits_late_counts_unless_another_was_faster),
        cmocka_unit_test(a_leader_without_bridges_leaves_it_to_who_has_some),
        cmocka_unit_test(leadership_is_handed_over),
        cmocka_unit_test(each_fault_is_over_in_half_a_second),
        cmocka_unit_test(peers_cut_from_each_other_do_not_duel),
        cmocka_unit_test(random_faults_never_make_two_leaders_and_end_in_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
