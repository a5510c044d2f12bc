/* What of two configurations is the same.  See config.h.  Pure. */
#include <config.h>

#include "controller/config/config.h"

/* Of a segment: timers, limits and priorities, which can be followed as it
 * runs. */
static const char *const followed[] = {
    "probe", "beacon", "election", "limits", "withdraw_after_ms", "age_s",
};

static json_t *
entry(const struct config *config, const char *section, const char *name)
{
    json_t *copy = json_deep_copy(json_object_get(
        json_object_get(config->json, section), name));

    return copy ? copy : json_object();
}

bool
config_is_same_router(const struct config *a, const struct config *b,
                      const char *name)
{
    json_t *was = entry(a, "routers", name), *is = entry(b, "routers", name);
    bool same;

    /* Of the connection, not of what it leads to; and a timer. */
    json_object_del(was, "connect");
    json_object_del(is, "connect");
    json_object_del(was, "common_name");
    json_object_del(is, "common_name");
    json_object_del(json_object_get(was, "uplink"), "watch");
    json_object_del(json_object_get(is, "uplink"), "watch");
    same = json_equal(was, is);
    json_decref(was);
    json_decref(is);
    return same;
}

static void
forget_followed(json_t *segment)
{
    const char *name;
    json_t *member;

    for (size_t i = 0; i < sizeof followed / sizeof followed[0]; i++) {
        json_object_del(segment, followed[i]);
    }
    json_object_foreach (json_object_get(segment, "routers"), name, member) {
        json_object_del(member, "priority");
        json_object_del(json_object_get(member, "uplink"), "watch");
    }
}

bool
config_is_same_segment(const struct config *a, const struct config *b,
                       const char *name, bool all)
{
    json_t *was = entry(a, "segments", name), *is = entry(b, "segments", name);
    bool same;

    if (!all) {
        forget_followed(was);
        forget_followed(is);
    }
    same = json_equal(was, is);
    json_decref(was);
    json_decref(is);
    return same;
}
