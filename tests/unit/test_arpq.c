/* controller/base/arpq.h: many ARP packets, few messages. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include "controller/base/arpq.h"
#include "tests/bench/pktout.h"

#define MAX_FRAMES 400

struct sent {
    size_t n;
    uint32_t ports[MAX_FRAMES];
    size_t lens[MAX_FRAMES];
    uint8_t frames[MAX_FRAMES][ARP_FRAME_MAX];
};

static const struct eth_addr router_mac = { .ea = { 2, 0, 0, 0, 0, 0xa } };
static const struct fh_vlan untagged = { .n = 0 };

static uint32_t
count_xids(void *n_)
{
    uint32_t *n = n_;

    return ++*n;
}

static struct eth_addr
mac_of(uint8_t i)
{
    return (struct eth_addr) { .ea = { 2, 0, 0, 0, 1, i } };
}

static struct arp
packet(uint16_t op, uint8_t spa, uint8_t tpa)
{
    struct arp arp = {
        .op = op, .sha = router_mac,
        .spa = { htonl(0x0a000000u | spa) },
        .tpa = { htonl(0x0a000000u | tpa) },
    };

    if (op == ARP_OP_REPLY) {
        arp.tha = mac_of(tpa);
    }
    return arp;
}

/* What arp_build() makes of it alone. */
static void
assert_sent(const struct sent *sent, size_t i, uint32_t port,
            struct eth_addr dst, const struct fh_vlan *vlan,
            const struct arp *arp)
{
    uint8_t frame[ARP_FRAME_MAX];
    size_t len = arp_build(frame, dst, vlan, arp);

    assert_true(i < sent->n);
    assert_int_equal(sent->ports[i], port);
    assert_int_equal(sent->lens[i], len);
    assert_memory_equal(sent->frames[i], frame, len);
}

static void
take(uint32_t port, uint32_t in_port, const uint8_t *frame, size_t len,
     void *sent_)
{
    struct sent *sent = sent_;

    assert_true(sent->n < MAX_FRAMES && len <= ARP_FRAME_MAX);
    sent->ports[sent->n] = port;
    sent->lens[sent->n] = len;
    memcpy(sent->frames[sent->n++], frame, len);
}

/* Flushes 'q' and lets a bridge carry out the messages.  Returns how many. */
static size_t
flush(struct arpq *q, struct sent *sent)
{
    struct fh_buf tx = { NULL, 0, 0 };
    uint32_t xid = 0;
    size_t n = arpq_flush(q, &tx, OF_14, count_xids, &xid);

    memset(sent, 0, sizeof *sent);
    assert_int_equal(xid, n);
    assert_int_equal(arpq_count(q), 0);
    for (size_t at = 0; at < tx.len;) {
        int len = ofcodec_frame(tx.data + at, tx.len - at);

        assert_true(len > 0 && (size_t) len <= tx.len - at);
        assert_true(pktout_run(tx.data + at, len, take, sent) > 0);
        at += len;
    }
    fh_buf_destroy(&tx);
    return n;
}

static void
an_empty_queue_sends_nothing(void **state)
{
    struct arpq *q = arpq_create();
    struct sent sent;

    assert_int_equal(flush(q, &sent), 0);
    assert_int_equal(sent.n, 0);
    arpq_destroy(q);
    arpq_destroy(NULL);
}

static void
packets_that_differ_in_everything_come_out_as_built_alone(void **state)
{
    struct arpq *q = arpq_create();
    struct arp a = packet(ARP_OP_REPLY, 1, 10);
    struct arp b = packet(ARP_OP_REPLY, 2, 11);
    struct arp c = packet(ARP_OP_REPLY, 1, 10);
    struct sent sent;

    arpq_put(q, ARPQ_CLIENT, 1, mac_of(10), &untagged, &a);
    arpq_put(q, ARPQ_CLIENT, 2, mac_of(11), &untagged, &b);
    arpq_put(q, ARPQ_CLIENT, 3, mac_of(10), &untagged, &c);
    assert_int_equal(arpq_count(q), 3);
    assert_int_equal(flush(q, &sent), 1);
    assert_int_equal(sent.n, 3);
    assert_sent(&sent, 0, 1, mac_of(10), &untagged, &a);
    assert_sent(&sent, 1, 2, mac_of(11), &untagged, &b);
    assert_sent(&sent, 2, 3, mac_of(10), &untagged, &c);
    arpq_destroy(q);
}

static void
senders_do_not_share_a_message(void **state)
{
    struct arpq *q = arpq_create();
    struct arp a = packet(ARP_OP_REQUEST, 1, 10);
    struct arp b = packet(ARP_OP_REQUEST, 1, 11);
    struct sent sent;

    b.sha = mac_of(99);
    arpq_put(q, ARPQ_CLIENT, 1, mac_of(10), &untagged, &b);
    arpq_put(q, ARPQ_CLIENT, 1, mac_of(11), &untagged, &a);
    arpq_put(q, ARPQ_CLIENT, 2, mac_of(12), &untagged, &b);
    assert_int_equal(flush(q, &sent), 2);
    assert_int_equal(sent.n, 3);
    for (size_t i = 0; i < 3; i++) {
        struct frame frame;
        struct arp arp;

        assert_int_equal(frame_parse(sent.frames[i], sent.lens[i], &frame),
                         0);
        assert_int_equal(arp_parse(&frame, &arp), 0);
        assert_true(fh_mac_equal(frame.src, arp.sha));
    }
    arpq_destroy(q);
}

static void
the_core_goes_first_then_requests_then_replies(void **state)
{
    struct arpq *q = arpq_create();
    struct arp reply = packet(ARP_OP_REPLY, 1, 10);
    struct arp request = packet(ARP_OP_REQUEST, 1, 10);
    struct arp core = packet(ARP_OP_REQUEST, 10, 99);
    struct sent sent;

    arpq_put(q, ARPQ_CLIENT, 1, mac_of(10), &untagged, &reply);
    arpq_put(q, ARPQ_CLIENT, 1, mac_of(10), &untagged, &request);
    arpq_put(q, ARPQ_CORE, 2, mac_of(99), &untagged, &core);
    assert_int_equal(flush(q, &sent), 3);
    assert_sent(&sent, 0, 2, mac_of(99), &untagged, &core);
    assert_sent(&sent, 1, 1, mac_of(10), &untagged, &request);
    assert_sent(&sent, 2, 1, mac_of(10), &untagged, &reply);
    arpq_destroy(q);
}

static void
stacks_of_tags_do_not_share_a_message(void **state)
{
    struct fh_vlan one = { .n = 1, .vids = { 100 } };
    struct fh_vlan two = { .n = 2, .vids = { 200, 100 } };
    struct fh_vlan old = { .n = 2, .vids = { 200, 100 }, .tpid = 0x8100 };
    const struct fh_vlan *stacks[] = { &old, &two, &untagged, &one };
    struct arpq *q = arpq_create();
    struct arp arp = packet(ARP_OP_REQUEST, 1, 10);
    struct sent sent;

    for (size_t i = 0; i < 8; i++) {
        arpq_put(q, ARPQ_CLIENT, 1, mac_of(10), stacks[i % 4], &arp);
    }
    assert_int_equal(flush(q, &sent), 4);
    assert_int_equal(sent.n, 8);
    assert_sent(&sent, 0, 1, mac_of(10), &untagged, &arp);
    assert_sent(&sent, 2, 1, mac_of(10), &one, &arp);
    assert_sent(&sent, 4, 1, mac_of(10), &two, &arp);
    assert_sent(&sent, 6, 1, mac_of(10), &old, &arp);
    arpq_destroy(q);
}

static void
sixty_four_fit_in_a_message_and_keep_their_order(void **state)
{
    struct arpq *q = arpq_create();
    struct sent sent;

    for (size_t n = 63; n <= 65; n++) {
        for (size_t i = 0; i < n; i++) {
            struct arp arp = packet(ARP_OP_REQUEST, 1, 200 - i);

            arpq_put(q, ARPQ_CLIENT, i + 1, mac_of(200 - i), &untagged, &arp);
        }
        assert_int_equal(flush(q, &sent), n > 64 ? 2 : 1);
        assert_int_equal(sent.n, n);
        for (size_t i = 0; i < n; i++) {
            struct arp arp = packet(ARP_OP_REQUEST, 1, 200 - i);

            assert_sent(&sent, i, i + 1, mac_of(200 - i), &untagged, &arp);
        }
    }
    arpq_destroy(q);
}

static void
a_cleared_queue_sends_nothing(void **state)
{
    struct arpq *q = arpq_create();
    struct arp arp = packet(ARP_OP_REQUEST, 1, 10);
    struct sent sent;

    arpq_put(q, ARPQ_CLIENT, 1, mac_of(10), &untagged, &arp);
    arpq_clear(q);
    assert_int_equal(flush(q, &sent), 0);
    arpq_destroy(q);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_queue_sends_nothing),
        cmocka_unit_test(
            packets_that_differ_in_everything_come_out_as_built_alone),
        cmocka_unit_test(senders_do_not_share_a_message),
        cmocka_unit_test(the_core_goes_first_then_requests_then_replies),
        cmocka_unit_test(stacks_of_tags_do_not_share_a_message),
        cmocka_unit_test(sixty_four_fit_in_a_message_and_keep_their_order),
        cmocka_unit_test(a_cleared_queue_sends_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
