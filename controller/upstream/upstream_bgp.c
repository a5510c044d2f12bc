/* The core learns by BGP.  See upstream_bgp.h. */
#include <config.h>

#include "controller/upstream/upstream_bgp.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include <firsthop/buf.h>
#include <uthash.h>

#include "controller/base/log.h"

#define RETRY_MS     100        /* While nobody reads. */
#define WATCH_MS     1000
#define STUCK_TICKS  10         /* Of WATCH_MS without progress. */
#define CHUNKS_A_TURN 16        /* Of PIPE_BUF bytes: the loop has others. */
#define READS_A_TURN 16         /* Of 4,096 bytes: a pipe's 64 KiB. */
#define MAX_PEERS    16         /* More of them are not counted. */
#define LINE_LEN     160        /* No command is longer. */
#define HELLO        "hello"
#define BEGIN        "# firsthop begin\n"
#define END          "# firsthop end\n"

/* A longer write might be cut in the middle of a line (pipe(7)). */
#define CHUNK_LEN PIPE_BUF

struct bgp_route {
    UT_hash_handle hh;          /* By client. */
    TAILQ_ENTRY(bgp_route) link;    /* On 'dirty' or 'gone', if it waits. */
    struct fh_addr client;
    struct fh_addr next_hop;
    uint32_t local_preference;
    uint32_t med;               /* UINT32_MAX: none. */
    char community[12];         /* "65535:65535", or "". */
    bool waits;
    bool withdrawn;             /* Forgotten once that has been written. */
};

TAILQ_HEAD(bgp_queue, bgp_route);

struct bgp_peer {
    char name[48];              /* Its address, as ExaBGP writes it. */
    bool up;
};

struct upstream_bgp {
    struct upstream up;
    struct upstream_bgp_options options;
    char *api_in, *api_out;
    int in_fd, out_fd;          /* -1: not open. */
    struct event *hangup;       /* The reader of 'in_fd' is gone. */
    struct event *writable;
    struct event *answer;       /* 'out_fd' has something to read. */
    struct event *timer;        /* Opens, or watches. */
    struct event *settle;
    struct bgp_route *routes;   /* Those withdrawn too. */
    struct bgp_queue dirty, gone;
    size_t n_dirty, n_gone;
    bool begin_due, end_due;    /* The marks are still to be written. */
    bool resync;                /* A withdrawal was given up: all again. */
    bool settled, settling;
    bool stuck;
    int idle_ticks;
    struct bgp_peer peers[MAX_PEERS];   /* That the speaker told of. */
    size_t n_peers;
    char line[256];             /* What 'out_fd' said since a line feed. */
    size_t line_len;
    uint64_t syncs, errors;
};

static void arm_timer(struct upstream_bgp *);

static struct upstream_bgp *
bgp_cast(const struct upstream *u)
{
    return (struct upstream_bgp *) (void *) u;
}

static void
tell(struct upstream_bgp *b, bool up, const char *detail)
{
    if (b->options.event) {
        b->options.event(up, detail, b->options.aux);
    }
}

/* Routes. */

static void
unqueue(struct upstream_bgp *b, struct bgp_route *r)
{
    if (r->waits && r->withdrawn) {
        TAILQ_REMOVE(&b->gone, r, link);
        b->n_gone--;
    } else if (r->waits) {
        TAILQ_REMOVE(&b->dirty, r, link);
        b->n_dirty--;
    }
    r->waits = false;
}

static void
enqueue(struct upstream_bgp *b, struct bgp_route *r)
{
    if (r->waits) {
        return;
    }
    r->waits = true;
    if (r->withdrawn) {
        TAILQ_INSERT_TAIL(&b->gone, r, link);
        b->n_gone++;
    } else {
        TAILQ_INSERT_TAIL(&b->dirty, r, link);
        b->n_dirty++;
    }
}

static void
forget(struct upstream_bgp *b, struct bgp_route *r)
{
    unqueue(b, r);
    HASH_DEL(b->routes, r);
    free(r);
}

/* 'r', which is on a queue, has been written. */
static void
written(struct upstream_bgp *b, struct bgp_route *r)
{
    unqueue(b, r);
    if (r->withdrawn) {
        forget(b, r);
    }
}

static struct bgp_route *
find(const struct upstream_bgp *b, struct fh_addr client)
{
    struct bgp_route *r;

    HASH_FIND(hh, b->routes, &client, sizeof client, r);
    return r;
}

/* Everything, from the beginning. */
static void
start_sync(struct upstream_bgp *b)
{
    b->begin_due = b->end_due = true;
    b->resync = false;
    b->syncs++;
    for (struct bgp_route *r = b->routes; r; r = r->hh.next) {
        enqueue(b, r);
    }
}

/* Text. */

static size_t
format_route(const struct bgp_route *r, char line[LINE_LEN])
{
    char client[FH_ADDR_STRLEN], next_hop[FH_ADDR_STRLEN];
    char med[16] = "";
    int n;

    fh_addr_format(r->client, client);
    fh_addr_format(r->next_hop, next_hop);
    if (r->med != UINT32_MAX) {
        snprintf(med, sizeof med, "med %"PRIu32" ", r->med);
    }
    n = (r->withdrawn
         ? snprintf(line, LINE_LEN, "withdraw route %s/32 next-hop %s\n",
                    client, next_hop)
         : snprintf(line, LINE_LEN, "announce route %s/32 next-hop %s "
                    "%slocal-preference %u%s%s%s\n", client, next_hop, med,
                    r->local_preference, r->community[0]
                    ? " community [" : "", r->community,
                    r->community[0] ? "]" : ""));
    return n;
}

/* Which parts of the state a chunk holds. */
struct chunk {
    char data[CHUNK_LEN];
    size_t len;
    size_t n_dirty, n_gone;     /* From the heads of the queues. */
    bool begin, end;
};

static bool
chunk_put(struct chunk *chunk, const char *line, size_t len)
{
    if (len > sizeof chunk->data - chunk->len) {
        return false;
    }
    memcpy(chunk->data + chunk->len, line, len);
    chunk->len += len;
    return true;
}

/* Returns false if the chunk is full. */
static bool
chunk_put_queue(struct chunk *chunk, const struct bgp_queue *queue, size_t *n)
{
    const struct bgp_route *r;
    char line[LINE_LEN];

    TAILQ_FOREACH (r, queue, link) {
        if (!chunk_put(chunk, line, format_route(r, line))) {
            return false;
        }
        ++*n;
    }
    return true;
}

static void
chunk_fill(const struct upstream_bgp *b, struct chunk *chunk)
{
    static const char begin[] = BEGIN;
    static const char end[] = END;

    chunk->len = chunk->n_dirty = chunk->n_gone = 0;
    chunk->begin = b->begin_due && chunk_put(chunk, begin, sizeof begin - 1);
    chunk->end = (chunk_put_queue(chunk, &b->dirty, &chunk->n_dirty)
                  && chunk_put_queue(chunk, &b->gone, &chunk->n_gone)
                  && b->end_due && b->settled
                  && chunk_put(chunk, end, sizeof end - 1));
}

static void
chunk_done(struct upstream_bgp *b, const struct chunk *chunk)
{
    b->begin_due = b->begin_due && !chunk->begin;
    b->end_due = b->end_due && !chunk->end;
    for (size_t i = 0; i < chunk->n_dirty; i++) {
        written(b, TAILQ_FIRST(&b->dirty));
    }
    for (size_t i = 0; i < chunk->n_gone; i++) {
        written(b, TAILQ_FIRST(&b->gone));
    }
}

/* The pipes. */

static void
free_event(struct event **event)
{
    if (*event) {
        event_free(*event);
        *event = NULL;
    }
}

static void
close_in(struct upstream_bgp *b)
{
    free_event(&b->hangup);
    free_event(&b->writable);
    if (b->in_fd >= 0) {
        close(b->in_fd);
        b->in_fd = -1;
    }
}

static void
close_out(struct upstream_bgp *b)
{
    free_event(&b->answer);
    if (b->out_fd >= 0) {
        close(b->out_fd);
        b->out_fd = -1;
    }
}

/* The reader is gone.  What it had read is lost with it. */
static void
lose(struct upstream_bgp *b, const char *reason)
{
    char detail[96];

    close_in(b);
    b->stuck = false;
    b->n_peers = 0;
    snprintf(detail, sizeof detail, "the BGP speaker is gone: %s", reason);
    tell(b, false, detail);
    arm_timer(b);
}

static void
progress(struct upstream_bgp *b)
{
    b->idle_ticks = 0;
    if (b->stuck) {
        b->stuck = false;
        tell(b, true, "the BGP speaker reads again");
    }
}

static bool
has_more(const struct upstream_bgp *b)
{
    return (b->begin_due || b->n_dirty || b->n_gone || b->resync
            || (b->end_due && b->settled));
}

static void
kick(struct upstream_bgp *b)
{
    if (b->in_fd >= 0 && has_more(b)) {
        event_add(b->writable, NULL);
    }
}

static void
on_writable(evutil_socket_t fd, short what, void *b_)
{
    struct upstream_bgp *b = b_;
    struct chunk chunk;

    for (int i = 0; i < CHUNKS_A_TURN; i++) {
        if (b->resync && !b->n_dirty && !b->n_gone) {
            start_sync(b);
        }
        chunk_fill(b, &chunk);
        if (!chunk.len) {
            return;
        }
        if (write(fd, chunk.data, chunk.len) < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                lose(b, strerror(errno));
                return;
            }
            break;
        }
        chunk_done(b, &chunk);
        progress(b);
    }
    kick(b);
}

/* Nobody can write to us here: readable means that the reader has closed. */
static void
on_hangup(evutil_socket_t fd, short what, void *b_)
{
    lose(b_, "it has closed the pipe");
}

static int
open_pipe(const char *path, int flags)
{
    struct stat st;
    int fd;

    if (!mkfifo(path, 0660)) {
        chmod(path, 0660);      /* For the group, whatever the umask. */
    } else if (errno != EEXIST) {
        return -1;
    }
    fd = open(path, flags | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && (fstat(fd, &st) || !S_ISFIFO(st.st_mode))) {
        close(fd);
        errno = EINVAL;
        return -1;
    }
    return fd;
}

static void
complain(const char *path)
{
    static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(60000, 2);
    int error = errno;

    log_err_rl(&rl, "BGP speaker: %s: %s", path,
               error == EINVAL ? "not a named pipe"
               : error == ENXIO ? "nobody reads it: is ExaBGP running?"
               : strerror(error));
}

static void
reopen(struct upstream_bgp *b)
{
    close_in(b);
    b->in_fd = open_pipe(b->api_in, O_WRONLY);
    if (b->in_fd < 0) {
        complain(b->api_in);
        return;
    }
    b->hangup = event_new(b->options.base, b->in_fd, EV_READ, on_hangup, b);
    b->writable = event_new(b->options.base, b->in_fd, EV_WRITE, on_writable,
                            b);
    event_add(b->hangup, NULL);
    b->idle_ticks = 0;
    start_sync(b);
    kick(b);
}

/* What the speaker says. */

/* Notes the state of a peer.  Returns false if that is what it was: ExaBGP
 * says "down" again at each vain attempt. */
static bool
note_peer(struct upstream_bgp *b, const char *name, bool up)
{
    for (size_t i = 0; i < b->n_peers; i++) {
        if (!strcmp(b->peers[i].name, name)) {
            bool news = b->peers[i].up != up;

            b->peers[i].up = up;
            return news;
        }
    }
    if (b->n_peers < MAX_PEERS) {
        struct bgp_peer *peer = &b->peers[b->n_peers++];

        snprintf(peer->name, sizeof peer->name, "%s", name);
        peer->up = up;
    }
    return true;
}

static void
hear_peer(struct upstream_bgp *b, const char *line)
{
    char name[48], state[8], detail[96];
    bool up;

    if (sscanf(line, "peer %47s %7s", name, state) != 2) {
        return;
    }
    up = !strcmp(state, "up");
    if (note_peer(b, name, up)) {
        snprintf(detail, sizeof detail, "BGP peer %s %s", name,
                 up ? "up" : "down");
        tell(b, up, detail);
    }
}

static void
on_line(struct upstream_bgp *b, const char *line)
{
    static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(1000, 10);

    if (!strcmp(line, HELLO)) {
        b->n_peers = 0;         /* Those were of another speaker. */
    } else if (!strcmp(line, "error")) {
        b->errors++;
        log_warn_rl(&rl, "BGP speaker: it refuses a command: see its log");
    } else if (!strncmp(line, "peer ", 5)) {
        hear_peer(b, line);
    } else if (*line) {
        log_info_rl(&rl, "BGP speaker: %s", line);
    }
}

/* Takes what was said.  Returns true if somebody has started anew. */
static bool
hear(struct upstream_bgp *b, const char *data, size_t len)
{
    bool hello = false;

    for (size_t i = 0; i < len; i++) {
        if (data[i] != '\n') {
            if (b->line_len < sizeof b->line - 1) {
                b->line[b->line_len++] = data[i];
            }
            continue;
        }
        b->line[b->line_len] = '\0';
        b->line_len = 0;
        hello = hello || !strcmp(b->line, HELLO);
        on_line(b, b->line);
    }
    return hello;
}

/* Reads what a pipe holds, and no more: who writes without end must not keep
 * the loop from the others.  Returns true if somebody has started anew. */
static bool
read_answers(struct upstream_bgp *b)
{
    bool hello = false;
    char data[4096];

    for (int i = 0; i < READS_A_TURN; i++) {
        ssize_t n = read(b->out_fd, data, sizeof data);

        if (n > 0) {
            hello |= hear(b, data, n);
        }
        if (n < (ssize_t) sizeof data) {
            break;
        }
    }
    return hello;
}

/* A reader says hello before it opens 'api_in'.  One that says so while
 * somebody reads has replaced that, and what is in the pipe was not for it. */
static void
on_answer(evutil_socket_t fd, short what, void *b_)
{
    struct upstream_bgp *b = b_;

    if (read_answers(b) && b->in_fd >= 0) {
        lose(b, "it has been started anew");
    }
}

/* Open for writing too: no end of file when the speaker goes away. */
static void
open_out(struct upstream_bgp *b)
{
    b->out_fd = open_pipe(b->api_out, O_RDWR);
    if (b->out_fd < 0) {
        complain(b->api_out);
        return;
    }
    b->line_len = 0;
    b->answer = event_new(b->options.base, b->out_fd, EV_READ | EV_PERSIST,
                          on_answer, b);
    event_add(b->answer, NULL);
}

/* Timers. */

static void
watch(struct upstream_bgp *b)
{
    if (!b->n_dirty && !b->n_gone) {
        b->idle_ticks = 0;
    } else if (++b->idle_ticks == STUCK_TICKS) {
        b->stuck = true;
        tell(b, false, "the BGP speaker does not read");
    }
}

static void
on_timer(evutil_socket_t fd, short what, void *b_)
{
    struct upstream_bgp *b = b_;

    if (b->out_fd < 0) {
        open_out(b);
    }
    if (b->in_fd >= 0) {
        watch(b);
    } else if (b->out_fd >= 0) {
        reopen(b);
        if (b->in_fd >= 0) {
            read_answers(b);    /* Its hello, and what was for others. */
            tell(b, true, "the BGP speaker is there");
        }
    }
    arm_timer(b);
}

static void
arm_timer(struct upstream_bgp *b)
{
    int ms = b->in_fd >= 0 ? WATCH_MS : RETRY_MS;
    struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

    evtimer_add(b->timer, &tv);
}

static void
on_settled(evutil_socket_t fd, short what, void *b_)
{
    struct upstream_bgp *b = b_;

    b->settled = true;
    kick(b);
}

static void
start_settling(struct upstream_bgp *b, uint32_t settle_ms)
{
    struct timeval tv = { settle_ms / 1000, settle_ms % 1000 * 1000 };

    if (!b->settling) {
        b->settling = true;
        evtimer_add(b->settle, &tv);
    }
}

/* Verbs. */

static bool
bgp_announce(struct upstream *u, const struct fh_route *route,
             enum fh_route_how how)
{
    struct upstream_bgp *b = bgp_cast(u);
    struct bgp_route *r = find(b, route->client);
    struct bgp_route new = {
        .client = route->client,
        .next_hop = route->uplink.address,
        .local_preference = route->local_preference,
        .med = b->options.several ? UINT32_MAX - route->decision : UINT32_MAX,
    };

    snprintf(new.community, sizeof new.community, "%s",
             route->community ? route->community : "");
    if (!r) {
        r = fh_xmemdup(&new, sizeof new);
        HASH_ADD(hh, b->routes, client, sizeof r->client, r);
    } else if (!r->withdrawn
               && fh_addr_equal(r->next_hop, new.next_hop)
               && r->local_preference == new.local_preference
               && r->med == new.med
               && !strcmp(r->community, new.community)) {
        return true;
    } else {
        unqueue(b, r);
        r->next_hop = new.next_hop;
        r->local_preference = new.local_preference;
        r->med = new.med;
        memcpy(r->community, new.community, sizeof r->community);
        r->withdrawn = false;
    }
    enqueue(b, r);
    kick(b);
    return true;
}

static void
bgp_withdraw(struct upstream *u, const struct fh_route *route)
{
    struct upstream_bgp *b = bgp_cast(u);
    struct bgp_route *r = find(b, route->client);

    if (!r || r->withdrawn) {
        return;
    }
    unqueue(b, r);
    r->withdrawn = true;
    enqueue(b, r);
    if (b->n_gone > UPSTREAM_BGP_MAX_GONE) {
        forget(b, TAILQ_FIRST(&b->gone));
        b->resync = true;
    }
    kick(b);
}

static void
bgp_destroy(struct upstream *u)
{
    struct upstream_bgp *b = bgp_cast(u);

    while (b->routes) {
        forget(b, b->routes);
    }
    close_in(b);
    close_out(b);
    free_event(&b->timer);
    free_event(&b->settle);
    free(b->api_in);
    free(b->api_out);
    free(b);
}

static const struct upstream_ops bgp_ops = {
    .name = "bgp",
    .announce = bgp_announce,
    .withdraw = bgp_withdraw,
    .acknowledges = false,
    /* Speakers collect routes before they look at them (FRR for 60 ms), and
     * have others to tell. */
    .settle_ms = 1000,
    .destroy = bgp_destroy,
};

struct upstream *
upstream_bgp_create(const struct upstream_bgp_options *options)
{
    struct upstream_bgp *b = fh_xcalloc(1, sizeof *b);

    b->up.ops = &bgp_ops;
    b->options = *options;
    b->in_fd = b->out_fd = -1;
    TAILQ_INIT(&b->dirty);
    TAILQ_INIT(&b->gone);
    b->timer = evtimer_new(options->base, on_timer, b);
    b->settle = evtimer_new(options->base, on_settled, b);
    return &b->up;
}

static bool
same_text(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

/* There is to be no speaker any more: nobody would ever withdraw what this one
 * was told. */
static void
tell_nothing(struct upstream_bgp *b)
{
    static const char nothing[] = BEGIN END;

    if (b->in_fd >= 0
        && write(b->in_fd, nothing, sizeof nothing - 1) < 0) {
        log_warn("BGP speaker: it does not read, and keeps its routes: stop "
                 "it");
    }
}

void
upstream_bgp_configure(struct upstream *u, const char *api_in,
                       const char *api_out, uint32_t settle_ms)
{
    struct upstream_bgp *b = bgp_cast(u);

    if (same_text(b->api_in, api_in) && same_text(b->api_out, api_out)) {
        return;
    }
    if (!api_in) {
        tell_nothing(b);
    }
    close_in(b);
    close_out(b);
    b->n_peers = 0;
    free(b->api_in);
    free(b->api_out);
    b->api_in = api_in ? fh_xstrdup(api_in) : NULL;
    b->api_out = api_out ? fh_xstrdup(api_out) : NULL;
    evtimer_del(b->timer);
    if (api_in && api_out) {
        start_settling(b, settle_ms);
        on_timer(-1, 0, b);
    }
}

void
upstream_bgp_get_stats(const struct upstream *u,
                       struct fh_bgp_status *stats)
{
    const struct upstream_bgp *b = bgp_cast(u);

    *stats = (struct fh_bgp_status) {
        .up = b->in_fd >= 0,
        .stuck = b->stuck,
        .synced = b->in_fd >= 0 && !has_more(b) && !b->end_due,
        .n_routes = HASH_COUNT(b->routes) - b->n_gone,
        .n_dirty = b->n_dirty + b->n_gone,
        .syncs = b->syncs,
        .errors = b->errors,
        .n_peers = b->n_peers,
    };
    for (size_t i = 0; i < b->n_peers; i++) {
        stats->n_peers_up += b->peers[i].up;
    }
}
