/* The paths between the routers.  See path.h. */
#include <config.h>

#include "controller/engine/path.h"

#include <stdlib.h>
#include <sys/random.h>

#include <firsthop/buf.h>

#include "controller/engine/engine_private.h"
#include "controller/engine/router_send.h"

/* An end is named by 16 bits of a beacon's number. */
#define MAX_PATHS 32767
/* A bridge sends at most one a ms. */
#define BEACON_APART_MS 1
/* Longer intervals are divided into so many slots. */
#define SLOTS_FROM_MS 50
#define SLOTS 5
/* Others of the same two routers are asked when one falls silent, and not
 * again before. */
#define TOGETHER_MS 10
/* A segment whose clients were suspected is not suspected again before. */
#define SUSPECT_AGAIN_MS 200

/* While it is asked whether a router is dead, and while its clients move: the
 * longest that a beacon that is pressed is likely to take, twice. */
#define HUSH_MS 1000

/* A bridge that has just got all its flows is busy with them, and what it has
 * answered so far tells little of how quick it will be. */
#define SETTING_UP_MS 1000

/* Of an end's beacon: engine.c sees to it at the end of the turn. */
static void
end_fired(struct wheel_timer *timer, int64_t now_ms, void *en_)
{
    struct path_end *end = (void *) timer;
    struct engine *en = en_;

    if (!end->due) {
        end->due = true;
        end->next_due = NULL;
        *en->due_tail = end;
        en->due_tail = &end->next_due;
    }
}

struct path_end *
path_take_due(struct engine *en)
{
    struct path_end *end = en->due;

    if (end) {
        end->due = false;
        en->due = end->next_due;
        if (!en->due) {
            en->due_tail = &en->due;
        }
    }
    return end;
}

struct path_end *
path_far_end(const struct path_end *end)
{
    struct path *path = end->path;

    return &path->ends[end == &path->ends[0]];
}

static void
ask_now(struct engine *en, struct path_end *end)
{
    if (end->router->ready && !end->beacon.outstanding) {
        wheel_arm(en->wheel, &end->beacon.timer, engine_now_ms(en));
    }
}

/* From the configuration. */

static char *
make_key(const struct segment *segment, const struct member *a,
         const struct member *b, bool core)
{
    char x[FH_ADDR_STRLEN], y[FH_ADDR_STRLEN], vlan[FH_VLAN_STRLEN];

    if (!core) {
        return fh_xasprintf("%s %s %s", segment->config->name,
                            a->router->config->name, b->router->config->name);
    }
    return fh_xasprintf("%s %s %s %s %s", a->router->config->name,
                        fh_addr_format(a->uplink->view.address, x),
                        b->router->config->name,
                        fh_addr_format(b->uplink->view.address, y),
                        fh_vlan_format(&a->uplink->view.vlan, vlan));
}

/* Looks from 'start' on, all around. */
static struct path *
find_key(struct path *paths, size_t n, size_t start, const char *key)
{
    for (size_t i = 0; i < n; i++) {
        struct path *path = &paths[(start + i) % n];

        if (!strcmp(path->key, key)) {
            return path;
        }
    }
    return NULL;
}

static void
set_end(struct path *path, int i, const struct member *member)
{
    struct path_end *end = &path->ends[i];

    end->path = path;
    end->router = member->router;
    end->uplink = member->uplink;
    end->member = member;
    end->params = path->segment->beacon;
    end->beacon.timer.fire = end_fired;
}

static void
add_path(struct engine *en, struct segment *segment, const struct member *a,
         const struct member *b, bool core)
{
    struct path *path = &en->paths[en->n_paths];
    char *key;

    if (en->n_paths == MAX_PATHS) {
        return;
    }
    key = make_key(segment, a, b, core);
    if (core && find_key(en->paths, en->n_paths, 0, key)) {
        free(key);              /* Another segment uses it, too. */
        return;
    }
    path->key = key;
    path->segment = segment;
    path->core = core;
    set_end(path, 0, a);
    set_end(path, 1, b);
    en->n_paths++;
}

static void
add_segment(struct engine *en, struct segment *segment)
{
    for (size_t i = 0; i < segment->n_members; i++) {
        for (size_t j = i + 1; j < segment->n_members; j++) {
            const struct member *a = &segment->members[i];
            const struct member *b = &segment->members[j];

            add_path(en, segment, a, b, false);
            if (uplink_shares_lan(a->uplink, b->uplink)) {
                add_path(en, segment, a, b, true);
            }
        }
    }
}

static size_t
count_pairs(const struct engine *en)
{
    size_t n = 0;

    for (size_t i = 0; i < en->n_segments; i++) {
        size_t members = en->segments[i]->n_members;

        if (en->segments[i]->beacon.interval_ms) {
            n += members * (members - 1);       /* Two paths for each. */
        }
    }
    return n < MAX_PATHS ? n : MAX_PATHS;
}

/* As many ms apart are the moments at which beacons leave: not each by itself,
 * since every turn of the loop, on either side, costs more than a beacon. */
static uint32_t
slot_ms(uint32_t interval_ms)
{
    return interval_ms > SLOTS_FROM_MS ? interval_ms / SLOTS : BEACON_MIN_MS;
}

/* The beacons of a bridge are spread over the interval, which is longer where
 * there are many.  The two ends of a path ask in turn. */
static void
spread(struct engine *en)
{
    for (size_t i = 0; i < en->n_routers; i++) {
        en->routers[i]->n_beacons = 0;
    }
    for (size_t i = 0; i < 2 * en->n_paths; i++) {
        en->paths[i / 2].ends[i % 2].router->n_beacons++;
    }
    for (size_t i = 0; i < 2 * en->n_paths; i++) {
        struct path_end *end = &en->paths[i / 2].ends[i % 2];
        uint32_t least_ms = end->router->n_beacons * BEACON_APART_MS;
        uint32_t slot, n_slots;

        if (end->params.interval_ms < least_ms) {
            end->params.interval_ms = least_ms;
        }
        slot = slot_ms(end->params.interval_ms);
        n_slots = end->params.interval_ms / slot;
        end->beacon.phase_ms = (i / 2 + i % 2 * n_slots / 2) % n_slots * slot;
    }
}

static void
free_paths(struct path *paths, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        wheel_cancel(&paths[i].ends[0].beacon.timer);
        wheel_cancel(&paths[i].ends[1].beacon.timer);
        free(paths[i].key);
    }
    free(paths);
}

/* What was known, under way or not. */
static void
inherit(struct path *path, const struct path *old)
{
    path->state = old->state;
    path->since_ms = old->since_ms;
    for (int i = 0; i < 2; i++) {
        struct beacon *b = &path->ends[i].beacon;
        struct beacon was = old->ends[i].beacon;

        was.timer = b->timer;
        was.phase_ms = b->phase_ms;
        was.outstanding = false;
        *b = was;
        path->ends[i].tpid = old->ends[i].tpid;
    }
}

void
path_build(struct engine *en)
{
    struct path *old = en->paths;
    size_t n_old = en->n_paths, n = count_pairs(en);

    en->paths = fh_xcalloc(n + 1, sizeof *en->paths);
    en->n_paths = 0;
    en->due = NULL;
    en->due_tail = &en->due;
    for (size_t i = 0; i < en->n_segments; i++) {
        if (en->segments[i]->beacon.interval_ms) {
            add_segment(en, en->segments[i]);
        }
    }
    spread(en);
    for (size_t i = 0; i < en->n_paths; i++) {
        struct path *path = &en->paths[i];
        const struct path *was = find_key(old, n_old, i, path->key);

        if (was && was->core == path->core) {
            inherit(path, was);
        }
        for (int j = 0; j < 2; j++) {
            struct path_end *end = &path->ends[j];

            wheel_arm(en->wheel, &end->beacon.timer,
                      beacon_next_ms(&end->beacon, &end->params,
                                     engine_now_ms(en)));
        }
    }
    free_paths(old, n_old);
}

void
path_destroy(struct engine *en)
{
    free_paths(en->paths, en->n_paths);
    en->paths = NULL;
    en->n_paths = 0;
    en->due = NULL;
}

/* Beacons. */

uint64_t
path_number(const struct engine *en, const struct path_end *end)
{
    size_t path = end->path - en->paths, index = end - end->path->ends;
    uint32_t secret = 0;

    if (getrandom(&secret, sizeof secret, GRND_NONBLOCK) < 0) {
        secret = en->now_us * UINT32_C(2654435761);     /* Early at boot. */
    }
    return (uint64_t) (2 * path + index) << 32 | secret;
}

/* The number stands where an ARP request has the MAC that it asks for, which
 * nobody reads (RFC 826). */
static struct eth_addr
number_to_mac(uint64_t number)
{
    struct eth_addr mac;

    for (int i = 0; i < 6; i++) {
        mac.ea[i] = number >> (40 - 8 * i);
    }
    return mac;
}

static uint64_t
number_from_mac(struct eth_addr mac)
{
    uint64_t number = 0;

    memcpy((uint8_t *) &number + 2, mac.ea, sizeof mac.ea);
    return be64toh(number);
}

static struct fh_addr
end_address(const struct path_end *end)
{
    return end->path->core ? end->uplink->view.address
           : end->member->config->address;
}

struct eth_addr
path_mac(const struct path_end *end)
{
    return fh_mac_of_beacons(end->router->config->mac);
}

void
path_ask(const struct path_end *end, struct arp *arp, struct fh_vlan *vlan)
{
    *arp = (struct arp) {
        .op = ARP_OP_REQUEST,
        .sha = path_mac(end),
        .spa = end_address(end),
        .tha = number_to_mac(beacon_number(&end->beacon)),
        .tpa = end_address(path_far_end(end)),
    };
    *vlan = (end->path->core ? end->uplink->view.vlan
             : end->path->segment->config->vlan);
    if (end->tpid) {
        vlan->tpid = end->tpid;
    } else if (vlan->n == 2 && end->beacon.sent & 1) {
        vlan->tpid = ETHERTYPE_8021Q;   /* Which shows by the answer. */
    }
}

static bool
is_access_port(const struct router *router, uint32_t port)
{
    for (size_t i = 0; i < router->config->n_access_ports; i++) {
        if (router->ports[i].number == port) {
            return true;
        }
    }
    return false;
}

/* Is it what the beacon of that end asks for? */
static bool
is_answer(const struct path_end *end, const struct router *router,
          uint32_t port, const struct frame *frame, const struct arp *arp)
{
    struct fh_vlan vlan;
    struct arp asked;

    if (end->router != router
        || (end->path->core ? end->uplink->view.port != port
            : !is_access_port(router, port))) {
        return false;
    }
    path_ask(end, &asked, &vlan);
    return (fh_vlan_equal(&frame->vlan, &vlan)
            && fh_mac_equal(arp->sha, path_mac(path_far_end(end)))
            && fh_addr_equal(arp->spa, asked.tpa)
            && fh_addr_equal(arp->tpa, asked.spa));
}

/* How long that answer took, 0 where it is of no use. */
static int64_t
took_ms(const struct engine *en, const struct path_end *end, uint64_t number)
{
    int64_t asked_us = beacon_asked_us(&end->beacon, number);

    return asked_us ? (en->now_us - asked_us) / 1000 : 0;
}

bool
path_heard(struct engine *en, const struct router *router, uint32_t port,
           const struct frame *frame, const struct arp *arp)
{
    uint64_t number = number_from_mac(arp->tha);
    size_t index = number >> 32;
    enum beacon_event event;
    struct path_end *end;
    int64_t next_ms;

    if (arp->op != ARP_OP_REPLY || index >= 2 * en->n_paths) {
        return false;
    }
    end = &en->paths[index / 2].ends[index % 2];
    if (!is_answer(end, router, port, frame, arp)) {
        return false;
    }
    stall_note(&en->stall, took_ms(en, end, number), engine_now_ms(en));
    if (beacon_answered(&end->beacon, &end->params, number, port,
                        en->now_us, &event, &next_ms)) {
        end->tpid = frame->vlan.tpid;
        wheel_arm(en->wheel, &end->beacon.timer, next_ms);
        path_note(en, end, event);
    }
    return true;
}

/* What follows. */

static uint32_t
count_at_uplink(const struct segment *segment, const struct uplink *uplink)
{
    uint32_t n = 0;

    for (size_t i = 0; i < segment->n_members; i++) {
        n += (segment->members[i].uplink == uplink
              ? segment->members[i].n_active : 0);
    }
    return n;
}

size_t
path_count_clients(const struct engine *en, const struct path *path)
{
    const struct path_end *a = &path->ends[0], *b = &path->ends[1];
    size_t n = 0;

    if (!path->core) {
        return a->member->n_active + b->member->n_active;
    }
    for (size_t i = 0; i < en->n_segments; i++) {
        n += (count_at_uplink(en->segments[i], a->uplink)
              + count_at_uplink(en->segments[i], b->uplink));
    }
    return n;
}

const struct path *
path_first(const struct engine *en, size_t *n)
{
    *n = en->n_paths;
    return en->paths;
}

const struct path *
path_across_core(const struct engine *en, const struct path *path)
{
    for (size_t i = 0; i < en->n_paths; i++) {
        const struct path *other = &en->paths[i];

        if (other->core && other->ends[0].uplink == path->ends[0].uplink
            && other->ends[1].uplink == path->ends[1].uplink) {
            return other;
        }
    }
    return NULL;
}

static void
report(struct engine *en, const struct path *path, enum incident_type type)
{
    struct incident e = incident_init(type);

    if (!path->core) {
        snprintf(e.segment, sizeof e.segment, "%s",
                 path->segment->config->name);
    }
    snprintf(e.from, sizeof e.from, "%s",
             path->ends[0].router->config->name);
    snprintf(e.to, sizeof e.to, "%s", path->ends[1].router->config->name);
    snprintf(e.detail, sizeof e.detail, "across the %s, %zu clients",
             path->core ? "core" : "access network",
             path_count_clients(en, path));
    engine_report(en, &e);
}

static enum path_state
derive_state(const struct path *path)
{
    bool any_lost = false, any_late = false;

    for (int i = 0; i < 2; i++) {
        const struct beacon *b = &path->ends[i].beacon;

        if (b->state == BEACON_UP && !path->ends[i].router->overdue) {
            return PATH_UP;
        }
        any_lost = any_lost || b->state == BEACON_LOST;
        any_late = any_late || b->state == BEACON_LATE;
    }
    return any_lost ? PATH_LOST : any_late ? path->state : PATH_UNKNOWN;
}

static void
set_state(struct engine *en, struct path *path, enum path_state state)
{
    enum path_state was = path->state;

    if (state == was) {
        return;
    }
    path->state = state;
    path->since_ms = engine_unix_ms(en);
    if (state == PATH_LOST) {
        report(en, path, INCIDENT_PATH_LOST);
    } else if (was == PATH_LOST && state == PATH_UP) {
        report(en, path, INCIDENT_PATH_FOUND);
    }
}

/* Whoever shares a trunk with it may be cut off as well. */
static void
ask_others(struct engine *en, const struct path_end *end)
{
    const struct path_end *far = path_far_end(end);
    struct router *router = end->router;

    if (engine_now_ms(en) - router->asked_together_ms < TOGETHER_MS) {
        return;
    }
    router->asked_together_ms = engine_now_ms(en);
    for (size_t i = 0; i < 2 * en->n_paths; i++) {
        struct path_end *other = &en->paths[i / 2].ends[i % 2];

        if ((other->router == router
             && path_far_end(other)->router == far->router)
            || (other->router == far->router
                && path_far_end(other)->router == router)) {
            ask_now(en, other);
        }
    }
}

/* All clients of the segment that the two routers reach are to be asked. */
static void
suspect(struct engine *en, struct path *path, enum beacon_event event)
{
    struct segment *segment = path->segment;
    int64_t now_ms = engine_now_ms(en);
    uint32_t members = 0;

    if (path->core || (event == BEACON_WENT_LATE && now_ms
                       - segment->suspected_ms < SUSPECT_AGAIN_MS)) {
        return;
    }
    for (size_t i = 0; i < segment->n_members; i++) {
        if (segment->members[i].router == path->ends[0].router
            || segment->members[i].router == path->ends[1].router) {
            members |= UINT32_C(1) << i;
        }
    }
    segment->suspected_ms = now_ms;
    segment->suspects |= members;
    if (event == BEACON_WENT_LOST) {
        segment->pressed |= members;
    }
    en->suspects = true;
}

void
path_note(struct engine *en, struct path_end *end, enum beacon_event event)
{
    struct path *path = end->path;
    struct router *far = path_far_end(end)->router;

    if (event == BEACON_NOTHING) {
        return;
    }
    set_state(en, path, derive_state(path));
    if (event == BEACON_WENT_LATE) {
        ask_others(en, end);
        suspect(en, path, event);
    } else if (event == BEACON_WENT_LOST && path->state == PATH_LOST) {
        suspect(en, path, event);
    }
    far->judge = far->judge || event != BEACON_WENT_LATE;
}

void
path_forget(struct engine *en, struct path_end *end)
{
    if (beacon_forget(&end->beacon)) {
        set_state(en, end->path, derive_state(end->path));
        path_far_end(end)->router->judge = true;
    }
}

/* Routers. */

/* No client is asked by the ports by which that beacon goes out, whose answer
 * could be lost among theirs. */
static void
hush_clients(struct engine *en, const struct path_end *end)
{
    struct router *router = end->router;

    for (size_t i = 0; i < router->config->n_access_ports; i++) {
        struct router_port *port = &router->ports[i];

        if (!end->path->core
            && (!end->beacon.port || end->beacon.port == port->number)) {
            window_close(&port->window, engine_now_ms(en) + HUSH_MS);
        }
    }
}

static void
press(struct engine *en, struct path_end *end)
{
    beacon_press(&end->beacon);
    if (end->beacon.pressed) {
        hush_clients(en, end);
    }
    wheel_arm(en->wheel, &end->beacon.timer, engine_now_ms(en));
}

bool
path_is_overdue(const struct engine *en, const struct router *router)
{
    int64_t asked_us = router_asked_us(router);

    return (router->ready && asked_us
            && engine_now_ms(en) - router->ready_ms >= SETTING_UP_MS
            && en->now_us - asked_us
               > 1000 * pulse_timeout_ms(&router->fence_rtt,
                                         stall_ms(&en->stall,
                                                  engine_now_ms(en))));
}

enum pulse
path_judge(struct engine *en, const struct router *router)
{
    struct pulse_input in = { .connected = router->ready,
                              .overdue = router->overdue };
    enum pulse pulse;

    for (size_t i = 0; i < 2 * en->n_paths; i++) {
        struct path_end *end = &en->paths[i / 2].ends[i % 2];

        if (path_far_end(end)->router == router) {
            pulse_add(&in, &end->beacon,
                      end->router->ready && !end->router->overdue);
        }
    }
    pulse = pulse_decide(&in);
    for (size_t i = 0; pulse != router->pulse && i < 2 * en->n_paths; i++) {
        struct path_end *end = &en->paths[i / 2].ends[i % 2];

        if (path_far_end(end)->router == router && end->router->ready) {
            press(en, end);
        }
    }
    return pulse;
}
