/* The client table.  See clients.h. */
#include <config.h>

#include "controller/net/clients.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/net/segment.h"

/* A key is 8 bytes without padding: one multiplication mixes them. */
static uint32_t
hash_key(const struct client_key *key)
{
    uint64_t x;

    memcpy(&x, key, sizeof x);
    return (x * UINT64_C(0x9e3779b97f4a7c15)) >> 32;
}

struct clients {
    struct client *by_key;      /* uthash */
    struct client **order;      /* By address, then segment. */
    size_t n, cap;
    struct client **slots;      /* NULL: free. */
    uint32_t *free_slots;       /* Those below n_slots. */
    uint32_t n_slots, n_free, cap_slots;
    uint32_t n_awaited;         /* So far: makes tokens differ. */
    struct client **by_mac;     /* Chains, by hash of the MAC: as many as */
    unsigned int mac_bits;      /* so many bits can tell, 0: none yet. */
    size_t n_with_mac;
};

struct clients *
clients_create(void)
{
    return fh_xcalloc(1, sizeof(struct clients));
}

void
client_drop_lease(struct client *c)
{
    if (c->lease) {
        wheel_cancel(&c->lease->timer);
        free(c->lease->ack);
        free(c->lease);
        c->lease = NULL;
    }
}

void
client_take_lease(struct client *c, struct client *from)
{
    client_drop_lease(c);
    c->lease = from->lease;
    from->lease = NULL;
    if (c->lease) {
        c->lease->client = c;
    }
}

/* Hosts: who has the same MAC. */

static size_t
n_chains(const struct clients *cs)
{
    return cs->mac_bits ? (size_t) 1 << cs->mac_bits : 0;
}

/* The highest bits of the product: the last byte of the MAC, in which those of
 * one maker's hosts differ, counts in no lower ones. */
static struct client **
chain_of(const struct clients *cs, struct eth_addr mac)
{
    uint64_t x = 0;

    memcpy(&x, &mac, sizeof mac);
    return &cs->by_mac[(x * UINT64_C(0x9e3779b97f4a7c15))
                       >> (64 - cs->mac_bits)];
}

static void
chain(struct clients *cs, struct client *c)
{
    struct client **head = chain_of(cs, c->mac);

    c->host_next = *head;
    c->host_pprev = head;
    if (*head) {
        (*head)->host_pprev = &c->host_next;
    }
    *head = c;
}

static void
unchain(struct client *c)
{
    if (c->host_pprev) {
        *c->host_pprev = c->host_next;
        if (c->host_next) {
            c->host_next->host_pprev = c->host_pprev;
        }
        c->host_next = NULL;
        c->host_pprev = NULL;
        c->table->n_with_mac--;
    }
}

/* Twice as many chains, of those who are in one. */
static void
grow_chains(struct clients *cs)
{
    free(cs->by_mac);
    cs->mac_bits = cs->mac_bits ? cs->mac_bits + 1 : 6;
    cs->by_mac = fh_xcalloc(n_chains(cs), sizeof *cs->by_mac);
    for (size_t i = 0; i < cs->n; i++) {
        if (cs->order[i]->host_pprev) {
            chain(cs, cs->order[i]);
        }
    }
}

void
client_set_mac(struct client *c, struct eth_addr mac)
{
    struct clients *cs = c->table;

    unchain(c);
    c->mac = mac;
    if (fh_mac_is_zero(mac)) {
        return;
    }
    if (cs->n_with_mac == 2 * n_chains(cs)) {
        grow_chains(cs);
    }
    chain(cs, c);
    cs->n_with_mac++;
}

static bool
is_same_host(const struct client *a, const struct client *b)
{
    return (a->segment == b->segment && fh_mac_equal(a->mac, b->mac)
            && fh_vlan_equal(&a->vlan, &b->vlan));
}

struct client *
client_other(const struct client *c, const struct client *former)
{
    const struct clients *cs = c->table;
    struct client *other;

    if (!c->host_pprev) {
        return NULL;
    }
    other = former ? former->host_next : *chain_of(cs, c->mac);
    while (other && (other == c || !is_same_host(c, other))) {
        other = other->host_next;
    }
    return other;
}

bool
client_has_others(const struct client *c)
{
    size_t n = 0;

    for (const struct client *o = client_other(c, NULL);
         o && n <= CLIENT_HOST_MOST; o = client_other(c, o)) {
        n++;
    }
    return n && n < CLIENT_HOST_MOST;
}

static void
client_free(struct client *c)
{
    free(c->answered);
    free(c->last_move);
    history_destroy(c->history);
    free(c->usage);
    client_drop_lease(c);
    free(c);
}

void
clients_destroy(struct clients *cs)
{
    if (!cs) {
        return;
    }
    HASH_CLEAR(hh, cs->by_key);
    /* Their timers stand beside those of clients. */
    for (size_t i = 0; i < cs->n; i++) {
        client_drop_lease(cs->order[i]);
    }
    for (size_t i = 0; i < cs->n; i++) {
        client_free(cs->order[i]);
    }
    free(cs->order);
    free(cs->slots);
    free(cs->free_slots);
    free(cs->by_mac);
    free(cs);
}

static uint32_t
take_slot(struct clients *cs, struct client *c)
{
    uint32_t slot = cs->n_free ? cs->free_slots[--cs->n_free]
                               : cs->n_slots++;

    if (slot == cs->cap_slots) {
        cs->cap_slots = cs->cap_slots ? cs->cap_slots * 2 : 64;
        cs->slots = fh_xrealloc(cs->slots,
                                cs->cap_slots * sizeof *cs->slots);
        cs->free_slots = fh_xrealloc(cs->free_slots, (cs->cap_slots
                                     * sizeof *cs->free_slots));
    }
    cs->slots[slot] = c;
    return slot;
}

static void
release_slot(struct clients *cs, uint32_t slot)
{
    cs->slots[slot] = NULL;
    cs->free_slots[cs->n_free++] = slot;
}

uint64_t
client_await(struct client *c)
{
    c->awaited = (uint64_t) ++c->table->n_awaited << 32 | c->slot;
    return c->awaited;
}

struct client *
clients_confirm(struct clients *cs, uint64_t token)
{
    uint32_t slot = token;
    struct client *c = slot < cs->n_slots ? cs->slots[slot] : NULL;

    if (!token || !c || c->awaited != token) {
        return NULL;
    }
    c->awaited = 0;
    return c;
}

static int
compare_keys(struct client_key a, struct client_key b)
{
    int order = fh_addr_compare(a.address, b.address);

    return order ? order : a.segment < b.segment ? -1 : a.segment > b.segment;
}

size_t
clients_lower_bound(const struct clients *cs, struct client_key key)
{
    size_t low = 0, high = cs->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (compare_keys(cs->order[mid]->key, key) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* A sorted array: learning is rare next to looking, and moving pointers is
 * quick (100,000 of them take 40 us). */
static void
order_insert(struct clients *cs, struct client *c)
{
    size_t at = clients_lower_bound(cs, c->key);

    if (cs->n == cs->cap) {
        cs->cap = cs->cap ? cs->cap * 2 : 64;
        cs->order = fh_xrealloc(cs->order, cs->cap * sizeof *cs->order);
    }
    memmove(&cs->order[at + 1], &cs->order[at],
            (cs->n - at) * sizeof *cs->order);
    cs->order[at] = c;
    cs->n++;
}

struct client *
clients_add(struct clients *cs, struct segment *segment,
            struct client_key key, size_t n)
{
    struct client *c = fh_xcalloc(1, sizeof *c + n * sizeof c->reaches[0]
                                     + n * sizeof *c->holdings);

    assert(!clients_find(cs, key.address, key.segment));
    c->key = key;
    c->segment = segment;
    c->n_reaches = n;
    c->holdings = (void *) &c->reaches[n];
    c->active = c->moved_from = c->stale_member = ELECT_NONE;
    c->trial_member = c->host_active = ELECT_NONE;
    c->learned_member = ELECT_NONE;
    c->table = cs;
    c->slot = take_slot(cs, c);
    takeover_init(&c->takeover);
    for (size_t i = 0; i < n; i++) {
        c->reaches[i].index = i;
    }
    HASH_ADD_BYHASHVALUE(hh, cs->by_key, key, sizeof c->key, hash_key(&key),
                         c);
    order_insert(cs, c);
    return c;
}

void
clients_remove(struct clients *cs, struct client *c)
{
    size_t at = clients_lower_bound(cs, c->key);

    assert(cs->order[at] == c);
    unchain(c);
    memmove(&cs->order[at], &cs->order[at + 1],
            (cs->n - at - 1) * sizeof *cs->order);
    cs->n--;
    HASH_DELETE(hh, cs->by_key, c);
    release_slot(cs, c->slot);
    client_free(c);
}

struct client *
clients_find(const struct clients *cs, struct fh_addr address,
             uint32_t segment)
{
    struct client_key key = { address, segment };
    struct client *c;

    HASH_FIND_BYHASHVALUE(hh, cs->by_key, &key, sizeof key, hash_key(&key),
                          c);
    return c;
}

struct client *
clients_find_in(const struct clients *cs, struct fh_addr address,
                const char *segment)
{
    struct client_key key = { .address = address };
    size_t i = clients_lower_bound(cs, key);
    struct client *c;

    while ((c = clients_at(cs, i++))
           && fh_addr_equal(c->key.address, address)) {
        if (!strcmp(c->segment->config->name, segment)) {
            return c;
        }
    }
    return NULL;
}

size_t
clients_count(const struct clients *cs)
{
    return cs->n;
}

struct client *
clients_at(const struct clients *cs, size_t i)
{
    return i < cs->n ? cs->order[i] : NULL;
}

/* The one already noted for 'addr', a free one, or the oldest. */
static struct client_answered *
answered_slot(struct client *c, struct fh_addr addr)
{
    struct client_answered *oldest = c->answered;

    for (size_t i = 0; i < c->n_answered; i++) {
        struct client_answered *a = &c->answered[i];

        if (fh_addr_equal(a->address, addr)) {
            return a;
        }
        if (a->at_s < oldest->at_s) {
            oldest = a;
        }
    }
    if (c->n_answered == CLIENT_MAX_ANSWERED) {
        return oldest;
    }
    if (c->n_answered == c->cap_answered) {
        c->cap_answered = c->cap_answered ? c->cap_answered * 2 : 1;
        c->answered = fh_xrealloc(c->answered,
                                  c->cap_answered * sizeof *c->answered);
    }
    return &c->answered[c->n_answered++];
}

void
client_note_answered(struct client *c, struct fh_addr addr, int64_t now_ms)
{
    struct client_answered *a = answered_slot(c, addr);

    a->address = addr;
    a->at_s = now_ms / 1000;
}

void
client_note_move(struct client *c, const struct incident *e)
{
    if (!c->last_move) {
        c->last_move = fh_xcalloc(1, sizeof *c->last_move);
    }
    c->last_move->time_ms = e->time_ms;
    c->last_move->cause = e->cause;
    snprintf(c->last_move->from, sizeof c->last_move->from, "%s", e->from);
}

const char *
client_state_name(enum client_state state)
{
    return (state == CLIENT_PENDING ? "pending"
            : state == CLIENT_ACTIVE ? "active" : "lost");
}

const char *
client_origin_name(enum client_origin origin)
{
    static const char *const names[CLIENT_N_ORIGINS] = {
        [CLIENT_LEARNED] = "learned",
        [CLIENT_CONFIGURED] = "configured",
        [CLIENT_PROVISIONED] = "provisioned",
        [CLIENT_LEASED] = "leased",
    };

    return names[origin];
}
