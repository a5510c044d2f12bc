/* The control socket: the paths between the routers.  See api.h. */
#include <config.h>

#include "controller/api/api_internal.h"

#include "controller/engine/path.h"

static json_t *
since(const struct path *path)
{
    char text[API_TIME_STRLEN];

    return (path->since_ms
            ? json_string(api_time_format(path->since_ms, text))
            : json_null());
}

/* The quicker of the two ends, of which one may have lost its bridge. */
static json_t *
round_trip(const struct path *path)
{
    uint32_t least_us = 0;

    for (int i = 0; path->state == PATH_UP && i < 2; i++) {
        uint32_t us = path->ends[i].beacon.rtt.srtt_us;

        if (us && (!least_us || us < least_us)) {
            least_us = us;
        }
    }
    return least_us ? json_integer(least_us) : json_null();
}

/* One side of it, or null. */
static json_t *
side(const struct engine *en, const struct path *path)
{
    json_t *object;

    if (!path) {
        return json_null();
    }
    object = json_object();
    json_object_set_new(object, "state",
                        json_string(path_state_text(path->state)));
    json_object_set_new(object, "since", since(path));
    json_object_set_new(object, "rtt_us", round_trip(path));
    json_object_set_new(object, "clients",
                        json_integer(path_count_clients(en, path)));
    return object;
}

static json_t *
pair(const struct engine *en, const struct path *path)
{
    json_t *object = json_object();
    json_t *routers = json_array();

    for (int i = 0; i < 2; i++) {
        json_array_append_new(routers, json_string(path->ends[i].router
                                                   ->config->name));
    }
    json_object_set_new(object, "segment",
                        json_string(path->segment->config->name));
    json_object_set_new(object, "routers", routers);
    json_object_set_new(object, "access", side(en, path));
    json_object_set_new(object, "core", side(en, path_across_core(en, path)));
    return object;
}

void
api_get_paths(struct api_call *call)
{
    json_t *json = json_object();
    json_t *array = json_array();
    size_t n;
    const struct path *paths = path_first(call->en, &n);

    for (size_t i = 0; i < n; i++) {
        if (!paths[i].core) {
            json_array_append_new(array, pair(call->en, &paths[i]));
        }
    }
    json_object_set_new(json, "paths", array);
    api_reply_json(call, 200, json);
}
