/* The store that several controllers share: what it writes, when, and what it
 * makes of what others have written.  The database is a fake that does what
 * it is told (insert, update, delete) and tells of it. */
#include <config.h>

#include "controller/store/dbstore.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <event2/event.h>

#include <firsthop/buf.h>

#include "controller/base/log.h"
#include "controller/daemon/keeper.h"
#include "controller/ovsdb/ovsdb.h"
#include "controller/ovsdb/ovsdb_value.h"
#include "controller/store/dbrow.h"
#include "controller/store/store.h"
#include "tests/unit/fake_ovsdb.h"

#define GIVE_UP_S 20
#define EPOCH 7
#define TXN "22222222-2222-3333-4444-555555555555"

enum mishap { NO_MISHAP, CUT_AFTER, CUT_BEFORE, REFUSED_AFTER, NO_ANSWER };

struct fixture {
    struct event_base *base;
    struct fake_ovsdb *fake;
    struct ovsdb *ovsdb;
    struct dbstore *db;
    struct dbstore *other;      /* Of shard "t"; NULL in most tests. */
    char *schema;
    json_t *rows;               /* Table -> uuid -> row. */
    unsigned int last_uuid;
    int64_t epoch;              /* What the shard's row says. */
    enum mishap mishap;         /* Of the next transaction. */
    const char *barred;         /* A client's address that is refused. */
    size_t n_transacts, n_operations, max_operations;
    size_t n_synced;
    unsigned int changed;
    char learnt[400];
    int error;                  /* -1: not done. */
};

/* The database. */

static json_t *
table_of(struct fixture *f, const char *name)
{
    json_t *table = json_object_get(f->rows, name);

    if (!table) {
        table = json_object();
        json_object_set_new(f->rows, name, table);
    }
    return table;
}

static void
note_update(json_t *updates, const char *name, const char *uuid,
            const char *kind, json_t *row)
{
    json_t *table = json_object_get(updates, name);

    if (!table) {
        table = json_object();
        json_object_set_new(updates, name, table);
    }
    json_object_set_new(table, uuid, json_pack("{so}", kind, row));
}

static const char *
named_uuid(const json_t *operation)
{
    const json_t *clause = json_array_get(json_object_get(operation, "where"),
                                          0);

    return json_string_value(json_array_get(json_array_get(clause, 2), 1));
}

/* Does 'operation'; appends its result and notes what it has changed. */
static void
do_operation(struct fixture *f, const json_t *operation, json_t *results,
             json_t *updates)
{
    const char *op = ovsdb_get_string(operation, "op");
    const char *name = ovsdb_get_string(operation, "table");
    json_t *row = json_object_get(operation, "row");
    json_t *table = table_of(f, name);
    char uuid[OVSDB_UUID_STRLEN];

    f->n_operations++;
    if (!strcmp(op, "insert")) {
        snprintf(uuid, sizeof uuid, "00000000-0000-0000-0000-%012x",
                 ++f->last_uuid);
        json_object_set(table, uuid, row);
        note_update(updates, name, uuid, "insert", json_incref(row));
    } else if (!strcmp(op, "update")) {
        assert_non_null(json_object_get(table, named_uuid(operation)));
        json_object_set(table, named_uuid(operation), row);
        note_update(updates, name, named_uuid(operation), "modify",
                    json_incref(row));
    } else {
        assert_string_equal(op, "delete");
        assert_int_equal(json_object_del(table, named_uuid(operation)), 0);
        note_update(updates, name, named_uuid(operation), "delete",
                    json_null());
    }
    json_array_append_new(results, json_object());
}

/* "s" is led since 'f->epoch', "t" since 1. */
static bool
guard_holds(struct fixture *f, const json_t *guard)
{
    json_t *s = dbstore_guard("s", f->epoch, "me");
    json_t *t = dbstore_guard("t", 1, "me");
    bool holds = (json_equal((json_t *) guard, s)
                  || json_equal((json_t *) guard, t));

    json_decref(s);
    json_decref(t);
    return holds;
}

static void
tell_rows(struct fixture *f, json_t *updates)
{
    fake_ovsdb_send(f->fake, json_pack(
        "{snsss[[s]sO]}", "id", "method", "update3", "params", "Firsthop",
        TXN, updates));
}

static void
show_rows(struct fixture *f)
{
    json_t *all = json_object();
    const char *name, *uuid;
    json_t *table, *row;

    json_object_foreach (f->rows, name, table) {
        json_object_foreach (table, uuid, row) {
            note_update(all, name, uuid, "initial", json_incref(row));
        }
    }
    free(f->fake->rows);
    f->fake->rows = json_dumps(all, 0);
    json_decref(all);
}

static bool
is_barred(const struct fixture *f, const json_t *params)
{
    for (size_t i = 2; f->barred && i < json_array_size(params); i++) {
        const char *address = ovsdb_get_string(
            json_object_get(json_array_get(params, i), "row"), "address");

        if (address && !strcmp(address, f->barred)) {
            return true;
        }
    }
    return false;
}

static json_t *
on_transact(void *f_, const json_t *params)
{
    struct fixture *f = f_;
    enum mishap mishap = f->mishap;
    json_t *results = json_array();
    json_t *updates = json_object();

    f->mishap = NO_MISHAP;
    f->n_transacts++;
    if (json_array_size(params) > f->max_operations + 2) {
        f->max_operations = json_array_size(params) - 2;
    }
    if (!guard_holds(f, json_array_get(params, 1))) {
        json_array_append_new(results, json_pack("{ss}", "error",
                                                 "timed out"));
    } else if (is_barred(f, params)) {
        json_array_append_new(results, json_pack("{ss}", "error",
                                                 "constraint violation"));
    } else if (mishap != CUT_BEFORE && mishap != NO_ANSWER) {
        json_array_append_new(results, json_object());
        for (size_t i = 2; i < json_array_size(params); i++) {
            do_operation(f, json_array_get(params, i), results, updates);
        }
        show_rows(f);
        tell_rows(f, updates);
    }
    json_decref(updates);
    if (mishap == CUT_AFTER || mishap == CUT_BEFORE) {
        fake_ovsdb_cut(f->fake);
    }
    if (mishap == REFUSED_AFTER) {
        json_array_append_new(results, json_pack("{ss}", "error",
                                                 "constraint violation"));
    }
    if (mishap == NO_MISHAP || mishap == REFUSED_AFTER) {
        return results;
    }
    json_decref(results);
    return NULL;
}

/* What is told. */

static void
on_update(void *f_, const char *table, const char *uuid,
          const json_t *old_row, const json_t *new_row)
{
    struct fixture *f = f_;

    dbstore_update(f->db, table, uuid, old_row, new_row);
    if (f->other) {
        dbstore_update(f->other, table, uuid, old_row, new_row);
    }
}

static void
on_synced(void *f_)
{
    struct fixture *f = f_;

    f->n_synced++;
    dbstore_synced(f->db);
    if (f->other) {
        dbstore_synced(f->other);
    }
}

static void
on_changed(void *f_, unsigned int parts)
{
    struct fixture *f = f_;

    f->changed |= parts;
}

static void
on_learnt(void *f_, const struct store_client *old,
          const struct store_client *now)
{
    struct fixture *f = f_;
    char address[FH_ADDR_STRLEN], mac[FH_MAC_STRLEN];
    size_t len = strlen(f->learnt);

    snprintf(f->learnt + len, sizeof f->learnt - len, "%c%s %s ",
             !old ? '+' : !now ? '-' : '=',
             fh_addr_format(now ? now->address : old->address, address),
             fh_mac_format(now ? now->mac : old->mac, mac));
}

static void
on_done(void *f_, int error)
{
    struct fixture *f = f_;

    f->error = error;
}

/* Life. */

static void
on_timeout(evutil_socket_t fd, short what, void *late)
{
    *(bool *) late = true;
}

#define WAIT_UNTIL(F, CONDITION)                                        \
    do {                                                                \
        struct timeval tv_ = { GIVE_UP_S, 0 };                          \
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
            fail_msg("%s never comes", #CONDITION);                     \
        }                                                               \
    } while (0)

/* The schema that is installed. */
static char *
read_schema(void)
{
    const char *top = getenv("top_srcdir");
    char *path = fh_xasprintf("%s/controller/ovsdb/firsthop.ovsschema",
                              top ? top : ".");
    json_t *schema = json_load_file(path, 0, NULL);
    char *text = schema ? json_dumps(schema, JSON_COMPACT) : NULL;

    if (!text) {
        fail_msg("%s cannot be read", path);
    }
    json_decref(schema);
    free(path);
    return text;
}

static void
dial(struct fixture *f)
{
    static const struct ovsdb_handler handler = {
        .update = on_update, .synced = on_synced
    };
    const char *servers[] = { f->fake->target };
    json_t *monitor = json_object();
    struct ovsdb_options options = {
        .database = "Firsthop", .version = "1.0.0", .servers = servers,
        .n_servers = 1, .monitor = monitor, .dead_ms = 10000,
        .retry_max_ms = 40,
    };
    char *error = NULL;

    dbstore_monitor(monitor, "s");
    dbstore_monitor(monitor, "t");
    f->ovsdb = ovsdb_create(f->base, &options, &handler, f, &error);
    assert_string_equal(error ? error : "", "");
    json_decref(monitor);
}

static int
setup(void **state)
{
    static const struct dbstore_handler handler = {
        .wait_ms = 15000, .changed = on_changed, .learnt = on_learnt
    };
    struct fixture *f = fh_xcalloc(1, sizeof *f);

    log_set_level(LOG_LVL_ERR);
    signal(SIGPIPE, SIG_IGN);
    f->base = event_base_new();
    f->schema = read_schema();
    f->fake = fake_ovsdb_create(f->base, f->schema);
    f->fake->transact = on_transact;
    f->fake->aux = f;
    f->rows = json_object();
    f->epoch = EPOCH;
    dial(f);
    f->db = dbstore_create(f->base, f->ovsdb, "s", &handler, f);
    WAIT_UNTIL(f, f->n_synced);
    dbstore_lead(f->db, EPOCH, "me");
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    dbstore_destroy(f->db);
    dbstore_destroy(f->other);
    ovsdb_destroy(f->ovsdb);
    fake_ovsdb_destroy(f->fake);
    event_base_free(f->base);
    json_decref(f->rows);
    free(f->schema);
    free(f);
    return 0;
}

/* Makes a change and waits for what comes of it. */
static int
apply(struct fixture *f, const struct store_change *change)
{
    int error;

    f->error = -1;
    error = dbstore_apply(f->db, change, on_done, f);
    if (error == EINPROGRESS) {
        WAIT_UNTIL(f, f->error >= 0);
        error = f->error;
    }
    return error;
}

static struct store_client
client(const char *address, const char *mac)
{
    struct store_client client;

    memset(&client, 0, sizeof client);
    assert_true(fh_addr_parse(address, &client.address));
    snprintf(client.segment, sizeof client.segment, "metro");
    client.has_mac = mac != NULL;
    if (mac) {
        assert_true(fh_mac_parse(mac, &client.mac));
    }
    return client;
}

static int
put(struct fixture *f, const struct store_client *clients, size_t n)
{
    return apply(f, &(struct store_change) {
        .type = STORE_PUT_CLIENTS, .clients = clients, .n = n });
}

static int
set_router(struct fixture *f, enum store_change_type type, const char *name)
{
    return apply(f, &(struct store_change) { .type = type, .names = &name,
                                             .n = 1 });
}

/* How many rows a table has. */
static size_t
n_rows(struct fixture *f, const char *table)
{
    return json_object_size(json_object_get(f->rows, table));
}

#define MAC_A "02:00:00:00:00:0a"
#define MAC_B "02:00:00:00:00:0b"

/* Rows. */

static void
a_client_is_the_same_after_a_row(void **state)
{
    static const char *const vlans[] = { "", "untagged", "100", "200.100" };

    for (size_t i = 0; i < 4; i++) {
        struct store_client one = client("10.0.0.7", i % 2 ? MAC_A : NULL);
        struct store_client two;
        enum dbrow_origin origin;
        json_t *row;

        one.own_vlan = i > 0;
        one.vlan.n = i > 1 ? i - 1 : 0;
        one.vlan.vids[0] = i == 2 ? 100 : i == 3 ? 200 : 0;
        one.vlan.vids[1] = i == 3 ? 100 : 0;
        one.removed = i == 2;
        one.end_ms = i * 1000;
        row = dbrow_client_row("s", DBROW_PROVISIONED, &one);
        assert_string_equal(ovsdb_get_string(row, "vlan"), vlans[i]);
        assert_true(dbrow_client_read(row, &origin, &two));
        assert_int_equal(origin, DBROW_PROVISIONED);
        assert_true(dbrow_client_equal(&one, &two));
        json_decref(row);
    }
}

static void
a_row_that_is_no_client_is_refused(void **state)
{
    static const char *const bad[][2] = {
        { "address", "10.0.0.256" }, { "segment", "" }, { "segment", "a b" },
        { "origin", "elsewhere" }, { "mac", "01:00:00:00:00:01" },
        { "mac", "x" }, { "mac", "" }, { "vlan", "0" }, { "vlan", "4095" },
        { "vlan", "100.0" }, { "vlan", "1.2.3" }, { "vlan", "0100" },
        { "vlan", "100 " },
    };
    struct store_client one = client("10.0.0.7", MAC_A), two;
    enum dbrow_origin origin;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        json_t *row = dbrow_client_row("s", DBROW_LEARNED, &one);

        assert_true(dbrow_client_read(row, &origin, &two));
        json_object_set_new(row, bad[i][0], json_string(bad[i][1]));
        if (dbrow_client_read(row, &origin, &two)) {
            fail_msg("taken: %s %s", bad[i][0], bad[i][1]);
        }
        json_decref(row);
    }
}

/* Changes. */

static void
clients_are_put_replaced_and_forgotten(void **state)
{
    struct fixture *f = *state;
    struct store_client clients[2] = { client("10.0.0.9", NULL),
                                       client("10.0.0.8", MAC_A) };
    const struct store_state *kept;

    assert_int_equal(put(f, clients, 2), 0);
    kept = dbstore_get(f->db);
    assert_int_equal(kept->n_clients, 2);
    assert_true(dbrow_client_equal(&kept->clients[0], &clients[1]));
    assert_true(dbrow_client_equal(&kept->clients[1], &clients[0]));
    assert_int_equal(f->changed, DBSTORE_CLIENTS);

    clients[0].removed = true;
    assert_int_equal(put(f, clients, 1), 0);
    assert_true(dbstore_get(f->db)->clients[1].removed);
    assert_int_equal(n_rows(f, "Client"), 2);

    assert_int_equal(apply(f, &(struct store_change) {
        .type = STORE_FORGET_CLIENT, .clients = clients, .n = 1 }), 0);
    assert_int_equal(dbstore_get(f->db)->n_clients, 1);
    assert_int_equal(n_rows(f, "Client"), 1);
}

static void
what_is_so_already_is_not_written(void **state)
{
    struct fixture *f = *state;
    struct store_client one = client("10.0.0.9", MAC_A);

    assert_int_equal(put(f, &one, 1), 0);
    assert_int_equal(f->n_transacts, 1);
    assert_int_equal(put(f, &one, 1), 0);
    assert_int_equal(set_router(f, STORE_UNDRAIN, "A"), 0);
    assert_int_equal(f->n_transacts, 1);
}

static void
a_router_has_a_row_as_long_as_there_is_something_to_say(void **state)
{
    struct fixture *f = *state;
    static const char *const both[] = { "B", "A" };
    const struct store_state *kept;

    assert_int_equal(set_router(f, STORE_DRAIN, "B"), 0);
    assert_int_equal(set_router(f, STORE_UPLINK_DOWN, "B"), 0);
    assert_int_equal(apply(f, &(struct store_change) {
        .type = STORE_SET_HOLDERS, .names = both, .n = 2 }), 0);
    kept = dbstore_get(f->db);
    assert_int_equal(kept->n_draining, 1);
    assert_string_equal(kept->draining[0], "B");
    assert_int_equal(kept->n_uplinks_down, 1);
    assert_int_equal(kept->n_holders, 2);
    assert_string_equal(kept->holders[0], "A");
    assert_int_equal(n_rows(f, "Router"), 2);

    assert_int_equal(apply(f, &(struct store_change) {
        .type = STORE_SET_HOLDERS, .names = both, .n = 1 }), 0);
    assert_int_equal(n_rows(f, "Router"), 1);
    assert_int_equal(set_router(f, STORE_SET_HOLDERS, "B"), 0);
    assert_int_equal(set_router(f, STORE_UNDRAIN, "B"), 0);
    assert_int_equal(set_router(f, STORE_UPLINK_UP, "B"), 0);
    assert_int_equal(n_rows(f, "Router"), 1);
    assert_int_equal(apply(f, &(struct store_change) {
        .type = STORE_SET_HOLDERS }), 0);
    assert_int_equal(n_rows(f, "Router"), 0);
    assert_int_equal(dbstore_get(f->db)->n_holders, 0);
}

static void
a_configuration_has_a_number_that_rises(void **state)
{
    struct fixture *f = *state;
    json_t *config = json_pack("{s{}}", "routers");
    struct store_change change = { .type = STORE_SET_CONFIG,
                                   .config = config };

    assert_int_equal(dbstore_config_number(f->db), 0);
    assert_int_equal(apply(f, &change), 0);
    assert_int_equal(dbstore_config_number(f->db), 1);
    assert_true(json_equal(dbstore_get(f->db)->config, config));
    assert_int_equal(apply(f, &change), 0);
    assert_int_equal(dbstore_config_number(f->db), 1);
    change.config = json_pack("{s{}s{}}", "routers", "segments");
    assert_int_equal(apply(f, &change), 0);
    assert_int_equal(dbstore_config_number(f->db), 2);
    json_decref(change.config);
    change.config = NULL;
    assert_int_equal(apply(f, &change), 0);
    assert_null(dbstore_get(f->db)->config);
    assert_int_equal(n_rows(f, "Config"), 0);
    json_decref(config);
}

/* Who may write. */

static void
who_does_not_lead_writes_nothing(void **state)
{
    struct fixture *f = *state;
    struct store_client one = client("10.0.0.9", MAC_A);

    dbstore_lead(f->db, 0, NULL);
    assert_false(dbstore_may_write(f->db));
    assert_int_equal(put(f, &one, 1), ECANCELED);
    dbstore_learn(f->db, &one);
    assert_int_equal(dbstore_backlog(f->db), 0);
    assert_int_equal(f->n_transacts, 0);
}

static void
who_was_deposed_writes_nothing(void **state)
{
    struct fixture *f = *state;
    struct store_client one = client("10.0.0.9", MAC_A);

    f->epoch++;                 /* Another one leads: we do not know yet. */
    assert_int_equal(put(f, &one, 1), ECANCELED);
    dbstore_learn(f->db, &one);
    WAIT_UNTIL(f, f->n_transacts >= 3);
    assert_int_equal(f->n_operations, 0);
    assert_null(dbstore_problem(f->db));
}

static void
what_waits_when_it_ends_to_lead_is_given_up(void **state)
{
    struct fixture *f = *state;
    struct store_client one = client("10.0.0.9", MAC_A);

    f->mishap = NO_ANSWER;
    f->error = -1;
    assert_int_equal(dbstore_apply(f->db, &(struct store_change) {
        .type = STORE_PUT_CLIENTS, .clients = &one, .n = 1 }, on_done, f),
        EINPROGRESS);
    assert_int_equal(dbstore_apply(f->db, &(struct store_change) {
        .type = STORE_FORGET_CLIENT, .clients = &one, .n = 1 }, on_done, f),
        EINPROGRESS);
    WAIT_UNTIL(f, f->n_transacts == 1);
    dbstore_lead(f->db, 0, NULL);
    assert_int_equal(f->error, ECANCELED);
}

static void
many_clients_take_several_transactions(void **state)
{
    struct fixture *f = *state;
    size_t n = 2 * DBSTORE_WHOLE + 10;
    struct store_client *clients = fh_xcalloc(n, sizeof *clients);

    for (size_t i = 0; i < n; i++) {
        clients[i] = client("10.0.0.1", NULL);
        clients[i].address.ip4 = htonl(0x0a000000 + (uint32_t) i + 1);
    }
    f->mishap = CUT_AFTER;
    assert_int_equal(put(f, clients, n), 0);
    assert_int_equal(dbstore_get(f->db)->n_clients, n);
    assert_int_equal(f->n_transacts, 3);
    assert_int_equal(f->max_operations, DBSTORE_WHOLE);
    free(clients);
}

static void
changes_are_made_one_after_another(void **state)
{
    struct fixture *f = *state;
    static const char *const name = "A";
    static const enum store_change_type types[] = {
        STORE_DRAIN, STORE_UNDRAIN, STORE_DRAIN, STORE_UPLINK_DOWN,
    };

    f->error = -1;
    for (size_t i = 0; i < 4; i++) {
        struct store_change change = { .type = types[i], .names = &name,
                                       .n = 1 };

        assert_int_equal(dbstore_apply(f->db, &change, on_done, f),
                         EINPROGRESS);
    }
    WAIT_UNTIL(f, f->n_transacts == 4);
    WAIT_UNTIL(f, dbstore_get(f->db)->n_uplinks_down == 1);
    assert_int_equal(dbstore_get(f->db)->n_draining, 1);
}

static void
what_a_single_controller_had_is_taken_over_once(void **state)
{
    struct fixture *f = *state;
    struct store_client clients[] = { client("10.0.0.8", MAC_A),
                                      client("10.0.0.9", NULL) };
    struct store_client lease = client("10.0.0.7", MAC_B);
    char *names[] = { (char *) "A", (char *) "B" };
    const struct store_state had = {
        .clients = clients, .n_clients = 2, .draining = names,
        .n_draining = 1, .uplinks_down = &names[1], .n_uplinks_down = 1,
        .holders = names, .n_holders = 2, .leases = &lease, .n_leases = 1,
    };
    json_t *config = json_pack("{s{}}", "routers");
    const struct store_state *kept;

    assert_true(dbstore_import(f->db, &had));
    assert_int_equal(apply(f, &(struct store_change) {
        .type = STORE_SET_CONFIG, .config = config }), 0);
    WAIT_UNTIL(f, dbstore_get(f->db)->n_leases == 1);
    kept = dbstore_get(f->db);
    assert_int_equal(kept->n_clients, 2);
    assert_true(dbrow_client_equal(&kept->clients[1], &clients[1]));
    assert_string_equal(kept->draining[0], "A");
    assert_string_equal(kept->uplinks_down[0], "B");
    assert_int_equal(kept->n_holders, 2);
    assert_false(dbstore_import(f->db, &had));
    json_decref(config);
}

/* Servers that are worse. */

static void
an_answer_that_is_lost_is_looked_up_in_the_rows(void **state)
{
    struct fixture *f = *state;
    struct store_client one = client("10.0.0.9", MAC_A);

    f->mishap = CUT_AFTER;
    assert_int_equal(put(f, &one, 1), 0);
    assert_int_equal(f->n_transacts, 1);
    assert_int_equal(n_rows(f, "Client"), 1);
}

static void
a_change_that_was_lost_is_made_again(void **state)
{
    struct fixture *f = *state;
    struct store_client one = client("10.0.0.9", MAC_A);

    f->mishap = CUT_BEFORE;
    assert_int_equal(put(f, &one, 1), 0);
    assert_int_equal(f->n_transacts, 2);
    assert_int_equal(n_rows(f, "Client"), 1);
}

static void
a_change_that_was_committed_and_then_refused_is_made(void **state)
{
    struct fixture *f = *state;
    struct store_client one = client("10.0.0.9", MAC_A);

    f->mishap = REFUSED_AFTER;
    assert_int_equal(put(f, &one, 1), 0);
    assert_int_equal(f->n_transacts, 1);
    assert_int_equal(n_rows(f, "Client"), 1);
}

static void
a_change_does_not_wait_for_ever(void **state)
{
    static const struct dbstore_handler handler = { .wait_ms = 50 };
    struct fixture *f = *state;
    struct store_client one = client("10.0.0.9", MAC_A);

    dbstore_destroy(f->db);
    f->db = dbstore_create(f->base, f->ovsdb, "s", &handler, f);
    dbstore_lead(f->db, EPOCH, "me");
    f->mishap = NO_ANSWER;
    assert_int_equal(put(f, &one, 1), ETIMEDOUT);
    assert_non_null(dbstore_problem(f->db));
    for (int i = 0; i < 100 && put(f, &one, 1); i++) {
        /* The machine may be slow. */
    }
    assert_null(dbstore_problem(f->db));
    fake_ovsdb_stop_listening(f->fake);
    fake_ovsdb_cut(f->fake);
    WAIT_UNTIL(f, !ovsdb_is_up(f->ovsdb));
    assert_non_null(strstr(dbstore_problem(f->db), "changes are refused"));
    one.removed = true;
    assert_int_equal(put(f, &one, 1), ETIMEDOUT);
}

/* Leases and learnt clients. */

static void
leases_are_written_in_pieces(void **state)
{
    struct fixture *f = *state;
    size_t n = 2 * DBSTORE_PIECE + 500;
    struct store_client *leases = fh_xcalloc(n, sizeof *leases);
    struct store_change change = { .type = STORE_SET_LEASES,
                                   .clients = leases, .n = n };

    for (size_t i = 0; i < n; i++) {
        leases[i] = client("10.0.0.1", MAC_A);
        leases[i].address.ip4 = htonl(0x0a000000 + (uint32_t) (n - i));
        leases[i].end_ms = 1000 + (int64_t) i;
    }
    assert_int_equal(apply(f, &change), 0);
    WAIT_UNTIL(f, dbstore_get(f->db)->n_leases == n);
    assert_int_equal(f->n_transacts, 3);
    assert_int_equal(f->max_operations, DBSTORE_PIECE);

    leases[0].end_ms = 5;       /* Extended; the others but it are gone. */
    change.n = 1;
    assert_int_equal(apply(f, &change), 0);
    WAIT_UNTIL(f, n_rows(f, "Client") == 1);
    WAIT_UNTIL(f, !dbstore_backlog(f->db));
    assert_int_equal(dbstore_get(f->db)->n_leases, 1);
    assert_int_equal(dbstore_get(f->db)->leases[0].end_ms, 5);
    free(leases);
}

static void
of_a_learnt_client_the_last_word_counts(void **state)
{
    struct fixture *f = *state;
    struct store_client one = client("10.0.0.9", MAC_A);
    struct store_client two = client("10.0.0.8", MAC_A);

    dbstore_learn(f->db, &one);
    dbstore_learn(f->db, &two);
    dbstore_unlearn(f->db, two.segment, two.address);
    assert_true(fh_mac_parse(MAC_B, &one.mac));
    dbstore_learn(f->db, &one);
    assert_int_equal(dbstore_backlog(f->db), 2);
    WAIT_UNTIL(f, f->n_transacts == 1 && !dbstore_backlog(f->db));
    assert_int_equal(f->n_operations, 1);
    assert_string_equal(f->learnt, "+10.0.0.9 " MAC_B " ");
    assert_true(f->changed & DBSTORE_LEARNT);

    dbstore_learn(f->db, &one);
    assert_int_equal(dbstore_backlog(f->db), 0);
    dbstore_unlearn(f->db, one.segment, one.address);
    WAIT_UNTIL(f, f->n_transacts == 2 && !dbstore_backlog(f->db));
    assert_string_equal(f->learnt, "+10.0.0.9 " MAC_B " -10.0.0.9 " MAC_B
                        " ");
}

static void
a_piece_that_was_lost_is_written_again(void **state)
{
    struct fixture *f = *state;
    struct store_client one = client("10.0.0.9", MAC_A);

    f->mishap = CUT_BEFORE;
    dbstore_learn(f->db, &one);
    WAIT_UNTIL(f, n_rows(f, "Client") == 1 && !dbstore_backlog(f->db));
    assert_int_equal(f->n_transacts, 2);
}

/* A row that somebody has written by hand is in its place, say. */
static void
one_that_is_refused_keeps_no_others_back(void **state)
{
    static const char *const addresses[] = {
        "10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8", "10.0.0.9",
    };
    struct fixture *f = *state;

    f->barred = "10.0.0.7";
    for (size_t i = 0; i < 5; i++) {
        struct store_client one = client(addresses[i], MAC_A);

        dbstore_learn(f->db, &one);
    }
    WAIT_UNTIL(f, !dbstore_backlog(f->db));
    WAIT_UNTIL(f, n_rows(f, "Client") == 4);
    f->barred = NULL;
}

static void
count_client(void *n, const struct store_client *one)
{
    ++*(size_t *) n;
}

static void
what_another_writes_is_followed(void **state)
{
    struct fixture *f = *state;
    struct store_client one = client("10.0.0.9", MAC_A);
    json_t *rows = json_object();
    size_t n = 0;

    dbstore_lead(f->db, 0, NULL);
    note_update(rows, "Client", TXN, "insert",
                dbrow_client_row("s", DBROW_LEARNED, &one));
    tell_rows(f, rows);
    json_decref(rows);
    WAIT_UNTIL(f, f->changed == DBSTORE_LEARNT);
    dbstore_each_learnt(f->db, count_client, &n);
    assert_int_equal(n, 1);
    assert_int_equal(dbstore_get(f->db)->n_clients, 0);

    rows = json_object();
    note_update(rows, "Client", TXN, "modify",
                json_pack("{ss}", "mac", MAC_B));
    tell_rows(f, rows);
    json_decref(rows);
    WAIT_UNTIL(f, strchr(f->learnt, '='));
    assert_string_equal(f->learnt, "+10.0.0.9 " MAC_A " =10.0.0.9 " MAC_B
                        " ");
}

static void
rows_of_others_and_nonsense_are_left_alone(void **state)
{
    struct fixture *f = *state;
    struct store_client one = client("10.0.0.9", MAC_A);
    json_t *rows = json_object();
    json_t *wrong = dbrow_client_row("s", DBROW_PROVISIONED, &one);
    size_t n_synced = f->n_synced;

    json_object_set_new(wrong, "address", json_string("nowhere"));
    note_update(rows, "Client", "00000000-0000-0000-0000-00000000000a",
                "insert", wrong);
    note_update(rows, "Client", "00000000-0000-0000-0000-00000000000b",
                "insert", dbrow_client_row("t", DBROW_PROVISIONED, &one));
    note_update(rows, "Router", "00000000-0000-0000-0000-00000000000c",
                "insert", json_pack("{ssss}", "shard", "s", "name", "a b"));
    note_update(rows, "Config", "00000000-0000-0000-0000-00000000000d",
                "insert", json_pack("{sssiss}", "shard", "s", "number", 3,
                                    "text", "{"));
    tell_rows(f, rows);
    json_decref(rows);
    WAIT_UNTIL(f, f->n_synced > n_synced);
    assert_int_equal(dbstore_get(f->db)->n_clients, 0);
    assert_int_equal(dbstore_get(f->db)->n_draining, 0);
    assert_null(dbstore_get(f->db)->config);
}

static void
shards_share_a_database_and_nothing_in_it(void **state)
{
    static const struct dbstore_handler handler = { .wait_ms = 15000 };
    struct fixture *f = *state;
    struct store_client one = client("10.0.0.9", MAC_A);
    struct store_client two = client("10.0.0.9", MAC_B);
    struct store_change change = { .type = STORE_PUT_CLIENTS,
                                   .clients = &two, .n = 1 };
    const json_t *request = NULL;

    f->other = dbstore_create(f->base, f->ovsdb, "t", &handler, f);
    dbstore_lead(f->other, 1, "me");
    assert_int_equal(put(f, &one, 1), 0);
    f->error = -1;
    assert_int_equal(dbstore_apply(f->other, &change, on_done, f),
                     EINPROGRESS);
    WAIT_UNTIL(f, f->error == 0);
    assert_int_equal(n_rows(f, "Client"), 2);
    assert_true(dbrow_client_equal(dbstore_get(f->db)->clients, &one));
    assert_true(dbrow_client_equal(dbstore_get(f->other)->clients, &two));

    f->epoch++;                 /* Who loses one keeps the other. */
    assert_int_equal(set_router(f, STORE_DRAIN, "A"), ECANCELED);
    change.type = STORE_FORGET_CLIENT;
    f->error = -1;
    assert_int_equal(dbstore_apply(f->other, &change, on_done, f),
                     EINPROGRESS);
    WAIT_UNTIL(f, f->error == 0);
    assert_int_equal(dbstore_get(f->db)->n_clients, 1);
    assert_int_equal(dbstore_get(f->other)->n_clients, 0);

    request = fake_ovsdb_heard(f->fake, "monitor_cond_since", 0);
    request = json_array_get(json_object_get(json_array_get(
        json_object_get(request, "params"), 2), "Client"), 0);
    assert_int_equal(json_array_size(json_object_get(request, "where")), 2);
}

/* The keeper on top of it. */

struct operator {
    struct turn turn;           /* First. */
    struct keeper *keeper;
    int result;
};

static void
operate(struct turn *turn)
{
    struct operator *op = (struct operator *) (void *) turn;
    const char *name = "A";

    op->result = keeper_keep(op->keeper, &(struct store_change) {
        .type = STORE_DRAIN, .names = &name, .n = 1 });
    if (op->result != EINPROGRESS) {
        turn_end(keeper_turns(op->keeper), turn);
    }
}

static void
an_operators_turn_waits_for_the_database(void **state)
{
    struct fixture *f = *state;
    char *error = NULL;
    struct keeper *keeper = keeper_create(f->base, NULL, true, &error);
    struct operator op = { .turn.run = operate, .keeper = keeper };

    keeper_share(keeper, f->db);
    turn_begin(keeper_turns(keeper), &op.turn);
    assert_int_equal(op.result, EINPROGRESS);
    WAIT_UNTIL(f, op.result != EINPROGRESS);
    assert_int_equal(op.result, 0);
    assert_int_equal(keeper_kept(keeper)->n_draining, 1);
    assert_null(keeper_problem(keeper));

    f->epoch++;
    op.turn.run = operate;
    dbstore_lead(f->db, EPOCH, "me");
    assert_int_equal(set_router(f, STORE_UNDRAIN, "A"), ECANCELED);
    dbstore_lead(f->db, 0, NULL);
    keeper_stop(keeper, 0);
    keeper_destroy(keeper);
}

static void
what_the_state_directory_has_is_handed_over(void **state)
{
    struct fixture *f = *state;
    char dir[] = "/tmp/test_dbstore.XXXXXX";
    const char *name = "A";
    char *error = NULL;
    struct keeper *keeper;
    json_t *config = json_pack("{s{}}", "routers");

    assert_non_null(mkdtemp(dir));
    keeper = keeper_create(f->base, dir, false, &error);
    assert_int_equal(keeper_keep(keeper, &(struct store_change) {
        .type = STORE_DRAIN, .names = &name, .n = 1 }), 0);
    keeper_share(keeper, f->db);
    assert_int_equal(keeper_kept(keeper)->n_draining, 1);
    assert_int_equal(dbstore_get(f->db)->n_draining, 0);

    keeper_hand_over(keeper);
    assert_int_equal(apply(f, &(struct store_change) {
        .type = STORE_SET_CONFIG, .config = config }), 0);
    assert_ptr_equal(keeper_kept(keeper), dbstore_get(f->db));
    assert_int_equal(keeper_kept(keeper)->n_draining, 1);
    keeper_share(keeper, NULL);
    assert_int_equal(keeper_kept(keeper)->n_draining, 1);
    keeper_destroy(keeper);
    json_decref(config);
    for (size_t i = 0; i < 2; i++) {
        char *path = fh_xasprintf("%s/%s", dir, i ? "lock" : "state");

        assert_int_equal(unlink(path), 0);
        free(path);
    }
    assert_int_equal(rmdir(dir), 0);
}

int
main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_is_the_same_after_a_row),
        cmocka_unit_test(a_row_that_is_no_client_is_refused),
        TEST(clients_are_put_replaced_and_forgotten),
        TEST(what_is_so_already_is_not_written),
        TEST(a_router_has_a_row_as_long_as_there_is_something_to_say),
        TEST(a_configuration_has_a_number_that_rises),
        TEST(who_does_not_lead_writes_nothing),
        TEST(who_was_deposed_writes_nothing),
        TEST(what_waits_when_it_ends_to_lead_is_given_up),
        TEST(many_clients_take_several_transactions),
        TEST(changes_are_made_one_after_another),
        TEST(what_a_single_controller_had_is_taken_over_once),
        TEST(an_answer_that_is_lost_is_looked_up_in_the_rows),
        TEST(a_change_that_was_lost_is_made_again),
        TEST(a_change_that_was_committed_and_then_refused_is_made),
        TEST(a_change_does_not_wait_for_ever),
        TEST(leases_are_written_in_pieces),
        TEST(of_a_learnt_client_the_last_word_counts),
        TEST(a_piece_that_was_lost_is_written_again),
        TEST(one_that_is_refused_keeps_no_others_back),
        TEST(what_another_writes_is_followed),
        TEST(rows_of_others_and_nonsense_are_left_alone),
        TEST(shards_share_a_database_and_nothing_in_it),
        TEST(an_operators_turn_waits_for_the_database),
        TEST(what_the_state_directory_has_is_handed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
