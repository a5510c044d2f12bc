/* Log lines on stderr.
 *
 * Owns the log level.  Called by everything in controller/; never by the pure
 * modules.  Between log_start() and log_stop() a thread writes the lines. */
#include <config.h>

#include "controller/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "controller/base/log_writer.h"

#define LINE_MAX_BYTES 1024     /* Longer ones are cut. */
#define NOTES_MAX_BYTES 128     /* Of what was not logged before. */
#define STOP_MS 1000            /* For who reads the log, at the end. */

static const struct {
    const char *name;
    const char *label;
    int priority;               /* Of syslog, RFC 5424. */
} levels[] = {
    [LOG_LVL_ERR] = { "err", "ERR", 3 },
    [LOG_LVL_WARN] = { "warn", "WARN", 4 },
    [LOG_LVL_INFO] = { "info", "INFO", 6 },
    [LOG_LVL_DBG] = { "dbg", "DBG", 7 },
};

static enum log_level max_level = LOG_LVL_INFO;

void
log_set_level(enum log_level level)
{
    max_level = level;
}

bool
log_set_level_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (!strcmp(name, levels[i].name)) {
            max_level = (enum log_level) i;
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
    return log_writer_n_lost();
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

/* Writes what goes before the text.  Returns its length. */
static size_t
put_prefix(char *line, size_t size, enum log_level level)
{
    struct timespec ts;
    struct tm tm;
    size_t n;

    if (getenv("JOURNAL_STREAM")) {
        return snprintf(line, size, "<%d>", levels[level].priority);
    }
    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    n = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &tm);
    return n + snprintf(line + n, size - n, ".%03ldZ %-4s ",
                        ts.tv_nsec / 1000000, levels[level].label);
}

static void
make_printable(char *s)
{
    for (; *s; s++) {
        if ((unsigned char) *s < ' ' || (unsigned char) *s > '~') {
            *s = '?';
        }
    }
}

static void
put_line(const char *line, size_t len)
{
    ssize_t written;

    if (log_writer_is_running()) {
        log_writer_put(line, len);
        return;
    }
    written = write(STDERR_FILENO, line, len);
    (void) written;             /* Nowhere to tell. */
}

/* Appends what was not logged before to 'line' (NOTES_MAX_BYTES of room), and
 * a line feed.  Returns the length of both. */
static size_t
put_notes(char *line, uint64_t n_dropped)
{
    uint64_t n_lost = log_writer_take_lost(LINE_MAX_BYTES + NOTES_MAX_BYTES);
    size_t n = 0;

    if (n_dropped) {
        n += sprintf(line, " (%"PRIu64" like it not logged)", n_dropped);
    }
    if (n_lost) {
        n += sprintf(line + n, " (%"PRIu64" lines before it lost: stderr is "
                     "read too slowly)", n_lost);
    }
    line[n++] = '\n';
    return n;
}

void
log_at(enum log_level level, struct log_rate_limit *rl, const char *format,
       ...)
{
    int saved_errno = errno;
    uint64_t n_dropped = 0;
    char line[LINE_MAX_BYTES + NOTES_MAX_BYTES];
    size_t prefix_len, len;
    va_list args;

    if (!log_is_enabled(level)
        || (rl && !log_rate_limit_pass(rl, monotonic_ms(), &n_dropped))) {
        return;
    }

    prefix_len = put_prefix(line, LINE_MAX_BYTES, level);
    va_start(args, format);
    errno = saved_errno;        /* For %m. */
    vsnprintf(line + prefix_len, LINE_MAX_BYTES - prefix_len, format, args);
    va_end(args);
    make_printable(line + prefix_len);

    len = strlen(line);
    len += put_notes(line + len, n_dropped);
    put_line(line, len);
    errno = saved_errno;
}
