/* Whole files of the state directory.  Private to the store. */
#ifndef STORE_FILE_H
#define STORE_FILE_H 1

#include <firsthop/buf.h>

#include "controller/config/config.h"

#define STORE_FILE_MAX (CONFIG_MAX_BYTES + 128)     /* And the header. */

/* How what was written reaches the disk: fsync(), or a test's disk. */
extern int (*store_file_sync)(int fd);

/* Replaces 'name' by 'data' by way of 'temp', flushed to disk, or leaves it
 * as it is.  Returns 0 or an errno. */
int store_file_replace(int dir_fd, const char *name, const char *temp,
                       const char *data, size_t len);
/* Reads a whole file.  Returns 0 or an errno: ENOENT, EFBIG among them. */
int store_file_read(int dir_fd, const char *name, struct fh_buf *text);

#endif /* controller/store/store_file.h */
