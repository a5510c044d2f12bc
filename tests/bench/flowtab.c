/* Flow tables of an emulated bridge: one hash over all tables, by table,
 * priority and the bytes of the match.  Called by bridge.c only. */
#include <config.h>

#include "tests/bench/flowtab.h"

#include <stdlib.h>

#include "tests/bench/oxm.h"

#define FLOW_MOD_FIXED_LEN 48       /* Up to the match. */
#define FLOW_STATS_FIXED_LEN 48
#define DUMP_CHUNK 60000            /* Bytes; a multipart holds 65,535. */

struct flowtab {
    struct flow **buckets;
    size_t n_buckets;               /* A power of 2. */
    size_t n;
    size_t n_by_table[256];
    size_t n_timed;                 /* Flows with a hard timeout. */
    struct flow *hostless[256];     /* By table. */
    uint64_t generation;
    struct flowtab_counters counters;
    struct flowtab_cbs cbs;
    void *aux;
};

/* A flow mod taken apart; pointers into it. */
struct flow_mod {
    uint64_t cookie, cookie_mask;
    uint8_t table, command;
    uint16_t idle_s, hard_s, priority, flags;
    const uint8_t *match;
    size_t match_len;               /* Padded. */
    const uint8_t *inst;
    size_t inst_len;
};

struct flowtab *
flowtab_create(const struct flowtab_cbs *cbs, void *aux)
{
    struct flowtab *ft = fh_xcalloc(1, sizeof *ft);

    ft->n_buckets = 1024;
    ft->buckets = fh_xcalloc(ft->n_buckets, sizeof *ft->buckets);
    ft->cbs = *cbs;
    ft->aux = aux;
    return ft;
}

void
flowtab_clear(struct flowtab *ft)
{
    for (size_t i = 0; i < ft->n_buckets; i++) {
        struct flow *next;

        for (struct flow *f = ft->buckets[i]; f; f = next) {
            next = f->next;
            free(f);
        }
        ft->buckets[i] = NULL;
    }
    ft->n = ft->n_timed = 0;
    memset(ft->n_by_table, 0, sizeof ft->n_by_table);
    memset(ft->hostless, 0, sizeof ft->hostless);
    ft->generation++;
}

void
flowtab_destroy(struct flowtab *ft)
{
    if (ft) {
        flowtab_clear(ft);
        free(ft->buckets);
        free(ft);
    }
}

/* FNV-1a. */
static uint32_t
hash_bytes(const uint8_t *p, size_t n, uint32_t hash)
{
    for (size_t i = 0; i < n; i++) {
        hash = (hash ^ p[i]) * 16777619u;
    }
    return hash ^ hash >> 15;
}

static void
grow(struct flowtab *ft)
{
    size_t n = ft->n_buckets * 2;
    struct flow **buckets = fh_xcalloc(n, sizeof *buckets);

    for (size_t i = 0; i < ft->n_buckets; i++) {
        struct flow *next;

        for (struct flow *f = ft->buckets[i]; f; f = next) {
            next = f->next;
            f->next = buckets[f->hash & (n - 1)];
            buckets[f->hash & (n - 1)] = f;
        }
    }
    free(ft->buckets);
    ft->buckets = buckets;
    ft->n_buckets = n;
}

static int
flow_mod_parse(const uint8_t *fm, size_t len, struct flow_mod *m)
{
    if (len < FLOW_MOD_FIXED_LEN + 8) {
        return -1;
    }
    m->cookie = wire_get64(fm + 8);
    m->cookie_mask = wire_get64(fm + 16);
    m->table = fm[24];
    m->command = fm[25];
    m->idle_s = wire_get16(fm + 26);
    m->hard_s = wire_get16(fm + 28);
    m->priority = wire_get16(fm + 30);
    m->flags = wire_get16(fm + 44);
    m->match = fm + FLOW_MOD_FIXED_LEN;

    size_t raw_len = wire_get16(m->match + 2);
    m->match_len = wire_pad8(raw_len);
    if (raw_len < 4 || m->match_len > len - FLOW_MOD_FIXED_LEN) {
        return -1;
    }
    m->inst = m->match + m->match_len;
    m->inst_len = len - FLOW_MOD_FIXED_LEN - m->match_len;
    return 0;
}

static const uint8_t *
match_tlvs(const uint8_t *match, size_t *len)
{
    *len = wire_get16(match + 2) - 4;
    return match + 4;
}

static uint32_t
flow_mod_hash(const struct flow_mod *m)
{
    return hash_bytes(m->match, m->match_len,
                      2166136261u ^ m->table ^ (uint32_t) m->priority << 8);
}

static struct flow **
find(struct flowtab *ft, const struct flow_mod *m, uint32_t hash)
{
    struct flow **fp = &ft->buckets[hash & (ft->n_buckets - 1)];

    while (*fp) {
        const struct flow *f = *fp;

        if (f->hash == hash && f->table == m->table
            && f->priority == m->priority && f->match_len == m->match_len
            && !memcmp(f->data, m->match, m->match_len)) {
            break;
        }
        fp = &(*fp)->next;
    }
    return fp;
}

/* Takes '*fp' out of 'ft' and frees it. */
static void
remove_flow(struct flowtab *ft, struct flow **fp, int reason, bool tell)
{
    struct flow *f = *fp;

    *fp = f->next;
    ft->n--;
    ft->n_by_table[f->table]--;
    ft->n_timed -= f->expires_ns != 0;
    if (!f->host) {
        *f->tpprev = f->tnext;
        if (f->tnext) {
            f->tnext->tpprev = f->tpprev;
        }
        ft->generation++;
    }
    if (tell) {
        ft->cbs.removed(f, reason, ft->aux);
    }
    free(f);
}

static struct flow *
flow_create(const struct flow_mod *m, uint32_t hash, uint64_t now_ns)
{
    struct flow *f = fh_xmalloc(sizeof *f + m->match_len + m->inst_len);
    size_t n;
    const uint8_t *tlvs = match_tlvs(m->match, &n);

    *f = (struct flow) {
        .cookie = m->cookie, .added_ns = now_ns, .hash = hash,
        .expires_ns = m->hard_s ? now_ns + m->hard_s * UINT64_C(1000000000)
                                : 0,
        .host = oxm_ip_host(tlvs, n), .priority = m->priority,
        .flags = m->flags, .idle_s = m->idle_s, .hard_s = m->hard_s,
        .match_len = (uint16_t) m->match_len,
        .inst_len = (uint16_t) m->inst_len, .table = m->table,
    };
    memcpy(f->data, m->match, m->match_len);
    memcpy(f->data + m->match_len, m->inst, m->inst_len);
    return f;
}

static bool
flow_is(const struct flow *f, const struct flow_mod *m)
{
    return f->cookie == m->cookie && f->flags == m->flags
           && f->hard_s == m->hard_s && f->inst_len == m->inst_len
           && !memcmp(f->data + f->match_len, m->inst, m->inst_len);
}

/* Takes 'f', for which there is no other of the same match. */
static void
insert(struct flowtab *ft, struct flow *f)
{
    if (ft->n >= ft->n_buckets) {
        grow(ft);
    }
    f->next = ft->buckets[f->hash & (ft->n_buckets - 1)];
    ft->buckets[f->hash & (ft->n_buckets - 1)] = f;
    ft->n++;
    ft->n_by_table[f->table]++;
    ft->n_timed += f->expires_ns != 0;
    if (!f->host) {
        f->tnext = ft->hostless[f->table];
        f->tpprev = &ft->hostless[f->table];
        if (f->tnext) {
            f->tnext->tpprev = &f->tnext;
        }
        ft->hostless[f->table] = f;
        ft->generation++;
    }
    ft->cbs.added(f, ft->aux);
}

static void
add_flow(struct flowtab *ft, const struct flow_mod *m, uint64_t now_ns)
{
    uint32_t hash = flow_mod_hash(m);
    struct flow **fp = find(ft, m, hash);

    ft->counters.adds++;
    if (*fp) {
        ft->counters.replaced++;
        if (flow_is(*fp, m)) {
            ft->counters.same++;
            return;
        }
        remove_flow(ft, fp, 0, true);
    }
    insert(ft, flow_create(m, hash, now_ns));
}

struct flowtab *
flowtab_copy(const struct flowtab *ft)
{
    struct flowtab *copy = flowtab_create(&ft->cbs, ft->aux);

    for (size_t i = 0; i < ft->n_buckets; i++) {
        for (const struct flow *f = ft->buckets[i]; f; f = f->next) {
            insert(copy, fh_xmemdup(f, (sizeof *f + f->match_len
                                        + f->inst_len)));
        }
    }
    return copy;
}

static bool
cookie_fits(const struct flow *f, const struct flow_mod *m)
{
    return !((f->cookie ^ m->cookie) & m->cookie_mask);
}

static void
delete_strict(struct flowtab *ft, const struct flow_mod *m)
{
    struct flow **fp = find(ft, m, flow_mod_hash(m));

    if (*fp && cookie_fits(*fp, m)) {
        ft->counters.deleted++;
        remove_flow(ft, fp, 2, true);
    }
}

static void
delete_loose(struct flowtab *ft, const struct flow_mod *m)
{
    size_t wide_len;
    const uint8_t *wide = match_tlvs(m->match, &wide_len);

    for (size_t i = 0; i < ft->n_buckets; i++) {
        struct flow **fp = &ft->buckets[i];

        while (*fp) {
            size_t n;
            const uint8_t *tlvs = match_tlvs((*fp)->data, &n);

            if ((m->table == OFPTT_ALL || m->table == (*fp)->table)
                && cookie_fits(*fp, m)
                && oxm_covers(wide, wide_len, tlvs, n)) {
                ft->counters.deleted++;
                remove_flow(ft, fp, 2, true);
            } else {
                fp = &(*fp)->next;
            }
        }
    }
}

int
flowtab_apply(struct flowtab *ft, const uint8_t *fm, size_t len,
              uint64_t now_ns)
{
    struct flow_mod m;

    if (flow_mod_parse(fm, len, &m)) {
        return -1;
    }
    switch (m.command) {
    case OFPFC_ADD:
    case OFPFC_MODIFY:              /* Near enough: nobody here relies on */
    case OFPFC_MODIFY_STRICT:       /* what a modify leaves alone. */
        add_flow(ft, &m, now_ns);
        return 0;
    case OFPFC_DELETE:
        ft->counters.deletes++;
        delete_loose(ft, &m);
        return 0;
    case OFPFC_DELETE_STRICT:
        ft->counters.deletes++;
        delete_strict(ft, &m);
        return 0;
    default:
        return -1;
    }
}

void
flowtab_expire(struct flowtab *ft, uint64_t now_ns)
{
    for (size_t i = 0; ft->n_timed && i < ft->n_buckets; i++) {
        struct flow **fp = &ft->buckets[i];

        while (*fp) {
            if ((*fp)->expires_ns && (*fp)->expires_ns <= now_ns) {
                remove_flow(ft, fp, 1, true);
            } else {
                fp = &(*fp)->next;
            }
        }
    }
}

size_t
flowtab_count(const struct flowtab *ft)
{
    return ft->n;
}

size_t
flowtab_count_table(const struct flowtab *ft, uint8_t table)
{
    return ft->n_by_table[table];
}

const struct flowtab_counters *
flowtab_counters(const struct flowtab *ft)
{
    return &ft->counters;
}

uint64_t
flowtab_generation(const struct flowtab *ft)
{
    return ft->generation;
}

static void
put_stats_entry(const struct flow *f, int version, uint64_t now_ns,
                struct fh_buf *buf)
{
    size_t n = FLOW_STATS_FIXED_LEN + f->match_len + f->inst_len;
    uint8_t *p = fh_buf_put(buf, n);
    uint64_t age_ns = now_ns - f->added_ns;

    /* The two versions differ in what follows the flags only: padding, or
     * the importance and padding.  Zero is right for both. */
    memset(p, 0, FLOW_STATS_FIXED_LEN);
    wire_put16(p, (uint16_t) n);
    p[2] = f->table;
    wire_put32(p + 4, (uint32_t) (age_ns / 1000000000));
    wire_put32(p + 8, (uint32_t) (age_ns % 1000000000));
    wire_put16(p + 12, f->priority);
    wire_put16(p + 14, f->idle_s);
    wire_put16(p + 16, f->hard_s);
    wire_put16(p + 18, f->flags);
    wire_put64(p + 24, f->cookie);
    memcpy(p + FLOW_STATS_FIXED_LEN, f->data, f->match_len + f->inst_len);
}

static bool
is_asked_for(const struct flow *f, const struct flowtab_query *q)
{
    size_t n;
    const uint8_t *tlvs = match_tlvs(f->data, &n);

    return !((f->cookie ^ q->cookie) & q->mask)
           && (q->table == OFPTT_ALL || q->table == f->table)
           && oxm_covers(q->match, q->match_len, tlvs, n);
}

void
flowtab_dump(const struct flowtab *ft, int version,
             const struct flowtab_query *query, uint64_t now_ns,
             struct fh_buf *buf, void (*full)(void *aux), void *aux)
{
    size_t chunk = 0;

    for (size_t i = 0; i < ft->n_buckets; i++) {
        for (const struct flow *f = ft->buckets[i]; f; f = f->next) {
            if (!is_asked_for(f, query)) {
                continue;
            }
            put_stats_entry(f, version, now_ns, buf);
            chunk += FLOW_STATS_FIXED_LEN + f->match_len + f->inst_len;
            if (chunk > DUMP_CHUNK) {
                full(aux);
                chunk = 0;
            }
        }
    }
}

/* True if the action list holds an output to the controller. */
static bool
actions_punt(const uint8_t *a, size_t len)
{
    while (len >= 8) {
        size_t n = wire_get16(a + 2);

        if (n < 8 || n > len) {
            return false;
        }
        if (wire_get16(a) == OFPAT_OUTPUT
            && wire_get32(a + 4) == OFPP_CONTROLLER) {
            return true;
        }
        a += n;
        len -= n;
    }
    return false;
}

/* Runs the instructions of 'f'.  Returns the next table, or -1. */
static int
run_instructions(const struct flow *f, struct flowtab_punt *punt)
{
    const uint8_t *p = f->data + f->match_len;
    size_t left = f->inst_len;
    int next = -1;

    while (left >= 8) {
        size_t n = wire_get16(p + 2);

        if (n < 8 || n > left) {
            break;
        }
        switch (wire_get16(p)) {
        case OFPIT_GOTO_TABLE:
            next = p[4];
            break;
        case OFPIT_WRITE_METADATA:
            if (n >= 24) {
                uint64_t mask = wire_get64(p + 16);

                punt->metadata = (punt->metadata & ~mask)
                                 | (wire_get64(p + 8) & mask);
            }
            break;
        case OFPIT_APPLY_ACTIONS:
            if (actions_punt(p + 8, n - 8)) {
                punt->punted = true;
                punt->miss = !f->priority && wire_get16(f->data + 2) == 4;
                punt->table = f->table;
                punt->cookie = f->cookie;
                return -1;
            }
            break;
        }
        p += n;
        left -= n;
    }
    return next;
}

void
flowtab_run(const struct flowtab *ft, uint32_t in_port, const uint8_t *frame,
            struct flowtab_punt *punt)
{
    struct oxm_frame packet = { .in_port = in_port, .frame = frame };
    int table = 0;

    memset(punt, 0, sizeof *punt);
    while (table >= 0) {
        const struct flow *best = NULL;

        for (const struct flow *f = ft->hostless[table]; f; f = f->tnext) {
            size_t n;
            const uint8_t *tlvs = match_tlvs(f->data, &n);

            if ((!best || f->priority > best->priority)
                && oxm_matches(tlvs, n, &packet, punt->metadata)) {
                best = f;
            }
        }
        int next = best ? run_instructions(best, punt) : -1;
        table = next > table ? next : -1;
    }
}
