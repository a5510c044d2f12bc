/* Which clients are addresses of one host: those of a segment that have the
 * same MAC behind the same tags.
 *
 * A client is one address, with flows, notices and a lease of its own; a host
 * is what is plugged in, and is sent to one router (settle.c).  Pure data,
 * found by MAC.  A client whose MAC is not known, and one that is its host's
 * only address, costs nothing but its place in the table. */
#ifndef BINDING_H
#define BINDING_H 1

#include "controller/net/clients.h"

struct bindings;

struct bindings *bindings_create(void);
void bindings_destroy(struct bindings *);     /* Before its clients. */

/* The one writer of client.mac (zero: not known, or no more): from now on 'c'
 * is an address of whoever has it.  Its tags are not to change meanwhile.
 * To be called with zero before a client is freed. */
void binding_set_mac(struct bindings *, struct client *c, struct eth_addr mac);

/* Several clients with the same MAC, 'n' at least 2. */
struct client_host {
    struct client **bindings;   /* Owned, not they: in no order. */
    uint32_t n, cap;
};

/* The addresses of the client's host, itself included: 1 or more. */
static inline size_t
binding_count(const struct client *c)
{
    return c->host ? c->host->n : 1;
}

/* The 'i'th of them. */
static inline struct client *
binding_at(const struct client *c, size_t i)
{
    return c->host ? c->host->bindings[i] : (struct client *) c;
}

#endif /* controller/net/binding.h */
