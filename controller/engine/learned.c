/* Learnt clients: how many, and who makes room for whom.  See learned.h.
 *
 * Called by punt.c when it learns and when a probe is answered, by serve.c
 * when a client goes, by adopt.c and reload.c when one is taken over. */
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

/* Guests. */

void
learned_set_guest(struct client *c)
{
    struct router_port *port = port_of(c);

    if (c->guest || c->proved || c->origin != CLIENT_LEARNED) {
        return;
    }
    c->guest = true;
    TAILQ_INSERT_TAIL(&c->segment->guests, c, segment_node);
    if (port) {
        TAILQ_INSERT_TAIL(&port->guests, c, port_node);
    }
}

static void
unset_guest(struct client *c)
{
    struct router_port *port = port_of(c);

    if (!c->guest) {
        return;
    }
    c->guest = false;
    TAILQ_REMOVE(&c->segment->guests, c, segment_node);
    if (port) {
        TAILQ_REMOVE(&port->guests, c, port_node);
    }
}

void
learned_prove(struct client *c)
{
    c->proved = true;
    c->prove_first = false;
    unset_guest(c);
}

void
learned_leave(struct client *c)
{
    struct router_port *port = port_of(c);

    unset_guest(c);
    if (port) {
        port->n_learned--;
    }
    c->learned_member = ELECT_NONE;
}

/* Room. */

static void
put_out(struct engine *en, struct client *c)
{
    static struct log_rate_limit rl = LOG_RATE_LIMIT_INIT(1000, 10);
    char text[FH_ADDR_STRLEN];

    en->stats.displaced++;
    log_warn_rl(&rl, "segment %s: %s, which has never answered a probe, makes "
                "room for another: a limit is reached",
                c->segment->config->name,
                fh_addr_format(c->key.address, text));
    serve_forget(en, c, c->state == CLIENT_PENDING ? NULL
                 : "never answered a probe, and made room for another");
}

bool
learned_make_room(struct engine *en, struct segment *segment,
                  struct router_port *port, bool *at_limit)
{
    bool segment_full = segment->n_learned >= segment->config->limits.learned;
    struct client *of_port = NULL, *of_segment = NULL;

    *at_limit = false;
    if (port->n_learned >= segment->config->limits.learned_per_port) {
        of_port = TAILQ_FIRST(&port->guests);
        if (!of_port) {
            return false;
        }
        segment_full = segment_full && of_port->segment != segment;
    }
    if (segment_full) {
        of_segment = TAILQ_FIRST(&segment->guests);
        if (!of_segment) {
            return false;
        }
    }
    if (of_port) {
        *at_limit = true;
        put_out(en, of_port);
    }
    if (of_segment) {
        *at_limit = true;
        put_out(en, of_segment);
    }
    return true;
}
