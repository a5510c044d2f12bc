/* Where a peer is, or where peers are awaited: "tcp:ADDRESS:PORT",
 * "ssl:ADDRESS:PORT" (numeric addresses, IPv6 in []) or "unix:PATH". */
#ifndef TARGET_H
#define TARGET_H 1

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Where a target leads. */
struct target_addr {
    union {
        struct sockaddr sa;
        struct sockaddr_storage ss;
        struct sockaddr_un un;
    };
    socklen_t len;
    bool tls;
};

/* Returns NULL, or what is wrong, static. */
const char *target_parse(const char *target, struct target_addr *);

/* An answer on socket 'fd' of 'family' must not wait for the next one: it is
 * all that there is. */
void target_set_nodelay(int fd, int family);

#endif /* controller/base/target.h */
