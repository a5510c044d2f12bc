/* The state directory: what was stored comes back, what is damaged is told
 * and kept aside, and a failure changes nothing. */
#include <config.h>

#include "controller/store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <firsthop/buf.h>

/* Each test has a directory of its own, the process's working directory. */
static int
set_up(void **state)
{
    char *dir = fh_xstrdup("/tmp/firsthop-test-XXXXXX");

    assert_non_null(mkdtemp(dir));
    assert_int_equal(chdir(dir), 0);
    *state = dir;
    return 0;
}

/* Empties and removes 'dir', one level deep. */
static void
remove_directory(const char *dir)
{
    DIR *stream = opendir(dir);
    struct dirent *entry;

    assert_non_null(stream);
    while ((entry = readdir(stream))) {
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) {
            assert_int_equal(unlinkat(dirfd(stream), entry->d_name, 0), 0);
        }
    }
    closedir(stream);
    assert_int_equal(rmdir(dir), 0);
}

static int
tear_down(void **state)
{
    DIR *stream = opendir(".");
    struct dirent *entry;

    assert_non_null(stream);
    while ((entry = readdir(stream))) {
        struct stat st;

        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")
            && !lstat(entry->d_name, &st)) {
            if (S_ISDIR(st.st_mode)) {
                remove_directory(entry->d_name);
            } else {
                unlink(entry->d_name);
            }
        }
    }
    closedir(stream);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(*state), 0);
    free(*state);
    return 0;
}

static struct store *
open_store(void)
{
    struct store *store;
    char *message;

    if (store_open("s", &store, &message)) {
        fail_msg("%s", message);
    }
    if (message) {
        fail_msg("unexpected: %s", message);
    }
    return store;
}

/* Opens a store that sets something aside.  Returns the message, new. */
static char *
open_damaged(struct store **storep)
{
    char *message;

    assert_int_equal(store_open("s", storep, &message), 0);
    assert_non_null(message);
    return message;
}

static struct fh_addr
addr(const char *text)
{
    struct fh_addr a;

    assert_true(fh_addr_parse(text, &a));
    return a;
}

static struct store_client
make_client(const char *segment, const char *address)
{
    struct store_client client = { .address = addr(address) };

    snprintf(client.segment, sizeof client.segment, "%s", segment);
    return client;
}

static char *
read_file(const char *name, size_t *len)
{
    FILE *file = fopen(name, "r");
    struct fh_buf text = { NULL, 0, 0 };
    char chunk[4096];
    size_t n;

    assert_non_null(file);
    while ((n = fread(chunk, 1, sizeof chunk, file)) > 0) {
        fh_buf_append(&text, chunk, n);
    }
    fclose(file);
    *len = text.len;
    return (char *) text.data;
}

static void
write_file(const char *name, const char *data, size_t len)
{
    FILE *file = fopen(name, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

/* The names in "s" that contain 'part'. */
static size_t
count_files(const char *part)
{
    DIR *stream = opendir("s");
    struct dirent *entry;
    size_t n = 0;

    assert_non_null(stream);
    while ((entry = readdir(stream))) {
        n += strstr(entry->d_name, part) != NULL;
    }
    closedir(stream);
    return n;
}

static void
missing_directory_is_made_and_empty(void **state)
{
    struct store *store = open_store();
    const struct store_state *s = store_get(store);
    struct stat st;

    assert_int_equal(s->n_clients, 0);
    assert_int_equal(s->n_draining, 0);
    assert_int_equal(s->n_holders, 0);
    assert_null(s->config);
    assert_int_equal(stat("s", &st), 0);
    assert_int_equal(st.st_mode & 0027, 0);
    store_close(store);
    store_close(NULL);
}

/* Stores one of everything. */
/* Two, out of order. */
static void
put_leases(struct store *store)
{
    struct store_client leases[2] = {
        make_client("metro", "10.0.0.31"), make_client("metro", "10.0.0.30"),
    };

    for (size_t i = 0; i < 2; i++) {
        leases[i].has_mac = leases[i].own_vlan = true;
        leases[i].mac = (struct eth_addr) { { { 2, 0, 0, 0, 2, i } } };
    }
    leases[1].end_ms = INT64_C(1795737600123);
    assert_int_equal(store_set_leases(store, leases, 2), 0);
}

static void
fill(struct store *store)
{
    static const char *const holders[] = { "B", "A", "B" };
    struct store_client client = make_client("metro", "10.0.0.20");
    json_t *config = json_pack("{s:{}, s:[i,s]}", "routers", "x", 1,
                               "\xc3\xa4\n");

    client.has_mac = true;
    client.mac = (struct eth_addr) { { { 2, 0, 0, 0, 1, 0x20 } } };
    client.own_vlan = true;
    client.vlan = (struct fh_vlan) { .vids = { 200, 100 }, .n = 2 };
    assert_int_equal(store_put_client(store, &client), 0);
    client = make_client("metro", "10.0.0.3");
    client.removed = true;
    assert_int_equal(store_put_client(store, &client), 0);
    client = make_client("rural", "10.0.0.3");
    client.own_vlan = true;     /* Untagged, whatever the segment is. */
    assert_int_equal(store_put_client(store, &client), 0);
    assert_int_equal(store_set_draining(store, "B", true), 0);
    assert_int_equal(store_set_draining(store, "A", true), 0);
    assert_int_equal(store_set_uplink_down(store, "B", true), 0);
    assert_int_equal(store_set_uplink_down(store, "A", true), 0);
    assert_int_equal(store_set_uplink_down(store, "B", false), 0);
    assert_int_equal(store_set_holders(store, holders, 3), 0);
    assert_int_equal(store_set_config(store, config), 0);
    json_decref(config);
    put_leases(store);
}

static void
check_filled(const struct store *store)
{
    const struct store_state *s = store_get(store);

    assert_int_equal(s->n_leases, 2);
    assert_true(s->leases[0].end_ms == INT64_C(1795737600123));
    assert_int_equal(s->leases[0].mac.ea[5], 1);
    assert_true(s->leases[1].end_ms == 0);
    assert_int_equal(s->n_clients, 3);
    assert_true(s->clients[0].removed);
    assert_string_equal(s->clients[0].segment, "metro");
    assert_string_equal(s->clients[1].segment, "rural");
    assert_true(s->clients[1].own_vlan);
    assert_int_equal(s->clients[1].vlan.n, 0);
    assert_false(s->clients[1].has_mac);
    assert_true(fh_addr_equal(s->clients[2].address, addr("10.0.0.20")));
    assert_true(s->clients[2].has_mac);
    assert_int_equal(s->clients[2].mac.ea[5], 0x20);
    assert_int_equal(s->clients[2].vlan.n, 2);
    assert_int_equal(s->clients[2].vlan.vids[1], 100);
    assert_int_equal(s->n_draining, 2);
    assert_string_equal(s->draining[0], "A");
    assert_string_equal(s->draining[1], "B");
    assert_int_equal(s->n_uplinks_down, 1);
    assert_string_equal(s->uplinks_down[0], "A");
    assert_int_equal(s->n_holders, 2);
    assert_string_equal(s->holders[1], "B");
    assert_int_equal(json_integer_value(json_array_get(
        json_object_get(s->config, "x"), 0)), 1);
}

static void
everything_survives_a_restart(void **state)
{
    struct store *store = open_store();

    fill(store);
    check_filled(store);
    store_close(store);
    store = open_store();
    check_filled(store);
    store_close(store);
    assert_int_equal(count_files("tmp"), 0);
}

static void
files_are_not_for_others(void **state)
{
    static const char *const names[] = {
        "s/state", "s/clients", "s/config", "s/leases"
    };
    mode_t old_umask = umask(0);
    struct store *store = open_store();

    fill(store);
    umask(0777);
    assert_int_equal(store_set_draining(store, "C", true), 0);
    umask(old_umask);
    for (size_t i = 0; i < 3; i++) {
        struct stat st;

        assert_int_equal(stat(names[i], &st), 0);
        assert_int_equal(st.st_mode & 0777, 0640);
    }
    store_close(store);
}

static void
what_is_forgotten_stays_forgotten(void **state)
{
    struct store *store = open_store();

    fill(store);
    assert_int_equal(store_forget_client(store, "metro", addr("10.0.0.3")),
                     0);
    assert_int_equal(store_forget_client(store, "metro", addr("10.0.0.99")),
                     0);
    assert_int_equal(store_set_draining(store, "A", false), 0);
    assert_int_equal(store_set_draining(store, "Z", false), 0);
    assert_int_equal(store_set_holders(store, NULL, 0), 0);
    assert_int_equal(store_set_config(store, NULL), 0);
    assert_int_equal(store_set_config(store, NULL), 0);
    store_close(store);

    store = open_store();
    const struct store_state *s = store_get(store);
    assert_int_equal(s->n_clients, 2);
    assert_string_equal(s->clients[0].segment, "rural");
    assert_true(fh_addr_equal(s->clients[0].address, addr("10.0.0.3")));
    assert_int_equal(s->n_draining, 1);
    assert_string_equal(s->draining[0], "B");
    assert_int_equal(s->n_holders, 0);
    assert_null(s->config);
    store_close(store);
}

static void
many_clients_are_merged_or_none_is(void **state)
{
    static const char *const before[] = { "10.0.0.2", "10.0.0.5" };
    static const char *const added[] = { "10.0.0.9", "10.0.0.5", "10.0.0.1" };
    static const char *const after[] = { "10.0.0.1", "10.0.0.2", "10.0.0.5",
                                         "10.0.0.9" };
    struct store *store = open_store();
    struct store_client clients[3];

    for (size_t i = 0; i < 2; i++) {
        clients[0] = make_client("metro", before[i]);
        assert_int_equal(store_put_client(store, &clients[0]), 0);
    }
    assert_int_equal(store_put_clients(store, NULL, 0), 0);
    for (size_t i = 0; i < 3; i++) {
        clients[i] = make_client("metro", added[i]);
        clients[i].removed = true;
    }
    assert_int_equal(store_put_clients(store, clients, 3), 0);
    store_close(store);

    store = open_store();
    assert_int_equal(store_get(store)->n_clients, 4);
    for (size_t i = 0; i < 4; i++) {
        char text[FH_ADDR_STRLEN];

        assert_string_equal(fh_addr_format(store_get(store)->clients[i]
                                           .address, text), after[i]);
        assert_int_equal(store_get(store)->clients[i].removed, i != 1);
    }
    store_close(store);
}

static void
client_is_replaced_not_doubled(void **state)
{
    struct store *store = open_store();
    struct store_client client = make_client("metro", "10.0.0.3");

    assert_int_equal(store_put_client(store, &client), 0);
    client.removed = true;
    assert_int_equal(store_put_client(store, &client), 0);
    assert_int_equal(store_get(store)->n_clients, 1);
    assert_true(store_get(store)->clients[0].removed);
    store_close(store);
}

static void
clients_are_kept_in_order(void **state)
{
    static const char *const addresses[] = {
        "10.0.0.9", "10.0.0.10", "9.0.0.1", "200.0.0.1", "10.0.0.1"
    };
    static const char *const sorted[] = {
        "9.0.0.1", "10.0.0.1", "10.0.0.9", "10.0.0.10", "200.0.0.1"
    };
    struct store *store = open_store();

    for (size_t i = 0; i < 5; i++) {
        struct store_client client = make_client("metro", addresses[i]);

        assert_int_equal(store_put_client(store, &client), 0);
    }
    assert_int_equal(store_get(store)->n_clients, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_true(fh_addr_equal(store_get(store)->clients[i].address,
                                  addr(sorted[i])));
    }
    store_close(store);
}

static void
second_daemon_is_refused(void **state)
{
    struct store *store = open_store();
    struct store *other;
    char *message;

    assert_int_equal(store_open("s", &other, &message), EWOULDBLOCK);
    assert_null(other);
    assert_non_null(strstr(message, "in use"));
    free(message);
    store_close(store);
    store_close(open_store());
}

static void
directory_that_is_none_is_an_error(void **state)
{
    struct store *store;
    char *message;

    write_file("s", "", 0);
    assert_int_equal(store_open("s", &store, &message), ENOTDIR);
    assert_non_null(strstr(message, "s: "));
    free(message);
    assert_int_equal(store_open("no/s", &store, &message), ENOENT);
    free(message);
}

static void
check_set_aside(const char *name, const char *damaged, size_t len)
{
    char *path = fh_xasprintf("s/%s", name);
    char *part = fh_xasprintf("%s.corrupt-", name);
    size_t n_before = count_files(part);
    struct store *store;
    char *message;

    write_file(path, damaged, len);
    message = open_damaged(&store);
    assert_non_null(strstr(message, path));
    assert_non_null(strstr(message, part));
    assert_int_equal(count_files(part), n_before + 1);
    assert_int_equal(access(path, F_OK), -1);
    store_close(store);
    free(message);
    free(part);
    free(path);
}

static void
damaged_file_is_kept_aside_and_told(void **state)
{
    struct store *store = open_store();
    size_t len, aside_len;
    char *text;

    fill(store);
    store_close(store);
    text = read_file("s/clients", &len);
    text[len / 2] ^= 1;
    check_set_aside("clients", text, len);

    /* The rest is as it was; what was set aside is as it was found. */
    DIR *stream = opendir("s");
    struct dirent *entry;
    while ((entry = readdir(stream))
           && strncmp(entry->d_name, "clients.corrupt-", 16)) {
        continue;
    }
    assert_non_null(entry);
    char *path = fh_xasprintf("s/%s", entry->d_name);
    closedir(stream);
    char *aside = read_file(path, &aside_len);
    assert_int_equal(aside_len, len);
    assert_memory_equal(aside, text, len);
    free(path);
    free(aside);

    store = open_store();
    assert_int_equal(store_get(store)->n_clients, 0);
    assert_int_equal(store_get(store)->n_draining, 2);
    assert_non_null(store_get(store)->config);
    store_close(store);

    /* Again within the second: the first one is not overwritten. */
    check_set_aside("clients", text, len);
    check_set_aside("clients", text, len);
    assert_int_equal(count_files("clients.corrupt-"), 3);
    free(text);
}

static void
all_damaged_files_are_told_at_once(void **state)
{
    struct store *store = open_store();
    char *message;

    store_close(store);
    write_file("s/state", "x", 1);
    write_file("s/clients", "", 0);
    write_file("s/config", "y", 1);
    message = open_damaged(&store);
    assert_non_null(strstr(message, "s/state "));
    assert_non_null(strstr(message, "s/clients "));
    assert_non_null(strstr(message, "s/config "));
    assert_int_equal(count_files("corrupt"), 3);
    free(message);
    store_close(store);
}

/* Does 'text' decode as 'file'? */
static bool
decodes(enum store_file file, const char *text, size_t len)
{
    char *exact = len ? fh_xmemdup(text, len) : NULL;   /* So that ASan sees */
    struct store_state decoded;
    char *why;
    int error = store_decode(file, exact, len, &decoded, &why);

    free(exact);
    assert_true(error == 0 || error == EINVAL);
    assert_int_equal(error != 0, why != NULL);
    free(why);
    if (!error) {
        store_state_uninit(&decoded);
    }
    return !error;
}

static void
file_torn_or_changed_anywhere_is_noticed(void **state)
{
    struct store *store = open_store();

    fill(store);
    for (int file = 0; file < STORE_N_FILES; file++) {
        size_t len;
        char *text = store_encode(file, store_get(store), &len);

        assert_true(decodes(file, text, len));
        assert_false(decodes((file + 1) % STORE_N_FILES, text, len));
        for (size_t i = 0; i < len; i++) {
            assert_false(decodes(file, text, i));
            for (int bit = 0; bit < 8; bit++) {
                text[i] ^= 1 << bit;
                assert_false(decodes(file, text, len));
                text[i] ^= 1 << bit;
            }
        }
        text = fh_xrealloc(text, len + 1);
        text[len] = '\n';
        assert_false(decodes(file, text, len + 1));

        /* What a power cut leaves on some file systems. */
        memset(text + len / 2, 0, len - len / 2);
        assert_false(decodes(file, text, len));
        free(text);
    }
    store_close(store);
}

static void
other_version_is_named(void **state)
{
    static const char *const texts[] = {
        "firsthop-config 2 af63bd4c8601b7df 2\n{}",
        "firsthop-config 10 af63bd4c8601b7df 2\n{}",
        "firsthop-config 0 af63bd4c8601b7df 2\n{}",
        "firsthop-config  af63bd4c8601b7df 2\n{}",
    };

    for (size_t i = 0; i < 4; i++) {
        struct store_state decoded;
        char *why;

        assert_int_equal(store_decode(STORE_CONFIG, texts[i],
                                      strlen(texts[i]), &decoded, &why),
                         EINVAL);
        assert_non_null(strstr(why, "version"));
        free(why);
    }
    store_close(open_store());
    check_set_aside("config", texts[0], strlen(texts[0]));
}

/* A file with a good header around 'body'. */
static char *
wrap(const char *name, const char *body)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);       /* FNV-1a, 64 bits. */

    for (const char *p = body; *p; p++) {
        hash = (hash ^ (uint8_t) *p) * UINT64_C(0x100000001b3);
    }
    return fh_xasprintf("firsthop-%s 1 %016llx %zu\n%s", name,
                        (unsigned long long) hash, strlen(body), body);
}

static void
good_checksum_excuses_nothing(void **state)
{
    static const struct {
        enum store_file file;
        bool good;
        const char *body;
    } cases[] = {
        { STORE_CONFIG, true, "{}" },
        { STORE_CONFIG, false, "" },
        { STORE_CONFIG, false, "[]" },
        { STORE_CONFIG, false, "{\"a\":1,\"a\":1}" },
        { STORE_CONFIG, false, "{\"a\":1" },
        { STORE_STATE, true,
          "{\"draining\":[],\"holders\":[\"A\",\"B\"],\"decision\":0}" },
        { STORE_STATE, false, "{}" },
        { STORE_STATE, false,
          "{\"draining\":[],\"holders\":[\"B\",\"A\"],\"decision\":0}" },
        { STORE_STATE, false,
          "{\"draining\":[],\"holders\":[\"A\",\"A\"],\"decision\":0}" },
        { STORE_STATE, false,
          "{\"draining\":[\"a b\"],\"holders\":[],\"decision\":0}" },
        { STORE_STATE, false,
          "{\"draining\":[1],\"holders\":[],\"decision\":0}" },
        { STORE_STATE, false,
          "{\"draining\":[],\"holders\":[],\"decision\":-1}" },
        { STORE_STATE, false,
          "{\"draining\":[],\"holders\":[],\"decision\":4294967296}" },
        { STORE_STATE, false,
          "{\"draining\":[],\"holders\":[],\"decision\":0,\"x\":0}" },
        { STORE_CLIENTS, true, "{\"clients\":[]}" },
        { STORE_CLIENTS, true,
          "{\"clients\":[{\"address\":\"10.0.0.1\",\"segment\":\"m\"}]}" },
        { STORE_LEASES, true, "{\"leases\":[]}" },
        { STORE_LEASES, true,
          "{\"leases\":[{\"address\":\"10.0.0.9\",\"segment\":\"m\","
          "\"mac\":\"02:00:00:00:00:01\",\"end_ms\":1}]}" },
        { STORE_LEASES, false,
          "{\"leases\":[{\"address\":\"10.0.0.9\",\"segment\":\"m\"}]}" },
        { STORE_LEASES, false, "{\"clients\":[]}" },
        { STORE_CLIENTS, false,
          "{\"clients\":[{\"address\":\"10.0.0.9\",\"segment\":\"m\","
          "\"end_ms\":1}]}" },
        { STORE_CLIENTS, false, "{\"clients\":[{}]}" },
        { STORE_CLIENTS, false,
          "{\"clients\":[{\"address\":\"x\",\"segment\":\"m\"}]}" },
        { STORE_CLIENTS, false,
          "{\"clients\":[{\"address\":\"10.0.0.1\",\"segment\":\"\"}]}" },
        { STORE_CLIENTS, false,
          "{\"clients\":[{\"address\":\"10.0.0.1\",\"segment\":\"m\","
          "\"mac\":\"01:00:00:00:00:00\"}]}" },
        { STORE_CLIENTS, false,
          "{\"clients\":[{\"address\":\"10.0.0.1\",\"segment\":\"m\","
          "\"vlan\":[1,2,3]}]}" },
        { STORE_CLIENTS, false,
          "{\"clients\":[{\"address\":\"10.0.0.1\",\"segment\":\"m\","
          "\"vlan\":[4095]}]}" },
        { STORE_CLIENTS, false,
          "{\"clients\":[{\"address\":\"10.0.0.1\",\"segment\":\"m\"},"
          "{\"address\":\"10.0.0.1\",\"segment\":\"m\"}]}" },
    };
    static const char *const names[] = {
        "state", "clients", "config", "leases"
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = wrap(names[cases[i].file], cases[i].body);

        if (decodes(cases[i].file, text, strlen(text)) != cases[i].good) {
            fail_msg("%s", cases[i].body);
        }
        free(text);
    }
}

/* Runs every verb.  All must fail with 'error' and change nothing. */
static void
check_verbs_fail(struct store *store, int error)
{
    static const char *const holders[] = { "Q" };
    struct store_client client = make_client("metro", "10.0.0.77");
    json_t *config = json_object();

    assert_int_equal(store_put_client(store, &client), error);
    assert_int_equal(store_forget_client(store, "metro", addr("10.0.0.3")),
                     error);
    assert_int_equal(store_set_draining(store, "Q", true), error);
    assert_int_equal(store_set_draining(store, "A", false), error);
    assert_int_equal(store_set_holders(store, holders, 1), error);
    assert_int_equal(store_set_config(store, config), error);
    json_decref(config);
    check_filled(store);
}

/* A directory in the way of the temporary files: nobody, not even root, can
 * write them. */
static void
failed_write_changes_nothing(void **state)
{
    struct store *store = open_store();

    fill(store);
    assert_int_equal(mkdir("s/.state.tmp", 0700), 0);
    assert_int_equal(mkdir("s/.clients.tmp", 0700), 0);
    assert_int_equal(mkdir("s/.config.tmp", 0700), 0);
    check_verbs_fail(store, EISDIR);
    rmdir("s/.state.tmp");
    rmdir("s/.clients.tmp");
    rmdir("s/.config.tmp");
    store_close(store);

    store = open_store();
    check_filled(store);
    store_close(store);
}

static void
full_disk_changes_nothing(void **state)
{
    struct store *store = open_store();
    struct rlimit old, none;

    fill(store);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    none = old;
    none.rlim_cur = 10;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    check_verbs_fail(store, EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(count_files("tmp"), 0);
    assert_int_equal(store_set_draining(store, "C", true), 0);
    store_close(store);

    store = open_store();
    assert_int_equal(store_get(store)->n_draining, 3);
    assert_int_equal(store_get(store)->n_clients, 3);
    store_close(store);
}

/* Runs 'run' in a child that is no root.  Its assertions end the child. */
static void
as_nobody(void (*run)(void))
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (!pid) {
        if (setgid(65534) || setuid(65534)) {
            _exit(70);
        }
        run();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void
open_fails_with_eacces(void)
{
    struct store *store;
    char *message;

    if (store_open("s", &store, &message) != EACCES || store
        || !strstr(message, "s")) {
        _exit(1);
    }
    free(message);
}

/* What is there is read, locked and kept as it is. */
static void
open_is_read_only(void)
{
    struct store *store, *other;
    char *message;

    if (store_open("s", &store, &message)
        || store_read_only(store) != EACCES
        || store_set_draining(store, "C", true) != EACCES
        || store_set_config(store, NULL) != EACCES
        || store_get(store)->n_draining) {
        _exit(1);
    }
    free(message);
    if (store_open("s", &other, &message) != EWOULDBLOCK) {
        _exit(2);
    }
    free(message);
    store_close(store);
}

static void
directory_without_permission_is_an_error(void **state)
{
    if (geteuid()) {
        skip();                 /* Only root can become nobody. */
    }
    assert_int_equal(chmod(".", 0755), 0);
    assert_int_equal(mkdir("s", 0755), 0);
    assert_int_equal(chmod("s", 0), 0);
    as_nobody(open_fails_with_eacces);
    assert_int_equal(chmod("s", 0777), 0);
    write_file("s/lock", "", 0);
    write_file("s/state", "", 0);
    assert_int_equal(chmod("s/lock", 0666), 0);
    assert_int_equal(chmod("s/state", 0), 0);
    as_nobody(open_fails_with_eacces);      /* A file cannot be read. */
}

static void
read_only_directory_is_read(void **state)
{
    struct store *store;

    if (geteuid()) {
        skip();                 /* Only root can become nobody. */
    }
    assert_int_equal(chmod(".", 0755), 0);
    assert_int_equal(mkdir("s", 0555), 0);
    as_nobody(open_is_read_only);
    write_file("s/state", "", 0);           /* It cannot be set aside. */
    as_nobody(open_is_read_only);
    assert_int_equal(count_files("corrupt"), 0);
    assert_int_equal(unlink("s/state"), 0);

    store = open_store();       /* Root may write all the same. */
    assert_int_equal(store_read_only(store), 0);
    fill(store);
    store_close(store);
    assert_int_equal(chmod("s/state", 0444), 0);
    as_nobody(open_fails_with_eacces);      /* Of "clients", mode 0640. */
}

static void
link_is_not_followed(void **state)
{
    struct store *store = open_store();
    char *message;

    fill(store);
    store_close(store);
    assert_int_equal(rename("s/state", "elsewhere"), 0);
    assert_int_equal(symlink("../elsewhere", "s/state"), 0);
    assert_int_equal(store_open("s", &store, &message), ELOOP);
    free(message);
}

int
main(void)
{
#define TEST(FUNCTION) \
    cmocka_unit_test_setup_teardown(FUNCTION, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(missing_directory_is_made_and_empty),
        TEST(everything_survives_a_restart),
        TEST(files_are_not_for_others),
        TEST(what_is_forgotten_stays_forgotten),
        TEST(many_clients_are_merged_or_none_is),
        TEST(client_is_replaced_not_doubled),
        TEST(clients_are_kept_in_order),
        TEST(second_daemon_is_refused),
        TEST(directory_that_is_none_is_an_error),
        TEST(damaged_file_is_kept_aside_and_told),
        TEST(all_damaged_files_are_told_at_once),
        TEST(file_torn_or_changed_anywhere_is_noticed),
        TEST(other_version_is_named),
        TEST(good_checksum_excuses_nothing),
        TEST(failed_write_changes_nothing),
        TEST(full_disk_changes_nothing),
        TEST(directory_without_permission_is_an_error),
        TEST(read_only_directory_is_read),
        TEST(link_is_not_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
