/* DHCP: which router passes a client's message on.  See relay.h. */
#include <config.h>

#include "controller/decide/relay.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/queue.h>

#include <uthash.h>

#include <firsthop/buf.h>

#define N_TYPES 9               /* 1...8, RFC 2132 9.6. */

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
    TAILQ_ENTRY(exchange) age_node, origin_node;
    struct origin *origin;
    struct relay_exchange known;
    int64_t heard_ms;           /* First. */
    int last;                   /* Member that passed it on last, -1: none. */
};

struct relays {
    struct exchange *by_key;    /* uthash */
    struct origin *origins;     /* uthash */
    struct exchanges by_age;    /* Oldest first. */
};

struct relays *
relays_create(void)
{
    struct relays *relays = fh_xcalloc(1, sizeof *relays);

    TAILQ_INIT(&relays->by_age);
    return relays;
}

static void
forget(struct relays *relays, struct exchange *e)
{
    struct origin *origin = e->origin;

    HASH_DELETE(hh, relays->by_key, e);
    TAILQ_REMOVE(&relays->by_age, e, age_node);
    TAILQ_REMOVE(&origin->exchanges, e, origin_node);
    if (!--origin->n) {
        HASH_DELETE(hh, relays->origins, origin);
        free(origin);
    }
    free(e);
}

void
relays_destroy(struct relays *relays)
{
    if (relays) {
        while (!TAILQ_EMPTY(&relays->by_age)) {
            forget(relays, TAILQ_FIRST(&relays->by_age));
        }
        free(relays);
    }
}

static void
expire(struct relays *relays, int64_t now_ms)
{
    struct exchange *e;

    while ((e = TAILQ_FIRST(&relays->by_age)) != NULL
           && now_ms - e->heard_ms >= RELAY_AGE_MS) {
        forget(relays, e);
    }
}

static struct exchange *
find(const struct relays *relays, const struct relay_key *key)
{
    struct exchange *e;

    HASH_FIND(hh, relays->by_key, key, sizeof *key, e);
    return e;
}

static struct origin *
origin_at(struct relays *relays, uint32_t segment,
          const struct relay_heard *heard)
{
    struct origin *origin, wanted = {
        .key = { segment, (uint32_t) heard->member, heard->port },
    };

    HASH_FIND(hh, relays->origins, &wanted.key, sizeof wanted.key, origin);
    if (!origin) {
        origin = fh_xcalloc(1, sizeof *origin);
        origin->key = wanted.key;
        TAILQ_INIT(&origin->exchanges);
        HASH_ADD(hh, relays->origins, key, sizeof origin->key, origin);
    }
    return origin;
}

static struct exchange *
add(struct relays *relays, const struct relay_key *key,
    const struct relay_heard *heard, int64_t now_ms)
{
    struct exchange *e = fh_xcalloc(1, sizeof *e);

    e->key = *key;
    e->heard_ms = now_ms;
    e->last = -1;
    e->known.vlan = heard->vlan;
    e->origin = origin_at(relays, key->segment, heard);
    e->origin->n++;
    TAILQ_INSERT_TAIL(&e->origin->exchanges, e, origin_node);
    TAILQ_INSERT_TAIL(&relays->by_age, e, age_node);
    HASH_ADD(hh, relays->by_key, key, sizeof e->key, e);
    if (e->origin->n > RELAY_PER_PORT) {
        forget(relays, TAILQ_FIRST(&e->origin->exchanges));
    }
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
    assert(key->type > 0 && key->type < N_TYPES && !key->zero);
    expire(relays, now_ms);
    e = find(relays, key);
    if (!e) {
        e = add(relays, key, heard, now_ms);
    }
    e->known.heard_by |= UINT32_C(1) << heard->member;
    if (e->last >= 0 && now_ms - e->known.passed_ms < RELAY_COPY_MS) {
        note_copy(e, heard);
        return RELAY_COPY;
    }
    e->known.wanted = heard->wanted;
    e->known.ports[heard->member] = heard->port;
    e->last = choose(e, usable, active, heard->member);
    e->known.passed_ms = now_ms;
    return e->last;
}

const struct relay_exchange *
relays_find(const struct relays *relays, uint32_t segment,
            struct eth_addr mac, uint32_t xid)
{
    const struct exchange *best = NULL;

    for (uint8_t type = 1; type < N_TYPES; type++) {
        const struct relay_key key = { segment, xid, mac, type, 0 };
        const struct exchange *e = find(relays, &key);

        if (e && (!best || e->known.passed_ms >= best->known.passed_ms)) {
            best = e;
        }
    }
    return best ? &best->known : NULL;
}

size_t
relays_count(const struct relays *relays)
{
    return HASH_COUNT(relays->by_key);
}
