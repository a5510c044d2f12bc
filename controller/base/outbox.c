/* What is to be sent to one bridge.  See outbox.h. */
#include <config.h>

#include "controller/base/outbox.h"

#include <stdlib.h>
#include <string.h>

struct outbox *
outbox_create(void *owner)
{
    struct outbox *box = fh_xcalloc(1, sizeof *box);

    box->owner = owner;
    box->arpq = arpq_create();
    box->fence.next = box->reading.next = 1;
    return box;
}

void
outbox_destroy(struct outbox *box)
{
    if (box) {
        arpq_destroy(box->arpq);
        fh_changes_destroy(&box->changes);
        fh_buf_destroy(&box->data);
        free(box->orders);
        free(box->tokens);
        free(box->meters);
        free(box->name);
        free(box->common_name);
        free(box);
    }
}

void
outbox_set_bridge(struct outbox *box, uint64_t dpid, const char *name,
                  const char *common_name, int reread_ms)
{
    free(box->name);
    free(box->common_name);
    box->dpid = dpid;
    box->name = fh_xstrdup(name);
    box->common_name = common_name ? fh_xstrdup(common_name) : NULL;
    box->reread_ms = reread_ms;
}

/* Alone. */

static uint8_t *
new_order(struct outbox *box, enum outbox_order_type type, uint32_t port,
          size_t len)
{
    if (box->n_orders == box->cap_orders) {
        box->cap_orders = box->cap_orders ? box->cap_orders * 2 : 16;
        box->orders = fh_xrealloc(box->orders,
                                  box->cap_orders * sizeof *box->orders);
    }
    box->orders[box->n_orders++] = (struct outbox_order) {
        type, port, box->data.len, len
    };
    return fh_buf_put(&box->data, len);
}

static void
put_order(struct outbox *box, enum outbox_order_type type, uint32_t port,
          const void *bytes, size_t len)
{
    uint8_t *p = new_order(box, type, port, len);

    if (len) {
        memcpy(p, bytes, len);
    }
}

uint8_t *
outbox_begin_frame(struct outbox *box, uint32_t port, size_t most)
{
    return new_order(box, OUTBOX_FRAME, port, most);
}

void
outbox_end_frame(struct outbox *box, size_t len)
{
    struct outbox_order *order = &box->orders[box->n_orders - 1];

    box->data.len -= order->len - len;
    order->len = len;
}

void
outbox_put_frame(struct outbox *box, uint32_t port, const uint8_t *frame,
                 size_t len)
{
    put_order(box, OUTBOX_FRAME, port, frame, len);
}

void
outbox_put_change(struct outbox *box, enum fh_change_op op,
                  const struct fh_flow *flow)
{
    struct fh_change change = { op, *flow };

    put_order(box, OUTBOX_CHANGE, 0, &change, sizeof change);
}

void
outbox_put_renewal(struct outbox *box, const struct fh_flow *flow)
{
    struct fh_change change = { FH_CHANGE_ADD, *flow };

    put_order(box, OUTBOX_RENEWAL, 0, &change, sizeof change);
}

void
outbox_put_meters(struct outbox *box, const struct fh_meter *meters, size_t n)
{
    box->unreadable = false;            /* Perhaps it has them now. */
    put_order(box, OUTBOX_METERS, 0, meters, n * sizeof *meters);
}

void
outbox_ask_meters(struct outbox *box)
{
    put_order(box, OUTBOX_ASK_METERS, 0, NULL, 0);
}

/* In order. */

void
outbox_await(struct outbox *box, uint64_t token)
{
    if (box->n_tokens == box->cap_tokens) {
        box->cap_tokens = box->cap_tokens ? box->cap_tokens * 2 : 16;
        box->tokens = fh_xrealloc(box->tokens,
                                  box->cap_tokens * sizeof *box->tokens);
    }
    box->tokens[box->n_tokens++] = (struct outbox_token) {
        box->changes.n, token
    };
}

/* Readings. */

uint32_t
outbox_read_punts(struct outbox *box)
{
    if (box->unreadable) {
        return box->reading.done;
    }
    box->reading.wanted = true;
    return box->reading.next;
}

static bool
is_to_be_read(const struct outbox *box, uint32_t meter)
{
    for (size_t i = 0; i < box->n_meters; i++) {
        if (box->meters[i] == meter) {
            return true;
        }
    }
    return false;
}

uint32_t
outbox_read_meter(struct outbox *box, uint32_t meter)
{
    if (!box->unreadable && !is_to_be_read(box, meter)) {
        if (box->n_meters == box->cap_meters) {
            box->cap_meters = box->cap_meters ? box->cap_meters * 2 : 8;
            box->meters = fh_xrealloc(box->meters,
                                      box->cap_meters * sizeof *box->meters);
        }
        box->meters[box->n_meters++] = meter;
    }
    return outbox_read_punts(box);
}

/* Fences. */

void
outbox_fence_sent(struct outbox_fence *fence, int64_t now_us)
{
    fence->sent_us = now_us;
    fence->next++;
    fence->out = true;
    fence->wanted = false;
}

void
outbox_fence_returned(struct outbox_fence *fence)
{
    fence->out = false;
    fence->done = fence->next - 1;
}

static void
fence_forget(struct outbox_fence *fence)
{
    outbox_fence_returned(fence);
    fence->wanted = false;
}

void
outbox_clear(struct outbox *box)
{
    box->n_orders = box->n_tokens = box->n_meters = 0;
    fh_buf_clear(&box->data);
    fh_changes_clear(&box->changes);
    arpq_clear(box->arpq);
    box->urgent = box->unreadable = false;
    fence_forget(&box->fence);
    fence_forget(&box->reading);
}
