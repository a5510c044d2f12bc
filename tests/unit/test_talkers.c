/* controller/decide/talkers: who asks most, in virtual time. */
#include <config.h>

#include "controller/decide/talkers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define NONE 0xffff             /* Not tagged. */

static struct eth_addr
mac(unsigned int number)
{
    return (struct eth_addr) {
        { { 2, 0, 0, 0, (uint8_t) (number >> 8), (uint8_t) number } }
    };
}

/* As mute.c does. */
static uint32_t
note(struct talkers *t, struct eth_addr host, uint16_t vid, int64_t now_ms)
{
    uint32_t weight = talkers_weight(t, now_ms);

    return weight ? talkers_note(t, host, vid, weight) : 0;
}

static void
each_is_counted_second_by_second(void **state)
{
    struct talkers t = { .total = 0 };

    assert_int_equal(note(&t, mac(1), NONE, 1000), 1);
    assert_int_equal(note(&t, mac(1), NONE, 1500), 2);
    assert_int_equal(note(&t, mac(2), NONE, 1999), 1);
    assert_int_equal(note(&t, mac(1), NONE, 1999), 3);
    assert_int_equal(note(&t, mac(1), NONE, 2000), 1);
}

/* Nor do they make a count too high. */
static void
many_forged_addresses_hide_nobody(void **state)
{
    struct talkers t = { .total = 0 };
    uint32_t most = 0;

    for (unsigned int i = 0; i < 900; i++) {
        uint32_t n = note(&t, mac(i % 3 ? 1000 : i), NONE, 1000);

        most = n > most ? n : most;
    }
    assert_in_range(most, 600 - 900 / (TALKERS_MOST + 1) - TALKERS_SAMPLE,
                    600 + TALKERS_SAMPLE);
}

static void
none_of_as_many_as_there_is_room_for_is_forgotten(void **state)
{
    struct talkers t = { .total = 0 };

    for (unsigned int i = 0; i < 10 * TALKERS_MOST; i++) {
        assert_int_equal(note(&t, mac(i % TALKERS_MOST), NONE, 1000),
                         i / TALKERS_MOST + 1);
    }
    assert_int_equal(note(&t, mac(100), NONE, 1000), 0);
    assert_int_equal(note(&t, mac(0), NONE, 1000), 10);
}

/* Who forges it in a VLAN of his own takes it from nobody. */
static void
a_mac_in_another_vlan_is_another(void **state)
{
    struct talkers t = { .total = 0 };

    for (uint32_t n = 1; n <= 200; n++) {
        assert_int_equal(note(&t, mac(1), 200, 1000), n);
    }
    assert_int_equal(note(&t, mac(1), 100, 1000), 1);
    assert_int_equal(note(&t, mac(1), NONE, 1000), 1);
}

/* One of some, for all of them. */
static void
of_many_questions_some_are_counted(void **state)
{
    struct talkers t = { .total = 0 };
    uint32_t most = 0, n_noted = 0;

    for (unsigned int i = 0; i < 8000; i++) {
        /* Two of three, which no sample falls in step with. */
        uint32_t n = note(&t, mac(i % 3 ? 1 : 2), NONE, 1000);

        n_noted += n > 0;
        most = n > most ? n : most;
    }
    assert_in_range(most, 5333 - 100, 5333 + 100);
    assert_in_range(n_noted, 8000 / TALKERS_SAMPLE,
                    TALKERS_ALL + 8000 / TALKERS_SAMPLE);
    assert_int_equal(note(&t, mac(1), NONE, 2000), 1);
}

static void
half_of_the_allowance_is_for_everybody(void **state)
{
    assert_true(talkers_may(500, 1000));
    assert_false(talkers_may(501, 1000));
    assert_true(talkers_may(TALKERS_LEAST, 1));
    assert_false(talkers_may(TALKERS_LEAST + 1, 1));
    assert_true(talkers_may(UINT32_MAX, UINT64_MAX));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_counted_second_by_second),
        cmocka_unit_test(many_forged_addresses_hide_nobody),
        cmocka_unit_test(none_of_as_many_as_there_is_room_for_is_forgotten),
        cmocka_unit_test(a_mac_in_another_vlan_is_another),
        cmocka_unit_test(of_many_questions_some_are_counted),
        cmocka_unit_test(half_of_the_allowance_is_for_everybody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
