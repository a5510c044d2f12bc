/* Ordered changes on one bridge, confirmed or failed.
 *
 * Called by firsthop.c with what arrives; appends to the connection's send
 * buffer.  Never touches a socket or a clock.
 *
 * All messages of one bundle (open, add, commit) and the barrier behind it
 * carry one xid, which is also the bundle's id: an error names the xid of the
 * message that it is about, whichever of them that is, and so finds its
 * bundle in at most OFXACT_WINDOW comparisons. */
#include <config.h>

#include "controller/bridge/ofxact.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "controller/base/log.h"

/* A flow table larger than this is a lie: Open vSwitch would need 3 GB. */
#define DUMP_MAX_FLOWS (4u << 20)

struct commit {
    TAILQ_ENTRY(commit) node;   /* In ofxact.commits. */
    struct fh_change *changes;  /* Owned. */
    size_t n, n_sent;
    bool sent;                  /* All of it, or all that ever will be. */
    unsigned int in_flight;     /* Bundles. */
    int error;
    ofxact_done_cb *done;
    void *aux;
};

/* A bundle, or with an empty commit just a barrier, that is on its way. */
struct flight {
    struct commit *commit;
    uint32_t xid;
    bool is_bundle;
    bool committed;             /* The bridge said so. */
    bool failed;
};

struct dump {
    TAILQ_ENTRY(dump) node;     /* In ofxact.dumps. */
    uint32_t xid;
    size_t n_flows;
    ofxact_flow_cb *flow;
    ofxact_done_cb *done;
    void *aux;
};

struct ofxact {
    struct fh_buf *tx;          /* Borrowed. */
    int version;
    uint32_t (*next_xid)(void *aux);
    void *aux;
    char *name;
    struct log_rate_limit rl;

    TAILQ_HEAD(, commit) commits;   /* Oldest first; done ones leave. */
    struct flight flights[OFXACT_WINDOW];   /* Oldest first. */
    size_t n_flights;
    size_t n_waiting;           /* Changes not yet sent. */
    TAILQ_HEAD(, dump) dumps;
};

struct ofxact *
ofxact_create(struct fh_buf *tx, int version, uint32_t (*next_xid)(void *),
              void *aux)
{
    struct ofxact *x = fh_xcalloc(1, sizeof *x);

    x->tx = tx;
    x->version = version;
    x->next_xid = next_xid;
    x->aux = aux;
    x->name = fh_xstrdup("bridge");
    x->rl = (struct log_rate_limit) LOG_RATE_LIMIT_INIT(1000, 10);
    TAILQ_INIT(&x->commits);
    TAILQ_INIT(&x->dumps);
    return x;
}

void
ofxact_set_name(struct ofxact *x, const char *name)
{
    free(x->name);
    x->name = fh_xstrdup(name);
}

/* Takes 'c' off the list and frees it, then tells its owner, who may do
 * anything to 'x': the caller must be done with it. */
static void
commit_finish(struct ofxact *x, struct commit *c, int error)
{
    ofxact_done_cb *done = c->done;
    void *aux = c->aux;

    TAILQ_REMOVE(&x->commits, c, node);
    free(c->changes);
    free(c);
    if (done) {
        done(error, aux);
    }
}

/* Like commit_finish(). */
static void
dump_finish(struct ofxact *x, struct dump *d, int error)
{
    ofxact_done_cb *done = d->done;
    void *aux = d->aux;

    TAILQ_REMOVE(&x->dumps, d, node);
    free(d);
    if (done) {
        done(error, aux);
    }
}

void
ofxact_destroy(struct ofxact *x)
{
    struct commit *c;
    struct dump *d;

    if (!x) {
        return;
    }
    while ((c = TAILQ_FIRST(&x->commits))) {
        commit_finish(x, c, ECONNRESET);
    }
    while ((d = TAILQ_FIRST(&x->dumps))) {
        dump_finish(x, d, ECONNRESET);
    }
    free(x->name);
    free(x);
}

/* Sends the next chunk of 'c'. */
static void
send_chunk(struct ofxact *x, struct commit *c)
{
    size_t left = c->n - c->n_sent;
    size_t n = left < OFXACT_CHUNK ? left : OFXACT_CHUNK;
    struct flight *f = &x->flights[x->n_flights++];

    *f = (struct flight) {
        .commit = c,
        .xid = x->next_xid(x->aux),
        .is_bundle = n > 0,
    };
    if (n) {
        ofcodec_put_bundle_open(x->tx, x->version, f->xid, f->xid);
        for (size_t i = 0; i < n; i++) {
            ofcodec_put_bundle_change(x->tx, x->version, f->xid, f->xid,
                                      &c->changes[c->n_sent + i]);
        }
        ofcodec_put_bundle_commit(x->tx, x->version, f->xid, f->xid);
    }
    ofcodec_put_barrier(x->tx, x->version, f->xid);

    c->n_sent += n;
    x->n_waiting -= n;
    c->sent = c->n_sent == c->n;
    c->in_flight++;
}

static struct commit *
first_unsent(struct ofxact *x)
{
    struct commit *c;

    /* At most OFXACT_WINDOW commits are sent and still here. */
    TAILQ_FOREACH (c, &x->commits, node) {
        if (!c->sent) {
            return c;
        }
    }
    return NULL;
}

/* Fills the window. */
static void
pump(struct ofxact *x)
{
    while (x->n_flights < OFXACT_WINDOW) {
        struct commit *c = first_unsent(x);

        if (!c) {
            return;
        }
        send_chunk(x, c);
    }
}

void
ofxact_commit(struct ofxact *x, const struct fh_changes *changes,
              ofxact_done_cb *done, void *aux)
{
    struct commit *c = fh_xcalloc(1, sizeof *c);

    c->n = changes ? changes->n : 0;
    if (c->n) {
        c->changes = fh_xmemdup(changes->items, c->n * sizeof *c->changes);
    }
    c->done = done;
    c->aux = aux;
    TAILQ_INSERT_TAIL(&x->commits, c, node);
    x->n_waiting += c->n;
    pump(x);
}

void
ofxact_dump(struct ofxact *x, uint64_t cookie, uint64_t mask,
            ofxact_flow_cb *flow, ofxact_done_cb *done, void *aux)
{
    const struct of_flow_filter all = { cookie, mask, OF_ALL_TABLES };

    ofxact_list(x, &all, flow, done, aux);
}

void
ofxact_list(struct ofxact *x, const struct of_flow_filter *filter,
            ofxact_flow_cb *flow, ofxact_done_cb *done, void *aux)
{
    struct dump *d = fh_xcalloc(1, sizeof *d);

    d->xid = x->next_xid(x->aux);
    d->flow = flow;
    d->done = done;
    d->aux = aux;
    TAILQ_INSERT_TAIL(&x->dumps, d, node);
    ofcodec_put_flow_stats_request(x->tx, x->version, d->xid, filter);
}

static struct flight *
find_flight(struct ofxact *x, uint32_t xid)
{
    for (size_t i = 0; i < x->n_flights; i++) {
        if (x->flights[i].xid == xid) {
            return &x->flights[i];
        }
    }
    return NULL;
}

static struct dump *
find_dump(struct ofxact *x, uint32_t xid)
{
    struct dump *d;

    TAILQ_FOREACH (d, &x->dumps, node) {
        if (d->xid == xid) {
            return d;
        }
    }
    return NULL;
}

/* Gives up the rest of a commit of which a part was refused. */
static void
commit_abandon(struct ofxact *x, struct commit *c)
{
    x->n_waiting -= c->n - c->n_sent;
    c->n = c->n_sent;
    c->sent = true;
}

static void
flight_fail(struct ofxact *x, struct flight *f, const char *text)
{
    f->failed = true;
    if (!f->commit->error) {
        f->commit->error = EREMOTEIO;
        log_warn_rl(&x->rl, "%s: refused a bundle of flow changes: %s",
                    x->name, text);
        commit_abandon(x, f->commit);
    }
}

/* The barrier behind the oldest bundle has been answered. */
static void
flight_land(struct ofxact *x)
{
    struct flight f = x->flights[0];
    struct commit *c = f.commit;

    if (f.is_bundle && !f.committed && !f.failed) {
        flight_fail(x, &f, "barrier passed, but no reply to the commit");
    }
    x->n_flights--;
    memmove(x->flights, x->flights + 1, x->n_flights * sizeof x->flights[0]);
    c->in_flight--;
    pump(x);
    if (c->sent && !c->in_flight) {
        commit_finish(x, c, c->error);
    }
}

static bool
receive_error(struct ofxact *x, const struct of_message *msg)
{
    struct flight *f = find_flight(x, msg->xid);
    struct dump *d = find_dump(x, msg->xid);

    if (f) {
        flight_fail(x, f, msg->error.text);
        return true;
    }
    if (d) {
        log_warn_rl(&x->rl, "%s: refused to list its flows: %s", x->name,
                    msg->error.text);
        dump_finish(x, d, EREMOTEIO);
        return true;
    }
    return false;
}

static bool
receive_flow_stats(struct ofxact *x, const struct of_message *msg)
{
    struct dump *d = find_dump(x, msg->xid);

    if (!d) {
        return false;
    }
    d->n_flows += msg->flow_stats.n;
    if (d->n_flows > DUMP_MAX_FLOWS) {
        log_warn_rl(&x->rl, "%s: lists more than %u flows", x->name,
                    DUMP_MAX_FLOWS);
        dump_finish(x, d, EREMOTEIO);
        return true;
    }
    for (size_t i = 0; i < msg->flow_stats.n; i++) {
        d->flow(&msg->flow_stats.flows[i], d->aux);
    }
    if (!msg->flow_stats.more) {
        dump_finish(x, d, 0);
    }
    return true;
}

bool
ofxact_receive(struct ofxact *x, const struct of_message *msg)
{
    struct flight *f;

    switch (msg->type) {
    case OF_BARRIER_REPLY:
        /* Barriers are answered in order. */
        if (!x->n_flights || x->flights[0].xid != msg->xid) {
            return false;
        }
        flight_land(x);
        return true;

    case OF_BUNDLE_REPLY:
        f = find_flight(x, msg->xid);
        if (f && msg->bundle.type == OF_BUNDLE_COMMIT_REPLY) {
            f->committed = true;
        }
        return f != NULL;

    case OF_ERROR:
        return receive_error(x, msg);

    case OF_FLOW_STATS_REPLY:
        return receive_flow_stats(x, msg);

    case OF_HELLO:
    case OF_ECHO_REQUEST:
    case OF_ECHO_REPLY:
    case OF_FEATURES_REPLY:
    case OF_PACKET_IN:
    case OF_FLOW_REMOVED:
    case OF_PORT_STATUS:
    case OF_PORT_DESC_REPLY:
    case OF_METER_STATS_REPLY:
    case OF_METER_CONFIG_REPLY:
    case OF_FLOWS_CHANGED:
    case OF_ROLE_REPLY:
    case OF_ROLE_STATUS:
    case OF_OTHER:
        break;
    }
    return false;
}

size_t
ofxact_in_flight(const struct ofxact *x)
{
    return x->n_flights;
}

size_t
ofxact_waiting(const struct ofxact *x)
{
    return x->n_waiting;
}
