/* Telling systemd how we are: sd_notify(3), without libsystemd.
 *
 * Every verb returns 0, also where nobody wants to know, or a positive errno;
 * none blocks. */
#ifndef SDNOTIFY_H
#define SDNOTIFY_H 1

#include <stdint.h>

struct sdnotify;

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID from the environment
 * and removes them from there.  Returns new, never NULL.  Where the socket's
 * name is unusable, '*errorp' is set to an errno, otherwise to 0. */
struct sdnotify *sdnotify_create(int *errorp);
void sdnotify_destroy(struct sdnotify *);

int sdnotify_ready(struct sdnotify *);
int sdnotify_reloading(struct sdnotify *);  /* Then sdnotify_ready(). */
int sdnotify_stopping(struct sdnotify *);
int sdnotify_alive(struct sdnotify *);      /* Feeds the watchdog. */

/* How long systemd waits for sdnotify_alive(), in us; 0: no watchdog.  Feed
 * it at half of this. */
uint64_t sdnotify_watchdog_usec(const struct sdnotify *);

#endif /* controller/daemon/sdnotify.h */
