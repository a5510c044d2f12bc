/* The lines between the engine's out-boxes and the bridges.  See lines.h. */
#include <config.h>

#include "controller/daemon/lines.h"

#include <stdlib.h>
#include <sys/queue.h>

#include <firsthop/buf.h>

#include "controller/bridge/sender.h"

struct line {
    TAILQ_ENTRY(line) node;
    struct lines *all;
    struct outbox *box;
    const void *owner;          /* Of the out-box, when looked last. */
    struct bridge *bridge;      /* Owned. */
    struct sender *sender;      /* Owned. */
};

struct lines {
    struct bridges *bridges;
    void (*step)(void *aux, const struct engine_event *);
    void *aux;
    TAILQ_HEAD(, line) list;
};

/* What bridges say. */

static inline void
step(const struct line *line, const struct engine_event *event)
{
    line->all->step(line->all->aux, event);
}

static void
tell_ports(struct line *line, enum engine_event_type type,
           const struct of_port *changed, bool deleted)
{
    size_t n;
    const struct of_port *all = bridge_ports(line->bridge, &n);

    step(line, &(struct engine_event) {
        .type = type, .box = line->box,
        .u.ports = { all, n, changed, deleted,
                     bridge_version_name(line->bridge) },
    });
}

static void
on_up(void *line)
{
    tell_ports(line, ENGINE_BRIDGE_UP, NULL, false);
}

static void
on_confirmed(void *line_, uint64_t token, bool ok)
{
    struct line *line = line_;

    step(line, &(struct engine_event) {
        .type = ENGINE_BRIDGE_CONFIRMED, .box = line->box,
        .u.confirmed = { token, ok, bridge_serves(line->bridge) },
    });
}

/* What it has not been sent yet fails like what it has. */
static void
on_down(void *line_, const char *reason)
{
    struct line *line = line_;
    struct outbox *box = line->box;

    for (size_t i = 0; i < box->n_tokens; i++) {
        on_confirmed(line, box->tokens[i].token, false);
    }
    sender_forget(line->sender);
    step(line, &(struct engine_event) {
        .type = ENGINE_BRIDGE_DOWN, .box = line->box, .u.reason = reason,
    });
}

static void
on_counted(void *line_, const struct fh_flow *flow)
{
    const struct line *line = line_;

    step(line, &(struct engine_event) {
        .type = ENGINE_BRIDGE_COUNTED, .box = line->box, .u.flow = flow,
    });
}

static struct flow_set *
on_desired(void *line_, const struct flow_set *found, bool first)
{
    struct line *line = line_;
    struct flow_set *desired = NULL;

    step(line, &(struct engine_event) {
        .type = ENGINE_BRIDGE_FLOWS, .box = line->box,
        .u.flows = { found, first, &desired },
    });
    return desired ? desired : flow_set_create();
}

/* Meters go first: flows that name one would be refused without. */
static void
on_read(void *line_, bool first)
{
    struct line *line = line_;

    step(line, &(struct engine_event) {
        .type = ENGINE_BRIDGE_READ, .box = line->box, .u.first = first,
    });
    sender_send_orders(line->sender);
}

static void
on_repaired(void *line_, size_t n)
{
    struct line *line = line_;

    step(line, &(struct engine_event) {
        .type = ENGINE_BRIDGE_REPAIRED, .box = line->box, .u.n = n,
    });
    sender_send_orders(line->sender);
}

static void
on_echo_reply(struct line *line, uint32_t xid)
{
    int64_t took_us;

    if (sender_echo_reply(line->sender, xid, &took_us)) {
        step(line, &(struct engine_event) {
            .type = ENGINE_BRIDGE_FENCE, .box = line->box, .u.took_us = took_us,
        });
    }
}

/* Nobody is believed about meters who was not asked. */
static void
on_drops(struct line *line, const struct of_message *msg)
{
    if (sender_is_reading(line->sender, msg->xid)) {
        step(line, &(struct engine_event) {
            .type = ENGINE_BRIDGE_DROPS, .box = line->box,
            .u.drops = { msg->meter_stats.meters, msg->meter_stats.n },
        });
    }
}

static bool
on_message(void *line_, const struct of_message *msg)
{
    struct line *line = line_;

    switch (msg->type) {
    case OF_PACKET_IN:
        step(line, &(struct engine_event) {
            .type = ENGINE_BRIDGE_FRAME, .box = line->box, .u.frame = &msg->packet_in,
        });
        return true;
    case OF_FLOW_REMOVED:
        step(line, &(struct engine_event) {
            .type = ENGINE_BRIDGE_REMOVED, .box = line->box, .u.flow = &msg->flow_removed.flow,
        });
        return true;
    case OF_ECHO_REPLY:
        on_echo_reply(line, msg->xid);
        return true;
    case OF_METER_STATS_REPLY:
        on_drops(line, msg);
        return true;
    case OF_METER_CONFIG_REPLY:
        step(line, &(struct engine_event) {
            .type = ENGINE_BRIDGE_METERS, .box = line->box,
            .u.meters = { msg->meter_config.meters, msg->meter_config.n },
        });
        return true;
    case OF_ERROR:
        return sender_meter_error(line->sender, msg);
    default:
        return true;
    }
}

static void
on_port(void *line, const struct of_port *port, bool deleted)
{
    tell_ports(line, ENGINE_BRIDGE_PORTS, port, deleted);
}

/* Lines. */

static const struct bridge_ops ops = {
    .up = on_up,
    .down = on_down,
    .counted = on_counted,
    .desired = on_desired,
    .read = on_read,
    .repaired = on_repaired,
    .message = on_message,
    .port = on_port,
    .confirmed = on_confirmed,
};

static struct bridge_options
options_of(struct outbox *box)
{
    return (struct bridge_options) {
        .dpid = box->dpid,
        .kind = "router", .name = box->name,
        .common_name = box->common_name,
        .reread_ms = box->reread_ms,
        .counters = &box->counters,
    };
}

void
lines_open(struct lines *all, struct outbox *box)
{
    const struct bridge_options options = options_of(box);
    struct line *line = fh_xcalloc(1, sizeof *line);

    line->all = all;
    line->box = box;
    line->owner = box->owner;
    line->bridge = bridge_create(all->bridges, &options, &ops, line);
    line->sender = sender_create(box, line->bridge);
    box->line = line;
    TAILQ_INSERT_TAIL(&all->list, line, node);
}

void
lines_renew(struct outbox *box)
{
    const struct bridge_options options = options_of(box);
    struct line *line = box->line;

    if (line->owner != box->owner) {
        line->owner = box->owner;
        sender_flush(line->sender);
        bridge_disown(line->bridge);
    }
    bridge_set_options(line->bridge, &options);
}

void
lines_close(struct lines *all, struct outbox *box)
{
    struct line *line = box->line;

    bridge_destroy(line->bridge);
    sender_destroy(line->sender);
    TAILQ_REMOVE(&all->list, line, node);
    free(line);
    outbox_destroy(box);
}

void
lines_read(struct outbox *box)
{
    struct line *line = box->line;

    sender_flush(line->sender);         /* So that the reading shows it. */
    bridge_read(line->bridge);
}

void
lines_read_again(struct outbox *box)
{
    struct line *line = box->line;

    sender_flush(line->sender);
    bridge_read_again(line->bridge);
}

void
lines_drop(struct outbox *box, const char *reason)
{
    struct line *line = box->line;

    bridge_drop(line->bridge, reason);
}

struct outbox *
lines_find(const struct lines *all, uint64_t dpid)
{
    const struct line *line;

    TAILQ_FOREACH (line, &all->list, node) {
        if (line->box->dpid == dpid) {
            return line->box;
        }
    }
    return NULL;
}

static void
flush(struct lines *all, bool only_urgent)
{
    struct line *line;

    TAILQ_FOREACH (line, &all->list, node) {
        if (!only_urgent || line->box->urgent) {
            sender_flush(line->sender);
        }
    }
}

void
lines_flush(struct lines *all)
{
    flush(all, true);
    flush(all, false);
}

struct lines *
lines_create(struct bridges *bridges,
             void (*step_cb)(void *aux, const struct engine_event *),
             void *aux)
{
    struct lines *all = fh_xcalloc(1, sizeof *all);

    all->bridges = bridges;
    all->step = step_cb;
    all->aux = aux;
    TAILQ_INIT(&all->list);
    return all;
}

void
lines_destroy(struct lines *all)
{
    free(all);
}
