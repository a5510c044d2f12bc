/* The configuration: what is accepted, and where each mistake is reported.
 *
 * A case is the contract's example with a few edits, and the pointers of all
 * errors (or warnings) that it must give, no more and no fewer. */
#include <config.h>

#include "controller/config/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "controller/config/config_ask.h"

#include <firsthop/buf.h>

#define MAX_EDITS 6
#define MAX_EXPECTED 8

struct edit {
    const char *pointer;
    const char *value;          /* JSON, or NULL: remove. */
};

struct test_case {
    struct edit edits[MAX_EDITS];
    const char *expected[MAX_EXPECTED];     /* Pointers, none: accepted. */
};

/* The path of a file of the source tree.  Returns new. */
static char *
source_path(const char *name)
{
    const char *top = getenv("top_srcdir");

    return fh_xasprintf("%s/%s", top ? top : ".", name);
}

static char *
read_source(const char *name)
{
    char *path = source_path(name);
    FILE *file = fopen(path, "r");
    struct fh_buf text = { NULL, 0, 0 };
    char chunk[4096];
    size_t n;

    if (!file) {
        fail_msg("%s: cannot be opened", path);
    }
    while ((n = fread(chunk, 1, sizeof chunk, file)) > 0) {
        fh_buf_append(&text, chunk, n);
    }
    fclose(file);
    free(path);
    fh_buf_append(&text, "", 1);
    return (char *) text.data;
}

static json_t *
load_example(void)
{
    char *text = read_source("controller/config/firsthop.example.json");
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

    assert_non_null(json);
    free(text);
    return json;
}

/* Where the last token of 'pointer' starts; what it is a member of goes into
 * '*parent'. */
static const char *
walk(json_t *json, const char *pointer, json_t **parent)
{
    while (strchr(pointer + 1, '/')) {
        size_t len = strcspn(pointer + 1, "/");
        char *token = fh_xasprintf("%.*s", (int) len, pointer + 1);

        json = (json_is_array(json) ? json_array_get(json, atoi(token))
                : json_object_get(json, token));
        if (!json) {
            fail_msg("the test's pointer leads nowhere: %s", pointer);
        }
        pointer += 1 + len;
        free(token);
    }
    *parent = json;
    return pointer + 1;
}

static void
apply_edit(json_t *json, const struct edit *edit)
{
    json_t *parent;
    const char *token = walk(json, edit->pointer, &parent);

    if (!edit->value) {
        assert_int_equal(json_object_del(parent, token), 0);
        return;
    }

    json_error_t error;
    json_t *value = json_loads(edit->value, JSON_DECODE_ANY, &error);
    if (!value) {
        fail_msg("the test's JSON: %s: %s", edit->value, error.text);
    }
    if (!json_is_array(parent)) {
        json_object_set_new(parent, token, value);
    } else if (!strcmp(token, "-")) {
        json_array_append_new(parent, value);
    } else {
        assert_int_equal(json_array_set_new(parent, atoi(token), value), 0);
    }
}

static int
compare_strings(const void *a_, const void *b_)
{
    const char *const *a = a_;
    const char *const *b = b_;

    return strcmp(*a, *b);
}

static size_t
sorted_pointers(const struct config_errors *errors, const char **pointers,
                size_t max)
{
    assert_true(errors->n <= max);
    for (size_t i = 0; i < errors->n; i++) {
        pointers[i] = errors->items[i].pointer;
        assert_true(strlen(errors->items[i].text) > 5);
    }
    qsort(pointers, errors->n, sizeof *pointers, compare_strings);
    return errors->n;
}

static void
print_errors(const struct config_errors *errors)
{
    for (size_t i = 0; i < errors->n; i++) {
        print_error("  %s: %s\n", errors->items[i].pointer,
                    errors->items[i].text);
    }
}

/* Are the pointers of 'errors' exactly those 'expected' (sorted here)? */
static void
check_pointers(const struct config_errors *errors,
               const char *const expected_[MAX_EXPECTED], const char *what)
{
    const char *expected[MAX_EXPECTED], *actual[64];
    size_t n = 0;

    while (n < MAX_EXPECTED && expected_[n]) {
        expected[n] = expected_[n];
        n++;
    }
    qsort(expected, n, sizeof *expected, compare_strings);

    bool same = errors->n == n && sorted_pointers(errors, actual, 64) == n;
    for (size_t i = 0; same && i < n; i++) {
        same = !strcmp(expected[i], actual[i]);
    }
    if (!same) {
        print_errors(errors);
        fail_msg("%s: not the expected errors", what);
    }
}

static void
run_case(const struct test_case *test, bool warnings_expected)
{
    static const char *const none[MAX_EXPECTED] = { NULL };
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct config_errors warnings = { NULL, 0, 0, 0 };
    json_t *json = load_example();
    const char *what = test->edits[0].pointer;

    for (size_t i = 0; i < MAX_EDITS && test->edits[i].pointer; i++) {
        apply_edit(json, &test->edits[i]);
    }

    char *text = json_dumps(json, 0);
    char *name = fh_xasprintf("%s = %s", what, test->edits[0].value);
    struct config *config = config_parse(text, strlen(text), &errors,
                                         &warnings);
    check_pointers(&errors, warnings_expected ? none : test->expected, name);
    assert_int_equal(config != NULL, errors.n == 0);
    if (warnings_expected) {
        check_pointers(&warnings, test->expected, name);
    }

    config_destroy(config);
    config_errors_destroy(&errors);
    config_errors_destroy(&warnings);
    free(name);
    free(text);
    json_decref(json);
}

#define RUN_CASES(CASES) \
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) { \
        run_case(&CASES[i], false); \
    }

#define GOOD(POINTER, VALUE) { { { POINTER, VALUE } }, { NULL } }
#define BAD(POINTER, VALUE) { { { POINTER, VALUE } }, { POINTER } }
#define BAD_AT(POINTER, VALUE, AT) { { { POINTER, VALUE } }, { AT } }

#define METRO "/segments/metro"
#define A_UPLINK "/routers/A/uplink"

/* A second segment that is apart from "metro" by its tags alone, and C, a
 * router that shares nothing. */
#define ROUTER_C \
    "{\"datapath_id\":\"000000000000000c\",\"mac\":\"02:00:00:00:00:0c\"," \
    "\"access_ports\":[\"c-access\"],\"uplink\":{\"port\":\"c-uplink\"," \
    "\"address\":\"192.0.2.4/24\",\"next_hop\":\"192.0.2.1\"}}"
#define SEGMENT(GATEWAY, PREFIX, MORE) \
    "{\"gateway\":\"" GATEWAY "\",\"prefixes\":[\"" PREFIX "\"]," MORE "}"
#define ON_A(ADDRESS) \
    "\"routers\":{\"A\":{\"address\":\"" ADDRESS "\"}}"
#define ON_C(ADDRESS) \
    "\"routers\":{\"C\":{\"address\":\"" ADDRESS "\"}}"

static struct config *
parse_good(const char *text)
{
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct config *config = config_parse(text, strlen(text), &errors, NULL);

    if (!config) {
        print_errors(&errors);
        fail_msg("%s: refused", text);
    }
    return config;
}

/* The text gives 'pointer' as its first error, with a text that contains
 * 'part'. */
static void
assert_first_error(const char *text, size_t len, const char *pointer,
                   const char *part)
{
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct config *config = config_parse(text, len, &errors, NULL);

    assert_null(config);
    assert_true(errors.n > 0);
    assert_string_equal(errors.items[0].pointer, pointer);
    if (!strstr(errors.items[0].text, part)) {
        fail_msg("\"%s\" does not say \"%s\"", errors.items[0].text, part);
    }
    config_errors_destroy(&errors);
}

static void
example_is_read_whole(void **state)
{
    char *text = read_source("controller/config/firsthop.example.json");
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct config_errors warnings = { NULL, 0, 0, 0 };
    struct config *config = config_parse(text, strlen(text), &errors,
                                         &warnings);
    char buf[FH_PREFIX_STRLEN];

    assert_non_null(config);
    assert_int_equal(warnings.n, 0);
    assert_int_equal(config->n_listens, 1);
    assert_string_equal(config->listens[0], "tcp:127.0.0.1:6653");

    assert_int_equal(config->n_routers, 2);
    const struct config_router *b = &config->routers[1];
    assert_string_equal(b->name, "B");
    assert_int_equal(b->dpid, 0xb);
    assert_string_equal(fh_mac_format(b->mac, buf), "02:00:00:00:00:0b");
    assert_int_equal(b->n_access_ports, 1);
    assert_string_equal(b->access_ports[0], "b-access");
    assert_string_equal(b->uplink.port, "b-uplink");
    assert_string_equal(fh_prefix_format(&b->uplink.address, buf),
                        "192.0.2.3/24");
    assert_string_equal(fh_addr_format(b->uplink.next_hop, buf), "192.0.2.1");
    assert_null(b->connect);

    assert_int_equal(config->n_segments, 1);
    const struct config_segment *metro = &config->segments[0];
    assert_string_equal(fh_addr_format(metro->gateway, buf), "10.0.0.1");
    assert_int_equal(metro->n_prefixes, 1);
    assert_string_equal(fh_prefix_format(&metro->prefixes[0], buf),
                        "10.0.0.0/24");
    assert_int_equal(metro->n_members, 2);
    assert_int_equal(metro->members[0].router, 0);
    assert_int_equal(metro->members[0].priority, 200);
    assert_string_equal(fh_addr_format(metro->members[1].address, buf),
                        "10.0.0.3");
    assert_string_equal(metro->members[1].uplink.port, "b-uplink");

    assert_int_equal(config->n_clients, 1);
    assert_int_equal(config->clients[0].segment, 0);
    assert_true(config->clients[0].has_mac);

    config_destroy(config);
    free(text);
}

/* The contract: the rest has the defaults that the example shows. */
static void
defaults_are_those_of_the_example(void **state)
{
    json_t *json = load_example();
    json_t *metro = json_object_get(json_object_get(json, "segments"),
                                    "metro");
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct config *full = config_from_json(json, &errors, NULL);
    static const char *const optional[] = {
        "vlan", "learn", "probe", "beacon", "election", "limits", "proxy_arp",
        "withdraw_after_ms", "upstream",
    };

    assert_non_null(full);
    json_t *less = json_deep_copy(json);
    metro = json_object_get(json_object_get(less, "segments"), "metro");
    for (size_t i = 0; i < sizeof optional / sizeof *optional; i++) {
        assert_int_equal(json_object_del(metro, optional[i]), 0);
    }
    json_object_del(less, "openflow");

    struct config *bare = config_from_json(less, &errors, NULL);
    assert_non_null(bare);
    const struct config_segment *f = &full->segments[0];
    const struct config_segment *b = &bare->segments[0];
    assert_true(fh_vlan_equal(&f->vlan, &b->vlan));
    assert_int_equal(f->learn, b->learn);
    assert_memory_equal(&f->probe, &b->probe, sizeof f->probe);
    assert_memory_equal(&f->beacon, &b->beacon, sizeof f->beacon);
    assert_int_equal(f->election.preempt, b->election.preempt);
    assert_int_equal(f->election.hold_down_ms, b->election.hold_down_ms);
    assert_memory_equal(&f->limits, &b->limits, sizeof f->limits);
    assert_int_equal(f->proxy_arp, b->proxy_arp);
    assert_int_equal(f->withdraw_after_ms, b->withdraw_after_ms);
    assert_int_equal(f->upstream, b->upstream);
    assert_string_equal(full->listens[0], bare->listens[0]);
    assert_int_equal(b->age_s, 300);
    assert_false(b->isolate);
    assert_int_equal(b->bgp.local_preference, 100);
    assert_int_equal(bare->echo_interval_ms, 1000);
    assert_int_equal(bare->dead_after_ms, 3000);
    assert_int_equal(bare->routers[0].uplink.mtu, 1500);
    assert_int_equal(bare->routers[0].uplink.watch.interval_ms, 3000);
    assert_int_equal(bare->routers[0].uplink.watch.misses, 3);

    config_destroy(full);
    config_destroy(bare);
    json_decref(json);
    json_decref(less);
}

static void
empty_object_is_an_empty_configuration(void **state)
{
    struct config *config = parse_good("{}");

    assert_int_equal(config->n_routers, 0);
    assert_int_equal(config->n_segments, 0);
    assert_int_equal(config->n_clients, 0);
    assert_int_equal(config->n_listens, 1);
    config_destroy(config);
}

static void
member_priority_defaults_to_100(void **state)
{
    json_t *json = load_example();
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct edit edit = { METRO "/routers/A/priority", NULL };

    apply_edit(json, &edit);
    struct config *config = config_from_json(json, &errors, NULL);
    assert_non_null(config);
    assert_int_equal(config->segments[0].members[0].priority, 100);
    config_destroy(config);
    json_decref(json);
}

static void
short_interval_shortens_the_default_retry(void **state)
{
    json_t *json = load_example();
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct edit edit = { METRO "/probe", "{\"interval_ms\": 50}" };

    apply_edit(json, &edit);
    struct config *config = config_from_json(json, &errors, NULL);
    assert_non_null(config);
    assert_int_equal(config->segments[0].probe.retry_ms, 50);
    config_destroy(config);
    json_decref(json);
}

static void
echo_times_keep_their_proportion(void **state)
{
    struct config *config;

    config = parse_good("{\"openflow\":{\"echo_interval_ms\":5000}}");
    assert_int_equal(config->dead_after_ms, 15000);
    config_destroy(config);
    config = parse_good("{\"openflow\":{\"dead_after_ms\":300}}");
    assert_int_equal(config->echo_interval_ms, 100);
    config_destroy(config);
    config = parse_good("{\"openflow\":{\"dead_after_ms\":9000}}");
    assert_int_equal(config->echo_interval_ms, 1000);
    config_destroy(config);
}

static void
own_uplink_inherits_what_it_leaves_out(void **state)
{
    json_t *json = load_example();
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct edit mtu = { A_UPLINK "/mtu", "9000" };
    struct edit watch = { A_UPLINK "/watch", "{\"interval_ms\": 200}" };
    struct edit edit = {
        METRO "/routers/A/uplink",
        "{\"vlan\": [7], \"next_hop\": \"192.0.2.9\","
        " \"watch\": {\"misses\": 5}}"
    };

    apply_edit(json, &mtu);
    apply_edit(json, &watch);
    apply_edit(json, &edit);
    struct config *config = config_from_json(json, &errors, NULL);
    assert_non_null(config);
    const struct config_member *member = &config->segments[0].members[0];
    char buf[FH_ADDR_STRLEN];
    assert_true(member->own_uplink);
    assert_string_equal(member->uplink.port, "a-uplink");
    assert_int_equal(member->uplink.mtu, 9000);
    assert_int_equal(member->uplink.watch.interval_ms, 200);
    assert_int_equal(member->uplink.watch.misses, 5);
    assert_int_equal(member->uplink.vlan.vids[0], 7);
    assert_string_equal(fh_addr_format(member->uplink.next_hop, buf),
                        "192.0.2.9");
    assert_int_equal(config->routers[0].uplink.vlan.n, 0);
    config_destroy(config);
    json_decref(json);
}

static void
clients_come_out_by_address(void **state)
{
    json_t *json = load_example();
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct edit edit = {
        "/clients",
        "[{\"address\":\"10.0.0.100\",\"segment\":\"metro\"},"
        "{\"address\":\"10.0.0.20\",\"segment\":\"metro\",\"vlan\":[5]}]"
    };
    char buf[FH_ADDR_STRLEN];

    apply_edit(json, &edit);
    struct config *config = config_from_json(json, &errors, NULL);
    assert_non_null(config);
    assert_string_equal(fh_addr_format(config->clients[0].address, buf),
                        "10.0.0.20");
    assert_true(config->clients[0].own_vlan);
    assert_int_equal(config->clients[0].vlan.vids[0], 5);
    assert_false(config->clients[1].own_vlan);
    assert_false(config->clients[1].has_mac);
    config_destroy(config);
    json_decref(json);
}

static void
syntax_errors_tell_line_and_column(void **state)
{
    static const char text[] = "{\n  \"routers\": {,}\n}";

    assert_first_error(text, strlen(text), "", "line 2, column");
    assert_first_error("", 0, "", "line 1");
    assert_first_error("{} {}", 5, "", "line 1");
    assert_first_error("{\"a\": \"\xff\"}", 10, "", "line 1");
}

static void
root_must_be_an_object(void **state)
{
    assert_first_error("[]", 2, "", "must be an object");
    assert_first_error("null", 4, "", "must be an object");
    assert_first_error("1", 1, "", "must be an object");
}

static void
text_truncated_anywhere_is_refused(void **state)
{
    char *text = read_source("controller/config/firsthop.example.json");
    size_t len = strrchr(text, '}') - text;

    for (size_t i = 0; i <= len; i++) {
        struct config_errors errors = { NULL, 0, 0, 0 };
        char *part = fh_xmemdup(text, i + 1);   /* So that ASan sees. */
        char *exact = fh_xrealloc(part, i ? i : 1);

        assert_null(config_parse(exact, i, &errors, NULL));
        assert_true(errors.n > 0);
        config_errors_destroy(&errors);
        free(exact);
    }
    free(text);
}

static void
duplicates_are_all_found_by_pointer(void **state)
{
    static const char text[] =
        "{\"openflow\": {\"listen\": [], \"listen\": []},\n"
        " \"routers\": {\"A/~\": {}, \"\\u0041/~\": {}},\n"
        " \"clients\": [{}, {\"mac\": 1, \"x\": {}, \"mac\": 1, \"mac\": 2}]"
        "}";
    struct config_errors errors = { NULL, 0, 0, 0 };
    static const char *const expected[] = {
        "/clients/1/mac", "/clients/1/mac", "/openflow/listen",
        "/routers/A~1~0",
    };
    const char *pointers[16];

    assert_null(config_read_json(text, strlen(text), 16, &errors));
    assert_int_equal(sorted_pointers(&errors, pointers, 16), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(pointers[i], expected[i]);
    }
    config_errors_destroy(&errors);
}

static void
same_key_in_different_objects_is_no_duplicate(void **state)
{
    static const char text[] =
        "{\"a\": {\"a\": {\"a\": [{\"a\": 1}, {\"a\": 1}]}, \"b\": 1},"
        " \"b\": \"\\\"a\\\": 1\", \"\": 1, \" \": [ ] }";
    struct config_errors errors = { NULL, 0, 0, 0 };
    json_t *json = config_read_json(text, strlen(text), 16, &errors);

    assert_non_null(json);
    json_decref(json);
}

/* jansson skips a null byte that follows a number; the second reader took it
 * for part of the number, and ran past the end of the text. */
static void
null_byte_is_refused_where_it_is(void **state)
{
    static const char text[] = "{\"\":9\n,\"l\":1}";
    const size_t len = sizeof text - 1;
    const size_t feed = strchr(text, '\n') - text;

    for (size_t i = 0; i < len; i++) {
        struct config_errors errors = { NULL, 0, 0, 0 };
        char *copy = fh_xmemdup(text, len);
        char expected[64];

        copy[i] = '\0';
        snprintf(expected, sizeof expected, "line %d, column %zu: null byte",
                 i > feed ? 2 : 1, i > feed ? i - feed - 1 : i);
        assert_null(config_read_json(copy, len, 16, &errors));
        assert_int_equal(errors.n, 1);
        assert_string_equal(errors.items[0].pointer, "");
        assert_string_equal(errors.items[0].text, expected);
        config_errors_destroy(&errors);
        free(copy);
    }
}

static void
empty_containers_and_keys_are_read(void **state)
{
    static const char *const texts[] = {
        "{}", "[]", " { } ", "[ ]", "{\"\":{}}", "[{},[]]", "{\"\":9}",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct config_errors errors = { NULL, 0, 0, 0 };
        size_t len = strlen(texts[i]);
        char *exact = fh_xmemdup(texts[i], len);
        json_t *json = config_read_json(exact, len, 16, &errors);

        assert_non_null(json);
        json_decref(json);
        free(exact);
    }
}

static void
duplicates_do_not_hide_other_errors(void **state)
{
    static const char text[] = "{\"clients\": [], \"clients\": 3, \"x\": 1}";
    struct config_errors errors = { NULL, 0, 0, 0 };
    static const char *const expected[MAX_EXPECTED] = {
        "/clients", "/clients", "/x"
    };

    assert_null(config_parse(text, strlen(text), &errors, NULL));
    check_pointers(&errors, expected, "duplicates");
    config_errors_destroy(&errors);
}

static void
depth_is_bounded(void **state)
{
    struct config_errors errors = { NULL, 0, 0, 0 };
    json_t *json = config_read_json("[[{\"a\":[]}]]", 12, 4, &errors);

    assert_non_null(json);
    json_decref(json);
    assert_null(config_read_json("[[{\"a\":[]}]]", 12, 3, &errors));
    assert_string_equal(errors.items[0].pointer, "/0/0/a");
    config_errors_destroy(&errors);
}

static void
thousand_errors_are_kept_and_the_rest_counted(void **state)
{
    struct fh_buf text = { NULL, 0, 0 };
    struct config_errors errors = { NULL, 0, 0, 0 };

    fh_buf_append(&text, "{\"clients\":[0", 13);
    for (size_t i = 0; i < 1000; i++) {
        fh_buf_append(&text, ",0", 2);
    }
    fh_buf_append(&text, "]}", 2);
    assert_null(config_parse((char *) text.data, text.len, &errors, NULL));
    assert_int_equal(errors.n, 1000);
    assert_int_equal(errors.n_dropped, 1);
    config_errors_destroy(&errors);
    fh_buf_destroy(&text);
}

static void
unreadable_file_is_an_error_of_the_whole(void **state)
{
    struct config_errors errors = { NULL, 0, 0, 0 };

    assert_null(config_load_file("/nonexistent/firsthop.json", &errors,
                                 NULL));
    assert_int_equal(errors.n, 1);
    assert_string_equal(errors.items[0].pointer, "");
    assert_non_null(strstr(errors.items[0].text, strerror(ENOENT)));
    config_errors_destroy(&errors);
    assert_null(config_load_file("/", &errors, NULL));
    assert_non_null(strstr(errors.items[0].text, strerror(EISDIR)));
    config_errors_destroy(&errors);
}

static void
file_is_read(void **state)
{
    struct config_errors errors = { NULL, 0, 0, 0 };
    char *path = source_path("controller/config/firsthop.example.json");
    struct config *config = config_load_file(path, &errors, NULL);

    assert_non_null(config);
    assert_int_equal(config_find_router(config, "B"), 1);
    assert_int_equal(config_find_router(config, "C"), SIZE_MAX);
    assert_int_equal(config_find_segment(config, "metro"), 0);
    assert_int_equal(config_find_segment(config, ""), SIZE_MAX);
    config_destroy(config);
    free(path);
}

static void
kernel_routes_are_checked(void **state)
{
    static const struct test_case cases[] = {
        GOOD("/kernel", "{\"table\":4242,\"device\":\"eth0\"}"),
        { { { "/kernel", "{\"table\":4242,\"device\":\"eth0\"}" },
            { METRO "/upstream", "\"kernel\"" } }, { NULL } },
        BAD(METRO "/upstream", "\"kernel\""),      /* Without a table. */
        BAD_AT("/kernel", "{\"device\":\"eth0\"}", "/kernel/table"),
        BAD_AT("/kernel", "{\"table\":4242}", "/kernel/device"),
        BAD_AT("/kernel", "{\"table\":0,\"device\":\"eth0\"}",
               "/kernel/table"),
        BAD_AT("/kernel", "{\"table\":1,\"device\":\"0123456789abcdef\"}",
               "/kernel/device"),
        BAD_AT("/kernel", "{\"table\":1,\"device\":\"a/b\"}",
               "/kernel/device"),
    };

    RUN_CASES(cases);
}

#define DHCP(MORE) "{\"servers\":[\"198.51.100.67\"]" MORE "}"

static void
dhcp_is_checked(void **state)
{
    static const struct test_case cases[] = {
        GOOD(METRO "/dhcp", DHCP("")),
        GOOD(METRO "/dhcp", DHCP(",\"lease_clients\":false")),
        { { { METRO "/dhcp", DHCP("") }, { METRO "/learn", "\"dhcp\"" } },
          { NULL } },
        BAD_AT(METRO "/dhcp", "{}", METRO "/dhcp/servers"),
        BAD_AT(METRO "/dhcp", "{\"servers\":[]}", METRO "/dhcp/servers"),
        BAD_AT(METRO "/dhcp", "{\"servers\":[\"a\"]}",
               METRO "/dhcp/servers/0"),
        BAD_AT(METRO "/dhcp", "{\"servers\":[1]}", METRO "/dhcp/servers/0"),
        BAD_AT(METRO "/dhcp", "{\"servers\":[\"224.0.0.1\"]}",
               METRO "/dhcp/servers/0"),
        BAD_AT(METRO "/dhcp", DHCP(",\"x\":1"), METRO "/dhcp/x"),
        BAD_AT(METRO "/dhcp", DHCP(",\"lease_clients\":1"),
               METRO "/dhcp/lease_clients"),
        BAD(METRO "/learn", "\"dhcp\""),         /* Without servers. */
        { { { METRO "/dhcp", DHCP(",\"lease_clients\":false") },
            { METRO "/learn", "\"dhcp\"" } }, { METRO "/learn" } },
        BAD(METRO "/learn", "\"leases\""),
    };

    RUN_CASES(cases);
}

static void
wrong_types_are_refused(void **state)
{
    static const struct test_case cases[] = {
        BAD("/openflow", "[]"),
        BAD("/openflow/listen", "\"tcp:127.0.0.1:6653\""),
        BAD("/openflow/listen/0", "null"),
        BAD("/clients", "{}"),
        BAD("/clients/0", "\"10.0.0.10\""),
        BAD("/clients/0/address", "10"),
        BAD("/clients/0/mac", "null"),
        BAD("/routers/A/access_ports", "\"a-access\""),
        BAD("/routers/A/access_ports/0", "1"),
        BAD(A_UPLINK "/port", "1"),
        BAD(A_UPLINK "/vlan", "7"),
        BAD(METRO "/learn", "1"),
        BAD(METRO "/learn", "\"true\""),
        BAD(METRO "/prefixes", "\"10.0.0.0/24\""),
        BAD(METRO "/probe", "1000"),
        BAD(METRO "/probe/interval_ms", "1000.0"),
        BAD(METRO "/probe/interval_ms", "true"),
        BAD(METRO "/probe/interval_ms", "\"1000\""),
        BAD(METRO "/vlan", "{}"),
        { { { METRO "/vlan", "[100.0]" } }, { METRO "/vlan/0" } },
        BAD(METRO "/upstream", "null"),
        { { { "/routers", "[]" }, { "/segments", "{}" },
            { "/clients", "[]" } }, { "/routers" } },
    };

    RUN_CASES(cases);
}

static void
unknown_keys_are_refused_everywhere(void **state)
{
    static const struct test_case cases[] = {
        BAD("/x", "1"),
        BAD_AT("/a~b", "1", "/a~0b"),
        BAD("/", "1"),
        BAD("/openflow/x", "1"),
        BAD("/routers/A/x", "1"),
        BAD(A_UPLINK "/x", "1"),
        BAD(METRO "/x", "1"),
        BAD(METRO "/routers/A/x", "1"),
        BAD(METRO "/probe/x", "1"),
        BAD(METRO "/election/x", "1"),
        BAD(METRO "/limits/x", "1"),
        BAD("/clients/0/x", "1"),
        { { { METRO "/bgp", "{\"x\": 1}" } }, { METRO "/bgp/x" } },
        { { { METRO "/routers/A/uplink", "{\"x\": 1}" } },
          { METRO "/routers/A/uplink/x" } },
        { { { "/bgp",
              "{\"api_in\":\"/a\",\"api_out\":\"/b\",\"x\":1}" } },
          { "/bgp/x" } },
        { { { "/api",
              "{\"listen\":\"127.0.0.1:1\",\"token_file\":\"/b\",\"x\":1}" }
          }, { "/api/x" } },
        { { { "/cores", "{\"K\":{\"datapath_id\":\"00000000000000cc\","
              "\"ports\":{\"A\":\"k-a\"},\"x\":1}}" } }, { "/cores/K/x" } },
    };

    RUN_CASES(cases);
}

static void
unknown_key_is_told_what_it_resembles(void **state)
{
    static const char close_by[] = "{\"segment\": {}}";
    static const char far[] = "{\"rougher\": {}}";

    assert_first_error(close_by, strlen(close_by), "/segment",
                       "did you mean \"segments\"?");
    assert_first_error(far, strlen(far), "/rougher", "unknown key");

    struct config_errors errors = { NULL, 0, 0, 0 };
    assert_null(config_parse(far, strlen(far), &errors, NULL));
    assert_string_equal(errors.items[0].text, "unknown key");
    config_errors_destroy(&errors);
}

static void
missing_keys_are_named(void **state)
{
    static const struct test_case cases[] = {
        BAD("/routers/A/datapath_id", NULL),
        BAD("/routers/A/mac", NULL),
        BAD("/routers/A/access_ports", NULL),
        BAD("/routers/A/uplink", NULL),
        BAD(A_UPLINK "/port", NULL),
        BAD(A_UPLINK "/address", NULL),
        BAD(A_UPLINK "/next_hop", NULL),
        BAD(METRO "/gateway", NULL),
        BAD(METRO "/prefixes", NULL),
        BAD(METRO "/routers", NULL),
        BAD(METRO "/routers/A/address", NULL),
        BAD("/clients/0/address", NULL),
        BAD("/clients/0/segment", NULL),
        { { { "/api", "{}" } }, { "/api/listen", "/api/token_file" } },
        { { { "/bgp", "{}" } }, { "/bgp/api_in", "/bgp/api_out" } },
        { { { "/tls", "{}" } },
          { "/tls/key", "/tls/certificate", "/tls/ca" } },
        { { { "/cores", "{\"K\": {}}" } },
          { "/cores/K/datapath_id", "/cores/K/ports" } },
    };

    RUN_CASES(cases);
}

static void
names_are_fit_for_urls(void **state)
{
    static const char n64[] = "/segments/"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    static const char n65[] = "/segments/"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    static const char segment[] = SEGMENT("10.9.0.1", "10.9.0.0/24",
                                          ON_A("10.9.0.2"));
    struct test_case cases[] = {
        GOOD("/segments/a.B_c-9", segment),
        GOOD(n64, segment),
        BAD(n65, segment),
        BAD("/segments/", segment),
        BAD("/segments/.", segment),
        BAD("/segments/..", segment),
        BAD("/segments/a b", segment),
        BAD("/segments/\xc3\xa4", segment),
        BAD_AT("/segments/a~b", segment, "/segments/a~0b"),
        BAD("/routers/a b", ROUTER_C),
        BAD("/routers/\n", ROUTER_C),
    };

    RUN_CASES(cases);
}

static void
bad_values_are_refused_where_they_are(void **state)
{
    static const struct test_case cases[] = {
        BAD("/openflow/listen/0", "\"tcp:127.0.0.1\""),
        BAD("/openflow/listen/0", "\"tcp:127.0.0.1:0\""),
        GOOD("/openflow/listen/0", "\"tcp:127.0.0.1:65535\""),
        BAD("/openflow/listen/0", "\"tcp:127.0.0.1:65536\""),
        BAD("/openflow/listen/0", "\"tcp:127.0.0.1:+1\""),
        BAD("/openflow/listen/0", "\"tcp:localhost:6653\""),
        BAD("/openflow/listen/0", "\"udp:127.0.0.1:6653\""),
        GOOD("/openflow/listen/0", "\"tcp:[::]:6653\""),
        BAD("/openflow/listen/0", "\"tcp:::6653\""),
        BAD("/openflow/listen/0", "\"tcp:[::6653\""),
        BAD("/openflow/listen/0", "\"tcp:[]:6653\""),
        GOOD("/openflow/listen/0", "\"unix:/run/of.sock\""),
        BAD("/openflow/listen/0", "\"unix:of.sock\""),
        BAD("/openflow/listen/0", "\"unix:\""),
        BAD_AT("/openflow/listen/-", "\"tcp:127.0.0.1:6653\"",
               "/openflow/listen/1"),
        BAD("/openflow/listen/0", "\"ssl:127.0.0.1:6653\""),    /* No "tls". */
        BAD("/routers/A/connect", "\"ssl:192.0.2.7:6654\""),
        BAD_AT("/tls", "{ \"key\": \"k\", \"certificate\": \"/c\","
               " \"ca\": \"/a\" }", "/tls/key"),
        GOOD("/tls", "{ \"key\": \"/k\", \"certificate\": \"/c\","
             " \"ca\": \"/a\" }"),
        GOOD("/routers/A/common_name", "\"br-a\""),
        BAD("/routers/A/common_name", "\"\""),
        BAD("/routers/A/common_name", "\"12345678901234567890123456789012"
            "345678901234567890123456789012345\""),
        GOOD("/routers/A/connect", "\"tcp:192.0.2.7:6654\""),
        BAD("/routers/A/connect", "\"192.0.2.7:6654\""),
        BAD("/routers/A/connect", "\"\""),
        BAD("/routers/A/datapath_id", "\"0000000000000000\""),
        BAD("/routers/A/datapath_id", "\"a\""),
        BAD("/routers/A/datapath_id", "\"00000000000000000a\""),
        BAD("/routers/A/datapath_id", "\"00000000000000zz\""),
        BAD("/routers/A/mac", "\"03:00:00:00:00:0a\""),
        BAD("/routers/A/mac", "\"00:00:00:00:00:00\""),
        BAD("/routers/A/mac", "\"ff:ff:ff:ff:ff:ff\""),
        BAD("/routers/A/mac", "\"02-00\""),
        BAD("/routers/A/access_ports", "[]"),
        BAD("/routers/A/access_ports/0", "\"\""),
        BAD("/routers/A/access_ports/0", "\"a b\""),
        GOOD("/routers/A/access_ports/0", "\"a23456789012345\""),
        BAD("/routers/A/access_ports/0", "\"a234567890123456\""),
        BAD_AT("/routers/A/access_ports/-", "\"a-access\"",
               "/routers/A/access_ports/1"),
        BAD(A_UPLINK "/port", "\"a-access\""),
        BAD(A_UPLINK "/address", "\"192.0.2.2\""),
        BAD(A_UPLINK "/address", "\"192.0.2.2/33\""),
        BAD(A_UPLINK "/address", "\"192.0.2.2/32\""),
        BAD(A_UPLINK "/address", "\"192.0.2.0/24\""),
        BAD(A_UPLINK "/address", "\"192.0.2.255/24\""),
        BAD(A_UPLINK "/address", "\"224.0.0.5/24\""),
        /* A /31 has two hosts and nothing else, RFC 3021. */
        { { { A_UPLINK "/address", "\"198.51.100.0/31\"" },
            { A_UPLINK "/next_hop", "\"198.51.100.1\"" } }, { NULL } },
        { { { A_UPLINK "/address", "\"198.51.100.0/30\"" },
            { A_UPLINK "/next_hop", "\"198.51.100.3\"" } },
          { A_UPLINK "/address", A_UPLINK "/next_hop" } },
        BAD(A_UPLINK "/next_hop", "\"192.0.3.1\""),
        BAD(A_UPLINK "/next_hop", "\"192.0.2.2\""),
        BAD(A_UPLINK "/next_hop", "\"192.0.2.0\""),
        BAD(A_UPLINK "/next_hop", "\"192.0.2.255\""),
        BAD(A_UPLINK "/next_hop", "\"127.0.0.1\""),
        BAD(METRO "/gateway", "\"0.0.0.0\""),
        BAD(METRO "/gateway", "\"10.0.0.01\""),
        BAD(METRO "/gateway", "\"10.0.0.0\""),
        BAD(METRO "/gateway", "\"10.0.0.255\""),
        BAD(METRO "/gateway", "\"255.255.255.255\""),
        BAD(METRO "/prefixes", "[]"),
        BAD(METRO "/prefixes/0", "\"10.0.0.1/24\""),
        BAD(METRO "/prefixes/0", "\"10.0.0.0\""),
        BAD(METRO "/prefixes/0", "\"0.0.0.0/0\""),
        BAD(METRO "/prefixes/0", "\"224.0.0.0/8\""),
        GOOD(METRO "/prefixes/0", "\"10.0.0.0/8\""),
        BAD_AT(METRO "/prefixes/-", "\"10.0.0.64/26\"", METRO "/prefixes/1"),
        BAD_AT(METRO "/prefixes/-", "\"10.0.0.0/24\"", METRO "/prefixes/1"),
        BAD_AT(METRO "/prefixes/-", "\"10.0.0.255/32\"", METRO "/prefixes/1"),
        BAD_AT(METRO "/prefixes/-", "\"10.0.0.0/32\"", METRO "/prefixes/1"),
        GOOD(METRO "/prefixes/-", "\"10.0.1.0/24\""),
        GOOD(METRO "/prefixes/-", "\"9.255.255.255/32\""),
        BAD(METRO "/routers/A/address", "\"10.0.0.1\""),
        BAD(METRO "/routers/A/address", "\"10.0.0.0\""),
        BAD_AT(METRO "/routers/A/address", "\"10.0.0.3\"",
               METRO "/routers/B/address"),
        BAD(METRO "/proxy_arp", "\"none\""),
        GOOD(METRO "/proxy_arp", "\"gateway\""),
        GOOD(METRO "/upstream", "\"none\""),
        BAD(METRO "/upstream", "\"ospf\""),
        BAD(METRO "/upstream", "\"bgp\""),
        BAD(METRO "/upstream", "\"core\""),
        BAD("/clients/0/address", "\"10.0.1.10\""),
        BAD("/clients/0/address", "\"10.0.0.1\""),
        BAD("/clients/0/address", "\"10.0.0.2\""),
        BAD("/clients/0/address", "\"10.0.0.255\""),
        BAD("/clients/0/segment", "\"rural\""),
        BAD("/clients/0/mac", "\"02:00:00:00:00:0a\""),
        BAD("/clients/0/mac", "\"01:00:00:00:00:0a\""),
        { { { "/segments/metro/routers/Z", "{\"address\":\"10.0.0.4\"}" } },
          { METRO "/routers/Z" } },
        { { { "/clients/-", "{\"address\":\"10.0.0.10\","
                            "\"segment\":\"metro\"}" } },
          { "/clients/1/address" } },
        BAD(METRO "/routers", "{}"),
    };

    RUN_CASES(cases);
}

static void
numbers_keep_their_bounds(void **state)
{
    static const struct test_case cases[] = {
        BAD("/openflow/echo_interval_ms", "9"),
        GOOD("/openflow/echo_interval_ms", "10"),
        GOOD("/openflow/echo_interval_ms", "60000"),
        BAD("/openflow/echo_interval_ms", "60001"),
        BAD("/openflow/dead_after_ms", "19"),
        GOOD("/openflow/dead_after_ms", "20"),
        GOOD("/openflow/dead_after_ms", "600000"),
        BAD("/openflow/dead_after_ms", "600001"),
        { { { "/openflow/dead_after_ms", "500" },
            { "/openflow/echo_interval_ms", "500" } },
          { "/openflow/dead_after_ms" } },
        GOOD(METRO "/beacon/interval_ms", "0"),
        GOOD(METRO "/beacon/interval_ms", "5"),
        BAD(METRO "/beacon/interval_ms", "4"),
        BAD(METRO "/beacon/interval_ms", "60001"),
        BAD(METRO "/beacon/misses", "0"),
        BAD(METRO "/beacon/x", "1"),
        BAD(METRO "/probe/interval_ms", "0"),
        BAD(METRO "/probe/interval_ms", "-1"),
        BAD(METRO "/probe/interval_ms", "9"),
        { { { METRO "/probe", "{\"interval_ms\":10}" } }, { NULL } },
        GOOD(METRO "/probe/interval_ms", "3600000"),
        BAD(METRO "/probe/interval_ms", "3600001"),
        BAD(METRO "/probe/interval_ms", "9223372036854775807"),
        BAD(METRO "/probe/retry_ms", "0"),
        GOOD(METRO "/probe/retry_ms", "1"),
        GOOD(METRO "/probe/retry_ms", "1000"),
        BAD(METRO "/probe/retry_ms", "1001"),
        GOOD(METRO "/probe/retries", "0"),
        GOOD(METRO "/probe/retries", "10"),
        BAD(METRO "/probe/retries", "11"),
        GOOD(METRO "/routers/A/priority", "0"),
        GOOD(METRO "/routers/A/priority", "65535"),
        BAD(METRO "/routers/A/priority", "65536"),
        GOOD(METRO "/election/hold_down_ms", "0"),
        GOOD(METRO "/election/hold_down_ms", "86400000"),
        BAD(METRO "/election/hold_down_ms", "86400001"),
        GOOD(METRO "/limits/learned", "0"),
        BAD(METRO "/limits/learned", "1000001"),
        GOOD(METRO "/limits/learned_per_port", "1000000"),
        BAD(METRO "/limits/learned_per_port", "1000001"),
        BAD(METRO "/limits/requests_per_s", "0"),
        GOOD(METRO "/limits/requests_per_s", "1"),
        BAD(METRO "/limits/requests_per_s", "1000001"),
        GOOD(METRO "/withdraw_after_ms", "0"),
        GOOD(METRO "/withdraw_after_ms", "604800000"),
        BAD(METRO "/withdraw_after_ms", "604800001"),
        BAD(METRO "/age_s", "0"),
        GOOD(METRO "/age_s", "2592000"),
        BAD(METRO "/age_s", "2592001"),
        { { { A_UPLINK "/watch", "{\"interval_ms\":99}" } },
          { A_UPLINK "/watch/interval_ms" } },
        { { { A_UPLINK "/watch", "{\"interval_ms\":100}" } },
          { NULL } },
        { { { A_UPLINK "/watch", "{\"interval_ms\":60001}" } },
          { A_UPLINK "/watch/interval_ms" } },
        { { { A_UPLINK "/watch", "{\"misses\":0}" } },
          { A_UPLINK "/watch/misses" } },
        { { { A_UPLINK "/watch", "{\"misses\":1}" } },
          { NULL } },
        { { { A_UPLINK "/watch", "{\"x\":1}" } },
          { A_UPLINK "/watch/x" } },
        BAD(A_UPLINK "/mtu", "575"),
        GOOD(A_UPLINK "/mtu", "65535"),
        BAD(A_UPLINK "/mtu", "65536"),
        { { { METRO "/bgp", "{\"local_preference\":4294967295}" } },
          { NULL } },
        { { { METRO "/bgp", "{\"local_preference\":4294967296}" } },
          { METRO "/bgp/local_preference" } },
    };

    RUN_CASES(cases);
}

static void
upstreams_get_what_they_can_carry(void **state)
{
#define PIPES { "/bgp", "{\"api_in\": \"/a\", \"api_out\": \"/b\"}" }
#define CORE \
    { "/cores", "{\"K\": {\"datapath_id\": \"00000000000000cc\"," \
      "\"ports\": {\"A\": \"k-a\", \"B\": \"k-b\"}}}" }
#define RURAL(PREFIX, UPSTREAM) \
    { "/segments/rural", SEGMENT("10.0.0.1", PREFIX, "\"vlan\": [7]," \
      "\"upstream\": \"" UPSTREAM "\"," \
      "\"routers\": {\"A\": {\"address\": \"10.0.0.2\"}}") }
    static const struct test_case cases[] = {
        { { PIPES, { METRO "/upstream", "\"bgp\"" } }, { NULL } },
        { { PIPES, { METRO "/upstream", "\"bgp\"" },
            RURAL("10.0.0.0/24", "bgp") }, { "/segments/rural/prefixes/0" } },
        { { PIPES, { METRO "/upstream", "\"bgp\"" },
            RURAL("10.0.0.0/24", "arp") }, { NULL } },
        { { PIPES, { METRO "/upstream", "\"bgp\"" },
            RURAL("10.0.1.0/24", "bgp") }, { NULL } },
        { { CORE, { METRO "/upstream", "\"core\"" } }, { NULL } },
        { { CORE, { METRO "/upstream", "\"core\"" },
            { A_UPLINK "/vlan", "[200]" } }, { NULL } },
        { { CORE, { METRO "/upstream", "\"core\"" },
            { A_UPLINK "/vlan", "[200, 100]" } }, { METRO "/upstream" } },
        { { CORE, { METRO "/upstream", "\"core\"" },
            { METRO "/routers/Z",
              "{\"address\": \"10.0.0.9\", \"uplink\": {\"vlan\": [2, 1]}}" } },
          { METRO "/routers/Z" } },
    };

    RUN_CASES(cases);
}

static void
vlan_stacks_keep_their_bounds(void **state)
{
    static const struct test_case cases[] = {
        GOOD(METRO "/vlan", "[]"),
        GOOD(METRO "/vlan", "[1]"),
        GOOD(METRO "/vlan", "[4094, 4094]"),
        BAD(METRO "/vlan", "[1, 2, 3]"),
        BAD_AT(METRO "/vlan", "[0]", METRO "/vlan/0"),
        BAD_AT(METRO "/vlan", "[4095]", METRO "/vlan/0"),
        BAD_AT(METRO "/vlan", "[7, -1]", METRO "/vlan/1"),
        { { { METRO "/vlan", "[0, 4095]" } },
          { METRO "/vlan/0", METRO "/vlan/1" } },
        GOOD(A_UPLINK "/vlan", "[200, 100]"),
        BAD_AT(A_UPLINK "/vlan", "[0]", A_UPLINK "/vlan/0"),
        GOOD("/clients/0/vlan", "[9]"),
        BAD_AT("/clients/0/vlan", "[9, 0]", "/clients/0/vlan/1"),
    };

    RUN_CASES(cases);
}

static void
collisions_between_routers_are_refused(void **state)
{
    static const struct test_case cases[] = {
        BAD("/routers/B/datapath_id", "\"000000000000000a\""),
        BAD("/routers/B/mac", "\"02:00:00:00:00:0a\""),
        BAD("/routers/B/mac", "\"02:00:00:00:00:0A\""),
        BAD("/routers/B/uplink/address", "\"192.0.2.2/24\""),
        { { { "/routers/B/uplink/address", "\"192.0.2.2/24\"" },
            { "/routers/B/uplink/vlan", "[5]" } }, { NULL } },
        BAD("/routers/B/uplink/next_hop", "\"192.0.2.2\""),
        { { { "/cores", "{\"K\":{\"datapath_id\":\"000000000000000a\","
              "\"ports\":{\"A\":\"k-a\"}}}" } },
          { "/cores/K/datapath_id" } },
        { { { METRO "/routers/B/uplink",
              "{\"address\":\"192.0.2.2/24\"}" } },
          { METRO "/routers/B/uplink/address" } },
        { { { METRO "/routers/A/uplink",
              "{\"address\":\"192.0.2.2/25\"}" } },
          { METRO "/routers/A/uplink/address" } },
        { { { METRO "/routers/A/uplink", "{\"port\":\"a-access\"}" } },
          { METRO "/routers/A/uplink/port" } },
        { { { METRO "/routers/A/uplink", "{\"next_hop\":\"10.9.9.9\"}" } },
          { METRO "/routers/A/uplink/next_hop" } },
    };

    RUN_CASES(cases);
}

/* Segments that share a router and have the same tags are one network. */
static void
overlapping_segments_are_refused(void **state)
{
    static const struct test_case cases[] = {
        /* The same prefix. */
        { { { "/segments/other", SEGMENT("10.0.0.1", "10.0.0.0/24",
                                         ON_A("10.0.0.2")) } },
          { "/segments/other/prefixes/0" } },
        /* Inside, around. */
        { { { "/segments/other", SEGMENT("10.0.0.129", "10.0.0.128/25",
                                         ON_A("10.0.0.130")) } },
          { "/segments/other/prefixes/0" } },
        { { { "/segments/other", SEGMENT("10.0.1.1", "10.0.0.0/23",
                                         ON_A("10.0.1.2")) } },
          { METRO "/prefixes/0" } },
        /* Next to it. */
        { { { "/segments/other", SEGMENT("10.0.1.1", "10.0.1.0/24",
                                         ON_A("10.0.1.2")) } },
          { NULL } },
        /* Told apart by a tag, or by the router. */
        { { { "/segments/other", SEGMENT("10.0.0.1", "10.0.0.0/24",
                                         "\"vlan\":[5],"
                                         ON_A("10.0.0.2")) } },
          { NULL } },
        { { { METRO "/vlan", "[5, 6]" },
            { "/segments/other", SEGMENT("10.0.0.1", "10.0.0.0/24",
                                         "\"vlan\":[5],"
                                         ON_A("10.0.0.2")) } },
          { NULL } },
        { { { METRO "/vlan", "[5, 6]" },
            { "/segments/other", SEGMENT("10.0.0.1", "10.0.0.0/24",
                                         "\"vlan\":[5,6],"
                                         ON_A("10.0.0.2")) } },
          { "/segments/other/prefixes/0" } },
        { { { "/routers/C", ROUTER_C },
            { "/segments/other", SEGMENT("10.0.0.1", "10.0.0.0/24",
                                         ON_C("10.0.0.2")) } },
          { NULL } },
        /* By a client's own tags. */
        { { { "/segments/other", SEGMENT("10.0.0.1", "10.0.0.0/24",
                                         "\"vlan\":[5],"
                                         ON_A("10.0.0.2")) },
            { "/clients/0/vlan", "[5]" } },
          { "/clients/0/address" } },
        { { { "/segments/other", SEGMENT("10.0.0.1", "10.0.0.0/24",
                                         "\"vlan\":[5],"
                                         ON_A("10.0.0.2")) },
            { "/clients/0/vlan", "[6]" } },
          { NULL } },
        { { { "/clients/0/vlan", "[]" } }, { NULL } },
        /* An unreadable tag is one error, not two. */
        { { { "/segments/other", SEGMENT("10.0.0.1", "10.0.0.0/24",
                                         "\"vlan\":[0],"
                                         ON_A("10.0.0.2")) } },
          { "/segments/other/vlan/0" } },
        { { { METRO "/vlan", "[0]" },
            { "/segments/other", SEGMENT("10.0.0.10", "10.0.0.0/24",
                                         "\"vlan\":[0],"
                                         ON_A("10.0.0.3")) } },
          { METRO "/vlan/0", "/segments/other/vlan/0" } },
        /* Gateways and local addresses. */
        { { { "/segments/other", SEGMENT("10.0.1.1", "10.0.1.0/24",
                                         ON_A("10.0.0.3")) } },
          { "/segments/other/routers/A/address" } },
        { { { "/segments/other", SEGMENT("10.0.0.2", "10.0.1.0/24",
                                         ON_A("10.0.1.2")) } },
          { "/segments/other/gateway" } },
        { { { "/segments/other", SEGMENT("10.0.0.1", "10.0.1.0/24",
                                         ON_A("10.0.0.2")) } },
          { NULL } },
        { { { "/segments/other", SEGMENT("10.0.0.10", "10.0.1.0/24",
                                         ON_A("10.0.1.2")) } },
          { "/clients/0/address" } },
    };

    RUN_CASES(cases);
}

static void
overlap_names_both_places(void **state)
{
    json_t *json = load_example();
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct edit edit = { METRO "/prefixes/-", "\"10.0.0.64/26\"" };

    apply_edit(json, &edit);
    assert_null(config_from_json(json, &errors, NULL));
    assert_string_equal(errors.items[0].pointer, METRO "/prefixes/1");
    assert_non_null(strstr(errors.items[0].text, METRO "/prefixes/0"));
    config_errors_destroy(&errors);
    json_decref(json);
}

static void
overlap_on_two_shared_routers_is_said_once(void **state)
{
    static const struct test_case test = {
        { { "/segments/other",
            "{\"gateway\":\"10.0.0.1\",\"prefixes\":[\"10.0.0.0/24\"],"
            "\"routers\":{\"A\":{\"address\":\"10.0.0.2\"},"
            "\"B\":{\"address\":\"10.0.0.3\"}}}" } },
        { "/segments/other/prefixes/0" }
    };

    run_case(&test, false);
}

static void
questionable_is_accepted_with_a_warning(void **state)
{
    static const struct test_case cases[] = {
        BAD(METRO "/gateway", "\"10.7.0.1\""),
        BAD(METRO "/routers/A/address", "\"10.7.0.1\""),
        /* The core cannot tell two clients with one address apart... */
        { { { "/segments/other", SEGMENT("10.0.0.1", "10.0.0.0/24",
                                         "\"vlan\":[5],"
                                         ON_A("10.0.0.2")) } },
          { "/segments/other/prefixes/0" } },
        /* ...unless their uplinks are apart. */
        { { { "/segments/other",
              SEGMENT("10.0.0.1", "10.0.0.0/24",
                      "\"vlan\":[5],\"routers\":{\"A\":{\"address\":"
                      "\"10.0.0.2\",\"uplink\":{\"vlan\":[5]}}}") } },
          { NULL } },
        /* Both routers' uplinks are in there. */
        { { { METRO "/prefixes/-", "\"192.0.2.128/25\"" } },
          { METRO "/prefixes/1", METRO "/prefixes/1" } },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run_case(&cases[i], true);
    }
}

static void
upstream_needs_what_it_talks_to(void **state)
{
    static const char core[] =
        "{\"K\":{\"datapath_id\":\"00000000000000cc\","
        "\"ports\":{\"A\":\"k-a\",\"B\":\"k-b\"}}}";
    static const char half_core[] =
        "{\"K\":{\"datapath_id\":\"00000000000000cc\","
        "\"ports\":{\"A\":\"k-a\"}}}";
    static const char two_on_one_port[] =
        "{\"K\":{\"datapath_id\":\"00000000000000cc\","
        "\"ports\":{\"A\":\"k\",\"B\":\"k\"}}}";
    static const char unknown_router[] =
        "{\"K\":{\"datapath_id\":\"00000000000000cc\","
        "\"ports\":{\"Z\":\"k-z\"}}}";
    static const char fifos[] =
        "{\"api_in\":\"/run/exabgp.in\",\"api_out\":\"/run/exabgp.out\"}";
    struct test_case cases[] = {
        { { { METRO "/upstream", "\"core\"" }, { "/cores", core } },
          { NULL } },
        { { { METRO "/upstream", "\"core\"" }, { "/cores", half_core } },
          { METRO "/upstream" } },
        { { { "/cores", two_on_one_port } }, { "/cores/K/ports/B" } },
        { { { "/cores", unknown_router } }, { "/cores/K/ports/Z" } },
        { { { METRO "/upstream", "\"bgp\"" }, { "/bgp", fifos } },
          { NULL } },
        { { { "/bgp", "{\"api_in\":\"/a\",\"api_out\":\"/a\"}" } },
          { "/bgp/api_out" } },
        { { { "/bgp", "{\"api_in\":\"a\",\"api_out\":\"/a\"}" } },
          { "/bgp/api_in" } },
        { { { METRO "/bgp", "{\"community\":\"65000:100\"}" } }, { NULL } },
        { { { METRO "/bgp", "{\"community\":\"65536:1\"}" } },
          { METRO "/bgp/community" } },
        { { { METRO "/bgp", "{\"community\":\"1:2:3\"}" } },
          { METRO "/bgp/community" } },
        { { { METRO "/bgp", "{\"community\":\"1:\"}" } },
          { METRO "/bgp/community" } },
    };

    RUN_CASES(cases);
}

static void
api_listens_on_loopback_alone(void **state)
{
    static const struct test_case cases[] = {
        { { { "/api", "{\"listen\":\"127.0.0.1:8080\","
                      "\"token_file\":\"/etc/firsthop/token\"}" } },
          { NULL } },
        { { { "/api", "{\"listen\":\"[::1]:8080\","
                      "\"token_file\":\"/etc/firsthop/token\"}" } },
          { NULL } },
        { { { "/api", "{\"listen\":\"0.0.0.0:8080\","
                      "\"token_file\":\"/etc/firsthop/token\"}" } },
          { "/api/listen" } },
        { { { "/api", "{\"listen\":\"[::]:8080\","
                      "\"token_file\":\"/etc/firsthop/token\"}" } },
          { "/api/listen" } },
        { { { "/api", "{\"listen\":\"8080\","
                      "\"token_file\":\"/etc/firsthop/token\"}" } },
          { "/api/listen" } },
        { { { "/api", "{\"listen\":\"127.0.0.1:8080\"}" } },
          { "/api/token_file" } },
        { { { "/api", "{\"listen\":\"127.0.0.1:8080\","
                      "\"read_without_token\":true}" } },
          { NULL } },
        { { { "/api", "{\"listen\":\"127.0.0.1:8080\","
                      "\"read_without_token\":false}" } },
          { "/api/token_file" } },
        { { { "/api", "{\"token_file\":\"token\"}" } },
          { "/api/listen", "/api/token_file" } },
    };

    RUN_CASES(cases);
}

static void
many_mistakes_are_all_reported(void **state)
{
    static const struct test_case test = {
        { { "/x", "1" },
          { "/routers/A/mac", "\"01:00:00:00:00:0a\"" },
          { "/routers/B/datapath_id", "\"xyz\"" },
          { METRO "/gateway", "\"10.0.0.0\"" },
          { METRO "/probe/retries", "1000" },
          { "/clients/0/address", "\"10.0.0.2\"" } },
        { "/x", "/routers/A/mac", "/routers/B/datapath_id",
          METRO "/gateway", METRO "/probe/retries", "/clients/0/address" }
    };

    run_case(&test, false);
}

/* Fills '*out' from 'text' for 'address'.  Returns the pointer of the first
 * error, static, or NULL if there is none. */
static const char *
put_client(const char *address, const char *text, struct config_client *out)
{
    static char pointer[64];
    struct config_errors errors = { NULL, 0, 0, 0 };
    json_t *example = load_example();
    struct edit edit = {
        "/segments/other", SEGMENT("10.0.0.1", "10.0.0.0/24",
                                   "\"vlan\":[5]," ON_A("10.0.0.2"))
    };
    struct config *config;
    json_t *json = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    bool ok;

    apply_edit(example, &edit);
    config = config_from_json(example, &errors, NULL);
    assert_non_null(config);
    ok = config_client_from_json(config, address, json, out, &errors);
    assert_int_equal(ok, errors.n == 0);
    snprintf(pointer, sizeof pointer, "%s",
             ok ? "" : errors.items[0].pointer);
    config_errors_destroy(&errors);
    config_destroy(config);
    json_decref(example);
    json_decref(json);
    return ok ? NULL : pointer;
}

static void
api_client_is_checked_like_a_configured_one(void **state)
{
    static const struct { const char *address, *json, *pointer; } cases[] = {
        { "10.0.0.20", NULL, "" },
        { "10.0.0.20", "[]", "" },
        { "10.0.0.20", "{}", "/segment" },
        { "10.0.0.20", "{\"segment\":\"rural\"}", "/segment" },
        { "10.0.0.20", "{\"segment\":\"metro\",\"address\":\"10.0.0.20\"}",
          "/address" },
        { "x", "{\"segment\":\"metro\"}", "" },
        { "0.0.0.1", "{\"segment\":\"metro\"}", "" },
        { "10.0.1.20", "{\"segment\":\"metro\"}", "" },
        { "10.0.0.1", "{\"segment\":\"metro\"}", "" },
        { "10.0.0.3", "{\"segment\":\"metro\"}", "" },
        { "10.0.0.20", "{\"segment\":\"metro\",\"mac\":"
                       "\"02:00:00:00:00:0b\"}", "/mac" },
        { "10.0.0.20", "{\"segment\":\"metro\",\"vlan\":[0]}", "/vlan/0" },
        { "10.0.0.20", "{\"segment\":\"metro\",\"vlan\":[5]}", "" },
    };
    struct config_client client;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *pointer = put_client(cases[i].address, cases[i].json,
                                         &client);

        assert_non_null(pointer);
        assert_string_equal(pointer, cases[i].pointer);
    }

    assert_null(put_client("10.0.0.20", "{\"segment\":\"metro\"}", &client));
    assert_int_equal(client.segment, 0);
    assert_int_equal(client.vlan.n, 0);
    assert_null(put_client("10.0.0.20", "{\"segment\":\"metro\",\"mac\":"
                           "\"02:00:00:00:01:20\",\"vlan\":[6]}", &client));
    assert_true(client.has_mac);
    assert_true(client.own_vlan);
}

static void
json_is_kept_as_read(void **state)
{
    static const char text[] = "{\"openflow\": {\"listen\": []}}";
    struct config *config = parse_good(text);
    char *dump = json_dumps(config->json, 0);

    assert_string_equal(dump, text);
    assert_int_equal(config->n_listens, 0);
    free(dump);
    config_destroy(config);
}

static struct config *
parse_text(const char *text)
{
    struct config_errors errors = { .n = 0 };
    struct config *config = config_parse(text, strlen(text), &errors, NULL);

    assert_non_null(config);
    return config;
}

#define SAME_TEXT(CONNECT, MAC, PRIORITY, GATEWAY, INTERVAL)                 \
    "{ \"routers\": { \"A\": { \"datapath_id\": \"000000000000000a\","      \
    " \"mac\": \"02:00:00:00:00:" MAC "\", \"access_ports\": [\"a\"],"       \
    CONNECT " \"uplink\": { \"port\": \"u\", \"address\": \"192.0.2.2/24\"," \
    " \"next_hop\": \"192.0.2.1\" } } }, \"segments\": { \"metro\": {"       \
    " \"gateway\": \"" GATEWAY "\", \"prefixes\": [\"10.0.0.0/24\"],"      \
    " \"probe\": { \"interval_ms\": " INTERVAL " }, \"routers\": { \"A\": {" \
    " \"priority\": " PRIORITY ", \"address\": \"10.0.0.2\" } } } } }"

static void
what_is_the_same_over_a_reload(void **state)
{
    static const struct {
        const char *text;
        bool router, segment, followed;
    } cases[] = {
        { SAME_TEXT("", "0a", "100", "10.0.0.1", "1000"), true, true, true },
        { SAME_TEXT("\"connect\": \"tcp:192.0.2.9:6653\",", "0a", "100",
                    "10.0.0.1", "1000"), true, true, true },
        { SAME_TEXT("", "0b", "100", "10.0.0.1", "1000"), false, true, true },
        { SAME_TEXT("", "0a", "200", "10.0.0.1", "1000"), true, false, true },
        { SAME_TEXT("", "0a", "100", "10.0.0.1", "500"), true, false, true },
        { SAME_TEXT("", "0a", "100", "10.0.0.9", "1000"), true, false,
          false },
        { "{}", false, false, false },
    };
    struct config *was = parse_text(cases[0].text);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config *is = parse_text(cases[i].text);

        assert_int_equal(config_is_same_router(was, is, "A"),
                         cases[i].router);
        assert_int_equal(config_is_same_segment(was, is, "metro", true),
                         cases[i].segment);
        assert_int_equal(config_is_same_segment(was, is, "metro", false),
                         cases[i].followed);
        config_destroy(is);
    }
    config_destroy(was);
}

/* The manual has an entry ".It Cm KEY" for every key, and in it the key's
 * default and bounds. */
static void
manual_knows_every_key(void **state)
{
    char *manual = read_source("controller/config/firsthop.json.5");

    for (const struct config_object *object = config_objects; object->name;
         object++) {
        char *heading = fh_xasprintf(".\\\" object: %s\n", object->name);
        char *section = strstr(manual, heading);

        if (!section) {
            fail_msg("the manual has no section \"%s\"", object->name);
        }
        section += strlen(heading);
        const char *next = strstr(section, ".\\\" object:");
        size_t len = next ? (size_t) (next - section) : strlen(section);
        char *text = fh_xasprintf("%.*s", (int) len, section);

        for (const struct config_key *key = object->keys; key->name; key++) {
            char *item = fh_xasprintf(".It Cm %s\n", key->name);
            const char *entry = strstr(text, item);

            if (!entry) {
                fail_msg("the manual's section \"%s\" lacks \"%s\"",
                         object->name, key->name);
            }
            if (key->type == JSON_INTEGER) {
                char *bounds = fh_xasprintf(
                    "(integer, %u to %u; default %u)", key->min, key->max,
                    key->dflt);
                const char *end = strstr(entry + 1, ".It Cm ");
                const char *found = strstr(entry, bounds);

                if (!found || (end && found > end)) {
                    fail_msg("%s does not say %s", key->name, bounds);
                }
                free(bounds);
            }
            free(item);
        }
        free(text);
        free(heading);
    }
    free(manual);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example_is_read_whole),
        cmocka_unit_test(defaults_are_those_of_the_example),
        cmocka_unit_test(empty_object_is_an_empty_configuration),
        cmocka_unit_test(member_priority_defaults_to_100),
        cmocka_unit_test(short_interval_shortens_the_default_retry),
        cmocka_unit_test(echo_times_keep_their_proportion),
        cmocka_unit_test(own_uplink_inherits_what_it_leaves_out),
        cmocka_unit_test(clients_come_out_by_address),
        cmocka_unit_test(syntax_errors_tell_line_and_column),
        cmocka_unit_test(root_must_be_an_object),
        cmocka_unit_test(text_truncated_anywhere_is_refused),
        cmocka_unit_test(duplicates_are_all_found_by_pointer),
        cmocka_unit_test(same_key_in_different_objects_is_no_duplicate),
        cmocka_unit_test(null_byte_is_refused_where_it_is),
        cmocka_unit_test(empty_containers_and_keys_are_read),
        cmocka_unit_test(duplicates_do_not_hide_other_errors),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(thousand_errors_are_kept_and_the_rest_counted),
        cmocka_unit_test(unreadable_file_is_an_error_of_the_whole),
        cmocka_unit_test(file_is_read),
        cmocka_unit_test(kernel_routes_are_checked),
        cmocka_unit_test(dhcp_is_checked),
        cmocka_unit_test(wrong_types_are_refused),
        cmocka_unit_test(unknown_keys_are_refused_everywhere),
        cmocka_unit_test(unknown_key_is_told_what_it_resembles),
        cmocka_unit_test(missing_keys_are_named),
        cmocka_unit_test(names_are_fit_for_urls),
        cmocka_unit_test(bad_values_are_refused_where_they_are),
        cmocka_unit_test(numbers_keep_their_bounds),
        cmocka_unit_test(upstreams_get_what_they_can_carry),
        cmocka_unit_test(vlan_stacks_keep_their_bounds),
        cmocka_unit_test(collisions_between_routers_are_refused),
        cmocka_unit_test(overlapping_segments_are_refused),
        cmocka_unit_test(overlap_names_both_places),
        cmocka_unit_test(overlap_on_two_shared_routers_is_said_once),
        cmocka_unit_test(questionable_is_accepted_with_a_warning),
        cmocka_unit_test(upstream_needs_what_it_talks_to),
        cmocka_unit_test(api_listens_on_loopback_alone),
        cmocka_unit_test(many_mistakes_are_all_reported),
        cmocka_unit_test(api_client_is_checked_like_a_configured_one),
        cmocka_unit_test(json_is_kept_as_read),
        cmocka_unit_test(what_is_the_same_over_a_reload),
        cmocka_unit_test(manual_knows_every_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
