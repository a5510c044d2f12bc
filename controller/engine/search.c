/* Hosts that do not speak are searched for.  See search.h.
 *
 * An address is asked once by one router, by all of its access ports, and
 * those that have not answered once more by another, which may reach where
 * that one does not.  Who answers is asked as any host is that has been heard
 * of, and becomes a client when it answers again: limits of what may be learnt
 * hold as ever. */
#include <config.h>

#include "controller/engine/search.h"

#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/decide/walk.h"
#include "controller/engine/router_send.h"

/* Some segments at a time, and of each so many frames a second. */
#define SEARCH_AT_ONCE  4
#define SEARCH_FRAME_MS 5
/* So long an answer may take, */
#define SEARCH_ANSWER_MS 1000
/* and so many addresses are waited for: asked in that time. */
#define SEARCH_RECENT   256
/* By so many routers each address is asked. */
#define SEARCH_PASSES   2

struct search {
    struct search *next;
    uint32_t segment_id;
    char segment[INCIDENT_NAME_LEN];    /* Its name, which may be gone. */
    struct walk walk;
    struct sweep_status status;
    size_t member;              /* Who asks. */
    unsigned int passes;        /* Of those, how many there have been. */
    int64_t next_ms;            /* Of the next question. */
    bool ends;                  /* But for answers the pass is over. */
    struct fh_addr recent[SEARCH_RECENT];
    size_t n_recent;
};

static struct segment *
segment_of(const struct engine *en, const struct search *s)
{
    for (size_t i = 0; i < en->n_segments; i++) {
        if (en->segments[i]->id == s->segment_id) {
            return en->segments[i];
        }
    }
    return NULL;
}

static struct search *
find(const struct engine *en, const struct segment *segment)
{
    struct search *s = en->searches;

    while (s && s->segment_id != segment->id) {
        s = s->next;
    }
    return s;
}

static void
report(struct engine *en, const struct search *s, const char *what)
{
    struct incident e = incident_init(INCIDENT_SEGMENT_SWEEP);

    snprintf(e.segment, sizeof e.segment, "%s", s->segment);
    snprintf(e.detail, sizeof e.detail, "%s: %u of %u addresses asked, %u "
             "hosts found", what, s->status.n_asked, s->status.n_addresses,
             s->status.n_found);
    engine_report(en, &e);
}

static void
destroy(struct engine *en, struct search *s)
{
    struct search **p = &en->searches;

    while (*p != s) {
        p = &(*p)->next;
    }
    *p = s->next;
    walk_uninit(&s->walk);
    free(s);
}

/* Who asks in the next pass: another than before, of the highest priority.
 * Returns false if there is none. */
static bool
choose_member(const struct segment *segment, struct search *s)
{
    size_t best = SIZE_MAX;

    for (size_t i = 0; i < segment->n_members; i++) {
        const struct member *m = &segment->members[i];

        if (m->router->ready && (!s->passes || i != s->member)
            && (best == SIZE_MAX || m->config->priority
                > segment->members[best].config->priority)) {
            best = i;
        }
    }
    if (best != SIZE_MAX) {
        s->member = best;
    }
    return best != SIZE_MAX;
}

static size_t
send_by(struct router *router, uint32_t port, struct fh_vlan vlan,
        const struct arp *arp)
{
    router_queue_arp(router, port, fh_mac_broadcast(), &vlan, arp);
    if (vlan.n < FH_VLAN_MAX_TAGS) {
        return 1;
    }
    /* Which of the two hosts use shows only when one answers. */
    vlan.tpid = ETHERTYPE_8021Q;
    router_queue_arp(router, port, fh_mac_broadcast(), &vlan, arp);
    return 2;
}

/* Returns how many frames that took. */
static size_t
ask(const struct segment *segment, const struct search *s,
    struct fh_addr addr)
{
    const struct member *m = &segment->members[s->member];
    const struct arp arp = {
        .op = ARP_OP_REQUEST, .sha = m->router->config->mac,
        .spa = m->config->address, .tpa = addr,
    };
    size_t n = 0;

    for (size_t i = 0; i < m->router->config->n_access_ports; i++) {
        const struct router_port *port = &m->router->ports[i];

        if (port->number && port->up) {
            n += send_by(m->router, port->number, segment->config->vlan,
                         &arp);
        }
    }
    return n;
}

/* Is there something to find out about it? */
static bool
is_unknown(const struct engine *en, const struct segment *segment,
           struct fh_addr addr)
{
    return (segment_may_have(segment, addr)
            && !clients_find(en->clients, addr, segment->id));
}

static void
end_pass(struct engine *en, struct segment *segment, struct search *s)
{
    s->passes++;
    s->ends = false;
    s->n_recent = 0;
    if (s->passes == SEARCH_PASSES || !choose_member(segment, s)) {
        report(en, s, "done");
        destroy(en, s);
    }
}

/* One address more, if it is time. */
static void
step(struct engine *en, struct segment *segment, struct search *s)
{
    int64_t now_ms = engine_now_ms(en);
    struct fh_addr addr;

    if (now_ms < s->next_ms) {
        return;
    }
    if (s->ends) {
        end_pass(en, segment, s);
        return;
    }
    if (!segment->members[s->member].router->ready) {
        s->ends = true;                 /* Perhaps another. */
        return;
    }
    if (!router_has_probe_budget(segment->members[s->member].router)) {
        return;                         /* Clients come first. */
    }
    if (!walk_next(&s->walk, &addr)) {
        s->ends = true;
        s->next_ms = now_ms + SEARCH_ANSWER_MS;
        return;
    }
    s->status.n_asked += !s->passes;
    if (is_unknown(en, segment, addr)) {
        s->recent[s->n_recent++ % SEARCH_RECENT] = addr;
        s->next_ms = now_ms + SEARCH_FRAME_MS * ask(segment, s, addr);
    }
}

static void
timer_fired(struct wheel_timer *timer, int64_t now_ms, void *en_)
{
    struct engine *en = en_;
    struct search *s = en->searches, *next;

    for (int n = 0; s && n < SEARCH_AT_ONCE; s = next, n++) {
        struct segment *segment = segment_of(en, s);

        next = s->next;
        if (segment) {
            s->status.waits = false;
            step(en, segment, s);
        } else {
            destroy(en, s);
        }
    }
    if (en->searches) {
        wheel_arm(en->wheel, timer, now_ms + SEARCH_FRAME_MS);
    }
}

void
search_init(struct engine *en)
{
    en->search_timer.fire = timer_fired;
}

/* NULL, or what stands in the way, new. */
static char *
why_not(const struct engine *en, const struct segment *segment, uint64_t n)
{
    const char *name = segment->config->name;
    const struct search *s = find(en, segment);

    if (segment->config->learn != LEARN_ALL) {
        return fh_xasprintf("on segment %s nobody is learnt who is not listed "
                            "or has no lease", name);
    }
    if (s) {
        return fh_xasprintf("a sweep of segment %s is under way: %u of %u "
                            "addresses asked, %u hosts found", name,
                            s->status.n_asked, s->status.n_addresses,
                            s->status.n_found);
    }
    if (n > ENGINE_SWEEP_MOST) {
        return fh_xasprintf("that would be %llu addresses, and may be %u: "
                            "name a part of them", (unsigned long long) n,
                            ENGINE_SWEEP_MOST);
    }
    return NULL;
}

char *
search_begin(struct engine *en, struct segment *segment,
             const struct fh_prefix *prefix)
{
    const struct fh_prefix *prefixes = (prefix ? prefix
                                        : segment->config->prefixes);
    size_t n_prefixes = prefix ? 1 : segment->config->n_prefixes;
    uint64_t n = walk_count(prefixes, n_prefixes);
    struct search **last = &en->searches;
    struct search *s;
    char *reason = why_not(en, segment, n);

    if (reason) {
        return reason;
    }
    s = fh_xcalloc(1, sizeof *s);
    s->segment_id = segment->id;
    snprintf(s->segment, sizeof s->segment, "%s", segment->config->name);
    walk_init(&s->walk, prefixes, n_prefixes);
    s->status = (struct sweep_status) { .n_addresses = n, .waits = true };
    if (!choose_member(segment, s)) {
        walk_uninit(&s->walk);
        free(s);
        return fh_xasprintf("no router of segment %s is connected",
                            segment->config->name);
    }
    while (*last) {
        last = &(*last)->next;
    }
    *last = s;
    report(en, s, "begun");
    if (!wheel_is_armed(&en->search_timer)) {
        wheel_arm(en->wheel, &en->search_timer, engine_now_ms(en));
    }
    return NULL;
}

void
search_lost(struct engine *en, const struct router *router)
{
    for (size_t i = 0; i < router->n_segments; i++) {
        struct segment *segment = router->segments[i];
        char *reason = (segment->config->learn == LEARN_ALL
                        && !find(en, segment)
                        ? search_begin(en, segment, NULL) : NULL);

        if (reason) {
            log_info("segment %s is not swept: %s", segment->config->name,
                     reason);
            free(reason);
        }
    }
}

bool
search_answered(struct engine *en, const struct segment *segment,
                size_t member, struct fh_addr addr)
{
    struct search *s = en->searches ? find(en, segment) : NULL;
    size_t n;

    if (!s || s->member != member) {
        return false;
    }
    n = s->n_recent < SEARCH_RECENT ? s->n_recent : SEARCH_RECENT;
    for (size_t i = 0; i < n; i++) {
        if (fh_addr_equal(s->recent[i], addr)) {
            s->recent[i] = (struct fh_addr) { 0 };
            s->status.n_found++;
            return true;
        }
    }
    return false;
}

const struct sweep_status *
engine_sweep_status(const struct engine *en, const struct segment *segment)
{
    const struct search *s = find(en, segment);

    return s ? &s->status : NULL;
}

void
search_follow(struct engine *en)
{
    struct search *next;

    for (struct search *s = en->searches; s; s = next) {
        const struct segment *segment = segment_of(en, s);

        next = s->next;
        if (!segment || s->member >= segment->n_members) {
            report(en, s, "stopped by a reload");
            destroy(en, s);
        }
    }
}

void
search_destroy(struct engine *en)
{
    while (en->searches) {
        destroy(en, en->searches);
    }
    wheel_cancel(&en->search_timer);
}
