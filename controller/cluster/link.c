/* A connection between two controllers.  See link.h. */
#include <config.h>

#include "controller/cluster/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <event2/event.h>

#include <firsthop/buf.h>

#include "controller/base/transport.h"

#define HEADER_LEN  9           /* Length, type, number. */
#define PART_LEN    16384       /* Of a long message. */
#define PART_BIT    0x80        /* In the type: more follows. */
#define READ_BYTES  65536
#define MOST_WAITS  (1u << 20)  /* Short ones that the peer does not read. */
#define MOST_LONG   (160u << 20)        /* And long ones. */

/* A long message on its way out, or in. */
struct part {
    TAILQ_ENTRY(part) link;
    enum link_type type;
    uint32_t number;
    struct fh_buf data;
    size_t done;                /* Of it, sent. */
};

TAILQ_HEAD(part_list, part);

struct link {
    struct transport *transport;        /* Owned; NULL: closed. */
    struct link_handler handler;
    void *aux;
    struct event *read_event, *write_event, *close_event;
    struct fh_buf rx, tx;
    size_t tx_sent;
    struct part_list out, in;
    size_t n_in, in_bytes, out_bytes;
    bool admitted;
    const char *why;            /* It is closed, the owner not yet told. */
    bool busy, doomed;          /* A callback is under way; freed in it. */
};

static void
put_u32(uint8_t *p, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        p[i] = (uint8_t) (value >> (24 - 8 * i));
    }
}

static uint32_t
get_u32(const uint8_t *p)
{
    return ((uint32_t) p[0] << 24 | (uint32_t) p[1] << 16
            | (uint32_t) p[2] << 8 | p[3]);
}

static void
part_free(struct part_list *list, struct part *part)
{
    TAILQ_REMOVE(list, part, link);
    fh_buf_destroy(&part->data);
    free(part);
}

/* Closing. */

static void
close_now(struct link *l, const char *why)
{
    if (l->transport) {
        event_del(l->read_event);
        event_del(l->write_event);
        transport_close(l->transport);
        l->transport = NULL;
        l->why = why;
        event_active(l->close_event, EV_TIMEOUT, 1);
    }
}

static void
close_cb(evutil_socket_t fd, short what, void *l_)
{
    struct link *l = l_;

    l->handler.closed(l->aux, l->why);
}

static void
free_link(struct link *l)
{
    struct part *part;

    while ((part = TAILQ_FIRST(&l->out))) {
        part_free(&l->out, part);
    }
    while ((part = TAILQ_FIRST(&l->in))) {
        part_free(&l->in, part);
    }
    fh_buf_destroy(&l->rx);
    fh_buf_destroy(&l->tx);
    event_free(l->read_event);
    event_free(l->write_event);
    event_free(l->close_event);
    free(l);
}

void
link_destroy(struct link *l)
{
    if (!l) {
        return;
    }
    close_now(l, "destroyed");
    event_del(l->close_event);
    if (l->busy) {
        l->doomed = true;
    } else {
        free_link(l);
    }
}

/* Sending. */

static void
put_frame(struct fh_buf *buf, uint8_t type, uint32_t number, const void *data,
          size_t len)
{
    uint8_t *p = fh_buf_put(buf, HEADER_LEN + len);

    put_u32(p, (uint32_t) (HEADER_LEN - 4 + len));
    p[4] = type;
    put_u32(p + 5, number);
    if (len) {
        memcpy(p + HEADER_LEN, data, len);
    }
}

/* The next part of the oldest long message, behind what is short. */
static void
put_part(struct link *l)
{
    struct part *part = TAILQ_FIRST(&l->out);
    size_t left, n;
    bool last;

    if (!part) {
        return;
    }
    left = part->data.len - part->done;
    n = left < PART_LEN ? left : PART_LEN;
    last = n == left;
    put_frame(&l->tx, (uint8_t) (part->type | (last ? 0 : PART_BIT)),
              part->number, part->data.data + part->done, n);
    part->done += n;
    l->out_bytes -= n;
    if (last) {
        part_free(&l->out, part);
    }
}

static void
send_now(struct link *l)
{
    ssize_t n;

    if (l->tx_sent == l->tx.len) {
        fh_buf_clear(&l->tx);
        l->tx_sent = 0;
        put_part(l);
    }
    if (!l->tx.len) {
        return;
    }
    n = transport_send(l->transport, l->tx.data + l->tx_sent,
                       l->tx.len - l->tx_sent);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        close_now(l, "cannot be written to");
        return;
    }
    l->tx_sent += n > 0 ? (size_t) n : 0;
    if (l->tx_sent < l->tx.len || !TAILQ_EMPTY(&l->out)) {
        event_add(l->write_event, NULL);
    }
}

static void
write_cb(evutil_socket_t fd, short what, void *l_)
{
    send_now(l_);
}

static bool
is_long(enum link_type type)
{
    return type == LINK_REQUEST || type == LINK_ANSWER;
}

bool
link_has_room(const struct link *l, size_t len)
{
    return len <= LINK_MAX_LONG && l->out_bytes + len <= MOST_LONG;
}

void
link_send(struct link *l, enum link_type type, uint32_t number,
          const void *data, size_t len)
{
    struct part *part;

    if (!l->transport) {
        return;
    }
    if (l->tx.len > MOST_WAITS || l->out_bytes + len > MOST_LONG) {
        close_now(l, "reads too slowly");
        return;
    }
    if (is_long(type) && len > LINK_MAX_SHORT) {
        part = fh_xcalloc(1, sizeof *part);
        part->type = type;
        part->number = number;
        fh_buf_append(&part->data, data, len);
        l->out_bytes += len;
        TAILQ_INSERT_TAIL(&l->out, part, link);
    } else {
        put_frame(&l->tx, (uint8_t) type, number, data, len);
    }
    if (!event_pending(l->write_event, EV_WRITE, NULL)) {
        send_now(l);
    }
}

/* Receiving. */

static struct part *
find_part(struct link *l, enum link_type type, uint32_t number)
{
    struct part *part;

    TAILQ_FOREACH (part, &l->in, link) {
        if (part->type == type && part->number == number) {
            return part;
        }
    }
    return NULL;
}

static void
tell(struct link *l, enum link_type type, uint32_t number,
     const uint8_t *data, size_t len)
{
    l->handler.message(l->aux, type, number, data, len);
}

/* Part of a long message, 'last' or not. */
static void
receive_part(struct link *l, enum link_type type, uint32_t number,
             const uint8_t *data, size_t len, bool last)
{
    struct part *part = find_part(l, type, number);

    if (!part && last) {
        tell(l, type, number, data, len);
        return;
    }
    if (!part) {
        if (l->n_in == LINK_MAX_PARTIAL) {
            close_now(l, "sends too much at a time");
            return;
        }
        part = fh_xcalloc(1, sizeof *part);
        part->type = type;
        part->number = number;
        TAILQ_INSERT_TAIL(&l->in, part, link);
        l->n_in++;
    }
    if (part->data.len + len > LINK_MAX_LONG
        || l->in_bytes + len > LINK_MAX_KEPT) {
        close_now(l, "sends too large a message");
        return;
    }
    fh_buf_append(&part->data, data, len);
    l->in_bytes += len;
    if (last) {
        tell(l, type, number, part->data.data, part->data.len);
        l->in_bytes -= part->data.len;
        part_free(&l->in, part);
        l->n_in--;
    }
}

static void
receive_frame(struct link *l, const uint8_t *p, size_t len)
{
    unsigned int type = p[0] & ~PART_BIT;
    bool last = !(p[0] & PART_BIT);

    if (type >= LINK_N_TYPES || (!last && !is_long(type))) {
        close_now(l, "sends what is no message");
    } else if (!last && !l->admitted) {
        close_now(l, "does not say who it is");
    } else if (is_long(type)) {
        receive_part(l, type, get_u32(p + 1), p + 5, len - 5, last);
    } else {
        tell(l, type, get_u32(p + 1), p + 5, len - 5);
    }
}

static void
receive(struct link *l)
{
    size_t done = 0;

    while (l->transport && l->rx.len - done >= 4) {
        size_t len = get_u32(l->rx.data + done);

        if (len < HEADER_LEN - 4 || len > PART_LEN + HEADER_LEN) {
            close_now(l, "sends what is no message");
            return;
        }
        if (l->rx.len - done - 4 < len) {
            break;
        }
        receive_frame(l, l->rx.data + done + 4, len);
        done += 4 + len;
    }
    if (l->transport) {
        fh_buf_pull(&l->rx, done);
    }
}

static void
read_cb(evutil_socket_t fd, short what, void *l_)
{
    struct link *l = l_;
    uint8_t data[READ_BYTES];
    ssize_t n = transport_recv(l->transport, data, sizeof data);

    if (n <= 0) {
        if (!n || (errno != EAGAIN && errno != EINTR)) {
            close_now(l, n ? "cannot be read from" : "closed by the peer");
        }
        return;
    }
    fh_buf_append(&l->rx, data, n);
    l->busy = true;
    receive(l);
    l->busy = false;
    if (l->doomed) {
        free_link(l);
    } else if (l->transport && transport_pending(l->transport)) {
        event_active(l->read_event, EV_READ, 1);
    }
}

struct link *
link_create(struct event_base *base, struct transport *transport,
            const struct link_handler *handler, void *aux)
{
    struct link *l = fh_xcalloc(1, sizeof *l);

    l->transport = transport;
    l->handler = *handler;
    l->aux = aux;
    TAILQ_INIT(&l->in);
    TAILQ_INIT(&l->out);
    l->read_event = event_new(base, transport->fd, EV_READ | EV_PERSIST,
                              read_cb, l);
    l->write_event = event_new(base, transport->fd, EV_WRITE, write_cb, l);
    l->close_event = event_new(base, -1, 0, close_cb, l);
    event_add(l->read_event, NULL);
    return l;
}

void
link_admit(struct link *l)
{
    l->admitted = true;
}

const char *
link_peer_name(const struct link *l)
{
    return l->transport ? transport_peer_name(l->transport) : NULL;
}
