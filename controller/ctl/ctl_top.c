/* firsthopctl top: a live screen of routers, clients, probe loss and moves.
 *
 * Called by ctl.c.  Plain escape sequences (ECMA-48), which every terminal of
 * the last decades knows.  Asks the daemon once a second, with four requests
 * whatever the number of clients.  Where there is no terminal it prints one
 * screen and ends. */
#include <config.h>

#include "controller/ctl/ctl.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <firsthop/buf.h>

#include "controller/ctl/ctl_table.h"

#define REFRESH_MS      1000
#define MAX_EVENTS      64      /* Lines remembered. */
#define MAX_ROUTERS     256     /* Shown with rates. */
#define DEFAULT_ROWS    24
#define DEFAULT_COLUMNS 80

#define ENTER "\033[?1049h\033[?25l"    /* Other screen, no cursor. */
#define LEAVE "\033[?25h\033[?1049l"
#define HOME  "\033[H"
#define CLEAR_LINE "\033[K"
#define CLEAR_REST "\033[J"

/* A router's counters as of the last screen. */
struct rates {
    char name[72];
    double sent, missed;
};

struct top {
    const struct ctl *ctl;
    struct rates rates[MAX_ROUTERS];
    size_t n_rates;
    int64_t rates_ms;           /* When they were read; 0: never. */
    char *events[MAX_EVENTS];   /* The newest last. */
    size_t n_events;
    int64_t last_seq;
};

static volatile sig_atomic_t interrupted;

static void
interrupt(int signal_)
{
    interrupted = 1;
}

static int64_t
now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

/* The value of 'name{router="ROUTER"}' in metrics' text; -1 if it is not
 * there. */
static double
metric(const char *text, const char *name, const char *router)
{
    char *line = fh_xasprintf("\n%s{router=\"%s\"} ", name, router);
    const char *at = strstr(text, line);
    double value = at ? strtod(at + strlen(line), NULL) : -1;

    free(line);
    return value;
}

static struct rates *
find_rates(struct top *top, const char *router)
{
    for (size_t i = 0; i < top->n_rates; i++) {
        if (!strcmp(top->rates[i].name, router)) {
            return &top->rates[i];
        }
    }
    if (top->n_rates == MAX_ROUTERS) {
        return NULL;
    }
    struct rates *rates = &top->rates[top->n_rates++];
    snprintf(rates->name, sizeof rates->name, "%s", router);
    rates->sent = rates->missed = -1;
    return rates;
}

/* Probes per second, and the part of them that was missed. */
static void
add_rates(struct top *top, struct ctl_table *table, const char *router,
          const char *metrics, int64_t interval_ms)
{
    double sent = metric(metrics, "firsthop_probes_sent_total", router);
    double missed = metric(metrics, "firsthop_probes_missed_total", router);
    struct rates *old = find_rates(top, router);
    double n = old && old->sent >= 0 ? sent - old->sent : -1;
    double lost = old && old->missed >= 0 && missed >= 0 ? missed
                                                           - old->missed
                                                         : -1;

    if (n < 0 || interval_ms <= 0) {
        ctl_table_add(table, "-");
        ctl_table_add(table, "-");
    } else {
        ctl_table_addf(table, "%.0f", n * 1000 / interval_ms);
        if (lost < 0) {
            ctl_table_add(table, "-");
        } else {
            ctl_table_addf(table, "%.1f%%", n > 0 ? 100 * lost / n : 0);
        }
    }
    if (old) {
        old->sent = sent;
        old->missed = missed;
    }
}

static void
print_routers(struct top *top, json_t *json, const char *metrics,
              const char *end, FILE *out)
{
    struct ctl_table *table = ctl_table_create(
        "ROUTER BRIDGE ADMIN ACTIVE> REACHABLE> PROBES/S> LOSS>");
    int64_t now = now_ms();
    json_t *router;
    size_t i;

    json_array_foreach (json_object_get(json, "routers"), i, router) {
        ctl_table_add(table, ctl_string(router, "name"));
        ctl_table_add(table, !ctl_is_true(router, "connected") ? "away"
                      : ctl_is_true(router, "ready") ? "ready"
                                                     : "connected");
        ctl_table_add(table, ctl_string(router, "admin"));
        ctl_table_addf(table, "%" PRId64, ctl_integer(router,
                                                      "clients_active"));
        ctl_table_addf(table, "%" PRId64, ctl_integer(router,
                                                      "clients_reachable"));
        add_rates(top, table, ctl_string(router, "name"), metrics,
                  top->rates_ms ? now - top->rates_ms : 0);
    }
    top->rates_ms = now;
    ctl_table_print(table, out, end);
}

/* "moves: first 3, unreachable 1", of the causes that there were. */
static void
print_moves(const char *metrics, const char *end, FILE *out)
{
    static const char prefix[] = "\nfirsthop_client_moves_total{cause=\"";
    bool any = false;

    fputs("moves  ", out);
    for (const char *p = metrics; (p = strstr(p, prefix)) != NULL;) {
        int len;
        double n;

        p += strlen(prefix);
        len = strcspn(p, "\"");
        n = p[len] ? strtod(p + len + 2, NULL) : 0;
        if (n > 0) {
            fprintf(out, "%s%.*s %.0f", any ? ", " : "", len, p, n);
            any = true;
        }
    }
    fprintf(out, "%s%s", any ? "" : "none", end);
}

static void
print_counts(json_t *status, const char *end, FILE *out)
{
    json_t *counts = json_object_get(status, "counts");
    char uptime[32];

    fprintf(out, "firsthopd %s  %s  up %s%s",
            ctl_string(status, "version"), ctl_string(status, "role"),
            ctl_duration(ctl_integer(status, "uptime_s"), uptime,
                         sizeof uptime), end);
    fprintf(out, "clients  %" PRId64 ": %" PRId64 " active, %" PRId64
            " lost, %" PRId64 " pending%s", ctl_integer(counts, "clients"),
            ctl_integer(counts, "clients_active"),
            ctl_integer(counts, "clients_lost"),
            ctl_integer(counts, "clients_pending"), end);
}

static void
remember_event(struct top *top, json_t *event)
{
    if (top->n_events == MAX_EVENTS) {
        free(top->events[0]);
        memmove(top->events, top->events + 1,
                (MAX_EVENTS - 1) * sizeof *top->events);
        top->n_events--;
    }
    top->events[top->n_events++] = ctl_event_line(event);
    top->last_seq = ctl_integer(event, "seq");
}

/* Reads the newest events; 'newest' is the daemon's last number. */
static int
read_events(struct top *top, int64_t newest)
{
    struct ctl_reply reply;
    json_t *event;
    char *path;
    int status;
    size_t i;

    if (newest < top->last_seq) {       /* Another daemon. */
        top->last_seq = 0;
    }
    if (newest - top->last_seq > MAX_EVENTS) {
        top->last_seq = newest - MAX_EVENTS;
    }
    path = fh_xasprintf("/v1/events?since=%" PRId64, top->last_seq);
    status = ctl_try(top->ctl, "GET", path, NULL, &reply);
    free(path);
    json_array_foreach (json_object_get(reply.json, "events"), i, event) {
        remember_event(top, event);
    }
    ctl_reply_destroy(&reply);
    return status;
}

static void
print_events(const struct top *top, size_t n_rows, const char *end,
             FILE *out)
{
    size_t n = top->n_events < n_rows ? top->n_events : n_rows;

    for (size_t i = top->n_events - n; i < top->n_events; i++) {
        fprintf(out, "%s%s", top->events[i], end);
    }
}

/* Draws into 'out': what the daemon says, in 'n_rows' lines. */
static int
draw(struct top *top, size_t n_rows, const char *end, FILE *out)
{
    struct ctl_reply status = { .json = NULL }, routers = { .json = NULL },
                     metrics = { .json = NULL };
    int result = ctl_try(top->ctl, "GET", "/v1/status", NULL, &status);
    size_t n_used;

    if (result == CTL_DONE) {
        result = ctl_try(top->ctl, "GET", "/v1/routers", NULL, &routers);
    }
    if (result == CTL_DONE) {
        result = ctl_try(top->ctl, "GET", "/metrics", NULL, &metrics);
    }
    if (result == CTL_DONE) {
        result = read_events(top, ctl_integer(json_object_get(status.json,
                                                              "counts"),
                                              "last_event"));
    }
    if (result == CTL_DONE) {
        print_counts(status.json, end, out);
        print_moves(metrics.text, end, out);
        fputs(end, out);
        print_routers(top, routers.json, metrics.text, end, out);
        fputs(end, out);
        n_used = 6 + json_array_size(json_object_get(routers.json,
                                                     "routers"));
        print_events(top, n_rows > n_used ? n_rows - n_used : 0, end, out);
    }
    ctl_reply_destroy(&status);
    ctl_reply_destroy(&routers);
    ctl_reply_destroy(&metrics);
    return result;
}

/* Writes 'text' cut to the screen: no more rows and columns than there are.
 * Our lines are ASCII. */
static void
write_screen(const char *text, const struct winsize *ws)
{
    int n_rows = 0;

    fputs(HOME, stdout);
    for (; *text && n_rows < ws->ws_row - 1; n_rows++) {
        int len = strcspn(text, "\n");

        printf("%.*s" CLEAR_LINE "\r\n", len < ws->ws_col ? len : ws->ws_col,
               text);
        text += len + (text[len] == '\n');
    }
    fputs(CLEAR_REST, stdout);
    fflush(stdout);
}

static struct winsize
screen_size(void)
{
    struct winsize ws;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) || !ws.ws_row || !ws.ws_col) {
        ws.ws_row = DEFAULT_ROWS;
        ws.ws_col = DEFAULT_COLUMNS;
    }
    return ws;
}

static void
refresh(struct top *top)
{
    struct winsize ws = screen_size();
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    int status;

    if (!out) {
        abort();                /* No memory. */
    }
    status = draw(top, ws.ws_row - 1, "\n", out);
    if (status != CTL_DONE) {
        fprintf(out, "the daemon is not reachable: %s\nq leaves\n",
                top->ctl->socket);
    }
    fclose(out);
    write_screen(text, &ws);
    free(text);
}

/* Waits for the next refresh.  Returns false when it is time to leave. */
static bool
wait_for_key(int64_t until_ms)
{
    struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };

    for (int64_t left; (left = until_ms - now_ms()) > 0 && !interrupted;) {
        char c;

        if (poll(&pfd, 1, left) > 0
            && (read(STDIN_FILENO, &c, 1) <= 0 || c == 'q' || c == 'Q')) {
            return false;
        }
    }
    return !interrupted;
}

static void
run_screen(struct top *top, const struct termios *old)
{
    struct termios raw = *old;
    struct sigaction action = { .sa_handler = interrupt };

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    raw.c_lflag &= ~(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    fputs(ENTER, stdout);
    do {
        refresh(top);
    } while (wait_for_key(now_ms() + REFRESH_MS));
    fputs(LEAVE, stdout);
    fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSANOW, old);
}

int
ctl_top(const struct ctl *ctl)
{
    struct top *top = fh_xcalloc(1, sizeof *top);
    struct termios old;
    int status;

    top->ctl = ctl;
    /* Says what is wrong, in words, before the screen is taken over. */
    status = ctl_request(ctl, "GET", "/v1/status", NULL, NULL);
    if (status == CTL_DONE) {
        if (isatty(STDOUT_FILENO) && !tcgetattr(STDIN_FILENO, &old)) {
            run_screen(top, &old);
        } else {
            status = draw(top, DEFAULT_ROWS, "\n", stdout);
        }
    }
    for (size_t i = 0; i < top->n_events; i++) {
        free(top->events[i]);
    }
    free(top);
    return status;
}
