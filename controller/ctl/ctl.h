/* firsthopctl: a client of the control socket, and nothing else.
 *
 * Private to ctl*.c. */
#ifndef CTL_H
#define CTL_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/* Exit statuses, which commands return. */
enum {
    CTL_DONE = 0,
    CTL_REFUSED = 1,            /* The reason is on stderr. */
    CTL_USAGE = 2,
    CTL_UNREACHABLE = 3,        /* No daemon. */
};

struct ctl;

/* A request, and what comes of it. */
struct ctl_transfer {
    const char *method, *path;
    const char *body;           /* JSON, or NULL. */
    bool is_stream;             /* Of events, without a timeout, ... */
    const char *last_id;        /* ...from behind that one on, or NULL. */
    /* Takes a piece of the answer; 'status' is known by then.  Returns 'len',
     * or less to end the transfer. */
    size_t (*take)(struct ctl_transfer *, const char *data, size_t len);
    void *aux;                  /* For 'take'. */
    long status;                /* Of HTTP, 0 until there is one. */
    char why[256];              /* What was wrong, if it has failed. */
};

/* Returns true if all of the answer, whatever its status, has been taken. */
typedef bool ctl_transport(const struct ctl *, struct ctl_transfer *);

/* What the command line says. */
struct ctl {
    ctl_transport *transport;   /* How the daemon is asked. */
    const char *socket;
    const char *command;        /* For messages. */
    char **args;                /* Behind the command. */
    int n_args;
    bool json;                  /* Answers as they come. */
    bool follow;
    bool dry_run;
    const char *segment;        /* Or NULL. */
    const char *state;          /* Or NULL. */
    const char *active;         /* Or NULL. */
    const char *since;          /* Or NULL. */
    const char *client;         /* Or NULL. */
    const char *router;         /* Or NULL. */
    const char *type;           /* Or NULL. */
    const char *cause;          /* Or NULL. */
};

struct ctl_table;

typedef int ctl_command(const struct ctl *);

/* ctl_answer.c */
/* The i-th argument, or NULL. */
const char *ctl_arg(const struct ctl *, int i);
void ctl_error(const struct ctl *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Reading answers: what is missing or null is "", "-", 0 or false. */
const char *ctl_string(json_t *, const char *key);
const char *ctl_or_dash(json_t *, const char *key);
int64_t ctl_integer(json_t *, const char *key);
bool ctl_is_true(json_t *, const char *key);
/* "100.200", or "-" for no tags.  Static.  */
const char *ctl_vlan(json_t *vlan, char *buf, size_t size);
/* The next cell: a number of an answer, or "-". */
void ctl_add_number(struct ctl_table *, json_t *, const char *key);
/* "3d 04:05:06". */
char *ctl_duration(int64_t seconds, char *buf, size_t size);

/* ctl_curl.c */
ctl_transport ctl_curl;

/* ctl_http.c */

/* An answer.  'text' is null-terminated. */
struct ctl_reply {
    json_t *json;               /* NULL: it was none. */
    char *text;
    long status;
};

/* Asks.  'body' may be NULL.  Returns CTL_DONE and '*reply', to be destroyed,
 * or another exit status after a message.  If 'reply' is NULL the answer is
 * dropped. */
int ctl_request(const struct ctl *, const char *method, const char *path,
                const char *body, struct ctl_reply *reply);
/* The same without messages; what is wrong is in '*reply', which is to be
 * destroyed in any case: a problem, or for CTL_UNREACHABLE a text. */
int ctl_try(const struct ctl *, const char *method, const char *path,
            const char *body, struct ctl_reply *reply);
void ctl_reply_destroy(struct ctl_reply *);
/* GET.  With --json it prints the answer, else gives it to 'show'. */
int ctl_get(const struct ctl *, const char *path,
            void (*show)(const struct ctl *, json_t *));
/* The same with a body: {"KEY": VALUE}, or {} if that is NULL. */
int ctl_send_string(const struct ctl *, const char *method, const char *path,
                    const char *key, const char *value,
                    void (*show)(const struct ctl *, json_t *));

/* Follows a stream of server-sent events until 'stop' (may be NULL) is set,
 * and calls 'event' for each.  '*last_id' is where to go on, "" for now.
 * Returns when the stream ends: CTL_DONE if it ever began, else CTL_REFUSED
 * after a message, or CTL_UNREACHABLE without one. */
int ctl_stream(const struct ctl *, const char *path, char *last_id,
               size_t last_id_size,
               void (*event)(const char *data, void *aux), void *aux);

/* The path of the router that the first argument names.  Returns new, or NULL
 * after a message if that is no name. */
char *ctl_router_path(const struct ctl *);

/* "/v1/clients/" and the like with 'name' escaped, 'rest', and ?segment= if
 * there is one.  Returns new. */
char *ctl_path(const struct ctl *, const char *prefix, const char *name,
               const char *rest);

/* Appends "&KEY=VALUE", or "?KEY=VALUE", escaped, to 'path' (taken) unless
 * 'value' is NULL.  Returns new. */
char *ctl_add_query(char *path, const char *key, const char *value);

/* ctl_show.c */
ctl_command ctl_status, ctl_routers, ctl_paths, ctl_clients, ctl_explain;
/* "A:up B:down".  Returns new. */
char *ctl_reach(json_t *reach);
/* Appends to 'clients' what all pages of 'resource', "/v1/clients" or the
 * like, list of those that the options choose.  Returns an exit status. */
int ctl_read_clients(const struct ctl *, const char *resource,
                     json_t *clients);
/* Those as one page, for --json. */
void ctl_print_clients(json_t *clients);
/* ctl_exposure.c */
ctl_command ctl_exposure;
/* The same of the router that the first argument names, before a drain. */
int ctl_dry_drain(const struct ctl *);
/* ctl_cluster.c */
ctl_command ctl_cluster;
/* ctl_change.c */
ctl_command ctl_move, ctl_drain, ctl_undrain, ctl_uplink, ctl_sweep;
/* ctl_config.c */
ctl_command ctl_config;
/* ctl_events.c */
ctl_command ctl_events, ctl_history;
/* One event as a line without its end.  Returns new. */
char *ctl_event_line(json_t *event);
/* ctl_flows.c */
ctl_command ctl_flows, ctl_trace;
/* ctl_page.c */
ctl_command ctl_page;
/* ctl_report.c */
ctl_command ctl_report;
/* ctl_top.c */
ctl_command ctl_top;
/* ctl_usage.c */
ctl_command ctl_usage;

#endif /* controller/ctl/ctl.h */
