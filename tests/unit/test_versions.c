/* The configurations that were in force, on disk and in memory. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <firsthop/buf.h>

#include "controller/base/log.h"
#include "controller/store/versions.h"

static char *dir;

static int
set_up(void **state)
{
    dir = fh_xstrdup("/tmp/firsthop-test-versions-XXXXXX");
    assert_non_null(mkdtemp(dir));
    return 0;
}

static int
tear_down(void **state)
{
    char *command = fh_xasprintf("rm -r %s", dir);

    assert_int_equal(system(command), 0);
    free(command);
    free(dir);
    return 0;
}

static void
add(struct versions *vs, int i)
{
    json_t *config = json_pack("{s:i}", "n", i);

    versions_add(vs, config, 1000 * i);
    json_decref(config);
}

static int
load(struct versions *vs, uint32_t number)
{
    json_t *config = versions_load(vs, number);
    int n = config ? (int) json_integer_value(json_object_get(config, "n"))
                   : -1;

    json_decref(config);
    return n;
}

static void
check_eleven(struct versions *vs)
{
    assert_int_equal(versions_count(vs), 11);
    for (size_t i = 0; i < 11; i++) {
        struct fh_config_version v = versions_at(vs, i);

        assert_int_equal(v.number, 5 + i);
        assert_int_equal(v.time_ms, 1000 * (5 + i));
        assert_int_equal(load(vs, v.number), 5 + i);
    }
    assert_int_equal(load(vs, 4), -1);
    assert_int_equal(load(vs, 16), -1);
    assert_int_equal(load(vs, 0), -1);
}

static void
ten_before_the_last_outlive_a_restart(void **state)
{
    struct versions *vs = versions_open(dir, NULL);

    assert_int_equal(versions_count(vs), 0);
    for (int i = 1; i <= 15; i++) {
        add(vs, i);
        add(vs, i);
    }
    check_eleven(vs);
    versions_close(vs);
    vs = versions_open(dir, NULL);
    check_eleven(vs);
    add(vs, 15);                /* As after a restart. */
    check_eleven(vs);
    add(vs, 14);                /* Gone back to: it is new. */
    assert_int_equal(versions_at(vs, 10).number, 16);
    versions_close(vs);
}

static void
without_a_directory_they_are_in_memory(void **state)
{
    struct versions *vs = versions_open(NULL, NULL);

    for (int i = 1; i <= 15; i++) {
        add(vs, i);
    }
    check_eleven(vs);
    versions_close(vs);
}

static void
damaged_files_are_left_out(void **state)
{
    static const char *const names[] = {
        "config-2", "config-x", "config-07", "config-99999999999", "config",
        "config-8.corrupt",
    };
    struct versions *vs = versions_open(dir, NULL);

    add(vs, 1);
    add(vs, 2);
    add(vs, 3);
    versions_close(vs);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = fh_xasprintf("%s/%s", dir, names[i]);
        FILE *stream = fopen(path, "w");

        fputs("rubbish", stream);
        fclose(stream);
        free(path);
    }
    vs = versions_open(dir, NULL);
    assert_int_equal(versions_count(vs), 2);
    assert_int_equal(load(vs, 1), 1);
    assert_int_equal(load(vs, 2), -1);
    assert_int_equal(load(vs, 3), 3);
    add(vs, 4);
    assert_int_equal(load(vs, 4), 4);
    versions_close(vs);
}

static void
what_cannot_be_written_is_kept_in_memory(void **state)
{
    struct versions *vs = versions_open(dir, NULL);
    char *path = fh_xasprintf("%s/.config-new.tmp", dir);
    json_t *config = json_pack("{s:i}", "n", 1);

    assert_int_equal(symlink("/", path), 0);
    versions_add(vs, config, 1000);
    assert_int_equal(load(vs, 1), 1);
    add(vs, 2);                 /* The temporary file was removed. */
    assert_int_equal(load(vs, 1), 1);
    assert_int_equal(load(vs, 2), 2);
    versions_close(vs);
    vs = versions_open(dir, NULL);
    assert_int_equal(load(vs, 1), -1);
    assert_int_equal(load(vs, 2), 2);
    versions_close(vs);
    json_decref(config);
    free(path);
}

int
main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(ten_before_the_last_outlive_a_restart),
        TEST(without_a_directory_they_are_in_memory),
        TEST(damaged_files_are_left_out),
        TEST(what_cannot_be_written_is_kept_in_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
