/* What controllers say to each other, as bytes: who they are, and heartbeats.
 * Pure.
 *
 * A hello is a version (8 bits), then a name and an address, each with its
 * length (8 bits) before it.  A heartbeat is state 8, flags 8, bridges 16,
 * epoch 64, clock 64, and the name of who is to lead next. */
#ifndef MESSAGE_H
#define MESSAGE_H 1

#include "controller/decide/lead.h"

#define MESSAGE_ADDRESS_LEN 64  /* With the null. */
#define MESSAGE_MAX         256 /* Bytes of one. */

struct message_hello {
    char name[LEAD_NAME_LEN];
    char address[MESSAGE_ADDRESS_LEN];
};

/* Return the length of what is put into 'data'. */
size_t message_put_hello(const struct message_hello *,
                         uint8_t data[MESSAGE_MAX]);
size_t message_put_beat(const struct lead_beat *, int64_t clock_ms,
                        uint8_t data[MESSAGE_MAX]);

/* Return NULL, or what is wrong with 'data' ('len' bytes), static. */
const char *message_get_hello(const uint8_t *data, size_t len,
                              struct message_hello *);
const char *message_get_beat(const uint8_t *data, size_t len,
                             struct lead_beat *, int64_t *clock_ms);

#endif /* controller/cluster/message.h */
