/* What the control socket says, as JSON.  All of it leaves through here.
 *
 * Functions return new references. */
#ifndef API_JSON_H
#define API_JSON_H 1

#include <jansson.h>

#include "controller/api/api.h"
#include "controller/engine/engine.h"

#define API_TIME_STRLEN 32

/* "2026-11-23T04:00:00.123Z", of Unix time in ms. */
char *api_time_format(int64_t unix_ms, char buf[API_TIME_STRLEN]);

/* A string; what is not ASCII becomes '?' where 's' is not UTF-8. */
json_t *api_json_text(const char *s);

json_t *api_json_status(const struct engine *, const struct api_host *);
json_t *api_json_router(const struct engine *, const struct router *);
/* The same and, while it drains, which clients stay on it. */
json_t *api_json_router_details(const struct engine *,
                                const struct router *);
json_t *api_json_client(const struct engine *, const struct client *);
/* What it has sent and was sent. */
json_t *api_json_usage(const struct engine *, const struct client *);
/* {"address", "segment"} */
json_t *api_json_name(const struct client *);
/* Why no other router takes the client from 'router', for a person. */
const char *api_why_kept(const struct router *, const struct client *);
json_t *api_json_explain(const struct engine *, const struct client *);
json_t *api_json_event(const struct incident *);
/* [{"pointer", "detail"}], at most the first 1000. */
json_t *api_json_errors(const struct config_errors *);

/* How many clients there are, of each state. */
struct api_counts {
    size_t clients;
    size_t by_state[CLIENT_LOST + 1];
    size_t by_origin[CLIENT_N_ORIGINS];
};
void api_count_clients(const struct engine *, struct api_counts *);

/* The member's router, by name; NULL for ELECT_NONE. */
const char *api_member_name(const struct segment *, int member);

#endif /* controller/api/api_json.h */
