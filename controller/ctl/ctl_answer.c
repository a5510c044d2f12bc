/* What commands ask of the command line, and of an answer; and how they
 * complain.  See ctl.h. */
#include <config.h>

#include "controller/ctl/ctl.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "controller/ctl/ctl_table.h"

void
ctl_error(const struct ctl *ctl, const char *format, ...)
{
    va_list args;

    fputs("firsthopctl: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

const char *
ctl_arg(const struct ctl *ctl, int i)
{
    return i < ctl->n_args ? ctl->args[i] : NULL;
}

const char *
ctl_string(json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));

    return s ? s : "";
}

const char *
ctl_or_dash(json_t *object, const char *key)
{
    const char *s = ctl_string(object, key);

    return *s ? s : "-";
}

int64_t
ctl_integer(json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

bool
ctl_is_true(json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

const char *
ctl_vlan(json_t *vlan, char *buf, size_t size)
{
    size_t n = 0;
    json_t *tag;
    size_t i;

    snprintf(buf, size, "-");
    json_array_foreach (vlan, i, tag) {
        n += snprintf(buf + n, n < size ? size - n : 0, "%s%d",
                      i ? "." : "", (int) json_integer_value(tag));
    }
    return buf;
}

char *
ctl_duration(int64_t seconds, char *buf, size_t size)
{
    int64_t days = seconds / 86400;
    int n = days ? snprintf(buf, size, "%" PRId64 "d ", days) : 0;

    snprintf(buf + n, size - n, "%02d:%02d:%02d",
             (int) (seconds / 3600 % 24), (int) (seconds / 60 % 60),
             (int) (seconds % 60));
    return buf;
}

void
ctl_add_number(struct ctl_table *table, json_t *object, const char *key)
{
    if (json_is_integer(json_object_get(object, key))) {
        ctl_table_addf(table, "%" PRId64, ctl_integer(object, key));
    } else {
        ctl_table_add(table, "-");
    }
}
