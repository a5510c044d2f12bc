/* What the engine does where somebody speaks as a router or as a client, where
 * a client does not listen, and where a bridge cannot read what it should. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/rig.h"

#define C "10.0.0.10"
#define C_MAC "02:00:00:00:01:0a"
#define D "10.0.0.11"
#define D_MAC "02:00:00:00:01:0b"
#define FORGER "02:00:00:00:09:01"
#define A_MAC "02:00:00:00:00:0a"

#define TOLD_GATEWAY "A tells "C" that it has 10.0.0.1 port 1\n"
#define TOLD_UPLINK "A tells 192.0.2.2 that it has 192.0.2.2 port 9\n"

static struct rig *
one_client(const char *segment)
{
    struct rig *rig = rig_create_connected(segment);

    rig_add_host(rig, C, C_MAC);
    rig_add_host(rig, D, D_MAC);
    rig_serve(rig, C, C_MAC);
    return rig;
}

/* "That address is mine", says it to everybody, or to C alone. */
static void
claim(struct rig *rig, uint32_t port, const char *mac, const char *address,
      bool to_all)
{
    const struct rig_arp arp = {
        .router = "A", .port = port, .reply = !to_all, .to_all = to_all,
        .sha = mac, .spa = address,
        .tha = to_all ? NULL : C_MAC, .tpa = to_all ? address : C,
    };

    rig_arp(rig, &arp);
}

static size_t
count(const char *text, const char *part)
{
    size_t n = 0;

    for (; (text = strstr(text, part)); text += strlen(part)) {
        n++;
    }
    return n;
}

/* Forgers. */

static void
clients_are_told_again_where_their_gateway_is(void **state)
{
    struct rig *rig = one_client(NULL);
    const char *said;

    claim(rig, RIG_ACCESS, FORGER, "10.0.0.1", true);
    rig_run(rig, 50);
    said = rig_said(rig);
    assert_int_equal(count(said, "event gateway.conflict"), 1);
    assert_int_equal(count(said, TOLD_GATEWAY), 1);

    /* However often: once more when the pause is over. */
    for (int i = 0; i < 5; i++) {
        claim(rig, RIG_ACCESS, FORGER, "10.0.0.1", true);
    }
    assert_string_equal(rig_said(rig), "");
    rig_run(rig, 500);
    said = rig_said(rig);
    assert_int_equal(count(said, TOLD_GATEWAY), 1);
    assert_int_equal(count(said, "event "), 0);
    rig_end(rig);
}

static void
what_only_one_has_heard_is_not_answered_to_all(void **state)
{
    struct rig *rig = one_client(NULL);
    const char *said;

    claim(rig, RIG_ACCESS, FORGER, "10.0.0.1", false);
    rig_run(rig, 500);
    said = rig_said(rig);
    assert_int_equal(count(said, "event gateway.conflict"), 1);
    assert_int_equal(count(said, TOLD_GATEWAY), 0);
    rig_end(rig);
}

static void
who_was_answered_for_a_client_is_told_again(void **state)
{
    const struct rig_arp ask = { .router = "A", .port = RIG_ACCESS,
                                 .sha = C_MAC, .spa = C, .tpa = D };
    struct rig *rig = one_client(NULL);

    rig_serve(rig, D, D_MAC);
    rig_arp(rig, &ask);
    rig_run(rig, 10);
    assert_int_equal(count(rig_said(rig), "answers "C" for "D), 1);
    claim(rig, RIG_OTHER_ACCESS, FORGER, D, true);
    rig_run(rig, 50);
    assert_int_equal(count(rig_said(rig),
                           "A tells "C" that it has "D" port 1\n"), 1);
    rig_end(rig);
}

static void
neighbours_of_a_shared_lan_defend_themselves(void **state)
{
    struct rig *rig = one_client("{\"proxy_arp\": \"gateway\"}");

    rig_serve(rig, D, D_MAC);
    claim(rig, RIG_OTHER_ACCESS, FORGER, D, true);
    rig_run(rig, 50);
    assert_int_equal(count(rig_said(rig), "A tells "C" that it has "D), 0);
    rig_end(rig);
}

static void
the_core_is_told_again_where_a_client_is(void **state)
{
    struct rig *rig = one_client(NULL);
    const char *said;

    claim(rig, RIG_UPLINK, FORGER, C, true);
    rig_run(rig, 50);
    said = rig_said(rig);
    assert_int_equal(count(said, "event client.conflict "C), 1);
    assert_int_equal(count(said, "route "C" by A"), 1);
    claim(rig, RIG_UPLINK, FORGER, C, true);
    claim(rig, RIG_UPLINK, FORGER, C, true);
    rig_run(rig, 500);
    assert_int_equal(count(rig_said(rig), "route "C" by A"), 1);
    rig_end(rig);
}

static void
a_routers_own_address_is_defended_towards_the_core(void **state)
{
    struct rig *rig = one_client(NULL);
    const char *said;

    claim(rig, RIG_UPLINK, FORGER, "192.0.2.2", false);
    rig_run(rig, 50);
    said = rig_said(rig);
    assert_int_equal(count(said, "event router.conflict"), 1);
    assert_int_equal(count(said, TOLD_UPLINK), 0);
    claim(rig, RIG_UPLINK, FORGER, "192.0.2.2", true);
    claim(rig, RIG_UPLINK, FORGER, "192.0.2.2", true);
    rig_run(rig, 500);
    assert_string_equal(rig_said(rig), TOLD_UPLINK TOLD_UPLINK);
    rig_end(rig);
}

static void
a_routers_own_mac_is_defended_where_it_is_used(void **state)
{
    struct rig *rig = one_client(NULL);
    const char *said;

    claim(rig, RIG_UPLINK, A_MAC, "192.0.2.77", true);
    rig_run(rig, 10);
    said = rig_said(rig);
    assert_int_equal(count(said, "event router.conflict"), 1);
    assert_int_equal(count(said, TOLD_UPLINK), 1);
    claim(rig, RIG_ACCESS, A_MAC, "10.0.0.77", true);
    rig_run(rig, 10);
    said = rig_said(rig);
    assert_int_equal(count(said, "event router.conflict"), 1);
    assert_int_equal(count(said, TOLD_UPLINK), 0);
    assert_int_equal(rig_dropped(rig, DROP_OWN_MAC), 2);
    assert_null(rig_client(rig, "10.0.0.77"));
    rig_end(rig);
}

/* A client that has acknowledged a move, but sends to the MAC before. */

#define STALE "hard_timeout=10 send_removed in_port=1 metadata=0x0 " \
              "eth_src="C_MAC" eth_dst="A_MAC

static struct rig *
moved_away(void)
{
    struct rig *rig = one_client(NULL);

    rig_silence_host(rig, C, "A");
    rig_run(rig, 6000);
    assert_string_equal(rig_active(rig, C), "B");
    rig_said(rig);
    return rig;
}

static void
who_keeps_to_the_former_mac_is_told_of(void **state)
{
    struct rig *rig = moved_away();

    assert_true(rig_holds(rig, "B", STALE));
    rig_expire(rig, "B", STALE, 3);
    assert_int_equal(count(rig_said(rig), "event client.static "C), 1);
    assert_true(rig_client(rig, C)->is_static);
    assert_false(rig_holds(rig, "B", STALE));
    rig_end(rig);
}

static void
who_listens_is_not(void **state)
{
    struct rig *rig = moved_away();

    rig_expire(rig, "B", STALE, 0);
    assert_string_equal(rig_said(rig), "");
    assert_false(rig_client(rig, C)->is_static);
    rig_end(rig);
}

static void
what_was_counted_before_another_move_is_not_taken_for_it(void **state)
{
    struct rig *rig = moved_away();
    struct fh_flow flow = rig_flow(rig, "B", STALE);

    flow.cookie--;                      /* An earlier decision. */
    rig_removed(rig, "B", &flow, 3);
    assert_string_equal(rig_said(rig), "");
    assert_false(rig_client(rig, C)->is_static);
    rig_end(rig);
}

static void
who_has_moved_on_is_not_waited_for(void **state)
{
    struct rig *rig = moved_away();
    struct engine *en = rig_engine(rig);

    rig_add_host(rig, C, C_MAC);        /* Heard by A again. */
    rig_run(rig, 3000);
    assert_null(engine_move(en, rig_client(rig, C), 0));
    rig_run(rig, 100);
    assert_string_equal(rig_active(rig, C), "A");
    assert_false(rig_holds(rig, "B", STALE));
    rig_end(rig);
}

/* Two tags. */

#define PROVISIONED "\"clients\": [{\"address\": \""C"\", " \
                    "\"segment\": \"metro\", \"mac\": \""C_MAC"\"}]"

/* What the flow that counts ARP behind two tags says when it goes. */
static void
say_tags(struct rig *rig, const char *router, bool reads_two)
{
    const struct fh_flow check = { .cookie = fh_cookie(FH_KIND_CHECK, 0) };

    rig_removed(rig, router, &check, reads_two);
    rig_run(rig, 100);
}

static void
clients_with_two_tags_are_served_where_they_can_be_read(void **state)
{
    struct rig *rig = rig_create_connected("{\"vlan\": [200, 100], "
                                           PROVISIONED"}");

    rig_add_host(rig, C, C_MAC);
    say_tags(rig, "A", true);
    say_tags(rig, "B", true);
    rig_run(rig, 3000);
    assert_string_equal(rig_active(rig, C), "A");
    say_tags(rig, "A", false);
    assert_string_equal(rig_active(rig, C), "B");
    say_tags(rig, "B", false);          /* Nowhere is better. */
    rig_run(rig, 3000);
    assert_int_equal(rig_client(rig, C)->state, CLIENT_LOST);
    say_tags(rig, "A", true);
    rig_run(rig, 3000);
    assert_string_equal(rig_active(rig, C), "A");
    rig_end(rig);
}

static void
who_has_one_tag_is_served_all_the_same(void **state)
{
    struct rig *rig = one_client(NULL);

    say_tags(rig, "A", false);
    assert_string_equal(rig_active(rig, C), "A");
    assert_string_equal(rig_said(rig), "");
    rig_end(rig);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_are_told_again_where_their_gateway_is),
        cmocka_unit_test(what_only_one_has_heard_is_not_answered_to_all),
        cmocka_unit_test(who_was_answered_for_a_client_is_told_again),
        cmocka_unit_test(neighbours_of_a_shared_lan_defend_themselves),
        cmocka_unit_test(the_core_is_told_again_where_a_client_is),
        cmocka_unit_test(a_routers_own_address_is_defended_towards_the_core),
        cmocka_unit_test(a_routers_own_mac_is_defended_where_it_is_used),
        cmocka_unit_test(who_keeps_to_the_former_mac_is_told_of),
        cmocka_unit_test(who_listens_is_not),
        cmocka_unit_test(
            what_was_counted_before_another_move_is_not_taken_for_it),
        cmocka_unit_test(who_has_moved_on_is_not_waited_for),
        cmocka_unit_test(
            clients_with_two_tags_are_served_where_they_can_be_read),
        cmocka_unit_test(who_has_one_tag_is_served_all_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
