/* What an operator asks for: move, drain, provision, delete, and another
 * configuration.  Each is done whole or refused with its reason. */
#include <config.h>

#include "controller/engine/engine_private.h"

#include <errno.h>
#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/engine/life.h"
#include "controller/engine/mark.h"
#include "controller/engine/reload.h"
#include "controller/engine/runtime.h"
#include "controller/engine/serving.h"
#include "controller/engine/search.h"
#include "controller/engine/settle.h"
#include "controller/engine/sweep.h"

char engine_pending[] = "the change is being kept";

static char *
store_error(int error)
{
    if (error == EINPROGRESS) {
        return ENGINE_PENDING;
    }
    if (error == ECANCELED) {
        return fh_xstrdup("another controller leads");
    }
    if (error == ETIMEDOUT) {   /* Of the one that controllers share. */
        return fh_xstrdup("the database does not answer: the change has not "
                          "been made, but it may yet be kept there");
    }
    if (error == EREMOTEIO) {
        return fh_xstrdup("the database has refused the change");
    }
    return error ? fh_xasprintf("the state directory: %s", strerror(error))
                 : NULL;
}

/* Move. */

static char *
why_not(const struct client *c, size_t member)
{
    const struct router *router = c->segment->members[member].router;
    const char *name = router->config->name;

    if (!router->ready) {
        return fh_xasprintf("router %s is not connected", name);
    }
    if (router->draining) {
        return fh_xasprintf("router %s is draining", name);
    }
    if (router->uplink_down) {
        return fh_xasprintf("router %s has been said to have no uplink",
                            name);
    }
    if (!reach_is_up(&c->reaches[member])) {
        return fh_xasprintf("router %s does not reach the client", name);
    }
    if (c->reaches[member].inconclusive) {
        return fh_xasprintf("router %s cannot hear the client: its bridge is "
                            "flooded and drops replies", name);
    }
    if (!takeover_is_idle(&c->takeover)) {
        return fh_xasprintf("the client is being moved right now");
    }
    return NULL;
}

/* The host's other addresses go with it: can they? */
static char *
why_not_others(const struct client *c, size_t member)
{
    const struct client *o = (client_has_others(c) ? client_other(c, NULL)
                              : NULL);
    char text[FH_ADDR_STRLEN];

    while (o && (o->active == ELECT_NONE || reach_is_up(&o->reaches[member]))) {
        o = client_other(c, o);
    }
    return (o ? fh_xasprintf("router %s does not reach %s, another address of "
                             "the same host", c->segment->members[member]
                             .router->config->name,
                             fh_addr_format(o->key.address, text)) : NULL);
}

char *
engine_move(struct engine *en, struct client *c, size_t member)
{
    char *reason = c->active == (int) member ? NULL : why_not(c, member);

    if (!reason && c->active != (int) member) {
        reason = why_not_others(c, member);
    }

    if (reason || c->active == (int) member) {
        return reason;
    }
    settle_move(en, c, member, CAUSE_MANUAL);
    return NULL;
}

/* Drain. */

static void
elect_all_of(struct engine *en, const struct router *router)
{
    size_t n = 0;

    for (size_t i = 0; i < clients_count(en->clients); i++) {
        struct client *c = clients_at(en->clients, i);

        for (size_t j = 0; j < c->n_reaches; j++) {
            if (c->segment->members[j].router == router) {
                c->elect_at_ms = engine_now_ms(en) + 1 + n++ / DRAIN_PER_MS;
                serving_arm(en, c);
            }
        }
    }
}

char *
engine_set_draining(struct engine *en, struct router *router,
                    bool draining)
{
    struct incident e = incident_init(INCIDENT_ROUTER_ADMIN);
    const char *name = router->config->name;
    const struct store_change change = {
        draining ? STORE_DRAIN : STORE_UNDRAIN, .names = &name, .n = 1
    };
    char *error;

    if (router->draining == draining) {
        return NULL;
    }
    error = store_error(engine_keep(en, &change));
    if (error) {
        return error;
    }
    router->draining = draining;
    elect_all_of(en, router);
    snprintf(e.from, sizeof e.from, "%s", router->config->name);
    snprintf(e.detail, sizeof e.detail, "%s", draining ? "drain" : "up");
    engine_report(en, &e);
    return NULL;
}

/* Uplink. */

char *
engine_set_uplink_down(struct engine *en, struct router *router, bool down)
{
    struct incident e = incident_init(INCIDENT_ROUTER_UPLINK);
    const char *name = router->config->name;
    const struct store_change change = {
        down ? STORE_UPLINK_DOWN : STORE_UPLINK_UP, .names = &name, .n = 1
    };
    char *error;

    if (router->uplink_down == down) {
        return NULL;
    }
    error = store_error(engine_keep(en, &change));
    if (error) {
        return error;
    }
    router->uplink_down = down;
    snprintf(e.from, sizeof e.from, "%s", name);
    snprintf(e.detail, sizeof e.detail, "%s", down ? "down" : "up");
    engine_report(en, &e);
    sweep_start(en, router, mark_election, 0);
    return NULL;
}

/* Sweep. */

char *
engine_sweep(struct engine *en, struct segment *segment,
             const struct fh_prefix *prefix)
{
    return search_begin(en, segment, prefix);
}

/* Provision. */

static void
to_stored(const struct engine *en, const struct config_client *client,
          struct store_client *out)
{
    memset(out, 0, sizeof *out);
    out->address = client->address;
    snprintf(out->segment, sizeof out->segment, "%s",
             en->config->segments[client->segment].name);
    out->has_mac = client->has_mac;
    out->mac = client->mac;
    out->own_vlan = client->own_vlan;
    out->vlan = client->vlan;
}

/* Returns false if the routers' base flows may have to change. */
static bool
provision(struct engine *en, const struct config_client *client)
{
    struct segment *segment = en->segments[client->segment];
    struct client *c = clients_find(en->clients, client->address,
                                    segment->id);
    uint32_t last_decision = c ? life_last_decision(c) : 0;

    if (c && runtime_client_fits(c, client)) {
        runtime_set_client(en, c, client, CLIENT_PROVISIONED);
        return true;
    }
    if (c) {
        life_forget(en, c, "provisioned anew");
    }
    life_succeed(runtime_add_client(en, client, CLIENT_PROVISIONED),
                 last_decision);
    return false;
}

static int
store_all(struct engine *en, const struct config_client *clients, size_t n)
{
    struct store_client *stored = fh_xcalloc(n + 1, sizeof *stored);
    const struct store_change change = {
        STORE_PUT_CLIENTS, .clients = stored, .n = n
    };
    int error;

    for (size_t i = 0; i < n; i++) {
        to_stored(en, &clients[i], &stored[i]);
    }
    error = engine_keep(en, &change);
    free(stored);
    return error;
}

char *
engine_provision(struct engine *en, const struct config_client *clients,
                 size_t n)
{
    char *error = store_error(store_all(en, clients, n));
    bool same_bases = true;

    if (error) {
        return error;
    }
    for (size_t i = 0; i < n; i++) {
        same_bases &= provision(en, &clients[i]);
    }
    if (!same_bases) {
        runtime_update_bases(en);
    }
    return NULL;
}

char *
engine_delete(struct engine *en, struct client *c)
{
    struct store_client tomb = { .address = c->key.address, .removed = true };
    struct store_change change = { .clients = &tomb, .n = 1 };
    char *error;

    snprintf(tomb.segment, sizeof tomb.segment, "%s",
             c->segment->config->name);
    change.type = (runtime_is_configured(en, c) ? STORE_PUT_CLIENTS
                   : STORE_FORGET_CLIENT);
    error = store_error(engine_keep(en, &change));
    if (error) {
        return error;
    }
    life_forget(en, c, "deleted");
    return NULL;
}

/* Another configuration. */

char *
engine_apply(struct engine *en, struct config *config, bool persist)
{
    struct incident e = incident_init(INCIDENT_CONFIG_APPLIED);
    const struct store_change change = {
        STORE_SET_CONFIG, .config = persist ? config->json : NULL
    };
    char *error;

    error = store_error(engine_keep(en, &change));
    if (error) {
        return error;
    }
    error = reload(en, config);
    if (error) {
        /* All else is in force: say what is not. */
        log_err("configuration: %s", error);
        free(error);
    }
    snprintf(e.detail, sizeof e.detail, "%s",
             persist ? "over the control socket" : "from the file");
    engine_report(en, &e);
    return NULL;
}
