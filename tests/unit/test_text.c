/* Text forms: what is taken, what is refused, and that both ways agree. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <arpa/inet.h>

#include <firsthop/types.h>

static struct fh_addr
addr(const char *s)
{
    struct fh_addr a;

    assert_true(fh_addr_parse(s, &a));
    return a;
}

static struct fh_prefix
prefix(const char *s)
{
    struct fh_prefix p;

    assert_true(fh_prefix_parse(s, &p));
    return p;
}

static void
addresses_survive_the_round_trip(void **state)
{
    static const char *const texts[] = {
        "0.0.0.0", "10.0.0.1", "192.0.2.200", "255.255.255.255",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char buf[FH_ADDR_STRLEN];

        assert_string_equal(fh_addr_format(addr(texts[i]), buf), texts[i]);
    }
}

static void
an_address_is_in_network_order(void **state)
{
    assert_int_equal(addr("10.1.2.3").ip4, htonl(0x0a010203));
}

static void
bad_addresses_are_refused_and_leave_the_output_alone(void **state)
{
    static const char *const texts[] = {
        "", "10", "10.0.0", "10.0.0.", ".10.0.0", "10..0.1", "10.0.0.1.",
        "10.0.0.1.2", "10.0.0.256", "10.0.0.1000", "256.0.0.1", "-1.0.0.0",
        "+1.0.0.0", " 10.0.0.1", "10.0.0.1 ", "10.0.0.1\n", "10.0.0. 1",
        "10.0.0.0x1", "a.b.c.d", "::1", "10.0.0.1/24",
        "10.0.0.99999999999999999999",
        /* Octal to some, decimal to others. */
        "010.0.0.1", "10.00.0.1", "10.0.0.01", "10.0.0.08",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct fh_addr a = { htonl(0x01020304) };

        if (fh_addr_parse(texts[i], &a)) {
            fail_msg("taken: \"%s\"", texts[i]);
        }
        assert_int_equal(a.ip4, htonl(0x01020304));
    }
}

static void
addresses_compare_by_number(void **state)
{
    assert_true(fh_addr_compare(addr("9.255.255.255"), addr("10.0.0.0")) < 0);
    assert_true(fh_addr_compare(addr("10.0.0.10"), addr("10.0.0.9")) > 0);
    assert_int_equal(fh_addr_compare(addr("10.0.0.1"), addr("10.0.0.1")), 0);
    /* Not by difference, which overflows an int. */
    assert_true(fh_addr_compare(addr("255.255.255.255"),
                                addr("0.0.0.0")) > 0);
    assert_true(fh_addr_compare(addr("0.0.0.0"), addr("128.0.0.1")) < 0);
}

static void
masks_at_the_edges(void **state)
{
    assert_int_equal(fh_prefix_mask(0), 0);
    assert_int_equal(fh_prefix_mask(1), htonl(0x80000000));
    assert_int_equal(fh_prefix_mask(24), htonl(0xffffff00));
    assert_int_equal(fh_prefix_mask(31), htonl(0xfffffffe));
    assert_int_equal(fh_prefix_mask(32), htonl(0xffffffff));
}

static void
a_prefix_contains_its_first_and_last_address_only(void **state)
{
    struct fh_prefix p = prefix("10.0.0.128/25");
    struct fh_prefix host = prefix("10.0.0.5/32");
    struct fh_prefix all = prefix("0.0.0.0/0");

    assert_false(fh_prefix_contains(&p, addr("10.0.0.127")));
    assert_true(fh_prefix_contains(&p, addr("10.0.0.128")));
    assert_true(fh_prefix_contains(&p, addr("10.0.0.255")));
    assert_false(fh_prefix_contains(&p, addr("10.0.1.0")));
    assert_true(fh_prefix_contains(&host, addr("10.0.0.5")));
    assert_false(fh_prefix_contains(&host, addr("10.0.0.4")));
    assert_true(fh_prefix_contains(&all, addr("255.255.255.255")));
}

static void
overlap_is_symmetric(void **state)
{
    static const struct {
        const char *a, *b;
        bool overlap;
    } cases[] = {
        { "10.0.0.0/24", "10.0.0.0/24", true },
        { "10.0.0.0/8", "10.200.0.0/16", true },
        { "10.0.0.0/25", "10.0.0.128/25", false },
        { "10.0.0.0/24", "10.0.1.0/24", false },
        { "10.0.0.1/32", "10.0.0.1/32", true },
        { "10.0.0.1/32", "10.0.0.0/32", false },
        { "0.0.0.0/0", "192.0.2.1/32", true },
        /* Host bits do not hide an overlap. */
        { "10.0.0.77/24", "10.0.0.5/25", true },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fh_prefix a = prefix(cases[i].a);
        struct fh_prefix b = prefix(cases[i].b);

        assert_int_equal(fh_prefix_overlaps(&a, &b), cases[i].overlap);
        assert_int_equal(fh_prefix_overlaps(&b, &a), cases[i].overlap);
    }
}

static void
prefixes_survive_the_round_trip_with_host_bits(void **state)
{
    static const char *const texts[] = {
        "0.0.0.0/0", "10.0.0.0/24", "192.0.2.2/24", "255.255.255.255/32",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct fh_prefix p = prefix(texts[i]);
        char buf[FH_PREFIX_STRLEN];

        assert_string_equal(fh_prefix_format(&p, buf), texts[i]);
    }
}

static void
bad_prefixes_are_refused_and_leave_the_output_alone(void **state)
{
    static const char *const texts[] = {
        "", "/", "/24", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33",
        "10.0.0.0/024", "10.0.0.0/00", "10.0.0.0/-1", "10.0.0.0/+1",
        "10.0.0.0/24 ", "10.0.0.0 /24", "10.0.0.0/ 24", "10.0.0.0/24/24",
        "10.0.0.0/255.255.255.0", "10.0.0/24", "10.0.0.256/24",
        "10.0.0.0/4294967320", "10.0.0.0/24x",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct fh_prefix p = { .addr = { htonl(0x01020304) }, .plen = 7 };

        if (fh_prefix_parse(texts[i], &p)) {
            fail_msg("taken: \"%s\"", texts[i]);
        }
        assert_int_equal(p.addr.ip4, htonl(0x01020304));
        assert_int_equal(p.plen, 7);
    }
}

static void
macs_are_taken_in_either_case_and_written_in_lower(void **state)
{
    struct eth_addr mac;
    char buf[FH_MAC_STRLEN];

    assert_true(fh_mac_parse("02:aB:Cd:00:9f:FF", &mac));
    assert_string_equal(fh_mac_format(mac, buf), "02:ab:cd:00:9f:ff");
}

static void
bad_macs_are_refused_and_leave_the_output_alone(void **state)
{
    static const char *const texts[] = {
        "", "02", "02:00:00:00:00", "02:00:00:00:00:", "02:00:00:00:00:0",
        "2:00:00:00:00:0a", "02:00:00:00:00:0a:", "02:00:00:00:00:0a:00",
        "02-00-00-00-00-0a", "0200.0000.000a", "02:00:00:00:00:0g",
        "02:00:00:00:00:0a ", " 02:00:00:00:00:0a", "02:00:00:00:00:00a",
        "02:00:00:00:00:0\xe4", "02:0:000:00:00:0a", "0x:00:00:00:00:0a",
    };
    static const struct eth_addr before = { { { 1, 2, 3, 4, 5, 6 } } };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct eth_addr mac = before;

        if (fh_mac_parse(texts[i], &mac)) {
            fail_msg("taken: \"%s\"", texts[i]);
        }
        assert_true(fh_mac_equal(mac, before));
    }
}

static void
only_single_stations_are_unicast(void **state)
{
    struct eth_addr mac;

    assert_true(fh_mac_parse("02:00:00:00:00:01", &mac));
    assert_true(fh_mac_is_unicast(mac));
    assert_true(fh_mac_parse("00:00:00:00:00:00", &mac));
    assert_false(fh_mac_is_unicast(mac));
    assert_true(fh_mac_parse("ff:ff:ff:ff:ff:ff", &mac));
    assert_false(fh_mac_is_unicast(mac));
    assert_true(fh_mac_parse("01:00:5e:00:00:01", &mac));
    assert_false(fh_mac_is_unicast(mac));
}

static void
vlan_stacks_are_written_outermost_first(void **state)
{
    struct fh_vlan vlan = { .n = 0 };
    char buf[FH_VLAN_STRLEN];

    assert_string_equal(fh_vlan_format(&vlan, buf), "untagged");
    vlan = (struct fh_vlan) { .vids = { 100 }, .n = 1 };
    assert_string_equal(fh_vlan_format(&vlan, buf), "100");
    vlan = (struct fh_vlan) { .vids = { 4094, 4093 }, .n = 2 };
    assert_string_equal(fh_vlan_format(&vlan, buf), "4094.4093");
}

static void
vlan_stacks_compare_by_tags_and_not_by_ethertype(void **state)
{
    struct fh_vlan a = { .vids = { 200, 100 }, .tpid = 0x88a8, .n = 2 };
    struct fh_vlan b = { .vids = { 200, 100 }, .tpid = 0x8100, .n = 2 };

    assert_true(fh_vlan_equal(&a, &b));
    b.vids[1] = 101;
    assert_false(fh_vlan_equal(&a, &b));
    a.n = b.n = 1;
    assert_true(fh_vlan_equal(&a, &b));
    b.n = 0;
    assert_false(fh_vlan_equal(&a, &b));
}

static void
datapath_ids_are_sixteen_digits(void **state)
{
    static const char *const bad[] = {
        "", "a", "00000000000000a", "00000000000000000a",
        "0x0000000000000a", "000000000000000g", "00000000:0000000a",
        "000000000000000a ", " 00000000000000a",
    };
    uint64_t dpid = 0;
    char buf[FH_DPID_STRLEN];

    assert_true(fh_dpid_parse("0123456789abCDEF", &dpid));
    assert_true(dpid == UINT64_C(0x0123456789abcdef));
    assert_string_equal(fh_dpid_format(dpid, buf), "0123456789abcdef");
    assert_true(fh_dpid_parse("ffffffffffffffff", &dpid));
    assert_true(dpid == UINT64_MAX);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        dpid = 7;
        if (fh_dpid_parse(bad[i], &dpid)) {
            fail_msg("taken: \"%s\"", bad[i]);
        }
        assert_int_equal(dpid, 7);
    }
    assert_string_equal(fh_dpid_format(0xa, buf), "000000000000000a");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_survive_the_round_trip),
        cmocka_unit_test(an_address_is_in_network_order),
        cmocka_unit_test(
            bad_addresses_are_refused_and_leave_the_output_alone),
        cmocka_unit_test(addresses_compare_by_number),
        cmocka_unit_test(masks_at_the_edges),
        cmocka_unit_test(a_prefix_contains_its_first_and_last_address_only),
        cmocka_unit_test(overlap_is_symmetric),
        cmocka_unit_test(prefixes_survive_the_round_trip_with_host_bits),
        cmocka_unit_test(
            bad_prefixes_are_refused_and_leave_the_output_alone),
        cmocka_unit_test(macs_are_taken_in_either_case_and_written_in_lower),
        cmocka_unit_test(bad_macs_are_refused_and_leave_the_output_alone),
        cmocka_unit_test(only_single_stations_are_unicast),
        cmocka_unit_test(vlan_stacks_are_written_outermost_first),
        cmocka_unit_test(vlan_stacks_compare_by_tags_and_not_by_ethertype),
        cmocka_unit_test(datapath_ids_are_sixteen_digits),
    };

    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
