/* controller/decide/relay: one router passes a message on, in virtual time. */
#include <config.h>

#include "controller/decide/relay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define A 0
#define B 1
#define C 2
#define ALL 7u
#define NONE (-1)
#define DISCOVER 1
#define REQUEST 3

static struct relays *relays;

static int
setup(void **state)
{
    (void) state;
    relays = relays_create();
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    relays_destroy(relays);
    return 0;
}

static struct relay_key
key_of(uint32_t host, uint8_t type)
{
    struct relay_key key = { .segment = 1, .xid = 0x1234, .type = type };

    key.mac.ea[0] = 2;
    key.mac.ea[3] = host >> 16;
    key.mac.ea[4] = host >> 8;
    key.mac.ea[5] = host;
    return key;
}

/* Returns who passes it on, or RELAY_COPY. */
static int
hear(uint8_t type, int member, uint32_t usable, int active, int64_t now_ms)
{
    const struct relay_key key = key_of(1, type);
    const struct relay_heard heard = { .member = member, .port = 10 + member };

    return relays_heard(relays, &key, &heard, usable, active, now_ms);
}

static void
the_first_that_hears_it_passes_it_on(void **state)
{
    (void) state;
    assert_int_equal(hear(DISCOVER, B, ALL, NONE, 1000), B);
    assert_int_equal(hear(DISCOVER, A, ALL, NONE, 1000), RELAY_COPY);
    assert_int_equal(hear(DISCOVER, C, ALL, NONE, 1001), RELAY_COPY);
    assert_int_equal(hear(DISCOVER, B, ALL, NONE, 1499), RELAY_COPY);
}

static void
another_type_is_another_exchange(void **state)
{
    (void) state;
    assert_int_equal(hear(DISCOVER, B, ALL, NONE, 1000), B);
    assert_int_equal(hear(REQUEST, A, ALL, NONE, 1002), A);
    assert_int_equal(hear(REQUEST, B, ALL, NONE, 1002), RELAY_COPY);
}

static void
a_retransmission_goes_by_the_next_that_hears_it(void **state)
{
    (void) state;
    assert_int_equal(hear(DISCOVER, A, ALL, NONE, 1000), A);
    assert_int_equal(hear(DISCOVER, B, ALL, NONE, 1000), RELAY_COPY);
    assert_int_equal(hear(DISCOVER, A, ALL, NONE, 1500), B);
    assert_int_equal(hear(DISCOVER, B, ALL, NONE, 1501), RELAY_COPY);
    assert_int_equal(hear(DISCOVER, B, ALL, NONE, 3000), A);
}

static void
one_that_nobody_else_hears_tries_again(void **state)
{
    (void) state;
    assert_int_equal(hear(DISCOVER, C, ALL, NONE, 1000), C);
    assert_int_equal(hear(DISCOVER, C, ALL, NONE, 2000), C);
}

static void
the_active_router_goes_first(void **state)
{
    (void) state;
    assert_int_equal(hear(REQUEST, B, ALL, A, 1000), A);
    assert_int_equal(hear(REQUEST, A, ALL, A, 1000), RELAY_COPY);
    assert_int_equal(hear(REQUEST, B, ALL, A, 2000), B);
}

static void
who_has_no_way_to_the_core_passes_nothing_on(void **state)
{
    (void) state;
    assert_int_equal(hear(DISCOVER, A, 1u << B, NONE, 1000), A);
    assert_int_equal(hear(REQUEST, B, 1u << B, A, 1000), B);
    /* B has heard of it by now. */
    assert_int_equal(hear(DISCOVER, B, 1u << B, NONE, 1001), RELAY_COPY);
    assert_int_equal(hear(DISCOVER, A, 1u << B, NONE, 2000), B);
}

static uint32_t
port_of(uint32_t segment, uint32_t xid, int member)
{
    const struct relay_key key = key_of(1, DISCOVER);
    const struct relay_exchange *e = relays_find(relays, segment, key.mac,
                                                 xid);

    return e ? e->ports[member] : 0;
}

static void
the_port_of_a_reply_is_where_the_router_heard_it(void **state)
{
    (void) state;
    hear(DISCOVER, A, ALL, NONE, 1000);
    hear(DISCOVER, B, ALL, NONE, 1000);
    assert_int_equal(port_of(1, 0x1234, A), 10 + A);
    assert_int_equal(port_of(1, 0x1234, B), 10 + B);
    assert_int_equal(port_of(1, 0x1234, C), 0);
    assert_int_equal(port_of(1, 0x1235, A), 0);
    assert_int_equal(port_of(2, 0x1234, A), 0);
    /* What was heard last is what counts. */
    hear(REQUEST, C, ALL, NONE, 1010);
    assert_int_equal(port_of(1, 0x1234, A), 0);
    assert_int_equal(port_of(1, 0x1234, C), 10 + C);
}

/* Somebody else may have said it, who has seen the client's broadcast. */
static void
a_copy_changes_nothing_of_what_was_passed_on(void **state)
{
    const struct relay_key key = key_of(1, REQUEST);
    const struct relay_exchange *e;
    struct relay_heard heard = { .member = A, .port = 10,
                                 .wanted = { 100 } };

    (void) state;
    assert_int_equal(relays_heard(relays, &key, &heard, ALL, NONE, 1000), A);
    heard.wanted.ip4 = 200;
    heard.port = 11;
    assert_int_equal(relays_heard(relays, &key, &heard, ALL, NONE, 1001),
                     RELAY_COPY);
    e = relays_find(relays, 1, key.mac, key.xid);
    assert_int_equal(e->wanted.ip4, 100);
    assert_int_equal(e->ports[A], 10);
    assert_true(relays_heard(relays, &key, &heard, ALL, NONE, 1600) >= 0);
    assert_int_equal(e->wanted.ip4, 200);
    assert_int_equal(e->ports[A], 11);
}

static void
old_exchanges_are_forgotten(void **state)
{
    (void) state;
    hear(DISCOVER, A, ALL, NONE, 1000);
    assert_int_equal(relays_count(relays), 1);
    hear(REQUEST, A, ALL, NONE, 1000 + RELAY_AGE_MS);
    assert_int_equal(relays_count(relays), 1);
}

static void
a_port_pushes_out_its_own_exchanges_only(void **state)
{
    (void) state;
    hear(DISCOVER, A, ALL, NONE, 1000);
    for (uint32_t host = 2; host < 3 * RELAY_PER_PORT; host++) {
        const struct relay_key key = key_of(host, DISCOVER);
        const struct relay_heard heard = { .member = A, .port = 99 };

        relays_heard(relays, &key, &heard, ALL, NONE, 1000);
    }
    assert_int_equal(relays_count(relays), 1 + RELAY_PER_PORT);
    assert_int_equal(port_of(1, 0x1234, A), 10 + A);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
        TEST(the_first_that_hears_it_passes_it_on),
        TEST(another_type_is_another_exchange),
        TEST(a_retransmission_goes_by_the_next_that_hears_it),
        TEST(one_that_nobody_else_hears_tries_again),
        TEST(the_active_router_goes_first),
        TEST(who_has_no_way_to_the_core_passes_nothing_on),
        TEST(the_port_of_a_reply_is_where_the_router_heard_it),
        TEST(a_copy_changes_nothing_of_what_was_passed_on),
        TEST(old_exchanges_are_forgotten),
        TEST(a_port_pushes_out_its_own_exchanges_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
