/* controller/net/binding: who is an address of whom. */
#include <config.h>

#include "controller/net/binding.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

struct tables {
    struct clients *clients;
    struct bindings *bindings;
};

static struct tables tables;

static int
set_up(void **state)
{
    tables = (struct tables) { clients_create(), bindings_create() };
    return 0;
}

static int
tear_down(void **state)
{
    bindings_destroy(tables.bindings);
    clients_destroy(tables.clients);
    return 0;
}

static struct eth_addr
mac(uint16_t number)
{
    return (struct eth_addr) { .ea = { 2, 0, 0, 0, number >> 8, number } };
}

/* On segment 1, with a MAC if 'number' is not 0. */
static struct client *
add(uint32_t address, uint16_t number)
{
    struct client_key key = { { htonl(address) }, 1 };
    struct client *c = clients_add(tables.clients, NULL, key, 1);

    if (number) {
        binding_set_mac(tables.bindings, c, mac(number));
    }
    return c;
}

static void
forget(struct client *c)
{
    binding_set_mac(tables.bindings, c, (struct eth_addr) { .ea = { 0 } });
    clients_remove(tables.clients, c);
}

static bool
are_one(const struct client *a, const struct client *b)
{
    bool found = false;

    for (size_t i = 0; i < binding_count(a); i++) {
        found = found || binding_at(a, i) == b;
    }
    return found;
}

static void
a_client_alone_is_its_hosts_only_address(void **state)
{
    struct client *c = add(1, 1);

    add(2, 2);
    assert_int_equal(binding_count(c), 1);
    assert_ptr_equal(binding_at(c, 0), c);
}

static void
clients_without_a_mac_have_nothing_in_common(void **state)
{
    struct client *c = add(1, 0), *d = add(2, 0);

    assert_false(are_one(c, d));
    binding_set_mac(tables.bindings, c, mac(1));
    assert_false(are_one(c, d));
    binding_set_mac(tables.bindings, d, mac(1));
    assert_true(are_one(c, d));
}

static void
the_same_mac_on_another_segment_is_another_host(void **state)
{
    struct client_key key = { { htonl(1) }, 2 };
    struct client *c = add(1, 1);
    struct client *d = clients_add(tables.clients, NULL, key, 1);

    binding_set_mac(tables.bindings, d, mac(1));
    assert_false(are_one(c, d));
}

static void
the_same_mac_behind_other_tags_is_another_host(void **state)
{
    struct client_key key = { { htonl(2) }, 1 };
    struct client *c = add(1, 1);
    struct client *d = clients_add(tables.clients, NULL, key, 1);

    d->vlan = (struct fh_vlan) { .n = 1, .vids = { 7 } };
    binding_set_mac(tables.bindings, d, mac(1));
    assert_false(are_one(c, d));
}

static void
an_outer_ethertype_makes_no_other_host(void **state)
{
    struct client *c = add(1, 1), *d = add(2, 0);

    d->vlan.tpid = 0x88a8;
    binding_set_mac(tables.bindings, d, mac(1));
    assert_true(are_one(c, d));
}

static void
an_address_that_moves_leaves_one_host_and_joins_another(void **state)
{
    struct client *a = add(1, 1), *b = add(2, 1), *c = add(3, 2);

    binding_set_mac(tables.bindings, a, mac(2));
    assert_int_equal(binding_count(b), 1);
    assert_int_equal(binding_count(c), 2);
    assert_true(are_one(c, a));
    binding_set_mac(tables.bindings, a, mac(1));
    assert_true(are_one(b, a));
    assert_int_equal(binding_count(c), 1);
}

static void
an_address_that_is_forgotten_leaves_the_others(void **state)
{
    struct client *a = add(1, 1), *b = add(2, 1), *c = add(3, 1);

    forget(a);                  /* The first of them. */
    assert_int_equal(binding_count(b), 2);
    assert_true(are_one(b, c));
    assert_true(are_one(b, add(4, 1)));
    forget(c);
    assert_int_equal(binding_count(b), 2);
}

/* Any order of coming, moving and going, against a count. */
static void
whatever_happens_each_host_has_its_addresses(void **state)
{
    enum { N = 600, N_MACS = 200 };
    struct client *clients[N];
    size_t counts[N_MACS + 1] = { 0 };
    uint32_t x = 1;

    for (size_t i = 0; i < N; i++) {
        clients[i] = add(i + 1, 1 + i % N_MACS);
        counts[1 + i % N_MACS]++;
    }
    for (int n = 0; n < 5000; n++) {
        struct client *c;
        size_t to, from;

        x = x * 1664525 + 1013904223;
        c = clients[(x >> 8) % N];
        from = c->mac.ea[5];
        x = x * 1664525 + 1013904223;
        to = (x >> 8) % (N_MACS + 1);
        binding_set_mac(tables.bindings, c, to ? mac(to) : (struct eth_addr) {
            .ea = { 0 } });
        counts[from]--;
        counts[to]++;
        assert_int_equal(binding_count(c), to ? counts[to] : 1);
        assert_true(are_one(c, c));
    }
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < binding_count(clients[i]); j++) {
            assert_true(fh_mac_equal(binding_at(clients[i], j)->mac,
                                     clients[i]->mac));
        }
    }
}

/* One MAC that answers for hundreds of addresses. */
static void
a_host_may_have_thousands_of_addresses(void **state)
{
    struct client *first = add(1, 1), *second = add(2, 1);

    for (uint32_t i = 3; i <= 3000; i++) {
        add(i, 1);
    }
    assert_int_equal(binding_count(first), 3000);
    forget(first);
    assert_int_equal(binding_count(second), 2999);
}

static void
nothing_is_left_behind(void **state)
{
    bindings_destroy(NULL);
    add(1, 1);
    add(2, 1);
    add(3, 2);                  /* And the leak checker looks. */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_client_alone_is_its_hosts_only_address, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            clients_without_a_mac_have_nothing_in_common, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            the_same_mac_on_another_segment_is_another_host, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            the_same_mac_behind_other_tags_is_another_host, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            an_outer_ethertype_makes_no_other_host, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            an_address_that_moves_leaves_one_host_and_joins_another, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            an_address_that_is_forgotten_leaves_the_others, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            whatever_happens_each_host_has_its_addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_host_may_have_thousands_of_addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            nothing_is_left_behind, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
