/* main() for fuzz targets where there is no libFuzzer.
 *
 *   fuzz_x [--runs N] [--seed N] [FILE | DIRECTORY]...
 *
 * Gives the target every file, then N mutations of them, the same ones in
 * every run with the same seed.  Without arguments: 2000 runs over
 * tests/fuzz/corpus/x/ of the source tree ($top_srcdir, else ".").  An input
 * that kills the target is kept as crash-fuzz_x in the working directory. */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <firsthop/buf.h>

#define MAX_INPUT_BYTES (1 << 20)     /* Bytes. */
#define MAX_GROWTH 64           /* Bytes that a mutation may insert. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of a target that takes long: how many mutations, instead of 2000. */
extern const unsigned long fuzz_runs __attribute__((weak));

/* Of the sanitizers, where there are some. */
void __sanitizer_set_death_callback(void (*)(void)) __attribute__((weak));

struct corpus {
    struct fh_buf *inputs;
    size_t n;
};

static uint64_t rng_state = 1;

/* For a signal handler: what the target is working on, and where to keep it
 * if it dies of that. */
static const uint8_t *current_data;
static size_t current_size;
static char *crash_path;

/* xorshift64*. */
static uint64_t
rng_next(void)
{
    rng_state ^= rng_state >> 12;
    rng_state ^= rng_state << 25;
    rng_state ^= rng_state >> 27;
    return rng_state * UINT64_C(2685821657736338717);
}

static size_t
rng_below(size_t n)
{
    return n ? rng_next() % n : 0;
}

static void
die(const char *what, const char *name)
{
    fprintf(stderr, "%s: %s: %s\n", what, name, strerror(errno));
    exit(2);
}

static void
keep_crash(void)
{
    int fd = open(crash_path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

    if (fd >= 0 && write(fd, current_data, current_size) >= 0) {
        static const char text[] = "input kept, see crash-fuzz_*\n";

        if (write(STDERR_FILENO, text, sizeof text - 1) < 0) {
            _exit(2);
        }
    }
}

static void
on_fatal_signal(int signo)
{
    signal(signo, SIG_DFL);
    keep_crash();
    raise(signo);
}

/* abort() is not among what the sanitizers catch; without them nothing is. */
static void
catch_crashes(void)
{
    signal(SIGABRT, on_fatal_signal);
    if (__sanitizer_set_death_callback) {
        __sanitizer_set_death_callback(keep_crash);
    } else {
        signal(SIGBUS, on_fatal_signal);
        signal(SIGFPE, on_fatal_signal);
        signal(SIGSEGV, on_fatal_signal);
    }
}

/* The target sees a copy of exactly that size, so that a sanitizer notices
 * one byte read too many. */
static void
run_one(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    if (!copy) {
        abort();
    }
    if (size) {
        memcpy(copy, data, size);
    }
    current_data = copy;
    current_size = size;
    LLVMFuzzerTestOneInput(copy, size);
    current_size = 0;
    free(copy);
}

static void
corpus_add(struct corpus *corpus, const char *path)
{
    struct fh_buf input = { 0 };
    FILE *stream = fopen(path, "rb");
    size_t n;

    if (!stream) {
        die("cannot read", path);
    }
    do {
        n = fread(fh_buf_put(&input, 4096), 1, 4096, stream);
        input.len -= 4096 - n;
    } while (n && input.len < MAX_INPUT_BYTES);
    fclose(stream);
    corpus->inputs = fh_xrealloc(corpus->inputs, (corpus->n + 1)
                                                 * sizeof *corpus->inputs);
    corpus->inputs[corpus->n++] = input;
}

static void
corpus_add_path(struct corpus *corpus, const char *path)
{
    struct dirent **names;
    struct stat s;
    int n;

    if (stat(path, &s)) {
        die("no input", path);
    }
    if (!S_ISDIR(s.st_mode)) {
        corpus_add(corpus, path);
        return;
    }
    n = scandir(path, &names, NULL, alphasort);
    if (n < 0) {
        die("cannot list", path);
    }
    for (int i = 0; i < n; i++) {
        if (names[i]->d_name[0] != '.') {
            char *file = fh_xasprintf("%s/%s", path, names[i]->d_name);

            corpus_add(corpus, file);
            free(file);
        }
        free(names[i]);
    }
    free(names);
}

static void
corpus_destroy(struct corpus *corpus)
{
    for (size_t i = 0; i < corpus->n; i++) {
        fh_buf_destroy(&corpus->inputs[i]);
    }
    free(corpus->inputs);
}

/* Changes 'input' in one of the ways that find bugs in parsers of lengths. */
static void
mutate(struct fh_buf *input)
{
    static const uint8_t edges[] = { 0, 1, 0x7f, 0x80, 0xfe, 0xff };
    size_t at = rng_below(input->len);
    size_t n = 1 + rng_below(MAX_GROWTH);

    switch (input->len ? rng_below(6) : 5) {
    case 0:                     /* One bit. */
        input->data[at] ^= 1 << rng_below(8);
        break;
    case 1:                     /* One byte. */
        input->data[at] = rng_next();
        break;
    case 2:                     /* An edge value. */
        input->data[at] = edges[rng_below(sizeof edges)];
        break;
    case 3:                     /* Truncate. */
        input->len = at;
        break;
    case 4:                     /* Copy a piece onto another place. */
        if (n > input->len - at) {
            n = input->len - at;
        }
        memmove(input->data + rng_below(input->len - n + 1),
                input->data + at, n);
        break;
    case 5:                     /* Append. */
        for (uint8_t *p = fh_buf_put(input, n); n; n--) {
            *p++ = rng_next();
        }
        break;
    }
}

static void
run_mutations(const struct corpus *corpus, unsigned long n_runs)
{
    struct fh_buf input = { 0 };

    for (unsigned long i = 0; i < n_runs; i++) {
        fh_buf_clear(&input);
        if (corpus->n) {
            const struct fh_buf *kept
                = &corpus->inputs[rng_below(corpus->n)];

            fh_buf_append(&input, kept->data, kept->len);
        }
        for (size_t j = 1 + rng_below(4); j; j--) {
            mutate(&input);
        }
        run_one(input.data, input.len);
    }
    fh_buf_destroy(&input);
}

/* "fuzz_x" -> "$top_srcdir/tests/fuzz/corpus/x". */
static char *
default_corpus(const char *name)
{
    const char *top = getenv("top_srcdir");

    if (!strncmp(name, "fuzz_", 5)) {
        name += 5;
    }
    return fh_xasprintf("%s/tests/fuzz/corpus/%s", top ? top : ".", name);
}

int
main(int argc, char *argv[])
{
    const char *slash = strrchr(argv[0], '/');
    const char *name = slash ? slash + 1 : argv[0];
    struct corpus corpus = { 0 };
    unsigned long n_runs = &fuzz_runs ? fuzz_runs : 2000;
    bool has_path = false;

    crash_path = fh_xasprintf("crash-%s", name);
    catch_crashes();

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--runs") && i + 1 < argc) {
            n_runs = strtoul(argv[++i], NULL, 10);
        } else if (!strcmp(argv[i], "--seed") && i + 1 < argc) {
            rng_state = strtoull(argv[++i], NULL, 10) | 1;
        } else {
            corpus_add_path(&corpus, argv[i]);
            has_path = true;
        }
    }
    if (!has_path) {
        char *path = default_corpus(name);

        corpus_add_path(&corpus, path);
        free(path);
    }
    for (size_t i = 0; i < corpus.n; i++) {
        run_one(corpus.inputs[i].data, corpus.inputs[i].len);
    }
    run_mutations(&corpus, n_runs);
    printf("%zu kept inputs, %lu mutations\n", corpus.n, n_runs);
    corpus_destroy(&corpus);
    free(crash_path);
    return 0;
}
