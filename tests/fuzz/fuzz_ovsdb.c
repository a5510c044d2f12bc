/* Fuzzes what an OVSDB server says.
 *
 * The first byte says whether the server has introduced itself properly before
 * (1), whether transactions wait for an answer (2), and where the rest, what it
 * says then, is cut in two.  Whatever comes: rows are told in an order that
 * makes sense, no more than may be; each transaction ends once; a connection
 * that is up has said what it is. */
#include <config.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "controller/base/log.h"
#include "controller/ovsdb/ovsdb.h"
#include "tests/fuzz/bytes.h"

#define MAX_ROWS 20
#define TURNS 6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct watch {
    bool up;
    size_t n_rows, n_done;
};

static struct event_base *base;
static char target[64];
static int listening;

static const char greeting[] =
    "{\"id\":\"server\",\"result\":{\"Database\":{"
    "\"11111111-2222-3333-4444-555555555555\":{\"initial\":{\"schema\":"
    "\"{\\\"version\\\":\\\"1.0.0\\\",\\\"tables\\\":{\\\"T\\\":{"
    "\\\"columns\\\":{\\\"a\\\":{\\\"type\\\":\\\"string\\\"},\\\"b\\\":{"
    "\\\"type\\\":{\\\"key\\\":\\\"integer\\\",\\\"min\\\":0,\\\"max\\\":"
    "\\\"unlimited\\\"}},\\\"c\\\":{\\\"type\\\":{\\\"key\\\":\\\"string\\\","
    "\\\"value\\\":\\\"string\\\",\\\"min\\\":0,\\\"max\\\":\\\"unlimited\\\""
    "}}}}}}\",\"connected\":true,\"leader\":true}}}},\"error\":null}"
    "{\"id\":\"rows\",\"result\":[false,"
    "\"22222222-2222-3333-4444-555555555555\",{\"T\":{"
    "\"33333333-2222-3333-4444-555555555555\":{\"initial\":{\"a\":\"x\","
    "\"b\":[\"set\",[1,2]],\"c\":[\"map\",[[\"k\",\"v\"]]]}}}}],"
    "\"error\":null}";

static void
on_up(void *watch_, bool leads)
{
    struct watch *watch = watch_;

    require(!watch->up);
    watch->up = true;
}

static void
on_down(void *watch_, const char *why)
{
    struct watch *watch = watch_;

    require(watch->up && *why);
    watch->up = false;
}

static void
on_update(void *watch_, const char *table, const char *uuid,
          const json_t *old_row, const json_t *new_row)
{
    struct watch *watch = watch_;

    require(old_row || new_row);
    require(!old_row || json_object_size(old_row) == 3);
    require(!new_row || json_object_size(new_row) == 3);
    require(!old_row || !json_equal((json_t *) old_row, (json_t *) new_row));
    watch->n_rows += !old_row - !new_row;
    require(watch->n_rows <= MAX_ROWS);
}

static void
on_done(void *watch_, enum ovsdb_outcome outcome, const json_t *results,
        const char *why)
{
    struct watch *watch = watch_;

    require((outcome == OVSDB_COMMITTED) == !why);
    watch->n_done++;
}

static void
clean_up(void)
{
    unlink(target + strlen("unix:"));
}

static void
set_up(void)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };

    log_set_level(LOG_LVL_ERR);
    signal(SIGPIPE, SIG_IGN);
    base = event_base_new();
    snprintf(sun.sun_path, sizeof sun.sun_path, "/tmp/fuzz_ovsdb.%d",
             (int) getpid());
    snprintf(target, sizeof target, "unix:%.50s", sun.sun_path);
    unlink(sun.sun_path);
    listening = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    require(listening >= 0
            && !bind(listening, (struct sockaddr *) &sun, sizeof sun)
            && !listen(listening, 64));
    atexit(clean_up);
}

static struct ovsdb *
dial(struct watch *watch)
{
    static const struct ovsdb_handler handler = {
        .up = on_up, .down = on_down, .update = on_update
    };
    const char *const servers[] = { target };
    json_t *monitor = json_pack("{s[{s[sss]}]}", "T", "columns", "a", "b",
                                "c");
    struct ovsdb_options options = {
        .database = "D", .version = "1.0.0", .servers = servers,
        .n_servers = 1, .monitor = monitor, .dead_ms = 100000,
        .retry_min_ms = 100000, .max_message_bytes = 100000,
        .max_rows = MAX_ROWS,
    };
    char *error;
    struct ovsdb *ovsdb = ovsdb_create(base, &options, &handler, watch,
                                       &error);

    require(ovsdb != NULL);
    json_decref(monitor);
    return ovsdb;
}

static void
turn(void)
{
    for (int i = 0; i < TURNS; i++) {
        event_base_loop(base, EVLOOP_NONBLOCK);
    }
}

/* All in one piece: it is less than a socket's buffer.  It may have been
 * hung up. */
static void
say(int fd, const void *data, size_t size)
{
    ssize_t n = size ? send(fd, data, size, MSG_NOSIGNAL) : 0;

    require(n == (ssize_t) size || n < 0);
    turn();
}

static size_t
transact(struct ovsdb *ovsdb, struct watch *watch)
{
    return (!!ovsdb_transact(ovsdb, json_pack("[{ss}]", "op", "comment"),
                             on_done, watch)
            + !!ovsdb_transact(ovsdb, json_array(), on_done, watch));
}

static void
count_row(void *n, const char *uuid, const json_t *row)
{
    ++*(size_t *) n;
}

static void
play(uint8_t how, const uint8_t *data, size_t size)
{
    struct watch watch = { .up = false };
    struct ovsdb *ovsdb = dial(&watch);
    size_t n_rows = 0, n_sent = 0, first = size ? (how >> 2) % size : 0;
    int fd = accept(listening, NULL, NULL);

    require(fd >= 0);
    turn();
    if (how & 1) {
        say(fd, greeting, sizeof greeting - 1);
        require(watch.up && watch.n_rows == 1);
    }
    if (how & 2) {
        n_sent = transact(ovsdb, &watch);
    }
    say(fd, data, first);
    say(fd, data + first, size - first);
    require(watch.up == ovsdb_is_up(ovsdb));
    require(watch.up == !ovsdb_problem(ovsdb));
    ovsdb_each(ovsdb, "T", count_row, &n_rows);
    require(n_rows == watch.n_rows);
    close(fd);
    turn();
    require(watch.n_done == n_sent);
    ovsdb_destroy(ovsdb);
    while ((fd = accept(listening, NULL, NULL)) >= 0) {
        close(fd);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!base) {
        set_up();
    }
    if (size) {
        play(data[0], data + 1, size - 1);
    }
    return 0;
}
