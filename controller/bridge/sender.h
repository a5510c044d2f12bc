/* What is sent to a bridge besides its flows, and how far it has come.
 *
 * Collects ARP packets and questions about meters while the event loop turns,
 * and sends them behind the flow changes that the bridge was told of before.
 * Knows neither clients nor routers. */
#ifndef SENDER_H
#define SENDER_H 1

#include "controller/bridge/arpq.h"
#include "controller/bridge/bridge.h"

struct sender;

/* 'name' is for logs, and copied. */
struct sender *sender_create(const char *name);
void sender_destroy(struct sender *);
/* To this bridge (borrowed; NULL: to nobody) from now on. */
void sender_set_bridge(struct sender *, struct bridge *);

/* At once, with what else waits in the loop. */
void sender_put_frame(struct sender *, uint32_t port, const uint8_t *frame,
                      size_t len);
void sender_put_change(struct sender *, enum fh_change_op,
                       const struct fh_flow *);
/* A flow that is to be there for its hard timeout: see ofcodec.h. */
void sender_put_renewal(struct sender *, const struct fh_flow *);
void sender_put_meters(struct sender *, const struct fh_meter *, size_t n);
/* Asks what they are set to: OF_METER_CONFIG_REPLY. */
void sender_ask_meters(struct sender *);

/* With the next flush.  All of a sender's packets have the same sha. */
void sender_arp(struct sender *, enum arpq_class, uint32_t port,
                struct eth_addr dst, const struct fh_vlan *,
                const struct arp *);
/* Flow changes of the bridge, as soon as there are many. */
void sender_many(struct sender *);
/* All that is queued.  Returns the number of messages that the ARP packets
 * were sent in. */
size_t sender_flush(struct sender *);

/* Fences: an echo request behind something that the bridge is asked to do;
 * when it has come back, that is done.  One at a time: its return sends the
 * next, so that their number follows the bridge's pace. */

/* Probes that may be on their way to a bridge that has not yet come to the
 * last fence.  So it sets the pace itself: one that takes 50,000 a second
 * gets no more, whatever the configuration asks for. */
#define SENDER_PROBE_BUDGET 4096

/* Something is queued: returns the number of the fence behind it. */
uint32_t sender_cover(struct sender *);
/* The same for a probe, which counts in the budget. */
uint32_t sender_probe(struct sender *);
/* May another be?  (A late one is always repeated.) */
bool sender_has_probe_budget(const struct sender *);
uint32_t sender_fence_done(const struct sender *);
/* When the fence that is out was sent, monotonic; 0: none is. */
int64_t sender_fence_sent_us(const struct sender *);
/* An echo reply.  Returns true if the fence has come back, and in how long. */
bool sender_echo_reply(struct sender *, uint32_t xid, int64_t *took_us);

/* Readings of what meters drop. */

/* Has that meter read with the next, together with that of all punts.
 * Returns the number of the reading. */
uint32_t sender_read_meter(struct sender *, uint32_t meter);
/* The same with that of all punts alone. */
uint32_t sender_read_punts(struct sender *);
uint32_t sender_reading_done(const struct sender *);
/* Is an answer about meters one that was asked for? */
bool sender_is_reading(const struct sender *, uint32_t xid);
/* An error: is it about the meters?  Then it is dealt with. */
bool sender_meter_error(struct sender *, const struct of_message *);

/* The bridge has gone: nothing that was asked will be answered. */
void sender_forget(struct sender *);

#endif /* controller/bridge/sender.h */
