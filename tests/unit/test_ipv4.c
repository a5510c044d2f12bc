/* flows/ipv4: fragments.  What ipv4_parse() takes is in test_icmp.c. */
#include <config.h>

#include "flows/ipv4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "flows/wire.h"

#define PAYLOAD_MAX 3000

/* A packet to cut, and what it is put together from again. */
struct fixture {
    uint8_t frame[FRAME_HEADER_MAX + 60 + PAYLOAD_MAX];
    struct ipv4 ip;
    uint8_t whole[PAYLOAD_MAX];
    size_t n_fragments, whole_len;
    uint16_t header_lens[64], places[64];
};

static const struct ipv4_envelope untagged = {
    .eth_src = { .ea = { 2, 0, 0, 0, 0, 0xa } },
    .eth_dst = { .ea = { 2, 0, 0, 0, 0, 1 } },
};

/* A packet of 'payload_len' bytes and 'options' (a multiple of 4 bytes), the
 * 16 bits at IPV4_FRAGMENT being 'place'. */
static void
make(struct fixture *f, size_t payload_len, const uint8_t *options,
     size_t options_len, uint16_t place)
{
    struct frame frame;
    uint8_t *p = f->frame + frame_put_header(f->frame, untagged.eth_dst,
                                             untagged.eth_src,
                                             &untagged.vlan, ETHERTYPE_IPV4);
    size_t header_len = IPV4_HEADER_LEN + options_len;

    memset(p, 0, header_len);
    p[IPV4_VERSION_IHL] = (uint8_t) (4 << 4 | header_len / 4);
    wire_put_u16(p + IPV4_TOTAL_LEN, (uint16_t) (header_len + payload_len));
    wire_put_u16(p + IPV4_ID, 0x1234);
    wire_put_u16(p + IPV4_FRAGMENT, place);
    p[IPV4_TTL] = 9;
    p[IPV4_PROTO] = 17;
    if (options_len) {
        memcpy(p + IPV4_HEADER_LEN, options, options_len);
    }
    wire_put_u16(p + IPV4_CHECKSUM, ipv4_checksum(p, header_len));
    for (size_t i = 0; i < payload_len; i++) {
        p[header_len + i] = (uint8_t) (i * 7 + i / 256);
    }
    assert_int_equal(frame_parse(f->frame, p + header_len + payload_len
                                 - f->frame, &frame), FRAME_OK);
    assert_int_equal(ipv4_parse(&frame, &f->ip), 0);
}

/* Cuts the packet; every fragment must be one, and fit. */
static void
cut(struct fixture *f, const struct ipv4_envelope *envelope, uint16_t mtu)
{
    uint8_t *buf = malloc(IPV4_FRAME_MAX(mtu));
    size_t offset = 0, len;

    f->n_fragments = f->whole_len = 0;
    while ((len = ipv4_build_fragment(buf, envelope, &f->ip, mtu,
                                      &offset)) > 0) {
        struct frame frame;
        struct ipv4 ip;
        size_t start;

        assert_int_equal(frame_parse(buf, len, &frame), FRAME_OK);
        assert_true(len >= FRAME_MIN(envelope->vlan.n));
        assert_true(fh_vlan_equal(&frame.vlan, &envelope->vlan));
        assert_int_equal(ipv4_parse(&frame, &ip), 0);
        assert_true(ip.header_len + ip.payload_len <= mtu);
        assert_int_equal(ip.ttl, 8);
        assert_int_equal(wire_get_u16(ip.header + IPV4_ID), 0x1234);
        f->header_lens[f->n_fragments] = ip.header_len;
        f->places[f->n_fragments++] = wire_get_u16(ip.header
                                                   + IPV4_FRAGMENT);
        start = offset - ip.payload_len;
        assert_int_equal(start, f->whole_len);
        memcpy(f->whole + start, ip.payload, ip.payload_len);
        f->whole_len += ip.payload_len;
    }
    free(buf);
}

static void
assert_whole(const struct fixture *f)
{
    assert_int_equal(f->whole_len, f->ip.payload_len);
    assert_memory_equal(f->whole, f->ip.payload, f->whole_len);
}

static int
setup(void **state)
{
    *state = calloc(1, sizeof(struct fixture));
    return 0;
}

static int
teardown(void **state)
{
    free(*state);
    return 0;
}

static void
fragments_are_the_packet_again(void **state)
{
    struct fixture *f = *state;

    make(f, 2000, NULL, 0, 0);
    cut(f, &untagged, 1500);
    assert_int_equal(f->n_fragments, 2);
    assert_int_equal(f->places[0], IPV4_MORE_FRAGMENTS);
    assert_int_equal(f->places[1], 1480 / 8);
    assert_whole(f);
}

static void
every_length_and_mtu_comes_out_whole(void **state)
{
    struct fixture *f = *state;

    for (size_t len = 1; len < 400; len += 13) {
        for (uint16_t mtu = IPV4_MIN_MTU; mtu < 100; mtu++) {
            make(f, len, NULL, 0, 0);
            cut(f, &untagged, mtu);
            assert_whole(f);
        }
    }
}

static void
fragments_have_the_tags_of_the_uplink(void **state)
{
    struct fixture *f = *state;
    struct ipv4_envelope tagged = untagged;

    tagged.vlan = (struct fh_vlan) { .n = 2, .vids = { 200, 100 } };
    make(f, 1501, NULL, 0, 0);
    cut(f, &tagged, 1000);
    assert_int_equal(f->n_fragments, 2);
    assert_whole(f);
}

static void
a_fragment_is_cut_further(void **state)
{
    struct fixture *f = *state;

    make(f, 1480, NULL, 0, IPV4_MORE_FRAGMENTS | 185);
    cut(f, &untagged, 1000);
    assert_int_equal(f->n_fragments, 2);
    assert_int_equal(f->places[0], IPV4_MORE_FRAGMENTS | 185);
    assert_int_equal(f->places[1], IPV4_MORE_FRAGMENTS | (185 + 122));
    assert_whole(f);
}

static void
only_options_that_say_so_are_in_every_fragment(void **state)
{
    struct fixture *f = *state;
    const uint8_t options[] = { 1, 7, 3, 4, 0x94, 4, 0, 0 };

    make(f, 100, options, sizeof options, 0);
    cut(f, &untagged, 76);
    assert_int_equal(f->n_fragments, 3);
    assert_int_equal(f->header_lens[0], 28);
    assert_int_equal(f->header_lens[1], 24);
    assert_int_equal(f->header_lens[2], 24);
    assert_whole(f);
}

static void
options_that_make_no_sense_end_where_they_do(void **state)
{
    struct fixture *f = *state;
    const uint8_t bad[][8] = {
        { 0x94, 0, 1, 1, 1, 1, 1, 1 },      /* Of no length. */
        { 0x94, 1, 1, 1, 1, 1, 1, 1 },      /* Too short for its length. */
        { 0x94, 200, 1, 1, 1, 1, 1, 1 },    /* Longer than the header. */
        { 1, 1, 1, 1, 1, 1, 1, 0x94 },      /* Without its length. */
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        make(f, 100, bad[i], sizeof bad[i], 0);
        cut(f, &untagged, 76);
        assert_int_equal(f->header_lens[1], 20);
        assert_whole(f);
    }
}

static void
a_packet_that_ends_beyond_64_kB_is_not_forwarded(void **state)
{
    struct fixture *f = *state;

    make(f, 1480, NULL, 0, 0x1fff - 185);
    cut(f, &untagged, 1000);
    assert_int_equal(f->n_fragments, 2);
    make(f, 1480, NULL, 0, 0x1fff - 184);
    cut(f, &untagged, 1000);
    assert_int_equal(f->n_fragments, 0);
}

int
main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(fragments_are_the_packet_again),
        TEST(every_length_and_mtu_comes_out_whole),
        TEST(fragments_have_the_tags_of_the_uplink),
        TEST(a_fragment_is_cut_further),
        TEST(only_options_that_say_so_are_in_every_fragment),
        TEST(options_that_make_no_sense_end_where_they_do),
        TEST(a_packet_that_ends_beyond_64_kB_is_not_forwarded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
