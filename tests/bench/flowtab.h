/* The flow tables of an emulated bridge.
 *
 * Keeps the bytes of every flow so that a flow dump returns what was
 * installed, and runs frames through the flows that do not belong to one
 * host, which is enough to punt as a real bridge would. */
#ifndef FLOWTAB_H
#define FLOWTAB_H 1

#include <firsthop/buf.h>

#include "tests/bench/benchwire.h"

struct flowtab;

/* 'host' is the exact IPv4 address that the flow's match names, 0: none. */
struct flow {
    struct flow *next;          /* In its hash bucket. */
    struct flow *tnext, **tpprev;   /* In its table's list, if host is 0. */
    uint64_t cookie;
    uint64_t added_ns;
    uint64_t expires_ns;        /* 0: never. */
    uint32_t hash;
    uint32_t host;
    uint16_t priority;
    uint16_t flags;
    uint16_t idle_s, hard_s;
    uint16_t match_len;         /* Padded, with its 4-byte header. */
    uint16_t inst_len;
    uint8_t table;
    uint8_t data[];             /* Match, then instructions. */
};

struct flowtab_cbs {
    void (*added)(const struct flow *, void *aux);
    /* 'reason' is an OFPRR_*: 1 timeout, 2 delete. */
    void (*removed)(const struct flow *, int reason, void *aux);
};

struct flowtab_counters {
    uint64_t adds;              /* Flow mods that put in a flow, ... */
    uint64_t replaced;          /* of them, over one of the same match, ... */
    uint64_t same;              /* of them, without changing anything. */
    uint64_t deletes;           /* Flow mods to delete... */
    uint64_t deleted;           /* and the flows that went. */
};

struct flowtab *flowtab_create(const struct flowtab_cbs *, void *aux);
/* Another one with the same flows, whose addition is told. */
struct flowtab *flowtab_copy(const struct flowtab *);
void flowtab_destroy(struct flowtab *);

/* Applies the flow mod 'fm' ('len' bytes with its OpenFlow header).  Returns
 * 0, or -1 if it is malformed. */
int flowtab_apply(struct flowtab *, const uint8_t *fm, size_t len,
                  uint64_t now_ns);
/* Removes the flows whose hard timeout has passed. */
void flowtab_expire(struct flowtab *, uint64_t now_ns);
/* Removes all flows without calling 'removed'. */
void flowtab_clear(struct flowtab *);

size_t flowtab_count(const struct flowtab *);
size_t flowtab_count_table(const struct flowtab *, uint8_t table);
const struct flowtab_counters *flowtab_counters(const struct flowtab *);
/* Grows with every change to a flow that names no host. */
uint64_t flowtab_generation(const struct flowtab *);

/* Which flows are asked for. */
struct flowtab_query {
    uint64_t cookie, mask;
    uint8_t table;              /* OFPTT_ALL: any. */
    const uint8_t *match;       /* OXM fields of 'match_len' bytes, that a */
    size_t match_len;           /* flow's match must be within. */
};

/* Appends flow-stats entries of OpenFlow 'version' for those flows.  Calls 'full' to
 * make room whenever the entries since the last call come near 60,000
 * bytes. */
void flowtab_dump(const struct flowtab *, int version,
                  const struct flowtab_query *, uint64_t now_ns,
                  struct fh_buf *buf, void (*full)(void *aux), void *aux);

struct flowtab_punt {
    bool punted;
    bool miss;                  /* By a table-miss flow. */
    uint8_t table;
    uint64_t cookie;
    uint64_t metadata;
};

/* Runs 'frame' (untagged; ARP, or UDP over IPv4) that came in on 'in_port'
 * through the tables and says whether, and by which flow, it is punted. */
void flowtab_run(const struct flowtab *, uint32_t in_port,
                 const uint8_t *frame, struct flowtab_punt *);

#endif /* tests/bench/flowtab.h */
