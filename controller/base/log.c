/* Log lines on stderr, or to journald.
 *
 * Owns the log level, the format and the socket.  Called by everything in controller/; never by the pure
 * modules.  Between log_start() and log_stop() a thread writes the lines. */
#include <config.h>

#include "controller/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "controller/base/log_format.h"
#include "controller/base/log_writer.h"

#define NOTES_MAX_BYTES 128     /* Of what was not logged before. */
#define FIELDS_MAX 8
#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define STOP_MS 1000            /* For who reads the log, at the end. */

static enum log_level max_level = LOG_LVL_INFO;

/* How lines look, and journald's socket, -1 for lines on stderr. */
static size_t (*format)(const struct log_record *, char *out);
static int journal_fd = -1;
static uint64_t n_not_sent;     /* journald was too slow. */
static uint64_t n_told;         /* Of those. */

void
log_set_level(enum log_level level)
{
    max_level = level;
}

bool
log_set_level_by_name(const char *name)
{
    for (int level = LOG_LVL_ERR; level <= LOG_LVL_DBG; level++) {
        if (!strcmp(name, log_level_name(level))) {
            max_level = level;
            return true;
        }
    }
    return false;
}

bool
log_is_enabled(enum log_level level)
{
    return level <= max_level;
}

void
log_start(void)
{
    int error = log_writer_start();

    if (error) {
        log_err("no thread for the log: %s; who reads it too slowly stops "
                "the daemon", strerror(error));
    }
}

void
log_stop(void)
{
    log_writer_stop(STOP_MS);
}

uint64_t
log_n_lost(void)
{
    return n_not_sent + log_writer_n_lost();
}

bool
log_rate_limit_pass(struct log_rate_limit *rl, int64_t now_ms,
                    uint64_t *n_dropped)
{
    if (rl->full_at_ms < now_ms) {
        rl->full_at_ms = now_ms;
    }
    if (rl->full_at_ms - now_ms > (rl->burst - 1) * rl->interval_ms) {
        rl->n_dropped++;
        return false;
    }
    rl->full_at_ms += rl->interval_ms;
    *n_dropped = rl->n_dropped;
    rl->n_dropped = 0;
    return true;
}

static int64_t
monotonic_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

/* Connects to journald.  Returns 0 or an errno. */
static int
open_journal(void)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX,
                              .sun_path = JOURNAL_SOCKET };
    int error;

    if (journal_fd >= 0) {
        return 0;
    }
    journal_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (journal_fd >= 0
        && !connect(journal_fd, (struct sockaddr *) &to, sizeof to)) {
        return 0;
    }
    error = errno;
    if (journal_fd >= 0) {
        close(journal_fd);
        journal_fd = -1;
    }
    return error;
}

/* Is stderr what systemd connected with journald?  It says so in
 * JOURNAL_STREAM, which a child of a service inherits whatever becomes of its
 * stderr. */
static bool
stderr_is_journal(const char *stream)
{
    unsigned long long dev, ino;
    struct stat st;

    return sscanf(stream, "%llu:%llu", &dev, &ino) == 2
        && !fstat(STDERR_FILENO, &st)
        && st.st_dev == dev && st.st_ino == ino;
}

static void
choose_format(void)
{
    const char *stream = getenv("JOURNAL_STREAM");

    if (!stream) {
        format = log_format_text;
    } else if (stderr_is_journal(stream) && !open_journal()) {
        format = log_format_journal;
    } else {
        format = log_format_priority;
    }
}

int
log_set_format_by_name(const char *name)
{
    if (!strcmp(name, "journal")) {
        int error = open_journal();

        if (error) {
            return error;
        }
        format = log_format_journal;
    } else if (!strcmp(name, "text")) {
        format = log_format_text;
    } else if (!strcmp(name, "json")) {
        format = log_format_json;
    } else if (!strcmp(name, "auto")) {
        choose_format();
    } else {
        return EINVAL;
    }
    return 0;
}

static void
put_line(const char *line, size_t len)
{
    ssize_t written;

    if (format == log_format_journal) {
        /* Nobody waits for journald either. */
        if (send(journal_fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
            n_not_sent++;
        }
        return;
    }
    if (log_writer_is_running()) {
        log_writer_put(line, len);
        return;
    }
    written = write(STDERR_FILENO, line, len);
    (void) written;             /* Nowhere to tell. */
}

/* Lines lost since they were last told of. */
static uint64_t
take_lost(void)
{
    uint64_t n = n_not_sent - n_told;

    n_told = n_not_sent;
    return n + log_writer_take_lost(LOG_RECORD_MAX_BYTES);
}

/* Appends what was not logged before to 'message' (NOTES_MAX_BYTES of
 * room). */
static void
put_notes(char *message, uint64_t n_dropped)
{
    uint64_t n_lost = take_lost();

    message += strlen(message);
    if (n_dropped) {
        message += sprintf(message, " (%"PRIu64" like it not logged)",
                           n_dropped);
    }
    if (n_lost) {
        sprintf(message, " (%"PRIu64" lines before it lost: the log is read "
                "too slowly)", n_lost);
    }
}

static void
put_record(enum log_level level, const struct log_field *fields, size_t n,
           const char *message)
{
    struct log_field told[FIELDS_MAX];
    struct log_record r = { .level = level, .message = message,
                            .fields = told };
    char out[LOG_RECORD_MAX_BYTES];

    for (size_t i = 0; i < n && r.n_fields < FIELDS_MAX; i++) {
        if (fields[i].value[0]) {
            told[r.n_fields++] = fields[i];
        }
    }
    clock_gettime(CLOCK_REALTIME, &r.time);
    if (!format) {
        choose_format();
    }
    put_line(out, format(&r, out));
}

void
log_at(enum log_level level, struct log_rate_limit *rl, const char *text,
       ...)
{
    int saved_errno = errno;
    uint64_t n_dropped = 0;
    char message[LOG_TEXT_MAX_BYTES + NOTES_MAX_BYTES];
    va_list args;

    if (!log_is_enabled(level)
        || (rl && !log_rate_limit_pass(rl, monotonic_ms(), &n_dropped))) {
        return;
    }
    va_start(args, text);
    errno = saved_errno;        /* For %m. */
    vsnprintf(message, LOG_TEXT_MAX_BYTES, text, args);
    va_end(args);
    put_notes(message, n_dropped);
    put_record(level, NULL, 0, message);
    errno = saved_errno;
}

void
log_fields(enum log_level level, struct log_rate_limit *rl,
           const struct log_field *fields, size_t n, const char *text)
{
    int saved_errno = errno;
    uint64_t n_dropped = 0;
    char message[LOG_TEXT_MAX_BYTES + NOTES_MAX_BYTES];

    if (log_is_enabled(level)
        && (!rl || log_rate_limit_pass(rl, monotonic_ms(), &n_dropped))) {
        snprintf(message, LOG_TEXT_MAX_BYTES, "%s", text);
        put_notes(message, n_dropped);
        put_record(level, fields, n, message);
    }
    errno = saved_errno;
}
