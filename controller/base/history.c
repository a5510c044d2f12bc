/* What has happened to one client.  See history.h.
 *
 * Events are a few hundred bytes, mostly room for names; here the texts of one
 * are as long as they are: "FROM\0TO\0DETAIL\0". */
#include <config.h>

#include "controller/base/history.h"

#include <stdio.h>
#include <stdlib.h>

#include <firsthop/buf.h>

#define SHORT_TEXTS 16          /* Two routers' names, mostly. */

struct change {
    uint64_t seq;
    int64_t time_ms;
    int32_t detect_ms, install_ms, ack_ms;
    uint8_t type, cause;
    bool is_short;              /* The texts are in 'here'. */
    union {
        char *texts;            /* Owned. */
        char here[SHORT_TEXTS];
    };
};

struct history {
    uint8_t n, cap;
    struct change changes[];    /* Oldest first. */
};

static bool
is_change(enum incident_type type)
{
    switch (type) {
    case INCIDENT_CLIENT_ELECTED:
    case INCIDENT_CLIENT_MOVED:
    case INCIDENT_CLIENT_LOST:
    case INCIDENT_CLIENT_FOUND:
    case INCIDENT_CLIENT_WITHDRAWN:
    case INCIDENT_CLIENT_FOLLOWED:
    case INCIDENT_CLIENT_STATIC:
        return true;
    default:                    /* Others' attempts, and others' events. */
        return false;
    }
}

static void
pack_texts(struct change *change, const struct incident *e)
{
    size_t len[] = { strlen(e->from), strlen(e->to), strlen(e->detail) };
    size_t all = len[0] + len[1] + len[2] + 3;
    char *p = change->here;

    change->is_short = all <= SHORT_TEXTS;
    if (!change->is_short) {
        p = change->texts = fh_xmalloc(all);
    }
    p = (char *) memcpy(p, e->from, len[0] + 1) + len[0] + 1;
    p = (char *) memcpy(p, e->to, len[1] + 1) + len[1] + 1;
    memcpy(p, e->detail, len[2] + 1);
}

static void
unpack_texts(const struct change *change, struct incident *e)
{
    const char *p = change->is_short ? change->here : change->texts;

    snprintf(e->from, sizeof e->from, "%s", p);
    p += strlen(p) + 1;
    snprintf(e->to, sizeof e->to, "%s", p);
    p += strlen(p) + 1;
    snprintf(e->detail, sizeof e->detail, "%s", p);
}

static void
free_texts(struct change *change)
{
    if (!change->is_short) {
        free(change->texts);
    }
}

/* Room for one more: the oldest's, or new. */
static struct history *
make_room(struct history *h)
{
    size_t n = h ? h->n : 0, cap = h ? h->cap : 0;

    if (n == HISTORY_KEPT) {
        free_texts(&h->changes[0]);
        memmove(&h->changes[0], &h->changes[1],
                (n - 1) * sizeof h->changes[0]);
        h->n--;
        return h;
    }
    if (n == cap) {
        cap = cap ? 2 * cap : 1;
        h = fh_xrealloc(h, sizeof *h + cap * sizeof h->changes[0]);
        h->n = n;
        h->cap = cap;
    }
    return h;
}

void
history_add(struct history **history, const struct incident *e)
{
    struct history *h;

    if (!is_change(e->type)) {
        return;
    }
    h = *history = make_room(*history);
    h->changes[h->n] = (struct change) {
        e->seq, e->time_ms, e->detect_ms, e->install_ms, e->ack_ms, e->type,
        e->cause,
    };
    pack_texts(&h->changes[h->n++], e);
}

void
history_destroy(struct history *h)
{
    for (size_t i = 0; h && i < h->n; i++) {
        free_texts(&h->changes[i]);
    }
    free(h);
}

bool
history_after(const struct history *h, uint64_t seq, struct incident *event)
{
    size_t i = 0;

    while (h && i < h->n && h->changes[i].seq <= seq) {
        i++;
    }
    if (!h || i == h->n) {
        return false;
    }
    *event = (struct incident) {
        .seq = h->changes[i].seq, .time_ms = h->changes[i].time_ms,
        .type = h->changes[i].type, .cause = h->changes[i].cause,
        .detect_ms = h->changes[i].detect_ms,
        .install_ms = h->changes[i].install_ms,
        .ack_ms = h->changes[i].ack_ms,
    };
    unpack_texts(&h->changes[i], event);
    return true;
}
