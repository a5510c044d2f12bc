/* Empties an out-box into a bridge, and notes in it how far the bridge has
 * come.  Knows neither clients nor routers. */
#ifndef SENDER_H
#define SENDER_H 1

#include "controller/base/outbox.h"
#include "controller/bridge/bridge.h"

struct sender;

/* Both are borrowed.  The out-box's name is for logs. */
struct sender *sender_create(struct outbox *, struct bridge *);
void sender_destroy(struct sender *);

/* What goes alone; then all that is queued.  A bridge that is not there is
 * sent nothing, and its flow changes fail. */
void sender_send_orders(struct sender *);
void sender_flush(struct sender *);

/* An echo reply.  Returns true if the fence behind the probes has come back,
 * and in how long. */
bool sender_echo_reply(struct sender *, uint32_t xid, int64_t *took_us);
/* Is an answer about what meters drop one that was asked for? */
bool sender_is_reading(const struct sender *, uint32_t xid);
/* An error: is it about the meters?  Then it is dealt with. */
bool sender_meter_error(struct sender *, const struct of_message *);

/* The bridge has gone: nothing that was asked will be answered. */
void sender_forget(struct sender *);

#endif /* controller/bridge/sender.h */
