/* controller/decide/walk: addresses, one after another. */
#include <config.h>

#include "controller/decide/walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <firsthop/buf.h>

/* "10.0.0.1 10.0.0.2 ...", as far as the end. */
static char *
text_of(struct walk *walk)
{
    struct fh_buf text = { NULL, 0, 0 };
    char buf[FH_ADDR_STRLEN];
    struct fh_addr addr;

    while (walk_next(walk, &addr)) {
        fh_addr_format(addr, buf);
        fh_buf_append(&text, " ", text.len > 0);
        fh_buf_append(&text, buf, strlen(buf));
    }
    fh_buf_append(&text, "", 1);
    return (char *) text.data;
}

static void
ends_of_a_network_are_no_hosts(void **state)
{
    struct fh_prefix prefixes[3];
    struct walk walk;
    char *text;

    fh_prefix_parse("10.0.0.0/30", &prefixes[0]);
    fh_prefix_parse("10.0.1.2/31", &prefixes[1]);
    fh_prefix_parse("255.255.255.255/32", &prefixes[2]);
    walk_init(&walk, prefixes, 3);
    assert_int_equal(walk_count(prefixes, 3), 5);
    for (int i = 0; i < 2; i++) {       /* It begins anew. */
        text = text_of(&walk);
        assert_string_equal(text, "10.0.0.1 10.0.0.2 10.0.1.2 10.0.1.3 "
                            "255.255.255.255");
        free(text);
    }
    walk_uninit(&walk);
}

static void
the_whole_internet_is_counted(void **state)
{
    struct fh_prefix all = { .plen = 0 };

    assert_true(walk_count(&all, 1) == (UINT64_C(1) << 32) - 2);
}

static void
nothing_has_no_addresses(void **state)
{
    struct fh_addr addr;
    struct walk walk;

    walk_init(&walk, NULL, 0);
    assert_false(walk_next(&walk, &addr));
    assert_false(walk_next(&walk, &addr));
    walk_uninit(&walk);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_of_a_network_are_no_hosts),
        cmocka_unit_test(the_whole_internet_is_counted),
        cmocka_unit_test(nothing_has_no_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
