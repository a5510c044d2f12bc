/* firsthopd: options, signals, logging, and the event loop. */
#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include <firsthop/buf.h>

#include "controller/api/api.h"
#include "controller/base/log.h"
#include "controller/base/turn.h"
#include "controller/base/worker.h"
#include "controller/bridge/ofserver.h"
#include "controller/config/config.h"
#include "controller/daemon/firsthop.h"
#include "controller/daemon/sdnotify.h"

#define DEFAULT_CONFIG    "/etc/firsthop/firsthop.json"
#define DEFAULT_SOCKET    "/run/firsthop/control.sock"
#define DEFAULT_STATE_DIR "/var/lib/firsthop"

struct options {
    const char *config;
    const char *socket;
    struct firsthop_options firsthop;
    bool check;
};

struct daemon;

/* SIGHUP. */
struct reload {
    struct turn turn;           /* First: it is cast back. */
    struct daemon *daemon;
    struct config *config;
    struct config_errors errors, warnings;
    bool busy;
    bool again;                 /* Another one has come meanwhile. */
};

struct daemon {
    struct options options;
    struct reload reload;
    struct event_base *base;
    struct firsthop *fh;
    struct api *api;
    struct sdnotify *notify;
};

static void start_reload(struct daemon *);

static void
usage(FILE *stream)
{
    fputs("Usage: firsthopd [OPTION]...\n"
          "Gives every client of an access network its own redundant "
          "first-hop router.\n\n"
          "  --config FILE      configuration (" DEFAULT_CONFIG ")\n"
          "  --socket PATH      control socket (" DEFAULT_SOCKET ")\n"
          "  --listen TARGET    listen for bridges on tcp:ADDR:PORT, "
          "ssl:ADDR:PORT\n"
          "                     or unix:PATH, "
          "in place of the configuration's; repeatable\n"
          "  --state-dir DIR    what outlives a restart ("
          DEFAULT_STATE_DIR ")\n"
          "  --check            check the configuration, then exit\n"
          "  --log-level LEVEL  err, warn, info (default) or dbg\n"
          "  --log-format FORMAT  text, json, journal or auto (default)\n"
          "  --version          print the version, then exit\n"
          "  --help             print this, then exit\n", stream);
}

static void
usage_error(const char *what, const char *arg)
{
    fprintf(stderr, "firsthopd: %s%s\nTry 'firsthopd --help'.\n", what, arg);
    exit(2);
}

static void
parse_options(int argc, char *argv[], struct options *o)
{
    enum { OPT_CONFIG = 256, OPT_SOCKET, OPT_LISTEN, OPT_STATE_DIR,
           OPT_CHECK, OPT_LOG_LEVEL, OPT_LOG_FORMAT, OPT_VERSION, OPT_HELP };
    static const struct option longs[] = {
        { "config", required_argument, NULL, OPT_CONFIG },
        { "socket", required_argument, NULL, OPT_SOCKET },
        { "listen", required_argument, NULL, OPT_LISTEN },
        { "state-dir", required_argument, NULL, OPT_STATE_DIR },
        { "check", no_argument, NULL, OPT_CHECK },
        { "log-level", required_argument, NULL, OPT_LOG_LEVEL },
        { "log-format", required_argument, NULL, OPT_LOG_FORMAT },
        { "version", no_argument, NULL, OPT_VERSION },
        { "help", no_argument, NULL, OPT_HELP },
        { NULL, 0, NULL, 0 },
    };
    struct firsthop_options *f = &o->firsthop;
    int opt;

    while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (opt) {
        case OPT_CONFIG:
            o->config = optarg;
            break;
        case OPT_SOCKET:
            o->socket = optarg;
            break;
        case OPT_LISTEN:
            if (ofserver_target_error(optarg)) {
                fprintf(stderr, "firsthopd: --listen %s: %s\n", optarg,
                        ofserver_target_error(optarg));
                exit(2);
            }
            f->listens = fh_xrealloc(f->listens, ((f->n_listens + 1)
                                     * sizeof *f->listens));
            f->listens[f->n_listens++] = optarg;
            break;
        case OPT_STATE_DIR:
            f->state_dir = optarg;
            break;
        case OPT_CHECK:
            o->check = true;
            break;
        case OPT_LOG_LEVEL:
            if (!log_set_level_by_name(optarg)) {
                usage_error("no such log level: ", optarg);
            }
            break;
        case OPT_LOG_FORMAT:
            if (log_set_format_by_name(optarg)) {
                usage_error("no such log format, or no journald: ", optarg);
            }
            break;
        case OPT_VERSION:
            puts("firsthopd " PACKAGE_VERSION);
            exit(0);
        case OPT_HELP:
            usage(stdout);
            exit(0);
        default:
            /* getopt_long() has said what is wrong. */
            fputs("Try 'firsthopd --help'.\n", stderr);
            exit(2);
        }
    }
    if (optind < argc) {
        usage_error("no arguments are expected: ", argv[optind]);
    }
}

/* FILE: /json/pointer: what is wrong, in the log. */
static void
log_errors(enum log_level level, const char *path,
           const struct config_errors *errors)
{
    for (size_t i = 0; i < errors->n; i++) {
        const struct config_error *e = &errors->items[i];

        log_at(level, NULL, "%s: %s: %s", path,
               e->pointer[0] ? e->pointer : "/", e->text);
    }
    if (errors->n_dropped) {
        log_at(level, NULL, "%s: and %zu more", path, errors->n_dropped);
    }
}

/* FILE: /json/pointer: what is wrong.  The whole has the pointer "". */
static void
print_errors(const char *path, const struct config_errors *errors,
             const char *kind)
{
    for (size_t i = 0; i < errors->n; i++) {
        const struct config_error *e = &errors->items[i];

        fprintf(stderr, "%s: %s: %s%s\n", path,
                e->pointer[0] ? e->pointer : "/", kind, e->text);
    }
    if (errors->n_dropped) {
        fprintf(stderr, "%s: and %zu more\n", path, errors->n_dropped);
    }
}

/* Says on stderr what is wrong. */
static struct config *
load(const char *path)
{
    struct config_errors errors = { .n = 0 }, warnings = { .n = 0 };
    struct config *config = config_load_file(path, &errors, &warnings);

    print_errors(path, &warnings, "warning: ");
    print_errors(path, &errors, "");
    config_errors_destroy(&errors);
    config_errors_destroy(&warnings);
    return config;
}

static void
on_terminate(evutil_socket_t sig, short what, void *daemon_)
{
    struct daemon *d = daemon_;

    log_info("leaving on signal %d; the bridges go on forwarding",
             (int) sig);
    sdnotify_stopping(d->notify);
    event_base_loopbreak(d->base);
}

/* A reload: the worker reads the file, then the configuration takes its turn
 * among the changes of operators. */

static void
read_file(void *daemon_)
{
    struct daemon *d = daemon_;
    struct reload *r = &d->reload;

    r->config = config_load_file(d->options.config, &r->errors,
                                 &r->warnings);
}

static void
end_reload(struct daemon *d)
{
    struct reload *r = &d->reload;

    config_destroy(r->config);
    config_errors_destroy(&r->errors);
    config_errors_destroy(&r->warnings);
    r->config = NULL;
    r->busy = false;
    sdnotify_ready(d->notify);
    if (r->again) {
        r->again = false;
        start_reload(d);
    }
}

static void
apply_reload(struct turn *turn)
{
    struct reload *r = (struct reload *) turn;
    struct daemon *d = r->daemon;
    char *error;

    firsthop_wake(d->fh);
    error = engine_apply(firsthop_engine(d->fh), r->config,
                         firsthop_shares_config(d->fh));
    if (error == ENGINE_PENDING) {
        return;
    }
    turn_end(firsthop_turns(d->fh), turn);
    if (error) {
        log_err("%s: %s", d->options.config, error);
        free(error);
        firsthop_reread_certificates(d->fh);    /* All the same. */
    } else {
        r->config = NULL;       /* Taken. */
    }
    end_reload(d);
}

static void
take_file(void *daemon_)
{
    struct daemon *d = daemon_;
    struct reload *r = &d->reload;

    log_errors(LOG_LVL_WARN, d->options.config, &r->warnings);
    log_errors(LOG_LVL_ERR, d->options.config, &r->errors);
    if (r->config && engine_is_quiet(firsthop_engine(d->fh))) {
        log_err("%s: nothing was changed: another controller leads, whose "
                "file is read for all", d->options.config);
        firsthop_reread_certificates(d->fh);
        end_reload(d);
    } else if (r->config) {
        turn_begin(firsthop_turns(d->fh), &r->turn);
    } else {
        log_err("%s is not valid: nothing was changed", d->options.config);
        end_reload(d);
    }
}

static void
start_reload(struct daemon *d)
{
    struct reload *r = &d->reload;

    if (r->busy) {
        r->again = true;        /* The file may be another by now. */
        return;
    }
    r->busy = true;
    r->daemon = d;
    r->turn.run = apply_reload;
    sdnotify_reloading(d->notify);
    if (worker_run(firsthop_parser(d->fh), read_file, take_file, d)) {
        take_file(d);
    }
}

static void
on_reload(evutil_socket_t sig, short what, void *daemon_)
{
    start_reload(daemon_);
}

static void
on_watchdog(evutil_socket_t fd, short what, void *daemon_)
{
    struct daemon *d = daemon_;

    sdnotify_alive(d->notify);
}

struct signals {
    struct event *term, *intr, *hup, *watchdog;
};

static void
add_signals(struct daemon *d, struct signals *s)
{
    uint64_t usec = sdnotify_watchdog_usec(d->notify) / 2;
    struct timeval tv = { usec / 1000000, usec % 1000000 };

    signal(SIGPIPE, SIG_IGN);
    s->term = evsignal_new(d->base, SIGTERM, on_terminate, d);
    s->intr = evsignal_new(d->base, SIGINT, on_terminate, d);
    s->hup = evsignal_new(d->base, SIGHUP, on_reload, d);
    s->watchdog = event_new(d->base, -1, EV_PERSIST, on_watchdog, d);
    evsignal_add(s->term, NULL);
    evsignal_add(s->intr, NULL);
    evsignal_add(s->hup, NULL);
    if (usec) {
        evtimer_add(s->watchdog, &tv);
    }
}

static void
free_signals(struct signals *s)
{
    event_free(s->term);
    event_free(s->intr);
    event_free(s->hup);
    event_free(s->watchdog);
}

/* Returns NULL and '*errp', new, if the control socket cannot be had. */
static struct api *
create_api(struct daemon *d, char **errp)
{
    const struct api_host host = firsthop_api_host(d->fh);
    char *error = NULL;
    struct api *api = api_create(d->base, firsthop_engine(d->fh), &host,
                                 d->options.socket, &error);

    if (!api) {
        *errp = fh_xasprintf("control socket %s", error);
        free(error);
    }
    return api;
}

static int
run(struct daemon *d, struct config *config)
{
    struct signals signals;
    char *error = NULL;
    int ignored;

    d->base = event_base_new();
    d->notify = sdnotify_create(&ignored);
    d->fh = firsthop_create(d->base, config, &d->options.firsthop, &error);
    if (d->fh) {
        d->api = create_api(d, &error);
    }
    if (d->api) {
        firsthop_set_serve(d->fh, api_serve, d->api);
        add_signals(d, &signals);
        log_info("firsthopd " PACKAGE_VERSION " is ready, control socket %s",
                 d->options.socket);
        sdnotify_ready(d->notify);
        event_base_dispatch(d->base);
        firsthop_finish(d->fh);
        event_base_loop(d->base, EVLOOP_NONBLOCK);      /* Last answers. */
        free_signals(&signals);
    } else {
        log_err("cannot start: %s", error);
    }
    free(error);
    api_destroy(d->api);
    firsthop_destroy(d->fh);
    sdnotify_destroy(d->notify);
    event_base_free(d->base);
    return d->api ? 0 : 1;
}

/* The libraries run out of memory where we do: in one place, which says so.
 * What is freed is merged at once: glibc would otherwise do so for all that a
 * configuration of 100,000 clients was, within one malloc() of the loop. */
static void
share_allocators(void)
{
#ifdef M_MXFAST
    mallopt(M_MXFAST, 0);
#endif
    json_set_alloc_funcs(fh_xmalloc, free);
    event_set_mem_functions(fh_xmalloc, fh_xrealloc, free);
}

int
main(int argc, char *argv[])
{
    struct daemon d = {
        .options = { .config = DEFAULT_CONFIG, .socket = DEFAULT_SOCKET,
                     .firsthop.state_dir = DEFAULT_STATE_DIR,
                     .firsthop.threads = true },
    };
    struct config *config;
    int status = 0;

    share_allocators();
    parse_options(argc, argv, &d.options);
    config = load(d.options.config);
    if (!config) {
        status = 1;
    } else if (d.options.check) {
        config_destroy(config);
    } else {
        log_start();
        status = run(&d, config);
        log_stop();
    }
    free(d.options.firsthop.listens);
    libevent_global_shutdown();
    return status;
}
