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

static const struct relay_exchange *
find(uint8_t type)
{
    const struct relay_key key = key_of(1, type);

    return relays_find(relays, &key);
}

static void
done(uint8_t type, int64_t now_ms)
{
    const struct relay_key key = key_of(1, type);

    relays_done(relays, &key, now_ms);
}

static void
the_port_of_a_reply_is_where_the_router_heard_it(void **state)
{
    (void) state;
    hear(DISCOVER, A, ALL, NONE, 1000);
    hear(DISCOVER, B, ALL, NONE, 1000);
    assert_int_equal(find(DISCOVER)->ports[A], 10 + A);
    assert_int_equal(find(DISCOVER)->ports[B], 10 + B);
    assert_int_equal(find(DISCOVER)->ports[C], 0);
    assert_null(find(REQUEST));
    hear(REQUEST, C, ALL, NONE, 1010);
    assert_int_equal(find(REQUEST)->ports[A], 0);
    assert_int_equal(find(REQUEST)->ports[C], 10 + C);
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
    e = relays_find(relays, &key);
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
who_repeats_itself_is_not_forgotten(void **state)
{
    (void) state;
    hear(DISCOVER, A, ALL, NONE, 1000);
    hear(DISCOVER, A, ALL, NONE, RELAY_AGE_MS);
    hear(REQUEST, A, ALL, NONE, 1000 + RELAY_AGE_MS);
    assert_non_null(find(DISCOVER));
}

/* Its copies are still known for what they are: a server would hear twice of
 * a client that it knows nothing of. */
static void
what_is_done_is_kept_while_copies_may_come(void **state)
{
    (void) state;
    assert_int_equal(hear(DISCOVER, A, ALL, NONE, 1000), A);
    done(DISCOVER, 1010);
    assert_true(find(DISCOVER)->done);
    assert_int_equal(hear(DISCOVER, B, ALL, NONE, 1499), RELAY_COPY);
    hear(REQUEST, A, ALL, NONE, 1010 + RELAY_COPY_MS);
    assert_null(find(DISCOVER));
    assert_int_equal(relays_count(relays), 1);
}

static void
what_is_repeated_is_not_done(void **state)
{
    (void) state;
    assert_int_equal(hear(REQUEST, A, ALL, NONE, 1000), A);
    assert_int_equal(hear(REQUEST, B, ALL, NONE, 1001), RELAY_COPY);
    done(REQUEST, 1400);
    assert_int_equal(hear(REQUEST, A, ALL, NONE, 1600), B);
    assert_false(find(REQUEST)->done);
    hear(DISCOVER, A, ALL, NONE, 1400 + RELAY_COPY_MS);
    assert_non_null(find(REQUEST));
    done(REQUEST, 2000);
    done(REQUEST, 2400);                /* It is done already. */
    hear(DISCOVER, A, ALL, NONE, 2000 + RELAY_COPY_MS);
    assert_null(find(REQUEST));
}

static void
hear_host(uint32_t host, uint32_t port)
{
    const struct relay_key key = key_of(host, DISCOVER);
    const struct relay_heard heard = { .member = A, .port = port };

    relays_heard(relays, &key, &heard, ALL, NONE, 1000);
}

static void
a_port_pushes_out_its_own_exchanges_only(void **state)
{
    (void) state;
    hear(DISCOVER, A, ALL, NONE, 1000);
    for (uint32_t host = 2; host < 3 * RELAY_MAX; host++) {
        hear_host(host, 99);
    }
    assert_int_equal(relays_count(relays), RELAY_MAX);
    assert_non_null(find(DISCOVER));
    /* And what others bring still finds room. */
    for (uint32_t host = 2; host < 100; host++) {
        hear_host(1000000 + host, 98);
    }
    assert_int_equal(relays_count(relays), RELAY_MAX);
    for (uint32_t host = 2; host < 100; host++) {
        const struct relay_key key = key_of(1000000 + host, DISCOVER);

        assert_non_null(relays_find(relays, &key));
    }
    assert_non_null(find(DISCOVER));
}

/* A port each: nobody has more than its share. */
static void
as_many_ports_as_there_is_room_for(void **state)
{
    (void) state;
    for (uint32_t host = 1; host < RELAY_MAX + 10; host++) {
        hear_host(host, host);
    }
    assert_int_equal(relays_count(relays), RELAY_MAX);
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
        TEST(who_repeats_itself_is_not_forgotten),
        TEST(what_is_done_is_kept_while_copies_may_come),
        TEST(what_is_repeated_is_not_done),
        TEST(as_many_ports_as_there_is_room_for),
        TEST(a_port_pushes_out_its_own_exchanges_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
