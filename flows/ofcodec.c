/* OpenFlow 1.3, 1.4 and 1.5 messages <-> our values.
 *
 * The only includer of openvswitch message headers.  What libopenvswitch
 * decodes it gets in an aligned copy, whose kind and lengths it has approved
 * (ofptype_decode()): its decoders assert that.  The rest is in ofwire.c.
 * Never logs, never closes: says why, and the caller does. */
#include <config.h>

#include "flows/ofcodec.h"

#include <arpa/inet.h>
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <openvswitch/match.h>
#include <openvswitch/meta-flow.h>
#include <openvswitch/ofp-actions.h>
#include <openvswitch/ofp-bundle.h>
#include <openvswitch/ofp-connection.h>
#include <openvswitch/ofp-errors.h>
#include <openvswitch/ofp-flow.h>
#include <openvswitch/ofp-meter.h>
#include <openvswitch/ofp-msgs.h>
#include <openvswitch/ofp-port.h>
#include <openvswitch/ofp-protocol.h>
#include <openvswitch/ofp-switch.h>
#include <openvswitch/ofp-util.h>
#include <openvswitch/ofpbuf.h>
#include <openvswitch/vlog.h>

#include "flows/ofwire.h"

/* Header types that need no libopenvswitch, 7.1.1. */
enum {
    TYPE_HELLO = 0,
    TYPE_ERROR = 1,
    TYPE_ECHO_REQUEST = 2,
    TYPE_ECHO_REPLY = 3,
    TYPE_FEATURES_REQUEST = 5,
    TYPE_PACKET_IN = 10,
    TYPE_FLOW_REMOVED = 11,
    TYPE_PACKET_OUT = 13,
    TYPE_MULTIPART_REQUEST = 18,
    TYPE_MULTIPART_REPLY = 19,
    TYPE_BARRIER_REQUEST = 20,
    TYPE_BARRIER_REPLY = 21,
    TYPE_CONTROLLER_STATUS = 35,    /* 1.5; unknown to Open vSwitch 3.1. */
};

#define MULTIPART_HEADER_LEN 16
#define MULTIPART_FLOW       1
#define MULTIPART_METER      9
#define MULTIPART_METER_CONFIG 10   /* 1.5: METER_DESC, which is the same. */
#define MULTIPART_PORT_DESC  13
#define MULTIPART_MONITOR    16     /* From 1.4 on. */
#define MULTIPART_MORE       1

#define PORT_MIN_LEN 40         /* struct ofp14_port */

#define NO_BUFFER UINT32_MAX

static ovs_be64
be64(uint64_t value)
{
    return (OVS_FORCE ovs_be64) htobe64(value);
}

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

/* Encoders. */

static void
put_header(uint8_t *p, int version, uint8_t type, size_t len, uint32_t xid)
{
    p[0] = (uint8_t) version;
    p[1] = type;
    wire_put_u16(p + 2, (uint16_t) len);
    ofwire_put_u32(p + 4, xid);
}

static void
put_bare(struct fh_buf *buf, int version, uint8_t type, uint32_t xid)
{
    put_header(fh_buf_put(buf, OF_HEADER_LEN), version, type, OF_HEADER_LEN,
               xid);
}

/* Appends 'msg', which it takes, under 'xid'. */
static void
put_ofpbuf(struct fh_buf *buf, struct ofpbuf *msg, uint32_t xid)
{
    ofpmsg_update_length(msg);
    ofwire_put_u32((uint8_t *) msg->data + 4, xid);
    fh_buf_append(buf, msg->data, msg->size);
    ofpbuf_delete(msg);
}

static enum ofputil_protocol
protocol_of(int version)
{
    switch (version) {
    case OF_13:
        return OFPUTIL_P_OF13_OXM;
    case OF_14:
        return OFPUTIL_P_OF14_OXM;
    case OF_15:
        return OFPUTIL_P_OF15_OXM;
    }
    assert(!"no such version");
    return 0;
}

void
ofcodec_put_hello_versions(struct fh_buf *buf, uint32_t xid, uint32_t versions)
{
    put_ofpbuf(buf, ofputil_encode_hello(versions), xid);
}

void
ofcodec_put_error_hello_failed(struct fh_buf *buf, int version, uint32_t xid)
{
    int known = (version < OFP10_VERSION ? OFP10_VERSION
                 : version > OFP15_VERSION ? OFP15_VERSION : version);

    put_ofpbuf(buf, ofperr_encode_hello(OFPERR_OFPHFC_INCOMPATIBLE,
                                        (enum ofp_version) known,
                                        "OpenFlow 1.3, 1.4 or 1.5 needed"),
               xid);
}

void
ofcodec_put_echo_request(struct fh_buf *buf, int version, uint32_t xid)
{
    put_bare(buf, version, TYPE_ECHO_REQUEST, xid);
}

void
ofcodec_put_echo_reply(struct fh_buf *buf, int version, uint32_t xid,
                       const uint8_t *data, size_t len)
{
    assert(len <= OF_MAX_MESSAGE - OF_HEADER_LEN);
    put_header(fh_buf_put(buf, OF_HEADER_LEN), version, TYPE_ECHO_REPLY,
               OF_HEADER_LEN + len, xid);
    fh_buf_append(buf, data, len);
}

void
ofcodec_put_features_request(struct fh_buf *buf, int version, uint32_t xid)
{
    put_bare(buf, version, TYPE_FEATURES_REQUEST, xid);
}

void
ofcodec_put_barrier(struct fh_buf *buf, int version, uint32_t xid)
{
    put_bare(buf, version, TYPE_BARRIER_REQUEST, xid);
}

void
ofcodec_put_port_desc_request(struct fh_buf *buf, int version, uint32_t xid)
{
    put_ofpbuf(buf, ofputil_encode_port_desc_stats_request(
                   (enum ofp_version) version, OFPP_ANY), xid);
}

void
ofcodec_put_set_config(struct fh_buf *buf, int version, uint32_t xid)
{
    struct ofputil_switch_config config = {
        .frag = OFPUTIL_FRAG_NORMAL,
        .invalid_ttl_to_controller = -1,    /* Not in 1.3. */
        .miss_send_len = UINT16_MAX,
    };

    put_ofpbuf(buf, ofputil_encode_set_config(&config,
                                              (enum ofp_version) version),
               xid);
}

void
ofcodec_put_set_async(struct fh_buf *buf, int version, uint32_t xid)
{
    struct ofputil_async_cfg ac = OFPUTIL_ASYNC_CFG_INIT;
    uint32_t oams = (1u << OAM_PACKET_IN | 1u << OAM_PORT_STATUS
                     | 1u << OAM_FLOW_REMOVED | 1u << OAM_ROLE_STATUS);

    ac.primary[OAM_PACKET_IN] = 1u << OFPR_NO_MATCH | 1u << OFPR_ACTION;
    if (version >= OF_14) {
        ac.primary[OAM_PACKET_IN] |= (1u << OFPR_ACTION_SET | 1u << OFPR_GROUP
                                      | 1u << OFPR_PACKET_OUT);
    }
    ac.primary[OAM_PORT_STATUS] = (1u << OFPPR_ADD | 1u << OFPPR_DELETE
                                   | 1u << OFPPR_MODIFY);
    ac.primary[OAM_FLOW_REMOVED] = (1u << OFPRR_IDLE_TIMEOUT
                                    | 1u << OFPRR_HARD_TIMEOUT
                                    | 1u << OFPRR_DELETE
                                    | 1u << OFPRR_GROUP_DELETE);
    ac.primary[OAM_ROLE_STATUS] = (1u << OFPCRR_PRIMARY_REQUEST
                                   | 1u << OFPCRR_CONFIG);
    ac.secondary[OAM_PORT_STATUS] = ac.primary[OAM_PORT_STATUS];
    ac.secondary[OAM_ROLE_STATUS] = ac.primary[OAM_ROLE_STATUS];
    put_ofpbuf(buf, ofputil_encode_set_async_config(
                   &ac, oams, (enum ofp_version) version), xid);
}

static void
put_role(struct fh_buf *buf, int version, uint32_t xid,
         enum ofp12_controller_role wanted, uint64_t generation)
{
    struct ofpbuf *msg = ofpraw_alloc_xid(OFPRAW_OFPT12_ROLE_REQUEST,
                                          (uint8_t) version, htonl(xid), 0);
    struct ofp12_role_request *role = ofpbuf_put_zeros(msg, sizeof *role);

    role->role = htonl(wanted);
    role->generation_id = be64(generation);
    put_ofpbuf(buf, msg, xid);
}

void
ofcodec_put_role_query(struct fh_buf *buf, int version, uint32_t xid)
{
    put_role(buf, version, xid, OFPCR12_ROLE_NOCHANGE, 0);
}

void
ofcodec_put_role_master(struct fh_buf *buf, int version, uint32_t xid,
                        uint64_t generation)
{
    put_role(buf, version, xid, OFPCR12_ROLE_PRIMARY, generation);
}

void
ofcodec_put_role_slave(struct fh_buf *buf, int version, uint32_t xid,
                       uint64_t generation)
{
    put_role(buf, version, xid, OFPCR12_ROLE_SECONDARY, generation);
}

void
ofcodec_put_meter(struct fh_buf *buf, int version, uint32_t xid,
                  const struct fh_meter *meter)
{
    struct ofputil_meter_band band = {
        .type = OFPMBT13_DROP,
        .rate = meter->rate_pps,
        .burst_size = meter->burst,
    };
    struct ofputil_meter_mod mod = {
        .command = OFPMC13_ADD,
        .meter = {
            .meter_id = meter->id,
            .flags = OFPMF13_PKTPS | OFPMF13_BURST,
            .n_bands = 1,
            .bands = &band,
        },
    };

    put_ofpbuf(buf, ofputil_encode_meter_mod((enum ofp_version) version,
                                             &mod), xid);
    mod.command = OFPMC13_MODIFY;
    put_ofpbuf(buf, ofputil_encode_meter_mod((enum ofp_version) version,
                                             &mod), xid);
}

/* 7.3.5.13 of 1.3: type 16, flags 16, pad 32, meter 32, pad 32. */
static void
put_meter_request(struct fh_buf *buf, int version, uint32_t xid,
                  uint16_t type, uint32_t meter)
{
    size_t len = MULTIPART_HEADER_LEN + 8;
    uint8_t *p = fh_buf_put(buf, len);

    memset(p, 0, len);
    put_header(p, version, TYPE_MULTIPART_REQUEST, len, xid);
    wire_put_u16(p + 8, type);
    ofwire_put_u32(p + MULTIPART_HEADER_LEN, meter);
}

void
ofcodec_put_meter_stats_request(struct fh_buf *buf, int version, uint32_t xid,
                                uint32_t meter)
{
    put_meter_request(buf, version, xid, MULTIPART_METER, meter);
}

void
ofcodec_put_meter_config_request(struct fh_buf *buf, int version,
                                 uint32_t xid)
{
    put_meter_request(buf, version, xid, MULTIPART_METER_CONFIG,
                      OFPM13_ALL);
}

/* 7.3.5.17.1: monitor 32, port 32, group 32, flags 16, table 8, command 8,
 * match. */
#define MONITOR_LEN     24
#define MONITOR_CHANGES (1 << 1 | 1 << 2 | 1 << 3)  /* Add, remove, modify. */

void
ofcodec_put_flow_monitor(struct fh_buf *buf, int version, uint32_t xid)
{
    size_t len = MULTIPART_HEADER_LEN + MONITOR_LEN;
    uint8_t *p;

    if (version < OF_14) {
        return;
    }
    p = fh_buf_put(buf, len);
    memset(p, 0, len);
    put_header(p, version, TYPE_MULTIPART_REQUEST, len, xid);
    wire_put_u16(p + 8, MULTIPART_MONITOR);
    p += MULTIPART_HEADER_LEN;
    ofwire_put_u32(p, 1);
    ofwire_put_u32(p + 4, FH_PORT_NONE);
    ofwire_put_u32(p + 8, OFPG_ANY);
    wire_put_u16(p + 12, MONITOR_CHANGES);
    p[14] = 0xff;                           /* All tables. */
    ofwire_put_u32(p + 16, 1 << 16 | 4);    /* Matches all: OXM, no fields. */
}

void
ofcodec_put_flow_stats_request(struct fh_buf *buf, int version, uint32_t xid,
                               const struct of_flow_filter *filter)
{
    struct ofputil_flow_stats_request request = {
        .cookie = be64(filter->cookie),
        .cookie_mask = be64(filter->cookie_mask),
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .table_id = filter->table,
    };

    match_init_catchall(&request.match);
    if (filter->reg_mask) {
        match_set_reg_masked(&request.match, filter->reg, filter->reg_value,
                             filter->reg_mask);
    }
    put_ofpbuf(buf, ofputil_encode_flow_stats_request(&request,
                                                      protocol_of(version)),
               xid);
}

/* Flows. */

static ofp_port_t
port_to_ofp(uint32_t port)
{
    assert(ofwire_port_is_valid(port));
    return (OVS_FORCE ofp_port_t) (uint16_t) port;
}

static void
match_set_l2(struct match *m, const struct fh_match *match)
{
    if (match->fields & FH_F_IN_PORT) {
        match_set_in_port(m, port_to_ofp(match->in_port));
    }
    if (match->fields & FH_F_METADATA) {
        match_set_metadata_masked(m, be64(match->metadata),
                                  be64(match->metadata_mask));
    }
    if (match->fields & FH_F_ETH_SRC) {
        match_set_dl_src(m, match->eth_src);
    }
    if (match->fields & FH_F_ETH_DST) {
        match_set_dl_dst(m, match->eth_dst);
    }
    if (match->fields & FH_F_ETH_TYPE) {
        match_set_dl_type(m, htons(match->eth_type));
    }
    if (match->fields & FH_F_VLAN) {
        if (match->vlan_vid == FH_VLAN_ANY) {
            match_set_vlan_vid_masked(m, htons(OFPVID12_PRESENT),
                                      htons(OFPVID12_PRESENT));
        } else {
            match_set_vlan_vid(m, (match->vlan_vid == FH_VLAN_NONE ? htons(0)
                                   : htons(match->vlan_vid
                                           | OFPVID12_PRESENT)));
        }
    }
    for (int i = 0; i < FH_N_REGS; i++) {
        if (match->fields & FH_F_REG(i)) {
            match_set_reg(m, i, match->regs[i]);
        }
    }
}

/* In a 'struct match' ARP shares its members with IPv4. */
static void
match_set_l3(struct match *m, const struct fh_match *match)
{
    if (match->fields & FH_F_IP_SRC) {
        match_set_nw_src_masked(m, match->ip_src, match->ip_src_mask);
    }
    if (match->fields & FH_F_IP_DST) {
        match_set_nw_dst_masked(m, match->ip_dst, match->ip_dst_mask);
    }
    if (match->fields & FH_F_IP_PROTO) {
        match_set_nw_proto(m, match->ip_proto);
    }
    if (match->fields & FH_F_ICMP_TYPE) {
        match_set_icmp_type(m, match->icmp_type);
    }
    if (match->fields & FH_F_IP_TTL) {
        match_set_nw_ttl(m, match->ip_ttl);
    }
    if (match->fields & FH_F_UDP_SRC) {
        match_set_tp_src(m, htons(match->udp_src));
    }
    if (match->fields & FH_F_UDP_DST) {
        match_set_tp_dst(m, htons(match->udp_dst));
    }
    if (match->fields & FH_F_ARP_OP) {
        match_set_nw_proto(m, (uint8_t) match->arp_op);
    }
    if (match->fields & FH_F_ARP_SPA) {
        match_set_nw_src_masked(m, match->arp_spa, match->arp_spa_mask);
    }
    if (match->fields & FH_F_ARP_TPA) {
        match_set_nw_dst_masked(m, match->arp_tpa, match->arp_tpa_mask);
    }
}

static void
put_set_mac(struct ofpbuf *acts, enum mf_field_id field, struct eth_addr mac)
{
    ofpact_put_set_field(acts, mf_from_id(field), &mac, NULL);
}

static void
put_ofpact_output(struct ofpbuf *acts, uint32_t port)
{
    struct ofpact_output *output = ofpact_put_OUTPUT(acts);

    output->port = port_to_ofp(port);
    output->max_len = UINT16_MAX;           /* OFPCML_NO_BUFFER */
}

static void
put_check_larger(struct ofpbuf *acts, uint32_t len)
{
    struct ofpact_check_pkt_larger *check
        = ofpact_put_CHECK_PKT_LARGER(acts);

    check->dst.field = mf_from_id(MFF_METADATA);
    check->dst.ofs = FH_META_LARGER_BIT;
    check->dst.n_bits = 1;
    check->pkt_len = (uint16_t) len;
}

static const enum mf_field_id mf_of_name[FH_N_NAMES] = {
    [FH_NAME_ETH_SRC] = MFF_ETH_SRC, [FH_NAME_ETH_DST] = MFF_ETH_DST,
    [FH_NAME_ARP_SHA] = MFF_ARP_SHA, [FH_NAME_ARP_THA] = MFF_ARP_THA,
    [FH_NAME_ARP_SPA] = MFF_ARP_SPA, [FH_NAME_ARP_TPA] = MFF_ARP_TPA,
    [FH_NAME_IP_SRC] = MFF_IPV4_SRC, [FH_NAME_IP_DST] = MFF_IPV4_DST,
    [FH_NAME_REG0] = MFF_REG0, [FH_NAME_REG0 + 1] = MFF_REG1,
    [FH_NAME_REG0 + 2] = MFF_REG2, [FH_NAME_REG0 + 3] = MFF_REG3,
};

static struct mf_subfield
whole_field(unsigned int name)
{
    const struct mf_field *field;

    assert(name < FH_N_NAMES);
    field = mf_from_id(mf_of_name[name]);
    return (struct mf_subfield) { field, 0, field->n_bits };
}

static void
put_set_u8(struct ofpbuf *acts, enum mf_field_id field, uint32_t value)
{
    uint8_t byte = (uint8_t) value;

    ofpact_put_set_field(acts, mf_from_id(field), &byte, NULL);
}

static void
put_set_reg(struct ofpbuf *acts, uint32_t index, uint32_t value)
{
    ovs_be32 be = htonl(value);

    assert(index < FH_N_REGS);
    ofpact_put_set_field(acts, mf_from_id(mf_of_name[FH_NAME_REG0 + index]),
                         &be, NULL);
}

static void
put_move(struct ofpbuf *acts, unsigned int from, unsigned int to)
{
    struct ofpact_reg_move *move = ofpact_put_REG_MOVE(acts);

    move->src = whole_field(from);
    move->dst = whole_field(to);
}

static void
put_resubmit(struct ofpbuf *acts, uint32_t table)
{
    struct ofpact_resubmit *resubmit = ofpact_put_RESUBMIT(acts);

    resubmit->in_port = OFPP_IN_PORT;
    resubmit->table_id = (uint8_t) table;
}

static void
put_ofpact(struct ofpbuf *acts, const struct fh_action *action)
{
    ovs_be16 vid;

    switch ((enum fh_action_type) action->type) {
    case FH_ACT_OUTPUT:
        put_ofpact_output(acts, action->u.port);
        break;
    case FH_ACT_CONTROLLER:
        put_ofpact_output(acts, FH_PORT_CONTROLLER);
        break;
    case FH_ACT_SET_ETH_SRC:
        put_set_mac(acts, MFF_ETH_SRC, action->u.mac);
        break;
    case FH_ACT_SET_ETH_DST:
        put_set_mac(acts, MFF_ETH_DST, action->u.mac);
        break;
    case FH_ACT_SET_ARP_SPA:
        ofpact_put_set_field(acts, mf_from_id(MFF_ARP_SPA), &action->u.ip4,
                             NULL);
        break;
    case FH_ACT_SET_ARP_OP: {
        ovs_be16 op = htons((uint16_t) action->u.op);

        ofpact_put_set_field(acts, mf_from_id(MFF_ARP_OP), &op, NULL);
        break;
    }
    case FH_ACT_SET_ARP_SHA:
        put_set_mac(acts, MFF_ARP_SHA, action->u.mac);
        break;
    case FH_ACT_SET_ARP_THA:
        put_set_mac(acts, MFF_ARP_THA, action->u.mac);
        break;
    case FH_ACT_SET_ARP_TPA:
        ofpact_put_set_field(acts, mf_from_id(MFF_ARP_TPA), &action->u.ip4,
                             NULL);
        break;
    case FH_ACT_DEC_TTL: {
        uint16_t id = 0;        /* The one controller of standard OpenFlow. */
        struct ofpact_cnt_ids *ids = ofpact_put_DEC_TTL(acts);

        ids->n_controllers = 1;
        ofpbuf_put(acts, &id, sizeof id);
        ids = acts->header;
        ofpact_finish_DEC_TTL(acts, &ids);
        break;
    }
    case FH_ACT_PUSH_VLAN:
        ofpact_put_PUSH_VLAN(acts)->ethertype = htons(
            (uint16_t) action->u.vid);
        break;
    case FH_ACT_SET_VLAN:
        vid = htons((uint16_t) (action->u.vid | OFPVID12_PRESENT));
        ofpact_put_set_field(acts, mf_from_id(MFF_VLAN_VID), &vid, NULL);
        break;
    case FH_ACT_POP_VLAN:
        ofpact_put_STRIP_VLAN(acts);
        break;
    case FH_ACT_CHECK_LARGER:
        put_check_larger(acts, action->u.len);
        break;
    case FH_ACT_SET_ICMP_TYPE:
        put_set_u8(acts, MFF_ICMPV4_TYPE, action->u.number);
        break;
    case FH_ACT_SET_TTL:
        put_set_u8(acts, MFF_IP_TTL, action->u.number);
        break;
    case FH_ACT_SET_REG:
        put_set_reg(acts, action->u.reg.index, action->u.reg.value);
        break;
    case FH_ACT_MOVE:
        put_move(acts, action->u.move.from, action->u.move.to);
        break;
    case FH_ACT_RESUBMIT:
        put_resubmit(acts, action->u.number);
        break;
    }
}

/* Instructions in the order in which a bridge runs them, which is also the
 * order that libopenvswitch wants. */
static void
put_ofpacts(struct ofpbuf *acts, const struct fh_flow *flow)
{
    if (flow->meter) {
        struct ofpact_meter *meter = ofpact_put_METER(acts);

        meter->meter_id = flow->meter;
        meter->provider_meter_id = UINT32_MAX;
    }
    assert(flow->n_actions <= FH_FLOW_MAX_ACTIONS);
    for (size_t i = 0; i < flow->n_actions; i++) {
        put_ofpact(acts, &flow->actions[i]);
    }
    if (flow->metadata_mask) {
        struct ofpact_metadata *om = ofpact_put_WRITE_METADATA(acts);

        om->metadata = be64(flow->metadata);
        om->mask = be64(flow->metadata_mask);
    }
    if (flow->next_table) {
        ofpact_put_GOTO_TABLE(acts)->table_id = flow->next_table;
    }
}

static void
fill_add(struct ofputil_flow_mod *fm, const struct fh_flow *flow,
         struct ofpbuf *acts)
{
    put_ofpacts(acts, flow);
    fm->command = OFPFC_ADD;
    fm->new_cookie = be64(flow->cookie);
    fm->hard_timeout = flow->hard_timeout_s;
    fm->flags = flow->send_removed ? OFPUTIL_FF_SEND_FLOW_REM : 0;
    fm->ofpacts = acts->data;
    fm->ofpacts_len = acts->size;
}

static void
fill_delete(struct ofputil_flow_mod *fm, const struct fh_flow *flow)
{
    fm->command = OFPFC_DELETE_STRICT;
    fm->cookie = be64(flow->cookie);
    fm->cookie_mask = be64(FH_COOKIE_KIND_MASK);
    fm->new_cookie = OVS_BE64_MAX;
}

/* Returns new, or NULL for a flow that has no expression. */
static struct ofpbuf *
encode_change(int version, const struct fh_change *change)
{
    const struct fh_flow *flow = &change->flow;
    struct ofputil_flow_mod fm = {
        .priority = flow->priority,
        .table_id = flow->table,
        .buffer_id = NO_BUFFER,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
    };
    uint64_t stub[1024 / 8];
    struct ofpbuf acts = OFPBUF_STUB_INITIALIZER(stub);
    struct ofpbuf *msg;
    struct match match;

    if (flow->match.fields == UINT32_MAX) {
        return NULL;
    }
    match_init_catchall(&match);
    match_set_l2(&match, &flow->match);
    match_set_l3(&match, &flow->match);
    minimatch_init(&fm.match, &match);
    if (change->op == FH_CHANGE_ADD) {
        fill_add(&fm, flow, &acts);
    } else {
        fill_delete(&fm, flow);
    }
    msg = ofputil_encode_flow_mod(&fm, protocol_of(version));
    minimatch_destroy(&fm.match);
    ofpbuf_uninit(&acts);
    return msg;
}

void
ofcodec_put_change(struct fh_buf *buf, int version, uint32_t xid,
                   const struct fh_change *change)
{
    struct ofpbuf *msg = encode_change(version, change);

    if (msg) {
        put_ofpbuf(buf, msg, xid);
    }
}

/* Bundles. */

#define BUNDLE_FLAGS (OFPBF_ATOMIC | OFPBF_ORDERED)

static void
put_bundle_ctrl(struct fh_buf *buf, int version, uint32_t xid, uint32_t bundle,
                uint16_t type)
{
    struct ofputil_bundle_ctrl_msg ctrl = {
        .bundle_id = bundle,
        .type = type,
        .flags = BUNDLE_FLAGS,
    };

    put_ofpbuf(buf, ofputil_encode_bundle_ctrl_request(
                   (enum ofp_version) version, &ctrl), xid);
}

void
ofcodec_put_bundle_open(struct fh_buf *buf, int version, uint32_t xid,
                        uint32_t bundle)
{
    put_bundle_ctrl(buf, version, xid, bundle, OFPBCT_OPEN_REQUEST);
}

void
ofcodec_put_bundle_commit(struct fh_buf *buf, int version, uint32_t xid,
                          uint32_t bundle)
{
    put_bundle_ctrl(buf, version, xid, bundle, OFPBCT_COMMIT_REQUEST);
}

void
ofcodec_put_bundle_change(struct fh_buf *buf, int version, uint32_t xid,
                          uint32_t bundle, const struct fh_change *change)
{
    struct ofpbuf *msg = encode_change(version, change);
    struct ofputil_bundle_add_msg add = {
        .bundle_id = bundle,
        .flags = BUNDLE_FLAGS,
    };

    if (!msg) {
        return;
    }
    /* The inner message has the xid of the outer one, 7.3.9.8. */
    ofpmsg_update_length(msg);
    ofwire_put_u32((uint8_t *) msg->data + 4, xid);
    add.msg = msg->data;
    put_ofpbuf(buf, ofputil_encode_bundle_add((enum ofp_version) version,
                                              &add), xid);
    ofpbuf_delete(msg);
}

/* Packet-out.  1.3 and 1.4, 7.3.7: buffer id 32, port 32, actions length 16,
 * 48 bits of padding.  1.5: buffer id 32, actions length 16, 16 bits of
 * padding, and a match that names the port.  Then actions and frame. */
static uint8_t *
put_packet_out_head(uint8_t *p, int version, uint32_t in_port,
                    size_t actions_len)
{
    ofwire_put_u32(p, NO_BUFFER);
    if (version >= OF_15) {
        wire_put_u16(p + 4, (uint16_t) actions_len);
        memset(p + 6, 0, 2);
        ofwire_put_u32(p + 8, 1 << 16 | 12);    /* OXM match of 12 bytes. */
        ofwire_put_u32(p + 12, 0x80000004);     /* in_port */
        ofwire_put_u32(p + 16, in_port);
        memset(p + 20, 0, 4);
        return p + 24;
    }
    ofwire_put_u32(p + 4, in_port);
    wire_put_u16(p + 8, (uint16_t) actions_len);
    memset(p + 10, 0, 6);
    return p + 16;
}

void
ofcodec_put_packet_out(struct fh_buf *buf, int version, uint32_t xid,
                       uint32_t in_port, const struct fh_action *actions,
                       size_t n_actions, const uint8_t *frame, size_t len)
{
    size_t head_len = OF_HEADER_LEN + (version >= OF_15 ? 24 : 16);
    size_t actions_len = 0;
    size_t total;
    uint8_t *p;

    for (size_t i = 0; i < n_actions; i++) {
        actions_len += ofwire_action_len(&actions[i]);
    }
    total = head_len + actions_len + len;
    assert(total <= OF_MAX_MESSAGE);

    p = fh_buf_put(buf, total);
    put_header(p, version, TYPE_PACKET_OUT, total, xid);
    p = put_packet_out_head(p + OF_HEADER_LEN, version, in_port, actions_len);
    for (size_t i = 0; i < n_actions; i++) {
        p += ofwire_put_action(p, &actions[i]);
    }
    memcpy(p, frame, len);
}

/* Open vSwitch's learn action (ovs-actions(7)): type 16, length 16, vendor 32,
 * subtype 16, idle 16, hard 16, priority 16, cookie 64, flags 16, table 8, pad
 * 8, two more timeouts 32, then here one part: what it loads (16 bits: an
 * immediate value, into a field, of so many bits), the value, the field's
 * header 32, from bit 16. */
#define LEARN_LEN       48
#define NX_LEARN        16
#define LEARN_LOAD_32   (1 << 13 | 1 << 11 | 32)
#define NX1_REG(I)      (UINT32_C(0x00010004) | (I) << 9)

static void
put_learn(uint8_t *p, const struct fh_flow *flow)
{
    const struct fh_action *set = &flow->actions[0];

    assert(!flow->match.fields && flow->n_actions == 1
           && set->type == FH_ACT_SET_REG);
    memset(p, 0, LEARN_LEN);
    wire_put_u16(p, 0xffff);
    wire_put_u16(p + 2, LEARN_LEN);
    ofwire_put_u32(p + 4, 0x00002320);
    wire_put_u16(p + 8, NX_LEARN);
    wire_put_u16(p + 12, flow->hard_timeout_s);
    wire_put_u16(p + 14, flow->priority);
    ofwire_put_u32(p + 16, flow->cookie >> 32);
    ofwire_put_u32(p + 20, (uint32_t) flow->cookie);
    p[26] = flow->table;
    wire_put_u16(p + 32, LEARN_LOAD_32);
    ofwire_put_u32(p + 34, set->u.reg.value);
    ofwire_put_u32(p + 38, NX1_REG(set->u.reg.index));
}

void
ofcodec_put_renewal(struct fh_buf *buf, int version, uint32_t xid,
                    const struct fh_flow *flow)
{
    /* An Ethertype for local experiments (IEEE 802, 9.2.3).  It goes nowhere,
     * and not even a switch could learn from it. */
    static const uint8_t frame[14] = {
        1, 0x80, 0xc2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0x88, 0xb5
    };
    size_t head_len = OF_HEADER_LEN + (version >= OF_15 ? 24 : 16);
    size_t total = head_len + LEARN_LEN + sizeof frame;
    uint8_t *p = fh_buf_put(buf, total);

    put_header(p, version, TYPE_PACKET_OUT, total, xid);
    p = put_packet_out_head(p + OF_HEADER_LEN, version, FH_PORT_CONTROLLER,
                            LEARN_LEN);
    put_learn(p, flow);
    memcpy(p + LEARN_LEN, frame, sizeof frame);
}
