/* Somebody uses what is ours, or a client's: tells of it, and answers.
 *
 * 'to_all': the frame went to everybody, so there is something to be put right
 * elsewhere. */
#ifndef DEFEND_H
#define DEFEND_H 1

#include "controller/engine/engine_private.h"

/* 'mac' claims the segment's gateway, or a router's local address, where
 * 'router' has heard it. */
void defend_address(struct engine *, struct segment *,
                    const struct router *router, struct eth_addr mac,
                    struct fh_addr, bool to_all);

/* Somebody else has claimed the client's address, to everybody. */
void defend_client(struct engine *, const struct client *);

/* 'mac' claims the address of a client on the uplink of its active router. */
void defend_route(struct engine *, struct client *, struct eth_addr mac,
                  bool to_all);

/* 'mac' claims the router's own address on that uplink. */
void defend_uplink(struct engine *, struct router *, struct uplink *,
                   struct eth_addr mac, bool to_all);

/* A frame from the router's own MAC has come in. */
void defend_mac_on_access(struct engine *, struct router *,
                          const char *port);
void defend_mac_on_uplink(struct engine *, struct router *, uint32_t port);

/* Every UPLINK_TICK_MS: what is pending. */
void defend_tick(struct engine *);

#endif /* controller/engine/defend.h */
