/* What a client wants.  See mark.h. */
#include <config.h>

#include "controller/engine/mark.h"

void
mark_client(struct engine *en, struct client *c, unsigned int wants,
            enum incident_cause cause)
{
    if (!c->wants) {
        TAILQ_INSERT_TAIL(&en->marked, c, marked_node);
    }
    c->wants |= wants;
    if (cause != CAUSE_NONE) {
        c->wants_cause = cause;
    }
}

void
mark_election(struct engine *en, struct client *c, size_t member,
              uint32_t unused)
{
    mark_client(en, c, CLIENT_WANTS_ELECTION, CAUSE_NONE);
}

void
mark_silent(struct engine *en, struct client *c, size_t member)
{
    c->silent_members |= UINT32_C(1) << member;
    mark_client(en, c, CLIENT_WANTS_JUDGEMENT, CAUSE_NONE);
}

void
mark_clear(struct engine *en, struct client *c)
{
    if (c->wants) {
        TAILQ_REMOVE(&en->marked, c, marked_node);
    }
    c->wants = 0;
    c->wants_cause = CAUSE_NONE;
    c->silent_members = 0;
}
