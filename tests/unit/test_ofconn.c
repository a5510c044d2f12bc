/* controller/bridge/ofconn over real sockets, with a scripted bridge in the
 * same event loop: versions, handshake, echo, messages and ports. */
#include <config.h>

#include "controller/bridge/ofconn.h"
#include "controller/bridge/ofserver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "tests/unit/of_peer.h"

static void
peer_say_error(struct peer *p, uint32_t xid, uint8_t type, uint8_t code)
{
    uint8_t body[12] = { 0, type, 0, code };

    peer_say(p, ERROR, xid, body, sizeof body);
}

/* Versions. */

static void
a_bridge_with_all_versions_comes_to_1_4(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    start(f);
    peer_connect(f, &p);
    peer_say_hello(&p, 0x7e);
    run_until(f, has_message(&p));
    assert_int_equal(p.rx.data[0], OF_14);      /* Its hello's version. */
    assert_int_equal(get_be32(p.rx.data + 12), 0x30);   /* 1.3 and 1.4. */
    peer_expect(&p, HELLO);
    run_until(f, has_message(&p));
    assert_int_equal(p.rx.data[0], OF_14);
    peer_expect(&p, FEATURES_REQUEST);
    peer_close(&p);
}

static void
a_bridge_with_only_1_5_is_accepted(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    start(f);
    f->take = false;
    peer_connect(f, &p);
    p.version = OF_15;
    peer_say_hello(&p, 0x40);
    peer_expect(&p, HELLO);
    peer_say_features(&p, peer_expect(&p, FEATURES_REQUEST), 1, 0);
    run_until(f, f->n_identified);
    assert_int_equal(ofconn_version(f->conn), OF_15);
    assert_string_equal(ofconn_version_name(f->conn), "1.5");
    peer_close(&p);
}

static void
a_bridge_without_1_3_is_told_and_counted(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    start(f);
    peer_connect(f, &p);
    peer_say_hello(&p, 0x0e);
    peer_expect(&p, HELLO);
    run_until(f, has_message(&p));
    assert_int_equal(p.rx.data[0], 3);          /* It reads 1.2 at best. */
    peer_expect(&p, ERROR);
    run_until(f, p.eof);
    assert_int_equal(counters(f).refused, 1);
    assert_int_equal(f->n_closed, 0);           /* Was never identified. */
    peer_close(&p);
}

static void
a_bridge_that_waits_for_our_hello_gets_it(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    start(f);
    peer_connect(f, &p);
    run_until(f, has_message(&p));
    assert_int_equal(get_be32(p.rx.data + 12), 0x70);
    peer_expect(&p, HELLO);
    p.version = OF_15;          /* The highest common one, as ever. */
    peer_say_hello(&p, 0x70);
    peer_say_features(&p, peer_expect(&p, FEATURES_REQUEST), 1, 0);
    run_until(f, f->n_identified);
    assert_int_equal(ofconn_version(f->conn), OF_15);
    peer_close(&p);
}

/* Handshake. */

static void
a_bridge_that_nobody_takes_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct peer p;
    uint8_t body[4] = "ping";

    start(f);
    f->take = false;
    peer_connect(f, &p);
    peer_identify(&p, 10);
    assert_int_equal(ofconn_dpid(f->conn), 10);
    assert_false(ofconn_is_ready(f->conn));
    peer_say(&p, BARRIER_REPLY, 1, NULL, 0);
    peer_say(&p, ECHO_REQUEST, 77, body, sizeof body);
    run_until(f, has_message(&p));
    assert_memory_equal(p.rx.data + 8, body, 4);
    assert_int_equal(peer_expect(&p, ECHO_REPLY), 77);
    assert_int_equal(p.rx.len, 0);
    assert_int_equal(f->n_messages, 0);
    peer_close(&p);
}

static void
a_taken_bridge_is_set_up_and_ready(void **state)
{
    struct fixture *f = *state;
    struct peer p;
    size_t n;

    start(f);
    peer_connect(f, &p);
    peer_become_ready(&p);
    assert_true(ofconn_is_ready(f->conn));
    ofconn_ports(f->conn, &n);
    assert_int_equal(n, 2);
    assert_true(ofconn_port_by_name(f->conn, "access")->up);
    assert_false(ofconn_port_by_number(f->conn, 2)->up);
    assert_null(ofconn_port_by_name(f->conn, "other"));
    peer_close(&p);
}

static void
byte_by_byte_is_as_good_as_in_one_piece(void **state)
{
    struct fixture *f = *state;
    struct fh_buf buf = { 0 };
    uint8_t features[24] = { [7] = 9, [12] = 254 };
    struct peer p;

    start(f);
    f->take = false;
    peer_connect(f, &p);
    ofcodec_put_hello_versions(&buf, 1, 0x20);
    append_message(&buf, OF_14, FEATURES_REPLY, 2, features, sizeof features);
    for (size_t i = 0; i < buf.len; i++) {
        uint64_t before = counters(f).bytes_in;

        peer_send(&p, buf.data + i, 1);
        run_until(f, counters(f).bytes_in > before);
    }
    run_until(f, f->n_identified);
    assert_int_equal(ofconn_dpid(f->conn), 9);
    assert_int_equal(counters(f).messages_in, 2);
    fh_buf_destroy(&buf);
    peer_close(&p);
}

static void
all_in_one_piece_is_as_good_as_in_turn(void **state)
{
    struct fixture *f = *state;
    struct fh_buf buf = { 0 };
    struct peer p;

    start(f);
    peer_connect(f, &p);
    peer_become_ready(&p);
    for (uint32_t i = 1; i <= 10000; i++) {
        append_message(&buf, OF_14, BARRIER_REPLY, i, NULL, 0);
    }
    peer_send(&p, buf.data, buf.len);
    run_until(f, f->n_messages == 10000);
    assert_int_equal(f->last_xid, 10000);
    fh_buf_destroy(&buf);
    peer_close(&p);
}

static void
idle_comes_once_behind_what_was_read_and_its_answers_go_out(void **state)
{
    struct fixture *f = *state;
    struct fh_buf buf = { 0 };
    struct peer p;
    int n_idle;

    start(f);
    peer_connect(f, &p);
    peer_become_ready(&p);
    n_idle = f->n_idle;
    f->answer_in_idle = true;
    for (uint32_t i = 1; i <= 1000; i++) {
        append_message(&buf, OF_14, BARRIER_REPLY, i, NULL, 0);
    }
    peer_send(&p, buf.data, buf.len);
    run_until(f, f->n_messages == 1000);
    assert_int_equal(f->n_idle, n_idle + 1);
    assert_int_equal(peer_expect(&p, BARRIER_REQUEST), 4711);
    fh_buf_destroy(&buf);
    peer_close(&p);
}

static void
a_bridge_says_whether_it_has_had_a_master(void **state)
{
    struct fixture *f = *state;

    start(f);
    for (int i = 0; i < 2; i++) {
        struct peer p;

        peer_connect(f, &p);
        p.had_master = i;
        peer_become_ready(&p);
        assert_int_equal(ofconn_had_master(f->conn), i);
        peer_close(&p);
        run_until(f, f->n_closed == i + 1);
    }
}

static void
a_stale_generation_is_tried_again_with_a_larger_one(void **state)
{
    struct fixture *f = *state;
    uint64_t last = 0;
    struct peer p;

    start(f);
    peer_connect(f, &p);
    peer_identify(&p, 10);
    peer_expect(&p, ROLE_REQUEST);      /* What it is. */
    peer_say_ports(&p, peer_expect(&p, MULTIPART_REQUEST));
    peer_expect(&p, SET_CONFIG);
    peer_expect(&p, SET_ASYNC);
    for (int i = 0; i < 3; i++) {
        uint64_t generation;
        uint32_t xid;

        run_until(f, has_message(&p));
        generation = (uint64_t) get_be32(p.rx.data + 16) << 32
                     | get_be32(p.rx.data + 20);
        assert_true(generation > last);
        last = generation;
        xid = peer_expect(&p, ROLE_REQUEST);
        if (i < 2) {
            peer_say_error(&p, xid, OF_ERROR_ROLE_FAILED, OF_ERROR_ROLE_STALE);
        } else {
            peer_say_role(&p, xid);
        }
        peer_say(&p, BARRIER_REPLY, peer_expect(&p, BARRIER_REQUEST), NULL, 0);
    }
    run_until(f, f->n_ready);
    peer_close(&p);
}

/* Of several controllers. */

static uint64_t
asked_generation(struct peer *p)
{
    run_until(p->f, has_message(p));
    return ((uint64_t) get_be32(p->rx.data + 16) << 32
            | get_be32(p->rx.data + 20));
}

static void
peer_say_known_generation(struct peer *p, uint32_t xid, uint8_t role,
                          uint8_t generation)
{
    uint8_t body[16] = { 0, 0, 0, role, [15] = generation };

    peer_say(p, ROLE_REPLY, xid, body, sizeof body);
}

/* From identified to slave, under 'generation'. */
static void
peer_has_a_slave(struct peer *p, uint8_t generation)
{
    uint32_t xid;

    peer_expect(p, SET_ASYNC);
    peer_say_known_generation(p, peer_expect(p, ROLE_REQUEST), 1, generation);
    assert_int_equal(asked_generation(p), generation);
    assert_int_equal(get_be32(p->rx.data + 8), 3);      /* SLAVE */
    xid = peer_expect(p, ROLE_REQUEST);
    peer_say_known_generation(p, xid, 3, generation);
}

static void
a_follower_waits_as_a_slave_and_takes_the_bridge_under_its_epoch(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    f->take = false;
    start(f);
    peer_connect(f, &p);
    peer_identify(&p, 10);
    ofconn_follow(f->conn);
    peer_has_a_slave(&p, 7);
    assert_int_equal(f->n_ready, 0);
    peer_say(&p, BARRIER_REPLY, 1, NULL, 0);    /* So that all is read. */
    run_until(f, ofserver_known_generation(f->server) == 7);

    ofserver_set_generation(f->server, 9);
    ofconn_take(f->conn);
    peer_expect(&p, ROLE_REQUEST);              /* What it is. */
    peer_say_ports(&p, peer_expect(&p, MULTIPART_REQUEST));
    peer_expect(&p, SET_CONFIG);
    peer_expect(&p, SET_ASYNC);
    assert_int_equal(asked_generation(&p), 9);
    peer_say_role(&p, peer_expect(&p, ROLE_REQUEST));
    peer_say(&p, BARRIER_REPLY, peer_expect(&p, BARRIER_REQUEST), NULL, 0);
    run_until(f, f->n_ready == 1);
    assert_int_equal(f->n_refused, 0);

    /* Once, however often it comes to lead: the bridge keeps it. */
    ofconn_monitor_flows(f->conn);
    ofconn_monitor_flows(f->conn);
    peer_expect(&p, MULTIPART_REQUEST);

    peer_say_error(&p, 1, OF_ERROR_BAD_REQUEST, OF_ERROR_IS_SLAVE);
    run_until(f, f->n_refused == 1);            /* Another one has it now. */
    ofconn_follow(f->conn);
    peer_has_a_slave(&p, 11);
    peer_close(&p);
}

static void
an_epoch_that_is_stale_is_not_raised_but_told(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    start(f);
    ofserver_set_generation(f->server, 9);
    peer_connect(f, &p);
    peer_identify(&p, 10);
    peer_expect(&p, ROLE_REQUEST);              /* What it is. */
    peer_say_ports(&p, peer_expect(&p, MULTIPART_REQUEST));
    peer_expect(&p, SET_CONFIG);
    peer_expect(&p, SET_ASYNC);
    assert_int_equal(asked_generation(&p), 9);
    peer_say_error(&p, peer_expect(&p, ROLE_REQUEST), OF_ERROR_ROLE_FAILED,
                   OF_ERROR_ROLE_STALE);
    run_until(f, f->n_refused == 1);
    peer_expect(&p, BARRIER_REQUEST);
    peer_has_a_slave(&p, 12);                   /* It follows. */
    assert_int_equal(f->n_ready, 0);
    assert_int_equal(ofserver_known_generation(f->server), 12);
    peer_close(&p);
}

/* No epoch, a signed integer of the database, is ever higher: that bridge is
 * not led, the others are. */
static void
a_generation_that_no_epoch_passes_is_that_bridges_problem(void **state)
{
    static const uint8_t body[16] = { 0, 0, 0, 1, [8] = 0x80, [15] = 1 };
    struct fixture *f = *state;
    struct peer p;

    start(f);
    ofserver_set_generation(f->server, 9);
    peer_connect(f, &p);
    peer_identify(&p, 10);
    peer_say(&p, ROLE_REPLY, peer_expect(&p, ROLE_REQUEST), body,
             sizeof body);
    peer_say_ports(&p, peer_expect(&p, MULTIPART_REQUEST));
    peer_expect(&p, SET_CONFIG);
    peer_expect(&p, SET_ASYNC);
    peer_say_error(&p, peer_expect(&p, ROLE_REQUEST), OF_ERROR_ROLE_FAILED,
                   OF_ERROR_ROLE_STALE);
    run_until(f, f->n_closed == 1);
    assert_int_equal(f->n_refused, 0);
    assert_non_null(strstr(f->reason, "9223372036854775809"));
    peer_close(&p);

    f->take = false;                            /* Nor does a follower. */
    peer_connect(f, &p);
    peer_identify(&p, 10);
    ofconn_follow(f->conn);
    peer_expect(&p, SET_ASYNC);
    peer_say(&p, ROLE_REPLY, peer_expect(&p, ROLE_REQUEST), body,
             sizeof body);
    assert_int_equal(asked_generation(&p), UINT64_C(0x8000000000000001));
    assert_int_equal(ofserver_known_generation(f->server), 0);
    peer_close(&p);
}

static void
a_generation_that_stays_stale_ends_the_connection(void **state)
{
    struct fixture *f = *state;
    int n_asked = 0, n_tries = 0;
    struct peer p;

    start(f);
    peer_connect(f, &p);
    peer_identify(&p, 10);
    while (!f->n_closed) {
        run_until(f, has_message(&p) || p.eof);
        if (has_message(&p)) {
            int type = p.rx.data[1];
            uint32_t xid = peer_expect(&p, type);

            if (type == ROLE_REQUEST && n_asked++) {
                n_tries++;
                peer_say_error(&p, xid, OF_ERROR_ROLE_FAILED,
                               OF_ERROR_ROLE_STALE);
            }
        } else {
            run_until(f, f->n_closed);
        }
    }
    assert_in_range(n_tries, 2, 10);
    assert_string_equal(f->reason, "refused to be set up: OFPRRFC_STALE");
    peer_close(&p);
}

static void
the_generation_grows_with_each_take(void **state)
{
    struct fixture *f = *state;
    uint64_t generations[2];

    start(f);
    for (int i = 0; i < 2; i++) {
        struct peer p;

        peer_connect(f, &p);
        peer_identify(&p, 10);
        peer_expect(&p, ROLE_REQUEST);      /* What it is. */
        peer_expect(&p, MULTIPART_REQUEST);
        peer_expect(&p, SET_CONFIG);
        peer_expect(&p, SET_ASYNC);
        run_until(f, has_message(&p));
        generations[i] = (uint64_t) get_be32(p.rx.data + 16) << 32
                         | get_be32(p.rx.data + 20);
        peer_close(&p);
        run_until(f, f->n_closed == i + 1);
    }
    assert_true(generations[1] > generations[0]);
}

static void
a_handshake_that_takes_too_long_ends(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    f->config.handshake_ms = 30;
    start(f);
    peer_connect(f, &p);
    peer_say_hello(&p, 0x20);
    run_until(f, p.eof);
    peer_close(&p);

    peer_connect(f, &p);        /* Nor may the setup take for ever. */
    peer_identify(&p, 10);
    run_until(f, f->n_closed);
    assert_string_equal(f->reason, "handshake takes too long");
    peer_close(&p);
}

static void
an_auxiliary_connection_is_refused(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    start(f);
    peer_connect(f, &p);
    peer_say_hello(&p, 0x20);
    peer_expect(&p, HELLO);
    peer_say_features(&p, peer_expect(&p, FEATURES_REQUEST), 1, 1);
    run_until(f, p.eof);
    assert_int_equal(f->n_identified, 0);
    peer_close(&p);
}

static void
the_newer_of_two_with_one_datapath_can_win(void **state)
{
    struct fixture *f = *state;
    struct peer older, newer;

    start(f);
    f->take = false;
    f->close_older = true;
    peer_connect(f, &older);
    peer_identify(&older, 10);
    peer_connect(f, &newer);
    peer_identify(&newer, 10);
    run_until(f, f->n_closed);
    assert_string_equal(f->reason, "replaced");
    assert_non_null(f->conn);
    run_until(f, older.eof);
    assert_false(newer.eof);
    peer_close(&older);
    peer_close(&newer);
}

/* Echo. */

static void
a_silent_bridge_is_asked_then_dead(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    f->config.echo_interval_ms = 10;
    f->config.dead_after_ms = 50;
    start(f);
    f->take = false;
    peer_connect(f, &p);
    peer_identify(&p, 10);
    peer_expect(&p, ECHO_REQUEST);
    run_until(f, f->n_closed);
    assert_memory_equal(f->reason, "no sign of life for ", 20);
    assert_int_equal(counters(f).dead, 1);
    peer_close(&p);
}

static void
a_bridge_that_says_anything_lives(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    f->config.echo_interval_ms = 20;
    f->config.dead_after_ms = 500;
    start(f);
    peer_connect(f, &p);
    peer_become_ready(&p);
    for (int i = 0; i < 30; i++) {      /* Longer than dead_after_ms. */
        uint32_t xid = peer_expect(&p, ECHO_REQUEST);

        if (i % 2) {
            peer_say(&p, ECHO_REPLY, xid, NULL, 0);
        } else {
            peer_say(&p, BARRIER_REPLY, 1, NULL, 0);
        }
    }
    run_until(f, f->n_messages == 30);  /* The owner's fences among them. */
    assert_int_equal(f->n_closed, 0);
    peer_close(&p);
}

/* Messages and ports. */

static void
port_status_changes_the_list_and_is_told(void **state)
{
    struct fixture *f = *state;
    uint8_t body[8 + 40] = { 2 };       /* Modified. */
    struct peer p;
    size_t n;

    start(f);
    peer_connect(f, &p);
    peer_become_ready(&p);
    make_port(body + 8, 1, "access", false);
    peer_say(&p, PORT_STATUS, 0, body, sizeof body);
    run_until(f, f->n_ports == 1);
    assert_false(f->port.up);
    assert_false(f->port_deleted);
    assert_false(ofconn_port_by_number(f->conn, 1)->up);

    body[0] = 0;                        /* Added. */
    make_port(body + 8, 3, "new", true);
    peer_say(&p, PORT_STATUS, 0, body, sizeof body);
    run_until(f, f->n_ports == 2);
    assert_non_null(ofconn_port_by_name(f->conn, "new"));

    body[0] = 1;                        /* Deleted. */
    make_port(body + 8, 1, "access", false);
    peer_say(&p, PORT_STATUS, 0, body, sizeof body);
    run_until(f, f->n_ports == 3);
    assert_true(f->port_deleted);
    assert_null(ofconn_port_by_number(f->conn, 1));
    ofconn_ports(f->conn, &n);
    assert_int_equal(n, 2);
    assert_int_equal(f->n_messages, 0);
    peer_close(&p);
}

static void
a_meter_that_exists_is_no_news(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    start(f);
    peer_connect(f, &p);
    peer_become_ready(&p);
    peer_say_error(&p, 5, OF_ERROR_METER_FAILED, OF_ERROR_METER_EXISTS);
    peer_say_error(&p, 6, OF_ERROR_METER_FAILED, 2);
    run_until(f, f->n_messages);
    assert_int_equal(f->n_messages, 1);
    assert_int_equal(f->last_xid, 6);
    peer_close(&p);
}

static void
after_closing_nothing_is_called_but_closed(void **state)
{
    struct fixture *f = *state;
    struct fh_buf buf = { 0 };
    struct peer p;

    start(f);
    peer_connect(f, &p);
    peer_become_ready(&p);
    f->close_at_message = 3;
    for (uint32_t i = 1; i <= 10; i++) {
        append_message(&buf, OF_14, BARRIER_REPLY, i, NULL, 0);
    }
    peer_send(&p, buf.data, buf.len);
    run_until(f, f->n_closed);
    assert_int_equal(f->n_messages, 3);
    assert_string_equal(f->reason, "enough");
    fh_buf_destroy(&buf);
    peer_close(&p);
}

static void
count_conn(struct ofconn *conn, void *n_)
{
    int *n = n_;

    (*n)++;
    ofconn_close(conn, "counted");
}

static void
for_each_may_close(void **state)
{
    struct fixture *f = *state;
    struct peer peers[3];
    int n = 0;

    start(f);
    f->take = false;
    for (int i = 0; i < 3; i++) {
        peer_connect(f, &peers[i]);
        if (i < 2) {
            peer_identify(&peers[i], i);
        }
    }
    ofserver_for_each(f->server, count_conn, &n);
    assert_int_equal(n, 2);
    assert_int_equal(f->n_closed, 0);   /* From the event loop only. */
    run_until(f, f->n_closed == 2);
    for (int i = 0; i < 3; i++) {
        peer_close(&peers[i]);
    }
}

static void
the_end_of_the_server_closes_all(void **state)
{
    struct fixture *f = *state;
    struct peer p;

    start(f);
    peer_connect(f, &p);
    peer_become_ready(&p);
    ofserver_destroy(f->server);
    f->server = NULL;
    assert_int_equal(f->n_closed, 1);
    peer_close(&p);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_bridge_with_all_versions_comes_to_1_4),
        TEST(a_bridge_with_only_1_5_is_accepted),
        TEST(a_bridge_without_1_3_is_told_and_counted),
        TEST(a_bridge_that_waits_for_our_hello_gets_it),
        TEST(a_bridge_that_nobody_takes_is_left_alone),
        TEST(a_taken_bridge_is_set_up_and_ready),
        TEST(byte_by_byte_is_as_good_as_in_one_piece),
        TEST(all_in_one_piece_is_as_good_as_in_turn),
        TEST(idle_comes_once_behind_what_was_read_and_its_answers_go_out),
        TEST(a_bridge_says_whether_it_has_had_a_master),
        TEST(a_stale_generation_is_tried_again_with_a_larger_one),
        TEST(a_follower_waits_as_a_slave_and_takes_the_bridge_under_its_epoch),
        TEST(an_epoch_that_is_stale_is_not_raised_but_told),
        TEST(a_generation_that_no_epoch_passes_is_that_bridges_problem),
        TEST(a_generation_that_stays_stale_ends_the_connection),
        TEST(the_generation_grows_with_each_take),
        TEST(a_handshake_that_takes_too_long_ends),
        TEST(an_auxiliary_connection_is_refused),
        TEST(the_newer_of_two_with_one_datapath_can_win),
        TEST(a_silent_bridge_is_asked_then_dead),
        TEST(a_bridge_that_says_anything_lives),
        TEST(port_status_changes_the_list_and_is_told),
        TEST(a_meter_that_exists_is_no_news),
        TEST(after_closing_nothing_is_called_but_closed),
        TEST(for_each_may_close),
        TEST(the_end_of_the_server_closes_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
