/* OpenFlow 1.3, 1.4 and 1.5 messages <-> our values.
 *
 * Behind it are ofcodec.c, ofencode.c and ofencode_flow.c, the only files that
 * include openvswitch message headers.  Encoders append one whole message to a
 * buffer; they cannot fail.  The decoder takes one whole message (its header's
 * length is the buffer's) and treats it as hostile.  The hot path, packet-in
 * and packet-out, is read and written by hand; all else goes through
 * libopenvswitch. */
#ifndef OFCODEC_H
#define OFCODEC_H 1

#include <firsthop/buf.h>
#include <firsthop/flow.h>
#include <firsthop/types.h>

/* Wire versions. */
enum of_version { OF_13 = 4, OF_14 = 5, OF_15 = 6 };

#define OF_HEADER_LEN 8
#define OF_MAX_MESSAGE 65535

/* Bit v: version v, as in a hello. */
#define OF_VERSION_BIT(V) (UINT32_C(1) << (V))
#define OF_VERSIONS (OF_VERSION_BIT(OF_13) | OF_VERSION_BIT(OF_14) \
                     | OF_VERSION_BIT(OF_15))

/* What of_message.bundle.type says, 7.3.9.1. */
#define OF_BUNDLE_OPEN_REPLY   1
#define OF_BUNDLE_COMMIT_REPLY 5

/* What of_message.error.type and code say, 7.5.4. */
#define OF_ERROR_BAD_REQUEST  1
#define OF_ERROR_IS_SLAVE     10    /* Code: a slave may not change that. */
#define OF_ERROR_ROLE_FAILED  11
#define OF_ERROR_ROLE_STALE   0     /* Code: generation id too old. */
#define OF_ERROR_METER_FAILED 12
#define OF_ERROR_METER_EXISTS 1     /* Code. */

#define OF_GENERATION_NONE UINT64_MAX

enum of_type {
    OF_HELLO,
    OF_ERROR,
    OF_ECHO_REQUEST,
    OF_ECHO_REPLY,
    OF_FEATURES_REPLY,
    OF_PACKET_IN,
    OF_FLOW_REMOVED,
    OF_PORT_STATUS,
    OF_PORT_DESC_REPLY,
    OF_FLOW_STATS_REPLY,
    OF_METER_STATS_REPLY,
    OF_METER_CONFIG_REPLY,
    OF_FLOWS_CHANGED,
    OF_BARRIER_REPLY,
    OF_ROLE_REPLY,
    OF_ROLE_STATUS,             /* We have lost the master role. */
    OF_BUNDLE_REPLY,
    OF_OTHER,                   /* Well-formed and of no interest. */
};

/* A punted frame.  'frame' points into the message. */
struct of_packet_in {
    const uint8_t *frame;       /* Ethernet header first. */
    size_t len;                 /* Bytes present, 0...65535. */
    uint64_t cookie;
    uint64_t metadata;          /* 0 where the match has none. */
    uint32_t in_port;
    uint8_t table;
};

#define OF_PORT_NAME_LEN 64

struct of_port {
    uint32_t number;
    char name[OF_PORT_NAME_LEN];    /* Null-terminated, printable. */
    bool up;                    /* Neither administratively nor link down,
                                 * and live if the bridge tells liveness. */
};

/* What a meter has dropped, all its bands together. */
struct of_meter_drops {
    uint32_t id;
    uint64_t packets;
};

struct of_message {
    enum of_type type;
    uint32_t xid;
    union {
        struct { uint32_t versions; } hello;    /* Bit v: version v. */
        struct {
            uint16_t type, code;            /* As on the wire. */
            char text[96];                  /* For a person to read. */
        } error;
        struct { const uint8_t *data; size_t len; } echo;
        struct {
            uint64_t dpid;
            uint8_t n_tables;
            uint8_t auxiliary_id;           /* 0: the main connection. */
        } features;
        struct of_packet_in packet_in;
        struct { struct of_port port; bool deleted; } port_status;
        struct {
            struct of_port *ports; size_t n; bool more;
        } port_desc;                        /* Owned: of_message_uninit(). */
        struct {
            struct fh_flow *flows; size_t n; bool more;
        } flow_stats;                       /* Owned: of_message_uninit(). */
        struct {
            struct of_meter_drops *meters; size_t n;
        } meter_stats;                      /* Owned: of_message_uninit(). */
        struct {
            struct fh_meter *meters; size_t n;
        } meter_config;                     /* Owned: of_message_uninit(). */
        struct {
            struct fh_flow flow;
        } flow_removed;                     /* Match, table, cookie and counts
                                             * only. */
        struct { size_t n; } flows_changed;     /* Of ours. */
        struct { bool master, slave; uint64_t generation; } role;
        struct { uint32_t id; uint16_t type; } bundle;
    };
};

/* Decodes one message of 'len' bytes.  'version' is the connection's, or 0
 * before the hello (only hello and error are then accepted).  A flow in a
 * stats reply that our language cannot express comes with its true table,
 * priority, cookie and match, and n_actions = UINT8_MAX, so that it equals
 * none of ours; one whose match cannot be expressed is left out unless it is
 * ours, for which it comes with match.fields = UINT32_MAX.
 * Returns 0 and fills '*msg' (release with of_message_uninit()), or EPROTO
 * and '*why', a static string. */
int ofcodec_decode(const uint8_t *data, size_t len, int version,
                   struct of_message *msg, const char **why);
void of_message_uninit(struct of_message *);

/* Reads the header.  Returns the message's length in bytes, 0 while 'len' is
 * too short to tell, or -1 where the header cannot be OpenFlow. */
int ofcodec_frame(const uint8_t *data, size_t len);

/* What to offer in the hello to a peer that offers 'peer_versions', so that
 * both sides come to 1.4 wherever the peer has it.  OpenFlow (6.3.1) settles
 * on the highest version that both offer, so 1.5 is held back from a peer
 * that has 1.4. */
uint32_t ofcodec_versions_to_offer(uint32_t peer_versions);
/* What both settle on: an enum of_version, or 0. */
int ofcodec_negotiate(uint32_t offered, uint32_t peer_versions);

/* Encoders. 'version' is an enum of_version. */
void ofcodec_put_hello_versions(struct fh_buf *, uint32_t xid,
                                uint32_t versions);
/* 'version' is whatever the peer's header said. */
void ofcodec_put_error_hello_failed(struct fh_buf *, int version,
                                    uint32_t xid);
void ofcodec_put_echo_request(struct fh_buf *, int version, uint32_t xid);
void ofcodec_put_echo_reply(struct fh_buf *, int version, uint32_t xid,
                            const uint8_t *data, size_t len);
void ofcodec_put_features_request(struct fh_buf *, int version, uint32_t xid);
void ofcodec_put_port_desc_request(struct fh_buf *, int version,
                                   uint32_t xid);
void ofcodec_put_set_config(struct fh_buf *, int version, uint32_t xid);
/* Packet-in: actions, and no invalid TTL; port status; flow removed; all as
 * master or equal. */
void ofcodec_put_set_async(struct fh_buf *, int version, uint32_t xid);
/* Asks for the role as it is.  The reply tells the generation id that the
 * bridge has seen last, OF_GENERATION_NONE: none. */
void ofcodec_put_role_query(struct fh_buf *, int version, uint32_t xid);
void ofcodec_put_role_master(struct fh_buf *, int version, uint32_t xid,
                             uint64_t generation);
void ofcodec_put_role_slave(struct fh_buf *, int version, uint32_t xid,
                            uint64_t generation);
void ofcodec_put_barrier(struct fh_buf *, int version, uint32_t xid);
/* Sets the meter of that id, whether it exists or not: add, then modify, two
 * messages, both of 'xid'.  (Deleting it first would delete every flow that
 * uses it.)  A bridge that has the meter answers the first with
 * OF_ERROR_METER_EXISTS, which means nothing. */
void ofcodec_put_meter(struct fh_buf *, int version, uint32_t xid,
                       const struct fh_meter *);
/* Asks what all meters are set to. */
void ofcodec_put_meter_config_request(struct fh_buf *, int version,
                                      uint32_t xid);
void ofcodec_put_meter_stats_request(struct fh_buf *, int version,
                                     uint32_t xid, uint32_t meter);
/* Has the bridge tell of flows that are added, changed or deleted by somebody
 * else than this connection: OF_FLOWS_CHANGED.  1.4 and later; else it puts
 * nothing. */
void ofcodec_put_flow_monitor(struct fh_buf *, int version, uint32_t xid);

/* Which flows a bridge is to list. */
struct of_flow_filter {
    uint64_t cookie, cookie_mask;
    uint8_t table;              /* OF_ALL_TABLES, or one. */
    uint8_t reg;                /* Flows that match on this register, */
    uint32_t reg_value;         /* which is that */
    uint32_t reg_mask;          /* in these bits; 0: on whatever. */
};

#define OF_ALL_TABLES 0xff

void ofcodec_put_flow_stats_request(struct fh_buf *, int version,
                                    uint32_t xid,
                                    const struct of_flow_filter *);
/* A change to a flow whose match cannot be expressed (match.fields =
 * UINT32_MAX) puts nothing. */
void ofcodec_put_change(struct fh_buf *, int version, uint32_t xid,
                        const struct fh_change *);
/* Bundles: 1.4 natively, 1.3 through the ONF extension; atomic, ordered. */
void ofcodec_put_bundle_open(struct fh_buf *, int version, uint32_t xid,
                             uint32_t bundle);
void ofcodec_put_bundle_change(struct fh_buf *, int version, uint32_t xid,
                               uint32_t bundle, const struct fh_change *);
void ofcodec_put_bundle_commit(struct fh_buf *, int version, uint32_t xid,
                               uint32_t bundle);

/* Sends 'frame' through 'actions'.  'in_port' is FH_PORT_CONTROLLER, or the
 * number of a port. 'n_actions' * 24 + 'len' must stay below 60,000 bytes.
 * Unlike in a flow, SET_* and OUTPUT may alternate as often as fits. */
void ofcodec_put_packet_out(struct fh_buf *, int version, uint32_t xid,
                            uint32_t in_port,
                            const struct fh_action *actions, size_t n_actions,
                            const uint8_t *frame, size_t len);
/* Sends 'frame' by 'port', as it is. */
void ofcodec_put_frame_out(struct fh_buf *, int version, uint32_t xid,
                           uint32_t port, const uint8_t *frame, size_t len);

/* Has the bridge hold '*flow' for its hard timeout from now on, whether it
 * does already or not.  By a packet-out with Open vSwitch's learn action: the
 * bridge then only notes the time, where a flow mod would have it look through
 * all that its datapath has cached.  '*flow' matches all and has a single
 * action, FH_ACT_SET_REG. */
void ofcodec_put_renewal(struct fh_buf *, int version, uint32_t xid,
                         const struct fh_flow *);

#endif /* flows/ofcodec.h */
