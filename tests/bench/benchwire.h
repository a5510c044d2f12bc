/* Big-endian bytes and the OpenFlow 1.3 and 1.4 numbers that the bench tools
 * need.
 *
 * The tools speak a hand-written subset on purpose: they must not share a
 * bug, or a cost, with the codec that they measure.  ONF TS-006 (1.3.1) and
 * TS-012 (1.4.0); where the two differ the constant says so. */
#ifndef BENCHWIRE_H
#define BENCHWIRE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t
wire_get16(const uint8_t *p)
{
    return (uint16_t) (p[0] << 8 | p[1]);
}

static inline uint32_t
wire_get32(const uint8_t *p)
{
    uint32_t x;

    memcpy(&x, p, sizeof x);
    return __builtin_bswap32(x);
}

static inline uint64_t
wire_get64(const uint8_t *p)
{
    return (uint64_t) wire_get32(p) << 32 | wire_get32(p + 4);
}

static inline void
wire_put16(uint8_t *p, uint16_t x)
{
    p[0] = x >> 8;
    p[1] = (uint8_t) x;
}

static inline void
wire_put32(uint8_t *p, uint32_t x)
{
    x = __builtin_bswap32(x);
    memcpy(p, &x, sizeof x);
}

static inline void
wire_put64(uint8_t *p, uint64_t x)
{
    wire_put32(p, x >> 32);
    wire_put32(p + 4, (uint32_t) x);
}

static inline size_t
wire_pad8(size_t n)
{
    return (n + 7) & ~(size_t) 7;
}

#define OFP13_VERSION 4
#define OFP14_VERSION 5
#define OFP_HEADER_LEN 8

enum ofp_type {
    OFPT_HELLO = 0,
    OFPT_ERROR = 1,
    OFPT_ECHO_REQUEST = 2,
    OFPT_ECHO_REPLY = 3,
    OFPT_EXPERIMENTER = 4,
    OFPT_FEATURES_REQUEST = 5,
    OFPT_FEATURES_REPLY = 6,
    OFPT_GET_CONFIG_REQUEST = 7,
    OFPT_GET_CONFIG_REPLY = 8,
    OFPT_SET_CONFIG = 9,
    OFPT_PACKET_IN = 10,
    OFPT_FLOW_REMOVED = 11,
    OFPT_PORT_STATUS = 12,
    OFPT_PACKET_OUT = 13,
    OFPT_FLOW_MOD = 14,
    OFPT_GROUP_MOD = 15,
    OFPT_MULTIPART_REQUEST = 18,
    OFPT_MULTIPART_REPLY = 19,
    OFPT_BARRIER_REQUEST = 20,
    OFPT_BARRIER_REPLY = 21,
    OFPT_ROLE_REQUEST = 24,
    OFPT_ROLE_REPLY = 25,
    OFPT_SET_ASYNC = 28,
    OFPT_METER_MOD = 29,
    OFPT_BUNDLE_CONTROL = 33,       /* 1.4 only. */
    OFPT_BUNDLE_ADD_MESSAGE = 34,   /* 1.4 only. */
};

/* OpenFlow 1.3 has bundles through this experimenter (extension 230). */
#define ONF_EXPERIMENTER 0x4f4e4600u
#define ONF_BUNDLE_CONTROL 2300
#define ONF_BUNDLE_ADD_MESSAGE 2301

enum ofp_bundle_ctrl {
    OFPBCT_OPEN_REQUEST = 0,
    OFPBCT_OPEN_REPLY = 1,
    OFPBCT_CLOSE_REQUEST = 2,
    OFPBCT_CLOSE_REPLY = 3,
    OFPBCT_COMMIT_REQUEST = 4,
    OFPBCT_COMMIT_REPLY = 5,
    OFPBCT_DISCARD_REQUEST = 6,
    OFPBCT_DISCARD_REPLY = 7,
};

enum ofp_flow_mod_command {
    OFPFC_ADD = 0,
    OFPFC_MODIFY = 1,
    OFPFC_MODIFY_STRICT = 2,
    OFPFC_DELETE = 3,
    OFPFC_DELETE_STRICT = 4,
};

enum ofp_multipart {
    OFPMP_DESC = 0,
    OFPMP_FLOW = 1,
    OFPMP_METER = 9,
    OFPMP_PORT_DESC = 13,
};

#define OFPFF_SEND_FLOW_REM 1
#define OFPTT_ALL 0xff
#define OFP_NO_BUFFER 0xffffffffu
#define OFPP_IN_PORT 0xfffffff8u
#define OFPP_TABLE 0xfffffff9u
#define OFPP_FLOOD 0xfffffffbu
#define OFPP_ALL 0xfffffffcu
#define OFPP_CONTROLLER 0xfffffffdu

enum ofp_action {
    OFPAT_OUTPUT = 0,
    OFPAT_PUSH_VLAN = 17,
    OFPAT_POP_VLAN = 18,
    OFPAT_SET_FIELD = 25,
};

enum ofp_instruction {
    OFPIT_GOTO_TABLE = 1,
    OFPIT_WRITE_METADATA = 2,
    OFPIT_APPLY_ACTIONS = 4,
};

#define OXM_CLASS_NX1   0x0001u  /* Of Open vSwitch: registers. */
#define OXM_CLASS_BASIC 0x8000u

enum oxm_field {
    OXM_IN_PORT = 0,
    OXM_METADATA = 2,
    OXM_ETH_DST = 3,
    OXM_ETH_SRC = 4,
    OXM_ETH_TYPE = 5,
    OXM_VLAN_VID = 6,
    OXM_IP_PROTO = 10,
    OXM_IPV4_SRC = 11,
    OXM_IPV4_DST = 12,
    OXM_UDP_SRC = 15,
    OXM_UDP_DST = 16,
    OXM_ARP_OP = 21,
    OXM_ARP_SPA = 22,
    OXM_ARP_TPA = 23,
    OXM_ARP_SHA = 24,
    OXM_ARP_THA = 25,
};

/* Writes an OpenFlow header. */
static inline void
wire_put_header(uint8_t *p, int version, int type, size_t len, uint32_t xid)
{
    p[0] = (uint8_t) version;
    p[1] = (uint8_t) type;
    wire_put16(p + 2, (uint16_t) len);
    wire_put32(p + 4, xid);
}

/* An untagged Ethernet ARP frame: offsets into its 42 bytes.  RFC 826. */
#define ARP_LEN 42
#define ARP_OFF_OP 20
#define ARP_OFF_SHA 22
#define ARP_OFF_SPA 28
#define ARP_OFF_THA 32
#define ARP_OFF_TPA 38
#define ARP_REQUEST 1
#define ARP_REPLY 2

/* Writes the ARP_LEN bytes of an ARP frame from 'sha' to 'eth_dst'.
 * Addresses in host order. */
static inline void
wire_put_arp(uint8_t *p, const uint8_t *eth_dst, int op, const uint8_t *sha,
             uint32_t spa, const uint8_t *tha, uint32_t tpa)
{
    static const uint8_t head[] = { 0x08, 0x06, 0, 1, 0x08, 0, 6, 4 };

    memcpy(p, eth_dst, 6);
    memcpy(p + 6, sha, 6);
    memcpy(p + 12, head, sizeof head);
    wire_put16(p + ARP_OFF_OP, (uint16_t) op);
    memcpy(p + ARP_OFF_SHA, sha, 6);
    wire_put32(p + ARP_OFF_SPA, spa);
    memcpy(p + ARP_OFF_THA, tha, 6);
    wire_put32(p + ARP_OFF_TPA, tpa);
}

/* True if 'p' ('len' bytes) is an untagged ARP packet for IPv4 over
 * Ethernet. */
static inline bool
wire_is_arp(const uint8_t *p, size_t len)
{
    static const uint8_t head[] = { 0x08, 0x06, 0, 1, 0x08, 0, 6, 4 };

    return len >= ARP_LEN && !memcmp(p + 12, head, sizeof head);
}

/* An untagged UDP packet over IPv4 without options: offsets into its frame.
 * RFC 791, RFC 768. */
#define IP_OFF_PROTO 23
#define IP_OFF_SRC 26
#define IP_OFF_DST 30
#define UDP_OFF_SRC 34
#define UDP_OFF_DST 36
#define UDP_OFF_DATA 42
#define IP_PROTO_UDP 17

static inline bool
wire_is_udp(const uint8_t *p, size_t len)
{
    return len >= UDP_OFF_DATA && wire_get16(p + 12) == 0x0800
           && p[14] == 0x45 && p[IP_OFF_PROTO] == IP_PROTO_UDP;
}

#endif /* tests/bench/benchwire.h */
