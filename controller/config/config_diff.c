/* What one configuration has that another has not.  See config_diff.h. */
#include <config.h>

#include "controller/config/config_diff.h"

#include <stdlib.h>
#include <string.h>

#include <firsthop/buf.h>

#include "controller/config/config_ask.h"

struct diff {
    json_t *changes;
    size_t max, n;
};

/* 'from' and 'to' are borrowed; NULL: it is not there. */
static void
add_change(struct diff *d, const char *path, json_t *from, json_t *to)
{
    json_t *change;

    if (d->n++ >= d->max) {
        return;
    }
    change = json_pack("{s:s, s:s}", "op",
                       !from ? "add" : !to ? "remove" : "replace", "path",
                       path);
    if (from) {
        json_object_set(change, "from", from);
    }
    if (to) {
        json_object_set(change, "value", to);
    }
    json_array_append_new(d->changes, change);
}

/* A client's address and segment, new, or NULL. */
static char *
client_key(json_t *client)
{
    const char *address = json_string_value(json_object_get(client,
                                                            "address"));
    const char *segment = json_string_value(json_object_get(client,
                                                            "segment"));

    return address && segment ? fh_xasprintf("%s@%s", address, segment)
                              : NULL;
}

/* {key: client} of an array of clients. */
static json_t *
index_clients(json_t *array)
{
    json_t *index = json_object();
    json_t *client;
    size_t i;

    json_array_foreach (array, i, client) {
        char *key = client_key(client);

        if (key) {
            json_object_set(index, key, client);
        }
        free(key);
    }
    return index;
}

/* What is in 'array' and is not, or not the same, in 'others' (an index):
 * with 'added' as what has been added to these, else as what was removed. */
static void
diff_clients(struct diff *d, json_t *array, json_t *others, bool added)
{
    json_t *client;
    size_t i;

    json_array_foreach (array, i, client) {
        char *key = client_key(client);
        char *path = config_pointer_index("/clients", i);
        json_t *other = key ? json_object_get(others, key) : NULL;

        if (!other) {
            add_change(d, path, added ? NULL : client, added ? client : NULL);
        } else if (!added && !json_equal(client, other)) {
            add_change(d, path, client, other);
        }
        free(path);
        free(key);
    }
}

static void
diff_client_lists(struct diff *d, json_t *from, json_t *to)
{
    json_t *old = index_clients(from);
    json_t *new = index_clients(to);

    diff_clients(d, from, new, false);
    diff_clients(d, to, old, true);
    json_decref(old);
    json_decref(new);
}

static void diff_values(struct diff *, const char *path, json_t *from,
                        json_t *to);

static void
diff_objects(struct diff *d, const char *path, json_t *from, json_t *to)
{
    const char *key;
    json_t *value;

    json_object_foreach (from, key, value) {
        char *at = config_pointer_key(path, key);

        diff_values(d, at, value, json_object_get(to, key));
        free(at);
    }
    json_object_foreach (to, key, value) {
        if (!json_object_get(from, key)) {
            char *at = config_pointer_key(path, key);

            diff_values(d, at, NULL, value);
            free(at);
        }
    }
}

static void
diff_values(struct diff *d, const char *path, json_t *from, json_t *to)
{
    if (!strcmp(path, "/clients")) {
        diff_client_lists(d, from, to);
    } else if (json_is_object(from) && json_is_object(to)) {
        diff_objects(d, path, from, to);
    } else if (!from || !to || !json_equal(from, to)) {
        add_change(d, path, from, to);
    }
}

json_t *
config_diff(json_t *from, json_t *to, size_t max, size_t *n)
{
    struct diff d = { .changes = json_array(), .max = max };

    diff_values(&d, "", from, to);
    *n = d.n;
    return d.changes;
}
