/* What is sent to a router's bridge, in terms of routers and clients: put
 * together from what is known of them, and put in its out-box.  Decides
 * nothing. */
#ifndef ROUTER_SEND_H
#define ROUTER_SEND_H 1

#include "controller/engine/engine_private.h"
#include "controller/net/router.h"
#include "flows/arp.h"
#include "flows/ofcodec.h"

/* Destroys it, and lets go of its bridge. */
void router_close(struct router *);
/* Its out-box, and so its bridge, is that of 'from' from now on. */
void router_take_box(struct router *, struct router *from);

/* Queue changes.  What becomes of an 'install' is
 * told to the bridge's owner with the client's token, which is void once the
 * install is cancelled.  'silent': the flows forward only, until
 * router_queue_voice(). */
void router_queue_install(struct router *, struct client *, size_t member,
                          bool silent);
/* The same for one that it holds already: asks for the barrier. */
void router_queue_confirm(struct router *, struct client *, size_t member);
void router_queue_remove(struct router *, struct client *, size_t member);
/* The client has become lost, or is found again: in the flows that the router
 * holds for it, if any. */
void router_queue_lost(struct router *, struct client *, size_t member);
/* Another router is about to be the client's: what still comes for it passes,
 * but should we go away, the bridge is not to answer for it any more. */
void router_queue_silence(struct router *, struct client *, size_t member);
/* The opposite. */
void router_queue_voice(struct router *, struct client *, size_t member);

/* Queues one ARP request to the client, and notes it in its reach: to its
 * MAC, or to all while that is unknown; by its port, or by every port while
 * it is not up. */
/* One answer more will come in by the port. */
void router_expect_answer(struct router *, uint32_t port, int64_t now_ms);
void router_queue_probe(struct router *, struct client *, size_t member,
                        int64_t now_us);

/* Something is queued that is to be answered: returns the number of the fence
 * behind it, for router_evidence(). */
uint32_t router_cover(struct router *);
/* May another client be probed?  (A late probe is always repeated.) */
bool router_has_probe_budget(const struct router *);

/* Queues a takeover notice for one address that the client uses: an ARP
 * request that makes it send to this router and answer, and ('unsolicited') a
 * reply for those who heed only that.  Requests go out first. */
void router_queue_notice(struct router *, const struct client *,
                         size_t member, struct fh_addr owned,
                         bool unsolicited);

/* Queues an ARP packet from the router's MAC. */
void router_queue_arp(struct router *, uint32_t port, struct eth_addr dst,
                      const struct fh_vlan *, const struct arp *);

/* Sends what has changed in the base flows since the last time. */
void router_update_base(struct router *);
/* The same for what depends on the next hop: the one flow that names its MAC,
 * and where the uplink is tagged, all that bear its tags. */
void router_update_next_hop(struct router *, const struct uplink *);
void router_put_meters(struct router *);
/* Asks now and then what the meters are set to. */
void router_meters_tick(struct router *, int64_t now_ms);
/* How many meters of ours are not set as they were, by what the bridge says?
 * (Who deletes one deletes the flows that name it: see bridge.c.) */
size_t router_count_wrong_meters(const struct router *,
                                 const struct fh_meter *found, size_t n);

/* What the meters drop.  Have that of the replies from 'port' (0: of all
 * ports, uplinks too) read, and that of all punts; returns the number of the
 * reading. */
uint32_t router_read_drops(struct router *, uint32_t port);
/* Once a second: reads them all, for what is read later to be compared with,
 * and widens those that the clients have outgrown. */
void router_drops_tick(struct router *, int64_t now_ms);
/* They have dropped so much so far. */
void router_note_drops(struct router *, const struct of_meter_drops *,
                       size_t n, int64_t now_us);
/* Its bridge has come to what it was asked, in that time. */
void router_fence_returned(struct router *, int64_t took_us);
/* Since when its bridge has not come to what it was asked, monotonic; 0: it
 * has. */
int64_t router_asked_us(const struct router *);
/* What is known of the bridge, for a verdict about a client behind access
 * port 'port' (0: any, UINT32_MAX: none, so that of the replies that were
 * dropped nothing is said). */
struct reach_bridge router_evidence(const struct router *, uint32_t port);

/* The same for the next hop of an uplink: fills in 'dropped_ms'.  Before each
 * uplink_tick(). */
void router_tell_drops(struct router *, struct uplink *);

/* The bridge has gone: nothing that was asked will be answered. */
void router_forget_questions(struct router *);

/* Sends a frame by 'port' at once, with what else waits in the loop. */
void router_send(struct router *, uint32_t port, const uint8_t *frame,
                 size_t len);
void router_queue_change(struct router *, enum fh_change_op,
                         const struct fh_flow *);
/* The bridge need not answer for us: to be told every ROUTER_AWAKE_MS, which
 * is well within FLOW_AWAKE_S. */
#define ROUTER_AWAKE_MS 500
void router_say_awake(struct router *);
/* It must: we are here, but do not know yet what it holds. */
void router_say_away(struct router *);
/* A change that is in no order with those that are queued. */
void router_put_change(struct router *, enum fh_change_op,
                       const struct fh_flow *);
/* Builds and sends an ARP packet from 'arp->sha'. */
void router_send_arp(struct router *, uint32_t port, struct eth_addr dst,
                     const struct fh_vlan *, const struct arp *);

#endif /* controller/engine/router_send.h */
