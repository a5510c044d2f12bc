/* One of several controllers: joins the machine of leadership
 * (decide/lead.h) with the database, the peers and the daemon.
 *
 * Owns the connection to the database by which leadership is taken, and those
 * to the peers.  Says when to lead and when to follow; knows nothing of
 * clients. */
#ifndef CLUSTER_H
#define CLUSTER_H 1

#include <firsthop/status.h>
#include <firsthop/store.h>

#include "controller/bridge/bridge.h"
#include "controller/cluster/peers.h"
#include "controller/config/config.h"

struct cluster;
struct dbstore;
struct event_base;

struct cluster_host {
    /* Leads from now on: bridges are to be asked with 'epoch', and decisions
     * are to be later than 'after_ms', Unix time. */
    void (*lead)(void *aux, uint64_t epoch, int64_t after_ms);
    void (*follow)(void *aux);
    /* Another one leads, and is heard: again and again. */
    void (*led)(void *aux);
    /* What all share in the database is not as it was. */
    void (*changed)(void *aux);
    /* Of bridges, and the highest generation id that one has told. */
    struct bridges_count (*count)(void *aux, int64_t now_ms);
    uint64_t (*generation)(void *aux);
    /* A peer passes on an HTTP request; see cluster_answer(). */
    void (*request)(void *aux, size_t peer, uint32_t number,
                    const uint8_t *text, size_t len);
    void *aux;
};

/* Begins as a follower, with the part "cluster" of 'config', of which it keeps
 * copies.  Returns new, or NULL and '*errp', new. */
struct cluster *cluster_create(struct event_base *, const struct config *,
                               const struct cluster_host *, char **errp);
/* NULL is fine. */
void cluster_destroy(struct cluster *);
/* Connections to the peers and to the database use what the files are now.  If
 * they cannot be read that is logged, and those before stay in use. */
void cluster_reread_certificates(struct cluster *, const struct config *);
/* A bridge obeys another controller. */
void cluster_refused(struct cluster *);

/* What was passed on to others has been in vain: the daemon ends. */
void cluster_finish(struct cluster *);

/* What all share.  It lives as long as the cluster. */
/* Makes the change, as the one that leads.  What comes of it is logged. */
void cluster_share(struct cluster *, const struct store_change *);
struct dbstore *cluster_store(const struct cluster *);

bool cluster_leads(const struct cluster *);
uint64_t cluster_epoch(const struct cluster *);

/* Passes an HTTP request on to the leader.  Returns false, and 'done' is not
 * called, if none is connected. */
bool cluster_pass(struct cluster *, const void *text, size_t len,
                  peers_answer_cb *done, void *aux);
void cluster_answer(struct cluster *, size_t peer, uint32_t number,
                    const void *text, size_t len);

/* Has 'name' lead in our place.  Returns NULL, or why not, static. */
const char *cluster_transfer(struct cluster *, const char *name);

/* Valid until the next call. */
const struct fh_cluster_status *cluster_status(struct cluster *);
/* What is wrong, the i-th, NULL: no more.  Valid until the next call. */
const char *cluster_problem(struct cluster *, size_t i);

#endif /* controller/daemon/cluster.h */
