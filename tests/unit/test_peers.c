/* cluster/peers: connections between controllers, on loopback. */
#include <config.h>

#include "controller/cluster/peers.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include <event2/event.h>

#include <firsthop/buf.h>

#include "controller/base/clock.h"
#include "controller/base/log.h"
#include "controller/cluster/link.h"
#include "controller/cluster/message.h"

#define LONG_LEN  300000
#define WAIT_MS   20000

/* One controller, and what it was told. */
struct side {
    struct fixture *f;
    struct peers *peers;
    char address[32];
    int n_up, n_down, n_beats, n_requests, n_answers;
    char name[LEAD_NAME_LEN];
    struct lead_beat beat;
    int64_t clock_ms;
    uint32_t number;            /* Of the last request. */
    struct fh_buf text;         /* Of the last request, or answer. */
    bool gone;                  /* The last answer was none. */
};

struct fixture {
    struct event_base *base;
    struct side a, b;
};

static void
on_up(void *side_, size_t peer, const char *name)
{
    struct side *side = side_;

    side->n_up++;
    snprintf(side->name, sizeof side->name, "%s", name);
}

static void
on_down(void *side_, size_t peer, const char *why)
{
    struct side *side = side_;

    side->n_down++;
}

static void
on_beat(void *side_, size_t peer, const struct lead_beat *beat,
        int64_t clock_ms)
{
    struct side *side = side_;

    side->n_beats++;
    side->beat = *beat;
    side->clock_ms = clock_ms;
}

static void
on_request(void *side_, size_t peer, uint32_t number, const uint8_t *text,
           size_t len)
{
    struct side *side = side_;

    side->n_requests++;
    side->number = number;
    fh_buf_clear(&side->text);
    fh_buf_append(&side->text, text, len);
}

static void
on_answer(void *side_, const uint8_t *text, size_t len)
{
    struct side *side = side_;

    side->n_answers++;
    side->gone = !text;
    fh_buf_clear(&side->text);
    if (text) {
        fh_buf_append(&side->text, text, len);
    }
}

static void
create(struct side *side, const char *name, struct side *other)
{
    static const struct peers_handler handler = {
        on_up, on_beat, on_down, on_request,
    };
    char *addresses[] = { other->address };
    const struct peers_options options = {
        .name = name, .address = side->address, .addresses = addresses,
        .n = 1,
    };
    char *error = NULL;

    side->peers = peers_create(side->f->base, &options, &handler, side,
                               &error);
    assert_null(error);
    assert_non_null(side->peers);
}

/* An address of loopback, with a port that was free a moment ago. */
static void
choose_address(struct side *side, const char *ip)
{
    struct sockaddr_in sin = { .sin_family = AF_INET };
    socklen_t len = sizeof sin;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_false(bind(fd, (struct sockaddr *) &sin, sizeof sin));
    assert_false(getsockname(fd, (struct sockaddr *) &sin, &len));
    close(fd);
    snprintf(side->address, sizeof side->address, "%s:%u", ip,
             ntohs(sin.sin_port));
}

static int
set_up(void **state)
{
    struct fixture *f = fh_xcalloc(1, sizeof *f);

    alarm(60);
    log_set_level(LOG_LVL_ERR);
    f->base = event_base_new();
    f->a.f = f->b.f = f;
    choose_address(&f->a, "127.0.0.2");
    choose_address(&f->b, "127.0.0.3");
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    peers_destroy(f->a.peers);
    peers_destroy(f->b.peers);
    fh_buf_destroy(&f->a.text);
    fh_buf_destroy(&f->b.text);
    event_base_free(f->base);
    free(f);
    return 0;
}

#define run_until(F, CONDITION)                                             \
    for (int64_t end_ms = clock_mono_ms() + WAIT_MS; !(CONDITION);) {       \
        assert_true(clock_mono_ms() < end_ms);                              \
        event_base_loop((F)->base, EVLOOP_ONCE);                            \
    }

static void
connect_both(struct fixture *f)
{
    create(&f->a, "one", &f->b);
    create(&f->b, "two", &f->a);
    run_until(f, f->a.n_up && f->b.n_up);
}

static void
two_find_each_other_and_say_their_names(void **state)
{
    struct fixture *f = *state;

    connect_both(f);
    assert_string_equal(f->a.name, "two");
    assert_string_equal(f->b.name, "one");
    assert_null(peers_problem(f->a.peers, 0));
    assert_string_equal(peers_name(f->b.peers, 0), "one");
}

static void
a_heartbeat_arrives_as_it_was_sent(void **state)
{
    const struct lead_beat beat = { LEAD_LEADING, UINT64_C(1) << 40, 300,
                                    true, "two" };
    struct fixture *f = *state;

    connect_both(f);
    peers_send_beat(f->a.peers, &beat, 12345678901);
    run_until(f, f->b.n_beats);
    assert_int_equal(f->b.beat.state, LEAD_LEADING);
    assert_int_equal(f->b.beat.epoch, UINT64_C(1) << 40);
    assert_int_equal(f->b.beat.n_bridges, 300);
    assert_true(f->b.beat.database);
    assert_string_equal(f->b.beat.hand_to, "two");
    assert_int_equal(f->b.clock_ms, 12345678901);
}

/* In many frames, between which heartbeats pass. */
static void
a_long_request_and_its_answer_arrive_whole(void **state)
{
    const struct lead_beat beat = { LEAD_FOLLOWING, 1, 0, false, "" };
    struct fixture *f = *state;
    uint8_t *text = fh_xmalloc(LONG_LEN);

    for (size_t i = 0; i < LONG_LEN; i++) {
        text[i] = (uint8_t) (i * 7 + i / 256);
    }
    connect_both(f);
    assert_true(peers_ask(f->a.peers, 0, text, LONG_LEN, on_answer, &f->a));
    peers_send_beat(f->a.peers, &beat, 0);
    run_until(f, f->b.n_requests);
    assert_true(f->b.n_beats);          /* It did not wait. */
    assert_int_equal(f->b.text.len, LONG_LEN);
    assert_memory_equal(f->b.text.data, text, LONG_LEN);

    peers_answer(f->b.peers, 0, f->b.number, text + 1, LONG_LEN - 1);
    run_until(f, f->a.n_answers);
    assert_false(f->a.gone);
    assert_int_equal(f->a.text.len, LONG_LEN - 1);
    assert_memory_equal(f->a.text.data, text + 1, LONG_LEN - 1);
    peers_answer(f->b.peers, 0, f->b.number, "x", 1);   /* Once only. */
    assert_true(peers_ask(f->a.peers, 0, "y", 1, on_answer, &f->a));
    run_until(f, f->b.n_requests == 2);
    peers_answer(f->b.peers, 0, f->b.number, "z", 1);
    run_until(f, f->a.n_answers == 2);
    assert_memory_equal(f->a.text.data, "z", 1);
    free(text);
}

static void
who_asks_one_that_goes_is_told(void **state)
{
    struct fixture *f = *state;

    connect_both(f);
    assert_true(peers_ask(f->a.peers, 0, "x", 1, on_answer, &f->a));
    run_until(f, f->b.n_requests);
    peers_destroy(f->b.peers);
    f->b.peers = NULL;
    run_until(f, f->a.n_down);
    assert_int_equal(f->a.n_answers, 1);
    assert_true(f->a.gone);
    assert_non_null(peers_problem(f->a.peers, 0));
    assert_false(peers_ask(f->a.peers, 0, "x", 1, on_answer, &f->a));

    create(&f->b, "two", &f->a);        /* It is found again. */
    run_until(f, f->a.n_up == 2);
}

/* A connection of our own to 'to', from 'ip'. */
static int
dial(const struct side *to, const char *ip)
{
    struct sockaddr_in from = { .sin_family = AF_INET }, sin = from;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char host[16];

    snprintf(host, sizeof host, "%.*s",
             (int) strcspn(to->address, ":"), to->address);
    evutil_inet_pton(AF_INET, ip, &from.sin_addr);
    evutil_inet_pton(AF_INET, host, &sin.sin_addr);
    sin.sin_port = htons((uint16_t) atoi(strchr(to->address, ':') + 1));
    assert_false(bind(fd, (struct sockaddr *) &from, sizeof from));
    assert_false(connect(fd, (struct sockaddr *) &sin, sizeof sin));
    evutil_make_socket_nonblocking(fd);
    return fd;
}

static bool
is_closed(int fd)
{
    char bytes[256];
    ssize_t n = recv(fd, bytes, sizeof bytes, 0);

    return !n || (n < 0 && errno != EAGAIN);
}

static void
strangers_are_turned_away(void **state)
{
    static const uint8_t bad[][32] = {
        { 0, 1, 0, 0, 0 },                              /* Too long. */
        { 0, 0, 0, 4, 0, 0, 0, 0 },                     /* Too short. */
        { 0, 0, 0, 5, 9, 0, 0, 0, 0 },                  /* No type. */
        { 0, 0, 0, 5, 0x81, 0, 0, 0, 0 },               /* A beat in parts. */
        { 0, 0, 0, 5, 0, 0, 0, 0, 0 },                  /* An empty hello. */
        { 0, 0, 0, 6, 0, 0, 0, 0, 0, 9 },               /* A version. */
        { 0, 0, 0, 7, 0, 0, 0, 0, 0, 1, 200 },          /* A name cut off. */
        { 0, 0, 0, 10, 0, 0, 0, 0, 0, 1, 1, 'x', 1, 'y' },  /* No peer. */
        { 0, 0, 0, 5, 2, 0, 0, 0, 0 },          /* A request before that. */
    };
    struct fixture *f = *state;
    int fd;

    create(&f->b, "two", &f->a);
    fd = dial(&f->b, "127.0.0.9");      /* From elsewhere. */
    run_until(f, is_closed(fd));
    close(fd);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fd = dial(&f->b, "127.0.0.2");
        assert_int_equal(send(fd, bad[i], 4 + bad[i][3], MSG_NOSIGNAL)
                         , 4 + bad[i][3]);
        run_until(f, is_closed(fd));
        close(fd);
    }
    assert_int_equal(f->b.n_up, 0);
    assert_int_equal(f->b.n_requests, 0);
}

/* Nobody could take a later one. */
static void
an_epoch_leaves_room_for_later_ones(void **state)
{
    struct lead_beat beat = { .state = LEAD_LEADING,
                              .epoch = LEAD_MAX_EPOCH }, got;
    uint8_t data[MESSAGE_MAX];
    int64_t clock_ms;

    assert_null(message_get_beat(data, message_put_beat(&beat, 1, data), &got,
                                 &clock_ms));
    assert_true(got.epoch == beat.epoch);
    beat.epoch++;
    assert_non_null(message_get_beat(data, message_put_beat(&beat, 1, data),
                                     &got, &clock_ms));
}

/* It would be the leader's, in JSON. */
static void
a_name_is_one_that_a_configuration_may_have(void **state)
{
    static const char *const none[] = { "a\xff", "a b", "a\n", "\"" };
    struct message_hello hello = { "c-1.x_Y", "192.0.2.1:6650" }, got;
    uint8_t data[MESSAGE_MAX];

    assert_null(message_get_hello(data, message_put_hello(&hello, data),
                                  &got));
    assert_string_equal(got.name, hello.name);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        snprintf(hello.name, sizeof hello.name, "%s", none[i]);
        assert_non_null(message_get_hello(
            data, message_put_hello(&hello, data), &got));
    }
}

/* Two of one name would both take the epoch for theirs. */
static void
one_of_the_same_name_is_not_a_peer(void **state)
{
    struct fixture *f = *state;

    create(&f->a, "one", &f->b);
    create(&f->b, "one", &f->a);
    run_until(f, strstr(peers_problem(f->a.peers, 0), "same name")
              || strstr(peers_problem(f->a.peers, 0), "closed"));
    assert_int_equal(f->a.n_up + f->b.n_up, 0);
}

/* It says hello and closes: another has its address, or it knows us by none. */
static void
one_that_comes_and_goes_is_dialled_ever_more_seldom(void **state)
{
    struct fixture *f = *state;
    uint8_t hello[64] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 't', 'w', 'o' };
    size_t len = strlen(f->b.address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int64_t begin_ms = clock_mono_ms();
    struct sockaddr_storage ss;
    int ss_len = sizeof ss, on = 1;

    hello[3] = (uint8_t) (5 + 1 + 4 + 1 + len);
    hello[14] = (uint8_t) len;
    memcpy(hello + 15, f->b.address, len);
    assert_false(evutil_parse_sockaddr_port(f->b.address,
                                            (struct sockaddr *) &ss,
                                            &ss_len));
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    assert_false(bind(listener, (struct sockaddr *) &ss, (socklen_t) ss_len));
    assert_false(listen(listener, 5));
    create(&f->a, "one", &f->b);
    for (int i = 1; i <= 5; i++) {
        int fd = -1;

        run_until(f, (fd = accept(listener, NULL, NULL)) >= 0);
        assert_int_equal(send(fd, hello, 15 + len, MSG_NOSIGNAL), 15 + len);
        run_until(f, f->a.n_up == i);
        close(fd);
        run_until(f, f->a.n_down == i);
    }
    /* 50, 100, 200 and 400 ms apart. */
    assert_true(clock_mono_ms() - begin_ms >= 750);
    close(listener);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(two_find_each_other_and_say_their_names),
        TEST(a_heartbeat_arrives_as_it_was_sent),
        TEST(a_long_request_and_its_answer_arrive_whole),
        TEST(who_asks_one_that_goes_is_told),
        TEST(strangers_are_turned_away),
        TEST(an_epoch_leaves_room_for_later_ones),
        TEST(a_name_is_one_that_a_configuration_may_have),
        TEST(one_of_the_same_name_is_not_a_peer),
        TEST(one_that_comes_and_goes_is_dialled_ever_more_seldom),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
