/* Which clients are addresses of one host.  See binding.h.
 *
 * A table of chains, in which a host stands by its first address.  A host of
 * one address has no 'struct client_host'. */
#include <config.h>

#include "controller/net/binding.h"

#include <stdlib.h>

#include <firsthop/buf.h>

#define FEWEST_CHAINS 64
/* Clients a chain, on average, before there are twice as many chains. */
#define LONG_CHAIN 2

struct bindings {
    struct client **chains;     /* By hash. */
    size_t n_chains;            /* A power of 2. */
    size_t n;                   /* Hosts. */
};

struct bindings *
bindings_create(void)
{
    struct bindings *table = fh_xcalloc(1, sizeof *table);

    table->n_chains = FEWEST_CHAINS;
    table->chains = fh_xcalloc(table->n_chains, sizeof *table->chains);
    return table;
}

static void
host_free(struct client_host *host)
{
    if (host) {
        free(host->bindings);
        free(host);
    }
}

void
bindings_destroy(struct bindings *table)
{
    if (!table) {
        return;
    }
    for (size_t i = 0; i < table->n_chains; i++) {
        for (struct client *c = table->chains[i]; c; c = c->host_chain) {
            host_free(c->host);
        }
    }
    free(table->chains);
    free(table);
}

/* The chain for the host of 'c' if that had that MAC. */
static struct client **
find_chain(const struct bindings *table, const struct client *c,
           struct eth_addr mac)
{
    uint64_t x = (uint64_t) c->key.segment << 32;

    x ^= (uint64_t) c->vlan.n << 60;
    for (size_t i = 0; i < c->vlan.n; i++) {
        x ^= (uint64_t) c->vlan.vids[i] << (36 + 12 * i);
    }
    for (size_t i = 0; i < sizeof mac.ea; i++) {
        x = (x ^ mac.ea[i]) * UINT64_C(0x9e3779b97f4a7c15);
    }
    return &table->chains[x >> 32 & (table->n_chains - 1)];
}

static void
put_in_chain(struct bindings *table, struct client *c)
{
    struct client **chain = find_chain(table, c, c->mac);

    c->host_chain = *chain;
    *chain = c;
}

static void
add_chains(struct bindings *table)
{
    struct client **old = table->chains;
    size_t n_old = table->n_chains;

    table->n_chains *= 2;
    table->chains = fh_xcalloc(table->n_chains, sizeof *table->chains);
    for (size_t i = 0; i < n_old; i++) {
        for (struct client *c = old[i], *next; c; c = next) {
            next = c->host_chain;
            put_in_chain(table, c);
        }
    }
    free(old);
}

/* Its first address, NULL if it has none yet. */
static struct client *
find_first(const struct bindings *table, const struct client *c,
           struct eth_addr mac)
{
    struct client *first = *find_chain(table, c, mac);

    while (first && !(first->key.segment == c->key.segment
                      && fh_mac_equal(first->mac, mac)
                      && fh_vlan_equal(&first->vlan, &c->vlan))) {
        first = first->host_chain;
    }
    return first;
}

static void
add_binding(struct client_host *host, struct client *c)
{
    if (host->n == host->cap) {
        host->cap = host->cap ? host->cap * 2 : 2;
        host->bindings = fh_xrealloc(host->bindings, (host->cap
                                     * sizeof *host->bindings));
    }
    c->host = host;
    c->host_index = host->n;
    host->bindings[host->n++] = c;
}

static void
join(struct bindings *table, struct client *c)
{
    struct client *first = find_first(table, c, c->mac);

    if (!first) {
        if (++table->n > table->n_chains * LONG_CHAIN) {
            add_chains(table);
        }
        put_in_chain(table, c);
        return;
    }
    if (!first->host) {
        add_binding(fh_xcalloc(1, sizeof *first->host), first);
    }
    add_binding(first->host, c);
}

/* 'next', or nobody, stands for the host in the place of 'c'. */
static void
replace_in_chain(struct bindings *table, struct client *c,
                 struct client *next)
{
    struct client **p = find_chain(table, c, c->mac);

    while (*p != c) {
        p = &(*p)->host_chain;
    }
    if (next) {
        next->host_chain = c->host_chain;
        *p = next;
    } else {
        *p = c->host_chain;
        table->n--;
    }
    c->host_chain = NULL;
}

static void
leave(struct bindings *table, struct client *c)
{
    struct client_host *host = c->host;
    struct client *last;

    if (!host) {
        replace_in_chain(table, c, NULL);
        return;
    }
    last = host->bindings[--host->n];
    host->bindings[c->host_index] = last;
    last->host_index = c->host_index;
    if (c->host_index == 0) {
        replace_in_chain(table, c, last);
    }
    c->host = NULL;
    c->host_index = 0;
    if (host->n == 1) {
        host->bindings[0]->host = NULL;
        host_free(host);
    }
}

void
binding_set_mac(struct bindings *table, struct client *c, struct eth_addr mac)
{
    if (fh_mac_equal(c->mac, mac)) {
        return;
    }
    if (!fh_mac_is_zero(c->mac)) {
        leave(table, c);
    }
    c->mac = mac;
    if (!fh_mac_is_zero(mac)) {
        join(table, c);
    }
}
