/* Learnt clients: how many, and who makes room for whom.  See learned.h.
 *
 * Called by life.c when a client comes and goes, by input_arp.c when a probe
 * is answered, and by reload_clients.c when one is taken over. */
#include <config.h>

#include "controller/engine/learned.h"

static struct router_port *
port_of(const struct client *c)
{
    return (c->learned_member == ELECT_NONE ? NULL
            : &c->segment->members[c->learned_member].router
              ->ports[c->learned_port]);
}

void
learned_enter_at(struct client *c, size_t member, size_t i)
{
    c->learned_member = member;
    c->learned_port = i;
    port_of(c)->n_learned++;
}

void
learned_enter(struct client *c, size_t member, uint32_t number)
{
    const struct router *router = c->segment->members[member].router;
    const struct router_port *port = router_access_port(router, number);

    if (port) {
        learned_enter_at(c, member, port - router->ports);
    }
}

/* Unanswered questions. */

/* So many unverified clients of a port may be asked like everybody. */
#define FEW_UNVERIFIED 16
/* And so many are served without having answered. */
#define MANY_UNVERIFIED 256
/* So many questions at once, then after 1, 2, 4 ... 32 s; but when it speaks. */
#define ASK_AT_ONCE  3
#define ASK_PAUSE_MS 1000
#define ASK_DOUBLED  5

void
learned_press(struct client *c, size_t member)
{
    const struct router_port *port = port_of(c);

    c->asker = member;
    c->unanswered = port && port->n_unverified > FEW_UNVERIFIED;
    c->verify_first = (c->verify_first
                       || (port && port->n_unverified > MANY_UNVERIFIED));
}

bool
learned_may_ask(const struct client *c, const struct reach *r,
                int64_t now_ms)
{
    uint32_t since_ms = (uint32_t) now_ms - r->probed_ms;
    uint32_t doubled = r->sent - ASK_AT_ONCE;

    if (!c->unanswered || c->claim.contested || r->sent < ASK_AT_ONCE) {
        return !c->unanswered || c->claim.contested || c->asker == r->index;
    }
    if (c->discovering || doubled > ASK_DOUBLED) {
        doubled = c->discovering ? 0 : ASK_DOUBLED;
    }
    return c->asker == r->index && since_ms >= ASK_PAUSE_MS << doubled;
}

/* Unverified clients. */

void
learned_set_unverified(struct client *c)
{
    struct router_port *port = port_of(c);

    if (c->unverified || c->verified || c->origin != CLIENT_LEARNED) {
        return;
    }
    c->unverified = true;
    TAILQ_INSERT_TAIL(&c->segment->unverified, c, segment_node);
    if (port) {
        TAILQ_INSERT_TAIL(&port->unverified, c, port_node);
        port->n_unverified++;
    }
}

static void
clear_unverified(struct client *c)
{
    struct router_port *port = port_of(c);

    if (!c->unverified) {
        return;
    }
    c->unverified = false;
    TAILQ_REMOVE(&c->segment->unverified, c, segment_node);
    if (port) {
        TAILQ_REMOVE(&port->unverified, c, port_node);
        port->n_unverified--;
    }
}

void
learned_set_verified(struct client *c)
{
    c->verified = true;
    c->verify_first = c->unanswered = false;
    clear_unverified(c);
}

void
learned_leave(struct client *c)
{
    struct router_port *port = port_of(c);

    clear_unverified(c);
    if (port) {
        port->n_learned--;
    }
    c->learned_member = ELECT_NONE;
}

/* Room. */

bool
learned_make_room(struct segment *segment, struct router_port *port,
                  struct client *victims[2])
{
    bool segment_full = segment->n_learned >= segment->config->limits.learned;

    victims[0] = victims[1] = NULL;
    if (port->n_learned >= segment->config->limits.learned_per_port) {
        victims[0] = TAILQ_FIRST(&port->unverified);
        if (!victims[0]) {
            return false;
        }
        segment_full = segment_full && victims[0]->segment != segment;
    }
    if (segment_full) {
        victims[1] = TAILQ_FIRST(&segment->unverified);
        if (!victims[1]) {
            return false;
        }
    }
    return true;
}
