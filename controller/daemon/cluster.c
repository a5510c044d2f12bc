/* One of several controllers.  See cluster.h. */
#include <config.h>

#include "controller/daemon/cluster.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <event2/event.h>
#include <event2/util.h>

#include <firsthop/buf.h>

#include "controller/base/clock.h"
#include "controller/base/log.h"
#include "controller/base/tls.h"
#include "controller/config/config_ask.h"
#include "controller/decide/clocks.h"
#include "controller/ovsdb/ovsdb.h"
#include "controller/ovsdb/ovsdb_value.h"
#include "controller/store/dbstore.h"

#define DATABASE        "Firsthop"
#define UNCOMMITTED_MS  30      /* A commit takes some ms, */
#define ECHO_MS         100     /* and an echo less. */
#define SCHEMA_VERSION  "1.0.0"
#define SCHEMA_PATH PKGDATADIR "/firsthop.ovsschema"
#define ALIVE_MS        300     /* A bridge that has said something since. */
/* Decisions of a new leader are later than what was last heard of the one
 * before by this: so long that may have gone on unheard. */
#define UNHEARD_MS      1500

struct attempt;

struct cluster {
    struct event_base *base;
    struct cluster_host host;
    char *name, *address, *shard;
    char **addresses;           /* Of peers, in the order of the text. */
    size_t n;
    struct lead *lead;
    struct peers *peers;
    struct ovsdb *db;
    struct dbstore *store;
    struct tls *tls;            /* Owned; NULL: none. */
    struct event *timer, *refused;
    struct event *uncommitted;  /* An epoch is being taken for long. */
    struct attempt *take;       /* That attempt, among the others, or NULL. */
    bool busy;                  /* Actions are being carried out. */
    bool row_there;             /* The shard's, */
    char row_uuid[OVSDB_UUID_STRLEN];
    uint64_t row_epoch;         /* as it was told last. */
    char row_leader[LEAD_NAME_LEN];
    TAILQ_HEAD(, attempt) attempts;
    int64_t beat;               /* Writes to it so far. */
    struct clocks clocks;       /* Of all of us. */
    int64_t database_lost_ms;   /* 0: it is there. */
    struct fh_cluster_status status;
    char problem[320];
};

/* A transaction under way. */
struct attempt {
    TAILQ_ENTRY(attempt) node;
    struct cluster *c;
    uint64_t epoch, from;       /* 'from': which it is to replace. */
    uint64_t id;                /* The transaction's. */
};

static void act(struct cluster *);

/* Time. */

static int64_t
unix_ms(const struct cluster *c)
{
    return clocks_now(&c->clocks, clock_unix_us() / 1000, clock_mono_ms());
}

static void
read_clock(struct cluster *c)
{
    lead_set_unix_offset(c->lead, unix_ms(c) - clock_mono_ms());
}

/* Transactions. */

static json_t *
where_shard(const struct cluster *c)
{
    return json_pack("[[s,s,s]]", "name", "==", c->shard);
}

/* Nothing is done unless the row is as 'expected' (taken) says. */
static json_t *
wait_for(const struct cluster *c, json_t *expected)
{
    json_t *columns = json_array();
    const char *name;
    json_t *value;

    json_object_foreach (expected, name, value) {
        json_array_append_new(columns, json_string(name));
    }
    return json_pack("{s:s, s:i, s:s, s:o, s:o, s:s, s:[o]}", "op", "wait",
                     "timeout", 0, "table", "Shard", "where", where_shard(c),
                     "columns", columns, "until", "==", "rows", expected);
}

static json_t *
new_row(const struct cluster *c, uint64_t epoch)
{
    return json_pack("{s:I, s:s, s:s, s:I}", "epoch", (json_int_t) epoch,
                     "leader", c->name, "address", c->address, "beat",
                     (json_int_t) c->beat);
}

/* Is the row ours, of that epoch?  A server may have committed what it then
 * says was not met. */
static bool
row_is_ours(const struct cluster *c, uint64_t epoch)
{
    return c->row_epoch == epoch && !strcmp(c->row_leader, c->name);
}

static void
attempt_free(struct attempt *attempt)
{
    TAILQ_REMOVE(&attempt->c->attempts, attempt, node);
    free(attempt);
}

static void
taken(void *attempt_, enum ovsdb_outcome outcome, const json_t *results,
      const char *why)
{
    struct attempt *attempt = attempt_;
    struct cluster *c = attempt->c;
    bool ok = (outcome == OVSDB_COMMITTED
               || (outcome == OVSDB_UNMET && row_is_ours(c, attempt->epoch)));

    evtimer_del(c->uncommitted);
    if (c->take == attempt) {
        c->take = NULL;
    }
    if (!ok) {
        log_info("cluster: epoch %"PRIu64" was not taken: %s",
                 attempt->epoch, why);
    }
    lead_taken(c->lead, attempt->epoch, ok, clock_mono_ms());
    attempt_free(attempt);
    act(c);
}

static void
renewed(void *attempt_, enum ovsdb_outcome outcome, const json_t *results,
        const char *why)
{
    struct attempt *attempt = attempt_;
    struct cluster *c = attempt->c;

    lead_renewed(c->lead, attempt->epoch,
                 outcome == OVSDB_COMMITTED ? LEAD_RENEWED
                 : outcome == OVSDB_UNMET && c->row_epoch > attempt->epoch
                 ? LEAD_NOT_OURS : LEAD_NO_ANSWER, clock_mono_ms());
    attempt_free(attempt);
    act(c);
}

/* NULL: there is no server, 'done' is not called. */
static struct attempt *
transact(struct cluster *c, json_t *operations, uint64_t epoch, uint64_t from,
         ovsdb_done_cb *done)
{
    struct attempt *attempt = fh_xmalloc(sizeof *attempt);

    *attempt = (struct attempt) { .c = c, .epoch = epoch, .from = from };
    TAILQ_INSERT_TAIL(&c->attempts, attempt, node);
    attempt->id = ovsdb_transact(c->db, operations, done, attempt);
    if (!attempt->id) {
        attempt_free(attempt);
        return NULL;
    }
    return attempt;
}

/* The leader of the database may have died with that of the controllers. */
static void
uncommitted_cb(evutil_socket_t fd, short what, void *c_)
{
    struct cluster *c = c_;

    ovsdb_probe(c->db, ECHO_MS);
    ovsdb_nudge(c->db);
}

static json_t *
take_operations(const struct cluster *c, uint64_t epoch, uint64_t from)
{
    json_t *operations = json_array();
    json_t *row = new_row(c, epoch);

    if (c->row_there) {
        json_array_append_new(operations, wait_for(c, json_pack(
            "{s:I}", "epoch", (json_int_t) from)));
        json_array_append_new(operations, json_pack(
            "{s:s, s:s, s:o, s:o}", "op", "update", "table", "Shard",
            "where", where_shard(c), "row", row));
    } else {                    /* Its name is unique: one of us gets it. */
        json_object_set_new(row, "name", json_string(c->shard));
        json_array_append_new(operations, json_pack(
            "{s:s, s:s, s:o}", "op", "insert", "table", "Shard", "row",
            row));
    }
    return operations;
}

static void
take(struct cluster *c, uint64_t epoch, uint64_t from)
{
    static const struct timeval soon = { 0, UNCOMMITTED_MS * 1000 };

    log_info("cluster: takes epoch %"PRIu64" after %"PRIu64, epoch, from);
    c->take = transact(c, take_operations(c, epoch, from), epoch, from, taken);
    if (c->take) {
        evtimer_add(c->uncommitted, &soon);
    } else {
        lead_taken(c->lead, epoch, false, clock_mono_ms());
    }
}

/* Our server leads the database.  What it has passed on to a leader that died
 * it would try again only after two election timeouts. */
static void
on_leads(void *c_, bool leads)
{
    struct cluster *c = c_;
    struct attempt *former = c->take, *again;

    if (!leads || !former) {
        return;
    }
    again = transact(c, take_operations(c, former->epoch, former->from),
                     former->epoch, former->from, taken);
    if (again) {
        ovsdb_forget(c->db, former->id);
        attempt_free(former);
        c->take = again;
    }
}

static void
renew(struct cluster *c, uint64_t epoch)
{
    json_t *operations = json_array();

    json_array_append_new(operations, wait_for(c, json_pack(
        "{s:I, s:s}", "epoch", (json_int_t) epoch, "leader", c->name)));
    json_array_append_new(operations, json_pack(
        "{s:s, s:s, s:o, s:{s:I}}", "op", "update", "table", "Shard",
        "where", where_shard(c), "row", "beat", (json_int_t) ++c->beat));
    if (!transact(c, operations, epoch, epoch, renewed)) {
        lead_renewed(c->lead, epoch, LEAD_NO_ANSWER, clock_mono_ms());
    }
}

/* What the machine wants done. */

static void
begin(struct cluster *c, uint64_t epoch)
{
    int64_t after_ms = unix_ms(c);

    if (after_ms < (int64_t) epoch) {
        after_ms = (int64_t) epoch;
    }
    /* For who leads next to be later still. */
    after_ms += UNHEARD_MS;
    clocks_hear(&c->clocks, after_ms, clock_mono_ms());
    log_info("cluster: %s leads, epoch %"PRIu64, c->name, epoch);
    dbstore_lead(c->store, (int64_t) epoch, c->name);
    c->host.lead(c->host.aux, epoch, after_ms);
}

static void
send_beat(struct cluster *c)
{
    struct lead_beat beat = lead_get_beat(c->lead);

    peers_send_beat(c->peers, &beat, unix_ms(c));
}

static void
carry_out(struct cluster *c, const struct lead_action *a)
{
    switch (a->type) {
    case LEAD_TAKE:
        take(c, a->epoch, a->from);
        break;
    case LEAD_RENEW:
        renew(c, a->epoch);
        break;
    case LEAD_BEGIN:
        begin(c, a->epoch);
        break;
    case LEAD_STAND_DOWN:
        log_warn("cluster: %s stands down; %s leads, epoch %"PRIu64, c->name,
                 lead_get_leader(c->lead), lead_get_epoch(c->lead));
        dbstore_lead(c->store, 0, NULL);
        c->host.follow(c->host.aux);
        break;
    case LEAD_BEAT:
        send_beat(c);
        break;
    }
}

static void
arm_timer(struct cluster *c)
{
    int64_t wait_ms = lead_next_ms(c->lead) - clock_mono_ms();
    struct timeval tv;

    wait_ms = wait_ms < 1 ? 1 : wait_ms;
    tv.tv_sec = wait_ms / 1000;
    tv.tv_usec = wait_ms % 1000 * 1000;
    evtimer_add(c->timer, &tv);
}

static void
act(struct cluster *c)
{
    struct lead_action a;

    if (c->busy) {
        return;                 /* It will be, by who is at it. */
    }
    c->busy = true;
    while (lead_next_action(c->lead, &a)) {
        carry_out(c, &a);
    }
    if (lead_hears_leader(c->lead, clock_mono_ms())) {
        c->host.led(c->host.aux);
    }
    c->busy = false;
    arm_timer(c);
}

static void
count_bridges(struct cluster *c)
{
    int64_t now_ms = clock_mono_ms();
    struct bridges_count n = c->host.count(c->host.aux, now_ms);

    lead_generation(c->lead, c->host.generation(c->host.aux));
    lead_bridges(c->lead, n.n, n.n_alive, n.n_obey, now_ms);
}

static void
timer_cb(evutil_socket_t fd, short what, void *c_)
{
    struct cluster *c = c_;

    read_clock(c);
    count_bridges(c);
    if (lead_misses_leader(c->lead, clock_mono_ms())) {
        ovsdb_probe(c->db, ECHO_MS);    /* It may have been on its machine. */
    }
    act(c);
}

/* Not from within what a bridge has said: bridges are about to be given
 * up. */
static void
refused_cb(evutil_socket_t fd, short what, void *c_)
{
    struct cluster *c = c_;

    lead_refused(c->lead, clock_mono_ms());
    act(c);
}

void
cluster_refused(struct cluster *c)
{
    event_active(c->refused, EV_TIMEOUT, 1);
}

/* The database. */

static void
on_up(void *c_, bool leads)
{
    struct cluster *c = c_;

    log_info("cluster: database server %s", ovsdb_server(c->db));
    c->database_lost_ms = 0;
    lead_database(c->lead, true, clock_mono_ms());
    act(c);
}

static void
on_down(void *c_, const char *why)
{
    struct cluster *c = c_;

    log_warn("cluster: database: %s", why);
    c->database_lost_ms = clock_mono_ms();
    lead_database(c->lead, false, clock_mono_ms());
    act(c);
}

/* The shard's row says so now.  NULL: somebody has deleted it; who leads may
 * write nothing any more, and takes a later epoch, as anybody may. */
static void
take_row(struct cluster *c, const char *uuid, const json_t *row)
{
    int64_t epoch = ovsdb_get_integer(row, "epoch", 0);
    const char *leader = ovsdb_get_string(row, "leader");

    if (!row) {
        log_err("cluster: the row of shard %s is gone from the database",
                c->shard);
    }
    c->row_there = row != NULL;
    snprintf(c->row_uuid, sizeof c->row_uuid, "%s", row ? uuid : "");
    c->row_epoch = epoch > 0 ? (uint64_t) epoch : 0;
    snprintf(c->row_leader, sizeof c->row_leader, "%s",
             leader && !config_name_error(leader) ? leader : "");
    lead_row(c->lead, c->row_epoch, c->row_leader, clock_mono_ms());
    act(c);
}

static void
on_update(void *c_, const char *table, const char *uuid,
          const json_t *old_row, const json_t *row)
{
    struct cluster *c = c_;
    const char *name = ovsdb_get_string(row, "name");

    dbstore_update(c->store, table, uuid, old_row, row);
    if (strcmp(table, "Shard")) {
        return;
    }
    if (name && !strcmp(name, c->shard)) {
        take_row(c, uuid, row);
    } else if (!strcmp(uuid, c->row_uuid)) {
        take_row(c, uuid, NULL);
    }
}

/* There may be no row yet; or it is as it was before the connection ended. */
static void
on_synced(void *c_)
{
    struct cluster *c = c_;

    dbstore_synced(c->store);
    lead_row_is_known(c->lead, c->row_epoch, c->row_leader, clock_mono_ms());
    act(c);
}

static void
on_changed(void *c_, unsigned int parts)
{
    const struct cluster *c = c_;

    /* Learnt clients and leases change all the time, and are read by the one
     * that comes to lead. */
    if (parts & ~(unsigned int) (DBSTORE_LEARNT | DBSTORE_LEASES)) {
        c->host.changed(c->host.aux);
    }
}

static bool
connect_database(struct cluster *c, const struct config *config, char **errp)
{
    static const struct ovsdb_handler handler = {
        .up = on_up, .down = on_down, .leads = on_leads,
        .update = on_update, .synced = on_synced,
    };
    static const struct dbstore_handler kept = { .changed = on_changed };
    struct ovsdb_options options = {
        .database = DATABASE, .version = SCHEMA_VERSION,
        .servers = (const char *const *) config->cluster.databases,
        .n_servers = config->cluster.n_databases, .tls = c->tls,
        .schema_path = SCHEMA_PATH,
    };

    options.monitor = json_pack("{s:[{s:[s,s,s,s]}]}", "Shard", "columns",
                                "name", "epoch", "leader", "beat");
    dbstore_monitor(options.monitor, c->shard);
    c->db = ovsdb_create(c->base, &options, &handler, c, errp);
    json_decref(options.monitor);
    if (c->db) {
        c->store = dbstore_create(c->base, c->db, c->shard, &kept, c);
    }
    return c->db != NULL;
}

/* Peers. */

static void
on_peer_up(void *c_, size_t peer, const char *name)
{
    struct cluster *c = c_;

    lead_peer_up(c->lead, peer, name, clock_mono_ms());
    act(c);
}

static void
on_peer_down(void *c_, size_t peer, const char *why)
{
    struct cluster *c = c_;

    lead_peer_down(c->lead, peer, clock_mono_ms());
    act(c);
}

/* Of all clocks the one that is farthest ahead counts, so that a decision is
 * later than all that a leader before has made. */
static void
on_peer_beat(void *c_, size_t peer, const struct lead_beat *beat,
             int64_t clock_ms)
{
    struct cluster *c = c_;

    if (clocks_hear(&c->clocks, clock_ms, clock_mono_ms())) {
        read_clock(c);
    }
    lead_peer_beat(c->lead, peer, beat, clock_mono_ms());
    act(c);
}

static void
on_request(void *c_, size_t peer, uint32_t number, const uint8_t *text,
           size_t len)
{
    const struct cluster *c = c_;

    c->host.request(c->host.aux, peer, number, text, len);
}

bool
cluster_pass(struct cluster *c, const void *text, size_t len,
             peers_answer_cb *done, void *aux)
{
    const char *leader = lead_get_leader(c->lead);

    for (size_t i = 0; *leader && i < c->n; i++) {
        if (!strcmp(peers_name(c->peers, i), leader)) {
            return peers_ask(c->peers, i, text, len, done, aux);
        }
    }
    return false;
}

void
cluster_finish(struct cluster *c)
{
    peers_finish(c->peers);
}

void
cluster_answer(struct cluster *c, size_t peer, uint32_t number,
               const void *text, size_t len)
{
    peers_answer(c->peers, peer, number, text, len);
}

/* Life. */

static int
compare_addresses(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

/* All controllers count each other alike: by address. */
static struct lead *
create_lead(struct cluster *c)
{
    unsigned int ranks[LEAD_MAX_PEERS], rank = 0;
    uint64_t seed;

    evutil_secure_rng_get_bytes(&seed, sizeof seed);
    for (size_t i = 0; i < c->n; i++) {
        bool before = strcmp(c->addresses[i], c->address) < 0;

        rank += before;
        ranks[i] = (unsigned int) i + !before;
    }
    return lead_create(c->name, rank, c->n, ranks, seed, clock_mono_ms());
}

static bool
read_certificates(struct cluster *c, const struct config *config, char **errp)
{
    const struct config_tls *t = (config->cluster.tls.key
                                  ? &config->cluster.tls : &config->tls);
    const struct tls_files files = { t->key, t->certificate, t->ca };
    char *error = NULL;

    if (!t->key) {
        return true;
    }
    c->tls = tls_create(&files, &error);
    if (!c->tls) {
        *errp = fh_xasprintf("TLS: %s", error);
        free(error);
    }
    return c->tls != NULL;
}

void
cluster_reread_certificates(struct cluster *c, const struct config *config)
{
    struct tls *old = c->tls;
    char *error = NULL;

    if (!old || !read_certificates(c, config, &error) || c->tls == old) {
        c->tls = old;
        if (error) {
            log_err("cluster: %s", error);
            free(error);
        }
        return;
    }
    peers_set_tls(c->peers, c->tls);
    ovsdb_set_tls(c->db, c->tls);
    tls_destroy(old);
}

static bool
connect_peers(struct cluster *c, char **errp)
{
    static const struct peers_handler handler = {
        .up = on_peer_up, .down = on_peer_down, .beat = on_peer_beat,
        .request = on_request,
    };
    struct peers_options options = {
        .name = c->name, .address = c->address, .addresses = c->addresses,
        .n = c->n, .tls = c->tls,
    };

    c->peers = peers_create(c->base, &options, &handler, c, errp);
    return c->peers != NULL;
}

struct cluster *
cluster_create(struct event_base *base, const struct config *config,
               const struct cluster_host *host, char **errp)
{
    struct cluster *c = fh_xcalloc(1, sizeof *c);

    c->base = base;
    c->host = *host;
    TAILQ_INIT(&c->attempts);
    c->name = fh_xstrdup(config->cluster.name);
    c->address = fh_xstrdup(config->cluster.address);
    c->shard = fh_xstrdup(config->cluster.shard);
    c->n = config->cluster.n_peers;
    c->addresses = fh_xcalloc(c->n + 1, sizeof *c->addresses);
    for (size_t i = 0; i < c->n; i++) {
        c->addresses[i] = fh_xstrdup(config->cluster.peers[i]);
    }
    qsort(c->addresses, c->n, sizeof *c->addresses, compare_addresses);
    c->database_lost_ms = clock_mono_ms();
    c->lead = create_lead(c);
    c->timer = evtimer_new(base, timer_cb, c);
    c->refused = event_new(base, -1, 0, refused_cb, c);
    c->uncommitted = evtimer_new(base, uncommitted_cb, c);
    read_clock(c);
    if (!read_certificates(c, config, errp) || !connect_peers(c, errp)
        || !connect_database(c, config, errp)) {
        cluster_destroy(c);
        return NULL;
    }
    arm_timer(c);
    return c;
}

void
cluster_destroy(struct cluster *c)
{
    if (!c) {
        return;
    }
    dbstore_destroy(c->store);
    ovsdb_destroy(c->db);
    while (!TAILQ_EMPTY(&c->attempts)) {        /* Nobody is told any more. */
        attempt_free(TAILQ_FIRST(&c->attempts));
    }
    peers_destroy(c->peers);
    lead_destroy(c->lead);
    tls_destroy(c->tls);
    event_free(c->timer);
    event_free(c->refused);
    event_free(c->uncommitted);
    for (size_t i = 0; i < c->n; i++) {
        free(c->addresses[i]);
    }
    free(c->addresses);
    free(c->name);
    free(c->address);
    free(c->shard);
    free(c);
}

/* Asking. */

static void
shared(void *c, int error)
{
    if (error) {
        log_err("cluster: what this controller leads with could not be "
                "shared: %s", strerror(error));
    }
}

void
cluster_share(struct cluster *c, const struct store_change *change)
{
    int error = dbstore_apply(c->store, change, shared, c);

    if (error != EINPROGRESS) {
        shared(c, error);
    }
}

struct dbstore *
cluster_store(const struct cluster *c)
{
    return c->store;
}

bool
cluster_leads(const struct cluster *c)
{
    return lead_get_state(c->lead) == LEAD_LEADING;
}

uint64_t
cluster_epoch(const struct cluster *c)
{
    return lead_get_epoch(c->lead);
}

const char *
cluster_transfer(struct cluster *c, const char *name)
{
    const char *why = lead_hand_over(c->lead, name, clock_mono_ms());

    act(c);
    return why;
}

const struct fh_cluster_status *
cluster_status(struct cluster *c)
{
    struct fh_cluster_status *s = &c->status;
    int64_t now_ms = clock_mono_ms();

    memset(s, 0, sizeof *s);
    s->name = c->name;
    s->address = c->address;
    s->leads = cluster_leads(c);
    s->leader = lead_get_leader(c->lead);
    s->epoch = lead_get_epoch(c->lead);
    s->database = ovsdb_is_up(c->db);
    s->database_leads = ovsdb_server_leads(c->db);
    s->database_server = ovsdb_server(c->db);
    s->n_peers = c->n;
    for (size_t i = 0; i < c->n && i < FH_CLUSTER_MAX_PEERS; i++) {
        struct fh_cluster_peer *peer = &s->peers[i];

        *peer = (struct fh_cluster_peer) {
            .name = peers_name(c->peers, i), .address = c->addresses[i],
            .connected = lead_peer_is_heard(c->lead, i, now_ms),
            .problem = peers_problem(c->peers, i),
            .database = lead_peer_beat_of(c->lead, i)->database,
            .n_bridges = lead_peer_beat_of(c->lead, i)->n_bridges,
        };
    }
    return s;
}

const char *
cluster_problem(struct cluster *c, size_t i)
{
    const char *database = ovsdb_problem(c->db);

    if (database && !i--) {
        snprintf(c->problem, sizeof c->problem, "cluster: the database is "
                 "away (%.150s): nothing can change leader, and no change "
                 "is kept", database);
        return c->problem;
    }
    if (!*lead_get_leader(c->lead) && !i--) {
        return "cluster: nobody leads";
    }
    for (size_t j = 0; j < c->n; j++) {
        const char *why = peers_problem(c->peers, j);

        if (why && !i--) {
            snprintf(c->problem, sizeof c->problem, "cluster: peer %.64s%s"
                     "(%.64s) is not connected: %.128s",
                     peers_name(c->peers, j), *peers_name(c->peers, j) ? " "
                     : "", c->addresses[j], why);
            return c->problem;
        }
    }
    return NULL;
}
