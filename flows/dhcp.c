/* DHCPv4 as a relay agent sees it.
 *
 * Owns the layout of DHCP messages.  Called by whoever handles punted packets.
 * Never decides whether a message is relayed, or by whom: it says what one
 * is, and builds what was decided. */
#include <config.h>

#include "flows/dhcp.h"

#include <assert.h>
#include <errno.h>

#include "flows/wire.h"

/* RFC 768. */
enum {
    UDP_SRC_PORT = 0,
    UDP_DST_PORT = 2,
    UDP_LEN = 4,
    UDP_CHECKSUM = 6,
    UDP_HEADER_LEN = 8
};

/* RFC 2131, 2. */
enum {
    MSG_OP = 0,
    MSG_HTYPE = 1,
    MSG_HLEN = 2,
    MSG_HOPS = 3,
    MSG_XID = 4,
    MSG_FLAGS = 10,
    MSG_CIADDR = 12,
    MSG_YIADDR = 16,
    MSG_GIADDR = 24,
    MSG_CHADDR = 28,
    MSG_SNAME = 44,
    MSG_FILE = 108,
    MSG_COOKIE = 236,
    MSG_OPTIONS = 240
};

#define BOOTREQUEST     1
#define BOOTREPLY       2
#define HTYPE_ETHERNET  1
#define FLAG_BROADCAST  0x8000
#define MAGIC_COOKIE    0x63825363u

/* A BOOTP message has 300 bytes at least, RFC 1542 2.1; some hosts insist. */
#define MESSAGE_MIN     300

#define OPTION_PAD          0
#define OPTION_REQUESTED    50
#define OPTION_LEASE        51
#define OPTION_OVERLOAD     52
#define OPTION_TYPE         53
#define OPTION_SERVER       54
#define OPTION_RAPID_COMMIT 80
#define OPTION_RELAY_INFO   82
#define OPTION_END          255

/* RFC 2132, 9.3. */
#define OVERLOAD_FILE   1
#define OVERLOAD_SNAME  2

#define SUBOPTION_CIRCUIT   1
#define SUBOPTION_LINK      5
#define SUBOPTION_RELAY_ID  12

static uint32_t
get_u32(const uint8_t *p)
{
    return (uint32_t) wire_get_u16(p) << 16 | wire_get_u16(p + 2);
}

/* The checksum of a UDP packet with its pseudo header (RFC 768), in a copy
 * with the pseudo header before it: short packets, seldom. */
static uint16_t
udp_checksum(struct fh_addr src, struct fh_addr dst, const uint8_t *udp,
             size_t len)
{
    uint8_t copy[12 + 1500];

    assert(len <= 1500);
    wire_put_addr(copy, src);
    wire_put_addr(copy + 4, dst);
    copy[8] = 0;
    copy[9] = IPV4_PROTO_UDP;
    wire_put_u16(copy + 10, (uint16_t) len);
    memcpy(copy + 12, udp, len);
    return ipv4_checksum(copy, 12 + len);
}

/* Takes the UDP header off.  Returns 0, or EPROTO. */
static int
parse_udp(const struct ipv4 *ip, struct dhcp *out)
{
    const uint8_t *udp = ip->payload;
    size_t len;

    if (ip->proto != IPV4_PROTO_UDP
        || wire_get_u16(ip->header + IPV4_FRAGMENT)
           & (IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK)
        || ip->payload_len < UDP_HEADER_LEN) {
        return EPROTO;
    }
    len = wire_get_u16(udp + UDP_LEN);
    if (len < UDP_HEADER_LEN || len > ip->payload_len || len > 1500
        || (wire_get_u16(udp + UDP_CHECKSUM)
            && udp_checksum(ip->src, ip->dst, udp, len))) {
        return EPROTO;
    }
    out->src = ip->src;
    out->dst = ip->dst;
    out->src_port = wire_get_u16(udp + UDP_SRC_PORT);
    out->dst_port = wire_get_u16(udp + UDP_DST_PORT);
    out->message = udp + UDP_HEADER_LEN;
    out->len = len - UDP_HEADER_LEN;
    return 0;
}

/* Notes what option 'code' says.  Returns 0, or EPROTO. */
static int
note_option(struct dhcp *out, uint8_t code, const uint8_t *data, size_t len)
{
    switch (code) {
    case OPTION_TYPE:
        if (len != 1 || out->type || !data[0] || data[0] >= DHCP_N_TYPES) {
            return EPROTO;
        }
        out->type = data[0];
        return 0;
    case OPTION_LEASE:
        if (len != 4) {
            return EPROTO;
        }
        out->lease_s = get_u32(data);
        return 0;
    case OPTION_REQUESTED:
    case OPTION_SERVER:
        if (len != 4) {
            return EPROTO;
        }
        *(code == OPTION_SERVER ? &out->server : &out->requested)
            = wire_get_addr(data);
        return 0;
    case OPTION_RAPID_COMMIT:
        if (len) {
            return EPROTO;
        }
        out->rapid_commit = true;
        return 0;
    case OPTION_RELAY_INFO:
        out->has_relay_info = true;
        return 0;
    default:
        return 0;
    }
}

/* Moves '*posp' over the option there, and stores where its data is.  Returns
 * its code, OPTION_END at the end option, or -1 if it does not end within
 * 'len' bytes. */
static int
next_option(const uint8_t *message, size_t len, size_t *posp,
            const uint8_t **datap, size_t *data_lenp)
{
    size_t pos = *posp;

    while (pos < len && message[pos] == OPTION_PAD) {
        pos++;
    }
    *posp = pos;
    if (pos >= len) {
        return -1;
    }
    if (message[pos] == OPTION_END) {
        return OPTION_END;
    }
    if (len - pos < 2 || len - pos - 2 < message[pos + 1]) {
        return -1;
    }
    *datap = message + pos + 2;
    *data_lenp = message[pos + 1];
    *posp = pos + 2 + *data_lenp;
    return message[pos];
}

/* Notes the options from '*posp' on, within 'len' bytes of the message, and
 * moves it to the end option.  Returns 0, or EPROTO. */
static int
parse_field(struct dhcp *out, size_t *posp, size_t len, uint8_t *overloadp)
{
    for (;;) {
        const uint8_t *data;
        size_t data_len;
        int code = next_option(out->message, len, posp, &data, &data_len);

        if (code == OPTION_END) {
            return 0;
        }
        if (code < 0 || note_option(out, (uint8_t) code, data, data_len)) {
            return EPROTO;
        }
        if (code == OPTION_OVERLOAD) {
            if (data_len != 1) {
                return EPROTO;
            }
            *overloadp = data[0];
        }
    }
}

/* What is in file or sname stays there, so no relay information may be among
 * it (RFC 3046, 2.0). */
static int
parse_overloaded(struct dhcp *out, size_t start, size_t end)
{
    bool relay_info = out->has_relay_info;
    uint8_t ignored;

    out->has_relay_info = false;
    if (parse_field(out, &start, end, &ignored) || out->has_relay_info) {
        return EPROTO;
    }
    out->has_relay_info = relay_info;
    return 0;
}

/* The options field, then file and sname if it says so (RFC 2131, 4.1). */
static int
parse_options(struct dhcp *out)
{
    uint8_t overload = 0;
    size_t end = MSG_OPTIONS;

    if (parse_field(out, &end, out->len, &overload)
        || (overload & OVERLOAD_FILE
            && parse_overloaded(out, MSG_FILE, MSG_COOKIE))
        || (overload & OVERLOAD_SNAME
            && parse_overloaded(out, MSG_SNAME, MSG_FILE))) {
        return EPROTO;
    }
    out->len = end;
    return out->type ? 0 : EPROTO;
}

static bool
is_server_type(enum dhcp_type type)
{
    return type == DHCP_OFFER || type == DHCP_ACK || type == DHCP_NAK;
}

int
dhcp_parse(const struct ipv4 *ip, struct dhcp *out)
{
    const uint8_t *m;

    memset(out, 0, sizeof *out);
    if (parse_udp(ip, out)) {
        return EPROTO;
    }
    m = out->message;
    if (out->len < MSG_OPTIONS
        || (m[MSG_OP] != BOOTREQUEST && m[MSG_OP] != BOOTREPLY)
        || m[MSG_HTYPE] != HTYPE_ETHERNET || m[MSG_HLEN] != 6
        || get_u32(m + MSG_COOKIE) != MAGIC_COOKIE) {
        return EPROTO;
    }
    out->from_server = m[MSG_OP] == BOOTREPLY;
    out->hops = m[MSG_HOPS];
    out->xid = get_u32(m + MSG_XID);
    out->broadcast = (wire_get_u16(m + MSG_FLAGS) & FLAG_BROADCAST) != 0;
    out->ciaddr = wire_get_addr(m + MSG_CIADDR);
    out->yiaddr = wire_get_addr(m + MSG_YIADDR);
    out->giaddr = wire_get_addr(m + MSG_GIADDR);
    out->mac = wire_get_mac(m + MSG_CHADDR);
    if (!fh_mac_is_unicast(out->mac) || parse_options(out)
        || out->from_server != is_server_type(out->type)) {
        return EPROTO;
    }
    return 0;
}

/* A message that is being built. */
struct draft {
    uint8_t data[1500];
    size_t len;
    bool too_long;
};

static void
draft_put(struct draft *draft, const void *data, size_t len)
{
    if (len > sizeof draft->data - UDP_HEADER_LEN - IPV4_HEADER_LEN
              - draft->len) {
        draft->too_long = true;
        return;
    }
    memcpy(draft->data + draft->len, data, len);
    draft->len += len;
}

static void
draft_put_u8(struct draft *draft, uint8_t value)
{
    draft_put(draft, &value, 1);
}

/* The message up to its end option, but for the relay information in it. */
static void
draft_copy(struct draft *draft, const struct dhcp *dhcp)
{
    size_t pos = MSG_OPTIONS;

    draft->len = 0;
    draft->too_long = false;
    draft_put(draft, dhcp->message, MSG_OPTIONS);
    while (pos < dhcp->len) {
        size_t start = pos, len;
        const uint8_t *data;
        int code = next_option(dhcp->message, dhcp->len, &pos, &data, &len);

        if (code < 0 || code == OPTION_END) {
            break;              /* Pads before the end. */
        }
        if (code != OPTION_RELAY_INFO) {
            draft_put(draft, dhcp->message + start, pos - start);
        }
    }
}

static size_t
id_len(const char *id)
{
    size_t len = strlen(id);

    return len < DHCP_ID_MAX ? len : DHCP_ID_MAX;
}

static void
draft_put_suboption(struct draft *draft, uint8_t code, const void *data,
                    size_t len)
{
    draft_put_u8(draft, code);
    draft_put_u8(draft, (uint8_t) len);
    draft_put(draft, data, len);
}

/* RFC 3046, 2.0: the last option. */
static void
draft_put_relay_info(struct draft *draft, const struct dhcp_relay *relay)
{
    size_t circuit_len = id_len(relay->circuit);
    size_t relay_len = id_len(relay->relay_id);

    draft_put_u8(draft, OPTION_RELAY_INFO);
    draft_put_u8(draft, (uint8_t) (2 + circuit_len + 2 + 4 + 2 + relay_len));
    draft_put_suboption(draft, SUBOPTION_CIRCUIT, relay->circuit,
                        circuit_len);
    draft_put_suboption(draft, SUBOPTION_LINK, &relay->link.ip4, 4);
    draft_put_suboption(draft, SUBOPTION_RELAY_ID, relay->relay_id,
                        relay_len);
}

/* Ends the message and wraps it up.  Returns the length of the frame, or 0 if
 * it is too long. */
static size_t
draft_send(struct draft *draft, uint8_t *buf,
           const struct ipv4_envelope *envelope, struct fh_addr src,
           struct fh_addr dst, uint16_t dst_port)
{
    const struct ipv4_fields ip = {
        .src = src, .dst = dst, .proto = IPV4_PROTO_UDP,
    };
    size_t udp_len, len;
    uint16_t checksum;
    uint8_t *udp;

    draft_put_u8(draft, OPTION_END);
    while (draft->len < MESSAGE_MIN) {
        draft_put_u8(draft, OPTION_PAD);
    }
    udp_len = UDP_HEADER_LEN + draft->len;
    if (draft->too_long) {
        return 0;
    }
    len = ipv4_build(buf, DHCP_FRAME_MAX, envelope, &ip, udp_len, &udp);
    wire_put_u16(udp + UDP_SRC_PORT, DHCP_SERVER_PORT);
    wire_put_u16(udp + UDP_DST_PORT, dst_port);
    wire_put_u16(udp + UDP_LEN, (uint16_t) udp_len);
    wire_put_u16(udp + UDP_CHECKSUM, 0);
    memcpy(udp + UDP_HEADER_LEN, draft->data, draft->len);
    checksum = udp_checksum(src, dst, udp, udp_len);
    wire_put_u16(udp + UDP_CHECKSUM, checksum ? checksum : UINT16_MAX);
    return len;
}

size_t
dhcp_build_request(uint8_t *buf, const struct ipv4_envelope *envelope,
                   const struct dhcp_relay *relay, struct fh_addr server,
                   const struct dhcp *request)
{
    struct draft draft;

    if (request->hops >= DHCP_MAX_HOPS) {
        return 0;
    }
    draft_copy(&draft, request);
    draft.data[MSG_HOPS]++;
    wire_put_addr(draft.data + MSG_GIADDR, relay->relay);
    draft_put_relay_info(&draft, relay);
    return draft_send(&draft, buf, envelope, relay->relay, server,
                      DHCP_SERVER_PORT);
}

size_t
dhcp_build_reply(uint8_t *buf, const struct ipv4_envelope *envelope,
                 struct fh_addr src, const struct dhcp *reply)
{
    const struct fh_addr everybody = { UINT32_MAX };
    struct fh_addr dst = (fh_addr_is_zero(reply->yiaddr) ? reply->ciaddr
                          : reply->yiaddr);
    struct draft draft;

    if (reply->broadcast || reply->type == DHCP_NAK || fh_addr_is_zero(dst)) {
        dst = everybody;
    }
    draft_copy(&draft, reply);
    return draft_send(&draft, buf, envelope, src, dst, DHCP_CLIENT_PORT);
}

const char *
dhcp_type_name(enum dhcp_type type)
{
    static const char *const names[DHCP_N_TYPES] = {
        "none", "DISCOVER", "OFFER", "REQUEST", "DECLINE", "ACK", "NAK",
        "RELEASE", "INFORM",
    };

    return type < DHCP_N_TYPES ? names[type] : "unknown";
}
