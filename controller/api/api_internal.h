/* What the api files share.  Private to them and their tests. */
#ifndef API_INTERNAL_H
#define API_INTERNAL_H 1

#include "controller/api/api.h"
#include "controller/api/api_json.h"
#include "controller/api/http.h"
#include "controller/base/turn.h"
#include "controller/base/worker.h"
#include "controller/engine/engine.h"

#define API_ETAG_STRLEN 24

struct api_events;

struct api {
    struct event_base *base;
    struct engine *en;
    struct api_host host;
    struct http_server *http;
    struct api_events *events;
    size_t n_walks;             /* Answers that look at all clients. */
    json_t *tagged;             /* The configuration whose tag is 'etag'. */
    char etag[API_ETAG_STRLEN];
};

struct api_text;

/* One request on its way through a handler. */
struct api_call {
    struct turn turn;           /* Where the route changes something. */
    struct api *api;
    struct engine *en;
    const struct http_request *request;
    const struct api_route *route;
    char *arg;                  /* The path's variable part, or NULL. */
    struct api_text *text;      /* What the worker reads or writes for it. */
    bool passed;                /* To the one that leads, if it was there; */
    bool answered;              /* and that has answered. */
    bool pending;               /* Not answered yet: 'resume' is called when
                                 * what it waits for is there. */
    void (*resume)(struct api_call *);
};

/* Must answer, once, or set 'pending'.  Then it is called once more from the
 * start, so what comes before that must be free of side effects. */
typedef void api_handler(struct api_call *);

/* Of several controllers a change is for the one that leads; so is what only
 * it knows; the rest each answers for itself. */
struct api_route {
    const char *method;
    const char *path;           /* One "{...}" at most: any one segment. */
    api_handler *handler;
    const char *queries;        /* Parameters, each ended by a space. */
    size_t max_body;            /* Bytes. */
};

/* Ends with a NULL method.  controller/api/openapi.json says the same. */
extern const struct api_route api_routes[];

/* controller/api/openapi.json and controller/api/page/, made by the build. */
extern const char api_openapi[], api_page_html[], api_page_css[],
                  api_page_js[], api_page_svg[];

/* api_reply.c */
/* Answers.  'json' is taken. */
void api_reply_json(struct api_call *, int status, json_t *json);
/* The same with further header fields, each ended by CRLF, or NULL. */
void api_reply_json_with(struct api_call *, int status, const char *fields,
                         json_t *json);
void api_reply_problem(struct api_call *, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with further members, taken. */
void api_reply_problem_with(struct api_call *, int status, json_t *members,
                            const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* All that is wrong with the body: 422, or 400 if that is no JSON.  Destroys
 * 'errors'. */
void api_reply_errors(struct api_call *, struct config_errors *errors);
/* The same with another status. */
void api_reply_errors_as(struct api_call *, int status,
                         struct config_errors *errors);
/* 404 or, with a header field that says what is allowed, 405. */
void api_reply_no_route(struct api_call *, int status, const char *fields,
                        const char *detail);
/* 409 for what engine.h's writers return, taken; or the call is pending. */
void api_reply_refusal(struct api_call *, char *reason);

const char *api_query(const struct api_call *, const char *name);
/* A number in a query: true and '*value' (unchanged if it is not there), or
 * false after an answer. */
bool api_query_number(struct api_call *, const char *name, uint64_t min,
                      uint64_t max, uint64_t *value);
/* Pages.  ?after= is a cursor, "10.0.0.10" or, where that client is not the
 * last one with its address, "10.0.0.10@metro".  '*start' is the position of
 * the first client behind it.  False after an answer. */
bool api_query_cursor(struct api_call *, size_t *start);
/* The cursor after which a page begins with the i-th client, i > 0; new. */
json_t *api_cursor_before(const struct clients *, size_t i);
/* ?dry_run=: false after an answer. */
bool api_query_dry_run(struct api_call *, bool *dry_run);
/* The body as JSON, new, or NULL after an answer. */
json_t *api_read_body(struct api_call *);
/* A body {"KEY": "a string"}: the string, new, or NULL after an answer. */
char *api_read_body_string(struct api_call *, const char *key);
/* The same or {}, with which '*value' is NULL.  False after an answer. */
bool api_read_body_optional(struct api_call *, const char *key, char **value);
/* The same where it may be any one of 'keys' (ended by NULL), '*keyp'. */
char *api_read_body_choice(struct api_call *, const char *const keys[],
                           const char **keyp);

/* api_text.c: large texts, which the worker reads and writes. */
struct api_text {
    struct api_call *call;
    json_t *root;               /* Read, or written; owned.  NULL: read the
                                 * body. */
    const char *body;           /* Borrowed. */
    size_t body_len;
    struct config *config;      /* Owned until somebody takes it. */
    struct config_errors errors, warnings;
    char *text;                 /* Written; owned. */
    size_t len;
    char etag[API_ETAG_STRLEN];         /* Of the configuration, or 'root'. */
    json_t *in_force;           /* What a configuration is compared with; */
    json_t *changes;            /* that leads from there to it.  Owned. */
    size_t n_changes;
    uint32_t version;           /* To be read as 'root', or 0. */
};

/* Checks the body, or 'root' (borrowed), as a configuration; writes 'json' as
 * a text.  Return it, or NULL if the call is pending. */
struct api_text *api_text_config(struct api_call *, json_t *root);
struct api_text *api_text_write(struct api_call *, json_t *json);
/* Reads one that was in force, as both.  'root' stays NULL if it cannot. */
struct api_text *api_text_version(struct api_call *, uint32_t version);
void api_text_destroy(struct api_call *);
/* The entity tag of 'json', "" for NULL. */
const char *api_etag(json_t *, char etag[API_ETAG_STRLEN]);

/* api_flows.c */
api_handler api_get_client_flows, api_get_client_trace;
/* api_clients.c */
/* The client that the path and ?segment= name, or NULL after an answer. */
struct client *api_find_client(struct api_call *);
api_handler api_get_clients, api_post_clients, api_get_client,
            api_put_client, api_delete_client, api_post_client_move,
            api_get_client_explain, api_get_usage, api_get_client_usage;
/* api_paths.c */
api_handler api_get_paths;
/* api_config.c */
api_handler api_get_config, api_put_config, api_get_config_part,
            api_put_config_part, api_patch_config_part,
            api_delete_config_part, api_get_config_versions,
            api_get_config_version, api_post_config_rollback;
/* api_cluster.c */
api_handler api_get_cluster, api_post_cluster_transfer;
/* Another controller leads, and answers in our place, or cannot: then true.
 * False: it is to be answered here. */
bool api_pass(struct api_call *);
/* api_page.c */
api_handler api_get_page, api_get_page_css, api_get_page_js,
            api_get_page_icon;
/* api_segments.c */
api_handler api_get_segments, api_post_segment_sweep;
/* api_exposure.c */
api_handler api_get_exposure;
/* api_events.c */
api_handler api_get_events;
struct api_events *api_events_create(struct api *);
void api_events_destroy(struct api_events *);

#endif /* controller/api/api_internal.h */
