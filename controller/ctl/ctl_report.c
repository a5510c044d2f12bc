/* firsthopctl report: all that a bug report needs, in one file, without
 * secrets.
 *
 * Called by ctl.c.  Asks what the other commands ask; what cannot be had is
 * told in its place, so that there is a report of a daemon that does not
 * answer, too. */
#include <config.h>

#include "controller/ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <firsthop/buf.h>

/* Sections, and where they are from.  The pages of lists are bounded: a report
 * of 100,000 clients is no larger than one of 1,000. */
static const struct {
    const char *name, *path;
} sections[] = {
    { "status", "/v1/status" },
    { "routers", "/v1/routers" },
    { "segments", "/v1/segments" },
    { "paths", "/v1/paths" },
    { "exposure", "/v1/exposure" },
    { "clients_lost", "/v1/clients?state=lost&limit=1000" },
    { "clients_pending", "/v1/clients?state=pending&limit=100" },
    { "clients_active", "/v1/clients?state=active&limit=100" },
    { "events", "/v1/events" },
    { "config", "/v1/config" },
    { "config_versions", "/v1/config/versions" },
    { "metrics", "/metrics" },
};

static bool
is_secret(const char *key)
{
    static const char *const words[] = { "token", "secret", "password",
                                         "passphrase", "key" };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasestr(key, words[i])) {
            return true;
        }
    }
    return false;
}

/* Takes the texts out that are, or tell the way to, a secret. */
static void
redact(json_t *json)
{
    const char *key;
    json_t *value;
    void *next;
    size_t i;

    json_object_foreach_safe (json, next, key, value) {
        if (json_is_string(value) && is_secret(key)) {
            json_object_set_new(json, key, json_string("(left out)"));
        } else {
            redact(value);
        }
    }
    json_array_foreach (json, i, value) {
        redact(value);
    }
}

/* What the daemon says at 'path', or what it says instead. */
static json_t *
section(const struct ctl *ctl, const char *path, int *status)
{
    struct ctl_reply reply;
    json_t *json;

    *status = ctl_try(ctl, "GET", path, NULL, &reply);
    if (reply.json) {
        json = json_incref(reply.json);
    } else if (*status == CTL_DONE) {
        json = json_string(reply.text);
    } else {
        json = json_pack("{s:s}", "error", reply.text ? reply.text : "");
    }
    redact(json);
    ctl_reply_destroy(&reply);
    return json;
}

static json_t *
here(const char *stamp)
{
    struct utsname u;

    memset(&u, 0, sizeof u);
    uname(&u);
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "time", stamp,
                     "firsthopctl", PACKAGE_VERSION, "system", u.sysname,
                     "release", u.release, "machine", u.machine);
}

/* Writes it for its owner alone: what is in it is nobody else's business.
 * Returns false after a message. */
static bool
write_report(const struct ctl *ctl, const char *path, json_t *report)
{
    bool to_stdout = !strcmp(path, "-");
    int fd = to_stdout ? STDOUT_FILENO
                       : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                              0600);
    FILE *stream = fd < 0 ? NULL : to_stdout ? stdout : fdopen(fd, "w");
    bool ok = stream && !json_dumpf(report, stream, JSON_INDENT(1));

    ok = stream && fputc('\n', stream) != EOF && ok;
    if (stream && (to_stdout ? fflush(stream) : fclose(stream))) {
        ok = false;
    }
    if (!ok) {
        ctl_error(ctl, "%s: %s", path, strerror(errno));
    } else if (!to_stdout) {
        printf("%s: look through it before you send it: addresses, names and "
               "the configuration are in it\n", path);
    }
    return ok;
}

int
ctl_report(const struct ctl *ctl)
{
    const char *path = ctl_arg(ctl, 0);
    int status = CTL_DONE;
    char stamp[32], name[64];
    time_t now = time(NULL);
    json_t *report;
    struct tm tm;

    gmtime_r(&now, &tm);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm);
    snprintf(name, sizeof name, "firsthop-report-%s.json", stamp);
    report = json_pack("{s:o}", "report", here(stamp));
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        int part_status;
        json_t *part = section(ctl, sections[i].path, &part_status);

        json_object_set_new(report, sections[i].name, part);
        if (part_status == CTL_UNREACHABLE) {
            status = part_status;
        }
    }
    if (!write_report(ctl, path ? path : name, report)) {
        status = CTL_REFUSED;
    } else if (status == CTL_UNREACHABLE) {
        ctl_error(ctl, "the daemon is not reachable: %s", ctl->socket);
    }
    json_decref(report);
    return status;
}
