/* Sets of flows, and what turns one into another.
 *
 * Owns copies of flows.  Called by whoever compares what a bridge holds with
 * what it should hold, after a connect and after a reload.  Never talks to a
 * bridge, and never asks for the removal of somebody else's flow. */
#include <config.h>

#include "flows/flow_diff.h"

#include <assert.h>
#include <stdlib.h>

#include <firsthop/buf.h>

/* The flows are kept in the order in which they came, so that the same input
 * gives the same list of changes.  'slots' is an open-addressing hash table
 * of indexes into 'flows', plus 1; 0 is a free slot.  There is no removal. */
struct flow_set {
    struct fh_flow *flows;      /* Owned. */
    size_t n, cap;
    uint32_t *slots;            /* Owned, 'mask' + 1 of them. */
    size_t mask;                /* A power of two less 1; 0 while empty. */
};

#define MIN_SLOTS 64

struct flow_set *
flow_set_create(void)
{
    return fh_xcalloc(1, sizeof(struct flow_set));
}

void
flow_set_destroy(struct flow_set *set)
{
    if (set) {
        free(set->flows);
        free(set->slots);
        free(set);
    }
}

/* Mixes 'value' into 'hash': MurmurHash3's finalizer. */
static uint64_t
hash_u64(uint64_t hash, uint64_t value)
{
    hash ^= value;
    hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ hash >> 33;
}

static uint64_t
hash_pair(uint64_t hash, uint32_t high, uint32_t low)
{
    return hash_u64(hash, (uint64_t) high << 32 | low);
}

/* A MAC and 16 bits of something else. */
static uint64_t
hash_mac(uint64_t hash, struct eth_addr mac, uint16_t other)
{
    uint64_t value = 0;

    memcpy(&value, &mac, sizeof mac);
    return hash_u64(hash, value ^ (uint64_t) other << 48);
}

/* Hashes what fh_flow_same_key() compares. */
static uint64_t
hash_key(const struct fh_flow *flow)
{
    const struct fh_match *match = &flow->match;
    uint64_t hash;

    hash = hash_pair(0, (uint32_t) flow->table << 16 | flow->priority,
                     match->fields);
    hash = hash_pair(hash, match->in_port,
                     (uint32_t) match->arp_op << 16
                     | (uint32_t) match->ip_proto << 8 | match->icmp_type);
    hash = hash_pair(hash, match->ip_ttl,
                     (uint32_t) match->udp_src << 16 | match->udp_dst);
    for (int i = 0; i < FH_N_REGS; i += 2) {
        hash = hash_pair(hash, match->regs[i], match->regs[i + 1]);
    }
    hash = hash_u64(hash, match->metadata);
    hash = hash_u64(hash, match->metadata_mask);
    hash = hash_mac(hash, match->eth_src, match->eth_type);
    hash = hash_mac(hash, match->eth_dst, match->vlan_vid);
    hash = hash_pair(hash, match->ip_src, match->ip_src_mask);
    hash = hash_pair(hash, match->ip_dst, match->ip_dst_mask);
    hash = hash_pair(hash, match->arp_spa, match->arp_spa_mask);
    return hash_pair(hash, match->arp_tpa, match->arp_tpa_mask);
}

/* Returns the slot that holds the flow with the key of '*key', or the free
 * slot where it belongs.  The table must have been allocated. */
static uint32_t *
find_slot(const struct flow_set *set, const struct fh_flow *key)
{
    size_t i = hash_key(key) & set->mask;

    while (set->slots[i]
           && !fh_flow_same_key(&set->flows[set->slots[i] - 1], key)) {
        i = (i + 1) & set->mask;
    }
    return &set->slots[i];
}

/* Makes room for one flow more with at least half of the slots free. */
static void
reserve(struct flow_set *set)
{
    size_t n_slots = set->slots ? set->mask + 1 : 0;

    if (set->n == set->cap) {
        set->cap = set->cap ? 2 * set->cap : MIN_SLOTS / 2;
        set->flows = fh_xrealloc(set->flows, set->cap * sizeof *set->flows);
    }
    if (2 * (set->n + 1) > n_slots) {
        assert(set->n < UINT32_MAX / 2);
        n_slots = n_slots ? 2 * n_slots : MIN_SLOTS;
        free(set->slots);
        set->slots = fh_xcalloc(n_slots, sizeof *set->slots);
        set->mask = n_slots - 1;
        for (size_t i = 0; i < set->n; i++) {
            *find_slot(set, &set->flows[i]) = (uint32_t) i + 1;
        }
    }
}

void
flow_set_put(struct flow_set *set, const struct fh_flow *flow)
{
    uint32_t *slot;

    reserve(set);
    slot = find_slot(set, flow);
    if (!*slot) {
        *slot = (uint32_t) ++set->n;
    }
    set->flows[*slot - 1] = *flow;
}

const struct fh_flow *
flow_set_find(const struct flow_set *set, const struct fh_flow *key)
{
    uint32_t slot = set->slots ? *find_slot(set, key) : 0;

    return slot ? &set->flows[slot - 1] : NULL;
}

size_t
flow_set_count(const struct flow_set *set)
{
    return set->n;
}

void
flow_set_for_each(const struct flow_set *set,
                  void (*cb)(const struct fh_flow *, void *aux), void *aux)
{
    for (size_t i = 0; i < set->n; i++) {
        cb(&set->flows[i], aux);
    }
}

/* What says that the controller is there is nobody's to compare: it ends by
 * itself.  Adds come first: what a packet would otherwise miss is in place before what
 * it matched until now is gone. */
void
flow_diff(const struct flow_set *desired, const struct flow_set *installed,
          struct fh_changes *changes)
{
    for (size_t i = 0; i < desired->n; i++) {
        const struct fh_flow *flow = &desired->flows[i];
        const struct fh_flow *present = flow_set_find(installed, flow);

        if (!present || !fh_flow_same(present, flow)) {
            fh_changes_add(changes, FH_CHANGE_ADD, flow);
        }
    }
    for (size_t i = 0; i < installed->n; i++) {
        const struct fh_flow *flow = &installed->flows[i];

        if (fh_cookie_is_ours(flow->cookie)
            && fh_cookie_kind(flow->cookie) != FH_KIND_AWAKE
            && fh_cookie_kind(flow->cookie) != FH_KIND_MUTE
            && !flow_set_find(desired, flow)) {
            fh_changes_add(changes, FH_CHANGE_DELETE, flow);
        }
    }
}
