/* controller/net/clients: found by segment and address, listed by address. */
#include <config.h>

#include "controller/net/clients.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct client_key
key(uint32_t host, uint32_t segment)
{
    return (struct client_key) { { htonl(host) }, segment };
}

static int
set_up(void **state)
{
    *state = clients_create();
    return 0;
}

static int
tear_down(void **state)
{
    clients_destroy(*state);
    return 0;
}

static void
an_empty_table_has_nobody(void **state)
{
    assert_int_equal(clients_count(*state), 0);
    assert_null(clients_at(*state, 0));
    assert_null(clients_find(*state, key(1, 1).address, 1));
    assert_int_equal(clients_lower_bound(*state, key(0, 0)), 0);
}

static void
a_new_client_knows_nothing(void **state)
{
    struct client *c = clients_add(*state, NULL, key(1, 1), 3);

    assert_int_equal(c->active, ELECT_NONE);
    assert_int_equal(c->moved_from, ELECT_NONE);
    assert_int_equal(c->state, CLIENT_PENDING);
    assert_int_equal(c->n_reaches, 3);
    assert_true(takeover_is_idle(&c->takeover));
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(c->reaches[i].state, REACH_UNKNOWN);
        assert_ptr_equal(client_of_reach(&c->reaches[i]), c);
    }
}

static void
the_same_address_in_two_segments_is_two_clients(void **state)
{
    struct client *one = clients_add(*state, NULL, key(7, 1), 1);
    struct client *two = clients_add(*state, NULL, key(7, 2), 1);

    assert_ptr_equal(clients_find(*state, key(7, 1).address, 1), one);
    assert_ptr_equal(clients_find(*state, key(7, 2).address, 2), two);
    assert_null(clients_find(*state, key(7, 3).address, 3));
}

static void
they_are_listed_by_address_as_a_number_then_segment(void **state)
{
    /* Wire order would put 1.0.0.2 before 1.0.0.1 on some machines. */
    clients_add(*state, NULL, key(0x0a000100, 1), 1);
    clients_add(*state, NULL, key(0x0a000002, 2), 1);
    clients_add(*state, NULL, key(0xc0000001, 1), 1);
    clients_add(*state, NULL, key(0x0a000002, 1), 1);

    assert_int_equal(clients_at(*state, 0)->key.segment, 1);
    assert_int_equal(clients_at(*state, 0)->key.address.ip4,
                     htonl(0x0a000002));
    assert_int_equal(clients_at(*state, 1)->key.segment, 2);
    assert_int_equal(clients_at(*state, 2)->key.address.ip4,
                     htonl(0x0a000100));
    assert_int_equal(clients_at(*state, 3)->key.address.ip4,
                     htonl(0xc0000001));
    assert_null(clients_at(*state, 4));
}

static void
the_lower_bound_is_the_first_not_before(void **state)
{
    clients_add(*state, NULL, key(10, 1), 1);
    clients_add(*state, NULL, key(20, 1), 1);

    assert_int_equal(clients_lower_bound(*state, key(9, 9)), 0);
    assert_int_equal(clients_lower_bound(*state, key(10, 1)), 0);
    assert_int_equal(clients_lower_bound(*state, key(10, 2)), 1);
    assert_int_equal(clients_lower_bound(*state, key(20, 1)), 1);
    assert_int_equal(clients_lower_bound(*state, key(21, 0)), 2);
}

static void
one_that_is_removed_leaves_the_others_in_order(void **state)
{
    for (uint32_t i = 0; i < 200; i++) {
        clients_add(*state, NULL, key(1 + i * 37 % 200, 1), 1);
    }
    for (uint32_t i = 1; i <= 200; i += 2) {
        clients_remove(*state, clients_find(*state, key(i, 1).address, 1));
    }
    assert_int_equal(clients_count(*state), 100);
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(clients_at(*state, i)->key.address.ip4,
                         htonl(2 + i * 2));
    }
    assert_null(clients_find(*state, key(1, 1).address, 1));
    assert_non_null(clients_find(*state, key(2, 1).address, 1));
}

/* What it was answered for. */

static void
an_address_answered_again_is_noted_once(void **state)
{
    struct client *c = clients_add(*state, NULL, key(1, 1), 1);

    client_note_answered(c, key(100, 0).address, 1000);
    client_note_answered(c, key(101, 0).address, 2000);
    client_note_answered(c, key(100, 0).address, 9000);
    assert_int_equal(c->n_answered, 2);
    assert_int_equal(c->answered[0].at_s, 9);
    assert_int_equal(c->answered[1].at_s, 2);
}

static void
the_oldest_gives_way_when_all_are_taken(void **state)
{
    struct client *c = clients_add(*state, NULL, key(1, 1), 1);

    for (uint32_t i = 0; i < CLIENT_MAX_ANSWERED; i++) {
        client_note_answered(c, key(100 + i, 0).address, 1000 * (5 + i));
    }
    client_note_answered(c, key(100, 0).address, 1000 * 500);
    assert_int_equal(c->n_answered, CLIENT_MAX_ANSWERED);
    /* 101 is the oldest now. */
    client_note_answered(c, key(999, 0).address, 1000 * 501);
    assert_int_equal(c->n_answered, CLIENT_MAX_ANSWERED);
    assert_int_equal(c->answered[1].address.ip4, htonl(999));
    assert_int_equal(c->answered[0].address.ip4, htonl(100));
}

static void
states_and_origins_have_the_contract_s_names(void **state)
{
    assert_string_equal(client_state_name(CLIENT_PENDING), "pending");
    assert_string_equal(client_state_name(CLIENT_ACTIVE), "active");
    assert_string_equal(client_state_name(CLIENT_LOST), "lost");
    assert_string_equal(client_origin_name(CLIENT_LEARNED), "learned");
    assert_string_equal(client_origin_name(CLIENT_CONFIGURED), "configured");
    assert_string_equal(client_origin_name(CLIENT_PROVISIONED),
                        "provisioned");
}

static void
destroying_no_table_is_fine(void **state)
{
    clients_destroy(NULL);
}

/* Hosts. */

static struct eth_addr
mac(uint8_t number)
{
    return (struct eth_addr) { { { 2, 0, 0, 0, 0, number } } };
}

static size_t
count_others(const struct client *c)
{
    size_t n = 0;

    for (const struct client *o = client_other(c, NULL); o;
         o = client_other(c, o)) {
        n++;
    }
    return n;
}

static void
addresses_of_one_host_find_each_other(void **state)
{
    const struct fh_vlan tagged = { .n = 1, .vids = { 7 } };
    struct client *c[200];

    for (uint8_t i = 0; i < 200; i++) {
        c[i] = clients_add(*state, NULL, key(i + 1, 1), 1);
        assert_null(client_other(c[i], NULL));  /* No MAC, no host. */
        client_set_mac(c[i], mac(i / 2));
    }
    for (size_t i = 0; i < 200; i++) {
        assert_ptr_equal(client_other(c[i], NULL), c[i ^ 1]);
        assert_int_equal(count_others(c[i]), 1);
        assert_true(client_has_others(c[i]));
    }
    client_set_mac(c[0], mac(1));
    assert_int_equal(count_others(c[0]), 2);
    assert_false(client_has_others(c[1]));
    c[0]->vlan = tagged;                        /* Others' business. */
    assert_int_equal(count_others(c[0]), 0);
    clients_remove(*state, c[2]);
    assert_int_equal(count_others(c[3]), 0);
    client_set_mac(c[5], mac(0));
    client_set_mac(c[5], (struct eth_addr) { .ea = { 0 } });
    assert_int_equal(count_others(c[1]), 0);
}

static void
who_has_very_many_addresses_is_no_host(void **state)
{
    struct client *first = clients_add(*state, NULL, key(1, 1), 1);

    client_set_mac(first, mac(1));
    for (uint32_t i = 1; i < CLIENT_HOST_MOST; i++) {
        client_set_mac(clients_add(*state, NULL, key(1 + i, 1), 1), mac(1));
        assert_true(client_has_others(first));
    }
    client_set_mac(clients_add(*state, NULL, key(1000, 1), 1), mac(1));
    assert_false(client_has_others(first));
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_table_has_nobody),
        TEST(a_new_client_knows_nothing),
        TEST(the_same_address_in_two_segments_is_two_clients),
        TEST(they_are_listed_by_address_as_a_number_then_segment),
        TEST(the_lower_bound_is_the_first_not_before),
        TEST(one_that_is_removed_leaves_the_others_in_order),
        TEST(an_address_answered_again_is_noted_once),
        TEST(the_oldest_gives_way_when_all_are_taken),
        TEST(states_and_origins_have_the_contract_s_names),
        TEST(addresses_of_one_host_find_each_other),
        TEST(who_has_very_many_addresses_is_no_host),
        cmocka_unit_test(destroying_no_table_is_fine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
