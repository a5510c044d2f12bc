/* upstream_bgp over real named pipes: who reads, who does not, who dies. */
#include <config.h>

#include "controller/upstream/upstream_bgp.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <firsthop/buf.h>

#include "controller/net/router.h"

#define BEGIN "# firsthop begin\n"
#define END "# firsthop end\n"
#define ROUTE(CLIENT, HOP) \
    "announce route 10.0.0." CLIENT "/32 next-hop 192.0.2." HOP \
    " local-preference 150 community [65000:100]\n"

struct fixture {
    struct event_base *base;
    struct upstream *u;
    char dir[32], in[64], out[64];
    const char *community;
    uint32_t local_preference;
    int reader;                 /* As firsthop-exabgp has it open. */
    int sayer;
    char text[1 << 20];         /* All that was read since take(). */
    size_t len;
    int n_up, n_down;
    char detail[96];
};

static void
on_event(bool up, const char *detail, void *f_)
{
    struct fixture *f = f_;

    f->n_up += up;
    f->n_down += !up;
    snprintf(f->detail, sizeof f->detail, "%s", detail);
}

static int
setup(void **state)
{
    struct fixture *f = fh_xcalloc(1, sizeof *f);
    struct upstream_bgp_options options = { NULL, on_event, f };

    signal(SIGPIPE, SIG_IGN);
    strcpy(f->dir, "/tmp/fh-bgp-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->in, sizeof f->in, "%s/in", f->dir);
    snprintf(f->out, sizeof f->out, "%s/out", f->dir);
    f->community = "65000:100";
    f->local_preference = 150;
    f->base = event_base_new();
    options.base = f->base;
    f->u = upstream_bgp_create(&options);
    f->reader = f->sayer = -1;
    *state = f;
    return 0;
}

static void
close_reader(struct fixture *f)
{
    close(f->reader);
    close(f->sayer);
    f->reader = f->sayer = -1;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    close_reader(f);
    if (f->u) {
        f->u->ops->destroy(f->u);
    }
    event_base_free(f->base);
    unlink(f->in);
    unlink(f->out);
    rmdir(f->dir);
    free(f);
    return 0;
}

static struct fh_bgp_status
stats(const struct fixture *f)
{
    struct fh_bgp_status s;

    upstream_bgp_get_stats(f->u, &s);
    return s;
}

static void
turn(struct fixture *f)
{
    struct timeval tv = { 0, 5000 };

    event_base_loopexit(f->base, &tv);
    event_base_dispatch(f->base);
}

static void
read_some(struct fixture *f)
{
    ssize_t n;

    while (f->reader >= 0
           && (n = read(f->reader, f->text + f->len,
                        sizeof f->text - 1 - f->len)) > 0) {
        f->len += n;
        f->text[f->len] = '\0';
    }
}

/* Turns the loop, reading, until EXPR. */
#define UNTIL(F, EXPR)                                  \
    for (int turns_ = 0; !(EXPR); turns_++) {           \
        assert_true(turns_ < 2000);                     \
        turn(F);                                        \
        read_some(F);                                   \
    }

static void
take(struct fixture *f)
{
    f->len = 0;
    f->text[0] = '\0';
}

/* As firsthop-exabgp does it: hello first. */
static void
open_reader(struct fixture *f)
{
    if (mkfifo(f->out, 0660)) {
        assert_int_equal(errno, EEXIST);
    }
    if (mkfifo(f->in, 0660)) {
        assert_int_equal(errno, EEXIST);
    }
    f->sayer = open(f->out, O_RDWR | O_NONBLOCK);
    assert_int_equal(write(f->sayer, "hello\n", 6), 6);
    f->reader = open(f->in, O_RDWR | O_NONBLOCK);
    assert_true(f->reader >= 0);
}

static struct fh_route
route(struct fixture *f, uint32_t host, size_t member)
{
    struct fh_route route = {
        .client = { htonl(0x0a000000 + host) },
        .segment = 1, .segment_name = "metro", .decision = 1,
        .local_preference = f->local_preference,
        .community = f->community,
    };

    assert_true(fh_addr_parse(member ? "192.0.2.3" : "192.0.2.2",
                              &route.uplink.address));
    return route;
}

static void
announce(struct fixture *f, uint32_t host, size_t member)
{
    struct fh_route r = route(f, host, member);

    assert_true(f->u->ops->announce(f->u, &r, UPSTREAM_MOVED));
}

static void
withdraw(struct fixture *f, uint32_t host)
{
    struct fh_route r = route(f, host, 0);

    f->u->ops->withdraw(f->u, &r);
}

static void
connect_now(struct fixture *f, uint32_t settle_ms)
{
    open_reader(f);
    upstream_bgp_configure(f->u, f->in, f->out, settle_ms);
}

static void
the_table_comes_between_begin_and_end(void **state)
{
    struct fixture *f = *state;

    announce(f, 10, 0);
    announce(f, 11, 1);
    connect_now(f, 0);
    UNTIL(f, stats(f).synced);
    read_some(f);
    assert_string_equal(f->text, BEGIN ROUTE("10", "2") ROUTE("11", "3") END);
    assert_int_equal(f->n_up, 1);
    assert_int_equal(stats(f).n_routes, 2);
}

static void
a_move_is_one_announcement_and_no_withdrawal(void **state)
{
    struct fixture *f = *state;

    announce(f, 10, 0);
    connect_now(f, 0);
    UNTIL(f, stats(f).synced);
    read_some(f);
    take(f);
    announce(f, 10, 1);
    UNTIL(f, f->len);
    assert_string_equal(f->text, ROUTE("10", "3"));
}

static void
what_is_announced_already_is_not_sent_again(void **state)
{
    struct fixture *f = *state;

    announce(f, 10, 0);
    connect_now(f, 0);
    UNTIL(f, stats(f).synced);
    read_some(f);
    take(f);
    announce(f, 10, 0);
    announce(f, 11, 0);
    UNTIL(f, f->len);
    assert_string_equal(f->text, ROUTE("11", "2"));
}

/* The speaker of a controller that has died goes on with what it was told last:
 * the lowest MED is preferred, and is that of the last decision. */
static void
with_several_controllers_the_last_decision_is_preferred(void **state)
{
    struct fixture *f = *state;
    const struct upstream_bgp_options options = { f->base, NULL, NULL, true };
    struct fh_route r;

    f->u->ops->destroy(f->u);
    f->u = upstream_bgp_create(&options);
    f->community = NULL;
    announce(f, 10, 0);
    connect_now(f, 0);
    UNTIL(f, stats(f).synced);
    read_some(f);
    assert_string_equal(f->text, BEGIN "announce route 10.0.0.10/32 next-hop "
                        "192.0.2.2 med 4294967294 local-preference 150\n"
                        END);
    take(f);
    r = route(f, 10, 0);
    r.decision = 7;             /* The same router, later. */
    assert_true(f->u->ops->announce(f->u, &r, UPSTREAM_MOVED));
    UNTIL(f, f->len);
    assert_string_equal(f->text, "announce route 10.0.0.10/32 next-hop "
                        "192.0.2.2 med 4294967288 local-preference 150\n");
}

static void
no_community_is_none(void **state)
{
    struct fixture *f = *state;

    f->community = NULL;
    f->local_preference = UINT32_MAX;
    announce(f, 10, 0);
    connect_now(f, 0);
    UNTIL(f, stats(f).synced);
    read_some(f);
    assert_string_equal(f->text, BEGIN "announce route 10.0.0.10/32 next-hop "
                        "192.0.2.2 local-preference 4294967295\n" END);
}

static void
a_withdrawn_route_is_forgotten(void **state)
{
    struct fixture *f = *state;

    announce(f, 10, 0);
    connect_now(f, 0);
    UNTIL(f, stats(f).synced);
    read_some(f);
    take(f);
    withdraw(f, 10);
    withdraw(f, 10);
    withdraw(f, 11);
    UNTIL(f, f->len);
    turn(f);
    read_some(f);
    assert_string_equal(f->text,
                        "withdraw route 10.0.0.10/32 next-hop 192.0.2.2\n");
    assert_int_equal(stats(f).n_routes, 0);
    assert_int_equal(stats(f).n_dirty, 0);
}

static void
back_before_the_withdrawal_was_written_withdraws_nothing(void **state)
{
    struct fixture *f = *state;

    announce(f, 10, 0);
    connect_now(f, 0);
    UNTIL(f, stats(f).synced);
    read_some(f);
    take(f);
    withdraw(f, 10);
    announce(f, 10, 1);
    UNTIL(f, f->len);
    turn(f);
    read_some(f);
    assert_string_equal(f->text, ROUTE("10", "3"));
}

static void
before_it_is_settled_no_end_is_told(void **state)
{
    struct fixture *f = *state;

    announce(f, 10, 0);
    connect_now(f, 300);
    UNTIL(f, f->len);
    turn(f);
    read_some(f);
    assert_string_equal(f->text, BEGIN ROUTE("10", "2"));
    assert_false(stats(f).synced);
    announce(f, 11, 1);
    UNTIL(f, stats(f).synced);
    read_some(f);
    assert_string_equal(f->text, BEGIN ROUTE("10", "2") ROUTE("11", "3") END);
}

static void
a_reader_may_come_later(void **state)
{
    struct fixture *f = *state;

    upstream_bgp_configure(f->u, f->in, f->out, 0);
    announce(f, 10, 0);
    turn(f);
    assert_false(stats(f).up);
    assert_int_equal(stats(f).n_dirty, 1);
    open_reader(f);
    UNTIL(f, stats(f).synced);
    read_some(f);
    assert_string_equal(f->text, BEGIN ROUTE("10", "2") END);
    assert_int_equal(stats(f).syncs, 1);
}

static void
a_reader_that_dies_and_returns_gets_all_again(void **state)
{
    struct fixture *f = *state;

    announce(f, 10, 0);
    announce(f, 11, 0);
    connect_now(f, 0);
    UNTIL(f, stats(f).synced);
    close_reader(f);
    UNTIL(f, !stats(f).up);
    assert_int_equal(f->n_down, 1);
    announce(f, 10, 1);
    withdraw(f, 11);
    take(f);
    open_reader(f);
    UNTIL(f, stats(f).synced);
    read_some(f);
    assert_string_equal(f->text, BEGIN ROUTE("10", "3")
                        "withdraw route 10.0.0.11/32 next-hop 192.0.2.2\n"
                        END);
    assert_int_equal(f->n_up, 2);
}

/* The former reader's end of the pipe was never seen closed. */
static void
a_hello_from_another_reader_starts_anew(void **state)
{
    struct fixture *f = *state;
    int former;

    announce(f, 10, 0);
    connect_now(f, 0);
    UNTIL(f, stats(f).synced);
    former = f->reader;
    close(f->sayer);
    open_reader(f);
    close(former);
    read_some(f);
    take(f);
    UNTIL(f, stats(f).syncs == 2 && stats(f).synced);
    read_some(f);
    assert_string_equal(f->text, BEGIN ROUTE("10", "2") END);
}

/* Reads whole lines only, and notes in 'hops' the last byte of the next hop
 * that was named last for each host, 0 for none. */
static void
last_hops(const char *text, uint8_t *hops, size_t n)
{
    memset(hops, 0, n);
    while (*text) {
        const char *end = strchr(text, '\n');
        unsigned int a, b, c, hop;

        assert_non_null(end);
        if (sscanf(text, "announce route 10.%u.%u.%u/32 next-hop 192.0.2.%u ",
                   &a, &b, &c, &hop) == 4) {
            assert_true((a << 16 | b << 8 | c) < n);
            hops[a << 16 | b << 8 | c] = hop;
        } else if (sscanf(text, "withdraw route 10.%u.%u.%u/32 ", &a, &b,
                          &c) == 3) {
            assert_true((a << 16 | b << 8 | c) < n);
            hops[a << 16 | b << 8 | c] = 0;
        } else {
            assert_memory_equal(text, "# firsthop ", 11);
        }
        text = end + 1;
    }
}

/* A full pipe holds nothing up, and changes to what waits take no room.  Once
 * it is read, the last word about every route gets through. */
static void
a_blocked_pipe_costs_one_entry_a_route(void **state)
{
    enum { N = 5000, GONE = 100 };
    struct fixture *f = *state;
    uint8_t hops[N];

    for (uint32_t i = 0; i < N; i++) {
        announce(f, i, 0);
    }
    connect_now(f, 0);
    for (int i = 0; i < 20; i++) {
        turn(f);
    }
    assert_true(stats(f).n_dirty > N / 2);
    for (int round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < N; i++) {
            announce(f, i, round % 2 == 0);
        }
    }
    for (uint32_t i = 0; i < GONE; i++) {
        withdraw(f, i);
    }
    assert_int_equal(stats(f).n_routes, N - GONE);
    assert_true(stats(f).n_dirty <= N);
    announce(f, GONE, 1);
    UNTIL(f, stats(f).synced);
    read_some(f);

    last_hops(f->text, hops, N);
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(hops[i], i < GONE ? 0 : i == GONE ? 3 : 2);
    }
}

static void
withdrawals_that_nobody_reads_are_bounded(void **state)
{
    enum { N = UPSTREAM_BGP_MAX_GONE + 1000 };
    struct fixture *f = *state;

    upstream_bgp_configure(f->u, f->in, f->out, 0);
    for (uint32_t i = 0; i < N; i++) {
        announce(f, i, 0);
        withdraw(f, i);
    }
    assert_int_equal(stats(f).n_routes, 0);
    assert_int_equal(stats(f).n_dirty, UPSTREAM_BGP_MAX_GONE);
    open_reader(f);
    for (int i = 0; i < 2000 && !stats(f).synced; i++) {
        turn(f);
        read_some(f);
        take(f);
    }
    assert_true(stats(f).synced);
    assert_int_equal(stats(f).n_dirty, 0);
}

/* Too many withdrawals for a reader that is there but slow: told all again,
 * which is how it learns of those that were given up. */
static void
too_many_withdrawals_end_in_another_table(void **state)
{
    enum { N = UPSTREAM_BGP_MAX_GONE + 5000 };
    struct fixture *f = *state;

    announce(f, 0xfffffe, 1);
    connect_now(f, 0);
    UNTIL(f, stats(f).synced);
    read_some(f);
    for (uint32_t i = 0; i < N; i++) {
        announce(f, i, 0);
        withdraw(f, i);
    }
    for (int i = 0; i < 2000 && !(stats(f).syncs == 2 && stats(f).synced);
         i++) {
        turn(f);
        take(f);
        read_some(f);
    }
    assert_int_equal(stats(f).syncs, 2);
    assert_true(stats(f).synced);
    assert_non_null(strstr(f->text, "10.255.255.254/32 next-hop 192.0.2.3"));
    assert_non_null(strstr(f->text, END));
}

static void
what_the_speaker_says_is_heard(void **state)
{
    static const char said[] = "error\npeer 192.0.2.1 up\npeer 192.0.2.1 "
                               "down\nanything\n\n";
    struct fixture *f = *state;

    connect_now(f, 0);
    UNTIL(f, stats(f).synced);
    assert_int_equal(write(f->sayer, said, sizeof said - 1),
                     sizeof said - 1);
    UNTIL(f, f->n_down == 1);
    assert_int_equal(stats(f).errors, 1);
    assert_int_equal(f->n_up, 2);
    assert_string_equal(f->detail, "BGP peer 192.0.2.1 down");
}

static void
hear(struct fixture *f, const char *said)
{
    assert_int_equal(write(f->sayer, said, strlen(said)), strlen(said));
}

static void
peers_are_counted_and_told_when_they_change(void **state)
{
    struct fixture *f = *state;

    connect_now(f, 0);
    UNTIL(f, stats(f).synced);
    hear(f, "peer 192.0.2.1 down\npeer 192.0.2.1 down\n"
            "peer 192.0.2.5 up\npeer 192.0.2.5 up\npeer\nerror\n");
    UNTIL(f, stats(f).errors == 1);
    assert_int_equal(stats(f).n_peers, 2);
    assert_int_equal(stats(f).n_peers_up, 1);
    assert_int_equal(f->n_down, 1);
    assert_int_equal(f->n_up, 2);       /* The speaker itself, too. */
    close_reader(f);
    UNTIL(f, !stats(f).up);
    assert_int_equal(stats(f).n_peers, 0);
}

static void
more_peers_than_are_counted_do_no_harm(void **state)
{
    struct fixture *f = *state;

    connect_now(f, 0);
    UNTIL(f, stats(f).synced);
    for (int i = 1; i < 40; i++) {
        char line[64];

        snprintf(line, sizeof line, "peer 192.0.2.%d up\n", i);
        hear(f, line);
    }
    hear(f, "error\n");
    UNTIL(f, stats(f).errors == 1);
    assert_int_equal(stats(f).n_peers, 16);
    assert_int_equal(stats(f).n_peers_up, 16);
}

static void
endless_lines_do_no_harm(void **state)
{
    struct fixture *f = *state;
    char said[4096];

    connect_now(f, 0);
    UNTIL(f, stats(f).synced);
    memset(said, 'x', sizeof said);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(write(f->sayer, said, sizeof said), sizeof said);
        turn(f);
    }
    assert_int_equal(write(f->sayer, "\nerror\n", 7), 7);
    UNTIL(f, stats(f).errors == 1);
    assert_true(stats(f).up);
}

/* The pipe is never empty: another process fills it as fast as it can. */
static void
who_writes_without_end_stops_nobody(void **state)
{
    struct fixture *f = *state;
    char lines[65536];
    pid_t writer;

    connect_now(f, 0);
    memset(lines, '\n', sizeof lines);
    writer = fork();
    if (!writer) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        fcntl(f->sayer, F_SETFL, 0);
        while (write(f->sayer, lines, sizeof lines) > 0) {
        }
        _exit(0);
    }
    assert_true(writer > 0);
    alarm(60);                  /* It would turn for ever. */
    announce(f, 1, 2);
    UNTIL(f, stats(f).synced);
    for (int i = 0; i < 100; i++) {
        turn(f);
    }
    alarm(0);
    kill(writer, SIGKILL);
    waitpid(writer, NULL, 0);
}

static void
a_file_in_the_pipes_place_is_left_alone(void **state)
{
    struct fixture *f = *state;
    int fd = open(f->in, O_CREAT | O_WRONLY, 0600);
    struct stat st;

    close(fd);
    upstream_bgp_configure(f->u, f->in, f->out, 0);
    announce(f, 10, 0);
    turn(f);
    assert_false(stats(f).up);
    assert_int_equal(stat(f->in, &st), 0);
    assert_int_equal(st.st_size, 0);
}

static void
pipes_are_made_for_the_group(void **state)
{
    struct fixture *f = *state;
    mode_t former = umask(077);
    struct stat st;

    upstream_bgp_configure(f->u, f->in, f->out, 0);
    umask(former);
    assert_int_equal(stat(f->in, &st), 0);
    assert_int_equal(st.st_mode, S_IFIFO | 0660);
    assert_int_equal(stat(f->out, &st), 0);
    assert_int_equal(st.st_mode, S_IFIFO | 0660);
}

static void
other_pipes_get_the_table_too(void **state)
{
    struct fixture *f = *state;

    announce(f, 10, 0);
    connect_now(f, 0);
    UNTIL(f, stats(f).synced);
    close_reader(f);
    unlink(f->in);
    unlink(f->out);
    snprintf(f->in, sizeof f->in, "%s/in2", f->dir);
    snprintf(f->out, sizeof f->out, "%s/out2", f->dir);
    take(f);
    connect_now(f, 0);
    UNTIL(f, stats(f).syncs == 2 && stats(f).synced);
    read_some(f);
    assert_string_equal(f->text, BEGIN ROUTE("10", "2") END);
}

static void
a_speaker_that_is_not_wanted_any_more_withdraws_all(void **state)
{
    struct fixture *f = *state;

    announce(f, 10, 0);
    connect_now(f, 0);
    UNTIL(f, stats(f).synced);
    take(f);
    upstream_bgp_configure(f->u, NULL, NULL, 0);
    read_some(f);
    assert_string_equal(f->text, BEGIN END);
    assert_false(stats(f).up);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_table_comes_between_begin_and_end),
        TEST(a_move_is_one_announcement_and_no_withdrawal),
        TEST(what_is_announced_already_is_not_sent_again),
        TEST(with_several_controllers_the_last_decision_is_preferred),
        TEST(no_community_is_none),
        TEST(a_withdrawn_route_is_forgotten),
        TEST(back_before_the_withdrawal_was_written_withdraws_nothing),
        TEST(before_it_is_settled_no_end_is_told),
        TEST(a_reader_may_come_later),
        TEST(a_reader_that_dies_and_returns_gets_all_again),
        TEST(a_hello_from_another_reader_starts_anew),
        TEST(a_blocked_pipe_costs_one_entry_a_route),
        TEST(withdrawals_that_nobody_reads_are_bounded),
        TEST(too_many_withdrawals_end_in_another_table),
        TEST(what_the_speaker_says_is_heard),
        TEST(peers_are_counted_and_told_when_they_change),
        TEST(more_peers_than_are_counted_do_no_harm),
        TEST(endless_lines_do_no_harm),
        TEST(who_writes_without_end_stops_nobody),
        TEST(a_file_in_the_pipes_place_is_left_alone),
        TEST(pipes_are_made_for_the_group),
        TEST(other_pipes_get_the_table_too),
        TEST(a_speaker_that_is_not_wanted_any_more_withdraws_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
