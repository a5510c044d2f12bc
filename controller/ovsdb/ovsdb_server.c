/* What a server says of itself and its database.  See ovsdb_server.h. */
#include <config.h>

#include "controller/ovsdb/ovsdb_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/ovsdb/ovsdb_value.h"

void
ovsdb_server_uninit(struct ovsdb_server_state *state)
{
    free(state->schema);
    memset(state, 0, sizeof *state);
}

json_t *
ovsdb_server_request(const char *database)
{
    return json_pack("[s[s]{s[{s[sssssss]s[[sss]]}]}]",
                     "_Server", "_Server", "Database", "columns", "model",
                     "connected", "leader", "schema", "cid", "sid", "index",
                     "where", "name", "==", database);
}

/* The value of an optional column, or NULL. */
static const json_t *
optional(const json_t *value)
{
    const char *tag = json_string_value(json_array_get(value, 0));

    return (tag && !strcmp(tag, "set")
            ? json_array_get(json_array_get(value, 1), 0) : value);
}

static void
set_uuid(char uuid[37], const json_t *value)
{
    const char *text = json_string_value(json_array_get(optional(value), 1));

    uuid[0] = '\0';
    if (text && ovsdb_is_uuid(text)) {
        memcpy(uuid, text, 37);
    }
}

static void
set_schema(struct ovsdb_server_state *state, const json_t *value)
{
    const char *schema = json_string_value(optional(value));

    free(state->schema);
    state->schema = schema ? fh_xstrdup(schema) : NULL;
}

/* The columns that 'row' has; the others stay. */
static void
set_columns(struct ovsdb_server_state *state, const json_t *row)
{
    const json_t *value = json_object_get(row, "index");

    state->connected = ovsdb_get_boolean(row, "connected", state->connected);
    state->leads = ovsdb_get_boolean(row, "leader", state->leads);
    if (value) {
        value = optional(value);
        state->index = json_is_integer(value) ? json_integer_value(value) : -1;
    }
    value = json_object_get(row, "cid");
    if (value) {
        set_uuid(state->cid, value);
    }
    value = json_object_get(row, "sid");
    if (value) {
        set_uuid(state->sid, value);
    }
    value = json_object_get(row, "schema");
    if (value) {
        set_schema(state, value);
    }
}

/* Of one row: what has become of it. */
static bool
row_update(struct ovsdb_server_state *state, const json_t *update)
{
    const json_t *whole = json_object_get(update, "initial");
    const json_t *change = json_object_get(update, "modify");

    whole = whole ? whole : json_object_get(update, "insert");
    if (json_is_object(whole)) {
        ovsdb_server_uninit(state);
        state->present = true;
        state->index = -1;
        set_columns(state, whole);
    } else if (json_is_object(change)) {
        set_columns(state, change);
    } else if (json_object_get(update, "delete")) {
        ovsdb_server_uninit(state);
    } else {
        return false;
    }
    return true;
}

bool
ovsdb_server_update(struct ovsdb_server_state *state, const json_t *updates)
{
    json_t *table = json_object_get(updates, "Database");
    const char *uuid;
    json_t *update;

    if (!json_is_object(updates)) {
        return false;
    }
    json_object_foreach (table, uuid, update) {
        if (!row_update(state, update)) {
            return false;
        }
    }
    return true;
}

enum ovsdb_fit
ovsdb_version_fits(const char *found, const char *wanted)
{
    unsigned int major, minor, wanted_major, wanted_minor;

    if (!wanted
        || sscanf(wanted, "%5u.%5u", &wanted_major, &wanted_minor) != 2) {
        return OVSDB_FITS;
    }
    if (!found || sscanf(found, "%5u.%5u", &major, &minor) != 2
        || major < wanted_major
        || (major == wanted_major && minor < wanted_minor)) {
        return OVSDB_TOO_OLD;
    }
    return major > wanted_major ? OVSDB_TOO_NEW : OVSDB_FITS;
}

char *
ovsdb_error_text(const json_t *error)
{
    const char *tag = (json_is_string(error) ? json_string_value(error)
                       : ovsdb_get_string(error, "error"));
    const char *details = ovsdb_get_string(error, "details");

    return fh_xasprintf("%.100s%s%.300s", tag ? tag : "an unknown error",
                        details ? ": " : "", details ? details : "");
}
