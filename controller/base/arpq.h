/* ARP packets of one router that wait to be sent together.
 *
 * A bridge takes a packet-out with many packets in it three times as fast as
 * as many packet-outs: one frame, and actions that turn it into one
 * packet after the other.  Touches no socket. */
#ifndef ARPQ_H
#define ARPQ_H 1

#include <firsthop/buf.h>

#include "flows/arp.h"
#include "flows/ofcodec.h"

/* What goes first. */
enum arpq_class {
    ARPQ_CORE,                  /* Announcements: the core is told first. */
    ARPQ_CLIENT,                /* Notices and probes; requests of them before
                                 * replies. */
};

struct arpq;

struct arpq_item {
    struct arp arp;
    struct fh_vlan vlan;
    struct eth_addr dst;
    uint32_t port;
    uint32_t seq;               /* In the order in which they were put. */
    uint8_t class;
};

struct arpq *arpq_create(void);
void arpq_destroy(struct arpq *);

/* Queues '*arp' (a copy), from arp->sha to 'dst' under 'vlan' by 'port'. */
void arpq_put(struct arpq *, enum arpq_class, uint32_t port,
              struct eth_addr dst, const struct fh_vlan *vlan,
              const struct arp *arp);
size_t arpq_count(const struct arpq *);
/* The 'i'-th, in the order in which they were put. */
const struct arpq_item *arpq_get(const struct arpq *, size_t i);
void arpq_clear(struct arpq *);

/* Appends all that is queued to 'tx' and empties the queue.  Packets of one
 * class, operation and VLAN stack keep their order.  Returns the number of
 * messages. */
size_t arpq_flush(struct arpq *, struct fh_buf *tx, int version,
                  uint32_t (*next_xid)(void *aux), void *aux);

#endif /* controller/base/arpq.h */
