/* The configurations that were in force: the last one and ten before it, to
 * look at and to go back to.
 *
 * A file each in the state directory, "config-NUMBER", with a checksum like
 * all that is kept there; without a state directory they are kept in memory.
 * What cannot be written or read is told, and the rest goes on. */
#ifndef VERSIONS_H
#define VERSIONS_H 1

#include <jansson.h>

#include <firsthop/status.h>

#include "controller/base/worker.h"

struct versions;

/* Opens those in 'dir', which must be there; NULL: in memory.  'worker'
 * (borrowed; NULL: none) writes them. */
struct versions *versions_open(const char *dir, struct worker *worker);
/* After the worker's end.  NULL is fine. */
void versions_close(struct versions *);

/* 'config' (not to be changed) is in force from 'time_ms', Unix time, on.
 * Nothing happens if it is that already. */
void versions_add(struct versions *, json_t *config, int64_t time_ms);

/* The oldest first; the last one is in force. */
size_t versions_count(const struct versions *);
struct fh_config_version versions_at(const struct versions *, size_t i);

/* Returns new, or NULL if there is none with that number, or it cannot be
 * read.  From any thread. */
json_t *versions_load(struct versions *, uint32_t number);

#endif /* controller/store/versions.h */
