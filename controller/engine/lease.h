/* Leases: a client that a DHCP server has given its address, until that ends.
 *
 * A lease is a client from the server's acknowledgement on, which reaches the
 * client when its flows are in force: see lease_ack.h. */
#ifndef LEASE_H
#define LEASE_H 1

#include <firsthop/types.h>

#include "controller/engine/lease_ack.h"

struct engine;
struct segment;

/* What the server's acknowledgement says. */
struct lease_grant {
    struct fh_addr address;
    struct eth_addr mac;
    struct fh_vlan vlan;
    uint32_t lease_s;           /* DHCP_LEASE_FOREVER: it does not end. */
    uint32_t heard_by;          /* Bit i: member i heard the client ... */
    const uint32_t *ports;      /* ... by this port; borrowed. */
};

/* A lease was granted: the client is there from now on, and is told by
 * '*ack'.  Returns false if it cannot be: the address belongs to somebody
 * else, or is none of the segment's. */
bool lease_granted(struct engine *, struct segment *,
                   const struct lease_grant *, const struct lease_ack *);
/* By that member, and that port of it, its request was heard as well, only
 * after the server had answered. */
void lease_heard(struct engine *, struct client *, size_t member,
                 uint32_t port);
/* It was renewed, for 'lease_s' from now.  A client without a lease has one
 * now: a daemon that was killed may have lost it. */
void lease_renewed(struct engine *, struct client *, uint32_t lease_s);
/* Does it answer, where it is served? */
bool lease_is_in_use(const struct client *);
/* It ends now: 'why' is for the event.  Who was a client by it alone is
 * forgotten, and freed. */
void lease_ended(struct engine *, struct client *, const char *why);

/* After a start: the clients whose leases were kept, and go on. */
void lease_restore(struct engine *);
/* Leases are kept from now on, a while after they have changed. */
void lease_init(struct engine *);
/* The same at once, if that is still to be done. */
void lease_keep_now(struct engine *);

#endif /* controller/engine/lease.h */
