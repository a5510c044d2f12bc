/* How a log line looks.  Pure: a record in, bytes out. */
#include <config.h>

#include "controller/base/log_format.h"

#include <ctype.h>
#include <stdio.h>

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

const char *
log_level_name(enum log_level level)
{
    return levels[level].name;
}

/* Where the next byte goes.  What does not fit is dropped; 'reserve' bytes
 * stay free for what closes the record. */
struct cursor {
    char *out;
    size_t len;
    size_t reserve;
};

static void
put_char(struct cursor *c, char byte)
{
    if (c->len + c->reserve < LOG_RECORD_MAX_BYTES) {
        c->out[c->len++] = byte;
    }
}

static void
put_text(struct cursor *c, const char *s)
{
    for (; *s; s++) {
        put_char(c, *s);
    }
}

/* Anything but printable ASCII comes out as '?': what a peer says cannot forge
 * a line, a field or a control sequence. */
static char
printable(char byte)
{
    return (unsigned char) byte < ' ' || (unsigned char) byte > '~'
        ? '?' : byte;
}

static void
put_printable(struct cursor *c, const char *s)
{
    for (; *s; s++) {
        put_char(c, printable(*s));
    }
}

static void
put_time(struct cursor *c, const struct timespec *time)
{
    struct tm tm;
    char text[64];
    size_t n;

    gmtime_r(&time->tv_sec, &tm);
    n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + n, sizeof text - n, ".%03ldZ", time->tv_nsec / 1000000);
    put_text(c, text);
}

/* "s", an escape whole or not at all. */
static void
put_json_string(struct cursor *c, const char *s)
{
    put_char(c, '"');
    c->reserve++;               /* The closing quote. */
    for (; *s; s++) {
        char byte = printable(*s);

        if (byte == '"' || byte == '\\') {
            if (c->len + c->reserve + 2 > LOG_RECORD_MAX_BYTES) {
                break;
            }
            put_char(c, '\\');
        }
        put_char(c, byte);
    }
    c->reserve--;
    put_char(c, '"');
}

size_t
log_format_text(const struct log_record *r, char *out)
{
    struct cursor c = { out, 0, 1 };
    char label[16];

    snprintf(label, sizeof label, " %-4s ", levels[r->level].label);
    put_time(&c, &r->time);
    put_text(&c, label);
    put_printable(&c, r->message);
    out[c.len++] = '\n';
    return c.len;
}

size_t
log_format_priority(const struct log_record *r, char *out)
{
    struct cursor c = { out, 0, 1 };

    put_char(&c, '<');
    put_char(&c, (char) ('0' + levels[r->level].priority));
    put_char(&c, '>');
    put_printable(&c, r->message);
    out[c.len++] = '\n';
    return c.len;
}

size_t
log_format_json(const struct log_record *r, char *out)
{
    struct cursor c = { out, 0, 2 };

    put_text(&c, "{\"time\":\"");
    put_time(&c, &r->time);
    put_text(&c, "\",\"level\":");
    put_json_string(&c, levels[r->level].name);
    put_text(&c, ",\"message\":");
    put_json_string(&c, r->message);
    for (size_t i = 0; i < r->n_fields; i++) {
        put_char(&c, ',');
        put_json_string(&c, r->fields[i].name);
        put_char(&c, ':');
        put_json_string(&c, r->fields[i].value);
    }
    out[c.len++] = '}';
    out[c.len++] = '\n';
    return c.len;
}

/* A value has no line feed (printable()), so its simple form will do. */
size_t
log_format_journal(const struct log_record *r, char *out)
{
    struct cursor c = { out, 0, 1 };

    put_text(&c, "PRIORITY=");
    put_char(&c, (char) ('0' + levels[r->level].priority));
    put_text(&c, "\nSYSLOG_IDENTIFIER=firsthopd\n");
    for (size_t i = 0; i < r->n_fields; i++) {
        put_text(&c, "FIRSTHOP_");
        for (const char *s = r->fields[i].name; *s; s++) {
            put_char(&c, (char) toupper((unsigned char) *s));
        }
        put_char(&c, '=');
        put_printable(&c, r->fields[i].value);
        put_char(&c, '\n');
    }
    put_text(&c, "MESSAGE=");
    put_printable(&c, r->message);
    out[c.len++] = '\n';
    return c.len;
}
