/* OpenFlow 1.3, 1.4 and 1.5 messages -> our values.  See ofcodec.h.
 *
 * What libopenvswitch decodes it gets in an aligned copy, whose kind and
 * lengths it has approved (ofptype_decode()): its decoders assert that.  The
 * rest is in ofwire.c.  Never logs, never closes: says why, and the caller
 * does. */
#include <config.h>

#include "flows/ofcodec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <openvswitch/ofp-bundle.h>
#include <openvswitch/ofp-connection.h>
#include <openvswitch/ofp-errors.h>
#include <openvswitch/ofp-msgs.h>
#include <openvswitch/ofp-port.h>
#include <openvswitch/ofp-switch.h>
#include <openvswitch/ofp-util.h>
#include <openvswitch/ofpbuf.h>
#include <openvswitch/vlog.h>

#include "flows/ofcodec_private.h"
#include "flows/ofwire.h"

#define PORT_MIN_LEN 40         /* struct ofp14_port */

/* libopenvswitch would log what a peer got wrong to stderr, by itself. */
static void
silence_library(void)
{
    static bool silent;

    if (!silent) {
        silent = true;
        vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    }
}

int
ofcodec_frame(const uint8_t *data, size_t len)
{
    int length;

    /* The bitmap of a hello ends at version 31; and so do not ASCII and TLS
     * records look like OpenFlow. */
    if (len && (data[0] < 1 || data[0] > 31)) {
        return -1;
    }
    if (len < 4) {
        return 0;
    }
    length = wire_get_u16(data + 2);
    return length < OF_HEADER_LEN ? -1 : length;
}

/* Decoding by libopenvswitch. */

static int
fail(const char **why, const char *text)
{
    *why = text;
    return EPROTO;
}

static int
decode_hello(const struct ofp_header *oh, struct of_message *msg,
             const char **why)
{
    msg->type = OF_HELLO;
    /* False for elements that it does not know, which a hello may have. */
    ofputil_decode_hello(oh, &msg->hello.versions);
    return msg->hello.versions ? 0 : fail(why, "hello offers no version");
}

static void
make_printable(char *s)
{
    for (; *s; s++) {
        if ((unsigned char) *s < ' ' || (unsigned char) *s > '~') {
            *s = '?';
        }
    }
}

static int
decode_error(const struct ofp_header *oh, size_t len, struct of_message *msg,
             const char **why)
{
    const uint8_t *body = (const uint8_t *) oh + OF_HEADER_LEN;
    enum ofperr error;

    if (len < OF_HEADER_LEN + 4) {
        return fail(why, "error is too short");
    }
    msg->type = OF_ERROR;
    msg->error.type = wire_get_u16(body);
    msg->error.code = wire_get_u16(body + 2);
    error = ofperr_decode_msg(oh, NULL);
    if (msg->error.type == 0) {
        /* Hello failed carries a text, 7.5.4.1. */
        snprintf(msg->error.text, sizeof msg->error.text, "%s: %.*s",
                 error ? ofperr_get_name(error) : "hello failed",
                 (int) (len - OF_HEADER_LEN - 4), (const char *) body + 4);
    } else if (error) {
        snprintf(msg->error.text, sizeof msg->error.text, "%s",
                 ofperr_get_name(error));
    } else {
        snprintf(msg->error.text, sizeof msg->error.text, "type %u code %u",
                 msg->error.type, msg->error.code);
    }
    make_printable(msg->error.text);
    return 0;
}

static int
decode_features(const struct ofp_header *oh, size_t len,
                struct of_message *msg, const char **why)
{
    struct ofpbuf b = ofpbuf_const_initializer(oh, (uint32_t) len);
    struct ofputil_switch_features features;

    if (ofputil_pull_switch_features(&b, &features)) {
        return fail(why, "bad features reply");
    }
    msg->type = OF_FEATURES_REPLY;
    msg->features.dpid = features.datapath_id;
    msg->features.n_tables = features.n_tables;
    msg->features.auxiliary_id = features.auxiliary_id;
    return 0;
}

/* A port whose liveness nobody watches is live: Open vSwitch sets the bit for
 * each port whose link is up, and takes it off where BFD or CFM says so. */
static void
port_from_ofputil(const struct ofputil_phy_port *pp, struct of_port *port)
{
    memset(port, 0, sizeof *port);
    port->number = ntohl(ofputil_port_to_ofp11(pp->port_no));
    snprintf(port->name, sizeof port->name, "%.*s", (int) sizeof pp->name,
             pp->name);
    make_printable(port->name);
    port->up = (!(pp->config & OFPUTIL_PC_PORT_DOWN)
                && !(pp->state & OFPUTIL_PS_LINK_DOWN)
                && pp->state & OFPUTIL_PS_LIVE);
}

static int
decode_port_status(const struct ofp_header *oh, struct of_message *msg,
                   const char **why)
{
    struct ofputil_port_status ps;

    if (ofputil_decode_port_status(oh, &ps)) {
        return fail(why, "bad port status");
    }
    msg->type = OF_PORT_STATUS;
    port_from_ofputil(&ps.desc, &msg->port_status.port);
    msg->port_status.deleted = ps.reason == OFPPR_DELETE;
    return 0;
}

static int
decode_role_reply(const struct ofp_header *oh, struct of_message *msg,
                  const char **why)
{
    struct ofputil_role_request role;

    if (ofputil_decode_role_message(oh, &role)) {
        return fail(why, "bad role reply");
    }
    msg->type = OF_ROLE_REPLY;
    msg->role.master = role.role == OFPCR12_ROLE_PRIMARY;
    msg->role.slave = role.role == OFPCR12_ROLE_SECONDARY;
    msg->role.generation = (role.have_generation_id ? role.generation_id
                            : OF_GENERATION_NONE);
    return 0;
}

static int
decode_role_status(const struct ofp_header *oh, struct of_message *msg,
                   const char **why)
{
    struct ofputil_role_status role;

    if (ofputil_decode_role_status(oh, &role)) {
        return fail(why, "bad role status");
    }
    msg->type = OF_ROLE_STATUS;
    msg->role.master = role.role == OFPCR12_ROLE_PRIMARY;
    msg->role.slave = role.role == OFPCR12_ROLE_SECONDARY;
    msg->role.generation = role.generation_id;
    return 0;
}

static int
decode_bundle(const struct ofp_header *oh, struct of_message *msg,
              const char **why)
{
    struct ofputil_bundle_ctrl_msg bundle;

    if (ofputil_decode_bundle_ctrl(oh, &bundle)) {
        return fail(why, "bad bundle reply");
    }
    msg->type = OF_BUNDLE_REPLY;
    msg->bundle.id = bundle.bundle_id;
    msg->bundle.type = bundle.type;
    return 0;
}

/* What libopenvswitch does not know but a bridge of another make may send:
 * well-formed as far as anyone can tell. */
static bool
is_unknown_kind(enum ofperr error)
{
    return (error == OFPERR_OFPBRC_BAD_VENDOR
            || error == OFPERR_OFPBRC_BAD_SUBTYPE);
}

static int
decode_aligned(const struct ofp_header *oh, size_t len, int version,
               struct of_message *msg, const char **why)
{
    enum ofptype type;
    enum ofperr error;

    if (oh->type == TYPE_HELLO) {
        return decode_hello(oh, msg, why);
    } else if (oh->type == TYPE_ERROR) {
        return decode_error(oh, len, msg, why);
    } else if (!version) {
        return fail(why, "expected a hello");
    }

    error = ofptype_decode(&type, oh);
    if (error) {
        msg->type = OF_OTHER;
        return is_unknown_kind(error) ? 0 : fail(why, ofperr_get_name(error));
    }
    switch ((int) type) {
    case OFPTYPE_FEATURES_REPLY:
        return decode_features(oh, len, msg, why);
    case OFPTYPE_PORT_STATUS:
        return decode_port_status(oh, msg, why);
    case OFPTYPE_ROLE_REPLY:
        return decode_role_reply(oh, msg, why);
    case OFPTYPE_ROLE_STATUS:
        return decode_role_status(oh, msg, why);
    case OFPTYPE_BUNDLE_CONTROL:
        return decode_bundle(oh, msg, why);
    default:
        msg->type = OF_OTHER;
        return 0;
    }
}

static int
decode_by_library(const uint8_t *data, size_t len, int version,
                  struct of_message *msg, const char **why)
{
    void *copy = fh_xmemdup(data, len);     /* malloc() aligns. */
    int error;

    silence_library();
    error = decode_aligned(copy, len, version, msg, why);
    free(copy);
    return error;
}

/* Multipart replies. */

static int
decode_port_desc(struct ofwire_cursor c, int version, struct of_message *msg,
                 const char **why)
{
    struct ofpbuf b;
    void *copy;
    int error;

    silence_library();
    msg->type = OF_PORT_DESC_REPLY;
    /* 64 bytes each in 1.3; from 1.4 on 40, and properties if any. */
    msg->port_desc.ports = fh_xcalloc(c.left / PORT_MIN_LEN + 1,
                                      sizeof *msg->port_desc.ports);
    msg->port_desc.n = 0;

    copy = fh_xmemdup(c.p, c.left);
    b = ofpbuf_const_initializer(copy, (uint32_t) c.left);
    for (;;) {
        struct ofputil_phy_port pp;

        error = ofputil_pull_phy_port((enum ofp_version) version, &b, &pp);
        if (error) {
            break;
        }
        port_from_ofputil(&pp, &msg->port_desc.ports[msg->port_desc.n++]);
    }
    free(copy);
    if (error != EOF) {
        of_message_uninit(msg);
        return fail(why, "bad port description");
    }
    return 0;
}

/* Counts the entries by their lengths, so that the array can be of the right
 * size: at most one for each 8 bytes of the message. */
static size_t
count_flow_stats(struct ofwire_cursor c)
{
    size_t n = 0;

    while (c.left >= 8) {
        size_t len = wire_get_u16(c.p);

        if (len < 8 || len > c.left) {
            break;
        }
        c.p += len;
        c.left -= len;
        n++;
    }
    return n;
}

static int
decode_flow_stats(struct ofwire_cursor c, int version, struct of_message *msg,
                  const char **why)
{
    size_t n = count_flow_stats(c);

    msg->type = OF_FLOW_STATS_REPLY;
    msg->flow_stats.flows = fh_xmalloc((n + 1)
                                       * sizeof *msg->flow_stats.flows);
    msg->flow_stats.n = 0;
    while (c.left) {
        struct fh_flow *flow = &msg->flow_stats.flows[msg->flow_stats.n];

        switch (ofwire_pull_flow_stats(&c, version, flow)) {
        case OFWIRE_OK:
            msg->flow_stats.n++;
            break;
        case OFWIRE_FOREIGN:
            break;
        case OFWIRE_MALFORMED:
            of_message_uninit(msg);
            return fail(why, "bad flow statistics");
        }
    }
    return 0;
}

static int
decode_meter_stats(struct ofwire_cursor c, struct of_message *msg,
                   const char **why)
{
    msg->type = OF_METER_STATS_REPLY;
    msg->meter_stats.meters = fh_xcalloc(c.left / OFWIRE_METER_STATS_MIN + 1,
                                         sizeof *msg->meter_stats.meters);
    msg->meter_stats.n = 0;
    while (c.left) {
        if (ofwire_pull_meter_stats(&c, &msg->meter_stats.meters
                                         [msg->meter_stats.n])) {
            of_message_uninit(msg);
            return fail(why, "bad meter statistics");
        }
        msg->meter_stats.n++;
    }
    return 0;
}

static int
decode_meter_config(struct ofwire_cursor c, struct of_message *msg,
                    const char **why)
{
    msg->type = OF_METER_CONFIG_REPLY;
    msg->meter_config.meters = fh_xcalloc(c.left / OFWIRE_METER_CONFIG_MIN + 1,
                                          sizeof *msg->meter_config.meters);
    msg->meter_config.n = 0;
    while (c.left) {
        if (ofwire_pull_meter_config(&c, &msg->meter_config.meters
                                          [msg->meter_config.n])) {
            of_message_uninit(msg);
            return fail(why, "bad meter configuration");
        }
        msg->meter_config.n++;
    }
    return 0;
}

/* Flows of ours that are to be there until we take them away. */
static bool
is_lasting(uint64_t cookie)
{
    enum fh_flow_kind kind = fh_cookie_kind(cookie);

    return (fh_cookie_is_ours(cookie)
            && (kind == FH_KIND_BASE || kind == FH_KIND_UPLINK
                || kind == FH_KIND_CLIENT || kind == FH_KIND_CORE));
}

/* 7.3.5.17.2: length 16, event 16; of a change by others table 8, reason 8,
 * idle 16, hard 16, priority 16, pad 32, cookie 64, match and instructions; of
 * one of ours, which is no news, only its xid. */
#define UPDATE_FULL_LEN 24

static int
decode_flow_updates(struct ofwire_cursor c, struct of_message *msg,
                    const char **why)
{
    msg->type = OF_FLOWS_CHANGED;
    msg->flows_changed.n = 0;
    while (c.left) {
        size_t len = c.left < 4 ? 0 : wire_get_u16(c.p);

        if (len < 4 || len > c.left) {
            return fail(why, "bad flow update");
        }
        msg->flows_changed.n += (len >= UPDATE_FULL_LEN
                                 && is_lasting(ofwire_get_u64(c.p + 16)));
        c.p += len;
        c.left -= len;
    }
    return 0;
}

static int
decode_multipart(const uint8_t *data, size_t len, int version,
                 struct of_message *msg, const char **why)
{
    struct ofwire_cursor c = { data, len };
    bool more;
    int error;

    if (len < MULTIPART_HEADER_LEN) {
        return fail(why, "multipart reply is too short");
    }
    c.p += MULTIPART_HEADER_LEN;
    c.left -= MULTIPART_HEADER_LEN;
    more = wire_get_u16(data + 10) & MULTIPART_MORE;
    switch (wire_get_u16(data + 8)) {
    case MULTIPART_FLOW:
        error = decode_flow_stats(c, version, msg, why);
        msg->flow_stats.more = more;
        return error;
    case MULTIPART_METER:
        return decode_meter_stats(c, msg, why);
    case MULTIPART_METER_CONFIG:
        return decode_meter_config(c, msg, why);
    case MULTIPART_MONITOR:
        return decode_flow_updates(c, msg, why);
    case MULTIPART_PORT_DESC:
        error = decode_port_desc(c, version, msg, why);
        msg->port_desc.more = more;
        return error;
    default:
        msg->type = OF_OTHER;
        return 0;
    }
}

int
ofcodec_decode(const uint8_t *data, size_t len, int version,
               struct of_message *msg, const char **why)
{
    if (ofcodec_frame(data, len) != (int) len) {
        return fail(why, "length disagrees with the header");
    }
    msg->xid = ofwire_get_u32(data + 4);
    if (version && data[0] != version && data[1] != TYPE_HELLO
        && data[1] != TYPE_ERROR) {
        return fail(why, "version is not the negotiated one");
    }

    switch (version ? data[1] : TYPE_HELLO) {
    case TYPE_PACKET_IN:
        msg->type = OF_PACKET_IN;
        return ofwire_get_packet_in(data, len, &msg->packet_in, why);

    case TYPE_ECHO_REQUEST:
    case TYPE_ECHO_REPLY:
        msg->type = (data[1] == TYPE_ECHO_REQUEST ? OF_ECHO_REQUEST
                                                  : OF_ECHO_REPLY);
        msg->echo.data = data + OF_HEADER_LEN;
        msg->echo.len = len - OF_HEADER_LEN;
        return 0;

    case TYPE_BARRIER_REPLY:
        msg->type = OF_BARRIER_REPLY;
        return len == OF_HEADER_LEN ? 0 : fail(why, "bad barrier reply");

    case TYPE_MULTIPART_REPLY:
        return decode_multipart(data, len, version, msg, why);

    case TYPE_FLOW_REMOVED:
        msg->type = OF_FLOW_REMOVED;
        return ofwire_get_flow_removed(data, len, version,
                                       &msg->flow_removed.flow, why);

    case TYPE_CONTROLLER_STATUS:
        msg->type = OF_OTHER;
        return version >= OF_15 ? 0 : fail(why, "message of unknown type");

    default:
        return decode_by_library(data, len, version, msg, why);
    }
}

void
of_message_uninit(struct of_message *msg)
{
    if (msg->type == OF_PORT_DESC_REPLY) {
        free(msg->port_desc.ports);
        msg->port_desc.ports = NULL;
        msg->port_desc.n = 0;
    } else if (msg->type == OF_FLOW_STATS_REPLY) {
        free(msg->flow_stats.flows);
        msg->flow_stats.flows = NULL;
        msg->flow_stats.n = 0;
    } else if (msg->type == OF_METER_STATS_REPLY) {
        free(msg->meter_stats.meters);
        msg->meter_stats.meters = NULL;
        msg->meter_stats.n = 0;
    } else if (msg->type == OF_METER_CONFIG_REPLY) {
        free(msg->meter_config.meters);
        msg->meter_config.meters = NULL;
        msg->meter_config.n = 0;
    }
}

/* Versions. */

uint32_t
ofcodec_versions_to_offer(uint32_t peer_versions)
{
    return (peer_versions & OF_VERSION_BIT(OF_14)
            ? OF_VERSIONS & ~OF_VERSION_BIT(OF_15)
            : OF_VERSIONS);
}

int
ofcodec_negotiate(uint32_t offered, uint32_t peer_versions)
{
    for (int version = OF_15; version >= OF_13; version--) {
        if (offered & peer_versions & OF_VERSION_BIT(version)) {
            return version;
        }
    }
    return 0;
}
