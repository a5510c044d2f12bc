/* What must survive a restart: the state directory.  See store.h.
 *
 * Called by firsthop.  A verb makes the state as it should be, writes it, and
 * only then lets go of the state as it was.  store_codec.c has the text. */
#include <config.h>

#include "controller/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "controller/config/config.h"
#include "controller/store/store_file.h"

#include <firsthop/buf.h>

#define MAX_SET_ASIDE 1000      /* Files of one name and second. */

struct store {
    int dir_fd;
    int lock_fd;
    int read_only;              /* 0 or the errno that says so. */
    struct store_state state;
};

static const char *const file_names[STORE_N_FILES] = {
    [STORE_STATE] = "state",
    [STORE_CLIENTS] = "clients",
    [STORE_LEASES] = "leases",
    [STORE_CONFIG] = "config",
};

static const char *const temp_names[STORE_N_FILES] = {
    [STORE_STATE] = ".state.tmp",
    [STORE_CLIENTS] = ".clients.tmp",
    [STORE_LEASES] = ".leases.tmp",
    [STORE_CONFIG] = ".config.tmp",
};

/* Files. */

/* Replaces 'file' by 'data', or leaves it as it is. */
static int
replace_file(const struct store *store, enum store_file file,
             const char *data, size_t len)
{
    return store_file_replace(store->dir_fd, file_names[file],
                              temp_names[file], data, len);
}

static int
remove_file(const struct store *store, enum store_file file)
{
    if (store->read_only) {
        return store->read_only;
    }
    if (unlinkat(store->dir_fd, file_names[file], 0)) {
        return errno == ENOENT ? 0 : errno;
    }
    return store_file_sync(store->dir_fd) ? errno : 0;
}

/* Renames 'name' to "NAME.corrupt-TIME", never onto another file.  Returns 0
 * and the new name, new, or an errno. */
static int
set_aside(int dir_fd, const char *name, char **asidep)
{
    time_t now = time(NULL);
    char stamp[32];
    struct tm tm;

    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
    for (int i = 0; i < MAX_SET_ASIDE; i++) {
        char *aside = (i ? fh_xasprintf("%s.corrupt-%s-%d", name, stamp, i)
                       : fh_xasprintf("%s.corrupt-%s", name, stamp));

        if (faccessat(dir_fd, aside, F_OK, AT_SYMLINK_NOFOLLOW)) {
            if (renameat(dir_fd, name, dir_fd, aside)) {
                int error = errno;

                free(aside);
                return error;
            }
            *asidep = aside;
            return 0;
        }
        free(aside);
    }
    return EEXIST;
}

/* Opening. */

/* Appends a line to '*messagep'; takes 'text'. */
static void
add_message(char **messagep, char *text)
{
    if (*messagep) {
        char *both = fh_xasprintf("%s; %s", *messagep, text);

        free(text);
        free(*messagep);
        text = both;
    }
    *messagep = text;
}

static void
take_part(struct store_state *state, enum store_file file,
          struct store_state *part)
{
    switch (file) {
    case STORE_STATE:
        state->draining = part->draining;
        state->n_draining = part->n_draining;
        state->uplinks_down = part->uplinks_down;
        state->n_uplinks_down = part->n_uplinks_down;
        state->holders = part->holders;
        state->n_holders = part->n_holders;
        break;
    case STORE_CLIENTS:
        state->clients = part->clients;
        state->n_clients = part->n_clients;
        break;
    case STORE_LEASES:
        state->leases = part->leases;
        state->n_leases = part->n_leases;
        break;
    case STORE_CONFIG:
        state->config = part->config;
        break;
    case STORE_N_FILES:
        abort();
    }
}

static int
load_file(struct store *store, const char *dir, enum store_file file,
          char **messagep)
{
    const char *name = file_names[file];
    struct fh_buf text = { NULL, 0, 0 };
    struct store_state part;
    char *why = NULL;
    char *aside = NULL;
    int error = store_file_read(store->dir_fd, name, &text);

    if (!error
        && store_decode(file, (const char *) text.data, text.len, &part,
                        &why)) {
        error = set_aside(store->dir_fd, name, &aside);
        if (error && store->read_only) {
            add_message(messagep, fh_xasprintf("%s/%s %s; going on without",
                                               dir, name, why));
            error = 0;
        } else if (error) {
            add_message(messagep,
                        fh_xasprintf("%s/%s %s, and cannot be set aside: %s",
                                     dir, name, why, strerror(error)));
        } else {
            add_message(messagep,
                        fh_xasprintf("%s/%s %s; kept as %s, going on without",
                                     dir, name, why, aside));
            free(aside);
        }
    } else if (!error) {
        take_part(&store->state, file, &part);
    } else if (error == ENOENT) {
        error = 0;
    } else {
        add_message(messagep, fh_xasprintf("%s/%s: %s", dir, name,
                                           strerror(error)));
    }
    free(why);
    fh_buf_destroy(&text);
    return error;
}

/* What is locked is a file, or the directory itself where there can be no
 * file. */
static int
open_lock(struct store *store)
{
    int flags = O_RDWR | O_CREAT | O_NOFOLLOW;
    const char *name = "lock";

    if (faccessat(store->dir_fd, ".", W_OK, AT_EACCESS)) {
        store->read_only = errno;
        flags = O_RDONLY | O_DIRECTORY;
        name = ".";
    }
    store->lock_fd = openat(store->dir_fd, name, flags | O_CLOEXEC, 0640);
    return store->lock_fd < 0 ? errno : 0;
}

/* Opens and locks the directory.  Returns 0 or an errno. */
static int
lock_directory(struct store *store, const char *dir)
{
    int error;

    if (mkdir(dir, 0750) && errno != EEXIST && access(dir, X_OK)) {
        return errno;
    }
    store->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->dir_fd < 0) {
        return errno;
    }
    error = open_lock(store);
    if (error) {
        return error;
    }
    return flock(store->lock_fd, LOCK_EX | LOCK_NB) ? errno : 0;
}

int
store_open(const char *dir, struct store **storep, char **messagep)
{
    struct store *store = fh_xcalloc(1, sizeof *store);
    int error;

    store->dir_fd = store->lock_fd = -1;
    *messagep = NULL;
    error = lock_directory(store, dir);
    if (error) {
        add_message(messagep, fh_xasprintf(
            "%s: %s", dir, error == EWOULDBLOCK
            ? "in use by another daemon" : strerror(error)));
    }
    for (int file = 0; !error && file < STORE_N_FILES; file++) {
        error = load_file(store, dir, file, messagep);
    }
    if (error) {
        store_close(store);
        store = NULL;
    }
    *storep = store;
    return error;
}

void
store_close(struct store *store)
{
    if (!store) {
        return;
    }
    if (store->lock_fd >= 0) {
        close(store->lock_fd);
    }
    if (store->dir_fd >= 0) {
        close(store->dir_fd);
    }
    store_state_uninit(&store->state);
    free(store);
}

int
store_read_only(const struct store *store)
{
    return store->read_only;
}

const struct store_state *
store_get(const struct store *store)
{
    return &store->state;
}

/* Changing. */

/* Writes the file that 'state' has the news for. */
static int
save(const struct store *store, enum store_file file,
     const struct store_state *state)
{
    size_t len;
    char *text;
    int error;

    if (store->read_only) {
        return store->read_only;
    }
    text = store_encode(file, state, &len);
    error = (len > STORE_FILE_MAX ? EFBIG
                 : replace_file(store, file, text, len));

    free(text);
    return error;
}

static int
compare_clients(const void *a_, const void *b_)
{
    const struct store_client *a = a_;
    const struct store_client *b = b_;
    int cmp = fh_addr_compare(a->address, b->address);

    return cmp ? cmp : strcmp(a->segment, b->segment);
}

/* The first client that is not before 'key'. */
static size_t
client_index(const struct store_state *state, const struct store_client *key)
{
    size_t low = 0, high = state->n_clients;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (compare_clients(&state->clients[mid], key) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static bool
client_is_at(const struct store_state *state, size_t i,
             const struct store_client *key)
{
    return i < state->n_clients && !compare_clients(&state->clients[i], key);
}

static struct store_client
client_key(const char *segment, struct fh_addr address)
{
    struct store_client key = { .address = address };

    snprintf(key.segment, sizeof key.segment, "%s", segment);
    return key;
}

/* Saves 'clients' (takes them, sorted). */
static int
replace_clients(struct store *store, struct store_client *clients, size_t n)
{
    struct store_state next = store->state;
    int error;

    next.clients = clients;
    next.n_clients = n;
    error = save(store, STORE_CLIENTS, &next);
    if (error) {
        free(clients);
        return error;
    }
    free(store->state.clients);
    store->state = next;
    return 0;
}

/* Saves the clients without the i-th. */
static int
remove_client(struct store *store, size_t i)
{
    const struct store_state *state = &store->state;
    size_t n = state->n_clients - 1;
    struct store_client *clients = fh_xcalloc(n + 1, sizeof *clients);

    memcpy(clients, state->clients, i * sizeof *clients);
    memcpy(&clients[i], &state->clients[i + 1], (n - i) * sizeof *clients);
    return replace_clients(store, clients, n);
}

/* 'new' (sorted) in place of those of 'old' that are the same clients, and the
 * others of 'old', into 'out', which has room.  Returns how many. */
static size_t
merge_clients(const struct store_client *old, size_t n_old,
              const struct store_client *new, size_t n_new,
              struct store_client *out)
{
    size_t i = 0, n = 0;

    for (size_t j = 0; j < n_new; j++) {
        while (i < n_old && compare_clients(&old[i], &new[j]) < 0) {
            out[n++] = old[i++];
        }
        i += i < n_old && !compare_clients(&old[i], &new[j]);
        out[n++] = new[j];
    }
    while (i < n_old) {
        out[n++] = old[i++];
    }
    return n;
}

int
store_put_clients(struct store *store, const struct store_client *clients,
                  size_t n)
{
    const struct store_state *state = &store->state;
    size_t size = sizeof *clients;
    struct store_client *sorted, *merged;

    if (!n) {
        return 0;
    }
    sorted = fh_xmemdup(clients, n * size);
    qsort(sorted, n, size, compare_clients);
    merged = fh_xcalloc(state->n_clients + n, size);
    n = merge_clients(state->clients, state->n_clients, sorted, n, merged);
    free(sorted);
    if (n > CONFIG_MAX_CLIENTS) {
        free(merged);
        return ENOSPC;
    }
    return replace_clients(store, merged, n);
}

int
store_put_client(struct store *store, const struct store_client *client)
{
    return store_put_clients(store, client, 1);
}

int
store_forget_client(struct store *store, const char *segment,
                    struct fh_addr address)
{
    struct store_client key = client_key(segment, address);
    size_t i = client_index(&store->state, &key);

    return (client_is_at(&store->state, i, &key) ? remove_client(store, i)
            : 0);
}

static int
compare_names(const void *a_, const void *b_)
{
    char *const *a = a_;
    char *const *b = b_;

    return strcmp(*a, *b);
}

static void
free_names(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(names[i]);
    }
    free(names);
}

/* A sorted copy of 'names' without 'except' (or NULL) and with 'add' (or
 * NULL).  Returns new; '*n' is set. */
static char **
copy_names(const char *const *names, size_t n_names, const char *except,
           const char *add, size_t *n)
{
    char **copy = fh_xcalloc(n_names + 2, sizeof *copy);
    size_t n_unique = 0;

    *n = 0;
    for (size_t i = 0; i < n_names; i++) {
        if (!except || strcmp(names[i], except)) {
            copy[(*n)++] = fh_xstrdup(names[i]);
        }
    }
    if (add) {
        copy[(*n)++] = fh_xstrdup(add);
    }
    qsort(copy, *n, sizeof *copy, compare_names);
    for (size_t i = 0; i < *n; i++) {
        if (n_unique && !strcmp(copy[n_unique - 1], copy[i])) {
            free(copy[i]);
        } else {
            copy[n_unique++] = copy[i];
        }
    }
    *n = n_unique;
    return copy;
}

/* Saves '*next', which differs from the state in one list of names: 'old'
 * and 'new' are the list as it was and as it will be. */
static int
replace_names(struct store *store, const struct store_state *next,
              char **old, size_t n_old, char **new, size_t n_new)
{
    int error = (n_new > CONFIG_MAX_ROUTERS ? ENOSPC
                 : save(store, STORE_STATE, next));

    if (error) {
        free_names(new, n_new);
        return error;
    }
    store->state = *next;
    free_names(old, n_old);
    return 0;
}

int
store_set_draining(struct store *store, const char *router, bool draining)
{
    struct store_state *state = &store->state;
    struct store_state next = *state;

    next.draining = copy_names((const char *const *) state->draining,
                               state->n_draining, router,
                               draining ? router : NULL, &next.n_draining);
    return replace_names(store, &next, state->draining, state->n_draining,
                         next.draining, next.n_draining);
}

int
store_set_uplink_down(struct store *store, const char *router, bool down)
{
    struct store_state *state = &store->state;
    struct store_state next = *state;

    next.uplinks_down = copy_names((const char *const *) state->uplinks_down,
                                   state->n_uplinks_down, router,
                                   down ? router : NULL,
                                   &next.n_uplinks_down);
    return replace_names(store, &next, state->uplinks_down,
                         state->n_uplinks_down, next.uplinks_down,
                         next.n_uplinks_down);
}

int
store_set_holders(struct store *store, const char *const *names, size_t n)
{
    struct store_state *state = &store->state;
    struct store_state next = *state;

    next.holders = copy_names(names, n, NULL, NULL, &next.n_holders);
    return replace_names(store, &next, state->holders, state->n_holders,
                         next.holders, next.n_holders);
}

int
store_set_leases(struct store *store, const struct store_client *leases,
                 size_t n)
{
    struct store_state next = store->state;
    int error;

    next.leases = fh_xcalloc(n + 1, sizeof *next.leases);
    next.n_leases = n;
    if (n) {
        memcpy(next.leases, leases, n * sizeof *leases);
        qsort(next.leases, n, sizeof *leases, compare_clients);
    }
    error = n > CONFIG_MAX_CLIENTS ? ENOSPC : save(store, STORE_LEASES, &next);
    if (error) {
        free(next.leases);
        return error;
    }
    free(store->state.leases);
    store->state = next;
    return 0;
}

int
store_set_config(struct store *store, json_t *config)
{
    struct store_state next = store->state;
    int error;

    next.config = config;
    error = (config ? save(store, STORE_CONFIG, &next)
             : remove_file(store, STORE_CONFIG));
    if (!error) {
        json_incref(config);
        json_decref(store->state.config);
        store->state = next;
    }
    return error;
}

int
store_apply(struct store *store, const struct store_change *change)
{
    switch (change->type) {
    case STORE_PUT_CLIENTS:
        return store_put_clients(store, change->clients, change->n);
    case STORE_FORGET_CLIENT:
        return store_forget_client(store, change->clients[0].segment,
                                   change->clients[0].address);
    case STORE_DRAIN:
    case STORE_UNDRAIN:
        return store_set_draining(store, change->names[0],
                                  change->type == STORE_DRAIN);
    case STORE_UPLINK_DOWN:
    case STORE_UPLINK_UP:
        return store_set_uplink_down(store, change->names[0],
                                     change->type == STORE_UPLINK_DOWN);
    case STORE_SET_HOLDERS:
        return store_set_holders(store, change->names, change->n);
    case STORE_SET_LEASES:
        return store_set_leases(store, change->clients, change->n);
    case STORE_SET_CONFIG:
        return store_set_config(store, change->config);
    }
    return EINVAL;
}
