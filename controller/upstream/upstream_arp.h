/* The core learns by ARP: the active router answers for its clients on the
 * uplink (punt.c), and a move is told to the next hop. */
#ifndef UPSTREAM_ARP_H
#define UPSTREAM_ARP_H 1

#include "controller/upstream/upstream.h"

struct upstream *upstream_arp_create(void);

#endif /* controller/upstream/upstream_arp.h */
