/* Log lines on stderr.
 *
 * Owns the log level.  Called by everything in controller/; never by the pure
 * modules. */
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

#define LINE_MAX_BYTES 1024     /* Longer ones are cut. */

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

void
log_at(enum log_level level, struct log_rate_limit *rl, const char *format,
       ...)
{
    int saved_errno = errno;
    uint64_t n_dropped = 0;
    char line[LINE_MAX_BYTES + 64];
    size_t prefix_len, len;
    va_list args;
    ssize_t written;

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
    if (n_dropped) {
        len += snprintf(line + len, sizeof line - len - 1,
                        " (%"PRIu64" like it not logged)", n_dropped);
    }
    line[len++] = '\n';
    written = write(STDERR_FILENO, line, len);
    (void) written;             /* Nowhere to tell. */
    errno = saved_errno;
}
