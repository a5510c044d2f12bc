/* What another controller has known before this one led.  See engine.h. */
#include <config.h>

#include "controller/engine/engine_private.h"
#include "controller/engine/life.h"

void
engine_recall(struct engine *en, const struct store_client *kept)
{
    struct segment *segment = engine_find_segment(en, kept->segment);
    struct sighting seen = {
        .how = SIGHTED_BEFORE, .origin = CLIENT_LEARNED, .segment = segment,
        .address = kept->address, .mac = kept->mac,
        .vlan = kept->own_vlan ? &kept->vlan : NULL,
    };
    struct client *c;

    if (!segment || !kept->has_mac
        || segment->n_learned >= segment->config->limits.learned
        || clients_find(en->clients, kept->address, segment->id)) {
        return;
    }
    seen.vlan = seen.vlan ? seen.vlan : &segment->config->vlan;
    c = life_sighted(en, &seen);
    if (c) {
        c->recalled = true;
    }
}
