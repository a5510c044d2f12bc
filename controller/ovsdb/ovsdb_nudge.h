/* Asks a server to become the leader of its cluster at once.
 *
 * When the leader's machine has died, the others wait out an election timer, a
 * second or so, before one of them stands; whoever knows already that it is
 * dead need not.  What is said is what a leader says that hands over
 * (RAFT's "become_leader", ovsdb(7)), on the port where the servers speak
 * with each other.  Safe at any time: the others must vote for it, and one
 * that is behind is not voted for. */
#ifndef OVSDB_NUDGE_H
#define OVSDB_NUDGE_H 1

#include <stdint.h>

#include <jansson.h>

#include "controller/base/target.h"

struct event_base;
struct tls;
struct ovsdb_nudge;

#define OVSDB_RAFT_PORT 6644

/* The port of the servers' own conversation at the place of 'addr', where
 * clients dial.  Returns false for a Unix socket. */
bool ovsdb_nudge_addr(const struct target_addr *addr, struct target_addr *);
/* The message, new: to server 'sid' of cluster 'cid'.  'term' must not be less
 * than the cluster's, which nobody tells: milliseconds since 1970 are more
 * than any cluster comes to by itself. */
json_t *ovsdb_nudge_message(const char *cid, const char *sid, uint64_t term);

/* Connects, says 'message' (taken) and goes away, of itself, within
 * 'timeout_ms'.  'tls' is borrowed as long.  Returns new. */
struct ovsdb_nudge *ovsdb_nudge_create(struct event_base *,
                                       const struct target_addr *,
                                       struct tls *, int timeout_ms,
                                       json_t *message,
                                       void (*gone)(void *aux), void *aux);
/* 'gone' is not called.  NULL is fine. */
void ovsdb_nudge_destroy(struct ovsdb_nudge *);

#endif /* controller/ovsdb/ovsdb_nudge.h */
