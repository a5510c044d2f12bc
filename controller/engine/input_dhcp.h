/* DHCP comes in, from clients and from servers.  Relays it, and tells lease.h
 * what came of it.  Everything here is hostile until checked; what is refused
 * is counted and changes nothing. */
#ifndef INPUT_DHCP_H
#define INPUT_DHCP_H 1

#include <stdbool.h>
#include <stdint.h>

struct engine;
struct frame;
struct ipv4;
struct router;
struct uplink;

/* Is that what a server or a client of DHCP may have sent? */
bool input_is_dhcp(const struct ipv4 *);

/* A client's broadcast, as it came in by access port 'port'. */
void input_dhcp_broadcast(struct engine *, struct router *, uint32_t port,
                          const struct frame *, const struct ipv4 *);

/* What goes between a client, or us, and a server, on its way through ROUTE:
 * 'from_access' tells the direction. */
void input_dhcp_routed(struct engine *, struct router *, struct uplink *,
                       bool from_access, const struct ipv4 *);

#endif /* controller/engine/input_dhcp.h */
