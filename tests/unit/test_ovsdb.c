/* The OVSDB client: against conversations that were recorded from a real
 * server (tests/unit/ovsdb/record), and against servers that are worse. */
#include <config.h>

#include "controller/ovsdb/ovsdb.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <event2/event.h>

#include <firsthop/buf.h>

#include "controller/base/clock.h"
#include "controller/base/log.h"
#include "tests/unit/fake_ovsdb.h"

#define GIVE_UP_MS 20000
#define A "aaaaaaaa-2222-3333-4444-555555555555"
#define B "bbbbbbbb-2222-3333-4444-555555555555"

static const char schema_text[] =
    "{\"name\":\"Test\",\"version\":\"1.2.0\",\"tables\":{\"Thing\":"
    "{\"columns\":{\"name\":{\"type\":\"string\"},"
    "\"number\":{\"type\":\"integer\"}}}}}";

struct fixture {
    struct event_base *base;
    struct fake_ovsdb *servers[2];
    struct ovsdb *ovsdb;
    char told[16000];            /* What the handler was told. */
    size_t n_synced, n_up, n_down;
    bool leave_in_update;
};

/* What is told. */

static void
tell(struct fixture *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
tell(struct fixture *f, const char *format, ...)
{
    size_t len = strlen(f->told);
    va_list args;

    va_start(args, format);
    vsnprintf(f->told + len, sizeof f->told - len, format, args);
    va_end(args);
}

static void
on_up(void *f_, bool leads)
{
    struct fixture *f = f_;

    f->n_up++;
    tell(f, "up%s\n", leads ? " leads" : "");
}

static void
on_down(void *f_, const char *why)
{
    struct fixture *f = f_;
    const char *text = strstr(why, ": ");

    f->n_down++;
    tell(f, "down%s\n", text ? text : why);
}

static void
on_leads(void *f, bool leads)
{
    tell(f, "%s\n", leads ? "leads" : "follows");
}

static void
on_update(void *f_, const char *table, const char *uuid,
          const json_t *old_row, const json_t *new_row)
{
    struct fixture *f = f_;
    const json_t *row = new_row ? new_row : old_row;
    char *text = json_dumps(row, JSON_COMPACT);

    tell(f, "%c %s\n", !old_row ? '+' : !new_row ? '-' : '=', text);
    free(text);
    if (f->leave_in_update) {
        ovsdb_reconnect_elsewhere(f->ovsdb, "as the test wants it");
    }
}

static void
on_synced(void *f_)
{
    struct fixture *f = f_;

    f->n_synced++;
    tell(f, "synced\n");
}

static const struct ovsdb_handler handler = { on_up, on_down, on_leads,
                                              on_update, on_synced };

static void
on_done(void *f, enum ovsdb_outcome outcome, const json_t *results,
        const char *why)
{
    static const char *const names[] = { "committed", "unmet", "refused",
                                         "unknown" };

    assert_int_equal(outcome == OVSDB_COMMITTED, why == NULL);
    tell(f, "%s%s%.30s\n", names[outcome], why ? " " : "", why ? why : "");
}

/* Life. */

static int
setup(void **state)
{
    struct fixture *f = fh_xcalloc(1, sizeof *f);

    log_set_level(LOG_LVL_ERR);
    signal(SIGPIPE, SIG_IGN);
    f->base = event_base_new();
    for (int i = 0; i < 2; i++) {
        f->servers[i] = fake_ovsdb_create(f->base, schema_text);
    }
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    ovsdb_destroy(f->ovsdb);
    for (int i = 0; i < 2; i++) {
        fake_ovsdb_destroy(f->servers[i]);
    }
    event_base_free(f->base);
    free(f);
    return 0;
}

static void
on_timeout(evutil_socket_t fd, short what, void *late)
{
    *(bool *) late = true;
}

/* Runs the loop until 'condition' holds. */
#define WAIT_UNTIL(F, CONDITION)                                        \
    do {                                                                \
        struct timeval tv_ = { GIVE_UP_MS / 1000, 0 };                  \
        bool late_ = false;                                             \
        struct event *event_ = evtimer_new((F)->base, on_timeout,       \
                                           &late_);                     \
                                                                        \
        event_add(event_, &tv_);                                        \
        while (!(CONDITION) && !late_) {                                \
            event_base_loop((F)->base, EVLOOP_ONCE);                    \
        }                                                               \
        event_free(event_);                                             \
        if (late_) {                                                    \
            fail_msg("%s never comes; %s; told:\n%s", #CONDITION,       \
                     ovsdb_problem((F)->ovsdb), (F)->told);                                        \
        }                                                               \
    } while (0)

/* With 'n' servers; short times unless 'options' says others. */
static void
start(struct fixture *f, size_t n, struct ovsdb_options options)
{
    const char *servers[2] = { f->servers[0]->target, f->servers[1]->target };
    char *error = NULL;

    options.database = "Test";
    options.servers = servers;
    options.n_servers = n;
    options.monitor = (options.monitor ? options.monitor
                       : json_pack("{s[{s[ss]}]}", "Thing", "columns", "name",
                                   "number"));
    options.probe_ms = options.probe_ms ? options.probe_ms : 20;
    options.dead_ms = options.dead_ms ? options.dead_ms : 5000;
    options.retry_max_ms = options.retry_max_ms ? options.retry_max_ms : 40;
    f->ovsdb = ovsdb_create(f->base, &options, &handler, f, &error);
    json_decref(options.monitor);
    assert_string_equal(error ? error : "", "");
}

static uint64_t
transact(struct fixture *f)
{
    return ovsdb_transact(f->ovsdb, json_pack("[{ss}]", "op", "comment"),
                          on_done, f);
}

static void
assert_told(struct fixture *f, const char *expected)
{
    assert_string_equal(f->told, expected);
    f->told[0] = '\0';
}

/* Recorded conversations. */

struct play {
    struct fixture *f;
    struct fake_ovsdb *server;
    FILE *stream;
    size_t n_heard;             /* Of the server's, that were looked at. */
};

/* The next line: its mark, or 0 at the end; '*json' new. */
static char
next_line(struct play *play, json_t **json)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t n = getline(&line, &size, play->stream);
    char mark = n > 2 ? line[0] : 0;

    *json = mark ? json_loads(line + 2, JSON_DECODE_ANY, NULL) : NULL;
    free(line);
    return mark;
}

/* The client asks what was recorded, of its own accord or because we have it
 * transact the same. */
static void
play_question(struct play *play, json_t *question)
{
    const char *method = json_string_value(json_object_get(question,
                                                           "method"));
    struct fixture *f = play->f;

    if (!strcmp(method, "transact")) {
        json_t *operations = json_deep_copy(json_object_get(question,
                                                            "params"));

        json_array_remove(operations, 0);
        assert_int_equal(ovsdb_transact(f->ovsdb, operations, on_done, f),
                         json_integer_value(json_object_get(question, "id")));
    }
    WAIT_UNTIL(f, json_array_size(play->server->heard) > play->n_heard);
    assert_true(json_equal(json_array_get(play->server->heard,
                                          play->n_heard++), question));
}

/* The client has dealt with all that was sent when it answers to an echo. */
static void
play_pause(struct play *play)
{
    struct fake_ovsdb *server = play->server;

    if (server->fd >= 0) {
        fake_ovsdb_say(server, "{\"method\":\"echo\",\"params\":[],"
                       "\"id\":\"pause\"}");
        WAIT_UNTIL(play->f, server->fd < 0
                   || json_array_size(server->heard) > play->n_heard);
        play->n_heard += server->fd >= 0;
    }
}

/* A client that talks with what was recorded in 'name'. */
static void
play(struct fixture *f, const char *name, const char *version)
{
    const char *top = getenv("top_srcdir");
    char *path = fh_xasprintf("%s/tests/unit/ovsdb/%s.txt", top ? top : ".",
                              name);
    struct play play = { f, f->servers[0], fopen(path, "r"), 0 };
    bool answered = false;
    json_t *json;
    char mark;

    if (!play.stream) {
        fail_msg("%s cannot be read", path);
    }
    play.server->manual = true;
    start(f, 1, (struct ovsdb_options) {
        .version = version, .schema_path = "/x/schema", .probe_ms = 10000,
        .monitor = json_pack("{s[{s[ssssssss]}]}", "Thing", "columns", "name",
                             "number", "share", "on", "maybe", "many",
                             "words", "other"),
    });
    while ((mark = next_line(&play, &json))) {
        if (mark == '>' && answered) {
            play_pause(&play);
        }
        answered = mark == '<';
        if (mark == '>') {
            play_question(&play, json);
        } else if (mark == '<' && play.server->fd >= 0) {
            fake_ovsdb_send(play.server, json_incref(json));
        } else if (mark == '|') {
            play_pause(&play);
            fake_ovsdb_cut(play.server);
        }
        json_decref(json);
    }
    fclose(play.stream);
    free(path);
}

#define REST "\"share\":0.0,\"on\":false,\"maybe\":[\"set\",[]]," \
    "\"many\":[\"set\",[]],\"words\":[\"map\",[]],\"other\":[\"set\",[]]}\n"

static void
every_kind_of_value_is_followed(void **state)
{
    struct fixture *f = *state;
    const char *place;

    play(f, "values", "1.2.0");
    WAIT_UNTIL(f, f->n_down == 1);
    assert_non_null(strstr(f->told, "up leads\nsynced\n+ "));
    assert_non_null(strstr(
        f->told, "+ {\"name\":\"a\",\"number\":5,\"share\":0.5,\"on\":true,"
        "\"maybe\":[\"set\",[\"x\"]],\"many\":[\"set\",[1,2,3]],"
        "\"words\":[\"map\",[]],\"other\":[\"set\",[]]}\n"));
    assert_non_null(strstr(
        f->told, "= {\"name\":\"a\",\"number\":6,\"share\":0.5,\"on\":false,"
        "\"maybe\":[\"set\",[]],\"many\":[\"set\",[2,3,4]],"
        "\"words\":[\"map\",[]],\"other\":[\"set\",[]]}\n"));
    assert_non_null(strstr(
        f->told, "\"words\":[\"map\",[[\"l\",\"w\"],[\"m\",\"x\"]]]"));
    assert_non_null(strstr(
        f->told, "\"words\":[\"map\",[[\"l\",\"other\"],[\"m\",\"x\"]]]"));
    place = strstr(f->told, "unmet timed out: \"where\" clause");
    assert_non_null(place);
    place = strstr(place, "refused constraint violation: ");
    assert_non_null(place);
    place = strstr(place, "refused syntax error: ");
    assert_non_null(place);
    place = strstr(place, "- {\"name\":\"");
    assert_non_null(place);
    place = strstr(place, "synced\ncommitted\ndown: ");
    assert_non_null(place);
}

static void
who_comes_back_is_told_what_it_has_missed(void **state)
{
    struct fixture *f = *state;

    play(f, "returning", "1.1.0");
    assert_int_equal(f->n_up, 2);
    assert_non_null(strstr(
        f->told, "up leads\n= {\"name\":\"a\",\"number\":9," REST
        "+ {\"name\":\"b\",\"number\":2," REST "synced\n"));
}

static void
a_conversion_is_a_reason_to_ask_again(void **state)
{
    struct fixture *f = *state;

    play(f, "converted", NULL);
    WAIT_UNTIL(f, f->n_down == 1);
    assert_told(f, "up leads\nsynced\n"
                "down: the database is being converted\n");
}

static void
a_server_without_the_database_is_left(void **state)
{
    struct fixture *f = *state;
    struct fake_ovsdb *server = f->servers[0];
    json_t *question;

    server->manual = true;
    start(f, 1, (struct ovsdb_options) { .version = "1.0.0" });
    WAIT_UNTIL(f, json_array_size(server->heard) >= 3);
    question = fake_ovsdb_heard(server, "monitor_cond", 0);
    assert_non_null(question);
    fake_ovsdb_say(server, "{\"id\":\"server\",\"result\":{},"
                   "\"error\":null}");
    WAIT_UNTIL(f, server->n_accepted >= 2);
    assert_told(f, "");
    assert_non_null(strstr(ovsdb_problem(f->ovsdb), "no such database"));
}

/* Servers that are worse. */

static void
the_first_server_that_fits_is_taken(void **state)
{
    struct fixture *f = *state;

    f->servers[0]->connected = false;
    f->servers[1]->leads = false;
    start(f, 2, (struct ovsdb_options) { 0 });
    WAIT_UNTIL(f, f->n_synced == 1);
    assert_told(f, "up\nsynced\n");
    assert_true(ovsdb_is_up(f->ovsdb));
    assert_false(ovsdb_server_leads(f->ovsdb));
    assert_string_equal(ovsdb_server(f->ovsdb), f->servers[1]->target);
    assert_null(ovsdb_problem(f->ovsdb));
}

static void
a_schema_that_does_not_fit_is_told_with_what_mends_it(void **state)
{
    struct fixture *f = *state;
    char *expected = fh_xasprintf(
        "%s: its schema 1.2.0 is older than 1.3.0, which is needed: run "
        "ovsdb-client convert %s /x/schema", f->servers[0]->target,
        f->servers[0]->target);

    start(f, 1, (struct ovsdb_options) { .version = "1.3.0",
                                         .schema_path = "/x/schema" });
    WAIT_UNTIL(f, f->servers[0]->n_accepted >= 2);
    assert_told(f, "");
    assert_non_null(strstr(ovsdb_problem(f->ovsdb), expected));
    f->servers[0]->schema =
        "{\"version\":\"2.0.0\",\"tables\":{}}";
    WAIT_UNTIL(f, strstr(ovsdb_problem(f->ovsdb), "is newer than 1.3.0"));
    f->servers[0]->schema = "{\"version\":\"1.3.0\",\"tables\":{}}";
    WAIT_UNTIL(f, strstr(ovsdb_problem(f->ovsdb), "a schema without a"));
    f->servers[0]->schema = "nonsense";
    WAIT_UNTIL(f, strstr(ovsdb_problem(f->ovsdb), "no schema"));
    free(expected);
}

static void
who_leads_is_told_when_it_changes(void **state)
{
    struct fixture *f = *state;
    struct fake_ovsdb *server = f->servers[0];

    start(f, 1, (struct ovsdb_options) { 0 });
    WAIT_UNTIL(f, f->n_synced == 1);
    fake_ovsdb_say(server, "{\"method\":\"update2\",\"id\":null,\"params\":"
                   "[[\"_Server\"],{\"Database\":{\"" A "\":{\"modify\":"
                   "{\"leader\":false}}}}]}");
    WAIT_UNTIL(f, !ovsdb_server_leads(f->ovsdb));
    fake_ovsdb_say(server, "{\"method\":\"update2\",\"id\":null,\"params\":"
                   "[[\"_Server\"],{\"Database\":{\"" A "\":{\"modify\":"
                   "{\"connected\":false}}}}]}");
    WAIT_UNTIL(f, f->n_down == 1);
    assert_told(f, "up leads\nsynced\nfollows\n"
                "down: no contact to its cluster\n");
}

static void
a_server_that_is_lost_is_left_for_the_next(void **state)
{
    struct fixture *f = *state;

    start(f, 2, (struct ovsdb_options) { 0 });
    WAIT_UNTIL(f, f->n_synced == 1);
    f->servers[0]->mute = true;
    assert_true(transact(f));
    WAIT_UNTIL(f, fake_ovsdb_heard(f->servers[0], "transact", 0));
    fake_ovsdb_cut(f->servers[0]);
    WAIT_UNTIL(f, f->n_synced == 2);
    assert_non_null(strstr(f->told, "synced\nunknown tcp:127.0.0.1:"));
    assert_non_null(strstr(f->told,
                           "down: closed by the server\nup leads\nsynced\n"));
    assert_string_equal(f->servers[1]->since, f->servers[0]->txn);
}

static void
a_server_that_falls_silent_is_left(void **state)
{
    struct fixture *f = *state;

    start(f, 2, (struct ovsdb_options) { .probe_ms = 20, .dead_ms = 300 });
    WAIT_UNTIL(f, f->n_synced == 1);
    WAIT_UNTIL(f, fake_ovsdb_heard(f->servers[0], "echo", 0));
    assert_told(f, "up leads\nsynced\n");
    f->servers[0]->mute = true;
    WAIT_UNTIL(f, f->n_synced == 2);
    assert_told(f, "down: it does not answer\nup leads\nsynced\n");
    assert_string_equal(ovsdb_server(f->ovsdb), f->servers[1]->target);
}

/* Who has a reason need not wait for 'dead_ms'. */
static void
a_server_that_is_probed_is_left_soon_if_it_is_silent(void **state)
{
    struct fixture *f = *state;

    start(f, 2, (struct ovsdb_options) { .probe_ms = 60000,
                                         .dead_ms = 60000 });
    ovsdb_probe(f->ovsdb, 10);          /* There is none yet. */
    WAIT_UNTIL(f, f->n_synced == 1);
    assert_told(f, "up leads\nsynced\n");
    ovsdb_probe(f->ovsdb, 2000);
    WAIT_UNTIL(f, fake_ovsdb_heard(f->servers[0], "echo", 0));
    assert_told(f, "");
    f->servers[0]->mute = true;
    ovsdb_probe(f->ovsdb, 10);          /* The first one is under way. */
    ovsdb_reconnect_elsewhere(f->ovsdb, "test");
    WAIT_UNTIL(f, f->n_synced == 2);
    assert_told(f, "down: test\nup leads\nsynced\n");
    f->servers[1]->mute = true;
    f->servers[0]->mute = false;
    ovsdb_probe(f->ovsdb, 10);
    WAIT_UNTIL(f, f->n_synced == 3);
    assert_told(f, "down: it does not answer\nup leads\nsynced\n");
    assert_string_equal(ovsdb_server(f->ovsdb), f->servers[0]->target);
}

static void
a_server_that_never_says_what_it_is_is_left(void **state)
{
    struct fixture *f = *state;

    f->servers[0]->mute = true;
    start(f, 2, (struct ovsdb_options) { .dead_ms = 300 });
    WAIT_UNTIL(f, f->n_synced == 1);
    assert_string_equal(ovsdb_server(f->ovsdb), f->servers[1]->target);
}

static void
nobody_there_is_asked_again_and_again(void **state)
{
    struct fixture *f = *state;
    struct fake_ovsdb *late = f->servers[1];
    char target[64];

    fake_ovsdb_stop_listening(f->servers[0]);
    fake_ovsdb_stop_listening(late);
    snprintf(target, sizeof target, "%s", late->target);
    start(f, 2, (struct ovsdb_options) { .retry_min_ms = 1,
                                         .retry_max_ms = 4 });
    WAIT_UNTIL(f, strstr(ovsdb_problem(f->ovsdb), "Connection refused"));
    assert_int_equal(transact(f), 0);
    assert_told(f, "");
}

static void
older_data_are_not_gone_back_to(void **state)
{
    struct fixture *f = *state;

    f->servers[0]->index = 10;
    f->servers[1]->index = 9;
    start(f, 2, (struct ovsdb_options) { 0 });
    WAIT_UNTIL(f, f->n_synced == 1);
    ovsdb_reconnect_elsewhere(f->ovsdb, "to see");
    WAIT_UNTIL(f, f->n_synced == 2);
    assert_string_equal(ovsdb_server(f->ovsdb), f->servers[0]->target);
    assert_int_equal(f->servers[1]->n_accepted, 1);

    /* There is nothing better. */
    fake_ovsdb_stop_listening(f->servers[0]);
    fake_ovsdb_cut(f->servers[0]);
    WAIT_UNTIL(f, f->n_synced == 3);
    assert_string_equal(ovsdb_server(f->ovsdb), f->servers[1]->target);
}

static void
what_makes_no_sense_ends_the_connection(void **state)
{
    static const char *const bad[][2] = {
        { "[]", "a message that is no object" },
        { "{\"id\":null,\"method\":\"update3\",\"params\":5}",
          "a message without parameters" },
        { "{\"id\":99,\"result\":[],\"error\":null}",
          "an answer to no question" },
        { "{\"id\":\"who\",\"result\":{},\"error\":null}",
          "an answer to no question" },
        { "{}", "an answer to no question" },
        { "{\"id\":\"rows\",\"result\":[true,\"\",{}],\"error\":null}",
          "an answer of another form" },
        { "{\"id\":\"server\",\"result\":{},\"error\":null}",
          "an answer twice" },
        { "{\"id\":null,\"method\":\"update3\",\"params\":[[\"Test\"],"
          "\"x\",{}]}", "an update without a number" },
        { "{\"id\":null,\"method\":\"update3\",\"params\":[[\"Test\"],\"" A
          "\",{\"Other\":{}}]}",
          "an update of a table that is not monitored" },
        { "{\"id\":null,\"method\":\"update2\",\"params\":[[\"_Server\"],"
          "{\"Database\":{\"" A "\":{\"modify\":{\"schema\":\"{}\"}}}}]}",
          "its schema has changed" },
        { "{\"id\":null,\"method\":\"update2\",\"params\":[[\"_Server\"],"
          "{\"Database\":{\"" A "\":{\"delete\":null}}}]}",
          "no such database" },
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct fixture *f;
        void *own;

        setup(&own);
        f = own;
        start(f, 1, (struct ovsdb_options) { 0 });
        WAIT_UNTIL(f, f->n_synced == 1);
        f->told[0] = '\0';
        fake_ovsdb_say(f->servers[0], "%s", bad[i][0]);
        WAIT_UNTIL(f, f->n_down == 1);
        if (!strstr(f->told, bad[i][1])) {
            fail_msg("%s: %s", bad[i][0], f->told);
        }
        /* And the next one is as good as ever. */
        WAIT_UNTIL(f, f->n_synced == 2);
        teardown(&own);
    }
}

static void
half_a_message_waits_for_the_other_half(void **state)
{
    struct fixture *f = *state;
    struct fake_ovsdb *server = f->servers[0];

    start(f, 1, (struct ovsdb_options) { 0 });
    WAIT_UNTIL(f, f->n_synced == 1);
    fake_ovsdb_say(server, "{\"id\":null,\"method\":\"update3\",\"params\":"
                   "[[\"Test\"],\"" B "\",{\"Thing\":{\"" A);
    for (int i = 0; i < 5; i++) {
        event_base_loop(f->base, EVLOOP_NONBLOCK);
    }
    assert_told(f, "up leads\nsynced\n");
    fake_ovsdb_say(server, "\":{\"insert\":{\"name\":\"x\"}}}}]}");
    WAIT_UNTIL(f, f->n_synced == 2);
    assert_told(f, "+ {\"name\":\"x\",\"number\":0}\nsynced\n");
}

static void
an_update_that_is_refused_makes_it_ask_for_all(void **state)
{
    struct fixture *f = *state;
    struct fake_ovsdb *server = f->servers[0];

    start(f, 1, (struct ovsdb_options) { 0 });
    WAIT_UNTIL(f, f->n_synced == 1);
    fake_ovsdb_say(server, "{\"id\":null,\"method\":\"update3\",\"params\":"
                   "[[\"Test\"],\"" B "\",{\"Thing\":{\"" A "\":{\"modify\":"
                   "{\"number\":1}}}}]}");
    WAIT_UNTIL(f, f->n_synced == 2);
    assert_string_equal(server->since,
                        "00000000-0000-0000-0000-000000000000");
    assert_told(f, "up leads\nsynced\n"
                "down: a change of a row that is not there\n"
                "up leads\nsynced\n");
}

static void
who_leaves_while_being_told_is_not_told_more(void **state)
{
    struct fixture *f = *state;

    free(f->servers[0]->rows);
    f->servers[0]->rows = fh_xstrdup(
        "{\"Thing\":{\"" A "\":{\"initial\":{\"name\":\"x\"}}}}");
    f->servers[1]->txn = f->servers[0]->txn;
    f->servers[1]->found = true;
    f->leave_in_update = true;
    start(f, 2, (struct ovsdb_options) { 0 });
    WAIT_UNTIL(f, f->n_synced == 1);
    assert_told(f, "up leads\n+ {\"name\":\"x\",\"number\":0}\n"
                "down: as the test wants it\nup leads\nsynced\n");
}

static json_t *
no_answer(void *aux, const json_t *params)
{
    return NULL;
}

static void
no_more_wait_for_an_answer_than_may(void **state)
{
    struct fixture *f = *state;
    struct ovsdb_counters counters;

    f->servers[0]->transact = no_answer;
    start(f, 1, (struct ovsdb_options) { 0 });
    WAIT_UNTIL(f, f->n_synced == 1);
    for (int i = 0; i < OVSDB_MAX_OUTSTANDING; i++) {
        assert_int_equal(transact(f), i + 1);
    }
    assert_int_equal(transact(f), 0);
    f->told[0] = '\0';
    ovsdb_reconnect_elsewhere(f->ovsdb, "to see");
    ovsdb_get_counters(f->ovsdb, &counters);
    assert_int_equal(counters.transactions, OVSDB_MAX_OUTSTANDING);
    assert_int_equal(counters.unknown, OVSDB_MAX_OUTSTANDING);
    assert_int_equal(f->n_down, 1);
}

static void
who_has_forgotten_a_transaction_is_not_told(void **state)
{
    struct fixture *f = *state;
    uint64_t id;

    f->servers[0]->transact = no_answer;
    start(f, 1, (struct ovsdb_options) { 0 });
    WAIT_UNTIL(f, f->n_synced == 1);
    id = transact(f);
    ovsdb_forget(f->ovsdb, id);
    WAIT_UNTIL(f, fake_ovsdb_heard(f->servers[0], "cancel", 0));
    fake_ovsdb_say(f->servers[0], "{\"id\":%d,\"result\":null,\"error\":"
                   "\"canceled\"}", (int) id);
    f->servers[0]->transact = NULL;
    assert_true(transact(f));
    WAIT_UNTIL(f, strstr(f->told, "committed"));
    assert_told(f, "up leads\nsynced\ncommitted\n");
}

static void
requests_of_the_server_are_answered(void **state)
{
    struct fixture *f = *state;
    struct fake_ovsdb *server = f->servers[0];
    size_t n;

    start(f, 1, (struct ovsdb_options) { .probe_ms = 10000 });
    WAIT_UNTIL(f, f->n_synced == 1);
    n = json_array_size(server->heard);
    fake_ovsdb_say(server, "{\"id\":\"e\",\"method\":\"echo\",\"params\":"
                   "[\"hi\"]}{\"id\":5,\"method\":\"steal\",\"params\":[]}"
                   "{\"id\":null,\"method\":\"locked\",\"params\":[]}");
    WAIT_UNTIL(f, json_array_size(server->heard) == n + 2);
    for (size_t i = 0; i < 2; i++) {
        static const char *const expected[] = {
            "{\"result\":[\"hi\"],\"error\":null,\"id\":\"e\"}",
            "{\"result\":null,\"error\":\"unknown method\",\"id\":5}",
        };
        char *text = json_dumps(json_array_get(server->heard, n + i),
                                JSON_COMPACT);

        assert_string_equal(text, expected[i]);
        free(text);
    }
}

static void
a_server_that_asks_and_does_not_read_is_left(void **state)
{
    struct fixture *f = *state;
    struct fake_ovsdb *server = f->servers[0];
    size_t len = 1 << 20;
    char *long_text = fh_xmalloc(len + 1);

    memset(long_text, 'x', len);
    long_text[len] = '\0';
    start(f, 1, (struct ovsdb_options) { .probe_ms = 10000 });
    WAIT_UNTIL(f, f->n_synced == 1);
    event_del(server->readable);
    for (int i = 0; i < 40; i++) {
        fake_ovsdb_send(server, json_pack("{ssss s[s]}", "id", "e", "method",
                                          "echo", "params", long_text));
    }
    WAIT_UNTIL(f, f->n_down == 1);
    assert_non_null(strstr(f->told, "down: it asks and does not read\n"));
    free(long_text);
}

static void
the_copy_can_be_read(void **state)
{
    struct fixture *f = *state;
    json_t *row;

    free(f->servers[0]->rows);
    f->servers[0]->rows = fh_xstrdup(
        "{\"Thing\":{\"" A "\":{\"initial\":{\"name\":\"x\"}}}}");
    start(f, 1, (struct ovsdb_options) { 0 });
    WAIT_UNTIL(f, f->n_synced == 1);
    row = ovsdb_row(f->ovsdb, "Thing", A);
    assert_string_equal(json_string_value(json_object_get(row, "name")), "x");
    json_decref(row);
    assert_null(ovsdb_row(f->ovsdb, "Thing", B));
}

static void
other_certificates_leave_a_connection_that_is_there(void **state)
{
    struct fixture *f = *state;

    start(f, 1, (struct ovsdb_options) { 0 });
    ovsdb_set_tls(f->ovsdb, NULL);      /* It begins again. */
    WAIT_UNTIL(f, f->n_synced == 1);
    ovsdb_set_tls(f->ovsdb, NULL);
    assert_true(transact(f));
    WAIT_UNTIL(f, strstr(f->told, "committed"));
    assert_told(f, "up leads\nsynced\ncommitted\n");
}

static void
servers_must_be_targets(void **state)
{
    static const char *const bad[] = { "tcp:nowhere", "ssl:127.0.0.1:6641" };
    struct fixture *f = *state;
    json_t *monitor = json_pack("{s[{s[s]}]}", "T", "columns", "c");

    for (size_t i = 0; i < 3; i++) {
        struct ovsdb_options options = {
            .database = "Test", .servers = &bad[i], .n_servers = i < 2,
            .monitor = monitor,
        };
        char *error = NULL;

        assert_null(ovsdb_create(f->base, &options, &handler, f, &error));
        assert_non_null(error);
        free(error);
    }
    json_decref(monitor);
}

int
main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_kind_of_value_is_followed),
        TEST(who_comes_back_is_told_what_it_has_missed),
        TEST(a_conversion_is_a_reason_to_ask_again),
        TEST(a_server_without_the_database_is_left),
        TEST(the_first_server_that_fits_is_taken),
        TEST(a_schema_that_does_not_fit_is_told_with_what_mends_it),
        TEST(who_leads_is_told_when_it_changes),
        TEST(a_server_that_is_lost_is_left_for_the_next),
        TEST(a_server_that_falls_silent_is_left),
        TEST(a_server_that_is_probed_is_left_soon_if_it_is_silent),
        TEST(a_server_that_never_says_what_it_is_is_left),
        TEST(nobody_there_is_asked_again_and_again),
        TEST(older_data_are_not_gone_back_to),
        TEST(what_makes_no_sense_ends_the_connection),
        TEST(half_a_message_waits_for_the_other_half),
        TEST(an_update_that_is_refused_makes_it_ask_for_all),
        TEST(who_leaves_while_being_told_is_not_told_more),
        TEST(no_more_wait_for_an_answer_than_may),
        TEST(who_has_forgotten_a_transaction_is_not_told),
        TEST(requests_of_the_server_are_answered),
        TEST(a_server_that_asks_and_does_not_read_is_left),
        TEST(the_copy_can_be_read),
        TEST(other_certificates_leave_a_connection_that_is_there),
        TEST(servers_must_be_targets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
