/* Out of memory: parsers and codecs end in the one helper that says so, at
 * whichever allocation it happens; never in a null pointer.
 *
 * Each run is a child whose n-th allocation fails, for every n there is.  
 * jansson's are ours as in the daemon; libopenvswitch's own, and the C
 * library's, do not fail here. */
#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <firsthop/buf.h>

#include "controller/api/http_parse.h"
#include "controller/config/config.h"
#include "controller/store/store.h"
#include "flows/ofcodec.h"

#define MAX_ALLOCATIONS 100000

/* The allocators. */

static long left = -1;          /* Allocations until one fails; -1: none. */

static bool
fails(void)
{
    return left >= 0 && !left--;
}

/* Runs. */

static char *
read_corpus(const char *name, size_t *len)
{
    const char *top = getenv("top_srcdir");
    char *path = fh_xasprintf("%s/tests/fuzz/corpus/%s", top ? top : ".",
                              name);
    struct fh_buf text = { NULL, 0, 0 };
    FILE *stream = fopen(path, "rb");
    size_t n;

    if (!stream) {
        fail_msg("%s: %s", path, strerror(errno));
    }
    do {
        n = fread(fh_buf_put(&text, 4096), 1, 4096, stream);
        text.len -= 4096 - n;
    } while (n);
    fclose(stream);
    free(path);
    *len = text.len;
    return (char *) text.data;
}

/* What a child says as it ends.  Returns its status. */
static int
end_of_child(long n, void (*run)(const char *, size_t), const char *input,
             size_t len, char said[256])
{
    int fds[2], status;
    size_t n_said = 0;
    ssize_t got;
    pid_t child;

    assert_int_equal(pipe(fds), 0);
    child = fork();
    assert_true(child >= 0);
    if (!child) {
        const struct rlimit no_core = { 0, 0 };

        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL);
        signal(SIGSEGV, SIG_DFL);
        dup2(fds[1], STDERR_FILENO);
        left = n;
        run(input, len);
        _exit(left < 0 ? 1 : 0);        /* 1: it failed, and nobody cared. */
    }
    close(fds[1]);
    while ((got = read(fds[0], said + n_said, 255 - n_said)) > 0) {
        n_said += got;
    }
    said[n_said] = '\0';
    close(fds[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* Returns how many allocations there were. */
static long
fail_in_turn(void (*run)(const char *, size_t), const char *corpus)
{
    char said[256];
    size_t len;
    char *input = read_corpus(corpus, &len);
    long n = 0;
    int status;

    for (;; n++) {
        status = end_of_child(n, run, input, len, said);
        if (WIFEXITED(status) && !WEXITSTATUS(status)) {
            break;              /* There are no more than 'n'. */
        }
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT
            || !strstr(said, "out of memory")) {
            fail_msg("%s: allocation %ld: status %#x, \"%s\"", corpus, n,
                     status, said);
        }
        assert_true(n < MAX_ALLOCATIONS);
    }
    free(input);
    return n;
}

/* What is run. */

static void
read_config(const char *text, size_t len)
{
    struct config_errors errors = { NULL, 0, 0, 0 };
    struct config_errors warnings = { NULL, 0, 0, 0 };

    config_destroy(config_parse(text, len, &errors, &warnings));
    config_errors_destroy(&errors);
    config_errors_destroy(&warnings);
}

static void
read_store(const char *text, size_t len)
{
    enum store_file file = (uint8_t) text[0] % STORE_N_FILES;
    struct store_state state;
    size_t encoded_len;
    char *why;

    if (store_decode(file, text + 1, len - 1, &state, &why)) {
        free(why);
        return;
    }
    free(store_encode(file, &state, &encoded_len));
    store_state_uninit(&state);
}

static void
read_http(const char *text, size_t len)
{
    struct http_head head;
    const char *why;

    http_head_parse(&head, text, len, &why);
    http_head_destroy(&head);
}

static void
read_openflow(const char *data, size_t len)
{
    struct of_message msg;
    const char *why;

    /* The kept inputs begin with a byte that is the fuzz target's. */
    if (!ofcodec_decode((const uint8_t *) data + 1, len - 1,
                        (uint8_t) data[1], &msg, &why)) {
        of_message_uninit(&msg);
    }
}

static void
write_openflow(const char *data, size_t len)
{
    struct fh_buf out = { NULL, 0, 0 };
    struct fh_change change;

    memset(&change, 0, sizeof change);
    for (int version = OF_13; version <= OF_15; version++) {
        ofcodec_put_change(&out, version, 1, &change);
        ofcodec_put_packet_out(&out, version, 2, 1, NULL, 0,
                               (const uint8_t *) data, len);
        ofcodec_put_role_master(&out, version, 3, 4);
    }
    fh_buf_destroy(&out);
}

static void
configurations(void **state)
{
    assert_true(fail_in_turn(read_config, "config/every-key") > 100);
    assert_true(fail_in_turn(read_config, "config/duplicates") > 10);
    assert_true(fail_in_turn(read_config, "config/many-errors") > 10);
}

static void
state_files(void **state)
{
    assert_true(fail_in_turn(read_store, "store/file-clients") > 10);
    assert_true(fail_in_turn(read_store, "store/file-state") > 10);
    assert_true(fail_in_turn(read_store, "store/file-config") > 10);
}

static void
requests(void **state)
{
    assert_true(fail_in_turn(read_http, "http/patch-absolute") > 0);
}

static void
messages(void **state)
{
    static const char *const replies[] = {
        "ofcodec/of13-type19-2", "ofcodec/of13-type19-7",
        "ofcodec/of13-type19-meters", "ofcodec/of14-type19-2",
        "ofcodec/of14-type19-9", "ofcodec/of14-type19-10",
        "ofcodec/of15-type19-11", "ofcodec/of15-type19-meters",
    };
    long n = 0;

    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        n += fail_in_turn(read_openflow, replies[i]);
    }
    assert_true(n > 0);
    assert_true(fail_in_turn(write_openflow, "arp/arp-request") > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configurations),
        cmocka_unit_test(state_files),
        cmocka_unit_test(requests),
        cmocka_unit_test(messages),
    };

    fh_set_memory_limit(fails);
    json_set_alloc_funcs(fh_xmalloc, free);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
