/* sd_notify(3) against a real datagram socket. */
#include <config.h>

#include "controller/daemon/sdnotify.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* Plays systemd: a bound socket whose name is in NOTIFY_SOCKET. */
struct manager {
    int fd;
    char dir[64];               /* "" for an abstract socket. */
    struct sockaddr_un addr;
};

static void
bind_manager(struct manager *m, const char *name)
{
    size_t len = strlen(name);

    memset(&m->addr, 0, sizeof m->addr);
    m->addr.sun_family = AF_UNIX;
    memcpy(m->addr.sun_path, name, len);
    if (*name == '@') {
        m->addr.sun_path[0] = '\0';
    }
    m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(m->fd >= 0);
    assert_int_equal(bind(m->fd, (struct sockaddr *) &m->addr,
                          offsetof(struct sockaddr_un, sun_path) + len
                          + (*name != '@')), 0);
    setenv("NOTIFY_SOCKET", name, 1);
}

static void
start_manager(struct manager *m, bool abstract)
{
    char name[96];

    strcpy(m->dir, "/tmp/firsthop-test-XXXXXX");
    assert_non_null(mkdtemp(m->dir));
    snprintf(name, sizeof name, "%s%s/notify", abstract ? "@" : "", m->dir);
    bind_manager(m, name);
}

static void
stop_manager(struct manager *m)
{
    if (m->addr.sun_path[0]) {
        unlink(m->addr.sun_path);
    }
    rmdir(m->dir);
    close(m->fd);
    unsetenv("NOTIFY_SOCKET");
}

/* A Unix datagram is there as soon as it was sent. */
static const char *
receive(struct manager *m, char *buf, size_t size)
{
    ssize_t n = recv(m->fd, buf, size - 1, 0);

    assert_true(n >= 0);
    buf[n] = '\0';
    return buf;
}

static struct sdnotify *
create(void)
{
    int error;
    struct sdnotify *sd = sdnotify_create(&error);

    assert_non_null(sd);
    assert_int_equal(error, 0);
    return sd;
}

static void
check_messages(bool abstract)
{
    struct manager m;
    struct sdnotify *sd;
    char buf[512];

    start_manager(&m, abstract);
    sd = create();
    assert_int_equal(sdnotify_ready(sd), 0);
    assert_string_equal(receive(&m, buf, sizeof buf), "READY=1");
    assert_int_equal(sdnotify_stopping(sd), 0);
    assert_string_equal(receive(&m, buf, sizeof buf), "STOPPING=1");
    assert_int_equal(sdnotify_alive(sd), 0);
    assert_string_equal(receive(&m, buf, sizeof buf), "WATCHDOG=1");
    assert_int_equal(recv(m.fd, buf, sizeof buf, 0), -1);
    sdnotify_destroy(sd);
    stop_manager(&m);
}

static void
messages_reach_a_path_socket(void **state)
{
    check_messages(false);
}

static void
messages_reach_an_abstract_socket(void **state)
{
    check_messages(true);
}

static uint64_t
monotonic_usec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
reloading_carries_the_time(void **state)
{
    struct manager m;
    struct sdnotify *sd;
    char buf[512];
    uint64_t before, told;
    int end = 0;

    start_manager(&m, false);
    sd = create();
    before = monotonic_usec();
    assert_int_equal(sdnotify_reloading(sd), 0);
    receive(&m, buf, sizeof buf);
    assert_int_equal(sscanf(buf, "RELOADING=1\nMONOTONIC_USEC=%" SCNu64 "%n",
                            &told, &end), 1);
    assert_int_equal(buf[end], '\0');
    assert_true(before <= told && told <= monotonic_usec());
    sdnotify_destroy(sd);
    stop_manager(&m);
}

static void
nobody_to_tell_is_no_error(void **state)
{
    struct sdnotify *sd;

    unsetenv("NOTIFY_SOCKET");
    sd = create();
    assert_int_equal(sdnotify_ready(sd), 0);
    assert_int_equal(sdnotify_reloading(sd), 0);
    assert_int_equal(sdnotify_watchdog_usec(sd), 0);
    sdnotify_destroy(sd);
    setenv("NOTIFY_SOCKET", "", 1);
    sd = create();
    assert_int_equal(sdnotify_ready(sd), 0);
    sdnotify_destroy(sd);
    sdnotify_destroy(NULL);
}

static void
manager_that_is_gone_is_an_error(void **state)
{
    struct manager m;
    struct sdnotify *sd;

    start_manager(&m, false);
    sd = create();
    stop_manager(&m);
    assert_int_equal(sdnotify_ready(sd), ENOENT);
    sdnotify_destroy(sd);
}

static void
manager_that_does_not_read_never_blocks(void **state)
{
    struct manager m;
    struct sdnotify *sd;
    int error = 0;

    start_manager(&m, false);
    sd = create();
    for (int i = 0; i < 100000 && !error; i++) {
        error = sdnotify_alive(sd);
    }
    assert_int_equal(error, EAGAIN);
    sdnotify_destroy(sd);
    stop_manager(&m);
}

static void
unusable_names_are_told(void **state)
{
    static const struct { size_t len; char first; int error; } cases[] = {
        { 1, '/', EAFNOSUPPORT },
        { 1, '@', EAFNOSUPPORT },
        { 5, 'x', EAFNOSUPPORT },
        { 107, '/', 0 },
        { 108, '/', ENAMETOOLONG },
        { 108, '@', 0 },
        { 109, '@', ENAMETOOLONG },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[128] = "";
        struct sdnotify *sd;
        int error;

        memset(name, 'n', cases[i].len);
        name[0] = cases[i].first;
        setenv("NOTIFY_SOCKET", name, 1);
        sd = sdnotify_create(&error);
        assert_non_null(sd);
        assert_int_equal(error, cases[i].error);
        if (error) {
            assert_int_equal(sdnotify_ready(sd), 0);
        }
        sdnotify_destroy(sd);
    }
}

static void
watchdog_is_ours_alone(void **state)
{
    char self[24], other[24];
    snprintf(self, sizeof self, "%d", (int) getpid());
    snprintf(other, sizeof other, "%d", (int) getpid() + 1);
    const struct { const char *usec, *pid; uint64_t expected; } cases[] = {
        { NULL, NULL, 0 },
        { "3000000", NULL, 3000000 },
        { "3000000", self, 3000000 },
        { "3000000", other, 0 },
        { "3000000", "", 0 },
        { "3000000", "x", 0 },
        { "0", NULL, 0 },
        { "", NULL, 0 },
        { "-1", NULL, 0 },
        { " 1", NULL, 0 },
        { "1s", NULL, 0 },
        { "18446744073709551615", NULL, UINT64_MAX },
        { "18446744073709551616", NULL, 0 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sdnotify *sd;

        unsetenv("WATCHDOG_USEC");
        unsetenv("WATCHDOG_PID");
        if (cases[i].usec) {
            setenv("WATCHDOG_USEC", cases[i].usec, 1);
        }
        if (cases[i].pid) {
            setenv("WATCHDOG_PID", cases[i].pid, 1);
        }
        sd = create();
        assert_true(sdnotify_watchdog_usec(sd) == cases[i].expected);
        assert_null(getenv("WATCHDOG_USEC"));
        assert_null(getenv("WATCHDOG_PID"));
        sdnotify_destroy(sd);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_reach_a_path_socket),
        cmocka_unit_test(messages_reach_an_abstract_socket),
        cmocka_unit_test(reloading_carries_the_time),
        cmocka_unit_test(nobody_to_tell_is_no_error),
        cmocka_unit_test(manager_that_is_gone_is_an_error),
        cmocka_unit_test(manager_that_does_not_read_never_blocks),
        cmocka_unit_test(unusable_names_are_told),
        cmocka_unit_test(watchdog_is_ours_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
