/* Telling systemd how we are: sd_notify(3), without libsystemd.
 *
 * Called by main.  One datagram for each message, never blocking: a systemd
 * that does not read must not stop a gateway. */
#include <config.h>

#include "controller/daemon/sdnotify.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <firsthop/buf.h>

struct sdnotify {
    int fd;                     /* -1: nobody wants to know. */
    struct sockaddr_un addr;
    socklen_t addr_len;
    uint64_t watchdog_usec;
};

/* Fills in where 'name' points: a path, or '@' and an abstract name.
 * Returns 0 or an errno. */
static int
set_address(struct sdnotify *sd, const char *name)
{
    size_t len = strlen(name);

    if ((*name != '/' && *name != '@') || !name[1]) {
        return EAFNOSUPPORT;
    }
    /* A path has room for its null, an abstract name needs none. */
    if (len + (*name == '/') > sizeof sd->addr.sun_path) {
        return ENAMETOOLONG;
    }
    sd->addr.sun_family = AF_UNIX;
    memcpy(sd->addr.sun_path, name, len);
    if (*name == '@') {
        sd->addr.sun_path[0] = '\0';
    }
    sd->addr_len = offsetof(struct sockaddr_un, sun_path) + len
                   + (*name == '/');
    return 0;
}

/* A decimal number, or 0. */
static uint64_t
parse_number(const char *s)
{
    char *end;
    uint64_t number;

    if (!s || !isdigit((unsigned char) *s)) {
        return 0;
    }
    errno = 0;
    number = strtoull(s, &end, 10);
    return errno || *end ? 0 : number;
}

/* WATCHDOG_PID, if set, tells whose watchdog it is. */
static uint64_t
read_watchdog(void)
{
    const char *pid = getenv("WATCHDOG_PID");

    if (pid && parse_number(pid) != (uint64_t) getpid()) {
        return 0;
    }
    return parse_number(getenv("WATCHDOG_USEC"));
}

struct sdnotify *
sdnotify_create(int *errorp)
{
    struct sdnotify *sd = fh_xcalloc(1, sizeof *sd);
    const char *name = getenv("NOTIFY_SOCKET");

    sd->fd = -1;
    *errorp = 0;
    if (name && *name) {
        *errorp = set_address(sd, name);
        if (!*errorp) {
            sd->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
            *errorp = sd->fd < 0 ? errno : 0;
        }
    }
    sd->watchdog_usec = read_watchdog();

    /* Not for our children. */
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return sd;
}

void
sdnotify_destroy(struct sdnotify *sd)
{
    if (sd) {
        if (sd->fd >= 0) {
            close(sd->fd);
        }
        free(sd);
    }
}

static int
send_text(struct sdnotify *sd, const char *text)
{
    ssize_t n;

    if (sd->fd < 0) {
        return 0;
    }
    do {
        n = sendto(sd->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
                   (const struct sockaddr *) &sd->addr, sd->addr_len);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? errno : 0;
}

int
sdnotify_ready(struct sdnotify *sd)
{
    return send_text(sd, "READY=1");
}

int
sdnotify_reloading(struct sdnotify *sd)
{
    struct timespec now;
    char text[64];

    /* Type=notify-reload tells by it which READY=1 ends this reload. */
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
             (uint64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000);
    return send_text(sd, text);
}

int
sdnotify_stopping(struct sdnotify *sd)
{
    return send_text(sd, "STOPPING=1");
}

int
sdnotify_alive(struct sdnotify *sd)
{
    return send_text(sd, "WATCHDOG=1");
}

uint64_t
sdnotify_watchdog_usec(const struct sdnotify *sd)
{
    return sd->watchdog_usec;
}
