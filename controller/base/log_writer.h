/* A thread that writes log lines to stderr, so that nobody else waits for who
 * reads them.
 *
 * Called by log.c.  Lines wait in a ring of LOG_WRITER_BYTES; one that does
 * not fit is counted, and is gone.  The descriptor's flags stay as they are:
 * others may share it. */
#ifndef LOG_WRITER_H
#define LOG_WRITER_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_WRITER_BYTES (256u << 10)

/* Returns 0, or an errno if there can be no thread: the writer does not run
 * then. */
int log_writer_start(void);
/* Waits until all is written, for 'timeout_ms' at most.  What is left then is
 * lost. */
void log_writer_stop(int timeout_ms);
bool log_writer_is_running(void);

/* Takes a line with its line feed, or drops it and counts it. */
void log_writer_put(const char *line, size_t len);
/* Lines dropped so far. */
uint64_t log_writer_n_lost(void);
/* The same since the last call, 0 as long as 'len' more bytes do not fit. */
uint64_t log_writer_take_lost(size_t len);

#endif /* controller/base/log_writer.h */
