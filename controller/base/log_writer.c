/* A thread that writes log lines to stderr.  See log_writer.h.
 *
 * A mutex guards the ring; it is held to copy, never to write. */
#include <config.h>

#include "controller/base/log_writer.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t filled;      /* There is a line, or the end has come. */
    pthread_cond_t emptied;
    pthread_t thread;
    bool running;
    bool stopping;
    char ring[LOG_WRITER_BYTES];
    size_t head;                /* Where the oldest line begins. */
    size_t n;                   /* Bytes in the ring. */
    bool writing;               /* Some are on their way. */
    uint64_t n_lost;
    uint64_t n_lost_told;
} writer = {
    .mutex = PTHREAD_MUTEX_INITIALIZER,
    .filled = PTHREAD_COND_INITIALIZER,
    .emptied = PTHREAD_COND_INITIALIZER,
};

static char
ring_at(size_t i)
{
    return writer.ring[(writer.head + i) % LOG_WRITER_BYTES];
}

/* As many whole lines as one write() puts out in one piece, even into a pipe
 * that others write to (pipe(7)).  A line is shorter than that. */
static size_t
whole_lines(void)
{
    size_t n = writer.n < PIPE_BUF ? writer.n : PIPE_BUF;

    while (n && ring_at(n - 1) != '\n') {
        n--;
    }
    return n;
}

static size_t
take_lines(char chunk[PIPE_BUF])
{
    size_t n = whole_lines();

    for (size_t i = 0; i < n; i++) {
        chunk[i] = ring_at(i);
    }
    writer.head = (writer.head + n) % LOG_WRITER_BYTES;
    writer.n -= n;
    return n;
}

/* Here, and only here, somebody waits for who reads the log.  Somebody else
 * may have made the descriptor nonblocking. */
static void
write_chunk(const char *chunk, size_t n)
{
    while (n) {
        ssize_t written = write(STDERR_FILENO, chunk, n);

        if (written > 0) {
            chunk += written;
            n -= written;
        } else if (errno == EAGAIN) {
            struct pollfd pfd = { .fd = STDERR_FILENO, .events = POLLOUT };

            poll(&pfd, 1, -1);
        } else if (errno != EINTR) {
            return;             /* Nowhere to tell. */
        }
    }
}

static void *
write_lines(void *aux)
{
    char chunk[PIPE_BUF];

    pthread_mutex_lock(&writer.mutex);
    for (;;) {
        size_t n = take_lines(chunk);

        if (n) {
            writer.writing = true;
            pthread_mutex_unlock(&writer.mutex);
            write_chunk(chunk, n);
            pthread_mutex_lock(&writer.mutex);
            writer.writing = false;
            continue;
        }
        pthread_cond_signal(&writer.emptied);
        if (writer.stopping) {
            break;
        }
        pthread_cond_wait(&writer.filled, &writer.mutex);
    }
    pthread_mutex_unlock(&writer.mutex);
    return NULL;
}

int
log_writer_start(void)
{
    sigset_t all, old;
    int error;

    /* Signals are for the event loop's thread. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    error = pthread_create(&writer.thread, NULL, write_lines, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    writer.running = !error;
    return error;
}

static struct timespec
after_ms(int ms)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_sec += ms / 1000;
    ts.tv_nsec += ms % 1000 * 1000000L;
    if (ts.tv_nsec >= 1000000000L) {
        ts.tv_sec++;
        ts.tv_nsec -= 1000000000L;
    }
    return ts;
}

void
log_writer_stop(int timeout_ms)
{
    struct timespec deadline = after_ms(timeout_ms);
    bool done;
    int error = 0;

    if (!writer.running) {
        return;
    }
    writer.running = false;
    pthread_mutex_lock(&writer.mutex);
    writer.stopping = true;
    pthread_cond_signal(&writer.filled);
    while ((writer.n || writer.writing) && !error) {
        error = pthread_cond_timedwait(&writer.emptied, &writer.mutex,
                                       &deadline);
    }
    done = !writer.n && !writer.writing;
    writer.n = 0;
    pthread_mutex_unlock(&writer.mutex);
    if (done) {
        pthread_join(writer.thread, NULL);
        writer.stopping = false;
    } else {
        pthread_detach(writer.thread);  /* It waits; the process ends. */
    }
}

bool
log_writer_is_running(void)
{
    return writer.running;
}

void
log_writer_put(const char *line, size_t len)
{
    pthread_mutex_lock(&writer.mutex);
    if (len > LOG_WRITER_BYTES - writer.n) {
        writer.n_lost++;
    } else {
        for (size_t i = 0; i < len; i++) {
            writer.ring[(writer.head + writer.n + i) % LOG_WRITER_BYTES]
                = line[i];
        }
        writer.n += len;
        pthread_cond_signal(&writer.filled);
    }
    pthread_mutex_unlock(&writer.mutex);
}

uint64_t
log_writer_n_lost(void)
{
    uint64_t n;

    pthread_mutex_lock(&writer.mutex);
    n = writer.n_lost;
    pthread_mutex_unlock(&writer.mutex);
    return n;
}

uint64_t
log_writer_take_lost(size_t len)
{
    uint64_t n = 0;

    pthread_mutex_lock(&writer.mutex);
    if (len <= LOG_WRITER_BYTES - writer.n) {
        n = writer.n_lost - writer.n_lost_told;
        writer.n_lost_told = writer.n_lost;
    }
    pthread_mutex_unlock(&writer.mutex);
    return n;
}
