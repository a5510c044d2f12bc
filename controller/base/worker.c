/* A thread that does one job after another.  See worker.h.
 *
 * Jobs go through two queues under one mutex, which nobody holds for longer
 * than to link one; an eventfd wakes the event loop. */
#include <config.h>

#include "controller/base/worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include <firsthop/buf.h>

#include "controller/base/log.h"

struct job {
    STAILQ_ENTRY(job) link;
    void (*work)(void *aux);
    void (*done)(void *aux);
    void *aux;
};

STAILQ_HEAD(job_queue, job);

struct worker {
    struct event *wakeup;       /* 'fd' is readable: some are done. */
    int fd;
    pthread_t thread;
    size_t n_open;              /* Not yet handed back; the loop's. */
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    struct job_queue todo, done;        /* Under the mutex, as 'stopping'. */
    bool stopping;
    struct worker *next;        /* In 'abandoned'. */
};

/* Those whose job did not end; their threads may still use all that they have,
 * so that it stays theirs until the process ends. */
static struct worker *abandoned;

static void *
work(void *worker_)
{
    static const uint64_t one = 1;
    struct worker *worker = worker_;
    struct job *job;

    pthread_mutex_lock(&worker->mutex);
    for (;;) {
        job = STAILQ_FIRST(&worker->todo);
        if (job) {
            STAILQ_REMOVE_HEAD(&worker->todo, link);
            pthread_mutex_unlock(&worker->mutex);
            job->work(job->aux);
            pthread_mutex_lock(&worker->mutex);
            STAILQ_INSERT_TAIL(&worker->done, job, link);
            if (write(worker->fd, &one, sizeof one) < 0) {
                abort();        /* It counts up to 2^64 - 2. */
            }
        } else if (worker->stopping) {
            break;
        } else {
            pthread_cond_wait(&worker->filled, &worker->mutex);
        }
    }
    pthread_mutex_unlock(&worker->mutex);
    return NULL;
}

static struct job *
take_done(struct worker *worker)
{
    struct job *job;

    pthread_mutex_lock(&worker->mutex);
    job = STAILQ_FIRST(&worker->done);
    if (job) {
        STAILQ_REMOVE_HEAD(&worker->done, link);
    }
    pthread_mutex_unlock(&worker->mutex);
    return job;
}

static void
hand_back(evutil_socket_t fd, short what, void *worker_)
{
    struct worker *worker = worker_;
    uint64_t count;
    struct job *job;

    if (read(fd, &count, sizeof count) < 0 && errno != EAGAIN) {
        abort();
    }
    while ((job = take_done(worker))) {
        worker->n_open--;
        if (job->done) {
            job->done(job->aux);
        }
        free(job);
    }
}

/* Signals are for the event loop's thread.  Returns 0 or an errno. */
static int
start(struct worker *worker)
{
    sigset_t all, old;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    error = pthread_create(&worker->thread, NULL, work, worker);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return error;
}

struct worker *
worker_create(struct event_base *base)
{
    struct worker *worker = fh_xcalloc(1, sizeof *worker);
    int error;

    pthread_mutex_init(&worker->mutex, NULL);
    pthread_cond_init(&worker->filled, NULL);
    STAILQ_INIT(&worker->todo);
    STAILQ_INIT(&worker->done);
    worker->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    error = worker->fd < 0 ? errno : start(worker);
    if (error) {
        log_err("no thread beside the event loop: %s", strerror(error));
        if (worker->fd >= 0) {
            close(worker->fd);
        }
        free(worker);
        return NULL;
    }
    worker->wakeup = event_new(base, worker->fd, EV_READ | EV_PERSIST,
                               hand_back, worker);
    event_add(worker->wakeup, NULL);
    return worker;
}

bool
worker_run(struct worker *worker, void (*work_)(void *), void (*done)(void *),
           void *aux)
{
    struct job *job;

    if (!worker) {
        work_(aux);
        return true;
    }
    job = fh_xcalloc(1, sizeof *job);
    *job = (struct job) { .work = work_, .done = done, .aux = aux };
    worker->n_open++;
    pthread_mutex_lock(&worker->mutex);
    STAILQ_INSERT_TAIL(&worker->todo, job, link);
    pthread_cond_signal(&worker->filled);
    pthread_mutex_unlock(&worker->mutex);
    return false;
}

static int64_t
monotonic_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

bool
worker_finish(struct worker *worker, int timeout_ms)
{
    int64_t end_ms = monotonic_ms() + timeout_ms;

    while (worker && worker->n_open) {
        struct pollfd pfd = { .fd = worker->fd, .events = POLLIN };
        int64_t left_ms = end_ms - monotonic_ms();

        if (left_ms < 0) {
            return false;
        }
        if (poll(&pfd, 1, (int) left_ms) > 0) {
            hand_back(worker->fd, EV_READ, worker);
        }
    }
    return true;
}

void
worker_destroy(struct worker *worker)
{
    bool stuck;

    if (!worker) {
        return;
    }
    event_free(worker->wakeup);
    pthread_mutex_lock(&worker->mutex);
    worker->stopping = true;
    pthread_cond_signal(&worker->filled);
    pthread_mutex_unlock(&worker->mutex);
    stuck = worker->n_open > 0;
    if (stuck) {
        pthread_detach(worker->thread);
        worker->next = abandoned;
        abandoned = worker;
        return;
    }
    pthread_join(worker->thread, NULL);
    close(worker->fd);
    pthread_cond_destroy(&worker->filled);
    pthread_mutex_destroy(&worker->mutex);
    free(worker);
}
