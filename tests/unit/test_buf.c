/* Byte buffers: growth, order, and what a clear or a pull keeps. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <firsthop/buf.h>

static void
zeroed_is_empty_and_may_be_destroyed(void **state)
{
    struct fh_buf buf = { 0 };

    fh_buf_pull(&buf, 0);
    fh_buf_append(&buf, NULL, 0);
    assert_int_equal(buf.len, 0);
    fh_buf_destroy(&buf);
    fh_buf_destroy(&buf);
    assert_null(buf.data);
    assert_int_equal(buf.cap, 0);
}

static void
append_keeps_bytes_in_order_over_every_growth(void **state)
{
    struct fh_buf buf = { 0 };
    const uint32_t n = 5000;

    for (uint32_t i = 0; i < n; i++) {
        fh_buf_append(&buf, &i, sizeof i);
    }
    assert_int_equal(buf.len, n * sizeof n);
    assert_true(buf.cap >= buf.len);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t got;

        memcpy(&got, buf.data + i * sizeof got, sizeof got);
        assert_int_equal(got, i);
    }
    fh_buf_destroy(&buf);
}

static void
put_returns_where_the_new_bytes_are(void **state)
{
    struct fh_buf buf = { 0 };
    uint8_t *p;

    fh_buf_append(&buf, "ab", 2);
    p = fh_buf_put(&buf, 3);
    assert_ptr_equal(p, buf.data + 2);
    memcpy(p, "cde", 3);
    assert_int_equal(buf.len, 5);
    assert_memory_equal(buf.data, "abcde", 5);
    fh_buf_destroy(&buf);
}

static void
put_of_more_than_double_fits(void **state)
{
    struct fh_buf buf = { 0 };
    const size_t n = 70000;

    fh_buf_append(&buf, "x", 1);
    memset(fh_buf_put(&buf, n), 'y', n);
    assert_int_equal(buf.len, n + 1);
    assert_int_equal(buf.data[0], 'x');
    assert_int_equal(buf.data[n], 'y');
    fh_buf_destroy(&buf);
}

static void
pull_drops_from_the_front(void **state)
{
    struct fh_buf buf = { 0 };

    fh_buf_append(&buf, "abcdef", 6);
    fh_buf_pull(&buf, 0);
    assert_int_equal(buf.len, 6);
    fh_buf_pull(&buf, 2);
    assert_int_equal(buf.len, 4);
    assert_memory_equal(buf.data, "cdef", 4);
    fh_buf_pull(&buf, 4);
    assert_int_equal(buf.len, 0);
    fh_buf_append(&buf, "z", 1);
    assert_memory_equal(buf.data, "z", 1);
    fh_buf_destroy(&buf);
}

static void
clear_keeps_the_memory(void **state)
{
    struct fh_buf buf = { 0 };
    uint8_t *data;
    size_t cap;

    fh_buf_put(&buf, 1000);
    data = buf.data;
    cap = buf.cap;
    fh_buf_clear(&buf);
    assert_int_equal(buf.len, 0);
    assert_ptr_equal(fh_buf_put(&buf, 1000), data);
    assert_int_equal(buf.cap, cap);
    fh_buf_destroy(&buf);
}

static void
allocators_accept_zero_bytes(void **state)
{
    void *a = fh_xmalloc(0);
    void *b = fh_xcalloc(0, 8);
    void *c = fh_xcalloc(8, 0);
    void *d = fh_xmemdup("", 0);

    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);
    assert_non_null(d);
    a = fh_xrealloc(a, 0);
    assert_non_null(a);
    free(a);
    free(b);
    free(c);
    free(d);
}

static void
copies_are_equal_and_apart(void **state)
{
    static const char text[] = "first hop";
    char *dup = fh_xstrdup(text);
    char *mem = fh_xmemdup(text, sizeof text);
    char *printed = fh_xasprintf("%s %d", "first", 1);

    assert_string_equal(dup, text);
    assert_ptr_not_equal(dup, text);
    assert_memory_equal(mem, text, sizeof text);
    assert_string_equal(printed, "first 1");
    free(dup);
    free(mem);
    free(printed);
}

static void
calloc_clears(void **state)
{
    uint8_t *p = fh_xcalloc(3, 100);

    for (size_t i = 0; i < 300; i++) {
        assert_int_equal(p[i], 0);
    }
    free(p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeroed_is_empty_and_may_be_destroyed),
        cmocka_unit_test(append_keeps_bytes_in_order_over_every_growth),
        cmocka_unit_test(put_returns_where_the_new_bytes_are),
        cmocka_unit_test(put_of_more_than_double_fits),
        cmocka_unit_test(pull_drops_from_the_front),
        cmocka_unit_test(clear_keeps_the_memory),
        cmocka_unit_test(allocators_accept_zero_bytes),
        cmocka_unit_test(copies_are_equal_and_apart),
        cmocka_unit_test(calloc_clears),
    };

    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
