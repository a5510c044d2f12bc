/* How a log line looks: text for people, JSON for collectors, and journald's
 * own protocol, in which fields can be asked for (journalctl FIELD=VALUE).
 *
 * Called by log.c.  Pure, but for the journal's socket. */
#ifndef LOG_FORMAT_H
#define LOG_FORMAT_H 1

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "controller/base/log.h"

/* A field or a message that is longer is cut. */
#define LOG_TEXT_MAX_BYTES 1024
#define LOG_RECORD_MAX_BYTES 4096

struct log_record {
    enum log_level level;
    struct timespec time;       /* CLOCK_REALTIME. */
    const char *message;        /* Printable ASCII. */
    const struct log_field *fields;
    size_t n_fields;
};

/* Each writes to 'out' (LOG_RECORD_MAX_BYTES) and returns the length. */

/* "2026-11-25T22:00:00.000Z INFO message", a line. */
size_t log_format_text(const struct log_record *, char *out);
/* "<6>message", a line: what systemd reads from a service's stderr. */
size_t log_format_priority(const struct log_record *, char *out);
/* {"time", "level", "message", fields...}, a line. */
size_t log_format_json(const struct log_record *, char *out);
/* MESSAGE, PRIORITY, SYSLOG_IDENTIFIER and each field as FIRSTHOP_NAME: a
 * datagram (systemd's JOURNAL_NATIVE_PROTOCOL). */
size_t log_format_journal(const struct log_record *, char *out);

/* "err", "warn", "info", "dbg". */
const char *log_level_name(enum log_level);

#endif /* controller/base/log_format.h */
