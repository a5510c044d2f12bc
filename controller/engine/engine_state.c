/* What the engine's files ask of the whole: its clock, its journal, and who is
 * who.  See engine.h. */
#include <config.h>

#include "controller/engine/engine_private.h"

#define STORE_DELAY_MS 100

/* Clock. */

void
engine_set_time(struct engine *en, int64_t mono_us, int64_t unix_us)
{
    en->now_us = mono_us;
    en->now_ms = mono_us / 1000;
    en->unix_off_ms = (unix_us - mono_us) / 1000;
}

/* Events. */

void
engine_report(struct engine *en, struct incident *e)
{
    struct client *c = (fh_addr_is_zero(e->client) ? NULL
                        : clients_find_in(en->clients, e->client,
                                          e->segment));

    e->time_ms = engine_unix_ms(en);
    e->seq = journal_add(en->journal, e);
    if (c) {
        history_add(&c->history, e);
    }
    incident_log(e);
}

/* Holders. */

void
engine_holders_changed(struct engine *en)
{
    if (!wheel_is_armed(&en->store_timer)) {
        wheel_arm(en->wheel, &en->store_timer,
                  engine_now_ms(en) + STORE_DELAY_MS);
    }
}

/* Readers. */

struct router *
engine_router_by_dpid(const struct engine *en, uint64_t dpid)
{
    for (size_t i = 0; i < en->n_routers; i++) {
        if (en->routers[i]->config->dpid == dpid) {
            return en->routers[i];
        }
    }
    return NULL;
}

const struct config *
engine_config(const struct engine *en)
{
    return en->config;
}

struct clients *
engine_clients(const struct engine *en)
{
    return en->clients;
}

struct journal *
engine_journal(const struct engine *en)
{
    return en->journal;
}

const struct stats *
engine_stats(const struct engine *en)
{
    return &en->stats;
}

int64_t
engine_now_ms(const struct engine *en)
{
    return en->now_ms;
}

int64_t
engine_started_ms(const struct engine *en)
{
    return en->started_ms;
}

int64_t
engine_unix_ms(const struct engine *en)
{
    return en->now_ms + en->unix_off_ms;
}

size_t
engine_n_routers(const struct engine *en)
{
    return en->n_routers;
}

struct router *
engine_router(const struct engine *en, size_t i)
{
    return en->routers[i];
}

struct router *
engine_find_router(const struct engine *en, const char *name)
{
    size_t i = config_find_router(en->config, name);

    return i < en->n_routers ? en->routers[i] : NULL;
}

size_t
engine_n_segments(const struct engine *en)
{
    return en->n_segments;
}

struct segment *
engine_segment(const struct engine *en, size_t i)
{
    return en->segments[i];
}

struct segment *
engine_find_segment(const struct engine *en, const char *name)
{
    size_t i = config_find_segment(en->config, name);

    return i < en->n_segments ? en->segments[i] : NULL;
}
