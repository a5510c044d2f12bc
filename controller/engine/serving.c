/* Who serves a client: its active router, its state and its deadlines.
 * See serving.h.
 *
 * The one writer of 'active' and 'state', but for a reload.  Called by all
 * who decide about a client; calls nobody back. */
#include <config.h>

#include "controller/engine/serving.h"

bool
serving_can(const struct client *c, size_t member)
{
    const struct member *m = &c->segment->members[member];

    return (m->router->ready
            && !(m->router->one_tag_only
                 && (c->vlan.n > 1 || m->uplink->view.vlan.n > 1)));
}

uint32_t
serving_ready(const struct segment *segment)
{
    uint32_t ready = 0;

    for (size_t i = 0; i < segment->n_members; i++) {
        if (segment->members[i].router->ready) {
            ready |= UINT32_C(1) << i;
        }
    }
    return ready;
}

void
serving_set_active(struct engine *en, struct client *c, int member)
{
    if (c->active == member) {
        return;
    }
    if (c->active != ELECT_NONE) {
        c->segment->members[c->active].n_active--;
        if (!--member_router(c, c->active)->n_active) {
            engine_holders_changed(en);
        }
    }
    if (member != ELECT_NONE) {
        c->segment->members[member].n_active++;
        if (!member_router(c, member)->n_active++) {
            engine_holders_changed(en);
        }
    }
    c->active = member;
    /* Whoever is on trial is compared with the active router. */
    c->trial_member = ELECT_NONE;
    c->trial_left = 0;
}

void
serving_set_state(struct engine *en, struct client *c, enum client_state state)
{
    if (c->state != state) {
        c->state = state;
        c->since_ms = engine_now_ms(en) + en->unix_off_ms;
    }
}

/* In events. */

struct incident
serving_event(const struct client *c, enum incident_type type)
{
    struct incident e = incident_init(type);

    e.client = c->key.address;
    snprintf(e.segment, sizeof e.segment, "%s", c->segment->config->name);
    return e;
}

void
serving_name_member(char *name, const struct client *c, int member)
{
    if (member != ELECT_NONE) {
        snprintf(name, INCIDENT_NAME_LEN, "%s",
                 member_router(c, member)->config->name);
    }
}

void
serving_name_forwarder(char *name, const struct client *c, int member)
{
    if (member == ELECT_NONE && c->removed_router) {
        snprintf(name, INCIDENT_NAME_LEN, "%s",
                 c->removed_router->config->name);
    } else {
        serving_name_member(name, c, member);
    }
}

/* Deadlines. */

static void
earliest(int64_t *at, int64_t deadline)
{
    if (deadline && (!*at || deadline < *at)) {
        *at = deadline;
    }
}

int64_t
serving_withdraw_at_ms(const struct client *c)
{
    return (c->state == CLIENT_LOST && !c->withdrawn
            ? c->lost_ms + c->segment->config->withdraw_after_ms : 0);
}

/* An unverified client has nothing to keep beyond its flows. */
int64_t
serving_age_at_ms(const struct client *c)
{
    const struct config_segment *config = c->segment->config;
    int64_t age_ms = INT64_C(1000) * config->age_s;

    if (c->state == CLIENT_ACTIVE || c->origin != CLIENT_LEARNED) {
        return 0;
    }
    if (c->unverified && config->withdraw_after_ms < age_ms) {
        age_ms = config->withdraw_after_ms;
    }
    return c->lost_ms + age_ms;
}

void
serving_arm(struct engine *en, struct client *c)
{
    int64_t at = 0;

    earliest(&at, c->takeover_at_ms);
    earliest(&at, c->discover_at_ms);
    earliest(&at, c->elect_at_ms);
    earliest(&at, c->stale_at_ms);
    earliest(&at, serving_withdraw_at_ms(c));
    earliest(&at, serving_age_at_ms(c));
    if (at) {
        wheel_arm(en->wheel, &c->timer, at);
    } else {
        wheel_cancel(&c->timer);
    }
}

void
serving_report_lost(struct engine *en, struct client *c)
{
    struct incident e = serving_event(c, INCIDENT_CLIENT_LOST);

    serving_name_forwarder(e.from, c, c->active);
    e.detect_ms = c->lost_ms - c->alive_ms;
    c->lost_untold = false;
    engine_report(en, &e);
}
