/* cluster/link: what may come by a connection, and when. */
#include <config.h>

#include "controller/cluster/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include <event2/event.h>

#include <firsthop/buf.h>

#include "controller/base/transport.h"

#define PART_LEN 16000
#define MANY     1000000        /* More turns than any of this takes. */

struct fixture {
    struct event_base *base;
    struct link *link;
    int fd;                     /* The far end. */
    size_t n_messages, len;     /* Of the last one. */
    bool closed;
};

static void
on_message(void *f_, enum link_type type, uint32_t number,
           const uint8_t *data, size_t len)
{
    struct fixture *f = f_;

    f->n_messages++;
    f->len = len;
}

static void
on_closed(void *f_, const char *why)
{
    struct fixture *f = f_;

    f->closed = true;
}

static int
set_up(void **state)
{
    static const struct link_handler handler = { on_message, on_closed };
    struct fixture *f = fh_xcalloc(1, sizeof *f);
    int fds[2];

    assert_false(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds));
    f->base = event_base_new();
    f->fd = fds[0];
    f->link = link_create(f->base, transport_plain(fds[1]), &handler, f);
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    link_destroy(f->link);
    close(f->fd);
    event_base_free(f->base);
    free(f);
    return 0;
}

/* A part of the request of that number, which may be the last. */
static void
send_part(struct fixture *f, uint8_t number, bool last)
{
    uint8_t frame[9 + PART_LEN] = { 0 };

    frame[2] = (PART_LEN + 5) >> 8;
    frame[3] = (uint8_t) (PART_LEN + 5);
    frame[4] = LINK_REQUEST | (last ? 0 : 0x80);
    frame[8] = number;
    assert_int_equal(send(f->fd, frame, sizeof frame, MSG_NOSIGNAL),
                     sizeof frame);
    for (int i = 0; i < 4; i++) {
        event_base_loop(f->base, EVLOOP_NONBLOCK);
    }
}

static void
nothing_long_is_kept_for_a_stranger(void **state)
{
    struct fixture *f = *state;

    send_part(f, 1, false);
    assert_true(f->closed);
    assert_int_equal(f->n_messages, 0);
}

static void
one_who_is_known_may_send_in_parts(void **state)
{
    struct fixture *f = *state;

    link_admit(f->link);
    for (int i = 0; i < 9; i++) {
        send_part(f, 1, false);
    }
    send_part(f, 1, true);
    assert_false(f->closed);
    assert_int_equal(f->n_messages, 1);
    assert_int_equal(f->len, 10 * PART_LEN);
}

/* Each may be long, but not all of them. */
static void
what_is_kept_of_all_together_is_bounded(void **state)
{
    struct fixture *f = *state;
    size_t sent = 0;

    link_admit(f->link);
    for (int i = 0; !f->closed && i < MANY; i++) {
        send_part(f, (uint8_t) (i % 4), false);
        sent += PART_LEN;
        assert_in_range(sent, 0, LINK_MAX_KEPT + PART_LEN);
    }
    assert_true(f->closed);
    assert_int_equal(f->n_messages, 0);
}

/* Who sends ends the connection if it does not look. */
static void
there_is_room_for_two_of_the_longest(void **state)
{
    struct fixture *f = *state;
    uint8_t *text = fh_xcalloc(1, LINK_MAX_LONG);

    assert_false(link_has_room(f->link, LINK_MAX_LONG + 1));
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(link_has_room(f->link, LINK_MAX_LONG));
        link_send(f->link, LINK_ANSWER, i, text, LINK_MAX_LONG);
    }
    assert_false(link_has_room(f->link, LINK_MAX_LONG));
    event_base_loop(f->base, EVLOOP_NONBLOCK);
    assert_false(f->closed);
    link_send(f->link, LINK_ANSWER, 2, text, LINK_MAX_LONG);
    event_base_loop(f->base, EVLOOP_NONBLOCK);
    assert_true(f->closed);
    free(text);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_long_is_kept_for_a_stranger),
        TEST(one_who_is_known_may_send_in_parts),
        TEST(what_is_kept_of_all_together_is_bounded),
        TEST(there_is_room_for_two_of_the_longest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
