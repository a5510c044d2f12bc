/* Connections and commits that the test moves by hand.  See fake_bridge.h. */
#include <config.h>

#include "tests/unit/fake_bridge.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <firsthop/buf.h>

/* Fakes of ofconn. */

bool
ofconn_had_master(const struct ofconn *c)
{
    return c->had_master;
}

bool
ofconn_is_ready(const struct ofconn *c)
{
    return c->ready;
}

int
ofconn_version(const struct ofconn *c)
{
    return OF_14;
}

const char *
ofconn_version_name(const struct ofconn *c)
{
    return "1.4";
}

const char *
ofconn_peer_name(const struct ofconn *c)
{
    return c->peer_name;
}

const char *
ofconn_peer(const struct ofconn *c)
{
    return "peer";
}

uint64_t
ofconn_dpid(const struct ofconn *c)
{
    return c->dpid;
}

uint32_t
ofconn_next_xid(struct ofconn *c)
{
    return ++c->last_xid;
}

void
ofconn_take(struct ofconn *c)
{
    c->taken = true;
    c->slave = false;
}

void
ofconn_follow(struct ofconn *c)
{
    c->slave = true;
    c->taken = c->ready = false;
}

void
ofconn_monitor_flows(struct ofconn *c)
{
    c->monitors = true;
}

int64_t
ofconn_silence_ms(const struct ofconn *c, int64_t now_ms)
{
    return c->silence_ms;
}

struct fh_buf *
ofconn_tx(struct ofconn *c)
{
    return &c->tx;
}

void
ofconn_close(struct ofconn *c, const char *reason)
{
    c->closed = true;
}

const struct of_port *
ofconn_port_by_name(const struct ofconn *c, const char *name)
{
    for (size_t i = 0; i < c->n_ports; i++) {
        if (!strcmp(c->ports[i].name, name)) {
            return &c->ports[i];
        }
    }
    return NULL;
}

void *
ofconn_get_aux(const struct ofconn *c)
{
    return c->aux;
}

void
ofconn_set_aux(struct ofconn *c, void *aux)
{
    c->aux = aux;
}

const struct of_port *
ofconn_ports(const struct ofconn *c, size_t *n)
{
    *n = c->n_ports;
    return c->ports;
}

/* Fakes of ofserver: the test calls what a server would. */

static struct ofserver_cbs cbs;
static void *cbs_aux;

struct ofserver *
ofserver_create(struct event_base *base, const struct ofserver_config *config,
                const struct ofserver_cbs *its_cbs, void *aux)
{
    cbs = *its_cbs;
    cbs_aux = aux;
    return NULL;
}

void
ofserver_destroy(struct ofserver *server)
{
}

void
ofserver_for_each(struct ofserver *server,
                  void (*cb)(struct ofconn *, void *aux), void *aux)
{
}

uint64_t fake_generation;

void
ofserver_set_generation(struct ofserver *server, uint64_t generation)
{
    fake_generation = generation;
}

uint64_t
ofserver_known_generation(const struct ofserver *server)
{
    return fake_generation;
}

void
fake_refused(struct ofconn *c)
{
    cbs.refused(c, cbs_aux);
}

void
fake_identify(struct ofconn *c)
{
    cbs.identified(c, cbs_aux);
}

void
fake_ready(struct ofconn *c)
{
    c->ready = true;
    cbs.ready(c, cbs_aux);
}

void
fake_message(struct ofconn *c, struct of_message *msg)
{
    cbs.message(c, msg, cbs_aux);
}

void
fake_idle(void)
{
    cbs.idle(cbs_aux);
}

void
fake_close(struct ofconn *c)
{
    c->ready = c->taken = false;
    cbs.closed(c, "test", cbs_aux);
}

void
fake_port_changed(struct ofconn *c)
{
    cbs.port(c, &c->ports[0], false, cbs_aux);
}

/* Fakes of ofxact. */

struct ofxact *fake_last_xact;

struct ofxact *
ofxact_create(struct fh_buf *tx, int version, uint32_t (*next_xid)(void *),
              void *conn)
{
    fake_last_xact = fh_xcalloc(1, sizeof *fake_last_xact);
    fake_last_xact->conn = conn;
    return fake_last_xact;
}

void
ofxact_set_name(struct ofxact *x, const char *name)
{
}

void
fake_end_first(struct ofxact *x, int error)
{
    struct pending p = x->pending[0];

    assert_true(x->n > 0);
    x->n--;
    memmove(x->pending, x->pending + 1, x->n * sizeof *x->pending);
    fh_changes_destroy(&p.changes);
    if (p.done) {
        p.done(error, p.aux);
    }
}

void
ofxact_destroy(struct ofxact *x)
{
    while (x && x->n) {
        fake_end_first(x, ECONNRESET);
    }
    free(x);
}

static struct pending *
start(struct ofxact *x, ofxact_done_cb *done, void *aux)
{
    struct pending *p = &x->pending[x->n++];

    assert_true(x->n <= MAX_PENDING);
    memset(p, 0, sizeof *p);
    p->done = done;
    p->aux = aux;
    return p;
}

void
ofxact_commit(struct ofxact *x, const struct fh_changes *changes,
              ofxact_done_cb *done, void *aux)
{
    struct pending *p = start(x, done, aux);

    for (size_t i = 0; i < changes->n; i++) {
        fh_changes_add(&p->changes, changes->items[i].op,
                       &changes->items[i].flow);
    }
}

void
ofxact_dump(struct ofxact *x, uint64_t cookie, uint64_t mask,
            ofxact_flow_cb *flow, ofxact_done_cb *done, void *aux)
{
    const struct of_flow_filter all = { cookie, mask, OF_ALL_TABLES };

    assert_true(cookie == FH_COOKIE_OURS && mask == FH_COOKIE_OURS_MASK);
    ofxact_list(x, &all, flow, done, aux);
}

void
ofxact_list(struct ofxact *x, const struct of_flow_filter *filter,
            ofxact_flow_cb *flow, ofxact_done_cb *done, void *aux)
{
    struct pending *p = start(x, done, aux);

    p->is_dump = true;
    p->filter = *filter;
    p->flow = flow;
}

bool
ofxact_receive(struct ofxact *x, const struct of_message *msg)
{
    return false;
}

size_t
ofxact_in_flight(const struct ofxact *x)
{
    return x->n;
}

size_t
ofxact_waiting(const struct ofxact *x)
{
    return 0;
}

/* The fake bridge does what it is told first. */

static struct fh_flow *
find_flow(struct ofconn *c, const struct fh_flow *key)
{
    for (size_t i = 0; i < c->n_flows; i++) {
        if (fh_flow_same_key(&c->flows[i], key)) {
            return &c->flows[i];
        }
    }
    return NULL;
}

static void
apply(struct ofconn *c, const struct fh_change *change)
{
    struct fh_flow *flow = find_flow(c, &change->flow);

    if (change->op == FH_CHANGE_DELETE) {
        if (flow) {
            *flow = c->flows[--c->n_flows];
        }
    } else if (flow) {
        *flow = change->flow;
    } else {
        c->flows[c->n_flows++] = change->flow;
    }
}

static bool
is_listed(const struct of_flow_filter *filter, const struct fh_flow *flow)
{
    return !((flow->cookie ^ filter->cookie) & filter->cookie_mask)
           && (filter->table == OF_ALL_TABLES || filter->table == flow->table)
           && !((flow->match.regs[filter->reg] ^ filter->reg_value)
                & filter->reg_mask);
}

void
fake_confirm(struct ofxact *x)
{
    struct pending *p = &x->pending[0];

    assert_true(x->n > 0);
    for (size_t i = 0; i < p->changes.n; i++) {
        apply(x->conn, &p->changes.items[i]);
    }
    for (size_t i = 0; p->is_dump && i < x->conn->n_flows; i++) {
        if (is_listed(&p->filter, &x->conn->flows[i])) {
            p->flow(&x->conn->flows[i], p->aux);
        }
    }
    fake_end_first(x, 0);
}

void
fake_confirm_all(struct ofxact *x)
{
    while (x->n) {
        fake_confirm(x);
    }
}
