/* A segment: which addresses are its own, and which its clients may have. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/net/router.h"
#include "controller/net/segment.h"

static struct fh_addr
addr(const char *text)
{
    struct fh_addr a;

    assert_true(fh_addr_parse(text, &a));
    return a;
}

static struct fh_prefix
prefix(const char *text)
{
    struct fh_prefix p;

    assert_true(fh_prefix_parse(text, &p));
    return p;
}

/* Two prefixes, a gateway and two local addresses. */
struct fixture {
    struct fh_prefix prefixes[2];
    struct config_member members[2];
    struct config_segment config;
    struct segment segment;
};

static void
fixture_init(struct fixture *f)
{
    *f = (struct fixture) {
        .prefixes = { prefix("10.0.0.0/24"), prefix("10.9.0.0/31") },
        .members = { { .address = addr("10.0.0.2") },
                     { .address = addr("10.0.0.3") } },
    };
    f->config.gateway = addr("10.0.0.1");
    f->config.prefixes = f->prefixes;
    f->config.n_prefixes = 2;
    f->config.members = f->members;
    f->config.n_members = 2;
    f->segment.config = &f->config;
}

static void
a_client_may_have_what_is_inside(void **state)
{
    struct fixture f;

    fixture_init(&f);
    assert_true(segment_may_have(&f.segment, addr("10.0.0.4")));
    assert_true(segment_may_have(&f.segment, addr("10.0.0.254")));
    assert_false(segment_may_have(&f.segment, addr("10.0.1.4")));
    assert_false(segment_may_have(&f.segment, addr("9.255.255.255")));
    assert_false(segment_may_have(&f.segment, addr("0.0.0.0")));
}

static void
a_client_may_not_have_what_is_a_routers(void **state)
{
    struct fixture f;

    fixture_init(&f);
    assert_true(segment_contains(&f.segment, addr("10.0.0.1")));
    for (size_t i = 0; i < 3; i++) {
        static const char *const ours[] = {
            "10.0.0.1", "10.0.0.2", "10.0.0.3",
        };

        assert_true(segment_owns(&f.segment, addr(ours[i])));
        assert_false(segment_may_have(&f.segment, addr(ours[i])));
    }
    assert_false(segment_owns(&f.segment, addr("10.0.0.4")));
}

static void
a_client_may_not_have_a_networks_address_or_its_broadcast(void **state)
{
    struct fixture f;

    fixture_init(&f);
    assert_false(segment_may_have(&f.segment, addr("10.0.0.0")));
    assert_false(segment_may_have(&f.segment, addr("10.0.0.255")));
    /* RFC 3021: there is neither in a prefix of 31 bits. */
    assert_true(segment_may_have(&f.segment, addr("10.9.0.0")));
    assert_true(segment_may_have(&f.segment, addr("10.9.0.1")));
}

static void
a_router_knows_its_peers_by_their_macs(void **state)
{
    struct config_router configs[3] = {
        { .mac = { .ea = { 2, 0, 0, 0, 0, 0xa } } },
        { .mac = { .ea = { 2, 0, 0, 0, 0, 0xb } } },
        { .mac = { .ea = { 2, 0, 0, 0, 0, 0xc } } },
    };
    struct router a = { .config = &configs[0] };
    struct router b = { .config = &configs[1] };
    struct member members[2] = { { .router = &a }, { .router = &b } };
    struct segment segment = { .members = members, .n_members = 2 };
    struct segment *segments[1] = { &segment };

    a.segments = segments;
    a.n_segments = 1;
    assert_true(router_knows_mac(&a, configs[0].mac));
    assert_true(router_knows_mac(&a, configs[1].mac));
    assert_false(router_knows_mac(&a, configs[2].mac));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_may_have_what_is_inside),
        cmocka_unit_test(a_client_may_not_have_what_is_a_routers),
        cmocka_unit_test(
            a_client_may_not_have_a_networks_address_or_its_broadcast),
        cmocka_unit_test(a_router_knows_its_peers_by_their_macs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
