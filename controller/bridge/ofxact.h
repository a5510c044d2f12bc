/* Ordered changes on one bridge, confirmed or failed.
 *
 * A commit goes out as bundles of at most OFXACT_CHUNK changes, each followed
 * by a barrier, and at most OFXACT_WINDOW bundles unconfirmed at a time, so
 * that packet-ins keep flowing while thousands of clients move.  Touches no
 * socket: it appends to the connection's send buffer and is told of what
 * comes back. */
#ifndef OFXACT_H
#define OFXACT_H 1

#include "flows/ofcodec.h"

#define OFXACT_CHUNK  1000
#define OFXACT_WINDOW 4

struct ofxact;

/* 'tx' is borrowed and outlives the result; 'next_xid' gives a fresh xid. */
struct ofxact *ofxact_create(struct fh_buf *tx, int version,
                             uint32_t (*next_xid)(void *aux), void *aux);
/* Every commit and dump that is still under way fails first, ECONNRESET, in
 * the order in which they were started, commits first.  Whoever is told so
 * must not start another here. */
void ofxact_destroy(struct ofxact *);
/* Whose bridge it is, for logs.  Copies 'name'. */
void ofxact_set_name(struct ofxact *, const char *name);

/* 'error' is 0 when the bridge has confirmed by barrier that all changes are
 * in place; an errno otherwise (EREMOTEIO: the bridge refused, the reason
 * has been logged; ECONNRESET), and then some, all or none may be in place. */
typedef void ofxact_done_cb(int error, void *aux);

/* Starts a commit of a copy of 'changes'.  Commits take effect in the order
 * in which they were started.  'done' is never called from inside this call;
 * it may start another commit.  An empty commit is a barrier. 'done' may be
 * NULL. */
void ofxact_commit(struct ofxact *, const struct fh_changes *,
                   ofxact_done_cb *done, void *aux);

/* Reads the flows that carry 'cookie' under 'mask'.  'flow' is called for
 * each, then 'done' once. */
typedef void ofxact_flow_cb(const struct fh_flow *, void *aux);
void ofxact_dump(struct ofxact *, uint64_t cookie, uint64_t mask,
                 ofxact_flow_cb *flow, ofxact_done_cb *done, void *aux);

/* The same of a part of them. */
void ofxact_list(struct ofxact *, const struct of_flow_filter *,
                 ofxact_flow_cb *flow, ofxact_done_cb *done, void *aux);

/* Offers a received message.  Returns true if it was ours to consume. */
bool ofxact_receive(struct ofxact *, const struct of_message *);

/* Bundles sent and not yet confirmed, and changes still waiting. */
size_t ofxact_in_flight(const struct ofxact *);
size_t ofxact_waiting(const struct ofxact *);

#endif /* controller/bridge/ofxact.h */
