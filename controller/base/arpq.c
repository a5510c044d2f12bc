/* ARP packets that wait to be sent together.  See arpq.h. */
#include <config.h>

#include "controller/base/arpq.h"

#include <stdlib.h>

/* Beyond 50 the bridge gains nothing more (measured). */
#define PACKETS_PER_MESSAGE 64
#define ACTIONS_PER_PACKET  5       /* Four fields, and the output. */

struct arpq {
    struct arpq_item *items;
    size_t n, cap;
    bool out_of_order;          /* They are to be sorted. */
};

struct arpq *
arpq_create(void)
{
    return fh_xcalloc(1, sizeof(struct arpq));
}

void
arpq_destroy(struct arpq *q)
{
    if (q) {
        free(q->items);
        free(q);
    }
}

/* What packets of one message have in common: the order of messages. */
static int
compare_groups(const struct arpq_item *a, const struct arpq_item *b)
{
    if (a->class != b->class) {
        return a->class < b->class ? -1 : 1;
    }
    if (a->arp.op != b->arp.op) {
        return a->arp.op < b->arp.op ? -1 : 1;
    }
    if (!fh_mac_equal(a->arp.sha, b->arp.sha)) {
        return memcmp(&a->arp.sha, &b->arp.sha, sizeof a->arp.sha);
    }
    if (a->vlan.n != b->vlan.n) {
        return a->vlan.n < b->vlan.n ? -1 : 1;
    }
    for (size_t i = 0; i < a->vlan.n; i++) {
        if (a->vlan.vids[i] != b->vlan.vids[i]) {
            return a->vlan.vids[i] < b->vlan.vids[i] ? -1 : 1;
        }
    }
    return (a->vlan.tpid > b->vlan.tpid) - (a->vlan.tpid < b->vlan.tpid);
}

void
arpq_put(struct arpq *q, enum arpq_class class, uint32_t port,
         struct eth_addr dst, const struct fh_vlan *vlan,
         const struct arp *arp)
{
    if (q->n == q->cap) {
        q->cap = q->cap ? q->cap * 2 : 64;
        q->items = fh_xrealloc(q->items, q->cap * sizeof *q->items);
    }
    q->items[q->n] = (struct arpq_item) {
        *arp, *vlan, dst, port, q->n, class
    };
    if (q->n && compare_groups(&q->items[q->n - 1], &q->items[q->n]) > 0) {
        q->out_of_order = true;
    }
    q->n++;
}

size_t
arpq_count(const struct arpq *q)
{
    return q->n;
}

const struct arpq_item *
arpq_get(const struct arpq *q, size_t i)
{
    return &q->items[i];
}

void
arpq_clear(struct arpq *q)
{
    q->n = 0;
    q->out_of_order = false;
}

static int
compare_items(const void *a_, const void *b_)
{
    const struct arpq_item *a = a_, *b = b_;
    int order = compare_groups(a, b);

    return order ? order : a->seq < b->seq ? -1 : 1;
}

static struct fh_action *
add(struct fh_action *actions, size_t *n, enum fh_action_type type)
{
    struct fh_action *action = &actions[(*n)++];

    memset(action, 0, sizeof *action);
    action->type = type;
    return action;
}

/* The actions that turn the packet of 'from' into that of 'to', and send it.
 * Returns how many. */
static size_t
turn_into(const struct arpq_item *from, const struct arpq_item *to,
          struct fh_action *actions)
{
    size_t n = 0;

    if (!fh_mac_equal(from->dst, to->dst)) {
        add(actions, &n, FH_ACT_SET_ETH_DST)->u.mac = to->dst;
    }
    if (!fh_addr_equal(from->arp.spa, to->arp.spa)) {
        add(actions, &n, FH_ACT_SET_ARP_SPA)->u.ip4 = to->arp.spa.ip4;
    }
    if (!fh_mac_equal(from->arp.tha, to->arp.tha)) {
        add(actions, &n, FH_ACT_SET_ARP_THA)->u.mac = to->arp.tha;
    }
    if (!fh_addr_equal(from->arp.tpa, to->arp.tpa)) {
        add(actions, &n, FH_ACT_SET_ARP_TPA)->u.ip4 = to->arp.tpa.ip4;
    }
    add(actions, &n, FH_ACT_OUTPUT)->u.port = to->port;
    return n;
}

static void
put_message(const struct arpq_item *items, size_t n_items, struct fh_buf *tx,
            int version, uint32_t xid)
{
    struct fh_action actions[PACKETS_PER_MESSAGE * ACTIONS_PER_PACKET];
    uint8_t frame[ARP_FRAME_MAX];
    size_t len = arp_build(frame, items[0].dst, &items[0].vlan,
                           &items[0].arp);
    size_t n = 0;

    for (size_t i = 0; i < n_items; i++) {
        n += turn_into(&items[i ? i - 1 : 0], &items[i], &actions[n]);
    }
    ofcodec_put_packet_out(tx, version, xid, FH_PORT_CONTROLLER, actions, n,
                           frame, len);
}

size_t
arpq_flush(struct arpq *q, struct fh_buf *tx, int version,
           uint32_t (*next_xid)(void *aux), void *aux)
{
    size_t start = 0, n_messages = 0;

    if (q->out_of_order) {      /* Probes of one segment are not. */
        qsort(q->items, q->n, sizeof *q->items, compare_items);
    }
    for (size_t i = 1; i <= q->n; i++) {
        if (i == q->n || i - start == PACKETS_PER_MESSAGE
            || compare_groups(&q->items[i], &q->items[start])) {
            put_message(&q->items[start], i - start, tx, version,
                        next_xid(aux));
            n_messages++;
            start = i;
        }
    }
    arpq_clear(q);
    return n_messages;
}
