/* A router that was removed, and the clients that it still forwards for.
 * See removed.h. */
#include <config.h>

#include "controller/engine/removed.h"

#include "controller/engine/serving.h"

void
removed_begin(struct engine *en, struct client *c, struct router *router)
{
    c->removed_router = router;
    router->keeps_flows = true;
    c->elect_at_ms = (engine_now_ms(en) + 1
                      + router->n_remaining++ / DRAIN_PER_MS);
}

void
removed_end(struct engine *en, struct client *c)
{
    if (c->removed_router) {
        c->removed_router->n_remaining--;
        c->removed_router = NULL;
        removed_check(en);
    }
}

void
removed_router_gone(struct engine *en, struct router *router)
{
    for (size_t i = 0; router->n_remaining && i < clients_count(en->clients);
         i++) {
        struct client *c = clients_at(en->clients, i);

        if (c->removed_router == router && c->elect_at_ms) {
            c->elect_at_ms = engine_now_ms(en);
            serving_arm(en, c);
        }
    }
    removed_check(en);
}

void
removed_check(struct engine *en)
{
    wheel_arm(en->wheel, &en->leave_timer, engine_now_ms(en));
}

bool
removed_dials(const struct engine *en, const char *target)
{
    for (const struct departure *d = en->departures; d; d = d->next) {
        if (d->config.connect && !strcmp(d->config.connect, target)) {
            return true;
        }
    }
    return false;
}
