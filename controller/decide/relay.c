/* DHCP: which router passes a client's message on.  See relay.h. */
#include <config.h>

#include "controller/decide/relay.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/queue.h>

#include <uthash.h>

#include <firsthop/buf.h>

TAILQ_HEAD(exchanges, exchange);

/* The access port that was the first to bring an exchange. */
struct origin {
    UT_hash_handle hh;
    struct { uint32_t segment, member, port; } key;
    struct exchanges exchanges; /* Oldest first. */
    size_t n;
};

struct exchange {
    UT_hash_handle hh;
    struct relay_key key;
    TAILQ_ENTRY(exchange) end_node, origin_node;
    struct origin *origin;
    struct relay_exchange known;
    int64_t end_ms;             /* It is forgotten then. */
    int last;                   /* Member that passed it on last, -1: none. */
};

struct relays {
    struct exchange *by_key;    /* uthash */
    struct origin *origins;     /* uthash */
    struct exchanges open, done;    /* First to be forgotten first. */
};

struct relays *
relays_create(void)
{
    struct relays *relays = fh_xcalloc(1, sizeof *relays);

    TAILQ_INIT(&relays->open);
    TAILQ_INIT(&relays->done);
    return relays;
}

static struct exchanges *
list_of(struct relays *relays, const struct exchange *e)
{
    return e->known.done ? &relays->done : &relays->open;
}

static void
forget(struct relays *relays, struct exchange *e)
{
    struct origin *origin = e->origin;

    HASH_DELETE(hh, relays->by_key, e);
    TAILQ_REMOVE(list_of(relays, e), e, end_node);
    TAILQ_REMOVE(&origin->exchanges, e, origin_node);
    if (!--origin->n) {
        HASH_DELETE(hh, relays->origins, origin);
        free(origin);
    }
    free(e);
}

static void
expire_list(struct relays *relays, struct exchanges *list, int64_t now_ms)
{
    struct exchange *e;

    while ((e = TAILQ_FIRST(list)) != NULL && e->end_ms <= now_ms) {
        forget(relays, e);
    }
}

static void
expire(struct relays *relays, int64_t now_ms)
{
    expire_list(relays, &relays->open, now_ms);
    expire_list(relays, &relays->done, now_ms);
}

void
relays_destroy(struct relays *relays)
{
    if (relays) {
        expire(relays, INT64_MAX);
        free(relays);
    }
}

static void
keep_until(struct relays *relays, struct exchange *e, bool done,
           int64_t end_ms)
{
    TAILQ_REMOVE(list_of(relays, e), e, end_node);
    e->known.done = done;
    e->end_ms = end_ms;
    TAILQ_INSERT_TAIL(list_of(relays, e), e, end_node);
}

static struct exchange *
find(const struct relays *relays, const struct relay_key *key)
{
    struct exchange *e;

    HASH_FIND(hh, relays->by_key, key, sizeof *key, e);
    return e;
}

static struct origin *
find_origin(const struct relays *relays, uint32_t segment,
            const struct relay_heard *heard)
{
    const struct origin wanted = {
        .key = { segment, (uint32_t) heard->member, heard->port },
    };
    struct origin *origin;

    HASH_FIND(hh, relays->origins, &wanted.key, sizeof wanted.key, origin);
    return origin;
}

static struct origin *
add_origin(struct relays *relays, uint32_t segment,
           const struct relay_heard *heard)
{
    struct origin *origin = fh_xcalloc(1, sizeof *origin);

    origin->key.segment = segment;
    origin->key.member = (uint32_t) heard->member;
    origin->key.port = heard->port;
    TAILQ_INIT(&origin->exchanges);
    HASH_ADD(hh, relays->origins, key, sizeof origin->key, origin);
    return origin;
}

/* The table is full, and 'next', which may be NULL, brings one more.  Who has
 * more than a fair share pays for itself, or else who has most. */
static void
make_room(struct relays *relays, struct origin *next)
{
    struct origin *most = next ? next : relays->origins;

    if (!next || next->n <= RELAY_MAX / HASH_COUNT(relays->origins)) {
        for (struct origin *o = relays->origins; o; o = o->hh.next) {
            if (o->n > most->n) {
                most = o;
            }
        }
    }
    forget(relays, TAILQ_FIRST(&most->exchanges));
}

/* Until when it is kept, keep_until() says. */
static struct exchange *
add(struct relays *relays, const struct relay_key *key,
    const struct relay_heard *heard)
{
    struct exchange *e = fh_xcalloc(1, sizeof *e);

    if (HASH_COUNT(relays->by_key) >= RELAY_MAX) {
        make_room(relays, find_origin(relays, key->segment, heard));
    }
    e->key = *key;
    e->last = -1;
    e->known.vlan = heard->vlan;
    e->origin = find_origin(relays, key->segment, heard);
    if (!e->origin) {
        e->origin = add_origin(relays, key->segment, heard);
    }
    e->origin->n++;
    TAILQ_INSERT_TAIL(&e->origin->exchanges, e, origin_node);
    TAILQ_INSERT_TAIL(&relays->open, e, end_node);
    HASH_ADD(hh, relays->by_key, key, sizeof e->key, e);
    return e;
}

/* The next of 'members' after 'last', round and round; 'last' if it is the
 * only one, -1 if there is none. */
static int
next_member(uint32_t members, int last)
{
    for (int i = 1; i <= RELAY_MAX_MEMBERS; i++) {
        int member = (last + i) % RELAY_MAX_MEMBERS;

        if (members & UINT32_C(1) << member) {
            return member;
        }
    }
    return -1;
}

static int
choose(const struct exchange *e, uint32_t usable, int active, int heard_at)
{
    int next;

    if (e->last < 0) {
        if (active >= 0 && usable & UINT32_C(1) << active) {
            return active;
        }
        if (usable & UINT32_C(1) << heard_at) {
            return heard_at;
        }
    }
    next = next_member(usable & e->known.heard_by, e->last < 0 ? 0 : e->last);
    return next >= 0 ? next : heard_at;
}

/* What differs in a copy is nobody's word: the server answers the one that was
 * passed on, and where that one was heard. */
static void
note_copy(struct exchange *e, const struct relay_heard *heard)
{
    if (!e->known.ports[heard->member]) {
        e->known.ports[heard->member] = heard->port;
    }
}

int
relays_heard(struct relays *relays, const struct relay_key *key,
             const struct relay_heard *heard, uint32_t usable, int active,
             int64_t now_ms)
{
    struct exchange *e;

    assert(heard->member >= 0 && heard->member < RELAY_MAX_MEMBERS);
    assert(key->type > 0 && !key->zero);
    expire(relays, now_ms);
    e = find(relays, key);
    if (!e) {
        e = add(relays, key, heard);
    }
    e->known.heard_by |= UINT32_C(1) << heard->member;
    if (e->last >= 0 && now_ms - e->known.passed_ms < RELAY_COPY_MS) {
        note_copy(e, heard);
        return RELAY_COPY;
    }
    keep_until(relays, e, false, now_ms + RELAY_AGE_MS);
    e->known.wanted = heard->wanted;
    e->known.rapid = heard->rapid;
    e->known.ports[heard->member] = heard->port;
    e->last = choose(e, usable, active, heard->member);
    e->known.passed_ms = now_ms;
    return e->last;
}

const struct relay_exchange *
relays_find(const struct relays *relays, const struct relay_key *key)
{
    const struct exchange *e = find(relays, key);

    return e ? &e->known : NULL;
}

void
relays_done(struct relays *relays, const struct relay_key *key,
            int64_t now_ms)
{
    struct exchange *e = find(relays, key);

    if (e && !e->known.done) {
        keep_until(relays, e, true, now_ms + RELAY_COPY_MS);
    }
}

size_t
relays_count(const struct relays *relays)
{
    return HASH_COUNT(relays->by_key);
}
