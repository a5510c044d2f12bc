/* Fuzzes what controllers say to each other: frames, hellos and heartbeats.
 *
 * The input comes over a socket, in pieces whose length is its first byte.
 * Messages are the same however it is cut; what is accepted as a hello or a
 * heartbeat is the same when it is written and read again. */
#include <config.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include <firsthop/buf.h>

#include "controller/base/transport.h"
#include "controller/cluster/link.h"
#include "controller/cluster/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What came, as one text. */
struct receiver {
    struct fh_buf text;
    bool closed;
};

static void
require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void
try_hello(const uint8_t *data, size_t len)
{
    struct message_hello hello, again;
    uint8_t copy[MESSAGE_MAX];

    if (!message_get_hello(data, len, &hello)) {
        require(message_put_hello(&hello, copy) == len);
        require(!memcmp(copy, data, len));
        require(!message_get_hello(copy, len, &again));
    }
}

static void
try_beat(const uint8_t *data, size_t len)
{
    struct lead_beat beat, again;
    int64_t clock_ms, clock_again_ms;
    uint8_t copy[MESSAGE_MAX];

    if (!message_get_beat(data, len, &beat, &clock_ms)) {
        require(clock_ms >= 0 && (int64_t) beat.epoch >= 0);
        require(message_put_beat(&beat, clock_ms, copy) == len);
        require(!message_get_beat(copy, len, &again, &clock_again_ms));
        require(again.state == beat.state && again.epoch == beat.epoch
                && again.n_bridges == beat.n_bridges
                && !strcmp(again.hand_to, beat.hand_to)
                && clock_again_ms == clock_ms);
    }
}

static void
on_message(void *receiver_, enum link_type type, uint32_t number,
           const uint8_t *data, size_t len)
{
    struct receiver *receiver = receiver_;
    uint8_t head[5] = { (uint8_t) type };

    memcpy(head + 1, &number, sizeof number);
    fh_buf_append(&receiver->text, head, sizeof head);
    fh_buf_append(&receiver->text, data, len);
    try_hello(data, len);
    try_beat(data, len);
}

static void
on_closed(void *receiver_, const char *why)
{
    struct receiver *receiver = receiver_;

    require(why && *why);
    receiver->closed = true;
}

static void
receive(const uint8_t *data, size_t size, size_t step,
        struct receiver *receiver)
{
    static const struct link_handler handler = { on_message, on_closed };
    struct event_base *base = event_base_new();
    struct link *link;
    int fds[2];

    require(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds));
    link = link_create(base, transport_plain(fds[0]), &handler, receiver);
    for (size_t ofs = 0; ofs < size && !receiver->closed; ofs += step) {
        size_t n = size - ofs < step ? size - ofs : step;

        require(send(fds[1], data + ofs, n, MSG_NOSIGNAL) == (ssize_t) n);
        event_base_loop(base, EVLOOP_NONBLOCK);
        event_base_loop(base, EVLOOP_NONBLOCK);
    }
    link_destroy(link);
    close(fds[1]);
    event_base_free(base);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct receiver whole = { .closed = false }, cut = { .closed = false };

    if (size < 2 || size > 16384) {
        return 0;
    }
    receive(data + 1, size - 1, size, &whole);
    receive(data + 1, size - 1, 1 + data[0], &cut);
    require(whole.closed == cut.closed && whole.text.len == cut.text.len);
    require(!whole.text.len
            || !memcmp(whole.text.data, cut.text.data, whole.text.len));
    fh_buf_destroy(&whole.text);
    fh_buf_destroy(&cut.text);
    return 0;
}
