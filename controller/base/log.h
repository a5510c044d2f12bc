/* Log lines on stderr.
 *
 * One line, one write(), so that lines of several processes do not mix.
 * Under systemd (JOURNAL_STREAM is set) lines go to journald with their
 * fields, or where it cannot be reached start with their syslog priority; else
 * they start with the time.  Bytes that are no printable ASCII come out as
 * '?': what a peer says cannot forge a line. */
#ifndef LOG_H
#define LOG_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level {
    LOG_LVL_ERR,                /* Something does not work. */
    LOG_LVL_WARN,               /* Somebody should look. */
    LOG_LVL_INFO,               /* What happened, a line or two each. */
    LOG_LVL_DBG,                /* For us. */
};

/* Lines beyond this level are dropped.  LOG_LVL_INFO at the start. */
void log_set_level(enum log_level);
/* "err", "warn", "info", "dbg".  Returns false, and changes nothing, if
 * 'name' is none of them. */
bool log_set_level_by_name(const char *name);
bool log_is_enabled(enum log_level);

/* "text", "json" or "journal"; "auto" at the start: "journal" under systemd,
 * else "text".  Returns 0; EINVAL, if 'name' is none of them, or what keeps
 * journald from being reached, and changes nothing. */
int log_set_format_by_name(const char *name);

/* From here on a thread writes the lines: who logs never waits for who reads
 * stderr.  What that does not read in time is lost, counted, and told by the
 * next line that it reads. */
void log_start(void);
/* Writes what is left, if that does not take longer than a second. */
void log_stop(void);
/* Lines lost because stderr, or the journal, is read too slowly. */
uint64_t log_n_lost(void);

/* A token bucket: 'burst' lines at once, then one each 'interval_ms'.  What
 * is dropped is counted and told by the next line that passes. */
struct log_rate_limit {
    int64_t interval_ms;
    int64_t burst;
    int64_t full_at_ms;         /* When the bucket is full again. */
    uint64_t n_dropped;
};

#define LOG_RATE_LIMIT_INIT(INTERVAL_MS, BURST) \
    { (INTERVAL_MS), (BURST), 0, 0 }

/* May a line pass at 'now_ms' (monotonic)?  Takes its token, and stores how
 * many were dropped before it.  Pure but for '*rl'. */
bool log_rate_limit_pass(struct log_rate_limit *rl, int64_t now_ms,
                         uint64_t *n_dropped);

/* 'rl' may be NULL.  Preserves errno. */
void log_at(enum log_level, struct log_rate_limit *rl, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Each place has a limit of its own: what somebody outside does without end
 * must not fill the disk.  A hundred lines at once, then ten a second. */
#define LOG_PLACE_LIMIT \
    ({ static struct log_rate_limit limit_ = LOG_RATE_LIMIT_INIT(100, 100); \
       &limit_; })

/* What a line says, by name, for whom the sentence is not enough. */
struct log_field {
    const char *name;           /* Lower case. */
    const char *value;          /* "" is left out. */
};

/* log_at() with 'n' fields; people read 'message' alone. */
void log_fields(enum log_level, struct log_rate_limit *rl,
                const struct log_field *fields, size_t n,
                const char *message);

#define log_err(...) log_at(LOG_LVL_ERR, LOG_PLACE_LIMIT, __VA_ARGS__)
#define log_warn(...) log_at(LOG_LVL_WARN, LOG_PLACE_LIMIT, __VA_ARGS__)
#define log_info(...) log_at(LOG_LVL_INFO, LOG_PLACE_LIMIT, __VA_ARGS__)
#define log_dbg(...) log_at(LOG_LVL_DBG, NULL, __VA_ARGS__)

#define log_err_rl(RL, ...) log_at(LOG_LVL_ERR, RL, __VA_ARGS__)
#define log_warn_rl(RL, ...) log_at(LOG_LVL_WARN, RL, __VA_ARGS__)
#define log_info_rl(RL, ...) log_at(LOG_LVL_INFO, RL, __VA_ARGS__)

#endif /* controller/base/log.h */
