/* One OpenFlow connection: framing, handshake, echo, role, ports, sending.
 *
 * Called by the event loop and by the owner's callbacks.  Sockets come from
 * ofserver.c.  Never decides whether a bridge is one of ours.
 *
 * Which version: a bridge says at once what it has, and so we wait for that
 * before we say what we have, to come to 1.4 (ofcodec_versions_to_offer()).
 * A peer that waits in its turn gets everything offered after
 * HELLO_PATIENCE_MS, and then the highest common version. */
#include <config.h>

#include "controller/bridge/ofconn_private.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "controller/base/clock.h"

#define HELLO_PATIENCE_MS 200
#define MAX_PORTS 4096
#define MAX_ROLE_TRIES 6
/* Of several controllers: an epoch is an integer of the database, and one bridge
 * must not leave the others without a higher one. */
#define MOST_GENERATION (UINT64_C(1) << 62)
#define TX_KEEP_BYTES (4u << 20)        /* Give back the memory of a peak. */

static struct log_rate_limit close_rl = LOG_RATE_LIMIT_INIT(200, 50);
static struct log_rate_limit refused_rl = LOG_RATE_LIMIT_INIT(1000, 10);

static void conn_timer_cb(evutil_socket_t, short, void *conn_);
static void conn_read_cb(evutil_socket_t, short, void *conn_);
static void conn_write_cb(evutil_socket_t, short, void *conn_);

/* Time. */

static int64_t
min_ms(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Nothing has come since 'last_rx_ms': when to look again. */
static int64_t
next_echo_ms(const struct ofconn *conn)
{
    const struct ofserver_config *config = &conn->server->config;
    int64_t dead_ms = conn->last_rx_ms + config->dead_after_ms;

    if (!conn->version) {
        return INT64_MAX;       /* No echo before the hello. */
    }
    if (!conn->echo_sent_ms) {
        return conn->last_rx_ms + config->echo_interval_ms;
    }
    return min_ms(conn->echo_sent_ms + config->echo_interval_ms, dead_ms);
}

static void
arm_timer(struct ofconn *conn, int64_t now_ms)
{
    int64_t at_ms = min_ms(min_ms(conn->hello_at_ms, conn->deadline_ms),
                           next_echo_ms(conn));
    int64_t wait_ms = at_ms > now_ms ? at_ms - now_ms : 1;
    struct timeval tv = { wait_ms / 1000, wait_ms % 1000 * 1000 };

    event_add(conn->timer, &tv);
}

/* Life. */

struct ofconn *
ofconn_create(struct ofserver *server, struct transport *transport,
              const char *peer, uint64_t source, struct dial *dial)
{
    struct ofconn *conn = fh_xcalloc(1, sizeof *conn);
    int64_t now_ms = clock_mono_ms();

    conn->server = server;
    conn->dial = dial;
    conn->transport = transport;
    conn->peer = fh_xstrdup(peer);
    conn->source = source;
    conn->last_rx_ms = now_ms;
    conn->hello_at_ms = now_ms + HELLO_PATIENCE_MS;
    conn->deadline_ms = now_ms + server->config.handshake_ms;
    conn->read_event = event_new(server->base, transport->fd,
                                 EV_READ | EV_PERSIST, conn_read_cb, conn);
    conn->write_event = event_new(server->base, transport->fd, EV_WRITE,
                                  conn_write_cb, conn);
    conn->timer = evtimer_new(server->base, conn_timer_cb, conn);
    TAILQ_INSERT_TAIL(&server->conns, conn, node);
    server->n_conns++;

    event_add(conn->read_event, NULL);
    arm_timer(conn, now_ms);
    log_dbg("%s: connected", peer);
    return conn;
}

/* Frees a closed connection. */
void
ofconn_destroy(struct ofconn *conn)
{
    free(conn->peer);
    free(conn->close_reason);
    free(conn->ports);
    fh_buf_destroy(&conn->partial);
    fh_buf_destroy(&conn->tx);
    free(conn);
}

static void
remove_from_loop(struct ofconn *conn)
{
    event_free(conn->read_event);
    event_free(conn->write_event);
    event_free(conn->timer);
    conn->read_event = conn->write_event = conn->timer = NULL;
    if (conn->dirty) {
        TAILQ_REMOVE(&conn->server->dirty, conn, dirty_node);
        conn->dirty = false;
    }
}

void
ofconn_close(struct ofconn *conn, const char *reason)
{
    struct ofserver *server = conn->server;

    if (conn->state == CONN_CLOSED) {
        return;
    }
    log_info_rl(&close_rl, "%s: closed: %s", conn->peer, reason);
    conn->state = CONN_CLOSED;
    conn->close_reason = fh_xstrdup(reason);
    remove_from_loop(conn);
    transport_close(conn->transport);
    conn->transport = NULL;

    TAILQ_REMOVE(&server->conns, conn, node);
    server->n_conns--;
    TAILQ_INSERT_TAIL(&server->closed, conn, node);
    if (!server->reap_pending) {
        server->reap_pending = true;
        event_active(server->reap_event, EV_TIMEOUT, 1);
    }
}

void
ofconn_close_stranger(struct ofconn *conn, const char *reason)
{
    conn->server->counters.strangers++;
    ofconn_close(conn, reason);
}

static void __attribute__((format(printf, 2, 3)))
close_with(struct ofconn *conn, const char *format, ...)
{
    va_list args;
    char *reason;

    va_start(args, format);
    if (vasprintf(&reason, format, args) < 0) {
        abort();
    }
    va_end(args);
    ofconn_close(conn, reason);
    free(reason);
}

static void
protocol_error(struct ofconn *conn, const char *why)
{
    conn->server->counters.protocol_errors++;
    close_with(conn, "protocol error: %s", why);
}

/* Sending. */

/* Whoever wants an xid is about to send. */
static void
mark_dirty(struct ofconn *conn)
{
    struct ofserver *server = conn->server;

    if (conn->dirty || conn->state == CONN_CLOSED) {
        return;
    }
    conn->dirty = true;
    TAILQ_INSERT_TAIL(&server->dirty, conn, dirty_node);
    if (!server->flush_pending) {
        server->flush_pending = true;
        event_active(server->flush_event, EV_TIMEOUT, 1);
    }
}

struct fh_buf *
ofconn_tx(struct ofconn *conn)
{
    mark_dirty(conn);
    return &conn->tx;
}

uint32_t
ofconn_next_xid(struct ofconn *conn)
{
    mark_dirty(conn);
    conn->last_xid++;
    return conn->last_xid ? conn->last_xid : ++conn->last_xid;
}

size_t
ofconn_backlog_bytes(const struct ofconn *conn)
{
    return conn->tx.len - conn->tx_sent;
}

static void
count_messages_out(struct ofconn *conn)
{
    while (conn->tx_counted < conn->tx.len) {
        int length = ofcodec_frame(conn->tx.data + conn->tx_counted,
                                   conn->tx.len - conn->tx_counted);

        conn->server->counters.messages_out++;
        conn->tx_counted += length;
    }
}

/* Drops what has been sent; not at each write, because that would copy. */
static void
trim_tx(struct ofconn *conn)
{
    if (conn->tx_sent == conn->tx.len) {
        if (conn->tx.cap > TX_KEEP_BYTES) {
            fh_buf_destroy(&conn->tx);
        }
        fh_buf_clear(&conn->tx);
        conn->tx_sent = conn->tx_counted = 0;
    } else if (conn->tx_sent > conn->tx.len / 2) {
        fh_buf_pull(&conn->tx, conn->tx_sent);
        conn->tx_counted -= conn->tx_sent;
        conn->tx_sent = 0;
    }
}

static void
send_pending(struct ofconn *conn)
{
    ssize_t n = transport_send(conn->transport,
                               conn->tx.data + conn->tx_sent,
                               ofconn_backlog_bytes(conn));

    if (n >= 0) {
        conn->server->counters.bytes_out += n;
        conn->tx_sent += n;
    } else if (errno != EAGAIN && errno != EINTR) {
        close_with(conn, "%s", strerror(errno));
    }
}

void
ofconn_flush(struct ofconn *conn)
{
    if (!ofconn_backlog_bytes(conn)) {
        return;
    }
    count_messages_out(conn);
    if (!event_pending(conn->write_event, EV_WRITE, NULL)) {
        send_pending(conn);
    }
    if (conn->state == CONN_CLOSED) {
        return;
    }
    if (ofconn_backlog_bytes(conn) > conn->server->config.max_backlog_bytes) {
        close_with(conn, "reads too slowly: %zu bytes wait for it",
                   ofconn_backlog_bytes(conn));
        return;
    }
    trim_tx(conn);
    if (conn->tx.len) {
        event_add(conn->write_event, NULL);
    }
}

static void
conn_write_cb(evutil_socket_t fd, short what, void *conn_)
{
    ofconn_flush(conn_);
}

/* The end of a refused handshake: what is there to say goes out if the socket
 * takes it. */
static void
say_and_close(struct ofconn *conn, const char *reason)
{
    count_messages_out(conn);
    send_pending(conn);
    ofconn_close(conn, reason);
}

/* Handshake. */

static void
send_hello(struct ofconn *conn, uint32_t versions)
{
    conn->offered = versions;
    conn->hello_at_ms = INT64_MAX;
    ofcodec_put_hello_versions(ofconn_tx(conn), ofconn_next_xid(conn),
                               versions);
}

static void
receive_hello(struct ofconn *conn, const struct of_message *msg,
              int header_version)
{
    int version;

    if (!conn->offered) {
        send_hello(conn, ofcodec_versions_to_offer(msg->hello.versions));
    }
    version = ofcodec_negotiate(conn->offered, msg->hello.versions);
    if (!version) {
        conn->server->counters.refused++;
        ofcodec_put_error_hello_failed(&conn->tx, header_version, msg->xid);
        say_and_close(conn, "no common version of OpenFlow: 1.3, 1.4 or "
                      "1.5 is needed");
        return;
    }
    conn->version = version;
    conn->state = CONN_FEATURES;
    ofcodec_put_features_request(ofconn_tx(conn), version,
                                 ofconn_next_xid(conn));
    arm_timer(conn, clock_mono_ms());
}

static void
receive_features(struct ofconn *conn, const struct of_message *msg)
{
    if (msg->features.auxiliary_id) {
        conn->server->counters.refused++;
        ofconn_close(conn, "auxiliary connection");
        return;
    }
    conn->dpid = msg->features.dpid;
    conn->state = CONN_IDLE;
    conn->deadline_ms = clock_mono_ms() + conn->server->config.stranger_ms;
    conn->identified = true;
    log_dbg("%s: datapath id %016"PRIx64", OpenFlow %s", conn->peer,
            conn->dpid, ofconn_version_name(conn));
    conn->server->cbs.identified(conn, conn->server->aux);
    if (conn->state == CONN_IDLE) {
        arm_timer(conn, clock_mono_ms());
    }
}

/* Setup. */

/* The bridge refuses a generation id that is older than the last it has seen
 * (1.3, 6.3.5), without telling that one: each try leaps 64 times as far, from
 * the clock's milliseconds to months. */
static void
raise_generation(struct ofconn *conn)
{
    struct ofserver *server = conn->server;

    server->generation++;
    if (conn->role_tries) {
        server->generation += UINT64_C(1) << (10 + 6 * conn->role_tries);
    }
    conn->role_tries++;
}

/* Asks for the master role. */
static void
ask_for_role(struct ofconn *conn)
{
    struct ofserver *server = conn->server;

    if (!server->clustered) {
        raise_generation(conn);
    }
    conn->master = conn->settled = false;
    conn->role_xid = ofconn_next_xid(conn);
    ofcodec_put_role_master(&conn->tx, conn->version, conn->role_xid,
                            server->generation);
    conn->barrier_xid = ofconn_next_xid(conn);
    ofcodec_put_barrier(&conn->tx, conn->version, conn->barrier_xid);
}

void
ofconn_take(struct ofconn *conn)
{
    if (conn->state != CONN_IDLE && conn->state != CONN_SLAVE) {
        return;
    }
    conn->state = CONN_SETUP;
    conn->ports_complete = false;
    conn->n_ports = 0;
    conn->deadline_ms = clock_mono_ms() + conn->server->config.handshake_ms;
    conn->query_xid = ofconn_next_xid(conn);
    ofcodec_put_role_query(&conn->tx, conn->version, conn->query_xid);
    conn->ports_xid = ofconn_next_xid(conn);
    ofcodec_put_port_desc_request(ofconn_tx(conn), conn->version,
                                  conn->ports_xid);
    ofcodec_put_set_config(&conn->tx, conn->version, ofconn_next_xid(conn));
    ofcodec_put_set_async(&conn->tx, conn->version, ofconn_next_xid(conn));
    ask_for_role(conn);
    arm_timer(conn, clock_mono_ms());
}

/* A slave: asks first which generation id the bridge has seen, to follow under
 * that; another one would be refused, or would bind the one who leads. */
static void
ask_to_follow(struct ofconn *conn)
{
    conn->slave_asked = false;
    conn->role_xid = ofconn_next_xid(conn);
    ofcodec_put_role_query(ofconn_tx(conn), conn->version, conn->role_xid);
}

void
ofconn_follow(struct ofconn *conn)
{
    if (conn->state != CONN_IDLE && conn->state != CONN_SETUP
        && conn->state != CONN_READY) {
        return;
    }
    conn->state = CONN_SLAVE;
    conn->deadline_ms = INT64_MAX;
    ofcodec_put_set_async(ofconn_tx(conn), conn->version,
                          ofconn_next_xid(conn));
    ask_to_follow(conn);
    arm_timer(conn, clock_mono_ms());
}

void
ofconn_monitor_flows(struct ofconn *conn)
{
    if (!conn->monitors) {
        conn->monitors = true;
        ofcodec_put_flow_monitor(ofconn_tx(conn), conn->version,
                                 ofconn_next_xid(conn));
    }
}

int64_t
ofconn_silence_ms(const struct ofconn *conn, int64_t now_ms)
{
    return now_ms - conn->last_rx_ms;
}

static void
note_generation(struct ofserver *server, uint64_t generation)
{
    if (generation > server->known_generation
        && generation <= MOST_GENERATION) {
        server->known_generation = generation;
    }
}

static void
receive_as_slave(struct ofconn *conn, const struct of_message *msg)
{
    uint64_t generation = msg->role.generation;

    if (msg->type == OF_ROLE_REPLY && msg->xid == conn->role_xid
        && !conn->slave_asked) {
        if (generation == OF_GENERATION_NONE) {
            return;             /* Nobody has led it: asked again later. */
        }
        note_generation(conn->server, generation);
        conn->slave_asked = true;
        conn->role_xid = ofconn_next_xid(conn);
        ofcodec_put_role_slave(&conn->tx, conn->version, conn->role_xid,
                               generation);
    } else if (msg->type == OF_ERROR && msg->xid == conn->role_xid) {
        /* Another has come to lead meanwhile, or it knows no roles: asked
         * again, but not as fast as it answers. */
        conn->slave_asked = false;
    }
}

/* Does the bridge obey another controller? */
static bool
is_refusal(const struct of_message *msg)
{
    return (msg->type == OF_ROLE_STATUS
            || (msg->type == OF_ERROR
                && msg->error.type == OF_ERROR_BAD_REQUEST
                && msg->error.code == OF_ERROR_IS_SLAVE));
}

static void
be_refused(struct ofconn *conn)
{
    struct ofserver *server = conn->server;

    log_warn_rl(&refused_rl, "%s: the bridge obeys another controller",
                conn->peer);
    if (server->cbs.refused) {
        server->cbs.refused(conn, server->aux);
    }
}

static void
check_ready(struct ofconn *conn)
{
    if (conn->ports_complete && conn->master && conn->settled) {
        conn->state = CONN_READY;
        conn->deadline_ms = INT64_MAX;
        conn->server->cbs.ready(conn, conn->server->aux);
    }
}

static struct of_port *
find_port(const struct ofconn *conn, uint32_t number)
{
    for (size_t i = 0; i < conn->n_ports; i++) {
        if (conn->ports[i].number == number) {
            return &conn->ports[i];
        }
    }
    return NULL;
}

static void
put_port(struct ofconn *conn, const struct of_port *port)
{
    struct of_port *known = find_port(conn, port->number);

    if (known) {
        *known = *port;
        return;
    }
    if (conn->n_ports >= MAX_PORTS) {
        protocol_error(conn, "too many ports");
        return;
    }
    if (conn->n_ports == conn->cap_ports) {
        conn->cap_ports = conn->cap_ports ? 2 * conn->cap_ports : 8;
        conn->ports = fh_xrealloc(conn->ports,
                                  conn->cap_ports * sizeof *conn->ports);
    }
    conn->ports[conn->n_ports++] = *port;
}

static void
remove_port(struct ofconn *conn, uint32_t number)
{
    struct of_port *known = find_port(conn, number);

    if (known) {
        *known = conn->ports[--conn->n_ports];
    }
}

static void
receive_port_desc(struct ofconn *conn, const struct of_message *msg)
{
    if (msg->xid != conn->ports_xid || conn->ports_complete) {
        return;
    }
    for (size_t i = 0; i < msg->port_desc.n; i++) {
        put_port(conn, &msg->port_desc.ports[i]);
        if (conn->state == CONN_CLOSED) {
            return;
        }
    }
    conn->ports_complete = !msg->port_desc.more;
}

static void
receive_port_status(struct ofconn *conn, const struct of_message *msg)
{
    const struct of_port *port = &msg->port_status.port;

    if (msg->port_status.deleted) {
        remove_port(conn, port->number);
    } else {
        put_port(conn, port);
    }
    if (conn->state == CONN_READY) {
        conn->server->cbs.port(conn, port, msg->port_status.deleted,
                               conn->server->aux);
    }
}

/* The role before ours, or ours. */
static void
receive_role(struct ofconn *conn, const struct of_message *msg)
{
    if (msg->xid == conn->query_xid) {
        conn->had_master = msg->role.generation != OF_GENERATION_NONE;
        conn->generation = msg->role.generation;
    } else if (msg->xid == conn->role_xid) {
        conn->master |= msg->role.master;
    }
}

static void
receive_setup_error(struct ofconn *conn, const struct of_message *msg)
{
    bool stale = (msg->xid == conn->role_xid
                  && msg->error.type == OF_ERROR_ROLE_FAILED
                  && msg->error.code == OF_ERROR_ROLE_STALE);

    if (stale && conn->server->clustered && conn->had_master
        && conn->generation > MOST_GENERATION) {
        close_with(conn, "its generation id, %"PRIu64", is too high for an "
                   "epoch; a restart of ovs-vswitchd forgets it",
                   conn->generation);
    } else if (stale && conn->server->clustered) {
        ofconn_follow(conn);
        be_refused(conn);
    } else if (stale && conn->role_tries < MAX_ROLE_TRIES) {
        ask_for_role(conn);
    } else if (msg->xid == conn->role_xid || msg->xid == conn->ports_xid) {
        close_with(conn, "refused to be set up: %s", msg->error.text);
    } else if (msg->xid != conn->query_xid) {
        log_warn_rl(&close_rl, "%s: error in setup: %s", conn->peer,
                    msg->error.text);
    }
}

static void
receive_in_setup(struct ofconn *conn, const struct of_message *msg)
{
    switch ((int) msg->type) {
    case OF_PORT_DESC_REPLY:
        receive_port_desc(conn, msg);
        break;
    case OF_PORT_STATUS:
        receive_port_status(conn, msg);
        break;
    case OF_ROLE_REPLY:
        receive_role(conn, msg);
        break;
    case OF_BARRIER_REPLY:
        conn->settled |= msg->xid == conn->barrier_xid;
        break;
    case OF_ERROR:
        receive_setup_error(conn, msg);
        break;
    default:
        break;
    }
    if (conn->state == CONN_SETUP) {
        check_ready(conn);
    }
}

/* Receiving. */

static void
receive_in_handshake(struct ofconn *conn, const struct of_message *msg,
                     int header_version)
{
    if (msg->type == OF_ERROR) {
        close_with(conn, "refused: %s", msg->error.text);
    } else if (conn->state == CONN_HELLO) {
        receive_hello(conn, msg, header_version);
    } else if (msg->type == OF_FEATURES_REPLY) {
        receive_features(conn, msg);
    }
}

/* A bridge that has a meter already refuses to add it: see
 * ofcodec_put_meter(). */
static bool
is_meter_exists(const struct of_message *msg)
{
    return (msg->type == OF_ERROR
            && msg->error.type == OF_ERROR_METER_FAILED
            && msg->error.code == OF_ERROR_METER_EXISTS);
}

static void
receive_when_ready(struct ofconn *conn, struct of_message *msg)
{
    if (msg->type == OF_PORT_STATUS) {
        receive_port_status(conn, msg);
    } else if (conn->server->clustered && is_refusal(msg)) {
        be_refused(conn);
    } else if (!is_meter_exists(msg)) {
        conn->server->cbs.message(conn, msg, conn->server->aux);
    }
}

static void
dispatch(struct ofconn *conn, struct of_message *msg, int header_version)
{
    if (msg->type == OF_ECHO_REQUEST) {
        ofcodec_put_echo_reply(ofconn_tx(conn), conn->version, msg->xid,
                               msg->echo.data, msg->echo.len);
        return;
    }
    switch (conn->state) {
    case CONN_READY:
        if (msg->type != OF_HELLO) {
            receive_when_ready(conn, msg);
        }
        break;
    case CONN_SETUP:
        receive_in_setup(conn, msg);
        break;
    case CONN_SLAVE:
        receive_as_slave(conn, msg);
        break;
    case CONN_HELLO:
    case CONN_FEATURES:
        receive_in_handshake(conn, msg, header_version);
        break;
    case CONN_IDLE:
    case CONN_CLOSED:
        break;
    }
}

/* Takes the messages off 'data' ('len' bytes).  Returns how many bytes that
 * were; of no meaning if the connection was closed meanwhile. */
static size_t
receive(struct ofconn *conn, const uint8_t *data, size_t len)
{
    size_t done = 0;

    while (conn->state != CONN_CLOSED) {
        int length = ofcodec_frame(data + done, len - done);
        struct of_message msg;
        const char *why;

        if (length < 0) {
            protocol_error(conn, "not an OpenFlow header");
            break;
        }
        if (!length || length > len - done) {
            break;
        }
        if (ofcodec_decode(data + done, length, conn->version, &msg, &why)) {
            protocol_error(conn, why);
            break;
        }
        conn->server->counters.messages_in++;
        dispatch(conn, &msg, data[done]);
        of_message_uninit(&msg);
        done += length;
    }
    return done;
}

static void
schedule_idle(struct ofserver *server)
{
    if (server->cbs.idle && !server->idle_pending) {
        server->idle_pending = true;
        event_active(server->idle_event, EV_TIMEOUT, 1);
    }
}

/* All connections read into one large buffer, behind the beginning of a
 * message that the last read ended with: many messages a system call, little
 * memory a connection. */
static void
conn_read_cb(evutil_socket_t fd, short what, void *conn_)
{
    struct ofconn *conn = conn_;
    struct ofserver *server = conn->server;
    size_t have = conn->partial.len;
    size_t done;
    ssize_t n;

    n = transport_recv(conn->transport, server->rx + have, RX_BYTES);
    if (n <= 0) {
        if (!n) {
            ofconn_close(conn, "closed by the bridge");
        } else if (errno != EAGAIN && errno != EINTR) {
            close_with(conn, "%s", strerror(errno));
        }
        return;
    }
    server->counters.bytes_in += n;
    conn->last_rx_ms = clock_mono_ms();
    conn->echo_sent_ms = 0;
    schedule_idle(server);
    if (have) {
        memcpy(server->rx, conn->partial.data, have);
        fh_buf_clear(&conn->partial);
    }

    done = receive(conn, server->rx, have + n);
    if (conn->state != CONN_CLOSED && done < have + n) {
        fh_buf_append(&conn->partial, server->rx + done, have + n - done);
    }
    if (conn->state != CONN_CLOSED && transport_pending(conn->transport)) {
        event_active(conn->read_event, EV_READ, 1);
    }
}

/* Timers. */

static bool
has_unread_bytes(const struct ofconn *conn)
{
    struct pollfd pfd = { .fd = conn->transport->fd, .events = POLLIN };

    return transport_pending(conn->transport) || poll(&pfd, 1, 0) > 0;
}

/* Silent for long enough?  Our own delay is not the bridge's: one that has
 * not been asked, or whose bytes we have not read yet, is not dead. */
static void
check_life(struct ofconn *conn, int64_t now_ms)
{
    int64_t silence_ms = now_ms - conn->last_rx_ms;

    if (now_ms < next_echo_ms(conn) || has_unread_bytes(conn)) {
        return;
    }
    if (conn->echo_sent_ms
        && silence_ms >= conn->server->config.dead_after_ms) {
        conn->server->counters.dead++;
        close_with(conn, "no sign of life for %"PRId64" ms", silence_ms);
        return;
    }
    conn->echo_sent_ms = now_ms;
    ofcodec_put_echo_request(ofconn_tx(conn), conn->version,
                             ofconn_next_xid(conn));
}

static void
conn_timer_cb(evutil_socket_t fd, short what, void *conn_)
{
    struct ofconn *conn = conn_;
    int64_t now_ms = clock_mono_ms();

    if (now_ms >= conn->deadline_ms) {
        if (conn->state == CONN_IDLE) {
            ofconn_close_stranger(conn, "no bridge of ours");
        } else {
            ofconn_close(conn, "handshake takes too long");
        }
        return;
    }
    if (now_ms >= conn->hello_at_ms) {
        send_hello(conn, OF_VERSIONS);
    }
    if (conn->state == CONN_SLAVE && !conn->slave_asked) {
        ask_to_follow(conn);
    }
    check_life(conn, now_ms);
    if (conn->state != CONN_CLOSED) {
        arm_timer(conn, now_ms);
    }
}

/* Asking. */

uint64_t
ofconn_dpid(const struct ofconn *conn)
{
    return conn->dpid;
}

int
ofconn_version(const struct ofconn *conn)
{
    return conn->version;
}

const char *
ofconn_version_name(const struct ofconn *conn)
{
    switch (conn->version) {
    case OF_13:
        return "1.3";
    case OF_14:
        return "1.4";
    case OF_15:
        return "1.5";
    default:
        return "?";
    }
}

const char *
ofconn_peer(const struct ofconn *conn)
{
    return conn->peer;
}

const char *
ofconn_peer_name(const struct ofconn *conn)
{
    return conn->transport ? transport_peer_name(conn->transport) : NULL;
}

bool
ofconn_had_master(const struct ofconn *conn)
{
    return conn->had_master;
}

bool
ofconn_is_ready(const struct ofconn *conn)
{
    return conn->state == CONN_READY;
}

void *
ofconn_get_aux(const struct ofconn *conn)
{
    return conn->owner_aux;
}

void
ofconn_set_aux(struct ofconn *conn, void *aux)
{
    conn->owner_aux = aux;
}

const struct of_port *
ofconn_ports(const struct ofconn *conn, size_t *n)
{
    *n = conn->n_ports;
    return conn->ports;
}

const struct of_port *
ofconn_port_by_name(const struct ofconn *conn, const char *name)
{
    for (size_t i = 0; i < conn->n_ports; i++) {
        if (!strcmp(conn->ports[i].name, name)) {
            return &conn->ports[i];
        }
    }
    return NULL;
}

const struct of_port *
ofconn_port_by_number(const struct ofconn *conn, uint32_t number)
{
    return find_port(conn, number);
}
