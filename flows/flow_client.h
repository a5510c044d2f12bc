/* A client on its active router, as flows.  Pure.
 *
 * Two of them: in SOURCE the check that what claims to be the client is it,
 * at its port and under its tags; in CLIENT the way to it, from the core and
 * from its neighbours alike.  Neither names a protocol: SENDER and ROUTE have
 * noted the address, of IPv4 or of ARP, so that the same two let a bridge
 * answer ARP (flow_answer.h). */
#ifndef FLOW_CLIENT_H
#define FLOW_CLIENT_H 1

#include <firsthop/flow.h>
#include <firsthop/snapshot.h>

#define FLOW_CLIENT_N 2
#define FLOW_STALE_S  10        /* For so long a stale MAC is watched. */

struct flow_client_info;

/* Builds the flows of '*client' into 'flows'. */
void flow_client_build(const struct fh_client *client,
                       struct fh_flow flows[FLOW_CLIENT_N]);
/* The i-th flow of part 'part' of all clients, by the last bits of their
 * addresses; 'n_parts' is a power of two. */
struct of_flow_filter;
void flow_client_select(size_t i, uint32_t part, uint32_t n_parts,
                        struct of_flow_filter *);

/* Builds the one of them that changes with 'client->lost'. */
void flow_client_build_route(const struct fh_client *client,
                             struct fh_flow *);

/* Builds the flow that counts what the client still sends to 'old_router', the
 * MAC of the router that it has moved from, and lets it pass like any other:
 * short-lived, its removal tells the count. */
void flow_client_build_stale(const struct fh_client *client,
                            struct eth_addr old_router, struct fh_flow *);
/* Reads that flow, as its removal names it.  Returns false if it is none. */
bool flow_client_read_stale(const struct fh_flow *,
                           struct flow_client_info *);

/* What a SOURCE flow that a bridge holds says about its client. */
struct flow_client_info {
    struct fh_addr address;
    struct eth_addr mac;
    struct fh_vlan vlan;        /* tpid 0: a match does not know it. */
    uint32_t port;
    uint32_t decision;
};

/* Reads '*flow' back.  Returns false if it is no client's SOURCE flow. */
bool flow_client_read(const struct fh_flow *flow, struct flow_client_info *);
/* The outer Ethertype in a ROUTE flow of a client, which is where a restarted
 * daemon finds it again.  Returns false if it is no such flow. */
bool flow_client_read_route(const struct fh_flow *flow, struct fh_addr *addr,
                            uint16_t *tpid);

#endif /* flows/flow_client.h */
