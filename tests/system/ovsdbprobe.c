/* Holds the OVSDB client against real servers.
 *
 *   ovsdbprobe [--tls KEY CERTIFICATE CA] [--version VERSION] TABLE:COLUMN,...
 *              SERVER...
 *
 * Follows the table of the database Firsthop and writes a line for whatever
 * the client tells: "up SERVER leads", "down WHY", "leads", "follows",
 * "row UUID JSON" (null: deleted), "synced".  A line that it reads is a JSON
 * array of operations, which it transacts: "committed JSON", "unmet WHY",
 * "refused WHY", "unknown WHY" or "full"; or "?": "problem WHY" or "fine"; or
 * "lead", which asks the server to lead.  It ends with its input.  tests/system/test_ovsdb.py starts it. */
#include <config.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include <firsthop/buf.h>

#include "controller/base/log.h"
#include "controller/base/tls.h"
#include "controller/ovsdb/ovsdb.h"

static struct event_base *base;
static struct ovsdb *ovsdb;
static struct evbuffer *input;

static void
on_up(void *aux, bool leads)
{
    printf("up %s%s\n", ovsdb_server(ovsdb), leads ? " leads" : "");
}

static void
on_down(void *aux, const char *why)
{
    printf("down %s\n", why);
}

static void
on_leads(void *aux, bool leads)
{
    printf("%s\n", leads ? "leads" : "follows");
}

static void
on_update(void *aux, const char *table, const char *uuid,
          const json_t *old_row, const json_t *new_row)
{
    char *text = new_row ? json_dumps(new_row, JSON_COMPACT) : NULL;

    printf("row %s %s\n", uuid, text ? text : "null");
    free(text);
}

static void
on_synced(void *aux)
{
    printf("synced\n");
}

static void
on_done(void *aux, enum ovsdb_outcome outcome, const json_t *results,
        const char *why)
{
    static const char *const names[] = { "committed", "unmet", "refused",
                                         "unknown" };
    char *text = results ? json_dumps(results, JSON_COMPACT) : NULL;

    printf("%s %s\n", names[outcome], why ? why : text);
    free(text);
}

static void
obey(const char *line)
{
    json_t *operations;

    if (!strcmp(line, "?")) {
        const char *problem = ovsdb_problem(ovsdb);

        printf("%s%s\n", problem ? "problem " : "fine",
               problem ? problem : "");
        return;
    }
    if (!strcmp(line, "lead")) {
        ovsdb_nudge(ovsdb);
        return;
    }
    operations = json_loads(line, 0, NULL);
    if (!json_is_array(operations)) {
        fprintf(stderr, "ovsdbprobe: no operations: %s\n", line);
        exit(2);
    }
    if (!ovsdb_transact(ovsdb, operations, on_done, NULL)) {
        printf("full\n");
    }
}

static void
on_input(evutil_socket_t fd, short what, void *aux)
{
    char *line;

    if (evbuffer_read(input, fd, -1) <= 0) {
        event_base_loopbreak(base);
        return;
    }
    while ((line = evbuffer_readln(input, NULL, EVBUFFER_EOL_LF))) {
        obey(line);
        free(line);
    }
}

/* "TABLE:COLUMN,..." as of struct ovsdb_options. */
static json_t *
parse_monitor(char *spec)
{
    json_t *columns = json_array();
    char *name, *save = NULL;
    char *list = strchr(spec, ':');

    if (!list) {
        fprintf(stderr, "ovsdbprobe: TABLE:COLUMN,... it must be\n");
        exit(2);
    }
    *list++ = '\0';
    for (name = strtok_r(list, ",", &save); name;
         name = strtok_r(NULL, ",", &save)) {
        json_array_append_new(columns, json_string(name));
    }
    return json_pack("{s[{so}]}", spec, "columns", columns);
}

static struct tls *
make_tls(char **argv)
{
    const struct tls_files files = { argv[0], argv[1], argv[2] };
    char *error = NULL;
    struct tls *tls = tls_create(&files, &error);

    if (!tls) {
        fprintf(stderr, "ovsdbprobe: %s\n", error);
        exit(2);
    }
    return tls;
}

int
main(int argc, char **argv)
{
    static const struct ovsdb_handler handler = { on_up, on_down, on_leads,
                                                  on_update, on_synced };
    struct ovsdb_options options = { .database = "Firsthop",
                                     .schema_path = "SCHEMA" };
    struct event *event;
    char *error = NULL;
    int i = 1;

    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    base = event_base_new();
    input = evbuffer_new();
    if (i + 3 < argc && !strcmp(argv[i], "--tls")) {
        options.tls = make_tls(&argv[i + 1]);
        i += 4;
    }
    if (i + 1 < argc && !strcmp(argv[i], "--version")) {
        options.version = argv[i + 1];
        i += 2;
    }
    if (i + 1 >= argc) {
        fprintf(stderr, "ovsdbprobe: a table and servers are missing\n");
        return 2;
    }
    options.monitor = parse_monitor(argv[i++]);
    options.servers = (const char *const *) &argv[i];
    options.n_servers = argc - i;
    ovsdb = ovsdb_create(base, &options, &handler, NULL, &error);
    json_decref(options.monitor);
    if (!ovsdb) {
        fprintf(stderr, "ovsdbprobe: %s\n", error);
        free(error);
        return 2;
    }
    event = event_new(base, STDIN_FILENO, EV_READ | EV_PERSIST, on_input,
                      NULL);
    event_add(event, NULL);
    event_base_dispatch(base);

    ovsdb_destroy(ovsdb);
    tls_destroy(options.tls);
    event_free(event);
    evbuffer_free(input);
    event_base_free(base);
    return 0;
}
