/* The configurations that were in force.  See versions.h.
 *
 * Called by the daemon. */
#include <config.h>

#include "controller/store/versions.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <firsthop/buf.h>

#include "controller/base/log.h"
#include "controller/store/store.h"
#include "controller/store/store_file.h"

#define KEPT 11                 /* The one in force, and ten before. */
#define PREFIX "config-"
#define TEMP ".config-new.tmp"

struct version {
    struct versions *owner;
    struct fh_config_version info;
    json_t *config;             /* Owned; NULL: in its file. */
    bool writing;               /* The worker has it. */
    bool dropped;               /* And is the last who has. */
    int error;                  /* That of writing it. */
};

struct versions {
    pthread_mutex_t mutex;      /* Of 'items', and of their 'config'. */
    int dir_fd;                 /* -1: in memory. */
    struct worker *worker;
    struct version *items[KEPT + 1];    /* Owned. */
    size_t n;
};

/* Files: {"time_ms": ..., "config": {...}} behind the store's header. */

static const char *
file_name(uint32_t number, char name[32])
{
    snprintf(name, 32, PREFIX "%" PRIu32, number);
    return name;
}

/* The number in a file's name, 0 if it is no such name. */
static uint32_t
file_number(const char *name)
{
    char again[32];
    uint32_t number;

    if (strncmp(name, PREFIX, strlen(PREFIX))) {
        return 0;
    }
    number = strtoul(name + strlen(PREFIX), NULL, 10);
    return strcmp(name, file_name(number, again)) ? 0 : number;
}

/* Returns the file's content, new, or NULL after a message. */
static json_t *
read_version(const struct versions *vs, uint32_t number)
{
    struct fh_buf text = { NULL, 0, 0 };
    struct store_state state = { .config = NULL };
    char name[32], *why = NULL;
    int error = store_file_read(vs->dir_fd, file_name(number, name), &text);
    json_t *body = NULL;

    if (!error
        && !store_decode(STORE_CONFIG, (const char *) text.data, text.len,
                         &state, &why)) {
        body = state.config;
    } else {
        log_err("state directory: %s %s", name, why ? why : strerror(error));
    }
    free(why);
    fh_buf_destroy(&text);
    return body;
}

/* In the worker's thread: writes the version's file, and removes the one that
 * is not kept any more. */
static void
write_version(void *version_)
{
    struct version *v = version_;
    int dir_fd = v->owner->dir_fd;
    json_t *body = json_pack("{s:I, s:O}", "time_ms",
                             (json_int_t) v->info.time_ms, "config",
                             v->config);
    const struct store_state state = { .config = body };
    char name[32];
    size_t len;
    char *text = store_encode(STORE_CONFIG, &state, &len);

    v->error = (len > STORE_FILE_MAX ? EFBIG
                : store_file_replace(dir_fd, file_name(v->info.number, name),
                                     TEMP, text, len));
    if (v->info.number > KEPT) {
        unlinkat(dir_fd, file_name(v->info.number - KEPT, name), 0);
    }
    free(text);
    json_decref(body);
}

/* The list. */

static struct version *
version_create(struct versions *vs, uint32_t number, int64_t time_ms,
               json_t *config)
{
    struct version *v = fh_xcalloc(1, sizeof *v);

    v->owner = vs;
    v->info.number = number;
    v->info.time_ms = time_ms;
    v->config = json_incref(config);
    return v;
}

static void
version_destroy(struct version *v)
{
    if (v->writing) {
        v->dropped = true;
        return;
    }
    json_decref(v->config);
    free(v);
}

/* Puts it where its number belongs.  More than are kept: the oldest goes. */
static void
insert(struct versions *vs, struct version *version)
{
    size_t i = vs->n++;

    for (; i && vs->items[i - 1]->info.number > version->info.number; i--) {
        vs->items[i] = vs->items[i - 1];
    }
    vs->items[i] = version;
    if (vs->n > KEPT) {
        version_destroy(vs->items[0]);
        memmove(vs->items, vs->items + 1, --vs->n * sizeof *vs->items);
    }
}

static void
forget(void *json)
{
    json_decref(json);
}

/* Those that are on disk need not be in memory; but for the last one, which
 * the daemon has there anyway. */
static void
lighten(struct versions *vs)
{
    for (size_t i = 0; vs->dir_fd >= 0 && i + 1 < vs->n; i++) {
        struct version *v = vs->items[i];

        if (!v->writing && !v->error) {
            if (v->config) {    /* It may be large. */
                worker_run(vs->worker, forget, NULL, v->config);
            }
            v->config = NULL;
        }
    }
}

static void
find_files(struct versions *vs)
{
    int fd = openat(vs->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
        uint32_t number = file_number(entry->d_name);
        json_t *body = number ? read_version(vs, number) : NULL;
        json_t *config = json_object_get(body, "config");
        json_t *time_ms = json_object_get(body, "time_ms");

        if (json_is_object(config)) {
            insert(vs, version_create(vs, number, json_integer_value(time_ms),
                                      config));
        }
        json_decref(body);
    }
    lighten(vs);
    if (dir) {
        closedir(dir);
    } else if (fd >= 0) {
        close(fd);
    }
}

struct versions *
versions_open(const char *dir, struct worker *worker)
{
    struct versions *vs = fh_xcalloc(1, sizeof *vs);

    pthread_mutex_init(&vs->mutex, NULL);
    vs->worker = worker;
    vs->dir_fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (vs->dir_fd >= 0) {
        find_files(vs);
    }
    return vs;
}

void
versions_close(struct versions *vs)
{
    if (!vs) {
        return;
    }
    for (size_t i = 0; i < vs->n; i++) {
        vs->items[i]->writing = false;
        version_destroy(vs->items[i]);
    }
    if (vs->dir_fd >= 0) {
        close(vs->dir_fd);
    }
    pthread_mutex_destroy(&vs->mutex);
    free(vs);
}

static void
written(void *version_)
{
    struct version *v = version_;
    struct versions *vs = v->owner;

    if (v->error) {
        log_err("state directory: configuration %" PRIu32 " is not kept for "
                "a rollback after a restart: %s", v->info.number,
                strerror(v->error));
    }
    pthread_mutex_lock(&vs->mutex);
    v->writing = false;
    if (v->dropped) {
        version_destroy(v);
    }
    lighten(vs);
    pthread_mutex_unlock(&vs->mutex);
}

void
versions_add(struct versions *vs, json_t *config, int64_t time_ms)
{
    struct version *last = vs->n ? vs->items[vs->n - 1] : NULL;
    struct version *v;

    if (last && json_equal(last->config, config)) {
        return;
    }
    v = version_create(vs, last ? last->info.number + 1 : 1, time_ms, config);
    v->writing = vs->dir_fd >= 0;
    pthread_mutex_lock(&vs->mutex);
    insert(vs, v);
    lighten(vs);
    pthread_mutex_unlock(&vs->mutex);
    if (v->writing && worker_run(vs->worker, write_version, written, v)) {
        written(v);
    }
}

size_t
versions_count(const struct versions *vs)
{
    return vs->n;
}

struct fh_config_version
versions_at(const struct versions *vs, size_t i)
{
    return vs->items[i]->info;
}

json_t *
versions_load(struct versions *vs, uint32_t number)
{
    bool found = false;
    json_t *body, *config = NULL;

    pthread_mutex_lock(&vs->mutex);
    for (size_t i = 0; i < vs->n; i++) {
        if (vs->items[i]->info.number == number) {
            found = true;
            config = json_incref(vs->items[i]->config);
        }
    }
    pthread_mutex_unlock(&vs->mutex);
    if (config || !found) {
        return config;
    }
    body = read_version(vs, number);
    config = json_incref(json_object_get(body, "config"));
    json_decref(body);
    return config;
}
