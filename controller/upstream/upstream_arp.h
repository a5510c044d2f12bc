/* The core learns by ARP: the active router answers for its clients on the
 * uplink (input_uplink.c), and a move is told to the next hop. */
#ifndef UPSTREAM_ARP_H
#define UPSTREAM_ARP_H 1

#include "controller/upstream/upstream.h"
#include "flows/arp.h"

/* Queues an ARP packet on that router. */
typedef void upstream_arp_send(void *aux, uint64_t dpid, uint32_t port,
                               struct eth_addr dst, const struct fh_vlan *,
                               const struct arp *);

struct upstream *upstream_arp_create(upstream_arp_send *, void *aux);

#endif /* controller/upstream/upstream_arp.h */
