/* One OpenFlow bridge whose flows somebody keeps right.  See bridge.h. */
#include <config.h>

#include "controller/bridge/bridge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include <firsthop/buf.h>
#include <firsthop/snapshot.h>

#include "controller/base/log.h"
#include "controller/bridge/ofxact.h"
#include "flows/flow_client.h"

/* A bridge that answers echoes but confirms no flow change for so long is
 * not to be trusted with clients. */
#define CONFIRM_WITHIN_MS 10000

/* After flows of ours were changed: the next look, and the one after, so much
 * later for each flow that it has to list. */
#define REPAIR_MS           100
#define REPAIR_FLOWS_PER_MS 100
/* After one that has found something wrong. */
#define VERIFY_MS           1000
/* A look without a reason, at a bridge of no more flows than this: those are
 * listed in 20 ms, during which it does not forward. */
#define CHECK_MS            10000
#define CHECK_MOST_FLOWS    10000
/* What the clients' flows of one with more have counted is listed part by
 * part: so many flows each, so much later, and no more parts than a byte of an
 * address can tell.  To find them it looks at all that it has, so each kind of
 * flow is asked for at a time of its own. */
#define PART_FLOWS          5000
#define PART_MS             1000
#define MOST_PARTS          256

/* Open vSwitch never fails open sooner: three times its inactivity probe, in
 * whole seconds.  Less a tick at either end. */
#define FAIL_OPEN_LEAST_MS 2800

struct bridge {
    TAILQ_ENTRY(bridge) node;
    struct bridges *all;
    uint64_t dpid;
    char *label;                /* "router A" */
    char *common_name;          /* Of its certificate; NULL: any. */
    int reread_ms;
    struct fh_bridge_counters *counters;
    const struct bridge_ops *ops;
    void *owner;
    unsigned int n_disowned;    /* So many times. */

    struct ofconn *conn;        /* NULL: AWAY. */
    struct ofxact *xact;        /* NULL: AWAY, SETUP. */
    bool serves;
    bool reading;
    struct flow_set *found;     /* While it is read. */

    struct fh_changes changes;  /* To be committed next. */
    uint64_t *tokens;           /* Who waits for them. */
    size_t n_tokens, cap_tokens;

    bool read_wanted;           /* Once nothing is under way. */
    bool refused;               /* A change was: read it again. */
    bool repairing;             /* It is read for what others have done. */
    bool meddled;               /* Others have changed flows of ours. */
    uint64_t n_commits;
    uint64_t n_commits_read;    /* As many had been sent before it was read. */
    size_t n_flows;             /* About so many: as read the last time, and
                                 * what was sent since. */
    int64_t repair_at_ms;       /* Not looked at before. */
    int64_t check_at_ms;        /* Looked at anyway; 0: not yet set. */
    int64_t ticked_ms;
    uint32_t part;              /* Whose counts are listed next, */
    size_t count_kind;          /* one kind of flow after the other, */
    int64_t count_at_ms;        /* not before then. */
    bool counting;              /* They are being listed. */
    bool refuses;               /* The last change was. */
    bool emptied;               /* When it came back; see judge_flows(). */
    int64_t gone_ms;            /* 0: has not been here before. */
    int64_t reread_at_ms;       /* When that is due, 0: not yet set. */
    uint64_t n_confirmed;       /* Commits whose barrier came back. */
    uint64_t watched;           /* n_confirmed when last looked at. */
    int64_t progress_ms;        /* When it last grew, 0: look from now. */
};

struct bridges {
    struct ofserver *server;
    void (*begin_turn)(void *aux), (*end_turn)(void *aux);
    void *aux;
    bool in_turn;               /* Which has begun. */
    bool follows;               /* Another controller leads. */
    void (*refused)(void *aux);
    void *refused_aux;
    TAILQ_HEAD(, bridge) list;
    uint64_t *met;              /* Datapath ids of those that have come. */
    size_t n_met;
    struct fh_bridge_counters uncounted;
    int64_t now_ms;             /* As of the last tick. */
    char problem[512];
};

/* What a commit's confirmation is for. */
struct commit {
    struct bridge *bridge;
    unsigned int n_disowned;    /* As it was sent. */
    uint64_t *tokens;           /* Owned. */
    size_t n;
    bool changes;               /* Not a mere barrier. */
};

static void read_if_wanted(struct bridge *);

/* Changes. */

struct fh_changes *
bridge_changes(struct bridge *b)
{
    return &b->changes;
}

void
bridge_await(struct bridge *b, uint64_t token)
{
    if (b->n_tokens == b->cap_tokens) {
        b->cap_tokens = b->cap_tokens ? b->cap_tokens * 2 : 8;
        b->tokens = fh_xrealloc(b->tokens,
                                b->cap_tokens * sizeof *b->tokens);
    }
    b->tokens[b->n_tokens++] = token;
}

size_t
bridge_n_queued(const struct bridge *b)
{
    return b->changes.n > b->n_tokens ? b->changes.n : b->n_tokens;
}

static struct commit *
take_commit(struct bridge *b)
{
    struct commit *commit = fh_xmalloc(sizeof *commit);

    *commit = (struct commit) {
        b, b->n_disowned, b->tokens, b->n_tokens, b->changes.n > 0
    };
    b->tokens = NULL;
    b->n_tokens = b->cap_tokens = 0;
    return commit;
}

static void
tell_confirmed(struct bridge *b, const struct commit *commit, bool ok)
{
    for (size_t i = 0; i < commit->n; i++) {
        if (b->ops->confirmed && commit->n_disowned == b->n_disowned) {
            b->ops->confirmed(b->owner, commit->tokens[i], ok);
        }
    }
}

static void
commit_free(struct commit *commit)
{
    free(commit->tokens);
    free(commit);
}

/* A bundle is refused as a whole, whoever's changes are in it: what the
 * bridge holds now must be read. */
static void
commit_done(int error, void *commit_)
{
    struct commit *commit = commit_;
    struct bridge *b = commit->bridge;

    b->n_confirmed++;
    if (error) {
        b->counters->commits_failed++;
    }
    if (error && error != ECONNRESET) {
        log_warn("%s: the bridge refused a change of flows", b->label);
        b->refused = true;
        b->refuses = true;
    } else if (!error && commit->changes) {
        b->refuses = false;
    }
    tell_confirmed(b, commit, !error);
    commit_free(commit);
    read_if_wanted(b);
}

/* Nobody is there to take what is queued. */
static void
drop_changes(struct bridge *b)
{
    struct commit *commit = take_commit(b);

    fh_changes_clear(&b->changes);
    tell_confirmed(b, commit, false);
    commit_free(commit);
}

/* Who has but few flows when it comes may soon have many. */
static void
note_sent(struct bridge *b)
{
    for (size_t i = 0; i < b->changes.n; i++) {
        if (b->changes.items[i].op == FH_CHANGE_ADD) {
            b->n_flows++;
        } else if (b->n_flows) {
            b->n_flows--;
        }
    }
}

void
bridge_commit(struct bridge *b)
{
    if (!b->changes.n && !b->n_tokens) {
        return;
    }
    if (!b->xact) {
        drop_changes(b);
        return;
    }
    b->counters->commits++;
    b->n_commits++;
    note_sent(b);
    ofxact_commit(b->xact, &b->changes, commit_done, take_commit(b));
    fh_changes_clear(&b->changes);
}

static bool
is_under_way(const struct bridge *b)
{
    return (b->reading
            || (b->xact && (ofxact_in_flight(b->xact)
                            || ofxact_waiting(b->xact))));
}

bool
bridge_is_busy(const struct bridge *b)
{
    return b->changes.n || b->n_tokens || is_under_way(b);
}

/* Reading. */

static void
collect_flow(const struct fh_flow *flow, void *b_)
{
    struct bridge *b = b_;

    flow_set_put(b->found, flow);
    /* In the order in which the bridge says it, removals between. */
    if (b->serves && b->ops->counted) {
        b->ops->counted(b->owner, flow);
    }
}

static void
drop_found(struct bridge *b)
{
    flow_set_destroy(b->found);
    b->found = NULL;
    b->reading = false;
}

/* Once more, soon, where there was something. */
static void
tell_repaired(struct bridge *b, size_t n)
{
    b->counters->flows_repaired += n;
    b->repair_at_ms = (b->ticked_ms + (n ? VERIFY_MS : REPAIR_MS)
                       + (int64_t) (b->n_flows / REPAIR_FLOWS_PER_MS));
    b->meddled = b->meddled || n;
    if (b->ops->repaired) {
        b->ops->repaired(b->owner, n);
    }
}

static const char *
say_emptied(struct bridge *b)
{
    snprintf(b->all->problem, sizeof b->all->problem,
             "%.100s: its bridge has lost its flows without having been "
             "restarted: unless it was emptied, or its controller changed, "
             "by hand, its fail_mode is standalone, and whenever its "
             "controller is away it joins the access network to the core; "
             "ovs-vsctl set-fail-mode BRIDGE secure (shown until it comes "
             "back with its flows)", b->label);
    return b->all->problem;
}

/* Does a bridge that has come still have its flows?  One that has lost them,
 * and had a master before, was not restarted.  OpenFlow does not show
 * fail_mode, but this is what `standalone' does when the controller has been
 * away for long enough. */
static bool
judge_flows(struct bridge *b)
{
    if (flow_set_count(b->found)) {
        b->emptied = false;
    } else if (ofconn_had_master(b->conn)) {
        b->emptied = (!b->gone_ms
                      || b->all->now_ms - b->gone_ms >= FAIL_OPEN_LEAST_MS);
        return b->emptied;
    }
    return false;
}

static void
read_done(int error, void *b_)
{
    struct bridge *b = b_;
    /* What was sent meanwhile is not in the list: no evidence. */
    bool first = !b->serves, repairing = (b->repairing && !b->changes.n
                                          && b->n_commits
                                             == b->n_commits_read);
    size_t n_before = b->changes.n;
    struct flow_set *desired;

    if (error) {
        if (error != ECONNRESET) {
            ofconn_close(b->conn, "its flows cannot be read");
        }
        return;
    }
    if (first && judge_flows(b)) {
        log_warn("%s", say_emptied(b));
    }
    desired = b->ops->desired(b->owner, b->found, first);
    flow_diff(desired, b->found, &b->changes);
    flow_set_destroy(desired);
    b->n_flows = flow_set_count(b->found);
    if (!repairing) {
        log_info("%s: %zu flows of ours found, %zu changes needed", b->label,
                 b->n_flows, b->changes.n);
    }
    drop_found(b);
    b->serves = true;
    b->meddled = b->meddled || (b->repairing && !repairing);
    b->repairing = false;
    if (repairing) {
        tell_repaired(b, b->changes.n - n_before);
    }
    if (b->ops->read) {
        b->ops->read(b->owner, first);
    }
    read_if_wanted(b);
}

/* What is queued goes out before, so that the reading shows it. */
static void
start_reading(struct bridge *b)
{
    bridge_commit(b);
    b->read_wanted = b->refused = false;
    b->reread_at_ms = 0;
    b->reading = true;
    flow_set_destroy(b->found);
    b->found = flow_set_create();
    ofxact_dump(b->xact, FH_COOKIE_OURS, FH_COOKIE_OURS_MASK, collect_flow,
                read_done, b);
}

static void
read_if_wanted(struct bridge *b)
{
    if (b->read_wanted && b->xact && !is_under_way(b)) {
        start_reading(b);
    }
}

static const char *
say_refuses(struct bridge *b)
{
    snprintf(b->all->problem, sizeof b->all->problem,
             "%.100s: its bridge refuses changes of flows (OpenFlow %s): no "
             "more clients are served by it; if it has no bundles: ovs-vsctl "
             "set bridge BRIDGE protocols=OpenFlow13,OpenFlow14", b->label,
             ofconn_version_name(b->conn));
    return b->all->problem;
}

const char *
bridges_problem(struct bridges *all, size_t i)
{
    struct bridge *b;

    TAILQ_FOREACH (b, &all->list, node) {
        if (b->refuses && b->conn && !i--) {
            return say_refuses(b);
        }
        if (b->emptied && !i--) {
            return say_emptied(b);
        }
    }
    return NULL;
}

void
bridge_read_again(struct bridge *b)
{
    if (b->serves) {
        b->read_wanted = true;
        read_if_wanted(b);
    }
}

/* Connections. */

static void
drop_xact(struct bridge *b)
{
    struct ofxact *xact = b->xact;

    b->xact = NULL;             /* Nothing is started while it fails. */
    ofxact_destroy(xact);
    drop_found(b);
}

static void
begin(struct bridge *b)
{
    drop_xact(b);
    b->serves = false;
    b->progress_ms = 0;
    b->xact = ofxact_create(ofconn_tx(b->conn), ofconn_version(b->conn),
                            ofconn_xid_for, b->conn);
    ofxact_set_name(b->xact, b->label);
    b->repairing = b->meddled = false;
    b->repair_at_ms = b->check_at_ms = 0;
    ofconn_monitor_flows(b->conn);
    b->ops->up(b->owner);
    start_reading(b);
}

void
bridge_read(struct bridge *b)
{
    if (b->conn && ofconn_is_ready(b->conn)) {
        begin(b);
    }
}

static void
attach(struct bridge *b, struct ofconn *conn)
{
    b->conn = conn;
    ofconn_set_aux(conn, b);
    if (b->all->follows) {
        ofconn_follow(conn);
    } else if (ofconn_is_ready(conn)) {
        begin(b);               /* Taken before, then released. */
    } else {
        ofconn_take(conn);
    }
}

/* Everything that was under way fails first, then the owner hears why. */
static void
go_down(struct bridge *b, const char *reason)
{
    b->gone_ms = b->all->now_ms;
    b->serves = b->read_wanted = b->refused = false;
    b->reread_at_ms = 0;
    drop_xact(b);
    drop_changes(b);
    b->ops->down(b->owner, reason);
}

static void
detach(struct bridge *b, const char *reason)
{
    ofconn_set_aux(b->conn, NULL);
    b->conn = NULL;
    go_down(b, reason);
}

/* The newer connection wins.  The older may be one that the bridge itself has
 * given up; but two bridges that take the place from one another in turn
 * serve nobody. */
static void
lose_conn(struct bridge *b, const struct ofconn *conn)
{
    static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(60000, 5);
    static const char reason[] = "a newer connection has its datapath id";
    struct ofconn *old = b->conn;
    char dpid[FH_DPID_STRLEN];

    log_warn_rl(&rl, "%s: %s takes over from %s: if that is not one bridge "
                "that has reconnected, two bridges have the datapath id %s, "
                "and one of them needs another: `ovs-vsctl set bridge BRIDGE "
                "other_config:datapath-id=...`", b->label, ofconn_peer(conn),
                ofconn_peer(old), fh_dpid_format(b->dpid, dpid));
    b->counters->dpid_takeovers++;
    detach(b, reason);
    ofconn_close(old, reason);
}

void
bridge_drop(struct bridge *b, const char *reason)
{
    if (b->conn) {
        ofconn_close(b->conn, reason);
    }
}

static struct bridge *
find_by_dpid(const struct bridges *all, uint64_t dpid)
{
    struct bridge *b;

    TAILQ_FOREACH (b, &all->list, node) {
        if (b->dpid == dpid) {
            return b;
        }
    }
    return NULL;
}

/* Whoever has a certificate could say that it had that datapath id. */
static bool
may_have(const struct bridge *b, const struct ofconn *conn)
{
    const char *name = ofconn_peer_name(conn);

    return !b->common_name || (name && !strcmp(name, b->common_name));
}

static void
turn_away(const struct bridge *b, struct ofconn *conn)
{
    static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(60000, 5);
    const char *name = ofconn_peer_name(conn);

    log_warn_rl(&rl, "%s: %s has its datapath id, but %s%s, not of %s",
                b->label, ofconn_peer(conn),
                name ? "the certificate of " : "no certificate", name ? name
                : "", b->common_name);
    ofconn_close(conn, "its certificate is not for this datapath id");
}

bool
bridges_have_met(const struct bridges *all, uint64_t dpid)
{
    for (size_t i = 0; i < all->n_met; i++) {
        if (all->met[i] == dpid) {
            return true;
        }
    }
    return false;
}

static void
note_met(struct bridges *all, uint64_t dpid)
{
    if (!bridges_have_met(all, dpid)) {
        all->met = fh_xrealloc(all->met, (all->n_met + 1) * sizeof *all->met);
        all->met[all->n_met++] = dpid;
    }
}

static inline void
turn_begins(struct bridges *all)
{
    if (!all->in_turn && all->begin_turn) {
        all->begin_turn(all->aux);
    }
    all->in_turn = true;
}

static void
turn_ends(struct bridges *all)
{
    all->in_turn = false;
    all->end_turn(all->aux);
}

static void
on_identified(struct ofconn *conn, void *all_)
{
    struct bridges *all = all_;
    struct bridge *b = find_by_dpid(all, ofconn_dpid(conn));
    char dpid[FH_DPID_STRLEN];

    if (!b) {
        log_warn("bridge %s (%s) is not in the configuration",
                 fh_dpid_format(ofconn_dpid(conn), dpid), ofconn_peer(conn));
        return;
    }
    if (!may_have(b, conn)) {
        turn_away(b, conn);
        return;
    }
    turn_begins(all);
    note_met(all, b->dpid);
    if (b->conn) {
        lose_conn(b, conn);
    }
    attach(b, conn);
}

static void
on_ready(struct ofconn *conn, void *all)
{
    struct bridge *b = ofconn_get_aux(conn);

    if (b) {
        turn_begins(all);
        log_info("%s: connected from %s, OpenFlow %s", b->label,
                 ofconn_peer(conn), ofconn_version_name(conn));
        begin(b);
    }
}

static bool
tell_message(struct bridge *b, const struct of_message *msg)
{
    return b->ops->message && b->ops->message(b->owner, msg);
}

static void
on_message(struct ofconn *conn, struct of_message *msg, void *all)
{
    static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(1000, 10);
    struct bridge *b = ofconn_get_aux(conn);

    if (!b || !b->xact) {
        return;
    }
    turn_begins(all);
    if (msg->type == OF_PACKET_IN) {
        if (b->serves) {
            tell_message(b, msg);
        }
    } else if (msg->type == OF_ROLE_STATUS) {
        log_warn("%s: another controller has taken the master role",
                 b->label);
        ofconn_close(conn, "the master role was lost");
    } else if (msg->type == OF_FLOWS_CHANGED) {
        b->meddled = b->meddled || msg->flows_changed.n;
    } else if (!ofxact_receive(b->xact, msg) && !tell_message(b, msg)
               && msg->type == OF_ERROR) {
        log_warn_rl(&rl, "%s: the bridge reports an error: %s", b->label,
                    msg->error.text);
    }
}

static void
on_port(struct ofconn *conn, const struct of_port *port, bool deleted,
        void *all)
{
    struct bridge *b = ofconn_get_aux(conn);

    if (b && b->xact && b->ops->port) {
        turn_begins(all);
        b->ops->port(b->owner, port, deleted);
    }
}

static void
on_closed(struct ofconn *conn, const char *reason, void *all_)
{
    struct bridges *all = all_;
    struct bridge *b = ofconn_get_aux(conn);

    if (b) {
        turn_begins(all);
        log_warn("%s: disconnected: %s", b->label, reason);
        detach(b, reason);
        turn_ends(all);
    }
}

static void
on_idle(void *all_)
{
    struct bridges *all = all_;

    turn_ends(all);
}

static void
offer(struct ofconn *conn, void *all_)
{
    struct bridges *all = all_;
    struct bridge *b;

    if (!ofconn_get_aux(conn)) {
        b = find_by_dpid(all, ofconn_dpid(conn));
        if (b && !may_have(b, conn)) {
            turn_away(b, conn);
        } else if (b && !b->conn) {
            attach(b, conn);
        }
    }
}

static void
on_refused(struct ofconn *conn, void *all_)
{
    struct bridges *all = all_;

    if (all->refused) {
        all->refused(all->refused_aux);
    }
}

void
bridges_set_refused(struct bridges *all, void (*refused)(void *aux),
                    void *aux)
{
    all->refused = refused;
    all->refused_aux = aux;
}

/* Nor does one lead that nobody has at the moment, as a core's whose driver
 * waits: who has it next would take it for ours. */
static void
follow_unowned(struct ofconn *conn, void *aux)
{
    if (!ofconn_get_aux(conn) && ofconn_is_ready(conn)) {
        ofconn_follow(conn);
    }
}

void
bridges_follow(struct bridges *all)
{
    struct bridge *b;

    all->follows = true;
    TAILQ_FOREACH (b, &all->list, node) {
        if (b->conn) {
            if (b->xact) {
                go_down(b, "another controller leads");
            }
            ofconn_follow(b->conn);
        }
    }
    ofserver_for_each(all->server, follow_unowned, NULL);
    bridges_offer(all);
}

void
bridges_lead(struct bridges *all, uint64_t epoch)
{
    struct bridge *b;

    all->follows = false;
    ofserver_set_generation(all->server, epoch);
    TAILQ_FOREACH (b, &all->list, node) {
        if (b->conn) {
            ofconn_take(b->conn);
        }
    }
    bridges_offer(all);
}

struct search {
    uint64_t dpid;
    int64_t now_ms, within_ms;
    bool found;
};

static void
compare_dpid(struct ofconn *conn, void *search_)
{
    struct search *search = search_;

    search->found = (search->found
                     || (ofconn_dpid(conn) == search->dpid
                         && ofconn_silence_ms(conn, search->now_ms)
                            < search->within_ms));
}

bool
bridges_hear(const struct bridges *all, uint64_t dpid, int64_t now_ms,
             int64_t within_ms)
{
    struct search search = { dpid, now_ms, within_ms, false };

    ofserver_for_each(all->server, compare_dpid, &search);
    return search.found;
}

struct bridges_count
bridges_count(const struct bridges *all, int64_t now_ms, int64_t within_ms)
{
    struct bridges_count count = { 0, 0, 0 };
    const struct bridge *b;

    TAILQ_FOREACH (b, &all->list, node) {
        count.n++;
        if (b->conn && ofconn_silence_ms(b->conn, now_ms) < within_ms) {
            count.n_alive++;
            count.n_obey += !all->follows && ofconn_is_ready(b->conn);
        }
    }
    return count;
}

void
bridges_offer(struct bridges *all)
{
    ofserver_for_each(all->server, offer, all);
}

/* Watching. */

static void
reread_when_due(struct bridge *b, int64_t now_ms)
{
    if (!b->reread_at_ms) {
        b->reread_at_ms = now_ms + b->reread_ms;
    }
    if (now_ms >= b->reread_at_ms) {
        bridge_read_again(b);
    }
}

/* Does it still hold what it should?  Only while nothing is under way that
 * would look like others' doing. */
static void
look_when_due(struct bridge *b, int64_t now_ms)
{
    b->ticked_ms = now_ms;
    if (!b->check_at_ms) {
        b->check_at_ms = now_ms + CHECK_MS;
    }
    if (!b->serves || b->refused || bridge_is_busy(b)
        || now_ms < b->repair_at_ms
        || (!b->meddled && (now_ms < b->check_at_ms
                            || b->n_flows > CHECK_MOST_FLOWS))) {
        return;
    }
    b->meddled = false;
    b->repairing = true;
    b->check_at_ms = now_ms + CHECK_MS;
    start_reading(b);
    b->n_commits_read = b->n_commits;
}

/* Counts.  Listed beside whatever is under way: they only grow. */

static void
count_flow(const struct fh_flow *flow, void *b_)
{
    struct bridge *b = b_;

    if (b->serves) {
        b->ops->counted(b->owner, flow);
    }
}

static void
part_counted(int error, void *b_)
{
    struct bridge *b = b_;

    b->counting = false;
}

static uint32_t
n_parts(const struct bridge *b)
{
    uint32_t n = 2;

    while (n < MOST_PARTS && n * PART_FLOWS < b->n_flows) {
        n *= 2;
    }
    return n;
}

static void
count_when_due(struct bridge *b, int64_t now_ms)
{
    struct of_flow_filter filter;

    if (!b->serves || !b->ops->counted || b->n_flows <= CHECK_MOST_FLOWS
        || b->counting || now_ms < b->count_at_ms) {
        return;
    }
    b->count_at_ms = now_ms + PART_MS / FLOW_CLIENT_N;
    b->count_kind = (b->count_kind + 1) % FLOW_CLIENT_N;
    if (!b->count_kind) {
        b->part = (b->part + 1) % n_parts(b);
    }
    flow_client_select(b->count_kind, b->part, n_parts(b), &filter);
    b->counting = true;
    ofxact_list(b->xact, &filter, count_flow, part_counted, b);
}

static void
watch(struct bridge *b, int64_t now_ms)
{
    bool busy = b->reading || ofxact_in_flight(b->xact);

    if (!busy || b->n_confirmed != b->watched || !b->progress_ms) {
        b->watched = b->n_confirmed;
        b->progress_ms = now_ms;
    } else if (now_ms - b->progress_ms > CONFIRM_WITHIN_MS) {
        ofconn_close(b->conn, "it does not confirm flow changes");
        return;
    }
    if (b->refused && b->serves && !is_under_way(b)) {
        reread_when_due(b, now_ms);
    }
    look_when_due(b, now_ms);
    count_when_due(b, now_ms);
}

void
bridges_tick(struct bridges *all, int64_t now_ms)
{
    struct bridge *b;

    all->now_ms = now_ms;
    TAILQ_FOREACH (b, &all->list, node) {
        if (b->xact) {
            watch(b, now_ms);
        }
    }
}

/* Life. */

static void
set_options(struct bridge *b, const struct bridge_options *options)
{
    free(b->label);
    b->label = fh_xasprintf("%s %s", options->kind, options->name);
    free(b->common_name);
    b->common_name = (options->common_name ? fh_xstrdup(options->common_name)
                      : NULL);
    b->dpid = options->dpid;
    b->reread_ms = options->reread_ms;
    b->counters = (options->counters ? options->counters
                   : &b->all->uncounted);
    if (b->xact) {
        ofxact_set_name(b->xact, b->label);
    }
}

struct bridge *
bridge_create(struct bridges *all, const struct bridge_options *options,
              const struct bridge_ops *ops, void *owner)
{
    struct bridge *b = fh_xcalloc(1, sizeof *b);

    b->all = all;
    b->ops = ops;
    b->owner = owner;
    set_options(b, options);
    TAILQ_INSERT_TAIL(&all->list, b, node);
    return b;
}

void
bridge_set_options(struct bridge *b, const struct bridge_options *options)
{
    set_options(b, options);
}

void
bridge_disown(struct bridge *b)
{
    bridge_commit(b);
    b->n_disowned++;
}

void
bridge_destroy(struct bridge *b)
{
    if (!b) {
        return;
    }
    if (b->conn) {
        ofconn_set_aux(b->conn, NULL);
    }
    b->serves = b->read_wanted = false;
    drop_xact(b);
    drop_changes(b);
    fh_changes_destroy(&b->changes);
    free(b->tokens);
    TAILQ_REMOVE(&b->all->list, b, node);
    free(b->label);
    free(b->common_name);
    free(b);
}

struct bridges *
bridges_create(struct event_base *base, const struct ofserver_config *config,
               void (*begin_turn)(void *aux),
               void (*end_turn)(void *aux), void *aux)
{
    static const struct ofserver_cbs cbs = {
        .identified = on_identified,
        .ready = on_ready,
        .message = on_message,
        .port = on_port,
        .refused = on_refused,
        .closed = on_closed,
        .idle = on_idle,
    };
    struct bridges *all = fh_xcalloc(1, sizeof *all);

    all->begin_turn = begin_turn;
    all->end_turn = end_turn;
    all->aux = aux;
    TAILQ_INIT(&all->list);
    all->server = ofserver_create(base, config, &cbs, all);
    return all;
}

void
bridges_destroy(struct bridges *all)
{
    if (all) {
        ofserver_destroy(all->server);
        free(all->met);
        free(all);
    }
}

struct ofserver *
bridges_server(struct bridges *all)
{
    return all->server;
}

/* Asking. */

bool
bridge_is_there(const struct bridge *b)
{
    return b->xact != NULL;
}

bool
bridge_serves(const struct bridge *b)
{
    return b->serves;
}

struct ofconn *
bridge_conn(const struct bridge *b)
{
    return b && b->xact ? b->conn : NULL;
}

const char *
bridge_version_name(const struct bridge *b)
{
    return ofconn_version_name(b->conn);
}

const struct of_port *
bridge_ports(const struct bridge *b, size_t *n)
{
    return ofconn_ports(b->conn, n);
}
