/* Learnt clients go to the database.  See learnt.h. */
#include <config.h>

#include "controller/daemon/learnt.h"

#include <stdio.h>
#include <stdlib.h>

#include <firsthop/buf.h>

#include "controller/engine/engine.h"
#include "controller/store/dbstore.h"

struct learnt {
    struct engine *engine;
    struct dbstore *store;
};

/* What was configured or provisioned is kept as such. */
static bool
is_worth_it(const struct client *c)
{
    return c && c->origin == CLIENT_LEARNED && !fh_mac_is_zero(c->mac);
}

static void
learn(struct learnt *l, const struct client *c)
{
    struct store_client row = {
        .address = c->key.address, .has_mac = true, .mac = c->mac,
        .own_vlan = !fh_vlan_equal(&c->vlan, &c->segment->config->vlan),
        .vlan = c->vlan,
    };

    snprintf(row.segment, sizeof row.segment, "%s", c->segment->config->name);
    dbstore_learn(l->store, &row);
}

static void
on_incident(const struct incident *e, void *l_)
{
    struct learnt *l = l_;
    const struct segment *segment;
    struct client *c;

    if (engine_is_quiet(l->engine)) {
        return;
    }
    if (e->type == INCIDENT_CLIENT_FORGOTTEN) {
        dbstore_unlearn(l->store, e->segment, e->client);
        return;
    }
    if (e->type != INCIDENT_CLIENT_ELECTED && e->type != INCIDENT_CLIENT_FOUND
        && e->type != INCIDENT_CLIENT_FOLLOWED) {
        return;
    }
    segment = engine_find_segment(l->engine, e->segment);
    c = segment ? clients_find(engine_clients(l->engine), e->client,
                               segment->id) : NULL;
    if (is_worth_it(c)) {
        learn(l, c);
    }
}

static void
recall(void *l_, const struct store_client *row)
{
    const struct learnt *l = l_;

    engine_recall(l->engine, row);
}

void
learnt_recall(struct learnt *l)
{
    dbstore_each_learnt(l->store, recall, l);
}

struct learnt *
learnt_create(struct engine *engine, struct dbstore *store)
{
    struct learnt *l = fh_xmalloc(sizeof *l);

    *l = (struct learnt) { engine, store };
    journal_listen(engine_journal(engine), on_incident, l);
    return l;
}

void
learnt_destroy(struct learnt *l)
{
    if (l) {
        journal_unlisten(engine_journal(l->engine), on_incident, l);
        free(l);
    }
}
